#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buffer.h"
#include "core/grapheme.h"
#include "core/wording.h"

#define FAMILY "\U0001F468\u200D\U0001F469\u200D\U0001F467"
#define HEART_COUPLE "\U0001F469\u200D\u2764\uFE0F\u200D\U0001F468"
#define FLAG "\U0001F1E9\U0001F1EA"
#define THUMB "\U0001F44D\U0001F3FD"

static Arena *arena;

static int setup(void **state)
{
        (void)state;
        arena = arena_new(4096);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        arena = arena_free(arena);
        return 0;
}

typedef struct Cleaning {
        const char *text, *expected; /* NULL: nothing is left */
} Cleaning;

static void assert_cleaned(const Cleaning *cases, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                Text cleaned = grapheme_clean(arena, text_from(cases[i].text), 1024);
                if (!cases[i].expected)
                        assert_null(cleaned.data);
                else
                        assert_string_equal(cleaned.data, cases[i].expected);
        }
}

static void white_space_becomes_one_space(void **state)
{
        (void)state;
        const Cleaning cases[] = {
                { "a b", "a b" },
                { " a \t\r\n b\n", "a b" },
                { "a\vb\fc", "a b c" },
                { "a\u00a0\u3000b\u2028c\u2029d\xc2\x85"
                  "e\u2800f",
                  "a b c d e f" },
                { "", NULL },
                { " \n", NULL },
                { "\u3000", NULL },
        };
        assert_cleaned(cases, COUNT_OF(cases));
        assert_null(grapheme_clean(arena, TEXT_NONE, 1024).data);
}

static void what_is_not_seen_goes(void **state)
{
        (void)state;
        const Cleaning cases[] = {
                { "a\x01\x1b[31mb\x7f", "a[31mb" },
                { "a\xc2\x80\xc2\x9b"
                  "b",
                  "ab" },
                { "\u202eabc\u202c\u2066d\u2069\u200e\u200f\u061ce", "abcde" }, /* bidi */
                { "a\u200b\u2060\ufeff\u00ad\u034f\u180eb", "ab" },             /* zero width */
                { "\u3164\uffa0\u115f", NULL },                                 /* fillers that look like nothing */
                { "a\U000e0041\U000e0042b", "ab" },                             /* tags */
                { "a\U000e0101b", "ab" }, /* a selector that can carry hidden bytes */
                { "a\ufff9b\ufffac\ufffb", "abc" },
                { "a\ufdd0\U0001ffffb", "ab" },
        };
        assert_cleaned(cases, COUNT_OF(cases));
}

static void joiners_stay_where_they_are_seen(void **state)
{
        (void)state;
        const Cleaning cases[] = {
                { FAMILY, FAMILY },
                { HEART_COUPLE, HEART_COUPLE },
                { "\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937" }, /* Hindi */
                { "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
                  "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645" }, /* Persian */
                { "a\u200db\u200cc", "abc" },
                { "\u200d\u0915", "\u0915" },
                { "\u0915\u200d", "\u0915" },
                { "\u0915\u200d \u0915", "\u0915 \u0915" },
                { "\u0915\u200d\u200d\u200d\u0915", "\u0915\u200d\u0915" },
                { "\u2764\ufe0f", "\u2764\ufe0f" },
                { "\u2764\ufe0f\ufe0f\ufe0e", "\u2764\ufe0f" },
                { "\ufe0fa", "a" },
        };
        assert_cleaned(cases, COUNT_OF(cases));
}

static void marks_need_a_letter_and_do_not_pile_up(void **state)
{
        (void)state;
        const Cleaning cases[] = {
                { "e\u0301", "e\u0301" },
                { "\u0301e", "e" },
                { "a \u0301b", "a b" },
                { "e\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301", "e\u0301\u0301\u0301\u0301\u0301\u0301" },
                { "\u05e9\u05c1\u05b8\u05dc", "\u05e9\u05c1\u05b8\u05dc" },
        };
        assert_cleaned(cases, COUNT_OF(cases));
}

static void bytes_that_are_not_utf8_become_a_replacement(void **state)
{
        (void)state;
        const Cleaning cases[] = { { "a\xff\x62", "a\ufffdb" }, { "\xc3", "\ufffd" }, { "a\xe2\x80", "a\ufffd" } };
        assert_cleaned(cases, COUNT_OF(cases));
}

static void longer_text_is_looked_at_no_further(void **state)
{
        (void)state;
        assert_string_equal(grapheme_clean(arena, TEXT("abcdef"), 6).data, "abcdef");
        assert_string_equal(grapheme_clean(arena, TEXT("abcdef"), 5).data, "abcde\u2026");
        assert_string_equal(grapheme_clean(arena, TEXT("ab\u00e9\u00e9"), 3).data, "ab\u00e9\u2026");
        assert_null(grapheme_clean(arena, TEXT("\u200b\u200b\u200babc"), 9).data);
}

static void what_looks_like_one_character_counts_as_one(void **state)
{
        (void)state;
        const struct {
                const char *text;
                size_t count;
        } cases[] = {
                { "", 0 },
                { "abc", 3 },
                { "e\u0301", 1 },
                { FAMILY, 1 },
                { HEART_COUPLE, 1 },
                { FLAG FLAG, 2 },
                { THUMB "a", 2 },
                { "\u1100\u1161\u11a8", 1 },
                { "\u65e5\u672c", 2 },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_int_equal(grapheme_count(arena, text_from(cases[i].text)), cases[i].count);
}

typedef struct Cut {
        const char *text;
        size_t characters;
        const char *expected;
} Cut;

static void a_cut_keeps_whole_words_and_whole_characters(void **state)
{
        (void)state;
        const Cut cuts[] = {
                { "one two three", 13, "one two three" },
                { "one two three", 12, "one two\u2026" },
                { "one two three", 8, "one two\u2026" },
                { "one two three", 7, "one\u2026" },
                { "one, two", 6, "one\u2026" },
                { "abcdefgh ij", 6, "abcde\u2026" },
                { "a bcdefghij", 9, "a bcdefg\u2026" }, /* no word ends in the second half */
                { FLAG FLAG FLAG, 2, FLAG "\u2026" },
                { FAMILY FAMILY FAMILY, 2, FAMILY "\u2026" },
                { "e\u0301e\u0301e\u0301", 2, "e\u0301\u2026" },
                { "\u65e5\u672c\u8a9e\u65e5", 3, "\u65e5\u672c\u2026" },
                { "one \u2068two three\u2069", 10, "one \u2068two\u2026\u2069" },
                { "one \u2068two three\u2069", 6, "one\u2026" },
                { "abc", 1, "\u2026" },
                { "abc", 0, "" },
                { "", 0, "" },
        };
        for (size_t i = 0; i < COUNT_OF(cuts); i++) {
                Text text = grapheme_cut(arena, text_from(cuts[i].text), cuts[i].characters);
                assert_string_equal(text.data, cuts[i].expected);
                assert_true(grapheme_count(arena, text) <= cuts[i].characters);
        }
}

static void the_words_of_a_message_are_cleaned_and_cut(void **state)
{
        (void)state;
        assert_string_equal(wording_cut(arena, TEXT(" Nobody\n\ncalled \u202eback "), 14).data, "Nobody called\u2026");
        assert_string_equal(wording_cut(arena, TEXT("Nobody"), 14).data, "Nobody");
        assert_null(wording_cut(arena, TEXT("\u200b"), 14).data);
}

static void only_right_to_left_text_is_isolated(void **state)
{
        (void)state;
        const Cleaning cases[] = {
                { "Maria", "Maria" },
                { "\u65e5\u672c", "\u65e5\u672c" },
                { "\u05d0", "\u2068\u05d0\u2069" },
                { "Hotel \u0645\u062d\u0645\u062f 5", "\u2068Hotel \u0645\u062d\u0645\u062f 5\u2069" },
                { "\u0661\u0662", "\u2068\u0661\u0662\u2069" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_string_equal(arena_text(arena, grapheme_isolate(arena, text_from(cases[i].text))).data,
                                    cases[i].expected);
}

/* Whatever bytes come, what leaves is UTF-8, one line, no longer than asked for, and stays the same a second time. */
static void any_bytes_become_one_harmless_line(void **state)
{
        (void)state;
        static const char *const pieces[] = { "a",          " ",      "\n",   "\u202e",   "\u200d", "\u0301",
                                              "\U0001F468", "\ufe0f", "\xff", "\xe2\x80", "\u05d0", "\u0915\u094d",
                                              "\x1b",       "\u2069", FLAG };
        uint32_t seed = 1;
        for (int round = 0; round < 3000; round++) {
                Buffer b = buffer_in(arena);
                for (int i = 0; i < 24; i++) {
                        seed = seed * 1664525u + 1013904223u;
                        buffer_put(&b, text_from(pieces[(seed >> 16) % COUNT_OF(pieces)]));
                }
                Text cut = wording_cut(arena, buffer_text(&b), 10);
                assert_true(text_is_utf8(cut) && grapheme_count(arena, cut) <= 10);
                assert_true(cut.len == 0 || (!memchr(cut.data, '\n', cut.len) && !memchr(cut.data, 0x1b, cut.len)));
                assert_true(text_equal(wording_cut(arena, cut, 10), cut));
                arena_reset(arena);
        }
}

int main(void)
{
#define CLAIM(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        const struct CMUnitTest tests[] = {
                CLAIM(white_space_becomes_one_space),
                CLAIM(what_is_not_seen_goes),
                CLAIM(joiners_stay_where_they_are_seen),
                CLAIM(marks_need_a_letter_and_do_not_pile_up),
                CLAIM(bytes_that_are_not_utf8_become_a_replacement),
                CLAIM(longer_text_is_looked_at_no_further),
                CLAIM(what_looks_like_one_character_counts_as_one),
                CLAIM(a_cut_keeps_whole_words_and_whole_characters),
                CLAIM(the_words_of_a_message_are_cleaned_and_cut),
                CLAIM(only_right_to_left_text_is_isolated),
                CLAIM(any_bytes_become_one_harmless_line),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
