#include "turn/number_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

static size_t home(const NumberSet *set, int64_t number)
{
        return (size_t)(((uint64_t)number * 0x9e3779b97f4a7c15u) >> 20) & (set->capacity - 1);
}

static size_t find(const NumberSet *set, int64_t number)
{
        size_t at = home(set, number);
        while (set->slots[at] != 0 && set->slots[at] != number)
                at = (at + 1) & (set->capacity - 1);
        return at;
}

bool number_set_has(const NumberSet *set, int64_t number)
{
        return set->capacity > 0 && set->slots[find(set, number)] == number;
}

static void grow(NumberSet *set)
{
        NumberSet larger = { .capacity = set->capacity ? set->capacity * 2 : 64 };
        larger.slots = calloc(larger.capacity, sizeof(int64_t));
        must(larger.slots != NULL);
        for (size_t i = 0; i < set->capacity; i++)
                if (set->slots[i] != 0)
                        larger.slots[find(&larger, set->slots[i])] = set->slots[i];
        larger.count = set->count;
        free(set->slots);
        *set = larger;
}

void number_set_add(NumberSet *set, int64_t number)
{
        must(number > 0);
        if (set->count * 2 >= set->capacity)
                grow(set);
        size_t at = find(set, number);
        if (set->slots[at] == 0) {
                set->slots[at] = number;
                set->count++;
        }
}

void number_set_remove(NumberSet *set, int64_t number)
{
        if (!number_set_has(set, number))
                return;
        size_t hole = find(set, number), mask = set->capacity - 1;
        for (size_t at = (hole + 1) & mask; set->slots[at] != 0; at = (at + 1) & mask) {
                size_t wants = home(set, set->slots[at]);
                if (((at - wants) & mask) >= ((at - hole) & mask)) {
                        set->slots[hole] = set->slots[at];
                        hole = at;
                }
        }
        set->slots[hole] = 0;
        set->count--;
}

void number_set_clear(NumberSet *set)
{
        if (set->capacity > 0)
                memset(set->slots, 0, set->capacity * sizeof(int64_t));
        set->count = 0;
}

void number_set_done(NumberSet *set)
{
        free(set->slots);
        *set = (NumberSet){ 0 };
}
