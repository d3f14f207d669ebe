#include "notify/webhook.h"

#include "turn/id.h"

enum {
        BODY_BYTES = 2048
}; /* most bodies; longer ones grow */

/* The promise is missed if nobody has reached the customer when the window ends. */
static bool is_late(const Case *c, WallTime now)
{
        WallTime until = now;
        if (c->state != CASE_OPEN)
                until = wall_is_set(c->contacted_at) ? c->contacted_at : c->closed_at;
        return wall_is_set(until) && wall_before(c->window_ends_at, until);
}

static void put_person(JsonWriter *w, const char *key, Text id, Text name)
{
        json_key(w, key);
        json_open(w, '{');
        json_field_text(w, "id", id);
        json_field_text(w, "name", name);
        json_close(w, '}');
}

static void put_policy(JsonWriter *w, const Case *c)
{
        json_key(w, "policy");
        json_open(w, '{');
        json_field_text(w, "name", c->policy_name);
        json_field_integer(w, "version", c->policy_version);
        json_close(w, '}');
}

static void put_case(JsonWriter *w, const Parcel *p, WallTime now)
{
        const Case *c = p->c;
        char id[ID_TEXT_BYTES];
        int64_t delay_us = MAX_OF(wall_since(c->opened_at, c->submitted_at).us, INT64_C(0));
        json_key(w, "case");
        json_open(w, '{');
        json_field_text(w, "id", id_text(c->id, id));
        json_field_integer(w, "number", c->number);
        json_field_text(w, "state", text_from(case_state_text(c->state)));
        json_field_text(w, "severity", text_from(severity_text(c->severity)));
        json_field_text(w, "rule", c->rule);
        put_policy(w, c);
        json_field_time(w, "opened_at", c->opened_at);
        json_field_time(w, "window_ends_at", c->window_ends_at);
        json_field_bool(w, "late", is_late(c, now));
        json_field_integer(w, "level", c->level);
        json_field_integer(w, "our_delay_seconds", delay_us / SPAN_SECOND.us);
        put_person(w, "owner", c->owner, p->owner_name);
        if (c->outcome.data)
                json_field_text(w, "outcome", c->outcome);
        if (c->cause.data)
                json_field_text(w, "cause", c->cause);
        json_close(w, '}');
}

static void put_response(JsonWriter *w, Response *r, bool is_shy)
{
        json_key(w, "response");
        json_open(w, '{');
        json_field_text(w, "id", r->id);
        json_field_text(w, "source", r->source->name);
        json_field_time(w, "submitted_at", r->submitted);
        json_field_text(w, "topic", r->place.topic);
        json_field_integer(w, "partition", r->place.partition);
        json_field_integer(w, "offset", r->place.offset);
        if (!is_shy) {
                json_key(w, "fields");
                response_write_fields(r, w);
        }
        json_close(w, '}');
}

static void put_rung(JsonWriter *w, const Parcel *p, Arena *arena)
{
        if (p->rung < 0)
                return;
        json_key(w, "rung");
        json_open(w, '{');
        json_field_integer(w, "number", p->rung);
        if (p->policy && (size_t)p->rung < p->policy->rung_count)
                json_field_text(w, "after", delay_text(arena, p->policy->ladder[p->rung].after));
        json_field_text(w, "message", text_from(message_text(p->message)));
        json_field_integer(w, "late_seconds", p->late.us / SPAN_SECOND.us);
        json_close(w, '}');
}

static void put_recipient(JsonWriter *w, const Parcel *p)
{
        json_key(w, "recipient");
        json_open(w, '{');
        json_field_text(w, "id", p->recipient);
        json_field_text(w, "name", p->reader ? p->reader->name : p->channel->name);
        json_field_text(w, "why", text_from(recipient_kind_text(p->why)));
        json_close(w, '}');
}

static void put_data(JsonWriter *w, const Parcel *p, WallTime now, Arena *arena)
{
        bool is_shy = p->channel->is_shared;
        json_key(w, "data");
        json_open(w, '{');
        if (p->c)
                put_case(w, p, now);
        else if (p->note.data && !is_shy)
                json_field_text(w, "text", p->note);
        if (p->response)
                put_response(w, p->response, is_shy);
        put_rung(w, p, arena);
        put_recipient(w, p);
        json_close(w, '}');
}

Text webhook_body(const Parcel *p, WallTime now, Arena *arena)
{
        Buffer b = buffer_in(arena);
        (void)buffer_room(&b, BODY_BYTES);
        JsonWriter w = json_writer(&b);
        bool is_due = wall_is_set(p->due_at) && wall_before(p->due_at, now);
        json_open(&w, '{');
        json_field_text(&w, "type", text_from(parcel_type(p)));
        json_field_time(&w, "timestamp", is_due ? p->due_at : now);
        put_data(&w, p, now, arena);
        json_close(&w, '}');
        return buffer_text(&b);
}

/* version "-" trace "-" parent "-" flags, in lower case hexadecimal digits */
bool webhook_traceparent_is_good(Text text)
{
        static const char SHAPE[] = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
        if (text.len != sizeof(SHAPE) - 1)
                return false;
        for (size_t i = 0; i < text.len; i++) {
                char c = text.data[i];
                bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                if (SHAPE[i] == 'x' ? !is_digit : c != '-')
                        return false;
        }
        return true;
}
