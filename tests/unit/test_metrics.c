#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "web/metrics.h"

/* ---- a checker of the text format, written from its specification and not from the writer ------------------------ */

enum {
        LABELS_MAX = 4
};

typedef struct Sample {
        Text line, name, series; /* series: name and labels, without "le" */
        Text label_names[LABELS_MAX], label_values[LABELS_MAX];
        size_t label_count;
        Text le;
        double value;
} Sample;

typedef struct Family {
        Text name, type;
} Family;

static bool is_name(Text name, bool may_have_colon)
{
        for (size_t i = 0; i < name.len; i++) {
                char c = name.data[i];
                bool is_letter =
                        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (may_have_colon && c == ':');
                if (!is_letter && !(i > 0 && c >= '0' && c <= '9'))
                        return false;
        }
        return name.len > 0;
}

static Text cut_until(Text *rest, const char *stops)
{
        size_t n = 0;
        while (n < rest->len && !strchr(stops, rest->data[n]))
                n++;
        Text part = { rest->data, n };
        *rest = text_from_offset(*rest, n);
        return part;
}

static char cut_char(Text *rest)
{
        assert_true(rest->len > 0);
        char c = rest->data[0];
        *rest = text_from_offset(*rest, 1);
        return c;
}

/* The value between quotes, unescaped. */
static Text cut_quoted(Arena *arena, Text *rest)
{
        Buffer b = buffer_in(arena);
        assert_int_equal(cut_char(rest), '"');
        for (;;) {
                char c = cut_char(rest);
                if (c == '"')
                        return buffer_text(&b);
                assert_int_not_equal(c, '\n');
                if (c == '\\') {
                        c = cut_char(rest);
                        assert_non_null(strchr("\\\"n", c));
                        c = c == 'n' ? '\n' : c;
                }
                buffer_put_char(&b, c);
        }
}

static void label_read(Arena *arena, Text *rest, Sample *sample, Buffer *series)
{
        Text name = cut_until(rest, "=,}\"");
        assert_true(is_name(name, false));
        assert_false(text_starts(name, TEXT("__")));
        assert_int_equal(cut_char(rest), '=');
        Text value = cut_quoted(arena, rest);
        if (text_is(name, "le")) {
                sample->le = value;
                return;
        }
        assert_true(sample->label_count < LABELS_MAX);
        for (size_t i = 0; i < sample->label_count; i++)
                assert_false(text_equal(sample->label_names[i], name));
        sample->label_names[sample->label_count] = name;
        sample->label_values[sample->label_count++] = value;
        buffer_putf(series, "|" TEXT_F "=" TEXT_F, TEXT_ARG(name), TEXT_ARG(value));
}

static double value_read(Text text)
{
        char copy[64] = "", *end;
        assert_in_range(text.len, 1, sizeof(copy) - 1);
        memcpy(copy, text.data, text.len);
        if (strcmp(copy, "+Inf") == 0 || strcmp(copy, "-Inf") == 0)
                return copy[0] == '+' ? INFINITY : -INFINITY;
        if (strcmp(copy, "NaN") == 0)
                return NAN;
        double value = strtod(copy, &end);
        assert_true(*end == '\0' && isfinite(value));
        return value;
}

static Sample sample_read(Arena *arena, Text line)
{
        Sample sample = { .line = line };
        Text rest = line;
        Buffer series = buffer_in(arena);
        sample.name = cut_until(&rest, "{ ");
        assert_true(is_name(sample.name, true));
        buffer_put(&series, sample.name);
        char c = cut_char(&rest);
        if (c == '{') {
                do
                        label_read(arena, &rest, &sample, &series);
                while ((c = cut_char(&rest)) == ',');
                assert_int_equal(c, '}');
                c = cut_char(&rest);
        }
        assert_int_equal(c, ' ');
        sample.value = value_read(rest);
        sample.series = buffer_text(&series);
        return sample;
}

static bool ends_in(Text text, const char *suffix)
{
        size_t n = strlen(suffix);
        return text.len >= n && memcmp(text.data + text.len - n, suffix, n) == 0;
}

/* What promtool's linter asks of a family's name. */
static void family_check(const Family *family)
{
        assert_true(text_starts(family->name, TEXT("closedloop_")));
        assert_int_equal(ends_in(family->name, "_total"), text_is(family->type, "counter"));
        static const char *const not_base_units[] = {
                "_ms", "_minutes", "_hours", "_days", "_milliseconds", "_percent"
        };
        for (size_t i = 0; i < COUNT_OF(not_base_units); i++)
                assert_false(ends_in(family->name, not_base_units[i]));
        assert_true(text_is(family->type, "counter") || text_is(family->type, "gauge") ||
                    text_is(family->type, "histogram"));
}

/* "# HELP name words" is followed by "# TYPE name type", and no family comes twice. */
static Family family_read(Text *page, Text help, Family *seen, size_t seen_count)
{
        Text type, name, words;
        help = text_from_offset(help, strlen("# HELP "));
        assert_true(text_split(&help, ' ', &name) && help.len > 0);
        assert_true(text_split(page, '\n', &type) && text_starts(type, TEXT("# TYPE ")));
        type = text_from_offset(type, strlen("# TYPE "));
        assert_true(text_split(&type, ' ', &words) && text_equal(words, name));
        for (size_t i = 0; i < seen_count; i++)
                assert_false(text_equal(seen[i].name, name));
        Family family = { name, type };
        family_check(&family);
        return family;
}

/* Buckets ascend, their counts do too, and the last one is the count. */
typedef struct Buckets {
        Text series;
        double bound, count;
        bool is_open;
} Buckets;

static void histogram_check(const Family *family, const Sample *sample, Buckets *buckets)
{
        Text suffix = text_from_offset(sample->name, family->name.len);
        if (text_is(suffix, "_bucket")) {
                double bound = value_read(sample->le);
                bool is_same = buckets->is_open && text_equal(buckets->series, sample->series);
                assert_true(is_same || !buckets->is_open);
                assert_true(!is_same || (bound > buckets->bound && sample->value >= buckets->count));
                *buckets = (Buckets){ sample->series, bound, sample->value, true };
        } else if (text_is(suffix, "_sum")) {
                assert_true(buckets->is_open && isinf(buckets->bound) && sample->value >= 0);
        } else {
                assert_true(text_is(suffix, "_count") && buckets->is_open && isinf(buckets->bound));
                assert_true(sample->value == buckets->count);
                buckets->is_open = false;
        }
}

static int line_compare(const void *a, const void *b)
{
        const Text *x = a, *y = b;
        return text_compare(*x, *y);
}

static void no_series_twice(Arena *arena, const Text *series, size_t count)
{
        Text *sorted = arena_array(arena, Text, count + 1);
        memcpy(sorted, series, count * sizeof(Text));
        qsort(sorted, count, sizeof(Text), line_compare);
        for (size_t i = 1; i < count; i++)
                assert_false(text_equal(sorted[i - 1], sorted[i]));
}

typedef struct Page {
        Family families[64];
        size_t family_count, sample_count, sample_capacity;
        Sample *samples;
} Page;

static void sample_check(Arena *arena, Page *page, Text line, Buckets *buckets)
{
        assert_true(page->family_count > 0);
        const Family *family = &page->families[page->family_count - 1];
        Sample sample = sample_read(arena, line);
        assert_true(text_starts(sample.name, family->name));
        if (text_is(family->type, "histogram"))
                histogram_check(family, &sample, buckets);
        else
                assert_true(text_equal(sample.name, family->name) && !sample.le.data);
        page->samples = arena_grow(arena, page->samples, page->sample_count, &page->sample_capacity, sizeof(Sample));
        page->samples[page->sample_count++] = sample;
}

static Page page_read(Arena *arena, const Metrics *metrics)
{
        Buffer b = buffer_in(arena);
        metrics_write(metrics, &b);
        Text rest = buffer_text(&b), line;
        Page page = { .family_count = 0 };
        Buckets buckets = { .is_open = false };
        assert_true(text_is_utf8(rest) && rest.len > 0 && rest.data[rest.len - 1] == '\n');
        rest.len--;
        while (text_split(&rest, '\n', &line)) {
                if (!text_starts(line, TEXT("#"))) {
                        sample_check(arena, &page, line, &buckets);
                        continue;
                }
                assert_true(text_starts(line, TEXT("# HELP ")) && page.family_count < COUNT_OF(page.families));
                page.families[page.family_count] = family_read(&rest, line, page.families, page.family_count);
                page.family_count++;
        }
        assert_false(buckets.is_open);
        Text *series = arena_array(arena, Text, page.sample_count + 1);
        for (size_t i = 0; i < page.sample_count; i++)
                series[i] = arena_textf(arena, TEXT_F " " TEXT_F, TEXT_ARG(page.samples[i].series),
                                        TEXT_ARG(page.samples[i].le));
        no_series_twice(arena, series, page.sample_count);
        return page;
}

static const Sample *sample_find(const Page *page, const char *series, const char *le)
{
        for (size_t i = 0; i < page->sample_count; i++)
                if (text_is(page->samples[i].series, series) && (!le || text_is(page->samples[i].le, le)))
                        return &page->samples[i];
        return NULL;
}

static double value_of(const Page *page, const char *series, const char *le)
{
        const Sample *sample = sample_find(page, series, le);
        assert_non_null(sample);
        return sample->value;
}

/* ---- the tests -------------------------------------------------------------------------------------------------- */

typedef struct Bench {
        Arena *arena;
        Metrics *metrics;
} Bench;

static int setup(void **state)
{
        static Bench bench;
        bench = (Bench){ arena_new(4096), metrics_new() };
        *state = &bench;
        return 0;
}

static int teardown(void **state)
{
        Bench *bench = *state;
        bench->metrics = metrics_free(bench->metrics);
        bench->arena = arena_free(bench->arena);
        return 0;
}

static void one_of_each(Metrics *m)
{
        metrics_add(m, METRIC_RESPONSES, TEXT("relationship"), TEXT("flagged"), 3);
        metrics_add(m, METRIC_CASES_OPENED, TEXT("detractor"), TEXT_NONE, 2);
        metrics_set(m, METRIC_CASES, TEXT("open"), TEXT_NONE, 7);
        metrics_set(m, METRIC_CASES_OVERDUE, TEXT_NONE, TEXT_NONE, 1);
        metrics_observe(m, METRIC_FIRST_CONTACT, TEXT_NONE, 5000);
        metrics_add(m, METRIC_RUNGS, TEXT("alert"), TEXT_NONE, 1);
        metrics_observe(m, METRIC_RUNG_LATENESS, TEXT_NONE, 0.2);
        metrics_add(m, METRIC_DELIVERIES, TEXT("slack"), TEXT("accepted"), 1);
        metrics_observe(m, METRIC_DELIVERY_SECONDS, TEXT("slack"), 0.02);
        metrics_set(m, METRIC_OUTBOX_MESSAGES, TEXT("slack"), TEXT_NONE, 4);
        metrics_set(m, METRIC_OUTBOX_OLDEST, TEXT_NONE, TEXT_NONE, 12.5);
        metrics_set(m, METRIC_CONSUMER_LAG, TEXT("answers"), TEXT("0"), 900);
        metrics_add(m, METRIC_OFFSET_CONFLICTS, TEXT_NONE, TEXT_NONE, 1);
        metrics_observe(m, METRIC_STORE_COMMIT, TEXT_NONE, 0.004);
        metrics_set(m, METRIC_RELOAD_SUCCESSFUL, TEXT_NONE, TEXT_NONE, 1);
        metrics_set(m, METRIC_BUILD_INFO, TEXT("0.1.0"), TEXT_NONE, 1);
        metrics_set(m, METRIC_STORE_UP, TEXT_NONE, TEXT_NONE, 1);
        metrics_add(m, METRIC_CLOCK_JUMP, TEXT_NONE, TEXT_NONE, 1);
        metrics_set(m, METRIC_RUNGS_HELD, TEXT_NONE, TEXT_NONE, 2);
        metrics_set(m, METRIC_KAFKA_UP, TEXT_NONE, TEXT_NONE, 1);
        metrics_add(m, METRIC_POSSIBLE_REPEATS, TEXT("slack"), TEXT_NONE, 1);
        metrics_set(m, METRIC_KAFKA_HEALTH, TEXT("ok"), TEXT_NONE, 1);
        metrics_set(m, METRIC_CHANNEL_UP, TEXT("slack"), TEXT_NONE, 1);
        metrics_set(m, METRIC_STORE_UP, TEXT_NONE, TEXT_NONE, 1);
        metrics_set(m, METRIC_BACKUP_AGE, TEXT_NONE, TEXT_NONE, 3600);
        metrics_add(m, METRIC_GAP_RECORDS, TEXT("answers"), TEXT("0"), 30);
}

static void every_metric_of_the_contract_is_on_the_page(void **state)
{
        Bench *bench = *state;
        static const char *const series[] = {
                "closedloop_responses_total|source=relationship|outcome=flagged",
                "closedloop_cases_opened_total|rule=detractor",
                "closedloop_cases|state=open",
                "closedloop_cases_overdue",
                "closedloop_first_contact_seconds_count",
                "closedloop_rungs_total|message=alert",
                "closedloop_rung_lateness_seconds_count",
                "closedloop_deliveries_total|channel=slack|result=accepted",
                "closedloop_delivery_seconds_count|channel=slack",
                "closedloop_outbox_messages|channel=slack",
                "closedloop_outbox_oldest_seconds",
                "closedloop_consumer_lag_messages|topic=answers|partition=0",
                "closedloop_offset_conflicts_total",
                "closedloop_store_commit_seconds_count",
                "closedloop_config_last_reload_successful",
                "closedloop_build_info|version=0.1.0",
                "closedloop_kafka_up",
                "closedloop_kafka_health|state=ok",
                "closedloop_store_up",
                "closedloop_clock_jump_total",
                "closedloop_rungs_held",
                "closedloop_possible_repeats_total|channel=slack",
                "closedloop_channel_up|channel=slack",
                "closedloop_store_up",
                "closedloop_backup_age_seconds",
                "closedloop_gap_records_total|topic=answers|partition=0",
        };
        one_of_each(bench->metrics);
        Page page = page_read(bench->arena, bench->metrics);
        assert_int_equal(page.family_count, METRIC_MAX);
        for (size_t i = 0; i < COUNT_OF(series); i++)
                assert_non_null(sample_find(&page, series[i], NULL));
        assert_true(value_of(&page, series[0], NULL) == 3);
        assert_true(value_of(&page, series[10], NULL) == 12.5);
}

static void what_never_happened_is_zero_and_not_unknown(void **state)
{
        Bench *bench = *state;
        Page page = page_read(bench->arena, bench->metrics);
        assert_true(value_of(&page, "closedloop_offset_conflicts_total", NULL) == 0);
        assert_true(value_of(&page, "closedloop_first_contact_seconds_count", NULL) == 0);
        assert_true(value_of(&page, "closedloop_store_commit_seconds_bucket", "+Inf") == 0);
}

static void a_gauge_that_nobody_set_is_not_on_the_page(void **state)
{
        Bench *bench = *state;
        Page page = page_read(bench->arena, bench->metrics);
        assert_null(sample_find(&page, "closedloop_cases_overdue", NULL));
        assert_null(sample_find(&page, "closedloop_kafka_up", NULL));
}

static void labels_come_back_as_they_were(void **state)
{
        Bench *bench = *state;
        static const char *const labels[] = { "a\"b",       "a\\b", "a\nb", "\\n", "\"} 1\nclosedloop_cases 9",
                                              "Grüße 世界", "",     "x,y=z" };
        for (size_t i = 0; i < COUNT_OF(labels); i++)
                metrics_add(bench->metrics, METRIC_CASES_OPENED, text_from(labels[i]), TEXT_NONE, (double)i + 1);
        Page page = page_read(bench->arena, bench->metrics);
        for (size_t i = 0; i < COUNT_OF(labels); i++) {
                Text series = arena_textf(bench->arena, "closedloop_cases_opened_total|rule=%s", labels[i]);
                assert_true(value_of(&page, series.data, NULL) == (double)i + 1);
        }
}

static void a_label_that_is_not_utf8_is_counted_as_other(void **state)
{
        Bench *bench = *state;
        metrics_add(bench->metrics, METRIC_RESPONSES, TEXT("caf\xe9"), TEXT("dead"), 1);
        metrics_add(bench->metrics, METRIC_RESPONSES, TEXT("web"), TEXT("\xff"), 2);
        metrics_add(bench->metrics, METRIC_RUNGS, TEXT("\xed\xa0\x80"), TEXT_NONE, 4);
        Page page = page_read(bench->arena, bench->metrics);
        assert_true(value_of(&page, "closedloop_responses_total|source=other|outcome=other", NULL) == 3);
        assert_true(value_of(&page, "closedloop_rungs_total|message=other", NULL) == 4);
}

static void the_same_labels_are_the_same_series(void **state)
{
        Bench *bench = *state;
        for (int i = 0; i < 1000; i++) {
                metrics_add(bench->metrics, METRIC_DELIVERIES, TEXT("ab"), TEXT("c"), 1);
                metrics_add(bench->metrics, METRIC_DELIVERIES, TEXT("a"), TEXT("bc"), 1);
        }
        Page page = page_read(bench->arena, bench->metrics);
        assert_true(value_of(&page, "closedloop_deliveries_total|channel=ab|result=c", NULL) == 1000);
        assert_true(value_of(&page, "closedloop_deliveries_total|channel=a|result=bc", NULL) == 1000);
}

static void series_beyond_ten_thousand_are_counted_as_other(void **state)
{
        Bench *bench = *state;
        for (int i = 0; i < 10500; i++) {
                Text rule = arena_textf(bench->arena, "rule-%d", i);
                metrics_add(bench->metrics, METRIC_CASES_OPENED, rule, TEXT_NONE, 1);
        }
        metrics_add(bench->metrics, METRIC_CASES_OPENED, TEXT("rule-0"), TEXT_NONE, 1);
        metrics_add(bench->metrics, METRIC_RUNGS, TEXT("alert"), TEXT_NONE, 1);
        Page page = page_read(bench->arena, bench->metrics);
        assert_true(value_of(&page, "closedloop_cases_opened_total|rule=other", NULL) == 500);
        assert_true(value_of(&page, "closedloop_cases_opened_total|rule=rule-0", NULL) == 2);
        assert_true(value_of(&page, "closedloop_cases_opened_total|rule=rule-9999", NULL) == 1);
        assert_null(sample_find(&page, "closedloop_cases_opened_total|rule=rule-10000", NULL));
        assert_true(value_of(&page, "closedloop_rungs_total|message=alert", NULL) == 1);
}

static void partitions_beyond_ten_thousand_share_one_lag(void **state)
{
        Bench *bench = *state;
        for (int round = 0; round < 2; round++) {
                metrics_forget(bench->metrics, METRIC_CONSUMER_LAG);
                for (int i = 0; i < 10003; i++)
                        metrics_set(bench->metrics, METRIC_CONSUMER_LAG, TEXT("t"), arena_textf(bench->arena, "%d", i),
                                    5);
        }
        Page page = page_read(bench->arena, bench->metrics);
        assert_true(value_of(&page, "closedloop_consumer_lag_messages|topic=other|partition=other", NULL) == 15);
}

static void a_forgotten_gauge_is_gone_until_it_is_set_anew(void **state)
{
        Bench *bench = *state;
        metrics_set(bench->metrics, METRIC_CONSUMER_LAG, TEXT("t"), TEXT("0"), 7);
        metrics_set(bench->metrics, METRIC_CONSUMER_LAG, TEXT("t"), TEXT("1"), 8);
        metrics_set(bench->metrics, METRIC_OUTBOX_MESSAGES, TEXT("slack"), TEXT_NONE, 9);
        metrics_forget(bench->metrics, METRIC_CONSUMER_LAG);
        metrics_set(bench->metrics, METRIC_CONSUMER_LAG, TEXT("t"), TEXT("1"), 3);
        Page page = page_read(bench->arena, bench->metrics);
        assert_null(sample_find(&page, "closedloop_consumer_lag_messages|topic=t|partition=0", NULL));
        assert_true(value_of(&page, "closedloop_consumer_lag_messages|topic=t|partition=1", NULL) == 3);
        assert_true(value_of(&page, "closedloop_outbox_messages|channel=slack", NULL) == 9);
}

static void a_counter_never_falls(void **state)
{
        Bench *bench = *state;
        metrics_add(bench->metrics, METRIC_OFFSET_CONFLICTS, TEXT_NONE, TEXT_NONE, 5);
        metrics_add(bench->metrics, METRIC_OFFSET_CONFLICTS, TEXT_NONE, TEXT_NONE, -3);
        metrics_add(bench->metrics, METRIC_OFFSET_CONFLICTS, TEXT_NONE, TEXT_NONE, (double)NAN);
        metrics_add(bench->metrics, METRIC_OFFSET_CONFLICTS, TEXT_NONE, TEXT_NONE, (double)INFINITY);
        Page page = page_read(bench->arena, bench->metrics);
        assert_true(value_of(&page, "closedloop_offset_conflicts_total", NULL) == 5);
}

static void adding_nothing_shows_the_series(void **state)
{
        Bench *bench = *state;
        metrics_add(bench->metrics, METRIC_RESPONSES, TEXT("web"), TEXT("dead"), 0);
        Page page = page_read(bench->arena, bench->metrics);
        assert_true(value_of(&page, "closedloop_responses_total|source=web|outcome=dead", NULL) == 0);
}

static void first_contact_has_buckets_from_one_hour_to_three_days(void **state)
{
        Bench *bench = *state;
        static const double seconds[] = { 0, 3600, 3600.5, 86400, 86401, 259200, 259201 };
        for (size_t i = 0; i < COUNT_OF(seconds); i++)
                metrics_observe(bench->metrics, METRIC_FIRST_CONTACT, TEXT_NONE, seconds[i]);
        Page page = page_read(bench->arena, bench->metrics);
        assert_true(value_of(&page, "closedloop_first_contact_seconds_bucket", "3600") == 2);
        assert_true(value_of(&page, "closedloop_first_contact_seconds_bucket", "7200") == 3);
        assert_true(value_of(&page, "closedloop_first_contact_seconds_bucket", "86400") == 4);
        assert_true(value_of(&page, "closedloop_first_contact_seconds_bucket", "259200") == 6);
        assert_true(value_of(&page, "closedloop_first_contact_seconds_bucket", "+Inf") == 7);
        assert_true(value_of(&page, "closedloop_first_contact_seconds_sum", NULL) ==
                    0 + 3600 + 3600.5 + 86400 + 86401 + 259200 + 259201);
}

static void commits_have_buckets_from_a_tenth_of_a_millisecond_to_a_second(void **state)
{
        Bench *bench = *state;
        metrics_observe(bench->metrics, METRIC_STORE_COMMIT, TEXT_NONE, 0.0001);
        metrics_observe(bench->metrics, METRIC_STORE_COMMIT, TEXT_NONE, 1);
        metrics_observe(bench->metrics, METRIC_STORE_COMMIT, TEXT_NONE, 30);
        Page page = page_read(bench->arena, bench->metrics);
        assert_true(value_of(&page, "closedloop_store_commit_seconds_bucket", "0.0001") == 1);
        assert_true(value_of(&page, "closedloop_store_commit_seconds_bucket", "1") == 2);
        assert_true(value_of(&page, "closedloop_store_commit_seconds_count", NULL) == 3);
}

static void a_time_before_its_start_counts_as_none(void **state)
{
        Bench *bench = *state;
        metrics_observe(bench->metrics, METRIC_RUNG_LATENESS, TEXT_NONE, -4);
        metrics_observe(bench->metrics, METRIC_RUNG_LATENESS, TEXT_NONE, (double)NAN);
        Page page = page_read(bench->arena, bench->metrics);
        assert_true(value_of(&page, "closedloop_rung_lateness_seconds_bucket", "0.1") == 2);
        assert_true(value_of(&page, "closedloop_rung_lateness_seconds_sum", NULL) == 0);
}

static void numbers_read_back_the_same(void **state)
{
        Bench *bench = *state;
        static const double values[] = { 0.1, 0.1 + 0.2, 123456789012345, 1e300, -2.5, 5e-324, 9007199254740993.0 };
        for (size_t i = 0; i < COUNT_OF(values); i++) {
                metrics_set(bench->metrics, METRIC_OUTBOX_OLDEST, TEXT_NONE, TEXT_NONE, values[i]);
                Page page = page_read(bench->arena, bench->metrics);
                assert_true(value_of(&page, "closedloop_outbox_oldest_seconds", NULL) == values[i]);
        }
        metrics_set(bench->metrics, METRIC_OUTBOX_OLDEST, TEXT_NONE, TEXT_NONE, (double)-INFINITY);
        metrics_set(bench->metrics, METRIC_CASES_OVERDUE, TEXT_NONE, TEXT_NONE, (double)NAN);
        Page page = page_read(bench->arena, bench->metrics);
        assert_true(value_of(&page, "closedloop_outbox_oldest_seconds", NULL) == (double)-INFINITY);
        assert_true(isnan(value_of(&page, "closedloop_cases_overdue", NULL)));
}

static Text page_text(Arena *arena, const Metrics *metrics)
{
        Buffer b = buffer_in(arena);
        metrics_write(metrics, &b);
        return buffer_text(&b);
}

static void the_order_of_counting_does_not_show(void **state)
{
        Bench *bench = *state;
        CLEANUP(metrics_freep) Metrics *other = metrics_new();
        for (int i = 0; i < 500; i++) {
                metrics_add(bench->metrics, METRIC_CASES_OPENED, arena_textf(bench->arena, "r%d", i), TEXT_NONE, i);
                metrics_add(other, METRIC_CASES_OPENED, arena_textf(bench->arena, "r%d", 499 - i), TEXT_NONE, 499 - i);
        }
        one_of_each(bench->metrics);
        one_of_each(other);
        Text page = page_text(bench->arena, bench->metrics), page2 = page_text(bench->arena, other);
        assert_true(text_equal(page, page2));
        assert_true(text_equal(page, page_text(bench->arena, bench->metrics)));
}

int main(void)
{
#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        const struct CMUnitTest tests[] = {
                WITH_BENCH(every_metric_of_the_contract_is_on_the_page),
                WITH_BENCH(what_never_happened_is_zero_and_not_unknown),
                WITH_BENCH(a_gauge_that_nobody_set_is_not_on_the_page),
                WITH_BENCH(labels_come_back_as_they_were),
                WITH_BENCH(a_label_that_is_not_utf8_is_counted_as_other),
                WITH_BENCH(the_same_labels_are_the_same_series),
                WITH_BENCH(series_beyond_ten_thousand_are_counted_as_other),
                WITH_BENCH(partitions_beyond_ten_thousand_share_one_lag),
                WITH_BENCH(a_forgotten_gauge_is_gone_until_it_is_set_anew),
                WITH_BENCH(a_counter_never_falls),
                WITH_BENCH(adding_nothing_shows_the_series),
                WITH_BENCH(first_contact_has_buckets_from_one_hour_to_three_days),
                WITH_BENCH(commits_have_buckets_from_a_tenth_of_a_millisecond_to_a_second),
                WITH_BENCH(a_time_before_its_start_counts_as_none),
                WITH_BENCH(numbers_read_back_the_same),
                WITH_BENCH(the_order_of_counting_does_not_show),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
