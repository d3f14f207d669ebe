/* The dead letters' way out: an idempotent producer, made for the first of them. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "inside.h"

enum {
        REPORTS_PER_TURN = 500
};

struct DeadLetters {
        Intake *intake;
        rd_kafka_t *producer;
        rd_kafka_queue_t *queue;
        int fd;
        sd_event_source *source;
        sd_event_source *again_source;
        int in_flight;
        bool is_broken; /* for good: another producer takes over when nothing is in flight */
};

/* ---- results ---------------------------------------------------------------------------------------------------- */

static int errno_of(rd_kafka_resp_err_t error)
{
        switch ((int)error) {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
                return 0;
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
                return -EMSGSIZE;
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
                return -ENOENT;
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
                return -EACCES;
        case RD_KAFKA_RESP_ERR__QUEUE_FULL:
                return -ENOBUFS;
        case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
        case RD_KAFKA_RESP_ERR__TIMED_OUT:
                return -ETIMEDOUT;
        default:
                return -EIO;
        }
}

/* What a producer that has given up died of: its records, and its later ones, only say that it has. Without permission
 * to write it gives up at once, because it cannot even get the number that makes it idempotent. */
static rd_kafka_resp_err_t cause_of(const DeadLetters *letters, rd_kafka_resp_err_t error)
{
        char ignored[ERROR_TEXT_BYTES];
        rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(letters->producer, ignored, sizeof ignored);
        return error && fatal ? fatal : error;
}

static void results_take(DeadLetters *letters, rd_kafka_event_t *event)
{
        const rd_kafka_message_t *message;
        const Intake *intake = letters->intake;
        while ((message = rd_kafka_event_message_next(event))) {
                letters->in_flight--;
                intake->ops->dead_letter(intake->userdata, (int64_t)(intptr_t)message->_private,
                                         errno_of(cause_of(letters, message->err)));
        }
}

static void error_take(DeadLetters *letters)
{
        char ignored[ERROR_TEXT_BYTES];
        if (rd_kafka_fatal_error(letters->producer, ignored, sizeof ignored) == RD_KAFKA_RESP_ERR_NO_ERROR)
                return;
        letters->is_broken = true;
        (void)rd_kafka_purge(letters->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
}

static void letters_drain(DeadLetters *letters)
{
        for (int i = 0; i < REPORTS_PER_TURN; i++) {
                rd_kafka_event_t *event = rd_kafka_queue_poll(letters->queue, 0);
                if (!event)
                        return;
                if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
                        results_take(letters, event);
                else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR)
                        error_take(letters);
                rd_kafka_event_destroy(event);
        }
        must(sd_event_source_set_enabled(letters->again_source, SD_EVENT_ONESHOT) >= 0);
}

static int letters_ready(sd_event_source *source UNUSED, int fd, uint32_t events UNUSED, void *userdata)
{
        queue_wake_read(fd);
        letters_drain(userdata);
        return 0;
}

static int letters_again(sd_event_source *source UNUSED, void *userdata)
{
        letters_drain(userdata);
        return 0;
}

void dead_letters_tick(DeadLetters *letters)
{
        letters_drain(letters);
        Intake *intake = letters->intake;
        if (letters->is_broken && letters->in_flight == 0)
                intake->dead_letters = dead_letters_free(letters);
}

/* ---- made and ended --------------------------------------------------------------------------------------------- */

static rd_kafka_t *producer_open(const KafkaConfig *kafka)
{
        char why[ERROR_TEXT_BYTES];
        rd_kafka_conf_t *conf = producer_settings(kafka, why);
        rd_kafka_t *producer = conf ? rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why) : NULL;
        if (conf && !producer)
                rd_kafka_conf_destroy(conf);
        return producer;
}

DeadLetters *dead_letters_new(Intake *intake)
{
        rd_kafka_t *producer = producer_open(&intake->config->kafka);
        if (!producer)
                return NULL;
        DeadLetters *letters = calloc(1, sizeof(*letters));
        must(letters != NULL);
        *letters = (DeadLetters){ .intake = intake, .producer = producer, .fd = -1 };
        letters->queue = rd_kafka_queue_get_main(producer);
        rd_kafka_set_log_queue(producer, letters->queue);
        int r = queue_watch(intake->event, letters->queue, letters_ready, letters, &letters->fd, &letters->source);
        if (r >= 0)
                r = sd_event_add_defer(intake->event, &letters->again_source, letters_again, letters);
        if (r >= 0)
                r = sd_event_source_set_enabled(letters->again_source, SD_EVENT_OFF);
        return r < 0 ? dead_letters_free(letters) : letters;
}

DeadLetters *dead_letters_free(DeadLetters *letters)
{
        if (!letters)
                return NULL;
        sd_event_source_disable_unref(letters->source);
        sd_event_source_disable_unref(letters->again_source);
        rd_kafka_queue_io_event_enable(letters->queue, -1, NULL, 0);
        /* What is in flight stands in the database as not yet published, and is written again. */
        (void)rd_kafka_purge(letters->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_queue_destroy(letters->queue);
        (void)client_destroy(letters->producer);
        if (letters->fd >= 0)
                close(letters->fd);
        free(letters);
        return NULL;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void *lent(Text text)
{
        return (void *)(uintptr_t)text.data; /* only read: librdkafka copies */
}

/* The partition is librdkafka's choice, by the key: the topic may have fewer than the original. */
static int letter_send(const DeadLetters *letters, const char *topic, const DeadLetter *letter,
                       rd_kafka_headers_t *headers)
{
        const rd_kafka_vu_t parts[] = {
                { .vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic },
                { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY },
                { .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { lent(letter->key), letter->key.len } },
                { .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { lent(letter->value), letter->value.len } },
                { .vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = letter->place.record_time.us / 1000 },
                { .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(intptr_t)letter->row },
                { .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers },
        };
        rd_kafka_error_t *error = rd_kafka_produceva(letters->producer, parts, COUNT_OF(parts));
        if (!error)
                return 0;
        int r = errno_of(rd_kafka_error_code(error));
        rd_kafka_error_destroy(error);
        rd_kafka_headers_destroy(headers);
        return r;
}

int intake_write_dead_letter(Intake *intake, const DeadLetter *letter)
{
        const KafkaConfig *kafka = &intake->config->kafka;
        if (text_is_empty(kafka->dead_letters))
                return -EINVAL;
        if (!intake->dead_letters)
                intake->dead_letters = dead_letters_new(intake);
        if (!intake->dead_letters || intake->dead_letters->is_broken)
                return -ENOBUFS;
        rd_kafka_headers_t *headers = dead_letter_headers(letter, kafka->group);
        if (!headers)
                return -EBADMSG;
        CLEANUP(arena_freep) Arena *arena = arena_new(512);
        int r = letter_send(intake->dead_letters, arena_text(arena, kafka->dead_letters).data, letter, headers);
        if (r == 0)
                intake->dead_letters->in_flight++;
        return r;
}
