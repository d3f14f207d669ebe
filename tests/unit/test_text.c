#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <stdlib.h>

#include "base/text.h"

static void order_is_by_bytes_and_the_shorter_first(void **state UNUSED)
{
        static const char *const ascending[] = { "",      "\x01",  "A",     "AB", "B",       "a",
                                                 "a\x7f", "a\x80", "a\xff", "b",  "\xc3\xa9" };
        for (size_t i = 0; i < COUNT_OF(ascending); i++) {
                for (size_t j = 0; j < COUNT_OF(ascending); j++) {
                        int order = text_compare(text_from(ascending[i]), text_from(ascending[j]));
                        assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
                        assert_int_equal(text_equal(text_from(ascending[i]), text_from(ascending[j])), i == j);
                }
        }
        assert_int_equal(text_compare(TEXT_NONE, TEXT_NONE), 0);
        assert_true(text_compare(TEXT_NONE, TEXT("a")) < 0);
        assert_true(text_compare((Text){ "a\0b", 3 }, (Text){ "a\0c", 3 }) < 0);
}

static void absent_and_empty_are_equal_but_told_apart_by_data(void **state UNUSED)
{
        assert_true(text_equal(TEXT_NONE, TEXT("")));
        assert_true(text_is_empty(TEXT_NONE) && text_is_empty(TEXT("")));
        assert_null(TEXT_NONE.data);
        assert_non_null(TEXT("").data);
        assert_null(text_from(NULL).data);
        assert_true(text_is(TEXT_NONE, NULL));
}

static void a_text_starts_with_its_prefixes_only(void **state UNUSED)
{
        assert_true(text_starts(TEXT("person:ana"), TEXT("person:")));
        assert_true(text_starts(TEXT("x"), TEXT("x")));
        assert_true(text_starts(TEXT("x"), TEXT("")));
        assert_true(text_starts(TEXT_NONE, TEXT_NONE));
        assert_false(text_starts(TEXT("x"), TEXT("xy")));
        assert_false(text_starts(TEXT("yx"), TEXT("x")));
        assert_false(text_starts(TEXT_NONE, TEXT("x")));
        assert_true(text_is(text_from_offset(TEXT("person:ana"), 7), "ana"));
        assert_true(text_is(text_from_offset(TEXT("ana"), 3), ""));
}

static void trimming_takes_white_space_at_both_ends(void **state UNUSED)
{
        static const char *const cases[][2] = {
                { "a", "a" }, { "  a b\t", "a b" },           { "\r\n a\n", "a" }, { " \t\r\n", "" },
                { "", "" },   { "\xc2\xa0 a", "\xc2\xa0 a" }, { "\va", "\va" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_true(text_is(text_trim(text_from(cases[i][0])), cases[i][1]));
        assert_null(text_trim(TEXT_NONE).data);
}

static void splitting_gives_every_part_also_the_empty_ones(void **state UNUSED)
{
        static const struct {
                const char *text;
                size_t count;
                const char *parts[4];
        } cases[] = {
                { "a,,b", 3, { "a", "", "b" } }, { "", 1, { "" } },
                { ",", 2, { "", "" } },          { "a", 1, { "a" } },
                { "a,", 2, { "a", "" } },        { ",a b,c", 3, { "", "a b", "c" } },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Text rest = text_from(cases[i].text), part;
                size_t count = 0;
                for (; text_split(&rest, ',', &part); count++) {
                        assert_true(count < cases[i].count);
                        assert_true(text_is(part, cases[i].parts[count]));
                        assert_non_null(part.data);
                }
                assert_int_equal(count, cases[i].count);
        }
        Text rest = TEXT_NONE, part;
        assert_false(text_split(&rest, ',', &part));
}

static void numbers_are_decimal_and_fill_the_text(void **state UNUSED)
{
        static const struct {
                const char *text;
                double value;
        } good[] = {
                { "0", 0 },
                { "-0", 0 },
                { "+7", 7 },
                { "007", 7 },
                { "3.25", 3.25 },
                { "-3.5e2", -350 },
                { "1E3", 1000 },
                { "1e+3", 1000 },
                { "25e-1", 2.5 },
                { "0.1", 0.1 },
                { "1e308", 1e308 },
                { "1e-400", 0 },
                { "9007199254740993", 9007199254740992.0 },
                { "1.7976931348623157e308", DBL_MAX },
                { "123456789012345678901234567890", 123456789012345678901234567890.0 },
                { "000000000000000000000000000000000000000000000000000000000000001", 1 },
        };
        for (size_t i = 0; i < COUNT_OF(good); i++) {
                double value = -1;
                if (!text_number(text_from(good[i].text), &value) || value != good[i].value)
                        fail_msg("\"%s\" gives %.17g", good[i].text, value);
        }
        static const char *const bad[] = { "",      " 1",   "1 ",    "1.",     ".5",       "-",    "+",    "--1",
                                           "1e",    "1e+",  "1e1.5", "e5",     "0x10",     "inf",  "-inf", "nan",
                                           "1,5",   "1_0",  "1e999", "-1e999", "infinity", "0b1",  "1 2",  "\xd9\xa1",
                                           "1.2.3", "1e5x", "1d5",   "NaN",    "1f",       "0x1p3" };
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
                double value = 77;
                if (text_number(text_from(bad[i]), &value))
                        fail_msg("\"%s\" gives %.17g", bad[i], value);
                assert_true(value == 77);
        }
        double value;
        assert_false(text_number(TEXT_NONE, &value));
        assert_false(text_number((Text){ "1\0", 2 }, &value));
        assert_true(text_number((Text){ "12345", 3 }, &value) && value == 123); /* a slice, no NUL behind it */
}

static void integers_are_exact_up_to_64_bits(void **state UNUSED)
{
        static const struct {
                const char *text;
                int64_t value;
        } good[] = {
                { "0", 0 },
                { "-0", 0 },
                { "+5", 5 },
                { "-17", -17 },
                { "000000000000000000000000000042", 42 },
                { "999999999999999999", 999999999999999999 },
                { "9223372036854775807", INT64_MAX },
                { "-9223372036854775808", INT64_MIN },
        };
        for (size_t i = 0; i < COUNT_OF(good); i++) {
                int64_t value = -1;
                if (!text_integer(text_from(good[i].text), &value) || value != good[i].value)
                        fail_msg("\"%s\" gives %lld", good[i].text, (long long)value);
        }
        static const char *const bad[] = { "",
                                           "-",
                                           "+",
                                           " 1",
                                           "1 ",
                                           "1.0",
                                           "1e3",
                                           "0x1",
                                           "9223372036854775808",
                                           "-9223372036854775809",
                                           "99999999999999999999999",
                                           "1-",
                                           "--1",
                                           "+-1" };
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
                int64_t value = 77;
                if (text_integer(text_from(bad[i]), &value))
                        fail_msg("\"%s\" gives %lld", bad[i], (long long)value);
                assert_int_equal(value, 77);
        }
        int64_t value;
        assert_false(text_integer(TEXT_NONE, &value));
}

static void distance_counts_single_letter_edits(void **state UNUSED)
{
        static const struct {
                const char *a, *b;
                unsigned distance;
        } cases[] = {
                { "", "", 0 },
                { "abc", "", 3 },
                { "kitten", "sitting", 3 },
                { "flaw", "lawn", 2 },
                { "detractor", "detracter", 1 },
                { "window", "windwo", 1 },
                { "nps", "nsp", 1 },
                { "abcd", "badc", 2 },
                { "ca", "abc", 3 },
                { "a", "b", 1 },
                { "same", "same", 0 },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                assert_int_equal(text_distance(text_from(cases[i].a), text_from(cases[i].b)), cases[i].distance);
                assert_int_equal(text_distance(text_from(cases[i].b), text_from(cases[i].a)), cases[i].distance);
        }
        char many_a[1000], many_b[1000];
        memset(many_a, 'a', sizeof(many_a));
        memset(many_b, 'b', sizeof(many_b));
        assert_int_equal(text_distance((Text){ many_a, 1000 }, (Text){ many_b, 1000 }), 64);
}

static void only_well_formed_utf8_is_utf8(void **state UNUSED)
{
        static const char *const good[] = { "",
                                            "plain",
                                            "\x7f",
                                            "\xc2\x80",
                                            "\xdf\xbf",
                                            "\xe0\xa0\x80",
                                            "\xed\x9f\xbf",
                                            "\xee\x80\x80",
                                            "\xef\xbf\xbf",
                                            "\xf0\x90\x80\x80",
                                            "\xf4\x8f\xbf\xbf",
                                            "Jos\xc3\xa9 is eight and more \xf0\x9f\x98\x80",
                                            "12345678\xc3\xa9" };
        static const char *const bad[] = { "\x80",
                                           "\xbf",
                                           "\xc0\x80",
                                           "\xc1\xbf",
                                           "\xc2",
                                           "\xc2\x41",
                                           "\xe0\x9f\xbf",
                                           "\xe0\xa0",
                                           "\xed\xa0\x80",
                                           "\xed\xbf\xbf",
                                           "\xf0\x8f\xbf\xbf",
                                           "\xf0\x90\x80",
                                           "\xf4\x90\x80\x80",
                                           "\xf5\x80\x80\x80",
                                           "\xff",
                                           "\xfe",
                                           "a\xc3",
                                           "12345678\x80",
                                           "1234567\xc3",
                                           "\xe2\x82",
                                           "\xf8\x88\x80\x80\x80" };
        for (size_t i = 0; i < COUNT_OF(good); i++)
                if (!text_is_utf8(text_from(good[i])))
                        fail_msg("good %zu", i);
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                if (text_is_utf8(text_from(bad[i])))
                        fail_msg("bad %zu", i);
        assert_true(text_is_utf8(TEXT_NONE));
        assert_true(text_is_utf8((Text){ "a\0b", 3 }));
        assert_false(text_is_utf8((Text){ "\xc3\xa9", 1 })); /* cut inside a character */
}

/* Encodes by arithmetic; U+D800 to U+DFFF are no characters. */
static size_t encode(uint32_t c, char bytes[4])
{
        if (c < 0x80) {
                bytes[0] = (char)c;
                return 1;
        }
        size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const unsigned leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
        for (size_t i = len; i-- > 1; c >>= 6)
                bytes[i] = (char)(0x80 | (c & 0x3f));
        bytes[0] = (char)(leads[len] | c);
        return len;
}

static void every_code_point_but_surrogates_is_one_character(void **state UNUSED)
{
        for (uint32_t c = 0; c < 0x110000; c++) {
                char bytes[8] = "....!!!!";
                size_t len = encode(c, bytes);
                bool is_surrogate = c >= 0xd800 && c <= 0xdfff;
                bool is_right = text_character_bytes((Text){ bytes, 8 }, 0) == (is_surrogate ? 0 : len) &&
                                text_is_utf8((Text){ bytes, len }) == !is_surrogate &&
                                !text_is_utf8((Text){ bytes, len - 1 }) == (len > 1);
                if (!is_right)
                        fail_msg("U+%04X", c);
        }
        assert_int_equal(text_character_bytes(TEXT("a"), 1), 0);
        assert_int_equal(text_character_bytes(TEXT_NONE, 0), 0);
}

static void stepping_by_characters_ends_at_the_end(void **state UNUSED)
{
        Text text = TEXT("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
        static const size_t starts[] = { 0, 1, 3, 6, 10, 11 };
        for (size_t i = 0; i + 1 < COUNT_OF(starts); i++)
                assert_int_equal(text_next_character(text, starts[i]), starts[i + 1]);
        assert_int_equal(text_next_character(text, 11), 11);
        assert_int_equal(text_next_character(TEXT_NONE, 0), 0);
}

static void hashes_are_those_of_fnv_1a(void **state UNUSED)
{
        assert_true(text_hash(TEXT("")) == UINT64_C(0xcbf29ce484222325));
        assert_true(text_hash(TEXT("a")) == UINT64_C(0xaf63dc4c8601ec8c));
        assert_true(text_hash(TEXT("foobar")) == UINT64_C(0x85944171f73967e8));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(order_is_by_bytes_and_the_shorter_first),
                cmocka_unit_test(absent_and_empty_are_equal_but_told_apart_by_data),
                cmocka_unit_test(a_text_starts_with_its_prefixes_only),
                cmocka_unit_test(trimming_takes_white_space_at_both_ends),
                cmocka_unit_test(splitting_gives_every_part_also_the_empty_ones),
                cmocka_unit_test(numbers_are_decimal_and_fill_the_text),
                cmocka_unit_test(integers_are_exact_up_to_64_bits),
                cmocka_unit_test(distance_counts_single_letter_edits),
                cmocka_unit_test(only_well_formed_utf8_is_utf8),
                cmocka_unit_test(every_code_point_but_surrogates_is_one_character),
                cmocka_unit_test(stepping_by_characters_ends_at_the_end),
                cmocka_unit_test(hashes_are_those_of_fnv_1a),
        };
        return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
