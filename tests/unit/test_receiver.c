#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/wording.h"
#include "notify/receiver.h"
#include "parcel_sample.h"

static Arena *arena;

static int set_up(void **state UNUSED)
{
        arena = arena_new(4096);
        return 0;
}

static int tear_down(void **state UNUSED)
{
        arena = arena_free(arena);
        return 0;
}

#define FOR_EACH_RECEIVER(type)                                     \
        for (ChannelType type = 0; type < CHANNEL_TYPE_MAX; type++) \
                if (receiver_of(type))

static ParcelSample *sample_to(ChannelType type)
{
        ParcelSample *s = parcel_sample(arena, type);
        s->channel.to = TEXT("-1001234567890");
        s->channel.secret = (Secret){ .kind = SECRET_FILE, .value = TEXT("token4711") };
        s->channel.url = TEXT("https://chat.example.com/hook/hunter2");
        return s;
}

static const JsonValue *read_body(Text body)
{
        const JsonValue *root = NULL;
        if (json_read_in(arena, body, &root) != JSON_FAULT_NONE)
                fail_msg("not JSON: " TEXT_F, TEXT_ARG(body));
        return root;
}

/* All texts of a document, in order, each followed by a line end. */
static void texts_collect(Buffer *b, const JsonValue *value)
{
        if (json_type(value) == JSON_TEXT) {
                buffer_put(b, json_text(value));
                buffer_put_char(b, '\n');
        }
        for (JsonWalk w = json_walk(value); json_next(&w);)
                texts_collect(b, w.value);
}

static Text texts_of(Text body)
{
        Buffer b = buffer_in(arena);
        texts_collect(&b, read_body(body));
        return buffer_text(&b);
}

/* The shape alone: keys and kinds, without what the texts say. */
static void shape_collect(Buffer *b, const JsonValue *value)
{
        buffer_put_integer(b, (int64_t)json_type(value));
        for (JsonWalk w = json_walk(value); json_next(&w);) {
                buffer_putf(b, "(" TEXT_F ":", TEXT_ARG(w.key));
                shape_collect(b, w.value);
                buffer_put_char(b, ')');
        }
}

static Text shape_of(Text body)
{
        Buffer b = buffer_in(arena);
        shape_collect(&b, read_body(body));
        return buffer_text(&b);
}

static void every_receiver_is_told_who_and_what(void **state UNUSED)
{
        int count = 0;
        FOR_EACH_RECEIVER(type)
        {
                ParcelSample *s = sample_to(type);
                const char *said = texts_of(receiver_body(&s->parcel, SAMPLE_NOW, arena)).data;
                assert_non_null(strstr(said, "Maria Silva"));
                assert_non_null(strstr(said, "Three weeks for a part"));
                assert_non_null(strstr(said, "severity high"));
                count++;
        }
        assert_int_equal(count, 8);
}

static void the_shape_of_a_message_is_ours_whatever_is_written(void **state UNUSED)
{
        static const char *const hostile[] = {
                "<!channel>",
                "<https://evil.example|your bank>",
                "&lt;!channel&gt;",
                "@channel @here @everyone",
                "*bold* _it_ ~gone~ `code` ```block```",
                "\"}],\"text\":\"x",
                "\\u003c!channel\\u003e",
                "\\",
                "{{title}} {{/text}} {{{x}}} {{#lines}}",
                "{{DATE(2026-11-20T07:43:58Z)}}",
                "</b></i><a href=\"https://evil.example\">",
                "<users/all>",
                "[bank](https://evil.example)",
                "1. one",
                "\xe2\x80\xaegnp.exe",
                "\xf0\x9f\x98\xa1\xf0\x9f\x98\xa1",
                "\x01\x02\x1b[31m",
                "\xff\xfe\xc0\x80",
        };
        FOR_EACH_RECEIVER(type)
        {
                const Receiver *r = receiver_of(type);
                ReceiverNote note = {
                        .title = TEXT("x"), .text = TEXT("x"), .small_print = TEXT("x"), .action = "trigger"
                };
                Text shape = shape_of(receiver_render(r, &note, arena));
                for (size_t i = 0; i < COUNT_OF(hostile); i++) {
                        note.title = note.text = note.small_print = note.to = note.token = text_from(hostile[i]);
                        if (!text_is_utf8(note.to))
                                note.to = note.token = TEXT("?");
                        Text body = receiver_render(r, &note, arena);
                        assert_true(text_is_utf8(body));
                        if (!text_equal(shape_of(body), shape))
                                fail_msg("%s: another shape: " TEXT_F, r->name, TEXT_ARG(body));
                }
        }
}

static size_t units_of(Text text, TextUnit unit)
{
        size_t count = 0;
        for (size_t i = 0; i < text.len; i++) {
                unsigned char c = (unsigned char)text.data[i];
                bool is_start = (c & 0xc0) != 0x80;
                count += unit == UNIT_BYTE    ? 1
                         : unit == UNIT_UTF16 ? (size_t)(is_start ? 1 + (c >= 0xf0) : 0)
                                              : is_start;
        }
        return count;
}

static void each_text_within(const JsonValue *value, const Receiver *r, size_t max)
{
        if (json_type(value) == JSON_TEXT && units_of(json_text(value), r->unit) > max)
                fail_msg("%s: %zu %s", r->name, units_of(json_text(value), r->unit), text_unit_text(r->unit));
        for (JsonWalk w = json_walk(value); json_next(&w);)
                each_text_within(w.value, r, max);
}

static void endless_words_stay_within_the_limits(void **state UNUSED)
{
        static const char *const pieces[] = { "<",
                                              "&",
                                              "x",
                                              "*",
                                              "{",
                                              "@",
                                              "\"",
                                              "\xc3\xa9",
                                              "\xf0\x9f\x98\xa1",
                                              "e\xcc\x81\xcc\x82\xcc\x83\xcc\x84",
                                              "a \n" };
        FOR_EACH_RECEIVER(type)
        {
                const Receiver *r = receiver_of(type);
                for (size_t i = 0; i < COUNT_OF(pieces); i++) {
                        Buffer b = buffer_in(arena);
                        for (int n = 0; n < 9000; n++)
                                buffer_put(&b, text_from(pieces[i]));
                        Text words = buffer_text(&b);
                        ReceiverNote note = {
                                .title = words, .text = words, .small_print = words, .action = "trigger"
                        };
                        Text body = receiver_render(r, &note, arena);
                        if (body.len > r->bytes_max)
                                fail_msg("%s: %zu bytes", r->name, body.len);
                        assert_true(text_is_utf8(body));
                        each_text_within(read_body(body), r, r->title_max + r->text_max + r->small_max + 20);
                        assert_non_null(strstr(body.data, "\xe2\x80\xa6"));
                }
        }
}

static void a_text_is_cut_between_characters_as_people_see_them(void **state UNUSED)
{
        static const char family[] = "\U0001F468\u200D\U0001F469\u200D\U0001F467"; /* 8 units of UTF-16 */
        Buffer b = buffer_in(arena);
        for (int n = 0; n < 30; n++)
                buffer_put_literal(&b, "\U0001F468\u200D\U0001F469\u200D\U0001F467");
        ReceiverNote note = { .title = buffer_text(&b), .action = "trigger" };
        Text body = receiver_render(receiver_of(CHANNEL_SLACK), &note, arena);
        Text title = json_text(json_get(read_body(body), TEXT("text")));
        size_t kept = title.len - strlen("\u2026");
        assert_int_equal(kept % (sizeof(family) - 1), 0);
        assert_int_equal(kept / (sizeof(family) - 1), 18); /* 18 * 8 + 1 <= 150 */
        assert_int_equal(memcmp(title.data + kept, "\u2026", 3), 0);
}

static void an_empty_title_is_a_dash_and_empty_parts_are_left_out(void **state UNUSED)
{
        FOR_EACH_RECEIVER(type)
        {
                ReceiverNote note = { .action = "trigger" };
                Text body = receiver_render(receiver_of(type), &note, arena);
                assert_non_null(strstr(texts_of(body).data, "-"));
        }
}

static void a_long_body_gives_way_before_the_whole_is_too_large(void **state UNUSED)
{
        Receiver r = *receiver_of(CHANNEL_TEAMS);
        r.bytes_max = 1500;
        Buffer b = buffer_in(arena);
        for (int n = 0; n < 900; n++)
                buffer_put_literal(&b, "\"quoted\"\n");
        ReceiverNote note = { .title = TEXT("Call Maria"), .text = buffer_text(&b), .action = "trigger" };
        Text body = receiver_render(&r, &note, arena);
        assert_in_range(body.len, 700, 1500);
        assert_non_null(strstr(body.data, "Call Maria"));
}

/* --- what is different --- */

static void pagerduty_ends_the_incident_with_the_case(void **state UNUSED)
{
        static const struct {
                Message message;
                const char *action;
        } rows[] = {
                { MESSAGE_ALERT, "trigger" },     { MESSAGE_REMINDER, "trigger" }, { MESSAGE_CLAIMED, "acknowledge" },
                { MESSAGE_CONTACTED, "resolve" }, { MESSAGE_CLOSED, "resolve" },   { MESSAGE_REOPENED, "trigger" },
        };
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
                ParcelSample *s = sample_to(CHANNEL_PAGERDUTY);
                s->parcel.message = rows[i].message;
                s->parcel.key[15] = (uint8_t)i; /* another delivery, the same case */
                const JsonValue *root = read_body(receiver_body(&s->parcel, SAMPLE_NOW, arena));
                assert_true(text_is(json_text(json_get(root, TEXT("event_action"))), rows[i].action));
                assert_true(
                        text_is(json_text(json_get(root, TEXT("dedup_key"))), "01a2b3c4-d5e6-8007-8109-0a0b0c0d0e0f"));
                assert_true(text_is(json_text(json_get(root, TEXT("routing_key"))), "token4711"));
                const JsonValue *payload = json_get(root, TEXT("payload"));
                assert_true(text_is(json_text(json_get(payload, TEXT("severity"))), "error"));
        }
}

static void ntfy_is_as_urgent_as_the_case(void **state UNUSED)
{
        for (Severity severity = 0; severity < SEVERITY_MAX; severity++) {
                int64_t priority = 0;
                ParcelSample *s = sample_to(CHANNEL_NTFY);
                s->c.severity = severity;
                const JsonValue *root = read_body(receiver_body(&s->parcel, SAMPLE_NOW, arena));
                assert_true(json_integer(json_get(root, TEXT("priority")), &priority));
                assert_int_equal(priority, 2 + (int)severity);
        }
}

static void the_url_keeps_what_it_had(void **state UNUSED)
{
        ParcelSample *s = sample_to(CHANNEL_GOOGLE_CHAT);
        s->channel.url = TEXT("https://chat.example.com/v1/spaces/A/messages?key=k&token=t");
        assert_string_equal(receiver_url(&s->parcel, arena).data,
                            "https://chat.example.com/v1/spaces/A/messages?key=k&token=t"
                            "&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"
                            "&requestId=01a2b3c4-d5e6-8f01-9f02-030405060708");
        s = sample_to(CHANNEL_DISCORD);
        assert_string_equal(receiver_url(&s->parcel, arena).data, "https://chat.example.com/hook/hunter2?wait=true");
        s = sample_to(CHANNEL_TELEGRAM);
        assert_string_equal(receiver_url(&s->parcel, arena).data, "https://chat.example.com/hook/hunter2");
}

static void each_receiver_says_yes_in_its_own_words(void **state UNUSED)
{
        static const struct {
                ChannelType type;
                int status;
                const char *body;
                bool is_yes;
        } rows[] = {
                { CHANNEL_SLACK, 200, "ok", true },
                { CHANNEL_SLACK, 200, "<html>log in</html>", false },
                { CHANNEL_MATTERMOST, 200, "ok", true },
                { CHANNEL_MATTERMOST, 200, "", false },
                { CHANNEL_TEAMS, 202, "", true },
                { CHANNEL_TEAMS, 200, "1", true },
                { CHANNEL_TEAMS, 200, "Microsoft Teams endpoint returned HTTP error 429 with ContextId", false },
                { CHANNEL_GOOGLE_CHAT, 200, "{\n  \"name\": \"spaces/A/messages/B\"", true },
                { CHANNEL_GOOGLE_CHAT, 200, "<!doctype html>", false },
                { CHANNEL_DISCORD, 204, "", true },
                { CHANNEL_DISCORD, 200, "{\"type\":0", true },
                { CHANNEL_DISCORD, 200, "hello", false },
                { CHANNEL_TELEGRAM, 200, "{\"ok\":true,\"result\":{\"text\":\"\\\"ok\\\":false\"", true },
                { CHANNEL_TELEGRAM, 200, "{ \"ok\" : false, \"error_code\": 500}", false },
                { CHANNEL_NTFY, 200, "{\"id\":\"x\"", true },
                { CHANNEL_NTFY, 200, "", false },
                { CHANNEL_PAGERDUTY, 202, "{\"status\":\"success\"", true },
                { CHANNEL_PAGERDUTY, 200, "{\"status\":\"success\"", false },
        };
        for (size_t i = 0; i < COUNT_OF(rows); i++)
                if (receiver_says_yes(receiver_of(rows[i].type), rows[i].status, text_from(rows[i].body)) !=
                    rows[i].is_yes)
                        fail_msg("row %zu: %d %s", i, rows[i].status, rows[i].body);
}

static void later_may_stand_in_the_answer(void **state UNUSED)
{
        double seconds = 0;
        const Receiver *telegram = receiver_of(CHANNEL_TELEGRAM), *slack = receiver_of(CHANNEL_SLACK);
        assert_true(
                receiver_retry_after(telegram, TEXT("{\"ok\":false,\"parameters\":{\"retry_after\": 35}}"), &seconds));
        assert_true(seconds > 34.9 && seconds < 35.1);
        assert_true(receiver_retry_after(receiver_of(CHANNEL_DISCORD),
                                         TEXT("{\"message\":\"x\",\"retry_after\":0.65,\"global\":false}"), &seconds));
        assert_true(seconds > 0.64 && seconds < 0.66);
        assert_false(receiver_retry_after(telegram, TEXT("{\"retry_after\":\"x\"}"), &seconds));
        assert_false(receiver_retry_after(telegram, TEXT_NONE, &seconds));
        assert_false(receiver_retry_after(slack, TEXT("\"retry_after\":35"), &seconds));
}

static void a_shared_room_learns_nothing_of_the_customer(void **state UNUSED)
{
        static const char *const secrets[] = { "Maria", "c-9", "Three weeks", "5550 0199", "5550" };
        FOR_EACH_RECEIVER(type)
        {
                ParcelSample *s = sample_to(type);
                s->channel.is_shared = true;
                s->parcel.reader = NULL;
                s->parcel.why = RECIPIENT_CHANNEL;
                s->parcel.recipient = TEXT("channel:room");
                for (Message message = 0; message < MESSAGE_MAX; message++) {
                        s->parcel.message = message;
                        Text body = receiver_body(&s->parcel, SAMPLE_NOW, arena);
                        for (size_t i = 0; i < COUNT_OF(secrets); i++)
                                assert_null(strstr(body.data, secrets[i]));
                }
        }
}

static void every_message_to_everybody_is_a_document(void **state UNUSED)
{
        FOR_EACH_RECEIVER(type)
        {
                for (Message message = 0; message < MESSAGE_MAX; message++) {
                        for (RecipientKind why = 0; why < RECIPIENT_KIND_MAX; why++) {
                                ParcelSample *s = sample_to(type);
                                s->parcel.message = message;
                                s->parcel.why = why;
                                s->parcel.note = TEXT("<!everyone> note & more");
                                (void)read_body(receiver_body(&s->parcel, SAMPLE_NOW, arena));
                        }
                }
        }
}

static void random_bytes_never_break_a_message(void **state UNUSED)
{
        const char *given = getenv("SEED");
        unsigned start = given ? (unsigned)strtoul(given, NULL, 10) : 20261120, seed = start;
        print_message("seed %u\n", start);
        static const char likely[] = "<>&@*_`~|{}[]()\\\"'#+-.!:/ \n\r\t\x1b\x80\xc3\xe2\x80\xff";
        for (int round = 0; round < 300; round++) {
                char bytes[400];
                size_t len = (size_t)rand_r(&seed) % sizeof(bytes);
                for (size_t i = 0; i < len; i++)
                        bytes[i] = rand_r(&seed) % 2 ? likely[(size_t)rand_r(&seed) % (sizeof(likely) - 1)]
                                                     : (char)rand_r(&seed);
                FOR_EACH_RECEIVER(type)
                {
                        const Receiver *r = receiver_of(type);
                        ParcelSample *s = sample_to(type);
                        const JsonValue *root;
                        sample_text(s, FIELD_COMMENT, (Text){ bytes, len });
                        sample_text(s, FIELD_NAME, (Text){ bytes, len });
                        ReceiverNote note = { .title = { bytes, len }, .text = { bytes, len }, .action = "trigger" };
                        Text bodies[] = { receiver_body(&s->parcel, SAMPLE_NOW, arena),
                                          receiver_render(r, &note, arena) };
                        for (size_t i = 0; i < COUNT_OF(bodies); i++)
                                if (json_read_in(arena, bodies[i], &root) != JSON_FAULT_NONE ||
                                    bodies[i].len > r->bytes_max)
                                        fail_msg("%s: round %d; repeat it with SEED=%u", r->name, round, start);
                }
                arena_reset(arena);
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(every_receiver_is_told_who_and_what),
                TEST(the_shape_of_a_message_is_ours_whatever_is_written),
                TEST(endless_words_stay_within_the_limits),
                TEST(a_text_is_cut_between_characters_as_people_see_them),
                TEST(an_empty_title_is_a_dash_and_empty_parts_are_left_out),
                TEST(a_long_body_gives_way_before_the_whole_is_too_large),
                TEST(pagerduty_ends_the_incident_with_the_case),
                TEST(ntfy_is_as_urgent_as_the_case),
                TEST(the_url_keeps_what_it_had),
                TEST(each_receiver_says_yes_in_its_own_words),
                TEST(later_may_stand_in_the_answer),
                TEST(a_shared_room_learns_nothing_of_the_customer),
                TEST(every_message_to_everybody_is_a_document),
                TEST(random_bytes_never_break_a_message),
        };
        return cmocka_run_group_tests_name("receiver", tests, NULL, NULL);
}
