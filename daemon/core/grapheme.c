#include "core/grapheme.h"

#include <unictype.h>
#include <unigbrk.h>
#include <unistr.h>

#include "base/buffer.h"

#define ELLIPSIS TEXT("\u2026")
#define ISOLATE_BEGIN TEXT("\u2068")
#define ISOLATE_END TEXT("\u2069")

/* More marks than any living script puts on one letter. */
enum {
        MARKS_MAX = 6
};

typedef enum Looks {
        LOOKS_VISIBLE,
        LOOKS_SPACE,
        LOOKS_MARK,     /* changes the letter before it */
        LOOKS_SELECTOR, /* chooses among the shapes of the character before it */
        LOOKS_JOINER,   /* U+200C, U+200D */
        LOOKS_NOTHING,
} Looks;

typedef struct Cleaner {
        Buffer out;
        ucs4_t before; /* the last character put; 0: none, or a space has come since */
        ucs4_t joiner; /* waits for what follows */
        int marks;
        bool has_space; /* waits too, so that none stands at the end */
} Cleaner;

static ucs4_t character_at(Text text, size_t at, size_t *ret_len)
{
        ucs4_t c;
        *ret_len = (size_t)u8_mbtouc(&c, (const uint8_t *)text.data + at, text.len - at);
        return c;
}

static bool is_noncharacter(ucs4_t c)
{
        return (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef);
}

/* Format characters that are seen: signs that span the digits after them. */
static bool is_visible_format(ucs4_t c)
{
        return uc_graphemeclusterbreak_property(c) == GBP_PREPEND;
}

static Looks looks_of(ucs4_t c)
{
        if (c > 0x20 && c < 0x7f)
                return LOOKS_VISIBLE;
        if (uc_is_property_white_space(c) || c == 0x2800) /* the empty Braille cell */
                return LOOKS_SPACE;
        if (c == 0x200c || c == 0x200d)
                return LOOKS_JOINER;
        if ((c >= 0xfe00 && c <= 0xfe0f) || (c >= 0x180b && c <= 0x180d) || c == 0x180f)
                return LOOKS_SELECTOR;
        if (uc_is_property_default_ignorable_code_point(c) || is_noncharacter(c))
                return LOOKS_NOTHING;
        if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_M))
                return LOOKS_MARK;
        if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf) && !is_visible_format(c))
                return LOOKS_NOTHING;
        return LOOKS_VISIBLE;
}

static bool can_be_joined(ucs4_t c)
{
        return c >= 0x80 && (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M) ||
                             uc_is_property_extended_pictographic(c) || uc_is_property_emoji_modifier(c));
}

static void character_put(Cleaner *cleaner, ucs4_t c)
{
        if (cleaner->has_space && cleaner->out.len > 0)
                buffer_put_char(&cleaner->out, ' ');
        else if (cleaner->joiner && can_be_joined(c))
                buffer_put(&cleaner->out, cleaner->joiner == 0x200d ? TEXT("\u200d") : TEXT("\u200c"));
        int len = u8_uctomb((uint8_t *)buffer_room(&cleaner->out, 4), c, 4);
        must(len > 0);
        cleaner->out.len += (size_t)len;
        cleaner->before = c;
        cleaner->joiner = 0;
        cleaner->has_space = false;
}

static void character_clean(Cleaner *cleaner, ucs4_t c)
{
        switch (looks_of(c)) {
        case LOOKS_VISIBLE:
                character_put(cleaner, c);
                cleaner->marks = 0;
                return;
        case LOOKS_SPACE:
                cleaner->has_space = true;
                cleaner->before = 0;
                cleaner->joiner = 0;
                return;
        case LOOKS_MARK:
                if (cleaner->before && cleaner->marks++ < MARKS_MAX)
                        character_put(cleaner, c);
                return;
        case LOOKS_SELECTOR:
                if (cleaner->before && looks_of(cleaner->before) != LOOKS_SELECTOR)
                        character_put(cleaner, c);
                return;
        case LOOKS_JOINER:
                if (can_be_joined(cleaner->before))
                        cleaner->joiner = c;
                return;
        case LOOKS_NOTHING:
                return;
        }
}

Text grapheme_clean(Arena *arena, Text text, size_t bytes_max)
{
        text = text_trim(text);
        Cleaner cleaner = { .out = buffer_in(arena) };
        size_t at = 0, len;
        for (; at < text.len && at < bytes_max; at += len)
                character_clean(&cleaner, character_at(text, at, &len));
        if (cleaner.out.len == 0)
                return TEXT_NONE;
        if (at < text.len)
                buffer_put(&cleaner.out, ELLIPSIS);
        return buffer_text(&cleaner.out);
}

/* breaks[i] is 1 where a cluster begins. */
static const char *breaks_of(Arena *scratch, Text text)
{
        char *breaks = arena_array(scratch, char, text.len + 1);
        if (text.len > 0)
                u8_grapheme_breaks((const uint8_t *)text.data, text.len, breaks);
        return breaks;
}

size_t grapheme_count(Arena *scratch, Text text)
{
        const char *breaks = breaks_of(scratch, text);
        size_t count = 0;
        for (size_t i = 0; i < text.len; i++)
                count += breaks[i] ? 1 : 0;
        return count;
}

static bool text_ends(Text text, Text end)
{
        return text.len >= end.len && memcmp(text.data + text.len - end.len, end.data, end.len) == 0;
}

/* What must not stand before "…": blanks, half a pair, and signs that announce something. Its length, or 0. */
static size_t loose_end(Text text)
{
        static const char *const loose[] = { " ", "\n", ",",      ";",      ":",      "(",
                                             "-", "\"", "\u201c", "\u2068", "\u200c", "\u200d" };
        for (size_t i = 0; i < COUNT_OF(loose); i++)
                if (text_ends(text, text_from(loose[i])))
                        return strlen(loose[i]);
        return 0;
}

static Text loose_end_trim(Text text)
{
        for (size_t len = loose_end(text); len > 0; len = loose_end(text))
                text.len -= len;
        return text;
}

/* The last word's end in the second half; the whole if there is none. */
static Text word_end(Text text, size_t end)
{
        if (end < text.len && text.data[end] != ' ' && text.data[end] != '\n')
                for (size_t i = end; i > end / 2; i--)
                        if (text.data[i - 1] == ' ' || text.data[i - 1] == '\n')
                                return (Text){ text.data, i - 1 };
        return (Text){ text.data, end };
}

static size_t occurrences(Text text, Text wanted)
{
        size_t count = 0;
        for (size_t i = 0; i + wanted.len <= text.len; i++)
                count += memcmp(text.data + i, wanted.data, wanted.len) == 0 ? 1 : 0;
        return count;
}

static Text cut_close(Arena *arena, Text kept)
{
        Buffer b = buffer_in(arena);
        buffer_put(&b, kept);
        buffer_put(&b, ELLIPSIS);
        for (size_t open = occurrences(kept, ISOLATE_BEGIN), closed = occurrences(kept, ISOLATE_END); open > closed;
             open--)
                buffer_put(&b, ISOLATE_END);
        return buffer_text(&b);
}

Text grapheme_cut(Arena *arena, Text text, size_t characters)
{
        if (text.len <= characters) /* a character has at least one byte */
                return text;
        const char *breaks = breaks_of(arena, text);
        size_t reserved = occurrences(text, ISOLATE_BEGIN) > 0 ? 2 : 1; /* "…", and what closes an isolate */
        size_t keep = characters > reserved ? characters - reserved : 0;
        size_t count = 0, end = 0;
        for (size_t i = 0; i < text.len; i++) {
                count += breaks[i] ? 1 : 0;
                if (count <= keep)
                        end = i + 1;
        }
        if (count <= characters)
                return text;
        if (characters == 0)
                return TEXT("");
        return cut_close(arena, loose_end_trim(word_end(text, end)));
}

Text grapheme_fit(Arena *arena, Text text, size_t cost_max, GraphemeCost cost, void *userdata)
{
        const char *breaks = breaks_of(arena, text);
        bool has_isolates = occurrences(text, ISOLATE_BEGIN) > 0;
        size_t reserved = cost(userdata, ELLIPSIS) + (has_isolates ? cost(userdata, ISOLATE_END) : 0);
        size_t keep = cost_max > reserved ? cost_max - reserved : 0;
        size_t used = 0, end = 0; /* end: where "…" still fits */
        for (size_t at = 0, next; at < text.len; at = next) {
                next = at + 1;
                while (next < text.len && !breaks[next])
                        next++;
                used += cost(userdata, (Text){ text.data + at, next - at });
                if (used > cost_max)
                        return cost_max < reserved ? TEXT("") : cut_close(arena, loose_end_trim(word_end(text, end)));
                if (used <= keep)
                        end = next;
        }
        return text;
}

static bool runs_right_to_left(ucs4_t c)
{
        if (c < 0x590)
                return false;
        int bidi_class = uc_bidi_class(c);
        return bidi_class == UC_BIDI_R || bidi_class == UC_BIDI_AL || bidi_class == UC_BIDI_AN;
}

Text grapheme_isolate(Arena *arena, Text text)
{
        for (size_t at = 0, len; at < text.len; at += len) {
                if (!runs_right_to_left(character_at(text, at, &len)))
                        continue;
                Buffer b = buffer_in(arena);
                buffer_put(&b, ISOLATE_BEGIN);
                buffer_put(&b, text);
                buffer_put(&b, ISOLATE_END);
                return buffer_text(&b);
        }
        return text;
}
