/* store_turns.h - turns as the daemon commits them, one after the other, and what must be true after any number of them
 * (promise S2), whatever has happened to the disk in between. Includes store_sample.h. */
#pragma once

#include <errno.h>

#include "store_sample.h"

static int64_t turn_answers = 20; /* a turn */

/* One turn: the offset, and new answers with case, event and delivery; what the turn before sent was accepted. */
static UNUSED int turn_add(int64_t from)
{
        OffsetRow to = START;
        to.generation = 1;
        to.partition = 0;
        to.next_offset = from + turn_answers;
        int r = store_begin(store);
        if (r >= 0)
                r = store_offset_move(store, &to, from);
        for (int64_t i = from + 1; i <= from + turn_answers && r >= 0; i++) {
                Case c = sample_case(i);
                CaseEvent event = sample_event();
                ResponseRow response = sample_response(i);
                DeliveryRow row = sample_delivery(i, i), last = sample_delivery(i - turn_answers, i - turn_answers);
                bool is_new;
                last.state = DELIVERY_ACCEPTED;
                last.next_at = WALL_NONE;
                last.ended_at = NOON;
                r = store_response_add(store, &response, &is_new);
                r = r < 0 ? r : store_case_add(store, &c);
                r = r < 0 ? r : store_event_add(store, i, 1, &event);
                r = r < 0 ? r : store_delivery_add(store, &row);
                r = r < 0 || from == 0 ? r : store_delivery_save(store, &last);
        }
        return r < 0 ? r : store_commit(store);
}

/* What the first turn needs; nothing if it is there already. */
static UNUSED int turns_prepare(void)
{
        OffsetRow first = START;
        first.partition = 0;
        first.next_offset = 0;
        first.generation = 1;
        int r = store_begin(store);
        r = r < 0 ? r : store_policy_keep(store, &ONE_DAY, NOON);
        r = r < 0 ? r : store_offset_add(store, &first);
        if (r == -EEXIST) {
                store_rollback(store);
                return 0;
        }
        return r < 0 ? r : store_commit(store);
}

static UNUSED int64_t turns_done(void)
{
        return query("SELECT coalesce(sum(next_offset), 0) FROM kafka_offset");
}

static UNUSED void assert_sound(void)
{
        assert_int_equal(query("SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
        int64_t offset = turns_done();
        assert_int_equal(query("SELECT count(*) FROM response"), offset);
        assert_int_equal(query("SELECT count(*) FROM cases"), offset);
        assert_int_equal(query("SELECT count(*) FROM case_event"), offset);
        assert_int_equal(query("SELECT count(*) FROM delivery"), offset);
        assert_int_equal(store->figures.open, offset);
        assert_int_equal(store->figures.deliveries_pending, offset > 0 ? turn_answers : 0);
}

static UNUSED void table_dump(Buffer *b, const char *table)
{
        sqlite3_stmt *s;
        Text sql = arena_textf(b->arena, "SELECT * FROM %s ORDER BY 1, 2", table);
        assert_int_equal(sqlite3_prepare_v2(store->db, sql.data, -1, &s, NULL), SQLITE_OK);
        while (sqlite3_step(s) == SQLITE_ROW) {
                buffer_putf(b, "%s", table);
                for (int i = 0; i < sqlite3_column_count(s); i++) {
                        const void *value = sqlite3_column_blob(s, i);
                        buffer_putf(b, "|%d:", sqlite3_column_type(s, i));
                        buffer_put(b, (Text){ value ? value : "", (size_t)sqlite3_column_bytes(s, i) });
                }
                buffer_put_char(b, '\n');
        }
        assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
}

/* Every row of every table: two stores that did the same are the same. */
static UNUSED Text store_dump(Arena *in)
{
        Buffer b = buffer_in(in);
        sqlite3_stmt *s;
        const char *sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        assert_int_equal(sqlite3_prepare_v2(store->db, sql, -1, &s, NULL), SQLITE_OK);
        while (sqlite3_step(s) == SQLITE_ROW)
                table_dump(&b, (const char *)sqlite3_column_text(s, 0));
        assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
        return buffer_text(&b);
}
