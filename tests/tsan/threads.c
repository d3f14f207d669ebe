/* threads.c - linked in with SAN=thread only: the thread sanitizer of gcc 12 does not know C11's thrd_create(), with
 * which librdkafka starts its threads, and crashes in the first of them. Here it becomes pthread_create(). */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

typedef struct Start {
        thrd_start_t function;
        void *argument;
} Start;

static void *start_run(void *userdata)
{
        Start start = *(Start *)userdata;
        free(userdata);
        return (void *)(intptr_t)start.function(start.argument);
}

int thrd_create(thrd_t *ret, thrd_start_t function, void *argument)
{
        Start *start = malloc(sizeof(*start));
        if (!start)
                return thrd_nomem;
        *start = (Start){ function, argument };
        if (pthread_create(ret, NULL, start_run, start) == 0)
                return thrd_success;
        free(start);
        return thrd_error;
}

int thrd_join(thrd_t thread, int *ret_result)
{
        void *result;
        if (pthread_join(thread, &result) != 0)
                return thrd_error;
        if (ret_result)
                *ret_result = (int)(intptr_t)result;
        return thrd_success;
}
