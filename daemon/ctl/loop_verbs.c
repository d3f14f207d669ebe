/* loop_verbs.c - the verbs that the loop answers: status, reload, tests of a mapping and of a channel. */
#include <errno.h>
#include <sysexits.h>

#include "base/clock.h"
#include "inside.h"
#include "turn/judge.h"

void verb_status(Request *q)
{
        json_open(&q->json, '{');
        service_status(q->service, &q->json, &q->text);
        json_close(&q->json, '}');
        request_end(q);
}

static void reload_answer(void *userdata, ReloadEnd end, Text words)
{
        Request *q = userdata;
        static const int CODES[RELOAD_END_MAX] = { [RELOAD_REFUSED] = EX_CONFIG, [RELOAD_LATER] = EX_TEMPFAIL };
        q->exit = CODES[end];
        json_open(&q->json, '{');
        json_field_bool(&q->json, "loaded", end == RELOAD_TAKEN);
        json_field_text(&q->json, "words", words);
        json_close(&q->json, '}');
        buffer_put(&q->text, words);
        if (words.len > 0 && words.data[words.len - 1] != '\n')
                buffer_put_char(&q->text, '\n');
        buffer_put(&q->text, end == RELOAD_TAKEN     ? TEXT("configuration loaded\n")
                             : end == RELOAD_REFUSED ? TEXT("refused: the configuration in use goes on\n")
                                                     : TEXT("not now: the configuration in use goes on\n"));
        request_end(q);
}

void verb_reload(Request *q)
{
        request_wait(q);
        service_reload(q->service, reload_answer, q);
}

static int backup_exit(int error)
{
        if (error == -EEXIST || error == -EACCES || error == -EROFS || error == -ENOENT)
                return EX_CANTCREAT;
        return error == -EUCLEAN ? EX_DATAERR : EX_IOERR;
}

static void backup_answer(void *userdata, int error, Text words)
{
        Request *q = userdata;
        q->exit = error == 0 ? 0 : backup_exit(error);
        json_open(&q->json, '{');
        json_field_bool(&q->json, "made", error == 0);
        json_field_text(&q->json, "words", words);
        json_close(&q->json, '}');
        buffer_putf(&q->text, error == 0 ? "made and checked: " TEXT_F "\n" : "no backup was made: " TEXT_F "\n",
                    TEXT_ARG(words));
        request_end(q);
}

void verb_backup(Request *q)
{
        const char *reason;
        q->is_waiting = true;
        if (!service_backup(q->service, q->operands[0], backup_answer, q, &reason)) {
                request_fail(q, EX_TEMPFAIL, "no backup was made: %s", reason);
                request_end(q);
        }
}

static void unreadable_put(Buffer *b, const Source *source, Text reason)
{
        buffer_putf(b, "cannot be read: " TEXT_F, TEXT_ARG(reason));
        const FieldPlace *id = source->place_of[FIELD_ID];
        if (text_is(reason, "no id"))
                for (size_t i = 0; id && i < id->path_count; i++)
                        buffer_putf(b, "%s" TEXT_F, i == 0 ? " at " : " or ", TEXT_ARG(id->paths[i].text));
        buffer_put_char(b, '\n');
}

static void explained_put(Buffer *b, const JsonValue *root)
{
        buffer_putf(b, "id        " TEXT_F "\nsubmitted " TEXT_F "\nfields\n",
                    TEXT_ARG(json_text(json_get(root, TEXT("id")))),
                    TEXT_ARG(json_text(json_get(root, TEXT("submitted_at")))));
        for (JsonWalk walk = json_walk(json_get(root, TEXT("fields"))); json_next(&walk);) {
                const JsonValue *value = json_get(walk.value, TEXT("value"));
                Text text = json_text(value), why = json_text(json_get(walk.value, TEXT("why")));
                double number;
                buffer_put_literal(b, "    ");
                pad_put(b, json_text(json_get(walk.value, TEXT("name"))), 20);
                Buffer words = buffer_in(b->arena);
                if (why.data)
                        buffer_putf(&words, "(" TEXT_F ")", TEXT_ARG(why));
                else if (text.data)
                        buffer_put(&words, text);
                else if (json_number(value, &number))
                        buffer_putf(&words, "%.15g", number);
                else if (json_type(value) == JSON_BOOL)
                        buffer_put(&words, json_is_true(value) ? TEXT("yes") : TEXT("no"));
                for (JsonWalk items = json_walk(value); json_type(value) == JSON_ARRAY && json_next(&items);)
                        buffer_putf(&words, TEXT_F "%s", TEXT_ARG(json_text(items.value)), items.left > 0 ? ", " : "");
                buffer_put_wrapped(b, buffer_text(&words), VALUE_COLUMN, VALUE_COLUMN);
                buffer_put_char(b, '\n');
        }
        buffer_put_literal(b, "rules\n");
        for (JsonWalk walk = json_walk(json_get(root, TEXT("rules"))); json_next(&walk);) {
                buffer_put(b, json_is_true(json_get(walk.value, TEXT("decided"))) ? TEXT("  > ") : TEXT("    "));
                pad_put(b, json_text(json_get(walk.value, TEXT("rule"))), 20);
                pad_put(b, json_text(json_get(walk.value, TEXT("result"))), 8);
                buffer_put_wrapped(b, json_text(json_get(walk.value, TEXT("clause"))), CLAUSE_COLUMN, CLAUSE_COLUMN);
                buffer_put_char(b, '\n');
        }
        buffer_putf(b, "verdict   " TEXT_F, TEXT_ARG(json_text(json_get(root, TEXT("verdict")))));
        Text owner = json_text(json_get(root, TEXT("owner")));
        if (owner.data)
                buffer_putf(b, ", owner " TEXT_F, TEXT_ARG(owner));
        if (json_is_true(json_get(root, TEXT("too_old"))))
                buffer_put_literal(b, ", but too old to alert");
        buffer_put_char(b, '\n');
}

void verb_map_test(Request *q)
{
        const Config *config = service_config(q->service);
        const Source *source = config_source(config, q->operands[0]);
        if (!source) {
                request_fail(q, EX_NOINPUT, "there is no source \"" TEXT_F "\"", TEXT_ARG(q->operands[0]));
                request_end(q);
                return;
        }
        CLEANUP(judge_freep) Judge *judge = judge_new();
        WallTime now = clock_wall();
        Place place = { .topic = source->topic, .record_time = now };
        const JsonValue *root;
        judge_explain(judge, config, source, &place, q->input.data ? q->input : TEXT(""), now, &q->json);
        if (json_read_in(q->arena, buffer_text(&q->data), &root) == JSON_FAULT_NONE) {
                Text reason = json_text(json_get(root, TEXT("reason")));
                if (reason.data) {
                        q->exit = EX_DATAERR;
                        unreadable_put(&q->text, source, reason);
                } else {
                        explained_put(&q->text, root);
                }
        }
        request_end(q);
}

static void partition_fail(Request *q, const Placement *p)
{
        if (p->error == -EAGAIN)
                request_fail(q, EX_UNAVAILABLE,
                             "Kafka does not say where partition %d of \"" TEXT_F "\" begins and ends: "
                             "try again later",
                             p->partition, TEXT_ARG(p->topic));
        else if (p->error == -ENOENT)
                request_fail(q, EX_NOINPUT, "topic \"" TEXT_F "\" has no partition %d", TEXT_ARG(p->topic),
                             p->partition);
        else if (p->error == -ERANGE)
                request_fail(q, EX_DATAERR, "offset %lld is not in the log: it goes from %lld to %lld",
                             (long long)p->offset, (long long)p->begin, (long long)p->end);
        else
                request_fail(q, EX_TEMPFAIL, "could not store it: nothing has changed");
}

static void partition_answer(Placement *p)
{
        Request *q = p->userdata;
        if (p->error < 0) {
                partition_fail(q, p);
                request_end(q);
                return;
        }
        json_open(&q->json, '{');
        json_field_text(&q->json, "topic", p->topic);
        json_field_integer(&q->json, "partition", p->partition);
        json_field_integer(&q->json, "from", p->from);
        json_field_integer(&q->json, "to", p->to);
        json_close(&q->json, '}');
        buffer_putf(&q->text, "partition %d of \"" TEXT_F "\" is read on from offset %lld\n", p->partition,
                    TEXT_ARG(p->topic), (long long)p->to);
        if (p->skipped > 0)
                buffer_putf(&q->text, "%lld records are skipped and recorded as a gap\n", (long long)p->skipped);
        request_end(q);
}

static bool placement_read(Request *q, Placement *p)
{
        Text from = request_option(q, "from");
        int64_t number;
        if (!text_integer(q->operands[1], &number) || number < 0 || number > INT32_MAX) {
                request_fail(q, EX_USAGE, "\"" TEXT_F "\" is no partition: they are counted from 0",
                             TEXT_ARG(q->operands[1]));
                return false;
        }
        p->topic = q->operands[0];
        p->partition = (int32_t)number;
        p->where = text_is(from, "beginning") ? PLACE_BEGINNING : text_is(from, "end") ? PLACE_END : PLACE_OFFSET;
        if (p->where != PLACE_OFFSET || (from.data && text_integer(from, &p->offset) && p->offset >= 0))
                return true;
        request_fail(q, EX_USAGE, "--from has to be beginning, end or an offset\nusage: closedloopctl %s",
                     verb_usage(q->verb));
        return false;
}

void verb_partition(Request *q)
{
        Placement *p = arena_new_of(q->arena, Placement);
        *p = (Placement){ .done = partition_answer, .userdata = q };
        if (!placement_read(q, p)) {
                request_end(q);
                return;
        }
        q->is_waiting = true;
        if (!service_place(q->service, p)) {
                request_fail(q, EX_NOINPUT, "no source reads a topic \"" TEXT_F "\"", TEXT_ARG(p->topic));
                request_end(q);
        }
}

void verb_cluster_accept(Request *q)
{
        if (service_accept_cluster(q->service))
                buffer_put_literal(&q->text,
                                   "this cluster is read from now on; closedloopctl status says where it stands\n");
        else
                request_fail(q, EX_DATAERR,
                             "the brokers are the cluster that was read before: there is nothing to accept");
        request_end(q);
}

static void replay_put(Request *q, const Replay *p)
{
        json_open(&q->json, '{');
        json_field_integer(&q->json, "found", (int64_t)p->found);
        json_field_integer(&q->json, "replayed", (int64_t)p->replayed);
        json_field_integer(&q->json, "flagged", (int64_t)p->flagged);
        json_field_integer(&q->json, "unreadable", (int64_t)p->unreadable);
        json_field_integer(&q->json, "without_source", (int64_t)p->homeless);
        json_close(&q->json, '}');
        buffer_putf(&q->text, "%zu found: %zu replayed, %zu of them ask for a call; %zu cannot be read still", p->found,
                    p->replayed, p->flagged, p->unreadable);
        if (p->homeless > 0)
                buffer_putf(&q->text, "; %zu of topics that no source reads", p->homeless);
        buffer_put_literal(&q->text, "\n");
}

static void replay_answer(Replay *p)
{
        Request *q = p->userdata;
        if (p->number > 0 && p->found == 0)
                request_fail(q, EX_NOINPUT,
                             "there is no dead letter %lld to replay: it is not there, has lost its bytes or was "
                             "replayed before",
                             (long long)p->number);
        else if (p->error < 0)
                request_fail(q, EX_TEMPFAIL, "could not read the store; %zu were replayed until then", p->replayed);
        else
                replay_put(q, p);
        request_end(q);
}

void verb_replay(Request *q)
{
        Replay *p = arena_new_of(q->arena, Replay);
        *p = (Replay){ .reason = request_option(q, "reason"), .done = replay_answer, .userdata = q };
        int ways = (q->operand_count == 1) + (p->reason.data != NULL) + (request_option(q, "all").data != NULL);
        if (ways != 1)
                request_fail(q, EX_USAGE, "usage: closedloopctl %s", verb_usage(q->verb));
        if (ways != 1 || (q->operand_count == 1 && !request_number(q, q->operands[0], &p->number))) {
                request_end(q);
                return;
        }
        q->is_waiting = true;
        service_replay(q->service, p);
}

static void test_answer(void *userdata, bool is_accepted, Text sent, Text answer)
{
        Request *q = userdata;
        if (!is_accepted)
                q->exit = EX_TEMPFAIL;
        json_open(&q->json, '{');
        json_field_bool(&q->json, "accepted", is_accepted);
        json_field_text(&q->json, "sent", sent);
        json_field_text(&q->json, "answer", answer);
        json_close(&q->json, '}');
        buffer_putf(&q->text, "%s: " TEXT_F "\n\nthe message was:\n" TEXT_F "\n",
                    is_accepted ? "accepted" : "NOT accepted", TEXT_ARG(answer), TEXT_ARG(sent));
        request_end(q);
}

void verb_notify_test(Request *q)
{
        const char *reason;
        q->is_waiting = true;
        if (!service_test(q->service, q->operands[0], q->operands[1], test_answer, q, &reason)) {
                request_fail(q, EX_NOINPUT, "%s", reason);
                request_end(q);
        }
}
