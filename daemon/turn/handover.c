/* handover.c - a case whose owner is no longer there goes to whom the routes name today (promise S3). */
#include "inside.h"

enum {
        CASES_AT_ONCE = 512 /* a turn */
};

bool work_owner_is_gone(const Work *w, Text owner)
{
        return !roster_can_tell(&w->config->roster, roster_party(&w->config->roster, owner, w->now), w->now);
}

static Party successor_by_territory(Work *w, const Case *c)
{
        const Territory *row = roster_territory(&w->config->roster, c->territory, w->now);
        return row ? roster_party(&w->config->roster, row->owner, w->now) : (Party){ 0 };
}

/* Whom a new answer like this one would go to. */
static Party successor(Work *w, const Subject *s)
{
        Routed routed = { 0 };
        if (s->response)
                route_resolve(&w->config->routes, &w->config->roster, s->response, w->now, w->arena, &routed);
        else
                routed.owner = successor_by_territory(w, &s->c);
        return roster_can_tell(&w->config->roster, routed.owner, w->now) ? routed.owner : work_catch_all(w);
}

int work_hand_over(Work *w, Subject *s, bool *ret_is_done)
{
        Party next = successor(w, s);
        *ret_is_done = false;
        if (s->c.mode != MODE_LIVE || text_equal(party_id(next), s->c.owner))
                return 0;
        CaseEvent event = {
                .kind = EVENT_ASSIGN,
                .engine = CASE_ENGINE,
                .at = w->now,
                .happened_at = WALL_NONE,
                .by = TEXT("roster"),
                .note = arena_textf(w->arena, TEXT_F " is not in people.csv any more", TEXT_ARG(s->c.owner)),
                .owner = party_id(next),
                .owner_is_group = next.group != NULL,
                .has_steps = true,
                .holds = work_holds(w),
                .submitted_at = WALL_NONE,
                .window_ends_at = WALL_NONE,
                .told_at = WALL_NONE,
                .paused_until = WALL_NONE,
        };
        subject_scene(w, s, next);
        StepList steps = ladder_retarget(&s->scene, &s->c, true, w->arena);
        event.steps = steps.steps;
        event.step_count = steps.count;
        CaseOutcome outcome;
        int r = work_decide(w, s, &event, &outcome);
        *ret_is_done = r >= 0 && outcome.is_recorded;
        return r;
}

/* Cases that somebody who has left still owns, of one page of the open ones. */
typedef struct Orphans {
        const Work *w;
        int64_t numbers[CASES_AT_ONCE];
        size_t count;
        CaseOwnerPlace last;
} Orphans;

static int orphan_visit(void *userdata, CaseOwnerPlace place, Text owner)
{
        Orphans *o = userdata;
        o->last = place;
        if (work_owner_is_gone(o->w, owner))
                o->numbers[o->count++] = place.number;
        return 0;
}

/* When the next of those who are there now leaves. */
static WallTime next_leaving(const Work *w)
{
        const Roster *roster = &w->config->roster;
        WallTime next = WALL_NEVER;
        for (size_t i = 0; i < roster->person_count; i++)
                if (roster->persons[i].until.us > w->now.us)
                        next = wall_earlier(next, roster->persons[i].until);
        return next;
}

/* By a clock in doubt nobody has left: all are looked at again when that is over. */
int work_roster(Work *w)
{
        Turn *turn = w->turn;
        if (work_holds(w))
                turn->roster_at = WALL_NEVER;
        if (turn->roster_at.us > w->now.us)
                return 0;
        Orphans orphans = { .w = w };
        size_t seen = 0;
        int r = store_case_owners(w->store, turn->roster_after, CASES_AT_ONCE, w->arena, orphan_visit, &orphans, &seen);
        for (size_t i = 0; i < orphans.count && r >= 0; i++)
                r = work_due(w, orphans.numbers[i]);
        if (r < 0)
                return r;
        bool is_all = seen < CASES_AT_ONCE;
        turn->roster_after = is_all ? CASE_OWNERS_ALL : orphans.last;
        turn->roster_at = is_all ? next_leaving(w) : turn->roster_at;
        w->batch->has_more |= !is_all;
        return 0;
}

int work_redirect(Work *w, Subject *s, const DeliveryRow *row, Text note)
{
        StepList today = ladder_plan(&s->scene, w->arena), more = { arena_array(w->arena, Step, today.count + 1), 0 };
        for (size_t i = 0; i < today.count; i++) {
                Step step = today.steps[i];
                if (step.rung != (uint32_t)row->rung || step.message != row->message)
                        continue; /* the others of its rung have it, and are not told twice: promise S4 */
                step.occurrence = (uint16_t)row->occurrence;
                step.due_at = w->now;
                step.again_at = WALL_NONE;
                more.steps[more.count++] = step;
        }
        return work_decide_due(w, s, TEXT("roster"), note, more);
}
