/* statement_tbl.h - every statement of the SQLite backend on one page: name, who runs it, text.
 * TURN: in a turn, or every second: finds its rows by a key or an index (tests/unit/test_store.c asks for each plan).
 * LIST: for a person; may walk, but no further than its LIMIT.
 * Numbers of states and kinds are those of the enums; schema.c pins them. */
#pragma once

/* What never changes of a case, then what does: case_bind() and case_row() follow this order. */
#define CASE_COLUMNS                                                                                    \
        "number, id, source, customer, territory, rule, policy, opened_at, "                            \
        "state, mode, severity, epoch, sequence, owner, owner_is_group, submitted_at, window_ends_at, " \
        "told_at, paused_until, attempts, last_attempt_at, last_attempt_result, last_attempt_channel, " \
        "level, responses, first_contact_at, contacted_at, closed_at, outcome, cause, is_held, due_at, steps"

#define RESPONSE_COLUMNS                                                                                       \
        "number, case_number, source, response_id, topic, partition, record_offset, record_at, submitted_at, " \
        "recorded_at, submitted_note, fields, trail, traceparent, log"

#define DELIVERY_COLUMNS                                                                                    \
        "number, case_number, epoch, rung, occurrence, sequence, recipient, channel, why, message, state, " \
        "due_at, next_at, first_tried_at, ended_at, attempts, code, detail, late, fell_over, note"

#define DEAD_LETTER_COLUMNS \
        "number, topic, partition, record_offset, record_at, reason, key, value, headers, recorded_at, state, bytes, log"

/* Of each list of cases: ?1 how far it may walk, ?2 owner, ?3 territory (NULL: any), ?4 how many are wanted,
 * ?5 now, ?6 customer, ?7 and ?8 whether only open and only overdue ones are asked for. */
#define CASE_FILTER "(?2 IS NULL OR owner = ?2) AND (?3 IS NULL OR territory = ?3) ORDER BY number DESC LIMIT ?4"

#define STORE_STATEMENTS(X)                                                                                         \
        X(BEGIN, TURN, "BEGIN IMMEDIATE")                                                                           \
        X(COMMIT, TURN, "COMMIT")                                                                                   \
        X(ROLLBACK, TURN, "ROLLBACK")                                                                               \
        X(PROBE, TURN, "SELECT one FROM figure WHERE one = 1")                                                      \
        /* offsets */                                                                                               \
        X(OFFSET_MOVE, TURN,                                                                                        \
          "UPDATE kafka_offset SET next_offset = ?, anchor_offset = ?, anchor_at = ?, anchor_hash = ? "             \
          "WHERE topic = ? AND partition = ? AND next_offset = ? AND generation = ?")                               \
        X(OFFSET_ADD, TURN,                                                                                         \
          "INSERT INTO kafka_offset (topic, partition, next_offset, generation, anchor_offset, anchor_at, "         \
          "anchor_hash, log) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")                                       \
        X(OFFSETS, LIST,                                                                                            \
          "SELECT topic, partition, next_offset, generation, anchor_offset, anchor_at, anchor_hash, log "                \
          "FROM kafka_offset ORDER BY topic, partition")                                                            \
        X(OFFSET_PLACE, TURN,                                                                                       \
          "UPDATE kafka_offset SET next_offset = ?, generation = generation + 1, anchor_offset = -1, "              \
          "anchor_at = NULL, anchor_hash = 0, log = ? WHERE topic = ? AND partition = ? AND next_offset = ? AND generation = ?") \
        X(GAP_ADD, TURN,                                                                                            \
          "INSERT INTO kafka_gap (topic, partition, from_offset, to_offset, why, found_at) "                        \
          "VALUES (?, ?, ?, ?, ?, ?)")                                                                              \
        X(GAPS, LIST,                                                                                               \
          "SELECT topic, partition, from_offset, to_offset, why, found_at FROM kafka_gap ORDER BY number DESC "     \
          "LIMIT ?")                                                                                                \
        X(GAPS_COUNT, LIST, "SELECT count(*), sum(to_offset - from_offset) FROM kafka_gap")                         \
        X(ATTEMPT_ADD, TURN,                                                                                        \
          "INSERT INTO kafka_attempt (topic, partition, record_offset, deaths) VALUES (?, ?, ?, 1) "                \
          "ON CONFLICT DO UPDATE SET deaths = deaths + 1")                                                          \
        X(ATTEMPTS_TRIM, LIST,                                                                                      \
          "DELETE FROM kafka_attempt WHERE (SELECT count(*) FROM kafka_attempt) > ? AND EXISTS (SELECT 1 FROM "      \
          "kafka_offset AS o WHERE o.topic = kafka_attempt.topic AND o.partition = kafka_attempt.partition AND "     \
          "o.next_offset > kafka_attempt.record_offset)")                                                           \
        X(ATTEMPTS, LIST, "SELECT topic, partition, record_offset, deaths FROM kafka_attempt")                      \
        /* responses */                                                                                             \
        X(RESPONSE_LAST, TURN, "SELECT max(number) FROM response")                                                  \
        X(RESPONSE_ADD, TURN,                                                                                       \
          "INSERT INTO response (" RESPONSE_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "          \
          "ON CONFLICT (source, response_id) DO NOTHING ON CONFLICT (topic, partition, record_offset, log) DO NOTHING")  \
        X(RESPONSE_LOAD, TURN, "SELECT " RESPONSE_COLUMNS " FROM response WHERE number = ?")                        \
        X(RESPONSE_NEWEST, TURN,                                                                                    \
          "SELECT " RESPONSE_COLUMNS " FROM response WHERE case_number = ? ORDER BY number DESC LIMIT 1")           \
        X(RESPONSES_OF_CASE, TURN,                                                                                  \
          "SELECT " RESPONSE_COLUMNS " FROM response WHERE case_number = ? ORDER BY number DESC")                   \
        /* cases */                                                                                                 \
        X(CASE_LAST, TURN, "SELECT max(number) FROM cases")                                                         \
        X(CASE_ADD, TURN,                                                                                           \
          "INSERT INTO cases (" CASE_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "  \
          "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")                                                              \
        X(CASE_SAVE, TURN,                                                                                          \
          "UPDATE cases SET state = ?, mode = ?, severity = ?, epoch = ?, sequence = ?, owner = ?, "                \
          "owner_is_group = ?, submitted_at = ?, window_ends_at = ?, told_at = ?, paused_until = ?, attempts = ?, " \
          "last_attempt_at = ?, last_attempt_result = ?, last_attempt_channel = ?, level = ?, responses = ?, "      \
          "first_contact_at = ?, contacted_at = ?, closed_at = ?, outcome = ?, cause = ?, is_held = ?, "            \
          "due_at = ?, steps = ? WHERE number = ? AND sequence = ?")                                                \
        X(CASE_COUNTED, TURN, "SELECT sequence, state, mode, window_ends_at FROM cases WHERE number = ?")           \
        X(CASE_LOAD, TURN, "SELECT " CASE_COLUMNS " FROM cases WHERE number = ?")                                   \
        X(CASE_OF_CUSTOMER, TURN,                                                                                   \
          "SELECT " CASE_COLUMNS " FROM cases WHERE customer = ? AND source = ? ORDER BY number DESC LIMIT 1")      \
        X(CASE_NOT_CLOSED_OF_CUSTOMER, TURN,                                                                        \
          "SELECT " CASE_COLUMNS " FROM cases WHERE number IN (SELECT number FROM cases WHERE customer = ? "        \
          "AND source = ? ORDER BY number DESC LIMIT 64) AND state < 3 ORDER BY state, number DESC LIMIT 1")        \
        /* two halves, as below */                                                                                  \
        X(CASES_DUE, TURN,                                                                                          \
          "SELECT due_at, number FROM cases WHERE due_at = ?1 AND number > ?2 UNION ALL "                           \
          "SELECT due_at, number FROM cases WHERE due_at > ?1 AND due_at <= ?3 ORDER BY due_at, number LIMIT ?4")   \
        X(CASE_NEXT_DUE, TURN, "SELECT due_at FROM cases WHERE due_at > ? ORDER BY due_at LIMIT 1")                 \
        X(CASES_COUNT_DUE, LIST,                                                                                    \
          "SELECT count(*) FROM (SELECT due_at FROM cases WHERE due_at <= ? LIMIT 100000)")                         \
        X(CASE_OWNERS, TURN,                                                                                        \
          "SELECT window_ends_at, number, owner FROM cases "                                                        \
          "WHERE state < 3 AND state = 1 AND mode = 0 AND window_ends_at = ?1 AND number > ?2 UNION ALL "           \
          "SELECT window_ends_at, number, owner FROM cases "                                                        \
          "WHERE state < 3 AND state = 1 AND mode = 0 AND window_ends_at > ?1 "                                     \
          "ORDER BY window_ends_at, number LIMIT ?3")                                                               \
        X(CASES_OVERDUE_BETWEEN, TURN,                                                                              \
          "SELECT count(*) FROM cases "                                                                             \
          "WHERE state < 3 AND state = 1 AND mode = 0 AND window_ends_at >= ? AND window_ends_at < ?")              \
        X(CASES_ALL, LIST,                                                                                          \
          "SELECT " CASE_COLUMNS " FROM (SELECT * FROM cases ORDER BY number DESC LIMIT ?1) WHERE " CASE_FILTER)    \
        X(CASES_OPEN, LIST,                                                                                         \
          "SELECT " CASE_COLUMNS " FROM cases WHERE number IN "                                                     \
          "(SELECT number FROM cases WHERE state < 3 ORDER BY number DESC LIMIT ?1) AND " CASE_FILTER)              \
        X(CASES_OVERDUE, LIST,                                                                                      \
          "SELECT " CASE_COLUMNS " FROM cases WHERE number IN "                                                     \
          "(SELECT number FROM cases WHERE state < 3 AND state = 1 AND mode IN (0, 1, 2) AND window_ends_at < ?5 "  \
          "ORDER BY number DESC LIMIT ?1) AND " CASE_FILTER)                                                        \
        X(CASES_OF_CUSTOMER, LIST,                                                                                  \
          "SELECT " CASE_COLUMNS " FROM cases WHERE number IN "                                                     \
          "(SELECT number FROM cases WHERE customer = ?6 ORDER BY number DESC LIMIT ?1) AND (?7 = 0 OR state < 3) " \
          "AND (?8 = 0 OR (state = 1 AND window_ends_at < ?5)) AND " CASE_FILTER)                                   \
        /* events */                                                                                                \
        X(EVENT_ADD, TURN,                                                                                          \
          "INSERT INTO case_event (case_number, sequence, kind, at, act_key, detail) VALUES (?, ?, ?, ?, ?, ?)")    \
        X(EVENT_HAS_KEY, TURN, "SELECT 1 FROM case_event WHERE case_number = ? AND act_key = ?")                    \
        X(EVENTS, TURN, "SELECT sequence, kind, detail FROM case_event WHERE case_number = ? ORDER BY sequence")    \
        /* deliveries */                                                                                            \
        X(DELIVERY_LAST, TURN, "SELECT max(number) FROM delivery")                                                  \
        X(DELIVERY_ADD, TURN,                                                                                       \
          "INSERT INTO delivery (" DELIVERY_COLUMNS                                                                 \
          ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "                               \
          "ON CONFLICT (case_number, epoch, rung, occurrence, recipient, channel) DO NOTHING")                      \
        X(DELIVERY_SAVE, TURN,                                                                                      \
          "UPDATE delivery SET state = ?, next_at = ?, first_tried_at = ?, ended_at = ?, attempts = ?, code = ?, "  \
          "detail = ?, fell_over = ? WHERE number = ? AND state = ?")                                               \
        X(DELIVERY_STATE, TURN, "SELECT state FROM delivery WHERE number = ?")                                      \
        X(DELIVERY_LOAD, TURN, "SELECT " DELIVERY_COLUMNS " FROM delivery WHERE number = ?")                        \
        X(DELIVERIES_PENDING_OF_CASE, TURN,                                                                         \
          "SELECT number FROM delivery WHERE case_number = ? AND state = 0 AND number > ? ORDER BY number LIMIT ?") \
        X(DELIVERY_DROP, TURN,                                                                                      \
          "UPDATE delivery SET state = 3, next_at = NULL, ended_at = ? WHERE number = ? AND state = 0")             \
        X(DELIVERY_DROP_OTHERS, TURN,                                                                               \
          "UPDATE delivery SET state = 3, next_at = NULL, ended_at = ? WHERE case_number = ? AND epoch = ? "        \
          "AND rung = ? AND occurrence = ? AND recipient = ? AND channel <> ? AND state = 0")                       \
        X(ALERT_STATE, TURN,                                                                                        \
          "SELECT min(ended_at) FILTER (WHERE state = 1), count(*) FILTER (WHERE state = 0 AND fell_over = 0), "    \
          "count(*) FROM delivery WHERE case_number = ? AND epoch = ? AND message = 0 AND why = 0 AND state <> 3")  \
        /* two halves: a comparison of pairs would walk through everything that is due in the same microsecond */   \
        X(DELIVERIES_DUE, TURN,                                                                                     \
          "SELECT " DELIVERY_COLUMNS " FROM delivery WHERE state = 0 AND channel = ?4 AND next_at = ?1 "            \
          "AND number > ?2 UNION ALL "                                                                              \
          "SELECT " DELIVERY_COLUMNS " FROM delivery WHERE state = 0 AND channel = ?4 AND next_at > ?1 "            \
          "ORDER BY next_at, number LIMIT ?3")                                                                      \
        X(DELIVERY_NEXT, TURN,                                                                                      \
          "SELECT next_at FROM delivery WHERE state = 0 AND channel = ? AND next_at > ? ORDER BY next_at LIMIT 1")  \
        X(DELIVERIES_SHIFT, LIST,                                                                                   \
          "UPDATE delivery SET next_at = next_at + min(?1, 0), first_tried_at = first_tried_at + ?1 "               \
          "WHERE state = 0")                                                                                        \
        X(DELIVERY_CHANNEL, TURN,                                                                                   \
          "SELECT channel FROM delivery WHERE state = 0 AND channel > ? ORDER BY channel LIMIT 1")                  \
        X(DELIVERIES_WAKE, TURN,                                                                                    \
          "UPDATE delivery SET next_at = ?1 WHERE number IN (SELECT number FROM delivery WHERE state = 0 "          \
          "AND channel = ?2 AND next_at > ?1 AND first_tried_at IS NOT NULL ORDER BY next_at LIMIT ?3)")            \
        X(DELIVERIES_ALL, LIST, "SELECT " DELIVERY_COLUMNS " FROM delivery ORDER BY number DESC LIMIT ?")           \
        X(DELIVERIES_FAILED, LIST,                                                                                  \
          "SELECT " DELIVERY_COLUMNS " FROM delivery WHERE state = 2 ORDER BY number DESC LIMIT ?")                 \
        X(DELIVERIES_OF_CASE, LIST,                                                                                 \
          "SELECT " DELIVERY_COLUMNS " FROM delivery WHERE case_number = ? AND (? = 0 OR state = 2) "               \
          "ORDER BY number DESC LIMIT ?")                                                                           \
        /* channels */                                                                                              \
        X(CHANNEL_DISABLE, TURN,                                                                                    \
          "INSERT INTO channel_state (channel, recipient, disabled_at, reason) VALUES (?, ?, ?, ?) "                \
          "ON CONFLICT DO NOTHING")                                                                                 \
        X(CHANNEL_ENABLE, TURN, "DELETE FROM channel_state WHERE channel = ? AND recipient = ?")                    \
        X(CHANNEL_ENABLE_ALL, TURN, "DELETE FROM channel_state WHERE channel = ? AND recipient <> ''")              \
        X(CHANNELS_ENABLE, LIST, "DELETE FROM channel_state WHERE recipient <> ''")                                 \
        X(CHANNELS_DISABLED, LIST,                                                                                  \
          "SELECT channel, recipient, disabled_at, reason FROM channel_state ORDER BY channel, recipient")          \
        /* policies and names */                                                                                    \
        X(POLICIES, LIST, "SELECT number, name, version FROM policy ORDER BY number")                               \
        X(NAMES, LIST, "SELECT number, text, 0 FROM name ORDER BY number")                                          \
        X(NAME_LAST, TURN, "SELECT max(number) FROM name")                                                          \
        X(NAME_ADD, TURN, "INSERT INTO name (number, text) VALUES (?, ?)")                                          \
        X(POLICY_LAST, TURN, "SELECT max(number) FROM policy")                                                      \
        X(POLICY_ADD, TURN, "INSERT INTO policy (number, name, version, kept_at, text) VALUES (?, ?, ?, ?, ?)")     \
        X(POLICY_TEXT, TURN, "SELECT text FROM policy WHERE name = ? AND version = ?")                              \
        /* dead letters */                                                                                          \
        X(DEAD_LETTER_LAST, TURN, "SELECT max(number) FROM dead_letter")                                            \
        X(DEAD_LETTER_ADD, TURN,                                                                                    \
          "INSERT INTO dead_letter (" DEAD_LETTER_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "          \
          "ON CONFLICT (topic, partition, record_offset, log) DO NOTHING")                                               \
        X(DEAD_LETTER_SAVE, TURN, "UPDATE dead_letter SET state = ?1 WHERE number = ?2 AND (state = 1 OR ?1 = 3)")                              \
        X(DEAD_LETTERS_ALL, LIST, "SELECT " DEAD_LETTER_COLUMNS " FROM dead_letter ORDER BY number DESC LIMIT ?")   \
        X(DEAD_LETTERS_IN_STATE, TURN,                                                                              \
          "SELECT " DEAD_LETTER_COLUMNS " FROM dead_letter WHERE state = ? ORDER BY number LIMIT ?")                \
        X(DEAD_LETTER_OLDEST, TURN,                                                                                 \
          "SELECT number, bytes FROM dead_letter WHERE state = ? AND bytes > 0 ORDER BY number LIMIT 1")            \
        X(DEAD_LETTER_TRIM, TURN,                                                                                   \
          "UPDATE dead_letter SET key = NULL, value = NULL, headers = NULL, bytes = 0, "                            \
          "state = CASE state WHEN 1 THEN 0 ELSE state END WHERE number = ?")                                       \
        X(DEAD_LETTERS_AFTER, TURN,                                                                                 \
          "SELECT " DEAD_LETTER_COLUMNS " FROM dead_letter WHERE number > ? AND bytes > 0 AND state <> 3 "          \
          "ORDER BY number LIMIT ?")            \
        /* meta and figures */                                                                                      \
        X(META_GET, TURN, "SELECT value FROM meta WHERE key = ?")                                                   \
        X(META_SET, TURN,                                                                                           \
          "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")     \
        X(META_TAKE, TURN, "DELETE FROM meta WHERE key = ?")                                                        \
        X(FIGURES_LOAD, TURN,                                                                                       \
          "SELECT cases_open, cases_contacted, cases_closed, deliveries_pending, deliveries_failed, dead_letters, " \
          "dead_letter_bytes, overdue, overdue_at FROM figure WHERE one = 1")                                       \
        X(FIGURES_SAVE, TURN,                                                                                       \
          "UPDATE figure SET cases_open = ?, cases_contacted = ?, cases_closed = ?, deliveries_pending = ?, "       \
          "deliveries_failed = ?, dead_letters = ?, dead_letter_bytes = ?, overdue = ?, overdue_at = ? "            \
          "WHERE one = 1")
