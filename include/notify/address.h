/* address.h - which network addresses are private, so that a webhook cannot be aimed at the inside of the network.
 * The address that is really connected to is judged, after the name was resolved: neither the spelling of a URL
 * (0x7f.1, 2130706433) nor a name that is resolved differently the second time can get around it.
 * Source:  IANA special-purpose address registries (RFC 6890), RFC 4291, RFC 6052 and 8215 (NAT64), RFC 3056 (6to4). */
#pragma once

#include <sys/socket.h>

#include "base/text.h"

/* Also true for what is neither IPv4 nor IPv6, and for IPv6 forms that carry an IPv4 address inside. */
bool address_is_private(const struct sockaddr *address, size_t bytes);

/* The same for "10.1.2.3" or "fe80::1"; true for what is no address. */
bool address_text_is_private(const char *text);

enum {
        ADDRESS_BYTES = 64
};

/* "10.1.2.3", "fe80::1"; "of an unknown family" if it is neither. */
void address_format(const struct sockaddr *address, size_t bytes, char ret_text[static ADDRESS_BYTES]);
