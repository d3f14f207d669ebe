/* parcel_sample.h - a case, its answer and a parcel about them, for the tests of daemon/notify/. Change what a test is
 * about after parcel_sample(). Everything lives in the arena. */
#pragma once

#include "core/calendar.h"
#include "turn/parcel.h"

typedef struct ParcelSample {
        Config config;
        Channel channel;
        Source source;
        FieldTable fields;
        Response response;
        Policy policy;
        Rung ladder[2];
        Case c;
        Person reader;
        Parcel parcel;
} ParcelSample;

#define SAMPLE_NOW ((WallTime){ INT64_C(1795160638123000) }) /* 2026-11-20 07:43:58.123 UTC, a Friday */

static inline void sample_field(ParcelSample *s, FieldId field, Value value)
{
        s->response.values[field] = value;
}

static inline void sample_text(ParcelSample *s, FieldId field, Text text)
{
        sample_field(s, field, (Value){ .type = VALUE_TEXT, .text = text });
}

static inline void sample_answer(ParcelSample *s, Arena *arena)
{
        s->source = (Source){ .name = TEXT("relationship"), .topic = TEXT("survey-responses") };
        s->fields = field_table_known();
        s->response = (Response){
                .source = &s->source,
                .fields = &s->fields,
                .place = { TEXT("survey-responses"), 0, 42, wall_sub(SAMPLE_NOW, SPAN_MINUTE), 0 },
                .id = TEXT("r-1"),
                .submitted = wall_sub(SAMPLE_NOW, SPAN_MINUTE),
                .arena = arena,
                .read = UINT64_MAX,
        };
        sample_field(s, FIELD_NPS, (Value){ .type = VALUE_NUMBER, .number = 2 });
        sample_text(s, FIELD_COMMENT, TEXT("Three weeks for a part"));
        sample_text(s, FIELD_CUSTOMER, TEXT("c-9"));
        sample_text(s, FIELD_NAME, TEXT("Maria Silva"));
        sample_text(s, FIELD_TERRITORY, TEXT("BR-S"));
        sample_text(s, FIELD_PHONE, TEXT("+55 51 5550 0199"));
}

static inline void sample_case(ParcelSample *s)
{
        s->ladder[0] = (Rung){ .message = MESSAGE_ALERT };
        s->ladder[1] = (Rung){ .after = { .kind = DELAY_WORKING_TIME, .span = { 4 * 3600 * INT64_C(1000000) } },
                               .message = MESSAGE_REMINDER };
        s->policy = (Policy){ .name = TEXT("one-day"), .version = 3, .ladder = s->ladder, .rung_count = 2 };
        s->c = (Case){
                .number = 12,
                .id = { { 0x01, 0xa2, 0xb3, 0xc4, 0xd5, 0xe6, 0x80, 7, 0x81, 9, 10, 11, 12, 13, 14, 15 } },
                .state = CASE_OPEN,
                .severity = SEVERITY_HIGH,
                .epoch = 1,
                .source = TEXT("relationship"),
                .customer = TEXT("c-9"),
                .territory = TEXT("BR-S"),
                .rule = TEXT("detractor"),
                .policy_name = TEXT("one-day"),
                .policy_version = 3,
                .owner = TEXT("ana"),
                .submitted_at = wall_sub(SAMPLE_NOW, SPAN_MINUTE),
                .opened_at = wall_sub(SAMPLE_NOW, SPAN_SECOND),
                .window_ends_at = wall_add(SAMPLE_NOW, SPAN_DAY),
                .told_at = WALL_NONE,
                .first_contact_at = WALL_NONE,
                .contacted_at = WALL_NONE,
                .closed_at = WALL_NONE,
                .last_attempt_at = WALL_NONE,
                .paused_until = WALL_NONE,
        };
}

/* An alert to the owner about an open case. */
static inline ParcelSample *parcel_sample(Arena *arena, ChannelType type)
{
        ParcelSample *s = arena_new_of(arena, ParcelSample);
        sample_answer(s, arena);
        sample_case(s);
        s->channel = (Channel){
                .name = TEXT("crm"),
                .type = type,
                .from_name = TEXT("Customer follow-up"),
                .from_address = TEXT("loop@example.com"),
                .timeout = { 15 * INT64_C(1000000) },
        };
        s->reader = (Person){
                .id = TEXT("ana"), .name = TEXT("Ana Lima"), .email = TEXT("ana.lima@example.com"), .zone = &ZONE_UTC
        };
        s->parcel = (Parcel){
                .config = &s->config,
                .key = { 0x01, 0xa2, 0xb3, 0xc4, 0xd5, 0xe6, 0x8f, 1, 0x9f, 2, 3, 4, 5, 6, 7, 8 },
                .channel = &s->channel,
                .reader = &s->reader,
                .recipient = TEXT("ana"),
                .why = RECIPIENT_OWNER,
                .message = MESSAGE_ALERT,
                .epoch = 1,
                .due_at = wall_sub(SAMPLE_NOW, SPAN_SECOND),
                .c = &s->c,
                .response = &s->response,
                .policy = &s->policy,
                .owner_name = TEXT("Ana Lima"),
                .manager_name = TEXT("Joe Marsh"),
                .told_at = WALL_NONE,
                .next_at = WALL_NONE,
        };
        return s;
}

/* Without a case: `notify test`, or word to an operator. */
static inline ParcelSample *parcel_sample_note(Arena *arena, ChannelType type, Message message, Text note)
{
        ParcelSample *s = parcel_sample(arena, type);
        s->parcel.message = message;
        s->parcel.note = note;
        s->parcel.c = NULL;
        s->parcel.response = NULL;
        s->parcel.policy = NULL;
        s->parcel.rung = -1;
        return s;
}
