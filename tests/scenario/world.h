/* world.h - the world of a story: its virtual time, its company, its receivers, and what was said in it.
 * Owns:    an arena, a folder below /tmp with configuration and store, a turn.
 * Errors:  fail() says what was expected, ends the story and does not come back. */
#pragma once

#include <setjmp.h>

#include "config/config.h"
#include "config/zones.h"
#include "turn/judge.h"
#include "turn/turn.h"

enum {
        WORDS_MAX = 48,
        TOPICS_MAX = 4
};

/* A message that was accepted by its receiver. */
typedef struct Told {
        WallTime at;
        Text recipient, channel;
        Message message;
        int64_t case_number;
        Text key;
        bool is_expected;
} Told;

/* With a transport: answered when its time has come. */
typedef struct Flight {
        struct Flight *next;
        Parcel *parcel;
        WallTime answer_at;
} Flight;

/* When a receiver that takes its time will have answered this message, also if it is sent again after a restart. */
typedef struct Slow {
        Text key;
        WallTime answer_at;
} Slow;

typedef struct Behaviour {
        Text channel;
        Fate fate;
        bool is_silent; /* temporary: not even a status */
        Span takes;
        int tries;
} Behaviour;

typedef struct Record {
        Text id, topic, value;
        const Source *source;
        WallTime record_time;
} Record;

typedef struct Topic {
        Text name;
        int64_t next_offset;
} Topic;

typedef struct World {
        const char *file;
        int line;
        jmp_buf failed;
        bool restarts_everywhere;
        Arena *arena;
        ZoneCache *zones;
        char *folder; /* of the configuration in force, and of the store */
        Text config_name;
        Config *config;
        Turn *turn;
        Judge *judge;
        WallTime now, wake_at;
        const Zone *zone;
        Span jumped;   /* the wall clock, against the one that nobody sets */
        Span believed; /* so much of that nobody doubts any more */
        int64_t boot_id;
        WallTime booted_at;
        bool is_synchronised, in_doubt;
        bool clock_waits; /* `before the clock`: what is due now waits for the next statement's turn */
        bool has_started;
        bool has_crashed; /* since the turn began: what it has told may be told again */

        Flight *flights;
        Told *told;
        size_t told_count, told_capacity;
        Slow *slow;
        size_t slow_count, slow_capacity;
        Behaviour *behaviours;
        size_t behaviour_count, behaviour_capacity;
        Record *records;
        size_t record_count, record_capacity;
        Topic topics[TOPICS_MAX];
        size_t topic_count;
        bool delivers_twice;

        const char *verdict; /* of the last answer */
        const char *reason;  /* why the last act was refused; NULL: it was not */
        bool is_repeated, refusal_is_open;
        bool anything_goes; /* only the promises are checked */
        TurnFigures figures;
} World;

/* One line of a story. */
typedef struct Line {
        Text words[WORDS_MAX];
        size_t count;
        struct {
                Text name, value;
                bool is_quoted;
        } options[WORDS_MAX];
        size_t option_count;
        Text stars[8]; /* what the pattern's * stood for */
        Text *rest;    /* what its ... stood for */
        size_t rest_count;
} Line;

typedef struct CaseList {
        Arena *arena;
        Case *cases[256];
        size_t count;
} CaseList;

/* [Mon] [2026-11-20] 16:00[:30] [Europe/Berlin] */
typedef struct Moment {
        int weekday; /* -1: not said */
        bool has_date;
        int32_t year;
        int month, day, hour, minute, second;
        const Zone *zone;
} Moment;

/* line.c: words, options and times of a statement */
_Noreturn void fail(World *w, const char *format, ...) PRINTF_LIKE(2, 3);
void check(World *w, int error, const char *what);
void line_read(World *w, const char *text, Line *ret);
Text option_of(const Line *line, const char *name);
bool line_matches(Line *line, const char *pattern);
Text words_join(World *w, const Text *words, size_t count);
Moment moment_read(World *w, const Text *words, size_t count);
WallTime moment_instant(World *w, const Moment *m);
Text time_text(World *w, const Zone *zone, WallTime t);
bool time_is(World *w, WallTime t, const Text *words, size_t count);
Span span_read(World *w, Text text);

/* promise.c: what must hold after each turn, and of each message */
CaseList cases_read(World *w, Arena *arena);
void promises_check(World *w);
void promise_message(World *w, const Parcel *p);

/* world.c: receivers, turns, beginning and ending */
Behaviour *behaviour_of(World *w, Text channel);
void results_add(World *w, Batch *batch);
void world_turn(World *w, Batch *batch);
void world_advance(World *w, WallTime until, bool also_then);
void world_settle(World *w);
Config *config_make(World *w, Text name);
void config_swap(World *w, Config *config);
void world_start(World *w);
void world_restart(World *w);
void world_end(World *w);
