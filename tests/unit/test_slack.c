#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/wording.h"
#include "notify/slack.h"
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

static const JsonValue *body_read(const ParcelSample *s)
{
        const JsonValue *root = NULL;
        assert_int_equal(json_read_in(arena, slack_body(&s->parcel, SAMPLE_NOW, arena), &root), JSON_FAULT_NONE);
        return root;
}

/* As Slack counts at worst: UTF-16 units, entities as written. */
static size_t units(Text text)
{
        size_t count = 0;
        for (size_t i = 0; i < text.len; i++) {
                unsigned char c = (unsigned char)text.data[i];
                count += (c & 0xc0) == 0x80 ? 0 : c >= 0xf0 ? 2 : 1;
        }
        return count;
}

static void assert_plain_text(const JsonValue *object, size_t units_max)
{
        Text text = json_text(json_get(object, TEXT("text")));
        assert_true(text_is(json_text(json_get(object, TEXT("type"))), "plain_text"));
        assert_int_equal(json_count(object), 3);
        assert_int_equal(json_type(json_get(object, TEXT("emoji"))), JSON_BOOL);
        assert_false(json_is_true(json_get(object, TEXT("emoji"))));
        assert_in_range(units(text), 1, units_max);
        assert_true(text_is_utf8(text));
        assert_null(memchr(text.data, '<', text.len));
        assert_null(memchr(text.data, '>', text.len));
}

/* Holds for every message: only plain text, within Slack's limits, nothing unfolds, no mention works. */
static size_t assert_inert(const ParcelSample *s)
{
        const JsonValue *root = body_read(s);
        static const char *const flags[] = { "mrkdwn", "link_names", "unfurl_links", "unfurl_media" };
        for (size_t i = 0; i < COUNT_OF(flags); i++) {
                const JsonValue *flag = json_get(root, text_from(flags[i]));
                assert_true(json_type(flag) == JSON_BOOL && !json_is_true(flag));
        }
        Text fallback = json_text(json_get(root, TEXT("text")));
        assert_in_range(units(fallback), 1, 3000);
        assert_null(memchr(fallback.data, '<', fallback.len));
        assert_int_equal(json_count(root), 6);
        const JsonValue *blocks = json_get(root, TEXT("blocks"));
        for (JsonWalk w = json_walk(blocks); json_next(&w);) {
                Text type = json_text(json_get(w.value, TEXT("type")));
                assert_int_equal(json_count(w.value), 2);
                if (text_is(type, "context")) {
                        assert_int_equal(json_count(json_get(w.value, TEXT("elements"))), 1);
                        assert_plain_text(json_at(json_get(w.value, TEXT("elements")), 0), 2000);
                } else {
                        assert_true(text_is(type, "header") || text_is(type, "section"));
                        assert_plain_text(json_get(w.value, TEXT("text")), text_is(type, "header") ? 150 : 3000);
                }
        }
        return json_count(blocks);
}

static Text block_text(const ParcelSample *s, size_t index)
{
        const JsonValue *block = json_at(json_get(body_read(s), TEXT("blocks")), index);
        return json_text(json_get(json_get(block, TEXT("text")), TEXT("text")));
}

static void an_alert_says_who_and_what(void **state UNUSED)
{
        ParcelSample *s = parcel_sample(arena, CHANNEL_SLACK);
        assert_int_equal(assert_inert(s), 3);
        assert_non_null(strstr(block_text(s, 0).data, "Maria Silva"));
        Text body = block_text(s, 1);
        assert_non_null(strstr(arena_text(arena, body).data, "Three weeks for a part"));
        assert_non_null(strstr(slack_body(&s->parcel, SAMPLE_NOW, arena).data,
                               "\"Case #12, severity high. Sent to you as its owner.\""));
}

static void every_message_is_inert_to_everybody(void **state UNUSED)
{
        for (Message message = 0; message < MESSAGE_MAX; message++) {
                for (RecipientKind why = 0; why < RECIPIENT_KIND_MAX; why++) {
                        ParcelSample *s = parcel_sample(arena, CHANNEL_SLACK);
                        s->parcel.message = message;
                        s->parcel.why = why;
                        s->parcel.note = TEXT("<!everyone> note & more");
                        (void)assert_inert(s);
                        s->channel.is_shared = true;
                        (void)assert_inert(s);
                }
        }
}

static void hostile_words_are_words(void **state UNUSED)
{
        static const char *const hostile[] = {
                "<!channel>",
                "<!here|here>",
                "<@U012AB3CD>",
                "<#C123|general>",
                "<https://evil.example|your bank>",
                "&lt;!channel&gt;",
                "@channel @here @everyone",
                "*bold* _it_ ~gone~ `code` ```block```",
                "> quote",
                ":bomb: :+1:",
                "\"}],\"text\":\"x",
                "\\u003c!channel\\u003e",
                "\xe2\x80\xaegnp.exe",
                "\xf0\x9f\x98\xa1\xf0\x9f\x98\xa1",
                "a\r\n\r\nb",
                "\x01\x02\x1b[31m",
                "\xff\xfe\xc0\x80",
                "<<<<<>>>>>&&&&&",
                "",
        };
        for (size_t i = 0; i < COUNT_OF(hostile); i++) {
                ParcelSample *s = parcel_sample(arena, CHANNEL_SLACK);
                Text words = text_from(hostile[i]);
                sample_text(s, FIELD_COMMENT, words);
                sample_text(s, FIELD_NAME, words);
                sample_text(s, FIELD_ACCOUNT, words);
                sample_text(s, FIELD_PHONE, words);
                sample_text(s, FIELD_TERRITORY, words);
                s->parcel.owner_name = words;
                (void)assert_inert(s);
        }
}

static void long_words_stay_within_the_limits(void **state UNUSED)
{
        static const char *const pieces[] = {
                "<", "&", "x", "\xc3\xa9", "\xf0\x9f\x98\xa1", "e\xcc\x81\xcc\x82\xcc\x83\xcc\x84"
        };
        for (size_t i = 0; i < COUNT_OF(pieces); i++) {
                Buffer b = buffer_in(arena);
                for (int n = 0; n < 20000; n++)
                        buffer_put(&b, text_from(pieces[i]));
                ParcelSample *s = parcel_sample(arena, CHANNEL_SLACK);
                sample_text(s, FIELD_COMMENT, buffer_text(&b));
                sample_text(s, FIELD_NAME, buffer_text(&b));
                (void)assert_inert(s);
                s = parcel_sample_note(arena, CHANNEL_SLACK, MESSAGE_OPERATOR, buffer_text(&b));
                (void)assert_inert(s);
        }
}

/* A template of the operator's own may be as long as it likes. */
static void a_long_template_is_cut_at_slacks_limits(void **state UNUSED)
{
        Buffer b = buffer_in(arena);
        for (int n = 0; n < 200; n++)
                buffer_put_literal(&b, "&<>");
        buffer_put_literal(&b, "\n");
        for (int n = 0; n < 5000; n++)
                buffer_put_literal(&b, "& \n");
        Mustache *template = NULL;
        TextFault fault;
        assert_int_equal(mustache_compile(arena, buffer_text(&b), WORDING_NAMES, WORDING_NAME_COUNT, &template, &fault),
                         0);
        ParcelSample *s = parcel_sample(arena, CHANNEL_SLACK);
        s->config.templates[MESSAGE_ALERT][0] = template;
        (void)assert_inert(s);
        Text title = block_text(s, 0);
        assert_true(title.len > 100);
}

static void a_shared_room_learns_nothing_of_the_customer(void **state UNUSED)
{
        ParcelSample *s = parcel_sample(arena, CHANNEL_SLACK);
        s->channel.is_shared = true;
        s->parcel.reader = NULL;
        s->parcel.why = RECIPIENT_CHANNEL;
        s->parcel.recipient = TEXT("channel:room");
        const char *secrets[] = { "Maria", "c-9", "Three weeks", "5550 0199" };
        for (Message message = 0; message < MESSAGE_MAX; message++) {
                s->parcel.message = message;
                Text body = slack_body(&s->parcel, SAMPLE_NOW, arena);
                for (size_t i = 0; i < COUNT_OF(secrets); i++)
                        assert_null(strstr(body.data, secrets[i]));
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(an_alert_says_who_and_what),
                TEST(every_message_is_inert_to_everybody),
                TEST(hostile_words_are_words),
                TEST(long_words_stay_within_the_limits),
                TEST(a_long_template_is_cut_at_slacks_limits),
                TEST(a_shared_room_learns_nothing_of_the_customer),
        };
        return cmocka_run_group_tests_name("slack", tests, NULL, NULL);
}
