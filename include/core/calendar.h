/* calendar.h - working hours in a time zone: when is somebody at work, and when will four working hours have passed.
 * Pure: zones are tables, made elsewhere from the system's zone files. Spans of the day are half-open: 13:00 is not
 * in 08:00-13:00. A local time that does not exist (spring) stands for the first instant after the gap, one that
 * comes twice (autumn) for the first.
 * Errors:  none. Instants handed in are set and not WALL_NEVER; anything else is a broken promise (must.h).
 * Room:    holidays and absences will be a list of closed local days, asked where a day's spans are counted; the
 *          skipping of whole weeks then stops at such a day as it does at a change of the offset.
 * Source:  offsets by the IANA time zone database (RFC 8536). */
#pragma once

#include "base/instant.h"

typedef struct ZoneChange {
        WallTime at; /* from here on ... */
        int32_t offset_seconds; /* ... local time = UTC + offset */
} ZoneChange;

/* changes[0].at is WALL_NONE: the offset before the first change. */
typedef struct Zone {
        Text name; /* IANA, "Europe/Berlin" */
        const ZoneChange *changes;
        size_t count;
} Zone;

int32_t zone_offset(const Zone *zone, WallTime t);
Civil zone_local(const Zone *zone, WallTime t);
/* The instant of a local time; see above for gaps and repeats. */
WallTime zone_instant(const Zone *zone, const Civil *local);

extern const Zone ZONE_UTC;

/* No answer lies further ahead than 20 years: work that would take longer ends there. So that hours such as one
 * minute a week cannot push a due time out of every clock's range. */
enum { HOURS_SPANS_MAX = 6, HOURS_HORIZON_DAYS = 7305 };

typedef struct DaySpan {
        int16_t from_minute; /* of the local day, 0..1439 */
        int16_t until_minute; /* 1..1440, after from */
} DaySpan;

/* A week of working hours. On days with a change of the clock, a span reaches from the instant of its start to the
 * instant of its end, however long that takes: Su 01:00-04:00 is two hours in spring and four in autumn.
 * is_always: at any time (nothing was written). Otherwise at least one span. */
typedef struct Hours {
        bool is_always;
        int8_t span_count[7]; /* Monday first */
        DaySpan spans[7][HOURS_SPANS_MAX]; /* in order, not touching */
} Hours;

/* "Mo-Fr 08:00-12:00 13:00-18:00, Sa 09:00-12:00"; empty means always. On failure false, *reterr_offset points at
 * the part and *reterr_message says what is wrong with it. Days: Mo Tu We Th Fr Sa Su; "Fr-Mo" wraps; 24:00 ends a day. */
bool hours_parse(Text text, Hours *ret, size_t *reterr_offset, const char **reterr_message);

bool hours_is_open(const Hours *hours, const Zone *zone, WallTime t);

/* The first instant from t on that is open. */
WallTime hours_next_open(const Hours *hours, const Zone *zone, WallTime t);

/* The instant at which `work` of open time has passed since t. With work = 0: hours_next_open().
 * When the work is done exactly at the end of a span, that end is the answer, not the next morning. Less than no
 * work is none. */
WallTime hours_add(const Hours *hours, const Zone *zone, WallTime t, Span work);

/* The same local time of day, `days` working days later, then the first open instant from there on. A working day is
 * one with a span. From a time that is not in a working day, counting starts at that day's end.
 * Friday 16:00 + 1 = Monday 16:00; Saturday 11:00 + 1 (Mo-Fr) = Monday at opening ... + 2 = Tuesday at opening. */
WallTime hours_add_days(const Hours *hours, const Zone *zone, WallTime t, int days);

/* Open time in [from, until); 0 if until is not after from. */
Span hours_between(const Hours *hours, const Zone *zone, WallTime from, WallTime until);
