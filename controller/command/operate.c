/* resend, sync, deploy, release, confirm: words carried to whoever holds the lock, or done here. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "controller/loop.h"
#include "controller/operations.h"
#include "controller/session.h"

struct lone { /* an operation done by this very process */
    struct session *session;
    const char *verb, *argument;
    struct buffer *out;
    int code;
};

static void check_outcome(void *arg)
{
    struct lone *lone = arg;
    struct engine_standing standing;
    engine_standing(lone->session->engine, &standing);
    lone->code = standing.broken ? EXIT_STATE
                                 : operation_outcome(lone->session->engine, lone->verb, lone->argument, lone->out);
    if (lone->code >= 0)
        loop_stop(engine_loop(lone->session->engine));
}

/* Nothing else is decided about: this command is not an apply. */
static bool only_this(struct model *model, const struct desired_entry *entry, void *arg)
{
    (void)model, (void)entry, (void)arg;
    return false;
}

static int operate(struct command_context *ctx, const char *verb, int argc, char **argv, const char *what)
{
    int code;
    struct error err = {0};
    if (argc != 1)
        return command_fail(ctx, EXIT_USAGE, "write `certwright %s %s`", verb, what);
    const char *argument = argv[0];
    if (strcmp(verb, "confirm") != 0) {
        enum resource_kind kind;
        const char *namespace_, *name;
        if (!command_parse_object(ctx, argv[0], KIND_CERTIFICATE, &kind, &namespace_, &name))
            return EXIT_USAGE;
        argument = arena_printf(ctx->arena, "certificate/%s/%s", namespace_, name);
    }
    if (!command_config(ctx))
        return EXIT_CONFIG;
    struct control_request request = {.verb = verb, .argument = argument, .timeout_s = ctx->timeout_s};
    if (session_remote(ctx, &request, &code))
        return code;
    struct state_options where = command_state_options(ctx, true, verb);
    if (!state_remembered(&where))
        return command_fail(ctx, EXIT_ERROR, "nothing was ever ordered from here: there is no store in %s%s", where.directory,
                            ctx->config.path == NULL ? " (no operator's file was found: --config FILE names one)" : "");
    struct session session;
    struct session_options options = {.holder = verb, .typed = true, .quiet = true, .filter = only_this};
    if (!ctx->verbose)
        log_setup(ctx->config.log_format, LOG_ERROR);
    if (!session_open(&session, ctx, &options))
        return session.code;
    struct buffer out = {0};
    if (!engine_look(session.engine, false, &err)) {
        code = command_fail_error(ctx, &err);
    } else if ((code = operation_run(session.engine, verb, argument, "operator", &out)) < 0) {
        struct lone lone = {.session = &session, .verb = verb, .argument = argument, .out = &out};
        engine_after_turn(session.engine, check_outcome, &lone);
        loop_run(engine_loop(session.engine));
        code = lone.code;
    }
    command_write(ctx, buffer_text(&out), out.length);
    if (code == EXIT_OK && strcmp(verb, "resend") != 0)
        command_print(ctx, "no controller is running: `certwright apply` goes on from there\n");
    buffer_release(&out);
    session_close(&session);
    return code;
}

static int run_resend(struct command_context *ctx, int argc, char **argv)
{
    return operate(ctx, "resend", argc, argv, "certificate/NAME");
}
static int run_sync(struct command_context *ctx, int argc, char **argv)
{
    return operate(ctx, "sync", argc, argv, "certificate/NAME");
}
static int run_release(struct command_context *ctx, int argc, char **argv)
{
    return operate(ctx, "release", argc, argv, "certificate/NAME");
}
static int run_deploy(struct command_context *ctx, int argc, char **argv)
{
    return operate(ctx, "deploy", argc, argv, "certificate/NAME");
}
static int run_confirm(struct command_context *ctx, int argc, char **argv)
{
    return operate(ctx, "confirm", argc, argv, "DIGEST");
}

const struct command command_resend = {
    .name = "resend", .arguments = "CERTIFICATE", .summary = "have the approval mail sent again",
    .help = "At most once an hour and five times an order.", .run = run_resend,
};
const struct command command_sync = {
    .name = "sync", .arguments = "CERTIFICATE", .summary = "look at it now instead of at its due time",
    .help = "Ends backoff and waiting times: the vendor, the records and the targets are asked again.", .run = run_sync,
};
const struct command command_release = {
    .name = "release", .arguments = "CERTIFICATE", .summary = "let a held or refused order be placed again",
    .help = "For an order whose answer was lost and that the vendor does not know, after a look into the vendor's panel; or for a\n"
            "refused one after a cure at the vendor. The vendor is asked once more before anything is sent.",
    .run = run_release,
};
const struct command command_deploy = {
    .name = "deploy", .arguments = "CERTIFICATE", .summary = "deploy to the targets that wait for a person's word",
    .help = "Targets with `deploy: Manual` get a new certificate only by this.", .run = run_deploy,
};
const struct command command_confirm = {
    .name = "confirm", .arguments = "DIGEST", .summary = "release what a guard holds: many purchases or removals",
    .help = "The digest names exactly what is held; when that changes, so does the digest.", .run = run_confirm,
};
