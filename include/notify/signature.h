/* signature.h - signs webhooks: Standard Webhooks 1.0.0, symmetric (HMAC-SHA256).
 * Owns:    one keyed state a secret, kept from message to message because setting one up costs more than a signature.
 * Errors:  a secret that is none is an answer (false).
 * Source:  standard-webhooks 1.0.0, "Signature scheme". */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"

/* Secrets: one or, while a receiver changes over to a new one, up to four, with white space between them; each
 * "whsec_" and the base64 of 24 to 64 bytes. */
bool signature_secret_is_good(Text secrets);

typedef struct Signer Signer;

Signer *signer_new(void);
Signer *signer_free(Signer *signer);
DEFINE_CLEANUP(Signer, signer_free)

/* Puts "v1,<base64>", one for each secret, with a space between them. id has no dot. False: a secret that is none. */
bool signer_sign(Signer *signer, Text secrets, Text id, int64_t timestamp_seconds, Text body, Buffer *b) MUST_CHECK;
