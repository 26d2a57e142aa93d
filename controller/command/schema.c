/* schema [KIND]: the JSON Schemas that editors complete and check by; --write DIR leaves them as files. */
#include <strings.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "controller/command.h"
#include "schema/field.h"
#include "schema/json_schema.h"

static bool print_schema(const char *word, struct buffer *out)
{
    enum resource_kind kind = resource_kind_parse(word);
    if (kind != KIND_COUNT)
        json_schema_print(kind, out);
    else if (strcasecmp(word, "all") == 0)
        json_schema_print_all(out);
    else if (strcasecmp(word, "operator") == 0 || strcasecmp(word, operator_table.name) == 0)
        json_schema_print_table(&operator_table, "The operator's file of certwright", out);
    else
        return false;
    if (out->length > 0 && out->data[out->length - 1] != '\n')
        buffer_putc(out, '\n');
    return true;
}

static bool write_schema(int directory, const char *word, struct command_context *ctx, struct error *err)
{
    struct buffer text = {0};
    const char *name = arena_printf(ctx->arena, "%s.json", text_lower(ctx->arena, word));
    print_schema(word, &text);
    bool ok = file_replace(directory, name, buffer_text(&text), text.length, 0644, err);
    buffer_release(&text);
    return ok;
}

static int write_all(struct command_context *ctx, const char *path)
{
    struct error err = {0};
    if (!file_make_directories(path, 0755, &err))
        return command_fail_error(ctx, &err);
    AUTO(fd) int directory = file_open_directory(path, &err);
    bool ok = directory >= 0;
    for (int kind = 0; ok && kind < KIND_COUNT; kind++)
        ok = write_schema(directory, resource_kind_name((enum resource_kind)kind), ctx, &err);
    if (!ok || !write_schema(directory, "all", ctx, &err))
        return command_fail_error(ctx, &err);
    if (!ctx->quiet)
        command_print(ctx, "%d schemas written to %s\n", KIND_COUNT + 1, path);
    return EXIT_OK;
}

static int run(struct command_context *ctx, int argc, char **argv)
{
    struct buffer text = {0};
    const char *directory = command_option(ctx, "write");
    if (argc > 1 || (directory != NULL && argc > 0))
        return command_fail(ctx, EXIT_USAGE, "schema takes one KIND, or --write DIR");
    if (directory != NULL)
        return write_all(ctx, directory);
    if (!print_schema(argc > 0 ? argv[0] : "all", &text))
        return command_unknown_kind(ctx, argv[0], NULL);
    command_write(ctx, buffer_text(&text), text.length);
    buffer_release(&text);
    return EXIT_OK;
}

static const struct command_option options[] = {
    {"write", "DIR", "write one file per kind and all.json"},
    {0},
};
const struct command command_schema = {
    .name = "schema",
    .arguments = "[KIND]",
    .summary = "the JSON Schema of a kind, or of all",
    .help = "JSON Schema, draft-07. Without KIND: one schema for documents of every kind; `operator`: the\n"
            "operator's file. An editor takes it by a first line such as\n"
            "  # yaml-language-server: $schema=schemas/certificate.json",
    .options = options,
    .formats = {[OUTPUT_JSON] = true},
    .run = run,
};
