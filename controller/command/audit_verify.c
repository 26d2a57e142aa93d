/* audit verify: the chain of the audit file, and its end against what the store knows of it. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "controller/audit.h"
#include "controller/look_print.h"
#include "controller/state.h"

static void print_summary(struct command_context *ctx, const struct audit_summary *summary, const char *problem)
{
    if (ctx->output != OUTPUT_JSON && ctx->output != OUTPUT_YAML) {
        if (problem == NULL)
            command_print(ctx, "%lld lines, %lld to %lld: each follows from the one before it%s\n", (long long)summary->lines,
                          (long long)summary->first, (long long)summary->last,
                          summary->torn > 0 ? "; some were cut short by a crash and are kept as they are" : "");
        return;
    }
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    json_begin_object(&w);
    json_string_member(&w, "formatVersion", "1");
    json_bool_member(&w, "good", problem == NULL);
    look_text_member(&w, "problem", problem, ctx->arena);
    json_int_member(&w, "lines", summary->lines);
    json_int_member(&w, "torn", summary->torn);
    json_int_member(&w, "first", summary->first);
    json_int_member(&w, "last", summary->last);
    json_end_object(&w);
    look_print_document(ctx, &text);
    buffer_release(&text);
}

/* NULL: they agree. */
static const char *against_store(const struct audit_summary *summary, int64_t sequence, const char *hash)
{
    if (summary->lines > 0 && summary->last < sequence)
        return "its last lines are gone: the store knows of later ones";
    if (summary->watch_hash[0] != '\0' && hash[0] != '\0' && strcmp(summary->watch_hash, hash) != 0)
        return "it was altered: a line is not the one that the store knows";
    return NULL;
}

static int run(struct command_context *ctx, int argc, char **argv)
{
    struct error err = {0};
    struct audit_summary summary = {0};
    char hash[65] = "";
    (void)argv;
    if (argc > 0)
        return command_fail(ctx, EXIT_USAGE, "audit verify takes no arguments");
    if (!command_config(ctx))
        return EXIT_CONFIG;
    struct state *state = command_state(ctx);
    if (state == NULL)
        return EXIT_STATE;
    state_audit_end(state, &summary.watch, hash);
    state_close(state);
    int64_t sequence = summary.watch;
    const char *problem = NULL;
    if (!audit_verify(ctx->config.audit_directory, &summary, &err)) {
        if (err.kind == ERROR_NOT_FOUND && sequence == 0)
            return ctx->quiet ? EXIT_OK : command_fail(ctx, EXIT_OK, "the audit log holds nothing yet");
        problem = err.kind == ERROR_NOT_FOUND ? "there is none, but the store knows of one; was it rotated away?" : err.message;
    } else {
        problem = against_store(&summary, sequence, hash);
    }
    print_summary(ctx, &summary, problem);
    return problem == NULL ? EXIT_OK
                           : command_fail(ctx, EXIT_STATE, "the audit log in %s: %s", ctx->config.audit_directory, problem);
}

const struct command command_audit_verify = {
    .name = "audit verify",
    .arguments = "",
    .summary = "check that no line of the audit log was changed or left out",
    .help = "Each line carries a number and the hash of the line before it, and the store knows the last one. Exit code 5 when a line\n"
            "was altered, cut out or cut off.",
    .formats = {[OUTPUT_JSON] = true, [OUTPUT_YAML] = true},
    .run = run,
};
