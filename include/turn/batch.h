/* batch.h - what arrived while the last batch was being committed: the inputs of one turn, and what came of them.
 * Made and freed on the loop thread, lent to the turn thread in between; never both at once.
 * Owns:    its arena, a reference to the Config it was judged with, and the memory of its answers. */
#pragma once

#include "store/store.h"
#include "turn/parcel.h"

/* A response that asks for a call, or one that has to be kept for another reason, judged on the loop. */
typedef struct Answer {
        ParcelArena *memory; /* holds the response; becomes the memory of its parcels */
        Response *response;  /* kept */
        ArenaMark end;       /* of what is kept: a turn that failed gives back what it took behind it */
        const Source *source;
        const Rule *rule;
        Text rules_trail; /* JSON array */
        bool is_too_old;

        int64_t dead_letter; /* judged again from there; 0: not */

        bool opened;      /* out: a new case */
        bool is_repeated; /* out: known already, nothing was done */
} Answer;

/* What a person did, or an administrator for them. */
typedef struct Act Act;
struct Act {
        EventKind kind; /* ATTEMPT, CONTACT, CLAIM, ASSIGN, CLOSE */
        int64_t case_number;
        Text by, key, channel, result, note;
        Text to; /* ASSIGN */
        Outcome outcome;
        Text cause, reference, credit;
        double amount;
        bool has_amount, may_quote;
        WallTime at;                            /* as told; unset: now */
        void (*done)(void *userdata, Act *act); /* on the loop, once it is committed */
        void *userdata;

        /* out: in the batch's arena */
        bool is_done;
        bool is_put_off;    /* not done, because nothing can be stored now: nothing has changed */
        bool is_repeated;   /* the same key again */
        const char *reason; /* not done: why */
        Case after;         /* the case as it stands; number 0: there is none */
        int pauses_used;    /* an attempt that does not pause any more: how many did; else -1 */
        WallTime next_at;   /* when the ladder goes on; unset: not */
};

typedef enum Fate {
        FATE_ACCEPTED,
        FATE_TEMPORARY,
        FATE_PERMANENT,
        FATE_GONE,
        FATE_UNTRIED,   /* given back: there was no place for it in time, or its channel is broken */
        FATE_WITHDRAWN, /* it waited for its channel and was not sent: see Withdrawal */
} Fate;

typedef struct Result {
        Parcel *parcel; /* still the loop's; read here */
        Fate fate;
        int32_t code;
        bool is_of_target; /* the receiver does not work, whatever it is sent */
        bool is_of_host;   /* its host does not, whichever of its addresses is asked */
        Span retry_after;
        Text detail; /* in the batch's arena */
} Result;

typedef struct Turn Turn;

/* Anything else that needs the store: run on the turn thread, outside the transaction. */
typedef struct Call {
        void (*run)(void *userdata, Turn *turn, WallTime now);
        void (*done)(void *userdata); /* on the loop, once the batch is back */
        void *userdata;
} Call;

/* A partition is read on from another offset. What it jumps over is recorded as a gap. */
typedef struct PartitionMove {
        OffsetRow from; /* as it is stored; topic in the batch's arena */
        int64_t to;
        GapWhy why;  /* where it goes forward */
        Text notice; /* for operators; absent: none */
} PartitionMove;

typedef enum InputKind {
        INPUT_RESULT,
        INPUT_ANSWER,
        INPUT_DEAD,   /* a record to set aside */
        INPUT_LETTER, /* a dead letter is in its topic now, or will never be */
        INPUT_PLACE,  /* a partition goes on somewhere else */
        INPUT_NOTICE, /* operators have to be told */
        INPUT_ACT,
        INPUT_CALL,
} InputKind;

typedef struct Input {
        InputKind kind;
        union {
                Result result;
                Answer answer;
                DeadLetterRow dead; /* texts in the batch's arena; row is handed out by the turn */
                struct {
                        int64_t row;
                        DeadLetterState state;
                } letter;
                PartitionMove place;
                Text notice; /* in the batch's arena */
                Act *act;
                Call call;
        };
} Input;

/* What a turn has dropped while it waited for a place in its channel's lane: not to be sent any more. All messages of a
 * case up to that delivery; or, of the same message, what waits on the reader's other channels. */
typedef struct Withdrawal {
        int64_t case_number;
        int64_t up_to;
        const Parcel *accepted; /* NULL: all of the case */
} Withdrawal;

typedef struct OffsetMove {
        OffsetRow to;
        int64_t from;
} OffsetMove;

/* What was done, for metrics. */
typedef struct TurnFigures {
        int64_t opened, joined, reopened, repeated, anonymous, too_old;
        int64_t rungs[MESSAGE_MAX];
        int64_t rung_late_us; /* the latest of them */
        int64_t dead;
        int64_t dead_dropped; /* dead letters that were nowhere else and have lost their bytes */
} TurnFigures;

enum {
        OUTBOX_ROOM_MAX = 3072 /* parcels in memory */
};

typedef struct Batch Batch;
struct Batch {
        Arena *arena;
        Config *config;
        WallTime now;         /* sampled once, when the turn starts */
        MonoTime boot;        /* with it; 0: nobody asks whether it may be believed */
        int64_t boot_id;      /* of which boot; 0: not known */
        bool is_synchronised; /* likewise */
        OffsetMove *moves;
        size_t move_count, move_capacity;
        Input *inputs;
        size_t input_count, input_capacity;
        size_t answer_count;
        size_t parcels_wanted; /* how many the outbox has room for */
        bool wants_probe;
        bool is_urgent; /* what people do and ask, while the rest waits for the store: nothing that is due is looked for
                         */

        /* out */
        int error; /* 0, or what the store said: nothing of it has happened */
        Text error_text;
        bool calls_ran; /* also when the rest could not be stored: they read, or say themselves what they could not do
                         */
        int store_failure; /* of store_failure(): the process has to leave, even if this batch is good */
        bool is_low;       /* the disk is so full that no further answer should come */
        Parcel *parcels;   /* to be sent now, in order */
        size_t parcel_count;
        Withdrawal *withdrawals; /* before anything else is sent */
        size_t withdrawal_count, withdrawal_capacity;
        DeadLetterRow *letters; /* to be written to the topic */
        size_t letter_count;
        Text *broken; /* channels that are tried by one send at a time: what waits for them goes back */
        size_t broken_count;
        DoubtNews clock_news;
        Doubt clock;        /* as it is now */
        int64_t cases_held; /* whose ladder waits for the end of the doubt; -1: not counted this time */
        WallTime wake_at;   /* when something is due next */
        bool has_more;      /* more was due than one turn takes: come again at once */
        TurnFigures figures;
        Span commit_took;
        MonoTime submitted_at;
};

Batch *batch_new(const Config *config);
Batch *batch_free(Batch *batch);
DEFINE_CLEANUP(Batch, batch_free)

Input *batch_add(Batch *batch, InputKind kind);
/* Does it stand and fall with the offsets? What is judged again from a dead letter does not. */
bool input_is_of_log(const Input *input);
/* The first count inputs stay. */
void batch_cut(Batch *batch, size_t count);
bool batch_is_empty(const Batch *batch);
bool batch_withdraws(const Batch *batch, const Parcel *p);
