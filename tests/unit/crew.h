/* crew.h - for tests: four people in three time zones, a group, and the 24-hour policy, as in the manual's example.
 * Owns:    all of it is in one arena, made before the first test of a program and freed after the last. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/zones.h"
#include "core/ladder.h"

static Arena *arena;
static Person persons[4];
static Group groups[1];
static Roster roster;
static Policy one_day;

static UNUSED Span hours_of(int64_t n)
{
        return span_times(SPAN_HOUR, n);
}

static UNUSED Delay working_hours(int64_t n)
{
        return (Delay){ .kind = DELAY_WORKING_TIME, .span = hours_of(n) };
}

static UNUSED Delay working_days(int n)
{
        return (Delay){ .kind = DELAY_WORKING_DAYS, .days = n };
}

/* "2026-11-20T16:00-03:00" */
static UNUSED WallTime at(const char *text)
{
        WallTime t = WALL_NONE;
        bool has_zone = false;
        assert_true(wall_parse(text_from(text), &t, &has_zone) && has_zone);
        return t;
}

static Hours hours(const char *text)
{
        Hours h;
        size_t offset;
        const char *message;
        assert_true(hours_parse(text_from(text), &h, &offset, &message));
        return h;
}

static const Zone *zone_of(ZoneCache *cache, const char *name)
{
        const Zone *zone = NULL;
        assert_int_equal(zone_load(cache, text_from(name), &zone), 0);
        return zone;
}

static Person person(const char *id, const Zone *zone, const char *open, const char *manager, const char *director)
{
        return (Person){ .id = text_from(id),
                         .name = text_from(id),
                         .zone = zone,
                         .hours = hours(open),
                         .manager = text_from(manager),
                         .director = text_from(director),
                         .from = WALL_NONE,
                         .until = WALL_NEVER };
}

static void crew_make(void)
{
        static const Text members[] = { { "joe", 3 }, { "ben", 3 } };
        ZoneCache *cache = zone_cache_new(arena, NULL);
        const Zone *london = zone_of(cache, "Europe/London"), *berlin = zone_of(cache, "Europe/Berlin");
        const Zone *sao_paulo = zone_of(cache, "America/Sao_Paulo");
        persons[0] = person("ana", sao_paulo, "Mo-Fr 08:00-12:00 13:00-18:00", "joe", "ines");
        persons[1] = person("ben", london, "Mo-Fr 09:00-17:30", "joe", "ines");
        persons[2] = person("ines", berlin, "Mo-Fr 08:00-19:00", NULL, NULL);
        persons[3] = person("joe", london, "Mo-Fr 08:30-18:00", "ines", "ines");
        groups[0] = (Group){ .id = TEXT("desk"),
                             .members = members,
                             .member_count = COUNT_OF(members),
                             .zone = london,
                             .hours = hours("Mo-Su 08:00-20:00"),
                             .manager = TEXT("ines"),
                             .director = TEXT("ines") };
        roster = (Roster){ .persons = persons, .person_count = 4, .groups = groups, .group_count = 1 };
}

static void policy_make(void)
{
        static const Recipient owner[] = { { RECIPIENT_OWNER, { NULL, 0 } } };
        static const Recipient manager[] = { { RECIPIENT_MANAGER, { NULL, 0 } } };
        static const Recipient both[] = { { RECIPIENT_OWNER, { NULL, 0 } }, { RECIPIENT_MANAGER, { NULL, 0 } } };
        static const Recipient director[] = { { RECIPIENT_DIRECTOR, { NULL, 0 } } };
        static const Text reached[] = { { "spoke", 5 }, { "visited", 7 } };
        static Rung ladder[5];
        ladder[0] = (Rung){ .tell = owner, .tell_count = 1, .message = MESSAGE_ALERT, .any_time = true };
        ladder[1] = (Rung){ working_hours(4), owner, 1, MESSAGE_REMINDER, false, false, { 0 } };
        ladder[2] = (Rung){ working_hours(6), manager, 1, MESSAGE_HELP_NEEDED, false, false, { 0 } };
        ladder[3] = (Rung){ { .kind = DELAY_WINDOW }, both, 2, MESSAGE_WINDOW_MISSED, false, false, { 0 } };
        ladder[4] = (Rung){ working_days(2), director, 1, MESSAGE_WAITING_LIST, false, true, working_days(1) };
        one_day = (Policy){ .name = TEXT("one-day"),
                            .version = 3,
                            .window = SPAN_DAY,
                            .reached_by = reached,
                            .reached_by_count = COUNT_OF(reached),
                            .attempt_pause = working_days(1),
                            .attempts_max = 3,
                            .least_notice = working_hours(4),
                            .ladder = ladder,
                            .rung_count = COUNT_OF(ladder),
                            .joins = true,
                            .reopens = span_times(SPAN_DAY, 14),
                            .unreachable_after = 3 };
}

static UNUSED int crew_meet(void **state UNUSED)
{
        arena = arena_new(1 << 16);
        crew_make();
        policy_make();
        return 0;
}

static UNUSED int crew_part(void **state UNUSED)
{
        arena = arena_free(arena);
        return 0;
}

/* A case of this owner that was submitted and is looked at at these moments. */
static UNUSED LadderScene scene_of(const char *owner, const char *submitted, const char *now)
{
        LadderScene scene = { .policy = &one_day,
                              .roster = &roster,
                              .catch_all = { .group = &groups[0] },
                              .submitted_at = at(submitted),
                              .now = at(now) };
        scene.window_ends_at = wall_add(scene.submitted_at, one_day.window);
        scene.owner = roster_party(&roster, text_from(owner), scene.now);
        return scene;
}

/* The same numbers everywhere: xorshift64*. */
static uint64_t random_state;

static UNUSED uint64_t random_next(void)
{
        random_state ^= random_state >> 12;
        random_state ^= random_state << 25;
        random_state ^= random_state >> 27;
        return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

static UNUSED int random_below(int n)
{
        return (int)((random_next() >> 33) % (uint64_t)n);
}
