/* Sources: which topic, and where in its messages the fields are. */
#include "config/loader.h"
#include "core/timestamp.h"

/* ---- fields ----------------------------------------------------------------------------------------------------- */

/* What the rule language would not read as a field. */
/* One field's row in the table of all, made if it is new. */
static bool field_number(Loader *l, const Setting *s, FieldType type, bool has_type, FieldId *ret)
{
        FieldTable *table = &l->config->fields;
        if (!field_find(table, s->name, ret)) {
                if (table->count == FIELDS_MAX) {
                        setting_error(l->report, s, "field %s is one too many; all sources have at most %d",
                                      quoted(l, s->name), FIELDS_MAX);
                        return false;
                }
                *ret = (FieldId)table->count++;
                table->fields[*ret].name = s->name;
                table->fields[*ret].type = type;
                return true;
        }
        FieldType known = table->fields[*ret].type;
        if (*ret < FIELD_KNOWN_MAX && !has_type)
                return true;
        if (known == type)
                return true;
        setting_error(l->report, s, "field %s is a %s%s, not a %s", quoted(l, s->name), field_type_text(known),
                      *ret < FIELD_KNOWN_MAX ? "" : " in another source", field_type_text(type));
        return false;
}

static void path_read(Loader *l, const Setting *s, Text text, Path *paths, size_t *count)
{
        TextFault fault;
        if (path_parse(l->arena, text, &paths[*count], &fault) == 0)
                (*count)++;
        else
                setting_error(l->report, s, "field %s: " TEXT_F "%s", quoted(l, s->name), TEXT_ARG(fault.message),
                              report_caret(l->scratch, text, fault.offset));
}

static void paths_read(Loader *l, const Setting *s, FieldPlace *place)
{
        size_t count = 1;
        const Text *texts = s->type == SETTING_TEXT ? &s->text : setting_texts(l->arena, s, "at", &count);
        Path *paths = arena_array(l->arena, Path, count + 1);
        place->paths = paths;
        for (size_t i = 0; i < count; i++)
                path_read(l, s, texts[i], paths, &place->path_count);
        if (count == 0 && setting_get(s, "at"))
                setting_error(l->report, s, "field %s: at is empty", quoted(l, s->name));
}

static void scale_read(Loader *l, const Setting *s, FieldType type, FieldPlace *place)
{
        const Setting *scale = s->type == SETTING_GROUP ? setting_get(s, "scale") : NULL;
        if (!scale) {
                /* The one score whose scale is part of its name. */
                place->has_scale = place->field == FIELD_NPS;
                place->scale_max = place->has_scale ? 10 : 0;
                if (place->field == FIELD_CSAT || place->field == FIELD_CES)
                        setting_warning(l->report, s, "field %s has no scale; any number is taken for an answer",
                                        quoted(l, s->name));
                return;
        }
        place->has_scale = true;
        place->scale_min = setting_number(scale->first);
        place->scale_max = setting_number(scale->last);
        if (type != FIELD_TYPE_NUMBER)
                setting_error(l->report, scale, "field %s: only a number has a scale; say type = \"number\"",
                              quoted(l, s->name));
        else if (!(place->scale_min < place->scale_max))
                setting_error(l->report, scale, "field %s: the scale begins with its smallest number",
                              quoted(l, s->name));
        place->has_scale = place->scale_min < place->scale_max;
}

static void label_read(Loader *l, const Setting *s, const Setting *group, FieldPlace *place, Label *labels)
{
        const Setting *number = setting_get(group, "number");
        Text text = setting_text(group, "label");
        if (!number || !text.data)
                return;
        double value = setting_number(number);
        if (place->has_scale && (value < place->scale_min || value > place->scale_max))
                setting_error(l->report, number, "number %g is outside the scale %g..%g", value, place->scale_min,
                              place->scale_max);
        for (size_t i = 0; i < place->label_count; i++)
                if (text_equal(labels[i].label, text))
                        setting_error(l->report, group, "field %s has the label %s twice", quoted(l, s->name),
                                      quoted(l, text));
        labels[place->label_count++] = (Label){ text, value };
}

static void labels_read(Loader *l, const Setting *s, FieldType type, FieldPlace *place)
{
        const Setting *list = s->type == SETTING_GROUP ? setting_get(s, "labels") : NULL;
        if (!list)
                return;
        if (type != FIELD_TYPE_NUMBER) {
                setting_error(l->report, list, "field %s: labels stand for numbers; say type = \"number\"",
                              quoted(l, s->name));
                return;
        }
        bool is_alone = list->type == SETTING_GROUP;
        Label *labels = arena_array(l->arena, Label, setting_count(list) + 1);
        place->labels = labels;
        for (const Setting *g = is_alone ? list : list->first; g; g = is_alone ? NULL : g->next)
                label_read(l, s, g, place, labels);
}

static bool place_read(Loader *l, const Setting *s, FieldPlace *ret)
{
        FieldPlace place = { 0 };
        FieldType type = FIELD_TYPE_TEXT;
        bool has_type = field_type_parse(setting_text(s->type == SETTING_GROUP ? s : NULL, "type"), &type);
        if (!expr_is_field_name(s->name)) {
                setting_error(l->report, s,
                              "field %s cannot be named in a rule; a name has at most %d letters, digits and _, and is "
                              "no word of the rule language",
                              quoted(l, s->name), FIELD_NAME_BYTES_MAX);
                return false;
        }
        if (!field_number(l, s, type, has_type, &place.field))
                return false;
        type = l->config->fields.fields[place.field].type;
        place.unit = setting_text(s->type == SETTING_GROUP ? s : NULL, "unit");
        paths_read(l, s, &place);
        scale_read(l, s, type, &place);
        labels_read(l, s, type, &place);
        l->config->fields.fields[place.field].has_scale |= place.has_scale;
        *ret = place;
        return true;
}

/* It has an error of its own; rules that read it are left in peace. */
static void field_is_unsure(Loader *l, const Setting *s)
{
        FieldId field;
        if (field_find(&l->config->fields, s->name, &field))
                l->unsure_fields |= UINT64_C(1) << field;
        else
                l->is_incomplete[SECTION_SOURCE] = true;
}

static void places_read(Loader *l, const Setting *group, Source *source)
{
        const Setting *fields = setting_get(group, "fields");
        FieldPlace *places = arena_array(l->arena, FieldPlace, setting_count(fields) + 1);
        bool has_score = false;
        source->places = places;
        for (const Setting *s = fields ? fields->first : NULL; s; s = s->next) {
                FieldPlace *place = &places[source->place_count];
                if (s->is_bad || !place_read(l, s, place)) {
                        field_is_unsure(l, s);
                        continue;
                }
                source->place_of[place->field] = place;
                source->place_count++;
                has_score |= l->config->fields.fields[place->field].type == FIELD_TYPE_NUMBER;
        }
        if (!fields)
                return;
        if (!has_score)
                setting_error(l->report, fields, "fields has no score; one of type \"number\" is needed, such as nps");
        if (!setting_child(fields, "id"))
                setting_warning(l->report, fields,
                                "fields has no id; an answer that is sent twice is taken for two answers");
}

/* ---- the rest of a source --------------------------------------------------------------------------------------- */

static void timestamp_format_read(Loader *l, const Setting *group, Source *source)
{
        const Setting *format = setting_get(group, "timestamp_format");
        TextFault fault;
        if (!format || text_is(format->text, "iso8601")) {
                source->timestamp_format = TIMESTAMP_ISO8601;
        } else if (text_is(format->text, "epoch seconds")) {
                source->timestamp_format = TIMESTAMP_EPOCH_SECONDS;
        } else if (text_is(format->text, "epoch milliseconds")) {
                source->timestamp_format = TIMESTAMP_EPOCH_MILLISECONDS;
        } else if (!memchr(format->text.data, '%', format->text.len)) {
                setting_error(l->report, format,
                              "timestamp_format %s is not known; it is \"iso8601\", \"epoch seconds\", \"epoch "
                              "milliseconds\" or a pattern such as \"%%d.%%m.%%Y %%H:%%M\"",
                              quoted(l, format->text));
        } else if (timestamp_pattern_check(format->text, &fault) < 0) {
                setting_error(l->report, format, "timestamp_format: " TEXT_F "%s", TEXT_ARG(fault.message),
                              report_caret(l->scratch, format->text, fault.offset));
        } else {
                source->timestamp_format = TIMESTAMP_PATTERN;
                source->timestamp_pattern = format->text;
        }
}

static void start_read(Loader *l, const Setting *group, Source *source)
{
        const Setting *start = setting_get(group, "start");
        bool has_zone = false;
        if (!start || text_is(start->text, "latest")) {
                source->start = START_LATEST;
        } else if (text_is(start->text, "earliest")) {
                source->start = START_EARLIEST;
        } else if (wall_parse(start->text, &source->start_time, &has_zone) && has_zone) {
                source->start = START_TIME;
        } else {
                setting_error(
                        l->report, start,
                        "start %s is not allowed; it is \"latest\", \"earliest\" or a time with its zone, such as "
                        "\"2026-01-31T08:00Z\"",
                        quoted(l, start->text));
        }
}

static void source_check(Loader *l, const Setting *group, const Source *source)
{
        const Setting *topic = setting_get(group, "topic");
        if (source->name.data && !name_is_printable(source->name))
                setting_error(l->report, group, "a source's name has at most %d bytes", NAME_BYTES_MAX);
        if (config_source(l->config, source->name))
                loader_refuse_twin(l, group, SECTION_SOURCE);
        if (!topic)
                return;
        if (!topic_is_good(topic->text))
                setting_error(l->report, topic, "topic %s is none; at most 249 of a-z A-Z 0-9 . _ -",
                              quoted(l, topic->text));
        if (text_equal(topic->text, l->config->kafka.dead_letters))
                setting_error(l->report, topic,
                              "topic %s is kafka.dead_letters; what is written there would be read again",
                              quoted(l, topic->text));
        for (size_t i = 0; i < l->config->source_count; i++)
                if (text_equal(l->config->sources[i].topic, topic->text))
                        setting_error(l->report, topic, "topic %s is read by source %s already", quoted(l, topic->text),
                                      quoted(l, l->config->sources[i].name));
}

static void source_read(Loader *l, const Setting *group, Source *ret)
{
        const Setting *limits = setting_get(group, "limits"), *zone = setting_get(group, "time_zone");
        const char *fault = NULL;
        *ret = (Source){
                .name = setting_text(group, "name"),
                .topic = setting_text(group, "topic"),
                .zone = loader_zone(l, setting_text(group, "time_zone"), &fault),
                .max_age = setting_span(group, "max_age"),
                .anonymous = text_is(setting_text(group, "anonymous"), "case") ? ANONYMOUS_CASE : ANONYMOUS_COUNT,
                .stops_at_gap = text_is(setting_text(group, "expired"), "stop"),
                .limits = {
                        .bytes_max = (size_t)setting_integer(limits, "bytes"),
                        .depth_max = (unsigned)setting_integer(limits, "depth"),
                },
        };
        if (fault)
                setting_error(l->report, zone, "time_zone: %s", fault);
        source_check(l, group, ret);
        places_read(l, group, ret);
        timestamp_format_read(l, group, ret);
        start_read(l, group, ret);
}

void load_sources(Loader *l)
{
        Setting *list = l->tree->sections[SECTION_SOURCE];
        Source *sources = arena_array(l->arena, Source, setting_count(list) + 1);
        l->config->fields = field_table_known();
        l->config->sources = sources;
        for (Setting *group = list->first; group; group = group->next) {
                if (group->is_bad || !setting_get(group, "name")) {
                        l->is_incomplete[SECTION_SOURCE] = true;
                        continue;
                }
                source_read(l, group, &sources[l->config->source_count]);
                l->config->source_count++;
        }
        if (!list->first && loader_has_all(l, SECTION_SOURCE)) {
                report_error(l->report, l->main_file, 0, "no source is defined; sources stand here or in sources.d");
                l->is_incomplete[SECTION_SOURCE] = true;
        }
        /* What a source says when its answers are complete reads the fields of all. */
        for (Setting *group = list->first; group; group = group->next) {
                const Setting *complete = group->is_bad ? NULL : setting_get(group, "complete");
                if (complete)
                        (void)loader_expression(l, complete);
        }
}
