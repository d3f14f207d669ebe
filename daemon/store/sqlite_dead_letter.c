#include "sqlite.h"

#include <errno.h>

static int64_t bytes_of(const DeadLetterRow *row)
{
        return (int64_t)(row->key.len + row->value.len + row->headers.len);
}

int store_dead_letter_add(Store *store, const DeadLetterRow *row, bool *ret_is_new)
{
        Binding b = statement_begin(store, STATEMENT_DEAD_LETTER_ADD);
        bind_integer(&b, row->row);
        bind_text(&b, row->place.topic);
        bind_integer(&b, row->place.partition);
        bind_integer(&b, row->place.offset);
        bind_time(&b, row->place.record_time);
        bind_text(&b, row->reason);
        bind_bytes(&b, row->key);
        bind_bytes(&b, row->value);
        bind_text(&b, row->headers);
        bind_time(&b, row->recorded_at);
        bind_integer(&b, row->state);
        bind_integer(&b, bytes_of(row));
        bind_integer(&b, row->place.log);
        int64_t changes;
        int r = statement_run(store, &b, &changes);
        if (r < 0)
                return r;
        store->figures.dead_letters += changes;
        store->figures.dead_letter_bytes += changes * bytes_of(row);
        *ret_is_new = changes == 1;
        return 0;
}

int store_dead_letter_save(Store *store, int64_t number, DeadLetterState state)
{
        Binding b = statement_begin(store, STATEMENT_DEAD_LETTER_SAVE);
        bind_integer(&b, state);
        bind_integer(&b, number);
        return statement_run(store, &b, NULL);
}

static int dead_letter_row(Store *store, Row *row, DeadLetterRow *ret)
{
        DeadLetterRow o;
        o.row = row_integer(row);
        o.place.topic = row_text(row);
        o.place.partition = row_int32(row);
        o.place.offset = row_integer(row);
        o.place.record_time = row_time(row);
        o.reason = row_text(row);
        o.key = row_text(row);
        o.value = row_text(row);
        o.headers = row_text(row);
        o.recorded_at = row_time(row);
        o.state = (DeadLetterState)row_enum(row, DEAD_LETTER_STATE_MAX);
        (void)row_integer(row); /* bytes */
        o.place.log = row_int32(row);
        if (row->is_bad)
                return store_refuse(store, -EUCLEAN, "dead letter %lld cannot be read back", (long long)o.row);
        *ret = o;
        return 0;
}

static Binding list_bind(Store *store, DeadLetterState state, size_t limit)
{
        bool is_any = state == DEAD_LETTER_STATE_MAX;
        Binding b = statement_begin(store, is_any ? STATEMENT_DEAD_LETTERS_ALL : STATEMENT_DEAD_LETTERS_IN_STATE);
        if (!is_any)
                bind_integer(&b, state);
        bind_integer(&b, limit > 0 ? (int64_t)MIN_OF(limit, STORE_LIST_MAX) : STORE_LIST_MAX);
        return b;
}

static int list_read(Store *store, Binding b, Arena *arena, DeadLetterVisit visit, void *userdata)
{
        DeadLetterRow *rows = NULL;
        size_t count = 0, capacity = 0;
        int r;
        while ((r = statement_step(store, &b)) > 0) {
                Row row = row_of(&b, arena);
                rows = arena_grow(arena, rows, count, &capacity, sizeof(*rows));
                r = dead_letter_row(store, &row, &rows[count++]);
                if (r < 0)
                        break;
        }
        statement_end(&b);
        for (size_t i = 0; i < count && r == 0; i++)
                r = visit(userdata, &rows[i]);
        return MIN_OF(r, 0);
}

int store_dead_letters(Store *store, DeadLetterState state, size_t limit, Arena *arena, DeadLetterVisit visit,
                       void *userdata)
{
        return list_read(store, list_bind(store, state, limit), arena, visit, userdata);
}

int store_dead_letters_after(Store *store, int64_t number, size_t limit, Arena *arena, DeadLetterVisit visit,
                             void *userdata)
{
        Binding b = statement_begin(store, STATEMENT_DEAD_LETTERS_AFTER);
        bind_integer(&b, number);
        bind_integer(&b, (int64_t)MIN_OF(limit, (size_t)STORE_LIST_MAX));
        return list_read(store, b, arena, visit, userdata);
}

/* 1: the oldest in this state has lost its bytes; 0: none is left that has any. */
static int trim_one(Store *store, DeadLetterState state)
{
        Binding oldest = statement_begin(store, STATEMENT_DEAD_LETTER_OLDEST);
        bind_integer(&oldest, state);
        int r = statement_step(store, &oldest);
        if (r <= 0)
                return r;
        Row row = row_of(&oldest, NULL);
        int64_t number = row_integer(&row), bytes = row_integer(&row);
        statement_end(&oldest);

        Binding b = statement_begin(store, STATEMENT_DEAD_LETTER_TRIM);
        bind_integer(&b, number);
        r = statement_run(store, &b, NULL);
        if (r < 0)
                return r;
        store->figures.dead_letter_bytes -= bytes;
        return 1;
}

/* A smaller limit after a reload is reached over several turns. */
enum {
        TRIMMED_AT_ONCE_MAX = 1000
};

int store_dead_letters_trim(Store *store, int64_t bytes_max, bool takes_all, int64_t *ret_lost)
{
        static const DeadLetterState order[] = { DEAD_LETTER_PUBLISHED, DEAD_LETTER_REPLAYED, DEAD_LETTER_KEPT,
                                                 DEAD_LETTER_PENDING };
        size_t at = 0, count = takes_all ? COUNT_OF(order) : 2;
        int64_t lost = 0;
        for (int i = 0; i < TRIMMED_AT_ONCE_MAX && at < count && store->figures.dead_letter_bytes > bytes_max; i++) {
                int r = trim_one(store, order[at]);
                if (r < 0)
                        return r;
                lost += r == 1 && at >= 2;
                at += r == 0;
        }
        *ret_lost = lost;
        return 0;
}
