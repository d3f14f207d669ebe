#include "store_sample.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static Text refusal(const char *where, int expected)
{
        Text message = TEXT_NONE;
        assert_int_equal(store_open(where, arena, &store, &message), expected);
        assert_null(store);
        assert_non_null(message.data);
        return message;
}

static void assert_says(Text message, const char *words)
{
        if (!strstr(message.data, words))
                fail_msg("\"" TEXT_F "\" does not say \"%s\"", TEXT_ARG(message), words);
}

/* As another program would: not through the store. */
static void write_directly(const char *sql)
{
        sqlite3 *db;
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void an_empty_file_becomes_a_store_of_the_newest_schema(void **state UNUSED)
{
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        (void)close(fd);
        assert_int_equal(open_at(path), 0);
        assert_int_equal(query("PRAGMA user_version"), schema_version);
        assert_int_equal(query("SELECT count(*) FROM sqlite_schema WHERE type = 'view'"), 7);
        store = store_free(store);
        assert_int_equal(open_at(path), 0); /* and is not migrated twice */
        assert_int_equal(query("PRAGMA user_version"), schema_version);
}

static void the_settings_are_in_force(void **state UNUSED)
{
        assert_int_equal(open_at(path), 0);
        assert_int_equal(query("PRAGMA page_size"), 8192);
        assert_int_equal(query("PRAGMA synchronous"), 3);
        assert_int_equal(query("PRAGMA foreign_keys"), 1);
        assert_int_equal(query("PRAGMA trusted_schema"), 0);
        assert_int_equal(query("PRAGMA cell_size_check"), 1);
        assert_int_equal(query("PRAGMA temp_store"), 2);
        assert_int_equal(query("PRAGMA secure_delete"), 1);
        assert_int_equal(query("SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
        assert_int_equal(query("SELECT locking_mode = 'exclusive' FROM pragma_locking_mode"), 1);
        char shared[128];
        (void)snprintf(shared, sizeof(shared), "%s-shm", path);
        assert_int_equal(access(shared, F_OK), -1); /* no shared memory: nobody else can read along */
}

static void a_newer_schema_is_refused_and_left_alone(void **state UNUSED)
{
        assert_int_equal(open_at(path), 0);
        store = store_free(store);
        write_directly("PRAGMA user_version = 99; DROP VIEW v_offset");
        Text message = refusal(path, -EPROTO);
        assert_says(message, path);
        assert_says(message, "version 99");
        assert_says(message, "Install the newer closedloopd again");
        write_directly(arena_textf(arena, "PRAGMA user_version = %d", schema_version).data);
        assert_int_equal(open_at(path), 0);
}

static void a_database_of_another_program_is_refused_and_left_alone(void **state UNUSED)
{
        write_directly("CREATE TABLE theirs (a)");
        assert_says(refusal(path, -EUCLEAN), "it is a database of another program");
        write_directly("INSERT INTO theirs VALUES (1)");
}

static void a_file_that_is_no_database_is_refused(void **state UNUSED)
{
        FILE *f = fopen(path, "w");
        for (int i = 0; i < 1000; i++)
                (void)fputs("this is no database\n", f);
        (void)fclose(f);
        Text message = refusal(path, -EUCLEAN);
        assert_says(message, path);
        assert_says(message, "file is not a database");
        assert_says(message, "closedloopd --restore BACKUP");
}

static void a_file_whose_schema_is_destroyed_is_refused(void **state UNUSED)
{
        assert_int_equal(open_at(path), 0);
        store = store_free(store);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 100), 8); /* the first page's own header */
        (void)close(fd);
        assert_says(refusal(path, -EUCLEAN), "cannot use the store");
}

static void a_store_without_a_table_of_its_own_is_refused(void **state UNUSED)
{
        assert_int_equal(open_at(path), 0);
        store = store_free(store);
        write_directly("DROP TABLE case_event");
        assert_says(refusal(path, -EUCLEAN), "no such table");
}

static void a_damaged_page_is_told_when_it_is_read(void **state UNUSED)
{
        Case c = sample_case(1), back;
        assert_int_equal(open_at(path), 0);
        begin();
        assert_int_equal(store_policy_keep(store, &ONE_DAY, NOON), 0);
        add(&c);
        commit();
        int64_t page = query("SELECT rootpage FROM sqlite_schema WHERE name = 'cases'");
        store = store_free(store);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, "\xff\xff\xff\xff", 4, (page - 1) * 8192), 4);
        (void)close(fd);
        assert_int_equal(open_at(path), 0);
        begin();
        assert_int_equal(store_case_load(store, 1, arena, &back), -EUCLEAN);
        store_rollback(store);
}

static void what_cannot_be_opened_is_told_with_what_to_do(void **state UNUSED)
{
        Text nowhere = arena_textf(arena, "%s/none/store.db", folder);
        Text message = refusal(nowhere.data, -ENOENT);
        assert_says(message, nowhere.data);
        assert_says(message, "Create the folder first");
        message = refusal(folder, -EISDIR);
        assert_says(message, "it is a folder. Name a file in that folder");
        message = refusal("/proc/store.db", -ENOENT);
        assert_says(message, "could not open the store \"/proc/store.db\"");
        store = NULL;
}

static int on_nfs(const char *where UNUSED, struct statfs *ret)
{
        *ret = (struct statfs){ .f_type = 0x6969 };
        return 0;
}

static void a_store_on_a_network_file_system_is_refused(void **state UNUSED)
{
        store_statfs = on_nfs;
        Text message = refusal(path, -ENOTSUP);
        store_statfs = statfs;
        assert_says(message, "a network file system (NFS)");
        assert_says(message, "Put it on a local disk");
        assert_int_equal(access(path, F_OK), -1); /* and not even made */
        assert_int_equal(open_at(path), 0);
}

static void a_store_that_is_open_to_others_is_refused(void **state UNUSED)
{
        static const mode_t modes[] = { 0604, 0602, 0620, 0666 };
        assert_int_equal(open_at(path), 0);
        store = store_free(store);
        for (size_t i = 0; i < COUNT_OF(modes); i++) {
                assert_int_equal(chmod(path, modes[i]), 0);
                Text message = refusal(path, -EPERM);
                assert_says(message, modes[i] & 022 ? "others may write to it" : "others may read it");
                assert_says(message, "chmod 600");
        }
        assert_int_equal(chmod(path, 0600), 0);
        assert_int_equal(open_at(path), 0);
}

static void a_store_of_somebody_else_is_refused(void **state UNUSED)
{
        if (geteuid() != 0)
                skip(); /* only root can give a file away */
        assert_int_equal(open_at(path), 0);
        store = store_free(store);
        assert_int_equal(chown(path, 1, (gid_t)-1), 0);
        Text message = refusal(path, -EPERM);
        assert_says(message, "it belongs to user 1, and closedloopd runs as user 0");
        assert_int_equal(chown(path, 0, (gid_t)-1), 0);
        assert_int_equal(open_at(path), 0);
}

static void a_path_is_a_path_even_if_it_looks_like_an_address(void **state UNUSED)
{
        char here[256];
        assert_non_null(getcwd(here, sizeof(here)));
        assert_int_equal(chdir(folder), 0);
        int r = open_at("file:store.db?mode=memory");
        store = store_free(store);
        assert_int_equal(unlink("file:store.db?mode=memory"), 0);
        assert_int_equal(chdir(here), 0);
        assert_int_equal(r, 0);
}

static void a_view_that_has_changed_is_made_again(void **state UNUSED)
{
        assert_int_equal(open_at(path), 0);
        store = store_free(store);
        write_directly("DROP VIEW v_offset; CREATE VIEW v_offset AS SELECT 1 AS old; DROP VIEW v_case");
        assert_int_equal(open_at(path), 0);
        assert_int_equal(query("SELECT count(*) FROM v_offset"), 0);
        assert_int_equal(query("SELECT count(*) FROM v_case"), 0);
}

/* ---- views ------------------------------------------------------------------------------------------------------ */

/* The daemon does not trust what a file says about itself, and never reads the views; an analyst's program, which reads
 * a copy, is open to JSON functions in views unless somebody closed it. */
static int make_analyst(void **state)
{
        int r = make_memory(state);
        return r < 0 ? r : sqlite3_exec(store->db, "PRAGMA trusted_schema = ON", NULL, NULL, NULL);
}

static void assert_value(const char *sql, const char *expected)
{
        sqlite3_stmt *s;
        if (sqlite3_prepare_v2(store->db, sql, -1, &s, NULL) != SQLITE_OK)
                fail_msg("%s: %s", sql, sqlite3_errmsg(store->db));
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        const char *value = (const char *)sqlite3_column_text(s, 0);
        if (!value || strcmp(value, expected) != 0)
                fail_msg("%s gives \"%s\", not \"%s\"", sql, value ? value : "NULL", expected);
        (void)sqlite3_finalize(s);
}

static void v_case_speaks_in_words(void **state UNUSED)
{
        static const uint8_t id[] = { 0x01, 0x9a, 0xb1, 0xc2, 0xd3, 0xe4, 0x8f, 0x00,
                                      0x81, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
        Case c = sample_case(12);
        memcpy(c.id.bytes, id, sizeof(id));
        c.contacted_at = noon_plus(7200);
        c.state = CASE_CONTACTED;
        c.mode = MODE_TOO_OLD;
        begin();
        add(&c);
        commit();
        assert_value("SELECT number FROM v_case", "12");
        assert_value("SELECT id FROM v_case", "019ab1c2-d3e4-8f00-8123-456789abcdef");
        assert_value("SELECT state || ' ' || mode || ' ' || severity FROM v_case", "contacted too-old high");
        assert_value("SELECT source || ' ' || customer FROM v_case", "relationship c-12");
        assert_value("SELECT policy || ' ' || policy_version FROM v_case", "one-day 3");
        assert_value("SELECT submitted_at FROM v_case", "2026-11-24T12:00:00.123Z");
        assert_value("SELECT submitted_at_us FROM v_case", "1795521600123456");
        assert_value("SELECT seconds_to_contact FROM v_case", "7200");
        assert_value("SELECT is_in_time FROM v_case", "1");
        assert_value("SELECT closed_at IS NULL AND closed_at_us IS NULL AND outcome IS NULL FROM v_case", "1");
}

static void v_case_knows_when_the_owner_was_told_before_the_next_rung_asks(void **state UNUSED)
{
        Case c = sample_case(12);
        DeliveryRow before = sample_delivery(1, 12), alert = sample_delivery(2, 12), manager = sample_delivery(3, 12);
        c.told_at = WALL_NONE;
        c.epoch = alert.epoch = manager.epoch = 2;
        manager.why = RECIPIENT_MANAGER;
        manager.recipient = TEXT("joe");
        begin();
        add(&c);
        deliver(&before);
        deliver(&alert);
        deliver(&manager);
        delivery_end(&before, DELIVERY_ACCEPTED, noon_plus(1));
        delivery_end(&manager, DELIVERY_ACCEPTED, noon_plus(2));
        commit();
        assert_value("SELECT told_at IS NULL FROM v_case", "1");
        begin();
        delivery_end(&alert, DELIVERY_ACCEPTED, noon_plus(60));
        commit();
        assert_value("SELECT told_at FROM v_case", "2026-11-24T12:01:00.123Z");
        assert_value("SELECT told_at_us - submitted_at_us FROM v_case", "60000000");
}

static void a_time_in_a_view_is_cut_not_rounded(void **state UNUSED)
{
        Case c = sample_case(1);
        c.submitted_at = (WallTime){ INT64_C(1795521599999999) };
        begin();
        add(&c);
        commit();
        char text[ISO8601_BYTES];
        (void)wall_format(c.submitted_at, text);
        assert_value("SELECT submitted_at FROM v_case", text);
        assert_value("SELECT submitted_at FROM v_case", "2026-11-24T11:59:59.999Z");
}

static void v_response_speaks_in_words(void **state UNUSED)
{
        ResponseRow row = sample_response(7);
        row.submitted_note = SUBMITTED_MISSING;
        begin();
        assert_true(response_is_new(&row));
        commit();
        assert_value("SELECT source || ' ' || response_id FROM v_response", "relationship r-7");
        assert_value("SELECT topic || '/' || partition || '/' || \"offset\" FROM v_response", "survey-responses/0/7");
        assert_value("SELECT submitted_note FROM v_response", "missing");
        assert_value("SELECT json_extract(fields, '$.nps') FROM v_response", "2");
        assert_value("SELECT recorded_at FROM v_response", "2026-11-24T12:00:00.123Z");
}

static void v_case_event_shows_what_stands_in_the_event(void **state UNUSED)
{
        CaseEvent contact = sample_event(), closing = sample_event();
        closing.kind = EVENT_CLOSE;
        closing.key = TEXT_NONE;
        closing.outcome = OUTCOME_PARTLY;
        closing.cause = TEXT("delivery");
        closing.amount = 12.5;
        closing.has_amount = closing.may_quote = true;
        begin();
        assert_int_equal(store_event_add(store, 4, 1, &contact), 0);
        assert_int_equal(store_event_add(store, 4, 2, &closing), 0);
        commit();
        assert_value("SELECT group_concat(event, ' ') FROM v_case_event", "contact close");
        assert_value("SELECT by_whom || ' ' || channel || ' ' || result FROM v_case_event", "ana phone spoke");
        assert_value("SELECT recorded_at || ' ' || happened_at FROM v_case_event",
                     "2026-11-24T12:00:00.123Z 2026-11-24T11:59:00.123Z");
        assert_value("SELECT outcome || ' ' || cause || ' ' || amount || ' ' || may_quote FROM v_case_event "
                     "WHERE sequence = 2",
                     "partly delivery 12.5 1");
}

static void v_delivery_speaks_in_words(void **state UNUSED)
{
        DeliveryRow rung = sample_delivery(1, 12), event = sample_delivery(2, 0);
        rung.rung = 2;
        rung.message = MESSAGE_HELP_NEEDED;
        rung.why = RECIPIENT_MANAGER;
        rung.late = SPAN_MINUTE;
        event.rung = -4;
        event.sequence = 4;
        begin();
        deliver(&rung);
        deliver(&event);
        commit();
        assert_value("SELECT message || ' ' || why || ' ' || state FROM v_delivery", "help-needed manager pending");
        assert_value("SELECT rung || ' ' || event || ' ' || late_seconds FROM v_delivery", "2 1 60");
        assert_value("SELECT rung IS NULL AND case_number IS NULL AND event = 4 FROM v_delivery WHERE number = 2", "1");
        assert_value("SELECT next_at FROM v_delivery", "2026-11-24T12:00:00.123Z");
}

static void v_dead_letter_and_v_offset_speak_in_words(void **state UNUSED)
{
        DeadLetterRow letter = sample_letter(5);
        OffsetRow offset = START;
        offset.anchor_hash = UINT64_C(0xfedcba9876543210);
        begin();
        assert_true(letter_is_new(&letter));
        assert_int_equal(store_offset_add(store, &offset), 0);
        commit();
        assert_value("SELECT reason || ' ' || state || ' ' || bytes FROM v_dead_letter", "not JSON pending 7");
        assert_value("SELECT hex(key) FROM v_dead_letter", "6B00FF");
        assert_value("SELECT topic || '/' || partition || '/' || next_offset FROM v_offset", "survey-responses/1/40");
        assert_value("SELECT anchor_offset IS NULL AND anchor_at IS NULL FROM v_offset", "1");
        assert_value("SELECT anchor_hash FROM v_offset", "fedcba9876543210");
}

/* The documentation and the views cannot drift apart. */
static void every_column_of_every_view_is_documented_in_order(void **state UNUSED)
{
        StoreViewColumn column;
        size_t index = 0;
        for (size_t v = 0; schema_view_name(v); v++) {
                Text sql = arena_textf(arena, "SELECT * FROM %s", schema_view_name(v));
                sqlite3_stmt *s;
                assert_int_equal(sqlite3_prepare_v2(store->db, sql.data, -1, &s, NULL), SQLITE_OK);
                for (int i = 0; i < sqlite3_column_count(s); i++) {
                        assert_true(store_view_column(index++, &column));
                        assert_string_equal(column.view, schema_view_name(v));
                        assert_string_equal(sqlite3_column_name(s, i), column.column);
                        assert_true(strlen(column.meaning) > 0);
                        if (!column.is_time)
                                continue;
                        Text us = arena_textf(arena, "%s_us", column.column);
                        assert_string_equal(sqlite3_column_name(s, ++i), us.data);
                }
                (void)sqlite3_finalize(s);
        }
        assert_false(store_view_column(index, &column));
}

static void a_view_carries_the_meaning_of_its_columns(void **state UNUSED)
{
        assert_int_equal(query("SELECT sql LIKE '%-- the short number that people use%' FROM sqlite_schema "
                               "WHERE name = 'v_case'"),
                         1);
}

/* ---- numbers that are stored ------------------------------------------------------------------------------------ */

#define WORDS_ARE(function, Type, max, ...)                               \
        do {                                                              \
                static const char *const words[] = { __VA_ARGS__ };       \
                assert_true(COUNT_OF(words) == (max));                    \
                for (size_t i = 0; i < COUNT_OF(words); i++)              \
                        assert_string_equal(function((Type)i), words[i]); \
        } while (0)

/* A new one is added at the end; one that moves would change what old rows say. */
static void stored_numbers_keep_their_meaning(void **state UNUSED)
{
        WORDS_ARE(case_state_text, CaseState, CASE_STATE_MAX, "new", "open", "contacted", "closed");
        WORDS_ARE(case_mode_text, CaseMode, MODE_MAX, "live", "shadow", "too-old");
        WORDS_ARE(severity_text, Severity, SEVERITY_MAX, "low", "normal", "high", "critical");
        WORDS_ARE(event_kind_text, EventKind, EVENT_KIND_MAX, "flagged", "due", "attempt", "contact", "claim", "assign",
                  "close");
        WORDS_ARE(delivery_state_text, DeliveryState, DELIVERY_STATE_MAX, "pending", "accepted", "failed", "dropped");
        WORDS_ARE(dead_letter_state_text, DeadLetterState, DEAD_LETTER_STATE_MAX, "kept", "pending", "published",
                  "replayed");
        WORDS_ARE(gap_why_text, GapWhy, GAP_WHY_MAX, "expired", "skipped");
        WORDS_ARE(recipient_kind_text, RecipientKind, RECIPIENT_KIND_MAX, "owner", "manager", "director", "delegate",
                  "inform", "group", "person", "field", "channel", "catch-all");
        WORDS_ARE(message_text, Message, MESSAGE_MAX, "alert", "reminder", "help-needed", "help-told", "window-missed",
                  "waiting-list", "joined", "reopened", "claimed", "contacted", "closed", "too-old", "operator",
                  "test");
}

#define FOR_ANALYST(test) cmocka_unit_test_setup_teardown(test, make_analyst, take_memory)

int main(void)
{
        (void)umask(0077);
        const struct CMUnitTest tests[] = {
                ON_DISK(an_empty_file_becomes_a_store_of_the_newest_schema),
                ON_DISK(the_settings_are_in_force),
                ON_DISK(a_newer_schema_is_refused_and_left_alone),
                ON_DISK(a_database_of_another_program_is_refused_and_left_alone),
                ON_DISK(a_file_that_is_no_database_is_refused),
                ON_DISK(a_file_whose_schema_is_destroyed_is_refused),
                ON_DISK(a_store_without_a_table_of_its_own_is_refused),
                ON_DISK(a_damaged_page_is_told_when_it_is_read),
                ON_DISK(what_cannot_be_opened_is_told_with_what_to_do),
                ON_DISK(a_store_on_a_network_file_system_is_refused),
                ON_DISK(a_store_that_is_open_to_others_is_refused),
                ON_DISK(a_store_of_somebody_else_is_refused),
                ON_DISK(a_path_is_a_path_even_if_it_looks_like_an_address),
                ON_DISK(a_view_that_has_changed_is_made_again),
                FOR_ANALYST(v_case_speaks_in_words),
                FOR_ANALYST(v_case_knows_when_the_owner_was_told_before_the_next_rung_asks),
                FOR_ANALYST(a_time_in_a_view_is_cut_not_rounded),
                FOR_ANALYST(v_response_speaks_in_words),
                FOR_ANALYST(v_case_event_shows_what_stands_in_the_event),
                FOR_ANALYST(v_delivery_speaks_in_words),
                FOR_ANALYST(v_dead_letter_and_v_offset_speak_in_words),
                FOR_ANALYST(every_column_of_every_view_is_documented_in_order),
                FOR_ANALYST(a_view_carries_the_meaning_of_its_columns),
                cmocka_unit_test(stored_numbers_keep_their_meaning),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
