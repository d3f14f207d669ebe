/* status.c - how it goes: for the service manager, Prometheus, a load balancer and an administrator. */
#include <stdio.h>
#include <systemd/sd-daemon.h>

#include "base/clock.h"
#include "inside.h"

static KafkaHealth kafka_health(const Service *s)
{
        Text words;
        return intake_health(s->intake, &words);
}

/* ---- figures ---------------------------------------------------------------------------------------------------- */

static void waits_find(Service *s, Turn *turn, WallTime now)
{
        Waits *found = &s->waits_found;
        found->arena = arena_free(found->arena);
        found->arena = arena_new(4096);
        if (turn_waiting(turn, now, found->arena, found->list, WAITS_MAX, &found->count) < 0)
                found->count = 0;
}

void service_waits_forget(Service *s)
{
        s->waits.arena = arena_free(s->waits.arena);
        s->waits_found.arena = arena_free(s->waits_found.arena);
}

static void counts_run(void *userdata, Turn *turn, WallTime now)
{
        Service *s = userdata;
        (void)!store_counts(turn_store(turn), now, &s->counts_found); /* on failure the last figures stay */
        waits_find(s, turn, now);
}

static void counts_done(void *userdata)
{
        Service *s = userdata;
        s->counts = s->counts_found;
        s->waits.arena = arena_free(s->waits.arena);
        s->waits = s->waits_found;
        s->waits_found = (Waits){ 0 };
        s->has_counts = true;
        service_letters_budget(s, 0);
        s->counts_under_way = false;
}

void service_counts_ask(Service *s)
{
        if (s->counts_under_way)
                return;
        s->counts_under_way = true;
        service_call(s, (Call){ .run = counts_run, .done = counts_done, .userdata = s });
}

static void answer_count(Service *s, const Answer *answer)
{
        Text outcome = answer->is_repeated ? TEXT("repeated") : answer->is_too_old ? TEXT("too_old") : TEXT("flagged");
        metrics_add(s->metrics, METRIC_RESPONSES, answer->source->name, outcome, 1);
        if (answer->opened)
                metrics_add(s->metrics, METRIC_CASES_OPENED, answer->rule->name, TEXT_NONE, 1);
}

static void answers_count(Service *s, const Batch *batch)
{
        for (size_t i = 0; i < batch->input_count; i++)
                if (batch->inputs[i].kind == INPUT_ANSWER)
                        answer_count(s, &batch->inputs[i].answer);
}

static void contacts_observe(Service *s, const Batch *batch)
{
        for (size_t i = 0; i < batch->input_count; i++) {
                const Act *act = batch->inputs[i].kind == INPUT_ACT ? batch->inputs[i].act : NULL;
                if (act && act->is_done && act->kind == EVENT_CONTACT &&
                    act->after.first_contact_at.us == batch->now.us)
                        metrics_observe(s->metrics, METRIC_FIRST_CONTACT, TEXT_NONE,
                                        (double)wall_since(batch->now, act->after.submitted_at).us / 1e6);
        }
}

void service_figures_add(Service *s, const Batch *batch)
{
        const TurnFigures *f = &batch->figures;
        service_letters_budget(s, f->dead_dropped);
        answers_count(s, batch);
        contacts_observe(s, batch);
        for (int i = 0; i < MESSAGE_MAX; i++)
                if (f->rungs[i] > 0)
                        metrics_add(s->metrics, METRIC_RUNGS, text_from(message_text((Message)i)), TEXT_NONE,
                                    (double)f->rungs[i]);
        if (f->rung_late_us > 0)
                metrics_observe(s->metrics, METRIC_RUNG_LATENESS, TEXT_NONE, (double)f->rung_late_us / 1e6);
        if (batch->commit_took.us > 0)
                metrics_observe(s->metrics, METRIC_STORE_COMMIT, TEXT_NONE, (double)batch->commit_took.us / 1e6);
}

/* Each answer counts once: what was flagged when it was read is counted when it is stored, by what it then was. All
 * outcomes of a source are there from the start. */
static void outcomes_flush(Service *s)
{
        static const struct {
                const char *name;
                Judged judged;
        } OUTCOMES[] = {
                { "satisfied", JUDGED_SATISFIED }, { "unjudgeable", JUDGED_UNJUDGEABLE },
                { "dead", JUDGED_DEAD },           { "flagged", JUDGED_MAX },
                { "repeated", JUDGED_MAX },        { "too_old", JUDGED_MAX },
        };
        for (size_t i = 0; i < MIN_OF(s->config->source_count, (size_t)SOURCES_MAX); i++) {
                const int64_t *judged = s->outcomes[i].judged;
                for (size_t j = 0; j < COUNT_OF(OUTCOMES); j++)
                        metrics_add(s->metrics, METRIC_RESPONSES, s->config->sources[i].name,
                                    text_from(OUTCOMES[j].name),
                                    OUTCOMES[j].judged < JUDGED_MAX ? (double)judged[OUTCOMES[j].judged] : 0);
                s->outcomes[i] = (OutcomeCounts){ 0 };
        }
}

static void lag_set(void *userdata, const PartitionView *view)
{
        Service *s = userdata;
        char number[16];
        (void)snprintf(number, sizeof(number), "%d", view->partition);
        if (view->end_offset >= 0 && view->next_offset >= 0)
                metrics_set(s->metrics, METRIC_CONSUMER_LAG, view->topic, text_from(number),
                            (double)MAX_OF(view->end_offset - view->next_offset, INT64_C(0)));
}

static void lane_set(void *userdata, const OutboxView *view)
{
        Service *s = userdata;
        metrics_set(s->metrics, METRIC_OUTBOX_MESSAGES, view->channel, TEXT_NONE, (double)(view->waiting + view->out));
}

static void gauges_set(Service *s)
{
        WallTime now = clock_wall();
        for (int state = CASE_OPEN; state < CASE_STATE_MAX; state++)
                metrics_set(s->metrics, METRIC_CASES, text_from(case_state_text((CaseState)state)), TEXT_NONE,
                            (double)s->counts.cases[state]);
        metrics_set(s->metrics, METRIC_CASES_OVERDUE, TEXT_NONE, TEXT_NONE, (double)s->counts.overdue);
        double oldest =
                s->counts.oldest_pending.us >= now.us ? 0 : (double)(now.us - s->counts.oldest_pending.us) / 1e6;
        metrics_set(s->metrics, METRIC_OUTBOX_OLDEST, TEXT_NONE, TEXT_NONE, s->has_counts ? oldest : 0);
        metrics_forget(s->metrics, METRIC_OUTBOX_MESSAGES);
        outbox_channels(s->outbox, lane_set, s);
        for (const ChannelHealth *h = s->channels; h; h = h->next)
                metrics_set(s->metrics, METRIC_CHANNEL_UP, text_from(h->name), TEXT_NONE, h->failures == 0);
        metrics_forget(s->metrics, METRIC_CONSUMER_LAG);
        intake_partitions(s->intake, lag_set, s);
        metrics_set(s->metrics, METRIC_RELOAD_SUCCESSFUL, TEXT_NONE, TEXT_NONE, s->reload_failed ? 0 : 1);
        metrics_set(s->metrics, METRIC_BACKUP_AGE, TEXT_NONE, TEXT_NONE, service_backup_age(s, now));
        metrics_set(s->metrics, METRIC_BUILD_INFO, TEXT(CLOSEDLOOP_VERSION), TEXT_NONE, 1);
        metrics_set(s->metrics, METRIC_RUNGS_HELD, TEXT_NONE, TEXT_NONE, (double)s->cases_held);
        metrics_add(s->metrics, METRIC_CLOCK_JUMP, TEXT_NONE, TEXT_NONE, 0);
        metrics_set(s->metrics, METRIC_KAFKA_UP, TEXT_NONE, TEXT_NONE, kafka_health(s) == KAFKA_OK);
        for (int health = 0; health < KAFKA_HEALTH_MAX; health++)
                metrics_set(s->metrics, METRIC_KAFKA_HEALTH, text_from(kafka_health_text((KafkaHealth)health)),
                            TEXT_NONE, kafka_health(s) == (KafkaHealth)health);
        metrics_set(s->metrics, METRIC_STORE_UP, TEXT_NONE, TEXT_NONE, s->store_words[0] == '\0');
}

static void on_metrics(void *userdata, Buffer *b)
{
        Service *s = userdata;
        outcomes_flush(s);
        gauges_set(s);
        metrics_write(s->metrics, b);
}

/* ---- health ----------------------------------------------------------------------------------------------------- */

static bool on_alive(void *userdata UNUSED, Buffer *words)
{
        buffer_put_literal(words, "ok\n");
        return true;
}

static bool on_ready(void *userdata, Buffer *words)
{
        Service *s = userdata;
        Text kafka_words = TEXT_NONE;
        KafkaHealth kafka = intake_health(s->intake, &kafka_words);
        if (s->store_words[0]) {
                buffer_putf(words, "store: %s\n", s->store_words);
                return false;
        }
        if (kafka == KAFKA_OK)
                buffer_put_literal(words, "ok\n");
        else
                buffer_putf(words, "kafka: %s: " TEXT_F "\n", kafka_health_text(kafka), TEXT_ARG(kafka_words));
        return service_kafka_is_ready(s) && !s->is_stopping;
}

const WebOps SERVICE_WEB_OPS = { .is_alive = on_alive, .is_ready = on_ready, .metrics = on_metrics };

typedef struct Lag {
        int64_t messages;
        size_t partitions, unknown;
        JsonWriter *w;
} Lag;

static void lag_add(void *userdata, const PartitionView *view)
{
        Lag *lag = userdata;
        lag->partitions++;
        if (view->end_offset < 0 || view->next_offset < 0)
                lag->unknown++;
        else
                lag->messages += MAX_OF(view->end_offset - view->next_offset, INT64_C(0));
        if (!lag->w)
                return;
        json_open(lag->w, '{');
        json_field_text(lag->w, "topic", view->topic);
        json_field_integer(lag->w, "partition", view->partition);
        json_field_integer(lag->w, "next_offset", view->next_offset);
        json_field_integer(lag->w, "end_offset", view->end_offset);
        json_close(lag->w, '}');
}

/* STATUS= of systemctl status: one line. */
void service_notify(Service *s, const char *state)
{
        Lag lag = { 0 };
        intake_partitions(s->intake, lag_add, &lag);
        CLEANUP(arena_freep) Arena *arena = arena_new(1024);
        Buffer b = buffer_in(arena);
        buffer_putf(&b, "%s\nSTATUS=Kafka %s, ", state, kafka_health_text(kafka_health(s)));
        buffer_put_count(&b, (int64_t)lag.partitions, "partition");
        buffer_put_literal(&b, ", ");
        buffer_put_count(&b, lag.messages, "answer");
        buffer_put_literal(&b, " behind; ");
        buffer_put_count(&b, s->counts.cases[CASE_OPEN], "case");
        buffer_putf(&b, " open, %lld overdue; ", (long long)s->counts.overdue);
        buffer_put_count(&b, (int64_t)outbox_count(s->outbox), "message");
        buffer_putf(&b, " on the way%s%s%s", s->clock.is_open ? "; CLOCK IN DOUBT, rungs are held" : "",
                    s->store_words[0] ? "; STORE: " : "", s->store_words);
        (void)sd_notify(0, buffer_text(&b).data);
}

/* ---- closedloopctl status --------------------------------------------------------------------------------------- */

static void kafka_status(Service *s, JsonWriter *w, Buffer *text)
{
        Text words = TEXT_NONE;
        KafkaHealth health = intake_health(s->intake, &words);
        Lag lag = { .w = w };
        json_key(w, "kafka");
        json_open(w, '{');
        json_field_text(w, "health", text_from(kafka_health_text(health)));
        json_field_text(w, "words", words);
        json_key(w, "partitions");
        json_open(w, '[');
        intake_partitions(s->intake, lag_add, &lag);
        json_close(w, ']');
        json_field_integer(w, "lag", lag.messages);
        json_field_text(w, "cluster", s->cluster ? text_from(s->cluster) : TEXT_NONE);
        json_field_integer(w, "gaps", s->gaps);
        json_field_integer(w, "gap_records", s->gap_records);
        json_close(w, '}');
        buffer_putf(text, "kafka        %s; ", kafka_health_text(health));
        buffer_put_count(text, (int64_t)lag.partitions, "partition");
        buffer_put_literal(text, ", ");
        buffer_put_count(text, lag.messages, "answer");
        buffer_put_literal(text, " behind");
        if (lag.unknown > 0)
                buffer_putf(text, " (of %zu not known yet)", lag.unknown);
        buffer_put_literal(text, "\n");
        if (s->gaps > 0)
                buffer_putf(text, "gaps         %lld, with %lld records that were never read: see v_gap\n",
                            (long long)s->gaps, (long long)s->gap_records);
}

static void cases_status(Service *s, JsonWriter *w, Buffer *text)
{
        const StoreCounts *c = &s->counts;
        json_key(w, "cases");
        json_open(w, '{');
        for (int state = CASE_OPEN; state < CASE_STATE_MAX; state++)
                json_field_integer(w, case_state_text((CaseState)state), c->cases[state]);
        json_field_integer(w, "overdue", c->overdue);
        json_close(w, '}');
        json_field_integer(w, "dead_letters", c->dead_letters);
        json_field_integer(w, "dead_letter_bytes", c->dead_letter_bytes);
        json_field_bool(w, "paused_by_dead_letters", s->letters_full);
        buffer_putf(text, "cases        %lld open, %lld of them past their window; %lld contacted; %lld closed\n",
                    (long long)c->cases[CASE_OPEN], (long long)c->overdue, (long long)c->cases[CASE_CONTACTED],
                    (long long)c->cases[CASE_CLOSED]);
        if (c->dead_letters > 0) {
                buffer_put_literal(text, "set aside    ");
                buffer_put_count(text, c->dead_letters, "record");
                buffer_put_literal(text, " that could not be read: closedloopctl dead-letters\n");
                if (s->letters_full)
                        buffer_put_literal(text, "             no room for more of them: READING HAS PAUSED\n");
        }
}

static void lane_status(void *userdata, const OutboxView *view)
{
        JsonWriter *w = userdata;
        json_open(w, '{');
        json_field_text(w, "channel", view->channel);
        json_field_integer(w, "waiting", (int64_t)view->waiting);
        json_field_integer(w, "out", (int64_t)view->out);
        json_close(w, '}');
}

static void outbox_status(Service *s, JsonWriter *w, Buffer *text)
{
        json_key(w, "outbox");
        json_open(w, '{');
        json_field_integer(w, "pending", s->counts.deliveries_pending);
        json_field_integer(w, "failed", s->counts.deliveries_failed);
        json_key(w, "channels");
        json_open(w, '[');
        outbox_channels(s->outbox, lane_status, w);
        json_close(w, ']');
        json_close(w, '}');
        buffer_putf(text, "messages     %lld to be sent, %zu on their way", (long long)s->counts.deliveries_pending,
                    outbox_count(s->outbox));
        if (s->counts.deliveries_failed > 0)
                buffer_putf(text, "; %lld failed: closedloopctl deliveries --failed",
                            (long long)s->counts.deliveries_failed);
        buffer_put_literal(text, "\n");
}

static void channels_status(Service *s, JsonWriter *w)
{
        json_key(w, "channels");
        json_open(w, '[');
        for (const ChannelHealth *h = s->channels; h; h = h->next) {
                json_open(w, '{');
                json_field_text(w, "channel", text_from(h->name));
                json_field_bool(w, "works", h->failures == 0);
                if (h->failures > 0) {
                        json_field_integer(w, "failures", h->failures);
                        json_field_time(w, "since", h->failing_since);
                        json_field_text(w, "words", text_from(h->detail));
                }
                json_close(w, '}');
        }
        json_close(w, ']');
}

static void times_status(Service *s, JsonWriter *w, Buffer *text)
{
        char buffer[ISO8601_BYTES];
        int64_t up = wall_since(clock_wall(), s->started_at).us / 1000000;
        json_field_text(w, "version", TEXT(CLOSEDLOOP_VERSION));
        json_field_integer(w, "uptime_seconds", up);
        json_field_integer(w, "answers_read", s->figures_answers);
        json_field_time(w, "configuration_loaded_at", s->reloaded_at);
        json_field_bool(w, "last_reload_successful", !s->reload_failed);
        buffer_putf(text, "closedloopd  %s, up %lld:%02lld:%02lld, ", CLOSEDLOOP_VERSION, (long long)(up / 3600),
                    (long long)(up / 60 % 60), (long long)(up % 60));
        buffer_put_count(text, s->figures_answers, "answer");
        buffer_put_literal(text, " read\n");
        buffer_putf(text, "config       loaded " TEXT_F "%s\n", TEXT_ARG(wall_format(s->reloaded_at, buffer)),
                    s->reload_failed ? "; the last reload was refused" : "");
}

void service_status(Service *s, JsonWriter *w, Buffer *text)
{
        service_story(s, w, text);
        times_status(s, w, text);
        kafka_status(s, w, text);
        json_key(w, "store");
        json_put_text(w, s->store_words[0] ? text_from(s->store_words) : TEXT("ok"));
        buffer_putf(text, "store        %s", s->store_words[0] ? "see above" : "ok");
        service_check_status(s, w, text);
        buffer_put_char(text, '\n');
        service_backup_status(s, w, text);
        service_clock_status(s, w, text);
        cases_status(s, w, text);
        outbox_status(s, w, text);
        channels_status(s, w);
}
