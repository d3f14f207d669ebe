#include "notify/signature.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>

/* Channels with a secret that are signed for without setting the key up again; more of them still work. */
enum {
        SIGNER_KEYS = 32,
        SECRETS_MAX = 4,
        KEY_BYTES_MIN = 24,
        KEY_BYTES_MAX = 64,
        DIGEST_BYTES = 32
};

typedef struct SigningKey {
        char *secret; /* as written, to find it again */
        size_t secret_bytes;
        EVP_MAC_CTX *mac;
} SigningKey;

struct Signer {
        EVP_MAC *hmac;
        SigningKey keys[SIGNER_KEYS];
        size_t next; /* the one that makes room */
};

static bool is_base64(Text text)
{
        size_t padding = 0;
        while (padding < 2 && padding < text.len && text.data[text.len - 1 - padding] == '=')
                padding++;
        for (size_t i = 0; i < text.len - padding; i++) {
                char c = text.data[i];
                if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
                      c == '/'))
                        return false;
        }
        return text.len > 0 && text.len % 4 == 0;
}

/* Bytes of the key; 0 if it is none. */
static size_t key_decode(Text secret, uint8_t ret_key[static KEY_BYTES_MAX + 3])
{
        const Text prefix = TEXT("whsec_");
        if (!text_starts(secret, prefix))
                return 0;
        Text base64 = text_from_offset(secret, prefix.len);
        if (!is_base64(base64) || base64.len > (KEY_BYTES_MAX + 2) / 3 * 4)
                return 0;
        int decoded = EVP_DecodeBlock(ret_key, (const unsigned char *)base64.data, (int)base64.len);
        size_t padding = (size_t)(base64.data[base64.len - 1] == '=') + (size_t)(base64.data[base64.len - 2] == '=');
        size_t bytes = decoded < 0 ? 0 : (size_t)decoded - padding;
        return bytes < KEY_BYTES_MIN || bytes > KEY_BYTES_MAX ? 0 : bytes;
}

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next word of a text; false at its end. */
static bool secret_next(Text *rest, Text *ret)
{
        *rest = text_trim(*rest);
        size_t len = 0;
        while (len < rest->len && !is_space(rest->data[len]))
                len++;
        *ret = (Text){ rest->data, len };
        *rest = text_from_offset(*rest, len);
        return len > 0;
}

bool signature_secret_is_good(Text secrets)
{
        uint8_t key[KEY_BYTES_MAX + 3];
        Text secret;
        int count = 0;
        bool is_good = true;
        while (secret_next(&secrets, &secret)) {
                is_good = is_good && key_decode(secret, key) > 0;
                count++;
        }
        explicit_bzero(key, sizeof(key));
        return is_good && count > 0 && count <= SECRETS_MAX;
}

Signer *signer_new(void)
{
        Signer *s = calloc(1, sizeof(*s));
        must(s != NULL);
        s->hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
        must(s->hmac != NULL);
        return s;
}

static void key_forget(SigningKey *key)
{
        if (key->secret)
                explicit_bzero(key->secret, key->secret_bytes);
        free(key->secret);
        EVP_MAC_CTX_free(key->mac);
        *key = (SigningKey){ 0 };
}

Signer *signer_free(Signer *signer)
{
        if (!signer)
                return NULL;
        for (size_t i = 0; i < SIGNER_KEYS; i++)
                key_forget(&signer->keys[i]);
        EVP_MAC_free(signer->hmac);
        free(signer);
        return NULL;
}

static void key_set(Signer *signer, SigningKey *key, Text secret, const uint8_t *bytes, size_t count)
{
        char digest[] = "SHA256";
        OSSL_PARAM params[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                OSSL_PARAM_construct_end(),
        };
        key_forget(key);
        key->secret = malloc(secret.len);
        key->mac = EVP_MAC_CTX_new(signer->hmac);
        must(key->secret != NULL && key->mac != NULL);
        memcpy(key->secret, secret.data, secret.len);
        key->secret_bytes = secret.len;
        must(EVP_MAC_init(key->mac, bytes, count, params) == 1);
}

/* NULL: the secret is none. */
static SigningKey *signer_key(Signer *signer, Text secret)
{
        for (size_t i = 0; i < SIGNER_KEYS; i++)
                if (text_equal((Text){ signer->keys[i].secret, signer->keys[i].secret_bytes }, secret))
                        return &signer->keys[i];
        uint8_t bytes[KEY_BYTES_MAX + 3];
        size_t count = key_decode(secret, bytes);
        if (count == 0)
                return NULL;
        SigningKey *key = &signer->keys[signer->next];
        signer->next = (signer->next + 1) % SIGNER_KEYS;
        key_set(signer, key, secret, bytes, count);
        explicit_bzero(bytes, sizeof(bytes));
        return key;
}

static void key_sign(SigningKey *key, Text head, Text body, Buffer *b)
{
        uint8_t digest[DIGEST_BYTES];
        size_t bytes = 0;
        must(EVP_MAC_init(key->mac, NULL, 0, NULL) == 1);
        must(EVP_MAC_update(key->mac, (const unsigned char *)head.data, head.len) == 1);
        must(EVP_MAC_update(key->mac, (const unsigned char *)body.data, body.len) == 1);
        must(EVP_MAC_final(key->mac, digest, &bytes, sizeof(digest)) == 1 && bytes == sizeof(digest));
        buffer_put_literal(b, "v1,");
        char *room = buffer_room(b, (DIGEST_BYTES + 2) / 3 * 4 + 1);
        b->len += (size_t)EVP_EncodeBlock((unsigned char *)room, digest, sizeof(digest));
}

bool signer_sign(Signer *signer, Text secrets, Text id, int64_t timestamp_seconds, Text body, Buffer *b)
{
        must(memchr(id.data, '.', id.len) == NULL);
        char head[128];
        int len = snprintf(head, sizeof(head), TEXT_F ".%lld.", TEXT_ARG(id), (long long)timestamp_seconds);
        must(len > 0 && (size_t)len < sizeof(head));
        Text secret;
        int count = 0;
        while (secret_next(&secrets, &secret)) {
                SigningKey *key = signer_key(signer, secret);
                if (!key || count == SECRETS_MAX)
                        return false;
                if (count++ > 0)
                        buffer_put_char(b, ' ');
                key_sign(key, (Text){ head, (size_t)len }, body, b);
        }
        return count > 0;
}
