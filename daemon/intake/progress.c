/* What the client does not tell: a partition that it has stopped to fetch, while all seems well. It happens, and nobody
 * would notice: the end of a log is heard of only when it is fetched. So of a partition from which nothing comes the
 * end is asked for, of whoever leads it. */
#include <stdio.h>

#include "inside.h"

static const Span step_max = { 20 * INT64_C(1000000) }; /* time that being assigned again has to help */

void partition_moved(Intake *intake, Partition *p)
{
        p->moved_at = intake_now(intake);
        p->moved_to = p->next_offset;
        if (p->stalls == 0)
                return;
        p->stalls = 0;
        if (p->trouble == KAFKA_STUCK)
                p->trouble = KAFKA_OK;
}

void progress_read(Intake *intake, Partition *p, int64_t fetch_offset)
{
        bool has_moved = p->next_offset != p->moved_to || fetch_offset > MAX_OF(p->fetch_offset, p->next_offset);
        p->fetch_offset = fetch_offset;
        /* While there is no room, standing still is as it should be. */
        if (has_moved || intake->is_blocked)
                partition_moved(intake, p);
}

static Span patience_with(const Intake *intake, const Partition *p)
{
        Span after = intake->config->kafka.stuck_after;
        return p->stalls == 1 && step_max.us < after.us ? step_max : after;
}

static bool partition_is_idle(const Intake *intake, const Partition *p, MonoTime now)
{
        Span after = patience_with(intake, p);
        return p->state == PARTITION_READING && (p->trouble == KAFKA_OK || p->trouble == KAFKA_STUCK) &&
               mono_since(now, p->moved_at).us >= after.us && mono_since(now, p->asked_at).us >= after.us;
}

size_t intake_idle(Intake *intake, Arena *arena, LogEnd **ret)
{
        size_t count = 0, capacity = 0;
        MonoTime now = intake_now(intake);
        *ret = NULL;
        /* Of brokers that are away, or a client that is just made anew, nothing can be said. */
        if (!intake->has_met || intake->is_down || intake->is_blocked || intake->config->kafka.stuck_after.us == 0)
                return 0;
        for (Topic *topic = intake->topics; topic; topic = topic->next)
                for (size_t i = 0; i < topic->count && i < (size_t)topic->known_count; i++) {
                        Partition *p = &topic->partitions[i];
                        if (!partition_is_idle(intake, p, now))
                                continue;
                        p->asked_at = now;
                        *ret = arena_grow(arena, *ret, count, &capacity, sizeof(LogEnd));
                        (*ret)[count++] = (LogEnd){ arena_text(arena, topic->name), (int32_t)i, -1 };
                }
        return count;
}

/* First only the partition, then the client: that takes all others along. */
static void partition_unstick(Intake *intake, Topic *topic, int32_t number, int64_t end)
{
        Partition *p = &topic->partitions[number];
        p->trouble = KAFKA_STUCK;
        p->trusted_at = (MonoTime){ INT64_MAX }; /* only progress is a proof */
        snprintf(p->why, sizeof p->why, "nothing comes at offset %" PRId64 ", though its log goes on to %" PRId64,
                 p->next_offset, end);
        if (p->stalls++ == 0)
                (void)!partition_read(intake, topic, number, p->next_offset); /* refused: it is new, and reported */
        else
                intake->wants_renewal = true;
}

void intake_note_ends(Intake *intake, const LogEnd *ends, size_t count)
{
        MonoTime now = intake_now(intake);
        for (size_t i = 0; i < count; i++) {
                Topic *topic = intake_topic(intake, ends[i].topic);
                Partition *p = topic && (size_t)ends[i].partition < topic->count ? &topic->partitions[ends[i].partition]
                                                                                 : NULL;
                if (!p || p->state != PARTITION_READING || intake->is_blocked ||
                    mono_since(now, p->moved_at).us < patience_with(intake, p).us)
                        continue;
                if (ends[i].end_offset > MAX_OF(p->next_offset, p->fetch_offset) && p->next_offset == p->moved_to)
                        partition_unstick(intake, topic, ends[i].partition, ends[i].end_offset);
        }
        health_update(intake);
}
