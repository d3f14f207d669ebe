/* promise.c - the promises S1 to S5, L1, L2 and the manners, checked after each turn. */
#include "world.h"

/* ---- promises --------------------------------------------------------------------------------------------------- */

static Case *same_left, *same_right; /* for the macro below */
static const char *same_field;

static void same_number(const char *field, int64_t a, int64_t b)
{
        if (a != b && !same_field)
                same_field = field;
}

static void same_text(const char *field, Text a, Text b)
{
        if (!text_equal(a, b) && !same_field)
                same_field = field;
}

#define SAME_NUMBER(field) same_number(#field, (int64_t)same_left->field, (int64_t)same_right->field)
#define SAME_TIME(field) same_number(#field, same_left->field.us, same_right->field.us)
#define SAME_TEXT(field) same_text(#field, same_left->field, same_right->field)

static void same_steps(void)
{
        SAME_NUMBER(step_count);
        for (size_t i = 0; i < same_left->step_count && !same_field; i++) {
                SAME_NUMBER(steps[i].rung);
                SAME_NUMBER(steps[i].occurrence);
                SAME_NUMBER(steps[i].why);
                SAME_NUMBER(steps[i].message);
                SAME_TEXT(steps[i].recipient);
                SAME_TIME(steps[i].due_at);
        }
}

/* The first field in which they differ; NULL: none. */
static const char *case_difference(Case *a, Case *b)
{
        same_left = a;
        same_right = b;
        same_field = memcmp(a->id.bytes, b->id.bytes, sizeof(a->id.bytes)) == 0 ? NULL : "id";
        SAME_NUMBER(state);
        SAME_NUMBER(mode);
        SAME_NUMBER(severity);
        SAME_NUMBER(epoch);
        SAME_NUMBER(sequence);
        SAME_TEXT(source);
        SAME_TEXT(customer);
        SAME_TEXT(territory);
        SAME_TEXT(rule);
        SAME_TEXT(policy_name);
        SAME_NUMBER(policy_version);
        SAME_TEXT(owner);
        SAME_NUMBER(owner_is_group);
        SAME_TIME(submitted_at);
        SAME_TIME(opened_at);
        SAME_TIME(window_ends_at);
        SAME_TIME(told_at);
        SAME_TIME(paused_until);
        SAME_NUMBER(attempts);
        SAME_TIME(last_attempt_at);
        SAME_TEXT(last_attempt_result);
        SAME_TEXT(last_attempt_channel);
        SAME_NUMBER(level);
        SAME_NUMBER(responses);
        SAME_TIME(first_contact_at);
        SAME_TIME(contacted_at);
        SAME_TIME(closed_at);
        SAME_TEXT(outcome);
        SAME_TEXT(cause);
        SAME_NUMBER(is_held);
        SAME_TIME(due_at);
        same_steps();
        return same_field;
}

typedef struct Replay {
        World *w;
        Arena *arena;
        Case c;
        int32_t sequence;
} Replay;

static int replay_event(void *userdata, int32_t sequence, const CaseEvent *event)
{
        Replay *r = userdata;
        CaseOutcome outcome;
        if (sequence != ++r->sequence)
                fail(r->w, "S5: expected event %d of case %lld, got %d", r->sequence, (long long)r->c.number, sequence);
        case_step(&r->c, event, r->arena, &outcome);
        if (!outcome.is_recorded)
                fail(r->w, "S5: event %d of case %lld (%s) is refused when it is replayed", sequence,
                     (long long)r->c.number, event_kind_text(event->kind));
        r->c = outcome.next;
        return 0;
}

/* S5: the events replayed give the stored case. */
static void promise_replay(World *w, Case *c, Arena *arena)
{
        Replay r = { .w = w, .arena = arena, .c = case_none() };
        r.c.number = c->number;
        check(w, store_events(turn_store(w->turn), c->number, arena, replay_event, &r), "read events");
        const char *field = case_difference(&r.c, c);
        if (field)
                fail(w, "S5: case %lld replayed has another %s than the stored one", (long long)c->number, field);
}

/* S3: an owner, and a next time. L1: nothing stays due. */
static void promise_ladder(World *w, const Case *c)
{
        bool climbs = c->state == CASE_OPEN && c->mode == MODE_LIVE;
        if (c->owner.len == 0)
                fail(w, "S3: case %lld has no owner", (long long)c->number);
        if (climbs && !wall_is_set(c->due_at) && !c->is_held)
                fail(w, "S3: case %lld is open and waits for nothing", (long long)c->number);
        if (!climbs && (wall_is_set(c->due_at) || c->step_count > 0))
                fail(w, "S3: case %lld is not to be followed up and has a ladder", (long long)c->number);
        if (wall_is_set(c->due_at) && c->due_at.us <= w->now.us && !w->in_doubt)
                fail(w, "L1: case %lld stays due after a turn", (long long)c->number);
}

static int count_response(void *userdata, const ResponseRow *row UNUSED)
{
        (*(int64_t *)userdata)++;
        return 0;
}

/* S1: each flagged answer belongs to one case. */
static void promise_answers(World *w, const CaseList *list)
{
        int64_t stored = 0, said = 0, taken = w->figures.opened + w->figures.joined + w->figures.reopened;
        for (size_t i = 0; i < list->count; i++) {
                said += list->cases[i]->responses;
                check(w,
                      store_responses_of_case(turn_store(w->turn), list->cases[i]->number, list->arena, count_response,
                                              &stored),
                      "read answers");
        }
        if (stored != taken || said != taken)
                fail(w, "S1: expected %lld answers in cases, got %lld, and %lld by the cases' own count",
                     (long long)taken, (long long)stored, (long long)said);
}

static int case_collect(void *userdata, const Case *c)
{
        CaseList *list = userdata;
        Case *copy = arena_new_of(list->arena, Case);
        *copy = *c;
        must(list->count < COUNT_OF(list->cases));
        list->cases[list->count++] = copy;
        return 0;
}

CaseList cases_read(World *w, Arena *arena)
{
        CaseList list = { .arena = arena };
        check(w, store_cases(turn_store(w->turn), &(CaseFilter){ .limit = 256 }, arena, case_collect, &list),
              "list cases");
        return list;
}

/* S2: the stored offset is that of the next record. */
static int offset_check(void *userdata, const OffsetRow *row)
{
        World *w = userdata;
        for (size_t i = 0; i < w->topic_count; i++)
                if (text_equal(w->topics[i].name, row->topic) && w->topics[i].next_offset != row->next_offset)
                        fail(w, "S2: expected offset %lld of " TEXT_F ", got %lld", (long long)w->topics[i].next_offset,
                             TEXT_ARG(row->topic), (long long)row->next_offset);
        return 0;
}

void promises_check(World *w)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1 << 16);
        Store *store = turn_store(w->turn);
        check(w, store_begin(store), "begin");
        CaseList list = cases_read(w, arena);
        for (size_t i = 0; i < list.count; i++) {
                promise_ladder(w, list.cases[i]);
                promise_replay(w, list.cases[i], arena);
        }
        promise_answers(w, &list);
        check(w, store_offsets(store, offset_check, w), "read offsets");
        check(w, store_commit(store), "commit");
}

/* S3, L2: never early, never at night, and none about a case that is over. */
void promise_message(World *w, const Parcel *p)
{
        bool is_news = p->message == MESSAGE_CONTACTED || p->message == MESSAGE_CLOSED;
        if (p->c && p->c->state == CASE_CONTACTED &&
            p->message == MESSAGE_JOINED) /* an answer from before the contact */
                is_news = p->due_at.us >= p->c->contacted_at.us;
        int64_t set_back = MAX_OF(-w->jumped.us, INT64_C(0)); /* decided by a clock that ran ahead */
        if (p->due_at.us > w->now.us + set_back)
                fail(w, "L2: " TEXT_F " is told %s before its time", TEXT_ARG(p->recipient), message_text(p->message));
        if (!p->c)
                return;
        if (p->c->state != CASE_OPEN && !is_news && p->message != MESSAGE_TOO_OLD)
                fail(w, "S3: " TEXT_F " is told %s of case %lld, which is %s", TEXT_ARG(p->recipient),
                     message_text(p->message), (long long)p->c->number, case_state_text(p->c->state));
        bool any_time = p->rung >= 0 && p->rung < (int32_t)p->policy->rung_count && p->policy->ladder[p->rung].any_time;
        if (p->reader && !any_time && !hours_is_open(&p->reader->hours, p->reader->zone, w->now))
                fail(w, "manners: " TEXT_F " is told %s outside their hours", TEXT_ARG(p->recipient),
                     message_text(p->message));
        if (p->channel->is_shared && !is_news && p->message != MESSAGE_ALERT && p->message != MESSAGE_CLAIMED)
                fail(w, "manners: the room " TEXT_F " is told %s", TEXT_ARG(p->channel->name),
                     message_text(p->message));
}
