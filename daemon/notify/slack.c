#include "notify/slack.h"

#include "core/sink.h"
#include "notify/telling.h"

enum {
        HEADER_MAX = 150,
        SECTION_MAX = 3000,
        CONTEXT_MAX = 2000,
        FALLBACK_MAX = 3000,
};

/* What a character counts for once it is escaped, in UTF-16 units: never less than Slack may count. */
static size_t units_of(const char *character, size_t len)
{
        switch (*character) {
        case '&':
                return sizeof("&amp;") - 1;
        case '<':
        case '>':
                return sizeof("&lt;") - 1;
        default:
                return len == 4 ? 2 : 1;
        }
}

/* As much of it as fits, whole characters, "…" included. */
static Text fit(Arena *arena, Text text, size_t units_max)
{
        size_t units = 0, at = 0, end = 0; /* end: where "…" still fits */
        while (at < text.len) {
                size_t next = text_next_character(text, at);
                units += units_of(text.data + at, next - at);
                if (units > units_max)
                        return arena_textf(arena, TEXT_F "\xe2\x80\xa6", (int)end, text.data);
                at = next;
                if (units < units_max)
                        end = at;
        }
        return text;
}

/* Escaped and within a limit. Slack refuses empty texts. */
static Text slack_text(Arena *arena, Text text, size_t units_max)
{
        if (!text_is_utf8(text))
                return TEXT("?");
        return text.len > 0 ? sink_slack(arena, fit(arena, text, units_max)) : TEXT("-");
}

static void put_plain_text(JsonWriter *w, Text text)
{
        json_open(w, '{');
        json_field_text(w, "type", TEXT("plain_text"));
        json_field_text(w, "text", text);
        json_field_bool(w, "emoji", false);
        json_close(w, '}');
}

static void put_block(JsonWriter *w, const char *type, Text text)
{
        json_open(w, '{');
        json_field_text(w, "type", text_from(type));
        json_key(w, "text");
        put_plain_text(w, text);
        json_close(w, '}');
}

static void put_context(JsonWriter *w, Text text)
{
        json_open(w, '{');
        json_field_text(w, "type", TEXT("context"));
        json_key(w, "elements");
        json_open(w, '[');
        put_plain_text(w, text);
        json_close(w, ']');
        json_close(w, '}');
}

static void put_blocks(JsonWriter *w, const Wording *wording, Text small_print, Arena *arena)
{
        json_key(w, "blocks");
        json_open(w, '[');
        put_block(w, "header", slack_text(arena, wording->title, HEADER_MAX));
        if (wording->body.len > 0)
                put_block(w, "section", slack_text(arena, wording->body, SECTION_MAX));
        if (small_print.len > 0)
                put_context(w, slack_text(arena, small_print, CONTEXT_MAX));
        json_close(w, ']');
}

Text slack_body(const Parcel *p, WallTime now, Arena *arena)
{
        Buffer b = buffer_in(arena);
        JsonWriter w = json_writer(&b);
        Wording wording = telling_wording(p, now, arena);
        json_open(&w, '{');
        /* For notifications and screen readers. */
        json_field_text(&w, "text", slack_text(arena, wording.title, FALLBACK_MAX));
        json_field_bool(&w, "mrkdwn", false);
        json_field_bool(&w, "link_names", false);
        json_field_bool(&w, "unfurl_links", false);
        json_field_bool(&w, "unfurl_media", false);
        put_blocks(&w, &wording, telling_small_print(p, arena), arena);
        json_close(&w, '}');
        return buffer_text(&b);
}
