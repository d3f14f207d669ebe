/* Channels: how people, rooms and systems are reached. */
#include <stdlib.h>

#include "config/loader.h"

const char *nearest_channel(const Loader *l, Text name)
{
        Suggestion nearest = suggestion_for(name);
        for (size_t i = 0; i < l->config->channel_count; i++)
                suggestion_offer(&nearest, l->config->channels[i].name);
        return suggestion_text(&nearest, l->scratch);
}

static ChannelType type_parse(Text text)
{
        for (ChannelType type = 0; type < CHANNEL_TYPE_MAX; type++)
                if (text_is(text, channel_type_text(type)))
                        return type;
        return CHANNEL_TYPE_MAX;
}

/* The text in the tree, which -T prints, keeps only what is no secret: chat systems put their keys into the path. */
static void url_mask(Loader *l, Setting *setting)
{
        setting->text = arena_textf(l->arena, TEXT_F "/***", TEXT_ARG(url_origin(setting->text)));
}

static bool url_read(Loader *l, Setting *group, Channel *channel)
{
        Setting *setting = setting_child(group, "url");
        if (!setting || setting->is_bad || !secret_read(l, group, "url", &channel->url_secret))
                return false;
        bool is_secret = channel->url_secret.kind != SECRET_NONE;
        Text url = is_secret ? channel->url_secret.value : setting->text;
        const char *fault = url_fault(url, channel->allows_plain_http ? "https|http" : "https", true, l->scratch);
        if (fault) {
                bool is_plain = text_starts(url, TEXT("http://"));
                setting_error(l->report, setting, "url %s%s", fault,
                              is_plain && !channel->allows_plain_http ? "; plain_http = true allows http" : "");
                return false;
        }
        channel->url = arena_text(l->arena, url);
        if (!is_secret)
                url_mask(l, setting);
        return true;
}

static void proxy_read(Loader *l, const Setting *group, Channel *channel)
{
        const Setting *proxy = setting_child(group, "proxy");
        channel->proxy = setting_text(group, "proxy");
        const char *fault = channel->proxy.data ? url_fault(channel->proxy, "http|https", false, l->scratch) : NULL;
        if (fault)
                setting_error(l->report, proxy, "proxy %s", fault);
}

static void webhook_read(Loader *l, Setting *group, Channel *channel)
{
        const Setting *secret = setting_get(group, "secret");
        (void)url_read(l, group, channel);
        if (!secret) {
                if (!setting_child(group, "secret"))
                        setting_warning(l->report, group, "without secret its messages are not signed");
                return;
        }
        if (secret_read(l, group, "secret", &channel->secret) && !webhook_secret_is_good(channel->secret.value))
                setting_error(l->report, secret, "secret must be \"whsec_\" and 24 to 64 bytes in base64");
}

static void login_read(Loader *l, Setting *group, Channel *channel)
{
        bool has_password = setting_child(group, "password") != NULL;
        const Setting *user = setting_child(group, "user");
        channel->user = setting_text(group, "user");
        (void)secret_read(l, group, "password", &channel->password);
        if (user && !has_password)
                setting_error(l->report, user, "user needs a password");
        if (has_password && !user)
                setting_error(l->report, setting_child(group, "password"), "password needs a user");
        if (has_password && channel->tls != MAIL_TLS_REQUIRED)
                setting_warning(l->report, setting_child(group, "tls"),
                                "tls = \"" TEXT_F "\" may send the password without encryption",
                                TEXT_ARG(setting_text(group, "tls")));
}

static void email_read(Loader *l, Setting *group, Channel *channel)
{
        const Setting *smtp = setting_get(group, "smtp"), *from = setting_get(group, "from");
        Text tls = setting_text(group, "tls");
        channel->tls = text_is(tls, "none")            ? MAIL_TLS_NONE
                       : text_is(tls, "opportunistic") ? MAIL_TLS_OPPORTUNISTIC
                                                       : MAIL_TLS_REQUIRED;
        const char *fault = smtp ? url_fault(smtp->text, "smtp|smtps", false, l->scratch) : NULL;
        if (fault)
                setting_error(l->report, smtp, "smtp %s", fault);
        channel->url = setting_text(group, "smtp");
        if (from && !mailbox_parse(from->text, &channel->from_name, &channel->from_address))
                setting_error(l->report, from, "from %s is no sender; write \"Name <name@example.com>\"",
                              quoted(l, from->text));
        channel->from_name = arena_text(l->arena, channel->from_name);
        channel->from_address = arena_text(l->arena, channel->from_address);
        login_read(l, group, channel);
}

static bool text_ends(Text text, Text end)
{
        return text.len >= end.len && text_equal(text_from_offset(text, text.len - end.len), end);
}

/* What is easily written, is taken by the receiver, and is then not a message: better told now than at night. */
static const char *url_habit(const Channel *channel)
{
        Text origin = url_origin(channel->url);
        bool has_path = channel->url.len > origin.len + 1;
        if (channel->type == CHANNEL_TELEGRAM && !text_ends(channel->url, TEXT("/sendMessage")))
                return "url must be https://api.telegram.org/bot, the bot's token, and /sendMessage";
        if (channel->type == CHANNEL_NTFY && has_path)
                return "url must be the server alone, such as https://ntfy.sh; the topic is \"to\"";
        if (channel->type == CHANNEL_PAGERDUTY && !text_ends(channel->url, TEXT("/v2/enqueue")))
                return "url must end in /v2/enqueue, such as https://events.pagerduty.com/v2/enqueue";
        return NULL;
}

static bool word_is_good(Text word, const char *others, size_t bytes_max)
{
        for (size_t i = 0; i < word.len; i++) {
                char c = word.data[i];
                bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                if (!is_plain && (c == '\0' || !strchr(others, c)))
                        return false;
        }
        return word.len > 0 && word.len <= bytes_max;
}

static void token_read(Loader *l, Setting *group, Channel *channel)
{
        const Setting *token = setting_get(group, "token");
        if (channel->type == CHANNEL_PAGERDUTY && !setting_child(group, "token"))
                setting_error(l->report, group, "token is missing: the integration key of a PagerDuty service");
        if (token && secret_read(l, group, "token", &channel->secret) &&
            !word_is_good(channel->secret.value, "-_.~+/=", 256))
                setting_error(l->report, token, "token has characters that no token has, or more than 256");
}

static void chat_read(Loader *l, Setting *group, Channel *channel)
{
        const Setting *to = setting_get(group, "to");
        channel->to = setting_text(group, "to");
        const char *habit = url_read(l, group, channel) ? url_habit(channel) : NULL;
        if (habit)
                setting_error(l->report, setting_child(group, "url"), "%s", habit);
        if (to && channel->type == CHANNEL_NTFY && !word_is_good(to->text, "-_", 64))
                setting_error(l->report, to, "to %s is no topic: letters, digits, - and _, at most 64",
                              quoted(l, to->text));
        if (to && channel->type == CHANNEL_TELEGRAM && !word_is_good(to->text, "-_@", 64))
                setting_error(l->report, to, "to %s is no chat: its number, such as \"-1001234567890\", or @name",
                              quoted(l, to->text));
        token_read(l, group, channel);
}

static void channel_check_name(Loader *l, const Setting *group, const Channel *channel)
{
        if (!name_is_id(channel->name))
                setting_error(l->report, group, "a channel's name has no white space, ':' or ',' and at most %d bytes",
                              NAME_BYTES_MAX);
}

/* Host names are the same in capitals, and a port that is the scheme's own need not be written. */
static Text target_make(Loader *l, const Channel *channel)
{
        static const char *const USUAL[][2] = {
                { "https://", ":443" }, { "http://", ":80" }, { "smtp://", ":25" }, { "smtps://", ":465" }
        };
        Text origin = url_origin(channel->url);
        if (origin.len == 0)
                return TEXT_NONE;
        for (size_t i = 0; i < COUNT_OF(USUAL); i++)
                if (text_starts(origin, text_from(USUAL[i][0])) && text_ends(origin, text_from(USUAL[i][1])))
                        origin.len -= strlen(USUAL[i][1]);
        char *lower = arena_alloc(l->arena, origin.len + 1);
        for (size_t i = 0; i < origin.len; i++)
                lower[i] = (char)(origin.data[i] | (origin.data[i] >= 'A' && origin.data[i] <= 'Z' ? 0x20 : 0));
        return (Text){ lower, origin.len };
}

static void channel_read(Loader *l, Setting *group, Channel *channel)
{
        Text ca_file = setting_text(group, "ca_file");
        *channel = (Channel){
                .name = setting_text(group, "name"),
                .type = type_parse(setting_text(group, "type")),
                .is_shared = setting_flag(group, "shared"),
                .allows_private_network = setting_flag(group, "private_network"),
                .allows_plain_http = setting_flag(group, "plain_http"),
                .in_flight = (int)setting_integer(group, "in_flight"),
                .late_per_second = (int)setting_integer(group, "late_per_second"),
                .timeout = setting_span(group, "timeout"),
                .patience = setting_span(group, "patience"),
                .give_up = setting_span(group, "give_up"),
                .ca_file = ca_file.data ? loader_path(l, ca_file) : TEXT_NONE,
        };
        proxy_read(l, group, channel);
        if (channel->type == CHANNEL_WEBHOOK)
                webhook_read(l, group, channel);
        else if (channel->type == CHANNEL_EMAIL)
                email_read(l, group, channel);
        else
                chat_read(l, group, channel);
        channel->target = target_make(l, channel);
}

static int channel_order(const void *left, const void *right)
{
        const Channel *const *a = left, *const *b = right;
        int order = text_compare((*a)->name, (*b)->name);
        return order != 0 ? order : (*a > *b) - (*a < *b);
}

/* Of one name, the later is reported. */
static void channels_sort(Loader *l, const Setting **settings)
{
        Config *config = l->config;
        const Channel **sorted = arena_array(l->arena, const Channel *, config->channel_count + 1);
        for (size_t i = 0; i < config->channel_count; i++)
                sorted[i] = &config->channels[i];
        qsort(sorted, config->channel_count, sizeof(const Channel *), channel_order);
        config->channels_by_name = sorted;
        for (size_t i = 1; i < config->channel_count; i++)
                if (text_equal(sorted[i - 1]->name, sorted[i]->name))
                        loader_refuse_twin(l, settings[sorted[i] - config->channels], SECTION_CHANNEL);
}

void load_channels(Loader *l)
{
        Setting *list = l->tree->sections[SECTION_CHANNEL];
        size_t count = setting_count(list);
        Channel *channels = arena_array(l->arena, Channel, count + 1);
        const Setting **settings = arena_array(l->scratch, const Setting *, count + 1);
        l->config->channels = channels;
        for (Setting *group = list->first; group; group = group->next) {
                Channel channel;
                if (group->is_bad || !setting_get(group, "name")) {
                        l->is_incomplete[SECTION_CHANNEL] = true;
                        continue;
                }
                if (!setting_get(group, "type")) {
                        /* Known by its name at least, so that nobody is said to name a channel that is not there. */
                        channel = (Channel){ .name = setting_text(group, "name") };
                } else {
                        channel_read(l, group, &channel);
                }
                channel_check_name(l, group, &channel);
                settings[l->config->channel_count] = group;
                channels[l->config->channel_count++] = channel;
        }
        channels_sort(l, settings);
}
