/* What the daemon may still do with files once it runs, and who runs programs for it. */
#pragma once

#include <stdbool.h>

struct error;
struct operator_config;

/* Fork the process that runs the programs of the operator's file (reload profiles, DNS programs). Before there are threads,
 * and before the store is opened. Fails: SYSTEM. */
bool confined_programs(const struct operator_config *config, struct error *err);
/* Landlock for files: manifests, secrets, certificates of authorities, libraries and the system's settings are read; state,
 * audit log, the sealing key's folder and the roots of targets are written; nothing else is opened. What is replaced under
 * its own name stays within these, but for a root of targets that was missing or was made anew: the daemon is started again
 * then. The level is logged. A kernel without Landlock is a warning. Before there are threads. Fails: SYSTEM. */
bool confined_files(const struct operator_config *config, struct error *err);
