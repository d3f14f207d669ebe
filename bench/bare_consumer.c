/* bare_consumer.c - how fast librdkafka hands out records that nobody looks at.
 *
 *   bare_consumer BOOTSTRAP TOPIC [NAME=VALUE]...
 *
 * Reads what the topic holds when it starts, once, and prints one line of JSON. NAME=VALUE are properties of
 * librdkafka; check.crcs=true is what the daemon has and the library by default has not.
 * Exit codes: 0 all of it was read, 64 wrong use, 69 Kafka said no or nothing. */
#include "bare.h"

typedef struct Count {
        int64_t records, bytes;
        double first; /* when the first came */
} Count;

static void message_count(Count *count, rd_kafka_message_t *message)
{
        if (message->err)
                fail(EX_UNAVAILABLE, "could not read", rd_kafka_message_errstr(message));
        if (count->records++ == 0)
                count->first = seconds_now();
        count->bytes += (int64_t)message->len;
        rd_kafka_message_destroy(message);
}

/* Records, unless nothing comes for WAIT_MS. Control records of transactions have offsets, but never come. */
static Count records_read(rd_kafka_t *consumer, int64_t total)
{
        Count count = { 0 };
        while (count.records < total) {
                rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, WAIT_MS);
                if (!message)
                        fail(EX_UNAVAILABLE, "could not read", "nothing came for ten seconds");
                message_count(&count, message);
        }
        return count;
}

int main(int argc, char **argv)
{
        if (argc < 3)
                fail(EX_USAGE, "wrong use", "bare_consumer BOOTSTRAP TOPIC [NAME=VALUE]...");
        memory_set();
        rd_kafka_t *consumer = consumer_open(argv[1], argv + 3);
        int64_t total = consumer_assign(consumer, argv[2]);
        Count count = records_read(consumer, total);
        figures_print("bare_consumer", count.records, 0, count.first, seconds_now());
        rd_kafka_destroy_flags(consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        return EX_OK;
}
