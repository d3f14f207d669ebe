#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "core/people.h"

static const WallTime DAY_1 = { INT64_C(1000000000000) }, DAY_2 = { INT64_C(2000000000000) },
                      DAY_3 = { INT64_C(3000000000000) };

static WallTime before(WallTime t)
{
        return (WallTime){ t.us - 1 };
}

#define ALWAYS .from = WALL_NONE, .until = WALL_NEVER

/* ---- persons, groups, parties ---- */

static void a_person_is_found_by_id_in_force_at_the_time(void **state UNUSED)
{
        const Person persons[] = {
                { .id = TEXT("ana"), .name = TEXT("Ana Lima"), ALWAYS },
                { .id = TEXT("ben"), .name = TEXT("Ben, North"), .from = WALL_NONE, .until = DAY_1 },
                { .id = TEXT("ben"), .name = TEXT("Ben, South"), .from = DAY_2, .until = DAY_3 },
                { .id = TEXT("ben"), .name = TEXT("Ben, West"), .from = DAY_3, .until = WALL_NEVER },
                { .id = TEXT("benny"), .name = TEXT("Benny"), .from = DAY_1, .until = WALL_NEVER },
        };
        const Roster roster = { .persons = persons, .person_count = COUNT_OF(persons) };
        assert_ptr_equal(roster_person(&roster, TEXT("ana"), DAY_1), &persons[0]);
        assert_ptr_equal(roster_person(&roster, TEXT("ana"), (WallTime){ INT64_MIN + 1 }), &persons[0]);
        assert_ptr_equal(roster_person(&roster, TEXT("ben"), before(DAY_1)), &persons[1]);
        assert_null(roster_person(&roster, TEXT("ben"), DAY_1));
        assert_null(roster_person(&roster, TEXT("ben"), before(DAY_2)));
        assert_ptr_equal(roster_person(&roster, TEXT("ben"), DAY_2), &persons[2]);
        assert_ptr_equal(roster_person(&roster, TEXT("ben"), before(DAY_3)), &persons[2]);
        assert_ptr_equal(roster_person(&roster, TEXT("ben"), DAY_3), &persons[3]);
        assert_null(roster_person(&roster, TEXT("benny"), before(DAY_1)));
        assert_ptr_equal(roster_person(&roster, TEXT("benny"), DAY_1), &persons[4]);
        assert_null(roster_person(&roster, TEXT("be"), DAY_1));
        assert_null(roster_person(&roster, TEXT("bennyx"), DAY_1));
        assert_null(roster_person(&roster, TEXT("Ana"), DAY_1));
        assert_null(roster_person(&roster, TEXT(""), DAY_1));
        assert_null(roster_person(&roster, TEXT_NONE, DAY_1));
        const Roster nobody = { 0 };
        assert_null(roster_person(&nobody, TEXT("ana"), DAY_1));
}

static void a_party_is_a_person_then_a_group(void **state UNUSED)
{
        const Person persons[] = {
                { .id = TEXT("desk"), .from = DAY_2, .until = WALL_NEVER },
                { .id = TEXT("ines"), .name = TEXT("Ines Roth"), ALWAYS },
        };
        const Group groups[] = { { .id = TEXT("back") }, { .id = TEXT("desk") }, { .id = TEXT("front") } };
        const Roster roster = {
                .persons = persons, .person_count = COUNT_OF(persons), .groups = groups, .group_count = COUNT_OF(groups)
        };
        Party desk = roster_party(&roster, TEXT("desk"), DAY_1);
        assert_null(desk.person);
        assert_ptr_equal(desk.group, &groups[1]);
        desk = roster_party(&roster, TEXT("desk"), DAY_2);
        assert_ptr_equal(desk.person, &persons[0]);
        assert_null(desk.group);
        assert_ptr_equal(roster_party(&roster, TEXT("back"), DAY_1).group, &groups[0]);
        assert_ptr_equal(roster_party(&roster, TEXT("front"), DAY_1).group, &groups[2]);
        assert_false(party_is_somebody(roster_party(&roster, TEXT("nobody"), DAY_1)));
        assert_false(party_is_somebody(roster_party(&roster, TEXT_NONE, DAY_1)));
}

static void a_group_can_be_told_as_long_as_one_of_its_members_is_there(void **state UNUSED)
{
        const Person persons[] = {
                { .id = TEXT("ana"), .from = WALL_NONE, .until = DAY_1 },
                { .id = TEXT("ben"), .from = WALL_NONE, .until = DAY_2 },
        };
        const Text members[] = { TEXT("ana"), TEXT("ben"), TEXT("who-was-never-there") };
        const Group groups[] = { { .id = TEXT("desk"), .members = members, .member_count = COUNT_OF(members) } };
        const Roster roster = { .persons = persons, .person_count = 2, .groups = groups, .group_count = 1 };
        Party desk = roster_party(&roster, TEXT("desk"), DAY_1);
        assert_true(roster_can_tell(&roster, desk, before(DAY_1)));
        assert_true(roster_can_tell(&roster, desk, DAY_1));
        assert_false(roster_can_tell(&roster, desk, DAY_2));
        assert_true(roster_can_tell(&roster, roster_party(&roster, TEXT("ana"), before(DAY_1)), before(DAY_1)));
        assert_false(roster_can_tell(&roster, roster_party(&roster, TEXT("ana"), DAY_1), DAY_1));
}

static void a_party_answers_for_its_person_or_group(void **state UNUSED)
{
        const Zone other = { .name = TEXT("Other") };
        const Person person = { .id = TEXT("ana"),
                                .name = TEXT("Ana Lima"),
                                .zone = &ZONE_UTC,
                                .hours.is_always = true,
                                .manager = TEXT("joe"),
                                .director = TEXT("ines"),
                                ALWAYS };
        const Person unnamed = { .id = TEXT("ben"), .zone = &ZONE_UTC, ALWAYS };
        const Group group = { .id = TEXT("desk"), .zone = &other, .manager = TEXT("ines"), .director = TEXT_NONE };
        Party p = { .person = &person }, u = { .person = &unnamed }, g = { .group = &group };
        assert_true(text_is(party_id(p), "ana") && text_is(party_name(p), "Ana Lima"));
        assert_true(text_is(party_name(u), "ben"));
        assert_true(text_is(party_id(g), "desk") && text_is(party_name(g), "desk"));
        assert_ptr_equal(party_hours(p), &person.hours);
        assert_ptr_equal(party_hours(g), &group.hours);
        assert_ptr_equal(party_zone(p), &ZONE_UTC);
        assert_ptr_equal(party_zone(g), &other);
        assert_true(text_is(party_manager(p), "joe") && text_is(party_director(p), "ines"));
        assert_true(text_is(party_manager(g), "ines") && !party_director(g).data);
}

/* ---- territories ---- */

static int territory_qsort_order(const void *a, const void *b)
{
        return territory_order(a, b);
}

static Text owner_of(const Roster *roster, const char *territory, WallTime at)
{
        const Territory *found = roster_territory(roster, text_from(territory), at);
        return found ? found->owner : TEXT("-");
}

static void assert_owner(const Roster *roster, const char *territory, WallTime at, const char *expected)
{
        Text found = owner_of(roster, territory, at);
        if (!text_is(found, expected))
                fail_msg("\"%s\" belongs to " TEXT_F ", not %s", territory, TEXT_ARG(found), expected);
}

static void exact_beats_wildcard_and_longer_beats_shorter(void **state UNUSED)
{
        Territory rows[] = {
                { TEXT("DE-*"), TEXT("joe"), ALWAYS },     { TEXT("DE-S*"), TEXT("ute"), ALWAYS },
                { TEXT("DE-SOUTH"), TEXT("eva"), ALWAYS }, { TEXT("BR-S"), TEXT("ana"), ALWAYS },
                { TEXT("UKI"), TEXT("ben"), ALWAYS },      { TEXT("DE-SOUTH-EAST*"), TEXT("kai"), ALWAYS },
                { TEXT("D!"), TEXT("odd"), ALWAYS },       { TEXT("\xc3\x96*"), TEXT("urs"), ALWAYS },
        };
        const Roster roster = { .territories = rows, .territory_count = COUNT_OF(rows) };
        qsort(rows, COUNT_OF(rows), sizeof(rows[0]), territory_qsort_order);
        assert_owner(&roster, "BR-S", DAY_1, "ana");
        assert_owner(&roster, "UKI", DAY_1, "ben");
        assert_owner(&roster, "DE-SOUTH", DAY_1, "eva");
        assert_owner(&roster, "DE-SOUT", DAY_1, "ute");
        assert_owner(&roster, "DE-SOUTH-E", DAY_1, "ute");
        assert_owner(&roster, "DE-SOUTH-EAST", DAY_1, "kai");
        assert_owner(&roster, "DE-SOUTH-EAST-3", DAY_1, "kai");
        assert_owner(&roster, "DE-N", DAY_1, "joe");
        assert_owner(&roster, "DE-", DAY_1, "joe");
        assert_owner(&roster, "DE-*", DAY_1, "joe");
        assert_owner(&roster, "D!", DAY_1, "odd");
        assert_owner(&roster, "\xc3\x96sterreich", DAY_1, "urs");
        assert_owner(&roster, "DE", DAY_1, "-");
        assert_owner(&roster, "DE+N", DAY_1, "-");
        assert_owner(&roster, "de-n", DAY_1, "-");
        assert_owner(&roster, "BR-SP", DAY_1, "-");
        assert_owner(&roster, "BR", DAY_1, "-");
        assert_owner(&roster, "*", DAY_1, "-");
        assert_owner(&roster, "", DAY_1, "-");
        assert_null(roster_territory(&roster, TEXT_NONE, DAY_1));
        assert_null(roster_territory(&(Roster){ 0 }, TEXT("BR-S"), DAY_1));
}

static void the_star_alone_takes_any_territory_but_none(void **state UNUSED)
{
        Territory rows[] = { { TEXT("*"), TEXT("desk"), ALWAYS }, { TEXT("BR*"), TEXT("ana"), ALWAYS } };
        const Roster roster = { .territories = rows, .territory_count = COUNT_OF(rows) };
        assert_owner(&roster, "anything", DAY_1, "desk");
        assert_owner(&roster, "B", DAY_1, "desk");
        assert_owner(&roster, "BR", DAY_1, "ana");
        assert_owner(&roster, "", DAY_1, "-");
        assert_null(roster_territory(&roster, TEXT_NONE, DAY_1));
}

static void only_rows_in_force_at_the_time_count(void **state UNUSED)
{
        Territory rows[] = {
                { TEXT("UKI"), TEXT("ben"), .from = DAY_2, .until = DAY_3 },
                { TEXT("UKI"), TEXT("amy"), .from = WALL_NONE, .until = DAY_1 },
                { TEXT("UKI"), TEXT("cat"), .from = DAY_3, .until = WALL_NEVER },
                { TEXT("UK*"), TEXT("joe"), .from = DAY_1, .until = DAY_3 },
                { TEXT("U*"), TEXT("ines"), ALWAYS },
        };
        const Roster roster = { .territories = rows, .territory_count = COUNT_OF(rows) };
        qsort(rows, COUNT_OF(rows), sizeof(rows[0]), territory_qsort_order);
        assert_owner(&roster, "UKI", before(DAY_1), "amy");
        assert_owner(&roster, "UKI", DAY_1, "joe");
        assert_owner(&roster, "UKI", before(DAY_2), "joe");
        assert_owner(&roster, "UKI", DAY_2, "ben");
        assert_owner(&roster, "UKI", before(DAY_3), "ben");
        assert_owner(&roster, "UKI", DAY_3, "cat");
        assert_owner(&roster, "UKX", before(DAY_1), "ines");
        assert_owner(&roster, "UKX", DAY_2, "joe");
        assert_owner(&roster, "UKX", DAY_3, "ines");
}

/* The obvious way: look at every row. */
static const Territory *slow_territory(const Roster *roster, Text territory, WallTime at)
{
        const Territory *best = NULL;
        for (size_t i = 0; i < roster->territory_count; i++) {
                const Territory *t = &roster->territories[i];
                bool is_wild = t->pattern.len > 0 && t->pattern.data[t->pattern.len - 1] == '*';
                if (at.us < t->from.us || at.us >= t->until.us)
                        continue;
                if (text_equal(t->pattern, territory))
                        return t;
                if (is_wild && text_starts(territory, (Text){ t->pattern.data, t->pattern.len - 1 }) &&
                    (!best || best->pattern.len < t->pattern.len))
                        best = t;
        }
        return territory.len > 0 ? best : NULL;
}

static uint64_t random_state;

static uint64_t random_below(uint64_t bound)
{
        random_state ^= random_state >> 12;
        random_state ^= random_state << 25;
        random_state ^= random_state >> 27;
        return ((random_state * 0x2545f4914f6cdd1du) >> 1) % bound;
}

static Text random_territory(Arena *arena, const char *alphabet)
{
        char letters[8];
        size_t len = random_below(sizeof(letters));
        for (size_t i = 0; i < len; i++)
                letters[i] = alphabet[random_below(strlen(alphabet))];
        return arena_text(arena, (Text){ letters, len });
}

/* Sorted, without two rows of one pattern in force at once. */
static Roster random_roster(Arena *arena, size_t count)
{
        Territory *rows = arena_array(arena, Territory, count);
        for (size_t i = 0; i < count; i++) {
                Text prefix = random_territory(arena, "ab-\xc3");
                rows[i].pattern =
                        random_below(3) || prefix.len == 0 ? arena_textf(arena, TEXT_F "*", TEXT_ARG(prefix)) : prefix;
                rows[i].from = (WallTime){ (int64_t)random_below(100) };
                rows[i].until = WALL_NEVER;
        }
        qsort(rows, count, sizeof(rows[0]), territory_qsort_order);
        for (size_t i = 0; i + 1 < count; i++)
                if (text_equal(rows[i].pattern, rows[i + 1].pattern))
                        rows[i].until =
                                (WallTime){ MAX_OF(rows[i].from.us, rows[i + 1].from.us - (int64_t)random_below(9)) };
        return (Roster){ .territories = rows, .territory_count = count };
}

static void any_list_of_territories_agrees_with_looking_at_every_row(void **state UNUSED)
{
        random_state = 20261120;
        print_message("seed %llu\n", (unsigned long long)random_state);
        CLEANUP(arena_freep) Arena *arena = arena_new(1 << 16);
        for (int round = 0; round < 200; round++) {
                Roster roster = random_roster(arena, random_below(120));
                for (int n = 0; n < 200; n++) {
                        Text territory = random_territory(arena, "ab-*\xc3");
                        WallTime at = { (int64_t)random_below(110) };
                        assert_ptr_equal(roster_territory(&roster, territory, at),
                                         slow_territory(&roster, territory, at));
                }
                arena_reset(arena);
        }
}

static void a_hundred_thousand_territories_are_searched_not_read(void **state UNUSED)
{
        enum {
                ROWS = 100000
        };
        CLEANUP(arena_freep) Arena *arena = arena_new(1 << 16);
        Territory *rows = arena_array(arena, Territory, ROWS);
        for (int i = 0; i < ROWS; i++)
                rows[i] = (Territory){ arena_textf(arena, "T%06d", i * 7), arena_textf(arena, "%d", i), ALWAYS };
        const Roster roster = { .territories = rows, .territory_count = ROWS };
        /* Reading all rows each time would take minutes. */
        for (int i = 0; i < ROWS; i++)
                assert_ptr_equal(roster_territory(&roster, rows[i].pattern, DAY_1), &rows[i]);
        /* Nor does a long text that a customer sent cost anything: it ends with the patterns. */
        size_t long_bytes = 1 << 20;
        char *letters = memset(arena_alloc(arena, long_bytes), 'T', long_bytes);
        for (int i = 0; i < ROWS; i++)
                assert_null(roster_territory(&roster, (Text){ letters, long_bytes }, DAY_1));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_person_is_found_by_id_in_force_at_the_time),
                cmocka_unit_test(a_party_is_a_person_then_a_group),
                cmocka_unit_test(a_party_answers_for_its_person_or_group),
                cmocka_unit_test(a_group_can_be_told_as_long_as_one_of_its_members_is_there),
                cmocka_unit_test(exact_beats_wildcard_and_longer_beats_shorter),
                cmocka_unit_test(the_star_alone_takes_any_territory_but_none),
                cmocka_unit_test(only_rows_in_force_at_the_time_count),
                cmocka_unit_test(any_list_of_territories_agrees_with_looking_at_every_row),
                cmocka_unit_test(a_hundred_thousand_territories_are_searched_not_read),
        };
        return cmocka_run_group_tests_name("people", tests, NULL, NULL);
}
