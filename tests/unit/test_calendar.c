#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "config/zones.h"
#include "core/calendar.h"

static const char FOLDER[] = "/usr/share/zoneinfo";
static const uint64_t SEED = 20261120;

/* ---- all zones of the system ---- */

enum {
        ZONES_MAX = 1000
};
static Arena *zone_arena;
static ZoneCache *zone_cache;
static const Zone *zones[ZONES_MAX];
static size_t zone_count;

static int note_zone(const char *path, const struct stat *info UNUSED, int kind, struct FTW *walk UNUSED)
{
        const char *name = path + sizeof(FOLDER);
        if (kind == FTW_F && zone_count < ZONES_MAX && zone_load(zone_cache, text_from(name), &zones[zone_count]) == 0)
                zone_count++;
        return 0;
}

static int read_zones(void **state UNUSED)
{
        zone_arena = arena_new(1 << 20);
        zone_cache = zone_cache_new(zone_arena, NULL);
        return nftw(FOLDER, note_zone, 16, 0);
}

static int free_zones(void **state UNUSED)
{
        zone_arena = arena_free(zone_arena);
        return 0;
}

static const Zone *zone(const char *name)
{
        const Zone *found = NULL;
        assert_int_equal(zone_load(zone_cache, text_from(name), &found), 0);
        return found;
}

/* ---- helpers ---- */

/* xorshift64*: the same numbers everywhere. */
static uint64_t random_state;

static int64_t random_below(int64_t bound)
{
        random_state ^= random_state >> 12;
        random_state ^= random_state << 25;
        random_state ^= random_state >> 27;
        return (int64_t)((random_state * 0x2545f4914f6cdd1du) >> 1) % bound;
}

static void random_start(void)
{
        random_state = SEED;
        print_message("seed %llu\n", (unsigned long long)SEED);
}

static WallTime utc(const char *text)
{
        WallTime t;
        bool has_zone;
        if (!wall_parse(text_from(text), &t, &has_zone))
                fail_msg("\"%s\" is no time", text);
        return t;
}

static WallTime at(const Zone *z, const char *local)
{
        Civil c = civil_from_us(utc(local).us);
        return zone_instant(z, &c);
}

static Hours hours(const char *text)
{
        Hours h;
        size_t offset;
        const char *message;
        if (!hours_parse(text_from(text), &h, &offset, &message))
                fail_msg("\"%s\" at %zu: %s", text, offset, message);
        return h;
}

static void assert_time(WallTime found, WallTime expected)
{
        char a[ISO8601_BYTES], b[ISO8601_BYTES];
        if (found.us != expected.us)
                fail_msg("%s, not %s", wall_format(found, a).data, wall_format(expected, b).data);
}

static Span hours_of_work(int64_t n)
{
        return span_times(SPAN_HOUR, n);
}

static const char *hours_text(Arena *arena, const Hours *h)
{
        static const char *const names[7] = { "Mo", "Tu", "We", "Th", "Fr", "Sa", "Su" };
        Buffer b = buffer_in(arena);
        for (int d = 0; d < 7; d++) {
                if (h->span_count[d] > 0)
                        buffer_putf(&b, "%s%s", b.len > 0 ? ", " : "", names[d]);
                for (int i = 0; i < h->span_count[d]; i++) {
                        DaySpan s = h->spans[d][i];
                        buffer_putf(&b, " %02d:%02d-%02d:%02d", s.from_minute / 60, s.from_minute % 60,
                                    s.until_minute / 60, s.until_minute % 60);
                }
        }
        return buffer_text(&b).data;
}

/* ---- zones ---- */

static void a_local_time_in_a_gap_is_the_first_instant_after_it(void **state UNUSED)
{
        const Zone *berlin = zone("Europe/Berlin");
        assert_time(at(berlin, "2026-03-29T01:59"), utc("2026-03-29T00:59Z"));
        assert_time(at(berlin, "2026-03-29T02:00"), utc("2026-03-29T01:00Z"));
        assert_time(at(berlin, "2026-03-29T02:30"), utc("2026-03-29T01:00Z"));
        assert_time(at(berlin, "2026-03-29T02:59:59.999"), utc("2026-03-29T01:00Z"));
        assert_time(at(berlin, "2026-03-29T03:00"), utc("2026-03-29T01:00Z"));
        assert_time(at(berlin, "2026-03-29T03:01"), utc("2026-03-29T01:01Z"));
        assert_time(at(zone("Pacific/Apia"), "2011-12-30T12:00"),
                    utc("2011-12-30T10:00Z")); /* a day that was left out */
        assert_time(at(zone("America/Sao_Paulo"), "2018-11-04T00:00"), utc("2018-11-04T03:00Z"));
        assert_time(at(zone("Australia/Lord_Howe"), "2026-10-04T02:15"), utc("2026-10-03T15:30Z"));
}

static void a_local_time_that_comes_twice_is_the_first(void **state UNUSED)
{
        const Zone *berlin = zone("Europe/Berlin");
        assert_time(at(berlin, "2026-10-25T02:00"), utc("2026-10-25T00:00Z"));
        assert_time(at(berlin, "2026-10-25T02:59"), utc("2026-10-25T00:59Z"));
        assert_time(at(berlin, "2026-10-25T03:00"), utc("2026-10-25T02:00Z"));
        assert_time(at(zone("Australia/Lord_Howe"), "2026-04-05T01:45"), utc("2026-04-04T14:45Z"));
        assert_time(at(zone("Australia/Lord_Howe"), "2026-04-05T02:00"), utc("2026-04-04T15:30Z"));
        assert_time(at(zone("Africa/Casablanca"), "2026-02-15T02:30"), utc("2026-02-15T01:30Z"));
        assert_time(at(zone("America/Sao_Paulo"), "2019-02-16T23:30"), utc("2019-02-17T01:30Z"));
}

static void a_local_time_of_every_zone_is_the_first_instant_that_shows_it_or_later(void **state UNUSED)
{
        random_start();
        for (size_t i = 0; i < zone_count; i++) {
                const Zone *z = zones[i];
                for (size_t c = 1; c < z->count; c++) {
                        int64_t jump_s = z->changes[c].offset_seconds - z->changes[c - 1].offset_seconds;
                        int64_t around_us = (2 * llabs(jump_s) + 7200) * 1000000;
                        WallTime t = { z->changes[c].at.us + random_below(2 * around_us) - around_us };
                        Civil shown = zone_local(z, t);
                        WallTime first = zone_instant(z, &shown);
                        Civil again = zone_local(z, first);
                        assert_true(first.us <= t.us);
                        assert_int_equal(civil_to_us(&again), civil_to_us(&shown));
                        Civil before = zone_local(z, (WallTime){ first.us - 1 });
                        assert_true(civil_to_us(&before) != civil_to_us(&shown));
                }
        }
}

static void before_the_first_change_and_after_the_last_the_offset_holds(void **state UNUSED)
{
        const Zone *berlin = zone("Europe/Berlin");
        assert_int_equal(zone_offset(berlin, (WallTime){ INT64_MIN + 1 }), 3600);
        assert_int_equal(zone_offset(berlin, (WallTime){ 0 }), 3600);
        assert_int_equal(zone_offset(berlin, utc("2150-07-01T00:00Z")), 3600);
        assert_int_equal(zone_offset(&ZONE_UTC, utc("2026-07-01T00:00Z")), 0);
}

/* ---- parsing ---- */

static void hours_are_read_as_written(void **state UNUSED)
{
        static const char *const cases[][2] = {
                { "Mo-Fr 08:00-12:00 13:00-18:00, Sa 09:00-12:00",
                  "Mo 08:00-12:00 13:00-18:00, Tu 08:00-12:00 13:00-18:00, We 08:00-12:00 13:00-18:00, "
                  "Th 08:00-12:00 13:00-18:00, Fr 08:00-12:00 13:00-18:00, Sa 09:00-12:00" },
                { "Fr-Mo 10:00-11:00", "Mo 10:00-11:00, Fr 10:00-11:00, Sa 10:00-11:00, Su 10:00-11:00" },
                { "Su 00:00-24:00", "Su 00:00-24:00" },
                { "We-We 23:59-24:00", "We 23:59-24:00" },
                { "  Tu\t08:00-09:00 ,Tu 07:00-07:30,  Mo 00:00-00:01  ",
                  "Mo 00:00-00:01, Tu 07:00-07:30 08:00-09:00" },
                { "Th 12:00-13:00 10:00-11:00 08:00-09:00", "Th 08:00-09:00 10:00-11:00 12:00-13:00" },
                { "Sa 01:00-02:00 03:00-04:00 05:00-06:00 07:00-08:00 09:00-10:00 11:00-12:00",
                  "Sa 01:00-02:00 03:00-04:00 05:00-06:00 07:00-08:00 09:00-10:00 11:00-12:00" },
        };
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Hours h = hours(cases[i][0]);
                assert_false(h.is_always);
                assert_string_equal(hours_text(arena, &h), cases[i][1]);
        }
}

static void nothing_written_means_always(void **state UNUSED)
{
        assert_true(hours("").is_always);
        assert_true(hours(" \t ").is_always);
        Hours h;
        size_t offset;
        const char *message;
        assert_true(hours_parse(TEXT_NONE, &h, &offset, &message) && h.is_always);
}

static void wrong_hours_are_refused_with_place_and_reason(void **state UNUSED)
{
        static const struct {
                const char *text;
                size_t offset;
                const char *message;
        } cases[] = {
                { "Mon 08:00-12:00", 0, "unknown day" },
                { "mo 08:00-12:00", 0, "unknown day" },
                { "Mo-Xx 08:00-12:00", 3, "unknown day" },
                { "Mo-Fr 08:00-12:00, So 09:00-12:00", 19, "unknown day" },
                { "Mo- 08:00-12:00", 3, "expected a day" },
                { "Mo 08:00-12:00,", 15, "expected a day" },
                { "Mo 08:00-12:00,,", 15, "expected a day" },
                { ",", 0, "expected a day" },
                { "08:00-12:00", 0, "unknown day" },
                { "Mo", 2, "expected a time" },
                { "Mo,Tu 08:00-12:00", 2, "expected a time" },
                { "Mo Tu 08:00-12:00", 3, "expected a time" },
                { "Mo 8:00-12:00", 3, "expected a time" },
                { "Mo 08.00-12.00", 3, "expected a time" },
                { "Mo 08:0", 3, "expected a time" },
                { "Mo 08:00-", 9, "expected a time" },
                { "Mo 08:00-1", 9, "expected a time" },
                { "Mo 08:00", 8, "expected '-'" },
                { "Mo 08:00 - 12:00", 8, "expected '-'" },
                { "Mo 08:00-12:00x", 14, "expected a space or a comma" },
                { "Mo 08:00-12:00-13:00", 14, "expected a space or a comma" },
                { "Mo 08:00-12:000", 14, "expected a space or a comma" },
                { "Mo 08:60-12:00", 3, "no such time" },
                { "Mo 08:00-24:01", 9, "no such time" },
                { "Mo 25:00-26:00", 3, "no such time" },
                { "Mo 99:99-99:99", 3, "no such time" },
                { "Mo 24:00-24:00", 3, "24:00 can only end" },
                { "Mo 12:00-12:00", 3, "the end is not after the start" },
                { "Mo 22:00-06:00", 3, "the end is not after the start" },
                { "Mo 22:00-00:00", 3, "the end is not after the start" },
                { "Mo 08:00-12:00 12:00-13:00", 15, "touches or overlaps" },
                { "Mo 08:00-12:00 07:00-08:00", 15, "touches or overlaps" },
                { "Mo 08:00-12:00 09:00-10:00", 15, "touches or overlaps" },
                { "Mo 08:00-12:00 07:00-13:00", 15, "touches or overlaps" },
                { "Mo-Su 08:00-12:00, We 11:00-13:00", 22, "touches or overlaps" },
                { "Fr 01:00-02:00 03:00-04:00 05:00-06:00 07:00-08:00 09:00-10:00 11:00-12:00, Th-Fr 20:00-21:00", 82,
                  "more than 6 spans" },
                { "Mo 08:00\xe2\x80\x93"
                  "12:00",
                  8, "expected '-'" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Hours h;
                size_t offset = 999;
                const char *message = "";
                if (hours_parse(text_from(cases[i].text), &h, &offset, &message))
                        fail_msg("accepted \"%s\"", cases[i].text);
                if (offset != cases[i].offset || !strstr(message, cases[i].message))
                        fail_msg("\"%s\": at %zu \"%s\", not at %zu \"%s\"", cases[i].text, offset, message,
                                 cases[i].offset, cases[i].message);
        }
}

static void whatever_is_written_reading_it_ends_inside_the_text(void **state UNUSED)
{
        static const char alphabet[] = "MoTuWeThFrSaSu 0123456789:-,\t";
        random_start();
        for (int round = 0; round < 20000; round++) {
                char written[40];
                size_t len = (size_t)random_below(sizeof(written));
                for (size_t i = 0; i < len; i++)
                        written[i] = alphabet[random_below((int64_t)sizeof(alphabet))]; /* and a NUL at times */
                char *copy = malloc(len + 1);
                assert_non_null(copy);
                memcpy(copy, written, len);
                Hours h;
                size_t offset = 0;
                const char *message = NULL;
                if (!hours_parse((Text){ copy, len }, &h, &offset, &message))
                        assert_true(offset <= len && message);
                free(copy);
        }
}

/* ---- stories ---- */

static void four_working_hours_from_friday_afternoon_end_on_monday_morning(void **state UNUSED)
{
        Hours h = hours("Mo-Fr 08:00-12:00 13:00-18:00");
        static const char *const places[] = { "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu",
                                              "Australia/Lord_Howe", "Africa/Casablanca" };
        for (size_t i = 0; i < COUNT_OF(places); i++) {
                const Zone *z = zone(places[i]);
                WallTime friday = at(z, "2026-11-20T16:00");
                assert_time(hours_add(&h, z, friday, hours_of_work(4)), at(z, "2026-11-23T10:00"));
                assert_time(hours_add(&h, z, friday, hours_of_work(2)), at(z, "2026-11-20T18:00"));
                assert_time(hours_add(&h, z, friday, hours_of_work(6)), at(z, "2026-11-23T12:00"));
                assert_time(hours_add(&h, z, friday, (Span){ hours_of_work(6).us + 1 }),
                            wall_add(at(z, "2026-11-23T13:00"), (Span){ 1 }));
                assert_time(hours_add(&h, z, friday, SPAN_ZERO), friday);
                assert_time(hours_add(&h, z, friday, (Span){ -5 }), friday);
                assert_time(hours_add(&h, z, at(z, "2026-11-20T18:00"), SPAN_ZERO), at(z, "2026-11-23T08:00"));
        }
}

static void ends_of_spans_are_closed_and_starts_are_open(void **state UNUSED)
{
        Hours h = hours("Mo-Fr 08:00-12:00 13:00-18:00, Sa 20:00-24:00, Su 00:00-01:00");
        const Zone *z = zone("Asia/Kathmandu");
        assert_true(hours_is_open(&h, z, at(z, "2026-11-20T08:00")));
        assert_true(hours_is_open(&h, z, at(z, "2026-11-20T11:59:59.999999")));
        assert_false(hours_is_open(&h, z, at(z, "2026-11-20T12:00")));
        assert_false(hours_is_open(&h, z, at(z, "2026-11-20T07:59:59.999999")));
        assert_true(hours_is_open(&h, z, at(z, "2026-11-20T13:00")));
        assert_false(hours_is_open(&h, z, at(z, "2026-11-20T18:00")));
        assert_true(hours_is_open(&h, z, at(z, "2026-11-22T00:00"))); /* from Saturday's span into Sunday's */
        assert_time(hours_add(&h, z, at(z, "2026-11-21T21:00"), hours_of_work(3)), at(z, "2026-11-22T00:00"));
        assert_time(hours_add(&h, z, at(z, "2026-11-21T21:00"), hours_of_work(4)), at(z, "2026-11-22T01:00"));
        assert_false(hours_is_open(&h, z, at(z, "2026-11-22T01:00")));
}

static void a_span_over_a_change_of_the_clock_is_as_long_as_it_really_is(void **state UNUSED)
{
        static const struct {
                const char *place, *day, *written;
                int64_t minutes;
        } cases[] = {
                { "Europe/Berlin", "2026-03-29", "Su 01:00-04:00", 120 },
                { "Europe/Berlin", "2026-03-29", "Su 02:00-03:00", 0 },
                { "Europe/Berlin", "2026-03-29", "Su 02:15-02:45 02:50-03:10", 10 },
                { "Europe/Berlin", "2026-03-29", "Su 01:30-02:30", 30 },
                { "Europe/Berlin", "2026-03-29", "Su 00:00-24:00", 23 * 60 },
                { "Europe/Berlin", "2026-10-25", "Su 01:00-04:00", 240 },
                { "Europe/Berlin", "2026-10-25", "Su 02:00-03:00", 120 },
                { "Europe/Berlin", "2026-10-25", "Su 02:15-02:45", 30 },
                { "Europe/Berlin", "2026-10-25", "Su 02:30-03:30", 120 },
                { "Europe/Berlin", "2026-10-25", "Su 00:00-24:00", 25 * 60 },
                { "Europe/Berlin", "2026-11-01", "Su 01:00-04:00", 180 },
                { "Australia/Lord_Howe", "2026-04-05", "Su 01:00-04:00", 210 },
                { "Australia/Lord_Howe", "2026-10-04", "Su 01:00-04:00", 150 },
                { "Africa/Casablanca", "2026-02-15", "Su 01:00-04:00", 240 },
                { "Africa/Casablanca", "2026-03-22", "Su 01:00-04:00", 120 },
                { "America/Sao_Paulo", "2018-11-04", "Su 00:00-02:00", 60 },
                { "America/Sao_Paulo", "2019-02-16", "Sa 22:00-24:00", 180 },
                { "America/Sao_Paulo", "2019-02-17", "Su 00:00-02:00", 120 },
                { "America/St_Johns", "2006-10-28", "Sa 23:00-24:00", 60 },
                { "America/St_Johns", "2006-10-29", "Su 00:00-02:00", 180 },
                { "Pacific/Apia", "2011-12-30", "Fr 08:00-18:00", 0 },
                { "Asia/Kathmandu", "2026-03-29", "Su 01:00-04:00", 180 },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                const Zone *z = zone(cases[i].place);
                Hours h = hours(cases[i].written);
                char noon[32];
                (void)snprintf(noon, sizeof(noon), "%sT12:00", cases[i].day);
                WallTime from = wall_sub(at(z, noon), span_times(SPAN_HOUR, 72));
                Span found = hours_between(&h, z, from, wall_add(from, span_times(SPAN_HOUR, 144)));
                if (found.us != cases[i].minutes * SPAN_MINUTE.us)
                        fail_msg("%s %s %s: %lld minutes", cases[i].place, cases[i].day, cases[i].written,
                                 (long long)(found.us / SPAN_MINUTE.us));
        }
}

static void a_span_swallowed_by_a_gap_waits_a_week(void **state UNUSED)
{
        Hours h = hours("Su 02:00-03:00");
        const Zone *z = zone("Europe/Berlin");
        WallTime saturday = at(z, "2026-03-28T12:00");
        assert_time(hours_next_open(&h, z, saturday), at(z, "2026-04-05T02:00"));
        assert_time(hours_add(&h, z, saturday, hours_of_work(1)), at(z, "2026-04-05T03:00"));
        Hours friday = hours("Fr 08:00-18:00");
        const Zone *apia = zone("Pacific/Apia");
        assert_time(hours_next_open(&friday, apia, at(apia, "2011-12-29T12:00")), at(apia, "2012-01-06T08:00"));
}

static void a_repeat_around_midnight_belongs_to_the_day_that_had_begun(void **state UNUSED)
{
        const Zone *z = zone("America/St_Johns"); /* 2006-10-29: at 00:01 it is 23:01 on Saturday again */
        Hours h = hours("Su 00:00-06:00");
        WallTime second_time = utc("2006-10-29T03:00Z"); /* shows Saturday 23:30 */
        Civil shown = zone_local(z, second_time);
        assert_int_equal(shown.day, 28);
        assert_int_equal(shown.hour, 23);
        assert_true(hours_is_open(&h, z, second_time));
        assert_time(hours_next_open(&h, z, second_time), second_time);
        assert_time(hours_next_open(&h, z, utc("2006-10-28T12:00Z")), utc("2006-10-29T02:30Z"));
        Hours saturday = hours("Sa 23:00-24:00");
        assert_false(hours_is_open(&saturday, z, second_time));
}

static void a_week_that_ends_as_the_clock_is_set_back_is_longer(void **state UNUSED)
{
        const Zone *z = zone("Africa/Tripoli"); /* 1984-10-01: at 00:00 it is 23:00 on Sunday again */
        Hours h = hours("Su 23:30-24:00");
        WallTime from = at(z, "1984-09-23T12:00");
        assert_int_equal(hours_between(&h, z, from, at(z, "1984-10-03T12:00")).us, span_times(SPAN_MINUTE, 30 + 90).us);
        assert_time(hours_add(&h, z, from, span_times(SPAN_MINUTE, 30 + 90)), at(z, "1984-10-01T00:00"));
        assert_time(hours_add(&h, z, from, span_times(SPAN_MINUTE, 30 + 90 + 10)), at(z, "1984-10-07T23:40"));
}

static void working_days_keep_the_time_of_day(void **state UNUSED)
{
        static const struct {
                const char *place, *written, *from;
                int days;
                const char *until;
        } cases[] = {
                { "Europe/Berlin", "Mo-Fr 08:00-18:00", "2026-11-20T16:00", 1, "2026-11-23T16:00" },
                { "Europe/Berlin", "Mo-Fr 08:00-18:00", "2026-11-21T11:00", 1, "2026-11-23T08:00" },
                { "Europe/Berlin", "Mo-Fr 08:00-18:00", "2026-11-21T11:00", 2, "2026-11-24T08:00" },
                { "Europe/Berlin", "Mo-Fr 08:00-18:00", "2026-11-22T23:00", 1, "2026-11-23T08:00" },
                { "Europe/Berlin", "Mo-Fr 08:00-18:00", "2026-11-20T16:00", 0, "2026-11-20T16:00" },
                { "Europe/Berlin", "Mo-Fr 08:00-18:00", "2026-11-20T20:00", 0, "2026-11-23T08:00" },
                { "Europe/Berlin", "Mo-Fr 08:00-18:00", "2026-11-20T20:00", 1, "2026-11-24T08:00" },
                { "Europe/Berlin", "Mo-Fr 08:00-18:00", "2026-11-20T06:00", 1, "2026-11-23T08:00" },
                { "Europe/Berlin", "Mo-Fr 08:00-12:00 13:00-18:00", "2026-11-18T12:30", 1, "2026-11-19T13:00" },
                { "Europe/Berlin", "Mo-Fr 08:00-18:00", "2026-11-20T16:00", 5, "2026-11-27T16:00" },
                { "Europe/Berlin", "Mo-Fr 08:00-18:00", "2026-11-20T16:00", 6, "2026-11-30T16:00" },
                { "Europe/Berlin", "Mo-Fr 08:00-18:00", "2026-11-21T16:00", 5, "2026-11-27T08:00" },
                { "Europe/Berlin", "Mo-Fr 08:00-18:00", "2026-11-21T16:00", 6, "2026-11-30T08:00" },
                { "Europe/Berlin", "Mo-Fr 08:00-18:00", "2026-11-20T16:00", 500, "2028-10-20T16:00" },
                { "Europe/Berlin", "We 10:00-11:00", "2026-11-18T10:30", 3, "2026-12-09T10:30" },
                { "Europe/Berlin", "Sa-Su 01:00-04:00", "2026-03-28T02:30", 1, "2026-03-29T03:00" },
                { "Europe/Berlin", "Mo-Fr 08:00-18:00", "2026-03-27T16:00", 1, "2026-03-30T16:00" },
                { "Europe/Berlin", "", "2026-03-28T02:30", 1, "2026-03-29T03:00" },
                { "Europe/Berlin", "", "2026-03-28T16:00", 2, "2026-03-30T16:00" },
                { "Europe/Berlin", "", "2026-03-28T16:00", 0, "2026-03-28T16:00" },
                { "Pacific/Apia", "", "2011-12-29T16:00", 1, "2011-12-31T00:00" },
                { "America/Sao_Paulo", "Su 00:00-06:00", "2018-10-28T00:30", 1, "2018-11-04T01:00" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                const Zone *z = zone(cases[i].place);
                Hours h = hours(cases[i].written);
                assert_time(hours_add_days(&h, z, at(z, cases[i].from), cases[i].days), at(z, cases[i].until));
        }
}

static void hours_that_are_always_open_go_by_the_clock(void **state UNUSED)
{
        Hours h = hours("");
        const Zone *z = zone("Europe/Berlin");
        WallTime t = at(z, "2026-10-24T12:00");
        assert_true(hours_is_open(&h, z, t));
        assert_time(hours_next_open(&h, z, t), t);
        assert_time(hours_add(&h, z, t, hours_of_work(24)), at(z, "2026-10-25T11:00"));
        assert_int_equal(hours_between(&h, z, t, at(z, "2026-10-25T12:00")).us, hours_of_work(25).us);
        assert_int_equal(hours_between(&h, z, t, t).us, 0);
        assert_int_equal(hours_between(&h, z, t, wall_sub(t, SPAN_HOUR)).us, 0);
}

static void work_without_end_ends_at_the_horizon(void **state UNUSED)
{
        const Zone *z = zone("Europe/Berlin");
        WallTime t = at(z, "2026-11-20T16:00"), horizon = wall_add(t, span_times(SPAN_DAY, HOURS_HORIZON_DAYS));
        Hours minute = hours("Mo 09:00-09:01"), always = hours("");
        assert_time(hours_add(&minute, z, t, hours_of_work(24 * 3660)), horizon);
        assert_time(hours_add(&minute, z, t, (Span){ INT64_MAX }), horizon);
        assert_time(hours_add(&always, z, t, (Span){ INT64_MAX }), horizon);
        assert_true(wall_before(hours_add(&minute, z, t, span_times(SPAN_MINUTE, 1043)), horizon));
        assert_time(hours_add_days(&minute, z, t, INT32_MAX), hours_next_open(&minute, z, horizon));
        assert_time(hours_add_days(&always, z, t, INT32_MAX), horizon);
        assert_int_equal(hours_between(&minute, z, t, wall_add(t, span_times(SPAN_DAY, 7 * 100000))).us,
                         100000 * SPAN_MINUTE.us);
}

/* ---- against a slow reference ---- */

/* One cell a minute. The clock that never goes back: in a repeat it stands still until the real one has caught up.
 * A minute is open if that clock stands inside a span. */
enum {
        WINDOW_MINUTES = 70 * 1440,
        RUN_UP_MINUTES = 3 * 1440
};

typedef struct Reference {
        int64_t first; /* minute since 1970 of the first cell */
        bool open[WINDOW_MINUTES];
        int64_t clock[WINDOW_MINUTES]; /* local minutes */
} Reference;

static bool week_is_open(const Hours *h, int64_t local_minute)
{
        int64_t day = local_minute / 1440, minute = local_minute % 1440;
        int weekday = (int)((day + 3) % 7); /* after 1970 */
        for (int i = 0; i < h->span_count[weekday]; i++)
                if (minute >= h->spans[weekday][i].from_minute && minute < h->spans[weekday][i].until_minute)
                        return true;
        return false;
}

static void reference_make(Reference *ref, const Hours *h, const Zone *z, int64_t first)
{
        int64_t clock = INT64_MIN;
        size_t change = 0;
        ref->first = first;
        for (int64_t i = -RUN_UP_MINUTES; i < WINDOW_MINUTES; i++) {
                int64_t seconds = (first + i) * 60;
                while (change + 1 < z->count && z->changes[change + 1].at.us <= seconds * 1000000)
                        change++;
                clock = MAX_OF(clock, (seconds + z->changes[change].offset_seconds) / 60);
                if (i >= 0) {
                        ref->clock[i] = clock;
                        ref->open[i] = week_is_open(h, clock);
                }
        }
}

/* WINDOW_MINUTES: past the window. */
static int64_t reference_next_open(const Reference *ref, int64_t i)
{
        while (i < WINDOW_MINUTES && !ref->open[i])
                i++;
        return i;
}

static int64_t reference_add(const Reference *ref, int64_t i, int64_t work_minutes)
{
        if (work_minutes == 0)
                return reference_next_open(ref, i);
        for (; i < WINDOW_MINUTES; i++)
                if (ref->open[i] && --work_minutes == 0)
                        return i + 1;
        return WINDOW_MINUTES;
}

static int64_t reference_between(const Reference *ref, int64_t from, int64_t until)
{
        int64_t sum = 0;
        for (int64_t i = from; i < until; i++)
                sum += ref->open[i];
        return sum;
}

static int64_t reference_add_days(const Reference *ref, const Hours *h, const Zone *z, int64_t i, int days)
{
        if (days == 0)
                return reference_next_open(ref, i);
        int64_t shown = ref->first + i + zone_offset(z, (WallTime){ (ref->first + i) * SPAN_MINUTE.us }) / 60;
        int64_t day = shown / 1440, minute = shown % 1440;
        if (h->span_count[(day + 3) % 7] == 0)
                minute = 0;
        while (days > 0)
                days -= h->span_count[(++day + 3) % 7] > 0;
        int64_t then = i;
        while (then < WINDOW_MINUTES && ref->clock[then] < day * 1440 + minute)
                then++;
        return reference_next_open(ref, then);
}

static int16_t random_minute(void)
{
        static const int16_t likely[] = { 0,   1,   30,  60,  90,  120,  121,  150,  179,
                                          180, 210, 240, 480, 720, 1020, 1380, 1410, 1440 };
        return random_below(2) ? likely[random_below(COUNT_OF(likely))] : (int16_t)random_below(1441);
}

static int minute_order(const void *a, const void *b)
{
        const int16_t *x = a, *y = b;
        return *x - *y;
}

static void random_day(DaySpan spans[HOURS_SPANS_MAX], int8_t *ret_count)
{
        int16_t minutes[2 * HOURS_SPANS_MAX];
        int wanted = (int)random_below(HOURS_SPANS_MAX + 1);
        for (int i = 0; i < 2 * wanted; i++)
                minutes[i] = random_minute();
        qsort(minutes, (size_t)(2 * wanted), sizeof(minutes[0]), minute_order);
        *ret_count = 0;
        int16_t last = -1;
        for (int i = 0; i + 1 < 2 * wanted; i += 2) {
                if (minutes[i] <= last || minutes[i + 1] <= minutes[i])
                        continue;
                spans[(*ret_count)++] = (DaySpan){ minutes[i], minutes[i + 1] };
                last = minutes[i + 1];
        }
}

static Hours random_hours(void)
{
        Hours h = { 0 };
        int sum = 0;
        while (sum == 0) {
                for (int d = 0; d < 7; d++) {
                        h.span_count[d] = 0;
                        if (random_below(3) > 0)
                                random_day(h.spans[d], &h.span_count[d]);
                        sum += h.span_count[d];
                }
        }
        return h;
}

/* Mostly so that a change of the clock lies in the second week. */
static int64_t random_first_minute(const Zone *z)
{
        int64_t first = 5 * 365 * 1440 + random_below(85 * 365) * 1440 + random_below(1440);
        if (z->count > 1 && random_below(4) > 0) {
                int64_t change = z->changes[1 + random_below((int64_t)z->count - 1)].at.us / SPAN_MINUTE.us;
                first = change - 10 * 1440;
        }
        return MAX_OF(first, (int64_t)5 * 365 * 1440);
}

static void check_minute(const Reference *ref, const Hours *h, const Zone *z, int64_t i, const char *what,
                         int64_t argument, WallTime found, int64_t expected)
{
        int64_t minute = found.us / SPAN_MINUTE.us - ref->first;
        if (expected >= WINDOW_MINUTES ? minute >= WINDOW_MINUTES
                                       : minute == expected && found.us % SPAN_MINUTE.us == 0)
                return;
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        char from[ISO8601_BYTES], text[ISO8601_BYTES], reference[ISO8601_BYTES];
        fail_msg("%s \"%s\" %s(%s, %lld): %s, not %s", z->name.data, hours_text(arena, h), what,
                 wall_format((WallTime){ (ref->first + i) * SPAN_MINUTE.us }, from).data, (long long)argument,
                 wall_format(found, text).data,
                 wall_format((WallTime){ (ref->first + expected) * SPAN_MINUTE.us }, reference).data);
}

static void compare_one(const Reference *ref, const Hours *h, const Zone *z)
{
        int64_t i = random_below(3) ? random_below(20 * 1440) : random_below(30) + 10 * 1440 - 15;
        int64_t j = random_below(WINDOW_MINUTES + 1), work = random_below(2) ? random_below(600) : random_below(20000);
        int days = (int)random_below(9);
        WallTime t = { (ref->first + i) * SPAN_MINUTE.us }, until = { (ref->first + j) * SPAN_MINUTE.us };
        if (hours_is_open(h, z, t) != ref->open[i])
                check_minute(ref, h, z, i, "is_open", 0, t, i + 1);
        check_minute(ref, h, z, i, "next_open", 0, hours_next_open(h, z, t), reference_next_open(ref, i));
        check_minute(ref, h, z, i, "add", work, hours_add(h, z, t, span_times(SPAN_MINUTE, work)),
                     reference_add(ref, i, work));
        check_minute(ref, h, z, i, "add_days", days, hours_add_days(h, z, t, days),
                     reference_add_days(ref, h, z, i, days));
        /* As an instant, so that a failure is told like the others. */
        WallTime between = { t.us + hours_between(h, z, t, until).us };
        check_minute(ref, h, z, i, "between", j - i, between, i + reference_between(ref, i, j));
}

static void every_zone_agrees_with_stepping_minute_by_minute(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(sizeof(Reference) + 4096);
        Reference *ref = arena_new_of(arena, Reference);
        random_start();
        assert_true(zone_count > 300);
        for (size_t i = 0; i < 3 * zone_count; i++) {
                const Zone *z = zones[i % zone_count];
                Hours h = random_hours();
                reference_make(ref, &h, z, random_first_minute(z));
                for (int n = 0; n < 16; n++)
                        compare_one(ref, &h, z);
        }
}

/* ---- what must hold for any hours, zone and time ---- */

typedef struct Pick {
        const Zone *zone;
        Hours hours;
        WallTime t;
} Pick;

static Pick random_pick(void)
{
        Pick p = { .zone = zones[random_below((int64_t)zone_count)], .hours = random_hours() };
        p.t = (WallTime){ random_first_minute(p.zone) * SPAN_MINUTE.us + random_below(20 * SPAN_DAY.us) };
        return p;
}

static void work_added_is_the_time_between(void **state UNUSED)
{
        random_start();
        for (int n = 0; n < 6000; n++) {
                Pick p = random_pick();
                Span work = { 1 + random_below(n % 3 ? SPAN_DAY.us : 200 * SPAN_DAY.us) };
                WallTime end = hours_add(&p.hours, p.zone, p.t, work);
                if (wall_since(end, p.t).us == HOURS_HORIZON_DAYS * SPAN_DAY.us)
                        continue;
                assert_int_equal(hours_between(&p.hours, p.zone, p.t, end).us, work.us);
                assert_true(hours_is_open(&p.hours, p.zone, (WallTime){ end.us - 1 }));
                WallTime longer = hours_add(&p.hours, p.zone, p.t, (Span){ work.us + 1 });
                assert_true(wall_before(end, longer));
                WallTime later = hours_add(&p.hours, p.zone, wall_add(p.t, (Span){ random_below(SPAN_DAY.us) }), work);
                assert_false(wall_before(later, end));
        }
}

static void the_next_open_instant_is_open_and_the_first(void **state UNUSED)
{
        random_start();
        for (int n = 0; n < 6000; n++) {
                Pick p = random_pick();
                WallTime open = hours_next_open(&p.hours, p.zone, p.t);
                assert_false(wall_before(open, p.t));
                assert_true(hours_is_open(&p.hours, p.zone, open));
                assert_int_equal(hours_between(&p.hours, p.zone, p.t, open).us, 0);
                assert_int_equal(hours_next_open(&p.hours, p.zone, open).us, open.us);
                assert_int_equal(hours_is_open(&p.hours, p.zone, p.t), open.us == p.t.us);
                int days = (int)random_below(40);
                WallTime then = hours_add_days(&p.hours, p.zone, p.t, days);
                assert_true(hours_is_open(&p.hours, p.zone, then));
                assert_false(wall_before(hours_add_days(&p.hours, p.zone, p.t, days + 1), then));
        }
}

static void open_time_of_years_is_the_sum_of_its_days(void **state UNUSED)
{
        random_start();
        for (int n = 0; n < 40; n++) {
                Pick p = random_pick();
                WallTime t = p.t, until = wall_add(p.t, (Span){ random_below(3000 * SPAN_DAY.us) });
                int64_t sum_us = 0;
                while (wall_before(t, until)) {
                        WallTime next = wall_earlier(until, wall_add(t, (Span){ 1 + random_below(5 * SPAN_DAY.us) }));
                        sum_us += hours_between(&p.hours, p.zone, t, next).us;
                        t = next;
                }
                assert_int_equal(hours_between(&p.hours, p.zone, p.t, until).us, sum_us);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_local_time_in_a_gap_is_the_first_instant_after_it),
                cmocka_unit_test(a_local_time_that_comes_twice_is_the_first),
                cmocka_unit_test(a_local_time_of_every_zone_is_the_first_instant_that_shows_it_or_later),
                cmocka_unit_test(before_the_first_change_and_after_the_last_the_offset_holds),
                cmocka_unit_test(hours_are_read_as_written),
                cmocka_unit_test(nothing_written_means_always),
                cmocka_unit_test(wrong_hours_are_refused_with_place_and_reason),
                cmocka_unit_test(whatever_is_written_reading_it_ends_inside_the_text),
                cmocka_unit_test(four_working_hours_from_friday_afternoon_end_on_monday_morning),
                cmocka_unit_test(ends_of_spans_are_closed_and_starts_are_open),
                cmocka_unit_test(a_span_over_a_change_of_the_clock_is_as_long_as_it_really_is),
                cmocka_unit_test(a_span_swallowed_by_a_gap_waits_a_week),
                cmocka_unit_test(a_repeat_around_midnight_belongs_to_the_day_that_had_begun),
                cmocka_unit_test(a_week_that_ends_as_the_clock_is_set_back_is_longer),
                cmocka_unit_test(working_days_keep_the_time_of_day),
                cmocka_unit_test(hours_that_are_always_open_go_by_the_clock),
                cmocka_unit_test(work_without_end_ends_at_the_horizon),
                cmocka_unit_test(every_zone_agrees_with_stepping_minute_by_minute),
                cmocka_unit_test(work_added_is_the_time_between),
                cmocka_unit_test(the_next_open_instant_is_open_and_the_first),
                cmocka_unit_test(open_time_of_years_is_the_sum_of_its_days),
        };
        return cmocka_run_group_tests_name("calendar", tests, read_zones, free_zones);
}
