#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/must.h"
#include "turn/number_set.h"

static void an_empty_set_has_nothing_and_forgets_nothing(void **state UNUSED)
{
        NumberSet set = { 0 };
        assert_false(number_set_has(&set, 1));
        number_set_remove(&set, 1);
        number_set_clear(&set);
        assert_int_equal(set.count, 0);
        number_set_done(&set);
}

static void a_number_that_is_added_twice_counts_once(void **state UNUSED)
{
        NumberSet set = { 0 };
        number_set_add(&set, 7);
        number_set_add(&set, 7);
        assert_int_equal(set.count, 1);
        number_set_remove(&set, 7);
        assert_false(number_set_has(&set, 7));
        assert_int_equal(set.count, 0);
        number_set_done(&set);
}

static void the_largest_number_is_a_number_like_any_other(void **state UNUSED)
{
        NumberSet set = { 0 };
        number_set_add(&set, INT64_MAX);
        assert_true(number_set_has(&set, INT64_MAX));
        assert_false(number_set_has(&set, INT64_MAX - 1));
        number_set_done(&set);
}

static void clearing_keeps_the_table_and_takes_the_numbers(void **state UNUSED)
{
        NumberSet set = { 0 };
        for (int64_t n = 1; n <= 1000; n++)
                number_set_add(&set, n);
        size_t capacity = set.capacity;
        number_set_clear(&set);
        assert_int_equal(set.capacity, capacity);
        for (int64_t n = 1; n <= 1000; n++)
                assert_false(number_set_has(&set, n));
        number_set_done(&set);
}

/* Against a plain table of flags. Few numbers, so that chains collide, wrap round and are cut in the middle. */
static void it_agrees_with_a_table_of_flags_over_100000_steps(void **state UNUSED)
{
        enum {
                NUMBERS = 150
        };
        static bool flags[NUMBERS + 1];
        uint64_t seed = 20261120, x = seed;
        NumberSet set = { 0 };
        size_t count = 0;
        for (int step = 0; step < 100000; step++) {
                x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                int64_t n = 1 + (int64_t)((x >> 40) % NUMBERS);
                bool adds = (x >> 20) & 1;
                count += adds && !flags[n] ? 1u : 0u;
                count -= !adds && flags[n] ? 1u : 0u;
                flags[n] = adds;
                (adds ? number_set_add : number_set_remove)(&set, n);
                assert_int_equal(set.count, count);
                if (step % 50 == 0)
                        for (int64_t m = 1; m <= NUMBERS; m++)
                                assert_int_equal(number_set_has(&set, m), flags[m]);
        }
        number_set_done(&set);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_empty_set_has_nothing_and_forgets_nothing),
                cmocka_unit_test(a_number_that_is_added_twice_counts_once),
                cmocka_unit_test(the_largest_number_is_a_number_like_any_other),
                cmocka_unit_test(clearing_keeps_the_table_and_takes_the_numbers),
                cmocka_unit_test(it_agrees_with_a_table_of_flags_over_100000_steps),
        };
        return cmocka_run_group_tests_name("number_set", tests, NULL, NULL);
}
