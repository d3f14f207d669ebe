#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notify/signature.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SECRET_2 "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD" /* 24 bytes as well */

#define A32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

typedef struct Fixture {
        Arena *arena;
        Signer *signer;
} Fixture;

static int set_up(void **state)
{
        static Fixture f;
        f = (Fixture){ arena_new(1024), signer_new() };
        *state = &f;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;
        f->signer = signer_free(f->signer);
        f->arena = arena_free(f->arena);
        return 0;
}

static Text sign(Fixture *f, Text secrets, Text body)
{
        Buffer b = buffer_in(f->arena);
        assert_true(signer_sign(f->signer, secrets, TEXT("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330, body, &b));
        return buffer_text(&b);
}

static void the_vector_of_the_specification_comes_out(void **state)
{
        Text signature = sign(*state, TEXT(SECRET), TEXT("{\"test\": 2432232314}"));
        assert_string_equal(signature.data, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void the_second_message_of_a_secret_is_signed_like_the_first(void **state)
{
        Text first = sign(*state, TEXT(SECRET), TEXT("{\"test\": 2432232314}"));
        (void)sign(*state, TEXT(SECRET), TEXT("something else in between"));
        Text again = sign(*state, TEXT(SECRET), TEXT("{\"test\": 2432232314}"));
        assert_string_equal(first.data, again.data);
}

static void a_secret_that_is_rotated_signs_twice(void **state)
{
        Text old = sign(*state, TEXT(SECRET), TEXT("{}"));
        Text new = sign(*state, TEXT(SECRET_2), TEXT("{}"));
        Text both = sign(*state, TEXT(SECRET_2 "\n" SECRET "\n"), TEXT("{}"));
        Buffer b = buffer_in(((Fixture *)*state)->arena);
        buffer_putf(&b, "%s %s", new.data, old.data);
        assert_string_equal(both.data, buffer_text(&b).data);
}

static void more_secrets_than_are_kept_still_sign_right(void **state)
{
        Fixture *f = *state;
        Text first = sign(f, TEXT(SECRET), TEXT("{}"));
        for (int i = 0; i < 100; i++) {
                Text other = arena_textf(f->arena, "whsec_AAAA%02dAAAAAAAAAAAAAAAAAAAAAAAAAA", i);
                assert_true(sign(f, other, TEXT("{}")).len > 0);
        }
        assert_string_equal(sign(f, TEXT(SECRET), TEXT("{}")).data, first.data);
}

static void what_is_no_secret_is_refused(void **state)
{
        Fixture *f = *state;
        const char *bad[] = {
                "",
                " ",
                "whsec_",
                "whsec_====",
                "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",       /* no prefix */
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",  /* one letter short */
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa==", /* 22 bytes */
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa$w",
                "whsec_MfKQ9r8GKYqr=wjUPD8ILPZIo2LaLaSw",
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La===w",
                "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "whsec_" A32 A32 "AAAAAAAAAAAAAAAAAAAAAAAA", /* 66 bytes */
                SECRET " rubbish",
                SECRET " " SECRET " " SECRET " " SECRET " " SECRET,
        };
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
                Buffer b = buffer_in(f->arena);
                assert_false(signature_secret_is_good(text_from(bad[i])));
                assert_false(signer_sign(f->signer, text_from(bad[i]), TEXT("id"), 1, TEXT("{}"), &b));
        }
        assert_false(signature_secret_is_good(TEXT_NONE));
        assert_true(signature_secret_is_good(TEXT(SECRET " " SECRET_2)));
        assert_true(signature_secret_is_good(TEXT("whsec_" A32 A32 "AAAAAAAAAAAAAAAAAAAAAA=="))); /* 64 bytes */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(the_vector_of_the_specification_comes_out),
                TEST(the_second_message_of_a_secret_is_signed_like_the_first),
                TEST(a_secret_that_is_rotated_signs_twice),
                TEST(more_secrets_than_are_kept_still_sign_right),
                TEST(what_is_no_secret_is_refused),
        };
        return cmocka_run_group_tests_name("signature", tests, NULL, NULL);
}
