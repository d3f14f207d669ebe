/* closedloopctl.c - asks the daemon over its control socket and prints the answer. It never opens the database. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"
#include "doctor.h"
#include "peer.h"
#include "words.h"

enum {
        FILE_BYTES_MAX = 1 << 20
};

typedef struct Options {
        const char *socket;
        bool wants_json;
        int first; /* argument that is not ours */
} Options;

static Options options_read(int argc, char **argv)
{
        Options o = { .socket = NULL, .first = 1 };
        for (; o.first < argc; o.first++) {
                if (strcmp(argv[o.first], "--json") == 0)
                        o.wants_json = true;
                else if (strcmp(argv[o.first], "-s") == 0 && o.first + 1 < argc)
                        o.socket = argv[++o.first];
                else
                        break;
        }
        return o;
}

/* Wherever --json stands, it is ours. Returns how many arguments are left. */
static int json_take(int argc, char **argv, Options *o)
{
        int kept = o->first;
        for (int i = o->first; i < argc; i++) {
                if (strcmp(argv[i], "--json") == 0)
                        o->wants_json = true;
                else
                        argv[kept++] = argv[i];
        }
        return kept;
}

static int file_read(const char *path, Arena *arena, Text *ret)
{
        int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        Buffer b = buffer_in(arena);
        ssize_t n;
        while ((n = read(fd, buffer_room(&b, 65536), 65536)) > 0 && b.len <= FILE_BYTES_MAX)
                b.len += (size_t)n;
        int r = n < 0 ? -errno : b.len > FILE_BYTES_MAX ? -EFBIG : 0;
        if (fd != STDIN_FILENO)
                (void)close(fd);
        *ret = buffer_text(&b);
        return r;
}

static void hex_put(JsonWriter *w, Text bytes, Arena *arena)
{
        static const char digits[] = "0123456789abcdef";
        char *hex = arena_alloc(arena, bytes.len * 2 + 1);
        for (size_t i = 0; i < bytes.len; i++) {
                hex[2 * i] = digits[(uint8_t)bytes.data[i] >> 4];
                hex[2 * i + 1] = digits[(uint8_t)bytes.data[i] & 15];
        }
        json_field_text(w, "input", (Text){ hex, bytes.len * 2 });
}

/* The daemon works in another folder. */
static Text path_whole(const char *path, Arena *arena)
{
        char here[4096];
        if (path[0] == '/' || path[0] == '-' || !getcwd(here, sizeof(here)))
                return text_from(path);
        return arena_textf(arena, "%s/%s", here, path);
}

/* `map test SOURCE [FILE]` names a file on this side of the socket. */
static int request_make(int argc, char **argv, int first, Arena *arena, Text *ret)
{
        Buffer b = buffer_in(arena);
        JsonWriter w = json_writer(&b);
        bool is_map = argc - first >= 3 && strcmp(argv[first], "map") == 0 && strcmp(argv[first + 1], "test") == 0;
        json_open(&w, '{');
        if (is_map) {
                const char *path = argc - first > 3 ? argv[first + 3] : "-";
                Text input;
                int r = file_read(path, arena, &input);
                if (r < 0) {
                        fprintf(stderr, "closedloopctl: could not read \"%s\": %s\n", path, strerror(-r));
                        return EX_NOINPUT;
                }
                hex_put(&w, input, arena);
        }
        json_key(&w, "args");
        json_open(&w, '[');
        bool is_backup = strcmp(argv[first], "backup") == 0;
        for (int i = first; i < argc; i++) {
                if (!text_is_utf8(text_from(argv[i]))) {
                        fprintf(stderr, "closedloopctl: argument %d is not UTF-8\n", i);
                        return EX_USAGE;
                }
                json_put_text(&w, is_backup && i > first ? path_whole(argv[i], arena) : text_from(argv[i]));
        }
        json_close(&w, ']');
        json_close(&w, '}');
        buffer_put_char(&b, '\n');
        *ret = buffer_text(&b);
        return 0;
}

static Text data_text(Text answer, const JsonValue *root)
{
        /* Printed as it came: the last member, after a text in which every quote is escaped. */
        const char *at = memmem(answer.data, answer.len, ",\"data\":", 8);
        if (!at || json_type(json_get(root, TEXT("data"))) == JSON_NULL)
                return TEXT_NONE;
        size_t start = (size_t)(at - answer.data) + 8;
        size_t end = answer.len;
        while (end > start && answer.data[end - 1] != '}')
                end--;
        return (Text){ answer.data + start, end - 1 - start };
}

static int help_print(FILE *to, int code, Arena *arena)
{
        Buffer b = buffer_in(arena);
        verb_words_put(&b);
        fprintf(to, TEXT_F, TEXT_ARG(buffer_text(&b)));
        return fflush(to) == 0 && !ferror(to) ? code : EX_IOERR;
}

static bool wants_help(const char *argument)
{
        return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0 || strcmp(argument, "help") == 0;
}

/* What to do about a socket that does not answer. */
static const char *advice(int error)
{
        if (error == ENOENT || error == ECONNREFUSED)
                return ". Is it running? systemctl status closedloopd";
        return error == EACCES ? ". It is open to root and the members of control.group" : "";
}

static int answer_print(Text answer, bool wants_json, Arena *arena)
{
        const JsonValue *root;
        int64_t code = EX_PROTOCOL;
        if (json_read_in(arena, answer, &root) != JSON_FAULT_NONE ||
            !json_integer(json_get(root, TEXT("exit")), &code)) {
                fprintf(stderr, "closedloopctl: the answer cannot be read\n");
                return EX_PROTOCOL;
        }
        Text text = json_text(json_get(root, TEXT("text"))), data = data_text(answer, root);
        if (wants_json && data.data)
                printf(TEXT_F "\n", TEXT_ARG(data));
        else if (wants_json && code == 0)
                printf("{}\n");
        else
                fprintf(code == 0 ? stdout : stderr, TEXT_F, TEXT_ARG(text));
        return (int)code;
}

int main(int argc, char **argv)
{
        Options o = options_read(argc, argv);
        argc = json_take(argc, argv, &o);
        CLEANUP(arena_freep) Arena *arena = arena_new(64 * 1024);
        Text request, answer;
        if (o.first < argc && strcmp(argv[o.first], "--version") == 0) {
                printf("closedloopctl %s\n", CLOSEDLOOP_VERSION);
                return 0;
        }
        if (o.first == argc)
                return help_print(stderr, EX_USAGE, arena);
        if (wants_help(argv[o.first]))
                return help_print(stdout, 0, arena);
        if (doctor_is_meant(argv[o.first]))
                return doctor_run(argc - o.first - 1, argv + o.first + 1, o.socket, o.wants_json, arena);
        if (!verb_is_known(text_from(argv[o.first]))) { /* also while the daemon is down */
                fprintf(stderr, "closedloopctl: there is no verb \"%s\"; closedloopctl --help lists them\n",
                        argv[o.first]);
                return EX_USAGE;
        }
        int r = request_make(argc, argv, o.first, arena, &request);
        if (r != 0)
                return r;
        const char *path = o.socket ? o.socket : PEER_SOCKET;
        int fd = peer_connect(path);
        if (fd < 0) {
                fprintf(stderr, "closedloopctl: could not reach the daemon at \"%s\": %s%s\n", path, strerror(-fd),
                        advice(-fd));
                return fd == -EACCES ? EX_NOPERM : EX_UNAVAILABLE;
        }
        r = peer_ask(fd, request, arena, &answer);
        (void)close(fd);
        if (r < 0) {
                fprintf(stderr, "closedloopctl: the daemon did not answer: %s\n", strerror(-r));
                return EX_UNAVAILABLE;
        }
        r = answer_print(answer, o.wants_json, arena);
        return fflush(stdout) == 0 && !ferror(stdout) ? r : EX_IOERR;
}
