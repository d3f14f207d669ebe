#include "core/response.h"

#include "core/fold.h"
#include "core/timestamp.h"

static const int64_t FUTURE_MINUTES_MAX = 5; /* clocks that differ, not answers from tomorrow */

const char *value_why_text(ValueWhy why)
{
        static const char *const texts[WHY_MAX] = {
                [WHY_ABSENT] = "not in the message",
                [WHY_NOT_MAPPED] = "not among the fields of its source",
                [WHY_NULL] = "empty",
                [WHY_OFF_SCALE] = "off its scale",
                [WHY_NOT_A_NUMBER] = "not a number",
                [WHY_INFINITE] = "too large a number",
                [WHY_NOT_A_FLAG] = "neither yes nor no",
                [WHY_NOT_A_TEXT] = "not a text",
                [WHY_NOT_A_LIST] = "not a list of texts",
                [WHY_NO_LABEL] = "none of its labels",
                [WHY_TOO_LONG] = "too long a list",
        };
        must(why < WHY_MAX);
        return texts[why];
}

const char *submitted_note_text(SubmittedNote note)
{
        static const char *const texts[SUBMITTED_NOTE_MAX] = {
                [SUBMITTED_GIVEN] = "given",
                [SUBMITTED_MISSING] = "missing, the record's time is used",
                [SUBMITTED_UNREADABLE] = "unreadable, the record's time is used",
                [SUBMITTED_IN_FUTURE] = "later than the record, the record's time is used",
        };
        must(note < SUBMITTED_NOTE_MAX);
        return texts[note];
}

const char *response_fault_text(ResponseFault fault)
{
        _Static_assert(RESPONSE_ID_BYTES_MAX == 512, "the text says how many");
        static const char *const texts[RESPONSE_FAULT_MAX] = {
                [RESPONSE_READABLE] = "readable",
                [RESPONSE_NOT_AN_OBJECT] = "not a JSON object",
                [RESPONSE_NO_ID] = "no id where the source names one",
                [RESPONSE_ID_TOO_LONG] = "id longer than 512 bytes",
        };
        must(fault < RESPONSE_FAULT_MAX);
        return texts[fault];
}

static Value value_unknown(ValueWhy why)
{
        return (Value){ .type = VALUE_UNKNOWN, .why = why };
}

static bool is_empty(const JsonValue *value)
{
        JsonType type = json_type(value);
        return type == JSON_NULL || (type == JSON_TEXT && text_trim(json_text(value)).len == 0);
}

static const JsonValue *path_look(Response *r, const Path *path)
{
        Text key = path->segments[0].key;
        if (!text_equal(key, r->branch_key)) {
                r->branch_key = key;
                r->branch = json_get(r->root, key);
        }
        return path_find_below(path, r->branch);
}

/* The first that is there and says something. NULL: none; *ret_why is then WHY_ABSENT or WHY_NULL.
 * A list of nothing is an answer only where a list is asked for: "none of these". */
static const JsonValue *place_find(Response *r, const FieldPlace *place, FieldType type, ValueWhy *ret_why)
{
        *ret_why = WHY_ABSENT;
        for (size_t i = 0; i < place->path_count; i++) {
                const JsonValue *value = path_look(r, &place->paths[i]);
                if (!value)
                        continue;
                bool is_empty_list = json_type(value) == JSON_ARRAY && json_count(value) == 0;
                if (!is_empty(value) && (!is_empty_list || type == FIELD_TYPE_LIST))
                        return value;
                *ret_why = WHY_NULL;
        }
        return NULL;
}

/* 1e999, which text_number() refuses like any text: the same with its exponent apart. */
static bool is_infinite(Text text)
{
        double mantissa;
        int64_t exponent;
        const char *e = text.len > 0 ? memchr(text.data, 'e', text.len) : NULL;
        if (!e && text.len > 0)
                e = memchr(text.data, 'E', text.len);
        if (!e)
                return false;
        size_t at = (size_t)(e - text.data);
        return text_number((Text){ text.data, at }, &mantissa) &&
               text_integer(text_from_offset(text, at + 1), &exponent);
}

static Value text_as_number(const FieldPlace *place, Text text, Arena *arena)
{
        double number;
        for (size_t i = 0; place && i < place->label_count; i++)
                if (text_fold_equal(arena, place->labels[i].label, text))
                        return (Value){ .type = VALUE_NUMBER, .number = place->labels[i].number };
        if (text_number(text, &number))
                return (Value){ .type = VALUE_NUMBER, .number = number };
        if (is_infinite(text))
                return value_unknown(WHY_INFINITE);
        return value_unknown(place && place->label_count > 0 ? WHY_NO_LABEL : WHY_NOT_A_NUMBER);
}

/* Digits that 64 bits do not hold may still be a double; a number longer than text_number() takes is none for us. */
static Value huge_as_number(Text digits)
{
        double number;
        if (!text_number(digits, &number))
                return value_unknown(WHY_INFINITE);
        return (Value){ .type = VALUE_NUMBER, .number = number };
}

static Value number_read(const FieldPlace *place, const JsonValue *value, Arena *arena)
{
        Value v = value_unknown(WHY_NOT_A_NUMBER);
        if (json_number(value, &v.number))
                v.type = VALUE_NUMBER;
        else if (json_type(value) == JSON_TEXT)
                v = text_as_number(place, text_trim(json_text(value)), arena);
        else if (json_type(value) == JSON_HUGE)
                v = huge_as_number(json_text(value));
        if (v.type == VALUE_NUMBER && place && place->has_scale &&
            !(v.number >= place->scale_min && v.number <= place->scale_max))
                return value_unknown(WHY_OFF_SCALE);
        return v;
}

static Value flag_of_text(Text text)
{
        static const char *const words[] = { "no", "yes", "false", "true", "0", "1" };
        char lower[8] = "";
        for (size_t i = 0; i < text.len && text.len < sizeof(lower); i++)
                lower[i] = text.data[i] >= 'A' && text.data[i] <= 'Z' ? (char)(text.data[i] + 32) : text.data[i];
        for (size_t i = 0; i < COUNT_OF(words); i++)
                if (text.len == strlen(words[i]) && memcmp(lower, words[i], text.len) == 0)
                        return (Value){ .type = VALUE_FLAG, .flag = i % 2 == 1 };
        return value_unknown(WHY_NOT_A_FLAG);
}

static Value flag_read(const JsonValue *value)
{
        double number;
        if (json_type(value) == JSON_BOOL)
                return (Value){ .type = VALUE_FLAG, .flag = json_is_true(value) };
        if (json_type(value) == JSON_TEXT)
                return flag_of_text(text_trim(json_text(value)));
        if (json_number(value, &number) && (number == 0 || number == 1))
                return (Value){ .type = VALUE_FLAG, .flag = number == 1 };
        return value_unknown(WHY_NOT_A_FLAG);
}

static Text real_text(const JsonValue *value, Arena *arena)
{
        double number = 0;
        Buffer buffer = buffer_in(arena);
        JsonWriter w = json_writer(&buffer);
        (void)json_number(value, &number);
        json_put_number(&w, number);
        return buffer_text(&buffer);
}

/* A text as it is, trimmed; a number or a flag as it is written. Absent for anything else. */
static Text written_text(const JsonValue *value, Arena *arena)
{
        char digits[INTEGER_BYTES];
        switch (json_type(value)) {
        case JSON_TEXT:
        case JSON_HUGE:
                return text_trim(json_text(value));
        case JSON_INTEGER:
                return arena_text(arena, integer_text(value, digits));
        case JSON_REAL:
                return real_text(value, arena);
        case JSON_BOOL:
                return json_is_true(value) ? TEXT("true") : TEXT("false");
        case JSON_ABSENT:
        case JSON_NULL:
        case JSON_ARRAY:
        case JSON_OBJECT:
        case JSON_TYPE_MAX:
                break;
        }
        return TEXT_NONE;
}

/* Survey tools write a single choice as a list of one. */
static Value text_read(const JsonValue *value, Arena *arena)
{
        if (json_type(value) == JSON_ARRAY && json_count(value) == 1)
                value = json_at(value, 0);
        Text text = written_text(value, arena);
        if (!text.data)
                return value_unknown(WHY_NOT_A_TEXT);
        return text.len > 0 ? (Value){ .type = VALUE_TEXT, .text = text } : value_unknown(WHY_NULL);
}

static Value items_read(const JsonValue *array, Arena *arena)
{
        size_t count = 0;
        if (json_count(array) > LIST_ITEMS_MAX)
                return value_unknown(WHY_TOO_LONG);
        Text *items = arena_array(arena, Text, json_count(array));
        for (JsonWalk w = json_walk(array); json_next(&w);) {
                if (is_empty(w.value))
                        continue;
                items[count] = written_text(w.value, arena);
                if (!items[count++].data)
                        return value_unknown(WHY_NOT_A_LIST);
        }
        return (Value){ .type = VALUE_LIST, .list = { items, count } };
}

static Value list_read(const JsonValue *value, Arena *arena)
{
        if (json_type(value) == JSON_ARRAY)
                return items_read(value, arena);
        Text *item = arena_new_of(arena, Text);
        *item = written_text(value, arena);
        return item->data ? (Value){ .type = VALUE_LIST, .list = { item, 1 } } : value_unknown(WHY_NOT_A_LIST);
}

/* place: scale and labels; NULL: neither. */
static Value value_read(FieldType type, const FieldPlace *place, const JsonValue *value, Arena *arena)
{
        must(type < FIELD_TYPE_MAX);
        switch (type) {
        case FIELD_TYPE_TEXT:
                return text_read(value, arena);
        case FIELD_TYPE_NUMBER:
                return number_read(place, value, arena);
        case FIELD_TYPE_FLAG:
                return flag_read(value);
        case FIELD_TYPE_LIST:
                return list_read(value, arena);
        case FIELD_TYPE_MAX:
                break;
        }
        return value_unknown(WHY_ABSENT);
}

static Value field_read(Response *r, FieldId field)
{
        ValueWhy why;
        const FieldPlace *place = r->source ? r->source->place_of[field] : NULL;
        if (!place)
                return value_unknown(WHY_NOT_MAPPED);
        FieldType type = r->fields->fields[field].type;
        const JsonValue *value = place_find(r, place, type, &why);
        return value ? value_read(type, place, value, r->arena) : value_unknown(why);
}

const Value *response_value(Response *r, FieldId field)
{
        must(field < FIELDS_MAX);
        Value *value = &r->values[field];
        if (!(r->read & UINT64_C(1) << field)) {
                *value = field_read(r, field);
                r->read |= UINT64_C(1) << field;
        }
        return value;
}

Text response_text(Response *r, FieldId field)
{
        const Value *value = response_value(r, field);
        return value->type == VALUE_TEXT ? value->text : TEXT_NONE;
}

struct Folded {
        const Folded *next;
        FieldId field;
        const Text *items;
        size_t count;
};

static Folded *value_fold(const Value *value, FieldId field, Arena *arena)
{
        const Text *texts = value->type == VALUE_TEXT ? &value->text : value->list.items;
        Folded *folded = arena_new_of(arena, Folded);
        folded->field = field;
        folded->count = value->type == VALUE_TEXT ? 1 : value->list.count;
        Text *items = arena_array(arena, Text, folded->count);
        for (size_t i = 0; i < folded->count; i++)
                items[i] = text_fold(arena, texts[i]);
        folded->items = items;
        return folded;
}

const Text *response_folded(Response *r, FieldId field, size_t *ret_count)
{
        const Value *value = response_value(r, field);
        const Folded *folded = r->folded;
        if (value->type != VALUE_TEXT && value->type != VALUE_LIST) {
                *ret_count = 0;
                return NULL;
        }
        while (folded && folded->field != field)
                folded = folded->next;
        if (!folded) {
                Folded *made = value_fold(value, field, r->arena);
                made->next = r->folded;
                r->folded = folded = made;
        }
        *ret_count = folded->count;
        return folded->items;
}

/* A flag is no id: every answer would have the same one, and all but the first would be taken for repeats. */
static Text id_read(Response *r, const FieldPlace *named)
{
        ValueWhy why;
        const JsonValue *value = place_find(r, named, FIELD_TYPE_TEXT, &why);
        return json_type(value) == JSON_BOOL ? TEXT_NONE : written_text(value, r->arena);
}

static Text place_id(const Place *place, Arena *arena)
{
        Text id = arena_textf(arena, TEXT_F "/%d/%lld", TEXT_ARG(place->topic), place->partition,
                              (long long)place->offset);
        return place->log > 0 ? arena_textf(arena, TEXT_F "/%d", TEXT_ARG(id), place->log) : id;
}

static SubmittedNote submitted_read(Response *r, WallTime *ret)
{
        ValueWhy why;
        const FieldPlace *named = r->source->place_of[FIELD_SUBMITTED];
        const JsonValue *value = named ? place_find(r, named, FIELD_TYPE_TEXT, &why) : NULL;
        WallTime given, latest = wall_add(r->place.record_time, span_times(SPAN_MINUTE, FUTURE_MINUTES_MAX));
        *ret = r->place.record_time;
        if (!value)
                return SUBMITTED_MISSING;
        if (!timestamp_read(r->source, value, &given))
                return SUBMITTED_UNREADABLE;
        if (wall_before(latest, given))
                return SUBMITTED_IN_FUTURE;
        *ret = given;
        return SUBMITTED_GIVEN;
}

/* Member by member: clearing 64 values would cost more than reading the few that the rules ask for. */
static void response_begin(Response *r, const FieldTable *fields, const JsonValue *root, Arena *arena)
{
        r->fields = fields;
        r->arena = arena;
        r->root = root;
        r->branch_key = TEXT_NONE;
        r->branch = NULL;
        r->folded = NULL;
        r->read = 0;
}

ResponseFault response_read(const Source *source, const FieldTable *fields, const JsonValue *root, const Place *place,
                            Arena *arena, Response *ret)
{
        must(wall_is_set(place->record_time));
        if (json_type(root) != JSON_OBJECT)
                return RESPONSE_NOT_AN_OBJECT;
        response_begin(ret, fields, root, arena);
        ret->source = source;
        ret->place = *place;
        ret->traceparent = TEXT_NONE;
        const FieldPlace *named = source->place_of[FIELD_ID];
        ret->id = named ? id_read(ret, named) : place_id(place, arena);
        if (ret->id.len == 0)
                return RESPONSE_NO_ID;
        if (named && ret->id.len > RESPONSE_ID_BYTES_MAX)
                return RESPONSE_ID_TOO_LONG;
        ret->submitted = WALL_NONE;
        return RESPONSE_READABLE;
}

void response_date(Response *r)
{
        r->submitted_note = submitted_read(r, &r->submitted);
}

static void value_keep(Value *value, Arena *arena)
{
        if (value->type == VALUE_TEXT)
                value->text = arena_text(arena, value->text);
        if (value->type != VALUE_LIST)
                return;
        Text *items = arena_array(arena, Text, value->list.count);
        for (size_t i = 0; i < value->list.count; i++)
                items[i] = arena_text(arena, value->list.items[i]);
        value->list.items = items;
}

void response_keep(Response *r, Arena *arena)
{
        if (r->root)
                response_date(r);
        for (size_t field = 0; field < r->fields->count; field++) {
                (void)response_value(r, (FieldId)field);
                value_keep(&r->values[field], arena);
        }
        r->id = arena_text(arena, r->id);
        r->place.topic = arena_text(arena, r->place.topic);
        r->traceparent = arena_text(arena, r->traceparent);
        r->arena = arena;
        r->root = r->branch = NULL;
        r->branch_key = TEXT_NONE;
        r->folded = NULL;
}

static void value_write(JsonWriter *w, const Value *value)
{
        switch (value->type) {
        case VALUE_NUMBER:
                json_put_number(w, value->number);
                break;
        case VALUE_TEXT:
                json_put_text(w, value->text);
                break;
        case VALUE_FLAG:
                json_put_bool(w, value->flag);
                break;
        case VALUE_LIST:
                json_open(w, '[');
                for (size_t i = 0; i < value->list.count; i++)
                        json_put_text(w, value->list.items[i]);
                json_close(w, ']');
                break;
        case VALUE_UNKNOWN:
                json_put_null(w);
                break;
        }
}

void response_write_fields(Response *r, JsonWriter *w)
{
        json_open(w, '{');
        for (size_t field = 0; field < r->fields->count; field++) {
                const Value *value = response_value(r, (FieldId)field);
                if (value->type == VALUE_UNKNOWN)
                        continue;
                json_key_text(w, r->fields->fields[field].name);
                value_write(w, value);
        }
        json_close(w, '}');
}

void response_read_fields(const JsonValue *object, const FieldTable *fields, Arena *arena, Response *r)
{
        response_begin(r, fields, NULL, arena);
        for (size_t field = 0; field < fields->count; field++) {
                const JsonValue *value = json_get(object, fields->fields[field].name);
                r->values[field] =
                        value ? value_read(fields->fields[field].type, NULL, value, arena) : value_unknown(WHY_ABSENT);
                r->read |= UINT64_C(1) << field;
        }
}
