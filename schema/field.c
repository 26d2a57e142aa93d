/* Decoding. A mapping is read member by member, in the order it was written; what it leaves out gets its default. The
 * frames on the C stack know the path, which becomes text only when there is something to say. */
#include "schema/field.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "schema/field_internal.h"
#include "schema/resource.h"
#include "schema/yaml.h"

static const struct field reference_fields[] = {
    {.name = "name", .type = FIELD_STRING, AT(reference, name), .required = true, .pattern = field_name_pattern,
     .doc = "Name of the resource, in the same namespace."},
};
const struct field_table field_reference_table = {
    .name = "reference", .size = sizeof(struct reference), FIELDS(reference_fields),
    .doc = "Another resource of the same namespace.",
};
static const struct field secret_fields[] = {
    {.name = "name", .type = FIELD_STRING, AT(secret_ref, name), .required = true, .pattern = field_key_pattern,
     .doc = "Name of the secret: a folder in the secrets directory of the operator's file."},
    {.name = "key", .type = FIELD_STRING, AT(secret_ref, key), .required = true, .pattern = field_key_pattern,
     .doc = "Key within the secret: a file in that folder."},
};
const struct field_table field_secret_table = {
    .name = "secretRef", .size = sizeof(struct secret_ref), FIELDS(secret_fields),
    .doc = "A secret value, by its place: <secrets directory>/<name>/<key>, or <name>_<key>.",
};

struct field_frame {
    const struct field_frame *parent;
    const char *name;  /* of the member, or the path to begin with */
    int index;         /* of an item; -1: none */
    const struct field_table *table; /* of this object */
};

/* ---- saying what is wrong, and where ---- */

static void frame_write(const struct field_frame *frame, struct buffer *out)
{
    if (frame == NULL)
        return;
    frame_write(frame->parent, out);
    if (frame->index >= 0) {
        buffer_printf(out, "[%d]", frame->index);
    } else if (!text_empty(frame->name)) {
        if (out->length > 0)
            buffer_putc(out, '.');
        buffer_puts(out, frame->name);
    }
}

const char *field_path(const struct field_frame *frame, struct arena *arena)
{
    struct buffer path = {0};
    frame_write(frame, &path);
    const char *text = arena_strdup(arena, buffer_text(&path));
    buffer_release(&path);
    return text;
}

/* The message is "<path> <what is said>". */
static struct problem *__attribute__((format(printf, 6, 7)))
complain(const struct decoder *d, const struct field_frame *frame, enum severity severity, const char *code,
         struct position position, const char *format, ...)
{
    const char *path = field_path(frame, d->problems->arena);
    va_list args;
    va_start(args, format);
    const char *said = arena_vprintf(d->problems->arena, format, args);
    va_end(args);
    struct problem *problem = problem_add(d->problems, severity, code, position, path, "%s %s",
                                          path[0] != '\0' ? path : "the document", said);
    problem->in_schema = true;
    return problem;
}

bool field_refuse_deeper(const struct decoder *d, const struct field_frame *frame, const struct yaml_node *node,
                         const char *code, const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *said = arena_vprintf(d->problems->arena, format, args);
    va_end(args);
    struct problem *problem = complain(d, frame, SEVERITY_ERROR, code, yaml_position(node), "%s", said);
    problem->hint = hint;
    problem->in_schema = false;
    return false;
}

bool field_refuse(const struct decoder *d, const struct field_frame *frame, const struct yaml_node *node,
                  const char *code, const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *said = arena_vprintf(d->problems->arena, format, args);
    va_end(args);
    complain(d, frame, SEVERITY_ERROR, code, yaml_position(node), "%s", said)->hint = hint;
    return false;
}

const char *field_show(const struct decoder *d, const char *text)
{
    return text_clean(d->problems->arena, text, strlen(text), 60);
}

void field_hint_nearest(struct problem *problem, struct arena *arena, const char *word, const char *const *candidates,
                        size_t count)
{
    const char *near = problem != NULL ? text_nearest(word, candidates, count) : NULL;
    if (near != NULL)
        problem->hint = arena_printf(arena, "did you mean \"%s\"?", near);
}

/* Where "dnsNames[2]" stands below a node: a value itself, a mapping or list by its key; else the nearest around it. */
static struct position find_position(const struct yaml_node *node, const char *path)
{
    while (path != NULL && *path != '\0') {
        const struct yaml_node *next = NULL;
        size_t length = strcspn(path, ".[");
        if (*path == '[') {
            long index = strtol(path + 1, NULL, 10);
            next = node->kind == YAML_SEQUENCE ? node->first : NULL;
            while (next != NULL && index-- > 0)
                next = next->next;
            length = strcspn(path, "]");
        } else if (node->kind == YAML_MAPPING) {
            for (next = node->first; next != NULL; next = next->next)
                if (next->key_length == length && memcmp(next->key, path, length) == 0)
                    break;
        }
        if (next == NULL)
            break;
        node = next;
        path += length;
        path += *path == ']';
        path += *path == '.';
    }
    return node->kind != YAML_SCALAR && node->key != NULL ? yaml_key_position(node) : yaml_position(node);
}

struct problem *field_problem(const struct field_scope *scope, const char *name, enum severity severity,
                              const char *code, const char *format, ...)
{
    struct decoder d = {.arena = scope->arena, .problems = scope->problems};
    va_list args;
    va_start(args, format);
    const char *said = arena_vprintf(scope->problems->arena, format, args);
    va_end(args);
    struct position position = {0};
    const struct yaml_node *node = scope->node;
    if (node != NULL)
        position = find_position(node, name);
    const struct field_frame member = {scope->frame, name, -1, NULL};
    struct problem *problem = complain(&d, name != NULL ? &member : scope->frame, severity, code, position, "%s", said);
    problem->in_schema = false;
    return problem;
}

bool field_given(const struct field_scope *scope, const char *name)
{
    return yaml_member(scope->node, name) != NULL;
}

const char *field_nearest(const char *word, const char *const *words, size_t count)
{
    const char *near = text_nearest(word, words, count);
    for (size_t i = 0; near == NULL && strlen(word) >= 2 && i < count; i++)
        if (text_has_prefix(words[i], word))
            near = words[i];
    return near;
}

static const char *nearest_in(const struct field_table *table, const char *word, struct arena *arena)
{
    const char **names = arena_array(arena, table->count + 1, sizeof *names);
    for (size_t i = 0; i < table->count; i++)
        names[i] = table->fields[i].name;
    return field_nearest(word, (const char *const *)names, table->count);
}

static const struct field *field_named(const struct field_table *table, const char *name)
{
    for (size_t i = 0; table != NULL && i < table->count; i++)
        if (strcmp(table->fields[i].name, name) == 0)
            return &table->fields[i];
    return NULL;
}

static void unknown_field(const struct decoder *d, const struct field_table *table, const struct field_frame *frame,
                          const struct yaml_node *child)
{
    struct arena *arena = d->problems->arena;
    const char *shown = field_show(d, child->key);
    struct problem *problem = complain(d, frame, SEVERITY_ERROR, "unknown-field", yaml_key_position(child),
                                       "has no field \"%s\"", shown);
    const char *near = nearest_in(table, child->key, arena);
    if (near != NULL && strcmp(near, child->key) != 0)
        problem->hint = arena_printf(arena, "did you mean \"%s\"?", near);
    /* The name exists, a level further in or out. */
    for (size_t i = 0; i < table->count; i++)
        if (table->fields[i].type == FIELD_OBJECT && field_named(table->fields[i].table, child->key) != NULL)
            problem->hint = arena_printf(arena, "did you mean \"%s.%s\"? check the indentation", table->fields[i].name,
                                         shown);
    for (const struct field_frame *outer = frame->parent; outer != NULL; outer = outer->parent)
        if (outer->table != NULL && outer->table != table && field_named(outer->table, child->key) != NULL) {
            const char *path = field_path(outer, arena);
            problem->hint = arena_printf(arena, "\"%s\" belongs to %s: check the indentation", shown,
                                         path[0] != '\0' ? path : "the document");
            break;
        }
    if (problem->hint == NULL) {
        struct string_list names = {0};
        for (size_t i = 0; i < table->count; i++)
            string_list_push(arena, &names, table->fields[i].name);
        problem->hint = arena_printf(arena, "fields here: %s", string_list_join(arena, &names, ", "));
    }
}

/* ---- lists and maps ---- */

/* How a reference is written that was given as bare text; NULL: no words for it. Text where a secret's place is due may be the
 * secret itself, and is never repeated. */
static const char *spell_reference(const struct decoder *d, const struct field_table *table, const struct yaml_node *node)
{
    if (table == &field_secret_table)
        return "{name: …, key: …}";
    if (table != &field_reference_table)
        return NULL;
    bool good = node->kind == YAML_SCALAR && yaml_scalar_type(node) == YAML_STRING &&
                field_matches(field_name_pattern, node->text);
    return good ? arena_printf(d->problems->arena, "{name: %s}", node->text) : "{name: …}";
}

/* `table`: of the mapping that is due, or of the list's items; NULL: none. */
static bool check_kind(const struct decoder *d, const struct field_frame *frame, const struct yaml_node *node,
                       enum yaml_kind kind, const struct field_table *table)
{
    if (node->kind == kind)
        return true;
    const char *due = kind == YAML_MAPPING ? "a mapping" : "a list";
    if (node->kind == YAML_SCALAR && yaml_scalar_type(node) == YAML_NULL)
        return field_refuse(d, frame, node, "empty-value", "give a value, or leave the line out; {} and [] are empty values",
                            "has no value; %s is due", due);
    const char *hint = NULL, *reference = spell_reference(d, table, node);
    if (kind == YAML_SEQUENCE && node->kind == YAML_SCALAR)
        hint = arena_printf(d->problems->arena, "write [%s]", reference != NULL ? reference : field_show(d, node->text));
    else if (kind == YAML_MAPPING && reference != NULL)
        hint = arena_printf(d->problems->arena, "write %s", reference);
    return field_refuse(d, frame, node, "wrong-type", hint, "is %s; %s is due", yaml_describe(node), due);
}

static bool check_count(const struct decoder *d, const struct field_frame *frame, const struct field *field,
                        const struct yaml_node *node)
{
    if (d->stored || (field->min == 0 && field->max == 0))
        return true;
    if (node->count < (uint64_t)field->min)
        return field_refuse(d, frame, node, "out-of-range", NULL, "has %u entries; at least %lld %s due", node->count,
                            (long long)field->min, field->min == 1 ? "is" : "are");
    if (field->max > 0 && node->count > (uint64_t)field->max)
        return field_refuse(d, frame, node, "out-of-range", NULL, "has %u entries; at most %lld are allowed", node->count,
                            (long long)field->max);
    return true;
}

static bool decode_strings(const struct decoder *d, const struct field *field, const struct yaml_node *node,
                           const struct field_frame *frame, struct string_list *out)
{
    bool ok = check_kind(d, frame, node, YAML_SEQUENCE, NULL) && check_count(d, frame, field, node);
    if (!ok)
        return false;
    out->items = arena_array(d->arena, node->count + 1, sizeof *out->items);
    int index = 0;
    for (const struct yaml_node *item = node->first; item != NULL; item = item->next, index++) {
        const struct field_frame at = {frame, NULL, index, NULL};
        const char *text = NULL;
        if (!field_decode_string(d, field, item, &at, &text))
            ok = false;
        else if (!field->set || !string_list_contains(out, text))
            out->items[out->count++] = text;
    }
    return ok;
}

static bool decode_references(const struct decoder *d, const struct field *field, const struct yaml_node *node,
                              const struct field_frame *frame, struct reference_list *out)
{
    bool ok = check_kind(d, frame, node, YAML_SEQUENCE, &field_reference_table) && check_count(d, frame, field, node);
    if (!ok)
        return false;
    out->items = arena_array(d->arena, node->count + 1, sizeof *out->items);
    int index = 0;
    for (const struct yaml_node *item = node->first; item != NULL; item = item->next, index++) {
        const struct field_frame at = {frame, NULL, index, &field_reference_table};
        struct reference *reference = &out->items[out->count];
        *reference = (struct reference){0};
        if (!field_decode_object(d, &field_reference_table, item, &at, reference)) {
            ok = false;
            continue;
        }
        reference->position = yaml_position(item);
        bool twice = false;
        for (size_t i = 0; field->set && i < out->count; i++)
            twice = twice || strcmp(out->items[i].name, reference->name) == 0;
        out->count += !twice;
    }
    return ok;
}

static bool check_key(const struct decoder *d, const struct field *field, const struct yaml_node *child,
                      const struct field_frame *frame, const char **out_key)
{
    const char *reason = NULL;
    *out_key = child->key;
    if (d->stored)
        return true;
    if (field->pattern != NULL && !field_matches(field->pattern, child->key)) {
        complain(d, frame, SEVERITY_ERROR, "bad-key", yaml_key_position(child), "has the key \"%s\", which is not of the "
                 "form %s", field_show(d, child->key), field->pattern);
        return false;
    }
    if (field->canonical != NULL && (*out_key = field->canonical(d->arena, child->key, &reason)) == NULL) {
        complain(d, frame, SEVERITY_ERROR, "bad-key", yaml_key_position(child), "has the key \"%s\": %s",
                 field_show(d, child->key), reason)->in_schema = false;
        return false;
    }
    return true;
}

static int compare_labels(const void *a, const void *b)
{
    return strcmp(((const struct label *)a)->name, ((const struct label *)b)->name);
}

/* FIELD_LABELS and FIELD_PAIRS: entries of two strings, in key order. */
static bool decode_pairs(const struct decoder *d, const struct field *field, const struct yaml_node *node,
                         const struct field_frame *frame, struct label **out_items, size_t *out_count)
{
    static const struct field any_text = {.name = "", .type = FIELD_STRING, .fallback = ""};
    bool ok = check_kind(d, frame, node, YAML_MAPPING, NULL) && check_count(d, frame, field, node);
    if (!ok)
        return false;
    struct label *items = arena_array(d->arena, node->count + 1, sizeof *items);
    size_t count = 0;
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        const struct field_frame at = {frame, child->key, -1, NULL};
        struct label *label = &items[count];
        if (check_key(d, field, child, frame, &label->name) &&
            field_decode_string(d, &any_text, child, &at, &label->value))
            count++;
        else
            ok = false;
    }
    qsort(items, count, sizeof *items, compare_labels);
    *out_items = items;
    *out_count = count;
    return ok;
}

static int compare_entries(const void *a, const void *b, void *key_offset)
{
    size_t offset = *(const size_t *)key_offset;
    return strcmp(*(const char *const *)((const char *)a + offset), *(const char *const *)((const char *)b + offset));
}

static bool decode_objects(const struct decoder *d, const struct field *field, const struct yaml_node *node,
                           const struct field_frame *frame, void **out_items, size_t *out_count)
{
    bool map = field->type == FIELD_OBJECT_MAP, ok = check_kind(d, frame, node, map ? YAML_MAPPING : YAML_SEQUENCE, NULL) &&
                                                     check_count(d, frame, field, node);
    if (!ok)
        return false;
    size_t size = field->table->size, count = 0;
    char *items = arena_array(d->arena, node->count + 1, size);
    int index = 0;
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next, index++) {
        const struct field_frame at = {frame, map ? child->key : NULL, map ? -1 : index, field->table};
        const char *key = NULL;
        char *item = items + size * count;
        memset(item, 0, size);
        bool good = !map || check_key(d, field, child, frame, &key);
        good = field_decode_object(d, field->table, child, &at, item) && good;
        if (map)
            *(const char **)(item + field->key_offset) = key;
        ok = ok && good;
        count += good;
    }
    size_t key_offset = field->key_offset;
    if (map && count > 1)
        qsort_r(items, count, size, compare_entries, &key_offset);
    *out_items = items;
    *out_count = count;
    return ok;
}

/* ---- objects ---- */

static bool decode_value(const struct decoder *d, const struct field *field, const struct yaml_node *node,
                         const struct field_frame *frame, char *base)
{
    void *at = base + field->offset;
    switch (field->type) {
    case FIELD_STRING_LIST:
        return decode_strings(d, field, node, frame, at);
    case FIELD_LABELS: {
        struct label_list *labels = at;
        return decode_pairs(d, field, node, frame, &labels->items, &labels->count);
    }
    case FIELD_PAIRS:
        return decode_pairs(d, field, node, frame, at, (size_t *)(base + field->count_offset));
    case FIELD_REFERENCE:
        ((struct reference *)at)->position = yaml_position(node);
        return field_decode_object(d, &field_reference_table, node, frame, at);
    case FIELD_REFERENCES:
        return decode_references(d, field, node, frame, at);
    case FIELD_SECRET:
        ((struct secret_ref *)at)->position = yaml_position(node);
        return field_decode_object(d, &field_secret_table, node, frame, at);
    case FIELD_OBJECT:
        return field_decode_object(d, field->table, node, frame, at);
    case FIELD_OBJECTS:
    case FIELD_OBJECT_MAP:
        return decode_objects(d, field, node, frame, at, (size_t *)(base + field->count_offset));
    default:
        return field_decode_scalar(d, field, node, frame, base);
    }
}

static int index_of(const char *const *words, const char *word)
{
    for (int i = 0; words != NULL && words[i] != NULL; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

static const char *join_words(const struct decoder *d, const char *const *words)
{
    const char *text = words[0];
    for (size_t i = 1; words[i] != NULL; i++)
        text = arena_printf(d->problems->arena, words[i + 1] != NULL ? "%s, %s" : "%s or %s", text, words[i]);
    return text;
}

/* What was not given: its default, or what stands for "absent". */
static void fill_in(const struct decoder *d, const struct field *field, const struct field_frame *frame, char *base)
{
    if (field->type == FIELD_OBJECT) {
        const struct field_frame at = {frame, field->name, -1, field->table};
        field_decode_object(d, field->table, NULL, &at, base + field->offset);
    } else if (field->fallback != NULL) {
        field_parse_default(d->arena, field, base);
    } else {
        field_put_absent(field, base, d->stored);
    }
}

static bool check_unions(const struct decoder *d, const struct field_table *table, const struct yaml_node *node,
                         const struct field_frame *frame, char *base)
{
    size_t given = 0;
    bool ok = true;
    for (const struct yaml_node *child = node->first; table->one_of != NULL && child != NULL; child = child->next) {
        int index = index_of(table->one_of, child->key);
        if (index < 0)
            continue;
        if (given++ == 0 && table->one_of_at > 0)
            *(int *)(base + table->one_of_at - 1) = index;
        if (given == 2) {
            complain(d, frame, SEVERITY_ERROR, "one-of", yaml_key_position(child), "takes only one of %s",
                     join_words(d, table->one_of));
            ok = false;
        }
    }
    struct position position = node->key != NULL ? yaml_key_position(node) : yaml_position(node);
    if (table->one_of != NULL && given == 0 && !table->one_of_optional) {
        complain(d, frame, SEVERITY_ERROR, "one-of", position, "needs %s%s",
                 table->one_of[1] != NULL ? "one of " : "the field ", join_words(d, table->one_of));
        ok = false;
    }
    bool any = table->any_of == NULL;
    for (int i = 0; !any && table->any_of[i] != NULL; i++)
        any = yaml_member(node, table->any_of[i]) != NULL;
    if (!any) {
        complain(d, frame, SEVERITY_ERROR, "missing-field", position, "needs %s", join_words(d, table->any_of));
        ok = false;
    }
    return ok;
}

/* A given field beside one it excludes, and required ones that are missing. */
static bool check_member(const struct decoder *d, const struct field *field, bool given, const struct yaml_node *node,
                         const struct field_frame *frame)
{
    if (!given) {
        struct position position = node->key != NULL ? yaml_key_position(node) : yaml_position(node);
        struct problem *problem = complain(d, frame, SEVERITY_ERROR, "missing-field", position, "needs the field \"%s\"",
                                           field->name);
        if (field->example != NULL)
            problem->hint = arena_printf(d->problems->arena, "for example %s: %s", field->name, field->example);
        return false;
    }
    for (size_t i = 0; field->not_with != NULL && field->not_with[i] != NULL; i++)
        if (yaml_member(node, field->not_with[i]) != NULL) {
            const struct yaml_node *member = yaml_member(node, field->name);
            complain(d, frame, SEVERITY_ERROR, "not-together", yaml_key_position(member),
                     "takes \"%s\" or \"%s\", not both", field->name, field->not_with[i]);
            return false;
        }
    return true;
}

bool field_decode_object(const struct decoder *d, const struct field_table *table, const struct yaml_node *node,
                         const struct field_frame *frame, void *out)
{
    assert(table->count <= 64);
    uint64_t given = 0;
    size_t next = 0;
    bool ok = true;
    if (node != NULL && !check_kind(d, frame, node, YAML_MAPPING, table))
        return false;
    for (const struct yaml_node *child = node != NULL ? node->first : NULL; child != NULL; child = child->next) {
        size_t tried = 0;
        while (tried < table->count && strcmp(table->fields[next % table->count].name, child->key) != 0)
            next++, tried++;
        if (tried == table->count) {
            if (!d->stored)
                unknown_field(d, table, frame, child);
            ok = ok && d->stored;
            continue;
        }
        const struct field *field = &table->fields[next % table->count];
        next = next % table->count + 1;
        uint64_t bit = UINT64_C(1) << (field - table->fields);
        if (given & bit)
            continue; /* given twice: reported when the tree was read */
        given |= bit;
        const struct field_frame at = {frame, field->name, -1, field->table};
        ok = decode_value(d, field, child, &at, out) && ok;
    }
    for (size_t i = 0; i < table->count; i++) {
        const struct field *field = &table->fields[i];
        bool is_given = given >> i & 1;
        if (is_given ? field->not_with != NULL : field->required)
            ok = (node == NULL || d->stored || check_member(d, field, is_given, node, frame)) && ok;
        if (!is_given && (table->one_of == NULL || index_of(table->one_of, field->name) < 0))
            fill_in(d, field, frame, out);
    }
    if (node != NULL && !d->stored && (table->one_of != NULL || table->any_of != NULL))
        ok = check_unions(d, table, node, frame, out) && ok;
    if (table->finish != NULL && !d->stored) {
        size_t errors = d->problems->errors;
        const struct field_scope scope = {node, d->arena, d->problems, frame, !ok};
        table->finish(out, &scope);
        ok = ok && d->problems->errors == errors;
    }
    return ok;
}

bool field_decode(const struct field_table *table, const struct yaml_node *node, const char *path, struct arena *arena,
                  void *out, struct problem_list *problems)
{
    const struct decoder d = {.arena = arena, .problems = problems};
    const struct field_frame frame = {NULL, path, -1, table};
    memset(out, 0, table->size);
    return field_decode_object(&d, table, node, &frame, out);
}

/* ---- finding ---- */

const struct field *field_find(const struct field_table *table, const char *path, const struct field_table **out_parent)
{
    const struct field *field = NULL;
    if (out_parent != NULL)
        *out_parent = table;
    while (*path != '\0') {
        size_t length = strcspn(path, ".[");
        field = NULL;
        for (size_t i = 0; table != NULL && i < table->count && field == NULL; i++)
            if (strncmp(table->fields[i].name, path, length) == 0 && table->fields[i].name[length] == '\0')
                field = &table->fields[i];
        if (field == NULL)
            return NULL;
        path += length;
        while (*path == '[')
            path += strcspn(path, "]") + (strchr(path, ']') != NULL);
        bool deeper = *path == '.';
        path += deeper;
        table = field->table;
        if (field->type == FIELD_REFERENCE || field->type == FIELD_REFERENCES)
            table = &field_reference_table;
        else if (field->type == FIELD_SECRET)
            table = &field_secret_table;
        if (field->type == FIELD_OBJECT_MAP && deeper) {
            /* the next part is a key of the map, unless it is a member's name */
            size_t part = strcspn(path, ".[");
            bool member = false;
            for (size_t i = 0; i < table->count; i++)
                member = member || (strncmp(table->fields[i].name, path, part) == 0 && table->fields[i].name[part] == '\0');
            if (!member) {
                path += part;
                path += *path == '.';
            }
        }
        if (deeper && out_parent != NULL && table != NULL)
            *out_parent = table;
    }
    return field;
}
