/* metrics.h - what Prometheus reads: counters, gauges and histograms with one or two labels, no person or customer.
 * Owns:    its series. Names, help, types and label names stand in one table.
 * Source:  Prometheus text exposition format 0.0.4.
 * Called:  from the loop thread only. */
#pragma once

#include "base/buffer.h"

typedef enum MetricId {
        METRIC_RESPONSES,        /* {source,outcome} */
        METRIC_CASES_OPENED,     /* {rule} */
        METRIC_CASES,            /* {state} gauge */
        METRIC_CASES_OVERDUE,    /* gauge */
        METRIC_FIRST_CONTACT,    /* histogram 1 h .. 72 h */
        METRIC_RUNGS,            /* {message} */
        METRIC_RUNG_LATENESS,    /* histogram */
        METRIC_DELIVERIES,       /* {channel,result} */
        METRIC_POSSIBLE_REPEATS, /* {channel} */
        METRIC_CHANNEL_UP,       /* {channel} gauge: 1 when the last send went well */
        METRIC_DELIVERY_SECONDS, /* {channel} histogram */
        METRIC_OUTBOX_MESSAGES,  /* {channel} gauge */
        METRIC_OUTBOX_OLDEST,    /* gauge, seconds */
        METRIC_CONSUMER_LAG,     /* {topic,partition} gauge */
        METRIC_GAP_RECORDS, /* {topic,partition} */
        METRIC_OFFSET_CONFLICTS,
        METRIC_STORE_COMMIT,      /* histogram */
        METRIC_RELOAD_SUCCESSFUL, /* gauge */
        METRIC_BUILD_INFO,        /* {version} gauge, 1 */
        METRIC_KAFKA_UP,          /* gauge: 1 when health is ok */
        METRIC_KAFKA_HEALTH,      /* {state} gauge: 1 for the one that holds */
        METRIC_STORE_UP,          /* gauge: 1 when it can be written to */
        METRIC_BACKUP_AGE,        /* gauge, seconds; +Inf: there is none */
        METRIC_CLOCK_JUMP,
        METRIC_RUNGS_HELD,        /* gauge: cases whose ladder waits for the end of a doubt of the clock */
        METRIC_MAX,
} MetricId;

typedef struct Metrics Metrics;

Metrics *metrics_new(void);
Metrics *metrics_free(Metrics *metrics);
DEFINE_CLEANUP(Metrics, metrics_free)

/* Labels that a metric does not have are TEXT_NONE. At most 10,000 series a metric; more are counted as "other". */
void metrics_add(Metrics *metrics, MetricId id, Text label, Text label2, double by);
void metrics_set(Metrics *metrics, MetricId id, Text label, Text label2, double value);
void metrics_forget(Metrics *metrics, MetricId id); /* all series of a gauge, before they are set anew */
void metrics_observe(Metrics *metrics, MetricId id, Text label, double value);

void metrics_write(const Metrics *metrics, Buffer *b);
