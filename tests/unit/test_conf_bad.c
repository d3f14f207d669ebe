/* Each folder of tests/conf-bad is a configuration with something wrong: the files that differ from those in base/,
 * the names of files that are missing (remove), and what has to be said on standard error (expect).
 * CONF_BAD_WRITE=1 writes what is said into the expect files, to be read before it is committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config.h"
#include "folder_copy.h"

#define ROOT "tests/conf-bad"

enum {
        CASES_MAX = 400
};

static struct CMUnitTest cases[CASES_MAX];
static size_t case_count;

/* Friday, 2026-11-20 08:00 UTC. */
static const WallTime NOW = { INT64_C(1795161600000000) };

static void remove_files(const char *name, const char *folder)
{
        char path[FOLDER_PATH_BYTES];
        (void)snprintf(path, sizeof(path), ROOT "/%s/remove", name);
        char *list = file_content(path, NULL);
        for (char *rest = list, *line; list && (line = strsep(&rest, "\n"));) {
                if (line[0] == '\0')
                        continue;
                (void)snprintf(path, sizeof(path), "%s/%s", folder, line);
                folder_remove(path);
        }
        free(list);
}

static Text report_of(const char *folder, Arena *arena)
{
        char path[FOLDER_PATH_BYTES];
        Config *config = NULL;
        CLEANUP(report_freep) Report *report = report_new();
        (void)snprintf(path, sizeof(path), "%s/credentials", folder);
        (void)setenv("CREDENTIALS_DIRECTORY", path, 1);
        (void)snprintf(path, sizeof(path), "%s/closedloopd.conf", folder);
        int r = config_load(path, NOW, report, &config);
        assert_int_equal(r, report->errors > 0 ? -EINVAL : 0);
        assert_true((config == NULL) == (report->errors > 0));
        config_unref(config);
        Buffer b = buffer_in(arena);
        report_write(report, &b);
        return buffer_text(&b);
}

static void expect(const char *name, Text said)
{
        /* The word that stands for every secret in these folders. */
        assert_null(said.data ? strstr(said.data, "hunter2") : NULL);
        char path[FOLDER_PATH_BYTES];
        (void)snprintf(path, sizeof(path), ROOT "/%s/expect", name);
        if (getenv("CONF_BAD_WRITE"))
                file_write(path, said.data ? said.data : "", said.len, 0644);
        char *expected = file_content(path, NULL);
        if (!expected)
                fail_msg("%s is missing; said was:\n" TEXT_F, path, TEXT_ARG(said));
        bool is_equal = text_is(said, expected);
        if (!is_equal)
                print_error("%s expects:\n%sbut this is said:\n" TEXT_F, path, expected, TEXT_ARG(said));
        free(expected);
        assert_true(is_equal);
}

static void check_folder(void **state)
{
        const char *name = *state;
        char folder[] = "/tmp/conf-bad-XXXXXX", path[FOLDER_PATH_BYTES];
        Arena *arena = arena_new(4096);
        assert_non_null(mkdtemp(folder));
        folder_lay(ROOT "/base", folder);
        remove_files(name, folder);
        (void)snprintf(path, sizeof(path), ROOT "/%s", name);
        folder_lay(path, folder);
        Text said = report_of(folder, arena);
        folder_remove(folder);
        expect(name, said);
        arena_free(arena);
}

/* The base configuration is a folder like the others; it expects nothing to be said. */
static void find_cases(void)
{
        struct dirent **entries;
        int count = scandir(ROOT, &entries, NULL, alphasort);
        for (int i = 0; i < count; i++) {
                if (entries[i]->d_name[0] != '.' && case_count < CASES_MAX) {
                        char *name = strdup(entries[i]->d_name);
                        cases[case_count++] = (struct CMUnitTest){ name, check_folder, NULL, NULL, name };
                }
                free(entries[i]);
        }
        if (count >= 0)
                free(entries);
}

int main(void)
{
        find_cases();
        if (case_count < 50) {
                print_error("only %zu folders in " ROOT "\n", case_count);
                return 1;
        }
        (void)setenv("CLOSEDLOOP_TEST_EMPTY", "", 1);
        int failed = _cmocka_run_group_tests("conf_bad", cases, case_count, NULL, NULL);
        for (size_t i = 0; i < case_count; i++)
                free(cases[i].initial_state);
        return failed;
}
