#include <errno.h>

#include "inside.h"

/* Asks for one offset: a time in milliseconds, or RD_KAFKA_OFFSET_END or _BEGINNING. The time-limited call of
 * librdkafka; its call for both ends of a log waits longer than it was told in 2.0.2. */
static int offset_ask(rd_kafka_t *consumer, Text topic, int32_t partition, int64_t what, int patience_ms,
                      int64_t *ret_offset)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(512);
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_t *asked =
                rd_kafka_topic_partition_list_add(list, arena_text(arena, topic).data, partition);
        asked->offset = what;
        rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(consumer, list, patience_ms);
        int r = error || asked->err ? -EAGAIN : 0;
        if (r == 0)
                *ret_offset = asked->offset;
        rd_kafka_topic_partition_list_destroy(list);
        return r;
}

static int64_t start_wanted(const Source *source, bool is_new_topic)
{
        if (!is_new_topic || source->start == START_EARLIEST)
                return RD_KAFKA_OFFSET_BEGINNING;
        return source->start == START_LATEST ? RD_KAFKA_OFFSET_END : MAX_OF(source->start_time.us / 1000, 0);
}

int intake_find_start(Intake *intake, const Source *source, int32_t partition, bool is_new_topic, Span patience,
                      int64_t *ret_offset)
{
        /* Two questions at most, each with half of the time. */
        int half_ms = (int)MAX_OF(patience.us / 2000, 1);
        int64_t wanted = start_wanted(source, is_new_topic), offset = -1;
        int r = offset_ask(intake->consumer, source->topic, partition, wanted, half_ms, &offset);
        /* No record is as late as that time: what comes next will be. */
        if (r == 0 && offset < 0 && wanted >= 0)
                r = offset_ask(intake->consumer, source->topic, partition, RD_KAFKA_OFFSET_END, half_ms, &offset);
        if (r < 0)
                return r;
        if (offset < 0)
                return -EAGAIN;
        *ret_offset = offset;
        return 0;
}
