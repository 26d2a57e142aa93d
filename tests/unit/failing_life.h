/* Lives in which the n-th call fails, for each n: see failing.h. */
#pragma once

#include <stdio.h>

#include "check.h"
#include "failing_files.h"
#include "failing_processes.h"
#include "failing_sockets.h"

struct failing_life {
    void (*begin)(void); /* makes a world, while all is well */
    void (*life)(void);
    void (*judge)(void); /* looks at what is left of it, when all is well again */
};

static inline bool one_call_fails(const struct failing_life *of, enum failing_calls which, int call,
                                  int number)
{
    jmp_buf outer;
    memcpy(&outer, &check_escape, sizeof outer);
    bool passed = setjmp(check_escape) == 0;
    if (passed) {
        of->begin();
        fail((struct failing){.which = which, .call = call, .number = number});
        of->life();
        well();
        of->judge();
    } else {
        well();
        fprintf(stderr, "  after call %d, %s, failed with %d (%s)\n", call,
                was_hit() ? failing_shared->failed : "none", number, strerror(number));
    }
    memcpy(&check_escape, &outer, sizeof outer);
    return passed;
}

/* The n-th call of a group fails, for each n until a life has fewer; for every `stride`-th one unless
 * CERTWRIGHT_EVERY_CALL is set. Gives the last n. */
static inline int each_call_fails(const struct failing_life *of, enum failing_calls which, const int *errors,
                                  int error_count, int stride)
{
    fail((struct failing){0});
    failing_together = true;
    if (getenv("CERTWRIGHT_EVERY_CALL") != NULL)
        stride = 1;
    int n = 1 - stride, failed = 0;
    do {
        n += stride;
        failed += !one_call_fails(of, which, n, errors[n / stride % error_count]);
    } while (was_hit() && failed < 5);
    CHECK_INT(failed, 0);
    return n;
}
