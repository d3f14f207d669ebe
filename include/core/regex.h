/* regex.h - regular expressions over what customers write; the only header that speaks for PCRE2.
 * Owns:    a Regex lives in the arena it was compiled into and is immutable, so threads may share it.
 * Errors:  compile: -EINVAL and where. A search that takes too long, too deep or too much memory is an answer.
 * Bounds:  the text is hostile. Each step of a search and each byte it passes over is counted, over all places where a
 *          match could begin, and REGEX_STEPS_MAX of them end it (about 5 ms). PCRE2's own match limit counts each
 *          beginning apart, so that 256 KiB of one letter could take minutes under it.
 * Source:  PCRE2 10.42, without JIT: a hardened service may not make memory executable. */
#pragma once

#include "core/field.h"

typedef struct Regex Regex;

enum {
        REGEX_STEPS_MAX = 1000000,
        REGEX_MATCH_LIMIT = 500000, /* PCRE2's, for one beginning */
        REGEX_DEPTH_LIMIT = 2000,
        REGEX_HEAP_KIBIBYTES = 256,
};

typedef enum RegexResult {
        REGEX_NO_MATCH,
        REGEX_MATCH,
        REGEX_TOO_MUCH, /* a bound was reached */
} RegexResult;

/* The pattern without its slashes. 0, or -EINVAL with *reterr filled. Back-references are refused: no count bounds what
 * they take. */
int regex_compile(Arena *arena, Text pattern, bool ignores_case, const Regex **ret, TextFault *reterr) MUST_CHECK;

/* The text is valid UTF-8. The arena is scratch, used only by searches that go deep. */
RegexResult regex_search(const Regex *regex, Text text, Arena *scratch);
