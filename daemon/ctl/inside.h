/* inside.h - a request on its way, and the verbs that answer it. */
#pragma once

#include "ctl/control.h"
#include "turn/turn.h"
#include "words.h"

enum {
        ARGS_MAX = 64,
        VALUE_COLUMN = 25,  /* of fields, below each other */
        CLAUSE_COLUMN = 34, /* of what rules and routes say */
};

typedef struct Request Request;

typedef struct Verb {
        const char *name;
        size_t words; /* that the verb consists of: "map test" has 2 */
        size_t operands_min, operands_max;
        const char *options; /* names, space separated; a trailing '=' takes a value: "open limit=" */
        void (*start)(Request *q); /* on the loop; ends with request_end(), now or later ... */
        void (*ask)(Request *q, Turn *turn, WallTime now); /* ... or this, on the turn thread; ended by the caller */
} Verb;

extern const Verb VERBS[VERB_ID_MAX];
const char *verb_usage(const Verb *verb);

struct Request {
        Control *control;
        Service *service;
        Request *next;
        int fd;
        struct sd_event_source *io, *timer;
        Arena *arena;
        Buffer in;
        const Verb *verb;
        Text operands[ARGS_MAX];
        size_t operand_count;
        struct {
                Text name, value;
        } options[ARGS_MAX];
        size_t option_count;
        Text input; /* bytes of a file that the tool read for us */
        int exit;
        Buffer text; /* for people */
        Buffer data; /* JSON; empty: null */
        JsonWriter json; /* writes to data */
        Text reply; /* what the peer has not taken yet */
        bool is_waiting; /* for a turn or a send: must not be freed, and its memory is theirs */
        bool is_bounded; /* waits for the store only: the peer is answered in any case, soon */
        Act act;
};

void request_wait(Request *q); /* for the store: is_waiting from here on */
void request_end(Request *q);
void request_fail(Request *q, int exit_code, const char *format, ...) PRINTF_LIKE(3, 4);
Text request_option(const Request *q, const char *name); /* absent if it was not given; "" for one without a value */
bool request_number(Request *q, Text text, int64_t *ret); /* a positive number, or fails the request */

/* text.c: for people and for programs */
void time_put(Buffer *b, WallTime t); /* "2026-11-22 17:05Z", "-" if unset */
void pad_put(Buffer *b, Text text, size_t width);
void case_put_json(JsonWriter *w, const Case *c);
void case_put_line(Buffer *b, const Case *c, WallTime now);
void case_put_lines(Buffer *b, const Case *c, WallTime now);
void event_put(Buffer *b, JsonWriter *w, int32_t sequence, const CaseEvent *event);
void delivery_put(Buffer *b, JsonWriter *w, const DeliveryRow *row);

/* the verbs */
void verb_status(Request *q);
void verb_reload(Request *q);
void verb_backup(Request *q);
void verb_replay(Request *q);
void verb_partition(Request *q);
void verb_cluster_accept(Request *q);
void verb_map_test(Request *q);
void verb_notify_test(Request *q);
void verb_attempt(Request *q);
void verb_contact(Request *q);
void verb_claim(Request *q);
void verb_assign(Request *q);
void verb_close(Request *q);
void ask_cases(Request *q, Turn *turn, WallTime now);
void ask_case(Request *q, Turn *turn, WallTime now);
void ask_why(Request *q, Turn *turn, WallTime now);
void ask_when(Request *q, Turn *turn, WallTime now);
void ask_deliveries(Request *q, Turn *turn, WallTime now);
void ask_retry(Request *q, Turn *turn, WallTime now);
void ask_clock_trust(Request *q, Turn *turn, WallTime now);
void ask_dead_letters(Request *q, Turn *turn, WallTime now);
