/* loader.h - a configuration while it is being read: shared by the files of config/ that each read one part of it.
 * Owns:    nothing; arena and report are the caller's.
 * Errors:  every problem goes to the report; the part that has one is left out and the rest is read on. */
#pragma once

#include "config/config.h"
#include "config/option.h"
#include "config/syntax.h"
#include "config/zones.h"

/* What the operator wrote, merged and with the defaults. */
typedef struct ConfigTree {
        Setting *main;
        Setting *sections[SECTION_MAX]; /* lists of groups, in order of the files' names */
} ConfigTree;

typedef struct Origin { /* of something that does not come from a Setting: a row */
        Text file;
        unsigned line;
} Origin;

typedef struct Loader {
        Arena *arena;   /* of the configuration */
        Arena *scratch; /* until it is loaded: the report's */
        Report *report;
        WallTime now;
        Config *config;
        ConfigTree *tree;
        ZoneCache *zones;
        const Zone *zone; /* of those who name none */
        Text main_file;   /* without its folder */
        /* A file could not be read: what is missing may be in it. */
        bool main_is_incomplete;
        bool people_are_incomplete;
        bool is_incomplete[SECTION_MAX];
        uint64_t unsure_fields; /* bit n: a source gives field n, with an error */
        /* Beside the arrays of the configuration: where each comes from. */
        const Setting **policy_settings;
        const Setting **rule_settings;
        const Setting **route_settings;
        Origin *person_origins;
        Origin *group_origins;
        Origin *territory_origins;
} Loader;

#define quoted(l, text) report_quote((l)->scratch, (text))

/* "people.csv" in the folder of the main file; absolute paths stay. */
Text loader_path(const Loader *l, Text name);

/* The zone of a name; absent: the configuration's own. NULL and *reterr_message if there is none. */
const Zone *loader_zone(Loader *l, Text name, const char **reterr_message);

/* Reads the secret of that name in the group; SECRET_NONE if it is not given. False after reporting. */
bool secret_read(Loader *l, const Setting *group, const char *name, Secret *ret);

/* In this order. */
void load_channels(Loader *l);
void load_main(Loader *l);
void load_roster(Loader *l);
void load_policies(Loader *l);
void load_sources(Loader *l);
void load_rules(Loader *l);
void load_routes(Loader *l);
void load_templates(Loader *l);
void check_people(Loader *l); /* what holds between the parts */

/* One policy from its group, which was checked. False after reporting. */
bool policy_read(Arena *arena, Report *report, Setting *group, Policy *ret);

/* Did everything of this section come to be read? Or what is missing may be in a file with an error. */
static inline bool loader_has_all(const Loader *l, Section section)
{
        return !l->is_incomplete[section];
}

/* '; did you mean "x"?' over names, or "". */
const char *nearest_channel(const Loader *l, Text name);
const char *nearest_policy(const Loader *l, Text name);
void parties_offer(const Loader *l, Suggestion *nearest, bool only_groups);
const char *nearest_party(const Loader *l, Text name, bool is_group);

size_t roster_first_row(const Loader *l, Text id);  /* of persons: the first that is not before this id */
bool roster_knows_person(const Loader *l, Text id); /* in force at any time */

/* Field names that expressions read, and a bit for each that some source gives. */
uint64_t loader_mapped_fields(const Loader *l);
/* Reports fields that no source gives; where is the setting, what is "when" or "owner". */
bool loader_fields_are_mapped(Loader *l, const Setting *where, uint64_t reads);

/* Reports that one of this name stands earlier, and where. */
void loader_refuse_twin(Loader *l, const Setting *group, Section section);

/* Compiles a condition, or reports with a caret. */
Expr *loader_expression(Loader *l, const Setting *setting);
/* Reports a condition that no answer within the scales can meet, or that compares with a number off a scale. */
void loader_check_scales(Loader *l, const Setting *when, const Expr *expr);

/* Is there such a person, group or field? A bare name that is a group's becomes one. False after reporting. */
bool loader_recipient(Loader *l, const Setting *where, Recipient *recipient);
