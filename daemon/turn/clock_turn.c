/* clock_turn.c - what a turn does about a clock that was set: who is told, what is held, what may wait no longer. */
#include "inside.h"

/* The last time that was believed; since boot, at that moment; which boot. While in doubt also: since boot, when it
 * ends; what the clock showed; whether operators were spared. Earlier versions wrote the first, in doubt also when it
 * ends. */
static const char META_KEY[] = "clock";

enum {
        PAST_NUMBERS_MAX = 6
};

static const int64_t TIME_MAX_US = INT64_C(253402300800000000); /* year 10000 */

static int64_t time_bounded(int64_t us)
{
        return MAX_OF(INT64_C(0), MIN_OF(us, TIME_MAX_US));
}

static ClockPast past_read(Text text)
{
        int64_t numbers[PAST_NUMBERS_MAX] = { 0 };
        size_t count = 0;
        Text word;
        while (count < PAST_NUMBERS_MAX && text_split(&text, ' ', &word) && text_integer(word, &numbers[count]))
                count++;
        if (count == 0)
                return (ClockPast){ .believed = WALL_NONE };
        WallTime believed = { time_bounded(numbers[0]) };
        if (count < 3)
                return (ClockPast){ .believed = believed,
                                    .shown = believed,
                                    .ends_at = { count == 2 ? TIME_MAX_US : 0 } };
        return (ClockPast){ .believed = believed,
                            .shown = { count == PAST_NUMBERS_MAX ? time_bounded(numbers[4]) : believed.us },
                            .boot = { time_bounded(numbers[1]) },
                            .boot_id = numbers[2],
                            .ends_at = { count == PAST_NUMBERS_MAX ? time_bounded(numbers[3]) : 0 },
                            .is_quiet = numbers[5] != 0 };
}

static Text past_text(const ClockPast *past, Arena *arena)
{
        Text known = arena_textf(arena, "%lld %lld %lld", (long long)past->believed.us, (long long)past->boot.us,
                                 (long long)past->boot_id);
        if (past->ends_at.us == 0)
                return known;
        return arena_textf(arena, TEXT_F " %lld %lld %d", TEXT_ARG(known), (long long)past->ends_at.us,
                           (long long)past->shown.us, past->is_quiet);
}

int turn_clock_load(Turn *turn)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(256);
        Text text = TEXT_NONE;
        int r = store_meta_get(turn->store, META_KEY, arena, &text);
        turn->doubt = doubt_new(past_read(r >= 0 ? text : TEXT_NONE));
        turn->clock_saved_at = WALL_NONE;
        return r;
}

/* Times in memory that were worked out by the clock before it was set. */
static void lane_shift(Lane *lane, WallTime now, Span by)
{
        if (lane->blocked_until.us > now.us && by.us < 0)
                lane->blocked_until = wall_add(lane->blocked_until, by);
        if (wall_is_set(lane->told_at))
                lane->told_at = wall_earlier(wall_add(lane->told_at, by), now);
        if (wall_is_set(lane->troubled_since))
                lane->troubled_since = wall_earlier(wall_add(lane->troubled_since, by), now);
}

static void turn_look_again(Turn *turn)
{
        turn->due_at = turn->too_old_told_at = WALL_NONE;
        turn->due_after = CASE_DUE_ALL;
        turn_roster_ask(turn);
        for (size_t i = 0; i < turn->lane_count; i++)
                turn->lanes[i]->fetch_at = WALL_NONE;
}

void turn_clock(Turn *turn, Batch *batch)
{
        const ClockReading now = { batch->now, batch->boot, batch->boot_id, batch->is_synchronised };
        batch->clock_news = DOUBT_SAME;
        batch->cases_held = -1;
        if (batch->boot.us == 0)
                return;
        batch->clock_news = doubt_look(&turn->doubt, now, turn->config->clock);
        if (turn->is_clock_trusted && turn->doubt.is_open)
                batch->clock_news = doubt_trust(&turn->doubt);
        turn->is_clock_trusted = false;
        if (turn->doubt.stepped.us != 0) {
                turn->clock_shift.us += turn->doubt.stepped.us;
                for (size_t i = 0; i < turn->lane_count; i++)
                        lane_shift(turn->lanes[i], batch->now, turn->doubt.stepped);
                for (size_t i = 0; i < turn->target_count; i++)
                        turn->targets[i]->blocked_until = WALL_NONE;
        }
        bool is_old = batch->clock_news == DOUBT_BEGAN && turn->doubt.is_resumed; /* told before the restart */
        bool is_turn = batch->clock_news == DOUBT_BEGAN || batch->clock_news == DOUBT_ENDED;
        if (is_turn && !is_old && !turn->doubt.is_quiet)
                turn->clock_says = batch->clock_news;
        if (turn->doubt.stepped.us != 0 || batch->clock_news != DOUBT_SAME) {
                turn_look_again(turn);
                turn->clock_saved_at = WALL_NONE;
        }
        batch->clock = turn->doubt;
}

bool turn_clock_trust(Turn *turn)
{
        turn->is_clock_trusted = turn->doubt.is_open;
        return turn->doubt.is_open;
}

WallTime turn_clock_wake_at(const Turn *turn, const Batch *batch)
{
        if (batch->boot.us == 0 || !turn->doubt.is_open)
                return WALL_NEVER;
        return wall_add(batch->now, mono_since(turn->doubt.ends_at, batch->boot));
}

bool turn_clock_writes(const Turn *turn, const Batch *batch)
{
        if (batch->boot.us == 0)
                return false;
        return !wall_is_set(turn->clock_saved_at) || turn->clock_saved_at.us > batch->now.us ||
               wall_since(batch->now, turn->clock_saved_at).us >= SPAN_MINUTE.us;
}

Text clock_words(const Doubt *doubt, Arena *arena)
{
        bool is_back = doubt->by.us < 0;
        int64_t seconds =
                ((is_back ? -doubt->by.us : doubt->by.us) + 500000) / 1000000; /* the clocks are read in turn */
        Text by = span_text(arena, span_times(SPAN_SECOND, seconds));
        if (doubt->why == DOUBT_BEHIND)
                return arena_textf(arena, "it is " TEXT_F " before the newest time in the store", TEXT_ARG(by));
        if (doubt->why == DOUBT_AHEAD)
                return arena_textf(arena,
                                   "it is " TEXT_F " after the last time in the store, and nothing says whether the "
                                   "machine was off for so long",
                                   TEXT_ARG(by));
        return arena_textf(arena, "it was set %s by " TEXT_F, is_back ? "back" : "forward", TEXT_ARG(by));
}

static int clock_tell(Work *w)
{
        const Doubt *doubt = &w->turn->doubt;
        if (w->turn->clock_says == DOUBT_ENDED)
                return work_tell_operators(w,
                                           arena_textf(w->arena,
                                                       "the clock of this machine is believed again: %s. Reminders and "
                                                       "escalations that were held go out now",
                                                       doubt_end_text(doubt->end)));
        Text words = clock_words(doubt, w->arena), hold = span_text(w->arena, w->config->clock.hold);
        return work_tell_operators(
                w, arena_textf(w->arena,
                               "the clock of this machine is in doubt: " TEXT_F
                               ". Reminders and escalations are held until it is synchronised, at most " TEXT_F
                               "; alerts are not. If the clock is right: closedloopctl clock trust",
                               TEXT_ARG(words), TEXT_ARG(hold)));
}

WallTime work_now_at_least(const Work *w)
{
        return work_holds(w) ? wall_earlier(w->now, doubt_past(&w->turn->doubt).believed) : w->now;
}

int work_clock(Work *w)
{
        Turn *turn = w->turn;
        int r = 0;
        if (turn->clock_shift.us != 0)
                r = store_deliveries_shift(w->store, turn->clock_shift);
        if (r >= 0 && turn->clock_says != DOUBT_SAME)
                r = clock_tell(w);
        if (r < 0 || !turn_clock_writes(turn, w->batch))
                return r;
        turn->clock_saved_at = w->now;
        ClockPast past = doubt_past(&turn->doubt);
        return store_meta_set(w->store, META_KEY, past_text(&past, w->arena));
}
