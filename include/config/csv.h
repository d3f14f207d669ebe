/* csv.h - tables as spreadsheets and CRMs export them: RFC 4180 with a header row, UTF-8 with or without a byte order
 * mark, lines ended by CRLF, LF or CR. Columns are found by their names, in any order. Cells are trimmed of white
 * space; rows whose cells are all empty are left out.
 * Owns:    nothing; the table lives in the arena.
 * Errors:  all are reported with the line on which the row begins. */
#pragma once

#include "config/report.h"

typedef struct CsvColumn {
        const char *name;
        bool is_required; /* has to be in the header */
} CsvColumn;

typedef struct CsvRow {
        unsigned line;
        const Text *cells; /* in the order of the columns asked for; absent where the file has no such column */
} CsvRow;

typedef struct CsvTable {
        Text file;
        CsvRow *rows;
        size_t count, capacity;
} CsvTable;

enum {
        CSV_COLUMNS_MAX = 32
};

/* 0, or -EINVAL after reporting. */
int csv_read(Arena *arena, Text file, Text content, const CsvColumn *columns, size_t column_count, Report *report,
             CsvTable *ret) MUST_CHECK;
