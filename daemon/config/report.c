#include "config/report.h"

#include <stdlib.h>

Report *report_new(void)
{
        Report *report = calloc(1, sizeof(*report));
        must(report != NULL);
        report->arena = arena_new(4096);
        return report;
}

Report *report_free(Report *report)
{
        if (report)
                arena_free(report->arena);
        free(report);
        return NULL;
}

void report_put(Report *report, Text file, unsigned line, bool is_warning, const char *format, va_list args)
{
        if (!is_warning)
                report->errors++;
        if (report->count == PROBLEMS_MAX) {
                report->dropped++;
                return;
        }
        report->problems =
                arena_grow(report->arena, report->problems, report->count, &report->capacity, sizeof(Problem));
        report->problems[report->count++] = (Problem){
                .file = arena_text(report->arena, file),
                .line = line,
                .is_warning = is_warning,
                .message = arena_textv(report->arena, format, args),
        };
}

void report_error(Report *report, Text file, unsigned line, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        report_put(report, file, line, false, format, args);
        va_end(args);
}

void report_warning(Report *report, Text file, unsigned line, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        report_put(report, file, line, true, format, args);
        va_end(args);
}

typedef struct Placed {
        const Problem *problem;
        size_t index; /* keeps the order of problems of one line */
} Placed;

static int placed_order(const void *left, const void *right)
{
        const Placed *a = left, *b = right;
        int order = text_compare(a->problem->file, b->problem->file);
        if (order != 0)
                return order;
        if (a->problem->line != b->problem->line)
                return a->problem->line < b->problem->line ? -1 : 1;
        return a->index < b->index ? -1 : 1;
}

void report_write(Report *report, Buffer *b)
{
        Placed *placed = arena_array(report->arena, Placed, report->count + 1);
        for (size_t i = 0; i < report->count; i++)
                placed[i] = (Placed){ &report->problems[i], i };
        qsort(placed, report->count, sizeof(Placed), placed_order);
        for (size_t i = 0; i < report->count; i++) {
                const Problem *p = placed[i].problem;
                buffer_put(b, p->file);
                if (p->line > 0)
                        buffer_putf(b, ":%u", p->line);
                buffer_putf(b, ": %s" TEXT_F "\n", p->is_warning ? "warning: " : "", TEXT_ARG(p->message));
        }
        if (report->dropped > 0)
                buffer_putf(b, "%zu more problems are not shown\n", report->dropped);
}

static bool is_control(char c)
{
        return (unsigned char)c < 0x20 || c == 0x7f;
}

/* One line that a terminal shows as it is. Bytes that are not UTF-8 become "?" one by one. */
static void put_visible(Buffer *b, Text text)
{
        bool is_utf8 = text_is_utf8(text);
        for (size_t i = 0; i < text.len; i++) {
                char c = text.data[i];
                buffer_put_char(b, is_control(c) || (!is_utf8 && (unsigned char)c >= 0x80) ? '?' : c);
        }
}

static bool is_inside_character(Text text, size_t at)
{
        return at < text.len && ((unsigned char)text.data[at] & 0xc0) == 0x80;
}

const char *report_quote(Arena *arena, Text text)
{
        Text shown = text;
        if (text.len > QUOTE_BYTES_MAX) {
                shown.len = QUOTE_BYTES_MAX;
                while (shown.len > 0 && is_inside_character(text, shown.len))
                        shown.len--;
        }
        Buffer b = buffer_in(arena);
        buffer_put_char(&b, '"');
        put_visible(&b, shown);
        if (shown.len < text.len)
                buffer_put_literal(&b, "...");
        buffer_put_char(&b, '"');
        return buffer_text(&b).data;
}

static size_t characters(Text text)
{
        size_t count = 0;
        for (size_t i = 0; i < text.len; i++)
                if (!is_inside_character(text, i))
                        count++;
        return count;
}

const char *report_caret(Arena *arena, Text text, size_t offset)
{
        enum {
                BEFORE = 80,
                AFTER = 60
        };
        size_t at = MIN_OF(offset, text.len);
        size_t from = at > BEFORE ? at - BEFORE : 0, until = MIN_OF(text.len, at + AFTER);
        while (is_inside_character(text, from))
                from++;
        while (is_inside_character(text, until))
                until++;
        Text left = { text.data + from, at - from }, right = { text.data + at, until - at };
        Buffer b = buffer_in(arena);
        buffer_putf(&b, "\n    %s", from > 0 ? "..." : "");
        put_visible(&b, left);
        put_visible(&b, right);
        buffer_putf(&b, "%s\n    ", until < text.len ? "..." : "");
        for (size_t column = characters(left) + (from > 0 ? 3 : 0); column > 0; column--)
                buffer_put_char(&b, ' ');
        buffer_put_char(&b, '^');
        return buffer_text(&b).data;
}

Suggestion suggestion_for(Text wanted)
{
        return (Suggestion){ wanted, TEXT_NONE, (unsigned)(wanted.len < 4 ? 1 : wanted.len < 8 ? 2 : 3) + 1 };
}

void suggestion_offer(Suggestion *s, Text candidate)
{
        unsigned distance = text_distance(s->wanted, candidate);
        if (distance >= s->distance || distance >= candidate.len)
                return;
        s->distance = distance;
        s->nearest = candidate;
}

const char *suggestion_text(const Suggestion *s, Arena *arena)
{
        if (!s->nearest.data)
                return "";
        return arena_textf(arena, "; did you mean %s?", report_quote(arena, s->nearest)).data;
}
