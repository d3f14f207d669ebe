/* grapheme.h - text as people see it: what somebody else wrote is made harmless, counted and cut by visible characters.
 * A visible character is a grapheme cluster: a letter with its marks, a flag, a family of emoji. The only header that
 * speaks for libunistring's cluster and property tables.
 * Owns:    nothing; results are in the arena or part of the text.
 * Errors:  none. Bytes that are not UTF-8 become U+FFFD.
 * Source:  Unicode 14 (libunistring 1.0): UAX #9 (bidi), UAX #29 (clusters). */
#pragma once

#include "base/arena.h"

/* One line without control, bidi and invisible characters; white space becomes one space, none at the ends. Joiners
 * stay between letters and between emoji, where they change what is seen; marks without a letter go, and so do marks
 * piled upon one letter. Looks at bytes_max bytes; longer text ends in "…". Absent or nothing left: TEXT_NONE. */
Text grapheme_clean(Arena *arena, Text text, size_t bytes_max);

size_t grapheme_count(Arena *scratch, Text text);

/* At most `characters` of them, "…" included when something had to go; at a word where there is one in the second
 * half. Isolates stay balanced. */
Text grapheme_cut(Arena *arena, Text text, size_t characters);

/* As much of it as fits, by the same rules, where each cluster counts for what cost() says: bytes, UTF-16 units, or
 * what it is once escaped. "…" counts too; text is UTF-8. */
typedef size_t (*GraphemeCost)(void *userdata, Text cluster);
Text grapheme_fit(Arena *arena, Text text, size_t cost_max, GraphemeCost cost, void *userdata);

/* Between U+2068 and U+2069 if anything in it runs from right to left, so that the sentence around it keeps its order.
 */
Text grapheme_isolate(Arena *arena, Text text);
