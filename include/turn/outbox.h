/* outbox.h - parcels on their way, on the loop: a queue for each channel, and how many of each may be out.
 * A parcel counts as out until its result is committed, so that a crash repeats at most what is out (promise S4).
 * Owns:    the parcels given to it until they are settled.
 * Called:  from the loop thread only. */
#pragma once

#include "turn/parcel.h"

typedef struct Outbox Outbox;
typedef void (*OutboxSend)(void *userdata, Parcel *parcel);

Outbox *outbox_new(OutboxSend send, void *userdata);
Outbox *outbox_free(Outbox *outbox);
DEFINE_CLEANUP(Outbox, outbox_free)

/* Takes a list over (linked by next); nothing is sent yet. */
void outbox_add(Outbox *outbox, Parcel *list);
/* Sends what may be sent. */
void outbox_send(Outbox *outbox);
/* Its result is committed: frees it and sends what waited for its place. */
void outbox_settle(Outbox *outbox, Parcel *parcel);

/* What waits for a place in this channel's lane is given back unsent; it is out until it is settled, like the rest. */
void outbox_give_back(Outbox *outbox, Text channel, OutboxSend take, void *userdata);
/* Called each second: likewise what has waited for so many of them. */
void outbox_age(Outbox *outbox, int seconds_max, OutboxSend take, void *userdata);

/* What waits and passes the test is given back unsent, from whatever lane. */
typedef bool (*OutboxTest)(const void *userdata, const Parcel *parcel);
void outbox_withdraw(Outbox *outbox, OutboxTest test, const void *test_userdata, OutboxSend take, void *userdata);

/* Nothing more is sent: what waits stays in the store. */
void outbox_stop(Outbox *outbox);

size_t outbox_count(const Outbox *outbox);    /* waiting and out */
size_t outbox_out(const Outbox *outbox);      /* with a transport, or with a result that is not committed yet */
bool outbox_is_waiting(const Outbox *outbox); /* something waits for a place */

typedef struct OutboxView {
        Text channel;
        size_t waiting, out;
} OutboxView;
typedef void (*OutboxVisit)(void *userdata, const OutboxView *view);
void outbox_channels(const Outbox *outbox, OutboxVisit visit, void *userdata);
