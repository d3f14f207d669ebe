/* config.h - everything an operator wrote, read once, checked whole, immutable.
 * Owns:    one arena with all of it. Counted by references, which any thread may take and drop: a batch carries the
 *          configuration it was judged with, so a reload never changes what is under way.
 * Errors:  config_load() reports every problem it finds to the Report and gives no Config if there was one.
 * Called:  config_load() from the loop thread or a command, never between BEGIN and COMMIT. */
#pragma once

#include "config/report.h"
#include "core/doubt.h"
#include "core/mustache.h"
#include "core/people.h"
#include "core/policy.h"
#include "core/route.h"
#include "core/rules.h"

typedef enum SecretKind {
        SECRET_NONE,
        SECRET_CREDENTIAL, /* systemd: $CREDENTIALS_DIRECTORY/name */
        SECRET_FILE,
        SECRET_ENV,
} SecretKind;

/* The value is read at load, with one trailing newline removed. Never printed, never logged. */
typedef struct Secret {
        SecretKind kind;
        Text name;
        Text value;
} Secret;

typedef enum ChannelType {
        CHANNEL_WEBHOOK,
        CHANNEL_EMAIL,
        CHANNEL_SLACK,
        CHANNEL_TEAMS,
        CHANNEL_MATTERMOST,
        CHANNEL_GOOGLE_CHAT,
        CHANNEL_DISCORD,
        CHANNEL_TELEGRAM,
        CHANNEL_NTFY,
        CHANNEL_PAGERDUTY,
        CHANNEL_TYPE_MAX,
} ChannelType;

const char *channel_type_text(ChannelType type);

typedef enum MailTls {
        MAIL_TLS_REQUIRED,
        MAIL_TLS_OPPORTUNISTIC,
        MAIL_TLS_NONE,
} MailTls;

typedef struct Channel {
        Text name;
        ChannelType type;
        Text url; /* the target, from the configuration or from its secret; email: smtp:// or smtps:// */
        Text target; /* what fails together: "https://host:port" of it; no secret */
        Secret url_secret;
        Secret secret;                /* webhook: whsec_ + base64; ntfy, pagerduty: the token */
        Text to;                      /* telegram: the chat; ntfy: the topic */
        Text from_name, from_address; /* email */
        Text user;
        Secret password;
        MailTls tls;
        Text ca_file;   /* absent: the system's */
        Text proxy;     /* absent: none */
        bool is_shared; /* a room: never a comment, a name, a reminder or an escalation */
        bool allows_private_network;
        bool allows_plain_http;
        int in_flight;
        int late_per_second; /* reminders and escalations after an outage */
        Span timeout;
        Span patience; /* how long a temporary failure may last before the person's next channel is tried */
        Span give_up;  /* how long it is retried at all */
} Channel;

typedef struct KafkaConfig {
        Text brokers;
        Text group;
        const Text *properties; /* "name=value" */
        size_t property_count;
        Secret password;    /* becomes sasl.password */
        Text dead_letters;  /* topic; absent: rows only */
        Span unready_after; /* how long it may be unwell before the service is not ready */
        Span stuck_after;   /* how long a partition may stand still though records wait in it; 0: for ever */
} KafkaConfig;

typedef struct Config {
        Arena *arena;
        Text path; /* of the main file */
        Text folder;
        WallTime loaded_at;
        KafkaConfig kafka;
        Text sqlite_path;
        const Text *operators; /* ids of persons */
        size_t operator_count;
        Text metrics_listen; /* "127.0.0.1:9464"; absent: none */
        Text control_socket;
        Text control_group; /* absent: root and the daemon's own user only */
        const Text *causes;
        size_t cause_count;
        DoubtLimits clock;
        bool pauses_for_dead_letters;  /* when there is no room for more of them; else the oldest lose their bytes */
        int64_t dead_letter_bytes_max; /* what the dead letters may take in the store */
        int64_t ballast_bytes;         /* kept free on the store's disk */

        FieldTable fields;
        const Source *sources;
        size_t source_count;
        RuleSet rules;
        const Policy *policies;
        size_t policy_count;
        RouteTable routes;
        Roster roster;
        const Channel *channels;
        size_t channel_count;
        const Channel **channels_by_name;          /* sorted: there may be one for each person */
        const Mustache *templates[MESSAGE_MAX][2]; /* [1]: the shy form, for shared channels. NULL: the default */
        const struct ConfigTree *tree;             /* what was written, with the defaults: for -T and reload */
        int references;                            /* atomic */
} Config;

/* 0, or -EINVAL after reporting; -errno for what kept a file from being read is reported as a problem too.
 * Warnings alone do not fail. now: for effective dates ("owners known at load"). */
int config_load(const char *path, WallTime now, Report *report, Config **ret) MUST_CHECK;

Config *config_ref(const Config *config);
Config *config_unref(Config *config);
DEFINE_CLEANUP(Config, config_unref)

const Channel *config_channel(const Config *config, Text name);
const Policy *config_policy(const Config *config, Text name);
const Source *config_source(const Config *config, Text name);

/* A policy from the text of its file, as it was stored with a case: the archive of versions in use.
 * 0, or -EINVAL if it is not one policy. */
int config_policy_read(Arena *arena, Text text, Policy *ret) MUST_CHECK;

/* The effective configuration in libconfig's syntax, secrets masked, for -T. */
void config_write(const Config *config, Buffer *b);

/* The keys that differ and that only a restart can change, "kafka.brokers, store.sqlite"; TEXT_NONE if there are none.
 */
Text config_restart_keys(const Config *running, const Config *next, Arena *arena);
