/* One event a line on standard error, logfmt or JSON. Values are escaped for their sink here, so callers
 * pass them as they are. Secrets are not passed at all: struct secret has no printer. */
#pragma once

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_LOGFMT, LOG_JSON };

void log_setup(enum log_format format, enum log_level ceiling);
void log_to(int fd); /* standard error unless told; -1: nowhere */
bool log_enabled(enum log_level level);

/* log_event(LOG_INFO, "order placed", "certificate", name, "order", number, NULL): pairs of key and text,
 * ended by NULL. A NULL value leaves its pair out. */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));
