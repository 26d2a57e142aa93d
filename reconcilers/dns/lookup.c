#include "reconcilers/dns/lookup.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"

enum { TIMEOUT_MS = 4000 };

static bool is_good(const struct dns_answer *answer) { return answer->rcode == 0 || answer->rcode == 3; }

static bool ask_named(struct context *ctx, const char *named, const char *name, enum dns_type type,
                      struct lookup *out, struct error *err)
{
    struct dns_address server;
    if (!dns_parse_address(named, 53, &server, err))
        return error_prefix(err, "`nameservers` in the operator's file");
    if (!dns_ask_flags(&server, name, type, 0, TIMEOUT_MS, ctx->arena, &out->answer, err))
        return false;
    out->server = arena_strdup(ctx->arena, server.host);
    out->by_operator = true;
    return true;
}

size_t lookup_system_resolvers(struct dns_address out[3])
{
    AUTO(buffer)
    struct buffer text = {0};
    file_read_path("/etc/resolv.conf", 64 << 10, &text, NULL); /* without one: this host's own */
    return propagation_read_resolvers(buffer_text(&text), out);
}

bool lookup_ask(struct context *ctx, const struct propagation_world *world, const char *name,
                enum dns_type type, unsigned flags, struct lookup *out, struct error *err)
{
    struct dns_address resolvers[3];
    struct propagation_world own = {.resolvers = resolvers};
    struct error last = {0};
    bool answered = false;
    const char *named = propagation_named_server(ctx->config, name);
    if (named != NULL)
        return ask_named(ctx, named, name, type, out, err);
    if (world == NULL) {
        own.resolver_count = lookup_system_resolvers(resolvers);
        world = &own;
    }
    for (size_t i = 0; i < world->resolver_count; i++) {
        struct lookup lookup = {0};
        if (!dns_ask_flags(&world->resolvers[i], name, type, flags | DNS_RECURSE, TIMEOUT_MS, ctx->arena,
                           &lookup.answer, &last))
            continue;
        lookup.server = arena_strdup(ctx->arena, world->resolvers[i].host);
        *out = lookup;
        answered = true;
        if (is_good(&lookup.answer))
            return true;
    }
    if (!answered && err != NULL)
        *err = last;
    return answered;
}
