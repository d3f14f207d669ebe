/* sink.c - takes every POST with 200 and keeps how long it was under way: nothing that costs more than it must.
 *
 *   sink MAX
 *
 * Listens on a free port of 127.0.0.1 and prints it. A request's body says when its answer was produced, as
 * "sent_us":"MICROSECONDS" since 1970; the latency is from there until its last byte was here. Keeps MAX of them.
 * Commands on standard input, one a line; each prints one line of JSON:
 *   count     {"posts":N}
 *   report    posts and the latencies' percentiles in microseconds, all since the last report or start
 * Ends when standard input does. Exit codes: 0, 64 wrong use, 69 the network said no. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum {
        REQUEST_BYTES_MAX = 64 * 1024,
        EVENTS_MAX = 256,
        COMMAND_BYTES = 64
};

typedef struct Connection {
        int fd;
        size_t bytes;
        char request[REQUEST_BYTES_MAX + 1]; /* as far as it has come, and a NUL */
} Connection;

typedef struct Sink {
        int epoll, listener;
        int32_t *latencies_us;
        size_t max, posts, timed; /* the first `timed` latencies are there */
        char command[COMMAND_BYTES];
        size_t command_bytes;
        bool is_over;
} Sink;

static _Noreturn void fail(int code, const char *what, const char *why)
{
        fprintf(stderr, "sink: %s: %s\n", what, why);
        exit(code);
}

static int64_t wall_us(void)
{
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void watch(Sink *s, int fd, void *who)
{
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = who };
        if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
                fail(EX_UNAVAILABLE, "could not watch", strerror(errno));
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

static void latency_keep(Sink *s, const char *body, size_t len, int64_t now_us)
{
        static const char name[] = "\"sent_us\":\"";
        const char *at = memmem(body, len, name, sizeof name - 1);
        s->posts++;
        if (at && s->timed < s->max)
                s->latencies_us[s->timed++] = (int32_t)(now_us - strtoll(at + sizeof name - 1, NULL, 10));
}

/* Of the header's value; 0: there is none. */
static size_t content_length(const char *head, const char *end)
{
        static const char name[] = "\ncontent-length:";
        for (const char *line = head; (line = memchr(line, '\n', (size_t)(end - line))); line++)
                if (strncasecmp(line, name, sizeof name - 1) == 0)
                        return strtoul(line + sizeof name - 1, NULL, 10);
        return 0;
}

/* Bytes of the first whole request; 0: there is more to come. */
static size_t request_take(Sink *s, const char *request, size_t bytes, int64_t now_us)
{
        const char *end = memmem(request, bytes, "\r\n\r\n", 4);
        if (!end)
                return 0;
        const char *body = end + 4;
        size_t len = content_length(request, end), head = (size_t)(body - request);
        if (len > REQUEST_BYTES_MAX - head)
                fail(EX_UNAVAILABLE, "cannot read a request", "it is too long");
        if (head + len > bytes)
                return 0;
        latency_keep(s, body, len, now_us);
        return head + len;
}

static void connection_end(Connection *c)
{
        close(c->fd);
        free(c);
}

static void connection_read(Sink *s, Connection *c)
{
        static const char answer[] = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        ssize_t n = read(c->fd, c->request + c->bytes, REQUEST_BYTES_MAX - c->bytes);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                connection_end(c);
                return;
        }
        int64_t now_us = wall_us();
        c->bytes += (size_t)n;
        c->request[c->bytes] = '\0';
        for (size_t taken; (taken = request_take(s, c->request, c->bytes, now_us)) > 0;) {
                if (write(c->fd, answer, sizeof answer - 1) < 0) {
                        connection_end(c);
                        return;
                }
                c->bytes -= taken;
                memmove(c->request, c->request + taken, c->bytes);
        }
}

static void connection_open(Sink *s)
{
        int one = 1, fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
                return;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        Connection *c = malloc(sizeof *c);
        if (!c)
                fail(EX_UNAVAILABLE, "could not take a connection", "no memory");
        c->fd = fd;
        c->bytes = 0;
        watch(s, fd, c);
}

/* ---- commands --------------------------------------------------------------------------------------------------- */

static int latency_compare(const void *a, const void *b)
{
        int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
        return (x > y) - (x < y);
}

static int32_t percentile(const Sink *s, size_t per_thousand)
{
        return s->timed ? s->latencies_us[(s->timed - 1) * per_thousand / 1000] : 0;
}

static void report(Sink *s)
{
        qsort(s->latencies_us, s->timed, sizeof *s->latencies_us, latency_compare);
        printf("{\"posts\":%zu,\"timed\":%zu,\"p50_us\":%d,\"p90_us\":%d,\"p99_us\":%d,\"p999_us\":%d,\"max_us\":%d}\n",
               s->posts, s->timed, percentile(s, 500), percentile(s, 900), percentile(s, 990), percentile(s, 999),
               percentile(s, 1000));
        s->posts = s->timed = 0;
}

static void command_do(Sink *s, const char *command)
{
        if (strcmp(command, "count") == 0)
                printf("{\"posts\":%zu}\n", s->posts);
        else if (strcmp(command, "report") == 0)
                report(s);
        else
                fail(EX_USAGE, command, "no such command");
        fflush(stdout);
}

static void commands_read(Sink *s)
{
        ssize_t n = read(STDIN_FILENO, s->command + s->command_bytes, sizeof s->command - 1 - s->command_bytes);
        if (n <= 0) {
                s->is_over = true;
                return;
        }
        s->command_bytes += (size_t)n;
        s->command[s->command_bytes] = '\0';
        for (char *end; (end = strchr(s->command, '\n'));) {
                *end++ = '\0';
                command_do(s, s->command);
                s->command_bytes = strlen(end);
                memmove(s->command, end, s->command_bytes + 1);
        }
        if (s->command_bytes == sizeof s->command - 1)
                fail(EX_USAGE, s->command, "no such command");
}

/* ---- program ---------------------------------------------------------------------------------------------------- */

static void listen_on_a_free_port(Sink *s)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof address;
        s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&address, len) < 0 ||
            listen(s->listener, 1024) < 0 || getsockname(s->listener, (struct sockaddr *)&address, &len) < 0)
                fail(EX_UNAVAILABLE, "could not listen", strerror(errno));
        printf("%d\n", ntohs(address.sin_port));
        fflush(stdout);
}

static void event_take(Sink *s, void *who)
{
        if (who == &s->listener)
                connection_open(s);
        else if (who == &s->command)
                commands_read(s);
        else
                connection_read(s, who);
}

static void run(Sink *s)
{
        struct epoll_event events[EVENTS_MAX];
        while (!s->is_over) {
                int count = epoll_wait(s->epoll, events, EVENTS_MAX, -1);
                for (int i = 0; i < count; i++)
                        event_take(s, events[i].data.ptr);
        }
}

int main(int argc, char **argv)
{
        static Sink s;
        s.max = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
        if (s.max == 0)
                fail(EX_USAGE, "wrong use", "sink MAX");
        s.latencies_us = calloc(s.max, sizeof *s.latencies_us);
        if (!s.latencies_us)
                fail(EX_UNAVAILABLE, "could not start", "no memory");
        memset(s.latencies_us, 1, s.max * sizeof *s.latencies_us); /* no page fault while it counts */
        s.epoll = epoll_create1(EPOLL_CLOEXEC);
        if (s.epoll < 0)
                fail(EX_UNAVAILABLE, "could not start", strerror(errno));
        listen_on_a_free_port(&s);
        watch(&s, s.listener, &s.listener);
        watch(&s, STDIN_FILENO, &s.command);
        run(&s);
        return EX_OK;
}
