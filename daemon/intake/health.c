#include <stdio.h>

#include "inside.h"

/* A failure that was not heard of again for so long is no reason to doubt another one: librdkafka leaves out errors
 * that are the same as the last one for half a minute. */
static const Span cause_lasts = { 60 * INT64_C(1000000) };

/* Before this version the client repeats its own nonce in SCRAM's last message, which Kafka 3.8.0 and 4.x refuse. */
enum {
        SCRAM_VERSION = 0x020601ff
};

/* How long a topic may have no partitions, once a broker has answered, before that is worth a word. */
static const Span topic_grace = { 500000 };

const char *kafka_health_text(KafkaHealth health)
{
        static const char *const texts[KAFKA_HEALTH_MAX] = {
                [KAFKA_OK] = "ok",
                [KAFKA_CONNECTING] = "connecting",
                [KAFKA_UNREACHABLE] = "unreachable",
                [KAFKA_DNS] = "dns",
                [KAFKA_TLS] = "tls",
                [KAFKA_AUTH] = "auth",
                [KAFKA_ACL] = "acl",
                [KAFKA_NO_TOPIC] = "no-topic",
                [KAFKA_OFFSET_GONE] = "offset-gone",
                [KAFKA_TOPIC_REPLACED] = "topic-replaced",
                [KAFKA_OTHER_CLUSTER] = "other-cluster",
                [KAFKA_STUCK] = "stuck",
                [KAFKA_UNREADABLE] = "unreadable",
        };
        must(health < KAFKA_HEALTH_MAX);
        return texts[health];
}

/* ---- causes ----------------------------------------------------------------------------------------------------- */

typedef struct Words {
        const char *part;
        KafkaHealth health;
        bool is_guess;    /* of a connection that was closed without a word */
        const char *hint; /* the guess is ours: newer versions make none there */
} Words;

/* librdkafka calls much by the code of a lost connection, such as a broker that talks TLS when we do not; only the
 * words tell. Where they guess at our settings, they are right about a first connection; one that worked under the same
 * settings was closed by a broker that goes down. */
static const Words *words_find(const char *text)
{
        static const Words words[] = {
                { "SSL listener", KAFKA_TLS, true, "" },
                { "PLAINTEXT broker listener", KAFKA_TLS, true, "" },
                { "SSL handshake", KAFKA_TLS, false, "" },
                { "certificate", KAFKA_TLS, false, "" },
                { "require SASL authentication", KAFKA_AUTH, true, "" },
                { "failed to resolve", KAFKA_DNS, false, "" },
                { "SSL connection closed by peer", KAFKA_AUTH, true, "; the broker might require SASL authentication" },
                { "in state APIVERSION_QUERY", KAFKA_TLS, true, "; this might be an SSL listener" },
                { "", KAFKA_UNREACHABLE, false, "" },
        };
        const Words *found = words;
        while (!strcasestr(text, found->part))
                found++;
        return found;
}

static KafkaHealth health_of_lost_connection(const char *text, bool has_worked)
{
        const Words *words = words_find(text);
        return words->is_guess && has_worked ? KAFKA_UNREACHABLE : words->health;
}

KafkaHealth health_of_connection_error(rd_kafka_resp_err_t error, const char *text, bool has_worked)
{
        switch ((int)error) {
        case RD_KAFKA_RESP_ERR__RESOLVE:
                return KAFKA_DNS;
        case RD_KAFKA_RESP_ERR__SSL:
                return KAFKA_TLS;
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
        case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
                return KAFKA_AUTH;
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
                return KAFKA_ACL;
        default:
                return health_of_lost_connection(text, has_worked);
        }
}

KafkaHealth health_of_partition_error(rd_kafka_resp_err_t error)
{
        switch ((int)error) {
        case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
                return KAFKA_OFFSET_GONE;
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
                return KAFKA_ACL;
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
                return KAFKA_NO_TOPIC;
        default:
                return KAFKA_UNREADABLE;
        }
}

/* One line of printable characters, cut to fit. */
static void line_copy(char *to, size_t bytes, const char *text)
{
        size_t len = strnlen(text, bytes - 1);
        for (size_t i = 0; i < len; i++)
                to[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
        to[len] = '\0';
}

/* "HOST:PORT/ID: what happened" */
static bool broker_is_same(const char *text, const char *other)
{
        const char *end = strstr(text, ": ");
        return end && strncmp(text, other, (size_t)(end - text) + 1) == 0;
}

/* The more it takes to mend it, the larger: with several brokers in different states, that one is told and stays. */
static int cause_rank(KafkaHealth cause)
{
        switch ((int)cause) {
        case KAFKA_AUTH:
        case KAFKA_ACL:
                return 4;
        case KAFKA_TLS:
                return 3;
        case KAFKA_DNS:
                return 2;
        default:
                return 1;
        }
}

static bool cause_is_news(const Intake *intake, KafkaHealth cause, const char *text)
{
        if (intake->cause == KAFKA_OK || cause_rank(cause) >= cause_rank(intake->cause) ||
            mono_since(intake_now(intake), intake->cause_at).us > cause_lasts.us)
                return true;
        /* A broker that has refused us closes the connection afterwards: that is no news. That it is down, is. */
        return broker_is_same(text, intake->cause_text) && (cause != KAFKA_UNREACHABLE || strstr(text, "Connect to "));
}

static const char *hint_of(KafkaHealth cause, const char *text)
{
        if (cause == KAFKA_AUTH && strstr(text, "mechanism SCRAM") && rd_kafka_version() < SCRAM_VERSION)
                return "; this may also be said of the right password: Kafka 3.8.0 and 4.x refuse SCRAM from this "
                       "machine's librdkafka, which is older than 2.6.1";
        return cause == words_find(text)->health ? words_find(text)->hint : "";
}

void health_connection_failed(Intake *intake, rd_kafka_resp_err_t error, const char *text)
{
        if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
                /* Its words ("1/1 brokers are down") say less than those of the failure before it. */
                intake->is_down = true;
                return;
        }
        KafkaHealth cause = health_of_connection_error(error, text, intake->has_met);
        if (!cause_is_news(intake, cause, text))
                return;
        char line[HEALTH_TEXT_BYTES];
        snprintf(line, sizeof line, "%.*s%s", CAUSE_BYTES_MAX, text, hint_of(cause, text));
        intake->cause = cause;
        intake->cause_at = intake_now(intake);
        line_copy(intake->cause_text, sizeof intake->cause_text, line);
}

void health_connection_works(Intake *intake)
{
        intake->is_down = false;
        intake->cause = KAFKA_OK;
        intake->cause_text[0] = '\0';
}

/* ---- what to say ------------------------------------------------------------------------------------------------ */

typedef struct Finding {
        KafkaHealth health;
        int rank;      /* the larger one is told */
        size_t others; /* beside the one that is told */
        char text[HEALTH_TEXT_BYTES];
} Finding;

static void finding_add(Finding *f, KafkaHealth health, int rank, const char *text)
{
        if (f->health != KAFKA_OK)
                f->others++;
        if (rank <= f->rank)
                return;
        f->health = health;
        f->rank = rank;
        line_copy(f->text, sizeof f->text, text);
}

/* Without a connection the rest is unknown. Standing still for good is worse than being tried again. */
enum {
        CONNECTION_RANK = 4
};

static int trouble_rank(KafkaHealth trouble)
{
        return trouble == KAFKA_OFFSET_GONE || trouble == KAFKA_TOPIC_REPLACED ? 3
               : trouble == KAFKA_UNREADABLE || trouble == KAFKA_STUCK         ? 2
                                                                               : 1;
}

static void partition_look(const Topic *topic, size_t number, Finding *f)
{
        const Partition *p = &topic->partitions[number];
        char text[HEALTH_TEXT_BYTES * 2];
        if (p->trouble == KAFKA_OK)
                return;
        snprintf(text, sizeof text, "partition %zu of topic \"" TEXT_F "\": %s", number, TEXT_ARG(topic->name), p->why);
        finding_add(f, p->trouble, trouble_rank(p->trouble), text);
}

/* Soon after the first broker has answered, it may just not have been asked yet. */
static bool topic_is_awaited(const Intake *intake, const Topic *topic)
{
        MonoTime since = mono_before(intake->met_at, topic->listed_at) ? topic->listed_at : intake->met_at;
        return mono_before(intake_now(intake), mono_add(since, topic_grace));
}

static void topic_look(const Intake *intake, const Topic *topic, Finding *f)
{
        char text[HEALTH_TEXT_BYTES];
        for (size_t i = 0; i < topic->count; i++)
                partition_look(topic, i, f);
        if (topic->known_count > 0 || !intake->has_met)
                return;
        bool is_awaited = topic_is_awaited(intake, topic);
        snprintf(text, sizeof text, "topic \"" TEXT_F "\" %s", TEXT_ARG(topic->name),
                 is_awaited                    ? "is being looked for"
                 : topic->missing == KAFKA_ACL ? "may not be seen by this user, if it is there at all"
                                               : "is not there");
        finding_add(f, is_awaited ? KAFKA_CONNECTING : topic->missing, 1, text);
}

static void connection_look(const Intake *intake, Finding *f)
{
        bool has_cause = intake->cause != KAFKA_OK;
        if (!intake->has_met)
                finding_add(f, has_cause ? intake->cause : KAFKA_CONNECTING, CONNECTION_RANK,
                            has_cause ? intake->cause_text : "no broker has answered yet");
        else if (intake->is_down)
                finding_add(f, has_cause ? intake->cause : KAFKA_UNREACHABLE, CONNECTION_RANK,
                            has_cause ? intake->cause_text : "no broker is reachable that leads a partition we read");
        else if (intake->is_foreign)
                finding_add(f, KAFKA_OTHER_CLUSTER, CONNECTION_RANK,
                            "these brokers are not the cluster that was read before: its offsets mean nothing here");
}

void health_update(Intake *intake)
{
        Finding f = { .health = KAFKA_OK };
        connection_look(intake, &f);
        for (const Topic *topic = intake->topics; topic && f.rank < CONNECTION_RANK; topic = topic->next)
                topic_look(intake, topic, &f);
        size_t len = strlen(f.text);
        if (f.others > 0)
                snprintf(f.text + len, sizeof f.text - len, " (and %zu more)", f.others);
        /* During an outage librdkafka finds new words for the same thing all the time. */
        bool is_news =
                f.health != intake->health || (f.rank < CONNECTION_RANK && strcmp(f.text, intake->health_text) != 0);
        intake->health = f.health;
        memcpy(intake->health_text, f.text, sizeof f.text);
        if (is_news)
                intake->ops->health(intake->userdata, f.health, text_from(intake->health_text));
}

KafkaHealth intake_health(const Intake *intake, Text *ret_text)
{
        *ret_text = text_from(intake->health_text);
        return intake->health;
}
