/* Each tests/rules/NAME.eval is a table of "verdict | answer" lines for the configuration in tests/rules/NAME/:
 *     call detractor | {"id": 1, "nps": 2}          the verdict and the rule that decided
 *     satisfied | {...}    unjudgeable | {...}      no rule decided
 *     call detractor > ana | {...}                  and who owns it ("> ana shadow", "> desk catch-all")
 *     dead: not a JSON object | []                  it cannot be read
 * Empty lines and lines that begin with # are comments. Answers are read by the first source, and the roster is that of
 * Friday, 2026-11-20 08:00 UTC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"

#define ROOT "tests/rules"

enum {
        TABLES_MAX = 100,
        FILE_BYTES_MAX = 1 << 20
};

static struct CMUnitTest tables[TABLES_MAX];
static size_t table_count;

static const WallTime NOW = { INT64_C(1795161600000000) };

typedef struct Table {
        const char *path;
        Config *config;
        JsonReader *reader;
        Arena *arena; /* of one line */
        unsigned line;
        unsigned wrong;
} Table;

static Text verdict_text(Table *t, Response *r, bool with_owner)
{
        Verdict verdict;
        Routed routed;
        rules_judge(&t->config->rules, r, t->arena, &verdict);
        Text text = text_from(verdict_kind_text(verdict.kind));
        if (verdict.rule)
                text = arena_textf(t->arena, TEXT_F " " TEXT_F, TEXT_ARG(text), TEXT_ARG(verdict.rule->name));
        if (!with_owner)
                return text;
        route_resolve(&t->config->routes, &t->config->roster, r, NOW, t->arena, &routed);
        return arena_textf(t->arena, TEXT_F " > " TEXT_F "%s%s", TEXT_ARG(text), TEXT_ARG(party_id(routed.owner)),
                           routed.is_shadow ? " shadow" : "", routed.is_catch_all ? " catch-all" : "");
}

static Text answer_text(Table *t, Text answer, bool with_owner)
{
        const Source *source = &t->config->sources[0];
        const Place place = { .topic = source->topic, .partition = 0, .offset = t->line, .record_time = NOW };
        const JsonValue *root;
        Response r;
        JsonFault json = json_read(t->reader, answer, source->limits, &root);
        if (json != JSON_FAULT_NONE)
                return arena_textf(t->arena, "dead: %s", json_fault_text(json));
        ResponseFault fault = response_read(source, &t->config->fields, root, &place, t->arena, &r);
        if (fault != RESPONSE_READABLE)
                return arena_textf(t->arena, "dead: %s", response_fault_text(fault));
        return verdict_text(t, &r, with_owner);
}

static void check_line(Table *t, Text line)
{
        Text rest = line, expected;
        if (!text_split(&rest, '|', &expected) || !rest.data) {
                print_error("%s:%u: a line is \"verdict | answer\"\n", t->path, t->line);
                t->wrong++;
                return;
        }
        expected = text_trim(expected);
        bool with_owner = memmem(expected.data, expected.len, " > ", 3) != NULL;
        Text found = answer_text(t, text_trim(rest), with_owner);
        if (text_equal(found, expected))
                return;
        print_error("%s:%u: expected \"" TEXT_F "\", found \"" TEXT_F "\"\n", t->path, t->line, TEXT_ARG(expected),
                    TEXT_ARG(found));
        t->wrong++;
}

static void check_lines(Table *t, Text content)
{
        Text rest = content, line;
        for (t->line = 1; text_split(&rest, '\n', &line); t->line++) {
                line = text_trim(line);
                if (!text_is_empty(line) && line.data[0] != '#')
                        check_line(t, line);
                arena_reset(t->arena);
        }
}

static Config *load(const char *name)
{
        char path[256];
        Config *config = NULL;
        CLEANUP(report_freep) Report *report = report_new();
        Buffer b = buffer_in(report->arena);
        (void)snprintf(path, sizeof(path), ROOT "/%s/closedloopd.conf", name);
        if (config_load(path, NOW, report, &config) < 0) {
                report_write(report, &b);
                fail_msg("%s:\n" TEXT_F, path, TEXT_ARG(buffer_text(&b)));
        }
        return config;
}

static char *content_of(const char *path, size_t *ret_len)
{
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        char *content = malloc(FILE_BYTES_MAX);
        assert_non_null(content);
        *ret_len = fread(content, 1, FILE_BYTES_MAX, file);
        (void)fclose(file);
        return content;
}

static void check_table(void **state)
{
        const char *name = *state;
        char path[256];
        (void)snprintf(path, sizeof(path), ROOT "/%s.eval", name);
        Table t = { .path = path, .config = load(name), .reader = json_reader_new(), .arena = arena_new(65536) };
        size_t len;
        char *content = content_of(path, &len);
        check_lines(&t, (Text){ content, len });
        free(content);
        (void)json_reader_free(t.reader);
        (void)arena_free(t.arena);
        (void)config_unref(t.config);
        assert_int_equal(t.wrong, 0);
}

static int is_table(const struct dirent *entry)
{
        size_t len = strlen(entry->d_name);
        return len > 5 && strcmp(entry->d_name + len - 5, ".eval") == 0;
}

static void find_tables(void)
{
        struct dirent **entries;
        int count = scandir(ROOT, &entries, is_table, alphasort);
        for (int i = 0; i < count; i++) {
                char *name = strndup(entries[i]->d_name, strlen(entries[i]->d_name) - 5);
                if (table_count < TABLES_MAX)
                        tables[table_count++] = (struct CMUnitTest){ name, check_table, NULL, NULL, name };
                free(entries[i]);
        }
        if (count >= 0)
                free(entries);
}

int main(void)
{
        find_tables();
        if (table_count == 0) {
                print_error("no .eval file in " ROOT "\n");
                return 1;
        }
        int failed = _cmocka_run_group_tests("rules_eval", tables, table_count, NULL, NULL);
        for (size_t i = 0; i < table_count; i++)
                free(tables[i].initial_state);
        return failed;
}
