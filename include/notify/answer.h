/* answer.h - what the answer to a delivery means: taken over, try again, never, or gone; with one line for people.
 * Pure: no clock (now is when the answer came), no memory but the arena.
 * Source:  RFC 9110 (status codes, Retry-After), RFC 5321 and 4954 (replies of mail servers); for chats and
 * pagers receiver.h. */
#pragma once

#include "notify/notifier.h"
#include "notify/transport.h"

/* How long a receiver may put us off. */
#define RETRY_AFTER_MAX SPAN_HOUR
/* How long a mail server is left alone that says "later", or does not take our password. */
#define MAIL_PAUSE ((Span){ INT64_C(300) * 1000000 })

/* By the channel's type. The arena is scratch. */
void answer_judge(const Answer *answer, const Channel *channel, WallTime now, Arena *arena, SendResult *ret);

/* Of a delivery that was not even tried. */
void answer_refuse(const char *detail, const Channel *channel, SendResult *ret);

/* "120", or one of the three date forms of HTTP; 0 to RETRY_AFTER_MAX. False: neither. */
bool retry_after_parse(Text text, WallTime now, Span *ret);
