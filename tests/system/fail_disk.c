/* fail_disk.c - LD_PRELOAD for a test: while the file that FAIL_DISK names is there, the calls that it names ("sync",
 * "write") fail with EIO on files whose name has ".db" in it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fails(int fd, const char *call)
{
        char link[64], name[512] = "", plan[64] = "";
        const char *path = getenv("FAIL_DISK");
        int saved = errno;
        int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (file < 0) {
                errno = saved;
                return 0;
        }
        ssize_t n = read(file, plan, sizeof(plan) - 1);
        (void)close(file);
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t len = readlink(link, name, sizeof(name) - 1);
        errno = saved;
        return n > 0 && len > 0 && strstr(plan, call) && strstr(name, ".db");
}

static int fail(void)
{
        errno = EIO;
        return -1;
}

int fsync(int fd)
{
        int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
        return fails(fd, "sync") ? fail() : real(fd);
}

int fdatasync(int fd)
{
        int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
        return fails(fd, "sync") ? fail() : real(fd);
}

ssize_t pwrite64(int fd, const void *from, size_t bytes, off64_t at)
{
        ssize_t (*real)(int, const void *, size_t, off64_t) =
                (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
        return fails(fd, "write") ? fail() : real(fd, from, bytes, at);
}
