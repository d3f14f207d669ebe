#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buffer.h"

static Text wrapped(Arena *arena, const char *words, size_t column, size_t indent)
{
        Buffer b = buffer_in(arena);
        buffer_put_wrapped(&b, text_from(words), column, indent);
        return buffer_text(&b);
}

static void lines_end_before_the_eighty_first_column_and_go_on_below_their_beginning(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        char words[400] = "";
        for (int i = 0; i < 30; i++)
                strcat(words, i ? " caf\xc3\xa9s" : "caf\xc3\xa9s");
        Text rest = wrapped(arena, words, 10, 4), line;
        size_t lines = 0, count = 0;
        for (; text_split(&rest, '\n', &line); lines++) {
                size_t characters = lines == 0 ? 10 : 0;
                for (size_t i = 0; i < line.len; i++)
                        characters += ((unsigned char)line.data[i] & 0xc0) != 0x80;
                assert_true(characters <= TEXT_COLUMNS);
                assert_true(lines == 0 || text_starts(line, TEXT("    caf")));
                for (size_t i = 0; i < line.len; i++)
                        count += line.data[i] == 'c';
        }
        assert_int_equal(lines, 3);
        assert_int_equal(count, 30);
}

static void what_is_short_empty_too_long_or_has_lines_of_its_own_stays_whole(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        char word[101] = { 0 };
        memset(word, 'x', 100);
        assert_string_equal(wrapped(arena, "short words", 5, 5).data, "short words");
        assert_int_equal(wrapped(arena, "", 5, 5).len, 0);
        assert_string_equal(wrapped(arena, word, 40, 4).data, word);
        assert_string_equal(wrapped(arena, "one\ntwo", 40, 2).data, "one\n  two");
}

static void one_is_not_many(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1024);
        Buffer b = buffer_in(arena);
        for (int64_t i = 0; i < 3; i++)
                buffer_put_count(&b, i, i == 0 ? "case" : " case");
        assert_string_equal(buffer_text(&b).data, "0 cases1  case2  cases");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_end_before_the_eighty_first_column_and_go_on_below_their_beginning),
                cmocka_unit_test(what_is_short_empty_too_long_or_has_lines_of_its_own_stays_whole),
                cmocka_unit_test(one_is_not_many),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
