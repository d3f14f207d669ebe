/* The main file: where answers come from, where state is kept, who operates it. */
#include <sys/un.h>

#include "config/loader.h"

/* ---- kafka ------------------------------------------------------------------------------------------------------ */

typedef struct RefusedProperty {
        const char *name; /* with a '*' at its end: all that begin so */
        const char *reason;
} RefusedProperty;

/* What the daemon promises rests on these. */
static const RefusedProperty REFUSED_PROPERTIES[] = {
        { "bootstrap.servers", "say kafka.brokers" },
        { "metadata.broker.list", "say kafka.brokers" },
        { "group.id", "say kafka.group" },
        { "group.instance.id", "partitions are assigned by the daemon" },
        { "group.protocol", "partitions are assigned by the daemon" },
        { "partition.assignment.strategy", "partitions are assigned by the daemon" },
        { "enable.auto.commit", "offsets are kept in the store, in the same transaction as the cases" },
        { "auto.commit.enable", "offsets are kept in the store, in the same transaction as the cases" },
        { "auto.commit.interval.ms", "offsets are kept in the store, in the same transaction as the cases" },
        { "enable.auto.offset.store", "offsets are kept in the store, in the same transaction as the cases" },
        { "offset.store.method", "offsets are kept in the store, in the same transaction as the cases" },
        { "auto.offset.reset", "a lost offset is an error here; where to begin is a source's start" },
        { "enable.partition.eof", "the daemon sets it itself" },
        { "allow.auto.create.topics", "a topic of a wrong name would be made and wait for ever" },
        { "check.crcs", "damaged records must not be read" },
        { "enable.idempotence", "what is published must not come twice" },
        { "acks", "what is published must be kept by all replicas" },
        { "request.required.acks", "what is published must be kept by all replicas" },
        { "transactional.id", "the daemon does not use Kafka's transactions" },
        { "statistics.interval.ms", "new partitions are learnt from the statistics" },
        { "log.queue", "the daemon reads the client's log itself" },
        { "plugin.library.paths", "no foreign code is loaded into the daemon" },
        { "sasl.password", "use kafka.password; secrets do not stand in this file" },
        { "sasl.oauthbearer.client.secret", "secrets do not stand in this file" },
        { "ssl.key.pem", "secrets do not stand in this file; use ssl.key.location" },
        { "ssl.key.password", "secrets do not stand in this file; use a key that only the daemon can read" },
        { "ssl.keystore.password", "secrets do not stand in this file; use ssl.key.location" },
};

static const char *property_refusal(Text name)
{
        for (size_t i = 0; i < COUNT_OF(REFUSED_PROPERTIES); i++)
                if (text_is(name, REFUSED_PROPERTIES[i].name))
                        return REFUSED_PROPERTIES[i].reason;
        return NULL;
}

static void property_check(Loader *l, const Setting *item)
{
        Text value = item->text, name;
        if (!text_split(&value, '=', &name) || !value.data || text_is_empty(text_trim(name))) {
                setting_error(l->report, item, "each of kafka.properties is written name=value");
                return;
        }
        const char *reason = property_refusal(text_trim(name));
        if (reason)
                setting_error(l->report, item, "kafka.properties: %s cannot be set; %s", quoted(l, text_trim(name)),
                              reason);
}

static void properties_check(Loader *l, const Setting *kafka)
{
        const Setting *list = setting_get(kafka, "properties");
        if (list && list->type == SETTING_TEXT)
                property_check(l, list);
        for (const Setting *item = list ? list->first : NULL; item; item = item->next)
                if (!item->is_bad)
                        property_check(l, item);
}

static Text topic_read(Loader *l, const Setting *kafka, const char *name)
{
        const Setting *topic = setting_get(kafka, name);
        if (topic && !topic_is_good(topic->text))
                setting_error(l->report, topic, "kafka.%s %s is no topic; at most 249 of a-z A-Z 0-9 . _ -", name,
                              quoted(l, topic->text));
        return setting_text(kafka, name);
}

static void kafka_read(Loader *l)
{
        const Setting *kafka = setting_get(l->tree->main, "kafka"), *brokers = setting_get(kafka, "brokers");
        KafkaConfig *config = &l->config->kafka;
        config->brokers = setting_text(kafka, "brokers");
        if (brokers && !brokers_are_good(brokers->text))
                setting_error(l->report, brokers, "kafka.brokers %s must be host:port, several separated by commas",
                              quoted(l, brokers->text));
        config->group = setting_text(kafka, "group");
        config->properties = setting_texts(l->arena, kafka, "properties", &config->property_count);
        properties_check(l, kafka);
        (void)secret_read(l, kafka, "password", &config->password);
        config->dead_letters = topic_read(l, kafka, "dead_letters");
        config->unready_after = setting_span(kafka, "unready_after");
        config->stuck_after = setting_span(kafka, "stuck_after");
        (void)topic_read(l, kafka, "events");
        (void)topic_read(l, kafka, "acts");
}

/* ---- store ------------------------------------------------------------------------------------------------------ */

#define SQLITE_DEFAULT "/var/lib/closedloop/closedloop.db"

static void store_read(Loader *l)
{
        Setting *store = setting_child(l->tree->main, "store");
        if (!store || store->is_bad)
                return;
        Setting *postgresql = setting_child(store, "postgresql");
        Text sqlite = setting_text(store, "sqlite");
        Secret password;
        (void)secret_read(l, store, "password", &password);
        l->config->pauses_for_dead_letters = text_is(setting_text(store, "dead_letters_full"), "pause");
        l->config->dead_letter_bytes_max = setting_integer(store, "dead_letters");
        l->config->ballast_bytes = setting_integer(store, "ballast");
        if (postgresql) {
                if (sqlite.data)
                        setting_warning(l->report, postgresql,
                                        "PostgreSQL comes later; until then store.sqlite is used");
                else
                        setting_error(l->report, postgresql,
                                      "PostgreSQL comes later and cannot keep the state yet; say store.sqlite");
                /* It may hold a password in spite of what the manual says. */
                postgresql->text = TEXT("***");
        } else if (!setting_child(store, "sqlite")) {
                Setting *added = setting_add(l->arena, store, TEXT("sqlite"), SETTING_TEXT);
                added->text = TEXT(SQLITE_DEFAULT);
                added->is_default = true;
                added->option = option_find("store.sqlite");
                sqlite = added->text;
        }
        l->config->sqlite_path = sqlite.data ? loader_path(l, sqlite) : TEXT_NONE;
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */

static Text listen_read(Loader *l, const Setting *group, const char *where)
{
        const Setting *listen = setting_get(group, "listen");
        if (listen && !listen_is_good(listen->text))
                setting_error(l->report, listen, "%s.listen %s must be an address and a port, such as 127.0.0.1:9464",
                              where, quoted(l, listen->text));
        return setting_text(group, "listen");
}

static void web_read(Loader *l)
{
        const Setting *web = setting_get(l->tree->main, "web"), *url = setting_get(web, "url");
        Secret key;
        if (!web)
                return;
        (void)listen_read(l, web, "web");
        (void)secret_read(l, web, "key", &key);
        const char *fault = url ? url_fault(url->text, "https|http", true, l->scratch) : NULL;
        if (fault)
                setting_error(l->report, url, "web.url %s", fault);
}

static void control_read(Loader *l)
{
        const Setting *control = setting_get(l->tree->main, "control"), *socket = setting_get(control, "socket");
        if (!socket)
                return;
        l->config->control_socket = loader_path(l, socket->text);
        l->config->control_group = setting_text(control, "group");
        size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
        if (l->config->control_socket.len > max)
                setting_error(l->report, socket, "control.socket is longer than %zu bytes", max);
}

static void clock_read(Loader *l)
{
        const Setting *clock = setting_child(l->tree->main, "clock");
        if (!clock || clock->is_bad)
                return;
        l->config->clock.step = setting_span(clock, "step");
        l->config->clock.hold = setting_span(clock, "hold");
}

static void causes_read(Loader *l)
{
        const Setting *outcomes = setting_get(l->tree->main, "outcomes");
        const Text *causes = setting_texts(l->arena, outcomes, "causes", &l->config->cause_count);
        l->config->causes = causes;
        for (size_t i = 0; i < l->config->cause_count; i++)
                for (size_t j = 0; j < i; j++)
                        if (text_equal(causes[i], causes[j]))
                                setting_error(l->report, setting_child(outcomes, "causes"),
                                              "outcomes.causes names %s twice", quoted(l, causes[i]));
}

void load_main(Loader *l)
{
        const Setting *zone = setting_get(l->tree->main, "time_zone");
        const char *fault = NULL;
        kafka_read(l);
        store_read(l);
        l->config->metrics_listen = listen_read(l, setting_get(l->tree->main, "metrics"), "metrics");
        web_read(l);
        control_read(l);
        clock_read(l);
        causes_read(l);
        const Zone *found = zone ? loader_zone(l, zone->text, &fault) : NULL;
        if (found)
                l->zone = found;
        if (fault)
                setting_error(l->report, zone, "time_zone: %s", fault);
}
