#include "core/fold.h"

#include <unicase.h>
#include <uninorm.h>

/* Eight bytes at a time. Adding 0x80 - 'A' sets a byte's high bit from 'A' on, adding 0x80 - '[' only from behind 'Z';
 * ASCII bytes cannot carry into their neighbour. */
static const uint64_t EVERY_BYTE = 0x0101010101010101u, HIGH_BITS = 0x8080808080808080u;

static uint64_t word_fold(uint64_t word)
{
        uint64_t from_a = word + EVERY_BYTE * (0x80 - 'A');
        uint64_t after_z = word + EVERY_BYTE * (0x80 - 'Z' - 1);
        return word + (((from_a ^ after_z) & HIGH_BITS) >> 2);
}

static char ascii_fold(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Folds what is ASCII up to the first byte that is not, and says how much that was. */
static size_t ascii_run_fold(Text text, char *out)
{
        size_t i = 0;
        for (uint64_t word; i + sizeof(word) <= text.len; i += sizeof(word)) {
                memcpy(&word, text.data + i, sizeof(word));
                if (word & HIGH_BITS)
                        break;
                word = word_fold(word);
                memcpy(out + i, &word, sizeof(word));
        }
        for (; i < text.len && !((unsigned char)text.data[i] & 0x80); i++)
                out[i] = ascii_fold(text.data[i]);
        return i;
}

/* Characters that fold each by itself to one character and never combine with a neighbour, so that they need neither
 * library nor normalisation: it is eight times slower, and most comments of the world are made of these.
 * A test proves every row against the library. */
typedef enum FoldStep {
        FOLD_SAME,
        FOLD_ADD_32,
        FOLD_ADD_80,
        FOLD_EVEN_ADD_1, /* capital and small letter alternate, the capital is even */
        FOLD_ODD_ADD_1,
} FoldStep;

static const struct {
        uint32_t first, last;
        FoldStep step;
} SIMPLE_RANGES[] = {
        { 0x00a1, 0x00b4, FOLD_SAME },       /* Latin-1 */
        { 0x00b6, 0x00bf, FOLD_SAME },       /* Latin-1 */
        { 0x00c0, 0x00d6, FOLD_ADD_32 },     /* Latin-1 */
        { 0x00d7, 0x00d7, FOLD_SAME },       /* Latin-1 */
        { 0x00d8, 0x00de, FOLD_ADD_32 },     /* Latin-1 */
        { 0x00e0, 0x00ff, FOLD_SAME },       /* Latin-1 */
        { 0x0100, 0x012f, FOLD_EVEN_ADD_1 }, /* Latin Extended-A */
        { 0x0131, 0x0131, FOLD_SAME },       /* Latin Extended-A */
        { 0x0132, 0x0137, FOLD_EVEN_ADD_1 }, /* Latin Extended-A */
        { 0x0138, 0x0138, FOLD_SAME },       /* Latin Extended-A */
        { 0x0139, 0x0148, FOLD_ODD_ADD_1 },  /* Latin Extended-A */
        { 0x014a, 0x0177, FOLD_EVEN_ADD_1 }, /* Latin Extended-A */
        { 0x0179, 0x017e, FOLD_ODD_ADD_1 },  /* Latin Extended-A */
        { 0x01a0, 0x01a1, FOLD_EVEN_ADD_1 }, /* Vietnamese */
        { 0x01af, 0x01b0, FOLD_ODD_ADD_1 },  /* Vietnamese */
        { 0x0391, 0x03a1, FOLD_ADD_32 },     /* Greek */
        { 0x03a3, 0x03ab, FOLD_ADD_32 },     /* Greek */
        { 0x03ac, 0x03af, FOLD_SAME },       /* Greek */
        { 0x03b1, 0x03c1, FOLD_SAME },       /* Greek */
        { 0x03c3, 0x03ce, FOLD_SAME },       /* Greek */
        { 0x0400, 0x040f, FOLD_ADD_80 },     /* Cyrillic */
        { 0x0410, 0x042f, FOLD_ADD_32 },     /* Cyrillic */
        { 0x0430, 0x045f, FOLD_SAME },       /* Cyrillic */
        { 0x05d0, 0x05ea, FOLD_SAME },       /* Hebrew */
        { 0x0621, 0x064a, FOLD_SAME },       /* Arabic letters */
        { 0x1ea0, 0x1eff, FOLD_EVEN_ADD_1 }, /* Vietnamese */
        { 0x2009, 0x2027, FOLD_SAME },       /* punctuation */
        { 0x202f, 0x205e, FOLD_SAME },       /* punctuation */
        { 0x20a0, 0x20bf, FOLD_SAME },       /* currencies */
        { 0x3001, 0x3029, FOLD_SAME },       /* CJK punctuation */
        { 0x3041, 0x3096, FOLD_SAME },       /* Hiragana */
        { 0x30a1, 0x30fe, FOLD_SAME },       /* Katakana */
        { 0x4e00, 0x9fff, FOLD_SAME },       /* Han */
        { 0xac00, 0xd7a3, FOLD_SAME },       /* Hangul syllables */
        { 0xfe0f, 0xfe0f, FOLD_SAME },       /* "as emoji" */
        { 0xff01, 0xff20, FOLD_SAME },       /* full width */
        { 0xff21, 0xff3a, FOLD_ADD_32 },     /* full width */
        { 0xff3b, 0xff65, FOLD_SAME },       /* full width */
        { 0x1f300, 0x1faff, FOLD_SAME },     /* emoji */
};

static uint32_t step_apply(FoldStep step, uint32_t character)
{
        switch (step) {
        case FOLD_SAME:
                return character;
        case FOLD_ADD_32:
                return character + 32;
        case FOLD_ADD_80:
                return character + 80;
        case FOLD_EVEN_ADD_1:
                return character | 1;
        case FOLD_ODD_ADD_1:
                return character + (character & 1);
        }
        return character;
}

/* The character that it folds to; 0: not a simple one. */
static uint32_t simple_fold(uint32_t character)
{
        size_t low = 0, high = COUNT_OF(SIMPLE_RANGES);
        while (low < high) {
                size_t middle = (low + high) / 2;
                if (SIMPLE_RANGES[middle].last < character)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == COUNT_OF(SIMPLE_RANGES) || character < SIMPLE_RANGES[low].first)
                return 0;
        return step_apply(SIMPLE_RANGES[low].step, character);
}

/* One character of valid UTF-8 that is not ASCII. */
static uint32_t character_read(const uint8_t *s, size_t *ret_len)
{
        size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
        uint32_t character = s[0] & (0x7fu >> len);
        for (size_t i = 1; i < len; i++)
                character = character << 6 | (s[i] & 0x3fu);
        *ret_len = len;
        return character;
}

/* As many bytes as it was read from: no simple character changes its length. */
static void character_write(uint32_t character, size_t len, char *out)
{
        for (size_t i = len - 1; i > 0; i--, character >>= 6)
                out[i] = (char)(0x80 | (character & 0x3f));
        out[0] = (char)((0xf00u >> len & 0xf0) | character);
}

/* False: there is a character in it that is not simple. out has room for as many bytes as the text has. */
static bool simple_text_fold(Text text, char *out)
{
        size_t at = 0;
        while (at < text.len) {
                at += ascii_run_fold(text_from_offset(text, at), out + at);
                if (at == text.len)
                        break;
                size_t len;
                uint32_t character = character_read((const uint8_t *)text.data + at, &len);
                uint32_t folded = simple_fold(character);
                if (character == 0xdf) /* sharp s */
                        memcpy(out + at, "ss", 2);
                else if (folded)
                        character_write(folded, len, out + at);
                else
                        return false;
                at += len;
        }
        return true;
}

Text text_fold(Arena *arena, Text text)
{
        if (text.len == 0)
                return text;
        char *out = arena_alloc(arena, text.len);
        if (simple_text_fold(text, out))
                return (Text){ out, text.len };
        size_t len = text.len * FOLD_GROWTH;
        uint8_t *room = arena_alloc(arena, len);
        uint8_t *folded = u8_casefold((const uint8_t *)text.data, text.len, "", UNINORM_NFC, room, &len);
        must(folded == room); /* it fits, or there is no memory left at all */
        return (Text){ (const char *)folded, len };
}

bool text_fold_equal(Arena *arena, Text a, Text b)
{
        if (MAX_OF(a.len, b.len) > MIN_OF(a.len, b.len) * FOLD_GROWTH * FOLD_GROWTH)
                return false;
        for (size_t i = 0; i < MIN_OF(a.len, b.len); i++) {
                if ((a.data[i] | b.data[i]) & 0x80)
                        return text_equal(text_fold(arena, a), text_fold(arena, b));
                if (ascii_fold(a.data[i]) != ascii_fold(b.data[i]))
                        return false;
        }
        return a.len == b.len;
}

bool folded_contains(Text text, Text needle)
{
        return needle.len <= text.len && memmem(text.data, text.len, needle.data, needle.len) != NULL;
}
