/* doctor.h - looks at the whole installation and says what is wrong and what to do: configuration, files, store, clock,
 * unit, Kafka, channels. Works while the daemon is down as well; sends nothing to anybody and changes nothing. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"

bool doctor_is_meant(const char *verb); /* "doctor", or "check" */

/* Exit code: 0 when nothing is wrong (there may be warnings), 78 for the configuration, 69 for anything else. socket: NULL:
 * what the configuration says. */
int doctor_run(int argc, char **argv, const char *socket, bool wants_json, Arena *arena);
