#include "core/field.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const char *const TYPE_TEXTS[FIELD_TYPE_MAX] = {
        [FIELD_TYPE_TEXT] = "text",
        [FIELD_TYPE_NUMBER] = "number",
        [FIELD_TYPE_FLAG] = "flag",
        [FIELD_TYPE_LIST] = "list",
};

const char *field_type_text(FieldType type)
{
        must(type < FIELD_TYPE_MAX);
        return TYPE_TEXTS[type];
}

bool field_type_parse(Text text, FieldType *ret)
{
        for (FieldType type = 0; type < FIELD_TYPE_MAX; type++) {
                if (!text_is(text, TYPE_TEXTS[type]))
                        continue;
                *ret = type;
                return true;
        }
        return false;
}

#define KNOWN(field_name, field_type)                                              \
        {                                                                          \
                .name = { field_name, sizeof(field_name) - 1 }, .type = field_type \
        }

FieldTable field_table_known(void)
{
        return (FieldTable){
                .count = FIELD_KNOWN_MAX,
                .fields = {
                        [FIELD_ID] = KNOWN("id", FIELD_TYPE_TEXT),
                        [FIELD_SUBMITTED] = KNOWN("submitted", FIELD_TYPE_TEXT),
                        [FIELD_CUSTOMER] = KNOWN("customer", FIELD_TYPE_TEXT),
                        [FIELD_NAME] = KNOWN("name", FIELD_TYPE_TEXT),
                        [FIELD_PHONE] = KNOWN("phone", FIELD_TYPE_TEXT),
                        [FIELD_EMAIL] = KNOWN("email", FIELD_TYPE_TEXT),
                        [FIELD_ACCOUNT] = KNOWN("account", FIELD_TYPE_TEXT),
                        [FIELD_TERRITORY] = KNOWN("territory", FIELD_TYPE_TEXT),
                        [FIELD_DEPARTMENT] = KNOWN("department", FIELD_TYPE_TEXT),
                        [FIELD_TOUCHPOINT] = KNOWN("touchpoint", FIELD_TYPE_TEXT),
                        [FIELD_COMMENT] = KNOWN("comment", FIELD_TYPE_TEXT),
                        [FIELD_LANGUAGE] = KNOWN("language", FIELD_TYPE_TEXT),
                        [FIELD_NPS] = KNOWN("nps", FIELD_TYPE_NUMBER),
                        [FIELD_CSAT] = KNOWN("csat", FIELD_TYPE_NUMBER),
                        [FIELD_CES] = KNOWN("ces", FIELD_TYPE_NUMBER),
                        [FIELD_CONTACT_ME] = KNOWN("contact_me", FIELD_TYPE_FLAG),
                },
        };
}

bool field_find(const FieldTable *table, Text name, FieldId *ret)
{
        must(table->count <= FIELDS_MAX);
        for (size_t i = 0; i < table->count; i++) {
                if (!text_equal(table->fields[i].name, name))
                        continue;
                *ret = (FieldId)i;
                return true;
        }
        return false;
}

bool quoted_read(Arena *arena, Text text, size_t *at, Text *ret)
{
        char quote = text.data[*at];
        size_t i = *at + 1, len = 0;
        char *copy = arena_alloc(arena, text.len - i + 1);
        for (; i < text.len; i++) {
                if (text.data[i] == quote) {
                        if (i + 1 == text.len || text.data[i + 1] != quote)
                                break;
                        i++;
                }
                copy[len++] = text.data[i];
        }
        if (i == text.len)
                return false;
        *ret = (Text){ copy, len };
        *at = i + 1;
        return true;
}

/* A path being read. The first thing that is wrong is kept; after it every reader returns false. */
typedef struct PathReader {
        Arena *arena;
        Text text;
        size_t at;
        Segment segments[PATH_SEGMENTS_MAX];
        size_t count;
        TextFault fault;
} PathReader;

static bool path_fault(PathReader *p, size_t offset, Text message)
{
        p->fault = (TextFault){ offset, message };
        return false;
}

static char path_peek(const PathReader *p)
{
        return p->at < p->text.len ? p->text.data[p->at] : '\0';
}

static bool path_skip(PathReader *p, char expected)
{
        if (p->at >= p->text.len || p->text.data[p->at] != expected)
                return false;
        p->at++;
        return true;
}

static bool is_bare(char c)
{
        return (unsigned char)c > ' ' && c != 0x7f && !strchr(".[]='\"", c);
}

/* A key or a wanted text: quoted, or as it stands. */
static bool path_word(PathReader *p, Text missing, Text *ret)
{
        size_t start = p->at;
        if (path_peek(p) == '"' || path_peek(p) == '\'') {
                if (!quoted_read(p->arena, p->text, &p->at, ret))
                        return path_fault(p, start, TEXT("this quote is not closed"));
        } else {
                while (p->at < p->text.len && is_bare(p->text.data[p->at]))
                        p->at++;
                *ret = (Text){ p->text.data + start, p->at - start };
        }
        return ret->len > 0 || path_fault(p, start, missing);
}

static bool path_index(PathReader *p, size_t *ret)
{
        size_t value = 0, start = p->at;
        for (; path_peek(p) >= '0' && path_peek(p) <= '9'; p->at++) {
                value = value * 10 + (size_t)(path_peek(p) - '0');
                if (value > PATH_INDEX_MAX)
                        return path_fault(p, start, arena_textf(p->arena, "an index is at most %d", PATH_INDEX_MAX));
        }
        *ret = value;
        return true;
}

static bool path_brackets(PathReader *p, Segment *segment)
{
        if (path_peek(p) >= '0' && path_peek(p) <= '9') {
                segment->kind = SEGMENT_INDEX;
                if (!path_index(p, &segment->index))
                        return false;
        } else {
                segment->kind = SEGMENT_SEARCH;
                if (!path_word(p, TEXT("expected a number, or key=\"text\", in the brackets"), &segment->key))
                        return false;
                if (!path_skip(p, '='))
                        return path_fault(p, p->at, TEXT("expected \"=\" and the text to look for"));
                if (!path_word(p, TEXT("expected the text to look for"), &segment->wanted))
                        return false;
        }
        return path_skip(p, ']') || path_fault(p, p->at, TEXT("expected \"]\""));
}

static bool path_segment(PathReader *p)
{
        if (p->count == PATH_SEGMENTS_MAX)
                return path_fault(p, p->at, arena_textf(p->arena, "a path has at most %d parts", PATH_SEGMENTS_MAX));
        Segment *segment = &p->segments[p->count++];
        *segment = (Segment){ 0 };
        if (p->count == 1)
                return path_word(p, TEXT("expected a key"), &segment->key);
        if (path_skip(p, '.'))
                return path_word(p, TEXT("expected a key after the dot"), &segment->key);
        if (path_skip(p, '['))
                return path_brackets(p, segment);
        return path_fault(p, p->at, TEXT("expected \".\" or \"[\"; a key with other characters is put in quotes"));
}

static bool path_read(PathReader *p)
{
        if (p->text.len > PATH_BYTES_MAX)
                return path_fault(p, PATH_BYTES_MAX,
                                  arena_textf(p->arena, "a path has at most %d bytes", PATH_BYTES_MAX));
        if (!text_is_utf8(p->text))
                return path_fault(p, 0, TEXT("not UTF-8"));
        do {
                if (!path_segment(p))
                        return false;
        } while (p->at < p->text.len);
        return true;
}

int path_parse(Arena *arena, Text text, Path *ret, TextFault *reterr)
{
        PathReader p = { .arena = arena, .text = arena_text(arena, text) };
        if (!path_read(&p)) {
                *reterr = p.fault;
                return -EINVAL;
        }
        Segment *segments = arena_array(arena, Segment, p.count);
        memcpy(segments, p.segments, p.count * sizeof(Segment));
        *ret = (Path){ p.text, segments, p.count };
        return 0;
}

Text integer_text(const JsonValue *value, char buffer[static INTEGER_BYTES])
{
        int64_t integer = 0;
        uint64_t natural = 0;
        int len;
        if (json_integer(value, &integer))
                len = snprintf(buffer, INTEGER_BYTES, "%" PRId64, integer);
        else if (json_unsigned(value, &natural))
                len = snprintf(buffer, INTEGER_BYTES, "%" PRIu64, natural);
        else
                return TEXT_NONE;
        return (Text){ buffer, (size_t)len };
}

/* Whole numbers compare digit by digit, other numbers by what they are: how 1.50 was written is gone. */
static bool value_is_written(const JsonValue *value, Text wanted)
{
        char digits[INTEGER_BYTES];
        double number, wanted_number;
        switch (json_type(value)) {
        case JSON_TEXT:
        case JSON_HUGE:
                return text_equal(json_text(value), wanted);
        case JSON_BOOL:
                return text_is(wanted, json_is_true(value) ? "true" : "false");
        case JSON_INTEGER:
                return text_equal(integer_text(value, digits), wanted);
        case JSON_REAL:
                return json_number(value, &number) && text_number(wanted, &wanted_number) && number == wanted_number;
        case JSON_ABSENT:
        case JSON_NULL:
        case JSON_ARRAY:
        case JSON_OBJECT:
        case JSON_TYPE_MAX:
                break;
        }
        return false;
}

static const JsonValue *segment_search(const Segment *segment, const JsonValue *array)
{
        if (json_type(array) != JSON_ARRAY)
                return NULL;
        for (JsonWalk w = json_walk(array); json_next(&w);)
                if (value_is_written(json_get(w.value, segment->key), segment->wanted))
                        return w.value;
        return NULL;
}

const JsonValue *path_find_below(const Path *path, const JsonValue *branch)
{
        const JsonValue *value = branch;
        for (size_t i = 1; i < path->count && value; i++) {
                const Segment *segment = &path->segments[i];
                switch (segment->kind) {
                case SEGMENT_KEY:
                        value = json_get(value, segment->key);
                        break;
                case SEGMENT_INDEX:
                        value = json_at(value, segment->index);
                        break;
                case SEGMENT_SEARCH:
                        value = segment_search(segment, value);
                        break;
                }
        }
        return value;
}

const JsonValue *path_find(const Path *path, const JsonValue *root)
{
        return path_find_below(path, json_get(root, path->segments[0].key));
}
