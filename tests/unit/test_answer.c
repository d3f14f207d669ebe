#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "notify/answer.h"
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

static SendResult judge(ChannelType type, const Answer *answer)
{
        ParcelSample *s = parcel_sample(arena, type);
        s->channel.url = TEXT("https://crm.example.com/hook?token=hunter2");
        SendResult result;
        answer_judge(answer, &s->channel, SAMPLE_NOW, arena, &result);
        return result;
}

static void retry_after_is_read_in_all_its_forms(void **state UNUSED)
{
        /* now is Fri, 20 Nov 2026 07:43:58.123 GMT */
        static const struct {
                const char *text;
                int64_t ms;
        } rows[] = {
                { "0", 0 },
                { "120", 120000 },
                { " 7\t", 7000 },
                { "3600", 3600000 },
                { "3601", 3600000 },
                { "99999999999999999999999999", 3600000 },
                { "Fri, 20 Nov 2026 07:44:58 GMT", 59877 },
                { "Friday, 20-Nov-26 07:44:58 GMT", 59877 },
                { "Fri Nov 20 07:44:58 2026", 59877 },
                { "Fri, 20 Nov 2026 07:00:00 GMT", 0 },
                { "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
                { "Fri, 20 Nov 2099 07:00:00 GMT", 3600000 },
        };
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
                Span span = { -1 };
                if (!retry_after_parse(text_from(rows[i].text), SAMPLE_NOW, &span) || span.us != rows[i].ms * 1000)
                        fail_msg("\"%s\" is %lld us", rows[i].text, (long long)span.us);
        }
}

static void what_is_no_retry_after_is_left_alone(void **state UNUSED)
{
        static const char *const bad[] = {
                "",
                "-1",
                "+1",
                "1.5",
                "soon",
                "12 seconds",
                "Fri, 20 Nov 2026",
                "Fri, 99 Nov 2026 07:44:58 GMT",
                "Fri, 20 Nov 2026 07:44:58 GMT and more",
                "Fri, 20 Nov 2026 07:44:58 GMTxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        };
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
                Span span = { -1 };
                assert_false(retry_after_parse(text_from(bad[i]), SAMPLE_NOW, &span));
                assert_int_equal(span.us, -1);
        }
        Span span;
        assert_false(retry_after_parse(TEXT_NONE, SAMPLE_NOW, &span));
}

static void only_what_is_tried_again_has_to_wait(void **state UNUSED)
{
        Answer answer = { .status = 503, .retry_after = TEXT("30") };
        assert_int_equal(judge(CHANNEL_WEBHOOK, &answer).retry_after.us, 30000000);
        answer.status = 400;
        assert_int_equal(judge(CHANNEL_WEBHOOK, &answer).retry_after.us, 0);
        answer.status = 200;
        assert_int_equal(judge(CHANNEL_WEBHOOK, &answer).retry_after.us, 0);
}

static void every_fault_has_a_class_and_a_line_without_the_url(void **state UNUSED)
{
        for (Fault fault = FAULT_URL; fault < FAULT_MAX; fault++) {
                for (ChannelType type = CHANNEL_WEBHOOK; type < CHANNEL_TYPE_MAX; type++) {
                        Answer answer = { .fault = fault, .reason = TEXT("Some \"reason\"\r\nof\x1b[31m theirs") };
                        SendResult result = judge(type, &answer);
                        bool is_permanent = fault == FAULT_URL || fault == FAULT_PRIVATE;
                        assert_int_equal(result.class, is_permanent ? SEND_PERMANENT : SEND_TEMPORARY);
                        assert_true(strlen(result.detail) > 10);
                        assert_null(strpbrk(result.detail, "\r\n\x1b"));
                        assert_null(strstr(result.detail, "hunter2"));
                }
        }
}

/* What one address answers is that address's; a host is down where nobody answers, or its gateway does. */
static void only_what_is_no_answer_speaks_of_the_host(void **state UNUSED)
{
        static const int of_host[] = { 502, 503, 504 };
        static const int of_one[] = { 200, 302, 400, 401, 403, 404, 408, 410, 421, 429, 500, 501, 507 };
        for (size_t i = 0; i < COUNT_OF(of_host); i++)
                assert_true(judge(CHANNEL_WEBHOOK, &(Answer){ .status = of_host[i] }).is_of_host);
        for (size_t i = 0; i < COUNT_OF(of_one); i++)
                assert_false(judge(CHANNEL_SLACK, &(Answer){ .status = of_one[i], .body = TEXT("no") }).is_of_host);
        for (Fault fault = FAULT_URL; fault < FAULT_MAX; fault++) {
                bool is_ours = fault == FAULT_URL || fault == FAULT_PRIVATE || fault == FAULT_LOGIN;
                assert_int_equal(judge(CHANNEL_WEBHOOK, &(Answer){ .fault = fault }).is_of_host, !is_ours);
        }
        Answer busy = { .status = 421, .was_greeted = true, .line = TEXT("421 4.7.0 Too many connections") };
        assert_true(judge(CHANNEL_EMAIL, &busy).is_of_host);
        Answer wrong = { .status = 535, .was_greeted = true, .line = TEXT("535 5.7.8 no") };
        assert_false(judge(CHANNEL_EMAIL, &wrong).is_of_host);
}

/* A mail server's reply, in the words of real ones. */
static void each_reply_of_a_mail_server_says_when_to_come_back(void **state UNUSED)
{
        static const struct {
                const char *line;
                SendClass class;
                bool is_of_target;
                int seconds;
        } rows[] = {
                { "250 2.0.0 Ok: queued as 4711", SEND_ACCEPTED, false, 0 },
                { "450 4.2.0 Greylisted, see http://postgrey.schweikert.ch/", SEND_TEMPORARY, false, 300 },
                { "451 4.7.1 Greylisting in action, please come back later", SEND_TEMPORARY, false, 300 },
                { "452 4.2.2 mailbox full", SEND_TEMPORARY, false, 300 },
                { "452 4.3.1 Insufficient system storage", SEND_TEMPORARY, false, 300 },
                { "421 4.7.0 Too many messages", SEND_TEMPORARY, true, 0 },
                { "454 4.7.0 TLS not available due to local problem", SEND_TEMPORARY, false, 0 },
                { "530 5.7.0 Must issue a STARTTLS command first", SEND_TEMPORARY, true, 300 },
                { "535 5.7.8 Username and Password not accepted", SEND_TEMPORARY, true, 300 },
                { "550 5.1.1 <nobody@example.com>: no such user", SEND_GONE, false, 0 },
                { "550 5.1.10 the domain takes no mail (null MX)", SEND_GONE, false, 0 },
                { "551 5.1.6 user has moved", SEND_GONE, false, 0 },
                { "550 5.1.8 bad sender", SEND_PERMANENT, false, 0 },
                { "550 5.7.1 not wanted here", SEND_PERMANENT, false, 0 },
                { "550 no such user", SEND_PERMANENT, false, 0 },
                { "552 5.2.2 mailbox full", SEND_PERMANENT, false, 0 },
                { "552 5.3.4 message too big", SEND_PERMANENT, false, 0 },
                { "554 5.7.1 looks like spam", SEND_PERMANENT, false, 0 },
                { "554 5.1.1 not at this stage", SEND_PERMANENT, false, 0 },
        };
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
                Answer answer = { .was_greeted = true, .line = text_from(rows[i].line) };
                answer.status = atoi(rows[i].line);
                SendResult result = judge(CHANNEL_EMAIL, &answer);
                if (result.class != rows[i].class || result.is_unknown ||
                    result.retry_after.us != rows[i].seconds * SPAN_SECOND.us ||
                    (result.class == SEND_TEMPORARY && result.is_of_target != rows[i].is_of_target))
                        fail_msg("%s: %s, %lld s", rows[i].line, send_class_text(result.class),
                                 (long long)result.retry_after.us / 1000000);
        }
}

static void a_password_is_not_tried_every_few_seconds(void **state UNUSED)
{
        Answer answer = { .fault = FAULT_LOGIN, .status = 535 };
        SendResult result = judge(CHANNEL_EMAIL, &answer);
        assert_int_equal(result.class, SEND_TEMPORARY);
        assert_int_equal(result.retry_after.us, MAIL_PAUSE.us);
        assert_true(result.is_of_target);
        answer.status = 454;
        result = judge(CHANNEL_EMAIL, &answer);
        assert_string_equal(result.detail, "454 the mail server cannot check passwords at the moment");
        answer = (Answer){ .fault = FAULT_NO_TLS, .status = 454 };
        result = judge(CHANNEL_EMAIL, &answer);
        assert_string_equal(result.detail, "454 the mail server cannot do TLS at the moment");
        assert_int_equal(result.class, SEND_TEMPORARY);
}

static void what_was_sent_and_not_answered_may_have_arrived(void **state UNUSED)
{
        for (ChannelType type = CHANNEL_WEBHOOK; type < CHANNEL_TYPE_MAX; type++) {
                Answer answer = { .fault = FAULT_LOST, .was_greeted = true };
                assert_false(judge(type, &answer).is_unknown);
                answer.was_sent = true;
                SendResult result = judge(type, &answer);
                assert_true(result.is_unknown);
                assert_int_equal(result.class, SEND_TEMPORARY);
                assert_non_null(strstr(result.detail, "it may have arrived"));
                answer = (Answer){ .status = 503, .was_greeted = true, .was_sent = true };
                assert_false(judge(type, &answer).is_unknown);
        }
}

static void slack_is_quoted_only_in_words_we_know(void **state UNUSED)
{
        Answer answer = { .status = 404, .body = TEXT("no_service\n") };
        SendResult result = judge(CHANNEL_SLACK, &answer);
        assert_int_equal(result.class, SEND_GONE);
        assert_string_equal(result.detail, "HTTP 404 no_service");
        answer = (Answer){ .status = 400, .body = TEXT("<script>alert(1)</script> invalid_payload") };
        result = judge(CHANNEL_SLACK, &answer);
        assert_int_equal(result.class, SEND_PERMANENT);
        assert_string_equal(result.detail, "HTTP 400");
        answer = (Answer){ .status = 429, .body = TEXT("rate_limited"), .retry_after = TEXT("30") };
        result = judge(CHANNEL_SLACK, &answer);
        assert_int_equal(result.class, SEND_TEMPORARY);
        assert_int_equal(result.retry_after.us, 30000000);
}

static void a_long_hostile_line_is_cut_and_stays_utf8(void **state UNUSED)
{
        char line[ANSWER_LINE_BYTES];
        memset(line, 'x', sizeof(line));
        memcpy(line, "550 ", 4);
        for (size_t start = 4; start < 120; start++) {
                for (size_t i = start; i + 1 < sizeof(line); i += 2)
                        memcpy(line + i, "\xc3\xa9", 2);
                Answer answer = { .status = 550, .was_greeted = true, .line = { line, sizeof(line) } };
                SendResult result = judge(CHANNEL_EMAIL, &answer);
                assert_true(strlen(result.said) > 50 && strlen(result.said) < SEND_DETAIL_BYTES);
                assert_true(text_is_utf8(text_from(result.said)));
        }
        memset(line, 0xff, sizeof(line));
        Answer answer = { .status = 550, .was_greeted = true, .line = { line, sizeof(line) } };
        assert_true(text_is_utf8(text_from(judge(CHANNEL_EMAIL, &answer).said)));
}

static void what_a_mail_server_repeats_of_us_stays_out_of_the_log(void **state UNUSED)
{
        static const struct {
                const char *line, *detail;
        } cases[] = {
                { "550 5.1.1 <ana@example.com> unknown", "SMTP 550 5.1.1: no such mailbox" },
                { "452 4.2.2 ana's mailbox", "SMTP 452 4.2.2: the mailbox is full" },
                { "554 5.7.99 ana said \"I cancel\"", "SMTP 554 5.7.99: about policy" },
                { "550 ana is unknown", "SMTP 550" },
                { "554 5.ana.1 x", "SMTP 554" },
                { "554", "SMTP 554" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Answer answer = { .status = (int)strtol(cases[i].line, NULL, 10),
                                  .was_greeted = true,
                                  .line = text_from(cases[i].line) };
                SendResult result = judge(CHANNEL_EMAIL, &answer);
                assert_string_equal(result.detail, cases[i].detail);
                assert_int_equal(strncmp(result.said, cases[i].line, 9), 0);
        }
}

static void a_code_without_a_line_is_still_told(void **state UNUSED)
{
        Answer answer = { .status = 451, .was_greeted = true };
        assert_string_equal(judge(CHANNEL_EMAIL, &answer).detail, "SMTP 451");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(retry_after_is_read_in_all_its_forms),
                TEST(what_is_no_retry_after_is_left_alone),
                TEST(only_what_is_tried_again_has_to_wait),
                TEST(every_fault_has_a_class_and_a_line_without_the_url),
                TEST(slack_is_quoted_only_in_words_we_know),
                TEST(a_long_hostile_line_is_cut_and_stays_utf8),
                TEST(what_a_mail_server_repeats_of_us_stays_out_of_the_log),
                TEST(a_code_without_a_line_is_still_told),
                TEST(only_what_is_no_answer_speaks_of_the_host),
                TEST(each_reply_of_a_mail_server_says_when_to_come_back),
                TEST(a_password_is_not_tried_every_few_seconds),
                TEST(what_was_sent_and_not_answered_may_have_arrived),
        };
        return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
