/* probe.h - connects to a channel's receiver and says nothing there: for `closedloopctl doctor`. With https the handshake
 * is made and the certificate checked; a mail server is greeted, not logged in to.
 * Errors:  false, with what is wrong.
 * Called:  by a command, never by the daemon: it blocks, at most for the patience. */
#pragma once

#include "config/config.h"

bool channel_probe(const Channel *channel, Span patience, Arena *arena, Text *ret_words);

/* "libcurl 7.88.1 OpenSSL/3.0.17", in the arena. */
Text channel_library(Arena *arena);
