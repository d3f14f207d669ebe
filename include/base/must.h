/* must.h - assertions that stay on, and the attributes every header uses.
 * must() is for promises between our own functions, one fact each. Never for input. */
#pragma once

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define CLEANUP(free_function) __attribute__((cleanup(free_function)))
#define UNUSED __attribute__((unused))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

/* Hands the object over: returns the pointer and leaves NULL behind, so that the cleanup does nothing. */
#define steal(pointer)                         \
        ({                                     \
                __typeof__(pointer) *_p = &(pointer); \
                __typeof__(pointer) _v = *_p;  \
                *_p = NULL;                    \
                _v;                            \
        })

/* Defines x_freep() for CLEANUP() from a function x_free() that accepts NULL. */
#define DEFINE_CLEANUP(Type, free_function)                         \
        static inline void free_function##p(Type **object)          \
        {                                                           \
                if (*object)                                        \
                        (void)free_function(*object);               \
        }

#define must(cond) (__builtin_expect(!!(cond), 1) ? (void)0 : must_fail(#cond, __FILE__, __LINE__, __func__))

/* Writes what failed and aborts. The state is in the database, so a restart goes on from the last commit. */
_Noreturn void must_fail(const char *what, const char *file, int line, const char *function);
