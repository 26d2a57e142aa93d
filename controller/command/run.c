#include <signal.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "controller/confined.h"
#include "controller/loop.h"
#include "controller/notify.h"
#include "controller/session.h"
#include "controller/watch.h"

static void look(void *arg)
{
    struct session *session = arg;
    struct error err = {0};
    if (!engine_look(session->engine, false, &err)) /* the last good set stays in force */
        log_event(LOG_ERROR, "cannot read the manifests", "error", err.message, NULL);
}

static void look_at_all(void *arg)
{
    struct session *session = arg;
    struct error err = {0};
    notify_service_manager("RELOADING=1");
    if (!engine_look(session->engine, true, &err))
        log_event(LOG_ERROR, "cannot read the manifests", "error", err.message, NULL);
    notify_service_manager("READY=1");
}

static int run(struct command_context *ctx, int argc, char **argv)
{
    struct session session;
    struct error err = {0};
    (void)argv;
    if (argc > 0)
        return command_fail(ctx, EXIT_USAGE, "`run` takes no arguments");
    if (ctx->files.count > 0) /* a part of the manifests: the rest would be gone, and nothing would guard it */
        return command_fail(ctx, EXIT_USAGE,
                            "`run` watches the whole directory (-d DIR: another one); -f is for commands that end");
    if (!command_config(ctx))
        return EXIT_CONFIG;
    if (!confined_programs(&ctx->config, &err))
        return command_fail_error(ctx, &err);
    struct session_options options = {.holder = "run", .quiet = true, .confined = true};
    if (!session_open(&session, ctx, &options))
        return session.code;
    session.signals[2] = loop_signal(engine_loop(session.engine), SIGHUP, look_at_all, &session);
    struct watch *watch = watch_create(loop_base(engine_loop(session.engine)), ctx->config.manifests_directory,
                                       (int)ctx->config.settle_ms, (int)ctx->config.rescan_s, look, &session, &err);
    int code;
    if (watch == NULL) {
        code = command_fail_error(ctx, &err);
    } else {
        log_event(LOG_INFO, "watching", "directory", ctx->config.manifests_directory, "state", ctx->config.state_directory,
                  "version", CERTWRIGHT_VERSION, NULL);
        look(&session); /* at once; what changes from here on is told by the helper, which begins with a word of its own */
        notify_service_manager("READY=1\nSTATUS=watching the manifests");
        loop_run(engine_loop(session.engine));
        notify_service_manager("STOPPING=1");
        code = session.interrupted ? EXIT_OK : session.code;
        log_event(LOG_INFO, "stopping", "reason", session.interrupted ? "signal" : "store", NULL);
    }
    watch_destroy(watch);
    session_close(&session);
    return code;
}

const struct command command_run_daemon = {
    .name = "run", .arguments = "",
    .summary = "the daemon: watch the manifests, keep all as they say",
    .help = "Watches the manifest directory and acts on what changed. SIGHUP: look at everything now. SIGTERM: finish what runs,\n"
            "record it, exit 0. Other commands reach it through the control socket in the state directory.",
    .run = run,
};
