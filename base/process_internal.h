/* What process.c and process_delegate.c share. */
#pragma once

#include "base/process.h"

/* As process_run, and by this very process. */
bool process_run_here(const struct process *process, struct arena *arena, struct process_result *out, struct error *err);
