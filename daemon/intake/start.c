#include <errno.h>

#include "inside.h"

static rd_kafka_topic_partition_list_t *list_make(const Source *source, int32_t first, int32_t count, int64_t what)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(512);
        const char *topic = arena_text(arena, source->topic).data;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
        for (int32_t i = 0; i < count; i++)
                rd_kafka_topic_partition_list_add(list, topic, first + i)->offset = what;
        return list;
}

/* Asks for offsets, of all partitions of the list at once: a time in milliseconds, or RD_KAFKA_OFFSET_END or
 * _BEGINNING. The time-limited call of librdkafka; its call for both ends of a log waits longer than it was told in
 * 2.0.2. */
static int offsets_ask(Intake *intake, rd_kafka_topic_partition_list_t *list, Span patience)
{
        pthread_mutex_lock(&intake->in_use);
        rd_kafka_resp_err_t error =
                rd_kafka_offsets_for_times(intake->consumer, list, (int)MAX_OF(patience.us / 1000, 1));
        pthread_mutex_unlock(&intake->in_use);
        bool is_complete = error == RD_KAFKA_RESP_ERR_NO_ERROR;
        for (int i = 0; i < list->cnt; i++)
                is_complete = is_complete && list->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR;
        return is_complete ? 0 : -EAGAIN;
}

static int64_t start_wanted(const Source *source, bool is_new_topic)
{
        if (!is_new_topic || source->start == START_EARLIEST)
                return RD_KAFKA_OFFSET_BEGINNING;
        return source->start == START_LATEST ? RD_KAFKA_OFFSET_END : MAX_OF(source->start_time.us / 1000, 0);
}

/* In partitions where no record is as late as the time that was asked for, what comes next will be. */
static int ends_fill(Intake *intake, rd_kafka_topic_partition_list_t *list, Span patience)
{
        rd_kafka_topic_partition_list_t *late = rd_kafka_topic_partition_list_new(list->cnt);
        for (int i = 0; i < list->cnt; i++)
                if (list->elems[i].offset < 0)
                        rd_kafka_topic_partition_list_add(late, list->elems[i].topic, list->elems[i].partition)
                                ->offset = RD_KAFKA_OFFSET_END;
        int r = late->cnt > 0 ? offsets_ask(intake, late, patience) : 0;
        for (int i = 0, j = 0; r == 0 && i < list->cnt; i++)
                if (list->elems[i].offset < 0)
                        list->elems[i].offset = late->elems[j++].offset;
        rd_kafka_topic_partition_list_destroy(late);
        return r;
}

int intake_find_starts(Intake *intake, const Source *source, int32_t first, int32_t count, bool is_new_topic,
                       Span patience, int64_t *ret_offsets)
{
        /* Two questions at most, each with half of the time. */
        Span half = { patience.us / 2 };
        rd_kafka_topic_partition_list_t *list = list_make(source, first, count, start_wanted(source, is_new_topic));
        int r = offsets_ask(intake, list, half);
        if (r == 0)
                r = ends_fill(intake, list, half);
        for (int i = 0; r == 0 && i < list->cnt; i++)
                if (list->elems[i].offset < 0)
                        r = -EAGAIN;
        for (int i = 0; r == 0 && i < list->cnt; i++)
                ret_offsets[i] = list->elems[i].offset;
        rd_kafka_topic_partition_list_destroy(list);
        return r;
}

static int end_ask(Intake *intake, Text topic, int32_t partition, int64_t which, Span patience, int64_t *ret)
{
        const Source source = { .topic = topic };
        rd_kafka_topic_partition_list_t *list = list_make(&source, partition, 1, which);
        int r = offsets_ask(intake, list, patience);
        rd_kafka_resp_err_t error = list->elems[0].err;
        *ret = list->elems[0].offset;
        rd_kafka_topic_partition_list_destroy(list);
        if (error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
                return -ENOENT;
        return r == 0 && *ret < 0 ? -EAGAIN : r;
}

int intake_find_ends(Intake *intake, Text topic, int32_t partition, Span patience, int64_t *ret_begin, int64_t *ret_end)
{
        Span half = { patience.us / 2 };
        int64_t begin = -1, end = -1;
        int r = end_ask(intake, topic, partition, RD_KAFKA_OFFSET_BEGINNING, half, &begin);
        if (r == 0)
                r = end_ask(intake, topic, partition, RD_KAFKA_OFFSET_END, half, &end);
        if (r < 0)
                return r;
        *ret_begin = begin;
        *ret_end = end;
        return 0;
}

void intake_ask_ends(Intake *intake, LogEnd *ends, size_t count, Span patience)
{
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
        CLEANUP(arena_freep) Arena *arena = arena_new(512);
        for (size_t i = 0; i < count; i++)
                rd_kafka_topic_partition_list_add(list, arena_text(arena, ends[i].topic).data, ends[i].partition)
                        ->offset = RD_KAFKA_OFFSET_END;
        (void)offsets_ask(intake, list, patience);
        /* Without an answer the question still stands there. */
        for (size_t i = 0; i < count; i++)
                ends[i].end_offset = list->elems[i].err || list->elems[i].offset < 0 ? -1 : list->elems[i].offset;
        rd_kafka_topic_partition_list_destroy(list);
}
