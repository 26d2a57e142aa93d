/* The installation, looked over: everything that must be so before a certificate can be kept, each a check
 * with its cure. Changes nothing, and works on what is broken: that is when it is asked. */
#pragma once

#include <stdbool.h>

#include "controller/check.h"

struct command_context;

/* Adds the checks to the list. `offline`: nobody outside is asked. */
void doctor_look(struct command_context *ctx, struct check_list *list, bool offline);
