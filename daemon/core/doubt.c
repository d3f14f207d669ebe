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

Doubt doubt_new(ClockPast past)
{
        return (Doubt){ .past = past };
}

static DoubtNews doubt_begin(Doubt *d, DoubtWhy why, Span by, ClockReading now, Span hold)
{
        d->by = by;
        d->why = why;
        d->is_quiet = why == DOUBT_AHEAD;
        d->is_open = true;
        d->ends_at = mono_add(now.boot, hold);
        return DOUBT_BEGAN;
}

static DoubtNews doubt_set(Doubt *d, Span by, ClockReading now)
{
        d->by = by;
        d->why = DOUBT_STEPPED;
        d->base = now;
        return DOUBT_SET;
}

static DoubtNews doubt_finish(Doubt *d, DoubtEnd end)
{
        d->is_open = d->is_resumed = false;
        d->end = end;
        d->base = d->last;
        return DOUBT_ENDED;
}

/* The boot of the past is over. */
static bool is_other_boot(const ClockPast *past, ClockReading now)
{
        return past->boot.us > 0 &&
               (now.boot.us < past->boot.us || (past->boot_id && now.boot_id && past->boot_id != now.boot_id));
}

/* Where nobody names the boots, it is the same one if the clocks fit. */
static bool is_same_boot(const ClockPast *past, ClockReading now, DoubtLimits limits)
{
        if (past->boot.us == 0 || is_other_boot(past, now))
                return false;
        int64_t off = (now.wall.us - past->shown.us) - (now.boot.us - past->boot.us);
        return (past->boot_id && now.boot_id) || (off < 0 ? -off : off) <= limits.step.us;
}

/* What has gone by since then for certain: all of it in the same boot, in another one what that has lasted. */
static Span passed_at_least(const ClockPast *past, ClockReading now, bool is_same)
{
        if (is_same)
                return mono_since(now.boot, past->boot);
        return is_other_boot(past, now) ? (Span){ now.boot.us } : SPAN_ZERO;
}

/* Restarts make no doubt longer, and the clock that is doubted has no say in it. */
static Span hold_left(const ClockPast *past, ClockReading now, DoubtLimits limits)
{
        int64_t left = past->ends_at.us - now.boot.us - (is_other_boot(past, now) ? past->boot.us : 0);
        return (Span){ MAX_OF(INT64_C(0), MIN_OF(left, limits.hold.us)) };
}

static DoubtNews resume(Doubt *d, DoubtWhy why, ClockReading now, DoubtLimits limits)
{
        Span off = drift(d->base, now);
        d->is_quiet = d->past.is_quiet;
        if (now.is_synchronised || size_of(off) <= limits.step.us)
                return doubt_finish(d, now.is_synchronised ? DOUBT_SYNCHRONISED : DOUBT_BACK);
        Span left = hold_left(&d->past, now, limits);
        if (left.us == 0)
                return doubt_finish(d, DOUBT_HELD_LONG_ENOUGH);
        (void)doubt_begin(d, d->past.is_quiet ? DOUBT_AHEAD : why, off, now, left);
        d->is_resumed = true;
        d->is_quiet = d->past.is_quiet;
        return DOUBT_BEGAN;
}

/* A clock that is right was ahead when the store was written, or the machine was off: nothing to doubt either. */
static DoubtNews look_first(Doubt *d, ClockReading now, DoubtLimits limits)
{
        const ClockPast *past = &d->past;
        d->is_begun = true;
        d->base = d->last = now;
        if (!wall_is_set(past->believed))
                return DOUBT_SAME;
        bool is_same = is_same_boot(past, now, limits);
        Span passed = passed_at_least(past, now, is_same);
        d->base.wall = wall_add(past->believed, passed);
        Span off = drift(d->base, now), stepped = wall_since(now.wall, wall_add(past->shown, passed));
        if (size_of(stepped) > STEP_SEEN_MIN.us && (is_same || stepped.us < 0))
                d->stepped = stepped;
        DoubtWhy why = is_same ? DOUBT_STEPPED : off.us < 0 ? DOUBT_BEHIND : DOUBT_AHEAD;
        if (past->ends_at.us > 0)
                return resume(d, why, now, limits);
        if (size_of(off) > limits.step.us && !now.is_synchronised)
                return doubt_begin(d, why, off, now, limits.hold);
        d->base = now;
        return is_same && size_of(off) > limits.step.us ? doubt_set(d, off, now) : DOUBT_SAME;
}

static DoubtNews look_in_doubt(Doubt *d, ClockReading now, DoubtLimits limits)
{
        if (now.is_synchronised)
                return doubt_finish(d, DOUBT_SYNCHRONISED);
        if (size_of(drift(d->base, now)) <= limits.step.us)
                return doubt_finish(d, DOUBT_BACK);
        d->ends_at.us = MIN_OF(d->ends_at.us, mono_add(now.boot, limits.hold).us); /* a reload may have made it less */
        return now.boot.us >= d->ends_at.us ? doubt_finish(d, DOUBT_HELD_LONG_ENOUGH) : DOUBT_SAME;
}

/* Small steps add up as long as the base is the same. */
static DoubtNews look_believing(Doubt *d, ClockReading now, DoubtLimits limits)
{
        Span by = drift(d->base, now);
        if (size_of(by) > limits.step.us)
                return now.is_synchronised ? doubt_set(d, by, now)
                                           : doubt_begin(d, DOUBT_STEPPED, by, now, limits.hold);
        if (mono_since(now.boot, d->base.boot).us >= BASE_AGE_MAX.us)
                d->base = now;
        return DOUBT_SAME;
}

DoubtNews doubt_look(Doubt *d, ClockReading now, DoubtLimits limits)
{
        if (!d->is_begun)
                return look_first(d, now, limits);
        Span stepped = drift(d->last, now);
        d->stepped = size_of(stepped) > STEP_SEEN_MIN.us ? stepped : SPAN_ZERO;
        d->last = now;
        return d->is_open ? look_in_doubt(d, now, limits) : look_believing(d, now, limits);
}

DoubtNews doubt_trust(Doubt *d)
{
        return d->is_open ? doubt_finish(d, DOUBT_TRUSTED) : DOUBT_SAME;
}

ClockPast doubt_past(const Doubt *d)
{
        Span since_base = mono_since(d->last.boot, d->base.boot);
        return (ClockPast){
                .believed = d->is_open ? wall_add(d->base.wall, since_base) : d->last.wall,
                .shown = d->last.wall,
                .boot = d->last.boot,
                .boot_id = d->last.boot_id,
                .ends_at = d->is_open ? d->ends_at : (MonoTime){ 0 },
                .is_quiet = d->is_open && d->is_quiet,
        };
}
