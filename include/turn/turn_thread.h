/* turn_thread.h - the one other thread of ours: runs turns, so that neither an fsync nor a slow database holds up a
 * heartbeat, a page or a webhook. One batch is under way at a time; the next gathers meanwhile.
 * Owns:    the thread and the Turn.
 * Called:  from the loop thread. */
#pragma once

#include "turn/turn.h"

typedef struct TurnThread TurnThread;

/* Takes the turn over. */
int turn_thread_new(Turn *turn, TurnThread **ret) MUST_CHECK;
/* Waits for the turn under way, at most `patience`; then frees everything. False: it did not come back in time, nothing
 * was freed and the process should end without more ado (the database rolls back what was not committed). */
bool turn_thread_stop(TurnThread *thread, Span patience);

/* Readable when a batch is back. */
int turn_thread_fd(const TurnThread *thread);
bool turn_thread_is_idle(const TurnThread *thread);
void turn_thread_submit(TurnThread *thread, Batch *batch); /* only when idle; lent until taken back */
Batch *turn_thread_take(TurnThread *thread); /* NULL: none is back */
