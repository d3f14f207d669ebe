#include "core/route.h"

#include "core/grapheme.h"

enum {
        FOREIGN_ID_BYTES_MAX = 64
}; /* of an id or a territory that a message brought, in the trail */

typedef struct Router {
        const RouteTable *table;
        const Roster *roster;
        Response *r;
        WallTime at;
        Arena *arena;
        JsonWriter trail;
} Router;

static Text foreign(const Router *router, Text text)
{
        return grapheme_clean(router->arena, text, FOREIGN_ID_BYTES_MAX);
}

static Text field_name(const Router *router, FieldId field)
{
        return router->r->fields->fields[field].name;
}

/* For somebody who has to be named even so: the newest row of that id, whatever its dates say. */
static Party party_ever(const Roster *roster, Text id)
{
        Party p = { NULL, roster_group(roster, id) };
        for (size_t i = 0; i < roster->person_count; i++)
                if (text_equal(roster->persons[i].id, id))
                        p = (Party){ &roster->persons[i], NULL };
        return p;
}

static Party party_owner(const Router *router, Text id, Text *ret_why)
{
        Party owner = roster_party(router->roster, id, router->at);
        *ret_why = party_is_somebody(owner)
                           ? TEXT("named by the route")
                           : arena_textf(router->arena, TEXT_F " is not in the roster now", TEXT_ARG(id));
        return owner;
}

static Party territory_owner(const Router *router, Text *ret_why)
{
        const Value *value = response_value(router->r, FIELD_TERRITORY);
        Text territory = response_text(router->r, FIELD_TERRITORY);
        const Territory *row = territory.data ? roster_territory(router->roster, territory, router->at) : NULL;
        Party owner = row ? roster_party(router->roster, row->owner, router->at) : (Party){ 0 };
        if (!territory.data)
                *ret_why = arena_textf(router->arena, "territory is %s", value_why_text(value->why));
        else if (!row)
                *ret_why = arena_textf(router->arena, "territory \"" TEXT_F "\" is not in the list now",
                                       TEXT_ARG(foreign(router, territory)));
        else if (!party_is_somebody(owner))
                *ret_why = arena_textf(router->arena,
                                       "territory " TEXT_F " belongs to " TEXT_F ", who is not in the roster now",
                                       TEXT_ARG(row->pattern), TEXT_ARG(row->owner));
        else
                *ret_why = arena_textf(router->arena, "territory " TEXT_F " belongs to " TEXT_F, TEXT_ARG(row->pattern),
                                       TEXT_ARG(row->owner));
        return owner;
}

static Party field_owner(const Router *router, FieldId field, Text *ret_why)
{
        const Value *value = response_value(router->r, field);
        Text id = response_text(router->r, field);
        Text name = field_name(router, field);
        Party owner = id.data ? roster_party(router->roster, id, router->at) : (Party){ 0 };
        if (!id.data)
                *ret_why = arena_textf(router->arena, TEXT_F " is %s", TEXT_ARG(name),
                                       value->type == VALUE_UNKNOWN ? value_why_text(value->why) : "not a text");
        else if (!party_is_somebody(owner))
                *ret_why = arena_textf(router->arena, TEXT_F " is \"" TEXT_F "\", who is not in the roster now",
                                       TEXT_ARG(name), TEXT_ARG(foreign(router, id)));
        else
                *ret_why = arena_textf(router->arena, "named by " TEXT_F, TEXT_ARG(name));
        return owner;
}

static Party route_owner(const Router *router, const Route *route, Text *ret_why)
{
        switch (route->owner_kind) {
        case ROUTE_OWNER_PARTY:
                return party_owner(router, route->owner, ret_why);
        case ROUTE_OWNER_TERRITORY:
                return territory_owner(router, ret_why);
        case ROUTE_OWNER_FIELD:
                return field_owner(router, route->owner_field, ret_why);
        }
        return (Party){ 0 };
}

static Text owner_as_written(const Router *router, const Route *route)
{
        switch (route->owner_kind) {
        case ROUTE_OWNER_PARTY:
                return route->owner;
        case ROUTE_OWNER_TERRITORY:
                return TEXT("territory");
        case ROUTE_OWNER_FIELD:
                return arena_textf(router->arena, "field:" TEXT_F, TEXT_ARG(route->owner));
        }
        return TEXT_NONE;
}

/* Opens the object of a route; whoever resolves its owner closes it. */
static Truth route_try(Router *router, size_t index)
{
        const Route *route = &router->table->routes[index];
        Truth truth = route->when ? expr_eval(route->when, router->r, router->arena) : TRUTH_TRUE;
        JsonWriter *w = &router->trail;
        json_open(w, '{');
        json_field_integer(w, "route", (int64_t)index + 1);
        json_field_text(w, "result", text_from(truth_text(truth)));
        json_field_text(w, "clause",
                        route->when ? expr_explain(route->when, router->r, router->arena) : TEXT("always"));
        json_field_text(w, "names", owner_as_written(router, route));
        return truth;
}

static void route_close(Router *router, Party owner, Text why)
{
        JsonWriter *w = &router->trail;
        json_field_bool(w, "decided", party_is_somebody(owner));
        if (why.data)
                json_field_text(w, "why", why);
        if (party_is_somebody(owner))
                json_field_text(w, "owner", party_id(owner));
}

/* The first that matches; the last one always does. Its object stays open. */
static size_t route_match(Router *router)
{
        for (size_t i = 0;; i++) {
                must(i < router->table->count);
                if (route_try(router, i) == TRUTH_TRUE)
                        return i;
                route_close(router, (Party){ 0 }, TEXT_NONE);
                json_close(&router->trail, '}');
        }
}

/* Ids that were found, and what was wrong with the others. */
typedef struct Informed {
        Text ids[INFORM_MAX];
        size_t count;
        Text notes[INFORM_MAX];
        size_t note_count;
        size_t left_out;
} Informed;

static void inform_note(Informed *informed, Text note)
{
        if (informed->note_count < INFORM_MAX)
                informed->notes[informed->note_count++] = note;
        else
                informed->left_out++;
}

static void inform_add(const Router *router, Informed *informed, Party owner, Text id)
{
        Party party = roster_party(router->roster, id, router->at);
        if (!party_is_somebody(party)) {
                inform_note(informed, arena_textf(router->arena, "\"" TEXT_F "\" is not in the roster now",
                                                  TEXT_ARG(foreign(router, id))));
                return;
        }
        Text found = party_id(party);
        if (text_equal(found, party_id(owner)))
                return;
        for (size_t i = 0; i < informed->count; i++)
                if (text_equal(informed->ids[i], found))
                        return;
        if (informed->count < INFORM_MAX)
                informed->ids[informed->count++] = found;
        else
                informed->left_out++;
}

static void inform_field(const Router *router, Informed *informed, Party owner, Text name)
{
        FieldId field;
        if (!field_find(router->r->fields, name, &field))
                return;
        const Value *value = response_value(router->r, field);
        if (value->type == VALUE_TEXT)
                inform_add(router, informed, owner, value->text);
        for (size_t i = 0; value->type == VALUE_LIST && i < value->list.count; i++)
                inform_add(router, informed, owner, value->list.items[i]);
        if (value->type == VALUE_UNKNOWN)
                inform_note(informed,
                            arena_textf(router->arena, TEXT_F " is %s", TEXT_ARG(name), value_why_text(value->why)));
}

static void inform_recipient(const Router *router, Informed *informed, Party owner, const Recipient *recipient)
{
        switch (recipient->kind) {
        case RECIPIENT_PERSON:
        case RECIPIENT_GROUP:
                inform_add(router, informed, owner, recipient->name);
                break;
        case RECIPIENT_FIELD:
                inform_field(router, informed, owner, recipient->name);
                break;
        case RECIPIENT_OWNER:
        case RECIPIENT_MANAGER:
        case RECIPIENT_DIRECTOR:
        case RECIPIENT_DELEGATE:
        case RECIPIENT_INFORM:
        case RECIPIENT_CHANNEL:
        case RECIPIENT_CATCH_ALL:
        case RECIPIENT_KIND_MAX:
                inform_note(informed, arena_textf(router->arena, "\"%s\" cannot be informed by a route",
                                                  recipient_kind_text(recipient->kind)));
                break;
        }
}

static void inform_write(Router *router, const Informed *informed)
{
        JsonWriter *w = &router->trail;
        if (informed->note_count == 0 && informed->left_out == 0)
                return;
        json_key(w, "not_informed");
        json_open(w, '[');
        for (size_t i = 0; i < informed->note_count; i++)
                json_put_text(w, informed->notes[i]);
        if (informed->left_out > 0)
                json_put_text(w, arena_textf(router->arena, "%zu more: at most %d are informed", informed->left_out,
                                             INFORM_MAX));
        json_close(w, ']');
}

static void inform_resolve(Router *router, const Route *route, Routed *ret)
{
        Informed informed;
        informed.count = informed.note_count = informed.left_out = 0;
        for (size_t i = 0; i < route->inform_count; i++)
                inform_recipient(router, &informed, ret->owner, &route->inform[i]);
        Text *ids = arena_array(router->arena, Text, informed.count);
        for (size_t i = 0; i < informed.count; i++)
                ids[i] = informed.ids[i];
        ret->inform = ids;
        ret->inform_count = informed.count;
        inform_write(router, &informed);
}

/* Somebody, even if the list of people has outlived them: a case without an owner would be a customer forgotten. */
static Party catch_all_owner(Router *router, Text *ret_why)
{
        const Route *route = &router->table->routes[router->table->count - 1];
        must(route->owner_kind == ROUTE_OWNER_PARTY);
        Party owner = party_owner(router, route->owner, ret_why);
        if (!party_is_somebody(owner))
                owner = party_ever(router->roster, route->owner);
        must(party_is_somebody(owner));
        return owner;
}

/* The route that matched could name nobody: whether people are told, and who else, is still its to say. */
static Party fall_to_catch_all(Router *router, Routed *ret)
{
        Text why;
        json_close(&router->trail, '}');
        (void)route_try(router, router->table->count - 1);
        Party owner = catch_all_owner(router, &why);
        route_close(router, owner, TEXT("the catch-all, because the route that matched names nobody"));
        ret->is_catch_all = true;
        return owner;
}

void route_resolve(const RouteTable *table, const Roster *roster, Response *r, WallTime at, Arena *arena, Routed *ret)
{
        Buffer buffer = buffer_in(arena);
        Router router = { table, roster, r, at, arena, json_writer(&buffer) };
        must(table->count > 0);
        json_open(&router.trail, '[');
        size_t matched = route_match(&router);
        const Route *route = &table->routes[matched];
        Text why = TEXT_NONE;
        bool is_last = matched == table->count - 1;
        ret->is_catch_all = false;
        ret->owner = is_last ? catch_all_owner(&router, &why) : route_owner(&router, route, &why);
        route_close(&router, ret->owner, why);
        ret->route = matched;
        ret->is_shadow = route->is_shadow;
        if (!party_is_somebody(ret->owner)) {
                ret->owner = fall_to_catch_all(&router, ret);
                ret->route = table->count - 1;
        }
        inform_resolve(&router, route, ret);
        json_close(&router.trail, '}');
        json_close(&router.trail, ']');
        ret->trail = buffer_text(&buffer);
}
