/* peer.h - the tool's side of the control socket.
 * Errors:  negative errno. */
#pragma once

#include "base/arena.h"
#include "base/text.h"

#define PEER_SOCKET "/run/closedloop/control.sock"

int peer_connect(const char *path) MUST_CHECK; /* a descriptor */
/* Sends the request, a line of JSON, and reads the answer to its end. */
int peer_ask(int fd, Text request, Arena *arena, Text *ret) MUST_CHECK;
