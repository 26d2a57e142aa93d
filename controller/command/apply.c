#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "controller/command_plan.h"
#include "controller/desired.h"
#include "controller/session.h"
#include "controller/state.h"

static const struct command_option options[] = {
    {"detach", NULL, "do what is due now, then say when to come again"},
    {0},
};

struct shown { /* what the person was shown */
    bool spends;
    const char *price;
    struct string_list ids; /* where the selection narrows: what it lets through */
    size_t errors;          /* in the manifests */
};

static void note_selected(struct command_context *ctx, struct model *model, struct plan_selection *selection,
                          struct string_list *out)
{
    const struct desired_entry *entry;
    for (size_t i = 0; (entry = desired_at(model->desired, i)) != NULL; i++)
        if (entry->kind == KIND_CERTIFICATE && plan_selects(model, entry, selection))
            string_list_push(ctx->arena, out, resource_id(ctx->arena, entry->kind, entry->namespace_, entry->name));
}

/* The plan, shown before anything is done. False: `out_code` says how it ended. */
static bool show_plan(struct command_context *ctx, struct plan_selection *selection, struct shown *out, int *out_code)
{
    struct error err = {0};
    struct plan plan;
    struct state *state = command_state(ctx);
    if (state == NULL) {
        *out_code = EXIT_STATE;
        return false;
    }
    struct desired *desired = command_desired(ctx, state);
    if (desired == NULL) {
        state_close(state);
        *out_code = EXIT_ERROR;
        return false;
    }
    if (!plan_selection_exists(ctx, selection, desired, state, out_code)) {
        desired_destroy(desired);
        state_close(state);
        return false;
    }
    struct model model;
    model_init(&model, &ctx->config, state);
    model.desired = desired;
    bool ok = plan_build(&model, plan_selection_filter(selection), selection, plan_ask, ctx, ctx->arena, &plan, &err);
    command_print_problems(ctx, desired_problems(desired));
    if (ok && ctx->output == OUTPUT_TABLE && !ctx->quiet) {
        struct buffer text = {0};
        struct plan_colours colours = plan_colours_of(ctx);
        plan_print_text(&plan, &colours, command_width(ctx), &text);
        command_write(ctx, buffer_text(&text), text.length);
        buffer_release(&text);
        command_flush(ctx);
    }
    *out = (struct shown){.errors = desired_problems(desired)->errors};
    if (ok) {
        out->spends = plan_spends(&plan);
        out->price = plan.cost_count > 0 || plan.cost_unknown ? plan_total(&plan) : "nothing, by the vendor's price list";
    }
    if (ok && plan_selection_filter(selection) != NULL)
        note_selected(ctx, &model, selection, &out->ids);
    if (!ok)
        *out_code = command_fail_error(ctx, &err);
    model_finish(&model);
    desired_destroy(desired);
    state_close(state);
    return ok;
}

static bool may_spend(struct command_context *ctx, const char *price, int *out_code)
{
    char line[16] = "";
    if (ctx->yes)
        return true;
    if (!isatty(0)) {
        *out_code = command_fail(ctx, EXIT_BLOCKED, "this would spend %s; --yes allows it where nobody can be asked", price);
        return false;
    }
    fprintf(stderr, "\nThis spends %s. Go on? [y/N] ", price);
    if (fgets(line, sizeof line, stdin) != NULL && (line[0] == 'y' || line[0] == 'Y'))
        return true;
    *out_code = command_fail(ctx, EXIT_BLOCKED, "nothing was done");
    return false;
}

static void print_result(struct command_context *ctx, struct engine *engine, int code)
{
    size_t count;
    const struct performed_step *steps = engine_performed(engine, &count);
    struct engine_standing standing;
    struct buffer text = {0};
    struct json_writer w = {.out = &text, .indent = 2};
    engine_standing(engine, &standing);
    json_begin_object(&w);
    json_string_member(&w, "formatVersion", "1");
    json_int_member(&w, "exit", code);
    json_key(&w, "steps");
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(&w);
        json_string_member(&w, "verb", steps[i].verb);
        json_string_member(&w, "resource", steps[i].id);
        json_string_member(&w, "subject", steps[i].subject[0] != '\0' ? steps[i].subject : NULL);
        json_string_member(&w, "at", clock_rfc3339(ctx->arena, steps[i].at));
        json_end_object(&w);
    }
    json_end_array(&w);
    json_key(&w, "certificates");
    json_begin_object(&w);
    json_int_member(&w, "ready", (int64_t)standing.ready);
    json_int_member(&w, "blocked", (int64_t)standing.blocked);
    json_int_member(&w, "waiting", (int64_t)standing.waiting);
    json_int_member(&w, "held", (int64_t)standing.held);
    json_int_member(&w, "forgotten", (int64_t)standing.forgotten);
    json_end_object(&w);
    json_string_member(&w, "nextDue", standing.next_due_ms == INT64_MAX ? NULL
                                                                      : clock_rfc3339(ctx->arena, standing.next_due_ms / 1000));
    json_end_object(&w);
    buffer_putc(&text, '\n');
    command_write(ctx, buffer_text(&text), text.length);
    buffer_release(&text);
}

static void print_end(struct command_context *ctx, struct engine *engine)
{
    struct engine_standing standing;
    engine_standing(engine, &standing);
    command_print(ctx, "\n%zu ready", standing.ready);
    if (standing.forgotten > 0)
        command_print(ctx, ", %zu forgotten", standing.forgotten);
    if (standing.blocked > 0)
        command_print(ctx, ", %zu blocked (certwright why certificate/NAME)", standing.blocked);
    if (standing.held > 0)
        command_print(ctx, ", %zu held", standing.held);
    if (standing.waiting > 0)
        command_print(ctx, ", %zu waiting", standing.waiting);
    if (standing.waiting > 0 && standing.next_due_ms != INT64_MAX)
        command_print(ctx, "; come again %s (%s)", command_ago(ctx, standing.next_due_ms / 1000),
                      clock_rfc3339(ctx->arena, standing.next_due_ms / 1000));
    command_print(ctx, "\n");
}

static int work(struct command_context *ctx, struct plan_selection *selection, const char *holder, bool detach)
{
    struct session session;
    struct session_options session_options = {.holder = holder, .typed = true, .problems_told = strcmp(holder, "apply") == 0,
                                              .all = strcmp(holder, "apply") == 0,
                                              .quiet = ctx->quiet,
                                              .filter = plan_selection_filter(selection), .filter_arg = selection};
    if (!session_open(&session, ctx, &session_options))
        return session.code;
    int code = session_follow(&session, detach, ctx->timeout_s);
    if (ctx->output == OUTPUT_JSON)
        print_result(ctx, session.engine, code);
    else if (!ctx->quiet)
        print_end(ctx, session.engine);
    session_close(&session);
    return code;
}

/* A store that is lost or damaged is brought back before the plan is made from it. Where there never was one nothing is made yet:
 * the person may say no. */
static bool mend_store(struct command_context *ctx, int *out_code)
{
    struct error err = {0};
    struct state_options where = command_state_options(ctx, true, "apply");
    if (state_lock_holder(where.directory, NULL, 0) != 0 || !state_remembered(&where))
        return true;
    struct state *state = state_open(&where, &err);
    if (state == NULL)
        *out_code = command_fail_error(ctx, &err);
    state_close(state);
    return state != NULL;
}

/* Whoever holds the lock does it, and -n and -l are words of ours: what they let through goes along. False: nobody holds it. */
static bool carried(struct command_context *ctx, const struct plan_selection *selection, const struct shown *shown, bool detach,
                    int *out_code)
{
    struct control_request request = {.verb = "apply", .timeout_s = ctx->timeout_s, .detach = detach,
                                      .argument = string_list_join(ctx->arena, &shown->ids, ",")};
    bool narrowed = plan_selection_filter(selection) != NULL, given = ctx->files.count > 0 || ctx->directory != NULL;
    struct string_list names = string_list_sorted(ctx->arena, &selection->names);
    if (narrowed && !given && shown->ids.count == 0 && state_lock_holder(ctx->config.state_directory, NULL, 0) != 0)
        *out_code = EXIT_OK; /* there is nothing to carry, and "" would be everything */
    else if (!session_remote(ctx, &request, out_code))
        return false;
    /* What is meant may be among what is broken, of which no name is known. */
    if (narrowed && *out_code == EXIT_OK && shown->errors > 0 && (names.count == 0 || shown->ids.count < names.count))
        *out_code = EXIT_INVALID;
    return true;
}

static int run_apply(struct command_context *ctx, int argc, char **argv)
{
    struct plan_selection selection;
    struct shown shown;
    bool detach = command_option(ctx, "detach") != NULL;
    int code;
    if (!plan_selection_parse(ctx, argc, argv, &selection))
        return EXIT_USAGE;
    if (!command_config(ctx))
        return EXIT_CONFIG;
    if (!ctx->verbose) /* the progress says it; the log would say it twice */
        log_setup(ctx->config.log_format, LOG_ERROR);
    if (!mend_store(ctx, &code))
        return code;
    if (!show_plan(ctx, &selection, &shown, &code) || (shown.spends && !may_spend(ctx, shown.price, &code)) ||
        carried(ctx, &selection, &shown, detach, &code))
        return code;
    return work(ctx, &selection, "apply", detach);
}

const struct command command_apply = {
    .name = "apply", .arguments = "[CERTIFICATE...]",
    .summary = "make it so: order, validate, issue, deploy, reload",
    .help = "Shows the plan, asks before it spends (--yes where nobody can be asked), then works until everything is as the\n"
            "manifests say. Waiting for a person ends at --timeout with exit code 7. Where a daemon holds the lock, it does the\n"
            "work and this shows its progress.",
    .options = options, .formats = {[OUTPUT_JSON] = true}, .run = run_apply,
};

static const struct command_option reconcile_options[] = {
    {"once", NULL, "one pass: do what is due now and exit (for cron and CI)"},
    {0},
};

static int run_reconcile(struct command_context *ctx, int argc, char **argv)
{
    int code;
    (void)argv;
    if (command_option(ctx, "once") == NULL)
        return command_fail(ctx, EXIT_USAGE, "write `certwright reconcile --once`, or `certwright run` for the daemon");
    if (argc > 0)
        return command_fail(ctx, EXIT_USAGE, "`reconcile` takes no arguments");
    if (!command_config(ctx))
        return EXIT_CONFIG;
    struct plan_selection selection = {.ctx = ctx};
    struct control_request request = {.verb = "reconcile", .timeout_s = ctx->timeout_s, .detach = true};
    if (session_remote(ctx, &request, &code))
        return code;
    if (!ctx->verbose)
        log_setup(ctx->config.log_format, LOG_ERROR);
    return work(ctx, &selection, "reconcile", true);
}

const struct command command_reconcile = {
    .name = "reconcile", .arguments = "--once",
    .summary = "do what is due now, without asking, and exit",
    .help = "The same decisions as `run`, once: orders are placed within the operator's `spending`, nothing is waited for.",
    .options = reconcile_options, .formats = {[OUTPUT_JSON] = true}, .run = run_reconcile,
};
