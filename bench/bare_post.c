/* bare_post.c - the least that reading and alerting can cost: every N-th record is POSTed, and nothing else is done.
 *
 *   bare_post BOOTSTRAP TOPIC URL [--every N] [--records N] [--slots N] [--body BYTES] [NAME=VALUE]...
 *       --every N     POST each N-th record (default 10)
 *       --records N   end after so many (default: what the topic holds at the start; 0: go on for ever)
 *       --slots N     so many POSTs at once (default 32)
 *       --body BYTES  the record's value, filled up with spaces to this length (default 1200)
 *
 * No store, no JSON, no retries: a POST that does not get 2xx is counted as failed. Prints one line of JSON. Latency
 * is for the receiver to measure. NAME=VALUE are properties of librdkafka.
 * Exit codes: 0 every POST was accepted, 1 some were not, 64 wrong use, 69 Kafka said no or nothing. */
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <unistd.h>

#include "bare.h"

enum {
        SLOTS_MAX = 1024,
        RECORDS_A_TURN = 500
};

typedef struct Slot {
        CURL *easy;
        char *body;
} Slot;

typedef struct Post {
        const char *url;
        int64_t every, records_max; /* -1: what is there */
        size_t slot_count, body_bytes;
        CURLM *multi;
        struct curl_slist *headers;
        Slot slots[SLOTS_MAX];
        Slot *idle[SLOTS_MAX];
        size_t idle_count;
        int64_t records, posts, failed;
        double first;
} Post;

static size_t body_ignore(char *data __attribute__((unused)), size_t size, size_t count,
                          void *userdata __attribute__((unused)))
{
        return size * count;
}

static void slot_open(Post *p, Slot *slot)
{
        slot->easy = curl_easy_init();
        slot->body = malloc(p->body_bytes);
        if (!slot->easy || !slot->body)
                fail(EX_UNAVAILABLE, "could not start", "no memory");
        curl_easy_setopt(slot->easy, CURLOPT_URL, p->url);
        curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, p->headers);
        curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, slot->body);
        curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE, (long)p->body_bytes);
        curl_easy_setopt(slot->easy, CURLOPT_WRITEFUNCTION, body_ignore);
        curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, slot);
        curl_easy_setopt(slot->easy, CURLOPT_PROXY, "");
        curl_easy_setopt(slot->easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(slot->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        p->idle[p->idle_count++] = slot;
}

static void slots_open(Post *p)
{
        curl_global_init(CURL_GLOBAL_DEFAULT);
        p->multi = curl_multi_init();
        curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, (long)p->slot_count);
        p->headers = curl_slist_append(NULL, "content-type: application/json");
        for (size_t i = 0; i < p->slot_count; i++)
                slot_open(p, &p->slots[i]);
}

static void record_post(Post *p, const rd_kafka_message_t *message)
{
        Slot *slot = p->idle[--p->idle_count];
        size_t len = message->len < p->body_bytes ? message->len : p->body_bytes;
        memcpy(slot->body, message->payload, len);
        memset(slot->body + len, ' ', p->body_bytes - len);
        curl_multi_add_handle(p->multi, slot->easy);
        p->posts++;
}

/* True: slots became free. */
static bool results_take(Post *p)
{
        CURLMsg *message;
        int left;
        size_t idle_before = p->idle_count;
        while ((message = curl_multi_info_read(p->multi, &left))) {
                Slot *slot;
                long status = 0;
                CURL *easy = message->easy_handle;
                curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
                curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
                p->failed += message->data.result != CURLE_OK || status / 100 != 2;
                curl_multi_remove_handle(p->multi, easy);
                p->idle[p->idle_count++] = slot;
        }
        return p->idle_count > idle_before;
}

/* False: nothing more is there for now. */
static bool records_take(Post *p, rd_kafka_t *consumer)
{
        for (int i = 0; i < RECORDS_A_TURN; i++) {
                if (p->idle_count == 0 || p->records == p->records_max)
                        return false;
                rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 0);
                if (!message)
                        return false;
                if (message->err)
                        fail(EX_UNAVAILABLE, "could not read", rd_kafka_message_errstr(message));
                if (p->records++ == 0)
                        p->first = seconds_now();
                if (p->records % p->every == 0)
                        record_post(p, message);
                rd_kafka_message_destroy(message);
        }
        return true;
}

static void run(Post *p, rd_kafka_t *consumer, int wake)
{
        struct curl_waitfd kafka = { .fd = wake, .events = CURL_WAIT_POLLIN };
        while (p->records != p->records_max || p->idle_count < p->slot_count) {
                uint64_t count;
                int running;
                if (read(wake, &count, sizeof count) < 0 && errno != EAGAIN)
                        fail(EX_UNAVAILABLE, "could not read the wake-up", strerror(errno));
                bool has_more = records_take(p, consumer);
                curl_multi_perform(p->multi, &running);
                if (!results_take(p) && !has_more)
                        curl_multi_poll(p->multi, &kafka, 1, 1000, NULL);
        }
}

static int64_t number_read(const char *text, int64_t min, int64_t max)
{
        char *end;
        errno = 0;
        int64_t number = strtoll(text, &end, 10);
        if (errno || end == text || *end || number < min || number > max)
                fail(EX_USAGE, text, "not a number in range");
        return number;
}

static void options_read(Post *p, int argc, char **argv)
{
        static const struct option known[] = {
                { "every", required_argument, NULL, 'e' },
                { "records", required_argument, NULL, 'r' },
                { "slots", required_argument, NULL, 's' },
                { "body", required_argument, NULL, 'b' },
                { 0 },
        };
        for (int option; (option = getopt_long(argc, argv, "", known, NULL)) >= 0;) {
                if (option == 'e')
                        p->every = number_read(optarg, 1, INT64_MAX);
                else if (option == 'r')
                        p->records_max = number_read(optarg, 0, INT64_MAX - 1);
                else if (option == 's')
                        p->slot_count = (size_t)number_read(optarg, 1, SLOTS_MAX);
                else if (option == 'b')
                        p->body_bytes = (size_t)number_read(optarg, 1, 1 << 20);
                else
                        exit(EX_USAGE);
        }
        if (argc - optind < 3)
                fail(EX_USAGE, "wrong use", "bare_post BOOTSTRAP TOPIC URL [OPTION]... [NAME=VALUE]...");
}

int main(int argc, char **argv)
{
        static Post p = { .every = 10, .records_max = -1, .slot_count = 32, .body_bytes = 1200 };
        options_read(&p, argc, argv);
        memory_set();
        p.url = argv[optind + 2];
        slots_open(&p);
        rd_kafka_t *consumer = consumer_open(argv[optind], argv + optind + 3);
        int wake = queue_watch(consumer);
        int64_t total = consumer_assign(consumer, argv[optind + 1]);
        /* 0 is "for ever": a number that is never reached. */
        p.records_max = p.records_max < 0 ? total : p.records_max == 0 ? INT64_MAX : p.records_max;
        run(&p, consumer, wake);
        figures_print("bare_post", p.records, p.posts, p.first, seconds_now());
        rd_kafka_destroy_flags(consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        return p.failed > 0;
}
