#include "core/doubt.h"

static const Span BASE_AGE_MAX = { 60 * INT64_C(1000000) };
static const Span STEP_SEEN_MIN = { 1000000 };

static int64_t size_of(Span d)
{
        return d.us < 0 ? -d.us : d.us;
}

/* How far the wall clock has moved against the other. */
static Span drift(ClockReading from, ClockReading to)
{
        return (Span){ (to.wall.us - from.wall.us) - (to.boot.us - from.boot.us) };
}

const char *doubt_end_text(DoubtEnd end)
{
        static const char *const texts[DOUBT_END_MAX] = {
                [DOUBT_SYNCHRONISED] = "it is synchronised",
                [DOUBT_TRUSTED] = "an operator says that it is right",
                [DOUBT_BACK] = "it is back where it was",
                [DOUBT_HELD_LONG_ENOUGH] = "nobody has set it for as long as rungs may be held",
        };
        must(end < DOUBT_END_MAX);
        return texts[end];
}

Doubt doubt_new(WallTime newest, WallTime held_until)
{
        return (Doubt){ .newest = newest, .held_until = held_until, .is_inherited = wall_is_set(held_until) };
}

static DoubtNews doubt_begin(Doubt *d, Span by, ClockReading now, DoubtLimits limits)
{
        d->by = by;
        if (now.is_synchronised) {
                d->base = now;
                return DOUBT_SET;
        }
        d->is_open = true;
        d->ends_at = mono_add(now.boot, limits.hold);
        return DOUBT_BEGAN;
}

static DoubtNews doubt_finish(Doubt *d, DoubtEnd end)
{
        d->is_open = d->is_behind = d->is_inherited = false;
        d->end = end;
        d->base = d->last;
        return DOUBT_ENDED;
}

static Span behind(const Doubt *d, ClockReading now)
{
        return wall_is_set(d->newest) ? wall_since(d->newest, now.wall) : SPAN_ZERO;
}

/* Restarts make no doubt longer. */
static DoubtNews look_inherited(Doubt *d, ClockReading now, DoubtLimits limits)
{
        if (now.is_synchronised)
                return doubt_finish(d, DOUBT_SYNCHRONISED);
        int64_t left = wall_since(d->held_until, now.wall).us;
        limits.hold.us = MAX_OF(INT64_C(0), MIN_OF(left, limits.hold.us));
        return doubt_begin(d, SPAN_ZERO, now, limits);
}

/* A clock that is right was ahead when the store was written: nothing to doubt either. */
static DoubtNews look_first(Doubt *d, ClockReading now, DoubtLimits limits)
{
        d->is_begun = true;
        d->base = now;
        if (d->is_inherited)
                return look_inherited(d, now, limits);
        if (behind(d, now).us <= limits.step.us || now.is_synchronised)
                return DOUBT_SAME;
        d->is_behind = true;
        return doubt_begin(d, (Span){ -behind(d, now).us }, now, limits);
}

static DoubtNews look_in_doubt(Doubt *d, ClockReading now, DoubtLimits limits)
{
        int64_t off = d->is_behind ? behind(d, now).us : size_of(drift(d->base, now));
        if (now.is_synchronised)
                return doubt_finish(d, DOUBT_SYNCHRONISED);
        if (off <= limits.step.us && !d->is_inherited)
                return doubt_finish(d, DOUBT_BACK);
        if (now.boot.us >= d->ends_at.us)
                return doubt_finish(d, DOUBT_HELD_LONG_ENOUGH);
        return DOUBT_SAME;
}

/* Small steps add up as long as the base is the same. */
static DoubtNews look_believing(Doubt *d, ClockReading now, DoubtLimits limits)
{
        Span by = drift(d->base, now);
        if (size_of(by) > limits.step.us)
                return doubt_begin(d, by, now, limits);
        if (mono_since(now.boot, d->base.boot).us >= BASE_AGE_MAX.us)
                d->base = now;
        return DOUBT_SAME;
}

DoubtNews doubt_look(Doubt *d, ClockReading now, DoubtLimits limits)
{
        Span stepped = d->is_begun ? drift(d->last, now) : SPAN_ZERO;
        d->stepped = size_of(stepped) > STEP_SEEN_MIN.us ? stepped : SPAN_ZERO;
        d->last = now;
        if (!d->is_begun)
                return look_first(d, now, limits);
        return d->is_open ? look_in_doubt(d, now, limits) : look_believing(d, now, limits);
}

DoubtNews doubt_trust(Doubt *d)
{
        return d->is_open ? doubt_finish(d, DOUBT_TRUSTED) : DOUBT_SAME;
}
