#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

enum {
        READER_POOL_BYTES = 64 * 1024,
        DEPTH_MAX = 1024
};

struct JsonReader {
        char *pool;
        size_t pool_bytes;
        yyjson_doc *doc; /* of the last read; in the pool unless the document was too large for it */
        bool doc_is_pooled;
};

static const yyjson_val *native(const JsonValue *value)
{
        return (const yyjson_val *)(const void *)value;
}

static const JsonValue *ours(const yyjson_val *value)
{
        return (const JsonValue *)(const void *)value;
}

/* The library's readers take a pointer to non-const, but only read. */
static yyjson_val *lent(const JsonValue *value)
{
        return (yyjson_val *)(uintptr_t)native(value);
}

static yyjson_val *lent_native(const yyjson_val *value)
{
        return (yyjson_val *)(uintptr_t)value;
}

const char *json_fault_text(JsonFault fault)
{
        static const char *const texts[JSON_FAULT_MAX] = {
                [JSON_FAULT_NONE] = "readable",
                [JSON_FAULT_EMPTY] = "empty",
                [JSON_FAULT_TOO_LONG] = "too long",
                [JSON_FAULT_TOO_DEEP] = "nested too deep",
                [JSON_FAULT_NOT_UTF8] = "not UTF-8",
                [JSON_FAULT_NOT_JSON] = "not JSON",
                [JSON_FAULT_DUPLICATE_KEY] = "a key stands twice in one object",
        };
        must(fault < JSON_FAULT_MAX);
        return texts[fault];
}

JsonReader *json_reader_new(void)
{
        JsonReader *reader = calloc(1, sizeof(*reader));
        must(reader != NULL);
        reader->pool = malloc(READER_POOL_BYTES);
        must(reader->pool != NULL);
        reader->pool_bytes = READER_POOL_BYTES;
        return reader;
}

static void reader_forget(JsonReader *reader)
{
        if (reader->doc && !reader->doc_is_pooled)
                yyjson_doc_free(reader->doc);
        reader->doc = NULL;
}

JsonReader *json_reader_free(JsonReader *reader)
{
        if (reader) {
                reader_forget(reader);
                free(reader->pool);
                free(reader);
        }
        return NULL;
}

/* Survey objects are small. The keys of larger ones are sorted. */
enum {
        FEW_KEYS_MAX = 64
};

static int key_compare(const void *a, const void *b)
{
        const Text *x = a, *y = b;
        return text_compare(*x, *y);
}

static bool many_keys_repeat(const yyjson_val *object, size_t count)
{
        Text *keys = malloc(count * sizeof(Text));
        must(keys != NULL);
        yyjson_obj_iter it = yyjson_obj_iter_with(lent_native(object));
        for (size_t i = 0; i < count; i++) {
                yyjson_val *key = yyjson_obj_iter_next(&it);
                keys[i] = (Text){ yyjson_get_str(key), yyjson_get_len(key) };
        }
        qsort(keys, count, sizeof(Text), key_compare);
        bool repeats = false;
        for (size_t i = 1; i < count && !repeats; i++)
                repeats = text_equal(keys[i - 1], keys[i]);
        free(keys);
        return repeats;
}

static size_t key_len(const yyjson_val *key)
{
        return key->tag >> YYJSON_TAG_BIT;
}

enum {
        MARK_WORDS = 8
};

/* One of 512 bits, by the length and three of the bytes. An empty key has its closing NUL. */
static unsigned key_mark(const yyjson_val *key)
{
        size_t len = key_len(key);
        const unsigned char *bytes = (const unsigned char *)key->uni.str;
        return (unsigned)(len * 89 + bytes[0] * 37U + bytes[len / 2] * 11U + bytes[len - (len > 0)] * 3U) %
               (MARK_WORDS * 64);
}

/* Is this key of the object one of those before it? */
static bool key_stands_before(const yyjson_val *object, const yyjson_val *sought)
{
        yyjson_obj_iter it = yyjson_obj_iter_with(lent_native(object));
        for (const yyjson_val *key; (key = yyjson_obj_iter_next(&it)) != sought;)
                if (key_len(key) == key_len(sought) && memcmp(key->uni.str, sought->uni.str, key_len(key)) == 0)
                        return true;
        return false;
}

/* Marks of the keys so far: a key whose mark is new is new. */
static bool few_keys_repeat(const yyjson_val *object)
{
        uint64_t seen[MARK_WORDS] = { 0 };
        yyjson_obj_iter it = yyjson_obj_iter_with(lent_native(object));
        for (const yyjson_val *key; (key = yyjson_obj_iter_next(&it)) != NULL;) {
                unsigned mark = key_mark(key);
                uint64_t bit = UINT64_C(1) << mark % 64, *word = &seen[mark / 64];
                if ((*word & bit) != 0 && key_stands_before(object, key))
                        return true;
                *word |= bit;
        }
        return false;
}

static bool keys_repeat(const yyjson_val *container)
{
        size_t count = yyjson_obj_size(lent_native(container)); /* of an array: 0 */
        if (count < 2)
                return false;
        return count <= FEW_KEYS_MAX ? few_keys_repeat(container) : many_keys_repeat(container, count);
}

/* One pass over the document's values, which stand in a row: a container ends where its offset says.
 * The stack holds the ends of the open containers, so its height is the depth. */
static JsonFault document_check(const yyjson_doc *doc, unsigned depth_max)
{
        const yyjson_val *ends[DEPTH_MAX];
        unsigned depth = 0;
        const yyjson_val *value = doc->root, *end = doc->root + doc->val_read;
        for (; value < end; value++) {
                if (!unsafe_yyjson_is_ctn((void *)(uintptr_t)value))
                        continue;
                while (depth > 0 && value >= ends[depth - 1])
                        depth--;
                if (depth >= depth_max)
                        return JSON_FAULT_TOO_DEEP;
                ends[depth++] = unsafe_yyjson_get_next(lent_native(value));
                if (keys_repeat(value))
                        return JSON_FAULT_DUPLICATE_KEY;
        }
        return JSON_FAULT_NONE;
}

static const yyjson_read_flag READ_FLAGS = YYJSON_READ_BIGNUM_AS_RAW;

static JsonFault native_read(JsonReader *reader, Text text)
{
        yyjson_read_err err = { 0 };
        char *bytes = (char *)(uintptr_t)text.data; /* only written with the in-situ flag */
        yyjson_alc pool;
        reader_forget(reader);
        if (yyjson_alc_pool_init(&pool, reader->pool, reader->pool_bytes)) {
                reader->doc = yyjson_read_opts(bytes, text.len, READ_FLAGS, &pool, &err);
                reader->doc_is_pooled = true;
        }
        if (!reader->doc && err.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) {
                reader->doc = yyjson_read_opts(bytes, text.len, READ_FLAGS, NULL, &err);
                reader->doc_is_pooled = false;
        }
        if (reader->doc)
                return JSON_FAULT_NONE;
        must(err.code != YYJSON_READ_ERROR_MEMORY_ALLOCATION);
        return text_is_utf8(text) ? JSON_FAULT_NOT_JSON : JSON_FAULT_NOT_UTF8;
}

JsonFault json_read(JsonReader *reader, Text text, JsonLimits limits, const JsonValue **ret_root)
{
        must(limits.depth_max >= 1 && limits.depth_max <= DEPTH_MAX);
        if (text_trim(text).len == 0)
                return JSON_FAULT_EMPTY;
        if (text.len > limits.bytes_max)
                return JSON_FAULT_TOO_LONG;
        JsonFault fault = native_read(reader, text);
        if (fault == JSON_FAULT_NONE)
                fault = document_check(reader->doc, limits.depth_max);
        if (fault == JSON_FAULT_NONE)
                *ret_root = ours(yyjson_doc_get_root(reader->doc));
        return fault;
}

static void *arena_malloc(void *arena, size_t size)
{
        return arena_alloc(arena, size);
}

static void *arena_realloc(void *arena, void *old, size_t old_size, size_t size)
{
        void *copy = arena_alloc(arena, size);
        if (old)
                memcpy(copy, old, MIN_OF(old_size, size));
        return copy;
}

static void arena_forget(void *arena UNUSED, void *pointer UNUSED)
{
}

JsonFault json_read_in(Arena *arena, Text text, const JsonValue **ret_root)
{
        yyjson_alc in_arena = { arena_malloc, arena_realloc, arena_forget, arena };
        if (text_trim(text).len == 0)
                return JSON_FAULT_EMPTY;
        yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.data, text.len, READ_FLAGS, &in_arena, NULL);
        if (!doc)
                return JSON_FAULT_NOT_JSON;
        *ret_root = ours(yyjson_doc_get_root(doc));
        return JSON_FAULT_NONE;
}

JsonType json_type(const JsonValue *value)
{
        if (!value)
                return JSON_ABSENT;
        switch (yyjson_get_type(lent(value))) {
        case YYJSON_TYPE_NULL:
                return JSON_NULL;
        case YYJSON_TYPE_BOOL:
                return JSON_BOOL;
        case YYJSON_TYPE_NUM:
                return yyjson_is_real(lent(value)) ? JSON_REAL : JSON_INTEGER;
        case YYJSON_TYPE_RAW:
                return JSON_HUGE;
        case YYJSON_TYPE_STR:
                return JSON_TEXT;
        case YYJSON_TYPE_ARR:
                return JSON_ARRAY;
        case YYJSON_TYPE_OBJ:
                return JSON_OBJECT;
        default:
                return JSON_ABSENT;
        }
}

bool json_is_true(const JsonValue *value)
{
        return yyjson_is_true(lent(value));
}

Text json_text(const JsonValue *value)
{
        yyjson_val *v = lent(value);
        if (yyjson_is_str(v))
                return (Text){ yyjson_get_str(v), yyjson_get_len(v) };
        if (yyjson_is_raw(v))
                return (Text){ yyjson_get_raw(v), yyjson_get_len(v) };
        return TEXT_NONE;
}

bool json_integer(const JsonValue *value, int64_t *ret)
{
        yyjson_val *v = lent(value);
        if (!yyjson_is_int(v) || (yyjson_is_uint(v) && yyjson_get_uint(v) > INT64_MAX))
                return false;
        *ret = yyjson_get_sint(v);
        return true;
}

bool json_unsigned(const JsonValue *value, uint64_t *ret)
{
        yyjson_val *v = lent(value);
        if (!yyjson_is_uint(v))
                return false;
        *ret = yyjson_get_uint(v);
        return true;
}

bool json_number(const JsonValue *value, double *ret)
{
        yyjson_val *v = lent(value);
        if (!yyjson_is_num(v))
                return false;
        *ret = yyjson_get_num(v);
        return true;
}

const JsonValue *json_get(const JsonValue *object, Text key)
{
        return ours(yyjson_obj_getn(lent(object), key.data, key.len));
}

const JsonValue *json_at(const JsonValue *array, size_t index)
{
        return ours(yyjson_arr_get(lent(array), index));
}

size_t json_count(const JsonValue *value)
{
        return yyjson_is_obj(lent(value)) ? yyjson_obj_size(lent(value)) : yyjson_arr_size(lent(value));
}

JsonWalk json_walk(const JsonValue *value)
{
        JsonWalk walk = { .left = json_count(value), .is_object = json_type(value) == JSON_OBJECT };
        if (walk.left > 0)
                walk.next = ours(unsafe_yyjson_get_first(lent(value)));
        return walk;
}

bool json_next(JsonWalk *walk)
{
        if (walk->left == 0)
                return false;
        walk->left--;
        if (walk->is_object) {
                walk->key = json_text(walk->next);
                walk->value = ours(unsafe_yyjson_get_next(lent(walk->next)));
        } else {
                walk->value = walk->next;
        }
        walk->next = ours(unsafe_yyjson_get_next(lent(walk->value)));
        return true;
}

static void comma(JsonWriter *w)
{
        if (w->needs_comma)
                buffer_put_char(w->buffer, ',');
        w->needs_comma = true;
}

void json_open(JsonWriter *w, char bracket)
{
        comma(w);
        buffer_put_char(w->buffer, bracket);
        w->needs_comma = false;
}

void json_close(JsonWriter *w, char bracket)
{
        buffer_put_char(w->buffer, bracket);
        w->needs_comma = true;
}

static void put_escaped_byte(Buffer *b, uint8_t c)
{
        switch (c) {
        case '"':
                buffer_put_literal(b, "\\\"");
                break;
        case '\\':
                buffer_put_literal(b, "\\\\");
                break;
        case '\n':
                buffer_put_literal(b, "\\n");
                break;
        case '\r':
                buffer_put_literal(b, "\\r");
                break;
        case '\t':
                buffer_put_literal(b, "\\t");
                break;
        default:
                buffer_putf(b, "\\u%04x", c);
        }
}

static void put_clean(Buffer *b, Text text)
{
        size_t start = 0;
        for (size_t i = 0; i < text.len; i++) {
                uint8_t c = (uint8_t)text.data[i];
                if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
                        continue;
                buffer_put(b, (Text){ text.data + start, i - start });
                put_escaped_byte(b, c);
                start = i + 1;
        }
        buffer_put(b, (Text){ text.data + start, text.len - start });
}

/* Each byte that belongs to no character becomes U+FFFD; the characters around it stay. */
static void put_repaired(Buffer *b, Text text)
{
        size_t start = 0;
        for (size_t i = 0; i < text.len;) {
                size_t bytes = text_character_bytes(text, i);
                if (bytes == 0) {
                        put_clean(b, (Text){ text.data + start, i - start });
                        buffer_put_literal(b, "\xef\xbf\xbd");
                        start = i + 1;
                }
                i += MAX_OF(bytes, (size_t)1);
        }
        put_clean(b, (Text){ text.data + start, text.len - start });
}

static void put_quoted(Buffer *b, Text text)
{
        buffer_put_char(b, '"');
        if (text_is_utf8(text))
                put_clean(b, text);
        else
                put_repaired(b, text);
        buffer_put_char(b, '"');
}

void json_key_text(JsonWriter *w, Text key)
{
        comma(w);
        put_quoted(w->buffer, key);
        buffer_put_char(w->buffer, ':');
        w->needs_comma = false;
}

void json_key(JsonWriter *w, const char *key)
{
        json_key_text(w, text_from(key));
}

void json_put_text(JsonWriter *w, Text text)
{
        comma(w);
        if (text.data)
                put_quoted(w->buffer, text);
        else
                buffer_put_literal(w->buffer, "null");
}

void json_put_integer(JsonWriter *w, int64_t value)
{
        comma(w);
        buffer_put_integer(w->buffer, value);
}

void json_put_number(JsonWriter *w, double value)
{
        comma(w);
        if (!isfinite(value)) {
                buffer_put_literal(w->buffer, "null");
        } else if (value == floor(value) && fabs(value) < 9007199254740992.0) {
                buffer_put_integer(w->buffer, (int64_t)value);
        } else {
                char digits[40];
                for (int precision = 15; precision <= 17; precision++) {
                        (void)snprintf(digits, sizeof(digits), "%.*g", precision, value);
                        if (strtod(digits, NULL) == value)
                                break;
                }
                buffer_put(w->buffer, text_from(digits));
        }
}

void json_put_bool(JsonWriter *w, bool value)
{
        comma(w);
        buffer_put(w->buffer, value ? TEXT("true") : TEXT("false"));
}

void json_put_null(JsonWriter *w)
{
        comma(w);
        buffer_put_literal(w->buffer, "null");
}

void json_put_time(JsonWriter *w, WallTime t)
{
        char buffer[ISO8601_BYTES];
        json_put_text(w, wall_is_set(t) ? wall_format(t, buffer) : TEXT_NONE);
}

void json_put_raw(JsonWriter *w, Text json)
{
        comma(w);
        buffer_put(w->buffer, json);
}

void json_field_text(JsonWriter *w, const char *key, Text text)
{
        json_key(w, key);
        json_put_text(w, text);
}

void json_field_integer(JsonWriter *w, const char *key, int64_t value)
{
        json_key(w, key);
        json_put_integer(w, value);
}

void json_field_bool(JsonWriter *w, const char *key, bool value)
{
        json_key(w, key);
        json_put_bool(w, value);
}

void json_field_time(JsonWriter *w, const char *key, WallTime t)
{
        json_key(w, key);
        json_put_time(w, t);
}
