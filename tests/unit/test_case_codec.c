#include "crew.h"

#include "base/buffer.h"

static const uint64_t SEED = 20261120;

static int make_arena(void **state UNUSED)
{
        arena = arena_new(1 << 20);
        return 0;
}

static int free_arena(void **state UNUSED)
{
        arena = arena_free(arena);
        return 0;
}

/* ---- any event ---- */

static WallTime random_time(void)
{
        return random_below(4) == 0 ? WALL_NONE : (WallTime){ INT64_C(1795200000000000) + random_below(1 << 30) };
}

/* Absent, empty, plain, and what JSON has to escape. */
static Text random_text(void)
{
        static const char *const texts[] = { "ana",         "desk", "r-1", "Ré\u2028\"\\/\b\x01\t", "\xf0\x9f\x98\x80",
                                             "channel:crm", " ",    "null" };
        int n = random_below(10);
        return n == 0 ? TEXT_NONE : n == 1 ? TEXT("") : text_from(texts[n - 2]);
}

static Text random_name(void)
{
        Text text = random_text();
        return text.data ? text : TEXT("x");
}

static const Step *random_steps(size_t *ret_count)
{
        size_t count = random_below(8) == 0 ? STEPS_MAX : (size_t)random_below(6);
        Step *steps = arena_array(arena, Step, count);
        for (size_t i = 0; i < count; i++)
                steps[i] = (Step){ .rung = (uint8_t)random_below(RUNGS_MAX),
                                   .occurrence = random_below(5) == 0 ? UINT16_MAX : (uint16_t)random_below(9),
                                   .why = (RecipientKind)random_below(RECIPIENT_KIND_MAX),
                                   .message = (Message)random_below(MESSAGE_MAX),
                                   .recipient = random_name(),
                                   .due_at = { random_below(1 << 30) - (1 << 29) },
                                   .again_at = random_time() };
        *ret_count = count;
        return steps;
}

static void fill_flagged(CaseEvent *e)
{
        for (size_t i = 0; i < sizeof(e->case_id.bytes); i++)
                e->case_id.bytes[i] = (uint8_t)random_below(256);
        Text *texts[] = { &e->response_id, &e->source, &e->customer, &e->territory, &e->rule, &e->policy_name };
        for (size_t i = 0; i < COUNT_OF(texts); i++)
                *texts[i] = random_text();
        e->mode = (CaseMode)random_below(MODE_MAX);
        e->severity = (Severity)random_below(SEVERITY_MAX);
        e->policy_version = random_below(1000);
        e->submitted_at = random_time();
        e->window_ends_at = random_time();
}

static void fill_close(CaseEvent *e)
{
        static const double amounts[] = { 0, -0.5, 1e300, 250000, 0.1, 123456789.125 };
        e->outcome = (Outcome)random_below(OUTCOME_MAX);
        e->cause = random_text();
        e->reference = random_text();
        e->credit = random_text();
        e->has_amount = random_below(2);
        e->amount = e->has_amount ? amounts[random_below((int)COUNT_OF(amounts))] : 0;
        e->may_quote = random_below(2);
        e->attempts_needed = random_below(10);
}

static CaseEvent random_event(void)
{
        CaseEvent e = { .kind = (EventKind)random_below(EVENT_KIND_MAX),
                        .engine = CASE_ENGINE,
                        .at = { random_below(1 << 30) },
                        .happened_at = random_time(),
                        .by = random_text(),
                        .key = random_text(),
                        .owner = random_text(),
                        .owner_is_group = random_below(2),
                        .alert = (AlertState)random_below(ALERT_STATE_MAX),
                        .told_at = random_time(),
                        .submitted_at = WALL_NONE,
                        .window_ends_at = WALL_NONE,
                        .paused_until = WALL_NONE };
        e.has_steps = random_below(2);
        if (e.has_steps)
                e.steps = random_steps(&e.step_count);
        if (random_below(2))
                e.tells = random_steps(&e.tell_count);
        if (e.kind == EVENT_FLAGGED)
                fill_flagged(&e);
        if (e.kind == EVENT_CLOSE)
                fill_close(&e);
        if (e.kind == EVENT_ATTEMPT || e.kind == EVENT_CONTACT) {
                e.channel = random_text();
                e.result = random_text();
                e.paused_until = random_time();
        }
        if (e.kind != EVENT_FLAGGED && e.kind != EVENT_DUE)
                e.note = random_text();
        return e;
}

/* ---- the same ---- */

#define assert_same_text(a, b)                                        \
        do {                                                          \
                assert_int_equal((a).data != NULL, (b).data != NULL); \
                assert_true(text_equal(a, b));                        \
        } while (0)

static void assert_same_steps(const Step *a, size_t a_count, const Step *b, size_t b_count)
{
        assert_int_equal(a_count, b_count);
        for (size_t i = 0; i < a_count; i++) {
                assert_int_equal(a[i].rung, b[i].rung);
                assert_int_equal(a[i].occurrence, b[i].occurrence);
                assert_int_equal(a[i].why, b[i].why);
                assert_int_equal(a[i].message, b[i].message);
                assert_same_text(a[i].recipient, b[i].recipient);
                assert_int_equal(a[i].due_at.us, b[i].due_at.us);
                assert_int_equal(a[i].again_at.us, b[i].again_at.us);
        }
}

static void assert_same_event(const CaseEvent *a, const CaseEvent *b)
{
        const Text *of_a = &a->by, *of_b = &b->by;
        assert_same_text(*of_a, *of_b);
        const Text pairs[][2] = { { a->key, b->key },
                                  { a->response_id, b->response_id },
                                  { a->source, b->source },
                                  { a->customer, b->customer },
                                  { a->territory, b->territory },
                                  { a->rule, b->rule },
                                  { a->policy_name, b->policy_name },
                                  { a->owner, b->owner },
                                  { a->channel, b->channel },
                                  { a->result, b->result },
                                  { a->note, b->note },
                                  { a->cause, b->cause },
                                  { a->reference, b->reference },
                                  { a->credit, b->credit } };
        for (size_t i = 0; i < COUNT_OF(pairs); i++)
                assert_same_text(pairs[i][0], pairs[i][1]);
        const int64_t numbers[][2] = { { a->kind, b->kind },
                                       { a->engine, b->engine },
                                       { a->at.us, b->at.us },
                                       { a->happened_at.us, b->happened_at.us },
                                       { a->mode, b->mode },
                                       { a->severity, b->severity },
                                       { a->policy_version, b->policy_version },
                                       { a->submitted_at.us, b->submitted_at.us },
                                       { a->window_ends_at.us, b->window_ends_at.us },
                                       { a->owner_is_group, b->owner_is_group },
                                       { a->has_steps, b->has_steps },
                                       { a->alert, b->alert },
                                       { a->told_at.us, b->told_at.us },
                                       { a->paused_until.us, b->paused_until.us },
                                       { a->outcome, b->outcome },
                                       { a->has_amount, b->has_amount },
                                       { a->may_quote, b->may_quote },
                                       { a->attempts_needed, b->attempts_needed } };
        for (size_t i = 0; i < COUNT_OF(numbers); i++)
                assert_int_equal(numbers[i][0], numbers[i][1]);
        assert_memory_equal(&a->amount, &b->amount, sizeof(a->amount));
        assert_memory_equal(a->case_id.bytes, b->case_id.bytes, sizeof(a->case_id.bytes));
        assert_same_steps(a->steps, a->step_count, b->steps, b->step_count);
        assert_same_steps(a->tells, a->tell_count, b->tells, b->tell_count);
}

static Text written(const CaseEvent *e)
{
        Buffer b = buffer_in(arena);
        JsonWriter w = json_writer(&b);
        case_event_write(e, &w);
        return buffer_text(&b);
}

static bool read_back(Text text, EventKind kind, CaseEvent *ret)
{
        const JsonValue *root = NULL;
        assert_int_equal(json_read_in(arena, arena_text(arena, text), &root), JSON_FAULT_NONE);
        return case_event_read(arena, root, kind, ret);
}

/* ---- claims ---- */

static void any_event_reads_back_the_same(void **state UNUSED)
{
        random_state = SEED;
        for (int i = 0; i < 5000; i++) {
                CaseEvent e = random_event(), back;
                assert_true(read_back(written(&e), e.kind, &back));
                assert_same_event(&e, &back);
                if (i % 500 == 499)
                        arena_reset(arena);
        }
}

static void a_step_that_does_not_repeat_stays_one(void **state UNUSED)
{
        Step s = { .recipient = TEXT("ana"), .due_at = { 5 }, .again_at = WALL_NONE };
        CaseEvent e = { .kind = EVENT_DUE,
                        .engine = CASE_ENGINE,
                        .at = { 1 },
                        .has_steps = true,
                        .steps = &s,
                        .step_count = 1 },
                  back;
        assert_true(read_back(written(&e), EVENT_DUE, &back));
        assert_int_equal(back.step_count, 1);
        assert_false(wall_is_set(back.steps[0].again_at));
}

static void no_steps_and_steps_as_they_were_are_not_the_same(void **state UNUSED)
{
        CaseEvent none = { .kind = EVENT_ATTEMPT, .engine = CASE_ENGINE, .at = { 1 }, .has_steps = true }, stay = none,
                  back;
        stay.has_steps = false;
        assert_true(read_back(written(&none), EVENT_ATTEMPT, &back) && back.has_steps);
        assert_true(read_back(written(&stay), EVENT_ATTEMPT, &back) && !back.has_steps);
}

static bool due_is_readable(const char *json)
{
        CaseEvent back;
        return read_back(text_from(json), EVENT_DUE, &back);
}

static void what_this_engine_cannot_have_written_is_refused(void **state UNUSED)
{
        static const char *const bad[] = {
                "{}",
                "[]",
                "7",
                "{\"engine\":1}",
                "{\"engine\":2,\"at\":1}",
                "{\"engine\":1,\"at\":\"soon\"}",
                "{\"engine\":1,\"at\":1,\"alert\":99}",
                "{\"engine\":1,\"at\":1,\"alert\":-1}",
                "{\"engine\":1,\"at\":1,\"group\":2}",
                "{\"engine\":1,\"at\":1,\"steps\":{}}",
                "{\"engine\":1,\"at\":1,\"steps\":[[]]}",
                "{\"engine\":1,\"at\":1,\"steps\":[7]}",
                "{\"engine\":1,\"at\":1,\"steps\":[[0,0,0,0,null,1]]}",
                "{\"engine\":1,\"at\":1,\"steps\":[[32,0,0,0,\"ana\",1]]}",
                "{\"engine\":1,\"at\":1,\"steps\":[[0,65536,0,0,\"ana\",1]]}",
                "{\"engine\":1,\"at\":1,\"steps\":[[0,0,99,0,\"ana\",1]]}",
                "{\"engine\":1,\"at\":1,\"steps\":[[0,0,0,99,\"ana\",1]]}",
                "{\"engine\":1,\"at\":1,\"steps\":[[0,0,0,0,\"ana\",1.5]]}",
                "{\"engine\":1,\"at\":1,\"steps\":[[0,0,0,0,\"ana\",1,\"x\"]]}",
                "{\"engine\":1,\"at\":1,\"tells\":[[-1,0,0,0,\"ana\",1]]}",
        };
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                if (due_is_readable(bad[i]))
                        fail_msg("read %s", bad[i]);
        assert_true(due_is_readable("{\"engine\":1,\"at\":1,\"steps\":[[31,65535,0,0,\"ana\",1,2]]}"));
}

static void more_steps_than_there_can_be_are_refused(void **state UNUSED)
{
        Step *steps = arena_array(arena, Step, STEPS_MAX + 1);
        for (size_t i = 0; i <= STEPS_MAX; i++)
                steps[i] = (Step){ .recipient = TEXT("ana"), .again_at = WALL_NONE };
        CaseEvent e = { .kind = EVENT_DUE,
                        .engine = CASE_ENGINE,
                        .at = { 1 },
                        .has_steps = true,
                        .steps = steps,
                        .step_count = STEPS_MAX + 1 },
                  back;
        assert_false(read_back(written(&e), EVENT_DUE, &back));
}

static void a_damaged_id_or_outcome_is_refused(void **state UNUSED)
{
        CaseEvent back;
        static const char *const ids[] = { "",
                                           "00",
                                           "0123456789abcdef0123456789abcdeg",
                                           "0123456789abcdef0123456789abcde ",
                                           "0123456789abcdef0123456789abcdef0",
                                           " 1-2+3 4 5 6 7 8 9 a b c d e f 0" };
        for (size_t i = 0; i < COUNT_OF(ids); i++) {
                Text json = arena_textf(arena, "{\"engine\":1,\"at\":1,\"id\":\"%s\"}", ids[i]);
                if (read_back(json, EVENT_FLAGGED, &back))
                        fail_msg("read the id \"%s\"", ids[i]);
        }
        assert_false(read_back(TEXT("{\"engine\":1,\"at\":1,\"outcome\":\"happy\"}"), EVENT_CLOSE, &back));
        assert_false(read_back(TEXT("{\"engine\":1,\"at\":1}"), EVENT_CLOSE, &back));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(any_event_reads_back_the_same),
                cmocka_unit_test(a_step_that_does_not_repeat_stays_one),
                cmocka_unit_test(no_steps_and_steps_as_they_were_are_not_the_same),
                cmocka_unit_test(what_this_engine_cannot_have_written_is_refused),
                cmocka_unit_test(more_steps_than_there_can_be_are_refused),
                cmocka_unit_test(a_damaged_id_or_outcome_is_refused),
        };
        return cmocka_run_group_tests_name("case_codec", tests, make_arena, free_arena);
}
