/* test_send.c - a message marked [TEST], past the store: for the moment a channel is set up. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "inside.h"
#include "turn/id.h"

typedef struct TestSend {
        Service *service;
        Parcel *parcel;
        Notifier *notifier; /* of its own: the result is nobody else's */
        TestDone done;
        void *userdata;
        Text sent;
        bool is_accepted;
        char answer[SEND_DETAIL_BYTES];
        sd_event_source *end;
} TestSend;

static int test_end(sd_event_source *source UNUSED, void *userdata)
{
        TestSend *t = userdata;
        t->done(t->userdata, t->is_accepted, t->sent, text_from(t->answer));
        (void)notifier_free(t->notifier);
        (void)parcel_free(t->parcel);
        (void)sd_event_source_disable_unref(t->end);
        free(t);
        return 0;
}

/* Not from inside the notifier, which is freed with it. */
static void test_ends(void *userdata)
{
        TestSend *t = userdata;
        must(sd_event_add_defer(t->service->event, &t->end, test_end, t) >= 0);
}

static void enable_run(void *userdata, Turn *turn, WallTime now UNUSED)
{
        const TestSend *t = userdata;
        (void)!turn_enable_channel(turn, t->parcel->channel->name, t->parcel->recipient);
}

static void test_sent(void *userdata, Parcel *parcel UNUSED, const SendResult *result)
{
        TestSend *t = userdata;
        t->is_accepted = result->class == SEND_ACCEPTED;
        (void)snprintf(t->answer, sizeof(t->answer), "%s", result->said[0] ? result->said : result->detail);
        if (t->is_accepted) /* what a 404 had disabled works again */
                service_call(t->service, (Call){ .run = enable_run, .done = test_ends, .userdata = t });
        else
                test_ends(t);
}

static Parcel *test_parcel(Service *s, const Channel *channel, const Person *reader, WallTime now)
{
        ParcelArena *memory = parcel_arena_new(4096);
        Parcel *p = arena_new_of(memory->arena, Parcel);
        CaseId id = id_of_case(now, TEXT("test"), reader->id);
        *p = (Parcel){
                .memory = memory,
                .config = config_ref(s->config),
                .channel = channel,
                .reader = reader,
                .recipient = reader->id,
                .why = RECIPIENT_PERSON,
                .message = MESSAGE_TEST,
                .rung = -1,
                .due_at = now,
                .told_at = WALL_NONE,
                .next_at = WALL_NONE,
        };
        memcpy(p->key, id.bytes, sizeof(p->key));
        return p;
}

bool service_test(Service *s, Text channel_name, Text person, TestDone done, void *userdata, const char **ret_reason)
{
        WallTime now = clock_wall();
        const Channel *channel = config_channel(s->config, channel_name);
        const Person *reader = roster_person(&s->config->roster, person, now);
        *ret_reason = !channel ? "there is no such channel" : !reader ? "there is no such person" : NULL;
        if (*ret_reason)
                return false;
        TestSend *t = calloc(1, sizeof(*t));
        must(t != NULL);
        *t = (TestSend){ .service = s, .done = done, .userdata = userdata };
        if (notifier_new(s->event, test_sent, t, &t->notifier) < 0) {
                free(t);
                *ret_reason = "could not start sending";
                return false;
        }
        t->parcel = test_parcel(s, channel, reader, now);
        t->sent = notifier_preview(t->parcel, now, t->parcel->memory->arena);
        notifier_send(t->notifier, t->parcel, now);
        return true;
}
