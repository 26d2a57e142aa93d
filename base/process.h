/* Run a program of the operator's choosing: an argument vector, no shell, its own process group, a clean
 * environment, closed descriptors, a time limit, and the last of its output. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct arena;
struct error;

struct process {
    const char *const *argv; /* argv[0] is an absolute path; NULL ends */
    const char *const *environment; /* "NAME=value", NULL ends; PATH and LANG=C are always set */
    const char *directory; /* NULL: "/" */
    const char *user;      /* run as; NULL or our own name: as we are. Needs root otherwise */
    int timeout_ms;        /* 0: 30 s; then TERM to the group, 5 s, KILL */
    size_t output_limit;   /* 0: 64 KiB; more is read and dropped */
};
struct process_result {
    int exit_code; /* -1: did not exit by itself */
    int signal;    /* that ended it; 0: none */
    bool timed_out;
    const char *output; /* standard output and error, cleaned for showing */
};
/* Blocks. Fails: SYSTEM when it could not be started; a bad exit is not a failure. After a time-out no
 * process of the group is left; a command that ends well may leave a daemon behind. CONFIG: its path or user is wrong. */
bool process_run(const struct process *process, struct arena *arena, struct process_result *out, struct error *err);
