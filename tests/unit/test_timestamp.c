#include "survey.h"

#include <errno.h>

#include "core/timestamp.h"

/* Two hours ahead of UTC from 2026-03-29T01:00Z to 2026-10-25T01:00Z, else one. */
static const ZoneChange CHANGES[] = { { { INT64_MIN }, 3600 },
                                      { { INT64_C(1774746000000000) }, 7200 },
                                      { { INT64_C(1792890000000000) }, 3600 } };
static const Zone BERLIN = { TEXT("Europe/Berlin"), CHANGES, COUNT_OF(CHANGES) };

static Source source_of(TimestampFormat format, const char *pattern)
{
        return (Source){ .timestamp_format = format, .timestamp_pattern = text_from(pattern), .zone = &BERLIN };
}

/* The time as ISO 8601, or "unreadable". */
static Text read(Source source, const char *json)
{
        char *buffer = arena_alloc(arena, ISO8601_BYTES);
        WallTime t = WALL_NONE;
        if (timestamp_read(&source, json_of(json), &t))
                return wall_format(t, buffer);
        assert_false(wall_is_set(t));
        return TEXT("unreadable");
}

typedef struct Case {
        const char *json, *expected;
} Case;

static void check(Source source, const Case *cases, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (!text_is(read(source, cases[i].json), cases[i].expected))
                        fail_msg("%s is " TEXT_F " instead of %s", cases[i].json, TEXT_ARG(read(source, cases[i].json)),
                                 cases[i].expected);
}

static void iso_times_without_a_zone_are_in_the_sources_zone(void **state UNUSED)
{
        static const Case cases[] = {
                { "\"2026-11-20T07:43:58.123Z\"", "2026-11-20T07:43:58.123Z" },
                { "\" 2026-11-20T07:43:58+02:00 \"", "2026-11-20T05:43:58.000Z" },
                { "\"2026-11-20T07:43:58\"", "2026-11-20T06:43:58.000Z" },
                { "\"2026-07-20 07:43\"", "2026-07-20T05:43:00.000Z" },
                { "\"2026-03-29T02:30:00\"", "2026-03-29T01:00:00.000Z" }, /* the hour that does not exist */
                { "\"2026-11-20\"", "unreadable" },
                { "\"yesterday\"", "unreadable" },
                { "\"\"", "unreadable" },
                { "1795161600", "unreadable" },
                { "null", "unreadable" },
                { "{\"at\":1}", "unreadable" },
                { "\"2026-11-20T07:43:58Z\\u0000\"", "unreadable" },
        };
        check(source_of(TIMESTAMP_ISO8601, NULL), cases, COUNT_OF(cases));
}

static void epoch_times_are_numbers_or_texts_that_are_numbers(void **state UNUSED)
{
        static const Case seconds[] = {
                { "1795161600", "2026-11-20T08:00:00.000Z" },
                { "\"1795161600\"", "2026-11-20T08:00:00.000Z" },
                { "\" 1795161600.5 \"", "2026-11-20T08:00:00.500Z" },
                { "1795161600.123456", "2026-11-20T08:00:00.123Z" },
                { "1.7951616e9", "2026-11-20T08:00:00.000Z" },
                { "7289654399", "2200-12-31T23:59:59.000Z" },
                { "7289654400", "unreadable" },
                { "0", "unreadable" },
                { "-1", "unreadable" },
                { "9223372036854775807", "unreadable" },
                { "18446744073709551615", "unreadable" },
                { "1e999", "unreadable" },
                { "1e300", "unreadable" },
                { "-1e300", "unreadable" },
                { "true", "unreadable" },
                { "\"2026-11-20T08:00:00Z\"", "unreadable" },
        };
        static const Case milliseconds[] = {
                { "1795161600123", "2026-11-20T08:00:00.123Z" },   { "\"1795161600123\"", "2026-11-20T08:00:00.123Z" },
                { "1795161600123.4", "2026-11-20T08:00:00.123Z" }, { "9223372036854775807", "unreadable" },
                { "\"999999999999999999\"", "unreadable" },
        };
        check(source_of(TIMESTAMP_EPOCH_SECONDS, NULL), seconds, COUNT_OF(seconds));
        check(source_of(TIMESTAMP_EPOCH_MILLISECONDS, NULL), milliseconds, COUNT_OF(milliseconds));
}

static void patterns_read_what_they_say(void **state UNUSED)
{
        static const struct {
                const char *pattern, *text, *expected;
        } cases[] = {
                { "%d.%m.%Y %H:%M:%S", "20.11.2026 08:30:15", "2026-11-20T07:30:15.000Z" },
                { "%d.%m.%Y %H:%M:%S", "1.7.2026   8:30:15", "2026-07-01T06:30:15.000Z" },
                { "%m/%d/%y %I:%M %p", "11/20/26 12:05 AM", "2026-11-19T23:05:00.000Z" },
                { "%m/%d/%y %I:%M %p", "11/20/26 12:05 pm", "2026-11-20T11:05:00.000Z" },
                { "%m/%d/%y %I:%M%p", "1/2/70 1:05pm", "1970-01-02T12:05:00.000Z" },
                { "%Y%m%d%H%M%S", "20261120083015", "2026-11-20T07:30:15.000Z" },
                { "%Y-%m-%dT%H:%M:%S.%f%z", "2026-11-20T08:30:15.25+0200", "2026-11-20T06:30:15.250Z" },
                { "%Y-%m-%dT%H:%M:%S.%f%z", "2026-11-20T08:30:15.123456789Z", "2026-11-20T08:30:15.123Z" },
                { "%Y-%m-%d %H:%M %z", "2026-11-20 08:30 -03:30", "2026-11-20T12:00:00.000Z" },
                { "%Y-%m-%d %H:%M %z", "2026-11-20 08:30 +05", "2026-11-20T03:30:00.000Z" },
                { "%d %b %Y %H:%M", "20 Nov 2026 08:30", "2026-11-20T07:30:00.000Z" },
                { "%b %d, %Y %H:%M", "september 3, 2026 08:30", "2026-09-03T06:30:00.000Z" },
                { "%Y-%m-%d %H:%M:%S", "2026-12-31 23:59:60", "2026-12-31T22:59:59.000Z" },
                { "100%% %Y-%m-%d %H", "100% 2026-11-20 08", "2026-11-20T07:00:00.000Z" },
                { "%d.%m.%Y %H:%M", "20.11.2026 08:30 Uhr", NULL }, /* more than the pattern */
                { "%d.%m.%Y %H:%M Uhr", "20.11.2026 08:30", NULL }, /* less */
                { "%d.%m.%Y %H:%M", "31.02.2026 08:30", NULL },
                { "%d.%m.%Y %H:%M", "20.13.2026 08:30", NULL },
                { "%d.%m.%Y %H:%M", "20.11.2026 24:30", NULL },
                { "%d.%m.%Y %H:%M", "20.11.2026 08:60", NULL },
                { "%d.%m.%Y %H:%M", "20.11.26 08:30", NULL },
                { "%d.%m.%Y %H:%M", "20.11.1969 08:30", NULL },
                { "%d.%m.%Y %H:%M", "20.11.2201 08:30", NULL },
                { "%d.%m.%Y %H:%M", "20.11.2026", NULL },
                { "%d.%m.%Y %H:%M", "", NULL },
                { "%m/%d/%y %I:%M %p", "11/20/26 13:05 PM", NULL },
                { "%m/%d/%y %I:%M %p", "11/20/26 00:05 AM", NULL },
                { "%m/%d/%y %I:%M %p", "11/20/26 01:05 xM", NULL },
                { "%d %b %Y %H:%M", "20 Nox 2026 08:30", NULL },
                { "%Y-%m-%d %H:%M %z", "2026-11-20 08:30 CET", NULL },
                { "%Y-%m-%d %H:%M %z", "2026-11-20 08:30 +15:00", NULL },
                { "%Y-%m-%d %H:%M:%S.%f", "2026-11-20 08:30:15.", NULL },
                { "%Y-%m-%d %H%", "2026-11-20 08%", "2026-11-20T07:00:00.000Z" }, /* never accepted by the check */
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                char buffer[ISO8601_BYTES];
                WallTime t = WALL_NONE;
                bool is_read =
                        timestamp_pattern_read(text_from(cases[i].pattern), &BERLIN, text_from(cases[i].text), &t);
                if (is_read != (cases[i].expected != NULL) ||
                    (is_read && !text_is(wall_format(t, buffer), cases[i].expected)))
                        fail_msg("%s by %s", cases[i].text, cases[i].pattern);
        }
        static const Case json[] = {
                { "\" 20.11.2026 08:30 \"", "2026-11-20T07:30:00.000Z" },
                { "20", "unreadable" },
                { "null", "unreadable" },
        };
        check(source_of(TIMESTAMP_PATTERN, "%d.%m.%Y %H:%M"), json, COUNT_OF(json));
}

static void a_pattern_that_cannot_name_a_moment_is_refused(void **state UNUSED)
{
        static const struct {
                const char *pattern;
                size_t offset;
                const char *message;
        } cases[] = {
                { "%d.%m.%Y %Q", 9, "after % is allowed one of Y y m b d H I p M S f z %" },
                { "%d.%m.%Y %H%", 11, "after % is allowed one of Y y m b d H I p M S f z %" },
                { "%d.%m. %H:%M", 12, "a time needs its year: %Y or %y" },
                { "%d.%Y %H:%M", 11, "a time needs its month: %m or %b" },
                { "%m.%Y %H:%M", 11, "a time needs its day: %d" },
                { "%d.%m.%Y", 8,
                  "a time needs its hour: %H or %I; where a survey keeps only the day, leave \"submitted\" out" },
                { "%d.%m.%Y %I:%M", 14, "%I and %p go together: an hour up to 12, and AM or PM" },
                { "%d.%m.%Y %H:%M %p", 17, "%I and %p go together: an hour up to 12, and AM or PM" },
                { "", 0, "a time needs its year: %Y or %y" },
        };
        TextFault fault;
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                assert_int_equal(timestamp_pattern_check(text_from(cases[i].pattern), &fault), -EINVAL);
                assert_text(fault.message, cases[i].message);
                assert_int_equal(fault.offset, cases[i].offset);
        }
        assert_int_equal(timestamp_pattern_check(TEXT("%d.%m.%Y %H:%M"), &fault), 0);
        assert_int_equal(timestamp_pattern_check(TEXT("%y%b%d %I%p %% %S %f %z"), &fault), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(iso_times_without_a_zone_are_in_the_sources_zone),
                cmocka_unit_test(epoch_times_are_numbers_or_texts_that_are_numbers),
                cmocka_unit_test(patterns_read_what_they_say),
                cmocka_unit_test(a_pattern_that_cannot_name_a_moment_is_refused),
        };
        return cmocka_run_group_tests_name("timestamp", tests, make_arena, free_arena);
}
