/* waiting.c - what waits for channels that do not work, and what becomes of it next. */
#include "inside.h"

enum {
        LOOKED_AT_MAX = 1000 /* messages of one channel */
};

typedef struct Look {
        Work *w;
        const Channel *channel;
        Waiting *waiting;
        DeliveryRow next;
        int64_t left;
} Look;

static int look_visit(void *userdata, const DeliveryRow *row)
{
        Look *look = userdata;
        Waiting *o = look->waiting;
        if (look->left-- == 0) {
                o->is_more = true;
                return 1;
        }
        o->count++;
        o->since = wall_earlier(o->since, row->due_at);
        o->fell_over += row->fell_over;
        if (row->fell_over || !look->channel)
                return 0;
        WallTime tried_at = wall_is_set(row->first_tried_at) ? row->first_tried_at : look->w->now;
        WallTime next_at = wall_add(tried_at, look->channel->patience);
        if (next_at.us >= o->next_at.us)
                return 0;
        o->next_at = next_at;
        look->next = *row;
        return 0;
}

static Waiting waiting_new(const Work *w, const Lane *lane)
{
        bool is_of_host = lane->target && lane->target->is_broken;
        return (Waiting){
                .channel = arena_text(w->arena, lane->name),
                .host = is_of_host ? arena_text(w->arena, target_host(lane->target)) : TEXT_NONE,
                .since = WALL_NEVER,
                .next_at = WALL_NEVER,
        };
}

/* Channels of one host that does not work are one. */
static Waiting *waiting_of_host(const Lane *lane, Waiting *list, size_t count)
{
        for (size_t i = 0; lane->target && lane->target->is_broken && i < count; i++)
                if (list[i].host.data && text_equal(list[i].host, target_host(lane->target)))
                        return &list[i];
        return NULL;
}

static int waiting_add(Work *w, const Lane *lane, Waiting *ret)
{
        WallTime next_at = ret->next_at;
        Look look = {
                .w = w,
                .channel = config_channel(w->config, lane->name),
                .waiting = ret,
                .left = LOOKED_AT_MAX - ret->count,
        };
        int r = store_deliveries_due(w->store, lane->name, WALL_NEVER, w->arena, look_visit, &look);
        if (r < 0 || ret->next_at.us == next_at.us)
                return r;
        const Channel *next = work_channel_after(w, &look.next);
        ret->reader = look.next.recipient;
        ret->next_channel = next ? arena_text(w->arena, next->name) : TEXT_NONE;
        return 0;
}

static int lane_look(Work *w, const Lane *lane, Waiting *list, size_t max, size_t *count)
{
        Waiting *known = waiting_of_host(lane, list, *count);
        bool works = lane->failures == 0 && !lane->is_troubled && !lane_is_blocked(lane, w->now);
        if (works || (known ? known->is_more : *count == max))
                return 0;
        Waiting one = known ? *known : waiting_new(w, lane);
        int r = waiting_add(w, lane, &one);
        if (known)
                *known = one;
        else if (one.count > 0)
                list[(*count)++] = one;
        return r;
}

int turn_waiting(Turn *turn, WallTime now, Arena *arena, Waiting *ret, size_t max, size_t *ret_count)
{
        Work w = { .turn = turn, .store = turn->store, .config = turn->config, .arena = arena, .now = now };
        int r = 0;
        *ret_count = 0;
        for (size_t i = 0; i < turn->lane_count && r >= 0; i++)
                r = lane_look(&w, turn->lanes[i], ret, max, ret_count);
        return r;
}
