/* intake.h - Kafka in: the topics of every source, read by assign() from offsets that the database gives; and the
 * dead letters out. The only header that speaks for librdkafka.
 * Owns:    a consumer, its queue and wake-up descriptor; a producer once a dead letter has to be written.
 * Errors:  what goes wrong with Kafka is a health state with words, not an error: reading goes on by itself.
 * Called:  from the loop thread; intake_find_start() alone blocks (at most the timeout) and is for the turn thread. */
#pragma once

#include <systemd/sd-event.h>

#include "config/config.h"

typedef struct Intake Intake;

/* One record as it came. Valid during the call only. */
typedef struct Record {
        const Source *source;
        Place place;
        Text key; /* absent: null */
        Text value; /* absent: a tombstone */
        uint64_t hash; /* of the value's bytes, for the anchor */
        const void *native; /* for record_header() and record_headers_write() */
} Record;

/* The last header of that name; absent if there is none. */
Text record_header(const Record *record, const char *name);
/* JSON array of [name, base64 value or null], in order, for a dead letter. */
Text record_headers_write(const Record *record, Arena *arena);

typedef enum KafkaHealth {
        KAFKA_OK,
        KAFKA_CONNECTING, /* not heard of any broker yet */
        KAFKA_UNREACHABLE,
        KAFKA_DNS,
        KAFKA_TLS,
        KAFKA_AUTH,
        KAFKA_ACL,
        KAFKA_NO_TOPIC,
        KAFKA_OFFSET_GONE, /* a partition stands still: its offset is not in the log */
        KAFKA_HEALTH_MAX,
} KafkaHealth;

const char *kafka_health_text(KafkaHealth health); /* "ok", "unreachable", ... */

typedef struct IntakeOps {
        /* The next record, in the order of its partition. Must not keep any of it. */
        void (*record)(void *userdata, const Record *record);
        /* Nothing more is queued for now: time to commit what was gathered. */
        void (*drained)(void *userdata);
        /* May more records come now? Asked before each; after false, call intake_continue() when there is room again. */
        bool (*has_room)(void *userdata);
        /* A partition of a source's topic that is not assigned: answer, now or later, with intake_assign(). */
        void (*partition)(void *userdata, const Source *source, int32_t partition, int32_t partition_count);
        /* health changed; text is one line for an operator, without secrets */
        void (*health)(void *userdata, KafkaHealth health, Text text);
        /* A dead letter was written (error 0), or could not be (negative errno): try again later. */
        void (*dead_letter)(void *userdata, int64_t row, int error);
} IntakeOps;

/* The configuration may be replaced by intake_reconfigure() later; references are counted. */
int intake_new(sd_event *event, const Config *config, const IntakeOps *ops, void *userdata, Intake **ret) MUST_CHECK;
/* Closes within `patience`; what is still in Kafka's queues is forgotten, the database knows where to go on. */
Intake *intake_free(Intake *intake);
DEFINE_CLEANUP(Intake, intake_free)

/* Reads this partition from this offset on. */
int intake_assign(Intake *intake, Text topic, int32_t partition, int64_t offset) MUST_CHECK;

/* Where a partition never seen starts by its source's rule: the end, the beginning or the first record since a time.
 * Blocks at most `patience`; -EAGAIN: no answer, ask again later. Thread-safe. For a later partition of a topic that is
 * known already the beginning is right, whatever the rule: pass is_new_topic false. */
int intake_find_start(Intake *intake, const Source *source, int32_t partition, bool is_new_topic, Span patience,
                      int64_t *ret_offset) MUST_CHECK;

void intake_continue(Intake *intake);

/* Forgets everything that was fetched and reads all partitions again from where the database stands: after an offset
 * conflict. Every partition is asked for again through ops->partition. */
int intake_restart(Intake *intake) MUST_CHECK;

/* New sources and topics; brokers and properties need a restart of the daemon and say so. */
int intake_reconfigure(Intake *intake, const Config *config) MUST_CHECK;

/* Writes original key, value, headers and time with both Connect's and Spring's headers to the dead-letter topic; the
 * result comes through ops->dead_letter. -ENOBUFS: later. */
typedef struct DeadLetter {
        int64_t row;
        Place place;
        Text reason;
        Text key, value;
        Text headers; /* as written by record_headers_write() */
} DeadLetter;
int intake_write_dead_letter(Intake *intake, const DeadLetter *letter) MUST_CHECK;

/* For status and metrics. */
typedef struct PartitionView {
        Text topic;
        int32_t partition;
        int64_t next_offset; /* of the record that would be handed out next; -1: not known yet */
        int64_t end_offset; /* of the log, from statistics; -1: not known yet */
} PartitionView;
typedef void (*PartitionVisit)(void *userdata, const PartitionView *view);
void intake_partitions(const Intake *intake, PartitionVisit visit, void *userdata);
KafkaHealth intake_health(const Intake *intake, Text *ret_text);
