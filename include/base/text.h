/* text.h - a slice of UTF-8 bytes. Plain value; does not own what it points to.
 * Texts made by an arena are followed by a NUL; slices of input are not: print with TEXT_F and TEXT_ARG. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/must.h"

typedef struct Text {
        const char *data; /* NULL: absent. "" is present and empty. */
        size_t len;
} Text;

#define TEXT(literal) ((Text){ "" literal, sizeof(literal) - 1 })
#define TEXT_NONE ((Text){ NULL, 0 })
#define TEXT_F "%.*s"
#define TEXT_ARG(text) (int)(text).len, ((text).data ? (text).data : "")

static inline Text text_from(const char *string)
{
        return string ? (Text){ string, strlen(string) } : TEXT_NONE;
}

static inline bool text_is_empty(Text text)
{
        return text.len == 0;
}

static inline bool text_equal(Text a, Text b)
{
        return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool text_is(Text text, const char *string)
{
        return text_equal(text, text_from(string));
}

static inline bool text_starts(Text text, Text prefix)
{
        return text.len >= prefix.len && (prefix.len == 0 || memcmp(text.data, prefix.data, prefix.len) == 0);
}

static inline Text text_from_offset(Text text, size_t offset)
{
        return (Text){ text.data + offset, text.len - offset };
}

/* Byte order; for sorting and binary search. */
int text_compare(Text a, Text b);

/* Without ASCII white space at both ends. */
Text text_trim(Text text);

/* Cuts the part before the first separator off *rest; false when nothing is left. "a,,b" has three parts. */
bool text_split(Text *rest, char separator, Text *ret_part);

/* A decimal number that fills the whole text: [-+]digits[.digits][e[-+]digits]. False for anything else, and for
 * what no double can hold (1e999). */
bool text_number(Text text, double *ret);
/* [-+]digits, and nothing that 64 bits cannot hold. */
bool text_integer(Text text, int64_t *ret);

/* How many single-letter edits turn a into b, two letters that changed places being one; for "did you mean". At most 64
 * bytes are compared. */
unsigned text_distance(Text a, Text b);

/* FNV-1a, 64 bits: for hash tables in memory only, never stored. */
uint64_t text_hash(Text text);

bool text_is_utf8(Text text);

/* How many bytes the well-formed UTF-8 character at offset has; 0 if there is none. */
size_t text_character_bytes(Text text, size_t offset);

/* The start of the next UTF-8 character after offset, at most the text's end; text must be valid UTF-8. */
size_t text_next_character(Text text, size_t offset);
