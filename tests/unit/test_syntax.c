#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/syntax.h"

#define TEST(subject, claim) static void subject##_##claim(void **state UNUSED)

static Text repeated(Arena *arena, char c, size_t count)
{
        Buffer b = buffer_in(arena);
        for (size_t i = 0; i < count; i++)
                buffer_put_char(&b, c);
        return buffer_text(&b);
}

TEST(ids, have_no_white_space_colons_or_commas)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        static const char *const bad[] = { "", " ", "a b", "a:b", "a,b", "a\tb", "a\x7f", "\xff" };
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                assert_false(name_is_id(text_from(bad[i])));
        assert_true(name_is_id(TEXT("ana.lima@x")) && name_is_id(TEXT("jos\xc3\xa9")));
        assert_true(name_is_id(repeated(arena, 'x', 128)) && !name_is_id(repeated(arena, 'x', 129)));
}

/* The mail library writes an address into the protocol as it is. */
TEST(addresses, cannot_carry_commands)
{
        static const char *const bad[] = {
                "",
                "@",
                "a@",
                "@b",
                "a",
                "a b@c.de",
                "a@b c",
                "a@b\r\nc",
                "<a@b>",
                "a@b>",
                "a@b,c@d",
                "a..b@c.de",
                ".a@c.de",
                "a.@c.de",
                "a@.de",
                "a@de.",
                "a@b..de",
                "a@-b.de",
                "a@b-.de",
                "\"a b\"@c.de",
                "a@[1.2.3.4]",
                "a@b@c",
                "\xc3\xa9@c.de",
                "a@\xc3\xa9.de",
                "a@b/c",
                "a;b@c.de",
                "a@b:25",
                "a(x)@c.de",
        };
        /* what no mail would be sent to */
        static const char *const unsent[] = { "a!b@x.de", "ana%elsewhere@x.de", "-a@x.de", "a@127.0.0.1",
                                              "j\xc3\xb6rg@x.de" };
        for (size_t i = 0; i < COUNT_OF(unsent); i++)
                if (email_is_good(text_from(unsent[i])))
                        fail_msg("\"%s\" is taken for an address", unsent[i]);
        static const char *const good[] = { "a@b", "ana.lima+x@example.com", "o'neil@x-y.example", "root@localhost" };
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                if (email_is_good(text_from(bad[i])))
                        fail_msg("\"%s\" is taken for an address", bad[i]);
        for (size_t i = 0; i < COUNT_OF(good); i++)
                assert_true(email_is_good(text_from(good[i])));
}

TEST(addresses, are_as_long_as_mail_servers_take_them)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        Text local = repeated(arena, 'x', 64), long_local = repeated(arena, 'x', 65), label = repeated(arena, 'd', 63);
        assert_true(email_is_good(arena_textf(arena, TEXT_F "@example.com", TEXT_ARG(local))));
        assert_false(email_is_good(arena_textf(arena, TEXT_F "@example.com", TEXT_ARG(long_local))));
        assert_true(email_is_good(arena_textf(arena, "a@" TEXT_F ".com", TEXT_ARG(label))));
        assert_false(email_is_good(arena_textf(arena, "a@" TEXT_F "d.com", TEXT_ARG(label))));
}

TEST(senders, are_a_name_and_an_address)
{
        Text name, address;
        assert_true(mailbox_parse(TEXT("Loop <loop@x.de>"), &name, &address));
        assert_true(text_is(name, "Loop") && text_is(address, "loop@x.de"));
        assert_true(mailbox_parse(TEXT("\"Lima, Ana\" <a@x.de>"), &name, &address) && text_is(name, "Lima, Ana"));
        assert_true(mailbox_parse(TEXT(" a@x.de "), &name, &address) && !name.data && text_is(address, "a@x.de"));
        static const char *const bad[] = { "",
                                           "Loop",
                                           "<a@x.de>",
                                           "Loop <a@x.de",
                                           "Loop <a@x.de> x",
                                           "L\"x <a@x.de>",
                                           "a@x.de, b@x.de",
                                           "L <<a@x.de>",
                                           "L\r\nBcc: x <a@x.de>" };
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                assert_false(mailbox_parse(text_from(bad[i]), &name, &address));
}

TEST(urls, are_taken_as_they_are_or_not_at_all)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        static const char *const good[] = { "https://a", "https://a.b.example:8443/x?y=z&w", "https://[2001:db8::1]:1/",
                                            "https://10.0.0.1/", "https://a./" };
        static const char *const bad[] = { "",
                                           "https",
                                           "https://",
                                           "https:///x",
                                           "https:/a",
                                           "HTTPS://a",
                                           "http://a",
                                           "https://a b",
                                           "https://a\n",
                                           "https://u@a",
                                           "https://u:p@a/",
                                           "https://a:0",
                                           "https://a:65536",
                                           "https://a:",
                                           "https://a:1x",
                                           "https://[::1",
                                           "https://[x]/",
                                           "https://[::1]x",
                                           "https://a..b",
                                           "https://a/#x",
                                           "https://a/\\b",
                                           "https://\xc3\xa9",
                                           "https://a?u@b:c#",
                                           "https://a{b}" };
        for (size_t i = 0; i < COUNT_OF(good); i++)
                assert_null(url_fault(text_from(good[i]), "https", true, arena));
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                if (!url_fault(text_from(bad[i]), "https", true, arena))
                        fail_msg("\"%s\" is taken for a URL", bad[i]);
        assert_null(url_fault(TEXT("smtp://mail:25"), "smtp|smtps", false, arena));
        assert_non_null(url_fault(TEXT("smtp://mail:25/x"), "smtp|smtps", false, arena));
        assert_non_null(url_fault(TEXT("smtpx://mail"), "smtp|smtps", false, arena));
        assert_true(text_is(url_origin(TEXT("https://chat.example.com:1/secret?x")), "https://chat.example.com:1"));
        assert_true(text_is(url_origin(TEXT("https://chat.example.com?secret")), "https://chat.example.com"));
}

TEST(listening_addresses, are_numbers)
{
        static const char *const good[] = { "127.0.0.1:9464", "0.0.0.0:0", "[::1]:80", "[::]:65535" };
        static const char *const bad[] = {
                "",           ":80",  "127.0.0.1",       "localhost:80", "::1:80",       "[::1]",
                "127.0.0.1:", "1:80", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1:80 "
        };
        for (size_t i = 0; i < COUNT_OF(good); i++)
                assert_true(listen_is_good(text_from(good[i])));
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                assert_false(listen_is_good(text_from(bad[i])));
}

TEST(webhook_secrets, hold_24_to_64_bytes)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        for (size_t quads = 0; quads < 30; quads++) {
                Text base64 = repeated(arena, 'A', quads * 4);
                Text secret = arena_textf(arena, "whsec_" TEXT_F, TEXT_ARG(base64));
                assert_true(webhook_secret_is_good(secret) == (quads * 3 >= 24 && quads * 3 <= 64));
        }
        assert_true(webhook_secret_is_good(TEXT("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")));
        assert_true(webhook_secret_is_good(TEXT("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")));
        assert_false(webhook_secret_is_good(TEXT("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")));
        assert_false(webhook_secret_is_good(TEXT("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_")));
        assert_false(webhook_secret_is_good(TEXT("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa=w")));
        assert_false(webhook_secret_is_good(TEXT("whsec_====")));
        assert_false(webhook_secret_is_good(TEXT("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS")));
}

TEST(brokers_and_topics, are_what_kafka_takes)
{
        CLEANUP(arena_freep) Arena *arena = arena_new(4096);
        assert_true(brokers_are_good(TEXT("a:9092, b:9092,[::1]:9092,c")));
        assert_false(brokers_are_good(TEXT("")) || brokers_are_good(TEXT("a,")) || brokers_are_good(TEXT("a,,b")) ||
                     brokers_are_good(TEXT("a:x")) || brokers_are_good(TEXT("a b")));
        assert_true(topic_is_good(TEXT("a.B_c-9")) && topic_is_good(repeated(arena, 'x', 249)));
        assert_false(topic_is_good(TEXT("")) || topic_is_good(TEXT(".")) || topic_is_good(TEXT("..")) ||
                     topic_is_good(TEXT("a b")) || topic_is_good(repeated(arena, 'x', 250)));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ids_have_no_white_space_colons_or_commas),
                cmocka_unit_test(addresses_cannot_carry_commands),
                cmocka_unit_test(addresses_are_as_long_as_mail_servers_take_them),
                cmocka_unit_test(senders_are_a_name_and_an_address),
                cmocka_unit_test(urls_are_taken_as_they_are_or_not_at_all),
                cmocka_unit_test(listening_addresses_are_numbers),
                cmocka_unit_test(webhook_secrets_hold_24_to_64_bytes),
                cmocka_unit_test(brokers_and_topics_are_what_kafka_takes),
        };
        return cmocka_run_group_tests_name("syntax", tests, NULL, NULL);
}
