/* What a person asks of the controller: the same code whether the command holds the lock itself or a daemon does and the
 * words come over the control socket. */
#pragma once

#include <stdbool.h>

#include "controller/engine.h"

struct buffer;

/* Run `verb` on one argument; what to print goes into `out`. Gives an exit code, or -1: it goes on in the engine, and
 * operation_outcome tells when it is over. */
int operation_run(struct engine *engine, const char *verb, const char *argument, const char *actor, struct buffer *out);
/* For resend: -1 while the mail is on its way. */
int operation_outcome(struct engine *engine, const char *verb, const char *argument, struct buffer *out);
