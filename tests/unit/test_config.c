#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/option.h"
#include "folder_copy.h"

#define TEST(subject, claim) static void subject##_##claim(void **state UNUSED)

#define EXAMPLE "tests/data/example"
#define GOOD "tests/conf-bad/base"

/* Friday, 2026-11-20 08:00 UTC. */
static const WallTime NOW = { INT64_C(1795161600000000) };

static char folder[64];
static Arena *arena;
static Report *report;

static int setup(void **state UNUSED)
{
        (void)strcpy(folder, "/tmp/config-XXXXXX");
        if (!mkdtemp(folder))
                return -1;
        arena = arena_new(4096);
        report = report_new();
        return 0;
}

static int teardown(void **state UNUSED)
{
        folder_remove(folder);
        arena = arena_free(arena);
        report = report_free(report);
        return 0;
}

static const char *path_in(const char *name)
{
        return arena_textf(arena, "%s/%s", folder, name).data;
}

static void put(const char *name, const char *content)
{
        char *slash;
        char path[FOLDER_PATH_BYTES];
        (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
        slash = strrchr(path, '/');
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
        file_write(path, content, strlen(content), 0600);
}

static Config *load(void)
{
        Config *config = NULL;
        (void)setenv("CREDENTIALS_DIRECTORY", path_in("credentials"), 1);
        int r = config_load(path_in("closedloopd.conf"), NOW, report, &config);
        assert_int_equal(r, report->errors > 0 ? -EINVAL : 0);
        return config;
}

static const char *said(void)
{
        Buffer b = buffer_in(arena);
        report_write(report, &b);
        return b.len > 0 ? buffer_text(&b).data : "";
}

static Config *load_good(void)
{
        Config *config = load();
        if (!config)
                fail_msg("%s", said());
        return config;
}

static const char *effective(const Config *config)
{
        Buffer b = buffer_in(arena);
        config_write(config, &b);
        return buffer_text(&b).data;
}

static void replace_in(const char *name, const char *old, const char *new)
{
        char *content = file_content(path_in(name), NULL);
        assert_non_null(content);
        char *found = strstr(content, old);
        assert_non_null(found);
        *found = '\0';
        Text changed = arena_textf(arena, "%s%s%s", content, new, found + strlen(old));
        file_write(path_in(name), changed.data, changed.len, 0600);
        free(content);
}

/* As the operator would have it, with the credentials that it names. */
static void put_example(void)
{
        static const char *const urls[] = { "slack-ana", "slack-south", "teams-joe" };
        static const char *const words[] = { "smtp", "kafka", "link-key" };
        static const char signing[] = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
        folder_lay(EXAMPLE, folder);
        for (size_t i = 0; i < COUNT_OF(urls); i++)
                put(arena_textf(arena, "credentials/%s", urls[i]).data, "https://chat.example.com/hunter2\n");
        for (size_t i = 0; i < COUNT_OF(words); i++)
                put(arena_textf(arena, "credentials/%s", words[i]).data, "hunter2\n");
        put("credentials/crm", signing);
        put("intranet.key", signing);
        replace_in("channels.d/company.conf", "/etc/closedloop/intranet.key", "intranet.key");
}

static void put_good(void)
{
        folder_lay(GOOD, folder);
}

TEST(example, is_accepted_and_says_what_comes_later)
{
        put_example();
        config_unref(load_good());
        assert_string_equal(
                said(),
                "closedloopd.conf:10: warning: kafka.events comes later; until then no event is published\n"
                "closedloopd.conf:11: warning: kafka.acts comes later; until then nothing is read from it\n"
                "closedloopd.conf:21: warning: web comes later; until then messages carry no link\n"
                "policies.d/one-day.conf:12: warning: in policy \"one-day\": appointment comes later; until then an "
                "appointment does not pause the ladder\n"
                "rules.d/50-everybody.conf:8: warning: in rule \"promoter\": then = \"thank\" comes later; until then "
                "it is "
                "counted and nobody is told\n"
                "sources.d/nps.conf:30: warning: in source \"relationship\": complete comes later; until then every "
                "answer "
                "counts as complete\n"
                "sources.d/nps.conf:31: warning: in source \"relationship\": settle comes later; until then every "
                "answer "
                "counts as complete\n"
                "sources.d/nps.conf:32: warning: in source \"relationship\": settle_at_most comes later; until then "
                "every "
                "answer counts as complete\n"
                "sources.d/nps.conf:33: warning: in source \"relationship\": updates comes later; until then an answer "
                "that "
                "comes again is a repeat\n");
}

TEST(example, is_read_as_it_is_written)
{
        put_example();
        Config *config = load_good();
        const Channel *mail = config_channel(config, TEXT("mail")), *crm = config_channel(config, TEXT("intranet"));
        assert_true(text_is(mail->url, "smtp://mail.example.com:587") && mail->tls == MAIL_TLS_REQUIRED);
        assert_true(text_is(mail->from_name, "Customer follow-up") && text_is(mail->from_address, "loop@example.com"));
        assert_true(text_is(mail->password.value, "hunter2"));
        assert_true(crm->allows_plain_http && crm->allows_private_network && !crm->is_shared);
        assert_true(config_channel(config, TEXT("room-south"))->is_shared);
        assert_int_equal(config_channel(config, TEXT("teams-joe"))->type, CHANNEL_TEAMS);
        assert_null(config_channel(config, TEXT("nothing")));
        assert_int_equal(config->kafka.property_count, 3);
        assert_true(text_is(config->kafka.password.value, "hunter2"));
        assert_true(text_is(config->sqlite_path, "/var/lib/closedloop/closedloop.db"));
        assert_int_equal(config->operator_count, 1);
        assert_int_equal(config->cause_count, 6);
        assert_int_equal(config->rules.count, 7);
        assert_true(text_is(config->rules.rules[0].name, "key-account-at-risk"));
        assert_int_equal(config->rules.rules[0].severity, SEVERITY_CRITICAL);
        assert_ptr_equal(config->rules.rules[0].policy, config_policy(config, TEXT("four-hours")));
        assert_true(config->rules.rules[6].overrides && config->rules.rules[6].then == THEN_NOTE);
        config_unref(config);
}

TEST(example, has_its_policy_and_routes)
{
        put_example();
        Config *config = load_good();
        const Policy *policy = config_policy(config, TEXT("one-day"));
        assert_int_equal(policy->version, 3);
        assert_int_equal(policy->window.us, 24 * SPAN_HOUR.us);
        assert_int_equal(policy->rung_count, 5);
        assert_true(policy->ladder[0].any_time && policy->ladder[0].message == MESSAGE_ALERT);
        assert_int_equal(policy->ladder[3].after.kind, DELAY_WINDOW);
        assert_int_equal(policy->ladder[3].tell_count, 2);
        assert_true(policy->ladder[4].repeats && policy->ladder[4].repeat.days == 1);
        assert_int_equal(policy->least_notice.kind, DELAY_WORKING_TIME);
        assert_true(policy->joins && policy->reopens.us == 14 * SPAN_DAY.us && policy->attempts_max == 3);
        const RouteTable *routes = &config->routes;
        assert_int_equal(routes->count, 4);
        assert_int_equal(routes->routes[0].owner_kind, ROUTE_OWNER_FIELD);
        assert_int_equal(routes->routes[0].inform[0].kind, RECIPIENT_FIELD);
        assert_true(routes->routes[1].is_shadow && routes->routes[1].owner_kind == ROUTE_OWNER_TERRITORY);
        assert_true(routes->routes[3].when == NULL && text_is(routes->routes[3].owner, "desk"));
        config_unref(config);
}

TEST(example, has_its_fields)
{
        put_example();
        Config *config = load_good();
        const Source *source = config_source(config, TEXT("relationship"));
        FieldId value, team;
        assert_true(field_find(&config->fields, TEXT("value"), &value) && value >= FIELD_KNOWN_MAX);
        assert_true(field_find(&config->fields, TEXT("account_team"), &team));
        assert_int_equal(config->fields.fields[value].type, FIELD_TYPE_NUMBER);
        assert_int_equal(config->fields.fields[team].type, FIELD_TYPE_LIST);
        assert_true(config->fields.fields[FIELD_NPS].has_scale && !config->fields.fields[value].has_scale);
        assert_true(source->place_of[FIELD_CSAT]->scale_min == 1 && source->place_of[FIELD_CSAT]->scale_max == 5);
        assert_int_equal(source->place_of[FIELD_COMMENT]->path_count, 3);
        assert_true(text_is(source->place_of[value]->unit, "EUR"));
        assert_null(source->place_of[FIELD_EMAIL]);
        assert_int_equal(source->start, START_LATEST);
        assert_int_equal(source->max_age.us, 3 * SPAN_DAY.us);
        assert_int_equal(config->rules.scaled_fields, UINT64_C(1) << FIELD_NPS | UINT64_C(1) << FIELD_CSAT);
        config_unref(config);
}

static const char SMALLEST[] = "kafka = { brokers = \"127.0.0.1:9092\"; };\n"
                               "source = { topic = \"answers\"; fields = { id = \"id\"; nps = \"nps\"; }; };\n"
                               "rule = { when = \"nps <= 6\"; };\n"
                               "channel = { name = \"crm\"; url = \"https://crm.example.com/\"; };\n"
                               "route = { owner = \"ana\"; };\n";

static void put_smallest(void)
{
        put("closedloopd.conf", SMALLEST);
        put("people.csv", "id,channels,manager\nana,crm,joe\njoe,crm,\n");
}

TEST(defaults, are_the_careful_choice)
{
        put_smallest();
        Config *config = load_good();
        const Policy *policy = &config->policies[0];
        const Channel *channel = &config->channels[0];
        const Source *source = &config->sources[0];
        assert_true(text_is(config->kafka.group, "closedloopd"));
        assert_true(text_is(config->sqlite_path, "/var/lib/closedloop/closedloop.db"));
        assert_true(text_is(config->control_socket, "/run/closedloop/control.sock"));
        assert_null(config->metrics_listen.data);
        assert_int_equal(config->cause_count, 6);
        assert_int_equal(config->policy_count, 1);
        assert_true(text_is(policy->name, "default") && policy->version == 1);
        assert_int_equal(policy->window.us, 24 * SPAN_HOUR.us);
        assert_int_equal(policy->reached_by_count, 3);
        assert_true(policy->attempt_pause.kind == DELAY_WORKING_DAYS && policy->attempt_pause.days == 1);
        assert_int_equal(policy->attempts_max, 3);
        assert_int_equal(policy->unreachable_after, 3);
        assert_int_equal(policy->reopens.us, 14 * SPAN_DAY.us);
        assert_true(policy->joins && policy->rung_count == 4 && policy->ladder[3].repeats);
        assert_int_equal(channel->type, CHANNEL_WEBHOOK);
        assert_int_equal(channel->in_flight, 8);
        assert_int_equal(channel->timeout.us, 15 * SPAN_SECOND.us);
        assert_int_equal(channel->patience.us, 10 * SPAN_MINUTE.us);
        assert_int_equal(channel->give_up.us, 24 * SPAN_HOUR.us);
        assert_false(channel->allows_plain_http || channel->allows_private_network || channel->is_shared);
        assert_int_equal(source->anonymous, ANONYMOUS_COUNT);
        assert_int_equal(source->limits.bytes_max, 256 * 1024);
        assert_int_equal(source->limits.depth_max, 64);
        assert_int_equal(source->max_age.us, 3 * SPAN_DAY.us);
        assert_true(source->place_of[FIELD_NPS]->has_scale && source->place_of[FIELD_NPS]->scale_max == 10);
        assert_int_equal(config->rules.rules[0].severity, SEVERITY_NORMAL);
        assert_ptr_equal(config->rules.rules[0].policy, policy);
        config_unref(config);
}

TEST(names, that_are_not_given_come_from_the_file)
{
        put_smallest();
        put("policies.d/one-day.conf", "policy = { };");
        put("rules.d/50-sales.conf", "rules = ( { when = \"nps <= 3\"; }, { when = \"nps <= 2\"; } );");
        Config *config = load_good();
        assert_true(text_is(config->policies[0].name, "one-day"));
        assert_true(text_is(config->rules.rules[0].name, "closedloopd"));
        assert_true(text_is(config->rules.rules[2].name, "50-sales-2"));
        config_unref(config);
}

TEST(folders, are_read_in_byte_order_without_hidden_and_other_files)
{
        put_smallest();
        put("rules.d/b.conf", "rule = { when = \"nps <= 2\"; };");
        put("rules.d/B.conf", "rule = { when = \"nps <= 1\"; };");
        put("rules.d/10.conf", "rule = { when = \"nps <= 3\"; };");
        put("rules.d/.hidden.conf", "nonsense");
        put("rules.d/b.conf~", "nonsense");
        put("rules.d/README", "nonsense");
        Config *config = load_good();
        assert_int_equal(config->rules.count, 4);
        assert_true(text_is(config->rules.rules[1].name, "10"));
        assert_true(text_is(config->rules.rules[2].name, "B"));
        assert_true(text_is(config->rules.rules[3].name, "b"));
        config_unref(config);
}

TEST(lists, may_have_either_bracket_or_be_one_value)
{
        put_good();
        replace_in("policies.d/one-day.conf", "[ \"manager\" ]", "( \"manager\" )");
        replace_in("sources.d/nps.conf", "scale = [1, 5]", "scale = (1, 5.0)");
        replace_in("closedloopd.conf", "operators = [ \"joe\" ]", "operators = \"desk\"");
        Config *config = load_good();
        assert_int_equal(config->operator_count, 2); /* both of the desk */
        assert_true(config->sources[0].place_of[FIELD_CSAT]->scale_max == 5);
        config_unref(config);
}

TEST(effective_configuration, reads_back_as_itself)
{
        put_example();
        Config *config = load_good();
        const char *first = effective(config);
        config_unref(config);
        put("closedloopd.conf", first);
        for (size_t i = 0; i < SECTION_MAX; i++)
                if (SECTIONS[i].folder)
                        folder_remove(path_in(SECTIONS[i].folder));
        config = load_good();
        assert_string_equal(effective(config), first);
        config_unref(config);
}

TEST(effective_configuration, has_no_secret)
{
        put_example();
        replace_in("channels.d/company.conf", "{ credential = \"slack-ana\" }", "\"https://chat.example.com/hunter2\"");
        Config *config = load_good();
        const char *written = effective(config);
        assert_null(strstr(written, "hunter2"));
        assert_null(strstr(written, "whsec_"));
        assert_non_null(strstr(written, "url = \"https://chat.example.com/***\";"));
        assert_true(text_is(config_channel(config, TEXT("slack-ana"))->url, "https://chat.example.com/hunter2"));
        config_unref(config);
}

TEST(policy_text, reads_back_as_the_same_policy)
{
        put_example();
        Config *config = load_good();
        for (size_t i = 0; i < config->policy_count; i++) {
                const Policy *written = &config->policies[i];
                Policy read;
                assert_int_equal(config_policy_read(arena, written->text, &read), 0);
                assert_true(text_equal(read.name, written->name) && text_equal(read.text, written->text));
                assert_int_equal(read.version, written->version);
                assert_int_equal(read.rung_count, written->rung_count);
                assert_int_equal(read.window.us, written->window.us);
        }
        config_unref(config);
}

TEST(policy_text, does_not_change_with_comments_and_layout)
{
        put_good();
        Config *config = load_good();
        Text before = arena_text(arena, config->policies[0].text);
        config_unref(config);
        replace_in("policies.d/one-day.conf", "  version = 2;\n", "# agreed\n    version=2 ;\n\n");
        config = load_good();
        assert_true(text_equal(config->policies[0].text, before));
        config_unref(config);
        replace_in("policies.d/one-day.conf", "version=2", "window = \"12 hours\"; version=2");
        config = load_good();
        assert_false(text_equal(config->policies[0].text, before));
        config_unref(config);
}

TEST(policy_text, that_is_none_is_refused)
{
        static const char *const texts[] = { "",
                                             "policy = 1;",
                                             "policy = { ",
                                             "rules = ( );",
                                             "policy = { name = \"x\"; version = 0; };",
                                             "policy = { name = \"x\"; }; policy2 = { };" };
        Policy policy;
        for (size_t i = 0; i < COUNT_OF(texts); i++)
                assert_int_equal(config_policy_read(arena, text_from(texts[i]), &policy), -EINVAL);
}

TEST(configuration, lives_until_the_last_reference_goes)
{
        put_good();
        Config *config = load_good();
        Config *other = config_ref(config);
        assert_ptr_equal(config, other);
        assert_null(config_unref(config));
        assert_true(text_is(other->channels[0].name, "mail"));
        assert_null(config_unref(other));
}

TEST(rows_of_a_person, hold_from_the_first_day_to_the_end_of_the_last)
{
        put_smallest();
        put("people.csv", "id,channels,manager,time_zone,from,until\n"
                          "joe,crm,,,,\n"
                          "ana,crm,joe,America/Sao_Paulo,,2026-11-20\n"
                          "ana,crm,joe,Europe/Berlin,2026-11-22,\n");
        Config *config = load_good();
        WallTime end = { INT64_C(1795230000000000) };   /* 2026-11-21 00:00 in Sao Paulo */
        WallTime begin = { INT64_C(1795302000000000) }; /* 2026-11-22 00:00 in Berlin */
        const Roster *roster = &config->roster;
        assert_non_null(roster_person(roster, TEXT("ana"), (WallTime){ end.us - 1 }));
        assert_null(roster_person(roster, TEXT("ana"), end));
        assert_null(roster_person(roster, TEXT("ana"), (WallTime){ begin.us - 1 }));
        assert_true(text_is(roster_person(roster, TEXT("ana"), begin)->zone->name, "Europe/Berlin"));
        config_unref(config);
}

TEST(tables, may_come_from_a_spreadsheet)
{
        put_good();
        put("people.csv", "\xef\xbb\xbfname,id,channels,manager,email,,\r\n"
                          "\"Lima, \"\"Ana\"\"\",ana,mail,joe,ana@example.com,,\r\n"
                          ",,,,,,\r\n"
                          " Ben , ben , mail , joe , ben@example.com ,,\r\n"
                          "Joe,joe,mail,ines,joe@example.com,,\r\n"
                          "Ines,ines,mail,,ines@example.com,,\r\n"
                          ",,,,,,\r\n");
        Config *config = load_good();
        assert_int_equal(config->roster.person_count, 4);
        assert_true(text_is(roster_person(&config->roster, TEXT("ana"), NOW)->name, "Lima, \"Ana\""));
        assert_true(text_is(roster_person(&config->roster, TEXT("ben"), NOW)->email, "ben@example.com"));
        config_unref(config);
}

TEST(territories, are_found_by_name_then_by_the_longest_wildcard)
{
        put_good();
        put("territories.csv", "territory,owner\nUK*,ben\nUKI,ana\n*,joe\nUK-N*,ines\n");
        replace_in("people.csv", "ines,Ines Roth,ines@example.com,mail,Europe/Berlin,,",
                   "ines,Ines Roth,ines@example.com,mail,Europe/Berlin,,joe");
        Config *config = load_good();
        assert_true(text_is(roster_territory(&config->roster, TEXT("UKI"), NOW)->owner, "ana"));
        assert_true(text_is(roster_territory(&config->roster, TEXT("UK-North"), NOW)->owner, "ines"));
        assert_true(text_is(roster_territory(&config->roster, TEXT("FR"), NOW)->owner, "joe"));
        config_unref(config);
}

TEST(templates, are_read_from_the_folder_beside_the_main_file)
{
        put_good();
        put("templates/alert.mustache", "Hello\n{{customer}}\n");
        put("templates/alert.shared.mustache", "Somebody has it\nx\n");
        Config *config = load_good();
        assert_non_null(config->templates[MESSAGE_ALERT][0]);
        assert_non_null(config->templates[MESSAGE_ALERT][1]);
        assert_null(config->templates[MESSAGE_REMINDER][0]);
        config_unref(config);
}

TEST(templates, that_are_installed_are_good)
{
        put_good();
        (void)mkdir(path_in("templates"), 0700);
        folder_lay("conf/templates", path_in("templates"));
        config_unref(load_good());
        assert_string_equal(said(), "");
}

TEST(installed_configuration, loads_without_a_word)
{
        folder_lay("conf", folder);
        Config *config = load_good();
        assert_string_equal(said(), "");
        for (size_t i = 0; i < config->routes.count; i++)
                assert_true(config->routes.routes[i].is_shadow); /* nobody is told before somebody has decided so */
        config_unref(config);
}

TEST(credentials, outside_of_systemd_are_explained)
{
        Config *config = NULL;
        put_good();
        (void)unsetenv("CREDENTIALS_DIRECTORY");
        assert_int_equal(config_load(path_in("closedloopd.conf"), NOW, report, &config), -EINVAL);
        assert_non_null(strstr(said(),
                               "credential \"crm\" could not be read: $CREDENTIALS_DIRECTORY is not set; systemd "
                               "sets it for a unit with LoadCredential="));
}

TEST(restart, is_needed_for_what_a_reload_cannot_change)
{
        put_good();
        Config *running = load_good();
        replace_in("rules.d/nps.conf", "nps <= 6", "nps <= 5");
        Config *next = load_good();
        assert_null(config_restart_keys(running, next, arena).data);
        config_unref(next);
        replace_in("closedloopd.conf", "127.0.0.1:9092", "127.0.0.1:9093");
        replace_in("closedloopd.conf", "operators", "metrics = { listen = \"[::1]:1\"; }; operators");
        next = load_good();
        assert_true(text_is(config_restart_keys(running, next, arena), "kafka.brokers, metrics.listen"));
        config_unref(next);
        config_unref(running);
}

TEST(problems, beyond_a_thousand_are_counted)
{
        Buffer b = buffer_in(arena);
        for (int i = 0; i < PROBLEMS_MAX + 7; i++)
                buffer_put_literal(&b, "nobody,x,\n");
        put_smallest();
        put("people.csv", arena_textf(arena, "id,channels,manager\n" TEXT_F, TEXT_ARG(buffer_text(&b))).data);
        assert_null(load());
        assert_non_null(strstr(said(), " more problems are not shown\n"));
        assert_true(report->errors > PROBLEMS_MAX && report->count == PROBLEMS_MAX);
}

/* One webhook for each of many people is what a company with a chat system has. */
TEST(large_rosters, are_read_in_reasonable_time)
{
        enum {
                PEOPLE = 3000
        };
        Buffer people = buffer_in(arena), channels = buffer_in(arena), territories = buffer_in(arena);
        put_good();
        buffer_put_literal(&people, "id,email,channels,manager\nboss,boss@example.com,mail,\n"
                                    "joe,j@example.com,mail,boss\nben,b@example.com,mail,boss\n"
                                    "ines,i@example.com,mail,boss\nana,a@example.com,mail,boss\n");
        buffer_put_literal(&territories, "territory,owner\n");
        buffer_put_literal(&channels, "channels = (");
        for (int i = 0; i < PEOPLE; i++) {
                buffer_putf(&people, "p%d,,chat-%d,boss\n", i, i);
                buffer_putf(&territories, "T-%d,p%d\n", i, i);
                buffer_putf(&channels, "%s{ name = \"chat-%d\"; type = \"slack\"; url = \"https://x.example/%d\"; }",
                            i > 0 ? "," : "", i, i);
        }
        buffer_put_literal(&channels, ");");
        put("people.csv", buffer_text(&people).data);
        put("territories.csv", buffer_text(&territories).data);
        put("channels.d/people.conf", buffer_text(&channels).data);
        Config *config = load_good();
        assert_int_equal(config->channel_count, PEOPLE + 3);
        assert_true(text_is(config_channel(config, TEXT("chat-2999"))->url, "https://x.example/2999"));
        assert_true(text_is(roster_territory(&config->roster, TEXT("T-77"), NOW)->owner, "p77"));
        config_unref(config);
}

TEST(table_of_options, is_complete)
{
        Buffer b = buffer_in(arena);
        option_write_table(&b);
        const char *manual = buffer_text(&b).data;
        assert_non_null(strstr(manual,
                               "\nchannel.patience\n    how long it may fail before the person's next channel is "
                               "tried\n    duration, 1 second..7 days; default \"10 minutes\"\n"));
        for (size_t i = 0; i < OPTION_COUNT; i++) {
                const char *parent = strrchr(OPTIONS[i].path, '.');
                assert_non_null(OPTIONS[i].sentence);
                for (size_t j = 0; j < i; j++)
                        assert_string_not_equal(OPTIONS[i].path, OPTIONS[j].path);
                if (parent)
                        assert_non_null(option_find(
                                arena_textf(arena, "%.*s", (int)(parent - OPTIONS[i].path), OPTIONS[i].path).data));
        }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(example_is_accepted_and_says_what_comes_later),
                CASE(example_is_read_as_it_is_written),
                CASE(example_has_its_policy_and_routes),
                CASE(example_has_its_fields),
                CASE(defaults_are_the_careful_choice),
                CASE(names_that_are_not_given_come_from_the_file),
                CASE(folders_are_read_in_byte_order_without_hidden_and_other_files),
                CASE(lists_may_have_either_bracket_or_be_one_value),
                CASE(effective_configuration_reads_back_as_itself),
                CASE(effective_configuration_has_no_secret),
                CASE(policy_text_reads_back_as_the_same_policy),
                CASE(policy_text_does_not_change_with_comments_and_layout),
                CASE(policy_text_that_is_none_is_refused),
                CASE(configuration_lives_until_the_last_reference_goes),
                CASE(rows_of_a_person_hold_from_the_first_day_to_the_end_of_the_last),
                CASE(tables_may_come_from_a_spreadsheet),
                CASE(territories_are_found_by_name_then_by_the_longest_wildcard),
                CASE(templates_are_read_from_the_folder_beside_the_main_file),
                CASE(templates_that_are_installed_are_good),
                CASE(installed_configuration_loads_without_a_word),
                CASE(credentials_outside_of_systemd_are_explained),
                CASE(restart_is_needed_for_what_a_reload_cannot_change),
                CASE(problems_beyond_a_thousand_are_counted),
                CASE(large_rosters_are_read_in_reasonable_time),
                CASE(table_of_options_is_complete),
        };
        return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
