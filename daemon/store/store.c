/* What does not depend on the backend. */
#include "store/store.h"

const char *delivery_state_text(DeliveryState state)
{
        static const char *const texts[DELIVERY_STATE_MAX] = {
                [DELIVERY_PENDING] = "pending",
                [DELIVERY_ACCEPTED] = "accepted",
                [DELIVERY_FAILED] = "failed",
                [DELIVERY_DROPPED] = "dropped",
        };
        must(state < DELIVERY_STATE_MAX);
        return texts[state];
}

const char *gap_why_text(GapWhy why)
{
        static const char *const texts[GAP_WHY_MAX] = { [GAP_EXPIRED] = "expired", [GAP_SKIPPED] = "skipped" };
        must(why < GAP_WHY_MAX);
        return texts[why];
}

const char *dead_letter_state_text(DeadLetterState state)
{
        static const char *const texts[DEAD_LETTER_STATE_MAX] = {
                [DEAD_LETTER_KEPT] = "kept",
                [DEAD_LETTER_PENDING] = "pending",
                [DEAD_LETTER_PUBLISHED] = "published",
                [DEAD_LETTER_REPLAYED] = "replayed",
        };
        must(state < DEAD_LETTER_STATE_MAX);
        return texts[state];
}
