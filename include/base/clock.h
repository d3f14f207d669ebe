/* clock.h - the only place that asks what time it is. Not for the pure bands. */
#pragma once

#include "base/instant.h"

WallTime clock_wall(void);
MonoTime clock_mono(void);
