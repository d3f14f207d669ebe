/* poison.c - a fault for the system tests, by LD_PRELOAD: the process aborts when it is about to parse a document in
 * which the word POISON stands. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *yyjson_read_opts(char *text, size_t len, uint32_t flags, const void *allocator, void *error);

void *yyjson_read_opts(char *text, size_t len, uint32_t flags, const void *allocator, void *error)
{
        void *(*real)(char *, size_t, uint32_t, const void *, void *);
        if (text && memmem(text, len, "POISON", 6))
                abort();
        *(void **)&real = dlsym(RTLD_NEXT, "yyjson_read_opts");
        return real(text, len, flags, allocator, error);
}
