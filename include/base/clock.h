/* clock.h - the only place that asks what time it is. Not for the pure bands. */
#pragma once

#include "base/instant.h"

WallTime clock_wall(void);
MonoTime clock_mono(void);
/* Since boot, also while the machine was suspended; nobody can set it. */
MonoTime clock_boot(void);
/* Does the kernel say that something keeps the wall clock right? False if it may not be asked. */
bool clock_is_synchronised(void);
