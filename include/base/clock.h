/* clock.h - the only place that asks what time it is. Not for the pure bands. */
#pragma once

#include "base/instant.h"

WallTime clock_wall(void);
MonoTime clock_mono(void);
/* Since boot, also while the machine was suspended; nobody can set it. */
MonoTime clock_boot(void);
/* Another number in each boot of the machine; 0: nobody says. From CLOSEDLOOP_BOOT_ID, which the unit sets because its
 * sandbox hides the kernel's own word; else from the kernel. Source: random(4), systemd.unit(5) %b. */
int64_t clock_boot_id(void);
/* Does the kernel, or where it may not be asked systemd-timesyncd, say that something keeps the wall clock right?
 * Called: from one thread. Source: adjtimex(2); systemd-timesyncd.service(8). */
bool clock_is_synchronised(void);
bool clock_is_kept_by_timesyncd(void);
