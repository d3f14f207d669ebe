/* text.c - cases, events and deliveries as people and programs read them. */
#include "core/sink.h"
#include "inside.h"
#include "turn/id.h"

void time_put(Buffer *b, WallTime t)
{
        if (!wall_is_set(t) || t.us == WALL_NEVER.us) {
                buffer_put_literal(b, "-");
                return;
        }
        Civil c = civil_from_us(t.us);
        buffer_putf(b, "%04d-%02d-%02d %02d:%02d:%02dZ", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

void pad_put(Buffer *b, Text text, size_t width)
{
        size_t characters = 0;
        for (size_t at = 0; at < text.len; at = text_next_character(text, at))
                characters++;
        buffer_put(b, text);
        for (; characters < width; characters++)
                buffer_put_char(b, ' ');
        buffer_put_char(b, ' ');
}

static void id_put(JsonWriter *w, const char *key, CaseId id)
{
        char buffer[ID_TEXT_BYTES];
        json_field_text(w, key, id_text(id, buffer));
}

void case_put_json(JsonWriter *w, const Case *c)
{
        json_open(w, '{');
        json_field_integer(w, "number", c->number);
        id_put(w, "id", c->id);
        json_field_text(w, "state", text_from(case_state_text(c->state)));
        json_field_text(w, "mode", text_from(case_mode_text(c->mode)));
        json_field_text(w, "severity", text_from(severity_text(c->severity)));
        json_field_text(w, "owner", c->owner);
        json_field_bool(w, "owner_is_group", c->owner_is_group);
        json_field_text(w, "source", c->source);
        json_field_text(w, "customer", c->customer);
        json_field_text(w, "territory", c->territory);
        json_field_text(w, "rule", c->rule);
        json_key(w, "policy");
        json_open(w, '{');
        json_field_text(w, "name", c->policy_name);
        json_field_integer(w, "version", c->policy_version);
        json_close(w, '}');
        json_field_integer(w, "epoch", c->epoch);
        json_field_integer(w, "level", c->level);
        json_field_integer(w, "responses", c->responses);
        json_field_integer(w, "attempts", c->attempts);
        json_field_time(w, "submitted_at", c->submitted_at);
        json_field_time(w, "opened_at", c->opened_at);
        json_field_time(w, "window_ends_at", c->window_ends_at);
        json_field_time(w, "told_at", c->told_at);
        json_field_time(w, "paused_until", c->paused_until);
        json_field_time(w, "first_contact_at", c->first_contact_at);
        json_field_time(w, "contacted_at", c->contacted_at);
        json_field_time(w, "closed_at", c->closed_at);
        json_field_text(w, "outcome", c->outcome);
        json_field_text(w, "cause", c->cause);
        json_field_time(w, "due_at", c->due_at);
        json_close(w, '}');
}

void case_put_line(Buffer *b, const Case *c, WallTime now)
{
        bool is_overdue = c->state == CASE_OPEN && c->window_ends_at.us < now.us;
        buffer_putf(b, "%6lld ", (long long)c->number);
        pad_put(b, is_overdue ? TEXT("OVERDUE") : text_from(case_state_text(c->state)), 9);
        pad_put(b, text_from(severity_text(c->severity)), 8);
        pad_put(b, c->owner, 10);
        pad_put(b, c->territory.data ? sink_log(b->arena, c->territory) : TEXT("-"), 10);
        time_put(b, c->window_ends_at);
        buffer_putf(b, " " TEXT_F, TEXT_ARG(c->rule));
        if (c->mode != MODE_LIVE)
                buffer_putf(b, " (%s)", case_mode_text(c->mode));
        buffer_put_char(b, '\n');
}

static void line_time(Buffer *b, const char *label, WallTime t)
{
        if (!wall_is_set(t))
                return;
        buffer_putf(b, "  %-12s ", label);
        time_put(b, t);
        buffer_put_char(b, '\n');
}

void case_put_lines(Buffer *b, const Case *c, WallTime now)
{
        char id[ID_TEXT_BYTES];
        buffer_putf(b, "case %lld: %s, %s%s", (long long)c->number, case_state_text(c->state),
                    severity_text(c->severity),
                    c->state == CASE_OPEN && c->window_ends_at.us < now.us ? ", OVERDUE" : "");
        if (c->mode != MODE_LIVE)
                buffer_putf(b, " (%s)", case_mode_text(c->mode));
        buffer_putf(b, "\n  %-12s " TEXT_F "\n", "id", TEXT_ARG(id_text(c->id, id)));
        buffer_putf(b, "  %-12s " TEXT_F "%s\n", "owner", TEXT_ARG(c->owner),
                    c->owner_is_group ? " (a group: nobody has claimed it)" : "");
        buffer_putf(b, "  %-12s " TEXT_F " (source " TEXT_F ")\n", "customer",
                    TEXT_ARG(sink_log(b->arena, c->customer)), TEXT_ARG(c->source));
        if (c->territory.data)
                buffer_putf(b, "  %-12s " TEXT_F "\n", "territory", TEXT_ARG(sink_log(b->arena, c->territory)));
        buffer_putf(b, "  %-12s " TEXT_F ", policy " TEXT_F " version %d\n", "rule", TEXT_ARG(c->rule),
                    TEXT_ARG(c->policy_name), c->policy_version);
        line_time(b, "submitted", c->submitted_at);
        line_time(b, "opened", c->opened_at);
        line_time(b, "window ends", c->window_ends_at);
        line_time(b, "owner told", c->told_at);
        if (c->attempts > 0)
                buffer_putf(b, "  %-12s %d, the last: " TEXT_F "\n", "attempts", c->attempts,
                            TEXT_ARG(c->last_attempt_result));
        line_time(b, "paused until", c->state == CASE_OPEN ? c->paused_until : WALL_NONE);
        line_time(b, "contacted", c->contacted_at);
        line_time(b, "closed", c->closed_at);
        if (c->outcome.data)
                buffer_putf(b, "  %-12s " TEXT_F "%s" TEXT_F "\n", "outcome", TEXT_ARG(c->outcome),
                            c->cause.data ? ", cause " : "", TEXT_ARG(c->cause));
        line_time(b, "next step", c->due_at);
}

/* What the ladder said then: "reminder to ana, help-needed to joe". */
static void due_put_words(Buffer *b, const CaseEvent *e)
{
        const char *comma = "";
        if (e->alert == ALERT_PENDING) {
                buffer_put_literal(b, "waits: the owner's alert is not accepted yet");
                return;
        }
        if (e->alert == ALERT_GIVEN_UP)
                buffer_put_literal(b, "the owner's alert could not be delivered; ");
        for (size_t i = 0; i < e->step_count; i++) {
                const Step *s = &e->steps[i];
                if (s->due_at.us > e->at.us)
                        continue;
                buffer_putf(b, "%s%s to " TEXT_F, comma, message_text(s->message), TEXT_ARG(s->recipient));
                comma = ", ";
        }
        if (*comma == '\0')
                buffer_put_literal(b, "times set anew");
}

static void event_put_words(Buffer *b, const CaseEvent *e)
{
        switch (e->kind) {
        case EVENT_FLAGGED:
                buffer_putf(b, "answer " TEXT_F ", rule " TEXT_F, TEXT_ARG(sink_log(b->arena, e->response_id)),
                            TEXT_ARG(e->rule));
                if (e->owner.data)
                        buffer_putf(b, ", owner " TEXT_F, TEXT_ARG(e->owner));
                return;
        case EVENT_DUE:
                due_put_words(b, e);
                return;
        case EVENT_ATTEMPT:
        case EVENT_CONTACT:
                buffer_putf(b, TEXT_F "%s" TEXT_F, TEXT_ARG(e->channel), e->channel.data && e->result.data ? ": " : "",
                            TEXT_ARG(e->result));
                return;
        case EVENT_CLAIM:
        case EVENT_ASSIGN:
                buffer_putf(b, "owner " TEXT_F, TEXT_ARG(e->owner));
                return;
        case EVENT_CLOSE:
                buffer_putf(b, "outcome %s", outcome_text(e->outcome));
                return;
        case EVENT_KIND_MAX:
        default:
                must(false);
        }
}

void event_put(Buffer *b, JsonWriter *w, int32_t sequence, const CaseEvent *e)
{
        buffer_putf(b, "  %3d ", sequence);
        time_put(b, e->at);
        buffer_put_char(b, ' ');
        pad_put(b, text_from(event_kind_text(e->kind)), 8);
        pad_put(b, e->by, 13);
        event_put_words(b, e);
        if (e->note.len > 0)
                buffer_putf(b, " (" TEXT_F ")", TEXT_ARG(sink_log(b->arena, e->note)));
        buffer_put_char(b, '\n');
        json_open(w, '{');
        json_field_integer(w, "sequence", sequence);
        json_field_text(w, "kind", text_from(event_kind_text(e->kind)));
        json_field_time(w, "at", e->at);
        json_field_text(w, "by", e->by);
        json_key(w, "detail");
        case_event_write(e, w);
        json_close(w, '}');
}

void delivery_put(Buffer *b, JsonWriter *w, const DeliveryRow *row)
{
        buffer_putf(b, "  %5lld ", (long long)row->row);
        time_put(b, row->due_at);
        buffer_put_char(b, ' ');
        pad_put(b, text_from(message_text(row->message)), 13);
        pad_put(b, row->recipient, 10);
        pad_put(b, row->channel, 12);
        buffer_putf(b, "%s", delivery_state_text(row->state));
        if (row->case_number > 0)
                buffer_putf(b, " #%lld", (long long)row->case_number);
        if (row->attempts > 1)
                buffer_putf(b, ", %d tries", row->attempts);
        if (row->state != DELIVERY_ACCEPTED && row->detail.len > 0)
                buffer_putf(b, ", " TEXT_F, TEXT_ARG(row->detail));
        if (row->state == DELIVERY_PENDING && wall_is_set(row->next_at)) {
                buffer_put_literal(b, ", next ");
                time_put(b, row->next_at);
        }
        buffer_put_char(b, '\n');
        json_open(w, '{');
        json_field_integer(w, "delivery", row->row);
        json_field_integer(w, "case", row->case_number);
        json_field_text(w, "message", text_from(message_text(row->message)));
        json_field_text(w, "recipient", row->recipient);
        json_field_text(w, "why", text_from(recipient_kind_text(row->why)));
        json_field_text(w, "channel", row->channel);
        json_field_text(w, "state", text_from(delivery_state_text(row->state)));
        json_field_integer(w, "epoch", row->epoch);
        json_field_integer(w, "rung", row->rung);
        json_field_integer(w, "occurrence", row->occurrence);
        json_field_integer(w, "attempts", row->attempts);
        json_field_time(w, "due_at", row->due_at);
        json_field_time(w, "next_at", row->state == DELIVERY_PENDING ? row->next_at : WALL_NONE);
        json_field_time(w, "ended_at", row->ended_at);
        json_field_integer(w, "code", row->code);
        json_field_text(w, "detail", row->detail);
        json_field_integer(w, "late_seconds", row->late.us / 1000000);
        json_close(w, '}');
}
