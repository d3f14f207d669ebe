#include "core/regex.h"

#include <errno.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct Regex {
        const pcre2_code *code;
};

static void *arena_take(PCRE2_SIZE bytes, void *arena)
{
        return arena_alloc(arena, bytes);
}

static void arena_forget(void *bytes UNUSED, void *arena UNUSED)
{
}

/* The callouts are what counts the steps of a search. */
static uint32_t compile_options(bool ignores_case)
{
        return PCRE2_UTF | PCRE2_AUTO_CALLOUT | PCRE2_NEVER_BACKSLASH_C |
               (ignores_case ? PCRE2_CASELESS | PCRE2_UCP : 0);
}

static int compile_fault(Arena *arena, int code, size_t offset, TextFault *reterr)
{
        PCRE2_UCHAR message[128];
        (void)pcre2_get_error_message(code, message, sizeof(message));
        *reterr = (TextFault){ offset, arena_text(arena, text_from((const char *)message)) };
        return -EINVAL;
}

int regex_compile(Arena *arena, Text pattern, bool ignores_case, const Regex **ret, TextFault *reterr)
{
        pcre2_general_context *general = pcre2_general_context_create(arena_take, arena_forget, arena);
        pcre2_compile_context *context = pcre2_compile_context_create(general);
        int code = 0;
        size_t offset = 0;
        pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern.data, pattern.len, compile_options(ignores_case),
                                             &code, &offset, context);
        if (!compiled)
                return compile_fault(arena, code, offset, reterr);
        uint32_t back_references = 0;
        (void)pcre2_pattern_info(compiled, PCRE2_INFO_BACKREFMAX, &back_references);
        if (back_references > 0) {
                *reterr = (TextFault){ 0, TEXT("a back-reference is not allowed: it can take too long") };
                return -EINVAL;
        }
        Regex *regex = arena_new_of(arena, Regex);
        regex->code = compiled;
        *ret = regex;
        return 0;
}

/* One search. PCRE2 asks for 20 KiB of room each time, so that stands on the stack; what goes deeper is in the arena.
 */
typedef struct Search {
        Arena *scratch;
        size_t steps;
        size_t last_position;
        size_t room_used;
        _Alignas(16) char room[24 * 1024];
} Search;

static void *search_take(PCRE2_SIZE bytes, void *data)
{
        Search *s = data;
        size_t rounded = (bytes + 15) & ~(size_t)15;
        if (rounded > sizeof(s->room) - s->room_used)
                return arena_alloc(s->scratch, bytes);
        s->room_used += rounded;
        return s->room + s->room_used - rounded;
}

/* Called before each item of the pattern. What an item passed over is the way from the last position to this one. */
static int search_step(pcre2_callout_block *at, void *data)
{
        Search *s = data;
        size_t here = at->current_position, last = s->last_position;
        s->steps += 1 + (here > last ? here - last : last - here);
        s->last_position = here;
        return s->steps > REGEX_STEPS_MAX ? PCRE2_ERROR_CALLOUT : 0;
}

RegexResult regex_search(const Regex *regex, Text text, Arena *scratch)
{
        Search search;
        search.scratch = scratch;
        search.steps = search.last_position = search.room_used = 0;
        pcre2_general_context *general = pcre2_general_context_create(search_take, arena_forget, &search);
        pcre2_match_context *context = pcre2_match_context_create(general);
        pcre2_match_data *data = pcre2_match_data_create(1, general);
        (void)pcre2_set_match_limit(context, REGEX_MATCH_LIMIT);
        (void)pcre2_set_depth_limit(context, REGEX_DEPTH_LIMIT);
        (void)pcre2_set_heap_limit(context, REGEX_HEAP_KIBIBYTES);
        (void)pcre2_set_callout(context, search_step, &search);
        int found = pcre2_match(regex->code, (PCRE2_SPTR)text.data, text.len, 0, PCRE2_NO_UTF_CHECK, data, context);
        /* 0 is a match too: there was room for the whole of it only, not for its groups. */
        return found >= 0 ? REGEX_MATCH : found == PCRE2_ERROR_NOMATCH ? REGEX_NO_MATCH : REGEX_TOO_MUCH;
}
