#include "notify/answer.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#include "core/sink.h"
#include "notify/receiver.h"

static void words_cut(char *words, int len)
{
        must(len >= 0);
        if ((size_t)len < SEND_DETAIL_BYTES)
                return;
        /* No half of a character at the end. */
        size_t end = SEND_DETAIL_BYTES - 1;
        while (end > 0 && ((unsigned char)words[end - 1] & 0xc0) == 0x80)
                end--;
        if (end > 0 && (unsigned char)words[end - 1] >= 0xc0)
                words[end - 1] = '\0';
}

static void detail_set(SendResult *result, const char *format, ...) PRINTF_LIKE(2, 3);
static void detail_set(SendResult *result, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        words_cut(result->detail, vsnprintf(result->detail, sizeof(result->detail), format, args));
        va_end(args);
}

static void said_set(SendResult *result, Text words)
{
        words_cut(result->said, snprintf(result->said, sizeof(result->said), TEXT_F, TEXT_ARG(words)));
}

/* What another system wrote, fit for one line of a log. */
static Text outside(Arena *arena, Text text)
{
        enum {
                OUTSIDE_BYTES = 100
        };
        return sink_log(arena, (Text){ text.data, MIN_OF(text.len, (size_t)OUTSIDE_BYTES) });
}

/* --- Retry-After --- */

static bool http_date_parse(Text text, WallTime *ret)
{
        static const char *const FORMS[] = {
                "%a, %d %b %Y %H:%M:%S GMT", /* as it should be */
                "%A, %d-%b-%y %H:%M:%S GMT", /* RFC 850 */
                "%a %b %e %H:%M:%S %Y",      /* asctime() */
        };
        char date[64];
        if (text.len >= sizeof(date))
                return false;
        (void)snprintf(date, sizeof(date), TEXT_F, TEXT_ARG(text));
        for (size_t i = 0; i < COUNT_OF(FORMS); i++) {
                struct tm tm = { 0 };
                const char *end = strptime(date, FORMS[i], &tm);
                if (!end || *end != '\0')
                        continue;
                *ret = (WallTime){ (int64_t)timegm(&tm) * 1000000 };
                return true;
        }
        return false;
}

static bool is_digits(Text text)
{
        for (size_t i = 0; i < text.len; i++)
                if (!isdigit((unsigned char)text.data[i]))
                        return false;
        return text.len > 0;
}

bool retry_after_parse(Text text, WallTime now, Span *ret)
{
        WallTime at;
        int64_t seconds;
        Text value = text_trim(text);
        Span asked = RETRY_AFTER_MAX;
        if (is_digits(value)) {
                /* More digits than a number holds are still only a long time. */
                if (text_integer(value, &seconds) && seconds < asked.us / 1000000)
                        asked = span_times(SPAN_SECOND, seconds);
        } else if (http_date_parse(value, &at)) {
                int64_t us = MAX_OF(at.us, now.us) - now.us;
                asked.us = MIN_OF(us, asked.us);
        } else {
                return false;
        }
        *ret = asked;
        return true;
}

/* --- nothing came --- */

static SendClass class_of_fault(Fault fault)
{
        return fault == FAULT_URL || fault == FAULT_PRIVATE ? SEND_PERMANENT : SEND_TEMPORARY;
}

static void timeout_detail(const Answer *a, const Channel *channel, SendResult *result)
{
        long long seconds = (a->took.us + 500000) / 1000000;
        if (a->was_greeted)
                detail_set(result, "no answer within %lld s%s", seconds, a->was_sent ? ": it may have arrived" : "");
        else
                detail_set(result, "no connection within %lld s (timeout of channel \"" TEXT_F "\": %lld s)", seconds,
                           TEXT_ARG(channel->name), (long long)channel->timeout.us / 1000000);
}

static void url_detail(const Channel *channel, SendResult *result)
{
        bool is_plain = channel->type != CHANNEL_EMAIL && text_starts(channel->url, TEXT("http:"));
        if (is_plain)
                detail_set(result,
                           "only https is allowed; set plain_http = true in channel \"" TEXT_F "\" if http is meant",
                           TEXT_ARG(channel->name));
        else
                detail_set(result, "the URL of channel \"" TEXT_F "\" cannot be used", TEXT_ARG(channel->name));
}

static void connect_detail(Text reason, SendResult *result)
{
        char first = reason.len > 0 ? (char)tolower((unsigned char)reason.data[0]) : '?';
        Text rest = reason.len > 0 ? text_from_offset(reason, 1) : reason;
        detail_set(result, "could not connect: %c" TEXT_F, first, TEXT_ARG(rest));
}

static void no_tls_detail(const Answer *a, const Channel *channel, SendResult *result)
{
        if (a->status >= 400 && a->status < 500)
                detail_set(result, "%d the mail server cannot do TLS at the moment", a->status);
        else
                detail_set(result,
                           "the mail server offers no TLS, which channel \"" TEXT_F
                           "\" requires; set tls = \"opportunistic\" if this is meant",
                           TEXT_ARG(channel->name));
}

static void login_detail(const Answer *a, const Channel *channel, SendResult *result)
{
        if (a->status >= 400 && a->status < 500)
                detail_set(result, "%d the mail server cannot check passwords at the moment", a->status);
        else
                detail_set(result, "%d authentication failed: check user and password of channel \"" TEXT_F "\"",
                           a->status, TEXT_ARG(channel->name));
}

static void fault_detail(const Answer *a, const Channel *channel, Arena *arena, SendResult *result)
{
        Text reason = outside(arena, a->reason);
        switch (a->fault) {
        case FAULT_URL:
                url_detail(channel, result);
                break;
        case FAULT_PRIVATE:
                detail_set(result,
                           "address " TEXT_F " is private and not allowed; set private_network = true if this is meant",
                           TEXT_ARG(reason));
                break;
        case FAULT_NAME:
                detail_set(result, "could not resolve the host name of channel \"" TEXT_F "\"",
                           TEXT_ARG(channel->name));
                break;
        case FAULT_CONNECT:
                connect_detail(reason, result);
                break;
        case FAULT_PROXY:
                detail_set(result, "the proxy of channel \"" TEXT_F "\" answers HTTP " TEXT_F, TEXT_ARG(channel->name),
                           TEXT_ARG(reason));
                break;
        case FAULT_TLS:
                detail_set(result, "TLS failed: " TEXT_F, TEXT_ARG(reason));
                break;
        case FAULT_NO_TLS:
                no_tls_detail(a, channel, result);
                break;
        case FAULT_LOGIN:
                login_detail(a, channel, result);
                break;
        case FAULT_TIMEOUT:
                timeout_detail(a, channel, result);
                break;
        case FAULT_LOST:
                detail_set(result, "the connection was lost before there was an answer%s",
                           a->was_sent ? ": it may have arrived" : "");
                break;
        case FAULT_GARBAGE:
                detail_set(result, "the answer is not " TEXT_F,
                           TEXT_ARG(channel->type == CHANNEL_EMAIL ? TEXT("SMTP") : TEXT("HTTP")));
                break;
        case FAULT_OTHER:
                detail_set(result, "could not send: " TEXT_F, TEXT_ARG(reason));
                break;
        case FAULT_NONE:
        case FAULT_MAX:
        default:
                must(false);
        }
}

/* --- HTTP --- */

static SendClass class_of_http(int status)
{
        if (status >= 200 && status < 300)
                return SEND_ACCEPTED;
        if (status == 404 || status == 410)
                return SEND_GONE;
        if (status == 408 || status == 425 || status == 429 || status >= 500)
                return SEND_TEMPORARY;
        return SEND_PERMANENT;
}

static void http_judge(const Answer *a, const Channel *channel, SendResult *result)
{
        result->class = class_of_http(a->status);
        if (a->status >= 300 && a->status < 400)
                detail_set(result, "HTTP %d: redirects are not followed; give channel \"" TEXT_F "\" the final URL",
                           a->status, TEXT_ARG(channel->name));
        else if (result->retry_after.us > 0 && result->class == SEND_TEMPORARY)
                detail_set(result, "HTTP %d, asks to wait for %lld s", a->status,
                           (long long)result->retry_after.us / 1000000);
        else
                detail_set(result, "HTTP %d", a->status);
}

/* --- chats and pagers --- */

/* A yes that is not in the receiver's own words comes from something in between, such as a login page of a proxy. */
static void receiver_judge(const Answer *a, const Receiver *r, const Channel *channel, SendResult *result)
{
        double seconds;
        if (receiver_retry_after(r, a->body, &seconds)) {
                double at_most = (double)RETRY_AFTER_MAX.us;
                Span asked = { (int64_t)MIN_OF(MAX_OF(seconds, 0.0) * 1e6, at_most) };
                result->retry_after.us = MAX_OF(result->retry_after.us, asked.us);
        }
        http_judge(a, channel, result);
        const ReceiverWord *word = receiver_word(r, a->body);
        if (result->class == SEND_ACCEPTED && !receiver_says_yes(r, a->status, a->body)) {
                bool is_whole = r->yes && r->yes[0] != '{';
                result->class = SEND_TEMPORARY;
                detail_set(result, "HTTP %d, but the answer is not %s's%s%s%s", a->status, r->name,
                           is_whole ? " \"" : "", is_whole ? r->yes : "", is_whole ? "\"" : "");
        } else if (result->class != SEND_ACCEPTED && word) {
                bool is_refused = result->class == SEND_PERMANENT;
                result->class = is_refused && word->is_gone ? SEND_GONE : result->class;
                detail_set(result, "HTTP %d %s", a->status, word->word);
        }
}

/* --- mail --- */

/* Who we are to the mail server, and how we came, is a matter of our configuration, not of the address. */
static bool is_about_us(const Answer *a)
{
        return a->status == 530 || a->status == 534 || a->status == 535 || a->status == 538 || !a->was_greeted;
}

/* RFC 3463: no such mailbox, no such host, no address, moved, a host that takes no mail: it will not come back. */
static bool mailbox_is_gone(const Answer *a, Text line)
{
        static const char *const CODES[] = { "5.1.1 ", "5.1.2 ", "5.1.3 ", "5.1.6 ", "5.1.10 " };
        if (a->status < 550 || a->status > 553 || line.len < 4)
                return false;
        for (size_t i = 0; i < COUNT_OF(CODES); i++)
                if (text_starts(text_from_offset(line, 4), text_from(CODES[i])))
                        return true;
        return false;
}

static SendClass class_of_mail(const Answer *a, Text line)
{
        if (a->status >= 200 && a->status < 300)
                return SEND_ACCEPTED;
        if (a->status < 500)
                return SEND_TEMPORARY;
        return mailbox_is_gone(a, line) ? SEND_GONE : SEND_PERMANENT;
}

/* Who does not know us yet ("greylisting") asks us to come back later without saying when: it is minutes, not seconds.
 * A password does not become right by being tried again, but accounts are locked for that. */
static bool mail_can_wait(const Answer *a)
{
        bool is_later = a->status >= 450 && a->status <= 452 && a->fault == FAULT_NONE && a->was_greeted;
        return is_later || a->fault == FAULT_LOGIN || (a->status >= 500 && is_about_us(a));
}

/* What the server says of this message may repeat the address or the text: its codes are said in our words. "" if it
 * gave none of RFC 3463; *ret_code is then empty. */
static const char *mail_words(Text line, Text *ret_code)
{
        static const struct {
                const char *code, *words;
        } WORDS[] = {
                { "1.1", "no such mailbox" },
                { "1.2", "no such mail domain" },
                { "1.3", "the address is malformed" },
                { "1.6", "the mailbox has moved" },
                { "1.8", "the sender is not known" },
                { "1.10", "the domain takes no mail" },
                { "2.1", "the mailbox is switched off" },
                { "2.2", "the mailbox is full" },
                { "2.3", "larger than the mailbox takes" },
                { "3.1", "the mail server is full" },
                { "3.2", "the mail server takes no mail now" },
                { "3.4", "larger than the mail server takes" },
                { "4.1", "no answer from the next host" },
                { "4.7", "it was on its way for too long" },
                { "7.1", "not allowed by the server's rules" },
                { "7.26", "not authenticated (SPF, DKIM)" },
        };
        static const char *const CLASSES[] = { "",
                                               "",
                                               "about the mailbox",
                                               "about the mail server",
                                               "about the way to the mailbox",
                                               "about the SMTP dialogue",
                                               "about the content",
                                               "about policy" };
        Text rest = text_from_offset(line, MIN_OF(line.len, (size_t)4));
        *ret_code = TEXT_NONE;
        (void)text_split(&rest, ' ', ret_code);
        Text code = *ret_code;
        bool is_code =
                code.len >= 5 && code.len <= 8 && strspn(code.data, "0123456789.") >= code.len && code.data[1] == '.';
        if (!is_code) {
                *ret_code = TEXT_NONE;
                return "";
        }
        for (size_t i = 0; i < COUNT_OF(WORDS); i++)
                if (text_is(text_from_offset(code, 2), WORDS[i].code))
                        return WORDS[i].words;
        size_t class = (size_t)(code.data[2] - '0');
        return class < COUNT_OF(CLASSES) ? CLASSES[class] : "";
}

static void mail_judge(const Answer *a, const Channel *channel, Arena *arena, SendResult *result)
{
        Text line = outside(arena, a->line);
        result->is_of_target = a->status == 421 || is_about_us(a);
        result->class = class_of_mail(a, line);
        if (a->status >= 500 && is_about_us(a)) {
                result->class = SEND_TEMPORARY;
                detail_set(result, TEXT_F "; check user, password and tls of channel \"" TEXT_F "\"", TEXT_ARG(line),
                           TEXT_ARG(channel->name));
                return;
        }
        Text code;
        const char *words = mail_words(line, &code);
        detail_set(result, "SMTP %d%s" TEXT_F "%s%s", a->status, code.len > 0 ? " " : "", TEXT_ARG(code),
                   words[0] ? ": " : "", words);
        said_set(result, line);
}

/* 500 is what one address of it does with our message. */
static bool host_fails(const Answer *a)
{
        if (a->fault == FAULT_NONE)
                return a->status == 502 || a->status == 503 || a->status == 504 || a->status == 421;
        return a->fault != FAULT_URL && a->fault != FAULT_PRIVATE && a->fault != FAULT_LOGIN;
}

void answer_judge(const Answer *answer, const Channel *channel, WallTime now, Arena *arena, SendResult *ret)
{
        *ret = (SendResult){ .code = answer->status, .took = answer->took };
        if (answer->retry_after.data)
                (void)retry_after_parse(answer->retry_after, now, &ret->retry_after);
        ret->is_unknown = answer->was_repeated || (answer->fault != FAULT_NONE && answer->was_sent);
        ret->is_of_target = true;
        if (channel->type == CHANNEL_EMAIL && mail_can_wait(answer))
                ret->retry_after = MAIL_PAUSE;
        if (answer->fault != FAULT_NONE) {
                ret->class = class_of_fault(answer->fault);
                fault_detail(answer, channel, arena, ret);
        } else if (channel->type == CHANNEL_EMAIL) {
                mail_judge(answer, channel, arena, ret);
        } else if (receiver_of(channel->type)) {
                receiver_judge(answer, receiver_of(channel->type), channel, ret);
        } else {
                http_judge(answer, channel, ret);
        }
        if (ret->class != SEND_TEMPORARY)
                ret->retry_after = SPAN_ZERO;
        ret->is_of_host = ret->class == SEND_TEMPORARY && host_fails(answer);
}

void answer_refuse(const char *detail, const Channel *channel, SendResult *ret)
{
        *ret = (SendResult){ .class = SEND_PERMANENT };
        detail_set(ret, "%s (channel \"" TEXT_F "\")", detail, TEXT_ARG(channel->name));
}

const char *send_class_text(SendClass class)
{
        static const char *const TEXTS[SEND_CLASS_MAX] = {
                [SEND_ACCEPTED] = "accepted",
                [SEND_TEMPORARY] = "temporary",
                [SEND_PERMANENT] = "permanent",
                [SEND_GONE] = "gone",
        };
        must(class < SEND_CLASS_MAX);
        return TEXTS[class];
}
