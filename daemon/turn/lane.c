/* lane.c - how much of each channel may be with the loop, and what becomes of the rest.
 *
 *     works --(so many failures of the target in a row)--> broken --(one send is accepted)--> works
 *                                                          `--(that send fails)--> broken, tried later
 *
 * A channel that is broken is tried by one send at a time; what else is due is put off in the store, where its patience
 * runs. When it works again, all of that is due at once, and goes out as fast as the receiver takes it. */
#include <errno.h>

#include "core/retry.h"
#include "inside.h"

enum {
        SHARE_FIRST = 512,
        SHARE_AFTER_OUTAGE = 2,
        FAILURES_MIN = 2,
        FAILURES_MAX = 8,
        PROBE_MINUTES_MAX = 1,
        WAKE_AT_ONCE = 512 /* rows a turn */
};

static const Span SHORT_PAUSE = { INT64_C(30) * 1000000 };

/* ---- which ------------------------------------------------------------------------------------------------------ */

/* Where it is, or belongs. */
static size_t lane_place(const Turn *turn, Text name)
{
        size_t low = 0, high = turn->lane_count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (text_compare(turn->lanes[middle]->name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

Lane *lane_of(Turn *turn, Text name)
{
        size_t at = lane_place(turn, name);
        if (at < turn->lane_count && text_equal(turn->lanes[at]->name, name))
                return turn->lanes[at];
        turn->lanes =
                arena_grow(turn->memory, turn->lanes, turn->lane_count, &turn->lane_capacity, sizeof(*turn->lanes));
        memmove(turn->lanes + at + 1, turn->lanes + at, (turn->lane_count - at) * sizeof(*turn->lanes));
        turn->lane_count++;
        Lane *lane = turn->lanes[at] = arena_new_of(turn->memory, Lane);
        *lane = (Lane){
                .name = arena_text(turn->memory, name),
                .target = target_of(turn, name),
                .share = SHARE_FIRST,
                .fetch_at = WALL_NEVER,
                .blocked_until = WALL_NONE,
                .troubled_since = WALL_NONE,
                .told_at = WALL_NONE,
                .late_since = WALL_NONE,
        };
        return lane;
}

/* It may have been broken when the process ended, and what was put off then waits for somebody to say that it works: so
 * all of it is tried again. */
static int lane_remember(void *userdata, Text name)
{
        Lane *lane = lane_of(userdata, name);
        lane->fetch_at = WALL_NONE;
        lane->wakes = true;
        return 0;
}

int lanes_load(Turn *turn)
{
        return store_delivery_channels(turn->store, turn->memory, lane_remember, turn);
}

Lane *lanes_copy(const Turn *turn, Arena *arena)
{
        Lane *copy = arena_array(arena, Lane, turn->lane_count + 1);
        for (size_t i = 0; i < turn->lane_count; i++)
                copy[i] = *turn->lanes[i];
        return copy;
}

void lanes_restore(Turn *turn, const Lane *copy, size_t count)
{
        for (size_t i = 0; i < turn->lane_count; i++)
                turn->lanes[i]->out = 0; /* of one that is new with this turn */
        for (size_t i = 0; i < count; i++)
                *lane_of(turn, copy[i].name) = copy[i];
        for (size_t i = 0; i < turn->lane_count; i++)
                turn->lanes[i]->fetch_at = WALL_NONE;
}

/* What operators were told of channels that are in no file any more: nobody will ever say that it is over. */
int lanes_forget(Turn *turn, const Config *config)
{
        for (size_t i = 0; i < turn->lane_count; i++) {
                Lane *lane = turn->lanes[i];
                if (!lane->has_told || config_channel(config, lane->name))
                        continue;
                int r = store_channel_enable(turn->store, lane->name, TEXT(""));
                if (r < 0)
                        return r;
                lane->is_troubled = lane->has_told = false;
        }
        return 0;
}

/* Somebody may have mended them. */
void lanes_retry(Turn *turn)
{
        for (size_t i = 0; i < turn->lane_count; i++) {
                turn->lanes[i]->blocked_until = WALL_NONE;
                turn->lanes[i]->fetch_at = WALL_NONE;
        }
}

/* ---- room ------------------------------------------------------------------------------------------------------- */

static bool host_is_broken(const Lane *lane)
{
        return lane->target && lane->target->is_broken;
}

static bool lane_is_broken(const Lane *lane)
{
        return lane->is_broken || host_is_broken(lane);
}

bool lane_is_blocked(const Lane *lane, WallTime now)
{
        return lane_is_broken(lane) || lane->blocked_until.us > now.us;
}

static bool lane_is_probed(const Lane *lane)
{
        return lane->out > 0 || (host_is_broken(lane) && lane->target->out > 0);
}

static WallTime lane_probe_at(const Lane *lane)
{
        return host_is_broken(lane) ? wall_later(lane->blocked_until, lane->target->blocked_until)
                                    : lane->blocked_until;
}

/* Where only the host is broken, what is due is put off first: there may be nothing that it could be tried with. */
static bool lane_may_probe(const Lane *lane, WallTime now)
{
        bool has_none = !lane->is_broken && (lane->fetch_at.us <= now.us || lane->fetch_at.us == WALL_NEVER.us);
        return lane_is_broken(lane) && !has_none && !lane_is_probed(lane) && lane_probe_at(lane).us <= now.us;
}

size_t lane_room(const Lane *lane, WallTime now)
{
        if (lane_is_blocked(lane, now))
                return 0;
        size_t room = lane->share - MIN_OF(lane->out, lane->share);
        if (!lane->target)
                return room;
        return MIN_OF(room, lane->target->share - MIN_OF(lane->target->out, lane->target->share));
}

/* What is out stands at the head of the queue and is passed over each time: with little room it does not pay. */
static bool lane_is_worth_it(const Lane *lane, const Batch *batch)
{
        size_t room = MIN_OF(lane_room(lane, batch->now), batch->parcels_wanted - batch->parcel_count);
        return room > 0 && room * 4 >= lane->out;
}

/* When this lane has something to do next. What waits for a place needs no clock: a result makes the place, and comes
 * in a batch. */
static WallTime lane_wake_at(const Lane *lane, const Batch *batch)
{
        bool is_full = batch->parcel_count >= batch->parcels_wanted;
        if (lane_is_broken(lane)) {
                bool may_try =
                        !lane_is_probed(lane) && !is_full && (lane->is_broken || lane->fetch_at.us != WALL_NEVER.us);
                return may_try ? wall_earlier(lane->fetch_at, lane_probe_at(lane)) : lane->fetch_at;
        }
        if (lane->wakes || lane->blocked_until.us > batch->now.us)
                return lane->wakes ? batch->now : lane->fetch_at;
        return lane_is_worth_it(lane, batch) ? lane->fetch_at : WALL_NEVER;
}

WallTime lanes_wake_at(const Turn *turn, const Batch *batch)
{
        WallTime next = WALL_NEVER;
        for (size_t i = 0; i < turn->lane_count; i++)
                next = wall_earlier(next, lane_wake_at(turn->lanes[i], batch));
        return next;
}

WallTime lane_late_at(Lane *lane, const Channel *channel, WallTime now)
{
        WallTime next =
                wall_add(lane->late_since, span_times(SPAN_SECOND, lane->late_count / channel->late_per_second));
        if (!wall_is_set(lane->late_since) || next.us + SPAN_SECOND.us <= now.us || lane->late_since.us > now.us) {
                lane->late_since = next = now;
                lane->late_count = 0;
        }
        lane->late_count++;
        return wall_later(next, now);
}

/* ---- what results teach ----------------------------------------------------------------------------------------- */

static int failures_allowed(const Channel *channel)
{
        return MAX_OF((int)FAILURES_MIN, MIN_OF(channel->in_flight, (int)FAILURES_MAX));
}

void lane_revive(Work *w, Lane *lane)
{
        lane->wakes = true;
        lane->is_broken = false;
        lane->failures = lane->probes = 0;
        lane->share = SHARE_AFTER_OUTAGE;
        lane->blocked_until = WALL_NONE;
        lane->fetch_at = w->now;
}

void lane_accepted(Work *w, Lane *lane)
{
        lane->wakes |= lane->is_broken;
        lane->share = lane->is_broken ? SHARE_AFTER_OUTAGE : lane->share + (lane->share < OUTBOX_ROOM_MAX);
        lane->is_broken = false;
        lane->failures = lane->probes = 0;
        lane->blocked_until = WALL_NONE;
        if (lane->wakes)
                lane->fetch_at = w->now;
}

/* The receiver's wish counts for everything that goes there, not only for the message that it answered. */
void lane_failed(Work *w, Lane *lane, const Result *result, uint64_t chance)
{
        bool was_probe = lane->is_broken && lane->blocked_until.us <= w->now.us;
        if (!lane->is_broken && ++lane->failures >= failures_allowed(result->parcel->channel))
                lane->is_broken = true;
        if (lane->is_broken && (was_probe || lane->probes == 0)) {
                Span pause = retry_delay(++lane->probes, SPAN_ZERO, chance);
                pause.us = MIN_OF(pause.us, PROBE_MINUTES_MAX * SPAN_MINUTE.us);
                lane->blocked_until = wall_add(w->now, pause);
        }
        if (result->retry_after.us > 0)
                lane->blocked_until = wall_later(lane->blocked_until, wall_add(w->now, result->retry_after));
}

/* It has waited for its place longer than it should: what is with the receiver, and as many again, is enough. */
void lane_overfull(Work *w, Lane *lane, const Channel *channel)
{
        lane->share = (size_t)channel->in_flight * 2;
        lane->has_returned = true;
        lane->fetch_at = w->now;
}

/* ---- what is due ------------------------------------------------------------------------------------------------ */

typedef struct Fetch {
        Work *w;
        DeliveryRow *rows;
        size_t count, capacity, wanted;
        size_t looks; /* of a probe: rows that it may look at */
        bool is_full;
} Fetch;

static void fetch_add(Fetch *f, const DeliveryRow *row)
{
        f->rows = arena_grow(f->w->arena, f->rows, f->count, &f->capacity, sizeof(DeliveryRow));
        f->rows[f->count++] = *row;
}

static int fetch_visit(void *userdata, const DeliveryRow *row)
{
        Fetch *f = userdata;
        if (work_is_out(f->w, row->row))
                return 0;
        f->is_full = f->count == f->wanted;
        if (f->is_full)
                return 1;
        fetch_add(f, row);
        return 0;
}

/* One that was tried before, or put off: whenever its own time is. */
static int probe_visit(void *userdata, const DeliveryRow *row)
{
        Fetch *f = userdata;
        if (wall_is_set(row->first_tried_at))
                fetch_add(f, row);
        return f->count > 0 || --f->looks == 0;
}

static int fetch_due(Fetch *f, Lane *lane)
{
        Work *w = f->w;
        int r = store_deliveries_due(w->store, lane->name, w->now, w->arena, fetch_visit, f);
        if (r >= 0)
                r = store_delivery_next(w->store, lane->name, w->now, &lane->fetch_at);
        if (f->is_full || lane->has_returned)
                lane->fetch_at = w->now;
        lane->has_returned = false;
        return r;
}

/* None left to try: the next message shows whether the receiver works. */
static int lane_probe(Work *w, Lane *lane)
{
        Fetch f = { .w = w, .wanted = 1, .looks = WAKE_AT_ONCE };
        int r = store_deliveries_due(w->store, lane->name, WALL_NEVER, w->arena, probe_visit, &f);
        if (r >= 0 && f.count == 0) {
                lane->is_broken = false;
                lane->failures = MAX_OF(lane->failures - 1, 0);
                lane->probes = 0;
                lane->fetch_at = w->now;
        }
        for (size_t i = 0; i < f.count && r >= 0; i++)
                r = work_hand_out(w, &f.rows[i]);
        if (lane_is_broken(lane) && lane->out == 0) /* its reader sleeps, or it was over: not this one */
                lane->blocked_until = wall_add(w->now, SPAN_MINUTE);
        return r;
}

static int lane_put_off(Work *w, Lane *lane)
{
        Fetch f = { .w = w, .wanted = WAKE_AT_ONCE };
        if (lane->fetch_at.us > w->now.us)
                return 0;
        int r = fetch_due(&f, lane);
        for (size_t i = 0; i < f.count && r >= 0; i++)
                r = work_put_off(w, &f.rows[i]);
        return r;
}

static int lane_blocked(Work *w, Lane *lane)
{
        if (lane_is_broken(lane) || wall_since(lane->blocked_until, w->now).us > SHORT_PAUSE.us)
                return lane_put_off(w, lane);
        if (lane->fetch_at.us <= w->now.us)
                lane->fetch_at = lane->blocked_until;
        return 0;
}

static int lane_wake(Work *w, Lane *lane)
{
        size_t count;
        if (!lane->wakes)
                return 0;
        int r = store_deliveries_wake(w->store, lane->name, w->now, WAKE_AT_ONCE, &count);
        if (r < 0)
                return r;
        lane->wakes = count == WAKE_AT_ONCE;
        lane->fetch_at = w->now;
        return 0;
}

static int lane_fetch(Work *w, Lane *lane)
{
        bool is_full = w->batch->parcel_count >= w->batch->parcels_wanted;
        int r = lane_wake(w, lane);
        if (r >= 0 && !is_full && lane_may_probe(lane, w->now))
                r = lane_probe(w, lane);
        if (r < 0)
                return r;
        if (lane_is_blocked(lane, w->now) && config_channel(w->config, lane->name))
                return lane_blocked(w, lane);
        if (lane->fetch_at.us > w->now.us || !lane_is_worth_it(lane, w->batch))
                return 0;
        Fetch f = {
                .w = w,
                .wanted = MIN_OF(lane_room(lane, w->now), w->batch->parcels_wanted - w->batch->parcel_count),
        };
        r = fetch_due(&f, lane);
        for (size_t i = 0; i < f.count && r >= 0; i++)
                r = work_hand_out(w, &f.rows[i]);
        return r;
}

static void lanes_tell_broken(Work *w)
{
        Batch *batch = w->batch;
        batch->broken = arena_array(batch->arena, Text, w->turn->lane_count + 1);
        for (size_t i = 0; i < w->turn->lane_count; i++)
                if (lane_is_broken(w->turn->lanes[i]) && w->turn->lanes[i]->out > 0)
                        batch->broken[batch->broken_count++] = w->turn->lanes[i]->name;
}

/* Another one first each time: where there is little room, all get some of it. What falls over is due at once on a
 * channel that may have had its turn: the next turn comes at once. */
int work_fetch(Work *w)
{
        Turn *turn = w->turn;
        size_t first = turn->lane_first++;
        int r = 0;
        for (size_t i = 0; i < turn->lane_count && r >= 0; i++)
                r = lane_fetch(w, turn->lanes[(first + i) % turn->lane_count]);
        if (r >= 0)
                lanes_tell_broken(w);
        return r;
}
