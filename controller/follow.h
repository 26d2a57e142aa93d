/* When an `apply` is over, and with which exit code. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controller/engine.h"

struct follow {
    struct engine *engine;
    const struct string_list *only; /* these certificates, sorted; NULL: all */
    bool detach;          /* only what is due now */
    int64_t deadline_ms;  /* boot clock by the real one: CLOCK_MONOTONIC milliseconds */
};
void follow_begin(struct follow *follow, struct engine *engine, bool detach, int64_t timeout_s);
/* -1: not over; else the exit code. */
int follow_over(const struct follow *follow);
/* How long until the deadline, in milliseconds; for a timer. */
int64_t follow_left_ms(const struct follow *follow);
