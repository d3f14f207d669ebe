#include "survey.h"

#include "core/rules.h"

typedef struct Written {
        const char *name, *when;
        RuleThen then;
        Severity severity;
        bool overrides;
} Written;

static RuleSet rules_of(const Survey *s, const Written *written, size_t count)
{
        Rule *rules = arena_array(arena, Rule, count);
        RuleSet set = { .rules = rules, .count = count };
        for (size_t i = 0; i < count; i++) {
                Expr *when = NULL;
                TextFault fault;
                if (expr_compile(arena, text_from(written[i].when), &s->fields, &when, &fault) < 0)
                        fail_msg("%s: " TEXT_F, written[i].when, TEXT_ARG(fault.message));
                rules[i] = (Rule){ .name = text_from(written[i].name),
                                   .when_text = text_from(written[i].when),
                                   .when = when,
                                   .then = written[i].then,
                                   .severity = written[i].severity,
                                   .overrides = written[i].overrides };
        }
        for (size_t i = 0; i < s->fields.count; i++)
                if (s->fields.fields[i].has_scale)
                        set.scaled_fields |= UINT64_C(1) << i;
        return set;
}

/* The example's rules, the key accounts' file first. */
static const Written EXAMPLE[] = {
        { "key-account-at-risk", "value >= 250000 and (nps <= 6 or csat <= 3)", THEN_CALL, SEVERITY_CRITICAL, false },
        { "asked-for-a-call", "contact_me = yes", THEN_CALL, SEVERITY_HIGH, false },
        { "says-is-leaving", "comment contains ['cancel', 'lawyer', 'switching to'] and (nps <= 8 or csat <= 3)",
          THEN_CALL, SEVERITY_HIGH, false },
        { "detractor", "nps <= 6", THEN_CALL, SEVERITY_NORMAL, false },
        { "dissatisfied", "csat <= 2 and segment not in ['internal', 'test']", THEN_CALL, SEVERITY_NORMAL, false },
        { "promoter", "nps >= 9 and exists comment", THEN_THANK, SEVERITY_LOW, false },
        { "leave-me-alone", "contact_me = no", THEN_NOTE, SEVERITY_LOW, true },
};

/* "call detractor", "satisfied" */
static Text judged(const RuleSet *rules, Response *r)
{
        Verdict verdict;
        memset(&verdict, 0xa5, sizeof(verdict));
        rules_judge(rules, r, arena, &verdict);
        if (!verdict.rule)
                return text_from(verdict_kind_text(verdict.kind));
        return arena_textf(arena, "%s " TEXT_F, verdict_kind_text(verdict.kind), TEXT_ARG(verdict.rule->name));
}

typedef struct Case {
        const char *json, *expected;
} Case;

static void check(const Survey *s, const RuleSet *rules, const Case *cases, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                Text json = arena_textf(arena, "{\"response_id\":1,%s", cases[i].json + 1);
                Text found = judged(rules, survey_read(s, json.data));
                if (!text_is(found, cases[i].expected))
                        fail_msg("%s: " TEXT_F " instead of %s", cases[i].json, TEXT_ARG(found), cases[i].expected);
        }
}

static void the_examples_rules_find_whom_they_mean(void **state UNUSED)
{
        static const Case cases[] = {
                { "{\"answers\":{\"nps\":2}}", "call detractor" },
                { "{\"answers\":{\"nps\":6}}", "call detractor" },
                { "{\"answers\":{\"nps\":7}}", "satisfied" },
                { "{\"answers\":{\"nps\":\"2\"}}", "call detractor" },
                { "{\"answers\":{\"csat\":2},\"customer\":{\"segment\":\"gold\"}}", "call dissatisfied" },
                { "{\"answers\":{\"csat\":2},\"customer\":{\"segment\":\"test\"}}", "satisfied" },
                { "{\"answers\":{\"nps\":8,\"reason\":\"I will CANCEL\"}}", "call says-is-leaving" },
                { "{\"answers\":{\"nps\":2,\"reason\":\"get a Lawyer\"}}", "call says-is-leaving" },
                { "{\"answers\":{\"nps\":9,\"reason\":\"no need to cancel\"}}", "thank promoter" },
                { "{\"answers\":{\"nps\":9}}", "satisfied" },
                { "{\"answers\":{\"nps\":9,\"contact_me\":\"yes\"}}", "call asked-for-a-call" },
                { "{\"answers\":{\"contact_me\":\"yes\"}}", "call asked-for-a-call" },
                { "{\"answers\":{\"nps\":2},\"account\":{\"annual_value\":250000}}", "call key-account-at-risk" },
                { "{\"answers\":{\"nps\":2},\"account\":{\"annual_value\":249999}}", "call detractor" },
                { "{\"answers\":{\"csat\":3},\"account\":{\"annual_value\":\"3e5\"}}", "call key-account-at-risk" },
                { "{\"answers\":{\"nps\":0,\"contact_me\":\"no\"},\"account\":{\"annual_value\":900000}}",
                  "note leave-me-alone" },
                { "{\"answers\":{\"nps\":10,\"contact_me\":false,\"reason\":\"great\"}}", "note leave-me-alone" },
        };
        Survey *s = survey_example();
        RuleSet rules = rules_of(s, EXAMPLE, COUNT_OF(EXAMPLE));
        check(s, &rules, cases, COUNT_OF(cases));
}

/* Judged: some rule that reads scores was yes or no and knew one of them. A missing contact_me alone does not keep from
 * that. */
static void an_answer_without_any_score_cannot_be_judged(void **state UNUSED)
{
        static const Written rules[] = {
                { "detractor", "nps <= 6", THEN_CALL, SEVERITY_NORMAL, false },
                { "dissatisfied", "csat <= 2 and nps <= 8", THEN_CALL, SEVERITY_NORMAL, false },
                { "asked", "contact_me = yes", THEN_CALL, SEVERITY_HIGH, false },
                { "gold", "segment = 'gold'", THEN_NOTE, SEVERITY_LOW, false },
        };
        static const Case cases[] = {
                { "{\"answers\":{}}", "unjudgeable" },
                { "{\"answers\":{\"nps\":11}}", "unjudgeable" },
                { "{\"answers\":{\"nps\":1e999,\"csat\":null}}", "unjudgeable" },
                { "{\"answers\":{\"contact_me\":\"no\"}}", "unjudgeable" },
                { "{\"answers\":{},\"customer\":{\"segment\":\"silver\"}}", "unjudgeable" },
                { "{\"answers\":{\"csat\":2}}", "unjudgeable" }, /* unknown in both */
                { "{\"answers\":{\"csat\":3}}", "satisfied" },   /* known in one */
                { "{\"answers\":{\"nps\":9}}", "satisfied" },
                { "{\"answers\":{\"nps\":9,\"contact_me\":null}}", "satisfied" },
                { "{\"answers\":{\"contact_me\":\"yes\"}}", "call asked" }, /* a match is a verdict */
                { "{\"answers\":{},\"customer\":{\"segment\":\"gold\"}}", "note gold" },
        };
        Survey *s = survey_example();
        RuleSet set = rules_of(s, rules, COUNT_OF(rules));
        check(s, &set, cases, COUNT_OF(cases));
}

/* Rules that are "no" for another reason than a score made nobody satisfied. */
static void what_was_decided_without_a_score_is_no_judgement(void **state UNUSED)
{
        static const Case cases[] = {
                { "{\"answers\":{}}", "unjudgeable" }, /* promoter is no: there is no comment */
                { "{\"answers\":{\"reason\":\"all is well\"}}", "unjudgeable" },        /* says-is-leaving is no */
                { "{\"answers\":{},\"account\":{\"annual_value\":1}}", "unjudgeable" }, /* key-account-at-risk is no */
                { "{\"answers\":{\"nps\":11,\"csat\":0,\"reason\":\"well\"}}", "unjudgeable" },
                { "{\"answers\":{\"nps\":9,\"csat\":0}}", "satisfied" },
                { "{\"answers\":{\"csat\":5,\"reason\":\"well\"}}", "satisfied" },
                { "{\"answers\":{\"reason\":\"well\",\"contact_me\":\"yes\"}}", "call asked-for-a-call" },
        };
        Survey *s = survey_example();
        RuleSet rules = rules_of(s, EXAMPLE, COUNT_OF(EXAMPLE));
        check(s, &rules, cases, COUNT_OF(cases));
}

static void where_no_rule_reads_a_score_nothing_is_unjudgeable(void **state UNUSED)
{
        static const Written rules[] = { { "asked", "contact_me = yes", THEN_CALL, SEVERITY_HIGH, false } };
        static const Case cases[] = { { "{\"answers\":{}}", "satisfied" },
                                      { "{\"answers\":{\"contact_me\":1}}", "call asked" } };
        Survey *s = survey_example();
        RuleSet set = rules_of(s, rules, COUNT_OF(rules));
        check(s, &set, cases, COUNT_OF(cases));
        RuleSet none = { 0 };
        assert_text(judged(&none, survey_read(s, "{\"response_id\":1}")), "satisfied");
}

/* Every pair, in both orders: what ranks higher decides, the first of two equals. */
static void the_highest_rank_decides_and_ties_go_by_order(void **state UNUSED)
{
        static const Written ranks[] = {
                /* highest first */
                { "a", "nps <= 6", THEN_CALL, SEVERITY_CRITICAL, true },
                { "b", "nps <= 6", THEN_CALL, SEVERITY_HIGH, true },
                { "c", "nps <= 6", THEN_CALL, SEVERITY_NORMAL, true },
                { "d", "nps <= 6", THEN_CALL, SEVERITY_LOW, true },
                { "e", "nps <= 6", THEN_THANK, SEVERITY_LOW, true },
                { "f", "nps <= 6", THEN_NOTE, SEVERITY_LOW, true },
                { "g", "nps <= 6", THEN_CALL, SEVERITY_CRITICAL, false },
                { "h", "nps <= 6", THEN_CALL, SEVERITY_HIGH, false },
                { "i", "nps <= 6", THEN_CALL, SEVERITY_NORMAL, false },
                { "j", "nps <= 6", THEN_CALL, SEVERITY_LOW, false },
                { "k", "nps <= 6", THEN_THANK, SEVERITY_CRITICAL, false }, /* a severity is of calls only */
                { "l", "nps <= 6", THEN_NOTE, SEVERITY_CRITICAL, false },
        };
        Survey *s = survey_example();
        Response *r = survey_read(s, "{\"response_id\":1,\"answers\":{\"nps\":2}}");
        for (size_t i = 0; i < COUNT_OF(ranks); i++)
                for (size_t j = 0; j < COUNT_OF(ranks); j++) {
                        Written pair[] = { ranks[i], ranks[j] };
                        Verdict verdict;
                        RuleSet set = rules_of(s, pair, 2);
                        rules_judge(&set, r, arena, &verdict);
                        assert_ptr_equal(verdict.rule, &set.rules[i <= j ? 0 : 1]);
                        assert_int_equal(verdict.truths[0], TRUTH_TRUE);
                        assert_int_equal(verdict.truths[1], TRUTH_TRUE);
                }
}

static void an_override_that_is_unknown_overrides_nothing(void **state UNUSED)
{
        static const Case cases[] = {
                { "{\"answers\":{\"nps\":2,\"contact_me\":\"perhaps\"}}", "call detractor" },
                { "{\"answers\":{\"nps\":2,\"contact_me\":\"NO\"}}", "note leave-me-alone" },
        };
        Survey *s = survey_example();
        RuleSet rules = rules_of(s, EXAMPLE, COUNT_OF(EXAMPLE));
        check(s, &rules, cases, COUNT_OF(cases));
}

static void every_rule_is_tried_and_stands_in_the_trail(void **state UNUSED)
{
        Survey *s = survey_example();
        RuleSet rules = rules_of(s, EXAMPLE, COUNT_OF(EXAMPLE));
        Response *r = survey_read(
                s, "{\"response_id\":1,\"answers\":{\"nps\":2,\"csat\":9,\"reason\":\"my \\\"secret\\\" words\"}}");
        Verdict verdict;
        Buffer b = buffer_in(arena);
        JsonWriter w = json_writer(&b);
        rules_judge(&rules, r, arena, &verdict);
        rules_write_trail(&rules, &verdict, r, arena, &w);
        assert_text(buffer_text(&b),
                    "[{\"rule\":\"key-account-at-risk\",\"result\":\"unknown\","
                    "\"clause\":\"value >= 250000: value is not in the message\",\"decided\":false},"
                    "{\"rule\":\"asked-for-a-call\",\"result\":\"unknown\","
                    "\"clause\":\"contact_me = yes: contact_me is not in the message\",\"decided\":false},"
                    "{\"rule\":\"says-is-leaving\",\"result\":\"no\","
                    "\"clause\":\"comment contains ['cancel', 'lawyer', 'switching to'] (none is in "
                    "it)\",\"decided\":false},"
                    "{\"rule\":\"detractor\",\"result\":\"yes\",\"clause\":\"nps <= 6 (nps is 2)\",\"decided\":true},"
                    "{\"rule\":\"dissatisfied\",\"result\":\"unknown\","
                    "\"clause\":\"csat <= 2: csat is off its scale\",\"decided\":false},"
                    "{\"rule\":\"promoter\",\"result\":\"no\",\"clause\":\"nps >= 9 (nps is 2)\",\"decided\":false},"
                    "{\"rule\":\"leave-me-alone\",\"result\":\"unknown\","
                    "\"clause\":\"contact_me = no: contact_me is not in the message\",\"decided\":false}]");
}

static void the_most_rules_there_may_be_are_judged(void **state UNUSED)
{
        Survey *s = survey_example();
        Written *many = arena_array(arena, Written, RULES_MAX);
        for (size_t i = 0; i < RULES_MAX; i++)
                many[i] = (Written){ "r", "nps <= 6", THEN_CALL, SEVERITY_LOW, false };
        many[RULES_MAX - 1] = (Written){ "last", "nps <= 6", THEN_CALL, SEVERITY_HIGH, false };
        RuleSet set = rules_of(s, many, RULES_MAX);
        assert_text(judged(&set, survey_read(s, "{\"response_id\":1,\"answers\":{\"nps\":2}}")), "call last");
}

static void words_are_written_as_they_are_read(void **state UNUSED)
{
        Severity severity;
        RuleThen then;
        for (Severity i = 0; i < SEVERITY_MAX; i++)
                assert_true(severity_parse(text_from(severity_text(i)), &severity) && severity == i);
        for (RuleThen i = 0; i < THEN_MAX; i++)
                assert_true(rule_then_parse(text_from(rule_then_text(i)), &then) && then == i);
        assert_true(severity_parse(TEXT("critical"), &severity) && severity == SEVERITY_CRITICAL);
        assert_false(severity_parse(TEXT("Critical"), &severity));
        assert_false(severity_parse(TEXT_NONE, &severity));
        assert_false(rule_then_parse(TEXT("ring"), &then));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_examples_rules_find_whom_they_mean),
                cmocka_unit_test(an_answer_without_any_score_cannot_be_judged),
                cmocka_unit_test(what_was_decided_without_a_score_is_no_judgement),
                cmocka_unit_test(where_no_rule_reads_a_score_nothing_is_unjudgeable),
                cmocka_unit_test(the_highest_rank_decides_and_ties_go_by_order),
                cmocka_unit_test(an_override_that_is_unknown_overrides_nothing),
                cmocka_unit_test(every_rule_is_tried_and_stands_in_the_trail),
                cmocka_unit_test(the_most_rules_there_may_be_are_judged),
                cmocka_unit_test(words_are_written_as_they_are_read),
        };
        return cmocka_run_group_tests_name("rules", tests, make_arena, free_arena);
}
