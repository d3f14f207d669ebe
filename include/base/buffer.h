/* buffer.h - text that grows at its end, in an arena.
 * Owns:    nothing; the bytes belong to the arena. Doubling leaves the old copies behind until the arena goes.
 * Errors:  none. */
#pragma once

#include <stdarg.h>

#include "base/arena.h"
#include "base/text.h"

typedef struct Buffer {
        Arena *arena;
        char *data;
        size_t len;
        size_t capacity;
} Buffer;

static inline Buffer buffer_in(Arena *arena)
{
        return (Buffer){ .arena = arena };
}

/* Room for bytes more, not counted as used; the caller writes and adds to len. */
char *buffer_room(Buffer *b, size_t bytes);

static inline void buffer_put(Buffer *b, Text text)
{
        if (text.len > 0) {
                memcpy(buffer_room(b, text.len), text.data, text.len);
                b->len += text.len;
        }
}

static inline void buffer_put_char(Buffer *b, char c)
{
        *buffer_room(b, 1) = c;
        b->len++;
}

#define buffer_put_literal(b, literal) buffer_put((b), TEXT(literal))

void buffer_putf(Buffer *b, const char *format, ...) PRINTF_LIKE(2, 3);
void buffer_put_integer(Buffer *b, int64_t value);

/* Words for a reader: lines of at most TEXT_COLUMNS characters, each after the first after so many spaces; column is how
 * much of the first is used. A line end in the words begins such a line too. A word that is too long stays whole. */
enum { TEXT_COLUMNS = 80 };
void buffer_put_wrapped(Buffer *b, Text words, size_t column, size_t indent);

/* "1 case", "2 cases". */
void buffer_put_count(Buffer *b, int64_t count, const char *noun);

/* The text so far, followed by a NUL that does not count. Valid until the next put. */
Text buffer_text(Buffer *b);
