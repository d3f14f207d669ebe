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
        Text pattern; /* "BR-S", or "DE-*" */
        Text owner; /* a person, then a group */
        WallTime from, until;
} Territory;

typedef struct Roster {
        const Person *persons; /* sorted by id, then from */
        size_t person_count;
        const Group *groups; /* sorted by id */
        size_t group_count;
        const Territory *territories;
        size_t territory_count;
} Roster;

const Person *roster_person(const Roster *roster, Text id, WallTime at); /* NULL: nobody of that id then */
const Group *roster_group(const Roster *roster, Text id);
/* Exact beats wildcard, the longer wildcard beats the shorter. NULL: not in the list. */
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
Text party_id(Party p);
Text party_name(Party p); /* a group has its id for a name */
const Hours *party_hours(Party p);
const Zone *party_zone(Party p);
Text party_manager(Party p);
Text party_director(Party p);
