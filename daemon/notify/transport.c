#include "notify/transport.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "notify/address.h"

/* What libcurl does by itself would cost or block in places, hence:
 * - A socket stays in epoll between two exchanges of a connection; it leaves when it is closed, or as soon as it speaks
 *   although nobody waits (a peer that closes an idle connection would make the loop spin).
 * - "At once" is a deferred source, and a timer that is armed early enough is left alone: no timerfd call a request.
 * - Easy handles and header nodes are kept; bodies are not copied.
 * - libcurl ends an SMTP session with QUIT and waits for the answer, blocking all. The reading side of the socket is
 *   shut before, so that QUIT goes out and the wait ends at once.
 * - CURLOPT_QUICK_EXIT: else a timeout while a name is being resolved waits for the resolver's thread. */

enum {
        ARENA_BYTES = 8 * 1024,
        ANSWER_BODY_BYTES_MAX = 64 * 1024,
        ANSWER_HEAD_BYTES_MAX = 64 * 1024,
        ANSWER_HEAD_LINES_MAX = 128,
        CONNECT_MS_MAX = 5000,
        QUIT_SECONDS = 1,
        CONNECTIONS_KEPT_MAX = 512,
};

typedef struct Socket Socket;
struct Socket {
        Transport *transport;
        sd_event_source *source;
        bool is_connection; /* opened by us, so we hear when it closes; else a pipe of the resolver */
        int wanted;         /* CURL_POLL_..., what libcurl waits for now */
        uint32_t events;    /* as registered; 0: not registered */
};

typedef struct Slot Slot;
struct Slot {
        Exchange exchange; /* first: an Exchange is its Slot */
        Transport *transport;
        Slot *next; /* of those that are free */
        CURL *easy;
        bool is_under_way;
        bool is_set_up;
        RequestKind kind;                    /* that the handle is set up for */
        bool has_ca_file, allows_plain_http; /* as the handle is set up */
        struct curl_slist headers[REQUEST_HEADERS_MAX];
        struct curl_slist to;
        size_t body_sent; /* of a mail */
        MonoTime started_at;

        bool was_greeted, has_status, is_cut;
        size_t head_lines, head_bytes, body_bytes;
        size_t body_kept, line_kept, retry_after_kept;
        char body[ANSWER_BODY_BYTES], line[ANSWER_LINE_BYTES], retry_after[ANSWER_RETRY_BYTES];
        char refused_address[ADDRESS_BYTES];
        char error[CURL_ERROR_SIZE];
};

struct Transport {
        sd_event *event;
        ExchangeDone done;
        void *userdata;
        CURLM *multi;
        sd_event_source *kick; /* "at once" */
        sd_event_source *timer;
        uint64_t timer_at; /* armed for; UINT64_MAX: not armed */
        uint64_t due_at;   /* when libcurl wants to be called; UINT64_MAX: never */
        Socket **sockets;  /* by descriptor */
        size_t socket_count;
        Slot *slots[EXCHANGES_MAX];
        size_t slot_count;
        Slot *free_slots;
        size_t connections;
};

/* --- sockets on the loop --- */

static uint64_t loop_now(const Transport *t)
{
        uint64_t now = 0;
        must(sd_event_now(t->event, CLOCK_MONOTONIC, &now) >= 0);
        return now;
}

static void transport_drain(Transport *t);

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Socket *s = userdata;
        Transport *t = s->transport;
        if (s->wanted == CURL_POLL_NONE) {
                s->events = 0;
                return sd_event_source_set_enabled(source, SD_EVENT_OFF);
        }
        int mask = 0;
        if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
                mask |= CURL_CSELECT_IN;
        if (events & EPOLLOUT)
                mask |= CURL_CSELECT_OUT;
        if (events & (EPOLLERR | EPOLLHUP))
                mask |= CURL_CSELECT_ERR;
        int running;
        (void)curl_multi_socket_action(t->multi, fd, mask, &running);
        transport_drain(t);
        return 0;
}

static Socket *socket_of(const Transport *t, curl_socket_t fd)
{
        return fd >= 0 && (size_t)fd < t->socket_count ? t->sockets[fd] : NULL;
}

static Socket *socket_add(Transport *t, curl_socket_t fd)
{
        must(fd >= 0);
        if ((size_t)fd >= t->socket_count) {
                size_t count = MAX_OF((size_t)fd + 1, t->socket_count * 2);
                Socket **larger = realloc(t->sockets, count * sizeof(*larger));
                must(larger != NULL);
                memset(larger + t->socket_count, 0, (count - t->socket_count) * sizeof(*larger));
                t->sockets = larger;
                t->socket_count = count;
        }
        Socket *s = calloc(1, sizeof(*s));
        must(s != NULL);
        s->transport = t;
        t->sockets[fd] = s;
        return s;
}

static void socket_forget(Transport *t, curl_socket_t fd)
{
        Socket *s = socket_of(t, fd);
        if (!s)
                return;
        t->sockets[fd] = NULL;
        (void)sd_event_source_disable_unref(s->source);
        free(s);
}

static int socket_register(Socket *s, curl_socket_t fd, uint32_t events)
{
        if (!s->source)
                return sd_event_add_io(s->transport->event, &s->source, fd, events, on_socket, s);
        int r = s->events == events ? 0 : sd_event_source_set_io_events(s->source, events);
        return r < 0 ? r : sd_event_source_set_enabled(s->source, SD_EVENT_ON);
}

static int on_curl_socket(CURL *easy UNUSED, curl_socket_t fd, int wanted, void *userdata, void *assigned UNUSED)
{
        Transport *t = userdata;
        Socket *s = socket_of(t, fd);
        if (wanted == CURL_POLL_REMOVE) {
                if (s && s->is_connection)
                        s->wanted = CURL_POLL_NONE;
                else
                        socket_forget(t, fd);
                return 0;
        }
        if (!s)
                s = socket_add(t, fd);
        s->wanted = wanted;
        uint32_t events = 0;
        if (wanted & CURL_POLL_IN)
                events |= EPOLLIN;
        if (wanted & CURL_POLL_OUT)
                events |= EPOLLOUT;
        if (events != s->events) {
                must(socket_register(s, fd, events) >= 0);
                s->events = events;
        }
        return 0;
}

static curl_socket_t on_open(void *userdata, curlsocktype purpose UNUSED, struct curl_sockaddr *address)
{
        Slot *s = userdata;
        if (!s->exchange.request.allows_private_network && address_is_private(&address->addr, address->addrlen)) {
                address_format(&address->addr, address->addrlen, s->refused_address);
                return CURL_SOCKET_BAD;
        }
        int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
        if (fd < 0)
                return CURL_SOCKET_BAD;
        socket_add(s->transport, fd)->is_connection = true;
        s->transport->connections++;
        return fd;
}

static int on_close(void *userdata, curl_socket_t fd)
{
        socket_forget(userdata, fd);
        return close(fd);
}

/* --- time --- */

static void timer_arm(Transport *t)
{
        if (t->due_at >= t->timer_at)
                return;
        t->timer_at = t->due_at;
        must(sd_event_source_set_time(t->timer, t->timer_at) >= 0);
        must(sd_event_source_set_enabled(t->timer, SD_EVENT_ONESHOT) >= 0);
}

static int on_curl_timer(CURLM *multi UNUSED, long timeout_ms, void *userdata)
{
        Transport *t = userdata;
        t->due_at = timeout_ms > 0 ? loop_now(t) + (uint64_t)timeout_ms * 1000 : UINT64_MAX;
        if (timeout_ms == 0)
                must(sd_event_source_set_enabled(t->kick, SD_EVENT_ONESHOT) >= 0);
        timer_arm(t);
        return 0;
}

static void transport_turn(Transport *t)
{
        int running;
        (void)curl_multi_socket_action(t->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        transport_drain(t);
}

static int on_kick(sd_event_source *source UNUSED, void *userdata)
{
        transport_turn(userdata);
        return 0;
}

static int on_timer(sd_event_source *source UNUSED, uint64_t usec UNUSED, void *userdata)
{
        Transport *t = userdata;
        t->timer_at = UINT64_MAX;
        if (loop_now(t) < t->due_at) {
                timer_arm(t);
                return 0;
        }
        t->due_at = UINT64_MAX;
        transport_turn(t);
        return 0;
}

/* --- what libcurl reads and writes --- */

static size_t keep(char *to, size_t kept, size_t max, const char *bytes, size_t count)
{
        size_t more = MIN_OF(count, max - kept);
        memcpy(to + kept, bytes, more);
        return kept + more;
}

static size_t on_body(char *bytes, size_t one UNUSED, size_t count, void *userdata)
{
        Slot *s = userdata;
        s->body_kept = keep(s->body, s->body_kept, sizeof(s->body), bytes, count);
        s->body_bytes += count;
        s->is_cut = s->body_bytes > ANSWER_BODY_BYTES_MAX;
        return s->is_cut ? 0 : count;
}

static void http_line(Slot *s, Text line)
{
        const Text retry_after = TEXT("retry-after:");
        if (text_starts(line, TEXT("HTTP/"))) {
                s->has_status = false;
                s->retry_after_kept = 0;
        } else if (text_trim(line).len == 0) {
                s->has_status = true;
        } else if (line.len > retry_after.len && strncasecmp(line.data, retry_after.data, retry_after.len) == 0) {
                Text value = text_trim(text_from_offset(line, retry_after.len));
                s->retry_after_kept = keep(s->retry_after, 0, sizeof(s->retry_after), value.data, value.len);
        }
}

/* libcurl closes the session after a refusal. */
static void mail_line(Slot *s, Text line)
{
        Text reply = text_trim(line);
        s->line_kept = keep(s->line, 0, sizeof(s->line), reply.data, reply.len);
        bool is_refusal = line.len > 3 && line.data[0] >= '4' && line.data[3] != '-';
        curl_socket_t fd;
        if (is_refusal && s->was_greeted && curl_easy_getinfo(s->easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK &&
            fd != CURL_SOCKET_BAD)
                (void)shutdown(fd, SHUT_RD);
}

static size_t on_head(char *bytes, size_t one UNUSED, size_t count, void *userdata)
{
        Slot *s = userdata;
        s->head_lines++;
        s->head_bytes += count;
        s->is_cut = s->head_lines > ANSWER_HEAD_LINES_MAX || s->head_bytes > ANSWER_HEAD_BYTES_MAX;
        if (s->is_cut)
                return 0;
        if (s->kind == REQUEST_POST)
                http_line(s, (Text){ bytes, count });
        else
                mail_line(s, (Text){ bytes, count });
        return count;
}

static size_t on_read(char *room, size_t one UNUSED, size_t count, void *userdata)
{
        Slot *s = userdata;
        Text rest = text_from_offset(s->exchange.request.body, s->body_sent);
        size_t bytes = MIN_OF(count, rest.len);
        memcpy(room, rest.data, bytes);
        s->body_sent += bytes;
        return bytes;
}

/* Before the request goes out, also over a connection that was opened for a channel that allows more. */
static int on_ready(void *userdata, char *address, char *own_address UNUSED, int port UNUSED, int own_port UNUSED)
{
        Slot *s = userdata;
        s->was_greeted = true;
        if (s->exchange.request.allows_private_network || !address_text_is_private(address))
                return CURL_PREREQFUNC_OK;
        (void)snprintf(s->refused_address, sizeof(s->refused_address), "%s", address);
        return CURL_PREREQFUNC_ABORT;
}

/* --- a request --- */

#define SET(easy, option, value) must(curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

static void slot_set_common(Slot *s)
{
        CURL *e = s->easy;
        SET(e, CURLOPT_PRIVATE, s);
        SET(e, CURLOPT_ERRORBUFFER, s->error);
        SET(e, CURLOPT_NOSIGNAL, 1L);
        SET(e, CURLOPT_QUICK_EXIT, 1L);
        SET(e, CURLOPT_PROXY, "");
        SET(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
        SET(e, CURLOPT_FOLLOWLOCATION, 0L);
        SET(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        SET(e, CURLOPT_SSL_VERIFYPEER, 1L);
        SET(e, CURLOPT_SSL_VERIFYHOST, 2L);
        SET(e, CURLOPT_BUFFERSIZE, 4096L);
        SET(e, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
        SET(e, CURLOPT_TCP_KEEPALIVE, 1L);
        SET(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
        SET(e, CURLOPT_OPENSOCKETDATA, s);
        SET(e, CURLOPT_CLOSESOCKETFUNCTION, on_close);
        SET(e, CURLOPT_CLOSESOCKETDATA, s->transport);
        SET(e, CURLOPT_PREREQFUNCTION, on_ready);
        SET(e, CURLOPT_PREREQDATA, s);
        SET(e, CURLOPT_HEADERFUNCTION, on_head);
        SET(e, CURLOPT_HEADERDATA, s);
        SET(e, CURLOPT_WRITEFUNCTION, on_body);
        SET(e, CURLOPT_WRITEDATA, s);
}

static void slot_set_post(Slot *s)
{
        SET(s->easy, CURLOPT_PROTOCOLS_STR, s->allows_plain_http ? "https,http" : "https");
        SET(s->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        SET(s->easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
        SET(s->easy, CURLOPT_USERAGENT, "closedloopd/" CLOSEDLOOP_VERSION);
        SET(s->easy, CURLOPT_POST, 1L);
}

static void slot_set_mail(Slot *s)
{
        SET(s->easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
        SET(s->easy, CURLOPT_UPLOAD, 1L);
        SET(s->easy, CURLOPT_READFUNCTION, on_read);
        SET(s->easy, CURLOPT_READDATA, s);
}

/* What stays the same from request to request is set once. */
static void slot_set_up(Slot *s)
{
        const Request *r = &s->exchange.request;
        bool has_ca_file = r->channel->ca_file.len > 0;
        if (s->is_set_up && s->kind == r->kind && s->has_ca_file == has_ca_file &&
            s->allows_plain_http == r->channel->allows_plain_http)
                return;
        curl_easy_reset(s->easy);
        s->is_set_up = true;
        s->kind = r->kind;
        s->has_ca_file = has_ca_file;
        s->allows_plain_http = r->channel->allows_plain_http;
        slot_set_common(s);
        if (r->kind == REQUEST_POST)
                slot_set_post(s);
        else
                slot_set_mail(s);
}

/* libcurl wants char *, and reads only. */
static char *chars(Slot *s, Text text)
{
        char *copy = arena_alloc(s->exchange.arena, text.len + 1);
        if (text.len > 0)
                memcpy(copy, text.data, text.len);
        return copy;
}

static char *chars_or_null(Slot *s, Text text)
{
        return text.len > 0 ? chars(s, text) : NULL;
}

static bool is_one_line(Text text)
{
        for (size_t i = 0; i < text.len; i++)
                if (text.data[i] == '\r' || text.data[i] == '\n' || text.data[i] == '\0')
                        return false;
        return text.len > 0;
}

static struct curl_slist *slot_headers(Slot *s)
{
        const Request *r = &s->exchange.request;
        must(r->header_count <= REQUEST_HEADERS_MAX);
        for (size_t i = 0; i < r->header_count; i++) {
                must(is_one_line(r->headers[i]));
                s->headers[i].data = chars(s, r->headers[i]);
                s->headers[i].next = i + 1 < r->header_count ? &s->headers[i + 1] : NULL;
        }
        return r->header_count > 0 ? s->headers : NULL;
}

static void slot_aim_post(Slot *s)
{
        const Request *r = &s->exchange.request;
        SET(s->easy, CURLOPT_HTTPHEADER, slot_headers(s));
        SET(s->easy, CURLOPT_POSTFIELDSIZE, (long)r->body.len);
        SET(s->easy, CURLOPT_POSTFIELDS, r->body.data);
}

static long tls_level(MailTls tls)
{
        if (tls == MAIL_TLS_NONE)
                return CURLUSESSL_NONE;
        return tls == MAIL_TLS_OPPORTUNISTIC ? CURLUSESSL_TRY : CURLUSESSL_ALL;
}

static void slot_aim_mail(Slot *s)
{
        const Request *r = &s->exchange.request;
        must(is_one_line(r->from) && is_one_line(r->to));
        s->to = (struct curl_slist){ chars(s, r->to), NULL };
        SET(s->easy, CURLOPT_MAIL_FROM, chars(s, r->from));
        SET(s->easy, CURLOPT_MAIL_RCPT, &s->to);
        SET(s->easy, CURLOPT_INFILESIZE, (long)r->body.len);
        SET(s->easy, CURLOPT_USE_SSL, tls_level(r->channel->tls));
        SET(s->easy, CURLOPT_USERNAME, chars_or_null(s, r->channel->user));
        SET(s->easy, CURLOPT_PASSWORD, r->channel->user.len > 0 ? chars(s, r->channel->password.value) : NULL);
}

static void slot_aim(Slot *s)
{
        const Channel *channel = s->exchange.request.channel;
        long timeout_ms = (long)MAX_OF(channel->timeout.us / 1000, INT64_C(1));
        SET(s->easy, CURLOPT_URL, chars(s, channel->url));
        SET(s->easy, CURLOPT_TIMEOUT_MS, timeout_ms);
        SET(s->easy, CURLOPT_CONNECTTIMEOUT_MS, MIN_OF(timeout_ms, (long)CONNECT_MS_MAX));
        if (channel->ca_file.len > 0)
                SET(s->easy, CURLOPT_CAINFO, chars(s, channel->ca_file));
        if (s->kind == REQUEST_POST)
                slot_aim_post(s);
        else
                slot_aim_mail(s);
}

/* --- an answer --- */

static Fault fault_of(const Slot *s, CURLcode code)
{
        switch ((int)code) {
        case CURLE_OK:
                return FAULT_NONE;
        case CURLE_URL_MALFORMAT:
                return FAULT_URL;
        case CURLE_UNSUPPORTED_PROTOCOL: /* also for an answer that is not HTTP */
                return s->was_greeted ? FAULT_GARBAGE : FAULT_URL;
        case CURLE_COULDNT_RESOLVE_HOST:
                return FAULT_NAME;
        case CURLE_COULDNT_CONNECT:
                return s->refused_address[0] ? FAULT_PRIVATE : FAULT_CONNECT;
        case CURLE_ABORTED_BY_CALLBACK:
                return FAULT_PRIVATE;
        case CURLE_OPERATION_TIMEDOUT:
                return FAULT_TIMEOUT;
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CIPHER:
                return FAULT_TLS;
        case CURLE_USE_SSL_FAILED:
                return FAULT_NO_TLS;
        case CURLE_LOGIN_DENIED:
                return FAULT_LOGIN;
        case CURLE_GOT_NOTHING:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_PARTIAL_FILE:
                return FAULT_LOST;
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_WRITE_ERROR:
                return FAULT_GARBAGE;
        default:
                return FAULT_OTHER;
        }
}

static Text slot_reason(Slot *s, Fault fault, CURLcode code)
{
        long number = 0;
        if (fault == FAULT_PRIVATE)
                return arena_text(s->exchange.arena, text_from(s->refused_address));
        if (fault == FAULT_CONNECT && curl_easy_getinfo(s->easy, CURLINFO_OS_ERRNO, &number) == CURLE_OK && number > 0)
                return arena_text(s->exchange.arena, text_from(strerrordesc_np((int)number)));
        Text said = text_from(s->error[0] ? s->error : curl_easy_strerror(code));
        said.len = MIN_OF(said.len, (size_t)ANSWER_REASON_BYTES);
        return arena_text(s->exchange.arena, said);
}

/* A status that came whole counts, whatever became of the connection afterwards: to send once more what was taken over
 * would be worse than to do without the rest of the answer. */
static void answer_status(const Slot *s, Answer *a)
{
        long status = 0;
        (void)curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
        if (s->kind == REQUEST_POST && s->has_status && status >= 200) {
                a->status = (int)status;
                a->fault = FAULT_NONE;
        }
        bool is_reply = a->fault == FAULT_LOST || a->fault == FAULT_GARBAGE || a->fault == FAULT_OTHER;
        if (s->kind == REQUEST_MAIL && (a->fault == FAULT_NONE || status >= 400)) {
                a->status = (int)status;
                a->fault = is_reply ? FAULT_NONE : a->fault;
        }
}

static Answer slot_answer(Slot *s, CURLcode code)
{
        Answer a = { .fault = fault_of(s, code) };
        a.reason = a.fault == FAULT_NONE ? TEXT_NONE : slot_reason(s, a.fault, code);
        a.was_greeted = s->was_greeted;
        a.took = (Span){ (int64_t)loop_now(s->transport) - s->started_at.us };
        a.body = (Text){ s->body, s->body_kept };
        a.line = (Text){ s->line, s->line_kept };
        if (s->retry_after_kept > 0)
                a.retry_after = (Text){ s->retry_after, s->retry_after_kept };
        answer_status(s, &a);
        return a;
}

static void transport_drain(Transport *t)
{
        int left;
        CURLMsg *m;
        while ((m = curl_multi_info_read(t->multi, &left)) != NULL) {
                if (m->msg != CURLMSG_DONE)
                        continue;
                CURLcode code = m->data.result;
                char *private = NULL;
                must(curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private) == CURLE_OK);
                Slot *s = (Slot *)(void *)private;
                Answer answer = slot_answer(s, code);
                must(curl_multi_remove_handle(t->multi, s->easy) == CURLM_OK);
                s->is_under_way = false;
                t->done(t->userdata, &s->exchange, &answer);
        }
}

/* --- exchanges --- */

static Slot *slot_new(Transport *t)
{
        Slot *s = calloc(1, sizeof(*s));
        must(s != NULL);
        s->easy = curl_easy_init();
        must(s->easy != NULL);
        s->transport = t;
        s->exchange.arena = arena_new(ARENA_BYTES);
        t->slots[t->slot_count++] = s;
        return s;
}

Exchange *transport_open(Transport *t)
{
        Slot *s = t->free_slots;
        if (s)
                t->free_slots = s->next;
        else if (t->slot_count < EXCHANGES_MAX)
                s = slot_new(t);
        return s ? &s->exchange : NULL;
}

void transport_start(Transport *t, Exchange *x)
{
        Slot *s = (Slot *)(void *)x;
        slot_set_up(s);
        slot_aim(s);
        s->was_greeted = s->has_status = s->is_cut = false;
        s->head_lines = s->head_bytes = s->body_bytes = s->body_sent = 0;
        s->body_kept = s->line_kept = s->retry_after_kept = 0;
        s->refused_address[0] = s->error[0] = '\0';
        s->started_at = (MonoTime){ (int64_t)loop_now(t) };
        s->is_under_way = true;
        must(curl_multi_add_handle(t->multi, s->easy) == CURLM_OK);
}

void transport_close(Transport *t, Exchange *x)
{
        Slot *s = (Slot *)(void *)x;
        must(!s->is_under_way);
        x->request = (Request){ 0 };
        x->userdata = NULL;
        arena_reset(x->arena);
        s->next = t->free_slots;
        t->free_slots = s;
}

size_t transport_connections(const Transport *t)
{
        return t->connections;
}

static int transport_listen(Transport *t)
{
        int r = sd_event_add_defer(t->event, &t->kick, on_kick, t);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(t->kick, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_add_time(t->event, &t->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, t);
        return r < 0 ? r : sd_event_source_set_enabled(t->timer, SD_EVENT_OFF);
}

static void multi_set_up(Transport *t)
{
        must(curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) == CURLM_OK);
        must(curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t) == CURLM_OK);
        must(curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) == CURLM_OK);
        must(curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t) == CURLM_OK);
        must(curl_multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT_MAX) == CURLM_OK);
}

int transport_new(sd_event *event, ExchangeDone done, void *userdata, Transport **ret)
{
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        CLEANUP(transport_freep) Transport *t = calloc(1, sizeof(*t));
        must(t != NULL);
        t->event = sd_event_ref(event);
        t->done = done;
        t->userdata = userdata;
        t->timer_at = t->due_at = UINT64_MAX;
        t->multi = curl_multi_init();
        if (!t->multi)
                return -ENOMEM;
        int r = transport_listen(t);
        if (r < 0)
                return r;
        multi_set_up(t);
        *ret = steal(t);
        return 0;
}

static void slots_free(Transport *t)
{
        for (size_t i = 0; i < t->slot_count; i++) {
                Slot *s = t->slots[i];
                if (s->is_under_way)
                        (void)curl_multi_remove_handle(t->multi, s->easy);
                curl_easy_cleanup(s->easy);
                (void)arena_free(s->exchange.arena);
                free(s);
        }
}

Transport *transport_free(Transport *t)
{
        if (!t)
                return NULL;
        for (size_t fd = 0; fd < t->socket_count; fd++)
                if (t->sockets[fd] && t->sockets[fd]->is_connection)
                        (void)shutdown((int)fd, SHUT_RD);
        slots_free(t);
        (void)curl_multi_cleanup(t->multi);
        for (size_t fd = 0; fd < t->socket_count; fd++)
                socket_forget(t, (curl_socket_t)fd);
        free(t->sockets);
        (void)sd_event_source_disable_unref(t->kick);
        (void)sd_event_source_disable_unref(t->timer);
        (void)sd_event_unref(t->event);
        curl_global_cleanup();
        free(t);
        return NULL;
}
