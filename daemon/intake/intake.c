#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "inside.h"

enum {
        RECORDS_PER_TURN = 500, /* then other sources of the loop have theirs */
        REPORTS_PER_TURN = 100,
        TICK_US = 1000000,
        TROUBLED_TICK_US = 100000,   /* while anything is wrong */
        HURRY_US = 5000,             /* until all topics are known: the first record need not wait for a tick */
        HURRIES_MAX = 200,           /* then for a second it was in vain */
        TICK_ACCURACY_US = 1000,     /* the loop's own would be a quarter of a second */
        CROWD_RECORDS = 100,         /* fewer in the queue are no backlog */
        WAKE_US = 5000,              /* at most so often */
        LEADERS_MAX = 32,            /* brokers beyond these are woken more often than need be */
        RENEWAL_PAUSE_US = 10000000, /* between two clients */
};

MonoTime intake_now(const Intake *intake)
{
        uint64_t us = 0;
        must(sd_event_now(intake->event, CLOCK_MONOTONIC, &us) >= 0);
        return (MonoTime){ (int64_t)us };
}

void intake_again(Intake *intake)
{
        must(sd_event_source_set_enabled(intake->again_source, SD_EVENT_ONESHOT) >= 0);
}

static void tick_within(Intake *intake, uint64_t us)
{
        must(sd_event_source_set_time_relative(intake->tick_source, us) >= 0);
        must(sd_event_source_set_enabled(intake->tick_source, SD_EVENT_ONESHOT) >= 0);
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static Topic *topic_of(Intake *intake, rd_kafka_topic_t *native)
{
        for (Topic *topic = intake->topics; topic; topic = topic->next)
                if (topic->native == native)
                        return topic;
        return intake_topic(intake, text_from(rd_kafka_topic_name(native)));
}

static Topic *message_topic(Intake *intake, const rd_kafka_message_t *message)
{
        if (!intake->last_topic || intake->last_topic->native != message->rkt)
                intake->last_topic = topic_of(intake, message->rkt);
        return intake->last_topic;
}

static WallTime message_time(const Intake *intake, const rd_kafka_message_t *message)
{
        int64_t ms = rd_kafka_message_timestamp(message, NULL);
        uint64_t now = 0;
        if (ms >= 0 && ms <= INT64_MAX / 1000)
                return (WallTime){ ms * 1000 };
        must(sd_event_now(intake->event, CLOCK_REALTIME, &now) >= 0);
        return (WallTime){ (int64_t)now };
}

static void partition_works(Intake *intake, Partition *p)
{
        partition_moved(intake, p);
        p->trouble = KAFKA_OK;
        p->retries = 0;
        health_connection_works(intake);
        health_update(intake);
}

static void record_hand_out(Intake *intake, const rd_kafka_message_t *message)
{
        Topic *topic = message_topic(intake, message);
        if (!topic || (size_t)message->partition >= topic->count)
                return;
        Partition *p = &topic->partitions[message->partition];
        /* What was on its way when the partition was left, or repeated. */
        if (p->state != PARTITION_READING || (p->check.offset < 0 && message->offset < p->next_offset))
                return;
        if (p->trouble != KAFKA_OK || intake->is_down)
                partition_works(intake, p);
        if (p->check.offset >= 0) {
                const Record anchor = { .value = { message->payload, message->len } };
                partition_check(intake, topic, message->partition, message->offset, record_hash(&anchor));
                return;
        }
        p->next_offset = message->offset + 1;
        intake->has_handed_out = true;
        const Record record = {
                .source = topic->source,
                .place = { .topic = topic->name,
                           .partition = message->partition,
                           .offset = message->offset,
                           .record_time = message_time(intake, message) },
                .key = { message->key, message->key_len },
                .value = { message->payload, message->len },
                .native = message,
        };
        intake->ops->record(intake->userdata, &record);
}

static void error_look(Intake *intake, rd_kafka_event_t *event)
{
        rd_kafka_topic_partition_t *where = rd_kafka_event_topic_partition(event);
        if (rd_kafka_event_error_is_fatal(event))
                intake->wants_renewal = true;
        /* Without a partition it is about the group, which nobody needs. */
        if (!where)
                return;
        Topic *topic = intake_topic(intake, text_from(where->topic));
        if (topic && where->partition >= 0)
                partition_fail(intake, topic, where->partition, health_of_partition_error(rd_kafka_event_error(event)),
                               rd_kafka_event_error_string(event));
        rd_kafka_topic_partition_destroy(where);
        health_update(intake);
        tick_within(intake, TROUBLED_TICK_US);
}

static void record_event_take(Intake *intake, rd_kafka_event_t *event)
{
        const rd_kafka_message_t *message;
        switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_FETCH:
                while ((message = rd_kafka_event_message_next(event)))
                        record_hand_out(intake, message);
                break;
        case RD_KAFKA_EVENT_ERROR:
                error_look(intake, event);
                break;
        default:
                break;
        }
        rd_kafka_event_destroy(event);
}

static void records_end(Intake *intake)
{
        if (!intake->has_handed_out)
                return;
        intake->has_handed_out = false;
        intake->ops->drained(intake->userdata);
}

typedef struct Leaders {
        int64_t known[LEADERS_MAX];
        size_t count;
} Leaders;

static bool leader_is_new(Leaders *leaders, int64_t leader)
{
        for (size_t i = 0; i < leaders->count; i++)
                if (leaders->known[i] == leader)
                        return false;
        if (leader >= 0 && leaders->count < LEADERS_MAX)
                leaders->known[leaders->count++] = leader;
        return true;
}

/* One partition of each broker that leads any; all of them, as long as it is not known who does. */
static rd_kafka_topic_partition_list_t *partition_of_each_leader(const Intake *intake)
{
        Leaders leaders = { .count = 0 };
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(LEADERS_MAX);
        for (const Topic *topic = intake->topics; topic; topic = topic->next)
                for (size_t i = 0; i < topic->count; i++)
                        if (topic->partitions[i].state == PARTITION_READING &&
                            leader_is_new(&leaders, topic->partitions[i].leader))
                                rd_kafka_topic_partition_list_add(list, topic->name.data, (int32_t)i)->offset =
                                        RD_KAFKA_OFFSET_END;
        return list;
}

/* When its queue is full, the client's fetchers, one for each broker, look for room once a second only, unless
 * something else wakes them: a request to their broker does. Hence one to each whose answer nobody waits for, each time
 * half of what waited is gone. So the queue may be short, and its records are still in the processor's cache when they
 * are judged. */
static void fetchers_wake(Intake *intake)
{
        size_t waiting = rd_kafka_queue_length(intake->records);
        MonoTime now = intake_now(intake);
        if (waiting > intake->queue_peak)
                intake->queue_peak = waiting;
        if (intake->queue_peak < CROWD_RECORDS || waiting > intake->queue_peak / 2 ||
            mono_since(now, intake->woken_at).us < WAKE_US)
                return;
        intake->queue_peak = waiting;
        intake->woken_at = now;
        rd_kafka_topic_partition_list_t *list = partition_of_each_leader(intake);
        if (list->cnt > 0)
                (void)rd_kafka_offsets_for_times(intake->consumer, list, 0);
        rd_kafka_topic_partition_list_destroy(list);
}

static void records_drain(Intake *intake)
{
        if (intake->topics)
                fetchers_wake(intake);
        for (int i = 0; i < RECORDS_PER_TURN; i++) {
                intake->is_blocked = !intake->ops->has_room(intake->userdata);
                if (intake->is_blocked)
                        return;
                rd_kafka_event_t *event = rd_kafka_queue_poll(intake->records, 0);
                if (!event) {
                        records_end(intake);
                        return;
                }
                record_event_take(intake, event);
        }
        /* The queue writes to its descriptor only when it was empty before: nobody else would wake us. */
        intake_again(intake);
}

void intake_continue(Intake *intake)
{
        if (intake->is_blocked)
                intake_again(intake);
}

/* ---- reports ---------------------------------------------------------------------------------------------------- */

static void log_look(Intake *intake, rd_kafka_event_t *event)
{
        const char *facility, *text;
        int level;
        if (rd_kafka_event_log(event, &facility, &text, &level) < 0 || strcmp(facility, "FAIL") != 0)
                return;
        /* "[thrd:NAME]: " */
        const char *words = strncmp(text, "[thrd:", 6) == 0 ? strstr(text, "]: ") : NULL;
        /* Errors come as events of their own with the same words; this is for what was only logged. */
        if (intake->cause == KAFKA_OK && (!intake->has_met || intake->is_down))
                health_connection_failed(intake, RD_KAFKA_RESP_ERR__TRANSPORT, words ? words + 3 : text);
}

static void report_take(Intake *intake, rd_kafka_event_t *event)
{
        switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_ERROR:
                /* After a fatal error a client answers nothing any more but that error. */
                if (rd_kafka_event_error_is_fatal(event))
                        intake->wants_renewal = true;
                else
                        health_connection_failed(intake, rd_kafka_event_error(event),
                                                 rd_kafka_event_error_string(event));
                break;
        case RD_KAFKA_EVENT_STATS:
                statistics_read(intake, text_from(rd_kafka_event_stats(event)));
                break;
        case RD_KAFKA_EVENT_LOG:
                log_look(intake, event);
                break;
        default:
                break;
        }
        rd_kafka_event_destroy(event);
}

static void reports_drain(Intake *intake)
{
        for (int i = 0; i < REPORTS_PER_TURN; i++) {
                rd_kafka_event_t *event = rd_kafka_queue_poll(intake->reports, 0);
                if (!event) {
                        if (i > 0)
                                health_update(intake);
                        return;
                }
                report_take(intake, event);
        }
        intake_again(intake);
}

/* ---- the loop's callbacks --------------------------------------------------------------------------------------- */

static int records_ready(sd_event_source *source UNUSED, int fd, uint32_t events UNUSED, void *userdata)
{
        queue_wake_read(fd);
        records_drain(userdata);
        return 0;
}

static int reports_ready(sd_event_source *source UNUSED, int fd, uint32_t events UNUSED, void *userdata)
{
        queue_wake_read(fd);
        reports_drain(userdata);
        return 0;
}

static int again_ready(sd_event_source *source UNUSED, void *userdata)
{
        reports_drain(userdata);
        intake_sort_out(userdata);
        records_drain(userdata);
        return 0;
}

static bool topics_are_known(const Intake *intake)
{
        for (const Topic *topic = intake->topics; topic; topic = topic->next)
                if (topic->known_count == 0)
                        return false;
        return true;
}

static void client_renew(Intake *intake);

static int tick_ready(sd_event_source *source UNUSED, uint64_t due_us UNUSED, void *userdata)
{
        Intake *intake = userdata;
        reports_drain(intake);
        client_renew(intake);
        intake_sort_out(intake);
        records_drain(intake);
        if (intake->dead_letters)
                dead_letters_tick(intake->dead_letters);
        bool hurries = intake->hurries > 0 && !topics_are_known(intake);
        intake->hurries = hurries ? intake->hurries - 1 : 0;
        uint64_t next_us = hurries ? HURRY_US : intake->health != KAFKA_OK ? TROUBLED_TICK_US : TICK_US;
        tick_within(intake, next_us);
        return 0;
}

static void tick_hurry(Intake *intake)
{
        intake->hurries = HURRIES_MAX;
        tick_within(intake, HURRY_US);
}

/* ---- made, changed, ended --------------------------------------------------------------------------------------- */

/* Sources of one topic: the first has its records. */
static int topics_list(Intake *intake, const Config *config)
{
        for (size_t i = config->source_count; i-- > 0;) {
                const Source *source = &config->sources[i];
                Topic *topic = intake_topic(intake, source->topic);
                if (!topic) {
                        topic = topic_new(intake->consumer, source->topic, intake_now(intake));
                        if (!topic)
                                return -EINVAL;
                        topic->next = intake->topics;
                        intake->topics = topic;
                }
                topic->source = source;
        }
        return 0;
}

static bool config_has_topic(const Config *config, Text topic)
{
        for (size_t i = 0; i < config->source_count; i++)
                if (text_equal(config->sources[i].topic, topic))
                        return true;
        return false;
}

static void topics_drop(Intake *intake, const Config *config)
{
        for (Topic **link = &intake->topics; *link;) {
                Topic *topic = *link;
                if (config_has_topic(config, topic->name)) {
                        link = &topic->next;
                        continue;
                }
                topic_leave(intake, topic);
                *link = topic->next;
                topic_free(topic);
        }
        intake->last_topic = NULL;
}

static bool kafka_differs(const KafkaConfig *a, const KafkaConfig *b)
{
        bool differs = !text_equal(a->brokers, b->brokers) || !text_equal(a->group, b->group) ||
                       !text_equal(a->password.value, b->password.value) || a->property_count != b->property_count;
        for (size_t i = 0; !differs && i < a->property_count; i++)
                differs = !text_equal(a->properties[i], b->properties[i]);
        return differs;
}

int intake_reconfigure(Intake *intake, const Config *config)
{
        bool differs = kafka_differs(&intake->config->kafka, &config->kafka);
        int r = topics_list(intake, config);
        if (r < 0) {
                /* Sources must not point into a configuration that nobody holds. */
                must(topics_list(intake, intake->config) == 0);
                topics_drop(intake, intake->config);
                return r;
        }
        topics_drop(intake, config);
        Config *old = intake->config;
        intake->config = config_ref(config);
        config_unref(old);
        tick_hurry(intake);
        return differs;
}

static rd_kafka_t *consumer_new(const KafkaConfig *kafka)
{
        char why[ERROR_TEXT_BYTES];
        rd_kafka_conf_t *conf = consumer_settings(kafka, why);
        rd_kafka_t *consumer = conf ? rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why) : NULL;
        if (conf && !consumer)
                rd_kafka_conf_destroy(conf);
        return consumer;
}

static int client_open(Intake *intake)
{
        intake->consumer = consumer_new(&intake->config->kafka);
        if (!intake->consumer)
                return -EINVAL;
        intake->reports = rd_kafka_queue_get_main(intake->consumer);
        intake->records = rd_kafka_queue_get_consumer(intake->consumer);
        rd_kafka_set_log_queue(intake->consumer, intake->reports);
        return topics_list(intake, intake->config);
}

static int queues_join(Intake *intake)
{
        int r = queue_watch(intake->event, intake->records, records_ready, intake, &intake->records_fd,
                            &intake->records_source);
        if (r >= 0)
                r = queue_watch(intake->event, intake->reports, reports_ready, intake, &intake->reports_fd,
                                &intake->reports_source);
        return r < 0 ? r : 0;
}

static int timers_join(Intake *intake)
{
        int r = sd_event_add_defer(intake->event, &intake->again_source, again_ready, intake);
        if (r >= 0)
                r = sd_event_source_set_enabled(intake->again_source, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(intake->event, &intake->tick_source, CLOCK_MONOTONIC, HURRY_US,
                                               TICK_ACCURACY_US, tick_ready, intake);
        return r < 0 ? r : 0;
}

int intake_new(sd_event *event, const Config *config, const IntakeOps *ops, void *userdata, Intake **ret)
{
        CLEANUP(intake_freep) Intake *intake = calloc(1, sizeof(*intake));
        must(intake != NULL);
        *intake = (Intake){
                .event = sd_event_ref(event),
                .config = config_ref(config),
                .ops = ops,
                .userdata = userdata,
                .records_fd = -1,
                .reports_fd = -1,
                .hurries = HURRIES_MAX,
                .health = KAFKA_CONNECTING,
                .health_text = "no broker has answered yet",
                .reader = json_reader_new(),
        };
        must(pthread_mutex_init(&intake->in_use, NULL) == 0);
        int r = client_open(intake);
        if (r >= 0)
                r = queues_join(intake);
        if (r >= 0)
                r = timers_join(intake);
        if (r < 0)
                return r;
        *ret = steal(intake);
        return 0;
}

static void queues_leave(Intake *intake)
{
        intake->records_source = sd_event_source_disable_unref(intake->records_source);
        intake->reports_source = sd_event_source_disable_unref(intake->reports_source);
        rd_kafka_queue_io_event_enable(intake->records, -1, NULL, 0);
        rd_kafka_queue_io_event_enable(intake->reports, -1, NULL, 0);
        rd_kafka_queue_destroy(intake->records);
        rd_kafka_queue_destroy(intake->reports);
        if (intake->records_fd >= 0)
                close(intake->records_fd);
        if (intake->reports_fd >= 0)
                close(intake->reports_fd);
        intake->records_fd = intake->reports_fd = -1;
}

Intake *intake_free(Intake *intake)
{
        if (!intake)
                return NULL;
        dead_letters_free(intake->dead_letters);
        sd_event_source_disable_unref(intake->again_source);
        sd_event_source_disable_unref(intake->tick_source);
        while (intake->topics) {
                Topic *topic = intake->topics;
                intake->topics = topic->next;
                topic_free(topic);
        }
        if (intake->consumer) {
                queues_leave(intake);
                (void)client_destroy(intake->consumer);
        }
        sd_event_unref(intake->event);
        pthread_mutex_destroy(&intake->in_use);
        json_reader_free(intake->reader);
        config_unref(intake->config);
        free(intake);
        return NULL;
}

/* ---- another client --------------------------------------------------------------------------------------------- */

/* Of what was read nothing is lost: all goes on from the next offset. What was fetched and not handed out comes again.
 */
static int client_replace(Intake *intake)
{
        rd_kafka_t *old = intake->consumer, *consumer = consumer_new(&intake->config->kafka);
        if (!consumer)
                return -EINVAL;
        queues_leave(intake);
        intake->consumer = consumer;
        intake->reports = rd_kafka_queue_get_main(consumer);
        intake->records = rd_kafka_queue_get_consumer(consumer);
        rd_kafka_set_log_queue(consumer, intake->reports);
        intake->last_topic = NULL;
        intake->has_met = intake->is_down = false;
        for (Topic *topic = intake->topics; topic; topic = topic->next)
                topic_renew(topic, consumer);
        client_abandon(old);
        return queues_join(intake);
}

static void client_renew(Intake *intake)
{
        if (!intake->wants_renewal || mono_since(intake_now(intake), intake->renewed_at).us < RENEWAL_PAUSE_US ||
            pthread_mutex_trylock(&intake->in_use) != 0)
                return;
        intake->wants_renewal = false;
        intake->renewed_at = intake_now(intake);
        int r = client_replace(intake);
        pthread_mutex_unlock(&intake->in_use);
        if (r < 0) {
                intake->wants_renewal = true;
                return;
        }
        for (Topic *topic = intake->topics; topic; topic = topic->next)
                for (size_t i = 0; i < topic->count; i++)
                        partition_resume(intake, topic, (int32_t)i);
        tick_hurry(intake);
}
