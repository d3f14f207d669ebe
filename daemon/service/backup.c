/* backup.c - a copy of the store while it is in use: taken in steps between turns, read again as a whole by a process
 * of its own (which may take minutes and holds up nobody), and only then given its name. The last good one is known
 * from the store's own meta row: "MICROSECONDS BYTES FILE". */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/notice.h"
#include "inside.h"

static const char META_KEY[] = "last_backup";

struct Backup {
        Service *service;
        Arena *arena;
        const char *file;
        StoreCopy *copy;
        int percent, percent_found; /* the latter is the turn thread's until the call is done */
        int error;
        Text words; /* what went wrong */
        int64_t bytes;
        WallTime ended_at;
        pid_t child; /* 0: none */
        int pipe;    /* what it says; -1 */
        Buffer said;
        sd_event_source *io;
        BackupDone done;
        void *userdata;
};

/* ---- the last one ----------------------------------------------------------------------------------------------- */

void service_backup_load(Service *s, Store *store)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1024);
        Text row = TEXT_NONE, at, bytes;
        LastBackup last = { .at = WALL_NONE };
        if (store_meta_get(store, META_KEY, arena, &row) >= 0 && row.data && text_split(&row, ' ', &at) &&
            text_split(&row, ' ', &bytes) && text_integer(at, &last.at.us) && text_integer(bytes, &last.bytes))
                (void)snprintf(last.file, sizeof(last.file), TEXT_F, TEXT_ARG(row));
        s->last_backup = last;
}

/* The copy is good whether or not the store can remember it now. */
static void backup_remember(Backup *b, Store *store, WallTime now)
{
        b->ended_at = now;
        int r = store_begin(store);
        if (r >= 0)
                r = store_meta_set(
                        store, META_KEY,
                        arena_textf(b->arena, "%lld %lld %s", (long long)now.us, (long long)b->bytes, b->file));
        if (r >= 0)
                r = store_commit(store);
        if (r < 0)
                store_rollback(store);
}

/* ---- one after the other ---------------------------------------------------------------------------------------- */

static void backup_free(Backup *b)
{
        b->service->backup = NULL;
        b->io = sd_event_source_disable_unref(b->io);
        if (b->pipe >= 0)
                (void)close(b->pipe);
        (void)arena_free(b->arena);
}

static void backup_end(Backup *b)
{
        Service *s = b->service;
        if (b->error == 0) {
                s->last_backup = (LastBackup){ .at = b->ended_at, .bytes = b->bytes };
                (void)snprintf(s->last_backup.file, sizeof(s->last_backup.file), "%s", b->file);
                notice_log(NOTICE_BACKUP_MADE, ABOUT_NOTHING, "\"%s\", %lld bytes", b->file, (long long)b->bytes);
        } else {
                notice_log(NOTICE_BACKUP_FAILED, ABOUT_NOTHING, TEXT_F, TEXT_ARG(b->words));
        }
        b->done(b->userdata, b->error, b->error == 0 ? text_from(b->file) : b->words);
        backup_free(b);
}

static void backup_fail(Backup *b, int error, Text words)
{
        b->error = error;
        b->words = arena_text(b->arena, words);
}

static void drop_run(void *userdata, Turn *turn UNUSED, WallTime now UNUSED)
{
        Backup *b = userdata;
        b->copy = store_copy_free(b->copy);
}

static void publish_run(void *userdata, Turn *turn, WallTime now)
{
        Backup *b = userdata;
        Store *store = turn_store(turn);
        int r = store_copy_publish(b->copy, b->file, &b->bytes);
        if (r < 0)
                backup_fail(b, r, text_from(store_error(store)));
        else
                backup_remember(b, store, now);
        b->copy = store_copy_free(b->copy);
}

static void end_done(void *userdata)
{
        backup_end(userdata);
}

/* ---- reading it again ------------------------------------------------------------------------------------------- */

static void child_reap(Backup *b)
{
        int status = 0;
        while (waitpid(b->child, &status, 0) < 0 && errno == EINTR)
                ;
        b->child = 0;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                backup_fail(b, -EUCLEAN,
                            b->said.len > 0 ? text_trim(buffer_text(&b->said)) : TEXT("the copy could not be checked"));
}

static int on_said(sd_event_source *source UNUSED, int fd, uint32_t revents UNUSED, void *userdata)
{
        Backup *b = userdata;
        char text[512];
        ssize_t n = read(fd, text, sizeof(text));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n > 0) {
                if (b->said.len < sizeof(text))
                        buffer_put(&b->said, (Text){ text, (size_t)n });
                return 0;
        }
        b->io = sd_event_source_disable_unref(b->io);
        child_reap(b);
        service_call(b->service,
                     (Call){ .run = b->error == 0 ? publish_run : drop_run, .done = end_done, .userdata = b });
        return 0;
}

static int child_spawn(Backup *b, int out)
{
        char program[] = "closedloopd", verify[] = "--verify";
        char *part = strdup(store_copy_part(b->copy)), *arguments[] = { program, verify, part, NULL };
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attributes;
        sigset_t none;
        must(part != NULL && sigemptyset(&none) == 0);
        (void)posix_spawn_file_actions_init(&files);
        (void)posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
        (void)posix_spawn_file_actions_adddup2(&files, out, STDERR_FILENO);
        (void)posix_spawnattr_init(&attributes);
        (void)posix_spawnattr_setsigmask(&attributes, &none);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        int r = -posix_spawn(&b->child, "/proc/self/exe", &files, &attributes, arguments, environ);
        (void)posix_spawnattr_destroy(&attributes);
        (void)posix_spawn_file_actions_destroy(&files);
        free(part);
        return r;
}

static int check_start(Backup *b)
{
        int ends[2];
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        int r = child_spawn(b, ends[1]);
        (void)close(ends[1]);
        b->pipe = ends[0];
        return r < 0 ? r : sd_event_add_io(b->service->event, &b->io, b->pipe, EPOLLIN, on_said, b);
}

/* ---- taking it -------------------------------------------------------------------------------------------------- */

static void step_run(void *userdata, Turn *turn, WallTime now UNUSED)
{
        Backup *b = userdata;
        Store *store = turn_store(turn);
        int r = b->copy ? 0 : store_copy_begin(store, b->file, &b->copy);
        if (r >= 0)
                r = store_copy_step(b->copy, &b->percent_found);
        if (r >= 0)
                return;
        backup_fail(b, r, text_from(store_error(store)));
        b->copy = store_copy_free(b->copy);
}

static void step_done(void *userdata)
{
        Backup *b = userdata;
        b->percent = b->percent_found;
        if (b->error == 0 && b->service->is_stopping)
                backup_fail(b, -EAGAIN, TEXT("the service is stopping"));
        if (b->error == 0 && b->percent < 100) {
                service_call(b->service, (Call){ .run = step_run, .done = step_done, .userdata = b });
                return;
        }
        int r = b->error == 0 ? check_start(b) : 0;
        if (r < 0)
                backup_fail(b, r, arena_textf(b->arena, "could not check the copy: %s", strerror(-r)));
        if (b->error != 0 && b->copy)
                service_call(b->service, (Call){ .run = drop_run, .done = end_done, .userdata = b });
        else if (b->error != 0)
                backup_end(b);
}

/* The room that is left there was kept for what people do. */
static bool would_fill_the_store(const Service *s, Text file)
{
        struct stat store, folder;
        const char *slash = s->is_low ? memrchr(file.data, '/', file.len) : NULL;
        if (!slash || stat(s->config->sqlite_path.data, &store) < 0)
                return false;
        char path[sizeof(s->last_backup.file)];
        (void)snprintf(path, sizeof(path), "%.*s/", (int)(slash - file.data), file.data);
        return stat(path, &folder) == 0 && folder.st_dev == store.st_dev;
}

bool service_backup(Service *s, Text file, BackupDone done, void *userdata, const char **ret_reason)
{
        *ret_reason = s->backup                                 ? "a backup is under way already"
                      : s->is_stopping                          ? "the service is stopping"
                      : file.len == 0 || file.data[0] != '/'    ? "the file's path has to begin with \"/\""
                      : file.len >= sizeof(s->last_backup.file) ? "the file's path is too long"
                      : would_fill_the_store(s, file) ? "the disk of the store is full: name a file on another one"
                                                      : NULL;
        if (*ret_reason)
                return false;
        Arena *arena = arena_new(1024);
        Backup *b = arena_new_of(arena, Backup);
        *b = (Backup){ .service = s,
                       .arena = arena,
                       .file = arena_text(arena, file).data,
                       .pipe = -1,
                       .done = done,
                       .userdata = userdata };
        b->said = buffer_in(arena);
        s->backup = b;
        service_call(s, (Call){ .run = step_run, .done = step_done, .userdata = b });
        return true;
}

/* At a stop: it ends by itself then. */
void service_backup_cancel(Service *s)
{
        if (s->backup && s->backup->child > 0)
                (void)kill(s->backup->child, SIGKILL);
}

/* It did not end in time. */
void service_backup_forget(Service *s)
{
        Backup *b = s->backup;
        if (!b)
                return;
        if (b->child > 0) {
                (void)kill(b->child, SIGKILL);
                child_reap(b);
        }
        backup_free(b);
}

/* ---- how it goes ------------------------------------------------------------------------------------------------ */

double service_backup_age(const Service *s, WallTime now)
{
        return wall_is_set(s->last_backup.at) ? (double)wall_since(now, s->last_backup.at).us / 1e6 : INFINITY;
}

void service_backup_status(const Service *s, JsonWriter *w, Buffer *text)
{
        const LastBackup *last = &s->last_backup;
        json_key(w, "backup");
        json_open(w, '{');
        json_field_bool(w, "under_way", s->backup != NULL);
        json_field_time(w, "last_at", last->at);
        if (wall_is_set(last->at)) {
                char when[ISO8601_BYTES];
                json_field_text(w, "file", text_from(last->file));
                json_field_integer(w, "bytes", last->bytes);
                buffer_putf(text, "backup       the last good one " TEXT_F ", \"%s\"",
                            TEXT_ARG(wall_format(last->at, when)), last->file);
        } else {
                buffer_put_literal(text, "backup       NONE YET: closedloopctl backup FILE");
        }
        if (s->backup)
                buffer_putf(text, "; one is under way, %d %%", s->backup->percent);
        buffer_put_char(text, '\n');
        json_close(w, '}');
}
