/* delivery.c - messages decided, handed out, and what became of them: next try, next channel, next person. */
#include <errno.h>

#include "core/retry.h"
#include "inside.h"
#include "turn/id.h"

/* What waits for a broken channel looks at its patience, and at its end, at least so often. */
static const Span PUT_OFF = { INT64_C(1800) * 1000000 };

/* ---- which channel ---------------------------------------------------------------------------------------------- */

static bool is_disabled(const Work *w, Text channel, Text recipient)
{
        for (size_t i = 0; i < w->turn->disabled_count; i++)
                if (text_equal(w->turn->disabled[i].channel, channel) &&
                    text_equal(w->turn->disabled[i].recipient, recipient))
                        return true;
        return false;
}

static size_t channel_index(const Person *reader, Text name)
{
        size_t i = 0;
        while (i < reader->channel_count && !text_equal(reader->channels[i], name))
                i++;
        return i;
}

/* The reader's channels in their order, behind `after`; from the first if that is absent, or no longer one of theirs.
 * NULL: there is none left. */
static const Channel *channel_next(const Work *w, const Person *reader, Text after)
{
        size_t from = after.data ? channel_index(reader, after) + 1 : 0;
        for (size_t i = from > reader->channel_count ? 0 : from; i < reader->channel_count; i++) {
                Text name = reader->channels[i];
                const Channel *channel = config_channel(w->config, name);
                if (channel && !channel->is_shared && !is_disabled(w, name, reader->id))
                        return channel;
        }
        return NULL;
}

static bool recipient_channel(Text recipient, Text *ret_name)
{
        if (!text_starts(recipient, TEXT("channel:")))
                return false;
        *ret_name = text_from_offset(recipient, sizeof("channel:") - 1);
        return true;
}

static const Channel *channel_first(const Work *w, Text recipient)
{
        Text name;
        if (recipient_channel(recipient, &name)) {
                const Channel *channel = config_channel(w->config, name);
                return channel && !is_disabled(w, name, recipient) ? channel : NULL;
        }
        const Person *reader = roster_person(&w->config->roster, recipient, w->now);
        return reader ? channel_next(w, reader, TEXT_NONE) : NULL;
}

/* ---- parcels ---------------------------------------------------------------------------------------------------- */

static Parcel *parcel_start(Work *w, ParcelArena *memory, const DeliveryRow *row)
{
        Parcel *p = arena_new_of(memory->arena, Parcel);
        memory->users++;
        *p = (Parcel){
                .memory = memory,
                .config = config_ref(w->config),
                .delivery = row->row,
                .channel = config_channel(w->config, row->channel),
                .reader = roster_person(&w->config->roster, row->recipient, w->now),
                .recipient = arena_text(memory->arena, row->recipient),
                .why = row->why,
                .message = row->message,
                .rung = row->rung,
                .occurrence = row->occurrence,
                .epoch = row->epoch,
                .attempts = row->attempts,
                .due_at = row->due_at,
                .late = row->late,
                .note = arena_text(memory->arena, row->note),
                .told_at = WALL_NONE,
                .next_at = WALL_NONE,
        };
        return p;
}

static void parcel_hand_out(Work *w, Parcel *p)
{
        *w->parcels_end = p;
        w->parcels_end = &p->next;
        w->batch->parcel_count++;
        Lane *lane = lane_of(w->turn, p->channel->name);
        lane->out++;
        if (lane->target)
                lane->target->out++;
        work_note(w, sent, p->delivery);
}

static Text manager_name(const Work *w, const LadderScene *scene)
{
        const Person *manager = roster_person(scene->roster, party_manager(scene->owner), w->now);
        return manager ? manager->name : TEXT_NONE;
}

static void parcel_of_case(Work *w, Parcel *p, const Subject *s, const Case *c)
{
        Arena *arena = p->memory->arena;
        Case *copy = arena_new_of(arena, Case);
        *copy = case_copy(arena, c);
        p->c = copy;
        p->response = s->response;
        p->traceparent = s->response ? s->response->traceparent : TEXT_NONE;
        Policy *policy = arena_new_of(arena, Policy);
        *policy = *s->policy; /* an old policy's texts live as long as the turn, a current one's as the Config */
        p->policy = policy;
        p->owner_name = party_name(s->scene.owner);
        p->manager_name = manager_name(w, &s->scene);
        p->told_at = c->told_at;
        if (c->state == CASE_OPEN)
                p->next_at = ladder_pause_end(&s->scene);
        CaseId id = id_of_delivery(c->id, p->epoch, p->rung, p->occurrence, p->recipient, p->channel->name);
        memcpy(p->key, id.bytes, sizeof(p->key));
}

/* A message to operators has no case: its id follows from what is said and when, never from a row's number, which a
 * restored backup would use again. */
static void parcel_of_operator(Parcel *p)
{
        CaseId said = id_of_case(p->due_at, p->note, p->recipient);
        CaseId id = id_of_delivery(said, p->epoch, p->rung, 0, p->recipient, p->channel->name);
        memcpy(p->key, id.bytes, sizeof(p->key));
}

/* ---- deciding --------------------------------------------------------------------------------------------------- */

static bool has_room(const Work *w, const Lane *lane)
{
        return w->batch->parcel_count < w->batch->parcels_wanted && lane_room(lane, w->now) > 0;
}

/* There is something in the store for it, from then on. */
static void lane_expect(Work *w, Text channel, WallTime at)
{
        Lane *lane = lane_of(w->turn, channel);
        lane->fetch_at = wall_earlier(lane->fetch_at, at);
}

static Text collapsed_write(Work *w, const Effect *effect)
{
        if (effect->collapsed_count == 0)
                return TEXT_NONE;
        Buffer b = buffer_in(w->arena);
        JsonWriter json = json_writer(&b);
        json_open(&json, '[');
        for (size_t i = 0; i < effect->collapsed_count; i++)
                json_put_integer(&json, effect->collapsed[i]);
        json_close(&json, ']');
        return buffer_text(&b);
}

static int row_add(Work *w, DeliveryRow *row)
{
        row->row = w->turn->last.delivery + 1;
        int r = store_delivery_add(w->store, row);
        if (r >= 0)
                w->turn->last.delivery++;
        return r;
}

static DeliveryRow row_of_effect(Work *w, const Subject *s, const Case *c, const Effect *effect)
{
        const Step *step = &effect->step;
        return (DeliveryRow){
                .case_number = c->number,
                .epoch = c->epoch,
                .rung = effect->is_event ? -c->sequence : (int32_t)step->rung,
                .occurrence = step->occurrence,
                .sequence = c->sequence,
                .recipient = step->recipient,
                .why = step->why,
                .message = step->message,
                .state = DELIVERY_PENDING,
                .due_at = step->due_at,
                .next_at = wall_later(step->due_at, w->now),
                .first_tried_at = WALL_NONE,
                .ended_at = WALL_NONE,
                .late = effect->late,
                .note = effect->is_event ? s->note : collapsed_write(w, effect),
        };
}

/* ---- operators -------------------------------------------------------------------------------------------------- */

static bool is_troubled(const Turn *turn, Text trouble)
{
        for (size_t i = 0; i < turn->troubled_count; i++)
                if (text_equal(turn->troubled[i], trouble))
                        return true;
        return false;
}

static void trouble_note(Turn *turn, Text trouble)
{
        turn->troubled =
                arena_grow(turn->memory, turn->troubled, turn->troubled_count, &turn->troubled_capacity, sizeof(Text));
        turn->troubled[turn->troubled_count++] = arena_text(turn->memory, trouble);
}

static int operator_tell(Work *w, Text recipient, Text text)
{
        const Channel *channel = channel_first(w, recipient);
        if (!channel)
                return 0;
        DeliveryRow row = {
                .rung = -1,
                .occurrence = (int32_t)(w->turn->last.delivery + 1),
                .recipient = recipient,
                .channel = channel->name,
                .why = RECIPIENT_PERSON,
                .message = MESSAGE_OPERATOR,
                .due_at = w->now,
                .next_at = w->now,
                .first_tried_at = WALL_NONE,
                .ended_at = WALL_NONE,
                .note = text,
        };
        int r = row_add(w, &row);
        lane_expect(w, row.channel, w->now);
        return r == -EEXIST ? 0 : r;
}

int work_tell_operators(Work *w, Text text)
{
        int r = 0;
        for (size_t i = 0; i < w->config->operator_count && r >= 0; i++)
                r = operator_tell(w, w->config->operators[i], text);
        return r;
}

/* Somebody cannot be reached over a channel that works: once until they can. */
static int recipient_trouble(Work *w, const DeliveryRow *row, Text text)
{
        Text trouble = arena_textf(w->arena, TEXT_F " " TEXT_F, TEXT_ARG(row->channel), TEXT_ARG(row->recipient));
        if (is_troubled(w->turn, trouble))
                return 0;
        trouble_note(w->turn, trouble);
        return work_tell_operators(w, text);
}

static void recipient_works(Work *w, const DeliveryRow *row)
{
        Turn *turn = w->turn;
        if (turn->troubled_count == 0)
                return;
        Text trouble = arena_textf(w->arena, TEXT_F " " TEXT_F, TEXT_ARG(row->channel), TEXT_ARG(row->recipient));
        size_t kept = 0;
        for (size_t i = 0; i < turn->troubled_count; i++)
                if (!text_equal(turn->troubled[i], trouble))
                        turn->troubled[kept++] = turn->troubled[i];
        turn->troubled_count = kept;
}

/* A channel begins to fail: said once, whomever it was to reach and whatever the receiver answers each time, and again
 * when it is over. One that comes and goes is told of once an hour. */
static int channel_trouble(Work *w, Lane *lane, Text text)
{
        if (lane->is_troubled)
                return 0;
        lane->is_troubled = true;
        lane->troubled_since = w->now;
        if (lane->target && lane->target->is_broken)
                return target_trouble(w, lane->target, text);
        if (wall_is_set(lane->told_at) && w->now.us < wall_add(lane->told_at, SPAN_HOUR).us)
                return 0;
        lane->has_told = true;
        lane->told_at = w->now;
        int r = store_channel_disable(w->store, lane->name, TEXT(""), w->now, text);
        return r < 0 ? r : work_tell_operators(w, text);
}

static int channel_works(Work *w, Lane *lane)
{
        bool has_told = lane->has_told;
        if (!lane->is_troubled)
                return 0;
        lane->is_troubled = lane->has_told = false;
        if (!has_told)
                return 0;
        int r = store_channel_enable(w->store, lane->name, TEXT(""));
        Span failed = wall_since(w->now, lane->troubled_since);
        return r < 0 ? r
                     : work_tell_operators(w, arena_textf(w->arena,
                                                          "channel \"" TEXT_F
                                                          "\" works again, %lld minutes after you were told",
                                                          TEXT_ARG(lane->name), (long long)(failed.us / 60000000)));
}

static int trouble(Work *w, const DeliveryRow *row, bool is_of_target, Text text)
{
        return is_of_target ? channel_trouble(w, lane_of(w->turn, row->channel), text)
                            : recipient_trouble(w, row, text);
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

/* Nobody can be reached this way: kept as failed, so that the ladder goes on and an operator hears of it. */
static int tell_nowhere(Work *w, DeliveryRow *row)
{
        row->channel = TEXT("");
        row->state = DELIVERY_FAILED;
        row->next_at = WALL_NONE;
        row->ended_at = w->now;
        row->detail = TEXT("no channel works for this recipient");
        int r = row_add(w, row);
        if (r >= 0 && row->message == MESSAGE_ALERT && row->why == RECIPIENT_OWNER)
                work_wake(w, row->case_number);
        if (r >= 0)
                r = recipient_trouble(w, row,
                                      arena_textf(w->arena,
                                                  "\"" TEXT_F "\" cannot be told of a case: no channel of theirs works",
                                                  TEXT_ARG(row->recipient)));
        return r == -EEXIST ? 0 : r;
}

/* After an outage a thousand of them are late: people and receivers get them one after the other, the oldest first. */
static bool is_of_a_crowd(const Effect *effect)
{
        return effect->late.us >= SPAN_MINUTE.us && effect->step.message != MESSAGE_ALERT;
}

int work_tell(Work *w, Subject *s, const Case *c, const Effect *effect)
{
        DeliveryRow row = row_of_effect(w, s, c, effect);
        const Channel *channel = channel_first(w, row.recipient);
        if (!channel)
                return tell_nowhere(w, &row);
        row.channel = channel->name;
        if (is_of_a_crowd(effect))
                row.next_at = lane_late_at(lane_of(w->turn, channel->name), channel, w->now);
        int r = row_add(w, &row);
        if (r < 0)
                return r == -EEXIST ? 0 : r; /* promise S4: it was decided before */
        if (row.next_at.us > w->now.us || !has_room(w, lane_of(w->turn, row.channel))) {
                lane_expect(w, row.channel, row.next_at);
                return 0;
        }
        Parcel *p = parcel_start(w, s->memory, &row);
        parcel_of_case(w, p, s, c);
        parcel_hand_out(w, p);
        return 0;
}

/* ---- results ---------------------------------------------------------------------------------------------------- */

static bool is_owner_alert(const DeliveryRow *row)
{
        return row->message == MESSAGE_ALERT && row->why == RECIPIENT_OWNER && row->case_number > 0;
}

/* Nothing more to say: the customer was reached, the case opened again or changed hands since it was decided. It was
 * with a transport then, or a crash has brought it back. */
static bool is_over(const Case *c, const DeliveryRow *row)
{
        bool is_news = row->message == MESSAGE_CONTACTED || row->message == MESSAGE_CLOSED;
        if (row->message == MESSAGE_TOO_OLD)
                return false; /* it stands for other cases, too */
        if (row->epoch != c->epoch || (c->state != CASE_OPEN && !is_news))
                return true;
        bool is_owners = row->why == RECIPIENT_OWNER && !is_news && row->message != MESSAGE_CLAIMED;
        return is_owners && !c->owner_is_group && !text_equal(row->recipient, c->owner);
}

const Channel *work_channel_after(const Work *w, const DeliveryRow *row)
{
        const Person *reader = roster_person(&w->config->roster, row->recipient, w->now);
        return reader ? channel_next(w, reader, row->channel) : NULL;
}

/* The same message on the person's next channel. */
static int fall_over(Work *w, DeliveryRow *row)
{
        const Channel *next = work_channel_after(w, row);
        row->fell_over = true;
        if (!next)
                return 0;
        DeliveryRow other = *row;
        other.channel = next->name;
        other.state = DELIVERY_PENDING;
        other.next_at = w->now;
        other.first_tried_at = other.ended_at = WALL_NONE;
        other.attempts = other.code = 0;
        other.detail = TEXT_NONE;
        other.fell_over = false;
        int r = row_add(w, &other);
        lane_expect(w, other.channel, w->now);
        return r == -EEXIST ? 0 : r;
}

static void row_end(const Work *w, DeliveryRow *row, DeliveryState state)
{
        row->state = state;
        row->next_at = WALL_NONE;
        row->ended_at = w->now;
}

void work_withdraw(Work *w, int64_t case_number, const Parcel *accepted)
{
        Batch *batch = w->batch;
        if (w->turn->out.count + w->sent_count == 0)
                return;
        batch->withdrawals = arena_grow(batch->arena, batch->withdrawals, batch->withdrawal_count,
                                        &batch->withdrawal_capacity, sizeof(Withdrawal));
        batch->withdrawals[batch->withdrawal_count++] =
                (Withdrawal){ .case_number = case_number, .up_to = w->turn->last.delivery, .accepted = accepted };
}

static int result_withdrawn(Work *w, const Parcel *p)
{
        DeliveryRow row;
        int r = store_delivery_load(w->store, p->delivery, w->arena, &row);
        if (r < 0 || row.state != DELIVERY_PENDING)
                return r;
        row_end(w, &row, DELIVERY_DROPPED);
        return store_delivery_save(w->store, &row);
}

static int result_accepted(Work *w, DeliveryRow *row, const Parcel *p)
{
        row_end(w, row, DELIVERY_ACCEPTED);
        recipient_works(w, row);
        int r = channel_works(w, lane_of(w->turn, row->channel));
        if (r >= 0)
                r = store_delivery_save(w->store, row);
        if (r >= 0 && p->was_kept && p->reader && p->reader->channel_count > 1) {
                r = store_delivery_drop_others(w->store, row, w->now);
                work_withdraw(w, row->case_number, p);
        }
        bool may_be_held = number_set_has(&w->turn->held, row->case_number) || (p->c && p->c->is_held);
        if (r >= 0 && is_owner_alert(row) && may_be_held)
                work_wake(w, row->case_number);
        return r;
}

/* For good, or given up. */
static int result_failed(Work *w, DeliveryRow *row, const Result *result, bool has_ended)
{
        row_end(w, row, DELIVERY_FAILED);
        int r = row->fell_over || has_ended ? 0 : fall_over(w, row);
        if (r >= 0)
                r = store_delivery_save(w->store, row);
        if (r >= 0)
                r = trouble(w, row, result->is_of_target && result->fate != FATE_GONE,
                            arena_textf(w->arena, "channel \"" TEXT_F "\" failed for \"" TEXT_F "\": " TEXT_F,
                                        TEXT_ARG(row->channel), TEXT_ARG(row->recipient), TEXT_ARG(result->detail)));
        if (r >= 0 && is_owner_alert(row))
                work_wake(w, row->case_number);
        return r;
}

static int result_gone(Work *w, DeliveryRow *row, const Result *result, bool has_ended)
{
        int r = store_channel_disable(w->store, row->channel, row->recipient, w->now, result->detail);
        if (r < 0)
                return r;
        Turn *turn = w->turn;
        turn->disabled = arena_grow(turn->memory, turn->disabled, turn->disabled_count, &turn->disabled_capacity,
                                    sizeof(DisabledChannel));
        turn->disabled[turn->disabled_count++] =
                (DisabledChannel){ arena_text(turn->memory, row->channel), arena_text(turn->memory, row->recipient) };
        return result_failed(w, row, result, has_ended);
}

static uint64_t chance_of(const Parcel *p)
{
        uint64_t chance;
        memcpy(&chance, p->key + 8, sizeof(chance));
        return chance;
}

/* Patience is at its end: the next channel is asked as well, while this one goes on being tried. */
static int patience_lost(Work *w, DeliveryRow *row, bool is_of_target, Span tried)
{
        int r = fall_over(w, row);
        if (r >= 0)
                r = trouble(w, row, is_of_target,
                            arena_textf(w->arena, "channel \"" TEXT_F "\" has not worked for %lld minutes: " TEXT_F,
                                        TEXT_ARG(row->channel), (long long)(tried.us / 60000000),
                                        TEXT_ARG(row->detail)));
        if (r >= 0 && is_owner_alert(row))
                work_wake(w, row->case_number);
        return r;
}

/* It stays pending: until its delay is over, but not longer than until the next channel is due. */
static int delivery_wait(Work *w, DeliveryRow *row, const Channel *channel, bool is_of_target, Span delay)
{
        row->first_tried_at = wall_earlier(row->first_tried_at, w->now); /* not by a clock that ran ahead */
        Span tried = wall_since(w->now, row->first_tried_at);
        bool loses_patience = tried.us >= channel->patience.us && !row->fell_over;
        row->next_at = wall_add(w->now, delay);
        if (!row->fell_over && !loses_patience)
                row->next_at = wall_earlier(row->next_at, wall_add(row->first_tried_at, channel->patience));
        lane_expect(w, row->channel, row->next_at);
        int r = loses_patience ? patience_lost(w, row, is_of_target, tried) : 0;
        return r < 0 ? r : store_delivery_save(w->store, row);
}

/* How long it may still be tried. A clock in doubt ends nothing, one that ran ahead counts from now. */
static Span time_left(const Work *w, DeliveryRow *row, const Channel *channel)
{
        row->first_tried_at = wall_earlier(row->first_tried_at, w->now);
        return work_holds(w) ? channel->give_up : wall_since(wall_add(row->first_tried_at, channel->give_up), w->now);
}

static int result_temporary(Work *w, DeliveryRow *row, const Result *result, bool has_ended)
{
        const Channel *channel = result->parcel->channel;
        if (has_ended) {
                row_end(w, row, DELIVERY_DROPPED);
                return store_delivery_save(w->store, row);
        }
        if (time_left(w, row, channel).us <= 0)
                return result_failed(w, row, result, false);
        Span delay = retry_delay(row->attempts, result->retry_after, chance_of(result->parcel));
        return delivery_wait(w, row, channel, result->is_of_target, delay);
}

int work_put_off(Work *w, DeliveryRow *row)
{
        const Channel *channel = config_channel(w->config, row->channel);
        if (!channel)
                return 0;
        if (!wall_is_set(row->first_tried_at))
                row->first_tried_at = w->now;
        if (row->attempts == 0)
                row->detail = TEXT("not tried yet: the channel does not work");
        Span left = time_left(w, row, channel);
        if (left.us <= 0)
                return result_failed(w, row, &(Result){ .detail = row->detail, .is_of_target = true }, false);
        return delivery_wait(w, row, channel, true, (Span){ MIN_OF(left.us, PUT_OFF.us) });
}

/* It was dropped while it was with a transport, or there is nothing more to say. */
static int delivery_has_ended(Work *w, const DeliveryRow *row, bool *ret)
{
        Case c;
        *ret = row->state != DELIVERY_PENDING;
        if (*ret || row->case_number == 0)
                return 0;
        int r = store_case_load(w->store, row->case_number, w->arena, &c);
        if (r >= 0)
                *ret = is_over(&c, row);
        return r == -ENOENT ? 0 : r;
}

/* What is known without asking the store: enough for a delivery that succeeds at once. */
static DeliveryRow row_of_parcel(const Parcel *p)
{
        return (DeliveryRow){
                .row = p->delivery,
                .case_number = p->c ? p->c->number : 0,
                .epoch = p->epoch,
                .rung = p->rung,
                .occurrence = p->occurrence,
                .recipient = p->recipient,
                .channel = p->channel->name,
                .why = p->why,
                .message = p->message,
                .first_tried_at = WALL_NONE,
        };
}

static int result_refused(Work *w, DeliveryRow *row, const Result *result)
{
        bool has_ended;
        int r = delivery_has_ended(w, row, &has_ended);
        if (r < 0)
                return r;
        switch (result->fate) {
        case FATE_TEMPORARY:
                return result_temporary(w, row, result, has_ended);
        case FATE_PERMANENT:
                return result_failed(w, row, result, has_ended);
        case FATE_GONE:
                return result_gone(w, row, result, has_ended);
        case FATE_ACCEPTED:
        case FATE_UNTRIED:
        case FATE_WITHDRAWN:
        default:
                must(false);
        }
}

static void lane_learn(Work *w, Lane *lane, const Result *result)
{
        if (result->fate == FATE_ACCEPTED)
                lane_accepted(w, lane);
        else if (result->fate == FATE_UNTRIED)
                lane_overfull(w, lane, result->parcel->channel);
        else if (result->fate == FATE_TEMPORARY && result->is_of_target)
                lane_failed(w, lane, result, chance_of(result->parcel));
}

int work_result(Work *w, Result *result)
{
        const Parcel *p = result->parcel;
        DeliveryRow row = row_of_parcel(p);
        Lane *lane = lane_of(w->turn, p->channel->name);
        must(lane->out > 0);
        lane->out--;
        if (lane->target)
                lane->target->out -= lane->target->out > 0;
        lane_learn(w, lane, result);
        work_note(w, returned, p->delivery);
        int r = target_learn(w, lane, result, chance_of(p));
        if (r < 0)
                return r;
        if (result->fate == FATE_UNTRIED)
                return 0;
        if (result->fate == FATE_WITHDRAWN)
                return result_withdrawn(w, p);
        if (p->attempts > 0 || result->fate != FATE_ACCEPTED) {
                r = store_delivery_load(w->store, p->delivery, w->arena, &row);
                if (r < 0)
                        return r;
        }
        row.attempts = p->attempts + 1;
        if (!wall_is_set(row.first_tried_at))
                row.first_tried_at = w->now;
        row.code = result->code;
        row.detail = result->detail;
        return result->fate == FATE_ACCEPTED ? result_accepted(w, &row, p) : result_refused(w, &row, result);
}

/* ---- what waits in the store ------------------------------------------------------------------------------------ */

bool work_is_out(const Work *w, int64_t row)
{
        for (size_t i = 0; i < w->sent_count; i++)
                if (w->sent[i] == row)
                        return true;
        return number_set_has(&w->turn->out, row);
}

/* A channel that is no longer in the configuration: the next one, as after a failure. */
static int fetched_without_channel(Work *w, DeliveryRow *row)
{
        row->detail = TEXT("the channel is no longer in the configuration");
        row_end(w, row, DELIVERY_FAILED);
        int r = row->fell_over ? 0 : fall_over(w, row);
        if (r >= 0)
                r = store_delivery_save(w->store, row);
        if (r >= 0)
                r = recipient_trouble(w, row,
                                      arena_textf(w->arena,
                                                  "channel \"" TEXT_F "\" is no longer in the configuration, but was "
                                                  "to reach \"" TEXT_F "\"",
                                                  TEXT_ARG(row->channel), TEXT_ARG(row->recipient)));
        if (r >= 0 && is_owner_alert(row))
                work_wake(w, row->case_number);
        return r;
}

static bool has_left(const Work *w, const DeliveryRow *row)
{
        Text room;
        return !recipient_channel(row->recipient, &room) && !roster_person(&w->config->roster, row->recipient, w->now);
}

static int fetched_of_nobody(Work *w, DeliveryRow *row, Subject *s)
{
        row->detail =
                arena_textf(w->arena, "not sent: " TEXT_F " is not in people.csv any more", TEXT_ARG(row->recipient));
        row_end(w, row, DELIVERY_DROPPED);
        int r = store_delivery_save(w->store, row);
        if (r < 0 || !s || row->rung < 0 || s->c.state != CASE_OPEN)
                return r;
        Text note = arena_textf(w->arena, TEXT_F " is not in people.csv any more: the " TEXT_F " goes to somebody else",
                                TEXT_ARG(row->recipient), TEXT_ARG(text_from(message_text(row->message))));
        return work_redirect(w, s, row, note);
}

static int fetched_of_operator(Work *w, const DeliveryRow *row)
{
        ParcelArena *memory = parcel_arena_new(1024);
        Parcel *p = parcel_start(w, memory, row);
        (void)parcel_arena_drop(memory);
        parcel_of_operator(p);
        p->was_kept = true;
        parcel_hand_out(w, p);
        return 0;
}

/* What has waited longer than it should, during an outage or for its channel, does not come at night for that. */
static WallTime reader_is_there_at(const Work *w, const DeliveryRow *row, const Subject *s)
{
        const Person *reader = roster_person(&w->config->roster, row->recipient, w->now);
        bool is_rung = row->rung >= 0 && (size_t)row->rung < s->policy->rung_count;
        if (!reader || (is_rung && s->policy->ladder[row->rung].any_time))
                return w->now;
        return hours_next_open(&reader->hours, reader->zone, w->now);
}

static int fetched_of_case(Work *w, DeliveryRow *row, Subject *s)
{
        WallTime there = reader_is_there_at(w, row, s);
        if (is_over(&s->c, row))
                row_end(w, row, DELIVERY_DROPPED);
        else if (has_left(w, row))
                return fetched_of_nobody(w, row, s);
        else /* in the morning the channel that was asked last goes first: if it is accepted, this one is dropped */
                row->next_at = there.us > w->now.us && row->fell_over ? wall_add(there, SPAN_MINUTE) : there;
        if (row->state == DELIVERY_DROPPED || there.us > w->now.us) {
                lane_expect(w, row->channel, there);
                return store_delivery_save(w->store, row);
        }
        Parcel *p = parcel_start(w, s->memory, row);
        parcel_of_case(w, p, s, &s->c);
        p->was_kept = true;
        parcel_hand_out(w, p);
        return 0;
}

int work_hand_out(Work *w, DeliveryRow *row)
{
        const Channel *channel = config_channel(w->config, row->channel);
        if (!channel)
                return fetched_without_channel(w, row);
        if (row->case_number == 0)
                return has_left(w, row) ? fetched_of_nobody(w, row, NULL) : fetched_of_operator(w, row);
        Subject s;
        int r = subject_load(w, row->case_number, &s);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = fetched_of_case(w, row, &s);
        subject_done(&s);
        return r;
}
