/* control.h - the control socket: what closedloopctl talks to. One request, one answer, closed.
 * Form:    the request is one line of JSON {"verb": "case", "args": ["12"], "json": false}; the answer is one JSON
 *          document {"exit": 0, "text": "...", "data": ...}.
 * Peers:   root, the daemon's own user, and members of the configured group (SO_PEERCRED and the socket's mode).
 * Owns:    the listening socket and the connections; the socket file is removed at the end.
 * Errors:  -EADDRINUSE when another daemon answers there; a dead socket file is replaced. */
#pragma once

#include <systemd/sd-event.h>

#include "service/service.h"

typedef struct Control Control;

int control_new(sd_event *event, Service *service, Text path, Text group, Control **ret) MUST_CHECK;
Control *control_free(Control *control);
DEFINE_CLEANUP(Control, control_free)
