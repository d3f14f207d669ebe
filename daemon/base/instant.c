#include "base/instant.h"

#include <stdio.h>

static const int64_t DAY_US = 86400 * INT64_C(1000000);

static int64_t floor_div(int64_t a, int64_t b)
{
        return a / b - (a % b < 0);
}

/* Days from civil and back: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
int64_t civil_days(int32_t year, int month, int day)
{
        int64_t y = (int64_t)year - (month <= 2);
        int64_t era = floor_div(y, 400);
        int64_t year_of_era = y - era * 400;
        int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
        int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        return era * 146097 + day_of_era - 719468;
}

Civil civil_from_days(int64_t days)
{
        int64_t z = days + 719468;
        int64_t era = floor_div(z, 146097);
        int64_t doe = z - era * 146097;
        int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
        int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        int64_t mp = (5 * doy + 2) / 153;
        int month = (int)(mp < 10 ? mp + 3 : mp - 9);
        return (Civil){
                .year = (int32_t)(yoe + era * 400 + (month <= 2)),
                .month = (int8_t)month,
                .day = (int8_t)(doy - (153 * mp + 2) / 5 + 1),
                .weekday = (int8_t)((days % 7 + 10) % 7), /* 1970-01-01 was a Thursday */
        };
}

int64_t civil_to_us(const Civil *c)
{
        int64_t seconds = civil_days(c->year, c->month, c->day) * 86400 + c->hour * 3600 + c->minute * 60 + c->second;
        return seconds * 1000000 + c->microsecond;
}

Civil civil_from_us(int64_t us)
{
        int64_t days = floor_div(us, DAY_US);
        int64_t rest = us % DAY_US; /* not us - days * DAY_US: that overflows near INT64_MIN, which is WALL_NONE */
        if (rest < 0)
                rest += DAY_US;
        Civil c = civil_from_days(days);
        c.hour = (int8_t)(rest / (3600 * INT64_C(1000000)));
        c.minute = (int8_t)(rest / 60000000 % 60);
        c.second = (int8_t)(rest / 1000000 % 60);
        c.microsecond = (int32_t)(rest % 1000000);
        return c;
}

static int days_in_month(int32_t year, int month)
{
        static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        return days[month - 1] + (month == 2 && is_leap);
}

bool civil_is_date(int32_t year, int month, int day)
{
        return month >= 1 && month <= 12 && day >= 1 && day <= days_in_month(year, month);
}

Text wall_format(WallTime t, char buffer[static ISO8601_BYTES])
{
        Civil c = civil_from_us(t.us);
        int len = snprintf(buffer, ISO8601_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year, c.month, c.day, c.hour,
                           c.minute, c.second, c.microsecond / 1000);
        return (Text){ buffer, (size_t)len };
}

/* A cursor over the text; every reader returns false where the text is not what it should be. */
typedef struct Cursor {
        Text text;
        size_t at;
} Cursor;

static bool read_digits(Cursor *c, int count, int *ret)
{
        int value = 0;
        for (int i = 0; i < count; i++, c->at++) {
                if (c->at >= c->text.len || c->text.data[c->at] < '0' || c->text.data[c->at] > '9')
                        return false;
                value = value * 10 + (c->text.data[c->at] - '0');
        }
        *ret = value;
        return true;
}

static bool read_char(Cursor *c, char expected)
{
        if (c->at >= c->text.len || c->text.data[c->at] != expected)
                return false;
        c->at++;
        return true;
}

static bool read_fraction(Cursor *c, int32_t *ret_us)
{
        int32_t us = 0, unit = 100000;
        size_t start = c->at;
        for (; c->at < c->text.len && c->text.data[c->at] >= '0' && c->text.data[c->at] <= '9'; c->at++) {
                us += (c->text.data[c->at] - '0') * unit;
                unit /= 10;
        }
        *ret_us = us;
        return c->at > start && c->at - start <= 12;
}

static bool read_zone(Cursor *c, bool *ret_has_zone, int *ret_offset_seconds)
{
        *ret_has_zone = c->at < c->text.len;
        if (!*ret_has_zone || read_char(c, 'Z') || read_char(c, 'z'))
                return c->at == c->text.len;
        (void)read_char(c, ' ');
        int sign = read_char(c, '+') ? 1 : read_char(c, '-') ? -1 : 0;
        int hours = 0, minutes = 0;
        if (sign == 0 || !read_digits(c, 2, &hours))
                return false;
        if (c->at < c->text.len) {
                (void)read_char(c, ':');
                if (!read_digits(c, 2, &minutes))
                        return false;
        }
        *ret_offset_seconds = sign * (hours * 3600 + minutes * 60);
        return hours <= 14 && minutes <= 59 && c->at == c->text.len;
}

static bool read_clock(Cursor *c, Civil *civil)
{
        int hour, minute, second = 0;
        if (!read_digits(c, 2, &hour) || !read_char(c, ':') || !read_digits(c, 2, &minute))
                return false;
        if (read_char(c, ':')) {
                if (!read_digits(c, 2, &second))
                        return false;
                if (read_char(c, '.') && !read_fraction(c, &civil->microsecond))
                        return false;
        }
        if (hour > 23 || minute > 59 || second > 60)
                return false;
        civil->hour = (int8_t)hour;
        civil->minute = (int8_t)minute;
        civil->second = (int8_t)MIN_OF(second, 59); /* a leap second is the second before it */
        return true;
}

bool wall_parse(Text text, WallTime *ret, bool *ret_has_zone)
{
        Cursor c = { text, 0 };
        Civil civil = { 0 };
        int year, month, day, offset_seconds = 0;
        bool has_zone = false;
        if (!read_digits(&c, 4, &year) || !read_char(&c, '-') || !read_digits(&c, 2, &month) || !read_char(&c, '-') ||
            !read_digits(&c, 2, &day))
                return false;
        if (year < 1970 || year > 2200 || !civil_is_date(year, month, day))
                return false;
        civil.year = year;
        civil.month = (int8_t)month;
        civil.day = (int8_t)day;
        if (!read_char(&c, 'T') && !read_char(&c, 't') && !read_char(&c, ' '))
                return false;
        if (!read_clock(&c, &civil) || !read_zone(&c, &has_zone, &offset_seconds))
                return false;
        *ret = (WallTime){ civil_to_us(&civil) - offset_seconds * INT64_C(1000000) };
        *ret_has_zone = has_zone;
        return true;
}
