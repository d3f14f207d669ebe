/* survey.h - for tests: a source with its fields, and answers read from JSON.
 * Owns:    all of it is in one arena, made before the first test of a program and freed after the last. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/response.h"

static Arena *arena;

static UNUSED int make_arena(void **state UNUSED)
{
        arena = arena_new(1 << 16);
        return 0;
}

static UNUSED int free_arena(void **state UNUSED)
{
        arena = arena_free(arena);
        return 0;
}

#define assert_text(actual, expected)                                             \
        do {                                                                      \
                Text _actual = (actual);                                          \
                assert_non_null(_actual.data);                                    \
                assert_string_equal(arena_text(arena, _actual).data, (expected)); \
        } while (0)

typedef struct Survey {
        FieldTable fields;
        Source source;
        FieldPlace places[FIELDS_MAX];
        size_t place_count;
} Survey;

static inline const JsonValue *json_of(const char *json)
{
        const JsonValue *root = NULL;
        Text copy = arena_text(arena, text_from(json));
        assert_int_equal(json_read_in(arena, copy, &root), JSON_FAULT_NONE);
        return root;
}

static inline Path path_of(Text text)
{
        Path path;
        TextFault fault;
        if (path_parse(arena, text, &path, &fault) < 0)
                fail_msg(TEXT_F ": at %zu: " TEXT_F, TEXT_ARG(text), fault.offset, TEXT_ARG(fault.message));
        return path;
}

/* paths: one, or several with | between them. */
static UNUSED FieldPlace *survey_place(Survey *s, const char *name, FieldType type, const char *paths)
{
        FieldId field;
        if (!field_find(&s->fields, text_from(name), &field)) {
                field = (FieldId)s->fields.count++;
                s->fields.fields[field].name = text_from(name);
        }
        s->fields.fields[field].type = type;
        FieldPlace *place = &s->places[s->place_count++];
        Path *list = arena_array(arena, Path, 8);
        Text rest = text_from(paths), part;
        *place = (FieldPlace){ .field = field, .paths = list };
        while (text_split(&rest, '|', &part))
                list[place->path_count++] = path_of(part);
        s->source.place_of[field] = place;
        return place;
}

static UNUSED FieldPlace *survey_scale(Survey *s, const char *name, const char *paths, double min, double max)
{
        FieldPlace *place = survey_place(s, name, FIELD_TYPE_NUMBER, paths);
        place->has_scale = true;
        place->scale_min = min;
        place->scale_max = max;
        s->fields.fields[place->field].has_scale = true;
        return place;
}

static inline Survey *survey_empty(void)
{
        Survey *s = arena_new_of(arena, Survey);
        s->fields = field_table_known();
        s->source = (Source){ .name = TEXT("relationship"), .topic = TEXT("survey-responses"), .zone = &ZONE_UTC };
        return s;
}

/* The source of the example configuration. */
static UNUSED Survey *survey_example(void)
{
        static const struct {
                const char *name, *paths;
                FieldType type;
        } places[] = {
                { "id", "response_id", FIELD_TYPE_TEXT },
                { "submitted", "submitted_at", FIELD_TYPE_TEXT },
                { "customer", "customer.id", FIELD_TYPE_TEXT },
                { "name", "customer.name", FIELD_TYPE_TEXT },
                { "phone", "customer.phone", FIELD_TYPE_TEXT },
                { "segment", "customer.segment", FIELD_TYPE_TEXT },
                { "account", "account.name", FIELD_TYPE_TEXT },
                { "territory", "account.territory", FIELD_TYPE_TEXT },
                { "department", "account.department", FIELD_TYPE_TEXT },
                { "touchpoint", "survey.touchpoint", FIELD_TYPE_TEXT },
                { "value", "account.annual_value", FIELD_TYPE_NUMBER },
                { "contact_me", "answers.contact_me", FIELD_TYPE_FLAG },
                { "comment", "answers.reason|answers.comment|answers.improve", FIELD_TYPE_TEXT },
                { "finished", "finished", FIELD_TYPE_FLAG },
                { "key_account_manager", "account.key_account_manager", FIELD_TYPE_TEXT },
                { "account_team", "account.team", FIELD_TYPE_LIST },
                { "language", "locale", FIELD_TYPE_TEXT },
        };
        Survey *s = survey_empty();
        for (size_t i = 0; i < COUNT_OF(places); i++)
                (void)survey_place(s, places[i].name, places[i].type, places[i].paths);
        (void)survey_scale(s, "nps", "answers.nps", 0, 10);
        (void)survey_scale(s, "csat", "answers.csat", 1, 5);
        return s;
}

static inline FieldId field_of(const Survey *s, const char *name)
{
        FieldId field = 0;
        assert_true(field_find(&s->fields, text_from(name), &field));
        return field;
}

/* 2026-11-20T08:00:00Z */
#define RECORD_TIME ((WallTime){ INT64_C(1795161600000000) })

static inline Place place_of_record(void)
{
        return (Place){ .topic = TEXT("survey-responses"), .partition = 3, .offset = 42, .record_time = RECORD_TIME };
}

static inline Response *survey_read(const Survey *s, const char *json)
{
        Response *r = arena_new_of(arena, Response);
        Place place = place_of_record();
        assert_int_equal(response_read(&s->source, &s->fields, json_of(json), &place, arena, r), RESPONSE_READABLE);
        response_date(r);
        return r;
}

static UNUSED const Value *value_of(const Survey *s, Response *r, const char *name)
{
        return response_value(r, field_of(s, name));
}
