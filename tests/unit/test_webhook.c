#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notify/webhook.h"
#include "parcel_sample.h"

static int set_up(void **state)
{
        *state = arena_new(4096);
        return 0;
}

static int tear_down(void **state)
{
        *state = arena_free(*state);
        return 0;
}

static const JsonValue *body_read(Arena *arena, const ParcelSample *s)
{
        const JsonValue *root = NULL;
        Text body = webhook_body(&s->parcel, SAMPLE_NOW, arena);
        assert_int_equal(json_read_in(arena, body, &root), JSON_FAULT_NONE);
        return root;
}

/* "data.case.owner.id" */
static const JsonValue *at(const JsonValue *root, const char *path)
{
        Text rest = text_from(path), key;
        while (text_split(&rest, '.', &key))
                root = json_get(root, key);
        return root;
}

static void assert_text(const JsonValue *root, const char *path, const char *expected)
{
        Text text = json_text(at(root, path));
        if (!text_is(text, expected))
                fail_msg("%s is \"" TEXT_F "\", not \"%s\"", path, TEXT_ARG(text), expected);
}

static void assert_integer(const JsonValue *root, const char *path, int64_t expected)
{
        int64_t value = INT64_MIN;
        assert_true(json_integer(at(root, path), &value));
        assert_int_equal(value, expected);
}

static void the_body_is_the_published_one(void **state)
{
        ParcelSample *s = parcel_sample(*state, CHANNEL_WEBHOOK);
        assert_string_equal(
                webhook_body(&s->parcel, SAMPLE_NOW, *state).data,
                "{\"type\":\"case.opened\",\"timestamp\":\"2026-11-20T07:43:57.123Z\",\"data\":{"
                "\"case\":{\"id\":\"01a2b3c4-d5e6-8007-8109-0a0b0c0d0e0f\",\"number\":12,\"state\":\"open\","
                "\"severity\":\"high\",\"rule\":\"detractor\",\"policy\":{\"name\":\"one-day\",\"version\":3},"
                "\"opened_at\":\"2026-11-20T07:43:57.123Z\",\"window_ends_at\":\"2026-11-21T07:43:58.123Z\",\"late\":"
                "false,"
                "\"level\":0,\"our_delay_seconds\":59,\"owner\":{\"id\":\"ana\",\"name\":\"Ana Lima\"}},"
                "\"response\":{\"id\":\"r-1\",\"source\":\"relationship\",\"submitted_at\":\"2026-11-20T07:42:58."
                "123Z\","
                "\"topic\":\"survey-responses\",\"partition\":0,\"offset\":42,\"fields\":{\"customer\":\"c-9\","
                "\"name\":\"Maria Silva\",\"phone\":\"+55 51 5550 0199\",\"territory\":\"BR-S\","
                "\"comment\":\"Three weeks for a part\",\"nps\":2}},"
                "\"rung\":{\"number\":0,\"after\":\"0 minutes\",\"message\":\"alert\",\"late_seconds\":0},"
                "\"recipient\":{\"id\":\"ana\",\"name\":\"Ana Lima\",\"why\":\"owner\"}}}");
}

static void a_reminder_says_which_rung_and_how_late(void **state)
{
        ParcelSample *s = parcel_sample(*state, CHANNEL_WEBHOOK);
        s->parcel.message = MESSAGE_REMINDER;
        s->parcel.rung = 1;
        s->parcel.late = (Span){ 90 * SPAN_SECOND.us };
        const JsonValue *root = body_read(*state, s);
        assert_text(root, "type", "case.reminded");
        assert_integer(root, "data.rung.number", 1);
        assert_text(root, "data.rung.after", "4 working hours");
        assert_text(root, "data.rung.message", "reminder");
        assert_integer(root, "data.rung.late_seconds", 90);
}

static void a_case_is_reopened_by_an_answer_not_by_a_new_owner(void **state)
{
        ParcelSample *s = parcel_sample(*state, CHANNEL_WEBHOOK);
        s->c.epoch = s->parcel.epoch = 2;
        assert_text(body_read(*state, s), "type", "case.opened"); /* handed over */
        s->c.first_contact_at = SAMPLE_NOW;
        assert_text(body_read(*state, s), "type", "case.reopened");
        s->c.first_contact_at = WALL_NONE; /* closed without a contact, and the customer answered after that */
        s->c.submitted_at = SAMPLE_NOW;
        assert_text(body_read(*state, s), "type", "case.reopened");
}

static void what_is_told_because_of_an_event_has_no_rung(void **state)
{
        ParcelSample *s = parcel_sample(*state, CHANNEL_WEBHOOK);
        s->parcel.message = MESSAGE_CONTACTED;
        s->parcel.rung = -1;
        s->c.state = CASE_CONTACTED;
        s->c.contacted_at = SAMPLE_NOW;
        const JsonValue *root = body_read(*state, s);
        assert_text(root, "type", "case.contacted");
        assert_text(root, "data.case.state", "contacted");
        assert_null(at(root, "data.rung"));
}

static void a_case_is_late_only_while_the_promise_was_not_kept(void **state)
{
        ParcelSample *s = parcel_sample(*state, CHANNEL_WEBHOOK);
        s->c.window_ends_at = wall_sub(SAMPLE_NOW, SPAN_HOUR);
        assert_true(json_is_true(at(body_read(*state, s), "data.case.late")));
        s->c.state = CASE_CONTACTED;
        s->c.contacted_at = wall_sub(SAMPLE_NOW, span_times(SPAN_HOUR, 2));
        assert_false(json_is_true(at(body_read(*state, s), "data.case.late")));
        s->c.contacted_at = wall_sub(SAMPLE_NOW, SPAN_MINUTE);
        assert_true(json_is_true(at(body_read(*state, s), "data.case.late")));
}

static void a_closed_case_says_how_it_ended(void **state)
{
        ParcelSample *s = parcel_sample(*state, CHANNEL_WEBHOOK);
        s->parcel.message = MESSAGE_CLOSED;
        s->c.state = CASE_CLOSED;
        s->c.closed_at = SAMPLE_NOW;
        s->c.outcome = TEXT("recovered");
        s->c.cause = TEXT("delivery");
        const JsonValue *root = body_read(*state, s);
        assert_text(root, "data.case.outcome", "recovered");
        assert_text(root, "data.case.cause", "delivery");
}

static void a_shared_channel_learns_nothing_of_the_customer(void **state)
{
        ParcelSample *s = parcel_sample(*state, CHANNEL_WEBHOOK);
        s->channel.is_shared = true;
        s->parcel.reader = NULL;
        s->parcel.recipient = TEXT("channel:crm");
        s->parcel.why = RECIPIENT_CHANNEL;
        Text body = webhook_body(&s->parcel, SAMPLE_NOW, *state);
        const char *secrets[] = { "fields", "c-9", "Maria", "Three weeks", "5550 0199", "customer" };
        for (size_t i = 0; i < COUNT_OF(secrets); i++)
                assert_null(strstr(body.data, secrets[i]));
        const JsonValue *root = body_read(*state, s);
        assert_text(root, "data.response.id", "r-1");
        assert_text(root, "data.recipient.id", "channel:crm");
        assert_text(root, "data.recipient.name", "crm");
        assert_text(root, "data.recipient.why", "channel");
}

static void a_test_and_word_to_an_operator_need_no_case(void **state)
{
        ParcelSample *s = parcel_sample_note(*state, CHANNEL_WEBHOOK, MESSAGE_OPERATOR, TEXT("channel \"mail\" fails"));
        const JsonValue *root = body_read(*state, s);
        assert_text(root, "type", "operator");
        assert_text(root, "data.text", "channel \"mail\" fails");
        assert_null(at(root, "data.case"));
        assert_null(at(root, "data.response"));
        s->parcel.message = MESSAGE_TEST;
        assert_text(body_read(*state, s), "type", "test");
        s->channel.is_shared = true;
        assert_null(at(body_read(*state, s), "data.text"));
}

static void hostile_words_stay_inside_their_string(void **state)
{
        const char hostile[] = "\",\"owner\":{\"id\":\"evil\"}}\\\n\r\t\x01</script>\xe2\x80\xae\xff\xc0\x80";
        ParcelSample *s = parcel_sample(*state, CHANNEL_WEBHOOK);
        sample_text(s, FIELD_COMMENT, text_from(hostile));
        const JsonValue *root = body_read(*state, s);
        assert_text(root, "data.case.owner.id", "ana");
        Text comment = json_text(at(root, "data.response.fields.comment"));
        assert_true(text_starts(comment,
                                TEXT("\",\"owner\":{\"id\":\"evil\"}}\\\n\r\t\x01</script>\xe2\x80\xae\xef\xbf\xbd")));
        Text body = webhook_body(&s->parcel, SAMPLE_NOW, *state);
        for (size_t i = 0; i < body.len; i++)
                assert_true((unsigned char)body.data[i] >= ' ');
}

static void only_a_real_trace_context_is_passed_on(void **state UNUSED)
{
        assert_true(webhook_traceparent_is_good(TEXT("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")));
        const char *bad[] = {
                "",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
                "00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7\r\n01",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b\r\n01",
                "00 4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7 01",
        };
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                assert_false(webhook_traceparent_is_good(text_from(bad[i])));
        assert_false(webhook_traceparent_is_good(TEXT_NONE));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(the_body_is_the_published_one),
                TEST(a_reminder_says_which_rung_and_how_late),
                TEST(a_case_is_reopened_by_an_answer_not_by_a_new_owner),
                TEST(what_is_told_because_of_an_event_has_no_rung),
                TEST(a_case_is_late_only_while_the_promise_was_not_kept),
                TEST(a_closed_case_says_how_it_ended),
                TEST(a_shared_channel_learns_nothing_of_the_customer),
                TEST(a_test_and_word_to_an_operator_need_no_case),
                TEST(hostile_words_stay_inside_their_string),
                TEST(only_a_real_trace_context_is_passed_on),
        };
        return cmocka_run_group_tests_name("webhook", tests, NULL, NULL);
}
