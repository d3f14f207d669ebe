/* timestamp.h - when an answer was given, as its source writes times.
 * Units:   WallTime; times without a zone are in the source's zone. Years 1970 to 2200; an epoch number is positive.
 * Errors:  a time that cannot be read is an answer (false).
 * Source:  ISO 8601 as wall_parse() reads it; strptime of POSIX.1-2017 for patterns. */
#pragma once

#include "core/field.h"

/* Numbers may be JSON numbers or texts that are numbers. */
bool timestamp_read(const Source *source, const JsonValue *value, WallTime *ret);

/* %Y %y year · %m %b month (number, English name) · %d day · %H, or %I with %p, hour · %M %S · %f fraction of a second,
 * 1 to 9 digits · %z zone (Z, +hhmm, +hh:mm, +hh) · %% · a space: one or more · anything else: itself.
 * 0, or -EINVAL with *reterr filled: a letter that is none of these, or no year, month, day or hour. */
int timestamp_pattern_check(Text pattern, TextFault *reterr) MUST_CHECK;
bool timestamp_pattern_read(Text pattern, const Zone *zone, Text text, WallTime *ret);
