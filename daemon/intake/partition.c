#include <errno.h>
#include <stdio.h>

#include "inside.h"

/* A partition that could not be read is tried again after half a second, then twice as long each time up to this. */
enum {
        RETRY_FIRST_US = 500000,
        RETRY_DOUBLINGS_MAX = 4,
        MISSING_EVERY_US = 500000, /* how often a topic that is not there is looked for */
};

/* Tried again and nothing said against it for so long: librdkafka tells of each error within one fetch. */
static const Span trust_after = { 3 * INT64_C(1000000) };

/* ---- asking librdkafka ------------------------------------------------------------------------------------------ */

static int error_take(rd_kafka_error_t *error)
{
        if (!error)
                return 0;
        rd_kafka_error_destroy(error);
        return -EIO;
}

static rd_kafka_topic_partition_list_t *list_of_one(const Topic *topic, int32_t number, int64_t offset)
{
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, topic->name.data, number)->offset = offset;
        return list;
}

static int partition_leave(Intake *intake, Topic *topic, int32_t number)
{
        rd_kafka_topic_partition_list_t *list = list_of_one(topic, number, RD_KAFKA_OFFSET_INVALID);
        int r = error_take(rd_kafka_incremental_unassign(intake->consumer, list));
        rd_kafka_topic_partition_list_destroy(list);
        return r;
}

int partition_read(Intake *intake, Topic *topic, int32_t number, int64_t offset)
{
        /* Without an offset, librdkafka would go by the one that some group has committed to Kafka. */
        must(offset >= 0);
        Partition *p = topic_partition(topic, number);
        if (p->state == PARTITION_READING)
                (void)partition_leave(intake, topic, number);
        int64_t first = p->check.offset >= 0 ? p->check.offset : offset;
        rd_kafka_topic_partition_list_t *list = list_of_one(topic, number, first);
        int r = error_take(rd_kafka_incremental_assign(intake->consumer, list));
        rd_kafka_topic_partition_list_destroy(list);
        p->state = r < 0 ? PARTITION_NEW : PARTITION_READING;
        p->next_offset = p->moved_to = offset;
        p->fetch_offset = -1;
        p->nothing_to = 0;
        if (p->trouble != KAFKA_STUCK)
                p->moved_at = intake_now(intake);
        return r;
}

/* ---- trouble ---------------------------------------------------------------------------------------------------- */

static Span retry_delay(int retries)
{
        return span_times((Span){ RETRY_FIRST_US }, INT64_C(1) << MIN_OF(retries, RETRY_DOUBLINGS_MAX));
}

static void partition_forget(Partition *p)
{
        p->state = PARTITION_NEW;
        p->trouble = KAFKA_OK;
        p->retries = p->stalls = 0;
        p->check.offset = -1;
        p->next_offset = -1;
        p->end_offset = -1;
        p->nothing_to = 0;
}

/* The topic was deleted, or some of it. Should it come back, its offsets mean other records, so its partitions are
 * reported again. What was read of them is to be stored before that. */
static void topic_shrink(Intake *intake, Topic *topic, int32_t count)
{
        topic->known_count = count;
        if (intake->has_handed_out) {
                intake->has_handed_out = false;
                intake->ops->drained(intake->userdata);
        }
        for (size_t i = (size_t)count; i < topic->count; i++) {
                if (topic->partitions[i].state == PARTITION_READING)
                        (void)partition_leave(intake, topic, (int32_t)i);
                partition_forget(&topic->partitions[i]);
        }
}

/* ---- is it still the same topic? -------------------------------------------------------------------------------- */

/* A log that ends below the anchor is believed after so long: a new leader may know of less for a moment. */
static const Span end_grace = { 3 * INT64_C(1000000) };

static void partition_replaced(Intake *intake, Topic *topic, int32_t number, const char *what)
{
        Partition *p = topic_partition(topic, number);
        (void)partition_leave(intake, topic, number);
        p->state = PARTITION_STOPPED;
        p->trouble = KAFKA_TOPIC_REPLACED;
        snprintf(p->why, sizeof p->why, "%s at offset %" PRId64 ", where a record was that has been read", what,
                 p->check.offset);
        p->check.offset = -1;
        intake->ops->stopped(intake->userdata, topic->name, number, KAFKA_TOPIC_REPLACED);
        health_update(intake);
}

static void partition_unverified(Intake *intake, Topic *topic, int32_t number)
{
        topic_partition(topic, number)->check.offset = -1;
        intake->ops->unverified(intake->userdata, topic->name, number);
}

void partition_check(Intake *intake, Topic *topic, int32_t number, int64_t offset, uint64_t hash)
{
        Partition *p = topic_partition(topic, number);
        Anchor anchor = p->check;
        if (offset < anchor.offset)
                return;
        if (offset == anchor.offset && hash != anchor.hash) {
                partition_replaced(intake, topic, number, "there is another record");
                return;
        }
        if (offset > anchor.offset)
                partition_unverified(intake, topic, number);
        p->check.offset = -1;
        /* Of what comes next anyway, nothing has to be fetched twice. Refused: it is new again, and reported. */
        if (offset + 1 != p->next_offset)
                (void)!partition_read(intake, topic, number, p->next_offset);
}

static void partition_check_end(Intake *intake, Topic *topic, int32_t number)
{
        const Partition *p = topic_partition(topic, number);
        int64_t low, high;
        if (p->check.offset >= 0 && mono_before(mono_add(p->checked_at, end_grace), intake_now(intake)) &&
            rd_kafka_get_watermark_offsets(intake->consumer, topic->name.data, number, &low, &high) ==
                    RD_KAFKA_RESP_ERR_NO_ERROR &&
            high >= 0 && high <= p->check.offset)
                partition_replaced(intake, topic, number, "there is no record any more");
}

/* The anchor alone may be gone: then it is the next record's turn. */
static void partition_gone(Intake *intake, Topic *topic, int32_t number)
{
        Partition *p = topic_partition(topic, number);
        if (p->check.offset >= 0) {
                partition_unverified(intake, topic, number);
                (void)!partition_read(intake, topic, number, p->next_offset);
                return;
        }
        (void)partition_leave(intake, topic, number);
        p->state = PARTITION_STOPPED;
        intake->ops->stopped(intake->userdata, topic->name, number, KAFKA_OFFSET_GONE);
}

/* ---- trouble ---------------------------------------------------------------------------------------------------- */

/* Whatever was wrong, records behind it must not be read before it: librdkafka goes on behind a batch with a wrong
 * checksum, for one. */
void partition_fail(Intake *intake, Topic *topic, int32_t number, KafkaHealth trouble, const char *why)
{
        Partition *p = topic_partition(topic, number);
        if (p->state != PARTITION_READING)
                return;
        if (trouble == KAFKA_NO_TOPIC && (number < topic->known_count || topic->known_count == 0)) {
                topic_shrink(intake, topic, 0);
                return;
        }
        if (trouble == KAFKA_OFFSET_GONE) {
                partition_gone(intake, topic, number);
                return;
        }
        (void)partition_leave(intake, topic, number);
        p->trouble = trouble;
        snprintf(p->why, sizeof p->why, "at offset %" PRId64 ": %s", p->next_offset, why);
        p->state = PARTITION_WAITING;
        p->retry_at = mono_add(intake_now(intake), retry_delay(p->retries++));
}

static void partition_retry(Intake *intake, Topic *topic, int32_t number)
{
        topic->partitions[number].trusted_at = mono_add(intake_now(intake), trust_after);
        /* Refused: it is new again, and whoever is asked for it will see. */
        if (partition_read(intake, topic, number, topic->partitions[number].next_offset) < 0)
                topic->partitions[number].trouble = KAFKA_OK;
}

void partition_resume(Intake *intake, Topic *topic, int32_t number)
{
        Partition *p = &topic->partitions[number];
        if (p->state != PARTITION_READING)
                return;
        p->state = PARTITION_NEW;                                     /* there is nothing to leave */
        (void)!partition_read(intake, topic, number, p->next_offset); /* refused: it is new, and reported */
}

static void partition_sort_out(Intake *intake, Topic *topic, int32_t number)
{
        Partition *p = &topic->partitions[number];
        MonoTime now = intake_now(intake);
        if (p->state == PARTITION_READING)
                partition_check_end(intake, topic, number);
        if (p->state == PARTITION_WAITING && !mono_before(now, p->retry_at))
                partition_retry(intake, topic, number);
        else if (p->state == PARTITION_READING && p->trouble != KAFKA_OK && number < topic->known_count &&
                 !mono_before(now, p->trusted_at)) {
                p->trouble = KAFKA_OK;
                p->retries = 0;
        } else if (p->state == PARTITION_NEW && number < topic->known_count) {
                p->state = PARTITION_ASKED;
                intake->ops->partition(intake->userdata, topic->source, number, topic->known_count);
        }
}

/* ---- what is new ------------------------------------------------------------------------------------------------ */

static void topic_count(Intake *intake, Topic *topic)
{
        int32_t before = topic->known_count, count = before;
        while (count > 0 && !topic_has_partition(topic, count - 1))
                count--;
        while (count < INT32_MAX && topic_has_partition(topic, count))
                count++;
        if (count < before)
                topic_shrink(intake, topic, count);
        topic->known_count = count;
        if (count > 0)
                (void)topic_partition(topic, count - 1);
}

static void broker_meet(Intake *intake)
{
        /* With no time to wait this only looks whether metadata has come. */
        bool has_come = intake->has_met || rd_kafka_controllerid(intake->consumer, 0) >= 0;
        for (const Topic *topic = intake->topics; topic && !has_come; topic = topic->next)
                has_come = topic->known_count > 0;
        if (intake->has_met || !has_come)
                return;
        intake->has_met = true;
        intake->met_at = intake_now(intake);
        health_connection_works(intake);
}

static void topic_look_for(Intake *intake, Topic *topic)
{
        MonoTime now = intake_now(intake);
        if (topic->known_count > 0 || !intake->has_met || mono_since(now, topic->missing_at).us < MISSING_EVERY_US)
                return;
        topic->missing_at = now;
        topic->missing = topic_missing(intake->consumer, topic);
}

/* Offsets mean nothing in another cluster. */
static void cluster_ask(Intake *intake)
{
        if (!intake->has_met || intake->has_asked_cluster)
                return;
        intake->has_asked_cluster = true;
        char *id = rd_kafka_clusterid(intake->consumer, 0);
        if (!id)
                return;
        intake->is_foreign = !intake->ops->cluster(intake->userdata, text_from(id));
        rd_kafka_mem_free(intake->consumer, id);
}

void intake_accept_cluster(Intake *intake)
{
        intake->is_foreign = false;
        intake_again(intake);
}

void intake_sort_out(Intake *intake)
{
        for (Topic *topic = intake->topics; topic; topic = topic->next) {
                topic_count(intake, topic);
                topic_look_for(intake, topic);
        }
        broker_meet(intake);
        cluster_ask(intake);
        for (Topic *topic = intake->topics; topic && !intake->is_foreign; topic = topic->next)
                for (size_t i = 0; i < topic->count; i++)
                        partition_sort_out(intake, topic, (int32_t)i);
        health_update(intake);
}

/* ---- what others ask for ---------------------------------------------------------------------------------------- */

Topic *intake_topic(const Intake *intake, Text name)
{
        for (Topic *topic = intake->topics; topic; topic = topic->next)
                if (text_equal(topic->name, name))
                        return topic;
        return NULL;
}

int intake_assign(Intake *intake, Text topic_name, int32_t partition, int64_t offset)
{
        return intake_resume(intake, topic_name, partition, offset, (Anchor){ .offset = -1 });
}

void intake_stand(Intake *intake, Text topic_name, int32_t partition, KafkaHealth trouble, const char *why)
{
        Topic *topic = intake_topic(intake, topic_name);
        Partition *p = topic ? topic_partition(topic, partition) : NULL;
        if (!p || p->state != PARTITION_STOPPED)
                return;
        p->trouble = trouble;
        snprintf(p->why, sizeof p->why, "at offset %" PRId64 ": %s", p->next_offset, why);
        health_update(intake);
}

int intake_resume(Intake *intake, Text topic_name, int32_t partition, int64_t offset, Anchor anchor)
{
        Topic *topic = intake_topic(intake, topic_name);
        if (!topic)
                return -ENOENT;
        Partition *p = topic_partition(topic, partition);
        p->trouble = KAFKA_OK;
        p->retries = 0;
        p->check = anchor;
        p->checked_at = intake_now(intake);
        return partition_read(intake, topic, partition, offset);
}

int intake_restart(Intake *intake)
{
        rd_kafka_resp_err_t error = rd_kafka_assign(intake->consumer, NULL);
        for (Topic *topic = intake->topics; topic; topic = topic->next)
                for (size_t i = 0; i < topic->count; i++)
                        partition_forget(&topic->partitions[i]);
        intake->has_handed_out = false;
        intake_again(intake);
        return error ? -EIO : 0;
}

void topic_leave(Intake *intake, Topic *topic)
{
        for (size_t i = 0; i < topic->count; i++)
                if (topic->partitions[i].state == PARTITION_READING)
                        (void)partition_leave(intake, topic, (int32_t)i);
}

void intake_partitions(const Intake *intake, PartitionVisit visit, void *userdata)
{
        for (const Topic *topic = intake->topics; topic; topic = topic->next)
                for (size_t i = 0; i < topic->count; i++) {
                        const Partition *p = &topic->partitions[i];
                        int64_t next = p->next_offset < 0 ? -1 : MAX_OF(p->next_offset, p->nothing_to);
                        visit(userdata, &(PartitionView){ topic->name, (int32_t)i, next, p->end_offset });
                }
}
