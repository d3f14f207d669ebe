/* sends.c - parcels to the notifier, their fate into the next batch; dead letters to their topic. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/notice.h"
#include "inside.h"

enum {
        HOST_FAILURES_LOGGED = 4
};

void service_send(void *userdata, Parcel *parcel)
{
        Service *s = userdata;
        notifier_send(s->notifier, parcel, clock_wall());
}

static Fate fate_of(SendClass class)
{
        switch (class) {
        case SEND_ACCEPTED:
                return FATE_ACCEPTED;
        case SEND_TEMPORARY:
                return FATE_TEMPORARY;
        case SEND_PERMANENT:
                return FATE_PERMANENT;
        case SEND_GONE:
                return FATE_GONE;
        case SEND_CLASS_MAX:
        default:
                must(false);
        }
}

static void failure_log(const Parcel *parcel, const SendResult *result)
{
        int64_t number = parcel->c ? parcel->c->number : 0;
        notice_log(result->class == SEND_GONE        ? NOTICE_CHANNEL_GONE
                   : result->class == SEND_PERMANENT ? NOTICE_DELIVERY_REFUSED
                                                     : NOTICE_DELIVERY_FAILED,
                   about_delivery(number, parcel->delivery, parcel->channel->name),
                   "delivery %lld of case %lld to \"" TEXT_F "\" over channel \"" TEXT_F "\", try %d: %s",
                   (long long)parcel->delivery, (long long)number, TEXT_ARG(parcel->recipient),
                   TEXT_ARG(parcel->channel->name), parcel->attempts + 1, result->detail);
}

static ChannelHealth *health_of(ChannelHealth **list, Text name)
{
        for (ChannelHealth *h = *list; h; h = h->next)
                if (text_is(name, h->name))
                        return h;
        ChannelHealth *h = calloc(1, sizeof(*h));
        must(h != NULL);
        h->name = strndup(name.data, name.len);
        must(h->name != NULL);
        h->next = *list;
        *list = h;
        return h;
}

static void healths_forget(ChannelHealth **list)
{
        while (*list) {
                ChannelHealth *h = *list;
                *list = h->next;
                free(h->name);
                free(h);
        }
}

void service_channels_forget(Service *s)
{
        healths_forget(&s->channels);
        healths_forget(&s->hosts);
}

static void result_add(Service *s, Parcel *parcel, Fate fate, const SendResult *result)
{
        Input *input = batch_add(s->gather, INPUT_RESULT);
        input->result = (Result){
                .parcel = parcel,
                .fate = fate,
                .code = result->code,
                .is_of_target = result->is_of_target,
                .is_of_host = result->is_of_host,
                .retry_after = result->retry_after,
                .detail = arena_text(s->gather->arena, text_from(result->said[0] ? result->said : result->detail)),
        };
        service_results_wait(s);
}

static void parcel_give_back(void *userdata, Parcel *parcel)
{
        const SendResult result = { .detail = "" };
        result_add(userdata, parcel, FATE_UNTRIED, &result);
}

/* What waits for a receiver that does not work, or has waited too long for one that is slow, would fill the outbox, and
 * with it everybody's way out and the way in: the store keeps it. */
void service_lanes_relieve(Service *s)
{
        if (!s->is_stopping)
                outbox_age(s->outbox, LANE_SECONDS_MAX, parcel_give_back, s);
}

void service_lanes_break(Service *s, const Text *channels, size_t count)
{
        for (size_t i = 0; i < count && !s->is_stopping; i++)
                outbox_give_back(s->outbox, channels[i], parcel_give_back, s);
}

/* Has so much failed there in a row, over several channels, that this failure is no news? */
static bool host_note(Service *s, const Parcel *parcel, ChannelHealth *channel, const SendResult *result)
{
        ChannelHealth *host = health_of(&s->hosts, parcel->channel->target);
        channel->host = host;
        bool was_known = host->failures > HOST_FAILURES_LOGGED && !host->only;
        if (result->is_of_host) {
                if (host->failures++ == 0)
                        host->only = channel;
                else if (host->only != channel)
                        host->only = NULL;
                return was_known;
        }
        if (was_known)
                notice_log(NOTICE_CHANNEL_WORKS, about_channel(parcel->channel->name),
                           "all channels of %s, after %lld failures", host->name, (long long)host->failures);
        for (ChannelHealth *h = was_known ? s->channels : NULL; h; h = h->next)
                h->is_logged &= h->host != host;
        host->failures = 0;
        return false;
}

/* One failure is logged once: of a receiver that does not work the first, and that it works again. */
static void health_note(Service *s, const Parcel *parcel, const SendResult *result)
{
        ChannelHealth *h = health_of(&s->channels, parcel->channel->name);
        bool is_of_known_host = host_note(s, parcel, h, result);
        if (result->class == SEND_ACCEPTED) {
                if (h->failures > 1 && h->is_logged)
                        notice_log(NOTICE_CHANNEL_WORKS, about_channel(parcel->channel->name),
                                   "channel \"%s\", after %lld failures", h->name, (long long)h->failures);
                h->failures = 0;
                h->is_logged = false;
                return;
        }
        bool is_known = h->failures > 1 && result->class == SEND_TEMPORARY && result->is_of_target;
        if (!is_known && !is_of_known_host) {
                failure_log(parcel, result);
                h->is_logged = true;
        }
        if (!result->is_of_target)
                return;
        if (h->failures++ == 0)
                h->failing_since = clock_wall();
        h->class = result->class;
        memcpy(h->detail, result->detail, sizeof(h->detail));
}

void service_on_sent(void *userdata, Parcel *parcel, const SendResult *result)
{
        Service *s = userdata;
        metrics_add(s->metrics, METRIC_DELIVERIES, parcel->channel->name, text_from(send_class_text(result->class)), 1);
        if (result->is_unknown)
                metrics_add(s->metrics, METRIC_POSSIBLE_REPEATS, parcel->channel->name, TEXT_NONE, 1);
        metrics_observe(s->metrics, METRIC_DELIVERY_SECONDS, parcel->channel->name, (double)result->took.us / 1e6);
        health_note(s, parcel, result);
        result_add(s, parcel, fate_of(result->class), result);
}

/* ---- dead letters ----------------------------------------------------------------------------------------------- */

static const char *letter_words(int error)
{
        switch (error) {
        case -ENOENT:
                return "there is no such topic";
        case -EACCES:
                return "not allowed to write to it";
        case -ETIMEDOUT:
                return "no broker has taken them in time";
        default:
                return strerror(-error);
        }
}

/* For good, if it is too large: then it is in the store and nowhere else. */
static void letter_failed(Service *s, int64_t row, int error)
{
        if (error == -EMSGSIZE || error == -EBADMSG) {
                notice_log(NOTICE_DEAD_LETTER_KEPT, about_topic(s->config->kafka.dead_letters),
                           "number %lld is %s for topic \"" TEXT_F "\"", (long long)row,
                           error == -EMSGSIZE ? "too large" : "not fit", TEXT_ARG(s->config->kafka.dead_letters));
                Input *input = batch_add(s->gather, INPUT_LETTER);
                input->letter.row = row;
                input->letter.state = DEAD_LETTER_KEPT;
                return;
        }
        if (error != s->letters_error && error != -ENOBUFS)
                notice_log(NOTICE_DEAD_LETTERS_WAIT, about_topic(s->config->kafka.dead_letters), "\"" TEXT_F "\": %s",
                           TEXT_ARG(s->config->kafka.dead_letters), letter_words(error));
        s->letters_error = error;
}

void service_on_letter(void *userdata, int64_t row, int error)
{
        Service *s = userdata;
        s->letters_out -= s->letters_out > 0;
        if (error < 0) {
                letter_failed(s, row, error);
        } else {
                Input *input = batch_add(s->gather, INPUT_LETTER);
                input->letter.row = row;
                input->letter.state = DEAD_LETTER_PUBLISHED;
                s->letters_error = 0;
        }
        service_submit_if_due(s);
}

/* What cannot be written now is pending in the store, and asked for again. */
void service_letters_write(Service *s, const DeadLetterRow *rows, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                DeadLetter letter = {
                        .row = rows[i].row,
                        .place = rows[i].place,
                        .reason = rows[i].reason,
                        .key = rows[i].key,
                        .value = rows[i].value,
                        .headers = rows[i].headers,
                };
                int r = intake_write_dead_letter(s->intake, &letter);
                if (r < 0)
                        letter_failed(s, letter.row, r);
                else
                        s->letters_out++;
                if (r == -ENOBUFS)
                        return;
        }
}

enum {
        LETTERS_AT_ONCE = 64,
        LETTERS_TICKS = 60
};

typedef struct LettersCall {
        Service *service;
        Arena *arena;
        DeadLetterRow rows[LETTERS_AT_ONCE];
        size_t count;
} LettersCall;

static int letter_visit(void *userdata, const DeadLetterRow *row)
{
        LettersCall *call = userdata;
        if (call->count < LETTERS_AT_ONCE)
                call->rows[call->count++] = *row;
        return 0;
}

static void letters_run(void *userdata, Turn *turn, WallTime now UNUSED)
{
        LettersCall *call = userdata;
        (void)!store_dead_letters(turn_store(turn), DEAD_LETTER_PENDING, LETTERS_AT_ONCE, call->arena, letter_visit,
                                  call);
}

/* What the same batch has set aside is on its way already, and among the pending ones: later then. */
static void letters_done(void *userdata)
{
        LettersCall *call = userdata;
        Service *s = call->service;
        s->letters_more = s->letters_out > 0 || call->count == LETTERS_AT_ONCE;
        if (s->letters_out == 0)
                service_letters_write(s, call->rows, call->count);
        (void)arena_free(call->arena);
        free(call);
}

/* What was left pending by a crash, by a topic that refused or by a crowd. */
static void letters_ask(Service *s)
{
        LettersCall *call = calloc(1, sizeof(*call));
        must(call != NULL);
        call->service = s;
        call->arena = arena_new(4096);
        service_call(s, (Call){ .run = letters_run, .done = letters_done, .userdata = call });
}

/* Not before there are results of the last ones: they would be written twice. At once, if there are more and they can
 * be written; else each minute. */
void service_letters_tick(Service *s)
{
        bool is_time = s->letters_ticks++ % LETTERS_TICKS == 0;
        if (!s->config->kafka.dead_letters.data || s->letters_out > 0)
                return;
        if (is_time || (s->letters_more && s->letters_error == 0))
                letters_ask(s);
}

/* As of the last look at the store, which is each second: until then some more may have come. */
void service_letters_budget(Service *s, int64_t dropped)
{
        if (dropped > 0 && !s->letters_dropped) {
                s->letters_dropped = true;
                notice_log_plain(NOTICE_DEAD_LETTERS_DROPPED, ABOUT_NOTHING);
                service_tell_operators(s,
                                       "so many records cannot be read that the oldest of them were dropped from the "
                                       "store; where they stand in Kafka is still known: closedloopctl dead-letters");
        }
        bool is_full =
                s->config->pauses_for_dead_letters && s->counts.dead_letter_bytes >= s->config->dead_letter_bytes_max;
        if (is_full == s->letters_full)
                return;
        s->letters_full = is_full;
        if (!is_full) {
                notice_log_plain(NOTICE_DEAD_LETTERS_ROOM, ABOUT_NOTHING);
                return;
        }
        notice_log_plain(NOTICE_DEAD_LETTERS_FULL, ABOUT_NOTHING);
        service_tell_operators(s,
                               "so many records cannot be read that there is no room for more of them, and reading has "
                               "paused: closedloopctl dead-letters says why they cannot be read");
}
