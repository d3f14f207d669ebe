#include "core/calendar.h"

/* Two notions carry this file.
 *
 * A local time is kept as microseconds since 1970-01-01 00:00 on the wall clock of the zone, as if that were UTC.
 *
 * The instant of a local time is the first one at which the wall clock shows that time or a later one. That covers
 * gaps (the clock jumps over the time) and repeats (the clock shows it twice), and it never decreases when the local
 * time grows. So the spans of a week, taken in order, give instants in order, and one walk forwards serves all. */

static const int64_t DAY_US = 86400 * INT64_C(1000000);
static const int64_t WEEK_US = 7 * 86400 * INT64_C(1000000);
static const int64_t MINUTE_US = 60 * INT64_C(1000000);

typedef struct LocalTime {
        int64_t us;
} LocalTime;

static const ZoneChange UTC_CHANGES[] = { { { INT64_MIN }, 0 } };
const Zone ZONE_UTC = { { "UTC", 3 }, UTC_CHANGES, 1 };

static int64_t floor_div(int64_t a, int64_t b)
{
        return a / b - (a % b < 0);
}

static int64_t offset_us(const Zone *zone, size_t change)
{
        return zone->changes[change].offset_seconds * INT64_C(1000000);
}

/* The change in force at t. */
static size_t change_at(const Zone *zone, WallTime t)
{
        size_t low = 0, high = zone->count;
        while (high - low > 1) {
                size_t middle = low + (high - low) / 2;
                if (wall_before(t, zone->changes[middle].at))
                        high = middle;
                else
                        low = middle;
        }
        return low;
}

/* Whether the wall clock shows `local` only after the change that follows this one. */
static bool local_is_after(const Zone *zone, size_t change, LocalTime local)
{
        return change + 1 < zone->count && local.us >= zone->changes[change + 1].at.us + offset_us(zone, change);
}

/* In a gap, local minus offset lies before the change that made the gap. */
static WallTime instant_under(const Zone *zone, size_t change, LocalTime local)
{
        return wall_later(zone->changes[change].at, (WallTime){ local.us - offset_us(zone, change) });
}

static LocalTime local_of(const Zone *zone, size_t change, WallTime t)
{
        return (LocalTime){ t.us + offset_us(zone, change) };
}

static WallTime local_instant(const Zone *zone, LocalTime local)
{
        size_t low = 0, high = zone->count - 1;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (local_is_after(zone, middle, local))
                        low = middle + 1;
                else
                        high = middle;
        }
        return instant_under(zone, low, local);
}

int32_t zone_offset(const Zone *zone, WallTime t)
{
        return zone->changes[change_at(zone, t)].offset_seconds;
}

Civil zone_local(const Zone *zone, WallTime t)
{
        return civil_from_us(local_of(zone, change_at(zone, t), t).us);
}

WallTime zone_instant(const Zone *zone, const Civil *local)
{
        return local_instant(zone, (LocalTime){ civil_to_us(local) });
}

/* The open spans that end after `start`, in order, none empty, the first cut at start. The zone's table is read
 * forwards only, from the change before the one in force at start. So a local time first shown before start may get
 * a later instant than its own, but one under that earlier change, and so not after start: the cut makes it right. */
typedef struct OpenWalk {
        const Hours *hours;
        const Zone *zone;
        WallTime start;
        size_t change;
        int64_t day, last_day; /* local days since 1970-01-01 */
        int weekday;
        int span;             /* the next one of that day */
        WallTime from, until; /* what walk_next() found */
} OpenWalk;

static int weekday_of(int64_t day)
{
        return (int)((day % 7 + 10) % 7); /* 1970-01-01 was a Thursday, 3 */
}

static OpenWalk walk_from(const Hours *hours, const Zone *zone, WallTime start, int64_t days)
{
        must(wall_is_set(start) && wall_before(start, WALL_NEVER));
        size_t in_force = change_at(zone, start);
        OpenWalk w = { .hours = hours, .zone = zone, .start = start, .change = in_force > 0 ? in_force - 1 : 0 };
        w.day = floor_div(local_of(zone, in_force, start).us, DAY_US);
        w.last_day = w.day + days;
        w.weekday = weekday_of(w.day);
        return w;
}

static WallTime walk_instant(OpenWalk *w, int minute)
{
        LocalTime local = { w->day * DAY_US + minute * MINUTE_US };
        while (local_is_after(w->zone, w->change, local))
                w->change++;
        return instant_under(w->zone, w->change, local);
}

static bool walk_is_day_done(const OpenWalk *w)
{
        return w->span >= w->hours->span_count[w->weekday];
}

static void walk_day(OpenWalk *w)
{
        w->day++;
        w->weekday = w->weekday == 6 ? 0 : w->weekday + 1;
        w->span = 0;
}

static bool walk_next(OpenWalk *w)
{
        for (; w->day <= w->last_day; walk_day(w)) {
                while (!walk_is_day_done(w)) {
                        const DaySpan *span = &w->hours->spans[w->weekday][w->span++];
                        w->from = wall_later(w->start, walk_instant(w, span->from_minute));
                        w->until = walk_instant(w, span->until_minute);
                        if (wall_before(w->from, w->until))
                                return true;
                }
        }
        return false;
}

/* When the day is done: skips whole weeks that end by `limit` and see no change of the offset, for each of them has
 * the same open time. At most weeks_max; returns how many. */
static int64_t walk_skip_weeks(OpenWalk *w, WallTime limit, int64_t weeks_max)
{
        if (!walk_is_day_done(w))
                return 0;
        walk_day(w);
        WallTime begin = walk_instant(w, 0);
        if (local_of(w->zone, w->change, begin).us != w->day * DAY_US)
                return 0;
        /* Before the change, not at it: a span that ends with the week ends later if the clock is set back just then.
         */
        if (w->change + 1 < w->zone->count)
                limit = wall_earlier(limit, wall_sub(w->zone->changes[w->change + 1].at, (Span){ 1 }));
        if (!wall_before(begin, limit))
                return 0;
        int64_t weeks = MIN_OF(wall_since(limit, begin).us / WEEK_US, weeks_max);
        w->day += 7 * weeks;
        return weeks;
}

static Span week_work(const Hours *hours)
{
        int64_t minutes = 0;
        for (int d = 0; d < 7; d++)
                for (int i = 0; i < hours->span_count[d]; i++)
                        minutes += hours->spans[d][i].until_minute - hours->spans[d][i].from_minute;
        return span_times(SPAN_MINUTE, minutes);
}

bool hours_is_open(const Hours *hours, const Zone *zone, WallTime t)
{
        if (hours->is_always)
                return true;
        /* Two days: after a repeat around midnight, t may show yesterday's date in a span of today. */
        OpenWalk w = walk_from(hours, zone, t, 2);
        return walk_next(&w) && w.from.us == t.us;
}

WallTime hours_next_open(const Hours *hours, const Zone *zone, WallTime t)
{
        if (hours->is_always)
                return t;
        OpenWalk w = walk_from(hours, zone, t, HOURS_HORIZON_DAYS);
        bool is_found = walk_next(&w);
        must(is_found); /* a week has at least one span */
        return w.from;
}

WallTime hours_add(const Hours *hours, const Zone *zone, WallTime t, Span work)
{
        if (work.us <= 0)
                return hours_next_open(hours, zone, t);
        WallTime horizon = wall_add(t, span_times(SPAN_DAY, HOURS_HORIZON_DAYS));
        if (hours->is_always)
                return wall_since(horizon, t).us < work.us ? horizon : wall_add(t, work);

        Span a_week = week_work(hours);
        OpenWalk w = walk_from(hours, zone, t, HOURS_HORIZON_DAYS);
        for (int64_t left_us = work.us; walk_next(&w) && wall_before(w.from, horizon);) {
                int64_t open_us = wall_since(w.until, w.from).us;
                if (left_us <= open_us)
                        return wall_earlier(wall_add(w.from, (Span){ left_us }), horizon);
                left_us -= open_us;
                if (left_us > a_week.us)
                        left_us -= walk_skip_weeks(&w, horizon, (left_us - 1) / a_week.us) * a_week.us;
        }
        return horizon;
}

Span hours_between(const Hours *hours, const Zone *zone, WallTime from, WallTime until)
{
        if (!wall_before(from, until))
                return SPAN_ZERO;
        must(wall_is_set(from) && wall_before(until, WALL_NEVER));
        if (hours->is_always)
                return wall_since(until, from);

        int64_t days = wall_since(until, from).us / DAY_US;
        Span a_week = days > 7 ? week_work(hours) : SPAN_ZERO;
        int64_t sum_us = 0;
        OpenWalk w = walk_from(hours, zone, from, days + 3);
        while (walk_next(&w) && wall_before(w.from, until)) {
                sum_us += wall_since(wall_earlier(w.until, until), w.from).us;
                if (days > 7)
                        sum_us += walk_skip_weeks(&w, until, days) * a_week.us;
        }
        return (Span){ sum_us };
}

static bool is_working_day(const Hours *hours, int64_t day)
{
        return hours->is_always || hours->span_count[weekday_of(day)] > 0;
}

/* The days'th working day after this one; days > 0. */
static int64_t working_day_after(const Hours *hours, int64_t day, int days)
{
        int in_week = 0;
        for (int64_t d = 0; d < 7; d++)
                in_week += is_working_day(hours, d);
        must(in_week > 0);
        int64_t found = day + (days - 1) / in_week * INT64_C(7);
        for (int left = (days - 1) % in_week + 1; left > 0; left -= is_working_day(hours, found))
                found++;
        return MIN_OF(found, day + HOURS_HORIZON_DAYS);
}

WallTime hours_add_days(const Hours *hours, const Zone *zone, WallTime t, int days)
{
        if (days <= 0)
                return hours_next_open(hours, zone, t);
        must(wall_is_set(t) && wall_before(t, WALL_NEVER));
        LocalTime local = local_of(zone, change_at(zone, t), t);
        int64_t day = floor_div(local.us, DAY_US);
        int64_t time_of_day_us = is_working_day(hours, day) ? local.us - day * DAY_US : 0;
        int64_t target = working_day_after(hours, day, MIN_OF(days, HOURS_HORIZON_DAYS));
        WallTime then = local_instant(zone, (LocalTime){ target * DAY_US + time_of_day_us });
        return hours_next_open(hours, zone, wall_later(t, then));
}

/* Reading "Mo-Fr 08:00-12:00 13:00-18:00, Sa 09:00-12:00". The readers return false with the fault noted. */
typedef struct HoursReader {
        Text text;
        size_t at;
        size_t fault_at;
        const char *fault;
} HoursReader;

static bool read_fault(HoursReader *r, size_t at, const char *message)
{
        r->fault_at = at;
        r->fault = message;
        return false;
}

static bool at_char(const HoursReader *r, char c)
{
        return r->at < r->text.len && r->text.data[r->at] == c;
}

static bool at_space(const HoursReader *r)
{
        return at_char(r, ' ') || at_char(r, '\t');
}

static bool at_end(const HoursReader *r)
{
        return r->at >= r->text.len;
}

static void skip_spaces(HoursReader *r)
{
        while (at_space(r))
                r->at++;
}

static bool read_day(HoursReader *r, int *ret)
{
        static const char *const names[7] = { "Mo", "Tu", "We", "Th", "Fr", "Sa", "Su" };
        size_t start = r->at;
        while (!at_end(r) && !at_space(r) && !at_char(r, '-') && !at_char(r, ','))
                r->at++;
        Text word = { r->text.data + start, r->at - start };
        for (int day = 0; day < 7; day++) {
                if (text_is(word, names[day])) {
                        *ret = day;
                        return true;
                }
        }
        return read_fault(r, start,
                          word.len > 0 ? "unknown day; days are Mo Tu We Th Fr Sa Su"
                                       : "expected a day, as in Mo or Mo-Fr");
}

static bool read_two_digits(HoursReader *r, int *ret)
{
        const char *d = r->text.data + r->at;
        if (r->text.len - r->at < 2 || d[0] < '0' || d[0] > '9' || d[1] < '0' || d[1] > '9')
                return false;
        *ret = (d[0] - '0') * 10 + (d[1] - '0');
        r->at += 2;
        return true;
}

static bool read_time(HoursReader *r, bool is_end, int16_t *ret_minute)
{
        size_t start = r->at;
        int hour, minute;
        bool is_read = read_two_digits(r, &hour) && at_char(r, ':');
        r->at += is_read;
        if (!is_read || !read_two_digits(r, &minute))
                return read_fault(r, start, "expected a time such as 08:00");
        if (hour == 24 && !is_end)
                return read_fault(r, start, "24:00 can only end a day; a day starts at 00:00");
        if (minute > 59 || hour * 60 + minute > 1440)
                return read_fault(r, start, "there is no such time of day; times are 00:00 to 24:00");
        *ret_minute = (int16_t)(hour * 60 + minute);
        return true;
}

static bool read_span(HoursReader *r, DaySpan *ret)
{
        size_t start = r->at;
        if (!read_time(r, false, &ret->from_minute))
                return false;
        if (!at_char(r, '-'))
                return read_fault(r, r->at, "expected '-' and the time at which it ends, as in 08:00-12:00");
        r->at++;
        if (!read_time(r, true, &ret->until_minute))
                return false;
        if (!at_end(r) && !at_space(r) && !at_char(r, ','))
                return read_fault(r, r->at, "expected a space or a comma after the time");
        if (ret->until_minute <= ret->from_minute)
                return read_fault(
                        r, start,
                        "the end is not after the start; a night is two parts, as in Mo 22:00-24:00, Tu 00:00-06:00");
        return true;
}

/* Keeps the day's spans in order. */
static const char *day_put(Hours *hours, int day, DaySpan span)
{
        _Static_assert(HOURS_SPANS_MAX == 6, "the message says how many");
        DaySpan *spans = hours->spans[day];
        int count = hours->span_count[day], place = count;
        if (count == HOURS_SPANS_MAX)
                return "more than 6 spans on one day";
        for (int i = 0; i < count; i++)
                if (span.from_minute <= spans[i].until_minute && spans[i].from_minute <= span.until_minute)
                        return "touches or overlaps another span of the same day";
        for (; place > 0 && spans[place - 1].from_minute > span.from_minute; place--)
                spans[place] = spans[place - 1];
        spans[place] = span;
        hours->span_count[day]++;
        return NULL;
}

/* "Mo-Fr 08:00-12:00 13:00-18:00", up to the comma or the end. */
static bool read_part(HoursReader *r, Hours *hours)
{
        int first, last;
        if (!read_day(r, &first))
                return false;
        last = first;
        if (at_char(r, '-')) {
                r->at++;
                if (!read_day(r, &last))
                        return false;
        }
        skip_spaces(r);
        do {
                size_t start = r->at;
                DaySpan span;
                if (!read_span(r, &span))
                        return false;
                for (int i = 0; i <= (last - first + 7) % 7; i++) {
                        const char *fault = day_put(hours, (first + i) % 7, span);
                        if (fault)
                                return read_fault(r, start, fault);
                }
                skip_spaces(r);
        } while (!at_end(r) && !at_char(r, ','));
        return true;
}

static bool read_parts(HoursReader *r, Hours *hours)
{
        for (;;) {
                skip_spaces(r);
                if (!read_part(r, hours))
                        return false;
                if (at_end(r))
                        return true;
                r->at++;
        }
}

bool hours_parse(Text text, Hours *ret, size_t *reterr_offset, const char **reterr_message)
{
        HoursReader r = { .text = text };
        Hours hours = { .is_always = text_trim(text).len == 0 };
        if (!hours.is_always && !read_parts(&r, &hours)) {
                *reterr_offset = r.fault_at;
                *reterr_message = r.fault;
                return false;
        }
        *ret = hours;
        return true;
}
