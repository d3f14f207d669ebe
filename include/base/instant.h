/* instant.h - time as types, so that the compiler refuses to mix them.
 * Units:   microseconds. WallTime: since 1970-01-01 00:00 UTC, may step. MonoTime: since boot, never steps.
 * Errors:  parsing returns false and leaves the result alone.
 * Source:  ISO 8601-1:2019 / RFC 3339; civil dates by the proleptic Gregorian calendar. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

typedef struct WallTime {
        int64_t us;
} WallTime;
typedef struct MonoTime {
        int64_t us;
} MonoTime;
typedef struct Span {
        int64_t us;
} Span;

#define SPAN_SECOND ((Span){ 1000000 })
#define SPAN_MINUTE ((Span){ 60 * INT64_C(1000000) })
#define SPAN_HOUR ((Span){ 3600 * INT64_C(1000000) })
#define SPAN_DAY ((Span){ 86400 * INT64_C(1000000) })
#define SPAN_ZERO ((Span){ 0 })

/* "No time": unset. Also what a NULL column becomes. */
#define WALL_NONE ((WallTime){ INT64_MIN })
#define WALL_NEVER ((WallTime){ INT64_MAX })

static inline bool wall_is_set(WallTime t)
{
        return t.us != INT64_MIN;
}
static inline WallTime wall_add(WallTime t, Span d)
{
        return (WallTime){ t.us + d.us };
}
static inline WallTime wall_sub(WallTime t, Span d)
{
        return (WallTime){ t.us - d.us };
}
static inline Span wall_since(WallTime later, WallTime earlier)
{
        return (Span){ later.us - earlier.us };
}
static inline bool wall_before(WallTime a, WallTime b)
{
        return a.us < b.us;
}
static inline WallTime wall_later(WallTime a, WallTime b)
{
        return a.us > b.us ? a : b;
}
static inline WallTime wall_earlier(WallTime a, WallTime b)
{
        return a.us < b.us ? a : b;
}
static inline Span span_times(Span d, int64_t n)
{
        return (Span){ d.us * n };
}
static inline MonoTime mono_add(MonoTime t, Span d)
{
        return (MonoTime){ t.us + d.us };
}
static inline Span mono_since(MonoTime later, MonoTime earlier)
{
        return (Span){ later.us - earlier.us };
}
static inline bool mono_before(MonoTime a, MonoTime b)
{
        return a.us < b.us;
}

/* A civil date and time of day in no zone in particular. month 1-12, day 1-31, weekday 0 = Monday. */
typedef struct Civil {
        int32_t year;
        int8_t month, day, hour, minute, second;
        int8_t weekday;
        int32_t microsecond;
} Civil;

/* Days since 1970-01-01, and back. */
int64_t civil_days(int32_t year, int month, int day);
Civil civil_from_days(int64_t days);

/* As if the civil time were UTC. */
int64_t civil_to_us(const Civil *c);
Civil civil_from_us(int64_t us);
bool civil_is_date(int32_t year, int month, int day);

/* "2026-11-20T07:43:58.123Z" (milliseconds, 24 characters and a NUL). */
#define ISO8601_BYTES 32
Text wall_format(WallTime t, char buffer[static ISO8601_BYTES]);

/* RFC 3339 and what surveys really write: 'T' or one space between date and time, seconds and fraction optional,
 * "Z", "+hh:mm", "+hhmm", "+hh", or " +hhmm". Years 1970 to 2200. With no zone given, *ret_has_zone is false and
 * the time is read as if it were UTC. */
bool wall_parse(Text text, WallTime *ret, bool *ret_has_zone);
