#include "crew.h"

#include <stdio.h>

#include "base/buffer.h"

static const uint64_t SEED = 20261120;

/* ---- the table ---- */

typedef struct ExpectedCell {
        const char *state, *event, *verb, *next;
} ExpectedCell;

/* Written down a second time, from the design. */
static const ExpectedCell expected_cells[] = {
        { "new", "flagged", "start the ladder", "open" },
        { "new", "due", "there is no such case", "new" },
        { "new", "attempt", "there is no such case", "new" },
        { "new", "contact", "there is no such case", "new" },
        { "new", "claim", "there is no such case", "new" },
        { "new", "assign", "there is no such case", "new" },
        { "new", "close", "there is no such case", "new" },
        { "open", "flagged", "join", "open" },
        { "open", "due", "climb the ladder", "open" },
        { "open", "attempt", "pause the ladder", "open" },
        { "open", "contact", "stop the ladder", "contacted" },
        { "open", "claim", "take over", "open" },
        { "open", "assign", "hand over", "open" },
        { "open", "close", "close", "closed" },
        { "contacted", "flagged", "start the ladder again; join, if the answer was given before the contact", "open" },
        { "contacted", "due", "ignore", "contacted" },
        { "contacted", "attempt", "note", "contacted" },
        { "contacted", "contact", "note", "contacted" },
        { "contacted", "claim", "the customer has been reached already", "contacted" },
        { "contacted", "assign", "hand over", "contacted" },
        { "contacted", "close", "close", "closed" },
        { "closed", "flagged", "start the ladder again; join, if the answer was given before the contact", "open" },
        { "closed", "due", "ignore", "closed" },
        { "closed", "attempt", "the case is closed", "closed" },
        { "closed", "contact", "the case is closed", "closed" },
        { "closed", "claim", "the case is closed", "closed" },
        { "closed", "assign", "the case is closed", "closed" },
        { "closed", "close", "the case is closed already", "closed" },
};

static void the_table_is_the_one_that_was_agreed(void **state UNUSED)
{
        const char *from, *event, *verb, *next;
        for (size_t i = 0; i < COUNT_OF(expected_cells); i++) {
                assert_true(case_table_row(i, &from, &event, &verb, &next));
                assert_string_equal(from, expected_cells[i].state);
                assert_string_equal(event, expected_cells[i].event);
                assert_string_equal(verb, expected_cells[i].verb);
                assert_string_equal(next, expected_cells[i].next);
        }
        assert_false(case_table_row(COUNT_OF(expected_cells), &from, &event, &verb, &next));
}

/* ---- events as the turn makes them ---- */

static CaseEvent event_of(EventKind kind, WallTime now)
{
        return (CaseEvent){ .kind = kind,
                            .engine = CASE_ENGINE,
                            .at = now,
                            .by = TEXT("ana"),
                            .happened_at = WALL_NONE,
                            .submitted_at = WALL_NONE,
                            .window_ends_at = WALL_NONE,
                            .told_at = WALL_NONE,
                            .paused_until = WALL_NONE };
}

static void event_steps(CaseEvent *e, StepList list)
{
        e->has_steps = true;
        e->steps = list.steps;
        e->step_count = list.count;
}

static void event_owner(CaseEvent *e, const char *owner)
{
        e->owner = text_from(owner);
        e->owner_is_group = roster_group(&roster, e->owner) != NULL;
}

static LadderScene scene_at(const Case *c, Text owner, WallTime now)
{
        return (LadderScene){ .policy = &one_day,
                              .roster = &roster,
                              .owner = roster_party(&roster, owner, now),
                              .catch_all = { .group = &groups[0] },
                              .submitted_at = c->submitted_at,
                              .window_ends_at = c->window_ends_at,
                              .now = now };
}

static CaseEvent flagged(const Case *c, const char *owner, WallTime submitted, WallTime now, CaseMode mode)
{
        CaseEvent e = event_of(EVENT_FLAGGED, now);
        e.source = TEXT("relationship");
        e.customer = TEXT("c-1");
        e.rule = TEXT("detractor");
        e.policy_name = one_day.name;
        e.policy_version = one_day.version;
        e.severity = SEVERITY_NORMAL;
        e.mode = mode;
        e.submitted_at = submitted;
        e.window_ends_at = wall_add(submitted, one_day.window);
        Case as_if = *c;
        as_if.submitted_at = e.submitted_at;
        as_if.window_ends_at = e.window_ends_at;
        LadderScene scene = scene_at(&as_if, text_from(owner), now);
        if (case_starts_ladder(c, EVENT_FLAGGED, mode, submitted)) {
                event_owner(&e, owner);
                event_steps(&e, mode == MODE_LIVE ? ladder_plan(&scene, arena) : (StepList){ 0 });
        } else {
                StepList tells = ladder_tell_owner(&scene, MESSAGE_JOINED, arena);
                e.tells = tells.steps;
                e.tell_count = tells.count;
        }
        return e;
}

static CaseOutcome step(Case *c, const CaseEvent *e)
{
        CaseOutcome out;
        case_step(c, e, arena, &out);
        *c = out.next;
        return out;
}

static Case case_opened(const char *owner, const char *submitted)
{
        Case c = case_none();
        CaseEvent e = flagged(&c, owner, at(submitted), at(submitted), MODE_LIVE);
        c.number = 1;
        (void)step(&c, &e);
        assert_int_equal(c.state, CASE_OPEN);
        return c;
}

static CaseOutcome due(Case *c, WallTime now, AlertState alert, WallTime told_at)
{
        LadderScene scene = scene_at(c, c->owner, now);
        CaseEvent e = event_of(EVENT_DUE, now);
        e.alert = alert;
        e.told_at = told_at;
        event_steps(&e, ladder_refit(&scene, c, alert, told_at, arena));
        return step(c, &e);
}

static CaseOutcome contact(Case *c, WallTime now)
{
        CaseEvent e = event_of(EVENT_CONTACT, now);
        e.channel = TEXT("phone");
        e.result = TEXT("spoke");
        return step(c, &e);
}

static CaseOutcome close_as(Case *c, WallTime now, Outcome outcome, int attempts_needed)
{
        CaseEvent e = event_of(EVENT_CLOSE, now);
        e.outcome = outcome;
        e.attempts_needed = attempts_needed;
        return step(c, &e);
}

static Case case_in(CaseState state)
{
        if (state == CASE_NEW)
                return case_none();
        Case c = case_opened("ana", "2026-11-17T09:00-03:00");
        if (state != CASE_OPEN)
                (void)contact(&c, at("2026-11-17T10:00-03:00"));
        if (state == CASE_CLOSED)
                (void)close_as(&c, at("2026-11-17T11:00-03:00"), OUTCOME_RECOVERED, 0);
        assert_int_equal(c.state, state);
        return c;
}

/* ---- every cell ---- */

static CaseEvent event_for(const Case *c, EventKind kind, WallTime now)
{
        if (kind == EVENT_FLAGGED)
                return flagged(c, "ana", now, now, MODE_LIVE);
        CaseEvent e = event_of(kind, now);
        if (kind == EVENT_CLAIM || kind == EVENT_ASSIGN)
                event_owner(&e, "ben");
        if (kind == EVENT_CLOSE)
                e.outcome = c->state == CASE_CONTACTED ? OUTCOME_RECOVERED : OUTCOME_DECLINED;
        return e;
}

static void every_cell_does_what_the_table_says(void **state UNUSED)
{
        WallTime now = at("2026-11-17T12:00-03:00");
        for (size_t i = 0; i < COUNT_OF(expected_cells); i++) {
                CaseState from = (CaseState)(i / EVENT_KIND_MAX);
                EventKind kind = (EventKind)(i % EVENT_KIND_MAX);
                Case before = case_in(from);
                if (kind == EVENT_CLAIM && from == CASE_OPEN) {
                        before.owner = TEXT("desk");
                        before.owner_is_group = true;
                }
                CaseEvent e = event_for(&before, kind, now);
                CaseOutcome out;
                case_step(&before, &e, arena, &out);
                assert_string_equal(case_state_text(out.next.state), expected_cells[i].next);
                assert_int_equal(out.next.sequence, before.sequence + (out.is_recorded ? 1 : 0));
                if (out.is_refused) {
                        assert_string_equal(out.reason, expected_cells[i].verb);
                        assert_int_equal(out.effect_count, 0);
                        assert_memory_equal(&out.next, &before, sizeof(before));
                }
        }
}

/* ---- claims ---- */

static void an_open_case_has_an_owner_and_a_time(void **state UNUSED)
{
        Case c = case_opened("ana", "2026-11-17T09:00-03:00");
        assert_true(text_is(c.owner, "ana"));
        assert_true(wall_is_set(c.due_at) || c.is_held);
        assert_int_equal(c.epoch, 1);
        assert_int_equal(c.sequence, 1);
        assert_int_equal(c.responses, 1);
}

static void opening_late_sends_one_message_to_each_and_the_owners_first(void **state UNUSED)
{
        /* Answered a week ago. */
        Case c = case_none();
        CaseEvent e = flagged(&c, "ana", at("2026-11-10T09:00-03:00"), at("2026-11-17T13:00-03:00"), MODE_LIVE);
        CaseOutcome out = step(&c, &e);
        assert_int_equal(out.effect_count, 1);
        assert_int_equal(out.effects[0].step.message, MESSAGE_ALERT);
        assert_true(text_is(out.effects[0].step.recipient, "ana"));
        assert_int_equal(out.effects[0].collapsed_count, 2); /* reminder, window missed */
        assert_int_equal(out.effects[0].late.us, span_times(SPAN_DAY, 7).us + hours_of(4).us);
        assert_true(c.is_held);
        for (size_t i = 0; i < c.step_count; i++)
                assert_true(!text_is(c.steps[i].recipient, "ana") || c.steps[i].message == MESSAGE_HELP_TOLD);
        /* accepted at once: joe and ines after four working hours, 13:00 + 4 = 17:00 at ana's, 20:00 at joe's */
        assert_int_equal(due(&c, e.at, ALERT_ACCEPTED, e.at).effect_count, 0);
        assert_false(c.is_held);
        assert_true(c.due_at.us >= at("2026-11-17T17:00-03:00").us);
        out = due(&c, at("2026-11-18T08:30Z"), ALERT_ACCEPTED, e.at);
        int to_joe = 0;
        for (size_t i = 0; i < out.effect_count; i++)
                to_joe += text_is(out.effects[i].step.recipient, "joe");
        assert_int_equal(to_joe, 1);
}

static void the_owner_is_not_told_of_help_with_the_alert(void **state UNUSED)
{
        Case c = case_none();
        CaseEvent e = flagged(&c, "ana", at("2026-11-10T09:00-03:00"), at("2026-11-17T13:00-03:00"), MODE_LIVE);
        (void)step(&c, &e);
        bool waits = false;
        for (size_t i = 0; i < c.step_count; i++)
                waits |= c.steps[i].message == MESSAGE_HELP_TOLD;
        assert_true(waits);
}

static void nobody_else_hears_of_it_while_the_alert_is_on_its_way(void **state UNUSED)
{
        Case c = case_opened("ana", "2026-11-17T09:00-03:00");
        CaseOutcome out = due(&c, at("2026-11-18T08:00-03:00"), ALERT_PENDING, WALL_NONE);
        assert_int_equal(out.effect_count, 0);
        assert_true(out.is_recorded && c.is_held);
        assert_true(wall_is_set(c.due_at)); /* the window */
        out = due(&c, at("2026-11-30T11:00-03:00"), ALERT_PENDING, WALL_NONE);
        assert_int_equal(out.effect_count, 0);
        assert_true(c.is_held && !wall_is_set(c.due_at));
}

static void one_member_who_knows_is_enough_for_a_groups_case(void **state UNUSED)
{
        /* joe was there on Saturday and knows; ben's alert waits for Monday. */
        Case c = case_opened("desk", "2026-11-21T09:00Z");
        Step steps[] = { { 2, 0, RECIPIENT_MANAGER, MESSAGE_HELP_NEEDED, TEXT("ines"), at("2026-11-21T19:00Z"),
                           WALL_NONE },
                         { 0, 0, RECIPIENT_OWNER, MESSAGE_ALERT, TEXT("ben"), at("2026-11-23T09:00Z"), WALL_NONE } };
        CaseEvent e = event_of(EVENT_DUE, at("2026-11-21T19:00Z"));
        e.alert = ALERT_ACCEPTED;
        e.told_at = at("2026-11-21T09:00Z");
        event_steps(&e, (StepList){ steps, 2 });
        CaseOutcome out = step(&c, &e);
        assert_int_equal(out.effect_count, 1);
        assert_true(text_is(out.effects[0].step.recipient, "ines"));
        assert_false(c.is_held);
}

static void a_due_event_with_nothing_due_leaves_no_trace(void **state UNUSED)
{
        Case c = case_opened("ana", "2026-11-17T09:00-03:00");
        WallTime told = at("2026-11-17T09:00-03:00");
        CaseOutcome out = due(&c, at("2026-11-17T09:05-03:00"), ALERT_ACCEPTED, told);
        assert_true(out.is_recorded); /* that the owner knows is news */
        out = due(&c, at("2026-11-17T09:06-03:00"), ALERT_ACCEPTED, told);
        assert_false(out.is_recorded || out.is_refused);
        assert_int_equal(c.sequence, 2);
}

static void a_contact_stops_everything(void **state UNUSED)
{
        Case c = case_opened("ana", "2026-11-17T09:00-03:00");
        CaseOutcome out = contact(&c, at("2026-11-17T10:00-03:00"));
        assert_int_equal(c.state, CASE_CONTACTED);
        assert_int_equal(c.step_count, 0);
        assert_false(wall_is_set(c.due_at));
        assert_int_equal(out.effect_count, 1);
        assert_int_equal(out.effects[0].kind, EFFECT_DROP_QUEUED);
        assert_int_equal(due(&c, at("2026-12-17T10:00-03:00"), ALERT_ACCEPTED, c.opened_at).effect_count, 0);
}

static void the_first_contact_is_kept_when_the_case_opens_again(void **state UNUSED)
{
        Case c = case_in(CASE_CONTACTED);
        WallTime first = c.first_contact_at, later = at("2026-11-19T09:00-03:00");
        CaseEvent e = flagged(&c, "ana", later, later, MODE_LIVE);
        CaseOutcome out = step(&c, &e);
        assert_int_equal(c.state, CASE_OPEN);
        assert_int_equal(c.epoch, 2);
        assert_int_equal(c.responses, 2);
        assert_int_equal(c.first_contact_at.us, first.us);
        assert_false(wall_is_set(c.contacted_at));
        assert_int_equal(c.window_ends_at.us, wall_add(later, SPAN_DAY).us);
        /* what was still queued of the first time would be old news */
        assert_int_equal(out.effects[0].kind, EFFECT_DROP_QUEUED);
        assert_int_equal(out.effects[1].step.message, MESSAGE_ALERT);
}

static void joining_raises_the_severity_and_nothing_else(void **state UNUSED)
{
        Case c = case_opened("ana", "2026-11-17T09:00-03:00"), before = c;
        WallTime now = at("2026-11-17T11:00-03:00");
        CaseEvent e = flagged(&c, "ana", now, now, MODE_LIVE);
        e.severity = SEVERITY_CRITICAL;
        e.policy_name = TEXT("four-hours");
        CaseOutcome out = step(&c, &e);
        assert_int_equal(c.severity, SEVERITY_CRITICAL);
        assert_int_equal(c.responses, 2);
        assert_int_equal(c.epoch, 1);
        assert_int_equal(c.window_ends_at.us, before.window_ends_at.us);
        assert_true(text_is(c.policy_name, "one-day"));
        assert_int_equal(c.due_at.us, before.due_at.us);
        assert_int_equal(out.effect_count, 1);
        e.severity = SEVERITY_LOW;
        (void)step(&c, &e);
        assert_int_equal(c.severity, SEVERITY_CRITICAL);
}

static void a_live_answer_wakes_a_case_that_nobody_was_told_of(void **state UNUSED)
{
        for (int mode = MODE_SHADOW; mode < MODE_MAX; mode++) {
                Case c = case_none();
                WallTime now = at("2026-11-17T11:00-03:00");
                CaseEvent e = flagged(&c, "ana", now, now, (CaseMode)mode);
                assert_int_equal(step(&c, &e).effect_count, 0);
                assert_false(wall_is_set(c.due_at));
                e = flagged(&c, "ana", now, now, MODE_LIVE);
                CaseOutcome out = step(&c, &e);
                assert_int_equal(c.mode, MODE_LIVE);
                assert_int_equal(c.epoch, 2);
                assert_int_equal(out.effects[out.effect_count - 1].step.message, MESSAGE_ALERT);
                assert_true(wall_is_set(c.due_at));
        }
}

static void an_attempt_that_pauses_wakes_up_again(void **state UNUSED)
{
        Case c = case_opened("ana", "2026-11-17T09:00-03:00");
        WallTime now = at("2026-11-17T13:30-03:00");
        LadderScene scene = scene_at(&c, c.owner, now);
        CaseEvent e = event_of(EVENT_ATTEMPT, now);
        e.result = TEXT("voicemail");
        e.paused_until = ladder_pause_end(&scene);
        event_steps(&e, ladder_pause(&scene, &c, e.paused_until, arena));
        (void)step(&c, &e);
        assert_int_equal(c.attempts, 1);
        assert_int_equal(c.due_at.us, at("2026-11-18T13:30-03:00").us);
        assert_true(text_is(c.last_attempt_result, "voicemail"));
}

static void an_attempt_does_not_lose_what_is_overdue(void **state UNUSED)
{
        /* Held because the alert is on its way; then the steps are handed over without a pause. */
        Case c = case_opened("ana", "2026-11-17T09:00-03:00");
        (void)due(&c, at("2026-11-30T11:00-03:00"), ALERT_PENDING, WALL_NONE);
        assert_true(c.is_held);
        CaseEvent e = event_of(EVENT_ATTEMPT, at("2026-11-30T13:00-03:00"));
        event_steps(&e, (StepList){ (Step *)(uintptr_t)c.steps, c.step_count });
        (void)step(&c, &e);
        assert_true(c.is_held || wall_is_set(c.due_at));
}

static void only_a_groups_case_can_be_claimed(void **state UNUSED)
{
        Case c = case_opened("ana", "2026-11-17T09:00-03:00");
        CaseEvent e = event_of(EVENT_CLAIM, at("2026-11-17T09:30-03:00"));
        event_owner(&e, "ben");
        CaseOutcome out = step(&c, &e);
        assert_true(out.is_refused);
        assert_true(text_is(c.owner, "ana"));
        c = case_opened("desk", "2026-11-17T09:00Z");
        out = step(&c, &e);
        assert_true(out.is_recorded);
        assert_true(text_is(c.owner, "ben") && !c.owner_is_group);
        assert_int_equal(c.epoch, 1);
}

static void handing_over_starts_an_epoch_and_drops_before_it_tells(void **state UNUSED)
{
        Case c = case_opened("ana", "2026-11-17T09:00-03:00");
        WallTime now = at("2026-11-17T10:00-03:00");
        LadderScene scene = scene_at(&c, TEXT("ben"), now);
        CaseEvent e = event_of(EVENT_ASSIGN, now);
        event_owner(&e, "ben");
        event_steps(&e, ladder_retarget(&scene, &c, true, arena));
        CaseOutcome out = step(&c, &e);
        assert_int_equal(c.epoch, 2);
        assert_int_equal(out.effects[0].kind, EFFECT_DROP_QUEUED);
        assert_true(text_is(out.effects[1].step.recipient, "ben"));
        assert_int_equal(out.effects[1].step.message, MESSAGE_ALERT);
        e.owner = TEXT("ben");
        assert_true(step(&c, &e).is_refused);
}

static void an_outcome_that_claims_a_contact_needs_one(void **state UNUSED)
{
        WallTime now = at("2026-11-18T09:00-03:00");
        for (int outcome = 0; outcome < OUTCOME_MAX; outcome++) {
                bool needs_contact = outcome <= OUTCOME_LOST;
                Case open = case_in(CASE_OPEN), contacted = case_in(CASE_CONTACTED);
                assert_int_equal(close_as(&open, now, (Outcome)outcome, 0).is_refused, needs_contact);
                assert_int_equal(close_as(&contacted, now, (Outcome)outcome, 0).is_refused,
                                 outcome == OUTCOME_UNREACHABLE);
        }
        Case c = case_in(CASE_OPEN);
        c.attempts = 2;
        assert_true(close_as(&c, now, OUTCOME_UNREACHABLE, 3).is_refused);
        c.attempts = 3;
        assert_true(close_as(&c, now, OUTCOME_UNREACHABLE, 3).is_recorded);
        assert_true(text_is(c.outcome, "unreachable"));
}

static void outcomes_read_as_they_are_written(void **state UNUSED)
{
        for (int i = 0; i < OUTCOME_MAX; i++) {
                Outcome back;
                assert_true(outcome_parse(text_from(outcome_text((Outcome)i)), &back));
                assert_int_equal(back, i);
        }
        Outcome none;
        assert_false(outcome_parse(TEXT("happy"), &none) || outcome_parse(TEXT_NONE, &none));
}

/* ---- 20,000 events ---- */

typedef struct Told {
        int32_t epoch, rung, occurrence;
        Text recipient;
} Told;

enum {
        TOLD_MAX = 4096,
        WALK_EVENTS = 20000,
        EVENTS_A_CASE = 120
};

typedef struct Walk {
        Case c;
        WallTime now, told_at;
        AlertState alert;
        Told told[TOLD_MAX];
        size_t told_count;
        bool is_claimed; /* in this epoch */
        int events;
} Walk;

static void walk_told(Walk *w, const Effect *effect)
{
        const Step *s = &effect->step;
        Told key = { w->c.epoch, effect->is_event ? -w->c.sequence : s->rung, s->occurrence, s->recipient };
        for (size_t i = 0; i < w->told_count; i++) {
                const Told *t = &w->told[i];
                bool is_same = t->epoch == key.epoch && t->rung == key.rung && t->occurrence == key.occurrence &&
                               text_equal(t->recipient, key.recipient);
                assert_false(is_same &&
                             !w->is_claimed); /* a claimer may have been told before: the store's key stops that */
        }
        must(w->told_count < TOLD_MAX);
        w->told[w->told_count++] = key;
        if (!effect->is_event) {
                assert_int_equal(w->c.state, CASE_OPEN);
                assert_true(s->due_at.us <= w->now.us); /* never early */
                assert_true(effect->late.us >= 0);
        }
}

static void walk_promises(Walk *w, const CaseEvent *e, const CaseOutcome *out)
{
        const Case *c = &w->c;
        assert_true(c->owner.len > 0);
        if (c->state == CASE_OPEN && c->mode == MODE_LIVE)
                assert_true(wall_is_set(c->due_at) || c->is_held);
        else
                assert_false(wall_is_set(c->due_at) || c->is_held);
        for (size_t i = 0; i < c->step_count; i++) {
                assert_false(wall_is_set(c->steps[i].again_at));
                assert_true(i == 0 || c->steps[i - 1].due_at.us <= c->steps[i].due_at.us);
                if (!c->is_held && e->kind == EVENT_DUE)
                        assert_true(c->steps[i].due_at.us > w->now.us);
        }
        int recipients = 0;
        for (size_t i = 0; i < out->effect_count; i++) {
                if (out->effects[i].kind != EFFECT_TELL)
                        continue;
                walk_told(w, &out->effects[i]);
                for (size_t j = 0; j < i; j++)
                        recipients += out->effects[j].kind == EFFECT_TELL && !out->effects[j].is_event &&
                                      !out->effects[i].is_event &&
                                      text_equal(out->effects[j].step.recipient, out->effects[i].step.recipient);
        }
        assert_int_equal(recipients, 0); /* each gets one message */
}

/* The stored form gives the same step (S5). */
static void walk_replay(const Case *before, const CaseEvent *e, const CaseOutcome *out)
{
        Buffer b = buffer_in(arena);
        JsonWriter writer = json_writer(&b);
        const JsonValue *root;
        CaseEvent back;
        CaseOutcome again;
        case_event_write(e, &writer);
        assert_int_equal(json_read_in(arena, buffer_text(&b), &root), JSON_FAULT_NONE);
        assert_true(case_event_read(arena, root, e->kind, &back));
        case_step(before, &back, arena, &again);
        assert_int_equal(again.is_recorded, out->is_recorded);
        assert_int_equal(again.effect_count, out->effect_count);
        assert_int_equal(again.next.due_at.us, out->next.due_at.us);
        assert_int_equal(again.next.step_count, out->next.step_count);
        assert_int_equal(again.next.state, out->next.state);
        assert_true(text_equal(again.next.owner, out->next.owner));
}

static const char *any_person(void)
{
        static const char *const ids[] = { "ana", "ben", "ines", "joe" };
        return ids[random_below(4)];
}

static CaseEvent walk_due(Walk *w)
{
        CaseEvent e = event_of(EVENT_DUE, w->now);
        LadderScene scene = scene_at(&w->c, w->c.owner, w->now);
        bool knows = wall_is_set(w->c.told_at);
        e.alert = knows ? ALERT_ACCEPTED : w->alert;
        e.told_at = knows ? w->c.told_at : e.alert == ALERT_ACCEPTED ? w->told_at : WALL_NONE;
        event_steps(&e, ladder_refit(&scene, &w->c, e.alert, e.told_at, arena));
        return e;
}

static CaseEvent walk_attempt(Walk *w)
{
        CaseEvent e = event_of(EVENT_ATTEMPT, w->now);
        LadderScene scene = scene_at(&w->c, w->c.owner, w->now);
        if (w->c.state == CASE_OPEN && w->c.attempts < one_day.attempts_max) {
                e.paused_until = ladder_pause_end(&scene);
                event_steps(&e, ladder_pause(&scene, &w->c, e.paused_until, arena));
        }
        return e;
}

static CaseEvent walk_hand_over(Walk *w, EventKind kind)
{
        CaseEvent e = event_of(kind, w->now);
        event_owner(&e, kind == EVENT_ASSIGN && random_below(3) == 0 ? "desk" : any_person());
        LadderScene scene = scene_at(&w->c, e.owner, w->now);
        if (w->c.state == CASE_OPEN && w->c.mode == MODE_LIVE)
                event_steps(&e, ladder_retarget(&scene, &w->c, kind == EVENT_ASSIGN, arena));
        return e;
}

static CaseEvent walk_event(Walk *w)
{
        CaseEvent e;
        switch (w->c.state == CASE_NEW ? 19 : random_below(20)) {
        case 0:
                return walk_hand_over(w, EVENT_CLAIM);
        case 1:
                return walk_hand_over(w, EVENT_ASSIGN);
        case 2:
        case 3:
                return walk_attempt(w);
        case 4:
                return event_of(EVENT_CONTACT, w->now);
        case 5:
                e = event_of(EVENT_CLOSE, w->now);
                e.outcome = (Outcome)random_below(OUTCOME_MAX);
                e.attempts_needed = 3;
                return e;
        case 18:
        case 19:
                return flagged(&w->c, random_below(2) ? any_person() : "desk",
                               wall_sub(w->now, hours_of(random_below(10) == 0 ? random_below(400) : 0)), w->now,
                               random_below(8) == 0 ? MODE_SHADOW : MODE_LIVE);
        default:
                return walk_due(w);
        }
}

/* What became of the alert: known to the turn, not to the case. */
static void walk_alert(Walk *w, const CaseOutcome *out)
{
        for (size_t i = 0; i < out->effect_count; i++)
                if (out->effects[i].kind == EFFECT_TELL && out->effects[i].step.message == MESSAGE_ALERT &&
                    out->effects[i].step.why == RECIPIENT_OWNER && w->alert != ALERT_ACCEPTED)
                        w->alert = ALERT_PENDING;
        if (w->alert == ALERT_PENDING && random_below(3) == 0) {
                w->alert = random_below(6) == 0 ? ALERT_GIVEN_UP : ALERT_ACCEPTED;
                w->told_at = w->now;
        }
}

/* To the next moment that matters, or anywhere. */
static void walk_time(Walk *w)
{
        if (wall_is_set(w->c.due_at) && w->c.due_at.us > w->now.us && random_below(2))
                w->now = w->c.due_at;
        else
                w->now = wall_add(w->now, (Span){ random_below(1 << 30) * INT64_C(20) });
}

static void walk_fresh(Walk *w)
{
        w->c = case_none();
        w->c.number = 1;
        w->told_count = 0;
        w->alert = ALERT_NONE;
        w->is_claimed = false;
        w->events = 0;
}

static void twenty_thousand_events_break_no_promise(void **state UNUSED)
{
        static Walk w;
        Arena *roster_arena = arena;
        random_state = SEED;
        w.now = at("2026-01-05T00:00Z");
        arena = arena_new(1 << 20);
        walk_fresh(&w);
        for (int i = 0; i < WALK_EVENTS; i++) {
                if (++w.events > EVENTS_A_CASE) {
                        walk_fresh(&w);
                        arena_reset(arena);
                        if (w.now.us > at("2040-01-01T00:00Z").us)
                                w.now = at("2026-01-05T00:00Z");
                }
                CaseEvent e = walk_event(&w);
                Case before = w.c;
                CaseOutcome out = step(&w.c, &e);
                walk_replay(&before, &e, &out);
                if (out.is_recorded) {
                        if (w.c.epoch != before.epoch) {
                                w.alert = ALERT_NONE;
                                w.is_claimed = false;
                        }
                        w.is_claimed |= e.kind == EVENT_CLAIM;
                        walk_promises(&w, &e, &out);
                        walk_alert(&w, &out);
                }
                walk_time(&w);
        }
        (void)arena_free(arena);
        arena = roster_arena;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_table_is_the_one_that_was_agreed),
                cmocka_unit_test(every_cell_does_what_the_table_says),
                cmocka_unit_test(an_open_case_has_an_owner_and_a_time),
                cmocka_unit_test(opening_late_sends_one_message_to_each_and_the_owners_first),
                cmocka_unit_test(the_owner_is_not_told_of_help_with_the_alert),
                cmocka_unit_test(nobody_else_hears_of_it_while_the_alert_is_on_its_way),
                cmocka_unit_test(one_member_who_knows_is_enough_for_a_groups_case),
                cmocka_unit_test(a_due_event_with_nothing_due_leaves_no_trace),
                cmocka_unit_test(a_contact_stops_everything),
                cmocka_unit_test(the_first_contact_is_kept_when_the_case_opens_again),
                cmocka_unit_test(joining_raises_the_severity_and_nothing_else),
                cmocka_unit_test(a_live_answer_wakes_a_case_that_nobody_was_told_of),
                cmocka_unit_test(an_attempt_that_pauses_wakes_up_again),
                cmocka_unit_test(an_attempt_does_not_lose_what_is_overdue),
                cmocka_unit_test(only_a_groups_case_can_be_claimed),
                cmocka_unit_test(handing_over_starts_an_epoch_and_drops_before_it_tells),
                cmocka_unit_test(an_outcome_that_claims_a_contact_needs_one),
                cmocka_unit_test(outcomes_read_as_they_are_written),
                cmocka_unit_test(twenty_thousand_events_break_no_promise),
        };
        return cmocka_run_group_tests_name("case", tests, crew_meet, crew_part);
}
