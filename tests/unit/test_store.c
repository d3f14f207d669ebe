#include "store_sample.h"

#include <errno.h>

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

typedef struct Deaths {
        int64_t passed, to_come, most;
} Deaths;

static int see_death(void *userdata, Text topic UNUSED, int32_t partition UNUSED, int64_t offset, int64_t deaths)
{
        Deaths *seen = userdata;
        *(offset < START.next_offset ? &seen->passed : &seen->to_come) += 1;
        seen->most = MAX_OF(seen->most, deaths);
        return 0;
}

static void of_records_that_the_process_died_of_a_thousand_are_known_and_all_that_are_still_to_come(void **state UNUSED)
{
        enum {
                KNOWN_MAX = 1000
        };
        Deaths seen = { 0 };
        begin();
        assert_int_equal(store_offset_add(store, &START), 0);
        for (int64_t i = 0; i < KNOWN_MAX - 2; i++)
                assert_int_equal(store_attempt_add(store, START.topic, START.partition, START.next_offset - 1 - i), 0);
        for (int twice = 0; twice < 2; twice++)
                assert_int_equal(store_attempt_add(store, START.topic, START.partition, START.next_offset), 0);
        assert_int_equal(store_attempt_add(store, START.topic, START.partition, START.next_offset + 7), 0);
        assert_int_equal(store_attempts(store, see_death, &seen), 0);
        assert_int_equal(seen.passed, KNOWN_MAX - 2);
        assert_int_equal(seen.to_come, 2);
        assert_int_equal(seen.most, 2);
        assert_int_equal(store_attempt_add(store, START.topic, START.partition, START.next_offset + 8), 0);
        seen = (Deaths){ 0 };
        assert_int_equal(store_attempts(store, see_death, &seen), 0);
        assert_int_equal(seen.passed, 0);
        assert_int_equal(seen.to_come, 3);
        store_rollback(store);
}

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

static void a_case_that_is_not_closed_is_found_behind_newer_ones(void **state UNUSED)
{
        static const CaseState states[] = { CASE_CONTACTED, CASE_OPEN, CASE_OPEN, CASE_CONTACTED, CASE_CLOSED };
        static const int64_t found_with[] = { 1, 2, 3, 3, 3 };
        Case found;
        begin();
        for (size_t i = 0; i < COUNT_OF(states); i++) {
                Case c = sample_case((int64_t)i + 1);
                c.customer = TEXT("c-9");
                c.state = states[i];
                add(&c);
                assert_int_equal(store_case_not_closed_of_customer(store, c.source, TEXT("c-9"), arena, &found), 0);
                assert_int_equal(found.number, found_with[i]);
        }
        Case closed = sample_case(9);
        closed.customer = TEXT("c-8");
        closed.state = CASE_CLOSED;
        add(&closed);
        assert_int_equal(store_case_not_closed_of_customer(store, closed.source, TEXT("c-8"), arena, &found), -ENOENT);
        commit();
}

static void due_cases_come_longest_overdue_first(void **state UNUSED)
{
        static const int64_t due[] = { 30, 10, 20, 40 };
        CaseDue cases[8];
        size_t count;
        int64_t all;
        WallTime next;
        assert_int_equal(store_next_due(store, WALL_NONE, &next), 0);
        assert_same_time(next, WALL_NEVER);
        begin();
        for (int64_t i = 0; i < 5; i++) {
                Case c = sample_case(i + 1);
                c.due_at = i < 4 ? noon_plus(due[i]) : WALL_NONE;
                add(&c);
        }
        assert_int_equal(store_cases_due(store, CASE_DUE_ALL, noon_plus(30), cases, 8, &count), 0);
        assert_int_equal(count, 3);
        assert_int_equal(cases[0].number, 2);
        assert_int_equal(cases[1].number, 3);
        assert_int_equal(cases[2].number, 1);
        assert_int_equal(store_count_due(store, noon_plus(30), &all), 0);
        assert_int_equal(all, 3);
        assert_int_equal(store_cases_due(store, CASE_DUE_ALL, noon_plus(30), cases, 2, &count), 0);
        assert_int_equal(count, 2);
        assert_int_equal(store_cases_due(store, cases[1], noon_plus(30), cases, 8, &count), 0);
        assert_int_equal(count, 1);
        assert_int_equal(cases[0].number, 1);
        commit();
        assert_int_equal(store_next_due(store, noon_plus(30), &next), 0);
        assert_same_time(next, noon_plus(40));
        assert_int_equal(store_next_due(store, WALL_NONE, &next), 0);
        assert_same_time(next, noon_plus(10));
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

/* Asks for the list that it is part of, and changes what it sees. */
static int close_case(void *userdata, const Case *c)
{
        Numbers inner = { 0 };
        assert_int_equal(store_cases(store, &(CaseFilter){ .only_open = true }, arena, see_case, &inner), 0);
        Case next = *c;
        next.state = CASE_CLOSED;
        next.sequence++;
        assert_int_equal(store_case_save(store, &next), 0);
        return note(userdata, (int64_t)inner.count);
}

static void a_visitor_stops_the_list_and_may_use_the_store(void **state UNUSED)
{
        Numbers open_left = { .stop_after = 3 };
        add_five_cases();
        begin();
        assert_int_equal(store_cases(store, &(CaseFilter){ .only_open = true }, arena, close_case, &open_left), 0);
        commit();
        assert_int_equal(open_left.count, 3);
        assert_int_equal(open_left.numbers[0], 4);
        assert_int_equal(open_left.numbers[2], 2);
        assert_listed((CaseFilter){ .only_open = true }, " 1");
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

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

int main(void)
{
        const struct CMUnitTest tests[] = {
                IN_MEMORY(an_offset_moves_only_from_where_it_is),
                IN_MEMORY(of_records_that_the_process_died_of_a_thousand_are_known_and_all_that_are_still_to_come),
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
                IN_MEMORY(a_case_that_is_not_closed_is_found_behind_newer_ones),
                IN_MEMORY(due_cases_come_longest_overdue_first),
                IN_MEMORY(lists_of_cases_are_filtered_and_newest_first),
                IN_MEMORY(a_visitor_stops_the_list_and_may_use_the_store),
                IN_MEMORY(events_come_back_in_order_as_they_were),
                IN_MEMORY(the_same_key_twice_is_one_act_of_one_case),
                IN_MEMORY(an_event_has_its_sequence_alone),
                IN_MEMORY(figures_follow_every_change),
                IN_MEMORY(a_rollback_takes_back_rows_figures_and_names),
                IN_MEMORY(the_last_numbers_are_known),
                IN_MEMORY(what_cannot_have_been_written_is_refused_when_it_is_read),
                IN_MEMORY(no_statement_of_a_turn_walks_through_a_table),
                IN_MEMORY(every_statement_is_reset_before_a_function_returns),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
