#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void must_fail(const char *what, const char *file, int line, const char *function)
{
        fprintf(stderr, "<2>broken promise: %s (%s:%d, in %s)\n", what, file, line, function);
        abort();
}
