#include "make_manifest.h"

#include "base/error.h"
#include "schema/dns_account.h"
#include "schema/json_schema.h"
#include "schema/operator.h"

static struct buffer text;

static struct json *printed(enum resource_kind kind)
{
    struct error err = {0};
    buffer_clear(&text);
    if (kind == KIND_COUNT)
        json_schema_print_all(&text);
    else
        json_schema_print(kind, &text);
    struct json *document = json_parse(buffer_text(&text), text.length, &err);
    if (document == NULL)
        fprintf(stderr, "%s\n", err.message);
    CHECK(document != NULL);
    return document;
}

static const struct json *at(const struct json *value, const char *path)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *part = strtok(copy, "/"); part != NULL; part = strtok(NULL, "/"))
        value = json_member(value, part);
    return value;
}

/* A reference leads to a definition, an object closes itself, and what has a pattern is text. */
static void check_shape(const struct json *root, const struct json *value)
{
    const char *reference = json_string(json_member(value, "$ref"));
    if (reference != NULL) {
        CHECK(strncmp(reference, "#/definitions/", 14) == 0);
        CHECK(json_is_object(json_member(json_member(root, "definitions"), reference + 14)));
    }
    if (json_is_object(json_member(value, "properties")) && json_is_string(json_member(value, "type")) &&
        json_member(value, "allOf") == NULL)
        CHECK(json_is_bool(json_member(value, "additionalProperties")));
    if (json_is_string(json_member(value, "pattern")) && json_is_string(json_member(value, "type")))
        CHECK_TEXT(json_string(json_member(value, "type")), "string");
    for (const struct json *member = json_first(value); member != NULL; member = json_next(member))
        if (json_is_object(member) || json_is_array(member))
            check_shape(root, member);
}

static void every_kind_has_a_schema_that_holds_together(void)
{
    for (int kind = 0; kind <= KIND_COUNT; kind++) {
        AUTO(json) struct json *document = printed((enum resource_kind)kind);
        CHECK_TEXT(json_string(json_member(document, "$schema")), "http://json-schema.org/draft-07/schema#");
        check_shape(document, document);
    }
}

static void the_table_says_what_the_schema_says(void)
{
    AUTO(json) struct json *document = printed(KIND_CERTIFICATE);
    const struct json *spec = at(document, "properties/spec");
    CHECK_TEXT(json_string(at(spec, "properties/order/properties/term/default")), "12mo");
    CHECK_INT(json_count(at(spec, "properties/dcv/properties/method/enum")), 4);
    CHECK_TEXT(json_string(json_first(at(spec, "properties/order/required"))), "product");
    CHECK_INT(json_count(json_member(spec, "anyOf")), 2);
    CHECK_INT(json_count(json_member(spec, "allOf")), 4);
    int64_t number = 0;
    CHECK(json_int(at(spec, "properties/dnsNames/maxItems"), &number) && number == 250);
    CHECK(json_int(at(spec, "properties/order/properties/serverCount/default"), &number) && number == 1);
    CHECK_TEXT(json_string(at(document, "properties/kind/const")), "Certificate");
    CHECK(json_is_object(at(document, "properties/status")));
    bool truth = true;
    CHECK(json_bool(at(spec, "properties/suspend/default"), &truth) && !truth);
}

struct look {
    const struct json *spec;
};
static void check_described(const char *path, void *arg)
{
    const struct look *look = arg;
    const struct json *value = look->spec;
    char copy[256];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *part = strtok(copy, "."); part != NULL; part = strtok(NULL, ".")) {
        if (json_is_object(json_member(value, "items")))
            value = json_member(value, "items");
        value = json_member(json_member(value, "properties"), part);
    }
    if (!json_is_string(json_member(value, "description")))
        fprintf(stderr, "no description of %s\n", path);
    CHECK(json_is_string(json_member(value, "description")));
}

static void every_field_stands_in_it_with_a_description(void)
{
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        AUTO(json) struct json *document = printed((enum resource_kind)kind);
        struct look look = {at(document, "properties/spec")};
        each_path(manifest_spec_table((enum resource_kind)kind), "", check_described, &look);
    }
}

static void the_combined_one_chooses_by_kind(void)
{
    AUTO(json) struct json *document = printed(KIND_COUNT);
    CHECK_INT(json_count(json_member(document, "allOf")), KIND_COUNT);
    CHECK_INT(json_count(at(document, "properties/kind/enum")), KIND_COUNT);
    CHECK(json_is_object(at(document, "definitions/DNSAccount/properties/rfc2136")));
    CHECK_INT(json_count(at(document, "definitions/DNSAccount/oneOf")), DNS_PROVIDER_COUNT);
}

static void the_operators_file_has_one_too(void)
{
    struct error err = {0};
    buffer_clear(&text);
    json_schema_print_table(&operator_table, "ControllerConfig", &text);
    AUTO(json) struct json *document = json_parse(buffer_text(&text), text.length, &err);
    CHECK(document != NULL);
    check_shape(document, document);
    CHECK_TEXT(json_string(at(document, "properties/apiVersion/const")), MANIFEST_API_VERSION);
}

int main(void)
{
    RUN(every_kind_has_a_schema_that_holds_together);
    RUN(the_table_says_what_the_schema_says);
    RUN(every_field_stands_in_it_with_a_description);
    RUN(the_combined_one_chooses_by_kind);
    RUN(the_operators_file_has_one_too);
    buffer_release(&text);
    return CHECK_REPORT();
}
