#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/grapheme.h"
#include "core/wording.h"
#include "core/wording_names.h"

enum {
        TITLE_MAX = 60,
        BODY_MAX = 400,
        COMMENT_MAX = 140,
};

/* Fixed offsets are enough here: the tables of real zones are tested with the calendar. */
static const ZoneChange SAO_PAULO_CHANGES[] = { { { INT64_MIN }, -3 * 3600 } };
static const ZoneChange BERLIN_CHANGES[] = { { { INT64_MIN }, 3600 } };
static const Zone SAO_PAULO = { { "America/Sao_Paulo", 17 }, SAO_PAULO_CHANGES, 1 };
static const Zone BERLIN = { { "Europe/Berlin", 13 }, BERLIN_CHANGES, 1 };

/* One case as it mostly is, for each test to change. */
typedef struct Scene {
        Arena *arena;
        FieldPlace nps, csat;
        Source source;
        Response response;
        Case c;
        Facts facts;
} Scene;

static WallTime wall(const char *iso8601)
{
        WallTime t;
        bool has_zone;
        assert_true(wall_parse(text_from(iso8601), &t, &has_zone));
        return t;
}

static void set_text(Scene *s, FieldId field, Text text)
{
        s->response.values[field] =
                text.data ? (Value){ .type = VALUE_TEXT, .text = text } : (Value){ .type = VALUE_UNKNOWN };
}

static void set_number(Scene *s, FieldId field, double number)
{
        s->response.values[field] = (Value){ .type = VALUE_NUMBER, .number = number };
}

static void scene_answer(Scene *s)
{
        s->nps = (FieldPlace){ .field = FIELD_NPS, .has_scale = true, .scale_min = 0, .scale_max = 10 };
        s->csat = (FieldPlace){ .field = FIELD_CSAT, .has_scale = true, .scale_min = 1, .scale_max = 5 };
        s->source.place_of[FIELD_NPS] = &s->nps;
        s->source.place_of[FIELD_CSAT] = &s->csat;
        s->response = (Response){ .source = &s->source, .arena = s->arena, .read = UINT64_MAX };
        set_text(s, FIELD_NAME, TEXT("Maria Silva"));
        set_text(s, FIELD_ACCOUNT, TEXT("Hotel Sol"));
        set_text(s, FIELD_PHONE, TEXT("+55 51 5550 0199"));
        set_text(s, FIELD_TOUCHPOINT, TEXT("installation"));
        set_text(s, FIELD_COMMENT, TEXT("Nobody called back after the installer left."));
        set_number(s, FIELD_NPS, 2);
}

static void scene_case(Scene *s)
{
        s->c = (Case){ .number = 12,
                       .state = CASE_OPEN,
                       .severity = SEVERITY_HIGH,
                       .customer = TEXT("c-9"),
                       .territory = TEXT("BR-S"),
                       .rule = TEXT("detractor"),
                       .owner = TEXT("ana"),
                       .submitted_at = wall("2026-11-19T19:40:00Z"),
                       .window_ends_at = wall("2026-11-20T19:40:00Z"),
                       .told_at = WALL_NONE,
                       .last_attempt_at = WALL_NONE,
                       .contacted_at = WALL_NONE };
}

static int setup(void **state)
{
        Arena *arena = arena_new(64 * 1024);
        Scene *s = arena_new_of(arena, Scene);
        s->arena = arena;
        scene_answer(s);
        scene_case(s);
        s->facts = (Facts){ .now = wall("2026-11-19T19:41:00Z"),
                            .message = MESSAGE_ALERT,
                            .c = &s->c,
                            .response = &s->response,
                            .reader_name = TEXT("Ana Lima"),
                            .reader_zone = &SAO_PAULO,
                            .owner_name = TEXT("Ana Lima"),
                            .manager_name = TEXT("Joe Marsh"),
                            .recipient_why = TEXT("owner"),
                            .told_at = WALL_NONE,
                            .next_at = WALL_NONE,
                            .reader_id = TEXT("ana") };
        *state = s;
        return 0;
}

static int teardown(void **state)
{
        Scene *s = *state;
        (void)arena_free(s->arena);
        return 0;
}

static void assert_wording(const Scene *s, const char *title, const char *body)
{
        Wording w = wording_make(&s->facts, NULL, s->arena);
        assert_string_equal(arena_text(s->arena, w.title).data, title);
        assert_string_equal(arena_text(s->arena, w.body).data, body);
}

#define AFTER_THE_CALL "After the call:\nclosedloopctl contact 12 --by ana --channel phone --result spoke"

static void to_manager(Scene *s)
{
        s->facts.recipient_why = TEXT("manager");
        s->facts.reader_id = TEXT("joe");
}

/* --- each message in its usual words --- */

static void the_alert_says_who_by_when_what_and_how(void **state)
{
        Scene *s = *state;
        assert_wording(s, "Call Maria Silva, Hotel Sol, by Fri 16:40 (#12)",
                       "2 of 10, after installation\n"
                       "\u201cNobody called back after the installer left.\u201d\n"
                       "+55 51 5550 0199. Listen first; you need no solution yet.\n" AFTER_THE_CALL);
}

static void an_alert_to_somebody_else_informs_and_does_not_ask(void **state)
{
        Scene *s = *state;
        s->facts.recipient_why = TEXT("inform");
        s->facts.reader_id = TEXT("ines");
        assert_wording(s, "Maria Silva, Hotel Sol: Ana Lima calls by Fri 16:40 (#12)",
                       "2 of 10, after installation\nOnly so that you know: the call is with Ana Lima.");
}

static void a_group_is_asked_who_takes_it(void **state)
{
        Scene *s = *state;
        s->c.owner = s->facts.owner_name = TEXT("desk");
        s->c.owner_is_group = true;
        s->facts.reader_id = TEXT("joe");
        assert_wording(s, "Call Maria Silva, Hotel Sol, by Fri 16:40 (#12)",
                       "2 of 10, after installation\n"
                       "\u201cNobody called back after the installer left.\u201d\n"
                       "+55 51 5550 0199. Listen first; you need no solution yet.\n"
                       "If you take it, first:\nclosedloopctl claim 12 --by joe\n"
                       "After the call:\nclosedloopctl contact 12 --by joe --channel phone --result spoke");
}

static void a_late_alert_says_how_late_and_asks_for_no_lost_time(void **state)
{
        Scene *s = *state;
        s->facts.now = wall("2026-11-20T22:41:00Z");
        s->facts.late = SPAN_HOUR;
        s->facts.late.us *= 3;
        assert_wording(s, "Call Maria Silva, Hotel Sol, as soon as you can (#12)",
                       "2 of 10, after installation\n"
                       "\u201cNobody called back after the installer left.\u201d\n"
                       "+55 51 5550 0199. Listen first; you need no solution yet.\n"
                       "This message is 3 h late.\n"
                       "We promised a call by 16:40.\n" AFTER_THE_CALL);
}

static void a_reminder_repeats_no_comment(void **state)
{
        Scene *s = *state;
        s->facts.message = MESSAGE_REMINDER;
        s->facts.now = wall("2026-11-20T17:40:02Z");
        s->facts.next_at = wall("2026-11-21T13:00:00Z");
        assert_wording(s, "Maria Silva, Hotel Sol: 2 h left, until 16:40 (#12)",
                       "+55 51 5550 0199\n"
                       "Tried already? Tell us, and this waits until tomorrow 10:00.\n"
                       "closedloopctl attempt 12 --by ana --channel phone --result voicemail\n" AFTER_THE_CALL);
}

static void help_is_asked_for_as_a_question(void **state)
{
        Scene *s = *state;
        s->facts.message = MESSAGE_HELP_NEEDED;
        s->facts.now = wall("2026-11-20T16:00:00Z");
        s->facts.told_at = wall("2026-11-20T12:02:00Z");
        s->c.attempts = 1;
        s->c.last_attempt_at = wall("2026-11-20T14:10:00Z");
        s->c.last_attempt_result = TEXT("voicemail");
        to_manager(s);
        assert_wording(s, "Can you help Ana Lima reach Maria Silva, Hotel Sol? (#12)",
                       "Ana Lima was told 09:02, voicemail 11:10. The promise ends 16:40.\n"
                       "If you reach them yourself:\n"
                       "closedloopctl contact 12 --by joe --channel phone --result spoke");
}

static void the_history_says_what_is_known_and_no_more(void **state)
{
        Scene *s = *state;
        s->facts.message = MESSAGE_HELP_NEEDED;
        s->facts.now = wall("2026-11-20T16:00:00Z");
        to_manager(s);
        Text values[WORDING_MAX];
        wording_values(&s->facts, s->arena, values);
        assert_true(text_is(values[WORDING_HISTORY], "Ana Lima may not know yet"));
        s->c.attempts = 2;
        s->c.last_attempt_at = wall("2026-11-19T20:10:00Z");
        s->c.last_attempt_result = TEXT("no-answer");
        wording_values(&s->facts, s->arena, values);
        assert_true(text_is(values[WORDING_HISTORY], "Ana Lima tried: 2 attempts, last no answer Thu 17:10"));
        s->c.told_at = wall("2026-11-19T19:42:00Z");
        wording_values(&s->facts, s->arena, values);
        assert_true(
                text_is(values[WORDING_HISTORY], "Ana Lima was told Thu 16:42, 2 attempts, last no answer Thu 17:10"));
}

static void the_owner_hears_that_help_was_asked_for(void **state)
{
        Scene *s = *state;
        s->facts.message = MESSAGE_HELP_TOLD;
        s->facts.now = wall("2026-11-20T16:00:00Z");
        assert_wording(s, "Maria Silva, Hotel Sol, by 16:40: Joe Marsh may help (#12)",
                       "Joe Marsh knows and may help. Maria Silva is still yours.\n" AFTER_THE_CALL);
}

static void after_the_window_the_owner_is_encouraged(void **state)
{
        Scene *s = *state;
        s->facts.message = MESSAGE_WINDOW_MISSED;
        s->facts.now = wall("2026-11-20T19:40:10Z");
        s->facts.next_at = wall("2026-11-23T13:00:00Z");
        assert_wording(s, "Maria Silva, Hotel Sol: a call is still wanted (#12)",
                       "We promised a call by 16:40. A call still helps.\n"
                       "+55 51 5550 0199\n"
                       "Tried already? Tell us, and this waits until Mon 10:00.\n"
                       "closedloopctl attempt 12 --by ana --channel phone --result voicemail\n" AFTER_THE_CALL);
}

static void after_the_window_the_manager_is_asked_to_decide(void **state)
{
        Scene *s = *state;
        s->facts.message = MESSAGE_WINDOW_MISSED;
        s->facts.now = wall("2026-11-20T19:40:10Z");
        s->facts.told_at = wall("2026-11-19T19:41:00Z");
        to_manager(s);
        assert_wording(s, "Maria Silva, Hotel Sol: can you decide who calls? (#12)",
                       "We promised a call by 16:40. Ana Lima was told Thu 16:41.\n"
                       "To give it to somebody:\n"
                       "closedloopctl assign 12 --by joe --to PERSON\n"
                       "If you reach them yourself:\n"
                       "closedloopctl contact 12 --by joe --channel phone --result spoke");
}

static void the_director_sees_who_waits_and_who_has_it(void **state)
{
        Scene *s = *state;
        s->facts.message = MESSAGE_WAITING_LIST;
        s->facts.now = wall("2026-11-23T13:00:00Z");
        s->facts.told_at = wall("2026-11-19T19:41:00Z");
        s->facts.recipient_why = TEXT("director");
        s->facts.reader_id = TEXT("ines");
        assert_wording(s, "Maria Silva, Hotel Sol: waiting since Thu 16:40 (#12)",
                       "Ana Lima has it, told Thu 16:41. We promised a call by Fri 16:40.\n"
                       "More:\nclosedloopctl case 12");
}

static void an_answer_that_joins_says_that_it_is_the_same_case(void **state)
{
        Scene *s = *state;
        s->facts.message = MESSAGE_JOINED;
        s->facts.now = wall("2026-11-20T13:00:00Z");
        assert_wording(s, "Maria Silva, Hotel Sol: unhappy again, call by 16:40 (#12)",
                       "2 of 10, after installation\n"
                       "\u201cNobody called back after the installer left.\u201d\n"
                       "Same case as before, same promise: by 16:40.\n"
                       "+55 51 5550 0199.\n" AFTER_THE_CALL);
}

static void a_reopened_case_asks_for_another_call(void **state)
{
        Scene *s = *state;
        s->facts.message = MESSAGE_REOPENED;
        assert_wording(s, "Call Maria Silva, Hotel Sol, again by Fri 16:40 (#12)",
                       "2 of 10, after installation\n"
                       "\u201cNobody called back after the installer left.\u201d\n"
                       "They answered again, so the case is open again.\n"
                       "+55 51 5550 0199. Listen first; you need no solution yet.\n" AFTER_THE_CALL);
}

static void claimed_contacted_and_closed_say_who_and_how(void **state)
{
        Scene *s = *state;
        to_manager(s);
        s->facts.message = MESSAGE_CLAIMED;
        s->facts.note = TEXT("Ben Okoye");
        assert_wording(s, "Maria Silva, Hotel Sol: Ben Okoye has it (#12)",
                       "Ben Okoye has taken it and calls by Fri 16:40. Nothing for you to do.");
        s->facts.message = MESSAGE_CONTACTED;
        s->c.contacted_at = wall("2026-11-19T19:41:00Z");
        assert_wording(s, "Maria Silva, Hotel Sol: reached by Ben Okoye (#12)",
                       "Ben Okoye reached them (16:41). The reminders have stopped.");
        s->facts.message = MESSAGE_CLOSED;
        s->facts.note = TEXT("recovered");
        s->c.cause = TEXT("implementation");
        assert_wording(s, "Maria Silva, Hotel Sol: closed, recovered (#12)",
                       "Outcome: recovered. Cause: implementation. Thanks to Ana Lima.");
        s->facts.note = TEXT("declined");
        s->c.cause = TEXT_NONE;
        assert_wording(s, "Maria Silva, Hotel Sol: closed, no call wanted (#12)",
                       "Outcome: no call wanted. The case was with Ana Lima.");
}

static void an_answer_too_old_for_a_promise_asks_for_a_decision(void **state)
{
        Scene *s = *state;
        s->facts.message = MESSAGE_TOO_OLD;
        s->facts.now = wall("2026-12-20T13:00:00Z");
        s->facts.recipient_why = TEXT("catch-all");
        s->facts.reader_id = TEXT("joe");
        s->c.window_ends_at = WALL_NONE;
        assert_wording(s, "Maria Silva, Hotel Sol: answered Thu 19 Nov 16:40 (#12)",
                       "2 of 10, after installation\n"
                       "\u201cNobody called back after the installer left.\u201d\n"
                       "It came to us too late for a promise: nobody else was told, and no reminders follow. "
                       "Please decide whether a call still helps.\n"
                       "+55 51 5550 0199.\n"
                       "After the call:\nclosedloopctl contact 12 --by joe --channel phone --result spoke");
}

static void operators_and_tests_need_no_case(void **state)
{
        Scene *s = *state;
        s->facts.c = NULL;
        s->facts.response = NULL;
        s->facts.message = MESSAGE_OPERATOR;
        s->facts.note = TEXT("channel \"slack-ana\" refuses messages (403), so Ana Lima is told by mail.");
        assert_wording(s, "closedloopd: channel \"slack-ana\" refuses messages (403), so\u2026",
                       "channel \"slack-ana\" refuses messages (403), so Ana Lima is told by mail.\n"
                       "More: closedloopctl status");
        s->facts.message = MESSAGE_TEST;
        s->facts.note = TEXT_NONE;
        assert_wording(s, "[TEST] closedloopd can reach Ana Lima here",
                       "This is only a test. No customer waits for a call.");
}

/* --- rooms --- */

static void a_room_hears_that_somebody_has_it(void **state)
{
        Scene *s = *state;
        s->facts.is_shared = true;
        s->facts.recipient_why = TEXT("channel");
        s->facts.reader_id = TEXT_NONE;
        assert_wording(s, "#12: a customer in BR-S needs a call by Fri 16:40", "Ana Lima has it.");
        s->facts.now = wall("2026-11-21T13:00:00Z"); /* the promise has passed: a room does not hear of it */
        assert_wording(s, "#12: a customer in BR-S needs a call", "Ana Lima has it.");
        s->facts.message = MESSAGE_CLAIMED;
        s->facts.note = TEXT("Ben Okoye");
        assert_wording(s, "#12: Ben Okoye has it", "A customer in BR-S gets a call. Nobody else needs to.");
        s->facts.message = MESSAGE_CONTACTED;
        assert_wording(s, "#12: Ben Okoye reached the customer in BR-S", "Nobody else needs to call.");
        s->facts.message = MESSAGE_CLOSED;
        s->facts.note = TEXT("recovered");
        assert_wording(s, "#12: closed, customer recovered", "Thanks to Ana Lima.");
        s->facts.note = TEXT("lost");
        assert_wording(s, "#12: closed", "Nothing is left to do.");
}

/* A template that says everything there is to say. */
static const Mustache *everything(Arena *arena)
{
        Buffer b = buffer_in(arena);
        buffer_put_literal(&b, "title\n");
        for (size_t i = 0; i < WORDING_NAME_COUNT; i++)
                buffer_putf(&b, "{{%s}} ", WORDING_NAMES[i]);
        Mustache *template = NULL;
        TextFault fault;
        assert_int_equal(mustache_compile(arena, buffer_text(&b), WORDING_NAMES, WORDING_NAME_COUNT, &template, &fault),
                         0);
        return template;
}

static bool says(Text text, const char *part)
{
        return text.data && text.len > 0 && memmem(text.data, text.len, part, strlen(part)) != NULL;
}

static void scene_of_secrets(Scene *s)
{
        static const FieldId fields[] = { FIELD_NAME,    FIELD_PHONE,      FIELD_EMAIL,
                                          FIELD_ACCOUNT, FIELD_TOUCHPOINT, FIELD_COMMENT };
        for (size_t i = 0; i < COUNT_OF(fields); i++)
                set_text(s, fields[i], TEXT("SECRET"));
        set_number(s, FIELD_NPS, 7.625);
        s->c.customer = s->c.rule = s->c.cause = TEXT("SECRET");
        s->c.attempts = 3;
        s->c.last_attempt_at = s->c.told_at = s->facts.told_at = wall("2026-11-19T23:59:00Z");
        s->c.last_attempt_result = TEXT("voicemail");
        s->facts.manager_name = TEXT("SECRET");
        s->facts.late = SPAN_DAY;
}

static void assert_shy(const Scene *s, Wording w)
{
        static const char *const forbidden[] = {
                "SECRET", "7.625",  "20:59",  "attempt", "voicemail", "late", "closedloopctl contact",
                "told",   "missed", "passed", "waiting"
        };
        for (size_t i = 0; i < COUNT_OF(forbidden); i++)
                if (says(w.title, forbidden[i]) || says(w.body, forbidden[i]))
                        fail_msg("%s says \"%s\": %.*s / %.*s", message_text(s->facts.message), forbidden[i],
                                 TEXT_ARG(w.title), TEXT_ARG(w.body));
        assert_true(w.title.len > 0 && w.body.len > 0);
}

static void a_room_never_hears_a_name_a_comment_or_a_reproach(void **state)
{
        Scene *s = *state;
        scene_of_secrets(s);
        s->facts.is_shared = true;
        const Mustache *template = everything(s->arena);
        const char *whys[] = { "channel", "owner", "manager", "catch-all" };
        for (size_t why = 0; why < COUNT_OF(whys); why++) {
                s->facts.recipient_why = text_from(whys[why]);
                for (Message m = 0; m < MESSAGE_MAX; m++) {
                        s->facts.message = m;
                        s->facts.note = m == MESSAGE_CLAIMED || m == MESSAGE_CONTACTED ? TEXT("Ben") : TEXT("SECRET");
                        assert_shy(s, wording_make(&s->facts, NULL, s->arena));
                        assert_shy(s, wording_make(&s->facts, template, s->arena));
                        Text values[WORDING_MAX];
                        wording_values(&s->facts, s->arena, values);
                        for (size_t i = 0; i < WORDING_MAX; i++)
                                assert_false(says(values[i], "SECRET"));
                }
        }
}

static void who_is_only_informed_never_sees_the_comment(void **state)
{
        Scene *s = *state;
        set_text(s, FIELD_COMMENT, TEXT("SECRET"));
        set_text(s, FIELD_PHONE, TEXT("SECRET"));
        set_text(s, FIELD_EMAIL, TEXT("SECRET"));
        s->facts.reader_id = TEXT("ines");
        const char *whys[] = { "inform", "channel", "director" };
        for (size_t why = 0; why < COUNT_OF(whys); why++) {
                s->facts.recipient_why = text_from(whys[why]);
                for (Message m = 0; m < MESSAGE_MAX; m++) {
                        bool is_question =
                                m == MESSAGE_HELP_NEEDED || m == MESSAGE_WINDOW_MISSED || m == MESSAGE_TOO_OLD;
                        if (why == 2 && is_question)
                                continue; /* a director who is asked to act */
                        s->facts.message = m;
                        Wording w = wording_make(&s->facts, everything(s->arena), s->arena);
                        assert_false(says(w.body, "SECRET"));
                        assert_false(says(w.body, "--by"));
                }
        }
}

/* --- how it reads when something is missing --- */

static void assert_reads_well(const Scene *s, Wording w)
{
        static const char *const ugly[] = { "  ", " ,",  ",,",           " .",  "..",   ", (", ",\n",
                                            "()", "(#)", "\u201c\u201d", " \n", "\n\n", ": :", ", :",
                                            ",:", "!",   "{{",           "}}",  " ?",   ". ,", "(null)" };
        const Text parts[] = { w.title, w.body };
        for (size_t p = 0; p < COUNT_OF(parts); p++) {
                for (size_t i = 0; i < COUNT_OF(ugly); i++)
                        if (says(parts[p], ugly[i]))
                                fail_msg("%s: \"%s\" in \"%.*s\" / \"%.*s\"", message_text(s->facts.message), ugly[i],
                                         TEXT_ARG(w.title), TEXT_ARG(w.body));
                assert_true(text_equal(parts[p], text_trim(parts[p])));
        }
        assert_true(w.title.len > 0 && w.body.len > 0 && !says(w.title, "\n"));
        assert_true(grapheme_count(s->arena, w.title) <= TITLE_MAX);
        assert_true(grapheme_count(s->arena, w.body) <= BODY_MAX);
}

enum {
        MISSING_MAX = 12
};

/* Bit n of `missing` takes one thing away. */
static void scene_without(Scene *s, unsigned missing)
{
        static const FieldId fields[] = { FIELD_NAME,  FIELD_ACCOUNT,    FIELD_PHONE,
                                          FIELD_EMAIL, FIELD_TOUCHPOINT, FIELD_COMMENT };
        for (size_t i = 0; i < COUNT_OF(fields); i++)
                if (missing >> i & 1)
                        set_text(s, fields[i], TEXT_NONE);
        if (missing >> 6 & 1)
                s->response.values[FIELD_NPS] = (Value){ .type = VALUE_UNKNOWN };
        if (missing >> 7 & 1)
                s->c.customer = TEXT_NONE;
        if (missing >> 8 & 1)
                s->c.window_ends_at = WALL_NONE;
        if (missing >> 9 & 1)
                s->facts.owner_name = s->c.owner = TEXT_NONE;
        if (missing >> 10 & 1)
                s->facts.next_at = WALL_NONE;
        if (missing >> 11 & 1)
                s->facts.late = SPAN_ZERO;
}

static void scene_full(Scene *s)
{
        scene_answer(s);
        scene_case(s);
        set_text(s, FIELD_EMAIL, TEXT("maria@example.com"));
        s->facts.owner_name = TEXT("Ana Lima");
        s->facts.next_at = wall("2026-11-21T13:00:00Z");
        s->facts.late = SPAN_HOUR;
}

/* With SHOW_WORDING=1 in the environment the alert is printed in every combination. */
static void the_alert_reads_well_whatever_is_missing(void **state)
{
        Scene *s = *state;
        for (unsigned missing = 0; missing < 1u << MISSING_MAX; missing++) {
                Arena *all = s->arena;
                s->arena = arena_new(16 * 1024);
                scene_full(s);
                scene_without(s, missing);
                Wording w = wording_make(&s->facts, NULL, s->arena);
                assert_reads_well(s, w);
                assert_true(text_starts(w.title, TEXT("Call ")));
                if (getenv("SHOW_WORDING"))
                        print_message(TEXT_F "\n" TEXT_F "\n\n", TEXT_ARG(w.title), TEXT_ARG(w.body));
                (void)arena_free(s->arena);
                s->arena = all;
        }
}

static void every_message_reads_well_whatever_is_missing(void **state)
{
        Scene *s = *state;
        static const char *const whys[] = { "owner", "manager", "inform", "channel", "" };
        static const char *const nows[] = { "2026-11-20T13:00:00Z", "2026-11-22T13:00:00Z" };
        Arena *all = s->arena;
        s->arena = arena_new(64 * 1024);
        /* Twelve things by every message and reader are too many: one thing, two things, and all things are missing. */
        for (unsigned i = 0; i <= MISSING_MAX; i++)
                for (unsigned j = i; j <= MISSING_MAX + 1; j++)
                        for (unsigned n = 0; n < MESSAGE_MAX * COUNT_OF(whys) * COUNT_OF(nows) * 2; n++) {
                                unsigned missing = (1u << i | 1u << j) & ((1u << MISSING_MAX) - 1);
                                missing = j == MISSING_MAX + 1 ? ~missing : missing;
                                scene_full(s);
                                scene_without(s, missing);
                                s->facts.message = (Message)(n % MESSAGE_MAX);
                                s->facts.recipient_why = text_from(whys[n / MESSAGE_MAX % COUNT_OF(whys)]);
                                s->facts.now = wall(nows[n / MESSAGE_MAX / COUNT_OF(whys) % COUNT_OF(nows)]);
                                s->facts.is_shared = n / MESSAGE_MAX / COUNT_OF(whys) / COUNT_OF(nows) > 0;
                                assert_reads_well(s, wording_make(&s->facts, NULL, s->arena));
                                arena_reset(s->arena);
                        }
        (void)arena_free(s->arena);
        s->arena = all;
}

static void a_customer_without_a_name_is_called_by_id_or_is_a_customer(void **state)
{
        Scene *s = *state;
        set_text(s, FIELD_NAME, TEXT_NONE);
        set_text(s, FIELD_ACCOUNT, TEXT_NONE);
        assert_true(text_is(wording_make(&s->facts, NULL, s->arena).title, "Call customer c-9 by Fri 16:40 (#12)"));
        s->c.customer = TEXT_NONE;
        assert_true(text_is(wording_make(&s->facts, NULL, s->arena).title, "Call a customer by Fri 16:40 (#12)"));
        s->facts.message = MESSAGE_HELP_TOLD;
        s->facts.manager_name = TEXT_NONE;
        assert_wording(s, "A customer, by Fri 16:40: your manager may help (#12)",
                       "Your manager knows and may help. A customer is still yours.\n" AFTER_THE_CALL);
}

static void no_command_is_shown_that_a_shell_could_misread(void **state)
{
        Scene *s = *state;
        const char *ids[] = { "a b", "-x", "a;b",      "$(x)",
                              "a'b", "",   "\u00e4na", "01234567890123456789012345678901234567890" };
        for (size_t i = 0; i < COUNT_OF(ids); i++) {
                s->facts.reader_id = text_from(ids[i]);
                assert_false(says(wording_make(&s->facts, NULL, s->arena).body, "closedloopctl"));
        }
        s->facts.reader_id = TEXT("ana.lima@x-y_z");
        assert_true(says(wording_make(&s->facts, NULL, s->arena).body, "--by ana.lima@x-y_z "));
}

/* --- limits --- */

static Text repeated(Arena *arena, const char *piece, size_t times)
{
        Buffer b = buffer_in(arena);
        for (size_t i = 0; i < times; i++)
                buffer_put(&b, text_from(piece));
        return buffer_text(&b);
}

static void scene_long(Scene *s, Text text)
{
        for (FieldId field = FIELD_NAME; field <= FIELD_LANGUAGE; field++)
                set_text(s, field, text);
        s->c.number = 123456789;
        s->c.customer = s->c.territory = s->c.rule = s->c.cause = text;
        s->c.attempts = 999;
        s->c.last_attempt_at = s->facts.told_at = wall("2026-10-01T10:00:00Z");
        s->facts.owner_name = s->facts.manager_name = s->facts.reader_name = text;
        s->facts.next_at = wall("2026-12-24T13:00:00Z");
        s->facts.late = (Span){ 75 * SPAN_HOUR.us };
}

static const char *const LONG_PIECES[] = { "a",
                                           "wonderful ",
                                           "\u00fc",
                                           "\u65e5\u672c\u8a9e",
                                           "\u0634\u0643\u0631\u0627 ",
                                           "\U0001F468\u200D\U0001F469\u200D\U0001F467",
                                           "e\u0301\u0302\u0303\u0304",
                                           "a, b; ",
                                           "\U0001F1E9\U0001F1EA" };

static void the_limits_hold_for_every_message_however_long_the_texts(void **state)
{
        Scene *s = *state;
        static const char *const whys[] = { "owner", "manager", "inform" };
        Arena *all = s->arena;
        for (size_t i = 0; i < COUNT_OF(LONG_PIECES); i++)
                for (unsigned n = 0; n < MESSAGE_MAX * COUNT_OF(whys) * 2; n++) {
                        s->arena = arena_new(64 * 1024);
                        scene_long(s, repeated(s->arena, LONG_PIECES[i], 300));
                        s->facts.message = (Message)(n % MESSAGE_MAX);
                        bool is_group_note = s->facts.message == MESSAGE_CLOSED;
                        s->facts.note = is_group_note ? TEXT("unreachable") : s->facts.owner_name;
                        s->facts.recipient_why = text_from(whys[n / MESSAGE_MAX % COUNT_OF(whys)]);
                        s->facts.is_shared = n / MESSAGE_MAX / COUNT_OF(whys) > 0;
                        Wording w = wording_make(&s->facts, NULL, s->arena);
                        assert_true(grapheme_count(s->arena, w.title) <= TITLE_MAX);
                        assert_true(grapheme_count(s->arena, w.body) <= BODY_MAX);
                        assert_true(text_is_utf8(w.title) && text_is_utf8(w.body));
                        (void)arena_free(s->arena);
                }
        s->arena = all;
}

static void the_deadline_the_number_and_the_command_outlast_long_names(void **state)
{
        Scene *s = *state;
        for (size_t i = 0; i < COUNT_OF(LONG_PIECES); i++) {
                scene_long(s, repeated(s->arena, LONG_PIECES[i], 300));
                s->c.number = 12;
                for (int group = 0; group < 2; group++) {
                        s->c.owner_is_group = group;
                        Wording w = wording_make(&s->facts, NULL, s->arena);
                        assert_true(says(w.title, " by Fri 16:40 (#12)"));
                        assert_true(says(w.body, "closedloopctl contact 12 --by ana --channel phone --result spoke"));
                }
        }
}

static void a_shortened_title_is_followed_by_the_name_in_full(void **state)
{
        Scene *s = *state;
        set_text(s, FIELD_ACCOUNT, TEXT("Cooperativa Agr\u00edcola do Vale do Sul"));
        Wording w = wording_make(&s->facts, NULL, s->arena);
        assert_true(text_is(w.title, "Call Maria Silva, Cooperativa Agr\u00edcola\u2026, by Fri 16:40 (#12)"));
        assert_true(text_starts(w.body, TEXT("Maria Silva, Cooperativa Agr\u00edcola do Vale do Sul\n2 of 10")));
}

static void a_long_comment_is_cut_at_a_word(void **state)
{
        Scene *s = *state;
        set_text(s, FIELD_COMMENT, repeated(s->arena, "seven l", 40));
        Text values[WORDING_MAX];
        wording_values(&s->facts, s->arena, values);
        Text comment = values[WORDING_COMMENT];
        size_t characters = grapheme_count(s->arena, comment);
        assert_true(characters <= COMMENT_MAX && characters > COMMENT_MAX - 12);
        assert_true(says(comment, "lseven\u2026"));
}

static void a_comment_of_256_kib_costs_no_more_than_its_start(void **state)
{
        Scene *s = *state;
        Text comment = repeated(s->arena, "e\u0301 ", 64 * 1024);
        set_text(s, FIELD_COMMENT, comment);
        size_t before = arena_bytes(s->arena);
        Arena *all = s->arena;
        s->arena = arena_new(1024);
        Wording w = wording_make(&s->facts, NULL, s->arena);
        assert_true(says(w.body, "e\u0301\u2026\u201d"));
        assert_true(arena_bytes(s->arena) < 128 * 1024);
        (void)arena_free(s->arena);
        s->arena = all;
        assert_int_equal(arena_bytes(s->arena), before);
}

static void a_template_of_ones_own_is_kept_within_the_limits(void **state)
{
        Scene *s = *state;
        Text source = repeated(s->arena, "{{customer}} words ", 400);
        Mustache *template = NULL;
        TextFault fault;
        Text both = arena_textf(s->arena, TEXT_F "\n" TEXT_F, TEXT_ARG(source), TEXT_ARG(source));
        assert_int_equal(mustache_compile(s->arena, both, WORDING_NAMES, WORDING_NAME_COUNT, &template, &fault), 0);
        Wording w = wording_make(&s->facts, template, s->arena);
        assert_true(grapheme_count(s->arena, w.title) <= TITLE_MAX && says(w.title, "\u2026"));
        assert_true(grapheme_count(s->arena, w.body) <= BODY_MAX && says(w.body, "\u2026"));
}

static void an_empty_part_is_replaced_by_the_built_in_text(void **state)
{
        Scene *s = *state;
        const char *sources[] = { "", "\n", "title only", "title only\n \n", "\nbody only", "{{note}}\n{{note}}\n" };
        for (size_t i = 0; i < COUNT_OF(sources); i++) {
                Mustache *template = NULL;
                TextFault fault;
                Text source = text_from(sources[i]);
                assert_int_equal(
                        mustache_compile(s->arena, source, WORDING_NAMES, WORDING_NAME_COUNT, &template, &fault), 0);
                Wording w = wording_make(&s->facts, template, s->arena),
                        built_in = wording_make(&s->facts, NULL, s->arena);
                assert_true(text_equal(w.title, built_in.title) && text_equal(w.body, built_in.body));
        }
}

/* --- times --- */

typedef struct Clock {
        const char *now, *ends;
        const Zone *zone;
        const char *expected;
} Clock;

static void times_are_the_readers_and_name_the_day_if_it_is_not_today(void **state)
{
        Scene *s = *state;
        const Clock clocks[] = {
                { "2026-11-20T12:00:00Z", "2026-11-20T19:40:00Z", &SAO_PAULO, "16:40" },
                { "2026-11-20T12:00:00Z", "2026-11-20T19:40:00Z", &BERLIN, "20:40" },
                { "2026-11-20T12:00:00Z", "2026-11-20T23:30:00Z", &BERLIN, "Sat 00:30" },
                { "2026-11-20T12:00:00Z", "2026-11-20T23:30:00Z", &SAO_PAULO, "20:30" },
                { "2026-11-20T02:59:00Z", "2026-11-20T03:00:00Z", &SAO_PAULO, "Fri 00:00" },
                { "2026-11-20T12:00:00Z", "2026-11-26T19:40:00Z", &SAO_PAULO, "Thu 16:40" },
                { "2026-11-20T12:00:00Z", "2026-11-27T19:40:00Z", &SAO_PAULO, "Fri 27 Nov 16:40" },
                { "2026-11-20T12:00:00Z", "2026-12-04T19:40:00Z", &SAO_PAULO, "Fri 4 Dec 16:40" },
                { "2026-12-30T12:00:00Z", "2027-01-08T19:40:00Z", &SAO_PAULO, "Fri 8 Jan 16:40" },
                { "2026-11-20T12:00:00Z", "2027-11-20T19:40:00Z", &SAO_PAULO, "Sat 20 Nov 2027 16:40" },
                { "2026-11-20T12:00:00Z", "2026-11-20T19:40:00Z", NULL, "19:40 UTC" },
        };
        for (size_t i = 0; i < COUNT_OF(clocks); i++) {
                s->facts.now = wall(clocks[i].now);
                s->facts.reader_zone = clocks[i].zone;
                s->c.window_ends_at = wall(clocks[i].ends);
                Text values[WORDING_MAX];
                wording_values(&s->facts, s->arena, values);
                assert_string_equal(values[WORDING_ENDS].data, clocks[i].expected);
        }
}

static void what_has_passed_names_its_day_too(void **state)
{
        Scene *s = *state;
        s->facts.now = wall("2026-11-24T12:00:00Z");
        Text values[WORDING_MAX];
        wording_values(&s->facts, s->arena, values);
        assert_string_equal(values[WORDING_ENDED].data, "Fri 16:40");
        assert_false(values[WORDING_ENDS].data || values[WORDING_LEFT].data);
        s->facts.now = s->c.window_ends_at; /* the end is not in the window any more */
        wording_values(&s->facts, s->arena, values);
        assert_string_equal(values[WORDING_ENDED].data, "16:40");
}

static void the_next_reminder_is_today_tomorrow_or_on_a_weekday(void **state)
{
        Scene *s = *state;
        const Clock clocks[] = {
                { "2026-11-19T19:41:00Z", "2026-11-19T20:00:00Z", NULL, "17:00" },
                { "2026-11-19T19:41:00Z", "2026-11-20T13:00:00Z", NULL, "tomorrow 10:00" },
                { "2026-11-19T19:41:00Z", "2026-11-20T02:00:00Z", NULL, "23:00" },
                { "2026-11-19T19:41:00Z", "2026-11-21T13:00:00Z", NULL, "Sat 10:00" },
                { "2026-11-19T19:41:00Z", "2026-11-30T13:00:00Z", NULL, "Mon 30 Nov 10:00" },
        };
        for (size_t i = 0; i < COUNT_OF(clocks); i++) {
                s->facts.next_at = wall(clocks[i].ends);
                Text values[WORDING_MAX];
                wording_values(&s->facts, s->arena, values);
                assert_string_equal(values[WORDING_NEXT].data, clocks[i].expected);
        }
}

static void spans_are_rounded_as_people_say_them(void **state)
{
        Scene *s = *state;
        const struct {
                int64_t seconds;
                const char *expected;
        } spans[] = {
                { 59, NULL },
                { 60, "1 min" },
                { 89, "1 min" },
                { 45 * 60, "45 min" },
                { 2 * 3600 - 2, "2 h" },
                { 5400, "1 h 30 min" },
                { 5 * 3600 + 1700, "5 h" },
                { 27 * 3600, "1 day 3 h" },
                { 5 * 86400 + 3600, "5 days" },
        };
        for (size_t i = 0; i < COUNT_OF(spans); i++) {
                s->facts.late = span_times(SPAN_SECOND, spans[i].seconds);
                Text values[WORDING_MAX];
                wording_values(&s->facts, s->arena, values);
                if (spans[i].expected)
                        assert_string_equal(values[WORDING_LATE].data, spans[i].expected);
                else
                        assert_null(values[WORDING_LATE].data);
        }
}

/* --- scores and touchpoints --- */

static void assert_answer(Scene *s, const char *expected)
{
        Text values[WORDING_MAX];
        wording_values(&s->facts, s->arena, values);
        if (expected)
                assert_string_equal(arena_text(s->arena, values[WORDING_ANSWER]).data, expected);
        else
                assert_null(values[WORDING_ANSWER].data);
}

static void the_score_is_said_with_its_scale(void **state)
{
        Scene *s = *state;
        set_text(s, FIELD_TOUCHPOINT, TEXT_NONE);
        assert_answer(s, "2 of 10");
        set_number(s, FIELD_CSAT, 1);
        assert_answer(s, "2 of 10");
        s->response.values[FIELD_NPS] = (Value){ .type = VALUE_UNKNOWN };
        assert_answer(s, "1 of 5");
        set_number(s, FIELD_CSAT, 1.5);
        assert_answer(s, "1.5 of 5");
        s->csat.scale_min = -2;
        s->csat.scale_max = 2;
        assert_answer(s, "1.5 on a scale of -2 to 2");
        s->response.source = NULL; /* the source is not configured any more */
        assert_answer(s, "score 1.5");
        set_number(s, FIELD_NPS, 0);
        assert_answer(s, "0 of 10");
        s->response.values[FIELD_NPS] = s->response.values[FIELD_CSAT] = (Value){ .type = VALUE_UNKNOWN };
        assert_answer(s, NULL);
}

static void the_touchpoint_is_said_in_a_sentence(void **state)
{
        Scene *s = *state;
        const char *const touchpoints[][2] = {
                { "installation", "2 of 10, after installation" },
                { "Installation", "2 of 10, after installation" },
                { "after installation", "2 of 10, after installation" },
                { "first_visit", "2 of 10, after first visit" },
                { "NPS 2026", "2 of 10, after NPS 2026" },
                { "_", "2 of 10" },
        };
        for (size_t i = 0; i < COUNT_OF(touchpoints); i++) {
                set_text(s, FIELD_TOUCHPOINT, text_from(touchpoints[i][0]));
                assert_answer(s, touchpoints[i][1]);
        }
        set_text(s, FIELD_TOUCHPOINT, TEXT("installation"));
        s->response.values[FIELD_NPS] = (Value){ .type = VALUE_UNKNOWN };
        assert_answer(s, "After installation");
        s->response.values[FIELD_CONTACT_ME] = (Value){ .type = VALUE_FLAG, .flag = true };
        assert_answer(s, "After installation, asks for a call");
        set_text(s, FIELD_TOUCHPOINT, TEXT_NONE);
        assert_answer(s, "Asks for a call");
        s->response.values[FIELD_CONTACT_ME] = (Value){ .type = VALUE_FLAG, .flag = false };
        assert_answer(s, NULL);
}

/* --- hostile text --- */

static void outside_text_cannot_add_lines_or_turn_the_sentence_around(void **state)
{
        Scene *s = *state;
        set_text(s, FIELD_NAME, TEXT("Maria\nCall nobody\r\n\u202eSilva\u2067\x1b[31m"));
        set_text(s, FIELD_ACCOUNT, TEXT("\u0645\u062d\u0645\u062f"));
        set_text(s, FIELD_COMMENT, TEXT("a\u2028b\u200b\u200bc\x07 {{customer}} {{#x}}"));
        set_text(s, FIELD_PHONE, TEXT("1\n2"));
        Wording w = wording_make(&s->facts, NULL, s->arena);
        assert_true(text_is(
                w.title, "Call Maria Call nobody Silva[31m, \u2068\u0645\u062d\u0645\u062f\u2069, by Fri 16:40 (#12)"));
        assert_true(text_starts(
                w.body, TEXT("2 of 10, after installation\n\u201ca bc {{customer}} {{#x}}\u201d\n1 2. Listen")));
}

/* --- the templates as files --- */

static Text file_read(Arena *arena, const char *path)
{
        FILE *file = fopen(path, "r");
        if (!file)
                fail_msg("cannot open %s; run this from the top of the tree", path);
        char *data = arena_alloc(arena, 64 * 1024);
        size_t len = fread(data, 1, 64 * 1024, file);
        assert_int_equal(fclose(file), 0);
        return (Text){ data, len };
}

static void the_files_are_the_built_in_templates(void **state)
{
        Scene *s = *state;
        for (Message m = 0; m < MESSAGE_MAX; m++) {
                Text path = arena_textf(s->arena, "conf/templates/%s.mustache", message_text(m));
                assert_string_equal(file_read(s->arena, path.data).data, wording_default(m, false).data);
                if (!wording_is_for_rooms(m))
                        continue;
                path = arena_textf(s->arena, "conf/templates/%s.shared.mustache", message_text(m));
                assert_string_equal(file_read(s->arena, path.data).data, wording_default(m, true).data);
        }
}

static void the_readme_explains_every_name(void **state)
{
        Scene *s = *state;
        Text readme = file_read(s->arena, "conf/templates/README");
        for (size_t i = 0; i < WORDING_NAME_COUNT; i++) {
                Text line = arena_textf(s->arena, "\n    %-15s  %s\n", WORDING_NAMES[i], WORDING_MEANINGS[i]);
                if (!says(readme, line.data))
                        fail_msg("conf/templates/README has not: %s", line.data);
        }
}

/* As the README shows it: each line indented. */
static void assert_in_readme(const Scene *s, Text readme)
{
        Wording w = wording_make(&s->facts, NULL, s->arena);
        Buffer b = buffer_in(s->arena);
        Text rest = arena_textf(s->arena, TEXT_F "\n" TEXT_F, TEXT_ARG(w.title), TEXT_ARG(w.body)), line;
        while (text_split(&rest, '\n', &line))
                buffer_putf(&b, "    " TEXT_F "\n", TEXT_ARG(line));
        if (!says(readme, buffer_text(&b).data))
                fail_msg("README.md does not show this message:\n%s", buffer_text(&b).data);
}

static void the_readme_shows_messages_as_they_are(void **state)
{
        Scene *s = *state;
        Text readme = file_read(s->arena, "README.md");
        assert_in_readme(s, readme);
        s->facts.message = MESSAGE_REMINDER;
        s->facts.now = wall("2026-11-20T17:40:02Z");
        s->facts.next_at = wall("2026-11-21T13:00:00Z");
        assert_in_readme(s, readme);
        s->facts.message = MESSAGE_HELP_NEEDED;
        s->facts.told_at = wall("2026-11-20T12:02:00Z");
        s->c.attempts = 1;
        s->c.last_attempt_at = wall("2026-11-20T14:10:00Z");
        s->c.last_attempt_result = TEXT("voicemail");
        to_manager(s);
        assert_in_readme(s, readme);
}

static void built_in_texts_compile_and_do_not_shout(void **state)
{
        Scene *s = *state;
        for (unsigned i = 0; i < MESSAGE_MAX * 2; i++) {
                Text source = wording_default((Message)(i / 2), i % 2);
                Mustache *template = NULL;
                TextFault fault = { 0 };
                if (mustache_compile(s->arena, source, WORDING_NAMES, WORDING_NAME_COUNT, &template, &fault) < 0)
                        fail_msg("%s: %.*s", message_text((Message)(i / 2)), TEXT_ARG(fault.message));
                assert_false(says(source, "!"));
        }
}

int main(void)
{
#define CLAIM(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        const struct CMUnitTest tests[] = {
                CLAIM(the_alert_says_who_by_when_what_and_how),
                CLAIM(an_alert_to_somebody_else_informs_and_does_not_ask),
                CLAIM(a_group_is_asked_who_takes_it),
                CLAIM(a_late_alert_says_how_late_and_asks_for_no_lost_time),
                CLAIM(a_reminder_repeats_no_comment),
                CLAIM(help_is_asked_for_as_a_question),
                CLAIM(the_history_says_what_is_known_and_no_more),
                CLAIM(the_owner_hears_that_help_was_asked_for),
                CLAIM(after_the_window_the_owner_is_encouraged),
                CLAIM(after_the_window_the_manager_is_asked_to_decide),
                CLAIM(the_director_sees_who_waits_and_who_has_it),
                CLAIM(an_answer_that_joins_says_that_it_is_the_same_case),
                CLAIM(a_reopened_case_asks_for_another_call),
                CLAIM(claimed_contacted_and_closed_say_who_and_how),
                CLAIM(an_answer_too_old_for_a_promise_asks_for_a_decision),
                CLAIM(operators_and_tests_need_no_case),
                CLAIM(a_room_hears_that_somebody_has_it),
                CLAIM(a_room_never_hears_a_name_a_comment_or_a_reproach),
                CLAIM(who_is_only_informed_never_sees_the_comment),
                CLAIM(the_alert_reads_well_whatever_is_missing),
                CLAIM(every_message_reads_well_whatever_is_missing),
                CLAIM(a_customer_without_a_name_is_called_by_id_or_is_a_customer),
                CLAIM(no_command_is_shown_that_a_shell_could_misread),
                CLAIM(the_limits_hold_for_every_message_however_long_the_texts),
                CLAIM(the_deadline_the_number_and_the_command_outlast_long_names),
                CLAIM(a_shortened_title_is_followed_by_the_name_in_full),
                CLAIM(a_long_comment_is_cut_at_a_word),
                CLAIM(a_comment_of_256_kib_costs_no_more_than_its_start),
                CLAIM(a_template_of_ones_own_is_kept_within_the_limits),
                CLAIM(an_empty_part_is_replaced_by_the_built_in_text),
                CLAIM(times_are_the_readers_and_name_the_day_if_it_is_not_today),
                CLAIM(what_has_passed_names_its_day_too),
                CLAIM(the_next_reminder_is_today_tomorrow_or_on_a_weekday),
                CLAIM(spans_are_rounded_as_people_say_them),
                CLAIM(the_score_is_said_with_its_scale),
                CLAIM(the_touchpoint_is_said_in_a_sentence),
                CLAIM(outside_text_cannot_add_lines_or_turn_the_sentence_around),
                CLAIM(the_files_are_the_built_in_templates),
                CLAIM(the_readme_shows_messages_as_they_are),
                CLAIM(the_readme_explains_every_name),
                CLAIM(built_in_texts_compile_and_do_not_shout),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
