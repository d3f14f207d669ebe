#include "base/notice.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/notice_limit.h"

static const NoticeRow ROWS[NOTICE_MAX] = {
#define NOTICE_ROW(symbol, priority, message_id, subject, cause, cure) \
        [NOTICE_##symbol] = { #symbol, LOG_##priority, message_id, subject, cause, cure },
        NOTICES(NOTICE_ROW)
#undef NOTICE_ROW
};

static NoticeLimit limit;

const NoticeRow *notice_row(NoticeId id)
{
        must(id < NOTICE_MAX);
        return &ROWS[id];
}

/* systemd says by device and inode which stream is the journal's; anything else is a terminal, a pipe or a file. */
bool notice_has_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;
        if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2 || fstat(STDERR_FILENO, &st) < 0)
                return false;
        return st.st_dev == device && st.st_ino == inode;
}

/* Control characters would forge lines and colours, and what is no UTF-8 is not shown at all. Line ends pass: those of
 * outside text are gone before (sink_log), ours stand in the report on a configuration. */
static void text_clean(char *text)
{
        size_t len = strlen(text);
        for (size_t i = 0; i < len;) {
                unsigned char c = (unsigned char)text[i];
                size_t bytes = text_character_bytes((Text){ text, len }, i);
                bool is_c1 = bytes == 2 && c == 0xc2 && (unsigned char)text[i + 1] < 0xa0;
                bool is_control = (c < 0x20 && c != '\n') || c == 0x7f || is_c1;
                if (bytes == 0 || is_control)
                        memset(text + i, '?', MAX_OF(bytes, (size_t)1));
                i += MAX_OF(bytes, (size_t)1);
        }
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

static int journal_send(const NoticeLine *line, const char *message)
{
        enum {
                FIELDS_MAX = 16
        };
        const NoticeRow *row = notice_row(line->id);
        char text[NOTICE_MESSAGE_BYTES + 64], id[64], priority[16];
        struct iovec fields[FIELDS_MAX];
        int count = 0;
        const char *own[] = { text, id, priority };
        (void)snprintf(text, sizeof(text), "MESSAGE=%s", message);
        (void)snprintf(id, sizeof(id), "MESSAGE_ID=%s", row->message_id);
        (void)snprintf(priority, sizeof(priority), "PRIORITY=%d", row->priority);
        for (size_t i = 0; i < COUNT_OF(own); i++)
                fields[count++] = (struct iovec){ .iov_base = (char *)(uintptr_t)own[i], .iov_len = strlen(own[i]) };
        for (const char *f = line->fields; f < line->fields + line->fields_len && count < FIELDS_MAX;
             f += strlen(f) + 1)
                fields[count++] = (struct iovec){ .iov_base = (char *)(uintptr_t)f, .iov_len = strlen(f) };
        return sd_journal_sendv(fields, count);
}

static void stderr_send(const NoticeRow *row, const char *message)
{
        fprintf(stderr, "closedloopd: %s%s\n",
                row->priority <= LOG_ERR       ? "error: "
                : row->priority == LOG_WARNING ? "warning: "
                                               : "",
                message);
}

static void line_send(void *userdata UNUSED, const NoticeLine *line, int64_t stands_for)
{
        char message[NOTICE_MESSAGE_BYTES + 48];
        const NoticeRow *row = notice_row(line->id);
        if (stands_for > 1)
                (void)snprintf(message, sizeof(message), "%s (the last of %" PRId64 " in a minute)", line->message,
                               stands_for);
        else
                (void)snprintf(message, sizeof(message), "%s", line->message);
        if (!notice_has_journal())
                stderr_send(row, message);
        else if (journal_send(line, message) < 0)
                fprintf(stderr, "<%d>%s\n", row->priority, message);
}

/* ---- making a line ---------------------------------------------------------------------------------------------- */

static void field_put(NoticeLine *line, const char *format, ...) PRINTF_LIKE(2, 3);
static void field_put(NoticeLine *line, const char *format, ...)
{
        char *at = line->fields + line->fields_len;
        size_t room = sizeof(line->fields) - line->fields_len;
        va_list args;
        va_start(args, format);
        int len = vsnprintf(at, room, format, args);
        va_end(args);
        if (len < 0 || (size_t)len >= room)
                return;
        text_clean(at);
        line->fields_len += (size_t)len + 1;
}

static void fields_put(NoticeLine *line, const NoticeAbout *about)
{
        if (about->case_number)
                field_put(line, "CL_CASE=%" PRId64, about->case_number);
        if (about->delivery)
                field_put(line, "CL_DELIVERY=%" PRId64, about->delivery);
        if (about->channel.data)
                field_put(line, "CL_CHANNEL=" TEXT_F, TEXT_ARG(about->channel));
        if (about->rule.data)
                field_put(line, "CL_RULE=" TEXT_F, TEXT_ARG(about->rule));
        if (about->topic.data)
                field_put(line, "CL_TOPIC=" TEXT_F, TEXT_ARG(about->topic));
        if (about->has_partition)
                field_put(line, "CL_PARTITION=%" PRId32, about->partition);
        if (about->has_offset)
                field_put(line, "CL_OFFSET=%" PRId64, about->offset);
}

static uint64_t subject_hash(NoticeId id, const NoticeAbout *about)
{
        uint64_t parts[] = { (uint64_t)id, text_hash(about->channel), text_hash(about->rule), text_hash(about->topic),
                             about->has_partition ? (uint64_t)about->partition + 1 : 0 };
        return text_hash((Text){ (const char *)parts, sizeof(parts) });
}

static void line_log(NoticeLine *line, const NoticeAbout *about)
{
        text_clean(line->message);
        fields_put(line, about);
        notice_limit_put(&limit, subject_hash(line->id, about), line, clock_mono(), line_send, NULL);
}

void notice_log(NoticeId id, NoticeAbout about, const char *format, ...)
{
        NoticeLine line = { .id = id };
        int len = snprintf(line.message, sizeof(line.message), "%s: ", notice_row(id)->subject);
        must(len > 0 && (size_t)len < sizeof(line.message));
        va_list args;
        va_start(args, format);
        (void)vsnprintf(line.message + len, sizeof(line.message) - (size_t)len, format, args);
        va_end(args);
        line_log(&line, &about);
}

void notice_log_plain(NoticeId id, NoticeAbout about)
{
        NoticeLine line = { .id = id };
        (void)snprintf(line.message, sizeof(line.message), "%s", notice_row(id)->subject);
        line_log(&line, &about);
}

void notice_flush(bool is_end)
{
        notice_limit_flush(&limit, clock_mono(), is_end, line_send, NULL);
}
