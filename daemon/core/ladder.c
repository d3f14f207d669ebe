#include "core/ladder.h"

/* Steps under construction. */
typedef struct Plan {
        const LadderScene *scene;
        Arena *arena;
        StepList list;
        size_t capacity;
        size_t kept_for_later; /* however many a rung tells, no ladder ends because its first rung is a crowd */
} Plan;

enum {
        KEPT_FOR_EACH_RUNG = STEPS_MAX / RUNGS_MAX
};

/* ---- times ------------------------------------------------------------------------------------------------------ */

static WallTime delay_from(const LadderScene *scene, Delay delay, WallTime from)
{
        const Hours *hours = party_hours(scene->owner);
        const Zone *zone = party_zone(scene->owner);
        switch (delay.kind) {
        case DELAY_ELAPSED:
                return wall_add(from, delay.span);
        case DELAY_WORKING_TIME:
                return hours_add(hours, zone, from, delay.span);
        case DELAY_WORKING_DAYS:
                return hours_add_days(hours, zone, from, delay.days);
        case DELAY_WINDOW:
                return scene->window_ends_at;
        default:
                must(false);
        }
}

static WallTime reader_time(const LadderScene *scene, Text recipient, bool any_time, WallTime t)
{
        const Person *person = any_time ? NULL : roster_person(scene->roster, recipient, scene->now);
        return person ? hours_next_open(&person->hours, person->zone, t) : t;
}

static bool rung_any_time(const LadderScene *scene, const Step *s)
{
        return s->rung < scene->policy->rung_count && scene->policy->ladder[s->rung].any_time;
}

static void step_not_before(const LadderScene *scene, Step *s, WallTime t)
{
        if (s->due_at.us < t.us)
                s->due_at = reader_time(scene, s->recipient, rung_any_time(scene, s), t);
}

/* ---- people ----------------------------------------------------------------------------------------------------- */

static bool is_owner(const LadderScene *scene, Text id)
{
        return scene->owner.person && text_equal(scene->owner.person->id, id);
}

static bool plan_has(const Plan *p, size_t rung, Text recipient)
{
        for (size_t i = 0; i < p->list.count; i++)
                if (p->list.steps[i].rung == rung && text_equal(p->list.steps[i].recipient, recipient))
                        return true;
        return false;
}

static void plan_add(Plan *p, Step step)
{
        if (plan_has(p, step.rung, step.recipient) || p->list.count + p->kept_for_later >= STEPS_MAX)
                return;
        p->list.steps = arena_grow(p->arena, p->list.steps, p->list.count, &p->capacity, sizeof(Step));
        step.again_at = WALL_NONE;
        p->list.steps[p->list.count++] = step;
}

/* A person at their own working moment; each member of a group. False if the party is nobody that can be told. */
static bool plan_party(Plan *p, Party party, Step step, bool any_time, bool owner_counts)
{
        bool somebody = false;
        Step at = step;
        if (party.person && (owner_counts || !is_owner(p->scene, party.person->id))) {
                at.recipient = party.person->id;
                at.due_at =
                        any_time ? step.due_at : hours_next_open(&party.person->hours, party.person->zone, step.due_at);
                plan_add(p, at);
                return true;
        }
        for (size_t i = 0; party.group && i < party.group->member_count; i++) {
                Party member = { .person = roster_person(p->scene->roster, party.group->members[i], p->scene->now) };
                if (member.person)
                        somebody |= plan_party(p, member, step, any_time, owner_counts);
        }
        return somebody;
}

static bool plan_id(Plan *p, Text id, Step step, bool any_time)
{
        return plan_party(p, roster_party(p->scene->roster, id, p->scene->now), step, any_time, false);
}

/* Manager, director, catch-all: the first of them that is there and is not the owner. */
static void plan_above(Plan *p, RecipientKind from, Step step, bool any_time)
{
        const LadderScene *scene = p->scene;
        if (from == RECIPIENT_MANAGER && plan_id(p, party_manager(scene->owner), step, any_time))
                return;
        step.why = RECIPIENT_DIRECTOR;
        if (from != RECIPIENT_CATCH_ALL && plan_id(p, party_director(scene->owner), step, any_time))
                return;
        step.why = RECIPIENT_CATCH_ALL;
        (void)plan_party(p, scene->catch_all, step, any_time, false);
}

static bool plan_field(Plan *p, Text name, Step step, bool any_time)
{
        FieldId field;
        if (!p->scene->response || !field_find(p->scene->response->fields, name, &field))
                return false;
        const Value *value = response_value(p->scene->response, field);
        bool somebody = false;
        if (value->type == VALUE_TEXT)
                somebody = plan_id(p, value->text, step, any_time);
        for (size_t i = 0; value->type == VALUE_LIST && i < value->list.count; i++)
                somebody |= plan_id(p, value->list.items[i], step, any_time);
        return somebody;
}

static void plan_inform(Plan *p, Step step, bool any_time)
{
        for (size_t i = 0; i < p->scene->inform_count; i++)
                (void)plan_id(p, p->scene->inform[i], step, any_time);
}

static void plan_channel(Plan *p, Text name, Step step)
{
        step.recipient = arena_textf(p->arena, "channel:" TEXT_F, TEXT_ARG(name));
        plan_add(p, step);
}

static void plan_recipient(Plan *p, const Recipient *to, Step step, bool any_time)
{
        step.why = to->kind;
        switch (to->kind) {
        case RECIPIENT_OWNER:
                (void)plan_party(p, p->scene->owner, step, any_time, true);
                return;
        case RECIPIENT_MANAGER:
        case RECIPIENT_DIRECTOR:
        case RECIPIENT_CATCH_ALL:
                plan_above(p, to->kind, step, any_time);
                return;
        case RECIPIENT_DELEGATE:
                if (!p->scene->owner.person || !plan_id(p, p->scene->owner.person->delegate, step, any_time))
                        plan_above(p, RECIPIENT_MANAGER, step, any_time);
                return;
        case RECIPIENT_INFORM:
                plan_inform(p, step, any_time);
                return;
        case RECIPIENT_GROUP:
        case RECIPIENT_PERSON:
                if (!plan_id(p, to->name, step, any_time))
                        plan_above(p, RECIPIENT_MANAGER, step, any_time);
                return;
        case RECIPIENT_FIELD:
                if (!plan_field(p, to->name, step, any_time))
                        plan_above(p, RECIPIENT_MANAGER, step, any_time);
                return;
        case RECIPIENT_CHANNEL:
                plan_channel(p, to->name, step);
                return;
        case RECIPIENT_KIND_MAX:
        default:
                must(false);
        }
}

/* Who is asked for help, the owner hears of: not before them, and as one message with their name. */
static void plan_help_told(Plan *p, size_t rung, size_t first, bool any_time)
{
        WallTime asked = WALL_NEVER;
        for (size_t i = first; i < p->list.count; i++)
                if (p->list.steps[i].why != RECIPIENT_OWNER)
                        asked = wall_earlier(asked, p->list.steps[i].due_at);
        if (asked.us == WALL_NEVER.us || !p->scene->owner.person)
                return;
        Step step = { .rung = (uint8_t)rung, .why = RECIPIENT_OWNER, .message = MESSAGE_HELP_TOLD, .due_at = asked };
        (void)plan_party(p, p->scene->owner, step, any_time, true);
}

static bool gets_alert_now(const LadderScene *scene, const StepList *list, Text recipient)
{
        for (size_t i = 0; i < list->count; i++)
                if (list->steps[i].message == MESSAGE_ALERT && list->steps[i].due_at.us <= scene->now.us &&
                    text_equal(list->steps[i].recipient, recipient))
                        return true;
        return false;
}

static void step_wait_for_reader(const LadderScene *scene, Step *s)
{
        if (scene->holds && s->message != MESSAGE_ALERT)
                return;
        WallTime awake = reader_time(scene, s->recipient, rung_any_time(scene, s), scene->now);
        if (s->due_at.us <= scene->now.us && awake.us > scene->now.us)
                s->due_at = awake;
}

/* What is overdue, after an outage or because the answer came late, does not wake anybody either; but what an alert
 * stands for goes with it, and that may come at any time. */
static void steps_wait_for_readers(const LadderScene *scene, StepList *list)
{
        for (size_t i = 0; i < list->count; i++)
                if (list->steps[i].message == MESSAGE_ALERT)
                        step_wait_for_reader(scene, &list->steps[i]);
        for (size_t i = 0; i < list->count; i++)
                if (!gets_alert_now(scene, list, list->steps[i].recipient))
                        step_wait_for_reader(scene, &list->steps[i]);
}

/* What is due now and repeats knows when it comes again. */
static void steps_repeat(const LadderScene *scene, StepList *list)
{
        for (size_t i = 0; i < list->count; i++) {
                Step *s = &list->steps[i];
                const Rung *rung = s->rung < scene->policy->rung_count ? &scene->policy->ladder[s->rung] : NULL;
                if (!rung || !rung->repeats || s->message != rung->message || s->due_at.us > scene->now.us)
                        continue;
                WallTime next = delay_from(scene, rung->repeat, scene->now);
                s->again_at = reader_time(scene, s->recipient, rung->any_time, next);
        }
}

static WallTime help_asked_at(const StepList *list, uint8_t rung)
{
        WallTime asked = WALL_NEVER;
        for (size_t i = 0; i < list->count; i++)
                if (list->steps[i].rung == rung && list->steps[i].message == MESSAGE_HELP_NEEDED)
                        asked = wall_earlier(asked, list->steps[i].due_at);
        return asked;
}

/* Times have moved: the owner still does not hear of help before it was asked for. */
static void steps_order_help(const LadderScene *scene, StepList *list)
{
        for (size_t i = 0; i < list->count; i++) {
                Step *s = &list->steps[i];
                WallTime asked = s->message == MESSAGE_HELP_TOLD ? help_asked_at(list, s->rung) : WALL_NEVER;
                if (asked.us != WALL_NEVER.us)
                        step_not_before(scene, s, asked);
        }
}

/* Times have been worked out or have moved: what follows from them. */
static void steps_settle(const LadderScene *scene, StepList *list)
{
        steps_wait_for_readers(scene, list);
        steps_order_help(scene, list);
        steps_repeat(scene, list);
}

StepList ladder_plan(const LadderScene *scene, Arena *arena)
{
        Plan p = { .scene = scene, .arena = arena };
        for (size_t i = 0; i < scene->policy->rung_count; i++) {
                const Rung *rung = &scene->policy->ladder[i];
                size_t first = p.list.count;
                p.kept_for_later = (scene->policy->rung_count - 1 - i) * KEPT_FOR_EACH_RUNG;
                Step step = { .rung = (uint8_t)i, .message = rung->message };
                /* An answer from the future, by a clock that is behind, does not keep its alert waiting. */
                bool is_alert = rung->message == MESSAGE_ALERT;
                step.due_at =
                        delay_from(scene, rung->after,
                                   is_alert ? wall_earlier(scene->submitted_at, scene->now) : scene->submitted_at);
                for (size_t j = 0; j < rung->tell_count; j++)
                        plan_recipient(&p, &rung->tell[j], step, rung->any_time);
                if (rung->message == MESSAGE_HELP_NEEDED)
                        plan_help_told(&p, i, first, rung->any_time);
        }
        steps_settle(scene, &p.list);
        return p.list;
}

/* ---- what waits, changed ---------------------------------------------------------------------------------------- */

static StepList steps_copy(const Case *c, Arena *arena)
{
        StepList list = { arena_array(arena, Step, c->step_count + 1), c->step_count };
        if (c->step_count > 0)
                memcpy(list.steps, c->steps, c->step_count * sizeof(Step));
        return list;
}

/* Is this waiting step the same part of the ladder, for whoever has it? What the owner was told stays told, what others
 * were told stays told; the news of help waits as long as the question does. */
static bool is_same_part(const Step *waiting, const Step *wanted)
{
        Message message = wanted->message == MESSAGE_HELP_TOLD ? MESSAGE_HELP_NEEDED : wanted->message;
        bool is_owners = wanted->why == RECIPIENT_OWNER && wanted->message != MESSAGE_HELP_TOLD;
        return waiting->rung == wanted->rung && waiting->message == message &&
               (waiting->why == RECIPIENT_OWNER) == is_owners;
}

static bool rung_waits(const Case *c, const Step *wanted, uint16_t *ret_occurrence)
{
        for (size_t i = 0; i < c->step_count; i++) {
                if (is_same_part(&c->steps[i], wanted)) {
                        *ret_occurrence = c->steps[i].occurrence;
                        return true;
                }
        }
        return false;
}

/* When the waiting steps of this rung are to come at the earliest: a repeat or a pause moved them. */
static WallTime rung_due(const Case *c, const Step *wanted)
{
        WallTime due = WALL_NEVER;
        for (size_t i = 0; i < c->step_count; i++)
                if (is_same_part(&c->steps[i], wanted))
                        due = wall_earlier(due, c->steps[i].due_at);
        return due;
}

/* Those whom the route informs have nothing to do with the owner. */
static size_t informed_count(const Case *c)
{
        size_t count = 0;
        for (size_t i = 0; i < c->step_count; i++)
                count += c->steps[i].why == RECIPIENT_INFORM;
        return count;
}

static void informed_keep(const LadderScene *scene, const Case *c, StepList *list)
{
        for (size_t i = 0; i < c->step_count; i++)
                if (c->steps[i].why == RECIPIENT_INFORM && !is_owner(scene, c->steps[i].recipient) &&
                    list->count < STEPS_MAX)
                        list->steps[list->count++] = c->steps[i];
}

bool step_is_about_the_owner(const Step *s)
{
        return s->message != MESSAGE_ALERT && (s->why != RECIPIENT_OWNER || s->message == MESSAGE_HELP_TOLD);
}

static void steps_give_notice(const LadderScene *scene, StepList *list, WallTime told_at)
{
        WallTime notice = delay_from(scene, scene->policy->least_notice, told_at);
        for (size_t i = 0; i < list->count; i++)
                if (step_is_about_the_owner(&list->steps[i]))
                        step_not_before(scene, &list->steps[i], notice);
}

/* A waiting rung for its new reader, not before the time that a repeat or a pause has given it. */
static void step_carry(const LadderScene *scene, const Case *c, Step *s, uint16_t occurrence)
{
        s->occurrence = occurrence;
        s->again_at = WALL_NONE;
        if (occurrence > 0)
                step_not_before(scene, s, rung_due(c, s));
        if (wall_is_set(c->paused_until))
                step_not_before(scene, s, c->paused_until);
}

StepList ladder_retarget(const LadderScene *scene, const Case *c, bool with_alert, Arena *arena)
{
        StepList fresh = ladder_plan(scene, arena);
        StepList kept = { arena_array(arena, Step, fresh.count + informed_count(c) + 1), 0 };
        for (size_t i = 0; i < fresh.count; i++) {
                Step s = fresh.steps[i];
                bool is_alert = s.message == MESSAGE_ALERT && s.why == RECIPIENT_OWNER;
                uint16_t occurrence = 0;
                if (s.why == RECIPIENT_INFORM || (is_alert ? !with_alert : !rung_waits(c, &s, &occurrence)))
                        continue;
                if (is_alert)
                        s.due_at = scene->now;
                else
                        step_carry(scene, c, &s, occurrence);
                kept.steps[kept.count++] = s;
        }
        informed_keep(scene, c, &kept);
        if (!with_alert) /* who claims it knows of it since now */
                steps_give_notice(scene, &kept, scene->now);
        steps_settle(scene, &kept);
        return kept;
}

WallTime ladder_pause_end(const LadderScene *scene)
{
        WallTime end = delay_from(scene, scene->policy->attempt_pause, scene->now);
        return hours_next_open(party_hours(scene->owner), party_zone(scene->owner), end);
}

StepList ladder_pause(const LadderScene *scene, const Case *c, WallTime until, Arena *arena)
{
        StepList list = steps_copy(c, arena);
        for (size_t i = 0; i < list.count; i++)
                if (list.steps[i].message != MESSAGE_ALERT)
                        step_not_before(scene, &list.steps[i], until);
        steps_order_help(scene, &list);
        return list;
}

/* The lowest rung that tells somebody else, now. */
static void steps_hurry(const LadderScene *scene, StepList *list)
{
        int lowest = RUNGS_MAX;
        for (size_t i = 0; i < list->count; i++)
                if (step_is_about_the_owner(&list->steps[i]) && list->steps[i].message != MESSAGE_HELP_TOLD)
                        lowest = MIN_OF(lowest, (int)list->steps[i].rung);
        for (size_t i = 0; i < list->count; i++)
                if (step_is_about_the_owner(&list->steps[i]) && list->steps[i].rung == lowest)
                        list->steps[i].due_at = wall_earlier(list->steps[i].due_at, scene->now);
}

StepList ladder_refit(const LadderScene *scene, const Case *c, AlertState alert, WallTime told_at, Arena *arena)
{
        StepList list = steps_copy(c, arena);
        if (scene->holds)
                ; /* nothing is moved by a time that may be wrong */
        else if (alert == ALERT_ACCEPTED)
                steps_give_notice(scene, &list, told_at);
        else if (alert == ALERT_GIVEN_UP && c->level == 0)
                steps_hurry(scene, &list);
        steps_settle(scene, &list);
        return list;
}

/* ---- news ------------------------------------------------------------------------------------------------------- */

StepList ladder_tell_owner(const LadderScene *scene, Message message, Arena *arena)
{
        Plan p = { .scene = scene, .arena = arena };
        Step step = { .why = RECIPIENT_OWNER, .message = message, .due_at = scene->now };
        (void)plan_party(&p, scene->owner, step, false, true);
        return p.list;
}

StepList ladder_tell_asked(const LadderScene *scene, Text id, RecipientKind why, Message message, Arena *arena)
{
        Plan p = { .scene = scene, .arena = arena };
        Step step = { .why = why, .message = message, .due_at = scene->now };
        (void)plan_id(&p, id, step, false);
        return p.list;
}

StepList ladder_tell_channel(const LadderScene *scene, Text name, Message message, Arena *arena)
{
        Plan p = { .scene = scene, .arena = arena };
        plan_channel(&p, name, (Step){ .why = RECIPIENT_CHANNEL, .message = message, .due_at = scene->now });
        return p.list;
}

StepList ladder_tell_channels(const LadderScene *scene, Message message, Arena *arena)
{
        Plan p = { .scene = scene, .arena = arena };
        for (size_t i = 0; i < scene->policy->rung_count; i++) {
                const Rung *rung = &scene->policy->ladder[i];
                Step step = { .why = RECIPIENT_CHANNEL, .message = message, .due_at = scene->now };
                for (size_t j = 0; j < rung->tell_count; j++)
                        if (rung->message == MESSAGE_ALERT && rung->tell[j].kind == RECIPIENT_CHANNEL)
                                plan_channel(&p, rung->tell[j].name, step);
        }
        return p.list;
}

void steps_append(StepList *list, StepList more, Arena *arena)
{
        Step *all = arena_array(arena, Step, list->count + more.count + 1);
        if (list->count > 0)
                memcpy(all, list->steps, list->count * sizeof(Step));
        if (more.count > 0)
                memcpy(all + list->count, more.steps, more.count * sizeof(Step));
        list->steps = all;
        list->count += more.count;
}
