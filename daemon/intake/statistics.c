/* What is read of librdkafka's statistics: how far each log reaches, who leads each partition, which brokers are up. */
#include "inside.h"

enum {
        STATISTICS_BYTES_MAX = 64 * 1024 * 1024,
        STATISTICS_DEPTH_MAX = 16
};

typedef struct Brokers {
        const JsonValue *all; /* object of brokers */
        size_t up_count;
} Brokers;

static int64_t integer_of(const JsonValue *object, const char *key, int64_t otherwise)
{
        int64_t value;
        return json_integer(json_get(object, text_from(key)), &value) ? value : otherwise;
}

/* Logical brokers (the group's coordinator) have a connection of their own, which we do not need. */
static bool broker_is_up(const JsonValue *broker)
{
        return integer_of(broker, "nodeid", -1) >= 0 && text_is(json_text(json_get(broker, TEXT("state"))), "UP") &&
               !text_is(json_text(json_get(broker, TEXT("source"))), "logical");
}

static Brokers brokers_read(const JsonValue *root)
{
        Brokers brokers = { .all = json_get(root, TEXT("brokers")) };
        for (JsonWalk w = json_walk(brokers.all); json_next(&w);)
                if (broker_is_up(w.value))
                        brokers.up_count++;
        return brokers;
}

static bool number_is_up(const Brokers *brokers, int64_t number)
{
        for (JsonWalk w = json_walk(brokers->all); json_next(&w);)
                if (integer_of(w.value, "nodeid", -1) == number && broker_is_up(w.value))
                        return true;
        return false;
}

static void partition_update(Intake *intake, Topic *topic, const JsonValue *statistics)
{
        int64_t number = integer_of(statistics, "partition", -1), end = integer_of(statistics, "ls_offset", -1);
        if (number < 0 || (size_t)number >= topic->count)
                return;
        Partition *p = &topic->partitions[number];
        p->leader = integer_of(statistics, "leader", -1);
        if (end >= 0)
                p->end_offset = end;
        if (end >= 0 && p->check.offset < 0 && integer_of(statistics, "fetchq_cnt", -1) == 0 &&
            integer_of(statistics, "next_offset", -1) >= end)
                p->nothing_to = end;
        progress_read(intake, p, integer_of(statistics, "next_offset", -1));
}

static bool topic_is_led(const Topic *topic, const Brokers *brokers)
{
        int64_t last_up = -1;
        for (size_t i = 0; i < topic->count && i < (size_t)topic->known_count; i++) {
                const Partition *p = &topic->partitions[i];
                if (p->state != PARTITION_READING || (last_up >= 0 && p->leader == last_up))
                        continue;
                if (p->leader < 0 || !number_is_up(brokers, p->leader))
                        return false;
                last_up = p->leader;
        }
        return true;
}

void statistics_read(Intake *intake, Text json)
{
        const JsonLimits limits = { STATISTICS_BYTES_MAX, STATISTICS_DEPTH_MAX };
        const JsonValue *root;
        if (json_read(intake->reader, json, limits, &root) != JSON_FAULT_NONE)
                return;
        Brokers brokers = brokers_read(root);
        const JsonValue *topics = json_get(root, TEXT("topics"));
        bool is_led = brokers.up_count > 0;
        for (Topic *topic = intake->topics; topic; topic = topic->next) {
                const JsonValue *partitions = json_get(json_get(topics, topic->name), TEXT("partitions"));
                for (JsonWalk w = json_walk(partitions); json_next(&w);)
                        partition_update(intake, topic, w.value);
                is_led = is_led && topic_is_led(topic, &brokers);
        }
        if (is_led)
                health_connection_works(intake);
        else if (intake->has_met)
                intake->is_down = true;
}
