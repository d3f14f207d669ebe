#include <endian.h>

#include "inside.h"

/* ---- hash ------------------------------------------------------------------------------------------------------- */

/* Four lanes of 8 bytes, which the processor works on side by side: some 20 ns for 500 bytes. */
enum {
        LANES = 4,
        LANE_BYTES = 8,
        ROUND_BYTES = LANES * LANE_BYTES
};

static const uint64_t lane_starts[LANES] = { 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9,
                                             0x27d4eb2f165667c5 };

static uint64_t word_read(const char *bytes)
{
        uint64_t word;
        memcpy(&word, bytes, sizeof(word));
        return le64toh(word);
}

static uint64_t word_mix(uint64_t state, uint64_t word)
{
        state = (state ^ word) * 0x9fb21c651e98df25;
        return state ^ (state >> 29);
}

static uint64_t bytes_hash(const char *bytes, size_t len)
{
        uint64_t lanes[LANES];
        char rest[ROUND_BYTES] = { 0 };
        size_t left = len;
        memcpy(lanes, lane_starts, sizeof(lanes));
        for (; left >= ROUND_BYTES; bytes += ROUND_BYTES, left -= ROUND_BYTES)
                for (size_t i = 0; i < LANES; i++)
                        lanes[i] = word_mix(lanes[i], word_read(bytes + i * LANE_BYTES));
        if (left > 0)
                memcpy(rest, bytes, left);
        uint64_t hash = len;
        for (size_t i = 0; i < LANES; i++)
                hash = word_mix(hash, word_mix(lanes[i], word_read(rest + i * LANE_BYTES)));
        return hash;
}

uint64_t record_hash(const Record *record)
{
        return record->value.data ? bytes_hash(record->value.data, record->value.len) : 0;
}

/* ---- headers ---------------------------------------------------------------------------------------------------- */

static rd_kafka_headers_t *headers_of(const Record *record)
{
        rd_kafka_headers_t *headers;
        return rd_kafka_message_headers(record->native, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR ? headers : NULL;
}

Text record_header(const Record *record, const char *name)
{
        const rd_kafka_headers_t *headers = headers_of(record);
        const void *value;
        size_t len;
        if (!headers || rd_kafka_header_get_last(headers, name, &value, &len) != RD_KAFKA_RESP_ERR_NO_ERROR)
                return TEXT_NONE;
        return (Text){ value, value ? len : 0 };
}

static Text base64_write(Arena *arena, const uint8_t *bytes, size_t len)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        char *out = arena_alloc(arena, (len + 2) / 3 * 4 + 1), *end = out;
        for (size_t i = 0; i < len; i += 3) {
                size_t left = len - i;
                uint32_t three = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                                 (left > 2 ? bytes[i + 2] : 0);
                *end++ = digits[three >> 18];
                *end++ = digits[three >> 12 & 63];
                *end++ = left > 1 ? digits[three >> 6 & 63] : '=';
                *end++ = left > 2 ? digits[three & 63] : '=';
        }
        return (Text){ out, (size_t)(end - out) };
}

static void header_write(JsonWriter *w, Arena *arena, const char *name, const void *value, size_t len)
{
        json_open(w, '[');
        json_put_text(w, text_from(name));
        json_put_text(w, value ? base64_write(arena, value, len) : TEXT_NONE);
        json_close(w, ']');
}

Text record_headers_write(const Record *record, Arena *arena)
{
        Buffer b = buffer_in(arena);
        JsonWriter w = json_writer(&b);
        const rd_kafka_headers_t *headers = headers_of(record);
        const char *name;
        const void *value;
        size_t len;
        json_open(&w, '[');
        for (size_t i = 0;
             headers && rd_kafka_header_get_all(headers, i, &name, &value, &len) == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
                header_write(&w, arena, name, value, len);
        json_close(&w, ']');
        return buffer_text(&b);
}
