/* Policies: what is promised, and who is told when. */
#include "config/loader.h"

const char *nearest_policy(const Loader *l, Text name)
{
        Suggestion nearest = suggestion_for(name);
        for (size_t i = 0; i < l->config->policy_count; i++)
                suggestion_offer(&nearest, l->config->policies[i].name);
        return suggestion_text(&nearest, l->scratch);
}

#define TELL_FORMS                                                                                                   \
        "owner, manager, director, delegate, inform, group:ID, person:ID, field:NAME, channel:NAME, or the id of a " \
        "person or a group"

static bool rung_recipients(Arena *arena, Report *report, const Setting *group, Rung *rung)
{
        const Text *texts = setting_texts(arena, group, "tell", &rung->tell_count);
        Recipient *tell = arena_array(arena, Recipient, rung->tell_count + 1);
        bool is_good = true;
        rung->tell = tell;
        for (size_t i = 0; i < rung->tell_count; i++) {
                if (recipient_parse(texts[i], &tell[i]) && tell[i].kind != RECIPIENT_CATCH_ALL)
                        continue;
                setting_error(report, setting_child(group, "tell"), "tell %s is not allowed; it is " TELL_FORMS,
                              report_quote(report->arena, texts[i]));
                is_good = false;
        }
        if (rung->tell_count == 0 && setting_get(group, "tell")) {
                setting_error(report, setting_child(group, "tell"), "tell names nobody");
                is_good = false;
        }
        return is_good;
}

static bool rung_read(Arena *arena, Report *report, const Setting *group, Rung *ret)
{
        Rung rung = {
                .after = setting_delay(group, "after"),
                .any_time = text_is(setting_text(group, "at"), "any time"),
                .repeats = setting_get(group, "repeat") != NULL,
                .repeat = setting_delay(group, "repeat"),
        };
        const Setting *repeat = setting_child(group, "repeat");
        bool is_good = rung_recipients(arena, report, group, &rung) && !(repeat && repeat->is_bad);
        is_good &= message_parse(setting_text(group, "message"), &rung.message);
        *ret = rung;
        return is_good;
}

static bool rung_tells(const Rung *rung, RecipientKind kind)
{
        for (size_t i = 0; i < rung->tell_count; i++)
                if (rung->tell[i].kind == kind)
                        return true;
        return false;
}

/* Somebody who acts, not only a room or those who are merely informed. */
static bool rung_tells_people(const Rung *rung)
{
        for (size_t i = 0; i < rung->tell_count; i++)
                if (rung->tell[i].kind != RECIPIENT_CHANNEL && rung->tell[i].kind != RECIPIENT_INFORM)
                        return true;
        return false;
}

/* No ladder ends in silence, and none begins without the owner. */
static void ladder_check(Report *report, const Setting *ladder, const Policy *policy)
{
        bool alerts = false, repeats = false;
        for (size_t i = 0; i < policy->rung_count; i++) {
                const Rung *rung = &policy->ladder[i];
                alerts |= rung->message == MESSAGE_ALERT && rung_tells(rung, RECIPIENT_OWNER);
                repeats |= rung->repeats && rung_tells_people(rung);
        }
        if (!alerts)
                setting_error(report, ladder, "no rung of the ladder tells the owner the alert");
        if (!repeats)
                setting_error(
                        report, ladder,
                        "the ladder ends in silence; one of its rungs that tells people must have repeat, such as "
                        "\"1 working day\"");
}

static bool ladder_read(Arena *arena, Report *report, const Setting *group, Policy *policy)
{
        const Setting *ladder = setting_get(group, "ladder");
        if (!ladder)
                return false;
        bool is_alone = ladder->type == SETTING_GROUP, is_good = true;
        size_t count = is_alone ? 1 : setting_count(ladder);
        Rung *rungs = arena_array(arena, Rung, count + 1);
        policy->ladder = rungs;
        policy->rung_count = count;
        for (const Setting *s = is_alone ? ladder : ladder->first; s; s = is_alone ? NULL : s->next, rungs++)
                is_good &= !s->is_bad && rung_read(arena, report, s, rungs);
        if (count > RUNGS_MAX) {
                setting_error(report, ladder, "the ladder has %zu rungs; at most %d are allowed", count, RUNGS_MAX);
                is_good = false;
        }
        if (is_good)
                ladder_check(report, ladder, policy);
        return is_good;
}

static void reached_by_read(Arena *arena, Report *report, const Setting *group, Policy *policy)
{
        static const char *const results[] = { "spoke", "visited", "customer-replied" };
        const Setting *setting = setting_get(group, "reached_by");
        policy->reached_by = setting_texts(arena, group, "reached_by", &policy->reached_by_count);
        for (size_t i = 0; i < policy->reached_by_count; i++) {
                bool is_known = false;
                for (size_t j = 0; j < COUNT_OF(results); j++)
                        is_known |= text_is(policy->reached_by[i], results[j]);
                if (!is_known)
                        setting_error(report, setting,
                                      "reached_by %s is no result of a contact; it is \"spoke\", \"visited\" or "
                                      "\"customer-replied\"",
                                      report_quote(report->arena, policy->reached_by[i]));
        }
        if (setting && policy->reached_by_count == 0)
                setting_error(report, setting, "reached_by is empty; nothing would ever count as reached");
}

bool policy_read(Arena *arena, Report *report, Setting *group, Policy *ret)
{
        const Setting *attempt = setting_get(group, "attempt");
        Policy policy = {
                .name = setting_text(group, "name"),
                .version = (int)setting_integer(group, "version"),
                .approved = setting_text(group, "approved"),
                .window = setting_span(group, "window"),
                .attempt_pause = setting_delay(attempt, "pause"),
                .attempts_max = (int)setting_integer(attempt, "at_most"),
                .least_notice = setting_delay(group, "least_notice"),
                .joins = text_is(setting_text(group, "joins"), "customer"),
                .reopens = setting_span(group, "reopens"),
                .unreachable_after = (int)setting_integer(group, "unreachable_after"),
        };
        Buffer text = buffer_in(arena);
        setting_write(group, false, 0, &text);
        policy.text = buffer_text(&text);
        reached_by_read(arena, report, group, &policy);
        if (policy.name.data && !name_is_printable(policy.name))
                setting_error(report, group, "a policy's name has at most %d bytes", NAME_BYTES_MAX);
        bool is_good = ladder_read(arena, report, group, &policy);
        *ret = policy;
        return is_good;
}

void load_policies(Loader *l)
{
        Setting *list = l->tree->sections[SECTION_POLICY];
        size_t count = setting_count(list);
        Policy *policies = arena_array(l->arena, Policy, count + 1);
        l->policy_settings = arena_array(l->scratch, const Setting *, count + 1);
        l->config->policies = policies;
        for (Setting *group = list->first; group; group = group->next) {
                Policy policy;
                if (group->is_bad || !setting_get(group, "name")) {
                        l->is_incomplete[SECTION_POLICY] = true;
                        continue;
                }
                /* One that has an error is known by its name all the same, and whom its other rungs tell is checked. */
                (void)policy_read(l->arena, l->report, group, &policy);
                if (config_policy(l->config, policy.name))
                        loader_refuse_twin(l, group, SECTION_POLICY);
                l->policy_settings[l->config->policy_count] = group;
                policies[l->config->policy_count++] = policy;
        }
}
