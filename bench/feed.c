/* feed.c - writes many answers to a topic, or so many a second, each with its number and the time it was produced.
 *
 *   feed BOOTSTRAP TOPIC SATISFIED UNHAPPY --records N [OPTION]...
 *       SATISFIED, UNHAPPY  files of answers, one a line, used in turn. In each, "########" (8) becomes the record's
 *                           number and "################" (16) the microseconds since 1970
 *       --after N           the first record's number is N + 1 (default 0)
 *       --every N           numbers that N divides are unhappy (default 0: none)
 *       --rate N            so many a second, each sent at once (default: as fast as it goes)
 *       --compression NAME  of the producer (default lz4)
 *
 * The record's key is its number. Exit codes: 0 all were acknowledged, 64 wrong use, 66 a file cannot be read, 69 Kafka
 * said no. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>

#include "bare.h"

enum {
        ANSWERS_MAX = 1000,
        MARKS_MAX = 8,
        NUMBER_DIGITS = 8,
        TIME_DIGITS = 16,
        FLUSH_MS = 60000
};

typedef struct Mark {
        size_t at;
        int digits;
} Mark;

typedef struct Template {
        char *text;
        size_t len;
        Mark marks[MARKS_MAX];
        size_t mark_count;
} Template;

typedef struct Templates {
        Template all[ANSWERS_MAX];
        size_t count, next;
} Templates;

typedef struct Feed {
        int64_t records, after, every, rate;
        const char *compression;
        Templates satisfied, unhappy;
        int64_t acknowledged;
} Feed;

/* ---- templates -------------------------------------------------------------------------------------------------- */

static void marks_find(Template *t)
{
        for (size_t at = 0; at < t->len;) {
                size_t run = strspn(t->text + at, "#");
                if (run == NUMBER_DIGITS || run == TIME_DIGITS) {
                        if (t->mark_count == MARKS_MAX)
                                fail(EX_USAGE, t->text, "too many marks");
                        t->marks[t->mark_count++] = (Mark){ .at = at, .digits = (int)run };
                }
                at += run ? run : 1;
        }
}

static void templates_read(Templates *ts, const char *path)
{
        char *line = NULL;
        size_t capacity = 0;
        FILE *file = fopen(path, "r");
        if (!file)
                fail(EX_NOINPUT, path, strerror(errno));
        for (ssize_t len; (len = getline(&line, &capacity, file)) > 1;) {
                if (ts->count == ANSWERS_MAX)
                        fail(EX_USAGE, path, "too many answers");
                line[--len] = '\0';
                Template *t = &ts->all[ts->count++];
                *t = (Template){ .text = strdup(line), .len = (size_t)len };
                if (!t->text)
                        fail(EX_UNAVAILABLE, path, "no memory");
                marks_find(t);
        }
        if (ts->count == 0)
                fail(EX_NOINPUT, path, "no answers");
        free(line);
        fclose(file);
}

static const Template *template_fill(Templates *ts, int64_t number, int64_t now_us)
{
        char digits[TIME_DIGITS + 1];
        Template *t = &ts->all[ts->next];
        ts->next = (ts->next + 1) % ts->count;
        for (size_t i = 0; i < t->mark_count; i++) {
                Mark m = t->marks[i];
                snprintf(digits, sizeof digits, "%0*" PRId64, m.digits, m.digits == TIME_DIGITS ? now_us : number);
                memcpy(t->text + m.at, digits, (size_t)m.digits);
        }
        return t;
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static void record_reported(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *opaque)
{
        Feed *f = opaque;
        (void)kafka;
        if (message->err)
                fail(EX_UNAVAILABLE, "a record was not taken", rd_kafka_err2str(message->err));
        f->acknowledged++;
}

static rd_kafka_t *producer_open(Feed *f, const char *bootstrap)
{
        char why[512];
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        property_set(conf, "bootstrap.servers", bootstrap);
        property_set(conf, "acks", "all");
        property_set(conf, "compression.type", f->compression);
        property_set(conf, "linger.ms", f->rate ? "0" : "20");
        property_set(conf, "queue.buffering.max.messages", "1000000");
        property_set(conf, "socket.nagle.disable", "true");
        rd_kafka_conf_set_dr_msg_cb(conf, record_reported);
        rd_kafka_conf_set_opaque(conf, f);
        rd_kafka_t *kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
        if (!kafka)
                fail(EX_UNAVAILABLE, "could not start a producer", why);
        return kafka;
}

/* A record that is sent before the client knows the topic would wait for it. */
static rd_kafka_topic_t *topic_open(rd_kafka_t *kafka, const char *name)
{
        const struct rd_kafka_metadata *metadata;
        rd_kafka_topic_t *topic = rd_kafka_topic_new(kafka, name, NULL);
        rd_kafka_resp_err_t error = rd_kafka_metadata(kafka, 0, topic, &metadata, WAIT_MS);
        if (error)
                fail(EX_UNAVAILABLE, name, rd_kafka_err2str(error));
        rd_kafka_metadata_destroy(metadata);
        return topic;
}

static int64_t wall_us(void)
{
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Until it is time for the record; one that is late is sent at once, and is late for the receiver as well: its time is
 * when it was really sent. */
static void pace(struct timespec start, int64_t number, int64_t rate)
{
        int64_t after_ns = number * (1000000000 / rate) + start.tv_nsec;
        struct timespec until = { .tv_sec = start.tv_sec + after_ns / 1000000000, .tv_nsec = after_ns % 1000000000 };
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
                ;
}

static void record_send(Feed *f, rd_kafka_t *kafka, rd_kafka_topic_t *topic, int64_t number)
{
        char key[NUMBER_DIGITS + 16];
        bool is_unhappy = f->every > 0 && number % f->every == 0;
        const Template *t = template_fill(is_unhappy ? &f->unhappy : &f->satisfied, number, wall_us());
        snprintf(key, sizeof key, "%08" PRId64, number);
        while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, t->text, t->len, key, NUMBER_DIGITS,
                                NULL) < 0) {
                if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
                        fail(EX_UNAVAILABLE, "could not send", rd_kafka_err2str(rd_kafka_last_error()));
                rd_kafka_poll(kafka, 100);
        }
        rd_kafka_poll(kafka, 0);
}

static void records_send(Feed *f, rd_kafka_t *kafka, const char *name)
{
        struct timespec start;
        rd_kafka_topic_t *topic = topic_open(kafka, name);
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (int64_t i = 1; i <= f->records; i++) {
                if (f->rate > 0)
                        pace(start, i, f->rate);
                record_send(f, kafka, topic, f->after + i);
        }
        rd_kafka_flush(kafka, FLUSH_MS);
        rd_kafka_topic_destroy(topic);
}

/* ---- program ---------------------------------------------------------------------------------------------------- */

static int64_t number_read(const char *text)
{
        char *end;
        errno = 0;
        int64_t number = strtoll(text, &end, 10);
        if (errno || end == text || *end || number < 0 || number > 99999999)
                fail(EX_USAGE, text, "not a number in range");
        return number;
}

static void options_read(Feed *f, int argc, char **argv)
{
        static const struct option known[] = {
                { "records", required_argument, NULL, 'n' },     { "after", required_argument, NULL, 'a' },
                { "every", required_argument, NULL, 'e' },       { "rate", required_argument, NULL, 'r' },
                { "compression", required_argument, NULL, 'c' }, { 0 },
        };
        for (int option; (option = getopt_long(argc, argv, "", known, NULL)) >= 0;) {
                if (option == 'n')
                        f->records = number_read(optarg);
                else if (option == 'a')
                        f->after = number_read(optarg);
                else if (option == 'e')
                        f->every = number_read(optarg);
                else if (option == 'r')
                        f->rate = number_read(optarg);
                else if (option == 'c')
                        f->compression = optarg;
                else
                        exit(EX_USAGE);
        }
        if (argc - optind != 4 || f->records == 0)
                fail(EX_USAGE, "wrong use", "feed BOOTSTRAP TOPIC SATISFIED UNHAPPY --records N [OPTION]...");
}

int main(int argc, char **argv)
{
        static Feed f = { .compression = "lz4" };
        options_read(&f, argc, argv);
        templates_read(&f.satisfied, argv[optind + 2]);
        templates_read(&f.unhappy, argv[optind + 3]);
        rd_kafka_t *kafka = producer_open(&f, argv[optind]);
        records_send(&f, kafka, argv[optind + 1]);
        rd_kafka_destroy(kafka);
        if (f.acknowledged != f.records)
                fail(EX_UNAVAILABLE, argv[optind + 1], "not all records were acknowledged");
        return EX_OK;
}
