/* The table of messages, and how often one is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/notice.h"
#include "base/notice_limit.h"

typedef struct Said {
        char messages[32][64];
        int64_t stands_for[32];
        size_t count;
} Said;

static void on_line(void *userdata, const NoticeLine *line, int64_t stands_for)
{
        Said *said = userdata;
        assert_true(said->count < COUNT_OF(said->messages));
        (void)snprintf(said->messages[said->count], sizeof(said->messages[0]), "%.60s", line->message);
        said->stands_for[said->count++] = stands_for;
}

static NoticeLimit limit;

static int reset(void **state)
{
        (void)state;
        memset(&limit, 0, sizeof(limit));
        return 0;
}

static void put(Said *said, uint64_t subject, int number, int second)
{
        NoticeLine line = { .id = NOTICE_READY };
        (void)snprintf(line.message, sizeof(line.message), "message %d", number);
        notice_limit_put(&limit, subject, &line, (MonoTime){ second * INT64_C(1000000) }, on_line, said);
}

static void flush(Said *said, int second, bool is_all)
{
        notice_limit_flush(&limit, (MonoTime){ second * INT64_C(1000000) }, is_all, on_line, said);
}

static void a_failure_that_repeats_is_said_three_times_and_then_once_a_minute(void **state)
{
        (void)state;
        Said said = { 0 };
        for (int i = 0; i < 100; i++) {
                put(&said, 7, i, 1000 + i / 2);
                flush(&said, 1000 + i / 2, false);
        }
        assert_int_equal(said.count, 3);
        flush(&said, 1060, false);
        assert_int_equal(said.count, 4);
        assert_string_equal(said.messages[3], "message 99");
        assert_int_equal(said.stands_for[3], 97);
        put(&said, 7, 100, 1061);
        assert_int_equal(said.count, 4);
        flush(&said, 1120, false);
        assert_int_equal(said.count, 5);
        assert_int_equal(said.stands_for[4], 1);
}

static void another_subject_is_not_held_back(void **state)
{
        (void)state;
        Said said = { 0 };
        for (int i = 0; i < 10; i++)
                put(&said, 7, i, 1000);
        put(&said, 8, 50, 1000);
        assert_int_equal(said.count, 4);
        assert_string_equal(said.messages[3], "message 50");
}

static void a_quiet_minute_gives_back_the_right_to_speak(void **state)
{
        (void)state;
        Said said = { 0 };
        for (int i = 0; i < 3; i++)
                put(&said, 7, i, 1000);
        put(&said, 7, 3, 1061);
        assert_int_equal(said.count, 4);
        assert_int_equal(said.stands_for[3], 1);
}

static void the_last_word_is_not_lost_at_the_end_or_when_room_is_needed(void **state)
{
        (void)state;
        Said said = { 0 };
        for (int i = 0; i < 5; i++)
                put(&said, 7, i, 1000);
        for (int other = 0; other < NOTICE_SUBJECTS_MAX; other++) {
                Said ignored = { 0 };
                put(other == NOTICE_SUBJECTS_MAX - 1 ? &said : &ignored, 100 + (uint64_t)other, 10 + other, 1001);
        }
        assert_int_equal(said.count, 5);
        assert_string_equal(said.messages[3], "message 4");
        assert_int_equal(said.stands_for[3], 2);
        for (int i = 0; i < 4; i++)
                put(&said, 9, 80 + i, 1002);
        flush(&said, 1003, true);
        assert_string_equal(said.messages[said.count - 1], "message 83");
}

/* What stands on standard error after the call, which is made with that of a pipe. */
static void stderr_of(void (*call)(void), char *ret_text, size_t bytes)
{
        int ends[2], saved = dup(STDERR_FILENO);
        assert_int_equal(pipe(ends), 0);
        assert_true(saved >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
        call();
        (void)fflush(stderr);
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        (void)close(ends[1]);
        (void)close(saved);
        ssize_t len = read(ends[0], ret_text, bytes - 1);
        (void)close(ends[0]);
        ret_text[len < 0 ? 0 : len] = '\0';
}

static void hostile_words_say(void)
{
        notice_log(NOTICE_DELIVERY_FAILED, about_delivery(3, 4, TEXT("slack")), "%s",
                   "a\x1b[31mb\xff"
                   "c\xc2\x9b"
                   "d\xc3\xa9");
}

static void outside_text_cannot_colour_or_break_the_log(void **state)
{
        (void)state;
        char text[512];
        (void)unsetenv("JOURNAL_STREAM");
        stderr_of(hostile_words_say, text, sizeof(text));
        assert_string_equal(text, "closedloopd: warning: a message could not be delivered: a?[31mb?c??d\xc3\xa9\n");
}

static void huge_words_say(void)
{
        static char words[3 * NOTICE_MESSAGE_BYTES];
        for (size_t i = 0; i + 3 < sizeof(words); i += 2)
                memcpy(words + i, "\xc3\xa9", 2);
        notice_log(NOTICE_RELOAD_REFUSED, ABOUT_NOTHING, "x%s", words);
}

static void a_line_that_is_too_long_is_cut_and_stays_utf_8(void **state)
{
        (void)state;
        static char text[2 * NOTICE_MESSAGE_BYTES];
        stderr_of(huge_words_say, text, sizeof(text));
        assert_true(strlen(text) > NOTICE_MESSAGE_BYTES - 8 && strlen(text) < NOTICE_MESSAGE_BYTES + 64);
        assert_true(text_is_utf8(text_from(text)));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(a_failure_that_repeats_is_said_three_times_and_then_once_a_minute, reset),
                cmocka_unit_test_setup(another_subject_is_not_held_back, reset),
                cmocka_unit_test_setup(a_quiet_minute_gives_back_the_right_to_speak, reset),
                cmocka_unit_test_setup(the_last_word_is_not_lost_at_the_end_or_when_room_is_needed, reset),
                cmocka_unit_test(outside_text_cannot_colour_or_break_the_log),
                cmocka_unit_test(a_line_that_is_too_long_is_cut_and_stays_utf_8),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
