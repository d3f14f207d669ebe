/* inside.h - what the files of the service share among themselves. */
#pragma once

#include "base/notice.h"
#include "ctl/control.h"
#include "notify/notifier.h"
#include "service/service.h"
#include "store/store.h"
#include "turn/judge.h"
#include "turn/outbox.h"
#include "turn/turn_thread.h"
#include "web/web.h"

/* The dead letter of a record that the process has died of twice. */
#define POISON_REASON "poison"

enum {
        ANSWERS_MAX = 1024,          /* flagged answers in a batch */
        GATHER_BYTES_MAX = 64 << 20, /* dead letters can be large */
        SOURCES_MAX = 64,
        LANE_SECONDS_MAX = 5,   /* that a parcel waits for its place at the receiver */
        RESULTS_MAX = 64,       /* results of deliveries that may wait for company ... */
        RESULTS_US = 10 * 1000, /* ... and how long */
        WAITS_MAX = 16,         /* channels that do not work, in status */
};

/* How far one partition has been read, and how far the store knows of it. */
typedef struct Partition {
        char *topic;
        int32_t partition;
        bool is_assigned;
        bool is_new_log;        /* it is not the one that was read before */
        int32_t log;            /* see Place */
        bool is_gone, is_asked; /* its offset is not in the log; the ends of the log are being asked for */
        int64_t next_offset;   /* of the record after the last one judged */
        int64_t stored_offset; /* as of the last batch that was submitted */
        int64_t generation;
        int64_t anchor_offset;
        WallTime anchor_time;
        uint64_t anchor_hash;
} Partition;

/* Looking up where the partitions of a topic start; runs on the turn thread. */
typedef struct StartLookup StartLookup;

/* How the last tries over a channel went; kept by name, so that a reload goes on with it. */
typedef struct ChannelHealth ChannelHealth;
struct ChannelHealth {
        ChannelHealth *next;
        char *name;
        int64_t failures; /* in a row; 0: it works */
        SendClass class;  /* of the last of them */
        bool is_logged;
        const ChannelHealth *host; /* of a channel */
        const ChannelHealth *only; /* of a host: the channel that failed each time; NULL: several */
        WallTime failing_since;
        char detail[SEND_DETAIL_BYTES];
};

/* What is being judged, in memory that outlives the process. */
typedef struct JudgingMark JudgingMark;

/* A record that is set aside unparsed. */
typedef struct Poison {
        char topic[256];
        int32_t partition;
        int64_t offset;
} Poison;

typedef struct OutcomeCounts { /* of one source since the last scrape: the hot path counts in an array */
        int64_t judged[JUDGED_MAX];
} OutcomeCounts;

typedef struct KafkaOutage {
        bool is_out;
        MonoTime since; /* it is out */
        bool was_well;  /* once since the start */
        unsigned told;  /* a bit for each state that was logged in this outage */
} KafkaOutage;

typedef struct Backup Backup; /* under way */
typedef struct LastBackup {
        WallTime at; /* unset: there is none */
        int64_t bytes;
        char file[512];
} LastBackup;

/* What waits for channels that do not work, as of the last look at the store. */
typedef struct Waits {
        Arena *arena; /* NULL: not looked at */
        Waiting list[WAITS_MAX];
        size_t count;
} Waits;

struct Service {
        const char *config_path;
        sd_event *event;
        Config *config;
        Config *started_with; /* what only a restart can change is still as it says */
        Intake *intake;
        Notifier *notifier;
        Outbox *outbox;
        TurnThread *thread;
        Judge *judge;
        Metrics *metrics;
        Web *web;
        Control *control;

        Batch *gather;          /* what arrived while the last one was being committed */
        Batch *failed;          /* could not be committed: tried again ... */
        Batch *older;           /* gathered before a reload: goes to the store before the gather does */
        bool retry_is_due;      /* ... now; until then only what people do and ask goes to the store */
        bool is_low;            /* the store's disk: nothing more is read */
        bool is_hanging;        /* the turn thread waits for the disk, and has for some time */
        MonoTime returned_at;   /* when it last gave a batch back */
        size_t lent_answers;    /* of the batch that is being committed: their parcels come with it */
        bool is_full;           /* the outbox */
        size_t results_waiting; /* of the gather's inputs */
        bool wants_turn;        /* something may be due although nothing was gathered */
        bool is_stopping, is_continued;
        MonoTime stop_at;
        int exit_code;

        Partition *partitions;
        size_t partition_count, partition_capacity;
        size_t partition_last; /* where the last record belonged: runs of one partition are long */
        char *cluster;         /* whose offsets these are; NULL: not known yet */
        char *other_cluster;   /* the one that was met instead */
        int64_t gaps, gap_records;
        JudgingMark *mark;
        char *mark_path;          /* NULL: the mark is in no file */
        const char *marked_topic; /* that stands in the mark; a partition's */
        Poison *poison;
        size_t poison_count;
        StartLookup *lookups;  /* under way */
        WallTime now;          /* sampled once for each run of records */

        KafkaOutage outage;
        Arena *ends_arena; /* of the ends of logs, while they are asked for */
        LogEnd *ends;
        size_t end_count;
        ChannelHealth *channels; /* that have been used */
        ChannelHealth *hosts; /* by "https://host:port": what several channels have in common */
        size_t letters_out;      /* written, and no result yet */
        bool letters_more;       /* more of them wait in the store */
        unsigned letters_ticks;
        bool letters_full;    /* no room for more of them: reading pauses */
        bool letters_dropped; /* said that some have lost their bytes */
        int letters_error;                   /* that was told of; 0: the last one went well */
        OutcomeCounts outcomes[SOURCES_MAX]; /* by the source's place in the configuration */
        StoreCounts counts, counts_found;    /* the latter is the turn thread's until the call is done */
        bool has_counts;
        int64_t figures_answers; /* since start, for status */
        MonoTime last_answer_at;
        bool counts_under_way;
        Waits waits, waits_found; /* likewise */

        StoreCheck check, check_found; /* the latter is the turn thread's until the call is done */
        bool check_under_way;
        int check_ticks, check_idle_ticks;
        int64_t check_seen;
        Backup *backup;
        LastBackup last_backup;

        sd_event_source *tick, *wake, *thread_io, *term, *interrupt, *hup, *retry, *results;
        sd_event_source *clock_io;
        int clock_fd;
        Doubt clock;        /* as of the last turn */
        int64_t cases_held; /* by its doubt */
        uint64_t watchdog_us;
        WallTime started_at, reloaded_at;
        bool reload_failed, reload_under_way;
        bool reload_again;     /* asked for while one was under way */
        char store_words[384]; /* why the store is not written to, or no answer read; "" when all is well */
        bool is_ready;
};

/* batches.c */
void service_gather_renew(Service *s);
void service_gather_change(Service *s);
void service_submit_if_due(Service *s);
void service_results_wait(Service *s); /* one more is in the gather */
int service_on_batch(sd_event_source *source, int fd, uint32_t revents, void *userdata);
void service_hang_watch(Service *s);
/* records.c */
extern const IntakeOps SERVICE_INTAKE_OPS;
int service_partitions_load(Service *s, Store *store) MUST_CHECK;
void service_moves_add(Service *s, Batch *batch);
void service_partitions_forget(Service *s);
void service_intake_continue(Service *s);
void service_lookups_retry(Service *s);
void service_lookups_forget(Service *s);
/* outage.c */
void service_on_health(void *userdata, KafkaHealth health, Text words);
bool service_kafka_is_ready(const Service *s);
Partition *service_partition_find(Service *s, Text topic, int32_t number);
void service_partition_start(Service *s, Partition *p);
/* poison.c */
int service_poison_load(Service *s, Store *store) MUST_CHECK; /* after the partitions */
bool service_is_poison(const Service *s, const Place *place);
void service_mark(Service *s, const char *topic, int32_t partition, int64_t offset);
void service_unmark(Service *s);
void service_mark_close(Service *s);
/* places.c */
int service_places_load(Service *s, Store *store) MUST_CHECK;
bool service_on_cluster(void *userdata, Text id);
void service_on_stopped(void *userdata, Text topic, int32_t partition, KafkaHealth why);
void service_on_unverified(void *userdata, Text topic, int32_t partition);
void service_places_tick(Service *s);
/* One message to each operator, with the next batch. */
void service_tell_operators(Service *s, const char *format, ...) PRINTF_LIKE(2, 3);
void service_progress_watch(Service *s);
/* sends.c */
void service_send(void *userdata, Parcel *parcel);
void service_on_sent(void *userdata, Parcel *parcel, const SendResult *result);
void service_letters_write(Service *s, const DeadLetterRow *rows, size_t count);
void service_lanes_relieve(Service *s);
void service_lanes_break(Service *s, const Text *channels, size_t count);
void service_letters_tick(Service *s);
void service_letters_budget(Service *s, int64_t dropped);
void service_on_letter(void *userdata, int64_t row, int error);
void service_channels_forget(Service *s);
/* clock_watch.c */
int service_clock_watch(Service *s) MUST_CHECK;
void service_clock_forget(Service *s);
void service_clock_note(Service *s, const Batch *batch);
void service_clock_status(const Service *s, JsonWriter *w, Buffer *text);
/* story.c */
void service_story(Service *s, JsonWriter *w, Buffer *text);
/* check.c */
void service_check_tick(Service *s);
void service_check_status(const Service *s, JsonWriter *w, Buffer *text); /* ends no line */
/* backup.c */
void service_backup_load(Service *s, Store *store);
void service_backup_cancel(Service *s);
void service_backup_forget(Service *s);
double service_backup_age(const Service *s, WallTime now); /* seconds; infinite: there is none */
void service_backup_status(const Service *s, JsonWriter *w, Buffer *text);
/* status.c */
extern const WebOps SERVICE_WEB_OPS;
void service_counts_ask(Service *s);
void service_waits_forget(Service *s);
void service_figures_add(Service *s, const Batch *batch);
void service_notify(Service *s, const char *state);
