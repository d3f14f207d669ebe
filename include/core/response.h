/* response.h - one survey answer set: its place in Kafka and its fields, read when first asked for.
 * Owns:    nothing. A response that was read from JSON points into the document until response_keep() has copied it
 *          into its own arena.
 * Errors:  an answer that cannot be read is a value (ResponseFault). */
#pragma once

#include "core/field.h"

typedef enum ValueType {
        VALUE_UNKNOWN, /* not there, or not readable: see why */
        VALUE_NUMBER,
        VALUE_TEXT,
        VALUE_FLAG,
        VALUE_LIST,
} ValueType;

typedef enum ValueWhy {
        WHY_ABSENT,
        WHY_NOT_MAPPED, /* the source does not say where it is */
        WHY_NULL,       /* null, or a text of nothing but white space */
        WHY_OFF_SCALE,
        WHY_NOT_A_NUMBER,
        WHY_INFINITE,
        WHY_NOT_A_FLAG,
        WHY_NOT_A_TEXT,
        WHY_NOT_A_LIST,
        WHY_NO_LABEL,
        WHY_TOO_LONG, /* a list of more than LIST_ITEMS_MAX */
        WHY_MAX,
} ValueWhy;

const char *value_why_text(ValueWhy why); /* "not in the message", "off its scale", ...: what the field is */

enum {
        LIST_ITEMS_MAX = 1000,
        RESPONSE_ID_BYTES_MAX = 512
};

typedef struct Value {
        ValueType type;
        ValueWhy why;
        union {
                double number;
                Text text;
                bool flag;
                struct {
                        const Text *items;
                        size_t count;
                } list;
        };
} Value;

typedef struct Place { /* in Kafka */
        Text topic;
        int32_t partition;
        int64_t offset;
        WallTime record_time; /* when it arrived, if the record has none: always set */
        int32_t log;          /* which log of that name: 0, and one more each time that the topic was made anew */
} Place;

typedef enum SubmittedNote {
        SUBMITTED_GIVEN,
        SUBMITTED_MISSING, /* the record's time is used */
        SUBMITTED_UNREADABLE,
        SUBMITTED_IN_FUTURE, /* more than five minutes after the record's own time */
        SUBMITTED_NOTE_MAX,
} SubmittedNote;

const char *submitted_note_text(SubmittedNote note);

typedef struct Folded Folded;

typedef struct Response {
        const Source *source; /* may be NULL once read back */
        const FieldTable *fields;
        Place place;
        Text id; /* present; without one in the source: "topic/partition/offset" */
        WallTime submitted; /* WALL_NONE until response_date() or response_keep() */
        SubmittedNote submitted_note;
        Text traceparent;
        Arena *arena;          /* for what reading makes: copies of numbers, lists */
        const JsonValue *root; /* NULL once kept */
        Text branch_key;       /* the last path's first part, and what it found: answers keep their scores together */
        const JsonValue *branch;
        const Folded *folded; /* texts and lists that were searched */
        uint64_t read;        /* bit n: values[n] has been read; the others hold nothing */
        Value values[FIELDS_MAX];
} Response;

typedef enum ResponseFault {
        RESPONSE_READABLE,
        RESPONSE_NOT_AN_OBJECT,
        RESPONSE_NO_ID, /* the source names an id and the message has none */
        RESPONSE_ID_TOO_LONG, /* over RESPONSE_ID_BYTES_MAX */
        RESPONSE_FAULT_MAX,
} ResponseFault;

const char *response_fault_text(ResponseFault fault); /* "not a JSON object", ... */

/* Starts reading: the id at once, fields and time when they are asked for. */
ResponseFault response_read(const Source *source, const FieldTable *fields, const JsonValue *root, const Place *place,
                            Arena *arena, Response *ret);

/* Reads when it was submitted: of no use for a satisfied answer. Not once it is kept. */
void response_date(Response *r);

/* The field's value; read at the first call. Texts are trimmed of white space; an empty text is unknown. */
const Value *response_value(Response *r, FieldId field);

/* The text of a field, TEXT_NONE if it is unknown or no text. */
Text response_text(Response *r, FieldId field);

/* The text, or the items of the list, case folded; made at the first call, at most once for a field. None if the field
 * is unknown or neither. */
const Text *response_folded(Response *r, FieldId field, size_t *ret_count);

/* Reads the time and every mapped field, and copies all texts into the arena, so that the document may go. */
void response_keep(Response *r, Arena *arena);

/* The mapped fields as one JSON object (unknown ones left out), and back. Back sets what reading needs (fields, arena,
 * values), not the rest; texts point into the document as after response_read(). */
void response_write_fields(Response *r, JsonWriter *w);
void response_read_fields(const JsonValue *object, const FieldTable *fields, Arena *arena, Response *r);
