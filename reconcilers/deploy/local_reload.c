/* Having a service take up what was published, by a profile of the operator's file, and looking at what it
 * serves then (reliability.md 6.4). */
#include "reconcilers/deploy/local.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/process.h"
#include "base/tls_probe.h"
#include "schema/deploy_target.h"

#define WORDS_MAX 280 /* of a program's output in an error */
#define LOOK_MS 10000 /* one look at an endpoint; the caller looks again */
#define ADDRESSES_MAX 8

/* --- reload ---------------------------------------------------------------------------------- */

/* The last lines, joined by " / ", as far as they fit. */
static const char *last_words(const char *output, struct arena *arena)
{
    struct string_list lines = text_split(arena, output, '\n');
    const char *words = "";
    for (size_t i = lines.count; i-- > 0;) {
        const char *line = text_trim(arena, lines.items[i]);
        if (*line == '\0')
            continue;
        if (*words == '\0')
            words = text_clean(arena, line, strlen(line), WORDS_MAX);
        else if (strlen(line) + 3 + strlen(words) <= WORDS_MAX)
            words = arena_printf(arena, "%s / %s", line, words);
        else
            break;
    }
    return *words != '\0' ? words : "it said nothing";
}

static bool run_vector(struct context *ctx, const struct reload_profile *profile, const char *what,
                       const struct string_list *vector, struct error *err)
{
    const char **argv = arena_array(ctx->arena, vector->count + 1, sizeof *argv);
    int timeout_s = (int)profile->timeout_s;
    struct process_result result;

    for (size_t i = 0; i < vector->count; i++)
        argv[i] = vector->items[i];
    const struct process process = {
        .argv = argv, .directory = profile->directory, .user = profile->user, .timeout_ms = timeout_s * 1000};
    if (!process_run(&process, ctx->arena, &result, err))
        return error_prefix(err, "%s of profile %s", what, profile->name);
    if (result.timed_out)
        return error_raise(err, ERROR_SYSTEM,
                           "%s of profile %s: %s did not end within %d s and was killed: %s", what,
                           profile->name, argv[0], timeout_s, last_words(result.output, ctx->arena));
    if (result.signal != 0)
        return error_raise(err, ERROR_REFUSED, "%s of profile %s: %s was ended by signal %d: %s", what,
                           profile->name, argv[0], result.signal, last_words(result.output, ctx->arena));
    if (result.exit_code != 0)
        return error_raise(err, ERROR_REFUSED, "%s of profile %s: %s ended with %d: %s", what, profile->name,
                           argv[0], result.exit_code, last_words(result.output, ctx->arena));
    return true;
}

bool local_reload(struct context *ctx, const struct deployment *d, struct error *err)
{
    const char *name = d->target->deploy_target->reload.profile;
    if (name == NULL)
        return true;
    const struct reload_profile *profile = operator_profile(ctx->config, name);
    if (profile == NULL) {
        error_raise(
            err, ERROR_CONFIG,
            "the reload profile \"%s\" of target %s is not in the operator's file: add it under `deploy: "
            "{reloadProfiles: …}`",
            name, d->target->name);
        return local_blame(d->target, err);
    }
    return (profile->check.count == 0 || run_vector(ctx, profile, "check", &profile->check, err)) &&
           run_vector(ctx, profile, "reload", &profile->reload, err);
}

/* --- where to look --------------------------------------------------------------------------- */

struct endpoint_address {
    char host[64];
    int port;
};

/* "127.0.0.1:443", "[::1]:443", "www.example.com:443". */
static bool split_address(const char *text, struct arena *arena, const char **out_host, int *out_port)
{
    const char *colon = strrchr(text, ':');
    char *end;
    if (colon == NULL || colon == text)
        return false;
    long port = strtol(colon + 1, &end, 10);
    bool bracketed = text[0] == '[' && colon[-1] == ']';
    if (end == colon + 1 || *end != '\0' || port < 1 || port > 65535 ||
        (!bracketed && memchr(text, ':', (size_t)(colon - text)) != NULL))
        return false;
    *out_host = bracketed ? arena_strndup(arena, text + 1, (size_t)(colon - text) - 2)
                          : arena_strndup(arena, text, (size_t)(colon - text));
    *out_port = (int)port;
    return true;
}

/* One of this host's own interfaces: a local target's service is there. */
static bool is_own(const struct sockaddr *address)
{
    char wanted[64], each[64];
    struct ifaddrs *all = NULL;
    bool own = false;

    address_to_text(address, wanted);
    if (address->sa_family == AF_INET && text_has_prefix(wanted, "127."))
        return true;
    if (getifaddrs(&all) != 0)
        return false;
    for (const struct ifaddrs *at = all; at != NULL && !own; at = at->ifa_next) {
        if (at->ifa_addr == NULL ||
            (at->ifa_addr->sa_family != AF_INET && at->ifa_addr->sa_family != AF_INET6))
            continue;
        address_to_text(at->ifa_addr, each);
        own = text_equal(wanted, each);
    }
    freeifaddrs(all);
    return own;
}

/* Numeric addresses that may be looked at. Connecting goes to what was judged, so a name cannot answer twice.
 */
static bool find_addresses(struct context *ctx, const char *text, struct endpoint_address out[ADDRESSES_MAX],
                           size_t *out_count, struct error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    struct error why = {0};
    const char *host;
    int port;

    for (size_t i = 0; i < ctx->config->resolve_count; i++)
        if (text_equal(ctx->config->resolve[i].name, text)) {
            text = ctx->config->resolve[i].value;
            break;
        }
    if (!split_address(text, ctx->arena, &host, &port))
        return error_raise(err, ERROR_MANIFEST,
                           "probe: \"%.100s\" is not an address and port such as 127.0.0.1:443 or [::1]:443",
                           text);
    int failed = getaddrinfo(host, arena_printf(ctx->arena, "%d", port), &hints, &found);
    if (failed != 0)
        return error_raise(err, ERROR_UNREACHABLE, "probe: %s cannot be resolved: %s", host,
                           gai_strerror(failed));
    size_t count = 0;
    for (const struct addrinfo *at = found; at != NULL && count < ADDRESSES_MAX; at = at->ai_next) {
        if (!is_own(at->ai_addr) && !address_check(at->ai_addr, &ctx->config->allow_addresses, &why))
            continue;
        address_to_text(at->ai_addr, out[count].host);
        out[count++].port = port;
    }
    freeaddrinfo(found);
    if (count == 0)
        return error_raise(err, ERROR_CONFIG, "probe: %s", why.message);
    *out_count = count;
    return true;
}

/* --- what is served -------------------------------------------------------------------------- */

/* The chain that should be sent: as given, or as it lies at the published path. NULL: not known. */
static const char *expected_chain(struct context *ctx, const struct deployment *d)
{
    AUTO(place) struct place place = {.root_fd = -1, .links = -1, .generations = -1};
    struct generation found;
    struct string_list leaf;
    struct link link;

    if (d->chain != NULL)
        return d->chain;
    if (!place_open(ctx, d, PLACE_LOOK, &place, NULL) ||
        !place_link(&place, ctx->arena, &link, NULL) || link.state != LINK_OURS ||
        !generation_read(&place, link.generation, false, ctx->arena, &found, NULL) ||
        !certificate_fingerprints(found.leaf, ctx->arena, &leaf, NULL) || leaf.count != 1 ||
        !text_equal(leaf.items[0], d->fingerprint))
        return NULL;
    return found.chain;
}

/* What else is sent beyond it (a root, say) does no harm. */
static bool chain_is_served(struct context *ctx, const char *expected, const struct tls_served *served,
                            const char *where, struct error *err)
{
    struct string_list should, is;

    if (expected == NULL || !certificate_fingerprints(expected, ctx->arena, &should, NULL))
        return true;
    if (!certificate_fingerprints(served->chain, ctx->arena, &is, err))
        return error_prefix(err, "%s sends a chain that cannot be read", where);
    if (should.count > 0 && is.count == 0)
        return error_raise(
            err, ERROR_REFUSED,
            "%s serves the certificate without its intermediates: let the service read fullchain.pem", where);
    for (size_t i = 0; i < should.count; i++)
        if (i >= is.count || !text_equal(should.items[i], is.items[i]))
            return error_raise(
                err, ERROR_REFUSED,
                "%s serves the new certificate with a chain that is not the one deployed (certificate "
                "%zu of it differs): is an older chain file configured?",
                where, i + 2);
    return true;
}

static bool probe_name(struct context *ctx, const struct deployment *d, const struct endpoint_address *at,
                       const char *name, const char *chain, struct error *err)
{
    int64_t limit_ms = d->target->deploy_target->probe.timeout_s * 1000;
    struct tls_served served;
    const char *where = arena_printf(ctx->arena,
                                     strchr(at->host, ':') != NULL ? "[%s]:%d for %s" : "%s:%d for %s",
                                     at->host, at->port, name);

    if (!tls_probe(at->host, at->port, name, limit_ms > 0 && limit_ms < LOOK_MS ? (int)limit_ms : LOOK_MS,
                   ctx->arena, &served, err))
        return error_prefix(err, "probe of %s", where);
    if (!text_equal(served.fingerprint, d->fingerprint))
        return error_raise(
            err, ERROR_REFUSED, "%s serves %s certificate (%.16s…), not the one deployed (%.16s…)", where,
            !text_empty(d->previous_fingerprint) && text_equal(served.fingerprint, d->previous_fingerprint)
                ? "still the former"
                : "another",
            served.fingerprint, d->fingerprint);
    return chain_is_served(ctx, chain, &served, where, err);
}

bool local_probe(struct context *ctx, const struct deployment *d, struct error *err)
{
    const struct deploy_target *spec = d->target->deploy_target;
    struct endpoint_address addresses[ADDRESSES_MAX] = {0};
    struct string_list names = d->names;
    size_t count = 0;

    if (spec->probe.address == NULL)
        return true;
    if (spec->probe.server_name != NULL)
        names = (struct string_list){.items = (const char **)&spec->probe.server_name, .count = 1};
    if (!find_addresses(ctx, spec->probe.address, addresses, &count, err))
        return false;
    const char *chain = expected_chain(ctx, d);
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.items[i];
        if (text_has_prefix(name, "*."))
            name = arena_printf(ctx->arena, "www%s", name + 1); /* any name that the wildcard covers */
        /* A name may have addresses nobody listens on; one that answers must answer rightly. */
        struct error why = {0};
        for (size_t at = 0; !probe_name(ctx, d, &addresses[at], name, chain, &why); at++)
            if (why.kind != ERROR_UNREACHABLE || at + 1 == count)
                return error_raise(err, why.kind, "%s", why.message);
    }
    return true;
}
