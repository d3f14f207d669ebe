/* parcel.h - one delivery that has to be made now, with all that its message is about.
 * Made by the turn after COMMIT (or read back from the store), handed to the loop, which sends it and gives the result
 * to a later turn. Owned by one side at a time; everything it points to lives in its arena or in its Config.
 * Owns:    a reference to its Config, and its arena, which may be shared with other parcels of the same answer: the
 *          last one frees it (both counted on the loop thread only). */
#pragma once

#include "config/config.h"
#include "core/case.h"

typedef struct ParcelArena {
        Arena *arena; /* which holds this struct as well */
        int users;
} ParcelArena;

ParcelArena *parcel_arena_new(size_t first_block_bytes); /* one user */
ParcelArena *parcel_arena_drop(ParcelArena *memory);     /* NULL */

typedef struct Parcel Parcel;
struct Parcel {
        Parcel *next;       /* for whichever list holds it */
        int seconds_waited; /* for a place in its lane */
        ParcelArena *memory;
        const Config *config;
        int64_t delivery; /* row */
        uint8_t key[16];  /* the delivery's UUID, version 8, from its key: constant over retries and restored backups */
        const Channel *channel;
        const Person *reader; /* NULL: the channel itself is told (a room, a system) */
        Text recipient;       /* id of the person, or "channel:NAME" */
        RecipientKind why;
        Message message;
        int32_t rung; /* index in the ladder; -1: told because of an event */
        int32_t occurrence;
        int32_t epoch;
        int32_t attempts;     /* before this one */
        bool was_kept;        /* read back from the store: other channels may have been asked as well */
        WallTime due_at;      /* when it should have been sent */
        Span late;            /* of the rung */
        const Case *c;        /* NULL: not about a case (operator, test) */
        Response *response;   /* NULL: none */
        const Policy *policy; /* NULL without a case */
        Text owner_name;
        Text manager_name;
        Text note; /* operator: the text; closed: outcome; claimed, contacted: who */
        WallTime told_at;
        WallTime next_at;
        Text traceparent;
};

/* "case.opened", "case.reminded", "case.escalated", "case.updated", "case.contacted", "case.closed", "case.reopened",
 * "test"; operator messages are "operator". */
const char *parcel_type(const Parcel *p);
/* An alert about a customer who was reached already, and has answered again. */
bool parcel_is_again(const Parcel *p);

Parcel *parcel_free(Parcel *p);
