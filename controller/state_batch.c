/* Batches: what is to be written, in order. Values may be private keys, so each is wiped when it goes. */
#include "controller/state_batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/fatal.h"
#include "base/secret.h"

struct state_batch *state_batch_create(void) { return fatal_unless(calloc(1, sizeof(struct state_batch))); }

void state_batch_destroy(struct state_batch *batch)
{
    if (batch == NULL)
        return;
    for (size_t i = 0; i < batch->count; i++) {
        struct state_op *op = &batch->ops[i];
        if (op->value != NULL)
            secret_wipe(op->value, op->length);
        free(op->value);
        free(op->key);
    }
    free(batch->ops);
    free(batch);
}

bool state_batch_empty(const struct state_batch *batch) { return batch->count == 0; }

static struct state_op *next(struct state_batch *batch, size_t more)
{
    if (batch->count + more > batch->capacity) {
        size_t capacity = batch->capacity * 2 + more + 8;
        batch->ops = fatal_unless(reallocarray(batch->ops, capacity, sizeof *batch->ops));
        batch->capacity = capacity;
    }
    return &batch->ops[batch->count];
}

void state_put(struct state_batch *batch, enum state_table table, const char *key, struct span value,
               int64_t must)
{
    struct state_op *op = next(batch, 1);
    *op = (struct state_op){.put = true, .table = table, .length = value.length, .must = must};
    op->key = fatal_unless(strdup(key));
    op->value = fatal_unless(malloc(value.length + 1));
    if (value.length > 0)
        memcpy(op->value, value.data, value.length);
    op->value[value.length] = '\0';
    batch->count++;
}

void state_delete(struct state_batch *batch, enum state_table table, const char *key, int64_t must)
{
    struct state_op *op = next(batch, 1);
    *op = (struct state_op){.table = table, .key = fatal_unless(strdup(key)), .must = must};
    batch->count++;
}

void state_batch_join(struct state_batch *batch, struct state_batch *from)
{
    if (from->count == 0)
        return;
    memcpy(next(batch, from->count), from->ops, from->count * sizeof *from->ops);
    batch->count += from->count;
    from->count = 0;
}

void state_batch_append(struct state_batch *batch, const struct state_batch *from)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct state_op *op = &from->ops[i];
        if (op->put)
            state_put(batch, op->table, op->key, span_of(op->value, op->length), op->must);
        else
            state_delete(batch, op->table, op->key, op->must);
    }
}
