#include "notify/notifier.h"

#include <errno.h>
#include <stdlib.h>

#include "notify/answer.h"
#include "notify/email.h"
#include "notify/receiver.h"
#include "notify/signature.h"
#include "notify/telling.h"
#include "notify/transport.h"
#include "notify/webhook.h"

/* A parcel goes   send -> waiting (while all exchanges are busy) -> under way -> done
 *                    `--> refused (our own checks: from the loop, like every result) --> done */

/* One that waits, or was refused. */
typedef struct Entry Entry;
struct Entry {
        Entry *next;
        Parcel *parcel;
        WallTime now; /* when it was to be sent */
        MonoTime since;
        SendResult result; /* of one that was refused */
};

typedef struct Queue {
        Entry *first, *last;
        size_t count;
} Queue;

/* One under way; lives in its exchange's arena. */
typedef struct Sending {
        Parcel *parcel;
        WallTime now;
} Sending;

struct Notifier {
        sd_event *event;
        SendDone done;
        void *userdata;
        Transport *transport;
        Signer *signer;
        Queue waiting, refused;
        sd_event_source *report; /* calls done for the refused */
        size_t under_way;
};

static MonoTime notifier_clock(const Notifier *n)
{
        uint64_t now = 0;
        must(sd_event_now(n->event, CLOCK_MONOTONIC, &now) >= 0);
        return (MonoTime){ (int64_t)now };
}

/* --- queues --- */

static void queue_put(Queue *queue, Entry *entry)
{
        entry->next = NULL;
        if (queue->last)
                queue->last->next = entry;
        else
                queue->first = entry;
        queue->last = entry;
        queue->count++;
}

static Entry *queue_take(Queue *queue)
{
        Entry *entry = queue->first;
        if (!entry)
                return NULL;
        queue->first = entry->next;
        if (!queue->first)
                queue->last = NULL;
        queue->count--;
        return entry;
}

static void queue_clear(Queue *queue)
{
        for (Entry *entry = queue_take(queue); entry; entry = queue_take(queue))
                free(entry);
}

static Entry *entry_new(Notifier *n, Parcel *parcel, WallTime now)
{
        Entry *entry = calloc(1, sizeof(*entry));
        must(entry != NULL);
        entry->parcel = parcel;
        entry->now = now;
        entry->since = notifier_clock(n);
        return entry;
}

static void notifier_refuse(Notifier *n, Parcel *parcel, WallTime now, const char *detail)
{
        Entry *entry = entry_new(n, parcel, now);
        answer_refuse(detail, parcel->channel, &entry->result);
        queue_put(&n->refused, entry);
        must(sd_event_source_set_enabled(n->report, SD_EVENT_ONESHOT) >= 0);
}

/* --- requests --- */

static void request_add_header(Request *request, Arena *arena, const char *name, Text value)
{
        must(request->header_count < REQUEST_HEADERS_MAX);
        Buffer b = buffer_in(arena);
        buffer_put(&b, text_from(name));
        buffer_put_literal(&b, ": ");
        buffer_put(&b, value);
        request->headers[request->header_count++] = buffer_text(&b);
}

static const char *request_sign(Notifier *n, const Parcel *p, WallTime now, Request *request, Arena *arena)
{
        char id[TELLING_ID_BYTES];
        int64_t timestamp = now.us / SPAN_SECOND.us;
        Text secret = p->channel->secret.value;
        Buffer signature = buffer_in(arena);
        request_add_header(request, arena, "webhook-id", telling_id(p, id));
        request_add_header(request, arena, "webhook-timestamp", arena_textf(arena, "%lld", (long long)timestamp));
        if (p->channel->secret.kind == SECRET_NONE && text_is_empty(secret))
                return NULL;
        if (!signer_sign(n->signer, secret, text_from(id), timestamp, request->body, &signature))
                return "the secret is not \"whsec_\" and the base64 of 24 to 64 bytes";
        request_add_header(request, arena, "webhook-signature", buffer_text(&signature));
        return NULL;
}

static const char *request_webhook(Notifier *n, const Parcel *p, WallTime now, Request *request, Arena *arena)
{
        request->body = webhook_body(p, now, arena);
        request_add_header(request, arena, "content-type", TEXT("application/json"));
        if (webhook_traceparent_is_good(p->traceparent))
                request_add_header(request, arena, "traceparent", p->traceparent);
        return request_sign(n, p, now, request, arena);
}

static const char *request_receiver(const Parcel *p, WallTime now, Request *request, Arena *arena)
{
        Text token = p->channel->secret.value;
        request->url = receiver_url(p, arena);
        request->body = receiver_body(p, now, arena);
        request_add_header(request, arena, "content-type", TEXT("application/json"));
        if (p->channel->type == CHANNEL_NTFY && token.len > 0)
                request_add_header(request, arena, "authorization",
                                   arena_textf(arena, "Bearer " TEXT_F, TEXT_ARG(token)));
        return NULL;
}

/* Mail servers are near: a relay of one's own is the rule, and its address is the operator's. */
static const char *request_mail(const Parcel *p, WallTime now, Request *request, Arena *arena)
{
        const char *refusal = email_refusal(p);
        if (refusal)
                return refusal;
        request->kind = REQUEST_MAIL;
        request->allows_private_network = true;
        request->from = p->channel->from_address;
        request->to = p->reader->email;
        request->body = email_message(p, now, arena);
        return NULL;
}

/* NULL, or why this will never be sent. */
static const char *request_make(Notifier *n, const Parcel *p, WallTime now, Request *request, Arena *arena)
{
        *request = (Request){
                .kind = REQUEST_POST,
                .channel = p->channel,
                .allows_private_network = p->channel->allows_private_network,
        };
        if (p->channel->type == CHANNEL_EMAIL)
                return request_mail(p, now, request, arena);
        if (p->channel->type == CHANNEL_WEBHOOK)
                return request_webhook(n, p, now, request, arena);
        return request_receiver(p, now, request, arena);
}

/* --- sending --- */

static void exchange_begin(Notifier *n, Exchange *x, Parcel *parcel, WallTime now)
{
        const char *refusal = request_make(n, parcel, now, &x->request, x->arena);
        if (refusal) {
                transport_close(n->transport, x);
                notifier_refuse(n, parcel, now, refusal);
                return;
        }
        Sending *sending = arena_new_of(x->arena, Sending);
        *sending = (Sending){ parcel, now };
        x->userdata = sending;
        n->under_way++;
        transport_start(n->transport, x);
}

void notifier_send(Notifier *n, Parcel *parcel, WallTime now)
{
        Exchange *x = n->waiting.count == 0 ? transport_open(n->transport) : NULL;
        if (x)
                exchange_begin(n, x, parcel, now);
        else
                queue_put(&n->waiting, entry_new(n, parcel, now));
}

static void notifier_go_on(Notifier *n)
{
        while (n->waiting.count > 0) {
                Exchange *x = transport_open(n->transport);
                if (!x)
                        return;
                Entry *entry = queue_take(&n->waiting);
                Span waited = mono_since(notifier_clock(n), entry->since);
                exchange_begin(n, x, entry->parcel, wall_add(entry->now, waited));
                free(entry);
        }
}

static void on_answer(void *userdata, Exchange *x, const Answer *answer)
{
        Notifier *n = userdata;
        Sending sending = *(const Sending *)x->userdata;
        SendResult result;
        answer_judge(answer, sending.parcel->channel, wall_add(sending.now, answer->took), x->arena, &result);
        transport_close(n->transport, x);
        n->under_way--;
        n->done(n->userdata, sending.parcel, &result);
        notifier_go_on(n);
}

static int on_report(sd_event_source *source UNUSED, void *userdata)
{
        Notifier *n = userdata;
        Queue now = n->refused;
        n->refused = (Queue){ 0 };
        for (Entry *entry = queue_take(&now); entry; entry = queue_take(&now)) {
                n->done(n->userdata, entry->parcel, &entry->result);
                free(entry);
        }
        notifier_go_on(n);
        return 0;
}

size_t notifier_in_flight(const Notifier *n)
{
        return n->under_way + n->waiting.count + n->refused.count;
}

Text notifier_preview(const Parcel *parcel, WallTime now, Arena *arena)
{
        const Channel *channel = parcel->channel;
        if (channel->type == CHANNEL_WEBHOOK)
                return webhook_body(parcel, now, arena);
        if (channel->type != CHANNEL_EMAIL)
                return receiver_body(parcel, now, arena);
        const char *refusal = email_refusal(parcel);
        return refusal ? arena_text(arena, text_from(refusal)) : email_message(parcel, now, arena);
}

int notifier_new(sd_event *event, SendDone done, void *userdata, Notifier **ret)
{
        CLEANUP(notifier_freep) Notifier *n = calloc(1, sizeof(*n));
        must(n != NULL);
        n->event = sd_event_ref(event);
        n->done = done;
        n->userdata = userdata;
        n->signer = signer_new();
        int r = transport_new(event, on_answer, n, &n->transport);
        if (r < 0)
                return r;
        r = sd_event_add_defer(event, &n->report, on_report, n);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(n->report, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = steal(n);
        return 0;
}

Notifier *notifier_free(Notifier *n)
{
        if (!n)
                return NULL;
        n->transport = transport_free(n->transport);
        n->signer = signer_free(n->signer);
        (void)sd_event_source_disable_unref(n->report);
        queue_clear(&n->waiting);
        queue_clear(&n->refused);
        (void)sd_event_unref(n->event);
        free(n);
        return NULL;
}
