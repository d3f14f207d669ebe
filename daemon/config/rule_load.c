/* Rules: conditions over fields, and what follows. */
#include "config/loader.h"

uint64_t loader_mapped_fields(const Loader *l)
{
        uint64_t mapped = l->unsure_fields;
        for (size_t i = 0; i < l->config->source_count; i++)
                for (size_t j = 0; j < l->config->sources[i].place_count; j++)
                        mapped |= UINT64_C(1) << l->config->sources[i].places[j].field;
        return mapped;
}

bool loader_fields_are_mapped(Loader *l, const Setting *where, uint64_t reads)
{
        uint64_t missing = reads & ~loader_mapped_fields(l);
        if (!loader_has_all(l, SECTION_SOURCE))
                return true;
        for (size_t i = 0; i < l->config->fields.count; i++)
                if (missing & UINT64_C(1) << i)
                        setting_error(l->report, where, TEXT_F " reads field %s, which no source gives",
                                      TEXT_ARG(where->name), quoted(l, l->config->fields.fields[i].name));
        return missing == 0;
}

Expr *loader_expression(Loader *l, const Setting *setting)
{
        Expr *expr;
        TextFault fault;
        if (expr_compile(l->arena, setting->text, &l->config->fields, &expr, &fault) < 0) {
                /* Where a source could not be read, its fields are unknown for that reason. */
                if (loader_has_all(l, SECTION_SOURCE) || !text_starts(fault.message, TEXT("unknown field")))
                        setting_error(l->report, setting, TEXT_F "%s", TEXT_ARG(fault.message),
                                      report_caret(l->scratch, setting->text, fault.offset));
                return NULL;
        }
        return loader_fields_are_mapped(l, setting, expr_reads(expr)) ? expr : NULL;
}

/* ---- what the scales allow -------------------------------------------------------------------------------------- */

static FieldRange range_union(FieldRange a, FieldRange b)
{
        return (FieldRange){ a.is_known && b.is_known, MIN_OF(a.min, b.min), MAX_OF(a.max, b.max) };
}

/* Of each field over all sources. */
static void loader_ranges(const Loader *l, FieldRange ranges[static FIELDS_MAX])
{
        bool seen[FIELDS_MAX] = { false };
        memset(ranges, 0, FIELDS_MAX * sizeof(FieldRange));
        for (size_t i = 0; i < l->config->source_count; i++) {
                const Source *source = &l->config->sources[i];
                for (size_t j = 0; j < source->place_count; j++) {
                        const FieldPlace *place = &source->places[j];
                        FieldRange range = { place->has_scale, place->scale_min, place->scale_max };
                        ranges[place->field] = seen[place->field] ? range_union(ranges[place->field], range) : range;
                        seen[place->field] = true;
                }
        }
}

static const char *scales_text(const Loader *l, uint64_t reads, const FieldRange *ranges)
{
        Buffer b = buffer_in(l->scratch);
        for (size_t i = 0; i < l->config->fields.count; i++)
                if ((reads & UINT64_C(1) << i) && ranges[i].is_known)
                        buffer_putf(&b, "%s" TEXT_F " is %g..%g", b.len > 0 ? ", " : "; ",
                                    TEXT_ARG(l->config->fields.fields[i].name), ranges[i].min, ranges[i].max);
        return buffer_text(&b).data;
}

/* Where the clause stands in the condition; at its beginning if it was written with other spaces. */
static size_t clause_offset(Text when, Text clause)
{
        const char *found = clause.len > 0 ? memmem(when.data, when.len, clause.data, clause.len) : NULL;
        return found ? (size_t)(found - when.data) : 0;
}

void loader_check_scales(Loader *l, const Setting *when, const Expr *expr)
{
        FieldRange ranges[FIELDS_MAX];
        OffScale off;
        loader_ranges(l, ranges);
        if (!loader_has_all(l, SECTION_SOURCE) || l->unsure_fields & expr_reads(expr))
                return;
        if (expr_is_off_scale(expr, ranges, &off))
                setting_error(l->report, when, "threshold %g is outside %g..%g%s", off.number, ranges[off.field].min,
                              ranges[off.field].max,
                              report_caret(l->scratch, when->text, clause_offset(when->text, off.clause)));
        else if (!expr_can_match(expr, ranges))
                setting_error(l->report, when, "when can never match%s%s", scales_text(l, expr_reads(expr), ranges),
                              report_caret(l->scratch, when->text, 0));
}

/* ---- rules ------------------------------------------------------------------------------------------------------ */

static RuleThen then_read(const Setting *group)
{
        RuleThen then;
        return rule_then_parse(setting_text(group, "then"), &then) ? then : THEN_CALL; /* else it was complained of */
}

static const Policy *rule_policy(Loader *l, const Setting *group)
{
        const Setting *setting = setting_child(group, "policy");
        if (!setting && l->config->policy_count == 1)
                return &l->config->policies[0];
        if (!setting || setting->is_bad) {
                if (!setting && loader_has_all(l, SECTION_POLICY))
                        setting_error(l->report, group, "key \"policy\" is missing; there are %zu policies",
                                      l->config->policy_count);
                return NULL;
        }
        const Policy *policy = config_policy(l->config, setting->text);
        if (!policy && loader_has_all(l, SECTION_POLICY))
                setting_error(l->report, setting, "unknown policy %s%s", quoted(l, setting->text),
                              nearest_policy(l, setting->text));
        return policy;
}

static void rule_read(Loader *l, const Setting *group, Rule *ret)
{
        const Setting *when = setting_get(group, "when");
        Rule rule = {
                .name = setting_text(group, "name"),
                .when_text = when ? when->text : TEXT_NONE,
                .when = when ? loader_expression(l, when) : NULL,
                .then = then_read(group),
                .severity = SEVERITY_NORMAL,
                .overrides = setting_flag(group, "overrides"),
        };
        if (rule.when)
                loader_check_scales(l, when, rule.when);
        if (rule.then == THEN_CALL && setting_get(group, "then")) {
                (void)severity_parse(setting_text(group, "severity"), &rule.severity);
                rule.policy = rule_policy(l, group);
        }
        if (rule.then == THEN_THANK)
                setting_warning(l->report, group,
                                "then = \"thank\" comes later; until then it is counted and nobody is told");
        if (!name_is_printable(rule.name))
                setting_error(l->report, group, "a rule's name has at most %d bytes", NAME_BYTES_MAX);
        *ret = rule;
}

static void rule_check_name(Loader *l, const Setting *group, const Rule *rules, Text name)
{
        for (size_t i = 0; i < l->config->rules.count; i++) {
                if (!text_equal(rules[i].name, name))
                        continue;
                loader_refuse_twin(l, group, SECTION_RULE);
                return;
        }
}

void load_rules(Loader *l)
{
        Setting *list = l->tree->sections[SECTION_RULE];
        size_t count = setting_count(list);
        Rule *rules = arena_array(l->arena, Rule, count + 1);
        l->rule_settings = arena_array(l->scratch, const Setting *, count + 1);
        l->config->rules.rules = rules;
        for (size_t i = 0; i < l->config->fields.count; i++)
                if (l->config->fields.fields[i].has_scale)
                        l->config->rules.scaled_fields |= UINT64_C(1) << i;
        for (Setting *group = list->first; group; group = group->next) {
                Rule rule;
                if (group->is_bad || !setting_get(group, "name"))
                        continue;
                rule_read(l, group, &rule);
                rule_check_name(l, group, rules, rule.name);
                if (l->config->rules.count == RULES_MAX)
                        setting_error(l->report, group, "this rule is one too many; at most %d are allowed", RULES_MAX);
                l->rule_settings[l->config->rules.count] = group;
                rules[l->config->rules.count++] = rule;
        }
        if (!list->first && loader_has_all(l, SECTION_RULE))
                report_error(l->report, l->main_file, 0, "no rule is defined; rules stand here or in rules.d");
}
