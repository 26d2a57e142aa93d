/* explain KIND[.path]: what a field of a manifest or of the operator's file means. */
#include <strings.h>

#include "base/error.h"
#include "controller/command.h"
#include "schema/explain.h"
#include "schema/field.h"

static bool is_operator(const char *word)
{
    return strcasecmp(word, "operator") == 0 || strcasecmp(word, "config") == 0 ||
           strcasecmp(word, operator_table.name) == 0;
}

/* The field tables for the documentation (scripts/docs). */
static int print_markdown(struct command_context *ctx, const char *word)
{
    struct buffer text = {0};
    enum resource_kind kind = word != NULL ? resource_kind_parse(word) : KIND_COUNT;
    if (word != NULL && is_operator(word))
        explain_markdown_table(&operator_table, "", &text);
    else if (kind != KIND_COUNT)
        explain_markdown(kind, &text);
    else
        return command_fail(ctx, EXIT_USAGE, "--markdown takes one KIND, or `operator`");
    command_write(ctx, buffer_text(&text), text.length);
    buffer_release(&text);
    return EXIT_OK;
}

static int run(struct command_context *ctx, int argc, char **argv)
{
    struct buffer text = {0};
    struct error err = {0};
    if (command_option(ctx, "markdown") != NULL)
        return print_markdown(ctx, argc == 1 ? argv[0] : NULL);
    if (argc != 1)
        return command_fail(ctx, EXIT_USAGE, "explain takes one KIND or KIND.path, as certificate.spec.dcv");
    int width = command_width(ctx);
    bool ok = explain(argv[0], width > 0 && width < 110 ? width : 100, &text, &err);
    if (ok)
        command_write(ctx, buffer_text(&text), text.length);
    buffer_release(&text);
    return ok ? EXIT_OK : command_fail(ctx, EXIT_USAGE, "%s", err.message);
}

static const struct command_option options[] = {
    {"markdown", NULL, "all fields of a kind as a Markdown table"},
    {0},
};
const struct command command_explain = {
    .name = "explain",
    .arguments = "KIND[.path]",
    .summary = "what a field of a manifest means",
    .help = "As: certwright explain certificate, certwright explain certificate.spec.dcv.method.\n"
            "`certwright explain operator` and `operator.deploy.roots` are about the operator's file.",
    .options = options,
    .run = run,
};
