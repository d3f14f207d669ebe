#include "web/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
        SERIES_MAX = 10000, /* of one metric; what comes after is counted as "other" */
        SLOTS_FIRST = 256,
        BUCKETS_MAX = 13,
};

/* ---- the table -------------------------------------------------------------------------------------------------- */

static const Text PREFIX = { "closedloop_", sizeof("closedloop_") - 1 };

typedef enum MetricType {
        METRIC_COUNTER,
        METRIC_GAUGE,
        METRIC_HISTOGRAM,
} MetricType;

typedef struct MetricRow {
        const char *name; /* after "closedloop_" */
        MetricType type;
        const char *label, *label2;
        const double *buckets; /* upper bounds, ascending, 0 ends them; "+Inf" goes without saying */
        const char *help;      /* plain text: no backslash, one line */
} MetricRow;

static const double CONTACT[BUCKETS_MAX + 1] = {
        3600, 7200, 14400, 28800, 43200, 64800, 86400, 129600, 172800, 259200
};
static const double LATENESS[BUCKETS_MAX + 1] = { 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400 };
static const double DELIVERY[BUCKETS_MAX + 1] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                  0.25,  0.5,    1,     2.5,  10,    30 };
static const double COMMIT[BUCKETS_MAX + 1] = { 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                0.025,  0.05,    0.1,    0.25,  0.5,    1 };

/* Names only grow: dashboards are built on them. */
static const MetricRow TABLE[METRIC_MAX] = {
        [METRIC_RESPONSES] = { "responses_total", METRIC_COUNTER, "source", "outcome", NULL,
                               "Survey responses read, by what became of them." },
        [METRIC_CASES_OPENED] = { "cases_opened_total", METRIC_COUNTER, "rule", NULL, NULL,
                                  "Cases opened, by the rule that decided." },
        [METRIC_CASES] = { "cases", METRIC_GAUGE, "state", NULL, NULL, "Cases in the store, by state." },
        [METRIC_CASES_OVERDUE] = { "cases_overdue", METRIC_GAUGE, NULL, NULL, NULL,
                                   "Open cases whose response window has passed." },
        [METRIC_FIRST_CONTACT] = { "first_contact_seconds", METRIC_HISTOGRAM, NULL, NULL, CONTACT,
                                   "Time from the customer's answer to the first contact." },
        [METRIC_RUNGS] = { "rungs_total", METRIC_COUNTER, "message", NULL, NULL,
                           "Rungs of ladders climbed, by message." },
        [METRIC_RUNG_LATENESS] = { "rung_lateness_seconds", METRIC_HISTOGRAM, NULL, NULL, LATENESS,
                                   "How long after its time a rung was decided." },
        [METRIC_DELIVERIES] = { "deliveries_total", METRIC_COUNTER, "channel", "result", NULL,
                                "Attempts to deliver a message, by channel and result." },
        [METRIC_POSSIBLE_REPEATS] = { "possible_repeats_total", METRIC_COUNTER, "channel", NULL, NULL,
                                      "Messages that may have arrived although the answer was lost: sent again with "
                                      "the same id." },
        [METRIC_CHANNEL_UP] = { "channel_up", METRIC_GAUGE, "channel", NULL, NULL,
                                "1 if the channel's target works, else 0." },
        [METRIC_DELIVERY_SECONDS] = { "delivery_seconds", METRIC_HISTOGRAM, "channel", NULL, DELIVERY,
                                      "Time from handing a message to its transport to the receiver's answer." },
        [METRIC_OUTBOX_MESSAGES] = { "outbox_messages", METRIC_GAUGE, "channel", NULL, NULL,
                                     "Messages in memory that wait or are on their way." },
        [METRIC_OUTBOX_OLDEST] = { "outbox_oldest_seconds", METRIC_GAUGE, NULL, NULL, NULL,
                                   "Age of the oldest message that is due and not delivered." },
        [METRIC_CONSUMER_LAG] = { "consumer_lag_messages", METRIC_GAUGE, "topic", "partition", NULL,
                                  "Kafka records that are not read yet." },
        [METRIC_GAP_RECORDS] = { "gap_records_total", METRIC_COUNTER, "topic", "partition", NULL,
                                 "Records that Kafka had deleted before they were read." },
        [METRIC_OFFSET_CONFLICTS] = { "offset_conflicts_total", METRIC_COUNTER, NULL, NULL, NULL,
                                      "Batches dropped because somebody else had moved the offset." },
        [METRIC_STORE_COMMIT] = { "store_commit_seconds", METRIC_HISTOGRAM, NULL, NULL, COMMIT,
                                  "Time that a commit of the store took." },
        [METRIC_RELOAD_SUCCESSFUL] = { "config_last_reload_successful", METRIC_GAUGE, NULL, NULL, NULL,
                                       "1 if the last reload of the configuration was accepted, else 0." },
        [METRIC_BUILD_INFO] = { "build_info", METRIC_GAUGE, "version", NULL, NULL,
                                "Always 1; the label says what is running." },
        [METRIC_CLOCK_JUMP] = { "clock_jump_total", METRIC_COUNTER, NULL, NULL, NULL,
                                "How often the machine's clock was set by more than clock.step, or doubted at a "
                                "start." },
        [METRIC_RUNGS_HELD] = { "rungs_held", METRIC_GAUGE, NULL, NULL, NULL,
                                "Cases with rungs that are due and held because the clock is in doubt." },
        [METRIC_KAFKA_UP] = { "kafka_up", METRIC_GAUGE, NULL, NULL, NULL, "1 if the Kafka client is well, else 0." },
        [METRIC_KAFKA_HEALTH] = { "kafka_health", METRIC_GAUGE, "state", NULL, NULL,
                                  "1 for the state of Kafka that closedloopctl status names, 0 for the others." },
        [METRIC_BACKUP_AGE] = { "backup_age_seconds", METRIC_GAUGE, NULL, NULL, NULL,
                                "Since the last good backup of the store; +Inf if there was none." },
        [METRIC_STORE_UP] = { "store_up", METRIC_GAUGE, NULL, NULL, NULL, "1 if the store can be written to, else 0." },
};

/* ---- series ----------------------------------------------------------------------------------------------------- */

/* One line of numbers. Series are kept for good: a forgotten one is only hidden, so that gauges which are set anew at
 * every scrape do not make the arena grow. */
typedef struct Series {
        MetricId id;
        Text labels[2];
        uint64_t hash;
        bool is_shown;
        double value;                      /* of a histogram: the sum of what was observed */
        uint64_t buckets[BUCKETS_MAX + 1]; /* not cumulative; as the bounds, and one more */
} Series;

struct Metrics {
        Arena *arena;
        Series **slots; /* open addressing, a power of two, at most half full */
        size_t slot_count, series_count;
        size_t counts[METRIC_MAX];
};

static uint64_t series_hash(MetricId id, Text label, Text label2)
{
        uint64_t hash = (text_hash(label) * 31 + text_hash(label2)) * 31 + (uint64_t)id;
        return hash ^ hash >> 32;
}

static bool series_is(const Series *series, uint64_t hash, MetricId id, Text label, Text label2)
{
        return series->hash == hash && series->id == id && text_equal(series->labels[0], label) &&
               text_equal(series->labels[1], label2);
}

/* The slot where the series is or would be. */
static Series **slot_find(const Metrics *m, uint64_t hash, MetricId id, Text label, Text label2)
{
        for (size_t i = hash & (m->slot_count - 1);; i = (i + 1) & (m->slot_count - 1))
                if (!m->slots[i] || series_is(m->slots[i], hash, id, label, label2))
                        return &m->slots[i];
}

static void slots_double(Metrics *m)
{
        Series **old = m->slots;
        size_t old_count = m->slot_count;
        m->slot_count *= 2;
        m->slots = arena_array(m->arena, Series *, m->slot_count);
        for (size_t i = 0; i < old_count; i++)
                if (old[i])
                        *slot_find(m, old[i]->hash, old[i]->id, old[i]->labels[0], old[i]->labels[1]) = old[i];
}

static Series *series_new(Metrics *m, uint64_t hash, MetricId id, Text label, Text label2)
{
        Series *series = arena_new_of(m->arena, Series);
        *series = (Series){ .id = id, .hash = hash };
        series->labels[0] = arena_text(m->arena, label);
        series->labels[1] = arena_text(m->arena, label2);
        m->counts[id]++;
        if (++m->series_count * 2 > m->slot_count)
                slots_double(m);
        *slot_find(m, hash, id, label, label2) = series;
        return series;
}

/* NULL: there are too many, or one bad byte of this one would make Prometheus refuse the whole page. */
static Series *series_get(Metrics *m, MetricId id, Text label, Text label2)
{
        uint64_t hash = series_hash(id, label, label2);
        Series *series = *slot_find(m, hash, id, label, label2);
        if (series)
                return series;
        if (m->counts[id] >= SERIES_MAX || !text_is_utf8(label) || !text_is_utf8(label2))
                return NULL;
        return series_new(m, hash, id, label, label2);
}

static Series *series_other(Metrics *m, MetricId id)
{
        Text other = TEXT("other"), other2 = TABLE[id].label2 ? other : TEXT_NONE;
        uint64_t hash = series_hash(id, other, other2);
        Series *series = *slot_find(m, hash, id, other, other2);
        return series ? series : series_new(m, hash, id, other, other2);
}

/* *ret_is_other: it is the one that stands for the rest. */
static Series *series_take(Metrics *m, MetricId id, Text label, Text label2, bool *ret_is_other)
{
        must(id < METRIC_MAX);
        must((label.data != NULL) == (TABLE[id].label != NULL));
        must((label2.data != NULL) == (TABLE[id].label2 != NULL));
        Series *series = series_get(m, id, label, label2);
        *ret_is_other = series == NULL;
        if (!series)
                series = series_other(m, id);
        series->is_shown = true;
        return series;
}

/* ---- counting --------------------------------------------------------------------------------------------------- */

void metrics_add(Metrics *m, MetricId id, Text label, Text label2, double by)
{
        bool is_other;
        Series *series = series_take(m, id, label, label2, &is_other);
        must(TABLE[id].type == METRIC_COUNTER);
        series->value += by > 0 && isfinite(by) ? by : 0; /* a counter never falls */
}

/* What stands for the rest is their sum, since it was last forgotten. */
void metrics_set(Metrics *m, MetricId id, Text label, Text label2, double value)
{
        bool is_other;
        Series *series = series_take(m, id, label, label2, &is_other);
        must(TABLE[id].type == METRIC_GAUGE);
        series->value = is_other ? series->value + value : value;
}

static void series_forget(Series *series)
{
        series->is_shown = false;
        series->value = 0;
}

void metrics_forget(Metrics *m, MetricId id)
{
        must(TABLE[id].type == METRIC_GAUGE);
        for (size_t i = 0; i < m->slot_count; i++)
                if (m->slots[i] && m->slots[i]->id == id)
                        series_forget(m->slots[i]);
}

void metrics_observe(Metrics *m, MetricId id, Text label, double value)
{
        bool is_other;
        Series *series = series_take(m, id, label, TEXT_NONE, &is_other);
        must(TABLE[id].type == METRIC_HISTOGRAM);
        const double *bounds = TABLE[id].buckets;
        size_t at = 0;
        double seconds = value > 0 && isfinite(value) ? value : 0; /* clocks step; a sum of seconds never falls */
        while (bounds[at] > 0 && seconds > bounds[at])
                at++;
        series->buckets[at]++; /* the one after the last bound: above all of them */
        series->value += seconds;
}

/* ---- building --------------------------------------------------------------------------------------------------- */

/* What has no labels is there from the start: a rate of something that never happened is 0, not unknown. */
static void plain_series_show(Metrics *m)
{
        bool is_other;
        for (MetricId id = 0; id < METRIC_MAX; id++)
                if (!TABLE[id].label && TABLE[id].type != METRIC_GAUGE)
                        (void)series_take(m, id, TEXT_NONE, TEXT_NONE, &is_other);
}

Metrics *metrics_new(void)
{
        Metrics *m = calloc(1, sizeof(*m));
        must(m != NULL);
        m->arena = arena_new(16 * 1024);
        m->slot_count = SLOTS_FIRST;
        m->slots = arena_array(m->arena, Series *, m->slot_count);
        plain_series_show(m);
        return m;
}

Metrics *metrics_free(Metrics *m)
{
        if (m) {
                (void)arena_free(m->arena);
                free(m);
        }
        return NULL;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void label_value_put(Buffer *b, Text text)
{
        for (size_t i = 0; i < text.len; i++) {
                switch (text.data[i]) {
                case '\\':
                        buffer_put_literal(b, "\\\\");
                        break;
                case '"':
                        buffer_put_literal(b, "\\\"");
                        break;
                case '\n':
                        buffer_put_literal(b, "\\n");
                        break;
                default:
                        buffer_put_char(b, text.data[i]);
                }
        }
}

static void number_put(Buffer *b, double value)
{
        char digits[32];
        if (isnan(value)) {
                buffer_put_literal(b, "NaN");
                return;
        }
        if (isinf(value)) {
                buffer_put(b, value > 0 ? TEXT("+Inf") : TEXT("-Inf"));
                return;
        }
        int len = snprintf(digits, sizeof(digits), "%.15g", value);
        if (strtod(digits, NULL) != value)
                len = snprintf(digits, sizeof(digits), "%.17g", value);
        buffer_put(b, (Text){ digits, (size_t)len });
}

static void label_put(Buffer *b, const char *name, Text value, bool *is_first)
{
        buffer_put_char(b, *is_first ? '{' : ',');
        *is_first = false;
        buffer_put(b, text_from(name));
        buffer_put_literal(b, "=\"");
        label_value_put(b, value);
        buffer_put_char(b, '"');
}

/* name_suffix{labels,le="..."} value */
static void sample_put(Buffer *b, const Series *series, Text suffix, Text le, double value)
{
        const MetricRow *row = &TABLE[series->id];
        bool is_first = true;
        buffer_put(b, PREFIX);
        buffer_put(b, text_from(row->name));
        buffer_put(b, suffix);
        if (row->label)
                label_put(b, row->label, series->labels[0], &is_first);
        if (row->label2)
                label_put(b, row->label2, series->labels[1], &is_first);
        if (le.data)
                label_put(b, "le", le, &is_first);
        if (!is_first)
                buffer_put_char(b, '}');
        buffer_put_char(b, ' ');
        number_put(b, value);
        buffer_put_char(b, '\n');
}

static void histogram_put(Buffer *b, const Series *series)
{
        const MetricRow *row = &TABLE[series->id];
        uint64_t sum = 0;
        size_t i = 0;
        for (; row->buckets[i] > 0; i++) {
                char le[32];
                int len = snprintf(le, sizeof(le), "%.15g", row->buckets[i]);
                sum += series->buckets[i];
                sample_put(b, series, TEXT("_bucket"), (Text){ le, (size_t)len }, (double)sum);
        }
        sum += series->buckets[i];
        sample_put(b, series, TEXT("_bucket"), TEXT("+Inf"), (double)sum);
        sample_put(b, series, TEXT("_sum"), TEXT_NONE, series->value);
        sample_put(b, series, TEXT("_count"), TEXT_NONE, (double)sum);
}

static void heading_put(Buffer *b, const MetricRow *row)
{
        static const char *const types[] = {
                [METRIC_COUNTER] = "counter",
                [METRIC_GAUGE] = "gauge",
                [METRIC_HISTOGRAM] = "histogram",
        };
        const char *prefix = PREFIX.data;
        buffer_putf(b, "# HELP %s%s %s\n# TYPE %s%s %s\n", prefix, row->name, row->help, prefix, row->name,
                    types[row->type]);
}

static int series_compare(const void *a, const void *b)
{
        const Series *const *x = a, *const *y = b;
        if ((*x)->id != (*y)->id)
                return (*x)->id < (*y)->id ? -1 : 1;
        int by_first = text_compare((*x)->labels[0], (*y)->labels[0]);
        return by_first ? by_first : text_compare((*x)->labels[1], (*y)->labels[1]);
}

/* By metric and label, so that two pages differ only where a number does. */
static Series **series_sorted(const Metrics *m, Arena *arena, size_t *ret_count)
{
        Series **sorted = arena_array(arena, Series *, m->series_count + 1);
        size_t n = 0;
        for (size_t i = 0; i < m->slot_count; i++)
                if (m->slots[i] && m->slots[i]->is_shown)
                        sorted[n++] = m->slots[i];
        qsort(sorted, n, sizeof(*sorted), series_compare);
        *ret_count = n;
        return sorted;
}

void metrics_write(const Metrics *m, Buffer *b)
{
        size_t count;
        Series **sorted = series_sorted(m, b->arena, &count);
        for (size_t i = 0; i < count; i++) {
                if (i == 0 || sorted[i - 1]->id != sorted[i]->id)
                        heading_put(b, &TABLE[sorted[i]->id]);
                if (TABLE[sorted[i]->id].type == METRIC_HISTOGRAM)
                        histogram_put(b, sorted[i]);
                else
                        sample_put(b, sorted[i], TEXT_NONE, TEXT_NONE, sorted[i]->value);
        }
}
