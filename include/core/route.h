/* route.h - who owns a response: the first route that matches.
 * Pure; routes live in the Config's arena. */
#pragma once

#include "core/expr.h"
#include "core/people.h"
#include "core/policy.h"

typedef enum RouteOwnerKind {
        ROUTE_OWNER_PARTY, /* a person's or a group's id */
        ROUTE_OWNER_TERRITORY, /* looked up in the territories */
        ROUTE_OWNER_FIELD, /* a field that carries the id */
} RouteOwnerKind;

typedef struct Route {
        Text when_text; /* absent: always */
        const Expr *when; /* NULL: always */
        RouteOwnerKind owner_kind;
        Text owner; /* id, or the field's name */
        FieldId owner_field;
        const Recipient *inform; /* persons, groups, fields */
        size_t inform_count;
        bool is_shadow;
} Route;

typedef struct RouteTable {
        const Route *routes;
        size_t count; /* the last one matches always and names somebody */
} RouteTable;

typedef struct Routed {
        size_t route; /* the one that decided */
        Party owner; /* always somebody */
        bool is_catch_all; /* the route that matched could name nobody: a territory not in the list, an id not in the roster */
        bool is_shadow;
        const Text *inform; /* ids of persons and groups that exist, without the owner and without repeats */
        size_t inform_count;
        Text trail; /* JSON array: an object a route tried: route, result, clause, and why the owner is who it is */
} Routed;

void route_resolve(const RouteTable *table, const Roster *roster, Response *r, WallTime at, Arena *arena, Routed *ret);
