#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

static const JsonLimits LIMITS = { .bytes_max = 16 << 20, .depth_max = 64 };

typedef struct Fixture {
        Arena *arena;
        JsonReader *reader;
} Fixture;

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(*f));
        if (!f)
                return -1;
        f->arena = arena_new(4096);
        f->reader = json_reader_new();
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;
        f->arena = arena_free(f->arena);
        f->reader = json_reader_free(f->reader);
        free(f);
        return 0;
}

/* From a block of its own, so that a checker sees a read past its end. */
static JsonFault fault_of(const Fixture *f, Text text, JsonLimits limits)
{
        char *copy = malloc(text.len + 1);
        assert_non_null(copy);
        if (text.len > 0)
                memcpy(copy, text.data, text.len);
        const JsonValue *root = NULL;
        JsonFault fault = json_read(f->reader, (Text){ copy, text.len }, limits, &root);
        assert_int_equal(fault == JSON_FAULT_NONE, root != NULL);
        free(copy);
        return fault;
}

static void assert_fault(const Fixture *f, const char *text, JsonFault expected)
{
        JsonFault found = fault_of(f, text_from(text), LIMITS);
        if (found != expected)
                fail_msg("%s: %s, not %s", text, json_fault_text(found), json_fault_text(expected));
}

static const JsonValue *read_text(const Fixture *f, Text text)
{
        const JsonValue *root = NULL;
        JsonFault fault = json_read(f->reader, text, LIMITS, &root);
        if (fault != JSON_FAULT_NONE)
                fail_msg(TEXT_F ": %s", TEXT_ARG(text), json_fault_text(fault));
        return root;
}

#define read_literal(f, literal) read_text((f), TEXT(literal))

/* ---- what is refused ---- */

static void nothing_is_empty(void **state)
{
        assert_fault(*state, "", JSON_FAULT_EMPTY);
        assert_fault(*state, " \t\r\n ", JSON_FAULT_EMPTY);
        const Fixture *f = *state;
        const JsonValue *root = NULL;
        assert_int_equal(json_read(f->reader, TEXT_NONE, LIMITS, &root), JSON_FAULT_EMPTY);
        assert_int_equal(json_read_in(f->arena, TEXT_NONE, &root), JSON_FAULT_EMPTY);
        assert_int_equal(json_read_in(f->arena, TEXT("  "), &root), JSON_FAULT_EMPTY);
}

static void what_is_not_json_is_refused(void **state)
{
        static const char *const cases[] = {
                "{",
                "}",
                "[",
                "[1,]",
                "{\"a\":1,}",
                "{a:1}",
                "{'a':1}",
                "{\"a\" 1}",
                "{\"a\":}",
                "{1:2}",
                "nul",
                "True",
                "NaN",
                "Infinity",
                "-Infinity",
                "01",
                "+1",
                "1.",
                ".5",
                "-",
                "0x1",
                "1e",
                "[1 2]",
                "\"open",
                "\"tab\tinside\"",
                "\"new\nline\"",
                "\"\\x41\"",
                "\"\\u12\"",
                "\"\\u12g4\"",
                "// comment\n1",
                "/* c */ 1",
                "1 2",
                "{}{}",
                "{} x",
                "[] ,",
                "1;",
                "\xef\xbb\xbf{}",
                "\"\\ud800\"",
                "\"\\udc00\"",
                "\"\\ud800\\u0041\"",
                "\"\\ud800\\ud800\"",
                "\"\x01\"",
                "undefined",
                "\v1",
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_fault(*state, cases[i], JSON_FAULT_NOT_JSON);
        assert_int_equal(fault_of(*state, (Text){ "\"a\0b\"", 5 }, LIMITS), JSON_FAULT_NOT_JSON); /* a bare NUL */
        assert_int_equal(fault_of(*state, (Text){ "{}\0", 3 }, LIMITS), JSON_FAULT_NOT_JSON);
}

static void what_is_not_utf8_is_told_apart(void **state)
{
        static const char *const cases[] = { "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
                                             "\"\xc3\"", "{\"\x80\":1}", "\xff\xfe{}",       "\"\xe2\x82\"" };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_fault(*state, cases[i], JSON_FAULT_NOT_UTF8);
        /* UTF-16 */
        assert_int_equal(fault_of(*state, (Text){ "{\0}\0", 4 }, LIMITS), JSON_FAULT_NOT_JSON);
}

static void a_key_twice_in_one_object_is_refused(void **state)
{
        static const char *const twice[] = {
                "{\"a\":1,\"a\":1}",
                "{\"a\":1,\"b\":2,\"a\":3}",
                "{\"\":1,\"\":2}",
                "[[{\"x\":{\"a\":1,\"a\":2}}]]",
                "{\"a\":1,\"\\u0061\":2}",
                "{\"\xc3\xa9\":1,\"\\u00e9\":2}",
                "[{\"a\":1},{\"b\":1,\"b\":2}]",
                "{\"a\\u0000b\":1,\"a\\u0000b\":2}",
                "{\"k\":{\"v\":1},\"k\":[]}",
        };
        for (size_t i = 0; i < COUNT_OF(twice); i++)
                assert_fault(*state, twice[i], JSON_FAULT_DUPLICATE_KEY);
        static const char *const once[] = {
                "{\"a\":{\"a\":{\"a\":1}}}",    "[{\"a\":1},{\"a\":1}]",     "{\"a\":1,\"A\":1,\"a \":1,\"\":1}",
                "{\"ab\":1,\"a\":1,\"abc\":1}", "{\"a\":\"a\",\"b\":\"a\"}", "{\"a\\u0000b\":1,\"a\\u0000c\":2,\"a\":3}"
        };
        for (size_t i = 0; i < COUNT_OF(once); i++)
                assert_fault(*state, once[i], JSON_FAULT_NONE);
}

/* {"k0":0, ... } with the last key a repeat of the one at `repeated`, if that is not negative. */
static Text object_of(Arena *arena, int keys, int repeated)
{
        Buffer b = buffer_in(arena);
        buffer_put_char(&b, '{');
        for (int i = 0; i < keys; i++)
                buffer_putf(&b, "%s\"k%d\":%d", i ? "," : "", i == keys - 1 && repeated >= 0 ? repeated : i, i);
        buffer_put_char(&b, '}');
        return buffer_text(&b);
}

static void repeats_are_found_in_objects_of_any_size(void **state)
{
        Fixture *f = *state;
        static const int sizes[] = { 2, 3, 24, 63, 64, 65, 66, 100, 20000 };
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
                int n = sizes[i];
                assert_int_equal(fault_of(f, object_of(f->arena, n, -1), LIMITS), JSON_FAULT_NONE);
                assert_int_equal(fault_of(f, object_of(f->arena, n, 0), LIMITS), JSON_FAULT_DUPLICATE_KEY);
                assert_int_equal(fault_of(f, object_of(f->arena, n, n - 2), LIMITS), JSON_FAULT_DUPLICATE_KEY);
        }
}

static uint64_t random_state;

static uint64_t random_next(void)
{
        random_state ^= random_state >> 12;
        random_state ^= random_state << 25;
        random_state ^= random_state >> 27;
        return random_state * 0x2545f4914f6cdd1du;
}

/* A value of up to so many levels whose objects have keys of few letters: says whether one has a key twice. */
static bool random_value_put(Buffer *b, unsigned levels)
{
        if (levels == 0 || random_next() % 4 == 0) {
                buffer_put(b, TEXT("\"aa\""));
                return false;
        }
        bool is_object = random_next() % 3 > 0, repeats = false;
        uint64_t seen = 0;
        size_t count = random_next() % 6;
        buffer_put_char(b, is_object ? '{' : '[');
        for (size_t i = 0; i < count; i++) {
                if (i > 0)
                        buffer_put_char(b, ',');
                unsigned key = (unsigned)(random_next() % 60);
                if (is_object)
                        buffer_putf(b, "\"%.*s%c\":", (int)(key / 20), "aa", "abcdefghijklmnopqrst"[key % 20]);
                repeats |= is_object && (seen & UINT64_C(1) << key) != 0;
                seen |= UINT64_C(1) << key;
                repeats |= random_value_put(b, levels - 1);
        }
        buffer_put_char(b, is_object ? '}' : ']');
        return repeats;
}

static void repeats_are_found_wherever_they_stand(void **state)
{
        Fixture *f = *state;
        size_t repeated = 0, tries = 5000;
        random_state = 20261122;
        for (size_t i = 0; i < tries; i++) {
                Buffer b = buffer_in(f->arena);
                bool repeats = random_value_put(&b, 5);
                assert_fault(f, buffer_text(&b).data, repeats ? JSON_FAULT_DUPLICATE_KEY : JSON_FAULT_NONE);
                repeated += repeats;
        }
        assert_in_range(repeated, tries / 20, tries / 2);
}

static Text nested(Arena *arena, size_t depth, const char *open, const char *close, const char *inside)
{
        Buffer b = buffer_in(arena);
        for (size_t i = 0; i < depth; i++)
                buffer_put(&b, text_from(open));
        buffer_put(&b, text_from(inside));
        for (size_t i = 0; i < depth; i++)
                buffer_put(&b, text_from(close));
        return buffer_text(&b);
}

static void the_depth_limit_is_exact(void **state)
{
        Fixture *f = *state;
        static const unsigned limits[] = { 1, 2, 63, 64, 1024 };
        for (size_t i = 0; i < COUNT_OF(limits); i++) {
                JsonLimits l = { .bytes_max = 1 << 20, .depth_max = limits[i] };
                unsigned d = limits[i];
                assert_int_equal(fault_of(f, nested(f->arena, d, "[", "]", "1"), l), JSON_FAULT_NONE);
                assert_int_equal(fault_of(f, nested(f->arena, d, "[", "]", ""), l), JSON_FAULT_NONE);
                assert_int_equal(fault_of(f, nested(f->arena, d + 1, "[", "]", ""), l), JSON_FAULT_TOO_DEEP);
                assert_int_equal(fault_of(f, nested(f->arena, d + 1, "[", "]", "1"), l), JSON_FAULT_TOO_DEEP);
                assert_int_equal(fault_of(f, nested(f->arena, d, "{\"a\":", "}", "1"), l), JSON_FAULT_NONE);
                assert_int_equal(fault_of(f, nested(f->arena, d, "{\"a\":", "}", "{}"), l), JSON_FAULT_TOO_DEEP);
                assert_int_equal(fault_of(f, TEXT("1"), l), JSON_FAULT_NONE);
        }
        JsonLimits one = { .bytes_max = 1 << 20, .depth_max = 2 };
        assert_int_equal(fault_of(f, TEXT("[[],[],{},[1,2],{\"a\":1}]"), one),
                         JSON_FAULT_NONE); /* siblings are no depth */
        assert_int_equal(fault_of(f, TEXT("[[],[],{},[1,[]]]"), one), JSON_FAULT_TOO_DEEP);
        assert_int_equal(fault_of(f, nested(f->arena, 200000, "[", "]", ""), LIMITS), JSON_FAULT_TOO_DEEP);
        assert_int_equal(fault_of(f, nested(f->arena, 200000, "[", "", ""), LIMITS), JSON_FAULT_NOT_JSON);
}

static void the_length_limit_is_exact(void **state)
{
        JsonLimits limits = { .bytes_max = 10, .depth_max = 4 };
        assert_int_equal(fault_of(*state, TEXT("[1,2,3,4]"), limits), JSON_FAULT_NONE);
        assert_int_equal(fault_of(*state, TEXT("[1,2,3,40]"), limits), JSON_FAULT_NONE);
        assert_int_equal(fault_of(*state, TEXT("[1,2,3,400]"), limits), JSON_FAULT_TOO_LONG);
        assert_int_equal(fault_of(*state, TEXT("[1,2,3,4]  "), limits), JSON_FAULT_TOO_LONG);
}

static void every_fault_has_words(void **state UNUSED)
{
        for (JsonFault fault = 0; fault < JSON_FAULT_MAX; fault++)
                assert_true(strlen(json_fault_text(fault)) > 3);
}

/* ---- values ---- */

static void numbers_are_exact_or_huge(void **state)
{
        Fixture *f = *state;
        const JsonValue *root = read_literal(
                f,
                "[0,-0,1,-1,9223372036854775807,9223372036854775808,18446744073709551615,18446744073709551616,"
                "-9223372036854775808,-9223372036854775809,1.5,-1e3,1e999,-1e999,1e308,123456789012345678901234567890,"
                "0.1,5e-324,1e-999,12345678901234567890.5]");
        static const JsonType types[] = {
                JSON_INTEGER, JSON_REAL,    JSON_INTEGER, JSON_INTEGER, JSON_INTEGER, JSON_INTEGER, JSON_INTEGER,
                JSON_HUGE,    JSON_INTEGER, JSON_HUGE,    JSON_REAL,    JSON_REAL,    JSON_HUGE,    JSON_HUGE,
                JSON_REAL,    JSON_HUGE,    JSON_REAL,    JSON_REAL,    JSON_REAL,    JSON_REAL,
        };
        assert_int_equal(json_count(root), COUNT_OF(types));
        for (size_t i = 0; i < COUNT_OF(types); i++) {
                JsonType found = json_type(json_at(root, i));
                /* "-0" may be either. */
                if (found != types[i] && i != 1)
                        fail_msg("number %zu has type %d, not %d", i, (int)found, (int)types[i]);
        }
        int64_t integer;
        uint64_t natural;
        double number;
        assert_true(json_integer(json_at(root, 4), &integer) && integer == INT64_MAX);
        assert_false(json_integer(json_at(root, 5), &integer));
        assert_true(json_unsigned(json_at(root, 5), &natural) && natural == UINT64_C(9223372036854775808));
        assert_true(json_unsigned(json_at(root, 6), &natural) && natural == UINT64_MAX);
        assert_true(json_integer(json_at(root, 8), &integer) && integer == INT64_MIN);
        assert_false(json_unsigned(json_at(root, 8), &natural));
        assert_false(json_unsigned(json_at(root, 3), &natural));
        assert_true(json_number(json_at(root, 1), &number) && number == 0);
        assert_true(json_number(json_at(root, 3), &number) && number == -1);
        assert_true(json_number(json_at(root, 11), &number) && number == -1000);
        assert_false(json_integer(json_at(root, 11), &integer)); /* -1e3 is no integer as written */
        assert_false(json_number(json_at(root, 7), &number) || json_number(json_at(root, 12), &number));
        assert_true(text_is(json_text(json_at(root, 7)), "18446744073709551616"));
        assert_true(text_is(json_text(json_at(root, 12)), "1e999"));
        assert_true(text_is(json_text(json_at(root, 13)), "-1e999"));
        assert_true(json_number(json_at(root, 16), &number) && number == 0.1);
        assert_true(json_number(json_at(root, 17), &number) && number == 5e-324);
        assert_true(json_number(json_at(root, 18), &number) && number == 0);
}

static void texts_may_hold_any_character(void **state)
{
        Fixture *f = *state;
        const JsonValue *root = read_literal(
                f,
                "[\"a\\u0000b\",\"\\u0000\",\"\\ud83d\\ude00\",\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\",\"\xe2\x82\xac\"]");
        assert_true(text_equal(json_text(json_at(root, 0)), (Text){ "a\0b", 3 }));
        assert_true(text_equal(json_text(json_at(root, 1)), (Text){ "\0", 1 }));
        assert_true(text_is(json_text(json_at(root, 2)), "\xf0\x9f\x98\x80"));
        assert_true(text_is(json_text(json_at(root, 3)), "\"\\/\b\f\n\r\t"));
        assert_true(text_is(json_text(json_at(root, 4)), "") && json_text(json_at(root, 4)).data);
        assert_true(text_is(json_text(json_at(root, 5)), "\xe2\x82\xac"));
}

static void what_is_not_there_is_absent_everywhere(void **state)
{
        Fixture *f = *state;
        const JsonValue *root = read_literal(f, "{\"a\":null,\"b\":[1],\"t\":\"x\",\"y\":true,\"n\":false}");
        int64_t integer;
        uint64_t natural;
        double number;
        assert_null(json_get(root, TEXT("missing")));
        assert_null(json_get(root, TEXT_NONE));
        assert_null(json_get(NULL, TEXT("a")));
        assert_null(json_get(json_get(root, TEXT("b")), TEXT("a")));
        assert_null(json_at(json_get(root, TEXT("b")), 1));
        assert_null(json_at(root, 0));
        assert_null(json_at(NULL, 0));
        assert_int_equal(json_type(NULL), JSON_ABSENT);
        assert_int_equal(json_type(json_get(root, TEXT("a"))), JSON_NULL);
        assert_int_equal(json_count(NULL), 0);
        assert_int_equal(json_count(json_get(root, TEXT("t"))), 0);
        assert_null(json_text(NULL).data);
        assert_null(json_text(json_get(root, TEXT("a"))).data);
        assert_null(json_text(json_at(json_get(root, TEXT("b")), 0)).data);
        assert_false(json_integer(NULL, &integer) || json_unsigned(NULL, &natural) || json_number(NULL, &number));
        assert_false(json_number(json_get(root, TEXT("y")), &number) ||
                     json_number(json_get(root, TEXT("t")), &number));
        assert_true(json_is_true(json_get(root, TEXT("y"))));
        assert_false(json_is_true(json_get(root, TEXT("n"))) || json_is_true(json_get(root, TEXT("t"))) ||
                     json_is_true(NULL));
        JsonWalk walk = json_walk(NULL);
        assert_false(json_next(&walk));
}

static void walking_gives_every_member_in_order(void **state)
{
        Fixture *f = *state;
        const JsonValue *root = read_literal(f, "{\"a\":[1,[2,[]],{}],\"b\":{\"c\":{}},\"\":[],\"z\":0}");
        static const char *const keys[] = { "a", "b", "", "z" };
        static const JsonType types[] = { JSON_ARRAY, JSON_OBJECT, JSON_ARRAY, JSON_INTEGER };
        size_t n = 0;
        for (JsonWalk w = json_walk(root); json_next(&w); n++) {
                assert_true(text_is(w.key, keys[n]));
                assert_int_equal(json_type(w.value), types[n]);
                assert_ptr_equal(w.value, json_get(root, w.key));
        }
        assert_int_equal(n, 4);
        const JsonValue *array = json_get(root, TEXT("a"));
        n = 0;
        for (JsonWalk w = json_walk(array); json_next(&w); n++)
                assert_ptr_equal(w.value, json_at(array, n));
        assert_int_equal(n, 3);
        JsonWalk empty = json_walk(json_get(root, TEXT("")));
        assert_false(json_next(&empty));
        assert_false(json_next(&empty));
        JsonWalk scalar = json_walk(json_get(root, TEXT("z")));
        assert_false(json_next(&scalar));
}

static void a_value_of_a_megabyte_is_read_whole(void **state)
{
        Fixture *f = *state;
        enum {
                LONG_BYTES = 1 << 20
        };
        Buffer b = buffer_in(f->arena);
        buffer_put_literal(&b, "{\"before\":1,\"long\":\"");
        memset(buffer_room(&b, LONG_BYTES), 'x', LONG_BYTES);
        b.len += LONG_BYTES;
        buffer_put_literal(&b, "\",\"after\":[1,2,3]}");
        for (int round = 0; round < 3; round++) { /* too large for the pool, then one that fits, and again */
                const JsonValue *root = read_text(f, buffer_text(&b));
                assert_int_equal(json_text(json_get(root, TEXT("long"))).len, LONG_BYTES);
                assert_int_equal(json_text(json_get(root, TEXT("long"))).data[LONG_BYTES - 1], 'x');
                assert_int_equal(json_count(json_get(root, TEXT("after"))), 3);
                root = read_literal(f, "[true]");
                assert_true(json_is_true(json_at(root, 0)));
        }
}

static void documents_around_the_size_of_the_pool_are_read(void **state)
{
        Fixture *f = *state;
        for (int values = 1000; values < 6000; values += 37) {
                Buffer b = buffer_in(f->arena);
                for (int i = 0; i < values; i++)
                        buffer_putf(&b, "%c%d", i ? ',' : '[', i);
                buffer_put_char(&b, ']');
                const JsonValue *root = read_text(f, buffer_text(&b));
                int64_t last;
                assert_true(json_integer(json_at(root, (size_t)values - 1), &last) && last == values - 1);
                arena_reset(f->arena);
        }
}

static void values_read_in_an_arena_stay_with_it(void **state)
{
        Fixture *f = *state;
        char written[] = "{\"a\":[\"text\",12,{\"b\":\"more\"}],\"a\":1}"; /* ours: not checked for repeats */
        const JsonValue *root = NULL;
        assert_int_equal(json_read_in(f->arena, (Text){ written, sizeof(written) - 1 }, &root), JSON_FAULT_NONE);
        memset(written, '#', sizeof(written));
        (void)read_literal(f, "[1,2,3]");
        const JsonValue *array = json_get(root, TEXT("a"));
        assert_true(text_is(json_text(json_at(array, 0)), "text"));
        assert_true(text_is(json_text(json_get(json_at(array, 2), TEXT("b"))), "more"));
        assert_int_equal(json_read_in(f->arena, TEXT("{"), &root), JSON_FAULT_NOT_JSON);
}

static void a_reader_that_is_none_is_freed_as_nothing(void **state UNUSED)
{
        assert_null(json_reader_free(NULL));
        CLEANUP(json_reader_freep) JsonReader *reader = json_reader_new();
        const JsonValue *root = NULL;
        assert_int_equal(json_read(reader, TEXT("[]"), LIMITS, &root), JSON_FAULT_NONE);
}

/* ---- writing ---- */

static void values_are_written_with_their_commas(void **state)
{
        Fixture *f = *state;
        Buffer b = buffer_in(f->arena);
        JsonWriter w = json_writer(&b);
        json_open(&w, '{');
        json_key(&w, "empty");
        json_open(&w, '[');
        json_close(&w, ']');
        json_field_text(&w, "text", TEXT("a"));
        json_field_text(&w, "absent", TEXT_NONE);
        json_field_integer(&w, "n", -5);
        json_field_bool(&w, "yes", true);
        json_field_time(&w, "at", (WallTime){ 0 });
        json_field_time(&w, "never", WALL_NONE);
        json_key_text(&w, TEXT("ke\"y"));
        json_open(&w, '[');
        json_put_bool(&w, false);
        json_put_null(&w);
        json_put_raw(&w, TEXT("{\"raw\":1}"));
        json_open(&w, '{');
        json_close(&w, '}');
        json_put_number(&w, 0.5);
        json_close(&w, ']');
        json_close(&w, '}');
        assert_string_equal(buffer_text(&b).data, "{\"empty\":[],\"text\":\"a\",\"absent\":null,\"n\":-5,\"yes\":true,"
                                                  "\"at\":\"1970-01-01T00:00:00.000Z\","
                                                  "\"never\":null,\"ke\\\"y\":[false,null,{\"raw\":1},{},0.5]}");
}

static Text written(Arena *arena, Text text)
{
        Buffer b = buffer_in(arena);
        JsonWriter w = json_writer(&b);
        json_put_text(&w, text);
        return buffer_text(&b);
}

static void hostile_texts_come_back_as_they_were(void **state)
{
        Fixture *f = *state;
        static const Text cases[] = {
                { "", 0 },
                { "plain", 5 },
                { "a\0b\0", 4 },
                { "\"},\"admin\":true,{\"", 18 },
                { "\\\\\"\\u0041\\n", 11 },
                { "\x01\x02\x1f\x7f\b\f\n\r\t\v\x1b[31m", 15 },
                { "</script><!--", 13 },
                { "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae", 9 },
                { "\xf0\x9f\x98\x80 \xc3\xa9 \xed\x9f\xbf \xef\xbf\xbf \xf4\x8f\xbf\xbf", 20 },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Text json = written(f->arena, cases[i]);
                for (size_t c = 0; c < json.len; c++) /* no control character goes out as it is */
                        assert_true((uint8_t)json.data[c] >= 0x20 && json.data[c] != 0x7f);
                assert_true(text_equal(json_text(read_text(f, json)), cases[i]));
        }
}

static void every_byte_comes_back_or_becomes_u_fffd(void **state)
{
        Fixture *f = *state;
        for (int c = 0; c < 256; c++) {
                char bytes[] = { 'a', (char)c, 'z' };
                Text back = json_text(read_text(f, written(f->arena, (Text){ bytes, 3 })));
                assert_true(c < 0x80 ? text_equal(back, (Text){ bytes, 3 }) : text_is(back, "a\xef\xbf\xbdz"));
        }
}

static void bytes_that_are_no_character_do_not_take_their_neighbours_along(void **state)
{
        Fixture *f = *state;
        static const char *const cases[][2] = {
                { "a\x80\x80z", "a\xef\xbf\xbd\xef\xbf\xbdz" },
                { "\xc3\xa9\xc3", "\xc3\xa9\xef\xbf\xbd" },
                { "\xc3\xa9\xa9", "\xc3\xa9\xef\xbf\xbd" },
                { "\xe2\x82\xe2\x82\xac", "\xef\xbf\xbd\xef\xbf\xbd\xe2\x82\xac" },
                { "\xff\"\\", "\xef\xbf\xbd\"\\" },
                { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Text back = json_text(read_text(f, written(f->arena, text_from(cases[i][0]))));
                if (!text_is(back, cases[i][1]))
                        fail_msg("case %zu: \"" TEXT_F "\"", i, TEXT_ARG(back));
        }
}

static void random_bytes_are_written_as_json_whatever_they_are(void **state)
{
        Fixture *f = *state;
        random_state = 20261120;
        print_message("seed %llu\n", (unsigned long long)random_state);
        for (int round = 0; round < 5000; round++) {
                char bytes[32];
                size_t len = random_next() % sizeof(bytes);
                for (size_t i = 0; i < len; i++)
                        bytes[i] = (char)(random_next() >> 40);
                Text text = { bytes, len };
                Text back = json_text(read_text(f, written(f->arena, text)));
                assert_true(text_is_utf8(back));
                if (text_is_utf8(text))
                        assert_true(text_equal(back, text));
                arena_reset(f->arena);
        }
}

static void random_documents_are_read_or_refused_but_never_overrun(void **state)
{
        Fixture *f = *state;
        static const char *const pieces[] = { "{",    "}",  "[",           "]",
                                              ",",    ":",  "\"a\"",       "\"b\"",
                                              "\"\"", "1",  "-1.5e9",      "true",
                                              "null", " ",  "\"\\u00e9\"", "\"\xc3\xa9\"",
                                              "\xff", "\"", "1e999",       "\\" };
        random_state = 20261121;
        print_message("seed %llu\n", (unsigned long long)random_state);
        int readable = 0;
        for (int round = 0; round < 20000; round++) {
                Buffer b = buffer_in(f->arena);
                for (uint64_t left = random_next() % 12; left > 0; left--)
                        buffer_put(&b, text_from(pieces[random_next() % COUNT_OF(pieces)]));
                readable += fault_of(f, buffer_text(&b), LIMITS) == JSON_FAULT_NONE;
                arena_reset(f->arena);
        }
        assert_true(readable > 100);
}

static void numbers_are_written_so_that_they_read_back_the_same(void **state)
{
        Fixture *f = *state;
        static const double cases[] = { 0,
                                        1,
                                        -1,
                                        0.1,
                                        1.0 / 3,
                                        1e21,
                                        1e22,
                                        -2.5e-8,
                                        9007199254740991.0,
                                        9007199254740992.0,
                                        9.5e15,
                                        1e300,
                                        DBL_MAX,
                                        DBL_MIN,
                                        5e-324,
                                        123456.789,
                                        100.0,
                                        1e15 + 0.5,
                                        -1e-300,
                                        4503599627370497.5 };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Buffer b = buffer_in(f->arena);
                JsonWriter w = json_writer(&b);
                double back;
                json_put_number(&w, cases[i]);
                if (!json_number(read_text(f, buffer_text(&b)), &back) || back != cases[i])
                        fail_msg("%.17g is written " TEXT_F, cases[i], TEXT_ARG(buffer_text(&b)));
        }
        static const struct {
                double value;
                const char *text;
        } forms[] = { { 9, "9" },   { -3, "-3" }, { 0.1, "0.1" }, { 2.5, "2.5" }, { 1e15, "1000000000000000" },
                      { -0.0, "0" } };
        for (size_t i = 0; i < COUNT_OF(forms); i++) {
                Buffer b = buffer_in(f->arena);
                JsonWriter w = json_writer(&b);
                json_put_number(&w, forms[i].value);
                assert_string_equal(buffer_text(&b).data, forms[i].text);
        }
        static const double not_finite[] = { INFINITY, -INFINITY, NAN };
        for (size_t i = 0; i < COUNT_OF(not_finite); i++) {
                Buffer b = buffer_in(f->arena);
                JsonWriter w = json_writer(&b);
                json_put_number(&w, not_finite[i]);
                assert_string_equal(buffer_text(&b).data, "null");
        }
}

#define fixture_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                fixture_test(nothing_is_empty),
                fixture_test(what_is_not_json_is_refused),
                fixture_test(what_is_not_utf8_is_told_apart),
                fixture_test(a_key_twice_in_one_object_is_refused),
                fixture_test(repeats_are_found_in_objects_of_any_size),
                fixture_test(repeats_are_found_wherever_they_stand),
                fixture_test(the_depth_limit_is_exact),
                fixture_test(the_length_limit_is_exact),
                fixture_test(every_fault_has_words),
                fixture_test(numbers_are_exact_or_huge),
                fixture_test(texts_may_hold_any_character),
                fixture_test(what_is_not_there_is_absent_everywhere),
                fixture_test(walking_gives_every_member_in_order),
                fixture_test(a_value_of_a_megabyte_is_read_whole),
                fixture_test(documents_around_the_size_of_the_pool_are_read),
                fixture_test(values_read_in_an_arena_stay_with_it),
                fixture_test(a_reader_that_is_none_is_freed_as_nothing),
                fixture_test(values_are_written_with_their_commas),
                fixture_test(hostile_texts_come_back_as_they_were),
                fixture_test(every_byte_comes_back_or_becomes_u_fffd),
                fixture_test(bytes_that_are_no_character_do_not_take_their_neighbours_along),
                fixture_test(random_bytes_are_written_as_json_whatever_they_are),
                fixture_test(random_documents_are_read_or_refused_but_never_overrun),
                fixture_test(numbers_are_written_so_that_they_read_back_the_same),
        };
        return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
