/* judge.h - from a record's bytes to a verdict: decode, fields, rules. No store, no clock but the one handed in.
 * Owns:    a JSON reader and a scratch arena that are used again for each record.
 * Called:  from one thread (the loop). */
#pragma once

#include "turn/batch.h"

typedef struct Judge Judge;

typedef enum Judged {
        JUDGED_SATISFIED, /* promoters to thank and answers that are only noted are counted here, too */
        JUDGED_FLAGGED, /* *ret_answer: to be given to a turn */
        JUDGED_UNJUDGEABLE,
        JUDGED_DEAD, /* *ret_reason: why it cannot be read, one of a fixed list */
        JUDGED_MAX,
} Judged;

Judge *judge_new(void);
Judge *judge_free(Judge *judge);
DEFINE_CLEANUP(Judge, judge_free)

/* value absent: a tombstone. On JUDGED_FLAGGED the answer has its own memory and needs neither the bytes nor the judge
 * any more. */
Judged judge_record(Judge *judge, const Config *config, const Source *source, const Place *place, Text value,
                    WallTime now, Answer *ret_answer, const char **ret_reason);

/* Puts the record's trace context with a flagged answer, before it is given to a turn. Apart from judging, because to
 * look into the headers of every record costs nearly as much as to judge it. */
void answer_trace(Answer *answer, Text traceparent);

/* For `map test`: what would be read from this message, field by field, and the verdict, as JSON. */
void judge_explain(Judge *judge, const Config *config, const Source *source, const Place *place, Text value, WallTime now,
                   JsonWriter *w);
