/* One HTTP request: what libcurl is told, and what is kept of the answer. */
#include <strings.h>

#include "inside.h"

enum {
        BODY_BYTES_MAX = 64 * 1024,
        HEAD_BYTES_MAX = 64 * 1024,
        HEAD_LINES_MAX = 128
};

static size_t keep(char *to, size_t kept, size_t max, Text bytes)
{
        size_t more = MIN_OF(bytes.len, max - kept);
        if (more > 0)
                memcpy(to + kept, bytes.data, more);
        return kept + more;
}

static size_t on_body(char *bytes, size_t one UNUSED, size_t count, void *userdata)
{
        Post *p = userdata;
        p->body_kept = keep(p->body, p->body_kept, sizeof(p->body), (Text){ bytes, count });
        p->body_bytes += count;
        return p->body_bytes > BODY_BYTES_MAX ? 0 : count;
}

static void head_line(Post *p, Text line)
{
        const Text retry_after = TEXT("retry-after:");
        if (text_starts(line, TEXT("HTTP/"))) {
                p->has_status = false;
                p->retry_after_kept = 0;
        } else if (text_trim(line).len == 0) {
                p->has_status = true;
        } else if (line.len > retry_after.len && strncasecmp(line.data, retry_after.data, retry_after.len) == 0) {
                Text value = text_trim(text_from_offset(line, retry_after.len));
                p->retry_after_kept = keep(p->retry_after, 0, sizeof(p->retry_after), value);
        }
}

static size_t on_head(char *bytes, size_t one UNUSED, size_t count, void *userdata)
{
        Post *p = userdata;
        p->head_lines++;
        p->head_bytes += count;
        if (p->head_lines > HEAD_LINES_MAX || p->head_bytes > HEAD_BYTES_MAX)
                return 0;
        head_line(p, (Text){ bytes, count });
        return count;
}

/* The body goes out behind the headers. That it was handed to the system is all that can be known. */
static bool post_was_sent(const Post *p)
{
        curl_off_t sent = 0;
        return curl_easy_getinfo(p->handle.easy, CURLINFO_SIZE_UPLOAD_T, &sent) == CURLE_OK &&
               sent >= (curl_off_t)p->slot->exchange.request.body.len && p->handle.was_greeted;
}

/* A status that came whole counts, whatever became of the connection afterwards: to send once more what was taken over
 * would be worse than to do without the rest of the answer. */
static void on_done(Handle *handle, CURLcode code)
{
        Post *p = (Post *)(void *)handle;
        long status = 0;
        Answer a = {
                .fault = handle_fault(handle, code),
                .was_greeted = handle->was_greeted,
                .was_sent = post_was_sent(p),
                .was_repeated = handle->tries > 1,
        };
        if (a.fault != FAULT_NONE)
                a.reason = handle_reason(handle, a.fault, code, p->slot->exchange.arena);
        if (p->has_status && curl_easy_getinfo(handle->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
            status >= 200) {
                a.status = (int)status;
                a.fault = FAULT_NONE;
        } else if (a.fault == FAULT_NONE) {
                a.fault = FAULT_LOST; /* in the middle of the headers */
        }
        a.body = (Text){ p->body, p->body_kept };
        if (p->retry_after_kept > 0)
                a.retry_after = (Text){ p->retry_after, p->retry_after_kept };
        handle_stop(handle);
        transport_finish(p->slot, &a);
}

static void post_set_up(Post *p)
{
        const Channel *channel = p->slot->exchange.request.channel;
        bool has_ca_file = channel->ca_file.len > 0;
        if (p->is_set_up && p->has_ca_file == has_ca_file && p->allows_plain_http == channel->allows_plain_http)
                return;
        p->is_set_up = true;
        p->has_ca_file = has_ca_file;
        p->allows_plain_http = channel->allows_plain_http;
        p->handle.on_done = on_done;
        handle_set_up(&p->handle);
        CURL *e = p->handle.easy;
        SET(e, CURLOPT_PROTOCOLS_STR, p->allows_plain_http ? "https,http" : "https");
        SET(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        SET(e, CURLOPT_SSL_ENABLE_ALPN, 0L);
        SET(e, CURLOPT_USERAGENT, "closedloopd/" CLOSEDLOOP_VERSION);
        SET(e, CURLOPT_HEADERFUNCTION, on_head);
        SET(e, CURLOPT_HEADERDATA, p);
        SET(e, CURLOPT_WRITEFUNCTION, on_body);
        SET(e, CURLOPT_WRITEDATA, p);
        SET(e, CURLOPT_POST, 1L);
}

static struct curl_slist *post_headers(Post *p)
{
        const Request *r = &p->slot->exchange.request;
        must(r->header_count <= REQUEST_HEADERS_MAX);
        for (size_t i = 0; i < r->header_count; i++) {
                must(is_one_line(r->headers[i]));
                p->headers[i].data = chars(p->slot->exchange.arena, r->headers[i]);
                p->headers[i].next = i + 1 < r->header_count ? &p->headers[i + 1] : NULL;
        }
        return r->header_count > 0 ? p->headers : NULL;
}

void post_start(Post *p)
{
        const Request *r = &p->slot->exchange.request;
        post_set_up(p);
        handle_aim(&p->handle, r, p->slot->exchange.arena);
        SET(p->handle.easy, CURLOPT_HTTPHEADER, post_headers(p));
        SET(p->handle.easy, CURLOPT_POSTFIELDSIZE, (long)r->body.len);
        SET(p->handle.easy, CURLOPT_POSTFIELDS, r->body.data);
        p->has_status = false;
        p->head_lines = p->head_bytes = p->body_bytes = 0;
        p->body_kept = p->retry_after_kept = 0;
        handle_start(&p->handle);
}

void post_stop(Post *p)
{
        handle_stop(&p->handle);
}
