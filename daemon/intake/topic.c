#include "inside.h"

Topic *topic_new(rd_kafka_t *consumer, Text name, MonoTime now)
{
        Arena *arena = arena_new(1024);
        Topic *topic = arena_new_of(arena, Topic);
        topic->arena = arena;
        topic->listed_at = now;
        topic->missing = KAFKA_NO_TOPIC;
        topic->name = arena_text(arena, name);
        /* Makes the client ask for the topic's metadata at once, and keep it fresh. */
        topic->native = rd_kafka_topic_new(consumer, topic->name.data, NULL);
        if (!topic->native) {
                arena_free(arena);
                return NULL;
        }
        return topic;
}

Topic *topic_free(Topic *topic)
{
        if (topic) {
                rd_kafka_topic_destroy(topic->native);
                arena_free(topic->arena);
        }
        return NULL;
}

Partition *topic_partition(Topic *topic, int32_t number)
{
        must(number >= 0);
        while (topic->count <= (size_t)number) {
                topic->partitions =
                        arena_grow(topic->arena, topic->partitions, topic->count, &topic->capacity, sizeof(Partition));
                topic->partitions[topic->count++] = (Partition){ .next_offset = -1,
                                                                 .check.offset = -1,
                                                                 .end_offset = -1,
                                                                 .fetch_offset = -1,
                                                                 .moved_to = -1,
                                                                 .leader = -1 };
        }
        return &topic->partitions[number];
}

void topic_renew(Topic *topic, rd_kafka_t *consumer)
{
        rd_kafka_topic_destroy(topic->native);
        topic->native = rd_kafka_topic_new(consumer, topic->name.data, NULL);
        must(topic->native != NULL); /* the same name was good for the one before */
        topic->known_count = 0;
}

/* Of all functions that do not wait for the network, this one alone says whether a partition is there: it stores an
 * offset for a later commit, if the topic has the partition. We never commit, and the offset stored is "none", which
 * is what stands there already. (Statistics say it as well, but make a document of ten kilobytes and more for it.) */
bool topic_has_partition(const Topic *topic, int32_t number)
{
        return rd_kafka_offset_store(topic->native, number, RD_KAFKA_OFFSET_INVALID - 1) !=
               RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

/* Asked for an offset without time to wait, the client looks at what it knows of the topic, asks the brokers for what
 * it does not know, and gives up. */
KafkaHealth topic_missing(rd_kafka_t *consumer, const Topic *topic)
{
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_t *asked = rd_kafka_topic_partition_list_add(list, topic->name.data, 0);
        asked->offset = RD_KAFKA_OFFSET_END;
        (void)rd_kafka_offsets_for_times(consumer, list, 0);
        KafkaHealth missing = health_of_partition_error(asked->err);
        rd_kafka_topic_partition_list_destroy(list);
        return missing == KAFKA_ACL || missing == KAFKA_NO_TOPIC ? missing : topic->missing;
}
