#include "expr_scan.h"

#include <errno.h>

#include "core/fold.h"

enum {
        SOURCE_BYTES_MAX = 4096,
        LEVELS_MAX = 64,
        NODES_MAX = 512
};

typedef struct Parser {
        Scanner scan;
        const FieldTable *fields;
        unsigned levels;
        size_t nodes;
        uint64_t reads;
} Parser;

static Node *parse_expression(Parser *p);

static const Token *token(const Parser *p)
{
        return &p->scan.token;
}

/* Reports what stands here instead of what should; returns false. */
static bool expected(Parser *p, const char *what)
{
        return scan_fault(&p->scan, token(p)->start, "expected %s, found " TEXT_F, what,
                          TEXT_ARG(token_found(&p->scan)));
}

static bool accept_word(Parser *p, const char *word)
{
        if (!token_is_word(token(p), word))
                return false;
        scan_next(&p->scan);
        return true;
}

static bool accept_sign(Parser *p, char sign)
{
        if (!token_is_sign(token(p), sign))
                return false;
        scan_next(&p->scan);
        return true;
}

static Node *node_new(Parser *p, NodeKind kind)
{
        if (++p->nodes > NODES_MAX) {
                (void)scan_fault(&p->scan, p->scan.last_end, "more than %d conditions", NODES_MAX);
                return NULL;
        }
        Node *node = arena_new_of(p->scan.arena, Node);
        node->kind = kind;
        return node;
}

static bool level_enter(Parser *p)
{
        if (++p->levels > LEVELS_MAX)
                return scan_fault(&p->scan, token(p)->start, "nested deeper than %d levels", LEVELS_MAX);
        return true;
}

static Text text_lower(Arena *arena, Text text)
{
        char *copy = arena_alloc(arena, text.len);
        for (size_t i = 0; i < text.len; i++)
                copy[i] = text.data[i] >= 'A' && text.data[i] <= 'Z' ? (char)(text.data[i] + 32) : text.data[i];
        return (Text){ copy, text.len };
}

/* The known name that is a few letters away; absent: none is near. */
static Text field_nearest(Parser *p, Text name)
{
        Text nearest = TEXT_NONE, lower = text_lower(p->scan.arena, name);
        unsigned smallest = (unsigned)MIN_OF(MAX_OF(name.len / 3, (size_t)1), (size_t)3) + 1;
        for (size_t i = 0; i < p->fields->count; i++) {
                unsigned distance = text_distance(lower, text_lower(p->scan.arena, p->fields->fields[i].name));
                if (distance >= smallest)
                        continue;
                smallest = distance;
                nearest = p->fields->fields[i].name;
        }
        return nearest;
}

static bool field_unknown(Parser *p)
{
        Text nearest = field_nearest(p, token(p)->value);
        Text found = token_found(&p->scan);
        if (word_is_reserved(text_lower(p->scan.arena, token(p)->value)))
                return scan_fault(&p->scan, token(p)->start, TEXT_F " is written in lower case", TEXT_ARG(found));
        if (nearest.data)
                return scan_fault(&p->scan, token(p)->start, "unknown field " TEXT_F "; did you mean \"" TEXT_F "\"?",
                                  TEXT_ARG(found), TEXT_ARG(nearest));
        return scan_fault(&p->scan, token(p)->start, "unknown field " TEXT_F, TEXT_ARG(found));
}

/* The field's name, which begins a clause. kind is set by what follows. */
static Node *parse_field(Parser *p, const char *what)
{
        FieldId field;
        bool is_name = token(p)->kind == TOKEN_WORD && !word_is_reserved(token(p)->value);
        if (!(is_name || expected(p, what)))
                return NULL;
        if (!(field_find(p->fields, token(p)->value, &field) || field_unknown(p)))
                return NULL;
        Node *node = node_new(p, NODE_EXISTS);
        if (!node)
                return NULL;
        node->field = field;
        node->type = p->fields->fields[field].type;
        node->field_name = token(p)->value;
        p->reads |= UINT64_C(1) << field;
        scan_next(&p->scan);
        return node;
}

static bool literal_fault(Parser *p, const Node *node, const char *wanted)
{
        return scan_fault(&p->scan, token(p)->start, "\"" TEXT_F "\" is a %s: expected %s, found " TEXT_F,
                          TEXT_ARG(node->field_name), field_type_text(node->type), wanted,
                          TEXT_ARG(token_found(&p->scan)));
}

static bool literal_number(Parser *p, const Node *node, double *ret)
{
        if (token(p)->kind != TOKEN_NUMBER)
                return literal_fault(p, node, "a number");
        *ret = token(p)->number;
        scan_next(&p->scan);
        return true;
}

static bool literal_flag(Parser *p, const Node *node, bool *ret)
{
        bool is_yes = token_is_word(token(p), "yes") || token_is_word(token(p), "true");
        if (!is_yes && !token_is_word(token(p), "no") && !token_is_word(token(p), "false"))
                return literal_fault(p, node, "yes or no");
        *ret = is_yes;
        scan_next(&p->scan);
        return true;
}

/* Values are read without white space at their ends, and an empty one is unknown: such a text could never be equal. */
static bool literal_can_be_equal(Parser *p, Text text)
{
        if (text.len == 0)
                return scan_fault(&p->scan, token(p)->start, "an empty text is never equal; write \"not exists\"");
        if (text_trim(text).len != text.len)
                return scan_fault(&p->scan, token(p)->start, "values have no white space at their ends: never equal");
        return true;
}

static bool literal_text(Parser *p, const Node *node, Text *ret)
{
        if (token(p)->kind != TOKEN_TEXT)
                return literal_fault(p, node, "a text in quotes");
        if (node->kind == NODE_TEXT_IN && !literal_can_be_equal(p, token(p)->value))
                return false;
        if (token(p)->value.len == 0)
                return scan_fault(&p->scan, token(p)->start, "an empty text stands in every text");
        *ret = token(p)->value;
        scan_next(&p->scan);
        return true;
}

/* "[ literal, ... ]", of numbers for a number, else of texts. */
static bool parse_list(Parser *p, Node *node)
{
        Text *texts = NULL;
        double *numbers = NULL;
        size_t count = 0, room = 0;
        if (token_is_sign(token(p), ']'))
                return scan_fault(&p->scan, token(p)->start, "a list needs at least one value");
        do {
                if (node->type == FIELD_TYPE_NUMBER) {
                        numbers = arena_grow(p->scan.arena, numbers, count, &room, sizeof(double));
                        if (!literal_number(p, node, &numbers[count++]))
                                return false;
                } else {
                        texts = arena_grow(p->scan.arena, texts, count, &room, sizeof(Text));
                        if (!literal_text(p, node, &texts[count++]))
                                return false;
                }
        } while (accept_sign(p, ','));
        if (!accept_sign(p, ']'))
                return expected(p, "\",\" or \"]\"");
        if (node->type == FIELD_TYPE_NUMBER) {
                node->numbers = numbers;
                node->number_count = count;
        } else {
                node->texts = texts;
                node->text_count = count;
        }
        return true;
}

static bool parse_one_text(Parser *p, Node *node)
{
        Text *text = arena_new_of(p->scan.arena, Text);
        node->texts = text;
        node->text_count = 1;
        return literal_text(p, node, text);
}

static bool parse_in(Parser *p, Node *node, size_t word_start)
{
        if (node->type == FIELD_TYPE_FLAG)
                return scan_fault(&p->scan, word_start, "\"" TEXT_F "\" is a flag: compare it with = yes or = no",
                                  TEXT_ARG(node->field_name));
        node->kind = node->type == FIELD_TYPE_NUMBER ? NODE_NUMBER_IN : NODE_TEXT_IN;
        if (!accept_sign(p, '['))
                return expected(p, node->type == FIELD_TYPE_NUMBER ? "a list, such as [1, 2]"
                                                                   : "a list, such as ['a', 'b']");
        return parse_list(p, node);
}

static bool parse_contains(Parser *p, Node *node, size_t word_start)
{
        if (node->type != FIELD_TYPE_TEXT && node->type != FIELD_TYPE_LIST)
                return scan_fault(&p->scan, word_start, "\"contains\" searches texts and lists; \"" TEXT_F "\" is a %s",
                                  TEXT_ARG(node->field_name), field_type_text(node->type));
        node->kind = NODE_CONTAINS;
        if (!(accept_sign(p, '[') ? parse_list(p, node) : parse_one_text(p, node)))
                return false;
        Text *folded = arena_array(p->scan.arena, Text, node->text_count);
        for (size_t i = 0; i < node->text_count; i++)
                folded[i] = text_fold(p->scan.arena, node->texts[i]);
        node->folded = folded;
        return true;
}

static bool parse_matches(Parser *p, Node *node, size_t word_start)
{
        Text pattern;
        bool ignores_case;
        TextFault fault;
        if (node->type != FIELD_TYPE_TEXT)
                return scan_fault(&p->scan, word_start, "\"matches\" searches texts; \"" TEXT_F "\" is a %s",
                                  TEXT_ARG(node->field_name), field_type_text(node->type));
        if (!token_is_sign(token(p), '/'))
                return expected(p, "a regular expression, such as /refund/i");
        node->kind = NODE_MATCHES;
        if (!scan_regex(&p->scan, &pattern, &ignores_case))
                return false;
        if (regex_compile(p->scan.arena, pattern, ignores_case, &node->regex, &fault) == 0)
                return true;
        p->scan.has_fault = false; /* this one stands further left than what scan_regex() may have met behind it */
        return scan_fault(&p->scan, (size_t)(pattern.data - p->scan.source.data) + fault.offset,
                          "in the regular expression: " TEXT_F, TEXT_ARG(fault.message));
}

static bool comparison_allowed(Parser *p, const Node *node, Comparison comparison)
{
        if (node->type == FIELD_TYPE_NUMBER)
                return true;
        if (node->type == FIELD_TYPE_LIST)
                return scan_fault(&p->scan, token(p)->start, "\"" TEXT_F "\" is a list: use in or contains",
                                  TEXT_ARG(node->field_name));
        if (comparison == COMPARE_EQUAL || comparison == COMPARE_NOT_EQUAL)
                return true;
        return scan_fault(&p->scan, token(p)->start,
                          "\"" TEXT_F "\" is a %s: it is compared with = or !=, not with an order",
                          TEXT_ARG(node->field_name), field_type_text(node->type));
}

static bool parse_compared(Parser *p, Node *node)
{
        Comparison comparison = token(p)->comparison;
        if (!comparison_allowed(p, node, comparison))
                return false;
        scan_next(&p->scan);
        switch (node->type) {
        case FIELD_TYPE_NUMBER:
                node->kind = NODE_NUMBER;
                node->comparison = comparison;
                return literal_number(p, node, &node->number);
        case FIELD_TYPE_FLAG:
                node->kind = NODE_FLAG;
                if (!literal_flag(p, node, &node->wanted))
                        return false;
                node->wanted ^= comparison == COMPARE_NOT_EQUAL;
                return true;
        case FIELD_TYPE_TEXT:
                node->kind = NODE_TEXT_IN;
                node->is_negated = comparison == COMPARE_NOT_EQUAL;
                return parse_one_text(p, node);
        case FIELD_TYPE_LIST:
        case FIELD_TYPE_MAX:
                break;
        }
        return false;
}

/* A field on its own is a flag; anything else needs to be compared. */
static bool parse_alone(Parser *p, Node *node)
{
        static const char *const needs[FIELD_TYPE_MAX] = {
                [FIELD_TYPE_NUMBER] = "=, !=, <, <=, >, >= or in",
                [FIELD_TYPE_TEXT] = "=, !=, in, contains or matches",
                [FIELD_TYPE_LIST] = "in or contains",
        };
        node->kind = NODE_FLAG;
        node->wanted = true;
        if (node->type == FIELD_TYPE_FLAG)
                return true;
        return scan_fault(&p->scan, token(p)->start, "\"" TEXT_F "\" is a %s: expected %s after it, found " TEXT_F,
                          TEXT_ARG(node->field_name), field_type_text(node->type), needs[node->type],
                          TEXT_ARG(token_found(&p->scan)));
}

static bool parse_test(Parser *p, Node *node)
{
        if (token(p)->kind == TOKEN_COMPARISON)
                return parse_compared(p, node);
        node->is_negated = accept_word(p, "not");
        size_t word_start = token(p)->start;
        if (accept_word(p, "in"))
                return parse_in(p, node, word_start);
        if (accept_word(p, "contains"))
                return parse_contains(p, node, word_start);
        if (node->is_negated)
                return expected(p, "\"in\" or \"contains\" after \"not\"");
        if (accept_word(p, "matches"))
                return parse_matches(p, node, word_start);
        return parse_alone(p, node);
}

static Node *parse_comparison(Parser *p)
{
        size_t start = token(p)->start;
        bool is_exists = accept_word(p, "exists");
        Node *node = parse_field(p, is_exists ? "a field after \"exists\"" : "a condition, such as nps <= 6");
        if (!node || (!is_exists && !parse_test(p, node)) || p->scan.has_fault)
                return NULL;
        node->clause = (Text){ p->scan.source.data + start, p->scan.last_end - start };
        return node;
}

/* Numbers and flags before texts that are compared, those before texts that are searched. */
static int node_cost(const Node *node)
{
        int highest = 0;
        switch (node->kind) {
        case NODE_AND:
        case NODE_OR:
        case NODE_NOT:
                for (size_t i = 0; i < node->child_count; i++)
                        highest = MAX_OF(highest, node_cost(node->children[i]));
                return highest;
        case NODE_NUMBER:
        case NODE_NUMBER_IN:
        case NODE_FLAG:
        case NODE_EXISTS:
                return 0;
        case NODE_TEXT_IN:
                return 1;
        case NODE_CONTAINS:
                return 2;
        case NODE_MATCHES:
                return 3;
        }
        return 0;
}

/* Stable, so that what costs the same stays in the order written. */
static const Node **sorted_by_cost(Arena *arena, const Node *const *children, size_t count)
{
        const Node **sorted = arena_array(arena, const Node *, count);
        for (size_t i = 0; i < count; i++) {
                size_t at = i;
                for (; at > 0 && node_cost(sorted[at - 1]) > node_cost(children[i]); at--)
                        sorted[at] = sorted[at - 1];
                sorted[at] = children[i];
        }
        return sorted;
}

static Node *parent_new(Parser *p, NodeKind kind, const Node *const *children, size_t count)
{
        Node *node = node_new(p, kind);
        if (!node)
                return NULL;
        node->children = children;
        node->by_cost = sorted_by_cost(p->scan.arena, children, count);
        node->child_count = count;
        return node;
}

static Node *parse_negation(Parser *p);

static Node *parse_not(Parser *p)
{
        const Node **child = arena_new_of(p->scan.arena, const Node *);
        *child = parse_negation(p);
        return *child ? parent_new(p, NODE_NOT, child, 1) : NULL;
}

static Node *parse_group(Parser *p)
{
        Node *node = parse_expression(p);
        if (!node || !(accept_sign(p, ')') || expected(p, "\"and\", \"or\" or \")\"")))
                return NULL;
        return node;
}

static Node *parse_negation(Parser *p)
{
        bool is_not = token_is_word(token(p), "not");
        if (!is_not && !token_is_sign(token(p), '('))
                return parse_comparison(p);
        if (!level_enter(p))
                return NULL;
        scan_next(&p->scan);
        Node *node = is_not ? parse_not(p) : parse_group(p);
        p->levels--;
        return node;
}

/* part { word part }; one part stays what it is. */
static Node *parse_chain(Parser *p, const char *word, NodeKind kind, Node *(*part)(Parser *))
{
        const Node **parts = NULL;
        size_t count = 0, room = 0;
        Node *node;
        do {
                node = part(p);
                if (!node)
                        return NULL;
                parts = arena_grow(p->scan.arena, parts, count, &room, sizeof(Node *));
                parts[count++] = node;
        } while (accept_word(p, word));
        return count == 1 ? node : parent_new(p, kind, parts, count);
}

static Node *parse_conjunction(Parser *p)
{
        return parse_chain(p, "and", NODE_AND, parse_negation);
}

static Node *parse_expression(Parser *p)
{
        return parse_chain(p, "or", NODE_OR, parse_conjunction);
}

static size_t utf8_fault_offset(Text text)
{
        size_t at = 0;
        while (at < text.len && text_is_utf8((Text){ text.data + at, text_next_character(text, at) - at }))
                at = text_next_character(text, at);
        return at;
}

static bool source_is_sound(Parser *p)
{
        Text source = p->scan.source;
        if (source.len > SOURCE_BYTES_MAX)
                return scan_fault(&p->scan, SOURCE_BYTES_MAX, "longer than %d bytes", SOURCE_BYTES_MAX);
        if (!text_is_utf8(source))
                return scan_fault(&p->scan, utf8_fault_offset(source), "not UTF-8");
        return true;
}

static Node *parse_source(Parser *p)
{
        if (!source_is_sound(p))
                return NULL;
        scan_next(&p->scan);
        Node *root = parse_expression(p);
        if (root && token(p)->kind != TOKEN_END)
                (void)expected(p, "\"and\", \"or\" or the end");
        return p->scan.has_fault ? NULL : root;
}

int expr_compile(Arena *arena, Text source, const FieldTable *fields, Expr **ret, TextFault *reterr)
{
        Parser p = { .scan = { .arena = arena, .source = arena_text(arena, source) }, .fields = fields };
        Node *root = parse_source(&p);
        if (!root) {
                *reterr = p.scan.fault;
                return -EINVAL;
        }
        Expr *expr = arena_new_of(arena, Expr);
        expr->root = root;
        expr->reads = p.reads;
        *ret = expr;
        return 0;
}

uint64_t expr_reads(const Expr *expr)
{
        return expr->reads;
}
