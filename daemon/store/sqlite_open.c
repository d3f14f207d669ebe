/* Opening, migrating, checkpointing and closing. */
#include "sqlite.h"

#include <errno.h>
#include <stdlib.h>

/* Before the first access: a page size is for ever, and exclusive
 * locking from the start needs no shared memory and keeps a second daemon, and a stray sqlite3, out. Readers never
 * trust what the file says about itself. EXTRA is FULL (an alert may leave only after its case is on the disk) and
 * syncs the folder when the journal of a new file is removed: one that came back after a power cut would undo all that
 * was written since. An erased answer leaves no bytes behind (secure_delete). */
static const char SETTINGS[] = "PRAGMA locking_mode = EXCLUSIVE;"
                               "PRAGMA page_size = 8192;"
                               "PRAGMA cache_size = -8192;"
                               "PRAGMA synchronous = EXTRA;"
                               "PRAGMA foreign_keys = ON;"
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA mmap_size = 0;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA secure_delete = ON;"
                               "PRAGMA journal_size_limit = 67108864;";

/* ---- words for an administrator --------------------------------------------------------------------------------- */

typedef struct Opening {
        const char *path;
        Arena *arena;
        Text *message;
        Store *store;
} Opening;

static int refuse_busy(Opening *o)
{
        *o->message = arena_textf(o->arena,
                                  "could not take the store \"%s\": another process has it open. Stop the other "
                                  "closedloopd, or give this one a store of its own",
                                  o->path);
        return -EBUSY;
}

static int refuse_damaged(Opening *o, const char *why)
{
        *o->message = arena_textf(o->arena, "cannot use the store \"%s\": %s. " STORE_WAY_OUT, o->path, why);
        return -EUCLEAN;
}

static int refuse_newer(Opening *o, int64_t version)
{
        *o->message = arena_textf(o->arena,
                                  "cannot use the store \"%s\": its schema has version %lld, this closedloopd knows "
                                  "versions up to %d. Install the newer closedloopd again, or restore a backup "
                                  "made before the upgrade",
                                  o->path, (long long)version, schema_version);
        return -EPROTO;
}

static int refuse_open(Opening *o, int error, const char *why)
{
        return store_file_refuse(o->path, error, why, o->arena, o->message);
}

static int refuse_code(Opening *o, int code)
{
        int error = store_failed(o->store, code);
        if (error == -EBUSY)
                return refuse_busy(o);
        if (error == -EUCLEAN)
                return refuse_damaged(o, o->store->error);
        return refuse_open(o, error, o->store->error);
}

/* ---- the connection --------------------------------------------------------------------------------------------- */

/* For the whole process, before the first connection. One thread at a time uses SQLite, nobody asks for its memory
 * statistics, and a path is a path, also if it begins with "file:". */
void store_library_configure(void)
{
        static bool is_configured;
        if (is_configured)
                return;
        is_configured = true;
        (void)sqlite3_shutdown(); /* nothing can be set while it runs: a test may have used it before */
        must(sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) == SQLITE_OK);
        must(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK);
        must(sqlite3_config(SQLITE_CONFIG_URI, 0) == SQLITE_OK);
}

static int pragma_number(Opening *o, const char *sql, int64_t *ret)
{
        sqlite3_stmt *s = NULL;
        int code = sqlite3_prepare_v2(o->store->db, sql, -1, &s, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_step(s);
        if (code == SQLITE_ROW)
                *ret = sqlite3_column_int64(s, 0);
        (void)sqlite3_finalize(s);
        return code == SQLITE_ROW ? 0 : refuse_code(o, code);
}

static int run_sql(Opening *o, const char *sql)
{
        int code = sqlite3_exec(o->store->db, sql, NULL, NULL, NULL);
        return code == SQLITE_OK ? 0 : refuse_code(o, code);
}

static int log_note(void *userdata, sqlite3 *db UNUSED, const char *name UNUSED, int frames)
{
        ((Store *)userdata)->log_frames = frames;
        return SQLITE_OK;
}

static int connect_file(Opening *o)
{
        sqlite3 **db = &o->store->db;
        store_library_configure();
        int code =
                sqlite3_open_v2(o->path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
        if (code != SQLITE_OK)
                return refuse_code(o, code);
        (void)sqlite3_db_config(*db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        (void)sqlite3_db_config(*db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
        (void)sqlite3_db_config(*db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
        int r = run_sql(o, SETTINGS);
        if (r >= 0)
                r = run_sql(o, "PRAGMA journal_mode = WAL"); /* the first access: here it shows what the file is */
        (void)sqlite3_wal_hook(*db, log_note, o->store);
        return r;
}

/* ---- the schema ------------------------------------------------------------------------------------------------- */

static int migrate_one(Opening *o, int version)
{
        int r = run_sql(o, schema_migrations[version - 1]);
        if (r < 0)
                return r;
        return run_sql(o, arena_textf(o->arena, "PRAGMA user_version = %d; PRAGMA application_id = %d", version,
                                      STORE_APPLICATION_ID)
                                  .data);
}

static int schema_check(Opening *o, int64_t *ret_version)
{
        int64_t id, tables, version;
        int r = pragma_number(o, "PRAGMA application_id", &id);
        if (r >= 0)
                r = pragma_number(o, "SELECT count(*) FROM sqlite_schema", &tables);
        if (r >= 0)
                r = pragma_number(o, "PRAGMA user_version", &version);
        if (r < 0)
                return r;
        if (id != STORE_APPLICATION_ID && (id != 0 || tables > 0 || version != 0))
                return refuse_damaged(o, "it is a database of another program");
        if (version > schema_version)
                return refuse_newer(o, version);
        *ret_version = version;
        return 0;
}

/* 1: the view is there as it should be. */
static int view_is_current(Opening *o, const char *name, Text sql)
{
        int64_t is_same = 0;
        Text query = arena_textf(
                o->arena, "SELECT count(*) FROM sqlite_schema WHERE type = 'view' AND name = '%s' AND sql = ?", name);
        sqlite3_stmt *s = NULL;
        int code = sqlite3_prepare_v2(o->store->db, query.data, -1, &s, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_bind_text64(s, 1, sql.data, sql.len, SQLITE_STATIC, SQLITE_UTF8);
        if (code == SQLITE_OK)
                code = sqlite3_step(s);
        if (code == SQLITE_ROW)
                is_same = sqlite3_column_int64(s, 0);
        (void)sqlite3_finalize(s);
        return code == SQLITE_ROW ? (int)is_same : refuse_code(o, code);
}

/* The views say what this program writes, so they always follow it: no migration is needed to change one. */
static int views_refresh(Opening *o)
{
        const char *name;
        for (size_t i = 0; (name = schema_view_name(i)) != NULL; i++) {
                Text sql = schema_view_sql(i, o->arena);
                int r = view_is_current(o, name, sql);
                if (r == 0)
                        r = run_sql(o, arena_textf(o->arena, "DROP VIEW IF EXISTS %s; %s", name, sql.data).data);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* All or nothing: a store whose upgrade failed is as it was, and the program that wrote it can go on with it. */
static int schema_refresh(Opening *o)
{
        int64_t version = 0;
        int r = run_sql(o, "BEGIN IMMEDIATE");
        if (r >= 0)
                r = schema_check(o, &version);
        for (int next = (int)version + 1; r >= 0 && next <= schema_version; next++)
                r = migrate_one(o, next);
        if (r >= 0)
                r = views_refresh(o);
        if (r >= 0)
                r = run_sql(o, "COMMIT");
        if (r < 0 && !sqlite3_get_autocommit(o->store->db))
                (void)sqlite3_exec(o->store->db, "ROLLBACK", NULL, NULL, NULL);
        return r;
}

/* ---- open and close --------------------------------------------------------------------------------------------- */

/* What an unclean stop has left in the log may never have reached the disk, although it can be read: nothing is sent on
 * its word before it is written again, and synced. A full disk is the turns' matter. */
static int log_settle(Opening *o)
{
        int r = log_to_file(o->store);
        return r == -ENOSPC || r >= 0 ? 0
               : r == -EUCLEAN        ? refuse_damaged(o, o->store->error)
                                      : refuse_open(o, r, o->store->error);
}

static int store_start(Opening *o)
{
        int r = store_file_prepare(o->path, o->arena, o->message);
        if (r >= 0)
                r = connect_file(o);
        if (r >= 0)
                r = schema_refresh(o);
        if (r >= 0)
                r = log_settle(o);
        if (r < 0)
                return r;
        r = store_prepare(o->store);
        if (r >= 0)
                r = figures_load(o->store);
        return r == -EIO ? refuse_open(o, r, o->store->error) : r < 0 ? refuse_damaged(o, o->store->error) : 0;
}

int store_open(const char *path, Arena *arena, Store **ret, Text *reterr_message)
{
        CLEANUP(store_freep) Store *store = calloc(1, sizeof(*store));
        must(store);
        store->scratch = arena_new(16384);
        store->numbered_memory = arena_new(1024);
        Opening o = { .path = path, .arena = arena, .message = reterr_message, .store = store };
        int r = store_start(&o);
        if (r < 0)
                return r;
        *ret = steal(store);
        return 0;
}

Store *store_free(Store *store)
{
        if (!store)
                return NULL;
        for (size_t i = 0; i < STATEMENT_MAX; i++)
                (void)sqlite3_finalize(store->statements[i]);
        (void)sqlite3_close(store->db); /* the last connection checkpoints and takes the log away */
        (void)arena_free(store->scratch);
        (void)arena_free(store->numbered_memory);
        free(store);
        return NULL;
}

static int last_number(Store *store, StatementId id, int64_t *ret)
{
        Binding b = statement_begin(store, id);
        return statement_number(store, &b, 0, ret);
}

int store_last(Store *store, StoreLast *ret)
{
        StoreLast last;
        int r = last_number(store, STATEMENT_CASE_LAST, &last.case_number);
        if (r >= 0)
                r = last_number(store, STATEMENT_RESPONSE_LAST, &last.response);
        if (r >= 0)
                r = last_number(store, STATEMENT_DELIVERY_LAST, &last.delivery);
        if (r >= 0)
                r = last_number(store, STATEMENT_DEAD_LETTER_LAST, &last.dead_letter);
        if (r < 0)
                return r;
        *ret = last;
        return 0;
}
