/* ladder_turn.c - a case under its circumstances: who owns it today, what its policy says, what is due. */
#include <errno.h>

#include "inside.h"

Party work_catch_all(Work *w)
{
        const RouteTable *routes = &w->config->routes;
        must(routes->count > 0);
        Party party = roster_party(&w->config->roster, routes->routes[routes->count - 1].owner, w->now);
        must(party_is_somebody(party)); /* checked at load: the catch-all has no end date */
        return party;
}

Party work_owner(Work *w, const Case *c)
{
        Party party = roster_party(&w->config->roster, c->owner, w->now);
        return party_is_somebody(party) ? party : work_catch_all(w);
}

void subject_scene(Work *w, Subject *s, Party owner)
{
        s->scene = (LadderScene){
                .policy = s->policy,
                .roster = &w->config->roster,
                .owner = owner,
                .catch_all = work_catch_all(w),
                .response = s->response,
                .submitted_at = s->c.submitted_at,
                .window_ends_at = s->c.window_ends_at,
                .now = w->now,
                .holds = work_holds(w),
        };
}

/* A source that is no longer in the configuration: nothing is known of its fields' scales. */
static const Source SOURCE_GONE = { .name = { "", 0 }, .zone = &ZONE_UTC };

static void response_restore(Work *w, const ResponseRow *row, Arena *arena, Response *r)
{
        const JsonValue *object = NULL;
        const Source *source = config_source(w->config, row->source);
        *r = (Response){
                .source = source ? source : &SOURCE_GONE,
                .fields = &w->config->fields,
                .place = row->place,
                .id = row->id,
                .submitted = row->submitted_at,
                .submitted_note = (SubmittedNote)row->submitted_note,
                .traceparent = row->traceparent,
                .arena = arena,
        };
        if (json_read_in(arena, row->fields, &object) == JSON_FAULT_NONE)
                response_read_fields(object, r->fields, arena, r);
        r->read = ~UINT64_C(0); /* what is not stored is not there */
}

static int subject_response(Work *w, Subject *s)
{
        ResponseRow row;
        Arena *arena = s->memory->arena;
        int r = store_response_of_case(w->store, s->c.number, arena, &row);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        s->response = arena_new_of(arena, Response);
        response_restore(w, &row, arena, s->response);
        s->response_row = row.row;
        return 0;
}

void subject_done(Subject *s)
{
        if (s->memory)
                s->memory = parcel_arena_drop(s->memory);
}

int subject_load(Work *w, int64_t case_number, Subject *ret)
{
        Subject s = { .memory = parcel_arena_new(4096) };
        int r = store_case_load(w->store, case_number, s.memory->arena, &s.c);
        if (r >= 0)
                r = subject_response(w, &s);
        if (r >= 0) {
                s.policy = work_policy(w, s.c.policy_name, s.c.policy_version);
                if (!s.policy) /* the archive has lost it: the current version is the nearest there is */
                        s.policy = config_policy(w->config, s.c.policy_name);
                if (!s.policy)
                        s.policy = &w->config->policies[0];
                subject_scene(w, &s, work_owner(w, &s.c));
        }
        if (r < 0) {
                subject_done(&s);
                return r;
        }
        *ret = s;
        return 0;
}

static int alert_find(Work *w, const Case *c, AlertState *ret, WallTime *ret_told_at)
{
        if (wall_is_set(c->told_at)) {
                *ret = ALERT_ACCEPTED;
                *ret_told_at = wall_earlier(c->told_at, w->now); /* not by a clock that ran ahead */
                return 0;
        }
        *ret_told_at = WALL_NONE;
        int r = store_alert_state(w->store, c->number, c->epoch, ret, ret_told_at);
        *ret_told_at = wall_earlier(*ret_told_at, w->now);
        return r;
}

int work_decide_due(Work *w, Subject *s, Text by, Text note, StepList more)
{
        CaseEvent event = {
                .kind = EVENT_DUE,
                .engine = CASE_ENGINE,
                .at = w->now,
                .happened_at = WALL_NONE,
                .by = by,
                .note = note,
                .has_steps = true,
                .holds = work_holds(w),
                .submitted_at = WALL_NONE,
                .window_ends_at = WALL_NONE,
                .paused_until = WALL_NONE,
        };
        int r = alert_find(w, &s->c, &event.alert, &event.told_at);
        if (r < 0)
                return r;
        StepList steps = ladder_refit(&s->scene, &s->c, event.alert, event.told_at, w->arena);
        if (steps.count + more.count <= STEPS_MAX)
                steps_append(&steps, more, w->arena);
        event.steps = steps.steps;
        event.step_count = steps.count;
        CaseOutcome outcome;
        return work_decide(w, s, &event, &outcome);
}

int work_due(Work *w, int64_t case_number)
{
        Subject s;
        bool is_done = false;
        int r = subject_load(w, case_number, &s);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (s.c.state == CASE_OPEN && !work_holds(w) && work_owner_is_gone(w, s.c.owner))
                r = work_hand_over(w, &s, &is_done);
        if (s.c.state == CASE_OPEN && r >= 0 && !is_done)
                r = work_decide_due(w, &s, TEXT("clock"), TEXT_NONE, (StepList){ 0 });
        subject_done(&s);
        return r;
}
