#include "config/setting.h"

#include <errno.h>
#include <libconfig.h>
#include <math.h>

const char *setting_type_text(SettingType type)
{
        static const char *const texts[SETTING_TYPE_MAX] = {
                [SETTING_GROUP] = "a group { }",
                [SETTING_LIST] = "a list",
                [SETTING_TEXT] = "a text",
                [SETTING_INTEGER] = "a whole number",
                [SETTING_NUMBER] = "a number with decimals",
                [SETTING_FLAG] = "true or false",
        };
        must(type < SETTING_TYPE_MAX);
        return texts[type];
}

/* ---- what libconfig would not notice ---------------------------------------------------------------------------- */

typedef struct Scan {
        Text file;
        Text text;
        size_t at;
        unsigned line;
        Report *report;
        bool is_good;
} Scan;

static bool scan_starts(const Scan *s, const char *what)
{
        return text_starts(text_from_offset(s->text, s->at), text_from(what));
}

static void scan_step(Scan *s)
{
        if (s->text.data[s->at++] == '\n')
                s->line++;
}

static void scan_until(Scan *s, const char *end)
{
        while (s->at < s->text.len && !scan_starts(s, end))
                scan_step(s);
}

static void scan_string(Scan *s)
{
        for (s->at++; s->at < s->text.len && s->text.data[s->at] != '"'; scan_step(s))
                if (s->text.data[s->at] == '\\' && s->at + 1 < s->text.len)
                        s->at++;
        if (s->at < s->text.len)
                s->at++;
}

/* libconfig would leave out the rest of the file without a word. */
static void scan_comment(Scan *s)
{
        unsigned began = s->line;
        s->at += 2;
        scan_until(s, "*/");
        if (s->at == s->text.len) {
                s->is_good = false;
                report_error(s->report, s->file, began, "the comment that begins here is not ended");
                return;
        }
        s->at += 2;
}

static bool is_word(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.';
}

/* Whole numbers without an L have to fit in 32 bits, or libconfig gives another number. Of hexadecimal ones, seven
 * digits fit. */
static bool is_too_large(Text word)
{
        enum {
                HEX_BYTES_MAX = 9
        };
        int64_t number;
        if (text_starts(word, TEXT("0x")) || text_starts(word, TEXT("0X")))
                return word.len > HEX_BYTES_MAX;
        for (size_t i = 0; i < word.len; i++)
                if (word.data[i] < '0' || word.data[i] > '9')
                        return false;
        return !text_integer(word, &number) || number > INT32_MAX;
}

/* A name or a number. */
static void scan_word(Scan *s)
{
        Text word = { s->text.data + s->at, 0 };
        while (s->at < s->text.len && is_word(s->text.data[s->at])) {
                word.len++;
                s->at++;
        }
        if (!is_too_large(word))
                return;
        s->is_good = false;
        report_error(s->report, s->file, s->line,
                     "the whole number " TEXT_F " is too large; at most 2147483647, or end it with L", TEXT_ARG(word));
}

static void scan_token(Scan *s)
{
        if (s->text.data[s->at] == '"') {
                scan_string(s);
        } else if (s->text.data[s->at] == '#' || scan_starts(s, "//")) {
                scan_until(s, "\n");
        } else if (scan_starts(s, "/*")) {
                scan_comment(s);
        } else if (scan_starts(s, "@include")) {
                s->is_good = false;
                report_error(
                        s->report, s->file, s->line,
                        "@include is not read here; put the file into rules.d, policies.d, sources.d or channels.d");
                s->at += strlen("@include");
        } else if (is_word(s->text.data[s->at])) {
                scan_word(s);
        } else {
                scan_step(s);
        }
}

static unsigned line_of(Text text, size_t at)
{
        unsigned line = 1;
        for (size_t i = 0; i < at; i++)
                line += text.data[i] == '\n';
        return line;
}

static size_t first_byte_not_utf8(Text text)
{
        size_t good = 0;
        while (good < text.len) {
                const char *end = memchr(text.data + good, '\n', text.len - good);
                size_t len = end ? (size_t)(end - (text.data + good)) + 1 : text.len - good;
                if (!text_is_utf8((Text){ text.data + good, len }))
                        break;
                good += len;
        }
        return good;
}

static bool content_is_readable(Text file, Text content, Report *report)
{
        const char *nul = content.len > 0 ? memchr(content.data, '\0', content.len) : NULL;
        if (nul) {
                report_error(report, file, line_of(content, (size_t)(nul - content.data)),
                             "a byte 0 stands here; this is no text file");
                return false;
        }
        if (!text_is_utf8(content)) {
                report_error(report, file, line_of(content, first_byte_not_utf8(content)), "this line is not UTF-8");
                return false;
        }
        Scan s = { .file = file, .text = content, .line = 1, .report = report, .is_good = true };
        while (s.at < content.len)
                scan_token(&s);
        return s.is_good;
}

/* ---- from libconfig's tree to ours ------------------------------------------------------------------------------ */

static SettingType type_of(const config_setting_t *from)
{
        switch (config_setting_type(from)) {
        case CONFIG_TYPE_GROUP:
                return SETTING_GROUP;
        case CONFIG_TYPE_INT:
        case CONFIG_TYPE_INT64:
                return SETTING_INTEGER;
        case CONFIG_TYPE_FLOAT:
                return SETTING_NUMBER;
        case CONFIG_TYPE_STRING:
                return SETTING_TEXT;
        case CONFIG_TYPE_BOOL:
                return SETTING_FLAG;
        default:
                return SETTING_LIST;
        }
}

static void value_copy(Arena *arena, const config_setting_t *from, Setting *to)
{
        switch (to->type) {
        case SETTING_TEXT:
                to->text = arena_text(arena, text_from(config_setting_get_string(from)));
                break;
        case SETTING_INTEGER:
                to->integer = config_setting_type(from) == CONFIG_TYPE_INT64 ? config_setting_get_int64(from)
                                                                             : config_setting_get_int(from);
                break;
        case SETTING_NUMBER:
                to->number = config_setting_get_float(from);
                break;
        case SETTING_FLAG:
                to->flag = config_setting_get_bool(from) != 0;
                break;
        case SETTING_GROUP:
        case SETTING_LIST:
        case SETTING_TYPE_MAX:
                break;
        }
}

typedef struct Copying {
        Arena *arena;
        Report *report;
        bool is_good;
} Copying;

static void children_copy(Copying *c, const config_setting_t *from, Setting *to, unsigned depth)
{
        int count = config_setting_is_aggregate(from) ? config_setting_length(from) : 0;
        if (count > 0 && depth == SETTING_DEPTH_MAX) {
                c->is_good = false;
                report_error(c->report, to->file, to->line, "groups and lists stand too deep in each other here");
                return;
        }
        for (int i = 0; i < count; i++) {
                const config_setting_t *child = config_setting_get_elem(from, (unsigned)i);
                Text name = arena_text(c->arena, text_from(config_setting_name(child)));
                Setting *copy = setting_add(c->arena, to, name, type_of(child));
                copy->line = config_setting_source_line(child);
                value_copy(c->arena, child, copy);
                children_copy(c, child, copy, depth + 1);
        }
}

static Text line_text(Text content, unsigned line)
{
        Text rest = content, part = TEXT_NONE;
        for (unsigned i = 0; i < line && text_split(&rest, '\n', &part); i++)
                ;
        return text_trim(part);
}

static void syntax_report(Text file, Text content, const config_t *parsed, Report *report)
{
        unsigned line = (unsigned)MAX_OF(config_error_line(parsed), 1);
        Text reason = text_from(config_error_text(parsed));
        const char *hint =
                "; something is wrong here or shortly before, such as a missing \";\", \",\", quote or bracket";
        if (text_is(reason, "duplicate setting name"))
                hint = "; a name stands once in its group";
        else if (text_is(reason, "mismatched element type in array"))
                hint = "; in [ ] all are of one kind, in ( ) they need not be";
        Text text = line_text(content, line);
        const char *caret = report_caret(report->arena, text, 0);
        /* No column is known, so the last line, the caret's, is left out. */
        Text shown = { caret, text_is_empty(text) ? 0 : (size_t)(strrchr(caret, '\n') - caret) };
        report_error(report, file, line, TEXT_F "%s" TEXT_F, TEXT_ARG(reason), hint, TEXT_ARG(shown));
}

int setting_read(Arena *arena, Text file, Text content, Report *report, Setting **ret)
{
        Text text = content;
        if (text_starts(text, TEXT("\xef\xbb\xbf")))
                text = text_from_offset(text, 3);
        if (!content_is_readable(file, text, report))
                return -EINVAL;
        text = arena_text(arena, text);
        Setting *root = arena_new_of(arena, Setting);
        root->type = SETTING_GROUP;
        root->file = arena_text(arena, file);
        Copying c = { arena, report, true };
        config_t parsed;
        config_init(&parsed);
        if (config_read_string(&parsed, text.data) == CONFIG_TRUE) {
                children_copy(&c, config_root_setting(&parsed), root, 0);
        } else {
                syntax_report(file, text, &parsed, report);
                c.is_good = false;
        }
        config_destroy(&parsed);
        if (!c.is_good)
                return -EINVAL;
        *ret = root;
        return 0;
}

/* ---- the tree --------------------------------------------------------------------------------------------------- */

void setting_append(Setting *parent, Setting *child)
{
        if (parent->last)
                parent->last->next = child;
        else
                parent->first = child;
        parent->last = child;
        child->next = NULL;
        child->parent = parent;
}

Setting *setting_add(Arena *arena, Setting *parent, Text name, SettingType type)
{
        Setting *child = arena_new_of(arena, Setting);
        child->name = name;
        child->type = type;
        child->file = parent->file;
        child->line = parent->line;
        setting_append(parent, child);
        return child;
}

Setting *setting_child(const Setting *group, const char *name)
{
        for (Setting *child = group ? group->first : NULL; child; child = child->next)
                if (text_is(child->name, name))
                        return child;
        return NULL;
}

const Setting *setting_get(const Setting *group, const char *name)
{
        const Setting *child = setting_child(group, name);
        return child && !child->is_bad ? child : NULL;
}

Text setting_text(const Setting *group, const char *name)
{
        const Setting *child = setting_get(group, name);
        return child && child->type == SETTING_TEXT ? child->text : TEXT_NONE;
}

int64_t setting_integer(const Setting *group, const char *name)
{
        const Setting *child = setting_get(group, name);
        int64_t value = 0;
        if (child && child->type == SETTING_INTEGER)
                value = child->integer;
        else if (child && child->type == SETTING_TEXT)
                (void)bytes_parse(child->text, &value);
        return value;
}

bool setting_flag(const Setting *group, const char *name)
{
        const Setting *child = setting_get(group, name);
        return child && child->type == SETTING_FLAG && child->flag;
}

Delay setting_delay(const Setting *group, const char *name)
{
        Delay delay = { .kind = DELAY_ELAPSED };
        (void)delay_parse(setting_text(group, name), true, true, &delay);
        return delay;
}

Span setting_span(const Setting *group, const char *name)
{
        return setting_delay(group, name).span;
}

size_t setting_count(const Setting *list)
{
        size_t count = 0;
        for (const Setting *child = list ? list->first : NULL; child; child = child->next)
                count++;
        return count;
}

const Text *setting_texts(Arena *arena, const Setting *group, const char *name, size_t *ret_count)
{
        const Setting *list = setting_get(group, name);
        Text *texts = arena_array(arena, Text, setting_count(list) + 1);
        size_t count = 0;
        if (list && list->type == SETTING_TEXT)
                texts[count++] = list->text;
        for (const Setting *child = list ? list->first : NULL; child; child = child->next)
                if (child->type == SETTING_TEXT && !child->is_bad)
                        texts[count++] = child->text;
        *ret_count = count;
        return texts;
}

double setting_number(const Setting *setting)
{
        must(setting->type == SETTING_INTEGER || setting->type == SETTING_NUMBER);
        return setting->type == SETTING_INTEGER ? (double)setting->integer : setting->number;
}

bool bytes_parse(Text text, int64_t *ret)
{
        static const struct {
                const char *unit;
                int shift;
        } units[] = { { "bytes", 0 }, { "KiB", 10 }, { "MiB", 20 }, { "GiB", 30 } };
        Text number_text, rest = text_trim(text);
        int64_t number;
        if (!text_split(&rest, ' ', &number_text) || !text_integer(number_text, &number) || number < 0)
                return false;
        for (size_t i = 0; i < COUNT_OF(units); i++) {
                if (!text_is(rest, units[i].unit) || number > INT64_MAX >> units[i].shift)
                        continue;
                *ret = number << units[i].shift;
                return true;
        }
        return false;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

void setting_write_text(Text text, Buffer *b)
{
        buffer_put_char(b, '"');
        for (size_t i = 0; i < text.len; i++) {
                char c = text.data[i];
                if (c == '"' || c == '\\')
                        buffer_putf(b, "\\%c", c);
                else if ((unsigned char)c < 0x20 || c == 0x7f)
                        buffer_putf(b, "\\x%02x", (unsigned)(unsigned char)c);
                else
                        buffer_put_char(b, c);
        }
        buffer_put_char(b, '"');
}

static void number_write(double number, Buffer *b)
{
        char text[40];
        for (int precision = 1; precision <= 17; precision++) {
                (void)snprintf(text, sizeof(text), "%.*g", precision, number);
                double back;
                if (text_number(text_from(text), &back) && back == number)
                        break;
        }
        /* Without a point it would be read as a whole number, or not at all. */
        size_t digits = strcspn(text, "e");
        buffer_put(b, (Text){ text, digits });
        if (!strchr(text, '.'))
                buffer_put_literal(b, ".0");
        buffer_put(b, text_from(text + digits));
}

static void integer_write(int64_t number, Buffer *b)
{
        buffer_put_integer(b, number);
        if (number > INT32_MAX || number < INT32_MIN)
                buffer_put_char(b, 'L');
}

static void value_write(const Setting *setting, bool with_defaults, unsigned indent, Buffer *b);

static bool is_flat(const Setting *list)
{
        for (const Setting *child = list->first; child; child = child->next)
                if (child->type == SETTING_GROUP || child->type == SETTING_LIST)
                        return false;
        return true;
}

static void list_write(const Setting *list, bool with_defaults, unsigned indent, Buffer *b)
{
        bool flat = is_flat(list);
        buffer_put_char(b, '(');
        for (const Setting *child = list->first; child; child = child->next) {
                if (flat)
                        buffer_put_char(b, ' ');
                else
                        buffer_putf(b, "\n%*s", (int)indent + 2, "");
                value_write(child, with_defaults, indent + 2, b);
                if (child->next)
                        buffer_put_char(b, ',');
        }
        if (flat)
                buffer_put_literal(b, " )");
        else
                buffer_putf(b, "\n%*s)", (int)indent, "");
}

static bool is_one_value(const Setting *group)
{
        return group->first && !group->first->next && group->first->type != SETTING_GROUP &&
               group->first->type != SETTING_LIST;
}

static void group_write(const Setting *group, bool with_defaults, unsigned indent, Buffer *b)
{
        if (is_one_value(group)) { /* a secret, most of the time */
                buffer_putf(b, "{ " TEXT_F " = ", TEXT_ARG(group->first->name));
                value_write(group->first, with_defaults, indent, b);
                buffer_put_literal(b, "; }");
                return;
        }
        buffer_put_literal(b, "{\n");
        for (const Setting *child = group->first; child; child = child->next)
                setting_write(child, with_defaults, indent + 2, b);
        buffer_putf(b, "%*s}", (int)indent, "");
}

static void value_write(const Setting *setting, bool with_defaults, unsigned indent, Buffer *b)
{
        switch (setting->type) {
        case SETTING_GROUP:
                group_write(setting, with_defaults, indent, b);
                break;
        case SETTING_LIST:
                list_write(setting, with_defaults, indent, b);
                break;
        case SETTING_TEXT:
                setting_write_text(setting->text, b);
                break;
        case SETTING_INTEGER:
                integer_write(setting->integer, b);
                break;
        case SETTING_NUMBER:
                number_write(setting->number, b);
                break;
        case SETTING_FLAG:
                buffer_put(b, text_from(setting->flag ? "true" : "false"));
                break;
        case SETTING_TYPE_MAX:
                break;
        }
}

void setting_write(const Setting *setting, bool with_defaults, unsigned indent, Buffer *b)
{
        if (setting->is_bad || (setting->is_default && !with_defaults))
                return;
        buffer_putf(b, "%*s" TEXT_F " = ", (int)indent, "", TEXT_ARG(setting->name));
        value_write(setting, with_defaults, indent, b);
        buffer_put_literal(b, ";\n");
}
