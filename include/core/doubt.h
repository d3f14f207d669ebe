/* doubt.h - may the wall clock be believed? It is compared with the clock that counts since the machine's boot, which
 * nobody can set: where one has moved more against the other than the limit, the wall clock was set.
 *
 *     believed --(stepped; at the start: not what the last service leaves to expect)--> in doubt
 *     in doubt --(synchronised; trusted by an operator; back again; held long enough)--> believed
 *
 * At the start, in the same boot, the clock since boot says exactly what time it should be. In another boot only the
 * least is known: the last time that was believed and the time since this boot. A clock before that is behind. One that
 * is later by more than the limit may be right, if the machine was off for so long, and may be ahead: nobody can know.
 *
 * A suspended machine is no step: the clock since boot counts on in its sleep (CLOCK_BOOTTIME).
 * Owns:    nothing; no clock: readings come in, a verdict goes out.
 * Errors:  none. */
#pragma once

#include "base/instant.h"

typedef struct ClockReading {
        WallTime wall;
        MonoTime boot;        /* since boot, suspension included */
        int64_t boot_id;      /* of that boot; 0: nobody says */
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

typedef enum DoubtWhy {
        DOUBT_STEPPED,
        DOUBT_BEHIND, /* in another boot: before a time that is over for certain */
        DOUBT_AHEAD,  /* in another boot: later than that, and for how long the machine was off is not known */
} DoubtWhy;

typedef enum DoubtEnd {
        DOUBT_SYNCHRONISED,
        DOUBT_TRUSTED,
        DOUBT_BACK,
        DOUBT_HELD_LONG_ENOUGH,
        DOUBT_END_MAX,
} DoubtEnd;

const char *doubt_end_text(DoubtEnd end); /* "it is synchronised", ... */

/* What a service leaves to the one that is started after it. */
typedef struct ClockPast {
        WallTime believed; /* unset: nothing is known */
        WallTime shown;    /* by the clock at that moment: another time while it is in doubt */
        MonoTime boot;     /* at that moment; 0: not known */
        int64_t boot_id;
        MonoTime ends_at; /* the doubt; 0: there is none */
        bool is_quiet;
} ClockPast;

typedef struct Doubt {
        ClockPast past; /* as it was found at the start */
        bool is_begun;  /* has seen a reading */
        bool is_open;
        bool is_resumed;   /* it began before a restart */
        bool is_quiet;     /* what any morning may bring: nobody is woken for it */
        DoubtWhy why;      /* it began */
        ClockReading base; /* believed: at most a minute old, in doubt the last one before the step */
        ClockReading last;
        Span by;      /* how far it was set; below 0: back */
        Span stepped; /* since the last reading; 0 below a second */
        MonoTime ends_at;
        DoubtEnd end;
} Doubt;

Doubt doubt_new(ClockPast past);
DoubtNews doubt_look(Doubt *doubt, ClockReading now, DoubtLimits limits);
/* An operator says that the clock is right. DOUBT_SAME: nobody doubted it. */
DoubtNews doubt_trust(Doubt *doubt);
/* As of the last reading. */
ClockPast doubt_past(const Doubt *doubt);
