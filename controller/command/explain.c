/* explain KIND[.path]: what a field of a manifest or of the operator's file means. */
#include "base/error.h"
#include "controller/command.h"
#include "schema/explain.h"

static int run(struct command_context *ctx, int argc, char **argv)
{
    struct buffer text = {0};
    struct error err = {0};
    if (argc != 1)
        return command_fail(ctx, EXIT_USAGE, "explain takes one KIND or KIND.path, as certificate.spec.dcv");
    int width = command_width(ctx);
    bool ok = explain(argv[0], width > 0 && width < 110 ? width : 100, &text, &err);
    if (ok)
        command_write(ctx, buffer_text(&text), text.length);
    buffer_release(&text);
    return ok ? EXIT_OK : command_fail(ctx, EXIT_USAGE, "%s", err.message);
}

const struct command command_explain = {
    .name = "explain",
    .arguments = "KIND[.path]",
    .summary = "what a field of a manifest means",
    .help = "As: certwright explain certificate, certwright explain certificate.spec.dcv.method.\n"
            "`certwright explain operator` and `operator.deploy.roots` are about the operator's file.",
    .run = run,
};
