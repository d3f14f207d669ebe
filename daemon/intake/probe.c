#include "intake/probe.h"

#include "base/clock.h"
#include "inside.h"

/* The last thing that the client has to say about its brokers. */
static void cause_find(rd_kafka_t *client, Arena *arena, KafkaFinding *finding)
{
        rd_kafka_queue_t *queue = rd_kafka_queue_get_main(client);
        rd_kafka_event_t *event;
        while ((event = rd_kafka_queue_poll(queue, 0)) != NULL) {
                const char *words = rd_kafka_event_error_string(event);
                bool is_cause = rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR &&
                                rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
                if (is_cause && words) {
                        finding->health = health_of_connection_error(rd_kafka_event_error(event), words, false);
                        finding->words = arena_text(arena, text_from(words));
                }
                rd_kafka_event_destroy(event);
        }
        rd_kafka_queue_destroy(queue);
}

static void topic_look(const struct rd_kafka_metadata *metadata, Arena *arena, KafkaFinding *ret)
{
        const rd_kafka_metadata_topic_t *topic = metadata->topic_cnt == 1 ? &metadata->topics[0] : NULL;
        rd_kafka_resp_err_t error = topic ? topic->err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        *ret = (KafkaFinding){ .words = TEXT("") };
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR && topic->partition_cnt > 0) {
                ret->partitions = topic->partition_cnt;
                return;
        }
        ret->health = error == RD_KAFKA_RESP_ERR_NO_ERROR ? KAFKA_NO_TOPIC : health_of_partition_error(error);
        ret->words = arena_text(arena, text_from(rd_kafka_err2str(error)));
}

/* False: no broker answered, and asking for the next topic would only take as long again. */
static bool topic_ask(rd_kafka_t *client, Text name, Span patience, Arena *arena, KafkaFinding *ret)
{
        const struct rd_kafka_metadata *metadata;
        rd_kafka_topic_t *topic = rd_kafka_topic_new(client, arena_text(arena, name).data, NULL);
        must(topic != NULL);
        rd_kafka_resp_err_t error = rd_kafka_metadata(client, 0, topic, &metadata, (int)(patience.us / 1000));
        rd_kafka_topic_destroy(topic);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
                topic_look(metadata, arena, ret);
                rd_kafka_metadata_destroy(metadata);
                return true;
        }
        *ret = (KafkaFinding){ .health = KAFKA_UNREACHABLE,
                               .words = arena_text(arena, text_from(rd_kafka_err2str(error))) };
        cause_find(client, arena, ret);
        return false;
}

void intake_probe(const KafkaConfig *kafka, const Text *topics, size_t count, Span patience, Arena *arena,
                  KafkaFinding *ret)
{
        char why[ERROR_TEXT_BYTES] = "";
        rd_kafka_conf_t *settings = consumer_settings(kafka, why);
        rd_kafka_t *client = settings ? rd_kafka_new(RD_KAFKA_CONSUMER, settings, why, sizeof(why)) : NULL;
        if (!client && settings)
                rd_kafka_conf_destroy(settings);
        size_t done = 0;
        while (client && done < count && topic_ask(client, topics[done], patience, arena, &ret[done]))
                done++;
        KafkaFinding rest = { .health = KAFKA_UNREACHABLE, .words = arena_text(arena, text_from(why)) };
        if (client && done < count)
                rest = ret[done];
        for (; done < count; done++)
                ret[done] = rest;
        if (client)
                (void)client_destroy(client);
}

Text intake_library(Arena *arena)
{
        return arena_textf(arena, "librdkafka %s", rd_kafka_version_str());
}
