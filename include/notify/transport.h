/* transport.h - carries requests to other systems: one HTTP POST, or one mail over SMTP. The only header that speaks
 * for libcurl. What the answer means is decided elsewhere (answer.h).
 * Owns:    a curl multi handle on the loop, its sockets, and a bounded number of exchanges, which are used again and
 *          again together with their memory.
 * Errors:  an exchange that fails is an Answer with a Fault.
 * Limits:  64 KiB and 128 lines of an answer are read; what comes after is cut off, its status counts all the same.
 *          Redirects, proxies of the environment, cookies and .netrc do not exist for it.
 * Called:  from the loop thread only. The program must ignore SIGPIPE. */
#pragma once

#include <systemd/sd-event.h>

#include "config/config.h"

enum {
        EXCHANGES_MAX = 256,
        REQUEST_HEADERS_MAX = 8,
        ANSWER_BODY_BYTES = 256, /* kept of an answer's body */
        ANSWER_LINE_BYTES = 256, /* kept of a mail server's last line */
        ANSWER_RETRY_BYTES = 64, /* kept of Retry-After */
        ANSWER_REASON_BYTES = 96,
};

typedef enum RequestKind {
        REQUEST_POST,
        REQUEST_MAIL,
} RequestKind;

/* All of it stays where it is until the answer is there: in the exchange's arena, or longer. */
typedef struct Request {
        RequestKind kind;
        const Channel *channel; /* url, user, password, tls, ca_file, timeout, what it allows */
        bool allows_private_network;
        Text url;                          /* of a POST; absent: the channel's */
        Text headers[REQUEST_HEADERS_MAX]; /* of a POST: "name: value", each followed by a NUL */
        size_t header_count;
        Text from, to; /* of a mail: its envelope, checked by the caller */
        Text body;     /* of a mail: all of the message, lines ended by CR LF */
} Request;

typedef enum Fault {
        FAULT_NONE,
        FAULT_URL,     /* not one that may be used here */
        FAULT_PRIVATE, /* reason: the address */
        FAULT_NAME,    /* the host's name could not be resolved */
        FAULT_CONNECT, /* reason: why */
        FAULT_PROXY,   /* it does not connect us; reason: its status */
        FAULT_TLS,     /* reason: why */
        FAULT_NO_TLS,  /* the mail server does not offer it */
        FAULT_LOGIN,   /* the mail server does not take user and password */
        FAULT_TIMEOUT,
        FAULT_LOST,    /* the connection, before there was an answer */
        FAULT_GARBAGE, /* an answer that is none */
        FAULT_OTHER,   /* reason: curl's word for it */
        FAULT_MAX,
} Fault;

typedef struct Answer {
        Fault fault;       /* FAULT_NONE: there is a status */
        int status;        /* of HTTP, or of the mail server's last reply; 0: none */
        bool was_greeted;  /* of a mail: the server knew us before it refused something */
        bool was_sent;     /* all of it went out: with a fault, nobody knows whether it has arrived */
        bool was_repeated; /* sent again at once, over a new connection: the old one had ended without an answer */
        Text body;         /* its first bytes */
        Text line;         /* the mail server's last line, as it came */
        Text retry_after;  /* as it came; absent: none */
        Text reason;
        Span took;
} Answer;

/* One request and its answer. The arena is forgotten when it is closed. */
typedef struct Exchange {
        Request request;
        Arena *arena;
        void *userdata;
} Exchange;

/* Called from the loop, never from inside transport_start(). The exchange and its answer are there until `done` closes
 * it, which it must. */
typedef void (*ExchangeDone)(void *userdata, Exchange *x, const Answer *answer);

typedef struct Transport Transport;

int transport_new(sd_event *event, ExchangeDone done, void *userdata, Transport **ret) MUST_CHECK;
/* What is under way is dropped without a word to `done`. */
Transport *transport_free(Transport *transport);
DEFINE_CLEANUP(Transport, transport_free)

/* An empty exchange to fill and start; NULL: EXCHANGES_MAX are under way. */
Exchange *transport_open(Transport *transport);
void transport_start(Transport *transport, Exchange *x);
/* Of one that was not started, or is done. */
void transport_close(Transport *transport, Exchange *x);

/* Connections that were opened so far. */
size_t transport_connections(const Transport *transport);
