#include "config/zones.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
        YEAR_FIRST = 1970,
        YEAR_LAST = 2069,
        FILE_BYTES_MAX = 64 * 1024,     /* the largest of 2025 has 3.6 kB */
        NAME_BYTES_MAX = 48,            /* the longest of 2025 has 32 */
        NAME_PARTS_MAX = 3,             /* "America/Argentina/Buenos_Aires" */
        OFFSET_SECONDS_MAX = 26 * 3600, /* RFC 8536 */
};

static const int64_t DAY_SECONDS = 86400;

/* ---- The bytes of a file. Readers return false where the file is not what it should be. ---- */

typedef struct ByteReader {
        const uint8_t *data;
        size_t len;
        size_t at;
} ByteReader;

static bool take_bytes(ByteReader *r, uint64_t count, const uint8_t **ret)
{
        if (count > r->len - r->at)
                return false;
        *ret = r->data + r->at;
        r->at += (size_t)count;
        return true;
}

static int64_t big_endian(const uint8_t *bytes, size_t count)
{
        uint64_t value = bytes[0] & 0x80 ? UINT64_MAX : 0;
        for (size_t i = 0; i < count; i++)
                value = value << 8 | bytes[i];
        return (int64_t)value;
}

/* One header and where the parts of the block that follows it are. */
typedef struct TzifBlock {
        uint8_t version; /* '\0', '2', ... */
        size_t time_bytes;
        uint32_t time_count, type_count;
        const uint8_t *times, *type_of_time, *types;
        bool has_leap_seconds;
} TzifBlock;

static bool read_block(ByteReader *r, bool is_second, TzifBlock *ret)
{
        enum {
                HEADER_BYTES = 44,
                UT_COUNT = 0,
                STD_COUNT,
                LEAP_COUNT,
                TIME_COUNT,
                TYPE_COUNT,
                CHAR_COUNT,
                COUNTS
        };
        const uint8_t *header, *rest;
        uint32_t counts[COUNTS];
        if (!take_bytes(r, HEADER_BYTES, &header) || memcmp(header, "TZif", 4) != 0)
                return false;
        for (size_t i = 0; i < COUNTS; i++)
                counts[i] = (uint32_t)big_endian(header + 20 + 4 * i, 4);
        TzifBlock b = { .version = header[4], .time_bytes = is_second ? 8 : 4 };
        b.time_count = counts[TIME_COUNT];
        b.type_count = counts[TYPE_COUNT];
        b.has_leap_seconds = counts[LEAP_COUNT] > 0;
        uint64_t rest_bytes = (uint64_t)counts[CHAR_COUNT] + counts[LEAP_COUNT] * (uint64_t)(b.time_bytes + 4) +
                              counts[STD_COUNT] + counts[UT_COUNT];
        if (!take_bytes(r, (uint64_t)b.time_count * b.time_bytes, &b.times) ||
            !take_bytes(r, b.time_count, &b.type_of_time) || !take_bytes(r, (uint64_t)b.type_count * 6, &b.types) ||
            !take_bytes(r, rest_bytes, &rest))
                return false;
        *ret = b;
        return true;
}

static bool type_offset(const TzifBlock *b, uint32_t type, int32_t *ret_seconds)
{
        if (type >= b->type_count)
                return false;
        int64_t seconds = big_endian(b->types + (size_t)type * 6, 4);
        *ret_seconds = (int32_t)seconds;
        return seconds > -OFFSET_SECONDS_MAX && seconds < OFFSET_SECONDS_MAX;
}

/* ---- The table that is being made. ---- */

typedef struct TableMaker {
        ZoneChange *changes;
        size_t count;
        int64_t last_seconds; /* of the last change in the file, whatever it changed */
} TableMaker;

/* Times must ascend. A change at the same instant replaces the one before (a rule that is summer time all year round
 * ends and starts at once); one that does not change the offset is left out. */
static bool table_put(TableMaker *m, int64_t seconds, int32_t offset_seconds)
{
        if (seconds < m->last_seconds)
                return false;
        m->last_seconds = seconds;
        if (seconds <= 0) {
                m->changes[0].offset_seconds = offset_seconds;
                return true;
        }
        if (seconds >= civil_days(YEAR_LAST + 1, 1, 1) * DAY_SECONDS)
                return true;
        WallTime at = { seconds * 1000000 };
        if (m->count > 1 && m->changes[m->count - 1].at.us == at.us)
                m->count--;
        if (m->changes[m->count - 1].offset_seconds != offset_seconds)
                m->changes[m->count++] = (ZoneChange){ at, offset_seconds };
        return true;
}

static bool put_block(TableMaker *m, const TzifBlock *b)
{
        int32_t offset_seconds;
        if (!type_offset(b, 0, &offset_seconds)) /* in force before the first change */
                return false;
        m->changes[0].offset_seconds = offset_seconds;
        for (uint32_t i = 0; i < b->time_count; i++) {
                int64_t seconds = big_endian(b->times + (size_t)i * b->time_bytes, b->time_bytes);
                if (!type_offset(b, b->type_of_time[i], &offset_seconds) || !table_put(m, seconds, offset_seconds))
                        return false;
        }
        return true;
}

/* ---- The rule of the last line: "CET-1CEST,M3.5.0,M10.5.0/3" (POSIX, with the hours of RFC 8536). ---- */

typedef struct YearDay { /* when in a year, and at what local time */
        char kind;       /* 'M': month, week, day; 'J': day 1-365 without February 29; 'N': day 0-365 */
        int month, week, day;
        int32_t seconds;
} YearDay;

typedef struct YearRule {
        int32_t standard_seconds, summer_seconds; /* offsets */
        bool has_summer;
        YearDay start, end; /* of summer time */
} YearRule;

typedef struct RuleReader {
        Text text;
        size_t at;
} RuleReader;

static bool take_char(RuleReader *r, char c)
{
        if (r->at >= r->text.len || r->text.data[r->at] != c)
                return false;
        r->at++;
        return true;
}

static bool take_number(RuleReader *r, int min, int max, int *ret)
{
        int value = 0;
        size_t start = r->at;
        for (; r->at < r->text.len && r->at - start < 3; r->at++) {
                char c = r->text.data[r->at];
                if (c < '0' || c > '9')
                        break;
                value = value * 10 + (c - '0');
        }
        *ret = value;
        return r->at > start && value >= min && value <= max;
}

static bool take_zone_name(RuleReader *r)
{
        bool is_quoted = take_char(r, '<');
        size_t start = r->at;
        for (; r->at < r->text.len; r->at++) {
                char c = r->text.data[r->at];
                bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                bool is_sign = (c >= '0' && c <= '9') || c == '+' || c == '-';
                if (!is_letter && !(is_quoted && is_sign))
                        break;
        }
        return r->at - start >= 3 && (!is_quoted || take_char(r, '>'));
}

/* [-+]h[h][:mm[:ss]] */
static bool take_clock(RuleReader *r, int hours_max, int32_t *ret_seconds)
{
        int hours, minutes = 0, seconds = 0;
        int sign = take_char(r, '-') ? -1 : 1;
        if (sign > 0)
                (void)take_char(r, '+');
        if (!take_number(r, 0, hours_max, &hours))
                return false;
        if (take_char(r, ':')) {
                if (!take_number(r, 0, 59, &minutes))
                        return false;
                if (take_char(r, ':') && !take_number(r, 0, 59, &seconds))
                        return false;
        }
        *ret_seconds = sign * (hours * 3600 + minutes * 60 + seconds);
        return true;
}

static bool take_year_day(RuleReader *r, YearDay *ret)
{
        YearDay d = { .kind = 'N', .seconds = 2 * 3600 };
        bool is_read = take_char(r, ',');
        if (is_read && take_char(r, 'M')) {
                d.kind = 'M';
                is_read = take_number(r, 1, 12, &d.month) && take_char(r, '.') && take_number(r, 1, 5, &d.week) &&
                          take_char(r, '.') && take_number(r, 0, 6, &d.day);
        } else if (is_read && take_char(r, 'J')) {
                d.kind = 'J';
                is_read = take_number(r, 1, 365, &d.day);
        } else {
                is_read = is_read && take_number(r, 0, 365, &d.day);
        }
        if (!is_read || (take_char(r, '/') && !take_clock(r, 167, &d.seconds)))
                return false;
        *ret = d;
        return true;
}

static bool take_rule(RuleReader *r, YearRule *ret)
{
        int32_t west_seconds;
        if (!take_zone_name(r) || !take_clock(r, 24, &west_seconds))
                return false;
        ret->standard_seconds = -west_seconds;
        ret->has_summer = r->at < r->text.len;
        if (!ret->has_summer)
                return true;
        if (!take_zone_name(r))
                return false;
        ret->summer_seconds = ret->standard_seconds + 3600;
        if (r->at < r->text.len && r->text.data[r->at] != ',') {
                if (!take_clock(r, 24, &west_seconds))
                        return false;
                ret->summer_seconds = -west_seconds;
        }
        return take_year_day(r, &ret->start) && take_year_day(r, &ret->end) && r->at == r->text.len;
}

static int64_t year_day_days(const YearDay *d, int year)
{
        int64_t january = civil_days(year, 1, 1);
        if (d->kind == 'N')
                return january + d->day;
        if (d->kind == 'J')
                return january + d->day - 1 + (d->day >= 60 && civil_is_date(year, 2, 29));
        int64_t first = civil_days(year, d->month, 1);
        int weekday_from_sunday = (civil_from_days(first).weekday + 1) % 7;
        int day = 1 + (d->day - weekday_from_sunday + 7) % 7 + (d->week - 1) * 7;
        while (!civil_is_date(year, d->month, day)) /* week 5: the last one */
                day -= 7;
        return first + day - 1;
}

static int64_t year_day_seconds(const YearDay *d, int year, int32_t offset_seconds)
{
        return year_day_days(d, year) * DAY_SECONDS + d->seconds - offset_seconds;
}

/* Changes of the rule after the last one of the file. */
static bool put_rule(TableMaker *m, const YearRule *rule)
{
        int64_t file_ends_seconds = m->last_seconds;
        if (!rule->has_summer) /* in force after the last change; of a file without changes, always */
                return m->count > 1 || table_put(m, MAX_OF(file_ends_seconds, INT64_C(0)), rule->standard_seconds);
        for (int year = YEAR_FIRST; year <= YEAR_LAST; year++) {
                int64_t start = year_day_seconds(&rule->start, year, rule->standard_seconds);
                int64_t end = year_day_seconds(&rule->end, year, rule->summer_seconds);
                bool is_start_first = start < end;
                int64_t first = MIN_OF(start, end), second = MAX_OF(start, end);
                if (first > file_ends_seconds &&
                    !table_put(m, first, is_start_first ? rule->summer_seconds : rule->standard_seconds))
                        return false;
                if (second > file_ends_seconds &&
                    !table_put(m, second, is_start_first ? rule->standard_seconds : rule->summer_seconds))
                        return false;
        }
        return true;
}

/* The line after the second block; absent (and then without rule) in version 1. */
static bool read_rule(ByteReader *r, Text *ret)
{
        const char *line = (const char *)r->data + r->at;
        size_t left = r->len - r->at;
        if (left < 2 || line[0] != '\n' || line[left - 1] != '\n')
                return false;
        *ret = (Text){ line + 1, left - 2 };
        return true;
}

/* The core reads a local time off the table by halving it: the local times of the changes have to ascend as well. */
static bool table_is_orderly(const TableMaker *m)
{
        for (size_t i = 2; i < m->count; i++) {
                int64_t local = m->changes[i].at.us + m->changes[i - 1].offset_seconds * INT64_C(1000000);
                int64_t local_before = m->changes[i - 1].at.us + m->changes[i - 2].offset_seconds * INT64_C(1000000);
                if (local <= local_before)
                        return false;
        }
        return true;
}

static bool make_table(TableMaker *m, const TzifBlock *block, Text rule_text)
{
        YearRule rule;
        RuleReader r = { rule_text, 0 };
        if (!put_block(m, block))
                return false;
        if (rule_text.len > 0 && (!take_rule(&r, &rule) || !put_rule(m, &rule)))
                return false;
        return table_is_orderly(m);
}

int zone_read(Arena *arena, Text name, Text bytes, const Zone **ret)
{
        ByteReader r = { (const uint8_t *)bytes.data, bytes.len, 0 };
        TzifBlock block;
        Text rule_text = TEXT_NONE;
        if (!read_block(&r, false, &block))
                return -EBADMSG;
        if (block.version >= '2' && (!read_block(&r, true, &block) || !read_rule(&r, &rule_text)))
                return -EBADMSG;
        if (block.has_leap_seconds) /* "right/" files: their seconds are not ours */
                return -EBADMSG;
        CLEANUP(arena_freep) Arena *scratch = arena_new(8192);
        TableMaker m = { .last_seconds = INT64_MIN, .count = 1 };
        m.changes = arena_array(scratch, ZoneChange, 1 + block.time_count + 2 * (YEAR_LAST - YEAR_FIRST + 1));
        m.changes[0].at = WALL_NONE;
        if (!make_table(&m, &block, rule_text))
                return -EBADMSG;
        ZoneChange *changes = arena_array(arena, ZoneChange, m.count);
        memcpy(changes, m.changes, m.count * sizeof(ZoneChange));
        Zone *zone = arena_new_of(arena, Zone);
        *zone = (Zone){ arena_text(arena, name), changes, m.count };
        *ret = zone;
        return 0;
}

/* ---- Names and files. ---- */

typedef struct Loaded Loaded;
struct Loaded {
        Loaded *next;
        Text name;
        int error; /* of zone_load(); zone is NULL then */
        const Zone *zone;
};

struct ZoneCache {
        Arena *arena;
        const char *folder;
        Loaded *loaded;
};

ZoneCache *zone_cache_new(Arena *arena, const char *folder)
{
        ZoneCache *cache = arena_new_of(arena, ZoneCache);
        cache->arena = arena;
        cache->folder = folder ? arena_text(arena, text_from(folder)).data : "/usr/share/zoneinfo";
        return cache;
}

/* Every IANA name starts with a capital, and nothing else below the folder does (posix/, right/, localtime, tables). */
static bool part_is_customary(Text part)
{
        for (size_t i = 0; i < part.len; i++) {
                char c = part.data[i];
                bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                if (!is_letter && !(c >= '0' && c <= '9') && c != '_' && c != '+' && c != '-')
                        return false;
        }
        return part.len > 0;
}

static bool name_is_customary(Text name)
{
        Text part, rest = name;
        int parts = 0;
        if (name.len == 0 || name.len > NAME_BYTES_MAX || name.data[0] < 'A' || name.data[0] > 'Z')
                return false;
        for (; text_split(&rest, '/', &part); parts++)
                if (!part_is_customary(part))
                        return false;
        return parts <= NAME_PARTS_MAX;
}

static int file_read(int fd, Arena *arena, Text *ret)
{
        char *bytes = arena_alloc(arena, FILE_BYTES_MAX + 1);
        size_t len = 0;
        while (len <= FILE_BYTES_MAX) {
                ssize_t n = read(fd, bytes + len, FILE_BYTES_MAX + 1 - len);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EISDIR ? -ENOENT : -errno; /* "Europe" is a folder, not a zone */
                if (n == 0)
                        break;
                len += (size_t)n;
        }
        *ret = (Text){ bytes, len };
        return len <= FILE_BYTES_MAX ? 0 : -EBADMSG;
}

static int zone_open(const ZoneCache *cache, const char *path)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd >= 0)
                return fd;
        if (errno != ENOENT && errno != ENOTDIR)
                return -errno;
        struct stat info;
        return stat(cache->folder, &info) == 0 && S_ISDIR(info.st_mode) ? -ENOENT : -ENOTDIR;
}

static int zone_load_file(const ZoneCache *cache, Text name, const Zone **ret)
{
        CLEANUP(arena_freep) Arena *scratch = arena_new(FILE_BYTES_MAX + 4096);
        Text path = arena_textf(scratch, "%s/" TEXT_F, cache->folder, TEXT_ARG(name));
        int fd = zone_open(cache, path.data);
        if (fd < 0)
                return fd;
        Text bytes;
        int r = file_read(fd, scratch, &bytes);
        (void)close(fd);
        return r < 0 ? r : zone_read(cache->arena, name, bytes, ret);
}

static int zone_load_new(ZoneCache *cache, Text name, const Zone **ret)
{
        if (text_is(name, "UTC")) { /* there on a system without tzdata, too */
                *ret = &ZONE_UTC;
                return 0;
        }
        return zone_load_file(cache, name, ret);
}

int zone_load(ZoneCache *cache, Text name, const Zone **ret)
{
        if (!name_is_customary(name))
                return -ENOENT;
        const Loaded *known = cache->loaded;
        while (known && !text_equal(known->name, name))
                known = known->next;
        if (!known) {
                Loaded *l = arena_new_of(cache->arena, Loaded);
                l->error = zone_load_new(cache, name, &l->zone);
                l->name = arena_text(cache->arena, name);
                l->next = cache->loaded;
                cache->loaded = l;
                known = l;
        }
        if (known->error == 0)
                *ret = known->zone;
        return known->error;
}

/* ---- "Did you mean": a walk over the names that are there. ---- */

typedef struct Nearest {
        Text sought; /* in small letters */
        bool is_city_only;
        unsigned distance; /* of the best so far; the limit at first */
        Text best;
        Arena *arena;
} Nearest;

static Text small_letters(Arena *arena, Text text)
{
        char *small = arena_alloc(arena, text.len + 1);
        for (size_t i = 0; i < text.len; i++) {
                char c = text.data[i];
                small[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        }
        return (Text){ small, text.len };
}

/* Names with digits are not offered: the sign in "Etc/GMT+3" means the opposite of what people think. */
static bool name_is_offered(Text name)
{
        for (size_t i = 0; i < name.len; i++)
                if ((name.data[i] >= '0' && name.data[i] <= '9') || name.data[i] == '+')
                        return false;
        return name_is_customary(name);
}

/* Of equally near names, the shorter ("UTC" before "Etc/UTC"); the order of a folder decides nothing. */
static bool name_is_before(Text a, Text b)
{
        return a.len != b.len ? a.len < b.len : text_compare(a, b) < 0;
}

static void nearest_weigh(Nearest *n, Text name)
{
        CLEANUP(arena_freep) Arena *scratch = arena_new(512);
        Text small = small_letters(scratch, name);
        if (n->is_city_only) {
                const char *slash = memrchr(small.data, '/', small.len);
                if (slash)
                        small = text_from_offset(small, (size_t)(slash - small.data) + 1);
        }
        size_t difference = small.len > n->sought.len ? small.len - n->sought.len : n->sought.len - small.len;
        if (difference > n->distance)
                return;
        unsigned distance = text_distance(small, n->sought);
        if (distance > n->distance || (distance == n->distance && n->best.data && !name_is_before(name, n->best)))
                return;
        n->distance = distance;
        n->best = arena_text(n->arena, name);
}

/* The folders are those of the system: their depth is bounded by the names we accept. */
static void nearest_walk(Nearest *n, const char *folder, Text prefix, int depth)
{
        DIR *dir = opendir(folder);
        if (!dir)
                return;
        CLEANUP(arena_freep) Arena *scratch = arena_new(4096);
        for (const struct dirent *entry; (entry = readdir(dir));) {
                Text name = arena_textf(scratch, TEXT_F "%s", TEXT_ARG(prefix), entry->d_name);
                if (!name_is_offered(name))
                        continue;
                struct stat info;
                Text path = arena_textf(scratch, "%s/%s", folder, entry->d_name);
                if (stat(path.data, &info) < 0)
                        continue;
                if (S_ISREG(info.st_mode))
                        nearest_weigh(n, name);
                else if (S_ISDIR(info.st_mode) && depth + 1 < NAME_PARTS_MAX)
                        nearest_walk(n, path.data, arena_textf(scratch, TEXT_F "/", TEXT_ARG(name)), depth + 1);
        }
        (void)closedir(dir);
}

static Text nearest_to(const ZoneCache *cache, Text sought, bool is_city_only)
{
        CLEANUP(arena_freep) Arena *scratch = arena_new(512);
        Nearest n = {
                .sought = small_letters(scratch, sought),
                .is_city_only = is_city_only,
                .distance = 1 + (unsigned)sought.len / 6,
                .arena = cache->arena,
        };
        nearest_walk(&n, cache->folder, TEXT_NONE, 0);
        return n.best;
}

Text zone_nearest(const ZoneCache *cache, Text name)
{
        if (name.len == 0 || name.len > NAME_BYTES_MAX)
                return TEXT_NONE;
        const char *slash = memrchr(name.data, '/', name.len);
        if (!slash)
                return nearest_to(cache, name, true);
        Text found = nearest_to(cache, name, false);
        Text city = text_from_offset(name, (size_t)(slash - name.data) + 1);
        return found.data || city.len == 0 ? found : nearest_to(cache, city, true);
}
