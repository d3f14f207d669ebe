#include "core/policy.h"

/* Ten years: longer than any promise to a customer, and far from where microseconds overflow. */
enum {
        DELAY_DAYS_MAX = 3660
};

typedef struct DelayUnit {
        Text singular, plural;
        DelayKind kind;
        int64_t seconds; /* 0: counted in days */
} DelayUnit;

/* Units of elapsed time in ascending order. */
static const DelayUnit DELAY_UNITS[] = {
        { { "second", 6 }, { "seconds", 7 }, DELAY_ELAPSED, 1 },
        { { "minute", 6 }, { "minutes", 7 }, DELAY_ELAPSED, 60 },
        { { "hour", 4 }, { "hours", 5 }, DELAY_ELAPSED, 3600 },
        { { "day", 3 }, { "days", 4 }, DELAY_ELAPSED, 86400 },
        { { "working hour", 12 }, { "working hours", 13 }, DELAY_WORKING_TIME, 3600 },
        { { "working day", 11 }, { "working days", 12 }, DELAY_WORKING_DAYS, 0 },
};

static const DelayUnit *delay_unit(Text word)
{
        for (size_t i = 0; i < COUNT_OF(DELAY_UNITS); i++)
                if (text_equal(word, DELAY_UNITS[i].singular) || text_equal(word, DELAY_UNITS[i].plural))
                        return &DELAY_UNITS[i];
        return NULL;
}

/* Digits only, so no sign; the bound keeps the product with a day far inside 64 bits. */
static bool whole_number(Text text, int64_t *ret)
{
        enum {
                DIGITS_MAX = 9
        };
        if (text.len == 0 || text.len > DIGITS_MAX || text.data[0] < '0' || text.data[0] > '9')
                return false;
        return text_integer(text, ret);
}

bool delay_parse(Text text, bool allows_window, bool allows_working, Delay *ret)
{
        Text number_text, rest = text_trim(text);
        if (text_is(rest, "window")) {
                if (allows_window)
                        *ret = (Delay){ .kind = DELAY_WINDOW };
                return allows_window;
        }
        int64_t number;
        if (!text_split(&rest, ' ', &number_text) || !rest.data || !whole_number(number_text, &number))
                return false;
        const DelayUnit *unit = delay_unit(rest);
        if (!unit || (unit->kind != DELAY_ELAPSED && !allows_working))
                return false;
        if (number * (unit->seconds ? unit->seconds : 86400) > DELAY_DAYS_MAX * INT64_C(86400))
                return false;
        *ret = (Delay){ .kind = unit->kind };
        if (unit->kind == DELAY_WORKING_DAYS)
                ret->days = (int)number;
        else
                ret->span = span_times(SPAN_SECOND, number * unit->seconds);
        return true;
}

static Text counted(Arena *arena, int64_t number, Text singular, Text plural)
{
        Text word = number == 1 ? singular : plural;
        return arena_textf(arena, "%lld " TEXT_F, (long long)number, TEXT_ARG(word));
}

/* The largest unit that leaves no rest; nothing at all is "0 minutes". */
static Text elapsed_text(Arena *arena, Span span)
{
        int64_t seconds = span.us / SPAN_SECOND.us;
        if (seconds == 0)
                return TEXT("0 minutes");
        const DelayUnit *unit = &DELAY_UNITS[0];
        for (size_t i = 1; i < COUNT_OF(DELAY_UNITS); i++)
                if (DELAY_UNITS[i].kind == DELAY_ELAPSED && seconds % DELAY_UNITS[i].seconds == 0)
                        unit = &DELAY_UNITS[i];
        return counted(arena, seconds / unit->seconds, unit->singular, unit->plural);
}

Text delay_text(Arena *arena, Delay delay)
{
        switch (delay.kind) {
        case DELAY_ELAPSED:
                return elapsed_text(arena, delay.span);
        case DELAY_WORKING_TIME:
                return counted(arena, delay.span.us / SPAN_HOUR.us, TEXT("working hour"), TEXT("working hours"));
        case DELAY_WORKING_DAYS:
                return counted(arena, delay.days, TEXT("working day"), TEXT("working days"));
        case DELAY_WINDOW:
                break;
        }
        return TEXT("window");
}

/* The number of days, hours, minutes or seconds, and what is left in the next smaller unit. */
static Text span_in(Arena *arena, int64_t whole, const char *unit, int64_t rest, const char *rest_unit)
{
        if (rest == 0)
                return arena_textf(arena, "%lld %s", (long long)whole, unit);
        return arena_textf(arena, "%lld %s %lld %s", (long long)whole, unit, (long long)rest, rest_unit);
}

Text span_text(Arena *arena, Span span)
{
        int64_t seconds = MAX_OF(span.us, INT64_C(0)) / SPAN_SECOND.us;
        int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
        if (days > 0)
                return span_in(arena, days, days == 1 ? "day" : "days", hours % 24, "h");
        if (hours > 0)
                return span_in(arena, hours, "h", minutes % 60, "min");
        if (minutes > 0 || seconds == 0)
                return span_in(arena, minutes, "min", 0, "");
        return span_in(arena, seconds, "s", 0, "");
}

const char *recipient_kind_text(RecipientKind kind)
{
        static const char *const texts[RECIPIENT_KIND_MAX] = {
                [RECIPIENT_OWNER] = "owner",         [RECIPIENT_MANAGER] = "manager", [RECIPIENT_DIRECTOR] = "director",
                [RECIPIENT_DELEGATE] = "delegate",   [RECIPIENT_INFORM] = "inform",   [RECIPIENT_GROUP] = "group",
                [RECIPIENT_PERSON] = "person",       [RECIPIENT_FIELD] = "field",     [RECIPIENT_CHANNEL] = "channel",
                [RECIPIENT_CATCH_ALL] = "catch-all",
        };
        must(kind < RECIPIENT_KIND_MAX);
        return texts[kind];
}

static bool kind_has_name(RecipientKind kind)
{
        return kind == RECIPIENT_GROUP || kind == RECIPIENT_PERSON || kind == RECIPIENT_FIELD ||
               kind == RECIPIENT_CHANNEL;
}

static bool name_is_printable(Text name)
{
        for (size_t i = 0; i < name.len; i++)
                if ((uint8_t)name.data[i] < 0x20 || name.data[i] == 0x7f)
                        return false;
        return name.len > 0 && text_equal(name, text_trim(name));
}

static bool recipient_named(Text kind_text, Text name, Recipient *ret)
{
        for (RecipientKind kind = 0; kind < RECIPIENT_KIND_MAX; kind++) {
                if (kind_has_name(kind) && text_is(kind_text, recipient_kind_text(kind)) && name_is_printable(name)) {
                        *ret = (Recipient){ kind, name };
                        return true;
                }
        }
        return false;
}

bool recipient_parse(Text text, Recipient *ret)
{
        Text kind_text, name = text;
        if (!text_split(&name, ':', &kind_text))
                return false;
        if (name.data)
                return recipient_named(kind_text, name, ret);
        for (RecipientKind kind = 0; kind < RECIPIENT_KIND_MAX; kind++) {
                if (!kind_has_name(kind) && text_is(text, recipient_kind_text(kind))) {
                        *ret = (Recipient){ kind, TEXT_NONE };
                        return true;
                }
        }
        return recipient_named(TEXT("person"), text, ret);
}

const char *message_text(Message message)
{
        static const char *const texts[MESSAGE_MAX] = {
                [MESSAGE_ALERT] = "alert",
                [MESSAGE_REMINDER] = "reminder",
                [MESSAGE_HELP_NEEDED] = "help-needed",
                [MESSAGE_HELP_TOLD] = "help-told",
                [MESSAGE_WINDOW_MISSED] = "window-missed",
                [MESSAGE_WAITING_LIST] = "waiting-list",
                [MESSAGE_JOINED] = "joined",
                [MESSAGE_REOPENED] = "reopened",
                [MESSAGE_CLAIMED] = "claimed",
                [MESSAGE_CONTACTED] = "contacted",
                [MESSAGE_CLOSED] = "closed",
                [MESSAGE_TOO_OLD] = "too-old",
                [MESSAGE_OPERATOR] = "operator",
                [MESSAGE_TEST] = "test",
        };
        must(message < MESSAGE_MAX);
        return texts[message];
}

bool message_parse(Text text, Message *ret)
{
        for (Message message = 0; message < MESSAGE_MAX; message++) {
                if (text_is(text, message_text(message))) {
                        *ret = message;
                        return true;
                }
        }
        return false;
}

bool policy_counts_as_reached(const Policy *policy, Text result)
{
        for (size_t i = 0; i < policy->reached_by_count; i++)
                if (text_equal(policy->reached_by[i], result))
                        return true;
        return false;
}
