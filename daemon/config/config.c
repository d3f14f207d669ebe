#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/loader.h"

const char *channel_type_text(ChannelType type)
{
        static const char *const texts[CHANNEL_TYPE_MAX] = {
                [CHANNEL_WEBHOOK] = "webhook",
                [CHANNEL_EMAIL] = "email",
                [CHANNEL_SLACK] = "slack",
                [CHANNEL_TEAMS] = "teams",
                [CHANNEL_MATTERMOST] = "mattermost",
                [CHANNEL_GOOGLE_CHAT] = "google-chat",
                [CHANNEL_DISCORD] = "discord",
                [CHANNEL_TELEGRAM] = "telegram",
                [CHANNEL_NTFY] = "ntfy",
                [CHANNEL_PAGERDUTY] = "pagerduty",
        };
        must(type < CHANNEL_TYPE_MAX);
        return texts[type];
}

/* The count is the one thing in a configuration that changes: whoever has a reference may take another. */
static int *references_of(const Config *config)
{
        return (int *)((uintptr_t)config + offsetof(Config, references));
}

Config *config_ref(const Config *config)
{
        int *references = references_of(config);
        must(__atomic_fetch_add(references, 1, __ATOMIC_RELAXED) > 0);
        return (Config *)((uintptr_t)references - offsetof(Config, references));
}

Config *config_unref(Config *config)
{
        if (config && __atomic_sub_fetch(&config->references, 1, __ATOMIC_ACQ_REL) == 0)
                arena_free(config->arena);
        return NULL;
}

static int channel_compare(const void *name, const void *channel)
{
        const Text *left = name;
        const Channel *const *right = channel;
        return text_compare(*left, (*right)->name);
}

const Channel *config_channel(const Config *config, Text name)
{
        const Channel **found = bsearch(&name, config->channels_by_name, config->channel_count, sizeof(const Channel *),
                                        channel_compare);
        return found ? *found : NULL;
}

const Policy *config_policy(const Config *config, Text name)
{
        for (size_t i = 0; i < config->policy_count; i++)
                if (text_equal(config->policies[i].name, name))
                        return &config->policies[i];
        return NULL;
}

const Source *config_source(const Config *config, Text name)
{
        for (size_t i = 0; i < config->source_count; i++)
                if (text_equal(config->sources[i].name, name))
                        return &config->sources[i];
        return NULL;
}

int config_policy_read(Arena *arena, Text text, Policy *ret)
{
        CLEANUP(report_freep) Report *report = report_new();
        Setting *root;
        if (setting_read(arena, TEXT("policy"), text, report, &root) < 0)
                return -EINVAL;
        Setting *policy = root->first;
        if (!policy || policy->next || policy->type != SETTING_GROUP ||
            !text_is(policy->name, SECTIONS[SECTION_POLICY].one))
                return -EINVAL;
        policy->option = option_find("policy");
        option_check(arena, report, policy, "policy");
        if (report->errors > 0 || !policy_read(arena, report, policy, ret) || report->errors > 0)
                return -EINVAL;
        return 0;
}

void config_write(const Config *config, Buffer *b)
{
        const ConfigTree *tree = config->tree;
        buffer_put_literal(b, "# closedloopd " CLOSEDLOOP_VERSION ": everything in force, with the defaults\n");
        for (const Setting *s = tree->main->first; s; s = s->next)
                setting_write(s, true, 0, b);
        for (Section i = 0; i < SECTION_MAX; i++)
                setting_write(tree->sections[i], true, 0, b);
}

/* ---- what a reload cannot change -------------------------------------------------------------------------------- */

static Text written(const Setting *setting, Arena *arena)
{
        Buffer b = buffer_in(arena);
        if (setting)
                setting_write(setting, true, 0, &b);
        return buffer_text(&b);
}

static const Setting *main_setting(const Config *config, const char *path)
{
        char part[64];
        const Setting *s = config->tree->main;
        Text rest = text_from(path), name;
        while (s && text_split(&rest, '.', &name)) {
                (void)snprintf(part, sizeof(part), TEXT_F, TEXT_ARG(name));
                s = setting_child(s, part);
        }
        return s;
}

Text config_restart_keys(const Config *running, const Config *next, Arena *arena)
{
        Buffer b = buffer_in(arena);
        for (size_t i = 0; i < OPTION_COUNT; i++) {
                const Option *o = &OPTIONS[i];
                if (!o->needs_restart || o->kind == OPTION_GROUP)
                        continue;
                if (text_equal(written(main_setting(running, o->path), arena),
                               written(main_setting(next, o->path), arena)))
                        continue;
                buffer_putf(&b, "%s%s", b.len > 0 ? ", " : "", o->path);
        }
        return b.len > 0 ? buffer_text(&b) : TEXT_NONE;
}
