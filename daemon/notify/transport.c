#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "inside.h"

/* What libcurl does by itself would cost or block in places, hence:
 * - A socket stays in epoll between two requests of a connection; it leaves when it is closed, or as soon as it speaks
 *   although nobody waits (a peer that closes an idle connection would make the loop spin).
 * - "At once" is a deferred source, and a timer that is armed early enough is left alone: no timerfd call a request.
 * - Easy handles and header nodes are kept; bodies are not copied.
 * - CURLOPT_QUICK_EXIT: else a timeout while a name is being resolved waits for the resolver's thread.
 * - Of mail it makes the connection only (session.c). */

enum {
        ARENA_BYTES = 8 * 1024,
        CONNECT_MS_MAX = 5000,
        CONNECTIONS_KEPT_MAX = 512
};

typedef struct Socket {
        Transport *transport;
        sd_event_source *source;
        Session *session;   /* whose it is; NULL: libcurl's */
        bool is_connection; /* opened by us, so we hear when it closes; else a pipe of the resolver */
        int wanted;         /* CURL_POLL_..., what libcurl waits for now */
        uint32_t events;    /* as registered; 0: not registered */
} Socket;

struct Transport {
        sd_event *event;
        ExchangeDone done;
        void *userdata;
        CURLM *multi;
        sd_event_source *kick; /* "at once" */
        sd_event_source *timer;
        MonoTime timer_at; /* armed for; MONO_NEVER: not armed */
        MonoTime due_at;   /* when libcurl wants to be called */
        Socket **sockets;  /* by descriptor */
        size_t socket_count;
        Slot *slots[EXCHANGES_MAX];
        size_t slot_count;
        Slot *free_slots;
        Session *sessions;
        size_t connections;
};

#define MONO_NEVER ((MonoTime){ INT64_MAX })

sd_event *transport_event(const Transport *t)
{
        return t->event;
}

MonoTime transport_clock(const Transport *t)
{
        uint64_t now = 0;
        must(sd_event_now(t->event, CLOCK_MONOTONIC, &now) >= 0);
        return (MonoTime){ (int64_t)now };
}

Session **transport_sessions(Transport *t)
{
        return &t->sessions;
}

size_t transport_connections(const Transport *t)
{
        return t->connections;
}

/* --- what is done --- */

void transport_finish(Slot *s, Answer *a)
{
        a->took = mono_since(transport_clock(s->transport), s->started_at);
        s->is_under_way = false;
        s->transport->done(s->transport->userdata, &s->exchange, a);
}

static void transport_drain(Transport *t)
{
        int left;
        CURLMsg *m;
        while ((m = curl_multi_info_read(t->multi, &left)) != NULL) {
                if (m->msg != CURLMSG_DONE)
                        continue;
                CURLcode code = m->data.result; /* the message goes with the handle */
                char *private = NULL;
                must(curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private) == CURLE_OK);
                Handle *handle = (Handle *)(void *)private;
                handle->on_done(handle, code);
        }
}

/* --- sockets on the loop --- */

/* An idle connection that speaks is over: it was closed by the other side, or says what nobody asked for. libcurl would
 * take that for the answer to the next request, and looks at the connection only then: it shall find a dead one. */
static int socket_end(Socket *s, int fd)
{
        s->events = 0;
        int r = sd_event_source_set_enabled(s->source, SD_EVENT_OFF);
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
                (void)shutdown(fd, SHUT_RDWR);
                return r;
        }
        (void)close(ends[1]);
        (void)dup3(ends[0], fd, O_CLOEXEC);
        (void)close(ends[0]);
        return r;
}

static int curl_events(uint32_t events)
{
        int mask = 0;
        if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
                mask |= CURL_CSELECT_IN;
        if (events & EPOLLOUT)
                mask |= CURL_CSELECT_OUT;
        if (events & (EPOLLERR | EPOLLHUP))
                mask |= CURL_CSELECT_ERR;
        return mask;
}

static int on_socket(sd_event_source *source UNUSED, int fd, uint32_t events, void *userdata)
{
        Socket *s = userdata;
        Transport *t = s->transport;
        if (s->session) {
                session_ready(s->session);
                return 0;
        }
        if (s->wanted == CURL_POLL_NONE)
                return socket_end(s, fd);
        int running;
        (void)curl_multi_socket_action(t->multi, fd, curl_events(events), &running);
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
        must(t->sockets[fd] == NULL);
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

static void socket_register(Socket *s, curl_socket_t fd, uint32_t events)
{
        int r;
        if (events == s->events)
                return;
        s->events = events;
        if (!s->source) {
                r = sd_event_add_io(s->transport->event, &s->source, fd, events, on_socket, s);
        } else {
                r = sd_event_source_set_io_events(s->source, events);
                if (r >= 0)
                        r = sd_event_source_set_enabled(s->source, SD_EVENT_ON);
        }
        must(r >= 0);
}

void transport_watch(Transport *t, int fd, Session *session, uint32_t events)
{
        Socket *s = socket_of(t, fd);
        must(s != NULL);
        s->session = session;
        socket_register(s, fd, events);
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
        uint32_t in = wanted & CURL_POLL_IN ? EPOLLIN : 0, out = wanted & CURL_POLL_OUT ? EPOLLOUT : 0;
        socket_register(s, fd, in | out);
        return 0;
}

static curl_socket_t on_open(void *userdata, curlsocktype purpose UNUSED, struct curl_sockaddr *address)
{
        Handle *handle = userdata;
        if (!handle->allows_private_network && address_is_private(&address->addr, address->addrlen)) {
                address_format(&address->addr, address->addrlen, handle->refused_address);
                return CURL_SOCKET_BAD;
        }
        int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
        if (fd < 0)
                return CURL_SOCKET_BAD;
        socket_add(handle->transport, fd)->is_connection = true;
        handle->transport->connections++;
        return fd;
}

static int on_close(void *userdata, curl_socket_t fd)
{
        socket_forget(userdata, fd);
        return close(fd);
}

/* Before the request goes out, also over a connection that was opened for a channel that allows more. */
static int on_ready(void *userdata, char *address, char *own_address UNUSED, int port UNUSED, int own_port UNUSED)
{
        Handle *handle = userdata;
        handle->was_greeted = true;
        handle->tries++;
        if (handle->allows_private_network || !address_text_is_private(address))
                return CURL_PREREQFUNC_OK;
        (void)snprintf(handle->refused_address, sizeof(handle->refused_address), "%s", address);
        return CURL_PREREQFUNC_ABORT;
}

/* --- time --- */

static void timer_arm(Transport *t)
{
        if (!mono_before(t->due_at, t->timer_at))
                return;
        t->timer_at = t->due_at;
        must(sd_event_source_set_time(t->timer, (uint64_t)t->timer_at.us) >= 0);
        must(sd_event_source_set_enabled(t->timer, SD_EVENT_ONESHOT) >= 0);
}

static int on_curl_timer(CURLM *multi UNUSED, long timeout_ms, void *userdata)
{
        Transport *t = userdata;
        t->due_at = timeout_ms > 0 ? mono_add(transport_clock(t), (Span){ timeout_ms * 1000 }) : MONO_NEVER;
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
        t->timer_at = MONO_NEVER;
        if (mono_before(transport_clock(t), t->due_at)) {
                timer_arm(t);
                return 0;
        }
        t->due_at = MONO_NEVER;
        transport_turn(t);
        return 0;
}

/* --- handles --- */

char *chars(Arena *arena, Text text)
{
        char *copy = arena_alloc(arena, text.len + 1);
        if (text.len > 0)
                memcpy(copy, text.data, text.len);
        return copy;
}

bool is_one_line(Text text)
{
        for (size_t i = 0; i < text.len; i++)
                if (text.data[i] == '\r' || text.data[i] == '\n' || text.data[i] == '\0')
                        return false;
        return text.len > 0;
}

/* Not curl_easy_reset(): it forgets the size of the buffer and keeps the buffer. */
void handle_set_up(Handle *handle)
{
        curl_easy_cleanup(handle->easy);
        CURL *e = handle->easy = curl_easy_init();
        must(e != NULL);
        SET(e, CURLOPT_PRIVATE, handle);
        SET(e, CURLOPT_ERRORBUFFER, handle->error);
        SET(e, CURLOPT_NOSIGNAL, 1L);
        SET(e, CURLOPT_QUICK_EXIT, 1L);
        SET(e, CURLOPT_NOPROXY, "");
        SET(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        SET(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
        SET(e, CURLOPT_FOLLOWLOCATION, 0L);
        SET(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        SET(e, CURLOPT_SSL_VERIFYPEER, 1L);
        SET(e, CURLOPT_SSL_VERIFYHOST, 2L);
        SET(e, CURLOPT_BUFFERSIZE, 4096L);
        SET(e, CURLOPT_TCP_KEEPALIVE, 1L);
        SET(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
        SET(e, CURLOPT_OPENSOCKETDATA, handle);
        SET(e, CURLOPT_CLOSESOCKETFUNCTION, on_close);
        SET(e, CURLOPT_CLOSESOCKETDATA, handle->transport);
        SET(e, CURLOPT_PREREQFUNCTION, on_ready);
        SET(e, CURLOPT_PREREQDATA, handle);
}

void handle_aim(Handle *handle, const Request *request, Arena *arena)
{
        const Channel *channel = request->channel;
        long timeout_ms = (long)MAX_OF(channel->timeout.us / 1000, INT64_C(1));
        SET(handle->easy, CURLOPT_URL, chars(arena, request->url.data ? request->url : channel->url));
        SET(handle->easy, CURLOPT_TIMEOUT_MS, timeout_ms);
        SET(handle->easy, CURLOPT_CONNECTTIMEOUT_MS, MIN_OF(timeout_ms, (long)CONNECT_MS_MAX));
        if (channel->ca_file.len > 0)
                SET(handle->easy, CURLOPT_CAINFO, chars(arena, channel->ca_file));
        SET(handle->easy, CURLOPT_PROXY, channel->proxy.len > 0 ? chars(arena, channel->proxy) : "");
        handle->allows_private_network = request->allows_private_network || channel->proxy.len > 0;
        handle->was_greeted = false;
        handle->tries = 0;
        handle->refused_address[0] = handle->error[0] = '\0';
}

void handle_start(Handle *handle)
{
        must(curl_multi_add_handle(handle->transport->multi, handle->easy) == CURLM_OK);
}

void handle_stop(Handle *handle)
{
        must(curl_multi_remove_handle(handle->transport->multi, handle->easy) == CURLM_OK);
}

/* What a proxy says to CONNECT; 0: nothing. */
static long handle_proxy_status(const Handle *handle)
{
        long status = 0;
        return curl_easy_getinfo(handle->easy, CURLINFO_HTTP_CONNECTCODE, &status) == CURLE_OK ? status : 0;
}

Fault handle_fault(const Handle *handle, CURLcode code)
{
        switch ((int)code) {
        case CURLE_OK:
                return FAULT_NONE;
        case CURLE_URL_MALFORMAT:
                return FAULT_URL;
        case CURLE_UNSUPPORTED_PROTOCOL: /* also for an answer that is not HTTP */
                return handle->was_greeted ? FAULT_GARBAGE : FAULT_URL;
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_RESOLVE_HOST:
                return FAULT_NAME;
        case CURLE_COULDNT_CONNECT:
                return handle->refused_address[0] ? FAULT_PRIVATE : FAULT_CONNECT;
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
                return handle_proxy_status(handle) >= 300 ? FAULT_PROXY : FAULT_LOST;
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_WRITE_ERROR:
                return FAULT_GARBAGE;
        default:
                return FAULT_OTHER;
        }
}

Text handle_reason(const Handle *handle, Fault fault, CURLcode code, Arena *arena)
{
        long number = 0;
        if (fault == FAULT_PROXY)
                return arena_textf(arena, "%ld", handle_proxy_status(handle));
        if (fault == FAULT_PRIVATE)
                return arena_text(arena, text_from(handle->refused_address));
        if (fault == FAULT_CONNECT && curl_easy_getinfo(handle->easy, CURLINFO_OS_ERRNO, &number) == CURLE_OK &&
            number > 0)
                return arena_text(arena, text_from(strerrordesc_np((int)number)));
        return arena_text(arena, text_from(handle->error[0] ? handle->error : curl_easy_strerror(code)));
}

/* --- exchanges --- */

static Slot *slot_new(Transport *t)
{
        Slot *s = calloc(1, sizeof(*s));
        must(s != NULL);
        s->transport = t;
        s->exchange.arena = arena_new(ARENA_BYTES);
        s->post.slot = s;
        s->post.handle.transport = t;
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
        s->started_at = transport_clock(t);
        s->is_under_way = true;
        if (x->request.kind == REQUEST_POST)
                post_start(&s->post);
        else
                session_start(t, s);
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

/* --- all of it --- */

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
        CLEANUP(transport_freep) Transport *t = calloc(1, sizeof(*t));
        must(t != NULL);
        must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
        t->event = sd_event_ref(event);
        t->done = done;
        t->userdata = userdata;
        t->timer_at = t->due_at = MONO_NEVER;
        t->multi = curl_multi_init();
        must(t->multi != NULL);
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
                if (s->is_under_way && s->exchange.request.kind == REQUEST_POST)
                        post_stop(&s->post);
                curl_easy_cleanup(s->post.handle.easy);
                (void)arena_free(s->exchange.arena);
                free(s);
        }
}

Transport *transport_free(Transport *t)
{
        if (!t)
                return NULL;
        while (t->sessions)
                (void)session_free(t->sessions);
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
