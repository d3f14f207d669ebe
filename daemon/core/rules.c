#include "core/rules.h"

static const char *const SEVERITY_TEXTS[SEVERITY_MAX] = {
        [SEVERITY_LOW] = "low",
        [SEVERITY_NORMAL] = "normal",
        [SEVERITY_HIGH] = "high",
        [SEVERITY_CRITICAL] = "critical",
};

const char *severity_text(Severity severity)
{
        must(severity < SEVERITY_MAX);
        return SEVERITY_TEXTS[severity];
}

bool severity_parse(Text text, Severity *ret)
{
        for (Severity severity = 0; severity < SEVERITY_MAX; severity++) {
                if (!text_is(text, SEVERITY_TEXTS[severity]))
                        continue;
                *ret = severity;
                return true;
        }
        return false;
}

static const char *const THEN_TEXTS[THEN_MAX] = {
        [THEN_CALL] = "call",
        [THEN_THANK] = "thank",
        [THEN_NOTE] = "note",
};

const char *rule_then_text(RuleThen then)
{
        must(then < THEN_MAX);
        return THEN_TEXTS[then];
}

bool rule_then_parse(Text text, RuleThen *ret)
{
        for (RuleThen then = 0; then < THEN_MAX; then++) {
                if (!text_is(text, THEN_TEXTS[then]))
                        continue;
                *ret = then;
                return true;
        }
        return false;
}

const char *verdict_kind_text(VerdictKind kind)
{
        static const char *const texts[VERDICT_MAX] = {
                [VERDICT_SATISFIED] = "satisfied",
                [VERDICT_CALL] = "call",
                [VERDICT_THANK] = "thank",
                [VERDICT_NOTE] = "note",
                [VERDICT_UNJUDGEABLE] = "unjudgeable",
        };
        must(kind < VERDICT_MAX);
        return texts[kind];
}

/* Higher decides: what overrides, then calls by severity, then thanks, then notes. */
static int rule_rank(const Rule *rule)
{
        static const int of_then[THEN_MAX] = { [THEN_CALL] = 2, [THEN_THANK] = 1, [THEN_NOTE] = 0 };
        int rank = of_then[rule->then] + (rule->then == THEN_CALL ? (int)rule->severity : 0);
        return rank + (rule->overrides ? 2 + SEVERITY_MAX : 0);
}

static VerdictKind kind_of(RuleThen then)
{
        static const VerdictKind kinds[THEN_MAX] = {
                [THEN_CALL] = VERDICT_CALL,
                [THEN_THANK] = VERDICT_THANK,
                [THEN_NOTE] = VERDICT_NOTE,
        };
        must(then < THEN_MAX);
        return kinds[then];
}

static bool some_is_known(Response *r, uint64_t fields)
{
        for (; fields; fields &= fields - 1)
                if (response_value(r, (FieldId)__builtin_ctzll(fields))->type != VALUE_UNKNOWN)
                        return true;
        return false;
}

void rules_judge(const RuleSet *rules, Response *r, Arena *scratch, Verdict *ret)
{
        const Rule *decided = NULL;
        bool reads_scores = false, is_judged = false;
        must(rules->count <= RULES_MAX);
        for (size_t i = 0; i < rules->count; i++) {
                const Rule *rule = &rules->rules[i];
                Truth truth = expr_eval(rule->when, r, scratch);
                ret->truths[i] = (uint8_t)truth;
                uint64_t scores = expr_reads(rule->when) & rules->scaled_fields;
                reads_scores |= scores != 0;
                /* "value >= 250000 and nps <= 6" is no for a small account, but that says nothing of its content. */
                if (!is_judged && scores && truth != TRUTH_UNKNOWN)
                        is_judged = some_is_known(r, scores);
                if (truth == TRUTH_TRUE && (!decided || rule_rank(rule) > rule_rank(decided)))
                        decided = rule;
        }
        ret->rule = decided;
        if (decided)
                ret->kind = kind_of(decided->then);
        else
                ret->kind = reads_scores && !is_judged ? VERDICT_UNJUDGEABLE : VERDICT_SATISFIED;
}

void rules_write_trail(const RuleSet *rules, const Verdict *verdict, Response *r, Arena *scratch, JsonWriter *w)
{
        json_open(w, '[');
        for (size_t i = 0; i < rules->count; i++) {
                const Rule *rule = &rules->rules[i];
                json_open(w, '{');
                json_field_text(w, "rule", rule->name);
                json_field_text(w, "result", text_from(truth_text((Truth)verdict->truths[i])));
                json_field_text(w, "clause", expr_explain(rule->when, r, scratch));
                json_field_bool(w, "decided", rule == verdict->rule);
                json_close(w, '}');
        }
        json_close(w, ']');
}
