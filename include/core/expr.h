/* expr.h - the rule language: an expression over fields, true, false or unknown.
 *
 *   expression = conjunction { "or" conjunction }
 *   conjunction = negation { "and" negation }
 *   negation   = "not" negation | "(" expression ")" | comparison
 *   comparison = "exists" FIELD
 *              | FIELD ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) literal
 *              | FIELD [ "not" ] "in" list                 number, text; a list field: any of its items
 *              | FIELD [ "not" ] "contains" ( text | list ) text: part of it, case folded; list field: an item, case
 * folded | FIELD "matches" REGEX                      text; PCRE2, UTF, /.../ with flag i | FIELD a flag on its own: =
 * yes literal    = NUMBER | TEXT | "yes" | "no" | "true" | "false" list       = "[" literal { "," literal } "]" FIELD
 * = letter { letter | digit | "_" } ;  TEXT = "'" ... "'" with '' for a quote, or "\"" ... "\""
 *
 * Logic:   Kleene's strong three-valued logic: unknown or true = true, unknown and false = false, not unknown =
 * unknown. A comparison with an unknown field is unknown; `exists` is never unknown. Owns:    an Expr lives in the
 * arena it was compiled into, regular expressions too; immutable, so threads may share. Bounds:  an expression has at
 * most 4,096 bytes, 64 levels, 512 conditions. Errors:  compile: -EINVAL and where. Evaluation has none: a regex over
 * its bounds (regex.h) is unknown and says so. Source:  PCRE2 10.42; Kleene 1952; Unicode default case folding. */
#pragma once

#include "core/response.h"

typedef struct Expr Expr;

typedef enum Truth {
        TRUTH_FALSE,
        TRUTH_TRUE,
        TRUTH_UNKNOWN,
} Truth;

const char *truth_text(Truth truth); /* "no", "yes", "unknown" */

/* Can a field of that name stand in an expression? A letter, then letters, digits and "_"; no word of the language. */
enum {
        FIELD_NAME_BYTES_MAX = 64
};
bool expr_is_field_name(Text name);

/* Typed against the table: an ordering of a text, a comparison of a number with 'x', an unknown name (with the nearest
 * known one), a number off a scale that can never match, are errors. Messages say what is allowed. */
int expr_compile(Arena *arena, Text source, const FieldTable *fields, Expr **ret, TextFault *reterr) MUST_CHECK;

/* What it can match at all, for "rule that can never match": checks scales, e.g. nps > 10 when the scale is 0..10, and
 * contradictions within one `and` (nps <= 3 and nps >= 9). ranges: for each field its smallest and largest value. */
typedef struct FieldRange {
        bool is_known;
        double min, max;
} FieldRange;
bool expr_can_match(const Expr *expr, const FieldRange ranges[static FIELDS_MAX]);

/* The first number that a field is compared with and that its scale does not have: nps <= 11. */
typedef struct OffScale {
        Text clause; /* as written */
        FieldId field;
        double number;
} OffScale;
bool expr_is_off_scale(const Expr *expr, const FieldRange ranges[static FIELDS_MAX], OffScale *ret);

/* Stops as soon as the result is certain; within an `and` or `or` what costs little comes first (numbers before texts,
 * searches last), which no result depends on. The arena is scratch, used only by regular expressions that go deep. */
Truth expr_eval(const Expr *expr, Response *r, Arena *scratch);

/* Bit n: reads field n. */
uint64_t expr_reads(const Expr *expr);

/* The clause that decided, as written in the source ("nps <= 6"), with the value it saw: "nps <= 6 (nps is 2)".
 * For unknown: the clause that was unknown and why. */
Text expr_explain(const Expr *expr, Response *r, Arena *arena);
