/* arena.h - memory that is freed all at once: one arena a message, one a batch, one a configuration.
 * Owns:    blocks from malloc.
 * Errors:  none: when the machine has no memory left the process ends (must_fail) and a restart goes on
 *          from the last commit. Chosen over error returns everywhere: no code path after a failed small
 *          allocation was ever worth what it cost to write and test.
 * Called:  by the thread that owns the arena; an arena is handed over whole, never shared. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/must.h"
#include "base/text.h"

typedef struct Arena Arena;

Arena *arena_new(size_t first_block_bytes);
Arena *arena_free(Arena *arena);
DEFINE_CLEANUP(Arena, arena_free)

/* Forgets everything, keeps the first block. */
void arena_reset(Arena *arena);
size_t arena_bytes(const Arena *arena);

/* Where an arena stands, to go back to: what was taken since is given back. */
typedef struct ArenaMark {
        void *block;
        size_t used;
} ArenaMark;
ArenaMark arena_mark(const Arena *arena);
void arena_rewind(Arena *arena, ArenaMark mark);

/* Zeroed, aligned for any type. */
void *arena_alloc(Arena *arena, size_t bytes) __attribute__((malloc, returns_nonnull));
#define arena_new_of(arena, Type) ((Type *)arena_alloc((arena), sizeof(Type)))
#define arena_array(arena, Type, count) ((Type *)arena_alloc((arena), sizeof(Type) * (count)))

/* A growing array in an arena: doubles by copying, the old one stays until the arena goes. Returns items. */
void *arena_grow(Arena *arena, void *items, size_t count, size_t *capacity, size_t item_bytes);

/* Copies; the result is followed by a NUL that does not count. An absent text stays absent. */
Text arena_text(Arena *arena, Text text);
Text arena_textf(Arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
Text arena_textv(Arena *arena, const char *format, va_list args) PRINTF_LIKE(2, 0);
