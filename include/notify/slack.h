/* slack.h - a delivery as a message for a Slack incoming webhook: Block Kit, all of it plain_text.
 * Nothing a customer wrote is ever markup: no mentions, links, or formatting.
 * Pure; results are in the arena.
 * Source:  Block Kit's limits: header 150 characters, text of a section 3000, of a context 2000. */
#pragma once

#include "turn/parcel.h"

Text slack_body(const Parcel *p, WallTime now, Arena *arena);
