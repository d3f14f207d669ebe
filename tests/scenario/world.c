/* world.c - receivers that behave as the story says, turns in virtual time, restarts. */
#include "world.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "turn/id.h"

enum {
        TURNS_AT_ONCE_MAX = 2000,
        OUTBOX_ROOM = 64
};

/* ---- receivers -------------------------------------------------------------------------------------------------- */

Behaviour *behaviour_of(World *w, Text channel)
{
        for (size_t i = 0; i < w->behaviour_count; i++)
                if (text_equal(w->behaviours[i].channel, channel))
                        return &w->behaviours[i];
        w->behaviours =
                arena_grow(w->arena, w->behaviours, w->behaviour_count, &w->behaviour_capacity, sizeof(Behaviour));
        w->behaviours[w->behaviour_count] = (Behaviour){ .channel = arena_text(w->arena, channel) };
        return &w->behaviours[w->behaviour_count++];
}

static Text key_text(World *w, const Parcel *p)
{
        char buffer[ID_TEXT_BYTES];
        CaseId id;
        memcpy(id.bytes, p->key, sizeof(id.bytes));
        return arena_text(w->arena, id_text(id, buffer));
}

/* A message that was sent before a restart is answered when it would have been. */
static WallTime answer_time(World *w, const Parcel *p, const Behaviour *b)
{
        Text key = key_text(w, p);
        for (size_t i = 0; i < w->slow_count; i++)
                if (text_equal(w->slow[i].key, key) && w->slow[i].answer_at.us > w->now.us)
                        return w->slow[i].answer_at;
        if (b->takes.us == 0)
                return w->now;
        w->slow = arena_grow(w->arena, w->slow, w->slow_count, &w->slow_capacity, sizeof(Slow));
        w->slow[w->slow_count] = (Slow){ key, wall_add(w->now, b->takes) };
        return w->slow[w->slow_count++].answer_at;
}

static void flight_start(World *w, Parcel *p)
{
        Behaviour *b = behaviour_of(w, p->channel->name);
        Flight *f = arena_new_of(w->arena, Flight);
        promise_message(w, p);
        b->tries++;
        *f = (Flight){ .parcel = p, .answer_at = answer_time(w, p, b) };
        Flight **end = &w->flights;
        while (*end)
                end = &(*end)->next;
        *end = f;
}

/* S4: what is known to be accepted is not sent again. */
static void told_add(World *w, const Parcel *p)
{
        Text key = key_text(w, p);
        bool is_repeated = false;
        for (size_t i = 0; i < w->told_count; i++)
                is_repeated |= text_equal(w->told[i].key, key);
        if (is_repeated)
                fail(w, "S4: " TEXT_F " has been told %s twice on " TEXT_F, TEXT_ARG(p->recipient),
                     message_text(p->message), TEXT_ARG(p->channel->name));
        w->told = arena_grow(w->arena, w->told, w->told_count, &w->told_capacity, sizeof(Told));
        w->told[w->told_count++] = (Told){ .at = w->now,
                                           .recipient = arena_text(w->arena, p->recipient),
                                           .channel = arena_text(w->arena, p->channel->name),
                                           .message = p->message,
                                           .case_number = p->c ? p->c->number : 0,
                                           .key = key };
}

static void result_add(World *w, Batch *batch, Parcel *p)
{
        const Behaviour *b = behaviour_of(w, p->channel->name);
        Input *input = batch_add(batch, INPUT_RESULT);
        input->result = (Result){ .parcel = p, .fate = b->fate, .code = b->fate == FATE_ACCEPTED ? 200 : 500 };
        input->result.is_of_target = b->fate == FATE_TEMPORARY || p->channel->type != CHANNEL_EMAIL;
        input->result.detail = b->fate == FATE_ACCEPTED ? TEXT("accepted") : TEXT("the receiver is out of order");
        if (b->is_silent) {
                input->result.code = 0;
                input->result.is_of_host = true;
        }
        if (b->fate == FATE_ACCEPTED)
                told_add(w, p);
}

void results_add(World *w, Batch *batch)
{
        for (Flight *f = w->flights; f; f = f->next)
                if (f->answer_at.us <= w->now.us)
                        result_add(w, batch, f->parcel);
}

static void flights_end(World *w)
{
        for (Flight **f = &w->flights; *f;) {
                if ((*f)->answer_at.us <= w->now.us) {
                        (void)parcel_free((*f)->parcel);
                        *f = (*f)->next;
                } else {
                        f = &(*f)->next;
                }
        }
}

/* ---- turns ------------------------------------------------------------------------------------------------------ */

static void figures_add(World *w, const TurnFigures *more)
{
        w->figures.opened += more->opened;
        w->figures.joined += more->joined;
        w->figures.reopened += more->reopened;
        w->figures.repeated += more->repeated;
        w->figures.anonymous += more->anonymous;
        w->figures.too_old += more->too_old;
        w->figures.dead += more->dead;
}

void world_turn(World *w, Batch *batch)
{
        batch->now = w->now;
        batch->boot = (MonoTime){ w->now.us - w->jumped.us - w->booted_at.us };
        batch->boot_id = w->boot_id;
        batch->is_synchronised = w->is_synchronised;
        batch->parcels_wanted = OUTBOX_ROOM;
        turn_run(w->turn, batch);
        if (batch->error != 0)
                fail(w, "a turn failed: %s: " TEXT_F, strerror(-batch->error), TEXT_ARG(batch->error_text));
        flights_end(w);
        while (batch->parcels) {
                Parcel *p = batch->parcels;
                batch->parcels = p->next;
                flight_start(w, p);
        }
        figures_add(w, &batch->figures);
        w->in_doubt = batch->clock.is_open;
        if (!w->in_doubt)
                w->believed = w->jumped;
        w->wake_at = batch->has_more ? w->now : batch->wake_at;
        promises_check(w);
}

static WallTime next_moment(const World *w)
{
        WallTime next = w->wake_at;
        for (const Flight *f = w->flights; f; f = f->next)
                next = wall_earlier(next, f->answer_at);
        return next;
}

/* Everything that becomes due until then, each at its own time. */
void world_advance(World *w, WallTime until, bool also_then)
{
        int turns = 0;
        for (WallTime next = next_moment(w); next.us < until.us || (also_then && next.us == until.us);
             next = next_moment(w)) {
                turns = next.us <= w->now.us ? turns + 1 : 0;
                if (turns == TURNS_AT_ONCE_MAX)
                        fail(w, "the turns do not come to rest at one moment");
                w->now = wall_later(w->now, next);
                CLEANUP(batch_freep) Batch *batch = batch_new(w->config);
                results_add(w, batch);
                world_turn(w, batch);
        }
        w->now = until;
}

void world_settle(World *w)
{
        w->clock_waits = false;
        world_advance(w, w->now, true);
}

/* ---- beginning, restarting, reloading --------------------------------------------------------------------------- */

static void folder_make(World *w)
{
        char name[] = "/tmp/closedloop-scenario-XXXXXX";
        must(mkdtemp(name) != NULL);
        w->folder = strdup(name);
        must(w->folder != NULL);
}

/* The files of the company, and over them those of this configuration. */
static void config_copy(World *w, Text name)
{
        char path[PATH_MAX];
        (void)snprintf(path, sizeof(path), "%s", w->file);
        const char *here = dirname(path);
        Text command = arena_textf(w->arena,
                                   "rm -rf '%s/etc' && cp -rT '%s/config/example' '%s/etc' && cp -rT '%s/config/" TEXT_F
                                   "' '%s/etc'",
                                   w->folder, here, w->folder, here, TEXT_ARG(name), w->folder);
        if (system(command.data) != 0)
                fail(w, "there is no configuration \"" TEXT_F "\"", TEXT_ARG(name));
}

Config *config_make(World *w, Text name)
{
        CLEANUP(report_freep) Report *report = report_new();
        Config *config = NULL;
        config_copy(w, name);
        Text path = arena_textf(w->arena, "%s/etc/closedloopd.conf", w->folder);
        if (config_load(path.data, w->now, report, &config) < 0) {
                Buffer b = buffer_in(w->arena);
                report_write(report, &b);
                fail(w, "the configuration is refused: " TEXT_F, TEXT_ARG(buffer_text(&b)));
        }
        return config;
}

void config_swap(World *w, Config *config)
{
        for (size_t i = 0; i < w->record_count; i++)
                w->records[i].source = config_source(config, w->records[i].source->name);
        (void)config_unref(w->config);
        w->config = config;
}

static void turn_make(World *w)
{
        Store *store = NULL;
        Text message = TEXT_NONE;
        Text path = arena_textf(w->arena, "%s/closedloop.db", w->folder);
        if (store_open(path.data, w->arena, &store, &message) < 0 ||
            turn_new(store, w->arena, &w->turn, &message) < 0 ||
            turn_adopt(w->turn, w->config, w->now, w->arena, &message) < 0)
                fail(w, "could not start: " TEXT_F, TEXT_ARG(message));
        w->wake_at = w->now;
}

static void topics_make(World *w)
{
        Store *store = turn_store(w->turn);
        check(w, store_begin(store), "begin");
        for (size_t i = 0; i < w->config->source_count; i++) {
                Topic *topic = &w->topics[w->topic_count++];
                must(w->topic_count <= TOPICS_MAX);
                topic->name = arena_text(w->arena, w->config->sources[i].topic);
                OffsetRow row = { .topic = topic->name, .anchor_offset = -1, .anchor_time = WALL_NONE };
                check(w, store_offset_add(store, &row), "add an offset");
        }
        check(w, store_commit(store), "commit");
}

void world_start(World *w)
{
        if (!w->config_name.data)
                fail(w, "expected \"config NAME\" before the first time");
        folder_make(w);
        w->config = config_make(w, w->config_name);
        w->judge = judge_new();
        turn_make(w);
        topics_make(w);
        w->boot_id = 1;
        w->booted_at = wall_sub(w->now, SPAN_DAY);
        w->has_started = true;
}

/* What was with a transport is forgotten, as after kill -9. */
void world_restart(World *w)
{
        if (!w->has_started)
                return;
        for (Flight *f = w->flights; f; f = f->next)
                (void)parcel_free(f->parcel);
        w->flights = NULL;
        w->turn = turn_free(w->turn);
        w->has_crashed = true;
        turn_make(w);
}

void world_end(World *w)
{
        for (Flight *f = w->flights; f; f = f->next)
                (void)parcel_free(f->parcel);
        w->turn = turn_free(w->turn);
        w->judge = judge_free(w->judge);
        (void)config_unref(w->config);
        if (w->folder) {
                Text command = arena_textf(w->arena, "rm -rf '%s'", w->folder);
                (void)!system(command.data);
        }
        free(w->folder);
        (void)arena_free(w->arena);
}
