#include "core/mustache.h"

#include <errno.h>

/* A template is a flat program: put a literal, put a value, or jump over a section. The end of a section is only a
 * target, so rendering needs neither a stack nor recursion. */

enum {
        SOURCE_BYTES_MAX = 64 * 1024,
        SECTIONS_NESTED_MAX = 16,
        NEAR_ENOUGH = 3, /* letters that differ, for "did you mean" */
};

typedef enum OpKind {
        OP_LITERAL,
        OP_VALUE,
        OP_UNLESS_SET_JUMP, /* {{#name}} */
        OP_IF_SET_JUMP,     /* {{^name}} */
} OpKind;

typedef struct Op {
        OpKind kind;
        Text literal;
        size_t name;
        size_t target; /* of a jump: the first op after the section */
} Op;

struct Mustache {
        const Op *ops;
        size_t count;
};

typedef struct Open { /* a section that is not ended yet */
        size_t op;
        size_t name;
        size_t offset;
} Open;

typedef struct Compiler {
        Arena *arena;
        Text source;
        const char *const *names;
        size_t name_count;
        Op *ops;
        size_t count, capacity;
        Open open[SECTIONS_NESTED_MAX];
        size_t depth;
        TextFault *fault;
} Compiler;

typedef struct Tag {
        char sigil; /* '#', '^', '/', '!', or 0 */
        Text name;
        size_t begin, end; /* the whole tag, braces included */
        size_t name_offset;
} Tag;

static int fail(Compiler *c, size_t offset, Text message)
{
        *c->fault = (TextFault){ offset, message };
        return -EINVAL;
}

static void op_add(Compiler *c, Op op)
{
        c->ops = arena_grow(c->arena, c->ops, c->count, &c->capacity, sizeof(Op));
        c->ops[c->count++] = op;
}

static void literal_add(Compiler *c, size_t begin, size_t end)
{
        if (end > begin)
                op_add(c, (Op){ .kind = OP_LITERAL, .literal = { c->source.data + begin, end - begin } });
}

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

/* Where the line's blanks before offset begin, if there is nothing else before it in its line. */
static bool is_line_start(Text source, size_t offset, size_t *ret_begin)
{
        while (offset > 0 && is_blank(source.data[offset - 1]))
                offset--;
        *ret_begin = offset;
        return offset == 0 || source.data[offset - 1] == '\n';
}

/* Where the next line begins, if there are only blanks until then. */
static bool is_line_end(Text source, size_t offset, size_t *ret_end)
{
        while (offset < source.len && is_blank(source.data[offset]))
                offset++;
        if (offset + 1 < source.len && source.data[offset] == '\r' && source.data[offset + 1] == '\n')
                offset++;
        *ret_end = offset < source.len ? offset + 1 : offset;
        return offset == source.len || source.data[offset] == '\n';
}

static bool name_is_word(Text name)
{
        for (size_t i = 0; i < name.len; i++) {
                char c = name.data[i];
                bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                if (!is_letter && !(c >= '0' && c <= '9') && c != '_')
                        return false;
        }
        return name.len > 0 && name.len <= 64;
}

static const char *nearest_name(const Compiler *c, Text name)
{
        const char *nearest = NULL;
        unsigned distance = NEAR_ENOUGH + 1;
        for (size_t i = 0; i < c->name_count; i++) {
                unsigned d = text_distance(name, text_from(c->names[i]));
                if (d < distance && d < name.len) {
                        nearest = c->names[i];
                        distance = d;
                }
        }
        return nearest;
}

static int fail_unknown(Compiler *c, const Tag *tag)
{
        const char *nearest = nearest_name(c, tag->name);
        if (nearest)
                return fail(c, tag->name_offset,
                            arena_textf(c->arena, "there is no \"" TEXT_F "\" for templates. Did you mean \"%s\"?",
                                        TEXT_ARG(tag->name), nearest));
        return fail(c, tag->name_offset,
                    arena_textf(c->arena, "there is no \"" TEXT_F "\" for templates", TEXT_ARG(tag->name)));
}

static int name_find(Compiler *c, const Tag *tag, size_t *ret)
{
        if (tag->name.len == 0)
                return fail(c, tag->begin, TEXT("a tag needs a name"));
        if (!name_is_word(tag->name))
                return fail(c, tag->name_offset, TEXT("a name is made of letters, digits and _"));
        for (size_t i = 0; i < c->name_count; i++) {
                if (text_is(tag->name, c->names[i])) {
                        *ret = i;
                        return 0;
                }
        }
        return fail_unknown(c, tag);
}

static int section_begin(Compiler *c, const Tag *tag, size_t name)
{
        if (c->depth == SECTIONS_NESTED_MAX)
                return fail(c, tag->begin, TEXT("sections are nested more than 16 deep"));
        c->open[c->depth++] = (Open){ c->count, name, tag->begin };
        op_add(c, (Op){ .kind = tag->sigil == '#' ? OP_UNLESS_SET_JUMP : OP_IF_SET_JUMP, .name = name });
        return 0;
}

static int section_end(Compiler *c, const Tag *tag, size_t name)
{
        if (c->depth == 0)
                return fail(c, tag->begin, TEXT("this ends a section that was not begun"));
        const Open *open = &c->open[c->depth - 1];
        if (open->name != name)
                return fail(c, tag->name_offset,
                            arena_textf(c->arena, "the section to be ended here is \"%s\"", c->names[open->name]));
        c->ops[open->op].target = c->count;
        c->depth--;
        return 0;
}

static int tag_add(Compiler *c, const Tag *tag)
{
        size_t name;
        if (tag->sigil == '!')
                return 0;
        int r = name_find(c, tag, &name);
        if (r < 0)
                return r;
        if (tag->sigil == '/')
                return section_end(c, tag, name);
        if (tag->sigil)
                return section_begin(c, tag, name);
        op_add(c, (Op){ .kind = OP_VALUE, .name = name });
        return 0;
}

/* What other dialects have and this one has not, each with the reason. */
static int tag_refuse(Compiler *c, size_t begin, char sigil)
{
        if (sigil == '{' || sigil == '&')
                return fail(c, begin, TEXT("nothing is escaped in a template, so {{name}} is all there is"));
        if (sigil == '>' || sigil == '<' || sigil == '$')
                return fail(c, begin, TEXT("a template cannot include another one"));
        if (sigil == '=')
                return fail(c, begin, TEXT("the braces of tags cannot be changed"));
        return 0;
}

static int tag_read(Compiler *c, size_t begin, Tag *ret)
{
        size_t inner = begin + 2;
        char sigil = inner < c->source.len ? c->source.data[inner] : '\0';
        int r = tag_refuse(c, begin, sigil);
        if (r < 0)
                return r;
        const char *close = memmem(c->source.data + inner, c->source.len - inner, "}}", 2);
        if (!close)
                return fail(c, begin, TEXT("this tag has no \"}}\""));
        *ret = (Tag){ .begin = begin, .end = (size_t)(close - c->source.data) + 2 };
        if (sigil == '#' || sigil == '^' || sigil == '/' || sigil == '!') {
                ret->sigil = sigil;
                inner++;
        }
        ret->name = text_trim((Text){ c->source.data + inner, ret->end - 2 - inner });
        ret->name_offset = (size_t)(ret->name.data - c->source.data);
        return 0;
}

/* The literal before the tag, then the tag; *at moves behind it. */
static int source_step(Compiler *c, size_t *at)
{
        const char *found = memmem(c->source.data + *at, c->source.len - *at, "{{", 2);
        if (!found) {
                literal_add(c, *at, c->source.len);
                *at = c->source.len;
                return 0;
        }
        Tag tag;
        int r = tag_read(c, (size_t)(found - c->source.data), &tag);
        if (r < 0)
                return r;
        size_t line_begin, line_end;
        if (tag.sigil && is_line_start(c->source, tag.begin, &line_begin) &&
            is_line_end(c->source, tag.end, &line_end)) {
                literal_add(c, *at, line_begin);
                *at = line_end;
        } else {
                literal_add(c, *at, tag.begin);
                *at = tag.end;
        }
        return tag_add(c, &tag);
}

static int source_compile(Compiler *c)
{
        if (c->source.len > SOURCE_BYTES_MAX)
                return fail(c, SOURCE_BYTES_MAX, TEXT("a template may have at most 64 KiB"));
        if (!text_is_utf8(c->source))
                return fail(c, 0, TEXT("the template is not UTF-8"));
        for (size_t at = 0; at < c->source.len;) {
                int r = source_step(c, &at);
                if (r < 0)
                        return r;
        }
        if (c->depth == 0)
                return 0;
        const Open *open = &c->open[c->depth - 1];
        return fail(c, open->offset, arena_textf(c->arena, "the section \"%s\" is not ended", c->names[open->name]));
}

int mustache_compile(Arena *arena, Text source, const char *const *names, size_t name_count, Mustache **ret,
                     TextFault *reterr)
{
        Compiler c = { .arena = arena,
                       .source = arena_text(arena, source.data ? source : TEXT("")),
                       .names = names,
                       .name_count = name_count,
                       .fault = reterr };
        int r = source_compile(&c);
        if (r < 0)
                return r;
        Mustache *template = arena_new_of(arena, Mustache);
        *template = (Mustache){ c.ops, c.count };
        *ret = template;
        return 0;
}

/* False when the text did not fit any more. */
static bool put_within(Buffer *b, Text text, size_t bytes_max)
{
        size_t room = bytes_max - b->len;
        if (text.len <= room) {
                buffer_put(b, text);
                return true;
        }
        while (room > 0 && ((uint8_t)text.data[room] & 0xc0) == 0x80)
                room--;
        buffer_put(b, (Text){ text.data, room });
        return false;
}

Text mustache_render(const Mustache *template, const Text *values, Arena *arena, size_t bytes_max)
{
        Buffer b = buffer_in(arena);
        bool has_room = true;
        for (size_t i = 0; i < template->count && has_room;) {
                const Op *op = &template->ops[i++];
                switch (op->kind) {
                case OP_LITERAL:
                        has_room = put_within(&b, op->literal, bytes_max);
                        break;
                case OP_VALUE:
                        has_room = put_within(&b, values[op->name], bytes_max);
                        break;
                case OP_UNLESS_SET_JUMP:
                        i = text_is_empty(values[op->name]) ? op->target : i;
                        break;
                case OP_IF_SET_JUMP:
                        i = text_is_empty(values[op->name]) ? i : op->target;
                        break;
                }
        }
        return buffer_text(&b);
}
