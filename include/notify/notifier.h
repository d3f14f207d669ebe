/* notifier.h - sends parcels: webhook, chats and pagers, e-mail, over one curl multi handle on the loop.
 * Owns:    the curl handles and sockets; a parcel stays the caller's until its `done` was called.
 * Units:   durations in Span; the timeout of a send is its channel's.
 * Errors:  a send never fails to start: what goes wrong is a SendResult, and `done` is called exactly once, from the
 *          loop, never from inside notifier_send(). notifier_free() drops what is under way without calling `done`.
 * Called:  from the loop thread only. */
#pragma once

#include <systemd/sd-event.h>

#include "turn/parcel.h"

typedef enum SendClass {
        SEND_ACCEPTED,  /* the receiver has taken it over */
        SEND_TEMPORARY, /* try again: no connection, timeout, 408, 425, 429, 5xx; SMTP 4xx */
        SEND_PERMANENT, /* this message will never be taken: other 4xx, 3xx; SMTP 5xx; an address that is none */
        SEND_GONE,      /* this target is no more: 404, 410: disable the channel for this recipient */
        SEND_CLASS_MAX,
} SendClass;

const char *send_class_text(SendClass class); /* "accepted", "temporary", "permanent", "gone" */

enum {
        SEND_DETAIL_BYTES = 160
};

typedef struct SendResult {
        SendClass class;
        int code;         /* HTTP or SMTP status; 0: none came */
        Span retry_after; /* what the receiver asks for; 0: nothing */
        Span took;
        bool is_unknown; /* it may have arrived without our hearing of it: whatever is sent next is a possible repeat */
        bool is_of_target; /* the target does not work, whatever it is sent; else it is about this message */
        bool is_of_host;   /* and neither do others of its host: no answer, or a gateway's */
        char detail[SEND_DETAIL_BYTES]; /* one line for people: no secret, no URL query, no customer's text */
        char said[SEND_DETAIL_BYTES];   /* the receiver's own words, if there are any that may repeat addresses or the
                                         * message: for the case and its deliveries, never for a log or a figure */
} SendResult;

typedef void (*SendDone)(void *userdata, Parcel *parcel, const SendResult *result);

typedef struct Notifier Notifier;

int notifier_new(sd_event *event, SendDone done, void *userdata, Notifier **ret) MUST_CHECK;
Notifier *notifier_free(Notifier *notifier);
DEFINE_CLEANUP(Notifier, notifier_free)

/* now: for signatures, Date headers and times in the text. */
void notifier_send(Notifier *notifier, Parcel *parcel, WallTime now);

size_t notifier_in_flight(const Notifier *notifier);

/* What would be sent, for `notify test` and tests: the body as the receiver gets it (JSON; e-mail: the
 * whole message). */
Text notifier_preview(const Parcel *parcel, WallTime now, Arena *arena);
