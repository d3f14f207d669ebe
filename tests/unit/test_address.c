#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "notify/address.h"

/* As the system's resolver reads a host written in numbers. */
static bool host_is_private(const char *host, char ret_text[static ADDRESS_BYTES])
{
        struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
        struct addrinfo *list = NULL;
        if (getaddrinfo(host, "443", &hints, &list) != 0)
                fail_msg("\"%s\" is not understood by the resolver", host);
        bool is_private = address_is_private(list->ai_addr, list->ai_addrlen);
        address_format(list->ai_addr, list->ai_addrlen, ret_text);
        freeaddrinfo(list);
        return is_private;
}

static const char *const PRIVATE[] = {
        /* loopback, as many ways as inet_aton() reads */
        "127.0.0.1",
        "127.0.0.2",
        "127.255.255.255",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7F.1",
        "0x7f.0x0.0x0.0x1",
        "0177.0.0.1",
        "017700000001",
        "0177.0.0.01",
        "127.0.0x1",
        "127.0.00000.1",
        "::1",
        "0:0:0:0:0:0:0:1",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "0:0:0:0:0:ffff:127.0.0.1",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        /* this host, and the networks of companies */
        "0.0.0.0",
        "0",
        "0.1.2.3",
        "::",
        "10.0.0.1",
        "10.255.255.255",
        "012.0.0.1",
        "167772161",
        "0xa000001",
        "::ffff:10.1.2.3",
        "64:ff9b::a01:203",
        "2002:a01:203::1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "3232235521",
        "0xc0.0xa8.1",
        "::ffff:c0a8:1",
        "100.64.0.1",
        "100.127.255.255",
        /* metadata of clouds */
        "169.254.169.254",
        "2852039166",
        "0xA9FEA9FE",
        "::ffff:a9fe:a9fe",
        "64:ff9b::a9fe:a9fe",
        "fd00:ec2::254",
        /* the rest of the registries */
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fdff:ffff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "feff::1",
        "ff02::1",
};

static const char *const PUBLIC[] = {
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "0x08080808",
        "2606:4700:4700::1111",
        "2001:4860:4860::8888",
        "2003::1",
        "2a00:1450:4001:80e::200e",
        "fbff::1",
        "64:ff9c::1",
};

static void every_spelling_of_a_private_address_is_private(void **state UNUSED)
{
        char text[ADDRESS_BYTES];
        assert_true(COUNT_OF(PRIVATE) >= 40);
        for (size_t i = 0; i < COUNT_OF(PRIVATE); i++) {
                if (!host_is_private(PRIVATE[i], text))
                        fail_msg("%s (%s) passes for public", PRIVATE[i], text);
                assert_true(address_text_is_private(text));
        }
}

static void neighbours_of_private_networks_are_public(void **state UNUSED)
{
        char text[ADDRESS_BYTES];
        for (size_t i = 0; i < COUNT_OF(PUBLIC); i++) {
                if (host_is_private(PUBLIC[i], text))
                        fail_msg("%s (%s) passes for private", PUBLIC[i], text);
                assert_false(address_text_is_private(text));
        }
}

static void what_is_no_internet_address_is_private(void **state UNUSED)
{
        char text[ADDRESS_BYTES];
        struct sockaddr_un local = { .sun_family = AF_UNIX, .sun_path = "/run/some.socket" };
        assert_true(address_is_private((struct sockaddr *)&local, sizeof(local)));
        address_format((struct sockaddr *)&local, sizeof(local), text);
        assert_string_equal(text, "of an unknown family");
        struct sockaddr_in cut = { .sin_family = AF_INET, .sin_addr = { htonl(0x08080808) } };
        assert_true(address_is_private((struct sockaddr *)&cut, 4));
        assert_true(address_text_is_private(""));
        assert_true(address_text_is_private("example.com"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_spelling_of_a_private_address_is_private),
                cmocka_unit_test(neighbours_of_private_networks_are_public),
                cmocka_unit_test(what_is_no_internet_address_is_private),
        };
        return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
