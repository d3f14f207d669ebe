/* fault_disk.h - a disk that fails when it is told to: an sqlite3_vfs over the real one, for tests only.
 * It makes the Nth call of a kind fail, once or from then on for ever. A write that fails has written half.
 * fault_disk_use() makes it the one that stores are opened on; the library must be configured by then (any store_open
 * has done that). It has no shared memory, as the store needs none. */
#pragma once

#include <sqlite3.h>
#include <string.h>

typedef enum FaultKind {
        FAULT_OPEN,
        FAULT_READ,
        FAULT_WRITE,
        FAULT_FULL, /* a write that finds no room */
        FAULT_SYNC,
        FAULT_TRUNCATE,
        FAULT_SIZE,
        FAULT_DELETE,
        FAULT_MAX,
} FaultKind;

static const char *const FAULT_NAMES[FAULT_MAX] = { "open", "read",     "write", "full",
                                                    "sync", "truncate", "size",  "delete" };
static const int FAULT_CODES[FAULT_MAX] = { SQLITE_CANTOPEN,    SQLITE_IOERR_READ,  SQLITE_IOERR_WRITE,
                                            SQLITE_FULL,        SQLITE_IOERR_FSYNC, SQLITE_IOERR_TRUNCATE,
                                            SQLITE_IOERR_FSTAT, SQLITE_IOERR_DELETE };

typedef struct FaultPlan {
        FaultKind kind;
        int left; /* calls of this kind until the one that fails; below 0: none does */
        int is_for_ever;
        int hits;
} FaultPlan;
static FaultPlan fault_plan = { .left = -1 };

typedef struct FaultFile {
        sqlite3_file base;
        sqlite3_file *real;
} FaultFile;

static sqlite3_vfs fault_vfs;
static sqlite3_vfs *fault_real;

static int fault_is_now(FaultKind kind)
{
        if (fault_plan.kind != kind || fault_plan.left < 0)
                return 0;
        if (fault_plan.left > 0) {
                fault_plan.left--;
                return 0;
        }
        fault_plan.hits++;
        fault_plan.left = fault_plan.is_for_ever ? 0 : -1;
        return 1;
}

static sqlite3_file *fault_of(sqlite3_file *f)
{
        return ((FaultFile *)f)->real;
}

static int fault_close(sqlite3_file *f)
{
        sqlite3_file *real = fault_of(f);
        int code = real->pMethods ? real->pMethods->xClose(real) : SQLITE_OK;
        sqlite3_free(real);
        return code;
}

static int fault_read(sqlite3_file *f, void *to, int bytes, sqlite3_int64 at)
{
        return fault_is_now(FAULT_READ) ? FAULT_CODES[FAULT_READ]
                                        : fault_of(f)->pMethods->xRead(fault_of(f), to, bytes, at);
}

static int fault_write(sqlite3_file *f, const void *from, int bytes, sqlite3_int64 at)
{
        FaultKind kind = fault_plan.kind == FAULT_FULL ? FAULT_FULL : FAULT_WRITE;
        if (!fault_is_now(kind))
                return fault_of(f)->pMethods->xWrite(fault_of(f), from, bytes, at);
        if (bytes > 1)
                (void)fault_of(f)->pMethods->xWrite(fault_of(f), from, bytes / 2, at);
        return FAULT_CODES[kind];
}

static int fault_truncate(sqlite3_file *f, sqlite3_int64 bytes)
{
        return fault_is_now(FAULT_TRUNCATE) ? FAULT_CODES[FAULT_TRUNCATE]
                                            : fault_of(f)->pMethods->xTruncate(fault_of(f), bytes);
}

static int fault_sync(sqlite3_file *f, int flags)
{
        return fault_is_now(FAULT_SYNC) ? FAULT_CODES[FAULT_SYNC] : fault_of(f)->pMethods->xSync(fault_of(f), flags);
}

static int fault_size(sqlite3_file *f, sqlite3_int64 *ret)
{
        return fault_is_now(FAULT_SIZE) ? FAULT_CODES[FAULT_SIZE] : fault_of(f)->pMethods->xFileSize(fault_of(f), ret);
}

static int fault_lock(sqlite3_file *f, int level)
{
        return fault_of(f)->pMethods->xLock(fault_of(f), level);
}

static int fault_unlock(sqlite3_file *f, int level)
{
        return fault_of(f)->pMethods->xUnlock(fault_of(f), level);
}

static int fault_reserved(sqlite3_file *f, int *ret)
{
        return fault_of(f)->pMethods->xCheckReservedLock(fault_of(f), ret);
}

static int fault_errno; /* of the system, for the last call; 0: none of ours */

static int fault_control(sqlite3_file *f, int what, void *with)
{
        if (what == SQLITE_FCNTL_LAST_ERRNO && fault_errno != 0) {
                *(int *)with = fault_errno;
                return SQLITE_OK;
        }
        return fault_of(f)->pMethods->xFileControl(fault_of(f), what, with);
}

static int fault_sector(sqlite3_file *f)
{
        return fault_of(f)->pMethods->xSectorSize(fault_of(f));
}

static int fault_traits(sqlite3_file *f)
{
        return fault_of(f)->pMethods->xDeviceCharacteristics(fault_of(f));
}

static const sqlite3_io_methods fault_methods = {
        .iVersion = 1,
        .xClose = fault_close,
        .xRead = fault_read,
        .xWrite = fault_write,
        .xTruncate = fault_truncate,
        .xSync = fault_sync,
        .xFileSize = fault_size,
        .xLock = fault_lock,
        .xUnlock = fault_unlock,
        .xCheckReservedLock = fault_reserved,
        .xFileControl = fault_control,
        .xSectorSize = fault_sector,
        .xDeviceCharacteristics = fault_traits,
};

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
        FaultFile *file = (FaultFile *)f;
        (void)vfs;
        file->base.pMethods = NULL;
        if (fault_is_now(FAULT_OPEN))
                return FAULT_CODES[FAULT_OPEN];
        file->real = sqlite3_malloc(fault_real->szOsFile);
        memset(file->real, 0, (size_t)fault_real->szOsFile);
        int code = fault_real->xOpen(fault_real, name, file->real, flags, ret_flags);
        if (code == SQLITE_OK)
                file->base.pMethods = &fault_methods;
        else
                sqlite3_free(file->real);
        return code;
}

static int fault_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
        (void)vfs;
        return fault_is_now(FAULT_DELETE) ? FAULT_CODES[FAULT_DELETE]
                                          : fault_real->xDelete(fault_real, name, sync_folder);
}

static void fault_disk_use(void)
{
        fault_real = sqlite3_vfs_find("unix");
        fault_vfs = *fault_real;
        fault_vfs.zName = "fault";
        fault_vfs.szOsFile = sizeof(FaultFile);
        fault_vfs.xOpen = fault_open;
        fault_vfs.xDelete = fault_delete;
        (void)sqlite3_vfs_register(&fault_vfs, 1);
}
