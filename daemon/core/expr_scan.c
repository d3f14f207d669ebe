#include "expr_scan.h"

#include <strings.h>

enum {
        FOUND_BYTES_MAX = 40
};

bool scan_fault(Scanner *s, size_t offset, const char *format, ...)
{
        if (s->has_fault)
                return false;
        va_list args;
        va_start(args, format);
        s->fault = (TextFault){ offset, arena_textv(s->arena, format, args) };
        va_end(args);
        s->has_fault = true;
        s->token.kind = TOKEN_FAULT;
        return false;
}

Text text_clip(Arena *arena, Text text, size_t bytes_max)
{
        if (text.len <= bytes_max)
                return text;
        size_t len = 0;
        for (size_t next = 0; next <= bytes_max; next = text_next_character(text, next))
                len = next;
        return arena_textf(arena, TEXT_F "...", TEXT_ARG(((Text){ text.data, len })));
}

Text token_found(const Scanner *s)
{
        if (s->token.kind == TOKEN_END)
                return TEXT("the end");
        Text written = { s->source.data + s->token.start, s->token.end - s->token.start };
        return arena_textf(s->arena, "\"" TEXT_F "\"", TEXT_ARG(text_clip(s->arena, written, FOUND_BYTES_MAX)));
}

bool token_is_word(const Token *token, const char *word)
{
        return token->kind == TOKEN_WORD && text_is(token->value, word);
}

bool token_is_sign(const Token *token, char sign)
{
        return token->kind == TOKEN_SIGN && token->value.data[0] == sign;
}

bool word_is_reserved(Text word)
{
        static const char *const words[] = { "and",    "or",  "not", "in",   "contains", "matches",
                                             "exists", "yes", "no",  "true", "false" };
        for (size_t i = 0; i < COUNT_OF(words); i++)
                if (text_is(word, words[i]))
                        return true;
        return false;
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool expr_is_field_name(Text name)
{
        if (name.len == 0 || name.len > FIELD_NAME_BYTES_MAX || !is_letter(name.data[0]))
                return false;
        for (size_t i = 0; i < name.len; i++)
                if (!is_letter(name.data[i]) && !is_digit(name.data[i]) && name.data[i] != '_')
                        return false;
        return !word_is_reserved(name);
}

static char char_at(const Scanner *s, size_t at)
{
        return at < s->source.len ? s->source.data[at] : '\0';
}

/* Sets the token to what stands from its start up to end. */
static void token_take(Scanner *s, TokenKind kind, size_t end)
{
        s->token.kind = kind;
        s->token.end = end;
        s->token.value = (Text){ s->source.data + s->token.start, end - s->token.start };
}

static void scan_unexpected(Scanner *s, size_t at)
{
        unsigned char c = (unsigned char)s->source.data[at];
        size_t end = text_next_character(s->source, at);
        Text character = { s->source.data + at, end - at };
        static const char *const curved[] = { "‘", "’", "“", "”", "„", "«", "»" };
        for (size_t i = 0; i < COUNT_OF(curved); i++)
                if (text_is(character, curved[i]))
                        (void)scan_fault(s, at, "unexpected \"%s\"; texts stand in straight quotes: 'text'", curved[i]);
        if (c < ' ' || c == 0x7f)
                (void)scan_fault(s, at, "unexpected character 0x%02x", c);
        else
                (void)scan_fault(s, at, "unexpected \"" TEXT_F "\"", TEXT_ARG(character));
}

static void scan_word(Scanner *s, size_t at)
{
        while (is_letter(char_at(s, at)) || is_digit(char_at(s, at)) || char_at(s, at) == '_')
                at++;
        token_take(s, TOKEN_WORD, at);
        if ((unsigned char)char_at(s, at) >= 0x80) /* a letter of another alphabet: no two words */
                scan_unexpected(s, at);
}

/* All that could have been meant as one number, so that "7abc" is reported whole. */
static void scan_number(Scanner *s, size_t at)
{
        for (at++; at < s->source.len; at++) {
                char c = s->source.data[at];
                bool is_exponent_sign = (c == '-' || c == '+') && (s->source.data[at - 1] | 32) == 'e';
                if (!is_digit(c) && !is_letter(c) && c != '.' && c != '_' && !is_exponent_sign)
                        break;
        }
        token_take(s, TOKEN_NUMBER, at);
        if (!text_number(s->token.value, &s->token.number))
                (void)scan_fault(s, s->token.start, TEXT_F " is not a number, or too large for one",
                                 TEXT_ARG(token_found(s)));
}

static void scan_text(Scanner *s, size_t at)
{
        Text value;
        if (!quoted_read(s->arena, s->source, &at, &value)) {
                (void)scan_fault(s, at, "this quote is not closed");
                return;
        }
        token_take(s, TOKEN_TEXT, at);
        s->token.value = value;
}

static void scan_comparison(Scanner *s, size_t at)
{
        static const char *const signs[] = {
                [COMPARE_EQUAL] = "=",          [COMPARE_NOT_EQUAL] = "!=", [COMPARE_LESS] = "<",
                [COMPARE_LESS_OR_EQUAL] = "<=", [COMPARE_GREATER] = ">",    [COMPARE_GREATER_OR_EQUAL] = ">="
        };
        static const struct {
                const char *wrong, *right;
        } others[] = { { "==", "=" },  { "<>", "!=" },  { "=<", "<=" }, { "=>", ">=" }, { "!", "not" },
                       { "&", "and" }, { "&&", "and" }, { "|", "or" },  { "||", "or" } };
        while (char_at(s, at) != '\0' && strchr("=!<>&|", char_at(s, at)))
                at++;
        token_take(s, TOKEN_COMPARISON, at);
        for (size_t i = 0; i < COUNT_OF(signs); i++)
                if (text_is(s->token.value, signs[i])) {
                        s->token.comparison = (Comparison)i;
                        return;
                }
        Text found = token_found(s);
        for (size_t i = 0; i < COUNT_OF(others); i++)
                if (text_is(s->token.value, others[i].wrong))
                        (void)scan_fault(s, s->token.start, TEXT_F " is not a comparison; write \"%s\"",
                                         TEXT_ARG(found), others[i].right);
        (void)scan_fault(s, s->token.start, TEXT_F " is not a comparison; allowed are = != < <= > >=", TEXT_ARG(found));
}

void scan_next(Scanner *s)
{
        if (s->has_fault)
                return;
        size_t at = s->last_end = s->token.end;
        while (at < s->source.len && strchr(" \t\r\n", s->source.data[at]) && s->source.data[at] != '\0')
                at++;
        s->token = (Token){ .start = at, .end = at };
        char c = char_at(s, at);
        if (at == s->source.len)
                s->token.kind = TOKEN_END;
        else if (is_letter(c))
                scan_word(s, at);
        else if (is_digit(c) || ((c == '-' || c == '+') && is_digit(char_at(s, at + 1))))
                scan_number(s, at);
        else if (c == '\'' || c == '"')
                scan_text(s, at);
        else if (c != '\0' && strchr("=!<>&|", c))
                scan_comparison(s, at);
        else if (c != '\0' && strchr("()[],/", c))
                token_take(s, TOKEN_SIGN, at + 1);
        else
                scan_unexpected(s, at);
}

bool scan_regex(Scanner *s, Text *ret_pattern, bool *ret_ignores_case)
{
        size_t start = s->token.start + 1, end = start;
        while (end < s->source.len && s->source.data[end] != '/')
                end += s->source.data[end] == '\\' ? 2 : 1;
        if (end >= s->source.len)
                return scan_fault(s, s->token.start, "this regular expression is not closed; it ends with \"/\"");
        if (end == start)
                return scan_fault(s, start, "an empty regular expression matches every text");
        *ret_pattern = (Text){ s->source.data + start, end - start };
        *ret_ignores_case = char_at(s, end + 1) == 'i';
        size_t after = end + (*ret_ignores_case ? 2 : 1);
        if (is_letter(char_at(s, after)) || is_digit(char_at(s, after)))
                return scan_fault(s, after,
                                  "unknown flag \"%c\"; the only one is i, once: upper and lower case are the same",
                                  char_at(s, after));
        s->token.end = after;
        scan_next(s);
        return true;
}
