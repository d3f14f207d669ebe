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

static int owner_check(const char *path, const struct stat *info, uid_t user, Arena *arena, Text *message)
{
        if (info->st_uid != user) {
                *message =
                        arena_textf(arena,
                                    "cannot use the store \"%s\": it belongs to user %u, and closedloopd runs as user "
                                    "%u. Start it as its own user (systemctl start closedloopd), or give it the file: "
                                    "chown closedloop \"%s\"",
                                    path, info->st_uid, user, path);
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

/* 1: it is there, 0: it is not yet. */
static int file_check(const char *path, uid_t user, Arena *arena, Text *message)
{
        struct stat info;
        bool is_there = stat(path, &info) == 0;
        if (!is_there && errno != ENOENT)
                return store_file_refuse(path, -errno, strerror(errno), arena, message);
        if (is_there && S_ISDIR(info.st_mode))
                return store_file_refuse(path, -EISDIR, "it is a folder", arena, message);
        if (is_there && !S_ISREG(info.st_mode))
                return store_file_refuse(path, -EINVAL, "it is no plain file", arena, message);
        int r = folder_check(path, arena, message);
        if (r >= 0 && is_there)
                r = owner_check(path, &info, user, arena, message);
        return r < 0 ? r : is_there;
}

int store_file_prepare(const char *path, Arena *arena, Text *message)
{
        if (strcmp(path, ":memory:") == 0)
                return 0;
        int r = file_check(path, geteuid(), arena, message);
        return r == 0 ? file_create(path, arena, message) : MIN_OF(r, 0);
}

/* ---- a look from outside ---------------------------------------------------------------------------------------- */

/* A disk that went read-only after an error still says that it can be written to. The file has no name. */
static int disk_try(const char *path, Arena *arena, Text *message)
{
        int fd = open(folder_of(path, arena), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
        int error = fd < 0 ? errno : 0;
        if (fd >= 0)
                (void)close(fd);
        return error == EROFS || error == EIO ? store_file_refuse(path, -error, strerror(error), arena, message) : 0;
}

static uint32_t number_at(const uint8_t *header, size_t place)
{
        return (uint32_t)header[place] << 24 | (uint32_t)header[place + 1] << 16 | (uint32_t)header[place + 2] << 8 |
               header[place + 3];
}

/* Not by SQLite, which would make files beside it. Places: https://www.sqlite.org/fileformat2.html#the_database_header
 */
static int header_check(const char *path, Arena *arena, Text *message)
{
        static const char MAGIC[16] = "SQLite format 3";
        enum {
                VERSION_AT = 60,
                ID_AT = 68,
                HEADER_BYTES = 100
        };
        uint8_t header[HEADER_BYTES];
        int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return 0; /* whose it is was looked at before */
        ssize_t n = pread(fd, header, sizeof(header), 0);
        int error = errno;
        (void)close(fd);
        if (n < 0)
                return store_file_refuse(path, -error, strerror(error), arena, message);
        if (n == 0)
                return 0;
        uint32_t id = n == HEADER_BYTES ? number_at(header, ID_AT) : 0;
        if (n < HEADER_BYTES || memcmp(header, MAGIC, sizeof(MAGIC)) != 0 || (id != 0 && id != STORE_APPLICATION_ID)) {
                *message = arena_textf(arena, "\"%s\" is damaged, or no store of closedloopd", path);
                return -EUCLEAN;
        }
        if (number_at(header, VERSION_AT) <= (uint32_t)schema_version)
                return 0;
        *message = arena_textf(arena,
                               "cannot use the store \"%s\": its schema has version %u, this closedloopd knows "
                               "versions up to %d. Install the newer closedloopd again, or restore a backup made "
                               "before the upgrade",
                               path, number_at(header, VERSION_AT), schema_version);
        return -EPROTO;
}

int store_look(const char *path, unsigned user, Arena *arena, Text *message)
{
        int is_there = file_check(path, user, arena, message);
        int r = is_there < 0 ? is_there : disk_try(path, arena, message);
        if (r == 0 && is_there)
                r = header_check(path, arena, message);
        return r < 0 ? r : is_there;
}
