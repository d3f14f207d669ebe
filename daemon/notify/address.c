#include "notify/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>

typedef struct Prefix {
        uint8_t bytes[16];
        unsigned bits;
} Prefix;

static const Prefix PRIVATE_V4[] = {
        { { 0 }, 8 }, /* this host */
        { { 10 }, 8 },
        { { 100, 64 }, 10 }, /* carrier-grade NAT */
        { { 127 }, 8 },
        { { 169, 254 }, 16 }, /* link-local: the metadata service of clouds */
        { { 172, 16 }, 12 },
        { { 192, 0, 0 }, 24 },
        { { 192, 0, 2 }, 24 },   /* documentation */
        { { 192, 88, 99 }, 24 }, /* 6to4 relays */
        { { 192, 168 }, 16 },
        { { 198, 18 }, 15 },      /* benchmarks */
        { { 198, 51, 100 }, 24 }, /* documentation */
        { { 203, 0, 113 }, 24 },  /* documentation */
        { { 224 }, 4 },           /* multicast */
        { { 240 }, 4 },           /* reserved, and broadcast */
};

static const Prefix PRIVATE_V6[] = {
        { { 0 }, 96 },                                  /* ::, ::1, and IPv4-compatible */
        { { [10] = 0xff, [11] = 0xff }, 96 },           /* IPv4-mapped */
        { { [8] = 0xff, [9] = 0xff }, 96 },             /* IPv4-translated */
        { { 0x00, 0x64, 0xff, 0x9b }, 96 },             /* NAT64: an IPv4 address inside */
        { { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48 }, /* NAT64 of one's own network */
        { { 0x01, 0x00 }, 64 },                         /* discard */
        { { 0x20, 0x01 }, 23 },                         /* protocol assignments, Teredo among them */
        { { 0x20, 0x01, 0x0d, 0xb8 }, 32 },             /* documentation */
        { { 0x20, 0x02 }, 16 },                         /* 6to4: an IPv4 address inside */
        { { 0x3f, 0xff }, 20 },                         /* documentation */
        { { 0x5f, 0x00 }, 16 },                         /* segment routing */
        { { 0xfc }, 7 },                                /* unique local */
        { { 0xfe, 0x80 }, 10 },                         /* link-local */
        { { 0xfe, 0xc0 }, 10 },                         /* site-local */
        { { 0xff }, 8 },                                /* multicast */
};

static bool prefix_has(const Prefix *p, const uint8_t *address)
{
        unsigned whole = p->bits / 8;
        unsigned rest = p->bits % 8;
        if (memcmp(p->bytes, address, whole) != 0)
                return false;
        return rest == 0 || (p->bytes[whole] ^ address[whole]) >> (8 - rest) == 0;
}

static bool prefixes_have(const Prefix *prefixes, size_t count, const uint8_t *address)
{
        for (size_t i = 0; i < count; i++)
                if (prefix_has(&prefixes[i], address))
                        return true;
        return false;
}

static bool v4_is_private(const struct in_addr *address)
{
        uint8_t bytes[4];
        memcpy(bytes, address, sizeof(bytes));
        return prefixes_have(PRIVATE_V4, COUNT_OF(PRIVATE_V4), bytes);
}

static bool v6_is_private(const struct in6_addr *address)
{
        return prefixes_have(PRIVATE_V6, COUNT_OF(PRIVATE_V6), address->s6_addr);
}

bool address_is_private(const struct sockaddr *address, size_t bytes)
{
        if (address->sa_family == AF_INET && bytes >= sizeof(struct sockaddr_in)) {
                struct sockaddr_in v4;
                memcpy(&v4, address, sizeof(v4));
                return v4_is_private(&v4.sin_addr);
        }
        if (address->sa_family == AF_INET6 && bytes >= sizeof(struct sockaddr_in6)) {
                struct sockaddr_in6 v6;
                memcpy(&v6, address, sizeof(v6));
                return v6_is_private(&v6.sin6_addr);
        }
        return true;
}

bool address_text_is_private(const char *text)
{
        struct in_addr v4;
        struct in6_addr v6;
        if (inet_pton(AF_INET, text, &v4) == 1)
                return v4_is_private(&v4);
        if (inet_pton(AF_INET6, text, &v6) == 1)
                return v6_is_private(&v6);
        return true;
}

void address_format(const struct sockaddr *address, size_t bytes, char ret_text[static ADDRESS_BYTES])
{
        const void *number = NULL;
        if (address->sa_family == AF_INET && bytes >= sizeof(struct sockaddr_in))
                number = (const char *)address + offsetof(struct sockaddr_in, sin_addr);
        if (address->sa_family == AF_INET6 && bytes >= sizeof(struct sockaddr_in6))
                number = (const char *)address + offsetof(struct sockaddr_in6, sin6_addr);
        if (!number || !inet_ntop(address->sa_family, number, ret_text, ADDRESS_BYTES))
                (void)snprintf(ret_text, ADDRESS_BYTES, "of an unknown family");
}
