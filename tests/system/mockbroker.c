/* mockbroker.c - a Kafka in a second, without Java: librdkafka's own mock cluster, on free loopback ports.
 *
 *   mockbroker [--brokers N] [--refuse-offsets N] [NAME:PARTITIONS]...
 *
 * Creates the topics, prints the addresses for bootstrap.servers on a line of its own, and runs until its standard
 * input ends or SIGTERM or SIGINT comes. Lines on standard input, each answered with "done" on a line: leader NAME
 * PARTITION BROKER   another broker leads the partition down BROKER | up BROKER        brokers are 1, 2, ... silence N
 * N fetches are answered so that a client says nothing and gets nothing speak                          fetches are
 * answered again Topics not named come into being when somebody asks for them, with 4 partitions. The first N questions
 * for offsets (where a partition begins, where it ends) get an error. It keeps 5 MiB of each partition in memory, and
 * has no transactions, passwords, TLS, nor ways to change a topic. Exit codes: 0 ended as asked, 64 wrong use, 69
 * librdkafka refused. */
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

enum {
        PARTITIONS_MAX = 1000
};

static _Noreturn void fail(int code, const char *what, const char *why)
{
        fprintf(stderr, "mockbroker: %s: %s\n", what, why);
        exit(code);
}

static void topic_create(rd_kafka_mock_cluster_t *cluster, char *argument)
{
        char *colon = strrchr(argument, ':'), *end = NULL;
        long partitions = colon ? strtol(colon + 1, &end, 10) : 0;
        if (!colon || colon == argument || *end || partitions < 1 || partitions > PARTITIONS_MAX)
                fail(EX_USAGE, argument, "not of the form NAME:PARTITIONS");
        *colon = '\0';
        rd_kafka_resp_err_t error = rd_kafka_mock_topic_create(cluster, argument, (int)partitions, 1);
        if (error)
                fail(EX_UNAVAILABLE, argument, rd_kafka_err2str(error));
}

static void offsets_refuse(rd_kafka_mock_cluster_t *cluster, const char *count)
{
        enum {
                LIST_OFFSETS = 2 /* the number of the request in Kafka's protocol */
        };
        for (long left = strtol(count, NULL, 10); left > 0; left--)
                rd_kafka_mock_push_request_errors(cluster, LIST_OFFSETS, 1, RD_KAFKA_RESP_ERR_UNKNOWN);
}

/* Before there are threads: they inherit it. */
static int signals_watch(void)
{
        sigset_t signals;
        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        sigprocmask(SIG_BLOCK, &signals, NULL);
        int fd = signalfd(-1, &signals, SFD_CLOEXEC);
        if (fd < 0)
                fail(EX_UNAVAILABLE, "could not watch signals", strerror(errno));
        return fd;
}

static void fetches_silence(rd_kafka_mock_cluster_t *cluster, int count)
{
        enum {
                FETCH = 1
        };
        rd_kafka_mock_clear_request_errors(cluster, FETCH);
        for (; count > 0; count--)
                rd_kafka_mock_push_request_errors(cluster, FETCH, 1, RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE);
}

static void command_take(rd_kafka_mock_cluster_t *cluster, const char *line)
{
        char name[256];
        int first, second;
        rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
        if (sscanf(line, "leader %255s %d %d", name, &first, &second) == 3)
                error = rd_kafka_mock_partition_set_leader(cluster, name, first, second);
        else if (sscanf(line, "down %d", &first) == 1)
                error = rd_kafka_mock_broker_set_down(cluster, first);
        else if (sscanf(line, "up %d", &first) == 1)
                error = rd_kafka_mock_broker_set_up(cluster, first);
        else if (sscanf(line, "silence %d", &first) == 1)
                fetches_silence(cluster, first);
        else if (strcmp(line, "speak") == 0)
                fetches_silence(cluster, 0);
        else
                fail(EX_USAGE, line, "not a command");
        if (error)
                fail(EX_UNAVAILABLE, line, rd_kafka_err2str(error));
        puts("done");
        fflush(stdout);
}

/* One command is on its way at a time: whoever sent it waits for the answer. */
static bool input_has_ended(rd_kafka_mock_cluster_t *cluster)
{
        char line[512];
        ssize_t n = read(STDIN_FILENO, line, sizeof line - 1);
        if (n <= 0)
                return n == 0 || (errno != EINTR && errno != EAGAIN);
        line[n] = '\0';
        line[strcspn(line, "\n")] = '\0';
        command_take(cluster, line);
        return false;
}

static void end_wait(rd_kafka_mock_cluster_t *cluster, int signals)
{
        struct pollfd fds[] = { { .fd = signals, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
        for (;;) {
                if (poll(fds, 2, -1) < 0 && errno != EINTR)
                        return;
                if (fds[0].revents || (fds[1].revents && input_has_ended(cluster)))
                        return;
        }
}

static rd_kafka_t *client_open(void)
{
        char why[512];
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        /* Its own client has no brokers, which it would complain about. */
        if (rd_kafka_conf_set(conf, "log_level", "3", why, sizeof why) != RD_KAFKA_CONF_OK)
                fail(EX_UNAVAILABLE, "log_level", why);
        rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
        if (!client)
                fail(EX_UNAVAILABLE, "could not start a client", why);
        return client;
}

int main(int argc, char **argv)
{
        int signals = signals_watch();
        rd_kafka_t *client = client_open();
        int first = 1, brokers = 1;
        if (argc > 2 && strcmp(argv[1], "--brokers") == 0) {
                brokers = (int)strtol(argv[2], NULL, 10);
                first = 3;
        }
        rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(client, brokers);
        if (!cluster)
                fail(EX_UNAVAILABLE, "could not start the cluster", "librdkafka refused");
        if (argc > first + 1 && strcmp(argv[first], "--refuse-offsets") == 0) {
                offsets_refuse(cluster, argv[first + 1]);
                first += 2;
        }
        for (int i = first; i < argc; i++)
                topic_create(cluster, argv[i]);
        puts(rd_kafka_mock_cluster_bootstraps(cluster));
        fflush(stdout);
        end_wait(cluster, signals);
        rd_kafka_mock_cluster_destroy(cluster);
        rd_kafka_destroy(client);
        return EX_OK;
}
