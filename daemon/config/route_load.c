/* Routes: who owns a case. The first that matches counts, and the last one matches always. */
#include "config/loader.h"

/* A field that carries ids of people: mapped, and of a type that can. */
static bool route_field(Loader *l, const Setting *where, Text name, bool allows_list, FieldId *ret)
{
        const FieldTable *fields = &l->config->fields;
        Suggestion nearest = suggestion_for(name);
        if (!field_find(fields, name, ret)) {
                for (size_t i = 0; i < fields->count; i++)
                        suggestion_offer(&nearest, fields->fields[i].name);
                if (loader_has_all(l, SECTION_SOURCE))
                        setting_error(l->report, where, TEXT_F ": unknown field %s%s", TEXT_ARG(where->name),
                                      quoted(l, name), suggestion_text(&nearest, l->scratch));
                return false;
        }
        FieldType type = fields->fields[*ret].type;
        if (type != FIELD_TYPE_TEXT && (type != FIELD_TYPE_LIST || !allows_list)) {
                setting_error(l->report, where, TEXT_F ": field %s is a %s; ids of people stand in a text%s",
                              TEXT_ARG(where->name), quoted(l, name), field_type_text(type),
                              allows_list ? " or a list" : "");
                return false;
        }
        return loader_fields_are_mapped(l, where, UINT64_C(1) << *ret);
}

/* A misspelt "manager" looks like the id of a person. */
static const char *nearest_recipient(const Loader *l, const Setting *where, Text name, RecipientKind kind)
{
        static const RecipientKind words[] = { RECIPIENT_OWNER, RECIPIENT_MANAGER, RECIPIENT_DIRECTOR,
                                               RECIPIENT_DELEGATE, RECIPIENT_INFORM };
        Suggestion nearest = suggestion_for(name);
        for (size_t i = 0; i < COUNT_OF(words) && kind == RECIPIENT_PERSON && text_is(where->name, "tell"); i++)
                suggestion_offer(&nearest, text_from(recipient_kind_text(words[i])));
        parties_offer(l, &nearest, kind == RECIPIENT_GROUP);
        return suggestion_text(&nearest, l->scratch);
}

bool loader_recipient(Loader *l, const Setting *where, Recipient *recipient)
{
        const Roster *roster = &l->config->roster;
        Text name = recipient->name;
        FieldId field;
        switch (recipient->kind) {
        case RECIPIENT_FIELD:
                return route_field(l, where, name, true, &field);
        case RECIPIENT_PERSON:
                if (roster_knows_person(l, name) || l->people_are_incomplete)
                        return true;
                if (roster_group(roster, name)) {
                        recipient->kind = RECIPIENT_GROUP;
                        return true;
                }
                break;
        case RECIPIENT_GROUP:
                if (roster_group(roster, name) || l->people_are_incomplete)
                        return true;
                break;
        case RECIPIENT_OWNER:
        case RECIPIENT_MANAGER:
        case RECIPIENT_DIRECTOR:
        case RECIPIENT_DELEGATE:
        case RECIPIENT_INFORM:
        case RECIPIENT_CHANNEL:
        case RECIPIENT_CATCH_ALL:
        case RECIPIENT_KIND_MAX:
                return true;
        }
        setting_error(l->report, where, TEXT_F ": %s is %s%s", TEXT_ARG(where->name), quoted(l, name),
                      recipient->kind == RECIPIENT_GROUP ? "no group in groups.csv"
                                                         : "nobody in people.csv or groups.csv",
                      nearest_recipient(l, where, name, recipient->kind));
        return false;
}

static void route_owner(Loader *l, const Setting *group, Route *route)
{
        const Setting *owner = setting_get(group, "owner");
        Recipient recipient;
        if (!owner)
                return;
        if (text_is(owner->text, "territory")) {
                route->owner_kind = ROUTE_OWNER_TERRITORY;
                return;
        }
        bool is_read = recipient_parse(owner->text, &recipient);
        if (!is_read || (recipient.kind != RECIPIENT_FIELD && recipient.kind != RECIPIENT_PERSON &&
                         recipient.kind != RECIPIENT_GROUP)) {
                setting_error(
                        l->report, owner,
                        "owner %s is not allowed; it is \"territory\", \"field:NAME\", or the id of a person or a "
                        "group",
                        quoted(l, owner->text));
                return;
        }
        route->owner = recipient.name;
        if (recipient.kind == RECIPIENT_FIELD) {
                route->owner_kind = ROUTE_OWNER_FIELD;
                (void)route_field(l, owner, recipient.name, false, &route->owner_field);
        } else {
                route->owner_kind = ROUTE_OWNER_PARTY;
                (void)loader_recipient(l, owner, &recipient);
        }
}

static void route_inform(Loader *l, const Setting *group, Route *route)
{
        const Setting *setting = setting_get(group, "inform");
        const Text *texts = setting_texts(l->arena, group, "inform", &route->inform_count);
        Recipient *inform = arena_array(l->arena, Recipient, route->inform_count + 1);
        route->inform = inform;
        for (size_t i = 0; i < route->inform_count; i++) {
                if (recipient_parse(texts[i], &inform[i]) &&
                    (inform[i].kind == RECIPIENT_PERSON || inform[i].kind == RECIPIENT_GROUP ||
                     inform[i].kind == RECIPIENT_FIELD))
                        (void)loader_recipient(l, setting, &inform[i]);
                else
                        setting_error(
                                l->report, setting,
                                "inform %s is not allowed; it is \"field:NAME\", or the id of a person or a group",
                                quoted(l, texts[i]));
        }
}

static void route_read(Loader *l, const Setting *group, Route *ret)
{
        const Setting *when = setting_get(group, "when");
        Route route = { .is_shadow = text_is(setting_text(group, "mode"), "shadow") };
        if (when) {
                route.when_text = when->text;
                route.when = loader_expression(l, when);
        }
        if (route.when)
                loader_check_scales(l, when, route.when);
        route_owner(l, group, &route);
        route_inform(l, group, &route);
        *ret = route;
}

static bool is_conditional(const Setting *group)
{
        return setting_child(group, "when") != NULL;
}

static void check_catch_all(Loader *l)
{
        const RouteTable *table = &l->config->routes;
        const Setting *always = NULL;
        for (size_t i = 0; i < table->count; i++) {
                const Setting *group = l->route_settings[i];
                if (always)
                        setting_error(l->report, group, "it can never be reached; the route of line %u matches always",
                                      always->line);
                else if (!is_conditional(group))
                        always = group;
        }
        const Setting *last = table->count > 0 ? l->route_settings[table->count - 1] : NULL;
        if (!last)
                return;
        if (!always)
                setting_error(
                        l->report, last,
                        "the last route must match always, so that no case is without an owner; leave out its when");
        else if (always == last && table->routes[table->count - 1].owner_kind != ROUTE_OWNER_PARTY)
                setting_error(l->report, last,
                              "the last route must name a person or a group, so that no case is without an owner");
}

void load_routes(Loader *l)
{
        Setting *list = l->tree->sections[SECTION_ROUTE];
        size_t count = setting_count(list);
        Route *routes = arena_array(l->arena, Route, count + 1);
        l->route_settings = arena_array(l->scratch, const Setting *, count + 1);
        l->config->routes.routes = routes;
        for (Setting *group = list->first; group; group = group->next) {
                if (group->is_bad)
                        continue;
                l->route_settings[l->config->routes.count] = group;
                route_read(l, group, &routes[l->config->routes.count]);
                l->config->routes.count++;
        }
        if (!list->first && loader_has_all(l, SECTION_ROUTE))
                report_error(
                        l->report, l->main_file, 0,
                        "no route is defined; the last one of routes must name a person or a group for every case");
        check_catch_all(l);
}
