#include "store_turns.h"

#include <errno.h>
#include <sys/random.h>

#include "crash_disk.h"

/* The power fails at a random moment, several times in a row, also while the last failure is being mended. What was
 * said to be committed is there, what is there is whole. A failure prints its seed; SEED=n runs that one alone. */

enum {
#ifdef CLOSEDLOOP_SANITIZED
        LIVES = 50,
#else
        LIVES = 300, /* of a store */
#endif
        CRASHES_MAX = 5, /* in a life */
        TURNS_MAX = 12,  /* between two crashes */
        CALLS_MAX = 600  /* to the disk before one */
};

static int64_t promised;

static int turns_until_the_power_fails(void)
{
        int r = turns_prepare();
        int64_t from = r < 0 ? 0 : turns_done();
        for (int i = 0; r == 0 && i < TURNS_MAX; i++, from += turn_answers) {
                r = turn_add(from);
                promised = r < 0 ? promised : from + turn_answers;
                if (r == 0 && crash_random(4) == 0)
                        r = log_to_file(store);
        }
        return r;
}

static void assert_all_that_was_promised_is_there(uint64_t seed)
{
        if (open_at(path) < 0)
                fail_msg("SEED=%llu: the store does not come back", (unsigned long long)seed);
        int64_t offset = turns_done();
        if (offset < promised || offset > promised + turn_answers)
                fail_msg("SEED=%llu: %lld answers are there, %lld were promised", (unsigned long long)seed,
                         (long long)offset, (long long)promised);
        assert_sound();
        promised = offset;
        store = store_free(store);
}

static void one_life(uint64_t seed)
{
        Arena *outside = arena;
        arena = arena_new(1 << 16);
        crash_random_state = seed;
        promised = 0;
        for (uint64_t crashes = 1 + crash_random(CRASHES_MAX); crashes > 0; crashes--) {
                Text message;
                crash_disk_plan((int64_t)crash_random(crash_random(3) == 0 ? CALLS_MAX / 20 : CALLS_MAX));
                if (store_open(path, arena, &store, &message) == 0)
                        (void)!turns_until_the_power_fails();
                store = store_free(store); /* in order, if the power did not fail */
                if (!crash_is_down)
                        (void)!crash_is_now();
                crash_disk_restart();
                if (crashes == 1 || crash_random(2))
                        assert_all_that_was_promised_is_there(seed);
        }
        crash_disk_clear();
        arena = arena_free(arena);
        arena = outside;
}

static void whatever_a_power_cut_leaves_what_was_committed_is_there(void **state UNUSED)
{
        const char *asked = getenv("SEED");
        uint64_t seed;
        if (asked) {
                one_life(strtoull(asked, NULL, 10));
                return;
        }
        assert_int_equal(getrandom(&seed, sizeof(seed), 0), sizeof(seed));
        seed %= 1000000000;
        print_message("SEED=%llu and the %d after it\n", (unsigned long long)seed, LIVES - 1);
        for (int i = 0; i < LIVES; i++)
                one_life(seed + (uint64_t)i);
}

/* The disk of this test would show it: without the sync before a commit is believed, promises are broken. */
static void a_store_that_does_not_sync_is_caught(void **state UNUSED)
{
        int broken = 0;
        for (uint64_t seed = 1; seed <= 20; seed++) {
                crash_random_state = seed;
                promised = 0;
                assert_int_equal(open_at(path), 0);
                assert_int_equal(sqlite3_exec(store->db, "PRAGMA synchronous = OFF", NULL, NULL, NULL), SQLITE_OK);
                crash_disk_plan(100 + (int64_t)crash_random(100));
                (void)!turns_until_the_power_fails();
                store = store_free(store);
                crash_disk_restart();
                Text message;
                if (store_open(path, arena, &store, &message) < 0 || turns_done() < promised)
                        broken++;
                store = store_free(store);
                crash_disk_clear();
        }
        assert_true(broken > 10);
}

static int make(void **state)
{
        static bool is_used;
        if (make_folder(state) < 0)
                return -1;
        if (!is_used) {
                if (open_at(":memory:") < 0)
                        return -1;
                store = store_free(store);
                crash_disk_use();
        }
        is_used = true;
        turn_answers = 3;
        return 0;
}

#define ON_CRASH_DISK(test) cmocka_unit_test_setup_teardown(test, make, take_folder)

int main(void)
{
        const struct CMUnitTest tests[] = {
                ON_CRASH_DISK(whatever_a_power_cut_leaves_what_was_committed_is_there),
                ON_CRASH_DISK(a_store_that_does_not_sync_is_caught),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
