#include <errno.h>
#include <stdio.h>

#include "inside.h"

typedef struct Setting {
        const char *name;
        const char *value;
} Setting;

/* What the daemon would be wrong without: an operator may not change these. */
static const Setting fixed[] = {
        { "enable.auto.commit", "false" }, /* offsets are in the database */
        { "enable.auto.offset.store", "false" },
        { "auto.offset.reset", "error" }, /* anything else would skip customers without a word */
        { "isolation.level", "read_committed" },
        { "enable.partition.eof", "false" },
        { "allow.auto.create.topics", "false" },
        { "log.queue", "true" },
};

/* What may be set better for one's own cluster. */
static const Setting consumer_defaults[] = {
        { "client.id", "closedloopd" },
        { "check.crcs", "true" },
        { "socket.nagle.disable", "true" },
        { "socket.keepalive.enable", "true" },
        { "topic.metadata.refresh.interval.ms", "20000" }, /* how soon an added partition is noticed */
        { "statistics.interval.ms", "5000" },
        { "queued.min.messages", "20000" }, /* see fetchers_wake() */
        { "queued.max.messages.kbytes", "65536" },
        { "fetch.wait.max.ms", "100" }, /* other requests to the same broker wait behind a fetch */
        { "reconnect.backoff.max.ms", "2000" },
};

static const Setting producer_defaults[] = {
        { "client.id", "closedloopd" },         { "socket.nagle.disable", "true" },
        { "socket.keepalive.enable", "true" },  { "message.max.bytes", "104857600" }, /* the broker decides */
        { "reconnect.backoff.max.ms", "2000" },
};

/* After the operator's: a dead letter must not be lost, doubled or kept for ever. Each goes alone: one that is too
 * large would have all of its batch refused. */
static const Setting producer_fixed[] = {
        { "batch.num.messages", "1" },
        { "enable.idempotence", "true" },
        { "acks", "all" },
        { "log.queue", "true" },
};

/* Where an operator says it instead. */
static const Setting elsewhere[] = {
        { "bootstrap.servers", "brokers" },
        { "metadata.broker.list", "brokers" },
        { "group.id", "group" },
        { "sasl.password", "password" },
};

static bool setting_put(rd_kafka_conf_t *conf, const char *name, const char *value, char *reterr)
{
        return rd_kafka_conf_set(conf, name, value, reterr, ERROR_TEXT_BYTES) == RD_KAFKA_CONF_OK;
}

static bool settings_put(rd_kafka_conf_t *conf, const Setting *settings, size_t count, char *reterr)
{
        for (size_t i = 0; i < count; i++)
                if (!setting_put(conf, settings[i].name, settings[i].value, reterr))
                        return false;
        return true;
}

static const Setting *setting_find(const Setting *settings, size_t count, const char *name)
{
        for (size_t i = 0; i < count; i++)
                if (strcmp(settings[i].name, name) == 0)
                        return &settings[i];
        return NULL;
}

static bool property_is_ours(const char *name, char *reterr)
{
        const Setting *other = setting_find(elsewhere, COUNT_OF(elsewhere), name);
        if (other) {
                snprintf(reterr, ERROR_TEXT_BYTES, "property \"%s\" is given as kafka.%s", name, other->value);
                return true;
        }
        const Setting *ours = setting_find(fixed, COUNT_OF(fixed), name);
        if (ours)
                snprintf(reterr, ERROR_TEXT_BYTES, "property \"%s\" is always \"%s\" here", name, ours->value);
        return ours != NULL;
}

static bool property_put(rd_kafka_conf_t *conf, Arena *arena, Text property, char *reterr)
{
        Text name, value = property;
        if (!memchr(property.data, '=', property.len)) {
                snprintf(reterr, ERROR_TEXT_BYTES, "property \"" TEXT_F "\" is not of the form name=value",
                         TEXT_ARG(property));
                return false;
        }
        must(text_split(&value, '=', &name));
        const char *name_string = arena_text(arena, text_trim(name)).data;
        const char *value_string = value.len > 0 ? arena_text(arena, text_trim(value)).data : "";
        return !property_is_ours(name_string, reterr) && setting_put(conf, name_string, value_string, reterr);
}

static bool properties_put(rd_kafka_conf_t *conf, const KafkaConfig *kafka, Arena *arena, char *reterr)
{
        for (size_t i = 0; i < kafka->property_count; i++)
                if (!property_put(conf, arena, kafka->properties[i], reterr))
                        return false;
        if (!text_is_empty(kafka->brokers) &&
            !setting_put(conf, "bootstrap.servers", arena_text(arena, kafka->brokers).data, reterr))
                return false;
        return !kafka->password.value.data ||
               setting_put(conf, "sasl.password", arena_text(arena, kafka->password.value).data, reterr);
}

/* Versions from 2.5 on send their own telemetry to the brokers unless told not to; 2.0.2 does not know the property. */
static void telemetry_forbid(rd_kafka_conf_t *conf)
{
        char ignored[ERROR_TEXT_BYTES];
        (void)setting_put(conf, "enable.metrics.push", "false", ignored);
}

static bool consumer_fill(rd_kafka_conf_t *conf, const KafkaConfig *kafka, Arena *arena, char *reterr)
{
        Text group = text_is_empty(kafka->group) ? TEXT("closedloopd") : kafka->group;
        return settings_put(conf, consumer_defaults, COUNT_OF(consumer_defaults), reterr) &&
               properties_put(conf, kafka, arena, reterr) && settings_put(conf, fixed, COUNT_OF(fixed), reterr) &&
               setting_put(conf, "group.id", arena_text(arena, group).data, reterr);
}

static bool producer_fill(rd_kafka_conf_t *conf, const KafkaConfig *kafka, Arena *arena, char *reterr)
{
        char patience[16];
        snprintf(patience, sizeof patience, "%d", DEAD_LETTER_SECONDS * 1000);
        return settings_put(conf, producer_defaults, COUNT_OF(producer_defaults), reterr) &&
               properties_put(conf, kafka, arena, reterr) &&
               settings_put(conf, producer_fixed, COUNT_OF(producer_fixed), reterr) &&
               setting_put(conf, "message.timeout.ms", patience, reterr);
}

typedef bool SettingsFill(rd_kafka_conf_t *conf, const KafkaConfig *kafka, Arena *arena, char *reterr);

static rd_kafka_conf_t *settings_make(const KafkaConfig *kafka, SettingsFill *fill, int events, char *reterr)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        telemetry_forbid(conf);
        if (!fill(conf, kafka, arena, reterr)) {
                rd_kafka_conf_destroy(conf);
                return NULL;
        }
        rd_kafka_conf_set_events(conf, events);
        return conf;
}

rd_kafka_conf_t *consumer_settings(const KafkaConfig *kafka, char reterr[static ERROR_TEXT_BYTES])
{
        return settings_make(kafka, consumer_fill,
                             RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS | RD_KAFKA_EVENT_LOG,
                             reterr);
}

rd_kafka_conf_t *producer_settings(const KafkaConfig *kafka, char reterr[static ERROR_TEXT_BYTES])
{
        return settings_make(kafka, producer_fill, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG,
                             reterr);
}

/* Some things are only checked when a client is made. Without brokers it connects to nothing. */
static bool client_is_possible(const KafkaConfig *kafka, rd_kafka_type_t type, char *reterr)
{
        KafkaConfig alone = *kafka;
        alone.brokers = TEXT_NONE;
        rd_kafka_conf_t *conf =
                type == RD_KAFKA_CONSUMER ? consumer_settings(&alone, reterr) : producer_settings(&alone, reterr);
        rd_kafka_t *client = conf ? rd_kafka_new(type, conf, reterr, ERROR_TEXT_BYTES) : NULL;
        if (client)
                return client_destroy(client);
        if (conf)
                rd_kafka_conf_destroy(conf);
        return false;
}

int intake_check(const KafkaConfig *kafka, Arena *arena, Text *reterr_message)
{
        char why[ERROR_TEXT_BYTES] = "librdkafka does not end";
        if (client_is_possible(kafka, RD_KAFKA_CONSUMER, why) && client_is_possible(kafka, RD_KAFKA_PRODUCER, why))
                return 0;
        *reterr_message = arena_text(arena, text_from(why));
        return -EINVAL;
}
