#include "store_turns.h"

#include <errno.h>
#include <sys/stat.h>

#include "fault_disk.h"

/* Every call to the disk fails once, and in another run fails from then on, with what the daemon does about each: a
 * full disk is waited for, any other failure ends the process, and the next start goes on from what the disk has. In
 * the end the store is the same, row for row, as one that no fault has touched. */

enum {
        TURNS = 5,
        CHECKPOINT_AFTER = 2,
        TRIES_MAX = 3,
        STARTS_MAX = 6,
#ifdef CLOSEDLOOP_SANITIZED
        STRIDE = 7 /* each call takes its time there; without them every one is tried */
#else
        STRIDE = 1
#endif
};

typedef struct Run {
        int64_t promised; /* answers whose commit was said to be done */
        int full;         /* how often the disk was said to be full */
        int ended;        /* how often the process had to end */
} Run;

/* What the process would do: drop the batch, and leave or try again. */
static int run_turn(Run *run, int64_t from)
{
        int r = turn_add(from);
        for (int tries = 1; r == -ENOSPC; tries++) {
                store_rollback(store);
                run->full++;
                if (tries >= TRIES_MAX)
                        fault_plan.left = -1;            /* somebody has made room */
                assert_int_equal(store_probe(store), 0); /* reading goes on */
                r = turn_add(from);
        }
        if (r == 0)
                run->promised = from + turn_answers;
        return r;
}

static int run_turns(Run *run)
{
        int r = turns_prepare();
        if (r == -ENOSPC) {
                store_rollback(store);
                fault_plan.left = -1;
                r = turns_prepare();
        }
        if (r < 0)
                return r;
        int64_t from = turns_done();
        assert_in_range(from, run->promised, run->promised + turn_answers);
        run->promised = from; /* what was found at a start stays */
        for (; from < TURNS * turn_answers; from += turn_answers) {
                r = run_turn(run, from);
                if (r < 0)
                        return r;
                store->log_frames += from == CHECKPOINT_AFTER * turn_answers ? 1000 : 0; /* as if it had been long */
                r = store_checkpoint(store);
                if (r < 0 && r != -ENOSPC)
                        return r;
        }
        return 0;
}

static int start(void)
{
        Text message = TEXT_NONE;
        int r = store_open(path, arena, &store, &message);
        if (r < 0 && (!message.data || message.len < 20))
                fail_msg("a store that cannot be opened is refused without words");
        return r;
}

static void files_remove(void)
{
        static const char *const suffixes[] = { "", "-wal", "-journal" };
        store = store_free(store);
        for (size_t i = 0; i < COUNT_OF(suffixes); i++)
                (void)unlink(arena_textf(arena, "%s%s", path, suffixes[i]).data);
}

/* From nothing to the end, starting again as often as the process had to end. */
static Run run_all(const char *what)
{
        Run run = { 0 };
        int r = -1;
        for (int starts = 0; r != 0 && starts < STARTS_MAX; starts++) {
                r = start();
                if (r == 0)
                        r = run_turns(&run);
                if (r < 0 && r != -EIO && r != -ENOSPC)
                        fail_msg("%s: error %d (%s)", what, r, store ? store_error(store) : "not opened");
                run.ended += r < 0;
                store = store_free(store);
                if (starts >= 1)
                        fault_plan.left = -1; /* the disk was replaced */
        }
        if (r != 0)
                fail_msg("%s: the store does not come back: %d", what, r);
        return run;
}

static Text expected;

static void assert_as_without_faults(const char *what)
{
        assert_int_equal(start(), 0);
        assert_sound();
        Text dump = store_dump(arena);
        if (!text_equal(dump, expected))
                fail_msg("%s: the store differs from one without faults", what);
}

static int fail_each(FaultKind kind, bool is_for_ever, Run *ret_sum)
{
        Arena *outside = arena;
        int n = 0;
        for (bool is_hit = true; is_hit; n += STRIDE) {
                arena = arena_new(1 << 16);
                files_remove();
                fault_plan = (FaultPlan){ .kind = kind, .left = n, .is_for_ever = is_for_ever };
                char what[64];
                (void)snprintf(what, sizeof(what), "%s %d %s", FAULT_NAMES[kind], n, is_for_ever ? "for ever" : "once");
                Run run = run_all(what);
                is_hit = fault_plan.hits > 0;
                fault_plan.left = -1;
                assert_as_without_faults(what);
                store = store_free(store);
                ret_sum->full += run.full;
                ret_sum->ended += run.ended;
                arena = arena_free(arena);
        }
        arena = outside;
        return n - STRIDE;
}

static void fail_kind(FaultKind kind, int calls_min, Run *ret)
{
        *ret = (Run){ 0 };
        for (int is_for_ever = 0; is_for_ever < 2; is_for_ever++) {
                int calls = fail_each(kind, is_for_ever, ret);
                print_message("%s: each of %d calls failed %s\n", FAULT_NAMES[kind], calls,
                              is_for_ever ? "for ever" : "once");
                assert_true(calls >= calls_min);
        }
}

static void every_write_fails_and_nothing_is_lost_or_doubled(void **state UNUSED)
{
        Run run;
        fail_kind(FAULT_WRITE, 100, &run);
        assert_true(run.ended > 100);
        assert_int_equal(run.full, 0);
}

static void every_write_finds_a_full_disk_and_the_turn_is_made_up_for(void **state UNUSED)
{
        Run run;
        fail_kind(FAULT_FULL, 100, &run);
        assert_true(run.full > 100 / STRIDE);
}

static void every_sync_fails_and_no_second_sync_is_believed(void **state UNUSED)
{
        Run run;
        fail_kind(FAULT_SYNC, 10, &run);
        assert_true(run.ended > 10 / STRIDE);
}

static void every_read_fails_and_nothing_is_lost_or_doubled(void **state UNUSED)
{
        Run run;
        fail_kind(FAULT_READ, 5, &run);
}

static void every_open_truncation_look_at_the_size_and_removal_fails(void **state UNUSED)
{
        Run run;
        fail_kind(FAULT_OPEN, 2, &run);
        fail_kind(FAULT_SIZE, 2, &run);
        fail_kind(FAULT_TRUNCATE, 0, &run);
        fail_kind(FAULT_DELETE, 1, &run);
}

static int64_t size_of(const char *suffix)
{
        struct stat info;
        return stat(arena_textf(arena, "%s%s", path, suffix).data, &info) == 0 ? info.st_size : -1;
}

/* A sync that seems to succeed after one that failed proves nothing: the system may have dropped what it could not
 * write. So the process leaves the files as they are. */
static void after_a_failed_sync_nothing_is_written_any_more(void **state UNUSED)
{
        assert_int_equal(start(), 0);
        assert_int_equal(turns_prepare(), 0);
        assert_int_equal(turn_add(0), 0);
        fault_plan = (FaultPlan){ .kind = FAULT_SYNC };
        assert_int_equal(turn_add(turn_answers), -EIO);
        assert_int_equal(fault_plan.hits, 1);
        store_rollback(store);
        int64_t before = size_of("-wal");
        struct stat info, after;
        assert_int_equal(stat(path, &info), 0);
        store = store_free(store);
        assert_int_equal(size_of("-wal"), before);
        assert_int_equal(stat(path, &after), 0);
        assert_int_equal(after.st_mtim.tv_nsec, info.st_mtim.tv_nsec);
        assert_int_equal(start(), 0);
        assert_in_range(turns_done(), turn_answers, 2 * turn_answers);
        assert_sound();
}

static void a_user_whose_share_of_the_disk_is_used_up_waits_as_on_a_full_disk(void **state UNUSED)
{
        assert_int_equal(start(), 0);
        assert_int_equal(turns_prepare(), 0);
        fault_plan = (FaultPlan){ .kind = FAULT_WRITE, .is_for_ever = 1 };
        fault_errno = EDQUOT;
        assert_int_equal(turn_add(0), -ENOSPC);
        store_rollback(store);
        assert_int_equal(store_failure(store), 0);
        fault_plan.left = -1;
        fault_errno = 0;
        assert_int_equal(turn_add(0), 0);
        assert_sound();
}

static Text file_text(const char *name)
{
        FILE *f = fopen(name, "r");
        assert_non_null(f);
        Buffer b = buffer_in(arena);
        size_t n;
        while ((n = fread(buffer_room(&b, 65536), 1, 65536, f)) > 0)
                b.len += n;
        (void)fclose(f);
        return buffer_text(&b);
}

static void old_store_make(void)
{
        sqlite3 *db;
        assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "unix"), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, file_text("tests/data/store-version-1.sql").data, NULL, NULL, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        assert_int_equal(chmod(path, 0600), 0);
}

/* Of whichever version it is now, looked at without opening it as a store. */
static void assert_whole_of_one_version(void)
{
        sqlite3 *db;
        sqlite3_stmt *s;
        assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
        const char *sql = "SELECT (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM v_case)";
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        assert_true(sqlite3_column_int(s, 0) == 1 || sqlite3_column_int(s, 0) == schema_version);
        assert_int_equal(sqlite3_column_int(s, 1), 9);
        assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void an_upgrade_that_fails_at_any_call_leaves_a_store_of_one_version(void **state UNUSED)
{
        for (int kind = 0; kind < FAULT_MAX; kind++) {
                int failed = 0;
                for (int n = 0;; n += STRIDE) {
                        files_remove();
                        old_store_make();
                        fault_plan = (FaultPlan){ .kind = (FaultKind)kind, .left = n, .is_for_ever = true };
                        failed += start() < 0;
                        bool is_hit = fault_plan.hits > 0;
                        fault_plan.left = -1;
                        store = store_free(store);
                        assert_whole_of_one_version();
                        assert_int_equal(start(), 0);
                        assert_int_equal(query("PRAGMA user_version"), schema_version);
                        assert_int_equal(query("SELECT count(*) FROM cases"), 9);
                        store = store_free(store);
                        if (!is_hit)
                                break;
                }
                if (kind == FAULT_WRITE || kind == FAULT_SYNC || kind == FAULT_FULL)
                        assert_true(failed > 0);
        }
}

static int make(void **state)
{
        static bool is_used;
        if (access("/dev/shm", W_OK) == 0)
                folder_in = "/dev/shm"; /* the faults are ours: a real disk would only take its time over each sync */
        if (make_folder(state) < 0)
                return -1;
        if (!is_used) {
                if (open_at(":memory:") < 0)
                        return -1;
                store = store_free(store);
                fault_disk_use();
        }
        is_used = true;
        turn_answers = 3;
        fault_plan.left = -1;
        Run run = run_all("without faults");
        assert_int_equal(run.ended, 0);
        assert_int_equal(start(), 0);
        expected = store_dump(arena);
        files_remove();
        return 0;
}

static int take(void **state)
{
        fault_plan.left = -1;
        return take_folder(state);
}

#define ON_FAULTY_DISK(test) cmocka_unit_test_setup_teardown(test, make, take)

int main(void)
{
        const struct CMUnitTest tests[] = {
                ON_FAULTY_DISK(every_write_fails_and_nothing_is_lost_or_doubled),
                ON_FAULTY_DISK(every_write_finds_a_full_disk_and_the_turn_is_made_up_for),
                ON_FAULTY_DISK(every_sync_fails_and_no_second_sync_is_believed),
                ON_FAULTY_DISK(every_read_fails_and_nothing_is_lost_or_doubled),
                ON_FAULTY_DISK(every_open_truncation_look_at_the_size_and_removal_fails),
                ON_FAULTY_DISK(an_upgrade_that_fails_at_any_call_leaves_a_store_of_one_version),
                ON_FAULTY_DISK(a_user_whose_share_of_the_disk_is_used_up_waits_as_on_a_full_disk),
                ON_FAULTY_DISK(after_a_failed_sync_nothing_is_written_any_more),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
