/* The store is looked through while it is in use, one table with its indexes at a time. */
#include "sqlite.h"

#include <errno.h>

enum {
        CHECK_PAGES_MAX = 32768 /* 256 MiB: a table of 320 MB took 0.2 s, and 2.3 s where nothing of it was in memory */
};

static int ask_number(Store *store, const char *sql, int64_t *ret)
{
        sqlite3_stmt *s = NULL;
        int code = sqlite3_prepare_v2(store->db, sql, -1, &s, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_step(s);
        if (code == SQLITE_ROW)
                *ret = sqlite3_column_int64(s, 0);
        (void)sqlite3_finalize(s);
        return code == SQLITE_ROW ? 0 : store_failed(store, code);
}

static int check_start(Store *store, StoreCheck *check)
{
        int64_t tables = 0, pages = 0;
        int r = ask_number(store, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'", &tables);
        if (r >= 0)
                r = ask_number(store, "PRAGMA page_count", &pages);
        if (r < 0)
                return r;
        check->tables = (int)tables;
        check->is_too_large = pages > CHECK_PAGES_MAX;
        return 0;
}

static int table_name(Store *store, int index, char *name, size_t bytes)
{
        sqlite3_stmt *s = NULL;
        int code = sqlite3_prepare_v2(store->db,
                                      "SELECT name FROM sqlite_schema WHERE type = 'table' "
                                      "ORDER BY name LIMIT 1 OFFSET ?",
                                      -1, &s, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_bind_int(s, 1, index);
        if (code == SQLITE_OK)
                code = sqlite3_step(s);
        if (code == SQLITE_ROW)
                (void)sqlite3_snprintf((int)bytes, name, "%s", sqlite3_column_text(s, 0));
        (void)sqlite3_finalize(s);
        return code == SQLITE_ROW ? 0 : store_failed(store, code);
}

static int table_check(Store *store, const char *name)
{
        char sql[128];
        sqlite3_stmt *s = NULL;
        (void)sqlite3_snprintf(sizeof(sql), sql, "PRAGMA quick_check('%q')", name);
        int code = sqlite3_prepare_v2(store->db, sql, -1, &s, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_step(s);
        int r = code == SQLITE_ROW ? 0 : store_failed(store, code);
        Text said = code == SQLITE_ROW ? text_from((const char *)sqlite3_column_text(s, 0)) : TEXT_NONE;
        if (r == 0 && !text_is(said, "ok")) {
                /* its first line: what stands below is where exactly */
                Text rest = text_starts(said, TEXT("*** in database main ***\n"))
                                    ? text_from_offset(said, sizeof("*** in database main ***"))
                                    : said;
                Text line;
                (void)text_split(&rest, '\n', &line);
                r = store_damaged(store, "table %s: " TEXT_F, name, TEXT_ARG(line));
        }
        (void)sqlite3_finalize(s);
        return r;
}

int store_check_step(Store *store, StoreCheck *check)
{
        char name[64];
        int r = check->tables == 0 ? check_start(store, check) : 0;
        if (r >= 0 && !check->is_too_large) {
                r = table_name(store, check->checked, name, sizeof(name));
                if (r >= 0)
                        r = table_check(store, name);
                check->checked += r >= 0;
        }
        check->is_done = r >= 0 && (check->is_too_large || check->checked >= check->tables);
        return r;
}
