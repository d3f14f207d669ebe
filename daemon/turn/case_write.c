/* case_write.c - what case_step() decided becomes rows; nothing else writes a case. */
#include "inside.h"

Case case_copy(Arena *arena, const Case *c)
{
        Case copy = *c;
        Text *texts[] = { &copy.source,      &copy.customer, &copy.territory,           &copy.rule,
                          &copy.policy_name, &copy.owner,    &copy.last_attempt_result, &copy.last_attempt_channel,
                          &copy.outcome,     &copy.cause };
        for (size_t i = 0; i < COUNT_OF(texts); i++)
                *texts[i] = arena_text(arena, *texts[i]);
        Step *steps = arena_array(arena, Step, c->step_count);
        for (size_t i = 0; i < c->step_count; i++) {
                steps[i] = c->steps[i];
                steps[i].recipient = arena_text(arena, c->steps[i].recipient);
        }
        copy.steps = steps;
        return copy;
}

static void figures_count(Work *w, const Effect *effect)
{
        w->batch->figures.rungs[effect->step.message]++;
        if (!effect->is_event)
                w->batch->figures.rung_late_us = MAX_OF(w->batch->figures.rung_late_us, effect->late.us);
}

static bool delivery_is_out(void *userdata, int64_t row)
{
        return work_is_out(userdata, row);
}

static int effects_apply(Work *w, Subject *s, const CaseOutcome *outcome)
{
        int r = 0;
        for (size_t i = 0; i < outcome->effect_count && r >= 0; i++) {
                const Effect *effect = &outcome->effects[i];
                if (effect->kind == EFFECT_DROP_QUEUED) {
                        r = store_deliveries_drop(w->store, outcome->next.number, w->now, delivery_is_out, w);
                        work_withdraw(w, outcome->next.number, NULL);
                } else {
                        r = work_tell(w, s, &outcome->next, effect);
                        figures_count(w, effect);
                }
        }
        return r;
}

int work_decide(Work *w, Subject *s, const CaseEvent *event, CaseOutcome *ret)
{
        case_step(&s->c, event, w->arena, ret);
        if (!ret->is_recorded)
                return 0;
        bool is_new = s->c.state == CASE_NEW;
        int r = is_new ? store_case_add(w->store, &ret->next) : store_case_save(w->store, &ret->next);
        if (r >= 0)
                r = store_event_add(w->store, ret->next.number, ret->next.sequence, event);
        if (r >= 0)
                r = effects_apply(w, s, ret);
        if (r < 0)
                return r;
        if (ret->next.is_held)
                number_set_add(&w->turn->held, ret->next.number);
        else
                work_note(w, unheld, ret->next.number);
        if (wall_is_set(ret->next.due_at))
                w->turn->due_at = wall_earlier(w->turn->due_at, ret->next.due_at);
        s->c = ret->next;
        return 0;
}
