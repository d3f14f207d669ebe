#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/instant.h"

static bool is_leap(int year)
{
        return year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
}

/* Counts the days one by one. */
static void dates_from_1600_to_2400_go_round_trip(void **state UNUSED)
{
        static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        int64_t expected = -135140; /* 1600-01-01 */
        int weekday = 5;            /* a Saturday */
        for (int year = 1600; year <= 2400; year++) {
                for (int month = 1; month <= 12; month++) {
                        int last = days[month - 1] + (month == 2 && is_leap(year));
                        for (int day = 1; day <= last; day++, expected++, weekday = (weekday + 1) % 7) {
                                Civil c = civil_from_days(expected);
                                bool is_right = civil_days(year, month, day) == expected && c.year == year &&
                                                c.month == month && c.day == day && c.weekday == weekday &&
                                                civil_is_date(year, month, day);
                                if (!is_right)
                                        fail_msg("%04d-%02d-%02d", year, month, day);
                        }
                        assert_false(civil_is_date(year, month, last + 1));
                }
        }
        assert_int_equal(civil_days(1970, 1, 1), 0);
}

static void dates_that_are_none_are_told(void **state UNUSED)
{
        assert_false(civil_is_date(2026, 0, 1));
        assert_false(civil_is_date(2026, 13, 1));
        assert_false(civil_is_date(2026, 1, 0));
        assert_false(civil_is_date(2026, 1, -1));
        assert_false(civil_is_date(2026, 2, 29));
        assert_true(civil_is_date(2024, 2, 29));
        assert_false(civil_is_date(2100, 2, 29));
        assert_true(civil_is_date(2000, 2, 29));
}

static void times_of_day_go_round_trip_before_and_after_1970(void **state UNUSED)
{
        static const int64_t cases[] = { 0,
                                         1,
                                         -1,
                                         999999,
                                         1000000,
                                         -1000000,
                                         86399999999,
                                         86400000000,
                                         -86400000000,
                                         -86400000001,
                                         1795000000123456,
                                         -1795000000123456,
                                         INT64_MIN,
                                         INT64_MIN + 1,
                                         INT64_MAX };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Civil c = civil_from_us(cases[i]);
                assert_in_range(c.hour, 0, 23);
                assert_in_range(c.minute, 0, 59);
                assert_in_range(c.second, 0, 59);
                assert_in_range(c.microsecond, 0, 999999);
                if (cases[i] > INT64_MIN + 1)
                        assert_true(civil_to_us(&c) == cases[i]);
        }
        Civil c = civil_from_us(-1);
        assert_int_equal(c.year, 1969);
        assert_int_equal(c.microsecond, 999999);
        assert_int_equal(c.weekday, 2); /* 1969-12-31 was a Wednesday */
}

static void times_are_written_in_utc_with_milliseconds(void **state UNUSED)
{
        static const struct {
                int64_t us;
                const char *text;
        } cases[] = {
                { 0, "1970-01-01T00:00:00.000Z" },
                { -1, "1969-12-31T23:59:59.999Z" },
                { 1795160638123999, "2026-11-20T07:43:58.123Z" },
                { INT64_C(7289654399999999), "2200-12-31T23:59:59.999Z" },
        };
        char buffer[ISO8601_BYTES];
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Text text = wall_format((WallTime){ cases[i].us }, buffer);
                assert_string_equal(text.data, cases[i].text);
                assert_int_equal(text.len, 24);
        }
        assert_true(wall_format(WALL_NONE, buffer).len < ISO8601_BYTES);
        assert_true(wall_format(WALL_NEVER, buffer).len < ISO8601_BYTES);
}

static void times_are_read_in_the_forms_that_surveys_write(void **state UNUSED)
{
        static const struct {
                const char *text, *utc;
                bool has_zone;
        } cases[] = {
                { "2026-11-20T07:43:58.123Z", "2026-11-20T07:43:58.123Z", true },
                { "2026-11-20t07:43:58z", "2026-11-20T07:43:58.000Z", true },
                { "2026-11-20 07:43:58", "2026-11-20T07:43:58.000Z", false },
                { "2026-11-20T07:43", "2026-11-20T07:43:00.000Z", false },
                { "2026-11-20T07:43Z", "2026-11-20T07:43:00.000Z", true },
                { "2026-11-20T07:43:58.5", "2026-11-20T07:43:58.500Z", false },
                { "2026-11-20T07:43:58.123456789Z", "2026-11-20T07:43:58.123Z", true },
                { "2026-11-20T07:43:58.999999999999Z", "2026-11-20T07:43:58.999Z", true },
                { "2026-11-20T07:43:58+01:00", "2026-11-20T06:43:58.000Z", true },
                { "2026-11-20T07:43:58-0330", "2026-11-20T11:13:58.000Z", true },
                { "2026-11-20T07:43:58+05", "2026-11-20T02:43:58.000Z", true },
                { "2026-11-20 07:43:58 +0200", "2026-11-20T05:43:58.000Z", true },
                { "2026-11-20T07:43:58-00:00", "2026-11-20T07:43:58.000Z", true },
                { "2026-11-20T07:43:58+14:00", "2026-11-19T17:43:58.000Z", true },
                { "2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z", true }, /* a leap second */
                { "2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z", true },
                { "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z", true },
                { "2200-12-31T23:59:59Z", "2200-12-31T23:59:59.000Z", true },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                WallTime t;
                bool has_zone = !cases[i].has_zone;
                char buffer[ISO8601_BYTES];
                if (!wall_parse(text_from(cases[i].text), &t, &has_zone))
                        fail_msg("refused \"%s\"", cases[i].text);
                assert_string_equal(wall_format(t, buffer).data, cases[i].utc);
                assert_int_equal(has_zone, cases[i].has_zone);
        }
}

static void fractions_are_read_to_the_microsecond(void **state UNUSED)
{
        WallTime t;
        bool has_zone;
        assert_true(wall_parse(TEXT("1970-01-01T00:00:00.000001Z"), &t, &has_zone));
        assert_int_equal(t.us, 1);
        assert_true(wall_parse(TEXT("1970-01-01T00:00:00.123456789Z"), &t, &has_zone));
        assert_int_equal(t.us, 123456);
}

static const char *const NO_TIMES[] = {
        "",
        "2026-11-20",
        "2026-11-20T",
        "2026-11-20T07",
        "2026-11-20T7:43",
        "2026-11-20T07:43:",
        "2026-11-20T07:43:5",
        "2026-11-20T07:43:58.",
        "2026-11-20T07:43:58.Z",
        "2026-11-20T07:43:58.1234567890123Z",
        "2026-11-20T07:43:58,5Z",
        "2026-11-20T07:43:58 Z",
        "2026-11-20T07:43:58Zx",
        "2026-11-20T07:43:58 ",
        " 2026-11-20T07:43:58",
        "2026-11-20  07:43:58",
        "2026-11-20T07:43:58+1",
        "2026-11-20T07:43:58+01:",
        "2026-11-20T07:43:58+01:0",
        "2026-11-20T07:43:58+01:000",
        "2026-11-20T07:43:58+15:00",
        "2026-11-20T07:43:58+01:60",
        "2026-11-20T07:43:58 CET",
        "2026-11-20T24:00:00Z",
        "2026-11-20T23:60:00Z",
        "2026-11-20T23:59:61Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "2201-01-01T00:00:00Z",
        "0000-00-00T00:00:00Z",
        "20261120T074358Z",
        "2026/11/20 07:43",
        "20-11-2026T07:43",
        "-026-11-20T07:43Z",
        "+2026-11-20T07:43Z",
        "1795160638",
        "2026-11-20T-7:43Z",
        "2026-11-20T07:43:58++01",
        "2026-11-20T07:43:58  +01",
        "2026-11-2\xd9\xa0T07:43Z",
        "now",
};

static void what_is_no_time_is_refused_and_leaves_the_result_alone(void **state UNUSED)
{
        for (size_t i = 0; i < COUNT_OF(NO_TIMES); i++) {
                WallTime t = { 77 };
                bool has_zone;
                if (wall_parse(text_from(NO_TIMES[i]), &t, &has_zone))
                        fail_msg("accepted \"%s\"", NO_TIMES[i]);
                assert_int_equal(t.us, 77);
        }
        WallTime t;
        bool has_zone;
        assert_false(wall_parse(TEXT_NONE, &t, &has_zone));
        Text slice = { "2026-11-20T07:43:58Z", 0 };
        for (; slice.len < 20; slice.len++) /* whole only as "…T07:43", "…T07:43:58" and the whole */
                assert_int_equal(wall_parse(slice, &t, &has_zone), slice.len == 16 || slice.len == 19);
}

static void what_is_written_is_read_back(void **state UNUSED)
{
        for (int64_t us = 0; us < INT64_C(7289654400000000); us += INT64_C(3600123457001)) {
                char buffer[ISO8601_BYTES];
                WallTime t;
                bool has_zone = false;
                assert_true(wall_parse(wall_format((WallTime){ us }, buffer), &t, &has_zone));
                assert_true(t.us == us / 1000 * 1000 && has_zone);
        }
}

static void arithmetic_keeps_its_types(void **state UNUSED)
{
        WallTime t = { 1000 }, later = wall_add(t, SPAN_HOUR);
        assert_true(wall_before(t, later) && !wall_before(later, t) && !wall_before(t, t));
        assert_int_equal(wall_since(later, t).us, SPAN_HOUR.us);
        assert_int_equal(wall_sub(later, SPAN_HOUR).us, t.us);
        assert_int_equal(wall_later(t, later).us, later.us);
        assert_int_equal(wall_earlier(t, later).us, t.us);
        assert_int_equal(span_times(SPAN_MINUTE, 60).us, SPAN_HOUR.us);
        assert_int_equal(SPAN_DAY.us, 24 * SPAN_HOUR.us);
        assert_false(wall_is_set(WALL_NONE));
        assert_true(wall_is_set(WALL_NEVER) && wall_is_set(t));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(dates_from_1600_to_2400_go_round_trip),
                cmocka_unit_test(dates_that_are_none_are_told),
                cmocka_unit_test(times_of_day_go_round_trip_before_and_after_1970),
                cmocka_unit_test(times_are_written_in_utc_with_milliseconds),
                cmocka_unit_test(times_are_read_in_the_forms_that_surveys_write),
                cmocka_unit_test(fractions_are_read_to_the_microsecond),
                cmocka_unit_test(what_is_no_time_is_refused_and_leaves_the_result_alone),
                cmocka_unit_test(what_is_written_is_read_back),
                cmocka_unit_test(arithmetic_keeps_its_types),
        };
        return cmocka_run_group_tests_name("instant", tests, NULL, NULL);
}
