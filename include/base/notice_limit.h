/* notice_limit.h - how often the same message is said: NOTICE_BURST at once, then the last of each minute with the number
 * of those it stands for. So a failure that repeats fills no log, and the last word is never lost.
 * Owns:    the lines that were left out; a fixed number of subjects, the longest silent one makes room.
 * Units:   MonoTime, given by the caller.
 * Errors:  none. */
#pragma once

#include "base/instant.h"
#include "base/notice.h"

enum {
        NOTICE_BURST = 3,
        NOTICE_MESSAGE_BYTES = 4096,
        NOTICE_FIELDS_BYTES = 1024,
        NOTICE_SUBJECTS_MAX = 32,
};

#define NOTICE_WINDOW ((Span){ 60 * INT64_C(1000000) })

typedef struct NoticeLine {
        NoticeId id;
        char message[NOTICE_MESSAGE_BYTES];
        char fields[NOTICE_FIELDS_BYTES]; /* NAME=VALUE, each ends with a NUL */
        size_t fields_len;
} NoticeLine;

typedef struct NoticeSlot {
        uint64_t subject; /* 0: unused */
        MonoTime ends_at; /* of its minute */
        int said;         /* in this minute */
        int64_t left_out; /* the last of them stands in line */
        NoticeLine line;
} NoticeSlot;

typedef struct NoticeLimit {
        NoticeSlot slots[NOTICE_SUBJECTS_MAX];
} NoticeLimit;

/* stands_for: 1, or how many were left out, this one among them. */
typedef void (*NoticeSend)(void *userdata, const NoticeLine *line, int64_t stands_for);

/* Sends the line now, or keeps it. subject: a hash of what makes lines the same. */
void notice_limit_put(NoticeLimit *limit, uint64_t subject, const NoticeLine *line, MonoTime now, NoticeSend send,
                      void *userdata);
/* Sends what was kept and whose minute is over, or all of it. */
void notice_limit_flush(NoticeLimit *limit, MonoTime now, bool is_all, NoticeSend send, void *userdata);
