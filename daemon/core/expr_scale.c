/* Numbers that an expression compares with, against the scales of the fields they are compared with. */
#include "expr_tree.h"

static bool is_off(FieldRange range, double number)
{
        return range.is_known && (number < range.min || number > range.max);
}

static bool node_is_off(const Node *node, const FieldRange *ranges, OffScale *ret)
{
        const double *numbers = node->kind == NODE_NUMBER ? &node->number : node->numbers;
        size_t count = node->kind == NODE_NUMBER ? 1 : node->number_count;
        for (size_t i = 0; i < count; i++) {
                if (!is_off(ranges[node->field], numbers[i]))
                        continue;
                *ret = (OffScale){ node->clause, node->field, numbers[i] };
                return true;
        }
        return false;
}

/* As deep as the expression has nodes, which the compiler bounds. */
static bool tree_is_off(const Node *node, const FieldRange *ranges, OffScale *ret)
{
        if (node->kind == NODE_NUMBER || node->kind == NODE_NUMBER_IN)
                return node_is_off(node, ranges, ret);
        if (node->kind != NODE_AND && node->kind != NODE_OR && node->kind != NODE_NOT)
                return false;
        for (size_t i = 0; i < node->child_count; i++)
                if (tree_is_off(node->children[i], ranges, ret))
                        return true;
        return false;
}

bool expr_is_off_scale(const Expr *expr, const FieldRange ranges[static FIELDS_MAX], OffScale *ret)
{
        return tree_is_off(expr->root, ranges, ret);
}
