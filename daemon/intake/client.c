#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "inside.h"

int queue_watch(sd_event *event, rd_kafka_queue_t *queue, sd_event_io_handler_t handler, void *userdata, int *ret_fd,
                sd_event_source **ret_source)
{
        static const uint64_t one = 1;
        /* Not blocking: librdkafka writes to it with its queue locked. */
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd < 0)
                return -errno;
        int r = sd_event_add_io(event, ret_source, fd, EPOLLIN, handler, userdata);
        if (r < 0) {
                close(fd);
                return r;
        }
        rd_kafka_queue_io_event_enable(queue, fd, &one, sizeof(one));
        *ret_fd = fd;
        return 0;
}

void queue_wake_read(int fd)
{
        uint64_t count;
        ssize_t n = read(fd, &count, sizeof(count));
        must(n == sizeof(count) || errno == EAGAIN || errno == EINTR);
}

/* librdkafka ends by joining its threads, which has no time limit and has hung in several versions. So a thread of our
 * own waits for it, and is left behind when it takes too long: the process is about to end. */
typedef struct Ending {
        rd_kafka_t *client;
        sem_t done;
        bool is_abandoned; /* the thread frees the struct */
        pthread_mutex_t lock;
} Ending;

static Ending *ending_free(Ending *ending)
{
        sem_destroy(&ending->done);
        pthread_mutex_destroy(&ending->lock);
        free(ending);
        return NULL;
}

static void *client_end(void *data)
{
        Ending *ending = data;
        /* There is no group to leave. */
        rd_kafka_destroy_flags(ending->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        pthread_mutex_lock(&ending->lock);
        bool is_abandoned = ending->is_abandoned;
        sem_post(&ending->done);
        pthread_mutex_unlock(&ending->lock);
        if (is_abandoned)
                ending_free(ending);
        return NULL;
}

static bool ending_wait(Ending *ending)
{
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += INTAKE_CLOSE_SECONDS;
        while (sem_clockwait(&ending->done, CLOCK_MONOTONIC, &until) < 0)
                if (errno != EINTR)
                        return false;
        return true;
}

/* True if the thread had not ended: it has to clean up itself then. */
static bool ending_abandon(Ending *ending)
{
        pthread_mutex_lock(&ending->lock);
        ending->is_abandoned = sem_trywait(&ending->done) < 0;
        bool is_abandoned = ending->is_abandoned;
        pthread_mutex_unlock(&ending->lock);
        return is_abandoned;
}

bool client_destroy(rd_kafka_t *client)
{
        pthread_t thread;
        Ending *ending = calloc(1, sizeof(*ending));
        must(ending != NULL);
        ending->client = client;
        must(sem_init(&ending->done, 0, 0) == 0);
        must(pthread_mutex_init(&ending->lock, NULL) == 0);
        if (pthread_create(&thread, NULL, client_end, ending) != 0) {
                ending_free(ending);
                return false;
        }
        if (!ending_wait(ending) && ending_abandon(ending)) {
                pthread_detach(thread);
                return false;
        }
        pthread_join(thread, NULL);
        ending_free(ending);
        return true;
}

static void *client_end_alone(void *client)
{
        rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        return NULL;
}

void client_abandon(rd_kafka_t *client)
{
        pthread_t thread;
        /* Without a thread it stays: a leak of some memory, at a time when there are worse troubles. */
        if (pthread_create(&thread, NULL, client_end_alone, client) == 0)
                pthread_detach(thread);
}
