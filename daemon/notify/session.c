/* An SMTP session. libcurl connects, greets, starts TLS and logs in (CURLOPT_CONNECT_ONLY), a Dialogue hands the mails
 * over, one after the other while there are some.
 *
 *     connecting --> handing over <--> idle --> (end)
 *          `--------------'-- whatever goes wrong --^   */
#include <stdlib.h>

#include "inside.h"

enum {
        MAILS_MAX = 50, /* many servers count, and end a session at some number */
        IDLE_SECONDS = 30,
        READ_BYTES = 4096,
};

struct Session {
        Handle handle; /* first: a Handle is its Session */
        Session *next;
        Arena *arena; /* of the texts below: which server, as whom */
        Text url, user, password, ca_file;
        MailTls tls;
        bool is_connected;
        curl_socket_t fd;
        sd_event_source *timer; /* of the mail under way, or of idleness */
        Slot *slot;             /* whose mail is under way; NULL: none */
        Dialogue dialogue;
        size_t said; /* of what the dialogue says */
        int mails;   /* taken over so far */
        size_t line_kept;
        char line[ANSWER_LINE_BYTES]; /* the last reply while connecting */
};

static void session_connect(Transport *t, Slot *slot);

/* --- its end --- */

Session *session_free(Session *s)
{
        Session **at = transport_sessions(s->handle.transport);
        while (*at != s)
                at = &(*at)->next;
        *at = s->next;
        (void)sd_event_source_disable_unref(s->timer);
        handle_stop(&s->handle); /* closes the connection, which takes the socket off the loop */
        curl_easy_cleanup(s->handle.easy);
        explicit_bzero((char *)(uintptr_t)s->password.data, s->password.len);
        (void)arena_free(s->arena);
        free(s);
        return NULL;
}

/* Polite, but does not wait for an answer. */
static void session_quit(Session *s)
{
        static const char QUIT[] = "QUIT\r\n";
        size_t sent;
        if (s->is_connected)
                (void)curl_easy_send(s->handle.easy, QUIT, sizeof(QUIT) - 1, &sent);
        (void)session_free(s);
}

/* --- a mail --- */

/* The session is free for the next, or gone. */
static void session_finish(Session *s, Answer *a, bool is_usable)
{
        Slot *slot = s->slot;
        Text line = a->line.data ? a->line : (Text){ s->line, s->line_kept };
        a->line = arena_text(slot->exchange.arena, line);
        a->was_greeted = s->handle.was_greeted;
        s->slot = NULL;
        if (is_usable && ++s->mails < MAILS_MAX) {
                must(sd_event_source_set_time_relative(s->timer, IDLE_SECONDS * (uint64_t)SPAN_SECOND.us) >= 0);
                must(sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT) >= 0);
                transport_watch(s->handle.transport, s->fd, s, EPOLLIN);
        } else {
                session_quit(s);
        }
        transport_finish(slot, a);
}

static void session_lose(Session *s, Fault fault)
{
        Answer a = { .fault = fault, .was_sent = s->dialogue.has_message && s->said >= s->dialogue.say.len };
        s->is_connected = false; /* nobody to say QUIT to */
        session_finish(s, &a, false);
}

/* A session that had been idle may end in the very moment in which it is used again. */
static bool is_stale(const Session *s)
{
        bool has_ended = s->dialogue.status == 0 || s->dialogue.status == 421;
        return s->mails > 0 && !s->dialogue.has_begun && has_ended;
}

static void session_lost(Session *s)
{
        if (!is_stale(s)) {
                session_lose(s, FAULT_LOST);
                return;
        }
        Slot *slot = s->slot;
        Transport *t = s->handle.transport;
        (void)session_free(s);
        session_connect(t, slot);
}

static void session_judge(Session *s)
{
        const Dialogue *d = &s->dialogue;
        if (d->state == DIALOGUE_GARBAGE) {
                session_lose(s, FAULT_GARBAGE);
                return;
        }
        if (d->state == DIALOGUE_REFUSED && is_stale(s)) {
                session_lost(s);
                return;
        }
        Answer a = { .status = d->status, .line = dialogue_line(d) };
        session_finish(s, &a, d->state == DIALOGUE_ACCEPTED);
}

/* CURLE_AGAIN: not all of it. */
static CURLcode session_say(Session *s)
{
        CURLcode code = CURLE_OK;
        while (code == CURLE_OK && s->said < s->dialogue.say.len) {
                Text rest = text_from_offset(s->dialogue.say, s->said);
                size_t sent = 0;
                code = curl_easy_send(s->handle.easy, rest.data, rest.len, &sent);
                s->said += sent;
        }
        return code;
}

static CURLcode session_hear(Session *s)
{
        char bytes[READ_BYTES];
        size_t count = 0;
        CURLcode code = curl_easy_recv(s->handle.easy, bytes, sizeof(bytes), &count);
        if (code != CURLE_OK)
                return code;
        if (count == 0)
                return CURLE_GOT_NOTHING;
        DialogueState before = s->dialogue.state;
        (void)dialogue_hear(&s->dialogue, (Text){ bytes, count });
        if (s->dialogue.state != before)
                s->said = 0;
        return CURLE_OK;
}

/* Goes on until it has to wait, or the mail is done with. */
static void session_go_on(Session *s)
{
        CURLcode code = CURLE_OK;
        while (code == CURLE_OK && !dialogue_is_over(&s->dialogue)) {
                code = session_say(s);
                if (code == CURLE_OK)
                        code = session_hear(s);
        }
        if (dialogue_is_over(&s->dialogue)) {
                session_judge(s);
        } else if (code == CURLE_AGAIN) {
                bool has_more = s->said < s->dialogue.say.len;
                transport_watch(s->handle.transport, s->fd, s, has_more ? EPOLLIN | EPOLLOUT : EPOLLIN);
        } else {
                session_lost(s);
        }
}

void session_ready(Session *s)
{
        if (s->slot)
                session_go_on(s);
        else
                (void)session_free(s); /* an idle session that speaks says good-bye */
}

static int on_time(sd_event_source *source UNUSED, uint64_t usec UNUSED, void *userdata)
{
        Session *s = userdata;
        if (s->slot)
                session_lose(s, FAULT_TIMEOUT);
        else
                session_quit(s);
        return 0;
}

static void session_begin(Session *s, Slot *slot)
{
        const Request *r = &slot->exchange.request;
        MonoTime until = mono_add(slot->started_at, r->channel->timeout);
        s->slot = slot;
        s->said = 0;
        dialogue_begin(&s->dialogue, r->from, r->to, r->body, slot->exchange.arena);
        must(sd_event_source_set_time(s->timer, (uint64_t)until.us) >= 0);
        must(sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT) >= 0);
        transport_watch(s->handle.transport, s->fd, s, EPOLLIN | EPOLLOUT);
}

/* --- connecting --- */

static size_t on_line(char *bytes, size_t one UNUSED, size_t count, void *userdata)
{
        Session *s = userdata;
        Text line = text_trim((Text){ bytes, count });
        s->line_kept = MIN_OF(line.len, sizeof(s->line));
        memcpy(s->line, line.data, s->line_kept);
        return count;
}

static void session_fail(Session *s, CURLcode code)
{
        long status = 0;
        Answer a = { .fault = handle_fault(&s->handle, code) };
        a.reason = handle_reason(&s->handle, a.fault, code, s->slot->exchange.arena);
        bool is_reply = a.fault == FAULT_LOST || a.fault == FAULT_GARBAGE || a.fault == FAULT_OTHER;
        if (curl_easy_getinfo(s->handle.easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status >= 400) {
                a.status = (int)status;
                a.fault = is_reply ? FAULT_NONE : a.fault;
        }
        session_finish(s, &a, false);
}

static void on_done(Handle *handle, CURLcode code)
{
        Session *s = (Session *)(void *)handle;
        curl_socket_t fd = CURL_SOCKET_BAD;
        if (code == CURLE_OK && curl_easy_getinfo(handle->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK)
                code = CURLE_RECV_ERROR;
        if (code != CURLE_OK || fd == CURL_SOCKET_BAD) {
                session_fail(s, code);
                return;
        }
        s->is_connected = true;
        s->fd = fd;
        session_begin(s, s->slot);
}

static long tls_level(MailTls tls)
{
        if (tls == MAIL_TLS_NONE)
                return CURLUSESSL_NONE;
        return tls == MAIL_TLS_OPPORTUNISTIC ? CURLUSESSL_TRY : CURLUSESSL_ALL;
}

static void session_set_up(Session *s, const Request *r)
{
        handle_set_up(&s->handle);
        handle_aim(&s->handle, r, s->arena);
        CURL *e = s->handle.easy;
        SET(e, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
        SET(e, CURLOPT_CONNECT_ONLY, 1L);
        SET(e, CURLOPT_USE_SSL, tls_level(s->tls));
        SET(e, CURLOPT_HEADERFUNCTION, on_line);
        SET(e, CURLOPT_HEADERDATA, s);
        if (s->user.len > 0) {
                SET(e, CURLOPT_USERNAME, s->user.data);
                SET(e, CURLOPT_PASSWORD, s->password.data);
        }
}

static Text copy(Arena *arena, Text text)
{
        return arena_text(arena, text.data ? text : TEXT(""));
}

static Session *session_new(Transport *t, const Channel *channel)
{
        Session *s = calloc(1, sizeof(*s));
        must(s != NULL);
        s->handle.transport = t;
        s->handle.on_done = on_done;
        s->arena = arena_new(1024);
        s->url = copy(s->arena, channel->url);
        s->user = copy(s->arena, channel->user);
        s->password = copy(s->arena, channel->password.value);
        s->ca_file = copy(s->arena, channel->ca_file);
        s->tls = channel->tls;
        must(sd_event_add_time_relative(transport_event(t), &s->timer, CLOCK_MONOTONIC, 0, 1000, on_time, s) >= 0);
        must(sd_event_source_set_enabled(s->timer, SD_EVENT_OFF) >= 0);
        s->next = *transport_sessions(t);
        *transport_sessions(t) = s;
        return s;
}

/* Its time limit is libcurl's until the connection stands. */
static void session_connect(Transport *t, Slot *slot)
{
        Session *s = session_new(t, slot->exchange.request.channel);
        s->slot = slot;
        session_set_up(s, &slot->exchange.request);
        handle_start(&s->handle);
}

static bool session_is_for(const Session *s, const Channel *channel)
{
        return text_equal(s->url, channel->url) && text_equal(s->user, channel->user) &&
               text_equal(s->password, channel->password.value) && text_equal(s->ca_file, channel->ca_file) &&
               s->tls == channel->tls;
}

void session_start(Transport *t, Slot *slot)
{
        const Request *r = &slot->exchange.request;
        must(is_one_line(r->from) && is_one_line(r->to));
        for (Session *s = *transport_sessions(t); s; s = s->next) {
                if (s->is_connected && !s->slot && session_is_for(s, r->channel)) {
                        session_begin(s, slot);
                        return;
                }
        }
        session_connect(t, slot);
}
