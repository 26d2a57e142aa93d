/* preflight [NAME...]: what will stand in the way of a certificate, looked into before anything is bought. */
#include <signal.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "controller/command.h"
#include "controller/command_plan.h"
#include "controller/desired.h"
#include "controller/journal.h"
#include "controller/outside.h"
#include "controller/preflight.h"

static const struct command_option options[] = {
    {"write", NULL, "also make probe records and files, and take them away"},
    {0},
};
static volatile bool interrupted;

static void note_signal(int number)
{
    (void)number;
    interrupted = true;
}

static int exit_code(const struct check_list *list, const struct desired *desired)
{
    return interrupted                             ? EXIT_INTERRUPTED
           : list->by_outcome[CHECK_NO] > 0        ? EXIT_BLOCKED
           : desired_problems(desired)->errors > 0 ? EXIT_INVALID
           : list->by_outcome[CHECK_UNKNOWN] > 0   ? EXIT_UNREACHABLE
                                                   : EXIT_OK;
}

static int look_ahead(struct command_context *ctx, struct plan_selection *selection, struct state *state,
                      struct desired *desired, struct journal *journal)
{
    struct check_list list = {.arena = ctx->arena};
    struct error err = {0};
    struct model model;
    size_t count = 0;
    int code;
    if (!plan_selection_exists(ctx, selection, desired, NULL, &code))
        return code;
    model_init(&model, &ctx->config, state);
    model.desired = desired;
    AUTO(outside)
    struct outside outside;
    outside_open(&outside, ctx);
    check_tell(ctx, &list, &check_answers);
    struct preflight preflight = {.list = &list,
                                  .ctx = &outside.context,
                                  .model = &model,
                                  .filter = plan_selection_filter(selection),
                                  .filter_arg = selection,
                                  .account_details = true,
                                  .journal = journal,
                                  .patience_s = ctx->timeout_s,
                                  .interrupted = &interrupted};
    bool ok = preflight_run(&preflight, &count, &err);
    command_print_problems(ctx, desired_problems(desired));
    if (!ok)
        code = command_fail_error(ctx, &err);
    else {
        check_print_list(ctx, &list, &check_answers);
        code = exit_code(&list, desired);
    }
    model_finish(&model);
    return code;
}

static int run(struct command_context *ctx, int argc, char **argv)
{
    struct plan_selection selection;
    if (!plan_selection_parse(ctx, argc, argv, &selection))
        return EXIT_USAGE;
    if (!command_config(ctx))
        return EXIT_CONFIG;
    struct journal *journal = NULL;
    if (command_option(ctx, "write") != NULL) {
        struct sigaction action = {.sa_handler = note_signal};
        if ((journal = journal_open(ctx, "preflight")) == NULL)
            return EXIT_STATE;
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
    }
    struct state *own = journal_state(journal) == NULL ? command_state(ctx) : NULL;
    struct state *state = own != NULL ? own : journal_state(journal);
    struct desired *desired = state != NULL ? command_desired(ctx, state) : NULL;
    int code = desired != NULL ? look_ahead(ctx, &selection, state, desired, journal)
               : state != NULL ? EXIT_ERROR
                               : EXIT_STATE;
    if (desired != NULL)
        desired_destroy(desired);
    state_close(own);
    journal_close(journal);
    return code;
}

const struct command command_preflight = {
    .name = "preflight",
    .arguments = "[CERTIFICATE...]",
    .summary = "look into what may stand in the way before anything is bought",
    .help =
        "CAA records, delegation and signatures of the names; the DNS accounts and web servers that prove "
        "them; the vendor's\n"
        "account, its balance and its clock. Each answer is yes, no or unknown; what nobody answered is "
        "unknown. Nothing is\n"
        "changed anywhere unless --write is given: then probe records and files are made and taken away.\n"
        "Exit codes: 0 nothing stands in the way, 4 something does, 6 something is unknown, 3 manifests "
        "invalid.",
    .options = options,
    .formats = {[OUTPUT_JSON] = true, [OUTPUT_YAML] = true},
    .run = run,
};
