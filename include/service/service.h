/* service.h - the loop: everything that waits, put together. Records come in, are judged and gathered; batches go to
 * the turn thread and come back; parcels go out; what became of them joins the next batch.
 * Owns:    the event loop, intake, notifier, outbox, turn thread, web and control sockets.
 * Errors:  service_run() gives the exit code (sysexits): 0 stopped as asked, 65 damaged store, 74 disk error, 70 own.
 */
#pragma once

#include <systemd/sd-event.h>

#include "base/notice.h"
#include "config/config.h"
#include "intake/intake.h"
#include "turn/batch.h"
#include "web/metrics.h"

typedef struct Service Service;

/* Takes the turn and a reference of the config. On failure the words are in *reterr_message, in arena. */
int service_new(const char *config_path, const Config *config, Turn *turn, Arena *arena, Service **ret,
                Text *reterr_message) MUST_CHECK;
int service_run(Service *service);
Service *service_free(Service *service);
DEFINE_CLEANUP(Service, service_free)

/* ---- for the control socket ------------------------------------------------------------------------------------- */

const Config *service_config(const Service *service);
/* Joins the next batch; act->done is called on the loop. The act stays the caller's. */
void service_act(Service *service, Act *act);
void service_call(Service *service, Call call);

/* A checked configuration takes the old one's place, or nothing changes. done gets the words; on the loop. */
typedef enum ReloadEnd {
        RELOAD_TAKEN,
        RELOAD_REFUSED, /* the files are wrong */
        RELOAD_LATER,   /* nothing is wrong with them, it was not possible now */
        RELOAD_END_MAX,
} ReloadEnd;
typedef void (*ReloadDone)(void *userdata, ReloadEnd end, Text words);
void service_reload(Service *service, ReloadDone done, void *userdata);

/* Sends a message marked [TEST] over this channel to this person now. */
typedef void (*TestDone)(void *userdata, bool is_accepted, Text sent, Text answer);
bool service_test(Service *service, Text channel, Text person, TestDone done, void *userdata, const char **ret_reason);

/* Copies the store to a new file, checks the copy and only then gives it its name. Words: the file, or what went wrong.
 */
typedef void (*BackupDone)(void *userdata, int error, Text words);
bool service_backup(Service *service, Text file, BackupDone done, void *userdata, const char **ret_reason);
/* An operator puts a partition elsewhere; kept by the caller until done is called, on the loop. */
typedef enum PlaceWhere {
        PLACE_BEGINNING,
        PLACE_END,
        PLACE_OFFSET,
} PlaceWhere;
typedef struct Placement Placement;
struct Placement {
        Text topic;
        int32_t partition;
        PlaceWhere where;
        int64_t offset; /* PLACE_OFFSET */
        void (*done)(Placement *placement);
        void *userdata;

        /* out */
        int error;          /* 0; -EAGAIN: Kafka does not answer; -ERANGE: not in the log; else the store's */
        int64_t begin, end; /* of the log; unless -EAGAIN */
        int64_t from, to;   /* from -1: the partition was never read */
        int64_t skipped;    /* recorded as a gap */
};
bool service_place(Service *service, Placement *placement); /* false: no source reads this topic */
/* Dead letters are judged again; kept by the caller until done is called, on the loop, after all is committed. */
typedef struct Replay Replay;
struct Replay {
        int64_t number; /* this one alone; 0: not by number */
        Text reason;    /* those with this reason; absent: all but those that have killed the process */
        void (*done)(Replay *replay);
        void *userdata;

        /* out */
        int error; /* of the store: what was done until then is done */
        size_t found, replayed, flagged, unreadable, homeless;
};
void service_replay(Service *service, Replay *replay);

bool service_accept_cluster(Service *service); /* false: it is the one that was read before */

/* What the log says of a state of Kafka; NOTICE_MAX: not worth a word. */
NoticeId service_kafka_notice(KafkaHealth health);

/* status as JSON members into an open object, and as lines for people. */
void service_status(Service *service, JsonWriter *w, Buffer *text);
