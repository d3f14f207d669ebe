/* expr_tree.h - what the rule language is compiled to; private to expr_*.c.
 * A tree of nodes in the expression's arena, immutable. */
#pragma once

#include "core/expr.h"
#include "core/regex.h"

typedef enum NodeKind {
        NODE_AND,
        NODE_OR,
        NODE_NOT,
        NODE_EXISTS,
        NODE_FLAG,
        NODE_NUMBER, /* compared with one number */
        NODE_NUMBER_IN,
        NODE_TEXT_IN, /* = and != too; a list field: any of its items */
        NODE_CONTAINS,
        NODE_MATCHES,
} NodeKind;

typedef enum Comparison {
        COMPARE_EQUAL,
        COMPARE_NOT_EQUAL,
        COMPARE_LESS,
        COMPARE_LESS_OR_EQUAL,
        COMPARE_GREATER,
        COMPARE_GREATER_OR_EQUAL,
} Comparison;

typedef struct Node Node;
struct Node {
        NodeKind kind;
        FieldId field;
        FieldType type;  /* of the field */
        bool is_negated; /* != of a text, "not in", "not contains" */
        Text clause;     /* as written; of a node with a field */
        Text field_name;
        union {
                struct {                             /* NODE_AND, NODE_OR; NODE_NOT has one */
                        const Node *const *children; /* as written */
                        const Node *const *by_cost;  /* the same, what costs little first */
                        size_t child_count;
                };
                bool wanted; /* NODE_FLAG */
                struct {     /* NODE_NUMBER */
                        Comparison comparison;
                        double number;
                };
                struct { /* NODE_NUMBER_IN */
                        const double *numbers;
                        size_t number_count;
                };
                struct {                    /* NODE_TEXT_IN, NODE_CONTAINS */
                        const Text *texts;  /* as written */
                        const Text *folded; /* NODE_CONTAINS */
                        size_t text_count;
                };
                const Regex *regex; /* NODE_MATCHES */
        };
};

struct Expr {
        const Node *root;
        uint64_t reads;
};

/* The whole text, or its beginning and "...". */
Text text_clip(Arena *arena, Text text, size_t bytes_max);

bool number_compares(double value, Comparison comparison, double number);
Truth node_eval(const Node *node, Response *r, Arena *scratch);
