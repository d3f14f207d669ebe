/* main.c - arguments, assembly, exit codes (sysexits). */
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/notice.h"
#include "intake/intake.h"
#include "service/service.h"
#include "store/store.h"
#include "turn/turn.h"

enum {
        JOURNAL_LOOKS_US = 250 * 1000
};

static const char DEFAULT_CONFIG[] = "/etc/closedloop/closedloopd.conf";

typedef enum Mode {
        MODE_RUN,
        MODE_CHECK,
        MODE_PRINT,
        MODE_VERSION,
        MODE_RESTORE,
        MODE_VERIFY,
        MODE_HELP,
        MODE_USAGE,
} Mode;

typedef struct Arguments {
        Mode mode;
        const char *config;
        const char *backup;
} Arguments;

static const struct option LONG_OPTIONS[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { "restore", required_argument, NULL, 'R' },
        { "verify", required_argument, NULL, 'Y' },
        { NULL, 0, NULL, 0 },
};

static Mode mode_of(int option)
{
        switch (option) {
        case 't':
                return MODE_CHECK;
        case 'T':
                return MODE_PRINT;
        case 'V':
                return MODE_VERSION;
        case 'R':
                return MODE_RESTORE;
        case 'Y':
                return MODE_VERIFY;
        case 'h':
                return MODE_HELP;
        default:
                return MODE_USAGE;
        }
}

static Arguments arguments_read(int argc, char **argv)
{
        Arguments a = { .mode = MODE_RUN, .config = DEFAULT_CONFIG };
        int option;
        while ((option = getopt_long(argc, argv, "c:tTVh", LONG_OPTIONS, NULL)) != -1) {
                if (option == 'c') {
                        a.config = optarg;
                        continue;
                }
                a.mode = a.mode == MODE_RUN ? mode_of(option) : MODE_USAGE; /* one at a time */
                a.backup = optarg;
        }
        if (optind < argc)
                a.mode = MODE_USAGE;
        return a;
}

static int usage(FILE *to, int code)
{
        fprintf(to,
                "usage: closedloopd [-c FILE]      run (default %s)\n"
                "       closedloopd -t [-c FILE]   check the configuration: every problem on standard error\n"
                "       closedloopd -T [-c FILE]   print the effective configuration, secrets masked\n"
                "       closedloopd -V             print the version\n"
                "       closedloopd --verify BACKUP               read a backup: is it whole?\n"
                "       closedloopd [-c FILE] --restore BACKUP    put a backup in the store's place\n",
                DEFAULT_CONFIG);
        return code;
}

static void refusal_say(Text words)
{
        if (notice_has_journal())
                notice_log(NOTICE_CONFIG_REFUSED, ABOUT_NOTHING, "\n" TEXT_F, TEXT_ARG(text_trim(words)));
        else
                fprintf(stderr, TEXT_F, TEXT_ARG(words));
}

/* Every problem on standard error, warnings too. */
static int config_take(const char *path, Config **ret)
{
        CLEANUP(report_freep) Report *report = report_new();
        int r = config_load(path, clock_wall(), report, ret);
        Buffer b = buffer_in(report->arena);
        report_write(report, &b);
        Text text;
        if (r >= 0) {
                r = intake_check(&(*ret)->kafka, report->arena, &text);
                if (r < 0)
                        buffer_putf(&b, "closedloopd.conf: in \"kafka\": " TEXT_F "\n", TEXT_ARG(text));
        }
        text = buffer_text(&b);
        if (r < 0)
                refusal_say(text);
        else
                fprintf(stderr, TEXT_F, TEXT_ARG(text));
        return r < 0 ? EX_CONFIG : 0;
}

/* Of long texts an earlier part may have failed. */
static int printed(void)
{
        return fflush(stdout) == 0 && !ferror(stdout) ? 0 : EX_IOERR;
}

static int config_print(const Config *config)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(16 * 1024);
        Buffer b = buffer_in(arena);
        config_write(config, &b);
        printf(TEXT_F, TEXT_ARG(buffer_text(&b)));
        return printed();
}

static int exit_code_of(int error)
{
        switch (error) {
        case -EUCLEAN:
                return EX_DATAERR;
        case -EIO:
        case -ENOSPC:
                return EX_IOERR;
        case -EBUSY:
        case -EADDRINUSE:
                return EX_TEMPFAIL;
        case -EPROTO:
        case -EEXIST:
        case -ENOTSUP:
                return EX_CONFIG;
        case -EACCES:
        case -EPERM:
                return EX_NOPERM;
        case -ENOENT:
        case -ENOTDIR:
        case -EISDIR:
        case -EROFS:
                return EX_CANTCREAT;
        default:
                return EX_OSERR;
        }
}

static NoticeId notice_of(int error)
{
        switch (error) {
        case -EUCLEAN:
                return NOTICE_STORE_DAMAGED;
        case -EBUSY:
                return NOTICE_STORE_TAKEN;
        case -EIO:
        case -ENOSPC:
                return NOTICE_STORE_FAILED;
        case -EADDRINUSE:
                return NOTICE_LISTEN_FAILED;
        case -EPROTO:
        case -EEXIST:
        case -EPERM:
        case -ENOTSUP:
                return NOTICE_STORE_REFUSED;
        default:
                return NOTICE_START_FAILED;
        }
}

static int fail(int error, Text message)
{
        notice_log(notice_of(error), ABOUT_NOTHING, TEXT_F, TEXT_ARG(message));
        return exit_code_of(error);
}

/* Root checks and restores by hand, without systemd, which would have named it. */
static void credentials_name(const char *config)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1024);
        const char *slash = strrchr(config, '/');
        Text folder = slash ? (Text){ config, (size_t)(slash - config) } : TEXT(".");
        (void)setenv("CREDENTIALS_DIRECTORY", arena_textf(arena, TEXT_F "/credentials", TEXT_ARG(folder)).data, 0);
}

static int backup_say(int r, Text message)
{
        fprintf(r < 0 ? stderr : stdout, "closedloopd: " TEXT_F "\n", TEXT_ARG(message));
        if (r == -EEXIST) /* what is to be kept cannot be: nothing is wrong with the configuration */
                return EX_CANTCREAT;
        return r < 0 ? exit_code_of(r) : printed();
}

static int backup_verify(const char *backup)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        Text message = TEXT("the backup is whole");
        int r = store_verify(backup, arena, &message);
        int code = backup_say(r, message);
        return r == -ENOENT || r == -EACCES ? EX_NOINPUT : code;
}

static int backup_restore(const Config *config, const char *backup)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        Text message = TEXT_NONE;
        int r = store_restore(config->sqlite_path.data, backup, clock_wall(), arena, &message);
        return backup_say(r, message);
}

static int turn_make(const Config *config, Arena *arena, Turn **ret)
{
        CLEANUP(store_freep) Store *store = NULL;
        CLEANUP(turn_freep) Turn *turn = NULL;
        Text message = TEXT("could not open the store");
        int r = store_open(config->sqlite_path.data, arena, &store, &message);
        if (r >= 0)
                r = turn_new(store, arena, &turn, &message);
        if (r < 0)
                return fail(r, message);
        store = NULL; /* the turn's now */
        message = TEXT_NONE;
        r = turn_adopt(turn, config, clock_wall(), arena, &message);
        if (r < 0)
                return fail(r, message);
        *ret = steal(turn);
        return 0;
}

/* librdkafka's fetch buffers are used again instead of being mapped, zeroed and given back each time. */
static void memory_tune(void)
{
        (void)mallopt(M_MMAP_THRESHOLD, 32 << 20);
        (void)mallopt(M_TRIM_THRESHOLD, 64 << 20);
        (void)mallopt(M_TOP_PAD, 1 << 20);
}

/* Customers' words and secrets are in memory: no core dump, wherever the kernel sends those, and no look into the
 * process for others of the same user. Of the sanitizers, the one that looks for leaks must look into its own process.
 */
static void memory_hide(void)
{
#ifndef __SANITIZE_ADDRESS__
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

static int run(const char *path, Config *config)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        CLEANUP(service_freep) Service *service = NULL;
        Turn *turn = NULL;
        Text message;
        int code = turn_make(config, arena, &turn);
        if (code != 0)
                return code;
        int r = service_new(path, config, turn, arena, &service, &message);
        if (r < 0)
                return fail(r, message);
        return service_run(service);
}

/* The journal finds out whose a line is by looking at the process that wrote it. The last words of one that is gone by
 * then are shown to nobody who asks for the unit's. */
static int fail_slowly(int code)
{
        if (code != 0 && notice_has_journal())
                (void)usleep(JOURNAL_LOOKS_US);
        return code;
}

int main(int argc, char **argv)
{
        Arguments a = arguments_read(argc, argv);
        CLEANUP(config_unrefp) Config *config = NULL;
        if (a.mode == MODE_USAGE || a.mode == MODE_HELP)
                return a.mode == MODE_HELP ? usage(stdout, 0) : usage(stderr, EX_USAGE);
        if (a.mode == MODE_VERSION) {
                printf("closedloopd %s\n", CLOSEDLOOP_VERSION);
                return 0;
        }
        (void)umask(0077);
        if (a.mode == MODE_VERIFY)
                return backup_verify(a.backup);
        (void)setlocale(LC_CTYPE, "C.UTF-8"); /* libcurl converts international domain names only then */
        memory_tune();
        memory_hide();
        if (a.mode != MODE_RUN)
                credentials_name(a.config);
        int code = config_take(a.config, &config);
        if (code != 0)
                return fail_slowly(code);
        if (a.mode == MODE_CHECK)
                return 0;
        if (a.mode == MODE_PRINT)
                return config_print(config);
        if (a.mode == MODE_RESTORE)
                return backup_restore(config, a.backup);
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
                return EX_OSERR;
        code = run(a.config, config);
        notice_flush(true);
        curl_global_cleanup();
        return fail_slowly(code);
}
