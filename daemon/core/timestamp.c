#include "core/timestamp.h"

#include <errno.h>
#include <math.h>
#include <strings.h>

enum {
        YEAR_MIN = 1970,
        YEAR_MAX = 2200
};
static const int64_t EPOCH_SECONDS_MAX = INT64_C(7289654399); /* the end of 2200 */

/* A time being read by a pattern. */
typedef struct Reader {
        Text text;
        size_t at;
        Civil civil;
        bool is_afternoon, has_half; /* %p */
        bool has_zone;
        int offset_seconds;
} Reader;

static char peek(const Reader *r)
{
        return r->at < r->text.len ? r->text.data[r->at] : '\0';
}

static bool skip(Reader *r, char expected)
{
        if (r->at >= r->text.len || r->text.data[r->at] != expected)
                return false;
        r->at++;
        return true;
}

static bool digits_read(Reader *r, int at_least, int at_most, int *ret)
{
        int value = 0, count = 0;
        for (; count < at_most && peek(r) >= '0' && peek(r) <= '9'; count++, r->at++)
                value = value * 10 + (peek(r) - '0');
        *ret = value;
        return count >= at_least;
}

static bool small_read(Reader *r, int at_least, int low, int high, int8_t *ret)
{
        int value;
        if (!digits_read(r, at_least, 2, &value) || value < low || value > high)
                return false;
        *ret = (int8_t)value;
        return true;
}

static bool year_read(Reader *r)
{
        int year;
        if (!digits_read(r, 4, 4, &year))
                return false;
        r->civil.year = year;
        return true;
}

/* POSIX: 69 to 99 are of the last century. */
static bool short_year_read(Reader *r)
{
        int year;
        if (!digits_read(r, 2, 2, &year))
                return false;
        r->civil.year = year + (year >= 69 ? 1900 : 2000);
        return true;
}

static bool word_skip(Reader *r, const char *word)
{
        size_t len = strlen(word);
        if (r->text.len - r->at < len || strncasecmp(r->text.data + r->at, word, len) != 0)
                return false;
        r->at += len;
        return true;
}

static bool month_name_read(Reader *r)
{
        static const char *const names[] = { "January", "February", "March",     "April",   "May",      "June",
                                             "July",    "August",   "September", "October", "November", "December" };
        for (int i = 0; i < 12; i++) {
                char three[4] = { names[i][0], names[i][1], names[i][2], '\0' };
                if (!word_skip(r, names[i]) && !word_skip(r, three))
                        continue;
                r->civil.month = (int8_t)(i + 1);
                return true;
        }
        return false;
}

static bool half_read(Reader *r)
{
        r->has_half = true;
        r->is_afternoon = word_skip(r, "pm");
        return r->is_afternoon || word_skip(r, "am");
}

static bool fraction_read(Reader *r)
{
        size_t start = r->at;
        int nanoseconds;
        if (!digits_read(r, 1, 9, &nanoseconds))
                return false;
        for (size_t i = r->at - start; i < 9; i++)
                nanoseconds *= 10;
        r->civil.microsecond = nanoseconds / 1000;
        return true;
}

static bool zone_read(Reader *r)
{
        int hours = 0, minutes = 0;
        r->has_zone = true;
        if (skip(r, 'Z') || skip(r, 'z'))
                return true;
        int sign = skip(r, '+') ? 1 : skip(r, '-') ? -1 : 0;
        if (sign == 0 || !digits_read(r, 2, 2, &hours))
                return false;
        if (skip(r, ':') || (peek(r) >= '0' && peek(r) <= '9'))
                if (!digits_read(r, 2, 2, &minutes))
                        return false;
        r->offset_seconds = sign * (hours * 3600 + minutes * 60);
        return hours <= 14 && minutes <= 59;
}

static bool letter_read(Reader *r, char letter)
{
        switch (letter) {
        case 'Y':
                return year_read(r);
        case 'y':
                return short_year_read(r);
        case 'm':
                return small_read(r, 1, 1, 12, &r->civil.month);
        case 'b':
                return month_name_read(r);
        case 'd':
                return small_read(r, 1, 1, 31, &r->civil.day);
        case 'H':
                return small_read(r, 1, 0, 23, &r->civil.hour);
        case 'I':
                return small_read(r, 1, 1, 12, &r->civil.hour);
        case 'p':
                return half_read(r);
        case 'M':
                return small_read(r, 2, 0, 59, &r->civil.minute);
        case 'S':
                return small_read(r, 2, 0, 60, &r->civil.second);
        case 'f':
                return fraction_read(r);
        case 'z':
                return zone_read(r);
        default:
                return skip(r, letter);
        }
}

static bool spaces_read(Reader *r)
{
        if (peek(r) != ' ')
                return false;
        while (skip(r, ' '))
                ;
        return true;
}

static bool pattern_follow(Reader *r, Text pattern)
{
        for (size_t i = 0; i < pattern.len; i++) {
                bool follows;
                if (pattern.data[i] == '%' && i + 1 < pattern.len)
                        follows = letter_read(r, pattern.data[++i]);
                else if (pattern.data[i] == ' ')
                        follows = spaces_read(r);
                else
                        follows = skip(r, pattern.data[i]);
                if (!follows)
                        return false;
        }
        return r->at == r->text.len;
}

bool timestamp_pattern_read(Text pattern, const Zone *zone, Text text, WallTime *ret)
{
        Reader r = { .text = text };
        Civil *c = &r.civil;
        if (!pattern_follow(&r, pattern))
                return false;
        if (c->year < YEAR_MIN || c->year > YEAR_MAX || !civil_is_date(c->year, c->month, c->day))
                return false;
        if (r.has_half)
                c->hour = (int8_t)(c->hour % 12 + (r.is_afternoon ? 12 : 0));
        c->second = (int8_t)MIN_OF(c->second, 59); /* a leap second is the second before it */
        *ret = r.has_zone ? (WallTime){ civil_to_us(c) - r.offset_seconds * INT64_C(1000000) } : zone_instant(zone, c);
        return true;
}

/* Bit n: the letter 'A' + n stands in the pattern. */
static uint64_t letter_bit(char letter)
{
        return letter >= 'A' && letter <= 'z' ? UINT64_C(1) << (letter - 'A') : 0;
}

static bool letters_find(Text pattern, uint64_t *ret_seen, size_t *reterr_offset)
{
        uint64_t seen = 0;
        for (size_t i = 0; i < pattern.len; i++) {
                if (pattern.data[i] != '%')
                        continue;
                if (i + 1 == pattern.len || !memchr("YymbdHIpMSfz%", pattern.data[i + 1], 13)) {
                        *reterr_offset = i;
                        return false;
                }
                seen |= letter_bit(pattern.data[++i]);
        }
        *ret_seen = seen;
        return true;
}

/* What a moment cannot do without. A day alone is refused: the window counts hours, and the record's time is nearer to
 * the truth than midnight. */
static const struct {
        char letters[3];
        const char *message;
} NEEDED[] = {
        { "Yy", "a time needs its year: %Y or %y" },
        { "mb", "a time needs its month: %m or %b" },
        { "d", "a time needs its day: %d" },
        { "HI", "a time needs its hour: %H or %I; where a survey keeps only the day, leave \"submitted\" out" },
};

int timestamp_pattern_check(Text pattern, TextFault *reterr)
{
        uint64_t seen = 0;
        size_t offset = 0;
        if (!letters_find(pattern, &seen, &offset)) {
                *reterr = (TextFault){ offset, TEXT("after % is allowed one of Y y m b d H I p M S f z %") };
                return -EINVAL;
        }
        for (size_t i = 0; i < COUNT_OF(NEEDED); i++)
                if (!(seen & (letter_bit(NEEDED[i].letters[0]) | letter_bit(NEEDED[i].letters[1])))) {
                        *reterr = (TextFault){ pattern.len, text_from(NEEDED[i].message) };
                        return -EINVAL;
                }
        if (!(seen & letter_bit('I')) != !(seen & letter_bit('p'))) {
                *reterr = (TextFault){ pattern.len, TEXT("%I and %p go together: an hour up to 12, and AM or PM") };
                return -EINVAL;
        }
        return 0;
}

static bool iso8601_read(Text text, const Zone *zone, WallTime *ret)
{
        WallTime t;
        bool has_zone;
        if (!wall_parse(text, &t, &has_zone))
                return false;
        if (!has_zone) {
                Civil local = civil_from_us(t.us);
                t = zone_instant(zone, &local);
        }
        *ret = t;
        return true;
}

/* ticks a second. Whole numbers stay exact; a double holds a microsecond of any of these years. */
static bool epoch_read(const JsonValue *value, int64_t ticks, WallTime *ret)
{
        int64_t whole;
        double number;
        Text text = text_trim(json_text(value));
        if (json_integer(value, &whole) || text_integer(text, &whole)) {
                if (whole <= 0 || whole / ticks > EPOCH_SECONDS_MAX)
                        return false;
                *ret = (WallTime){ whole * (1000000 / ticks) };
                return true;
        }
        if (!json_number(value, &number) && !text_number(text, &number))
                return false;
        if (!(number > 0) || number / (double)ticks > (double)EPOCH_SECONDS_MAX)
                return false;
        *ret = (WallTime){ llround(number * (1000000.0 / (double)ticks)) };
        return true;
}

bool timestamp_read(const Source *source, const JsonValue *value, WallTime *ret)
{
        const Zone *zone = source->zone ? source->zone : &ZONE_UTC;
        Text text = json_type(value) == JSON_TEXT ? text_trim(json_text(value)) : TEXT_NONE;
        switch (source->timestamp_format) {
        case TIMESTAMP_ISO8601:
                return iso8601_read(text, zone, ret);
        case TIMESTAMP_EPOCH_SECONDS:
                return epoch_read(value, 1, ret);
        case TIMESTAMP_EPOCH_MILLISECONDS:
                return epoch_read(value, 1000, ret);
        case TIMESTAMP_PATTERN:
                return text.data && timestamp_pattern_read(source->timestamp_pattern, zone, text, ret);
        }
        return false;
}
