/* Can an expression be true at all? A search over what would have to hold together: each `or` is tried one alternative
 * after another, each clause is checked against those that were needed before it. It is exact for numbers, flags and
 * equal texts; searches in texts and lists count as possible. Past STEPS_MAX it gives up and says yes. */
#include <math.h>

#include "expr_tree.h"

enum {
        STEPS_MAX = 20000
};

/* A clause and what it has to be. */
typedef struct Fact Fact;
struct Fact {
        const Node *clause;
        bool wanted;
        const Fact *before;
};

/* What is still to be made true or false: child after child of a node, then the rest. */
typedef struct Goal Goal;
struct Goal {
        const Node *const *nodes;
        size_t count;
        bool wanted;
        const Goal *rest;
};

typedef struct Search {
        const FieldRange *ranges;
        size_t steps;
} Search;

static bool number_satisfies(const Node *clause, double number)
{
        if (clause->kind == NODE_NUMBER)
                return number_compares(number, clause->comparison, clause->number);
        for (size_t i = 0; i < clause->number_count; i++)
                if (clause->numbers[i] == number)
                        return !clause->is_negated;
        return clause->is_negated;
}

static bool is_number_clause(const Node *clause)
{
        return clause->kind == NODE_NUMBER || clause->kind == NODE_NUMBER_IN;
}

static bool number_is_possible(const Search *s, const Fact *facts, FieldId field, double number)
{
        const FieldRange *range = &s->ranges[field];
        if (!isfinite(number) || (range->is_known && (number < range->min || number > range->max)))
                return false;
        for (const Fact *f = facts; f; f = f->before)
                if (f->clause->field == field && is_number_clause(f->clause) &&
                    number_satisfies(f->clause, number) != f->wanted)
                        return false;
        return true;
}

/* A clause changes its result only at its own numbers: so those, and their neighbours on both sides, stand for all. */
static bool around_is_possible(const Search *s, const Fact *facts, FieldId field, double number)
{
        return number_is_possible(s, facts, field, number) ||
               number_is_possible(s, facts, field, nextafter(number, INFINITY)) ||
               number_is_possible(s, facts, field, nextafter(number, -INFINITY));
}

static bool some_number_is_possible(Search *s, const Fact *facts, FieldId field)
{
        for (const Fact *f = facts; f; f = f->before) {
                if (f->clause->field != field)
                        continue;
                if (f->clause->kind == NODE_NUMBER && around_is_possible(s, facts, field, f->clause->number))
                        return true;
                for (size_t i = 0; f->clause->kind == NODE_NUMBER_IN && i < f->clause->number_count; i++, s->steps++)
                        if (around_is_possible(s, facts, field, f->clause->numbers[i]))
                                return true;
        }
        const FieldRange *range = &s->ranges[field];
        return range->is_known &&
               (number_is_possible(s, facts, field, range->min) || number_is_possible(s, facts, field, range->max));
}

/* text: NULL stands for one that no clause names. */
static bool text_is_possible(const Fact *facts, FieldId field, const Text *text)
{
        for (const Fact *f = facts; f; f = f->before) {
                if (f->clause->field != field || f->clause->kind != NODE_TEXT_IN)
                        continue;
                bool is_in = false;
                for (size_t i = 0; text && i < f->clause->text_count && !is_in; i++)
                        is_in = text_equal(f->clause->texts[i], *text);
                if ((is_in != f->clause->is_negated) != f->wanted)
                        return false;
        }
        return true;
}

static bool some_text_is_possible(Search *s, const Fact *facts, FieldId field)
{
        if (text_is_possible(facts, field, NULL))
                return true;
        for (const Fact *f = facts; f; f = f->before)
                for (size_t i = 0;
                     f->clause->field == field && f->clause->kind == NODE_TEXT_IN && i < f->clause->text_count;
                     i++, s->steps++)
                        if (text_is_possible(facts, field, &f->clause->texts[i]))
                                return true;
        return false;
}

/* What the newest fact says of a flag or of being there at all, against the others of its field. */
static bool agrees(const Fact *newest)
{
        const Node *clause = newest->clause;
        bool must_be_unknown = clause->kind == NODE_EXISTS && !newest->wanted;
        for (const Fact *f = newest->before; f; f = f->before) {
                if (f->clause->field != clause->field)
                        continue;
                if (must_be_unknown != (f->clause->kind == NODE_EXISTS && !f->wanted))
                        return false;
                if (clause->kind == NODE_FLAG && f->clause->kind == NODE_FLAG &&
                    (clause->wanted == newest->wanted) != (f->clause->wanted == f->wanted))
                        return false;
        }
        return true;
}

static bool fact_is_possible(Search *s, const Fact *newest)
{
        if (!agrees(newest))
                return false;
        if (is_number_clause(newest->clause))
                return some_number_is_possible(s, newest, newest->clause->field);
        if (newest->clause->kind == NODE_TEXT_IN && newest->clause->type == FIELD_TYPE_TEXT)
                return some_text_is_possible(s, newest, newest->clause->field);
        return true;
}

static bool goals_are_possible(Search *s, const Goal *goal, const Fact *facts);

static bool any_is_possible(Search *s, const Node *node, bool wanted, const Goal *rest, const Fact *facts)
{
        for (size_t i = 0; i < node->child_count; i++)
                if (goals_are_possible(s, &(Goal){ &node->children[i], 1, wanted, rest }, facts))
                        return true;
        return false;
}

/* As deep as the expression has nodes: at most 512 times this small frame. */
static bool goals_are_possible(Search *s, const Goal *goal, const Fact *facts)
{
        while (goal && goal->count == 0)
                goal = goal->rest;
        if (!goal || ++s->steps > STEPS_MAX)
                return true;
        const Node *node = goal->nodes[0];
        Goal rest = { goal->nodes + 1, goal->count - 1, goal->wanted, goal->rest };
        switch (node->kind) {
        case NODE_NOT:
                return goals_are_possible(s, &(Goal){ node->children, 1, !goal->wanted, &rest }, facts);
        case NODE_AND:
        case NODE_OR:
                if ((node->kind == NODE_AND) == goal->wanted)
                        return goals_are_possible(s, &(Goal){ node->children, node->child_count, goal->wanted, &rest },
                                                  facts);
                return any_is_possible(s, node, goal->wanted, &rest, facts);
        case NODE_EXISTS:
        case NODE_FLAG:
        case NODE_NUMBER:
        case NODE_NUMBER_IN:
        case NODE_TEXT_IN:
        case NODE_CONTAINS:
        case NODE_MATCHES:
                break;
        }
        Fact fact = { node, goal->wanted, facts };
        return fact_is_possible(s, &fact) && goals_are_possible(s, &rest, &fact);
}

bool expr_can_match(const Expr *expr, const FieldRange ranges[static FIELDS_MAX])
{
        Search search = { .ranges = ranges };
        return goals_are_possible(&search, &(Goal){ &expr->root, 1, true, NULL }, NULL);
}
