/* What a batch holds, for state.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/state.h"

struct state_op {
    bool put; /* else delete */
    enum state_table table;
    char *key;
    char *value;
    size_t length;
    int64_t must;
};
struct state_batch {
    struct state_op *ops;
    size_t count, capacity;
};
/* Copy everything of `from` behind `batch`. */
void state_batch_append(struct state_batch *batch, const struct state_batch *from);
