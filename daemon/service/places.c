/* places.c - where partitions go on when their place in the log is gone, the log is another one, or an operator says
 * so. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/notice.h"
#include "inside.h"

static const Span ENDS_PATIENCE = { 500 * 1000 };
static const Span PLACE_PATIENCE = { 2000 * 1000 };
static const char CLUSTER_KEY[] = "kafka_cluster";

/* ---- which cluster ---------------------------------------------------------------------------------------------- */

int service_places_load(Service *s, Store *store)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(512);
        Text id = TEXT_NONE;
        int r = store_meta_get(store, CLUSTER_KEY, arena, &id);
        if (r >= 0 && id.data)
                s->cluster = strndup(id.data, id.len);
        return r < 0 ? r : store_gaps_count(store, &s->gaps, &s->gap_records);
}

static void cluster_run(void *userdata, Turn *turn, WallTime now UNUSED)
{
        const Service *s = userdata;
        Store *store = turn_store(turn);
        int r = store_begin(store);
        if (r >= 0)
                r = store_meta_set(store, CLUSTER_KEY, text_from(s->cluster));
        if (r >= 0)
                r = store_commit(store);
        if (r < 0)
                store_rollback(store); /* the next start keeps it */
}

static void cluster_keep(Service *s, Text id)
{
        free(s->cluster);
        s->cluster = strndup(id.data, id.len);
        must(s->cluster != NULL);
        service_call(s, (Call){ .run = cluster_run, .userdata = s });
}

bool service_on_cluster(void *userdata, Text id)
{
        Service *s = userdata;
        if (!s->cluster)
                cluster_keep(s, id);
        if (text_is(id, s->cluster))
                return true;
        s->other_cluster = strndup(id.data, id.len);
        must(s->other_cluster != NULL);
        service_tell_operators(s, "the brokers of kafka.brokers are another cluster than the one that was read until "
                                  "now, so nothing is read. If that is meant: closedloopctl cluster accept");
        return false;
}

bool service_accept_cluster(Service *s)
{
        if (!s->other_cluster)
                return false;
        cluster_keep(s, text_from(s->other_cluster));
        free(s->other_cluster);
        s->other_cluster = NULL;
        intake_accept_cluster(s->intake);
        return true;
}

/* ---- a place that is gone --------------------------------------------------------------------------------------- */

typedef struct EndsCall {
        Service *service;
        char *topic;
        int32_t partition;
        int64_t begin, end;
        int error;
} EndsCall;

static void ends_run(void *userdata, Turn *turn UNUSED, WallTime now UNUSED)
{
        EndsCall *call = userdata;
        call->error = intake_find_ends(call->service->intake, text_from(call->topic), call->partition, ENDS_PATIENCE,
                                       &call->begin, &call->end);
}

static void nothing_run(void *userdata UNUSED, Turn *turn UNUSED, WallTime now UNUSED)
{
}

static void gap_done(void *userdata)
{
        Service *s = userdata;
        service_partitions_forget(s); /* the store knows where to go on */
}

static void gap_pass(Service *s, const Partition *p, int64_t begin)
{
        Arena *arena = s->gather->arena;
        long long count = begin - p->next_offset;
        Input *input = batch_add(s->gather, INPUT_PLACE);
        input->place = (PartitionMove){
                .from = { .topic = arena_text(arena, text_from(p->topic)),
                          .partition = p->partition,
                          .next_offset = p->next_offset,
                          .generation = p->generation,
                          .log = p->log },
                .to = begin,
                .why = GAP_EXPIRED,
                .notice = arena_textf(arena,
                                      "%lld records of topic \"%s\", partition %d, were deleted by Kafka before they "
                                      "were read (offset %lld to %lld). Reading goes on behind them; a longer "
                                      "retention would have kept them",
                                      count, p->topic, p->partition, (long long)p->next_offset, (long long)begin - 1),
        };
        s->gaps++;
        s->gap_records += count;
        char number[16];
        (void)snprintf(number, sizeof(number), "%d", p->partition);
        metrics_add(s->metrics, METRIC_GAP_RECORDS, text_from(p->topic), text_from(number), (double)count);
        notice_log(NOTICE_GAP, about_record(text_from(p->topic), p->partition, p->next_offset),
                   "\"%s\" partition %d, offset %lld to %lld", p->topic, p->partition, (long long)p->next_offset,
                   (long long)begin - 1);
        service_call(s, (Call){ .run = nothing_run, .done = gap_done, .userdata = s });
}

static bool source_stops(const Service *s, const char *topic)
{
        for (size_t i = 0; i < s->config->source_count; i++)
                if (text_is(s->config->sources[i].topic, topic))
                        return s->config->sources[i].stops_at_gap;
        return true;
}

static void gone_stand(Service *s, Partition *p, const EndsCall *call)
{
        char words[128];
        bool is_beyond = p->next_offset > call->end;
        p->is_new_log = is_beyond;
        (void)snprintf(words, sizeof(words),
                       is_beyond ? "the log ends at offset %lld: the topic was made anew, or has lost records"
                                 : "the log begins at offset %lld: what was before has expired unread",
                       (long long)(is_beyond ? call->end : call->begin));
        intake_stand(s->intake, text_from(p->topic), p->partition, KAFKA_OFFSET_GONE, words);
        service_tell_operators(s,
                               "partition %d of topic \"%s\" stands still at offset %lld: %s. Say where to go on: "
                               "closedloopctl partition %s %d --from beginning|end|OFFSET",
                               p->partition, p->topic, (long long)p->next_offset, words, p->topic, p->partition);
}

static void gone_decide(Service *s, Partition *p, const EndsCall *call)
{
        p->is_gone = false;
        bool is_beyond = p->next_offset > call->end;
        if (!is_beyond && p->next_offset >= call->begin)
                service_partition_start(s, p); /* it was there after all */
        else if (is_beyond || source_stops(s, p->topic))
                gone_stand(s, p, call);
        else
                gap_pass(s, p, call->begin);
}

static void ends_done(void *userdata)
{
        EndsCall *call = userdata;
        Service *s = call->service;
        Partition *p = service_partition_find(s, text_from(call->topic), call->partition);
        if (p)
                p->is_asked = false; /* no answer: asked again with the next tick */
        if (p && p->is_gone && call->error == 0)
                gone_decide(s, p, call);
        free(call->topic);
        free(call);
}

void service_places_tick(Service *s)
{
        for (size_t i = 0; i < s->partition_count; i++) {
                Partition *p = &s->partitions[i];
                if (!p->is_gone || p->is_asked)
                        continue;
                EndsCall *call = calloc(1, sizeof(*call));
                must(call != NULL);
                *call = (EndsCall){ .service = s, .topic = strdup(p->topic), .partition = p->partition };
                must(call->topic != NULL);
                p->is_asked = true;
                service_call(s, (Call){ .run = ends_run, .done = ends_done, .userdata = call });
        }
}

void service_on_stopped(void *userdata, Text topic, int32_t partition, KafkaHealth why)
{
        Service *s = userdata;
        Partition *p = service_partition_find(s, topic, partition);
        if (p && why == KAFKA_OFFSET_GONE) {
                p->is_gone = true; /* the next tick asks for the ends of the log */
                return;
        }
        if (p)
                p->is_new_log = true;
        service_tell_operators(s,
                               "partition %d of topic \"" TEXT_F
                               "\" stands still: it is not the one that was read before, most likely the topic "
                               "was made anew. Say where to go on: closedloopctl partition " TEXT_F
                               " %d --from beginning|end|OFFSET",
                               partition, TEXT_ARG(topic), TEXT_ARG(topic), partition);
}

void service_on_unverified(void *userdata, Text topic, int32_t partition)
{
        const Service *s = userdata;
        (void)s;
        notice_log(NOTICE_ANCHOR_UNVERIFIED, about_partition(topic, partition), "\"" TEXT_F "\" partition %d",
                   TEXT_ARG(topic), partition);
}

void service_tell_operators(Service *s, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        batch_add(s->gather, INPUT_NOTICE)->notice = arena_textv(s->gather->arena, format, args);
        va_end(args);
}

/* ---- an operator says where ------------------------------------------------------------------------------------- */

typedef struct PlaceCall {
        Service *service;
        Placement *placement;
        bool is_new_log;
        OffsetRow row; /* as it was stored; topic absent: it was not */
} PlaceCall;

static int place_find(void *userdata, const OffsetRow *row)
{
        PlaceCall *call = userdata;
        if (row->partition != call->placement->partition || !text_equal(row->topic, call->placement->topic))
                return 0;
        call->row = *row;
        call->row.topic = call->placement->topic;
        return 1;
}

static int place_choose(PlaceCall *call)
{
        Placement *p = call->placement;
        int r = intake_find_ends(call->service->intake, p->topic, p->partition, PLACE_PATIENCE, &p->begin, &p->end);
        if (r < 0)
                return r;
        p->to = p->where == PLACE_BEGINNING ? p->begin : p->where == PLACE_END ? p->end : p->offset;
        return p->to < p->begin || p->to > p->end ? -ERANGE : 0;
}

static int place_store(PlaceCall *call, Store *store, WallTime now)
{
        const Placement *p = call->placement;
        OffsetRow *row = &call->row;
        const OffsetRow first = { .topic = p->topic,
                                  .partition = p->partition,
                                  .next_offset = p->to,
                                  .anchor_offset = -1,
                                  .anchor_time = WALL_NONE };
        if (!row->topic.data)
                return store_offset_add(store, &first);
        /* Of another log, what lies in between says nothing. */
        int r = store_offset_place(store, row, p->to, row->log + call->is_new_log);
        if (r < 0 || call->is_new_log || p->to <= row->next_offset)
                return r;
        return store_gap_add(store, &(GapRow){ .topic = p->topic,
                                               .partition = p->partition,
                                               .from = row->next_offset,
                                               .to = p->to,
                                               .why = GAP_SKIPPED,
                                               .found_at = now });
}

static void place_run(void *userdata, Turn *turn, WallTime now)
{
        PlaceCall *call = userdata;
        Placement *p = call->placement;
        Store *store = turn_store(turn);
        p->error = place_choose(call);
        if (p->error < 0)
                return;
        p->error = store_begin(store);
        if (p->error >= 0)
                p->error = store_offsets(store, place_find, call);
        if (p->error >= 0)
                p->error = place_store(call, store, now);
        if (p->error >= 0)
                p->error = store_commit(store);
        if (p->error < 0)
                store_rollback(store);
        p->from = call->row.topic.data ? call->row.next_offset : -1;
}

static void place_done(void *userdata)
{
        PlaceCall *call = userdata;
        Placement *p = call->placement;
        Service *s = call->service;
        p->skipped = p->from >= 0 && !call->is_new_log ? MAX_OF(p->to - p->from, INT64_C(0)) : 0;
        if (p->error == 0) {
                notice_log(NOTICE_PARTITION_PLACED, about_record(p->topic, p->partition, p->to),
                           "\"" TEXT_F "\" partition %d goes on at offset %lld instead of %lld", TEXT_ARG(p->topic),
                           p->partition, (long long)p->to, (long long)p->from);
                s->gaps += p->skipped > 0;
                s->gap_records += p->skipped;
                service_partitions_forget(s);
        }
        p->done(p);
        free(call);
}

bool service_place(Service *s, Placement *placement)
{
        bool is_known = false;
        for (size_t i = 0; i < s->config->source_count; i++)
                is_known |= text_equal(s->config->sources[i].topic, placement->topic);
        if (!is_known)
                return false;
        PlaceCall *call = calloc(1, sizeof(*call));
        must(call != NULL);
        const Partition *p = service_partition_find(s, placement->topic, placement->partition);
        *call = (PlaceCall){ .service = s, .placement = placement, .is_new_log = p && p->is_new_log };
        service_call(s, (Call){ .run = place_run, .done = place_done, .userdata = call });
        return true;
}
