/* people.h - persons, groups, territories: who can own a case and how they are reached.
 * Immutable, in the Config's arena. Rows have effective dates: half-open instants, made from the dates in the person's
 * zone ([from 00:00, day after until 00:00)). The same id may have several rows that do not overlap. */
#pragma once

#include "core/calendar.h"

typedef struct Person {
        Text id;
        Text name;
        Text email;
        Text phone;
        const Text *channels; /* names, in order of preference */
        size_t channel_count;
        const Zone *zone;
        Hours hours;
        Text language;
        Text manager, director, delegate; /* ids; absent: nobody */
        Text unit;
        WallTime from, until; /* WALL_NONE, WALL_NEVER when open */
} Person;

typedef struct Group {
        Text id;
        const Text *members; /* ids of persons */
        size_t member_count;
        const Zone *zone;
        Hours hours;
        Text manager, director;
} Group;

typedef struct Territory {
        Text pattern; /* "BR-S", or with one '*' at its very end: "DE-*" (also "DE-" itself), "*" (any but none) */
        Text owner; /* a person, then a group */
        WallTime from, until;
} Territory;

/* Each list is sorted by its _order() below, and of rows with the same key no two are in force at the same time; the
 * loader sees to both. Look-ups are binary searches: what a customer writes as territory costs no more than the
 * longest pattern. */
typedef struct Roster {
        const Person *persons;
        size_t person_count;
        const Group *groups;
        size_t group_count;
        const Territory *territories;
        size_t territory_count;
} Roster;

int person_order(const Person *a, const Person *b); /* by id in byte order, then from */
int group_order(const Group *a, const Group *b); /* by id */
int territory_order(const Territory *a, const Territory *b); /* by pattern in byte order, '*' as it is, then from */

const Person *roster_person(const Roster *roster, Text id, WallTime at); /* NULL: nobody of that id then */
const Group *roster_group(const Roster *roster, Text id);
/* Exact beats wildcard, the longer wildcard beats the shorter; of rows in force at that time. NULL: not in the list,
 * or no territory given. */
const Territory *roster_territory(const Roster *roster, Text territory, WallTime at);

/* Somebody who can own a case: a person, or a group. Both NULL: nobody. */
typedef struct Party {
        const Person *person;
        const Group *group;
} Party;

Party roster_party(const Roster *roster, Text id, WallTime at); /* a person, then a group */
static inline bool party_is_somebody(Party p)
{
        return p.person || p.group;
}
/* A person who is there, or a group with at least one member who is. */
bool roster_can_tell(const Roster *roster, Party p, WallTime at);
/* Of somebody; never of nobody. */
Text party_id(Party p);
Text party_name(Party p); /* a group, or a person without a name, has its id for one */
const Hours *party_hours(Party p);
const Zone *party_zone(Party p);
Text party_manager(Party p);
Text party_director(Party p);
