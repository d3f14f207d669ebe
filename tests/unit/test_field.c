#include "survey.h"

static void the_known_fields_have_their_names_and_types(void **state UNUSED)
{
        FieldTable known = field_table_known();
        FieldId field;
        assert_int_equal(known.count, FIELD_KNOWN_MAX);
        for (size_t i = 0; i < known.count; i++) {
                assert_non_null(known.fields[i].name.data);
                assert_true(field_find(&known, known.fields[i].name, &field));
                assert_int_equal(field, i);
        }
        assert_int_equal(known.fields[FIELD_NPS].type, FIELD_TYPE_NUMBER);
        assert_int_equal(known.fields[FIELD_CSAT].type, FIELD_TYPE_NUMBER);
        assert_int_equal(known.fields[FIELD_CES].type, FIELD_TYPE_NUMBER);
        assert_int_equal(known.fields[FIELD_CONTACT_ME].type, FIELD_TYPE_FLAG);
        assert_int_equal(known.fields[FIELD_COMMENT].type, FIELD_TYPE_TEXT);
        assert_false(field_find(&known, TEXT("NPS"), &field));
        assert_false(field_find(&known, TEXT("np"), &field));
}

static void types_are_written_as_they_are_read(void **state UNUSED)
{
        for (FieldType type = 0; type < FIELD_TYPE_MAX; type++) {
                FieldType read = FIELD_TYPE_MAX;
                assert_true(field_type_parse(text_from(field_type_text(type)), &read));
                assert_int_equal(read, type);
        }
        FieldType untouched = FIELD_TYPE_LIST;
        assert_false(field_type_parse(TEXT("string"), &untouched));
        assert_int_equal(untouched, FIELD_TYPE_LIST);
}

static const char *const DOCUMENT =
        "{\"customer\":{\"id\":\"c-1\"},\"Account ID\":{\"name\":\"Acme\"},\"a\":{\"b.c\":7,\"it's\":8,\"\\\"\":9},"
        "\"items\":[{\"value\":1},{\"value\":2},[30,31]],"
        "\"fields\":[{\"key\":\"question_0\",\"value\":\"no\"},5,{\"key\":\"question_1\",\"value\":\"yes\"},"
        "{\"key\":\"question_1\",\"value\":\"second\"},{\"key\":17,\"value\":\"seventeen\"},"
        "{\"key\":9007199254740993,\"value\":\"exact\"},{\"key\":true,\"value\":\"flag\"},{\"key\":1.5,\"value\":"
        "\"real\"},"
        "{\"key\":123456789012345678901234567890,\"value\":\"huge\"},{\"Q ID\":\"a]b\",\"value\":\"spaced\"},"
        "{\"key\":null,\"value\":\"null\"}],\"größe\":4,\"null\":null}";

static void paths_find_what_they_name(void **state UNUSED)
{
        static const struct {
                const char *path, *expected; /* NULL: not there */
        } cases[] = {
                { "customer.id", "c-1" },
                { "\"Account ID\".name", "Acme" },
                { "'Account ID'.name", "Acme" },
                { "a.\"b.c\"", "7" },
                { "a.'b.c'", "7" },
                { "a.'it''s'", "8" },
                { "a.\"\"\"\"", "9" },
                { "items[0].value", "1" },
                { "items[1].value", "2" },
                { "items[2][1]", "31" },
                { "items[3].value", NULL },
                { "items[65535].value", NULL },
                { "items.value", NULL },
                { "items.0", NULL },
                { "customer[0]", NULL },
                { "customer.id.more", NULL },
                { "customer.ID", NULL },
                { "missing.id", NULL },
                { "null.id", NULL },
                { "größe", "4" },
                { "fields[key=\"question_1\"].value", "yes" },
                { "fields[key=question_1].value", "yes" },
                { "fields[key='question_1'].value", "yes" },
                { "fields['key'=question_1].value", "yes" },
                { "fields[key=question_2].value", NULL },
                { "fields[key=17].value", "seventeen" },
                { "fields[key='17.0'].value", NULL },
                { "fields[key=9007199254740993].value", "exact" },
                { "fields[key=9007199254740992].value", NULL },
                { "fields[key=true].value", "flag" },
                { "fields[key=false].value", NULL },
                { "fields[key='1.50'].value", "real" },
                { "fields[key=123456789012345678901234567890].value", "huge" },
                { "fields[key=null].value", NULL },
                { "fields['Q ID'='a]b'].value", "spaced" },
                { "customer[key=question_1].value", NULL },
        };
        const JsonValue *root = json_of(DOCUMENT);
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Path path = path_of(text_from(cases[i].path));
                const JsonValue *found = path_find(&path, root);
                char digits[INTEGER_BYTES];
                assert_text(path.text, cases[i].path);
                if (!cases[i].expected) {
                        if (found)
                                fail_msg("%s is not there", cases[i].path);
                        continue;
                }
                if (!found)
                        fail_msg("%s is there", cases[i].path);
                assert_text(json_type(found) == JSON_TEXT ? json_text(found) : integer_text(found, digits),
                            cases[i].expected);
        }
}

static void a_path_that_is_no_path_is_refused_with_place_and_reason(void **state UNUSED)
{
        static const struct {
                const char *path;
                size_t offset;
                const char *message;
        } cases[] = {
                { "", 0, "expected a key" },
                { ".", 0, "expected a key" },
                { "[0]", 0, "expected a key" },
                { "a..b", 2, "expected a key after the dot" },
                { "a.", 2, "expected a key after the dot" },
                { "a.[0]", 2, "expected a key after the dot" },
                { "a.''", 2, "expected a key after the dot" },
                { "a b", 1, "expected \".\" or \"[\"; a key with other characters is put in quotes" },
                { "a[0]b", 4, "expected \".\" or \"[\"; a key with other characters is put in quotes" },
                { "a]", 1, "expected \".\" or \"[\"; a key with other characters is put in quotes" },
                { "a'b'", 1, "expected \".\" or \"[\"; a key with other characters is put in quotes" },
                { "a\nb", 1, "expected \".\" or \"[\"; a key with other characters is put in quotes" },
                { "'a", 0, "this quote is not closed" },
                { "a.\"b''", 2, "this quote is not closed" },
                { "a[", 2, "expected a number, or key=\"text\", in the brackets" },
                { "a[]", 2, "expected a number, or key=\"text\", in the brackets" },
                { "a[-1]", 4, "expected \"=\" and the text to look for" },
                { "a[key]", 5, "expected \"=\" and the text to look for" },
                { "a[key=]", 6, "expected the text to look for" },
                { "a[key=']", 6, "this quote is not closed" },
                { "a[key=x", 7, "expected \"]\"" },
                { "a[1", 3, "expected \"]\"" },
                { "a[1x]", 3, "expected \"]\"" },
                { "a[65536]", 2, "an index is at most 65535" },
                { "a[99999999999999999999999999]", 2, "an index is at most 65535" },
                { "a.b\xff", 0, "not UTF-8" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                Path path;
                TextFault fault = { 0 };
                assert_int_equal(path_parse(arena, text_from(cases[i].path), &path, &fault), -22);
                assert_text(fault.message, cases[i].message);
                if (fault.offset != cases[i].offset)
                        fail_msg("%s: at %zu instead of %zu", cases[i].path, fault.offset, cases[i].offset);
        }
}

static void a_path_has_bounds(void **state UNUSED)
{
        Path path;
        TextFault fault = { 0 };
        Buffer b = buffer_in(arena);
        buffer_put_char(&b, 'a');
        for (int i = 1; i < PATH_SEGMENTS_MAX; i++)
                buffer_put_literal(&b, "[1]");
        assert_int_equal(path_parse(arena, buffer_text(&b), &path, &fault), 0);
        assert_int_equal(path.count, PATH_SEGMENTS_MAX);
        size_t end = b.len;
        buffer_put_literal(&b, ".b");
        assert_int_equal(path_parse(arena, buffer_text(&b), &path, &fault), -22);
        assert_int_equal(fault.offset, end);
        assert_text(fault.message, "a path has at most 32 parts");

        char *longest = arena_alloc(arena, PATH_BYTES_MAX + 1);
        memset(longest, 'k', PATH_BYTES_MAX + 1);
        assert_int_equal(path_parse(arena, (Text){ longest, PATH_BYTES_MAX }, &path, &fault), 0);
        assert_int_equal(path_parse(arena, (Text){ longest, PATH_BYTES_MAX + 1 }, &path, &fault), -22);
        assert_int_equal(fault.offset, PATH_BYTES_MAX);
        assert_text(fault.message, "a path has at most 1024 bytes");
}

/* Every beginning of a good path either is one or says where it breaks off, inside itself. */
static void whatever_is_cut_off_the_fault_stays_inside(void **state UNUSED)
{
        static const char *const paths[] = { "customer.id", "fields['Q ID'=\"a]b\"].value[12][3].'it''s'",
                                             "a[1].b[c=d].e" };
        for (size_t i = 0; i < COUNT_OF(paths); i++)
                for (size_t len = 0; len <= strlen(paths[i]); len++) {
                        Path path;
                        TextFault fault = { SIZE_MAX, TEXT_NONE };
                        if (path_parse(arena, (Text){ paths[i], len }, &path, &fault) == 0)
                                continue;
                        assert_true(fault.offset <= len);
                        assert_true(fault.message.len > 0);
                }
}

static void integers_keep_all_their_bits(void **state UNUSED)
{
        static const char *const integers[] = {
                "0", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808", "18446744073709551615"
        };
        char digits[INTEGER_BYTES];
        for (size_t i = 0; i < COUNT_OF(integers); i++)
                assert_text(integer_text(json_of(integers[i]), digits), integers[i]);
        assert_null(integer_text(json_of("1.5"), digits).data);
        assert_null(integer_text(json_of("\"1\""), digits).data);
        assert_null(integer_text(NULL, digits).data);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_known_fields_have_their_names_and_types),
                cmocka_unit_test(types_are_written_as_they_are_read),
                cmocka_unit_test(paths_find_what_they_name),
                cmocka_unit_test(a_path_that_is_no_path_is_refused_with_place_and_reason),
                cmocka_unit_test(a_path_has_bounds),
                cmocka_unit_test(whatever_is_cut_off_the_fault_stays_inside),
                cmocka_unit_test(integers_keep_all_their_bits),
        };
        return cmocka_run_group_tests_name("field", tests, make_arena, free_arena);
}
