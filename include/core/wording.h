/* wording.h - what a message says: the facts of a case as named texts for the templates, and the templates' defaults.
 * Limits:  title <= 60 characters, body <= 400, comment <= 140 cut at a word (characters are grapheme clusters).
 * Pure.    Times are written in the reader's zone and, when today's date differs, with the day ("Fri 16:40"). */
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
        bool is_shared; /* the shy form: no name, comment or reproach */
        Span late; /* how late this message is; 0 if not */
        Text note; /* operator messages: the text; closed: the outcome; claimed: who */
        WallTime told_at; /* when the owner's alert was accepted */
        WallTime next_at; /* when the ladder goes on by itself */
} Facts;

/* The names a template may use, in the order of the values that wording_values() gives. */
extern const char *const WORDING_NAMES[];
extern const size_t WORDING_NAME_COUNT;

/* The default template of a message. The first line is the title, the rest the body. */
Text wording_default(Message message, bool is_shared);

typedef struct Wording {
        Text title;
        Text body;
} Wording;

void wording_values(const Facts *facts, Arena *arena, Text *ret_values);
/* Renders, then enforces the limits. template NULL: the default. */
Wording wording_make(const Facts *facts, const Mustache *template, Arena *arena);

/* Cuts at a word so that at most `characters` grapheme clusters remain, "…" included. Control and bidi characters are
 * removed, white space folded to one space. */
Text wording_cut(Arena *arena, Text text, size_t characters);
