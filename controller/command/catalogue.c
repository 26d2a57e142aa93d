/* catalogue: the products that may be ordered. */
#include <strings.h>

#include "base/arena.h"
#include "base/json.h"
#include "controller/command.h"
#include "controller/look_print.h"
#include "schema/catalogue.h"

static const char *const level_words[] = {[LEVEL_DV] = "DV", [LEVEL_OV] = "OV", [LEVEL_EV] = "EV"};

static struct string_list methods_of(const struct product *product, struct arena *arena)
{
    struct string_list methods = {0};
    if (product->email)
        string_list_push(arena, &methods, "Email");
    if (product->file) {
        string_list_push(arena, &methods, "HTTP");
        string_list_push(arena, &methods, "HTTPS");
    }
    if (product->dns)
        string_list_push(arena, &methods, "DNS");
    return methods;
}

static bool chosen(const struct product *product, const char *brand, const char *validation)
{
    return (brand == NULL || strcasecmp(product->brand, brand) == 0) &&
           (validation == NULL || strcasecmp(level_words[product->level], validation) == 0);
}

static void put_product(struct json_writer *w, const struct product *product, struct arena *arena)
{
    struct string_list methods = methods_of(product, arena);
    json_begin_object(w);
    json_string_member(w, "code", product->code);
    json_string_member(w, "name", product->name);
    json_string_member(w, "brand", product->brand);
    json_string_member(w, "validation", level_words[product->level]);
    json_bool_member(w, "wildcard", product->wildcard);
    json_bool_member(w, "wildcardRequired", product->wildcard_required);
    json_bool_member(w, "multiDomain", product->multi_domain);
    json_bool_member(w, "flex", product->flex);
    json_int_member(w, "maxNames", product->max_names);
    look_strings_member(w, "methods", &methods, arena);
    json_bool_member(w, "organization", product->organization);
    json_bool_member(w, "legacy", product->legacy);
    json_end_object(w);
}

static int print_json(struct command_context *ctx, const char *brand, const char *validation)
{
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    json_begin_object(&w);
    json_string_member(&w, "formatVersion", "1");
    json_key(&w, "products");
    json_begin_array(&w);
    for (size_t i = 0; product_at(i) != NULL; i++)
        if (chosen(product_at(i), brand, validation))
            put_product(&w, product_at(i), ctx->arena);
    json_end_array(&w);
    json_end_object(&w);
    int code = look_print_document(ctx, &text);
    buffer_release(&text);
    return code;
}

static int run(struct command_context *ctx, int argc, char **argv)
{
    static const char *const headings[] = {"CODE",     "NAME",         "BRAND",  "VALIDATION",
                                           "WILDCARD", "MULTI-DOMAIN", "METHODS"};
    const char *brand = command_option(ctx, "brand"), *validation = command_option(ctx, "validation");
    size_t found = 0;
    (void)argv;
    if (argc > 0)
        return command_fail(ctx, EXIT_USAGE, "catalogue takes no arguments; --brand and --validation choose");
    for (size_t i = 0; product_at(i) != NULL; i++)
        found += chosen(product_at(i), brand, validation);
    if (ctx->output == OUTPUT_JSON || ctx->output == OUTPUT_YAML)
        return print_json(ctx, brand, validation);
    if (found == 0)
        return command_fail(ctx, EXIT_ERROR, "no product is like that; validation is DV, OV or EV");
    struct table table;
    table_begin(&table, ctx->arena, COUNT_OF(headings), headings);
    for (size_t i = 0; product_at(i) != NULL; i++) {
        const struct product *product = product_at(i);
        if (!chosen(product, brand, validation))
            continue;
        struct string_list methods = methods_of(product, ctx->arena);
        table_row(&table, product->code, product->name, product->brand, level_words[product->level],
                  product->wildcard_required ? "required" : product->wildcard ? "yes" : "no",
                  product->multi_domain || product->flex || product->max_names > 1
                      ? arena_printf(ctx->arena, "up to %d", product->max_names)
                      : "no",
                  string_list_join(ctx->arena, &methods, ","));
    }
    table_print(ctx, &table);
    return EXIT_OK;
}

static const struct command_option options[] = {
    {"brand", "BRAND", "only this brand, as Sectigo or DigiCert"},
    {"validation", "LEVEL", "only DV, OV or EV"},
    {0},
};
const struct command command_catalogue = {
    .name = "catalogue",
    .arguments = "",
    .summary = "the products that may be ordered",
    .help = "Codes for spec.order.product. Prices are the vendor's: `certwright plan` shows them.",
    .options = options,
    .formats = {[OUTPUT_WIDE] = true, [OUTPUT_JSON] = true, [OUTPUT_YAML] = true},
    .run = run,
};
