#include "notify/email.h"

#include "core/sink.h"
#include "notify/telling.h"
#include "turn/id.h"

#define CRLF "\r\n"

enum {
        LINE_MAX_BYTES = 76,
        PART_BYTES_MAX = 64 * 1024
};

const char *email_refusal(const Parcel *p)
{
        if (!p->reader)
                return "a mail needs a person to go to";
        if (text_is_empty(p->reader->email))
                return "this person has no mail address";
        if (!sink_mail_address_is_valid(p->reader->email))
                return "this person's mail address is none that can be used";
        if (!sink_mail_address_is_valid(p->channel->from_address))
                return "the sender's mail address is none that can be used";
        return NULL;
}

/* --- headers --- */

/* "Fri, 20 Nov 2026 07:43:58 +0000" */
static void put_date(Buffer *b, WallTime t)
{
        static const char *const DAYS[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
        static const char *const MONTHS[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
        Civil c = civil_from_us(t.us);
        buffer_putf(b, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000" CRLF, DAYS[(int)c.weekday], c.day,
                    MONTHS[c.month - 1], (int)c.year, c.hour, c.minute, c.second);
}

/* The address has a line of its own, so that a long name cannot make the line too long. */
static void put_mailbox(Buffer *b, const char *header, Text name, Text address, Arena *arena)
{
        Text shown = sink_mail_name(arena, name);
        if (text_is_empty(shown))
                buffer_putf(b, "%s: <" TEXT_F ">" CRLF, header, TEXT_ARG(address));
        else
                buffer_putf(b, "%s: " TEXT_F CRLF " <" TEXT_F ">" CRLF, header, TEXT_ARG(shown), TEXT_ARG(address));
}

static Text domain_of(Text address)
{
        const char *at = memchr(address.data, '@', address.len);
        must(at != NULL);
        return text_from_offset(address, (size_t)(at - address.data) + 1);
}

/* To the owner who and by when, as the alert said it when the case was opened: the same for every mail of the case,
 * since some programs group by subject. What is new stands first in the body. Others never had the alert: to them it is
 * what this message says. */
static Text subject_of(const Parcel *p, const Wording *wording, Arena *arena)
{
        if (!p->c || p->why != RECIPIENT_OWNER)
                return sink_mail_header(arena, wording->title);
        Parcel alert = *p;
        alert.message = MESSAGE_ALERT;
        alert.late = SPAN_ZERO;
        Text title = telling_wording(&alert, p->c->opened_at, arena).title;
        const char *reply = p->message == MESSAGE_ALERT ? "" : "Re: ";
        return sink_mail_header(arena, arena_textf(arena, "%s" TEXT_F, reply, TEXT_ARG(title)));
}

static void put_thread(Buffer *b, const Parcel *p, Text domain)
{
        char id[TELLING_ID_BYTES], root[ID_TEXT_BYTES];
        buffer_putf(b, "Message-ID: <" TEXT_F "@" TEXT_F ">" CRLF, TEXT_ARG(telling_id(p, id)), TEXT_ARG(domain));
        if (!p->c)
                return;
        (void)id_text(p->c->id, root);
        if (p->message != MESSAGE_ALERT)
                buffer_putf(b, "In-Reply-To: <%s@" TEXT_F ">" CRLF, root, TEXT_ARG(domain));
        buffer_putf(b, "References: <%s@" TEXT_F ">" CRLF, root, TEXT_ARG(domain));
}

static void put_headers(Buffer *b, const Parcel *p, const Wording *wording, WallTime now)
{
        const Channel *channel = p->channel;
        put_date(b, now);
        put_mailbox(b, "From", channel->from_name, channel->from_address, b->arena);
        put_mailbox(b, "To", p->reader->name, p->reader->email, b->arena);
        buffer_putf(b, "Subject: " TEXT_F CRLF, TEXT_ARG(subject_of(p, wording, b->arena)));
        put_thread(b, p, domain_of(channel->from_address));
        buffer_put_literal(b, "Auto-Submitted: auto-generated" CRLF "X-Auto-Response-Suppress: All" CRLF
                              "MIME-Version: 1.0" CRLF);
}

/* --- quoted-printable --- */

typedef struct Quoter {
        Buffer *b;
        size_t column;
} Quoter;

/* Makes room for the longest that may follow, "=XX", and for the "=" of the next break. */
static void quoter_break(Quoter *q)
{
        if (q->column + 4 <= LINE_MAX_BYTES)
                return;
        buffer_put_literal(q->b, "=" CRLF);
        q->column = 0;
}

static void quoter_put(Quoter *q, Text atom)
{
        buffer_put(q->b, atom);
        q->column += atom.len;
}

static void quoter_put_byte(Quoter *q, uint8_t byte)
{
        static const char DIGITS[] = "0123456789ABCDEF";
        char atom[3] = { '=', DIGITS[byte >> 4], DIGITS[byte & 15] };
        quoter_put(q, (Text){ atom, sizeof(atom) });
}

static bool is_line_end(Text text, size_t at)
{
        return at + 1 < text.len && text.data[at] == '\r' && text.data[at + 1] == '\n';
}

/* A space at the end of a line may get lost on the way; a dot or "From " at its start means something to some. */
static bool is_plain(const Quoter *q, Text text, size_t at)
{
        char c = text.data[at];
        if (c == ' ' || c == '\t')
                return at + 1 < text.len && !is_line_end(text, at + 1);
        if (q->column == 0 && (c == '.' || c == 'F'))
                return false;
        return c > ' ' && c <= '~' && c != '=';
}

/* Lines of the text are ended by CR LF. */
static void put_quoted(Buffer *b, Text text)
{
        Quoter q = { b, 0 };
        for (size_t at = 0; at < text.len; at++) {
                if (is_line_end(text, at)) {
                        buffer_put_literal(b, CRLF);
                        q.column = 0;
                        at++;
                        continue;
                }
                quoter_break(&q);
                if (is_plain(&q, text, at))
                        quoter_put(&q, (Text){ text.data + at, 1 });
                else
                        quoter_put_byte(&q, (uint8_t)text.data[at]);
        }
}

/* --- parts --- */

static Text part_text(const Wording *wording, Text small_print, Arena *arena)
{
        Buffer b = buffer_in(arena);
        buffer_put(&b, wording->title);
        if (wording->body.len > 0)
                buffer_putf(&b, "\n\n" TEXT_F, TEXT_ARG(wording->body));
        if (small_print.len > 0)
                buffer_putf(&b, "\n\n-- \n" TEXT_F, TEXT_ARG(small_print));
        buffer_put_char(&b, '\n');
        return sink_mail_text(arena, buffer_text(&b));
}

static void put_row(Buffer *b, const char *style, Text text)
{
        buffer_putf(b, "<tr><td dir=\"auto\" style=\"%s\">" TEXT_F "</td></tr>" CRLF, style,
                    TEXT_ARG(sink_html(b->arena, text)));
}

/* Tables and inline styles only: what all mail programs show. No images: nothing is fetched, nothing looks like
 * tracking. */
static Text part_html(const Wording *wording, Text small_print, Arena *arena)
{
        Buffer b = buffer_in(arena);
        buffer_putf(&b,
                    "<!DOCTYPE html>" CRLF "<html lang=\"en\"><head><meta charset=\"utf-8\">" CRLF
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">" CRLF
                    "<meta name=\"color-scheme\" content=\"light dark\">" CRLF "<title>" TEXT_F "</title></head>" CRLF
                    "<body style=\"margin:0;padding:0\">" CRLF
                    "<table role=\"presentation\" width=\"100%%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">"
                    "<tr><td style=\"padding:16px\">" CRLF
                    "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" "
                    "style=\"max-width:600px;font-family:Arial,Helvetica,sans-serif;font-size:16px;line-height:"
                    "24px\">" CRLF,
                    TEXT_ARG(sink_html(arena, wording->title)));
        put_row(&b, "padding:0 0 12px 0;font-size:20px;line-height:28px;font-weight:bold", wording->title);
        Text rest = wording->body.len > 0 ? wording->body : TEXT_NONE, line;
        while (text_split(&rest, '\n', &line))
                if (text_trim(line).len > 0)
                        put_row(&b, "padding:0 0 8px 0", text_trim(line));
        if (small_print.len > 0)
                put_row(&b, "padding:12px 0 0 0;font-size:13px;line-height:18px;color:#6b6b6b", small_print);
        buffer_put_literal(&b, "</table></td></tr></table>" CRLF "</body></html>" CRLF);
        return buffer_text(&b);
}

/* "=_" cannot stand in quoted-printable text. */
static void put_part(Buffer *b, const char *boundary, const char *type, Text text)
{
        must(text.len <= PART_BYTES_MAX);
        buffer_putf(b,
                    "--=_%s" CRLF "Content-Type: %s; charset=utf-8" CRLF
                    "Content-Transfer-Encoding: quoted-printable" CRLF CRLF,
                    boundary, type);
        put_quoted(b, text);
}

Text email_message(const Parcel *p, WallTime now, Arena *arena)
{
        must(email_refusal(p) == NULL);
        char id[TELLING_ID_BYTES];
        (void)telling_id(p, id);
        Wording wording = telling_wording(p, now, arena);
        Text small_print = telling_small_print(p, arena);
        Buffer b = buffer_in(arena);
        put_headers(&b, p, &wording, now);
        buffer_putf(&b, "Content-Type: multipart/alternative;" CRLF " boundary=\"=_%s\"" CRLF CRLF, id);
        put_part(&b, id, "text/plain", part_text(&wording, small_print, arena));
        put_part(&b, id, "text/html", part_html(&wording, small_print, arena));
        buffer_putf(&b, "--=_%s--" CRLF, id);
        return buffer_text(&b);
}
