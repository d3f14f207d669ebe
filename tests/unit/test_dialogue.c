#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notify/dialogue.h"

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

static Dialogue begin(const char *message)
{
        Dialogue d;
        dialogue_begin(&d, TEXT("loop@example.com"), TEXT("ana@example.com"), text_from(message), arena);
        return d;
}

static void assert_says(const Dialogue *d, const char *expected)
{
        assert_string_equal(arena_text(arena, d->say).data, expected);
}

/* What is said between DATA and its answer. */
static Text said_message(const char *message)
{
        Dialogue d = begin(message);
        assert_true(dialogue_hear(&d, TEXT("250 ok\r\n250 ok\r\n354 go\r\n")));
        return d.say;
}

static void one_mail_takes_four_steps(void **state UNUSED)
{
        Dialogue d = begin("Subject: x\r\n\r\nhello\r\n");
        assert_says(&d, "MAIL FROM:<loop@example.com>\r\n");
        assert_true(dialogue_hear(&d, TEXT("250 ok\r\n")));
        assert_says(&d, "RCPT TO:<ana@example.com>\r\n");
        assert_true(dialogue_hear(&d, TEXT("251 will forward\r\n")));
        assert_says(&d, "DATA\r\n");
        assert_true(dialogue_hear(&d, TEXT("354 go ahead\r\n")));
        assert_says(&d, "Subject: x\r\n\r\nhello\r\n.\r\n");
        assert_false(dialogue_hear(&d, TEXT("250-2.0.0 a long\r\n250 2.0.0 queued as 4711\r\n")));
        assert_int_equal(d.state, DIALOGUE_ACCEPTED);
        assert_int_equal(d.status, 250);
        assert_true(text_is(dialogue_line(&d), "250 2.0.0 queued as 4711"));
}

static void replies_may_come_in_any_pieces(void **state UNUSED)
{
        const char replies[] = "250-one\r\n250 two\r\n250\r\n354 go\r\n250 done\r\n";
        for (size_t piece = 1; piece < sizeof(replies); piece++) {
                Dialogue d = begin("x\r\n");
                for (size_t at = 0; at < sizeof(replies) - 1; at += piece)
                        (void)dialogue_hear(&d, (Text){ replies + at, MIN_OF(piece, sizeof(replies) - 1 - at) });
                assert_int_equal(d.state, DIALOGUE_ACCEPTED);
        }
}

static void a_dot_at_the_start_of_a_line_cannot_end_the_message(void **state UNUSED)
{
        assert_string_equal(said_message(".\r\nQUIT\r\n..\r\na.b\r\n").data, "..\r\nQUIT\r\n...\r\na.b\r\n.\r\n");
        assert_string_equal(said_message("no line end").data, "no line end\r\n.\r\n");
        assert_string_equal(said_message("").data, ".\r\n");
        assert_string_equal(said_message("a\n.\nb").data, "a\n..\nb\r\n.\r\n");
}

static void a_refusal_ends_it_at_any_step(void **state UNUSED)
{
        static const char *const before[] = { "", "250 a\r\n", "250 a\r\n250 b\r\n", "250 a\r\n250 b\r\n354 c\r\n" };
        for (size_t i = 0; i < COUNT_OF(before); i++) {
                Dialogue d = begin("x\r\n");
                (void)dialogue_hear(&d, text_from(before[i]));
                assert_false(dialogue_hear(&d, TEXT("550-5.1.1 no\r\n550 5.1.1 such user\r\n250 not heard\r\n")));
                assert_int_equal(d.state, DIALOGUE_REFUSED);
                assert_int_equal(d.status, 550);
                assert_int_equal(d.has_begun, i > 0);
                assert_true(text_is(dialogue_line(&d), "550 5.1.1 such user"));
                assert_true(text_is_empty(d.say));
        }
}

static void what_is_no_reply_or_a_wrong_one_is_garbage(void **state UNUSED)
{
        static const char *const bad[] = {
                "\r\n",         "hello\r\n",       "25 short\r\n", "2500 long\r\n", "150 early\r\n",
                "650 late\r\n", "354 not yet\r\n", "2x0 ok\r\n",   "250_ok\r\n",
        };
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
                Dialogue d = begin("x\r\n");
                assert_false(dialogue_hear(&d, text_from(bad[i])));
                assert_int_equal(d.state, DIALOGUE_GARBAGE);
        }
        Dialogue d = begin("x\r\n");
        assert_false(dialogue_hear(&d, TEXT("250 a\r\n250 b\r\n250 that should be 354\r\n")));
        assert_int_equal(d.state, DIALOGUE_GARBAGE);
}

static void a_reply_without_end_is_left(void **state UNUSED)
{
        Dialogue d = begin("x\r\n");
        int pieces = 0;
        while (dialogue_hear(&d, TEXT("250-again and again\r\n")))
                assert_true(++pieces < 10000);
        assert_int_equal(d.state, DIALOGUE_GARBAGE);
        d = begin("x\r\n");
        pieces = 0;
        while (dialogue_hear(&d, TEXT("a line that goes on ")))
                assert_true(++pieces < 10000);
        assert_int_equal(d.state, DIALOGUE_GARBAGE);
}

static void of_a_long_line_the_beginning_is_kept(void **state UNUSED)
{
        Dialogue d = begin("x\r\n");
        assert_true(dialogue_hear(&d, TEXT("250-")));
        for (int i = 0; i < 100; i++)
                assert_true(dialogue_hear(&d, TEXT("0123456789")));
        assert_true(dialogue_hear(&d, TEXT("\r\n")));
        assert_int_equal(dialogue_line(&d).len, DIALOGUE_LINE_BYTES);
        assert_true(dialogue_hear(&d, TEXT("250 fine\r\n")));
        assert_true(text_is(dialogue_line(&d), "250 fine"));
        assert_int_equal(d.state, DIALOGUE_RCPT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(one_mail_takes_four_steps),
                TEST(replies_may_come_in_any_pieces),
                TEST(a_dot_at_the_start_of_a_line_cannot_end_the_message),
                TEST(a_refusal_ends_it_at_any_step),
                TEST(what_is_no_reply_or_a_wrong_one_is_garbage),
                TEST(a_reply_without_end_is_left),
                TEST(of_a_long_line_the_beginning_is_kept),
        };
        return cmocka_run_group_tests_name("dialogue", tests, NULL, NULL);
}
