#include "turn/turn.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "inside.h"

enum {
        DUE_CASES_MAX = 256 /* a turn */,
        SCRATCH_BYTES = 256 * 1024
};

static int disabled_remember(void *userdata, Text channel, Text recipient, WallTime since, Text reason UNUSED)
{
        Turn *turn = userdata;
        if (recipient.len == 0 && target_remember(turn, channel, since))
                return 0;
        if (recipient.len == 0) { /* told to operators: the channel as such */
                Lane *lane = lane_of(turn, channel);
                lane->is_troubled = lane->has_told = true;
                lane->troubled_since = lane->told_at = since;
                return 0;
        }
        turn->disabled = arena_grow(turn->memory, turn->disabled, turn->disabled_count, &turn->disabled_capacity,
                                    sizeof(DisabledChannel));
        turn->disabled[turn->disabled_count++] =
                (DisabledChannel){ arena_text(turn->memory, channel), arena_text(turn->memory, recipient) };
        return 0;
}

static int disabled_load(Turn *turn)
{
        turn->disabled_count = 0;
        return store_channels_disabled(turn->store, turn->memory, disabled_remember, turn);
}

void turn_roster_ask(Turn *turn)
{
        turn->roster_at = WALL_NONE;
        turn->roster_after = CASE_OWNERS_ALL;
}

int turn_new(Store *store, Arena *arena, Turn **ret, Text *reterr_message)
{
        CLEANUP(turn_freep) Turn *turn = calloc(1, sizeof(*turn));
        must(turn != NULL);
        turn->memory = arena_new(4096);
        turn->scratch = arena_new(SCRATCH_BYTES);
        turn->due_at = turn->too_old_told_at = WALL_NONE;
        turn->due_after = CASE_DUE_ALL;
        turn_roster_ask(turn);
        int r = store_last(store, &turn->last);
        turn->committed = turn->last;
        if (r >= 0) {
                turn->store = store;
                r = disabled_load(turn);
        }
        if (r >= 0)
                r = turn_clock_load(turn);
        if (r >= 0)
                r = lanes_load(turn);
        if (r < 0) {
                *reterr_message = arena_textf(arena, "could not read the store: %s%s", store_error(store),
                                              r == -EUCLEAN ? ". " STORE_WAY_OUT : "");
                turn->store = NULL; /* stays the caller's */
                return r;
        }
        *ret = steal(turn);
        return 0;
}

Turn *turn_free(Turn *turn)
{
        if (!turn)
                return NULL;
        (void)store_free(turn->store);
        (void)config_unref(turn->config);
        number_set_done(&turn->out);
        number_set_done(&turn->held);
        (void)arena_free(turn->scratch);
        (void)arena_free(turn->memory);
        free(turn);
        return NULL;
}

Store *turn_store(Turn *turn)
{
        return turn->store;
}

static int policies_keep(Turn *turn, const Config *config, WallTime now, Arena *arena, Text *reterr_message)
{
        for (size_t i = 0; i < config->policy_count; i++) {
                const Policy *p = &config->policies[i];
                int r = store_policy_keep(turn->store, p, now);
                if (r == -EEXIST)
                        *reterr_message =
                                arena_textf(arena,
                                            "policy \"" TEXT_F "\" version %d was changed, but cases follow it as it "
                                            "was. Give the changed policy a new version",
                                            TEXT_ARG(p->name), p->version);
                else if (r < 0)
                        *reterr_message = arena_textf(arena, "could not keep policy \"" TEXT_F "\": %s",
                                                      TEXT_ARG(p->name), store_error(turn->store));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* On a full disk what was kept for that is given up, and it is tried again. */
static bool room_make(Turn *turn, int error)
{
        if (error != -ENOSPC)
                return false;
        turn->is_low = true;
        return store_room_release(turn->store);
}

static int policies_commit(Turn *turn, const Config *config, WallTime now, Arena *arena, Text *reterr_message)
{
        int r = store_begin(turn->store);
        if (r >= 0)
                r = policies_keep(turn, config, now, arena, reterr_message);
        if (r >= 0)
                r = lanes_forget(turn, config);
        if (r >= 0)
                r = targets_forget(turn, config);
        if (r >= 0)
                r = store_commit(turn->store);
        if (r < 0)
                store_rollback(turn->store);
        return r;
}

int turn_adopt(Turn *turn, const Config *config, WallTime now, Arena *arena, Text *reterr_message)
{
        int r = policies_commit(turn, config, now, arena, reterr_message);
        if (room_make(turn, r)) {
                *reterr_message = TEXT_NONE;
                r = policies_commit(turn, config, now, arena, reterr_message);
        }
        if (r < 0) {
                if (!reterr_message->data)
                        *reterr_message = arena_textf(arena, "%s", store_error(turn->store));
                return r;
        }
        (void)config_unref(turn->config);
        turn->config = config_ref(config);
        turn->troubled_count = 0;
        lanes_retry(turn);
        targets_aim(turn);
        turn_roster_ask(turn);
        return 0;
}

static const Policy *policy_from_archive(Turn *turn, Text name, int version)
{
        for (const OldPolicy *old = turn->old_policies; old; old = old->next)
                if (old->policy.version == version && text_equal(old->policy.name, name))
                        return &old->policy;
        Text text;
        OldPolicy *old = arena_new_of(turn->memory, OldPolicy);
        if (store_policy_text(turn->store, name, version, turn->memory, &text) < 0 ||
            config_policy_read(turn->memory, text, &old->policy) < 0)
                return NULL;
        old->next = turn->old_policies;
        turn->old_policies = old;
        return &old->policy;
}

static const Policy *policy_find(Turn *turn, const Config *config, Text name, int version)
{
        const Policy *current = config_policy(config, name);
        return current && current->version == version ? current : policy_from_archive(turn, name, version);
}

const Policy *turn_policy(Turn *turn, Text name, int version)
{
        return policy_find(turn, turn->config, name, version);
}

const Policy *work_policy(Work *w, Text name, int version)
{
        return policy_find(w->turn, w->config, name, version);
}

int turn_enable_channel(Turn *turn, Text channel, Text recipient)
{
        int r = store_begin(turn->store);
        if (r >= 0)
                r = store_channel_enable(turn->store, channel, recipient);
        if (r >= 0)
                r = store_commit(turn->store);
        if (r < 0) {
                store_rollback(turn->store);
                return r;
        }
        return disabled_load(turn);
}

static int retry_save(Turn *turn, int64_t delivery, WallTime now)
{
        DeliveryRow row;
        int r = store_delivery_load(turn->store, delivery, turn->scratch, &row);
        if (r < 0)
                return r;
        if (row.state != DELIVERY_FAILED)
                return -EINVAL;
        row.state = DELIVERY_PENDING;
        row.next_at = now;
        row.first_tried_at = row.ended_at = WALL_NONE;
        row.fell_over = false;
        r = store_delivery_save(turn->store, &row);
        if (r >= 0)
                lane_of(turn, row.channel)->fetch_at = now;
        return r;
}

int turn_retry(Turn *turn, int64_t delivery, WallTime now)
{
        arena_reset(turn->scratch);
        int r = store_begin(turn->store);
        if (r >= 0)
                r = retry_save(turn, delivery, now);
        if (r >= 0)
                r = store_commit(turn->store);
        if (r < 0)
                store_rollback(turn->store);
        return r;
}

/* Once for those that are still to be looked at; a case that is being looked at is looked at again. */
void work_wake(Work *w, int64_t case_number)
{
        for (size_t i = w->woken_done; i < w->woken_count; i++)
                if (w->woken[i] == case_number)
                        return;
        work_note(w, woken, case_number);
}

static int work_moves(Work *w)
{
        for (size_t i = 0; i < w->batch->move_count; i++) {
                const OffsetMove *move = &w->batch->moves[i];
                int r = store_offset_move(w->store, &move->to, move->from);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int work_place(Work *w, const PartitionMove *move)
{
        int r = store_offset_place(w->store, &move->from, move->to, move->from.log);
        if (r >= 0 && move->notice.data)
                r = work_tell_operators(w, move->notice);
        if (r < 0 || move->to <= move->from.next_offset)
                return r;
        return store_gap_add(w->store, &(GapRow){ .topic = move->from.topic,
                                                  .partition = move->from.partition,
                                                  .from = move->from.next_offset,
                                                  .to = move->to,
                                                  .why = move->why,
                                                  .found_at = w->now });
}

static int work_replayable(Work *w, Answer *answer)
{
        int r = work_answer(w, answer);
        return r < 0 || answer->dead_letter == 0
                       ? r
                       : store_dead_letter_save(w->store, answer->dead_letter, DEAD_LETTER_REPLAYED);
}

/* What is in its topic now makes room. */
static int work_letter(Work *w, int64_t row, DeadLetterState state)
{
        int r = store_dead_letter_save(w->store, row, state);
        return r < 0 ? r : work_letters_trim(w);
}

static int work_input(Work *w, Input *input)
{
        switch (input->kind) {
        case INPUT_RESULT:
                return work_result(w, &input->result);
        case INPUT_ANSWER:
                return work_replayable(w, &input->answer);
        case INPUT_DEAD:
                return work_dead(w, &input->dead);
        case INPUT_LETTER:
                return work_letter(w, input->letter.row, input->letter.state);
        case INPUT_PLACE:
                return work_place(w, &input->place);
        case INPUT_NOTICE:
                return work_tell_operators(w, input->notice);
        case INPUT_ACT:
                return work_act(w, input->act);
        case INPUT_CALL:
                return 0; /* after the transaction */
        default:
                must(false);
        }
}

/* Results first: what they say of the alerts is what the ladder goes by. */
static int work_inputs(Work *w)
{
        int r = 0;
        for (int pass = 0; pass < 2; pass++)
                for (size_t i = 0; i < w->batch->input_count && r >= 0; i++)
                        if ((w->batch->inputs[i].kind == INPUT_RESULT) == (pass == 0))
                                r = work_input(w, &w->batch->inputs[i]);
        return r;
}

static int work_woken(Work *w)
{
        int r = 0;
        while (w->woken_done < w->woken_count && r >= 0)
                r = work_due(w, w->woken[w->woken_done++]);
        return r;
}

/* Once, and again when it is over. */
static int work_tell_room(Work *w)
{
        if (w->turn->is_low == w->turn->told_low)
                return 0;
        return work_tell_operators(
                w,
                w->turn->is_low
                        ? TEXT("the disk of the store is full: no answer is read until there is room. What people do "
                               "is still recorded and messages still go out, for a while")
                        : TEXT("the disk of the store has room again: answers are read from where it stopped"));
}

/* In doubt of the clock each is looked at once: alerts go, the rest is found again when the doubt is over. */
static int work_due_cases(Work *w)
{
        Turn *turn = w->turn;
        CaseDue due[DUE_CASES_MAX];
        size_t count = 0;
        if (turn->due_at.us > w->now.us)
                return 0;
        int r = store_cases_due(w->store, turn->due_after, w->now, due, DUE_CASES_MAX, &count);
        for (size_t i = 0; i < count && r >= 0; i++)
                r = work_due(w, due[i].number);
        if (r < 0)
                return r;
        w->batch->has_more |= count == DUE_CASES_MAX;
        if (!work_holds(w))
                return store_next_due(w->store, WALL_NONE, &turn->due_at);
        if (count > 0)
                turn->due_after = due[count - 1];
        return count == DUE_CASES_MAX ? 0 : store_next_due(w->store, w->now, &turn->due_at);
}

static int work_all(Work *w)
{
        int r = store_begin(w->store);
        if (r >= 0)
                r = work_clock(w);
        if (r >= 0)
                r = work_moves(w);
        if (r >= 0)
                r = work_inputs(w);
        if (r >= 0)
                r = work_woken(w);
        if (r >= 0)
                r = work_tell_room(w);
        if (r >= 0 && !w->batch->is_urgent)
                r = work_roster(w);
        if (r >= 0 && !w->batch->is_urgent)
                r = work_due_cases(w);
        if (r >= 0 && !w->batch->is_urgent)
                r = work_fetch(w);
        if (r >= 0)
                r = work_woken(w); /* by what could not be sent anywhere */
        if (r >= 0)
                r = store_commit(w->store);
        return r;
}

static void work_committed(Work *w)
{
        Turn *turn = w->turn;
        turn->committed = turn->last;
        turn->told_low = turn->is_low;
        turn->clock_shift = SPAN_ZERO;
        turn->clock_says = DOUBT_SAME;
        for (size_t i = 0; i < w->returned_count; i++)
                number_set_remove(&turn->out, w->returned[i]);
        for (size_t i = 0; i < w->sent_count; i++)
                number_set_add(&turn->out, w->sent[i]);
        for (size_t i = 0; i < w->unheld_count; i++)
                number_set_remove(&turn->held, w->unheld[i]);
}

/* A batch may be tried again for days, while a disk is full. */
static void batch_rewind(Batch *batch, ArenaMark start)
{
        while (batch->parcels) {
                Parcel *p = batch->parcels;
                batch->parcels = p->next;
                (void)parcel_free(p);
        }
        for (size_t i = 0; i < batch->input_count; i++) {
                Input *input = &batch->inputs[i];
                if (input->kind == INPUT_ANSWER) {
                        input->answer.response->folded = NULL;
                        arena_rewind(input->answer.memory->arena, input->answer.end);
                } else if (input->kind == INPUT_ACT) {
                        input->act->after = case_none();
                }
        }
        batch->letters = NULL;
        batch->withdrawals = NULL;
        batch->withdrawal_count = batch->withdrawal_capacity = 0;
        arena_rewind(batch->arena, start);
}

/* Nothing of it has happened: what was prepared goes, what is known in memory is found again from the store. */
static void work_undo(Work *w, int error, ArenaMark start)
{
        Batch *batch = w->batch;
        batch_rewind(batch, start);
        batch->error = error;
        batch->error_text = arena_textf(batch->arena, "%s", store_error(w->store));
        store_rollback(w->store);
        batch->parcel_count = batch->letter_count = batch->broken_count = 0;
        lanes_restore(w->turn, w->lanes_before, w->lanes_before_count);
        targets_restore(w->turn, w->targets_before, w->targets_before_count);
        batch->figures = (TurnFigures){ 0 };
        batch->has_more = false;
        w->turn->last = w->turn->committed;
        w->turn->due_at = w->turn->too_old_told_at = WALL_NONE;
        w->turn->due_after = CASE_DUE_ALL;
        w->turn->clock_saved_at = WALL_NONE;
        w->turn->troubled_count = 0;
        turn_roster_ask(w->turn);
        (void)disabled_load(w->turn);
}

static bool batch_writes(const Batch *batch, const Turn *turn)
{
        for (size_t i = 0; i < batch->input_count; i++)
                if (batch->inputs[i].kind != INPUT_CALL)
                        return true;
        if (batch->is_urgent)
                return false;
        return batch->move_count > 0 || turn_clock_writes(turn, batch) || turn->is_low != turn->told_low ||
               turn->due_at.us <= batch->now.us || turn->roster_at.us <= batch->now.us ||
               lanes_wake_at(turn, batch).us <= batch->now.us;
}

static int transact_once(Turn *turn, Batch *batch)
{
        arena_reset(turn->scratch);
        Work w = {
                .turn = turn,
                .batch = batch,
                .store = turn->store,
                .config = batch->config,
                .arena = turn->scratch,
                .now = batch->now,
                .parcels_end = &batch->parcels,
                .lanes_before = lanes_copy(turn, turn->scratch),
                .lanes_before_count = turn->lane_count,
                .targets_before = targets_copy(turn, turn->scratch),
                .targets_before_count = turn->target_count,
        };
        ArenaMark start = arena_mark(batch->arena);
        MonoTime started = clock_mono();
        int r = work_all(&w);
        batch->commit_took = mono_since(clock_mono(), started);
        if (r < 0)
                work_undo(&w, r, start);
        else
                work_committed(&w);
        return r;
}

static void turn_transact(Turn *turn, Batch *batch)
{
        if (room_make(turn, transact_once(turn, batch))) {
                batch->error = 0;
                batch->error_text = TEXT_NONE;
                (void)transact_once(turn, batch);
        }
}

static void room_look(Turn *turn, const Batch *batch)
{
        if (batch->wants_probe && batch->error == 0)
                turn->is_low = store_room_keep(turn->store, batch->config->ballast_bytes) == -ENOSPC;
}

/* Not after a failure that ends the process, nor when the whole batch is run again at once. */
static void calls_run(Turn *turn, Batch *batch)
{
        batch->calls_ran = batch->error != -ESTALE && store_failure(turn->store) == 0;
        for (size_t i = 0; i < batch->input_count && batch->calls_ran; i++)
                if (batch->inputs[i].kind == INPUT_CALL)
                        batch->inputs[i].call.run(batch->inputs[i].call.userdata, turn, batch->now);
}

void turn_run(Turn *turn, Batch *batch)
{
        must(turn->config != NULL);
        turn_clock(turn, batch);
        /* First: a batch whose transaction is committed has not failed. */
        batch->error = batch->wants_probe ? store_probe(turn->store) : 0;
        batch->error_text = TEXT_NONE;
        room_look(turn, batch);
        if (batch->error == 0 && batch_writes(batch, turn))
                turn_transact(turn, batch);
        if (batch->error != 0 && !batch->error_text.data)
                batch->error_text = arena_textf(batch->arena, "%s", store_error(turn->store));
        calls_run(turn, batch);
        if (turn->doubt.is_open && batch->wants_probe && batch->error == 0)
                batch->error = store_count_due(turn->store, batch->now, &batch->cases_held);
        batch->wake_at = wall_earlier(lanes_wake_at(turn, batch), wall_earlier(turn->roster_at, turn->due_at));
        batch->wake_at = wall_earlier(batch->wake_at, turn_clock_wake_at(turn, batch));
        batch->is_low = turn->is_low;
        batch->store_failure = store_failure(turn->store);
        if (batch->store_failure != 0 && batch->error == 0)
                batch->error_text = arena_textf(batch->arena, "%s", store_error(turn->store));
}
