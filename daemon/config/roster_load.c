/* People, groups and territories, from three CSV files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/csv.h"
#include "config/file.h"
#include "config/loader.h"

enum {
        ROSTER_BYTES_MAX = 64 << 20
};

/* ---- shared by the three files ---------------------------------------------------------------------------------- */

/* One row while it is read: where it is, and what it is called in messages. */
typedef struct Row {
        Loader *l;
        Origin origin;
        const char *noun;
        Text id;
        const Text *cells;
        const CsvColumn *columns;
        bool is_good;
} Row;

static void row_error(Row *row, const char *format, ...) PRINTF_LIKE(2, 3);
static void row_error(Row *row, const char *format, ...)
{
        Loader *l = row->l;
        va_list args;
        va_start(args, format);
        Text message = arena_textv(l->scratch, format, args);
        va_end(args);
        row->is_good = false;
        const char *context =
                text_is_empty(row->id) ? "" : arena_textf(l->scratch, "in %s %s: ", row->noun, quoted(l, row->id)).data;
        report_error(l->report, row->origin.file, row->origin.line, "%s" TEXT_F, context, TEXT_ARG(message));
}

static Row row_begin(Loader *l, const CsvTable *table, size_t index, const char *noun, const CsvColumn *columns)
{
        const CsvRow *from = &table->rows[index];
        return (Row){ l, { table->file, from->line }, noun, from->cells[0], from->cells, columns, true };
}

/* False: it cannot be read; nothing is said where the file was not asked for and is not there. */
static bool roster_csv(Loader *l, const char *key, const CsvColumn *columns, size_t column_count, CsvTable *ret)
{
        Setting *setting = setting_child(l->tree->main, key);
        if (!setting || setting->is_bad) {
                l->people_are_incomplete = true;
                return false;
        }
        Text content, name = setting->text;
        int r = file_read(l->arena, loader_path(l, name).data, ROSTER_BYTES_MAX, &content);
        if (r == -ENOENT && setting->is_default) {
                setting->is_bad = true; /* so that -T does not name a file that is not there */
                return false;
        }
        if (r < 0) {
                setting_error(l->report, setting, "%s: %s could not be read: %s", key, quoted(l, name), strerror(-r));
                l->people_are_incomplete = true;
                return false;
        }
        if (csv_read(l->arena, name, content, columns, column_count, l->report, ret) == 0)
                return true;
        l->people_are_incomplete = true;
        return false;
}

static Text cell_line(Row *row, size_t column)
{
        Text cell = row->cells[column];
        for (size_t i = 0; i < cell.len; i++) {
                if ((unsigned char)cell.data[i] >= 0x20 && cell.data[i] != 0x7f)
                        continue;
                row_error(row, "%s holds control characters, such as a line feed", row->columns[column].name);
                return TEXT_NONE;
        }
        return text_is_empty(cell) ? TEXT_NONE : arena_text(row->l->arena, cell);
}

static Text cell_id(Row *row, size_t column)
{
        Text id = cell_line(row, column);
        if (!id.data || name_is_id(id))
                return id;
        row_error(row, "%s %s is no id; it has no white space, ':' or ',' and at most %d bytes",
                  row->columns[column].name, quoted(row->l, id), NAME_BYTES_MAX);
        return TEXT_NONE;
}

static const Zone *cell_zone(Row *row, size_t column)
{
        const char *fault = NULL;
        const Zone *zone = loader_zone(row->l, cell_line(row, column), &fault);
        if (fault)
                row_error(row, "%s", fault);
        return zone ? zone : row->l->zone;
}

static Hours cell_hours(Row *row, size_t column)
{
        Text text = cell_line(row, column);
        Hours hours = { .is_always = true };
        size_t offset = 0;
        const char *fault = NULL;
        if (text.data && !hours_parse(text, &hours, &offset, &fault)) {
                hours = (Hours){ .is_always = true };
                row_error(row, "hours: %s%s", fault, report_caret(row->l->scratch, text, offset));
        }
        return hours;
}

static bool date_parse(Text text, Civil *ret)
{
        int64_t year, month, day;
        if (text.len != 10 || text.data[4] != '-' || text.data[7] != '-')
                return false;
        for (size_t i = 0; i < text.len; i++)
                if (i != 4 && i != 7 && (text.data[i] < '0' || text.data[i] > '9'))
                        return false;
        if (!text_integer((Text){ text.data, 4 }, &year) || !text_integer((Text){ text.data + 5, 2 }, &month) ||
            !text_integer((Text){ text.data + 8, 2 }, &day))
                return false;
        if (year < 1970 || year > 2200 || !civil_is_date((int32_t)year, (int)month, (int)day))
                return false;
        *ret = civil_from_days(civil_days((int32_t)year, (int)month, (int)day));
        return true;
}

/* The start of the date in that zone, or of the day after it. */
static WallTime cell_date(Row *row, size_t column, const Zone *zone, int days_later, WallTime otherwise)
{
        Text text = cell_line(row, column);
        Civil date;
        if (!text.data)
                return otherwise;
        if (!date_parse(text, &date)) {
                row_error(row, "%s %s is no date; write it as 2026-01-31", row->columns[column].name,
                          quoted(row->l, text));
                return otherwise;
        }
        Civil day = civil_from_days(civil_days(date.year, date.month, date.day) + days_later);
        return zone_instant(zone, &day);
}

static void row_dates(Row *row, size_t from, size_t until, const Zone *zone, WallTime *ret_from, WallTime *ret_until)
{
        *ret_from = cell_date(row, from, zone, 0, WALL_NONE);
        *ret_until = cell_date(row, until, zone, 1, WALL_NEVER);
        if (!wall_before(*ret_from, *ret_until))
                row_error(row, "until is before from");
}

/* ---- who is there ----------------------------------------------------------------------------------------------- */

size_t roster_first_row(const Loader *l, Text id)
{
        const Roster *roster = &l->config->roster;
        size_t low = 0, high = roster->person_count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (text_compare(roster->persons[middle].id, id) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

bool roster_knows_person(const Loader *l, Text id)
{
        size_t first = roster_first_row(l, id);
        return first < l->config->roster.person_count && text_equal(l->config->roster.persons[first].id, id);
}

void parties_offer(const Loader *l, Suggestion *nearest, bool only_groups)
{
        for (size_t i = 0; i < l->config->roster.person_count && !only_groups; i++)
                suggestion_offer(nearest, l->config->roster.persons[i].id);
        for (size_t i = 0; i < l->config->roster.group_count; i++)
                suggestion_offer(nearest, l->config->roster.groups[i].id);
}

const char *nearest_party(const Loader *l, Text name, bool is_group)
{
        Suggestion nearest = suggestion_for(name);
        parties_offer(l, &nearest, is_group);
        return suggestion_text(&nearest, l->scratch);
}

static bool party_is_known(const Loader *l, Text id)
{
        return roster_knows_person(l, id) || roster_group(&l->config->roster, id) || l->people_are_incomplete;
}

/* ---- people.csv ------------------------------------------------------------------------------------------------- */

enum {
        PERSON_ID,
        PERSON_NAME,
        PERSON_EMAIL,
        PERSON_CHANNELS,
        PERSON_PHONE,
        PERSON_TIME_ZONE,
        PERSON_HOURS,
        PERSON_LANGUAGE,
        PERSON_MANAGER,
        PERSON_DIRECTOR,
        PERSON_DELEGATE,
        PERSON_UNIT,
        PERSON_FROM,
        PERSON_UNTIL,
        PERSON_COLUMNS,
};

static const CsvColumn PERSON_CSV[PERSON_COLUMNS] = {
        [PERSON_ID] = { "id", true },
        [PERSON_NAME] = { "name", false },
        [PERSON_EMAIL] = { "email", false },
        [PERSON_CHANNELS] = { "channels", false },
        [PERSON_PHONE] = { "phone", false },
        [PERSON_TIME_ZONE] = { "time_zone", false },
        [PERSON_HOURS] = { "hours", false },
        [PERSON_LANGUAGE] = { "language", false },
        [PERSON_MANAGER] = { "manager", false },
        [PERSON_DIRECTOR] = { "director", false },
        [PERSON_DELEGATE] = { "delegate", false },
        [PERSON_UNIT] = { "unit", false },
        [PERSON_FROM] = { "from", false },
        [PERSON_UNTIL] = { "until", false },
};

static void person_channel(Row *row, Person *person, Text *names, Text name)
{
        Loader *l = row->l;
        const Channel *channel = config_channel(l->config, name);
        for (size_t i = 0; i < person->channel_count; i++) {
                if (!text_equal(names[i], name))
                        continue;
                row_error(row, "channel %s stands here twice", quoted(l, name));
                return;
        }
        if (!channel && loader_has_all(l, SECTION_CHANNEL))
                row_error(row, "unknown channel %s%s", quoted(l, name), nearest_channel(l, name));
        if (channel && channel->type == CHANNEL_EMAIL && text_is_empty(person->email))
                row_error(row, "channel %s needs an address in column \"email\"", quoted(l, name));
        names[person->channel_count++] = name;
}

static void person_channels(Row *row, Person *person)
{
        Text rest = cell_line(row, PERSON_CHANNELS), name;
        Text *names = arena_array(row->l->arena, Text, rest.len / 2 + 2);
        person->channels = names;
        while (text_split(&rest, ' ', &name))
                if (!text_is_empty(name))
                        person_channel(row, person, names, arena_text(row->l->arena, name));
}

static bool language_is_good(Text language)
{
        for (size_t i = 0; i < language.len; i++)
                if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", language.data[i]))
                        return false;
        return language.len <= 35;
}

static Person person_read(Row *row)
{
        Person p = {
                .id = cell_id(row, PERSON_ID),
                .name = cell_line(row, PERSON_NAME),
                .email = cell_line(row, PERSON_EMAIL),
                .phone = cell_line(row, PERSON_PHONE),
                .zone = cell_zone(row, PERSON_TIME_ZONE),
                .hours = cell_hours(row, PERSON_HOURS),
                .language = cell_line(row, PERSON_LANGUAGE),
                .manager = cell_id(row, PERSON_MANAGER),
                .director = cell_id(row, PERSON_DIRECTOR),
                .delegate = cell_id(row, PERSON_DELEGATE),
                .unit = cell_line(row, PERSON_UNIT),
        };
        if (text_is_empty(row->cells[PERSON_ID]))
                row_error(row, "id is empty");
        if (p.email.data && !email_is_good(p.email))
                row_error(row, "email %s is no address", quoted(row->l, p.email));
        if (!language_is_good(p.language))
                row_error(row, "language %s is none; write it as \"en\" or \"pt-BR\"", quoted(row->l, p.language));
        person_channels(row, &p);
        row_dates(row, PERSON_FROM, PERSON_UNTIL, p.zone, &p.from, &p.until);
        return p;
}

/* A row that is in force for a time, among those of the same name. */
typedef struct Dated {
        Text name;
        WallTime from, until;
        Origin origin;
        size_t place; /* among those read */
} Dated;

/* As person_order() and territory_order() say; then as in the file. */
static int dated_order(const void *left, const void *right)
{
        const Dated *a = left, *b = right;
        int order = text_compare(a->name, b->name);
        if (order == 0)
                order = (a->from.us > b->from.us) - (a->from.us < b->from.us);
        return order != 0 ? order : (a->origin.line > b->origin.line) - (a->origin.line < b->origin.line);
}

static void dated_check_overlap(Loader *l, const char *noun, const Dated *a, const Dated *b)
{
        if (!text_equal(a->name, b->name) || !wall_before(b->from, a->until))
                return;
        const Dated *later = a->origin.line > b->origin.line ? a : b, *other = later == a ? b : a;
        report_error(l->report, later->origin.file, later->origin.line,
                     "in %s %s: this row and that of line %u are in force on the same day", noun,
                     quoted(l, later->name), other->origin.line);
}

/* In the order of the roster; gives where each comes from. */
static Origin *dated_sort(Loader *l, const char *noun, Dated *rows, size_t count)
{
        Origin *origins = arena_array(l->scratch, Origin, count + 1);
        qsort(rows, count, sizeof(Dated), dated_order);
        for (size_t i = 0, longest = 0; i < count; i++) { /* longest: of that name, the one that ends last */
                origins[i] = rows[i].origin;
                if (i > 0)
                        dated_check_overlap(l, noun, &rows[longest], &rows[i]);
                if (!text_equal(rows[longest].name, rows[i].name) || wall_before(rows[longest].until, rows[i].until))
                        longest = i;
        }
        return origins;
}

static void persons_load(Loader *l)
{
        CsvTable table;
        if (!roster_csv(l, "people", PERSON_CSV, PERSON_COLUMNS, &table))
                return;
        Person *read = arena_array(l->scratch, Person, table.count + 1);
        Dated *rows = arena_array(l->scratch, Dated, table.count + 1);
        size_t count = 0;
        for (size_t i = 0; i < table.count; i++) {
                Row row = row_begin(l, &table, i, "person", PERSON_CSV);
                Person p = person_read(&row);
                if (!p.id.data)
                        continue;
                read[count] = p;
                rows[count] = (Dated){ p.id, p.from, p.until, row.origin, count };
                count++;
        }
        l->person_origins = dated_sort(l, "person", rows, count);
        Person *persons = arena_array(l->arena, Person, count + 1);
        for (size_t i = 0; i < count; i++)
                persons[i] = read[rows[i].place];
        l->config->roster.persons = persons;
        l->config->roster.person_count = count;
}

static void party_check(Loader *l, Origin at, const char *noun, Text id, const char *column, Text named)
{
        if (!named.data || party_is_known(l, named))
                return;
        report_error(l->report, at.file, at.line, "in %s %s: %s %s is nobody in people.csv or groups.csv%s", noun,
                     quoted(l, id), column, quoted(l, named), nearest_party(l, named, false));
}

static void persons_check(Loader *l)
{
        for (size_t i = 0; i < l->config->roster.person_count; i++) {
                const Person *p = &l->config->roster.persons[i];
                party_check(l, l->person_origins[i], "person", p->id, "manager", p->manager);
                party_check(l, l->person_origins[i], "person", p->id, "director", p->director);
                party_check(l, l->person_origins[i], "person", p->id, "delegate", p->delegate);
        }
}

/* ---- groups.csv ------------------------------------------------------------------------------------------------- */

enum {
        GROUP_ID,
        GROUP_MEMBER,
        GROUP_HOURS,
        GROUP_TIME_ZONE,
        GROUP_MANAGER,
        GROUP_DIRECTOR,
        GROUP_COLUMNS
};

static const CsvColumn GROUP_CSV[GROUP_COLUMNS] = {
        [GROUP_ID] = { "group", true },         [GROUP_MEMBER] = { "member", true },
        [GROUP_HOURS] = { "hours", false },     [GROUP_TIME_ZONE] = { "time_zone", false },
        [GROUP_MANAGER] = { "manager", false }, [GROUP_DIRECTOR] = { "director", false },
};

typedef struct GroupRow {
        Group group;
        Text *members;
        size_t capacity;
        Origin origin;
        Text cells[GROUP_COLUMNS]; /* of the first row */
} GroupRow;

static void group_member(Row *row, GroupRow *group)
{
        Text member = cell_id(row, GROUP_MEMBER);
        if (text_is_empty(row->cells[GROUP_MEMBER]))
                row_error(row, "member is empty");
        if (!member.data)
                return;
        for (size_t i = 0; i < group->group.member_count; i++)
                if (text_equal(group->members[i], member))
                        row_error(row, "member %s stands in it twice", quoted(row->l, member));
        if (!roster_knows_person(row->l, member) && !row->l->people_are_incomplete)
                row_error(row, "member %s is nobody in people.csv%s", quoted(row->l, member),
                          nearest_party(row->l, member, false));
        group->members =
                arena_grow(row->l->arena, group->members, group->group.member_count, &group->capacity, sizeof(Text));
        group->members[group->group.member_count++] = member;
        group->group.members = group->members;
}

static void group_begin(Row *row, GroupRow *group)
{
        *group = (GroupRow){
                .origin = row->origin,
                .group = {
                        .id = arena_text(row->l->arena, row->id),
                        .zone = cell_zone(row, GROUP_TIME_ZONE),
                        .hours = cell_hours(row, GROUP_HOURS),
                        .manager = cell_id(row, GROUP_MANAGER),
                        .director = cell_id(row, GROUP_DIRECTOR),
                },
        };
        for (size_t i = 0; i < GROUP_COLUMNS; i++)
                group->cells[i] = row->cells[i];
}

/* What a later row says again has to be the same. */
static void group_again(Row *row, const GroupRow *group)
{
        for (size_t i = GROUP_HOURS; i < GROUP_COLUMNS; i++)
                if (!text_is_empty(row->cells[i]) && !text_equal(row->cells[i], group->cells[i]))
                        row_error(row, "%s %s is not what line %u says; only a group's first row needs it",
                                  GROUP_CSV[i].name, quoted(row->l, row->cells[i]), group->origin.line);
}

static int group_row_order(const void *left, const void *right)
{
        const GroupRow *a = left, *b = right;
        return group_order(&a->group, &b->group);
}

static GroupRow *group_find(GroupRow *groups, size_t count, Text id)
{
        for (size_t i = count; i-- > 0;)
                if (text_equal(groups[i].group.id, id))
                        return &groups[i];
        return NULL;
}

static void groups_keep(Loader *l, GroupRow *rows, size_t count)
{
        qsort(rows, count, sizeof(GroupRow), group_row_order);
        Group *groups = arena_array(l->arena, Group, count + 1);
        l->group_origins = arena_array(l->scratch, Origin, count + 1);
        for (size_t i = 0; i < count; i++) {
                groups[i] = rows[i].group;
                l->group_origins[i] = rows[i].origin;
        }
        l->config->roster.groups = groups;
        l->config->roster.group_count = count;
}

static void groups_load(Loader *l)
{
        CsvTable table;
        if (!roster_csv(l, "groups", GROUP_CSV, GROUP_COLUMNS, &table))
                return;
        GroupRow *groups = arena_array(l->scratch, GroupRow, table.count + 1);
        size_t count = 0;
        for (size_t i = 0; i < table.count; i++) {
                Row row = row_begin(l, &table, i, "group", GROUP_CSV);
                GroupRow *group = group_find(groups, count, row.id);
                if (text_is_empty(row.id)) {
                        row_error(&row, "group is empty");
                        continue;
                }
                if (!group && !cell_id(&row, GROUP_ID).data)
                        continue;
                if (group) {
                        group_again(&row, group);
                } else {
                        group = &groups[count++];
                        group_begin(&row, group);
                }
                group_member(&row, group);
        }
        groups_keep(l, groups, count);
        for (size_t i = 0; i < l->config->roster.group_count; i++) {
                const Group *g = &l->config->roster.groups[i];
                party_check(l, l->group_origins[i], "group", g->id, "manager", g->manager);
                party_check(l, l->group_origins[i], "group", g->id, "director", g->director);
        }
}

/* ---- territories.csv -------------------------------------------------------------------------------------------- */

enum {
        TERRITORY_PATTERN,
        TERRITORY_OWNER,
        TERRITORY_FROM,
        TERRITORY_UNTIL,
        TERRITORY_COLUMNS
};

static const CsvColumn TERRITORY_CSV[TERRITORY_COLUMNS] = {
        [TERRITORY_PATTERN] = { "territory", true },
        [TERRITORY_OWNER] = { "owner", true },
        [TERRITORY_FROM] = { "from", false },
        [TERRITORY_UNTIL] = { "until", false },
};

/* Dates are in the owner's zone: of their row in force today, or of any. */
static const Zone *owner_zone(const Loader *l, Text owner)
{
        const Roster *roster = &l->config->roster;
        Party party = roster_party(roster, owner, l->now);
        if (party_is_somebody(party))
                return party_zone(party);
        if (roster_knows_person(l, owner))
                return roster->persons[roster_first_row(l, owner)].zone;
        return l->zone;
}

static Territory territory_read(Row *row)
{
        Loader *l = row->l;
        Territory t = { .pattern = cell_line(row, TERRITORY_PATTERN), .owner = cell_id(row, TERRITORY_OWNER) };
        const char *star = t.pattern.data ? strchr(t.pattern.data, '*') : NULL;
        if (text_is_empty(row->cells[TERRITORY_PATTERN]))
                row_error(row, "territory is empty");
        if (star && star != t.pattern.data + t.pattern.len - 1)
                row_error(row, "a '*' stands only at the end of a territory");
        if (text_is_empty(row->cells[TERRITORY_OWNER]))
                row_error(row, "owner is empty");
        else if (t.owner.data && !party_is_known(l, t.owner))
                row_error(row, "owner %s is nobody in people.csv or groups.csv%s", quoted(l, t.owner),
                          nearest_party(l, t.owner, false));
        row_dates(row, TERRITORY_FROM, TERRITORY_UNTIL, owner_zone(l, t.owner), &t.from, &t.until);
        return t;
}

static void territories_load(Loader *l)
{
        CsvTable table;
        if (!roster_csv(l, "territories", TERRITORY_CSV, TERRITORY_COLUMNS, &table))
                return;
        Territory *read = arena_array(l->scratch, Territory, table.count + 1);
        Dated *rows = arena_array(l->scratch, Dated, table.count + 1);
        size_t count = 0;
        for (size_t i = 0; i < table.count; i++) {
                Row row = row_begin(l, &table, i, "territory", TERRITORY_CSV);
                Territory t = territory_read(&row);
                if (!row.is_good)
                        continue;
                read[count] = t;
                rows[count] = (Dated){ t.pattern, t.from, t.until, row.origin, count };
                count++;
        }
        l->territory_origins = dated_sort(l, "territory", rows, count);
        Territory *territories = arena_array(l->arena, Territory, count + 1);
        for (size_t i = 0; i < count; i++)
                territories[i] = read[rows[i].place];
        l->config->roster.territories = territories;
        l->config->roster.territory_count = count;
}

void load_roster(Loader *l)
{
        persons_load(l);
        groups_load(l);
        persons_check(l);
        territories_load(l);
}
