/* kernel_clock.c - preloaded into systemd-timesyncd, chronyd and the daemon: a kernel's clock that they may keep right
 * and ask about, in the file that KERNEL_CLOCK names. No test sets the clock of the computer that it runs on. The real
 * one is asked first: what a sandbox forbids, it goes on forbidding. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static void take(struct timex *state, const struct timex *wanted)
{
        if (wanted->modes & ADJ_FREQUENCY)
                state->freq = wanted->freq;
        if (wanted->modes & ADJ_TICK)
                state->tick = wanted->tick;
        if (wanted->modes & ADJ_MAXERROR)
                state->maxerror = wanted->maxerror;
        if (wanted->modes & ADJ_ESTERROR)
                state->esterror = wanted->esterror;
        if (wanted->modes & ADJ_STATUS)
                state->status = wanted->status;
}

static int keep(struct timex *t)
{
        struct timex real = { 0 }, state;
        if (syscall(SYS_clock_adjtime, CLOCK_REALTIME, &real) < 0)
                return -1;
        int fd = open(getenv("KERNEL_CLOCK"), (t->modes ? O_RDWR : O_RDONLY) | O_CLOEXEC);
        if (fd < 0 || pread(fd, &state, sizeof(state), 0) != sizeof(state)) {
                state = real;
                state.status = STA_UNSYNC;
        }
        state.time = real.time;
        take(&state, t);
        ssize_t written = t->modes ? pwrite(fd, &state, sizeof(state), 0) : (ssize_t)sizeof(state);
        if (fd >= 0)
                (void)close(fd);
        state.modes = t->modes;
        *t = state;
        return written != sizeof(state) ? -1 : state.status & STA_UNSYNC ? TIME_ERROR : TIME_OK;
}

int adjtimex(struct timex *t)
{
        return keep(t);
}

int ntp_adjtime(struct timex *t)
{
        return keep(t);
}

int clock_adjtime(clockid_t id, struct timex *t)
{
        (void)id;
        return keep(t);
}

int adjtime(const struct timeval *wanted, struct timeval *left)
{
        (void)wanted;
        if (left)
                *left = (struct timeval){ 0 };
        return 0;
}

int clock_settime(clockid_t id, const struct timespec *t)
{
        (void)id, (void)t;
        return 0;
}

int settimeofday(const struct timeval *t, const struct timezone *zone)
{
        (void)t, (void)zone;
        return 0;
}
