/* Manifests made from the field tables: a value for a field, and the fields that must stand beside it. */
#pragma once

#include "check.h"

#include "base/arena.h"
#include "base/json.h"
#include "schema/field.h"
#include "schema/manifest.h"

struct making {
    struct json_writer *w;
    const char *wanted; /* path below spec that must be there, with what it needs; NULL: everything that goes together */
};

static void make_object(const struct making *m, const struct field_table *table, const char *path);

static bool made_word(const char *const *words, const char *name)
{
    for (size_t i = 0; words != NULL && words[i] != NULL; i++)
        if (strcmp(words[i], name) == 0)
            return true;
    return false;
}

static const char *unquoted(const char *example)
{
    static char text[512];
    size_t length = strlen(example);
    bool quoted = length >= 2 && example[0] == '"' && example[length - 1] == '"';
    snprintf(text, sizeof text, "%.*s", (int)(quoted ? length - 2 : length), example + quoted);
    return text;
}

static void make_text(const struct making *m, const struct field *field)
{
    if (field->lines && field->pattern != NULL)
        json_put_string(m->w, "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n");
    else
        json_put_string(m->w, field->example != NULL ? unquoted(field->example) : "something");
}

static void make_value(const struct making *m, const struct field *field, const char *path)
{
    int last = 0;
    switch (field->type) {
    case FIELD_STRING:
        make_text(m, field);
        break;
    case FIELD_BOOL:
        json_put_bool(m->w, field->fallback == NULL || strcmp(field->fallback, "false") == 0);
        break;
    case FIELD_INT:
    case FIELD_INT64:
        json_put_int(m->w, field->example != NULL ? strtoll(field->example, NULL, 10) : field->max);
        break;
    case FIELD_DURATION_S:
    case FIELD_DURATION_MS:
        json_put_string(m->w, field->example != NULL ? unquoted(field->example) : "1m30s");
        break;
    case FIELD_TERM:
        json_put_string(m->w, "2y");
        break;
    case FIELD_MODE:
        json_put_string(m->w, "0640");
        break;
    case FIELD_MONEY:
        json_put_string(m->w, "99.50 EUR");
        break;
    case FIELD_ENUM:
        while (field->words[last + 1] != NULL)
            last++;
        json_put_string(m->w, field->words[last]);
        break;
    case FIELD_FIXED:
        json_put_string(m->w, field->fallback);
        break;
    case FIELD_STRING_LIST:
        json_begin_array(m->w);
        make_text(m, field);
        json_end_array(m->w);
        break;
    case FIELD_LABELS:
    case FIELD_PAIRS:
        json_begin_object(m->w);
        json_string_member(m->w, "role", "edge");
        json_string_member(m->w, "cost-center", "4711");
        json_end_object(m->w);
        break;
    case FIELD_REFERENCE:
    case FIELD_SECRET:
        json_begin_object(m->w);
        json_string_member(m->w, "name", "thing");
        if (field->type == FIELD_SECRET)
            json_string_member(m->w, "key", "key.pem");
        json_end_object(m->w);
        break;
    case FIELD_REFERENCES:
        json_begin_array(m->w);
        for (int i = 0; i < 2; i++) {
            json_begin_object(m->w);
            json_string_member(m->w, "name", i == 0 ? "two" : "one");
            json_end_object(m->w);
        }
        json_end_array(m->w);
        break;
    case FIELD_OBJECTS:
        json_begin_array(m->w);
        make_object(m, field->table, path);
        json_end_array(m->w);
        break;
    case FIELD_OBJECT_MAP:
        json_begin_object(m->w);
        json_key(m->w, "one");
        make_object(m, field->table, path);
        json_end_object(m->w);
        break;
    default:
        make_object(m, field->table, path);
    }
}

static bool makes(const struct making *m, const struct field_table *table, const struct field *field, const char *path)
{
    size_t length = strlen(path);
    bool on_way = m->wanted != NULL && strncmp(m->wanted, path, length) == 0 &&
                  (m->wanted[length] == '\0' || m->wanted[length] == '.');
    bool other_on_way = false;
    for (size_t i = 0; m->wanted != NULL && table->one_of != NULL && table->one_of[i] != NULL; i++) {
        size_t head = length - strlen(field->name), part = strlen(table->one_of[i]);
        other_on_way = other_on_way || (strncmp(m->wanted + head, table->one_of[i], part) == 0 &&
                                        (m->wanted[head + part] == '\0' || m->wanted[head + part] == '.'));
    }
    if (on_way || field->required)
        return true;
    if (made_word(table->one_of, field->name))
        return !other_on_way && strcmp(table->one_of[0], field->name) == 0;
    if (table->any_of != NULL && strcmp(table->any_of[table->any_of[1] != NULL], field->name) == 0)
        return true;
    /* A key name and its secret go together. */
    if (strncmp(field->name, "tsig", 4) == 0 && m->wanted != NULL && strstr(m->wanted, ".tsig") != NULL &&
        strncmp(m->wanted, path, length - strlen(field->name)) == 0)
        return true;
    /* So do Cloudflare's global key and the e-mail address. */
    if (strcmp(path, "cloudflare.email") == 0 && (m->wanted == NULL || strstr(m->wanted, "apiToken") == NULL))
        return true;
    /* A mode by which a group reads needs the group. */
    if (strcmp(field->name, "group") == 0 && m->wanted != NULL && strcmp(m->wanted, "mode") == 0)
        return true;
    /* A person or an account makes a record, not both. */
    return m->wanted == NULL && field->not_with == NULL && strcmp(field->name, "manual") != 0;
}

static void make_object(const struct making *m, const struct field_table *table, const char *path)
{
    json_begin_object(m->w);
    for (size_t i = 0; i < table->count; i++) {
        const struct field *field = &table->fields[i];
        char here[256];
        snprintf(here, sizeof here, "%s%s%s", path, path[0] != '\0' ? "." : "", field->name);
        /* Sizes belong to an algorithm, and the last word of the algorithms is ECDSA. */
        if (!makes(m, table, field, here) || (m->wanted == NULL && strcmp(field->name, "size") == 0))
            continue;
        json_key(m->w, field->name);
        make_value(m, field, here);
    }
    json_end_object(m->w);
}

/* A whole document of `kind` with spec field `wanted` (NULL: with every field that goes with the others). */

static void __attribute__((unused)) make_manifest(enum resource_kind kind, const char *wanted, struct buffer *out)
{
    struct json_writer w = {.out = out};
    const struct making m = {&w, wanted};
    buffer_clear(out);
    json_begin_object(&w);
    json_string_member(&w, "apiVersion", MANIFEST_API_VERSION);
    json_string_member(&w, "kind", resource_kind_name(kind));
    json_key(&w, "metadata");
    json_begin_object(&w);
    json_string_member(&w, "name", "made");
    json_end_object(&w);
    json_key(&w, "spec");
    make_object(&m, manifest_spec_table(kind), "");
    json_end_object(&w);
}

/* Calls `visit` with the path of every field below a table, objects and their members alike. */
static void __attribute__((unused)) each_path(const struct field_table *table, const char *prefix, void (*visit)(const char *path, void *arg),
                      void *arg)
{
    for (size_t i = 0; i < table->count; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", table->fields[i].name);
        visit(path, arg);
        if (table->fields[i].table != NULL)
            each_path(table->fields[i].table, path, visit, arg);
    }
}
