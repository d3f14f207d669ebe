/* records.c - records are judged where they come in; partitions find their place. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/notice.h"
#include "inside.h"

static const Span LOOKUP_PATIENCE = { 500 * 1000 };

/* ---- partitions ------------------------------------------------------------------------------------------------- */

Partition *service_partition_find(Service *s, Text topic, int32_t number)
{
        if (s->partition_last < s->partition_count) {
                Partition *p = &s->partitions[s->partition_last];
                if (p->partition == number && text_is(topic, p->topic))
                        return p;
        }
        for (size_t i = 0; i < s->partition_count; i++) {
                if (s->partitions[i].partition == number && text_is(topic, s->partitions[i].topic)) {
                        s->partition_last = i;
                        return &s->partitions[i];
                }
        }
        return NULL;
}

static bool topic_is_known(const Service *s, Text topic)
{
        for (size_t i = 0; i < s->partition_count; i++)
                if (text_is(topic, s->partitions[i].topic))
                        return true;
        return false;
}

static Partition *partition_add(Service *s, const OffsetRow *row)
{
        if (s->partition_count == s->partition_capacity) {
                s->partition_capacity = s->partition_capacity ? s->partition_capacity * 2 : 16;
                s->partitions = realloc(s->partitions, s->partition_capacity * sizeof(Partition));
                must(s->partitions != NULL);
        }
        Partition *p = &s->partitions[s->partition_count++];
        *p = (Partition){
                .topic = strndup(row->topic.data, row->topic.len),
                .partition = row->partition,
                .next_offset = row->next_offset,
                .stored_offset = row->next_offset,
                .generation = row->generation,
                .anchor_offset = row->anchor_offset,
                .anchor_time = row->anchor_time,
                .anchor_hash = row->anchor_hash,
                .log = row->log,
        };
        must(p->topic != NULL);
        return p;
}

static int partition_visit(void *userdata, const OffsetRow *row)
{
        Service *s = userdata;
        Partition *p = service_partition_find(s, row->topic, row->partition);
        if (!p)
                (void)partition_add(s, row);
        return 0;
}

int service_partitions_load(Service *s, Store *store)
{
        return store_offsets(store, partition_visit, s);
}

static void partitions_free(Service *s)
{
        for (size_t i = 0; i < s->partition_count; i++)
                free(s->partitions[i].topic);
        s->partition_count = s->partition_last = 0;
        s->marked_topic = NULL;
}

void service_moves_add(Service *s, Batch *batch)
{
        for (size_t i = 0; i < s->partition_count; i++) {
                Partition *p = &s->partitions[i];
                if (p->next_offset == p->stored_offset)
                        continue;
                batch->moves = arena_grow(batch->arena, batch->moves, batch->move_count, &batch->move_capacity,
                                          sizeof(OffsetMove));
                batch->moves[batch->move_count++] = (OffsetMove){
                        .from = p->stored_offset,
                        .to = { .topic = arena_text(batch->arena, text_from(p->topic)),
                                .partition = p->partition,
                                .next_offset = p->next_offset,
                                .generation = p->generation,
                                .anchor_offset = p->anchor_offset,
                                .anchor_time = p->anchor_time,
                                .anchor_hash = p->anchor_hash,
                                .log = p->log },
                };
                p->stored_offset = p->next_offset;
        }
}

static void reload_partitions_run(void *userdata, Turn *turn, WallTime now UNUSED)
{
        Service *s = userdata;
        /* The loop does not touch the partitions between service_partitions_forget() and the call's done. */
        (void)!service_partitions_load(s, turn_store(turn)); /* what is missing is looked up as new, and is there */
}

static void reload_partitions_done(void *userdata)
{
        Service *s = userdata;
        s->is_continued = true;
        int r = intake_restart(s->intake);
        if (r < 0)
                notice_log(NOTICE_KAFKA_RESTART_FAILED, ABOUT_NOTHING, "%s", strerror(-r));
}

/* All is read again from the database's offsets: what was gathered from Kafka meanwhile goes. */
void service_partitions_forget(Service *s)
{
        Batch *batch = s->gather;
        size_t kept = 0;
        for (size_t i = 0; i < batch->input_count; i++) {
                if (!input_is_of_log(&batch->inputs[i]))
                        batch->inputs[kept++] = batch->inputs[i];
                else if (batch->inputs[i].kind == INPUT_ANSWER)
                        (void)parcel_arena_drop(batch->inputs[i].answer.memory);
        }
        batch_cut(batch, kept);
        partitions_free(s);
        s->is_continued = false; /* has_room() says no until the offsets are back */
        service_call(s, (Call){ .run = reload_partitions_run, .done = reload_partitions_done, .userdata = s });
}

/* ---- where a new topic starts ----------------------------------------------------------------------------------- */

struct StartLookup {
        StartLookup *next;
        Service *service;
        Config *config;
        const Source *source;
        int32_t first, count; /* partitions to place */
        bool is_new_topic;
        int64_t *offsets; /* found; one a partition */
        int error;
        bool is_waiting; /* to be asked again */
};

static int lookup_store(StartLookup *l, Turn *turn)
{
        Store *store = turn_store(turn);
        int r = store_begin(store);
        for (int32_t i = 0; i < l->count && r >= 0; i++) {
                OffsetRow row = { .topic = l->source->topic,
                                  .partition = l->first + i,
                                  .next_offset = l->offsets[i],
                                  .anchor_offset = -1,
                                  .anchor_time = WALL_NONE };
                r = store_offset_add(store, &row);
                if (r == -EEXIST)
                        r = 0;
        }
        if (r >= 0)
                r = store_commit(store);
        if (r < 0)
                store_rollback(store);
        return r;
}

static void lookup_run(void *userdata, Turn *turn, WallTime now UNUSED)
{
        StartLookup *l = userdata;
        l->error = intake_find_starts(l->service->intake, l->source, l->first, l->count, l->is_new_topic,
                                      LOOKUP_PATIENCE, l->offsets);
        if (l->error == 0)
                l->error = lookup_store(l, turn);
}

static StartLookup *lookup_free(StartLookup *l)
{
        (void)config_unref(l->config);
        free(l->offsets);
        free(l);
        return NULL;
}

static void lookup_unlink(StartLookup *l)
{
        for (StartLookup **at = &l->service->lookups; *at; at = &(*at)->next) {
                if (*at == l) {
                        *at = l->next;
                        return;
                }
        }
}

void service_partition_start(Service *s, Partition *p)
{
        int r = intake_resume(s->intake, text_from(p->topic), p->partition, p->next_offset,
                              (Anchor){ p->anchor_offset, p->anchor_hash });
        if (r < 0)
                notice_log(NOTICE_PARTITION_REFUSED, about_partition(text_from(p->topic), p->partition),
                           "\"%s\" partition %d: %s", p->topic, p->partition, strerror(-r));
        else
                p->is_assigned = true;
}

static void lookup_done(void *userdata)
{
        StartLookup *l = userdata;
        Service *s = l->service;
        if (l->error < 0) { /* the intake asks for a partition once: from here on it is ours to see that it is read */
                l->is_waiting = true;
                return;
        }
        for (int32_t i = 0; i < l->count; i++) {
                OffsetRow row = { .topic = l->source->topic,
                                  .partition = l->first + i,
                                  .next_offset = l->offsets[i],
                                  .anchor_offset = -1,
                                  .anchor_time = WALL_NONE };
                if (service_partition_find(s, row.topic, row.partition))
                        continue;
                service_partition_start(s, partition_add(s, &row));
                notice_log(NOTICE_PARTITION_NEW, about_record(row.topic, row.partition, row.next_offset),
                           "\"" TEXT_F "\" partition %d, from offset %lld", TEXT_ARG(row.topic), row.partition,
                           (long long)row.next_offset);
        }
        lookup_unlink(l);
        (void)lookup_free(l);
}

static bool topic_is_wanted(const Service *s, Text topic)
{
        for (size_t i = 0; i < s->config->source_count; i++)
                if (text_equal(s->config->sources[i].topic, topic))
                        return true;
        return false;
}

void service_lookups_retry(Service *s)
{
        for (StartLookup *l = s->lookups, *next; l; l = next) {
                next = l->next;
                if (!l->is_waiting)
                        continue;
                if (topic_is_wanted(s, l->source->topic)) {
                        l->is_waiting = false;
                        service_call(s, (Call){ .run = lookup_run, .done = lookup_done, .userdata = l });
                } else { /* a reload has taken it away */
                        lookup_unlink(l);
                        (void)lookup_free(l);
                }
        }
}

static bool lookup_is_under_way(const Service *s, Text topic, int32_t partition)
{
        for (const StartLookup *l = s->lookups; l; l = l->next)
                if (text_equal(l->source->topic, topic) && partition >= l->first && partition < l->first + l->count)
                        return true;
        return false;
}

/* A topic never seen: all its partitions are placed by the source's rule, in one transaction, before the first record
 * is read. Partitions that are added to a known topic start at their beginning; they are its last ones. */
static void lookup_start(Service *s, const Source *source, int32_t partition, int32_t partition_count)
{
        StartLookup *l = calloc(1, sizeof(*l));
        must(l != NULL);
        l->service = s;
        l->config = config_ref(s->config);
        l->source = source;
        l->is_new_topic = !topic_is_known(s, source->topic);
        l->first = l->is_new_topic ? 0 : partition;
        l->count = partition_count - l->first;
        l->offsets = calloc((size_t)l->count, sizeof(int64_t));
        must(l->offsets != NULL);
        l->next = s->lookups;
        s->lookups = l;
        service_call(s, (Call){ .run = lookup_run, .done = lookup_done, .userdata = l });
}

void service_lookups_forget(Service *s)
{
        while (s->lookups) {
                StartLookup *l = s->lookups;
                s->lookups = l->next;
                (void)lookup_free(l);
        }
}

static void on_partition(void *userdata, const Source *source, int32_t partition, int32_t partition_count)
{
        Service *s = userdata;
        if (s->is_stopping || !s->is_continued)
                return;
        Partition *known = service_partition_find(s, source->topic, partition);
        if (known)
                service_partition_start(s, known);
        else if (!lookup_is_under_way(s, source->topic, partition))
                lookup_start(s, source, partition, partition_count);
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static void dead_add(Service *s, const Record *record, const char *reason)
{
        const Place *at = &record->place;
        notice_log(NOTICE_RECORD_SET_ASIDE, about_record(at->topic, at->partition, at->offset),
                   "\"" TEXT_F "\" partition %d, offset %lld: %s", TEXT_ARG(at->topic), at->partition,
                   (long long)at->offset, reason);
        Arena *arena = s->gather->arena;
        Input *input = batch_add(s->gather, INPUT_DEAD);
        input->dead = (DeadLetterRow){
                .place = record->place,
                .reason = text_from(reason),
                .key = arena_text(arena, record->key),
                .value = arena_text(arena, record->value),
                .headers = record_headers_write(record, arena),
        };
        input->dead.place.topic = arena_text(arena, record->place.topic);
}

static void record_judge(Service *s, const Record *record)
{
        Answer answer;
        const char *reason;
        Judged judged = judge_record(s->judge, s->config, record->source, &record->place, record->value, s->now,
                                     &answer, &reason);
        size_t index = (size_t)(record->source - s->config->sources);
        if (index < SOURCES_MAX)
                s->outcomes[index].judged[judged]++;
        if (judged == JUDGED_FLAGGED) {
                answer_trace(&answer, record_header(record, "traceparent"));
                batch_add(s->gather, INPUT_ANSWER)->answer = answer;
        } else if (judged == JUDGED_DEAD) {
                dead_add(s, record, reason);
        }
}

/* What the process has died of twice is not even looked at. */
static void record_take(Service *s, const Partition *p, const Record *record)
{
        if (s->poison_count > 0 && service_is_poison(s, &record->place)) {
                dead_add(s, record, POISON_REASON);
                return;
        }
        service_mark(s, p->topic, p->partition, record->place.offset);
        record_judge(s, record);
        service_unmark(s);
}

static void on_record(void *userdata, const Record *record)
{
        Service *s = userdata;
        Partition *p = service_partition_find(s, record->place.topic, record->place.partition);
        if (!p || record->place.offset < p->next_offset)
                return; /* Kafka may hand out what was read already; the database knows better */
        if (!wall_is_set(s->now))
                s->now = clock_wall();
        if (p->log == 0) {
                record_take(s, p, record);
        } else {
                Record placed = *record;
                placed.place.log = p->log;
                record_take(s, p, &placed);
        }
        s->figures_answers++;
        p->next_offset = record->place.offset + 1;
        if (p->anchor_offset < p->stored_offset) { /* one for each batch: hashing every record would cost a tenth */
                p->anchor_offset = record->place.offset;
                p->anchor_time = record->place.record_time;
                p->anchor_hash = record_hash(record);
        }
}

static void on_drained(void *userdata)
{
        Service *s = userdata;
        s->now = WALL_NONE;
        service_submit_if_due(s);
}

/* Full at its mark, it has room again at three quarters: records then come in bulk, and so do their commits. */
static bool outbox_has_room(Service *s)
{
        size_t coming = outbox_count(s->outbox) + s->lent_answers + s->gather->answer_count +
                        (s->older ? s->older->answer_count : 0);
        s->is_full = coming >= (s->is_full ? OUTBOX_ROOM_MAX * 3 / 4 : OUTBOX_ROOM_MAX);
        return !s->is_full;
}

static bool has_room(void *userdata)
{
        Service *s = userdata;
        if (s->is_stopping || s->failed || s->is_low || s->letters_full || !s->is_continued)
                return false;
        bool has =
                s->gather->answer_count < ANSWERS_MAX && outbox_has_room(s) &&
                (s->gather->input_count == s->gather->answer_count || arena_bytes(s->gather->arena) < GATHER_BYTES_MAX);
        if (!has) {
                s->now = WALL_NONE;
                service_submit_if_due(s);
        }
        return has;
}

void service_intake_continue(Service *s)
{
        if (s->intake && has_room(s))
                intake_continue(s->intake);
}

const IntakeOps SERVICE_INTAKE_OPS = {
        .record = on_record,
        .drained = on_drained,
        .has_room = has_room,
        .partition = on_partition,
        .cluster = service_on_cluster,
        .stopped = service_on_stopped,
        .unverified = service_on_unverified,
        .health = service_on_health,
        .dead_letter = service_on_letter,
};
