#include "doctor.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sysexits.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/notice.h"
#include "config/config.h"
#include "intake/probe.h"
#include "notify/probe.h"
#include "peer.h"
#include "service/service.h"
#include "store/store.h"

#define SERVICE_USER "closedloop"
#define UNIT_PATH "/org/freedesktop/systemd1/unit/closedloopd_2eservice"

static const Span PATIENCE = { 5 * INT64_C(1000000) };
static const int64_t FREE_BYTES_MIN = INT64_C(256) << 20;

enum {
        ADVICE_COLUMN = 8
};

typedef enum Level {
        LEVEL_OK,
        LEVEL_NOTE, /* could not be looked at, or is as it is */
        LEVEL_WARNING,
        LEVEL_FAULT,
        LEVEL_MAX,
} Level;

typedef struct Doctor {
        Arena *arena;
        Buffer text;
        Buffer data;
        JsonWriter json;
        int counts[LEVEL_MAX];
        int exit;
        Config *config;
        const struct passwd *user; /* the service's; NULL: there is none on this machine */
        const char *socket;
} Doctor;

static void find(Doctor *d, Level level, const char *what, Text words, const char *advice)
{
        static const char *const marks[LEVEL_MAX] = { "ok", "note", "warning", "FAULT" };
        static const char *const names[LEVEL_MAX] = { "ok", "note", "warning", "fault" };
        bool is_configuration = strcmp(what, "configuration") == 0;
        d->counts[level]++;
        if (level == LEVEL_FAULT && d->exit != EX_CONFIG)
                d->exit = is_configuration ? EX_CONFIG : EX_UNAVAILABLE;
        Buffer line = buffer_in(d->arena);
        buffer_putf(&line, "%-7s %s: " TEXT_F, marks[level], what, TEXT_ARG(words));
        buffer_put_wrapped(&d->text, buffer_text(&line), 0, ADVICE_COLUMN);
        buffer_put_char(&d->text, '\n');
        if (advice) {
                buffer_put_literal(&d->text, "        -> ");
                buffer_put_wrapped(&d->text, text_from(advice), ADVICE_COLUMN + 3, ADVICE_COLUMN + 3);
                buffer_put_char(&d->text, '\n');
        }
        json_open(&d->json, '{');
        json_field_text(&d->json, "check", text_from(what));
        json_field_text(&d->json, "level", text_from(names[level]));
        json_field_text(&d->json, "words", words);
        if (advice)
                json_field_text(&d->json, "advice", text_from(advice));
        json_close(&d->json, '}');
}

/* ---- configuration and files ------------------------------------------------------------------------------------ */

/* Secrets that systemd hands over are looked for where it takes them from. */
static void credentials_place(Doctor *d, const char *path)
{
        const char *slash = strrchr(path, '/');
        int len = slash ? (int)(slash - path) : 1;
        Text folder = arena_textf(d->arena, "%.*s/credentials", len, slash ? path : ".");
        (void)setenv("CREDENTIALS_DIRECTORY", folder.data, 0);
}

static bool configuration_look(Doctor *d, const char *path)
{
        CLEANUP(report_freep) Report *report = report_new();
        credentials_place(d, path);
        if (access(path, R_OK) < 0) {
                int error = errno;
                find(d, LEVEL_FAULT, "configuration",
                     arena_textf(d->arena, "could not read \"%s\": %s", path, strerror(error)),
                     error == EACCES ? "Run this as root."
                                     : "make install puts a first one there; -c names another file.");
                return false;
        }
        int r = config_load(path, clock_wall(), report, &d->config);
        Buffer b = buffer_in(d->arena);
        report_write(report, &b);
        Text words = text_trim(buffer_text(&b));
        if (r >= 0 && intake_check(&d->config->kafka, d->arena, &words) < 0)
                r = -EINVAL;
        if (r < 0)
                find(d, LEVEL_FAULT, "configuration", words, "Mend what the lines name; closedloopd -t checks it.");
        else if (report->count > 0)
                find(d, LEVEL_WARNING, "configuration", words,
                     "It is used as it is; the lines say what may not be meant.");
        else
                find(d, LEVEL_OK, "configuration", arena_textf(d->arena, "\"%s\" is good", path), NULL);
        return r >= 0;
}

static bool user_can(const Doctor *d, const struct stat *st, mode_t bits)
{
        if (!d->user)
                return true;
        mode_t shift = st->st_uid == d->user->pw_uid ? 6 : st->st_gid == d->user->pw_gid ? 3 : 0;
        return (st->st_mode >> shift & bits) == bits;
}

static void secret_look(Doctor *d, const Secret *secret, size_t *good)
{
        if (secret->kind == SECRET_NONE)
                return;
        struct stat st;
        Text path =
                secret->name.len > 0 && secret->name.data[0] == '/'
                        ? secret->name
                        : arena_textf(d->arena, TEXT_F "/" TEXT_F, TEXT_ARG(d->config->folder), TEXT_ARG(secret->name));
        if (secret->kind == SECRET_FILE && stat(arena_text(d->arena, path).data, &st) == 0 && !user_can(d, &st, 4)) {
                find(d, LEVEL_FAULT, "secrets",
                     arena_textf(d->arena, "\"" TEXT_F "\" cannot be read by the user " SERVICE_USER, TEXT_ARG(path)),
                     "chown " SERVICE_USER " FILE && chmod 0400 FILE");
                return;
        }
        (*good)++;
}

static void secrets_look(Doctor *d)
{
        size_t good = 0;
        int faults = d->counts[LEVEL_FAULT];
        secret_look(d, &d->config->kafka.password, &good);
        for (size_t i = 0; i < d->config->channel_count; i++) {
                const Channel *channel = &d->config->channels[i];
                secret_look(d, &channel->url_secret, &good);
                secret_look(d, &channel->secret, &good);
                secret_look(d, &channel->password, &good);
        }
        if (faults == d->counts[LEVEL_FAULT])
                find(d, LEVEL_OK, "secrets", arena_textf(d->arena, "%zu found, the service can read them", good), NULL);
}

static void folder_look(Doctor *d)
{
        struct stat st;
        Text path = arena_text(d->arena, d->config->folder);
        if (stat(path.data, &st) < 0)
                return;
        if (st.st_mode & 0002)
                find(d, LEVEL_FAULT, "permissions",
                     arena_textf(d->arena, "everybody may write to \"" TEXT_F "\"", TEXT_ARG(path)),
                     "Whoever writes there decides where customers' words are sent: chmod o-w on the folder and what "
                     "is in it.");
        else if (!user_can(d, &st, 5))
                find(d, LEVEL_FAULT, "permissions",
                     arena_textf(d->arena, "the user " SERVICE_USER " may not read \"" TEXT_F "\"", TEXT_ARG(path)),
                     "systemd-tmpfiles --create closedloop.conf gives it to the group closedloop-admin, the "
                     "service's.");
        else
                find(d, LEVEL_OK, "permissions",
                     arena_textf(d->arena,
                                 "\"" TEXT_F "\" can be written to by its owner only, or "
                                 "by its group",
                                 TEXT_ARG(path)),
                     NULL);
}

/* ---- store, clock, unit ----------------------------------------------------------------------------------------- */

static void space_look(Doctor *d, const char *folder)
{
        struct statvfs disk;
        if (statvfs(folder, &disk) < 0)
                return;
        int64_t bytes = (int64_t)(disk.f_bavail * disk.f_frsize);
        Text words = arena_textf(d->arena, "%lld MiB free in \"%s\"", (long long)(bytes >> 20), folder);
        bool is_low = bytes < FREE_BYTES_MIN + 2 * d->config->ballast_bytes;
        find(d, is_low ? LEVEL_WARNING : LEVEL_OK, "disk", words,
             is_low ? "When it is full no answer is read any more. Make room, or move store.sqlite to another disk."
                    : NULL);
}

static void store_file_look(Doctor *d, const char *path)
{
        Text words;
        struct stat st;
        uid_t user = d->user ? d->user->pw_uid : stat(path, &st) == 0 ? st.st_uid : geteuid();
        int r = store_look(path, user, d->arena, &words);
        if (r < 0)
                find(d, LEVEL_FAULT, "store", words,
                     r == -EUCLEAN ? "systemctl stop closedloopd; closedloopd --restore BACKUP; systemctl start "
                                     "closedloopd. The file is kept beside it."
                                   : "The service does not start, or cannot go on, until this is mended.");
        else
                find(d, LEVEL_OK, "store",
                     arena_textf(d->arena, "\"%s\" %s", path,
                                 r > 0 ? "is there and can be written to" : "will be made at the first start"),
                     NULL);
}

static void store_place_look(Doctor *d)
{
        struct stat st;
        const char *path = arena_text(d->arena, d->config->sqlite_path).data;
        const char *slash = strrchr(path, '/');
        const char *folder =
                slash && slash > path ? arena_text(d->arena, (Text){ path, (size_t)(slash - path) }).data : "/";
        if (stat(folder, &st) < 0) {
                find(d, LEVEL_FAULT, "store",
                     arena_textf(d->arena, "could not look at \"%s\": %s", folder, strerror(errno)),
                     "The unit's StateDirectory= makes /var/lib/closedloop; another folder has to be made by hand, for "
                     "the "
                     "user " SERVICE_USER ".");
                return;
        }
        if (!user_can(d, &st, 7) || (d->user && stat(path, &st) == 0 && !user_can(d, &st, 6)))
                find(d, LEVEL_FAULT, "store",
                     arena_textf(d->arena, "the user " SERVICE_USER " may not write to \"%s\"", path),
                     "chown -R " SERVICE_USER ": on its folder.");
        else
                store_file_look(d, path);
        space_look(d, folder);
}

static bool unit_flag(sd_bus *bus, const char *interface, const char *name, int *ret)
{
        return sd_bus_get_property_trivial(bus, "org.freedesktop.systemd1", UNIT_PATH, interface, name, NULL, 'b',
                                           ret) >= 0;
}

/* The unit's sandbox keeps the service from asking the kernel; then it goes by systemd-timesyncd. */
static bool unit_sees_clock(void)
{
        sd_bus *bus = NULL;
        int is_kept_out = 0;
        if (sd_bus_open_system(&bus) >= 0)
                (void)unit_flag(bus, "org.freedesktop.systemd1.Service", "ProtectClock", &is_kept_out);
        (void)sd_bus_flush_close_unref(bus);
        return !is_kept_out || clock_is_kept_by_timesyncd();
}

static void clock_look(Doctor *d)
{
        struct timex state = { 0 };
        if (adjtimex(&state) < 0 && !clock_is_kept_by_timesyncd())
                find(d, LEVEL_NOTE, "clock", TEXT("the kernel does not say whether it is synchronised"), NULL);
        else if (state.status & STA_UNSYNC)
                find(d, LEVEL_WARNING, "clock", TEXT("it is not synchronised"),
                     "Windows and ladders go by the clock. timedatectl set-ntp true, or see to chrony or ntpd.");
        else if (!unit_sees_clock())
                find(d, LEVEL_WARNING, "clock", TEXT("it is synchronised, but the service cannot know that"),
                     "Its unit lets it ask systemd-timesyncd only. Where chrony or ntpd keeps the clock: systemctl "
                     "edit "
                     "closedloopd, and below [Service] the two lines ProtectClock=no and "
                     "SystemCallFilter=adjtimex clock_adjtime; then restart it.");
        else
                find(d, LEVEL_OK, "clock", TEXT("it is synchronised"), NULL);
}

static bool unit_text(sd_bus *bus, const char *interface, const char *name, Arena *arena, Text *ret)
{
        char *words = NULL;
        if (sd_bus_get_property_string(bus, "org.freedesktop.systemd1", UNIT_PATH, interface, name, NULL, &words) < 0)
                return false;
        *ret = arena_text(arena, text_from(words));
        free(words);
        return true;
}

static void hardening_look(Doctor *d, sd_bus *bus)
{
        static const char service[] = "org.freedesktop.systemd1.Service", unit[] = "org.freedesktop.systemd1.Unit";
        int is_confined = 0, needs_reload = 0;
        Text system = TEXT("");
        bool is_there = unit_flag(bus, service, "NoNewPrivileges", &is_confined) &&
                        unit_flag(bus, unit, "NeedDaemonReload", &needs_reload) &&
                        unit_text(bus, service, "ProtectSystem", d->arena, &system);
        if (!is_there)
                find(d, LEVEL_NOTE, "unit", TEXT("systemd does not say how it is confined"), NULL);
        else if (needs_reload)
                find(d, LEVEL_WARNING, "unit", TEXT("its file has changed since systemd read it"),
                     "systemctl daemon-reload");
        else if (!is_confined || !text_is(system, "strict"))
                find(d, LEVEL_WARNING, "unit", TEXT("its confinement is not in force"),
                     "A drop-in takes it back? systemctl cat closedloopd; systemd-analyze security closedloopd");
        else
                find(d, LEVEL_OK, "unit", TEXT("it is loaded and confined"), NULL);
}

static void unit_look(Doctor *d)
{
        sd_bus *bus = NULL;
        Text state = TEXT("");
        if (sd_bus_open_system(&bus) < 0 ||
            !unit_text(bus, "org.freedesktop.systemd1.Unit", "LoadState", d->arena, &state))
                find(d, LEVEL_NOTE, "unit", TEXT("not looked at: systemd does not run here"), NULL);
        else if (!text_is(state, "loaded"))
                find(d, LEVEL_WARNING, "unit", arena_textf(d->arena, "closedloopd.service: " TEXT_F, TEXT_ARG(state)),
                     "make install puts it there; then systemctl daemon-reload.");
        else
                hardening_look(d, bus);
        (void)sd_bus_flush_close_unref(bus);
}

/* ---- Kafka, channels, libraries, the daemon --------------------------------------------------------------------- */

static void topic_say(Doctor *d, Text topic, bool is_dead_letters, const KafkaFinding *f)
{
        Buffer words = buffer_in(d->arena);
        if (f->health == KAFKA_OK) {
                buffer_putf(&words, "topic \"" TEXT_F "\" is there, with ", TEXT_ARG(topic));
                buffer_put_count(&words, f->partitions, "partition");
                find(d, LEVEL_OK, "kafka", buffer_text(&words), NULL);
                return;
        }
        const NoticeRow *row = notice_row(service_kafka_notice(f->health));
        buffer_putf(&words, "%s: topic \"" TEXT_F "\": " TEXT_F, row->subject, TEXT_ARG(topic), TEXT_ARG(f->words));
        find(d, LEVEL_FAULT, "kafka", buffer_text(&words),
             is_dead_letters && f->health == KAFKA_NO_TOPIC ? notice_row(NOTICE_DEAD_LETTERS_WAIT)->cure : row->cure);
}

static void kafka_look(Doctor *d)
{
        size_t count = d->config->source_count, all = count;
        Text *topics = arena_array(d->arena, Text, count + 1);
        KafkaFinding *findings = arena_array(d->arena, KafkaFinding, count + 1);
        for (size_t i = 0; i < count; i++)
                topics[i] = d->config->sources[i].topic;
        if (d->config->kafka.dead_letters.data)
                topics[all++] = d->config->kafka.dead_letters;
        intake_probe(&d->config->kafka, topics, all, PATIENCE, d->arena, findings);
        bool is_reached = all == 0 || findings[0].health == KAFKA_OK || findings[0].health == KAFKA_NO_TOPIC ||
                          findings[0].health == KAFKA_ACL;
        for (size_t i = 0; i < (is_reached ? all : 1); i++)
                topic_say(d, topics[i], i >= count, &findings[i]);
}

static void channels_look(Doctor *d)
{
        for (size_t i = 0; i < d->config->channel_count; i++) {
                const Channel *channel = &d->config->channels[i];
                Text words;
                const char *name = arena_textf(d->arena, "channel \"" TEXT_F "\"", TEXT_ARG(channel->name)).data;
                if (channel_probe(channel, PATIENCE, d->arena, &words))
                        find(d, LEVEL_OK, name, TEXT("its receiver can be reached; nothing was sent"), NULL);
                else
                        find(d, LEVEL_FAULT, name, words,
                             "Is the address right, is the way open, is the certificate trusted? A message is sent by "
                             "closedloopctl notify test CHANNEL PERSON.");
        }
}

/* Faults of library versions that matter here; what is worked around in any version is not named. */
static void libraries_look(Doctor *d)
{
        int major = 0, minor = 0;
        Text kafka = intake_library(d->arena);
        bool is_kerberos = false;
        for (size_t i = 0; i < d->config->kafka.property_count; i++)
                is_kerberos = is_kerberos || (text_starts(d->config->kafka.properties[i], TEXT("sasl.mechanism")) &&
                                              memmem(d->config->kafka.properties[i].data,
                                                     d->config->kafka.properties[i].len, "GSSAPI", 6));
        (void)sscanf(kafka.data, "librdkafka %d.%d", &major, &minor);
        Text words = arena_textf(d->arena, TEXT_F "; " TEXT_F "; " TEXT_F, TEXT_ARG(kafka),
                                 TEXT_ARG(store_library(d->arena)), TEXT_ARG(channel_library(d->arena)));
        bool is_old = major < 2 || (major == 2 && minor < 11);
        if (is_kerberos && is_old)
                find(d, LEVEL_WARNING, "libraries", words,
                     "Before 2.11 librdkafka cannot log in with Kerberos to Kafka 4.0.0 exactly; 4.0.1 and later are "
                     "fine.");
        else
                find(d, LEVEL_OK, "libraries", words, NULL);
}

static void daemon_look(Doctor *d)
{
        Text socket = d->socket ? text_from(d->socket) : d->config ? d->config->control_socket : TEXT(PEER_SOCKET);
        Text answer = TEXT_NONE;
        const JsonValue *root;
        int fd = peer_connect(arena_text(d->arena, socket).data);
        int r = fd < 0 ? fd : peer_ask(fd, TEXT("{\"args\":[\"status\"]}\n"), d->arena, &answer);
        if (fd >= 0)
                (void)close(fd);
        if (r < 0 || json_read_in(d->arena, answer, &root) != JSON_FAULT_NONE) {
                find(d, LEVEL_WARNING, "daemon",
                     arena_textf(d->arena, "it does not answer at \"" TEXT_F "\": %s", TEXT_ARG(socket),
                                 strerror(r < 0 ? -r : EPROTO)),
                     "systemctl status closedloopd; journalctl -u closedloopd -x -n 50");
                return;
        }
        const JsonValue *data = json_get(root, TEXT("data"));
        bool is_well = json_is_true(json_get(data, TEXT("well")));
        find(d, is_well ? LEVEL_OK : LEVEL_FAULT, "daemon",
             is_well ? TEXT("it runs, and says that all is well") : TEXT("it runs, and says that something is wrong"),
             is_well ? NULL : "closedloopctl status says what, whose fault it is and what to do.");
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

static void all_look(Doctor *d, const char *path)
{
        d->user = getpwnam(SERVICE_USER);
        if (!d->user)
                find(d, LEVEL_NOTE, "user",
                     TEXT("there is no user " SERVICE_USER ": what it may read is not looked at"),
                     "systemd-sysusers makes it.");
        bool is_good = configuration_look(d, path);
        if (is_good) {
                folder_look(d);
                secrets_look(d);
                store_place_look(d);
        }
        clock_look(d);
        unit_look(d);
        if (is_good) {
                libraries_look(d);
                kafka_look(d);
                channels_look(d);
        }
        daemon_look(d);
}

static void sum_put(Doctor *d)
{
        buffer_put_char(&d->text, '\n');
        if (d->counts[LEVEL_FAULT] == 0 && d->counts[LEVEL_WARNING] == 0) {
                buffer_put_literal(&d->text, "Nothing is wrong.\n");
                return;
        }
        buffer_put_count(&d->text, d->counts[LEVEL_FAULT], "fault");
        buffer_put_literal(&d->text, ", ");
        buffer_put_count(&d->text, d->counts[LEVEL_WARNING], "warning");
        buffer_put_literal(&d->text, ".\n");
}

bool doctor_is_meant(const char *verb)
{
        return strcmp(verb, "doctor") == 0 || strcmp(verb, "check") == 0;
}

int doctor_run(int argc, char **argv, const char *socket, bool wants_json, Arena *arena)
{
        const char *path = "/etc/closedloop/closedloopd.conf";
        if (argc == 2 && strcmp(argv[0], "-c") == 0) {
                path = argv[1];
        } else if (argc != 0) {
                fprintf(stderr, "usage: closedloopctl [-s SOCKET] [--json] doctor [-c FILE]\n");
                return EX_USAGE;
        }
        Doctor d = { .arena = arena, .text = buffer_in(arena), .data = buffer_in(arena), .socket = socket };
        d.json = json_writer(&d.data);
        json_open(&d.json, '{');
        json_key(&d.json, "findings");
        json_open(&d.json, '[');
        all_look(&d, path);
        json_close(&d.json, ']');
        json_field_bool(&d.json, "good", d.counts[LEVEL_FAULT] == 0);
        json_close(&d.json, '}');
        sum_put(&d);
        Text said = buffer_text(wants_json ? &d.data : &d.text);
        printf(TEXT_F "%s", TEXT_ARG(said), wants_json ? "\n" : "");
        (void)config_unref(d.config);
        return fflush(stdout) == 0 && !ferror(stdout) ? d.exit : EX_IOERR;
}
