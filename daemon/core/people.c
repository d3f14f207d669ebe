#include "core/people.h"

int person_order(const Person *a, const Person *b)
{
        int order = text_compare(a->id, b->id);
        return order != 0 ? order : (a->from.us > b->from.us) - (a->from.us < b->from.us);
}

int group_order(const Group *a, const Group *b)
{
        return text_compare(a->id, b->id);
}

int territory_order(const Territory *a, const Territory *b)
{
        int order = text_compare(a->pattern, b->pattern);
        return order != 0 ? order : (a->from.us > b->from.us) - (a->from.us < b->from.us);
}

const Person *roster_person(const Roster *roster, Text id, WallTime at)
{
        /* The last row that is not after (id, at) is the one in force, if it is of this id and has not ended. */
        const Person sought = { .id = id, .from = at };
        size_t low = 0, high = roster->person_count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (person_order(&roster->persons[middle], &sought) <= 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        const Person *person = low > 0 ? &roster->persons[low - 1] : NULL;
        return person && text_equal(person->id, id) && wall_before(at, person->until) ? person : NULL;
}

const Group *roster_group(const Roster *roster, Text id)
{
        size_t low = 0, high = roster->group_count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = text_compare(roster->groups[middle].id, id);
                if (order == 0)
                        return &roster->groups[middle];
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}

/* Rows that stand next to each other. */
typedef struct TerritoryRange {
        const Territory *rows;
        size_t count;
} TerritoryRange;

static const Territory *territory_in_force(TerritoryRange range, Text pattern, WallTime at)
{
        const Territory sought = { .pattern = pattern, .from = at };
        size_t low = 0, high = range.count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (territory_order(&range.rows[middle], &sought) <= 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        const Territory *row = low > 0 ? &range.rows[low - 1] : NULL;
        return row && text_equal(row->pattern, pattern) && wall_before(at, row->until) ? row : NULL;
}

/* The first row whose byte at `place` is not below `byte`; a pattern that has ended counts as -1. */
static size_t range_split(TerritoryRange range, size_t place, int byte)
{
        size_t low = 0, high = range.count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                Text pattern = range.rows[middle].pattern;
                int found = place < pattern.len ? (uint8_t)pattern.data[place] : -1;
                if (found < byte)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* Of rows that agree up to `place`, those that have this byte there. */
static TerritoryRange range_of_byte(TerritoryRange range, size_t place, int byte)
{
        size_t first = range_split(range, place, byte);
        TerritoryRange tail = { range.rows + first, range.count - first };
        return (TerritoryRange){ tail.rows, range_split(tail, place, byte + 1) };
}

const Territory *roster_territory(const Roster *roster, Text territory, WallTime at)
{
        if (text_is_empty(territory))
                return NULL;
        TerritoryRange range = { roster->territories, roster->territory_count };
        const Territory *best = territory_in_force(range, territory, at);
        if (best)
                return best;
        /* Letter by letter the range shrinks to the patterns that begin as the territory does; on the way stand the
         * wildcards, the longest last. Ends with the patterns, however long the territory is. */
        for (size_t place = 0; range.count > 0; place++) {
                TerritoryRange wildcards = range_of_byte(range, place, '*');
                Text pattern = wildcards.count > 0 ? wildcards.rows[0].pattern : TEXT_NONE;
                const Territory *found = pattern.len == place + 1 ? territory_in_force(wildcards, pattern, at) : NULL;
                if (found)
                        best = found;
                if (place == territory.len)
                        break;
                range = range_of_byte(range, place, (uint8_t)territory.data[place]);
        }
        return best;
}

Party roster_party(const Roster *roster, Text id, WallTime at)
{
        const Person *person = roster_person(roster, id, at);
        return (Party){ person, person ? NULL : roster_group(roster, id) };
}

bool roster_can_tell(const Roster *roster, Party p, WallTime at)
{
        for (size_t i = 0; p.group && i < p.group->member_count; i++)
                if (roster_person(roster, p.group->members[i], at))
                        return true;
        return p.person != NULL;
}

Text party_id(Party p)
{
        must(party_is_somebody(p));
        return p.person ? p.person->id : p.group->id;
}

Text party_name(Party p)
{
        must(party_is_somebody(p));
        return p.person && !text_is_empty(p.person->name) ? p.person->name : party_id(p);
}

const Hours *party_hours(Party p)
{
        must(party_is_somebody(p));
        return p.person ? &p.person->hours : &p.group->hours;
}

const Zone *party_zone(Party p)
{
        must(party_is_somebody(p));
        return p.person ? p.person->zone : p.group->zone;
}

Text party_manager(Party p)
{
        must(party_is_somebody(p));
        return p.person ? p.person->manager : p.group->manager;
}

Text party_director(Party p)
{
        must(party_is_somebody(p));
        return p.person ? p.person->director : p.group->director;
}
