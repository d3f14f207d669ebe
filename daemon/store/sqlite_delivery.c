#include "sqlite.h"

#include <errno.h>

/* ---- writing ---------------------------------------------------------------------------------------------------- */

int store_delivery_add(Store *store, const DeliveryRow *row)
{
        must(wall_is_set(row->state == DELIVERY_PENDING ? row->next_at : row->ended_at));
        Binding b = statement_begin(store, STATEMENT_DELIVERY_ADD);
        bind_integer(&b, row->row);
        bind_integer(&b, row->case_number);
        bind_integer(&b, row->epoch);
        bind_integer(&b, row->rung);
        bind_integer(&b, row->occurrence);
        bind_integer(&b, row->sequence);
        bind_text(&b, row->recipient);
        bind_text(&b, row->channel);
        bind_integer(&b, row->why);
        bind_integer(&b, row->message);
        bind_integer(&b, row->state);
        bind_time(&b, row->due_at);
        bind_time(&b, row->state == DELIVERY_PENDING ? row->next_at : WALL_NONE);
        bind_time(&b, row->first_tried_at);
        bind_time(&b, row->ended_at);
        bind_integer(&b, row->attempts);
        bind_integer(&b, row->code);
        bind_text(&b, row->detail);
        bind_integer(&b, row->late.us);
        bind_integer(&b, row->fell_over);
        bind_text(&b, row->note);
        int64_t changes;
        int r = statement_run(store, &b, &changes);
        if (r < 0)
                return r;
        if (changes == 0)
                return store_refuse(store, -EEXIST, "this delivery has been decided already");
        figures_count_delivery(&store->figures, 1, row->state);
        return 0;
}

/* *ret_changed false: it is not in the state `from` (or not there). */
static int delivery_save_from(Store *store, const DeliveryRow *row, DeliveryState from, bool *ret_changed)
{
        Binding b = statement_begin(store, STATEMENT_DELIVERY_SAVE);
        bind_integer(&b, row->state);
        bind_time(&b, row->state == DELIVERY_PENDING ? row->next_at : WALL_NONE);
        bind_time(&b, row->first_tried_at);
        bind_time(&b, row->ended_at);
        bind_integer(&b, row->attempts);
        bind_integer(&b, row->code);
        bind_text(&b, row->detail);
        bind_integer(&b, row->fell_over);
        bind_integer(&b, row->row);
        bind_integer(&b, from);
        int64_t changes;
        int r = statement_run(store, &b, &changes);
        if (r < 0)
                return r;
        *ret_changed = changes == 1;
        if (changes == 1) {
                figures_count_delivery(&store->figures, -1, from);
                figures_count_delivery(&store->figures, 1, row->state);
        }
        return 0;
}

/* Nearly always it is pending: one statement. Else it was dropped while it was with a transport, or an administrator
 * retries it. What has been accepted stays so (promise S4). */
int store_delivery_save(Store *store, const DeliveryRow *row)
{
        must(wall_is_set(row->state == DELIVERY_PENDING ? row->next_at : row->ended_at));
        bool is_changed;
        int r = delivery_save_from(store, row, DELIVERY_PENDING, &is_changed);
        if (r < 0 || is_changed)
                return r;
        Binding b = statement_begin(store, STATEMENT_DELIVERY_STATE);
        bind_integer(&b, row->row);
        int64_t state;
        r = statement_number(store, &b, -1, &state);
        if (r < 0)
                return r;
        if (state < 0)
                return store_refuse(store, -ENOENT, "there is no delivery %lld", (long long)row->row);
        if (state == DELIVERY_ACCEPTED || state >= DELIVERY_STATE_MAX)
                return 0;
        return delivery_save_from(store, row, (DeliveryState)state, &is_changed);
}

static int delivery_drop(Store *store, int64_t number, WallTime now)
{
        Binding b = statement_begin(store, STATEMENT_DELIVERY_DROP);
        bind_time(&b, now);
        bind_integer(&b, number);
        int64_t changes;
        int r = statement_run(store, &b, &changes);
        if (r >= 0)
                figures_count_delivery(&store->figures, -changes, DELIVERY_PENDING);
        return r;
}

enum {
        NUMBERS_AT_ONCE = 64
};

static int pending_of_case(Store *store, int64_t case_number, int64_t after, int64_t numbers[static NUMBERS_AT_ONCE],
                           size_t *ret_count)
{
        Binding b = statement_begin(store, STATEMENT_DELIVERIES_PENDING_OF_CASE);
        bind_integer(&b, case_number);
        bind_integer(&b, after);
        bind_integer(&b, NUMBERS_AT_ONCE);
        size_t count = 0;
        int r;
        while ((r = statement_step(store, &b)) > 0) {
                Row row = row_of(&b, NULL);
                numbers[count++] = row_integer(&row);
        }
        *ret_count = count;
        return r;
}

int store_deliveries_drop(Store *store, int64_t case_number, WallTime now, DeliveryTest is_out, void *userdata)
{
        int64_t numbers[NUMBERS_AT_ONCE], after = INT64_MIN;
        size_t count;
        do {
                int r = pending_of_case(store, case_number, after, numbers, &count);
                for (size_t i = 0; i < count && r >= 0; i++)
                        if (!is_out || !is_out(userdata, numbers[i]))
                                r = delivery_drop(store, numbers[i], now);
                if (r < 0)
                        return r;
                if (count > 0)
                        after = numbers[count - 1];
        } while (count == NUMBERS_AT_ONCE);
        return 0;
}

int store_delivery_drop_others(Store *store, const DeliveryRow *accepted, WallTime now)
{
        Binding b = statement_begin(store, STATEMENT_DELIVERY_DROP_OTHERS);
        bind_time(&b, now);
        bind_integer(&b, accepted->case_number);
        bind_integer(&b, accepted->epoch);
        bind_integer(&b, accepted->rung);
        bind_integer(&b, accepted->occurrence);
        bind_text(&b, accepted->recipient);
        bind_text(&b, accepted->channel);
        int64_t changes;
        int r = statement_run(store, &b, &changes);
        if (r >= 0)
                figures_count_delivery(&store->figures, -changes, DELIVERY_PENDING);
        return r;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static int delivery_row(Store *store, const Binding *b, Arena *arena, DeliveryRow *ret)
{
        Row row = row_of(b, arena);
        DeliveryRow o;
        o.row = row_integer(&row);
        o.case_number = row_integer(&row);
        o.epoch = row_int32(&row);
        o.rung = row_int32(&row);
        o.occurrence = row_int32(&row);
        o.sequence = row_int32(&row);
        o.recipient = row_text(&row);
        o.channel = row_text(&row);
        o.why = (RecipientKind)row_enum(&row, RECIPIENT_KIND_MAX);
        o.message = (Message)row_enum(&row, MESSAGE_MAX);
        o.state = (DeliveryState)row_enum(&row, DELIVERY_STATE_MAX);
        o.due_at = row_time(&row);
        o.next_at = row_time(&row);
        o.first_tried_at = row_time(&row);
        o.ended_at = row_time(&row);
        o.attempts = row_int32(&row);
        o.code = row_int32(&row);
        o.detail = row_text(&row);
        o.late = (Span){ row_integer(&row) };
        o.fell_over = row_bool(&row);
        o.note = row_text(&row);
        if (row.is_bad)
                return store_refuse(store, -EUCLEAN, "delivery %lld cannot be read back", (long long)o.row);
        *ret = o;
        return 0;
}

int store_delivery_load(Store *store, int64_t number, Arena *arena, DeliveryRow *ret)
{
        Binding b = statement_begin(store, STATEMENT_DELIVERY_LOAD);
        bind_integer(&b, number);
        int r = statement_step(store, &b);
        if (r == 0)
                return store_refuse(store, -ENOENT, "there is no delivery %lld", (long long)number);
        if (r < 0)
                return r;
        r = delivery_row(store, &b, arena, ret);
        statement_end(&b);
        return r;
}

/* Accepted if by anybody. Else it is still on its way, until each channel has failed or was given up on: then the next
 * one has been asked (fell_over), though this one is still being tried. */
int store_alert_state(Store *store, int64_t case_number, int32_t epoch, AlertState *ret, WallTime *ret_told_at)
{
        Binding b = statement_begin(store, STATEMENT_ALERT_STATE);
        bind_integer(&b, case_number);
        bind_integer(&b, epoch);
        int r = statement_step(store, &b);
        if (r < 0)
                return r;
        must(r > 0); /* sums are always a row */
        Row row = row_of(&b, NULL);
        WallTime told_at = row_time(&row);
        int64_t under_way = row_integer(&row), all = row_integer(&row);
        statement_end(&b);
        *ret = wall_is_set(told_at) ? ALERT_ACCEPTED
               : under_way > 0      ? ALERT_PENDING
               : all > 0            ? ALERT_GIVEN_UP
                                    : ALERT_NONE;
        *ret_told_at = told_at;
        return 0;
}

int store_delivery_next(Store *store, Text channel, WallTime after, WallTime *ret)
{
        Binding b = statement_begin(store, STATEMENT_DELIVERY_NEXT);
        bind_text(&b, channel);
        bind_integer(&b, after.us);
        return statement_number(store, &b, WALL_NEVER.us, &ret->us);
}

int store_deliveries_shift(Store *store, Span by)
{
        Binding b = statement_begin(store, STATEMENT_DELIVERIES_SHIFT);
        bind_integer(&b, by.us);
        return statement_run(store, &b, NULL);
}

/* ---- lists ------------------------------------------------------------------------------------------------------ */

typedef struct DeliveryList {
        DeliveryRow *rows;
        size_t count, capacity;
} DeliveryList;

/* All rows of a statement, so that it is over before anybody looks at them. */
static int deliveries_collect(Store *store, const Binding *b, Arena *arena, DeliveryList *list)
{
        int r;
        while ((r = statement_step(store, b)) > 0) {
                list->rows = arena_grow(arena, list->rows, list->count, &list->capacity, sizeof(*list->rows));
                r = delivery_row(store, b, arena, &list->rows[list->count]);
                if (r < 0)
                        break;
                list->count++;
        }
        statement_end(b);
        return r;
}

/* In bites: whoever wants 200 of 100,000 does not pay for all of them, and may change those that they see. */
enum {
        DUE_AT_ONCE = 128
};

static int due_bite(Store *store, Text channel, const DeliveryRow *after, Arena *arena, DeliveryList *list)
{
        list->count = 0;
        Binding b = statement_begin(store, STATEMENT_DELIVERIES_DUE);
        bind_integer(&b, after->next_at.us);
        bind_integer(&b, after->row);
        bind_integer(&b, DUE_AT_ONCE);
        bind_text(&b, channel);
        return deliveries_collect(store, &b, arena, list);
}

int store_deliveries_due(Store *store, Text channel, WallTime now, Arena *arena, DeliveryVisit visit, void *userdata)
{
        DeliveryRow last = { .row = INT64_MIN, .next_at = { INT64_MIN } };
        DeliveryList list = { 0 };
        do {
                int r = due_bite(store, channel, &last, arena, &list);
                for (size_t i = 0; i < list.count && r == 0; i++) {
                        last = list.rows[i];
                        r = wall_before(now, last.next_at) ? 1 : visit(userdata, &last);
                }
                if (r != 0)
                        return MIN_OF(r, 0);
        } while (list.count == DUE_AT_ONCE);
        return 0;
}

/* From name to name, so that it costs as many look-ups as there are channels, however many messages wait. */
int store_delivery_channels(Store *store, Arena *arena, ChannelNameVisit visit, void *userdata)
{
        Text name = TEXT_NONE;
        for (;;) {
                Binding b = statement_begin(store, STATEMENT_DELIVERY_CHANNEL);
                bind_text(&b, name.data ? name : TEXT(""));
                int r = statement_step(store, &b);
                if (r <= 0)
                        return r;
                Row row = row_of(&b, arena);
                name = row_text(&row);
                statement_end(&b);
                r = visit(userdata, name);
                if (r != 0)
                        return MIN_OF(r, 0);
        }
}

int store_deliveries_wake(Store *store, Text channel, WallTime now, size_t max, size_t *ret_count)
{
        int64_t changes;
        Binding b = statement_begin(store, STATEMENT_DELIVERIES_WAKE);
        bind_integer(&b, now.us);
        bind_text(&b, channel);
        bind_integer(&b, (int64_t)max);
        int r = statement_run(store, &b, &changes);
        if (r >= 0)
                *ret_count = (size_t)changes;
        return r;
}

static Binding list_bind(Store *store, const DeliveryFilter *filter)
{
        StatementId id = filter->case_number != 0 ? STATEMENT_DELIVERIES_OF_CASE
                         : filter->only_failed    ? STATEMENT_DELIVERIES_FAILED
                                                  : STATEMENT_DELIVERIES_ALL;
        Binding b = statement_begin(store, id);
        if (id == STATEMENT_DELIVERIES_OF_CASE) {
                bind_integer(&b, filter->case_number);
                bind_integer(&b, filter->only_failed);
        }
        bind_integer(&b, filter->limit > 0 ? (int64_t)MIN_OF(filter->limit, STORE_LIST_MAX) : STORE_LIST_MAX);
        return b;
}

int store_deliveries(Store *store, const DeliveryFilter *filter, Arena *arena, DeliveryVisit visit, void *userdata)
{
        DeliveryList list = { 0 };
        Binding b = list_bind(store, filter);
        int r = deliveries_collect(store, &b, arena, &list);
        for (size_t i = 0; i < list.count && r == 0; i++)
                r = visit(userdata, &list.rows[i]);
        return MIN_OF(r, 0);
}
