/* mustache.h - message templates: a subset of Mustache over a flat set of named texts.
 * Tags:    {{name}} inserts a value; {{#name}} ... {{/name}} is kept if the value is not empty, {{^name}} ... {{/name}}
 *          if it is; {{! comment }}. A tag of a section alone on its line takes the line with it. No partials, no
 *          delimiters, no lambdas, no lists: values are never parsed again. Inserted values are not escaped here: the
 *          sink that sends the text escapes all of it once.
 * Source:  mustache(5), the sections named above.
 * Owns:    nothing; compiled templates live in an arena, immutable. */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "core/field.h"

typedef struct Mustache Mustache;

/* names: what a template may use; another name is an error with the nearest one. 0 or -EINVAL and *reterr. */
int mustache_compile(Arena *arena, Text source, const char *const *names, size_t name_count, Mustache **ret,
                     TextFault *reterr) MUST_CHECK;

/* values[i] belongs to names[i]. Output longer than bytes_max is cut at a character. */
Text mustache_render(const Mustache *template, const Text *values, Arena *arena, size_t bytes_max);
