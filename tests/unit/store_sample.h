/* store_sample.h - for tests of the store: a store in memory or in a folder of its own, and rows to put into it.
 * Owns:    the arena, the store and the folder of the running test; made and taken away around each. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../daemon/store/sqlite.h"

/* ---- a store for each test -------------------------------------------------------------------------------------- */

static Arena *arena;
static Store *store;
static const char *folder_in = "/tmp";
static char folder[64];
static char path[96];

static const WallTime NOON = { INT64_C(1795521600123456) }; /* 2026-11-24T12:00:00.123456Z */

static UNUSED WallTime noon_plus(int64_t seconds)
{
        return (WallTime){ NOON.us + seconds * 1000000 };
}

static UNUSED int open_at(const char *where)
{
        Text message = TEXT_NONE;
        int r = store_open(where, arena, &store, &message);
        if (r < 0)
                print_message(TEXT_F "\n", TEXT_ARG(message));
        return r;
}

static UNUSED int make_folder(void **state UNUSED)
{
        arena = arena_new(1 << 16);
        (void)snprintf(folder, sizeof(folder), "%s/test_store.XXXXXX", folder_in);
        if (!mkdtemp(folder))
                return -1;
        (void)snprintf(path, sizeof(path), "%s/store.db", folder);
        return 0;
}

static UNUSED int take_folder(void **state UNUSED)
{
        static const char *const suffixes[] = { "", "-wal", "-shm", "-journal", ".ballast" };
        store = store_free(store);
        for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
                char file[128];
                (void)snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
                (void)unlink(file);
        }
        arena = arena_free(arena);
        return rmdir(folder);
}

static const Policy ONE_DAY = { .name = { "one-day", 7 }, .version = 3, .text = { "window = \"24 hours\"", 19 } };

static UNUSED void begin(void)
{
        assert_int_equal(store_begin(store), 0);
}

static UNUSED void commit(void)
{
        assert_int_equal(store_commit(store), 0);
}

static UNUSED int make_memory(void **state UNUSED)
{
        arena = arena_new(1 << 16);
        if (open_at(":memory:") < 0)
                return -1;
        begin();
        assert_int_equal(store_policy_keep(store, &ONE_DAY, NOON), 0);
        commit();
        return 0;
}

static UNUSED int take_memory(void **state UNUSED)
{
        store = store_free(store);
        arena = arena_free(arena);
        return 0;
}

static UNUSED void assert_same_text(Text actual, Text expected)
{
        assert_int_equal(actual.data == NULL, expected.data == NULL);
        if (!text_equal(actual, expected))
                fail_msg("\"" TEXT_F "\" is not \"" TEXT_F "\"", TEXT_ARG(actual), TEXT_ARG(expected));
}

static UNUSED void assert_same_time(WallTime actual, WallTime expected)
{
        assert_int_equal(actual.us, expected.us);
}

/* ---- samples ---------------------------------------------------------------------------------------------------- */

static UNUSED Case sample_case(int64_t number)
{
        Case c = case_none();
        c.number = number;
        memcpy(c.id.bytes, &number, sizeof(number));
        c.state = CASE_OPEN;
        c.severity = SEVERITY_HIGH;
        c.epoch = c.sequence = c.responses = 1;
        c.source = TEXT("relationship");
        c.customer = arena_textf(arena, "c-%lld", (long long)number);
        c.territory = TEXT("BR-S");
        c.rule = TEXT("detractor");
        c.policy_name = ONE_DAY.name;
        c.policy_version = ONE_DAY.version;
        c.owner = TEXT("ana");
        c.submitted_at = c.opened_at = NOON;
        c.window_ends_at = wall_add(NOON, SPAN_DAY);
        return c;
}

static UNUSED ResponseRow sample_response(int64_t number)
{
        return (ResponseRow){
                .row = number,
                .case_number = number,
                .source = TEXT("relationship"),
                .id = arena_textf(arena, "r-%lld", (long long)number),
                .place = { TEXT("survey-responses"), 0, number, NOON, 0 },
                .submitted_at = NOON,
                .recorded_at = NOON,
                .fields = TEXT("{\"nps\":2}"),
                .trail = TEXT("{}"),
        };
}

static UNUSED DeliveryRow sample_delivery(int64_t number, int64_t case_number)
{
        return (DeliveryRow){
                .row = number,
                .case_number = case_number,
                .epoch = 1,
                .sequence = 1,
                .recipient = TEXT("ana"),
                .channel = TEXT("slack-ana"),
                .message = MESSAGE_ALERT,
                .why = RECIPIENT_OWNER,
                .due_at = NOON,
                .next_at = NOON,
                .first_tried_at = WALL_NONE,
                .ended_at = WALL_NONE,
        };
}

static UNUSED void delivery_end(DeliveryRow *row, DeliveryState state, WallTime at)
{
        row->state = state;
        row->next_at = WALL_NONE;
        row->first_tried_at = row->ended_at = at;
        row->attempts = 1;
        assert_int_equal(store_delivery_save(store, row), 0);
}

static UNUSED StoreCounts counts_at(WallTime now)
{
        StoreCounts counts;
        assert_int_equal(store_counts(store, now, &counts), 0);
        return counts;
}

static UNUSED int64_t query(const char *sql)
{
        sqlite3_stmt *s;
        assert_int_equal(sqlite3_prepare_v2(store->db, sql, -1, &s, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        int64_t value = sqlite3_column_int64(s, 0);
        (void)sqlite3_finalize(s);
        return value;
}

typedef struct Numbers {
        int64_t numbers[16];
        size_t count, stop_after;
} Numbers;

static UNUSED int note(Numbers *n, int64_t number)
{
        n->numbers[n->count++] = number;
        return n->count == n->stop_after ? 1 : 0;
}

static UNUSED CaseEvent sample_event(void)
{
        return (CaseEvent){
                .kind = EVENT_CONTACT,
                .engine = CASE_ENGINE,
                .at = NOON,
                .happened_at = noon_plus(-60),
                .by = TEXT("ana"),
                .key = TEXT("key-1"),
                .channel = TEXT("phone"),
                .result = TEXT("spoke"),
                .note = TEXT("says \"sorry\" is enough\n"),
                .told_at = WALL_NONE,
                .paused_until = WALL_NONE,
        };
}

static UNUSED const OffsetRow START = { .topic = { "survey-responses", 16 },
                                        .partition = 1,
                                        .next_offset = 40,
                                        .generation = 2,
                                        .anchor_offset = -1,
                                        .anchor_time = { INT64_MIN } };

static UNUSED void add(const Case *c)
{
        assert_int_equal(store_case_add(store, c), 0);
}

static UNUSED Case load(int64_t number)
{
        Case c;
        assert_int_equal(store_case_load(store, number, arena, &c), 0);
        return c;
}

static UNUSED void deliver(const DeliveryRow *row)
{
        assert_int_equal(store_delivery_add(store, row), 0);
}

static UNUSED bool response_is_new(const ResponseRow *row)
{
        bool is_new;
        assert_int_equal(store_response_add(store, row, &is_new), 0);
        return is_new;
}

static UNUSED DeadLetterRow sample_letter(int64_t number)
{
        return (DeadLetterRow){
                .row = number,
                .place = { TEXT("survey-responses"), 1, number, NOON, 0 },
                .reason = TEXT("not JSON"),
                .key = { "k\0\xff", 3 },
                .value = { "{\0", 2 },
                .headers = TEXT("[]"),
                .recorded_at = noon_plus(1),
                .state = DEAD_LETTER_PENDING,
        };
}

static UNUSED bool letter_is_new(const DeadLetterRow *row)
{
        bool is_new;
        assert_int_equal(store_dead_letter_add(store, row, &is_new), 0);
        return is_new;
}

static UNUSED void assert_same_steps(const Case *a, const Case *b)
{
        assert_int_equal(a->step_count, b->step_count);
        for (size_t i = 0; i < a->step_count; i++) {
                assert_int_equal(a->steps[i].rung, b->steps[i].rung);
                assert_int_equal(a->steps[i].occurrence, b->steps[i].occurrence);
                assert_int_equal(a->steps[i].why, b->steps[i].why);
                assert_int_equal(a->steps[i].message, b->steps[i].message);
                assert_same_text(a->steps[i].recipient, b->steps[i].recipient);
                assert_same_time(a->steps[i].due_at, b->steps[i].due_at);
                assert_same_time(a->steps[i].again_at, b->steps[i].again_at);
        }
}

static UNUSED void assert_same_case(const Case *a, const Case *b)
{
        assert_int_equal(a->number, b->number);
        assert_memory_equal(a->id.bytes, b->id.bytes, sizeof(a->id.bytes));
        assert_int_equal(a->state, b->state);
        assert_int_equal(a->mode, b->mode);
        assert_int_equal(a->severity, b->severity);
        assert_int_equal(a->epoch, b->epoch);
        assert_int_equal(a->sequence, b->sequence);
        assert_same_text(a->source, b->source);
        assert_same_text(a->customer, b->customer);
        assert_same_text(a->territory, b->territory);
        assert_same_text(a->rule, b->rule);
        assert_same_text(a->policy_name, b->policy_name);
        assert_int_equal(a->policy_version, b->policy_version);
        assert_same_text(a->owner, b->owner);
        assert_int_equal(a->owner_is_group, b->owner_is_group);
        assert_same_time(a->submitted_at, b->submitted_at);
        assert_same_time(a->opened_at, b->opened_at);
        assert_same_time(a->window_ends_at, b->window_ends_at);
        assert_same_time(a->told_at, b->told_at);
        assert_same_time(a->paused_until, b->paused_until);
        assert_int_equal(a->attempts, b->attempts);
        assert_same_time(a->last_attempt_at, b->last_attempt_at);
        assert_same_text(a->last_attempt_result, b->last_attempt_result);
        assert_same_text(a->last_attempt_channel, b->last_attempt_channel);
        assert_int_equal(a->level, b->level);
        assert_int_equal(a->responses, b->responses);
        assert_same_time(a->first_contact_at, b->first_contact_at);
        assert_same_time(a->contacted_at, b->contacted_at);
        assert_same_time(a->closed_at, b->closed_at);
        assert_same_text(a->outcome, b->outcome);
        assert_same_text(a->cause, b->cause);
        assert_int_equal(a->is_held, b->is_held);
        assert_same_time(a->due_at, b->due_at);
        assert_same_steps(a, b);
}

#define IN_MEMORY(test) cmocka_unit_test_setup_teardown(test, make_memory, take_memory)
#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, make_folder, take_folder)
