/* Records of the store: the first byte chooses the table, the rest is JSON. What is accepted is written and reads the
 * same again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "schema/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct field_table *const tables[] = {
        &certificate_record_table, &order_record_table,  &challenge_record_table, &revision_record_table,
        &rollout_record_table,     &issuer_record_table, &budget_record_table,
        &hold_record_table,        &event_record_table, &leftover_record_table,
    };
    if (size == 0)
        return 0;
    const struct field_table *table = tables[data[0] % COUNT_OF(tables)];
    AUTO(arena) struct arena *arena = arena_create();
    struct error err = {0};
    void *record = arena_alloc(arena, table->size), *again = arena_alloc(arena, table->size);
    if (!field_decode_json(table, (const char *)data + 1, size - 1, arena, record, &err)) {
        if (err.kind != ERROR_STATE || err.message[0] == '\0')
            abort();
        return 0;
    }
    struct buffer first = {0}, second = {0};
    struct json_writer one = {.out = &first}, two = {.out = &second};
    field_encode(table, record, true, &one);
    if (!field_decode_json(table, buffer_text(&first), first.length, arena, again, &err))
        abort();
    field_encode(table, again, true, &two);
    if (strcmp(buffer_text(&first), buffer_text(&second)) != 0)
        abort();
    buffer_release(&first);
    buffer_release(&second);
    return 0;
}
