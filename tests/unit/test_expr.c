#include <errno.h>
#include <pthread.h>

#include "survey.h"

#include "core/expr.h"
#include "core/regex.h"

/* xorshift64*: the same numbers everywhere. A failure prints the seed. */
static const uint64_t SEED = 20261120;
static uint64_t random_state;

static size_t random_below(size_t bound)
{
        random_state ^= random_state >> 12;
        random_state ^= random_state << 25;
        random_state ^= random_state >> 27;
        return (size_t)(((random_state * 0x2545f4914f6cdd1du) >> 33) % bound);
}

/* Fields that stand at their own names: numbers n and m, flags f, g and h, texts t and u, a list l. */
static Survey *small_survey(void)
{
        static const struct {
                const char *name;
                FieldType type;
        } fields[] = {
                { "n", FIELD_TYPE_NUMBER },     { "m", FIELD_TYPE_NUMBER }, { "f", FIELD_TYPE_FLAG },
                { "g", FIELD_TYPE_FLAG },       { "h", FIELD_TYPE_FLAG },   { "t", FIELD_TYPE_TEXT },
                { "u", FIELD_TYPE_TEXT },       { "l", FIELD_TYPE_LIST },   { "segment", FIELD_TYPE_TEXT },
                { "comment", FIELD_TYPE_TEXT },
        };
        Survey *s = survey_empty();
        for (size_t i = 0; i < COUNT_OF(fields); i++)
                (void)survey_place(s, fields[i].name, fields[i].type, fields[i].name);
        (void)survey_scale(s, "nps", "nps", 0, 10);
        (void)survey_scale(s, "csat", "csat", 1, 5);
        (void)survey_place(s, "contact_me", FIELD_TYPE_FLAG, "contact_me");
        return s;
}

static Expr *compile(const Survey *s, Text source)
{
        Expr *expr = NULL;
        TextFault fault;
        if (expr_compile(arena, source, &s->fields, &expr, &fault) < 0)
                fail_msg(TEXT_F ": at %zu: " TEXT_F, TEXT_ARG(source), fault.offset, TEXT_ARG(fault.message));
        return expr;
}

static Truth judge(const Survey *s, const char *source, const char *json)
{
        return expr_eval(compile(s, text_from(source)), survey_read(s, json), arena);
}

typedef struct Case {
        const char *source, *json, *expected;
} Case;

static void check(const Case *cases, size_t count)
{
        Survey *s = small_survey();
        for (size_t i = 0; i < count; i++) {
                const char *found = truth_text(judge(s, cases[i].source, cases[i].json));
                if (strcmp(found, cases[i].expected) != 0)
                        fail_msg("%s with %s is %s instead of %s", cases[i].source, cases[i].json, found,
                                 cases[i].expected);
        }
}

static void numbers_compare_by_every_sign(void **state UNUSED)
{
        static const Case cases[] = {
                { "n = 6", "{\"n\":6}", "yes" },
                { "n = 6", "{\"n\":6.5}", "no" },
                { "n != 6", "{\"n\":6}", "no" },
                { "n != 6", "{\"n\":7}", "yes" },
                { "n < 6", "{\"n\":5.9}", "yes" },
                { "n < 6", "{\"n\":6}", "no" },
                { "n <= 6", "{\"n\":6}", "yes" },
                { "n <= 6", "{\"n\":6.1}", "no" },
                { "n > 6", "{\"n\":6.1}", "yes" },
                { "n > 6", "{\"n\":6}", "no" },
                { "n >= 6", "{\"n\":6}", "yes" },
                { "n >= 6", "{\"n\":5.9}", "no" },
                { "n >= -1.5e1", "{\"n\":-15}", "yes" },
                { "n = +6", "{\"n\":\" 6 \"}", "yes" },
                { "n = -0", "{\"n\":0}", "yes" },
                { "n in [1, 2, 3]", "{\"n\":2}", "yes" },
                { "n in [1, 2, 3]", "{\"n\":4}", "no" },
                { "n not in [1,2,3]", "{\"n\":2}", "no" },
                { "n not in [1,2,3]", "{\"n\":4}", "yes" },
                { "n in [2]", "{\"n\":2.0}", "yes" },
                { "n >= 250000", "{\"n\":\"250000\"}", "yes" },
                { "n > 1e18", "{\"n\":18446744073709551615}", "yes" },
                { "n = 6", "{}", "unknown" },
                { "n != 6", "{}", "unknown" },
                { "n in [6]", "{}", "unknown" },
                { "n not in [6]", "{\"n\":null}", "unknown" },
                { "n < 6", "{\"n\":\"six\"}", "unknown" },
                { "n < 6", "{\"n\":1e999}", "unknown" },
                { "nps <= 6", "{\"nps\":11}", "unknown" },
                { "nps <= 6", "{\"nps\":-1}", "unknown" },
        };
        check(cases, COUNT_OF(cases));
}

static void flags_compare_and_stand_alone(void **state UNUSED)
{
        static const Case cases[] = {
                { "f", "{\"f\":true}", "yes" },
                { "f", "{\"f\":\"no\"}", "no" },
                { "f", "{}", "unknown" },
                { "f = yes", "{\"f\":1}", "yes" },
                { "f = true", "{\"f\":0}", "no" },
                { "f = no", "{\"f\":false}", "yes" },
                { "f = false", "{\"f\":true}", "no" },
                { "f != yes", "{\"f\":false}", "yes" },
                { "f != no", "{\"f\":false}", "no" },
                { "f != no", "{\"f\":\"perhaps\"}", "unknown" },
                { "not f", "{\"f\":false}", "yes" },
                { "not f", "{}", "unknown" },
                { "f and g", "{\"f\":true,\"g\":true}", "yes" },
        };
        check(cases, COUNT_OF(cases));
}

static void texts_are_equal_byte_by_byte(void **state UNUSED)
{
        static const Case cases[] = {
                { "t = 'gold'", "{\"t\":\" gold \"}", "yes" },
                { "t = 'gold'", "{\"t\":\"Gold\"}", "no" },
                { "t != 'gold'", "{\"t\":\"gold\"}", "no" },
                { "t != 'gold'", "{\"t\":\"silver\"}", "yes" },
                { "t != 'gold'", "{\"t\":\"\"}", "unknown" },
                { "t in ['gold', 'platinum']", "{\"t\":\"platinum\"}", "yes" },
                { "t in ['gold']", "{\"t\":\"gol\"}", "no" },
                { "t not in ['a','b']", "{\"t\":\"b\"}", "no" },
                { "t not in ['a','b']", "{\"t\":\"c\"}", "yes" },
                { "t not in ['a','b']", "{}", "unknown" },
                { "t = 'it''s'", "{\"t\":\"it's\"}", "yes" },
                { "t = \"a \"\"b\"\"\"", "{\"t\":\"a \\\"b\\\"\"}", "yes" },
                { "t = '7'", "{\"t\":7}", "yes" },
                { "t = '9007199254740993'", "{\"t\":9007199254740993}", "yes" },
                { "t = '9007199254740992'", "{\"t\":9007199254740993}", "no" },
                { "t = 'true'", "{\"t\":true}", "yes" },
                { "t = 'x'", "{\"t\":{\"x\":1}}", "unknown" },
                { "t = 'a b'", "{\"t\":[\"a b\"]}", "yes" },
                { "t = 'São'", "{\"t\":\"São\"}", "yes" },
        };
        check(cases, COUNT_OF(cases));
}

static void contains_finds_a_part_whatever_its_case(void **state UNUSED)
{
        static const Case cases[] = {
                { "t contains 'cancel'", "{\"t\":\"I will CANCEL!\"}", "yes" },
                { "t contains 'CANCEL'", "{\"t\":\"i will cancel\"}", "yes" },
                { "t contains 'cancel'", "{\"t\":\"I will not\"}", "no" },
                { "t contains ['lawyer', 'cancel']", "{\"t\":\"I cancel\"}", "yes" },
                { "t contains ['lawyer', 'cancel']", "{\"t\":\"fine\"}", "no" },
                { "t not contains 'cancel'", "{\"t\":\"I cancel\"}", "no" },
                { "t not contains ['a', 'b']", "{\"t\":\"xyz\"}", "yes" },
                { "t not contains 'a'", "{}", "unknown" },
                { "t contains 'a'", "{\"t\":\" \"}", "unknown" },
                { "t contains ' a '", "{\"t\":\"not a text\"}", "yes" },
                { "t contains 'straße'", "{\"t\":\"IN DER STRASSE\"}", "yes" },
                { "t contains 'STRASSE'", "{\"t\":\"in der Straße\"}", "yes" },
                { "t contains 'café'", "{\"t\":\"the CAFE\\u0301 was closed\"}", "yes" },
                { "t contains 'cafe'", "{\"t\":\"the café was closed\"}", "no" },
                { "t contains 'kündigen'", "{\"t\":\"ICH WERDE KÜNDIGEN\"}", "yes" },
                { "t contains 'отмен'", "{\"t\":\"ОТМЕНИТЕ\"}", "yes" },
                { "t contains 'ışık'", "{\"t\":\"ışık\"}", "yes" },
                { "t contains 'isik'", "{\"t\":\"ışık\"}", "no" },
                { "t contains 'kelvin'", "{\"t\":\"300 \\u212aELVIN\"}", "yes" },
                { "t contains '取消'", "{\"t\":\"我要取消订阅\"}", "yes" },
                { "t contains '😡'", "{\"t\":\"so 😡!\"}", "yes" },
                { "t contains 'ü'", "{\"t\":\"plain ascii\"}", "no" },
                { "t contains 'b'", "{\"t\":\"a\\u0000b\"}", "yes" },
                { "t contains 'longer than the text'", "{\"t\":\"short\"}", "no" },
        };
        check(cases, COUNT_OF(cases));
}

static void matches_searches_by_a_regular_expression(void **state UNUSED)
{
        static const Case cases[] = {
                { "t matches /refund/", "{\"t\":\"a refund\"}", "yes" },
                { "t matches /refund/", "{\"t\":\"a Refund\"}", "no" },
                { "t matches /refund/i", "{\"t\":\"a Refund\"}", "yes" },
                { "t matches /rückruf/i", "{\"t\":\"RÜCKRUF\"}", "yes" },
                { "t matches /^a\\/b$/", "{\"t\":\"a/b\"}", "yes" },
                { "t matches /\\d{3,}/i and f", "{\"t\":\"1234\",\"f\":true}", "yes" },
                { "(t matches /a/i)", "{\"t\":\"A\"}", "yes" },
                { "t matches /a/", "{}", "unknown" },
                { "not t matches /a/", "{\"t\":\"b\"}", "yes" },
                { "t matches /['\"]/", "{\"t\":\"it's\"}", "yes" },
        };
        check(cases, COUNT_OF(cases));
}

static void a_list_has_any_of_the_items(void **state UNUSED)
{
        static const Case cases[] = {
                { "l in ['vip', 'press']", "{\"l\":[\"new\",\"press\"]}", "yes" },
                { "l in ['vip', 'press']", "{\"l\":[\"new\"]}", "no" },
                { "l not in ['vip']", "{\"l\":[\"new\"]}", "yes" },
                { "l in ['vip']", "{\"l\":[\"VIP\"]}", "no" },
                { "l contains 'vip'", "{\"l\":[\"new\",\"VIP\"]}", "yes" },
                { "l contains 'vi'", "{\"l\":[\"vip\"]}", "no" }, /* a whole item, not a part */
                { "l contains ['a','straße']", "{\"l\":[\"x\",\"STRASSE\"]}", "yes" },
                { "l not contains 'vip'", "{\"l\":[\"vip\"]}", "no" },
                { "l contains 'one'", "{\"l\":\"One\"}", "yes" },
                { "l contains '7'", "{\"l\":[7]}", "yes" },
                { "l contains 'x'", "{\"l\":[]}", "no" },
                { "l not in ['x']", "{\"l\":[]}", "yes" },
                { "l in ['x']", "{}", "unknown" },
                { "l contains 'x'", "{\"l\":[{}]}", "unknown" },
                { "exists l", "{\"l\":[]}", "yes" },
        };
        check(cases, COUNT_OF(cases));
}

static void exists_is_never_unknown(void **state UNUSED)
{
        static const Case cases[] = {
                { "exists n", "{\"n\":1}", "yes" },     { "exists n", "{}", "no" },
                { "exists n", "{\"n\":null}", "no" },   { "exists n", "{\"n\":\"six\"}", "no" },
                { "exists nps", "{\"nps\":11}", "no" }, { "exists t", "{\"t\":\"  \"}", "no" },
                { "not exists t", "{}", "yes" },        { "exists f", "{\"f\":false}", "yes" },
                { "exists ces", "{\"ces\":3}", "no" }, /* no place in this source */
        };
        check(cases, COUNT_OF(cases));
}

static void and_binds_stronger_than_or_and_not_strongest(void **state UNUSED)
{
        static const Case cases[] = {
                { "f or g and h", "{\"f\":true,\"g\":false,\"h\":false}", "yes" },
                { "(f or g) and h", "{\"f\":true,\"g\":false,\"h\":false}", "no" },
                { "not f and g", "{\"f\":true,\"g\":false}", "no" },
                { "not (f and g)", "{\"f\":true,\"g\":false}", "yes" },
                { "not f or g", "{\"f\":true,\"g\":true}", "yes" },
                { "not not f", "{\"f\":true}", "yes" },
                { "f and g or h", "{\"f\":false,\"g\":false,\"h\":true}", "yes" },
                { "((f))", "{\"f\":true}", "yes" },
                { "not n <= 6", "{\"n\":7}", "yes" },
                { "f\nand\tg\r\n or h ", "{\"f\":true,\"g\":true}", "yes" },
                { "n<=6 and(f)", "{\"n\":6,\"f\":true}", "yes" },
                { "not(f)or(g)", "{\"f\":true,\"g\":true}", "yes" },
        };
        check(cases, COUNT_OF(cases));
}

/* ---- Kleene's tables ---- */

static const char *const TRUTH_JSON[] = { [TRUTH_FALSE] = "false", [TRUTH_TRUE] = "true", [TRUTH_UNKNOWN] = "null" };

static Truth kleene_and(Truth a, Truth b)
{
        static const Truth table[3][3] = {
                [TRUTH_FALSE] = { TRUTH_FALSE, TRUTH_FALSE, TRUTH_FALSE },
                [TRUTH_TRUE] = { TRUTH_FALSE, TRUTH_TRUE, TRUTH_UNKNOWN },
                [TRUTH_UNKNOWN] = { TRUTH_FALSE, TRUTH_UNKNOWN, TRUTH_UNKNOWN },
        };
        return table[a][b];
}

static Truth kleene_or(Truth a, Truth b)
{
        static const Truth table[3][3] = {
                [TRUTH_FALSE] = { TRUTH_FALSE, TRUTH_TRUE, TRUTH_UNKNOWN },
                [TRUTH_TRUE] = { TRUTH_TRUE, TRUTH_TRUE, TRUTH_TRUE },
                [TRUTH_UNKNOWN] = { TRUTH_UNKNOWN, TRUTH_TRUE, TRUTH_UNKNOWN },
        };
        return table[a][b];
}

static Truth kleene_not(Truth a)
{
        static const Truth table[3] = { TRUTH_TRUE, TRUTH_FALSE, TRUTH_UNKNOWN };
        return table[a];
}

static void three_values_combine_as_kleene_says(void **state UNUSED)
{
        Survey *s = small_survey();
        for (Truth a = 0; a <= TRUTH_UNKNOWN; a++)
                for (Truth b = 0; b <= TRUTH_UNKNOWN; b++)
                        for (Truth c = 0; c <= TRUTH_UNKNOWN; c++) {
                                Text json = arena_textf(arena, "{\"f\":%s,\"g\":%s,\"h\":%s}", TRUTH_JSON[a],
                                                        TRUTH_JSON[b], TRUTH_JSON[c]);
                                assert_int_equal(judge(s, "not f", json.data), kleene_not(a));
                                assert_int_equal(judge(s, "f and g", json.data), kleene_and(a, b));
                                assert_int_equal(judge(s, "f or g", json.data), kleene_or(a, b));
                                assert_int_equal(judge(s, "f and g and h", json.data), kleene_and(kleene_and(a, b), c));
                                assert_int_equal(judge(s, "f or g or h", json.data), kleene_or(kleene_or(a, b), c));
                                assert_int_equal(judge(s, "f and g or h", json.data), kleene_or(kleene_and(a, b), c));
                                assert_int_equal(judge(s, "f and (g or h)", json.data), kleene_and(a, kleene_or(b, c)));
                                assert_int_equal(judge(s, "not (f or not g) and h", json.data),
                                                 kleene_and(kleene_not(kleene_or(a, kleene_not(b))), c));
                        }
}

/* ---- errors ---- */

static void whatever_is_wrong_is_said_with_its_place(void **state UNUSED)
{
        static const struct {
                const char *source;
                size_t offset;
                const char *message;
        } cases[] = {
                { "", 0, "expected a condition, such as nps <= 6, found the end" },
                { "   ", 3, "expected a condition, such as nps <= 6, found the end" },
                { "6 >= nps", 0, "expected a condition, such as nps <= 6, found \"6\"" },
                { "and nps <= 6", 0, "expected a condition, such as nps <= 6, found \"and\"" },
                { "nps <= 6 and", 12, "expected a condition, such as nps <= 6, found the end" },
                { "nps <= 6 or or f", 12, "expected a condition, such as nps <= 6, found \"or\"" },
                { "not", 3, "expected a condition, such as nps <= 6, found the end" },
                { "()", 1, "expected a condition, such as nps <= 6, found \")\"" },
                { "npss <= 6", 0, "unknown field \"npss\"; did you mean \"nps\"?" },
                { "NPS <= 6", 0, "unknown field \"NPS\"; did you mean \"nps\"?" },
                { "f and coment contains 'x'", 6, "unknown field \"coment\"; did you mean \"comment\"?" },
                { "contactme", 0, "unknown field \"contactme\"; did you mean \"contact_me\"?" },
                { "satisfaction <= 2", 0, "unknown field \"satisfaction\"" },
                { "exists scat", 7, "unknown field \"scat\"; did you mean \"csat\"?" },
                { "exists", 6, "expected a field after \"exists\", found the end" },
                { "exists 'nps'", 7, "expected a field after \"exists\", found \"'nps'\"" },
                { "exists not nps", 7, "expected a field after \"exists\", found \"not\"" },
                { "NOT f", 0, "\"NOT\" is written in lower case" },
                { "f AND g", 2, "expected \"and\", \"or\" or the end, found \"AND\"" },
                { "nps <= 6 csat <= 2", 9, "expected \"and\", \"or\" or the end, found \"csat\"" },
                { "nps <= 6)", 8, "expected \"and\", \"or\" or the end, found \")\"" },
                { "(nps <= 6", 9, "expected \"and\", \"or\" or \")\", found the end" },
                { "(f and (g or h)", 15, "expected \"and\", \"or\" or \")\", found the end" },
                { "(f g)", 3, "expected \"and\", \"or\" or \")\", found \"g\"" },
                { "nps", 3, "\"nps\" is a number: expected =, !=, <, <=, >, >= or in after it, found the end" },
                { "segment", 7,
                  "\"segment\" is a text: expected =, !=, in, contains or matches after it, found the end" },
                { "l and f", 2, "\"l\" is a list: expected in or contains after it, found \"and\"" },
                { "nps is 6", 4, "\"nps\" is a number: expected =, !=, <, <=, >, >= or in after it, found \"is\"" },
                { "nps == 6", 4, "\"==\" is not a comparison; write \"=\"" },
                { "nps <> 6", 4, "\"<>\" is not a comparison; write \"!=\"" },
                { "nps =< 6", 4, "\"=<\" is not a comparison; write \"<=\"" },
                { "nps => 6", 4, "\"=>\" is not a comparison; write \">=\"" },
                { "f && g", 2, "\"&&\" is not a comparison; write \"and\"" },
                { "f || g", 2, "\"||\" is not a comparison; write \"or\"" },
                { "!f", 0, "\"!\" is not a comparison; write \"not\"" },
                { "nps <=> 6", 4, "\"<=>\" is not a comparison; allowed are = != < <= > >=" },
                { "= 6", 0, "expected a condition, such as nps <= 6, found \"=\"" },
                { "nps <= 'six'", 7, "\"nps\" is a number: expected a number, found \"'six'\"" },
                { "nps <= yes", 7, "\"nps\" is a number: expected a number, found \"yes\"" },
                { "nps <=", 6, "\"nps\" is a number: expected a number, found the end" },
                { "nps <= - 6", 7, "unexpected \"-\"" },
                { "nps <= 6x", 7, "\"6x\" is not a number, or too large for one" },
                { "nps <= 1e999", 7, "\"1e999\" is not a number, or too large for one" },
                { "nps <= 6.", 7, "\"6.\" is not a number, or too large for one" },
                { "nps <= 1.2.3", 7, "\"1.2.3\" is not a number, or too large for one" },
                { "nps <= 6,5", 8, "expected \"and\", \"or\" or the end, found \",\"" },
                { "contact_me = 1", 13, "\"contact_me\" is a flag: expected yes or no, found \"1\"" },
                { "contact_me = 'yes'", 13, "\"contact_me\" is a flag: expected yes or no, found \"'yes'\"" },
                { "contact_me < yes", 11, "\"contact_me\" is a flag: it is compared with = or !=, not with an order" },
                { "contact_me in [yes]", 11, "\"contact_me\" is a flag: compare it with = yes or = no" },
                { "contact_me contains 'x'", 11, "\"contains\" searches texts and lists; \"contact_me\" is a flag" },
                { "segment = gold", 10, "\"segment\" is a text: expected a text in quotes, found \"gold\"" },
                { "segment = 7", 10, "\"segment\" is a text: expected a text in quotes, found \"7\"" },
                { "segment < 'gold'", 8, "\"segment\" is a text: it is compared with = or !=, not with an order" },
                { "segment = ''", 10, "an empty text is never equal; write \"not exists\"" },
                { "segment = ' gold'", 10, "values have no white space at their ends: never equal" },
                { "segment in ['a', 'b ']", 17, "values have no white space at their ends: never equal" },
                { "segment in 'gold'", 11, "expected a list, such as ['a', 'b'], found \"'gold'\"" },
                { "nps in 6", 7, "expected a list, such as [1, 2], found \"6\"" },
                { "nps in []", 8, "a list needs at least one value" },
                { "nps in [1 2]", 10, "expected \",\" or \"]\", found \"2\"" },
                { "nps in [1, 2", 12, "expected \",\" or \"]\", found the end" },
                { "nps in [1,]", 10, "\"nps\" is a number: expected a number, found \"]\"" },
                { "nps in [1, 'two']", 11, "\"nps\" is a number: expected a number, found \"'two'\"" },
                { "segment in ['a', 2]", 17, "\"segment\" is a text: expected a text in quotes, found \"2\"" },
                { "segment not 'gold'", 12, "expected \"in\" or \"contains\" after \"not\", found \"'gold'\"" },
                { "comment not matches /x/", 12, "expected \"in\" or \"contains\" after \"not\", found \"matches\"" },
                { "l = 'vip'", 2, "\"l\" is a list: use in or contains" },
                { "l matches /vip/", 2, "\"matches\" searches texts; \"l\" is a list" },
                { "l contains vip", 11, "\"l\" is a list: expected a text in quotes, found \"vip\"" },
                { "nps contains 'x'", 4, "\"contains\" searches texts and lists; \"nps\" is a number" },
                { "nps matches /x/", 4, "\"matches\" searches texts; \"nps\" is a number" },
                { "comment contains ''", 17, "an empty text stands in every text" },
                { "comment contains ['a', '']", 23, "an empty text stands in every text" },
                { "comment contains []", 18, "a list needs at least one value" },
                { "comment contains /x/", 17, "\"comment\" is a text: expected a text in quotes, found \"/\"" },
                { "comment contains", 16, "\"comment\" is a text: expected a text in quotes, found the end" },
                { "comment matches 'x'", 16, "expected a regular expression, such as /refund/i, found \"'x'\"" },
                { "comment matches /x", 16, "this regular expression is not closed; it ends with \"/\"" },
                { "comment matches /x\\/", 16, "this regular expression is not closed; it ends with \"/\"" },
                { "comment matches /x\\", 16, "this regular expression is not closed; it ends with \"/\"" },
                { "comment matches //", 17, "an empty regular expression matches every text" },
                { "comment matches /x/g", 19,
                  "unknown flag \"g\"; the only one is i, once: upper and lower case are the same" },
                { "comment matches /x/ii", 20,
                  "unknown flag \"i\"; the only one is i, once: upper and lower case are the same" },
                { "comment matches /(a)\\1/ and", 17,
                  "in the regular expression: a back-reference is not allowed: it can take too long" },
                { "segment = 'gold", 10, "this quote is not closed" },
                { "segment = \"gold'", 10, "this quote is not closed" },
                { "segment = ‘gold’", 10, "unexpected \"‘\"; texts stand in straight quotes: 'text'" },
                { "segment = “gold”", 10, "unexpected \"“\"; texts stand in straight quotes: 'text'" },
                { "nps <= 6;", 8, "unexpected \";\"" },
                { "customer.id = 'x'", 8, "unexpected \".\"" },
                { "größe = 1", 2, "unexpected \"ö\"" },
                { "nps <= 6\x01", 8, "unexpected character 0x01" },
                { "nps <= 6 \xff", 9, "not UTF-8" },
                { "segment = 'a\xc3'", 12, "not UTF-8" },
        };
        Survey *s = small_survey();
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Expr *expr = NULL;
                TextFault fault = { 0 };
                if (expr_compile(arena, text_from(cases[i].source), &s->fields, &expr, &fault) != -EINVAL)
                        fail_msg("%s is not refused", cases[i].source);
                assert_null(expr);
                if (!text_is(fault.message, cases[i].message) || fault.offset != cases[i].offset)
                        fail_msg("%s: at %zu: " TEXT_F, cases[i].source, fault.offset, TEXT_ARG(fault.message));
        }
        Expr *expr = NULL;
        TextFault fault;
        assert_int_equal(expr_compile(arena, TEXT("nps\0<= 6"), &s->fields, &expr, &fault), -EINVAL);
        assert_text(fault.message, "unexpected character 0x00");
        assert_int_equal(fault.offset, 3);
}

static void what_pcre2_refuses_is_marked_inside_the_expression(void **state UNUSED)
{
        Survey *s = small_survey();
        Expr *expr = NULL;
        TextFault fault;
        Text source = TEXT("f and comment matches /a(b/ and g");
        assert_int_equal(expr_compile(arena, source, &s->fields, &expr, &fault), -EINVAL);
        assert_true(text_starts(fault.message, TEXT("in the regular expression: missing")));
        assert_int_equal(fault.offset, 26); /* the slash: where the bracket should have been closed */
}

/* The text `before`, `count` times `middle`, `after`. */
static Text repeated(const char *before, const char *middle, size_t count, const char *after)
{
        Buffer b = buffer_in(arena);
        buffer_put(&b, text_from(before));
        for (size_t i = 0; i < count; i++)
                buffer_put(&b, text_from(middle));
        buffer_put(&b, text_from(after));
        return buffer_text(&b);
}

static void expressions_have_bounds(void **state UNUSED)
{
        static const struct {
                const char *before, *middle, *after;
                size_t most, offset;
                const char *message;
        } cases[] = {
                { "", "(", "f", 64, 64, "nested deeper than 64 levels" },
                { "", "not ", "f", 64, 256, "nested deeper than 64 levels" },
                { "f", " or f", "", 510, 2556, "more than 512 conditions" }, /* 511 flags and the `or` */
                { "t='", "x", "'", 4092, 4096, "longer than 4096 bytes" },
        };
        Survey *s = small_survey();
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Expr *expr = NULL;
                TextFault fault = { 0 };
                Text closing = i == 0 ? repeated("f", ")", 64, "") : text_from(cases[i].after);
                (void)compile(s, repeated(cases[i].before, cases[i].middle, cases[i].most, closing.data));
                Text one_more = repeated(cases[i].before, cases[i].middle, cases[i].most + 1, closing.data);
                assert_int_equal(expr_compile(arena, one_more, &s->fields, &expr, &fault), -EINVAL);
                assert_text(fault.message, cases[i].message);
                assert_int_equal(fault.offset, cases[i].offset);
        }
        Expr *expr = NULL;
        TextFault fault;
        assert_int_equal(expr_compile(arena, repeated("", "(", 4096, ""), &s->fields, &expr, &fault), -EINVAL);
        assert_text(fault.message, "nested deeper than 64 levels");
        /* Levels that were closed count no more. */
        (void)compile(s, repeated("f", " and (not (f))", 100, ""));
}

static const char *const GOOD[] = {
        "value = 1 or nps <= 6 and not (csat in [1, 2.5e0] or segment not in ['a''b', \"c\"\"d\"])",
        "comment contains ['ä', 'lawyer'] and (nps <= 8 or csat <= 3) and not comment matches /a\\/(b|c)*[d-f]/i",
        "contact_me = no and exists comment or l contains 'x' and l not in ['y'] or t != 'z'",
};

static void whatever_is_cut_or_changed_the_fault_stays_inside(void **state UNUSED)
{
        static const char bytes[] = " ()[]'\"/=!<>,.iandotr0e-\\\xc3\xff\x01\0";
        Survey *s = small_survey();
        (void)survey_place(s, "value", FIELD_TYPE_NUMBER, "value");
        random_state = SEED;
        for (size_t round = 0; round < 20000; round++) {
                char text[256];
                const char *good = GOOD[random_below(COUNT_OF(GOOD))];
                size_t len = strlen(good);
                memcpy(text, good, len);
                if (random_below(2) == 0)
                        len = random_below(len + 1);
                for (size_t i = random_below(4); i > 0 && len > 0; i--)
                        text[random_below(len)] = bytes[random_below(sizeof(bytes))];
                Arena *scratch = arena_new(4096);
                Expr *expr = NULL;
                TextFault fault = { SIZE_MAX, TEXT_NONE };
                int r = expr_compile(scratch, (Text){ text, len }, &s->fields, &expr, &fault);
                if (r < 0 && (fault.offset > len || fault.message.len == 0 || !text_is_utf8(fault.message)))
                        fail_msg("seed %llu, round %zu: " TEXT_F, (unsigned long long)SEED, round,
                                 TEXT_ARG(((Text){ text, len })));
                arena_free(scratch);
        }
}

/* ---- against a second evaluator ---- */

typedef enum TreeKind {
        TREE_AND,
        TREE_OR,
        TREE_NOT,
        TREE_LEAF
} TreeKind;

typedef struct Tree Tree;
struct Tree {
        TreeKind kind;
        const Tree *a, *b;
        size_t leaf;
};

/* Values that stand for all others under the leaves below; the last is "not there". */
static const char *const N_VALUES[] = { "0", "0.5", "1", "1.5", "2", "3", "null" };
static const char *const T_VALUES[] = { "\"a\"", "\"b\"", "\"c\"", "null" };
enum {
        N_COUNT = COUNT_OF(N_VALUES),
        T_COUNT = COUNT_OF(T_VALUES)
};

typedef struct World { /* indexes of the values */
        size_t n, m, t, f;
} World;

typedef enum LeafKind {
        LEAF_NUMBER,
        LEAF_TEXT,
        LEAF_FLAG,
        LEAF_EXISTS
} LeafKind;

/* A leaf, and bit i: true with value i. */
static const struct {
        const char *source;
        char field;
        LeafKind kind;
        unsigned truths;
} LEAVES[] = {
        { "n <= 1", 'n', LEAF_NUMBER, 0x07 },
        { "n > 1", 'n', LEAF_NUMBER, 0x38 },
        { "n = 2", 'n', LEAF_NUMBER, 0x10 },
        { "n != 2", 'n', LEAF_NUMBER, 0x2f },
        { "n in [0, 3]", 'n', LEAF_NUMBER, 0x21 },
        { "n not in [0,1,2]", 'n', LEAF_NUMBER, 0x2a },
        { "m < 1", 'm', LEAF_NUMBER, 0x03 },
        { "m >= 2", 'm', LEAF_NUMBER, 0x30 },
        { "m = 1", 'm', LEAF_NUMBER, 0x04 },
        { "t = 'a'", 't', LEAF_TEXT, 0x1 },
        { "t != 'a'", 't', LEAF_TEXT, 0x6 },
        { "t in ['a','b']", 't', LEAF_TEXT, 0x3 },
        { "t not in ['a','b']", 't', LEAF_TEXT, 0x4 },
        { "f", 'f', LEAF_FLAG, 0x2 },
        { "f = no", 'f', LEAF_FLAG, 0x1 },
        { "exists n", 'n', LEAF_EXISTS, 0 },
        { "exists t", 't', LEAF_EXISTS, 0 },
        { "exists f", 'f', LEAF_EXISTS, 0 },
};

static Truth leaf_eval(size_t leaf, World w)
{
        size_t value = LEAVES[leaf].field == 'n'   ? w.n
                       : LEAVES[leaf].field == 'm' ? w.m
                       : LEAVES[leaf].field == 't' ? w.t
                                                   : w.f;
        size_t unknown = LEAVES[leaf].field == 't' ? T_COUNT - 1 : LEAVES[leaf].field == 'f' ? 2 : N_COUNT - 1;
        if (LEAVES[leaf].kind == LEAF_EXISTS)
                return value == unknown ? TRUTH_FALSE : TRUTH_TRUE;
        if (value == unknown)
                return TRUTH_UNKNOWN;
        return LEAVES[leaf].truths >> value & 1 ? TRUTH_TRUE : TRUTH_FALSE;
}

/* Slow, plain and complete: no order, no stopping early. */
static Truth tree_eval(const Tree *tree, World w)
{
        if (tree->kind == TREE_LEAF)
                return leaf_eval(tree->leaf, w);
        Truth a = tree_eval(tree->a, w);
        if (tree->kind == TREE_NOT)
                return kleene_not(a);
        Truth b = tree_eval(tree->b, w);
        return tree->kind == TREE_AND ? kleene_and(a, b) : kleene_or(a, b);
}

static const Tree *tree_random(size_t depth)
{
        Tree *tree = arena_new_of(arena, Tree);
        tree->kind = depth == 0 ? TREE_LEAF : (TreeKind)random_below(4);
        if (tree->kind == TREE_LEAF) {
                tree->leaf = random_below(COUNT_OF(LEAVES));
                return tree;
        }
        tree->a = tree_random(depth - 1);
        if (tree->kind != TREE_NOT)
                tree->b = tree_random(depth - 1);
        return tree;
}

/* Brackets only where they are needed, or sometimes where they are not. */
static void tree_write(const Tree *tree, TreeKind inside, Buffer *b)
{
        bool needs = tree->kind == TREE_OR ? inside != TREE_OR : tree->kind == TREE_AND && inside == TREE_NOT;
        bool brackets = needs || random_below(8) == 0;
        if (brackets)
                buffer_put_char(b, '(');
        if (tree->kind == TREE_LEAF)
                buffer_put(b, text_from(LEAVES[tree->leaf].source));
        else if (tree->kind == TREE_NOT)
                buffer_put_literal(b, "not ");
        if (tree->a)
                tree_write(tree->a, tree->kind, b);
        if (tree->b) {
                buffer_put(b, tree->kind == TREE_AND ? TEXT(" and ") : TEXT(" or "));
                tree_write(tree->b, tree->kind, b);
        }
        if (brackets)
                buffer_put_char(b, ')');
}

static Response *world_response(const Survey *s, World w)
{
        static const char *const flags[] = { "false", "true", "null" };
        return survey_read(s, arena_textf(arena, "{\"n\":%s,\"m\":%s,\"t\":%s,\"f\":%s}", N_VALUES[w.n], N_VALUES[w.m],
                                          T_VALUES[w.t], flags[w.f])
                                      .data);
}

enum {
        WORLDS = N_COUNT * N_COUNT * T_COUNT * 3
};

static World world_of(size_t i)
{
        return (World){ i % N_COUNT, i / N_COUNT % N_COUNT, i / N_COUNT / N_COUNT % T_COUNT,
                        i / N_COUNT / N_COUNT / T_COUNT };
}

static void random_expressions_agree_with_a_slow_evaluator_in_every_world(void **state UNUSED)
{
        static Response *worlds[WORLDS];
        Survey *s = small_survey();
        FieldRange ranges[FIELDS_MAX] = { 0 };
        ranges[field_of(s, "n")] = ranges[field_of(s, "m")] = (FieldRange){ true, 0, 3 };
        for (size_t i = 0; i < WORLDS; i++)
                worlds[i] = world_response(s, world_of(i));
        random_state = SEED;
        for (size_t round = 0; round < 2000; round++) {
                Buffer b = buffer_in(arena);
                const Tree *tree = tree_random(1 + random_below(5));
                tree_write(tree, TREE_OR, &b);
                Text source = buffer_text(&b);
                const Expr *expr = compile(s, source);
                bool is_true_somewhere = false;
                for (size_t i = 0; i < WORLDS; i++) {
                        Truth expected = tree_eval(tree, world_of(i));
                        is_true_somewhere |= expected == TRUTH_TRUE;
                        if (expr_eval(expr, worlds[i], arena) != expected)
                                fail_msg("seed %llu, round %zu, world %zu: " TEXT_F, (unsigned long long)SEED, round, i,
                                         TEXT_ARG(source));
                }
                if (expr_can_match(expr, ranges) != is_true_somewhere)
                        fail_msg("seed %llu, round %zu: can%s match: " TEXT_F, (unsigned long long)SEED, round,
                                 is_true_somewhere ? "" : "not", TEXT_ARG(source));
                size_t world = random_below(WORLDS);
                Text why = expr_explain(expr, worlds[world], arena);
                if (why.len == 0 || why.len > 1000)
                        fail_msg("explained as \"" TEXT_F "\": " TEXT_F, TEXT_ARG(why), TEXT_ARG(source));
        }
}

/* ---- what can match ---- */

static void rules_that_can_never_match_are_known(void **state UNUSED)
{
        static const struct {
                const char *source;
                bool can_match;
        } cases[] = {
                { "nps <= 6", true },
                { "nps > 10", false },
                { "nps >= 10", true },
                { "nps < 0", false },
                { "nps <= 11", true },
                { "nps = 11", false },
                { "nps != 11", true },
                { "nps in [11, 12]", false },
                { "nps in [10, 11]", true },
                { "nps not in [11]", true },
                { "not nps <= 10", false },
                { "csat < 1", false },
                { "csat <= 1", true },
                { "nps <= 3 and nps >= 9", false },
                { "nps > 6 and nps < 7", true }, /* 6.5 */
                { "nps > 6 and nps <= 6", false },
                { "nps >= 6 and nps <= 6", true },
                { "nps >= 6 and nps <= 6 and nps != 6", false },
                { "nps <= 3 and (nps >= 9 or csat <= 2)", true },
                { "nps <= 3 and (nps >= 9 or nps in [4, 5])", false },
                { "(nps <= 3 or csat <= 1) and nps >= 9 and csat >= 3", false },
                { "nps <= 3 or nps >= 9", true },
                { "nps > 10 or csat <= 2", true },
                { "nps > 10 or csat > 5", false },
                { "not (nps <= 5 or nps > 5)", false },
                { "n > 1e300", true }, /* no scale */
                { "n < -1e300", true },
                { "n < 3 and n != 2", true },
                { "n > 3 and n < 2", false },
                { "exists nps and not exists nps", false },
                { "not exists nps and nps <= 6", false },
                { "not exists nps and csat <= 2", true },
                { "contact_me and not contact_me", false },
                { "contact_me = yes and contact_me != no", true },
                { "contact_me = yes and contact_me = no", false },
                { "segment = 'a' and segment = 'b'", false },
                { "segment = 'a' and segment != 'a'", false },
                { "segment in ['a','b'] and segment in ['b','c']", true },
                { "segment in ['a','b'] and segment not in ['a','b','c']", false },
                { "segment not in ['a','b']", true },
                { "comment contains 'a' and comment not contains 'a'", true }, /* searches are not looked into */
                { "l in ['a'] and l in ['b']", true },
                { "l in ['a'] and not exists l", false },
        };
        Survey *s = small_survey();
        FieldRange ranges[FIELDS_MAX] = { [FIELD_NPS] = { true, 0, 10 }, [FIELD_CSAT] = { true, 1, 5 } };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                if (expr_can_match(compile(s, text_from(cases[i].source)), ranges) != cases[i].can_match)
                        fail_msg("%s", cases[i].source);
}

/* Alternatives of alternatives: the search gives up and lets the rule pass, soon. */
static void a_search_for_a_match_has_an_end(void **state UNUSED)
{
        Survey *s = small_survey();
        FieldRange ranges[FIELDS_MAX] = { [FIELD_NPS] = { true, 0, 10 } };
        Text source = repeated("nps > 5", " and (nps = 1 or nps = 2 or f)", 100, " and not f and nps < 5");
        (void)expr_can_match(compile(s, source), ranges);
        source = repeated("(f or f)", " and (t = 'a' or u = 'b' or g or h)", 80, " and n in [1,2,3] and n > 3");
        assert_true(expr_can_match(compile(s, source), ranges));
}

/* ---- what it reads, says and allows ---- */

static void it_says_which_fields_it_reads(void **state UNUSED)
{
        Survey *s = small_survey();
        uint64_t reads = expr_reads(compile(s, TEXT("nps <= 6 and (exists comment or not csat > 3)")));
        assert_true(reads == (UINT64_C(1) << FIELD_NPS | UINT64_C(1) << FIELD_COMMENT | UINT64_C(1) << FIELD_CSAT));
}

static void it_explains_which_clause_decided(void **state UNUSED)
{
        static const Case cases[] = {
                { "nps <= 6", "{\"nps\":2}", "nps <= 6 (nps is 2)" },
                { "nps <= 6", "{\"nps\":8}", "nps <= 6 (nps is 8)" },
                { "csat <= 2", "{}", "csat <= 2: csat is not in the message" },
                { "csat <= 2", "{\"csat\":9}", "csat <= 2: csat is off its scale" },
                { "csat <= 2", "{\"csat\":\"\"}", "csat <= 2: csat is empty" },
                { "csat <= 2", "{\"csat\":\"bad\"}", "csat <= 2: csat is not a number" },
                { "csat <= 2", "{\"csat\":1e999}", "csat <= 2: csat is too large a number" },
                { "ces <= 2", "{\"ces\":1}", "ces <= 2: ces is not among the fields of its source" },
                { "n in [1,2]", "{\"n\":0.5}", "n in [1,2] (n is 0.5)" },
                { "nps <= 6 and n >= 5", "{\"nps\":2,\"n\":7}", "nps <= 6 (nps is 2); n >= 5 (n is 7)" },
                { "nps <= 6 and n >= 5", "{\"nps\":2,\"n\":1}", "n >= 5 (n is 1)" },
                { "nps <= 6 and n >= 5", "{\"nps\":9}", "nps <= 6 (nps is 9)" },
                { "nps <= 6 and n >= 5", "{\"nps\":2}", "n >= 5: n is not in the message" },
                { "nps <= 6 or n >= 5", "{\"nps\":9,\"n\":7}", "n >= 5 (n is 7)" },
                { "nps <= 6 or n >= 5", "{\"nps\":9,\"n\":1}", "nps <= 6 (nps is 9); n >= 5 (n is 1)" },
                { "nps <= 6 or n >= 5", "{\"nps\":9}", "n >= 5: n is not in the message" },
                { "not nps <= 6", "{\"nps\":9}", "nps <= 6 (nps is 9)" },
                { "not (nps <= 6 or f)", "{\"nps\":9,\"f\":true}", "f (f is yes)" },
                { "contact_me = no", "{\"contact_me\":false}", "contact_me = no (contact_me is no)" },
                { "contact_me = no", "{\"contact_me\":7}", "contact_me = no: contact_me is neither yes nor no" },
                { "exists n", "{\"n\":1}", "exists n (it is there)" },
                { "exists n", "{}", "exists n (n is not in the message)" },
                { "segment = 'gold'", "{\"segment\":\"gold\"}", "segment = 'gold' (it is 'gold')" },
                { "segment in ['a', 'gold']", "{\"segment\":\"gold\"}", "segment in ['a', 'gold'] (it is 'gold')" },
                { "segment not in ['a','b']", "{\"segment\":\"secret\"}",
                  "segment not in ['a','b'] (it is something else)" },
                { "comment = 'x'", "{\"comment\":\"secret\"}", "comment = 'x' (it is something else)" },
                { "comment contains ['lawyer','cancel']", "{\"comment\":\"secret CANCEL\"}",
                  "comment contains ['lawyer','cancel'] ('cancel' is in it)" },
                { "comment contains ['lawyer','cancel']", "{\"comment\":\"secret\"}",
                  "comment contains ['lawyer','cancel'] (none is in it)" },
                { "comment not contains 'x'", "{\"comment\":\"secret\"}", "comment not contains 'x' (not in it)" },
                { "comment matches /s.c/", "{\"comment\":\"secret\"}", "comment matches /s.c/ (it matches)" },
                { "comment matches /x/", "{\"comment\":\"secret\"}", "comment matches /x/ (it does not match)" },
                { "l in ['a','b']", "{\"l\":[\"c\",\"b\"]}", "l in ['a','b'] (it has 'b')" },
                { "l in ['a','b']", "{\"l\":[\"c\"]}", "l in ['a','b'] (none of its items is)" },
                { "l contains 'B'", "{\"l\":[\"c\",\"b\"]}", "l contains 'B' ('B' is in it)" },
                { "f or g or h or n = 1 or m = 1", "{\"f\":0,\"g\":0,\"h\":0,\"n\":0,\"m\":0}",
                  "f (f is no); g (g is no); h (h is no); and 2 more" },
        };
        Survey *s = small_survey();
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Response *r = survey_read(s, cases[i].json);
                Text why = expr_explain(compile(s, text_from(cases[i].source)), r, arena);
                assert_text(why, cases[i].expected);
        }
}

static void a_long_clause_is_cut_at_a_character(void **state UNUSED)
{
        Survey *s = small_survey();
        Text source = repeated("comment contains '", "ü", 1000, "'");
        Text why = expr_explain(compile(s, source), survey_read(s, "{\"comment\":\"x\"}"), arena);
        assert_true(text_is_utf8(why));
        assert_true(why.len < 120);
        assert_true(text_starts(why, TEXT("comment contains 'üüü")));
        why = expr_explain(compile(s, source), survey_read(s, repeated("{\"comment\":\"", "Ü", 1000, "\"}").data),
                           arena);
        assert_true(text_is_utf8(why));
        assert_true(why.len < 160);
}

/* "(a+)+$" against a long run of a: unknown, said so, and over soon. */
static void a_search_that_takes_too_long_is_unknown(void **state UNUSED)
{
        Survey *s = small_survey();
        Response *r = survey_read(s, repeated("{\"nps\":9,\"comment\":\"", "a", 200000, "!\"}").data);
        const Expr *expr = compile(s, TEXT("comment matches /(a+)+$/"));
        assert_int_equal(expr_eval(expr, r, arena), TRUTH_UNKNOWN);
        assert_text(expr_explain(expr, r, arena), "comment matches /(a+)+$/: the search takes too long");
        assert_int_equal(expr_eval(compile(s, TEXT("comment matches /(a+)+$/ or nps = 9")), r, arena), TRUTH_TRUE);
        assert_int_equal(expr_eval(compile(s, TEXT("comment matches /(a+)+$/ and nps = 8")), r, arena), TRUTH_FALSE);
}

/* What costs much is not looked at when something else decides, wherever it stands. */
static void texts_are_not_searched_when_a_number_decides(void **state UNUSED)
{
        Survey *s = small_survey();
        Response *r = survey_read(s, "{\"nps\":9,\"comment\":\"cancel\",\"segment\":\"gold\"}");
        const Expr *expr =
                compile(s, TEXT("comment contains 'cancel' and segment = 'gold' and (nps <= 8 or csat <= 3)"));
        (void)survey_place(s, "csat", FIELD_TYPE_NUMBER, "nps");
        assert_int_equal(expr_eval(expr, r, arena), TRUTH_FALSE);
        assert_int_equal(r->read, UINT64_C(1) << FIELD_NPS | UINT64_C(1) << FIELD_CSAT);
}

static void comparing_takes_nothing_from_the_arenas(void **state UNUSED)
{
        Survey *s = survey_example();
        Response *r =
                survey_read(s, "{\"response_id\":\"r\",\"answers\":{\"nps\":2,\"contact_me\":\"no\",\"comment\":\"x\"},"
                               "\"customer\":{\"segment\":\"gold\"}}");
        const Expr *expr =
                compile(s, TEXT("nps <= 6 and segment in ['gold'] and contact_me = no and exists comment and "
                                "comment != 'y' and not csat > 2 or comment matches /x/i"));
        Arena *small = arena_new(256);
        size_t before = arena_bytes(small);
        r->arena = small;
        for (int i = 0; i < 1000; i++) {
                r->read = 0;
                assert_int_equal(expr_eval(expr, r, small), TRUTH_TRUE);
        }
        assert_int_equal(arena_bytes(small), before);
        arena_free(small);
}

static void names_of_fields_are_words_that_the_language_does_not_use(void **state UNUSED)
{
        static const char *const good[] = { "nps", "a", "Q1", "contact_me", "no1", "ORIGIN", "And" };
        static const char *const bad[] = {
                "",    "1a", "_a",  "a-b", "a.b",  "größe", "a b",    "and",      "or",
                "not", "in", "yes", "no",  "true", "false", "exists", "contains", "matches"
        };
        for (size_t i = 0; i < COUNT_OF(good); i++)
                assert_true(expr_is_field_name(text_from(good[i])));
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                assert_false(expr_is_field_name(text_from(bad[i])));
        assert_true(expr_is_field_name(repeated("", "x", FIELD_NAME_BYTES_MAX, "")));
        assert_false(expr_is_field_name(repeated("", "x", FIELD_NAME_BYTES_MAX + 1, "")));
}

/* ---- threads ---- */

typedef struct Judge {
        const Survey *survey;
        const Expr *expr;
        const JsonValue *root;
        size_t matched;
} Judge;

static void *judge_many(void *data)
{
        Judge *judge_of = data;
        for (size_t i = 0; i < 2000; i++) {
                Arena *own = arena_new(4096);
                Response r;
                Place place = place_of_record();
                if (response_read(&judge_of->survey->source, &judge_of->survey->fields, judge_of->root, &place, own,
                                  &r) == RESPONSE_READABLE)
                        judge_of->matched += expr_eval(judge_of->expr, &r, own) == TRUTH_TRUE;
                arena_free(own);
        }
        return NULL;
}

static void two_threads_share_an_expression(void **state UNUSED)
{
        Survey *s = small_survey();
        Judge judges[2];
        pthread_t threads[2];
        const Expr *expr =
                compile(s, TEXT("comment contains 'KÜNDIGEN' and comment matches /(sofort|heute)/i and nps <= 6"));
        const JsonValue *root = json_of("{\"nps\":1,\"comment\":\"Ich will SOFORT kündigen\"}");
        for (size_t i = 0; i < 2; i++) {
                judges[i] = (Judge){ s, expr, root, 0 };
                assert_int_equal(pthread_create(&threads[i], NULL, judge_many, &judges[i]), 0);
        }
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(pthread_join(threads[i], NULL), 0);
                assert_int_equal(judges[i].matched, 2000);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(numbers_compare_by_every_sign),
                cmocka_unit_test(flags_compare_and_stand_alone),
                cmocka_unit_test(texts_are_equal_byte_by_byte),
                cmocka_unit_test(contains_finds_a_part_whatever_its_case),
                cmocka_unit_test(matches_searches_by_a_regular_expression),
                cmocka_unit_test(a_list_has_any_of_the_items),
                cmocka_unit_test(exists_is_never_unknown),
                cmocka_unit_test(and_binds_stronger_than_or_and_not_strongest),
                cmocka_unit_test(three_values_combine_as_kleene_says),
                cmocka_unit_test(whatever_is_wrong_is_said_with_its_place),
                cmocka_unit_test(what_pcre2_refuses_is_marked_inside_the_expression),
                cmocka_unit_test(expressions_have_bounds),
                cmocka_unit_test(whatever_is_cut_or_changed_the_fault_stays_inside),
                cmocka_unit_test(random_expressions_agree_with_a_slow_evaluator_in_every_world),
                cmocka_unit_test(rules_that_can_never_match_are_known),
                cmocka_unit_test(a_search_for_a_match_has_an_end),
                cmocka_unit_test(it_says_which_fields_it_reads),
                cmocka_unit_test(it_explains_which_clause_decided),
                cmocka_unit_test(a_long_clause_is_cut_at_a_character),
                cmocka_unit_test(a_search_that_takes_too_long_is_unknown),
                cmocka_unit_test(texts_are_not_searched_when_a_number_decides),
                cmocka_unit_test(comparing_takes_nothing_from_the_arenas),
                cmocka_unit_test(names_of_fields_are_words_that_the_language_does_not_use),
                cmocka_unit_test(two_threads_share_an_expression),
        };
        return cmocka_run_group_tests_name("expr", tests, make_arena, free_arena);
}
