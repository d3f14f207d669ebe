#include "config/option.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

enum {
        PATH_BYTES = 96
};

const Option *option_find(const char *path)
{
        for (size_t i = 0; i < OPTION_COUNT; i++)
                if (strcmp(OPTIONS[i].path, path) == 0)
                        return &OPTIONS[i];
        return NULL;
}

/* ---- words of messages ------------------------------------------------------------------------------------------ */

static bool is_element(const Setting *s)
{
        return s->option && s->option->kind == OPTION_GROUPS && s->type == SETTING_GROUP;
}

static unsigned element_number(const Setting *element)
{
        unsigned number = 1;
        bool is_in_list = element->parent && element->parent->type == SETTING_LIST;
        for (const Setting *s = is_in_list ? element->parent->first : element; s != element; s = s->next)
                number++;
        return number;
}

static void context_put(Arena *arena, const Setting *setting, Buffer *b)
{
        if (!setting)
                return;
        context_put(arena, setting->parent, b);
        if (!is_element(setting))
                return;
        buffer_putf(b, "%s%s ", b->len > 0 ? ", " : "in ", setting->option->words);
        Text name = setting_text(setting, "name");
        if (name.data)
                buffer_put(b, text_from(report_quote(arena, name)));
        else
                buffer_putf(b, "%u", element_number(setting));
}

const char *setting_context(Arena *arena, const Setting *setting)
{
        Buffer b = buffer_in(arena);
        context_put(arena, setting, &b);
        if (b.len > 0)
                buffer_put_literal(&b, ": ");
        return buffer_text(&b).data;
}

static void setting_put(Report *report, const Setting *setting, bool is_warning, const char *format, va_list args)
{
        Text message = arena_textv(report->arena, format, args);
        const char *context = setting_context(report->arena, setting);
        if (is_warning)
                report_warning(report, setting->file, setting->line, "%s" TEXT_F, context, TEXT_ARG(message));
        else
                report_error(report, setting->file, setting->line, "%s" TEXT_F, context, TEXT_ARG(message));
}

void setting_error(Report *report, const Setting *setting, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        setting_put(report, setting, false, format, args);
        va_end(args);
}

void setting_warning(Report *report, const Setting *setting, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        setting_put(report, setting, true, format, args);
        va_end(args);
}

/* "attempt.at_most": from the nearest group that the context names. */
Text setting_key(Arena *arena, const Setting *setting)
{
        const Setting *parent = setting->parent;
        if (!setting->name.data)
                return parent ? setting_key(arena, parent) : TEXT("the file");
        if (!parent || is_element(parent) || !parent->parent)
                return setting->name;
        return arena_textf(arena, TEXT_F "." TEXT_F, TEXT_ARG(setting_key(arena, parent)), TEXT_ARG(setting->name));
}

/* "a|b|c" as "a", "b" or "c". */
static const char *words_text(Arena *arena, const char *words)
{
        Buffer b = buffer_in(arena);
        Text rest = text_from(words), word;
        while (text_split(&rest, '|', &word)) {
                if (b.len > 0)
                        buffer_put(&b, text_from(rest.data ? ", " : " or "));
                buffer_putf(&b, "\"" TEXT_F "\"", TEXT_ARG(word));
        }
        return buffer_text(&b).data;
}

/* ---- checks of one value ---------------------------------------------------------------------------------------- */

typedef struct Check {
        Arena *arena;
        Report *report;
} Check;

#define bad(c, setting, ...)                                        \
        do {                                                        \
                (setting)->is_bad = true;                           \
                setting_error((c)->report, (setting), __VA_ARGS__); \
        } while (0)

#define KEY(c, setting) TEXT_ARG(setting_key((c)->report->arena, (setting)))

static void check_type(Check *c, Setting *s, const char *allowed)
{
        bad(c, s, TEXT_F " must be %s, not %s", KEY(c, s), allowed, setting_type_text(s->type));
}

static bool has_control(Text text)
{
        for (size_t i = 0; i < text.len; i++)
                if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
                        return true;
        return false;
}

static void check_text(Check *c, Setting *s)
{
        if (s->type != SETTING_TEXT)
                check_type(c, s, "a text");
        else if (text_is_empty(s->text))
                bad(c, s, TEXT_F " is empty", KEY(c, s));
        else if (has_control(s->text))
                bad(c, s, TEXT_F " holds control characters, such as a line feed", KEY(c, s));
        else if (!text_is_utf8(s->text))
                bad(c, s, TEXT_F " is not UTF-8", KEY(c, s));
}

static void check_texts(Check *c, Setting *s)
{
        if (s->type == SETTING_TEXT) {
                check_text(c, s);
                return;
        }
        if (s->type != SETTING_LIST) {
                check_type(c, s, "a list of texts");
                return;
        }
        for (Setting *item = s->first; item; item = item->next)
                check_text(c, item);
}

static void check_expression(Check *c, Setting *s)
{
        if (s->type != SETTING_TEXT)
                check_type(c, s, "a text with a condition");
        else if (!text_is_utf8(s->text))
                bad(c, s, TEXT_F " is not UTF-8", KEY(c, s));
}

static void check_choice(Check *c, Setting *s)
{
        const char *words = s->option->words;
        Text rest = text_from(words), word;
        if (s->type != SETTING_TEXT) {
                bad(c, s, TEXT_F " must be one of %s, not %s", KEY(c, s), words_text(c->report->arena, words),
                    setting_type_text(s->type));
                return;
        }
        while (text_split(&rest, '|', &word))
                if (text_equal(word, s->text))
                        return;
        bad(c, s, TEXT_F " %s is not allowed; it is one of %s", KEY(c, s), report_quote(c->report->arena, s->text),
            words_text(c->report->arena, words));
}

static void check_integer(Check *c, Setting *s)
{
        const Option *o = s->option;
        if (s->type != SETTING_INTEGER)
                check_type(c, s, "a whole number");
        else if ((double)s->integer < o->min || (double)s->integer > o->max)
                bad(c, s, TEXT_F " %lld is outside %.0f..%.0f", KEY(c, s), (long long)s->integer, o->min, o->max);
}

static bool is_number(const Setting *s)
{
        return s->type == SETTING_INTEGER || (s->type == SETTING_NUMBER && isfinite(s->number));
}

static void check_number(Check *c, Setting *s)
{
        if (!is_number(s))
                check_type(c, s, "a finite number");
}

static void check_numbers(Check *c, Setting *s)
{
        if (s->type != SETTING_LIST || setting_count(s) != 2 || !is_number(s->first) || !is_number(s->last))
                bad(c, s, TEXT_F " must be two numbers, the smallest and the largest, such as [0, 10]", KEY(c, s));
}

static const char *seconds_text(Arena *arena, double seconds)
{
        return delay_text(arena, (Delay){ .kind = DELAY_ELAPSED, .span = { (int64_t)seconds * SPAN_SECOND.us } }).data;
}

static const char *delay_words(OptionKind kind)
{
        if (kind == OPTION_DELAY)
                return "a whole number and seconds, minutes, hours, days, working hours or working days";
        if (kind == OPTION_DELAY_OR_WINDOW)
                return "\"window\", or a whole number and seconds, minutes, hours, days, working hours or working days";
        return "a whole number and seconds, minutes, hours or days";
}

static void check_delay(Check *c, Setting *s)
{
        const Option *o = s->option;
        Delay delay;
        if (s->type != SETTING_TEXT) {
                bad(c, s, TEXT_F " must be a text such as \"4 hours\", not %s", KEY(c, s), setting_type_text(s->type));
                return;
        }
        if (!delay_parse(s->text, o->kind == OPTION_DELAY_OR_WINDOW, o->kind != OPTION_SPAN, &delay)) {
                bad(c, s, TEXT_F " %s is not a duration; write %s", KEY(c, s), report_quote(c->report->arena, s->text),
                    delay_words(o->kind));
                return;
        }
        double seconds = (double)delay.span.us / 1e6 + delay.days * 86400.0;
        if (delay.kind != DELAY_WINDOW && (seconds < o->min || seconds > o->max))
                bad(c, s, TEXT_F " %s is outside %s..%s", KEY(c, s), report_quote(c->report->arena, s->text),
                    seconds_text(c->report->arena, o->min), seconds_text(c->report->arena, o->max));
}

static const char *bytes_text(Arena *arena, double bytes)
{
        static const char *const units[] = { "bytes", "KiB", "MiB", "GiB" };
        size_t unit = 0;
        for (; unit + 1 < COUNT_OF(units) && bytes >= 1024; unit++)
                bytes /= 1024;
        return arena_textf(arena, "%.0f %s", bytes, units[unit]).data;
}

static void check_bytes(Check *c, Setting *s)
{
        int64_t bytes = s->type == SETTING_INTEGER ? s->integer : -1;
        if (s->type != SETTING_INTEGER && (s->type != SETTING_TEXT || !bytes_parse(s->text, &bytes)))
                bad(c, s, TEXT_F " must be a size such as \"256 KiB\"; the units are bytes, KiB, MiB and GiB",
                    KEY(c, s));
        else if ((double)bytes < s->option->min || (double)bytes > s->option->max)
                bad(c, s, TEXT_F " is outside %s..%s", KEY(c, s), bytes_text(c->report->arena, s->option->min),
                    bytes_text(c->report->arena, s->option->max));
}

#define SECRET_FORMS "{ credential = \"...\" }, { file = \"...\" } or { env = \"...\" }"

/* Its value never stands in a message: who wrote it here by mistake does not want it in a log. */
static void check_secret(Check *c, Setting *s)
{
        static const char *const forms[] = { "credential", "file", "env" };
        if (s->type != SETTING_GROUP) {
                bad(c, s, TEXT_F " is a secret and is not written here; say where it is: " SECRET_FORMS, KEY(c, s));
                return;
        }
        const Setting *form = s->first;
        bool is_known = false;
        for (size_t i = 0; form && i < COUNT_OF(forms); i++)
                is_known |= text_is(form->name, forms[i]);
        if (!is_known || form->next || form->type != SETTING_TEXT || text_is_empty(form->text) ||
            has_control(form->text))
                bad(c, s, TEXT_F " must be one of " SECRET_FORMS, KEY(c, s));
}

static void check_groups(Check *c, Setting *s)
{
        if (s->type == SETTING_GROUP) {
                option_check(c->arena, c->report, s, s->option->path);
                return;
        }
        if (s->type != SETTING_LIST) {
                check_type(c, s, "a list of groups: ( { }, { } )");
                return;
        }
        for (Setting *element = s->first; element; element = element->next) {
                element->option = s->option;
                if (element->type == SETTING_GROUP)
                        option_check(c->arena, c->report, element, s->option->path);
                else
                        check_type(c, element, "a list of groups: ( { }, { } )");
        }
}

static void check_group(Check *c, Setting *s)
{
        if (s->type != SETTING_GROUP)
                check_type(c, s, "a group { }");
        else
                option_check(c->arena, c->report, s, s->option->path);
}

static void check_flag(Check *c, Setting *s)
{
        if (s->type != SETTING_FLAG)
                check_type(c, s, "true or false");
}

static void check_text_or_secret(Check *c, Setting *s)
{
        if (s->type == SETTING_TEXT)
                check_text(c, s);
        else
                check_secret(c, s);
}

static void check_text_or_group(Check *c, Setting *s)
{
        if (s->type == SETTING_TEXT)
                check_text(c, s);
        else if (s->type == SETTING_GROUP)
                option_check(c->arena, c->report, s, s->option->path);
        else
                check_type(c, s, "a text or a group { }");
}

static void check_value(Check *c, Setting *s)
{
        static void (*const checks[OPTION_KIND_MAX])(Check *, Setting *) = {
                [OPTION_GROUP] = check_group,
                [OPTION_GROUPS] = check_groups,
                [OPTION_TEXT] = check_text,
                [OPTION_TEXTS] = check_texts,
                [OPTION_EXPRESSION] = check_expression,
                [OPTION_CHOICE] = check_choice,
                [OPTION_FLAG] = check_flag,
                [OPTION_INTEGER] = check_integer,
                [OPTION_NUMBER] = check_number,
                [OPTION_NUMBERS] = check_numbers,
                [OPTION_SPAN] = check_delay,
                [OPTION_DELAY] = check_delay,
                [OPTION_DELAY_OR_WINDOW] = check_delay,
                [OPTION_BYTES] = check_bytes,
                [OPTION_SECRET] = check_secret,
                [OPTION_TEXT_OR_SECRET] = check_text_or_secret,
                [OPTION_TEXT_OR_GROUP] = check_text_or_group,
        };
        must(s->option->kind < OPTION_KIND_MAX);
        checks[s->option->kind](c, s);
}

/* ---- checks of a group ------------------------------------------------------------------------------------------ */

/* The row's own name, if it stands directly below path; absent otherwise. */
static Text row_name(const Option *o, const char *path)
{
        size_t len = strlen(path);
        const char *rest = o->path;
        if (len > 0) {
                if (strncmp(o->path, path, len) != 0 || o->path[len] != '.')
                        return TEXT_NONE;
                rest = o->path + len + 1;
        }
        return strchr(rest, '.') ? TEXT_NONE : text_from(rest);
}

static const Option *row_find(const char *path, Text name)
{
        for (size_t i = 0; i < OPTION_COUNT; i++) {
                Text row = row_name(&OPTIONS[i], path);
                if (row.data && (text_is(row, "*") || text_equal(row, name)))
                        return &OPTIONS[i];
        }
        return NULL;
}

Text option_word(const Setting *group, const char *path)
{
        const Option *o = option_find(path);
        must(o != NULL && o->kind == OPTION_CHOICE);
        const Setting *child = setting_child(group, strrchr(path, '.') + 1);
        if (child)
                return child->type == SETTING_TEXT && !child->is_bad ? child->text : TEXT_NONE;
        if (!o->fallback)
                return TEXT_NONE;
        return (Text){ o->fallback + 1, strlen(o->fallback) - 2 };
}

static bool is_one_of(Text word, Text words)
{
        Text rest = words, part;
        while (text_split(&rest, '|', &part))
                if (text_equal(part, word))
                        return true;
        return false;
}

/* "type=email": is the group of that kind? One whose kind is wrong itself is left in peace. */
static bool row_applies(const Option *o, const Setting *group, const char *path, bool *ret_is_certain)
{
        *ret_is_certain = true;
        if (!o->only)
                return true;
        Text words = text_from(o->only), key;
        must(text_split(&words, '=', &key));
        char sibling[PATH_BYTES];
        (void)snprintf(sibling, sizeof(sibling), "%s." TEXT_F, path, TEXT_ARG(key));
        Text word = option_word(group, sibling);
        const Option *choice = option_find(sibling);
        *ret_is_certain = is_one_of(word, text_from(choice->words));
        return is_one_of(word, words);
}

static const char *section_hint(Arena *arena, Text name)
{
        for (Section i = 0; i < SECTION_MAX; i++)
                if (text_is(name, SECTIONS[i].one) || text_is(name, SECTIONS[i].many))
                        return arena_textf(arena, "; %s stand in closedloopd.conf%s%s", SECTIONS[i].many,
                                           SECTIONS[i].folder ? " or in " : "",
                                           SECTIONS[i].folder ? SECTIONS[i].folder : "")
                                .data;
        return NULL;
}

static void report_unknown(Check *c, Setting *s, const char *path)
{
        Arena *arena = c->report->arena;
        Suggestion nearest = suggestion_for(s->name);
        const char *hint = section_hint(arena, s->name);
        for (size_t i = 0; i < OPTION_COUNT; i++)
                suggestion_offer(&nearest, row_name(&OPTIONS[i], path));
        for (Section i = 0; i < SECTION_MAX && path[0] == '\0'; i++)
                suggestion_offer(&nearest, text_from(SECTIONS[i].many));
        bad(c, s, "unknown key %s%s", report_quote(arena, setting_key(arena, s)),
            hint ? hint : suggestion_text(&nearest, arena));
}

static void check_child(Check *c, Setting *s, const Setting *group, const char *path)
{
        const Option *o = row_find(path, s->name);
        if (!o) {
                report_unknown(c, s, path);
                return;
        }
        bool is_certain, applies = row_applies(o, group, path, &is_certain);
        s->option = o;
        if (!applies && is_certain) {
                const char *words = strchr(o->only, '=') + 1;
                bad(c, s, TEXT_F " is only for %.*s %s", KEY(c, s), (int)(words - 1 - o->only), o->only,
                    words_text(c->report->arena, words));
                return;
        }
        check_value(c, s);
        if (o->later && !s->is_bad)
                setting_warning(c->report, s, TEXT_F " comes later; %s", KEY(c, s), o->later);
}

static void mark_default(Setting *s, const Setting *group)
{
        s->is_default = true;
        s->file = group->file;
        s->line = group->line;
        for (Setting *child = s->first; child; child = child->next)
                mark_default(child, group);
}

static void add_default(Check *c, Setting *group, const Option *o, Text name)
{
        Setting *root;
        Text content = arena_textf(c->arena, TEXT_F " = %s;", TEXT_ARG(name), o->fallback);
        int r = setting_read(c->arena, TEXT("defaults"), content, c->report, &root);
        must(r == 0);
        Setting *child = root->first;
        mark_default(child, group);
        child->option = o;
        setting_append(group, child);
        check_value(c, child);
}

static void report_missing(Check *c, Setting *group, Text name, const char *sentence)
{
        const Setting key = { .name = name, .parent = group };
        setting_error(c->report, group, "key \"" TEXT_F "\" is missing (%s)",
                      TEXT_ARG(setting_key(c->report->arena, &key)), sentence);
}

static void check_missing(Check *c, Setting *group, const char *path)
{
        for (size_t i = 0; i < OPTION_COUNT; i++) {
                const Option *o = &OPTIONS[i];
                Text name = row_name(o, path);
                bool is_certain;
                if (!name.data || text_is(name, "*") || setting_child(group, name.data) ||
                    !row_applies(o, group, path, &is_certain))
                        continue;
                if (o->fallback)
                        add_default(c, group, o, name);
                else if (o->is_required)
                        report_missing(c, group, name, o->sentence);
        }
}

/* In the table's order, so that the same settings are written the same way; those of one row stay as they were. */
static void sort_children(Setting *group)
{
        Setting *sorted = NULL, *next;
        for (Setting *child = group->first; child; child = next) {
                next = child->next;
                Setting **place = &sorted;
                while (*place && (*place)->option <= child->option)
                        place = &(*place)->next;
                child->next = *place;
                *place = child;
        }
        group->first = group->last = sorted;
        while (group->last && group->last->next)
                group->last = group->last->next;
}

void option_check(Arena *arena, Report *report, Setting *group, const char *path)
{
        Check c = { arena, report };
        for (Setting *child = group->first; child; child = child->next)
                check_child(&c, child, group, path);
        check_missing(&c, group, path);
        sort_children(group);
}

/* ---- the manual ------------------------------------------------------------------------------------------------- */

static const char *kind_text(const Option *o, Arena *arena)
{
        switch (o->kind) {
        case OPTION_GROUP:
                return "group";
        case OPTION_GROUPS:
                return "group, or list of groups";
        case OPTION_TEXT:
                return "text";
        case OPTION_TEXTS:
                return "list of texts";
        case OPTION_EXPRESSION:
                return "condition";
        case OPTION_CHOICE:
                return words_text(arena, o->words);
        case OPTION_FLAG:
                return "true or false";
        case OPTION_INTEGER:
                return arena_textf(arena, "whole number, %.0f..%.0f", o->min, o->max).data;
        case OPTION_NUMBER:
                return "number";
        case OPTION_NUMBERS:
                return "two numbers";
        case OPTION_SPAN:
        case OPTION_DELAY:
        case OPTION_DELAY_OR_WINDOW:
                return arena_textf(arena, "duration%s, %s..%s",
                                   o->kind == OPTION_SPAN    ? ""
                                   : o->kind == OPTION_DELAY ? " (also working)"
                                                             : " (also working, or \"window\")",
                                   seconds_text(arena, o->min), seconds_text(arena, o->max))
                        .data;
        case OPTION_BYTES:
                return arena_textf(arena, "size, %s..%s", bytes_text(arena, o->min), bytes_text(arena, o->max)).data;
        case OPTION_SECRET:
                return "secret";
        case OPTION_TEXT_OR_SECRET:
                return "text or secret";
        case OPTION_TEXT_OR_GROUP:
                return "text or group";
        case OPTION_KIND_MAX:
                break;
        }
        must(false);
}

void option_write_table(Buffer *b)
{
        for (size_t i = 0; i < OPTION_COUNT; i++) {
                const Option *o = &OPTIONS[i];
                bool has_value = o->kind != OPTION_GROUP && o->kind != OPTION_GROUPS;
                buffer_putf(b, "%s\n    %s\n    %s", o->path, o->sentence, kind_text(o, b->arena));
                if (o->is_required)
                        buffer_put_literal(b, "; required");
                if (o->fallback && has_value)
                        buffer_putf(b, "; default %s", o->fallback);
                if (o->only)
                        buffer_putf(b, "; only for %s", words_text(b->arena, strchr(o->only, '=') + 1));
                if (o->needs_restart && has_value)
                        buffer_put_literal(b, "; needs a restart");
                if (o->later)
                        buffer_putf(b, "; comes later, %s", o->later);
                buffer_put_literal(b, "\n\n");
        }
}
