/* answer.c - a flagged response becomes a case, joins one, or opens one again. */
#include <errno.h>

#include "inside.h"
#include "turn/id.h"

static bool is_joinable(const Work *w, const Case *c, const Policy *of_case)
{
        if (c->state != CASE_CLOSED)
                return true;
        return of_case && w->now.us < wall_add(c->closed_at, of_case->reopens).us;
}

/* A case that was settled opens again only to alert. An answer that is too old for that would vanish in it, and gets a
 * case of its own instead. */
static bool is_too_old_to_open_again(const Answer *answer, const Case *c)
{
        return answer->is_too_old && c->state != CASE_OPEN &&
               case_starts_ladder(c, EVENT_FLAGGED, MODE_LIVE, answer->response->submitted);
}

/* The customer's newest case and its policy. One that joins nothing was opened beside whatever there was: behind it an
 * older case may still be open. */
static int case_of_customer(Work *w, Text source, Text customer, Case *ret, const Policy **ret_policy)
{
        int r = store_case_of_customer(w->store, source, customer, w->arena, ret);
        if (r < 0)
                return r;
        *ret_policy = work_policy(w, ret->policy_name, ret->policy_version);
        if (ret->state == CASE_OPEN || !*ret_policy || (*ret_policy)->joins)
                return 0;
        Case older;
        r = store_case_not_closed_of_customer(w->store, source, customer, w->arena, &older);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        *ret = older;
        *ret_policy = work_policy(w, older.policy_name, older.policy_version);
        return 0;
}

/* The customer's case that this answer belongs to; else a new one. */
static int case_find(Work *w, const Answer *answer, Subject *s)
{
        Response *r = answer->response;
        Text customer = response_text(r, FIELD_CUSTOMER);
        s->c = case_none();
        s->policy = answer->rule->policy;
        if (!customer.data || !answer->rule->policy->joins)
                return 0;
        Case found;
        const Policy *of_case;
        int error = case_of_customer(w, r->source->name, customer, &found, &of_case);
        if (error < 0)
                return error == -ENOENT ? 0 : error;
        if (!is_joinable(w, &found, of_case) || is_too_old_to_open_again(answer, &found))
                return 0;
        s->c = found;
        if (of_case)
                s->policy = of_case;
        return 0;
}

static void trail_write(const Answer *answer, const Routed *routed, const Policy *policy, Buffer *b)
{
        JsonWriter w = json_writer(b);
        json_open(&w, '{');
        json_field_text(&w, "rule", answer->rule->name);
        json_key(&w, "rules");
        json_put_raw(&w, answer->rules_trail);
        json_key(&w, "routes");
        json_put_raw(&w, routed->trail);
        json_field_text(&w, "policy", policy->name);
        json_field_integer(&w, "version", policy->version);
        json_field_text(&w, "submitted", text_from(submitted_note_text(answer->response->submitted_note)));
        json_close(&w, '}');
}

static int response_store(Work *w, const Answer *answer, const Routed *routed, Subject *s, int64_t case_number,
                          bool *ret_is_new)
{
        Response *r = answer->response;
        Buffer fields = buffer_in(w->arena), trail = buffer_in(w->arena);
        JsonWriter fields_writer = json_writer(&fields);
        response_write_fields(r, &fields_writer);
        trail_write(answer, routed, s->policy, &trail);
        ResponseRow row = {
                .row = w->turn->last.response + 1,
                .case_number = case_number,
                .source = r->source->name,
                .id = r->id,
                .place = r->place,
                .submitted_at = r->submitted,
                .recorded_at = w->now,
                .submitted_note = (int32_t)r->submitted_note,
                .fields = buffer_text(&fields),
                .trail = buffer_text(&trail),
                .traceparent = r->traceparent,
        };
        int error = store_response_add(w->store, &row, ret_is_new);
        if (error >= 0 && *ret_is_new)
                w->turn->last.response++;
        return error;
}

static CaseMode answer_mode(const Answer *answer, const Routed *routed)
{
        return routed->is_shadow ? MODE_SHADOW : answer->is_too_old ? MODE_TOO_OLD : MODE_LIVE;
}

/* Who has the case keeps it when it opens again, as long as they are there. */
static Party owner_choose(const Work *w, const Subject *s, const Routed *routed)
{
        Party before = s->c.state == CASE_NEW ? (Party){ 0 } : roster_party(&w->config->roster, s->c.owner, w->now);
        return party_is_somebody(before) ? before : routed->owner;
}

static CaseEvent flagged_event(Work *w, const Answer *answer, const Subject *s, CaseMode mode, Party owner)
{
        Response *r = answer->response;
        return (CaseEvent){
                .kind = EVENT_FLAGGED,
                .engine = CASE_ENGINE,
                .at = w->now,
                .happened_at = WALL_NONE,
                .by = TEXT("survey"),
                .response_id = r->id,
                .source = r->source->name,
                .customer = response_text(r, FIELD_CUSTOMER),
                .territory = response_text(r, FIELD_TERRITORY),
                .rule = answer->rule->name,
                .case_id = s->c.state == CASE_NEW ? id_of_case(r->submitted, r->source->name, r->id) : s->c.id,
                .mode = mode,
                .severity = answer->rule->severity,
                .policy_name = s->policy->name,
                .policy_version = s->policy->version,
                .submitted_at = r->submitted,
                .window_ends_at = wall_add(r->submitted, s->policy->window),
                .owner = party_id(owner),
                .owner_is_group = owner.group != NULL,
                .holds = work_holds(w),
                .told_at = WALL_NONE,
                .paused_until = WALL_NONE,
        };
}

/* Too old to alert: one message to the catch-all in an hour says that there are such cases. */
static StepList too_old_tells(Work *w, const Subject *s)
{
        if (wall_is_set(w->turn->too_old_told_at) && w->now.us < wall_add(w->turn->too_old_told_at, SPAN_HOUR).us)
                return (StepList){ 0 };
        w->turn->too_old_told_at = w->now;
        LadderScene scene = s->scene;
        scene.owner = scene.catch_all;
        StepList list = ladder_tell_owner(&scene, MESSAGE_TOO_OLD, w->arena);
        for (size_t i = 0; i < list.count; i++)
                list.steps[i].why = RECIPIENT_CATCH_ALL;
        return list;
}

static void event_resolve(Work *w, const Subject *s, CaseMode mode, CaseEvent *event)
{
        bool starts = case_starts_ladder(&s->c, EVENT_FLAGGED, mode, event->submitted_at);
        StepList steps = { 0 }, tells = { 0 };
        if (starts && mode == MODE_LIVE)
                steps = ladder_plan(&s->scene, w->arena);
        else if (mode == MODE_TOO_OLD && starts)
                tells = too_old_tells(w, s);
        else if (!starts && mode == MODE_LIVE && s->c.state != CASE_CLOSED)
                tells = ladder_tell_owner(&s->scene, MESSAGE_JOINED, w->arena);
        event->has_steps = starts;
        event->steps = steps.steps;
        event->step_count = steps.count;
        event->tells = tells.steps;
        event->tell_count = tells.count;
        if (!starts)
                event->owner = TEXT_NONE;
}

static void answer_count(TurnFigures *figures, CaseState before, bool starts, const CaseOutcome *outcome,
                         bool is_too_old)
{
        if (before == CASE_NEW)
                figures->opened++;
        else if (starts && before != CASE_OPEN)
                figures->reopened++;
        else
                figures->joined++;
        if (is_too_old)
                figures->too_old++;
        must(outcome->is_recorded); /* a flagged response always changes its case */
}

static int answer_case(Work *w, Answer *answer, const Routed *routed, Subject *s)
{
        CaseState before = s->c.state;
        CaseMode mode = answer_mode(answer, routed);
        Party owner = owner_choose(w, s, routed);
        CaseEvent event = flagged_event(w, answer, s, mode, owner);
        subject_scene(w, s, owner);
        s->scene.inform = routed->inform;
        s->scene.inform_count = routed->inform_count;
        if (case_starts_ladder(&s->c, EVENT_FLAGGED, mode, event.submitted_at)) {
                s->scene.submitted_at = event.submitted_at;
                s->scene.window_ends_at = event.window_ends_at;
        }
        event_resolve(w, s, mode, &event);
        CaseOutcome outcome;
        int r = work_decide(w, s, &event, &outcome);
        answer->opened = before == CASE_NEW;
        if (r >= 0)
                answer_count(&w->batch->figures, before, event.has_steps, &outcome, answer->is_too_old);
        return r;
}

int work_answer(Work *w, Answer *answer)
{
        Response *r = answer->response;
        Subject s = { .memory = answer->memory, .response = r };
        Routed routed;
        bool is_new = false;
        answer->is_too_old &= !work_holds(w); /* by a clock that may be wrong nobody is left unalerted */
        bool is_anonymous = !response_text(r, FIELD_CUSTOMER).data && r->source->anonymous == ANONYMOUS_COUNT;
        route_resolve(&w->config->routes, &w->config->roster, r, w->now, w->arena, &routed);
        int error = case_find(w, answer, &s);
        if (error < 0)
                return error;
        bool opens = s.c.state == CASE_NEW;
        int64_t number = is_anonymous ? 0 : opens ? w->turn->last.case_number + 1 : s.c.number;
        error = response_store(w, answer, &routed, &s, number, &is_new);
        if (error < 0)
                return error;
        if (!is_new || is_anonymous) {
                answer->is_repeated = !is_new;
                w->batch->figures.repeated += !is_new;
                w->batch->figures.anonymous += is_new;
                return 0;
        }
        s.c.number = number;
        s.response_row = w->turn->last.response;
        if (opens)
                w->turn->last.case_number++;
        return answer_case(w, answer, &routed, &s);
}

int work_letters_trim(Work *w)
{
        int64_t lost = 0;
        int r = store_dead_letters_trim(w->store, w->config->dead_letter_bytes_max, !w->config->pauses_for_dead_letters,
                                        &lost);
        w->batch->figures.dead_dropped += lost;
        return r;
}

int work_dead(Work *w, DeadLetterRow *row)
{
        bool is_new = false;
        DeadLetterRow numbered = *row;
        numbered.row = w->turn->last.dead_letter + 1;
        numbered.recorded_at = w->now;
        numbered.state = w->config->kafka.dead_letters.data ? DEAD_LETTER_PENDING : DEAD_LETTER_KEPT;
        int r = store_dead_letter_add(w->store, &numbered, &is_new);
        if (r < 0 || !is_new)
                return r;
        w->turn->last.dead_letter++;
        w->batch->figures.dead++;
        if (numbered.state == DEAD_LETTER_PENDING) {
                Batch *batch = w->batch;
                if (!batch->letters)
                        batch->letters = arena_array(batch->arena, DeadLetterRow, batch->input_count);
                batch->letters[batch->letter_count++] = numbered;
        }
        return work_letters_trim(w);
}
