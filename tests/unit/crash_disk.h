/* crash_disk.h - a disk in memory that can lose its power: an sqlite3_vfs for tests only.
 * A write is seen at once, but reaches the disk with the next sync of its file. When the power fails, each 512-byte
 * piece of each write since then has reached the disk or not, in any order; what a file has grown by without a sync is
 * zeros, noise or what was written; a file that was made or removed since its folder was synced may be there or not.
 * Nothing of a chosen future is known beforehand: crash_disk_plan() says after how many calls the power fails; from
 * then on every call fails, and crash_disk_restart() makes what is on the disk the files' content. */
#pragma once

#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
        CRASH_SECTOR = 512,
        CRASH_FILES_MAX = 16,
        CRASH_PATH_BYTES = 128
};

typedef struct CrashWrite CrashWrite;
struct CrashWrite {
        CrashWrite *next;
        int64_t at;
        int bytes; /* below 0: cut to `at` */
        uint8_t data[];
};

typedef struct CrashImage {
        uint8_t *data;
        int64_t bytes;
} CrashImage;

typedef struct CrashFile {
        char path[CRASH_PATH_BYTES];
        CrashImage seen, disk;
        CrashWrite *pending, **pending_end;
        int is_seen, is_on_disk; /* its name */
} CrashFile;

typedef struct CrashHandle {
        sqlite3_file base;
        CrashFile *file;
} CrashHandle;

static CrashFile *crash_files[CRASH_FILES_MAX];
static uint64_t crash_random_state;
static int64_t crash_calls_left = -1; /* below 0: the power stays */
static int crash_is_down;

static uint64_t crash_random(uint64_t below)
{
        uint64_t z = crash_random_state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return (z ^ (z >> 31)) % below;
}

/* ---- images ----------------------------------------------------------------------------------------------------- */

static void image_resize(CrashImage *image, int64_t bytes)
{
        uint8_t *data = calloc(1, (size_t)bytes + 1);
        if (!data)
                abort();
        if (image->data)
                memcpy(data, image->data, (size_t)(bytes < image->bytes ? bytes : image->bytes));
        free(image->data);
        image->data = data;
        image->bytes = bytes;
}

static void image_put(CrashImage *image, int64_t at, const uint8_t *data, int64_t bytes)
{
        if (at + bytes > image->bytes)
                image_resize(image, at + bytes);
        memcpy(image->data + at, data, (size_t)bytes);
}

static void image_copy(CrashImage *to, const CrashImage *from)
{
        image_resize(to, from->bytes);
        if (from->bytes > 0)
                memcpy(to->data, from->data, (size_t)from->bytes);
}

static void pending_forget(CrashFile *f)
{
        while (f->pending) {
                CrashWrite *w = f->pending;
                f->pending = w->next;
                free(w);
        }
        f->pending_end = &f->pending;
}

static void pending_add(CrashFile *f, int64_t at, const void *data, int bytes)
{
        CrashWrite *w = malloc(sizeof(*w) + (size_t)(bytes > 0 ? bytes : 0));
        *w = (CrashWrite){ .at = at, .bytes = bytes };
        if (bytes > 0)
                memcpy(w->data, data, (size_t)bytes);
        *f->pending_end = w;
        f->pending_end = &w->next;
}

/* ---- the power fails -------------------------------------------------------------------------------------------- */

static void pieces_put(CrashFile *f, const CrashWrite *w)
{
        int64_t end = w->at + w->bytes;
        for (int64_t at = w->at; at < end;) {
                int64_t next = (at / CRASH_SECTOR + 1) * CRASH_SECTOR;
                int64_t bytes = (next < end ? next : end) - at;
                if (crash_random(2))
                        image_put(&f->disk, at, w->data + (at - w->at), bytes);
                at += bytes;
        }
}

/* Some disks keep old noise where a file has grown. */
static void noise_put(CrashFile *f, int64_t from)
{
        for (int64_t i = from; i < f->disk.bytes; i++)
                f->disk.data[i] = (uint8_t)crash_random(256);
}

static void file_crash(CrashFile *f)
{
        int64_t before = f->disk.bytes;
        if (f->seen.bytes > before && crash_random(2)) {
                image_resize(&f->disk, f->seen.bytes);
                if (crash_random(2))
                        noise_put(f, before);
        }
        for (const CrashWrite *w = f->pending; w; w = w->next) {
                if (w->bytes < 0 && crash_random(2))
                        image_resize(&f->disk, w->at);
                else if (w->bytes > 0)
                        pieces_put(f, w);
        }
        if (f->is_seen != f->is_on_disk)
                f->is_on_disk = (int)crash_random(2);
}

static int crash_is_now(void)
{
        if (crash_is_down)
                return 1;
        if (crash_calls_left < 0 || crash_calls_left-- > 0)
                return 0;
        crash_is_down = 1;
        for (int i = 0; i < CRASH_FILES_MAX && crash_files[i]; i++)
                file_crash(crash_files[i]);
        return 1;
}

static void crash_disk_plan(int64_t calls)
{
        crash_calls_left = calls;
}

/* Only when every file is closed. */
static void crash_disk_restart(void)
{
        for (int i = 0; i < CRASH_FILES_MAX && crash_files[i]; i++) {
                CrashFile *f = crash_files[i];
                pending_forget(f);
                if (!f->is_on_disk)
                        image_resize(&f->disk, 0);
                f->is_seen = f->is_on_disk;
                image_copy(&f->seen, &f->disk);
        }
        crash_is_down = 0;
        crash_calls_left = -1;
}

static void crash_disk_clear(void)
{
        for (int i = 0; i < CRASH_FILES_MAX && crash_files[i]; i++) {
                pending_forget(crash_files[i]);
                free(crash_files[i]->seen.data);
                free(crash_files[i]->disk.data);
                free(crash_files[i]);
                crash_files[i] = NULL;
        }
        crash_is_down = 0;
        crash_calls_left = -1;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static CrashFile *crash_of(sqlite3_file *f)
{
        return ((CrashHandle *)f)->file;
}

static int crash_close(sqlite3_file *f)
{
        (void)f;
        return SQLITE_OK;
}

static int crash_read(sqlite3_file *f, void *to, int bytes, sqlite3_int64 at)
{
        CrashImage *image = &crash_of(f)->seen;
        if (crash_is_down)
                return SQLITE_IOERR_READ;
        int64_t there = at < image->bytes ? image->bytes - at : 0;
        if (there >= bytes) {
                memcpy(to, image->data + at, (size_t)bytes);
                return SQLITE_OK;
        }
        memset(to, 0, (size_t)bytes);
        if (there > 0)
                memcpy(to, image->data + at, (size_t)there);
        return SQLITE_IOERR_SHORT_READ;
}

static int crash_write(sqlite3_file *f, const void *from, int bytes, sqlite3_int64 at)
{
        if (crash_is_down)
                return SQLITE_IOERR_WRITE;
        image_put(&crash_of(f)->seen, at, from, bytes);
        pending_add(crash_of(f), at, from, bytes);
        return crash_is_now() ? SQLITE_IOERR_WRITE : SQLITE_OK;
}

static int crash_truncate(sqlite3_file *f, sqlite3_int64 bytes)
{
        if (crash_is_now())
                return SQLITE_IOERR_TRUNCATE;
        image_resize(&crash_of(f)->seen, bytes);
        pending_add(crash_of(f), bytes, NULL, -1);
        return SQLITE_OK;
}

/* SQLite's own file layer syncs the folder with a new file's first sync. */
static int crash_sync(sqlite3_file *f, int flags)
{
        (void)flags;
        if (crash_is_now())
                return SQLITE_IOERR_FSYNC;
        image_copy(&crash_of(f)->disk, &crash_of(f)->seen);
        pending_forget(crash_of(f));
        crash_of(f)->is_on_disk = crash_of(f)->is_seen;
        return SQLITE_OK;
}

static int crash_size(sqlite3_file *f, sqlite3_int64 *ret)
{
        *ret = crash_of(f)->seen.bytes;
        return crash_is_down ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

static int crash_lock(sqlite3_file *f, int level)
{
        (void)f;
        (void)level;
        return SQLITE_OK;
}

static int crash_reserved(sqlite3_file *f, int *ret)
{
        (void)f;
        *ret = 0;
        return SQLITE_OK;
}

static int crash_control(sqlite3_file *f, int what, void *with)
{
        (void)f;
        (void)what;
        (void)with;
        return SQLITE_NOTFOUND;
}

static int crash_sector(sqlite3_file *f)
{
        (void)f;
        return 4096;
}

/* As on Linux: a write does not harm the bytes beside it. */
static int crash_traits(sqlite3_file *f)
{
        (void)f;
        return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods crash_methods = {
        .iVersion = 1,
        .xClose = crash_close,
        .xRead = crash_read,
        .xWrite = crash_write,
        .xTruncate = crash_truncate,
        .xSync = crash_sync,
        .xFileSize = crash_size,
        .xLock = crash_lock,
        .xUnlock = crash_lock,
        .xCheckReservedLock = crash_reserved,
        .xFileControl = crash_control,
        .xSectorSize = crash_sector,
        .xDeviceCharacteristics = crash_traits,
};

/* ---- the folder ------------------------------------------------------------------------------------------------- */

static CrashFile *crash_find(const char *name)
{
        int i = 0;
        for (; crash_files[i]; i++)
                if (strcmp(crash_files[i]->path, name) == 0)
                        return crash_files[i];
        if (i + 1 >= CRASH_FILES_MAX || strlen(name) >= CRASH_PATH_BYTES)
                abort();
        CrashFile *f = calloc(1, sizeof(*f));
        memcpy(f->path, name, strlen(name) + 1);
        f->pending_end = &f->pending;
        crash_files[i] = f;
        return f;
}

static int crash_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
        (void)vfs;
        f->pMethods = NULL;
        if (crash_is_now())
                return SQLITE_CANTOPEN;
        CrashFile *file = crash_find(name);
        if (!file->is_seen) {
                image_resize(&file->seen, 0);
                pending_add(file, 0, NULL, -1);
                /* the store makes its own file, and syncs the folder, before it opens it */
                file->is_on_disk |= (flags & SQLITE_OPEN_MAIN_DB) != 0;
        }
        file->is_seen = 1;
        ((CrashHandle *)f)->file = file;
        f->pMethods = &crash_methods;
        if (ret_flags)
                *ret_flags = flags;
        return SQLITE_OK;
}

static int crash_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
        (void)vfs;
        if (crash_is_now())
                return SQLITE_IOERR_DELETE;
        CrashFile *file = crash_find(name);
        file->is_seen = 0;
        if (sync_folder)
                file->is_on_disk = 0;
        return SQLITE_OK;
}

static int crash_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
        (void)vfs;
        (void)flags;
        CrashFile *file = crash_find(name);
        *ret = file->is_seen;
        return crash_is_down ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

static int crash_path(sqlite3_vfs *vfs, const char *name, int bytes, char *ret)
{
        (void)vfs;
        return (size_t)snprintf(ret, (size_t)bytes, "%s", name) < (size_t)bytes ? SQLITE_OK : SQLITE_CANTOPEN;
}

static void crash_disk_use(void)
{
        static sqlite3_vfs vfs;
        vfs = *sqlite3_vfs_find("unix");
        vfs.zName = "crash";
        vfs.szOsFile = sizeof(CrashHandle);
        vfs.xOpen = crash_open;
        vfs.xDelete = crash_delete;
        vfs.xAccess = crash_access;
        vfs.xFullPathname = crash_path;
        (void)sqlite3_vfs_register(&vfs, 1);
}
