#include "core/case.h"

#include "case_tbl.h"

typedef enum Verb {
        VERB_START, /* a ladder: a new case, or a new epoch of an old one */
        VERB_JOIN,
        VERB_AGAIN, /* a new epoch, unless the answer was given before the contact */
        VERB_CLIMB,
        VERB_PAUSE,
        VERB_REACH,
        VERB_NOTE,
        VERB_TAKE,
        VERB_GIVE,
        VERB_END,
        VERB_IGNORE,
        VERB_REFUSE,
        VERB_MAX,
} Verb;

typedef struct Cell {
        Verb verb;
        CaseState next;
        const char *reason;
} Cell;

#define ONE_PER_CELL(state, event, verb, next, reason) +1
_Static_assert(0 CASE_CELLS(ONE_PER_CELL) == CASE_STATE_MAX * EVENT_KIND_MAX, "a cell is missing");

#define CELL(state, event, what, to, why) [CASE_##state][EVENT_##event] = { VERB_##what, CASE_##to, why },
static const Cell cells[CASE_STATE_MAX][EVENT_KIND_MAX] = { CASE_CELLS(CELL) };

/* One step being taken. */
typedef struct Work {
        const Case *c;
        const CaseEvent *event;
        Arena *arena;
        Case next;
        Effect *effects;
        size_t count, capacity;
        const char *refusal;
        bool is_silent; /* nothing to record */
} Work;

static Effect *effect_add(Work *w, EffectKind kind)
{
        w->effects = arena_grow(w->arena, w->effects, w->count, &w->capacity, sizeof(Effect));
        Effect *e = &w->effects[w->count++];
        *e = (Effect){ .kind = kind };
        return e;
}

static void effects_of_event(Work *w)
{
        for (size_t i = 0; i < w->event->tell_count; i++) {
                Effect *e = effect_add(w, EFFECT_TELL);
                e->step = w->event->tells[i];
                e->is_event = true;
        }
}

static bool is_owner_alert(const Step *s)
{
        return s->message == MESSAGE_ALERT && s->why == RECIPIENT_OWNER;
}

static bool is_escalation(const Step *s)
{
        return s->message != MESSAGE_ALERT && s->why != RECIPIENT_OWNER;
}

/* The ladder being decided: which waiting steps are due, which of them may go, which message stands for which. */
typedef struct Climb {
        const Step *steps;
        size_t count;
        bool is_due[STEPS_MAX];
        bool is_decided[STEPS_MAX];
} Climb;

static bool recipient_gets_alert(const Climb *k, Text recipient)
{
        for (size_t i = 0; i < k->count; i++)
                if (k->is_due[i] && k->steps[i].message == MESSAGE_ALERT &&
                    text_equal(k->steps[i].recipient, recipient))
                        return true;
        return false;
}

/* Has the owner's alert still to be accepted or given up? Of a group: the first member's. */
static bool alert_is_open(const Work *w, const Climb *k)
{
        AlertState alert = w->event->kind == EVENT_DUE ? w->event->alert : ALERT_NONE;
        if (alert == ALERT_PENDING || alert == ALERT_ACCEPTED)
                return alert == ALERT_PENDING;
        for (size_t i = 0; i < k->count; i++)
                if (is_owner_alert(&k->steps[i]))
                        return true;
        return false;
}

/* No further rung before that; what goes to the same reader as an alert does not wait, it collapses into it. But for
 * the news that somebody was asked for help: nobody was yet. */
static bool may_go(const Climb *k, const Step *s)
{
        return s->message == MESSAGE_ALERT ||
               (s->message != MESSAGE_HELP_TOLD && recipient_gets_alert(k, s->recipient));
}

static void climb_choose(Work *w, Climb *k)
{
        bool is_open = alert_is_open(w, k);
        for (size_t i = 0; i < k->count; i++)
                k->is_due[i] = k->steps[i].due_at.us <= w->event->at.us;
        w->next.is_held = false;
        for (size_t i = 0; i < k->count; i++) {
                bool goes = !is_open || may_go(k, &k->steps[i]);
                bool is_doubted = w->event->holds && k->steps[i].message != MESSAGE_ALERT;
                k->is_decided[i] = k->is_due[i] && goes && !is_doubted;
                w->next.is_held |= k->is_due[i] && !goes;
        }
}

/* Of several messages for one reader the alert counts, else the latest rung. */
static size_t climb_winner(const Climb *k, Text recipient)
{
        size_t winner = k->count;
        for (size_t i = 0; i < k->count; i++) {
                if (!k->is_decided[i] || !text_equal(k->steps[i].recipient, recipient))
                        continue;
                if (winner == k->count ||
                    (k->steps[winner].message != MESSAGE_ALERT &&
                     (k->steps[i].message == MESSAGE_ALERT || k->steps[i].rung >= k->steps[winner].rung)))
                        winner = i;
        }
        return winner;
}

static void climb_tell(Work *w, const Climb *k, size_t winner)
{
        const Step *s = &k->steps[winner];
        uint8_t *collapsed = arena_alloc(w->arena, k->count);
        size_t count = 0;
        for (size_t i = 0; i < k->count; i++)
                if (i != winner && k->is_decided[i] && text_equal(k->steps[i].recipient, s->recipient))
                        collapsed[count++] = k->steps[i].rung;
        Effect *e = effect_add(w, EFFECT_TELL);
        e->step = *s;
        e->late = wall_since(w->event->at, s->due_at);
        e->collapsed = collapsed;
        e->collapsed_count = count;
}

static int step_compare(const Step *a, const Step *b)
{
        if (a->due_at.us != b->due_at.us)
                return a->due_at.us < b->due_at.us ? -1 : 1;
        return (int)a->rung - (int)b->rung;
}

static void steps_sort(Step *steps, size_t count)
{
        for (size_t i = 1; i < count; i++) {
                Step s = steps[i];
                size_t j = i;
                for (; j > 0 && step_compare(&s, &steps[j - 1]) < 0; j--)
                        steps[j] = steps[j - 1];
                steps[j] = s;
        }
}

static void next_keep(Work *w, const Climb *k)
{
        Step *kept = arena_array(w->arena, Step, k->count);
        size_t count = 0;
        for (size_t i = 0; i < k->count; i++) {
                Step s = k->steps[i];
                if (k->is_decided[i]) {
                        if (!wall_is_set(s.again_at))
                                continue;
                        s.occurrence++;
                        s.due_at = s.again_at;
                }
                s.again_at = WALL_NONE;
                kept[count++] = s;
        }
        steps_sort(kept, count);
        w->next.steps = kept;
        w->next.step_count = count;
}

/* What is due and held does not wake by the clock: the result of the alert does. But what the clock's doubt holds is
 * overdue as soon as that is over, at whatever time it is then. */
static void next_arm(Work *w)
{
        w->next.due_at = w->event->holds && w->next.step_count > 0 ? w->next.steps[0].due_at : WALL_NONE;
        for (size_t i = 0; i < w->next.step_count && !wall_is_set(w->next.due_at); i++)
                if (w->event->at.us < w->next.steps[i].due_at.us)
                        w->next.due_at = w->next.steps[i].due_at;
}

static void ladder_climb(Work *w, const Step *steps, size_t count)
{
        must(count <= STEPS_MAX);
        Climb k = { .steps = steps, .count = count };
        climb_choose(w, &k);
        uint32_t escalated = 0;
        for (size_t i = 0; i < count; i++) {
                if (!k.is_decided[i])
                        continue;
                if (climb_winner(&k, steps[i].recipient) == i)
                        climb_tell(w, &k, i);
                if (is_escalation(&steps[i]) &&
                    steps[i].occurrence == 0) /* the list of the next day is no higher level */
                        escalated |= 1u << steps[i].rung;
        }
        w->next.level += __builtin_popcount(escalated);
        next_keep(w, &k);
        next_arm(w);
}

static void ladder_stop(Work *w)
{
        w->next.steps = NULL;
        w->next.step_count = 0;
        w->next.is_held = false;
        w->next.due_at = WALL_NONE;
        (void)effect_add(w, EFFECT_DROP_QUEUED);
}

static void owner_change(Work *w)
{
        if (w->event->owner.data) {
                w->next.owner = w->event->owner;
                w->next.owner_is_group = w->event->owner_is_group;
        }
}

static void start_first(Case *n, const CaseEvent *e)
{
        n->id = e->case_id;
        n->source = e->source;
        n->customer = e->customer;
        n->territory = e->territory;
        n->rule = e->rule;
        n->policy_name = e->policy_name;
        n->policy_version = e->policy_version;
        n->opened_at = e->at;
        n->first_contact_at = WALL_NONE;
}

static void verb_start(Work *w)
{
        const CaseEvent *e = w->event;
        Case *n = &w->next;
        if (w->c->state == CASE_NEW)
                start_first(n, e);
        n->severity = w->c->state == CASE_NEW ? e->severity : MAX_OF(e->severity, n->severity);
        n->mode = e->mode;
        n->submitted_at = e->submitted_at;
        n->window_ends_at = e->window_ends_at;
        n->epoch++;
        n->responses++;
        n->attempts = 0;
        n->level = 0;
        n->told_at = n->paused_until = n->last_attempt_at = n->contacted_at = n->closed_at = WALL_NONE;
        n->last_attempt_result = n->last_attempt_channel = n->outcome = n->cause = TEXT_NONE;
        owner_change(w);
        must(n->owner.len > 0);
        if (w->c->state != CASE_NEW)
                (void)effect_add(w, EFFECT_DROP_QUEUED); /* of the last time: old news by now */
        effects_of_event(w);
        ladder_climb(w, e->steps, e->step_count);
}

/* Never the policy or the window. A live answer wakes a case that nobody was told of. */
static void verb_join(Work *w)
{
        if (case_starts_ladder(w->c, EVENT_FLAGGED, w->event->mode, w->event->submitted_at)) {
                verb_start(w);
                return;
        }
        w->next.severity = MAX_OF(w->next.severity, w->event->severity);
        w->next.responses++;
        effects_of_event(w);
}

/* What was said before the call was settled by the call: the owner hears of it, the case stays as it is. */
static void verb_again(Work *w)
{
        verb_join(w);
        if (w->next.epoch == w->c->epoch)
                w->next.state = w->c->state;
}

static void verb_climb(Work *w)
{
        const CaseEvent *e = w->event;
        if (e->alert == ALERT_ACCEPTED)
                w->next.told_at = e->told_at;
        ladder_climb(w, e->has_steps ? e->steps : w->c->steps, e->has_steps ? e->step_count : w->c->step_count);
        w->is_silent = w->count == 0 && w->next.is_held == w->c->is_held && w->next.due_at.us == w->c->due_at.us &&
                       w->next.told_at.us == w->c->told_at.us;
}

static void attempt_note(Work *w)
{
        w->next.last_attempt_at = w->event->at;
        w->next.last_attempt_result = w->event->result;
        w->next.last_attempt_channel = w->event->channel;
}

static void steps_replace(Work *w)
{
        if (!w->event->has_steps)
                return;
        Step *sorted = arena_array(w->arena, Step, w->event->step_count);
        if (w->event->step_count > 0)
                memcpy(sorted, w->event->steps, w->event->step_count * sizeof(Step));
        steps_sort(sorted, w->event->step_count);
        w->next.steps = sorted;
        w->next.step_count = w->event->step_count;
        w->next.is_held = false;
        w->next.due_at =
                w->event->step_count > 0 ? sorted[0].due_at : WALL_NONE; /* overdue: the clock decides at once */
}

static void verb_pause(Work *w)
{
        w->next.attempts++;
        attempt_note(w);
        if (w->event->owner.data) { /* a member of the group has taken it */
                owner_change(w);
                w->next.told_at = w->event->at;
                (void)effect_add(w, EFFECT_DROP_QUEUED);
        }
        w->next.paused_until = w->event->paused_until;
        effects_of_event(w);
        steps_replace(w);
}

static void verb_reach(Work *w)
{
        if (!wall_is_set(w->next.first_contact_at))
                w->next.first_contact_at = w->event->at;
        w->next.contacted_at = w->event->at;
        owner_change(w);
        ladder_stop(w);
        effects_of_event(w);
}

/* After the contact: on record, nothing changes. */
static void verb_note(Work *w)
{
        if (w->event->kind == EVENT_ATTEMPT)
                attempt_note(w);
}

static void verb_take(Work *w)
{
        if (!w->c->owner_is_group) {
                w->refusal = "the case has an owner already";
                return;
        }
        owner_change(w);
        w->next.told_at = w->event->at; /* who claims it knows of it */
        (void)effect_add(w, EFFECT_DROP_QUEUED);
        effects_of_event(w);
        if (w->event->has_steps)
                ladder_climb(w, w->event->steps, w->event->step_count);
}

static void verb_give(Work *w)
{
        if (text_equal(w->event->owner, w->c->owner)) {
                w->refusal = "the case belongs to them already";
                return;
        }
        owner_change(w);
        effects_of_event(w);
        if (w->c->state != CASE_OPEN || !w->event->has_steps)
                return;
        w->next.epoch++; /* its messages are new ones, also to somebody who had the case before */
        w->next.told_at = WALL_NONE;
        Effect *tells = w->effects;
        size_t count = w->count;
        w->effects = NULL;
        w->count = w->capacity = 0;
        (void)effect_add(w, EFFECT_DROP_QUEUED); /* first, or it would drop what this event tells */
        for (size_t i = 0; i < count; i++)
                *effect_add(w, EFFECT_TELL) = tells[i];
        ladder_climb(w, w->event->steps, w->event->step_count);
}

static const char *end_refusal(const Case *c, const CaseEvent *e)
{
        bool is_contacted = c->state == CASE_CONTACTED;
        if (e->outcome <= OUTCOME_LOST && !is_contacted)
                return "this outcome needs a contact: nobody has reached the customer yet";
        if (e->outcome == OUTCOME_UNREACHABLE && is_contacted)
                return "the customer has been reached";
        if (e->outcome == OUTCOME_UNREACHABLE && c->attempts < e->attempts_needed)
                return "the policy asks for more attempts before a customer counts as unreachable";
        return NULL;
}

static void verb_end(Work *w)
{
        w->refusal = end_refusal(w->c, w->event);
        if (w->refusal)
                return;
        w->next.closed_at = w->event->at;
        w->next.outcome = text_from(outcome_text(w->event->outcome));
        w->next.cause = w->event->cause;
        ladder_stop(w);
        effects_of_event(w);
}

static void verb_ignore(Work *w)
{
        w->is_silent = true;
}

static void (*const verbs[VERB_MAX])(Work *) = {
        [VERB_START] = verb_start, [VERB_JOIN] = verb_join,   [VERB_AGAIN] = verb_again,   [VERB_CLIMB] = verb_climb,
        [VERB_PAUSE] = verb_pause, [VERB_REACH] = verb_reach, [VERB_NOTE] = verb_note,     [VERB_TAKE] = verb_take,
        [VERB_GIVE] = verb_give,   [VERB_END] = verb_end,     [VERB_IGNORE] = verb_ignore,
};

static const char *const verb_texts[VERB_MAX] = {
        [VERB_START] = "start the ladder",
        [VERB_JOIN] = "join",
        [VERB_AGAIN] = "start the ladder again; join, if the answer was given before the contact",
        [VERB_CLIMB] = "climb the ladder",
        [VERB_PAUSE] = "pause the ladder",
        [VERB_REACH] = "stop the ladder",
        [VERB_NOTE] = "note",
        [VERB_TAKE] = "take over",
        [VERB_GIVE] = "hand over",
        [VERB_END] = "close",
        [VERB_IGNORE] = "ignore",
        [VERB_REFUSE] = "refuse",
};

static void refuse(const Case *c, const char *reason, CaseOutcome *ret)
{
        *ret = (CaseOutcome){ .is_refused = true, .reason = reason, .next = *c };
}

/* What must hold of every case that is about to be written. */
static void case_check(const Case *c)
{
        must(c->sequence >= 1 && c->epoch >= 1);
        must(c->owner.len > 0);
        must(c->state == CASE_OPEN || c->step_count == 0);
        must(c->state == CASE_OPEN || !wall_is_set(c->due_at));
        must(c->state != CASE_CONTACTED || wall_is_set(c->contacted_at));
        must(c->state != CASE_CLOSED || wall_is_set(c->closed_at));
}

void case_step(const Case *c, const CaseEvent *event, Arena *arena, CaseOutcome *ret)
{
        must(c->state < CASE_STATE_MAX && event->kind < EVENT_KIND_MAX);
        const Cell *cell = &cells[c->state][event->kind];
        if (cell->verb == VERB_REFUSE) {
                refuse(c, cell->reason, ret);
                return;
        }
        Work w = { .c = c, .event = event, .arena = arena, .next = *c };
        w.next.state = cell->next;
        w.next.sequence++;
        verbs[cell->verb](&w);
        if (w.refusal) {
                refuse(c, w.refusal, ret);
                return;
        }
        if (w.is_silent) {
                *ret = (CaseOutcome){ .next = *c };
                return;
        }
        case_check(&w.next);
        *ret = (CaseOutcome){ .is_recorded = true, .next = w.next, .effects = w.effects, .effect_count = w.count };
}

bool case_starts_ladder(const Case *c, EventKind kind, CaseMode mode, WallTime submitted_at)
{
        if (kind != EVENT_FLAGGED)
                return false;
        if (c->state == CASE_NEW)
                return true;
        if (c->state == CASE_OPEN)
                return mode == MODE_LIVE && c->mode != MODE_LIVE;
        WallTime settled_at = wall_is_set(c->contacted_at) ? c->contacted_at : c->closed_at;
        return mode != MODE_TOO_OLD && submitted_at.us >= settled_at.us;
}

Case case_none(void)
{
        Case c = { .state = CASE_NEW };
        c.submitted_at = c.opened_at = c.window_ends_at = c.told_at = c.paused_until = c.last_attempt_at = WALL_NONE;
        c.first_contact_at = c.contacted_at = c.closed_at = c.due_at = WALL_NONE;
        return c;
}

bool case_table_row(size_t index, const char **ret_state, const char **ret_event, const char **ret_verb,
                    const char **ret_next)
{
        if (index >= (size_t)CASE_STATE_MAX * EVENT_KIND_MAX)
                return false;
        CaseState state = (CaseState)(index / EVENT_KIND_MAX);
        EventKind kind = (EventKind)(index % EVENT_KIND_MAX);
        const Cell *cell = &cells[state][kind];
        *ret_state = case_state_text(state);
        *ret_event = event_kind_text(kind);
        *ret_verb = cell->reason ? cell->reason : verb_texts[cell->verb];
        *ret_next = case_state_text(cell->next);
        return true;
}

const char *case_state_text(CaseState state)
{
        static const char *const texts[CASE_STATE_MAX] = {
                [CASE_NEW] = "new", [CASE_OPEN] = "open", [CASE_CONTACTED] = "contacted", [CASE_CLOSED] = "closed"
        };
        must(state < CASE_STATE_MAX);
        return texts[state];
}

const char *case_mode_text(CaseMode mode)
{
        static const char *const texts[MODE_MAX] = {
                [MODE_LIVE] = "live", [MODE_SHADOW] = "shadow", [MODE_TOO_OLD] = "too-old"
        };
        must(mode < MODE_MAX);
        return texts[mode];
}

const char *event_kind_text(EventKind kind)
{
        static const char *const texts[EVENT_KIND_MAX] = {
                [EVENT_FLAGGED] = "flagged", [EVENT_DUE] = "due",     [EVENT_ATTEMPT] = "attempt",
                [EVENT_CONTACT] = "contact", [EVENT_CLAIM] = "claim", [EVENT_ASSIGN] = "assign",
                [EVENT_CLOSE] = "close",
        };
        must(kind < EVENT_KIND_MAX);
        return texts[kind];
}

static const char *const outcome_texts[OUTCOME_MAX] = {
        [OUTCOME_RECOVERED] = "recovered",
        [OUTCOME_PARTLY] = "partly",
        [OUTCOME_LOST] = "lost",
        [OUTCOME_DECLINED] = "declined",
        [OUTCOME_WRONG_PERSON] = "wrong-person",
        [OUTCOME_ALREADY_HANDLED] = "already-handled",
        [OUTCOME_DUPLICATE] = "duplicate",
        [OUTCOME_NOT_A_COMPLAINT] = "not-a-complaint",
        [OUTCOME_UNREACHABLE] = "unreachable",
};

const char *outcome_text(Outcome outcome)
{
        must(outcome < OUTCOME_MAX);
        return outcome_texts[outcome];
}

bool outcome_parse(Text text, Outcome *ret)
{
        for (int i = 0; i < OUTCOME_MAX; i++) {
                if (text_is(text, outcome_texts[i])) {
                        *ret = (Outcome)i;
                        return true;
                }
        }
        return false;
}
