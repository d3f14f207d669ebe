/* schema.c - the tables of the SQLite backend, as ordered migrations. What people may build on are the views
 * (schema_view.c); these tables are ours to change.
 *
 * Lean, because each index and each text costs a microsecond an answer: numbers that the process hands out are the
 * keys, ids are 16 bytes that begin with their time (so they append), indexes cover only the rows that somebody looks
 * for. No foreign keys: every row is written in the transaction that writes what it refers to, by one program, and each
 * declared key would cost a look-up for each row. Times are microseconds since 1970, states and kinds the numbers of
 * their enums: those never change their meaning. */
#include "sqlite.h"

_Static_assert(CASE_OPEN == 1 && CASE_CONTACTED == 2 && CASE_CLOSED == 3 && CASE_STATE_MAX == 4, "stored");
_Static_assert(MODE_LIVE == 0 && MODE_SHADOW == 1 && MODE_TOO_OLD == 2 && MODE_MAX == 3, "stored");
_Static_assert(DELIVERY_PENDING == 0 && DELIVERY_ACCEPTED == 1 && DELIVERY_FAILED == 2 && DELIVERY_DROPPED == 3,
               "stored");
_Static_assert(DEAD_LETTER_PENDING == 1 && DEAD_LETTER_PUBLISHED == 2 && DEAD_LETTER_REPLAYED == 3, "stored");
_Static_assert(GAP_EXPIRED == 0 && GAP_SKIPPED == 1 && GAP_WHY_MAX == 2, "stored");
_Static_assert(MESSAGE_ALERT == 0 && RECIPIENT_OWNER == 0, "stored");

/* One text a version; never changed once it was released. What a store lacks is applied in one transaction. */
const char *const schema_migrations[] = {
        /* version 1 */
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;"

        "CREATE TABLE kafka_offset ("
        " topic TEXT NOT NULL,"
        " partition INTEGER NOT NULL,"
        " next_offset INTEGER NOT NULL,"
        " generation INTEGER NOT NULL," /* raised by every reset: fences whoever had the old one */
        " anchor_offset INTEGER NOT NULL,"
        " anchor_at INTEGER,"
        " anchor_hash INTEGER NOT NULL,"
        " PRIMARY KEY (topic, partition)) WITHOUT ROWID, STRICT;"

        /* sources and topics */
        "CREATE TABLE name ("
        " number INTEGER PRIMARY KEY,"
        " text TEXT NOT NULL UNIQUE) STRICT;"

        "CREATE TABLE response ("
        " number INTEGER PRIMARY KEY,"
        " case_number INTEGER NOT NULL,"
        " source INTEGER NOT NULL," /* name.number */
        " response_id TEXT NOT NULL,"
        " topic INTEGER NOT NULL," /* name.number */
        " partition INTEGER NOT NULL,"
        " record_offset INTEGER NOT NULL,"
        " record_at INTEGER,"
        " submitted_at INTEGER,"
        " recorded_at INTEGER,"
        " submitted_note INTEGER NOT NULL,"
        " fields TEXT,"
        " trail TEXT,"
        " traceparent TEXT) STRICT;"
        "CREATE UNIQUE INDEX response_id ON response (response_id, source);"
        "CREATE UNIQUE INDEX response_place ON response (record_offset, partition, topic);"
        "CREATE INDEX response_case ON response (case_number);"

        "CREATE TABLE cases ("
        " number INTEGER PRIMARY KEY,"
        " id BLOB NOT NULL,"
        " source INTEGER NOT NULL," /* name.number; 0: none */
        " customer TEXT,"
        " territory TEXT,"
        " rule TEXT,"
        " policy INTEGER," /* policy.number */
        " opened_at INTEGER,"
        " state INTEGER NOT NULL,"
        " mode INTEGER NOT NULL,"
        " severity INTEGER NOT NULL,"
        " epoch INTEGER NOT NULL,"
        " sequence INTEGER NOT NULL," /* of the last event: compared and swapped by every change */
        " owner TEXT,"
        " owner_is_group INTEGER NOT NULL,"
        " submitted_at INTEGER,"
        " window_ends_at INTEGER,"
        " told_at INTEGER,"
        " paused_until INTEGER,"
        " attempts INTEGER NOT NULL,"
        " last_attempt_at INTEGER,"
        " last_attempt_result TEXT,"
        " last_attempt_channel TEXT,"
        " level INTEGER NOT NULL,"
        " responses INTEGER NOT NULL,"
        " first_contact_at INTEGER,"
        " contacted_at INTEGER,"
        " closed_at INTEGER,"
        " outcome TEXT,"
        " cause TEXT,"
        " is_held INTEGER NOT NULL,"
        " due_at INTEGER,"
        " steps TEXT) STRICT;" /* JSON: what the ladder still owes */
        "CREATE UNIQUE INDEX case_id ON cases (id);"
        /* closed ones too: they open again */
        "CREATE INDEX case_customer ON cases (customer, source) WHERE customer IS NOT NULL;"
        "CREATE INDEX case_due ON cases (due_at) WHERE due_at IS NOT NULL;"
        "CREATE INDEX case_not_closed ON cases (state, mode, window_ends_at) WHERE state < 3;"

        "CREATE TABLE case_event ("
        " case_number INTEGER NOT NULL,"
        " sequence INTEGER NOT NULL,"
        " kind INTEGER NOT NULL,"
        " at INTEGER NOT NULL,"
        " act_key TEXT,"
        " detail TEXT NOT NULL," /* the whole event as JSON: replayed, it gives the case */
        " PRIMARY KEY (case_number, sequence)) WITHOUT ROWID, STRICT;"
        "CREATE UNIQUE INDEX case_event_act ON case_event (case_number, act_key) WHERE act_key IS NOT NULL;"

        "CREATE TABLE delivery ("
        " number INTEGER PRIMARY KEY,"
        " case_number INTEGER NOT NULL," /* 0: not about a case */
        " epoch INTEGER NOT NULL,"
        " rung INTEGER NOT NULL," /* below 0: minus the sequence of the event that it tells of */
        " occurrence INTEGER NOT NULL,"
        " sequence INTEGER NOT NULL,"
        " recipient TEXT NOT NULL,"
        " channel TEXT NOT NULL,"
        " why INTEGER NOT NULL,"
        " message INTEGER NOT NULL,"
        " state INTEGER NOT NULL,"
        " due_at INTEGER,"
        " next_at INTEGER,"
        " first_tried_at INTEGER,"
        " ended_at INTEGER,"
        " attempts INTEGER NOT NULL,"
        " code INTEGER NOT NULL,"
        " detail TEXT,"
        " late INTEGER NOT NULL,"
        " fell_over INTEGER NOT NULL,"
        " note TEXT) STRICT;"
        /* the key of promise S4, and the way to the deliveries of a case */
        "CREATE UNIQUE INDEX delivery_key ON delivery (case_number, epoch, rung, occurrence, recipient, channel);"
        "CREATE INDEX delivery_due ON delivery (next_at) WHERE state = 0;"
        "CREATE INDEX delivery_failed ON delivery (state) WHERE state = 2;"

        "CREATE TABLE channel_state ("
        " channel TEXT NOT NULL,"
        " recipient TEXT NOT NULL,"
        " disabled_at INTEGER,"
        " reason TEXT,"
        " PRIMARY KEY (channel, recipient)) WITHOUT ROWID, STRICT;"

        "CREATE TABLE policy ("
        " number INTEGER PRIMARY KEY,"
        " name TEXT NOT NULL,"
        " version INTEGER NOT NULL,"
        " kept_at INTEGER,"
        " text TEXT NOT NULL) STRICT;"
        "CREATE UNIQUE INDEX policy_version ON policy (name, version);"

        "CREATE TABLE dead_letter ("
        " number INTEGER PRIMARY KEY,"
        " topic TEXT NOT NULL,"
        " partition INTEGER NOT NULL,"
        " record_offset INTEGER NOT NULL,"
        " record_at INTEGER,"
        " reason TEXT NOT NULL,"
        " key BLOB,"
        " value BLOB,"
        " headers TEXT,"
        " recorded_at INTEGER,"
        " state INTEGER NOT NULL,"
        " bytes INTEGER NOT NULL) STRICT;" /* of key, value and headers, as long as they are kept */
        "CREATE UNIQUE INDEX dead_letter_place ON dead_letter (topic, partition, record_offset);"
        "CREATE INDEX dead_letter_state ON dead_letter (state);"
        "CREATE INDEX dead_letter_bytes ON dead_letter (state) WHERE state = 2 AND bytes > 0;"

        "CREATE TABLE figure ("
        " one INTEGER PRIMARY KEY CHECK (one = 1),"
        " cases_open INTEGER NOT NULL,"
        " cases_contacted INTEGER NOT NULL,"
        " cases_closed INTEGER NOT NULL,"
        " deliveries_pending INTEGER NOT NULL,"
        " deliveries_failed INTEGER NOT NULL,"
        " dead_letters INTEGER NOT NULL,"
        " dead_letter_bytes INTEGER NOT NULL,"
        " overdue INTEGER NOT NULL,"
        " overdue_at INTEGER) STRICT;"
        "INSERT INTO figure VALUES (1, 0, 0, 0, 0, 0, 0, 0, 0, NULL);",

        /* version 2 */
        /* by channel: what waits for one that is slow or broken is not walked through for the others */
        "DROP INDEX delivery_due;"
        "CREATE INDEX delivery_due ON delivery (channel, next_at) WHERE state = 0;"

        "CREATE TABLE kafka_gap ("
        " number INTEGER PRIMARY KEY,"
        " topic TEXT NOT NULL,"
        " partition INTEGER NOT NULL,"
        " from_offset INTEGER NOT NULL,"
        " to_offset INTEGER NOT NULL,"
        " why INTEGER NOT NULL,"
        " found_at INTEGER) STRICT;"

        "CREATE TABLE kafka_attempt (" /* records that the process died of */
        " topic TEXT NOT NULL,"
        " partition INTEGER NOT NULL,"
        " record_offset INTEGER NOT NULL,"
        " deaths INTEGER NOT NULL,"
        " PRIMARY KEY (topic, partition, record_offset)) WITHOUT ROWID, STRICT;"

        /* which log of that name: a topic that was made anew has other records at the same offsets */
        "ALTER TABLE kafka_offset ADD COLUMN log INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE response ADD COLUMN log INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE dead_letter ADD COLUMN log INTEGER NOT NULL DEFAULT 0;"
        "DROP INDEX response_place;"
        "CREATE UNIQUE INDEX response_place ON response (record_offset, partition, topic, log);"
        "DROP INDEX dead_letter_place;"
        "CREATE UNIQUE INDEX dead_letter_place ON dead_letter (topic, partition, record_offset, log);"

        /* in the order in which they lose their bytes, within a state */
        "DROP INDEX dead_letter_bytes;"
        "CREATE INDEX dead_letter_bytes ON dead_letter (state) WHERE bytes > 0;",
};

const int schema_version = (int)COUNT_OF(schema_migrations);
