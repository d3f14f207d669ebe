/* notice.h - what the daemon says to an administrator: each message is a row of notice_tbl.h, with its cause and what to
 * do, and reaches the journal with its MESSAGE_ID and with fields; standard error where there is no journal.
 * Owns:    what was left out lately: of one message about one subject a few pass each minute, of the rest the last.
 * Errors:  none: who cannot log goes on.
 * Called:  from the loop thread, by the edge only (main, service, ctl); what is below returns errors. No secret, no
 *          customer's text and nobody's address in any argument (promise S10): identifiers only. */
#pragma once

#include "base/notice_tbl.h"
#include "base/text.h"

typedef enum NoticeId {
#define NOTICE_ENUM(symbol, ...) NOTICE_##symbol,
        NOTICES(NOTICE_ENUM)
#undef NOTICE_ENUM
        NOTICE_MAX,
} NoticeId;

/* What it is about: CL_CASE, CL_DELIVERY, CL_CHANNEL, CL_RULE, CL_TOPIC, CL_PARTITION and CL_OFFSET of the journal. */
typedef struct NoticeAbout {
        int64_t case_number, delivery; /* 0: none */
        Text channel, rule, topic;     /* absent: none */
        int32_t partition;             /* of the topic */
        int64_t offset;                /* in the partition */
        bool has_partition, has_offset;
} NoticeAbout;

#define ABOUT_NOTHING ((NoticeAbout){ 0 })

static inline NoticeAbout about_channel(Text channel)
{
        return (NoticeAbout){ .channel = channel };
}

static inline NoticeAbout about_topic(Text topic)
{
        return (NoticeAbout){ .topic = topic };
}

static inline NoticeAbout about_partition(Text topic, int32_t partition)
{
        return (NoticeAbout){ .topic = topic, .partition = partition, .has_partition = true };
}

static inline NoticeAbout about_record(Text topic, int32_t partition, int64_t offset)
{
        return (NoticeAbout){ .topic = topic,
                              .partition = partition,
                              .offset = offset,
                              .has_partition = true,
                              .has_offset = true };
}

static inline NoticeAbout about_delivery(int64_t case_number, int64_t delivery, Text channel)
{
        return (NoticeAbout){ .case_number = case_number, .delivery = delivery, .channel = channel };
}

/* "SUBJECT: what the format makes of its arguments", where the subject is the row's. Lower case, no full stop, outside
 * text in quotes. Which messages count as the same is decided by id, channel, rule, topic and partition. */
void notice_log(NoticeId id, NoticeAbout about, const char *format, ...) PRINTF_LIKE(3, 4);
/* The subject says it all. */
void notice_log_plain(NoticeId id, NoticeAbout about);

/* Writes the last of those that were left out, once their minute is over; at the end of the process at once. */
void notice_flush(bool is_end);

/* Is standard error the journal? Then a report for people goes there as a notice. */
bool notice_has_journal(void);

/* A row, for the catalog and the documentation. */
typedef struct NoticeRow {
        const char *symbol;
        int priority; /* LOG_ERR ... of syslog.h */
        const char *message_id;
        const char *subject, *cause, *cure;
} NoticeRow;

const NoticeRow *notice_row(NoticeId id);
