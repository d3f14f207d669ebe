#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include "survey.h"

#include "core/fold.h"

/* What the library says, in room that cannot be too small. */
static Text library_fold(Text text, uninorm_t form)
{
        size_t len = text.len * 32 + 64;
        uint8_t *room = arena_alloc(arena, len);
        uint8_t *folded = u8_casefold((const uint8_t *)text.data, text.len, "", form, room, &len);
        assert_ptr_equal(folded, room);
        return (Text){ (const char *)folded, len };
}

static Text character_text(uint32_t character, char buffer[static 8])
{
        int len = u8_uctomb((uint8_t *)buffer, character, 8);
        return len > 0 ? (Text){ buffer, (size_t)len } : TEXT_NONE;
}

static void texts_that_differ_in_case_fold_to_the_same(void **state UNUSED)
{
        static const char *const equal[][2] = {
                { "CANCEL", "cancel" },
                { "AZ[@`az{", "az[@`az{" },
                { "STRASSE", "straße" },
                { "Straẞe", "strasse" },
                { "É", "e\u0301" },                   /* composed and not */
                { "e\u0301\u0323", "E\u0323\u0301" }, /* two marks in either order */
                { "Å", "\u212b" },                    /* Angstrom sign */
                { "K", "\u212a" },                    /* Kelvin sign */
                { "ΣΊΣΥΦΟΣ", "σίσυφος" },             /* final sigma */
                { "ЁЖИК Щ", "ёжик щ" },
                { "ﬁn", "FIN" },                    /* ligature */
                { "\uff21\uff22", "\uff41\uff42" }, /* full width stays full width */
                { "İ", "i\u0307" },
                { "ŻÓŁĆ", "żółć" },
                { "\u1100\u1161", "가" }, /* Hangul from its parts */
                { "ΐ", "Ι\u0308\u0301" },
        };
        static const char *const different[][2] = {
                { "ı", "i" },  { "e", "é" },       { "ss", "s" },           { "[", "{" },
                { "@", "`" },  { "\uff21", "a" },  { "naive", "naïve" },    { "", "a" },
                { "ab", "a" }, { "e\u0301", "e" }, { "\u0131\u0307", "İ" }, { "ä", "a" },
        };
        for (size_t i = 0; i < COUNT_OF(equal); i++) {
                Text a = text_from(equal[i][0]), b = text_from(equal[i][1]);
                if (!text_fold_equal(arena, a, b) || !text_fold_equal(arena, b, a) ||
                    !text_equal(text_fold(arena, a), text_fold(arena, b)))
                        fail_msg("%s is not %s", equal[i][0], equal[i][1]);
        }
        for (size_t i = 0; i < COUNT_OF(different); i++) {
                Text a = text_from(different[i][0]), b = text_from(different[i][1]);
                if (text_fold_equal(arena, a, b) || text_equal(text_fold(arena, a), text_fold(arena, b)))
                        fail_msg("%s is %s", different[i][0], different[i][1]);
        }
}

/* The rows of simple characters: what each folds to, and that nothing can ever join with one of them: no mark, and no
 * second half of a composed character. Every character alone, in all of Unicode. */
static void every_character_folds_as_the_library_folds_it(void **state UNUSED)
{
        char before[8], after[8], both[24];
        Arena *kept = arena;
        for (uint32_t character = 1; character <= 0x10ffff; character++) {
                Text text = character_text(character, before);
                if (!text.data)
                        continue;
                arena = arena_new(4096);
                Text folded = text_fold(arena, text);
                Text expected = library_fold(text, UNINORM_NFC);
                if (!text_equal(folded, expected))
                        fail_msg("U+%04X", character);
                if (folded.len > text.len * FOLD_GROWTH || text.len > folded.len * FOLD_GROWTH)
                        fail_msg("U+%04X grows or shrinks too much", character);
                arena = arena_free(arena);
        }
        arena = kept;
        /* A pair that composes, for every composed character: as the library says too. */
        for (uint32_t character = 0x80; character <= 0x10ffff; character++) {
                ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
                if (uc_canonical_decomposition(character, parts) != 2)
                        continue;
                Text a = character_text(parts[0], before), b = character_text(parts[1], after);
                memcpy(both, a.data, a.len);
                memcpy(both + a.len, b.data, b.len);
                Text pair = { both, a.len + b.len };
                if (!text_equal(text_fold(arena, pair), library_fold(pair, UNINORM_NFC)))
                        fail_msg("U+%04X from its parts", character);
        }
}

/* The longest that folding can make of a text: every character taken apart, the joining left out. */
static void no_character_can_outgrow_the_room(void **state UNUSED)
{
        char buffer[8];
        for (uint32_t character = 1; character <= 0x10ffff; character++) {
                Text text = character_text(character, buffer);
                if (!text.data || uc_canonical_decomposition(character, (ucs4_t[UC_DECOMPOSITION_MAX_LENGTH]){ 0 }) < 0)
                        continue;
                if (library_fold(text, UNINORM_NFD).len > text.len * FOLD_GROWTH)
                        fail_msg("U+%04X", character);
        }
}

static const uint64_t SEED = 20261120;

static uint64_t random_next(uint64_t *seed)
{
        *seed ^= *seed >> 12;
        *seed ^= *seed << 25;
        *seed ^= *seed >> 27;
        return *seed * 0x2545f4914f6cdd1du;
}

static void random_texts_fold_as_the_library_folds_them(void **state UNUSED)
{
        static const struct {
                uint32_t first, count;
        } blocks[] = { { 0x20, 0x5f },    { 0x20, 0x5f },    { 0xa0, 0x60 },    { 0x100, 0x100 }, { 0x300, 0x70 },
                       { 0x370, 0x90 },   { 0x400, 0x100 },  { 0x1e00, 0x200 }, { 0x3040, 0xc0 }, { 0xac00, 0x2ba4 },
                       { 0x1100, 0x100 }, { 0x1f600, 0x50 }, { 0x600, 0x60 },   { 0x2000, 0x60 } };
        uint64_t seed = SEED;
        for (int round = 0; round < 20000; round++) {
                char text[256];
                size_t len = 0, characters = random_next(&seed) % 24;
                uint64_t blocks_used = 1 + random_next(&seed) % COUNT_OF(blocks);
                for (size_t i = 0; i < characters; i++) {
                        size_t block = random_next(&seed) % blocks_used;
                        uint32_t character = blocks[block].first + (uint32_t)(random_next(&seed) % blocks[block].count);
                        char one[8];
                        Text written = character_text(character, one);
                        memcpy(text + len, written.data, written.len);
                        len += written.len;
                }
                Text given = { text, len };
                if (!text_equal(text_fold(arena, given), library_fold(given, UNINORM_NFC)))
                        fail_msg("seed %llu, round %d: " TEXT_F, (unsigned long long)SEED, round, TEXT_ARG(given));
        }
}

static void needles_are_found_where_they_stand(void **state UNUSED)
{
        Text text = text_fold(arena, TEXT("Ich will KÜNDIGEN, sofort. Cafe\u0301 zu."));
        assert_true(folded_contains(text, text_fold(arena, TEXT("kündigen"))));
        assert_true(folded_contains(text, text_fold(arena, TEXT("KU\u0308NDIGEN"))));
        assert_true(folded_contains(text, text_fold(arena, TEXT("zu."))));
        assert_true(folded_contains(text, text_fold(arena, TEXT("café"))));
        assert_false(folded_contains(text, text_fold(arena, TEXT("cafe"))));
        assert_false(folded_contains(text, text_fold(arena, TEXT("kundigen"))));
        assert_false(folded_contains(TEXT("a"), TEXT("ab")));
        assert_true(folded_contains(TEXT("a\0b"), TEXT("\0b")));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(texts_that_differ_in_case_fold_to_the_same),
                cmocka_unit_test(every_character_folds_as_the_library_folds_it),
                cmocka_unit_test(no_character_can_outgrow_the_room),
                cmocka_unit_test(random_texts_fold_as_the_library_folds_them),
                cmocka_unit_test(needles_are_found_where_they_stand),
        };
        return cmocka_run_group_tests_name("fold", tests, make_arena, free_arena);
}
