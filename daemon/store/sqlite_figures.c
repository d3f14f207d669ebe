/* Figures are asked for every second and must cost the same at ten and at ten million cases. Counting walks through an
 * index (about 5 ms at 100,000 open cases, at every start and every second), so they are kept instead: added up by
 * every change, stored by its transaction in one row, gone with it when it is rolled back. Only `overdue` moves with
 * the clock: what has become overdue since the last look is counted in an index. */
#include "sqlite.h"

#include <errno.h>

_Static_assert(sizeof(Figures) == 9 * sizeof(int64_t), "nothing but 64-bit numbers");

int figures_load(Store *store)
{
        Binding b = statement_begin(store, STATEMENT_FIGURES_LOAD);
        int r = statement_step(store, &b);
        if (r <= 0)
                return r < 0 ? r : store_refuse(store, -EUCLEAN, "the row of figures is missing");
        Row row = row_of(&b, NULL);
        Figures *f = &store->figures;
        f->open = row_integer(&row);
        f->contacted = row_integer(&row);
        f->closed = row_integer(&row);
        f->deliveries_pending = row_integer(&row);
        f->deliveries_failed = row_integer(&row);
        f->dead_letters = row_integer(&row);
        f->dead_letter_bytes = row_integer(&row);
        f->overdue = row_integer(&row);
        f->overdue_at = row_time(&row);
        statement_end(&b);
        store->stored = store->figures;
        return 0;
}

int figures_save(Store *store)
{
        const Figures *f = &store->figures;
        if (memcmp(f, &store->stored, sizeof(*f)) == 0)
                return 0;
        Binding b = statement_begin(store, STATEMENT_FIGURES_SAVE);
        bind_integer(&b, f->open);
        bind_integer(&b, f->contacted);
        bind_integer(&b, f->closed);
        bind_integer(&b, f->deliveries_pending);
        bind_integer(&b, f->deliveries_failed);
        bind_integer(&b, f->dead_letters);
        bind_integer(&b, f->dead_letter_bytes);
        bind_integer(&b, f->overdue);
        bind_time(&b, f->overdue_at);
        return statement_run(store, &b, NULL);
}

void figures_count_case(Figures *f, int64_t by, CaseState state, CaseMode mode, WallTime window_ends_at)
{
        f->open += state == CASE_OPEN ? by : 0;
        f->contacted += state == CASE_CONTACTED ? by : 0;
        f->closed += state == CASE_CLOSED ? by : 0;
        bool is_overdue = state == CASE_OPEN && mode == MODE_LIVE && wall_is_set(window_ends_at) &&
                          wall_before(window_ends_at, f->overdue_at);
        f->overdue += is_overdue ? by : 0;
}

void figures_count_delivery(Figures *f, int64_t by, DeliveryState state)
{
        f->deliveries_pending += state == DELIVERY_PENDING ? by : 0;
        f->deliveries_failed += state == DELIVERY_FAILED ? by : 0;
}

static int overdue_between(Store *store, WallTime from, WallTime to, int64_t *ret)
{
        Binding b = statement_begin(store, STATEMENT_CASES_OVERDUE_BETWEEN);
        bind_integer(&b, from.us); /* a bound as it is: WALL_NONE is before everything */
        bind_integer(&b, to.us);
        return statement_number(store, &b, 0, ret);
}

/* The clock may have been set back. Outside a transaction the next one that changes anything stores it. */
static int overdue_move(Store *store, WallTime now)
{
        Figures *f = &store->figures;
        bool is_forward = wall_before(f->overdue_at, now);
        int64_t count;
        int r = overdue_between(store, wall_earlier(f->overdue_at, now), wall_later(f->overdue_at, now), &count);
        if (r < 0)
                return r;
        f->overdue += is_forward ? count : -count;
        f->overdue_at = now;
        return 0;
}

typedef struct Oldest {
        Store *store;
        WallTime at;
} Oldest;

static int oldest_visit(void *userdata, Text channel)
{
        Oldest *oldest = userdata;
        WallTime at;
        int r = store_delivery_next(oldest->store, channel, WALL_NONE, &at);
        if (r >= 0)
                oldest->at = wall_earlier(oldest->at, at);
        return r;
}

static int oldest_find(Store *store, WallTime *ret)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1024);
        Oldest oldest = { store, WALL_NEVER };
        int r = store_delivery_channels(store, arena, oldest_visit, &oldest);
        if (r >= 0)
                *ret = oldest.at;
        return r;
}

int store_counts(Store *store, WallTime now, StoreCounts *ret)
{
        WallTime oldest;
        int r = overdue_move(store, now);
        if (r >= 0)
                r = oldest_find(store, &oldest);
        if (r < 0)
                return r;
        const Figures *f = &store->figures;
        *ret = (StoreCounts){
                .cases = { [CASE_OPEN] = f->open, [CASE_CONTACTED] = f->contacted, [CASE_CLOSED] = f->closed },
                .overdue = f->overdue,
                .deliveries_pending = f->deliveries_pending,
                .deliveries_failed = f->deliveries_failed,
                .oldest_pending = oldest,
                .dead_letters = f->dead_letters,
                .dead_letter_bytes = f->dead_letter_bytes,
        };
        return 0;
}
