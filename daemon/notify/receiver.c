#include "notify/receiver.h"

#include "core/grapheme.h"
#include "core/sink.h"
#include "notify/telling.h"
#include "turn/id.h"

/* What a template may name; values are escaped for the receiver, then for JSON. */
enum {
        HOLE_TITLE,
        HOLE_PLAIN, /* the title for where there is no markup but perhaps a search for mentions */
        HOLE_TEXT,
        HOLE_LINES,
        HOLE_LINE, /* in `line` only */
        HOLE_SMALL,
        HOLE_FOOT, /* the small print where there is no markup */
        HOLE_TO,
        HOLE_TOKEN,
        HOLE_ID,
        HOLE_KEY,
        HOLE_LEVEL,
        HOLE_ACTION,
        HOLE_MAX,
};

static const char *const HOLES[HOLE_MAX] = {
        [HOLE_TITLE] = "title",   [HOLE_PLAIN] = "plain", [HOLE_TEXT] = "text", [HOLE_LINES] = "lines",
        [HOLE_LINE] = "line",     [HOLE_SMALL] = "small", [HOLE_FOOT] = "foot", [HOLE_TO] = "to",
        [HOLE_TOKEN] = "token",   [HOLE_ID] = "id",       [HOLE_KEY] = "key",   [HOLE_LEVEL] = "level",
        [HOLE_ACTION] = "action",
};

static const ReceiverWord NO_WORDS[] = { { NULL, false } };

/* --- Slack: Block Kit, all of it plain_text; `text` is for notifications and screen readers --- */

static const char SLACK_BODY[] =
        "{\"text\":\"{{title}}\",\"mrkdwn\":false,\"link_names\":false,\"unfurl_links\":false,\"unfurl_media\":false,"
        "\"blocks\":[{\"type\":\"header\",\"text\":{\"type\":\"plain_text\",\"text\":\"{{title}}\",\"emoji\":false}}"
        "{{#text}},{\"type\":\"section\",\"text\":{\"type\":\"plain_text\",\"text\":\"{{text}}\",\"emoji\":false}}"
        "{{/text}}{{#small}},{\"type\":\"context\",\"elements\":[{\"type\":\"plain_text\",\"text\":\"{{small}}\","
        "\"emoji\":false}]}{{/small}}]}";

static const ReceiverWord SLACK_WORDS[] = {
        { "action_prohibited", false },
        { "channel_is_archived", true },
        { "channel_not_found", true },
        { "invalid_blocks", false },
        { "invalid_blocks_format", false },
        { "invalid_payload", false },
        { "invalid_token", true },
        { "no_active_hooks", true },
        { "no_service", true },
        { "no_service_id", true },
        { "no_team", true },
        { "no_text", false },
        { "posting_to_general_channel_denied", false },
        { "rate_limited", false },
        { "rollup_error", false },
        { "team_disabled", true },
        { "too_many_attachments", false },
        { "user_not_found", true },
        { NULL, false },
};

/* --- Microsoft Teams: an Adaptive Card for a workflow. RichTextBlock, since a TextBlock would read Markdown --- */

#define TEAMS_RUN(text, more) \
        "{\"type\":\"RichTextBlock\",\"inlines\":[{\"type\":\"TextRun\",\"text\":\"" text "\"" more "}]}"

static const char TEAMS_BODY[] =
        "{\"type\":\"message\",\"attachments\":[{\"contentType\":\"application/vnd.microsoft.card.adaptive\","
        "\"contentUrl\":null,\"content\":{\"$schema\":\"http://adaptivecards.io/schemas/adaptive-card.json\","
        "\"type\":\"AdaptiveCard\",\"version\":\"1.4\",\"fallbackText\":\"{{plain}}\",\"body\":[" TEAMS_RUN(
                "{{title}}", ",\"size\":\"Medium\",\"weight\":\"Bolder\"") "{{#lines}},{{lines}}{{/"
                                                                           "lines}}{{#small}}," TEAMS_RUN(
                                                                                   "{{small}}", ",\"size\":"
                                                                                                "\"Small\","
                                                                                                "\"isSubtle\":"
                                                                                                "true") "{{/"
                                                                                                        "small}}]}"
                                                                                                        "}]}";

static const char TEAMS_LINE[] = TEAMS_RUN("{{line}}", "");

/* --- Mattermost: the body in an attachment, whose links are not unfolded --- */

static const char MATTERMOST_BODY[] =
        "{\"text\":\"{{title}}\",\"attachments\":[{\"fallback\":\"{{plain}}\",\"text\":\"{{text}}\""
        "{{#foot}},\"footer\":\"{{foot}}\"{{/foot}}}]}";

/* --- Google Chat: a card; what is sent again is known by requestId, messages of a case stand in one thread --- */

static const char GOOGLE_CHAT_BODY[] =
        "{\"fallbackText\":\"{{plain}}\",\"thread\":{\"threadKey\":\"{{key}}\"},\"cardsV2\":[{\"cardId\":\"{{id}}\","
        "\"card\":{\"header\":{\"title\":\"{{plain}}\"},\"sections\":[{\"widgets\":["
        "{\"textParagraph\":{\"text\":\"{{text}}{{^text}}{{title}}{{/text}}\"}}"
        "{{#small}},{\"textParagraph\":{\"text\":\"{{small}}\"}}{{/small}}]}]}}]}";

/* --- Discord: an embed, in which nobody is pinged and no link is unfolded --- */

static const char DISCORD_BODY[] =
        "{\"allowed_mentions\":{\"parse\":[]},\"embeds\":[{\"title\":\"{{title}}\""
        "{{#text}},\"description\":\"{{text}}\"{{/text}}{{#foot}},\"footer\":{\"text\":\"{{foot}}\"}{{/foot}}}]}";

static const ReceiverWord DISCORD_WORDS[] = {
        { "Unknown Webhook", true },
        { "Invalid Webhook Token", true },
        { "Cannot send an empty message", false },
        { "Invalid Form Body", false },
        { "You are being rate limited.", false },
        { NULL, false },
};

/* --- Telegram --- */

static const char TELEGRAM_BODY[] =
        "{\"chat_id\":\"{{to}}\",\"parse_mode\":\"HTML\",\"text\":\"<b>{{title}}</b>{{#text}}\\n\\n{{text}}{{/text}}"
        "{{#small}}\\n\\n<i>{{small}}</i>{{/small}}\",\"link_preview_options\":{\"is_disabled\":true}}";

static const ReceiverWord TELEGRAM_WORDS[] = {
        { "bot was blocked by the user", true },
        { "bot was kicked", true },
        { "user is deactivated", true },
        { "chat not found", true },
        { "group chat was upgraded to a supergroup chat", false },
        { "message is too long", false },
        { "can't parse entities", false },
        { "Unauthorized", false },
        { "Too Many Requests", false },
        { NULL, false },
};

/* --- ntfy --- */

static const char NTFY_BODY[] = "{\"topic\":\"{{to}}\",\"title\":\"{{title}}\",\"message\":\"{{text}}{{#small}}{{#text}"
                                "}\\n\\n{{/text}}{{small}}"
                                "{{/small}}{{^text}}{{^small}}{{title}}{{/small}}{{/text}}\",\"priority\":{{level}}}";

/* --- PagerDuty: one incident a case, which ends with the case --- */

static const char PAGERDUTY_BODY[] =
        "{\"routing_key\":\"{{token}}\",\"event_action\":\"{{action}}\",\"dedup_key\":\"{{key}}\",\"client\":"
        "\"closedloopd\",\"payload\":{\"summary\":\"{{title}}\",\"source\":\"closedloopd\",\"severity\":\"{{level}}\""
        "{{#text}},\"custom_details\":{\"text\":\"{{text}}\"{{#small}},\"note\":\"{{small}}\"{{/small}}}{{/text}}}}";

static const ReceiverWord PAGERDUTY_WORDS[] = {
        { "Invalid routing key", true },
        { "invalid event", false },
        { NULL, false },
};

/* --- the table --- */

static const Receiver RECEIVERS[CHANNEL_TYPE_MAX] = {
        [CHANNEL_SLACK] = { .name = "Slack",
                            .body = SLACK_BODY,
                            .escape = sink_slack,
                            .unit = UNIT_UTF16,
                            .title_max = 150,
                            .text_max = 3000,
                            .small_max = 2000,
                            .bytes_max = 64 * 1024,
                            .yes = "ok",
                            .words = SLACK_WORDS,
                            .shows = "blocks of plain text" },
        [CHANNEL_TEAMS] = { .name = "Microsoft Teams",
                            .body = TEAMS_BODY,
                            .line = TEAMS_LINE,
                            .escape = sink_card,
                            .unit = UNIT_BYTE,
                            .title_max = 1000,
                            .text_max = 16000,
                            .small_max = 1000,
                            .bytes_max = 28000,
                            .no = "HTTPerror",
                            .words = NO_WORDS,
                            .shows = "an Adaptive Card 1.4, for a workflow that posts cards" },
        [CHANNEL_MATTERMOST] = { .name = "Mattermost",
                                 .body = MATTERMOST_BODY,
                                 .escape = sink_mattermost,
                                 .unit = UNIT_CHARACTER,
                                 .title_max = 1000,
                                 .text_max = 12000,
                                 .small_max = 300,
                                 .bytes_max = 64 * 1024,
                                 .yes = "ok",
                                 .words = NO_WORDS,
                                 .shows = "a line, and an attachment" },
        [CHANNEL_GOOGLE_CHAT] = { .name = "Google Chat",
                                  .body = GOOGLE_CHAT_BODY,
                                  .escape = sink_slack,
                                  .query = "messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD&requestId={{id}}",
                                  .unit = UNIT_BYTE,
                                  .title_max = 1000,
                                  .text_max = 20000,
                                  .small_max = 1000,
                                  .bytes_max = 32000,
                                  .yes = "{",
                                  .words = NO_WORDS,
                                  .shows = "a card, in one thread for each case" },
        [CHANNEL_DISCORD] = { .name = "Discord",
                              .body = DISCORD_BODY,
                              .escape = sink_discord,
                              .query = "wait=true",
                              .unit = UNIT_UTF16,
                              .title_max = 256,
                              .text_max = 3600,
                              .small_max = 2000,
                              .bytes_max = 64 * 1024,
                              .yes = "{",
                              .words = DISCORD_WORDS,
                              .shows = "an embed that pings nobody" },
        [CHANNEL_TELEGRAM] = { .name = "Telegram",
                               .body = TELEGRAM_BODY,
                               .escape = sink_telegram,
                               .unit = UNIT_UTF16,
                               .title_max = 400,
                               .text_max = 3200,
                               .small_max = 400,
                               .bytes_max = 64 * 1024,
                               .yes = "{",
                               .no = "\"ok\":false",
                               .words = TELEGRAM_WORDS,
                               .shows = "a message in HTML style, without link previews" },
        [CHANNEL_NTFY] = { .name = "ntfy",
                           .body = NTFY_BODY,
                           .unit = UNIT_BYTE,
                           .title_max = 250,
                           .text_max = 3000,
                           .small_max = 500,
                           .bytes_max = 16 * 1024,
                           .yes = "{",
                           .words = NO_WORDS,
                           .levels = { "2", "3", "4", "5" },
                           .shows = "a notification; its priority is the severity" },
        [CHANNEL_PAGERDUTY] = { .name = "PagerDuty",
                                .body = PAGERDUTY_BODY,
                                .unit = UNIT_UTF16,
                                .title_max = 1024,
                                .text_max = 20000,
                                .small_max = 1000,
                                .bytes_max = 512000,
                                .status = 202,
                                .yes = "{",
                                .words = PAGERDUTY_WORDS,
                                .levels = { "info", "warning", "error", "critical" },
                                .shows =
                                        "one incident a case: claimed is acknowledged, reached or closed is resolved" },
};

const Receiver *receiver_of(ChannelType type)
{
        must(type < CHANNEL_TYPE_MAX);
        return RECEIVERS[type].name ? &RECEIVERS[type] : NULL;
}

const char *text_unit_text(TextUnit unit)
{
        static const char *const TEXTS[TEXT_UNIT_MAX] = {
                [UNIT_CHARACTER] = "characters",
                [UNIT_UTF16] = "UTF-16 units",
                [UNIT_BYTE] = "bytes",
        };
        must(unit < TEXT_UNIT_MAX);
        return TEXTS[unit];
}

/* --- making it fit --- */

static size_t units_count(Text text, TextUnit unit)
{
        size_t count = 0;
        if (unit == UNIT_BYTE)
                return text.len;
        for (size_t i = 0; i < text.len; i++) {
                unsigned char c = (unsigned char)text.data[i];
                count += (c & 0xc0) != 0x80;
                count += unit == UNIT_UTF16 && c >= 0xf0;
        }
        return count;
}

typedef struct Measure {
        const Receiver *receiver;
        Arena *arena;
} Measure;

static Text escaped(const Receiver *r, Text text, Arena *arena)
{
        return r->escape ? r->escape(arena, text) : text;
}

static size_t escaped_cost(void *userdata, Text text)
{
        const Measure *m = userdata;
        ArenaMark mark = arena_mark(m->arena);
        size_t cost = units_count(escaped(m->receiver, text, m->arena), m->receiver->unit);
        arena_rewind(m->arena, mark);
        return cost;
}

/* Cut at the end of a character as people see it, then escaped. */
static Text part_make(const Receiver *r, Text text, size_t units_max, Arena *arena)
{
        if (text_is_empty(text) || units_max == 0)
                return TEXT_NONE;
        if (!text_is_utf8(text))
                return TEXT("?");
        Measure measure = { r, arena };
        if (escaped_cost(&measure, text) > units_max)
                text = grapheme_fit(arena, text, units_max, escaped_cost, &measure);
        return escaped(r, text, arena);
}

/* --- filling the template --- */

/* As it stands between the quotes of a JSON text. */
static Text json_inside(Arena *arena, Text text)
{
        if (text_is_empty(text))
                return TEXT_NONE;
        Buffer b = buffer_in(arena);
        JsonWriter w = json_writer(&b);
        json_put_text(&w, text);
        Text quoted = buffer_text(&b);
        return (Text){ quoted.data + 1, quoted.len - 2 };
}

static Text template_fill(const char *source, const Text *values, size_t bytes_max, Arena *arena)
{
        Mustache *template = NULL;
        TextFault fault;
        int r = mustache_compile(arena, text_from(source), HOLES, HOLE_MAX, &template, &fault);
        must(r == 0);
        return mustache_render(template, values, arena, bytes_max);
}

static size_t values_bytes(const Text *values)
{
        size_t bytes = 0;
        for (size_t i = 0; i < HOLE_MAX; i++)
                bytes += values[i].len;
        return bytes;
}

static Text lines_make(const Receiver *r, Text text, Arena *arena)
{
        Buffer b = buffer_in(arena);
        Text rest = text.len > 0 ? text : TEXT_NONE, line;
        while (text_split(&rest, '\n', &line)) {
                Text values[HOLE_MAX] = { [HOLE_LINE] = json_inside(arena, text_trim(line)) };
                if (values[HOLE_LINE].len == 0)
                        continue;
                if (b.len > 0)
                        buffer_put_char(&b, ',');
                buffer_put(&b, template_fill(r->line, values, strlen(r->line) + values[HOLE_LINE].len, arena));
        }
        return b.len > 0 ? buffer_text(&b) : TEXT_NONE;
}

static Text title_of(const ReceiverNote *note)
{
        if (text_is_empty(note->title)) /* which most of them refuse */
                return TEXT("-");
        return text_is_utf8(note->title) ? note->title : TEXT("?");
}

static Text foot_make(const Receiver *r, const ReceiverNote *note, Arena *arena)
{
        Receiver plain = *r;
        plain.escape = sink_plain;
        return part_make(&plain, note->small_print, r->small_max, arena);
}

static Text render(const Receiver *r, const ReceiverNote *note, size_t text_max, Arena *arena)
{
        Text title = part_make(r, title_of(note), r->title_max, arena);
        Text text = part_make(r, note->text, text_max, arena);
        Text values[HOLE_MAX] = {
                [HOLE_TITLE] = json_inside(arena, title),
                [HOLE_PLAIN] = json_inside(arena, sink_plain(arena, grapheme_cut(arena, title_of(note), 150))),
                [HOLE_TEXT] = json_inside(arena, text),
                [HOLE_LINES] = r->line ? lines_make(r, text, arena) : TEXT_NONE,
                [HOLE_SMALL] = json_inside(arena, part_make(r, note->small_print, r->small_max, arena)),
                [HOLE_FOOT] = json_inside(arena, foot_make(r, note, arena)),
                [HOLE_TO] = json_inside(arena, note->to),
                [HOLE_TOKEN] = json_inside(arena, note->token),
                [HOLE_ID] = note->id,
                [HOLE_KEY] = note->key,
                [HOLE_LEVEL] = text_from(r->levels[note->severity]),
                [HOLE_ACTION] = text_from(note->action),
        };
        return template_fill(r->body, values, strlen(r->body) + 3 * values_bytes(values), arena);
}

Text receiver_render(const Receiver *r, const ReceiverNote *note, Arena *arena)
{
        _Static_assert(COUNT_OF(r->levels) == SEVERITY_MAX, "a level for each severity");
        Text body = render(r, note, r->text_max, arena);
        for (size_t text_max = r->text_max; body.len > r->bytes_max && text_max > 0;) {
                text_max /= 2;
                body = render(r, note, text_max, arena);
        }
        return body;
}

/* --- of a parcel --- */

static const char *action_of(Message message)
{
        if (message == MESSAGE_CONTACTED || message == MESSAGE_CLOSED)
                return "resolve";
        return message == MESSAGE_CLAIMED ? "acknowledge" : "trigger";
}

static Severity severity_of(const Parcel *p)
{
        if (p->c)
                return p->c->severity;
        return p->message == MESSAGE_TEST ? SEVERITY_LOW : SEVERITY_NORMAL;
}

Text receiver_body(const Parcel *p, WallTime now, Arena *arena)
{
        char id[TELLING_ID_BYTES], key[ID_TEXT_BYTES];
        Wording wording = telling_wording(p, now, arena);
        Text delivery = telling_id(p, id);
        ReceiverNote note = {
                .title = wording.title,
                .text = wording.body,
                .small_print = telling_small_print(p, arena),
                .to = p->channel->to,
                .token = p->channel->secret.value,
                .id = delivery,
                .key = p->c ? id_text(p->c->id, key) : delivery,
                .severity = severity_of(p),
                .action = action_of(p->message),
        };
        return receiver_render(receiver_of(p->channel->type), &note, arena);
}

Text receiver_url(const Parcel *p, Arena *arena)
{
        const Receiver *r = receiver_of(p->channel->type);
        char id[TELLING_ID_BYTES];
        Text url = p->channel->url, values[HOLE_MAX] = { [HOLE_ID] = telling_id(p, id) };
        if (!r->query)
                return url;
        Text query = template_fill(r->query, values, strlen(r->query) + values_bytes(values), arena);
        char separator = memchr(url.data, '?', url.len) ? '&' : '?';
        return arena_textf(arena, TEXT_F "%c" TEXT_F, TEXT_ARG(url), separator, TEXT_ARG(query));
}

/* --- answers --- */

static const char *find(Text text, const char *wanted)
{
        return memmem(text.data ? text.data : "", text.len, wanted, strlen(wanted));
}

/* A whole word where the answer is one, else words in its JSON. */
const ReceiverWord *receiver_word(const Receiver *r, Text body)
{
        bool is_json = r->yes && r->yes[0] == '{';
        for (const ReceiverWord *word = r->words; word->word; word++)
                if (is_json ? find(body, word->word) != NULL : text_is(text_trim(body), word->word))
                        return word;
        return NULL;
}

/* The beginning of a body without its white space. */
static Text squeeze(Text body, char *to, size_t max)
{
        size_t len = 0;
        for (size_t i = 0; i < body.len && len < max; i++)
                if (!strchr(" \t\r\n", body.data[i]) || body.data[i] == '\0')
                        to[len++] = body.data[i];
        return (Text){ to, len };
}

enum {
        SQUEEZED_BYTES = 512
};

bool receiver_says_yes(const Receiver *r, int status, Text body)
{
        char bytes[SQUEEZED_BYTES];
        Text said = squeeze(body, bytes, sizeof(bytes));
        if (r->status != 0 && status != r->status)
                return false;
        if (r->no && find(said, r->no))
                return false;
        if (!r->yes || status == 204)
                return true;
        return r->yes[0] == '{' ? text_starts(said, TEXT("{")) : text_is(text_trim(body), r->yes);
}

bool receiver_retry_after(const Receiver *r, Text body, double *ret_seconds)
{
        static const char MEMBER[] = "\"retry_after\":";
        char bytes[SQUEEZED_BYTES];
        Text said = squeeze(body, bytes, sizeof(bytes));
        const char *at = r->yes && r->yes[0] == '{' ? find(said, MEMBER) : NULL;
        if (!at)
                return false;
        Text number = text_from_offset(said, (size_t)(at - said.data) + strlen(MEMBER));
        size_t len = 0;
        while (len < number.len && strchr("0123456789.", number.data[len]))
                len++;
        return text_number((Text){ number.data, len }, ret_seconds);
}
