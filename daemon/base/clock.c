#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>

static int64_t clock_us(clockid_t id)
{
        struct timespec t;
        must(clock_gettime(id, &t) == 0);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

WallTime clock_wall(void)
{
        return (WallTime){ clock_us(CLOCK_REALTIME) };
}

MonoTime clock_mono(void)
{
        return (MonoTime){ clock_us(CLOCK_MONOTONIC) };
}

MonoTime clock_boot(void)
{
        return (MonoTime){ clock_us(CLOCK_BOOTTIME) };
}

/* The first digits are enough: with and without the hyphens of a UUID the first eight are the same. */
int64_t clock_boot_id(void)
{
        char text[9] = "";
        const char *said = getenv("CLOSEDLOOP_BOOT_ID");
        if (said && *said) {
                (void)snprintf(text, sizeof(text), "%s", said);
        } else {
                FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
                if (file) {
                        (void)!fgets(text, sizeof(text), file);
                        (void)fclose(file);
                }
        }
        return (int64_t)strtoul(text, NULL, 16);
}

/* systemd-timesyncd touches this file each time it has compared the clock: at most 2,048 seconds apart. Somebody may
 * have set the clock since then: its age has to grow as fast as the machine does. */
bool clock_is_kept_by_timesyncd(void)
{
        static int64_t touched = -1, touched_since_boot;
        struct stat file;
        if (stat("/run/systemd/timesync/synchronized", &file) < 0)
                return false;
        int64_t age = clock_us(CLOCK_REALTIME) / 1000000 - file.st_mtim.tv_sec;
        int64_t boot = clock_us(CLOCK_BOOTTIME) / 1000000;
        if (file.st_mtim.tv_sec != touched) {
                touched = file.st_mtim.tv_sec;
                touched_since_boot = boot - age;
        }
        int64_t off = age - (boot - touched_since_boot);
        return age >= -1 && age <= 2100 && off >= -60 && off <= 60;
}

/* Inside the unit's sandbox the kernel may not be asked. */
bool clock_is_synchronised(void)
{
        struct timex t = { 0 };
        return adjtimex(&t) >= 0 ? (t.status & STA_UNSYNC) == 0 : clock_is_kept_by_timesyncd();
}
