/* policy.h - the named, versioned promise: window, what counts as reached, ladder.
 * Plain values in the arena of a Config or of the policy archive; immutable. */
#pragma once

#include "base/arena.h"
#include "base/instant.h"

/* "4 hours", "4 working hours", "2 working days", "window". "N days" is N x 24 hours. */
typedef enum DelayKind {
        DELAY_ELAPSED, /* day and night */
        DELAY_WORKING_TIME, /* the owner's working hours */
        DELAY_WORKING_DAYS,
        DELAY_WINDOW, /* when the window ends */
} DelayKind;

typedef struct Delay {
        DelayKind kind;
        Span span; /* DELAY_ELAPSED, DELAY_WORKING_TIME */
        int days; /* DELAY_WORKING_DAYS */
} Delay;

/* A whole number, one space, a unit in singular or plural; at most ten years. False if it is none of that; "window"
 * only where allows_window, working hours and days only where allows_working. */
bool delay_parse(Text text, bool allows_window, bool allows_working, Delay *ret);
/* "4 working hours", in the words of the configuration and the largest unit that leaves no rest ("1 day" for 24 hours).
 * Reads back as the same delay. */
Text delay_text(Arena *arena, Delay delay);
/* "2 h", "45 min", "1 day", "1 day 3 h", "2 h 5 min", "40 s": how long, for messages; never rounded up. Less than
 * a second is "0 min". */
Text span_text(Arena *arena, Span span);

typedef enum RecipientKind {
        RECIPIENT_OWNER,
        RECIPIENT_MANAGER,
        RECIPIENT_DIRECTOR,
        RECIPIENT_DELEGATE,
        RECIPIENT_INFORM, /* the route's list */
        RECIPIENT_GROUP,
        RECIPIENT_PERSON,
        RECIPIENT_FIELD, /* a field of the response that names a person or a group */
        RECIPIENT_CHANNEL, /* a room or a system */
        RECIPIENT_CATCH_ALL, /* nobody else was there */
        RECIPIENT_KIND_MAX,
} RecipientKind;

typedef struct Recipient {
        RecipientKind kind;
        Text name; /* group, person, field or channel; absent for the others */
} Recipient;

const char *recipient_kind_text(RecipientKind kind); /* "owner", "manager", ... as written */
/* "owner", "person:ines", "field:account_team", "ines" (kind PERSON; the loader looks for a group next), "catch-all".
 * The name points into the text. False: an unknown word before the colon, no name, control characters, or spaces
 * around the name. */
bool recipient_parse(Text text, Recipient *ret);

typedef enum Message {
        MESSAGE_ALERT,
        MESSAGE_REMINDER,
        MESSAGE_HELP_NEEDED,
        MESSAGE_HELP_TOLD, /* to the owner: MANAGER knows and may help */
        MESSAGE_WINDOW_MISSED,
        MESSAGE_WAITING_LIST,
        MESSAGE_JOINED, /* the same customer is unhappy again */
        MESSAGE_REOPENED,
        MESSAGE_CLAIMED,
        MESSAGE_CONTACTED,
        MESSAGE_CLOSED,
        MESSAGE_TOO_OLD,
        MESSAGE_OPERATOR,
        MESSAGE_TEST,
        MESSAGE_MAX,
} Message;

const char *message_text(Message message); /* "alert", "help-needed", ...: the template's name */
bool message_parse(Text text, Message *ret);

typedef struct Rung {
        Delay after;
        const Recipient *tell;
        size_t tell_count;
        Message message;
        bool any_time; /* at = "any time" */
        bool repeats;
        Delay repeat;
} Rung;

enum { RUNGS_MAX = 32 };

typedef struct Policy {
        Text name;
        int version;
        Text approved;
        Text text; /* as written, for the archive */
        Span window;
        const Text *reached_by;
        size_t reached_by_count;
        Delay attempt_pause;
        int attempts_max; /* attempts that pause */
        Delay least_notice;
        const Rung *ladder;
        size_t rung_count;
        bool joins; /* the open case of the same customer */
        Span reopens; /* 0: never */
        int unreachable_after; /* attempts before `unreachable` closes */
} Policy;

bool policy_counts_as_reached(const Policy *policy, Text result);
