/* run.c - plays stories (.scn files) over virtual time against the real bands: configuration, rules, cases, store.
 * No threads, no network, no real clock. Time moves only by `at` and `after`; on the way everything that becomes due is
 * done at its exact time, and each message is answered at once as the story says. After each turn the promises S1 to S5
 * are checked. README in this folder has the language.
 *
 *     run [--restart-everywhere] FILE...        closes with "N passed, N failed" */
#include <errno.h>
#include <stdio.h>

#include "world.h"

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

static Span jump_read(World *w, Text way, const Line *line)
{
        Span by = span_read(w, words_join(w, line->rest, line->rest_count));
        if (text_is(way, "back"))
                by.us = -by.us;
        else if (!text_is(way, "forward"))
                fail(w, "expected forward or back");
        return by;
}

/* Somebody sets it: no time has passed. */
static void do_clock_jumps(World *w, Line *line)
{
        Span by = jump_read(w, line->stars[0], line);
        w->wake_at = w->now; /* the service has run before, also if it was just started again */
        world_settle(w);
        w->now = w->wake_at = wall_add(w->now, by);
        w->jumped.us += by.us;
        w->is_synchronised = false;
        world_settle(w);
}

static void do_clock_synchronised(World *w, Line *line UNUSED)
{
        w->is_synchronised = true;
        w->wake_at = w->now;
        world_settle(w);
}

static void do_clock_trusted(World *w, Line *line UNUSED)
{
        w->wake_at = w->now;
        world_settle(w);
        if (!turn_clock_trust(w->turn))
                fail(w, "nobody doubts the clock");
        w->wake_at = w->now;
        world_settle(w);
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

/* The machine takes a minute to boot, and has no idea how long it was off. */
static void boot(World *w)
{
        w->boot_id++;
        w->booted_at = wall_sub(w->now, (Span){ w->jumped.us + SPAN_MINUTE.us });
}

static void do_machine_off(World *w, Line *line)
{
        Moment m = moment_read(w, line->rest, line->rest_count);
        w->wake_at = w->now; /* until now it has run: it keeps the time each minute */
        world_settle(w);
        w->now = moment_instant(w, &m);
        boot(w);
        do_restart(w, line);
}

static void off_jump(World *w, Line *line, bool is_machine)
{
        Span by = jump_read(w, line->stars[0], line);
        w->wake_at = w->now;
        world_settle(w);
        w->now = wall_add(w->now, SPAN_MINUTE);
        if (is_machine)
                boot(w);
        w->now = wall_add(w->now, by);
        w->jumped.us += by.us;
        w->is_synchronised = false;
        do_restart(w, line);
}

static void do_service_down_jump(World *w, Line *line)
{
        off_jump(w, line, false);
}

static void do_machine_off_jump(World *w, Line *line)
{
        off_jump(w, line, true);
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
        w->wake_at = w->now; /* who is still there is looked up at once */
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
        batch->moves =
                arena_grow(batch->arena, batch->moves, batch->move_count, &batch->move_capacity, sizeof(OffsetMove));
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
        Judged judged =
                judge_record(w->judge, w->config, record->source, &place, record->value, w->now, &answer, &reason);
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
        const Source *source =
                name.data ? config_source(w->config, name) : config_source(w->config, TEXT("relationship"));
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
                bool is_silent;
        } fates[] = { { "fail temporarily", FATE_TEMPORARY, false },
                      { "get no answer", FATE_TEMPORARY, true },
                      { "fail permanently", FATE_PERMANENT, false },
                      { "are gone", FATE_GONE, false },
                      { "are accepted again", FATE_ACCEPTED, false } };
        Text words = words_join(w, line->rest, line->rest_count);
        Behaviour *b = behaviour_of(w, line->stars[0]);
        if (!config_channel(w->config, line->stars[0]) && !w->anything_goes)
                fail(w, "there is no channel \"" TEXT_F "\"", TEXT_ARG(line->stars[0]));
        for (size_t i = 0; i < COUNT_OF(fates); i++)
                if (text_is(words, fates[i].words)) {
                        b->fate = fates[i].fate;
                        b->is_silent = fates[i].is_silent;
                        b->takes = SPAN_ZERO;
                        return;
                }
        if (!text_starts(words, TEXT("take ")))
                fail(w, "expected fail temporarily, get no answer, fail permanently, are gone, are accepted again or "
                        "take TIME");
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
        return arena_textf(w->arena, TEXT_F " gets %s on " TEXT_F " at " TEXT_F, TEXT_ARG(t->recipient),
                           message_text(t->message), TEXT_ARG(t->channel), TEXT_ARG(time_text(w, w->zone, t->at)));
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
        const Text *time;    /* NULL: any */
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
                fail(w, "expected " TEXT_F " of case " TEXT_F " to be " TEXT_F ", got " TEXT_F, TEXT_ARG(field),
                     TEXT_ARG(number), TEXT_ARG(wanted), TEXT_ARG(is));
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
                fail(w, "expected the answer to be " TEXT_F ", got %s", TEXT_ARG(line->stars[0]),
                     w->verdict ? w->verdict : "none");
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
        { "the clock jumps * ...", do_clock_jumps },
        { "the clock is synchronised", do_clock_synchronised },
        { "the clock is trusted", do_clock_trusted },
        { "restart", do_restart },
        { "the service is down until ...", do_down },
        { "the machine is off until ...", do_machine_off },
        { "while the service is down the clock jumps * ...", do_service_down_jump },
        { "while the machine is off the clock jumps * ...", do_machine_off_jump },
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
