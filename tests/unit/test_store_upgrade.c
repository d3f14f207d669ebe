#include "store_sample.h"

#include <errno.h>
#include <sys/stat.h>

/* A store as each released version of the program left it becomes one of this version, with all that was in it. */

static const char VERSION_1[] = "tests/data/store-version-1.sql";

static const char *file_text(const char *name)
{
        FILE *f = fopen(name, "r");
        assert_non_null(f);
        Buffer b = buffer_in(arena);
        size_t n;
        while ((n = fread(buffer_room(&b, 65536), 1, 65536, f)) > 0)
                b.len += n;
        (void)fclose(f);
        buffer_put_char(&b, '\0');
        return b.data;
}

static void write_directly(const char *file, const char *sql)
{
        sqlite3 *db;
        char *message = NULL;
        assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
        if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
                fail_msg("%s", message);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t ask_directly(const char *file, const char *sql)
{
        sqlite3 *db;
        sqlite3_stmt *s;
        assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        int64_t value = sqlite3_column_int64(s, 0);
        assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        return value;
}

static Text schema_text(void)
{
        sqlite3_stmt *s;
        Buffer b = buffer_in(arena);
        const char *sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name";
        assert_int_equal(sqlite3_prepare_v2(store->db, sql, -1, &s, NULL), SQLITE_OK);
        while (sqlite3_step(s) == SQLITE_ROW)
                buffer_putf(&b, "%s\n", (const char *)sqlite3_column_text(s, 0));
        assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
        return buffer_text(&b);
}

static void an_upgraded_store_has_the_schema_of_a_new_one(void **state UNUSED)
{
        write_directly(path, file_text(VERSION_1));
        assert_int_equal(open_at(path), 0);
        assert_int_equal(query("PRAGMA user_version"), schema_version);
        Text upgraded = schema_text();
        store = store_free(store);
        assert_int_equal(open_at(":memory:"), 0);
        assert_same_text(upgraded, schema_text());
}

typedef struct Counted {
        int64_t sequences, seen;
} Counted;

static int count_event(void *userdata, int32_t sequence, const CaseEvent *event)
{
        Counted *counted = userdata;
        assert_int_equal(sequence, ++counted->sequences);
        assert_true(event->at.us > 0);
        return 0;
}

static int count_case(void *userdata, const Case *c)
{
        Counted *counted = userdata;
        Counted events = { 0 };
        assert_int_equal(store_events(store, c->number, arena, count_event, &events), 0);
        assert_int_equal(events.sequences, c->sequence);
        counted->seen++;
        return 0;
}

static void every_case_of_an_older_store_is_there_with_its_events(void **state UNUSED)
{
        write_directly(path, file_text(VERSION_1));
        assert_int_equal(open_at(path), 0);
        Counted counted = { 0 };
        CaseFilter all = { .now = NOON };
        assert_int_equal(store_cases(store, &all, arena, count_case, &counted), 0);
        assert_int_equal(counted.seen, 9);
        (void)sqlite3_exec(store->db, "PRAGMA trusted_schema = ON", NULL, NULL, NULL); /* as an analyst's program */
        assert_int_equal(query("SELECT count(*) FROM v_case"), 9);
        assert_int_equal(query("SELECT count(*) FROM v_response"), 12);
        assert_int_equal(query("SELECT count(*) FROM v_case_event"), 17);
        assert_int_equal(query("SELECT count(*) FROM v_delivery WHERE state = 'accepted'"), 15);
        assert_int_equal(query("SELECT count(*) FROM v_dead_letter"), 2);
        assert_int_equal(query("SELECT sum(next_offset) FROM v_offset"), 16);
        StoreCounts counts = counts_at(NOON);
        assert_int_equal(counts.cases[CASE_OPEN] + counts.cases[CASE_CONTACTED] + counts.cases[CASE_CLOSED], 9);
        assert_int_equal(query("SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
}

/* A table where a view should be: the last step of an upgrade cannot be done. */
static void an_upgrade_that_fails_leaves_the_store_as_it_was(void **state UNUSED)
{
        Text message = TEXT_NONE;
        write_directly(path, file_text(VERSION_1));
        write_directly(path, "DROP VIEW v_offset; CREATE TABLE v_offset (a)");
        assert_true(store_open(path, arena, &store, &message) < 0);
        assert_null(store);
        assert_non_null(strstr(message.data, "v_offset"));
        assert_int_equal(ask_directly(path, "PRAGMA user_version"), 1);
        assert_int_equal(ask_directly(path, "SELECT count(*) FROM v_case"), 9);
        write_directly(path, "DROP TABLE v_offset");
        assert_int_equal(open_at(path), 0);
        assert_int_equal(query("PRAGMA user_version"), schema_version);
}

int main(void)
{
        (void)umask(0077);
        const struct CMUnitTest tests[] = {
                ON_DISK(an_upgraded_store_has_the_schema_of_a_new_one),
                ON_DISK(every_case_of_an_older_store_is_there_with_its_events),
                ON_DISK(an_upgrade_that_fails_leaves_the_store_as_it_was),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
