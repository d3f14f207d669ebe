/* store.h - what must not be forgotten: offsets, cases, events, deliveries, in one transaction each turn.
 * Written for two backends: SQLite (embedded, the default), and PostgreSQL, which comes beside it. Nothing here speaks
 * of either: rows are plain structs, texts of a row that is read live in the caller's arena.
 * Owns:    one connection.
 * Errors:  negative errno. After any error the transaction is gone: call store_rollback() and drop the batch.
 *          -ESTALE  another instance has moved this offset      -ENOSPC  disk full (reading still works)
 *          -EIO     the disk failed: leave, do not try again    -EUCLEAN the file is damaged
 *          -EBUSY   another instance has this store             -EPROTO  written by a newer version
 *          -EPERM   it is somebody else's or open to others     -ENOTSUP its folder is on a network file system
 *          -ENXIO   its file was removed or replaced: only reading and a backup are of use
 *          -ENOENT and -EEXIST where a function says so are answers: nothing changed, the transaction goes on.
 *          store_error() has the words, without anything a customer wrote.
 * Called:  from the turn thread only (store_open: before it starts). Every call between store_begin() and
 *          store_commit(), but for the ones that say otherwise. Only numbers that the process hands out itself
 *          (cases, deliveries, responses) are keys, so no insert has to read anything back.
 * Visits:  begin when the rows have been read: a visitor may use the store. Below 0: an error, handed on; above 0:
 *          stop, as success. */
#pragma once

#include "core/case.h"

typedef struct Store Store;

/* ":memory:" for tests. Creates the file (mode 0600) and its folder's entry, migrates in order, takes the store for
 * this process alone. On failure *reterr_message says what an administrator should know and do; it lives in arena. */
int store_open(const char *path, Arena *arena, Store **ret, Text *reterr_message) MUST_CHECK;
Store *store_free(Store *store); /* checkpoints and closes */
DEFINE_CLEANUP(Store, store_free)

const char *store_error(const Store *store);
Text store_library(Arena *arena); /* what it is made with: "SQLite 3.40.1" */
/* What belongs behind the words about -EUCLEAN. */
#define STORE_WAY_OUT "The file is kept as it is; restore the last backup: closedloopd --restore BACKUP"
/* -EIO or -EUCLEAN once any call has met it, also one whose caller went on: the process has to leave, and until then
 * nothing is written any more. Otherwise 0. */
int store_failure(const Store *store);

/* The most rows of a list for a person, also where its limit is 0. */
enum {
        STORE_LIST_MAX = 10000
};

int store_begin(Store *store) MUST_CHECK;
int store_commit(Store *store) MUST_CHECK;
void store_rollback(Store *store);

/* Outside transactions. A trivial read for the watchdog; a checkpoint when there is nothing else to do. */
int store_probe(Store *store) MUST_CHECK;
int store_checkpoint(Store *store) MUST_CHECK;

/* So many bytes of the disk are kept for the hour in which it is full; 0: none. -ENOSPC: there is too little room for
 * them and as much again; other errors: they cannot be kept, which changes nothing else. Outside transactions. */
int store_room_keep(Store *store, int64_t bytes) MUST_CHECK;
/* Gives them up. False: there are none. */
bool store_room_release(Store *store);

/* The largest numbers handed out so far. */
typedef struct StoreLast {
        int64_t case_number, response, delivery, dead_letter;
} StoreLast;
int store_last(Store *store, StoreLast *ret) MUST_CHECK;

/* ---- checks ----------------------------------------------------------------------------------------------------- */

/* How far the store has been looked through; all zeros at the beginning. */
typedef struct StoreCheck {
        int tables, checked;
        bool is_done, is_too_large; /* to be looked through while it is in use */
} StoreCheck;
/* The next table with its indexes. Outside transactions, when there is nothing else to do. -EUCLEAN: damaged. */
int store_check_step(Store *store, StoreCheck *check) MUST_CHECK;

/* A look from outside, before a start or beside a daemon that has it: whose it is (user: whom the service runs as),
 * what it lies on, what it says that it is. 1: it can be used, 0: it is not there yet. Writes nothing, needs no Store.
 */
int store_look(const char *path, unsigned user, Arena *arena, Text *ret_message) MUST_CHECK;

/* ---- backups ---------------------------------------------------------------------------------------------------- */

/* A copy of the store as it is, in steps between turns. Nothing is at `file` before store_copy_publish(): until then it
 * is FILE.part. -EEXIST: there is something. An error's words are in store_error(); free the copy before the store. */
typedef struct StoreCopy StoreCopy;
int store_copy_begin(Store *store, const char *file, StoreCopy **ret) MUST_CHECK;
int store_copy_step(StoreCopy *copy, int *ret_percent) MUST_CHECK; /* 100: it is all there, synced and closed */
const char *store_copy_part(const StoreCopy *copy);
int store_copy_publish(StoreCopy *copy, const char *file, int64_t *ret_bytes) MUST_CHECK;
StoreCopy *store_copy_free(StoreCopy *copy); /* what was not published goes */
DEFINE_CLEANUP(StoreCopy, store_copy_free)

/* Reads a whole backup: 0 if it is one, of a version that this program knows, and undamaged. *ret_message says what is
 * wrong with it. Needs no Store. */
int store_verify(const char *file, Arena *arena, Text *ret_message) MUST_CHECK;
/* Puts a copy of a good backup in the place of the store at path, which is kept beside it under a name with the time.
 * -EBUSY while a daemon has the store. *ret_message says what was done, or why nothing was. */
int store_restore(const char *path, const char *backup, WallTime now, Arena *arena, Text *ret_message) MUST_CHECK;

/* ---- offsets ---------------------------------------------------------------------------------------------------- */

typedef struct OffsetRow {
        Text topic;
        int32_t partition;
        int64_t next_offset;
        int64_t generation;    /* an operator's reset raises it: fences whoever had the old one */
        int64_t anchor_offset; /* the last record read; -1: none yet */
        WallTime anchor_time;
        uint64_t anchor_hash;
        int32_t log; /* see Place */
} OffsetRow;

/* Compare and swap: from the stored (next_offset = from, generation) to row->next_offset and its anchor. -ESTALE if
 * the row is not as expected. The first statements of every intake transaction. */
int store_offset_move(Store *store, const OffsetRow *row, int64_t from) MUST_CHECK;
/* A partition that was never seen. -EEXIST if it was. */
int store_offset_add(Store *store, const OffsetRow *row) MUST_CHECK;
typedef int (*OffsetVisit)(void *userdata, const OffsetRow *row);
int store_offsets(Store *store, OffsetVisit visit, void *userdata) MUST_CHECK; /* also outside a transaction */

/* An operator, or a gap, moves a partition: from what is stored in row (next_offset, generation) to next_offset in this
 * log, without an anchor and as the next generation. -ESTALE if the row is not as expected. */
int store_offset_place(Store *store, const OffsetRow *row, int64_t next_offset, int32_t log) MUST_CHECK;

/* Records that were never read, and never will be unless somebody puts the partition back. */
typedef enum GapWhy {
        GAP_EXPIRED, /* Kafka had deleted them before they were read */
        GAP_SKIPPED, /* an operator went on behind them */
        GAP_WHY_MAX,
} GapWhy;

const char *gap_why_text(GapWhy why);

typedef struct GapRow {
        Text topic;
        int32_t partition;
        int64_t from, to; /* the first that is missing, and the one behind the last */
        GapWhy why;
        WallTime found_at;
} GapRow;

int store_gap_add(Store *store, const GapRow *row) MUST_CHECK;
typedef int (*GapVisit)(void *userdata, const GapRow *row);
/* The newest first. Also outside a transaction. */
int store_gaps(Store *store, size_t limit, GapVisit visit, void *userdata) MUST_CHECK;
/* How many there are and how many offsets they hold. Also outside a transaction. */
int store_gaps_count(Store *store, int64_t *ret_gaps, int64_t *ret_records) MUST_CHECK;

/* The process has died while it judged this record: one death more. A thousand of them are kept; of more, those that
 * reading has passed are forgotten. */
int store_attempt_add(Store *store, Text topic, int32_t partition, int64_t offset) MUST_CHECK;
typedef int (*AttemptVisit)(void *userdata, Text topic, int32_t partition, int64_t offset, int64_t deaths);
int store_attempts(Store *store, AttemptVisit visit, void *userdata) MUST_CHECK; /* also outside a transaction */

/* ---- responses -------------------------------------------------------------------------------------------------- */

typedef struct ResponseRow {
        int64_t row;
        int64_t case_number;
        Text source, id;
        Place place;
        WallTime submitted_at, recorded_at;
        int32_t submitted_note;
        Text fields; /* JSON object of the mapped fields */
        Text trail;  /* JSON object: rules tried, routes tried */
        Text traceparent;
} ResponseRow;

/* *ret_is_new false: the same (source, id) or the same (topic, partition, offset) is stored already; nothing changed.
 */
int store_response_add(Store *store, const ResponseRow *row, bool *ret_is_new) MUST_CHECK;
int store_response_load(Store *store, int64_t row, Arena *arena, ResponseRow *ret) MUST_CHECK; /* -ENOENT */
/* Of a case: the newest first. Returns -ENOENT if there is none. */
int store_response_of_case(Store *store, int64_t case_number, Arena *arena, ResponseRow *ret) MUST_CHECK;
typedef int (*ResponseVisit)(void *userdata, const ResponseRow *row);
int store_responses_of_case(Store *store, int64_t case_number, Arena *arena, ResponseVisit visit,
                            void *userdata) MUST_CHECK;

/* ---- cases ------------------------------------------------------------------------------------------------------ */

/* The case's policy has to be kept before (-ENOENT). */
int store_case_add(Store *store, const Case *c) MUST_CHECK;
/* WHERE number AND sequence = c->sequence - 1: -ESTALE if somebody else changed it. */
int store_case_save(Store *store, const Case *c) MUST_CHECK;
int store_case_load(Store *store, int64_t number, Arena *arena, Case *ret) MUST_CHECK; /* -ENOENT */
/* The newest case of this customer in this source. -ENOENT */
int store_case_of_customer(Store *store, Text source, Text customer, Arena *arena, Case *ret) MUST_CHECK;
/* Of the newest 64 of them: the newest open one, else the newest contacted one. -ENOENT */
int store_case_not_closed_of_customer(Store *store, Text source, Text customer, Arena *arena, Case *ret) MUST_CHECK;

/* Cases with due_at <= now, behind `after`, the longest overdue first. */
typedef struct CaseDue {
        WallTime due_at;
        int64_t number;
} CaseDue;
#define CASE_DUE_ALL ((CaseDue){ { INT64_MIN }, INT64_MIN })
int store_cases_due(Store *store, CaseDue after, WallTime now, CaseDue *ret_cases, size_t max,
                    size_t *ret_count) MUST_CHECK;
/* The earliest due_at after that of all; WALL_NEVER if nothing waits. Also outside a transaction. */
int store_next_due(Store *store, WallTime after, WallTime *ret) MUST_CHECK;
/* How many are due; counts no further than 100,000. */
int store_count_due(Store *store, WallTime now, int64_t *ret) MUST_CHECK;

/* Who owns the open, live cases: a page of them, behind `after`, in the order of their windows. *ret_count: how many
 * there were; fewer than `limit`: the last page. */
typedef struct CaseOwnerPlace {
        WallTime window_ends_at;
        int64_t number;
} CaseOwnerPlace;
#define CASE_OWNERS_ALL ((CaseOwnerPlace){ { INT64_MIN }, INT64_MIN })
typedef int (*CaseOwnerVisit)(void *userdata, CaseOwnerPlace place, Text owner);
int store_case_owners(Store *store, CaseOwnerPlace after, size_t limit, Arena *arena, CaseOwnerVisit visit,
                      void *userdata, size_t *ret_count) MUST_CHECK;

typedef struct CaseFilter {
        bool only_open;    /* not closed */
        bool only_overdue; /* open, and the window has ended before `now` */
        WallTime now;
        Text owner, customer, territory; /* absent: any */
        size_t limit;
} CaseFilter;
typedef int (*CaseVisit)(void *userdata, const Case *c);
/* Newest first. Also outside a transaction. By owner or territory alone, only the newest 100,000 (of the open ones, if
 * only those are asked for) are looked through. */
int store_cases(Store *store, const CaseFilter *filter, Arena *arena, CaseVisit visit, void *userdata) MUST_CHECK;

/* ---- events ----------------------------------------------------------------------------------------------------- */

int store_event_add(Store *store, int64_t case_number, int32_t sequence, const CaseEvent *event) MUST_CHECK;
/* Has this act been recorded already? */
int store_event_has_key(Store *store, int64_t case_number, Text key, bool *ret) MUST_CHECK;
typedef int (*EventVisit)(void *userdata, int32_t sequence, const CaseEvent *event);
int store_events(Store *store, int64_t case_number, Arena *arena, EventVisit visit, void *userdata) MUST_CHECK;

/* ---- deliveries ------------------------------------------------------------------------------------------------- */

typedef enum DeliveryState {
        DELIVERY_PENDING,
        DELIVERY_ACCEPTED,
        DELIVERY_FAILED,  /* for good, or given up */
        DELIVERY_DROPPED, /* before it was handed to a transport: the customer had been reached, or the owner changed */
        DELIVERY_STATE_MAX,
} DeliveryState;

const char *delivery_state_text(DeliveryState state);

/* The key (promise S4) is (case, epoch, rung or event, occurrence, recipient, channel). */
typedef struct DeliveryRow {
        int64_t row;
        int64_t case_number; /* 0: not about a case (operators) */
        int32_t epoch;
        int32_t rung; /* index in the ladder; below 0: minus the sequence of the event that it tells of */
        int32_t occurrence;
        int32_t sequence; /* of the event that decided it */
        Text recipient;
        Text channel;
        RecipientKind why;
        Message message;
        DeliveryState state;
        WallTime due_at;  /* when it should go */
        WallTime next_at; /* when it is tried next; pending only */
        WallTime first_tried_at;
        WallTime ended_at; /* accepted, failed or dropped */
        int32_t attempts;
        int32_t code; /* the last answer's */
        Text detail;
        Span late;      /* of the rung */
        bool fell_over; /* the next channel has been asked as well */
        Text note;      /* collapsed rungs as JSON; the text of operator messages */
} DeliveryRow;

/* -EEXIST: a delivery with this key is there already; nothing changed, the transaction goes on. */
int store_delivery_add(Store *store, const DeliveryRow *row) MUST_CHECK;
/* state, next_at, first_tried_at, ended_at, attempts, code, detail, fell_over of a delivery that is pending, or that
 * was dropped or failed meanwhile (its result came later; an administrator retries it). An accepted one stays as it is,
 * which is no error. -ENOENT */
int store_delivery_save(Store *store, const DeliveryRow *row) MUST_CHECK;
int store_delivery_load(Store *store, int64_t row, Arena *arena, DeliveryRow *ret) MUST_CHECK; /* -ENOENT */

/* Pending ones of a case become dropped, but for those that `is_out` says are with a transport. */
typedef bool (*DeliveryTest)(void *userdata, int64_t row);
int store_deliveries_drop(Store *store, int64_t case_number, WallTime now, DeliveryTest is_out,
                          void *userdata) MUST_CHECK;
/* Pending ones for the same case, epoch, rung, occurrence and recipient on other channels become dropped: another
 * channel was accepted. */
int store_delivery_drop_others(Store *store, const DeliveryRow *accepted, WallTime now) MUST_CHECK;

/* What became of the owner's alert in this epoch: the messages `alert` with why = owner, dropped ones aside. A pending
 * one that fell over counts as given up, as it has outlasted its patience.
 * *ret_told_at: the first acceptance. */
int store_alert_state(Store *store, int64_t case_number, int32_t epoch, AlertState *ret,
                      WallTime *ret_told_at) MUST_CHECK;

typedef int (*DeliveryVisit)(void *userdata, const DeliveryRow *row);
/* Pending on this channel with next_at <= now, in order of next_at. */
int store_deliveries_due(Store *store, Text channel, WallTime now, Arena *arena, DeliveryVisit visit,
                         void *userdata) MUST_CHECK;
/* The clock was set: what is pending waits no longer for that, and has been tried for as long as before. */
int store_deliveries_shift(Store *store, Span by) MUST_CHECK;
/* The earliest next_at of a pending delivery on this channel after `after`; WALL_NEVER. */
int store_delivery_next(Store *store, Text channel, WallTime after, WallTime *ret) MUST_CHECK;
/* Those that were tried, or put off, and have their next time after now: it is now. At most max of them. */
int store_deliveries_wake(Store *store, Text channel, WallTime now, size_t max, size_t *ret_count) MUST_CHECK;
/* Channels for which something is pending, by name. Also outside a transaction. */
typedef int (*ChannelNameVisit)(void *userdata, Text channel);
int store_delivery_channels(Store *store, Arena *arena, ChannelNameVisit visit, void *userdata) MUST_CHECK;
typedef struct DeliveryFilter {
        int64_t case_number; /* 0: any */
        bool only_failed;
        size_t limit;
} DeliveryFilter;
int store_deliveries(Store *store, const DeliveryFilter *filter, Arena *arena, DeliveryVisit visit,
                     void *userdata) MUST_CHECK;

/* ---- channels, policies, dead letters, meta --------------------------------------------------------------------- */

/* A target that is no more (HTTP 404, 410), for one recipient; recipient "": operators have been told that the channel
 * fails, or the host of several, whose name stands for the channel's then. */
int store_channel_disable(Store *store, Text channel, Text recipient, WallTime now, Text reason) MUST_CHECK;
/* recipient absent: all of them; channel absent: all of all. Neither takes back what operators were told. */
int store_channel_enable(Store *store, Text channel, Text recipient) MUST_CHECK;
typedef int (*ChannelVisit)(void *userdata, Text channel, Text recipient, WallTime since, Text reason);
int store_channels_disabled(Store *store, Arena *arena, ChannelVisit visit, void *userdata) MUST_CHECK;

/* Keeps the policy's text by name and version. -EEXIST: that version is there with another text. */
int store_policy_keep(Store *store, const Policy *policy, WallTime now) MUST_CHECK;
int store_policy_text(Store *store, Text name, int version, Arena *arena, Text *ret) MUST_CHECK; /* -ENOENT */

typedef enum DeadLetterState {
        DEAD_LETTER_KEPT,    /* no topic is configured */
        DEAD_LETTER_PENDING, /* has to be written to the topic */
        DEAD_LETTER_PUBLISHED,
        DEAD_LETTER_REPLAYED, /* could be read after all */
        DEAD_LETTER_STATE_MAX,
} DeadLetterState;

const char *dead_letter_state_text(DeadLetterState state);

typedef struct DeadLetterRow {
        int64_t row;
        Place place;
        Text reason;     /* "not JSON", ...: one of a fixed list */
        Text key, value; /* the original bytes; absent: null */
        Text headers;    /* JSON array of [name, base64 value] */
        WallTime recorded_at;
        DeadLetterState state;
} DeadLetterRow;

/* *ret_is_new false: this record has been set aside already. */
int store_dead_letter_add(Store *store, const DeadLetterRow *row, bool *ret_is_new) MUST_CHECK;
/* Replayed is final; the others follow on pending. One that is not there, or not pending any more, is no error. */
int store_dead_letter_save(Store *store, int64_t row, DeadLetterState state) MUST_CHECK;
typedef int (*DeadLetterVisit)(void *userdata, const DeadLetterRow *row);
/* state DEAD_LETTER_STATE_MAX: any; newest first then, oldest first for one state. */
int store_dead_letters(Store *store, DeadLetterState state, size_t limit, Arena *arena, DeadLetterVisit visit,
                       void *userdata) MUST_CHECK;
/* Those with a larger number that still have their bytes and were not replayed, in order. */
int store_dead_letters_after(Store *store, int64_t row, size_t limit, Arena *arena, DeadLetterVisit visit,
                             void *userdata) MUST_CHECK;
/* Takes the bytes (not the row) of the oldest until what is kept fits, at most 1,000 a call: of those that are in their
 * topic or were replayed, and then, if takes_all, of those that are nowhere else; *ret_lost is how many of these. */
int store_dead_letters_trim(Store *store, int64_t bytes_max, bool takes_all, int64_t *ret_lost) MUST_CHECK;

int store_meta_get(Store *store, const char *key, Arena *arena, Text *ret) MUST_CHECK; /* absent: TEXT_NONE */
int store_meta_set(Store *store, const char *key, Text value) MUST_CHECK;

/* ---- figures ---------------------------------------------------------------------------------------------------- */

typedef struct StoreCounts {
        int64_t cases[CASE_STATE_MAX];
        int64_t overdue; /* open, live, the window ended */
        int64_t deliveries_pending, deliveries_failed;
        WallTime oldest_pending; /* next in line since; WALL_NEVER */
        int64_t dead_letters, dead_letter_bytes;
} StoreCounts;
/* Also outside a transaction; reads indexes only where it can. */
int store_counts(Store *store, WallTime now, StoreCounts *ret) MUST_CHECK;

/* ---- for analysts ----------------------------------------------------------------------------------------------- */

/* The columns of the views, for the documentation. False at the end. */
typedef struct StoreViewColumn {
        const char *view, *view_meaning;
        const char *column, *meaning;
        bool is_time; /* there is a second column, NAME_us, in microseconds since 1970 */
} StoreViewColumn;
bool store_view_column(size_t index, StoreViewColumn *ret);
