#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "turn/judge.h"
#include "turn/turn.h"

/* The stories in tests/scenario say what a turn does; here is what they cannot show: what fails, and what is full. */

static const char CONFIG[] = "tests/scenario/config/example/closedloopd.conf";
static const WallTime TUESDAY = { INT64_C(1794913200000000) }; /* 2026-11-17 11:00 UTC, 08:00 at ana's */

typedef struct Scene {
        Arena *arena;
        Config *config;
        Turn *turn;
        Judge *judge;
        int64_t offset;
} Scene;

static int scene_begin(void **state)
{
        static Scene scene;
        CLEANUP(report_freep) Report *report = report_new();
        Store *store = NULL;
        Text message;
        scene = (Scene){ .arena = arena_new(1 << 16), .judge = judge_new() };
        assert_int_equal(config_load(CONFIG, TUESDAY, report, &scene.config), 0);
        assert_int_equal(store_open(":memory:", scene.arena, &store, &message), 0);
        assert_int_equal(turn_new(store, scene.arena, &scene.turn, &message), 0);
        assert_int_equal(turn_adopt(scene.turn, scene.config, TUESDAY, scene.arena, &message), 0);
        *state = &scene;
        return 0;
}

static int scene_end(void **state)
{
        Scene *s = *state;
        s->turn = turn_free(s->turn);
        s->judge = judge_free(s->judge);
        (void)config_unref(s->config);
        (void)arena_free(s->arena);
        return 0;
}

static Batch *batch_at(Scene *s, WallTime now, size_t room)
{
        Batch *batch = batch_new(s->config);
        batch->now = now;
        batch->parcels_wanted = room;
        return batch;
}

static void batch_answer(Scene *s, Batch *batch, WallTime submitted)
{
        char iso[ISO8601_BYTES];
        Place place = { .topic = TEXT("survey-responses"), .offset = s->offset++, .record_time = submitted };
        Text json =
                arena_textf(s->arena,
                            "{\"id\":\"r-%lld\",\"submitted\":\"" TEXT_F
                            "\",\"customer\":\"c-%lld\",\"territory\":\"BR-S\",\"nps\":2}",
                            (long long)place.offset, TEXT_ARG(wall_format(submitted, iso)), (long long)place.offset);
        Answer answer;
        const char *reason;
        assert_int_equal(judge_record(s->judge, s->config, config_source(s->config, TEXT("relationship")), &place, json,
                                      batch->now, &answer, &reason),
                         JUDGED_FLAGGED);
        batch_add(batch, INPUT_ANSWER)->answer = answer;
}

/* Each parcel is answered the same way; the turn that takes the answers. */
static Batch *answer_all(Scene *s, Batch *from, Fate fate, WallTime now, size_t room)
{
        Batch *batch = batch_at(s, now, room);
        for (Parcel *p = from->parcels; p; p = p->next)
                batch_add(batch, INPUT_RESULT)->result =
                        (Result){ .parcel = p, .fate = fate, .detail = TEXT("because") };
        turn_run(s->turn, batch);
        assert_int_equal(batch->error, 0);
        return batch;
}

static size_t count_of(const Batch *batch, Message message)
{
        size_t count = 0;
        for (const Parcel *p = batch->parcels; p; p = p->next)
                count += p->message == message;
        return count;
}

/* ---- undoing ---------------------------------------------------------------------------------------------------- */

/* A partition that this instance does not have. */
static void batch_spoil(Batch *batch)
{
        batch->moves = arena_new_of(batch->arena, OffsetMove);
        batch->moves[0] = (OffsetMove){ .from = 7, .to = { .topic = TEXT("survey-responses"), .next_offset = 8 } };
        batch->move_count = 1;
}

static void a_turn_that_failed_can_be_run_again(void **state)
{
        Scene *s = *state;
        CLEANUP(batch_freep) Batch *batch = batch_at(s, TUESDAY, 16);
        batch_answer(s, batch, TUESDAY);
        batch_spoil(batch);
        turn_run(s->turn, batch);
        assert_int_equal(batch->error, -ESTALE);
        assert_true(batch->error_text.len > 0);
        assert_null(batch->parcels);
        assert_int_equal(batch->figures.opened, 0);
        batch->move_count = 0;
        turn_run(s->turn, batch);
        assert_int_equal(batch->error, 0);
        assert_int_equal(batch->parcel_count, 1);
        assert_int_equal(batch->parcels->c->number, 1);
        assert_int_equal(batch->figures.opened, 1);
}

static void a_turn_that_fails_for_days_takes_no_more_memory(void **state)
{
        Scene *s = *state;
        CLEANUP(batch_freep) Batch *batch = batch_at(s, TUESDAY, 16);
        Act act = { .kind = EVENT_ATTEMPT, .case_number = 1, .by = TEXT("ana"), .result = TEXT("voicemail") };
        batch_answer(s, batch, TUESDAY);
        batch_add(batch, INPUT_ACT)->act = &act;
        batch_add(batch, INPUT_PLACE)->place.from.topic = TEXT("nowhere");
        size_t of_answer = 0, of_batch = 0;
        for (int i = 0; i < 1000; i++) {
                turn_run(s->turn, batch);
                assert_true(batch->error < 0);
                if (i > 0)
                        continue;
                of_answer = arena_bytes(batch->inputs[0].answer.memory->arena);
                of_batch = arena_bytes(batch->arena);
        }
        assert_int_equal(arena_bytes(batch->inputs[0].answer.memory->arena), of_answer);
        assert_true(arena_bytes(batch->arena) < of_batch + 256 * 1024); /* the words that say why */
        batch->input_count = 2;
        turn_run(s->turn, batch);
        assert_int_equal(batch->error, 0);
        assert_int_equal(batch->parcel_count, 1);
        assert_true(act.is_done && act.after.attempts == 1);
}

/* The partition that it puts elsewhere is not there: an error after everything else was decided. */
static void what_was_said_in_a_turn_that_failed_is_said_again(void **state)
{
        Scene *s = *state;
        CLEANUP(batch_freep) Batch *batch = batch_at(s, TUESDAY, 16);
        batch_answer(s, batch, wall_sub(TUESDAY, span_times(SPAN_DAY, 5)));
        batch_add(batch, INPUT_PLACE)->place.from.topic = TEXT("nowhere");
        turn_run(s->turn, batch);
        assert_true(batch->error < 0);
        assert_null(batch->parcels);
        batch->input_count = 1;
        turn_run(s->turn, batch);
        assert_int_equal(batch->error, 0);
        assert_int_equal(count_of(batch, MESSAGE_TOO_OLD), 2); /* joe and ben of the desk */
        assert_int_equal(batch->parcels->c->number, 1);
        assert_int_equal(batch->parcels->delivery, 1);
}

static void the_trace_of_a_record_goes_with_its_messages_also_when_the_turn_failed_first(void **state)
{
        Scene *s = *state;
        CLEANUP(batch_freep) Batch *batch = batch_at(s, TUESDAY, 16);
        char trace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        batch_answer(s, batch, TUESDAY);
        answer_trace(&batch->inputs[0].answer, text_from(trace));
        memset(trace, 'x', sizeof(trace) - 1); /* the record is gone by then */
        batch_spoil(batch);
        turn_run(s->turn, batch);
        batch->move_count = 0;
        turn_run(s->turn, batch);
        assert_int_equal(batch->parcel_count, 1);
        assert_true(text_is(batch->parcels->traceparent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
}

/* ---- room ------------------------------------------------------------------------------------------------------- */

static void a_full_outbox_does_not_spin(void **state)
{
        Scene *s = *state;
        CLEANUP(batch_freep) Batch *batch = batch_at(s, TUESDAY, 0);
        batch_answer(s, batch, TUESDAY);
        turn_run(s->turn, batch);
        assert_int_equal(batch->error, 0);
        assert_int_equal(batch->parcel_count, 0);
        assert_true(batch->wake_at.us > TUESDAY.us);
        CLEANUP(batch_freep) Batch *later = batch_at(s, wall_add(TUESDAY, SPAN_SECOND), 16);
        turn_run(s->turn, later);
        assert_int_equal(count_of(later, MESSAGE_ALERT), 1);
        assert_true(later->parcels->was_kept);
}

static void what_finds_no_room_comes_later_each_once(void **state)
{
        Scene *s = *state;
        enum {
                ANSWERS = 40,
                ROOM = 16
        };
        bool seen[ANSWERS + 1] = { false };
        Batch *batch = batch_at(s, TUESDAY, ROOM);
        for (int i = 0; i < ANSWERS; i++)
                batch_answer(s, batch, TUESDAY);
        turn_run(s->turn, batch);
        int alerts = 0;
        for (int turns = 0; batch->parcels && turns < 10; turns++) {
                assert_true(batch->parcel_count <= ROOM);
                for (Parcel *p = batch->parcels; p; p = p->next, alerts++) {
                        assert_false(seen[p->c->number]);
                        seen[p->c->number] = true;
                }
                Batch *next = answer_all(s, batch, FATE_ACCEPTED, TUESDAY, ROOM);
                (void)batch_free(batch);
                batch = next;
        }
        (void)batch_free(batch);
        assert_int_equal(alerts, ANSWERS);
}

/* ---- what is not sent any more ---------------------------------------------------------------------------------- */

static DeliveryState state_of(Scene *s, int64_t row)
{
        DeliveryRow delivery;
        assert_int_equal(store_delivery_load(turn_store(s->turn), row, s->arena, &delivery), 0);
        return delivery.state;
}

/* Each is asked as the loop asks before it sends; the turn that takes back what is not sent. */
static size_t withdraw_all(Scene *s, const Batch *said, const Batch *waiting)
{
        CLEANUP(batch_freep) Batch *back = batch_at(s, TUESDAY, 16);
        for (Parcel *p = waiting->parcels; p; p = p->next)
                if (batch_withdraws(said, p))
                        batch_add(back, INPUT_RESULT)->result = (Result){ .parcel = p, .fate = FATE_WITHDRAWN };
        turn_run(s->turn, back);
        assert_int_equal(back->error, 0);
        return back->input_count;
}

static void what_waits_for_its_channel_is_withdrawn_when_the_customer_is_reached(void **state)
{
        Scene *s = *state;
        CLEANUP(batch_freep) Batch *batch = batch_at(s, TUESDAY, 16);
        batch_answer(s, batch, TUESDAY);
        batch_answer(s, batch, TUESDAY);
        turn_run(s->turn, batch);
        assert_int_equal(batch->parcel_count, 2);
        assert_int_equal(batch->withdrawal_count, 0);
        CLEANUP(batch_freep) Batch *reached = batch_at(s, TUESDAY, 16);
        Act act = { .kind = EVENT_CONTACT, .case_number = 1, .by = TEXT("joe"), .result = TEXT("spoke") };
        batch_add(reached, INPUT_ACT)->act = &act;
        turn_run(s->turn, reached);
        assert_true(act.is_done);
        assert_false(batch_withdraws(reached, reached->parcels)); /* that he was reached is news */
        assert_int_equal(withdraw_all(s, reached, batch), 1);
        assert_int_equal(state_of(s, 1), DELIVERY_DROPPED);
        assert_int_equal(state_of(s, 2), DELIVERY_PENDING); /* the other case's */
}

static void what_waits_for_the_other_channel_is_withdrawn_when_one_was_faster(void **state)
{
        Scene *s = *state;
        WallTime later = wall_add(TUESDAY, span_times(SPAN_MINUTE, 11));
        CLEANUP(batch_freep) Batch *batch = batch_at(s, TUESDAY, 16);
        batch_answer(s, batch, TUESDAY);
        turn_run(s->turn, batch);
        CLEANUP(batch_freep) Batch *failed UNUSED = answer_all(s, batch, FATE_TEMPORARY, TUESDAY, 16);
        CLEANUP(batch_freep) Batch *again = batch_at(s, later, 16);
        turn_run(s->turn, again);
        CLEANUP(batch_freep) Batch *both = answer_all(s, again, FATE_TEMPORARY, later, 16); /* patience is lost */
        CLEANUP(batch_freep) Batch *third = batch_at(s, wall_add(later, SPAN_HOUR), 16);
        turn_run(s->turn, third);
        Parcel *mail = both->parcels;
        while (mail && !(mail->c && text_is(mail->channel->name, "mail")))
                mail = mail->next;
        assert_non_null(mail);
        CLEANUP(batch_freep) Batch *told = batch_at(s, wall_add(later, SPAN_HOUR), 16);
        batch_add(told, INPUT_RESULT)->result = (Result){ .parcel = mail, .fate = FATE_ACCEPTED, .detail = TEXT("") };
        turn_run(s->turn, told);
        assert_false(batch_withdraws(told, mail));
        assert_int_equal(withdraw_all(s, told, both) + withdraw_all(s, told, third), 1);
        assert_int_equal(state_of(s, 1), DELIVERY_DROPPED);
}

/* ---- a crowd after an outage ------------------------------------------------------------------------------------ */

static void what_is_late_leaves_so_many_a_second_the_oldest_first_and_each_once(void **state)
{
        Scene *s = *state;
        enum {
                ANSWERS = 300
        };
        WallTime later =
                wall_add(TUESDAY, span_times(SPAN_HOUR, 6)); /* 14:00 at ana's; their reminders were due at 12 */
        CLEANUP(batch_freep) Batch *batch = batch_at(s, TUESDAY, 1000);
        for (int i = 0; i < ANSWERS; i++)
                batch_answer(s, batch, TUESDAY);
        turn_run(s->turn, batch);
        CLEANUP(batch_freep) Batch *told UNUSED = answer_all(s, batch, FATE_ACCEPTED, TUESDAY, 1000);
        int64_t last = 0, reminders = 0;
        for (int second = 0; second <= ANSWERS / 20; second++) {
                int64_t now = 0;
                for (bool has_more = true; has_more;) {
                        CLEANUP(batch_freep)
                        Batch *next = batch_at(s, wall_add(later, span_times(SPAN_SECOND, second)), 1000);
                        turn_run(s->turn, next);
                        assert_int_equal(next->error, 0);
                        has_more = next->has_more;
                        for (const Parcel *p = next->parcels; p; p = p->next) {
                                if (p->message != MESSAGE_REMINDER)
                                        continue;
                                assert_true(p->c->number > last);
                                assert_true(p->late.us >= SPAN_HOUR.us);
                                last = p->c->number;
                                now++;
                        }
                        (void)batch_free(answer_all(s, next, FATE_ACCEPTED, next->now, 0));
                }
                assert_int_equal(now, second < ANSWERS / 20 ? 20 : 0);
                reminders += now;
        }
        assert_int_equal(reminders, ANSWERS);
}

/* ---- owners who leave ------------------------------------------------------------------------------------------- */

/* Alerts to the desk, until no turn asks for another and all are accepted. */
static size_t orphans_told(Scene *s)
{
        size_t alerts = 0;
        Batch *batch = batch_at(s, TUESDAY, 4000);
        turn_run(s->turn, batch);
        while (batch->has_more || batch->parcels) {
                for (const Parcel *p = batch->parcels; p; p = p->next)
                        alerts += p->message == MESSAGE_ALERT && text_is(p->c->owner, "desk");
                Batch *next = answer_all(s, batch, FATE_ACCEPTED, TUESDAY, 4000);
                (void)batch_free(batch);
                batch = next;
        }
        (void)batch_free(batch);
        return alerts;
}

/* All of them at the same moment, as in a file of answers that have a date and no time. */
static void every_case_of_an_owner_who_has_left_is_handed_over_however_many_there_are(void **state)
{
        Scene *s = *state;
        enum {
                ANSWERS = 1100
        };
        CLEANUP(batch_freep) Batch *batch = batch_at(s, TUESDAY, 2000);
        for (int i = 0; i < ANSWERS; i++)
                batch_answer(s, batch, TUESDAY);
        turn_run(s->turn, batch);
        CLEANUP(batch_freep) Batch *told = answer_all(s, batch, FATE_ACCEPTED, TUESDAY, 2000);
        CLEANUP(batch_freep) Batch *rest = answer_all(s, told, FATE_ACCEPTED, TUESDAY, 2000);
        assert_null(rest->parcels);
        assert_int_equal(orphans_told(s), 0);
        CLEANUP(report_freep) Report *report = report_new();
        Config *without = NULL;
        Text message;
        assert_int_equal(config_load(CONFIG, TUESDAY, report, &without), 0);
        must(without->roster.persons[0].until.us == WALL_NEVER.us && text_is(without->roster.persons[0].id, "ana"));
        ((Person *)(uintptr_t)without->roster.persons)[0].until = TUESDAY;
        assert_int_equal(turn_adopt(s->turn, without, TUESDAY, s->arena, &message), 0);
        (void)config_unref(s->config);
        s->config = without;
        assert_int_equal(orphans_told(s), 2 * ANSWERS); /* joe and ben of the desk */
}

static void more_cases_than_one_turn_takes_are_taken_by_the_next(void **state)
{
        Scene *s = *state;
        enum {
                ANSWERS = 300
        };
        CLEANUP(batch_freep) Batch *batch = batch_at(s, TUESDAY, 1000);
        for (int i = 0; i < ANSWERS; i++)
                batch_answer(s, batch, TUESDAY);
        turn_run(s->turn, batch);
        CLEANUP(batch_freep) Batch *told = answer_all(s, batch, FATE_ACCEPTED, TUESDAY, 1000);
        assert_true(told->wake_at.us > TUESDAY.us);
        WallTime reminder = wall_add(TUESDAY, span_times(SPAN_HOUR, 5)); /* four working hours and lunch */
        CLEANUP(batch_freep) Batch *first = batch_at(s, reminder, 1000);
        turn_run(s->turn, first);
        assert_true(first->has_more);
        CLEANUP(batch_freep) Batch *second = batch_at(s, reminder, 1000);
        turn_run(s->turn, second);
        assert_false(second->has_more);
        assert_int_equal(count_of(first, MESSAGE_REMINDER) + count_of(second, MESSAGE_REMINDER), ANSWERS);
}

/* ---- channels that are broken or slow --------------------------------------------------------------------------- */

static size_t parcels_on(const Batch *batch, const char *channel)
{
        size_t count = 0;
        for (const Parcel *p = batch->parcels; p; p = p->next)
                count += text_is(p->channel->name, channel);
        return count;
}

static Batch *turn_at(Scene *s, WallTime now)
{
        Batch *batch = batch_at(s, now, 1000);
        turn_run(s->turn, batch);
        assert_int_equal(batch->error, 0);
        return batch;
}

/* Each parcel comes back so; the turn that takes them. */
static Batch *refuse_all(Scene *s, const Batch *from, Fate fate, WallTime now)
{
        Batch *batch = batch_at(s, now, 1000);
        for (Parcel *p = from->parcels; p; p = p->next)
                batch_add(batch, INPUT_RESULT)->result =
                        (Result){ .parcel = p, .fate = fate, .is_of_target = true, .detail = TEXT("out of order") };
        turn_run(s->turn, batch);
        assert_int_equal(batch->error, 0);
        return batch;
}

static void a_broken_channel_is_tried_by_one_send_at_a_time_and_the_rest_waits_in_the_store(void **state)
{
        Scene *s = *state;
        enum {
                ANSWERS = 40
        };
        CLEANUP(batch_freep) Batch *first = batch_at(s, TUESDAY, 1000);
        for (int i = 0; i < ANSWERS; i++)
                batch_answer(s, first, TUESDAY);
        turn_run(s->turn, first);
        assert_int_equal(parcels_on(first, "slack-ana"), ANSWERS);
        CLEANUP(batch_freep) Batch *broken = refuse_all(s, first, FATE_TEMPORARY, TUESDAY);
        assert_int_equal(broken->parcel_count, 0);
        WallTime probe_at = broken->wake_at;
        CLEANUP(batch_freep) Batch *probe = turn_at(s, probe_at);
        for (int turns = 0; probe->parcel_count == 0 && turns < 100; turns++) {
                probe_at = probe->wake_at;
                (void)batch_free(probe);
                probe = turn_at(s, probe_at);
        }
        assert_in_range(wall_since(probe_at, TUESDAY).us, SPAN_SECOND.us, 10 * SPAN_SECOND.us);
        assert_int_equal(probe->parcel_count, 1);
        assert_int_equal(probe->broken_count, 1);
        assert_true(text_is(probe->broken[0], "slack-ana"));
        CLEANUP(batch_freep) Batch *meanwhile = batch_at(s, wall_add(probe_at, SPAN_SECOND), 1000);
        batch_answer(s, meanwhile, TUESDAY);
        turn_run(s->turn, meanwhile);
        assert_int_equal(meanwhile->parcel_count, 0); /* the probe is still out */
        CLEANUP(batch_freep) Batch *works = refuse_all(s, probe, FATE_ACCEPTED, wall_add(probe_at, SPAN_SECOND));
        assert_int_equal(parcels_on(works, "slack-ana"), 2); /* gently */
        CLEANUP(batch_freep) Batch *more = refuse_all(s, works, FATE_ACCEPTED, wall_add(probe_at, SPAN_SECOND));
        assert_int_equal(parcels_on(more, "slack-ana"), 4);
}

/* At the end of patience the next channel is asked, and the receiver still has its peace. */
static void a_receiver_that_asks_for_an_hour_is_not_tried_before_and_its_reader_does_not_wait_so_long(void **state)
{
        Scene *s = *state;
        CLEANUP(batch_freep) Batch *first = batch_at(s, TUESDAY, 1000);
        batch_answer(s, first, TUESDAY);
        turn_run(s->turn, first);
        CLEANUP(batch_freep) Batch *busy = batch_at(s, TUESDAY, 1000);
        batch_add(busy, INPUT_RESULT)->result = (Result){ .parcel = first->parcels,
                                                          .fate = FATE_TEMPORARY,
                                                          .is_of_target = true,
                                                          .retry_after = SPAN_HOUR,
                                                          .detail = TEXT("HTTP 429") };
        batch_answer(s, busy, TUESDAY); /* of the same owner */
        turn_run(s->turn, busy);
        assert_int_equal(busy->parcel_count, 0);
        CLEANUP(batch_freep) Batch *early = turn_at(s, wall_add(TUESDAY, span_times(SPAN_MINUTE, 9)));
        assert_int_equal(early->parcel_count, 0);
        CLEANUP(batch_freep) Batch *patient = turn_at(s, wall_add(TUESDAY, span_times(SPAN_MINUTE, 10)));
        CLEANUP(batch_freep) Batch *next = turn_at(s, wall_add(TUESDAY, span_times(SPAN_MINUTE, 10)));
        assert_int_equal(parcels_on(patient, "slack-ana") + parcels_on(next, "slack-ana"), 0);
        assert_int_equal(parcels_on(patient, "mail") + parcels_on(next, "mail"), 2);
        CLEANUP(batch_freep) Batch *due = turn_at(s, wall_add(TUESDAY, SPAN_HOUR));
        assert_true(parcels_on(due, "slack-ana") > 0);
}

static void what_comes_back_from_a_slow_channel_waits_in_the_store_and_others_have_their_room(void **state)
{
        Scene *s = *state;
        enum {
                ANSWERS = 100
        };
        CLEANUP(batch_freep) Batch *first = batch_at(s, TUESDAY, 1000);
        for (int i = 0; i < ANSWERS; i++)
                batch_answer(s, first, TUESDAY);
        turn_run(s->turn, first);
        const Channel *channel = first->parcels->channel;
        CLEANUP(batch_freep) Batch *back = refuse_all(s, first, FATE_UNTRIED, TUESDAY);
        assert_int_equal(back->parcel_count, 0);
        assert_true(back->wake_at.us <= TUESDAY.us);
        CLEANUP(batch_freep) Batch *again = turn_at(s, TUESDAY);
        assert_int_equal(again->parcel_count, channel->in_flight * 2);
        assert_int_equal(again->parcels->attempts, 0);
        assert_true(again->wake_at.us > TUESDAY.us); /* no place: it waits for a result, and does not spin */
        CLEANUP(batch_freep) Batch *rest = refuse_all(s, again, FATE_ACCEPTED, TUESDAY);
        assert_int_equal(rest->parcel_count, channel->in_flight * 4);
}

/* ---- hosts --------------------------------------------------------------------------------------------------------
 */

static void batch_answer_of(Scene *s, Batch *batch, const char *territory)
{
        char iso[ISO8601_BYTES];
        Place place = { .topic = TEXT("survey-responses"), .offset = s->offset++, .record_time = TUESDAY };
        Text json = arena_textf(s->arena,
                                "{\"id\":\"r-%lld\",\"submitted\":\"" TEXT_F
                                "\",\"customer\":\"c-%lld\",\"territory\":\"%s\",\"nps\":2}",
                                (long long)place.offset, TEXT_ARG(wall_format(TUESDAY, iso)), (long long)place.offset,
                                territory);
        Answer answer;
        const char *reason;
        assert_int_equal(judge_record(s->judge, s->config, config_source(s->config, TEXT("relationship")), &place, json,
                                      batch->now, &answer, &reason),
                         JUDGED_FLAGGED);
        batch_add(batch, INPUT_ANSWER)->answer = answer;
}

/* Of what goes to the host of all chats; mail is accepted. */
static Batch *host_answers(Scene *s, const Batch *from, Fate fate, WallTime now)
{
        Batch *batch = batch_at(s, now, 1000);
        for (Parcel *p = from->parcels; p; p = p->next) {
                bool is_mail = text_is(p->channel->name, "mail"), is_no = fate == FATE_TEMPORARY && !is_mail;
                batch_add(batch, INPUT_RESULT)->result = (Result){ .parcel = p,
                                                                   .fate = is_mail ? FATE_ACCEPTED : fate,
                                                                   .code = is_no ? 0 : 200,
                                                                   .is_of_target = is_no,
                                                                   .is_of_host = is_no,
                                                                   .detail = TEXT("no connection") };
        }
        turn_run(s->turn, batch);
        assert_int_equal(batch->error, 0);
        return batch;
}

/* The turn in which something is sent again. */
static Batch *turn_with_parcels(Scene *s, WallTime *at)
{
        for (int turns = 0; turns < 200; turns++) {
                Batch *batch = turn_at(s, *at);
                if (batch->parcel_count > 0)
                        return batch;
                assert_true(wall_before(*at, WALL_NEVER));
                *at = wall_later(batch->wake_at, *at);
                (void)batch_free(batch);
        }
        fail_msg("nothing is sent any more");
        return NULL;
}

static Batch *host_breaks(Scene *s)
{
        CLEANUP(batch_freep) Batch *first = batch_at(s, TUESDAY, 1000);
        for (int i = 0; i < 6; i++) {
                batch_answer_of(s, first, "BR-S");
                batch_answer_of(s, first, "DE-N");
                batch_answer_of(s, first, "UKI");
        }
        turn_run(s->turn, first);
        assert_int_equal(parcels_on(first, "slack-ana"), 6);
        assert_int_equal(parcels_on(first, "slack-eva"), 6);
        assert_int_equal(parcels_on(first, "mail"), 6);
        Batch *after = host_answers(s, first, FATE_TEMPORARY, TUESDAY);
        assert_int_equal(after->parcel_count, 0);
        return after;
}

static void a_host_that_does_not_answer_is_tried_by_one_send_for_all_its_channels_and_other_hosts_go_on(void **state)
{
        Scene *s = *state;
        CLEANUP(batch_freep) Batch *broken = host_breaks(s);
        WallTime at = broken->wake_at;
        for (int tries = 0; tries < 5; tries++) {
                CLEANUP(batch_freep) Batch *probe = turn_with_parcels(s, &at);
                assert_int_equal(probe->parcel_count, 1); /* though two channels lead there, with six each */
                CLEANUP(batch_freep) Batch *meanwhile = batch_at(s, at, 1000);
                batch_answer_of(s, meanwhile, "BR-S");
                batch_answer_of(s, meanwhile, "DE-N");
                batch_answer_of(s, meanwhile, "UKI");
                turn_run(s->turn, meanwhile);
                assert_int_equal(meanwhile->parcel_count, 1);
                assert_int_equal(parcels_on(meanwhile, "mail"), 1);
                WallTime before = at;
                CLEANUP(batch_freep) Batch *no = host_answers(s, probe, FATE_TEMPORARY, at);
                assert_int_equal(no->parcel_count, 0);
                at = wall_later(no->wake_at, wall_add(at, SPAN_SECOND));
                assert_in_range(wall_since(at, before).us, SPAN_SECOND.us, SPAN_MINUTE.us);
                CLEANUP(batch_freep) Batch *mail = host_answers(s, meanwhile, FATE_ACCEPTED, at);
                assert_true(mail->parcel_count <= 1);
                if (mail->parcel_count == 1)
                        (void)batch_free(host_answers(s, mail, FATE_TEMPORARY, at));
        }
}

static void a_host_that_works_again_gets_what_waited_gently_over_all_its_channels_together(void **state)
{
        Scene *s = *state;
        CLEANUP(batch_freep) Batch *broken = host_breaks(s);
        WallTime at = broken->wake_at;
        CLEANUP(batch_freep) Batch *probe = turn_with_parcels(s, &at);
        CLEANUP(batch_freep) Batch *works = host_answers(s, probe, FATE_ACCEPTED, at);
        assert_int_equal(works->parcel_count, 2);
        CLEANUP(batch_freep) Batch *more = host_answers(s, works, FATE_ACCEPTED, at);
        assert_int_equal(more->parcel_count, 4);
        CLEANUP(batch_freep) Batch *rest = host_answers(s, more, FATE_ACCEPTED, at);
        assert_int_equal(1 + works->parcel_count + more->parcel_count + rest->parcel_count, 12);
}

static void a_place_that_was_taken_in_a_turn_that_failed_is_free_again(void **state)
{
        Scene *s = *state;
        CLEANUP(batch_freep) Batch *spoiled = batch_at(s, TUESDAY, 1000);
        batch_answer(s, spoiled, TUESDAY);
        batch_add(spoiled, INPUT_PLACE)->place.from.topic = TEXT("nowhere"); /* after it was handed out */
        turn_run(s->turn, spoiled);
        assert_true(spoiled->error < 0);
        CLEANUP(batch_freep) Batch *broken = host_breaks(s);
        WallTime at = broken->wake_at;
        CLEANUP(batch_freep) Batch *probe = turn_with_parcels(s, &at);
        assert_int_equal(probe->parcel_count, 1);
}

/* ---- administrators --------------------------------------------------------------------------------------------- */

static void only_a_delivery_that_has_failed_is_tried_again_by_hand(void **state)
{
        Scene *s = *state;
        CLEANUP(batch_freep) Batch *batch = batch_at(s, TUESDAY, 16);
        batch_answer(s, batch, TUESDAY);
        turn_run(s->turn, batch);
        assert_int_equal(turn_retry(s->turn, 99, TUESDAY), -ENOENT);
        assert_int_equal(turn_retry(s->turn, 1, TUESDAY), -EINVAL);
        CLEANUP(batch_freep) Batch *failed = answer_all(s, batch, FATE_PERMANENT, TUESDAY, 16);
        assert_int_equal(count_of(failed, MESSAGE_ALERT), 1); /* on the next channel */
        assert_int_equal(turn_retry(s->turn, 1, TUESDAY), 0);
        CLEANUP(batch_freep) Batch *again = batch_at(s, TUESDAY, 16);
        turn_run(s->turn, again);
        assert_int_equal(again->parcel_count, 1);
        assert_int_equal(again->parcels->delivery, 1);
}

static void a_target_that_is_gone_comes_back_when_it_is_enabled(void **state)
{
        Scene *s = *state;
        CLEANUP(batch_freep) Batch *batch = batch_at(s, TUESDAY, 16);
        batch_answer(s, batch, TUESDAY);
        turn_run(s->turn, batch);
        CLEANUP(batch_freep) Batch *gone = answer_all(s, batch, FATE_GONE, TUESDAY, 16);
        assert_int_equal(gone->error, 0);
        CLEANUP(batch_freep) Batch *second = batch_at(s, TUESDAY, 16);
        batch_answer(s, second, TUESDAY);
        turn_run(s->turn, second);
        assert_true(text_is(second->parcels->channel->name, "mail"));
        assert_int_equal(turn_enable_channel(s->turn, TEXT("slack-ana"), TEXT_NONE), 0);
        CLEANUP(batch_freep) Batch *third = batch_at(s, TUESDAY, 16);
        batch_answer(s, third, TUESDAY);
        turn_run(s->turn, third);
        assert_true(text_is(third->parcels->channel->name, "slack-ana"));
}

/* Each time with other words, as some receivers do. */
static void operators_hear_of_a_channel_once_whatever_it_says(void **state)
{
        Scene *s = *state;
        size_t operator_messages = 0;
        for (int i = 0; i < 5; i++) {
                CLEANUP(batch_freep) Batch *batch = batch_at(s, TUESDAY, 16);
                batch_answer(s, batch, TUESDAY);
                turn_run(s->turn, batch);
                CLEANUP(batch_freep) Batch *after = batch_at(s, TUESDAY, 16);
                Text detail = arena_textf(s->arena, "error %d", i);
                for (Parcel *p = batch->parcels; p; p = p->next)
                        if (p->message == MESSAGE_ALERT)
                                batch_add(after, INPUT_RESULT)->result =
                                        (Result){ .parcel = p, .fate = FATE_PERMANENT, .detail = detail };
                turn_run(s->turn, after);
                operator_messages += count_of(batch, MESSAGE_OPERATOR) + count_of(after, MESSAGE_OPERATOR);
        }
        assert_int_equal(operator_messages, 1);
}

/* ---- policies --------------------------------------------------------------------------------------------------- */

static void the_archive_knows_a_version_that_is_in_no_file_any_more(void **state)
{
        Scene *s = *state;
        CLEANUP(report_freep) Report *report = report_new();
        CLEANUP(config_unrefp) Config *without = NULL;
        Text message = TEXT_NONE;
        assert_int_equal(config_load(CONFIG, TUESDAY, report, &without), 0);
        Policy *changed = (Policy *)(uintptr_t)config_policy(without, TEXT("one-day"));
        changed->text = TEXT("policy = { name = \"one-day\"; version = 3; };");
        assert_int_equal(turn_adopt(s->turn, without, TUESDAY, s->arena, &message), -EEXIST);
        assert_non_null(memmem(message.data, message.len, "one-day", 7));
        changed->version = 4;
        assert_int_equal(turn_adopt(s->turn, without, TUESDAY, s->arena, &message), 0);
        const Policy *old = turn_policy(s->turn, TEXT("one-day"), 3);
        assert_non_null(old);
        assert_int_equal(old->version, 3);
        assert_int_equal(old->rung_count, 5);
        assert_ptr_equal(turn_policy(s->turn, TEXT("one-day"), 3), old); /* read once */
        assert_null(turn_policy(s->turn, TEXT("one-day"), 9));
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, scene_begin, scene_end)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CLAIM(a_turn_that_failed_can_be_run_again),
                CLAIM(a_turn_that_fails_for_days_takes_no_more_memory),
                CLAIM(what_was_said_in_a_turn_that_failed_is_said_again),
                CLAIM(the_trace_of_a_record_goes_with_its_messages_also_when_the_turn_failed_first),
                CLAIM(what_waits_for_its_channel_is_withdrawn_when_the_customer_is_reached),
                CLAIM(what_waits_for_the_other_channel_is_withdrawn_when_one_was_faster),
                CLAIM(what_is_late_leaves_so_many_a_second_the_oldest_first_and_each_once),
                CLAIM(every_case_of_an_owner_who_has_left_is_handed_over_however_many_there_are),
                CLAIM(a_full_outbox_does_not_spin),
                CLAIM(what_finds_no_room_comes_later_each_once),
                CLAIM(more_cases_than_one_turn_takes_are_taken_by_the_next),
                CLAIM(a_broken_channel_is_tried_by_one_send_at_a_time_and_the_rest_waits_in_the_store),
                CLAIM(a_receiver_that_asks_for_an_hour_is_not_tried_before_and_its_reader_does_not_wait_so_long),
                CLAIM(what_comes_back_from_a_slow_channel_waits_in_the_store_and_others_have_their_room),
                CLAIM(a_host_that_does_not_answer_is_tried_by_one_send_for_all_its_channels_and_other_hosts_go_on),
                CLAIM(a_host_that_works_again_gets_what_waited_gently_over_all_its_channels_together),
                CLAIM(a_place_that_was_taken_in_a_turn_that_failed_is_free_again),
                CLAIM(only_a_delivery_that_has_failed_is_tried_again_by_hand),
                CLAIM(a_target_that_is_gone_comes_back_when_it_is_enabled),
                CLAIM(operators_hear_of_a_channel_once_whatever_it_says),
                CLAIM(the_archive_knows_a_version_that_is_in_no_file_any_more),
        };
        return cmocka_run_group_tests_name("turn", tests, NULL, NULL);
}
