#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "web/web.h"

enum {
        TURNS_MAX = 3000, /* of the loop, until a test gives up */
        ANSWER_BYTES_MAX = 16 << 20,
};

typedef struct Bench {
        Arena *arena;
        sd_event *event;
        Web *web;
        bool is_ready;
        size_t metrics_bytes;
        int metrics_calls;
} Bench;

/* ---- a service that has something to say ------------------------------------------------------------------------- */

static bool on_alive(void *userdata UNUSED, Buffer *words)
{
        buffer_put_literal(words, "ok\n");
        return true;
}

static bool on_ready(void *userdata, Buffer *words)
{
        const Bench *bench = userdata;
        buffer_put(words, bench->is_ready ? TEXT("ok\n") : TEXT("kafka: brokers are down\n"));
        return bench->is_ready;
}

static void on_metrics(void *userdata, Buffer *b)
{
        Bench *bench = userdata;
        bench->metrics_calls++;
        if (bench->metrics_bytes > 0)
                memset(buffer_room(b, bench->metrics_bytes), 'm', bench->metrics_bytes);
        b->len += bench->metrics_bytes;
        buffer_put_literal(b, "closedloop_kafka_up 1\n");
}

static const WebOps OPS = { .is_alive = on_alive, .is_ready = on_ready, .metrics = on_metrics };

static int setup(void **state)
{
        static Bench bench;
        bench = (Bench){ .arena = arena_new(4096), .is_ready = true };
        assert_return_code(sd_event_new(&bench.event), 0);
        assert_return_code(web_new(bench.event, TEXT("127.0.0.1:0"), &OPS, &bench, &bench.web), 0);
        *state = &bench;
        return 0;
}

static int teardown(void **state)
{
        Bench *bench = *state;
        bench->web = web_free(bench->web);
        bench->event = sd_event_unref(bench->event);
        bench->arena = arena_free(bench->arena);
        return 0;
}

/* ---- clients on raw sockets -------------------------------------------------------------------------------------- */

typedef struct Client {
        int fd;
        Buffer answer;
        bool is_closed;
} Client;

static void client_connect(Bench *bench, Client *client)
{
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons(web_port(bench->web)),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        *client = (Client){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .answer = buffer_in(bench->arena) };
        assert_return_code(client->fd, errno);
        int r = connect(client->fd, (struct sockaddr *)&address, sizeof(address));
        assert_return_code(r, errno);
}

static void client_say(Client *client, Text request)
{
        while (request.len > 0) {
                ssize_t n = send(client->fd, request.data, request.len, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n <= 0)
                        return; /* the server has heard enough */
                request = text_from_offset(request, (size_t)n);
        }
}

static void client_listen(Client *client)
{
        while (!client->is_closed && client->answer.len < ANSWER_BYTES_MAX) {
                ssize_t n = recv(client->fd, buffer_room(&client->answer, 65536), 65536, MSG_DONTWAIT);
                if (n < 0 && errno == EAGAIN)
                        return;
                client->is_closed = n <= 0;
                client->answer.len += n > 0 ? (size_t)n : 0;
        }
}

static void loop_turn(Bench *bench)
{
        assert_return_code(sd_event_run(bench->event, 5000), 0);
}

/* Until the server has closed. */
static Text client_finish(Bench *bench, Client *client)
{
        for (int i = 0; i < TURNS_MAX && !client->is_closed; i++) {
                loop_turn(bench);
                client_listen(client);
        }
        assert_true(client->is_closed);
        (void)close(client->fd);
        return buffer_text(&client->answer);
}

static Text ask(Bench *bench, Text request)
{
        Client client;
        client_connect(bench, &client);
        client_say(&client, request);
        return client_finish(bench, &client);
}

static Text ask_for(Bench *bench, const char *method, const char *path)
{
        return ask(bench,
                   arena_textf(bench->arena, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", method, path));
}

static size_t count_in(Text text, const char *part)
{
        size_t n = 0, len = strlen(part);
        for (size_t at = 0; at + len <= text.len; at++)
                n += memcmp(text.data + at, part, len) == 0;
        return n;
}

static bool has(Text answer, const char *part)
{
        return count_in(answer, part) > 0;
}

static int status_of(Text answer)
{
        if (!text_starts(answer, TEXT("HTTP/1.1 ")) && !text_starts(answer, TEXT("HTTP/1.0 ")))
                return 0;
        return (answer.data[9] - '0') * 100 + (answer.data[10] - '0') * 10 + (answer.data[11] - '0');
}

static Text body_of(Text answer)
{
        const char *end = memmem(answer.data, answer.len, "\r\n\r\n", 4);
        assert_non_null(end);
        return text_from_offset(answer, (size_t)(end - answer.data) + 4);
}

static void is_still_well(Bench *bench)
{
        assert_int_equal(status_of(ask_for(bench, "GET", "/healthz")), 200);
}

/* ---- pages ------------------------------------------------------------------------------------------------------- */

static void healthz_says_ok(void **state)
{
        Text answer = ask_for(*state, "GET", "/healthz");
        assert_int_equal(status_of(answer), 200);
        assert_true(text_is(body_of(answer), "ok\n"));
}

static void readyz_says_what_is_missing_with_503(void **state)
{
        Bench *bench = *state;
        assert_int_equal(status_of(ask_for(bench, "GET", "/readyz")), 200);
        bench->is_ready = false;
        Text answer = ask_for(bench, "GET", "/readyz");
        assert_int_equal(status_of(answer), 503);
        assert_true(text_is(body_of(answer), "kafka: brokers are down\n"));
        assert_int_equal(status_of(ask_for(bench, "GET", "/healthz")), 200);
}

static void metrics_are_prometheus_text(void **state)
{
        Text answer = ask_for(*state, "GET", "/metrics?format=x");
        assert_int_equal(status_of(answer), 200);
        assert_true(has(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
        assert_true(text_is(body_of(answer), "closedloop_kafka_up 1\n"));
}

static void every_answer_of_ours_carries_the_security_headers(void **state)
{
        static const char *const asked[][2] = { { "GET", "/healthz" },
                                                { "GET", "/metrics" },
                                                { "HEAD", "/readyz" },
                                                { "GET", "/none" },
                                                { "POST", "/metrics" } };
        for (size_t i = 0; i < COUNT_OF(asked); i++) {
                Text answer = ask_for(*state, asked[i][0], asked[i][1]);
                assert_true(has(answer, "X-Content-Type-Options: nosniff\r\n"));
                assert_true(has(answer, "Cache-Control: no-store\r\n"));
                assert_true(has(answer, "charset=utf-8\r\n"));
        }
}

static void head_is_get_without_the_body(void **state)
{
        Bench *bench = *state;
        bench->metrics_bytes = 1000;
        Text answer = ask_for(bench, "HEAD", "/metrics");
        assert_int_equal(status_of(answer), 200);
        assert_true(has(answer, "Content-Length: 1022\r\n"));
        assert_int_equal(body_of(answer).len, 0);
}

static void a_large_page_arrives_whole(void **state)
{
        Bench *bench = *state;
        bench->metrics_bytes = 4 << 20;
        Text answer = ask_for(bench, "GET", "/metrics");
        assert_int_equal(body_of(answer).len, bench->metrics_bytes + strlen("closedloop_kafka_up 1\n"));
}

static void other_paths_are_not_found(void **state)
{
        static const char *const paths[] = {
                "/",           "/metrics/",  "/Metrics",    "/metrics%00",      "/%6detrics", "//metrics",
                "/../metrics", "/healthz;x", "/healthz%20", "http://x/metrics", "*"
        };
        for (size_t i = 0; i < COUNT_OF(paths); i++)
                assert_int_equal(status_of(ask_for(*state, "GET", paths[i])), 404);
        assert_int_equal(((const Bench *)*state)->metrics_calls, 0);
}

static void other_methods_are_not_allowed(void **state)
{
        static const char *const methods[] = { "POST",  "PUT",     "DELETE", "OPTIONS", "TRACE",
                                               "PATCH", "CONNECT", "BREW",   "get" };
        for (size_t i = 0; i < COUNT_OF(methods); i++) {
                Text answer = ask_for(*state, methods[i], "/metrics");
                assert_int_equal(status_of(answer), 405);
                assert_true(has(answer, "Allow: GET, HEAD\r\n"));
        }
        assert_int_equal(((const Bench *)*state)->metrics_calls, 0);
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

static void a_kept_connection_answers_again(void **state)
{
        Bench *bench = *state;
        Client client;
        client_connect(bench, &client);
        for (size_t round = 1; round <= 5; round++) {
                client_say(&client, TEXT("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"));
                for (int i = 0; i < TURNS_MAX && count_in(buffer_text(&client.answer), "\r\n\r\nok\n") < round; i++) {
                        loop_turn(bench);
                        client_listen(&client);
                }
                assert_int_equal(count_in(buffer_text(&client.answer), "\r\n\r\nok\n"), round);
        }
        assert_false(client.is_closed);
        (void)close(client.fd);
        is_still_well(bench);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
        Bench *bench = *state;
        Text answer = ask(bench, TEXT("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                                      "GET /none HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"));
        assert_int_equal(count_in(answer, "HTTP/1.1 200 OK\r\n"), 1);
        assert_true(text_is(body_of(body_of(answer)), "there is /healthz, /readyz and /metrics\n"));
        answer = ask(bench, TEXT("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nHEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
                                 "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\nHost: "
                                 "x\r\nConnection: close\r\n\r\n"));
        assert_int_equal(count_in(answer, "HTTP/1.1 200 OK\r\n"), 4);
        assert_int_equal(bench->metrics_calls, 2);
        assert_int_equal(count_in(answer, "closedloop_kafka_up 1\n"), 1);
}

static void a_request_in_single_bytes_is_understood(void **state)
{
        Bench *bench = *state;
        Client client;
        client_connect(bench, &client);
        Text request = TEXT("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        for (size_t i = 0; i < request.len; i++) {
                client_say(&client, (Text){ request.data + i, 1 });
                assert_return_code(sd_event_run(bench->event, 100), 0);
        }
        assert_int_equal(status_of(client_finish(bench, &client)), 200);
}

static void a_hundred_clients_at_once_are_all_served(void **state)
{
        Bench *bench = *state;
        static Client clients[100];
        for (size_t i = 0; i < COUNT_OF(clients); i++) {
                client_connect(bench, &clients[i]);
                client_say(&clients[i], TEXT("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        }
        for (size_t i = 0; i < COUNT_OF(clients); i++)
                assert_int_equal(status_of(client_finish(bench, &clients[i])), 200);
        assert_int_equal(bench->metrics_calls, 100);
}

/* ---- hostile clients --------------------------------------------------------------------------------------------- */

static const Span SHORT = { 60 * 1000 };

static void a_client_that_drips_is_ended(void **state)
{
        Bench *bench = *state;
        web_set_patience(bench->web, SHORT);
        Client client;
        client_connect(bench, &client);
        client_say(&client, TEXT("GET /healthz HTTP/1.1\r\nHost: x\r\nX: "));
        for (int i = 0; i < TURNS_MAX && !client.is_closed; i++) {
                if (i % 4 == 0)
                        client_say(&client, TEXT("a"));
                loop_turn(bench);
                client_listen(&client);
        }
        assert_true(client.is_closed);
        assert_int_equal(status_of(buffer_text(&client.answer)), 0);
        (void)close(client.fd);
        is_still_well(bench);
}

static void silent_clients_cannot_keep_others_out(void **state)
{
        Bench *bench = *state;
        static Client silent[90];
        web_set_patience(bench->web, SHORT);
        for (size_t i = 0; i < COUNT_OF(silent); i++)
                client_connect(bench, &silent[i]);
        is_still_well(bench);
        for (size_t i = 0; i < COUNT_OF(silent); i++)
                (void)client_finish(bench, &silent[i]);
}

static void a_client_that_does_not_take_its_answer_is_ended(void **state)
{
        Bench *bench = *state;
        Client client;
        bench->metrics_bytes = 12 << 20;
        web_set_patience(bench->web, SHORT);
        client_connect(bench, &client);
        client_say(&client, TEXT("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        for (int i = 0; i < 40; i++)
                loop_turn(bench);
        assert_true(client_finish(bench, &client).len < bench->metrics_bytes);
        is_still_well(bench);
}

static void a_client_that_leaves_half_way_does_no_harm(void **state)
{
        Bench *bench = *state;
        bench->metrics_bytes = 4 << 20;
        for (int round = 0; round < 20; round++) {
                Client client;
                struct linger reset = { .l_onoff = 1, .l_linger = 0 };
                client_connect(bench, &client);
                client_say(&client, round % 2 ? TEXT("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n") : TEXT("GET /metr"));
                for (int i = 0; i < round; i++)
                        assert_return_code(sd_event_run(bench->event, 0), 0);
                (void)setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
                (void)close(client.fd);
        }
        bench->metrics_bytes = 0;
        is_still_well(bench);
}

static void a_body_is_refused_and_ends_the_connection(void **state)
{
        static const char *const requests[] = {
                "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
                "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\nhello",
                "GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                "HEAD /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n",
                ("GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                 "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
        };
        for (size_t i = 0; i < COUNT_OF(requests); i++) {
                Text answer = ask(*state, text_from(requests[i]));
                assert_in_set((uintmax_t)status_of(answer), ((const uintmax_t[]){ 400, 413 }), 2);
                assert_int_equal(count_in(answer, "HTTP/1.1 "), 1);
        }
        assert_int_equal(((const Bench *)*state)->metrics_calls, 0);
}

static void an_empty_body_is_none(void **state)
{
        Text answer =
                ask(*state, TEXT("GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
        assert_int_equal(status_of(answer), 200);
}

static void headers_that_may_stand_once_are_refused_twice(void **state)
{
        static const char *const twice[] = {
                "Host: x\r\nhost: y\r\n",
                "Host: x\r\nContent-Length: 0\r\ncontent-length: 0\r\n",
                "Host: x\r\nContent-Length: 0\r\nContent-Length: 40\r\n",
                "Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        };
        for (size_t i = 0; i < COUNT_OF(twice); i++) {
                Text answer = ask(*state,
                                  arena_textf(((const Bench *)*state)->arena,
                                              "GET /healthz HTTP/1.1\r\n%s\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
                                              twice[i]));
                assert_int_equal(status_of(answer), 400);
                assert_int_equal(count_in(answer, "HTTP/1.1 "), 1);
        }
        assert_int_equal(((const Bench *)*state)->metrics_calls, 0);
}

static void a_space_before_the_colon_of_a_header_hides_nothing(void **state)
{
        static const char *const hidden[] = { "Content-Length : 35", "Content-Length\t: 35",
                                              "Transfer-Encoding : chunked" };
        for (size_t i = 0; i < COUNT_OF(hidden); i++) {
                Text answer = ask(*state, arena_textf(((const Bench *)*state)->arena,
                                                      "GET /healthz HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n"
                                                      "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
                                                      hidden[i]));
                assert_int_equal(status_of(answer), 400);
                assert_int_equal(count_in(answer, "HTTP/1.1 "), 1);
        }
        assert_int_equal(((const Bench *)*state)->metrics_calls, 0);
}

static void a_request_without_a_host_is_refused(void **state)
{
        assert_int_equal(status_of(ask(*state, TEXT("GET /healthz HTTP/1.1\r\n\r\n"))), 400);
}

static Text with_header_of(Bench *bench, size_t bytes, bool in_many)
{
        Buffer b = buffer_in(bench->arena);
        buffer_put_literal(&b, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: ");
        for (size_t i = 0; i < bytes; i++)
                buffer_put(&b, in_many && i % 8 == 7 ? TEXT("\r\nX: ") : TEXT("a"));
        buffer_put_literal(&b, "\r\n\r\n");
        return buffer_text(&b);
}

static void huge_headers_are_refused_and_ordinary_ones_are_not(void **state)
{
        Bench *bench = *state;
        assert_int_equal(status_of(ask(bench, with_header_of(bench, 4000, false))), 200);
        static const size_t sizes[] = { 17000, 100000, 2000000 };
        for (size_t i = 0; i < COUNT_OF(sizes);
             i++) { /* where more is sent than was read, a reset may take the answer away */
                int one = status_of(ask(bench, with_header_of(bench, sizes[i], false)));
                int many = status_of(ask(bench, with_header_of(bench, sizes[i], true)));
                assert_true((one == 0 || (one >= 400 && one < 500)) && (many == 0 || (many >= 400 && many < 500)));
                is_still_well(bench);
        }
}

static void what_is_no_http_is_refused(void **state)
{
        static const char *const requests[] = {
                "\r\n\r\n\r\n\r\n\x16\x03\x01\x02\r\n\r\n",
                "GET\r\n\r\n",
                "GET /healthz\r\n\r\n",
                "GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                "GET /healthz HTTP/1.1\r\nno colon\r\nHost: x\r\n\r\n",
                "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        };
        Bench *bench = *state;
        web_set_patience(bench->web, SHORT);
        for (size_t i = 0; i < COUNT_OF(requests); i++) {
                assert_int_not_equal(status_of(ask(bench, text_from(requests[i]))), 200);
                is_still_well(bench);
        }
}

/* ---- listening --------------------------------------------------------------------------------------------------- */

static int listen_on(Bench *bench, Text listen)
{
        CLEANUP(web_freep) Web *web = NULL;
        return web_new(bench->event, listen, &OPS, bench, &web);
}

static void only_loopback_is_listened_on(void **state)
{
        static const char *const elsewhere[] = {
                "0.0.0.0:0", "10.0.0.1:9464", "126.255.255.255:0",    "128.0.0.1:0",
                "[::]:0",    "[fe80::1]:0",   "[::ffff:127.0.0.1]:0", "[2001:db8::1]:80"
        };
        for (size_t i = 0; i < COUNT_OF(elsewhere); i++)
                assert_int_equal(listen_on(*state, text_from(elsewhere[i])), -EACCES);
        assert_int_equal(listen_on(*state, TEXT("127.0.0.1:0")), 0);
        assert_int_equal(listen_on(*state, TEXT("127.8.9.10:0")), 0);
}

static void ipv6_loopback_serves_where_the_machine_has_it(void **state)
{
        Bench *bench = *state;
        CLEANUP(web_freep) Web *web = NULL;
        int r = web_new(bench->event, TEXT("[::1]:0"), &OPS, bench, &web);
        if (r < 0)
                assert_true(r == -EADDRNOTAVAIL || r == -EAFNOSUPPORT);
        else
                assert_int_not_equal(web_port(web), 0);
}

static void what_is_no_address_and_port_is_invalid(void **state)
{
        static const char *const wrong[] = { "",
                                             "127.0.0.1",
                                             ":80",
                                             "127.0.0.1:",
                                             "127.0.0.1:65536",
                                             "127.0.0.1:-1",
                                             "127.0.0.1:8o",
                                             "localhost:80",
                                             "[::1]",
                                             "[::1]80",
                                             "::1:80",
                                             "[127.0.0.1]:80",
                                             "[]:80",
                                             "127.0.0.1 :80",
                                             "127.1:80" };
        for (size_t i = 0; i < COUNT_OF(wrong); i++)
                assert_int_equal(listen_on(*state, text_from(wrong[i])), -EINVAL);
        assert_int_equal(listen_on(*state, TEXT_NONE), -EINVAL);
}

static void a_port_in_use_is_said_to_be(void **state)
{
        Bench *bench = *state;
        Text listen = arena_textf(bench->arena, "127.0.0.1:%u", web_port(bench->web));
        assert_int_equal(listen_on(bench, listen), -EADDRINUSE);
}

static void stopping_ends_the_connections(void **state)
{
        Bench *bench = *state;
        Client client;
        client_connect(bench, &client);
        client_say(&client, TEXT("GET /healthz HTTP/1.1\r\nHost: x\r\n"));
        loop_turn(bench);
        bench->web = web_free(bench->web);
        client_listen(&client);
        assert_true(client.is_closed);
        (void)close(client.fd);
}

int main(void)
{
#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        const struct CMUnitTest tests[] = {
                WITH_BENCH(healthz_says_ok),
                WITH_BENCH(readyz_says_what_is_missing_with_503),
                WITH_BENCH(metrics_are_prometheus_text),
                WITH_BENCH(every_answer_of_ours_carries_the_security_headers),
                WITH_BENCH(head_is_get_without_the_body),
                WITH_BENCH(a_large_page_arrives_whole),
                WITH_BENCH(other_paths_are_not_found),
                WITH_BENCH(other_methods_are_not_allowed),
                WITH_BENCH(a_kept_connection_answers_again),
                WITH_BENCH(pipelined_requests_are_answered_in_order),
                WITH_BENCH(a_request_in_single_bytes_is_understood),
                WITH_BENCH(a_hundred_clients_at_once_are_all_served),
                WITH_BENCH(a_client_that_drips_is_ended),
                WITH_BENCH(silent_clients_cannot_keep_others_out),
                WITH_BENCH(a_client_that_does_not_take_its_answer_is_ended),
                WITH_BENCH(a_client_that_leaves_half_way_does_no_harm),
                WITH_BENCH(a_body_is_refused_and_ends_the_connection),
                WITH_BENCH(an_empty_body_is_none),
                WITH_BENCH(headers_that_may_stand_once_are_refused_twice),
                WITH_BENCH(a_space_before_the_colon_of_a_header_hides_nothing),
                WITH_BENCH(a_request_without_a_host_is_refused),
                WITH_BENCH(huge_headers_are_refused_and_ordinary_ones_are_not),
                WITH_BENCH(what_is_no_http_is_refused),
                WITH_BENCH(only_loopback_is_listened_on),
                WITH_BENCH(ipv6_loopback_serves_where_the_machine_has_it),
                WITH_BENCH(what_is_no_address_and_port_is_invalid),
                WITH_BENCH(a_port_in_use_is_said_to_be),
                WITH_BENCH(stopping_ends_the_connections),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
