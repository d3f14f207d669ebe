/* The notifier against servers on the same loop: no thread, no sleep, nothing leaves this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "notify/notifier.h"
#include "notify/signature.h"
#include "notify/transport.h"
#include "parcel_sample.h"

#define LOGIN "AGxvb3AAcGFzcw==" /* NUL loop NUL pass */
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

enum {
        REQUEST_BYTES_MAX = 64 * 1024,
        RESULTS_MAX = 1024,
        WAIT_SECONDS = 10
};

/* --- names, as this test wants them resolved --- */

static int slow_name[2]; /* a pipe: who asks for slow.test waits until something is written */

static int resolve_to(const char *number, const char *service, struct addrinfo **ret)
{
        static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
        if (!real)
                *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
        const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
        return real(number, service, &hints, ret);
}

/* Outside first, and then inside; or both at once. */
static int turns;

static int resolve_to_both(const char *service, struct addrinfo **ret)
{
        int r = resolve_to("93.184.216.34", service, ret);
        return r ? r : resolve_to("127.0.0.1", service, &(*ret)->ai_next);
}

/* Instead of the C library's: names of .test only, so that no test asks a name server. */
int getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints UNUSED,
                struct addrinfo **restrict ret)
{
        if (strcmp(node, "slow.test") == 0) {
                char byte;
                (void)!read(slow_name[0], &byte, 1);
                return EAI_AGAIN;
        }
        if (strcmp(node, "inside.test") == 0)
                return resolve_to("10.1.2.3", service, ret);
        if (strcmp(node, "here.test") == 0)
                return resolve_to("127.0.0.1", service, ret);
        if (strcmp(node, "turns.test") == 0)
                return resolve_to(turns++ == 0 ? "93.184.216.34" : "127.0.0.1", service, ret);
        if (strcmp(node, "both.test") == 0)
                return resolve_to_both(service, ret);
        return strstr(node, ".test") ? EAI_NONAME : resolve_to(node, service, ret);
}

/* --- who is connected to --- */

static struct {
        size_t all, outside;
} connects;

/* Instead of the C library's: nothing leaves this machine. */
int connect(int fd, const struct sockaddr *address, socklen_t bytes)
{
        static int (*real)(int, const struct sockaddr *, socklen_t);
        if (!real)
                *(void **)&real = dlsym(RTLD_NEXT, "connect");
        struct sockaddr_in v4 = { 0 };
        if (address->sa_family == AF_INET)
                memcpy(&v4, address, sizeof(v4));
        bool is_outside = v4.sin_addr.s_addr == inet_addr("93.184.216.34");
        connects.all += address->sa_family == AF_INET || address->sa_family == AF_INET6;
        connects.outside += is_outside;
        if (!is_outside)
                return real(fd, address, bytes);
        errno = ENETUNREACH;
        return -1;
}

/* --- a server --- */

typedef struct Server Server;

typedef struct Peer Peer;
struct Peer {
        Peer *next;
        Server *server;
        sd_event_source *source;
        int fd;
        size_t len;
        char in[REQUEST_BYTES_MAX];
        bool is_in_message; /* SMTP, after DATA */
};

struct Server {
        sd_event *event;
        sd_event_source *source;
        Peer *peers;
        void (*speak)(Peer *peer); /* something has come in */
        int fd, port;
        size_t connections, requests;
        char last[REQUEST_BYTES_MAX]; /* request, or message */
        char commands[8192];          /* SMTP */
        const char *hangs_up_at;      /* SMTP: the command that ends the session without a word */
        const char *refuse, *reply;   /* SMTP: the command to be answered so; "" is the greeting */
        bool ignores_quit;
        size_t closes_after; /* SMTP: takes so many messages, then ends the session at the next MAIL; 0: never */
        const char *extensions;
};

static void peer_say(Peer *peer, const char *text)
{
        size_t left = strlen(text);
        while (left > 0) {
                ssize_t sent = send(peer->fd, text, left, MSG_NOSIGNAL);
                if (sent < 0)
                        return; /* whoever asked is gone, or does not read on: the test sees it */
                text += sent;
                left -= (size_t)sent;
        }
}

static void peer_close(Peer *peer)
{
        peer->source = sd_event_source_disable_unref(peer->source);
        if (peer->fd >= 0)
                (void)close(peer->fd);
        peer->fd = -1;
}

static int on_peer(sd_event_source *source UNUSED, int fd, uint32_t events UNUSED, void *userdata)
{
        Peer *peer = userdata;
        ssize_t got = recv(fd, peer->in + peer->len, sizeof(peer->in) - 1 - peer->len, MSG_DONTWAIT);
        if (got <= 0) {
                if (got == 0 || errno != EAGAIN)
                        peer_close(peer);
                return 0;
        }
        peer->len += (size_t)got;
        peer->in[peer->len] = '\0';
        peer->server->speak(peer);
        return 0;
}

static int on_connection(sd_event_source *source UNUSED, int fd, uint32_t events UNUSED, void *userdata)
{
        Server *server = userdata;
        Peer *peer = calloc(1, sizeof(*peer));
        assert_non_null(peer);
        peer->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        assert_true(peer->fd >= 0);
        peer->server = server;
        peer->next = server->peers;
        server->peers = peer;
        server->connections++;
        assert_true(sd_event_add_io(server->event, &peer->source, peer->fd, EPOLLIN, on_peer, peer) >= 0);
        if (server->reply && server->refuse[0] == '\0')
                peer_say(peer, server->reply);
        else if (server->refuse)
                peer_say(peer, "220 mail.test ESMTP\r\n");
        return 0;
}

static Server *server_new(sd_event *event, void (*speak)(Peer *peer))
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
        socklen_t bytes = sizeof(address);
        Server *server = calloc(1, sizeof(*server));
        assert_non_null(server);
        server->event = event;
        server->speak = speak;
        server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(bind(server->fd, (struct sockaddr *)&address, bytes), 0);
        assert_int_equal(listen(server->fd, 512), 0);
        assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &bytes), 0);
        server->port = ntohs(address.sin_port);
        assert_true(sd_event_add_io(event, &server->source, server->fd, EPOLLIN, on_connection, server) >= 0);
        return server;
}

static void server_stop(Server *server)
{
        server->source = sd_event_source_disable_unref(server->source);
        if (server->fd >= 0)
                (void)close(server->fd);
        server->fd = -1;
}

static void server_close_peers(Server *server)
{
        for (Peer *peer = server->peers; peer; peer = peer->next)
                peer_close(peer);
}

static Server *server_free(Server *server)
{
        if (!server)
                return NULL;
        server_stop(server);
        server_close_peers(server);
        while (server->peers) {
                Peer *peer = server->peers;
                server->peers = peer->next;
                free(peer);
        }
        free(server);
        return NULL;
}

/* --- HTTP: the path says what the answer shall be --- */

static void answer_status(Peer *peer, const char *status, const char *more, const char *body)
{
        char text[1024];
        (void)snprintf(text, sizeof(text), "HTTP/1.1 %s x\r\n%sContent-Length: %zu\r\n\r\n%s", status, more,
                       strlen(body), body);
        peer_say(peer, text);
}

static void answer_huge(Peer *peer)
{
        static char block[256 * 1024];
        memset(block, 'x', sizeof(block) - 1);
        peer_say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        peer_say(peer, block);
}

static void answer_headers(Peer *peer)
{
        peer_say(peer, "HTTP/1.1 200 OK\r\n");
        for (int i = 0; i < 1000; i++)
                peer_say(peer, "x-more: and more\r\n");
        peer_say(peer, "Content-Length: 0\r\n\r\n");
}

static void answer_path(Peer *peer, const char *path)
{
        if (strncmp(path, "/status/", 8) == 0)
                answer_status(peer, path + 8, "", "");
        else if (strncmp(path, "/wait/", 6) == 0) {
                char header[300];
                (void)snprintf(header, sizeof(header), "RETRY-after: %s\r\n", path + 6);
                answer_status(peer, "429", header, "");
        } else if (strcmp(path, "/slack") == 0)
                answer_status(peer, "200", "", "ok");
        else if (strcmp(path, "/slack-refuses") == 0)
                answer_status(peer, "403", "", "invalid_token");
        else if (strcmp(path, "/login-page") == 0)
                answer_status(peer, "200", "", "<html>please log in");
        else if (strcmp(path, "/moved") == 0)
                answer_status(peer, "302", "Location: /status/200\r\n", "");
        else if (strcmp(path, "/continue") == 0)
                peer_say(peer, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
        else if (strcmp(path, "/huge") == 0)
                answer_huge(peer);
        else if (strcmp(path, "/headers") == 0)
                answer_headers(peer);
        else if (strcmp(path, "/garbage") == 0)
                peer_say(peer, "\x16\x03\x01 what is this\r\n\r\n");
        else if (strcmp(path, "/drop") == 0)
                peer_close(peer);
        else if (strcmp(path, "/middle") == 0) {
                peer_say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
                peer_close(peer);
        } else if (strcmp(path, "/head-only") == 0) {
                peer_say(peer, "HTTP/1.1 200 OK\r\nContent-Le");
                peer_close(peer);
        } else if (strcmp(path, "/hang") != 0)
                answer_status(peer, "404", "", "");
}

static void speak_http(Peer *peer)
{
        char *body = strstr(peer->in, "\r\n\r\n");
        if (!body)
                return;
        const char *length = strcasestr(peer->in, "\r\ncontent-length:");
        size_t body_bytes = length ? (size_t)strtoul(length + 17, NULL, 10) : 0;
        if (peer->len < (size_t)(body + 4 - peer->in) + body_bytes)
                return;
        char path[256] = "";
        assert_int_equal(sscanf(peer->in, "POST %255s HTTP/1.1", path), 1);
        memcpy(peer->server->last, peer->in, peer->len + 1);
        peer->server->requests++;
        peer->len = 0;
        answer_path(peer, path);
}

/* --- SMTP --- */

static bool is_command(const char *line, const char *command)
{
        return command && command[0] && strncasecmp(line, command, strlen(command)) == 0;
}

static const char *smtp_reply(Peer *peer, const char *line)
{
        Server *server = peer->server;
        if (is_command(line, server->refuse))
                return server->reply;
        if (is_command(line, "EHLO"))
                return server->extensions ? server->extensions : "250 mail.test\r\n";
        if (is_command(line, "AUTH PLAIN"))
                return "334 \r\n";
        if (is_command(line, LOGIN))
                return "235 2.7.0 welcome\r\n";
        if (is_command(line, "DATA")) {
                peer->is_in_message = true;
                return "354 go ahead\r\n";
        }
        if (is_command(line, "QUIT"))
                return server->ignores_quit ? "" : "221 bye\r\n";
        return "250 2.1.0 fine\r\n";
}

static void smtp_line(Peer *peer, const char *line)
{
        Server *server = peer->server;
        if (server->closes_after > 0 && server->requests >= server->closes_after && is_command(line, "MAIL")) {
                server->closes_after = 0;
                peer_close(peer);
                return;
        }
        (void)snprintf(server->commands + strlen(server->commands), sizeof(server->commands) - strlen(server->commands),
                       "%s\n", line);
        peer_say(peer, smtp_reply(peer, line));
        if (is_command(line, server->hangs_up_at))
                peer_close(peer);
}

/* False: the message is not complete yet. */
static bool smtp_message(Peer *peer)
{
        Server *server = peer->server;
        char *end = strstr(peer->in, "\r\n.\r\n");
        if (!end)
                return false;
        memcpy(server->last, peer->in, (size_t)(end - peer->in) + 2);
        server->last[end - peer->in + 2] = '\0';
        server->requests++;
        peer->is_in_message = false;
        size_t used = (size_t)(end - peer->in) + 5;
        memmove(peer->in, peer->in + used, peer->len - used + 1);
        peer->len -= used;
        peer_say(peer, is_command("END", server->refuse) ? server->reply : "250 2.0.0 queued as 4711\r\n");
        if (is_command("END", server->hangs_up_at))
                peer_close(peer);
        return true;
}

static void speak_smtp(Peer *peer)
{
        for (;;) {
                if (peer->is_in_message) {
                        if (!smtp_message(peer) || peer->fd < 0)
                                return;
                        continue;
                }
                char *end = strstr(peer->in, "\r\n");
                if (!end)
                        return;
                *end = '\0';
                smtp_line(peer, peer->in);
                if (peer->fd < 0)
                        return;
                size_t used = (size_t)(end - peer->in) + 2;
                memmove(peer->in, peer->in + used, peer->len - used + 1);
                peer->len -= used;
        }
}

/* --- the bench --- */

typedef struct Bench {
        Arena *arena;
        sd_event *event;
        Notifier *notifier;
        Server *server;
        bool is_sending;
        size_t count;
        SendResult results[RESULTS_MAX];
        Parcel *parcels[RESULTS_MAX];
        Parcel *again; /* sent once more from inside done */
} Bench;

static Bench bench;

static void on_done(void *userdata, Parcel *parcel, const SendResult *result)
{
        Bench *b = userdata;
        assert_false(b->is_sending);
        assert_true(b->count < RESULTS_MAX);
        assert_true(strlen(result->detail) < SEND_DETAIL_BYTES);
        b->parcels[b->count] = parcel;
        b->results[b->count++] = *result;
        if (b->again) {
                Parcel *again = b->again;
                b->again = NULL;
                notifier_send(b->notifier, again, SAMPLE_NOW);
        }
}

static int set_up_with(void **state, void (*speak)(Peer *peer))
{
        bench = (Bench){ .arena = arena_new(1 << 16) };
        assert_true(sd_event_new(&bench.event) >= 0);
        assert_int_equal(notifier_new(bench.event, on_done, &bench, &bench.notifier), 0);
        bench.server = server_new(bench.event, speak);
        connects.all = connects.outside = 0;
        *state = &bench;
        return 0;
}

static int set_up(void **state)
{
        return set_up_with(state, speak_http);
}

static int set_up_mail(void **state)
{
        (void)set_up_with(state, speak_smtp);
        bench.server->refuse = "-"; /* no command: it greets and takes everything */
        return 0;
}

static int tear_down(void **state)
{
        Bench *b = *state;
        b->notifier = notifier_free(b->notifier);
        b->server = server_free(b->server);
        b->event = sd_event_unref(b->event);
        b->arena = arena_free(b->arena);
        return 0;
}

static ParcelSample *sample_to(Bench *b, ChannelType type, const char *path)
{
        ParcelSample *s = parcel_sample(b->arena, type);
        s->channel.url = arena_textf(b->arena, "http://127.0.0.1:%d%s", b->server->port, path);
        s->channel.allows_plain_http = true;
        s->channel.allows_private_network = true;
        return s;
}

static ParcelSample *mail_sample(Bench *b)
{
        ParcelSample *s = parcel_sample(b->arena, CHANNEL_EMAIL);
        s->channel.name = TEXT("mail");
        s->channel.url = arena_textf(b->arena, "smtp://127.0.0.1:%d", b->server->port);
        s->channel.tls = MAIL_TLS_NONE;
        return s;
}

static void bench_send(Bench *b, ParcelSample *s)
{
        b->is_sending = true;
        notifier_send(b->notifier, &s->parcel, SAMPLE_NOW);
        b->is_sending = false;
}

static uint64_t clock_ms(clockid_t clock)
{
        struct timespec t;
        (void)clock_gettime(clock, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void bench_wait(Bench *b, size_t count)
{
        uint64_t end = clock_ms(CLOCK_MONOTONIC) + WAIT_SECONDS * 1000;
        while (b->count < count && clock_ms(CLOCK_MONOTONIC) < end)
                assert_true(sd_event_run(b->event, 100000) >= 0);
        assert_int_equal(b->count, count);
}

static const SendResult *bench_try(Bench *b, ParcelSample *s)
{
        b->count = 0;
        bench_send(b, s);
        bench_wait(b, 1);
        assert_ptr_equal(b->parcels[0], &s->parcel);
        assert_int_equal(notifier_in_flight(b->notifier), 0);
        return &b->results[0];
}

static void assert_result(const SendResult *result, SendClass class, int code, const char *detail)
{
        if (result->class != class || result->code != code || strcmp(result->detail, detail) != 0)
                fail_msg("%s %d \"%s\" instead of %s %d \"%s\"", send_class_text(result->class), result->code,
                         result->detail, send_class_text(class), code, detail);
}

static Text header_of(Bench *b, const char *name)
{
        char wanted[64];
        (void)snprintf(wanted, sizeof(wanted), "\r\n%s: ", name);
        const char *start = strcasestr(b->server->last, wanted);
        if (!start)
                return TEXT_NONE;
        start += strlen(wanted);
        return arena_text(b->arena, (Text){ start, (size_t)(strstr(start, "\r\n") - start) });
}

/* --- webhooks --- */

static void a_webhook_is_posted_and_signed(void **state)
{
        Bench *b = *state;
        ParcelSample *s = sample_to(b, CHANNEL_WEBHOOK, "/status/204");
        s->channel.secret = (Secret){ .kind = SECRET_FILE, .value = TEXT(SECRET) };
        s->parcel.traceparent = TEXT("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert_result(bench_try(b, s), SEND_ACCEPTED, 204, "HTTP 204");
        const char *body = strstr(b->server->last, "\r\n\r\n") + 4;
        assert_string_equal(body, notifier_preview(&s->parcel, SAMPLE_NOW, b->arena).data);
        assert_string_equal(header_of(b, "content-type").data, "application/json");
        assert_string_equal(header_of(b, "user-agent").data, "closedloopd/" CLOSEDLOOP_VERSION);
        assert_string_equal(header_of(b, "traceparent").data, s->parcel.traceparent.data);
        assert_string_equal(header_of(b, "webhook-id").data, "01a2b3c4-d5e6-8f01-9f02-030405060708");
        assert_string_equal(header_of(b, "webhook-timestamp").data, "1795160638");
        CLEANUP(signer_freep) Signer *signer = signer_new();
        Buffer expected = buffer_in(b->arena);
        assert_true(
                signer_sign(signer, TEXT(SECRET), header_of(b, "webhook-id"), 1795160638, text_from(body), &expected));
        assert_string_equal(header_of(b, "webhook-signature").data, buffer_text(&expected).data);
}

static void a_bad_trace_context_and_a_missing_secret_leave_no_header(void **state)
{
        Bench *b = *state;
        ParcelSample *s = sample_to(b, CHANNEL_WEBHOOK, "/status/200");
        s->parcel.traceparent = TEXT("00-x\r\nx-evil: 1");
        assert_result(bench_try(b, s), SEND_ACCEPTED, 200, "HTTP 200");
        assert_null(header_of(b, "traceparent").data);
        assert_null(header_of(b, "x-evil").data);
        assert_null(header_of(b, "webhook-signature").data);
}

static void each_status_has_its_meaning(void **state)
{
        static const struct {
                int code;
                SendClass class;
        } rows[] = {
                { 200, SEND_ACCEPTED },  { 202, SEND_ACCEPTED },  { 299, SEND_ACCEPTED },  { 304, SEND_PERMANENT },
                { 400, SEND_PERMANENT }, { 401, SEND_PERMANENT }, { 403, SEND_PERMANENT }, { 404, SEND_GONE },
                { 408, SEND_TEMPORARY }, { 410, SEND_GONE },      { 413, SEND_PERMANENT }, { 422, SEND_PERMANENT },
                { 425, SEND_TEMPORARY }, { 429, SEND_TEMPORARY }, { 500, SEND_TEMPORARY }, { 503, SEND_TEMPORARY },
                { 599, SEND_TEMPORARY },
        };
        Bench *b = *state;
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
                char path[32];
                (void)snprintf(path, sizeof(path), "/status/%d", rows[i].code);
                const SendResult *result = bench_try(b, sample_to(b, CHANNEL_WEBHOOK, path));
                assert_int_equal(result->code, rows[i].code);
                assert_string_equal(send_class_text(result->class), send_class_text(rows[i].class));
        }
        assert_int_equal(b->server->connections, 1);
}

static void a_redirect_is_not_followed(void **state)
{
        Bench *b = *state;
        assert_result(bench_try(b, sample_to(b, CHANNEL_WEBHOOK, "/moved")), SEND_PERMANENT, 302,
                      "HTTP 302: redirects are not followed; give channel \"crm\" the final URL");
        assert_int_equal(b->server->requests, 1);
}

static void the_receiver_may_ask_for_patience(void **state)
{
        Bench *b = *state;
        const SendResult *result = bench_try(b, sample_to(b, CHANNEL_WEBHOOK, "/wait/120"));
        assert_result(result, SEND_TEMPORARY, 429, "HTTP 429, asks to wait for 120 s");
        assert_int_equal(result->retry_after.us, span_times(SPAN_SECOND, 120).us);
}

static void an_interim_answer_is_not_the_answer(void **state)
{
        Bench *b = *state;
        assert_result(bench_try(b, sample_to(b, CHANNEL_WEBHOOK, "/continue")), SEND_ACCEPTED, 204, "HTTP 204");
}

static void a_huge_body_is_cut_off_and_its_status_counts(void **state)
{
        Bench *b = *state;
        assert_result(bench_try(b, sample_to(b, CHANNEL_WEBHOOK, "/huge")), SEND_ACCEPTED, 200, "HTTP 200");
        assert_result(bench_try(b, sample_to(b, CHANNEL_WEBHOOK, "/middle")), SEND_ACCEPTED, 200, "HTTP 200");
}

static void what_is_no_answer_is_tried_again(void **state)
{
        Bench *b = *state;
        const char lost[] = "the connection was lost before there was an answer: it may have arrived";
        assert_result(bench_try(b, sample_to(b, CHANNEL_WEBHOOK, "/drop")), SEND_TEMPORARY, 0, lost);
        assert_result(bench_try(b, sample_to(b, CHANNEL_WEBHOOK, "/garbage")), SEND_TEMPORARY, 0,
                      "the answer is not HTTP");
        assert_result(bench_try(b, sample_to(b, CHANNEL_WEBHOOK, "/headers")), SEND_TEMPORARY, 0,
                      "the answer is not HTTP");
        assert_true(b->results[0].is_unknown);
        assert_result(bench_try(b, sample_to(b, CHANNEL_WEBHOOK, "/head-only")), SEND_TEMPORARY, 0, lost);
}

static void a_receiver_that_hangs_is_given_up_in_time(void **state)
{
        Bench *b = *state;
        ParcelSample *s = sample_to(b, CHANNEL_WEBHOOK, "/hang");
        s->channel.timeout = (Span){ 50000 };
        const SendResult *result = bench_try(b, s);
        assert_result(result, SEND_TEMPORARY, 0, "no answer within 0 s: it may have arrived");
        assert_true(result->took.us >= 45000 && result->took.us < SPAN_SECOND.us * 5);
}

static void nobody_there_is_tried_again(void **state)
{
        Bench *b = *state;
        ParcelSample *s = sample_to(b, CHANNEL_WEBHOOK, "/status/200");
        server_stop(b->server);
        assert_result(bench_try(b, s), SEND_TEMPORARY, 0, "could not connect: connection refused");
}

static void tls_is_not_optional_for_https(void **state)
{
        Bench *b = *state;
        ParcelSample *s = sample_to(b, CHANNEL_WEBHOOK, "/status/200");
        s->channel.url = arena_textf(b->arena, "https://127.0.0.1:%d/", b->server->port);
        s->channel.timeout = (Span){ 200000 };
        assert_int_equal(bench_try(b, s)->class, SEND_TEMPORARY);
        assert_int_equal(b->server->requests, 0);
}

static void only_https_is_spoken_unless_allowed(void **state)
{
        Bench *b = *state;
        ParcelSample *s = sample_to(b, CHANNEL_WEBHOOK, "/status/200");
        s->channel.allows_plain_http = false;
        assert_result(bench_try(b, s), SEND_PERMANENT, 0,
                      "only https is allowed; set plain_http = true in channel \"crm\" if http is meant");
        const char *urls[] = {
                "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/", "smtp://127.0.0.1/", "http", ""
        };
        s->channel.allows_plain_http = true;
        for (size_t i = 0; i < COUNT_OF(urls); i++) {
                s->channel.url = text_from(urls[i]);
                const SendResult *result = bench_try(b, s);
                if (strcmp(urls[i], "http") != 0) /* a host of that name */
                        assert_result(result, SEND_PERMANENT, 0, "the URL of channel \"crm\" cannot be used");
        }
        assert_int_equal(b->server->connections, 0);
}

static void private_addresses_are_refused_however_they_are_spelled(void **state)
{
        static const char *const hosts[] = {
                "127.0.0.1",
                "127.1",
                "127.0.1",
                "127.000.000.001",
                "127.255.255.254",
                "2130706433",
                "0x7f000001",
                "0x7f.1",
                "0x7F.0x0.0x0.0x1",
                "0177.0.0.1",
                "0177.0.0.01",
                "017700000001",
                "127.0x1",
                "0",
                "0.0.0.0",
                "0x0",
                "localhost",
                "LOCALHOST",
                "user@127.0.0.1",
                "user:pass@127.1",
                "here.test",
                "inside.test",
                "%31%32%37.0.0.1",
                "[::]",
                "[::1]",
                "[0:0:0:0:0:0:0:1]",
                "[0::1]",
                "[::ffff:127.0.0.1]",
                "[::ffff:7f00:1]",
                "[0:0:0:0:0:ffff:7f00:1]",
                "[::127.0.0.1]",
                "[::ffff:0:127.0.0.1]",
                "[64:ff9b::7f00:1]",
                "[64:ff9b:1::7f00:1]",
                "[2002:7f00:1::]",
                "[2001::1]",
                "[fe80::1]",
                "[fec0::1]",
                "[fc00::1]",
                "[fd12:3456::1]",
                "[ff02::1]",
                "[100::1]",
                "10.0.0.1",
                "172.16.0.1",
                "172.31.255.254",
                "192.168.1.1",
                "100.64.0.1",
                "169.254.169.254",
                "192.0.0.1",
                "198.18.0.1",
                "224.0.0.1",
                "240.0.0.1",
                "255.255.255.255",
        };
        Bench *b = *state;
        for (size_t i = 0; i < COUNT_OF(hosts); i++) {
                ParcelSample *s = sample_to(b, CHANNEL_WEBHOOK, "/status/200");
                s->channel.allows_private_network = false;
                s->channel.url = arena_textf(b->arena, "http://%s:%d/status/200", hosts[i], b->server->port);
                const SendResult *result = bench_try(b, s);
                if (result->class != SEND_PERMANENT || !strstr(result->detail, " is private and not allowed"))
                        fail_msg("%s: %s \"%s\"", hosts[i], send_class_text(result->class), result->detail);
        }
        assert_int_equal(connects.all, 0);
}

static void a_name_that_leads_inside_is_refused_with_the_address(void **state)
{
        Bench *b = *state;
        ParcelSample *s = sample_to(b, CHANNEL_WEBHOOK, "");
        s->channel.allows_private_network = false;
        s->channel.url = TEXT("http://inside.test/secret?token=1");
        assert_result(bench_try(b, s), SEND_PERMANENT, 0,
                      "address 10.1.2.3 is private and not allowed; set private_network = true if this is meant");
        assert_int_equal(connects.all, 0);
}

/* Whoever has a name of their own can point it elsewhere once it was looked at: what is connected to is what counts. */
static void a_name_that_turns_inside_after_it_was_looked_at_is_never_connected_to(void **state)
{
        Bench *b = *state;
        ParcelSample *s = sample_to(b, CHANNEL_WEBHOOK, "");
        s->channel.allows_private_network = false;
        s->channel.url = arena_textf(b->arena, "http://turns.test:%d/status/200", b->server->port);
        turns = 0;
        assert_result(bench_try(b, s), SEND_TEMPORARY, 0, "could not connect: network is unreachable");
        assert_int_equal(connects.outside, 1);
        b->notifier = notifier_free(b->notifier); /* and with it what it remembers of names */
        assert_int_equal(notifier_new(b->event, on_done, b, &b->notifier), 0);
        assert_result(bench_try(b, s), SEND_PERMANENT, 0,
                      "address 127.0.0.1 is private and not allowed; set private_network = true if this is meant");
        s->channel.url = arena_textf(b->arena, "http://both.test:%d/status/200", b->server->port);
        (void)bench_try(b, s);
        assert_int_equal(connects.all, connects.outside);
        assert_int_equal(b->server->connections, 0);
}

static void an_open_connection_does_not_help_a_channel_that_may_not_use_it(void **state)
{
        Bench *b = *state;
        ParcelSample *s = sample_to(b, CHANNEL_WEBHOOK, "/status/200");
        assert_int_equal(bench_try(b, s)->class, SEND_ACCEPTED);
        s->channel.allows_private_network = false;
        assert_result(bench_try(b, s), SEND_PERMANENT, 0,
                      "address 127.0.0.1 is private and not allowed; set private_network = true if this is meant");
        assert_int_equal(b->server->requests, 1);
}

static void a_secret_that_is_none_is_told_and_nothing_is_sent(void **state)
{
        Bench *b = *state;
        ParcelSample *s = sample_to(b, CHANNEL_WEBHOOK, "/status/200");
        s->channel.secret = (Secret){ .kind = SECRET_ENV, .value = TEXT("hunter2") };
        assert_result(bench_try(b, s), SEND_PERMANENT, 0,
                      "the secret is not \"whsec_\" and the base64 of 24 to 64 bytes (channel \"crm\")");
        assert_int_equal(b->server->connections, 0);
}

static void a_name_nobody_knows_is_tried_again(void **state)
{
        Bench *b = *state;
        ParcelSample *s = sample_to(b, CHANNEL_WEBHOOK, "");
        s->channel.url = TEXT("http://nobody.test/?token=secret");
        assert_result(bench_try(b, s), SEND_TEMPORARY, 0, "could not resolve the host name of channel \"crm\"");
}

static void a_name_server_that_hangs_does_not_hold_up_the_loop(void **state)
{
        Bench *b = *state;
        ParcelSample *slow = sample_to(b, CHANNEL_WEBHOOK, ""), *quick = sample_to(b, CHANNEL_WEBHOOK, "/status/200");
        assert_int_equal(pipe(slow_name), 0);
        slow->channel.url = TEXT("http://slow.test/");
        slow->channel.timeout = (Span){ 100000 };
        bench_send(b, slow);
        bench_send(b, quick);
        bench_wait(b, 2);
        assert_ptr_equal(b->parcels[0], &quick->parcel);
        assert_result(&b->results[1], SEND_TEMPORARY, 0, "no connection within 0 s (timeout of channel \"crm\": 0 s)");
        assert_int_equal(write(slow_name[1], "x", 1), 1);
}

/* --- many at once --- */

static void a_hundred_at_once_arrive_and_use_their_connections_again(void **state)
{
        Bench *b = *state;
        for (int round = 1; round <= 3; round++) {
                for (int i = 0; i < 100; i++)
                        bench_send(b, sample_to(b, CHANNEL_WEBHOOK, "/status/200"));
                bench_wait(b, (size_t)round * 100);
        }
        for (size_t i = 0; i < b->count; i++)
                assert_int_equal(b->results[i].class, SEND_ACCEPTED);
        assert_int_equal(b->server->requests, 300);
        assert_true(b->server->connections <= 100);
}

static void more_than_there_is_room_for_wait_their_turn(void **state)
{
        Bench *b = *state;
        size_t count = EXCHANGES_MAX + 50;
        ParcelSample *first = sample_to(b, CHANNEL_WEBHOOK, "/hang");
        first->channel.timeout = (Span){ 300000 };
        for (size_t i = 0; i < EXCHANGES_MAX; i++)
                bench_send(b, first);
        ParcelSample *later[50];
        for (size_t i = 0; i < COUNT_OF(later); i++) {
                later[i] = sample_to(b, CHANNEL_WEBHOOK, i % 10 == 9 ? "/status/503" : "/status/200");
                bench_send(b, later[i]);
        }
        assert_int_equal(notifier_in_flight(b->notifier), count);
        bench_wait(b, count);
        size_t accepted = 0;
        for (size_t i = 0; i < b->count; i++)
                accepted += b->results[i].class == SEND_ACCEPTED;
        assert_int_equal(accepted, 45);
}

static void done_may_send_the_next(void **state)
{
        Bench *b = *state;
        ParcelSample *second = sample_to(b, CHANNEL_WEBHOOK, "/status/500");
        b->again = &second->parcel;
        bench_send(b, sample_to(b, CHANNEL_WEBHOOK, "/status/200"));
        bench_wait(b, 2);
        assert_int_equal(b->results[1].code, 500);
        /* also from the result of one that was refused */
        ParcelSample *refused = sample_to(b, CHANNEL_EMAIL, "/");
        refused->reader.email = TEXT("");
        b->again = &second->parcel;
        bench_send(b, refused);
        bench_wait(b, 4);
        assert_int_equal(b->results[2].class, SEND_PERMANENT);
        assert_int_equal(b->results[3].code, 500);
}

static void freeing_drops_what_is_under_way_without_a_word(void **state)
{
        Bench *b = *state;
        for (int i = 0; i < 300; i++)
                bench_send(b, sample_to(b, CHANNEL_WEBHOOK, "/hang"));
        ParcelSample *refused = sample_to(b, CHANNEL_EMAIL, "/");
        refused->reader.email = TEXT("");
        bench_send(b, refused);
        for (int i = 0; i < 20; i++)
                assert_true(sd_event_run(b->event, 1000) >= 0);
        b->notifier = notifier_free(b->notifier);
        assert_int_equal(b->count, 0);
}

/* --- idle connections --- */

/* How often the loop wakes in a tenth of a second in which nothing should happen. */
static uint64_t wakes(Bench *b)
{
        uint64_t before, after, end = clock_ms(CLOCK_MONOTONIC) + 100;
        assert_true(sd_event_get_iteration(b->event, &before) >= 0);
        while (clock_ms(CLOCK_MONOTONIC) < end)
                assert_true(sd_event_run(b->event, 20000) >= 0);
        assert_true(sd_event_get_iteration(b->event, &after) >= 0);
        return after - before;
}

static void an_idle_connection_that_closes_does_not_make_the_loop_spin(void **state)
{
        Bench *b = *state;
        for (int i = 0; i < 20; i++)
                bench_send(b, sample_to(b, CHANNEL_WEBHOOK, "/status/200"));
        bench_wait(b, 20);
        server_close_peers(b->server);
        assert_in_range(wakes(b), 0, 60);
        assert_int_equal(bench_try(b, sample_to(b, CHANNEL_WEBHOOK, "/status/200"))->class, SEND_ACCEPTED);
}

static void an_idle_connection_that_talks_does_not_make_the_loop_spin(void **state)
{
        Bench *b = *state;
        assert_int_equal(bench_try(b, sample_to(b, CHANNEL_WEBHOOK, "/status/200"))->class, SEND_ACCEPTED);
        peer_say(b->server->peers, "HTTP/1.1 500 nobody asked\r\nContent-Length: 0\r\n\r\n");
        assert_in_range(wakes(b), 0, 30);
        /* What was said without being asked is not taken for the answer to the next. */
        assert_result(bench_try(b, sample_to(b, CHANNEL_WEBHOOK, "/status/200")), SEND_ACCEPTED, 200, "HTTP 200");
}

/* --- Slack --- */

static void slack_has_to_say_ok(void **state)
{
        Bench *b = *state;
        assert_result(bench_try(b, sample_to(b, CHANNEL_SLACK, "/slack")), SEND_ACCEPTED, 200, "HTTP 200");
        assert_string_equal(strstr(b->server->last, "\r\n\r\n") + 4,
                            notifier_preview(b->parcels[0], SAMPLE_NOW, b->arena).data);
        assert_result(bench_try(b, sample_to(b, CHANNEL_SLACK, "/login-page")), SEND_TEMPORARY, 200,
                      "HTTP 200, but the answer is not Slack's \"ok\"");
        assert_result(bench_try(b, sample_to(b, CHANNEL_SLACK, "/slack-refuses")), SEND_GONE, 403,
                      "HTTP 403 invalid_token");
        assert_result(bench_try(b, sample_to(b, CHANNEL_SLACK, "/status/410")), SEND_GONE, 410, "HTTP 410");
}

/* --- mail --- */

static void a_mail_goes_to_one_recipient_and_arrives_as_it_was_made(void **state)
{
        Bench *b = *state;
        ParcelSample *s = mail_sample(b);
        assert_result(bench_try(b, s), SEND_ACCEPTED, 250, "SMTP 250 2.0.0");
        assert_string_equal(b->server->last, notifier_preview(&s->parcel, SAMPLE_NOW, b->arena).data);
        assert_non_null(strstr(b->server->commands, "MAIL FROM:<loop@example.com>"));
        assert_non_null(strstr(b->server->commands, "RCPT TO:<ana.lima@example.com>\nDATA\n"));
        assert_int_equal(bench_try(b, s)->class, SEND_ACCEPTED);
        assert_int_equal(b->server->connections, 1);
        assert_int_equal(b->server->requests, 2);
}

static void the_mail_server_is_given_user_and_password(void **state)
{
        Bench *b = *state;
        ParcelSample *s = mail_sample(b);
        b->server->extensions = "250-mail.test\r\n250 AUTH PLAIN\r\n";
        s->channel.user = TEXT("loop");
        s->channel.password = (Secret){ .kind = SECRET_FILE, .value = TEXT("pass") };
        assert_result(bench_try(b, s), SEND_ACCEPTED, 250, "SMTP 250 2.0.0");
        assert_non_null(strstr(b->server->commands, "AUTH PLAIN\n" LOGIN "\n"));
}

static void each_refusal_of_a_mail_server_has_its_meaning(void **state)
{
        static const struct {
                const char *refuse, *reply;
                SendClass class;
                int code;
                const char *detail;
        } rows[] = {
                { "RCPT", "550 5.1.1 no such user\r\n", SEND_GONE, 550, "SMTP 550 5.1.1: no such mailbox" },
                { "RCPT", "550 not today\r\n", SEND_PERMANENT, 550, "SMTP 550" },
                { "RCPT", "451 4.7.1 greylisted\r\n", SEND_TEMPORARY, 451,
                  "SMTP 451 4.7.1: not allowed by the server's rules" },
                { "RCPT", "452 4.2.2 full\r\n", SEND_TEMPORARY, 452, "SMTP 452 4.2.2: the mailbox is full" },
                { "MAIL", "421 4.3.2 closing\r\n", SEND_TEMPORARY, 421,
                  "SMTP 421 4.3.2: the mail server takes no mail now" },
                { "MAIL", "550 5.7.1 not you\r\n", SEND_PERMANENT, 550,
                  "SMTP 550 5.7.1: not allowed by the server's rules" },
                { "MAIL", "530 5.7.0 log in first\r\n", SEND_TEMPORARY, 530,
                  "530 5.7.0 log in first; check user, password and tls of channel \"mail\"" },
                { "DATA", "452 4.3.1 no room\r\n", SEND_TEMPORARY, 452, "SMTP 452 4.3.1: the mail server is full" },
                { "DATA", "554 5.5.1 no\r\n", SEND_PERMANENT, 554, "SMTP 554 5.5.1: about the SMTP dialogue" },
                { "END", "554 5.6.0 looks like spam\r\n", SEND_PERMANENT, 554, "SMTP 554 5.6.0: about the content" },
                { "END", "451 4.3.0 later\r\n", SEND_TEMPORARY, 451, "SMTP 451 4.3.0: about the mail server" },
                { "END", "552-5.3.4 two\r\n552 5.3.4 lines \"quoted\" \x1b[31m\r\n", SEND_PERMANENT, 552,
                  "SMTP 552 5.3.4: larger than the mail server takes" },
                { "EHLO", "502 5.5.1 an old server\r\n", SEND_ACCEPTED, 250, "SMTP 250 2.0.0" },
                { "", "554 no service here\r\n", SEND_TEMPORARY, 554,
                  "554 no service here; check user, password and tls of channel \"mail\"" },
                { "", "421 too many connections\r\n", SEND_TEMPORARY, 421, "SMTP 421" },
        };
        Bench *b = *state;
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
                b->notifier = notifier_free(b->notifier); /* else an open connection is used, and not greeted */
                assert_int_equal(notifier_new(b->event, on_done, b, &b->notifier), 0);
                b->server->refuse = rows[i].refuse;
                b->server->reply = rows[i].reply;
                const SendResult *result = bench_try(b, mail_sample(b));
                assert_result(result, rows[i].class, rows[i].code, rows[i].detail);
        }
}

/* The server has the message, and we never hear so: tried again, as a possible repeat. */
static void a_mail_whose_last_answer_is_lost_is_told_from_one_that_never_went_out(void **state)
{
        Bench *b = *state;
        static const struct {
                const char *at;
                bool is_unknown;
        } rows[] = { { "MAIL", false }, { "RCPT", false }, { "DATA", false }, { "END", true } };
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
                b->notifier = notifier_free(b->notifier);
                assert_int_equal(notifier_new(b->event, on_done, b, &b->notifier), 0);
                b->server->refuse = b->server->hangs_up_at = rows[i].at;
                b->server->reply = "";
                const SendResult *result = bench_try(b, mail_sample(b));
                assert_int_equal(result->class, SEND_TEMPORARY);
                assert_int_equal(result->is_unknown, rows[i].is_unknown);
        }
        assert_int_equal(b->server->requests, 1);
}

static void a_wrong_password_is_our_fault_and_not_the_recipients(void **state)
{
        Bench *b = *state;
        ParcelSample *s = mail_sample(b);
        b->server->extensions = "250-mail.test\r\n250 AUTH PLAIN\r\n";
        b->server->refuse = LOGIN;
        b->server->reply = "535 5.7.8 bad credentials for loop\r\n";
        s->channel.user = TEXT("loop");
        s->channel.password = (Secret){ .kind = SECRET_FILE, .value = TEXT("pass") };
        assert_result(bench_try(b, s), SEND_TEMPORARY, 535,
                      "535 authentication failed: check user and password of channel \"mail\"");
}

static void required_tls_is_required(void **state)
{
        Bench *b = *state;
        ParcelSample *s = mail_sample(b);
        s->channel.tls = MAIL_TLS_REQUIRED;
        const SendResult *result = bench_try(b, s);
        assert_int_equal(result->class, SEND_TEMPORARY);
        assert_string_equal(result->detail, "the mail server offers no TLS, which channel \"mail\" requires; set tls = "
                                            "\"opportunistic\" if this is meant");
        assert_null(strstr(b->server->commands, "MAIL"));
        s->channel.tls = MAIL_TLS_OPPORTUNISTIC;
        assert_int_equal(bench_try(b, s)->class, SEND_ACCEPTED);
}

static void an_address_that_is_none_never_reaches_the_mail_server(void **state)
{
        static const char *const addresses[] = {
                "",
                "ana",
                "ana@",
                "@example.com",
                "ana@example.com\r\nRCPT TO:<evil@example.com>",
                "ana@example.com>",
                "<ana@example.com>",
                "ana@exa mple.com",
                "ana@example.com,evil@example.com",
                "\"a b\"@example.com",
                "ana@m\xc3\xbcnchen.example",
                "ana@[127.0.0.1]",
                "a\x01na@example.com",
        };
        Bench *b = *state;
        for (size_t i = 0; i < COUNT_OF(addresses); i++) {
                ParcelSample *s = mail_sample(b);
                s->reader.email = text_from(addresses[i]);
                assert_int_equal(bench_try(b, s)->class, SEND_PERMANENT);
        }
        ParcelSample *s = mail_sample(b);
        s->reader.email = (Text){ "ana\0@example.com", 16 };
        assert_int_equal(bench_try(b, s)->class, SEND_PERMANENT);
        s = mail_sample(b);
        s->parcel.reader = NULL;
        assert_result(bench_try(b, s), SEND_PERMANENT, 0, "a mail needs a person to go to (channel \"mail\")");
        assert_int_equal(b->server->connections, 0);
}

/* libcurl waits for the answer to QUIT, with nothing else going on meanwhile. */
static void a_mail_server_that_does_not_answer_quit_does_not_hold_up_the_loop(void **state)
{
        Bench *b = *state;
        b->server->ignores_quit = true;
        b->server->refuse = "RCPT";
        b->server->reply = "550 5.1.1 no such user\r\n";
        uint64_t start = clock_ms(CLOCK_MONOTONIC);
        for (int i = 0; i < 3; i++)
                assert_int_equal(bench_try(b, mail_sample(b))->class, SEND_GONE);
        ParcelSample *s = mail_sample(b);
        s->channel.user = TEXT("loop");
        s->channel.password = (Secret){ .kind = SECRET_FILE, .value = TEXT("pass") };
        b->server->extensions = "250-mail.test\r\n250 AUTH PLAIN\r\n";
        b->server->refuse = LOGIN;
        b->server->reply = "535 5.7.8 no\r\n";
        assert_int_equal(bench_try(b, s)->code, 535);
        b->server->refuse = "";
        b->server->reply = "554 no\r\n";
        assert_int_equal(bench_try(b, mail_sample(b))->code, 554);
        b->server->refuse = "-";
        assert_int_equal(bench_try(b, mail_sample(b))->class, SEND_ACCEPTED);
        b->notifier = notifier_free(b->notifier);
        assert_true(clock_ms(CLOCK_MONOTONIC) - start < 800);
}

static void a_mail_server_that_thinks_about_a_message_does_not_hold_up_the_loop(void **state)
{
        Bench *b = *state;
        ParcelSample *s = mail_sample(b);
        Server *web = server_new(b->event, speak_http);
        b->server->refuse = "END";
        b->server->reply = "";
        s->channel.timeout = (Span){ 150000 };
        bench_send(b, s);
        for (int i = 0; i < 20; i++) {
                ParcelSample *other = sample_to(b, CHANNEL_WEBHOOK, "");
                other->channel.url = arena_textf(b->arena, "http://127.0.0.1:%d/status/200", web->port);
                bench_send(b, other);
        }
        bench_wait(b, 21);
        (void)server_free(web);
        assert_ptr_equal(b->parcels[20], &s->parcel);
        assert_result(&b->results[20], SEND_TEMPORARY, 0, "no answer within 0 s: it may have arrived");
        assert_int_equal(b->server->requests, 1);
}

static void an_idle_mail_session_that_ends_is_replaced(void **state)
{
        Bench *b = *state;
        assert_int_equal(bench_try(b, mail_sample(b))->class, SEND_ACCEPTED);
        peer_say(b->server->peers, "421 4.4.2 idle for too long\r\n");
        server_close_peers(b->server);
        assert_in_range(wakes(b), 0, 30);
        assert_int_equal(bench_try(b, mail_sample(b))->class, SEND_ACCEPTED);
        assert_int_equal(b->server->connections, 2);
}

static void a_mail_session_that_ends_just_when_it_is_used_again_is_replaced(void **state)
{
        Bench *b = *state;
        b->server->closes_after = 1;
        assert_int_equal(bench_try(b, mail_sample(b))->class, SEND_ACCEPTED);
        assert_int_equal(bench_try(b, mail_sample(b))->class, SEND_ACCEPTED);
        assert_int_equal(b->server->connections, 2);
        b->server->refuse = "MAIL";
        b->server->reply = "421 4.7.0 enough for one session\r\n";
        assert_result(bench_try(b, mail_sample(b)), SEND_TEMPORARY, 421, "SMTP 421 4.7.0: about policy");
        assert_int_equal(b->server->connections, 3);
}

static void mails_share_sessions_but_not_with_other_accounts(void **state)
{
        Bench *b = *state;
        b->server->extensions = "250-mail.test\r\n250 AUTH PLAIN\r\n";
        for (size_t round = 1; round <= 5; round++) {
                for (int i = 0; i < 10; i++)
                        bench_send(b, mail_sample(b));
                bench_wait(b, round * 10);
        }
        for (size_t i = 0; i < b->count; i++)
                assert_int_equal(b->results[i].class, SEND_ACCEPTED);
        assert_int_equal(b->server->requests, 50);
        assert_int_equal(b->server->connections, 10);
        ParcelSample *s = mail_sample(b);
        s->channel.user = TEXT("loop");
        s->channel.password = (Secret){ .kind = SECRET_FILE, .value = TEXT("pass") };
        assert_int_equal(bench_try(b, s)->class, SEND_ACCEPTED);
        assert_int_equal(b->server->connections, 11);
}

static void a_mail_server_that_talks_nonsense_or_without_end_is_left(void **state)
{
        Bench *b = *state;
        char *endless = arena_alloc(b->arena, 100 * 1024);
        for (int i = 0; i < 5000; i++)
                memcpy(endless + i * 19, "250-and much more\r\n", 19);
        b->server->refuse = "MAIL";
        b->server->reply = "what do you want\r\n";
        assert_result(bench_try(b, mail_sample(b)), SEND_TEMPORARY, 0, "the answer is not SMTP");
        b->server->reply = endless;
        assert_result(bench_try(b, mail_sample(b)), SEND_TEMPORARY, 0, "the answer is not SMTP");
}

static void freeing_drops_mails_under_way(void **state)
{
        Bench *b = *state;
        b->server->refuse = "DATA";
        b->server->reply = "";
        for (int i = 0; i < 10; i++)
                bench_send(b, mail_sample(b));
        for (int i = 0; i < 30; i++)
                assert_true(sd_event_run(b->event, 1000) >= 0);
        bench_send(b, mail_sample(b)); /* this one has not even begun */
        b->notifier = notifier_free(b->notifier);
        assert_int_equal(b->count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define MAIL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_mail, tear_down)
        (void)signal(SIGPIPE, SIG_IGN);
        const struct CMUnitTest tests[] = {
                TEST(a_webhook_is_posted_and_signed),
                TEST(a_bad_trace_context_and_a_missing_secret_leave_no_header),
                TEST(each_status_has_its_meaning),
                TEST(a_redirect_is_not_followed),
                TEST(the_receiver_may_ask_for_patience),
                TEST(an_interim_answer_is_not_the_answer),
                TEST(a_huge_body_is_cut_off_and_its_status_counts),
                TEST(what_is_no_answer_is_tried_again),
                TEST(a_receiver_that_hangs_is_given_up_in_time),
                TEST(nobody_there_is_tried_again),
                TEST(tls_is_not_optional_for_https),
                TEST(only_https_is_spoken_unless_allowed),
                TEST(private_addresses_are_refused_however_they_are_spelled),
                TEST(a_name_that_leads_inside_is_refused_with_the_address),
                TEST(a_name_that_turns_inside_after_it_was_looked_at_is_never_connected_to),
                TEST(an_open_connection_does_not_help_a_channel_that_may_not_use_it),
                TEST(a_secret_that_is_none_is_told_and_nothing_is_sent),
                TEST(a_name_nobody_knows_is_tried_again),
                TEST(a_name_server_that_hangs_does_not_hold_up_the_loop),
                TEST(a_hundred_at_once_arrive_and_use_their_connections_again),
                TEST(more_than_there_is_room_for_wait_their_turn),
                TEST(done_may_send_the_next),
                TEST(freeing_drops_what_is_under_way_without_a_word),
                TEST(an_idle_connection_that_closes_does_not_make_the_loop_spin),
                TEST(an_idle_connection_that_talks_does_not_make_the_loop_spin),
                TEST(slack_has_to_say_ok),
                MAIL_TEST(a_mail_goes_to_one_recipient_and_arrives_as_it_was_made),
                MAIL_TEST(the_mail_server_is_given_user_and_password),
                MAIL_TEST(each_refusal_of_a_mail_server_has_its_meaning),
                MAIL_TEST(a_mail_whose_last_answer_is_lost_is_told_from_one_that_never_went_out),
                MAIL_TEST(a_wrong_password_is_our_fault_and_not_the_recipients),
                MAIL_TEST(required_tls_is_required),
                MAIL_TEST(an_address_that_is_none_never_reaches_the_mail_server),
                MAIL_TEST(a_mail_server_that_does_not_answer_quit_does_not_hold_up_the_loop),
                MAIL_TEST(a_mail_server_that_thinks_about_a_message_does_not_hold_up_the_loop),
                MAIL_TEST(an_idle_mail_session_that_ends_is_replaced),
                MAIL_TEST(a_mail_session_that_ends_just_when_it_is_used_again_is_replaced),
                MAIL_TEST(mails_share_sessions_but_not_with_other_accounts),
                MAIL_TEST(a_mail_server_that_talks_nonsense_or_without_end_is_left),
                MAIL_TEST(freeing_drops_mails_under_way),
        };
        return cmocka_run_group_tests_name("notifier", tests, NULL, NULL);
}
