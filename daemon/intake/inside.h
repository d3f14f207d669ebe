/* inside.h - what the files of intake/ share.
 * Owns:    an Intake owns its Topics, each with the arena that its partitions live in. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <pthread.h>

#include "intake/intake.h"

/* ---- topics and their partitions -------------------------------------------------------------------------------- */

/*   NEW --reported--> ASKED --assign--> READING --error--> WAITING --retry--> READING
 *    ^                                     |
 *    |<------------ restart ---------------+--offset gone--> STOPPED --assign--> READING       */
typedef enum PartitionState {
        PARTITION_NEW, /* has to be reported */
        PARTITION_ASKED,
        PARTITION_READING,
        PARTITION_WAITING, /* is assigned again at retry_at */
        PARTITION_STOPPED, /* until somebody assigns another offset */
} PartitionState;

enum {
        TROUBLE_BYTES = 192,
        HEALTH_TEXT_BYTES = 512,
        CAUSE_BYTES_MAX = 320, /* of librdkafka's words */
};

typedef struct Partition {
        PartitionState state;
        KafkaHealth trouble;     /* KAFKA_OK: none */
        int64_t next_offset;     /* -1: not known */
        Anchor check;            /* READING: is read from here, to compare; offset -1: it has been, or there is none */
        MonoTime checked_at;     /* since when */
        int64_t end_offset;      /* -1: not known */
        int64_t nothing_to;      /* there is nothing for us before: aborted and control records are not handed out */
        int64_t leader;          /* broker's number; -1: none, or not known */
        int retries;             /* in a row */
        MonoTime retry_at;       /* WAITING */
        MonoTime trusted_at;     /* READING with trouble: it is over if nothing comes until then */
        int64_t fetch_offset;    /* where the client goes on, beyond what is no record to us; -1: not known */
        MonoTime moved_at;       /* when one of these offsets was last seen to be another, or could not be */
        int64_t moved_to;        /* next_offset then */
        MonoTime asked_at;       /* for its log's end, because nothing came */
        int stalls;              /* how often it was found to stand still though its log goes on, in a row */
        char why[TROUBLE_BYTES]; /* trouble, for people; without the names of topic and partition */
} Partition;

typedef struct Topic Topic;
struct Topic {
        Topic *next;
        Arena *arena;
        Text name;
        const Source *source; /* in the intake's configuration */
        rd_kafka_topic_t *native;
        Partition *partitions;
        size_t count, capacity;
        int32_t known_count; /* how many Kafka says that there are; 0: no such topic, or not heard of it yet */
        MonoTime listed_at;  /* since when the configuration has it */
        KafkaHealth missing; /* while it has no partitions: KAFKA_NO_TOPIC or KAFKA_ACL */
        MonoTime missing_at; /* when that was asked */
};

Topic *topic_new(rd_kafka_t *consumer, Text name, MonoTime now);
Topic *topic_free(Topic *topic);
/* With another client; nothing is assigned there. */
void topic_renew(Topic *topic, rd_kafka_t *consumer);
/* The partition, made if need be; pointers to others of this topic may move. */
Partition *topic_partition(Topic *topic, int32_t number);
/* Asks the client's memory, never the network: has the topic got this partition? */
bool topic_has_partition(const Topic *topic, int32_t number);
/* Why a topic has no partitions: does not wait for the network, but makes the client ask again. */
KafkaHealth topic_missing(rd_kafka_t *consumer, const Topic *topic);

/* ---- the client ------------------------------------------------------------------------------------------------- */

/* The producer for dead letters; NULL until the first. */
typedef struct DeadLetters DeadLetters;

struct Intake {
        sd_event *event;
        Config *config;
        const IntakeOps *ops;
        void *userdata;

        rd_kafka_t *consumer;
        rd_kafka_queue_t *records; /* records and what is wrong with a partition */
        rd_kafka_queue_t *reports; /* everything else, so that back-pressure never keeps it waiting */
        int records_fd, reports_fd;
        sd_event_source *records_source, *reports_source, *again_source, *tick_source;
        int hurries; /* left */

        Topic *topics;
        Topic *last_topic;      /* of the last record */
        bool is_blocked;        /* has_room() said no */
        bool has_handed_out;    /* records since ops->drained */
        pthread_mutex_t in_use; /* the consumer, by the turn thread: it may not be replaced */
        bool wants_renewal;     /* of the consumer */
        MonoTime renewed_at;

        size_t queue_peak; /* records that waited, at most since the fetcher was woken */
        MonoTime woken_at;

        /* Of the connection */
        bool has_asked_cluster, is_foreign; /* cluster */
        bool has_met;                       /* some broker's metadata has come */
        MonoTime met_at;
        bool is_down;                       /* no broker is up, or not the ones that lead what we read */
        KafkaHealth cause;                  /* of the last failure; KAFKA_OK: none heard of */
        char cause_text[HEALTH_TEXT_BYTES]; /* begins with the broker's name */
        MonoTime cause_at;

        KafkaHealth health;
        char health_text[HEALTH_TEXT_BYTES];

        JsonReader *reader; /* statistics */
        DeadLetters *dead_letters;
};

enum {
        ERROR_TEXT_BYTES = 512
};

/* settings.c: NULL and words if librdkafka refuses a property. */
rd_kafka_conf_t *consumer_settings(const KafkaConfig *kafka, char reterr[static ERROR_TEXT_BYTES]);
rd_kafka_conf_t *producer_settings(const KafkaConfig *kafka, char reterr[static ERROR_TEXT_BYTES]);

/* client.c: a queue that writes to a new descriptor when it is no longer empty. */
int queue_watch(sd_event *event, rd_kafka_queue_t *queue, sd_event_io_handler_t handler, void *userdata, int *ret_fd,
                sd_event_source **ret_source) MUST_CHECK;
/* Reads the descriptor; always before the queue is read, or a wake-up in between is lost. */
void queue_wake_read(int fd);
/* Ends the client some time later, in a thread of its own: nobody waits for it. */
void client_abandon(rd_kafka_t *client);
/* Ends the client, but waits INTAKE_CLOSE_SECONDS at most. False: it is still at it. */
bool client_destroy(rd_kafka_t *client);

/* intake.c */
MonoTime intake_now(const Intake *intake);
/* Comes round again at once, in a turn of the loop of its own. */
void intake_again(Intake *intake);

/* partition.c: assignment. */
Topic *intake_topic(const Intake *intake, Text name);
void partition_fail(Intake *intake, Topic *topic, int32_t number, KafkaHealth trouble, const char *why);
int partition_read(Intake *intake, Topic *topic, int32_t number, int64_t offset) MUST_CHECK;
/* The first record since the anchor was asked for. */
void partition_check(Intake *intake, Topic *topic, int32_t number, int64_t offset, uint64_t hash);
/* With another client: where it was. */
void partition_resume(Intake *intake, Topic *topic, int32_t number);
void topic_leave(Intake *intake, Topic *topic);
/* Looks for new partitions, reports them, tries again what waits. */
void intake_sort_out(Intake *intake);

/* progress.c: watches over partitions that stand still. */
void partition_moved(Intake *intake, Partition *p);
void progress_read(Intake *intake, Partition *p, int64_t fetch_offset);

/* statistics.c */
void statistics_read(Intake *intake, Text json);

/* health.c */
void health_connection_works(Intake *intake);
void health_connection_failed(Intake *intake, rd_kafka_resp_err_t error, const char *text);
KafkaHealth health_of_partition_error(rd_kafka_resp_err_t error);
KafkaHealth health_of_connection_error(rd_kafka_resp_err_t error, const char *text, bool has_worked);
/* Looks at everything and tells ops->health if something else is to be said than before. */
void health_update(Intake *intake);

/* dead_letter.c */
DeadLetters *dead_letters_new(Intake *intake); /* NULL: librdkafka refuses, or no descriptors are left */
DeadLetters *dead_letters_free(DeadLetters *letters);
void dead_letters_tick(DeadLetters *letters);

/* dead_letter_headers.c: NULL if letter->headers cannot be read. */
rd_kafka_headers_t *dead_letter_headers(const DeadLetter *letter, Text group);
