#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "config/csv.h"

#define TEST(subject, claim) static void subject##_##claim(void **state UNUSED)

static const CsvColumn COLUMNS[] = { { "id", true }, { "name", false }, { "note", false } };

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

static CsvTable read(Text content)
{
        CsvTable table = { 0 };
        assert_int_equal(csv_read(arena, TEXT("x.csv"), content, COLUMNS, COUNT_OF(COLUMNS), report, &table), 0);
        assert_int_equal(report->count, 0);
        return table;
}

static void refuse(Text content, unsigned line, const char *message)
{
        CsvTable table;
        size_t before = report->count;
        assert_int_equal(csv_read(arena, TEXT("x.csv"), content, COLUMNS, COUNT_OF(COLUMNS), report, &table), -EINVAL);
        assert_int_equal(report->count, before + 1);
        assert_int_equal(report->problems[before].line, line);
        assert_true(text_is(report->problems[before].message, message));
}

#define assert_cell(table, row, column, expected) assert_true(text_is((table).rows[row].cells[column], expected))

TEST(cells, are_found_by_the_names_of_their_columns)
{
        CsvTable table = read(TEXT("note,id\nhello,1\n,2\n"));
        assert_int_equal(table.count, 2);
        assert_cell(table, 0, 0, "1");
        assert_cell(table, 0, 2, "hello");
        assert_null(table.rows[0].cells[1].data);
        assert_true(table.rows[1].cells[2].data && table.rows[1].cells[2].len == 0);
}

TEST(quoted_cells, keep_commas_quotes_and_lines)
{
        CsvTable table = read(TEXT("id,name\n\"a,b\",\"say \"\"yes\"\"\"\n\"two\r\nlines\",x\n3,\"\"\n"));
        assert_int_equal(table.count, 3);
        assert_cell(table, 0, 0, "a,b");
        assert_cell(table, 0, 1, "say \"yes\"");
        assert_cell(table, 1, 0, "two\r\nlines");
        assert_int_equal(table.rows[1].line, 3);
        assert_int_equal(table.rows[2].line, 5);
}

TEST(lines, end_as_any_system_ends_them)
{
        CsvTable table = read(TEXT("\xef\xbb\xbfid,name\r\n1,a\r2,b\n\n\r\n3,c"));
        assert_int_equal(table.count, 3);
        assert_cell(table, 2, 1, "c");
        assert_int_equal(table.rows[1].line, 3);
        assert_int_equal(table.rows[2].line, 6);
}

TEST(rows, that_a_spreadsheet_adds_are_left_out)
{
        CsvTable table =
                read(TEXT("id,name,,\n1,a,,\n,,,\n , ,\t,\n2,b,,,,,\n,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n"));
        assert_int_equal(table.count, 2);
        assert_cell(table, 1, 0, "2");
}

TEST(files, that_end_early_are_refused_where_they_begin)
{
        refuse(TEXT(""), 0, "the file is empty; its first row names the columns");
        refuse(TEXT("\n,,\n"), 0, "the file is empty; its first row names the columns");
        refuse(TEXT("id\n1\n\"2\n3\n"), 3, "the quote that opens here is not closed");
        refuse(TEXT("id\n\""), 2, "the quote that opens here is not closed");
}

TEST(rows, of_another_width_are_refused_and_the_next_are_read)
{
        refuse(TEXT("id,name\n1\n2,b\n"), 2, "1 cells stand here, where the first row names 2 columns");
        refuse(TEXT("id,name\n1,a,x\n"), 2, "3 cells stand here, where the first row names 2 columns");
}

/* Past the last column that is kept, only what is empty may stand. */
TEST(rows, of_great_width_are_counted_not_kept)
{
        Buffer b = buffer_in(arena);
        buffer_put_literal(&b, "id,name\n1,a");
        for (int i = 0; i < 200; i++)
                buffer_put_literal(&b, ",");
        buffer_put_literal(&b, "x\n");
        refuse(buffer_text(&b), 2, "33 cells stand here, where the first row names 2 columns");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(cells_are_found_by_the_names_of_their_columns),
                CASE(quoted_cells_keep_commas_quotes_and_lines),
                CASE(lines_end_as_any_system_ends_them),
                CASE(rows_that_a_spreadsheet_adds_are_left_out),
                CASE(files_that_end_early_are_refused_where_they_begin),
                CASE(rows_of_another_width_are_refused_and_the_next_are_read),
                CASE(rows_of_great_width_are_counted_not_kept),
        };
        return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
