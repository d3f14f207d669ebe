#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "turn/id.h"

static const WallTime SUBMITTED = { INT64_C(1795200000123456) };

static const char *text_of(CaseId id)
{
        static char buffer[4][ID_TEXT_BYTES];
        static int turn;
        char *to = buffer[turn++ % 4];
        (void)id_text(id, to);
        return to;
}

static bool same(CaseId a, CaseId b)
{
        return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

static CaseId any_case(void)
{
        return id_of_case(SUBMITTED, TEXT("relationship"), TEXT("r-1"));
}

/* Computed with Python's hashlib, not with this program. */
static void a_case_has_the_id_that_its_answer_gives_it(void **state UNUSED)
{
        assert_string_equal(text_of(any_case()), "01a1fa42-207b-84b8-b325-8d0b4b3ebc6f");
        assert_string_equal(text_of(id_of_case((WallTime){ 0 }, TEXT(""), TEXT(""))),
                            "00000000-0000-8f55-b0f5-a1810b7af78c");
}

static void a_delivery_has_the_id_that_its_key_gives_it(void **state UNUSED)
{
        assert_string_equal(text_of(id_of_delivery(any_case(), 1, 0, 0, TEXT("ana"), TEXT("slack-ana"))),
                            "01a1fa42-207b-8cf4-99c9-c4a2e759f5cf");
        assert_string_equal(text_of(id_of_delivery(any_case(), 2, -7, 3, TEXT("channel:crm"), TEXT("crm"))),
                            "01a1fa42-207b-8e86-b5df-657e9e894a38");
}

static void ids_are_uuids_of_version_8(void **state UNUSED)
{
        for (int i = 0; i < 1000; i++) {
                CaseId id = id_of_delivery(any_case(), i, i / 2, 0, TEXT("ana"), TEXT("mail"));
                assert_int_equal(id.bytes[6] & 0xf0, 0x80);
                assert_int_equal(id.bytes[8] & 0xc0, 0x80);
        }
}

static void ids_sort_by_the_time_of_the_answer(void **state UNUSED)
{
        CaseId earlier = id_of_case(SUBMITTED, TEXT("z"), TEXT("z"));
        CaseId later = id_of_case(wall_add(SUBMITTED, (Span){ 1000 }), TEXT("a"), TEXT("a"));
        assert_true(memcmp(earlier.bytes, later.bytes, 16) < 0);
}

static void what_stands_on_either_side_of_a_border_gives_another_id(void **state UNUSED)
{
        assert_false(same(id_of_case(SUBMITTED, TEXT("ab"), TEXT("c")), id_of_case(SUBMITTED, TEXT("a"), TEXT("bc"))));
        assert_false(same(id_of_case(SUBMITTED, TEXT(""), TEXT("abc")), id_of_case(SUBMITTED, TEXT("abc"), TEXT(""))));
        CaseId id = any_case();
        assert_false(same(id_of_delivery(id, 1, 0, 0, TEXT("ana"), TEXT("x")),
                          id_of_delivery(id, 1, 0, 0, TEXT("an"), TEXT("ax"))));
}

static void every_part_of_a_deliverys_key_counts(void **state UNUSED)
{
        CaseId id = any_case(), other = id_of_case(SUBMITTED, TEXT("relationship"), TEXT("r-2"));
        CaseId ids[] = {
                id_of_delivery(id, 1, 2, 3, TEXT("ana"), TEXT("mail")),
                id_of_delivery(other, 1, 2, 3, TEXT("ana"), TEXT("mail")),
                id_of_delivery(id, 2, 2, 3, TEXT("ana"), TEXT("mail")),
                id_of_delivery(id, 1, -2, 3, TEXT("ana"), TEXT("mail")),
                id_of_delivery(id, 1, 3, 2, TEXT("ana"), TEXT("mail")),
                id_of_delivery(id, 1, 2, 4, TEXT("ana"), TEXT("mail")),
                id_of_delivery(id, 1, 2, 3, TEXT("joe"), TEXT("mail")),
                id_of_delivery(id, 1, 2, 3, TEXT("ana"), TEXT("slack")),
        };
        for (size_t i = 0; i < COUNT_OF(ids); i++)
                for (size_t j = i + 1; j < COUNT_OF(ids); j++)
                        assert_false(same(ids[i], ids[j]));
}

/* The last 8 bytes of 40,000 ids, sorted: none twice. */
static int number_compare(const void *a, const void *b)
{
        uint64_t x, y;
        memcpy(&x, a, sizeof(x));
        memcpy(&y, b, sizeof(y));
        return (x > y) - (x < y);
}

static void forty_thousand_answers_of_the_same_millisecond_differ(void **state UNUSED)
{
        enum {
                IDS = 40000
        };
        static uint64_t tails[IDS];
        for (int i = 0; i < IDS; i++) {
                char name[16];
                int len = snprintf(name, sizeof(name), "r-%d", i);
                CaseId id = id_of_case(SUBMITTED, TEXT("relationship"), (Text){ name, (size_t)len });
                memcpy(&tails[i], id.bytes + 8, sizeof(tails[i]));
        }
        qsort(tails, IDS, sizeof(tails[0]), number_compare);
        for (int i = 1; i < IDS; i++)
                assert_true(tails[i] != tails[i - 1]);
}

static void an_id_of_half_a_kilobyte_and_one_of_a_megabyte_are_ids(void **state UNUSED)
{
        static char long_id[1 << 20];
        memset(long_id, 'x', sizeof(long_id));
        CaseId whole = id_of_case(SUBMITTED, TEXT("relationship"), (Text){ long_id, sizeof(long_id) });
        long_id[sizeof(long_id) - 1] = 'y';
        CaseId other = id_of_case(SUBMITTED, TEXT("relationship"), (Text){ long_id, sizeof(long_id) });
        assert_false(same(whole, other));
        for (size_t len = 505; len < 520; len++)
                assert_false(same(id_of_case(SUBMITTED, (Text){ long_id, len }, (Text){ long_id, len }),
                                  id_of_case(SUBMITTED, (Text){ long_id, len }, (Text){ long_id, len + 1 })));
}

static void an_answer_from_before_1970_has_an_id(void **state UNUSED)
{
        CaseId id = id_of_case((WallTime){ -5 }, TEXT("relationship"), TEXT("r-1"));
        assert_memory_equal(id.bytes, ((uint8_t[6]){ 0 }), 6);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_case_has_the_id_that_its_answer_gives_it),
                cmocka_unit_test(a_delivery_has_the_id_that_its_key_gives_it),
                cmocka_unit_test(ids_are_uuids_of_version_8),
                cmocka_unit_test(ids_sort_by_the_time_of_the_answer),
                cmocka_unit_test(what_stands_on_either_side_of_a_border_gives_another_id),
                cmocka_unit_test(every_part_of_a_deliverys_key_counts),
                cmocka_unit_test(forty_thousand_answers_of_the_same_millisecond_differ),
                cmocka_unit_test(an_id_of_half_a_kilobyte_and_one_of_a_megabyte_are_ids),
                cmocka_unit_test(an_answer_from_before_1970_has_an_id),
        };
        return cmocka_run_group_tests_name("id", tests, NULL, NULL);
}
