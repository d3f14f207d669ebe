/* receiver.h - the chats and pagers that are told by one POST of JSON, each one row of one table: what is sent (a
 * template with holes), how text is escaped and how long it may be, and how the answer says yes, no or later.
 * Nothing a customer wrote is ever markup: no mentions, no links but what is plainly a URL, no formatting.
 * Units:   limits of a part count in the row's unit, of the text as it is sent but before JSON; "whole" in bytes.
 * Pure; results are in the arena.
 * Source:  the receivers' own documentation; Block Kit; Adaptive Cards 1.4; PagerDuty Events API v2; Telegram Bot API.
 */
#pragma once

#include "notify/notifier.h"

typedef enum TextUnit {
        UNIT_CHARACTER, /* code points */
        UNIT_UTF16,
        UNIT_BYTE,
        TEXT_UNIT_MAX,
} TextUnit;

/* What a receiver says about a refusal; only these words are repeated. */
typedef struct ReceiverWord {
        const char *word;
        bool is_gone; /* the target is no more, whatever the status says */
} ReceiverWord;

typedef struct Receiver {
        const char *name;                        /* "Slack" */
        const char *body;                        /* the template; see HOLES in receiver.c */
        const char *line;                        /* of {{lines}}: once for each line of the text, with commas between */
        const char *query;                       /* added to the URL, a template too; NULL: nothing */
        Text (*escape)(Arena *arena, Text text); /* NULL: text is shown as it is */
        TextUnit unit;
        size_t title_max, text_max, small_max;
        size_t bytes_max;          /* of the whole; the text is cut first */
        int status;                /* the only one that means yes; 0: each 2xx */
        const char *yes;           /* the body of a yes: all of it, or "{": any JSON object; NULL: anything */
        const char *no;            /* not a yes if this stands in it, white space aside */
        const ReceiverWord *words; /* ended by one without a word */
        const char *levels[4];     /* by severity */
        const char *shows;         /* for people: what it makes of a message */
} Receiver;

/* NULL: not of this kind (webhook, email). */
const Receiver *receiver_of(ChannelType type);

const char *text_unit_text(TextUnit unit);

/* One message, in words that are UTF-8 but not escaped; absent or empty parts are left out. */
typedef struct ReceiverNote {
        Text title, text, small_print;
        Text to, token; /* of the channel */
        Text id;        /* of the delivery: the same on each try */
        Text key;       /* of what it is about: the same for all messages of a case */
        Severity severity;
        const char *action; /* "trigger", "acknowledge", "resolve" */
} ReceiverNote;

Text receiver_render(const Receiver *r, const ReceiverNote *note, Arena *arena);

/* The body for a parcel to such a channel. */
Text receiver_body(const Parcel *p, WallTime now, Arena *arena);
/* The channel's URL with what the row adds to it. A secret. */
Text receiver_url(const Parcel *p, Arena *arena);

/* The word for people of a refusal; NULL: none that is known. */
const ReceiverWord *receiver_word(const Receiver *r, Text body);
bool receiver_says_yes(const Receiver *r, int status, Text body);
/* "retry_after" in the answer's JSON, in seconds; false: not there. */
bool receiver_retry_after(const Receiver *r, Text body, double *ret_seconds);
