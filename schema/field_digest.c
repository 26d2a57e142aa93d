/* The canonical form, made to be hashed. It is stored (as a digest) by one version of the program and compared by the
 * next, so it holds nothing that an upgrade may change: words instead of numbers of an enum, and nothing that has its
 * default, so that a new field with a default leaves every digest as it was.
 *
 *   object = "{" ( name NUL value )* "}"      only what is written, in table order
 *   value  = "s" length text | "n" number | "b" byte | "[" value* "]" | object
 *
 * Lengths are 4 bytes and numbers 8, low byte first. Sets are sorted and lose repeats. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/fatal.h"
#include "base/hash.h"
#include "schema/field_internal.h"
#include "schema/resource.h"

static void put_object(const struct field_table *table, const char *base, struct buffer *out);

static void put_number(struct buffer *out, char tag, uint64_t number, size_t size)
{
    unsigned char bytes[9] = {(unsigned char)tag};
    for (size_t i = 0; i < size; i++)
        bytes[1 + i] = (unsigned char)(number >> (8 * i));
    buffer_append(out, bytes, 1 + size);
}

static void put_text(struct buffer *out, const char *text)
{
    size_t length = text != NULL ? strlen(text) : 0;
    put_number(out, 's', length, 4);
    if (length > 0)
        buffer_append(out, text, length);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A list of texts, each `step` bytes after the last; a set is sorted and loses repeats. */
static void put_texts(const char *items, size_t step, size_t count, bool set, struct buffer *out)
{
    const char *few[32], **texts = few, *last = NULL;
    if (count > COUNT_OF(few) && (texts = calloc(count, sizeof *texts)) == NULL)
        fatal_memory();
    for (size_t i = 0; i < count; i++)
        texts[i] = *(const char *const *)(items + i * step);
    if (set && count > 1)
        qsort(texts, count, sizeof *texts, compare_texts);
    buffer_putc(out, '[');
    for (size_t i = 0; i < count; last = texts[i++])
        if (!set || last == NULL || strcmp(last, texts[i]) != 0)
            put_text(out, texts[i]);
    buffer_putc(out, ']');
    if (texts != few)
        free(texts);
}

static void put_pairs(const struct label *items, size_t count, struct buffer *out)
{
    buffer_putc(out, '{');
    for (size_t i = 0; i < count; i++) {
        buffer_append(out, items[i].name, strlen(items[i].name) + 1);
        put_text(out, items[i].value);
    }
    buffer_putc(out, '}');
}

static int compare_spans(const void *a, const void *b)
{
    const struct span *one = a, *two = b;
    size_t shorter = one->length < two->length ? one->length : two->length;
    int order = memcmp(one->data, two->data, shorter);
    return order != 0 ? order : (one->length > two->length) - (one->length < two->length);
}

/* A set of objects: each written by itself, then sorted. */
static void put_sorted(const struct field_table *table, const char *items, size_t count, struct buffer *out)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct span *parts = arena_array(arena, count, sizeof *parts);
    struct buffer one = {0};
    for (size_t i = 0; i < count; i++) {
        buffer_clear(&one);
        put_object(table, items + i * table->size, &one);
        parts[i] = span_of(arena_memdup(arena, one.data, one.length), one.length);
    }
    buffer_release(&one);
    qsort(parts, count, sizeof *parts, compare_spans);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || compare_spans(&parts[i - 1], &parts[i]) != 0)
            buffer_append(out, parts[i].data, parts[i].length);
}

static void put_objects(const struct field *field, const struct field_table *table, const char *items, size_t count,
                        struct buffer *out)
{
    buffer_putc(out, '[');
    if (field->set && count > 1) {
        put_sorted(table, items, count, out);
    } else {
        for (size_t i = 0; i < count; i++) {
            const char *item = items + i * table->size;
            if (field->type == FIELD_OBJECT_MAP)
                put_text(out, *(const char *const *)(item + field->key_offset));
            put_object(table, item, out);
        }
    }
    buffer_putc(out, ']');
}

static void put_value(const struct field *field, const char *base, struct buffer *out)
{
    const char *at = base + field->offset;
    switch (field->type) {
    case FIELD_STRING:
        put_text(out, *(const char *const *)at);
        break;
    case FIELD_FIXED:
        put_text(out, field->fallback);
        break;
    case FIELD_BOOL:
        put_number(out, 'b', *(const bool *)at, 1);
        break;
    case FIELD_ENUM:
        put_text(out, field->words[field_number(field, base)]);
        break;
    case FIELD_MONEY:
        put_text(out, *(const char *const *)(base + field->count_offset));
        put_number(out, 'n', (uint64_t)field_number(field, base), 8);
        break;
    case FIELD_STRING_LIST:
        put_texts((const char *)((const struct string_list *)at)->items, sizeof(char *),
                  ((const struct string_list *)at)->count, field->set, out);
        break;
    case FIELD_LABELS:
        put_pairs(((const struct label_list *)at)->items, ((const struct label_list *)at)->count, out);
        break;
    case FIELD_PAIRS:
        put_pairs(*(const struct label *const *)at, *(const size_t *)(base + field->count_offset), out);
        break;
    case FIELD_REFERENCE:
        put_object(&field_reference_table, at, out);
        break;
    case FIELD_REFERENCES:
        put_texts((const char *)((const struct reference_list *)at)->items + offsetof(struct reference, name),
                  sizeof(struct reference), ((const struct reference_list *)at)->count, field->set, out);
        break;
    case FIELD_SECRET:
        put_object(&field_secret_table, at, out);
        break;
    case FIELD_OBJECT:
        put_object(field->table, at, out);
        break;
    case FIELD_OBJECTS:
    case FIELD_OBJECT_MAP:
        put_objects(field, field->table, *(const char *const *)at, *(const size_t *)(base + field->count_offset), out);
        break;
    default:
        put_number(out, 'n', (uint64_t)field_number(field, base), 8);
        break;
    }
}

static void put_object(const struct field_table *table, const char *base, struct buffer *out)
{
    buffer_putc(out, '{');
    for (size_t i = 0; i < table->count; i++) {
        const struct field *field = &table->fields[i];
        if (!field_is_written(table, field, base) || field_has_default(field, base))
            continue;
        size_t before = out->length;
        buffer_append(out, field->name, strlen(field->name) + 1);
        size_t begin = out->length;
        put_value(field, base, out);
        /* An object all of whose members have their defaults is as good as none, unless it is a union's choice. */
        if (field->type == FIELD_OBJECT && out->length == begin + 2 && table->one_of_at == 0)
            out->data[out->length = before] = '\0';
    }
    buffer_putc(out, '}');
}

void field_canonical(const struct field_table *table, const void *in, struct buffer *out)
{
    put_object(table, in, out);
}

void field_digest(const struct field_table *table, const void *in, unsigned char out[32])
{
    struct buffer form = {0};
    field_canonical(table, in, &form);
    hash_sha256(span_of(buffer_text(&form), form.length), out);
    buffer_release(&form);
}
