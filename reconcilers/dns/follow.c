#include "reconcilers/dns/follow.h"

#include <string.h>

#include "base/arena.h"
#include "base/dns.h"
#include "base/error.h"
#include "base/hash.h"
#include "reconcilers/dns/propagation.h"

enum { TIMEOUT_MS = 3000 };

/* The target of the alias at the name, as the first of the servers that serves it says; `out_target` NULL:
 * there is none. A DNAME above shows as an alias made up for the name. Fails: UNREACHABLE (none of them
 * serves it). */
static bool alias_at(struct context *ctx, const struct dns_address *servers, size_t count, const char *name,
                     const char **out_target, struct error *err)
{
    struct error last = {0};
    for (size_t i = 0; i < count; i++) {
        struct dns_answer answer;
        if (!dns_ask(&servers[i], name, DNS_CNAME, false, TIMEOUT_MS, ctx->arena, &answer, &last))
            continue;
        if (!answer.authoritative || (answer.rcode != 0 && answer.rcode != 3)) {
            error_raise(&last, ERROR_UNREACHABLE, "%s answers %s%s when asked for %s", servers[i].host,
                        dns_rcode_name(answer.rcode), answer.authoritative ? "" : " without authority", name);
            continue;
        }
        *out_target = NULL;
        for (size_t k = 0; k < answer.answer_count; k++) {
            if (answer.answers[k].type == DNS_CNAME && strcasecmp(answer.answers[k].name, name) == 0)
                *out_target = answer.answers[k].value;
        }
        return true;
    }
    return error_raise(err, ERROR_UNREACHABLE, "no server of %s says whether it is an alias: %s", name,
                       last.message);
}

/* A neighbour that nobody has named leads to the same place: then it is a wildcard that leads there. */
static bool is_wildcard(struct context *ctx, const struct dns_address *servers, size_t count,
                        const char *name, const char *target)
{
    unsigned char random[8];
    const char *parent = strchr(name, '.'), *other = NULL;
    if (parent == NULL)
        return false;
    random_bytes(random, sizeof random);
    const char *neighbour =
        arena_printf(ctx->arena, "_%s%s", text_base32_lower(ctx->arena, random, sizeof random), parent);
    return alias_at(ctx, servers, count, neighbour, &other, NULL) && other != NULL &&
           strcasecmp(other, target) == 0;
}

static bool seen_before(const struct string_list *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcasecmp(names->items[i], name) == 0)
            return true;
    }
    return false;
}

bool dns_follow_by(struct context *ctx, const struct propagation_world *world, const char *name,
                   const char **out_name, struct error *err)
{
    struct string_list names = {0};
    const char *at = name;
    for (int step = 0; step <= FOLLOW_STEPS; step++) {
        struct dns_address servers[PROPAGATION_ADDRESSES];
        size_t count = 0;
        const char *target = NULL;
        struct error failure = {0};
        if (!propagation_servers(ctx, world, at, servers, &count, &failure) ||
            !alias_at(ctx, servers, count, at, &target, &failure)) {
            if (step > 0) {
                if (err != NULL)
                    *err = failure;
                return error_prefix(err, "%s leads to %s", name, at);
            }
            target = NULL; /* it is written where it stands; whoever takes it there will see */
        }
        if (target == NULL || is_wildcard(ctx, servers, count, at, target)) {
            *out_name = at;
            return true;
        }
        string_list_push(ctx->arena, &names, at);
        at = text_lower(ctx->arena, target);
        if (!dns_name_usable(at) || at[0] == '*')
            return error_raise(err, ERROR_REFUSED,
                               "%s is an alias of %s, which is no name that can be written",
                               names.items[step], text_clean(ctx->arena, at, strlen(at), 120));
        if (seen_before(&names, at))
            return error_raise(err, ERROR_REFUSED, "the aliases that begin at %s lead back to %s", name, at);
    }
    return error_raise(err, ERROR_REFUSED, "more than %d aliases follow each other from %s on", FOLLOW_STEPS,
                       name);
}

bool dns_follow(struct context *ctx, const char *name, const char **out_name, struct error *err)
{
    return dns_follow_by(ctx, NULL, name, out_name, err);
}
