/* webhook.h - a delivery as one JSON document for any system; its shape is published (README, "Webhooks") and only
 * grows. Pure; results are in the arena. */
#pragma once

#include "turn/parcel.h"

/* now: when it is sent. A shared channel gets no word of the customer: neither fields nor the text of a note. */
Text webhook_body(const Parcel *p, WallTime now, Arena *arena);

/* A W3C trace context that may be passed on as a header. */
bool webhook_traceparent_is_good(Text text);
