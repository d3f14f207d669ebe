#include "sqlite.h"

#include <errno.h>

int store_response_add(Store *store, const ResponseRow *row, bool *ret_is_new)
{
        int64_t source, topic;
        int r = number_for_name(store, row->source, &source);
        if (r >= 0)
                r = number_for_name(store, row->place.topic, &topic);
        if (r < 0)
                return r;
        Binding b = statement_begin(store, STATEMENT_RESPONSE_ADD);
        bind_integer(&b, row->row);
        bind_integer(&b, row->case_number);
        bind_integer(&b, source);
        bind_text(&b, row->id);
        bind_integer(&b, topic);
        bind_integer(&b, row->place.partition);
        bind_integer(&b, row->place.offset);
        bind_time(&b, row->place.record_time);
        bind_time(&b, row->submitted_at);
        bind_time(&b, row->recorded_at);
        bind_integer(&b, row->submitted_note);
        bind_text(&b, row->fields);
        bind_text(&b, row->trail);
        bind_text(&b, row->traceparent);
        bind_integer(&b, row->place.log);
        int64_t changes;
        r = statement_run(store, &b, &changes);
        if (r < 0)
                return r;
        *ret_is_new = changes == 1;
        return 0;
}

static int response_row(Store *store, Row *row, ResponseRow *ret)
{
        ResponseRow o;
        o.row = row_integer(row);
        o.case_number = row_integer(row);
        o.source = row_name(store, row);
        o.id = row_text(row);
        o.place.topic = row_name(store, row);
        o.place.partition = row_int32(row);
        o.place.offset = row_integer(row);
        o.place.record_time = row_time(row);
        o.submitted_at = row_time(row);
        o.recorded_at = row_time(row);
        o.submitted_note = (int32_t)row_enum(row, SUBMITTED_NOTE_MAX);
        o.fields = row_text(row);
        o.trail = row_text(row);
        o.traceparent = row_text(row);
        o.place.log = row_int32(row);
        if (row->is_bad)
                return store_refuse(store, -EUCLEAN, "response %lld cannot be read back", (long long)o.row);
        *ret = o;
        return 0;
}

static int response_one(Store *store, StatementId id, int64_t key, Arena *arena, ResponseRow *ret)
{
        Binding b = statement_begin(store, id);
        bind_integer(&b, key);
        int r = statement_step(store, &b);
        if (r == 0)
                return store_refuse(store, -ENOENT, "there is no such response");
        if (r < 0)
                return r;
        Row row = row_of(&b, arena);
        r = response_row(store, &row, ret);
        statement_end(&b);
        return r;
}

int store_response_load(Store *store, int64_t number, Arena *arena, ResponseRow *ret)
{
        return response_one(store, STATEMENT_RESPONSE_LOAD, number, arena, ret);
}

int store_response_of_case(Store *store, int64_t case_number, Arena *arena, ResponseRow *ret)
{
        return response_one(store, STATEMENT_RESPONSE_NEWEST, case_number, arena, ret);
}

int store_responses_of_case(Store *store, int64_t case_number, Arena *arena, ResponseVisit visit, void *userdata)
{
        ResponseRow *rows = NULL;
        size_t count = 0, capacity = 0;
        Binding b = statement_begin(store, STATEMENT_RESPONSES_OF_CASE);
        bind_integer(&b, case_number);
        int r;
        while ((r = statement_step(store, &b)) > 0) {
                Row row = row_of(&b, arena);
                rows = arena_grow(arena, rows, count, &capacity, sizeof(*rows));
                r = response_row(store, &row, &rows[count++]);
                if (r < 0)
                        break;
        }
        statement_end(&b);
        for (size_t i = 0; i < count && r == 0; i++)
                r = visit(userdata, &rows[i]);
        return MIN_OF(r, 0);
}
