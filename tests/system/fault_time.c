/* fault_time.c - preloaded into the daemon: its clock says what a test wants, and its threads hang where a test wants.
 * The test writes to the file that FAULT_TIME names, which is mapped here. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

typedef struct Wish {
        int64_t wall_us, boot_us; /* added to CLOCK_REALTIME and to CLOCK_BOOTTIME */
        int64_t is_synchronised;  /* says adjtimex */
        int64_t hangs_sync;       /* fdatasync and fsync do not come back */
        int64_t hangs_loop;       /* nor does the main thread from waiting */
        int64_t timesync_at; /* 0; else adjtimex is forbidden and timesyncd has compared the clock then, in seconds */
} Wish;

static const volatile Wish *wish;

__attribute__((constructor)) static void wish_map(void)
{
        const char *path = getenv("FAULT_TIME");
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        void *map = fd >= 0 ? mmap(NULL, sizeof(Wish), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
        wish = map == MAP_FAILED ? NULL : map;
        if (fd >= 0)
                (void)close(fd);
}

static void hang_while(const volatile int64_t *is_wanted)
{
        const struct timespec moment = { .tv_nsec = 10000000 };
        while (*is_wanted)
                (void)syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &moment, NULL);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
        if (syscall(SYS_clock_gettime, id, t) < 0)
                return -1;
        int64_t us = 0;
        if (wish && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
                us = wish->wall_us;
        else if (wish && id == CLOCK_BOOTTIME)
                us = wish->boot_us;
        t->tv_sec += us / 1000000;
        return 0;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
        struct timespec now;
        (void)zone;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        t->tv_sec = now.tv_sec;
        t->tv_usec = now.tv_nsec / 1000;
        return 0;
}

time_t time(time_t *ret)
{
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        if (ret)
                *ret = now.tv_sec;
        return now.tv_sec;
}

int stat(const char *restrict path, struct stat *restrict ret)
{
        if (wish && wish->timesync_at && strcmp(path, "/run/systemd/timesync/synchronized") == 0) {
                *ret = (struct stat){ .st_mtim.tv_sec = wish->timesync_at };
                return 0;
        }
        return fstatat(AT_FDCWD, path, ret, 0);
}

int adjtimex(struct timex *t)
{
        if (wish && wish->timesync_at) {
                errno = EPERM;
                return -1;
        }
        *t = (struct timex){ .status = wish && wish->is_synchronised ? 0 : STA_UNSYNC };
        return 0;
}

int fdatasync(int fd)
{
        if (wish)
                hang_while(&wish->hangs_sync);
        return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
        if (wish)
                hang_while(&wish->hangs_sync);
        return (int)syscall(SYS_fsync, fd);
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
        int (*real)(int, struct epoll_event *, int, int) =
                (int (*)(int, struct epoll_event *, int, int))dlsym(RTLD_NEXT, "epoll_wait");
        int count = real(fd, events, max, timeout);
        if (wish && getpid() == (pid_t)syscall(SYS_gettid))
                hang_while(&wish->hangs_loop);
        return count;
}
