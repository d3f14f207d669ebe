/* inside.h - what the files of the turn share among themselves. */
#pragma once

#include "core/ladder.h"
#include "turn/number_set.h"
#include "turn/turn.h"

typedef struct OldPolicy OldPolicy;
struct OldPolicy {
        OldPolicy *next;
        Policy policy;
};

typedef struct DisabledChannel {
        Text channel, recipient;
} DisabledChannel;

typedef struct Lane Lane;

/* A host, over however many channels it is reached: see target.c. */
typedef struct Target {
        Text name; /* "https://hooks.example.com" */
        size_t out, share;
        int failures; /* without an answer, in a row */
        const Lane *failed_first;
        bool has_several; /* channels that failed in that row */
        bool is_broken;
        int probes; /* since then */
        WallTime blocked_until;
        bool has_told; /* operators know */
        WallTime told_at;
} Target;

/* One channel's way out, as far as the turn decides it. Follows from the store and from results; forgotten by a
 * restart, but for what operators were told. */
struct Lane {
        Text name;
        Target *target;    /* NULL: the channel is in no file */
        size_t out;        /* parcels that the loop has */
        size_t share;      /* how many it may have: grows with what is accepted, shrinks when they have to wait there */
        WallTime fetch_at; /* no pending delivery that is not out has its time before */
        int failures;      /* of the target, in a row */
        int probes;        /* since it is broken */
        bool is_broken;
        bool has_returned;          /* something came back unsent: it counts as out until this is committed */
        bool wakes;                 /* it works again: what was put off is due now */
        WallTime blocked_until;     /* broken: the next try; else the receiver asked for it */
        bool is_troubled, has_told; /* it fails; operators know */
        WallTime troubled_since, told_at;
        WallTime late_since; /* a crowd of late messages leaves since then, so many of them */
        int64_t late_count;
};

struct Turn {
        Store *store;
        Arena *memory;  /* old policies, disabled channels, troubled channels; small, lives as long as the turn */
        Arena *scratch; /* of the turn under way */
        Config *config;
        StoreLast last; /* numbers handed out, this batch's included */
        StoreLast committed;
        NumberSet out;  /* deliveries that the loop has */
        NumberSet held; /* cases whose ladder waits for the owner's alert */
        OldPolicy *old_policies;
        DisabledChannel *disabled;
        size_t disabled_count, disabled_capacity;
        Lane **lanes; /* by name */
        size_t lane_count, lane_capacity;
        Target **targets; /* by name */
        size_t target_count, target_capacity;
        size_t lane_first; /* who is asked first for what is due */
        WallTime due_at;   /* no case is due before */
        WallTime too_old_told_at;
        CaseDue due_after; /* in doubt of the clock: how far what is due has been looked at */
        Doubt doubt;
        Span clock_shift;      /* by which what is pending has still to be set back */
        DoubtNews clock_says;  /* what operators have still to be told */
        bool is_clock_trusted; /* an operator has said so */
        WallTime clock_saved_at;
        WallTime roster_at;          /* nobody who owns a case leaves before */
        CaseOwnerPlace roster_after; /* how far their cases have been looked through */
        Text *troubled;              /* "CHANNEL RECIPIENT" that operators have been told of */
        size_t troubled_count, troubled_capacity;
        bool is_low, told_low; /* the disk; what operators have been told of it */
};

/* One turn. */
typedef struct Work {
        Turn *turn;
        Batch *batch;
        Store *store;
        const Config *config;
        Arena *arena; /* scratch, gone after the turn */
        WallTime now;
        Parcel **parcels_end;
        Lane *lanes_before; /* if the turn fails, they are again as they were */
        size_t lanes_before_count;
        Target *targets_before;
        size_t targets_before_count;
        int64_t *sent; /* deliveries handed out in this turn: out once it is committed */
        size_t sent_count, sent_capacity;
        int64_t *returned; /* deliveries whose result is in this batch: no longer out once it is committed */
        size_t returned_count, returned_capacity;
        int64_t *unheld; /* cases that are no longer held once this is committed */
        size_t unheld_count, unheld_capacity;
        int64_t *woken; /* cases to be looked at because of a result */
        size_t woken_count, woken_capacity, woken_done;
} Work;

/* What a decision is about; made for each case that is touched. */
typedef struct Subject {
        Case c;             /* as it was before */
        Response *response; /* NULL if none could be read */
        int64_t response_row;
        const Policy *policy;
        LadderScene scene;
        ParcelArena *memory; /* of the response and of the parcels; the subject is one of its users */
        StepList asked;      /* what those hear who were asked for help, when that is over */
        Text note;           /* for the messages that this decision sends */
} Subject;

void subject_done(Subject *s);

/* answer.c */
int work_answer(Work *w, Answer *answer) MUST_CHECK;
int work_dead(Work *w, DeadLetterRow *row) MUST_CHECK;
/* Their bytes fit into the budget again, as far as that is allowed. */
int work_letters_trim(Work *w) MUST_CHECK;
/* ladder_turn.c */
int work_due(Work *w, int64_t case_number) MUST_CHECK;
/* The clock's decision about an open case; `more` are steps that it owes besides those that wait. */
int work_decide_due(Work *w, Subject *s, Text by, Text note, StepList more) MUST_CHECK;
int subject_load(Work *w, int64_t case_number, Subject *ret) MUST_CHECK; /* -ENOENT */
/* Fills the scene for this owner; the response's route gives the list of whom to inform. */
void subject_scene(Work *w, Subject *s, Party owner);
/* Who owns it by today's roster: the catch-all where the owner is no longer there. */
Party work_owner(Work *w, const Case *c);
Party work_catch_all(Work *w);
Case case_copy(Arena *arena, const Case *c);
/* lane.c */
/* When the next of a crowd of late messages leaves: so many a second, in the order in which they are asked for. */
WallTime lane_late_at(Lane *lane, const Channel *channel, WallTime now);
/* handover.c */
bool work_owner_is_gone(const Work *w, Text owner);
/* Not done: it stays with whom it is, there is nobody better. */
int work_hand_over(Work *w, Subject *s, bool *ret_is_done) MUST_CHECK;
/* A message waits for somebody who has left: it goes to whom its rung names today, and the case's events say so. */
int work_redirect(Work *w, Subject *s, const DeliveryRow *row, Text note) MUST_CHECK;
/* Since the roster was read, or the day on which somebody leaves: their cases. */
int work_roster(Work *w) MUST_CHECK;
void turn_roster_ask(Turn *turn);
/* clock_turn.c */
int turn_clock_load(Turn *turn) MUST_CHECK;
void turn_clock(Turn *turn, Batch *batch); /* first of all in a turn: may its time be believed? */
WallTime turn_clock_wake_at(const Turn *turn, const Batch *batch);
bool turn_clock_writes(const Turn *turn, const Batch *batch);
int work_clock(Work *w) MUST_CHECK;
/* In doubt of the clock: not later than it would be had nobody set it. Nobody waits longer for a clock that runs ahead. */
WallTime work_now_at_least(const Work *w);
static inline bool work_holds(const Work *w)
{
        return w->turn->doubt.is_open;
}
/* act.c */
int work_act(Work *w, Act *act) MUST_CHECK;
/* delivery.c */
int work_result(Work *w, Result *result) MUST_CHECK;
/* What the store has dropped of this case until now is not sent from the lanes either. accepted: only what says the
 * same over another channel. */
void work_withdraw(Work *w, int64_t case_number, const Parcel *accepted);
/* Words for whoever has to mend something. */
int work_tell_operators(Work *w, Text text) MUST_CHECK;
/* The reader's next channel; NULL: none. */
const Channel *work_channel_after(const Work *w, const DeliveryRow *row);
/* Is this delivery with the loop, or on its way there with this turn? */
bool work_is_out(const Work *w, int64_t row);
/* Decides one message: a row on the reader's first channel that works, and a parcel if it is due. */
int work_tell(Work *w, Subject *s, const Case *c, const Effect *effect) MUST_CHECK;
/* A pending row that is due: to the loop, or to its end. */
int work_hand_out(Work *w, DeliveryRow *row) MUST_CHECK;
/* Not tried, because its channel does not work: its patience runs. */
int work_put_off(Work *w, DeliveryRow *row) MUST_CHECK;
/* lane.c */
int work_fetch(Work *w) MUST_CHECK;
Lane *lane_of(Turn *turn, Text name);
int lanes_load(Turn *turn) MUST_CHECK;
int lanes_forget(Turn *turn, const Config *config) MUST_CHECK;
void lanes_retry(Turn *turn);
Lane *lanes_copy(const Turn *turn, Arena *arena);
void lanes_restore(Turn *turn, const Lane *copy, size_t count);
WallTime lanes_wake_at(const Turn *turn, const Batch *batch);
size_t lane_room(const Lane *lane, WallTime now);
bool lane_is_blocked(const Lane *lane, WallTime now);
void lane_accepted(Work *w, Lane *lane);
/* Its host works again. */
void lane_revive(Work *w, Lane *lane);
void lane_failed(Work *w, Lane *lane, const Result *result, uint64_t chance);
void lane_overfull(Work *w, Lane *lane, const Channel *channel);
/* target.c */
Target *target_of(Turn *turn, Text channel_name); /* NULL: not in the configuration */
void targets_aim(Turn *turn);
Target *targets_copy(const Turn *turn, Arena *arena);
void targets_restore(Turn *turn, const Target *copy, size_t count);
int target_learn(Work *w, const Lane *lane, const Result *result, uint64_t chance) MUST_CHECK;
Text target_host(const Target *target);
/* Do operators know that one of its channels fails? */
int target_trouble(Work *w, Target *target, Text text) MUST_CHECK;
bool target_remember(Turn *turn, Text name, WallTime told_at);
int targets_forget(Turn *turn, const Config *config) MUST_CHECK;
/* case_write.c: stores what case_step() decided. */
int work_decide(Work *w, Subject *s, const CaseEvent *event, CaseOutcome *ret) MUST_CHECK;

void work_wake(Work *w, int64_t case_number);
/* Lives as long as the batch's Config, or as the turn: a parcel, which holds the former, may point to it. */
const Policy *work_policy(Work *w, Text name, int version);

/* Appends to one of the lists of numbers above. */
#define work_note(w, list, number)                                                                                    \
        ({                                                                                                            \
                (w)->list =                                                                                           \
                        arena_grow((w)->arena, (w)->list, (w)->list##_count, &(w)->list##_capacity, sizeof(int64_t)); \
                (w)->list[(w)->list##_count++] = (number);                                                            \
        })
