#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buffer.h"

static bool is_zero(const void *memory, size_t bytes)
{
        const unsigned char *m = memory;
        for (size_t i = 0; i < bytes; i++)
                if (m[i] != 0)
                        return false;
        return true;
}

static void memory_is_zeroed_and_aligned_for_any_type(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(0);
        for (int round = 0; round < 3; round++) {
                for (size_t bytes = 0; bytes < 700; bytes += 13) {
                        void *memory = arena_alloc(arena, bytes);
                        assert_non_null(memory);
                        assert_int_equal((uintptr_t)memory % 16, 0);
                        assert_true(is_zero(memory, bytes));
                        memset(memory, 0xee, bytes);
                }
                arena_reset(arena);
        }
}

static void pieces_do_not_overlap(void **state UNUSED)
{
        enum {
                PIECES = 300
        };
        CLEANUP(arena_freep) Arena *arena = arena_new(300);
        unsigned char *pieces[PIECES];
        for (size_t i = 0; i < PIECES; i++) {
                pieces[i] = arena_alloc(arena, 1 + i * 7 % 513);
                memset(pieces[i], (int)(i % 251), 1 + i * 7 % 513);
        }
        for (size_t i = 0; i < PIECES; i++)
                for (size_t b = 0; b < 1 + i * 7 % 513; b++)
                        assert_int_equal(pieces[i][b], i % 251);
}

static void a_piece_larger_than_any_block_gets_one_of_its_own(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(256);
        unsigned char *large = arena_alloc(arena, (size_t)5 << 20);
        unsigned char *small = arena_alloc(arena, 10);
        memset(large, 1, (size_t)5 << 20);
        assert_true(is_zero(small, 10));
        assert_true(arena_bytes(arena) >= (size_t)5 << 20);
        assert_true(arena_bytes(arena) < (size_t)7 << 20);
}

static void growing_needs_few_blocks_and_little_more_than_asked(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(256);
        for (int i = 0; i < 200000; i++)
                (void)arena_alloc(arena, 100);
        size_t asked = (size_t)200000 * 112;
        assert_true(arena_bytes(arena) >= asked && arena_bytes(arena) < asked + ((size_t)3 << 20));
}

static void reset_keeps_the_first_block_only(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1000);
        size_t empty = arena_bytes(arena);
        void *first = arena_alloc(arena, 50);
        for (int i = 0; i < 100; i++)
                (void)arena_alloc(arena, 500);
        assert_true(arena_bytes(arena) > empty);
        arena_reset(arena);
        assert_int_equal(arena_bytes(arena), empty);
        assert_ptr_equal(arena_alloc(arena, 50), first);
        arena_reset(arena);
        arena_reset(arena);
        assert_int_equal(arena_bytes(arena), empty);
}

static void going_back_gives_back_what_was_taken_since(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(256);
        Text kept = arena_text(arena, TEXT("kept"));
        ArenaMark mark = arena_mark(arena);
        size_t before = arena_bytes(arena);
        char *first = arena_alloc(arena, 16);
        for (int i = 0; i < 100; i++)
                (void)arena_alloc(arena, 1000);
        arena_rewind(arena, mark);
        assert_int_equal(arena_bytes(arena), before);
        assert_ptr_equal(arena_alloc(arena, 16), first);
        assert_string_equal(kept.data, "kept");
}

static void freeing_nothing_is_nothing(void **state UNUSED)
{
        assert_null(arena_free(NULL));
        CLEANUP(arena_freep) Arena *handed_over = arena_new(10);
        Arena *kept = steal(handed_over);
        assert_null(handed_over);
        assert_null(arena_free(kept));
}

static void a_growing_array_keeps_its_items(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(256);
        int *items = NULL;
        size_t capacity = 0;
        for (int i = 0; i < 10000; i++) {
                items = arena_grow(arena, items, (size_t)i, &capacity, sizeof(int));
                assert_true(capacity > (size_t)i);
                items[i] = i * 3;
        }
        for (int i = 0; i < 10000; i++)
                assert_int_equal(items[i], i * 3);
        assert_true(capacity < 32768);
        assert_true(is_zero(items + 10000, (capacity - 10000) * sizeof(int)));
}

static void copied_texts_end_with_a_nul_that_does_not_count(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(256);
        char bytes[] = { 'a', '\0', 'b', 'c' };
        Text copy = arena_text(arena, (Text){ bytes, 3 });
        bytes[0] = 'x';
        assert_int_equal(copy.len, 3);
        assert_memory_equal(copy.data, "a\0b", 4);
        Text empty = arena_text(arena, TEXT(""));
        assert_non_null(empty.data);
        assert_int_equal(empty.len, 0);
        assert_int_equal(empty.data[0], '\0');
        assert_null(arena_text(arena, TEXT_NONE).data);
}

static void formatted_texts_have_the_length_they_need(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(256);
        Text text = arena_textf(arena, "%s-%d-" TEXT_F, "x", 42, TEXT_ARG(TEXT("yz")));
        assert_true(text_is(text, "x-42-yz"));
        assert_int_equal(text.data[text.len], '\0');
        Text none = arena_textf(arena, "[" TEXT_F "]", TEXT_ARG(TEXT_NONE));
        assert_true(text_is(none, "[]"));
        Text wide = arena_textf(arena, "%5000d", 7);
        assert_int_equal(wide.len, 5000);
        assert_int_equal(wide.data[4999], '7');
}

static void a_buffer_grows_at_its_end(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(256);
        Buffer b = buffer_in(arena);
        assert_int_equal(buffer_text(&b).len, 0);
        assert_non_null(buffer_text(&b).data);
        for (int i = 0; i < 1000; i++) {
                buffer_put_literal(&b, "ab");
                buffer_put_char(&b, 'c');
                buffer_putf(&b, "%03d", i);
                buffer_put(&b, TEXT_NONE);
        }
        Text text = buffer_text(&b);
        assert_int_equal(text.len, 6000);
        assert_memory_equal(text.data + 5994, "abc999", 7);
        assert_memory_equal(text.data, "abc000abc001", 12);
}

static void integers_are_written_exactly(void **state UNUSED)
{
        static const struct {
                int64_t value;
                const char *text;
        } cases[] = {
                { 0, "0" },
                { -1, "-1" },
                { 10, "10" },
                { 1234567890, "1234567890" },
                { INT64_MAX, "9223372036854775807" },
                { INT64_MIN, "-9223372036854775808" },
        };
        CLEANUP(arena_freep) Arena *arena = arena_new(256);
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Buffer b = buffer_in(arena);
                buffer_put_integer(&b, cases[i].value);
                assert_string_equal(buffer_text(&b).data, cases[i].text);
        }
}

static void a_format_longer_than_the_room_left_is_written_whole(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(256);
        for (int width = 100; width < 160; width++) { /* around the first capacity of 128 */
                Buffer b = buffer_in(arena);
                buffer_put_char(&b, '>');
                buffer_putf(&b, "%*d", width, 7);
                Text text = buffer_text(&b);
                assert_int_equal(text.len, width + 1);
                assert_int_equal(text.data[width], '7');
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(memory_is_zeroed_and_aligned_for_any_type),
                cmocka_unit_test(pieces_do_not_overlap),
                cmocka_unit_test(a_piece_larger_than_any_block_gets_one_of_its_own),
                cmocka_unit_test(growing_needs_few_blocks_and_little_more_than_asked),
                cmocka_unit_test(reset_keeps_the_first_block_only),
                cmocka_unit_test(going_back_gives_back_what_was_taken_since),
                cmocka_unit_test(freeing_nothing_is_nothing),
                cmocka_unit_test(a_growing_array_keeps_its_items),
                cmocka_unit_test(copied_texts_end_with_a_nul_that_does_not_count),
                cmocka_unit_test(formatted_texts_have_the_length_they_need),
                cmocka_unit_test(a_buffer_grows_at_its_end),
                cmocka_unit_test(integers_are_written_exactly),
                cmocka_unit_test(a_format_longer_than_the_room_left_is_written_whole),
        };
        return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
