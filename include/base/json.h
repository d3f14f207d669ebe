/* json.h - reading and writing JSON; the only header that speaks for the JSON library (yyjson).
 * Owns:    a JsonReader owns its pool; values point into it and into the text, until the next json_read().
 * Errors:  a document that cannot be read is an answer (JsonFault), not an error.
 * Source:  RFC 8259, I-JSON (RFC 7493) for duplicate keys. */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "base/instant.h"

typedef struct JsonReader JsonReader;
typedef struct JsonValue JsonValue; /* one value of a document; NULL stands for "not there" everywhere */

typedef enum JsonFault {
        JSON_FAULT_NONE,
        JSON_FAULT_EMPTY,
        JSON_FAULT_TOO_LONG,
        JSON_FAULT_TOO_DEEP,
        JSON_FAULT_NOT_UTF8,
        JSON_FAULT_NOT_JSON,
        JSON_FAULT_DUPLICATE_KEY,
        JSON_FAULT_MAX,
} JsonFault;

typedef enum JsonType {
        JSON_ABSENT,
        JSON_NULL,
        JSON_BOOL,
        JSON_INTEGER, /* exact in 64 bits, signed or unsigned */
        JSON_REAL,
        JSON_HUGE, /* a number that neither 64 bits nor a finite double can hold; json_text() gives its digits */
        JSON_TEXT,
        JSON_ARRAY,
        JSON_OBJECT,
        JSON_TYPE_MAX,
} JsonType;

typedef struct JsonLimits {
        size_t bytes_max;
        unsigned depth_max; /* 1: no nesting; at most 1024 */
} JsonLimits;

/* "not UTF-8", "a key stands twice in one object", ... */
const char *json_fault_text(JsonFault fault);

JsonReader *json_reader_new(void);
JsonReader *json_reader_free(JsonReader *reader);
DEFINE_CLEANUP(JsonReader, json_reader_free)

/* One document that fills the text but for white space. The reader's pool is reused by the next read. */
JsonFault json_read(JsonReader *reader, Text text, JsonLimits limits, const JsonValue **ret_root);

/* The same without duplicate and depth checks: for documents that we wrote. Values live in the arena. */
JsonFault json_read_in(Arena *arena, Text text, const JsonValue **ret_root);

JsonType json_type(const JsonValue *value);
bool json_is_true(const JsonValue *value);
Text json_text(const JsonValue *value); /* TEXT_NONE unless JSON_TEXT or JSON_HUGE */
bool json_integer(const JsonValue *value, int64_t *ret); /* false if it is not one or does not fit */
bool json_unsigned(const JsonValue *value, uint64_t *ret);
bool json_number(const JsonValue *value, double *ret); /* JSON_INTEGER and JSON_REAL */

const JsonValue *json_get(const JsonValue *object, Text key);
const JsonValue *json_at(const JsonValue *array, size_t index);
size_t json_count(const JsonValue *array_or_object);

/* for (JsonWalk w = json_walk(v); json_next(&w);) ... w.key (objects), w.value */
typedef struct JsonWalk {
        const JsonValue *next;
        size_t left;
        bool is_object;
        Text key;
        const JsonValue *value;
} JsonWalk;
JsonWalk json_walk(const JsonValue *array_or_object);
bool json_next(JsonWalk *walk);

/* Writing: values in order, commas by themselves. Keys are literals of ours; texts are escaped, and bytes that are
 * not UTF-8 become U+FFFD.
 *     JsonWriter w = json_writer(&buffer);
 *     json_open(&w, '{'); json_key(&w, "case"); json_put_integer(&w, 12); json_close(&w, '}'); */
typedef struct JsonWriter {
        Buffer *buffer;
        bool needs_comma;
} JsonWriter;

static inline JsonWriter json_writer(Buffer *buffer)
{
        return (JsonWriter){ buffer, false };
}
void json_open(JsonWriter *w, char bracket);
void json_close(JsonWriter *w, char bracket);
void json_key(JsonWriter *w, const char *key);
void json_key_text(JsonWriter *w, Text key);
void json_put_text(JsonWriter *w, Text text); /* absent becomes null */
void json_put_integer(JsonWriter *w, int64_t value);
void json_put_number(JsonWriter *w, double value); /* shortest form that reads back the same; not finite: null */
void json_put_bool(JsonWriter *w, bool value);
void json_put_null(JsonWriter *w);
void json_put_time(JsonWriter *w, WallTime t); /* ISO 8601 UTC; unset becomes null */
void json_put_raw(JsonWriter *w, Text json); /* a whole value that is JSON already */

/* key and value in one call */
void json_field_text(JsonWriter *w, const char *key, Text text);
void json_field_integer(JsonWriter *w, const char *key, int64_t value);
void json_field_bool(JsonWriter *w, const char *key, bool value);
void json_field_time(JsonWriter *w, const char *key, WallTime t);
