/* sends.c - parcels to the notifier, their fate into the next batch; dead letters to their topic. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "inside.h"

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
        log_warning("delivery %lld (case %lld, \"" TEXT_F "\") over channel \"" TEXT_F "\" failed (%s, try %d): %s",
                    (long long)parcel->delivery, parcel->c ? (long long)parcel->c->number : 0LL, TEXT_ARG(parcel->recipient),
                    TEXT_ARG(parcel->channel->name), send_class_text(result->class), parcel->attempts + 1, result->detail);
}

static ChannelHealth *channel_health(Service *s, Text name)
{
        for (ChannelHealth *h = s->channels; h; h = h->next)
                if (text_is(name, h->name))
                        return h;
        ChannelHealth *h = calloc(1, sizeof(*h));
        must(h != NULL);
        h->name = strndup(name.data, name.len);
        must(h->name != NULL);
        h->next = s->channels;
        s->channels = h;
        return h;
}

void service_channels_forget(Service *s)
{
        while (s->channels) {
                ChannelHealth *h = s->channels;
                s->channels = h->next;
                free(h->name);
                free(h);
        }
}

static void health_note(Service *s, const Parcel *parcel, const SendResult *result)
{
        ChannelHealth *h = channel_health(s, parcel->channel->name);
        if (result->class == SEND_ACCEPTED) {
                h->failures = 0;
                return;
        }
        if (h->failures++ == 0)
                h->failing_since = clock_wall();
        memcpy(h->detail, result->detail, sizeof(h->detail));
}

void service_on_sent(void *userdata, Parcel *parcel, const SendResult *result)
{
        Service *s = userdata;
        if (result->class != SEND_ACCEPTED)
                failure_log(parcel, result);
        health_note(s, parcel, result);
        metrics_add(s->metrics, METRIC_DELIVERIES, parcel->channel->name, text_from(send_class_text(result->class)), 1);
        metrics_observe(s->metrics, METRIC_DELIVERY_SECONDS, parcel->channel->name, (double)result->took.us / 1e6);
        Input *input = batch_add(s->gather, INPUT_RESULT);
        input->result = (Result){
                .parcel = parcel,
                .fate = fate_of(result->class),
                .code = result->code,
                .retry_after = result->retry_after,
                .detail = arena_text(s->gather->arena, text_from(result->detail)),
        };
        service_results_wait(s);
}

/* ---- dead letters ----------------------------------------------------------------------------------------------- */

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
                if (r < 0 && r != -ENOBUFS)
                        log_warning("could not write dead letter %lld to its topic: %s. It is kept and tried again",
                                    (long long)rows[i].row, strerror(-r));
                if (r < 0)
                        return; /* they are pending in the store: asked for again each minute */
        }
}

typedef struct LettersCall {
        Service *service;
        Arena *arena;
        DeadLetterRow rows[64];
        size_t count;
} LettersCall;

static int letter_visit(void *userdata, const DeadLetterRow *row)
{
        LettersCall *call = userdata;
        if (call->count < COUNT_OF(call->rows))
                call->rows[call->count++] = *row;
        return 0;
}

static void letters_run(void *userdata, Turn *turn, WallTime now UNUSED)
{
        LettersCall *call = userdata;
        (void)!store_dead_letters(turn_store(turn), DEAD_LETTER_PENDING, COUNT_OF(call->rows), call->arena, letter_visit, call);
}

static void letters_done(void *userdata)
{
        LettersCall *call = userdata;
        service_letters_write(call->service, call->rows, call->count);
        (void)arena_free(call->arena);
        free(call);
}

/* What was left pending by a crash or by a topic that refused. */
void service_letters_ask(Service *s)
{
        if (!s->config->kafka.dead_letters.data)
                return;
        LettersCall *call = calloc(1, sizeof(*call));
        must(call != NULL);
        call->service = s;
        call->arena = arena_new(4096);
        service_call(s, (Call){ .run = letters_run, .done = letters_done, .userdata = call });
}
