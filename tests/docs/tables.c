/* tables.c - prints the parts of the documentation that are tables in the code: what the README shows cannot be wrong
 * for long; and the journal's catalog. Usage: tables views|states|metrics|options|receivers|messages|catalog */
#include <stdio.h>
#include <syslog.h>

#include "base/notice.h"
#include "config/option.h"
#include "core/case.h"
#include "notify/receiver.h"
#include "store/store.h"
#include "web/metrics.h"

static void views_print(void)
{
        StoreViewColumn c;
        const char *view = "";
        for (size_t i = 0; store_view_column(i, &c); i++) {
                if (strcmp(view, c.view) != 0)
                        printf("%s**`%s`**: %s\n\n| column | meaning |\n|---|---|\n", i ? "\n" : "", c.view,
                               c.view_meaning);
                view = c.view;
                printf("| `%s`%s%s%s | %s |\n", c.column, c.is_time ? ", `" : "", c.is_time ? c.column : "",
                       c.is_time ? "_us`" : "", c.meaning);
        }
}

static void states_print(void)
{
        const char *state, *event, *verb, *next;
        printf("| state | event | what happens | next state |\n|---|---|---|---|\n");
        for (size_t i = 0; case_table_row(i, &state, &event, &verb, &next); i++)
                printf("| %s | %s | %s | %s |\n", state, event, verb, next);
}

static void metrics_print(void)
{
        CLEANUP(metrics_freep) Metrics *metrics = metrics_new();
        CLEANUP(arena_freep) Arena *arena = arena_new(16 * 1024);
        Buffer b = buffer_in(arena);
        for (MetricId id = 0; id < METRIC_MAX; id++) { /* a series each, or it would not be written; histograms are */
                bool has_two = id == METRIC_RESPONSES || id == METRIC_DELIVERIES || id == METRIC_CONSUMER_LAG ||
                               id == METRIC_GAP_RECORDS;
                bool has_one = has_two || id == METRIC_CASES_OPENED || id == METRIC_CASES || id == METRIC_RUNGS ||
                               id == METRIC_OUTBOX_MESSAGES || id == METRIC_BUILD_INFO ||
                               id == METRIC_POSSIBLE_REPEATS || id == METRIC_CHANNEL_UP || id == METRIC_KAFKA_HEALTH;
                bool is_histogram = id == METRIC_FIRST_CONTACT || id == METRIC_RUNG_LATENESS ||
                                    id == METRIC_DELIVERY_SECONDS || id == METRIC_STORE_COMMIT;
                bool is_counter = id == METRIC_RESPONSES || id == METRIC_CASES_OPENED || id == METRIC_RUNGS ||
                                  id == METRIC_DELIVERIES || id == METRIC_OFFSET_CONFLICTS ||
                                  id == METRIC_POSSIBLE_REPEATS || id == METRIC_CLOCK_JUMP || id == METRIC_GAP_RECORDS;
                if (!is_histogram)
                        (is_counter ? metrics_add : metrics_set)(metrics, id, has_one ? TEXT("x") : TEXT_NONE,
                                                                 has_two ? TEXT("x") : TEXT_NONE, 1);
        }
        metrics_observe(metrics, METRIC_DELIVERY_SECONDS, TEXT("x"), 0);
        metrics_write(metrics, &b);
        Text rest = buffer_text(&b), line;
        printf("| metric | meaning |\n|---|---|\n");
        while (text_split(&rest, '\n', &line)) {
                Text name, help = line;
                if (!text_starts(line, TEXT("# HELP ")))
                        continue;
                help = text_from_offset(line, 7);
                (void)text_split(&help, ' ', &name);
                printf("| `" TEXT_F "` | " TEXT_F " |\n", TEXT_ARG(name), TEXT_ARG(help));
        }
}

static void options_print(void)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(64 * 1024);
        Buffer b = buffer_in(arena);
        option_write_table(&b);
        printf("```\n" TEXT_F "```\n", TEXT_ARG(text_trim(buffer_text(&b))));
}

static const char *priority_text(int priority)
{
        return priority <= LOG_ERR ? "Error" : priority == LOG_WARNING ? "Warning" : "Note";
}

static void messages_print(void)
{
        printf("| what the line begins with | why | what to do |\n|---|---|---|\n");
        for (NoticeId id = 0; id < NOTICE_MAX; id++) {
                const NoticeRow *row = notice_row(id);
                printf("| %s *(%s)* | %s | %s |\n", row->subject, priority_text(row->priority), row->cause, row->cure);
        }
}

/* For `journalctl -x`, which shows it under the line: 76 columns. */
static void paragraph_print(Text words)
{
        size_t column = 0;
        Text word;
        while (text_split(&words, ' ', &word)) {
                bool is_new_line = column + word.len + 1 > 76;
                printf("%s" TEXT_F, column == 0 ? "" : is_new_line ? "\n" : " ", TEXT_ARG(word));
                column = (is_new_line || column == 0 ? 0 : column + 1) + word.len;
        }
        printf("\n");
}

/* systemd's catalog format: an entry each, of header fields, an empty line, and text. */
static void catalog_print(void)
{
        for (NoticeId id = 0; id < NOTICE_MAX; id++) {
                const NoticeRow *row = notice_row(id);
                printf("%s-- %s\nSubject: %s\nDefined-By: closedloopd\n"
                       "Documentation: file:///usr/share/doc/closedloop/README.md\n\n",
                       id ? "\n" : "", row->message_id, row->subject);
                paragraph_print(text_from(row->cause));
                printf("\nWhat to do:\n");
                paragraph_print(text_from(row->cure));
        }
}

static void receivers_print(void)
{
        printf("| type | system | what arrives | title, text, small print at most | a yes |\n|---|---|---|---|---|\n");
        for (ChannelType type = 0; type < CHANNEL_TYPE_MAX; type++) {
                const Receiver *r = receiver_of(type);
                if (!r)
                        continue;
                printf("| `%s` | %s | %s | %zu, %zu, %zu %s | ", channel_type_text(type), r->name, r->shows,
                       r->title_max, r->text_max, r->small_max, text_unit_text(r->unit));
                printf(r->status ? "%d" : "2xx", r->status);
                printf(!r->yes ? " |\n" : r->yes[0] == '{' ? ", JSON |\n" : ", \"%s\" |\n", r->yes);
        }
}

int main(int argc, char **argv)
{
        const char *wanted = argc > 1 ? argv[1] : "";
        if (strcmp(wanted, "views") == 0)
                views_print();
        else if (strcmp(wanted, "states") == 0)
                states_print();
        else if (strcmp(wanted, "metrics") == 0)
                metrics_print();
        else if (strcmp(wanted, "options") == 0)
                options_print();
        else if (strcmp(wanted, "messages") == 0)
                messages_print();
        else if (strcmp(wanted, "catalog") == 0)
                catalog_print();
        else if (strcmp(wanted, "receivers") == 0)
                receivers_print();
        else
                return 64;
        return 0;
}
