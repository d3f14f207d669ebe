/* doubt.h - may the wall clock be believed? It is compared with the clock that counts since the machine's boot, which
 * nobody can set: where one has moved more against the other than the limit, the wall clock was set.
 *
 *     believed --(stepped; at the start: before the newest time in the store)--> in doubt
 *     in doubt --(synchronised; trusted by an operator; back again; held long enough)--> believed
 *
 * A suspended machine is no step: the clock since boot counts on in its sleep (CLOCK_BOOTTIME).
 * Owns:    nothing; no clock: readings come in, a verdict goes out.
 * Errors:  none. */
#pragma once

#include "base/instant.h"

typedef struct ClockReading {
        WallTime wall;
        MonoTime boot;        /* since boot, suspension included */
        bool is_synchronised; /* says the kernel */
} ClockReading;

typedef struct DoubtLimits {
        Span step; /* more than that is a step */
        Span hold; /* a doubt lasts no longer */
} DoubtLimits;

typedef enum DoubtNews {
        DOUBT_SAME,
        DOUBT_BEGAN,
        DOUBT_ENDED,
        DOUBT_SET, /* it stepped and is synchronised: no reason to doubt */
} DoubtNews;

typedef enum DoubtEnd {
        DOUBT_SYNCHRONISED,
        DOUBT_TRUSTED,
        DOUBT_BACK,
        DOUBT_HELD_LONG_ENOUGH,
        DOUBT_END_MAX,
} DoubtEnd;

const char *doubt_end_text(DoubtEnd end); /* "it is synchronised", ... */

typedef struct Doubt {
        bool is_begun; /* has seen a reading */
        bool is_open;
        bool is_inherited; /* from before a restart: how far the clock was set is not known */
        WallTime held_until;
        bool is_behind;    /* it began with a clock before the newest time in the store */
        WallTime newest;   /* in the store; unset: nothing is known */
        ClockReading base; /* believed: at most a minute old, in doubt the last one before the step */
        ClockReading last;
        Span by;      /* how far it was set; below 0: back */
        Span stepped; /* since the last reading; 0 below a second */
        MonoTime ends_at;
        DoubtEnd end;
} Doubt;

/* newest: the last time that the store knows of. held_until: the service ended in doubt, which was to last until then;
 * unset: it did not. */
Doubt doubt_new(WallTime newest, WallTime held_until);
DoubtNews doubt_look(Doubt *doubt, ClockReading now, DoubtLimits limits);
/* An operator says that the clock is right. DOUBT_SAME: nobody doubted it. */
DoubtNews doubt_trust(Doubt *doubt);
