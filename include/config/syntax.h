/* syntax.h - is a name, an e-mail address, a URL or a listening address written as it has to be?
 * Pure. Private network addresses are not refused here: names are looked up when a connection is made.
 * Source:  RFC 5321 for addresses, the ASCII part that mail servers really use; RFC 3986 for URLs. */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"

enum {
        NAME_BYTES_MAX = 128,
        URL_BYTES_MAX = 2048
};

/* A name for people and programs: printable UTF-8 without white space, ':' or ','. */
bool name_is_id(Text name);

/* No control characters, not only of white space. */
bool name_is_printable(Text name);

bool email_is_good(Text address);

/* "Name <address>", "\"Name, Inc.\" <address>" or "address". */
bool mailbox_parse(Text text, Text *ret_name, Text *ret_address);

/* What is wrong with it, as the end of a sentence ("has no host"); NULL: nothing. schemes: "https", "https|http". */
const char *url_fault(Text url, const char *schemes, bool has_path, Arena *arena);

/* "https://host:port" of a good URL. */
Text url_origin(Text url);

/* "127.0.0.1:9464", "[::1]:9464". */
bool listen_is_good(Text text);

/* "whsec_" and 24 to 64 bytes in base64. */
bool webhook_secret_is_good(Text secret);

/* "host:port,host", as Kafka's clients take it. */
bool brokers_are_good(Text brokers);

/* 1 to 249 of a-z A-Z 0-9 . _ -, and not only dots. */
bool topic_is_good(Text topic);
