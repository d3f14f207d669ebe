#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/must.h"
#include "core/doubt.h"

static const DoubtLimits LIMITS = { { 300 * INT64_C(1000000) }, { 900 * INT64_C(1000000) } };
static const WallTime NOON = { INT64_C(1794916800000000) };

/* The machine's clocks: `boot` counts, `wall` may be set. */
typedef struct Machine {
        Doubt doubt;
        ClockReading now;
} Machine;

static Machine machine(void)
{
        Machine m = { .doubt = doubt_new((ClockPast){ .believed = WALL_NONE }),
                      .now = { .wall = NOON, .boot = { 1000000 } } };
        assert_int_equal(doubt_look(&m.doubt, m.now, LIMITS), DOUBT_SAME);
        return m;
}

static DoubtNews pass(Machine *m, int64_t seconds)
{
        m->now.wall.us += seconds * 1000000;
        m->now.boot.us += seconds * 1000000;
        return doubt_look(&m->doubt, m->now, LIMITS);
}

static DoubtNews set(Machine *m, int64_t by_seconds)
{
        m->now.wall.us += by_seconds * 1000000;
        return doubt_look(&m->doubt, m->now, LIMITS);
}

static const int64_t STEPS[] = { 1, 59, 299, 300, 301, 3600, 36000, 86400, 10 * 365 * INT64_C(86400) };

static void only_a_step_beyond_the_limit_is_doubted_in_both_directions(void **state UNUSED)
{
        for (size_t i = 0; i < COUNT_OF(STEPS); i++) {
                for (int sign = -1; sign <= 1; sign += 2) {
                        Machine m = machine();
                        assert_int_equal(pass(&m, 30), DOUBT_SAME);
                        DoubtNews news = set(&m, sign * STEPS[i]);
                        assert_int_equal(news, STEPS[i] > 300 ? DOUBT_BEGAN : DOUBT_SAME);
                        assert_int_equal(m.doubt.is_open, STEPS[i] > 300);
                        assert_true(STEPS[i] <= 300 || m.doubt.by.us == sign * STEPS[i] * 1000000);
                        assert_true(STEPS[i] <= 1 || m.doubt.stepped.us == sign * STEPS[i] * 1000000);
                }
        }
}

static void a_doubt_ends_when_it_was_held_long_enough_and_never_later(void **state UNUSED)
{
        for (size_t i = 0; i < COUNT_OF(STEPS); i++) {
                Machine m = machine();
                if (set(&m, -STEPS[i]) != DOUBT_BEGAN)
                        continue;
                assert_int_equal(pass(&m, 899), DOUBT_SAME);
                assert_int_equal(pass(&m, 1), DOUBT_ENDED);
                assert_int_equal(m.doubt.end, DOUBT_HELD_LONG_ENOUGH);
                assert_int_equal(pass(&m, 1), DOUBT_SAME); /* the clock is believed as it is now */
                assert_false(m.doubt.is_open);
        }
}

static void a_clock_that_is_set_again_and_again_is_doubted_no_longer_for_that(void **state UNUSED)
{
        Machine m = machine();
        assert_int_equal(set(&m, 36000), DOUBT_BEGAN);
        int64_t seconds = 0;
        DoubtNews news = DOUBT_SAME;
        while (news == DOUBT_SAME && seconds < 2000) {
                assert_int_equal(set(&m, seconds % 2 ? 7200 : -7200), DOUBT_SAME);
                news = pass(&m, 1);
                seconds++;
        }
        assert_int_equal(news, DOUBT_ENDED);
        assert_int_equal(seconds, 900);
}

static void a_clock_that_is_put_back_is_believed_at_once(void **state UNUSED)
{
        Machine m = machine();
        assert_int_equal(set(&m, 36000), DOUBT_BEGAN);
        assert_int_equal(pass(&m, 100), DOUBT_SAME);
        assert_int_equal(set(&m, -35999), DOUBT_ENDED);
        assert_int_equal(m.doubt.end, DOUBT_BACK);
}

static void what_the_kernel_calls_synchronised_is_believed(void **state UNUSED)
{
        Machine m = machine();
        assert_int_equal(set(&m, 36000), DOUBT_BEGAN);
        m.now.is_synchronised = true;
        assert_int_equal(set(&m, -18000), DOUBT_ENDED);
        assert_int_equal(m.doubt.end, DOUBT_SYNCHRONISED);
        assert_int_equal(set(&m, -18000), DOUBT_SET);
        assert_int_equal(pass(&m, 1), DOUBT_SAME);
}

static void an_operator_ends_a_doubt(void **state UNUSED)
{
        Machine m = machine();
        assert_int_equal(doubt_trust(&m.doubt), DOUBT_SAME);
        assert_int_equal(set(&m, -36000), DOUBT_BEGAN);
        assert_int_equal(doubt_trust(&m.doubt), DOUBT_ENDED);
        assert_int_equal(pass(&m, 1), DOUBT_SAME);
}

static void small_steps_in_one_minute_add_up(void **state UNUSED)
{
        Machine m = machine();
        assert_int_equal(set(&m, 200), DOUBT_SAME);
        assert_int_equal(pass(&m, 10), DOUBT_SAME);
        assert_int_equal(set(&m, 200), DOUBT_BEGAN);
        assert_int_equal(m.doubt.by.us, 400 * INT64_C(1000000));
}

static void a_clock_that_runs_fast_or_a_machine_that_slept_is_not_doubted(void **state UNUSED)
{
        Machine m = machine();
        assert_int_equal(pass(&m, 3 * 86400), DOUBT_SAME); /* suspended: both have moved */
        for (int i = 0; i < 5000; i++) {                   /* a second an hour, far more than a clock drifts */
                assert_int_equal(pass(&m, 3600), DOUBT_SAME);
                assert_int_equal(set(&m, 1), DOUBT_SAME);
        }
}

/* ---- at the start ----------------------------------------------------------------------------------------------- */

enum {
        FIRST = 1111, /* boots */
        OTHER = 2222,
        MINUTE = 60,
        HOUR = 3600,
        DAY = 86400,
        YEARS = 10 * 365 * DAY
};

/* The service ended at noon, an hour after the boot, and believed its clock. */
typedef struct Start {
        const char *name;
        int64_t past_boot_id, boot_id; /* 0: nobody says */
        int64_t wall, boot;            /* seconds: after noon, since boot */
        bool is_synchronised;
        DoubtNews news;
        DoubtWhy why;
        int64_t by, stepped;
} Start;

static const Start STARTS[] = {
        { "at once", FIRST, FIRST, 1, HOUR + 1, false, DOUBT_SAME, 0, 0, 0 },
        { "after a weekend", FIRST, FIRST, 2 * DAY, HOUR + 2 * DAY, false, DOUBT_SAME, 0, 0, 0 },
        { "set forward meanwhile", FIRST, FIRST, 10 * HOUR + 2, HOUR + 2, false, DOUBT_BEGAN, DOUBT_STEPPED, 10 * HOUR,
          10 * HOUR },
        { "set forward a little", FIRST, FIRST, 299, HOUR, false, DOUBT_SAME, 0, 0, 299 },
        { "set back meanwhile", FIRST, FIRST, -2 * HOUR, HOUR + 9, false, DOUBT_BEGAN, DOUBT_STEPPED, -2 * HOUR - 9,
          -2 * HOUR - 9 },
        { "set back in a long night, and still later", FIRST, FIRST, 2 * HOUR, 9 * HOUR, false, DOUBT_BEGAN,
          DOUBT_STEPPED, -6 * HOUR, -6 * HOUR },
        { "set right meanwhile", FIRST, FIRST, 10 * HOUR, HOUR, true, DOUBT_SET, DOUBT_STEPPED, 10 * HOUR, 10 * HOUR },
        { "set forward by years", FIRST, FIRST, YEARS, HOUR, false, DOUBT_BEGAN, DOUBT_STEPPED, YEARS, YEARS },
        { "an ordinary reboot", FIRST, OTHER, 90, 30, false, DOUBT_SAME, 0, 0, 0 },
        { "an ordinary reboot of long ago", FIRST, OTHER, 8 * DAY, 8 * DAY - 200, false, DOUBT_SAME, 0, 0, 0 },
        { "a slow reboot", FIRST, OTHER, 299, 0, false, DOUBT_SAME, 0, 0, 0 },
        { "a night without power, or a clock ahead", FIRST, OTHER, 9 * HOUR, 20, false, DOUBT_BEGAN, DOUBT_AHEAD,
          9 * HOUR - 20, 0 },
        { "the same, synchronised", FIRST, OTHER, 9 * HOUR, 20, true, DOUBT_SAME, 0, 0, 0 },
        { "a clock in local time", FIRST, OTHER, HOUR + 60, 20, false, DOUBT_BEGAN, DOUBT_AHEAD, HOUR + 40, 0 },
        { "years ahead", FIRST, OTHER, YEARS, 1, false, DOUBT_BEGAN, DOUBT_AHEAD, YEARS - 1, 0 },
        { "a dead battery", FIRST, OTHER, -50 * (int64_t)YEARS / 10, 20, false, DOUBT_BEGAN, DOUBT_BEHIND,
          -50 * (int64_t)YEARS / 10 - 20, -50 * (int64_t)YEARS / 10 - 20 },
        { "behind by what has passed since this boot", FIRST, OTHER, 10, 1000, false, DOUBT_BEGAN, DOUBT_BEHIND, -990,
          -990 },
        { "behind, synchronised: it was ahead before", FIRST, OTHER, -HOUR, 20, true, DOUBT_SAME, 0, 0, -HOUR - 20 },
        { "nameless, the clocks fit", 0, 0, 2 * DAY, HOUR + 2 * DAY, false, DOUBT_SAME, 0, 0, 0 },
        { "nameless, another boot by its clock", 0, 0, 90, 30, false, DOUBT_SAME, 0, 0, 0 },
        { "nameless, an uptime of days", 0, 0, 20, 8 * DAY, false, DOUBT_SAME, 0, 0, 0 },
        { "nameless, ahead", 0, 0, 10 * HOUR, HOUR + 60, false, DOUBT_BEGAN, DOUBT_AHEAD, 10 * HOUR, 0 },
        { "nameless, behind", 0, FIRST, -HOUR, HOUR + 60, false, DOUBT_BEGAN, DOUBT_BEHIND, -HOUR, -HOUR },
        { "a boot by the same name that counts from its start again", FIRST, FIRST, 90, 30, false, DOUBT_SAME, 0, 0,
          0 },
};

static ClockPast past_of(int64_t boot_id)
{
        return (ClockPast){ .believed = NOON, .shown = NOON, .boot = { HOUR * INT64_C(1000000) }, .boot_id = boot_id };
}

static ClockReading reading(int64_t wall, int64_t boot, int64_t boot_id, bool is_synchronised)
{
        return (ClockReading){
                wall_add(NOON, span_times(SPAN_SECOND, wall)), { boot * 1000000 }, boot_id, is_synchronised
        };
}

static void a_start_believes_what_the_last_service_leaves_to_expect(void **state UNUSED)
{
        for (size_t i = 0; i < COUNT_OF(STARTS); i++) {
                const Start *s = &STARTS[i];
                Doubt d = doubt_new(past_of(s->past_boot_id));
                DoubtNews news = doubt_look(&d, reading(s->wall, s->boot, s->boot_id, s->is_synchronised), LIMITS);
                if (news != s->news || (news != DOUBT_SAME && (d.why != s->why || d.by.us != s->by * 1000000)) ||
                    d.stepped.us != s->stepped * 1000000)
                        fail_msg("%s: news %d, why %d, by %lld s, stepped %lld s", s->name, news, d.why,
                                 (long long)(d.by.us / 1000000), (long long)(d.stepped.us / 1000000));
                assert_int_equal(d.is_open, s->news == DOUBT_BEGAN);
                assert_int_equal(d.is_open && d.is_quiet, s->news == DOUBT_BEGAN && s->why == DOUBT_AHEAD);
        }
}

static void a_start_whose_store_knows_no_time_believes(void **state UNUSED)
{
        Doubt d = doubt_new((ClockPast){ .believed = WALL_NONE });
        assert_int_equal(doubt_look(&d, reading(YEARS, 5, FIRST, false), LIMITS), DOUBT_SAME);
}

/* Whatever a start makes of its clock: no rung waits longer than that. */
static void a_doubt_of_a_start_ends_in_time(void **state UNUSED)
{
        for (size_t i = 0; i < COUNT_OF(STARTS); i++) {
                const Start *s = &STARTS[i];
                Machine m = { .doubt = doubt_new(past_of(s->past_boot_id)),
                              .now = reading(s->wall, s->boot, s->boot_id, s->is_synchronised) };
                if (doubt_look(&m.doubt, m.now, LIMITS) != DOUBT_BEGAN)
                        continue;
                assert_int_equal(pass(&m, 899), DOUBT_SAME);
                assert_int_equal(pass(&m, 1), DOUBT_ENDED);
                Doubt next = doubt_new(doubt_past(&m.doubt));
                assert_int_equal(doubt_look(&next, m.now, LIMITS), DOUBT_SAME); /* and the next start believes it */
        }
}

static void a_doubt_outlives_a_restart_and_knows_how_far_the_clock_is_off(void **state UNUSED)
{
        Machine m = machine();
        m.now.boot_id = FIRST;
        assert_int_equal(pass(&m, 1), DOUBT_SAME);
        assert_int_equal(set(&m, 36000), DOUBT_BEGAN);
        assert_int_equal(pass(&m, 100), DOUBT_SAME);
        for (int i = 0; i < 3; i++) {
                m.doubt = doubt_new(doubt_past(&m.doubt));
                assert_int_equal(pass(&m, 100), DOUBT_BEGAN);
                assert_true(m.doubt.is_resumed && !m.doubt.is_quiet);
                assert_int_equal(m.doubt.by.us, 36000 * INT64_C(1000000));
                assert_int_equal(m.doubt.stepped.us, 0); /* what is pending has been set already */
        }
        assert_int_equal(pass(&m, 499), DOUBT_SAME);
        Machine set_back = m;
        assert_int_equal(pass(&m, 1), DOUBT_ENDED); /* 900 seconds in all */
        assert_int_equal(m.doubt.end, DOUBT_HELD_LONG_ENOUGH);
        set_back.doubt = doubt_new(doubt_past(&set_back.doubt));
        assert_int_equal(set(&set_back, -36000), DOUBT_ENDED);
        assert_int_equal(set_back.doubt.end, DOUBT_BACK);
        assert_int_equal(set_back.doubt.stepped.us, -36000 * INT64_C(1000000));
}

static void a_machine_that_boots_again_and_again_in_doubt_holds_no_longer_for_that(void **state UNUSED)
{
        int64_t held = 0;
        Machine m = { .doubt = doubt_new(past_of(FIRST)), .now = reading(9 * HOUR, 0, OTHER, false) };
        assert_int_equal(doubt_look(&m.doubt, m.now, LIMITS), DOUBT_BEGAN);
        for (int boot = 0; boot < 100 && m.doubt.is_open; boot++) {
                held += 100;
                if (pass(&m, 100) == DOUBT_ENDED)
                        break;
                m.doubt = doubt_new(doubt_past(&m.doubt));
                m.now.boot_id++;
                m.now.boot.us = 0;
                m.now.wall.us += (boot % 2 ? 30 : 5) * INT64_C(3600000000); /* each time further ahead */
                (void)doubt_look(&m.doubt, m.now, LIMITS);
                assert_true(!m.doubt.is_open || m.doubt.is_quiet);
        }
        assert_false(m.doubt.is_open);
        assert_int_equal(held, 900);
}

static void a_doubt_is_over_when_the_clock_is_right_after_a_reboot(void **state UNUSED)
{
        ClockPast past = past_of(FIRST);
        past.ends_at = (MonoTime){ (HOUR + 500) * INT64_C(1000000) };
        past.shown = wall_add(NOON, SPAN_DAY);
        Doubt mended = doubt_new(past), synchronised = doubt_new(past), still = doubt_new(past);
        assert_int_equal(doubt_look(&mended, reading(100, 30, OTHER, false), LIMITS), DOUBT_ENDED);
        assert_int_equal(mended.end, DOUBT_BACK);
        assert_int_equal(mended.stepped.us, (100 - 30 - DAY) * INT64_C(1000000));
        assert_int_equal(doubt_look(&synchronised, reading(5 * DAY, 30, OTHER, true), LIMITS), DOUBT_ENDED);
        assert_int_equal(synchronised.end, DOUBT_SYNCHRONISED);
        assert_int_equal(doubt_look(&still, reading(DAY, 30, OTHER, false), LIMITS), DOUBT_BEGAN);
        assert_int_equal(still.ends_at.us, 500 * INT64_C(1000000)); /* since boot: of which 30 are over */
        assert_false(still.is_quiet);                               /* operators heard of it: also that it is over */
}

static void a_reload_may_make_a_doubt_shorter(void **state UNUSED)
{
        Machine m = machine();
        assert_int_equal(set(&m, 36000), DOUBT_BEGAN);
        const DoubtLimits shorter = { LIMITS.step, { 60 * INT64_C(1000000) } };
        m.now.wall.us += 1000000;
        m.now.boot.us += 1000000;
        assert_int_equal(doubt_look(&m.doubt, m.now, shorter), DOUBT_SAME);
        assert_int_equal(pass(&m, 59), DOUBT_SAME);
        assert_int_equal(pass(&m, 1), DOUBT_ENDED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_a_step_beyond_the_limit_is_doubted_in_both_directions),
                cmocka_unit_test(a_doubt_ends_when_it_was_held_long_enough_and_never_later),
                cmocka_unit_test(a_clock_that_is_set_again_and_again_is_doubted_no_longer_for_that),
                cmocka_unit_test(a_clock_that_is_put_back_is_believed_at_once),
                cmocka_unit_test(what_the_kernel_calls_synchronised_is_believed),
                cmocka_unit_test(an_operator_ends_a_doubt),
                cmocka_unit_test(small_steps_in_one_minute_add_up),
                cmocka_unit_test(a_clock_that_runs_fast_or_a_machine_that_slept_is_not_doubted),
                cmocka_unit_test(a_start_believes_what_the_last_service_leaves_to_expect),
                cmocka_unit_test(a_start_whose_store_knows_no_time_believes),
                cmocka_unit_test(a_doubt_of_a_start_ends_in_time),
                cmocka_unit_test(a_doubt_outlives_a_restart_and_knows_how_far_the_clock_is_off),
                cmocka_unit_test(a_machine_that_boots_again_and_again_in_doubt_holds_no_longer_for_that),
                cmocka_unit_test(a_doubt_is_over_when_the_clock_is_right_after_a_reboot),
                cmocka_unit_test(a_reload_may_make_a_doubt_shorter),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
