/* fold.h - texts in the form in which they are compared without regard to case; the only header that speaks for
 * libunistring's case folding.
 *          folded = NFC(fold(NFD(text))): "STRASSE" and "straße" are equal, "É" and "e" + combining acute are equal.
 *          No language's own rules: a Turkish dotless i stays itself.
 * Owns:    nothing; what it makes is in the arena. At most FOLD_GROWTH times as long as the text.
 * Errors:  none; the text must be valid UTF-8.
 * Source:  Unicode default caseless matching (chapter 3.13, D145), of the version that libunistring has. */
#pragma once

#include "base/arena.h"

enum {
        FOLD_GROWTH = 4
};

Text text_fold(Arena *arena, Text text);

/* Are they equal when folded? The arena is used only if one of them is not ASCII. */
bool text_fold_equal(Arena *arena, Text a, Text b);

/* Does the needle stand in the text? Both are folded already. */
bool folded_contains(Text text, Text needle);
