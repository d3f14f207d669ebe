/* A copy of the whole store while it is in use. SQLite's backup reads through the store's own connection, so what a
 * turn writes between two steps is in the copy as well: it is one moment's, the last step's, and never begins anew. */
#include "sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
        STEP_PAGES = 128 /* 1 MiB: a millisecond or so of the turn thread */
};

struct StoreCopy {
        Store *store;
        char *part; /* the file until it is finished */
        sqlite3 *to;
        sqlite3_backup *backup;
        bool is_made;
};

static int copy_failed(StoreCopy *copy, int code)
{
        const char *why = copy->to ? sqlite3_errmsg(copy->to) : sqlite3_errstr(code);
        return store_refuse(copy->store, (code & 0xff) == SQLITE_FULL ? -ENOSPC : -EIO, "%s: %s", copy->part, why);
}

/* Without a journal and unsynced: what is not finished is thrown away, what is finished is synced once. */
static int copy_open(StoreCopy *copy)
{
        int fd = open(copy->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return store_refuse(copy->store, -errno, "%s: %s%s", copy->part, strerror(errno),
                                    errno == EEXIST ? "; a backup that was interrupted has left it: remove it" : "");
        (void)close(fd);
        copy->is_made = true;
        int code = sqlite3_open_v2(copy->part, &copy->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_exec(copy->to,
                                    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF;"
                                    "PRAGMA synchronous = OFF",
                                    NULL, NULL, NULL);
        if (code != SQLITE_OK)
                return copy_failed(copy, code);
        copy->backup = sqlite3_backup_init(copy->to, "main", copy->store->db, "main");
        return copy->backup ? 0 : copy_failed(copy, sqlite3_errcode(copy->to));
}

int store_copy_begin(Store *store, const char *file, StoreCopy **ret)
{
        if (access(file, F_OK) == 0)
                return store_refuse(store, -EEXIST, "%s is there already", file);
        CLEANUP(store_copy_freep) StoreCopy *copy = calloc(1, sizeof(*copy));
        must(copy);
        copy->store = store;
        must(asprintf(&copy->part, "%s.part", file) > 0);
        int r = copy_open(copy);
        if (r < 0)
                return r;
        *ret = steal(copy);
        return 0;
}

/* A file of its own, for whoever opens it: no write-ahead log. */
static int copy_finish(StoreCopy *copy)
{
        int code = sqlite3_backup_finish(copy->backup);
        copy->backup = NULL;
        if (code == SQLITE_OK)
                code = sqlite3_exec(copy->to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_close(copy->to);
        if (code != SQLITE_OK)
                return copy_failed(copy, code);
        copy->to = NULL;
        int fd = open(copy->part, O_RDWR | O_CLOEXEC);
        int r = fd < 0 || fsync(fd) < 0 ? -errno : 0;
        if (fd >= 0)
                (void)close(fd);
        return r < 0 ? store_refuse(copy->store, r, "%s: %s", copy->part, strerror(-r)) : 0;
}

int store_copy_step(StoreCopy *copy, int *ret_percent)
{
        int code = sqlite3_backup_step(copy->backup, STEP_PAGES);
        if (code == SQLITE_DONE) {
                *ret_percent = 100;
                return copy_finish(copy);
        }
        if (code != SQLITE_OK)
                return copy_failed(copy, code);
        int total = sqlite3_backup_pagecount(copy->backup), left = sqlite3_backup_remaining(copy->backup);
        *ret_percent = MIN_OF(99, (int)(100 * (int64_t)(total - left) / MAX_OF(total, 1)));
        return 0;
}

const char *store_copy_part(const StoreCopy *copy)
{
        return copy->part;
}

int store_copy_publish(StoreCopy *copy, const char *file, int64_t *ret_bytes)
{
        struct stat info;
        int r = stat(copy->part, &info) < 0 || link(copy->part, file) < 0 ? -errno : store_folder_sync(file);
        if (r < 0)
                return store_refuse(copy->store, r, "%s: %s", file, strerror(-r));
        *ret_bytes = info.st_size;
        return 0;
}

StoreCopy *store_copy_free(StoreCopy *copy)
{
        if (!copy)
                return NULL;
        (void)sqlite3_backup_finish(copy->backup);
        (void)sqlite3_close(copy->to);
        if (copy->is_made)
                (void)unlink(copy->part);
        free(copy->part);
        free(copy);
        return NULL;
}
