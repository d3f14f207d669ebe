/* file.h - reads whole files and lists folders, for a configuration.
 * Owns:    nothing; contents and names live in the arena.
 * Errors:  -errno; -EFBIG beyond bytes_max, -EINVAL if it is no regular file. */
#pragma once

#include "base/arena.h"

int file_read(Arena *arena, const char *path, size_t bytes_max, Text *ret) MUST_CHECK;

/* May anybody on the machine read it? False if that cannot be said. */
bool file_is_public(const char *path);

typedef struct FolderList {
        Text *names; /* in byte order; hidden ones are left out */
        size_t count, capacity;
} FolderList;

/* The names in a folder that end so; "" for all. -ENOENT: there is no such folder. */
int folder_list(Arena *arena, const char *path, Text ending, FolderList *ret) MUST_CHECK;
