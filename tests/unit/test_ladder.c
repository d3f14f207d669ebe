#include "crew.h"

#include <stdio.h>

/* Times are worked out by hand. In November 2026 Sao Paulo is UTC-3, London UTC, Berlin UTC+1. */

static const Step *step_find(StepList list, int rung, const char *recipient, Message message)
{
        const Step *found = NULL;
        for (size_t i = 0; i < list.count; i++) {
                const Step *s = &list.steps[i];
                if (s->rung == rung && text_is(s->recipient, recipient) && s->message == message) {
                        assert_null(found);
                        found = s;
                }
        }
        return found;
}

static void expect_step(StepList list, int rung, const char *recipient, Message message, const char *due)
{
        const Step *s = step_find(list, rung, recipient, message);
        if (!s)
                fail_msg("no step: rung %d, %s, %s", rung, recipient, message_text(message));
        char is[ISO8601_BYTES], should[ISO8601_BYTES];
        assert_string_equal(wall_format(s->due_at, is).data, wall_format(at(due), should).data);
}

static Case case_with(StepList steps)
{
        Case c = case_none();
        c.state = CASE_OPEN;
        c.steps = steps.steps;
        c.step_count = steps.count;
        return c;
}

/* ---- planning ---- */

static void an_answer_on_tuesday_morning_is_a_matter_of_one_day(void **state UNUSED)
{
        LadderScene scene = scene_of("ana", "2026-11-17T09:00-03:00", "2026-11-17T09:00-03:00");
        StepList list = ladder_plan(&scene, arena);
        assert_int_equal(list.count, 7);
        expect_step(list, 0, "ana", MESSAGE_ALERT, "2026-11-17T09:00-03:00");
        expect_step(list, 1, "ana", MESSAGE_REMINDER, "2026-11-17T14:00-03:00");  /* lunch does not count */
        expect_step(list, 2, "joe", MESSAGE_HELP_NEEDED, "2026-11-18T08:30Z");    /* 16:00 at ana's is 19:00 at joe's */
        expect_step(list, 2, "ana", MESSAGE_HELP_TOLD, "2026-11-18T08:00-03:00"); /* not before joe */
        expect_step(list, 3, "ana", MESSAGE_WINDOW_MISSED, "2026-11-18T09:00-03:00");
        expect_step(list, 3, "joe", MESSAGE_WINDOW_MISSED, "2026-11-18T12:00Z");
        expect_step(list, 4, "ines", MESSAGE_WAITING_LIST, "2026-11-19T13:00+01:00");
}

static void an_answer_on_friday_afternoon_goes_over_the_weekend(void **state UNUSED)
{
        LadderScene scene = scene_of("ana", "2026-11-20T16:00-03:00", "2026-11-20T16:00-03:00");
        StepList list = ladder_plan(&scene, arena);
        expect_step(list, 0, "ana", MESSAGE_ALERT, "2026-11-20T16:00-03:00");
        expect_step(list, 1, "ana", MESSAGE_REMINDER, "2026-11-23T10:00-03:00");
        expect_step(list, 2, "joe", MESSAGE_HELP_NEEDED, "2026-11-23T15:00Z");
        expect_step(list, 2, "ana", MESSAGE_HELP_TOLD, "2026-11-23T13:00-03:00"); /* after lunch */
        expect_step(list, 3, "ana", MESSAGE_WINDOW_MISSED, "2026-11-23T08:00-03:00");
        expect_step(list, 3, "joe", MESSAGE_WINDOW_MISSED, "2026-11-23T08:30Z");
        expect_step(list, 4, "ines", MESSAGE_WAITING_LIST, "2026-11-25T08:00+01:00");
}

static void four_working_hours_on_the_sunday_of_the_change_are_as_long_as_ever(void **state UNUSED)
{
        /* The desk works 08:00-20:00 every day in London; on 29 March 2026 the clock goes forward at 01:00. */
        LadderScene scene = scene_of("desk", "2026-03-28T18:00Z", "2026-03-28T18:00Z");
        StepList list = ladder_plan(&scene, arena);
        expect_step(list, 1, "joe", MESSAGE_REMINDER, "2026-03-30T08:30+01:00"); /* Sunday 10:00, in joe's hours */
        /* 24 hours are 24 hours: Sunday 19:00 summer time; then the manager's Monday. */
        expect_step(list, 3, "ines", MESSAGE_WINDOW_MISSED, "2026-03-30T08:00+02:00");
}

static void a_person_without_hours_is_always_there(void **state UNUSED)
{
        Person before = persons[0];
        persons[0].hours = (Hours){ .is_always = true };
        LadderScene scene = scene_of("ana", "2026-11-20T23:00-03:00", "2026-11-20T23:00-03:00");
        StepList list = ladder_plan(&scene, arena);
        expect_step(list, 1, "ana", MESSAGE_REMINDER, "2026-11-21T03:00-03:00");
        expect_step(list, 3, "ana", MESSAGE_WINDOW_MISSED, "2026-11-21T23:00-03:00");
        persons[0] = before;
}

static void every_member_of_a_group_is_told_at_their_own_time(void **state UNUSED)
{
        LadderScene scene = scene_of("desk", "2026-11-20T16:00Z", "2026-11-20T16:00Z");
        StepList list = ladder_plan(&scene, arena);
        expect_step(list, 0, "joe", MESSAGE_ALERT, "2026-11-20T16:00Z");
        expect_step(list, 0, "ben", MESSAGE_ALERT, "2026-11-20T16:00Z");
        expect_step(list, 1, "joe", MESSAGE_REMINDER, "2026-11-23T08:30Z"); /* Friday 20:00 */
        expect_step(list, 1, "ben", MESSAGE_REMINDER, "2026-11-23T09:00Z");
        expect_step(list, 2, "ines", MESSAGE_HELP_NEEDED, "2026-11-23T08:00+01:00"); /* Saturday 10:00 */
        assert_null(step_find(list, 2, "joe", MESSAGE_HELP_TOLD)); /* a group has nobody to reassure */
}

static void whoever_would_be_asked_about_themselves_is_passed_over(void **state UNUSED)
{
        /* joe's manager and director is ines; ines has neither: the catch-all is next. */
        LadderScene scene = scene_of("ines", "2026-11-17T09:00+01:00", "2026-11-17T09:00+01:00");
        StepList list = ladder_plan(&scene, arena);
        const Step *s = step_find(list, 2, "joe", MESSAGE_HELP_NEEDED);
        assert_non_null(s);
        assert_int_equal(s->why, RECIPIENT_CATCH_ALL);
        assert_non_null(step_find(list, 2, "ben", MESSAGE_HELP_NEEDED));
        assert_non_null(step_find(list, 4, "joe", MESSAGE_WAITING_LIST));
        for (size_t i = 0; i < list.count; i++)
                if (text_is(list.steps[i].recipient, "ines"))
                        assert_int_equal(list.steps[i].why, RECIPIENT_OWNER);
}

static void somebody_with_two_parts_in_a_rung_gets_one_message(void **state UNUSED)
{
        static const Recipient twice[] = { { RECIPIENT_MANAGER, { NULL, 0 } },
                                           { RECIPIENT_PERSON, { "joe", 3 } },
                                           { RECIPIENT_GROUP, { "desk", 4 } } };
        Rung rung = { working_hours(1), twice, 3, MESSAGE_REMINDER, true, false, { 0 } };
        Policy policy = one_day;
        policy.ladder = &rung;
        policy.rung_count = 1;
        LadderScene scene = scene_of("ana", "2026-11-17T09:00-03:00", "2026-11-17T09:00-03:00");
        scene.policy = &policy;
        StepList list = ladder_plan(&scene, arena);
        assert_int_equal(list.count, 2);
        assert_int_equal(step_find(list, 0, "joe", MESSAGE_REMINDER)->why, RECIPIENT_MANAGER);
        assert_non_null(step_find(list, 0, "ben", MESSAGE_REMINDER));
}

static void a_channel_never_sleeps(void **state UNUSED)
{
        static const Recipient room[] = { { RECIPIENT_CHANNEL, { "room", 4 } } };
        Rung rung = { { .kind = DELAY_ELAPSED, .span = { 0 } }, room, 1, MESSAGE_ALERT, false, false, { 0 } };
        Policy policy = one_day;
        policy.ladder = &rung;
        policy.rung_count = 1;
        LadderScene scene = scene_of("ana", "2026-11-21T03:00-03:00", "2026-11-21T03:00-03:00");
        scene.policy = &policy;
        expect_step(ladder_plan(&scene, arena), 0, "channel:room", MESSAGE_ALERT, "2026-11-21T03:00-03:00");
        expect_step(ladder_tell_channels(&scene, MESSAGE_CLOSED, arena), 0, "channel:room", MESSAGE_CLOSED,
                    "2026-11-21T03:00-03:00");
}

/* ---- notice ---- */

static void nobody_hears_of_it_before_the_owner_had_it_for_four_working_hours(void **state UNUSED)
{
        /* Answered on Tuesday 09:00, read on Wednesday 05:00 at ana's: accepted then, counted from 08:00. */
        LadderScene scene = scene_of("ana", "2026-11-17T09:00-03:00", "2026-11-18T05:00-03:00");
        Case c = case_with(ladder_plan(&scene, arena));
        c.steps++; /* the alert has been sent */
        c.step_count--;
        StepList list = ladder_refit(&scene, &c, ALERT_ACCEPTED, scene.now, arena);
        expect_step(list, 1, "ana", MESSAGE_REMINDER, "2026-11-18T08:00-03:00"); /* overdue: when she is there */
        expect_step(list, 2, "joe", MESSAGE_HELP_NEEDED, "2026-11-18T15:00Z");   /* 08:00 + 4 = 12:00 */
        expect_step(list, 3, "joe", MESSAGE_WINDOW_MISSED, "2026-11-18T15:00Z");
        expect_step(list, 3, "ana", MESSAGE_WINDOW_MISSED, "2026-11-18T09:00-03:00");
        expect_step(list, 4, "ines", MESSAGE_WAITING_LIST, "2026-11-19T13:00+01:00"); /* later anyway */
}

static void help_is_announced_to_the_owner_only_once_it_was_asked_for(void **state UNUSED)
{
        /* Answered on Monday, accepted on Tuesday 13:30 at ana's. Notice ends at 17:30, when joe has gone home: he is
         * asked on Wednesday 08:30, 05:30 at ana's. */
        LadderScene scene = scene_of("ana", "2026-11-16T09:00-03:00", "2026-11-17T13:30-03:00");
        Case c = case_with(ladder_plan(&scene, arena));
        StepList list = ladder_refit(&scene, &c, ALERT_ACCEPTED, scene.now, arena);
        expect_step(list, 2, "joe", MESSAGE_HELP_NEEDED, "2026-11-18T08:30Z");
        expect_step(list, 2, "ana", MESSAGE_HELP_TOLD, "2026-11-18T08:00-03:00");
}

static void an_owner_who_cannot_be_told_makes_the_next_rung_come_now(void **state UNUSED)
{
        LadderScene scene = scene_of("ana", "2026-11-17T09:00-03:00", "2026-11-17T09:10-03:00");
        Case c = case_with(ladder_plan(&scene, arena));
        StepList list = ladder_refit(&scene, &c, ALERT_GIVEN_UP, WALL_NONE, arena);
        expect_step(list, 2, "joe", MESSAGE_HELP_NEEDED, "2026-11-17T09:10-03:00");
        expect_step(list, 3, "joe", MESSAGE_WINDOW_MISSED, "2026-11-18T12:00Z");
        expect_step(list, 1, "ana", MESSAGE_REMINDER, "2026-11-17T14:00-03:00");
        c.level = 1; /* somebody knows already */
        list = ladder_refit(&scene, &c, ALERT_GIVEN_UP, WALL_NONE, arena);
        expect_step(list, 2, "joe", MESSAGE_HELP_NEEDED, "2026-11-18T08:30Z");
}

/* ---- repeating ---- */

static void the_directors_list_comes_every_working_day(void **state UNUSED)
{
        LadderScene scene = scene_of("ana", "2026-11-17T09:00-03:00", "2026-11-20T13:00+01:00"); /* a Friday */
        StepList plan = ladder_plan(&scene, arena);
        Case c = case_with(plan);
        StepList list = ladder_refit(&scene, &c, ALERT_ACCEPTED, at("2026-11-17T09:00-03:00"), arena);
        const Step *s = step_find(list, 4, "ines", MESSAGE_WAITING_LIST);
        char is[ISO8601_BYTES];
        assert_string_equal(wall_format(s->again_at, is).data, "2026-11-23T12:00:00.000Z"); /* Monday 09:00 at ana's */
        assert_false(wall_is_set(step_find(list, 3, "joe", MESSAGE_WINDOW_MISSED)->again_at));
}

static void a_repeating_rung_that_is_overdue_at_once_repeats_all_the_same(void **state UNUSED)
{
        LadderScene scene = scene_of("ana", "2026-11-10T09:00-03:00", "2026-11-17T13:00-03:00");
        assert_true(wall_is_set(step_find(ladder_plan(&scene, arena), 4, "ines", MESSAGE_WAITING_LIST)->again_at));
        Case c = case_with(ladder_plan(&scene, arena));
        LadderScene other = scene_of("ben", "2026-11-10T09:00-03:00", "2026-11-17T13:00-03:00");
        StepList list = ladder_retarget(&other, &c, false, arena);
        const Step *s = step_find(list, 4, "ines", MESSAGE_WAITING_LIST);
        assert_true(s->due_at.us > other.now.us || wall_is_set(s->again_at));
}

/* ---- pauses ---- */

static void an_attempt_pauses_for_a_working_day_of_the_owner(void **state UNUSED)
{
        LadderScene scene = scene_of("ana", "2026-11-20T09:00-03:00", "2026-11-20T16:30-03:00");
        WallTime until = ladder_pause_end(&scene);
        assert_int_equal(until.us, at("2026-11-23T16:30-03:00").us);
        Case c = case_with(ladder_plan(&scene, arena));
        StepList list = ladder_pause(&scene, &c, until, arena);
        expect_step(list, 0, "ana", MESSAGE_ALERT, "2026-11-20T09:00-03:00"); /* an alert is not held back */
        expect_step(list, 1, "ana", MESSAGE_REMINDER, "2026-11-23T16:30-03:00");
        expect_step(list, 2, "joe", MESSAGE_HELP_NEEDED, "2026-11-24T08:30Z");        /* 19:30 at joe's */
        expect_step(list, 2, "ana", MESSAGE_HELP_TOLD, "2026-11-24T08:00-03:00");     /* not before joe */
        expect_step(list, 4, "ines", MESSAGE_WAITING_LIST, "2026-11-24T13:00+01:00"); /* later anyway */
}

/* ---- another owner ---- */

static void what_waits_goes_to_the_new_owner_and_their_manager(void **state UNUSED)
{
        LadderScene scene = scene_of("desk", "2026-11-17T09:00Z", "2026-11-17T14:00Z");
        StepList plan = ladder_plan(&scene, arena);
        size_t kept = 0;
        for (size_t i = 0; i < plan.count; i++) /* the alert and the reminder have been sent */
                if (plan.steps[i].rung > 1)
                        plan.steps[kept++] = plan.steps[i];
        plan.count = kept;
        Case c = case_with(plan);
        LadderScene mine = scene_of("ben", "2026-11-17T09:00Z", "2026-11-17T14:00Z");
        StepList list = ladder_retarget(&mine, &c, false, arena);
        assert_null(step_find(list, 0, "ben", MESSAGE_ALERT));
        assert_null(step_find(list, 1, "ben", MESSAGE_REMINDER));
        expect_step(list, 3, "ben", MESSAGE_WINDOW_MISSED, "2026-11-18T09:00Z");
        assert_non_null(step_find(list, 3, "joe", MESSAGE_WINDOW_MISSED));
        assert_non_null(step_find(list, 4, "ines", MESSAGE_WAITING_LIST));
        for (size_t i = 0; i < list.count; i++)
                assert_true(!text_is(list.steps[i].recipient, "ines") || list.steps[i].rung == 4);
        list = ladder_retarget(&mine, &c, true, arena);
        expect_step(list, 0, "ben", MESSAGE_ALERT, "2026-11-17T14:00Z");
}

static void whoever_claims_an_overdue_case_has_its_least_notice_too(void **state UNUSED)
{
        /* Answered a week ago, read now, claimed a minute later. */
        LadderScene scene = scene_of("desk", "2026-11-10T09:00Z", "2026-11-17T10:00Z");
        Case c = case_with(ladder_plan(&scene, arena));
        LadderScene mine = scene_of("ben", "2026-11-10T09:00Z", "2026-11-17T10:01Z");
        StepList list = ladder_retarget(&mine, &c, false, arena);
        for (size_t i = 0; i < list.count; i++)
                if (list.steps[i].why != RECIPIENT_OWNER)
                        assert_true(list.steps[i].due_at.us >= at("2026-11-17T14:01Z").us);
}

static void those_whom_the_route_informs_stay_informed_under_another_owner(void **state UNUSED)
{
        static const Recipient inform[] = { { RECIPIENT_INFORM, { NULL, 0 } } };
        static const Text ids[] = { { "ines", 4 }, { "joe", 3 } };
        Rung rung = { { .kind = DELAY_WINDOW }, inform, 1, MESSAGE_WINDOW_MISSED, true, true, working_days(1) };
        Policy policy = one_day;
        policy.ladder = &rung;
        policy.rung_count = 1;
        LadderScene scene = scene_of("ana", "2026-11-17T09:00Z", "2026-11-17T10:00Z");
        scene.policy = &policy;
        scene.inform = ids;
        scene.inform_count = 2;
        Case c = case_with(ladder_plan(&scene, arena));
        assert_int_equal(c.step_count, 2);
        LadderScene mine = scene_of("ben", "2026-11-17T09:00Z", "2026-11-17T11:00Z");
        mine.policy = &policy; /* the route's list is not known any more */
        StepList list = ladder_retarget(&mine, &c, false, arena);
        expect_step(list, 0, "ines", MESSAGE_WINDOW_MISSED, "2026-11-18T09:00Z");
        expect_step(list, 0, "joe", MESSAGE_WINDOW_MISSED, "2026-11-18T09:00Z");
}

/* ---- bounds ---- */

static void a_crowd_in_the_first_rung_leaves_room_for_the_others(void **state UNUSED)
{
        enum {
                CROWD = 400
        };
        static Person crowd[CROWD + 1];
        static Text members[CROWD];
        static char names[CROWD][8];
        for (int i = 0; i < CROWD; i++) {
                (void)snprintf(names[i], sizeof(names[i]), "c%03d", i);
                members[i] = text_from(names[i]);
                crowd[i] = person(names[i], &ZONE_UTC, "", "zoe", "zoe");
        }
        crowd[CROWD] = person("zoe", &ZONE_UTC, "", NULL, NULL);
        Group group = { .id = TEXT("all"),
                        .members = members,
                        .member_count = CROWD,
                        .zone = &ZONE_UTC,
                        .hours = { .is_always = true },
                        .manager = TEXT("zoe"),
                        .director = TEXT("zoe") };
        Roster many = { .persons = crowd, .person_count = CROWD + 1, .groups = &group, .group_count = 1 };
        LadderScene scene = scene_of("ana", "2026-11-17T09:00Z", "2026-11-17T10:00Z");
        scene.roster = &many;
        scene.owner = scene.catch_all = (Party){ .group = &group };
        StepList list = ladder_plan(&scene, arena);
        assert_in_range(list.count, 200, STEPS_MAX);
        assert_non_null(step_find(list, 2, "zoe", MESSAGE_HELP_NEEDED));
        assert_non_null(step_find(list, 4, "zoe", MESSAGE_WAITING_LIST));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_answer_on_tuesday_morning_is_a_matter_of_one_day),
                cmocka_unit_test(an_answer_on_friday_afternoon_goes_over_the_weekend),
                cmocka_unit_test(four_working_hours_on_the_sunday_of_the_change_are_as_long_as_ever),
                cmocka_unit_test(a_person_without_hours_is_always_there),
                cmocka_unit_test(every_member_of_a_group_is_told_at_their_own_time),
                cmocka_unit_test(whoever_would_be_asked_about_themselves_is_passed_over),
                cmocka_unit_test(somebody_with_two_parts_in_a_rung_gets_one_message),
                cmocka_unit_test(a_channel_never_sleeps),
                cmocka_unit_test(nobody_hears_of_it_before_the_owner_had_it_for_four_working_hours),
                cmocka_unit_test(help_is_announced_to_the_owner_only_once_it_was_asked_for),
                cmocka_unit_test(an_owner_who_cannot_be_told_makes_the_next_rung_come_now),
                cmocka_unit_test(the_directors_list_comes_every_working_day),
                cmocka_unit_test(a_repeating_rung_that_is_overdue_at_once_repeats_all_the_same),
                cmocka_unit_test(an_attempt_pauses_for_a_working_day_of_the_owner),
                cmocka_unit_test(what_waits_goes_to_the_new_owner_and_their_manager),
                cmocka_unit_test(whoever_claims_an_overdue_case_has_its_least_notice_too),
                cmocka_unit_test(those_whom_the_route_informs_stay_informed_under_another_owner),
                cmocka_unit_test(a_crowd_in_the_first_rung_leaves_room_for_the_others),
        };
        return cmocka_run_group_tests_name("ladder", tests, crew_meet, crew_part);
}
