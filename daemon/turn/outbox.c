#include "turn/outbox.h"

#include <stdlib.h>

/* Of one host: not more at once than leave room for others, however many channels lead there. */
enum {
        HOST_OUT_MAX = 64
};

typedef struct Host Host;
struct Host {
        Host *next;
        char *name;
        size_t out;
};

typedef struct Lane Lane;
struct Lane { /* of one channel; kept by name, so that a reload goes on with what is out */
        Lane *next;
        char *name;
        Parcel *first, **end;
        size_t waiting, out, limit;
        Host *host;
};

struct Outbox {
        OutboxSend send;
        void *userdata;
        Lane *lanes; /* as many as there are channels in use */
        Host *hosts; /* that they lead to, and have led to */
        size_t count;
        bool is_stopped;
};

Outbox *outbox_new(OutboxSend send, void *userdata)
{
        Outbox *outbox = calloc(1, sizeof(*outbox));
        must(outbox != NULL);
        outbox->send = send;
        outbox->userdata = userdata;
        return outbox;
}

Outbox *outbox_free(Outbox *outbox)
{
        if (!outbox)
                return NULL;
        for (Lane *lane = outbox->lanes; lane;) {
                Lane *next = lane->next;
                while (lane->first) {
                        Parcel *p = lane->first;
                        lane->first = p->next;
                        (void)parcel_free(p);
                }
                free(lane->name);
                free(lane);
                lane = next;
        }
        for (Host *host = outbox->hosts; host;) {
                Host *next = host->next;
                free(host->name);
                free(host);
                host = next;
        }
        free(outbox);
        return NULL;
}

static Host *host_of(Outbox *outbox, Text name)
{
        for (Host *host = outbox->hosts; host; host = host->next)
                if (text_is(name, host->name))
                        return host;
        Host *host = calloc(1, sizeof(*host));
        must(host != NULL);
        host->name = strndup(name.data ? name.data : "", name.len);
        must(host->name != NULL);
        host->next = outbox->hosts;
        outbox->hosts = host;
        return host;
}

/* After a reload it may lead elsewhere. */
static void lane_aim(Outbox *outbox, Lane *lane, const Channel *channel)
{
        lane->limit = (size_t)channel->in_flight;
        if (lane->host && text_is(channel->target, lane->host->name))
                return;
        if (lane->host)
                lane->host->out -= lane->out;
        lane->host = host_of(outbox, channel->target);
        lane->host->out += lane->out;
}

static Lane *lane_of(Outbox *outbox, const Channel *channel)
{
        for (Lane *lane = outbox->lanes; lane; lane = lane->next)
                if (text_is(channel->name, lane->name))
                        return lane;
        Lane *lane = calloc(1, sizeof(*lane));
        must(lane != NULL);
        lane->name = strndup(channel->name.data, channel->name.len);
        must(lane->name != NULL);
        lane->end = &lane->first;
        lane->next = outbox->lanes;
        outbox->lanes = lane;
        return lane;
}

static Parcel *lane_take(Lane *lane)
{
        Parcel *p = lane->first;
        lane->first = p->next;
        if (!lane->first)
                lane->end = &lane->first;
        p->next = NULL;
        lane->waiting--;
        lane->out++;
        lane->host->out++;
        return p;
}

static bool lane_has_place(const Lane *lane)
{
        return lane->out < lane->limit && lane->host->out < MAX_OF((size_t)HOST_OUT_MAX, lane->limit);
}

static void lane_send(Outbox *outbox, Lane *lane)
{
        while (!outbox->is_stopped && lane->first && lane_has_place(lane))
                outbox->send(outbox->userdata, lane_take(lane));
}

void outbox_add(Outbox *outbox, Parcel *list)
{
        while (list) {
                Parcel *p = list;
                list = p->next;
                p->next = NULL;
                Lane *lane = lane_of(outbox, p->channel);
                lane_aim(outbox, lane, p->channel);
                *lane->end = p;
                lane->end = &p->next;
                lane->waiting++;
                outbox->count++;
        }
}

void outbox_send(Outbox *outbox)
{
        for (Lane *lane = outbox->lanes; lane; lane = lane->next)
                lane_send(outbox, lane);
}

/* The place goes to the next lane that leads there, so that each has some of them. */
static void host_send(Outbox *outbox, Lane *after)
{
        for (Lane *lane = after->next; lane; lane = lane->next)
                if (lane->host == after->host)
                        lane_send(outbox, lane);
        for (Lane *lane = outbox->lanes; lane != after->next; lane = lane->next)
                if (lane->host == after->host)
                        lane_send(outbox, lane);
}

void outbox_settle(Outbox *outbox, Parcel *parcel)
{
        Lane *lane = lane_of(outbox, parcel->channel);
        must(lane->out > 0 && outbox->count > 0);
        bool was_full = lane->host->out >= HOST_OUT_MAX;
        lane->out--;
        lane->host->out--;
        outbox->count--;
        (void)parcel_free(parcel);
        if (was_full)
                host_send(outbox, lane);
        else
                lane_send(outbox, lane);
}

void outbox_give_back(Outbox *outbox, Text channel, OutboxSend take, void *userdata)
{
        for (Lane *lane = outbox->lanes; lane; lane = lane->next)
                while (lane->first && text_is(channel, lane->name))
                        take(userdata, lane_take(lane));
}

/* The first are the oldest. */
static void lane_age(Lane *lane, int seconds_max, OutboxSend take, void *userdata)
{
        for (Parcel *p = lane->first; p; p = p->next)
                p->seconds_waited++;
        while (lane->first && lane->first->seconds_waited > seconds_max)
                take(userdata, lane_take(lane));
}

void outbox_age(Outbox *outbox, int seconds_max, OutboxSend take, void *userdata)
{
        for (Lane *lane = outbox->lanes; lane; lane = lane->next)
                lane_age(lane, seconds_max, take, userdata);
}

static void lane_withdraw(Lane *lane, OutboxTest test, const void *test_userdata, OutboxSend take, void *userdata)
{
        Parcel *list = lane->first;
        lane->first = NULL;
        lane->end = &lane->first;
        while (list) {
                Parcel *p = list;
                list = p->next;
                p->next = NULL;
                if (test(test_userdata, p)) {
                        lane->waiting--;
                        lane->out++;
                        lane->host->out++;
                        take(userdata, p);
                } else {
                        *lane->end = p;
                        lane->end = &p->next;
                }
        }
}

void outbox_withdraw(Outbox *outbox, OutboxTest test, const void *test_userdata, OutboxSend take, void *userdata)
{
        for (Lane *lane = outbox->lanes; lane; lane = lane->next)
                lane_withdraw(lane, test, test_userdata, take, userdata);
}

void outbox_stop(Outbox *outbox)
{
        outbox->is_stopped = true;
}

size_t outbox_count(const Outbox *outbox)
{
        return outbox->count;
}

size_t outbox_out(const Outbox *outbox)
{
        size_t out = 0;
        for (const Lane *lane = outbox->lanes; lane; lane = lane->next)
                out += lane->out;
        return out;
}

bool outbox_is_waiting(const Outbox *outbox)
{
        for (const Lane *lane = outbox->lanes; lane; lane = lane->next)
                if (lane->first)
                        return true;
        return false;
}

void outbox_channels(const Outbox *outbox, OutboxVisit visit, void *userdata)
{
        for (const Lane *lane = outbox->lanes; lane; lane = lane->next) {
                OutboxView view = { text_from(lane->name), lane->waiting, lane->out };
                visit(userdata, &view);
        }
}
