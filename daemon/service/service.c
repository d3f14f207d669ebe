#include "service/service.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include "base/clock.h"
#include "base/notice.h"
#include "inside.h"

static const uint64_t TICK_US = 1000000;
static const Span STOP_PATIENCE = { 4 * 1000000 };
static const Span THREAD_PATIENCE = { 900 * 1000 };

enum {
        CHECKPOINT_IDLE_TICKS = 3
};

const Config *service_config(const Service *s)
{
        return s->config;
}

void service_act(Service *s, Act *act)
{
        batch_add(s->gather, INPUT_ACT)->act = act;
        service_submit_if_due(s);
}

void service_call(Service *s, Call call)
{
        batch_add(s->gather, INPUT_CALL)->call = call;
        service_submit_if_due(s);
}

/* ---- reload ----------------------------------------------------------------------------------------------------- */

typedef struct Reload {
        Service *service;
        Config *config;
        Arena *arena;
        Text words;
        int error;
        ReloadDone done;
        void *userdata;
} Reload;

static void reload_end(Reload *reload, ReloadEnd end)
{
        Service *s = reload->service;
        s->reload_under_way = false;
        s->reload_failed = end != RELOAD_TAKEN;
        if (end == RELOAD_TAKEN)
                notice_log_plain(NOTICE_RELOADED, ABOUT_NOTHING);
        else
                notice_log(NOTICE_RELOAD_REFUSED, ABOUT_NOTHING, "\n" TEXT_F, TEXT_ARG(text_trim(reload->words)));
        (void)sd_notify(0, "READY=1");
        if (reload->done)
                reload->done(reload->userdata, end, reload->words);
        (void)config_unref(reload->config);
        (void)arena_free(reload->arena);
        free(reload);
}

static void reload_run(void *userdata, Turn *turn, WallTime now)
{
        Reload *reload = userdata;
        Text words = TEXT_NONE;
        reload->error = turn_adopt(turn, reload->config, now, reload->arena, &words);
        if (reload->error >= 0)
                reload->error = turn_enable_channel(turn, TEXT_NONE, TEXT_NONE);
        if (reload->error < 0)
                reload->words =
                        words.data ? words : arena_text(reload->arena, text_from(store_error(turn_store(turn))));
}

static void outcomes_clear(Service *s)
{
        Buffer ignored = buffer_in(s->gather->arena);
        SERVICE_WEB_OPS.metrics(s, &ignored); /* what was counted by the old configuration's sources */
}

static void reload_done(void *userdata)
{
        Reload *reload = userdata;
        Service *s = reload->service;
        if (reload->error < 0) {
                bool is_wrong = reload->error == -EPROTO || reload->error == -EEXIST; /* a policy of before */
                reload_end(reload, is_wrong ? RELOAD_REFUSED : RELOAD_LATER);
                return;
        }
        outcomes_clear(s);
        int r = intake_reconfigure(s->intake, reload->config);
        if (r < 0) { /* what it hands out points into the old configuration, which therefore goes on for all */
                reload->words = arena_textf(reload->arena, "could not read the new sources: %s", strerror(-r));
                reload_end(reload, RELOAD_LATER);
                return;
        }
        (void)config_unref(s->config);
        s->config = config_ref(reload->config);
        s->reloaded_at = clock_wall();
        service_gather_change(s);
        reload_end(reload, RELOAD_TAKEN);
}

/* Compared with what the process was started with: a key goes on waiting, however often it is read again. */
static void reload_warn(Service *s, Reload *reload, Buffer *words)
{
        Text keys = config_restart_keys(s->started_with, reload->config, reload->arena);
        if (!keys.data)
                return;
        buffer_putf(words, "warning: " TEXT_F ": a restart is needed before this change counts\n", TEXT_ARG(keys));
        notice_log(NOTICE_RESTART_NEEDED, ABOUT_NOTHING, TEXT_F, TEXT_ARG(keys));
}

void service_reload(Service *s, ReloadDone done, void *userdata)
{
        Reload *reload = calloc(1, sizeof(*reload));
        must(reload != NULL);
        CLEANUP(report_freep) Report *report = report_new();
        *reload = (Reload){ .service = s, .arena = arena_new(1024), .done = done, .userdata = userdata };
        if (s->reload_under_way || s->older) {
                done(userdata, RELOAD_LATER, TEXT("the last reload is not done yet"));
                (void)arena_free(reload->arena);
                free(reload);
                return;
        }
        s->reload_under_way = true;
        (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono().us);
        int r = config_load(s->config_path, clock_wall(), report, &reload->config);
        Buffer words = buffer_in(reload->arena);
        report_write(report, &words);
        if (r >= 0)
                reload_warn(s, reload, &words);
        reload->words = buffer_text(&words);
        if (r < 0) {
                reload_end(reload, RELOAD_REFUSED);
                return;
        }
        service_call(s, (Call){ .run = reload_run, .done = reload_done, .userdata = reload });
}

static int on_hup(sd_event_source *source UNUSED, const struct signalfd_siginfo *info UNUSED, void *userdata)
{
        Service *s = userdata;
        if (s->reload_under_way || s->older)
                s->reload_again =
                        true; /* the files may have changed after they were read: the next tick reads them again */
        else if (!s->is_stopping)
                service_reload(s, NULL, NULL);
        return 0;
}

static void reload_if_asked(Service *s)
{
        if (s->reload_again && !s->reload_under_way && !s->older) {
                s->reload_again = false;
                service_reload(s, NULL, NULL);
        }
}

/* ---- the tick --------------------------------------------------------------------------------------------------- */

static void checkpoint_run(void *userdata UNUSED, Turn *turn, WallTime now UNUSED)
{
        (void)!store_checkpoint(turn_store(turn));
}

/* When nothing has come in for some seconds: the write-ahead log goes back into the database. */
static void checkpoint_ask(Service *s)
{
        static int64_t seen;
        static int idle_ticks;
        if (s->figures_answers != seen) {
                seen = s->figures_answers;
                idle_ticks = 0;
        } else if (++idle_ticks == CHECKPOINT_IDLE_TICKS) {
                service_call(s, (Call){ .run = checkpoint_run });
        }
}

static void watchdog_feed(const Service *s)
{
        if (s->watchdog_us > 0)
                (void)sd_notify(0, "WATCHDOG=1");
}

static void probe_done(void *userdata)
{
        watchdog_feed(userdata); /* the loop is here, and the turn thread has come round with a read of the database */
}

static void probe_run(void *userdata UNUSED, Turn *turn UNUSED, WallTime now UNUSED)
{
}

static void tick_turn(Service *s)
{
        service_counts_ask(s);
        s->gather->wants_probe = true;
        service_call(s, (Call){ .run = probe_run, .done = probe_done, .userdata = s });
        s->wants_turn = true;
        service_submit_if_due(s);
}

static bool is_settled(const Service *s)
{
        return !s->backup && turn_thread_is_idle(s->thread) && notifier_in_flight(s->notifier) == 0 && !s->older &&
               batch_is_empty(s->gather);
}

static void stop_check(Service *s)
{
        service_submit_if_due(s);
        if (is_settled(s) || s->stop_at.us <= clock_mono().us)
                (void)sd_event_exit(s->event, s->exit_code);
}

static int on_tick(sd_event_source *source, uint64_t usec UNUSED, void *userdata)
{
        Service *s = userdata;
        (void)sd_event_source_set_time_relative(source, s->is_stopping ? 20 * 1000 : TICK_US);
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        notice_flush(false);
        service_hang_watch(s);
        if (s->is_stopping) {
                stop_check(s);
                return 0;
        }
        if (s->failed) { /* the store cannot be written to now: it can still be asked */
                tick_turn(s);
                service_notify(s, "");
                return 0;
        }
        checkpoint_ask(s);
        service_check_tick(s);
        reload_if_asked(s);
        service_lookups_retry(s);
        service_places_tick(s);
        service_progress_watch(s);
        service_letters_tick(s);
        service_lanes_relieve(s);
        tick_turn(s);
        service_intake_continue(s);
        service_notify(s, "");
        return 0;
}

/* ---- stopping --------------------------------------------------------------------------------------------------- */

/* No more records; what was judged is committed, what is with a transport gets its result; the rest is in the store. */
static int on_stop(sd_event_source *source UNUSED, const struct signalfd_siginfo *info UNUSED, void *userdata)
{
        Service *s = userdata;
        if (s->is_stopping)
                return 0;
        s->is_stopping = true;
        outbox_stop(s->outbox);
        service_backup_cancel(s);
        s->stop_at = mono_add(clock_mono(), STOP_PATIENCE);
        notice_log_plain(NOTICE_STOPPING, ABOUT_NOTHING);
        service_notify(s, "STOPPING=1");
        (void)sd_event_source_set_time_relative(s->tick, 0);
        (void)sd_event_source_set_enabled(s->tick, SD_EVENT_ONESHOT);
        return 0;
}

/* ---- building --------------------------------------------------------------------------------------------------- */

static int signals_add(Service *s)
{
        sigset_t set;
        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGTERM);
        (void)sigaddset(&set, SIGINT);
        (void)sigaddset(&set, SIGHUP);
        (void)sigaddset(&set, SIGPIPE);
        (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
        int r = sd_event_add_signal(s->event, &s->term, SIGTERM, on_stop, s);
        if (r >= 0)
                r = sd_event_add_signal(s->event, &s->interrupt, SIGINT, on_stop, s);
        if (r >= 0)
                r = sd_event_add_signal(s->event, &s->hup, SIGHUP, on_hup, s);
        return r;
}

static int thread_add(Service *s, Turn *turn)
{
        int r = turn_thread_new(turn, &s->thread);
        if (r >= 0)
                r = sd_event_add_io(s->event, &s->thread_io, turn_thread_fd(s->thread), EPOLLIN, service_on_batch, s);
        if (r >= 0)
                (void)sd_event_source_set_description(s->thread_io, "turn-thread");
        return r;
}

static int listeners_add(Service *s, Arena *arena, Text *reterr_message)
{
        int r = control_new(s->event, s, s->config->control_socket, s->config->control_group, &s->control);
        if (r < 0) {
                *reterr_message = arena_textf(arena, "could not listen on control socket \"" TEXT_F "\": %s",
                                              TEXT_ARG(s->config->control_socket), strerror(-r));
                return r;
        }
        if (!s->config->metrics_listen.data)
                return 0;
        r = web_new(s->event, s->config->metrics_listen, &SERVICE_WEB_OPS, s, &s->web);
        if (r < 0)
                *reterr_message = arena_textf(arena, "could not listen on \"" TEXT_F "\" (metrics.listen): %s",
                                              TEXT_ARG(s->config->metrics_listen), strerror(-r));
        return r;
}

static int edges_add(Service *s, Arena *arena, Text *reterr_message)
{
        int r = notifier_new(s->event, service_on_sent, s, &s->notifier);
        if (r < 0)
                return r;
        s->outbox = outbox_new(service_send, s);
        r = listeners_add(s, arena, reterr_message);
        if (r < 0)
                return r;
        r = intake_new(s->event, s->config, &SERVICE_INTAKE_OPS, s, &s->intake);
        if (r < 0)
                *reterr_message = arena_textf(arena, "could not set up the Kafka client: check kafka.properties");
        return r;
}

int service_new(const char *config_path, const Config *config, Turn *turn, Arena *arena, Service **ret,
                Text *reterr_message)
{
        CLEANUP(service_freep) Service *s = calloc(1, sizeof(*s));
        must(s != NULL);
        *reterr_message = TEXT("could not start");
        s->config_path = config_path;
        s->config = config_ref(config);
        s->started_with = config_ref(config);
        s->judge = judge_new();
        s->metrics = metrics_new();
        s->started_at = s->reloaded_at = clock_wall();
        s->returned_at = clock_mono();
        s->now = WALL_NONE;
        s->clock_fd = -1;
        s->is_continued = true;
        s->wants_turn = true; /* what fell due while nobody looked */
        service_gather_renew(s);
        int r = sd_event_new(&s->event);
        if (r >= 0)
                r = signals_add(s);
        if (r >= 0)
                r = service_partitions_load(s, turn_store(turn));
        if (r >= 0)
                service_backup_load(s, turn_store(turn));
        if (r >= 0)
                r = service_places_load(s, turn_store(turn));
        if (r >= 0)
                r = service_poison_load(s, turn_store(turn));
        if (r >= 0)
                r = thread_add(s, turn);
        if (r >= 0)
                r = edges_add(s, arena, reterr_message);
        if (r >= 0)
                r = service_clock_watch(s);
        if (r >= 0)
                r = sd_event_add_time_relative(s->event, &s->tick, CLOCK_MONOTONIC, 0, 1000, on_tick, s);
        if (r < 0)
                return r;
        *ret = steal(s);
        return 0;
}

int service_run(Service *s)
{
        s->watchdog_us = 0;
        (void)sd_watchdog_enabled(0, &s->watchdog_us);
        service_notify(s, "READY=1");
        notice_log_plain(NOTICE_READY, ABOUT_NOTHING);
        service_submit_if_due(s);
        int r = sd_event_loop(s->event);
        if (r < 0) {
                notice_log(NOTICE_LOOP_FAILED, ABOUT_NOTHING, "%s", strerror(-r));
                return EX_SOFTWARE;
        }
        return s->exit_code;
}

static void partitions_done(Service *s)
{
        for (size_t i = 0; i < s->partition_count; i++)
                free(s->partitions[i].topic);
        free(s->partitions);
        free(s->cluster);
        free(s->other_cluster);
}

Service *service_free(Service *s)
{
        if (!s)
                return NULL;
        /* First: until it has ended, a turn may write to a request's memory and ask Kafka where a topic begins. */
        if (!turn_thread_stop(s->thread, THREAD_PATIENCE)) {
                notice_log_plain(NOTICE_STOP_LATE, ABOUT_NOTHING);
                notice_flush(true);
                _exit(s->exit_code);
        }
        service_backup_forget(s);
        s->control = control_free(s->control);
        s->web = web_free(s->web);
        s->intake = intake_free(s->intake);
        s->notifier = notifier_free(s->notifier);
        s->outbox = outbox_free(s->outbox);
        service_lookups_forget(s);
        s->ends_arena = arena_free(s->ends_arena);
        service_channels_forget(s);
        service_waits_forget(s);
        s->gather = batch_free(s->gather);
        s->older = batch_free(s->older);
        s->failed = batch_free(s->failed);
        sd_event_source **sources[] = { &s->tick,      &s->wake, &s->thread_io, &s->term,
                                        &s->interrupt, &s->hup,  &s->retry,     &s->results };
        for (size_t i = 0; i < COUNT_OF(sources); i++)
                *sources[i] = sd_event_source_unref(*sources[i]);
        service_clock_forget(s);
        s->event = sd_event_unref(s->event);
        s->judge = judge_free(s->judge);
        s->metrics = metrics_free(s->metrics);
        service_mark_close(s);
        partitions_done(s);
        (void)config_unref(s->config);
        (void)config_unref(s->started_with);
        free(s);
        return NULL;
}
