#include "base/buffer.h"

#include <stdio.h>

char *buffer_room(Buffer *b, size_t bytes)
{
        if (b->capacity - b->len < bytes) {
                size_t larger = MAX_OF(b->capacity * 2, MAX_OF(b->len + bytes, (size_t)128));
                char *copy = arena_alloc(b->arena, larger);
                if (b->len > 0)
                        memcpy(copy, b->data, b->len);
                b->data = copy;
                b->capacity = larger;
        }
        return b->data + b->len;
}

void buffer_putf(Buffer *b, const char *format, ...)
{
        must(format != NULL);
        va_list args;
        va_start(args, format);
        va_list again;
        va_copy(again, args);
        int len = vsnprintf(NULL, 0, format, again);
        va_end(again);
        must(len >= 0);
        (void)vsnprintf(buffer_room(b, (size_t)len + 1), (size_t)len + 1, format, args);
        b->len += (size_t)len;
        va_end(args);
}

void buffer_put_integer(Buffer *b, int64_t value)
{
        char digits[24];
        size_t at = sizeof(digits);
        uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
        do {
                digits[--at] = (char)('0' + left % 10);
                left /= 10;
        } while (left > 0);
        if (value < 0)
                digits[--at] = '-';
        buffer_put(b, (Text){ digits + at, sizeof(digits) - at });
}

static size_t character_count(Text text)
{
        size_t count = 0;
        for (size_t i = 0; i < text.len; i++)
                count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
        return count;
}

static void line_begin(Buffer *b, size_t indent)
{
        buffer_put_char(b, '\n');
        memset(buffer_room(b, indent), ' ', indent);
        b->len += indent;
}

void buffer_put_wrapped(Buffer *b, Text words, size_t column, size_t indent)
{
        Text line, word;
        for (bool is_first = true; text_split(&words, '\n', &line); is_first = false) {
                size_t at = is_first ? column : indent;
                if (!is_first)
                        line_begin(b, indent);
                for (bool is_start = true; text_split(&line, ' ', &word); is_start = false) {
                        size_t width = character_count(word);
                        if (!is_start && at + 1 + width > TEXT_COLUMNS) {
                                line_begin(b, indent);
                                at = indent;
                        } else if (!is_start) {
                                buffer_put_char(b, ' ');
                                at++;
                        }
                        buffer_put(b, word);
                        at += width;
                }
        }
}

void buffer_put_count(Buffer *b, int64_t count, const char *noun)
{
        buffer_put_integer(b, count);
        buffer_putf(b, " %s%s", noun, count == 1 ? "" : "s");
}

Text buffer_text(Buffer *b)
{
        *buffer_room(b, 1) = '\0';
        return (Text){ b->data, b->len };
}
