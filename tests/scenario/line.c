/* line.c - one line of a story: its words, its options, its times. */
#include "world.h"

#include <errno.h>
#include <stdio.h>

/* ---- failing ---------------------------------------------------------------------------------------------------- */

_Noreturn void fail(World *w, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        printf("%s:%d: ", w->file, w->line);
        (void)vprintf(format, args);
        printf("%s\n", w->restarts_everywhere ? " (with a restart after each line)" : "");
        va_end(args);
        longjmp(w->failed, 1);
}

void check(World *w, int error, const char *what)
{
        if (error < 0)
                fail(w, "could not %s: %s: %s", what, strerror(-error),
                     w->turn ? store_error(turn_store(w->turn)) : "");
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One word, up to a blank outside of quotes, without its quotes. */
static Text word_read(World *w, const char **at, bool *ret_is_quoted)
{
        Buffer b = buffer_in(w->arena);
        bool inside = false;
        *ret_is_quoted = false;
        for (; **at && (inside || !is_blank(**at)); (*at)++) {
                if (**at == '"') {
                        inside = !inside;
                        *ret_is_quoted = true;
                } else {
                        buffer_put_char(&b, **at);
                }
        }
        if (inside)
                fail(w, "expected a closing quote");
        return buffer_text(&b);
}

static bool is_name(Text text)
{
        for (size_t i = 0; i < text.len; i++)
                if (!((text.data[i] >= 'a' && text.data[i] <= 'z') || text.data[i] == '_'))
                        return false;
        return text.len > 0;
}

static bool option_split(Line *line, Text word, bool is_quoted)
{
        Text name, rest = word;
        if (!memchr(word.data, '=', word.len) || !text_split(&rest, '=', &name) || !is_name(name))
                return false;
        line->options[line->option_count].name = name;
        line->options[line->option_count].value = text_from_offset(word, name.len + 1);
        line->options[line->option_count++].is_quoted = is_quoted;
        return true;
}

/* "joe:" and "10:00," lose their point; comments go. */
void line_read(World *w, const char *text, Line *ret)
{
        const char *at = text;
        bool is_quoted;
        ret->count = ret->option_count = 0;
        for (;;) {
                while (is_blank(*at))
                        at++;
                if (!*at || *at == '#')
                        return;
                if (ret->count == WORDS_MAX || ret->option_count == WORDS_MAX)
                        fail(w, "expected at most %d words", WORDS_MAX);
                Text word = word_read(w, &at, &is_quoted);
                if (option_split(ret, word, is_quoted))
                        continue;
                while (!is_quoted && word.len > 1 && (word.data[word.len - 1] == ':' || word.data[word.len - 1] == ','))
                        word.len--;
                ret->words[ret->count++] = word;
        }
}

Text option_of(const Line *line, const char *name)
{
        for (size_t i = 0; i < line->option_count; i++)
                if (text_is(line->options[i].name, name))
                        return line->options[i].value;
        return TEXT_NONE;
}

/* "expect * gets * ...": * is one word, ... is what is left. */
bool line_matches(Line *line, const char *pattern)
{
        Text rest = text_from(pattern), word;
        size_t at = 0, stars = 0;
        line->rest_count = 0;
        while (text_split(&rest, ' ', &word)) {
                if (text_is(word, "...")) {
                        line->rest = &line->words[at];
                        line->rest_count = line->count - at;
                        return true;
                }
                if (at == line->count || (!text_is(word, "*") && !text_equal(word, line->words[at])))
                        return false;
                if (text_is(word, "*"))
                        line->stars[stars++] = line->words[at];
                at++;
        }
        return at == line->count;
}

Text words_join(World *w, const Text *words, size_t count)
{
        Buffer b = buffer_in(w->arena);
        for (size_t i = 0; i < count; i++) {
                if (i > 0)
                        buffer_put_char(&b, ' ');
                buffer_put(&b, words[i]);
        }
        return buffer_text(&b);
}

/* ---- time ------------------------------------------------------------------------------------------------------- */

static const char *const weekdays[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };

static bool moment_word(World *w, Text word, Moment *m)
{
        char text[64];
        int used = 0;
        if (word.len >= sizeof(text))
                return false;
        (void)snprintf(text, sizeof(text), TEXT_F, TEXT_ARG(word));
        for (int i = 0; i < 7; i++)
                if (text_is(word, weekdays[i])) {
                        m->weekday = i;
                        return true;
                }
        int first, second, third = 0;
        if (sscanf(text, "%4d-%2d-%2d%n", &first, &second, &third, &used) == 3 && !text[used]) {
                m->year = first;
                m->month = second;
                m->day = third;
                return m->has_date = civil_is_date(m->year, m->month, m->day);
        }
        third = 0;
        if ((sscanf(text, "%2d:%2d%n", &first, &second, &used) == 2 && !text[used]) ||
            (sscanf(text, "%2d:%2d:%2d%n", &first, &second, &third, &used) == 3 && !text[used])) {
                m->hour = first;
                m->minute = second;
                m->second = third;
                return true;
        }
        return (memchr(word.data, '/', word.len) || text_is(word, "UTC")) && zone_load(w->zones, word, &m->zone) == 0;
}

Moment moment_read(World *w, const Text *words, size_t count)
{
        Moment m = { .weekday = -1, .zone = w->zone };
        for (size_t i = 0; i < count; i++)
                if (!moment_word(w, words[i], &m))
                        fail(w, "expected a time such as \"Fri 2026-11-20 16:00 Europe/Berlin\", got \"" TEXT_F "\"",
                             TEXT_ARG(words[i]));
        if (!m.zone)
                fail(w, "expected a time zone with the first time");
        return m;
}

static WallTime moment_on(World *w, const Moment *m, int64_t days)
{
        Civil c = civil_from_days(days);
        c.hour = (int8_t)m->hour;
        c.minute = (int8_t)m->minute;
        c.second = (int8_t)m->second;
        if (m->has_date && m->weekday >= 0 && m->weekday != c.weekday)
                fail(w, "expected %s, but that day is a %s", weekdays[m->weekday], weekdays[c.weekday]);
        return zone_instant(m->zone, &c);
}

/* Without a date: the next one from now on. */
WallTime moment_instant(World *w, const Moment *m)
{
        if (m->has_date)
                return moment_on(w, m, civil_days(m->year, m->month, m->day));
        if (!w->has_started)
                fail(w, "expected a date with the first time");
        Civil today = zone_local(m->zone, w->now);
        int64_t first = civil_days(today.year, today.month, today.day);
        for (int64_t day = first; day <= first + 8; day++) {
                WallTime t = moment_on(w, m, day);
                if (t.us >= w->now.us && (m->weekday < 0 || civil_from_days(day).weekday == m->weekday))
                        return t;
        }
        fail(w, "expected a time in the next eight days");
}

/* "Mon 2026-11-23 10:00"; seconds if there are any. */
Text time_text(World *w, const Zone *zone, WallTime t)
{
        if (!wall_is_set(t))
                return TEXT("never");
        Civil c = zone_local(zone ? zone : &ZONE_UTC, t);
        Text text = arena_textf(w->arena, "%s %04d-%02d-%02d %02d:%02d", weekdays[c.weekday], c.year, c.month, c.day,
                                c.hour, c.minute);
        if (c.second != 0 || c.microsecond != 0)
                text = arena_textf(w->arena, TEXT_F ":%02d", TEXT_ARG(text), c.second);
        if (c.microsecond != 0)
                text = arena_textf(w->arena, TEXT_F ".%06d", TEXT_ARG(text), c.microsecond);
        return text;
}

/* Is it at "Mon 10:00", "10:00", "Mon 2026-11-23 10:00", with or without a zone? */
bool time_is(World *w, WallTime t, const Text *words, size_t count)
{
        const Zone *zone = w->zone;
        if (count > 0 && memchr(words[count - 1].data, '/', words[count - 1].len) &&
            zone_load(w->zones, words[count - 1], &zone) == 0)
                count--;
        Text is = time_text(w, zone, t), day, rest = is;
        Text wanted = words_join(w, words, count);
        if (text_equal(is, wanted))
                return true;
        (void)text_split(&rest, ' ', &day);
        Text clock = text_from_offset(is, MIN_OF(is.len, (size_t)15));
        return text_equal(wanted, clock) ||
               text_equal(wanted, arena_textf(w->arena, TEXT_F " " TEXT_F, TEXT_ARG(day), TEXT_ARG(clock)));
}

Span span_read(World *w, Text text)
{
        Delay delay;
        if (!delay_parse(text, false, false, &delay) || delay.kind != DELAY_ELAPSED)
                fail(w, "expected a time such as \"2 hours\", got \"" TEXT_F "\"", TEXT_ARG(text));
        return delay.span;
}
