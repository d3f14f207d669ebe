#include "sqlite.h"

#include <errno.h>

static int refuse_stale(Store *store, const OffsetRow *row, int64_t from)
{
        return store_refuse(store, -ESTALE,
                            "offset of \"" TEXT_F "\" partition %d is not %lld of generation %lld any more",
                            TEXT_ARG(row->topic), row->partition, (long long)from, (long long)row->generation);
}

int store_offset_move(Store *store, const OffsetRow *row, int64_t from)
{
        Binding b = statement_begin(store, STATEMENT_OFFSET_MOVE);
        bind_integer(&b, row->next_offset);
        bind_integer(&b, row->anchor_offset);
        bind_time(&b, row->anchor_time);
        bind_integer(&b, (int64_t)row->anchor_hash);
        bind_text(&b, row->topic);
        bind_integer(&b, row->partition);
        bind_integer(&b, from);
        bind_integer(&b, row->generation);
        int64_t changes;
        int r = statement_run(store, &b, &changes);
        if (r < 0)
                return r;
        if (changes != 1)
                return refuse_stale(store, row, from);
        return 0;
}

int store_offset_add(Store *store, const OffsetRow *row)
{
        Binding b = statement_begin(store, STATEMENT_OFFSET_ADD);
        bind_text(&b, row->topic);
        bind_integer(&b, row->partition);
        bind_integer(&b, row->next_offset);
        bind_integer(&b, row->generation);
        bind_integer(&b, row->anchor_offset);
        bind_time(&b, row->anchor_time);
        bind_integer(&b, (int64_t)row->anchor_hash);
        bind_integer(&b, row->log);
        int64_t changes;
        int r = statement_run(store, &b, &changes);
        if (r < 0)
                return r;
        if (changes == 0)
                return store_refuse(store, -EEXIST, "\"" TEXT_F "\" partition %d has an offset already",
                                    TEXT_ARG(row->topic), row->partition);
        return 0;
}

int store_offset_place(Store *store, const OffsetRow *row, int64_t next_offset, int32_t log)
{
        Binding b = statement_begin(store, STATEMENT_OFFSET_PLACE);
        bind_integer(&b, next_offset);
        bind_integer(&b, log);
        bind_text(&b, row->topic);
        bind_integer(&b, row->partition);
        bind_integer(&b, row->next_offset);
        bind_integer(&b, row->generation);
        int64_t changes;
        int r = statement_run(store, &b, &changes);
        return r < 0 || changes == 1 ? MIN_OF(r, 0) : refuse_stale(store, row, row->next_offset);
}

static OffsetRow offset_row(Row *row)
{
        OffsetRow o;
        o.topic = row_text(row);
        o.partition = row_int32(row);
        o.next_offset = row_integer(row);
        o.generation = row_integer(row);
        o.anchor_offset = row_integer(row);
        o.anchor_time = row_time(row);
        o.anchor_hash = (uint64_t)row_integer(row);
        o.log = row_int32(row);
        return o;
}

int store_offsets(Store *store, OffsetVisit visit, void *userdata)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        OffsetRow *rows = NULL;
        size_t count = 0, capacity = 0;
        Binding b = statement_begin(store, STATEMENT_OFFSETS);
        int r;
        while ((r = statement_step(store, &b)) > 0) {
                Row row = row_of(&b, arena);
                rows = arena_grow(arena, rows, count, &capacity, sizeof(*rows));
                rows[count++] = offset_row(&row);
        }
        for (size_t i = 0; i < count && r == 0; i++)
                r = visit(userdata, &rows[i]);
        return MIN_OF(r, 0);
}

/* ---- gaps ------------------------------------------------------------------------------------------------------- */

int store_gap_add(Store *store, const GapRow *row)
{
        Binding b = statement_begin(store, STATEMENT_GAP_ADD);
        bind_text(&b, row->topic);
        bind_integer(&b, row->partition);
        bind_integer(&b, row->from);
        bind_integer(&b, row->to);
        bind_integer(&b, row->why);
        bind_time(&b, row->found_at);
        return statement_run(store, &b, NULL);
}

static GapRow gap_row(Row *row)
{
        GapRow g;
        g.topic = row_text(row);
        g.partition = row_int32(row);
        g.from = row_integer(row);
        g.to = row_integer(row);
        g.why = (GapWhy)row_enum(row, GAP_WHY_MAX);
        g.found_at = row_time(row);
        return g;
}

int store_gaps(Store *store, size_t limit, GapVisit visit, void *userdata)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        GapRow *rows = NULL;
        size_t count = 0, capacity = 0;
        Binding b = statement_begin(store, STATEMENT_GAPS);
        bind_integer(&b, (int64_t)MIN_OF(limit, (size_t)STORE_LIST_MAX));
        int r;
        while ((r = statement_step(store, &b)) > 0) {
                Row row = row_of(&b, arena);
                rows = arena_grow(arena, rows, count, &capacity, sizeof(*rows));
                rows[count++] = gap_row(&row);
        }
        for (size_t i = 0; i < count && r == 0; i++)
                r = visit(userdata, &rows[i]);
        return MIN_OF(r, 0);
}

int store_gaps_count(Store *store, int64_t *ret_gaps, int64_t *ret_records)
{
        Binding b = statement_begin(store, STATEMENT_GAPS_COUNT);
        int r = statement_step(store, &b);
        if (r <= 0)
                return r;
        Row row = row_of(&b, NULL);
        *ret_gaps = row_integer(&row);
        *ret_records = row_integer(&row);
        statement_end(&b);
        return 0;
}

/* ---- attempts --------------------------------------------------------------------------------------------------- */

/* A partition that is read again from an earlier place is spared the same deaths; not for ever. */
enum {
        ATTEMPTS_MAX = 1000
};

int store_attempt_add(Store *store, Text topic, int32_t partition, int64_t offset)
{
        Binding b = statement_begin(store, STATEMENT_ATTEMPT_ADD);
        bind_text(&b, topic);
        bind_integer(&b, partition);
        bind_integer(&b, offset);
        int r = statement_run(store, &b, NULL);
        if (r < 0)
                return r;
        b = statement_begin(store, STATEMENT_ATTEMPTS_TRIM);
        bind_integer(&b, ATTEMPTS_MAX);
        return statement_run(store, &b, NULL);
}

int store_attempts(Store *store, AttemptVisit visit, void *userdata)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1024);
        Binding b = statement_begin(store, STATEMENT_ATTEMPTS);
        int r;
        while ((r = statement_step(store, &b)) > 0) {
                Row row = row_of(&b, arena);
                Text topic = row_text(&row);
                int32_t partition = row_int32(&row);
                int64_t offset = row_integer(&row), deaths = row_integer(&row);
                r = visit(userdata, topic, partition, offset, deaths);
                if (r != 0)
                        break;
        }
        statement_end(&b);
        return MIN_OF(r, 0);
}
