/* The database file before SQLite opens it: whose it is, who may read it, what it lies on. Each refusal says what to
 * do. */
#include "sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* linux/magic.h has not all of them. On these, locks and syncs are not what they say, or not for all who see the file.
 */
static const struct {
        unsigned type;
        const char *name;
} NETWORKS[] = {
        { 0x6969, "NFS" },        { 0xff534d42, "CIFS" }, { 0xfe534d42, "SMB" },  { 0x517b, "SMB" },
        { 0x01021997, "9p" },     { 0x5346414f, "AFS" },  { 0x73757245, "Coda" }, { 0x00c36400, "Ceph" },
        { 0x0bd00bd0, "Lustre" }, { 0x47504653, "GPFS" }, { 0x01161970, "GFS2" }, { 0x7461636f, "OCFS2" },
};

int (*store_statfs)(const char *path, struct statfs *ret) = statfs;

static const char *hint_of(int error)
{
        switch (error) {
        case -EACCES:
        case -EPERM:
        case -EROFS:
                return "The file and its folder must be writable by the user that closedloopd runs as";
        case -ENOENT:
        case -ENOTDIR:
                return "Create the folder first";
        case -EISDIR:
                return "Name a file in that folder";
        case -ENOSPC:
                return "Make room on that disk";
        default:
                return "Look at the disk and at the folder's permissions";
        }
}

int store_file_refuse(const char *path, int error, const char *why, Arena *arena, Text *reterr_message)
{
        *reterr_message = arena_textf(arena, "could not open the store \"%s\": %s. %s", path, why, hint_of(error));
        return error;
}

static const char *folder_of(const char *path, Arena *arena)
{
        const char *slash = strrchr(path, '/');
        if (!slash)
                return ".";
        return slash == path ? "/" : arena_text(arena, (Text){ path, (size_t)(slash - path) }).data;
}

int store_folder_sync(const char *path)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1024);
        int fd = open(folder_of(path, arena), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        int r = fsync(fd) < 0 ? -errno : 0;
        (void)close(fd);
        return r;
}

/* By ourselves, because SQLite would let everybody read it. Closed again before SQLite opens it: closing later would
 * drop its locks. */
static int file_create(const char *path, Arena *arena, Text *message)
{
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        int r = fd < 0 ? -errno : 0;
        if (fd >= 0) {
                (void)close(fd);
                r = store_folder_sync(path);
        }
        return r < 0 ? store_file_refuse(path, r, strerror(-r), arena, message) : 0;
}

static int folder_check(const char *path, Arena *arena, Text *message)
{
        const char *folder = folder_of(path, arena);
        struct statfs disk;
        if (store_statfs(folder, &disk) < 0)
                return store_file_refuse(path, -errno, strerror(errno), arena, message);
        for (size_t i = 0; i < COUNT_OF(NETWORKS); i++) {
                if ((unsigned)disk.f_type != NETWORKS[i].type)
                        continue;
                *message =
                        arena_textf(arena,
                                    "cannot use the store \"%s\": its folder is on a network file system (%s), where "
                                    "neither locks nor syncs can be relied on. Put it on a local disk (store.sqlite)",
                                    path, NETWORKS[i].name);
                return -ENOTSUP;
        }
        if (access(folder, W_OK | X_OK) == 0)
                return 0;
        const char *why =
                errno == EROFS ? "its folder is on a disk that can only be read" : "its folder may not be written to";
        return store_file_refuse(path, -errno, why, arena, message);
}

static int owner_check(const char *path, const struct stat *info, Arena *arena, Text *message)
{
        if (info->st_uid != geteuid()) {
                *message =
                        arena_textf(arena,
                                    "cannot use the store \"%s\": it belongs to user %u, and closedloopd runs as user "
                                    "%u. Start it as its own user (systemctl start closedloopd), or give it the file: "
                                    "chown closedloop \"%s\"",
                                    path, info->st_uid, geteuid(), path);
                return -EPERM;
        }
        if ((info->st_mode & 027) == 0)
                return 0;
        *message =
                arena_textf(arena,
                            "cannot use the store \"%s\": others may %s it, and customers' words are in it. chmod 600 "
                            "\"%s\", and find out who has used it",
                            path, info->st_mode & 022 ? "write to" : "read", path);
        return -EPERM;
}

int store_file_prepare(const char *path, Arena *arena, Text *message)
{
        struct stat info;
        if (strcmp(path, ":memory:") == 0)
                return 0;
        bool is_there = stat(path, &info) == 0;
        if (!is_there && errno != ENOENT)
                return store_file_refuse(path, -errno, strerror(errno), arena, message);
        if (is_there && S_ISDIR(info.st_mode))
                return store_file_refuse(path, -EISDIR, "it is a folder", arena, message);
        if (is_there && !S_ISREG(info.st_mode))
                return store_file_refuse(path, -EINVAL, "it is no plain file", arena, message);
        int r = folder_check(path, arena, message);
        if (r < 0)
                return r;
        return is_there ? owner_check(path, &info, arena, message) : file_create(path, arena, message);
}
