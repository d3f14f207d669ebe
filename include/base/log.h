/* log.h - one line for an administrator: to the journal when systemd started us, else to standard error.
 * Only the edge logs (main, service); what is below returns errors. Wording: lower case, no full stop, what was
 * attempted; no secret and no customer's text (promise S10): identifiers only. */
#pragma once

#include <syslog.h>

#include "base/text.h"

void log_line(int priority, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_notice(...) log_line(LOG_NOTICE, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERR, __VA_ARGS__)
