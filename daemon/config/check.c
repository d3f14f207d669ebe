/* What holds between the parts: everybody who can own a case or is told of one can be reached, and every ladder ends
 * at somebody, for all owners that are known when the configuration is loaded. */
#include "config/loader.h"

/* Why somebody has to be reachable: the first reason found, a row of people.csv each. */
typedef struct Check {
        Loader *l;
        const char **reasons;
        bool *owns_person, *owns_group; /* can own a case today */
} Check;

static bool is_over(const Loader *l, const Person *person)
{
        return !wall_before(l->now, person->until);
}

static void person_must_be_reached(Check *c, Text id, const char *reason)
{
        const Roster *roster = &c->l->config->roster;
        for (size_t i = roster_first_row(c->l, id); i < roster->person_count; i++) {
                if (!text_equal(roster->persons[i].id, id))
                        break;
                if (!c->reasons[i] && !is_over(c->l, &roster->persons[i]))
                        c->reasons[i] = reason;
        }
}

static void party_must_be_reached(Check *c, Text id, const char *reason)
{
        const Group *group = roster_group(&c->l->config->roster, id);
        if (roster_knows_person(c->l, id))
                person_must_be_reached(c, id, reason);
        else
                for (size_t i = 0; group && i < group->member_count; i++)
                        person_must_be_reached(c, group->members[i], reason);
}

/* ---- owners ----------------------------------------------------------------------------------------------------- */

static void person_owns(Check *c, const Person *person)
{
        c->owns_person[person - c->l->config->roster.persons] = true;
}

/* A group's case is claimed by any of its members. */
static bool party_owns(Check *c, Text id)
{
        const Roster *roster = &c->l->config->roster;
        Party party = roster_party(roster, id, c->l->now);
        if (party.person)
                person_owns(c, party.person);
        if (party.group)
                c->owns_group[party.group - roster->groups] = true;
        for (size_t i = 0; party.group && i < party.group->member_count; i++) {
                const Person *member = roster_person(roster, party.group->members[i], c->l->now);
                if (member)
                        person_owns(c, member);
        }
        return party_is_somebody(party);
}

static void collect_territories(Check *c)
{
        Loader *l = c->l;
        for (size_t i = 0; i < l->config->roster.territory_count; i++) {
                const Territory *t = &l->config->roster.territories[i];
                bool in_force = !wall_before(l->now, t->from) && wall_before(l->now, t->until);
                if (!wall_before(l->now, t->until))
                        continue;
                party_must_be_reached(c, t->owner,
                                      arena_textf(l->scratch, "territory %s is theirs", quoted(l, t->pattern)).data);
                if (in_force && !party_owns(c, t->owner) && !l->people_are_incomplete)
                        report_warning(l->report, l->territory_origins[i].file, l->territory_origins[i].line,
                                       "in territory %s: owner %s is not there today; its cases go to the last route's "
                                       "owner",
                                       quoted(l, t->pattern), quoted(l, t->owner));
        }
}

static void collect_groups(Check *c)
{
        const Roster *roster = &c->l->config->roster;
        for (size_t i = 0; i < roster->group_count; i++)
                party_must_be_reached(
                        c, roster->groups[i].id,
                        arena_textf(c->l->scratch, "they are in group %s", quoted(c->l, roster->groups[i].id)).data);
}

static void collect_routes(Check *c)
{
        const RouteTable *table = &c->l->config->routes;
        for (size_t i = 0; i < table->count; i++) {
                const Route *route = &table->routes[i];
                const char *reason = arena_textf(c->l->scratch, "route %zu names them", i + 1).data;
                for (size_t j = 0; j < route->inform_count; j++)
                        party_must_be_reached(c, route->inform[j].name, reason);
                if (route->owner_kind != ROUTE_OWNER_PARTY || !route->owner.data)
                        continue;
                party_must_be_reached(c, route->owner, reason);
                if (!party_owns(c, route->owner) && i + 1 == table->count && !c->l->people_are_incomplete)
                        setting_error(c->l->report, c->l->route_settings[i],
                                      "owner %s of the last route is not there today; cases would be without an owner",
                                      quoted(c->l, route->owner));
        }
}

static void operator_add(Check *c, Text id, Text *operators)
{
        for (size_t i = 0; i < c->l->config->operator_count; i++)
                if (text_equal(operators[i], id))
                        return;
        operators[c->l->config->operator_count++] = id;
}

static void collect_operators(Check *c)
{
        Loader *l = c->l;
        const Setting *setting = setting_get(l->tree->main, "operators");
        size_t count, room = l->config->roster.person_count;
        const Text *names = setting_texts(l->scratch, l->tree->main, "operators", &count);
        Text *operators = arena_array(l->arena, Text, room + 1);
        l->config->operators = operators;
        for (size_t i = 0; i < count; i++) {
                Recipient recipient = { RECIPIENT_PERSON, names[i] };
                const Group *group = roster_group(&l->config->roster, names[i]);
                if (!loader_recipient(l, setting, &recipient))
                        continue;
                party_must_be_reached(c, names[i], "they are an operator");
                if (roster_knows_person(l, names[i]))
                        operator_add(c, names[i], operators);
                else
                        for (size_t j = 0; group && j < group->member_count; j++)
                                if (roster_knows_person(l, group->members[j]))
                                        operator_add(c, group->members[j], operators);
        }
}

/* ---- ladders ---------------------------------------------------------------------------------------------------- */

/* One recipient of one rung, for one owner after another. */
typedef struct Told {
        Check *check;
        const Setting *rung;
        const Recipient *recipient;
} Told;

static void told_nobody(const Told *t, Party owner, const char *why)
{
        Loader *l = t->check->l;
        setting_error(l->report, t->rung, "tell \"%s\": %s %s", recipient_kind_text(t->recipient->kind),
                      quoted(l, party_id(owner)), why);
}

/* Is there anybody in it but the owner? */
static bool is_another(Party party, Party owner)
{
        bool another = party.person && party.person != owner.person;
        for (size_t i = 0; party.group && i < party.group->member_count; i++)
                another |= !owner.person || !text_equal(party.group->members[i], owner.person->id);
        return another;
}

static void told_by_office(const Told *t, Party owner, Text id)
{
        Loader *l = t->check->l;
        const char *office = recipient_kind_text(t->recipient->kind);
        if (text_is_empty(id)) {
                told_nobody(t, owner, arena_textf(l->scratch, "has no %s, so nobody would be told", office).data);
                return;
        }
        Party party = roster_party(&l->config->roster, id, l->now);
        if (!party_is_somebody(party)) {
                /* Dates pass while the daemon runs: what was good yesterday must not keep it from starting today. */
                if (roster_knows_person(l, id))
                        setting_warning(l->report, t->rung,
                                        "tell \"%s\": %s of %s is not there today; the next above is told", office,
                                        quoted(l, id), quoted(l, party_id(owner)));
                return;
        }
        if (!is_another(party, owner))
                told_nobody(t, owner,
                            arena_textf(l->scratch, "is their own %s, so the owner would be told again", office).data);
        if (party.person && t->check->reasons[party.person - l->config->roster.persons])
                return;
        party_must_be_reached(t->check, id,
                              arena_textf(l->scratch, "%sthey are told as %s of %s",
                                          setting_context(l->scratch, t->rung), office, quoted(l, party_id(owner)))
                                      .data);
}

static void told_by_name(const Told *t, Party owner)
{
        Loader *l = t->check->l;
        Party party = roster_party(&l->config->roster, t->recipient->name, l->now);
        if (party_is_somebody(party) && !is_another(party, owner))
                setting_error(l->report, t->rung, "tell %s: for cases of theirs the owner would be told again",
                              quoted(l, t->recipient->name));
}

static void told_check(const Told *t, Party owner)
{
        switch (t->recipient->kind) {
        case RECIPIENT_MANAGER:
                told_by_office(t, owner, party_manager(owner));
                return;
        case RECIPIENT_DIRECTOR:
                told_by_office(t, owner, party_director(owner));
                return;
        case RECIPIENT_DELEGATE:
                if (owner.person)
                        told_by_office(t, owner, owner.person->delegate);
                return;
        case RECIPIENT_PERSON:
        case RECIPIENT_GROUP:
                told_by_name(t, owner);
                return;
        case RECIPIENT_OWNER:
        case RECIPIENT_INFORM:
        case RECIPIENT_FIELD:
        case RECIPIENT_CHANNEL:
        case RECIPIENT_CATCH_ALL:
        case RECIPIENT_KIND_MAX:
                return;
        }
}

static void told_all_owners(const Told *t)
{
        const Check *c = t->check;
        const Roster *roster = &c->l->config->roster;
        for (size_t i = 0; i < roster->person_count; i++)
                if (c->owns_person[i])
                        told_check(t, (Party){ .person = &roster->persons[i] });
        for (size_t i = 0; i < roster->group_count; i++)
                if (c->owns_group[i])
                        told_check(t, (Party){ .group = &roster->groups[i] });
}

static void channel_check(Check *c, const Setting *setting, const Rung *rung, Text name)
{
        Loader *l = c->l;
        const Channel *channel = config_channel(l->config, name);
        if (!channel) {
                if (loader_has_all(l, SECTION_CHANNEL))
                        setting_error(l->report, setting, "tell: unknown channel %s%s", quoted(l, name),
                                      nearest_channel(l, name));
        } else if (channel->type == CHANNEL_EMAIL) {
                setting_error(l->report, setting, "tell: channel %s is e-mail, which needs a person to write to",
                              quoted(l, name));
        } else if (channel->is_shared && rung->message != MESSAGE_ALERT) {
                setting_error(l->report, setting, "tell: channel %s is shared and gets the alert only, never \"%s\"",
                              quoted(l, name), message_text(rung->message));
        }
}

static void rung_check(Check *c, const Setting *group, const Rung *rung)
{
        const Setting *tell = setting_get(group, "tell");
        for (size_t i = 0; tell && i < rung->tell_count; i++) {
                Recipient recipient = rung->tell[i];
                if (recipient.kind == RECIPIENT_CHANNEL)
                        channel_check(c, tell, rung, recipient.name);
                else if (!loader_recipient(c->l, tell, &recipient))
                        continue;
                if (recipient.kind == RECIPIENT_PERSON || recipient.kind == RECIPIENT_GROUP)
                        party_must_be_reached(
                                c, recipient.name,
                                arena_textf(c->l->scratch, "%sthey are told", setting_context(c->l->scratch, tell))
                                        .data);
                Told told = { c, tell, &recipient };
                told_all_owners(&told);
        }
}

static void collect_ladders(Check *c)
{
        for (size_t i = 0; i < c->l->config->policy_count; i++) {
                const Policy *policy = &c->l->config->policies[i];
                const Setting *ladder = setting_get(c->l->policy_settings[i], "ladder");
                const Setting *group = ladder && ladder->type == SETTING_LIST ? ladder->first : ladder;
                for (size_t j = 0; group && j < policy->rung_count; j++, group = group->next)
                        rung_check(c, group, &policy->ladder[j]);
        }
}

/* ---- channels of people ----------------------------------------------------------------------------------------- */

/* The first that is theirs alone and works; NULL: none. */
static const Channel *own_channel(const Loader *l, const Person *person, bool *ret_has_unknown)
{
        const Channel *own = NULL;
        for (size_t i = 0; i < person->channel_count; i++) {
                const Channel *channel = config_channel(l->config, person->channels[i]);
                *ret_has_unknown |= !channel;
                if (!own && channel && !channel->is_shared)
                        own = channel;
        }
        return own;
}

static void person_check(const Check *c, size_t index)
{
        Loader *l = c->l;
        const Person *person = &l->config->roster.persons[index];
        Origin at = l->person_origins[index];
        bool has_unknown = false;
        const Channel *own = own_channel(l, person, &has_unknown);
        if (!own && !has_unknown && c->reasons[index])
                report_error(l->report, at.file, at.line, "in person %s: channels must name one that is not shared; %s",
                             quoted(l, person->id), c->reasons[index]);
}

void check_people(Loader *l)
{
        size_t persons = l->config->roster.person_count, groups = l->config->roster.group_count;
        Check c = {
                .l = l,
                .reasons = arena_array(l->scratch, const char *, persons + 1),
                .owns_person = arena_array(l->scratch, bool, persons + 1),
                .owns_group = arena_array(l->scratch, bool, groups + 1),
        };
        collect_territories(&c);
        collect_groups(&c);
        collect_routes(&c);
        collect_operators(&c);
        collect_ladders(&c);
        for (size_t i = 0; i < persons; i++)
                person_check(&c, i);
}
