#include "store_turns.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- a real file ------------------------------------------------------------------------------------------------ */

static void open_file(void)
{
        assert_int_equal(open_at(path), 0);
}

static void add_with_policy(int64_t number)
{
        Case c = sample_case(number);
        begin();
        assert_int_equal(store_policy_keep(store, &ONE_DAY, NOON), 0);
        add(&c);
        commit();
}

static void a_file_that_is_taken_away_is_noticed_and_nothing_more_is_promised(void **state UNUSED)
{
        const char *aside = arena_textf(arena, "%s.aside", path).data;
        open_file();
        add_with_policy(1);
        assert_int_equal(rename(path, aside), 0);
        assert_int_equal(store_probe(store), -ENXIO);
        assert_int_equal(store_begin(store), -ENXIO);
        assert_non_null(strstr(store_error(store), "closedloopctl backup"));
        store_rollback(store);
        (void)load(1);
        assert_int_equal(rename(aside, path), 0);
        assert_int_equal(store_probe(store), 0);
        begin();
        commit();
}

static void everything_survives_a_restart(void **state UNUSED)
{
        open_file();
        add_with_policy(1);
        begin();
        DeliveryRow row = sample_delivery(5, 1);
        deliver(&row);
        commit();
        assert_int_equal(counts_at(noon_plus(90000)).overdue, 1);
        begin();
        row = sample_delivery(6, 2);
        deliver(&row);
        commit();
        store = store_free(store);
        open_file();
        assert_int_equal(store->figures.overdue, 1);
        StoreCounts counts = counts_at(noon_plus(90000));
        assert_int_equal(counts.cases[CASE_OPEN], 1);
        assert_int_equal(counts.overdue, 1);
        assert_int_equal(counts.deliveries_pending, 2);
        Case expected = sample_case(1), back = load(1);
        assert_same_case(&back, &expected);
        assert_int_equal(store_probe(store), 0);
}

static void the_store_is_nobody_elses_to_read(void **state UNUSED)
{
        struct stat info;
        char log[128];
        (void)snprintf(log, sizeof(log), "%s-wal", path);
        open_file();
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
        assert_int_equal(stat(log, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
}

static Store *held;

static int look_at_bytes(const char *bytes, size_t size, mode_t mode, Text *words)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes, size), size);
        assert_int_equal(fchmod(fd, mode), 0);
        assert_int_equal(close(fd), 0);
        return store_look(path, geteuid(), arena, words);
}

static void a_look_from_outside_says_what_a_start_would_refuse(void **state UNUSED)
{
        Text words;
        char header[101] = "";
        assert_int_equal(store_look(path, geteuid(), arena, &words), 0);
        assert_int_equal(access(path, F_OK), -1);
        open_file();
        add_with_policy(1);
        assert_int_equal(store_look(path, geteuid(), arena, &words), 1);
        assert_int_equal(store_look(path, geteuid() + 1, arena, &words), -EPERM);
        store = store_free(store);
        FILE *f = fopen(path, "re");
        assert_non_null(f);
        assert_int_equal(fread(header, 1, 100, f), 100);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(look_at_bytes(header, 100, 0600, &words), 1);
        assert_int_equal(look_at_bytes(header, 100, 0644, &words), -EPERM);
        header[63] = 99;
        assert_int_equal(look_at_bytes(header, 100, 0600, &words), -EPROTO);
        assert_non_null(strstr(words.data, "version 99"));
        header[63] = 1;
        header[68] = 1;
        assert_int_equal(look_at_bytes(header, 100, 0600, &words), -EUCLEAN);
        assert_int_equal(look_at_bytes("hello", 5, 0600, &words), -EUCLEAN);
        assert_int_equal(look_at_bytes("", 0, 0600, &words), 1);
}

static void hold_and_wait(int ready, int done)
{
        char byte = 'x';
        Text message;
        Arena *a = arena_new(4096);
        if (store_open(path, a, &held, &message) < 0)
                byte = '!';
        (void)!write(ready, &byte, 1);
        (void)!read(done, &byte, 1);
        _exit(0);
}

/* The other process opens it first: a fork must not inherit an open store. */
static void a_second_process_is_refused_with_the_file_named(void **state UNUSED)
{
        int ready[2], done[2];
        char byte = 0;
        open_file();
        store = store_free(store);
        assert_int_equal(pipe(ready), 0);
        assert_int_equal(pipe(done), 0);
        pid_t child = fork();
        if (child == 0)
                hold_and_wait(ready[1], done[0]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        assert_int_equal(byte, 'x');
        Text message = TEXT_NONE;
        int r = store_open(path, arena, &store, &message);
        assert_int_equal(write(done[1], &byte, 1), 1);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_int_equal(r, -EBUSY);
        assert_null(store);
        assert_non_null(strstr(message.data, path));
        assert_non_null(strstr(message.data, "another process has it open"));
        for (size_t i = 0; i < 2; i++) {
                (void)close(ready[i]);
                (void)close(done[i]);
        }
        open_file(); /* it left: the store is free again */
}

/* ---- crashes ---------------------------------------------------------------------------------------------------- */

enum {
        CRASH_COMMITS = 25
};

/* Turn after turn, saying after each how far it is committed. */
static void crash_child(int out)
{
        int64_t from = 0;
        if (open_at(path) < 0 || turns_prepare() < 0)
                _exit(1);
        while (turn_add(from) == 0) {
                from += turn_answers;
                if (write(out, &from, sizeof(from)) != sizeof(from))
                        break;
        }
        _exit(1);
}

static int64_t crash_run(void)
{
        int out[2];
        int64_t promised = 0;
        assert_int_equal(pipe(out), 0);
        pid_t child = fork();
        if (child == 0)
                crash_child(out[1]);
        (void)close(out[1]);
        for (int i = 0; i < CRASH_COMMITS; i++)
                assert_int_equal(read(out[0], &promised, sizeof(promised)), sizeof(promised));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        for (int64_t more; read(out[0], &more, sizeof(more)) == sizeof(more);)
                promised = more;
        (void)close(out[0]);
        return promised;
}

/* Promise S2. */
static void after_a_kill_every_promised_turn_is_there_and_every_turn_is_whole(void **state UNUSED)
{
        int64_t promised = crash_run();
        open_file();
        assert_sound();
        int64_t offset = turns_done();
        assert_in_range(offset, promised, promised + turn_answers);
        assert_int_equal(turn_add(offset), 0);
        assert_sound();
}

static void a_full_disk_is_told_and_leaves_everything_readable(void **state UNUSED)
{
        open_file();
        assert_int_equal(turns_prepare(), 0);
        assert_int_equal(turn_add(0), 0);
        int64_t offset = turn_answers, pages = query("PRAGMA page_count");
        Text sql = arena_textf(arena, "PRAGMA max_page_count = %lld", (long long)pages + 3);
        assert_int_equal(sqlite3_exec(store->db, sql.data, NULL, NULL, NULL), SQLITE_OK);
        int r = 0;
        for (; r == 0 && offset < 10000; offset += turn_answers)
                r = turn_add(offset);
        assert_int_equal(r, -ENOSPC);
        store_rollback(store);
        assert_string_equal(store_error(store), "database or disk is full");
        assert_sound();
        assert_int_equal(load(1).number, 1);
        (void)query("PRAGMA max_page_count = 1000000"); /* somebody made room */
        assert_int_equal(turn_add(turns_done()), 0);
        assert_sound();
}

static void limit_file_size(rlim_t bytes)
{
        struct rlimit limit;
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = bytes;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_disk_that_fails_is_told_apart_from_a_full_one(void **state UNUSED)
{
        open_file();
        assert_int_equal(turns_prepare(), 0);
        (void)signal(SIGXFSZ, SIG_IGN);
        limit_file_size(400000);
        int64_t offset = 0;
        int r = 0;
        for (; r == 0 && offset < 10000; offset += turn_answers)
                r = turn_add(offset);
        limit_file_size(RLIM_INFINITY);
        assert_int_equal(r, -EIO);
        store_rollback(store);
        store = store_free(store);
        open_file(); /* as after a restart */
        assert_sound();
}

static int check_all(StoreCheck *check)
{
        int r = 0;
        for (int steps = 0; r == 0 && !check->is_done; steps++) {
                assert_true(steps < 100);
                r = store_check_step(store, check);
        }
        return r;
}

static void a_sound_store_is_looked_through_table_by_table(void **state UNUSED)
{
        StoreCheck check = { 0 };
        open_file();
        assert_int_equal(turns_prepare(), 0);
        assert_int_equal(turn_add(0), 0);
        assert_int_equal(check_all(&check), 0);
        assert_int_equal(check.checked, query("SELECT count(*) FROM sqlite_schema WHERE type = 'table'"));
        assert_false(check.is_too_large);
}

static void a_store_that_is_damaged_where_nobody_looks_is_found_out(void **state UNUSED)
{
        static const char *const names[] = { "response_case", "delivery", "policy_version", "case_event" };
        open_file();
        assert_int_equal(turns_prepare(), 0);
        assert_int_equal(turn_add(0), 0);
        for (size_t i = 0; i < COUNT_OF(names); i++) {
                StoreCheck check = { 0 };
                Text sql = arena_textf(arena, "SELECT rootpage FROM sqlite_schema WHERE name = '%s'", names[i]);
                off_t at = (query(sql.data) - 1) * 8192;
                store = store_free(store);
                char before[8];
                int fd = open(path, O_RDWR | O_CLOEXEC);
                assert_int_equal(pread(fd, before, sizeof(before), at), sizeof(before));
                assert_int_equal(pwrite(fd, "\x0d\xff\xff\x00\x07\xff\xff\x00", 8, at), 8);
                open_file();
                assert_int_equal(check_all(&check), -EUCLEAN);
                assert_int_equal(store_failure(store), -EUCLEAN);
                assert_non_null(strstr(store_error(store), "table "));
                assert_int_equal(store_begin(store), -EUCLEAN); /* nothing is written any more */
                store = store_free(store);
                assert_int_equal(pwrite(fd, before, sizeof(before), at), sizeof(before));
                (void)close(fd);
                open_file();
        }
}

static int64_t ballast_bytes(void)
{
        struct stat info;
        return stat(arena_textf(arena, "%s.ballast", path).data, &info) == 0 ? info.st_blocks * INT64_C(512) : -1;
}

static void room_is_kept_given_up_and_kept_again(void **state UNUSED)
{
        open_file();
        assert_false(store_room_release(store));
        assert_int_equal(store_room_keep(store, 1 << 20), 0);
        assert_in_range(ballast_bytes(), 1 << 20, 2 << 20);
        assert_int_equal(store_room_keep(store, 1 << 20), 0);
        assert_true(store_room_release(store));
        assert_int_equal(ballast_bytes(), -1);
        assert_int_equal(store_room_keep(store, INT64_C(1) << 60), -ENOSPC);
        assert_int_equal(ballast_bytes(), -1);
        assert_int_equal(store_room_keep(store, 2 << 20), 0);
        assert_int_equal(store_room_keep(store, 0), 0); /* no longer wanted */
        assert_int_equal(ballast_bytes(), -1);
}

static void a_long_log_goes_into_the_file_by_itself_and_when_idle(void **state UNUSED)
{
        open_file();
        assert_int_equal(turns_prepare(), 0);
        assert_int_equal(store_checkpoint(store), 0);
        int64_t offset = 0;
        int before = 0;
        for (; store->log_frames >= before; offset += turn_answers) {
                before = store->log_frames;
                assert_int_equal(turn_add(offset), 0);
        }
        assert_in_range(before, 3900, 4000); /* forced */
        while (store->log_frames < 1000) {
                assert_int_equal(turn_add(offset), 0);
                offset += turn_answers;
        }
        assert_int_equal(store_checkpoint(store), 0);
        assert_int_equal(store->log_frames, 0);
        assert_sound();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                ON_DISK(everything_survives_a_restart),
                ON_DISK(a_file_that_is_taken_away_is_noticed_and_nothing_more_is_promised),
                ON_DISK(the_store_is_nobody_elses_to_read),
                ON_DISK(a_look_from_outside_says_what_a_start_would_refuse),
                ON_DISK(a_second_process_is_refused_with_the_file_named),
                ON_DISK(after_a_kill_every_promised_turn_is_there_and_every_turn_is_whole),
                ON_DISK(a_full_disk_is_told_and_leaves_everything_readable),
                ON_DISK(a_disk_that_fails_is_told_apart_from_a_full_one),
                ON_DISK(a_sound_store_is_looked_through_table_by_table),
                ON_DISK(a_store_that_is_damaged_where_nobody_looks_is_found_out),
                ON_DISK(room_is_kept_given_up_and_kept_again),
                ON_DISK(a_long_log_goes_into_the_file_by_itself_and_when_idle),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
