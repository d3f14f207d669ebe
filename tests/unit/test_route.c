#include "survey.h"

#include "core/route.h"

#define UNTIL_JUNE ((WallTime){ INT64_C(1780264800000000) })

/* Sorted as the loader sorts them. ben left in June; "desk" is a group, and a person's id may be one too. */
static const Person PERSONS[] = {
        { .id = TEXT("ana"), .name = TEXT("Ana Lima"), .zone = &ZONE_UTC, .from = WALL_NONE, .until = WALL_NEVER },
        { .id = TEXT("ben"), .name = TEXT("Ben Okoye"), .zone = &ZONE_UTC, .from = WALL_NONE, .until = UNTIL_JUNE },
        { .id = TEXT("joe"), .name = TEXT("Joe Marsh"), .zone = &ZONE_UTC, .from = WALL_NONE, .until = WALL_NEVER },
        { .id = TEXT("zoe"), .name = TEXT("Zoe Old"), .zone = &ZONE_UTC, .from = WALL_NONE, .until = UNTIL_JUNE },
};
static const Group GROUPS[] = { { .id = TEXT("desk"), .zone = &ZONE_UTC }, { .id = TEXT("joe"), .zone = &ZONE_UTC } };
static const Territory TERRITORIES[] = {
        { TEXT("BR-S"), TEXT("ana"), WALL_NONE, WALL_NEVER },
        { TEXT("DE-*"), TEXT("joe"), WALL_NONE, WALL_NEVER },
        { TEXT("UKI"), TEXT("ben"), WALL_NONE, WALL_NEVER },
        { TEXT("US"), TEXT("ana"), WALL_NONE, UNTIL_JUNE },
};
static const Roster ROSTER = {
        .persons = PERSONS,
        .person_count = COUNT_OF(PERSONS),
        .groups = GROUPS,
        .group_count = COUNT_OF(GROUPS),
        .territories = TERRITORIES,
        .territory_count = COUNT_OF(TERRITORIES),
};

typedef struct Written {
        const char *when; /* NULL: always */
        RouteOwnerKind kind;
        const char *owner;
        const char *inform; /* with spaces between; NULL: nobody */
        bool is_shadow;
} Written;

/* The example's routes. */
static const Written EXAMPLE[] = {
        { "value >= 250000", ROUTE_OWNER_FIELD, "key_account_manager", "field:account_team", false },
        { "territory = 'DE-S'", ROUTE_OWNER_TERRITORY, "", NULL, true },
        { "exists territory", ROUTE_OWNER_TERRITORY, "", NULL, false },
        { NULL, ROUTE_OWNER_PARTY, "desk", NULL, false },
};

static RouteTable routes_of(const Survey *s, const Written *written, size_t count)
{
        Route *routes = arena_array(arena, Route, count);
        for (size_t i = 0; i < count; i++) {
                Expr *when = NULL;
                TextFault fault;
                Recipient *inform = arena_array(arena, Recipient, 100);
                Text rest = text_from(written[i].inform), one;
                routes[i] = (Route){ .when_text = text_from(written[i].when),
                                     .owner_kind = written[i].kind,
                                     .owner = text_from(written[i].owner),
                                     .inform = inform,
                                     .is_shadow = written[i].is_shadow };
                if (written[i].when)
                        assert_int_equal(expr_compile(arena, routes[i].when_text, &s->fields, &when, &fault), 0);
                routes[i].when = when;
                if (written[i].kind == ROUTE_OWNER_FIELD)
                        routes[i].owner_field = field_of(s, written[i].owner);
                while (text_split(&rest, ' ', &one))
                        assert_true(recipient_parse(one, &inform[routes[i].inform_count++]));
        }
        return (RouteTable){ routes, count };
}

static Routed route(const Survey *s, const Written *written, size_t count, const char *json)
{
        Routed routed;
        RouteTable table = routes_of(s, written, count);
        memset(&routed, 0xa5, sizeof(routed));
        route_resolve(&table, &ROSTER, survey_read(s, json), RECORD_TIME, arena, &routed);
        (void)json_of(routed.trail.data); /* whatever it says, it is JSON */
        return routed;
}

static Text informed(const Routed *routed)
{
        Buffer b = buffer_in(arena);
        for (size_t i = 0; i < routed->inform_count; i++) {
                buffer_put(&b, routed->inform[i]);
                buffer_put_char(&b, ' ');
        }
        return buffer_text(&b);
}

/* What the object of the route that decided says of `key`. */
static Text trail_says(const Routed *routed, const char *key)
{
        for (JsonWalk w = json_walk(json_of(routed->trail.data)); json_next(&w);)
                if (json_is_true(json_get(w.value, TEXT("decided"))))
                        return json_text(json_get(w.value, text_from(key)));
        return TEXT_NONE;
}

static void the_first_route_that_matches_decides(void **state UNUSED)
{
        static const struct {
                const char *json;
                size_t route;
                const char *owner, *why;
                bool is_catch_all, is_shadow;
        } cases[] = {
                { "{\"response_id\":1,\"account\":{\"annual_value\":250000,\"key_account_manager\":\"ana\","
                  "\"territory\":\"UKI\"}}",
                  0, "ana", "named by key_account_manager", false, false },
                { "{\"response_id\":1,\"account\":{\"annual_value\":2,\"key_account_manager\":\"joe\",\"territory\":"
                  "\"BR-S\"}}",
                  2, "ana", "territory BR-S belongs to ana", false, false },
                { "{\"response_id\":1,\"account\":{\"territory\":\"DE-N\"}}", 2, "joe", "territory DE-* belongs to joe",
                  false, false },
                { "{\"response_id\":1,\"account\":{\"territory\":\"DE-S\"}}", 1, "joe", "territory DE-* belongs to joe",
                  false, true },
                { "{\"response_id\":1}", 3, "desk", "named by the route", false, false },
                { "{\"response_id\":1,\"account\":{\"territory\":\"  \"}}", 3, "desk", "named by the route", false,
                  false },
        };
        Survey *s = survey_example();
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Routed routed = route(s, EXAMPLE, COUNT_OF(EXAMPLE), cases[i].json);
                assert_int_equal(routed.route, cases[i].route);
                assert_text(party_id(routed.owner), cases[i].owner);
                assert_text(trail_says(&routed, "owner"), cases[i].owner);
                assert_text(trail_says(&routed, "why"), cases[i].why);
                assert_int_equal(routed.is_catch_all, cases[i].is_catch_all);
                assert_int_equal(routed.is_shadow, cases[i].is_shadow);
                assert_int_equal(routed.inform_count, 0);
        }
}

static void a_route_that_names_nobody_falls_to_the_catch_all(void **state UNUSED)
{
        static const struct {
                const char *account, *why; /* of the route that matched */
        } cases[] = {
                { "\"territory\":\"FR\"", "territory \\\"FR\\\" is not in the list now" },
                { "\"territory\":\"US\"", "territory \\\"US\\\" is not in the list now" }, /* until June */
                { "\"territory\":\"UKI\"", "territory UKI belongs to ben, who is not in the roster now" },
                { "\"annual_value\":1e6", "key_account_manager is not in the message" },
                { "\"annual_value\":1e6,\"key_account_manager\":\"\"", "key_account_manager is empty" },
                { "\"annual_value\":1e6,\"key_account_manager\":{}", "key_account_manager is not a text" },
                { "\"annual_value\":1e6,\"key_account_manager\":\"ben\"",
                  "key_account_manager is \\\"ben\\\", who is not in the roster now" },
                { "\"annual_value\":1e6,\"key_account_manager\":\"a\\u0000\\u202eb\\n\"",
                  "key_account_manager is \\\"ab\\\", who is not in the roster now" },
        };
        Survey *s = survey_example();
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Text json = arena_textf(arena, "{\"response_id\":1,\"account\":{%s}}", cases[i].account);
                Routed routed = route(s, EXAMPLE, COUNT_OF(EXAMPLE), json.data);
                assert_int_equal(routed.route, 3);
                assert_true(routed.is_catch_all);
                assert_text(party_id(routed.owner), "desk");
                assert_text(trail_says(&routed, "why"), "the catch-all, because the route that matched names nobody");
                if (!strstr(routed.trail.data, arena_textf(arena, "\"why\":\"%s\"", cases[i].why).data))
                        fail_msg("%s: %s", cases[i].why, routed.trail.data);
        }
}

static void a_fallen_route_still_says_who_is_told_and_informed(void **state UNUSED)
{
        static const Written routes[] = {
                { "territory = 'FR'", ROUTE_OWNER_TERRITORY, "", "joe", true },
                { "territory = 'IT'", ROUTE_OWNER_PARTY, "nobody", NULL, false },
                { NULL, ROUTE_OWNER_PARTY, "desk", "ana", false },
        };
        Survey *s = survey_example();
        Routed routed = route(s, routes, COUNT_OF(routes), "{\"response_id\":1,\"account\":{\"territory\":\"FR\"}}");
        assert_true(routed.is_catch_all);
        assert_true(routed.is_shadow);
        assert_text(informed(&routed), "joe ");
        routed = route(s, routes, COUNT_OF(routes), "{\"response_id\":1,\"account\":{\"territory\":\"IT\"}}");
        assert_true(routed.is_catch_all);
        assert_false(routed.is_shadow);
        assert_non_null(strstr(routed.trail.data, "nobody is not in the roster now"));
        assert_text(informed(&routed), "");
}

/* People leave, and lists are edited late: even then a case has an owner. */
static void the_catch_all_owns_even_after_it_has_left(void **state UNUSED)
{
        static const Written routes[] = { { NULL, ROUTE_OWNER_PARTY, "zoe", NULL, false } };
        Routed routed = route(survey_example(), routes, 1, "{\"response_id\":1}");
        assert_text(party_id(routed.owner), "zoe");
        assert_text(trail_says(&routed, "why"), "zoe is not in the roster now");
        assert_false(routed.is_catch_all);
}

static void a_person_comes_before_a_group_of_the_same_id(void **state UNUSED)
{
        static const Written routes[] = { { NULL, ROUTE_OWNER_PARTY, "joe", NULL, false } };
        Routed routed = route(survey_example(), routes, 1, "{\"response_id\":1}");
        assert_ptr_equal(routed.owner.person, &PERSONS[2]);
        assert_null(routed.owner.group);
}

static void an_unknown_condition_is_no_match(void **state UNUSED)
{
        Survey *s = survey_example();
        Routed routed = route(s, EXAMPLE, COUNT_OF(EXAMPLE),
                              "{\"response_id\":1,\"account\":{\"annual_value\":\"much\",\"territory\":\"BR-S\"}}");
        assert_text(
                routed.trail,
                "[{\"route\":1,\"result\":\"unknown\",\"clause\":\"value >= 250000: value is not a number\","
                "\"names\":\"field:key_account_manager\",\"decided\":false},"
                "{\"route\":2,\"result\":\"no\",\"clause\":\"territory = 'DE-S' (it is something else)\","
                "\"names\":\"territory\",\"decided\":false},"
                "{\"route\":3,\"result\":\"yes\",\"clause\":\"exists territory (it is there)\",\"names\":\"territory\","
                "\"decided\":true,\"why\":\"territory BR-S belongs to ana\",\"owner\":\"ana\"}]");
}

static void who_is_informed_exists_once_and_is_not_the_owner(void **state UNUSED)
{
        static const Written routes[] = { { NULL, ROUTE_OWNER_PARTY, "ana",
                                            "group:desk person:joe ana joe field:account_team field:customer nobody",
                                            false } };
        Survey *s = survey_example();
        Routed routed = route(s, routes, 1,
                              "{\"response_id\":1,\"customer\":{\"id\":\"zoe\"},"
                              "\"account\":{\"team\":[\"joe\",\"ana\",\"ben\",\"desk\",\"Joe\"]}}");
        assert_text(informed(&routed), "desk joe ");
        assert_non_null(strstr(routed.trail.data, "\"not_informed\":[\"\\\"ben\\\" is not in the roster now\","
                                                  "\"\\\"Joe\\\" is not in the roster now\","
                                                  "\"\\\"zoe\\\" is not in the roster now\","
                                                  "\"\\\"nobody\\\" is not in the roster now\"]"));
        routed = route(s, routes, 1, "{\"response_id\":1,\"account\":{\"team\":\"joe\"}}");
        assert_text(informed(&routed), "desk joe ");
        assert_non_null(strstr(routed.trail.data, "customer is not in the message"));
}

static void kinds_that_a_route_cannot_inform_are_said(void **state UNUSED)
{
        static const Written routes[] = { { NULL, ROUTE_OWNER_PARTY, "ana", "manager joe", false } };
        Routed routed = route(survey_example(), routes, 1, "{\"response_id\":1}");
        assert_text(informed(&routed), "joe ");
        assert_non_null(strstr(routed.trail.data, "\\\"manager\\\" cannot be informed by a route"));
}

/* A message that names a thousand people does not make a thousand recipients, nor a thousand notes. */
static void a_message_cannot_have_everybody_informed(void **state UNUSED)
{
        static const Written routes[] = { { NULL, ROUTE_OWNER_PARTY, "ana", "field:account_team", false } };
        Survey *s = survey_example();
        Person *persons = arena_array(arena, Person, 1000);
        Buffer b = buffer_in(arena), strangers = buffer_in(arena);
        for (int i = 0; i < 1000; i++) {
                Text id = arena_textf(arena, "p%03d", i);
                persons[i] = (Person){ .id = id, .zone = &ZONE_UTC, .from = WALL_NONE, .until = WALL_NEVER };
                buffer_putf(&b, "%s\"%s\"", i ? "," : "{\"response_id\":1,\"account\":{\"team\":[", id.data);
                buffer_putf(&strangers, "%s\"x%s\"", i ? "," : "{\"response_id\":1,\"account\":{\"team\":[", id.data);
        }
        buffer_put_literal(&b, "]}}");
        buffer_put_literal(&strangers, "]}}");
        persons[0].id = TEXT("ana");
        Roster many = { .persons = persons, .person_count = 1000 };
        RouteTable table = routes_of(s, routes, 1);
        Routed routed;
        route_resolve(&table, &many, survey_read(s, buffer_text(&b).data), RECORD_TIME, arena, &routed);
        assert_int_equal(routed.inform_count, INFORM_MAX);
        assert_text(routed.inform[0], "p001");
        assert_non_null(strstr(routed.trail.data, "935 more: at most 64 are informed"));
        route_resolve(&table, &many, survey_read(s, buffer_text(&strangers).data), RECORD_TIME, arena, &routed);
        assert_int_equal(routed.inform_count, 0);
        assert_true(routed.trail.len < 10000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_route_that_matches_decides),
                cmocka_unit_test(a_route_that_names_nobody_falls_to_the_catch_all),
                cmocka_unit_test(a_fallen_route_still_says_who_is_told_and_informed),
                cmocka_unit_test(the_catch_all_owns_even_after_it_has_left),
                cmocka_unit_test(a_person_comes_before_a_group_of_the_same_id),
                cmocka_unit_test(an_unknown_condition_is_no_match),
                cmocka_unit_test(who_is_informed_exists_once_and_is_not_the_owner),
                cmocka_unit_test(kinds_that_a_route_cannot_inform_are_said),
                cmocka_unit_test(a_message_cannot_have_everybody_informed),
        };
        return cmocka_run_group_tests_name("route", tests, make_arena, free_arena);
}
