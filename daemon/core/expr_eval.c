#include "core/fold.h"
#include "expr_tree.h"

const char *truth_text(Truth truth)
{
        static const char *const texts[] = { [TRUTH_FALSE] = "no", [TRUTH_TRUE] = "yes", [TRUTH_UNKNOWN] = "unknown" };
        must(truth <= TRUTH_UNKNOWN);
        return texts[truth];
}

bool number_compares(double value, Comparison comparison, double number)
{
        switch (comparison) {
        case COMPARE_EQUAL:
                return value == number;
        case COMPARE_NOT_EQUAL:
                return value != number;
        case COMPARE_LESS:
                return value < number;
        case COMPARE_LESS_OR_EQUAL:
                return value <= number;
        case COMPARE_GREATER:
                return value > number;
        case COMPARE_GREATER_OR_EQUAL:
                return value >= number;
        }
        return false;
}

static Truth truth_of(bool is_true)
{
        return is_true ? TRUTH_TRUE : TRUTH_FALSE;
}

static Truth truth_not(Truth truth)
{
        return truth == TRUTH_UNKNOWN ? truth : truth_of(truth == TRUTH_FALSE);
}

/* The result of all children if none of them is `decisive`. */
static Truth children_eval(const Node *node, Truth decisive, Response *r, Arena *scratch)
{
        Truth all = truth_not(decisive);
        for (size_t i = 0; i < node->child_count; i++) {
                Truth truth = node_eval(node->by_cost[i], r, scratch);
                if (truth == decisive)
                        return truth;
                if (truth == TRUTH_UNKNOWN)
                        all = TRUTH_UNKNOWN;
        }
        return all;
}

static bool number_is_in(const Node *node, double value)
{
        for (size_t i = 0; i < node->number_count; i++)
                if (node->numbers[i] == value)
                        return true;
        return false;
}

static const Text *text_find(const Node *node, Text value)
{
        for (size_t i = 0; i < node->text_count; i++)
                if (text_equal(node->texts[i], value))
                        return &node->texts[i];
        return NULL;
}

/* The literal that the value, or one of the list's items, is equal to. */
static const Text *value_find(const Node *node, const Value *value)
{
        const Text *found = NULL;
        if (value->type == VALUE_TEXT)
                return text_find(node, value->text);
        for (size_t i = 0; i < value->list.count && !found; i++)
                found = text_find(node, value->list.items[i]);
        return found;
}

static bool item_has(Text item, Text needle, bool is_list)
{
        return is_list ? text_equal(item, needle) : folded_contains(item, needle);
}

/* The literal that stands in the text, or that one of the list's items is, case folded. */
static const Text *folded_find(const Node *node, Response *r)
{
        size_t count;
        const Text *items = response_folded(r, node->field, &count);
        for (size_t i = 0; i < count; i++)
                for (size_t j = 0; j < node->text_count; j++)
                        if (item_has(items[i], node->folded[j], node->type == FIELD_TYPE_LIST))
                                return &node->texts[j];
        return NULL;
}

static Truth matches_eval(const Node *node, const Value *value, Arena *scratch)
{
        RegexResult result = regex_search(node->regex, value->text, scratch);
        return result == REGEX_TOO_MUCH ? TRUTH_UNKNOWN : truth_of(result == REGEX_MATCH);
}

/* Of a node with a field. */
static Truth clause_eval(const Node *node, Response *r, Arena *scratch)
{
        const Value *value = response_value(r, node->field);
        if (node->kind == NODE_EXISTS)
                return truth_of(value->type != VALUE_UNKNOWN);
        if (value->type == VALUE_UNKNOWN)
                return TRUTH_UNKNOWN;
        switch (node->kind) {
        case NODE_NUMBER:
                return truth_of(number_compares(value->number, node->comparison, node->number));
        case NODE_NUMBER_IN:
                return truth_of(number_is_in(node, value->number) != node->is_negated);
        case NODE_FLAG:
                return truth_of(value->flag == node->wanted);
        case NODE_TEXT_IN:
                return truth_of((value_find(node, value) != NULL) != node->is_negated);
        case NODE_CONTAINS:
                return truth_of((folded_find(node, r) != NULL) != node->is_negated);
        case NODE_MATCHES:
                return matches_eval(node, value, scratch);
        case NODE_EXISTS:
        case NODE_AND:
        case NODE_OR:
        case NODE_NOT:
                break;
        }
        return TRUTH_UNKNOWN;
}

/* As deep as the expression is nested: at most 64 levels. */
Truth node_eval(const Node *node, Response *r, Arena *scratch)
{
        switch (node->kind) {
        case NODE_AND:
                return children_eval(node, TRUTH_FALSE, r, scratch);
        case NODE_OR:
                return children_eval(node, TRUTH_TRUE, r, scratch);
        case NODE_NOT:
                return truth_not(node_eval(node->children[0], r, scratch));
        case NODE_EXISTS:
        case NODE_FLAG:
        case NODE_NUMBER:
        case NODE_NUMBER_IN:
        case NODE_TEXT_IN:
        case NODE_CONTAINS:
        case NODE_MATCHES:
                break;
        }
        return clause_eval(node, r, scratch);
}

Truth expr_eval(const Expr *expr, Response *r, Arena *scratch)
{
        return node_eval(expr->root, r, scratch);
}

enum {
        EXPLAINED_CLAUSES_MAX = 3,
        EXPLAINED_BYTES_MAX = 80,
        EXPLAINED_LITERAL_BYTES_MAX = 40
};

/* What the customer wrote never stands in an explanation: of texts only literals of the expression do. */
typedef struct Explanation {
        Response *r;
        Arena *arena;
        Buffer out;
        size_t clauses;
} Explanation;

static void explain_number(Buffer *out, double number)
{
        JsonWriter w = json_writer(out);
        json_put_number(&w, number);
}

static void explain_literal(Explanation *e, const char *before, const Text *literal, const char *after)
{
        buffer_put(&e->out, text_from(before));
        buffer_put_char(&e->out, '\'');
        buffer_put(&e->out, text_clip(e->arena, *literal, EXPLAINED_LITERAL_BYTES_MAX));
        buffer_put_char(&e->out, '\'');
        buffer_put(&e->out, text_from(after));
}

static void explain_equal(Explanation *e, const Node *node, const Value *value)
{
        const Text *found = value_find(node, value);
        if (value->type == VALUE_LIST && !found)
                buffer_put_literal(&e->out, "none of its items is");
        else if (value->type == VALUE_LIST)
                explain_literal(e, "it has ", found, "");
        else if (!found)
                buffer_put_literal(&e->out, "it is something else");
        else
                explain_literal(e, "it is ", found, "");
}

static void explain_contained(Explanation *e, const Node *node)
{
        const Text *found = folded_find(node, e->r);
        if (found)
                explain_literal(e, "", found, " is in it");
        else
                buffer_put(&e->out, node->text_count == 1 ? TEXT("not in it") : TEXT("none is in it"));
}

/* What the clause saw, in brackets behind it. */
static void explain_value(Explanation *e, const Node *node, const Value *value, Truth truth)
{
        switch (node->kind) {
        case NODE_NUMBER:
        case NODE_NUMBER_IN:
                buffer_put(&e->out, node->field_name);
                buffer_put_literal(&e->out, " is ");
                explain_number(&e->out, value->number);
                break;
        case NODE_FLAG:
                buffer_put(&e->out, node->field_name);
                buffer_put(&e->out, value->flag ? TEXT(" is yes") : TEXT(" is no"));
                break;
        case NODE_TEXT_IN:
                explain_equal(e, node, value);
                break;
        case NODE_CONTAINS:
                explain_contained(e, node);
                break;
        case NODE_MATCHES:
                buffer_put(&e->out, truth == TRUTH_TRUE ? TEXT("it matches") : TEXT("it does not match"));
                break;
        case NODE_EXISTS:
                buffer_put_literal(&e->out, "it is there");
                break;
        case NODE_AND:
        case NODE_OR:
        case NODE_NOT:
                break;
        }
}

static void explain_unknown(Explanation *e, const Node *node, const Value *value)
{
        buffer_put(&e->out, node->field_name);
        buffer_put_literal(&e->out, " is ");
        buffer_put(&e->out, text_from(value_why_text(value->why)));
}

/* "nps <= 6 (nps is 2)", "csat <= 2: csat is not in the message" */
static void explain_clause(Explanation *e, const Node *node, Truth truth)
{
        const Value *value = response_value(e->r, node->field);
        if (++e->clauses > EXPLAINED_CLAUSES_MAX)
                return;
        if (e->clauses > 1)
                buffer_put_literal(&e->out, "; ");
        buffer_put(&e->out, text_clip(e->arena, node->clause, EXPLAINED_BYTES_MAX));
        bool is_unknown = value->type == VALUE_UNKNOWN;
        if (truth == TRUTH_UNKNOWN) {
                buffer_put_literal(&e->out, ": ");
                if (is_unknown)
                        explain_unknown(e, node, value);
                else
                        buffer_put_literal(&e->out, "the search takes too long");
                return;
        }
        buffer_put_literal(&e->out, " (");
        if (is_unknown)
                explain_unknown(e, node, value);
        else
                explain_value(e, node, value, truth);
        buffer_put_char(&e->out, ')');
}

static void explain_node(Explanation *e, const Node *node, Truth truth);

/* One child decided, the first of its kind as written; or all of them together did. */
static void explain_children(Explanation *e, const Node *node, Truth decisive, Truth truth)
{
        bool by_all = truth != decisive && truth != TRUTH_UNKNOWN;
        for (size_t i = 0; i < node->child_count; i++) {
                Truth child = node_eval(node->children[i], e->r, e->arena);
                if (child != truth)
                        continue;
                explain_node(e, node->children[i], child);
                if (!by_all)
                        return;
        }
}

static void explain_node(Explanation *e, const Node *node, Truth truth)
{
        switch (node->kind) {
        case NODE_AND:
                explain_children(e, node, TRUTH_FALSE, truth);
                break;
        case NODE_OR:
                explain_children(e, node, TRUTH_TRUE, truth);
                break;
        case NODE_NOT:
                explain_node(e, node->children[0], truth_not(truth));
                break;
        case NODE_EXISTS:
        case NODE_FLAG:
        case NODE_NUMBER:
        case NODE_NUMBER_IN:
        case NODE_TEXT_IN:
        case NODE_CONTAINS:
        case NODE_MATCHES:
                explain_clause(e, node, truth);
                break;
        }
}

Text expr_explain(const Expr *expr, Response *r, Arena *arena)
{
        Explanation e = { .r = r, .arena = arena, .out = buffer_in(arena) };
        explain_node(&e, expr->root, node_eval(expr->root, r, arena));
        if (e.clauses > EXPLAINED_CLAUSES_MAX)
                buffer_putf(&e.out, "; and %zu more", e.clauses - EXPLAINED_CLAUSES_MAX);
        return buffer_text(&e.out);
}
