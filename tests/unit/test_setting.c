#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "config/setting.h"

#define TEST(subject, claim) static void subject##_##claim(void **state UNUSED)

static Arena *arena;
static Report *report;

static int setup(void **state UNUSED)
{
        arena = arena_new(4096);
        report = report_new();
        return 0;
}

static int teardown(void **state UNUSED)
{
        arena = arena_free(arena);
        report = report_free(report);
        return 0;
}

static Setting *read(const char *content)
{
        Setting *root = NULL;
        assert_int_equal(setting_read(arena, TEXT("x.conf"), text_from(content), report, &root), 0);
        return root;
}

static void refuse(Text content, unsigned line)
{
        Setting *root;
        size_t before = report->count;
        assert_int_equal(setting_read(arena, TEXT("x.conf"), content, report, &root), -EINVAL);
        assert_int_equal(report->count, before + 1);
        assert_int_equal(report->problems[before].line, line);
}

TEST(values, keep_their_types_and_lines)
{
        Setting *root =
                read("a = 1;\nb = 5000000000L; c = 2.5;\nd = true;\ne = \"x\"\n \"y\";\nf = { g = ( 1, \"z\" ); };\n");
        assert_int_equal(setting_integer(root, "a"), 1);
        assert_int_equal(setting_integer(root, "b"), INT64_C(5000000000));
        assert_true(setting_number(setting_get(root, "c")) == 2.5 && setting_flag(root, "d"));
        assert_true(text_is(setting_text(root, "e"), "xy"));
        assert_int_equal(setting_child(root, "c")->line, 2);
        const Setting *list = setting_get(setting_get(root, "f"), "g");
        assert_int_equal(list->line, 6);
        assert_int_equal(setting_count(list), 2);
        assert_true(text_is(list->last->text, "z"));
        assert_null(setting_get(root, "nothing"));
        assert_null(setting_text(NULL, "x").data);
}

/* libconfig would give 1215752191. */
TEST(whole_numbers, beyond_32_bits_are_refused_unless_marked)
{
        refuse(TEXT("\na = 99999999999;"), 2);
        refuse(TEXT("a = [ 1, 2147483648 ];"), 1);
        refuse(TEXT("a = 0x123456789;"), 1);
        refuse(TEXT("a = -3000000000;"), 1);
        assert_int_equal(setting_integer(read("a = 2147483647;"), "a"), INT32_MAX);
        assert_int_equal(setting_integer(read("a = 99999999999L;"), "a"), INT64_C(99999999999));
        assert_true(setting_number(setting_get(read("a = 99999999999.5;"), "a")) == 99999999999.5);
}

TEST(long_numbers, in_texts_comments_and_names_are_none)
{
        Setting *root =
                read("# 99999999999\n// 99999999999 \"\n/* 99999999999\n \" */ a = \"99999999999 \\\" 99999999999\";\n"
                     "b99999999999 = 1;");
        assert_true(text_is(setting_text(root, "a"), "99999999999 \" 99999999999"));
        assert_int_equal(setting_child(root, "a")->line, 4);
}

TEST(files, that_are_no_text_are_refused_at_the_line)
{
        refuse(TEXT("a = 1;\n\n\0b = 2;"), 3);
        refuse(TEXT("a = 1;\nb = \"\xff\";\n"), 2);
        refuse(TEXT("@include \"other.conf\"\n"), 1);
        refuse(TEXT("a = 1;\na = 2;\n"), 2);
        refuse(TEXT("a = ;"), 1);
        refuse(TEXT("a = \"x"), 1);
        refuse(TEXT("/* a = 1;"), 1);
        assert_int_equal(setting_integer(read("\xef\xbb\xbf"
                                              "a = 7;"),
                                         "a"),
                         7);
}

TEST(nesting, is_bounded)
{
        Buffer b = buffer_in(arena);
        buffer_put_literal(&b, "a = ");
        for (int i = 0; i < 3000; i++)
                buffer_put_char(&b, '(');
        for (int i = 0; i < 3000; i++)
                buffer_put_char(&b, ')');
        buffer_put_char(&b, ';');
        refuse(buffer_text(&b), 1);
}

TEST(what_is_written, reads_back_as_itself)
{
        static const char source[] =
                "a = 1;\nb = 5000000000L;\nc = -2.5;\nd = 1.0e+30;\ne = 3.0;\nf = false;\n"
                "g = \"q\\\"\\\\ \\x01\\x7f \xc3\xa9\";\nh = { i = \"x\"; };\nj = ( 1, 2 );\nk = (\n  {\n"
                "    l = 1;\n    m = ( );\n  }\n);\n";
        Buffer b = buffer_in(arena);
        const Setting *root = read(source);
        for (const Setting *s = root->first; s; s = s->next)
                setting_write(s, true, 0, &b);
        assert_string_equal(buffer_text(&b).data, source);
}

TEST(numbers, of_any_size_read_back_as_themselves)
{
        static const double numbers[] = { 0.1,  1e-7,   123456789.125,          1e15,
                                          1e17, 5e-324, 1.7976931348623157e308, -0.3333333333333333 };
        for (size_t i = 0; i < COUNT_OF(numbers); i++) {
                Setting root = { .type = SETTING_GROUP };
                Setting *number = setting_add(arena, &root, TEXT("n"), SETTING_NUMBER);
                Buffer b = buffer_in(arena);
                number->number = numbers[i];
                setting_write(number, true, 0, &b);
                assert_true(setting_number(setting_get(read(buffer_text(&b).data), "n")) == numbers[i]);
        }
}

TEST(sizes, have_a_unit)
{
        int64_t bytes;
        assert_true(bytes_parse(TEXT("256 KiB"), &bytes) && bytes == 262144);
        assert_true(bytes_parse(TEXT("1 GiB"), &bytes) && bytes == 1 << 30);
        assert_true(bytes_parse(TEXT("7 bytes"), &bytes) && bytes == 7);
        static const char *const bad[] = { "",       "256",    "KiB",     "256KiB",
                                           "256 kB", "-1 KiB", "1.5 MiB", "9999999999999 GiB" };
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                assert_false(bytes_parse(text_from(bad[i]), &bytes));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(values_keep_their_types_and_lines),
                CASE(whole_numbers_beyond_32_bits_are_refused_unless_marked),
                CASE(long_numbers_in_texts_comments_and_names_are_none),
                CASE(files_that_are_no_text_are_refused_at_the_line),
                CASE(nesting_is_bounded),
                CASE(what_is_written_reads_back_as_itself),
                CASE(numbers_of_any_size_read_back_as_themselves),
                CASE(sizes_have_a_unit),
        };
        return cmocka_run_group_tests_name("setting", tests, NULL, NULL);
}
