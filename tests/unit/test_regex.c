#include "survey.h"

#include <errno.h>

#include "core/regex.h"

static const Regex *regex_of(const char *pattern, bool ignores_case)
{
        const Regex *regex = NULL;
        TextFault fault;
        if (regex_compile(arena, text_from(pattern), ignores_case, &regex, &fault) < 0)
                fail_msg("%s: " TEXT_F, pattern, TEXT_ARG(fault.message));
        return regex;
}

static RegexResult search(const char *pattern, bool ignores_case, Text text)
{
        return regex_search(regex_of(pattern, ignores_case), text, arena);
}

static void expressions_search_as_they_say(void **state UNUSED)
{
        assert_int_equal(search("refund", false, TEXT("I want a refund now")), REGEX_MATCH);
        assert_int_equal(search("refund", false, TEXT("I want a REFUND now")), REGEX_NO_MATCH);
        assert_int_equal(search("refund", true, TEXT("I want a REFUND now")), REGEX_MATCH);
        assert_int_equal(search("rückruf", true, TEXT("Ich bitte um RÜCKRUF")), REGEX_MATCH);
        assert_int_equal(search("\\bruf\\b", true, TEXT("Rückruf")), REGEX_NO_MATCH);
        assert_int_equal(search("^.$", false, TEXT("ü")), REGEX_MATCH); /* a character, not a byte */
        assert_int_equal(search("a\\/b", false, TEXT("a/b")), REGEX_MATCH);
        assert_int_equal(search("(money|cash) back", false, TEXT("cash back")), REGEX_MATCH);
        assert_int_equal(search("a.b", false, TEXT("a\0b")), REGEX_MATCH); /* NUL is a character like any other */
        assert_int_equal(search("b$", false, TEXT("a\0b")), REGEX_MATCH);
        assert_int_equal(search("x", false, TEXT("")), REGEX_NO_MATCH);
        assert_int_equal(search("^$", false, TEXT("")), REGEX_MATCH);
}

/* What PCRE2 says, and where exactly, changes with its versions; that it says it does not. */
static void what_is_no_expression_is_refused_with_a_place_in_it(void **state UNUSED)
{
        static const char *const patterns[] = { "(",  "ab)",   "a**b(", "[z-a]",
                                                "\\", "a\\Cb", "\xff",  "(((a{1000}){1000}){1000})" };
        for (size_t i = 0; i < COUNT_OF(patterns); i++) {
                const Regex *regex = NULL;
                TextFault fault = { SIZE_MAX, TEXT_NONE };
                assert_int_equal(regex_compile(arena, text_from(patterns[i]), false, &regex, &fault), -EINVAL);
                assert_null(regex);
                assert_true(fault.message.len > 0);
                assert_true(fault.offset <= strlen(patterns[i]));
        }
}

static void back_references_are_refused(void **state UNUSED)
{
        static const char *const patterns[] = { "(a)\\1", "(?<x>a)\\k<x>", "(a)(?:b|\\g{-1})" };
        for (size_t i = 0; i < COUNT_OF(patterns); i++) {
                const Regex *regex = NULL;
                TextFault fault;
                assert_int_equal(regex_compile(arena, text_from(patterns[i]), false, &regex, &fault), -EINVAL);
                assert_text(fault.message, "a back-reference is not allowed: it can take too long");
                assert_int_equal(fault.offset, 0);
        }
}

/* Every one of these takes minutes to years where only each beginning of a match is bounded, or nothing is. A search
 * that is not bounded does not come back: that is how this test fails. */
static void hostile_texts_end_within_bounds(void **state UNUSED)
{
        static const char *const patterns[] = {
                "(a+)+$",
                "(a|a)*$",
                "(a|b)*d",
                "a*b!",
                "\\w+@x",
                "(.*)(.*)(.*)x{2}!",
                "^(([a-z])+.)+[A-Z]([a-z])+$",
                "[^x]*x{3}",
                "(?:a{0,3}){200}z!",
                "(?:x|a+)+z!",
                "(?R)?a",
                "(?=(a+))a*b",
                "(*LIMIT_MATCH=99999999)(a+)+$",
        };
        static const size_t lengths[] = { 40, 3000, 256 * 1024 };
        char *text = arena_alloc(arena, lengths[COUNT_OF(lengths) - 1]);
        for (size_t i = 0; i < COUNT_OF(patterns); i++)
                for (size_t j = 0; j < COUNT_OF(lengths); j++) {
                        size_t len = lengths[j];
                        memset(text, 'a', len);
                        memcpy(text + len - 8, "@cbdzxb!", 8); /* so that no wanted letter is missing */
                        Arena *scratch = arena_new(4096);
                        (void)search(patterns[i], true, (Text){ text, len });
                        assert_int_equal(regex_search(regex_of("^(a|a)+$", true), (Text){ text, len }, scratch),
                                         REGEX_TOO_MUCH);
                        assert_true(arena_bytes(scratch) < 2 * 1024 * 1024);
                        arena_free(scratch);
                }
}

static void a_long_text_is_no_reason_to_give_up(void **state UNUSED)
{
        size_t len = 256 * 1024;
        char *text = arena_alloc(arena, len);
        for (size_t i = 0; i < len; i++)
                text[i] = "the technician came late again\n"[i % 31];
        memcpy(text + len - 20, "so I will get a lawy", 20);
        Text given = { text, len };
        assert_int_equal(search("lawy(er)?", true, given), REGEX_MATCH);
        assert_int_equal(search("refund|cancel|money back", true, given), REGEX_NO_MATCH);
        assert_int_equal(search("technician.*early", true, given), REGEX_NO_MATCH);
        assert_int_equal(search("\\bget a \\w+$", true, given), REGEX_MATCH);
}

static void an_ordinary_search_takes_nothing_from_the_arena(void **state UNUSED)
{
        const Regex *regex = regex_of("refund|money back|cancel", true);
        Arena *scratch = arena_new(256);
        size_t before = arena_bytes(scratch);
        for (int i = 0; i < 1000; i++)
                assert_int_equal(regex_search(regex, TEXT("You will cancel this, and give me my money"), scratch),
                                 REGEX_MATCH);
        assert_int_equal(arena_bytes(scratch), before);
        arena_free(scratch);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(expressions_search_as_they_say),
                cmocka_unit_test(what_is_no_expression_is_refused_with_a_place_in_it),
                cmocka_unit_test(back_references_are_refused),
                cmocka_unit_test(hostile_texts_end_within_bounds),
                cmocka_unit_test(a_long_text_is_no_reason_to_give_up),
                cmocka_unit_test(an_ordinary_search_takes_nothing_from_the_arena),
        };
        return cmocka_run_group_tests_name("regex", tests, make_arena, free_arena);
}
