#include <stdio.h>

#include "survey.h"

/* One field "f" at "v" (or at v, w, x) of the type, and what it is in this answer, in one line. */
static Text written(const Value *value)
{
        Buffer b = buffer_in(arena);
        JsonWriter w = json_writer(&b);
        switch (value->type) {
        case VALUE_UNKNOWN:
                buffer_put_literal(&b, "unknown: ");
                buffer_put(&b, text_from(value_why_text(value->why)));
                break;
        case VALUE_NUMBER:
                buffer_putf(&b, "number %.17g", value->number);
                break;
        case VALUE_TEXT:
                buffer_put_literal(&b, "text ");
                buffer_put(&b, value->text);
                break;
        case VALUE_FLAG:
                buffer_put(&b, value->flag ? TEXT("yes") : TEXT("no"));
                break;
        case VALUE_LIST:
                buffer_put_literal(&b, "list ");
                json_open(&w, '[');
                for (size_t i = 0; i < value->list.count; i++)
                        json_put_text(&w, value->list.items[i]);
                json_close(&w, ']');
                break;
        }
        return buffer_text(&b);
}

typedef struct Case {
        const char *json; /* of "v" */
        const char *expected;
} Case;

static void check(Survey *s, const Case *cases, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                Response *r = survey_read(s, arena_textf(arena, "{\"v\":%s}", cases[i].json).data);
                Text found = written(value_of(s, r, "f"));
                if (!text_is(found, cases[i].expected))
                        fail_msg("%s is \"" TEXT_F "\" instead of \"%s\"", cases[i].json, TEXT_ARG(found),
                                 cases[i].expected);
        }
}

static void numbers_are_numbers_and_texts_that_are_numbers(void **state UNUSED)
{
        static const Case cases[] = {
                { "7", "number 7" },
                { "7.5", "number 7.5" },
                { "-7", "number -7" },
                { "7e0", "number 7" },
                { "\"7\"", "number 7" },
                { "\" 7 \"", "number 7" },
                { "\"+7\"", "number 7" },
                { "\"-7.25\"", "number -7.25" },
                { "\"7e2\"", "number 700" },
                { "\"7 \\t\\n\"", "number 7" },
                { "18446744073709551615", "number 1.8446744073709552e+19" },
                { "123456789012345678901234567890", "number 1.2345678901234568e+29" },
                { "\"123456789012345678901234567890\"", "number 1.2345678901234568e+29" },
                { "1e999", "unknown: too large a number" },
                { "-1e999", "unknown: too large a number" },
                { "\"1e999\"", "unknown: too large a number" },
                { "\"-1.5E999\"", "unknown: too large a number" },
                { "\"e9\"", "unknown: not a number" },
                { "\"7,5\"", "unknown: not a number" },
                { "\"7 of 10\"", "unknown: not a number" },
                { "\"NaN\"", "unknown: not a number" },
                { "\"Infinity\"", "unknown: not a number" },
                { "\"inf\"", "unknown: not a number" },
                { "\"0x7\"", "unknown: not a number" },
                { "\"1_000\"", "unknown: not a number" },
                { "\"7\\u0000\"", "unknown: not a number" },
                { "\"７\"", "unknown: not a number" },
                { "true", "unknown: not a number" },
                { "[7]", "unknown: not a number" },
                { "{\"v\":7}", "unknown: not a number" },
                { "null", "unknown: empty" },
                { "\"\"", "unknown: empty" },
                { "\"  \"", "unknown: empty" },
                { "[]", "unknown: empty" },
        };
        Survey *s = survey_empty();
        (void)survey_place(s, "f", FIELD_TYPE_NUMBER, "v");
        check(s, cases, COUNT_OF(cases));
}

static void a_number_off_its_scale_is_unknown(void **state UNUSED)
{
        static const Case cases[] = {
                { "0", "number 0" },
                { "-0.0", "number -0" },
                { "10", "number 10" },
                { "\"10\"", "number 10" },
                { "9.99", "number 9.9900000000000002" },
                { "11", "unknown: off its scale" },
                { "-1", "unknown: off its scale" },
                { "10.0000001", "unknown: off its scale" },
                { "99", "unknown: off its scale" }, /* how some tools write "not answered" */
                { "9007199254740993", "unknown: off its scale" },
                { "18446744073709551615", "unknown: off its scale" },
                { "1e999", "unknown: too large a number" },
        };
        Survey *s = survey_empty();
        (void)survey_scale(s, "f", "v", 0, 10);
        check(s, cases, COUNT_OF(cases));
}

static void labels_stand_for_their_numbers(void **state UNUSED)
{
        static const Label labels[] = {
                { TEXT("Very satisfied"), 5 }, { TEXT("Größte Mühe"), 1 }, { TEXT("3"), 4 }, { TEXT("Off"), 9 }
        };
        static const Case cases[] = {
                { "\"Very satisfied\"", "number 5" },
                { "\" VERY SATISFIED \"", "number 5" },
                { "\"GRÖSSTE MÜHE\"", "number 1" },
                { "\"3\"", "number 4" }, /* a label first */
                { "3", "number 3" },     /* but not for a number */
                { "\"2\"", "number 2" },
                { "\"Off\"", "unknown: off its scale" },
                { "\"Very satisfie\"", "unknown: none of its labels" },
                { "\"Very satisfied!\"", "unknown: none of its labels" },
                { "true", "unknown: not a number" },
        };
        Survey *s = survey_empty();
        FieldPlace *place = survey_scale(s, "f", "v", 1, 5);
        place->labels = labels;
        place->label_count = COUNT_OF(labels);
        check(s, cases, COUNT_OF(cases));
}

static void flags_are_what_people_and_programs_write_for_yes_and_no(void **state UNUSED)
{
        static const Case cases[] = {
                { "true", "yes" },
                { "false", "no" },
                { "1", "yes" },
                { "0", "no" },
                { "1.0", "yes" },
                { "\"true\"", "yes" },
                { "\"FALSE\"", "no" },
                { "\"Yes\"", "yes" },
                { "\" no \"", "no" },
                { "\"1\"", "yes" },
                { "\"0\"", "no" },
                { "2", "unknown: neither yes nor no" },
                { "-1", "unknown: neither yes nor no" },
                { "\"y\"", "unknown: neither yes nor no" },
                { "\"maybe\"", "unknown: neither yes nor no" },
                { "\"yes please\"", "unknown: neither yes nor no" },
                { "\"falsefalse\"", "unknown: neither yes nor no" },
                { "\"no\\u0000\"", "unknown: neither yes nor no" },
                { "[true]", "unknown: neither yes nor no" },
                { "1e999", "unknown: neither yes nor no" },
                { "null", "unknown: empty" },
                { "\"\"", "unknown: empty" },
        };
        Survey *s = survey_empty();
        (void)survey_place(s, "f", FIELD_TYPE_FLAG, "v");
        check(s, cases, COUNT_OF(cases));
}

static void texts_are_trimmed_and_ids_keep_every_digit(void **state UNUSED)
{
        static const Case cases[] = {
                { "\" as it is \"", "text as it is" },
                { "\"a  b\"", "text a  b" },
                { "\"tab\\t\"", "text tab" },
                { "7", "text 7" },
                { "9007199254740993", "text 9007199254740993" },
                { "-9223372036854775808", "text -9223372036854775808" },
                { "18446744073709551615", "text 18446744073709551615" },
                { "123456789012345678901234567890", "text 123456789012345678901234567890" },
                { "1e999", "text 1e999" },
                { "1.5", "text 1.5" },
                { "1e3", "text 1000" },
                { "0.1", "text 0.1" },
                { "true", "text true" },
                { "false", "text false" },
                { "[\"only one\"]", "text only one" },
                { "[7]", "text 7" },
                { "[\" \"]", "unknown: empty" },
                { "[\"one\",\"two\"]", "unknown: not a text" },
                { "[[\"one\"]]", "unknown: not a text" },
                { "[null]", "unknown: not a text" },
                { "{\"text\":\"x\"}", "unknown: not a text" },
                { "[]", "unknown: empty" },
                { "null", "unknown: empty" },
                { "\"\"", "unknown: empty" },
                { "\" \\r\\n\\t \"", "unknown: empty" },
        };
        Survey *s = survey_empty();
        (void)survey_place(s, "f", FIELD_TYPE_TEXT, "v");
        check(s, cases, COUNT_OF(cases));

        Response *r = survey_read(s, "{\"v\":\"a\\u0000b\"}");
        assert_true(text_equal(response_text(r, field_of(s, "f")), TEXT("a\0b")));
}

static void lists_are_texts_or_one_text(void **state UNUSED)
{
        static const Case cases[] = {
                { "[\"a\",\" b \",3,true,1.5]", "list [\"a\",\"b\",\"3\",\"true\",\"1.5\"]" },
                { "[\"a\",\"\",null,\"  \"]", "list [\"a\"]" },
                { "\"ana, ben\"", "list [\"ana, ben\"]" },
                { "9007199254740993", "list [\"9007199254740993\"]" },
                { "[]", "list []" }, /* none of these: an answer */
                { "[null]", "list []" },
                { "[\"a\",[\"b\"]]", "unknown: not a list of texts" },
                { "[{\"a\":1}]", "unknown: not a list of texts" },
                { "{\"a\":1}", "unknown: not a list of texts" },
                { "null", "unknown: empty" },
                { "\"\"", "unknown: empty" },
        };
        Survey *s = survey_empty();
        (void)survey_place(s, "f", FIELD_TYPE_LIST, "v");
        check(s, cases, COUNT_OF(cases));

        Buffer b = buffer_in(arena);
        buffer_put_literal(&b, "{\"v\":[0");
        for (int i = 1; i < LIST_ITEMS_MAX; i++)
                buffer_put_literal(&b, ",1");
        size_t len = b.len;
        buffer_put_literal(&b, "]}");
        assert_int_equal(value_of(s, survey_read(s, buffer_text(&b).data), "f")->list.count, LIST_ITEMS_MAX);
        b.len = len;
        buffer_put_literal(&b, ",1]}");
        assert_text(written(value_of(s, survey_read(s, buffer_text(&b).data), "f")), "unknown: too long a list");
}

static void of_several_paths_the_first_that_says_something_counts(void **state UNUSED)
{
        static const struct {
                const char *json, *expected;
        } cases[] = {
                { "{\"v\":\"one\",\"w\":\"two\"}", "text one" },
                { "{\"w\":\"two\",\"x\":\"three\"}", "text two" },
                { "{\"v\":null,\"w\":\"  \",\"x\":\"three\"}", "text three" },
                { "{\"v\":[],\"x\":\"three\"}", "text three" },
                { "{\"v\":{},\"w\":\"two\"}", "unknown: not a text" },
                { "{\"v\":null,\"w\":\"\"}", "unknown: empty" },
                { "{\"w\":null}", "unknown: empty" },
                { "{}", "unknown: not in the message" },
        };
        Survey *s = survey_empty();
        (void)survey_place(s, "f", FIELD_TYPE_TEXT, "v|w|x");
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_text(written(value_of(s, survey_read(s, cases[i].json), "f")), cases[i].expected);
        Response *r = survey_read(s, "{}");
        assert_text(written(value_of(s, r, "nps")), "unknown: not among the fields of its source");
}

static void fields_are_read_when_they_are_asked_for(void **state UNUSED)
{
        Survey *s = survey_example();
        Response *r = survey_read(s, "{\"response_id\":\"r-1\",\"answers\":{\"nps\":2}}");
        assert_int_equal(r->read, 0);
        const Value *nps = value_of(s, r, "nps");
        assert_int_equal(r->read, UINT64_C(1) << FIELD_NPS);
        assert_ptr_equal(value_of(s, r, "nps"), nps);
        assert_true(nps->number == 2);
}

/* Reading writes nothing where no value is yet: clearing them would cost more than the rest. */
static void values_that_nobody_asked_for_are_left_alone(void **state UNUSED)
{
        Survey *s = survey_example();
        Place place = place_of_record();
        Response r;
        memset(&r, 0xa5, sizeof(r));
        assert_int_equal(response_read(&s->source, &s->fields, json_of("{\"response_id\":1}"), &place, arena, &r),
                         RESPONSE_READABLE);
        for (size_t i = 0; i < sizeof(r.values); i++)
                assert_int_equal(((const unsigned char *)r.values)[i], 0xa5);
}

static void an_answer_has_an_id_or_is_no_answer(void **state UNUSED)
{
        static const struct {
                const char *json, *id; /* NULL: none */
        } cases[] = {
                { "{\"response_id\":\" r-1 \"}", "r-1" },
                { "{\"response_id\":9007199254740993}", "9007199254740993" },
                { "{\"response_id\":123456789012345678901234567890}", "123456789012345678901234567890" },
                { "{\"response_id\":0}", "0" },
                { "{\"response_id\":\"\"}", NULL },
                { "{\"response_id\":null}", NULL },
                { "{\"response_id\":true}", NULL },
                { "{\"response_id\":[\"r-1\"]}", NULL },
                { "{\"response_id\":{}}", NULL },
                { "{}", NULL },
        };
        Survey *s = survey_example();
        Place place = place_of_record();
        Response r;
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                ResponseFault fault = response_read(&s->source, &s->fields, json_of(cases[i].json), &place, arena, &r);
                assert_int_equal(fault, cases[i].id ? RESPONSE_READABLE : RESPONSE_NO_ID);
                if (cases[i].id)
                        assert_text(r.id, cases[i].id);
        }
        assert_int_equal(response_read(&s->source, &s->fields, json_of("[]"), &place, arena, &r),
                         RESPONSE_NOT_AN_OBJECT);
        assert_int_equal(response_read(&s->source, &s->fields, json_of("\"r-1\""), &place, arena, &r),
                         RESPONSE_NOT_AN_OBJECT);

        char id[RESPONSE_ID_BYTES_MAX + 2];
        memset(id, 'i', sizeof(id));
        id[RESPONSE_ID_BYTES_MAX + 1] = '\0';
        Text json = arena_textf(arena, "{\"response_id\":\"%s\"}", id);
        assert_int_equal(response_read(&s->source, &s->fields, json_of(json.data), &place, arena, &r),
                         RESPONSE_ID_TOO_LONG);
        json = arena_textf(arena, "{\"response_id\":\"%s\"}", id + 1);
        assert_int_equal(response_read(&s->source, &s->fields, json_of(json.data), &place, arena, &r),
                         RESPONSE_READABLE);
}

static void without_a_place_for_it_the_id_is_where_the_answer_stood(void **state UNUSED)
{
        Survey *s = survey_empty();
        assert_text(survey_read(s, "{\"response_id\":1}")->id, "survey-responses/3/42");
}

static void the_time_is_the_answers_own_or_the_records(void **state UNUSED)
{
        static const struct {
                const char *json;
                int64_t seconds; /* after the record's */
                SubmittedNote note;
        } cases[] = {
                { "{\"response_id\":1,\"submitted_at\":\"2026-11-20T07:00:00Z\"}", -3600, SUBMITTED_GIVEN },
                { "{\"response_id\":1,\"submitted_at\":\"2026-11-20T08:05:00Z\"}", 300, SUBMITTED_GIVEN },
                { "{\"response_id\":1,\"submitted_at\":\"2026-11-20T08:05:00.001Z\"}", 0, SUBMITTED_IN_FUTURE },
                { "{\"response_id\":1,\"submitted_at\":\"2199-11-20T08:05:00.001Z\"}", 0, SUBMITTED_IN_FUTURE },
                { "{\"response_id\":1,\"submitted_at\":\"yesterday\"}", 0, SUBMITTED_UNREADABLE },
                { "{\"response_id\":1,\"submitted_at\":17}", 0, SUBMITTED_UNREADABLE },
                { "{\"response_id\":1,\"submitted_at\":[]}", 0, SUBMITTED_MISSING },
                { "{\"response_id\":1,\"submitted_at\":{}}", 0, SUBMITTED_UNREADABLE },
                { "{\"response_id\":1,\"submitted_at\":null}", 0, SUBMITTED_MISSING },
                { "{\"response_id\":1,\"submitted_at\":\" \"}", 0, SUBMITTED_MISSING },
                { "{\"response_id\":1}", 0, SUBMITTED_MISSING },
        };
        Survey *s = survey_example();
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Response *r = survey_read(s, cases[i].json);
                assert_int_equal(r->submitted_note, cases[i].note);
                assert_int_equal(r->submitted.us, RECORD_TIME.us + cases[i].seconds * 1000000);
        }
        s = survey_empty();
        assert_int_equal(survey_read(s, "{}")->submitted_note, SUBMITTED_MISSING);
}

static const char *const WHOLE =
        "{\"response_id\":\"r-1\",\"submitted_at\":\"2026-11-20T07:00:00Z\",\"customer\":{\"id\":9007199254740993,"
        "\"segment\":\"gold\"},\"account\":{\"annual_value\":\"250000.5\",\"team\":[\"ben\",\"joe\"],\"territory\":"
        "\"BR-S\"},"
        "\"answers\":{\"nps\":2,\"csat\":9,\"contact_me\":\"yes\",\"reason\":\"  \",\"comment\":\" Sch\\u00f6n "
        "\\\"laut\\\"\\u0000 \"}}";
static const char *const WHOLE_FIELDS =
        "{\"id\":\"r-1\",\"submitted\":\"2026-11-20T07:00:00Z\",\"customer\":\"9007199254740993\",\"territory\":\"BR-"
        "S\","
        "\"comment\":\"Schön "
        "\\\"laut\\\"\\u0000\",\"nps\":2,\"contact_me\":true,\"segment\":\"gold\",\"value\":250000.5,"
        "\"account_team\":[\"ben\",\"joe\"]}";

static Text fields_of(Response *r)
{
        Buffer b = buffer_in(arena);
        JsonWriter w = json_writer(&b);
        response_write_fields(r, &w);
        return buffer_text(&b);
}

static void what_is_known_is_written_and_read_back(void **state UNUSED)
{
        Survey *s = survey_example();
        Text fields = fields_of(survey_read(s, WHOLE));
        assert_text(fields, WHOLE_FIELDS);
        Response back;
        memset(&back, 0xa5, sizeof(back));
        response_read_fields(json_of(fields.data), &s->fields, arena, &back);
        assert_text(fields_of(&back), WHOLE_FIELDS);
        assert_text(written(value_of(s, &back, "csat")), "unknown: not in the message");
        assert_text(written(value_of(s, &back, "account_team")), "list [\"ben\",\"joe\"]");
        size_t count;
        assert_text(response_folded(&back, FIELD_TERRITORY, &count)[0], "br-s");
}

/* A reload may have given a field another type, or taken it away. */
static void stored_fields_follow_the_table_of_today(void **state UNUSED)
{
        Survey *s = survey_empty();
        s->fields.fields[FIELD_CUSTOMER].type = FIELD_TYPE_NUMBER;
        s->fields.fields[FIELD_NPS].type = FIELD_TYPE_TEXT;
        Response back;
        response_read_fields(json_of(WHOLE_FIELDS), &s->fields, arena, &back);
        assert_text(written(response_value(&back, FIELD_CUSTOMER)), "number 9007199254740992");
        assert_text(written(response_value(&back, FIELD_NPS)), "text 2");
        response_read_fields(json_of("{\"nps\":null,\"comment\":{\"x\":1}}"), &s->fields, arena, &back);
        assert_text(written(response_value(&back, FIELD_NPS)), "unknown: not a text");
        assert_text(written(response_value(&back, FIELD_COMMENT)), "unknown: not a text");
        response_read_fields(NULL, &s->fields, arena, &back);
        assert_text(written(response_value(&back, FIELD_COMMENT)), "unknown: not in the message");
}

static void what_is_kept_needs_the_message_no_more(void **state UNUSED)
{
        Survey *s = survey_example();
        Arena *message = arena_new(4096), *kept = arena_new(4096);
        char json[1024];
        (void)snprintf(json, sizeof(json), "%s", WHOLE);
        const JsonValue *root = NULL;
        char topic[] = "survey-responses";
        Place place = { .topic = text_from(topic), .partition = 1, .offset = 2, .record_time = RECORD_TIME };
        Response r;
        assert_int_equal(json_read_in(message, text_from(json), &root), JSON_FAULT_NONE);
        assert_int_equal(response_read(&s->source, &s->fields, root, &place, message, &r), RESPONSE_READABLE);
        r.traceparent = arena_text(message, TEXT("00-trace-01"));
        size_t count;
        (void)response_folded(&r, FIELD_COMMENT, &count);
        response_keep(&r, kept);
        memset(json, 'x', sizeof(json));
        memset(topic, 'x', sizeof(topic) - 1);
        arena_free(message);

        assert_text(fields_of(&r), WHOLE_FIELDS);
        assert_text(r.id, "r-1");
        assert_text(r.place.topic, "survey-responses");
        assert_text(r.traceparent, "00-trace-01");
        assert_true(text_equal(response_folded(&r, FIELD_COMMENT, &count)[0], TEXT("schön \"laut\"\0")));
        assert_text(written(value_of(s, &r, "csat")), "unknown: off its scale");
        assert_text(written(response_value(&r, FIELD_CES)), "unknown: not among the fields of its source");
        assert_int_equal(r.submitted_note, SUBMITTED_GIVEN);
        WallTime submitted = r.submitted;
        response_keep(&r, kept); /* once more does no harm */
        assert_true(r.submitted_note == SUBMITTED_GIVEN && r.submitted.us == submitted.us);
        assert_text(fields_of(&r), WHOLE_FIELDS);
        arena_free(kept);
}

static void a_text_is_folded_once(void **state UNUSED)
{
        Survey *s = survey_example();
        Response *r = survey_read(s, WHOLE);
        size_t count = 9;
        const Text *folded = response_folded(r, FIELD_COMMENT, &count);
        assert_int_equal(count, 1);
        const Text *team = response_folded(r, field_of(s, "account_team"), &count);
        assert_int_equal(count, 2);
        assert_text(team[1], "joe");
        assert_ptr_equal(response_folded(r, FIELD_COMMENT, &count), folded);
        assert_null(response_folded(r, FIELD_NPS, &count));
        assert_int_equal(count, 0);
        assert_null(response_folded(r, FIELD_CES, &count));
}

static void every_reason_and_note_has_its_words(void **state UNUSED)
{
        for (ValueWhy why = 0; why < WHY_MAX; why++)
                assert_true(strlen(value_why_text(why)) > 0);
        for (SubmittedNote note = 0; note < SUBMITTED_NOTE_MAX; note++)
                assert_true(strlen(submitted_note_text(note)) > 0);
        for (ResponseFault fault = 0; fault < RESPONSE_FAULT_MAX; fault++)
                assert_true(strlen(response_fault_text(fault)) > 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(numbers_are_numbers_and_texts_that_are_numbers),
                cmocka_unit_test(a_number_off_its_scale_is_unknown),
                cmocka_unit_test(labels_stand_for_their_numbers),
                cmocka_unit_test(flags_are_what_people_and_programs_write_for_yes_and_no),
                cmocka_unit_test(texts_are_trimmed_and_ids_keep_every_digit),
                cmocka_unit_test(lists_are_texts_or_one_text),
                cmocka_unit_test(of_several_paths_the_first_that_says_something_counts),
                cmocka_unit_test(fields_are_read_when_they_are_asked_for),
                cmocka_unit_test(values_that_nobody_asked_for_are_left_alone),
                cmocka_unit_test(an_answer_has_an_id_or_is_no_answer),
                cmocka_unit_test(without_a_place_for_it_the_id_is_where_the_answer_stood),
                cmocka_unit_test(the_time_is_the_answers_own_or_the_records),
                cmocka_unit_test(what_is_known_is_written_and_read_back),
                cmocka_unit_test(stored_fields_follow_the_table_of_today),
                cmocka_unit_test(what_is_kept_needs_the_message_no_more),
                cmocka_unit_test(a_text_is_folded_once),
                cmocka_unit_test(every_reason_and_note_has_its_words),
        };
        return cmocka_run_group_tests_name("response", tests, make_arena, free_arena);
}
