/* case_codec.c - the stored form of events and steps. What is written reads back the same (promise S5). */
#include "core/case.h"

/* An absent member stands for an absent value: events stay short. */
static void field_time(JsonWriter *w, const char *key, WallTime t)
{
        if (wall_is_set(t))
                json_field_integer(w, key, t.us);
}

static void field_text(JsonWriter *w, const char *key, Text text)
{
        if (text.data)
                json_field_text(w, key, text);
}

static void field_number(JsonWriter *w, const char *key, int64_t value)
{
        if (value != 0)
                json_field_integer(w, key, value);
}

/* [rung, occurrence, why, message, recipient, due, again]: positions, not names: there are five in each case. */
void steps_write(const Step *steps, size_t count, JsonWriter *w)
{
        json_open(w, '[');
        for (size_t i = 0; i < count; i++) {
                const Step *s = &steps[i];
                json_open(w, '[');
                json_put_integer(w, s->rung);
                json_put_integer(w, s->occurrence);
                json_put_integer(w, s->why);
                json_put_integer(w, s->message);
                json_put_text(w, s->recipient);
                json_put_integer(w, s->due_at.us);
                if (wall_is_set(s->again_at))
                        json_put_integer(w, s->again_at.us);
                json_close(w, ']');
        }
        json_close(w, ']');
}

static bool integer_at(const JsonValue *array, size_t index, int64_t max, int64_t *ret)
{
        return json_integer(json_at(array, index), ret) && *ret >= 0 && *ret <= max;
}

static bool step_read(const JsonValue *array, Step *ret)
{
        int64_t rung, occurrence, why, message, due, again = WALL_NONE.us;
        Text recipient = json_text(json_at(array, 4));
        if (!integer_at(array, 0, RUNGS_MAX - 1, &rung) || !integer_at(array, 1, UINT16_MAX, &occurrence) ||
            !integer_at(array, 2, RECIPIENT_KIND_MAX - 1, &why) || !integer_at(array, 3, MESSAGE_MAX - 1, &message) ||
            !recipient.data || !json_integer(json_at(array, 5), &due))
                return false;
        if (json_count(array) > 6 && !json_integer(json_at(array, 6), &again))
                return false;
        *ret = (Step){
                .rung = (uint8_t)rung,
                .occurrence = (uint16_t)occurrence,
                .why = (RecipientKind)why,
                .message = (Message)message,
                .recipient = recipient,
                .due_at = { due },
                .again_at = { again },
        };
        return true;
}

bool steps_read(Arena *arena, const JsonValue *array, const Step **ret_steps, size_t *ret_count)
{
        size_t count = json_count(array);
        if (json_type(array) != JSON_ARRAY || count > STEPS_MAX)
                return false;
        Step *steps = arena_array(arena, Step, count);
        size_t i = 0;
        for (JsonWalk walk = json_walk(array); json_next(&walk); i++)
                if (!step_read(walk.value, &steps[i]))
                        return false;
        *ret_steps = steps;
        *ret_count = count;
        return true;
}

static void id_write(CaseId id, JsonWriter *w)
{
        static const char digits[] = "0123456789abcdef";
        char hex[32];
        for (size_t i = 0; i < sizeof(id.bytes); i++) {
                hex[2 * i] = digits[id.bytes[i] >> 4];
                hex[2 * i + 1] = digits[id.bytes[i] & 15];
        }
        json_field_text(w, "id", (Text){ hex, sizeof(hex) });
}

static void flagged_write(const CaseEvent *e, JsonWriter *w)
{
        id_write(e->case_id, w);
        field_text(w, "response", e->response_id);
        field_text(w, "source", e->source);
        field_text(w, "customer", e->customer);
        field_text(w, "territory", e->territory);
        field_text(w, "rule", e->rule);
        field_number(w, "mode", e->mode);
        field_number(w, "severity", e->severity);
        field_text(w, "policy", e->policy_name);
        field_number(w, "version", e->policy_version);
        field_time(w, "submitted", e->submitted_at);
        field_time(w, "window_ends", e->window_ends_at);
}

static void act_write(const CaseEvent *e, JsonWriter *w)
{
        field_text(w, "channel", e->channel);
        field_text(w, "result", e->result);
        field_time(w, "paused_until", e->paused_until);
}

static void close_write(const CaseEvent *e, JsonWriter *w)
{
        json_field_text(w, "outcome", text_from(outcome_text(e->outcome)));
        field_text(w, "cause", e->cause);
        field_text(w, "reference", e->reference);
        field_text(w, "credit", e->credit);
        if (e->has_amount) {
                json_key(w, "amount");
                json_put_number(w, e->amount);
        }
        if (e->may_quote)
                json_field_bool(w, "may_quote", true);
        field_number(w, "attempts_needed", e->attempts_needed);
}

void case_event_write(const CaseEvent *e, JsonWriter *w)
{
        json_open(w, '{');
        json_field_integer(w, "engine", e->engine);
        json_field_integer(w, "at", e->at.us);
        field_time(w, "happened", e->happened_at);
        field_text(w, "by", e->by);
        field_text(w, "key", e->key);
        field_text(w, "note", e->note);
        field_text(w, "owner", e->owner);
        field_number(w, "group", e->owner_is_group);
        if (e->kind == EVENT_FLAGGED)
                flagged_write(e, w);
        if (e->kind == EVENT_ATTEMPT || e->kind == EVENT_CONTACT)
                act_write(e, w);
        if (e->kind == EVENT_CLOSE)
                close_write(e, w);
        field_number(w, "holds", e->holds);
        field_number(w, "alert", e->alert);
        field_time(w, "told", e->told_at);
        if (e->has_steps) {
                json_key(w, "steps");
                steps_write(e->steps, e->step_count, w);
        }
        if (e->tell_count > 0) {
                json_key(w, "tells");
                steps_write(e->tells, e->tell_count, w);
        }
        json_close(w, '}');
}

static Text text_of(const JsonValue *object, const char *key)
{
        return json_text(json_get(object, text_from(key)));
}

static WallTime time_of(const JsonValue *object, const char *key)
{
        int64_t us = WALL_NONE.us;
        (void)json_integer(json_get(object, text_from(key)), &us);
        return (WallTime){ us };
}

/* A small number below `max`; absent is 0. */
static bool number_of(const JsonValue *object, const char *key, int64_t max, int *ret)
{
        const JsonValue *value = json_get(object, text_from(key));
        int64_t n = 0;
        if (value && (!json_integer(value, &n) || n < 0 || n >= max))
                return false;
        *ret = (int)n;
        return true;
}

static int digit_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool id_read(Text hex, CaseId *ret)
{
        if (hex.len != 32)
                return false;
        for (size_t i = 0; i < 16; i++) {
                int high = digit_value(hex.data[2 * i]), low = digit_value(hex.data[2 * i + 1]);
                if (high < 0 || low < 0)
                        return false;
                ret->bytes[i] = (uint8_t)(high << 4 | low);
        }
        return true;
}

static bool flagged_read(const JsonValue *o, CaseEvent *e)
{
        int mode, severity, version;
        if (!id_read(text_of(o, "id"), &e->case_id) || !number_of(o, "mode", MODE_MAX, &mode) ||
            !number_of(o, "severity", SEVERITY_MAX, &severity) || !number_of(o, "version", INT32_MAX, &version))
                return false;
        e->mode = (CaseMode)mode;
        e->severity = (Severity)severity;
        e->policy_version = version;
        e->response_id = text_of(o, "response");
        e->source = text_of(o, "source");
        e->customer = text_of(o, "customer");
        e->territory = text_of(o, "territory");
        e->rule = text_of(o, "rule");
        e->policy_name = text_of(o, "policy");
        e->submitted_at = time_of(o, "submitted");
        e->window_ends_at = time_of(o, "window_ends");
        return true;
}

static bool close_read(const JsonValue *o, CaseEvent *e)
{
        int needed;
        if (!outcome_parse(text_of(o, "outcome"), &e->outcome) || !number_of(o, "attempts_needed", INT32_MAX, &needed))
                return false;
        e->attempts_needed = needed;
        e->cause = text_of(o, "cause");
        e->reference = text_of(o, "reference");
        e->credit = text_of(o, "credit");
        e->has_amount = json_number(json_get(o, TEXT("amount")), &e->amount);
        e->may_quote = json_is_true(json_get(o, TEXT("may_quote")));
        return true;
}

static bool lists_read(Arena *arena, const JsonValue *o, CaseEvent *e)
{
        const JsonValue *steps = json_get(o, TEXT("steps")), *tells = json_get(o, TEXT("tells"));
        e->has_steps = steps != NULL;
        if (steps && !steps_read(arena, steps, &e->steps, &e->step_count))
                return false;
        return !tells || steps_read(arena, tells, &e->tells, &e->tell_count);
}

bool case_event_read(Arena *arena, const JsonValue *o, EventKind kind, CaseEvent *ret)
{
        CaseEvent e = { .kind = kind, .at = time_of(o, "at"), .happened_at = time_of(o, "happened") };
        int group, alert, engine, holds;
        if (!number_of(o, "group", 2, &group) || !number_of(o, "alert", ALERT_STATE_MAX, &alert) ||
            !number_of(o, "holds", 2, &holds) || !number_of(o, "engine", CASE_ENGINE + 1, &engine) ||
            !wall_is_set(e.at))
                return false;
        e.engine = engine;
        e.owner_is_group = group;
        e.holds = holds;
        e.alert = (AlertState)alert;
        e.by = text_of(o, "by");
        e.key = text_of(o, "key");
        e.owner = text_of(o, "owner");
        e.told_at = time_of(o, "told");
        e.channel = text_of(o, "channel");
        e.result = text_of(o, "result");
        e.note = text_of(o, "note");
        e.paused_until = time_of(o, "paused_until");
        e.submitted_at = e.window_ends_at = WALL_NONE;
        if ((kind == EVENT_FLAGGED && !flagged_read(o, &e)) || (kind == EVENT_CLOSE && !close_read(o, &e)) ||
            !lists_read(arena, o, &e))
                return false;
        *ret = e;
        return true;
}
