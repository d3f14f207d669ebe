#include "web/web.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

enum {
        CONNECTIONS_MAX = 64, /* more wait in the kernel. No limit an address: on loopback everybody has the same. */
        CONNECTION_BYTES_MAX = 16 * 1024, /* request line and headers; more is refused with 431 */
        BACKLOG = 128,
        IDLE_SECONDS = 60, /* the library's own limit, should ours fail to end a connection */
};

static const Span PATIENCE = { 10 * INT64_C(1000000) };

/* A client has this long for a request and for taking its answer, however lively it drips: the library by itself only
 * ends those that say nothing. */
typedef struct Client {
        int fd; /* -1: a free place */
        MonoTime deadline;
} Client;

struct Web {
        const WebOps *ops;
        void *userdata;
        struct MHD_Daemon *http;
        sd_event_source *io, *timer;
        Span patience;
        uint16_t port;
        bool has_new_place; /* a connection has ended in this run */
        Client clients[CONNECTIONS_MAX];
};

/* ---- pages ------------------------------------------------------------------------------------------------------ */

static bool page_alive(Web *web, Buffer *b)
{
        return web->ops->is_alive(web->userdata, b);
}

static bool page_ready(Web *web, Buffer *b)
{
        return web->ops->is_ready(web->userdata, b);
}

static bool page_metrics(Web *web, Buffer *b)
{
        web->ops->metrics(web->userdata, b);
        return true;
}

typedef struct Page {
        const char *path, *type;
        bool (*write)(Web *web, Buffer *b); /* false: 503 */
} Page;

static const char PLAIN[] = "text/plain; charset=utf-8";

static const Page PAGES[] = {
        { "/healthz", PLAIN, page_alive },
        { "/readyz", PLAIN, page_ready },
        { "/metrics", "text/plain; version=0.0.4; charset=utf-8", page_metrics },
};

static const Page *page_find(const char *path)
{
        for (size_t i = 0; i < COUNT_OF(PAGES); i++)
                if (strcmp(PAGES[i].path, path) == 0)
                        return &PAGES[i];
        return NULL;
}

/* ---- what a request may look like ------------------------------------------------------------------------------- */

typedef struct HeaderCount {
        const char *name;
        unsigned count;
} HeaderCount;

static enum MHD_Result header_count(void *userdata, enum MHD_ValueKind kind UNUSED, const char *name,
                                    const char *value UNUSED)
{
        HeaderCount *c = userdata;
        c->count += strcasecmp(name, c->name) == 0;
        return MHD_YES;
}

/* The library takes the first or the last of several; a proxy in front may take another. */
static bool repeats_a_header(struct MHD_Connection *connection)
{
        static const char *const single[] = { MHD_HTTP_HEADER_HOST, MHD_HTTP_HEADER_CONTENT_LENGTH,
                                              MHD_HTTP_HEADER_TRANSFER_ENCODING };
        for (size_t i = 0; i < COUNT_OF(single); i++) {
                HeaderCount c = { .name = single[i] };
                (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, header_count, &c);
                if (c.count > 1)
                        return true;
        }
        return false;
}

static enum MHD_Result space_find(void *userdata, enum MHD_ValueKind kind UNUSED, const char *name,
                                  const char *value UNUSED)
{
        bool *found = userdata;
        *found = *found || name[strcspn(name, " \t")] != '\0';
        return MHD_YES;
}

/* RFC 9112, 5.1: refused, because a proxy in front may take "Content-Length :" for what it looks like. */
static bool has_a_space_in_a_name(struct MHD_Connection *connection)
{
        bool found = false;
        (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, space_find, &found);
        return found;
}

static bool has_body(struct MHD_Connection *connection)
{
        const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
        if (length && strcmp(length, "0") != 0)
                return true;
        return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
}

static bool is_reading(const char *method)
{
        return strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

/* 0, or the status that says why not. */
static unsigned refusal(struct MHD_Connection *connection, const Page *page, const char *method, Buffer *words)
{
        if (repeats_a_header(connection)) {
                buffer_put_literal(words, "a header stands twice that may stand once\n");
                return MHD_HTTP_BAD_REQUEST;
        }
        if (has_a_space_in_a_name(connection)) {
                buffer_put_literal(words, "a header's name has no space in it\n");
                return MHD_HTTP_BAD_REQUEST;
        }
        if (!page) {
                buffer_put_literal(words, "there is /healthz, /readyz and /metrics\n");
                return MHD_HTTP_NOT_FOUND;
        }
        if (!is_reading(method)) {
                buffer_put_literal(words, "only GET and HEAD\n");
                return MHD_HTTP_METHOD_NOT_ALLOWED;
        }
        if (has_body(connection)) {
                buffer_put_literal(words, "a request has no body here\n");
                return MHD_HTTP_CONTENT_TOO_LARGE;
        }
        return 0;
}

/* ---- answering -------------------------------------------------------------------------------------------------- */

static void on_answered(void *userdata)
{
        (void)arena_free(userdata);
}

static bool headers_add(struct MHD_Response *response, const char *type, unsigned status)
{
        return MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES &&
               MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES &&
               MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES &&
               (status != MHD_HTTP_METHOD_NOT_ALLOWED ||
                MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES);
}

/* Takes the buffer's arena. MHD_NO ends the connection without an answer. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type, Buffer *body)
{
        struct MHD_Response *response =
                MHD_create_response_from_buffer_with_free_callback_cls(body->len, body->data, on_answered, body->arena);
        if (!response) {
                (void)arena_free(body->arena);
                return MHD_NO;
        }
        enum MHD_Result result = MHD_NO;
        if (headers_add(response, type, status))
                result = MHD_queue_response(connection, status, response);
        MHD_destroy_response(response);
        return result;
}

static enum MHD_Result page_answer(Web *web, struct MHD_Connection *connection, const Page *page)
{
        Buffer body = buffer_in(arena_new(4096));
        bool is_good = page->write(web, &body);
        return answer(connection, is_good ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, page->type, &body);
}

/* Called with the headers, and again when the request is complete. An answer to the first call ends the connection,
 * which is right for a refusal: what comes next may be the body that was not read. */
static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version UNUSED, const char *upload UNUSED,
                                  size_t *upload_bytes, void **context)
{
        const Page *page = page_find(url);
        if (*context)
                return *upload_bytes == 0 ? page_answer(userdata, connection, page) : MHD_NO;
        Buffer words = buffer_in(arena_new(256));
        unsigned status = refusal(connection, page, method, &words);
        if (status)
                return answer(connection, status, PLAIN, &words);
        (void)arena_free(words.arena);
        *context = userdata;
        return MHD_YES;
}

/* Paths are compared as they came: "/metrics%00" is not "/metrics". */
static size_t on_unescape(void *userdata UNUSED, struct MHD_Connection *connection UNUSED, char *text)
{
        return strlen(text);
}

/* ---- clients ---------------------------------------------------------------------------------------------------- */

static Client *client_place(Web *web)
{
        size_t i = 0;
        while (i < CONNECTIONS_MAX && web->clients[i].fd >= 0)
                i++;
        must(i < CONNECTIONS_MAX);
        return &web->clients[i];
}

static void client_wait(const Web *web, Client *client)
{
        client->deadline = mono_add(clock_mono(), web->patience);
}

static void on_connection(void *userdata, struct MHD_Connection *connection, void **client,
                          enum MHD_ConnectionNotificationCode what)
{
        Web *web = userdata;
        if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
                if (*client)
                        ((Client *)*client)->fd = -1;
                web->has_new_place = true;
                return;
        }
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        must(info != NULL);
        Client *place = client_place(web);
        place->fd = info->connect_fd;
        client_wait(web, place);
        *client = place;
}

/* The answer is out: the time for the next request on this connection begins. */
static void on_completed(void *userdata, struct MHD_Connection *connection, void **context UNUSED,
                         enum MHD_RequestTerminationCode why)
{
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        if (info && info->socket_context && why == MHD_REQUEST_TERMINATED_COMPLETED_OK)
                client_wait(userdata, info->socket_context);
}

/* The library sees the end of the stream and closes. */
static void clients_end(Web *web, MonoTime now)
{
        for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
                Client *client = &web->clients[i];
                if (client->fd < 0 || mono_before(now, client->deadline))
                        continue;
                (void)shutdown(client->fd, SHUT_RDWR);
                client->deadline = (MonoTime){ INT64_MAX };
        }
}

/* ---- on the loop ------------------------------------------------------------------------------------------------ */

/* The library's descriptor alone is not enough: it also wants to be run when its timeout has passed, and once more
 * after a connection has ended: only then does it listen again, if it had too many. */
static uint64_t wait_us(const Web *web, MonoTime now)
{
        MHD_UNSIGNED_LONG_LONG ms = 0;
        uint64_t wait = web->has_new_place ? 0 : UINT64_MAX;
        if (MHD_get_timeout(web->http, &ms) == MHD_YES)
                wait = MIN_OF(wait, MIN_OF((uint64_t)ms, UINT64_C(3600000)) * 1000);
        for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
                const Client *client = &web->clients[i];
                if (client->fd >= 0 && client->deadline.us != INT64_MAX)
                        wait = MIN_OF(wait, (uint64_t)MAX_OF(client->deadline.us - now.us, INT64_C(0)));
        }
        return wait;
}

static int web_run(Web *web)
{
        web->has_new_place = false;
        (void)MHD_run(web->http); /* fails only for want of memory, and then with the connections concerned */
        MonoTime now = clock_mono();
        clients_end(web, now);
        uint64_t wait = wait_us(web, now);
        if (wait == UINT64_MAX)
                return sd_event_source_set_enabled(web->timer, SD_EVENT_OFF);
        int r = sd_event_source_set_time_relative(web->timer, wait);
        return r < 0 ? r : sd_event_source_set_enabled(web->timer, SD_EVENT_ONESHOT);
}

static int on_io(sd_event_source *source UNUSED, int fd UNUSED, uint32_t revents UNUSED, void *userdata)
{
        return web_run(userdata);
}

static int on_timer(sd_event_source *source UNUSED, uint64_t usec UNUSED, void *userdata)
{
        return web_run(userdata);
}

/* ---- building --------------------------------------------------------------------------------------------------- */

typedef union Address {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
} Address;

static int host_read(Text host, in_port_t port, Address *ret)
{
        char text[INET6_ADDRSTRLEN] = "";
        bool is_v6 = host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';
        if (is_v6)
                host = (Text){ host.data + 1, host.len - 2 };
        if (host.len == 0 || host.len >= sizeof(text))
                return -EINVAL;
        memcpy(text, host.data, host.len);
        Address address = { 0 };
        if (is_v6) {
                address.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = port };
                if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) != 1)
                        return -EINVAL;
        } else {
                address.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = port };
                if (inet_pton(AF_INET, text, &address.v4.sin_addr) != 1)
                        return -EINVAL;
        }
        *ret = address;
        return 0;
}

static bool is_loopback(const Address *address)
{
        if (address->any.sa_family == AF_INET6)
                return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
        return ntohl(address->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static int address_read(Text listen, Address *ret)
{
        const char *colon = listen.len > 0 ? memrchr(listen.data, ':', listen.len) : NULL;
        int64_t port;
        if (!colon)
                return -EINVAL;
        Text host = { listen.data, (size_t)(colon - listen.data) };
        if (!text_integer(text_from_offset(listen, host.len + 1), &port) || port < 0 || port > UINT16_MAX)
                return -EINVAL;
        int r = host_read(host, htons((uint16_t)port), ret);
        if (r < 0)
                return r;
        return is_loopback(ret) ? 0 : -EACCES; /* nobody asks for a password here */
}

static int socket_bind(int fd, const Address *address)
{
        socklen_t len = address->any.sa_family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
        int yes = 1;
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 || bind(fd, &address->any, len) < 0 ||
            listen(fd, BACKLOG) < 0)
                return -errno;
        return 0;
}

/* A socket of our own: the library would not say why it cannot have one. */
static int socket_listen(const Address *address, uint16_t *ret_port)
{
        int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        Address bound = { 0 };
        socklen_t len = sizeof(bound);
        int r = socket_bind(fd, address);
        if (r >= 0 && getsockname(fd, &bound.any, &len) < 0)
                r = -errno;
        if (r < 0) {
                (void)close(fd);
                return r;
        }
        *ret_port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
        return fd;
}

/* fd is the library's from here on, also where it fails: it does not say whether it has closed it. */
static int http_start(Web *web, int fd, bool is_v6)
{
        web->http = MHD_start_daemon(MHD_USE_EPOLL | (is_v6 ? MHD_USE_IPv6 : MHD_NO_FLAG), web->port, NULL, NULL,
                                     on_request, web, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                                     (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
                                     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES_MAX,
                                     MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL,
                                     MHD_OPTION_NOTIFY_CONNECTION, on_connection, web, MHD_OPTION_NOTIFY_COMPLETED,
                                     on_completed, web, MHD_OPTION_END);
        return web->http ? 0 : -ENOMEM;
}

static int sources_add(Web *web, sd_event *event)
{
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(web->http, MHD_DAEMON_INFO_EPOLL_FD);
        if (!info)
                return -EOPNOTSUPP;
        int r = sd_event_add_io(event, &web->io, info->epoll_fd, EPOLLIN, on_io, web);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &web->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, web);
        if (r < 0)
                return r;
        (void)sd_event_source_set_description(web->io, "web");
        (void)sd_event_source_set_description(web->timer, "web-timeout");
        return 0;
}

int web_new(sd_event *event, Text listen, const WebOps *ops, void *userdata, Web **ret)
{
        Address address;
        int r = address_read(listen, &address);
        if (r < 0)
                return r;
        CLEANUP(web_freep) Web *web = calloc(1, sizeof(*web));
        must(web != NULL);
        *web = (Web){ .ops = ops, .userdata = userdata, .patience = PATIENCE };
        for (size_t i = 0; i < CONNECTIONS_MAX; i++)
                web->clients[i].fd = -1;
        int fd = socket_listen(&address, &web->port);
        if (fd < 0)
                return fd;
        r = http_start(web, fd, address.any.sa_family == AF_INET6);
        if (r >= 0)
                r = sources_add(web, event);
        if (r < 0)
                return r;
        *ret = steal(web);
        return 0;
}

Web *web_free(Web *web)
{
        if (!web)
                return NULL;
        web->io = sd_event_source_disable_unref(web->io);
        web->timer = sd_event_source_disable_unref(web->timer);
        if (web->http)
                MHD_stop_daemon(web->http);
        free(web);
        return NULL;
}

uint16_t web_port(const Web *web)
{
        return web->port;
}

void web_set_patience(Web *web, Span patience)
{
        web->patience = patience;
}
