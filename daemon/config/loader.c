#include "config/loader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/file.h"

enum {
        CONFIG_BYTES_MAX = 4 << 20,
        FIRST_BLOCK_BYTES = 64 << 10
};

Text loader_path(const Loader *l, Text name)
{
        if (text_starts(name, TEXT("/")) || text_is_empty(l->config->folder))
                return arena_text(l->arena, name);
        return arena_textf(l->arena, TEXT_F "/" TEXT_F, TEXT_ARG(l->config->folder), TEXT_ARG(name));
}

const Zone *loader_zone(Loader *l, Text name, const char **reterr_message)
{
        const Zone *zone = l->zone;
        if (text_is_empty(name))
                return zone;
        int r = zone_load(l->zones, name, &zone);
        if (r == -ENOENT) {
                Text nearest = zone_nearest(l->zones, name);
                const char *hint = nearest.data ? arena_textf(l->scratch, "; did you mean %s?", quoted(l, nearest)).data
                                                : "; a name such as \"Europe/Berlin\" is expected";
                *reterr_message = arena_textf(l->scratch, "unknown time zone %s%s", quoted(l, name), hint).data;
        } else if (r == -ENOTDIR) {
                *reterr_message = arena_textf(l->scratch, "time zone %s cannot be read; the package tzdata is missing",
                                              quoted(l, name))
                                          .data;
        } else if (r < 0) {
                *reterr_message =
                        arena_textf(l->scratch, "time zone %s could not be read: %s", quoted(l, name), strerror(-r))
                                .data;
        }
        return r < 0 ? NULL : zone;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* NULL after reporting. */
static Setting *file_parse(Loader *l, Text name)
{
        Text content;
        Setting *root;
        int r = file_read(l->arena, loader_path(l, name).data, CONFIG_BYTES_MAX, &content);
        if (r < 0) {
                report_error(l->report, name, 0, "could not be read: %s", strerror(-r));
                return NULL;
        }
        return setting_read(l->arena, name, content, l->report, &root) < 0 ? NULL : root;
}

static Text file_stem(Text file)
{
        Text stem = file;
        for (size_t i = 0; i < file.len; i++)
                if (file.data[i] == '/')
                        stem = text_from_offset(file, i + 1);
        for (size_t i = stem.len; i-- > 1;)
                if (stem.data[i] == '.')
                        return (Text){ stem.data, i };
        return stem;
}

/* Without a name it has its file's, with a number where the file has several. */
static void section_name(Loader *l, Setting *element, Section section, unsigned number)
{
        char path[64];
        (void)snprintf(path, sizeof(path), "%s.name", SECTIONS[section].one);
        if (!option_find(path) || setting_child(element, "name"))
                return;
        Setting *name = setting_add(l->arena, element, TEXT("name"), SETTING_TEXT);
        Text stem = file_stem(element->file);
        name->text =
                number == 0 ? arena_text(l->arena, stem) : arena_textf(l->arena, TEXT_F "-%u", TEXT_ARG(stem), number);
}

static void section_take(Loader *l, Setting *element, Section section, unsigned number)
{
        element->option = option_find(SECTIONS[section].one);
        element->name = text_from(SECTIONS[section].one);
        setting_append(l->tree->sections[section], element);
        if (element->type != SETTING_GROUP) {
                setting_error(l->report, element, "%s must be a list of groups: ( { }, { } )", SECTIONS[section].many);
                element->is_bad = true;
                return;
        }
        section_name(l, element, section, number);
}

/* Takes it if it is the section, alone or as a list. */
static bool section_collect(Loader *l, Setting *s, Section section)
{
        if (text_is(s->name, SECTIONS[section].one)) {
                section_take(l, s, section, 0);
                return true;
        }
        if (!text_is(s->name, SECTIONS[section].many))
                return false;
        if (s->type != SETTING_LIST) {
                section_take(l, s, section, 0);
                return true;
        }
        unsigned number = 0;
        for (Setting *element = s->first, *next; element; element = next) {
                next = element->next;
                section_take(l, element, section, ++number);
        }
        return true;
}

/* Of a file in one of the folders: only its own section may stand in it. */
static void folder_file_collect(Loader *l, Setting *root, Section section)
{
        for (Setting *s = root->first, *next; s; s = next) {
                next = s->next;
                Suggestion nearest = suggestion_for(s->name);
                if (section_collect(l, s, section))
                        continue;
                suggestion_offer(&nearest, text_from(SECTIONS[section].one));
                suggestion_offer(&nearest, text_from(SECTIONS[section].many));
                report_error(l->report, s->file, s->line, "unknown key %s%s; only %s stand in %s", quoted(l, s->name),
                             suggestion_text(&nearest, l->scratch), SECTIONS[section].many, SECTIONS[section].folder);
        }
}

static void folder_collect(Loader *l, Section section)
{
        const char *folder = SECTIONS[section].folder;
        FolderList list;
        int r = folder_list(l->scratch, loader_path(l, text_from(folder)).data, TEXT(".conf"), &list);
        if (r == -ENOENT)
                return;
        if (r < 0) {
                report_error(l->report, text_from(folder), 0, "could not be listed: %s", strerror(-r));
                l->is_incomplete[section] = true;
                return;
        }
        for (size_t i = 0; i < list.count; i++) {
                Setting *root = file_parse(l, arena_textf(l->arena, "%s/" TEXT_F, folder, TEXT_ARG(list.names[i])));
                if (root)
                        folder_file_collect(l, root, section);
                else
                        l->is_incomplete[section] = true;
        }
}

static void main_collect(Loader *l)
{
        Setting *root = file_parse(l, l->main_file), *main = arena_new_of(l->arena, Setting);
        l->main_is_incomplete = !root;
        main->type = SETTING_GROUP;
        main->file = l->main_file;
        for (Setting *s = root ? root->first : NULL, *next; s; s = next) {
                bool is_section = false;
                next = s->next;
                for (Section i = 0; i < SECTION_MAX && !is_section; i++)
                        is_section = section_collect(l, s, i);
                if (!is_section)
                        setting_append(main, s);
        }
        for (Section i = 0; i < SECTION_MAX; i++)
                l->is_incomplete[i] = !root;
        l->tree->main = main;
}

/* Each of a policy's keys has a default, so one is made where none is written. */
static void policy_default(Loader *l)
{
        Setting *list = l->tree->sections[SECTION_POLICY];
        if (list->first || l->is_incomplete[SECTION_POLICY])
                return;
        Setting *policy = setting_add(l->arena, list, TEXT("policy"), SETTING_GROUP);
        policy->option = option_find("policy");
        policy->file = l->main_file;
        setting_add(l->arena, policy, TEXT("name"), SETTING_TEXT)->text = TEXT("default");
}

static void tree_read(Loader *l)
{
        l->tree = arena_new_of(l->arena, ConfigTree);
        l->config->tree = l->tree;
        for (Section i = 0; i < SECTION_MAX; i++) {
                l->tree->sections[i] = arena_new_of(l->arena, Setting);
                l->tree->sections[i]->type = SETTING_LIST;
                l->tree->sections[i]->file = l->main_file;
                l->tree->sections[i]->name = text_from(SECTIONS[i].many);
        }
        main_collect(l);
        for (Section i = 0; i < SECTION_MAX; i++)
                if (SECTIONS[i].folder)
                        folder_collect(l, i);
        policy_default(l);
        if (!l->main_is_incomplete)
                option_check(l->arena, l->report, l->tree->main, "");
        for (Section i = 0; i < SECTION_MAX; i++)
                for (Setting *s = l->tree->sections[i]->first; s; s = s->next)
                        if (!s->is_bad)
                                option_check(l->arena, l->report, s, SECTIONS[i].one);
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static void path_split(Config *config, const char *path)
{
        Text whole = text_from(path);
        size_t slash = whole.len;
        while (slash > 0 && path[slash - 1] != '/')
                slash--;
        config->path = arena_text(config->arena, whole);
        /* "/x.conf" is in "/", "x.conf" in the folder where we are. */
        config->folder = arena_text(config->arena, slash == 0 ? TEXT(".") : (Text){ path, MAX_OF(slash, 2u) - 1 });
}

static Text main_file_of(const Config *config, const char *path)
{
        const char *slash = strrchr(path, '/');
        return arena_text(config->arena, text_from(slash ? slash + 1 : path));
}

static void load_parts(Loader *l)
{
        tree_read(l);
        load_main(l);
        load_channels(l);
        load_roster(l);
        load_policies(l);
        load_sources(l);
        load_rules(l);
        load_routes(l);
        load_templates(l);
        check_people(l);
}

void loader_refuse_twin(Loader *l, const Setting *group, Section section)
{
        Text name = setting_text(group, "name");
        const Setting *first = l->tree->sections[section]->first;
        while (first != group && !text_equal(setting_text(first, "name"), name))
                first = first->next;
        must(first != NULL);
        setting_error(l->report, group, "a %s of this name is defined already, in " TEXT_F ":%u", SECTIONS[section].one,
                      TEXT_ARG(first->file), first->line);
}

/* Without this nothing can be said of the other files, which are as closed as it is. */
static bool is_forbidden(Loader *l, const char *path)
{
        if (access(path, R_OK) == 0 || errno != EACCES)
                return false;
        report_error(l->report, l->main_file, 0,
                     "this user may not read it; run this as root (sudo), or as the service's user");
        return true;
}

int config_load(const char *path, WallTime now, Report *report, Config **ret)
{
        size_t errors = report->errors;
        Arena *arena = arena_new(FIRST_BLOCK_BYTES);
        CLEANUP(config_unrefp) Config *config = arena_new_of(arena, Config);
        config->arena = arena;
        config->references = 1;
        config->loaded_at = now;
        path_split(config, path);
        Loader l = {
                .arena = arena,
                .scratch = report->arena,
                .report = report,
                .now = now,
                .config = config,
                .zones = zone_cache_new(arena, NULL),
                .zone = &ZONE_UTC,
                .main_file = main_file_of(config, path),
        };
        if (!is_forbidden(&l, path))
                load_parts(&l);
        if (report->errors > errors)
                return -EINVAL;
        *ret = steal(config);
        return 0;
}
