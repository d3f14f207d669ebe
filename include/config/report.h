/* report.h - the problems found in a configuration, all of them, each with its file and line.
 * Owns:    an arena. */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"

typedef struct Problem {
        Text file; /* relative to the main file's folder */
        unsigned line; /* 0: the file as a whole */
        bool is_warning;
        Text message; /* may have further lines: the offending text and a caret, indented */
} Problem;

typedef struct Report {
        Arena *arena;
        Problem *problems;
        size_t count, capacity;
        size_t errors;
} Report;

Report *report_new(void);
Report *report_free(Report *report);
DEFINE_CLEANUP(Report, report_free)

void report_error(Report *report, Text file, unsigned line, const char *format, ...) PRINTF_LIKE(4, 5);
void report_warning(Report *report, Text file, unsigned line, const char *format, ...) PRINTF_LIKE(4, 5);

/* "file:line: message" in order of file and line, warnings as "file:line: warning: message". */
void report_write(Report *report, Buffer *b);
