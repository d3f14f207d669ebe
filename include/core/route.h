/* route.h - who owns a response: the first route that matches.
 * Pure; routes live in the Config's arena. */
#pragma once

#include "core/expr.h"
#include "core/people.h"
#include "core/policy.h"

typedef enum RouteOwnerKind {
        ROUTE_OWNER_PARTY,     /* a person's or a group's id */
        ROUTE_OWNER_TERRITORY, /* looked up in the territories */
        ROUTE_OWNER_FIELD,     /* a field that carries the id */
} RouteOwnerKind;

typedef struct Route {
        Text when_text;   /* absent: always */
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

enum {
        INFORM_MAX = 64
};

typedef struct Routed {
        size_t route; /* the one that decided */
        Party owner;  /* always somebody */
        /* The route that matched could name nobody: a territory not in the list, an id not in the roster. */
        bool is_catch_all;
        bool is_shadow;
        /* Ids of persons and groups that exist, without the owner and without repeats; at most INFORM_MAX. */
        const Text *inform;
        size_t inform_count;
        Text trail; /* JSON array: an object a route tried: route, result, clause, and why the owner is who it is */
} Routed;

/* Where the route that matched can name nobody, the catch-all owns, and that route still says who is informed and
 * whether it is a shadow. at: when the roster is asked. */
void route_resolve(const RouteTable *table, const Roster *roster, Response *r, WallTime at, Arena *arena, Routed *ret);
