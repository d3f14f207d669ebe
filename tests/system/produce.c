/* produce.c - writes records to Kafka for the system tests, and looks after their topics.
 *
 *   produce BOOTSTRAP TOPIC [OPTION]... < LINES      one record a line, acknowledged by all replicas
 *       --partitions N     create the topic first, if it is not there
 *       --config KEY=VALUE a setting of the topic that is created; may be repeated
 *       --key customer     the record's key is customer.id of the answer (default: no key)
 *       --partition P      write to this partition only
 *       --rate N           at most N records a second
 *       --raw              lines are KEY VALUE [p=PARTITION] [t=MILLISECONDS] [h:NAME=BYTES]..., separated by one
 * space; BYTES, KEY and VALUE are base64, "-" for null (a tombstone), "." for empty
 *       --transaction commit|abort   all lines in one transaction, with that end
 *       --offsets FILE     write "LINE PARTITION OFFSET" for each record once it is acknowledged
 *
 *   produce BOOTSTRAP TOPIC --create N [--config KEY=VALUE]...     an error if it exists
 *   produce BOOTSTRAP TOPIC --grow N                               more partitions
 *   produce BOOTSTRAP TOPIC --truncate PARTITION:OFFSET            drops the records below the offset
 *   produce BOOTSTRAP TOPIC --delete
 *   produce BOOTSTRAP TOPIC --allow USER | --forbid USER           whether the user may read the topic
 *   produce BOOTSTRAP TOPIC --permit USER                          the user may write to it
 *
 * These return when the brokers' metadata shows the change.
 * Exit codes: 0 every record is acknowledged, 64 wrong use, 65 a line that cannot be read, 69 Kafka said no or nothing,
 * 74 a file cannot be written. */
#include <errno.h>
#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

enum {
        ADMIN_TIMEOUT_MS = 30000,
        MESSAGE_TIMEOUT_MS = 60000,
        CONFIGS_MAX = 16,
        HEADERS_MAX = 64,
        ERRORS_SHOWN_MAX = 5,
};

typedef enum {
        ACT_PRODUCE,
        ACT_CREATE,
        ACT_GROW,
        ACT_TRUNCATE,
        ACT_DELETE,
        ACT_ALLOW,
        ACT_FORBID
} Act;

typedef struct Options {
        const char *bootstrap, *topic, *offsets_path, *truncate, *user, *transaction;
        const char *configs[CONFIGS_MAX];
        size_t n_configs;
        Act act;
        int partitions; /* to create, or to grow to; 0: as it is */
        int32_t partition;
        double rate;
        bool has_customer_key, is_raw, may_write;
} Options;

/* What the delivery reports add up to. */
typedef struct Tally {
        int64_t sent, acknowledged, failed;
        FILE *offsets;
} Tally;

/* Bytes that may be absent: NULL is null, a pointer with length 0 is empty. */
typedef struct Bytes {
        char *data;
        size_t len;
} Bytes;

static _Noreturn void fail(int code, const char *what, const char *why)
{
        fprintf(stderr, "produce: %s: %s\n", what, why);
        exit(code);
}

static long long number_parse(const char *text, long long min, long long max, const char *what)
{
        char *end;
        errno = 0;
        long long value = strtoll(text, &end, 10);
        if (errno != 0 || end == text || *end != '\0' || value < min || value > max)
                fail(EX_USAGE, what, text);
        return value;
}

/* Topics */

static bool topic_shows(rd_kafka_t *kafka, const char *topic, int partitions)
{
        const rd_kafka_metadata_t *metadata;
        rd_kafka_topic_t *handle = rd_kafka_topic_new(kafka, topic, NULL);
        rd_kafka_resp_err_t error = rd_kafka_metadata(kafka, 0, handle, &metadata, 1000);
        rd_kafka_topic_destroy(handle);
        if (error)
                return false;

        const rd_kafka_metadata_topic_t *t = &metadata->topics[0];
        bool is_shown = partitions == 0 ? t->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                                        : t->err == 0 && t->partition_cnt == partitions;
        for (int i = 0; partitions > 0 && i < t->partition_cnt; i++)
                is_shown = is_shown && t->partitions[i].leader >= 0;
        rd_kafka_metadata_destroy(metadata);
        return is_shown;
}

/* 0 partitions: until the topic is gone. */
static void topic_await(rd_kafka_t *kafka, const char *topic, int partitions)
{
        struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
        for (int tries = ADMIN_TIMEOUT_MS / 20; !topic_shows(kafka, topic, partitions); tries--) {
                if (tries == 0)
                        fail(EX_UNAVAILABLE, topic, "the brokers do not show the change");
                nanosleep(&pause, NULL);
        }
}

static rd_kafka_event_t *admin_result(rd_kafka_queue_t *queue, const char *what)
{
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ADMIN_TIMEOUT_MS);
        if (!event)
                fail(EX_UNAVAILABLE, what, "Kafka did not answer");
        if (rd_kafka_event_error(event))
                fail(EX_UNAVAILABLE, what, rd_kafka_event_error_string(event));
        return event;
}

static void topic_result_check(const rd_kafka_topic_result_t **results, const char *what, rd_kafka_resp_err_t tolerated)
{
        rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[0]);
        if (error && error != tolerated)
                fail(EX_UNAVAILABLE, what, rd_kafka_topic_result_error_string(results[0]));
}

static void topic_create(rd_kafka_t *kafka, rd_kafka_queue_t *queue, const Options *o, bool may_exist)
{
        char why[512], pair[512];
        rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(o->topic, o->partitions, -1, why, sizeof why);
        if (!t)
                fail(EX_USAGE, "cannot create topic", why);
        for (size_t i = 0; i < o->n_configs; i++) {
                snprintf(pair, sizeof pair, "%s", o->configs[i]);
                char *value = strchr(pair, '=');
                if (!value)
                        fail(EX_USAGE, "not KEY=VALUE", pair);
                *value++ = '\0';
                rd_kafka_NewTopic_set_config(t, pair, value);
        }
        rd_kafka_CreateTopics(kafka, &t, 1, NULL, queue);
        rd_kafka_event_t *event = admin_result(queue, "could not create topic");
        size_t n;
        topic_result_check(rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n),
                           "could not create topic",
                           may_exist ? RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS : RD_KAFKA_RESP_ERR_NO_ERROR);
        rd_kafka_event_destroy(event);
        rd_kafka_NewTopic_destroy(t);
        topic_await(kafka, o->topic, o->partitions);
}

static void topic_grow(rd_kafka_t *kafka, rd_kafka_queue_t *queue, const Options *o)
{
        char why[512];
        rd_kafka_NewPartitions_t *p = rd_kafka_NewPartitions_new(o->topic, (size_t)o->partitions, why, sizeof why);
        if (!p)
                fail(EX_USAGE, "cannot add partitions", why);
        rd_kafka_CreatePartitions(kafka, &p, 1, NULL, queue);
        rd_kafka_event_t *event = admin_result(queue, "could not add partitions");
        size_t n;
        topic_result_check(rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &n),
                           "could not add partitions", RD_KAFKA_RESP_ERR_NO_ERROR);
        rd_kafka_event_destroy(event);
        rd_kafka_NewPartitions_destroy(p);
        topic_await(kafka, o->topic, o->partitions);
}

static void topic_delete(rd_kafka_t *kafka, rd_kafka_queue_t *queue, const Options *o)
{
        rd_kafka_DeleteTopic_t *t = rd_kafka_DeleteTopic_new(o->topic);
        rd_kafka_DeleteTopics(kafka, &t, 1, NULL, queue);
        rd_kafka_event_t *event = admin_result(queue, "could not delete topic");
        size_t n;
        topic_result_check(rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n),
                           "could not delete topic", RD_KAFKA_RESP_ERR_NO_ERROR);
        rd_kafka_event_destroy(event);
        rd_kafka_DeleteTopic_destroy(t);
        topic_await(kafka, o->topic, 0);
}

/* The brokers tell each other of it on their own: what others see of it may take a moment. */
static void user_allow(rd_kafka_t *kafka, rd_kafka_queue_t *queue, const Options *o)
{
        char principal[256], why[512];
        snprintf(principal, sizeof principal, "User:%s", o->user);
        rd_kafka_AclBinding_t *acl =
                rd_kafka_AclBinding_new(RD_KAFKA_RESOURCE_TOPIC, o->topic, RD_KAFKA_RESOURCE_PATTERN_LITERAL, principal,
                                        "*", o->may_write ? RD_KAFKA_ACL_OPERATION_WRITE : RD_KAFKA_ACL_OPERATION_READ,
                                        RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, why, sizeof why);
        if (!acl)
                fail(EX_USAGE, "cannot allow", why);
        rd_kafka_CreateAcls(kafka, &acl, 1, NULL, queue);
        rd_kafka_event_t *event = admin_result(queue, "could not allow");
        size_t n;
        const rd_kafka_acl_result_t **results =
                rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event), &n);
        if (rd_kafka_acl_result_error(results[0]))
                fail(EX_UNAVAILABLE, "could not allow", rd_kafka_error_string(rd_kafka_acl_result_error(results[0])));
        rd_kafka_event_destroy(event);
        rd_kafka_AclBinding_destroy(acl);
}

static void user_forbid(rd_kafka_t *kafka, rd_kafka_queue_t *queue, const Options *o)
{
        char principal[256], why[512];
        snprintf(principal, sizeof principal, "User:%s", o->user);
        rd_kafka_AclBindingFilter_t *filter = rd_kafka_AclBindingFilter_new(
                RD_KAFKA_RESOURCE_TOPIC, o->topic, RD_KAFKA_RESOURCE_PATTERN_LITERAL, principal, NULL,
                RD_KAFKA_ACL_OPERATION_ANY, RD_KAFKA_ACL_PERMISSION_TYPE_ANY, why, sizeof why);
        if (!filter)
                fail(EX_USAGE, "cannot forbid", why);
        rd_kafka_DeleteAcls(kafka, &filter, 1, NULL, queue);
        rd_kafka_event_destroy(admin_result(queue, "could not forbid"));
        rd_kafka_AclBinding_destroy(filter);
}

static void topic_truncate(rd_kafka_t *kafka, rd_kafka_queue_t *queue, const Options *o)
{
        char pair[64];
        snprintf(pair, sizeof pair, "%s", o->truncate);
        char *offset = strchr(pair, ':');
        if (!offset)
                fail(EX_USAGE, "not PARTITION:OFFSET", pair);
        *offset++ = '\0';

        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, o->topic, (int32_t)number_parse(pair, 0, INT32_MAX, "not a partition"))
                ->offset = number_parse(offset, 0, INT64_MAX, "not an offset");
        rd_kafka_DeleteRecords_t *records = rd_kafka_DeleteRecords_new(list);
        rd_kafka_DeleteRecords(kafka, &records, 1, NULL, queue);
        rd_kafka_event_t *event = admin_result(queue, "could not drop records");
        const rd_kafka_topic_partition_list_t *results =
                rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
        if (results->elems[0].err)
                fail(EX_UNAVAILABLE, "could not drop records", rd_kafka_err2str(results->elems[0].err));
        rd_kafka_event_destroy(event);
        rd_kafka_DeleteRecords_destroy(records);
        rd_kafka_topic_partition_list_destroy(list);
}

/* Records */

static void record_reported(rd_kafka_t *kafka, const rd_kafka_message_t *m, void *opaque)
{
        Tally *tally = opaque;
        (void)kafka;
        if (m->err) {
                if (tally->failed++ < ERRORS_SHOWN_MAX)
                        fprintf(stderr, "produce: line %jd was not accepted: %s\n", (intmax_t)(intptr_t)m->_private,
                                rd_kafka_err2str(m->err));
                return;
        }
        tally->acknowledged++;
        if (tally->offsets)
                fprintf(tally->offsets, "%jd %d %jd\n", (intmax_t)(intptr_t)m->_private, (int)m->partition,
                        (intmax_t)m->offset);
}

static int base64_digit(char c)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *at = c != '\0' ? strchr(digits, c) : NULL;
        return at ? (int)(at - digits) : -1;
}

/* Decodes in place; the text stays owned by the caller. False: not base64. */
static bool bytes_decode(char *text, Bytes *ret)
{
        static char nothing[1];
        if (strcmp(text, "-") == 0 || strcmp(text, ".") == 0) {
                *ret = (Bytes){ .data = *text == '-' ? NULL : nothing };
                return true;
        }
        size_t len = strlen(text), out = 0;
        while (len > 0 && text[len - 1] == '=')
                len--;
        uint32_t bits = 0;
        for (size_t i = 0; i < len; i++) {
                int digit = base64_digit(text[i]);
                if (digit < 0)
                        return false;
                bits = bits << 6 | (uint32_t)digit;
                if (i % 4 != 0)
                        text[out++] = (char)(bits >> (6 - 2 * (i % 4)) & 0xff);
        }
        *ret = (Bytes){ .data = text, .len = out };
        return len % 4 != 1;
}

/* customer.id as it stands in the text: enough for test data, which has the id first and no escapes in it. */
static Bytes customer_find(char *line)
{
        static const char before[] = "\"customer\":{\"id\":\"";
        char *start = strstr(line, before);
        if (!start)
                return (Bytes){ 0 };
        start += sizeof before - 1;
        return (Bytes){ .data = start, .len = strcspn(start, "\"\\") };
}

static void record_send(rd_kafka_t *kafka, const Options *o, int32_t partition, int64_t at_ms, Bytes key, Bytes value,
                        rd_kafka_headers_t *headers, int64_t line)
{
        rd_kafka_resp_err_t error;
        while ((error = rd_kafka_producev(kafka, RD_KAFKA_V_TOPIC(o->topic), RD_KAFKA_V_PARTITION(partition),
                                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key.data, key.len),
                                          RD_KAFKA_V_VALUE(value.data, value.len), RD_KAFKA_V_TIMESTAMP(at_ms),
                                          RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE((void *)(intptr_t)line),
                                          RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
                rd_kafka_poll(kafka, 100);
        if (error)
                fail(EX_UNAVAILABLE, "could not send a record", rd_kafka_err2str(error));
}

static void line_send(rd_kafka_t *kafka, const Options *o, char *line, size_t len, int64_t number)
{
        Bytes key = o->has_customer_key ? customer_find(line) : (Bytes){ 0 };
        record_send(kafka, o, o->partition, 0, key, (Bytes){ .data = line, .len = len }, NULL, number);
}

static bool header_add(rd_kafka_headers_t *headers, char *field)
{
        char *value = strchr(field, '=');
        Bytes bytes;
        if (!value)
                return false;
        *value++ = '\0';
        return bytes_decode(value, &bytes) && !rd_kafka_header_add(headers, field, -1, bytes.data, (ssize_t)bytes.len);
}

static bool raw_line_send(rd_kafka_t *kafka, const Options *o, char *line, int64_t number)
{
        char *rest = line, *key_text = strsep(&rest, " "), *value_text = strsep(&rest, " "), *field;
        Bytes key, value;
        if (!value_text || !bytes_decode(key_text, &key) || !bytes_decode(value_text, &value))
                return false;

        int32_t partition = o->partition;
        int64_t at_ms = 0;
        rd_kafka_headers_t *headers = rd_kafka_headers_new(HEADERS_MAX);
        while ((field = strsep(&rest, " "))) {
                if (strncmp(field, "p=", 2) == 0)
                        partition = (int32_t)number_parse(field + 2, 0, INT32_MAX, "not a partition");
                else if (strncmp(field, "t=", 2) == 0)
                        at_ms = number_parse(field + 2, 1, INT64_MAX, "not a time");
                else if (strncmp(field, "h:", 2) != 0 || !header_add(headers, field + 2)) {
                        rd_kafka_headers_destroy(headers);
                        return false;
                }
        }
        record_send(kafka, o, partition, at_ms, key, value, headers, number);
        return true;
}

static void pace(struct timespec start, double rate, int64_t sent)
{
        double after = (double)sent / rate;
        struct timespec until = { .tv_sec = start.tv_sec + (time_t)after, .tv_nsec = start.tv_nsec };
        until.tv_nsec += (long)((after - (double)(time_t)after) * 1e9);
        if (until.tv_nsec >= 1000000000) {
                until.tv_sec++;
                until.tv_nsec -= 1000000000;
        }
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
                ;
}

static void lines_send(rd_kafka_t *kafka, const Options *o, Tally *tally)
{
        char *line = NULL;
        size_t capacity = 0;
        ssize_t len;
        int64_t number = 0;
        struct timespec start;
        clock_gettime(CLOCK_MONOTONIC, &start);
        while ((len = getline(&line, &capacity, stdin)) >= 0) {
                number++;
                if (len > 0 && line[len - 1] == '\n')
                        line[--len] = '\0';
                if (len == 0)
                        continue;
                if (o->rate > 0)
                        pace(start, o->rate, tally->sent);
                if (!o->is_raw)
                        line_send(kafka, o, line, (size_t)len, number);
                else if (!raw_line_send(kafka, o, line, number)) {
                        fprintf(stderr, "produce: line %jd cannot be read\n", (intmax_t)number);
                        exit(EX_DATAERR);
                }
                tally->sent++;
                rd_kafka_poll(kafka, 0);
        }
        free(line);
        if (ferror(stdin))
                fail(EX_IOERR, "could not read", strerror(errno));
}

/* Program */

static rd_kafka_t *client_open(const Options *o, Tally *tally)
{
        char why[512], timeout[16];
        snprintf(timeout, sizeof timeout, "%d", MESSAGE_TIMEOUT_MS);
        const char *settings[][2] = {
                { "bootstrap.servers", o->bootstrap },
                { "enable.idempotence", "true" },
                { "acks", "all" },
                { "linger.ms", "1" },
                { "message.timeout.ms", timeout },
                { "message.max.bytes", "16000000" },
                { "queue.buffering.max.messages", "1000000" },
                { "log_level", "3" },
                { o->transaction ? "transactional.id" : "client.id", o->transaction ? o->topic : "produce" },
        };
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
                if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why) != RD_KAFKA_CONF_OK)
                        fail(EX_USAGE, settings[i][0], why);
        rd_kafka_conf_set_dr_msg_cb(conf, record_reported);
        rd_kafka_conf_set_opaque(conf, tally);
        rd_kafka_t *kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
        if (!kafka)
                fail(EX_UNAVAILABLE, "could not start a client", why);
        return kafka;
}

static void admin_act(rd_kafka_t *kafka, const Options *o)
{
        rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka);
        switch (o->act) {
        case ACT_PRODUCE:
                if (o->partitions > 0)
                        topic_create(kafka, queue, o, true);
                break;
        case ACT_CREATE:
                topic_create(kafka, queue, o, false);
                break;
        case ACT_GROW:
                topic_grow(kafka, queue, o);
                break;
        case ACT_TRUNCATE:
                topic_truncate(kafka, queue, o);
                break;
        case ACT_DELETE:
                topic_delete(kafka, queue, o);
                break;
        case ACT_ALLOW:
                user_allow(kafka, queue, o);
                break;
        case ACT_FORBID:
                user_forbid(kafka, queue, o);
                break;
        }
        rd_kafka_queue_destroy(queue);
}

static void transaction_check(rd_kafka_error_t *error, const char *what)
{
        if (error)
                fail(EX_UNAVAILABLE, what, rd_kafka_error_string(error));
}

/* Aborted records are in the log like others: they are flushed before. */
static void transaction_end(rd_kafka_t *kafka, const Options *o)
{
        bool is_good = strcmp(o->transaction, "commit") == 0;
        transaction_check(is_good ? rd_kafka_commit_transaction(kafka, ADMIN_TIMEOUT_MS)
                                  : rd_kafka_abort_transaction(kafka, ADMIN_TIMEOUT_MS),
                          "could not end the transaction");
}

static int records_act(rd_kafka_t *kafka, const Options *o, Tally *tally)
{
        if (o->offsets_path && !(tally->offsets = fopen(o->offsets_path, "w")))
                fail(EX_CANTCREAT, o->offsets_path, strerror(errno));
        (void)topic_shows(kafka, o->topic, 1); /* a record sent before the client knows the topic may wait a second */
        if (o->transaction) {
                transaction_check(rd_kafka_init_transactions(kafka, ADMIN_TIMEOUT_MS), "no transactions");
                transaction_check(rd_kafka_begin_transaction(kafka), "could not begin a transaction");
        }
        lines_send(kafka, o, tally);
        rd_kafka_flush(kafka, MESSAGE_TIMEOUT_MS + 1000);
        if (o->transaction)
                transaction_end(kafka, o);
        if (tally->offsets && (ferror(tally->offsets) || fclose(tally->offsets) != 0))
                fail(EX_IOERR, o->offsets_path, strerror(errno));
        printf("%jd sent, %jd acknowledged\n", (intmax_t)tally->sent, (intmax_t)tally->acknowledged);
        return tally->acknowledged == tally->sent ? EX_OK : EX_UNAVAILABLE;
}

static void act_set(Options *o, Act act)
{
        if (o->act != ACT_PRODUCE)
                fail(EX_USAGE, "wrong use", "one act at a time");
        o->act = act;
}

static void option_read(Options *o, int option)
{
        switch (option) {
        case 'c':
                act_set(o, ACT_CREATE);
                o->partitions = (int)number_parse(optarg, 1, 1000, "not a number of partitions");
                break;
        case 'g':
                act_set(o, ACT_GROW);
                o->partitions = (int)number_parse(optarg, 1, 1000, "not a number of partitions");
                break;
        case 't':
                act_set(o, ACT_TRUNCATE);
                o->truncate = optarg;
                break;
        case 'd':
                act_set(o, ACT_DELETE);
                break;
        case 'm':
                act_set(o, ACT_ALLOW);
                o->user = optarg;
                o->may_write = true;
                break;
        case 'a':
                act_set(o, ACT_ALLOW);
                o->user = optarg;
                break;
        case 'b':
                act_set(o, ACT_FORBID);
                o->user = optarg;
                break;
        case 'n':
                o->partitions = (int)number_parse(optarg, 1, 1000, "not a number of partitions");
                break;
        case 'f':
                if (o->n_configs == CONFIGS_MAX)
                        fail(EX_USAGE, "wrong use", "too many --config");
                o->configs[o->n_configs++] = optarg;
                break;
        case 'k':
                if (strcmp(optarg, "customer") != 0)
                        fail(EX_USAGE, "the only key is \"customer\", not", optarg);
                o->has_customer_key = true;
                break;
        case 'p':
                o->partition = (int32_t)number_parse(optarg, 0, INT32_MAX, "not a partition");
                break;
        case 'r':
                o->rate = (double)number_parse(optarg, 1, 10000000, "not a rate");
                break;
        case 'x':
                o->transaction = optarg;
                break;
        case 'w':
                o->is_raw = true;
                break;
        case 'o':
                o->offsets_path = optarg;
                break;
        default:
                fail(EX_USAGE, "wrong use", "see the first lines of tests/system/produce.c");
        }
}

int main(int argc, char **argv)
{
        static const struct option known[] = {
                { "create", required_argument, NULL, 'c' },      { "grow", required_argument, NULL, 'g' },
                { "truncate", required_argument, NULL, 't' },    { "delete", no_argument, NULL, 'd' },
                { "partitions", required_argument, NULL, 'n' },  { "config", required_argument, NULL, 'f' },
                { "key", required_argument, NULL, 'k' },         { "partition", required_argument, NULL, 'p' },
                { "rate", required_argument, NULL, 'r' },        { "raw", no_argument, NULL, 'w' },
                { "offsets", required_argument, NULL, 'o' },     { "permit", required_argument, NULL, 'm' },
                { "allow", required_argument, NULL, 'a' },       { "forbid", required_argument, NULL, 'b' },
                { "transaction", required_argument, NULL, 'x' }, { 0 },
        };
        Options o = { .partition = RD_KAFKA_PARTITION_UA };
        Tally tally = { 0 };
        int option, code = EX_OK;
        while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0)
                option_read(&o, option);
        if (argc - optind != 2)
                fail(EX_USAGE, "wrong use", "produce BOOTSTRAP TOPIC [OPTION]...");
        o.bootstrap = argv[optind];
        o.topic = argv[optind + 1];

        rd_kafka_t *kafka = client_open(&o, &tally);
        admin_act(kafka, &o);
        if (o.act == ACT_PRODUCE)
                code = records_act(kafka, &o, &tally);
        rd_kafka_destroy(kafka);
        return code;
}
