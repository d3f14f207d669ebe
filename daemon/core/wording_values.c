#include "core/wording_names.h"

#include "core/grapheme.h"

/* From the facts of a case to short texts. Three kinds of readers: who is asked to act sees everything they need, who
 * is only informed sees no words of the customer, and a room sees neither the customer nor how anybody is doing. */

enum {
        COMMENT_CHARACTERS = 140,
        NAME_CHARACTERS = 40,
        SHORT_CHARACTERS = 30, /* phone, touchpoint, territory */
        NOTE_CHARACTERS = 300,
        LOOKED_AT_BYTES = 1024, /* of what somebody else wrote, at least */
        ID_BYTES_MAX = 40,      /* of an id in a command line */
};

#define WORDING_NAME(constant, name, meaning) name,
#define WORDING_MEANING(constant, name, meaning) meaning,
const char *const WORDING_NAMES[] = { WORDING_ROWS(WORDING_NAME) };
const char *const WORDING_MEANINGS[] = { WORDING_ROWS(WORDING_MEANING) };
const size_t WORDING_NAME_COUNT = WORDING_MAX;

typedef struct Values {
        const Facts *facts;
        const Case *c; /* NULL: none */
        Arena *arena;
        Text *texts;
        bool is_asked; /* the reader is asked to act */
} Values;

Text wording_cut(Arena *arena, Text text, size_t characters)
{
        size_t bytes_max = MAX_OF((size_t)LOOKED_AT_BYTES, characters * 4);
        return grapheme_cut(arena, grapheme_clean(arena, text, bytes_max), characters);
}

static Text outside_text(const Values *v, Text text, size_t characters)
{
        return grapheme_isolate(v->arena, wording_cut(v->arena, text, characters));
}

static Text field_text(const Values *v, FieldId field)
{
        return v->facts->response ? response_text(v->facts->response, field) : TEXT_NONE;
}

static bool is_because(const Facts *facts, RecipientKind kind)
{
        return text_is(facts->recipient_why, recipient_kind_text(kind));
}

static bool stands_for_owner(const Facts *facts)
{
        bool is_owner = facts->reader_id.data && facts->c && text_equal(facts->reader_id, facts->c->owner);
        return is_owner || !facts->recipient_why.data || is_because(facts, RECIPIENT_OWNER) ||
               is_because(facts, RECIPIENT_DELEGATE);
}

/* An alert to anybody but the owner only informs: two people would call otherwise. */
static bool is_asked_to_act(const Facts *facts)
{
        if (facts->is_shared || is_because(facts, RECIPIENT_CHANNEL))
                return false;
        if (stands_for_owner(facts) || is_because(facts, RECIPIENT_CATCH_ALL))
                return true;
        bool is_question = facts->message == MESSAGE_HELP_NEEDED || facts->message == MESSAGE_WINDOW_MISSED ||
                           facts->message == MESSAGE_TOO_OLD;
        return is_question && !is_because(facts, RECIPIENT_INFORM);
}

/* --- times --- */

static const char *const DAYS[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
static const char *const MONTHS[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};

static int64_t days_ahead(const Civil *at, const Civil *today)
{
        return civil_days(at->year, at->month, at->day) - civil_days(today->year, today->month, today->day);
}

/* The day, when it is not today. In a week's distance its name is enough; the year only where it could be mistaken. */
static Text day_text(Arena *arena, const Civil *at, int64_t ahead, bool says_tomorrow)
{
        enum {
                NAME_IS_ENOUGH = 6,
                YEAR_IS_CLEAR = 300
        };
        if (ahead == 0)
                return TEXT("");
        if (ahead == 1 && says_tomorrow)
                return TEXT("tomorrow ");
        const char *day = DAYS[(int)at->weekday], *month = MONTHS[at->month - 1];
        int64_t distance = ahead < 0 ? -ahead : ahead;
        if (distance <= NAME_IS_ENOUGH)
                return arena_textf(arena, "%s ", day);
        if (distance <= YEAR_IS_CLEAR)
                return arena_textf(arena, "%s %d %s ", day, at->day, month);
        return arena_textf(arena, "%s %d %s %d ", day, at->day, month, (int)at->year);
}

static Text time_text(const Values *v, WallTime t, bool says_tomorrow)
{
        if (!wall_is_set(t) || t.us == WALL_NEVER.us)
                return TEXT_NONE;
        const Zone *zone = v->facts->reader_zone ? v->facts->reader_zone : &ZONE_UTC;
        Civil at = zone_local(zone, t), today = zone_local(zone, v->facts->now);
        Text day = day_text(v->arena, &at, days_ahead(&at, &today), says_tomorrow);
        return arena_textf(v->arena, TEXT_F "%02d:%02d%s", TEXT_ARG(day), at.hour, at.minute,
                           v->facts->reader_zone ? "" : " UTC");
}

/* As people say it: "2 h" and not "1 h 59 min", as a message may come a moment after its time. */
static Text span_rounded(const Values *v, Span span)
{
        int64_t five_minutes = 5 * SPAN_MINUTE.us;
        int64_t unit = span.us < SPAN_HOUR.us       ? SPAN_MINUTE.us
                       : span.us < 4 * SPAN_HOUR.us ? five_minutes
                       : span.us < 3 * SPAN_DAY.us  ? SPAN_HOUR.us
                                                    : SPAN_DAY.us;
        int64_t rounded = (span.us + unit / 2) / unit * unit;
        return span_text(v->arena, (Span){ MAX_OF(rounded, SPAN_MINUTE.us) });
}

static void promise_put(Values *v)
{
        Text end = time_text(v, v->c->window_ends_at, false);
        if (!end.data)
                return;
        if (!wall_before(v->facts->now, v->c->window_ends_at)) {
                v->texts[WORDING_ENDED] = end;
                v->texts[WORDING_BY] = TEXT("as soon as you can");
                return;
        }
        v->texts[WORDING_ENDS] = end;
        v->texts[WORDING_BY] = arena_textf(v->arena, "by " TEXT_F, TEXT_ARG(end));
        v->texts[WORDING_LEFT] = span_rounded(v, wall_since(v->c->window_ends_at, v->facts->now));
}

static void times_put(Values *v)
{
        promise_put(v);
        v->texts[WORDING_SINCE] = time_text(v, v->c->submitted_at, false);
        v->texts[WORDING_NEXT] = time_text(v, v->facts->next_at, true);
        v->texts[WORDING_REACHED] = time_text(v, v->c->contacted_at, false);
}

/* --- the customer --- */

static Text touchpoint_text(const Values *v)
{
        Text text = arena_text(v->arena, wording_cut(v->arena, field_text(v, FIELD_TOUCHPOINT), SHORT_CHARACTERS));
        if (text_starts(text, TEXT("after ")))
                text = text_from_offset(text, strlen("after "));
        Buffer b = buffer_in(v->arena);
        for (size_t i = 0; i < text.len; i++)
                buffer_put_char(&b, text.data[i] == '_' ? ' ' : text.data[i]);
        /* "Installation" stands in a sentence now, "NPS" stays. */
        if (b.len > 1 && b.data[0] >= 'A' && b.data[0] <= 'Z' && b.data[1] >= 'a' && b.data[1] <= 'z')
                b.data[0] = (char)(b.data[0] + ('a' - 'A'));
        Text spoken = text_trim(buffer_text(&b));
        return spoken.len > 0 ? grapheme_isolate(v->arena, spoken) : TEXT_NONE;
}

static Text number_text(Arena *arena, double number)
{
        return arena_textf(arena, "%.6g", number);
}

static Text score_of(const Values *v, FieldId field)
{
        Response *response = v->facts->response;
        const Value *value = response_value(response, field);
        if (value->type != VALUE_NUMBER)
                return TEXT_NONE;
        Text number = number_text(v->arena, value->number);
        const FieldPlace *place = response->source ? response->source->place_of[field] : NULL;
        double from = 0, to = field == FIELD_NPS ? 10 : 0; /* only the NPS has the same scale everywhere */
        if (place && place->has_scale) {
                from = place->scale_min;
                to = place->scale_max;
        }
        if (to <= from)
                return arena_textf(v->arena, "score " TEXT_F, TEXT_ARG(number));
        Text most = number_text(v->arena, to);
        if (from < 0 || from > 1)
                return arena_textf(v->arena, TEXT_F " on a scale of " TEXT_F " to " TEXT_F, TEXT_ARG(number),
                                   TEXT_ARG(number_text(v->arena, from)), TEXT_ARG(most));
        return arena_textf(v->arena, TEXT_F " of " TEXT_F, TEXT_ARG(number), TEXT_ARG(most));
}

static Text score_text(const Values *v)
{
        static const FieldId fields[] = { FIELD_NPS, FIELD_CSAT, FIELD_CES };
        for (size_t i = 0; i < COUNT_OF(fields) && v->facts->response; i++) {
                Text score = score_of(v, fields[i]);
                if (score.data)
                        return score;
        }
        return TEXT_NONE;
}

static bool asks_for_call(const Values *v)
{
        if (!v->facts->response)
                return false;
        const Value *value = response_value(v->facts->response, FIELD_CONTACT_ME);
        return value->type == VALUE_FLAG && value->flag;
}

/* "2 of 10, after installation, asks for a call", or what there is of it. */
static Text answer_text(const Values *v, Text score, Text touchpoint)
{
        Buffer b = buffer_in(v->arena);
        buffer_put(&b, score);
        if (touchpoint.data) {
                buffer_put(&b, b.len > 0 ? TEXT(", after ") : TEXT("After "));
                buffer_put(&b, touchpoint);
        }
        if (asks_for_call(v))
                buffer_put(&b, b.len > 0 ? TEXT(", asks for a call") : TEXT("Asks for a call"));
        return b.len > 0 ? buffer_text(&b) : TEXT_NONE;
}

static void customer_put(Values *v)
{
        v->texts[WORDING_CUSTOMER] = TEXT("a customer");
        v->texts[WORDING_CUSTOMER_FIRST] = TEXT("A customer");
        if (v->facts->is_shared)
                return;
        Text name = outside_text(v, field_text(v, FIELD_NAME), NAME_CHARACTERS);
        Text id = v->c ? v->c->customer : field_text(v, FIELD_CUSTOMER);
        id = outside_text(v, id, SHORT_CHARACTERS);
        if (name.data) {
                v->texts[WORDING_CUSTOMER] = name;
                v->texts[WORDING_CUSTOMER_FIRST] = name;
        } else if (id.data) {
                v->texts[WORDING_CUSTOMER] = arena_textf(v->arena, "customer " TEXT_F, TEXT_ARG(id));
                v->texts[WORDING_CUSTOMER_FIRST] = arena_textf(v->arena, "Customer " TEXT_F, TEXT_ARG(id));
        }
}

/* How the customer can be reached and what they wrote: for who is asked to act, and nobody else. */
static void contact_put(Values *v)
{
        v->texts[WORDING_PHONE] = outside_text(v, field_text(v, FIELD_PHONE), SHORT_CHARACTERS);
        v->texts[WORDING_EMAIL] = outside_text(v, field_text(v, FIELD_EMAIL), NAME_CHARACTERS);
        v->texts[WORDING_COMMENT] = outside_text(v, field_text(v, FIELD_COMMENT), COMMENT_CHARACTERS);
        v->texts[WORDING_REACH] = v->texts[WORDING_PHONE].data   ? v->texts[WORDING_PHONE]
                                  : v->texts[WORDING_EMAIL].data ? v->texts[WORDING_EMAIL]
                                                                 : TEXT("No phone number came with the answer");
}

static void answer_put(Values *v)
{
        v->texts[WORDING_ACCOUNT] = outside_text(v, field_text(v, FIELD_ACCOUNT), NAME_CHARACTERS);
        v->texts[WORDING_SCORE] = score_text(v);
        v->texts[WORDING_TOUCHPOINT] = touchpoint_text(v);
        v->texts[WORDING_ANSWER] = answer_text(v, v->texts[WORDING_SCORE], v->texts[WORDING_TOUCHPOINT]);
        if (v->is_asked)
                contact_put(v);
}

/* --- the people --- */

static void owner_put(Values *v)
{
        Text given = v->facts->owner_name.data ? v->facts->owner_name : v->c ? v->c->owner : TEXT_NONE;
        Text name = outside_text(v, given, NAME_CHARACTERS);
        bool is_group = v->c && v->c->owner_is_group;
        v->texts[WORDING_OWNER] = name;
        v->texts[WORDING_OWNER_FIRST] = name;
        if (name.data && !is_group)
                return;
        const char *what = name.data ? "group " : "owner";
        v->texts[WORDING_OWNER] = arena_textf(v->arena, "the %s" TEXT_F, what, TEXT_ARG(name));
        v->texts[WORDING_OWNER_FIRST] = arena_textf(v->arena, "The %s" TEXT_F, what, TEXT_ARG(name));
}

static void manager_put(Values *v)
{
        Text name = outside_text(v, v->facts->manager_name, NAME_CHARACTERS);
        v->texts[WORDING_MANAGER] = name.data ? name : TEXT("your manager");
        v->texts[WORDING_MANAGER_FIRST] = name.data ? name : TEXT("Your manager");
}

static void who_put(Values *v)
{
        bool has_who = v->facts->message == MESSAGE_CLAIMED || v->facts->message == MESSAGE_CONTACTED;
        Text name = has_who ? outside_text(v, v->facts->note, NAME_CHARACTERS) : TEXT_NONE;
        v->texts[WORDING_WHO] = name.data ? name : v->texts[WORDING_OWNER];
        v->texts[WORDING_WHO_FIRST] = name.data ? name : v->texts[WORDING_OWNER_FIRST];
}

static Text attempt_text(const Values *v)
{
        const Case *c = v->c;
        Text when = time_text(v, c->last_attempt_at, false);
        if (c->attempts < 1 || !when.data)
                return TEXT_NONE;
        Text result = text_is(c->last_attempt_result, "no-answer")   ? TEXT("no answer")
                      : text_is(c->last_attempt_result, "bounced")   ? TEXT("message came back")
                      : text_is(c->last_attempt_result, "voicemail") ? TEXT("voicemail")
                                                                     : TEXT("not reached");
        if (c->attempts == 1)
                return arena_textf(v->arena, TEXT_F " " TEXT_F, TEXT_ARG(result), TEXT_ARG(when));
        return arena_textf(v->arena, "%d attempts, last " TEXT_F " " TEXT_F, (int)c->attempts, TEXT_ARG(result),
                           TEXT_ARG(when));
}

static void history_put(Values *v)
{
        Text told = time_text(v, wall_is_set(v->facts->told_at) ? v->facts->told_at : v->c->told_at, false);
        Text attempt = attempt_text(v), owner = v->texts[WORDING_OWNER_FIRST];
        v->texts[WORDING_TOLD] = told;
        v->texts[WORDING_ATTEMPT] = attempt;
        if (told.data && attempt.data)
                v->texts[WORDING_HISTORY] = arena_textf(v->arena, TEXT_F " was told " TEXT_F ", " TEXT_F,
                                                        TEXT_ARG(owner), TEXT_ARG(told), TEXT_ARG(attempt));
        else if (told.data)
                v->texts[WORDING_HISTORY] =
                        arena_textf(v->arena, TEXT_F " was told " TEXT_F, TEXT_ARG(owner), TEXT_ARG(told));
        else if (attempt.data)
                v->texts[WORDING_HISTORY] =
                        arena_textf(v->arena, TEXT_F " tried: " TEXT_F, TEXT_ARG(owner), TEXT_ARG(attempt));
        else /* the ladder waits for the owner's alert, so it did not arrive */
                v->texts[WORDING_HISTORY] = arena_textf(v->arena, TEXT_F " may not know yet", TEXT_ARG(owner));
}

/* --- how it ended --- */

static Text outcome_words(Outcome outcome)
{
        static const char *const words[OUTCOME_MAX] = {
                [OUTCOME_RECOVERED] = "recovered",
                [OUTCOME_PARTLY] = "partly recovered",
                [OUTCOME_LOST] = "lost",
                [OUTCOME_DECLINED] = "no call wanted",
                [OUTCOME_WRONG_PERSON] = "wrong person",
                [OUTCOME_ALREADY_HANDLED] = "already handled",
                [OUTCOME_DUPLICATE] = "a duplicate",
                [OUTCOME_NOT_A_COMPLAINT] = "not a complaint",
                [OUTCOME_UNREACHABLE] = "could not be reached",
        };
        return text_from(words[outcome]);
}

static void outcome_put(Values *v)
{
        Text given = v->facts->message == MESSAGE_CLOSED && v->facts->note.data ? v->facts->note : v->c->outcome;
        Outcome outcome;
        if (!given.data || !outcome_parse(given, &outcome))
                return;
        Text words = outcome_words(outcome);
        bool is_win = outcome == OUTCOME_RECOVERED || outcome == OUTCOME_PARTLY;
        v->texts[WORDING_WIN] = is_win ? words : TEXT_NONE;
        if (v->facts->is_shared)
                return;
        v->texts[WORDING_OUTCOME] = words;
        v->texts[WORDING_CAUSE] = outside_text(v, v->c->cause, SHORT_CHARACTERS);
}

/* --- command lines --- */

static bool id_is_plain(Text id)
{
        for (size_t i = 0; i < id.len; i++) {
                char c = id.data[i];
                bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
                if (!is_letter && !(i > 0 && (c == '-' || c == '.' || c == '_' || c == '@' || c == '+')))
                        return false;
        }
        return id.len > 0 && id.len <= ID_BYTES_MAX;
}

/* Who would act: only an id that no shell reads as something else. */
static Text command_reader(const Values *v)
{
        Text id = v->facts->reader_id;
        if (!id.data && stands_for_owner(v->facts) && !v->c->owner_is_group)
                id = v->c->owner;
        return id_is_plain(id) ? id : TEXT_NONE;
}

static Text command(const Values *v, const char *act, Text by, const char *rest)
{
        return arena_textf(v->arena, "closedloopctl %s %lld --by " TEXT_F "%s", act, (long long)v->c->number,
                           TEXT_ARG(by), rest);
}

static void commands_put(Values *v)
{
        if (v->c->number <= 0 || v->facts->is_shared)
                return;
        v->texts[WORDING_CASE_COMMAND] = arena_textf(v->arena, "closedloopctl case %lld", (long long)v->c->number);
        Text by = command_reader(v);
        if (!v->is_asked || !by.data)
                return;
        v->texts[WORDING_CONTACT_COMMAND] = command(v, "contact", by, " --channel phone --result spoke");
        v->texts[WORDING_ATTEMPT_COMMAND] = command(v, "attempt", by, " --channel phone --result voicemail");
        v->texts[WORDING_ASSIGN_COMMAND] = command(v, "assign", by, " --to PERSON");
        if (v->c->owner_is_group)
                v->texts[WORDING_CLAIM_COMMAND] = command(v, "claim", by, "");
}

/* --- all of it --- */

static void flags_put(Values *v)
{
        Text yes = TEXT("yes");
        v->texts[WORDING_TO_OWNER] = stands_for_owner(v->facts) && !v->facts->is_shared ? yes : TEXT_NONE;
        v->texts[WORDING_TO_GROUP] = v->c && v->c->owner_is_group ? yes : TEXT_NONE;
        v->texts[WORDING_TO_ACT] = v->is_asked ? yes : TEXT_NONE;
}

static void case_put(Values *v)
{
        if (v->c->number > 0)
                v->texts[WORDING_NUMBER] = arena_textf(v->arena, "%lld", (long long)v->c->number);
        Text territory = v->c->territory.data ? v->c->territory : field_text(v, FIELD_TERRITORY);
        v->texts[WORDING_TERRITORY] = outside_text(v, territory, SHORT_CHARACTERS);
        times_put(v);
        outcome_put(v);
        commands_put(v);
        if (v->facts->is_shared)
                return;
        v->texts[WORDING_SEVERITY] = text_from(severity_text(v->c->severity));
        v->texts[WORDING_RULE] = outside_text(v, v->c->rule, NAME_CHARACTERS);
        history_put(v);
}

/* A room hears a promise that still runs, never that one has passed. */
static void room_hush(Values *v)
{
        static const int hushed[] = { WORDING_ENDED, WORDING_LEFT, WORDING_SINCE, WORDING_NEXT, WORDING_REACHED };
        for (size_t i = 0; i < COUNT_OF(hushed); i++)
                v->texts[hushed[i]] = TEXT_NONE;
        if (!v->texts[WORDING_ENDS].data)
                v->texts[WORDING_BY] = TEXT_NONE;
}

static void message_put(Values *v)
{
        const Facts *facts = v->facts;
        bool is_ours = facts->message == MESSAGE_OPERATOR || facts->message == MESSAGE_TEST;
        v->texts[WORDING_READER] = outside_text(v, facts->reader_name, NAME_CHARACTERS);
        if (is_ours)
                v->texts[WORDING_NOTE] = outside_text(v, facts->note, NOTE_CHARACTERS);
        if (facts->late.us >= SPAN_MINUTE.us)
                v->texts[WORDING_LATE] = span_rounded(v, facts->late);
        manager_put(v);
}

void wording_values(const Facts *facts, Arena *arena, Text *ret_values)
{
        must(facts->c || facts->message == MESSAGE_OPERATOR || facts->message == MESSAGE_TEST);
        Values v = { .facts = facts, .c = facts->c, .arena = arena, .texts = ret_values };
        for (size_t i = 0; i < WORDING_MAX; i++)
                ret_values[i] = TEXT_NONE;
        v.is_asked = is_asked_to_act(facts);
        customer_put(&v);
        owner_put(&v);
        who_put(&v);
        flags_put(&v);
        if (!facts->is_shared) {
                answer_put(&v);
                message_put(&v);
        }
        if (facts->c)
                case_put(&v);
        if (facts->is_shared)
                room_hush(&v);
}
