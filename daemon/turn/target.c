/* target.c - the hosts behind the channels: what fails together.
 *
 *     works --(several channels of it fail in a row, and none is answered in between)--> broken
 *     broken --(one send over any of them is answered)--> works
 *
 * One channel that fails is its own affair (lane.c): a workflow is switched off, an address has moved. Where several
 * get no answer, or one that comes from a gateway, their host does not work: all of them together are tried by one send
 * at a time, operators are told once, and when it works again it is not run over by all of them at once. There are as
 * many as the configuration has hosts, whatever customers write. */
#include "core/retry.h"
#include "inside.h"

enum {
        HOST_FAILURES_MAX = 4,
        SHARE_AFTER_OUTAGE = 2,
        PROBE_MINUTES_MAX = 1,
};

/* ---- which ------------------------------------------------------------------------------------------------------ */

static size_t target_place(const Turn *turn, Text name)
{
        size_t low = 0, high = turn->target_count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (text_compare(turn->targets[middle]->name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static Target *target_find(Turn *turn, Text name)
{
        size_t at = target_place(turn, name);
        if (at < turn->target_count && text_equal(turn->targets[at]->name, name))
                return turn->targets[at];
        turn->targets = arena_grow(turn->memory, turn->targets, turn->target_count, &turn->target_capacity,
                                   sizeof(*turn->targets));
        memmove(turn->targets + at + 1, turn->targets + at, (turn->target_count - at) * sizeof(*turn->targets));
        turn->target_count++;
        Target *target = turn->targets[at] = arena_new_of(turn->memory, Target);
        *target = (Target){ .name = arena_text(turn->memory, name),
                            .share = SIZE_MAX,
                            .blocked_until = WALL_NONE,
                            .told_at = WALL_NONE };
        return target;
}

Target *target_of(Turn *turn, Text channel_name)
{
        const Channel *channel = turn->config ? config_channel(turn->config, channel_name) : NULL;
        return channel && channel->target.len > 0 ? target_find(turn, channel->target) : NULL;
}

static void targets_count(Turn *turn)
{
        for (size_t i = 0; i < turn->target_count; i++)
                turn->targets[i]->out = 0;
        for (size_t i = 0; i < turn->lane_count; i++)
                if (turn->lanes[i]->target)
                        turn->lanes[i]->target->out += turn->lanes[i]->out;
}

/* A reload may have sent channels elsewhere, and somebody may have mended them. */
void targets_aim(Turn *turn)
{
        for (size_t i = 0; i < turn->lane_count; i++)
                turn->lanes[i]->target = target_of(turn, turn->lanes[i]->name);
        for (size_t i = 0; i < turn->target_count; i++)
                turn->targets[i]->blocked_until = WALL_NONE;
        targets_count(turn);
}

Target *targets_copy(const Turn *turn, Arena *arena)
{
        Target *copy = arena_array(arena, Target, turn->target_count + 1);
        for (size_t i = 0; i < turn->target_count; i++)
                copy[i] = *turn->targets[i];
        return copy;
}

/* After the lanes. */
void targets_restore(Turn *turn, const Target *copy, size_t count)
{
        for (size_t i = 0; i < count; i++)
                *target_find(turn, copy[i].name) = copy[i];
        targets_count(turn);
}

Text target_host(const Target *target)
{
        const char *slashes = memmem(target->name.data, target->name.len, "://", 3);
        return slashes ? text_from_offset(target->name, (size_t)(slashes - target->name.data) + 3) : target->name;
}

/* ---- what results teach ----------------------------------------------------------------------------------------- */

static void target_failed(Work *w, Target *target, const Lane *lane, uint64_t chance)
{
        bool was_probe = target->is_broken && target->blocked_until.us <= w->now.us;
        if (target->failures++ == 0)
                target->failed_first = lane;
        target->has_several |= lane != target->failed_first;
        target->is_broken |= target->has_several && target->failures >= HOST_FAILURES_MAX;
        if (!target->is_broken || (!was_probe && target->probes > 0))
                return;
        Span pause = retry_delay(++target->probes, SPAN_ZERO, chance);
        pause.us = MIN_OF(pause.us, PROBE_MINUTES_MAX * SPAN_MINUTE.us);
        target->blocked_until = wall_add(w->now, pause);
}

/* Also of channels that had failed before it was all of them. */
static int target_tell_works(Work *w, Target *target)
{
        WallTime since = target->has_told ? target->told_at : WALL_NEVER;
        int r = target->has_told ? store_channel_enable(w->store, target->name, TEXT("")) : 0;
        target->has_told = false;
        for (size_t i = 0; i < w->turn->lane_count && r >= 0; i++) {
                Lane *lane = w->turn->lanes[i];
                if (lane->target != target)
                        continue;
                if (lane->has_told) {
                        r = store_channel_enable(w->store, lane->name, TEXT(""));
                        since = wall_earlier(since, lane->troubled_since);
                }
                lane->is_troubled = lane->has_told = false;
        }
        if (r < 0 || since.us == WALL_NEVER.us)
                return r;
        return work_tell_operators(w, arena_textf(w->arena, TEXT_F " works again, %lld minutes after you were told",
                                                  TEXT_ARG(target_host(target)),
                                                  (long long)(wall_since(w->now, since).us / SPAN_MINUTE.us)));
}

static int target_works(Work *w, Target *target)
{
        bool was_broken = target->is_broken || target->has_told; /* before a restart */
        target->is_broken = target->has_several = false;
        target->failures = target->probes = 0;
        target->failed_first = NULL;
        target->blocked_until = WALL_NONE;
        if (!was_broken) {
                target->share += target->share < OUTBOX_ROOM_MAX;
                return 0;
        }
        target->share = SHARE_AFTER_OUTAGE;
        for (size_t i = 0; i < w->turn->lane_count; i++)
                if (w->turn->lanes[i]->target == target)
                        lane_revive(w, w->turn->lanes[i]);
        return target_tell_works(w, target);
}

int target_learn(Work *w, const Lane *lane, const Result *result, uint64_t chance)
{
        if (!lane->target)
                return 0;
        if (result->is_of_host)
                target_failed(w, lane->target, lane, chance);
        else if (result->fate == FATE_ACCEPTED || result->code > 0) /* yes or no: it has answered */
                return target_works(w, lane->target);
        return 0;
}

/* ---- what operators hear ---------------------------------------------------------------------------------------- */

static bool target_is_told(const Turn *turn, const Target *target)
{
        for (size_t i = 0; i < turn->lane_count; i++)
                if (turn->lanes[i]->target == target && turn->lanes[i]->has_told)
                        return true;
        return target->has_told;
}

int target_trouble(Work *w, Target *target, Text text)
{
        bool was_told = wall_is_set(target->told_at) && w->now.us < wall_add(target->told_at, SPAN_HOUR).us;
        if (was_told || target_is_told(w->turn, target))
                return 0;
        target->has_told = true;
        target->told_at = w->now;
        Text words = arena_textf(w->arena, TEXT_F ". It is all of " TEXT_F ": its other channels wait, too",
                                 TEXT_ARG(text), TEXT_ARG(target_host(target)));
        int r = store_channel_disable(w->store, target->name, TEXT(""), w->now, words);
        return r < 0 ? r : work_tell_operators(w, words);
}

/* False: that is the name of a channel. */
bool target_remember(Turn *turn, Text name, WallTime told_at)
{
        if (!memmem(name.data, name.len, "://", 3))
                return false;
        Target *target = target_find(turn, name);
        target->has_told = true;
        target->told_at = told_at;
        return true;
}

/* As lanes_forget(). */
int targets_forget(Turn *turn, const Config *config)
{
        for (size_t i = 0; i < turn->target_count; i++) {
                Target *target = turn->targets[i];
                bool is_known = false;
                for (size_t j = 0; j < config->channel_count; j++)
                        is_known |= text_equal(config->channels[j].target, target->name);
                int r = is_known || !target->has_told ? 0 : store_channel_enable(turn->store, target->name, TEXT(""));
                if (r < 0)
                        return r;
                target->has_told &= is_known;
        }
        return 0;
}
