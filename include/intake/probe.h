/* probe.h - asks Kafka once whether it can be reached and whether the topics are there: for `closedloopctl doctor`.
 * Owns:    a client of its own, for the time of the call. Reads no record, joins no group, changes nothing.
 * Errors:  what is wrong is a finding.
 * Called:  by a command, never by the daemon: it blocks. */
#pragma once

#include "intake/intake.h"

typedef struct KafkaFinding {
        KafkaHealth health;
        int partitions; /* of the topic; 0: not known */
        Text words;     /* in the arena; "" when all is well */
} KafkaFinding;

/* One finding for each topic; when no broker answers within patience, the same for all. */
void intake_probe(const KafkaConfig *kafka, const Text *topics, size_t count, Span patience, Arena *arena,
                  KafkaFinding *ret);

/* "librdkafka 2.0.2", in the arena. */
Text intake_library(Arena *arena);
