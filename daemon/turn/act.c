/* act.c - what a person did becomes an event of the case, or is answered with the reason why not. */
#include <errno.h>

#include "inside.h"

/* Whoever acts is a person of the roster, or the administrator at the machine. */
static bool by_is_known(const Work *w, Text by)
{
        return text_is(by, "administrator") || roster_person(&w->config->roster, by, w->now) != NULL;
}

static CaseEvent act_event(const Work *w, const Act *act)
{
        return (CaseEvent){
                .kind = act->kind,
                .engine = CASE_ENGINE,
                .at = w->now,
                .happened_at = act->at,
                .by = act->by,
                .key = act->key,
                .channel = act->channel,
                .result = act->result,
                .note = act->note,
                .outcome = act->outcome,
                .cause = act->cause,
                .reference = act->reference,
                .credit = act->credit,
                .amount = act->amount,
                .has_amount = act->has_amount,
                .may_quote = act->may_quote,
                .holds = work_holds(w),
                .submitted_at = WALL_NONE,
                .window_ends_at = WALL_NONE,
                .told_at = WALL_NONE,
                .paused_until = WALL_NONE,
        };
}

enum {
        ASKED_ROWS_MAX = 512 /* newest messages of a case that are looked through */
};

static void event_steps(CaseEvent *event, StepList steps)
{
        event->has_steps = true;
        event->steps = steps.steps;
        event->step_count = steps.count;
}

static void event_tells(CaseEvent *event, StepList tells)
{
        event->tells = tells.steps;
        event->tell_count = tells.count;
}

static void event_owner(CaseEvent *event, Party owner)
{
        event->owner = party_id(owner);
        event->owner_is_group = owner.group != NULL;
}

static bool group_has(const Group *group, Text id)
{
        for (size_t i = 0; group && i < group->member_count; i++)
                if (text_equal(group->members[i], id))
                        return true;
        return false;
}

/* The members but for the one who has acted. */
static StepList tells_without(StepList list, Text id)
{
        size_t kept = 0;
        for (size_t i = 0; i < list.count; i++)
                if (!text_equal(list.steps[i].recipient, id))
                        list.steps[kept++] = list.steps[i];
        list.count = kept;
        return list;
}

/* A member of the owning group who tries or reaches the customer has taken the case. */
static bool act_takes(Work *w, Subject *s, const Act *act, CaseEvent *event)
{
        if (s->c.state != CASE_OPEN || !s->c.owner_is_group || !group_has(s->scene.owner.group, act->by))
                return false;
        Party owner = roster_party(&w->config->roster, act->by, w->now);
        event_owner(event, owner);
        s->scene.owner = owner;
        return true;
}

/* The owner, or the members of the group, but for the one who has acted; and the rooms. */
static StepList news(Work *w, const Subject *s, const Act *act, Message message)
{
        StepList tells = tells_without(ladder_tell_owner(&s->scene, message, w->arena), act->by);
        steps_append(&tells, ladder_tell_channels(&s->scene, message, w->arena), w->arena);
        return tells;
}

/* Who was asked to help, or heard that the promise was missed, since the ladder was started; and the pagers. */
typedef struct Asked {
        Work *w;
        Subject *s;
        Message message; /* what they hear now */
} Asked;

static bool asks(Message message)
{
        return message == MESSAGE_HELP_NEEDED || message == MESSAGE_WINDOW_MISSED;
}

static void asked_add(Asked *a, StepList told)
{
        for (size_t i = 0; i < a->s->asked.count; i++)
                if (told.count > 0 && text_equal(a->s->asked.steps[i].recipient, told.steps[0].recipient))
                        return;
        steps_append(&a->s->asked, told, a->w->arena);
}

/* A pager goes on paging until the incident is over; it is told itself, whoever of its readers has acted. Also those of
 * former owners: it is one incident a case. */
static bool rings(const Asked *a, const DeliveryRow *row)
{
        const Channel *channel = config_channel(a->w->config, row->channel);
        bool is_end = row->message == MESSAGE_CONTACTED || row->message == MESSAGE_CLOSED;
        return channel && channel->type == CHANNEL_PAGERDUTY && !channel->is_shared && !is_end;
}

static int asked_visit(void *userdata, const DeliveryRow *row)
{
        Asked *a = userdata;
        bool has_heard =
                row->state == DELIVERY_ACCEPTED || (row->state == DELIVERY_PENDING && work_is_out(a->w, row->row));
        if (has_heard && rings(a, row))
                asked_add(a, ladder_tell_channel(&a->s->scene, row->channel, a->message, a->w->arena));
        if (a->message == MESSAGE_CLAIMED || !has_heard || !asks(row->message) || row->why == RECIPIENT_OWNER ||
            row->epoch != a->s->c.epoch)
                return 0;
        asked_add(a, ladder_tell_asked(&a->s->scene, row->recipient, row->why, a->message, a->w->arena));
        return 0;
}

/* They need not ask any more whether somebody has called. */
static int asked_find(Work *w, Subject *s, const CaseEvent *event)
{
        Message message = event->kind == EVENT_CONTACT ? MESSAGE_CONTACTED
                          : event->kind == EVENT_CLOSE ? MESSAGE_CLOSED
                                                       : MESSAGE_CLAIMED;
        if (event->kind == EVENT_ASSIGN || s->c.state != CASE_OPEN || s->c.mode != MODE_LIVE)
                return 0;
        Asked asked = { w, s, message };
        const DeliveryFilter filter = { .case_number = s->c.number, .limit = ASKED_ROWS_MAX };
        return store_deliveries(w->store, &filter, w->arena, asked_visit, &asked);
}

/* The steps for whoever has taken the case, as if they had waited for them all along. */
static Case case_retargeted(Work *w, const Subject *s)
{
        Case waiting = s->c;
        StepList mine = ladder_retarget(&s->scene, &s->c, false, w->arena);
        waiting.steps = mine.steps;
        waiting.step_count = mine.count;
        return waiting;
}

static void resolve_attempt(Work *w, Subject *s, const Act *act, CaseEvent *event)
{
        StepList tells = news(w, s, act, MESSAGE_CLAIMED);
        steps_append(&tells, s->asked, w->arena);
        bool takes = act_takes(w, s, act, event);
        if (s->c.state != CASE_OPEN)
                return;
        Case waiting = takes && s->c.mode == MODE_LIVE ? case_retargeted(w, s) : s->c;
        if (s->c.attempts < s->policy->attempts_max) {
                LadderScene from = s->scene;
                from.now = work_now_at_least(w);
                event->paused_until = ladder_pause_end(&from);
                event_steps(event, ladder_pause(&s->scene, &waiting, event->paused_until, w->arena));
        } else {
                if (w->now.us < s->c.paused_until.us) /* the last pause is not over yet */
                        event->paused_until = s->c.paused_until;
                if (takes)
                        event_steps(event, (StepList){ (Step *)(uintptr_t)waiting.steps, waiting.step_count });
        }
        if (takes && s->c.mode == MODE_LIVE)
                event_tells(event, tells);
}

static void resolve_contact(Work *w, Subject *s, const Act *act, CaseEvent *event)
{
        StepList tells = news(w, s, act, MESSAGE_CONTACTED);
        steps_append(&tells, tells_without(s->asked, act->by), w->arena);
        (void)act_takes(w, s, act, event);
        if (s->c.state == CASE_OPEN && s->c.mode == MODE_LIVE)
                event_tells(event, tells);
}

static const char *resolve_claim(Work *w, Subject *s, const Act *act, CaseEvent *event)
{
        Party owner = roster_party(&w->config->roster, act->by, w->now);
        if (!owner.person)
                return "only a person can claim a case";
        if (!s->c.owner_is_group || s->c.state != CASE_OPEN)
                return NULL; /* the table knows what to say */
        StepList tells = news(w, s, act, MESSAGE_CLAIMED);
        steps_append(&tells, s->asked, w->arena);
        event_owner(event, owner);
        subject_scene(w, s, owner);
        if (s->c.mode == MODE_LIVE) {
                event_steps(event, ladder_retarget(&s->scene, &s->c, false, w->arena));
                event_tells(event, tells);
        }
        return NULL;
}

static const char *resolve_assign(Work *w, Subject *s, const Act *act, CaseEvent *event)
{
        Party owner = roster_party(&w->config->roster, act->to, w->now);
        if (!party_is_somebody(owner))
                return "there is no such person or group";
        StepList tells = tells_without(ladder_tell_owner(&s->scene, MESSAGE_CLAIMED, w->arena), act->by);
        event_owner(event, owner);
        subject_scene(w, s, owner);
        if (s->c.mode == MODE_LIVE && s->c.state == CASE_OPEN) {
                event_steps(event, ladder_retarget(&s->scene, &s->c, true, w->arena));
                event_tells(event, tells_without(tells, party_id(owner)));
        }
        return NULL;
}

static bool cause_is_known(const Work *w, Text cause)
{
        for (size_t i = 0; i < w->config->cause_count; i++)
                if (text_equal(w->config->causes[i], cause))
                        return true;
        return w->config->cause_count == 0 || !cause.data;
}

static const char *resolve_close(Work *w, Subject *s, const Act *act, CaseEvent *event)
{
        event->attempts_needed = s->policy->unreachable_after;
        if (!cause_is_known(w, act->cause))
                return "this root cause is not in the configuration (outcomes.causes)";
        if (s->c.mode != MODE_LIVE)
                return NULL;
        StepList tells = ladder_tell_channels(&s->scene, MESSAGE_CLOSED, w->arena);
        if (s->c.state == CASE_OPEN) /* who was asked to call need not call any more */
                steps_append(&tells, tells_without(ladder_tell_owner(&s->scene, MESSAGE_CLOSED, w->arena), act->by),
                             w->arena);
        steps_append(&tells, tells_without(s->asked, act->by), w->arena);
        event_tells(event, tells);
        return NULL;
}

/* Fills the event from the circumstances; a reason if it is not possible for one that the table cannot know. */
static const char *act_resolve(Work *w, Subject *s, const Act *act, CaseEvent *event)
{
        switch (event->kind) {
        case EVENT_ATTEMPT:
                resolve_attempt(w, s, act, event);
                return NULL;
        case EVENT_CONTACT:
                resolve_contact(w, s, act, event);
                return NULL;
        case EVENT_CLAIM:
                return resolve_claim(w, s, act, event);
        case EVENT_ASSIGN:
                return resolve_assign(w, s, act, event);
        case EVENT_CLOSE:
                return resolve_close(w, s, act, event);
        case EVENT_FLAGGED:
        case EVENT_DUE:
        case EVENT_KIND_MAX:
        default:
                must(false);
        }
}

static Text act_note(Work *w, const Act *act)
{
        if (act->kind == EVENT_CLOSE)
                return text_from(outcome_text(act->outcome));
        const Person *by = roster_person(&w->config->roster, act->kind == EVENT_ASSIGN ? act->to : act->by, w->now);
        return by ? by->name : act->kind == EVENT_ASSIGN ? act->to : TEXT("an administrator");
}

static int act_decide(Work *w, Subject *s, Act *act)
{
        CaseEvent event = act_event(w, act);
        if (event.kind == EVENT_CONTACT && !policy_counts_as_reached(s->policy, act->result))
                event.kind = EVENT_ATTEMPT; /* anything that the policy does not count is an attempt */
        int r = asked_find(w, s, &event);
        if (r < 0)
                return r;
        act->reason = act_resolve(w, s, act, &event);
        if (act->reason)
                return 0;
        CaseOutcome outcome;
        s->note = act_note(w, act);
        r = work_decide(w, s, &event, &outcome);
        act->is_done = r >= 0 && !outcome.is_refused;
        act->reason = outcome.is_refused ? outcome.reason : NULL;
        act->pauses_used = act->is_done && event.kind == EVENT_ATTEMPT && s->c.state == CASE_OPEN &&
                                           s->c.attempts > s->policy->attempts_max
                                   ? s->policy->attempts_max
                                   : -1;
        return r;
}

/* What has not happened yet is a plan. Clocks of people's machines differ a little. */
static bool act_is_to_come(const Work *w, const Act *act)
{
        return wall_is_set(act->at) && act->at.us > wall_add(w->now, span_times(SPAN_MINUTE, 5)).us;
}

static int act_perform(Work *w, Subject *s, Act *act)
{
        if (!by_is_known(w, act->by)) {
                act->reason = "nobody of this name is in people.csv";
                return 0;
        }
        if (act_is_to_come(w, act)) {
                act->reason = "this time is still to come";
                return 0;
        }
        if (act->key.data) {
                int r = store_event_has_key(w->store, act->case_number, act->key, &act->is_repeated);
                if (r < 0 || act->is_repeated) {
                        act->is_done = r >= 0;
                        return r;
                }
        }
        return act_decide(w, s, act);
}

int work_act(Work *w, Act *act)
{
        Subject s;
        act->is_done = act->is_repeated = false;
        act->pauses_used = -1;
        act->reason = NULL;
        act->after = case_none();
        act->next_at = WALL_NONE;
        int r = subject_load(w, act->case_number, &s);
        if (r == -ENOENT) {
                act->reason = "there is no such case";
                return 0;
        }
        if (r < 0)
                return r;
        r = act_perform(w, &s, act);
        if (r >= 0) {
                act->after = case_copy(w->batch->arena, &s.c);
                act->next_at = s.c.due_at;
        }
        subject_done(&s);
        return r;
}
