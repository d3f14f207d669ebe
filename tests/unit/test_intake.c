/* The intake against librdkafka's mock cluster in this process, on a real loop: what waits, waits for an event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <endian.h>
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../daemon/intake/inside.h"

enum {
        SEEN_MAX = 4000,
        ASKED_MAX = 256,
        LETTERS_MAX = 16,
        PATIENCE_TURNS = 1000,
        TURN_US = 10000
};
enum {
        API_PRODUCE = 0,
        API_FETCH = 1
};

typedef struct Seen {
        Text topic;
        int32_t partition;
        int64_t offset, time_us;
        Text key, value, headers, traceparent;
        uint64_t hash;
        const Source *source;
} Seen;

typedef struct Asked {
        const Source *source;
        int32_t partition, count;
} Asked;

/* The cluster, its producer and what the intake told. */
typedef struct Bench {
        rd_kafka_t *producer;
        rd_kafka_mock_cluster_t *cluster;
        Arena *arena;
        sd_event *event;
        Config *config;
        Intake *intake;

        bool refuses_cluster;
        size_t unverified;
        bool assigns; /* answers each partition that is reported with start */
        int64_t start;
        size_t room; /* how many records more */
        Seen seen[SEEN_MAX];
        size_t seen_count, drained, seen_at_drained;
        Asked asked[ASKED_MAX];
        size_t asked_count;
        KafkaHealth health;
        char health_text[512];
        size_t health_changes;
        int64_t letter_rows[LETTERS_MAX];
        int letter_errors[LETTERS_MAX];
        size_t letter_count;
} Bench;

/* ---- what the intake tells -------------------------------------------------------------------------------------- */

static void on_record(void *userdata, const Record *record)
{
        Bench *b = userdata;
        assert_true(b->seen_count < SEEN_MAX);
        b->room--;
        b->seen[b->seen_count++] = (Seen){
                .topic = arena_text(b->arena, record->place.topic),
                .partition = record->place.partition,
                .offset = record->place.offset,
                .time_us = record->place.record_time.us,
                .key = arena_text(b->arena, record->key),
                .value = arena_text(b->arena, record->value),
                .headers = record_headers_write(record, b->arena),
                .traceparent = arena_text(b->arena, record_header(record, "traceparent")),
                .hash = record_hash(record),
                .source = record->source,
        };
}

static void on_drained(void *userdata)
{
        Bench *b = userdata;
        assert_true(b->seen_count > b->seen_at_drained);
        b->seen_at_drained = b->seen_count;
        b->drained++;
}

static bool on_has_room(void *userdata)
{
        Bench *b = userdata;
        return b->room > 0;
}

static void on_partition(void *userdata, const Source *source, int32_t partition, int32_t count)
{
        Bench *b = userdata;
        assert_true(b->asked_count < ASKED_MAX);
        b->asked[b->asked_count++] = (Asked){ source, partition, count };
        if (b->assigns)
                assert_int_equal(intake_assign(b->intake, source->topic, partition, b->start), 0);
}

static void on_health(void *userdata, KafkaHealth health, Text text)
{
        Bench *b = userdata;
        b->health = health;
        b->health_changes++;
        snprintf(b->health_text, sizeof b->health_text, TEXT_F, TEXT_ARG(text));
}

static void on_dead_letter(void *userdata, int64_t row, int error)
{
        Bench *b = userdata;
        assert_true(b->letter_count < LETTERS_MAX);
        b->letter_rows[b->letter_count] = row;
        b->letter_errors[b->letter_count++] = error;
}

static bool on_cluster(void *userdata, Text id)
{
        Bench *b = userdata;
        assert_true(id.len > 0);
        return !b->refuses_cluster;
}

static void on_stopped(void *userdata, Text topic, int32_t partition, KafkaHealth why)
{
        Bench *b = userdata;
        if (why == KAFKA_OFFSET_GONE)
                intake_stand(b->intake, topic, partition, why, "it is not in the log");
}

static void on_unverified(void *userdata, Text topic UNUSED, int32_t partition UNUSED)
{
        Bench *b = userdata;
        b->unverified++;
}

static const IntakeOps ops = {
        .record = on_record,
        .drained = on_drained,
        .has_room = on_has_room,
        .partition = on_partition,
        .cluster = on_cluster,
        .stopped = on_stopped,
        .unverified = on_unverified,
        .health = on_health,
        .dead_letter = on_dead_letter,
};

/* ---- the bench -------------------------------------------------------------------------------------------------- */

static Config *config_of(const Bench *b, size_t topics, const char *const *names)
{
        /* Newer clients wait for the propagation before a topic is gone. */
        static const char *const properties[] = {
                "reconnect.backoff.ms=20",    "reconnect.backoff.max.ms=50",
                "statistics.interval.ms=100", "topic.metadata.refresh.interval.ms=500",
                "fetch.wait.max.ms=20",       "topic.metadata.propagation.max.ms=1000",
                "fetch.error.backoff.ms=20",
        };
        Arena *arena = arena_new(4096);
        Config *config = arena_new_of(arena, Config);
        Source *sources = arena_array(arena, Source, topics);
        Text *texts = arena_array(arena, Text, COUNT_OF(properties));
        for (size_t i = 0; i < topics; i++)
                sources[i] = (Source){ .name = text_from(names[i]), .topic = text_from(names[i]) };
        for (size_t i = 0; i < COUNT_OF(properties); i++)
                texts[i] = text_from(properties[i]);
        config->arena = arena;
        config->references = 1;
        config->sources = sources;
        config->source_count = topics;
        config->kafka = (KafkaConfig){
                .brokers = arena_text(arena, text_from(rd_kafka_mock_cluster_bootstraps(b->cluster))),
                .group = TEXT("loop"),
                .properties = texts,
                .property_count = COUNT_OF(properties),
                .dead_letters = TEXT("dead"),
        };
        return config;
}

static int bench_open(void **state)
{
        static const char *const settings[][2] = { { "test.mock.num.brokers", "1" },
                                                   { "linger.ms", "0" },
                                                   { "topic.metadata.refresh.fast.interval.ms", "5" } };
        char why[512];
        Bench *b = calloc(1, sizeof(*b));
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        for (size_t i = 0; i < COUNT_OF(settings); i++)
                assert_int_equal(rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why), 0);
        assert_int_equal(rd_kafka_conf_set(conf, "log_level", "2", why, sizeof why), 0);
        b->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
        assert_non_null(b->producer);
        b->cluster = rd_kafka_handle_mock_cluster(b->producer);
        b->arena = arena_new(4096);
        b->room = SEEN_MAX;
        b->assigns = true;
        b->health = KAFKA_CONNECTING;
        assert_int_equal(sd_event_new(&b->event), 0);
        *state = b;
        return 0;
}

static int bench_close(void **state)
{
        Bench *b = *state;
        intake_free(b->intake);
        config_unref(b->config);
        sd_event_unref(b->event);
        arena_free(b->arena);
        rd_kafka_destroy(b->producer);
        free(b);
        return 0;
}

static void topic_make(Bench *b, const char *name, int partitions)
{
        assert_int_equal(rd_kafka_mock_topic_create(b->cluster, name, partitions, 1), 0);
        /* The producer learns of it now, or its first record would wait for a second. */
        rd_kafka_topic_destroy(rd_kafka_topic_new(b->producer, name, NULL));
}

static void intake_start(Bench *b, const char *topic)
{
        b->config = config_of(b, 1, &topic);
        assert_int_equal(intake_new(b->event, b->config, &ops, b, &b->intake), 0);
}

static void produce(Bench *b, const char *topic, int32_t partition, Text key, Text value)
{
        rd_kafka_resp_err_t error = rd_kafka_producev(
                b->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY((void *)(uintptr_t)key.data, key.len),
                RD_KAFKA_V_VALUE((void *)(uintptr_t)value.data, value.len), RD_KAFKA_V_END);
        assert_int_equal(error, 0);
}

static void produce_numbers(Bench *b, const char *topic, int32_t partition, int from, int to)
{
        for (int i = from; i < to; i++) {
                char digits[16];
                snprintf(digits, sizeof digits, "%d", i);
                produce(b, topic, partition, TEXT_NONE, text_from(digits));
        }
        assert_int_equal(rd_kafka_flush(b->producer, 5000), 0);
}

/* Turns the loop until it is so; a failure after a few seconds. */
#define until(b, condition)                                                                                     \
        do {                                                                                                    \
                int turns = PATIENCE_TURNS;                                                                     \
                while (!(condition) && turns-- > 0)                                                             \
                        assert_true(sd_event_run((b)->event, TURN_US) >= 0);                                    \
                if (!(condition))                                                                               \
                        fail_msg("not in time: %s (health %s: %s)", #condition, kafka_health_text((b)->health), \
                                 (b)->health_text);                                                             \
        } while (0)

/* The loop has nothing to do for a while. */
static void settle(Bench *b)
{
        for (int quiet = 0; quiet < 5;)
                quiet = sd_event_run(b->event, TURN_US) == 0 ? quiet + 1 : 0;
}

static void assert_numbers(const Bench *b, size_t first, int64_t from, size_t count)
{
        assert_true(b->seen_count >= first + count);
        for (size_t i = 0; i < count; i++) {
                char digits[24];
                snprintf(digits, sizeof digits, "%" PRId64, from + (int64_t)i);
                assert_int_equal(b->seen[first + i].offset, from + (int64_t)i);
                assert_true(text_is(b->seen[first + i].value, digits));
        }
}

/* ---- partitions and offsets ------------------------------------------------------------------------------------- */

static void every_partition_of_a_topic_is_reported_once_with_their_number(void **state)
{
        Bench *b = *state;
        topic_make(b, "answers", 3);
        intake_start(b, "answers");
        until(b, b->asked_count == 3);
        settle(b);
        assert_int_equal(b->asked_count, 3);
        for (int32_t i = 0; i < 3; i++) {
                assert_int_equal(b->asked[i].partition, i);
                assert_int_equal(b->asked[i].count, 3);
                assert_ptr_equal(b->asked[i].source, &b->config->sources[0]);
        }
}

static void reading_begins_at_the_offset_given_whatever_the_group_has_committed(void **state)
{
        Bench *b = *state;
        topic_make(b, "answers", 1);
        produce_numbers(b, "answers", 0, 0, 10);
        b->start = 7;
        intake_start(b, "answers");
        until(b, b->seen_count == 3);
        assert_numbers(b, 0, 7, 3);
}

static void what_the_database_knows_is_assigned_without_being_asked(void **state)
{
        Bench *b = *state;
        topic_make(b, "answers", 2);
        produce_numbers(b, "answers", 1, 0, 5);
        b->assigns = false;
        intake_start(b, "answers");
        assert_int_equal(intake_assign(b->intake, TEXT("answers"), 1, 2), 0);
        assert_int_equal(intake_assign(b->intake, TEXT("others"), 0, 0), -ENOENT);
        until(b, b->seen_count == 3 && b->asked_count == 1);
        assert_numbers(b, 0, 2, 3);
        assert_int_equal(b->asked[0].partition, 0);
}

static void a_partition_can_be_assigned_another_offset_while_it_is_read(void **state)
{
        Bench *b = *state;
        topic_make(b, "answers", 1);
        produce_numbers(b, "answers", 0, 0, 10);
        intake_start(b, "answers");
        until(b, b->seen_count == 10);
        assert_int_equal(intake_assign(b->intake, TEXT("answers"), 0, 4), 0);
        until(b, b->seen_count == 16);
        settle(b);
        assert_int_equal(b->seen_count, 16);
        assert_numbers(b, 10, 4, 6);
}

static void a_restart_asks_for_every_partition_again_and_reads_from_the_answer(void **state)
{
        Bench *b = *state;
        topic_make(b, "answers", 2);
        produce_numbers(b, "answers", 0, 0, 200);
        b->room = 50;
        intake_start(b, "answers");
        until(b, b->seen_count == 50);
        b->room = SEEN_MAX;
        b->start = 20;
        assert_int_equal(intake_restart(b->intake), 0);
        intake_continue(b->intake);
        until(b, b->seen_count == 50 + 180);
        settle(b);
        assert_int_equal(b->seen_count, 50 + 180);
        assert_int_equal(b->asked_count, 4);
        assert_numbers(b, 0, 0, 50);
        assert_numbers(b, 50, 20, 180);
}

static void starts_are_found_by_the_rule_of_the_source(void **state)
{
        Bench *b = *state;
        int64_t offset = -1;
        Span patience = { 2000000 };
        topic_make(b, "answers", 1);
        produce_numbers(b, "answers", 0, 0, 9);
        intake_start(b, "answers");
        Source source = b->config->sources[0];
        source.start = START_LATEST;
        assert_int_equal(intake_find_starts(b->intake, &source, 0, 1, true, patience, &offset), 0);
        assert_int_equal(offset, 9);
        assert_int_equal(intake_find_starts(b->intake, &source, 0, 1, false, patience, &offset), 0);
        assert_int_equal(offset, 0);
        source.start = START_EARLIEST;
        assert_int_equal(intake_find_starts(b->intake, &source, 0, 1, true, patience, &offset), 0);
        assert_int_equal(offset, 0);
}

/* A broker that takes a tenth of a second for each answer: one question for all, not one for each. */
static void the_starts_of_a_hundred_partitions_are_found_in_one_request(void **state)
{
        Bench *b = *state;
        enum {
                PARTITIONS = 100
        };
        int64_t offsets[PARTITIONS];
        topic_make(b, "answers", PARTITIONS);
        for (int32_t i = 0; i < PARTITIONS; i += 7)
                produce_numbers(b, "answers", i, 0, i + 1);
        b->assigns = false;
        intake_start(b, "answers");
        until(b, b->asked_count > 0);
        Source source = b->config->sources[0];
        source.start = START_LATEST;
        assert_int_equal(rd_kafka_mock_broker_set_rtt(b->cluster, -1, 100), 0);
        assert_int_equal(intake_find_starts(b->intake, &source, 0, PARTITIONS, true, (Span){ 4000000 }, offsets), 0);
        for (int32_t i = 0; i < PARTITIONS; i++)
                assert_int_equal(offsets[i], i % 7 == 0 ? i + 1 : 0);
        assert_int_equal(intake_find_starts(b->intake, &source, 98, 2, false, (Span){ 4000000 }, offsets), 0);
        assert_int_equal(offsets[0], 0);
        assert_int_equal(intake_find_starts(b->intake, &source, 99, 2, true, (Span){ 4000000 }, offsets), -EAGAIN);
}

static void visit_partition(void *userdata, const PartitionView *view)
{
        PartitionView *last = userdata;
        *last = *view;
}

static void a_partition_says_how_far_it_is_read_and_how_far_it_reaches(void **state)
{
        Bench *b = *state;
        PartitionView view = { 0 };
        topic_make(b, "answers", 1);
        produce_numbers(b, "answers", 0, 0, 30);
        b->room = 10;
        intake_start(b, "answers");
        until(b, b->seen_count == 10 && (intake_partitions(b->intake, visit_partition, &view), view.end_offset == 30));
        assert_int_equal(view.next_offset, 10);
        assert_int_equal(view.partition, 0);
        assert_true(text_is(view.topic, "answers"));
}

/* ---- the flow of records ---------------------------------------------------------------------------------------- */

static void more_than_one_turn_can_take_is_read_without_another_wake_up(void **state)
{
        Bench *b = *state;
        topic_make(b, "answers", 1);
        produce_numbers(b, "answers", 0, 0, 3000);
        intake_start(b, "answers");
        until(b, b->seen_count == 3000 && b->seen_at_drained == 3000);
        assert_numbers(b, 0, 0, 3000);
        assert_true(b->drained < 100);
}

static void without_room_nothing_comes_and_nothing_is_lost(void **state)
{
        Bench *b = *state;
        topic_make(b, "answers", 1);
        produce_numbers(b, "answers", 0, 0, 300);
        b->room = 120;
        intake_start(b, "answers");
        until(b, b->seen_count == 120);
        __typeof__(b->drained) drained = b->drained; /* Kafka may have brought the first 120 in more than one piece */
        settle(b);
        assert_int_equal(b->seen_count, 120);
        assert_int_equal(b->drained, drained);
        b->room = 100;
        intake_continue(b->intake);
        until(b, b->seen_count == 220);
        b->room = SEEN_MAX;
        intake_continue(b->intake);
        until(b, b->seen_count == 300 && b->seen_at_drained == 300);
        assert_numbers(b, 0, 0, 300);
}

static void null_and_empty_are_told_apart(void **state)
{
        Bench *b = *state;
        topic_make(b, "answers", 1);
        produce(b, "answers", 0, TEXT_NONE, TEXT("no key"));
        produce(b, "answers", 0, TEXT(""), TEXT("empty key"));
        produce(b, "answers", 0, TEXT("k"), TEXT_NONE);
        produce(b, "answers", 0, TEXT("k"), TEXT(""));
        assert_int_equal(rd_kafka_flush(b->producer, 5000), 0);
        intake_start(b, "answers");
        until(b, b->seen_count == 4);
        assert_null(b->seen[0].key.data);
        assert_non_null(b->seen[1].key.data);
        assert_int_equal(b->seen[1].key.len, 0);
        assert_true(text_is(b->seen[2].key, "k"));
        assert_null(b->seen[2].value.data);
        assert_non_null(b->seen[3].value.data);
        assert_int_equal(b->seen[3].value.len, 0);
        for (size_t i = 0; i < 4; i++)
                assert_true(b->seen[i].time_us > 0 && b->seen[i].time_us % 1000 == 0);
}

static void header_put(rd_kafka_headers_t *headers, const char *name, const char *value, ssize_t len)
{
        assert_int_equal(rd_kafka_header_add(headers, name, -1, value, len), 0);
}

static void headers_are_found_by_name_and_written_as_they_came(void **state)
{
        Bench *b = *state;
        rd_kafka_headers_t *headers = rd_kafka_headers_new(4);
        topic_make(b, "answers", 1);
        header_put(headers, "traceparent", "first", 5);
        header_put(headers, "bytes", "\0\xff\n", 3);
        header_put(headers, "null", NULL, 0);
        header_put(headers, "empty", "", 0);
        header_put(headers, "traceparent", "last", 4);
        assert_int_equal(rd_kafka_producev(b->producer, RD_KAFKA_V_TOPIC("answers"), RD_KAFKA_V_PARTITION(0),
                                           RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END),
                         0);
        produce(b, "answers", 0, TEXT_NONE, TEXT("plain"));
        assert_int_equal(rd_kafka_flush(b->producer, 5000), 0);
        intake_start(b, "answers");
        until(b, b->seen_count == 2);
        assert_true(text_is(b->seen[0].traceparent, "last"));
        assert_true(text_is(b->seen[0].headers, "[[\"traceparent\",\"Zmlyc3Q=\"],[\"bytes\",\"AP8K\"],[\"null\",null],"
                                                "[\"empty\",\"\"],[\"traceparent\",\"bGFzdA==\"]]"));
        assert_null(b->seen[1].traceparent.data);
        assert_true(text_is(b->seen[1].headers, "[]"));
}

static void the_hash_is_the_same_for_ever_and_minds_every_byte(void **state UNUSED)
{
        char bytes[200];
        uint64_t hashes[sizeof bytes + 1];
        for (size_t i = 0; i < sizeof bytes; i++)
                bytes[i] = (char)i;
        Record record = { .value = { bytes, sizeof bytes } };
        hashes[sizeof bytes] = record_hash(&record);
        for (size_t i = 0; i < sizeof bytes; i++) {
                bytes[i] ^= 0x40;
                hashes[i] = record_hash(&record);
                bytes[i] ^= 0x40;
                for (size_t j = 0; j < i; j++)
                        assert_true(hashes[j] != hashes[i]);
                assert_true(hashes[i] != hashes[sizeof bytes]);
        }
        assert_true(hashes[sizeof bytes] == UINT64_C(0x465a47f93cea301b));
        record.value = TEXT_NONE;
        assert_true(record_hash(&record) == 0);
        record.value = TEXT("");
        assert_true(record_hash(&record) == UINT64_C(0xa4d32a81eaba0fca));
}

/* ---- health ----------------------------------------------------------------------------------------------------- */

static void an_offset_beyond_the_log_stops_its_partition_alone_until_it_is_assigned_again(void **state)
{
        Bench *b = *state;
        topic_make(b, "answers", 2);
        produce_numbers(b, "answers", 0, 0, 5);
        produce_numbers(b, "answers", 1, 0, 5);
        b->assigns = false;
        intake_start(b, "answers");
        assert_int_equal(intake_assign(b->intake, TEXT("answers"), 0, 999), 0);
        assert_int_equal(intake_assign(b->intake, TEXT("answers"), 1, 0), 0);
        until(b, b->seen_count == 5 && b->health == KAFKA_OFFSET_GONE);
        assert_non_null(strstr(b->health_text, "partition 0 of topic \"answers\": at offset 999"));
        assert_int_equal(b->seen[0].partition, 1);
        assert_int_equal(intake_assign(b->intake, TEXT("answers"), 0, 3), 0);
        until(b, b->seen_count == 7 && b->health == KAFKA_OK);
        assert_int_equal(b->seen[5].offset, 3);
}

/* Reads one partition of five from its beginning, and gives the hash of the record at offset 2. */
static uint64_t hash_of_third(Bench *b)
{
        topic_make(b, "answers", 1);
        produce_numbers(b, "answers", 0, 0, 5);
        b->assigns = false;
        intake_start(b, "answers");
        assert_int_equal(intake_assign(b->intake, TEXT("answers"), 0, 0), 0);
        until(b, b->seen_count == 5);
        return b->seen[2].hash;
}

static void an_anchor_that_is_the_same_record_is_not_handed_out_and_reading_goes_on(void **state)
{
        Bench *b = *state;
        Anchor anchor = { 2, hash_of_third(b) };
        assert_int_equal(intake_resume(b->intake, TEXT("answers"), 0, 3, anchor), 0);
        until(b, b->seen_count == 7);
        assert_int_equal(b->seen[5].offset, 3);
        assert_int_equal(intake_resume(b->intake, TEXT("answers"), 0, 4, anchor), 0); /* further behind it */
        until(b, b->seen_count == 8);
        assert_int_equal(b->seen[7].offset, 4);
        assert_int_equal(b->unverified, 0);
}

static void another_record_at_the_anchor_stops_the_partition(void **state)
{
        Bench *b = *state;
        Anchor anchor = { 2, hash_of_third(b) + 1 };
        assert_int_equal(intake_resume(b->intake, TEXT("answers"), 0, 3, anchor), 0);
        until(b, b->health == KAFKA_TOPIC_REPLACED);
        assert_non_null(strstr(b->health_text, "another record at offset 2"));
        assert_int_equal(b->seen_count, 5);
        assert_int_equal(intake_assign(b->intake, TEXT("answers"), 0, 0), 0); /* somebody says where to go on */
        until(b, b->seen_count == 10 && b->health == KAFKA_OK);
}

static void a_log_that_ends_at_the_anchor_stops_the_partition(void **state)
{
        Bench *b = *state;
        Anchor anchor = { 5, hash_of_third(b) };
        assert_int_equal(intake_resume(b->intake, TEXT("answers"), 0, 6, anchor), 0);
        until(b, b->health == KAFKA_TOPIC_REPLACED);
        assert_non_null(strstr(b->health_text, "no record any more at offset 5"));
}

static void of_another_cluster_nothing_is_read_until_it_is_accepted(void **state)
{
        Bench *b = *state;
        topic_make(b, "answers", 1);
        produce_numbers(b, "answers", 0, 0, 5);
        b->refuses_cluster = true;
        intake_start(b, "answers");
        until(b, b->health == KAFKA_OTHER_CLUSTER);
        assert_int_equal(b->asked_count, 0);
        intake_accept_cluster(b->intake);
        until(b, b->seen_count == 5 && b->health == KAFKA_OK);
}

static void a_topic_that_may_not_be_read_is_tried_again(void **state)
{
        Bench *b = *state;
        topic_make(b, "answers", 1);
        produce_numbers(b, "answers", 0, 0, 5);
        /* Up to version 6 an error stands with its partition. */
        assert_int_equal(rd_kafka_mock_set_apiversion(b->cluster, API_FETCH, 4, 6), 0);
        rd_kafka_mock_push_request_errors(b->cluster, API_FETCH, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
        intake_start(b, "answers");
        until(b, b->health == KAFKA_ACL);
        assert_int_equal(b->seen_count, 0);
        until(b, b->seen_count == 5 && b->health == KAFKA_OK);
        assert_numbers(b, 0, 0, 5);
}

static void brokers_that_go_are_named_and_brokers_that_come_back_are_read(void **state)
{
        Bench *b = *state;
        topic_make(b, "answers", 1);
        produce_numbers(b, "answers", 0, 0, 5);
        intake_start(b, "answers");
        until(b, b->seen_count == 5 && b->health == KAFKA_OK);
        assert_int_equal(rd_kafka_mock_broker_set_down(b->cluster, 1), 0);
        until(b, b->health == KAFKA_UNREACHABLE);
        assert_true(strlen(b->health_text) > 0);
        assert_int_equal(rd_kafka_mock_broker_set_up(b->cluster, 1), 0);
        until(b, b->health == KAFKA_OK);
        produce_numbers(b, "answers", 0, 5, 10);
        until(b, b->seen_count == 10);
        assert_numbers(b, 0, 0, 10);
}

/* What librdkafka 2.0.2 and 2.12.1 say when a broker closes a connection that was just made, whatever the reason. */
static void brokers_that_go_down_are_not_said_to_refuse_a_login_that_worked(void **state)
{
        static const char of_login[] = "127.0.0.1:9092/1: Disconnected: verify that security.protocol is correctly "
                                       "configured, broker might require SASL authentication (after 249ms in state UP)";
        static const char of_tls[] = "127.0.0.1:9092/1: Disconnected while requesting ApiVersion: might be caused by "
                                     "incorrect security.protocol configuration (connecting to a SSL listener?)";
        static const char of_newer[] = "ssl://127.0.0.1:9092/bootstrap: Disconnected: SSL connection closed by peer "
                                       "(after 7ms in state UP)";
        static const char of_newest[] = "127.0.0.1:9092/1: Disconnected: connection closed by peer: receive 0 after "
                                        "POLLIN (after 1ms in state APIVERSION_QUERY)";
        (void)state;
        assert_int_equal(health_of_connection_error(RD_KAFKA_RESP_ERR__TRANSPORT, of_newest, false), KAFKA_TLS);
        assert_int_equal(health_of_connection_error(RD_KAFKA_RESP_ERR__TRANSPORT, of_newer, false), KAFKA_AUTH);
        assert_int_equal(health_of_connection_error(RD_KAFKA_RESP_ERR__TRANSPORT, of_newer, true), KAFKA_UNREACHABLE);
        assert_int_equal(health_of_connection_error(RD_KAFKA_RESP_ERR__TRANSPORT, of_login, false), KAFKA_AUTH);
        assert_int_equal(health_of_connection_error(RD_KAFKA_RESP_ERR__TRANSPORT, of_tls, false), KAFKA_TLS);
        assert_int_equal(health_of_connection_error(RD_KAFKA_RESP_ERR__TRANSPORT, of_login, true), KAFKA_UNREACHABLE);
        assert_int_equal(health_of_connection_error(RD_KAFKA_RESP_ERR__TRANSPORT, of_tls, true), KAFKA_UNREACHABLE);
        /* What was really found holds at any time: a password is changed, a certificate expires. */
        assert_int_equal(health_of_connection_error(RD_KAFKA_RESP_ERR__AUTHENTICATION, "no", true), KAFKA_AUTH);
        assert_int_equal(health_of_connection_error(RD_KAFKA_RESP_ERR__SSL, "no", true), KAFKA_TLS);
}

static void without_brokers_it_says_so_and_ends_in_time(void **state)
{
        Bench *b = *state;
        Text text;
        topic_make(b, "answers", 1);
        assert_int_equal(rd_kafka_mock_broker_set_down(b->cluster, 1), 0);
        intake_start(b, "answers");
        assert_int_equal(intake_health(b->intake, &text), KAFKA_CONNECTING);
        until(b, b->health == KAFKA_UNREACHABLE);
        int64_t offset = -1;
        assert_int_equal(intake_find_starts(b->intake, &b->config->sources[0], 0, 1, true, (Span){ 100000 }, &offset),
                         -EAGAIN);
        assert_int_equal(offset, -1);
        b->intake = intake_free(b->intake);
}

static void a_missing_topic_is_named_and_found_when_it_appears(void **state)
{
        Bench *b = *state;
        topic_make(b, "answers", 2);
        rd_kafka_mock_topic_set_error(b->cluster, "answers", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
        intake_start(b, "answers");
        until(b, b->health == KAFKA_NO_TOPIC);
        assert_non_null(strstr(b->health_text, "\"answers\""));
        assert_int_equal(b->asked_count, 0);
        rd_kafka_mock_topic_set_error(b->cluster, "answers", RD_KAFKA_RESP_ERR_NO_ERROR);
        until(b, b->asked_count == 2 && b->health == KAFKA_OK);
}

static void a_topic_that_goes_and_comes_back_is_asked_for_again(void **state)
{
        Bench *b = *state;
        topic_make(b, "answers", 1);
        produce_numbers(b, "answers", 0, 0, 5);
        intake_start(b, "answers");
        until(b, b->seen_count == 5);
        rd_kafka_mock_topic_set_error(b->cluster, "answers", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
        until(b, b->health == KAFKA_NO_TOPIC);
        assert_int_equal(b->asked_count, 1);
        assert_int_equal(b->seen_at_drained, 5);
        rd_kafka_mock_topic_set_error(b->cluster, "answers", RD_KAFKA_RESP_ERR_NO_ERROR);
        until(b, b->asked_count == 2 && b->seen_count == 10 && b->health == KAFKA_OK);
        assert_numbers(b, 5, 0, 5);
}

/* What the service does: idle partitions' ends are asked for, and noted. */
static void progress_watch(Bench *b)
{
        LogEnd *ends;
        size_t count = intake_idle(b->intake, b->arena, &ends);
        if (count == 0)
                return;
        intake_ask_ends(b->intake, ends, count, (Span){ 1000000 });
        intake_note_ends(b->intake, ends, count);
}

static void intake_start_watched(Bench *b, const char *topic, int64_t stuck_after_us)
{
        const char *const names[] = { topic };
        b->config = config_of(b, 1, names);
        b->config->kafka.stuck_after = (Span){ stuck_after_us };
        assert_int_equal(intake_new(b->event, b->config, &ops, b, &b->intake), 0);
}

/* Answers to fetches on which the client tries again and says nothing; all other requests are answered as ever. */
static void fetches_silence(Bench *b)
{
        enum {
                FETCHES = 10000
        };
        rd_kafka_resp_err_t *errors = arena_array(b->arena, rd_kafka_resp_err_t, FETCHES);
        for (size_t i = 0; i < FETCHES; i++)
                errors[i] = RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE;
        rd_kafka_mock_push_request_errors_array(b->cluster, API_FETCH, FETCHES, errors);
}

static void a_partition_that_stands_still_is_noticed_and_the_client_made_anew(void **state)
{
        Bench *b = *state;
        topic_make(b, "answers", 2);
        produce_numbers(b, "answers", 0, 0, 5);
        intake_start_watched(b, "answers", 500000);
        until(b, b->seen_count == 5 && b->health == KAFKA_OK);
        fetches_silence(b);
        settle(b);
        produce_numbers(b, "answers", 0, 5, 9);
        until(b, (progress_watch(b), b->health == KAFKA_STUCK));
        assert_non_null(strstr(b->health_text,
                               "partition 0 of topic \"answers\": nothing comes at offset 5, though its "
                               "log goes on to 9"));
        const rd_kafka_t *old = b->intake->consumer;
        until(b, (progress_watch(b), b->intake->consumer != old));
        assert_int_equal(b->seen_count, 5);
        rd_kafka_mock_clear_request_errors(b->cluster, API_FETCH);
        until(b, b->seen_count == 9 && b->health == KAFKA_OK);
        assert_numbers(b, 0, 0, 9);
        produce_numbers(b, "answers", 1, 0, 3);
        until(b, b->seen_count == 12);
        assert_int_equal(b->asked_count, 2);
}

static void a_partition_that_is_read_to_its_end_stands_still_rightly(void **state)
{
        Bench *b = *state;
        topic_make(b, "answers", 2);
        produce_numbers(b, "answers", 0, 0, 300);
        b->room = 50;
        intake_start_watched(b, "answers", 200000);
        until(b, b->seen_count == 50);
        for (int i = 0; i < 100; i++) { /* without room, and then at the end */
                progress_watch(b);
                (void)sd_event_run(b->event, TURN_US);
                assert_int_not_equal(b->health, KAFKA_STUCK);
                if (i == 50)
                        b->room = SEEN_MAX;
                intake_continue(b->intake);
        }
        assert_int_equal(b->seen_count, 300);
        assert_int_equal(b->asked_count, 2);
}

static void a_client_with_a_fatal_error_is_made_anew(void **state)
{
        Bench *b = *state;
        topic_make(b, "answers", 1);
        produce_numbers(b, "answers", 0, 0, 5);
        intake_start(b, "answers");
        until(b, b->seen_count == 5 && b->health == KAFKA_OK);
        assert_int_equal(rd_kafka_test_fatal_error(b->intake->consumer, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, "test"),
                         0);
        const rd_kafka_t *old = b->intake->consumer;
        until(b, b->intake->consumer != old);
        produce_numbers(b, "answers", 0, 5, 9);
        until(b, b->seen_count == 9 && b->health == KAFKA_OK);
        settle(b);
        assert_int_equal(b->seen_count, 9);
        assert_numbers(b, 0, 0, 9);
        assert_int_equal(b->asked_count, 1);
}

/* ---- configuration ---------------------------------------------------------------------------------------------- */

static void topics_come_and_go_with_the_configuration(void **state)
{
        Bench *b = *state;
        static const char *const names[] = { "second", "third" };
        static const char *const one[] = { "first", "second" };
        topic_make(b, "first", 1);
        topic_make(b, "second", 1);
        topic_make(b, "third", 1);
        b->config = config_of(b, 2, one);
        assert_int_equal(intake_new(b->event, b->config, &ops, b, &b->intake), 0);
        until(b, b->asked_count == 2);
        Config *next = config_of(b, 2, names);
        assert_int_equal(intake_reconfigure(b->intake, next), 0);
        until(b, b->asked_count == 3);
        assert_true(text_is(b->asked[2].source->topic, "third"));
        produce_numbers(b, "first", 0, 0, 1);
        produce_numbers(b, "second", 0, 0, 1);
        produce_numbers(b, "third", 0, 0, 1);
        until(b, b->seen_count == 2);
        settle(b);
        assert_int_equal(b->seen_count, 2);
        for (size_t i = 0; i < 2; i++)
                assert_ptr_equal(b->seen[i].source,
                                 text_is(b->seen[i].topic, "second") ? &next->sources[0] : &next->sources[1]);
        next->kafka.group = TEXT("another");
        assert_int_equal(intake_reconfigure(b->intake, b->config), 1);
        config_unref(next);
}

static void assert_refused(const char *property, const char *words)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(512);
        const Text properties[] = { text_from(property) };
        const KafkaConfig kafka = {
                .brokers = TEXT("127.0.0.1:1"), .group = TEXT("loop"), .properties = properties, .property_count = 1
        };
        Text message = TEXT_NONE;
        int r = intake_check(&kafka, arena, &message);
        if (!words) {
                assert_int_equal(r, 0);
                return;
        }
        assert_int_equal(r, -EINVAL);
        if (!strstr(message.data, words))
                fail_msg("%s: said \"%s\", not \"%s\"", property, message.data, words);
}

static void properties_are_checked_before_anything_is_started(void **state UNUSED)
{
        assert_refused("queued.min.messages=1000", NULL);
        assert_refused(" socket.timeout.ms = 5000 ", NULL);
        assert_refused("no such=1", "No such configuration property");
        assert_refused("queued.min.messages", "not of the form name=value");
        assert_refused("enable.auto.commit=true", "always \"false\" here");
        assert_refused("auto.offset.reset=latest", "always \"error\" here");
        assert_refused("bootstrap.servers=x", "given as kafka.brokers");
        assert_refused("sasl.password=x", "given as kafka.password");
        assert_refused("security.protocol=sasl", "Invalid value");
        assert_refused("ssl.ca.location=/nowhere/ca.pem", NULL); /* only looked at with TLS */
}

/* ---- dead letters ----------------------------------------------------------------------------------------------- */

static const DeadLetter letter = {
        .row = INT64_C(1) << 40,
        .place = { .topic = { "answers", 7 },
                   .partition = 258,
                   .offset = INT64_C(0x0102030405060708),
                   .record_time = { INT64_C(1700000000123) * 1000 } },
        .reason = { "not JSON", 8 },
        .key = { "k", 1 },
        .value = { "\0{\xff", 3 },
        .headers = { "[[\"own\",\"AP8K\"],[\"null\",null],[\"own\",\"\"]]", 41 },
};

static void assert_header(const Seen *seen, const char *name, const char *base64)
{
        char pair[256];
        snprintf(pair, sizeof pair, "[\"%s\",\"%s\"]", name, base64);
        if (!strstr(seen->headers.data, pair))
                fail_msg("%s is not in %s", pair, seen->headers.data);
}

static void a_dead_letter_carries_the_original_and_the_headers_of_connect_and_spring(void **state)
{
        Bench *b = *state;
        topic_make(b, "dead", 1);
        intake_start(b, "dead");
        until(b, b->asked_count == 1);
        assert_int_equal(intake_write_dead_letter(b->intake, &letter), 0);
        assert_int_equal(b->letter_count, 0);
        until(b, b->letter_count == 1 && b->seen_count == 1);
        assert_int_equal(b->letter_rows[0], letter.row);
        assert_int_equal(b->letter_errors[0], 0);
        const Seen *seen = &b->seen[0];
        assert_true(text_equal(seen->key, letter.key));
        assert_true(text_equal(seen->value, letter.value));
        assert_int_equal(seen->time_us, letter.place.record_time.us);
        assert_true(
                text_starts(seen->headers, TEXT("[[\"own\",\"AP8K\"],[\"null\",null],[\"own\",\"\"],[\"__connect.")));
        assert_header(seen, "__connect.errors.topic", "YW5zd2Vycw==");
        assert_header(seen, "__connect.errors.partition", "MjU4");                  /* 258 */
        assert_header(seen, "__connect.errors.offset", "NzI2MjM4NTk3OTAzODI4NTY="); /* in digits */
        assert_header(seen, "__connect.errors.exception.message", "bm90IEpTT04=");
        assert_header(seen, "kafka_dlt-original-topic", "YW5zd2Vycw==");
        assert_header(seen, "kafka_dlt-original-partition", "AAABAg==");  /* 00 00 01 02 */
        assert_header(seen, "kafka_dlt-original-offset", "AQIDBAUGBwg="); /* 01 02 .. 08 */
        assert_header(seen, "kafka_dlt-original-timestamp", "AAABi8/laHs=");
        assert_header(seen, "kafka_dlt-original-consumer-group", "bG9vcA==");
        assert_header(seen, "kafka_dlt-exception-message", "bm90IEpTT04=");
}

static void a_dead_letter_keeps_null_and_empty(void **state)
{
        Bench *b = *state;
        topic_make(b, "dead", 1);
        intake_start(b, "dead");
        DeadLetter tombstone = { .row = 1, .place = letter.place, .reason = TEXT("empty") };
        DeadLetter empty = tombstone;
        empty.row = 2;
        empty.key = empty.value = TEXT("");
        assert_int_equal(intake_write_dead_letter(b->intake, &tombstone), 0);
        until(b, b->letter_count == 1 && b->seen_count == 1);
        assert_int_equal(intake_write_dead_letter(b->intake, &empty), 0);
        until(b, b->letter_count == 2 && b->seen_count == 2);
        assert_null(b->seen[0].key.data);
        assert_null(b->seen[0].value.data);
        assert_non_null(b->seen[1].key.data);
        assert_non_null(b->seen[1].value.data);
        assert_int_equal(b->seen[1].value.len, 0);
}

static void a_dead_letter_that_cannot_be_written_says_why(void **state)
{
        Bench *b = *state;
        topic_make(b, "dead", 1);
        intake_start(b, "dead");
        DeadLetter bad = letter;
        static const char *const written[] = { "[",
                                               "{}",
                                               "[1]",
                                               "[[\"a\"]]",
                                               "[[\"a\",1]]",
                                               "[[\"a\",\"A\"]]",
                                               "[[\"a\",\"AA=A\"]]",
                                               "[[\"a\",\"A?==\"]]" };
        for (size_t i = 0; i < COUNT_OF(written); i++) {
                bad.headers = text_from(written[i]);
                assert_int_equal(intake_write_dead_letter(b->intake, &bad), -EBADMSG);
        }
        rd_kafka_mock_push_request_errors(b->cluster, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
        assert_int_equal(intake_write_dead_letter(b->intake, &letter), 0);
        until(b, b->letter_count == 1);
        assert_int_equal(b->letter_errors[0], -EMSGSIZE);
        b->config->kafka.dead_letters = TEXT_NONE;
        assert_int_equal(intake_write_dead_letter(b->intake, &letter), -EINVAL);
}

#define with_bench(test) cmocka_unit_test_setup_teardown(test, bench_open, bench_close)

int main(int argc, char **argv)
{
        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        const struct CMUnitTest tests[] = {
                with_bench(every_partition_of_a_topic_is_reported_once_with_their_number),
                with_bench(reading_begins_at_the_offset_given_whatever_the_group_has_committed),
                with_bench(what_the_database_knows_is_assigned_without_being_asked),
                with_bench(a_partition_can_be_assigned_another_offset_while_it_is_read),
                with_bench(a_restart_asks_for_every_partition_again_and_reads_from_the_answer),
                with_bench(starts_are_found_by_the_rule_of_the_source),
                with_bench(the_starts_of_a_hundred_partitions_are_found_in_one_request),
                with_bench(a_partition_says_how_far_it_is_read_and_how_far_it_reaches),
                with_bench(more_than_one_turn_can_take_is_read_without_another_wake_up),
                with_bench(without_room_nothing_comes_and_nothing_is_lost),
                with_bench(null_and_empty_are_told_apart),
                with_bench(headers_are_found_by_name_and_written_as_they_came),
                cmocka_unit_test(the_hash_is_the_same_for_ever_and_minds_every_byte),
                with_bench(an_offset_beyond_the_log_stops_its_partition_alone_until_it_is_assigned_again),
                with_bench(an_anchor_that_is_the_same_record_is_not_handed_out_and_reading_goes_on),
                with_bench(another_record_at_the_anchor_stops_the_partition),
                with_bench(a_log_that_ends_at_the_anchor_stops_the_partition),
                with_bench(of_another_cluster_nothing_is_read_until_it_is_accepted),
                with_bench(a_topic_that_may_not_be_read_is_tried_again),
                with_bench(brokers_that_go_are_named_and_brokers_that_come_back_are_read),
                cmocka_unit_test(brokers_that_go_down_are_not_said_to_refuse_a_login_that_worked),
                with_bench(without_brokers_it_says_so_and_ends_in_time),
                with_bench(a_missing_topic_is_named_and_found_when_it_appears),
                with_bench(a_topic_that_goes_and_comes_back_is_asked_for_again),
                with_bench(a_partition_that_stands_still_is_noticed_and_the_client_made_anew),
                with_bench(a_partition_that_is_read_to_its_end_stands_still_rightly),
                with_bench(a_client_with_a_fatal_error_is_made_anew),
                with_bench(topics_come_and_go_with_the_configuration),
                cmocka_unit_test(properties_are_checked_before_anything_is_started),
                with_bench(a_dead_letter_carries_the_original_and_the_headers_of_connect_and_spring),
                with_bench(a_dead_letter_keeps_null_and_empty),
                with_bench(a_dead_letter_that_cannot_be_written_says_why),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
