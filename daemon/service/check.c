/* check.c - the store is looked through after the start, when there is nothing else to do: a table at a time. */
#include "base/notice.h"
#include "inside.h"

enum {
        IDLE_TICKS = 3,  /* of a second: then one table */
        BUSY_TICKS = 120 /* or at the latest, where it never rests */
};

static void check_run(void *userdata, Turn *turn, WallTime now UNUSED)
{
        Service *s = userdata;
        (void)!store_check_step(turn_store(turn), &s->check_found); /* damage ends the process: store_failure() */
}

static void check_done(void *userdata)
{
        Service *s = userdata;
        s->check = s->check_found;
        s->check_under_way = false;
        if (!s->check.is_done)
                return;
        if (s->check.is_too_large)
                notice_log(NOTICE_STORE_CHECKED, ABOUT_NOTHING,
                           "not here, it is too large for that: closedloopctl backup checks its copy");
        else
                notice_log(NOTICE_STORE_CHECKED, ABOUT_NOTHING, "%d tables are sound", s->check.checked);
}

void service_check_tick(Service *s)
{
        s->check_ticks++;
        bool is_idle = s->figures_answers == s->check_seen && outbox_count(s->outbox) == 0;
        if (!is_idle)
                s->check_idle_ticks = 0;
        s->check_seen = s->figures_answers;
        bool is_time = ++s->check_idle_ticks >= IDLE_TICKS || s->check_ticks >= BUSY_TICKS;
        if (s->check.is_done || s->check_under_way || !is_time)
                return;
        s->check_ticks = 0;
        s->check_under_way = true;
        service_call(s, (Call){ .run = check_run, .done = check_done, .userdata = s });
}

void service_check_status(const Service *s, JsonWriter *w, Buffer *text)
{
        const StoreCheck *check = &s->check;
        json_key(w, "store_check");
        json_open(w, '{');
        json_field_bool(w, "is_done", check->is_done);
        json_field_integer(w, "tables", check->tables);
        json_field_integer(w, "checked", check->checked);
        json_close(w, '}');
        if (check->is_done && check->is_too_large)
                buffer_put_literal(text, "; too large to be checked while it is in use, a backup checks its copy");
        else if (check->is_done)
                buffer_putf(text, "; checked since the start: %d tables are sound", check->checked);
        else
                buffer_putf(text, "; %d of %d tables checked since the start", check->checked, check->tables);
}
