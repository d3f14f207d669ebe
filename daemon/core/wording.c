#include "core/wording.h"

#include "core/grapheme.h"
#include "core/wording_names.h"

enum {
        TITLE_CHARACTERS = 60,
        BODY_CHARACTERS = 400,
        RENDERED_BYTES_MAX = 16 * 1024,
};

/* What gives way when a part is too long, in this order. */
typedef struct Shrink {
        int names[2]; /* a value and the same at the start of a sentence, or the same twice */
        size_t least; /* characters that stay */
        bool may_go;
} Shrink;

static const Shrink TITLE_SHRINKS[] = {
        { { WORDING_ACCOUNT, WORDING_ACCOUNT }, 8, true },
        { { WORDING_NOTE, WORDING_NOTE }, 20, false },
        { { WORDING_TERRITORY, WORDING_TERRITORY }, 6, true },
        { { WORDING_MANAGER, WORDING_MANAGER_FIRST }, 10, false },
        { { WORDING_WHO, WORDING_WHO_FIRST }, 10, false },
        { { WORDING_OWNER, WORDING_OWNER_FIRST }, 10, false },
        { { WORDING_CUSTOMER, WORDING_CUSTOMER_FIRST }, 10, false },
        { { WORDING_READER, WORDING_READER }, 10, true },
};

static const Shrink BODY_SHRINKS[] = {
        { { WORDING_COMMENT, WORDING_COMMENT }, 20, true },
        { { WORDING_IN_FULL, WORDING_IN_FULL }, 20, true },
        { { WORDING_ANSWER, WORDING_ANSWER }, 20, true },
        { { WORDING_NOTE, WORDING_NOTE }, 20, false },
        { { WORDING_CUSTOMER, WORDING_CUSTOMER_FIRST }, 10, false },
        { { WORDING_OWNER, WORDING_OWNER_FIRST }, 10, false },
};

typedef struct Page { /* one message while it is made to fit */
        const Mustache *template;
        Arena *arena;
        Text values[WORDING_MAX];
} Page;

static Wording page_render(const Page *page)
{
        Text rest = mustache_render(page->template, page->values, page->arena, RENDERED_BYTES_MAX), title;
        if (!text_split(&rest, '\n', &title))
                return (Wording){ TEXT(""), TEXT("") };
        return (Wording){ text_trim(title), rest.data ? text_trim(rest) : TEXT("") };
}

static Text page_title(const Page *page)
{
        return page_render(page).title;
}

static Text page_body(const Page *page)
{
        return page_render(page).body;
}

static Text value_shrink(Arena *arena, Text value, size_t over, const Shrink *shrink)
{
        size_t characters = grapheme_count(arena, value);
        if (characters >= over + shrink->least)
                return grapheme_cut(arena, value, characters - over);
        if (shrink->may_go)
                return TEXT_NONE;
        return grapheme_cut(arena, value, shrink->least);
}

static size_t characters_over(Arena *arena, Text text, size_t characters_max)
{
        if (text.len <= characters_max)
                return 0;
        size_t characters = grapheme_count(arena, text);
        return characters > characters_max ? characters - characters_max : 0;
}

/* Shrinks values until the part fits, then cuts what is still too long: a text of the operator's own. */
static Text page_fit(Page *page, Text (*part)(const Page *), size_t characters_max, const Shrink *shrinks, size_t count)
{
        Text text = part(page);
        for (size_t i = 0; i < count; i++) {
                size_t over = characters_over(page->arena, text, characters_max);
                if (over == 0)
                        return text;
                for (size_t j = 0; j < COUNT_OF(shrinks[i].names); j++) {
                        if (j > 0 && shrinks[i].names[j] == shrinks[i].names[0])
                                break;
                        Text *value = &page->values[shrinks[i].names[j]];
                        *value = value_shrink(page->arena, *value, over, &shrinks[i]);
                }
                text = part(page);
        }
        return grapheme_cut(page->arena, text, characters_max);
}

static Text in_full(const Page *page, const Page *shortened)
{
        const Text *full = page->values, *cut = shortened->values;
        if (!text_equal(full[WORDING_NOTE], cut[WORDING_NOTE]))
                return full[WORDING_NOTE];
        if (text_equal(full[WORDING_CUSTOMER], cut[WORDING_CUSTOMER]) &&
            text_equal(full[WORDING_ACCOUNT], cut[WORDING_ACCOUNT]))
                return TEXT_NONE;
        if (text_is_empty(full[WORDING_ACCOUNT]))
                return full[WORDING_CUSTOMER_FIRST];
        return arena_textf(page->arena, TEXT_F ", " TEXT_F, TEXT_ARG(full[WORDING_CUSTOMER_FIRST]),
                           TEXT_ARG(full[WORDING_ACCOUNT]));
}

/* Our own texts always compile: a test renders every one of them. */
static const Mustache *default_compile(const Facts *facts, Arena *arena)
{
        Mustache *template = NULL;
        TextFault fault;
        int r = mustache_compile(arena, wording_default(facts->message, facts->is_shared), WORDING_NAMES,
                                 WORDING_NAME_COUNT, &template, &fault);
        must(r == 0);
        return template;
}

static Wording page_make(Page page)
{
        Page shortened = page;
        Text title = page_fit(&shortened, page_title, TITLE_CHARACTERS, TITLE_SHRINKS, COUNT_OF(TITLE_SHRINKS));
        page.values[WORDING_IN_FULL] = in_full(&page, &shortened);
        Text body = page_fit(&page, page_body, BODY_CHARACTERS, BODY_SHRINKS, COUNT_OF(BODY_SHRINKS));
        return (Wording){ title, body };
}

Wording wording_make(const Facts *facts, const Mustache *template, Arena *arena)
{
        Page page = { .arena = arena };
        wording_values(facts, arena, page.values);
        if (template && (!facts->is_shared || wording_is_for_rooms(facts->message))) {
                page.template = template;
                Wording wording = page_make(page);
                if (wording.title.len > 0 && wording.body.len > 0) /* receivers refuse a message with an empty part */
                        return wording;
        }
        page.template = default_compile(facts, arena);
        return page_make(page);
}
