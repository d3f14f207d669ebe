#include "config/syntax.h"

#include <arpa/inet.h>

#include "core/sink.h"

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_alphanumeric(char c)
{
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_control(char c)
{
        return (unsigned char)c < 0x20 || c == 0x7f;
}

bool name_is_id(Text name)
{
        for (size_t i = 0; i < name.len; i++)
                if (is_control(name.data[i]) || name.data[i] == ' ' || name.data[i] == ':' || name.data[i] == ',')
                        return false;
        return name.len > 0 && name.len <= NAME_BYTES_MAX && text_is_utf8(name);
}

bool name_is_printable(Text name)
{
        for (size_t i = 0; i < name.len; i++)
                if (is_control(name.data[i]))
                        return false;
        return name.len <= NAME_BYTES_MAX && text_is_utf8(name) && text_trim(name).len > 0;
}

/* ---- e-mail ----------------------------------------------------------------------------------------------------- */

/* Parts between dots, none of them empty, of these characters. */
static bool dotted_is_good(Text text, const char *others, size_t part_max)
{
        Text rest = text, part;
        if (text_is_empty(text))
                return false;
        while (text_split(&rest, '.', &part)) {
                if (part.len == 0 || part.len > part_max)
                        return false;
                for (size_t i = 0; i < part.len; i++)
                        if (!is_alphanumeric(part.data[i]) && !strchr(others, part.data[i]))
                                return false;
        }
        return text.data[text.len - 1] != '.';
}

/* Just those that mail is sent to: who is let in here is not found unreachable at night. */
bool email_is_good(Text address)
{
        return sink_mail_address_is_valid(address);
}

bool mailbox_parse(Text text, Text *ret_name, Text *ret_address)
{
        Text whole = text_trim(text);
        size_t at = whole.len;
        while (at > 0 && whole.data[at - 1] != '<')
                at--;
        if (at == 0) {
                if (!email_is_good(whole))
                        return false;
                *ret_name = TEXT_NONE;
                *ret_address = whole;
                return true;
        }
        Text name = text_trim((Text){ whole.data, at - 1 }), address = text_from_offset(whole, at);
        if (name.len >= 2 && name.data[0] == '"' && name.data[name.len - 1] == '"')
                name = (Text){ name.data + 1, name.len - 2 };
        if (address.len == 0 || address.data[address.len - 1] != '>' || !name_is_printable(name))
                return false;
        address.len--;
        for (size_t i = 0; i < name.len; i++)
                if (strchr("<>\"\\", name.data[i]))
                        return false;
        if (!email_is_good(address))
                return false;
        *ret_name = name;
        *ret_address = address;
        return true;
}

/* ---- URLs ------------------------------------------------------------------------------------------------------- */

static bool has_bad_character(Text url)
{
        for (size_t i = 0; i < url.len; i++)
                if ((unsigned char)url.data[i] <= ' ' || (unsigned char)url.data[i] >= 0x7f ||
                    strchr("\"<>\\^`{|}", url.data[i]))
                        return true;
        return false;
}

static bool scheme_skip(Text url, const char *schemes, size_t *ret_len)
{
        Text rest = text_from(schemes), scheme;
        while (text_split(&rest, '|', &scheme)) {
                if (!text_starts(url, scheme) || !text_starts(text_from_offset(url, scheme.len), TEXT("://")))
                        continue;
                *ret_len = scheme.len + 3;
                return true;
        }
        return false;
}

static Text authority_of(Text url, size_t scheme_len)
{
        size_t end = scheme_len;
        while (end < url.len && !strchr("/?#", url.data[end]))
                end++;
        return (Text){ url.data + scheme_len, end - scheme_len };
}

static bool port_is_good(Text port, int64_t least)
{
        int64_t number;
        return port.len > 0 && port.len <= 5 && is_digit(port.data[0]) && text_integer(port, &number) &&
               number >= least && number <= 65535;
}

static bool address_fits(Text host, int family)
{
        char copy[INET6_ADDRSTRLEN];
        unsigned char bytes[sizeof(struct in6_addr)];
        if (host.len >= sizeof(copy) || memchr(host.data, '\0', host.len))
                return false;
        memcpy(copy, host.data, host.len);
        copy[host.len] = '\0';
        return inet_pton(family, copy, bytes) == 1;
}

/* "host", "host:port", "[::1]:port". */
static bool host_split(Text authority, Text *ret_host, Text *ret_port, bool *ret_is_ipv6)
{
        Text host = authority, port = TEXT_NONE;
        bool is_ipv6 = authority.len > 0 && authority.data[0] == '[';
        const char *end = is_ipv6 ? memchr(authority.data, ']', authority.len) : NULL;
        if (is_ipv6 && !end)
                return false;
        Text rest = is_ipv6 ? text_from_offset(authority, (size_t)(end + 1 - authority.data)) : authority;
        const char *colon = rest.len > 0 ? memchr(rest.data, ':', rest.len) : NULL;
        if (is_ipv6 && rest.len > 0 && colon != rest.data)
                return false;
        if (colon)
                port = text_from_offset(rest, (size_t)(colon + 1 - rest.data));
        if (is_ipv6)
                host = (Text){ authority.data + 1, (size_t)(end - authority.data) - 1 };
        else if (colon)
                host = (Text){ rest.data, (size_t)(colon - rest.data) };
        *ret_host = host;
        *ret_port = port;
        *ret_is_ipv6 = is_ipv6;
        return true;
}

static bool host_is_good(Text host, bool is_ipv6)
{
        if (is_ipv6)
                return address_fits(host, AF_INET6);
        if (text_is_empty(host) || host.len > 253)
                return false;
        /* A name may end with the root's dot. */
        Text name = host.data[host.len - 1] == '.' ? (Text){ host.data, host.len - 1 } : host;
        return dotted_is_good(name, "-_", 63);
}

static const char *authority_fault(Text authority)
{
        Text host, port;
        bool is_ipv6;
        if (text_is_empty(authority))
                return "has no host";
        if (memchr(authority.data, '@', authority.len))
                return "must not hold a user name or a password";
        if (!host_split(authority, &host, &port, &is_ipv6) || !host_is_good(host, is_ipv6))
                return "has a host that is no name and no address";
        if (port.data && !port_is_good(port, 1))
                return "has a port that is not in 1..65535";
        return NULL;
}

static const char *schemes_text(const char *schemes, Arena *arena)
{
        Buffer b = buffer_in(arena);
        Text rest = text_from(schemes), scheme;
        while (text_split(&rest, '|', &scheme))
                buffer_putf(&b, "%s" TEXT_F "://", b.len > 0 ? " or " : "must begin with ", TEXT_ARG(scheme));
        return buffer_text(&b).data;
}

const char *url_fault(Text url, const char *schemes, bool has_path, Arena *arena)
{
        size_t scheme_len;
        if (url.len > URL_BYTES_MAX)
                return "is longer than 2048 bytes";
        if (has_bad_character(url))
                return "holds a character that no URL has, such as a space";
        if (!scheme_skip(url, schemes, &scheme_len))
                return schemes_text(schemes, arena);
        Text authority = authority_of(url, scheme_len);
        const char *fault = authority_fault(authority);
        if (fault)
                return fault;
        Text path = text_from_offset(url, scheme_len + authority.len);
        if (!has_path && !text_is_empty(path) && !text_is(path, "/"))
                return "must end after the host and the port";
        if (memchr(url.data, '#', url.len))
                return "holds a \"#\"; what follows it is never sent";
        return NULL;
}

Text url_origin(Text url)
{
        const char *colon = url.len > 0 ? memchr(url.data, ':', url.len) : NULL;
        if (!colon || (size_t)(colon - url.data) + 3 > url.len)
                return TEXT("");
        size_t scheme_len = (size_t)(colon - url.data) + 3;
        return (Text){ url.data, scheme_len + authority_of(url, scheme_len).len };
}

bool listen_is_good(Text text)
{
        Text host, port;
        bool is_ipv6;
        return host_split(text, &host, &port, &is_ipv6) && port_is_good(port, 0) && host.len > 0 &&
               address_fits(host, is_ipv6 ? AF_INET6 : AF_INET);
}

/* ---- others ----------------------------------------------------------------------------------------------------- */

bool webhook_secret_is_good(Text secret)
{
        if (!text_starts(secret, TEXT("whsec_")))
                return false;
        Text base64 = text_from_offset(secret, 6);
        size_t padding = 0;
        while (padding < 2 && padding < base64.len && base64.data[base64.len - 1 - padding] == '=')
                padding++;
        for (size_t i = 0; i + padding < base64.len; i++)
                if (!is_alphanumeric(base64.data[i]) && base64.data[i] != '+' && base64.data[i] != '/')
                        return false;
        size_t bytes = base64.len / 4 * 3 - padding;
        return base64.len % 4 == 0 && base64.len >= 4 && bytes >= 24 && bytes <= 64;
}

bool brokers_are_good(Text brokers)
{
        Text rest = brokers, broker;
        if (text_is_empty(brokers))
                return false;
        while (text_split(&rest, ',', &broker))
                if (authority_fault(text_trim(broker)))
                        return false;
        return brokers.data[brokers.len - 1] != ',';
}

bool topic_is_good(Text topic)
{
        for (size_t i = 0; i < topic.len; i++)
                if (!is_alphanumeric(topic.data[i]) && !strchr("._-", topic.data[i]))
                        return false;
        return topic.len > 0 && topic.len <= 249 && !text_is(topic, ".") && !text_is(topic, "..");
}
