/* id.h - identifiers that follow from what they name, so that a restored backup finds the same ones again.
 * Source: RFC 9562, UUID version 8; SHA-256 (FIPS 180-4). 48 bits of milliseconds first, so that they append in an
 * index, then 74 bits of hash. */
#pragma once

#include "core/case.h"

/* Of source and response id (a response without one has "topic/partition/offset" for it). */
CaseId id_of_case(WallTime submitted, Text source, Text response_id);

/* Of the delivery's key. rung below 0: minus the sequence of the event. */
CaseId id_of_delivery(CaseId case_id, int32_t epoch, int32_t rung, int32_t occurrence, Text recipient, Text channel);

enum { ID_TEXT_BYTES = 37 };
Text id_text(CaseId id, char buffer[static ID_TEXT_BYTES]);
