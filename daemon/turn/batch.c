#include "turn/batch.h"

#include <stdlib.h>

Batch *batch_new(const Config *config)
{
        Arena *arena = arena_new(16 * 1024);
        Batch *batch = arena_new_of(arena, Batch);
        batch->arena = arena;
        batch->config = config_ref(config);
        batch->wake_at = WALL_NEVER;
        return batch;
}

Batch *batch_free(Batch *batch)
{
        if (!batch)
                return NULL;
        for (size_t i = 0; i < batch->input_count; i++)
                if (batch->inputs[i].kind == INPUT_ANSWER && batch->inputs[i].answer.memory)
                        batch->inputs[i].answer.memory = parcel_arena_drop(batch->inputs[i].answer.memory);
        for (Parcel *p = batch->parcels; p;) {
                Parcel *next = p->next;
                (void)parcel_free(p);
                p = next;
        }
        (void)config_unref(batch->config);
        (void)arena_free(batch->arena);
        return NULL;
}

Input *batch_add(Batch *batch, InputKind kind)
{
        batch->inputs =
                arena_grow(batch->arena, batch->inputs, batch->input_count, &batch->input_capacity, sizeof(Input));
        Input *input = &batch->inputs[batch->input_count++];
        *input = (Input){ .kind = kind };
        if (kind == INPUT_ANSWER)
                batch->answer_count++;
        return input;
}

bool batch_is_empty(const Batch *batch)
{
        return batch->input_count == 0 && batch->move_count == 0;
}

static bool is_same_message(const Parcel *a, const Parcel *b)
{
        return a->epoch == b->epoch && a->rung == b->rung && a->occurrence == b->occurrence &&
               a->delivery != b->delivery && text_equal(a->recipient, b->recipient);
}

bool batch_withdraws(const Batch *batch, const Parcel *p)
{
        for (size_t i = 0; i < batch->withdrawal_count && p->c; i++) {
                const Withdrawal *x = &batch->withdrawals[i];
                if (x->case_number == p->c->number && p->delivery <= x->up_to &&
                    (!x->accepted || is_same_message(x->accepted, p)))
                        return true;
        }
        return false;
}

bool input_is_of_log(const Input *input)
{
        return (input->kind == INPUT_ANSWER && input->answer.dead_letter == 0) || input->kind == INPUT_DEAD ||
               input->kind == INPUT_PLACE;
}

void batch_cut(Batch *batch, size_t count)
{
        batch->input_count = count;
        batch->answer_count = 0;
        for (size_t i = 0; i < count; i++)
                batch->answer_count += batch->inputs[i].kind == INPUT_ANSWER;
}
