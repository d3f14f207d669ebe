#include "notify/probe.h"

#include <curl/curl.h>

#include "base/clock.h"
#include "notify/address.h"

static long tls_level(MailTls tls)
{
        return tls == MAIL_TLS_REQUIRED        ? (long)CURLUSESSL_ALL
               : tls == MAIL_TLS_OPPORTUNISTIC ? (long)CURLUSESSL_TRY
                                               : (long)CURLUSESSL_NONE;
}

static void options_set(CURL *easy, const Channel *channel, Span patience, Arena *arena, char *words)
{
        words[0] = '\0';
        (void)curl_easy_setopt(easy, CURLOPT_URL, arena_text(arena, channel->url).data);
        (void)curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_PROXY,
                               channel->proxy.len > 0 ? arena_text(arena, channel->proxy).data : "");
        (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
                               channel->type == CHANNEL_EMAIL ? "smtp,smtps" : "http,https");
        (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        (void)curl_easy_setopt(easy, CURLOPT_USE_SSL, tls_level(channel->tls));
        (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(patience.us / 1000));
        (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, words);
        if (channel->ca_file.data)
                (void)curl_easy_setopt(easy, CURLOPT_CAINFO, arena_text(arena, channel->ca_file).data);
}

static CURLcode transfer(CURL *easy)
{
        CURLM *multi = curl_multi_init();
        must(multi != NULL && curl_multi_add_handle(multi, easy) == CURLM_OK);
        int running = 1, left;
        CURLcode result = CURLE_OPERATION_TIMEDOUT;
        while (running > 0 && curl_multi_perform(multi, &running) == CURLM_OK)
                if (running > 0)
                        (void)curl_multi_poll(multi, NULL, 0, 100, NULL);
        for (const CURLMsg *said; (said = curl_multi_info_read(multi, &left)) != NULL;)
                result = said->data.result;
        (void)curl_multi_remove_handle(multi, easy);
        (void)curl_multi_cleanup(multi);
        return result;
}

bool channel_probe(const Channel *channel, Span patience, Arena *arena, Text *ret_words)
{
        char words[CURL_ERROR_SIZE];
        const char *address = NULL;
        CURL *easy = curl_easy_init();
        must(easy != NULL);
        options_set(easy, channel, patience, arena, words);
        CURLcode code = transfer(easy);
        *ret_words = TEXT("");
        (void)curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
        bool is_private = address && address[0] && address_text_is_private(address);
        bool may_be_private =
                channel->allows_private_network || channel->proxy.len > 0 || channel->type == CHANNEL_EMAIL;
        bool is_refused = is_private && !may_be_private;
        if (code != CURLE_OK)
                *ret_words = arena_text(arena, text_from(words[0] ? words : curl_easy_strerror(code)));
        else if (is_refused)
                *ret_words = arena_textf(arena, "its address %s is private, which is refused", address);
        curl_easy_cleanup(easy);
        return code == CURLE_OK && !is_refused;
}

Text channel_library(Arena *arena)
{
        const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
        return arena_textf(arena, "libcurl %s, %s", curl->version, curl->ssl_version ? curl->ssl_version : "no TLS");
}
