/* field.h - the names that sources give and rules read, and where in a message each is found.
 * A field has one number and one type over all sources; a source says by paths where it stands.
 * Owns:    nothing; a Config's arena holds all of it, immutable. */
#pragma once

#include "base/arena.h"
#include "base/instant.h"
#include "base/json.h"
#include "core/calendar.h"

/* A field's number. Those that the program itself understands come first; the others follow in order of appearance. */
typedef uint8_t FieldId;
enum {
        FIELD_ID,
        FIELD_SUBMITTED,
        FIELD_CUSTOMER,
        FIELD_NAME,
        FIELD_PHONE,
        FIELD_EMAIL,
        FIELD_ACCOUNT,
        FIELD_TERRITORY,
        FIELD_DEPARTMENT,
        FIELD_TOUCHPOINT,
        FIELD_COMMENT,
        FIELD_LANGUAGE,
        FIELD_NPS,
        FIELD_CSAT,
        FIELD_CES,
        FIELD_CONTACT_ME,
        FIELD_KNOWN_MAX,
        FIELDS_MAX = 64,
};

typedef enum FieldType {
        FIELD_TYPE_TEXT, /* the default */
        FIELD_TYPE_NUMBER,
        FIELD_TYPE_FLAG,
        FIELD_TYPE_LIST, /* of texts */
        FIELD_TYPE_MAX,
} FieldType;

const char *field_type_text(FieldType type); /* "text", "number", "flag", "list" */
bool field_type_parse(Text text, FieldType *ret);

/* All names, in order of their numbers. */
typedef struct FieldTable {
        size_t count;
        struct {
                Text name;
                FieldType type;
                bool has_scale; /* in some source */
        } fields[FIELDS_MAX];
} FieldTable;

/* The names the program understands, with their types. */
FieldTable field_table_known(void);
bool field_find(const FieldTable *table, Text name, FieldId *ret);

/* A path: segments from the document's root. Written: customer.id, "Account ID".name, items[2].value,
 * fields[key="question_1"].value (search: the first element whose member has that text), a."b.c" or a.'b.c'. */
typedef enum SegmentKind {
        SEGMENT_KEY,
        SEGMENT_INDEX,
        SEGMENT_SEARCH,
} SegmentKind;

typedef struct Segment {
        SegmentKind kind;
        Text key;    /* SEGMENT_KEY, SEGMENT_SEARCH: the member's name */
        Text wanted; /* SEGMENT_SEARCH: its text; numbers and flags compare by how they are written */
        size_t index;
} Segment;

typedef struct Path {
        Text text;
        const Segment *segments;
        size_t count;
} Path;

enum {
        PATH_BYTES_MAX = 1024,
        PATH_SEGMENTS_MAX = 32,
        PATH_INDEX_MAX = 65535
};

/* What is wrong with a piece of text, for a caret under it. */
typedef struct TextFault {
        size_t offset; /* bytes from the start of the text */
        Text message;  /* "expected a key after the dot" */
} TextFault;

/* 0, or -EINVAL with *reterr filled. The path is built in the arena. */
int path_parse(Arena *arena, Text text, Path *ret, TextFault *reterr) MUST_CHECK;
const JsonValue *path_find(const Path *path, const JsonValue *root); /* NULL: not there */

/* The same from what the path's first part, which is always a key, has found. */
const JsonValue *path_find_below(const Path *path, const JsonValue *branch);

/* The quoted text that begins at *at with ' or ", where a doubled quote stands for itself: 'it''s'. Moves *at behind
 * it. False: it has no end. Paths and rules quote alike. */
bool quoted_read(Arena *arena, Text text, size_t *at, Text *ret);

/* A JSON integer as it is written, all 64 bits of it; absent for anything else. */
enum {
        INTEGER_BYTES = 24
};
Text integer_text(const JsonValue *value, char buffer[static INTEGER_BYTES]);

/* A label and the number it stands for: "Very satisfied" -> 5. */
typedef struct Label {
        Text label;
        double number;
} Label;

typedef struct FieldPlace { /* where one source keeps one field */
        FieldId field;
        const Path *paths; /* the first that is there and not null counts */
        size_t path_count;
        bool has_scale;
        double scale_min, scale_max;
        Text unit; /* "EUR"; for people only */
        const Label *labels;
        size_t label_count;
} FieldPlace;

typedef enum TimestampFormat {
        TIMESTAMP_ISO8601,
        TIMESTAMP_EPOCH_SECONDS,
        TIMESTAMP_EPOCH_MILLISECONDS,
        TIMESTAMP_PATTERN, /* as for strptime; see timestamp.h */
} TimestampFormat;

typedef enum Anonymous {
        ANONYMOUS_COUNT,
        ANONYMOUS_CASE,
} Anonymous;

typedef enum StartAt {
        START_LATEST,
        START_EARLIEST,
        START_TIME,
} StartAt;

typedef struct Source {
        Text name;
        Text topic;
        const FieldPlace *places;
        size_t place_count;
        const FieldPlace *place_of[FIELDS_MAX]; /* NULL: this source does not have it */
        TimestampFormat timestamp_format;
        Text timestamp_pattern;
        const Zone *zone; /* of times without one; UTC unless said */
        StartAt start;
        WallTime start_time;
        Span max_age;
        Anonymous anonymous;
        bool stops_at_gap; /* records have expired unread: stand still instead of going on */
        JsonLimits limits;
} Source;
