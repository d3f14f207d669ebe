/* case.h - one dissatisfied customer until somebody has reached them: state, event, effects.
 *
 *                       FLAGGED joins, DUE climbs, ATTEMPT pauses,
 *                       CLAIM and ASSIGN change the owner
 *                                  +------+
 *                                  |      v
 *     new --FLAGGED--> OPEN -------+------+--CONTACT--> CONTACTED --CLOSE--> CLOSED
 *                       ^  \                              |                   |
 *                       |   `------------CLOSE------------|------------------>|
 *                       +--------FLAGGED (a new epoch)----+-------------------+
 *
 * case_step() is the only way to change a case. It is pure and total: what it needs from outside (owner, people of
 * each rung and their working moments, whether the alert was accepted) is resolved before and stands in the event, so
 * that the stored events replay to the stored case whatever became of the roster and the files.
 * Owns:    nothing. Texts of the result point into the case, the event and the arena.
 * Errors:  an act that is not possible now is answered with the reason, and changes nothing. */
#pragma once

#include "base/arena.h"
#include "base/instant.h"
#include "base/json.h"
#include "core/policy.h"
#include "core/rules.h"

/* Stored with every event: how case_step() read it. */
enum { CASE_ENGINE = 1 };

typedef struct CaseId {
        uint8_t bytes[16]; /* UUID version 8: 48 bits of milliseconds of `submitted`, then a hash (see id.h) */
} CaseId;

typedef enum CaseState {
        CASE_NEW, /* there is none yet */
        CASE_OPEN,
        CASE_CONTACTED,
        CASE_CLOSED,
        CASE_STATE_MAX,
} CaseState;

const char *case_state_text(CaseState state);

typedef enum CaseMode {
        MODE_LIVE,
        MODE_SHADOW, /* kept and measured, nobody is told */
        MODE_TOO_OLD, /* kept, no ladder, the catch-all has it on its list */
        MODE_MAX,
} CaseMode;

const char *case_mode_text(CaseMode mode);

typedef enum EventKind {
        EVENT_FLAGGED, /* a response that asks for a call */
        EVENT_DUE, /* a step of the ladder may be due */
        EVENT_ATTEMPT,
        EVENT_CONTACT,
        EVENT_CLAIM,
        EVENT_ASSIGN,
        EVENT_CLOSE,
        EVENT_KIND_MAX,
} EventKind;

const char *event_kind_text(EventKind kind);

/* One message that the ladder still owes: (epoch,) rung, recipient, occurrence. Decided steps leave the list. */
typedef struct Step {
        uint8_t rung; /* index in the policy's ladder */
        uint16_t occurrence; /* 0, then 1, 2 ... of a rung that repeats */
        RecipientKind why;
        Message message;
        Text recipient; /* a person's id, or "channel:NAME" */
        WallTime due_at; /* its own earliest time, in the reader's hours */
        WallTime again_at; /* in a DUE event: when the next occurrence would be; unset: does not repeat */
} Step;

enum { STEPS_MAX = 256 };

/* Has the owner been told? Of a group: the first member. */
typedef enum AlertState {
        ALERT_NONE, /* no alert was decided in this epoch, or nobody is told (shadow) */
        ALERT_PENDING,
        ALERT_ACCEPTED,
        ALERT_GIVEN_UP, /* every channel failed for good or outlasted its patience */
        ALERT_STATE_MAX,
} AlertState;

typedef struct Case {
        int64_t number; /* for people */
        CaseId id;
        CaseState state;
        CaseMode mode;
        Severity severity;
        int32_t epoch; /* how often the ladder was started: 1, 2 ... */
        int32_t sequence; /* of the last event: 1, 2 ... */
        Text source;
        Text customer; /* absent: anonymous, never joins */
        Text territory;
        Text rule;
        Text policy_name;
        int32_t policy_version;
        Text owner; /* a person's or a group's id */
        bool owner_is_group;
        WallTime submitted_at;
        WallTime opened_at;
        WallTime window_ends_at;
        WallTime told_at; /* when the owner's alert was accepted, as far as the ladder knows */
        WallTime paused_until; /* by an attempt */
        int32_t attempts;
        WallTime last_attempt_at;
        Text last_attempt_result;
        Text last_attempt_channel;
        int32_t level; /* rungs that told somebody other than the owner */
        int32_t responses; /* 1, more with joins */
        WallTime first_contact_at, contacted_at, closed_at;
        Text outcome, cause;
        const Step *steps; /* in order of due_at */
        size_t step_count;
        bool is_held; /* due, but the owner's alert is still on its way */
        WallTime due_at; /* when to look again; unset: never */
} Case;

/* Outcomes of a close. */
typedef enum Outcome {
        OUTCOME_RECOVERED, /* these three need a contact */
        OUTCOME_PARTLY,
        OUTCOME_LOST,
        OUTCOME_DECLINED, /* these do not */
        OUTCOME_WRONG_PERSON,
        OUTCOME_ALREADY_HANDLED,
        OUTCOME_DUPLICATE,
        OUTCOME_NOT_A_COMPLAINT,
        OUTCOME_UNREACHABLE, /* after the attempts the policy asks for */
        OUTCOME_MAX,
} Outcome;

const char *outcome_text(Outcome outcome);
bool outcome_parse(Text text, Outcome *ret);

typedef struct CaseEvent {
        EventKind kind;
        int32_t engine;
        WallTime at; /* when it was recorded: what the ladder goes by */
        WallTime happened_at; /* when the person says it happened; unset: the same */
        Text by; /* a person's id, or "survey", "clock", "administrator" */
        Text key; /* of an act: the same key twice is one act */

        /* FLAGGED */
        Text response_id;
        Text source, customer, territory, rule;
        CaseId case_id; /* for a case that has to be opened */
        CaseMode mode;
        Severity severity;
        Text policy_name;
        int32_t policy_version;
        WallTime submitted_at, window_ends_at;

        /* FLAGGED that starts a ladder, CLAIM, ASSIGN; ATTEMPT and CONTACT by a member of the owning group */
        Text owner; /* absent: stays */
        bool owner_is_group;

        /* the ladder's waiting steps from now on, times resolved; has_steps false: they stay as they are */
        bool has_steps;
        const Step *steps;
        size_t step_count;

        /* who else is told of it, and from when */
        const Step *tells;
        size_t tell_count;

        bool holds; /* the clock is in doubt: of the ladder only alerts go, what else is due waits */

        /* DUE */
        AlertState alert;
        WallTime told_at;

        /* ATTEMPT, CONTACT */
        Text channel, result, note;
        WallTime paused_until; /* ATTEMPT that pauses */

        /* CLOSE */
        Outcome outcome;
        Text cause, reference, credit;
        double amount;
        bool has_amount, may_quote;
        int32_t attempts_needed; /* for OUTCOME_UNREACHABLE, from the policy */
} CaseEvent;

typedef enum EffectKind {
        EFFECT_TELL, /* a delivery */
        EFFECT_DROP_QUEUED, /* every delivery of the case that was not handed to a transport yet */
} EffectKind;

typedef struct Effect {
        EffectKind kind;
        Step step; /* what, to whom, not before */
        bool is_event; /* told because of the event itself, not of a rung: its key is the event's sequence */
        Span late; /* how late; 0 when in time */
        const uint8_t *collapsed; /* rungs that this message stands for as well */
        size_t collapsed_count;
} Effect;

typedef struct CaseOutcome {
        bool is_refused;
        const char *reason; /* refused: "the case is closed" */
        bool is_recorded; /* false: nothing to write (a DUE with nothing due) */
        Case next;
        const Effect *effects;
        size_t effect_count;
} CaseOutcome;

void case_step(const Case *c, const CaseEvent *event, Arena *arena, CaseOutcome *ret);

/* What the step will do with this event in this state, for those who resolve it: does it (re)start the ladder? */
bool case_starts_ladder(const Case *c, EventKind kind, CaseMode mode, WallTime submitted_at);

/* A case that does not exist yet. */
Case case_none(void);

/* The table, for the documentation: state, event, what happens, next state. One row a call; false at the end. */
bool case_table_row(size_t index, const char **ret_state, const char **ret_event, const char **ret_verb,
                    const char **ret_next);

/* Stored form. The event's JSON is complete: reading it back gives the same event (S5). */
void case_event_write(const CaseEvent *event, JsonWriter *w);
bool case_event_read(Arena *arena, const JsonValue *object, EventKind kind, CaseEvent *ret);
void steps_write(const Step *steps, size_t count, JsonWriter *w);
bool steps_read(Arena *arena, const JsonValue *array, const Step **ret_steps, size_t *ret_count);
