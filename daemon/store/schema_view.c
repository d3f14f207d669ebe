/* The views for analysts: what others build on (the tables below are ours to change). One row a column, with its
 * meaning, from which come the view itself, with the meanings as comments in its text, and the README's tables.
 * What is needed of an event is taken out of its JSON here, where an analyst waits for it, instead of being written
 * twice for each event. SQLite 3.40 counts JSON functions as unsafe in views for programs that set trusted_schema =
 * OFF: we do, and read no view; the sqlite3 shell and the usual drivers do not. */
#include "sqlite.h"

/* How a number becomes its word; the word comes from the program, so that both always agree. */
#define WORDS(function, Type)                        \
        static const char *function##_of(int number) \
        {                                            \
                return function((Type)number);       \
        }
WORDS(case_state_text, CaseState)
WORDS(case_mode_text, CaseMode)
WORDS(severity_text, Severity)
WORDS(event_kind_text, EventKind)
WORDS(recipient_kind_text, RecipientKind)
WORDS(message_text, Message)
WORDS(delivery_state_text, DeliveryState)
WORDS(dead_letter_state_text, DeadLetterState)
WORDS(gap_why_text, GapWhy)

/* The core has sentences for these. */
static const char *submitted_note_of(int number)
{
        static const char *const words[SUBMITTED_NOTE_MAX] = {
                [SUBMITTED_GIVEN] = "given",
                [SUBMITTED_MISSING] = "missing",
                [SUBMITTED_UNREADABLE] = "unreadable",
                [SUBMITTED_IN_FUTURE] = "in-future",
        };
        return words[number];
}

typedef struct Column {
        const char *name;
        const char *expression; /* NULL: the table's column of that name */
        const char *meaning;
        bool is_time; /* becomes two columns: text, and NAME_us */
        const char *(*word_of)(int number);
        int words;
} Column;

typedef struct View {
        const char *name;
        const char *meaning;
        const char *from;
        const Column *columns;
        size_t count;
} View;

#define PLAIN(column, meant)                     \
        {                                        \
                .name = column, .meaning = meant \
        }
#define VALUE(column, sql, meant)                                   \
        {                                                           \
                .name = column, .expression = sql, .meaning = meant \
        }
#define TIME(column, sql, meant)                                                     \
        {                                                                            \
                .name = column, .expression = sql, .meaning = meant, .is_time = true \
        }
#define WORD(column, sql, function, count, meant)                                                             \
        {                                                                                                     \
                .name = column, .expression = sql, .meaning = meant, .word_of = function##_of, .words = count \
        }
#define JSON(key) "json_extract(detail, '$." key "')"
#define IN_UUID(from, length) "substr(lower(hex(id)), " #from ", " #length ")"

/* The case itself learns of it when a further rung falls due. */
#define TOLD_AT                                                                                            \
        "coalesce(told_at, (SELECT min(ended_at) FROM delivery WHERE delivery.case_number = cases.number " \
        "AND delivery.epoch = cases.epoch AND message = 0 AND why = 0 AND state = 1))"

static const Column CASE_VIEW[] = {
        VALUE("number", "cases.number", "the short number that people use"),
        VALUE("id",
              IN_UUID(1, 8) " || '-' || " IN_UUID(9, 4) " || '-' || " IN_UUID(13, 4) " || '-' || " IN_UUID(
                      17, 4) " || '-' || " IN_UUID(21, 12),
              "UUID; the same answer always opens the case with the same id, also after a restored backup"),
        WORD("state", NULL, case_state_text, CASE_STATE_MAX,
             "open: nobody has reached the customer; contacted: reached; closed: with an outcome"),
        WORD("mode", NULL, case_mode_text, MODE_MAX,
             "live; shadow: kept and measured, nobody is told; too-old: the answer was too old to alert"),
        WORD("severity", NULL, severity_text, SEVERITY_MAX, "low, normal, high, critical: the highest of its answers"),
        VALUE("source", "source.text", "where its answers come from, a name of the configuration"),
        PLAIN("customer", "id of the customer; null: anonymous"),
        PLAIN("territory", "territory of the first answer"),
        PLAIN("rule", "the rule that flagged the first answer"),
        VALUE("policy", "policy.name", "the policy that the case follows"),
        VALUE("policy_version", "policy.version", "its version: a case keeps the one it was opened under"),
        PLAIN("owner", "id of the person or group it belongs to"),
        PLAIN("owner_is_group", "1: a group, until one of its members claims the case"),
        TIME("submitted_at", NULL, "when the customer answered; of a case that opened again: the latest time"),
        TIME("opened_at", NULL, "when the case was first opened"),
        TIME("window_ends_at", NULL, "until when the customer was to be reached"),
        TIME("told_at", TOLD_AT, "when the owner's alert was accepted by their channel"),
        TIME("contacted_at", NULL, "when the customer was reached, since the case was last opened"),
        TIME("closed_at", NULL, "when it was closed"),
        TIME("first_contact_at", NULL, "when the customer was reached for the first time in this case"),
        VALUE("seconds_to_contact", "(contacted_at - submitted_at) / 1000000",
              "from the answer to the contact, nights and weekends included"),
        VALUE("is_in_time", "contacted_at <= window_ends_at", "1: reached within the window; null: not reached yet"),
        PLAIN("attempts", "attempts that did not reach the customer, since the case was last opened"),
        TIME("last_attempt_at", NULL, "the last of them"),
        PLAIN("last_attempt_channel", "how: phone, visit, email, chat"),
        PLAIN("last_attempt_result", "what came of it: no-answer, voicemail, bounced, ..."),
        TIME("paused_until", NULL, "until when an attempt holds the ladder back"),
        PLAIN("level", "rungs that told somebody other than the owner, since the case was last opened"),
        PLAIN("responses", "how many unhappy answers it holds"),
        PLAIN("epoch", "how often its ladder was started: 1, more after it was opened or handed over again"),
        VALUE("events", "sequence", "number of its last event"),
        PLAIN("outcome",
              "of a closed case: recovered, partly, lost, declined, wrong-person, already-handled, duplicate, "
              "not-a-complaint, unreachable"),
        PLAIN("cause", "root cause, as it was given at the close"),
        TIME("next_step_at", "due_at", "when the ladder looks at it next; null: it waits for nothing"),
        PLAIN("is_held", "1: a step is due and waits for the fate of the owner's alert"),
};

static const Column RESPONSE_VIEW[] = {
        VALUE("number", "response.number", "counts the answers that were flagged"),
        PLAIN("case_number", "the case it opened or joined"),
        VALUE("source", "source.text", "where it comes from, a name of the configuration"),
        PLAIN("response_id", "its id there; TOPIC/PARTITION/OFFSET where answers have none, and /LOG if that is not 0"),
        VALUE("topic", "topic.text", "its place in Kafka: topic,"),
        PLAIN("partition", "partition"),
        VALUE("offset", "record_offset", "and offset"),
        VALUE("log", "response.log", "the log that it stands in, as in v_offset"),
        TIME("record_at", NULL, "the record's own time"),
        TIME("submitted_at", NULL, "when the customer answered"),
        WORD("submitted_note", NULL, submitted_note, SUBMITTED_NOTE_MAX,
             "given; else the record's time is used, because it was missing, unreadable, or in-future: later than the "
             "record"),
        TIME("recorded_at", NULL, "when it was stored here; what is lost until then is our delay"),
        PLAIN("fields", "the fields that were read from it, as a JSON object"),
        PLAIN("trail", "which rules and routes were tried and what decided, as JSON"),
        PLAIN("traceparent", "W3C trace context of the record, if it had one"),
};

static const Column EVENT_VIEW[] = {
        PLAIN("case_number", "whose event it is"),
        PLAIN("sequence", "1, 2, ... within its case"),
        WORD("event", "kind", event_kind_text, EVENT_KIND_MAX,
             "flagged: an unhappy answer; due: the ladder; attempt, contact, claim, assign, close: what a person did"),
        TIME("recorded_at", "at", "when it was recorded: what the ladder goes by"),
        TIME("happened_at", "coalesce(" JSON("happened") ", at)", "when it happened, as the person says"),
        VALUE("by_whom", JSON("by"), "id of the person; or survey, clock, roster, administrator"),
        PLAIN("act_key", "the sender's key of an act: the same key twice is one act"),
        VALUE("response_id", JSON("response"), "of flagged: the answer"),
        VALUE("owner", JSON("owner"), "whom the case belongs to from then on, if it changed"),
        VALUE("channel", JSON("channel"), "of attempt and contact: phone, visit, email, chat"),
        VALUE("result", JSON("result"), "of attempt and contact: no-answer, voicemail, spoke, ..."),
        VALUE("note", JSON("note"), "what the person wrote"),
        VALUE("outcome", JSON("outcome"), "of close"),
        VALUE("cause", JSON("cause"), "of close: root cause"),
        VALUE("amount", JSON("amount"), "of close: money at stake or saved, in the company's currency"),
        VALUE("reference", JSON("reference"), "of close: ticket, order, credit note"),
        VALUE("credit", JSON("credit"), "of close: departments and people whose work helped"),
        VALUE("may_quote", "coalesce(" JSON("may_quote") ", 0)", "of close: 1: the customer may be quoted"),
        PLAIN("detail", "the whole event as JSON; a case's events replayed give the case"),
};

static const Column DELIVERY_VIEW[] = {
        PLAIN("number", "as shown by closedloopctl deliveries"),
        VALUE("case_number", "nullif(case_number, 0)", "null: not about a case"),
        PLAIN("epoch", "the start of the ladder that it belongs to"),
        VALUE("rung", "CASE WHEN rung >= 0 THEN rung END",
              "rung of the policy's ladder, from 0; null: told of an event"),
        PLAIN("occurrence", "0, then 1, 2, ... of a rung that repeats"),
        VALUE("event", "sequence", "the case event that decided it"),
        PLAIN("recipient", "id of the person, or channel:NAME"),
        PLAIN("channel", "name of the channel"),
        WORD("why", NULL, recipient_kind_text, RECIPIENT_KIND_MAX, "what the recipient is to the case"),
        WORD("message", NULL, message_text, MESSAGE_MAX, "which message: alert, reminder, ..."),
        WORD("state", NULL, delivery_state_text, DELIVERY_STATE_MAX,
             "pending; accepted by the channel; failed for good or given up; dropped: the customer was reached before, "
             "or "
             "another channel was faster"),
        TIME("due_at", NULL, "when it should go"),
        TIME("next_at", NULL, "pending: when it is tried next"),
        TIME("first_tried_at", NULL, "when it was tried for the first time"),
        TIME("ended_at", NULL, "when it was accepted, failed or dropped"),
        PLAIN("attempts", "how often it was tried"),
        PLAIN("code", "the last answer: HTTP status, SMTP code; 0: none"),
        PLAIN("detail", "the last answer in words"),
        VALUE("late_seconds", "late / 1000000", "how late its rung was decided"),
        PLAIN("fell_over", "1: it took too long or failed, so the next channel was asked as well"),
        PLAIN("note", "rungs that it stands for as well, as JSON; the text of a message to operators"),
};

static const Column DEAD_LETTER_VIEW[] = {
        PLAIN("number", "as shown by closedloopctl dead-letters"),
        PLAIN("topic", "the record's place: topic,"),
        PLAIN("partition", "partition"),
        VALUE("offset", "record_offset", "and offset"),
        PLAIN("log", "the log that it stands in, as in v_offset"),
        TIME("record_at", NULL, "the record's own time"),
        PLAIN("reason", "why it could not be read"),
        PLAIN("key", "its key, the original bytes"),
        PLAIN("value", "its value, the original bytes"),
        PLAIN("headers", "its headers: JSON array of name and base64 value"),
        PLAIN("bytes", "of key, value and headers; 0 once they were taken away to make room"),
        TIME("recorded_at", NULL, "when it was set aside"),
        WORD("state", NULL, dead_letter_state_text, DEAD_LETTER_STATE_MAX,
             "kept: only here; pending: to be written to the dead-letter topic; published: it is there; "
             "replayed: it could be read after all"),
};

static const Column OFFSET_VIEW[] = {
        PLAIN("topic", "topic"),
        PLAIN("partition", "partition"),
        PLAIN("next_offset", "the next record to read: all before it are decided"),
        PLAIN("generation", "raised when an operator resets the offset"),
        VALUE("anchor_offset", "nullif(anchor_offset, -1)", "the last record that was read; null: none yet"),
        TIME("anchor_at", NULL, "its time"),
        VALUE("anchor_hash", "printf('%016x', anchor_hash)",
              "its hash: tells at the start whether the topic is still the same"),
        PLAIN("log", "which log of that name it is: 0, and one more each time that the topic was made anew"),
};

static const Column GAP_VIEW[] = {
        PLAIN("topic", "topic"),
        PLAIN("partition", "partition"),
        PLAIN("from_offset", "the first record that was never read"),
        PLAIN("to_offset", "the record behind the last of them"),
        WORD("why", NULL, gap_why_text, GAP_WHY_MAX,
             "expired: Kafka had deleted them before they were read; skipped: an operator went on behind them"),
        TIME("found_at", NULL, "when it was found, or skipped"),
};

#define VIEW(view, table, rows, meant)                   \
        {                                                \
                view, meant, table, rows, COUNT_OF(rows) \
        }
static const View VIEWS[] = {
        VIEW("v_case",
             "cases LEFT JOIN policy ON policy.number = cases.policy LEFT JOIN name AS source ON source.number = "
             "cases.source",
             CASE_VIEW, "one row a case: a dissatisfied customer until somebody has reached them"),
        VIEW("v_response",
             "response LEFT JOIN name AS source ON source.number = response.source LEFT JOIN name AS topic ON "
             "topic.number = response.topic",
             RESPONSE_VIEW, "one row an answer that asked for a call"),
        VIEW("v_case_event", "case_event", EVENT_VIEW, "one row for each thing that happened to a case"),
        VIEW("v_delivery", "delivery", DELIVERY_VIEW, "one row a message to one recipient on one channel"),
        VIEW("v_dead_letter", "dead_letter", DEAD_LETTER_VIEW, "one row a record that could not be read"),
        VIEW("v_offset", "kafka_offset", OFFSET_VIEW, "one row a partition: how far it is read"),
        VIEW("v_gap", "kafka_gap", GAP_VIEW, "one row for each run of records that were never read"),
};

/* ---- the view's text -------------------------------------------------------------------------------------------- */

static Text expression_of(const Column *c)
{
        return text_from(c->expression ? c->expression : c->name);
}

/* Not by real numbers: they would round the last millisecond. */
static void put_time(Buffer *b, Text us)
{
        buffer_putf(b,
                    "strftime('%%Y-%%m-%%dT%%H:%%M:%%S', (" TEXT_F ") / 1000000, 'unixepoch') || "
                    "printf('.%%03dZ', (" TEXT_F ") / 1000 %% 1000)",
                    TEXT_ARG(us), TEXT_ARG(us));
}

static void put_words(Buffer *b, const Column *c)
{
        buffer_putf(b, "CASE " TEXT_F, TEXT_ARG(expression_of(c)));
        for (int i = 0; i < c->words; i++) {
                must(!strchr(c->word_of(i), '\''));
                buffer_putf(b, " WHEN %d THEN '%s'", i, c->word_of(i));
        }
        buffer_put_literal(b, " END");
}

static void put_column(Buffer *b, const Column *c, bool is_last)
{
        const char *comma = is_last ? "" : ",";
        buffer_put_literal(b, "  ");
        if (c->is_time)
                put_time(b, expression_of(c));
        else if (c->word_of)
                put_words(b, c);
        else
                buffer_put(b, expression_of(c));
        buffer_putf(b, " AS \"%s\"%s -- %s\n", c->name, c->is_time ? "," : comma, c->meaning);
        if (c->is_time)
                buffer_putf(b, "  " TEXT_F " AS \"%s_us\"%s\n", TEXT_ARG(expression_of(c)), c->name, comma);
}

const char *schema_view_name(size_t index)
{
        return index < COUNT_OF(VIEWS) ? VIEWS[index].name : NULL;
}

Text schema_view_sql(size_t index, Arena *arena)
{
        must(index < COUNT_OF(VIEWS));
        const View *v = &VIEWS[index];
        Buffer b = buffer_in(arena);
        buffer_putf(&b, "CREATE VIEW %s AS SELECT -- %s\n", v->name, v->meaning);
        for (size_t i = 0; i < v->count; i++)
                put_column(&b, &v->columns[i], i + 1 == v->count);
        buffer_putf(&b, "FROM %s", v->from);
        return buffer_text(&b);
}

/* ---- for the documentation -------------------------------------------------------------------------------------- */

bool store_view_column(size_t index, StoreViewColumn *ret)
{
        for (size_t v = 0; v < COUNT_OF(VIEWS); v++) {
                if (index < VIEWS[v].count) {
                        const Column *c = &VIEWS[v].columns[index];
                        *ret = (StoreViewColumn){ VIEWS[v].name, VIEWS[v].meaning, c->name, c->meaning, c->is_time };
                        return true;
                }
                index -= VIEWS[v].count;
        }
        return false;
}
