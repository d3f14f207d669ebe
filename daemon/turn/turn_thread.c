#include "turn/turn_thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

struct TurnThread {
        Turn *turn;
        int64_t boot_id;
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        Batch *todo, *back; /* under the lock */
        bool is_stopping, has_ended;
        bool is_out; /* the loop's own view: a batch is lent */
        int fd;
};

static Batch *thread_wait(TurnThread *t)
{
        (void)pthread_mutex_lock(&t->lock);
        while (!t->todo && !t->is_stopping)
                (void)pthread_cond_wait(&t->changed, &t->lock);
        Batch *batch = t->todo;
        (void)pthread_mutex_unlock(&t->lock);
        return batch;
}

static void thread_give_back(TurnThread *t, Batch *batch)
{
        uint64_t one = 1;
        (void)pthread_mutex_lock(&t->lock);
        t->todo = NULL;
        t->back = batch;
        (void)pthread_cond_broadcast(&t->changed);
        (void)pthread_mutex_unlock(&t->lock);
        ssize_t written = write(t->fd, &one, sizeof(one));
        must(written == sizeof(one));
}

static void *thread_main(void *userdata)
{
        TurnThread *t = userdata;
        for (Batch *batch = thread_wait(t); batch; batch = thread_wait(t)) {
                batch->now = clock_wall();
                batch->boot = clock_boot();
                batch->boot_id = t->boot_id;
                batch->is_synchronised = clock_is_synchronised();
                turn_run(t->turn, batch);
                thread_give_back(t, batch);
        }
        (void)pthread_mutex_lock(&t->lock);
        t->has_ended = true;
        (void)pthread_cond_broadcast(&t->changed);
        (void)pthread_mutex_unlock(&t->lock);
        return NULL;
}

/* Signals are the loop's. */
static int thread_start(TurnThread *t)
{
        sigset_t all, before;
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        int r = pthread_create(&t->thread, NULL, thread_main, t);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r == 0)
                (void)pthread_setname_np(t->thread, "turn");
        return -r;
}

int turn_thread_new(Turn *turn, TurnThread **ret)
{
        TurnThread *t = calloc(1, sizeof(*t));
        must(t != NULL);
        t->turn = turn;
        t->boot_id = clock_boot_id();
        t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        must(t->fd >= 0);
        pthread_condattr_t monotonic;
        (void)pthread_condattr_init(&monotonic);
        (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&t->changed, &monotonic);
        (void)pthread_condattr_destroy(&monotonic);
        (void)pthread_mutex_init(&t->lock, NULL);
        int r = thread_start(t);
        if (r < 0) {
                (void)close(t->fd);
                free(t);
                return r;
        }
        *ret = t;
        return 0;
}

static bool thread_ends_within(TurnThread *t, Span patience)
{
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += patience.us / 1000000;
        until.tv_nsec += patience.us % 1000000 * 1000;
        if (until.tv_nsec >= 1000000000) {
                until.tv_sec++;
                until.tv_nsec -= 1000000000;
        }
        (void)pthread_mutex_lock(&t->lock);
        t->is_stopping = true;
        (void)pthread_cond_broadcast(&t->changed);
        int r = 0;
        while (!t->has_ended && r == 0)
                r = pthread_cond_timedwait(&t->changed, &t->lock, &until);
        bool ended = t->has_ended;
        (void)pthread_mutex_unlock(&t->lock);
        return ended;
}

bool turn_thread_stop(TurnThread *t, Span patience)
{
        if (!t)
                return true;
        if (!thread_ends_within(t, patience))
                return false;
        (void)pthread_join(t->thread, NULL);
        (void)batch_free(t->back);
        (void)turn_free(t->turn);
        (void)pthread_cond_destroy(&t->changed);
        (void)pthread_mutex_destroy(&t->lock);
        (void)close(t->fd);
        free(t);
        return true;
}

int turn_thread_fd(const TurnThread *t)
{
        return t->fd;
}

bool turn_thread_is_idle(const TurnThread *t)
{
        return !t->is_out;
}

void turn_thread_submit(TurnThread *t, Batch *batch)
{
        must(!t->is_out);
        t->is_out = true;
        (void)pthread_mutex_lock(&t->lock);
        must(!t->todo && !t->back);
        t->todo = batch;
        (void)pthread_cond_broadcast(&t->changed);
        (void)pthread_mutex_unlock(&t->lock);
}

Batch *turn_thread_take(TurnThread *t)
{
        uint64_t count;
        if (read(t->fd, &count, sizeof(count)) < 0)
                must(errno == EAGAIN || errno == EINTR);
        (void)pthread_mutex_lock(&t->lock);
        Batch *batch = t->back;
        t->back = NULL;
        (void)pthread_mutex_unlock(&t->lock);
        if (batch)
                t->is_out = false;
        return batch;
}
