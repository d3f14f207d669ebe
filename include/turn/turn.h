/* turn.h - one unit of work: inputs -> core -> one transaction -> parcels. The only writer of cases.
 * The same function is called by the turn thread and, without threads, by the tests that run on virtual time.
 * Owns:    the store; what it keeps in memory (numbers handed out, deliveries that are out, cases that are held,
 *          disabled channels, old policies) follows from the store and is rebuilt from it.
 * Errors:  in the batch: nothing of it has happened, and the same batch may be run again.
 * Called:  from one thread only. */
#pragma once

#include "turn/batch.h"

/* Takes the store over. *reterr_message in arena. */
int turn_new(Store *store, Arena *arena, Turn **ret, Text *reterr_message) MUST_CHECK;
Turn *turn_free(Turn *turn);
DEFINE_CLEANUP(Turn, turn_free)

/* From now on cases follow this configuration. Keeps its policies; -EEXIST when a version is there already with another
 * text: *reterr_message says which, and nothing has changed. */
int turn_adopt(Turn *turn, const Config *config, WallTime now, Arena *arena, Text *reterr_message) MUST_CHECK;

void turn_run(Turn *turn, Batch *batch);

Store *turn_store(Turn *turn);

/* An operator says that the clock is right: from the next turn on. False: nobody doubts it. */
bool turn_clock_trust(Turn *turn);
/* Why it is in doubt: "it was set forward by 10 h". */
Text clock_words(const Doubt *doubt, Arena *arena);

/* For `when` and `why`: the policy a case was opened under. NULL if the archive has lost it. */
const Policy *turn_policy(Turn *turn, Text name, int version);

/* A delivery that had ended is tried again now, by an administrator. -ENOENT, -EINVAL if it is still pending. */
int turn_retry(Turn *turn, int64_t delivery, WallTime now) MUST_CHECK;

/* What waits for a channel that does not work. */
typedef struct Waiting {
        Text channel;
        Text host;         /* that does not work: then of all its channels; absent: of this one */
        int64_t count;     /* messages */
        bool is_more;      /* than that */
        WallTime since;    /* when the oldest of them was due */
        int64_t fell_over; /* that went over their reader's next channel as well */
        WallTime next_at;  /* when the first of the others loses patience; WALL_NEVER: there is none */
        Text reader;       /* whose it is */
        Text next_channel; /* over which it goes then; absent: there is none, and its ladder goes on early */
} Waiting;
/* Of max channels, those of one broken host together; texts in the arena. */
int turn_waiting(Turn *turn, WallTime now, Arena *arena, Waiting *ret, size_t max, size_t *ret_count) MUST_CHECK;

/* Clears what 404 and 410 have disabled: after a reload or a test message. recipient absent: all. */
int turn_enable_channel(Turn *turn, Text channel, Text recipient) MUST_CHECK;
