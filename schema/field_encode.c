/* The other direction: a struct as JSON, what differs between two, and records read back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "schema/field_internal.h"
#include "schema/resource.h"
#include "schema/yaml.h"

struct encoder {
    struct json_writer *w;
    bool for_store; /* secret text, too */
};

static void encode_object(const struct encoder *e, const struct field_table *table, const char *base);

/* ---- what is there ---- */

static bool object_present(const struct field_table *table, const char *base);

static bool present(const struct field *field, const char *base)
{
    const char *at = base + field->offset;
    switch (field->type) {
    case FIELD_FIXED:
        return true;
    case FIELD_STRING: {
        const char *text = *(const char *const *)at;
        return text != NULL && (text[0] != '\0' || field->fallback != NULL);
    }
    case FIELD_BOOL:
        return field->fallback != NULL || *(const bool *)at;
    case FIELD_ENUM: {
        int64_t value = field_number(field, base), count = 0;
        while (field->words[count] != NULL)
            count++;
        return value >= 0 && value < count && field->words[value][0] != '\0';
    }
    case FIELD_INT:
    case FIELD_INT64:
    case FIELD_DURATION_S:
    case FIELD_DURATION_MS:
    case FIELD_TERM:
    case FIELD_MODE:
    case FIELD_MONEY:
        return field->fallback != NULL || field_number(field, base) != field->absent;
    case FIELD_STRING_LIST:
        return ((const struct string_list *)at)->count > 0;
    case FIELD_LABELS:
        return ((const struct label_list *)at)->count > 0;
    case FIELD_REFERENCE:
        return !text_empty(((const struct reference *)at)->name);
    case FIELD_REFERENCES:
        return ((const struct reference_list *)at)->count > 0;
    case FIELD_SECRET:
        return !text_empty(((const struct secret_ref *)at)->name);
    case FIELD_OBJECT:
        return object_present(field->table, at);
    default:
        return *(const size_t *)(base + field->count_offset) > 0;
    }
}

/* An object without its required members was not given; otherwise any member makes it. */
static bool object_present(const struct field_table *table, const char *base)
{
    bool any = false;
    for (size_t i = 0; i < table->count; i++) {
        bool here = present(&table->fields[i], base);
        if (table->fields[i].required && !here)
            return false;
        any = any || here;
    }
    return any;
}

static const struct field *named(const struct field_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->fields[i].name, name) == 0)
            return &table->fields[i];
    return NULL;
}

/* Whether a field is written: of a union only the member that was given (also an empty one), and nothing beside what
 * excludes it. */
bool field_is_written(const struct field_table *table, const struct field *field, const char *base)
{
    if (table->one_of_at > 0)
        for (int i = 0; table->one_of[i] != NULL; i++)
            if (strcmp(table->one_of[i], field->name) == 0)
                return *(const int *)(base + table->one_of_at - 1) == i;
    for (size_t i = 0; field->not_with != NULL && field->not_with[i] != NULL; i++) {
        const struct field *other = named(table, field->not_with[i]);
        if (other != NULL && present(other, base))
            return false;
    }
    return present(field, base);
}

/* ---- writing ---- */

static void encode_strings(const struct encoder *e, const struct string_list *list)
{
    json_begin_array(e->w);
    for (size_t i = 0; i < list->count; i++)
        json_put_string(e->w, list->items[i]);
    json_end_array(e->w);
}

static void encode_pairs(const struct encoder *e, const struct label *items, size_t count)
{
    json_begin_object(e->w);
    for (size_t i = 0; i < count; i++)
        json_string_member(e->w, items[i].name, items[i].value);
    json_end_object(e->w);
}

static void encode_objects(const struct encoder *e, const struct field *field, const struct field_table *table,
                           const char *items, size_t count)
{
    if (field->type == FIELD_OBJECT_MAP) {
        json_begin_object(e->w);
        for (size_t i = 0; i < count; i++) {
            json_key(e->w, *(const char *const *)(items + i * table->size + field->key_offset));
            encode_object(e, table, items + i * table->size);
        }
        json_end_object(e->w);
        return;
    }
    json_begin_array(e->w);
    for (size_t i = 0; i < count; i++)
        encode_object(e, table, items + i * table->size);
    json_end_array(e->w);
}

static void put_duration(struct json_writer *w, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    char text[40];
    size_t i = 0;
    while (ms == 0 ? i < 3 : ms % units[i].ms != 0)
        i++;
    snprintf(text, sizeof text, "%lld%s", (long long)(ms / units[i].ms), units[i].unit);
    json_put_string(w, text);
}

/* Terms, modes and amounts. */
static void put_spelled(struct json_writer *w, const struct field *field, const char *base)
{
    int64_t number = field_number(field, base);
    char text[48];
    if (field->type == FIELD_TERM)
        snprintf(text, sizeof text, "%lldmo", (long long)number);
    else if (field->type == FIELD_MODE)
        snprintf(text, sizeof text, "0%03llo", (unsigned long long)number & 0777);
    else if (number % 100 == 0)
        snprintf(text, sizeof text, "%lld %.3s", (long long)(number / 100),
                 *(const char *const *)(base + field->count_offset));
    else
        snprintf(text, sizeof text, "%lld.%02lld %.3s", (long long)(number / 100), (long long)(number % 100),
                 *(const char *const *)(base + field->count_offset));
    json_put_string(w, text);
}

static void encode_value(const struct encoder *e, const struct field *field, const char *base)
{
    struct json_writer *w = e->w;
    const char *at = base + field->offset;
    switch (field->type) {
    case FIELD_STRING:
        json_put_string(w, *(const char *const *)at);
        break;
    case FIELD_BOOL:
        json_put_bool(w, *(const bool *)at);
        break;
    case FIELD_INT:
    case FIELD_INT64:
        json_put_int(w, field_number(field, base));
        break;
    case FIELD_DURATION_S:
        put_duration(w, field_number(field, base) * 1000);
        break;
    case FIELD_DURATION_MS:
        put_duration(w, field_number(field, base));
        break;
    case FIELD_ENUM:
        json_put_string(w, field->words[field_number(field, base)]);
        break;
    case FIELD_FIXED:
        json_put_string(w, field->fallback);
        break;
    case FIELD_STRING_LIST:
        encode_strings(e, (const struct string_list *)at);
        break;
    case FIELD_LABELS:
        encode_pairs(e, ((const struct label_list *)at)->items, ((const struct label_list *)at)->count);
        break;
    case FIELD_PAIRS:
        encode_pairs(e, *(const struct label *const *)at, *(const size_t *)(base + field->count_offset));
        break;
    case FIELD_REFERENCE:
        encode_object(e, &field_reference_table, at);
        break;
    case FIELD_REFERENCES:
        encode_objects(e, field, &field_reference_table, (const char *)((const struct reference_list *)at)->items,
                       ((const struct reference_list *)at)->count);
        break;
    case FIELD_SECRET:
        encode_object(e, &field_secret_table, at);
        break;
    case FIELD_OBJECT:
        encode_object(e, field->table, at);
        break;
    case FIELD_OBJECTS:
    case FIELD_OBJECT_MAP:
        encode_objects(e, field, field->table, *(const char *const *)at, *(const size_t *)(base + field->count_offset));
        break;
    default:
        put_spelled(w, field, base);
        break;
    }
}

static void encode_object(const struct encoder *e, const struct field_table *table, const char *base)
{
    json_begin_object(e->w);
    for (size_t i = 0; i < table->count; i++)
        if (field_is_written(table, &table->fields[i], base) && (e->for_store || !table->fields[i].secret_text)) {
            json_key(e->w, table->fields[i].name);
            encode_value(e, &table->fields[i], base);
        }
    json_end_object(e->w);
}

void field_encode(const struct field_table *table, const void *in, bool for_store, struct json_writer *w)
{
    const struct encoder e = {w, for_store};
    encode_object(&e, table, in);
}

/* ---- comparing ---- */

struct comparison {
    struct arena *arena;
    field_changed *changed;
    void *arg;
};

/* A value for people: without quotes when it is one text or a list of texts. */
static const char *value_text(struct arena *arena, const struct field_table *table, const struct field *field,
                              const char *base)
{
    struct buffer buffer = {0};
    struct json_writer w = {.out = &buffer};
    const struct encoder e = {&w, true};
    if (!field_is_written(table, field, base))
        return "";
    if (field->type == FIELD_STRING)
        return *(const char *const *)(base + field->offset);
    if (field->type == FIELD_STRING_LIST)
        return string_list_join(arena, (const struct string_list *)(base + field->offset), ", ");
    if (field->type == FIELD_REFERENCE)
        return ((const struct reference *)(base + field->offset))->name;
    encode_value(&e, field, base);
    const char *text = buffer_text(&buffer);
    text = text[0] == '"' ? arena_strndup(arena, text + 1, buffer.length - 2) : arena_strdup(arena, text);
    buffer_release(&buffer);
    return text;
}

/* Equal as far as it matters: the order of sets does not. */
static bool is_same(const struct field_table *table, const struct field *field, const char *was, const char *is)
{
    unsigned char before[32], after[32];
    bool written = field_is_written(table, field, was);
    if (written != field_is_written(table, field, is))
        return false;
    struct field alone = *field;
    alone.not_with = NULL;
    const struct field_table just_it = {.name = table->name, .fields = &alone, .count = 1};
    field_digest(&just_it, was, before);
    field_digest(&just_it, is, after);
    return !written || memcmp(before, after, sizeof before) == 0;
}

static void compare_tables(const struct comparison *c, const struct field_table *table, const char *path,
                           const char *was, const char *is)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct field *field = &table->fields[i];
        const char *name = path[0] != '\0' ? arena_printf(c->arena, "%s.%s", path, field->name) : field->name;
        if (field->type == FIELD_OBJECT) {
            compare_tables(c, field->table, name, was + field->offset, is + field->offset);
            continue;
        }
        if (is_same(table, field, was, is))
            continue;
        bool hide = field->secret_text;
        c->changed(name, hide ? "***" : value_text(c->arena, table, field, was),
                   hide ? "***" : value_text(c->arena, table, field, is), c->arg);
    }
}

void field_compare(const struct field_table *table, const void *was, const void *is, struct arena *arena,
                   field_changed *changed, void *arg)
{
    const struct comparison c = {arena, changed, arg};
    compare_tables(&c, table, "", was, is);
}

/* ---- records back from JSON: the same tree as a manifest's, and the same decoder ---- */

static struct yaml_node *node_of(const struct json *value, struct arena *arena)
{
    struct yaml_node *node = arena_alloc(arena, sizeof *node), **tail = &node->first;
    if (json_is_object(value) || json_is_array(value)) {
        node->kind = json_is_object(value) ? YAML_MAPPING : YAML_SEQUENCE;
        for (const struct json *member = json_first(value); member != NULL; member = json_next(member)) {
            if (json_is_null(member))
                continue;
            struct yaml_node *child = *tail = node_of(member, arena);
            tail = &child->next;
            node->count++;
            child->key = arena_strdup(arena, json_name(member));
            child->key_length = (uint32_t)(child->key != NULL ? strlen(child->key) : 0);
        }
        return node;
    }
    bool truth = false;
    node->kind = YAML_SCALAR;
    node->plain = !json_is_string(value);
    if (json_is_bool(value))
        node->text = json_bool(value, &truth) && truth ? "true" : "false";
    else
        node->text = json_text(arena, value);
    if (node->text == NULL)
        node->text = "";
    node->length = (uint32_t)strlen(node->text);
    return node;
}

const struct yaml_node *field_nodes_of(const struct json *value, struct arena *arena)
{
    return node_of(value, arena);
}

bool field_decode_json(const struct field_table *table, const char *text, size_t length, struct arena *arena, void *out,
                       struct error *err)
{
    struct error why = {0};
    AUTO(json) struct json *document = json_parse(text, length, &why);
    if (document == NULL || !json_is_object(document))
        return error_raise(err, ERROR_STATE, "a record of kind %s cannot be read: %s", table->name,
                           document == NULL ? why.message : "it is no JSON object");
    struct problem_list problems = {.arena = arena};
    const struct decoder d = {.arena = arena, .problems = &problems, .stored = true};
    void *record = arena_alloc(arena, table->size);
    if (!field_decode_object(&d, table, node_of(document, arena), NULL, record))
        return error_raise(err, ERROR_STATE, "a record of kind %s cannot be read: %s", table->name,
                           problems.count > 0 ? problems.items[0].message : "it is damaged");
    memcpy(out, record, table->size);
    return true;
}

/* ---- words ---- */

const char *field_type_word(enum field_type type)
{
    static const char *const words[FIELD_TYPE_COUNT] = {
        [FIELD_STRING] = "string",
        [FIELD_BOOL] = "boolean",
        [FIELD_INT] = "integer",
        [FIELD_INT64] = "integer",
        [FIELD_DURATION_S] = "duration",
        [FIELD_DURATION_MS] = "duration",
        [FIELD_TERM] = "term",
        [FIELD_MODE] = "file mode",
        [FIELD_MONEY] = "amount",
        [FIELD_ENUM] = "word",
        [FIELD_FIXED] = "string",
        [FIELD_STRING_LIST] = "[]string",
        [FIELD_LABELS] = "map[string]string",
        [FIELD_REFERENCE] = "reference",
        [FIELD_REFERENCES] = "[]reference",
        [FIELD_SECRET] = "secret reference",
        [FIELD_OBJECT] = "object",
        [FIELD_OBJECTS] = "[]object",
        [FIELD_OBJECT_MAP] = "map[string]object",
        [FIELD_PAIRS] = "map[string]string",
    };
    return type < FIELD_TYPE_COUNT ? words[type] : "?";
}
