#include "turn/judge.h"

#include <stdlib.h>

struct Judge {
        JsonReader *json;
        Arena *scratch;
};

enum {
        SCRATCH_BYTES = 16 * 1024,
        ANSWER_BYTES = 6 * 1024
};

Judge *judge_new(void)
{
        Judge *judge = calloc(1, sizeof(*judge));
        must(judge != NULL);
        judge->json = json_reader_new();
        judge->scratch = arena_new(SCRATCH_BYTES);
        return judge;
}

Judge *judge_free(Judge *judge)
{
        if (judge) {
                (void)json_reader_free(judge->json);
                (void)arena_free(judge->scratch);
                free(judge);
        }
        return NULL;
}

/* NULL: readable. */
static const char *record_read(Judge *judge, const Config *config, const Source *source, const Place *place, Text value,
                               Response *ret)
{
        const JsonValue *root;
        if (!value.data)
                return "tombstone";
        JsonFault fault = json_read(judge->json, value, source->limits, &root);
        if (fault != JSON_FAULT_NONE)
                return json_fault_text(fault);
        switch (response_read(source, &config->fields, root, place, judge->scratch, ret)) {
        case RESPONSE_READABLE:
                return NULL;
        case RESPONSE_NOT_AN_OBJECT:
                return "not a JSON object";
        case RESPONSE_NO_ID:
                return "no id";
        case RESPONSE_ID_TOO_LONG:
                return "id longer than 512 bytes";
        case RESPONSE_FAULT_MAX:
        default:
                must(false);
        }
}

static void answer_keep(Judge *judge, const Config *config, const Verdict *verdict, Response *r, WallTime now,
                        Answer *ret)
{
        ParcelArena *memory = parcel_arena_new(ANSWER_BYTES);
        Arena *arena = memory->arena;
        Buffer trail = buffer_in(arena);
        JsonWriter w = json_writer(&trail);
        rules_write_trail(&config->rules, verdict, r, judge->scratch, &w);
        Response *kept = arena_new_of(arena, Response);
        *kept = *r;
        response_keep(kept, arena);
        *ret = (Answer){
                .memory = memory,
                .response = kept,
                .end = arena_mark(arena),
                .source = kept->source,
                .rule = verdict->rule,
                .rules_trail = buffer_text(&trail),
                .is_too_old = now.us > wall_add(kept->submitted, kept->source->max_age).us,
        };
}

void answer_trace(Answer *answer, Text traceparent)
{
        answer->response->traceparent = arena_text(answer->memory->arena, traceparent);
        answer->end = arena_mark(answer->memory->arena);
}

Judged judge_record(Judge *judge, const Config *config, const Source *source, const Place *place, Text value,
                    WallTime now, Answer *ret_answer, const char **ret_reason)
{
        Response response;
        Verdict verdict;
        arena_reset(judge->scratch);
        *ret_reason = record_read(judge, config, source, place, value, &response);
        if (*ret_reason)
                return JUDGED_DEAD;
        rules_judge(&config->rules, &response, judge->scratch, &verdict);
        switch (verdict.kind) {
        case VERDICT_CALL:
                answer_keep(judge, config, &verdict, &response, now, ret_answer);
                return JUDGED_FLAGGED;
        case VERDICT_UNJUDGEABLE:
                return JUDGED_UNJUDGEABLE;
        case VERDICT_SATISFIED:
        case VERDICT_THANK:
        case VERDICT_NOTE:
                return JUDGED_SATISFIED;
        case VERDICT_MAX:
        default:
                must(false);
        }
}

static void value_write(const Value *value, JsonWriter *w)
{
        switch (value->type) {
        case VALUE_NUMBER:
                json_put_number(w, value->number);
                return;
        case VALUE_TEXT:
                json_put_text(w, value->text);
                return;
        case VALUE_FLAG:
                json_put_bool(w, value->flag);
                return;
        case VALUE_LIST:
                json_open(w, '[');
                for (size_t i = 0; i < value->list.count; i++)
                        json_put_text(w, value->list.items[i]);
                json_close(w, ']');
                return;
        case VALUE_UNKNOWN:
        default:
                json_put_null(w);
        }
}

static void fields_write(Response *r, JsonWriter *w)
{
        json_key(w, "fields");
        json_open(w, '[');
        for (FieldId field = 0; field < r->fields->count; field++) {
                if (!r->source->place_of[field])
                        continue;
                const Value *value = response_value(r, field);
                json_open(w, '{');
                json_field_text(w, "name", r->fields->fields[field].name);
                json_field_text(w, "type", text_from(field_type_text(r->fields->fields[field].type)));
                json_key(w, "value");
                value_write(value, w);
                if (value->type == VALUE_UNKNOWN)
                        json_field_text(w, "why", text_from(value_why_text(value->why)));
                json_close(w, '}');
        }
        json_close(w, ']');
}

static const char *verdict_text(VerdictKind kind)
{
        static const char *const texts[VERDICT_MAX] = {
                [VERDICT_SATISFIED] = "satisfied",
                [VERDICT_CALL] = "call",
                [VERDICT_THANK] = "thank",
                [VERDICT_NOTE] = "note",
                [VERDICT_UNJUDGEABLE] = "cannot be judged",
        };
        return texts[kind];
}

static void routes_write(Judge *judge, const Config *config, Response *r, WallTime now, JsonWriter *w)
{
        Routed routed;
        route_resolve(&config->routes, &config->roster, r, now, judge->scratch, &routed);
        json_field_text(w, "owner", party_id(routed.owner));
        json_field_bool(w, "shadow", routed.is_shadow);
        json_key(w, "routes");
        json_put_raw(w, routed.trail);
}

void judge_explain(Judge *judge, const Config *config, const Source *source, const Place *place, Text value,
                   WallTime now, JsonWriter *w)
{
        Response r;
        Verdict verdict;
        arena_reset(judge->scratch);
        const char *reason = record_read(judge, config, source, place, value, &r);
        json_open(w, '{');
        json_field_text(w, "source", source->name);
        json_field_bool(w, "readable", reason == NULL);
        if (reason) {
                json_field_text(w, "reason", text_from(reason));
                json_close(w, '}');
                return;
        }
        response_date(&r);
        json_field_text(w, "id", r.id);
        json_field_time(w, "submitted_at", r.submitted);
        json_field_text(w, "submitted", text_from(submitted_note_text(r.submitted_note)));
        fields_write(&r, w);
        rules_judge(&config->rules, &r, judge->scratch, &verdict);
        json_field_text(w, "verdict", text_from(verdict_text(verdict.kind)));
        json_field_bool(w, "too_old", now.us > wall_add(r.submitted, source->max_age).us);
        json_key(w, "rules");
        rules_write_trail(&config->rules, &verdict, &r, judge->scratch, w);
        if (verdict.kind == VERDICT_CALL)
                routes_write(judge, config, &r, now, w);
        json_close(w, '}');
}
