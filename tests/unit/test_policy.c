#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "core/policy.h"

static bool same_delay(Delay a, Delay b)
{
        return a.kind == b.kind && a.span.us == b.span.us && a.days == b.days;
}

static Delay elapsed(int64_t seconds)
{
        return (Delay){ .kind = DELAY_ELAPSED, .span = span_times(SPAN_SECOND, seconds) };
}

static Delay working_hours(int64_t number)
{
        return (Delay){ .kind = DELAY_WORKING_TIME, .span = span_times(SPAN_HOUR, number) };
}

static Delay working_days(int number)
{
        return (Delay){ .kind = DELAY_WORKING_DAYS, .days = number };
}

static void delays_are_read_as_written(void **state UNUSED)
{
        const struct {
                const char *text;
                Delay delay;
        } cases[] = {
                { "0 minutes", elapsed(0) },
                { "1 second", elapsed(1) },
                { "30 seconds", elapsed(30) },
                { "1 minute", elapsed(60) },
                { "45 minutes", elapsed(45 * 60) },
                { "1 hour", elapsed(3600) },
                { "24 hours", elapsed(86400) },
                { "1 day", elapsed(86400) },
                { "2 days", elapsed(2 * 86400) },
                { "007 days", elapsed(7 * 86400) },
                { "3660 days", elapsed(3660 * INT64_C(86400)) },
                { "316224000 seconds", elapsed(3660 * INT64_C(86400)) },
                { "1 working hour", working_hours(1) },
                { "4 working hours", working_hours(4) },
                { "0 working hours", working_hours(0) },
                { "1 working day", working_days(1) },
                { "2 working days", working_days(2) },
                { "3660 working days", working_days(3660) },
                { " 4 hours ", elapsed(4 * 3600) },
                { "window", { .kind = DELAY_WINDOW } },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Delay found;
                if (!delay_parse(text_from(cases[i].text), true, true, &found))
                        fail_msg("refused \"%s\"", cases[i].text);
                if (!same_delay(found, cases[i].delay))
                        fail_msg("\"%s\" is kind %d, %lld us, %d days", cases[i].text, (int)found.kind,
                                 (long long)found.span.us, found.days);
        }
}

static void what_is_no_delay_is_refused_and_leaves_the_result_alone(void **state UNUSED)
{
        static const char *const cases[] = {
                "",
                " ",
                "4",
                "hours",
                "4hours",
                "4  hours",
                "4\thours",
                "4 Hours",
                "4 h",
                "4 min",
                "4 weeks",
                "4 months",
                "-4 hours",
                "+4 hours",
                "4.5 hours",
                "1e3 hours",
                "0x4 hours",
                "four hours",
                "4 working",
                "4 working minutes",
                "4 working  hours",
                "working hours",
                "4 hours 30 minutes",
                "4 hourss",
                "4 workinghours",
                "Window",
                "windows",
                "1 window",
                "window 1",
                "3661 days",
                "316224001 seconds",
                "3661 working days",
                "87841 working hours",
                "9999999999 seconds",
                "18446744073709551617 days",
                "1000000000000000000000000 hours",
                "4 hours\n5 hours",
                "\xc2\xa0 4 hours",
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Delay found = working_days(77);
                if (delay_parse(text_from(cases[i]), true, true, &found))
                        fail_msg("accepted \"%s\"", cases[i]);
                assert_true(same_delay(found, working_days(77)));
        }
        Delay found;
        assert_false(delay_parse(TEXT_NONE, true, true, &found));
        assert_false(delay_parse((Text){ "4 hours\0", 8 }, true, true, &found));
}

static void working_time_and_window_are_taken_only_where_allowed(void **state UNUSED)
{
        Delay found;
        assert_false(delay_parse(TEXT("window"), false, true, &found));
        assert_true(delay_parse(TEXT("window"), true, false, &found));
        assert_false(delay_parse(TEXT("1 working hour"), true, false, &found));
        assert_false(delay_parse(TEXT("1 working day"), true, false, &found));
        assert_true(delay_parse(TEXT("1 working day"), false, true, &found));
        assert_true(delay_parse(TEXT("1 day"), false, false, &found));
}

static void a_delay_is_told_in_the_words_of_the_configuration(void **state UNUSED)
{
        const struct {
                Delay delay;
                const char *text;
        } cases[] = {
                { elapsed(0), "0 minutes" },
                { elapsed(1), "1 second" },
                { elapsed(59), "59 seconds" },
                { elapsed(60), "1 minute" },
                { elapsed(90), "90 seconds" },
                { elapsed(5400), "90 minutes" },
                { elapsed(7200), "2 hours" },
                { elapsed(86400), "1 day" },
                { elapsed(36 * 3600), "36 hours" },
                { elapsed(72 * 3600), "3 days" },
                { working_hours(0), "0 working hours" },
                { working_hours(1), "1 working hour" },
                { working_hours(24), "24 working hours" },
                { working_days(1), "1 working day" },
                { working_days(2), "2 working days" },
                { { .kind = DELAY_WINDOW }, "window" },
        };
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_string_equal(delay_text(arena, cases[i].delay).data, cases[i].text);
}

static void a_delay_told_reads_back_as_the_same(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        for (int64_t n = 0; n < 3000; n++) {
                const Delay delays[] = { elapsed(n),
                                         elapsed(n * 60),
                                         elapsed(n * 3600),
                                         elapsed(n * 86400),
                                         elapsed(n * 104729 % 316224000),
                                         working_hours(n),
                                         working_days((int)n) };
                for (size_t i = 0; i < COUNT_OF(delays); i++) {
                        Delay found;
                        assert_true(delay_parse(delay_text(arena, delays[i]), true, true, &found));
                        assert_true(same_delay(found, delays[i]));
                }
                arena_reset(arena);
        }
}

static void how_long_is_told_in_two_units_at_most(void **state UNUSED)
{
        static const struct {
                int64_t us;
                const char *text;
        } cases[] = {
                { INT64_C(-5000000), "0 min" },
                { 0, "0 min" },
                { 999999, "0 min" },
                { INT64_C(40000000), "40 s" },
                { INT64_C(59999999), "59 s" },
                { INT64_C(60000000), "1 min" },
                { INT64_C(2700000000), "45 min" },
                { INT64_C(3599999999), "59 min" },
                { INT64_C(7200000000), "2 h" },
                { INT64_C(7500000000), "2 h 5 min" },
                { INT64_C(86399999999), "23 h 59 min" },
                { INT64_C(86400000000), "1 day" },
                { INT64_C(97200000000), "1 day 3 h" },
                { INT64_C(172800000000), "2 days" },
                { INT64_C(187200000000), "2 days 4 h" },
                { INT64_MAX, "106751991 days 4 h" },
                { INT64_MIN, "0 min" },
        };
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_string_equal(span_text(arena, (Span){ cases[i].us }).data, cases[i].text);
}

static void recipients_are_read_as_written(void **state UNUSED)
{
        static const struct {
                const char *text;
                RecipientKind kind;
                const char *name;
        } cases[] = {
                { "owner", RECIPIENT_OWNER, NULL },
                { "manager", RECIPIENT_MANAGER, NULL },
                { "director", RECIPIENT_DIRECTOR, NULL },
                { "delegate", RECIPIENT_DELEGATE, NULL },
                { "inform", RECIPIENT_INFORM, NULL },
                { "catch-all", RECIPIENT_CATCH_ALL, NULL },
                { "group:desk", RECIPIENT_GROUP, "desk" },
                { "person:ines", RECIPIENT_PERSON, "ines" },
                { "field:account_team", RECIPIENT_FIELD, "account_team" },
                { "channel:room-south", RECIPIENT_CHANNEL, "room-south" },
                { "ana", RECIPIENT_PERSON, "ana" },
                { "Owner", RECIPIENT_PERSON, "Owner" },
                { "person", RECIPIENT_PERSON, "person" },
                { "person:owner", RECIPIENT_PERSON, "owner" },
                { "person:crm:17", RECIPIENT_PERSON, "crm:17" },
                { "person:Jos\xc3\xa9 Silva", RECIPIENT_PERSON, "Jos\xc3\xa9 Silva" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Recipient found;
                if (!recipient_parse(text_from(cases[i].text), &found))
                        fail_msg("refused \"%s\"", cases[i].text);
                assert_int_equal(found.kind, cases[i].kind);
                assert_true(text_equal(found.name, text_from(cases[i].name)));
                assert_int_equal(found.name.data != NULL, cases[i].name != NULL);
        }
}

static void what_names_nobody_is_no_recipient(void **state UNUSED)
{
        static const char *const cases[] = {
                "",          ":",           "person:",   ":ana",       "persn:ines", "owner:",  "owner:ana",
                "manager:x", "catch-all:x", "person: x", "person:x ",  " ana",       "ana ",    "Person:ana",
                "a\nb",      "person:a\tb", " ",         "group:\x7f", "https://x",  "inform:x"
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Recipient found;
                if (recipient_parse(text_from(cases[i]), &found))
                        fail_msg("accepted \"%s\"", cases[i]);
        }
        Recipient found;
        assert_false(recipient_parse(TEXT_NONE, &found));
        assert_false(recipient_parse((Text){ "an\0a", 4 }, &found));
}

static void every_kind_of_recipient_has_a_word_of_its_own(void **state UNUSED)
{
        for (RecipientKind kind = 0; kind < RECIPIENT_KIND_MAX; kind++) {
                assert_non_null(recipient_kind_text(kind));
                for (RecipientKind other = 0; other < kind; other++)
                        assert_string_not_equal(recipient_kind_text(kind), recipient_kind_text(other));
        }
}

static void messages_are_named_as_their_templates(void **state UNUSED)
{
        static const char *const names[] = { "alert",        "reminder", "help-needed", "help-told", "window-missed",
                                             "waiting-list", "joined",   "reopened",    "claimed",   "contacted",
                                             "closed",       "too-old",  "operator",    "test" };
        assert_int_equal(COUNT_OF(names), MESSAGE_MAX);
        for (Message message = 0; message < MESSAGE_MAX; message++) {
                Message found = MESSAGE_MAX;
                assert_string_equal(message_text(message), names[message]);
                assert_true(message_parse(text_from(names[message]), &found));
                assert_int_equal(found, message);
        }
        Message found;
        assert_false(message_parse(TEXT("Alert"), &found));
        assert_false(message_parse(TEXT(""), &found));
        assert_false(message_parse(TEXT_NONE, &found));
        assert_false(message_parse(TEXT("alerts"), &found));
}

static void only_the_listed_results_count_as_reached(void **state UNUSED)
{
        const Text reached_by[] = { TEXT("spoke"), TEXT("visited"), TEXT("customer-replied") };
        const Policy policy = { .reached_by = reached_by, .reached_by_count = COUNT_OF(reached_by) };
        assert_true(policy_counts_as_reached(&policy, TEXT("spoke")));
        assert_true(policy_counts_as_reached(&policy, TEXT("customer-replied")));
        assert_false(policy_counts_as_reached(&policy, TEXT("voicemail")));
        assert_false(policy_counts_as_reached(&policy, TEXT("spok")));
        assert_false(policy_counts_as_reached(&policy, TEXT("")));
        assert_false(policy_counts_as_reached(&policy, TEXT_NONE));
        const Policy nothing = { 0 };
        assert_false(policy_counts_as_reached(&nothing, TEXT("spoke")));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(delays_are_read_as_written),
                cmocka_unit_test(what_is_no_delay_is_refused_and_leaves_the_result_alone),
                cmocka_unit_test(working_time_and_window_are_taken_only_where_allowed),
                cmocka_unit_test(a_delay_is_told_in_the_words_of_the_configuration),
                cmocka_unit_test(a_delay_told_reads_back_as_the_same),
                cmocka_unit_test(how_long_is_told_in_two_units_at_most),
                cmocka_unit_test(recipients_are_read_as_written),
                cmocka_unit_test(what_names_nobody_is_no_recipient),
                cmocka_unit_test(every_kind_of_recipient_has_a_word_of_its_own),
                cmocka_unit_test(messages_are_named_as_their_templates),
                cmocka_unit_test(only_the_listed_results_count_as_reached),
        };
        return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
