/* report.h - the problems found in a configuration, all of them, each with its file and line.
 * Owns:    an arena.
 * Bounds:  PROBLEMS_MAX are kept, the others counted. */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"

enum {
        PROBLEMS_MAX = 1000
};

typedef struct Problem {
        Text file;     /* relative to the main file's folder */
        unsigned line; /* 0: the file as a whole */
        bool is_warning;
        Text message; /* may have further lines: the offending text and a caret, indented */
} Problem;

typedef struct Report {
        Arena *arena;
        Problem *problems;
        size_t count, capacity;
        size_t errors;
        size_t dropped; /* beyond PROBLEMS_MAX */
} Report;

Report *report_new(void);
Report *report_free(Report *report);
DEFINE_CLEANUP(Report, report_free)

void report_error(Report *report, Text file, unsigned line, const char *format, ...) PRINTF_LIKE(4, 5);
void report_warning(Report *report, Text file, unsigned line, const char *format, ...) PRINTF_LIKE(4, 5);
void report_put(Report *report, Text file, unsigned line, bool is_warning, const char *format, va_list args)
        PRINTF_LIKE(5, 0);

/* "file:line: message" in order of file and line, warnings as "file:line: warning: message". */
void report_write(Report *report, Buffer *b);

/* What an operator wrote, in quotes, for a message: control characters as "?", cut to QUOTE_BYTES_MAX. */
enum {
        QUOTE_BYTES_MAX = 120
};
const char *report_quote(Arena *arena, Text text);

/* Two further lines for a message, each after a line feed: the text, and a caret under the byte at offset. Long texts
 * are cut on both sides. */
const char *report_caret(Arena *arena, Text text, size_t offset);

/* "; did you mean \"topic\"?", or "" if no candidate is near. */
typedef struct Suggestion {
        Text wanted;
        Text nearest;
        unsigned distance;
} Suggestion;
Suggestion suggestion_for(Text wanted);
void suggestion_offer(Suggestion *s, Text candidate);
const char *suggestion_text(const Suggestion *s, Arena *arena);
