/* Room on the disk: a file beside the database that is given up when the disk is full, so that what people do can still
 * be recorded while somebody makes room. */
#include "sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char *ballast_path(Store *store, Arena *arena)
{
        const char *path = sqlite3_db_filename(store->db, "main");
        return path && *path ? arena_textf(arena, "%s.ballast", path).data : NULL;
}

bool store_room_release(Store *store)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1024);
        const char *path = ballast_path(store, arena);
        return path && unlink(path) == 0;
}

/* As much again has to be free: else the next answers would need it at once. */
static bool has_room_for(const char *path, int64_t bytes)
{
        struct statvfs disk;
        Text folder = text_from(path);
        CLEANUP(arena_freep) Arena *arena = arena_new(1024);
        while (folder.len > 1 && folder.data[folder.len - 1] != '/')
                folder.len--;
        const char *name = folder.len > 0 && folder.data[folder.len - 1] == '/' ? arena_text(arena, folder).data : ".";
        if (statvfs(name, &disk) < 0)
                return false;
        return (double)disk.f_bavail * (double)disk.f_frsize >= 2.0 * (double)bytes;
}

static int ballast_make(const char *path, int64_t bytes)
{
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        int r = -posix_fallocate(fd, 0, bytes);
        if (r == 0 && ftruncate(fd, bytes) < 0)
                r = -errno;
        (void)close(fd);
        if (r < 0)
                (void)unlink(path);
        return r == -EDQUOT || r == -EFBIG ? -ENOSPC : r;
}

int store_room_keep(Store *store, int64_t bytes)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1024);
        const char *path = ballast_path(store, arena);
        if (!path)
                return 0;
        if (bytes == 0) {
                (void)unlink(path);
                return 0;
        }
        struct stat info;
        if (stat(path, &info) == 0 && info.st_size == bytes)
                return 0;
        return has_room_for(path, bytes) ? ballast_make(path, bytes) : -ENOSPC;
}
