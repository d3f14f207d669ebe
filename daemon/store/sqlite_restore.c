/* A copy of the store made by a backup: is it whole, and how it takes the store's place. */
#include "sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Restore {
        const char *path, *backup;
        const char *fresh, *aside; /* the new file until it is whole; the old one afterwards */
        Arena *arena;
        Text *message;
} Restore;

static int restore_refuse(const Restore *o, int error, const char *what, const char *why)
{
        *o->message = arena_textf(o->arena, "could not %s: %s. Nothing was changed", what, why);
        return error;
}

/* ---- is it whole ------------------------------------------------------------------------------------------------ */

static int copy_ask(sqlite3 *db, const char *sql, Arena *arena, Text *ret)
{
        sqlite3_stmt *s = NULL;
        int code = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_step(s);
        if (code == SQLITE_ROW)
                *ret = arena_text(arena, text_from((const char *)sqlite3_column_text(s, 0)));
        (void)sqlite3_finalize(s);
        return code == SQLITE_ROW ? 0 : code;
}

static int copy_check(sqlite3 *db, const char *file, Arena *arena, Text *ret_message)
{
        Text id = TEXT_NONE, version = TEXT_NONE, verdict = TEXT_NONE;
        int64_t number = 0;
        int code = copy_ask(db, "PRAGMA application_id", arena, &id);
        if (code == SQLITE_OK)
                code = copy_ask(db, "PRAGMA user_version", arena, &version);
        if (code == SQLITE_OK && (!text_integer(id, &number) || number != STORE_APPLICATION_ID)) {
                *ret_message = arena_textf(arena, "\"%s\" is no backup of closedloopd", file);
                return -EUCLEAN;
        }
        if (code == SQLITE_OK && text_integer(version, &number) && number > schema_version) {
                *ret_message = arena_textf(arena,
                                           "\"%s\" was made by a newer closedloopd: its schema has version %lld, "
                                           "this one knows versions up to %d",
                                           file, (long long)number, schema_version);
                return -EPROTO;
        }
        if (code == SQLITE_OK)
                code = copy_ask(db, "PRAGMA integrity_check(1)", arena, &verdict);
        if (code == SQLITE_OK && text_is(verdict, "ok"))
                return 0;
        *ret_message = arena_textf(arena, "\"%s\" is damaged: %s", file,
                                   code == SQLITE_OK ? verdict.data : sqlite3_errmsg(db));
        return (code & 0xff) == SQLITE_IOERR ? -EIO : (code & 0xff) == SQLITE_CANTOPEN ? -ENOENT : -EUCLEAN;
}

/* name: what it is called to people */
static int copy_verify(const char *file, const char *name, Arena *arena, Text *ret_message)
{
        sqlite3 *db = NULL;
        store_library_configure();
        if (access(file, R_OK) < 0) {
                *ret_message = arena_textf(arena, "could not read \"%s\": %s", name, strerror(errno));
                return -errno;
        }
        int r = -EIO;
        if (sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
                r = copy_check(db, name, arena, ret_message);
        else
                *ret_message = arena_textf(arena, "could not read \"%s\": %s", name, sqlite3_errmsg(db));
        (void)sqlite3_close(db);
        return r;
}

int store_verify(const char *file, Arena *arena, Text *ret_message)
{
        return copy_verify(file, file, arena, ret_message);
}

/* ---- in its place ----------------------------------------------------------------------------------------------- */

/* Where SQLite locks; see "os.h" there: 512 bytes from 1 GiB on. */
static bool is_held(const char *path)
{
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000000, .l_len = 512 };
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return false;
        bool held = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
        (void)close(fd);
        return held;
}

static int bytes_copy(int from, int to)
{
        ssize_t n;
        while ((n = sendfile(to, from, NULL, 1 << 24)) > 0)
                ;
        return n < 0 || fsync(to) < 0 ? -errno : 0;
}

/* It belongs to whom the folder belongs: root may do this for the service. */
static int fresh_make(const Restore *o)
{
        struct stat folder;
        const char *slash = strrchr(o->path, '/');
        const char *name = slash ? arena_text(o->arena, (Text){ o->path, (size_t)(slash - o->path) + 1 }).data : ".";
        if (stat(name, &folder) < 0)
                return restore_refuse(o, -errno, "look at the store's folder", strerror(errno));
        int from = open(o->backup, O_RDONLY | O_CLOEXEC);
        if (from < 0)
                return restore_refuse(o, -errno, "read the backup", strerror(errno));
        (void)unlink(o->fresh);
        int to = open(o->fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        int r = to < 0 ? -errno : 0;
        if (r == 0 && geteuid() == 0 && fchown(to, folder.st_uid, (gid_t)-1) < 0)
                r = -errno;
        if (r == 0)
                r = bytes_copy(from, to);
        (void)close(from);
        if (to >= 0)
                (void)close(to);
        return r < 0 ? restore_refuse(o, r, "copy the backup", strerror(-r)) : 0;
}

/* The log first: it must never meet the new file. The name of the store is there all the time. */
static int fresh_take_place(const Restore *o)
{
        const char *log = arena_textf(o->arena, "%s-wal", o->path).data;
        const char *log_aside = arena_textf(o->arena, "%s-wal", o->aside).data;
        const char *journal = arena_textf(o->arena, "%s-journal", o->path).data;
        const char *journal_aside = arena_textf(o->arena, "%s-journal", o->aside).data;
        if (link(o->path, o->aside) < 0 && errno != ENOENT)
                return restore_refuse(o, -errno, "keep the old store", strerror(errno));
        if ((rename(log, log_aside) < 0 && errno != ENOENT) || (rename(journal, journal_aside) < 0 && errno != ENOENT))
                return restore_refuse(o, -errno, "keep the old store's log", strerror(errno));
        if (rename(o->fresh, o->path) < 0)
                return restore_refuse(o, -errno, "put the backup in its place", strerror(errno));
        return store_folder_sync(o->path);
}

int store_restore(const char *path, const char *backup, WallTime now, Arena *arena, Text *ret_message)
{
        char when[ISO8601_BYTES];
        Text stamp = wall_format(now, when);
        stamp.len = MIN_OF(stamp.len, sizeof("2026-11-22T17:05:00") - 1);
        Restore o = { .path = path,
                      .backup = backup,
                      .fresh = arena_textf(arena, "%s.restoring", path).data,
                      .aside = arena_textf(arena, "%s.before-" TEXT_F, path, TEXT_ARG(stamp)).data,
                      .arena = arena,
                      .message = ret_message };
        if (is_held(path))
                return restore_refuse(&o, -EBUSY, "restore",
                                      "a closedloopd has the store; systemctl stop closedloopd first");
        int r = fresh_make(&o);
        if (r >= 0 && (r = copy_verify(o.fresh, backup, arena, ret_message)) < 0)
                *ret_message = arena_textf(arena, TEXT_F ". Nothing was changed", TEXT_ARG(*ret_message));
        if (r >= 0)
                r = fresh_take_place(&o);
        if (r < 0) {
                (void)unlink(o.fresh);
                return r;
        }
        *ret_message = arena_textf(arena,
                                   "the store \"%s\" is now what \"%s\" was; the one before is kept as \"%s\". What "
                                   "Kafka has had since the backup is read again and opens the same cases",
                                   path, backup, o.aside);
        return 0;
}
