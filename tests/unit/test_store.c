#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../daemon/store/sqlite.h"

/* ---- a store for each test -------------------------------------------------------------------------------------- */

static Arena *arena;
static Store *store;
static char folder[64];
static char path[96];

static const WallTime NOON = { INT64_C(1795521600123456) }; /* 2026-11-24T12:00:00.123456Z */

static WallTime noon_plus(int64_t seconds)
{
        return (WallTime){ NOON.us + seconds * 1000000 };
}

static int open_at(const char *where)
{
        Text message = TEXT_NONE;
        int r = store_open(where, arena, &store, &message);
        if (r < 0)
                print_message(TEXT_F "\n", TEXT_ARG(message));
        return r;
}

static int make_folder(void **state UNUSED)
{
        arena = arena_new(1 << 16);
        (void)snprintf(folder, sizeof(folder), "/tmp/test_store.XXXXXX");
        if (!mkdtemp(folder))
                return -1;
        (void)snprintf(path, sizeof(path), "%s/store.db", folder);
        return 0;
}

static int take_folder(void **state UNUSED)
{
        static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
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

static void begin(void)
{
        assert_int_equal(store_begin(store), 0);
}

static void commit(void)
{
        assert_int_equal(store_commit(store), 0);
}

static int make_memory(void **state UNUSED)
{
        arena = arena_new(1 << 16);
        if (open_at(":memory:") < 0)
                return -1;
        begin();
        assert_int_equal(store_policy_keep(store, &ONE_DAY, NOON), 0);
        commit();
        return 0;
}

static int take_memory(void **state UNUSED)
{
        store = store_free(store);
        arena = arena_free(arena);
        return 0;
}

static void assert_same_text(Text actual, Text expected)
{
        assert_int_equal(actual.data == NULL, expected.data == NULL);
        if (!text_equal(actual, expected))
                fail_msg("\"" TEXT_F "\" is not \"" TEXT_F "\"", TEXT_ARG(actual), TEXT_ARG(expected));
}

static void assert_same_time(WallTime actual, WallTime expected)
{
        assert_int_equal(actual.us, expected.us);
}

/* ---- samples ---------------------------------------------------------------------------------------------------- */

static Case sample_case(int64_t number)
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

static ResponseRow sample_response(int64_t number)
{
        return (ResponseRow){
                .row = number,
                .case_number = number,
                .source = TEXT("relationship"),
                .id = arena_textf(arena, "r-%lld", (long long)number),
                .place = { TEXT("survey-responses"), 0, number, NOON },
                .submitted_at = NOON,
                .recorded_at = NOON,
                .fields = TEXT("{\"nps\":2}"),
                .trail = TEXT("{}"),
        };
}

static DeliveryRow sample_delivery(int64_t number, int64_t case_number)
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

static void delivery_end(DeliveryRow *row, DeliveryState state, WallTime at)
{
        row->state = state;
        row->next_at = WALL_NONE;
        row->first_tried_at = row->ended_at = at;
        row->attempts = 1;
        assert_int_equal(store_delivery_save(store, row), 0);
}

static StoreCounts counts_at(WallTime now)
{
        StoreCounts counts;
        assert_int_equal(store_counts(store, now, &counts), 0);
        return counts;
}

static int64_t query(const char *sql)
{
        sqlite3_stmt *s;
        assert_int_equal(sqlite3_prepare_v2(store->db, sql, -1, &s, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        int64_t value = sqlite3_column_int64(s, 0);
        (void)sqlite3_finalize(s);
        return value;
}

/* ---- offsets ---------------------------------------------------------------------------------------------------- */

typedef struct Seen {
        OffsetRow rows[4];
        size_t count;
} Seen;

static int see_offset(void *userdata, const OffsetRow *row)
{
        Seen *seen = userdata;
        seen->rows[seen->count] = *row;
        seen->rows[seen->count++].topic = arena_text(arena, row->topic);
        return 0;
}

static const OffsetRow START = { .topic = { "survey-responses", 16 },
                                 .partition = 1,
                                 .next_offset = 40,
                                 .generation = 2,
                                 .anchor_offset = -1,
                                 .anchor_time = { INT64_MIN } };

static void an_offset_moves_only_from_where_it_is(void **state UNUSED)
{
        OffsetRow to = START;
        to.next_offset = 42;
        begin();
        assert_int_equal(store_offset_add(store, &START), 0);
        assert_int_equal(store_offset_move(store, &to, 40), 0);
        assert_int_equal(store_offset_move(store, &to, 40), -ESTALE);
        assert_non_null(strstr(store_error(store), "survey-responses"));
        to.generation = 3;
        assert_int_equal(store_offset_move(store, &to, 42), -ESTALE);
        store_rollback(store);
}

static void an_offset_is_added_once(void **state UNUSED)
{
        begin();
        assert_int_equal(store_offset_add(store, &START), 0);
        assert_int_equal(store_offset_add(store, &START), -EEXIST);
        commit();
}

static void an_offset_comes_back_with_its_anchor(void **state UNUSED)
{
        OffsetRow to = START;
        to.next_offset = 43;
        to.anchor_offset = 42;
        to.anchor_time = NOON;
        to.anchor_hash = UINT64_C(0xfedcba9876543210);
        Seen seen = { 0 };
        begin();
        assert_int_equal(store_offset_add(store, &START), 0);
        assert_int_equal(store_offset_move(store, &to, 40), 0);
        commit();
        assert_int_equal(store_offsets(store, see_offset, &seen), 0);
        assert_int_equal(seen.count, 1);
        assert_same_text(seen.rows[0].topic, START.topic);
        assert_int_equal(seen.rows[0].partition, 1);
        assert_int_equal(seen.rows[0].next_offset, 43);
        assert_int_equal(seen.rows[0].generation, 2);
        assert_int_equal(seen.rows[0].anchor_offset, 42);
        assert_same_time(seen.rows[0].anchor_time, NOON);
        assert_true(seen.rows[0].anchor_hash == UINT64_C(0xfedcba9876543210));
}

/* ---- responses -------------------------------------------------------------------------------------------------- */

static bool response_is_new(const ResponseRow *row)
{
        bool is_new;
        assert_int_equal(store_response_add(store, row, &is_new), 0);
        return is_new;
}

static void a_response_is_stored_once_by_id_and_once_by_place(void **state UNUSED)
{
        ResponseRow first = sample_response(1), same_id = sample_response(2), same_place = sample_response(3);
        same_id.id = first.id;
        same_place.place = first.place;
        begin();
        assert_true(response_is_new(&first));
        assert_false(response_is_new(&same_id));
        assert_false(response_is_new(&same_place));
        same_id.source = TEXT("touchpoint"); /* ids are unique within their source only */
        assert_true(response_is_new(&same_id));
        commit();
        assert_int_equal(query("SELECT count(*) FROM response"), 2);
}

static void a_response_comes_back_as_it_was(void **state UNUSED)
{
        ResponseRow row = sample_response(7), back;
        row.submitted_note = SUBMITTED_IN_FUTURE;
        row.traceparent = TEXT("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        begin();
        assert_true(response_is_new(&row));
        assert_int_equal(store_response_load(store, 7, arena, &back), 0);
        assert_int_equal(back.row, 7);
        assert_int_equal(back.case_number, 7);
        assert_same_text(back.source, row.source);
        assert_same_text(back.id, row.id);
        assert_same_text(back.place.topic, row.place.topic);
        assert_int_equal(back.place.partition, 0);
        assert_int_equal(back.place.offset, 7);
        assert_same_time(back.place.record_time, NOON);
        assert_same_time(back.submitted_at, NOON);
        assert_same_time(back.recorded_at, NOON);
        assert_int_equal(back.submitted_note, SUBMITTED_IN_FUTURE);
        assert_same_text(back.fields, row.fields);
        assert_same_text(back.trail, row.trail);
        assert_same_text(back.traceparent, row.traceparent);
        assert_int_equal(store_response_load(store, 8, arena, &back), -ENOENT);
        commit();
}

static int count_response(void *userdata, const ResponseRow *row)
{
        int64_t *rows = userdata;
        rows[0]++;
        rows[rows[0]] = row->row;
        return 0;
}

static void responses_of_a_case_come_newest_first(void **state UNUSED)
{
        int64_t seen[4] = { 0 };
        ResponseRow newest;
        begin();
        for (int64_t i = 1; i <= 3; i++) {
                ResponseRow row = sample_response(i);
                row.case_number = i == 2 ? 9 : 5;
                assert_true(response_is_new(&row));
        }
        assert_int_equal(store_response_of_case(store, 5, arena, &newest), 0);
        assert_int_equal(newest.row, 3);
        assert_int_equal(store_response_of_case(store, 6, arena, &newest), -ENOENT);
        assert_int_equal(store_responses_of_case(store, 5, arena, count_response, seen), 0);
        assert_int_equal(seen[0], 2);
        assert_int_equal(seen[1], 3);
        assert_int_equal(seen[2], 1);
        commit();
}

/* ---- cases ------------------------------------------------------------------------------------------------------ */

static void assert_same_steps(const Case *a, const Case *b)
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

static void assert_same_case(const Case *a, const Case *b)
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

static const Step STEPS[] = {
        { 1, 0, RECIPIENT_OWNER, MESSAGE_REMINDER, { "ana", 3 }, { INT64_C(1795535000000000) }, { INT64_MIN } },
        { 2,
          7,
          RECIPIENT_CHANNEL,
          MESSAGE_HELP_NEEDED,
          { "channel:room \"7\"", 16 },
          { INT64_C(1795539000000000) },
          { INT64_C(1795549000000000) } },
};

/* Everything another value than that of sample_case(). */
static Case full_case(int64_t number)
{
        Case c = sample_case(number);
        c.state = CASE_CLOSED;
        c.mode = MODE_TOO_OLD;
        c.severity = SEVERITY_CRITICAL;
        c.epoch = 2;
        c.sequence = 2;
        c.owner = TEXT("support");
        c.owner_is_group = true;
        c.submitted_at = noon_plus(1);
        c.window_ends_at = noon_plus(3);
        c.told_at = noon_plus(4);
        c.paused_until = noon_plus(5);
        c.attempts = 6;
        c.last_attempt_at = noon_plus(7);
        c.last_attempt_result = TEXT("voicemail");
        c.last_attempt_channel = TEXT("phone");
        c.level = 8;
        c.responses = 9;
        c.first_contact_at = noon_plus(10);
        c.contacted_at = noon_plus(11);
        c.closed_at = noon_plus(12);
        c.outcome = TEXT("recovered");
        c.cause = TEXT("lat\xc3\xa9 'part'");
        c.steps = STEPS;
        c.step_count = COUNT_OF(STEPS);
        c.is_held = true;
        c.due_at = noon_plus(13);
        return c;
}

static Case load(int64_t number)
{
        Case c;
        assert_int_equal(store_case_load(store, number, arena, &c), 0);
        return c;
}

static void add(const Case *c)
{
        assert_int_equal(store_case_add(store, c), 0);
}

static void a_case_comes_back_with_every_field(void **state UNUSED)
{
        Case c = full_case(12), back;
        begin();
        add(&c);
        back = load(12);
        assert_same_case(&back, &c);
        c = sample_case(13);
        c.source = c.customer = c.territory = TEXT_NONE; /* absent stays absent, and is not empty */
        c.rule = TEXT("");
        add(&c);
        back = load(13);
        assert_same_case(&back, &c);
        assert_int_equal(store_case_load(store, 14, arena, &back), -ENOENT);
        commit();
}

static void saving_a_case_writes_everything_that_may_change(void **state UNUSED)
{
        Case c = sample_case(12), changed = full_case(12), back;
        begin();
        add(&c);
        assert_int_equal(store_case_save(store, &changed), 0);
        back = load(12);
        assert_same_case(&back, &changed);
        commit();
}

static void a_case_that_somebody_else_changed_is_not_overwritten(void **state UNUSED)
{
        Case c = sample_case(1), back;
        begin();
        add(&c);
        assert_int_equal(store_case_save(store, &c), -ESTALE);
        c.sequence = 3;
        assert_int_equal(store_case_save(store, &c), -ESTALE);
        c.number = 2;
        c.sequence = 2;
        assert_int_equal(store_case_save(store, &c), -ESTALE);
        back = load(1);
        assert_int_equal(back.sequence, 1);
        assert_int_equal(counts_at(NOON).cases[CASE_OPEN], 1);
        store_rollback(store);
}

static void neither_a_case_number_nor_a_case_id_is_used_twice(void **state UNUSED)
{
        Case c = sample_case(1), same_id = sample_case(2);
        same_id.id = c.id;
        begin();
        add(&c);
        assert_int_equal(store_case_add(store, &same_id), -EEXIST);
        assert_int_equal(store_case_add(store, &c), -EEXIST);
        store_rollback(store);
}

static void a_case_needs_a_policy_that_is_kept(void **state UNUSED)
{
        Case c = sample_case(1);
        c.policy_version = 4;
        begin();
        assert_int_equal(store_case_add(store, &c), -ENOENT);
        store_rollback(store);
}

static void the_newest_case_of_a_customer_is_found_in_its_source_only(void **state UNUSED)
{
        Case found;
        begin();
        for (int64_t i = 1; i <= 4; i++) {
                Case c = sample_case(i);
                c.customer = i == 4 ? TEXT_NONE : TEXT("c-9");
                c.source = i == 3 ? TEXT("touchpoint") : TEXT("relationship");
                c.state = i == 2 ? CASE_CLOSED : CASE_OPEN; /* closed ones count: they open again */
                add(&c);
        }
        assert_int_equal(store_case_of_customer(store, TEXT("relationship"), TEXT("c-9"), arena, &found), 0);
        assert_int_equal(found.number, 2);
        assert_int_equal(store_case_of_customer(store, TEXT("touchpoint"), TEXT("c-9"), arena, &found), 0);
        assert_int_equal(found.number, 3);
        assert_int_equal(store_case_of_customer(store, TEXT("relationship"), TEXT("c-8"), arena, &found), -ENOENT);
        assert_int_equal(store_case_of_customer(store, TEXT("never seen"), TEXT("c-9"), arena, &found), -ENOENT);
        commit();
}

static void due_cases_come_longest_overdue_first(void **state UNUSED)
{
        static const int64_t due[] = { 30, 10, 20, 40 };
        int64_t numbers[8];
        size_t count;
        WallTime next;
        assert_int_equal(store_next_due(store, &next), 0);
        assert_same_time(next, WALL_NEVER);
        begin();
        for (int64_t i = 0; i < 5; i++) {
                Case c = sample_case(i + 1);
                c.due_at = i < 4 ? noon_plus(due[i]) : WALL_NONE;
                add(&c);
        }
        assert_int_equal(store_cases_due(store, noon_plus(30), numbers, 8, &count), 0);
        assert_int_equal(count, 3);
        assert_int_equal(numbers[0], 2);
        assert_int_equal(numbers[1], 3);
        assert_int_equal(numbers[2], 1);
        assert_int_equal(store_cases_due(store, noon_plus(30), numbers, 2, &count), 0);
        assert_int_equal(count, 2);
        commit();
        assert_int_equal(store_next_due(store, &next), 0);
        assert_same_time(next, noon_plus(10));
}

typedef struct Numbers {
        int64_t numbers[16];
        size_t count, stop_after;
} Numbers;

static int note(Numbers *n, int64_t number)
{
        n->numbers[n->count++] = number;
        return n->count == n->stop_after ? 1 : 0;
}

static int see_case(void *userdata, const Case *c)
{
        return note(userdata, c->number);
}

static void assert_listed(CaseFilter filter, const char *expected)
{
        Numbers n = { 0 };
        Text listed = TEXT("");
        assert_int_equal(store_cases(store, &filter, arena, see_case, &n), 0);
        for (size_t i = 0; i < n.count; i++)
                listed = arena_textf(arena, TEXT_F " %lld", TEXT_ARG(listed), (long long)n.numbers[i]);
        assert_same_text(listed, text_from(expected));
}

/* 1 open and overdue, 2 contacted, 3 closed, 4 open, 5 shadow and past its window. */
static void add_five_cases(void)
{
        static const CaseState states[] = { CASE_OPEN, CASE_CONTACTED, CASE_CLOSED, CASE_OPEN, CASE_OPEN };
        begin();
        for (int64_t i = 1; i <= 5; i++) {
                Case c = sample_case(i);
                c.state = states[i - 1];
                c.owner = i % 2 ? TEXT("ana") : TEXT("ben");
                c.territory = i < 3 ? TEXT("BR-S") : TEXT("BR-N");
                c.mode = i == 5 ? MODE_SHADOW : MODE_LIVE;
                c.customer = i < 4 ? TEXT("c-9") : TEXT_NONE;
                c.window_ends_at = i == 4 ? noon_plus(100) : noon_plus(-100);
                add(&c);
        }
        commit();
}

static void lists_of_cases_are_filtered_and_newest_first(void **state UNUSED)
{
        add_five_cases();
        assert_listed((CaseFilter){ 0 }, " 5 4 3 2 1");
        assert_listed((CaseFilter){ .limit = 2 }, " 5 4");
        assert_listed((CaseFilter){ .only_open = true }, " 5 4 2 1");
        assert_listed((CaseFilter){ .only_open = true, .limit = 3 }, " 5 4 2");
        assert_listed((CaseFilter){ .only_overdue = true, .now = NOON }, " 5 1");
        assert_listed((CaseFilter){ .only_overdue = true, .now = noon_plus(101), .limit = 2 }, " 5 4");
        assert_listed((CaseFilter){ .owner = TEXT("ben") }, " 4 2");
        assert_listed((CaseFilter){ .owner = TEXT("ben"), .limit = 1 }, " 4");
        assert_listed((CaseFilter){ .owner = TEXT("ana"), .only_open = true }, " 5 1");
        assert_listed((CaseFilter){ .territory = TEXT("BR-S"), .only_overdue = true, .now = NOON }, " 1");
        assert_listed((CaseFilter){ .customer = TEXT("c-9") }, " 3 2 1");
        assert_listed((CaseFilter){ .customer = TEXT("c-9"), .only_open = true }, " 2 1");
        assert_listed((CaseFilter){ .customer = TEXT("c-9"), .only_overdue = true, .now = NOON }, " 1");
        assert_listed((CaseFilter){ .customer = TEXT("c-9"), .owner = TEXT("ana") }, " 3 1");
        assert_listed((CaseFilter){ .owner = TEXT("nobody") }, "");
}

static void a_visitor_stops_the_list_and_may_use_the_store(void **state UNUSED)
{
        Numbers n = { .stop_after = 2 };
        add_five_cases();
        assert_int_equal(store_cases(store, &(CaseFilter){ 0 }, arena, see_case, &n), 0);
        assert_int_equal(n.count, 2);
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

static CaseEvent sample_event(void)
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

typedef struct Events {
        int32_t sequences[4];
        CaseEvent events[4];
        size_t count;
} Events;

static int see_event(void *userdata, int32_t sequence, const CaseEvent *event)
{
        Events *seen = userdata;
        seen->sequences[seen->count] = sequence;
        seen->events[seen->count++] = *event;
        return 0;
}

static void events_come_back_in_order_as_they_were(void **state UNUSED)
{
        CaseEvent event = sample_event();
        Events seen = { 0 };
        begin();
        assert_int_equal(store_event_add(store, 4, 2, &event), 0);
        event.key = TEXT_NONE;
        assert_int_equal(store_event_add(store, 4, 1, &event), 0);
        assert_int_equal(store_event_add(store, 5, 1, &event), 0);
        assert_int_equal(store_events(store, 4, arena, see_event, &seen), 0);
        commit();
        assert_int_equal(seen.count, 2);
        assert_int_equal(seen.sequences[0], 1);
        assert_int_equal(seen.sequences[1], 2);
        assert_int_equal(seen.events[1].kind, EVENT_CONTACT);
        assert_same_time(seen.events[1].at, NOON);
        assert_same_time(seen.events[1].happened_at, noon_plus(-60));
        assert_same_text(seen.events[1].by, TEXT("ana"));
        assert_same_text(seen.events[0].key, TEXT_NONE);
        assert_same_text(seen.events[1].key, TEXT("key-1"));
        assert_same_text(seen.events[1].note, event.note);
}

static void the_same_key_twice_is_one_act_of_one_case(void **state UNUSED)
{
        CaseEvent event = sample_event();
        bool has_key;
        begin();
        assert_int_equal(store_event_add(store, 4, 1, &event), 0);
        assert_int_equal(store_event_has_key(store, 4, event.key, &has_key), 0);
        assert_true(has_key);
        assert_int_equal(store_event_has_key(store, 5, event.key, &has_key), 0);
        assert_false(has_key);
        assert_int_equal(store_event_has_key(store, 4, TEXT("key-2"), &has_key), 0);
        assert_false(has_key);
        assert_int_equal(store_event_add(store, 5, 1, &event), 0);
        assert_int_equal(store_event_add(store, 4, 2, &event), -EEXIST);
        store_rollback(store);
}

static void an_event_has_its_sequence_alone(void **state UNUSED)
{
        CaseEvent event = sample_event();
        begin();
        assert_int_equal(store_event_add(store, 4, 1, &event), 0);
        event.key = TEXT_NONE;
        assert_int_equal(store_event_add(store, 4, 1, &event), -EEXIST);
        store_rollback(store);
}

/* ---- deliveries ------------------------------------------------------------------------------------------------- */

static void deliver(const DeliveryRow *row)
{
        assert_int_equal(store_delivery_add(store, row), 0);
}

static DeliveryRow delivery(int64_t number)
{
        DeliveryRow row;
        assert_int_equal(store_delivery_load(store, number, arena, &row), 0);
        return row;
}

static void assert_same_delivery(const DeliveryRow *a, const DeliveryRow *b)
{
        assert_int_equal(a->row, b->row);
        assert_int_equal(a->case_number, b->case_number);
        assert_int_equal(a->epoch, b->epoch);
        assert_int_equal(a->rung, b->rung);
        assert_int_equal(a->occurrence, b->occurrence);
        assert_int_equal(a->sequence, b->sequence);
        assert_same_text(a->recipient, b->recipient);
        assert_same_text(a->channel, b->channel);
        assert_int_equal(a->why, b->why);
        assert_int_equal(a->message, b->message);
        assert_int_equal(a->state, b->state);
        assert_same_time(a->due_at, b->due_at);
        assert_same_time(a->next_at, b->next_at);
        assert_same_time(a->first_tried_at, b->first_tried_at);
        assert_same_time(a->ended_at, b->ended_at);
        assert_int_equal(a->attempts, b->attempts);
        assert_int_equal(a->code, b->code);
        assert_same_text(a->detail, b->detail);
        assert_int_equal(a->late.us, b->late.us);
        assert_int_equal(a->fell_over, b->fell_over);
        assert_same_text(a->note, b->note);
}

static void a_delivery_comes_back_with_every_field(void **state UNUSED)
{
        DeliveryRow row = sample_delivery(3, 12), back;
        row.rung = -4;
        row.occurrence = 5;
        row.sequence = 4;
        row.why = RECIPIENT_CATCH_ALL;
        row.message = MESSAGE_WAITING_LIST;
        row.due_at = noon_plus(1);
        row.late = SPAN_HOUR;
        row.note = TEXT("[1,2]");
        begin();
        deliver(&row);
        back = delivery(3);
        assert_same_delivery(&back, &row);

        row.next_at = noon_plus(60);
        row.first_tried_at = noon_plus(2);
        row.attempts = 1;
        row.code = 503;
        row.detail = TEXT("the receiver is busy");
        row.fell_over = true;
        assert_int_equal(store_delivery_save(store, &row), 0);
        back = delivery(3);
        assert_same_delivery(&back, &row);
        commit();
        assert_int_equal(store_delivery_load(store, 4, arena, &back), -ENOENT);
}

/* Promise S4. */
static void a_delivery_is_decided_once(void **state UNUSED)
{
        DeliveryRow first = sample_delivery(1, 12), other = sample_delivery(2, 12);
        begin();
        deliver(&first);
        assert_int_equal(store_delivery_add(store, &other), -EEXIST);
        other.channel = TEXT("email-ana");
        deliver(&other); /* the transaction goes on; each part of the key counts */
        for (int64_t i = 3; i <= 7; i++) {
                other = sample_delivery(i, i == 3 ? 13 : 12);
                other.epoch = i == 4 ? 2 : 1;
                other.rung = i == 5 ? -1 : 0;
                other.occurrence = i == 6;
                other.recipient = i == 7 ? TEXT("ben") : TEXT("ana");
                deliver(&other);
        }
        commit();
        assert_int_equal(counts_at(NOON).deliveries_pending, 7);
}

static void an_accepted_delivery_stays_accepted(void **state UNUSED)
{
        DeliveryRow row = sample_delivery(1, 12), back;
        begin();
        deliver(&row);
        delivery_end(&row, DELIVERY_ACCEPTED, noon_plus(1));
        row.state = DELIVERY_PENDING;
        row.next_at = noon_plus(2);
        assert_int_equal(store_delivery_save(store, &row), 0);
        back = delivery(1);
        assert_int_equal(back.state, DELIVERY_ACCEPTED);
        commit();
        assert_int_equal(counts_at(NOON).deliveries_pending, 0);
}

static void a_failed_delivery_can_be_tried_again_and_a_dropped_one_turn_out_accepted(void **state UNUSED)
{
        DeliveryRow failed = sample_delivery(1, 12), dropped = sample_delivery(2, 13), gone = sample_delivery(3, 14);
        begin();
        deliver(&failed);
        deliver(&dropped);
        delivery_end(&failed, DELIVERY_FAILED, noon_plus(1));
        assert_int_equal(store_deliveries_drop(store, 13, noon_plus(1), NULL, NULL), 0);
        assert_int_equal(counts_at(NOON).deliveries_failed, 1);
        assert_int_equal(counts_at(NOON).deliveries_pending, 0);
        failed.state = DELIVERY_PENDING;
        failed.next_at = noon_plus(2);
        assert_int_equal(store_delivery_save(store, &failed), 0);
        delivery_end(&dropped, DELIVERY_ACCEPTED, noon_plus(3));
        assert_int_equal(delivery(2).state, DELIVERY_ACCEPTED);
        assert_int_equal(counts_at(NOON).deliveries_failed, 0);
        assert_int_equal(counts_at(NOON).deliveries_pending, 1);
        assert_int_equal(store_delivery_save(store, &gone), -ENOENT);
        commit();
}

static bool is_even(void *userdata UNUSED, int64_t row)
{
        return row % 2 == 0;
}

static void dropping_spares_what_is_with_a_transport_and_what_has_ended(void **state UNUSED)
{
        enum {
                COUNT = 150
        };
        begin();
        for (int64_t i = 1; i <= COUNT; i++) {
                DeliveryRow row = sample_delivery(i, i == COUNT ? 13 : 12);
                row.occurrence = (int32_t)i;
                deliver(&row);
                if (i == 1)
                        delivery_end(&row, DELIVERY_ACCEPTED, NOON);
        }
        assert_int_equal(store_deliveries_drop(store, 12, noon_plus(5), is_even, NULL), 0);
        assert_int_equal(delivery(1).state, DELIVERY_ACCEPTED);
        assert_int_equal(delivery(2).state, DELIVERY_PENDING);
        assert_int_equal(delivery(3).state, DELIVERY_DROPPED);
        assert_same_time(delivery(3).ended_at, noon_plus(5));
        assert_same_time(delivery(3).next_at, WALL_NONE);
        assert_int_equal(delivery(149).state, DELIVERY_DROPPED);
        assert_int_equal(delivery(150).state, DELIVERY_PENDING); /* another case's */
        commit();
        assert_int_equal(counts_at(NOON).deliveries_pending, 75);
}

static void an_acceptance_drops_the_same_message_on_other_channels(void **state UNUSED)
{
        DeliveryRow rows[4];
        begin();
        for (int64_t i = 0; i < 4; i++) {
                rows[i] = sample_delivery(i + 1, 12);
                rows[i].channel = i == 0 ? TEXT("slack-ana") : TEXT("email-ana");
                rows[i].rung = i == 2 ? 1 : 0;
                rows[i].recipient = i == 3 ? TEXT("ben") : TEXT("ana");
                deliver(&rows[i]);
        }
        delivery_end(&rows[0], DELIVERY_ACCEPTED, NOON);
        assert_int_equal(store_delivery_drop_others(store, &rows[0], noon_plus(1)), 0);
        assert_int_equal(delivery(1).state, DELIVERY_ACCEPTED);
        assert_int_equal(delivery(2).state, DELIVERY_DROPPED);
        assert_int_equal(delivery(3).state, DELIVERY_PENDING);
        assert_int_equal(delivery(4).state, DELIVERY_PENDING);
        commit();
        assert_int_equal(counts_at(NOON).deliveries_pending, 2);
}

static void assert_alert(AlertState expected, WallTime expected_at)
{
        AlertState alert;
        WallTime told_at;
        assert_int_equal(store_alert_state(store, 12, 1, &alert, &told_at), 0);
        assert_int_equal(alert, expected);
        assert_same_time(told_at, expected_at);
}

static void other_messages_say_nothing_about_the_alert(void **state UNUSED)
{
        begin();
        for (int64_t i = 1; i <= 4; i++) {
                DeliveryRow row = sample_delivery(i, i == 1 ? 13 : 12);
                row.epoch = i == 2 ? 2 : 1;
                row.message = i == 3 ? MESSAGE_REMINDER : MESSAGE_ALERT;
                row.why = i == 4 ? RECIPIENT_CHANNEL : RECIPIENT_OWNER;
                row.rung = (int32_t)i;
                deliver(&row);
                delivery_end(&row, DELIVERY_ACCEPTED, NOON);
        }
        assert_alert(ALERT_NONE, WALL_NONE);
        commit();
}

static void a_group_is_told_when_one_member_is_and_given_up_when_nobody_can_be(void **state UNUSED)
{
        static const Text members[] = { { "ana", 3 }, { "ben", 3 }, { "cy", 2 } };
        DeliveryRow rows[3];
        begin();
        assert_alert(ALERT_NONE, WALL_NONE);
        for (int64_t i = 0; i < 3; i++) {
                rows[i] = sample_delivery(i + 1, 12);
                rows[i].recipient = members[i];
                deliver(&rows[i]);
        }
        assert_alert(ALERT_PENDING, WALL_NONE);
        delivery_end(&rows[0], DELIVERY_FAILED, noon_plus(1));
        assert_alert(ALERT_PENDING, WALL_NONE);
        delivery_end(&rows[1], DELIVERY_DROPPED, noon_plus(2));
        assert_alert(ALERT_PENDING, WALL_NONE);
        rows[2].fell_over = true; /* outlasted its patience, still being tried */
        assert_int_equal(store_delivery_save(store, &rows[2]), 0);
        assert_alert(ALERT_GIVEN_UP, WALL_NONE);
        delivery_end(&rows[2], DELIVERY_FAILED, noon_plus(3));
        assert_alert(ALERT_GIVEN_UP, WALL_NONE);
        delivery_end(&rows[1], DELIVERY_ACCEPTED, noon_plus(9));
        assert_alert(ALERT_ACCEPTED, noon_plus(9));
        delivery_end(&rows[0], DELIVERY_ACCEPTED, noon_plus(5));
        assert_alert(ALERT_ACCEPTED, noon_plus(5));
        commit();
}

static void an_alert_that_was_only_dropped_was_never_given(void **state UNUSED)
{
        DeliveryRow row = sample_delivery(1, 12);
        begin();
        deliver(&row);
        assert_int_equal(store_deliveries_drop(store, 12, NOON, NULL, NULL), 0);
        assert_alert(ALERT_NONE, WALL_NONE);
        commit();
}

typedef struct Due {
        size_t count, stop_after;
        int64_t last_number;
        WallTime last_at;
        bool is_ordered, is_served;
} Due;

/* In order, each once, though the visitor changes what it sees. */
static int see_due(void *userdata, const DeliveryRow *row)
{
        Due *due = userdata;
        bool is_after = due->last_at.us < row->next_at.us ||
                        (due->last_at.us == row->next_at.us && due->last_number < row->row);
        due->is_ordered &= is_after;
        due->last_at = row->next_at;
        due->last_number = row->row;
        due->count++;
        if (due->is_served) {
                DeliveryRow copy = *row;
                delivery_end(&copy, DELIVERY_ACCEPTED, NOON);
        }
        return due->count == due->stop_after ? 1 : 0;
}

static void due_deliveries_come_in_order_each_once(void **state UNUSED)
{
        enum {
                COUNT = 1000
        };
        begin();
        for (int64_t i = 1; i <= COUNT; i++) {
                DeliveryRow row = sample_delivery(i, i);
                row.next_at = noon_plus(i * 7919 % 5); /* many at the same time, more than are read at once */
                deliver(&row);
        }
        Due all = { .is_ordered = true, .last_at = WALL_NONE };
        assert_int_equal(store_deliveries_due(store, noon_plus(3), arena, see_due, &all), 0);
        assert_int_equal(all.count, COUNT / 5 * 4);
        assert_true(all.is_ordered);
        Due some = { .is_ordered = true, .last_at = WALL_NONE, .stop_after = 300, .is_served = true };
        assert_int_equal(store_deliveries_due(store, noon_plus(3), arena, see_due, &some), 0);
        assert_int_equal(some.count, 300);
        assert_true(some.is_ordered);
        Due rest = { .is_ordered = true, .last_at = WALL_NONE, .is_served = true };
        assert_int_equal(store_deliveries_due(store, noon_plus(3), arena, see_due, &rest), 0);
        assert_int_equal(rest.count, COUNT / 5 * 4 - 300);
        commit();
        assert_int_equal(counts_at(NOON).deliveries_pending, COUNT / 5);
        assert_same_time(counts_at(NOON).oldest_pending, noon_plus(4));
}

static void the_next_delivery_is_the_earliest_after_now(void **state UNUSED)
{
        WallTime next;
        DeliveryRow row = sample_delivery(1, 12);
        begin();
        assert_int_equal(store_delivery_next(store, NOON, &next), 0);
        assert_same_time(next, WALL_NEVER);
        deliver(&row);
        row = sample_delivery(2, 13);
        row.next_at = noon_plus(8);
        deliver(&row);
        assert_int_equal(store_delivery_next(store, NOON, &next), 0);
        assert_same_time(next, noon_plus(8));
        assert_int_equal(store_delivery_next(store, noon_plus(8), &next), 0);
        assert_same_time(next, WALL_NEVER);
        commit();
}

static int see_delivery(void *userdata, const DeliveryRow *row)
{
        return note(userdata, row->row);
}

static void assert_deliveries(DeliveryFilter filter, size_t count, int64_t first)
{
        Numbers n = { 0 };
        assert_int_equal(store_deliveries(store, &filter, arena, see_delivery, &n), 0);
        assert_int_equal(n.count, count);
        if (count > 0)
                assert_int_equal(n.numbers[0], first);
}

static void lists_of_deliveries_are_filtered_and_newest_first(void **state UNUSED)
{
        begin();
        for (int64_t i = 1; i <= 6; i++) {
                DeliveryRow row = sample_delivery(i, i < 4 ? 12 : 0);
                row.occurrence = (int32_t)i;
                deliver(&row);
                if (i % 2 == 0)
                        delivery_end(&row, DELIVERY_FAILED, NOON);
        }
        commit();
        assert_deliveries((DeliveryFilter){ 0 }, 6, 6);
        assert_deliveries((DeliveryFilter){ .limit = 4 }, 4, 6);
        assert_deliveries((DeliveryFilter){ .only_failed = true }, 3, 6);
        assert_deliveries((DeliveryFilter){ .case_number = 12 }, 3, 3);
        assert_deliveries((DeliveryFilter){ .case_number = 12, .only_failed = true }, 1, 2);
        assert_deliveries((DeliveryFilter){ .case_number = 14 }, 0, 0);
}

/* ---- channels, policies, dead letters, meta --------------------------------------------------------------------- */

static int see_channel(void *userdata, Text channel, Text recipient, WallTime since, Text reason)
{
        int *count = userdata;
        if ((*count)++ == 0) {
                assert_same_text(channel, TEXT("slack"));
                assert_same_text(recipient, TEXT("ana"));
                assert_same_time(since, NOON);
                assert_same_text(reason, TEXT("HTTP 410"));
        }
        return 0;
}

static int disabled_channels(void)
{
        int count = 0;
        assert_int_equal(store_channels_disabled(store, arena, see_channel, &count), 0);
        return count;
}

static void a_channel_is_disabled_for_one_recipient_until_it_is_enabled(void **state UNUSED)
{
        begin();
        assert_int_equal(store_channel_disable(store, TEXT("slack"), TEXT("ana"), NOON, TEXT("HTTP 410")), 0);
        assert_int_equal(store_channel_disable(store, TEXT("slack"), TEXT("ana"), noon_plus(1), TEXT("again")), 0);
        assert_int_equal(store_channel_disable(store, TEXT("slack"), TEXT("ben"), NOON, TEXT("HTTP 404")), 0);
        assert_int_equal(store_channel_disable(store, TEXT("teams"), TEXT("ben"), NOON, TEXT_NONE), 0);
        assert_int_equal(disabled_channels(), 3);
        assert_int_equal(store_channel_enable(store, TEXT("slack"), TEXT("ben")), 0);
        assert_int_equal(disabled_channels(), 2);
        assert_int_equal(store_channel_enable(store, TEXT("teams"), TEXT_NONE), 0);
        assert_int_equal(disabled_channels(), 1);
        commit();
}

static void a_policy_version_never_changes_its_text(void **state UNUSED)
{
        Policy changed = ONE_DAY, next = ONE_DAY;
        changed.text = TEXT("window = \"48 hours\"");
        next.version = 4;
        next.text = changed.text;
        Text text;
        begin();
        assert_int_equal(store_policy_keep(store, &ONE_DAY, noon_plus(1)), 0);
        assert_int_equal(store_policy_keep(store, &changed, noon_plus(1)), -EEXIST);
        assert_int_equal(store_policy_keep(store, &next, noon_plus(1)), 0);
        assert_int_equal(store_policy_text(store, ONE_DAY.name, 3, arena, &text), 0);
        assert_same_text(text, ONE_DAY.text);
        assert_int_equal(store_policy_text(store, ONE_DAY.name, 4, arena, &text), 0);
        assert_same_text(text, next.text);
        assert_int_equal(store_policy_text(store, ONE_DAY.name, 5, arena, &text), -ENOENT);
        commit();
}

static DeadLetterRow sample_letter(int64_t number)
{
        return (DeadLetterRow){
                .row = number,
                .place = { TEXT("survey-responses"), 1, number, NOON },
                .reason = TEXT("not JSON"),
                .key = { "k\0\xff", 3 },
                .value = { "{\0", 2 },
                .headers = TEXT("[]"),
                .recorded_at = noon_plus(1),
                .state = DEAD_LETTER_PENDING,
        };
}

static bool letter_is_new(const DeadLetterRow *row)
{
        bool is_new;
        assert_int_equal(store_dead_letter_add(store, row, &is_new), 0);
        return is_new;
}

typedef struct Letters {
        DeadLetterRow rows[8];
        size_t count;
} Letters;

static int see_letter(void *userdata, const DeadLetterRow *row)
{
        Letters *seen = userdata;
        seen->rows[seen->count++] = *row;
        return 0;
}

static Letters letters(DeadLetterState state, size_t limit)
{
        Letters seen = { 0 };
        assert_int_equal(store_dead_letters(store, state, limit, arena, see_letter, &seen), 0);
        return seen;
}

/* Promise S6. */
static void a_dead_letter_keeps_its_bytes_and_is_set_aside_once(void **state UNUSED)
{
        DeadLetterRow row = sample_letter(1), again = sample_letter(2), tombstone = sample_letter(3);
        again.place = row.place;
        tombstone.key = TEXT("");
        tombstone.value = tombstone.headers = TEXT_NONE;
        begin();
        assert_true(letter_is_new(&row));
        assert_false(letter_is_new(&again));
        assert_true(letter_is_new(&tombstone));
        commit();
        Letters seen = letters(DEAD_LETTER_PENDING, 0);
        assert_int_equal(seen.count, 2);
        assert_same_text(seen.rows[0].key, row.key);
        assert_same_text(seen.rows[0].value, row.value);
        assert_same_text(seen.rows[0].headers, row.headers);
        assert_same_text(seen.rows[0].reason, row.reason);
        assert_same_text(seen.rows[0].place.topic, row.place.topic);
        assert_int_equal(seen.rows[0].place.partition, 1);
        assert_int_equal(seen.rows[0].place.offset, 1);
        assert_same_time(seen.rows[0].place.record_time, NOON);
        assert_same_time(seen.rows[0].recorded_at, noon_plus(1));
        assert_same_text(seen.rows[1].key, TEXT(""));
        assert_same_text(seen.rows[1].value, TEXT_NONE);
        assert_int_equal(counts_at(NOON).dead_letters, 2);
}

static void dead_letters_are_listed_by_state(void **state UNUSED)
{
        begin();
        for (int64_t i = 1; i <= 3; i++) {
                DeadLetterRow row = sample_letter(i);
                assert_true(letter_is_new(&row));
        }
        assert_int_equal(store_dead_letter_save(store, 2, DEAD_LETTER_PUBLISHED), 0);
        assert_int_equal(store_dead_letter_save(store, 9, DEAD_LETTER_PUBLISHED), -ENOENT);
        commit();
        assert_int_equal(letters(DEAD_LETTER_STATE_MAX, 0).rows[0].row, 3);
        assert_int_equal(letters(DEAD_LETTER_STATE_MAX, 2).count, 2);
        assert_int_equal(letters(DEAD_LETTER_PENDING, 0).count, 2);
        assert_int_equal(letters(DEAD_LETTER_PENDING, 0).rows[0].row, 1);
        assert_int_equal(letters(DEAD_LETTER_PUBLISHED, 0).rows[0].row, 2);
}

static void trimming_takes_the_bytes_of_the_oldest_published_letters_only(void **state UNUSED)
{
        begin();
        for (int64_t i = 1; i <= 4; i++) {
                DeadLetterRow row = sample_letter(i); /* 7 bytes each */
                row.state = i == 1 ? DEAD_LETTER_KEPT : DEAD_LETTER_PUBLISHED;
                assert_true(letter_is_new(&row));
        }
        assert_int_equal(store_dead_letters_trim(store, 28), 0);
        assert_int_equal(query("SELECT count(*) FROM dead_letter WHERE bytes = 7"), 4);
        assert_int_equal(store_dead_letters_trim(store, 21), 0);
        assert_int_equal(query("SELECT bytes FROM dead_letter WHERE number = 2"), 0);
        assert_int_equal(query("SELECT value IS NULL FROM dead_letter WHERE number = 2"), 1);
        assert_int_equal(query("SELECT sum(bytes) FROM dead_letter"), 21);
        assert_int_equal(store_dead_letters_trim(store, 0), 0);
        assert_int_equal(query("SELECT sum(bytes) FROM dead_letter"), 7); /* the one that is nowhere else */
        assert_int_equal(query("SELECT count(*) FROM dead_letter"), 4);
        commit();
}

static void meta_is_set_replaced_and_taken(void **state UNUSED)
{
        Text value;
        begin();
        assert_int_equal(store_meta_get(store, "clean", arena, &value), 0);
        assert_same_text(value, TEXT_NONE);
        assert_int_equal(store_meta_set(store, "clean", TEXT("yes")), 0);
        assert_int_equal(store_meta_set(store, "clean", TEXT("")), 0);
        assert_int_equal(store_meta_get(store, "clean", arena, &value), 0);
        assert_same_text(value, TEXT(""));
        assert_int_equal(store_meta_set(store, "clean", TEXT_NONE), 0);
        assert_int_equal(store_meta_get(store, "clean", arena, &value), 0);
        assert_same_text(value, TEXT_NONE);
        commit();
}

/* ---- figures and transactions ----------------------------------------------------------------------------------- */

static void figures_follow_every_change(void **state UNUSED)
{
        add_five_cases();
        StoreCounts counts = counts_at(NOON);
        assert_int_equal(counts.cases[CASE_OPEN], 3);
        assert_int_equal(counts.cases[CASE_CONTACTED], 1);
        assert_int_equal(counts.cases[CASE_CLOSED], 1);
        assert_int_equal(counts.overdue, 1); /* not the shadow */
        assert_int_equal(counts_at(noon_plus(101)).overdue, 2);
        assert_int_equal(counts_at(noon_plus(-101)).overdue, 0); /* the clock was set back */
        assert_int_equal(counts_at(noon_plus(101)).overdue, 2);

        begin();
        Case c = load(1);
        c.sequence++;
        c.state = CASE_CONTACTED;
        assert_int_equal(store_case_save(store, &c), 0);
        c = load(4);
        c.sequence++;
        c.window_ends_at = noon_plus(200);
        assert_int_equal(store_case_save(store, &c), 0);
        commit();
        assert_int_equal(counts_at(noon_plus(101)).overdue, 0);
        assert_int_equal(counts_at(noon_plus(201)).overdue, 1);
        assert_int_equal(counts_at(noon_plus(201)).cases[CASE_CONTACTED], 2);
}

static void a_rollback_takes_back_rows_figures_and_names(void **state UNUSED)
{
        Policy policy = ONE_DAY;
        policy.version = 9;
        Case c = sample_case(1), back;
        c.policy_version = 9;
        c.source = TEXT("rolled back");
        DeliveryRow row = sample_delivery(1, 1);
        begin();
        assert_int_equal(store_policy_keep(store, &policy, NOON), 0);
        add(&c);
        deliver(&row);
        assert_int_equal(counts_at(NOON).cases[CASE_OPEN], 1);
        store_rollback(store);
        assert_int_equal(counts_at(NOON).cases[CASE_OPEN], 0);
        assert_int_equal(counts_at(NOON).deliveries_pending, 0);
        begin();
        assert_int_equal(store_case_load(store, 1, arena, &back), -ENOENT);
        assert_int_equal(store_case_add(store, &c), -ENOENT); /* the policy is gone as well */
        c.policy_version = ONE_DAY.version;
        add(&c);
        back = load(1);
        assert_same_case(&back, &c);
        commit();
}

static void the_last_numbers_are_known(void **state UNUSED)
{
        StoreLast last;
        assert_int_equal(store_last(store, &last), 0);
        assert_int_equal(last.case_number, 0);
        assert_int_equal(last.response, 0);
        Case c = sample_case(12);
        ResponseRow response = sample_response(13);
        DeliveryRow row = sample_delivery(14, 12);
        DeadLetterRow letter = sample_letter(15);
        begin();
        add(&c);
        assert_true(response_is_new(&response));
        deliver(&row);
        assert_true(letter_is_new(&letter));
        commit();
        assert_int_equal(store_last(store, &last), 0);
        assert_int_equal(last.case_number, 12);
        assert_int_equal(last.response, 13);
        assert_int_equal(last.delivery, 14);
        assert_int_equal(last.dead_letter, 15);
}

static void what_cannot_have_been_written_is_refused_when_it_is_read(void **state UNUSED)
{
        static const char *const damages[] = {
                "UPDATE cases SET state = 7",   "UPDATE cases SET policy = 99",
                "UPDATE cases SET id = x'00'",  "UPDATE cases SET sequence = 1 << 40",
                "UPDATE cases SET steps = '['", "UPDATE cases SET steps = '[[1]]'",
        };
        for (size_t i = 0; i < COUNT_OF(damages); i++) {
                Case c = sample_case(1), back;
                begin();
                add(&c);
                assert_int_equal(sqlite3_exec(store->db, damages[i], NULL, NULL, NULL), SQLITE_OK);
                assert_int_equal(store_case_load(store, 1, arena, &back), -EUCLEAN);
                assert_string_equal(store_error(store), "case 1 cannot be read back");
                store_rollback(store);
        }
}

/* ---- a real file ------------------------------------------------------------------------------------------------ */

static void open_file(void)
{
        assert_int_equal(open_at(path), 0);
}

static void add_with_policy(int64_t number)
{
        Case c = sample_case(number);
        begin();
        assert_int_equal(store_policy_keep(store, &ONE_DAY, NOON), 0);
        add(&c);
        commit();
}

static void everything_survives_a_restart(void **state UNUSED)
{
        open_file();
        add_with_policy(1);
        begin();
        DeliveryRow row = sample_delivery(5, 1);
        deliver(&row);
        commit();
        assert_int_equal(counts_at(noon_plus(90000)).overdue, 1);
        begin();
        row = sample_delivery(6, 2);
        deliver(&row);
        commit();
        store = store_free(store);
        open_file();
        assert_int_equal(store->figures.overdue, 1);
        StoreCounts counts = counts_at(noon_plus(90000));
        assert_int_equal(counts.cases[CASE_OPEN], 1);
        assert_int_equal(counts.overdue, 1);
        assert_int_equal(counts.deliveries_pending, 2);
        Case expected = sample_case(1), back = load(1);
        assert_same_case(&back, &expected);
        assert_int_equal(store_probe(store), 0);
}

static void the_store_is_nobody_elses_to_read(void **state UNUSED)
{
        struct stat info;
        char log[128];
        (void)snprintf(log, sizeof(log), "%s-wal", path);
        open_file();
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
        assert_int_equal(stat(log, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
}

static Store *held;

static void hold_and_wait(int ready, int done)
{
        char byte = 'x';
        Text message;
        Arena *a = arena_new(4096);
        if (store_open(path, a, &held, &message) < 0)
                byte = '!';
        (void)!write(ready, &byte, 1);
        (void)!read(done, &byte, 1);
        _exit(0);
}

/* The other process opens it first: a fork must not inherit an open store. */
static void a_second_process_is_refused_with_the_file_named(void **state UNUSED)
{
        int ready[2], done[2];
        char byte = 0;
        open_file();
        store = store_free(store);
        assert_int_equal(pipe(ready), 0);
        assert_int_equal(pipe(done), 0);
        pid_t child = fork();
        if (child == 0)
                hold_and_wait(ready[1], done[0]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        assert_int_equal(byte, 'x');
        Text message = TEXT_NONE;
        int r = store_open(path, arena, &store, &message);
        assert_int_equal(write(done[1], &byte, 1), 1);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_int_equal(r, -EBUSY);
        assert_null(store);
        assert_non_null(strstr(message.data, path));
        assert_non_null(strstr(message.data, "another process has it open"));
        for (size_t i = 0; i < 2; i++) {
                (void)close(ready[i]);
                (void)close(done[i]);
        }
        open_file(); /* it left: the store is free again */
}

/* ---- crashes ---------------------------------------------------------------------------------------------------- */

enum {
        CRASH_BATCH = 20,
        CRASH_COMMITS = 25
};

/* One turn: the offset and CRASH_BATCH answers with case, event and delivery. */
static int crash_turn(int64_t from)
{
        OffsetRow to = START;
        to.generation = 1;
        to.partition = 0;
        to.next_offset = from + CRASH_BATCH;
        int r = store_begin(store);
        if (r >= 0)
                r = store_offset_move(store, &to, from);
        for (int64_t i = from + 1; i <= from + CRASH_BATCH && r >= 0; i++) {
                Case c = sample_case(i);
                CaseEvent event = sample_event();
                ResponseRow response = sample_response(i);
                DeliveryRow row = sample_delivery(i, i);
                bool is_new;
                r = store_response_add(store, &response, &is_new);
                r = r < 0 ? r : store_case_add(store, &c);
                r = r < 0 ? r : store_event_add(store, i, 1, &event);
                r = r < 0 ? r : store_delivery_add(store, &row);
        }
        return r < 0 ? r : store_commit(store);
}

static int crash_prepare(void)
{
        OffsetRow first = START;
        first.partition = 0;
        first.next_offset = 0;
        first.generation = 1;
        int r = open_at(path);
        r = r < 0 ? r : store_begin(store);
        r = r < 0 ? r : store_policy_keep(store, &ONE_DAY, NOON);
        r = r < 0 ? r : store_offset_add(store, &first);
        return r < 0 ? r : store_commit(store);
}

/* Turn after turn, saying after each how far it is committed. */
static void crash_child(int out)
{
        int64_t from = 0;
        if (crash_prepare() < 0)
                _exit(1);
        while (crash_turn(from) == 0) {
                from += CRASH_BATCH;
                if (write(out, &from, sizeof(from)) != sizeof(from))
                        break;
        }
        _exit(1);
}

static int64_t crash_run(void)
{
        int out[2];
        int64_t promised = 0;
        assert_int_equal(pipe(out), 0);
        pid_t child = fork();
        if (child == 0)
                crash_child(out[1]);
        (void)close(out[1]);
        for (int i = 0; i < CRASH_COMMITS; i++)
                assert_int_equal(read(out[0], &promised, sizeof(promised)), sizeof(promised));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        for (int64_t more; read(out[0], &more, sizeof(more)) == sizeof(more);)
                promised = more;
        (void)close(out[0]);
        return promised;
}

static void assert_sound(void)
{
        assert_int_equal(query("SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
        int64_t offset = query("SELECT next_offset FROM kafka_offset");
        assert_int_equal(query("SELECT count(*) FROM response"), offset);
        assert_int_equal(query("SELECT count(*) FROM cases"), offset);
        assert_int_equal(query("SELECT count(*) FROM case_event"), offset);
        assert_int_equal(query("SELECT count(*) FROM delivery"), offset);
        assert_int_equal(store->figures.open, offset);
        assert_int_equal(store->figures.deliveries_pending, offset);
}

/* Promise S2. */
static void after_a_kill_every_promised_turn_is_there_and_every_turn_is_whole(void **state UNUSED)
{
        int64_t promised = crash_run();
        open_file();
        assert_sound();
        int64_t offset = query("SELECT next_offset FROM kafka_offset");
        assert_in_range(offset, promised, promised + CRASH_BATCH);
        assert_int_equal(crash_turn(offset), 0);
        assert_sound();
}

static void a_full_disk_is_told_and_leaves_everything_readable(void **state UNUSED)
{
        assert_int_equal(crash_prepare(), 0);
        assert_int_equal(crash_turn(0), 0);
        int64_t offset = CRASH_BATCH, pages = query("PRAGMA page_count");
        Text sql = arena_textf(arena, "PRAGMA max_page_count = %lld", (long long)pages + 3);
        assert_int_equal(sqlite3_exec(store->db, sql.data, NULL, NULL, NULL), SQLITE_OK);
        int r = 0;
        for (; r == 0 && offset < 10000; offset += CRASH_BATCH)
                r = crash_turn(offset);
        assert_int_equal(r, -ENOSPC);
        store_rollback(store);
        assert_string_equal(store_error(store), "database or disk is full");
        assert_sound();
        assert_int_equal(load(1).number, 1);
        (void)query("PRAGMA max_page_count = 1000000"); /* somebody made room */
        assert_int_equal(crash_turn(query("SELECT next_offset FROM kafka_offset")), 0);
        assert_sound();
}

static void limit_file_size(rlim_t bytes)
{
        struct rlimit limit;
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = bytes;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_disk_that_fails_is_told_apart_from_a_full_one(void **state UNUSED)
{
        assert_int_equal(crash_prepare(), 0);
        (void)signal(SIGXFSZ, SIG_IGN);
        limit_file_size(400000);
        int64_t offset = 0;
        int r = 0;
        for (; r == 0 && offset < 10000; offset += CRASH_BATCH)
                r = crash_turn(offset);
        limit_file_size(RLIM_INFINITY);
        assert_int_equal(r, -EIO);
        store_rollback(store);
        store = store_free(store);
        open_file(); /* as after a restart */
        assert_sound();
}

static void a_long_log_goes_into_the_file_by_itself_and_when_idle(void **state UNUSED)
{
        assert_int_equal(crash_prepare(), 0);
        assert_int_equal(store_checkpoint(store), 0);
        int64_t offset = 0;
        int before = 0;
        for (; store->log_frames >= before; offset += CRASH_BATCH) {
                before = store->log_frames;
                assert_int_equal(crash_turn(offset), 0);
        }
        assert_in_range(before, 3900, 4000); /* forced */
        while (store->log_frames < 1000) {
                assert_int_equal(crash_turn(offset), 0);
                offset += CRASH_BATCH;
        }
        assert_int_equal(store_checkpoint(store), 0);
        assert_int_equal(store->log_frames, 0);
        assert_sound();
}

/* ---- plans ------------------------------------------------------------------------------------------------------ */

/* Two ways are right: to look up rows, or to take the first entry of an index in its own order. */
static bool step_walks(const char *sql, const char *step)
{
        bool takes_first = strstr(sql, " LIMIT 1") && !strstr(sql, " LIMIT 10") && strstr(step, " USING ");
        return strncmp(step, "SCAN ", 5) == 0 && strcmp(step, "SCAN CONSTANT ROW") != 0 && !takes_first;
}

static void assert_no_walk(StatementId id)
{
        const char *sql = statement_text(id);
        bool scans = false, sorts = false;
        sqlite3_stmt *s;
        Text explain = arena_textf(arena, "EXPLAIN QUERY PLAN %s", sql);
        assert_int_equal(sqlite3_prepare_v2(store->db, explain.data, -1, &s, NULL), SQLITE_OK);
        while (sqlite3_step(s) == SQLITE_ROW) {
                const char *step = (const char *)sqlite3_column_text(s, 3);
                if (step_walks(sql, step))
                        fail_msg("%s: %s", sql, step);
                scans |= strncmp(step, "SCAN ", 5) == 0;
                sorts |= strncmp(step, "USE TEMP B-TREE", 15) == 0;
        }
        (void)sqlite3_finalize(s);
        if (scans && sorts)
                fail_msg("%s: sorts all it finds", sql);
}

static void no_statement_of_a_turn_walks_through_a_table(void **state UNUSED)
{
        for (int id = 0; id < STATEMENT_MAX; id++)
                if (statement_kind((StatementId)id) == STATEMENT_TURN && id != STATEMENT_BEGIN &&
                    id != STATEMENT_COMMIT && id != STATEMENT_ROLLBACK)
                        assert_no_walk((StatementId)id);
}

static void every_statement_is_reset_before_a_function_returns(void **state UNUSED)
{
        Numbers n = { .stop_after = 1 };
        Case found;
        add_five_cases();
        assert_int_equal(store_cases(store, &(CaseFilter){ 0 }, arena, see_case, &n), 0);
        begin();
        (void)load(1);
        assert_int_equal(store_case_load(store, 99, arena, &found), -ENOENT);
        commit();
        (void)counts_at(NOON);
        for (int id = 0; id < STATEMENT_MAX; id++)
                assert_false(sqlite3_stmt_busy(store->statements[id]));
}

#define IN_MEMORY(test) cmocka_unit_test_setup_teardown(test, make_memory, take_memory)
#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, make_folder, take_folder)

int main(void)
{
        const struct CMUnitTest tests[] = {
                ON_DISK(after_a_kill_every_promised_turn_is_there_and_every_turn_is_whole), /* forks before SQLite runs
                                                                                             */
                ON_DISK(a_second_process_is_refused_with_the_file_named),
                ON_DISK(everything_survives_a_restart),
                ON_DISK(the_store_is_nobody_elses_to_read),
                ON_DISK(a_full_disk_is_told_and_leaves_everything_readable),
                ON_DISK(a_disk_that_fails_is_told_apart_from_a_full_one),
                ON_DISK(a_long_log_goes_into_the_file_by_itself_and_when_idle),
                IN_MEMORY(an_offset_moves_only_from_where_it_is),
                IN_MEMORY(an_offset_is_added_once),
                IN_MEMORY(an_offset_comes_back_with_its_anchor),
                IN_MEMORY(a_response_is_stored_once_by_id_and_once_by_place),
                IN_MEMORY(a_response_comes_back_as_it_was),
                IN_MEMORY(responses_of_a_case_come_newest_first),
                IN_MEMORY(a_case_comes_back_with_every_field),
                IN_MEMORY(saving_a_case_writes_everything_that_may_change),
                IN_MEMORY(a_case_that_somebody_else_changed_is_not_overwritten),
                IN_MEMORY(neither_a_case_number_nor_a_case_id_is_used_twice),
                IN_MEMORY(a_case_needs_a_policy_that_is_kept),
                IN_MEMORY(the_newest_case_of_a_customer_is_found_in_its_source_only),
                IN_MEMORY(due_cases_come_longest_overdue_first),
                IN_MEMORY(lists_of_cases_are_filtered_and_newest_first),
                IN_MEMORY(a_visitor_stops_the_list_and_may_use_the_store),
                IN_MEMORY(events_come_back_in_order_as_they_were),
                IN_MEMORY(the_same_key_twice_is_one_act_of_one_case),
                IN_MEMORY(an_event_has_its_sequence_alone),
                IN_MEMORY(a_delivery_comes_back_with_every_field),
                IN_MEMORY(a_delivery_is_decided_once),
                IN_MEMORY(an_accepted_delivery_stays_accepted),
                IN_MEMORY(a_failed_delivery_can_be_tried_again_and_a_dropped_one_turn_out_accepted),
                IN_MEMORY(dropping_spares_what_is_with_a_transport_and_what_has_ended),
                IN_MEMORY(an_acceptance_drops_the_same_message_on_other_channels),
                IN_MEMORY(other_messages_say_nothing_about_the_alert),
                IN_MEMORY(a_group_is_told_when_one_member_is_and_given_up_when_nobody_can_be),
                IN_MEMORY(an_alert_that_was_only_dropped_was_never_given),
                IN_MEMORY(due_deliveries_come_in_order_each_once),
                IN_MEMORY(the_next_delivery_is_the_earliest_after_now),
                IN_MEMORY(lists_of_deliveries_are_filtered_and_newest_first),
                IN_MEMORY(a_channel_is_disabled_for_one_recipient_until_it_is_enabled),
                IN_MEMORY(a_policy_version_never_changes_its_text),
                IN_MEMORY(a_dead_letter_keeps_its_bytes_and_is_set_aside_once),
                IN_MEMORY(dead_letters_are_listed_by_state),
                IN_MEMORY(trimming_takes_the_bytes_of_the_oldest_published_letters_only),
                IN_MEMORY(meta_is_set_replaced_and_taken),
                IN_MEMORY(figures_follow_every_change),
                IN_MEMORY(a_rollback_takes_back_rows_figures_and_names),
                IN_MEMORY(the_last_numbers_are_known),
                IN_MEMORY(what_cannot_have_been_written_is_refused_when_it_is_read),
                IN_MEMORY(no_statement_of_a_turn_walks_through_a_table),
                IN_MEMORY(every_statement_is_reset_before_a_function_returns),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
