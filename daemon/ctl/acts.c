/* acts.c - what a person did, through the administrator's tool. */
#include <sysexits.h>

#include "inside.h"

static const char *const CHANNELS[] = { "phone", "visit", "email", "chat" };
static const char *const ATTEMPT_RESULTS[] = { "no-answer", "voicemail", "bounced" };
static const char *const CONTACT_RESULTS[] = { "spoke", "visited", "customer-replied" };

static void act_answer(void *userdata, Act *act)
{
        Request *q = userdata;
        JsonWriter *w = &q->json;
        json_open(w, '{');
        json_field_bool(w, "done", act->is_done);
        json_field_bool(w, "repeated", act->is_repeated);
        json_field_text(w, "reason", text_from(act->reason));
        if (act->is_done && act->pauses_used >= 0)
                json_field_bool(w, "pauses", false);
        json_key(w, "case");
        if (act->after.number > 0)
                case_put_json(w, &act->after);
        else
                json_put_null(w);
        json_close(w, '}');
        if (act->is_put_off) {
                q->exit = EX_TEMPFAIL;
                buffer_putf(
                        &q->text,
                        "not done: the store cannot be written to: %s. Nothing has changed; closedloopctl status says "
                        "what is wrong, and when it can be tried again",
                        act->reason);
        } else if (!act->is_done) {
                q->exit = act->after.number > 0 ? EX_DATAERR : EX_NOINPUT;
                buffer_putf(&q->text, "not done: %s", act->reason);
                if (act->after.number > 0)
                        buffer_putf(&q->text, ". Case %lld is %s, owner " TEXT_F, (long long)act->after.number,
                                    case_state_text(act->after.state), TEXT_ARG(act->after.owner));
        } else {
                buffer_putf(&q->text, "%scase %lld is %s, owner " TEXT_F, act->is_repeated ? "recorded before: " : "",
                            (long long)act->after.number, case_state_text(act->after.state),
                            TEXT_ARG(act->after.owner));
                if (act->pauses_used >= 0) {
                        buffer_put_literal(&q->text, "; the ladder does not pause for it: its policy allows ");
                        buffer_put_count(&q->text, act->pauses_used, "pause");
                }
                if (act->after.state == CASE_OPEN && wall_is_set(act->next_at)) {
                        buffer_put_literal(&q->text, "; the ladder goes on at ");
                        time_put(&q->text, act->next_at);
                }
        }
        buffer_put_char(&q->text, '\n');
        request_end(q);
}

static bool one_of(Request *q, const char *option, const char *const *known, size_t count, Text value)
{
        for (size_t i = 0; i < count; i++)
                if (text_is(value, known[i]))
                        return true;
        Buffer list = buffer_in(q->arena);
        for (size_t i = 0; i < count; i++)
                buffer_putf(&list, "%s%s", i ? ", " : "", known[i]);
        request_fail(q, EX_USAGE, "--%s is one of " TEXT_F ", not \"" TEXT_F "\"", option, TEXT_ARG(buffer_text(&list)),
                     TEXT_ARG(value));
        return false;
}

static bool take_time(Request *q, WallTime *ret)
{
        Text at = request_option(q, "at");
        bool has_zone;
        *ret = WALL_NONE;
        if (!at.data)
                return true;
        if (wall_parse(at, ret, &has_zone) && has_zone)
                return true;
        request_fail(q, EX_USAGE,
                     "--at takes a time with its zone, such as 2026-11-20T15:10:00+01:00, not \"" TEXT_F "\"",
                     TEXT_ARG(at));
        return false;
}

static bool take_number(Request *q, const char *name, double *ret, bool *ret_is_given)
{
        Text text = request_option(q, name);
        *ret_is_given = text.data != NULL;
        if (!text.data || text_number(text, ret))
                return true;
        request_fail(q, EX_USAGE, "--%s takes a number, not \"" TEXT_F "\"", name, TEXT_ARG(text));
        return false;
}

static bool texts_fit(Request *q)
{
        enum {
                TEXT_BYTES_MAX = 4000
        };
        for (size_t i = 0; i < q->option_count; i++) {
                if (q->options[i].value.len > TEXT_BYTES_MAX || !text_is_utf8(q->options[i].value)) {
                        request_fail(q, EX_USAGE, "--" TEXT_F " takes UTF-8 text of at most %d bytes",
                                     TEXT_ARG(q->options[i].name), TEXT_BYTES_MAX);
                        return false;
                }
        }
        return true;
}

static bool act_take(Request *q, EventKind kind, bool needs_by)
{
        q->act = (Act){
                .kind = kind,
                .by = request_option(q, "by"),
                .key = request_option(q, "key"),
                .channel = request_option(q, "channel"),
                .result = request_option(q, "result"),
                .note = request_option(q, "note"),
                .to = request_option(q, "to"),
                .cause = request_option(q, "cause"),
                .reference = request_option(q, "reference"),
                .credit = request_option(q, "credit"),
                .may_quote = request_option(q, "may-quote").data != NULL,
                .done = act_answer,
                .userdata = q,
        };
        if (!request_number(q, q->operands[0], &q->act.case_number) || !texts_fit(q) || !take_time(q, &q->act.at) ||
            !take_number(q, "amount", &q->act.amount, &q->act.has_amount))
                return false;
        if (q->act.by.len == 0 && needs_by) {
                request_fail(q, EX_USAGE, "--by says whose act it is\nusage: closedloopctl %s", verb_usage(q->verb));
                return false;
        }
        if (q->act.by.len == 0)
                q->act.by = TEXT("administrator");
        return true;
}

static void act_start(Request *q)
{
        request_wait(q);
        service_act(q->service, &q->act);
}

static void act_with_result(Request *q, EventKind kind, const char *const *results, size_t count)
{
        if (!act_take(q, kind, true)) {
                request_end(q);
                return;
        }
        if (!q->act.channel.data)
                q->act.channel = TEXT("phone");
        if (!q->act.result.data)
                q->act.result = text_from(results[0]);
        if (!one_of(q, "channel", CHANNELS, COUNT_OF(CHANNELS), q->act.channel) ||
            !one_of(q, "result", results, count, q->act.result)) {
                request_end(q);
                return;
        }
        act_start(q);
}

void verb_attempt(Request *q)
{
        act_with_result(q, EVENT_ATTEMPT, ATTEMPT_RESULTS, COUNT_OF(ATTEMPT_RESULTS));
}

void verb_contact(Request *q)
{
        act_with_result(q, EVENT_CONTACT, CONTACT_RESULTS, COUNT_OF(CONTACT_RESULTS));
}

void verb_claim(Request *q)
{
        if (act_take(q, EVENT_CLAIM, true))
                act_start(q);
        else
                request_end(q);
}

void verb_assign(Request *q)
{
        bool is_good = act_take(q, EVENT_ASSIGN, false);
        if (is_good && q->act.to.len == 0) {
                request_fail(q, EX_USAGE, "--to says who has it from now on\nusage: closedloopctl %s",
                             verb_usage(q->verb));
                is_good = false;
        }
        if (is_good)
                act_start(q);
        else
                request_end(q);
}

void verb_close(Request *q)
{
        bool is_good = act_take(q, EVENT_CLOSE, false);
        if (is_good && !outcome_parse(request_option(q, "outcome"), &q->act.outcome)) {
                Buffer list = buffer_in(q->arena);
                for (int i = 0; i < OUTCOME_MAX; i++)
                        buffer_putf(&list, "%s%s", i ? ", " : "", outcome_text((Outcome)i));
                request_fail(q, EX_USAGE, "--outcome is one of " TEXT_F, TEXT_ARG(buffer_text(&list)));
                is_good = false;
        }
        if (is_good)
                act_start(q);
        else
                request_end(q);
}
