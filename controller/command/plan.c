#include <stdio.h>

#include "base/arena.h"
#include "controller/command.h"
#include "controller/command_plan.h"
#include "controller/desired.h"
#include "controller/outside.h"
#include "controller/plan.h"
#include "controller/preflight.h"
#include "controller/records.h"

static const struct command_option options[] = {
    {"detailed-exitcode", NULL, "exit with 2 when there is something to do or blocked"},
    {"preflight", NULL, "also look into what may stand in the way: CAA, delegation, accounts, web servers"},
    {"offline", NULL, "ask nobody: prices and the account's orders stay unknown"},
    {0},
};

struct plan_colours plan_colours_of(const struct command_context *ctx)
{
    return (struct plan_colours){
        .bold = command_colour(ctx, COLOUR_BOLD), .green = command_colour(ctx, COLOUR_GREEN),
        .yellow = command_colour(ctx, COLOUR_YELLOW), .red = command_colour(ctx, COLOUR_RED),
        .dim = command_colour(ctx, COLOUR_DIM), .none = command_colour(ctx, COLOUR_NONE)};
}

bool plan_selects(struct model *model, const struct desired_entry *entry, void *arg)
{
    const struct plan_selection *selection = arg;
    const struct command_context *ctx = selection->ctx;
    if (ctx->namespace_ != NULL && !text_equal(ctx->namespace_, entry->namespace_))
        return false;
    if (selection->names.count > 0) {
        AUTO(arena) struct arena *arena = arena_create();
        if (!string_list_contains(&selection->names,
                                  resource_id(arena, KIND_CERTIFICATE, entry->namespace_, entry->name)))
            return false;
    }
    if (ctx->selector.count == 0)
        return true;
    const struct resource *resource = desired_resource(model->desired, entry);
    return resource != NULL && label_list_match(&ctx->selector, &resource->labels);
}

plan_filter *plan_selection_filter(const struct plan_selection *selection)
{
    const struct command_context *ctx = selection->ctx;
    bool narrowed = selection->names.count > 0 || ctx->selector.count > 0 || ctx->namespace_ != NULL || ctx->files.count > 0;
    return narrowed ? plan_selects : NULL;
}

bool plan_selection_parse(struct command_context *ctx, int argc, char **argv, struct plan_selection *out)
{
    *out = (struct plan_selection){.ctx = ctx};
    for (int i = 0; i < argc; i++) {
        enum resource_kind kind;
        const char *namespace_, *name;
        if (!command_parse_object(ctx, argv[i], KIND_CERTIFICATE, &kind, &namespace_, &name))
            return false;
        if (kind != KIND_CERTIFICATE) {
            command_fail(ctx, EXIT_USAGE, "%s: only certificates are planned and applied", argv[i]);
            return false;
        }
        string_list_push(ctx->arena, &out->names, resource_id(ctx->arena, kind, namespace_, name));
    }
    return true;
}

bool plan_selection_exists(struct command_context *ctx, const struct plan_selection *selection, const struct desired *desired,
                           struct state *state, int *out_code)
{
    int code = EXIT_OK;
    for (size_t i = 0; i < selection->names.count; i++) {
        struct string_list parts = text_split(ctx->arena, selection->names.items[i], '/'); /* our own words */
        const char *namespace_ = parts.count == 3 ? parts.items[1] : "default", *name = parts.items[parts.count - 1];
        struct certificate_record record;
        struct error err = {0};
        bool known = desired_find(desired, KIND_CERTIFICATE, namespace_, name) != NULL;
        if (!known && state != NULL &&
            !record_find(state, TABLE_CERTIFICATE, record_key(ctx->arena, namespace_, name), &certificate_record_table, ctx->arena,
                         &record, &known, &err)) {
            *out_code = command_fail_error(ctx, &err);
            return false;
        }
        if (!known)
            code = command_unknown_name(ctx, desired, KIND_CERTIFICATE, namespace_, name);
    }
    /* It may stand in a manifest that cannot be read: that ends as invalid, and the others are worked on all the same. */
    if (code == EXIT_OK || desired_problems(desired)->errors > 0)
        return true;
    *out_code = code;
    return false;
}

bool plan_ask(struct model *model, const struct resource *issuer, void *arg, struct error *err)
{
    struct command_context *ctx = arg;
    AUTO(outside) struct outside outside;
    outside_open(&outside, ctx);
    struct account *account = model_account(model, issuer->namespace_, issuer->name);
    struct account_facts facts = {0};
    bool ok = account_observe(&outside.context, issuer, true, &facts, err);
    if (!ok)
        return false;
    account_facts_finish(&account->facts);
    account->facts = facts;
    model_take_account(model, account, &account->facts, NULL);
    return true;
}

/* Those that the plan has steps for. */
static bool is_planned(struct model *model, const struct desired_entry *entry, void *arg)
{
    const struct plan *plan = arg;
    AUTO(arena) struct arena *arena = arena_create();
    const char *id = resource_id(arena, KIND_CERTIFICATE, entry->namespace_, entry->name);
    (void)model;
    for (size_t i = 0; i < plan->count; i++)
        if (text_equal(plan->items[i].id, id))
            return true;
    return false;
}

static bool look_ahead(struct command_context *ctx, struct model *model, struct plan *plan, struct error *err)
{
    struct check_list *list = arena_alloc(ctx->arena, sizeof *list);
    size_t count;
    AUTO(outside) struct outside outside;
    outside_open(&outside, ctx);
    list->arena = ctx->arena;
    struct preflight preflight = {.list = list, .ctx = &outside.context, .model = model, .filter = is_planned,
                                  .filter_arg = plan};
    plan->preflight = list;
    return preflight_run(&preflight, &count, err);
}

static int run(struct command_context *ctx, int argc, char **argv)
{
    struct plan_selection selection;
    struct plan plan;
    struct error err = {0};
    if (!plan_selection_parse(ctx, argc, argv, &selection))
        return EXIT_USAGE;
    bool offline = command_option(ctx, "offline") != NULL;
    if (offline && command_option(ctx, "preflight") != NULL)
        return command_fail(ctx, EXIT_USAGE, "--offline asks nobody, and --preflight asks: give one of them");
    if (!command_config(ctx))
        return EXIT_CONFIG;
    struct state *state = command_state(ctx);
    if (state == NULL)
        return EXIT_STATE;
    struct desired *desired = command_desired(ctx, state);
    if (desired == NULL) {
        state_close(state);
        return EXIT_ERROR;
    }
    int code;
    if (!plan_selection_exists(ctx, &selection, desired, state, &code)) {
        desired_destroy(desired);
        state_close(state);
        return code;
    }
    struct model model;
    model_init(&model, &ctx->config, state);
    model.desired = desired;
    model.assume_fresh_accounts = offline;
    bool ok = plan_build(&model, plan_selection_filter(&selection), &selection, offline ? NULL : plan_ask, ctx, ctx->arena, &plan, &err);
    if (ok && command_option(ctx, "preflight") != NULL)
        ok = look_ahead(ctx, &model, &plan, &err);
    command_print_problems(ctx, desired_problems(desired));
    if (!ok) {
        code = command_fail_error(ctx, &err);
    } else {
        struct buffer text = {0};
        struct plan_colours colours = plan_colours_of(ctx);
        if (ctx->output == OUTPUT_JSON)
            plan_print_json(&plan, desired, &text);
        else if (ctx->output == OUTPUT_MARKDOWN)
            plan_print_markdown(&plan, &text);
        else
            plan_print_text(&plan, &colours, command_width(ctx), &text);
        command_write(ctx, buffer_text(&text), text.length);
        buffer_release(&text);
        bool detailed = command_option(ctx, "detailed-exitcode") != NULL;
        code = desired_problems(desired)->errors > 0 || plan.invalid ? EXIT_INVALID
               : detailed && plan_has_changes(&plan) ? EXIT_CHANGES
                                                     : EXIT_OK;
    }
    model_finish(&model);
    desired_destroy(desired);
    state_close(state);
    return code;
}

const struct command command_plan = {
    .name = "plan", .arguments = "[CERTIFICATE...]",
    .summary = "say what would be done, why and at what price; no more",
    .help = "Reads the manifests and the store, asks the vendor for prices and the account's orders (free calls), and prints\n"
            "the steps that `apply` would take. Nothing is written anywhere.",
    .options = options, .formats = {[OUTPUT_JSON] = true, [OUTPUT_MARKDOWN] = true}, .run = run,
};
