#include "core/sink.h"

#include "base/buffer.h"

#define REPLACEMENT TEXT("\xef\xbf\xbd")

/* --- characters --- */

typedef struct Character {
        uint32_t code;
        Text bytes;
        bool is_broken; /* not UTF-8: one byte */
} Character;

static size_t utf8_len(uint8_t first)
{
        if (first < 0x80)
                return 1;
        return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* The character at the start of what is left, and what is left after it. */
static Character character_next(Text *rest)
{
        Text bytes = { rest->data, MIN_OF(utf8_len((uint8_t)rest->data[0]), rest->len) };
        bool is_broken = !text_is_utf8(bytes);
        if (is_broken)
                bytes.len = 1;
        uint32_t code = (uint8_t)bytes.data[0];
        if (bytes.len > 1)
                code &= 0xffu >> (bytes.len + 1);
        for (size_t i = 1; i < bytes.len; i++)
                code = code << 6 | ((uint8_t)bytes.data[i] & 0x3f);
        *rest = (Text){ rest->data + bytes.len, rest->len - bytes.len };
        return (Character){ is_broken ? 0xfffd : code, bytes, is_broken };
}

static void character_put(Buffer *b, Character c)
{
        buffer_put(b, c.is_broken ? REPLACEMENT : c.bytes);
}

static bool is_control(uint32_t code)
{
        return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

static bool is_line_separator(uint32_t code)
{
        return code == 0x2028 || code == 0x2029;
}

static bool is_bidi_control(uint32_t code)
{
        return code == 0x61c || code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
               (code >= 0x2066 && code <= 0x2069);
}

/* --- chat, web --- */

static Text slack_reference(uint32_t code)
{
        switch (code) {
        case '&':
                return TEXT("&amp;");
        case '<':
                return TEXT("&lt;");
        case '>':
                return TEXT("&gt;");
        default:
                return TEXT_NONE;
        }
}

static Text html_reference(uint32_t code)
{
        if (code == '"')
                return TEXT("&quot;");
        if (code == '\'')
                return TEXT("&#39;");
        if (is_control(code) && code != '\n' && code != '\r' && code != '\t')
                return REPLACEMENT;
        return slack_reference(code);
}

static Text references_put(Arena *arena, Text text, Text (*reference)(uint32_t code))
{
        if (!text.data)
                return TEXT_NONE;
        Buffer b = buffer_in(arena);
        while (text.len > 0) {
                Character c = character_next(&text);
                Text instead = reference(c.code);
                if (instead.data)
                        buffer_put(&b, instead);
                else
                        character_put(&b, c);
        }
        return buffer_text(&b);
}

Text sink_slack(Arena *arena, Text text)
{
        return references_put(arena, text, slack_reference);
}

Text sink_html(Arena *arena, Text text)
{
        return references_put(arena, text, html_reference);
}

/* Puts one character; before: the one that stood before it, 0 at the start. */
typedef void (*CharacterPut)(Buffer *b, Character c, uint32_t before);

static Text characters_put(Arena *arena, Text text, CharacterPut put)
{
        if (!text.data)
                return TEXT_NONE;
        Buffer b = buffer_in(arena);
        for (uint32_t before = 0; text.len > 0;) {
                Character c = character_next(&text);
                put(&b, c, before);
                before = c.code;
        }
        return buffer_text(&b);
}

#define APART TEXT("\u2060") /* word joiner: no width, no break */

/* An "@" that could begin a mention: one inside a mail address cannot. */
static bool begins_mention(uint32_t code, uint32_t before)
{
        bool is_word = (before >= '0' && before <= '9') || (before >= 'a' && before <= 'z') ||
                       (before >= 'A' && before <= 'Z');
        return code == '@' && !is_word;
}

static void reference_put(Buffer *b, Character c)
{
        Text instead = slack_reference(c.code);
        if (instead.data)
                buffer_put(b, instead);
        else
                character_put(b, c);
}

static void telegram_put(Buffer *b, Character c, uint32_t before)
{
        reference_put(b, c);
        if (begins_mention(c.code, before))
                buffer_put(b, APART);
}

static void card_put(Buffer *b, Character c, uint32_t before)
{
        if (c.code == '{' && (before == '{' || before == 0))
                buffer_put(b, APART);
        character_put(b, c);
}

/* A number and a dot begin a list. */
static bool is_markdown(uint32_t code, uint32_t before, const char *signs)
{
        bool is_list = code == '.' && before >= '0' && before <= '9';
        return is_list || (code > ' ' && code < 0x7f && strchr(signs, (int)code));
}

/* Where it would find an address by itself, dots and "//" are taken apart too: it would take the escapes into the link.
 */
static void mattermost_put(Buffer *b, Character c, uint32_t before)
{
        if (is_markdown(c.code, before, "\\`*{}[]()#+-.!_~|"))
                buffer_put_char(b, '\\');
        reference_put(b, c);
        if (begins_mention(c.code, before) || (c.code == '/' && before == '/'))
                buffer_put(b, APART);
}

static void discord_put(Buffer *b, Character c, uint32_t before)
{
        if (is_markdown(c.code, before, "\\`*_~|<>[]()#+-:@"))
                buffer_put_char(b, '\\');
        character_put(b, c);
}

static void plain_put(Buffer *b, Character c, uint32_t before UNUSED)
{
        if (c.code == '<')
                buffer_put(b, TEXT("\u2039"));
        else if (c.code == '>')
                buffer_put(b, TEXT("\u203a"));
        else
                character_put(b, c);
}

Text sink_telegram(Arena *arena, Text text)
{
        return characters_put(arena, text, telegram_put);
}

Text sink_card(Arena *arena, Text text)
{
        return characters_put(arena, text, card_put);
}

Text sink_mattermost(Arena *arena, Text text)
{
        return characters_put(arena, text, mattermost_put);
}

Text sink_discord(Arena *arena, Text text)
{
        return characters_put(arena, text, discord_put);
}

Text sink_plain(Arena *arena, Text text)
{
        return characters_put(arena, text, plain_put);
}

/* --- mail --- */

enum {
        LINE_MAX_CHARACTERS = 76,
        FIRST_LINE_MAX = LINE_MAX_CHARACTERS - MAIL_HEADER_NAME_MAX - 2, /* ": " */
        WORD_BYTES_MAX = 45,       /* 60 characters of base64 and 12 around them */
        FIRST_WORD_BYTES_MAX = 30, /* 40 and 12 */
};

/* Valid UTF-8, with spaces for what must not stand in a header. */
static Text header_clean(Arena *arena, Text text)
{
        Buffer b = buffer_in(arena);
        while (text.len > 0) {
                Character c = character_next(&text);
                if (is_control(c.code) || is_line_separator(c.code))
                        buffer_put_char(&b, ' ');
                else
                        character_put(&b, c);
        }
        return text_trim(buffer_text(&b));
}

static void base64_put(Buffer *b, Text bytes)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const uint8_t *s = (const uint8_t *)bytes.data;
        for (size_t i = 0; i < bytes.len; i += 3) {
                size_t left = bytes.len - i;
                uint32_t group =
                        (uint32_t)s[i] << 16 | (left > 1 ? (uint32_t)s[i + 1] << 8 : 0) | (left > 2 ? s[i + 2] : 0);
                buffer_put_char(b, digits[group >> 18]);
                buffer_put_char(b, digits[group >> 12 & 63]);
                buffer_put_char(b, left > 1 ? digits[group >> 6 & 63] : '=');
                buffer_put_char(b, left > 2 ? digits[group & 63] : '=');
        }
}

/* As many whole characters as fit into one encoded word. */
static Text word_take(Text *rest, size_t bytes_max)
{
        Text word = { rest->data, 0 };
        while (rest->len > 0) {
                Text after = *rest;
                Character c = character_next(&after);
                if (word.len + c.bytes.len > bytes_max)
                        break;
                word.len += c.bytes.len;
                *rest = after;
        }
        return word;
}

static Text encoded_words(Arena *arena, Text text)
{
        Buffer b = buffer_in(arena);
        for (Text rest = text; rest.len > 0;) {
                if (b.len > 0)
                        buffer_put_literal(&b, "\r\n ");
                buffer_put_literal(&b, "=?UTF-8?B?");
                base64_put(&b, word_take(&rest, b.len == strlen("=?UTF-8?B?") ? FIRST_WORD_BYTES_MAX : WORD_BYTES_MAX));
                buffer_put_literal(&b, "?=");
        }
        return buffer_text(&b);
}

/* May it stand in a header as it is? Only printable ASCII, nothing like an encoded word, no two spaces (folding would
 * make them one for some readers), and no word too long for a line. */
static bool header_is_plain(Text text)
{
        size_t word = 0;
        for (size_t i = 0; i < text.len; i++) {
                char c = text.data[i];
                if (c < ' ' || c > '~')
                        return false;
                if (c == '=' && i + 1 < text.len && text.data[i + 1] == '?')
                        return false;
                if (c == ' ' && word == 0)
                        return false;
                word = c == ' ' ? 0 : word + 1;
                if (word > FIRST_LINE_MAX)
                        return false;
        }
        return true;
}

static Text header_fold(Arena *arena, Text text)
{
        Buffer b = buffer_in(arena);
        size_t column = LINE_MAX_CHARACTERS - FIRST_LINE_MAX;
        bool is_first = true;
        for (Text word, rest = text; text_split(&rest, ' ', &word); is_first = false) {
                if (!is_first && column + 1 + word.len > LINE_MAX_CHARACTERS) {
                        buffer_put_literal(&b, "\r\n");
                        column = 0;
                }
                if (!is_first)
                        buffer_put_char(&b, ' ');
                buffer_put(&b, word);
                column += word.len + (is_first ? 0 : 1);
        }
        return buffer_text(&b);
}

Text sink_mail_header(Arena *arena, Text text)
{
        if (!text.data)
                return TEXT_NONE;
        Text clean = header_clean(arena, text);
        return header_is_plain(clean) ? header_fold(arena, clean) : encoded_words(arena, clean);
}

static bool is_letter_or_digit(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

Text sink_mail_name(Arena *arena, Text text)
{
        if (!text.data)
                return TEXT_NONE;
        Text clean = header_clean(arena, text);
        for (size_t i = 0; i < clean.len; i++)
                if (!is_letter_or_digit(clean.data[i]) && clean.data[i] != ' ' && clean.data[i] != '-')
                        return encoded_words(arena, clean);
        return header_is_plain(clean) ? header_fold(arena, clean) : encoded_words(arena, clean);
}

Text sink_mail_text(Arena *arena, Text text)
{
        if (!text.data)
                return TEXT_NONE;
        Buffer b = buffer_in(arena);
        while (text.len > 0) {
                Character c = character_next(&text);
                if (c.code == '\r' && text.len > 0 && text.data[0] == '\n')
                        continue;
                if (c.code == '\r' || c.code == '\n')
                        buffer_put_literal(&b, "\r\n");
                else if (c.code == '\t' || !is_control(c.code))
                        character_put(&b, c);
        }
        return buffer_text(&b);
}

static bool local_part_is_valid(Text local)
{
        enum {
                LOCAL_BYTES_MAX = 64
        };
        if (local.len == 0 || local.len > LOCAL_BYTES_MAX || local.data[0] == '-')
                return false;
        for (Text atom; text_split(&local, '.', &atom);) {
                if (atom.len == 0)
                        return false;
                for (size_t i = 0; i < atom.len; i++)
                        if (!is_letter_or_digit(atom.data[i]) &&
                            (!atom.data[i] || !strchr("#$&'*+-/=?^_`{|}~", atom.data[i])))
                                return false;
        }
        return true;
}

static bool label_is_valid(Text label)
{
        enum {
                LABEL_BYTES_MAX = 63
        };
        for (size_t i = 0; i < label.len; i++)
                if (!is_letter_or_digit(label.data[i]) && label.data[i] != '-')
                        return false;
        return label.len > 0 && label.len <= LABEL_BYTES_MAX && label.data[0] != '-' &&
               label.data[label.len - 1] != '-';
}

static bool domain_is_valid(Text domain)
{
        Text label = TEXT("");
        for (Text rest = domain; text_split(&rest, '.', &label);)
                if (!label_is_valid(label))
                        return false;
        double number; /* 127.0.0.1 is no name */
        return label.len > 0 && !text_number(label, &number);
}

bool sink_mail_address_is_valid(Text text)
{
        enum {
                ADDRESS_BYTES_MAX = 254
        };
        if (!text.data || text.len > ADDRESS_BYTES_MAX)
                return false;
        const char *at = memchr(text.data, '@', text.len);
        if (!at)
                return false;
        size_t local_len = (size_t)(at - text.data);
        return local_part_is_valid((Text){ text.data, local_len }) &&
               domain_is_valid(text_from_offset(text, local_len + 1));
}

/* --- the journal --- */

static void escape_put(Buffer *b, Character c)
{
        if (c.is_broken)
                buffer_putf(b, "\\x%02x", (unsigned)(uint8_t)c.bytes.data[0]);
        else if (c.code == '\n' || c.code == '\r' || c.code == '\t')
                buffer_putf(b, "\\%c", c.code == '\n' ? 'n' : c.code == '\r' ? 'r' : 't');
        else if (c.code == '"' || c.code == '\\')
                buffer_putf(b, "\\%c", (char)c.code);
        else
                buffer_putf(b, c.code < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)c.code);
}

Text sink_log(Arena *arena, Text text)
{
        if (!text.data)
                return TEXT_NONE;
        Buffer b = buffer_in(arena);
        while (text.len > 0) {
                size_t before = b.len;
                Character c = character_next(&text);
                bool is_escaped = c.is_broken || is_control(c.code) || is_line_separator(c.code) ||
                                  is_bidi_control(c.code) || c.code == '"' || c.code == '\\';
                if (is_escaped)
                        escape_put(&b, c);
                else
                        character_put(&b, c);
                if (b.len > SINK_LOG_BYTES_MAX) {
                        b.len = before;
                        buffer_put_literal(&b, "\xe2\x80\xa6");
                        break;
                }
        }
        return buffer_text(&b);
}

static void terminal_put(Buffer *b, Character c, uint32_t before UNUSED)
{
        bool is_layout = c.code == '\n' || c.code == '\t';
        bool is_isolate = c.code == 0x2068 || c.code == 0x2069; /* ours, see grapheme.h; they end with the line */
        if (c.is_broken || (is_control(c.code) && !is_layout) || is_line_separator(c.code) ||
            (is_bidi_control(c.code) && !is_isolate))
                escape_put(b, c);
        else
                character_put(b, c);
}

Text sink_terminal(Arena *arena, Text text)
{
        Buffer b = buffer_in(arena);
        Text rest = text.len > 0 ? text : TEXT_NONE, line;
        for (bool is_first = true; text_split(&rest, '\n', &line); is_first = false) {
                if (line.len > 0 && rest.data && line.data[line.len - 1] == '\r')
                        line.len--; /* of a mail that is shown as it is sent */
                if (!is_first)
                        buffer_put_char(&b, '\n');
                buffer_put(&b, characters_put(arena, line, terminal_put));
        }
        return text.data ? buffer_text(&b) : TEXT_NONE;
}
