#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "notify/email.h"
#include "parcel_sample.h"

static Arena *arena;

static int set_up(void **state UNUSED)
{
        arena = arena_new(4096);
        return 0;
}

static int tear_down(void **state UNUSED)
{
        arena = arena_free(arena);
        return 0;
}

/* --- reading it back --- */

typedef struct Mail {
        char *headers;     /* unfolded, one a line, with a line end before the first */
        char *text, *html; /* decoded */
} Mail;

static char *decode_quoted(Text in)
{
        char *out = arena_alloc(arena, in.len + 1);
        size_t len = 0;
        for (size_t i = 0; i < in.len; i++) {
                if (in.data[i] != '=') {
                        out[len++] = in.data[i];
                } else if (in.data[i + 1] == '\r') {
                        i += 2;
                } else {
                        char digits[3] = { in.data[i + 1], in.data[i + 2], '\0' };
                        assert_true(strspn(digits, "0123456789ABCDEF") == 2);
                        out[len++] = (char)strtoul(digits, NULL, 16);
                        i += 2;
                }
        }
        return out;
}

static char *unfold(Text in)
{
        Buffer b = buffer_in(arena);
        buffer_put_char(&b, '\n');
        for (size_t i = 0; i < in.len; i++) {
                bool is_fold = in.data[i] == '\r' && i + 2 < in.len && in.data[i + 2] == ' ';
                if (is_fold)
                        i++;
                else if (in.data[i] != '\r')
                        buffer_put_char(&b, in.data[i]);
        }
        Text text = buffer_text(&b);
        return memcpy(arena_alloc(arena, text.len + 1), text.data, text.len);
}

/* What holds for every line of every message. */
static void assert_lines(Text message)
{
        size_t column = 0;
        for (size_t i = 0; i < message.len; i++) {
                unsigned char c = (unsigned char)message.data[i];
                if (c == '\n')
                        fail_msg("a bare line feed at %zu", i);
                if (c == '\r') {
                        assert_true(i + 1 < message.len && message.data[i + 1] == '\n');
                        assert_true(i == 0 || message.data[i - 1] != ' ');
                        i++;
                        column = 0;
                        continue;
                }
                assert_true(c >= ' ' && c <= '~');
                assert_true(++column <= 76);
        }
        assert_int_equal(column, 0);
}

static Text part_of(Text message, const char *boundary, const char *type)
{
        char head[256];
        (void)snprintf(head, sizeof(head),
                       "--%s\r\nContent-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
                       boundary, type);
        const char *start = strstr(message.data, head);
        assert_non_null(start);
        start += strlen(head);
        char tail[128];
        (void)snprintf(tail, sizeof(tail), "\r\n--%s", boundary);
        const char *end = strstr(start, tail);
        assert_non_null(end);
        return (Text){ start, (size_t)(end - start) };
}

static size_t occurrences(const char *text, const char *what)
{
        size_t count = 0;
        for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
                count++;
        return count;
}

static Mail mail_read(const ParcelSample *s)
{
        Text message = email_message(&s->parcel, SAMPLE_NOW, arena);
        assert_int_equal(strlen(message.data), message.len);
        assert_lines(message);
        const char *end = strstr(message.data, "\r\n\r\n");
        assert_non_null(end);
        Mail mail = { .headers = unfold((Text){ message.data, (size_t)(end - message.data) }) };
        char boundary[80];
        const char *type = strstr(mail.headers, "\nContent-Type: multipart/alternative; boundary=\"");
        assert_non_null(type);
        assert_int_equal(sscanf(strchr(type, '"'), "\"%79[^\"]\"", boundary), 1);
        assert_int_equal(occurrences(message.data, arena_textf(arena, "\r\n--%s", boundary).data),
                         3); /* two parts, end */
        mail.text = decode_quoted(part_of(message, boundary, "text/plain"));
        mail.html = decode_quoted(part_of(message, boundary, "text/html"));
        return mail;
}

/* The value of a header that stands exactly once. */
static const char *header(const Mail *mail, const char *name)
{
        char wanted[64];
        (void)snprintf(wanted, sizeof(wanted), "\n%s: ", name);
        assert_int_equal(occurrences(mail->headers, wanted), 1);
        const char *start = strstr(mail->headers, wanted) + strlen(wanted);
        return arena_text(arena, (Text){ start, strcspn(start, "\n") }).data;
}

/* Each header is one of ours. */
static void assert_headers(const Mail *mail)
{
        static const char *const known[] = {
                "Date",         "From",           "To",
                "Subject",      "Message-ID",     "In-Reply-To",
                "References",   "Auto-Submitted", "X-Auto-Response-Suppress",
                "MIME-Version", "Content-Type",
        };
        Text rest = text_from(mail->headers + 1), line;
        while (text_split(&rest, '\n', &line)) {
                bool is_known = false;
                for (size_t i = 0; i < COUNT_OF(known); i++) {
                        Text name = text_from(known[i]);
                        is_known = is_known || (text_starts(line, name) && line.data[name.len] == ':');
                }
                if (!is_known)
                        fail_msg("a header that is not ours: " TEXT_F, TEXT_ARG(line));
        }
}

/* The tags in order, without what stands between them. */
static char *skeleton(const char *html)
{
        char *tags = arena_alloc(arena, strlen(html) + 1);
        size_t len = 0;
        bool is_tag = false;
        for (; *html; html++) {
                is_tag = is_tag || *html == '<';
                if (is_tag)
                        tags[len++] = *html;
                is_tag = is_tag && *html != '>';
        }
        return tags;
}

/* --- the tests --- */

static void an_alert_has_the_headers_of_a_well_behaved_message(void **state UNUSED)
{
        Mail mail = mail_read(parcel_sample(arena, CHANNEL_EMAIL));
        assert_headers(&mail);
        assert_string_equal(header(&mail, "Date"), "Fri, 20 Nov 2026 07:43:58 +0000");
        assert_string_equal(header(&mail, "From"), "Customer follow-up <loop@example.com>");
        assert_string_equal(header(&mail, "To"), "Ana Lima <ana.lima@example.com>");
        assert_string_equal(header(&mail, "Subject"), "Call Maria Silva by Sat 07:43 (#12)");
        assert_string_equal(header(&mail, "Message-ID"), "<01a2b3c4-d5e6-8f01-9f02-030405060708@example.com>");
        assert_string_equal(header(&mail, "References"), "<01a2b3c4-d5e6-8007-8109-0a0b0c0d0e0f@example.com>");
        assert_string_equal(header(&mail, "Auto-Submitted"), "auto-generated");
        assert_string_equal(header(&mail, "X-Auto-Response-Suppress"), "All");
        assert_string_equal(header(&mail, "MIME-Version"), "1.0");
        assert_int_equal(occurrences(mail.headers, "In-Reply-To"), 0);
}

static void text_and_html_say_the_same(void **state UNUSED)
{
        Mail mail = mail_read(parcel_sample(arena, CHANNEL_EMAIL));
        static const char *const said[] = { "Maria Silva", "Three weeks for a part", "+55 51 5550 0199",
                                            "Case #12, severity high" };
        for (size_t i = 0; i < COUNT_OF(said); i++) {
                assert_non_null(strstr(mail.text, said[i]));
                assert_non_null(strstr(mail.html, said[i]));
        }
        assert_null(strstr(mail.text, "<"));
        assert_null(strstr(mail.html, "<img"));
        assert_null(strstr(mail.html, "http"));
        assert_true(strlen(mail.html) < 80 * 1024);
}

static void later_messages_of_a_case_join_its_thread(void **state UNUSED)
{
        ParcelSample *s = parcel_sample(arena, CHANNEL_EMAIL);
        s->parcel.message = MESSAGE_REMINDER;
        s->parcel.key[15] = 99;
        Mail mail = mail_read(s);
        assert_string_equal(header(&mail, "Subject"), "Re: Call Maria Silva by Sat 07:43 (#12)");
        assert_string_equal(header(&mail, "In-Reply-To"), "<01a2b3c4-d5e6-8007-8109-0a0b0c0d0e0f@example.com>");
        assert_string_equal(header(&mail, "References"), "<01a2b3c4-d5e6-8007-8109-0a0b0c0d0e0f@example.com>");
        assert_string_equal(header(&mail, "Message-ID"), "<01a2b3c4-d5e6-8f01-9f02-030405060763@example.com>");
}

static void a_customer_who_was_reached_and_answered_again_is_called_again(void **state UNUSED)
{
        ParcelSample *s = parcel_sample(arena, CHANNEL_EMAIL);
        s->c.epoch = s->parcel.epoch = 2;
        Mail mail = mail_read(s);
        assert_string_equal(header(&mail, "Subject"), "Call Maria Silva by Sat 07:43 (#12)"); /* a new owner */
        s->c.first_contact_at = wall_sub(SAMPLE_NOW, SPAN_DAY);
        mail = mail_read(s);
        assert_string_equal(header(&mail, "Subject"), "Call Maria Silva again by Sat 07:43 (#12)");
        assert_non_null(strstr(mail.text, "They answered again, so the case is open again."));
        s->c.contacted_at = s->c.first_contact_at; /* handed over, then reached for the first time */
        s->c.state = CASE_CONTACTED;
        s->parcel.message = MESSAGE_CONTACTED;
        mail = mail_read(s);
        assert_string_equal(header(&mail, "Subject"), "Re: Call Maria Silva by Sat 07:43 (#12)");
}

static void without_a_case_the_title_is_the_subject(void **state UNUSED)
{
        ParcelSample *s = parcel_sample_note(arena, CHANNEL_EMAIL, MESSAGE_OPERATOR, TEXT("channel \"crm\" fails"));
        Mail mail = mail_read(s);
        assert_headers(&mail);
        assert_non_null(strstr(header(&mail, "Subject"), "channel"));
        assert_int_equal(occurrences(mail.headers, "References"), 0);
}

static const char *const HOSTILE[] = {
        "x\r\nBcc: evil@example.com",
        "x\nBcc: evil@example.com",
        "x\r\n\r\nbody",
        "x\rBcc: evil@example.com",
        "\r\n.\r\nMAIL FROM:<evil@example.com>\r\n",
        "x <evil@example.com>",
        "\"x\" <evil@example.com>, y",
        "=?utf-8?q?x=0D=0ABcc:_evil@example.com?=",
        "=0D=0A.=0D=0A",
        "--=_01a2b3c4-d5e6-8f01-9f02-030405060708--",
        "\r\n--=_01a2b3c4-d5e6-8f01-9f02-030405060708\r\nContent-Type: text/html\r\n\r\n<b>",
        "<script>alert(1)</script>",
        "</td></tr></table><img src=x onerror=alert(1)>",
        "\" onmouseover=\"alert(1)",
        "' onmouseover='alert(1)",
        "&lt;script&gt; &amp; &#60;b&#62;",
        "<!-- ",
        "]]>",
        "<a href=\"javascript:alert(1)\">",
        "\xe2\x80\xae"
        "evil\xe2\x80\xac",
        "\xe2\x80\xa8\xe2\x80\xa9\xc2\x85",
        "\xff\xfe\xc0\x80\xed\xa0\x80",
        "M\xc3\xbcller & S\xc3\xb6hne \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e \xf0\x9f\x98\xa1",
        "From here on",
        "From ",
        ".",
        "..",
        "",
        " ",
        "\t",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaa",
};

static void hostile_words_of_a_customer_are_words(void **state UNUSED)
{
        ParcelSample *plain = parcel_sample(arena, CHANNEL_EMAIL);
        const char *tags = skeleton(mail_read(plain).html);
        for (size_t i = 0; i < COUNT_OF(HOSTILE); i++) {
                ParcelSample *s = parcel_sample(arena, CHANNEL_EMAIL);
                Text words = text_from(HOSTILE[i]);
                sample_text(s, FIELD_COMMENT, arena_textf(arena, "a" TEXT_F, TEXT_ARG(words)));
                sample_text(s, FIELD_NAME, arena_textf(arena, "b" TEXT_F, TEXT_ARG(words)));
                Mail mail = mail_read(s);
                assert_headers(&mail);
                assert_string_equal(header(&mail, "To"), "Ana Lima <ana.lima@example.com>");
                /* Long names get a row of their own; no other tag than ours in any case. */
                Text rest = text_from(skeleton(mail.html)), tag;
                while (text_split(&rest, '>', &tag))
                        if (tag.len > 0)
                                assert_non_null(strstr(tags, arena_textf(arena, TEXT_F ">", TEXT_ARG(tag)).data));
        }
}

static void hostile_names_of_people_and_senders_cannot_add_headers_or_recipients(void **state UNUSED)
{
        for (size_t i = 0; i < COUNT_OF(HOSTILE); i++) {
                ParcelSample *s = parcel_sample(arena, CHANNEL_EMAIL);
                s->reader.name = text_from(HOSTILE[i]);
                s->channel.from_name = text_from(HOSTILE[i]);
                s->parcel.owner_name = text_from(HOSTILE[i]);
                Mail mail = mail_read(s);
                assert_headers(&mail);
                /* One address, at the end, and what stands before it holds none of the characters that could start one.
                 */
                const char *to = header(&mail, "To"), *from = header(&mail, "From");
                const char *address = strstr(to, "<ana.lima@example.com>");
                assert_true(address && strlen(address) == strlen("<ana.lima@example.com>"));
                assert_int_equal(strcspn(to, "<>@,;:\"()"), address - to);
                address = strstr(from, "<loop@example.com>");
                assert_true(address && strlen(address) == strlen("<loop@example.com>"));
                assert_int_equal(strcspn(from, "<>@,;:\"()"), address - from);
        }
}

static void hostile_words_to_an_operator_cannot_change_the_subject_into_headers(void **state UNUSED)
{
        for (size_t i = 0; i < COUNT_OF(HOSTILE); i++) {
                ParcelSample *s = parcel_sample_note(arena, CHANNEL_EMAIL, MESSAGE_OPERATOR, text_from(HOSTILE[i]));
                Mail mail = mail_read(s);
                assert_headers(&mail);
                assert_non_null(header(&mail, "Subject"));
        }
}

static void every_message_can_be_written_for_everybody(void **state UNUSED)
{
        for (Message message = 0; message < MESSAGE_MAX; message++) {
                for (RecipientKind why = 0; why < RECIPIENT_KIND_MAX; why++) {
                        ParcelSample *s = parcel_sample(arena, CHANNEL_EMAIL);
                        s->parcel.message = message;
                        s->parcel.why = why;
                        s->parcel.note = TEXT("recovered");
                        Mail mail = mail_read(s);
                        assert_headers(&mail);
                }
        }
}

static void what_cannot_be_sent_says_why(void **state UNUSED)
{
        ParcelSample *s = parcel_sample(arena, CHANNEL_EMAIL);
        assert_null(email_refusal(&s->parcel));
        s->reader.email = TEXT("ana@");
        assert_string_equal(email_refusal(&s->parcel), "this person's mail address is none that can be used");
        s->reader.email = TEXT_NONE;
        assert_string_equal(email_refusal(&s->parcel), "this person has no mail address");
        s->parcel.reader = NULL;
        assert_string_equal(email_refusal(&s->parcel), "a mail needs a person to go to");
        s = parcel_sample(arena, CHANNEL_EMAIL);
        s->channel.from_address = TEXT("loop");
        assert_string_equal(email_refusal(&s->parcel), "the sender's mail address is none that can be used");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(an_alert_has_the_headers_of_a_well_behaved_message),
                TEST(text_and_html_say_the_same),
                TEST(later_messages_of_a_case_join_its_thread),
                TEST(a_customer_who_was_reached_and_answered_again_is_called_again),
                TEST(without_a_case_the_title_is_the_subject),
                TEST(hostile_words_of_a_customer_are_words),
                TEST(hostile_names_of_people_and_senders_cannot_add_headers_or_recipients),
                TEST(hostile_words_to_an_operator_cannot_change_the_subject_into_headers),
                TEST(every_message_can_be_written_for_everybody),
                TEST(what_cannot_be_sent_says_why),
        };
        return cmocka_run_group_tests_name("email", tests, NULL, NULL);
}
