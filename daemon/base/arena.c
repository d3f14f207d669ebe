#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Block Block;
struct Block {
        Block *next;
        size_t capacity;
        size_t used;
        _Alignas(16) char data[];
};

struct Arena {
        Block *first;
        Block *current;
};

static Block *block_new(size_t capacity)
{
        Block *b = malloc(sizeof(Block) + capacity);
        must(b != NULL);
        b->next = NULL;
        b->capacity = capacity;
        b->used = 0;
        return b;
}

Arena *arena_new(size_t first_block_bytes)
{
        Block *b = block_new(MAX_OF(first_block_bytes, (size_t)256));
        /* The arena itself lives in its first block: one malloc for a small message. */
        Arena *arena = (Arena *)(void *)b->data;
        b->used = (sizeof(Arena) + 15) & ~(size_t)15;
        arena->first = b;
        arena->current = b;
        return arena;
}

static void blocks_free(Block *b)
{
        while (b) {
                Block *next = b->next;
                free(b);
                b = next;
        }
}

Arena *arena_free(Arena *arena)
{
        if (arena)
                blocks_free(arena->first);
        return NULL;
}

void arena_reset(Arena *arena)
{
        blocks_free(arena->first->next);
        arena->first->next = NULL;
        arena->first->used = (sizeof(Arena) + 15) & ~(size_t)15;
        arena->current = arena->first;
}

ArenaMark arena_mark(const Arena *arena)
{
        return (ArenaMark){ arena->current, arena->current->used };
}

void arena_rewind(Arena *arena, ArenaMark mark)
{
        Block *b = mark.block;
        blocks_free(b->next);
        b->next = NULL;
        b->used = mark.used;
        arena->current = b;
}

size_t arena_bytes(const Arena *arena)
{
        size_t sum = 0;
        for (const Block *b = arena->first; b; b = b->next)
                sum += sizeof(Block) + b->capacity;
        return sum;
}

static void *block_take(Arena *arena, size_t bytes)
{
        must(bytes < SIZE_MAX / 4);
        size_t rounded = (bytes + 15) & ~(size_t)15;
        Block *b = arena->current;
        if (b->capacity - b->used < rounded) {
                b = block_new(MAX_OF(rounded, MIN_OF(arena->current->capacity * 2, (size_t)1 << 20)));
                arena->current->next = b;
                arena->current = b;
        }
        void *taken = b->data + b->used;
        b->used += rounded;
        return taken;
}

void *arena_alloc(Arena *arena, size_t bytes)
{
        return memset(block_take(arena, bytes), 0, bytes);
}

void *arena_grow(Arena *arena, void *items, size_t count, size_t *capacity, size_t item_bytes)
{
        if (count < *capacity)
                return items;
        size_t larger = *capacity ? *capacity * 2 : 8;
        void *copy = arena_alloc(arena, larger * item_bytes);
        if (count > 0)
                memcpy(copy, items, count * item_bytes);
        *capacity = larger;
        return copy;
}

Text arena_text(Arena *arena, Text text)
{
        if (!text.data)
                return text;
        char *copy = block_take(arena, text.len + 1);
        memcpy(copy, text.data, text.len);
        copy[text.len] = '\0';
        return (Text){ copy, text.len };
}

Text arena_textv(Arena *arena, const char *format, va_list args)
{
        must(format != NULL);
        va_list again;
        va_copy(again, args);
        int len = vsnprintf(NULL, 0, format, again);
        va_end(again);
        must(len >= 0);
        char *copy = block_take(arena, (size_t)len + 1);
        (void)vsnprintf(copy, (size_t)len + 1, format, args);
        return (Text){ copy, (size_t)len };
}

Text arena_textf(Arena *arena, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        Text text = arena_textv(arena, format, args);
        va_end(args);
        return text;
}
