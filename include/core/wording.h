/* wording.h - what a message says: the facts of a case as named texts for the templates, and the templates' defaults.
 * Limits:  title <= 60 characters, body <= 400, comment <= 140 cut at a word (characters are grapheme clusters).
 *          Outside text is one line, without control, bidi and invisible characters, isolated where it runs from right
 *          to left; never escaped here (see sink.h).
 * Pure.    Times are written in the reader's zone: "16:40" today, "Fri 16:40" within six days, else "Fri 4 Dec 16:40".
 *          No zone: in UTC, and they say so. */
#pragma once

#include "core/case.h"
#include "core/mustache.h"
#include "core/people.h"

/* Everything a message can be about. Persons may be NULL. Texts absent where unknown. */
typedef struct Facts {
        WallTime now;
        Message message;
        const Case *c;
        Response *response; /* NULL: none (operator messages, tests) */
        Text reader_name;
        const Zone *reader_zone;
        Text owner_name;
        Text manager_name;
        Text recipient_why; /* "owner", "manager", ... */
        bool is_shared;     /* the shy form: no name, comment or reproach */
        Span late;          /* how late this message is; 0 if not */
        Text note;          /* operator messages, tests: the text; closed: the outcome; claimed, contacted: who */
        WallTime told_at;   /* when the owner's alert was accepted */
        WallTime next_at;   /* when the ladder goes on by itself; reminder: if an attempt is told now */
        Text reader_id; /* for the command lines; absent: the owner's id where the owner is the reader, else no commands
                         */
} Facts;

/* The names a template may use, in the order of the values that wording_values() gives. */
extern const char *const WORDING_NAMES[];
extern const size_t WORDING_NAME_COUNT;

/* May a room hear of it? Of the others no room should be sent anything; if it is all the same, it hears only who has
 * it. */
bool wording_is_for_rooms(Message message);

/* The default template of a message. The first line is the title, the rest the body. is_shared: the shy form. */
Text wording_default(Message message, bool is_shared);

typedef struct Wording {
        Text title;
        Text body;
} Wording;

/* The value of each name. What a shared channel or a reader who is only informed must not see is absent, so that no
 * template can say it. */
void wording_values(const Facts *facts, Arena *arena, Text *ret_values);

/* Renders within the limits: in the title the account gives way first, then the customer, so that the deadline and the
 * number stay; in the body the comment, so that the phone number and the commands stay. template NULL: the default,
 * which also replaces a template whose title or body comes out empty, and any for what is not for rooms in a room. */
Wording wording_make(const Facts *facts, const Mustache *template, Arena *arena);

/* Cuts at a word so that at most `characters` grapheme clusters remain, "…" included. Control and bidi characters are
 * removed, white space folded to one space. */
Text wording_cut(Arena *arena, Text text, size_t characters);
