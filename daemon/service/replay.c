/* replay.c - records that were set aside are judged again, after what was wrong has been mended. What can be read now
 * takes the road of every answer, and in the same transaction its dead letter is marked as replayed. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "inside.h"

enum {
        LETTERS_AT_ONCE = 32 /* each may be as large as a record */
};

typedef struct ReplayCall {
        Service *service;
        Replay *replay;
        Arena *arena;
        int64_t after; /* letters up to this number are done */
        DeadLetterRow rows[LETTERS_AT_ONCE];
        size_t count;
        int error;
} ReplayCall;

static const Source *source_of(const Config *config, Text topic)
{
        for (size_t i = 0; i < config->source_count; i++)
                if (text_equal(config->sources[i].topic, topic))
                        return &config->sources[i];
        return NULL;
}

/* What killed the process is not tried again by the way. */
static bool is_wanted(const Replay *replay, const DeadLetterRow *row)
{
        if (replay->number > 0)
                return row->row == replay->number;
        return replay->reason.data ? text_equal(row->reason, replay->reason) : !text_is(row->reason, POISON_REASON);
}

static void letter_judge(Service *s, Replay *replay, const Source *source, const DeadLetterRow *row)
{
        Answer answer;
        const char *reason;
        Place place = row->place;
        place.topic = source->topic;
        const Partition *p = service_partition_find(s, place.topic, place.partition);
        if (p)
                service_mark(s, p->topic, place.partition, place.offset);
        Judged judged = judge_record(s->judge, s->config, source, &place, row->value, clock_wall(), &answer, &reason);
        service_unmark(s);
        if (judged == JUDGED_DEAD) {
                replay->unreadable++;
                return;
        }
        size_t index = (size_t)(source - s->config->sources);
        if (index < SOURCES_MAX)
                s->outcomes[index].judged[judged]++;
        replay->replayed++;
        if (judged == JUDGED_FLAGGED) {
                replay->flagged++;
                answer.dead_letter = row->row;
                batch_add(s->gather, INPUT_ANSWER)->answer = answer;
                return;
        }
        Input *input = batch_add(s->gather, INPUT_LETTER);
        input->letter.row = row->row;
        input->letter.state = DEAD_LETTER_REPLAYED;
}

static int letter_visit(void *userdata, const DeadLetterRow *row)
{
        ReplayCall *call = userdata;
        if (call->count < LETTERS_AT_ONCE)
                call->rows[call->count++] = *row;
        return 0;
}

static void replay_run(void *userdata, Turn *turn, WallTime now UNUSED)
{
        ReplayCall *call = userdata;
        arena_reset(call->arena);
        call->count = 0;
        call->error = store_dead_letters_after(turn_store(turn), call->after, LETTERS_AT_ONCE, call->arena,
                                               letter_visit, call);
}

static void nothing_run(void *userdata UNUSED, Turn *turn UNUSED, WallTime now UNUSED)
{
}

static void replay_end(void *userdata)
{
        ReplayCall *call = userdata;
        call->replay->error = call->error;
        call->replay->done(call->replay);
        (void)arena_free(call->arena);
        free(call);
}

static void replay_done(void *userdata)
{
        ReplayCall *call = userdata;
        Service *s = call->service;
        for (size_t i = 0; i < call->count; i++) {
                const DeadLetterRow *row = &call->rows[i];
                const Source *source = source_of(s->config, row->place.topic);
                call->after = row->row;
                if (!is_wanted(call->replay, row))
                        continue;
                call->replay->found++;
                if (source)
                        letter_judge(s, call->replay, source, row);
                else
                        call->replay->homeless++;
        }
        bool has_more = call->error == 0 && call->count == LETTERS_AT_ONCE && call->replay->number == 0;
        /* Behind this batch: the answer comes when all is committed. */
        service_call(s, has_more ? (Call){ .run = replay_run, .done = replay_done, .userdata = call }
                                 : (Call){ .run = nothing_run, .done = replay_end, .userdata = call });
}

void service_replay(Service *s, Replay *replay)
{
        ReplayCall *call = calloc(1, sizeof(*call));
        must(call != NULL);
        *call = (ReplayCall){ .service = s,
                              .replay = replay,
                              .arena = arena_new(4096),
                              .after = replay->number > 0 ? replay->number - 1 : 0 };
        service_call(s, (Call){ .run = replay_run, .done = replay_done, .userdata = call });
}
