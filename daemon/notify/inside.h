/* inside.h - what the files around libcurl share: transport.c (loop, sockets, time), post.c (HTTP), session.c (mail).
 * No other file sees libcurl's types. */
#pragma once

#include <curl/curl.h>
#include <sys/epoll.h>

#include "notify/address.h"
#include "notify/dialogue.h"
#include "notify/transport.h"

typedef struct Handle Handle;
typedef struct Slot Slot;
typedef struct Session Session;

/* One of libcurl's handles, and what its callbacks leave. */
struct Handle {
        CURL *easy;
        Transport *transport;
        void (*on_done)(Handle *handle, CURLcode code);
        bool allows_private_network; /* also: all that we connect to is a proxy, whose address is the operator's */
        bool was_greeted; /* there is a connection; of a mail server: we are logged in */
        int tries;        /* connections over which it was sent */
        char refused_address[ADDRESS_BYTES];
        char error[CURL_ERROR_SIZE];
};

/* An HTTP request; its handle is set up for what stays the same. */
typedef struct Post {
        Handle handle; /* first: a Handle is its Post */
        Slot *slot;
        bool is_set_up, has_ca_file, allows_plain_http; /* as the handle is set up */
        struct curl_slist headers[REQUEST_HEADERS_MAX];
        bool has_status;
        size_t head_lines, head_bytes, body_bytes;
        size_t body_kept, retry_after_kept;
        char body[ANSWER_BODY_BYTES], retry_after[ANSWER_RETRY_BYTES];
} Post;

struct Slot {
        Exchange exchange; /* first: an Exchange is its Slot */
        Transport *transport;
        Slot *next; /* of those that are free */
        bool is_under_way;
        MonoTime started_at;
        Post post;
};

#define SET(easy, option, value) must(curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

/* What every handle has in common. allows_private_network is the request's. */
void handle_set_up(Handle *handle);
void handle_aim(Handle *handle, const Request *request, Arena *arena);
void handle_start(Handle *handle);
void handle_stop(Handle *handle); /* also after it was done */
Fault handle_fault(const Handle *handle, CURLcode code);
Text handle_reason(const Handle *handle, Fault fault, CURLcode code, Arena *arena);

/* libcurl wants char *, and reads only. */
char *chars(Arena *arena, Text text);
bool is_one_line(Text text);

sd_event *transport_event(const Transport *t);
MonoTime transport_clock(const Transport *t);
Session **transport_sessions(Transport *t); /* the list of all */
/* The session hears of its socket from now on, not libcurl. */
void transport_watch(Transport *t, int fd, Session *session, uint32_t events);
/* Tells the caller; the slot may be used for something else on return. */
void transport_finish(Slot *slot, Answer *answer);

void post_start(Post *post);
void post_stop(Post *post);

void session_start(Transport *t, Slot *slot);
void session_ready(Session *session);
Session *session_free(Session *session);
