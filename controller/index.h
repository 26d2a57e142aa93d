/* The plain index: which certificates need not be decided again. One row each, in the order of the desired set, so one walk
 * over the two tells what is new, known and gone without decoding anything. Never authorises spending. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "controller/desired.h"
#include "controller/state.h"

/* Keys are "<ns>\x01<name>": \x01 sorts below every letter of a name, so bytes sort as (namespace, name) does. */
#define KEY_SEPARATOR '\x01'

struct index_row {
    unsigned char digest[32]; /* of the manifest decided upon */
    unsigned char shared[32]; /* of everything it may refer to */
    int64_t due;              /* Unix seconds; 0: nothing is due */
    uint8_t flags;
};
enum { INDEX_REST = 1, INDEX_HAS_ORDER = 2, INDEX_BLOCKED = 4, INDEX_FORGOTTEN = 8, INDEX_CONFIRMED = 16 };

bool index_decode(struct span value, struct index_row *out);
void index_put(struct state_batch *batch, const char *key, const struct index_row *row);
/* As it should be, and nothing is due: no need to decide. */
bool index_settled(const struct index_row *row, const struct desired_entry *entry, const unsigned char shared[32],
                   int64_t now);

/* Visits every certificate of the desired set (row NULL: not in the index) and every row without one (entry NULL), in
 * order. `key` is the row's. `state` NULL: an empty index. Fails: STATE. */
typedef void index_visit(const char *key, const struct desired_entry *entry, const struct index_row *row, void *arg);
bool index_walk(struct state *state, const struct desired *desired, index_visit *visit, void *arg, struct error *err);
