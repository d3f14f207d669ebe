#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int text_compare(Text a, Text b)
{
        size_t common = MIN_OF(a.len, b.len);
        int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
        if (order != 0)
                return order;
        return a.len < b.len ? -1 : a.len > b.len;
}

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

Text text_trim(Text text)
{
        while (text.len > 0 && is_space(text.data[0])) {
                text.data++;
                text.len--;
        }
        while (text.len > 0 && is_space(text.data[text.len - 1]))
                text.len--;
        return text;
}

bool text_split(Text *rest, char separator, Text *ret_part)
{
        if (!rest->data)
                return false;
        const char *end = rest->len > 0 ? memchr(rest->data, separator, rest->len) : NULL;
        if (!end) {
                *ret_part = *rest;
                *rest = TEXT_NONE;
                return true;
        }
        size_t len = (size_t)(end - rest->data);
        *ret_part = (Text){ rest->data, len };
        *rest = (Text){ end + 1, rest->len - len - 1 };
        return true;
}

static size_t digits_at(Text text, size_t at)
{
        size_t n = 0;
        while (at + n < text.len && text.data[at + n] >= '0' && text.data[at + n] <= '9')
                n++;
        return n;
}

static size_t sign_at(Text text, size_t at)
{
        return at < text.len && (text.data[at] == '-' || text.data[at] == '+') ? 1 : 0;
}

/* The shape is checked by hand: strtod alone takes hexadecimal, "inf", "nan" and leading space. */
static bool number_shape(Text text)
{
        size_t at = sign_at(text, 0);
        size_t whole = digits_at(text, at);
        at += whole;
        if (whole == 0)
                return false;
        if (at < text.len && text.data[at] == '.') {
                size_t fraction = digits_at(text, at + 1);
                if (fraction == 0)
                        return false;
                at += 1 + fraction;
        }
        if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E')) {
                at += 1 + sign_at(text, at + 1);
                size_t exponent = digits_at(text, at);
                if (exponent == 0)
                        return false;
                at += exponent;
        }
        return at == text.len;
}

bool text_number(Text text, double *ret)
{
        char copy[64];
        if (text.len == 0 || text.len >= sizeof(copy) || !number_shape(text))
                return false;
        memcpy(copy, text.data, text.len);
        copy[text.len] = '\0';
        double value = strtod(copy, NULL); /* LC_NUMERIC is never set: the point is a point */
        if (!isfinite(value))
                return false;
        *ret = value;
        return true;
}

bool text_integer(Text text, int64_t *ret)
{
        size_t at = sign_at(text, 0);
        size_t digits = digits_at(text, at);
        if (digits == 0 || at + digits != text.len)
                return false;
        int sign = text.data[0] == '-' ? -1 : 1;
        int64_t value = 0;
        for (size_t i = at; i < text.len; i++)
                if (__builtin_mul_overflow(value, 10, &value) ||
                    __builtin_add_overflow(value, sign * (text.data[i] - '0'), &value))
                        return false;
        *ret = value;
        return true;
}

unsigned text_distance(Text a, Text b)
{
        enum {
                COMPARED_MAX = 64
        };
        unsigned rows[3][COMPARED_MAX + 1] = { 0 };
        size_t a_len = MIN_OF(a.len, (size_t)COMPARED_MAX), b_len = MIN_OF(b.len, (size_t)COMPARED_MAX);
        for (size_t j = 0; j <= b_len; j++)
                rows[0][j] = (unsigned)j;
        for (size_t i = 1; i <= a_len; i++) {
                unsigned *row = rows[i % 3];
                const unsigned *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
                row[0] = (unsigned)i;
                for (size_t j = 1; j <= b_len; j++) {
                        unsigned change = above[j - 1] + (a.data[i - 1] != b.data[j - 1]);
                        row[j] = MIN_OF(change, MIN_OF(above[j], row[j - 1]) + 1);
                        if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1])
                                row[j] = MIN_OF(row[j], two_above[j - 2] + 1);
                }
        }
        return rows[a_len % 3][b_len];
}

uint64_t text_hash(Text text)
{
        uint64_t hash = 0xcbf29ce484222325u;
        for (size_t i = 0; i < text.len; i++)
                hash = (hash ^ (uint8_t)text.data[i]) * 0x100000001b3u;
        return hash;
}

/* Length of the well-formed UTF-8 sequence at s, 0 if there is none (Unicode 15, table 3-7). left > 0. */
static size_t utf8_sequence(const uint8_t *s, size_t left)
{
        if (s[0] < 0x80)
                return 1;
        size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
        if (s[0] < 0xc2 || s[0] > 0xf4 || left < len)
                return 0;
        uint8_t low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
        uint8_t high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
        if (s[1] < low || s[1] > high)
                return 0;
        for (size_t i = 2; i < len; i++)
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        return len;
}

size_t text_character_bytes(Text text, size_t offset)
{
        return offset < text.len ? utf8_sequence((const uint8_t *)text.data + offset, text.len - offset) : 0;
}

bool text_is_utf8(Text text)
{
        const uint8_t *s = (const uint8_t *)text.data;
        for (size_t at = 0; at < text.len;) {
                uint64_t eight;
                if (text.len - at >= sizeof(eight)) {
                        memcpy(&eight, s + at, sizeof(eight));
                        if ((eight & UINT64_C(0x8080808080808080)) == 0) { /* most text is ASCII */
                                at += sizeof(eight);
                                continue;
                        }
                }
                size_t len = utf8_sequence(s + at, text.len - at);
                if (len == 0)
                        return false;
                at += len;
        }
        return true;
}

size_t text_next_character(Text text, size_t offset)
{
        offset = MIN_OF(offset + 1, text.len);
        while (offset < text.len && ((uint8_t)text.data[offset] & 0xc0) == 0x80)
                offset++;
        return offset;
}
