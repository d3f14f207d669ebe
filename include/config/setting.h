/* setting.h - one configuration file as a tree of named values, each with its file and line; the only header that
 * speaks for libconfig. Both list forms, ( ) and [ ], are one SETTING_LIST.
 * Owns:    nothing; the tree lives in the arena.
 * Errors:  reported with file and line; libconfig stops at the first error of a file's syntax, and forgets to free the
 *          text it was reading then: some bytes for each reload that fails so.
 * Source:  libconfig 1.5, with two gaps closed: it wraps whole numbers beyond 32 bits silently, and ends at a NUL. */
#pragma once

#include "config/report.h"
#include "core/policy.h"

typedef enum SettingType {
        SETTING_GROUP,
        SETTING_LIST,
        SETTING_TEXT,
        SETTING_INTEGER,
        SETTING_NUMBER,
        SETTING_FLAG,
        SETTING_TYPE_MAX,
} SettingType;

const char *setting_type_text(SettingType type); /* "a group { }", "a text", ... */

struct Option;

typedef struct Setting Setting;
struct Setting {
        Setting *next;         /* of the same group or list */
        Setting *first, *last; /* of what is in it */
        Setting *parent;       /* NULL: the file */
        Text name;             /* absent in a list */
        Text file;
        unsigned line;
        SettingType type;
        bool is_default;             /* not written: put there from the table of options */
        bool is_bad;                 /* reported; as if it were not there */
        const struct Option *option; /* its row, once checked */
        union {
                Text text;
                int64_t integer;
                double number;
                bool flag;
        };
};

enum {
        SETTING_DEPTH_MAX = 12
};

/* The file's content as a group. 0, or -EINVAL after reporting. */
int setting_read(Arena *arena, Text file, Text content, Report *report, Setting **ret) MUST_CHECK;

/* Appends a child. */
Setting *setting_add(Arena *arena, Setting *parent, Text name, SettingType type);
void setting_append(Setting *parent, Setting *child);

Setting *setting_child(const Setting *group, const char *name); /* bad ones too; NULL: not there */

/* The values of a group's children; group may be NULL. Of a child that is missing or bad: absent, 0, false. */
const Setting *setting_get(const Setting *group, const char *name);
Text setting_text(const Setting *group, const char *name);
int64_t setting_integer(const Setting *group, const char *name);
bool setting_flag(const Setting *group, const char *name);
Span setting_span(const Setting *group, const char *name);
Delay setting_delay(const Setting *group, const char *name);
/* A list of texts, or one text alone. */
const Text *setting_texts(Arena *arena, const Setting *group, const char *name, size_t *ret_count);
size_t setting_count(const Setting *list);

/* Number of a SETTING_INTEGER or SETTING_NUMBER. */
double setting_number(const Setting *setting);

/* "64 MiB", or a whole number of bytes. */
bool bytes_parse(Text text, int64_t *ret);

/* `name = value;` in libconfig's syntax, after `indent` spaces; nothing if it is bad, or a default that is not asked
 * for. */
void setting_write(const Setting *setting, bool with_defaults, unsigned indent, Buffer *b);
void setting_write_text(Text text, Buffer *b);
