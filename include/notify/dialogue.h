/* dialogue.h - hands one mail over in an SMTP session that stands: greeted, secured and logged in by libcurl.
 * By hand, because libcurl waits for the answer to the message's end, and for the one to QUIT, with the whole program
 * standing still.
 * Pure: bytes in, bytes out. `say` is what has to be sent next; `dialogue_hear` takes what came.
 * Owns:    nothing; what is said is in the arena.
 * Source:  RFC 5321, sections 3.3, 4.2 and 4.5.2 (a dot at the start of a line is doubled). */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"

typedef enum DialogueState {
        DIALOGUE_MAIL,
        DIALOGUE_RCPT,
        DIALOGUE_DATA,
        DIALOGUE_END, /* the message was said, the answer decides */
        DIALOGUE_ACCEPTED,
        DIALOGUE_REFUSED, /* see status and line; the session must not be used any more */
        DIALOGUE_GARBAGE, /* what came is no SMTP */
        DIALOGUE_STATE_MAX,
} DialogueState;

enum {
        DIALOGUE_LINE_BYTES = 256,
        DIALOGUE_HEARD_BYTES_MAX = 64 * 1024
};

typedef struct Dialogue {
        DialogueState state;
        Text from, to, message;
        Arena *arena;
        Text say;
        int status;       /* of the last reply; 0: none yet */
        bool has_begun;   /* something was taken */
        bool has_message; /* the message was to be said: what comes next decides */
        size_t heard_bytes;
        size_t line_bytes; /* of the line that is coming in, or of the last one */
        bool is_line_whole;
        char line[DIALOGUE_LINE_BYTES]; /* its beginning, without the line end */
} Dialogue;

/* from, to: checked addresses. message: lines ended by CR LF. */
void dialogue_begin(Dialogue *d, Text from, Text to, Text message, Arena *arena);

/* False once the dialogue is over. */
bool dialogue_hear(Dialogue *d, Text bytes);

static inline bool dialogue_is_over(const Dialogue *d)
{
        return d->state >= DIALOGUE_ACCEPTED;
}

/* The last line that came, as it came. */
Text dialogue_line(const Dialogue *d);
