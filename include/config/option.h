/* option.h - the one table of what can be configured: path, kind, range, default, reloadable, one sentence.
 * The check of every file, the defaults, -T and the manual come from it.
 * Paths:   "kafka.brokers", "rule.when", "policy.ladder.after"; "*" stands for names that the operator chooses. A
 *          section (rule, policy, source, channel, route) is written alone, `policy = { }`, or as a list,
 *          `policies = ( { }, { } )`.
 * Errors:  reported; a setting that is wrong is marked bad and read as if it were not there. */
#pragma once

#include "config/setting.h"

typedef enum OptionKind {
        OPTION_GROUP,
        OPTION_GROUPS, /* a list of groups, or one alone; `words` names one of them in messages */
        OPTION_TEXT,
        OPTION_TEXTS,      /* a list of texts, or one alone */
        OPTION_EXPRESSION, /* a text in the rule language */
        OPTION_CHOICE,     /* one of `words`, separated by '|' */
        OPTION_FLAG,
        OPTION_INTEGER, /* min..max */
        OPTION_NUMBER,
        OPTION_NUMBERS, /* two: from, to */
        OPTION_SPAN,    /* "24 hours"; min..max in seconds */
        OPTION_DELAY,   /* ... or in working hours or days; min..max in seconds, a working day as 24 hours */
        OPTION_DELAY_OR_WINDOW,
        OPTION_BYTES,  /* "256 KiB", or a whole number */
        OPTION_SECRET, /* { credential = "..." }, { file = "..." } or { env = "..." } */
        OPTION_TEXT_OR_SECRET,
        OPTION_TEXT_OR_GROUP, /* a field: its path, or a group with more */
        OPTION_KIND_MAX,
} OptionKind;

typedef struct Option {
        const char *path;
        OptionKind kind;
        const char *words;
        double min, max;      /* both 0: no range */
        const char *fallback; /* the default as it would be written; NULL: none. Of a group: "{}" */
        bool is_required;
        bool needs_restart; /* a reload does not change it */
        const char *only;   /* "type=email|slack": for groups where that key has one of these words */
        const char *later;  /* not NULL: comes later, and what holds until then */
        const char *sentence;
} Option;

extern const Option OPTIONS[];
extern const size_t OPTION_COUNT;

/* The sections that can have several groups in several files. */
typedef enum Section {
        SECTION_CHANNEL,
        SECTION_POLICY,
        SECTION_SOURCE,
        SECTION_RULE,
        SECTION_ROUTE,
        SECTION_MAX,
} Section;

typedef struct SectionNames {
        const char *one, *many; /* "policy", "policies" */
        const char *folder;     /* "policies.d"; NULL: in the main file only */
} SectionNames;

extern const SectionNames SECTIONS[SECTION_MAX];

const Option *option_find(const char *path); /* NULL: no such */

/* Checks what stands in a group against the rows below path ("" for the main file), marks what is bad, and adds the
 * defaults. Sections in the main file are left alone: they are collected from all files first. */
void option_check(Arena *arena, Report *report, Setting *group, const char *path);

/* The value of `only`'s kind of key, written or default: the type of a channel. */
Text option_word(const Setting *group, const char *path);

/* 'in rule "nps-low": ', 'in policy "one-day", rung 2: ', or "" for the main file's own. */
const char *setting_context(Arena *arena, const Setting *setting);

/* "attempt.at_most": from the nearest group that the context names. */
Text setting_key(Arena *arena, const Setting *setting);

/* Where the setting stands, and its context before the message. */
void setting_error(Report *report, const Setting *setting, const char *format, ...) PRINTF_LIKE(3, 4);
void setting_warning(Report *report, const Setting *setting, const char *format, ...) PRINTF_LIKE(3, 4);

/* The table for people: one paragraph an option. */
void option_write_table(Buffer *b);
