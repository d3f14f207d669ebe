/* zones.h - the system's time zones, as tables that the core can use.
 * Owns:    nothing: the cache, the zones and their names live in the arena given, as long as one configuration. Each
 *          zone is read once a cache.
 * Units:   changes from 1970 to the end of 2069; later times have the offset of then.
 * Errors:  negative errno, see zone_load(); an unknown name is the customary one.
 * Called:  while a configuration is loaded. Reads files; never from inside a turn.
 * Source:  TZif files (RFC 8536, versions 1 to 4) below /usr/share/zoneinfo, with the rule of their last line written
 *          out for the years after the last change in the file. Not through libical: version 3.0.16 turns the files
 *          into yearly rules and back, and is wrong in 100 of 599 zones between 1970 and 2045 (Pacific/Easter already
 *          since 2020, America/St_Johns by two hours from 2038). glibc knows one zone at a time, for the whole process. */
#pragma once

#include "base/arena.h"
#include "core/calendar.h"

typedef struct ZoneCache ZoneCache;

/* folder: "/usr/share/zoneinfo" if NULL. */
ZoneCache *zone_cache_new(Arena *arena, const char *folder);

/* -ENOENT: there is no such zone (also: a name that is no IANA name, such as "../x", "posix/UTC" or "localtime").
 * -ENOTDIR: the system has no time zones at all; the package tzdata is missing. "UTC" is there even so.
 * -EBADMSG: the file is damaged. Others: it could not be read. */
int zone_load(ZoneCache *cache, Text name, const Zone **ret) MUST_CHECK;

/* The existing zone whose name is nearest, for "did you mean": "Europe/Berln", "berlin", "Germany/Berlin" -> "Europe/Berlin".
 * TEXT_NONE if nothing is near. */
Text zone_nearest(const ZoneCache *cache, Text name);

/* The zone in the bytes of a TZif file. 0, or -EBADMSG. */
int zone_read(Arena *arena, Text name, Text bytes, const Zone **ret) MUST_CHECK;
