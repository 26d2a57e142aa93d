#include "schema/explain.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/error.h"
#include "schema/field_internal.h"
#include "schema/manifest.h"
#include "schema/manifest_table.h"
#include "schema/operator.h"

/* ---- text ---- */

/* Words from `text`, each line indented and no longer than `width`. */
static void put_wrapped(struct buffer *out, const char *text, int indent, int width)
{
    int column = 0;
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (column > 0 && column + 1 + (int)word > width) {
            buffer_putc(out, '\n');
            column = 0;
        }
        if (column == 0)
            column = indent, buffer_printf(out, "%*s", indent, "");
        else
            column++, buffer_putc(out, ' ');
        buffer_append(out, text, word);
        column += (int)word;
        text += word;
        text += strspn(text, " ");
    }
    buffer_putc(out, '\n');
}

static const char *limit_text(struct arena *arena, const struct field *field, int64_t limit)
{
    switch (field->type) {
    case FIELD_DURATION_S:
        return text_duration(arena, limit);
    case FIELD_DURATION_MS:
        return limit % 1000 == 0 ? text_duration(arena, limit / 1000) : arena_printf(arena, "%lldms", (long long)limit);
    case FIELD_TERM:
        return arena_printf(arena, "%lldmo", (long long)limit);
    default:
        return arena_printf(arena, "%lld", (long long)limit);
    }
}

/* "1 to 250 entries", "at most 64 characters", "1h to 398d"; NULL: no limit worth words. */
static const char *range_text(struct arena *arena, const struct field *field)
{
    bool list = field->type >= FIELD_STRING_LIST, text = field->type == FIELD_STRING;
    const char *of = list ? " entries" : text ? " characters" : "";
    if (field->max == 0)
        return field->min > 0 ? arena_printf(arena, "at least %s%s", limit_text(arena, field, field->min), of) : NULL;
    if ((list || text) && field->min <= 1)
        return arena_printf(arena, "at most %s%s", limit_text(arena, field, field->max), of);
    return arena_printf(arena, "%s to %s%s", limit_text(arena, field, field->min), limit_text(arena, field, field->max), of);
}

static const char *words_text(struct arena *arena, const struct field *field)
{
    struct string_list words = {0};
    for (size_t i = 0; field->words != NULL && field->words[i] != NULL; i++)
        if (field->words[i][0] != '\0')
            string_list_push(arena, &words, field->words[i]);
    return words.count > 0 ? string_list_join(arena, &words, ", ") : NULL;
}

static const char *type_text(struct arena *arena, const struct field *field)
{
    if (field->type == FIELD_REFERENCE || field->type == FIELD_REFERENCES) {
        const char *kind = resource_kind_name((enum resource_kind)field->refers_to);
        return arena_printf(arena, "%s{name} of %s %s", field->type == FIELD_REFERENCES ? "[]" : "",
                            strchr("AEIOU", kind[0]) != NULL ? "an" : "a", kind);
    }
    return field->type == FIELD_SECRET ? "{name, key} of a secret" : field_type_word(field->type);
}

static const char *default_text(const struct field *field)
{
    if (field->type == FIELD_FIXED)
        return NULL;
    return field->fallback != NULL && field->fallback[0] == '\0' ? "\"\"" : field->fallback;
}

static const struct field_table *table_of(const struct field *field)
{
    if (field->type == FIELD_REFERENCE || field->type == FIELD_REFERENCES)
        return &field_reference_table;
    return field->type == FIELD_SECRET ? &field_secret_table : field->table;
}

/* ---- explain ---- */

static void put_fields(struct buffer *out, const struct field_table *table, int width, struct arena *arena)
{
    buffer_puts(out, "FIELDS:\n");
    for (size_t i = 0; i < table->count; i++) {
        const struct field *field = &table->fields[i];
        const char *words = words_text(arena, field), *fallback = default_text(field);
        buffer_printf(out, "  %s  <%s>", field->name, type_text(arena, field));
        if (field->required)
            buffer_puts(out, "  required");
        if (fallback != NULL)
            buffer_printf(out, "  default %s", fallback);
        buffer_putc(out, '\n');
        if (field->doc != NULL)
            put_wrapped(out, field->doc, 6, width);
        if (words != NULL)
            put_wrapped(out, arena_printf(arena, "One of %s.", words), 6, width);
        if (i + 1 < table->count)
            buffer_putc(out, '\n');
    }
    if (table->one_of != NULL || table->any_of != NULL) {
        struct string_list names = {0};
        const char *const *list = table->one_of != NULL ? table->one_of : table->any_of;
        for (size_t i = 0; list[i] != NULL; i++)
            string_list_push(arena, &names, list[i]);
        buffer_putc(out, '\n');
        put_wrapped(out, arena_printf(arena, "%s of %s is needed.", table->one_of != NULL ? "Exactly one" : "At least one",
                      string_list_join(arena, &names, ", ")), 2, width);
    }
}

static void put_details(struct buffer *out, const struct field *field, struct arena *arena)
{
    const struct {
        const char *label, *text;
    } rows[] = {
        {"REQUIRED", field->required ? "yes" : NULL},
        {"DEFAULT", default_text(field)},
        {"ONE OF", words_text(arena, field)},
        {"RANGE", range_text(arena, field)},
        {"FORM", field->pattern},
        {"EXAMPLE", field->example},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].text != NULL)
            buffer_printf(out, "%-10s %s\n", arena_printf(arena, "%s:", rows[i].label), rows[i].text);
    if (field->not_with != NULL) {
        struct string_list names = {0};
        for (size_t i = 0; field->not_with[i] != NULL; i++)
            string_list_push(arena, &names, field->not_with[i]);
        buffer_printf(out, "%-10s %s\n", "NOT WITH:", string_list_join(arena, &names, ", "));
    }
}

static bool unknown_path(const struct field_table *top, const char *path, struct arena *arena, struct error *err)
{
    const struct field_table *parent = top;
    const char *names[64], *wrong = path, *kind = top->name;
    size_t count = 0;
    struct string_list parts = text_split(arena, path, '.');
    for (size_t i = 0; i < parts.count; i++) {
        const struct string_list head = {parts.items, i + 1};
        wrong = parts.items[i];
        if (field_find(top, string_list_join(arena, &head, "."), &parent) == NULL)
            break;
    }
    for (size_t i = 0; i < parent->count && count < COUNT_OF(names); i++)
        names[count++] = parent->fields[i].name;
    const char *near = text_nearest(wrong, names, count);
    const struct string_list all = {names, count};
    if (near != NULL && strcmp(near, wrong) != 0)
        return error_raise(err, ERROR_NOT_FOUND, "%s has no field \"%s\" (did you mean \"%s\"?)", kind, path, near);
    return error_raise(err, ERROR_NOT_FOUND, "%s has no field \"%s\"; %s has %s", kind, path, parent->name,
                       string_list_join(arena, &all, ", "));
}

static bool unknown_kind(const char *word, struct error *err)
{
    enum resource_kind meant = resource_kind_near(word);
    const char *near = meant < KIND_COUNT ? resource_kind_name(meant) : NULL;
    return error_raise(err, ERROR_NOT_FOUND, "there is no kind \"%s\" (%s%s%s)", word, near != NULL ? "did you mean \"" : "",
                       near != NULL ? near : "kinds are Certificate, Issuer, DNSAccount, DeployTarget, Organization, Contact",
                       near != NULL ? "\"?" : "");
}

/* `path` below `top`, or, as good, below its `inner` table: "certificate.dcv" for "certificate.spec.dcv". */
static bool explain_below(const struct field_table *top, const struct field_table *inner, const char *path, int width,
                          struct buffer *out, struct arena *arena, struct error *err)
{
    const struct field_table *shown = top;
    const struct field *field = NULL;
    if (path[0] != '\0') {
        const char *first = arena_strndup(arena, path, strcspn(path, ".["));
        if (field_find(top, first, NULL) == NULL && field_find(inner, first, NULL) != NULL)
            path = arena_printf(arena, "spec.%s", path);
        field = field_find(top, path, NULL);
        if (field == NULL)
            return unknown_path(top, path, arena, err);
        shown = table_of(field);
    }
    width = width < 40 ? 80 : width;
    buffer_printf(out, "KIND:      %s\nVERSION:   %s\n", top->name, MANIFEST_API_VERSION);
    if (field != NULL) {
        buffer_printf(out, "FIELD:     %s\nTYPE:      %s\n", path, type_text(arena, field));
        put_details(out, field, arena);
    }
    buffer_puts(out, "\nDESCRIPTION:\n");
    put_wrapped(out, field != NULL && field->doc != NULL ? field->doc : top->doc, 4, width);
    if (shown != NULL && shown->count > 0) {
        buffer_putc(out, '\n');
        put_fields(out, shown, width, arena);
    }
    return true;
}

bool explain(const char *kind_path, int width, struct buffer *out, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    size_t head = strcspn(kind_path, ".");
    const char *word = arena_strndup(arena, kind_path, head), *path = kind_path + head + (kind_path[head] == '.');
    if (strcasecmp(word, "config") == 0 || strcasecmp(word, "operator") == 0 ||
        strcasecmp(word, operator_table.name) == 0)
        return explain_below(&operator_table, &operator_table, path, width, out, arena, err);
    enum resource_kind kind = resource_kind_parse(word);
    if (kind == KIND_COUNT)
        return unknown_kind(word, err);
    const struct field_table *spec = manifest_spec_table(kind);
    const struct field envelope_fields[] = {
        {.name = "apiVersion", .type = FIELD_FIXED, .fallback = MANIFEST_API_VERSION, .required = true,
         .example = MANIFEST_API_VERSION, .doc = "The version of this form."},
        {.name = "kind", .type = FIELD_FIXED, .fallback = spec->name, .required = true, .example = spec->name,
         .doc = "What the document describes."},
        {.name = "metadata", .type = FIELD_OBJECT, .table = &metadata_table, .required = true, .doc = metadata_table.doc},
        {.name = "spec", .type = FIELD_OBJECT, .table = spec, .required = true, .doc = spec->doc},
    };
    const struct field_table envelope = {.name = spec->name, .doc = spec->doc, FIELDS(envelope_fields)};
    return explain_below(&envelope, spec, path, width, out, arena, err);
}

/* ---- Markdown ---- */

static void put_cell(struct buffer *out, const char *text)
{
    for (; text != NULL && *text != '\0'; text++) {
        if (*text == '|' || *text == '<' || *text == '*')
            buffer_putc(out, '\\');
        buffer_putc(out, *text);
    }
}

static void put_rows(struct buffer *out, const struct field_table *table, const char *prefix, struct arena *arena)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct field *field = &table->fields[i];
        const char *path = prefix[0] != '\0' ? arena_printf(arena, "%s.%s", prefix, field->name) : field->name;
        const char *words = words_text(arena, field), *range = range_text(arena, field), *fallback = default_text(field);
        buffer_printf(out, "| `%s` | ", path);
        put_cell(out, type_text(arena, field));
        buffer_puts(out, " | ");
        if (field->required)
            buffer_puts(out, "required");
        else if (fallback != NULL)
            buffer_printf(out, "`%s`", fallback);
        buffer_puts(out, " | ");
        put_cell(out, field->doc);
        if (words != NULL)
            buffer_printf(out, " One of %s.", words);
        if (range != NULL)
            buffer_printf(out, " (%s)", range);
        if (field->example != NULL)
            buffer_printf(out, " Example: `%s`", field->example);
        buffer_puts(out, " |\n");
        const char *below = field->type == FIELD_OBJECTS      ? arena_printf(arena, "%s[]", path)
                            : field->type == FIELD_OBJECT_MAP ? arena_printf(arena, "%s.NAME", path)
                                                              : path;
        if (field->table != NULL)
            put_rows(out, field->table, below, arena);
    }
}

void explain_markdown_table(const struct field_table *table, const char *prefix, struct buffer *out)
{
    AUTO(arena) struct arena *arena = arena_create();
    buffer_puts(out, "| field | type | default | meaning |\n| --- | --- | --- | --- |\n");
    put_rows(out, table, prefix, arena);
}

void explain_markdown(enum resource_kind kind, struct buffer *out)
{
    explain_markdown_table(manifest_spec_table(kind), "spec", out);
}
