#include "sqlite.h"

#include <errno.h>

int store_event_add(Store *store, int64_t case_number, int32_t sequence, const CaseEvent *event)
{
        arena_reset(store->scratch);
        Buffer detail = buffer_in(store->scratch);
        JsonWriter w = json_writer(&detail);
        case_event_write(event, &w);

        Binding b = statement_begin(store, STATEMENT_EVENT_ADD);
        bind_integer(&b, case_number);
        bind_integer(&b, sequence);
        bind_integer(&b, event->kind);
        bind_time(&b, event->at);
        bind_text(&b, event->key);
        bind_text(&b, buffer_text(&detail));
        return statement_run(store, &b, NULL);
}

int store_event_has_key(Store *store, int64_t case_number, Text key, bool *ret)
{
        Binding b = statement_begin(store, STATEMENT_EVENT_HAS_KEY);
        bind_integer(&b, case_number);
        bind_text(&b, key);
        int64_t found;
        int r = statement_number(store, &b, 0, &found);
        if (r < 0)
                return r;
        *ret = found != 0;
        return 0;
}

typedef struct EventRow {
        int32_t sequence;
        CaseEvent event;
} EventRow;

static int event_row(Store *store, const Binding *b, int64_t case_number, Arena *arena, EventRow *ret)
{
        Row row = row_of(b, arena);
        ret->sequence = row_int32(&row);
        EventKind kind = (EventKind)row_enum(&row, EVENT_KIND_MAX);
        Text detail = row_text(&row);
        const JsonValue *object = NULL;
        if (row.is_bad || json_read_in(arena, detail, &object) != JSON_FAULT_NONE ||
            !case_event_read(arena, object, kind, &ret->event))
                return store_refuse(store, -EUCLEAN, "event %d of case %lld cannot be read back", ret->sequence,
                                    (long long)case_number);
        return 0;
}

int store_events(Store *store, int64_t case_number, Arena *arena, EventVisit visit, void *userdata)
{
        EventRow *rows = NULL;
        size_t count = 0, capacity = 0;
        Binding b = statement_begin(store, STATEMENT_EVENTS);
        bind_integer(&b, case_number);
        int r;
        while ((r = statement_step(store, &b)) > 0) {
                rows = arena_grow(arena, rows, count, &capacity, sizeof(*rows));
                r = event_row(store, &b, case_number, arena, &rows[count++]);
                if (r < 0)
                        break;
        }
        statement_end(&b);
        for (size_t i = 0; i < count && r == 0; i++)
                r = visit(userdata, rows[i].sequence, &rows[i].event);
        return MIN_OF(r, 0);
}
