/* retry.h - when a delivery that failed for now is tried again. Pure: the jitter comes from the caller's number.
 * Source: capped exponential back-off with jitter; the receiver's Retry-After is a floor, up to an hour. */
#pragma once

#include "base/instant.h"

/* attempts: made so far, from 1. chance: any number, say of the delivery's key; spreads the herd over +-20 %. */
Span retry_delay(int attempts, Span retry_after, uint64_t chance);
