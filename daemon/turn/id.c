#include "turn/id.h"

#include <openssl/sha.h>
#include <stdio.h>

static CaseId id_finish(const uint8_t first[static 6], const uint8_t hash[static SHA256_DIGEST_LENGTH])
{
        CaseId id;
        memcpy(id.bytes, first, 6);
        memcpy(id.bytes + 6, hash, 10);
        id.bytes[6] = (uint8_t)(0x80 | (id.bytes[6] & 0x0f));
        id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
        return id;
}

/* Each part with its length before it: no two lists of parts give the same bytes. */
static size_t put_part(uint8_t *to, size_t at, size_t max, Text part)
{
        uint32_t len = (uint32_t)part.len;
        must(at + sizeof(len) + part.len <= max);
        memcpy(to + at, &len, sizeof(len));
        if (len > 0)
                memcpy(to + at + sizeof(len), part.data, part.len);
        return at + sizeof(len) + part.len;
}

static Text shortened(Text text, uint8_t hash[static SHA256_DIGEST_LENGTH])
{
        enum {
                PLAIN_MAX = 512
        };
        if (text.len <= PLAIN_MAX)
                return text;
        (void)SHA256((const uint8_t *)text.data, text.len, hash);
        return (Text){ (const char *)hash, SHA256_DIGEST_LENGTH };
}

CaseId id_of_case(WallTime submitted, Text source, Text response_id)
{
        uint8_t bytes[1100], hash[SHA256_DIGEST_LENGTH], of_source[SHA256_DIGEST_LENGTH], of_id[SHA256_DIGEST_LENGTH];
        size_t len = put_part(bytes, 0, sizeof(bytes), shortened(source, of_source));
        len = put_part(bytes, len, sizeof(bytes), shortened(response_id, of_id));
        (void)SHA256(bytes, len, hash);
        uint64_t ms = (uint64_t)MAX_OF(submitted.us, INT64_C(0)) / 1000;
        uint8_t first[6];
        for (int i = 0; i < 6; i++)
                first[i] = (uint8_t)(ms >> (40 - 8 * i));
        return id_finish(first, hash);
}

CaseId id_of_delivery(CaseId case_id, int32_t epoch, int32_t rung, int32_t occurrence, Text recipient, Text channel)
{
        uint8_t bytes[1200], hash[SHA256_DIGEST_LENGTH], of_recipient[SHA256_DIGEST_LENGTH],
                of_channel[SHA256_DIGEST_LENGTH];
        int32_t numbers[3] = { epoch, rung, occurrence };
        size_t len = put_part(bytes, 0, sizeof(bytes), (Text){ (const char *)case_id.bytes, sizeof(case_id.bytes) });
        len = put_part(bytes, len, sizeof(bytes), (Text){ (const char *)numbers, sizeof(numbers) });
        len = put_part(bytes, len, sizeof(bytes), shortened(recipient, of_recipient));
        len = put_part(bytes, len, sizeof(bytes), shortened(channel, of_channel));
        (void)SHA256(bytes, len, hash);
        return id_finish(case_id.bytes, hash);
}

Text id_text(CaseId id, char buffer[static ID_TEXT_BYTES])
{
        const uint8_t *b = id.bytes;
        (void)snprintf(buffer, ID_TEXT_BYTES, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                       b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
                       b[15]);
        return (Text){ buffer, ID_TEXT_BYTES - 1 };
}
