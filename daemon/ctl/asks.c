/* asks.c - the verbs that only read the store; they run on the turn thread, between turns. */
#include <errno.h>
#include <sysexits.h>

#include "core/ladder.h"
#include "core/sink.h"
#include "inside.h"

enum {
        LIMIT_DEFAULT = 50,
        LIMIT_MAX = 10000
};

typedef struct Listing {
        Request *q;
        WallTime now;
        size_t count;
        const Policy *policy;
} Listing;

static bool take_limit(Request *q, size_t *ret)
{
        Text text = request_option(q, "limit");
        int64_t limit = LIMIT_DEFAULT;
        if (text.data && !request_number(q, text, &limit))
                return false;
        *ret = (size_t)MIN_OF(limit, (int64_t)LIMIT_MAX);
        return true;
}

static bool store_answered(Request *q, Turn *turn, int r)
{
        if (r >= 0)
                return true;
        if (r == -ENOENT)
                request_fail(q, EX_NOINPUT, "there is no such case");
        else
                request_fail(q, EX_IOERR, "could not read the store: %s", store_error(turn_store(turn)));
        return false;
}

/* ---- cases ------------------------------------------------------------------------------------------------------ */

static int cases_visit(void *userdata, const Case *c)
{
        Listing *list = userdata;
        case_put_line(&list->q->text, c, list->now);
        case_put_json(&list->q->json, c);
        list->count++;
        return 0;
}

void ask_cases(Request *q, Turn *turn, WallTime now)
{
        CaseFilter filter = {
                .only_open = request_option(q, "open").data != NULL,
                .only_overdue = request_option(q, "overdue").data != NULL,
                .now = now,
                .owner = request_option(q, "owner"),
                .customer = request_option(q, "customer"),
                .territory = request_option(q, "territory"),
        };
        Listing list = { .q = q, .now = now };
        if (!take_limit(q, &filter.limit))
                return;
        buffer_put_literal(&q->text, "  case state     severity owner      territory  window ends          rule\n");
        json_open(&q->json, '[');
        int r = store_cases(turn_store(turn), &filter, q->arena, cases_visit, &list);
        if (!store_answered(q, turn, r))
                return;
        json_close(&q->json, ']');
        if (list.count == 0) {
                q->text.len = 0;
                buffer_put_literal(&q->text, "no such cases\n");
        } else if (list.count == filter.limit) {
                buffer_putf(&q->text, "(the newest %zu; --limit N for more)\n", list.count);
        }
}

/* ---- one case --------------------------------------------------------------------------------------------------- */

static bool case_take(Request *q, Turn *turn, Case *ret)
{
        int64_t number;
        if (!request_number(q, q->operands[0], &number))
                return false;
        int r = store_case_load(turn_store(turn), number, q->arena, ret);
        if (r == -ENOENT) {
                request_fail(q, EX_NOINPUT, "there is no case %lld", (long long)number);
                return false;
        }
        return store_answered(q, turn, r);
}

static int events_visit(void *userdata, int32_t sequence, const CaseEvent *event)
{
        Listing *list = userdata;
        event_put(&list->q->text, &list->q->json, sequence, event);
        return 0;
}

static int deliveries_visit(void *userdata, const DeliveryRow *row)
{
        Listing *list = userdata;
        delivery_put(&list->q->text, &list->q->json, row);
        list->count++;
        return 0;
}

void ask_case(Request *q, Turn *turn, WallTime now)
{
        Case c;
        Listing list = { .q = q, .now = now };
        if (!case_take(q, turn, &c))
                return;
        case_put_lines(&q->text, &c, now);
        json_open(&q->json, '{');
        json_key(&q->json, "case");
        case_put_json(&q->json, &c);
        buffer_put_literal(&q->text, "events\n");
        json_key(&q->json, "events");
        json_open(&q->json, '[');
        int r = store_events(turn_store(turn), c.number, q->arena, events_visit, &list);
        json_close(&q->json, ']');
        if (!store_answered(q, turn, r))
                return;
        buffer_put_literal(&q->text, "messages\n");
        json_key(&q->json, "deliveries");
        json_open(&q->json, '[');
        DeliveryFilter filter = { .case_number = c.number, .limit = LIMIT_MAX };
        r = store_deliveries(turn_store(turn), &filter, q->arena, deliveries_visit, &list);
        json_close(&q->json, ']');
        json_close(&q->json, '}');
        (void)!store_answered(q, turn, r);
}

/* ---- why -------------------------------------------------------------------------------------------------------- */

static void value_put(Buffer *b, const JsonValue *value)
{
        double number;
        switch (json_type(value)) {
        case JSON_TEXT:
        case JSON_HUGE:
                buffer_put(b, json_text(value));
                return;
        case JSON_INTEGER:
        case JSON_REAL:
                (void)json_number(value, &number);
                buffer_putf(b, "%.15g", number);
                return;
        case JSON_BOOL:
                buffer_put(b, json_is_true(value) ? TEXT("yes") : TEXT("no"));
                return;
        case JSON_ARRAY:
                for (JsonWalk walk = json_walk(value); json_next(&walk);) {
                        value_put(b, walk.value);
                        buffer_put(b, walk.left > 0 ? TEXT(", ") : TEXT(""));
                }
                return;
        case JSON_OBJECT:
        case JSON_NULL:
        case JSON_ABSENT:
        case JSON_TYPE_MAX:
        default:
                buffer_put_char(b, '-');
        }
}

static Text member(const JsonValue *object, const char *key)
{
        return json_text(json_get(object, text_from(key)));
}

/* An array of {rule or route, result, clause, decided}. */
static void trail_put(Buffer *b, const JsonValue *array, const char *what)
{
        for (JsonWalk walk = json_walk(array); json_next(&walk);) {
                const JsonValue *decided = json_get(walk.value, TEXT("decided"));
                buffer_put(b, json_is_true(decided) ? TEXT("  > ") : TEXT("    "));
                Buffer name = buffer_in(b->arena);
                value_put(&name, json_get(walk.value, text_from(what)));
                pad_put(b, buffer_text(&name), 20);
                pad_put(b, member(walk.value, "result"), 8);
                Buffer clause = buffer_in(b->arena);
                buffer_put(&clause, member(walk.value, "clause"));
                if (member(walk.value, "note").len > 0)
                        buffer_putf(&clause, " [" TEXT_F "]", TEXT_ARG(member(walk.value, "note")));
                buffer_put_wrapped(b, buffer_text(&clause), CLAUSE_COLUMN, CLAUSE_COLUMN);
                buffer_put_char(b, '\n');
        }
}

static int why_visit(void *userdata, const ResponseRow *row)
{
        Listing *list = userdata;
        Buffer *b = &list->q->text;
        JsonWriter *w = &list->q->json;
        const JsonValue *fields = NULL, *trail = NULL;
        Arena *arena = list->q->arena;
        if (json_read_in(arena, row->fields, &fields) != JSON_FAULT_NONE ||
            json_read_in(arena, row->trail, &trail) != JSON_FAULT_NONE)
                return -EBADMSG;
        Buffer head = buffer_in(b->arena);
        buffer_putf(&head, "answer " TEXT_F " (source " TEXT_F ", " TEXT_F "/%d offset %lld), submitted ",
                    TEXT_ARG(sink_log(arena, row->id)), TEXT_ARG(row->source), TEXT_ARG(row->place.topic),
                    row->place.partition, (long long)row->place.offset);
        time_put(&head, row->submitted_at);
        if (row->submitted_note != SUBMITTED_GIVEN)
                buffer_putf(&head, " (%s)", submitted_note_text((SubmittedNote)row->submitted_note));
        buffer_put_wrapped(b, buffer_text(&head), 0, 4);
        buffer_put_literal(b, "\n  fields\n");
        for (JsonWalk walk = json_walk(fields); json_next(&walk);) {
                buffer_put_literal(b, "    ");
                pad_put(b, walk.key, 20);
                Buffer value = buffer_in(b->arena);
                value_put(&value, walk.value);
                buffer_put_wrapped(b, buffer_text(&value), VALUE_COLUMN, VALUE_COLUMN);
                buffer_put_char(b, '\n');
        }
        buffer_put_literal(b, "  rules\n");
        trail_put(b, json_get(trail, TEXT("rules")), "rule");
        buffer_put_literal(b, "  routes\n");
        trail_put(b, json_get(trail, TEXT("routes")), "route");
        json_open(w, '{');
        json_field_text(w, "response", row->id);
        json_field_text(w, "source", row->source);
        json_field_text(w, "topic", row->place.topic);
        json_field_integer(w, "partition", row->place.partition);
        json_field_integer(w, "offset", row->place.offset);
        json_field_time(w, "submitted_at", row->submitted_at);
        json_key(w, "fields");
        json_put_raw(w, row->fields);
        json_key(w, "trail");
        json_put_raw(w, row->trail);
        json_close(w, '}');
        return 0;
}

void ask_why(Request *q, Turn *turn, WallTime now)
{
        Case c;
        Listing list = { .q = q, .now = now };
        if (!case_take(q, turn, &c))
                return;
        buffer_putf(&q->text, "case %lld: rule " TEXT_F " decided, policy " TEXT_F " version %d, owner " TEXT_F "\n",
                    (long long)c.number, TEXT_ARG(c.rule), TEXT_ARG(c.policy_name), c.policy_version,
                    TEXT_ARG(c.owner));
        json_open(&q->json, '{');
        json_key(&q->json, "case");
        case_put_json(&q->json, &c);
        json_key(&q->json, "responses");
        json_open(&q->json, '[');
        int r = store_responses_of_case(turn_store(turn), c.number, q->arena, why_visit, &list);
        json_close(&q->json, ']');
        json_close(&q->json, '}');
        (void)!store_answered(q, turn, r);
}

/* ---- when ------------------------------------------------------------------------------------------------------- */

static Text rung_reason(Request *q, const Policy *policy, const Step *s)
{
        if (!policy || s->rung >= policy->rung_count)
                return TEXT_NONE;
        const Rung *rung = &policy->ladder[s->rung];
        Text reason = arena_textf(q->arena, "after " TEXT_F "%s%s", TEXT_ARG(delay_text(q->arena, rung->after)),
                                  rung->any_time ? ", any time" : "", s->occurrence > 0 ? ", again" : "");
        bool has_notice = policy->least_notice.span.us > 0 || policy->least_notice.days > 0;
        if (!has_notice || !step_is_about_the_owner(s))
                return reason;
        return arena_textf(q->arena, TEXT_F "; not before the owner had " TEXT_F, TEXT_ARG(reason),
                           TEXT_ARG(delay_text(q->arena, policy->least_notice)));
}

static void step_put(Request *q, const Policy *policy, const Step *s)
{
        Text reason = rung_reason(q, policy, s);
        buffer_put_literal(&q->text, "  ");
        time_put(&q->text, s->due_at);
        buffer_put_char(&q->text, ' ');
        pad_put(&q->text, text_from(message_text(s->message)), 13);
        pad_put(&q->text, s->recipient, 8);
        pad_put(&q->text, text_from(recipient_kind_text(s->why)), 8);
        buffer_putf(&q->text, TEXT_F "\n", TEXT_ARG(reason));
        json_open(&q->json, '{');
        json_field_time(&q->json, "at", s->due_at);
        json_field_text(&q->json, "message", text_from(message_text(s->message)));
        json_field_text(&q->json, "recipient", s->recipient);
        json_field_text(&q->json, "why", text_from(recipient_kind_text(s->why)));
        json_field_integer(&q->json, "rung", s->rung);
        json_field_integer(&q->json, "occurrence", s->occurrence);
        json_field_text(&q->json, "reason", reason);
        json_close(&q->json, '}');
}

static const char *no_steps_reason(const Case *c)
{
        if (c->state != CASE_OPEN)
                return c->state == CASE_CLOSED ? "nothing: the case is closed"
                                               : "nothing: the customer has been reached";
        if (c->mode != MODE_LIVE)
                return c->mode == MODE_SHADOW ? "nothing: a shadow case, nobody is told"
                                              : "nothing: the answer came too late to alert";
        return "nothing";
}

void ask_when(Request *q, Turn *turn, WallTime now UNUSED)
{
        Case c;
        if (!case_take(q, turn, &c))
                return;
        const Policy *policy = turn_policy(turn, c.policy_name, c.policy_version);
        buffer_putf(&q->text, "case %lld, window ends ", (long long)c.number);
        time_put(&q->text, c.window_ends_at);
        buffer_put_char(&q->text, '\n');
        if (c.is_held)
                buffer_put_literal(&q->text, "  held until the owner's alert is accepted or given up\n");
        if (wall_is_set(c.paused_until) && c.state == CASE_OPEN) {
                buffer_put_literal(&q->text, "  paused by an attempt until ");
                time_put(&q->text, c.paused_until);
                buffer_put_char(&q->text, '\n');
        }
        if (c.step_count == 0)
                buffer_putf(&q->text, "  %s\n", no_steps_reason(&c));
        else
                buffer_put_literal(&q->text, "  each waits for its reader's working hours, unless it says any time\n");
        json_open(&q->json, '{');
        json_field_integer(&q->json, "case", c.number);
        json_field_bool(&q->json, "held", c.is_held);
        json_key(&q->json, "steps");
        json_open(&q->json, '[');
        for (size_t i = 0; i < c.step_count; i++)
                step_put(q, policy, &c.steps[i]);
        json_close(&q->json, ']');
        json_close(&q->json, '}');
}

/* ---- deliveries, dead letters ----------------------------------------------------------------------------------- */

void ask_deliveries(Request *q, Turn *turn, WallTime now)
{
        DeliveryFilter filter = { .only_failed = request_option(q, "failed").data != NULL };
        Text number = request_option(q, "case");
        Listing list = { .q = q, .now = now };
        if (!take_limit(q, &filter.limit) || (number.data && !request_number(q, number, &filter.case_number)))
                return;
        json_open(&q->json, '[');
        int r = store_deliveries(turn_store(turn), &filter, q->arena, deliveries_visit, &list);
        json_close(&q->json, ']');
        if (store_answered(q, turn, r) && list.count == 0)
                buffer_put_literal(&q->text, "no such messages\n");
}

void ask_retry(Request *q, Turn *turn, WallTime now)
{
        int64_t delivery;
        if (!request_number(q, q->operands[0], &delivery))
                return;
        int r = turn_retry(turn, delivery, now);
        if (r == -ENOENT)
                request_fail(q, EX_NOINPUT, "there is no delivery %lld", (long long)delivery);
        else if (r == -EINVAL)
                request_fail(q, EX_DATAERR, "delivery %lld has not failed: only failed ones can be tried again",
                             (long long)delivery);
        else if (store_answered(q, turn, r))
                buffer_putf(&q->text, "delivery %lld is tried again now\n", (long long)delivery);
}

void ask_clock_trust(Request *q, Turn *turn, WallTime now UNUSED)
{
        if (turn_clock_trust(turn))
                buffer_put_literal(&q->text, "the clock is trusted, what was held goes on\n");
        else
                buffer_put_literal(&q->text, "the clock is not in doubt, nothing is held\n");
}

static int letters_visit(void *userdata, const DeadLetterRow *row)
{
        static const char *const states[DEAD_LETTER_STATE_MAX] = { "kept", "pending", "published", "replayed" };
        Listing *list = userdata;
        Buffer *b = &list->q->text;
        JsonWriter *w = &list->q->json;
        buffer_putf(b, "%7lld ", (long long)row->row);
        time_put(b, row->recorded_at);
        buffer_putf(b, " " TEXT_F "/%d offset %lld, %zu bytes: " TEXT_F " (%s)\n", TEXT_ARG(row->place.topic),
                    row->place.partition, (long long)row->place.offset, row->value.len, TEXT_ARG(row->reason),
                    states[row->state]);
        json_open(w, '{');
        json_field_integer(w, "dead_letter", row->row);
        json_field_text(w, "topic", row->place.topic);
        json_field_integer(w, "partition", row->place.partition);
        json_field_integer(w, "offset", row->place.offset);
        json_field_text(w, "reason", row->reason);
        json_field_integer(w, "bytes", (int64_t)row->value.len);
        json_field_text(w, "state", text_from(states[row->state]));
        json_field_time(w, "recorded_at", row->recorded_at);
        json_close(w, '}');
        list->count++;
        return 0;
}

void ask_dead_letters(Request *q, Turn *turn, WallTime now)
{
        size_t limit;
        Listing list = { .q = q, .now = now };
        if (!take_limit(q, &limit))
                return;
        json_open(&q->json, '[');
        int r = store_dead_letters(turn_store(turn), DEAD_LETTER_STATE_MAX, limit, q->arena, letters_visit, &list);
        json_close(&q->json, ']');
        if (store_answered(q, turn, r) && list.count == 0)
                buffer_put_literal(&q->text, "every record could be read\n");
}
