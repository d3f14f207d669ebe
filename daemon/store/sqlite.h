/* sqlite.h - what the files of the SQLite backend share; nobody else includes it (but for its unit tests).
 * Every statement stands in statement_tbl.h, is prepared once at start and reset before a function returns: an open
 * SELECT would keep the checkpoint from finishing. Parameters and columns are bound and read in the order in which
 * they stand in the statement.
 * Errors:  negative errno, and the words in store->error. */
#pragma once

#include <sqlite3.h>

#include "statement_tbl.h"
#include "store/store.h"

#define ONE_STATEMENT(id, kind, sql) STATEMENT_##id,
typedef enum StatementId {
        STORE_STATEMENTS(ONE_STATEMENT) STATEMENT_MAX
} StatementId;

/* TURN: part of a turn or of the once-a-second figures, must never walk a table. LIST: answers a person. */
typedef enum StatementKind {
        STATEMENT_TURN,
        STATEMENT_LIST
} StatementKind;

const char *statement_text(StatementId id);
StatementKind statement_kind(StatementId id);

/* Sums that would cost a walk through a table, kept up to date by every change and stored in its transaction. Nothing
 * but 64-bit numbers: compared as bytes. */
typedef struct Figures {
        int64_t open, contacted, closed;
        int64_t deliveries_pending, deliveries_failed;
        int64_t dead_letters, dead_letter_bytes;
        int64_t overdue; /* open and live cases whose window ended before overdue_at */
        WallTime overdue_at;
} Figures;

/* Texts that repeat stand in a table of their own; rows hold their numbers. Known ones are kept in memory. */
typedef struct Numbered Numbered;
struct Numbered {
        Numbered *next;
        int64_t number; /* from 1 */
        Text text;
        int version; /* of a policy */
};

typedef struct NumberedList {
        Numbered *first; /* the one used last */
        bool is_read;
} NumberedList;

struct Store {
        sqlite3 *db;
        sqlite3_stmt *statements[STATEMENT_MAX];
        Figures figures; /* with the transaction's changes */
        Figures stored;  /* as of the last commit */
        Arena *scratch;  /* JSON on its way into a row; reset by whoever writes one */
        Arena *numbered_memory;
        NumberedList policies, names;
        int log_frames; /* in the write-ahead log that are not in the file yet */
        int failure;    /* -EIO, -EUCLEAN: the files stay as they are from then on; 0 */
        char error[256];
};

/* ---- sqlite_statement.c ---- */

int store_prepare(Store *store) MUST_CHECK;
/* The errno of a result code; keeps SQLite's words. */
int store_failed(Store *store, int code);
/* The whole write-ahead log goes into the file and both onto the disk. */
int log_to_file(Store *store) MUST_CHECK;
/* Our own words for an error of ours; returns error. */
int store_refuse(Store *store, int error, const char *format, ...) PRINTF_LIKE(3, 4);

/* -EUCLEAN that we have found ourselves: as if SQLite had. */
int store_damaged(Store *store, const char *format, ...) PRINTF_LIKE(2, 3);

typedef struct Binding {
        sqlite3_stmt *statement;
        int index;
} Binding;

/* Starts a statement that is not in use. The texts must stay until it has run: they are not copied. */
Binding statement_begin(Store *store, StatementId id);
void bind_integer(Binding *b, int64_t value);
void bind_time(Binding *b, WallTime t); /* unset: NULL */
void bind_text(Binding *b, Text text);  /* absent: NULL */
void bind_bytes(Binding *b, Text bytes);

/* To its end, no rows wanted. *ret_changes may be NULL. */
int statement_run(Store *store, const Binding *b, int64_t *ret_changes) MUST_CHECK;
/* 1: a row is there; 0: the end; either way but the first the statement is reset. */
int statement_step(Store *store, const Binding *b) MUST_CHECK;
void statement_end(const Binding *b);

/* The columns of a row, one after the other. Texts go to the arena. */
typedef struct Row {
        sqlite3_stmt *statement;
        int column;
        Arena *arena;
        bool is_bad; /* a value that this program cannot have written */
} Row;

static inline Row row_of(const Binding *b, Arena *arena)
{
        return (Row){ .statement = b->statement, .arena = arena };
}
int64_t row_integer(Row *row);
int32_t row_int32(Row *row);
unsigned row_enum(Row *row, unsigned count); /* 0 ... count - 1 */
bool row_bool(Row *row);
WallTime row_time(Row *row);
Text row_name(Store *store, Row *row); /* a number that stands for a name */
Text row_text(Row *row);               /* also for bytes */

/* One row with one number; absent or NULL: otherwise. */
int statement_number(Store *store, const Binding *b, int64_t otherwise, int64_t *ret) MUST_CHECK;

/* ---- sqlite_numbered.c ---- */

/* 0 stands for an absent name, and back. -ENOENT: unknown. */
int number_of_policy(Store *store, Text name, int version, int64_t *ret) MUST_CHECK;
int policy_of_number(Store *store, int64_t number, Text *ret_name, int *ret_version) MUST_CHECK;
int number_of_name(Store *store, Text name, int64_t *ret) MUST_CHECK;
int number_for_name(Store *store, Text name, int64_t *ret) MUST_CHECK; /* adds it */
int name_of_number(Store *store, int64_t number, Text *ret) MUST_CHECK;
int policy_add(Store *store, const Policy *policy, WallTime now) MUST_CHECK;
void numbered_forget(Store *store);

/* ---- sqlite_figures.c ---- */

int figures_load(Store *store) MUST_CHECK;
int figures_save(Store *store) MUST_CHECK;
void figures_count_case(Figures *f, int64_t by, CaseState state, CaseMode mode, WallTime window_ends_at);
void figures_count_delivery(Figures *f, int64_t by, DeliveryState state);

/* ---- sqlite_open.c ---- */

/* "CLup": tells our file from another program's. */
enum {
        STORE_APPLICATION_ID = 0x434c7570
};
void store_library_configure(void); /* before the first connection */

/* ---- sqlite_file.c ---- */

/* Makes the file, or refuses one that is not as it has to be. */
int store_file_prepare(const char *path, Arena *arena, Text *reterr_message) MUST_CHECK;
int store_file_refuse(const char *path, int error, const char *why, Arena *arena, Text *reterr_message);
/* A new name must still be in its folder after a power cut. */
int store_folder_sync(const char *path) MUST_CHECK;
/* statfs(2); tests put their own here. */
struct statfs;
extern int (*store_statfs)(const char *path, struct statfs *ret);

/* ---- schema.c, schema_view.c ---- */

/* The migrations, oldest first; the schema's version is how many have been applied. */
extern const char *const schema_migrations[];
extern const int schema_version;

/* The statement that makes a view; NULL at the end. */
const char *schema_view_name(size_t index);
Text schema_view_sql(size_t index, Arena *arena);
