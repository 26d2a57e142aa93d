/* What `plan` and `apply` share on the command line. */
#pragma once

#include "controller/command.h"
#include "controller/plan.h"

struct plan_selection {
    const struct command_context *ctx;
    struct string_list names; /* ids; empty: all that -n and -l let through */
};
bool plan_selection_parse(struct command_context *ctx, int argc, char **argv, struct plan_selection *out);
/* Whether every name is there: among the manifests, or (`state` NULL: not looked into) known to the store, as what went from the
 * manifests is. One that is not is said. False: `out_code` is how it ends; one that may stand in a broken manifest ends nothing. */
bool plan_selection_exists(struct command_context *ctx, const struct plan_selection *selection, const struct desired *desired,
                           struct state *state, int *out_code);
/* NULL: everything is meant, what went from the manifests too. Files given with -f are never everything. */
plan_filter *plan_selection_filter(const struct plan_selection *selection);
bool plan_selects(struct model *model, const struct desired_entry *entry, void *arg); /* arg: struct plan_selection */
bool plan_ask(struct model *model, const struct resource *issuer, void *arg, struct error *err); /* arg: context */
struct plan_colours plan_colours_of(const struct command_context *ctx);
