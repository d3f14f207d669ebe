/* intake.h - Kafka in: the topics of every source, read by assign() from offsets that the database gives; and the
 * dead letters out. The only header that speaks for librdkafka.
 * Owns:    a consumer, its queues and wake-up descriptors; a producer once a dead letter has to be written.
 * Errors:  what goes wrong with Kafka is a health state with words, not an error: reading goes on by itself.
 * Called:  from the loop thread; intake_find_starts(), _find_ends() and _ask_ends() alone block (at most the timeout)
 *          and are for the turn thread. They must have returned before intake_free(). No function of the intake may be
 *          called from ops->record but intake_continue(), record_hash() and record_header*(); from the other ops all
 * but intake_free() and intake_reconfigure(). */
#pragma once

#include <systemd/sd-event.h>

#include "config/config.h"

typedef struct Intake Intake;

/* One record as it came. Valid during the call only. */
typedef struct Record {
        const Source *source;
        Place place;
        Text key;           /* absent: null */
        Text value;         /* absent: a tombstone */
        const void *native; /* for record_header() and record_headers_write() */
} Record;

/* Of the value's bytes, for the anchor. It is stored, so it is the same in every version and on every machine; no
 * defence against somebody who looks for collisions. A tombstone is 0. */
uint64_t record_hash(const Record *record);

/* The last header of that name; absent if there is none. */
Text record_header(const Record *record, const char *name);
/* JSON array of [name, base64 value or null], in order, for a dead letter; "[]" without headers. A name that is not
 * UTF-8 loses the bytes that are not. */
Text record_headers_write(const Record *record, Arena *arena);

typedef enum KafkaHealth {
        KAFKA_OK,
        KAFKA_CONNECTING, /* not heard of any broker, or of every topic, yet */
        KAFKA_UNREACHABLE,
        KAFKA_DNS,
        KAFKA_TLS,
        KAFKA_AUTH,
        KAFKA_ACL,
        KAFKA_NO_TOPIC,
        KAFKA_OFFSET_GONE,    /* a partition stands still: its offset is not in the log */
        KAFKA_TOPIC_REPLACED, /* a partition stands still: where its last record was there is another one, or none */
        KAFKA_OTHER_CLUSTER,  /* all stand still: the brokers are not those that the offsets are of */
        KAFKA_STUCK,      /* a partition stands still, nobody knows why: it is assigned again, the client made anew */
        KAFKA_UNREADABLE, /* a partition stands still: a checksum is wrong, or a record too large; it is tried again */
        KAFKA_HEALTH_MAX,
} KafkaHealth;

const char *kafka_health_text(KafkaHealth health); /* "ok", "unreachable", ... */

typedef struct IntakeOps {
        /* The next record, in the order of its partition. Must not keep any of it. */
        void (*record)(void *userdata, const Record *record);
        /* Nothing more is queued for now: time to commit what was gathered. Only after at least one record. */
        void (*drained)(void *userdata);
        /* May more records come now? Asked before each, also when none may be there; after false, call
         * intake_continue() when there is room again. It is asked again each second in any case. */
        bool (*has_room)(void *userdata);
        /* A partition of a source's topic that is not assigned: answer, now or later, with intake_assign(). Told once,
         * and again after intake_restart() and when a deleted topic comes back: then after ops->drained, for what was
         * read of it before. partition_count is how many the topic has. */
        void (*partition)(void *userdata, const Source *source, int32_t partition, int32_t partition_count);
        /* Before any partition is reported: which cluster this is. False: nothing of it is read until
         * intake_accept_cluster(). Never told of brokers that have no such id. */
        bool (*cluster)(void *userdata, Text id);
        /* A partition stands still until it is assigned again. KAFKA_OFFSET_GONE: its offset is not in the log; find
         * out with intake_find_ends(), then assign it or say with intake_stand() why it stays. KAFKA_TOPIC_REPLACED: it
         * has been said. */
        void (*stopped)(void *userdata, Text topic, int32_t partition, KafkaHealth why);
        /* The anchor's record is not in the log any more, by age or compaction: reading goes on unverified. */
        void (*unverified)(void *userdata, Text topic, int32_t partition);
        /* health changed, or what is wrong with topics and partitions; text is one line for an operator, without
         * secrets. Other words for the same outage are not told: intake_health() has the latest. */
        void (*health)(void *userdata, KafkaHealth health, Text text);
        /* A dead letter was written (error 0), or could not be (negative errno): try again later. -EMSGSIZE: the broker
         * does not take records of this size; -ENOENT: no such topic; -EACCES: not allowed to write to it. */
        void (*dead_letter)(void *userdata, int64_t row, int error);
} IntakeOps;

/* What librdkafka thinks of the brokers' properties, without connecting: 0, or -EINVAL and what is wrong, in arena. */
int intake_check(const KafkaConfig *kafka, Arena *arena, Text *reterr_message) MUST_CHECK;

/* Returns at once; connecting goes on in the background. -EINVAL: see intake_check(). The configuration may be replaced
 * by intake_reconfigure() later; references are counted. ops must outlive the intake. */
int intake_new(sd_event *event, const Config *config, const IntakeOps *ops, void *userdata, Intake **ret) MUST_CHECK;
/* Closes within INTAKE_CLOSE_SECONDS, though brokers are gone: then what librdkafka still holds is left to the end of
 * the process. What is still in Kafka's queues is forgotten, the database knows where to go on. */
enum {
        INTAKE_CLOSE_SECONDS = 3
};
Intake *intake_free(Intake *intake);
DEFINE_CLEANUP(Intake, intake_free)

/* Reads this partition from this offset (>= 0) on, also if it is being read already. Right for a partition that was
 * not reported yet: at a restart, assign what the database knows at once. -ENOENT: no source has this topic. -EIO:
 * librdkafka refused; the partition is reported again. */
int intake_assign(Intake *intake, Text topic, int32_t partition, int64_t offset) MUST_CHECK;

/* The last record that was read: tells whether the topic is still the same. */
typedef struct Anchor {
        int64_t offset; /* -1: none */
        uint64_t hash;
} Anchor;
/* The same, after a look at the anchor: it is fetched again and compared, but not handed out. */
int intake_resume(Intake *intake, Text topic, int32_t partition, int64_t offset, Anchor anchor) MUST_CHECK;
/* A partition that has stopped stays so: why, for its health. */
void intake_stand(Intake *intake, Text topic, int32_t partition, KafkaHealth trouble, const char *why);
/* What ops->cluster has refused is read after all. */
void intake_accept_cluster(Intake *intake);
/* The first offset in the log and the one behind the last that may be read. Like intake_find_starts(), and -ENOENT: the
 * topic has no such partition. */
int intake_find_ends(Intake *intake, Text topic, int32_t partition, Span patience, int64_t *ret_begin,
                     int64_t *ret_end) MUST_CHECK;

/* Where partitions never seen start by their source's rule: the end, the beginning or the first record since a time;
 * `count` of them from `first` on, in one request to each broker. Blocks at most `patience`; -EAGAIN: no answer for
 * all, ask again later. Thread-safe. For later partitions of a topic that is known already the beginning is right,
 * whatever the rule: pass is_new_topic false. */
int intake_find_starts(Intake *intake, const Source *source, int32_t first, int32_t count, bool is_new_topic,
                       Span patience, int64_t *ret_offsets) MUST_CHECK;

/* The end of a log as its broker knows it now. */
typedef struct LogEnd {
        Text topic;
        int32_t partition;
        int64_t end_offset; /* -1: no answer */
} LogEnd;

/* Partitions of which nothing has come for so long (kafka.stuck_after) that their logs' ends are worth a question: in
 * arena, the number of them. Then intake_ask_ends() on the turn thread, which blocks at most `patience`, and
 * intake_note_ends() on the loop. A partition that stands still although its log goes on is assigned again, then the
 * client is made anew; its health says so meanwhile. */
size_t intake_idle(Intake *intake, Arena *arena, LogEnd **ret);
void intake_ask_ends(Intake *intake, LogEnd *ends, size_t count, Span patience);
void intake_note_ends(Intake *intake, const LogEnd *ends, size_t count);

void intake_continue(Intake *intake);

/* Forgets everything that was fetched and reads all partitions again from where the database stands: after an offset
 * conflict. Every partition is asked for again through ops->partition. */
int intake_restart(Intake *intake) MUST_CHECK;

/* New sources and topics. Returns 1 if brokers, group, properties or password differ too: those wait for a restart of
 * the daemon. */
int intake_reconfigure(Intake *intake, const Config *config) MUST_CHECK;

/* Writes original key, value, headers and time with both Connect's and Spring's headers to the dead-letter topic; the
 * result comes through ops->dead_letter, within DEAD_LETTER_SECONDS, never from inside this call. -ENOBUFS: later.
 * -EMSGSIZE: too large for any broker. -EBADMSG: these headers are not ours. -EINVAL: no topic is configured. */
enum {
        DEAD_LETTER_SECONDS = 30
};
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
        int64_t end_offset;  /* of what may be read (last stable offset), at most some seconds old; -1: not known yet */
} PartitionView;
typedef void (*PartitionVisit)(void *userdata, const PartitionView *view);
void intake_partitions(const Intake *intake, PartitionVisit visit, void *userdata);
KafkaHealth intake_health(const Intake *intake, Text *ret_text);
