/* The field decoder behind the YAML reader. The input steers a walk over a kind's table, so that every field is met with
 * what it wants, what is near it, and what is not: present, absent, of another type, twice, unknown. What is accepted
 * is written and reads the same again, with the same digest. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "schema/field.h"
#include "schema/manifest.h"
#include "schema/operator.h"
#include "schema/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) \
    do { \
        if (!(condition)) \
            abort(); \
    } while (0)

struct input {
    const uint8_t *at, *end;
    struct arena *arena;
    int budget; /* values left to write */
};

static unsigned take(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

/* A text of the input's own: bytes up to the next 0xFF, as far as JSON can hold them. */
static const char *take_text(struct input *in)
{
    char *text = arena_alloc(in->arena, 65);
    size_t length = 0;
    while (length < 64 && in->at < in->end) {
        uint8_t byte = *in->at++;
        if (byte == 0xFF)
            break;
        if (byte != 0)
            text[length++] = (char)byte;
    }
    return text_is_utf8(text, length, NULL) ? text : "";
}

static void put_object(struct input *in, const struct field_table *table, struct json_writer *w);

static void put_scalar(struct input *in, const struct field *field, struct json_writer *w)
{
    static const char *const odd[] = {"", " ", "0", "-1", "1e9", "12mo", "30d", "200ms", "0640", "1.50 USD", "true",
                                      "999999999999999999999", "*.example.com", "..", "a/../b", "\xC3\xA4.example"};
    unsigned how = take(in) % 12;
    if (how < 6 && field->type == FIELD_ENUM) {
        size_t words = 0;
        while (field->words[words] != NULL)
            words++;
        json_put_string(w, words > 0 ? field->words[take(in) % words] : "");
    } else if (how < 3 && field->example != NULL)
        json_put_raw(w, field->type == FIELD_INT || field->type == FIELD_INT64 || field->type == FIELD_BOOL
                            ? field->example
                            : arena_printf(in->arena, "\"%s\"", field->example));
    else if (how < 5 && field->fallback != NULL)
        json_put_string(w, field->fallback);
    else if (how < 7 && (field->type == FIELD_INT || field->type == FIELD_INT64))
        json_put_int(w, (int64_t)take(in) * (take(in) + 1) - 300);
    else if (how < 7 && field->type == FIELD_BOOL)
        json_put_bool(w, take(in) & 1);
    else if (how < 9)
        json_put_string(w, odd[take(in) % COUNT_OF(odd)]);
    else if (how == 9)
        json_put_null(w);
    else
        json_put_string(w, take_text(in));
}

static void put_named(struct input *in, bool with_key, struct json_writer *w)
{
    json_begin_object(w);
    json_string_member(w, "name", take(in) % 4 == 0 ? take_text(in) : "one");
    if (with_key)
        json_string_member(w, "key", take(in) % 4 == 0 ? take_text(in) : "tls.key");
    json_end_object(w);
}

static void put_value(struct input *in, const struct field *field, struct json_writer *w);

static void put_list(struct input *in, const struct field *field, struct json_writer *w)
{
    json_begin_array(w);
    for (unsigned i = take(in) % 4; i > 0 && in->budget > 0; i--) {
        in->budget--;
        if (field->type == FIELD_OBJECTS)
            put_object(in, field->table, w);
        else if (field->type == FIELD_REFERENCES)
            put_named(in, false, w);
        else
            put_scalar(in, field, w);
    }
    json_end_array(w);
}

static void put_map(struct input *in, const struct field *field, struct json_writer *w)
{
    static const char *const keys[] = {"a", "b", "live", "team-a", "www.example.com", "*.example.com", "127.0.0.1:443"};
    json_begin_object(w);
    for (unsigned i = take(in) % 4; i > 0 && in->budget > 0; i--) {
        unsigned which = take(in) % (COUNT_OF(keys) + 1);
        in->budget--;
        json_key(w, which < COUNT_OF(keys) ? keys[which] : take_text(in));
        if (field->type == FIELD_OBJECT_MAP)
            put_object(in, field->table, w);
        else
            put_scalar(in, field, w);
    }
    json_end_object(w);
}

static void put_value(struct input *in, const struct field *field, struct json_writer *w)
{
    if (take(in) % 16 == 15) /* another shape than is due */
        put_list(in, field, w);
    else if (field->type == FIELD_OBJECT)
        put_object(in, field->table, w);
    else if (field->type == FIELD_OBJECT_MAP || field->type == FIELD_PAIRS || field->type == FIELD_LABELS)
        put_map(in, field, w);
    else if (field->type == FIELD_OBJECTS || field->type == FIELD_STRING_LIST || field->type == FIELD_REFERENCES)
        put_list(in, field, w);
    else if (field->type == FIELD_REFERENCE || field->type == FIELD_SECRET)
        put_named(in, field->type == FIELD_SECRET, w);
    else
        put_scalar(in, field, w);
}

static void put_object(struct input *in, const struct field_table *table, struct json_writer *w)
{
    json_begin_object(w);
    for (size_t i = 0; i < table->count && in->budget > 0; i++) {
        const struct field *field = &table->fields[i];
        if (!field->required && take(in) % 3 != 0)
            continue;
        in->budget--;
        json_key(w, take(in) % 64 == 63 ? take_text(in) : field->name);
        put_value(in, field, w);
    }
    json_end_object(w);
}

static bool decode(const struct field_table *table, const struct buffer *text, struct arena *arena, void *out)
{
    struct problem_list problems = {.arena = arena};
    struct yaml_document_list documents = {0};
    struct buffer said = {0};
    yaml_parse("fuzz.yaml", buffer_text(text), text->length, arena, &documents, &problems);
    size_t before = problems.errors;
    if (documents.count != 1 || documents.items[0].root == NULL)
        return false;
    bool good = field_decode(table, documents.items[0].root, "spec", arena, out, &problems);
    MUST(good == (problems.errors == before));
    for (size_t i = 0; i < problems.count && i < 50; i++)
        problem_print(&problems.items[i], &said);
    MUST(text_is_plain_utf8(buffer_text(&said), said.length, NULL));
    buffer_release(&said);
    return good && before == 0;
}

static void differs(const char *path, const char *was, const char *is, void *arg)
{
    (void)path, (void)was, (void)is, (void)arg;
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    AUTO(arena) struct arena *arena = arena_create();
    const struct field_table *table =
        data[0] % (KIND_COUNT + 1) == KIND_COUNT ? &operator_table : manifest_spec_table(data[0] % (KIND_COUNT + 1));
    struct input in = {.at = data + 1, .end = data + size, .arena = arena, .budget = 500};
    struct buffer first = {0}, second = {0};
    struct json_writer w = {.out = &first}, one = {.out = &second};
    void *spec = arena_alloc(arena, table->size), *again = arena_alloc(arena, table->size);
    unsigned char digest[32], digest_again[32];

    put_object(&in, table, &w);
    if (decode(table, &first, arena, spec)) {
        field_encode(table, spec, true, &one);
        MUST(decode(table, &second, arena, again));
        field_digest(table, spec, digest);
        field_digest(table, again, digest_again);
        MUST(memcmp(digest, digest_again, sizeof digest) == 0);
        field_compare(table, spec, again, arena, differs, NULL);
    }
    buffer_release(&first);
    buffer_release(&second);
    return 0;
}
