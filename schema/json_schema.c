#include "schema/json_schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "schema/field_internal.h"
#include "schema/manifest.h"
#include "schema/manifest_table.h"

#define DRAFT "http://json-schema.org/draft-07/schema#"

static void put_object(struct json_writer *w, const struct field_table *table, const char *doc);

/* ---- values ---- */

static void put_int_if(struct json_writer *w, const char *name, int64_t number, bool condition)
{
    if (condition)
        json_int_member(w, name, number);
}

/* Text as it stands in a manifest, without its quotes. */
static void put_unquoted(struct json_writer *w, const char *text)
{
    size_t length = strlen(text);
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"')
        json_put_stringn(w, text + 1, length - 2);
    else
        json_put_string(w, text);
}

static void put_typed(struct json_writer *w, const struct field *field, const char *text)
{
    if (field->type == FIELD_BOOL)
        json_put_bool(w, strcmp(text, "true") == 0);
    else if (field->type == FIELD_INT || field->type == FIELD_INT64)
        json_put_int(w, strtoll(text, NULL, 10));
    else
        put_unquoted(w, text);
}

static void put_example(struct json_writer *w, const struct field *field)
{
    if (field->example == NULL)
        return;
    json_key(w, "examples");
    json_begin_array(w);
    put_typed(w, field, field->example);
    json_end_array(w);
}

static void put_reference(struct json_writer *w, const char *definition)
{
    /* In draft-07 what stands beside $ref is ignored, and we have descriptions to put there. */
    json_key(w, "allOf");
    json_begin_array(w);
    json_begin_object(w);
    json_string_member(w, "$ref", definition);
    json_end_object(w);
    json_end_array(w);
}

/* Text: of a field, or of each item of a list. */
static void put_text(struct json_writer *w, const struct field *field)
{
    bool item = field->type != FIELD_STRING;
    bool may_be_empty = field->fallback != NULL && field->fallback[0] == '\0';
    json_string_member(w, "type", "string");
    if (!may_be_empty)
        json_int_member(w, "minLength", !item && field->min > 0 ? field->min : 1);
    put_int_if(w, "maxLength", field->max, !item && field->max > 0);
    if (field->pattern != NULL && may_be_empty) {
        json_key(w, "anyOf");
        json_begin_array(w);
        json_begin_object(w);
        json_string_member(w, "const", "");
        json_end_object(w);
        json_begin_object(w);
        json_string_member(w, "pattern", field->pattern);
        json_end_object(w);
        json_end_array(w);
    } else if (field->pattern != NULL) {
        json_string_member(w, "pattern", field->pattern);
    }
    put_example(w, field);
}

static void put_words(struct json_writer *w, const struct field *field)
{
    json_string_member(w, "type", "string");
    json_key(w, "enum");
    json_begin_array(w);
    for (size_t i = 0; field->words[i] != NULL; i++)
        if (field->words[i][0] != '\0')
            json_put_string(w, field->words[i]);
    json_end_array(w);
}

static void begin_items(struct json_writer *w, const struct field *field)
{
    json_string_member(w, "type", "array");
    put_int_if(w, "minItems", field->min, field->min > 0);
    put_int_if(w, "maxItems", field->max, field->max > 0);
    json_key(w, "items");
}

static void begin_map(struct json_writer *w, const struct field *field)
{
    json_string_member(w, "type", "object");
    put_int_if(w, "minProperties", field->min, field->min > 0);
    put_int_if(w, "maxProperties", field->max, field->max > 0);
    if (field->pattern != NULL) {
        json_key(w, "propertyNames");
        json_begin_object(w);
        json_string_member(w, "pattern", field->pattern);
        json_end_object(w);
    }
    json_key(w, "additionalProperties");
}

static void put_form(struct json_writer *w, const char *pattern, const struct field *field)
{
    json_string_member(w, "type", "string");
    json_string_member(w, "pattern", field->pattern != NULL ? field->pattern : pattern);
    put_example(w, field);
}

static void put_value(struct json_writer *w, const struct field *field)
{
    switch (field->type) {
    case FIELD_STRING:
        put_text(w, field);
        break;
    case FIELD_BOOL:
        json_string_member(w, "type", "boolean");
        break;
    case FIELD_INT:
    case FIELD_INT64:
        json_string_member(w, "type", "integer");
        put_int_if(w, "minimum", field->min, field->min != 0 || field->max != 0);
        put_int_if(w, "maximum", field->max, field->min != 0 || field->max != 0);
        put_example(w, field);
        break;
    case FIELD_DURATION_S:
    case FIELD_DURATION_MS:
        put_form(w, "^([0-9]+(ms|s|m|h|d))+$", field);
        break;
    case FIELD_TERM:
        put_form(w, "^[0-9]{1,4}(mo|y)$", field);
        break;
    case FIELD_MODE:
        put_form(w, "^0[0-7]{3}$", field);
        break;
    case FIELD_MONEY:
        put_form(w, "^[0-9]{1,12}([.][0-9]{1,2})? [A-Z]{3}$", field);
        break;
    case FIELD_ENUM:
        put_words(w, field);
        break;
    case FIELD_FIXED:
        json_string_member(w, "const", field->fallback);
        break;
    case FIELD_STRING_LIST:
        begin_items(w, field);
        json_begin_object(w);
        put_text(w, field);
        json_end_object(w);
        break;
    case FIELD_LABELS:
    case FIELD_PAIRS:
        begin_map(w, field);
        json_begin_object(w);
        json_string_member(w, "type", "string");
        json_end_object(w);
        break;
    case FIELD_REFERENCE:
        put_reference(w, "#/definitions/reference");
        break;
    case FIELD_SECRET:
        put_reference(w, "#/definitions/secretRef");
        break;
    case FIELD_REFERENCES:
        begin_items(w, field);
        json_begin_object(w);
        json_string_member(w, "$ref", "#/definitions/reference");
        json_end_object(w);
        break;
    case FIELD_OBJECTS:
        begin_items(w, field);
        put_object(w, field->table, field->table->doc);
        break;
    case FIELD_OBJECT_MAP:
        begin_map(w, field);
        put_object(w, field->table, field->table->doc);
        break;
    default:
        break;
    }
}

static void put_field(struct json_writer *w, const struct field *field)
{
    json_key(w, field->name);
    if (field->type == FIELD_OBJECT) {
        put_object(w, field->table, field->doc);
        return;
    }
    json_begin_object(w);
    if (field->doc != NULL)
        json_string_member(w, "description", field->doc);
    put_value(w, field);
    if (field->fallback != NULL && field->type != FIELD_FIXED) {
        json_key(w, "default");
        put_typed(w, field, field->fallback);
    }
    json_end_object(w);
}

/* ---- objects ---- */

/* `required`, with the properties it names: strict validators want to see both in one place. */
static void put_required(struct json_writer *w, const char *const *names, size_t count)
{
    json_key(w, "properties");
    json_begin_object(w);
    for (size_t i = 0; i < count; i++)
        json_bool_member(w, names[i], true);
    json_end_object(w);
    json_key(w, "required");
    json_begin_array(w);
    for (size_t i = 0; i < count; i++)
        json_put_string(w, names[i]);
    json_end_array(w);
}

static void put_choice(struct json_writer *w, const char *keyword, const char *const *names)
{
    json_key(w, keyword);
    json_begin_array(w);
    for (size_t i = 0; names[i] != NULL; i++) {
        json_begin_object(w);
        put_required(w, &names[i], 1);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_not_both(struct json_writer *w, const char *one, const char *other)
{
    json_begin_object(w);
    json_key(w, "not");
    json_begin_object(w);
    put_required(w, (const char *const[]){one, other}, 2);
    json_end_object(w);
    json_end_object(w);
}

static void put_exclusions(struct json_writer *w, const struct field_table *table)
{
    bool any = false;
    for (size_t i = 0; i < table->count; i++)
        any = any || table->fields[i].not_with != NULL;
    bool at_most_one = table->one_of != NULL && table->one_of_optional;
    if (!any && !at_most_one)
        return;
    json_key(w, "allOf");
    json_begin_array(w);
    for (size_t i = 0; i < table->count; i++)
        for (size_t k = 0; table->fields[i].not_with != NULL && table->fields[i].not_with[k] != NULL; k++)
            put_not_both(w, table->fields[i].name, table->fields[i].not_with[k]);
    for (size_t i = 0; at_most_one && table->one_of[i] != NULL; i++)
        for (size_t k = 0; k < i; k++)
            put_not_both(w, table->one_of[k], table->one_of[i]);
    json_end_array(w);
}

static void put_object_members(struct json_writer *w, const struct field_table *table)
{
    bool required = false;
    json_string_member(w, "type", "object");
    json_bool_member(w, "additionalProperties", false);
    json_key(w, "properties");
    json_begin_object(w);
    for (size_t i = 0; i < table->count; i++) {
        put_field(w, &table->fields[i]);
        required = required || table->fields[i].required;
    }
    json_end_object(w);
    if (required) {
        json_key(w, "required");
        json_begin_array(w);
        for (size_t i = 0; i < table->count; i++)
            if (table->fields[i].required)
                json_put_string(w, table->fields[i].name);
        json_end_array(w);
    }
    if (table->one_of != NULL && !table->one_of_optional)
        put_choice(w, "oneOf", table->one_of);
    if (table->any_of != NULL)
        put_choice(w, "anyOf", table->any_of);
    put_exclusions(w, table);
}

static void put_object(struct json_writer *w, const struct field_table *table, const char *doc)
{
    json_begin_object(w);
    if (doc != NULL)
        json_string_member(w, "description", doc);
    put_object_members(w, table);
    json_end_object(w);
}

/* ---- documents ---- */

static void put_definition(struct json_writer *w, const char *name, const struct field_table *table)
{
    json_key(w, name);
    put_object(w, table, table->doc);
}

static void begin_definitions(struct json_writer *w)
{
    json_key(w, "definitions");
    json_begin_object(w);
    put_definition(w, "reference", &field_reference_table);
    put_definition(w, "secretRef", &field_secret_table);
}

static void put_described(struct json_writer *w, const char *name, const char *doc)
{
    json_key(w, name);
    json_begin_object(w);
    json_string_member(w, "description", doc);
    json_end_object(w);
}

static void put_version(struct json_writer *w)
{
    json_key(w, "apiVersion");
    json_begin_object(w);
    json_string_member(w, "description", "The version of this form.");
    json_string_member(w, "const", MANIFEST_API_VERSION);
    json_end_object(w);
}

/* What stands beside `kind` and `spec`. */
static void put_surroundings(struct json_writer *w)
{
    json_key(w, "metadata");
    put_object(w, &metadata_table, metadata_table.doc);
    put_described(w, "status", "Ignored: it is never read from files.");
    put_described(w, "sops", "Ignored: left behind by sops in decrypted files.");
}

static void begin_document(struct json_writer *w, const char *title, const char *doc)
{
    json_begin_object(w);
    json_string_member(w, "$schema", DRAFT);
    json_string_member(w, "title", title);
    json_string_member(w, "description", doc);
}

static void put_envelope_rules(struct json_writer *w)
{
    static const char *const names[] = {"apiVersion", "kind", "metadata", "spec"};
    json_key(w, "required");
    json_begin_array(w);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        json_put_string(w, names[i]);
    json_end_array(w);
    json_bool_member(w, "additionalProperties", false);
}

void json_schema_print(enum resource_kind kind, struct buffer *out)
{
    const struct field_table *table = manifest_spec_table(kind);
    struct json_writer w = {.out = out, .indent = 2};
    begin_document(&w, table->name, table->doc);
    json_string_member(&w, "type", "object");
    put_envelope_rules(&w);
    json_key(&w, "properties");
    json_begin_object(&w);
    put_version(&w);
    json_key(&w, "kind");
    json_begin_object(&w);
    json_string_member(&w, "description", table->doc);
    json_string_member(&w, "const", table->name);
    json_end_object(&w);
    put_surroundings(&w);
    json_key(&w, "spec");
    put_object(&w, table, table->doc);
    json_end_object(&w);
    begin_definitions(&w);
    json_end_object(&w);
    json_end_object(&w);
    buffer_putc(out, '\n');
}

void json_schema_print_all(struct buffer *out)
{
    struct json_writer w = {.out = out, .indent = 2};
    begin_document(&w, "certwright", "A manifest of any kind.");
    json_string_member(&w, "type", "object");
    put_envelope_rules(&w);
    json_key(&w, "properties");
    json_begin_object(&w);
    put_version(&w);
    json_key(&w, "kind");
    json_begin_object(&w);
    json_string_member(&w, "description", "What the document describes.");
    json_string_member(&w, "type", "string");
    json_key(&w, "enum");
    json_begin_array(&w);
    for (int kind = 0; kind < KIND_COUNT; kind++)
        json_put_string(&w, resource_kind_name((enum resource_kind)kind));
    json_end_array(&w);
    json_end_object(&w);
    put_surroundings(&w);
    json_key(&w, "spec");
    json_begin_object(&w);
    json_string_member(&w, "type", "object");
    json_end_object(&w);
    json_end_object(&w);
    json_key(&w, "allOf");
    json_begin_array(&w);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        struct buffer rule = {0};
        const char *name = resource_kind_name((enum resource_kind)kind);
        buffer_printf(&rule, "{\"if\": {\"properties\": {\"kind\": {\"const\": \"%s\"}}, \"required\": [\"kind\"]}, "
                             "\"then\": {\"properties\": {\"spec\": {\"$ref\": \"#/definitions/%s\"}}}}", name, name);
        json_put_raw(&w, buffer_text(&rule));
        buffer_release(&rule);
    }
    json_end_array(&w);
    begin_definitions(&w);
    for (int kind = 0; kind < KIND_COUNT; kind++)
        put_definition(&w, resource_kind_name((enum resource_kind)kind), manifest_spec_table((enum resource_kind)kind));
    json_end_object(&w);
    json_end_object(&w);
    buffer_putc(out, '\n');
}

void json_schema_print_table(const struct field_table *table, const char *title, struct buffer *out)
{
    struct json_writer w = {.out = out, .indent = 2};
    begin_document(&w, title, table->doc);
    put_object_members(&w, table);
    begin_definitions(&w);
    json_end_object(&w);
    json_end_object(&w);
    buffer_putc(out, '\n');
}
