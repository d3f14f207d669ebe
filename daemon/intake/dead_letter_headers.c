/* The headers of a dead letter: the record's own, then what the tools for dead letters of Kafka Connect (UTF-8 text)
 * and of Spring for Apache Kafka (numbers in network byte order) look for. */
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "inside.h"

static const char program[] = "closedloopd";

static bool header_put(rd_kafka_headers_t *headers, const char *name, const void *value, size_t len)
{
        return rd_kafka_header_add(headers, name, -1, value, (ssize_t)len) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool text_put(rd_kafka_headers_t *headers, const char *name, Text value)
{
        return header_put(headers, name, value.data ? value.data : "", value.len);
}

static bool number_put(rd_kafka_headers_t *headers, const char *name, int64_t number)
{
        char digits[24];
        int len = snprintf(digits, sizeof digits, "%" PRId64, number);
        return header_put(headers, name, digits, (size_t)len);
}

static bool big_endian_64_put(rd_kafka_headers_t *headers, const char *name, int64_t number)
{
        uint64_t bytes = htobe64((uint64_t)number);
        return header_put(headers, name, &bytes, sizeof bytes);
}

static bool big_endian_32_put(rd_kafka_headers_t *headers, const char *name, int32_t number)
{
        uint32_t bytes = htobe32((uint32_t)number);
        return header_put(headers, name, &bytes, sizeof bytes);
}

static bool connect_put(rd_kafka_headers_t *headers, const DeadLetter *letter, Text group)
{
        return text_put(headers, "__connect.errors.topic", letter->place.topic) &&
               number_put(headers, "__connect.errors.partition", letter->place.partition) &&
               number_put(headers, "__connect.errors.offset", letter->place.offset) &&
               text_put(headers, "__connect.errors.connector.name", group) &&
               number_put(headers, "__connect.errors.task.id", 0) &&
               text_put(headers, "__connect.errors.stage", TEXT("VALUE_CONVERTER")) &&
               text_put(headers, "__connect.errors.class.name", text_from(program)) &&
               text_put(headers, "__connect.errors.exception.class.name", text_from(program)) &&
               text_put(headers, "__connect.errors.exception.message", letter->reason);
}

static bool spring_put(rd_kafka_headers_t *headers, const DeadLetter *letter, Text group)
{
        return text_put(headers, "kafka_dlt-original-topic", letter->place.topic) &&
               big_endian_32_put(headers, "kafka_dlt-original-partition", letter->place.partition) &&
               big_endian_64_put(headers, "kafka_dlt-original-offset", letter->place.offset) &&
               big_endian_64_put(headers, "kafka_dlt-original-timestamp", letter->place.record_time.us / 1000) &&
               text_put(headers, "kafka_dlt-original-timestamp-type", TEXT("CreateTime")) &&
               text_put(headers, "kafka_dlt-original-consumer-group", group) &&
               text_put(headers, "kafka_dlt-exception-fqcn", text_from(program)) &&
               text_put(headers, "kafka_dlt-exception-message", letter->reason);
}

/* ---- the record's own ------------------------------------------------------------------------------------------- */

static int digit_value(char c)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *found = c ? strchr(digits, c) : NULL;
        return found ? (int)(found - digits) : -1;
}

/* As record_headers_write() makes it: whole groups of four, padded. */
static bool base64_read(Arena *arena, Text text, Text *ret)
{
        if (text.len % 4 != 0)
                return false;
        size_t padding = 0, len = 0;
        while (padding < 2 && padding < text.len && text.data[text.len - 1 - padding] == '=')
                padding++;
        char *bytes = arena_alloc(arena, text.len / 4 * 3 + 1);
        for (size_t i = 0; i < text.len; i += 4) {
                uint32_t three = 0;
                for (size_t j = i; j < i + 4; j++) {
                        int value = j >= text.len - padding ? 0 : digit_value(text.data[j]);
                        if (value < 0)
                                return false;
                        three = three << 6 | (uint32_t)value;
                }
                bytes[len++] = (char)(three >> 16);
                bytes[len++] = (char)(three >> 8);
                bytes[len++] = (char)three;
        }
        *ret = (Text){ bytes, len - padding };
        return true;
}

static bool own_put(rd_kafka_headers_t *headers, Arena *arena, const JsonValue *pair)
{
        Text name = json_text(json_at(pair, 0)), bytes = TEXT_NONE;
        const JsonValue *value = json_at(pair, 1);
        if (json_count(pair) != 2 || !name.data)
                return false;
        if (json_type(value) != JSON_NULL && (!json_text(value).data || !base64_read(arena, json_text(value), &bytes)))
                return false;
        return header_put(headers, arena_text(arena, name).data, bytes.data, bytes.len);
}

static bool all_own_put(rd_kafka_headers_t *headers, Arena *arena, Text written)
{
        const JsonValue *root;
        if (text_is_empty(written))
                return true;
        if (json_read_in(arena, written, &root) != JSON_FAULT_NONE || json_type(root) != JSON_ARRAY)
                return false;
        for (JsonWalk w = json_walk(root); json_next(&w);)
                if (json_type(w.value) != JSON_ARRAY || !own_put(headers, arena, w.value))
                        return false;
        return true;
}

rd_kafka_headers_t *dead_letter_headers(const DeadLetter *letter, Text group)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        rd_kafka_headers_t *headers = rd_kafka_headers_new(32);
        if (all_own_put(headers, arena, letter->headers) && connect_put(headers, letter, group) &&
            spring_put(headers, letter, group))
                return headers;
        rd_kafka_headers_destroy(headers);
        return NULL;
}
