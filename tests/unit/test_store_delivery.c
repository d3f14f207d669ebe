#include "store_sample.h"

#include <errno.h>

/* ---- deliveries ------------------------------------------------------------------------------------------------- */

static DeliveryRow delivery(int64_t number)
{
        DeliveryRow row;
        assert_int_equal(store_delivery_load(store, number, arena, &row), 0);
        return row;
}

static void assert_same_delivery(const DeliveryRow *a, const DeliveryRow *b)
{
        assert_int_equal(a->row, b->row);
        assert_int_equal(a->case_number, b->case_number);
        assert_int_equal(a->epoch, b->epoch);
        assert_int_equal(a->rung, b->rung);
        assert_int_equal(a->occurrence, b->occurrence);
        assert_int_equal(a->sequence, b->sequence);
        assert_same_text(a->recipient, b->recipient);
        assert_same_text(a->channel, b->channel);
        assert_int_equal(a->why, b->why);
        assert_int_equal(a->message, b->message);
        assert_int_equal(a->state, b->state);
        assert_same_time(a->due_at, b->due_at);
        assert_same_time(a->next_at, b->next_at);
        assert_same_time(a->first_tried_at, b->first_tried_at);
        assert_same_time(a->ended_at, b->ended_at);
        assert_int_equal(a->attempts, b->attempts);
        assert_int_equal(a->code, b->code);
        assert_same_text(a->detail, b->detail);
        assert_int_equal(a->late.us, b->late.us);
        assert_int_equal(a->fell_over, b->fell_over);
        assert_same_text(a->note, b->note);
}

static void a_delivery_comes_back_with_every_field(void **state UNUSED)
{
        DeliveryRow row = sample_delivery(3, 12), back;
        row.rung = -4;
        row.occurrence = 5;
        row.sequence = 4;
        row.why = RECIPIENT_CATCH_ALL;
        row.message = MESSAGE_WAITING_LIST;
        row.due_at = noon_plus(1);
        row.late = SPAN_HOUR;
        row.note = TEXT("[1,2]");
        begin();
        deliver(&row);
        back = delivery(3);
        assert_same_delivery(&back, &row);

        row.next_at = noon_plus(60);
        row.first_tried_at = noon_plus(2);
        row.attempts = 1;
        row.code = 503;
        row.detail = TEXT("the receiver is busy");
        row.fell_over = true;
        assert_int_equal(store_delivery_save(store, &row), 0);
        back = delivery(3);
        assert_same_delivery(&back, &row);
        commit();
        assert_int_equal(store_delivery_load(store, 4, arena, &back), -ENOENT);
}

/* Promise S4. */
static void a_delivery_is_decided_once(void **state UNUSED)
{
        DeliveryRow first = sample_delivery(1, 12), other = sample_delivery(2, 12);
        begin();
        deliver(&first);
        assert_int_equal(store_delivery_add(store, &other), -EEXIST);
        other.channel = TEXT("email-ana");
        deliver(&other); /* the transaction goes on; each part of the key counts */
        for (int64_t i = 3; i <= 7; i++) {
                other = sample_delivery(i, i == 3 ? 13 : 12);
                other.epoch = i == 4 ? 2 : 1;
                other.rung = i == 5 ? -1 : 0;
                other.occurrence = i == 6;
                other.recipient = i == 7 ? TEXT("ben") : TEXT("ana");
                deliver(&other);
        }
        commit();
        assert_int_equal(counts_at(NOON).deliveries_pending, 7);
}

static void an_accepted_delivery_stays_accepted(void **state UNUSED)
{
        DeliveryRow row = sample_delivery(1, 12), back;
        begin();
        deliver(&row);
        delivery_end(&row, DELIVERY_ACCEPTED, noon_plus(1));
        row.state = DELIVERY_PENDING;
        row.next_at = noon_plus(2);
        assert_int_equal(store_delivery_save(store, &row), 0);
        back = delivery(1);
        assert_int_equal(back.state, DELIVERY_ACCEPTED);
        commit();
        assert_int_equal(counts_at(NOON).deliveries_pending, 0);
}

static void a_failed_delivery_can_be_tried_again_and_a_dropped_one_turn_out_accepted(void **state UNUSED)
{
        DeliveryRow failed = sample_delivery(1, 12), dropped = sample_delivery(2, 13), gone = sample_delivery(3, 14);
        begin();
        deliver(&failed);
        deliver(&dropped);
        delivery_end(&failed, DELIVERY_FAILED, noon_plus(1));
        assert_int_equal(store_deliveries_drop(store, 13, noon_plus(1), NULL, NULL), 0);
        assert_int_equal(counts_at(NOON).deliveries_failed, 1);
        assert_int_equal(counts_at(NOON).deliveries_pending, 0);
        failed.state = DELIVERY_PENDING;
        failed.next_at = noon_plus(2);
        assert_int_equal(store_delivery_save(store, &failed), 0);
        delivery_end(&dropped, DELIVERY_ACCEPTED, noon_plus(3));
        assert_int_equal(delivery(2).state, DELIVERY_ACCEPTED);
        assert_int_equal(counts_at(NOON).deliveries_failed, 0);
        assert_int_equal(counts_at(NOON).deliveries_pending, 1);
        assert_int_equal(store_delivery_save(store, &gone), -ENOENT);
        commit();
}

static bool is_even(void *userdata UNUSED, int64_t row)
{
        return row % 2 == 0;
}

static void dropping_spares_what_is_with_a_transport_and_what_has_ended(void **state UNUSED)
{
        enum {
                COUNT = 150
        };
        begin();
        for (int64_t i = 1; i <= COUNT; i++) {
                DeliveryRow row = sample_delivery(i, i == COUNT ? 13 : 12);
                row.occurrence = (int32_t)i;
                deliver(&row);
                if (i == 1)
                        delivery_end(&row, DELIVERY_ACCEPTED, NOON);
        }
        assert_int_equal(store_deliveries_drop(store, 12, noon_plus(5), is_even, NULL), 0);
        assert_int_equal(delivery(1).state, DELIVERY_ACCEPTED);
        assert_int_equal(delivery(2).state, DELIVERY_PENDING);
        assert_int_equal(delivery(3).state, DELIVERY_DROPPED);
        assert_same_time(delivery(3).ended_at, noon_plus(5));
        assert_same_time(delivery(3).next_at, WALL_NONE);
        assert_int_equal(delivery(149).state, DELIVERY_DROPPED);
        assert_int_equal(delivery(150).state, DELIVERY_PENDING); /* another case's */
        commit();
        assert_int_equal(counts_at(NOON).deliveries_pending, 75);
}

static void an_acceptance_drops_the_same_message_on_other_channels(void **state UNUSED)
{
        DeliveryRow rows[4];
        begin();
        for (int64_t i = 0; i < 4; i++) {
                rows[i] = sample_delivery(i + 1, 12);
                rows[i].channel = i == 0 ? TEXT("slack-ana") : TEXT("email-ana");
                rows[i].rung = i == 2 ? 1 : 0;
                rows[i].recipient = i == 3 ? TEXT("ben") : TEXT("ana");
                deliver(&rows[i]);
        }
        delivery_end(&rows[0], DELIVERY_ACCEPTED, NOON);
        assert_int_equal(store_delivery_drop_others(store, &rows[0], noon_plus(1)), 0);
        assert_int_equal(delivery(1).state, DELIVERY_ACCEPTED);
        assert_int_equal(delivery(2).state, DELIVERY_DROPPED);
        assert_int_equal(delivery(3).state, DELIVERY_PENDING);
        assert_int_equal(delivery(4).state, DELIVERY_PENDING);
        commit();
        assert_int_equal(counts_at(NOON).deliveries_pending, 2);
}

static void assert_alert(AlertState expected, WallTime expected_at)
{
        AlertState alert;
        WallTime told_at;
        assert_int_equal(store_alert_state(store, 12, 1, &alert, &told_at), 0);
        assert_int_equal(alert, expected);
        assert_same_time(told_at, expected_at);
}

static void other_messages_say_nothing_about_the_alert(void **state UNUSED)
{
        begin();
        for (int64_t i = 1; i <= 4; i++) {
                DeliveryRow row = sample_delivery(i, i == 1 ? 13 : 12);
                row.epoch = i == 2 ? 2 : 1;
                row.message = i == 3 ? MESSAGE_REMINDER : MESSAGE_ALERT;
                row.why = i == 4 ? RECIPIENT_CHANNEL : RECIPIENT_OWNER;
                row.rung = (int32_t)i;
                deliver(&row);
                delivery_end(&row, DELIVERY_ACCEPTED, NOON);
        }
        assert_alert(ALERT_NONE, WALL_NONE);
        commit();
}

static void a_group_is_told_when_one_member_is_and_given_up_when_nobody_can_be(void **state UNUSED)
{
        static const Text members[] = { { "ana", 3 }, { "ben", 3 }, { "cy", 2 } };
        DeliveryRow rows[3];
        begin();
        assert_alert(ALERT_NONE, WALL_NONE);
        for (int64_t i = 0; i < 3; i++) {
                rows[i] = sample_delivery(i + 1, 12);
                rows[i].recipient = members[i];
                deliver(&rows[i]);
        }
        assert_alert(ALERT_PENDING, WALL_NONE);
        delivery_end(&rows[0], DELIVERY_FAILED, noon_plus(1));
        assert_alert(ALERT_PENDING, WALL_NONE);
        delivery_end(&rows[1], DELIVERY_DROPPED, noon_plus(2));
        assert_alert(ALERT_PENDING, WALL_NONE);
        rows[2].fell_over = true; /* outlasted its patience, still being tried */
        assert_int_equal(store_delivery_save(store, &rows[2]), 0);
        assert_alert(ALERT_GIVEN_UP, WALL_NONE);
        delivery_end(&rows[2], DELIVERY_FAILED, noon_plus(3));
        assert_alert(ALERT_GIVEN_UP, WALL_NONE);
        delivery_end(&rows[1], DELIVERY_ACCEPTED, noon_plus(9));
        assert_alert(ALERT_ACCEPTED, noon_plus(9));
        delivery_end(&rows[0], DELIVERY_ACCEPTED, noon_plus(5));
        assert_alert(ALERT_ACCEPTED, noon_plus(5));
        commit();
}

static void an_alert_that_was_only_dropped_was_never_given(void **state UNUSED)
{
        DeliveryRow row = sample_delivery(1, 12);
        begin();
        deliver(&row);
        assert_int_equal(store_deliveries_drop(store, 12, NOON, NULL, NULL), 0);
        assert_alert(ALERT_NONE, WALL_NONE);
        commit();
}

typedef struct Due {
        size_t count, stop_after;
        int64_t last_number;
        WallTime last_at;
        bool is_ordered, is_served;
} Due;

/* In order, each once, though the visitor changes what it sees. */
static int see_due(void *userdata, const DeliveryRow *row)
{
        Due *due = userdata;
        bool is_after = due->last_at.us < row->next_at.us ||
                        (due->last_at.us == row->next_at.us && due->last_number < row->row);
        due->is_ordered &= is_after;
        due->last_at = row->next_at;
        due->last_number = row->row;
        due->count++;
        if (due->is_served) {
                DeliveryRow copy = *row;
                delivery_end(&copy, DELIVERY_ACCEPTED, NOON);
        }
        return due->count == due->stop_after ? 1 : 0;
}

static void due_deliveries_come_in_order_each_once(void **state UNUSED)
{
        enum {
                COUNT = 1000
        };
        begin();
        for (int64_t i = 1; i <= COUNT; i++) {
                DeliveryRow row = sample_delivery(i, i);
                row.next_at = noon_plus(i * 7919 % 5); /* many at the same time, more than are read at once */
                deliver(&row);
        }
        Due all = { .is_ordered = true, .last_at = WALL_NONE };
        assert_int_equal(store_deliveries_due(store, TEXT("slack-ana"), noon_plus(3), arena, see_due, &all), 0);
        assert_int_equal(all.count, COUNT / 5 * 4);
        assert_true(all.is_ordered);
        Due some = { .is_ordered = true, .last_at = WALL_NONE, .stop_after = 300, .is_served = true };
        assert_int_equal(store_deliveries_due(store, TEXT("slack-ana"), noon_plus(3), arena, see_due, &some), 0);
        assert_int_equal(some.count, 300);
        assert_true(some.is_ordered);
        Due rest = { .is_ordered = true, .last_at = WALL_NONE, .is_served = true };
        assert_int_equal(store_deliveries_due(store, TEXT("slack-ana"), noon_plus(3), arena, see_due, &rest), 0);
        assert_int_equal(rest.count, COUNT / 5 * 4 - 300);
        commit();
        assert_int_equal(counts_at(NOON).deliveries_pending, COUNT / 5);
        assert_same_time(counts_at(NOON).oldest_pending, noon_plus(4));
}

static void the_next_delivery_is_the_earliest_after_now(void **state UNUSED)
{
        WallTime next;
        DeliveryRow row = sample_delivery(1, 12);
        begin();
        assert_int_equal(store_delivery_next(store, TEXT("slack-ana"), NOON, &next), 0);
        assert_same_time(next, WALL_NEVER);
        deliver(&row);
        row = sample_delivery(2, 13);
        row.next_at = noon_plus(8);
        deliver(&row);
        assert_int_equal(store_delivery_next(store, TEXT("slack-ana"), NOON, &next), 0);
        assert_same_time(next, noon_plus(8));
        assert_int_equal(store_delivery_next(store, TEXT("slack-ana"), noon_plus(8), &next), 0);
        assert_same_time(next, WALL_NEVER);
        commit();
}

static int see_delivery(void *userdata, const DeliveryRow *row)
{
        return note(userdata, row->row);
}

static void assert_deliveries(DeliveryFilter filter, size_t count, int64_t first)
{
        Numbers n = { 0 };
        assert_int_equal(store_deliveries(store, &filter, arena, see_delivery, &n), 0);
        assert_int_equal(n.count, count);
        if (count > 0)
                assert_int_equal(n.numbers[0], first);
}

static void lists_of_deliveries_are_filtered_and_newest_first(void **state UNUSED)
{
        begin();
        for (int64_t i = 1; i <= 6; i++) {
                DeliveryRow row = sample_delivery(i, i < 4 ? 12 : 0);
                row.occurrence = (int32_t)i;
                deliver(&row);
                if (i % 2 == 0)
                        delivery_end(&row, DELIVERY_FAILED, NOON);
        }
        commit();
        assert_deliveries((DeliveryFilter){ 0 }, 6, 6);
        assert_deliveries((DeliveryFilter){ .limit = 4 }, 4, 6);
        assert_deliveries((DeliveryFilter){ .only_failed = true }, 3, 6);
        assert_deliveries((DeliveryFilter){ .case_number = 12 }, 3, 3);
        assert_deliveries((DeliveryFilter){ .case_number = 12, .only_failed = true }, 1, 2);
        assert_deliveries((DeliveryFilter){ .case_number = 14 }, 0, 0);
}

/* ---- channels, policies, dead letters, meta --------------------------------------------------------------------- */

static int see_channel(void *userdata, Text channel, Text recipient, WallTime since, Text reason)
{
        int *count = userdata;
        if ((*count)++ == 0) {
                assert_same_text(channel, TEXT("slack"));
                assert_same_text(recipient, TEXT("ana"));
                assert_same_time(since, NOON);
                assert_same_text(reason, TEXT("HTTP 410"));
        }
        return 0;
}

static int disabled_channels(void)
{
        int count = 0;
        assert_int_equal(store_channels_disabled(store, arena, see_channel, &count), 0);
        return count;
}

static void a_channel_is_disabled_for_one_recipient_until_it_is_enabled(void **state UNUSED)
{
        begin();
        assert_int_equal(store_channel_disable(store, TEXT("slack"), TEXT("ana"), NOON, TEXT("HTTP 410")), 0);
        assert_int_equal(store_channel_disable(store, TEXT("slack"), TEXT("ana"), noon_plus(1), TEXT("again")), 0);
        assert_int_equal(store_channel_disable(store, TEXT("slack"), TEXT("ben"), NOON, TEXT("HTTP 404")), 0);
        assert_int_equal(store_channel_disable(store, TEXT("teams"), TEXT("ben"), NOON, TEXT_NONE), 0);
        assert_int_equal(disabled_channels(), 3);
        assert_int_equal(store_channel_enable(store, TEXT("slack"), TEXT("ben")), 0);
        assert_int_equal(disabled_channels(), 2);
        assert_int_equal(store_channel_enable(store, TEXT("teams"), TEXT_NONE), 0);
        assert_int_equal(disabled_channels(), 1);
        commit();
}

static void a_policy_version_never_changes_its_text(void **state UNUSED)
{
        Policy changed = ONE_DAY, next = ONE_DAY;
        changed.text = TEXT("window = \"48 hours\"");
        next.version = 4;
        next.text = changed.text;
        Text text;
        begin();
        assert_int_equal(store_policy_keep(store, &ONE_DAY, noon_plus(1)), 0);
        assert_int_equal(store_policy_keep(store, &changed, noon_plus(1)), -EEXIST);
        assert_int_equal(store_policy_keep(store, &next, noon_plus(1)), 0);
        assert_int_equal(store_policy_text(store, ONE_DAY.name, 3, arena, &text), 0);
        assert_same_text(text, ONE_DAY.text);
        assert_int_equal(store_policy_text(store, ONE_DAY.name, 4, arena, &text), 0);
        assert_same_text(text, next.text);
        assert_int_equal(store_policy_text(store, ONE_DAY.name, 5, arena, &text), -ENOENT);
        commit();
}

typedef struct Letters {
        DeadLetterRow rows[8];
        size_t count;
} Letters;

static int see_letter(void *userdata, const DeadLetterRow *row)
{
        Letters *seen = userdata;
        seen->rows[seen->count++] = *row;
        return 0;
}

static Letters letters(DeadLetterState state, size_t limit)
{
        Letters seen = { 0 };
        assert_int_equal(store_dead_letters(store, state, limit, arena, see_letter, &seen), 0);
        return seen;
}

/* Promise S6. */
static void a_dead_letter_keeps_its_bytes_and_is_set_aside_once(void **state UNUSED)
{
        DeadLetterRow row = sample_letter(1), again = sample_letter(2), tombstone = sample_letter(3);
        again.place = row.place;
        tombstone.key = TEXT("");
        tombstone.value = tombstone.headers = TEXT_NONE;
        begin();
        assert_true(letter_is_new(&row));
        assert_false(letter_is_new(&again));
        assert_true(letter_is_new(&tombstone));
        commit();
        Letters seen = letters(DEAD_LETTER_PENDING, 0);
        assert_int_equal(seen.count, 2);
        assert_same_text(seen.rows[0].key, row.key);
        assert_same_text(seen.rows[0].value, row.value);
        assert_same_text(seen.rows[0].headers, row.headers);
        assert_same_text(seen.rows[0].reason, row.reason);
        assert_same_text(seen.rows[0].place.topic, row.place.topic);
        assert_int_equal(seen.rows[0].place.partition, 1);
        assert_int_equal(seen.rows[0].place.offset, 1);
        assert_same_time(seen.rows[0].place.record_time, NOON);
        assert_same_time(seen.rows[0].recorded_at, noon_plus(1));
        assert_same_text(seen.rows[1].key, TEXT(""));
        assert_same_text(seen.rows[1].value, TEXT_NONE);
        assert_int_equal(counts_at(NOON).dead_letters, 2);
}

static void dead_letters_are_listed_by_state(void **state UNUSED)
{
        begin();
        for (int64_t i = 1; i <= 3; i++) {
                DeadLetterRow row = sample_letter(i);
                assert_true(letter_is_new(&row));
        }
        assert_int_equal(store_dead_letter_save(store, 2, DEAD_LETTER_PUBLISHED), 0);
        assert_int_equal(store_dead_letter_save(store, 9, DEAD_LETTER_PUBLISHED), 0); /* there is none: no error */
        commit();
        assert_int_equal(letters(DEAD_LETTER_STATE_MAX, 0).rows[0].row, 3);
        assert_int_equal(letters(DEAD_LETTER_STATE_MAX, 2).count, 2);
        assert_int_equal(letters(DEAD_LETTER_PENDING, 0).count, 2);
        assert_int_equal(letters(DEAD_LETTER_PENDING, 0).rows[0].row, 1);
        assert_int_equal(letters(DEAD_LETTER_PUBLISHED, 0).rows[0].row, 2);
}

static void trimming_takes_the_bytes_of_published_letters_first_and_of_others_only_if_it_may(void **state UNUSED)
{
        int64_t lost = -1;
        begin();
        for (int64_t i = 1; i <= 4; i++) {
                DeadLetterRow row = sample_letter(i); /* 7 bytes each */
                row.state = i == 1 ? DEAD_LETTER_KEPT : DEAD_LETTER_PUBLISHED;
                assert_true(letter_is_new(&row));
        }
        assert_int_equal(store_dead_letters_trim(store, 28, false, &lost), 0);
        assert_int_equal(query("SELECT count(*) FROM dead_letter WHERE bytes = 7"), 4);
        assert_int_equal(store_dead_letters_trim(store, 21, false, &lost), 0);
        assert_int_equal(query("SELECT bytes FROM dead_letter WHERE number = 2"), 0);
        assert_int_equal(query("SELECT value IS NULL FROM dead_letter WHERE number = 2"), 1);
        assert_int_equal(query("SELECT sum(bytes) FROM dead_letter"), 21);
        assert_int_equal(store_dead_letters_trim(store, 0, false, &lost), 0);
        assert_int_equal(query("SELECT sum(bytes) FROM dead_letter"), 7); /* the one that is nowhere else */
        assert_int_equal(lost, 0);
        assert_int_equal(store_dead_letters_trim(store, 0, true, &lost), 0);
        assert_int_equal(query("SELECT sum(bytes) FROM dead_letter"), 0);
        assert_int_equal(lost, 1);
        assert_int_equal(query("SELECT count(*) FROM dead_letter"), 4);
        commit();
}

static void meta_is_set_replaced_and_taken(void **state UNUSED)
{
        Text value;
        begin();
        assert_int_equal(store_meta_get(store, "clean", arena, &value), 0);
        assert_same_text(value, TEXT_NONE);
        assert_int_equal(store_meta_set(store, "clean", TEXT("yes")), 0);
        assert_int_equal(store_meta_set(store, "clean", TEXT("")), 0);
        assert_int_equal(store_meta_get(store, "clean", arena, &value), 0);
        assert_same_text(value, TEXT(""));
        assert_int_equal(store_meta_set(store, "clean", TEXT_NONE), 0);
        assert_int_equal(store_meta_get(store, "clean", arena, &value), 0);
        assert_same_text(value, TEXT_NONE);
        commit();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                IN_MEMORY(a_delivery_comes_back_with_every_field),
                IN_MEMORY(a_delivery_is_decided_once),
                IN_MEMORY(an_accepted_delivery_stays_accepted),
                IN_MEMORY(a_failed_delivery_can_be_tried_again_and_a_dropped_one_turn_out_accepted),
                IN_MEMORY(dropping_spares_what_is_with_a_transport_and_what_has_ended),
                IN_MEMORY(an_acceptance_drops_the_same_message_on_other_channels),
                IN_MEMORY(other_messages_say_nothing_about_the_alert),
                IN_MEMORY(a_group_is_told_when_one_member_is_and_given_up_when_nobody_can_be),
                IN_MEMORY(an_alert_that_was_only_dropped_was_never_given),
                IN_MEMORY(due_deliveries_come_in_order_each_once),
                IN_MEMORY(the_next_delivery_is_the_earliest_after_now),
                IN_MEMORY(lists_of_deliveries_are_filtered_and_newest_first),
                IN_MEMORY(a_channel_is_disabled_for_one_recipient_until_it_is_enabled),
                IN_MEMORY(a_policy_version_never_changes_its_text),
                IN_MEMORY(a_dead_letter_keeps_its_bytes_and_is_set_aside_once),
                IN_MEMORY(dead_letters_are_listed_by_state),
                IN_MEMORY(trimming_takes_the_bytes_of_published_letters_first_and_of_others_only_if_it_may),
                IN_MEMORY(meta_is_set_replaced_and_taken),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
