/* bare.h - what the bare programs share: a librdkafka consumer of all partitions from their beginning, and figures.
 * They are the floor that the daemon is measured against: no parser, no store, no rules. Whatever goes wrong ends the
 * program with one line on standard error. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <time.h>

enum {
        WAIT_MS = 10000
};

static inline _Noreturn void fail(int code, const char *what, const char *why)
{
        fprintf(stderr, "%s: %s\n", what, why);
        exit(code);
}

static inline double seconds_now(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Of the whole process, librdkafka's threads included. */
static inline double cpu_seconds(void)
{
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static inline long rss_max_kilobytes(void)
{
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        return usage.ru_maxrss;
}

/* The same memory settings as the daemon's: fetch buffers are used again instead of being mapped each time. */
static inline void memory_set(void)
{
        mallopt(M_MMAP_THRESHOLD, 32 << 20);
        mallopt(M_TRIM_THRESHOLD, 1 << 30);
        mallopt(M_TOP_PAD, 4 << 20);
}

static inline void property_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
        char why[512];
        if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
                fail(EX_USAGE, name, why);
}

/* properties: NAME=VALUE, over the defaults here. */
static inline rd_kafka_t *consumer_open(const char *bootstrap, char **properties)
{
        char why[512];
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        property_set(conf, "bootstrap.servers", bootstrap);
        property_set(conf, "group.id", "bare");
        property_set(conf, "enable.auto.commit", "false");
        property_set(conf, "queued.min.messages", "250000");
        property_set(conf, "queued.max.messages.kbytes", "131072");
        property_set(conf, "fetch.wait.max.ms", "100");
        for (; *properties; properties++) {
                char *value = strchr(*properties, '=');
                if (!value)
                        fail(EX_USAGE, *properties, "not of the form NAME=VALUE");
                *value++ = '\0';
                property_set(conf, *properties, value);
        }
        rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
        if (!consumer)
                fail(EX_UNAVAILABLE, "could not start a consumer", why);
        rd_kafka_poll_set_consumer(consumer);
        return consumer;
}

static inline rd_kafka_topic_partition_list_t *partitions_of(rd_kafka_t *consumer, const char *topic)
{
        const struct rd_kafka_metadata *metadata;
        rd_kafka_topic_t *native = rd_kafka_topic_new(consumer, topic, NULL);
        rd_kafka_resp_err_t error = rd_kafka_metadata(consumer, 0, native, &metadata, WAIT_MS);
        if (error || metadata->topics[0].partition_cnt == 0)
                fail(EX_UNAVAILABLE, topic, error ? rd_kafka_err2str(error) : "no such topic");
        int count = metadata->topics[0].partition_cnt;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
        rd_kafka_topic_partition_list_add_range(list, topic, 0, count - 1);
        rd_kafka_metadata_destroy(metadata);
        rd_kafka_topic_destroy(native);
        return list;
}

/* Reads every partition from its first record. Returns how many records there are now. */
static inline int64_t consumer_assign(rd_kafka_t *consumer, const char *topic)
{
        int64_t total = 0, low, high;
        rd_kafka_topic_partition_list_t *list = partitions_of(consumer, topic);
        for (int i = 0; i < list->cnt; i++) {
                rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(consumer, topic, list->elems[i].partition,
                                                                             &low, &high, WAIT_MS);
                if (error)
                        fail(EX_UNAVAILABLE, topic, rd_kafka_err2str(error));
                list->elems[i].offset = low;
                total += high - low;
        }
        rd_kafka_resp_err_t error = rd_kafka_assign(consumer, list);
        if (error)
                fail(EX_UNAVAILABLE, "could not assign", rd_kafka_err2str(error));
        rd_kafka_topic_partition_list_destroy(list);
        return total;
}

/* A descriptor that becomes readable when records come after there were none. */
static inline int queue_watch(rd_kafka_t *consumer)
{
        static const uint64_t one = 1;
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
        rd_kafka_queue_io_event_enable(queue, fd, &one, sizeof one);
        rd_kafka_queue_destroy(queue);
        return fd;
}

/* One line of JSON. "seconds" are those from the first record to the end; the CPU is all that the process took. */
static inline void figures_print(const char *program, int64_t records, int64_t posts, double first, double end)
{
        double seconds = end - first, cpu = cpu_seconds();
        printf("{\"program\":\"%s\",\"records\":%jd,\"posts\":%jd,\"seconds\":%.4f,\"records_per_second\":%.0f,"
               "\"cpu_seconds\":%.4f,\"cpu_seconds_per_100000\":%.5f,\"rss_max_kilobytes\":%ld}\n",
               program, (intmax_t)records, (intmax_t)posts, seconds, seconds > 0 ? (double)records / seconds : 0, cpu,
               records > 0 ? cpu / (double)records * 100000 : 0, rss_max_kilobytes());
}
