/* clock_watch.c - hears at once when somebody sets the machine's clock, and says what the turns make of it.
 * Source: timerfd_create(2): a timer with TFD_TIMER_CANCEL_ON_SET is cancelled by a discontinuous change. */
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/notice.h"
#include "inside.h"

/* A timer that never ends but by that. */
static void watch_arm(int fd)
{
        const struct itimerspec never = { .it_value.tv_sec = INT64_C(1) << 40 };
        must(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) == 0 || errno == ECANCELED);
}

static int on_clock_set(sd_event_source *source UNUSED, int fd, uint32_t revents UNUSED, void *userdata)
{
        Service *s = userdata;
        uint64_t count;
        if (read(fd, &count, sizeof(count)) < 0)
                must(errno == ECANCELED || errno == EAGAIN || errno == EINTR);
        watch_arm(fd);
        s->wants_turn = true;
        service_submit_if_due(s);
        return 0;
}

int service_clock_watch(Service *s)
{
        s->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        if (s->clock_fd < 0)
                return -errno;
        watch_arm(s->clock_fd);
        int r = sd_event_add_io(s->event, &s->clock_io, s->clock_fd, EPOLLIN, on_clock_set, s);
        if (r >= 0)
                (void)sd_event_source_set_description(s->clock_io, "clock-set");
        return r;
}

void service_clock_forget(Service *s)
{
        s->clock_io = sd_event_source_unref(s->clock_io);
        if (s->clock_fd >= 0)
                (void)close(s->clock_fd);
        s->clock_fd = -1;
}

void service_clock_note(Service *s, const Batch *batch)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(256);
        s->clock = batch->clock;
        if (!s->clock.is_open)
                s->cases_held = 0;
        else if (batch->cases_held >= 0)
                s->cases_held = batch->cases_held;
        if ((batch->clock_news == DOUBT_BEGAN && !s->clock.is_resumed) || batch->clock_news == DOUBT_SET)
                metrics_add(s->metrics, METRIC_CLOCK_JUMP, TEXT_NONE, TEXT_NONE, 1);
        Text words = clock_words(&s->clock, arena), hold = span_text(arena, s->config->clock.hold);
        if (batch->clock_news == DOUBT_BEGAN)
                notice_log(NOTICE_CLOCK_DOUBT, ABOUT_NOTHING,
                           TEXT_F ". Reminders and escalations are held, at most " TEXT_F, TEXT_ARG(words),
                           TEXT_ARG(hold));
        else if (batch->clock_news == DOUBT_ENDED)
                notice_log(NOTICE_CLOCK_AGAIN, ABOUT_NOTHING, "%s", doubt_end_text(s->clock.end));
        else if (batch->clock_news == DOUBT_SET)
                notice_log(NOTICE_CLOCK_SET, ABOUT_NOTHING, TEXT_F ", and it is synchronised", TEXT_ARG(words));
}

void service_clock_status(const Service *s, JsonWriter *w, Buffer *text)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(256);
        Text words = s->clock.is_open ? clock_words(&s->clock, arena) : TEXT("ok");
        json_key(w, "clock");
        json_open(w, '{');
        json_field_bool(w, "in_doubt", s->clock.is_open);
        json_field_text(w, "words", words);
        json_field_integer(w, "cases_held", s->cases_held);
        json_close(w, '}');
        if (s->clock.is_open) {
                buffer_put_literal(text, "clock        see above; ");
                buffer_put_count(text, s->cases_held, "case");
                buffer_put_literal(text, " with held reminders or escalations\n");
        }
}
