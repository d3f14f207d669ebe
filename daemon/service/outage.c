/* outage.c - when Kafka is unwell: it is said once when that begins, once for each further cause, and once when it is
 * over; a load balancer is told after a while. */
#include "base/clock.h"
#include "base/notice.h"
#include "inside.h"

static const NoticeId NOTICES_OF[KAFKA_HEALTH_MAX] = {
        [KAFKA_OK] = NOTICE_KAFKA_AGAIN,
        [KAFKA_CONNECTING] = NOTICE_MAX, /* not worth a word */
        [KAFKA_UNREACHABLE] = NOTICE_KAFKA_UNREACHABLE,
        [KAFKA_DNS] = NOTICE_KAFKA_DNS,
        [KAFKA_TLS] = NOTICE_KAFKA_TLS,
        [KAFKA_AUTH] = NOTICE_KAFKA_AUTH,
        [KAFKA_ACL] = NOTICE_KAFKA_ACL,
        [KAFKA_NO_TOPIC] = NOTICE_KAFKA_NO_TOPIC,
        [KAFKA_OFFSET_GONE] = NOTICE_KAFKA_OFFSET_GONE,
        [KAFKA_TOPIC_REPLACED] = NOTICE_KAFKA_TOPIC_REPLACED,
        [KAFKA_OTHER_CLUSTER] = NOTICE_KAFKA_OTHER_CLUSTER,
        [KAFKA_STUCK] = NOTICE_KAFKA_STUCK,
        [KAFKA_UNREADABLE] = NOTICE_KAFKA_UNREADABLE,
};
_Static_assert(COUNT_OF(NOTICES_OF) == KAFKA_UNREADABLE + 1, "a state of Kafka has no notice");

NoticeId service_kafka_notice(KafkaHealth health)
{
        must(health < KAFKA_HEALTH_MAX);
        return NOTICES_OF[health];
}
static const Span ASK_PATIENCE = { 500 * 1000 };

static void outage_end(KafkaOutage *outage)
{
        if (!outage->was_well && outage->told == 0)
                notice_log_plain(NOTICE_KAFKA_AGAIN, ABOUT_NOTHING);
        else if (outage->told != 0)
                notice_log(NOTICE_KAFKA_AGAIN, ABOUT_NOTHING, "after %lld seconds",
                           (long long)(mono_since(clock_mono(), outage->since).us / 1000000));
        *outage = (KafkaOutage){ .was_well = true };
}

/* The words change all the time, with one broker's failure or another's: what is new is the cause. */
void service_on_health(void *userdata, KafkaHealth health, Text words)
{
        Service *s = userdata;
        KafkaOutage *outage = &s->outage;
        if (health == KAFKA_OK) {
                outage_end(outage);
                return;
        }
        if (!outage->is_out)
                outage->since = clock_mono();
        outage->is_out = true;
        if (NOTICES_OF[health] == NOTICE_MAX || outage->told & 1u << health)
                return;
        outage->told |= 1u << health;
        notice_log(NOTICES_OF[health], ABOUT_NOTHING, TEXT_F, TEXT_ARG(words));
}

bool service_kafka_is_ready(const Service *s)
{
        const KafkaOutage *outage = &s->outage;
        return outage->was_well &&
               (!outage->is_out || mono_since(clock_mono(), outage->since).us < s->config->kafka.unready_after.us);
}

/* ---- partitions that stand still -------------------------------------------------------------------------------- */

static void ends_find(void *userdata, Turn *turn UNUSED, WallTime now UNUSED)
{
        Service *s = userdata;
        intake_ask_ends(s->intake, s->ends, s->end_count, ASK_PATIENCE);
}

static void ends_found(void *userdata)
{
        Service *s = userdata;
        intake_note_ends(s->intake, s->ends, s->end_count);
        s->ends_arena = arena_free(s->ends_arena);
}

void service_progress_watch(Service *s)
{
        if (s->ends_arena) /* under way */
                return;
        s->ends_arena = arena_new(1024);
        s->end_count = intake_idle(s->intake, s->ends_arena, &s->ends);
        if (s->end_count > 0)
                service_call(s, (Call){ .run = ends_find, .done = ends_found, .userdata = s });
        else
                s->ends_arena = arena_free(s->ends_arena);
}
