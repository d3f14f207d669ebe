/* web.h - the HTTP side on a loopback port: /healthz, /readyz, /metrics. Room for the case page and the API.
 * Owns:    a libmicrohttpd daemon with an external epoll descriptor on our loop and a timer for its timeouts.
 * Errors:  -EINVAL no address and port, -EACCES an address other than loopback, -EADDRINUSE and others from binding;
 *          requests cannot fail the loop. Only GET and HEAD; nothing changes state.
 * Called:  from the loop thread only. */
#pragma once

#include <systemd/sd-event.h>

#include "base/buffer.h"
#include "base/instant.h"

typedef struct WebOps {
        /* true: 200 and "ok"; false: 503 with the words. One line each, with its end, no secrets. */
        bool (*is_alive)(void *userdata, Buffer *words);
        bool (*is_ready)(void *userdata, Buffer *words);
        void (*metrics)(void *userdata, Buffer *b);
} WebOps;

typedef struct Web Web;

/* listen: "127.0.0.1:9464", "[::1]:9464"; port 0 picks one, see web_port(). */
int web_new(sd_event *event, Text listen, const WebOps *ops, void *userdata, Web **ret) MUST_CHECK;
Web *web_free(Web *web);
DEFINE_CLEANUP(Web, web_free)
uint16_t web_port(const Web *web);

/* How long a client may take for one request and its answer; 10 seconds unless set. For connections to come. */
void web_set_patience(Web *web, Span patience);
