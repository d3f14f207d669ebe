#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "turn/outbox.h"

enum {
        PARCELS = 6
};

/* Two channels with one place each; what was sent and what was taken back, by row. */
typedef struct Scene {
        Channel channels[2];
        Parcel *parcels[PARCELS + 1]; /* by row */
        int64_t sent[PARCELS], taken[PARCELS];
        size_t sent_count, taken_count;
        Outbox *outbox;
        Parcel *first, **end; /* sent, in order */
} Scene;

static void on_send(void *userdata, Parcel *parcel)
{
        Scene *s = userdata;
        s->sent[s->sent_count++] = parcel->delivery;
}

static void on_take(void *userdata, Parcel *parcel)
{
        Scene *s = userdata;
        s->taken[s->taken_count++] = parcel->delivery;
}

static void on_count(void *userdata, Parcel *parcel)
{
        Scene *s = userdata;
        s->sent_count++;
        *s->end = parcel;
        s->end = &parcel->next;
}

/* Odd rows go to the first channel, even ones to the second. */
static int scene_begin(void **state)
{
        static Scene scene;
        scene = (Scene){ .channels = { { .name = TEXT("slack"), .in_flight = 1 },
                                       { .name = TEXT("mail"), .in_flight = 1 } } };
        scene.outbox = outbox_new(on_send, &scene);
        Parcel *list = NULL;
        for (int64_t row = PARCELS; row > 0; row--) {
                ParcelArena *memory = parcel_arena_new(256);
                Parcel *p = arena_new_of(memory->arena, Parcel);
                *p = (Parcel){
                        .memory = memory, .delivery = row, .channel = &scene.channels[row % 2 == 0], .next = list
                };
                scene.parcels[row] = list = p;
        }
        outbox_add(scene.outbox, list);
        *state = &scene;
        return 0;
}

static int scene_end(void **state)
{
        Scene *s = *state;
        for (size_t i = 0; i < s->taken_count; i++)
                outbox_settle(s->outbox, s->parcels[s->taken[i]]);
        for (size_t i = 0; i < s->sent_count; i++)
                outbox_settle(s->outbox, s->parcels[s->sent[i]]);
        assert_int_equal(outbox_count(s->outbox), 0);
        s->outbox = outbox_free(s->outbox);
        return 0;
}

static void nothing_is_sent_before_it_is_said_so_and_then_as_many_as_have_a_place(void **state)
{
        Scene *s = *state;
        assert_int_equal(s->sent_count, 0);
        outbox_send(s->outbox);
        assert_int_equal(s->sent_count, 2);
        assert_int_equal(outbox_out(s->outbox), 2);
        assert_int_equal(outbox_count(s->outbox), PARCELS);
}

static bool is_above_two(const void *userdata, const Parcel *parcel)
{
        return parcel->delivery > *(const int64_t *)userdata;
}

static void what_waits_is_withdrawn_from_every_lane_and_what_is_out_is_not(void **state)
{
        Scene *s = *state;
        const int64_t two = 2, nothing = 0;
        outbox_send(s->outbox);
        outbox_withdraw(s->outbox, is_above_two, &two, on_take, s);
        assert_int_equal(s->taken_count, 4);
        assert_false(outbox_is_waiting(s->outbox));
        assert_int_equal(outbox_count(s->outbox), PARCELS); /* out until their results are committed */
        outbox_withdraw(s->outbox, is_above_two, &nothing, on_take, s);
        assert_int_equal(s->taken_count, 4); /* those with a transport stay */
}

static void what_is_not_withdrawn_goes_in_its_order(void **state)
{
        Scene *s = *state;
        const int64_t five = 5;
        outbox_withdraw(s->outbox, is_above_two, &five, on_take, s);
        assert_int_equal(s->taken_count, 1);
        outbox_settle(s->outbox, s->parcels[s->taken[--s->taken_count]]);
        for (size_t i = 0; i < PARCELS - 1; i++) {
                outbox_send(s->outbox);
                assert_true(s->sent_count > i);
                outbox_settle(s->outbox, s->parcels[s->sent[i]]);
        }
        int64_t last[2] = { 0, 0 };
        for (size_t i = 0; i < s->sent_count; i++) {
                assert_true(s->sent[i] > last[s->sent[i] % 2]);
                last[s->sent[i] % 2] = s->sent[i];
        }
        s->sent_count = 0; /* settled */
}

static void what_waits_for_one_channel_is_given_back_and_the_other_goes_on(void **state)
{
        Scene *s = *state;
        outbox_send(s->outbox);
        outbox_give_back(s->outbox, TEXT("slack"), on_take, s);
        assert_int_equal(s->taken_count, 2);
        for (size_t i = 0; i < s->taken_count; i++)
                assert_int_equal(s->taken[i], 3 + 2 * i);
        assert_true(outbox_is_waiting(s->outbox));
        assert_int_equal(outbox_count(s->outbox), PARCELS); /* out until that is committed */
}

static void what_has_waited_too_long_for_a_place_is_given_back(void **state)
{
        Scene *s = *state;
        outbox_send(s->outbox);
        for (int second = 0; second < 5; second++)
                outbox_age(s->outbox, 5, on_take, s);
        assert_int_equal(s->taken_count, 0);
        outbox_age(s->outbox, 5, on_take, s);
        assert_int_equal(s->taken_count, 4); /* those with a transport stay */
        assert_false(outbox_is_waiting(s->outbox));
}

/* A hundred people's addresses at one host that hangs, and one at another. */
static void a_host_with_many_channels_leaves_room_for_the_others(void **state UNUSED)
{
        enum {
                PEOPLE = 100,
                HOST_PLACES = 64
        };
        static Channel channels[PEOPLE + 1];
        Scene s = { 0 };
        s.end = &s.first;
        s.outbox = outbox_new(on_count, &s);
        for (size_t i = 0; i <= PEOPLE; i++) {
                static char names[PEOPLE + 1][8];
                (void)snprintf(names[i], sizeof(names[i]), "c%zu", i);
                channels[i] =
                        (Channel){ .name = text_from(names[i]),
                                   .in_flight = 8,
                                   .target = i == PEOPLE ? TEXT("https://b.example") : TEXT("https://a.example") };
                for (int twice = 0; twice < 2; twice++) {
                        ParcelArena *memory = parcel_arena_new(256);
                        Parcel *p = arena_new_of(memory->arena, Parcel);
                        *p = (Parcel){ .memory = memory, .channel = &channels[i] };
                        outbox_add(s.outbox, p);
                }
        }
        outbox_send(s.outbox);
        assert_int_equal(s.sent_count, HOST_PLACES + 2);
        assert_int_equal(outbox_out(s.outbox), HOST_PLACES + 2);
        for (Parcel *next; s.first; s.first = next) {
                size_t before = s.sent_count;
                next = s.first->next;
                assert_true(next || before == 2 * PEOPLE + 2); /* a place that is free goes to whoever waits for it */
                outbox_settle(s.outbox, s.first);
                assert_true(s.sent_count <= before + 1);
        }
        assert_int_equal(s.sent_count, 2 * PEOPLE + 2);
        assert_int_equal(outbox_count(s.outbox), 0);
        s.outbox = outbox_free(s.outbox);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, scene_begin, scene_end)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CLAIM(nothing_is_sent_before_it_is_said_so_and_then_as_many_as_have_a_place),
                CLAIM(what_waits_is_withdrawn_from_every_lane_and_what_is_out_is_not),
                CLAIM(what_is_not_withdrawn_goes_in_its_order),
                CLAIM(what_waits_for_one_channel_is_given_back_and_the_other_goes_on),
                CLAIM(what_has_waited_too_long_for_a_place_is_given_back),
                cmocka_unit_test(a_host_with_many_channels_leaves_room_for_the_others),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
