#include "sqlite.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define STATEMENT_SQL(id, kind, sql) [STATEMENT_##id] = sql,
static const char *const texts[STATEMENT_MAX] = { STORE_STATEMENTS(STATEMENT_SQL) };

#define STATEMENT_OF_KIND(id, kind, sql) [STATEMENT_##id] = STATEMENT_##kind,
static const StatementKind kinds[STATEMENT_MAX] = { STORE_STATEMENTS(STATEMENT_OF_KIND) };

const char *statement_text(StatementId id)
{
        must(id < STATEMENT_MAX);
        return texts[id];
}

StatementKind statement_kind(StatementId id)
{
        must(id < STATEMENT_MAX);
        return kinds[id];
}

/* ---- errors ----------------------------------------------------------------------------------------------------- */

static int constraint_errno(int extended)
{
        bool is_unique = extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY ||
                         extended == SQLITE_CONSTRAINT_ROWID;
        return is_unique ? -EEXIST : -EINVAL;
}

static int code_errno(int extended)
{
        switch (extended & 0xff) {
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_ERROR: /* a statement that does not fit: the tables are not as this program has made them */
                return -EUCLEAN;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_CONSTRAINT:
                return constraint_errno(extended);
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_TOOBIG:
                return -E2BIG;
        default: /* IOERR, CANTOPEN, and what should not happen */
                return -EIO;
        }
}

/* After a failed sync the system may have dropped what it could not write, and the next one seems to succeed; in a
 * damaged file every write can destroy more. So nothing is written any more, not even the log at the end: a start reads
 * what the disk really has. */
static void store_leave(Store *store, int error)
{
        if (store->failure == 0)
                store->failure = error;
        if (store->db)
                (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

/* A user's share of a disk: nothing was written, as on a full disk. */
static bool share_is_full(Store *store)
{
        static const int files[] = { SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER };
        bool is_full = false;
        for (size_t i = 0; i < COUNT_OF(files); i++) {
                sqlite3_file *file = NULL;
                int last = 0;
                if (sqlite3_file_control(store->db, "main", files[i], &file) == SQLITE_OK && file && file->pMethods &&
                    file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &last) == SQLITE_OK)
                        is_full |= last == EDQUOT;
        }
        return is_full;
}

int store_failed(Store *store, int code)
{
        int error = code_errno(code);
        (void)snprintf(store->error, sizeof(store->error), "%s",
                       store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(code));
        if (code == SQLITE_IOERR_WRITE && share_is_full(store))
                error = -ENOSPC;
        if (error == -EIO || error == -EUCLEAN)
                store_leave(store, error);
        return error;
}

int store_damaged(Store *store, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        (void)vsnprintf(store->error, sizeof(store->error), format, args);
        va_end(args);
        store_leave(store, -EUCLEAN);
        return -EUCLEAN;
}

int store_failure(const Store *store)
{
        return store->failure;
}

int store_refuse(Store *store, int error, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        (void)vsnprintf(store->error, sizeof(store->error), format, args);
        va_end(args);
        return error;
}

Text store_library(Arena *arena)
{
        return arena_textf(arena, "SQLite %s", sqlite3_libversion());
}

const char *store_error(const Store *store)
{
        return store->error;
}

/* ---- statements ------------------------------------------------------------------------------------------------- */

int store_prepare(Store *store)
{
        for (int i = 0; i < STATEMENT_MAX; i++) {
                int code = sqlite3_prepare_v3(store->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &store->statements[i],
                                              NULL);
                if (code != SQLITE_OK)
                        return store_failed(store, code);
        }
        return 0;
}

Binding statement_begin(Store *store, StatementId id)
{
        sqlite3_stmt *s = store->statements[id];
        must(!sqlite3_stmt_busy(s));
        return (Binding){ .statement = s };
}

/* Only a wrong index, a text of over 1 GB or no memory can fail here. */
static void bound(int code)
{
        must(code == SQLITE_OK);
}

void bind_integer(Binding *b, int64_t value)
{
        bound(sqlite3_bind_int64(b->statement, ++b->index, value));
}

void bind_time(Binding *b, WallTime t)
{
        if (wall_is_set(t))
                bind_integer(b, t.us);
        else
                bound(sqlite3_bind_null(b->statement, ++b->index));
}

void bind_text(Binding *b, Text text)
{
        bound(sqlite3_bind_text64(b->statement, ++b->index, text.data, text.len, SQLITE_STATIC, SQLITE_UTF8));
}

void bind_bytes(Binding *b, Text bytes)
{
        bound(sqlite3_bind_blob64(b->statement, ++b->index, bytes.data, bytes.len, SQLITE_STATIC));
}

int statement_step(Store *store, const Binding *b)
{
        int code = sqlite3_step(b->statement);
        if (code == SQLITE_ROW)
                return 1;
        int r = code == SQLITE_DONE ? 0 : store_failed(store, code);
        statement_end(b);
        return r;
}

void statement_end(const Binding *b)
{
        (void)sqlite3_reset(b->statement); /* repeats the error of the step, which has been seen */
}

int statement_run(Store *store, const Binding *b, int64_t *ret_changes)
{
        int r = statement_step(store, b);
        if (r < 0)
                return r;
        must(r == 0);
        if (ret_changes)
                *ret_changes = sqlite3_changes64(store->db);
        return 0;
}

int statement_number(Store *store, const Binding *b, int64_t otherwise, int64_t *ret)
{
        int r = statement_step(store, b);
        if (r < 0)
                return r;
        *ret = otherwise;
        if (r > 0) {
                if (sqlite3_column_type(b->statement, 0) != SQLITE_NULL)
                        *ret = sqlite3_column_int64(b->statement, 0);
                statement_end(b);
        }
        return 0;
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

int64_t row_integer(Row *row)
{
        return sqlite3_column_int64(row->statement, row->column++);
}

int32_t row_int32(Row *row)
{
        int64_t value = row_integer(row);
        row->is_bad |= value < INT32_MIN || value > INT32_MAX;
        return (int32_t)value;
}

unsigned row_enum(Row *row, unsigned count)
{
        int64_t value = row_integer(row);
        bool is_bad = value < 0 || value >= count;
        row->is_bad |= is_bad;
        return is_bad ? 0 : (unsigned)value;
}

bool row_bool(Row *row)
{
        return row_enum(row, 2) == 1;
}

WallTime row_time(Row *row)
{
        bool is_null = sqlite3_column_type(row->statement, row->column) == SQLITE_NULL;
        int64_t us = row_integer(row);
        return is_null ? WALL_NONE : (WallTime){ us };
}

Text row_text(Row *row)
{
        int column = row->column++;
        if (sqlite3_column_type(row->statement, column) == SQLITE_NULL)
                return TEXT_NONE;
        const char *data = sqlite3_column_blob(row->statement, column);
        size_t len = (size_t)sqlite3_column_bytes(row->statement, column);
        must(data || len == 0);                                               /* no memory */
        return arena_text(row->arena, data ? (Text){ data, len } : TEXT("")); /* an empty blob has no address */
}

/* ---- transactions ----------------------------------------------------------------------------------------------- */

static int statement_plain(Store *store, StatementId id)
{
        Binding b = statement_begin(store, id);
        return statement_run(store, &b, NULL);
}

/* What is written to a file that has lost its name is gone when the process ends. */
static int file_is_in_place(Store *store)
{
        int has_moved = 0;
        (void)sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);
        return has_moved ? store_refuse(store, -ENXIO,
                                        "its file was removed, moved or replaced. Before anything else: "
                                        "closedloopctl backup FILE saves what is in it; then stop the service and "
                                        "restore that")
                         : 0;
}

int store_begin(Store *store)
{
        must(sqlite3_get_autocommit(store->db));
        int r = store->failure < 0 ? store->failure : file_is_in_place(store);
        return r < 0 ? r : statement_plain(store, STATEMENT_BEGIN);
}

/* The write-ahead log goes into the file when nothing else is to be done (from 8 MB on), at the latest at four times
 * that: what a start has to read back after a crash stays small. */
enum {
        LOG_FRAMES_IDLE = 1000,
        LOG_FRAMES_MAX = 4 * LOG_FRAMES_IDLE
};

int log_to_file(Store *store)
{
        int code = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        if (code != SQLITE_OK)
                return store_failed(store, code);
        store->log_frames = 0; /* nobody else reads: passive is complete */
        return 0;
}

int store_checkpoint(Store *store)
{
        return store->failure < 0 || store->log_frames < LOG_FRAMES_IDLE ? store->failure : log_to_file(store);
}

/* The commit stands, so a full disk is the next one's matter; but after a failed sync the process must go, before
 * another sync seems to succeed: the log still has everything. */
static int log_keep_short(Store *store)
{
        int r = store->log_frames < LOG_FRAMES_MAX ? 0 : log_to_file(store);
        return r == -ENOSPC || r == -ENOMEM ? 0 : r;
}

int store_commit(Store *store)
{
        must(!sqlite3_get_autocommit(store->db));
        int r = figures_save(store);
        if (r >= 0)
                r = statement_plain(store, STATEMENT_COMMIT);
        if (r < 0)
                return r;
        store->stored = store->figures;
        return log_keep_short(store);
}

/* Some errors (disk full, no memory) have ended the transaction already. */
void store_rollback(Store *store)
{
        char error[sizeof(store->error)];
        memcpy(error, store->error, sizeof(error)); /* why it is rolled back says more than how that went */
        if (!sqlite3_get_autocommit(store->db))
                (void)statement_plain(store, STATEMENT_ROLLBACK);
        memcpy(store->error, error, sizeof(error));
        store->figures = store->stored;
        numbered_forget(store);
}

int store_probe(Store *store)
{
        Binding b = statement_begin(store, STATEMENT_PROBE);
        int64_t one;
        int r = statement_number(store, &b, 0, &one);
        return r < 0 ? r : file_is_in_place(store);
}
