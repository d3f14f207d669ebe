/* run.c - plays stories (.scn files) over virtual time against the real bands: configuration, rules, cases, store.
 * No threads, no network, no real clock. Time moves only by `at` and `after`; on the way everything that becomes due is
 * done at its exact time, and each message is answered at once as the story says. After each turn the promises S1 to S5
 * are checked. README in this folder has the language.
 *
 *     run [--restart-everywhere] FILE...        closes with "N passed, N failed" */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/zones.h"
#include "turn/id.h"
#include "turn/judge.h"
#include "turn/turn.h"

enum { WORDS_MAX = 48, TOPICS_MAX = 4, TURNS_AT_ONCE_MAX = 2000, OUTBOX_ROOM = 64 };

/* A message that was accepted by its receiver. */
typedef struct Told {
        WallTime at;
        Text recipient, channel;
        Message message;
        int64_t case_number;
        Text key;
        bool is_expected;
} Told;

/* With a transport: answered when its time has come. */
typedef struct Flight {
        struct Flight *next;
        Parcel *parcel;
        WallTime answer_at;
} Flight;

/* When a receiver that takes its time will have answered this message, also if it is sent again after a restart. */
typedef struct Slow {
        Text key;
        WallTime answer_at;
} Slow;

typedef struct Behaviour {
        Text channel;
        Fate fate;
        Span takes;
        int tries;
} Behaviour;

typedef struct Record {
        Text id, topic, value;
        const Source *source;
        WallTime record_time;
} Record;

typedef struct Topic {
        Text name;
        int64_t next_offset;
} Topic;

typedef struct World {
        const char *file;
        int line;
        jmp_buf failed;
        bool restarts_everywhere;
        Arena *arena;
        ZoneCache *zones;
        char *folder; /* of the configuration in force, and of the store */
        Text config_name;
        Config *config;
        Turn *turn;
        Judge *judge;
        WallTime now, wake_at;
        const Zone *zone;
        bool clock_waits; /* `before the clock`: what is due now waits for the next statement's turn */
        bool has_started;
        bool has_crashed; /* since the turn began: what it has told may be told again */

        Flight *flights;
        Told *told;
        size_t told_count, told_capacity;
        Slow *slow;
        size_t slow_count, slow_capacity;
        Behaviour *behaviours;
        size_t behaviour_count, behaviour_capacity;
        Record *records;
        size_t record_count, record_capacity;
        Topic topics[TOPICS_MAX];
        size_t topic_count;
        bool delivers_twice;

        const char *verdict; /* of the last answer */
        const char *reason; /* why the last act was refused; NULL: it was not */
        bool is_repeated, refusal_is_open;
        bool anything_goes; /* only the promises are checked */
        TurnFigures figures;
} World;

/* One line of a story. */
typedef struct Line {
        Text words[WORDS_MAX];
        size_t count;
        struct {
                Text name, value;
                bool is_quoted;
        } options[WORDS_MAX];
        size_t option_count;
        Text stars[8]; /* what the pattern's * stood for */
        Text *rest; /* what its ... stood for */
        size_t rest_count;
} Line;

/* ---- failing ---------------------------------------------------------------------------------------------------- */

static _Noreturn void fail(World *w, const char *format, ...) PRINTF_LIKE(2, 3);

static _Noreturn void fail(World *w, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        printf("%s:%d: ", w->file, w->line);
        (void)vprintf(format, args);
        printf("%s\n", w->restarts_everywhere ? " (with a restart after each line)" : "");
        va_end(args);
        longjmp(w->failed, 1);
}

static void check(World *w, int error, const char *what)
{
        if (error < 0)
                fail(w, "could not %s: %s: %s", what, strerror(-error), w->turn ? store_error(turn_store(w->turn)) : "");
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One word, up to a blank outside of quotes, without its quotes. */
static Text word_read(World *w, const char **at, bool *ret_is_quoted)
{
        Buffer b = buffer_in(w->arena);
        bool inside = false;
        *ret_is_quoted = false;
        for (; **at && (inside || !is_blank(**at)); (*at)++) {
                if (**at == '"') {
                        inside = !inside;
                        *ret_is_quoted = true;
                } else {
                        buffer_put_char(&b, **at);
                }
        }
        if (inside)
                fail(w, "expected a closing quote");
        return buffer_text(&b);
}

static bool is_name(Text text)
{
        for (size_t i = 0; i < text.len; i++)
                if (!((text.data[i] >= 'a' && text.data[i] <= 'z') || text.data[i] == '_'))
                        return false;
        return text.len > 0;
}

static bool option_split(Line *line, Text word, bool is_quoted)
{
        Text name, rest = word;
        if (!memchr(word.data, '=', word.len) || !text_split(&rest, '=', &name) || !is_name(name))
                return false;
        line->options[line->option_count].name = name;
        line->options[line->option_count].value = text_from_offset(word, name.len + 1);
        line->options[line->option_count++].is_quoted = is_quoted;
        return true;
}

/* "joe:" and "10:00," lose their point; comments go. */
static void line_read(World *w, const char *text, Line *ret)
{
        const char *at = text;
        bool is_quoted;
        ret->count = ret->option_count = 0;
        for (;;) {
                while (is_blank(*at))
                        at++;
                if (!*at || *at == '#')
                        return;
                if (ret->count == WORDS_MAX || ret->option_count == WORDS_MAX)
                        fail(w, "expected at most %d words", WORDS_MAX);
                Text word = word_read(w, &at, &is_quoted);
                if (option_split(ret, word, is_quoted))
                        continue;
                while (!is_quoted && word.len > 1 && (word.data[word.len - 1] == ':' || word.data[word.len - 1] == ','))
                        word.len--;
                ret->words[ret->count++] = word;
        }
}

static Text option_of(const Line *line, const char *name)
{
        for (size_t i = 0; i < line->option_count; i++)
                if (text_is(line->options[i].name, name))
                        return line->options[i].value;
        return TEXT_NONE;
}

/* "expect * gets * ...": * is one word, ... is what is left. */
static bool line_matches(Line *line, const char *pattern)
{
        Text rest = text_from(pattern), word;
        size_t at = 0, stars = 0;
        line->rest_count = 0;
        while (text_split(&rest, ' ', &word)) {
                if (text_is(word, "...")) {
                        line->rest = &line->words[at];
                        line->rest_count = line->count - at;
                        return true;
                }
                if (at == line->count || (!text_is(word, "*") && !text_equal(word, line->words[at])))
                        return false;
                if (text_is(word, "*"))
                        line->stars[stars++] = line->words[at];
                at++;
        }
        return at == line->count;
}

static Text words_join(World *w, const Text *words, size_t count)
{
        Buffer b = buffer_in(w->arena);
        for (size_t i = 0; i < count; i++) {
                if (i > 0)
                        buffer_put_char(&b, ' ');
                buffer_put(&b, words[i]);
        }
        return buffer_text(&b);
}

/* ---- time ------------------------------------------------------------------------------------------------------- */

static const char *const weekdays[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };

/* [Mon] [2026-11-20] 16:00[:30] [Europe/Berlin] */
typedef struct Moment {
        int weekday; /* -1: not said */
        bool has_date;
        int32_t year;
        int month, day, hour, minute, second;
        const Zone *zone;
} Moment;

static bool moment_word(World *w, Text word, Moment *m)
{
        char text[64];
        int used = 0;
        if (word.len >= sizeof(text))
                return false;
        (void)snprintf(text, sizeof(text), TEXT_F, TEXT_ARG(word));
        for (int i = 0; i < 7; i++)
                if (text_is(word, weekdays[i])) {
                        m->weekday = i;
                        return true;
                }
        int first, second, third = 0;
        if (sscanf(text, "%4d-%2d-%2d%n", &first, &second, &third, &used) == 3 && !text[used]) {
                m->year = first;
                m->month = second;
                m->day = third;
                return m->has_date = civil_is_date(m->year, m->month, m->day);
        }
        third = 0;
        if ((sscanf(text, "%2d:%2d%n", &first, &second, &used) == 2 && !text[used]) ||
            (sscanf(text, "%2d:%2d:%2d%n", &first, &second, &third, &used) == 3 && !text[used])) {
                m->hour = first;
                m->minute = second;
                m->second = third;
                return true;
        }
        return (memchr(word.data, '/', word.len) || text_is(word, "UTC")) && zone_load(w->zones, word, &m->zone) == 0;
}

static Moment moment_read(World *w, const Text *words, size_t count)
{
        Moment m = { .weekday = -1, .zone = w->zone };
        for (size_t i = 0; i < count; i++)
                if (!moment_word(w, words[i], &m))
                        fail(w, "expected a time such as \"Fri 2026-11-20 16:00 Europe/Berlin\", got \"" TEXT_F "\"",
                             TEXT_ARG(words[i]));
        if (!m.zone)
                fail(w, "expected a time zone with the first time");
        return m;
}

static WallTime moment_on(World *w, const Moment *m, int64_t days)
{
        Civil c = civil_from_days(days);
        c.hour = (int8_t)m->hour;
        c.minute = (int8_t)m->minute;
        c.second = (int8_t)m->second;
        if (m->has_date && m->weekday >= 0 && m->weekday != c.weekday)
                fail(w, "expected %s, but that day is a %s", weekdays[m->weekday], weekdays[c.weekday]);
        return zone_instant(m->zone, &c);
}

/* Without a date: the next one from now on. */
static WallTime moment_instant(World *w, const Moment *m)
{
        if (m->has_date)
                return moment_on(w, m, civil_days(m->year, m->month, m->day));
        if (!w->has_started)
                fail(w, "expected a date with the first time");
        Civil today = zone_local(m->zone, w->now);
        int64_t first = civil_days(today.year, today.month, today.day);
        for (int64_t day = first; day <= first + 8; day++) {
                WallTime t = moment_on(w, m, day);
                if (t.us >= w->now.us && (m->weekday < 0 || civil_from_days(day).weekday == m->weekday))
                        return t;
        }
        fail(w, "expected a time in the next eight days");
}

/* "Mon 2026-11-23 10:00"; seconds if there are any. */
static Text time_text(World *w, const Zone *zone, WallTime t)
{
        if (!wall_is_set(t))
                return TEXT("never");
        Civil c = zone_local(zone ? zone : &ZONE_UTC, t);
        Text text = arena_textf(w->arena, "%s %04d-%02d-%02d %02d:%02d", weekdays[c.weekday], c.year, c.month, c.day, c.hour,
                                c.minute);
        if (c.second != 0 || c.microsecond != 0)
                text = arena_textf(w->arena, TEXT_F ":%02d", TEXT_ARG(text), c.second);
        if (c.microsecond != 0)
                text = arena_textf(w->arena, TEXT_F ".%06d", TEXT_ARG(text), c.microsecond);
        return text;
}

/* Is it at "Mon 10:00", "10:00", "Mon 2026-11-23 10:00", with or without a zone? */
static bool time_is(World *w, WallTime t, const Text *words, size_t count)
{
        const Zone *zone = w->zone;
        if (count > 0 && memchr(words[count - 1].data, '/', words[count - 1].len) &&
            zone_load(w->zones, words[count - 1], &zone) == 0)
                count--;
        Text is = time_text(w, zone, t), day, rest = is;
        Text wanted = words_join(w, words, count);
        if (text_equal(is, wanted))
                return true;
        (void)text_split(&rest, ' ', &day);
        Text clock = text_from_offset(is, MIN_OF(is.len, (size_t)15));
        return text_equal(wanted, clock) || text_equal(wanted, arena_textf(w->arena, TEXT_F " " TEXT_F, TEXT_ARG(day), TEXT_ARG(clock)));
}

static Span span_read(World *w, Text text)
{
        Delay delay;
        if (!delay_parse(text, false, false, &delay) || delay.kind != DELAY_ELAPSED)
                fail(w, "expected a time such as \"2 hours\", got \"" TEXT_F "\"", TEXT_ARG(text));
        return delay.span;
}

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
                fail(r->w, "S5: event %d of case %lld (%s) is refused when it is replayed", sequence, (long long)r->c.number,
                     event_kind_text(event->kind));
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
        if (wall_is_set(c->due_at) && c->due_at.us <= w->now.us)
                fail(w, "L1: case %lld stays due after a turn", (long long)c->number);
}

typedef struct CaseList {
        Arena *arena;
        Case *cases[256];
        size_t count;
} CaseList;

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
                check(w, store_responses_of_case(turn_store(w->turn), list->cases[i]->number, list->arena, count_response, &stored),
                      "read answers");
        }
        if (stored != taken || said != taken)
                fail(w, "S1: expected %lld answers in cases, got %lld, and %lld by the cases' own count", (long long)taken,
                     (long long)stored, (long long)said);
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

static CaseList cases_read(World *w, Arena *arena)
{
        CaseList list = { .arena = arena };
        check(w, store_cases(turn_store(w->turn), &(CaseFilter){ .limit = 256 }, arena, case_collect, &list), "list cases");
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

static void promises_check(World *w)
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
static void promise_message(World *w, const Parcel *p)
{
        bool is_news = p->message == MESSAGE_CONTACTED || p->message == MESSAGE_CLOSED;
        if (p->due_at.us > w->now.us)
                fail(w, "L2: " TEXT_F " is told %s before its time", TEXT_ARG(p->recipient), message_text(p->message));
        if (!p->c)
                return;
        if (p->c->state != CASE_OPEN && !is_news && p->message != MESSAGE_TOO_OLD)
                fail(w, "S3: " TEXT_F " is told %s of case %lld, which is %s", TEXT_ARG(p->recipient), message_text(p->message),
                     (long long)p->c->number, case_state_text(p->c->state));
        bool any_time = p->rung >= 0 && p->rung < (int32_t)p->policy->rung_count && p->policy->ladder[p->rung].any_time;
        if (p->reader && !any_time && !hours_is_open(&p->reader->hours, p->reader->zone, w->now))
                fail(w, "manners: " TEXT_F " is told %s outside their hours", TEXT_ARG(p->recipient), message_text(p->message));
        if (p->channel->is_shared && !is_news && p->message != MESSAGE_ALERT && p->message != MESSAGE_CLAIMED)
                fail(w, "manners: the room " TEXT_F " is told %s", TEXT_ARG(p->channel->name), message_text(p->message));
}

/* ---- receivers -------------------------------------------------------------------------------------------------- */

static Behaviour *behaviour_of(World *w, Text channel)
{
        for (size_t i = 0; i < w->behaviour_count; i++)
                if (text_equal(w->behaviours[i].channel, channel))
                        return &w->behaviours[i];
        w->behaviours = arena_grow(w->arena, w->behaviours, w->behaviour_count, &w->behaviour_capacity, sizeof(Behaviour));
        w->behaviours[w->behaviour_count] = (Behaviour){ .channel = arena_text(w->arena, channel) };
        return &w->behaviours[w->behaviour_count++];
}

static Text key_text(World *w, const Parcel *p)
{
        char buffer[ID_TEXT_BYTES];
        CaseId id;
        memcpy(id.bytes, p->key, sizeof(id.bytes));
        return arena_text(w->arena, id_text(id, buffer));
}

/* A message that was sent before a restart is answered when it would have been. */
static WallTime answer_time(World *w, const Parcel *p, const Behaviour *b)
{
        Text key = key_text(w, p);
        for (size_t i = 0; i < w->slow_count; i++)
                if (text_equal(w->slow[i].key, key) && w->slow[i].answer_at.us > w->now.us)
                        return w->slow[i].answer_at;
        if (b->takes.us == 0)
                return w->now;
        w->slow = arena_grow(w->arena, w->slow, w->slow_count, &w->slow_capacity, sizeof(Slow));
        w->slow[w->slow_count] = (Slow){ key, wall_add(w->now, b->takes) };
        return w->slow[w->slow_count++].answer_at;
}

static void flight_start(World *w, Parcel *p)
{
        Behaviour *b = behaviour_of(w, p->channel->name);
        Flight *f = arena_new_of(w->arena, Flight);
        promise_message(w, p);
        b->tries++;
        *f = (Flight){ .parcel = p, .answer_at = answer_time(w, p, b) };
        Flight **end = &w->flights;
        while (*end)
                end = &(*end)->next;
        *end = f;
}

/* S4: what is known to be accepted is not sent again. */
static void told_add(World *w, const Parcel *p)
{
        Text key = key_text(w, p);
        bool is_repeated = false;
        for (size_t i = 0; i < w->told_count; i++)
                is_repeated |= text_equal(w->told[i].key, key);
        if (is_repeated)
                fail(w, "S4: " TEXT_F " has been told %s twice on " TEXT_F, TEXT_ARG(p->recipient), message_text(p->message),
                     TEXT_ARG(p->channel->name));
        w->told = arena_grow(w->arena, w->told, w->told_count, &w->told_capacity, sizeof(Told));
        w->told[w->told_count++] = (Told){ .at = w->now,
                                           .recipient = arena_text(w->arena, p->recipient),
                                           .channel = arena_text(w->arena, p->channel->name),
                                           .message = p->message,
                                           .case_number = p->c ? p->c->number : 0,
                                           .key = key };
}

static void result_add(World *w, Batch *batch, Parcel *p)
{
        const Behaviour *b = behaviour_of(w, p->channel->name);
        Input *input = batch_add(batch, INPUT_RESULT);
        input->result = (Result){ .parcel = p, .fate = b->fate, .code = b->fate == FATE_ACCEPTED ? 200 : 500 };
        input->result.detail = b->fate == FATE_ACCEPTED ? TEXT("accepted") : TEXT("the receiver is out of order");
        if (b->fate == FATE_ACCEPTED)
                told_add(w, p);
}

static void results_add(World *w, Batch *batch)
{
        for (Flight *f = w->flights; f; f = f->next)
                if (f->answer_at.us <= w->now.us)
                        result_add(w, batch, f->parcel);
}

static void flights_end(World *w)
{
        for (Flight **f = &w->flights; *f;) {
                if ((*f)->answer_at.us <= w->now.us) {
                        (void)parcel_free((*f)->parcel);
                        *f = (*f)->next;
                } else {
                        f = &(*f)->next;
                }
        }
}

/* ---- turns ------------------------------------------------------------------------------------------------------ */

static void figures_add(World *w, const TurnFigures *more)
{
        w->figures.opened += more->opened;
        w->figures.joined += more->joined;
        w->figures.reopened += more->reopened;
        w->figures.repeated += more->repeated;
        w->figures.anonymous += more->anonymous;
        w->figures.too_old += more->too_old;
        w->figures.dead += more->dead;
}

static void world_turn(World *w, Batch *batch)
{
        batch->now = w->now;
        batch->parcels_wanted = OUTBOX_ROOM;
        turn_run(w->turn, batch);
        if (batch->error != 0)
                fail(w, "a turn failed: %s: " TEXT_F, strerror(-batch->error), TEXT_ARG(batch->error_text));
        flights_end(w);
        while (batch->parcels) {
                Parcel *p = batch->parcels;
                batch->parcels = p->next;
                flight_start(w, p);
        }
        figures_add(w, &batch->figures);
        w->wake_at = batch->has_more ? w->now : batch->wake_at;
        promises_check(w);
}

static WallTime next_moment(const World *w)
{
        WallTime next = w->wake_at;
        for (const Flight *f = w->flights; f; f = f->next)
                next = wall_earlier(next, f->answer_at);
        return next;
}

/* Everything that becomes due until then, each at its own time. */
static void world_advance(World *w, WallTime until, bool also_then)
{
        int turns = 0;
        for (WallTime next = next_moment(w); next.us < until.us || (also_then && next.us == until.us); next = next_moment(w)) {
                turns = next.us <= w->now.us ? turns + 1 : 0;
                if (turns == TURNS_AT_ONCE_MAX)
                        fail(w, "the turns do not come to rest at one moment");
                w->now = wall_later(w->now, next);
                CLEANUP(batch_freep) Batch *batch = batch_new(w->config);
                results_add(w, batch);
                world_turn(w, batch);
        }
        w->now = until;
}

static void world_settle(World *w)
{
        w->clock_waits = false;
        world_advance(w, w->now, true);
}

/* ---- beginning, restarting, reloading --------------------------------------------------------------------------- */

static void folder_make(World *w)
{
        char name[] = "/tmp/closedloop-scenario-XXXXXX";
        must(mkdtemp(name) != NULL);
        w->folder = strdup(name);
        must(w->folder != NULL);
}

/* The files of the company, and over them those of this configuration. */
static void config_copy(World *w, Text name)
{
        char path[PATH_MAX];
        (void)snprintf(path, sizeof(path), "%s", w->file);
        const char *here = dirname(path);
        Text command = arena_textf(w->arena,
                                   "rm -rf '%s/etc' && cp -rT '%s/config/example' '%s/etc' && cp -rT '%s/config/" TEXT_F "' '%s/etc'",
                                   w->folder, here, w->folder, here, TEXT_ARG(name), w->folder);
        if (system(command.data) != 0)
                fail(w, "there is no configuration \"" TEXT_F "\"", TEXT_ARG(name));
}

static Config *config_make(World *w, Text name)
{
        CLEANUP(report_freep) Report *report = report_new();
        Config *config = NULL;
        config_copy(w, name);
        Text path = arena_textf(w->arena, "%s/etc/closedloopd.conf", w->folder);
        if (config_load(path.data, w->now, report, &config) < 0) {
                Buffer b = buffer_in(w->arena);
                report_write(report, &b);
                fail(w, "the configuration is refused: " TEXT_F, TEXT_ARG(buffer_text(&b)));
        }
        return config;
}

static void config_swap(World *w, Config *config)
{
        for (size_t i = 0; i < w->record_count; i++)
                w->records[i].source = config_source(config, w->records[i].source->name);
        (void)config_unref(w->config);
        w->config = config;
}

static void turn_make(World *w)
{
        Store *store = NULL;
        Text message = TEXT_NONE;
        Text path = arena_textf(w->arena, "%s/closedloop.db", w->folder);
        if (store_open(path.data, w->arena, &store, &message) < 0 || turn_new(store, w->arena, &w->turn, &message) < 0 ||
            turn_adopt(w->turn, w->config, w->now, w->arena, &message) < 0)
                fail(w, "could not start: " TEXT_F, TEXT_ARG(message));
        w->wake_at = w->now;
}

static void topics_make(World *w)
{
        Store *store = turn_store(w->turn);
        check(w, store_begin(store), "begin");
        for (size_t i = 0; i < w->config->source_count; i++) {
                Topic *topic = &w->topics[w->topic_count++];
                must(w->topic_count <= TOPICS_MAX);
                topic->name = arena_text(w->arena, w->config->sources[i].topic);
                OffsetRow row = { .topic = topic->name, .anchor_offset = -1, .anchor_time = WALL_NONE };
                check(w, store_offset_add(store, &row), "add an offset");
        }
        check(w, store_commit(store), "commit");
}

static void world_start(World *w)
{
        if (!w->config_name.data)
                fail(w, "expected \"config NAME\" before the first time");
        folder_make(w);
        w->config = config_make(w, w->config_name);
        w->judge = judge_new();
        turn_make(w);
        topics_make(w);
        w->has_started = true;
}

/* What was with a transport is forgotten, as after kill -9. */
static void world_restart(World *w)
{
        if (!w->has_started)
                return;
        for (Flight *f = w->flights; f; f = f->next)
                (void)parcel_free(f->parcel);
        w->flights = NULL;
        w->turn = turn_free(w->turn);
        w->has_crashed = true;
        turn_make(w);
}

static void world_end(World *w)
{
        for (Flight *f = w->flights; f; f = f->next)
                (void)parcel_free(f->parcel);
        w->turn = turn_free(w->turn);
        w->judge = judge_free(w->judge);
        (void)config_unref(w->config);
        if (w->folder) {
                Text command = arena_textf(w->arena, "rm -rf '%s'", w->folder);
                (void)!system(command.data);
        }
        free(w->folder);
        (void)arena_free(w->arena);
}

/* ---- statements: time and configuration ------------------------------------------------------------------------- */

static void do_config(World *w, Line *line)
{
        w->config_name = arena_text(w->arena, line->stars[0]);
}

static void do_at(World *w, Line *line)
{
        size_t count = line->rest_count;
        bool waits = count > 3 && text_is(words_join(w, &line->rest[count - 3], 3), "before the clock");
        Moment m = moment_read(w, line->rest, waits ? count - 3 : count);
        WallTime t = moment_instant(w, &m);
        w->zone = m.zone;
        if (!w->has_started) {
                w->now = t;
                world_start(w);
        }
        if (t.us < w->now.us)
                fail(w, "expected a time that is not over, it is " TEXT_F, TEXT_ARG(time_text(w, w->zone, w->now)));
        world_advance(w, t, !waits);
        w->clock_waits = waits;
}

static void do_after(World *w, Line *line)
{
        world_advance(w, wall_add(w->now, span_read(w, words_join(w, line->rest, line->rest_count))), true);
}

static void do_restart(World *w, Line *line UNUSED)
{
        world_restart(w);
        world_settle(w);
}

/* Killed now, started again then: nothing happens in between. */
static void do_down(World *w, Line *line)
{
        Moment m = moment_read(w, line->rest, line->rest_count);
        w->now = moment_instant(w, &m);
        do_restart(w, line);
}

static void reload_expect(World *w, Text name, Text refusal)
{
        Text message = TEXT_NONE;
        Config *config = config_make(w, name);
        int r = turn_adopt(w->turn, config, w->now, w->arena, &message);
        if (r < 0) {
                (void)config_unref(config);
                if (!refusal.data || !memmem(message.data, message.len, refusal.data, refusal.len))
                        fail(w, "the configuration is refused: " TEXT_F, TEXT_ARG(message));
                return;
        }
        config_swap(w, config);
        if (refusal.data)
                fail(w, "expected the configuration to be refused");
        world_settle(w);
}

static void do_reload(World *w, Line *line)
{
        reload_expect(w, line->stars[0], TEXT_NONE);
}

static void do_reload_refused(World *w, Line *line)
{
        reload_expect(w, line->stars[0], line->stars[1]);
}

/* ---- statements: answers ---------------------------------------------------------------------------------------- */

static bool value_is_bare(Text value, bool is_quoted)
{
        double number;
        return !is_quoted && (text_number(value, &number) || text_is(value, "true") || text_is(value, "false"));
}

/* A plain number stays a number, [a b] is a list, the rest is text. */
static void value_write(JsonWriter *json, Text value, bool is_quoted)
{
        if (value_is_bare(value, is_quoted)) {
                json_put_raw(json, value);
                return;
        }
        if (value.len < 2 || value.data[0] != '[' || value.data[value.len - 1] != ']') {
                json_put_text(json, value);
                return;
        }
        Text rest = { value.data + 1, value.len - 2 }, part;
        json_open(json, '[');
        while (text_split(&rest, ' ', &part))
                json_put_text(json, part);
        json_close(json, ']');
}

static WallTime submitted_of(World *w, const Line *line)
{
        Text text = option_of(line, "submitted"), words[8], part;
        size_t count = 0;
        if (!text.data)
                return w->now;
        while (count < COUNT_OF(words) && text_split(&text, ' ', &part))
                words[count++] = part;
        Moment m = moment_read(w, words, count);
        if (!m.has_date)
                fail(w, "expected a date in submitted");
        return moment_instant(w, &m);
}

static Text answer_json(World *w, const Line *line, Text id, WallTime submitted)
{
        Buffer b = buffer_in(w->arena);
        JsonWriter json = json_writer(&b);
        json_open(&json, '{');
        json_field_text(&json, "id", id);
        json_field_time(&json, "submitted", submitted);
        for (size_t i = 0; i < line->option_count; i++) {
                if (text_is(line->options[i].name, "submitted") || text_is(line->options[i].name, "source"))
                        continue;
                json_key_text(&json, line->options[i].name);
                value_write(&json, line->options[i].value, line->options[i].is_quoted);
        }
        json_close(&json, '}');
        return buffer_text(&b);
}

static Topic *topic_of(World *w, Text name)
{
        for (size_t i = 0; i < w->topic_count; i++)
                if (text_equal(w->topics[i].name, name))
                        return &w->topics[i];
        fail(w, "there is no topic \"" TEXT_F "\"", TEXT_ARG(name));
}

static void move_add(Batch *batch, const Topic *topic, WallTime time)
{
        batch->moves = arena_grow(batch->arena, batch->moves, batch->move_count, &batch->move_capacity, sizeof(OffsetMove));
        batch->moves[batch->move_count++] = (OffsetMove){ .from = topic->next_offset,
                                                          .to = { .topic = topic->name,
                                                                  .next_offset = topic->next_offset + 1,
                                                                  .anchor_offset = topic->next_offset,
                                                                  .anchor_time = time } };
}

static void judged_add(World *w, Batch *batch, Judged judged, Answer answer, const char *reason, const Record *record,
                       const Place *place)
{
        static const char *const verdicts[JUDGED_MAX] = { [JUDGED_SATISFIED] = "satisfied",
                                                          [JUDGED_FLAGGED] = "flagged",
                                                          [JUDGED_UNJUDGEABLE] = "unjudgeable",
                                                          [JUDGED_DEAD] = "unreadable" };
        w->verdict = verdicts[judged];
        if (judged == JUDGED_FLAGGED)
                batch_add(batch, INPUT_ANSWER)->answer = answer;
        if (judged == JUDGED_DEAD)
                batch_add(batch, INPUT_DEAD)->dead =
                        (DeadLetterRow){ .place = *place, .reason = text_from(reason), .value = record->value };
}

/* One record at the next offset, in a turn with whatever is due. */
static void record_deliver(World *w, const Record *record)
{
        CLEANUP(batch_freep) Batch *batch = batch_new(w->config);
        Topic *topic = topic_of(w, record->topic);
        Place place = { .topic = topic->name, .offset = topic->next_offset, .record_time = record->record_time };
        Answer answer = { 0 };
        const char *reason = NULL;
        Judged judged = judge_record(w->judge, w->config, record->source, &place, record->value, TEXT_NONE, w->now, &answer,
                                     &reason);
        judged_add(w, batch, judged, answer, reason, record, &place);
        move_add(batch, topic, record->record_time);
        topic->next_offset++;
        results_add(w, batch);
        world_turn(w, batch);
        world_settle(w);
}

static void record_add(World *w, Record record)
{
        w->records = arena_grow(w->arena, w->records, w->record_count, &w->record_capacity, sizeof(Record));
        w->records[w->record_count++] = record;
        record_deliver(w, &record);
        if (w->delivers_twice)
                record_deliver(w, &record);
}

static const Source *source_of(World *w, Text name)
{
        const Source *source = name.data ? config_source(w->config, name) : config_source(w->config, TEXT("relationship"));
        if (!source)
                fail(w, "there is no source \"" TEXT_F "\"", TEXT_ARG(name));
        return source;
}

static void do_answer(World *w, Line *line)
{
        const Source *source = source_of(w, option_of(line, "source"));
        WallTime submitted = submitted_of(w, line);
        Text id = arena_text(w->arena, line->stars[0]);
        record_add(w, (Record){ .id = id,
                                .topic = arena_text(w->arena, source->topic),
                                .value = answer_json(w, line, id, submitted),
                                .source = source,
                                .record_time = wall_earlier(submitted, w->now) });
}

static void do_record(World *w, Line *line)
{
        const Source *source = source_of(w, TEXT_NONE);
        record_add(w, (Record){ .id = TEXT(""),
                                .topic = arena_text(w->arena, source->topic),
                                .value = arena_text(w->arena, line->stars[0]),
                                .source = source,
                                .record_time = w->now });
}

static void do_kafka_repeats(World *w, Line *line)
{
        for (size_t i = 0; i < w->record_count; i++)
                if (text_equal(w->records[i].id, line->stars[0])) {
                        record_deliver(w, &w->records[i]);
                        return;
                }
        fail(w, "there was no answer \"" TEXT_F "\"", TEXT_ARG(line->stars[0]));
}

static void do_kafka_twice(World *w, Line *line UNUSED)
{
        w->delivers_twice = true;
}

/* ---- statements: acts ------------------------------------------------------------------------------------------- */

/* "ana contacts 2 by phone: spoke" and "ana contacts by phone: spoke" (case 1). */
static int64_t case_number_take(Line *line)
{
        int64_t number = 1;
        if (line->count < 3 || !text_integer(line->words[2], &number))
                return 1;
        for (size_t i = 3; i < line->count; i++)
                line->words[i - 1] = line->words[i];
        line->count--;
        return number;
}

static void act_read(World *w, const Line *line, Act *act)
{
        Text at = option_of(line, "told_at");
        act->by = line->words[0];
        act->key = option_of(line, "key");
        act->note = option_of(line, "note");
        act->cause = option_of(line, "cause");
        act->at = WALL_NONE;
        if (at.data) {
                Moment m = moment_read(w, &at, 1);
                act->at = moment_instant(w, &m);
        }
}

static bool act_match(Line *line, Act *act)
{
        if (line_matches(line, "* attempts by * *") || line_matches(line, "* contacts by * *")) {
                act->kind = text_is(line->words[1], "attempts") ? EVENT_ATTEMPT : EVENT_CONTACT;
                act->channel = line->stars[1];
                act->result = line->stars[2];
                return true;
        }
        if (line_matches(line, "* claims")) {
                act->kind = EVENT_CLAIM;
                return true;
        }
        if (line_matches(line, "* assigns to *")) {
                act->kind = EVENT_ASSIGN;
                act->to = line->stars[1];
                return true;
        }
        act->kind = EVENT_CLOSE;
        return line_matches(line, "* closes as *") && outcome_parse(line->stars[1], &act->outcome);
}

static bool act_try(World *w, Line *line)
{
        Line copy = *line;
        Act act = { .case_number = case_number_take(&copy) };
        if (!act_match(&copy, &act))
                return false;
        act_read(w, &copy, &act);
        CLEANUP(batch_freep) Batch *batch = batch_new(w->config);
        batch_add(batch, INPUT_ACT)->act = &act;
        results_add(w, batch);
        world_turn(w, batch);
        w->reason = act.reason;
        w->is_repeated = act.is_repeated;
        w->refusal_is_open = act.reason != NULL;
        if (act.is_done == (act.reason != NULL))
                fail(w, "an act is either done or answered with a reason");
        world_settle(w);
        return true;
}

/* ---- statements: receivers -------------------------------------------------------------------------------------- */

static void do_deliveries(World *w, Line *line)
{
        static const struct {
                const char *words;
                Fate fate;
        } fates[] = { { "fail temporarily", FATE_TEMPORARY },
                      { "fail permanently", FATE_PERMANENT },
                      { "are gone", FATE_GONE },
                      { "are accepted again", FATE_ACCEPTED } };
        Text words = words_join(w, line->rest, line->rest_count);
        Behaviour *b = behaviour_of(w, line->stars[0]);
        if (!config_channel(w->config, line->stars[0]) && !w->anything_goes)
                fail(w, "there is no channel \"" TEXT_F "\"", TEXT_ARG(line->stars[0]));
        for (size_t i = 0; i < COUNT_OF(fates); i++)
                if (text_is(words, fates[i].words)) {
                        b->fate = fates[i].fate;
                        b->takes = SPAN_ZERO;
                        return;
                }
        if (!text_starts(words, TEXT("take ")))
                fail(w, "expected fail temporarily, fail permanently, are gone, are accepted again or take TIME");
        b->takes = span_read(w, text_from_offset(words, 5));
}

/* For stories that a machine makes up. */
static void do_anything(World *w, Line *line UNUSED)
{
        w->anything_goes = true;
}

/* ---- statements: expectations ----------------------------------------------------------------------------------- */

static Text told_text(World *w, const Told *t)
{
        return arena_textf(w->arena, TEXT_F " gets %s on " TEXT_F " at " TEXT_F, TEXT_ARG(t->recipient), message_text(t->message),
                           TEXT_ARG(t->channel), TEXT_ARG(time_text(w, w->zone, t->at)));
}

/* After a restart operators, and the catch-all about what is too old, may hear the same again: that is not stored. */
static bool may_be_extra(const World *w, const Told *t)
{
        return w->has_crashed && (t->message == MESSAGE_OPERATOR || t->message == MESSAGE_TOO_OLD);
}

static Text told_left(World *w)
{
        Buffer b = buffer_in(w->arena);
        for (size_t i = 0; i < w->told_count; i++)
                if (!w->told[i].is_expected && !may_be_extra(w, &w->told[i]))
                        buffer_putf(&b, "%s" TEXT_F, b.len > 0 ? ", " : "", TEXT_ARG(told_text(w, &w->told[i])));
        return b.len > 0 ? buffer_text(&b) : TEXT("nothing");
}

/* RECIPIENT, MESSAGE, [of case N] [on CHANNEL] [at TIME] */
typedef struct Wanted {
        Text recipient, message, channel;
        int64_t case_number; /* -1: any */
        const Text *time; /* NULL: any */
        size_t time_count;
} Wanted;

static Wanted wanted_read(World *w, const Line *line)
{
        Wanted wanted = { .recipient = line->stars[0], .message = line->stars[1], .case_number = -1 };
        const Text *at = line->rest, *end = line->rest + line->rest_count;
        if (end - at >= 3 && text_is(at[0], "of") && text_is(at[1], "case") && text_integer(at[2], &wanted.case_number))
                at += 3;
        if (end - at >= 2 && text_is(at[0], "on")) {
                wanted.channel = at[1];
                at += 2;
        }
        if (end - at >= 2 && text_is(at[0], "at")) {
                wanted.time = at + 1;
                wanted.time_count = (size_t)(end - at - 1);
        } else if (at != end) {
                fail(w, "expected of case N, on CHANNEL or at TIME, got \"" TEXT_F "\"", TEXT_ARG(*at));
        }
        return wanted;
}

static bool told_is(World *w, const Told *t, const Wanted *wanted)
{
        return !t->is_expected && text_equal(t->recipient, wanted->recipient) &&
               text_is(wanted->message, message_text(t->message)) &&
               (wanted->case_number < 0 || t->case_number == wanted->case_number) &&
               (!wanted->channel.data || text_equal(t->channel, wanted->channel)) &&
               (!wanted->time || time_is(w, t->at, wanted->time, wanted->time_count));
}

static bool told_take(World *w, const Line *line)
{
        Wanted wanted = wanted_read(w, line);
        for (size_t i = 0; i < w->told_count; i++)
                if (told_is(w, &w->told[i], &wanted))
                        return w->told[i].is_expected = true;
        return false;
}

static void do_expect_gets(World *w, Line *line)
{
        if (!told_take(w, line))
                fail(w, "expected " TEXT_F ", got " TEXT_F, TEXT_ARG(words_join(w, line->words + 1, line->count - 1)),
                     TEXT_ARG(told_left(w)));
}

/* What a crash in between may prevent. */
static void do_may_get(World *w, Line *line)
{
        (void)told_take(w, line);
}

static void do_expect_nothing(World *w, Line *line UNUSED)
{
        Text left = told_left(w);
        if (!text_is(left, "nothing"))
                fail(w, "expected nothing else, got " TEXT_F, TEXT_ARG(left));
}

static Case case_read(World *w, Text number, Arena *arena)
{
        int64_t n = 0;
        CaseList list = cases_read(w, arena);
        if (!text_integer(number, &n))
                fail(w, "expected the number of a case, got \"" TEXT_F "\"", TEXT_ARG(number));
        for (size_t i = 0; i < list.count; i++)
                if (list.cases[i]->number == n)
                        return *list.cases[i];
        fail(w, "expected a case %lld, got %zu cases", (long long)n, list.count);
}

static Text number_text(World *w, int64_t number)
{
        return arena_textf(w->arena, "%lld", (long long)number);
}

static Text case_field(World *w, const Case *c, Text name)
{
        const struct {
                const char *name;
                Text value;
        } fields[] = { { "state", text_from(case_state_text(c->state)) },
                       { "mode", text_from(case_mode_text(c->mode)) },
                       { "severity", text_from(severity_text(c->severity)) },
                       { "owner", c->owner },
                       { "customer", c->customer.data ? c->customer : TEXT("nobody") },
                       { "rule", c->rule },
                       { "policy", arena_textf(w->arena, TEXT_F " %d", TEXT_ARG(c->policy_name), c->policy_version) },
                       { "epoch", number_text(w, c->epoch) },
                       { "attempts", number_text(w, c->attempts) },
                       { "level", number_text(w, c->level) },
                       { "responses", number_text(w, c->responses) },
                       { "outcome", c->outcome.data ? c->outcome : TEXT("none") },
                       { "cause", c->cause.data ? c->cause : TEXT("none") },
                       { "window", time_text(w, w->zone, c->window_ends_at) },
                       { "due", time_text(w, w->zone, c->due_at) },
                       { "paused", time_text(w, w->zone, c->paused_until) },
                       { "reached", time_text(w, w->zone, c->contacted_at) },
                       { "held", c->is_held ? TEXT("yes") : TEXT("no") } };
        for (size_t i = 0; i < COUNT_OF(fields); i++)
                if (text_is(name, fields[i].name))
                        return fields[i].value;
        fail(w, "there is no \"" TEXT_F "\" of a case", TEXT_ARG(name));
}

static void case_expect(World *w, Text number, Text field, Text wanted)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1 << 14);
        Case c = case_read(w, number, arena);
        Text is = arena_text(w->arena, case_field(w, &c, field));
        if (!text_equal(is, wanted))
                fail(w, "expected " TEXT_F " of case " TEXT_F " to be " TEXT_F ", got " TEXT_F, TEXT_ARG(field), TEXT_ARG(number),
                     TEXT_ARG(wanted), TEXT_ARG(is));
}

static void do_expect_state(World *w, Line *line)
{
        case_expect(w, line->stars[0], TEXT("state"), line->stars[1]);
}

static void do_expect_field(World *w, Line *line)
{
        case_expect(w, line->stars[0], line->stars[1], words_join(w, line->rest, line->rest_count));
}

static void do_expect_cases(World *w, Line *line)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1 << 14);
        size_t count = cases_read(w, arena).count;
        if (!text_equal(number_text(w, (int64_t)count), line->stars[0]))
                fail(w, "expected " TEXT_F " cases, got %zu", TEXT_ARG(line->stars[0]), count);
}

static void do_expect_verdict(World *w, Line *line)
{
        if (!w->verdict || !text_is(line->stars[0], w->verdict))
                fail(w, "expected the answer to be " TEXT_F ", got %s", TEXT_ARG(line->stars[0]), w->verdict ? w->verdict : "none");
}

static void do_expect_count(World *w, Line *line)
{
        const struct {
                const char *name;
                int64_t value;
        } counts[] = { { "opened", w->figures.opened },       { "joined", w->figures.joined },
                       { "reopened", w->figures.reopened },   { "repeated", w->figures.repeated },
                       { "anonymous", w->figures.anonymous }, { "too-old", w->figures.too_old },
                       { "unreadable", w->figures.dead } };
        for (size_t i = 0; i < COUNT_OF(counts); i++) {
                if (!text_is(line->stars[0], counts[i].name))
                        continue;
                if (!text_equal(number_text(w, counts[i].value), line->stars[1]))
                        fail(w, "expected " TEXT_F " answers %s, got %lld", TEXT_ARG(line->stars[1]), counts[i].name,
                             (long long)counts[i].value);
                return;
        }
        fail(w, "there is no count \"" TEXT_F "\"", TEXT_ARG(line->stars[0]));
}

static void do_expect_refused(World *w, Line *line)
{
        if (!w->reason || !memmem(w->reason, strlen(w->reason), line->stars[0].data, line->stars[0].len))
                fail(w, "expected to be refused with \"" TEXT_F "\", got \"%s\"", TEXT_ARG(line->stars[0]),
                     w->reason ? w->reason : "it was done");
}

static void do_expect_repeated(World *w, Line *line UNUSED)
{
        if (!w->is_repeated)
                fail(w, "expected the act to be known already");
}

static void do_expect_tries(World *w, Line *line)
{
        int tries = behaviour_of(w, line->stars[0])->tries;
        if (!text_equal(number_text(w, tries), line->stars[1]))
                fail(w, "expected " TEXT_F " to be tried " TEXT_F " times, got %d", TEXT_ARG(line->stars[0]),
                     TEXT_ARG(line->stars[1]), tries);
}

/* ---- stories ---------------------------------------------------------------------------------------------------- */

typedef struct Statement {
        const char *pattern;
        void (*run)(World *w, Line *line);
} Statement;

static const Statement statements[] = {
        { "config *", do_config },
        { "at ...", do_at },
        { "after ...", do_after },
        { "anything may happen", do_anything },
        { "restart", do_restart },
        { "the service is down until ...", do_down },
        { "reload * is refused *", do_reload_refused },
        { "reload *", do_reload },
        { "answer *", do_answer },
        { "record *", do_record },
        { "kafka repeats *", do_kafka_repeats },
        { "kafka delivers everything twice", do_kafka_twice },
        { "deliveries to * ...", do_deliveries },
        { "expect nothing else", do_expect_nothing },
        { "expect nothing", do_expect_nothing },
        { "expect refused *", do_expect_refused },
        { "expect repeated", do_expect_repeated },
        { "expect * cases", do_expect_cases },
        { "expect answer is *", do_expect_verdict },
        { "expect count * is *", do_expect_count },
        { "expect * tried * times", do_expect_tries },
        { "expect case * is *", do_expect_state },
        { "expect case * * is ...", do_expect_field },
        { "expect * gets * ...", do_expect_gets },
        { "* may get * ...", do_may_get },
};

static void refusal_check(World *w, Line *line)
{
        if (w->refusal_is_open && !w->anything_goes && !(line && line_matches(line, "expect refused *")))
                fail(w, "the act before this was refused: %s", w->reason);
        w->refusal_is_open = false;
}

static void statement_run(World *w, Line *line)
{
        refusal_check(w, line);
        for (size_t i = 0; i < COUNT_OF(statements); i++)
                if (line_matches(line, statements[i].pattern)) {
                        statements[i].run(w, line);
                        return;
                }
        if (!act_try(w, line))
                fail(w, "this is no statement");
}

static void story_play(World *w, FILE *in)
{
        char text[4096];
        for (w->line = 1; fgets(text, sizeof(text), in); w->line++) {
                Line line;
                line_read(w, text, &line);
                if (line.count == 0)
                        continue;
                if (!w->has_started && !line_matches(&line, "config *") && !line_matches(&line, "at ..."))
                        fail(w, "expected config and at before anything else");
                statement_run(w, &line);
                if (w->restarts_everywhere)
                        world_restart(w);
        }
        w->line--;
        refusal_check(w, NULL);
        if (!w->anything_goes)
                do_expect_nothing(w, NULL);
}

static bool story_run(const char *file, bool restarts_everywhere)
{
        static World world;
        world = (World){ .file = file, .restarts_everywhere = restarts_everywhere, .wake_at = WALL_NEVER };
        FILE *in = fopen(file, "re");
        if (!in) {
                printf("%s: could not be read: %s\n", file, strerror(errno));
                return false;
        }
        world.arena = arena_new(1 << 16);
        world.zones = zone_cache_new(world.arena, NULL);
        volatile bool passed = false;
        if (setjmp(world.failed) == 0) {
                story_play(&world, in);
                passed = true;
        }
        world_end(&world);
        (void)fclose(in);
        return passed;
}

int main(int argc, char **argv)
{
        int passed = 0, failed = 0, first = 1;
        bool restarts = argc > 1 && strcmp(argv[1], "--restart-everywhere") == 0;
        (void)setvbuf(stdout, NULL, _IOLBF, 0);
        for (int i = first + (restarts ? 1 : 0); i < argc; i++) {
                bool is_good = story_run(argv[i], restarts);
                passed += is_good;
                failed += !is_good;
        }
        printf("%d passed, %d failed\n", passed, failed);
        return failed > 0 || passed == 0;
}
