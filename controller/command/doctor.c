/* doctor: the installation on one screen. */
#include "base/arena.h"
#include "base/log.h"
#include "controller/command.h"
#include "controller/doctor.h"

static const struct command_option options[] = {
    {"offline", NULL, "ask nobody outside"},
    {0},
};

static int run(struct command_context *ctx, int argc, char **argv)
{
    struct check_list list = {.arena = ctx->arena};
    (void)argv;
    if (argc > 0)
        return command_fail(ctx, EXIT_USAGE, "doctor takes no arguments");
    log_setup(LOG_LOGFMT, ctx->verbose ? LOG_DEBUG : LOG_ERROR);
    check_tell(ctx, &list, &check_health);
    doctor_look(ctx, &list, command_option(ctx, "offline") != NULL);
    check_print_list(ctx, &list, &check_health);
    return list.by_outcome[CHECK_NO] > 0        ? EXIT_ERROR
           : list.by_outcome[CHECK_UNKNOWN] > 0 ? EXIT_UNREACHABLE
                                                : EXIT_OK;
}

const struct command command_doctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "look over the installation: files, keys, store, accounts",
    .help = "Each line is ok, warn, fail or unknown, with what cures it. Changes nothing, and works on a "
            "broken installation. Run it\n"
            "as the user that runs the controller.\n"
            "Exit codes: 0 nothing failed, 1 something did, 6 something could not be found out.",
    .options = options,
    .formats = {[OUTPUT_JSON] = true, [OUTPUT_YAML] = true},
    .run = run,
};
