/* poison.c - a record that the process dies of is not judged for ever.
 * The record that is being judged stands in a page of memory that outlives the process: a file beside the control
 * socket, in memory like everything below /run. It costs a few stores a record, unlike a transaction before each, and
 * names the record exactly, also when the kernel or the watchdog has ended the process. At the next start the death is
 * noted in the store; a record with two is set aside unparsed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/notice.h"
#include "inside.h"

enum {
        DEATHS_MAX = 2,
        TOPIC_BYTES = 256, /* Kafka's names are shorter */
};
static const uint64_t MAGIC = 0x636c6a7564676531; /* of this layout */

struct JudgingMark {
        uint64_t magic;
        volatile int64_t offset; /* -1: nothing is being judged */
        int32_t partition;
        char topic[TOPIC_BYTES];
};

/* ---- the mark --------------------------------------------------------------------------------------------------- */

static int mark_file(const char *path)
{
        struct stat info;
        int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        bool is_ours = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid();
        /* With its memory: a write to a page that there is no room for would end the process. */
        int r = is_ours ? -posix_fallocate(fd, 0, sizeof(JudgingMark)) : -EPERM;
        if (r < 0) {
                (void)close(fd);
                return r;
        }
        return fd;
}

static JudgingMark *mark_map(const char *path)
{
        int fd = mark_file(path);
        if (fd < 0)
                return NULL;
        void *page = mmap(NULL, sizeof(JudgingMark), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        (void)close(fd);
        return page == MAP_FAILED ? NULL : page;
}

/* Without the file the marks go nowhere. */
static void mark_open(Service *s, JudgingMark *ret_left)
{
        char path[PATH_MAX];
        (void)snprintf(path, sizeof(path), TEXT_F ".judging", TEXT_ARG(s->config->control_socket));
        s->mark = mark_map(path);
        if (s->mark) {
                s->mark_path = strdup(path);
                memcpy(ret_left, (const void *)s->mark, sizeof(*ret_left));
        } else {
                s->mark = calloc(1, sizeof(*s->mark));
        }
        must(s->mark != NULL);
        *s->mark = (JudgingMark){ .magic = MAGIC, .offset = -1 };
}

void service_mark_close(Service *s)
{
        if (!s->mark)
                return;
        if (s->mark_path) {
                (void)unlink(s->mark_path);
                (void)munmap(s->mark, sizeof(*s->mark));
        } else {
                free(s->mark);
        }
        free(s->mark_path);
        free(s->poison);
        s->mark = NULL;
}

void service_mark(Service *s, const char *topic, int32_t partition, int64_t offset)
{
        if (s->marked_topic != topic) {
                s->marked_topic = topic;
                (void)snprintf(s->mark->topic, sizeof(s->mark->topic), "%s", topic);
        }
        s->mark->partition = partition;
        atomic_signal_fence(memory_order_release);
        s->mark->offset = offset;
        atomic_signal_fence(memory_order_seq_cst);
}

void service_unmark(Service *s)
{
        atomic_signal_fence(memory_order_seq_cst);
        s->mark->offset = -1;
}

/* ---- after a death ---------------------------------------------------------------------------------------------- */

static int death_note(Store *store, const JudgingMark *left)
{
        Text topic = { left->topic, strnlen(left->topic, sizeof(left->topic)) };
        int r = store_begin(store);
        if (r >= 0)
                r = store_attempt_add(store, topic, left->partition, left->offset);
        if (r >= 0)
                r = store_commit(store);
        if (r < 0) {
                store_rollback(store);
                return r;
        }
        notice_log(NOTICE_DIED_OF_RECORD, about_record(topic, left->partition, left->offset),
                   "\"" TEXT_F "\" partition %d, offset %lld", TEXT_ARG(topic), left->partition,
                   (long long)left->offset);
        return 0;
}

static int attempt_visit(void *userdata, Text topic, int32_t partition, int64_t offset, int64_t deaths)
{
        Service *s = userdata;
        const Partition *p = service_partition_find(s, topic, partition);
        if (deaths < DEATHS_MAX || !p || offset < p->next_offset)
                return 0;
        s->poison = realloc(s->poison, (s->poison_count + 1) * sizeof(*s->poison));
        must(s->poison != NULL);
        Poison *poison = &s->poison[s->poison_count++];
        *poison = (Poison){ .partition = partition, .offset = offset };
        (void)snprintf(poison->topic, sizeof(poison->topic), TEXT_F, TEXT_ARG(topic));
        return 0;
}

int service_poison_load(Service *s, Store *store)
{
        JudgingMark left = { .offset = -1 };
        mark_open(s, &left);
        int r = 0;
        if (left.magic == MAGIC && left.offset >= 0 && left.topic[0])
                r = death_note(store, &left);
        return r < 0 ? r : store_attempts(store, attempt_visit, s);
}

bool service_is_poison(const Service *s, const Place *place)
{
        for (size_t i = 0; i < s->poison_count; i++)
                if (s->poison[i].offset == place->offset && s->poison[i].partition == place->partition &&
                    text_is(place->topic, s->poison[i].topic))
                        return true;
        return false;
}
