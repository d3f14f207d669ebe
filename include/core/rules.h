/* rules.h - named conditions and what follows; every rule of every file is tried.
 * Pure; rules live in the Config's arena. */
#pragma once

#include "core/expr.h"
#include "core/policy.h"

typedef enum Severity {
        SEVERITY_LOW,
        SEVERITY_NORMAL,
        SEVERITY_HIGH,
        SEVERITY_CRITICAL,
        SEVERITY_MAX,
} Severity;

const char *severity_text(Severity severity);
bool severity_parse(Text text, Severity *ret);

typedef enum RuleThen {
        THEN_CALL,
        THEN_THANK,
        THEN_NOTE,
        THEN_MAX,
} RuleThen;

const char *rule_then_text(RuleThen then); /* "call", "thank", "note" */
bool rule_then_parse(Text text, RuleThen *ret);

typedef struct Rule {
        Text name;
        Text when_text;
        const Expr *when;
        RuleThen then;
        Severity severity;    /* of THEN_CALL */
        const Policy *policy; /* of THEN_CALL */
        bool overrides;
} Rule;

typedef struct RuleSet {
        const Rule *rules; /* in order of the files' names, then of the lines */
        size_t count;
        uint64_t scaled_fields; /* bit n: field n has a scale somewhere */
} RuleSet;

typedef enum VerdictKind {
        VERDICT_SATISFIED, /* no rule for a call matched */
        VERDICT_CALL,
        VERDICT_THANK,
        VERDICT_NOTE,
        VERDICT_UNJUDGEABLE, /* see rules_judge() */
        VERDICT_MAX,
} VerdictKind;

const char *verdict_kind_text(VerdictKind kind); /* "satisfied", "call", "thank", "note", "unjudgeable" */

enum {
        RULES_MAX = 256
};

typedef struct Verdict {
        VerdictKind kind;
        const Rule *rule;          /* the one that decided; NULL if none did */
        uint8_t truths[RULES_MAX]; /* Truth of each rule, in order; behind the last rule nothing is set */
} Verdict;

/* `overrides` first, then the most severe call, ties by order; then thank, then note.
 * Unjudgeable: no rule matched, there are rules that read scaled fields, and none of them judged. A rule that is
 * unknown judged nothing, and neither did one that is "no" without any of its scores: "nps >= 9 and exists comment" is
 * no where there is no comment, which makes nobody satisfied who gave no score. */
void rules_judge(const RuleSet *rules, Response *r, Arena *scratch, Verdict *ret);

/* The trail for `why`: one JSON array, an object a rule: rule, result, clause, decided. */
void rules_write_trail(const RuleSet *rules, const Verdict *verdict, Response *r, Arena *scratch, JsonWriter *w);
