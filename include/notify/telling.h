/* telling.h - what a parcel says, in the words that the message channels (chats, e-mail) share.
 * Pure; results are in the arena. */
#pragma once

#include "core/wording.h"
#include "turn/parcel.h"

/* Title and body in the reader's zone, by the configuration's template or the built-in one; shy for a shared channel.
 */
Wording telling_wording(const Parcel *p, WallTime now, Arena *arena);

/* The small print: "Case #12, severity high. Sent to you as its owner." Empty if it is not about a case. */
Text telling_small_print(const Parcel *p, Arena *arena);

enum {
        TELLING_ID_BYTES = 37
};
/* The delivery's UUID: the same on every try. */
Text telling_id(const Parcel *p, char ret_text[static TELLING_ID_BYTES]);
