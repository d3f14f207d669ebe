#include "sqlite.h"

#include <errno.h>

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static Text steps_text(Store *store, const Case *c)
{
        if (c->step_count == 0)
                return TEXT_NONE;
        arena_reset(store->scratch);
        Buffer buffer = buffer_in(store->scratch);
        JsonWriter w = json_writer(&buffer);
        steps_write(c->steps, c->step_count, &w);
        return buffer_text(&buffer);
}

/* What may change, in the order of CASE_COLUMNS. */
static void case_bind_changing(Store *store, Binding *b, const Case *c)
{
        bind_integer(b, c->state);
        bind_integer(b, c->mode);
        bind_integer(b, c->severity);
        bind_integer(b, c->epoch);
        bind_integer(b, c->sequence);
        bind_text(b, c->owner);
        bind_integer(b, c->owner_is_group);
        bind_time(b, c->submitted_at);
        bind_time(b, c->window_ends_at);
        bind_time(b, c->told_at);
        bind_time(b, c->paused_until);
        bind_integer(b, c->attempts);
        bind_time(b, c->last_attempt_at);
        bind_text(b, c->last_attempt_result);
        bind_text(b, c->last_attempt_channel);
        bind_integer(b, c->level);
        bind_integer(b, c->responses);
        bind_time(b, c->first_contact_at);
        bind_time(b, c->contacted_at);
        bind_time(b, c->closed_at);
        bind_text(b, c->outcome);
        bind_text(b, c->cause);
        bind_integer(b, c->is_held);
        bind_time(b, c->due_at);
        bind_text(b, steps_text(store, c));
}

int store_case_add(Store *store, const Case *c)
{
        int64_t policy, source;
        int r = number_of_policy(store, c->policy_name, c->policy_version, &policy);
        if (r >= 0)
                r = number_for_name(store, c->source, &source);
        if (r < 0)
                return r;
        Binding b = statement_begin(store, STATEMENT_CASE_ADD);
        bind_integer(&b, c->number);
        bind_bytes(&b, (Text){ (const char *)c->id.bytes, sizeof(c->id.bytes) });
        bind_integer(&b, source);
        bind_text(&b, c->customer);
        bind_text(&b, c->territory);
        bind_text(&b, c->rule);
        bind_integer(&b, policy);
        bind_time(&b, c->opened_at);
        case_bind_changing(store, &b, c);
        r = statement_run(store, &b, NULL);
        if (r < 0)
                return r;
        figures_count_case(&store->figures, 1, c->state, c->mode, c->window_ends_at);
        return 0;
}

/* What the stored case counts for, and whether it is the one that was changed. */
static int case_uncount(Store *store, const Case *c)
{
        Binding b = statement_begin(store, STATEMENT_CASE_COUNTED);
        bind_integer(&b, c->number);
        int r = statement_step(store, &b);
        if (r < 0)
                return r;
        if (r == 0)
                return store_refuse(store, -ESTALE, "there is no case %lld", (long long)c->number);
        Row row = row_of(&b, NULL);
        int64_t sequence = row_integer(&row);
        CaseState state = (CaseState)row_enum(&row, CASE_STATE_MAX);
        CaseMode mode = (CaseMode)row_enum(&row, MODE_MAX);
        WallTime window_ends_at = row_time(&row);
        statement_end(&b);
        if (sequence != (int64_t)c->sequence - 1)
                return store_refuse(store, -ESTALE, "case %lld has been changed by somebody else",
                                    (long long)c->number);
        figures_count_case(&store->figures, -1, state, mode, window_ends_at);
        return 0;
}

int store_case_save(Store *store, const Case *c)
{
        int r = case_uncount(store, c);
        if (r < 0)
                return r;
        Binding b = statement_begin(store, STATEMENT_CASE_SAVE);
        case_bind_changing(store, &b, c);
        bind_integer(&b, c->number);
        bind_integer(&b, (int64_t)c->sequence - 1);
        int64_t changes;
        r = statement_run(store, &b, &changes);
        if (r < 0)
                return r;
        must(changes == 1); /* one connection: nobody came between */
        figures_count_case(&store->figures, 1, c->state, c->mode, c->window_ends_at);
        return 0;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static void row_case_id(Row *row, CaseId *ret)
{
        Text bytes = row_text(row);
        row->is_bad |= bytes.len != sizeof(ret->bytes);
        if (bytes.len == sizeof(ret->bytes))
                memcpy(ret->bytes, bytes.data, sizeof(ret->bytes));
}

static void row_policy(Store *store, Row *row, Case *c)
{
        Text name = TEXT_NONE;
        row->is_bad |= policy_of_number(store, row_integer(row), &name, &c->policy_version) < 0;
        c->policy_name = arena_text(row->arena, name);
}

static void row_steps(Row *row, Case *c)
{
        Text text = row_text(row);
        const JsonValue *array = NULL;
        if (text.data)
                row->is_bad |= json_read_in(row->arena, text, &array) != JSON_FAULT_NONE ||
                               !steps_read(row->arena, array, &c->steps, &c->step_count);
}

static void row_case_changing(Row *row, Case *c)
{
        c->state = (CaseState)row_enum(row, CASE_STATE_MAX);
        c->mode = (CaseMode)row_enum(row, MODE_MAX);
        c->severity = (Severity)row_enum(row, SEVERITY_MAX);
        c->epoch = row_int32(row);
        c->sequence = row_int32(row);
        c->owner = row_text(row);
        c->owner_is_group = row_bool(row);
        c->submitted_at = row_time(row);
        c->window_ends_at = row_time(row);
        c->told_at = row_time(row);
        c->paused_until = row_time(row);
        c->attempts = row_int32(row);
        c->last_attempt_at = row_time(row);
        c->last_attempt_result = row_text(row);
        c->last_attempt_channel = row_text(row);
        c->level = row_int32(row);
        c->responses = row_int32(row);
        c->first_contact_at = row_time(row);
        c->contacted_at = row_time(row);
        c->closed_at = row_time(row);
        c->outcome = row_text(row);
        c->cause = row_text(row);
        c->is_held = row_bool(row);
        c->due_at = row_time(row);
        row_steps(row, c);
}

static int case_row(Store *store, const Binding *b, Arena *arena, Case *ret)
{
        Row row = row_of(b, arena);
        Case c = case_none();
        c.number = row_integer(&row);
        row_case_id(&row, &c.id);
        c.source = row_name(store, &row);
        c.customer = row_text(&row);
        c.territory = row_text(&row);
        c.rule = row_text(&row);
        row_policy(store, &row, &c);
        c.opened_at = row_time(&row);
        row_case_changing(&row, &c);
        if (row.is_bad || c.state == CASE_NEW)
                return store_refuse(store, -EUCLEAN, "case %lld cannot be read back", (long long)c.number);
        *ret = c;
        return 0;
}

static int case_one(Store *store, const Binding *b, Arena *arena, Case *ret)
{
        int r = statement_step(store, b);
        if (r == 0)
                return store_refuse(store, -ENOENT, "there is no such case");
        if (r < 0)
                return r;
        r = case_row(store, b, arena, ret);
        statement_end(b);
        return r;
}

int store_case_load(Store *store, int64_t number, Arena *arena, Case *ret)
{
        Binding b = statement_begin(store, STATEMENT_CASE_LOAD);
        bind_integer(&b, number);
        return case_one(store, &b, arena, ret);
}

static int case_of_customer(Store *store, StatementId statement, Text source, Text customer, Arena *arena, Case *ret)
{
        int64_t number;
        int r = number_of_name(store, source, &number);
        if (r < 0)
                return r == -ENOENT ? store_refuse(store, r, "there is no such case") : r;
        Binding b = statement_begin(store, statement);
        bind_text(&b, customer);
        bind_integer(&b, number);
        return case_one(store, &b, arena, ret);
}

int store_case_of_customer(Store *store, Text source, Text customer, Arena *arena, Case *ret)
{
        return case_of_customer(store, STATEMENT_CASE_OF_CUSTOMER, source, customer, arena, ret);
}

int store_case_not_closed_of_customer(Store *store, Text source, Text customer, Arena *arena, Case *ret)
{
        return case_of_customer(store, STATEMENT_CASE_NOT_CLOSED_OF_CUSTOMER, source, customer, arena, ret);
}

int store_cases_due(Store *store, CaseDue after, WallTime now, CaseDue *ret_cases, size_t max, size_t *ret_count)
{
        Binding b = statement_begin(store, STATEMENT_CASES_DUE);
        bind_integer(&b, after.due_at.us);
        bind_integer(&b, after.number);
        bind_integer(&b, now.us);
        bind_integer(&b, (int64_t)max);
        size_t count = 0;
        int r;
        while ((r = statement_step(store, &b)) > 0) {
                must(count < max);
                Row row = row_of(&b, NULL);
                ret_cases[count].due_at = row_time(&row);
                ret_cases[count++].number = row_integer(&row);
        }
        if (r < 0)
                return r;
        *ret_count = count;
        return 0;
}

int store_next_due(Store *store, WallTime after, WallTime *ret)
{
        Binding b = statement_begin(store, STATEMENT_CASE_NEXT_DUE);
        bind_integer(&b, after.us);
        return statement_number(store, &b, WALL_NEVER.us, &ret->us);
}

int store_count_due(Store *store, WallTime now, int64_t *ret)
{
        Binding b = statement_begin(store, STATEMENT_CASES_COUNT_DUE);
        bind_integer(&b, now.us);
        return statement_number(store, &b, 0, ret);
}

int store_case_owners(Store *store, CaseOwnerPlace after, size_t limit, Arena *arena, CaseOwnerVisit visit,
                      void *userdata, size_t *ret_count)
{
        Binding b = statement_begin(store, STATEMENT_CASE_OWNERS);
        bind_integer(&b, after.window_ends_at.us);
        bind_integer(&b, after.number);
        bind_integer(&b, (int64_t)limit);
        size_t count = 0;
        int r;
        while ((r = statement_step(store, &b)) > 0) {
                Row row = row_of(&b, arena);
                CaseOwnerPlace place = { row_time(&row), 0 };
                place.number = row_integer(&row);
                count++;
                r = visit(userdata, place, row_text(&row));
                if (r != 0)
                        break;
        }
        statement_end(&b);
        *ret_count = count;
        return MIN_OF(r, 0);
}

/* ---- lists ------------------------------------------------------------------------------------------------------ */

/* What no index finds is looked for among the newest only: a list must not hold up the turns (100 ms at the most). */
enum {
        CASES_WALKED_MAX = 100000
};

static StatementId list_statement(const CaseFilter *filter)
{
        if (filter->customer.data)
                return STATEMENT_CASES_OF_CUSTOMER;
        if (filter->only_overdue)
                return STATEMENT_CASES_OVERDUE;
        return filter->only_open ? STATEMENT_CASES_OPEN : STATEMENT_CASES_ALL;
}

static Binding list_bind(Store *store, const CaseFilter *filter)
{
        StatementId id = list_statement(filter);
        size_t limit = filter->limit > 0 ? MIN_OF(filter->limit, STORE_LIST_MAX) : STORE_LIST_MAX;
        bool may_skip = filter->owner.data || filter->territory.data || filter->customer.data;
        Binding b = statement_begin(store, id);
        bind_integer(&b, may_skip ? CASES_WALKED_MAX : (int64_t)limit);
        bind_text(&b, filter->owner);
        bind_text(&b, filter->territory);
        bind_integer(&b, (int64_t)limit);
        if (id == STATEMENT_CASES_OVERDUE || id == STATEMENT_CASES_OF_CUSTOMER)
                bind_integer(&b, filter->now.us);
        if (id == STATEMENT_CASES_OF_CUSTOMER) {
                bind_text(&b, filter->customer);
                bind_integer(&b, filter->only_open);
                bind_integer(&b, filter->only_overdue);
        }
        return b;
}

int store_cases(Store *store, const CaseFilter *filter, Arena *arena, CaseVisit visit, void *userdata)
{
        Case *cases = NULL;
        size_t count = 0, capacity = 0;
        Binding b = list_bind(store, filter);
        int r;
        while ((r = statement_step(store, &b)) > 0) {
                cases = arena_grow(arena, cases, count, &capacity, sizeof(*cases));
                r = case_row(store, &b, arena, &cases[count++]);
                if (r < 0)
                        break;
        }
        statement_end(&b);
        for (size_t i = 0; i < count && r == 0; i++)
                r = visit(userdata, &cases[i]);
        return MIN_OF(r, 0);
}
