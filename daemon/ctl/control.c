#include "ctl/control.h"

#include <errno.h>
#include <grp.h>
#include <openssl/crypto.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/notice.h"
#include "core/sink.h"
#include "inside.h"

enum {
        REQUEST_BYTES_MAX = 4 << 20,
        READ_BYTES = 65536,
        REQUESTS_MAX = 64,
        GROUPS_MAX = 256
};
static const uint64_t REQUEST_US = 30 * 1000000;
static const uint64_t STORE_US = 5 * 1000000;

struct Control {
        sd_event *event;
        Service *service;
        char *path;
        gid_t group;
        bool has_group;
        int fd;
        sd_event_source *io;
        Request *requests;
        size_t request_count;
};

/* ---- who may ---------------------------------------------------------------------------------------------------- */

static bool is_member(uid_t uid, gid_t primary, gid_t wanted)
{
        gid_t groups[GROUPS_MAX];
        int count = GROUPS_MAX;
        const struct passwd *user = getpwuid(uid);
        if (primary == wanted)
                return true;
        if (!user || getgrouplist(user->pw_name, primary, groups, &count) < 0)
                return false;
        for (int i = 0; i < count; i++)
                if (groups[i] == wanted)
                        return true;
        return false;
}

static bool peer_may(const Control *control, int fd)
{
        struct ucred peer;
        socklen_t len = sizeof(peer);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
                return false;
        return peer.uid == 0 || peer.uid == geteuid() ||
               (control->has_group && is_member(peer.uid, peer.gid, control->group));
}

/* ---- a request -------------------------------------------------------------------------------------------------- */

static void request_free(Request *q)
{
        for (Request **at = &q->control->requests; *at; at = &(*at)->next) {
                if (*at == q) {
                        *at = q->next;
                        q->control->request_count--;
                        break;
                }
        }
        q->io = sd_event_source_disable_unref(q->io);
        q->timer = sd_event_source_disable_unref(q->timer);
        if (q->fd >= 0)
                (void)close(q->fd);
        (void)arena_free(q->arena);
}

static void reply_write(Request *q, Buffer *b)
{
        JsonWriter w = json_writer(b);
        json_open(&w, '{');
        json_field_integer(&w, "exit", q->exit);
        json_field_text(&w, "text", sink_terminal(q->arena, buffer_text(&q->text)));
        json_key(&w, "data");
        if (q->data.len > 0)
                json_put_raw(&w, buffer_text(&q->data));
        else
                json_put_null(&w);
        json_close(&w, '}');
        buffer_put_char(b, '\n');
}

static int on_writable(sd_event_source *source, int fd, uint32_t revents, void *userdata);

/* The peer takes its time over the answer: it has as long as it had for the request. */
static bool reply_wait(Request *q)
{
        if (q->io)
                return true;
        return sd_event_add_io(q->control->event, &q->io, q->fd, EPOLLOUT, on_writable, q) >= 0 &&
               sd_event_source_set_time_relative(q->timer, REQUEST_US) >= 0 &&
               sd_event_source_set_enabled(q->timer, SD_EVENT_ONESHOT) >= 0;
}

static void reply_send(Request *q)
{
        while (q->reply.len > 0) {
                ssize_t n = send(q->fd, q->reply.data, q->reply.len, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0 && errno == EAGAIN && reply_wait(q))
                        return;
                if (n <= 0)
                        break;
                q->reply = text_from_offset(q->reply, (size_t)n);
        }
        request_free(q);
}

static int on_writable(sd_event_source *source UNUSED, int fd UNUSED, uint32_t revents UNUSED, void *userdata)
{
        reply_send(userdata);
        return 0;
}

void request_wait(Request *q)
{
        q->is_waiting = q->is_bounded = true;
        (void)sd_event_source_set_time_relative(q->timer, STORE_US);
        (void)sd_event_source_set_enabled(q->timer, SD_EVENT_ONESHOT);
}

/* The store hangs. The request's memory is the turn's, and it may still be done: only its peer is let go. */
static void peer_dismiss(Request *q)
{
        static const char answer[] =
                "{\"exit\":75,\"text\":\"the store has not answered for 5 seconds: closedloopctl status says more. "
                "What was asked "
                "for may still be done when it does; an act with a --key counts once, however often it is asked "
                "for\\n\",\"data\":null}\n";
        q->io = sd_event_source_disable_unref(q->io);
        (void)send(q->fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)close(q->fd);
        q->fd = -1;
}

void request_end(Request *q)
{
        if (q->fd < 0) {
                request_free(q);
                return;
        }
        Buffer reply = buffer_in(q->arena);
        q->is_waiting = false;
        q->io = sd_event_source_disable_unref(q->io);
        reply_write(q, &reply);
        q->reply = buffer_text(&reply);
        reply_send(q);
}

void request_fail(Request *q, int exit_code, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        q->exit = exit_code;
        q->text.len = 0;
        q->data.len = 0;
        buffer_put(&q->text, arena_textv(q->arena, format, args));
        buffer_put_char(&q->text, '\n');
        va_end(args);
}

Text request_option(const Request *q, const char *name)
{
        for (size_t i = 0; i < q->option_count; i++)
                if (text_is(q->options[i].name, name))
                        return q->options[i].value;
        return TEXT_NONE;
}

bool request_number(Request *q, Text text, int64_t *ret)
{
        if (text_integer(text, ret) && *ret > 0)
                return true;
        request_fail(q, EX_USAGE, "\"" TEXT_F "\" is not a number from 1 on", TEXT_ARG(text));
        return false;
}

/* ---- the line --------------------------------------------------------------------------------------------------- */

static const Verb *verb_find(const Text *args, size_t count)
{
        for (size_t i = 0; i < VERB_ID_MAX; i++) {
                Text first, second, rest = text_from(VERBS[i].name);
                (void)text_split(&rest, ' ', &first);
                bool is_it = count > 0 && text_equal(args[0], first);
                if (is_it && text_split(&rest, ' ', &second))
                        is_it = count > 1 && text_equal(args[1], second);
                if (is_it)
                        return &VERBS[i];
        }
        return NULL;
}

/* As "cluster" of "cluster accept". */
static bool verb_begins(Text word)
{
        for (size_t i = 0; i < VERB_ID_MAX; i++) {
                Text first, second, rest = text_from(VERBS[i].name);
                if (text_split(&rest, ' ', &first) && text_split(&rest, ' ', &second) && text_equal(word, first))
                        return true;
        }
        return false;
}

typedef enum OptionKind {
        OPTION_UNKNOWN,
        OPTION_FLAG,
        OPTION_VALUE,
} OptionKind;

static OptionKind option_kind(const Verb *verb, Text name)
{
        Text rest = text_from(verb->options), known;
        while (text_split(&rest, ' ', &known)) {
                if (text_equal(known, name) && known.len > 0)
                        return OPTION_FLAG;
                if (known.len == name.len + 1 && known.data[known.len - 1] == '=' && text_starts(known, name))
                        return OPTION_VALUE;
        }
        return OPTION_UNKNOWN;
}

static bool option_take(Request *q, const Text *args, size_t count, size_t *at)
{
        Text name = text_from_offset(args[*at], 2), value = TEXT("");
        const char *equals = name.len > 0 ? memchr(name.data, '=', name.len) : NULL;
        if (equals) {
                value = text_from_offset(name, (size_t)(equals - name.data) + 1);
                name.len = (size_t)(equals - name.data);
        }
        OptionKind kind = option_kind(q->verb, name);
        if (kind == OPTION_UNKNOWN || (kind == OPTION_FLAG && equals)) {
                request_fail(q, EX_USAGE, "unknown option \"--" TEXT_F "\"\nusage: closedloopctl %s", TEXT_ARG(name),
                             verb_usage(q->verb));
                return false;
        }
        if (kind == OPTION_VALUE && !equals) {
                if (++*at >= count) {
                        request_fail(q, EX_USAGE, "option \"--" TEXT_F "\" needs a value\nusage: closedloopctl %s",
                                     TEXT_ARG(name), verb_usage(q->verb));
                        return false;
                }
                value = args[*at];
        }
        q->options[q->option_count].name = name;
        q->options[q->option_count++].value = value;
        return true;
}

static bool args_take(Request *q, const Text *args, size_t count)
{
        for (size_t i = q->verb->words; i < count; i++) {
                if (text_starts(args[i], TEXT("--"))) {
                        if (!option_take(q, args, count, &i))
                                return false;
                } else {
                        q->operands[q->operand_count++] = args[i];
                }
        }
        if (q->operand_count >= q->verb->operands_min && q->operand_count <= q->verb->operands_max)
                return true;
        request_fail(q, EX_USAGE, "usage: closedloopctl %s", verb_usage(q->verb));
        return false;
}

static bool hex_read(Request *q, Text hex)
{
        long len = 0;
        char *copy = arena_alloc(q->arena, hex.len + 1);
        if (hex.len > 0)
                memcpy(copy, hex.data, hex.len);
        uint8_t *bytes = OPENSSL_hexstr2buf(copy, &len);
        if (!bytes)
                return false;
        q->input = arena_text(q->arena, (Text){ (const char *)bytes, (size_t)len });
        OPENSSL_free(bytes);
        return true;
}

static bool request_read(Request *q)
{
        const JsonValue *root, *list;
        Text args[ARGS_MAX];
        size_t count = 0;
        if (json_read_in(q->arena, buffer_text(&q->in), &root) != JSON_FAULT_NONE) {
                request_fail(q, EX_PROTOCOL, "the request is not JSON");
                return false;
        }
        list = json_get(root, TEXT("args"));
        for (JsonWalk walk = json_walk(list); json_next(&walk) && count < ARGS_MAX;)
                args[count++] = json_text(walk.value).data ? json_text(walk.value) : TEXT("");
        Text hex = json_text(json_get(root, TEXT("input")));
        if (hex.len > 0 && !hex_read(q, hex)) {
                request_fail(q, EX_PROTOCOL, "the input is not hexadecimal");
                return false;
        }
        q->verb = verb_find(args, count);
        if (!q->verb) {
                Text word = count > 0 ? args[0] : TEXT("");
                request_fail(q, EX_USAGE, "%s \"" TEXT_F "\"; closedloopctl --help lists them",
                             verb_begins(word) ? "there is more than one word to" : "there is no verb", TEXT_ARG(word));
                return false;
        }
        return args_take(q, args, count);
}

static void ask_run(void *userdata, Turn *turn, WallTime now)
{
        Request *q = userdata;
        q->verb->ask(q, turn, now);
}

static void ask_done(void *userdata)
{
        request_end(userdata);
}

static void request_start(Request *q)
{
        if (!request_read(q)) {
                request_end(q);
                return;
        }
        if (q->verb->start) {
                q->verb->start(q);
                return;
        }
        request_wait(q);
        service_call(q->service, (Call){ .run = ask_run, .done = ask_done, .userdata = q });
}

static int on_readable(sd_event_source *source UNUSED, int fd, uint32_t revents UNUSED, void *userdata)
{
        Request *q = userdata;
        if (q->is_waiting) { /* the peer says more, or has hung up: sending will show. The memory is the turn's by now
                              */
                q->io = sd_event_source_disable_unref(q->io);
                return 0;
        }
        ssize_t n = recv(fd, buffer_room(&q->in, READ_BYTES), READ_BYTES, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0 || q->in.len + (size_t)n > REQUEST_BYTES_MAX) {
                request_free(q);
                return 0;
        }
        q->in.len += (size_t)n;
        if (q->in.data[q->in.len - 1] == '\n')
                request_start(q);
        return 0;
}

static int on_too_slow(sd_event_source *source UNUSED, uint64_t usec UNUSED, void *userdata)
{
        Request *q = userdata;
        if (!q->is_waiting)
                request_free(q);
        else if (q->is_bounded && q->fd >= 0)
                peer_dismiss(q);
        return 0;
}

static void request_new(Control *control, int fd)
{
        Arena *arena = arena_new(8192);
        Request *q = arena_new_of(arena, Request);
        *q = (Request){ .control = control, .service = control->service, .fd = fd, .arena = arena };
        q->in = buffer_in(arena);
        q->text = buffer_in(arena);
        q->data = buffer_in(arena);
        q->json = json_writer(&q->data);
        q->next = control->requests;
        control->requests = q;
        control->request_count++;
        int r = sd_event_add_io(control->event, &q->io, fd, EPOLLIN, on_readable, q);
        if (r >= 0)
                r = sd_event_add_time_relative(control->event, &q->timer, CLOCK_MONOTONIC, REQUEST_US, 0, on_too_slow,
                                               q);
        if (r < 0)
                request_free(q);
}

/* A new connection has room for so little. */
static void refuse(int fd, Text answer)
{
        (void)send(fd, answer.data, answer.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)close(fd);
}

static int on_connection(sd_event_source *source UNUSED, int listening, uint32_t revents UNUSED, void *userdata)
{
        Control *control = userdata;
        int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
                return 0;
        if (!peer_may(control, fd))
                refuse(fd, TEXT("{\"exit\":77,\"text\":\"you may not use this socket: it is open to root and to the "
                                "members of control.group\\n\",\"data\":null}\n"));
        else if (control->request_count >= REQUESTS_MAX)
                refuse(fd, TEXT("{\"exit\":75,\"text\":\"too many requests are waiting for an answer: try again "
                                "later\\n\",\"data\":null}\n"));
        else
                request_new(control, fd);
        return 0;
}

/* ---- the socket ------------------------------------------------------------------------------------------------- */

static int address_make(const char *path, struct sockaddr_un *ret)
{
        *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
        if (strlen(path) >= sizeof(ret->sun_path))
                return -ENAMETOOLONG;
        memcpy(ret->sun_path, path, strlen(path));
        return 0;
}

/* A socket file whose daemon is gone is in the way; one that answers belongs to another daemon. What is no socket is
 * somebody's file, and the path a mistake: connecting to it is refused as well. */
static int leftover_remove(const struct sockaddr_un *address)
{
        struct stat info;
        if (lstat(address->sun_path, &info) == 0 && !S_ISSOCK(info.st_mode))
                return -ENOTSOCK;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        int r = connect(fd, (const struct sockaddr *)address, sizeof(*address));
        int error = errno;
        (void)close(fd);
        if (r == 0)
                return -EADDRINUSE;
        if (error == ECONNREFUSED)
                (void)unlink(address->sun_path);
        return 0;
}

static int socket_open(Control *control)
{
        struct sockaddr_un address;
        int r = address_make(control->path, &address);
        if (r >= 0)
                r = leftover_remove(&address);
        if (r < 0)
                return r;
        control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (control->fd < 0)
                return -errno;
        mode_t before = umask(0117);
        r = bind(control->fd, (const struct sockaddr *)&address, sizeof(address));
        int error = errno;
        (void)umask(before);
        if (r < 0)
                return -error;
        struct stat st;
        bool is_given = control->has_group && stat(control->path, &st) == 0 && st.st_gid == control->group;
        if (control->has_group && !is_given && chown(control->path, (uid_t)-1, control->group) < 0)
                notice_log(NOTICE_CONTROL_GROUP_DENIED, ABOUT_NOTHING, "\"%s\": %s", control->path, strerror(errno));
        return listen(control->fd, 64) < 0 ? -errno : 0;
}

static int group_find(Control *control, Text name)
{
        char copy[128];
        if (!name.data || name.len >= sizeof(copy))
                return 0;
        memcpy(copy, name.data, name.len);
        copy[name.len] = '\0';
        const struct group *group = getgrnam(copy);
        if (!group) {
                notice_log(NOTICE_CONTROL_GROUP_UNKNOWN, ABOUT_NOTHING, "\"%s\" (control.group)", copy);
                return 0;
        }
        control->group = group->gr_gid;
        control->has_group = true;
        return 0;
}

int control_new(sd_event *event, Service *service, Text path, Text group, Control **ret)
{
        CLEANUP(control_freep) Control *control = calloc(1, sizeof(*control));
        must(control != NULL);
        control->event = event;
        control->service = service;
        control->fd = -1;
        int r = group_find(control, group);
        if (r < 0)
                return r;
        control->path = strndup(path.data, path.len);
        must(control->path != NULL);
        r = socket_open(control);
        if (r < 0) {
                if (r == -EADDRINUSE || control->fd < 0) { /* not ours to remove */
                        free(control->path);
                        control->path = NULL;
                }
                return r;
        }
        r = sd_event_add_io(event, &control->io, control->fd, EPOLLIN, on_connection, control);
        if (r < 0)
                return r;
        *ret = steal(control);
        return 0;
}

Control *control_free(Control *control)
{
        if (!control)
                return NULL;
        while (control->requests)
                request_free(control->requests);
        control->io = sd_event_source_disable_unref(control->io);
        if (control->fd >= 0)
                (void)close(control->fd);
        if (control->path)
                (void)unlink(control->path);
        free(control->path);
        free(control);
        return NULL;
}
