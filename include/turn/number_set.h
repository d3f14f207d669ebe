/* number_set.h - a set of positive row numbers in memory: deliveries that are out, cases that are held.
 * Owns: its table (malloc); grows by doubling, never shrinks. Removal leaves no trace (backward shift). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct NumberSet {
        int64_t *slots; /* 0: free */
        size_t capacity; /* a power of two */
        size_t count;
} NumberSet;

bool number_set_has(const NumberSet *set, int64_t number);
void number_set_add(NumberSet *set, int64_t number);
void number_set_remove(NumberSet *set, int64_t number);
void number_set_clear(NumberSet *set);
void number_set_done(NumberSet *set);
