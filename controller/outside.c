#include "controller/outside.h"

#include "base/arena.h"
#include "controller/command.h"

void outside_open(struct outside *outside, struct command_context *ctx)
{
    *outside = (struct outside){.network = {.allow_addresses = &ctx->config.allow_addresses}};
    for (size_t i = 0; i < ctx->config.resolve_count; i++)
        string_list_push(
            ctx->arena, &outside->resolve,
            arena_printf(ctx->arena, "%s=%s", ctx->config.resolve[i].name, ctx->config.resolve[i].value));
    outside->network.resolve = &outside->resolve;
    outside->context = (struct context){
        .arena = ctx->arena, .config = &ctx->config, .http = http_client_create(&outside->network)};
}

void outside_close(struct outside *outside)
{
    http_client_destroy(outside->context.http);
    outside->context.http = NULL;
}
