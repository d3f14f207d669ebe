#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "core/sink.h"

/* Every encoding is read back by a decoder written here, which knows nothing of how it was made. */

static const char *const HOSTILE[] = {
        "",
        "Maria Silva",
        "<!channel> look",
        "<!here>",
        "<@U123>",
        "<https://evil.example|click me>",
        "<mailto:a@b|c>",
        "a & b",
        "&amp;",
        "&lt;!channel&gt;",
        "&#60;script&#62;",
        "@channel @here @everyone",
        "*bold* _it_ ~st~ `code`",
        "```code```",
        ">quote",
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</title><script>",
        "<!--",
        "-->",
        "]]>",
        "<![CDATA[x]]>",
        "javascript:alert(1)",
        "{{customer}} {{{x}}}",
        "${jndi:ldap://x}",
        "%0d%0aBcc: a@b.c",
        "a\r\nBcc: victim@example.com",
        "a\nBcc: victim@example.com",
        "a\rBcc: victim@example.com",
        "\r\n\r\nbody",
        "\n.\n",
        "\r\n.\r\nMAIL FROM:<x@y>",
        "a\n..\nb",
        "From me\nFrom you",
        "=?UTF-8?B?PGI+?=",
        "=?UTF-8?Q?=3Cb=3E?=",
        "a =?x",
        "=?",
        "?=",
        "=?=?=?",
        "(comment) here",
        "a, b <c@d.e>",
        "\"quoted\" name",
        "back\\slash",
        "semi; colon: x",
        " leading",
        "trailing ",
        "two  spaces",
        "   ",
        "\t",
        "a\tb",
        "a\x01"
        "b\x02",
        "\x1b[31mred\x1b[0m",
        "\x1b]0;title\x07",
        "\x7f",
        "a\x08"
        "b",
        "a\vb\fc",
        "\xc2\x85next line",
        "a\xc2\x9b"
        "31m",
        "a\u2028b\u2029c",
        "\u202eevil\u202c",
        "\u2066iso\u2069",
        "\u200e\u200f\u061c",
        "\u200bzero\u200b",
        "\ufeffbom",
        "\u00e4\u00f6\u00fc\u00df",
        "\u00c5kesson Bj\u00f6rn",
        "\u5c71\u7530 \u592a\u90ce",
        "\u5c71\u7530\u592a\u90ce\u5c71\u7530\u592a\u90ce\u5c71\u7530\u592a\u90ce\u5c71\u7530\u592a\u90ce\u5c71\u7530",
        "\u0645\u062d\u0645\u062f \u0639\u0628\u062f \u0627\u0644\u0644\u0647",
        "\u05e9\u05dc\u05d5\u05dd",
        "\U0001F468\u200D\U0001F469\u200D\U0001F467",
        "\U0001F600\U0001F600\U0001F600\U0001F600\U0001F600\U0001F600\U0001F600\U0001F600\U0001F600\U0001F600"
        "\U0001F600",
        "a\U0001F600b\U0001F600c\U0001F600d\U0001F600e\U0001F600f\U0001F600g\U0001F600h\U0001F600i\U0001F600j\U0001F600"
        "k",
        "e\u0301\u0302\u0303",
        "\ufdd0\uffff",
        "\U0010ffff",
        "\xff",
        "\xff\xfe",
        "\xc3",
        "\xc3(",
        "\xe2\x82",
        "a\xe2\x82"
        "b",
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
        "\xc0\xaf",
        "\xf0\x9f\x98",
        "\x80\x81",
        "ok \xe2\x28\xa1 ok",
        "'; DROP TABLE cases; --",
        "$(reboot)",
        "`reboot`",
        "| mail",
        "../../etc/passwd",
        "NULL",
        "true",
        "0",
        "-1",
        "1e999",
        "\xe2\x80\x9cNobody called back\xe2\x80\x9d",
        "Call Maria Silva, Hotel Sol, by Fri 16:40 (#12)",
        "a very long subject with many plain words that has to be folded more than once because it is longer than two "
        "lines "
        "of seventy-six characters each",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaa",
        "short aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};
enum {
        HOSTILE_COUNT = COUNT_OF(HOSTILE)
};

static Arena *arena;

static int setup(void **state)
{
        (void)state;
        arena = arena_new(64 * 1024);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        arena = arena_free(arena);
        return 0;
}

/* Broken bytes as U+FFFD, by a table-free reading of the standard: a decoder of its own. */
static Text repaired(Text text)
{
        Buffer b = buffer_in(arena);
        for (size_t at = 0; at < text.len;) {
                size_t len = 0;
                for (size_t try = 1; try <= 4 && try <= text.len - at && len == 0; try++)
                        len = text_is_utf8((Text){ text.data + at, try }) ?
                        try:
                                0;
                buffer_put(&b, len > 0 ? (Text){ text.data + at, len } : TEXT("\ufffd"));
                at += MAX_OF(len, (size_t)1);
        }
        return buffer_text(&b);
}

static void assert_text_equal(Text a, Text b)
{
        if (!text_equal(a, b))
                fail_msg("\"%.*s\" is not \"%.*s\"", TEXT_ARG(a), TEXT_ARG(b));
}

/* --- references --- */

static Text references_decode(Text text)
{
        static const char *const names[][2] = {
                { "&amp;", "&" }, { "&lt;", "<" }, { "&gt;", ">" }, { "&quot;", "\"" }, { "&#39;", "'" }
        };
        Buffer b = buffer_in(arena);
        while (text.len > 0) {
                size_t i = 0;
                while (i < COUNT_OF(names) && !text_starts(text, text_from(names[i][0])))
                        i++;
                bool is_reference = i < COUNT_OF(names);
                assert_true(is_reference || text.data[0] != '&');
                buffer_put(&b, is_reference ? text_from(names[i][1]) : (Text){ text.data, 1 });
                text = text_from_offset(text, is_reference ? strlen(names[i][0]) : 1);
        }
        return buffer_text(&b);
}

static void slack_sees_no_markup_and_people_see_the_text(void **state)
{
        (void)state;
        for (size_t i = 0; i < HOSTILE_COUNT; i++) {
                Text text = text_from(HOSTILE[i]), sent = sink_slack(arena, text);
                assert_true(text_is_utf8(sent));
                assert_false(memchr(sent.data, '<', sent.len) || memchr(sent.data, '>', sent.len));
                assert_text_equal(references_decode(sent), repaired(text));
        }
        assert_string_equal(sink_slack(arena, TEXT("\"a' & <b>")).data, "\"a' &amp; &lt;b&gt;");
        assert_null(sink_slack(arena, TEXT_NONE).data);
}

static void a_terminal_is_not_steered(void **state)
{
        (void)state;
        assert_string_equal(sink_terminal(arena, TEXT("a\nb\tc\n")).data, "a\nb\tc\n");
        assert_string_equal(sink_terminal(arena, TEXT("Subject: x\r\n\r\n")).data, "Subject: x\n\n");
        assert_string_equal(sink_terminal(arena, TEXT("\x1b[31m\r\u202e\u2028\x7f\\\"")).data,
                            "\\x1b[31m\\r\\u202e\\u2028\\x7f\\\"");
        assert_string_equal(sink_terminal(arena, TEXT("")).data, "");
        assert_null(sink_terminal(arena, TEXT_NONE).data);
}

static void chats_see_no_markup(void **state)
{
        (void)state;
        assert_string_equal(sink_telegram(arena, TEXT("<b>&@ana a@b.c")).data, "&lt;b&gt;&amp;@\u2060ana a@b.c");
        assert_string_equal(sink_card(arena, TEXT("a {{DATE(x)}} {")).data, "a {\u2060{DATE(x)}} {");
        assert_string_equal(sink_mattermost(arena, TEXT("*a* <!x> @all http://b.c")).data,
                            "\\*a\\* &lt;\\!x&gt; @\u2060all http://\u2060b\\.c");
        assert_string_equal(sink_discord(arena, TEXT("<@1> **x** 1. y.")).data, "\\<\\@1\\> \\*\\*x\\*\\* 1\\. y.");
        assert_string_equal(sink_plain(arena, TEXT("<users/all> \xff")).data, "\u2039users/all\u203a \ufffd");
        Text (*const sinks[])(Arena *, Text) = { sink_telegram, sink_card, sink_mattermost, sink_discord, sink_plain };
        for (size_t i = 0; i < HOSTILE_COUNT; i++)
                for (size_t j = 0; j < COUNT_OF(sinks); j++)
                        assert_true(text_is_utf8(sinks[j](arena, text_from(HOSTILE[i]))));
        for (size_t j = 0; j < COUNT_OF(sinks); j++)
                assert_null(sinks[j](arena, TEXT_NONE).data);
}

static bool is_markup_control(uint8_t c)
{
        return (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f;
}

static void html_sees_no_markup_and_people_see_the_text(void **state)
{
        (void)state;
        for (size_t i = 0; i < HOSTILE_COUNT; i++) {
                Text text = repaired(text_from(HOSTILE[i])), sent = sink_html(arena, text_from(HOSTILE[i]));
                assert_true(text_is_utf8(sent));
                for (size_t at = 0; at < sent.len; at++)
                        assert_false(strchr("<>\"'", sent.data[at]) || is_markup_control((uint8_t)sent.data[at]));
                Buffer expected = buffer_in(arena);
                for (size_t at = 0; at < text.len; at++) {
                        bool is_c1 = (uint8_t)text.data[at] == 0xc2 && (uint8_t)text.data[at + 1] < 0xa0;
                        if (is_c1 || is_markup_control((uint8_t)text.data[at]))
                                buffer_put_literal(&expected, "\ufffd");
                        else
                                buffer_put_char(&expected, text.data[at]);
                        at += is_c1 ? 1 : 0;
                }
                assert_text_equal(references_decode(sent), buffer_text(&expected));
        }
}

/* --- headers --- */

static Text base64_decode(Text text)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        Buffer b = buffer_in(arena);
        assert_int_equal(text.len % 4, 0);
        for (size_t i = 0; i < text.len; i += 4) {
                uint32_t group = 0;
                size_t padding = 0;
                for (size_t j = 0; j < 4; j++) {
                        char c = text.data[i + j];
                        const char *digit = strchr(digits, c);
                        padding += c == '=' ? 1 : 0;
                        assert_true(c == '=' ? i + 4 == text.len && j >= 2 : digit && padding == 0);
                        group = group << 6 | (uint32_t)(c == '=' ? 0 : digit - digits);
                }
                for (size_t j = 0; j < 3 - padding; j++)
                        buffer_put_char(&b, (char)(group >> (16 - 8 * j) & 0xff));
        }
        return buffer_text(&b);
}

/* RFC 5322 unfolding: the line ends go, the blank after each stays. No bare CR or LF, no line of blanks only. */
static Text header_unfold(Text sent, size_t name_len)
{
        Buffer b = buffer_in(arena);
        size_t column = name_len + 2;
        bool has_ink = true; /* the name is on the first line */
        for (size_t i = 0; i < sent.len; i++) {
                if (sent.data[i] == '\r') {
                        assert_true(i + 2 < sent.len && sent.data[i + 1] == '\n' && sent.data[i + 2] == ' ' && has_ink);
                        i++;
                        column = 0;
                        has_ink = false;
                        continue;
                }
                assert_true(sent.data[i] >= ' ' && sent.data[i] <= '~');
                has_ink = has_ink || sent.data[i] != ' ';
                buffer_put_char(&b, sent.data[i]);
                assert_true(++column <= 76);
        }
        assert_true(has_ink);
        return buffer_text(&b);
}

static Text encoded_word_decode(Text word)
{
        static const char begin[] = "=?UTF-8?B?";
        assert_true(word.len <= 75 && word.len > strlen(begin) + 2);
        assert_memory_equal(word.data + word.len - 2, "?=", 2);
        Text decoded = base64_decode((Text){ word.data + strlen(begin), word.len - strlen(begin) - 2 });
        assert_true(text_is_utf8(decoded)); /* no character is split */
        return decoded;
}

/* RFC 2047: what looks like an encoded word is one, and the blank between two of them goes. */
static Text header_decode(Text sent)
{
        Text rest = header_unfold(sent, MAIL_HEADER_NAME_MAX), word;
        Buffer b = buffer_in(arena);
        bool was_encoded = true;
        for (bool is_first = true; text_split(&rest, ' ', &word); is_first = false) {
                bool is_encoded = text_starts(word, TEXT("=?"));
                if (!is_first && !(is_encoded && was_encoded))
                        buffer_put_char(&b, ' ');
                buffer_put(&b, is_encoded ? encoded_word_decode(word) : word);
                was_encoded = is_encoded;
        }
        return buffer_text(&b);
}

/* What a header may say of the text: one line. */
static Text header_expected(Text text)
{
        Buffer b = buffer_in(arena);
        for (size_t i = 0; i < text.len; i++) {
                uint8_t c = (uint8_t)text.data[i], next = i + 1 < text.len ? (uint8_t)text.data[i + 1] : 0;
                bool is_c1 = c == 0xc2 && next < 0xa0;
                bool is_separator = c == 0xe2 && next == 0x80 && (uint8_t)(text.data[i + 2] & 0xfe) == 0xa8;
                bool is_blank = is_c1 || is_separator || c < 0x20 || c == 0x7f;
                buffer_put_char(&b, is_blank ? ' ' : text.data[i]);
                i += is_c1 ? 1 : is_separator ? 2 : 0;
        }
        return text_trim(buffer_text(&b));
}

static void a_header_is_one_header_and_decodes_to_the_text(void **state)
{
        (void)state;
        for (size_t i = 0; i < HOSTILE_COUNT; i++) {
                Text expected = header_expected(repaired(text_from(HOSTILE[i])));
                assert_text_equal(header_decode(sink_mail_header(arena, text_from(HOSTILE[i]))), expected);
                assert_text_equal(header_decode(sink_mail_name(arena, text_from(HOSTILE[i]))), expected);
        }
        assert_null(sink_mail_header(arena, TEXT_NONE).data);
}

/* Every length, and characters of every width at every place. */
static void headers_of_any_length_are_folded_and_split_between_characters(void **state)
{
        (void)state;
        static const char *const pieces[] = { "a", "ab ", "\u00e4", "\u20ac", "\U0001F600", "a\U0001F600", "ab\u20ac" };
        for (size_t i = 0; i < COUNT_OF(pieces); i++)
                for (size_t times = 1; times < 160; times += 3) {
                        Buffer b = buffer_in(arena);
                        for (size_t n = 0; n < times; n++)
                                buffer_put(&b, text_from(pieces[i]));
                        Text text = text_trim(buffer_text(&b));
                        assert_text_equal(header_decode(sink_mail_header(arena, text)), text);
                        arena_reset(arena);
                }
}

static void a_plain_subject_stays_readable(void **state)
{
        (void)state;
        Text title = TEXT("Call Maria Silva, Hotel Sol, by Fri 16:40 (#12)");
        assert_text_equal(sink_mail_header(arena, title), title);
        assert_string_equal(sink_mail_header(arena, TEXT("\u00c5kesson")).data, "=?UTF-8?B?w4VrZXNzb24=?=");
        assert_string_equal(sink_mail_name(arena, TEXT("Customer follow-up")).data, "Customer follow-up");
}

/* A name before <address> is made of atoms or encoded words, so no special character of an address list is in it. */
static void a_display_name_cannot_add_an_address(void **state)
{
        (void)state;
        for (size_t i = 0; i < HOSTILE_COUNT; i++) {
                Text sent = sink_mail_name(arena, text_from(HOSTILE[i]));
                for (size_t at = 0; at < sent.len; at++)
                        assert_null(strchr("()<>@,;:\\\".[]", sent.data[at]));
        }
}

/* --- mail text --- */

static void mail_text_has_crlf_line_ends_and_no_others(void **state)
{
        (void)state;
        for (size_t i = 0; i < HOSTILE_COUNT; i++) {
                Text sent = sink_mail_text(arena, text_from(HOSTILE[i]));
                assert_true(text_is_utf8(sent));
                for (size_t at = 0; at < sent.len; at++) {
                        if (sent.data[at] == '\r')
                                assert_true(at + 1 < sent.len && sent.data[at + 1] == '\n');
                        if (sent.data[at] == '\n')
                                assert_true(at > 0 && sent.data[at - 1] == '\r');
                        uint8_t c = (uint8_t)sent.data[at];
                        assert_true(c >= 0x20 || c == '\t' || c == '\r' || c == '\n');
                }
        }
        assert_string_equal(sink_mail_text(arena, TEXT("a\nb\r\nc\rd\n\re\r\r\nf\0g")).data,
                            "a\r\nb\r\nc\r\nd\r\n\r\ne\r\n\r\nfg");
}

/* --- addresses --- */

static void addresses_are_taken_or_refused(void **state)
{
        (void)state;
        static const char *const good[] = {
                "ana.lima@example.com",
                "a@b.c",
                "a+b@example.com",
                "a_b-c@example.co.uk",
                "o'neil@example.com",
                "root@localhost",
                "x@xn--bcher-kva.example",
                "1@2.example",
                "a=b@c.d",
                "0123456789012345678901234567890123456789012345678901234567890123@example.com",
        };
        static const char *const bad[] = {
                "",
                "@",
                "a",
                "a@",
                "@b",
                "a@b@c",
                "a b@c.d",
                " a@b.c",
                "a@b.c ",
                "a@b.c\n",
                "a@b.c\r\nRCPT TO:<x@y>",
                "a\n@b.c",
                "<a@b.c>",
                "a@b.c>",
                "Ana <a@b.c>",
                "a,b@c.d",
                "a@b,c@d",
                "a;b@c.d",
                "a:b@c.d",
                "(a)@b.c",
                "a@b.c(x)",
                "\"a\"@b.c",
                "a\\b@c.d",
                ".a@b.c",
                "a.@b.c",
                "a..b@c.d",
                "a@.b.c",
                "a@b..c",
                "a@b.c.",
                "a@-b.c",
                "a@b-.c",
                "a@b_c.d",
                "a@[127.0.0.1]",
                "a@127.0.0.1",
                "a@b.123",
                "\u00e4@b.c",
                "a@b\u00fc.c",
                "a\x01@b.c",
                "a\x7f@b.c",
                "-a@b.c",
                "-oX@b.c",
                "a%b@c.d",
                "a!b@c.d",
                "a@b c",
                "a\t@b.c",
                "01234567890123456789012345678901234567890123456789012345678901234@example.com",
                "a@0123456789012345678901234567890123456789012345678901234567890123.com",
                "a@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
                "aaaaaaaaaaaaaaaaaaaaaaaa"
                "aaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
                "example.com.example",
        };
        for (size_t i = 0; i < COUNT_OF(good); i++)
                if (!sink_mail_address_is_valid(text_from(good[i])))
                        fail_msg("refused: %s", good[i]);
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                if (sink_mail_address_is_valid(text_from(bad[i])))
                        fail_msg("taken: %s", bad[i]);
        assert_false(sink_mail_address_is_valid(TEXT_NONE));
        assert_false(sink_mail_address_is_valid(TEXT("a@b.c\0")));
        assert_false(sink_mail_address_is_valid(TEXT("a\0@b.c")));
}

/* --- the journal --- */

static Text log_decode(Text text)
{
        Buffer b = buffer_in(arena);
        for (size_t i = 0; i < text.len; i++) {
                if (text.data[i] != '\\') {
                        assert_true(text.data[i] != '"' && (uint8_t)text.data[i] >= 0x20 && text.data[i] != 0x7f);
                        buffer_put_char(&b, text.data[i]);
                        continue;
                }
                char kind = text.data[++i], digits[8] = "";
                size_t count = kind == 'x' ? 2 : kind == 'u' ? 4 : 0;
                memcpy(digits, text.data + i + 1, count);
                i += count;
                uint32_t code = (uint32_t)strtoul(digits, NULL, 16);
                if (kind == 'x')
                        buffer_put_char(&b, (char)code);
                else if (kind == 'u' && code < 0x800)
                        buffer_putf(&b, "%c%c", (int)(0xc0 | code >> 6), (int)(0x80 | (code & 0x3f)));
                else if (kind == 'u')
                        buffer_putf(&b, "%c%c%c", (int)(0xe0 | code >> 12), (int)(0x80 | (code >> 6 & 0x3f)),
                                    (int)(0x80 | (code & 0x3f)));
                else
                        buffer_put_char(&b, kind == 'n' ? '\n' : kind == 'r' ? '\r' : kind == 't' ? '\t' : kind);
        }
        return buffer_text(&b);
}

static void a_log_line_is_one_line_and_hides_nothing(void **state)
{
        (void)state;
        static const char *const turning[] = { "\u202e", "\u2066", "\u2069", "\u200f", "\u061c", "\u2028", "\u2029" };
        for (size_t i = 0; i < HOSTILE_COUNT; i++) {
                Text text = text_from(HOSTILE[i]), sent = sink_log(arena, text);
                assert_true(text_is_utf8(sent));
                for (size_t j = 0; j < COUNT_OF(turning); j++)
                        assert_null(strstr(sent.data, turning[j]));
                assert_text_equal(log_decode(sent), text);
        }
        assert_string_equal(sink_log(arena, TEXT("a\n\"b\"\\\x1b\xff\u202e")).data,
                            "a\\n\\\"b\\\"\\\\\\x1b\\xff\\u202e");
        assert_string_equal(sink_log(arena, TEXT("\0")).data, "\\x00");
}

static void a_log_line_is_bounded(void **state)
{
        (void)state;
        static const char *const pieces[] = { "a", "\n", "\u00e4", "\xff", "\U0001F600", "\u202e" };
        for (size_t i = 0; i < COUNT_OF(pieces); i++) {
                Buffer b = buffer_in(arena);
                for (size_t n = 0; n < 300; n++)
                        buffer_put(&b, text_from(pieces[i]));
                Text sent = sink_log(arena, buffer_text(&b));
                assert_true(sent.len <= SINK_LOG_BYTES_MAX + strlen("\u2026") && text_is_utf8(sent));
                assert_string_equal(sent.data + sent.len - strlen("\u2026"), "\u2026");
        }
}

int main(void)
{
#define CLAIM(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        _Static_assert(HOSTILE_COUNT >= 100, "too few hostile strings");
        const struct CMUnitTest tests[] = {
                CLAIM(slack_sees_no_markup_and_people_see_the_text),
                CLAIM(a_terminal_is_not_steered),
                CLAIM(chats_see_no_markup),
                CLAIM(html_sees_no_markup_and_people_see_the_text),
                CLAIM(a_header_is_one_header_and_decodes_to_the_text),
                CLAIM(headers_of_any_length_are_folded_and_split_between_characters),
                CLAIM(a_plain_subject_stays_readable),
                CLAIM(a_display_name_cannot_add_an_address),
                CLAIM(mail_text_has_crlf_line_ends_and_no_others),
                CLAIM(addresses_are_taken_or_refused),
                CLAIM(a_log_line_is_one_line_and_hides_nothing),
                CLAIM(a_log_line_is_bounded),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
