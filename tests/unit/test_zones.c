#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "config/zones.h"

static const char FOLDER[] = "/usr/share/zoneinfo";

static const int64_t YEAR_2070 = INT64_C(3155760000);

/* ---- every zone of the system against the C library ---- */

enum {
        NAMES_MAX = 1000
};
static char *names[NAMES_MAX];
static size_t name_count;

static int note_name(const char *path, const struct stat *info UNUSED, int kind, struct FTW *walk UNUSED)
{
        const char *name = path + sizeof(FOLDER);
        if (kind == FTW_F && name[0] >= 'A' && name[0] <= 'Z' && !strchr(name, '.') && name_count < NAMES_MAX)
                names[name_count++] = strdup(name);
        return 0;
}

static int read_names(void **state UNUSED)
{
        return nftw(FOLDER, note_name, 16, 0);
}

static int free_names(void **state UNUSED)
{
        while (name_count > 0)
                free(names[--name_count]);
        return 0;
}

static long library_offset(int64_t seconds)
{
        time_t t = (time_t)seconds;
        struct tm local;
        assert_non_null(localtime_r(&t, &local));
        return local.tm_gmtoff;
}

static unsigned disagreements;

static void compare_at(const Zone *zone, int64_t seconds)
{
        long expected = library_offset(seconds);
        int32_t found = zone_offset(zone, (WallTime){ seconds * 1000000 });
        if (expected != found && disagreements++ < 20)
                print_error("%s at %lld: %d, the C library has %ld\n", zone->name.data, (long long)seconds, found,
                            expected);
}

static void every_zone_agrees_with_the_c_library_from_1970_to_2069(void **state UNUSED)
{
        /* Not a whole number of days, so that the hour of the day changes from sample to sample. */
        const int64_t step = 6 * 86400 + 5 * 3600 + 1717;
        CLEANUP(arena_freep) Arena *arena = arena_new(1 << 16);
        ZoneCache *cache = zone_cache_new(arena, NULL);
        assert_true(name_count > 300);
        disagreements = 0;
        for (size_t i = 0; i < name_count; i++) {
                const Zone *zone = NULL;
                assert_int_equal(zone_load(cache, text_from(names[i]), &zone), 0);
                (void)setenv("TZ", names[i], 1);
                tzset();
                for (int64_t t = 0; t < YEAR_2070; t += step)
                        compare_at(zone, t);
                for (size_t c = 1; c < zone->count; c++) {
                        int64_t at = zone->changes[c].at.us / 1000000;
                        compare_at(zone, at - 1);
                        compare_at(zone, at);
                }
        }
        (void)unsetenv("TZ");
        tzset();
        assert_int_equal(disagreements, 0);
}

static void every_table_ascends_in_instants_and_in_local_times(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1 << 16);
        ZoneCache *cache = zone_cache_new(arena, NULL);
        for (size_t i = 0; i < name_count; i++) {
                const Zone *zone = NULL;
                assert_int_equal(zone_load(cache, text_from(names[i]), &zone), 0);
                assert_string_equal(zone->name.data, names[i]);
                assert_true(zone->count >= 1);
                assert_false(wall_is_set(zone->changes[0].at));
                for (size_t c = 1; c < zone->count; c++) {
                        assert_true(zone->changes[c].at.us > zone->changes[c - 1].at.us);
                        assert_int_not_equal(zone->changes[c].offset_seconds, zone->changes[c - 1].offset_seconds);
                        int64_t step_us = zone->changes[c].at.us - zone->changes[c - 1].at.us;
                        int64_t jump_us = c < 2 ? 0
                                                : (int64_t)1000000 * zone->changes[c - 1].offset_seconds -
                                                          (int64_t)1000000 * zone->changes[c - 2].offset_seconds;
                        assert_true(c < 2 || step_us + jump_us > 0);
                }
        }
}

/* ---- names ---- */

static int load(const char *name)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        const Zone *zone = NULL;
        return zone_load(zone_cache_new(arena, NULL), text_from(name), &zone);
}

static void links_and_old_names_are_zones(void **state UNUSED)
{
        static const char *const good[] = {
                "UTC",           "Etc/UTC",       "Etc/GMT+3",      "GMT",
                "Europe/Berlin", "Asia/Calcutta", "Asia/Kathmandu", "America/Argentina/Buenos_Aires"
        };
        for (size_t i = 0; i < COUNT_OF(good); i++)
                assert_int_equal(load(good[i]), 0);
}

static void what_is_no_iana_name_is_unknown(void **state UNUSED)
{
        static const char *const bad[] = {
                "",
                "Europe/Berln",
                "europe/berlin",
                "Europe",
                "Europe/",
                "/Europe/Berlin",
                "Europe//Berlin",
                "../etc",
                "Europe/../GMT",
                "Europe/./GMT",
                "posix/UTC",
                "right/UTC",
                "localtime",
                "posixrules",
                "zone.tab",
                "tzdata.zi",
                "CET-1CEST",
                "Europe/Berlin ",
                ":UTC",
                "UTC/x",
                "Europe/Berlin\n",
                "A/B/C/D",
                "leapseconds",
                "Europe\\Berlin",
                "Etc/GMT\x01",
                "\xff",
                "+01:00",
                "Europe/Berl\xc3\xadn",
                ("Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                 "a"
                 "aaaaaaaa"),
        };
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                if (load(bad[i]) != -ENOENT)
                        fail_msg("\"%s\" gives %d", bad[i], load(bad[i]));
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        const Zone *zone = NULL;
        assert_int_equal(zone_load(zone_cache_new(arena, NULL), (Text){ "Europe/Berlin\0x", 15 }, &zone), -ENOENT);
        assert_int_equal(zone_load(zone_cache_new(arena, NULL), TEXT_NONE, &zone), -ENOENT);
}

static void a_zone_is_read_once_a_cache(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        ZoneCache *cache = zone_cache_new(arena, NULL);
        const Zone *first = NULL, *other = NULL, *again = NULL;
        assert_int_equal(zone_load(cache, TEXT("Europe/Berlin"), &first), 0);
        assert_int_equal(zone_load(cache, TEXT("Asia/Calcutta"), &other), 0);
        assert_int_equal(zone_load(cache, TEXT("Europe/Berlin"), &again), 0);
        assert_ptr_equal(first, again);
        assert_ptr_not_equal(first, other);
        size_t bytes = arena_bytes(arena);
        for (int i = 0; i < 1000; i++)
                assert_int_equal(zone_load(cache, TEXT("Europe/Nowhere"), &again), -ENOENT);
        assert_true(arena_bytes(arena) - bytes < 4096);
}

static void without_tzdata_only_utc_is_there(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        ZoneCache *cache = zone_cache_new(arena, "/nonexistent/zoneinfo");
        const Zone *zone = NULL;
        assert_int_equal(zone_load(cache, TEXT("Europe/Berlin"), &zone), -ENOTDIR);
        assert_int_equal(zone_load(cache, TEXT("UTC"), &zone), 0);
        assert_ptr_equal(zone, &ZONE_UTC);
        assert_null(zone_nearest(cache, TEXT("Europe/Berln")).data);
}

static void the_nearest_name_is_what_was_meant(void **state UNUSED)
{
        static const char *const cases[][2] = {
                { "Europe/Berln", "Europe/Berlin" },
                { "europe/berlin", "Europe/Berlin" },
                { "Berlin", "Europe/Berlin" },
                { "Germany/Berlin", "Europe/Berlin" },
                { "America/New York", "America/New_York" },
                { "America/Sao Paolo", "America/Sao_Paulo" },
                { "Europe/Sao_Paulo", "America/Sao_Paulo" },
                { "utc", "UTC" },
                { "Asia/Katmandoo", "Asia/Katmandu" },
                { "Australia/Lord Howe", "Australia/Lord_Howe" },
        };
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        ZoneCache *cache = zone_cache_new(arena, NULL);
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Text found = zone_nearest(cache, text_from(cases[i][0]));
                if (!text_is(found, cases[i][1]))
                        fail_msg("%s: " TEXT_F ", not %s", cases[i][0], TEXT_ARG(found), cases[i][1]);
        }
}

static void nothing_is_suggested_when_nothing_is_near(void **state UNUSED)
{
        static const char *const far[] = { "",          "/", "Middle-earth/Shire", "xyzzy", "GMT+1", "../../etc/passwd",
                                           "Etc/GMT+99" };
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        ZoneCache *cache = zone_cache_new(arena, NULL);
        for (size_t i = 0; i < COUNT_OF(far); i++) {
                Text found = zone_nearest(cache, text_from(far[i]));
                if (found.data && !text_is(found, "GMT") && !text_starts(found, TEXT("Etc/GMT")))
                        fail_msg("%s: " TEXT_F, far[i], TEXT_ARG(found));
        }
}

/* ---- files ---- */

static Text file_of(Arena *arena, const char *name)
{
        FILE *f = fopen(arena_textf(arena, "%s/%s", FOLDER, name).data, "rb");
        assert_non_null(f);
        char *bytes = arena_alloc(arena, 65536);
        size_t len = fread(bytes, 1, 65536, f);
        (void)fclose(f);
        return (Text){ bytes, len };
}

static void a_file_cut_short_anywhere_is_refused(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1 << 17);
        Text whole = file_of(arena, "Europe/Berlin");
        const Zone *zone = NULL;
        assert_int_equal(zone_read(arena, TEXT("whole"), whole, &zone), 0);
        for (size_t len = 0; len < whole.len; len++) {
                CLEANUP(arena_freep) Arena *scratch = arena_new(4096);
                char *copy = malloc(len + 1); /* its own block, so that a checker sees a read past its end */
                assert_non_null(copy);
                memcpy(copy, whole.data, len);
                assert_int_equal(zone_read(scratch, TEXT("cut"), (Text){ copy, len }, &zone), -EBADMSG);
                free(copy);
        }
}

/* xorshift64*: the same numbers everywhere. */
static uint64_t random_next(uint64_t *seed)
{
        *seed ^= *seed >> 12;
        *seed ^= *seed << 25;
        *seed ^= *seed >> 27;
        return *seed * 0x2545f4914f6cdd1du;
}

static void a_damaged_file_is_refused_or_gives_an_orderly_table(void **state UNUSED)
{
        uint64_t seed = 20261120;
        print_message("seed %llu\n", (unsigned long long)seed);
        CLEANUP(arena_freep) Arena *arena = arena_new(1 << 17);
        Text whole = file_of(arena, "America/Sao_Paulo");
        int accepted = 0;
        for (int round = 0; round < 4000; round++) {
                CLEANUP(arena_freep) Arena *scratch = arena_new(8192);
                Text damaged = arena_text(scratch, whole);
                char *bytes = (char *)(uintptr_t)damaged.data;
                for (uint64_t flips = 1 + random_next(&seed) % 3; flips > 0; flips--) {
                        bool in_header = random_next(&seed) % 2;
                        bytes[random_next(&seed) % (in_header ? 44 : damaged.len)] = (char)random_next(&seed);
                }
                const Zone *zone = NULL;
                int r = zone_read(scratch, TEXT("damaged"), damaged, &zone);
                assert_true(r == 0 || r == -EBADMSG);
                for (size_t c = 1; r == 0 && c < zone->count; c++)
                        assert_true(zone->changes[c].at.us > zone->changes[c - 1].at.us);
                accepted += r == 0;
        }
        assert_true(accepted > 0 && accepted < 4000);
}

static void put_number(Buffer *b, int64_t value, int bytes)
{
        for (int i = bytes - 1; i >= 0; i--)
                buffer_put_char(b, (char)((uint64_t)value >> (8 * i)));
}

static void put_header(Buffer *b, char version, uint32_t leaps, uint32_t times, uint32_t types)
{
        buffer_put_literal(b, "TZif");
        buffer_put_char(b, version);
        buffer_put(b, (Text){ "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 15 });
        put_number(b, 0, 4);
        put_number(b, 0, 4);
        put_number(b, leaps, 4);
        put_number(b, times, 4);
        put_number(b, types, 4);
        put_number(b, 4, 4);
}

/* A file without changes, offset 0, and this rule: what "slim" files of zones with one rule look like. */
static Text slim_file(Arena *arena, const char *rule, uint32_t leaps)
{
        Buffer b = buffer_in(arena);
        for (int block = 0; block < 2; block++) {
                put_header(&b, '3', block ? leaps : 0, 0, 1);
                put_number(&b, 0, 6);
                buffer_put(&b, (Text){ "XXX\0", 4 });
                for (uint32_t i = 0; block && i < leaps; i++) {
                        put_number(&b, 78796800 + i, 8);
                        put_number(&b, i + 1, 4);
                }
        }
        buffer_putf(&b, "\n%s\n", rule);
        return buffer_text(&b);
}

static void a_rule_alone_makes_the_table(void **state UNUSED)
{
        /* The C library reads the same rules from TZ, so it is the reference here too. */
        static const char *const rules[] = {
                "UTC0",
                "<+0545>-5:45",
                "CET-1CEST,M3.5.0,M10.5.0/3",
                "EST5EDT,M3.2.0,M11.1.0",
                "IST-1GMT0,M10.5.0,M3.5.0/1",
                "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
                "NST3:30NDT,M3.2.0,M11.1.0",
                "IST-2IDT,M3.4.4/26,M10.5.0",
                "EET-2EEST,M4.5.5/0,M10.5.4/24",
                "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
                "AAA1BBB,J59/0,J60/0",
                "AAA1BBB,59/0,300/0",
                "AAA-1BBB,J2/0,J364/25",
                "AAA5BBB,60/1:30:15,J305/167",
                "AAA-3:30:30BBB-4:45:15,M2.4.3,M9.1.6/-24",
        };
        CLEANUP(arena_freep) Arena *arena = arena_new(1 << 16);
        disagreements = 0;
        for (size_t i = 0; i < COUNT_OF(rules); i++) {
                const Zone *zone = NULL;
                assert_int_equal(zone_read(arena, text_from(rules[i]), slim_file(arena, rules[i], 0), &zone), 0);
                (void)setenv("TZ", rules[i], 1);
                tzset();
                for (int64_t t = 370 * 86400; t < YEAR_2070 - 86400 * 8; t += 86400 + 4321)
                        compare_at(zone, t);
                for (size_t c = 3; c < zone->count; c++) {
                        compare_at(zone, zone->changes[c].at.us / 1000000 - 1);
                        compare_at(zone, zone->changes[c].at.us / 1000000);
                }
        }
        (void)unsetenv("TZ");
        tzset();
        assert_int_equal(disagreements, 0);
}

static void summer_time_all_year_round_has_no_changes(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1 << 16);
        const Zone *zone = NULL;
        /* RFC 8536, section 3.3.1: the end of one year is the start of the next. */
        assert_int_equal(zone_read(arena, TEXT("x"), slim_file(arena, "XXX3EDT4,0/0,J365/23", 0), &zone), 0);
        assert_int_equal(zone_offset(zone, (WallTime){ INT64_C(1600000000) * 1000000 }), -4 * 3600);
        assert_true(zone->count <= 4);
}

static void a_rule_that_is_none_is_refused(void **state UNUSED)
{
        static const char *const rules[] = {
                "X0",
                "CET",
                "CET-1CEST",
                "CET-1CEST,M3.5.0",
                "CET-1CEST,M3.5.0,M10.5.0/3,",
                "CET-1CEST,M13.1.0,M10.5.0",
                "CET-1CEST,M3.6.0,M10.5.0",
                "CET-1CEST,M3.5.7,M10.5.0",
                "CET-1CEST,J0,J5",
                "CET-1CEST,366,5",
                "CET-25",
                "CET-1:60",
                "<+01-1",
                "CET-1CEST,M3.5.0/168,M10.5.0",
                "\n",
                "CET-1\nCET-1",
                "CET-1CEST,M3.5.0 ,M10.5.0",
                "CET-1CEST,M3.5.0/,M10.5.0",
                "CET-1CEST,M99999999999.5.0,M10.5.0",
        };
        CLEANUP(arena_freep) Arena *arena = arena_new(1 << 16);
        for (size_t i = 0; i < COUNT_OF(rules); i++) {
                const Zone *zone = NULL;
                if (zone_read(arena, TEXT("x"), slim_file(arena, rules[i], 0), &zone) != -EBADMSG)
                        fail_msg("accepted \"%s\"", rules[i]);
        }
}

static void a_file_with_leap_seconds_is_refused(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1 << 16);
        const Zone *zone = NULL;
        assert_int_equal(zone_read(arena, TEXT("x"), slim_file(arena, "UTC0", 1), &zone), -EBADMSG);
}

static void a_file_of_the_first_version_has_no_rule(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1 << 16);
        Buffer b = buffer_in(arena);
        put_header(&b, '\0', 0, 2, 2);
        put_number(&b, -1000, 4);
        put_number(&b, 1000, 4);
        put_number(&b, 0, 1);
        put_number(&b, 1, 1);
        put_number(&b, 3600, 4);
        put_number(&b, 0, 2);
        put_number(&b, -7200, 4);
        put_number(&b, 0, 2);
        buffer_put(&b, (Text){ "XXX\0", 4 });
        const Zone *zone = NULL;
        assert_int_equal(zone_read(arena, TEXT("x"), buffer_text(&b), &zone), 0);
        assert_int_equal(zone->count, 2);
        assert_int_equal(zone_offset(zone, (WallTime){ 999999999 }), 3600);
        assert_int_equal(zone_offset(zone, (WallTime){ 1000000000 }), -7200);
        assert_int_equal(zone_offset(zone, (WallTime){ YEAR_2070 * 2000000 }), -7200);
}

static void counts_that_promise_more_than_the_file_holds_are_refused(void **state UNUSED)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(1 << 16);
        for (size_t at = 20; at < 44; at += 4) {
                Text file = slim_file(arena, "UTC0", 0);
                memset((char *)(uintptr_t)file.data + at, 0xff, 4);
                const Zone *zone = NULL;
                assert_int_equal(zone_read(arena, TEXT("x"), file, &zone), -EBADMSG);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_zone_agrees_with_the_c_library_from_1970_to_2069),
                cmocka_unit_test(every_table_ascends_in_instants_and_in_local_times),
                cmocka_unit_test(links_and_old_names_are_zones),
                cmocka_unit_test(what_is_no_iana_name_is_unknown),
                cmocka_unit_test(a_zone_is_read_once_a_cache),
                cmocka_unit_test(without_tzdata_only_utc_is_there),
                cmocka_unit_test(the_nearest_name_is_what_was_meant),
                cmocka_unit_test(nothing_is_suggested_when_nothing_is_near),
                cmocka_unit_test(a_file_cut_short_anywhere_is_refused),
                cmocka_unit_test(a_damaged_file_is_refused_or_gives_an_orderly_table),
                cmocka_unit_test(a_rule_alone_makes_the_table),
                cmocka_unit_test(summer_time_all_year_round_has_no_changes),
                cmocka_unit_test(a_rule_that_is_none_is_refused),
                cmocka_unit_test(a_file_with_leap_seconds_is_refused),
                cmocka_unit_test(a_file_of_the_first_version_has_no_rule),
                cmocka_unit_test(counts_that_promise_more_than_the_file_holds_are_refused),
        };
        return cmocka_run_group_tests_name("zones", tests, read_names, free_names);
}
