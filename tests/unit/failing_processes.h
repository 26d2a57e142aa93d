/* The calls that children are started and awaited with, each of which can be made to fail: see failing.h. */
#pragma once

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failing.h"

FAILING(int, -1, pipe2, (int a[2], int b), a, b)
FAILING(pid_t, -1, fork, (void))
FAILING(int, errno, posix_spawn,
        (pid_t * a, const char *b, const posix_spawn_file_actions_t *c, const posix_spawnattr_t *d,
         char *const e[], char *const f[]),
        a, b, c, d, e, f)

/* By name alone, not in a life: no system fails to wait for a child that is ours, and what the child makes is
 * not the life's. */
#define FAILING_CHILD(...) FAILING_OF(CHILD_CALLS, __VA_ARGS__)
FAILING_CHILD(pid_t, -1, waitpid, (pid_t a, int *b, int c), a, b, c)
FAILING_CHILD(int, -1, setpgid, (pid_t a, pid_t b), a, b)
FAILING_CHILD(int, -1, chdir, (const char *a), a)
FAILING_CHILD(int, -1, dup2, (int a, int b), a, b)
FAILING_CHILD(int, -1, dup3, (int a, int b, int c), a, b, c)
FAILING_CHILD(int, -1, execve, (const char *a, char *const b[], char *const c[]), a, b, c)
