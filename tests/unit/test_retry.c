#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/retry.h"

static const int64_t SECOND = 1000000;

static void the_first_retry_comes_after_five_seconds_give_or_take_a_fifth(void **state UNUSED)
{
        int64_t least = INT64_MAX, most = 0;
        for (uint64_t chance = 0; chance < 20000; chance++) {
                int64_t us = retry_delay(1, SPAN_ZERO, chance * UINT64_C(0x9e3779b97f4a7c15) + 1).us;
                least = MIN_OF(least, us);
                most = MAX_OF(most, us);
        }
        assert_in_range(least, 4 * SECOND, 4 * SECOND + SECOND / 20);
        assert_in_range(most, 6 * SECOND - SECOND / 20, 6 * SECOND);
}

static void each_retry_waits_twice_as_long_until_half_an_hour(void **state UNUSED)
{
        for (int attempts = 1; attempts <= 60; attempts++) {
                int64_t nominal = attempts <= 9 ? (INT64_C(5) << (attempts - 1)) * SECOND : 1800 * SECOND;
                int64_t us = retry_delay(attempts, SPAN_ZERO, 42).us;
                assert_in_range(us, nominal * 8 / 10, nominal * 12 / 10);
        }
}

static void a_huge_number_of_attempts_is_no_overflow(void **state UNUSED)
{
        assert_in_range(retry_delay(INT32_MAX, SPAN_ZERO, UINT64_MAX).us, 1440 * SECOND, 2160 * SECOND);
}

static void the_same_delivery_waits_the_same_time(void **state UNUSED)
{
        assert_int_equal(retry_delay(3, SPAN_ZERO, 99).us, retry_delay(3, SPAN_ZERO, 99).us);
}

static void neighbours_do_not_come_back_together(void **state UNUSED)
{
        int same = 0;
        for (uint64_t chance = 0; chance < 1000; chance++)
                same += retry_delay(6, SPAN_ZERO, chance).us == retry_delay(6, SPAN_ZERO, chance + 1).us;
        assert_in_range(same, 0, 5);
}

static void what_the_receiver_asks_for_is_a_floor(void **state UNUSED)
{
        assert_int_equal(retry_delay(1, span_times(SPAN_SECOND, 120), 5).us, 120 * SECOND);
        assert_in_range(retry_delay(9, span_times(SPAN_SECOND, 1), 5).us, 1024 * SECOND, 1536 * SECOND);
}

static void a_receiver_that_asks_for_a_year_gets_an_hour(void **state UNUSED)
{
        assert_int_equal(retry_delay(1, span_times(SPAN_DAY, 365), 5).us, 3600 * SECOND);
}

static void a_negative_wish_is_no_wish(void **state UNUSED)
{
        assert_true(retry_delay(1, (Span){ -5 }, 5).us >= 4 * SECOND);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_retry_comes_after_five_seconds_give_or_take_a_fifth),
                cmocka_unit_test(each_retry_waits_twice_as_long_until_half_an_hour),
                cmocka_unit_test(a_huge_number_of_attempts_is_no_overflow),
                cmocka_unit_test(the_same_delivery_waits_the_same_time),
                cmocka_unit_test(neighbours_do_not_come_back_together),
                cmocka_unit_test(what_the_receiver_asks_for_is_a_floor),
                cmocka_unit_test(a_receiver_that_asks_for_a_year_gets_an_hour),
                cmocka_unit_test(a_negative_wish_is_no_wish),
        };
        return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
