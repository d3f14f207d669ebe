#include "notify/dialogue.h"

#include <ctype.h>

void dialogue_begin(Dialogue *d, Text from, Text to, Text message, Arena *arena)
{
        *d = (Dialogue){ .from = from, .to = to, .message = message, .arena = arena };
        d->say = arena_textf(arena, "MAIL FROM:<" TEXT_F ">\r\n", TEXT_ARG(from));
}

Text dialogue_line(const Dialogue *d)
{
        return (Text){ d->line, MIN_OF(d->line_bytes, sizeof(d->line)) };
}

/* The message with its dots doubled, and the end. */
static Text message_to_say(const Dialogue *d)
{
        Buffer b = buffer_in(d->arena);
        (void)buffer_room(&b, d->message.len + d->message.len / 64 + 16);
        Text rest = d->message;
        while (rest.len > 0) {
                const char *end = memchr(rest.data, '\n', rest.len);
                size_t len = end ? (size_t)(end - rest.data) + 1 : rest.len;
                if (rest.data[0] == '.')
                        buffer_put_char(&b, '.');
                buffer_put(&b, (Text){ rest.data, len });
                rest = text_from_offset(rest, len);
        }
        if (b.len > 0 && b.data[b.len - 1] != '\n')
                buffer_put_literal(&b, "\r\n");
        buffer_put_literal(&b, ".\r\n");
        return buffer_text(&b);
}

static void dialogue_go_on(Dialogue *d, DialogueState next, Text say)
{
        d->state = next;
        d->say = say;
}

static void dialogue_say_message(Dialogue *d)
{
        d->has_message = true;
        dialogue_go_on(d, DIALOGUE_END, message_to_say(d));
}

/* A whole reply has come. */
static void dialogue_step(Dialogue *d)
{
        bool is_good = d->status / 100 == (d->state == DIALOGUE_DATA ? 3 : 2);
        d->has_begun = d->has_begun || is_good;
        if (!is_good)
                dialogue_go_on(d, d->status >= 400 ? DIALOGUE_REFUSED : DIALOGUE_GARBAGE, TEXT_NONE);
        else if (d->state == DIALOGUE_MAIL)
                dialogue_go_on(d, DIALOGUE_RCPT, arena_textf(d->arena, "RCPT TO:<" TEXT_F ">\r\n", TEXT_ARG(d->to)));
        else if (d->state == DIALOGUE_RCPT)
                dialogue_go_on(d, DIALOGUE_DATA, TEXT("DATA\r\n"));
        else if (d->state == DIALOGUE_DATA)
                dialogue_say_message(d);
        else
                dialogue_go_on(d, DIALOGUE_ACCEPTED, TEXT_NONE);
}

/* 0: not the beginning of a reply. */
static int status_of(Text line)
{
        if (line.len < 3 || line.data[0] < '2' || line.data[0] > '5')
                return 0;
        if (!isdigit((unsigned char)line.data[1]) || !isdigit((unsigned char)line.data[2]))
                return 0;
        if (line.len > 3 && line.data[3] != ' ' && line.data[3] != '-')
                return 0;
        return (line.data[0] - '0') * 100 + (line.data[1] - '0') * 10 + (line.data[2] - '0');
}

static void dialogue_take_line(Dialogue *d)
{
        if (d->line_bytes > 0 && d->line_bytes <= sizeof(d->line) && d->line[d->line_bytes - 1] == '\r')
                d->line_bytes--;
        Text line = dialogue_line(d);
        int status = status_of(line);
        if (status == 0) {
                dialogue_go_on(d, DIALOGUE_GARBAGE, TEXT_NONE);
                return;
        }
        d->status = status;
        if (line.len == 3 || line.data[3] != '-')
                dialogue_step(d);
}

static void dialogue_take(Dialogue *d, char c)
{
        if (d->is_line_whole) {
                d->is_line_whole = false;
                d->line_bytes = 0;
        }
        if (c == '\n') {
                d->is_line_whole = true;
                dialogue_take_line(d);
        } else {
                if (d->line_bytes < sizeof(d->line))
                        d->line[d->line_bytes] = c;
                d->line_bytes++;
        }
}

bool dialogue_hear(Dialogue *d, Text bytes)
{
        d->heard_bytes += bytes.len;
        if (d->heard_bytes > DIALOGUE_HEARD_BYTES_MAX)
                dialogue_go_on(d, DIALOGUE_GARBAGE, TEXT_NONE);
        for (size_t i = 0; i < bytes.len && !dialogue_is_over(d); i++)
                dialogue_take(d, bytes.data[i]);
        return !dialogue_is_over(d);
}
