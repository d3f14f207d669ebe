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
        Machine m = { .doubt = doubt_new(WALL_NONE, WALL_NONE), .now = { .wall = NOON, .boot = { 1000000 } } };
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

static void at_the_start_a_clock_before_the_newest_time_of_the_store_is_doubted(void **state UNUSED)
{
        const ClockReading now = { .wall = NOON, .boot = { 1 } };
        for (size_t i = 0; i < COUNT_OF(STEPS); i++) {
                Span ahead = { STEPS[i] * 1000000 };
                Doubt late = doubt_new(wall_add(NOON, ahead), WALL_NONE),
                      early = doubt_new(wall_sub(NOON, ahead), WALL_NONE);
                assert_int_equal(doubt_look(&late, now, LIMITS), STEPS[i] > 300 ? DOUBT_BEGAN : DOUBT_SAME);
                assert_int_equal(doubt_look(&early, now, LIMITS), DOUBT_SAME);
                Doubt synchronised = doubt_new(wall_add(NOON, ahead), WALL_NONE);
                ClockReading right = now;
                right.is_synchronised = true;
                assert_int_equal(doubt_look(&synchronised, right, LIMITS), DOUBT_SAME);
        }
        Doubt doubt = doubt_new(wall_add(NOON, SPAN_DAY), WALL_NONE);
        Machine m = { .doubt = doubt, .now = now };
        assert_int_equal(doubt_look(&m.doubt, m.now, LIMITS), DOUBT_BEGAN);
        assert_int_equal(m.doubt.by.us, -SPAN_DAY.us);
        assert_int_equal(set(&m, 86400), DOUBT_ENDED);
        assert_int_equal(m.doubt.end, DOUBT_BACK);
}

static void a_doubt_outlives_a_restart_and_is_no_longer_for_that(void **state UNUSED)
{
        static const int64_t left[] = { 0, 1, 500, 900, 5000 };
        for (size_t i = 0; i < COUNT_OF(left); i++) {
                WallTime now = wall_add(NOON, SPAN_DAY), until = wall_add(now, span_times(SPAN_SECOND, left[i]));
                Machine m = { .doubt = doubt_new(NOON, until), .now = { .wall = now, .boot = { 1 } } };
                assert_int_equal(doubt_look(&m.doubt, m.now, LIMITS), DOUBT_BEGAN);
                assert_true(m.doubt.is_inherited);
                int64_t seconds = 1;
                while (pass(&m, 1) == DOUBT_SAME)
                        seconds++;
                assert_int_equal(seconds, MAX_OF(INT64_C(1), MIN_OF(left[i], INT64_C(900))));
                assert_false(m.doubt.is_inherited);
        }
}

static void a_doubt_is_over_when_the_clock_is_synchronised_at_the_restart(void **state UNUSED)
{
        Machine m = { .doubt = doubt_new(NOON, wall_add(NOON, SPAN_HOUR)), .now = { NOON, { 1 }, true } };
        assert_int_equal(doubt_look(&m.doubt, m.now, LIMITS), DOUBT_ENDED);
        assert_int_equal(pass(&m, 10), DOUBT_SAME);
        assert_false(m.doubt.is_open);
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
                cmocka_unit_test(a_doubt_outlives_a_restart_and_is_no_longer_for_that),
                cmocka_unit_test(a_doubt_is_over_when_the_clock_is_synchronised_at_the_restart),
                cmocka_unit_test(at_the_start_a_clock_before_the_newest_time_of_the_store_is_doubted),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
