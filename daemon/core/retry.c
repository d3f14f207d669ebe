#include "core/retry.h"

enum {
        FIRST_SECONDS = 5,
        CAP_SECONDS = 1800,
        RETRY_AFTER_SECONDS_MAX = 3600
};

Span retry_delay(int attempts, Span retry_after, uint64_t chance)
{
        must(attempts >= 1);
        int doublings = MIN_OF(attempts - 1, 20);
        int64_t seconds = MIN_OF((int64_t)FIRST_SECONDS << doublings, (int64_t)CAP_SECONDS);
        int64_t us = seconds * 1000000;
        uint64_t mixed = (chance + (uint64_t)attempts) * 0x9e3779b97f4a7c15u;
        us += us * ((int64_t)(mixed >> 33) % 4001 - 2000) / 10000;
        int64_t floor_us = MIN_OF(retry_after.us, RETRY_AFTER_SECONDS_MAX * INT64_C(1000000));
        return (Span){ MAX_OF(us, floor_us) };
}
