/* batches.c - group commit by itself: a batch is what arrived while the last one was being committed. */
#include <errno.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/notice.h"
#include "inside.h"

static const uint64_t RETRY_US = 5 * 1000000;

void service_gather_renew(Service *s)
{
        s->gather = batch_new(s->config);
}

static bool has_moves(const Service *s)
{
        for (size_t i = 0; i < s->partition_count; i++)
                if (s->partitions[i].next_offset != s->partitions[i].stored_offset)
                        return true;
        return false;
}

static void batch_submit(Service *s, Batch *batch)
{
        must(turn_thread_is_idle(s->thread) && !s->failed);
        size_t busy = outbox_count(s->outbox);
        batch->parcels_wanted = s->is_stopping || busy >= OUTBOX_ROOM_MAX ? 0 : OUTBOX_ROOM_MAX - busy;
        batch->submitted_at = clock_mono();
        s->lent_answers = batch->answer_count;
        turn_thread_submit(s->thread, batch);
}

static void older_submit(Service *s)
{
        Batch *batch = s->older;
        s->older = NULL;
        batch_submit(s, batch);
}

static void gather_submit(Service *s)
{
        Batch *batch = s->gather;
        service_moves_add(s, batch);
        s->wants_turn = false;
        s->results_waiting = 0;
        service_gather_renew(s);
        batch_submit(s, batch);
}

/* Results ride with the next batch, for a moment: a commit of their own costs as much as a case. Where lanes are full
 * they wait until half of what is out has come back, so that the other half keeps the receivers busy meanwhile; and
 * never when there are many, since until then a crash would repeat them. */
static bool only_results(const Service *s)
{
        if (s->gather->input_count > s->results_waiting || s->results_waiting >= RESULTS_MAX || s->is_stopping)
                return false;
        return !outbox_is_waiting(s->outbox) || s->results_waiting * 2 < outbox_out(s->outbox);
}

static void retry_submit(Service *s)
{
        Batch *batch = s->failed;
        s->failed = NULL;
        s->retry_is_due = false;
        turn_thread_submit(s->thread, batch);
}

static bool is_urgent(const Input *input)
{
        return input->kind == INPUT_ACT || input->kind == INPUT_CALL;
}

static void urgent_move(Batch *from, Batch *to)
{
        size_t kept = 0;
        for (size_t i = 0; i < from->input_count; i++) {
                if (is_urgent(&from->inputs[i]))
                        *batch_add(to, from->inputs[i].kind) = from->inputs[i];
                else
                        from->inputs[kept++] = from->inputs[i];
        }
        from->input_count = kept;
        to->wants_probe |= from->wants_probe;
        from->wants_probe = false;
}

/* While a batch waits for the store: what people do and ask is tried on its own, and answered in any case. Answers and
 * results come after what waits, in their order. */
static void urgent_submit(Service *s)
{
        Batch *batch = batch_new(s->config);
        urgent_move(s->gather, batch);
        batch->is_urgent = true;
        turn_thread_submit(s->thread, batch);
}

static bool has_urgent(const Service *s)
{
        for (size_t i = 0; i < s->gather->input_count; i++)
                if (is_urgent(&s->gather->inputs[i]))
                        return true;
        return false;
}

/* Satisfied answers alone wait for the tick: their offsets cost a commit, not more often than each second. */
void service_submit_if_due(Service *s)
{
        if (!turn_thread_is_idle(s->thread))
                return;
        if (s->failed) {
                if (s->retry_is_due)
                        retry_submit(s);
                else if (has_urgent(s))
                        urgent_submit(s);
                return;
        }
        if (s->older)
                older_submit(s);
        else if (s->wants_turn || (s->gather->input_count > 0 && !only_results(s)) || (s->is_stopping && has_moves(s)))
                gather_submit(s);
}

/* What was gathered so far was judged by the old configuration, and goes to the store with it before anything else
 * does; what people do and ask has not been looked at yet. */
void service_gather_change(Service *s)
{
        must(!s->older);
        Batch *older = s->gather;
        service_gather_renew(s);
        urgent_move(older, s->gather);
        if (older->input_count == 0) {
                (void)batch_free(older);
                return;
        }
        service_moves_add(s, older);
        s->results_waiting = 0;
        s->older = older;
        service_submit_if_due(s);
}

static int on_results(sd_event_source *source UNUSED, uint64_t usec UNUSED, void *userdata)
{
        Service *s = userdata;
        s->wants_turn |= s->results_waiting > 0;
        service_submit_if_due(s);
        return 0;
}

void service_results_wait(Service *s)
{
        if (s->results_waiting++ == 0) {
                if (!s->results)
                        must(sd_event_add_time_relative(s->event, &s->results, CLOCK_MONOTONIC, RESULTS_US, 1000,
                                                        on_results, s) >= 0);
                (void)sd_event_source_set_time_relative(s->results, RESULTS_US);
                (void)sd_event_source_set_enabled(s->results, SD_EVENT_ONESHOT);
        }
        service_submit_if_due(s);
}

static int on_wake(sd_event_source *source UNUSED, uint64_t usec UNUSED, void *userdata)
{
        Service *s = userdata;
        s->wants_turn = true;
        service_submit_if_due(s);
        return 0;
}

/* One timer on the wall clock: an instant in the past fires at once, a step of the clock moves with it. */
static void wake_arm(Service *s, const Batch *batch)
{
        if (batch->has_more) {
                s->wants_turn = true;
                return;
        }
        if (batch->wake_at.us == WALL_NEVER.us) {
                if (s->wake)
                        (void)sd_event_source_set_enabled(s->wake, SD_EVENT_OFF);
                return;
        }
        uint64_t at = (uint64_t)MAX_OF(batch->wake_at.us, INT64_C(1));
        if (!s->wake) {
                must(sd_event_add_time(s->event, &s->wake, CLOCK_REALTIME, at, 1000, on_wake, s) >= 0);
                (void)sd_event_source_set_description(s->wake, "next-due");
                return;
        }
        (void)sd_event_source_set_time(s->wake, at);
        (void)sd_event_source_set_enabled(s->wake, SD_EVENT_ONESHOT);
}

static void results_settle(Service *s, Batch *batch)
{
        for (size_t i = 0; i < batch->input_count; i++)
                if (batch->inputs[i].kind == INPUT_RESULT)
                        outbox_settle(s->outbox, batch->inputs[i].result.parcel);
}

static void acts_done(Batch *batch)
{
        for (size_t i = 0; i < batch->input_count; i++) {
                Act *act = batch->inputs[i].kind == INPUT_ACT ? batch->inputs[i].act : NULL;
                if (act && act->done)
                        act->done(act->userdata, act);
        }
}

static void calls_done(Batch *batch)
{
        for (size_t i = 0; i < batch->input_count && batch->calls_ran; i++) {
                const Input *input = &batch->inputs[i];
                if (input->kind == INPUT_CALL && input->call.done)
                        input->call.done(input->call.userdata);
        }
}

static bool is_withdrawn(const void *userdata, const Parcel *parcel)
{
        return batch_withdraws(userdata, parcel);
}

/* Not a result that waits for company: the turn thread may be asked for something else before this one is settled. */
static void parcel_withdraw(void *userdata, Parcel *parcel)
{
        Service *s = userdata;
        batch_add(s->gather, INPUT_RESULT)->result =
                (Result){ .parcel = parcel, .fate = FATE_WITHDRAWN, .detail = TEXT("") };
}

static void parcels_send(Service *s, Batch *batch)
{
        outbox_add(s->outbox, steal(batch->parcels));
        if (batch->withdrawal_count > 0) /* before a place becomes free for one of them */
                outbox_withdraw(s->outbox, is_withdrawn, batch, parcel_withdraw, s);
        results_settle(s, batch);
        outbox_send(s->outbox);
}

static void words_set(Service *s, const char *words, Text why)
{
        (void)snprintf(s->store_words, sizeof(s->store_words), "%s%s" TEXT_F, words, why.len > 0 ? ": " : "",
                       TEXT_ARG(why));
}

/* The turn has given up what was kept for a full disk, or could keep it again. */
static void low_follow(Service *s, const Batch *batch)
{
        if (batch->is_low == s->is_low)
                return;
        s->is_low = batch->is_low;
        if (s->is_low) {
                words_set(s, "the disk is full: no answer is read; what people do is still recorded", TEXT_NONE);
                notice_log_plain(NOTICE_STORE_LOW, ABOUT_NOTHING);
        }
}

static void batch_done(Service *s, Batch *batch)
{
        low_follow(s, batch);
        if (s->store_words[0] && !s->is_low && !batch->is_urgent) {
                notice_log_plain(NOTICE_STORE_AGAIN, ABOUT_NOTHING);
                s->store_words[0] = '\0';
        }
        parcels_send(s, batch);
        s->lent_answers = batch->is_urgent ? s->lent_answers : 0;
        service_lanes_break(s, batch->broken, batch->broken_count);
        service_letters_write(s, batch->letters, batch->letter_count);
        service_figures_add(s, batch);
        acts_done(batch);
        calls_done(batch);
        wake_arm(s, batch);
        (void)batch_free(batch);
}

/* Another instance, or an operator, has moved an offset: what was read is dropped and read again from where the
 * database stands. What people did and what became of deliveries stays. */
static void batch_fenced(Service *s, Batch *batch)
{
        notice_log_plain(NOTICE_OFFSET_CONFLICT, ABOUT_NOTHING);
        metrics_add(s->metrics, METRIC_OFFSET_CONFLICTS, TEXT_NONE, TEXT_NONE, 1);
        size_t kept = 0;
        for (size_t i = 0; i < batch->input_count; i++) {
                Input *input = &batch->inputs[i];
                if (!input_is_of_log(input))
                        batch->inputs[kept++] = *input;
                else if (input->kind == INPUT_ANSWER)
                        (void)parcel_arena_drop(input->answer.memory);
        }
        batch_cut(batch, kept);
        s->lent_answers = batch->answer_count;
        batch->move_count = 0;
        service_partitions_forget(s);
        s->failed = batch;
}

static int on_retry(sd_event_source *source UNUSED, uint64_t usec UNUSED, void *userdata)
{
        Service *s = userdata;
        s->retry_is_due = true;
        service_submit_if_due(s);
        return 0;
}

static void retry_arm(Service *s, uint64_t us)
{
        s->retry = sd_event_source_unref(s->retry);
        must(sd_event_add_time_relative(s->event, &s->retry, CLOCK_MONOTONIC, us, 0, on_retry, s) >= 0);
        (void)sd_event_source_set_description(s->retry, "retry-batch");
}

/* Whoever waits for an answer gets one; only what nobody waits for is tried again. */
static void urgent_answer(Batch *batch)
{
        for (size_t i = 0; i < batch->input_count; i++) {
                Act *act = batch->inputs[i].kind == INPUT_ACT ? batch->inputs[i].act : NULL;
                if (!act)
                        continue;
                act->is_done = act->is_repeated = false;
                act->is_put_off = true;
                act->reason = arena_textf(batch->arena, TEXT_F, TEXT_ARG(batch->error_text)).data;
        }
        acts_done(batch);
        calls_done(batch);
        size_t kept = 0;
        for (size_t i = 0; i < batch->input_count; i++)
                if (!is_urgent(&batch->inputs[i]))
                        batch->inputs[kept++] = batch->inputs[i];
        batch->input_count = kept;
}

/* The files stay as they are. What was not committed is read again from Kafka after a start. */
static void store_leave(Service *s, Batch *batch)
{
        int failure = batch->store_failure;
        if (failure == -EIO)
                notice_log(NOTICE_STORE_FAILED, ABOUT_NOTHING, TEXT_F, TEXT_ARG(batch->error_text));
        else
                notice_log(NOTICE_STORE_DAMAGED, ABOUT_NOTHING, TEXT_F ". " STORE_WAY_OUT, TEXT_ARG(batch->error_text));
        s->exit_code = failure == -EIO ? EX_IOERR : EX_DATAERR;
        (void)sd_event_exit(s->event, s->exit_code);
        if (batch->error == 0) {
                batch_done(s, batch);
                return;
        }
        urgent_answer(batch);
        s->failed = batch_free(s->failed);
        s->failed = batch;
}

static void batch_failed(Service *s, Batch *batch, bool was_hanging)
{
        if (batch->error == -ESTALE) {
                batch_fenced(s, batch);
                retry_arm(s, 1000);
                return;
        }
        if (!s->store_words[0] || s->is_low || was_hanging)
                notice_log(NOTICE_STORE_WAITING, ABOUT_NOTHING, TEXT_F, TEXT_ARG(batch->error_text));
        s->is_low = false; /* worse than that */
        words_set(s, "cannot be written to", batch->error_text);
        urgent_answer(batch);
        if (batch->is_urgent) {
                (void)batch_free(batch);
                return;
        }
        s->failed = batch;
        retry_arm(s, RETRY_US);
}

/* A disk that neither does nor refuses: whoever asks is told, and so is the log. The thread gives a batch back each
 * second, if only the one that proves it alive. */
void service_hang_watch(Service *s)
{
        static const Span PATIENCE = { 5 * INT64_C(1000000) };
        Span silent = mono_since(clock_mono(), s->returned_at);
        if (turn_thread_is_idle(s->thread) || silent.us < PATIENCE.us)
                return;
        bool is_new = !s->is_hanging;
        s->is_hanging = true;
        (void)snprintf(s->store_words, sizeof(s->store_words), "no answer for %lld seconds",
                       (long long)silent.us / 1000000);
        if (is_new)
                notice_log_plain(NOTICE_STORE_HANGS, ABOUT_NOTHING);
}

int service_on_batch(sd_event_source *source UNUSED, int fd UNUSED, uint32_t revents UNUSED, void *userdata)
{
        Service *s = userdata;
        Batch *batch = turn_thread_take(s->thread);
        if (!batch)
                return 0;
        bool was_hanging = s->is_hanging;
        s->is_hanging = false;
        s->returned_at = clock_mono();
        service_clock_note(s, batch);
        if (batch->store_failure != 0) {
                store_leave(s, batch);
                return 0;
        }
        if (batch->error == 0)
                batch_done(s, batch);
        else
                batch_failed(s, batch, was_hanging);
        service_intake_continue(s);
        service_submit_if_due(s);
        return 0;
}
