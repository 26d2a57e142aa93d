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
    /* For a program that is asked a question: it reads `input` (at most PROCESS_INPUT_MOST bytes) on standard input,
     * its two outputs are kept apart, and when it has ended nothing of its group goes on. */
    bool answers;
    const void *input;
    size_t input_length;
};
enum { PROCESS_INPUT_MOST = 48 * 1024 };
struct process_result {
    int exit_code; /* -1: did not exit by itself */
    int signal;    /* that ended it; 0: none */
    bool timed_out;
    const char *output; /* standard output and error, cleaned for showing; of one that answers: standard error */
    const char *answer; /* of one that answers: standard output as it came, NUL-terminated */
    size_t answer_length;
    bool answer_cut; /* it wrote more than the limit */
};
/* Blocks. Fails: SYSTEM when it could not be started; a bad exit is not a failure. After a time-out no
 * process of the group is left; a command that ends well may leave a daemon behind, unless it is one that answers.
 * CONFIG: its path or user is wrong. */
bool process_run(const struct process *process, struct arena *arena, struct process_result *out, struct error *err);

/* A program that a delegate may run: exactly this vector, as this user, in this folder. */
struct process_program {
    const char *const *argv;
    const char *user, *directory;
};
/* From now on process_run has every program run by a small process that is forked here, before this one gives up rights
 * which the programs need. It runs nothing but `programs`, with no environment of the caller's, and ends when we do. Before
 * there are threads and before secrets are read. Fails: SYSTEM. */
bool process_delegate(const struct process_program *programs, size_t count, struct error *err);

/* Where a program of ours lies that is no command of the user's: beside our own, or where it is installed. The environment
 * variable `variable` names another one, for tests; it is not heard by a program with more rights than its caller. NULL: it
 * is missing. */
const char *process_helper(const char *name, const char *variable, struct arena *arena);
