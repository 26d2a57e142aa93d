/* Whether a field table knows every byte of its struct: what is left over may only be padding. */
#pragma once

#include "check.h"

#include "base/text.h"
#include "schema/field.h"
#include "schema/resource.h"

static size_t cover_size(const struct field *field)
{
    switch (field->type) {
    case FIELD_BOOL:
        return sizeof(bool);
    case FIELD_INT:
    case FIELD_TERM:
    case FIELD_MODE:
    case FIELD_ENUM:
        return sizeof(int);
    case FIELD_INT64:
    case FIELD_DURATION_S:
    case FIELD_DURATION_MS:
    case FIELD_MONEY:
        return sizeof(int64_t);
    case FIELD_FIXED:
    case FIELD_OBJECT:
        return 0;
    case FIELD_STRING_LIST:
        return sizeof(struct string_list);
    case FIELD_LABELS:
        return sizeof(struct label_list);
    case FIELD_REFERENCE:
        return sizeof(struct reference);
    case FIELD_REFERENCES:
        return sizeof(struct reference_list);
    case FIELD_SECRET:
        return sizeof(struct secret_ref);
    default:
        return sizeof(void *);
    }
}

static void cover_mark(const struct field_table *table, size_t base, unsigned char *bytes)
{
    if (table->one_of_at > 0)
        memset(bytes + base + table->one_of_at - 1, 1, sizeof(int));
    for (size_t i = 0; i < table->count; i++) {
        const struct field *field = &table->fields[i];
        memset(bytes + base + field->offset, 1, cover_size(field));
        if (field->type == FIELD_OBJECTS || field->type == FIELD_OBJECT_MAP || field->type == FIELD_PAIRS ||
            field->type == FIELD_MONEY)
            memset(bytes + base + field->count_offset, 1, sizeof(size_t));
        if (field->type == FIELD_OBJECT)
            cover_mark(field->table, base + field->offset, bytes);
    }
}

/* Bytes that no field knows and that cannot be padding: padding is shorter than 8 bytes and never begins where an
 * 8-byte member could. */
static size_t cover_missing(const struct field_table *table)
{
    unsigned char bytes[4096] = {0};
    size_t missing = 0;
    CHECK(table->size <= sizeof bytes);
    cover_mark(table, 0, bytes);
    for (size_t i = 0, end; i < table->size; i = end) {
        for (end = i; end < table->size && !bytes[end]; end++)
            ;
        if (end - i >= 8 || (end > i && i % 8 == 0)) {
            fprintf(stderr, "%s: nothing knows the bytes from %zu to %zu\n", table->name, i, end);
            missing += end - i;
        }
        end += end == i;
    }
    return missing;
}
