#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

/* systemd says by device and inode which stream is the journal's; anything else is a terminal, a pipe or a file. */
static bool stderr_is_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;
        if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2 || fstat(STDERR_FILENO, &st) < 0)
                return false;
        return st.st_dev == device && st.st_ino == inode;
}

void log_line(int priority, const char *format, ...)
{
        char line[2048];
        va_list args;
        va_start(args, format);
        (void)vsnprintf(line, sizeof(line), format, args);
        va_end(args);
        for (char *c = line; *c; c++)
                if ((unsigned char)*c < 0x20 && *c != '\n')
                        *c = '?';
        if (stderr_is_journal())
                (void)sd_journal_send("MESSAGE=%s", line, "PRIORITY=%i", priority, NULL);
        else
                fprintf(stderr, "closedloopd: %s%s\n",
                        priority <= LOG_ERR       ? "error: "
                        : priority == LOG_WARNING ? "warning: "
                                                  : "",
                        line);
}
