#include "reconcilers/dns/dnssec.h"

#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "reconcilers/dns/lookup.h"

enum { SERVFAIL = 2 };

static void say(struct dnssec_answer *out, enum dnssec_verdict verdict, const char *words)
{
    *out = (struct dnssec_answer){.verdict = verdict, .words = words};
}

static bool is_good(const struct dns_answer *answer) { return answer->rcode == 0 || answer->rcode == 3; }

/* The zone that an authoritative answer about the SOA of a name shows. */
static const char *apex_of(const struct dns_answer *answer, const char *name)
{
    const struct dns_record *sections[] = {answer->answers, answer->authority};
    size_t counts[] = {answer->answer_count, answer->authority_count};
    for (size_t s = 0; s < COUNT_OF(sections); s++)
        for (size_t i = 0; i < counts[s]; i++)
            if (sections[s][i].type == DNS_SOA && text_name_within(name, sections[s][i].name))
                return sections[s][i].name;
    return NULL;
}

/* The operator's own server validates nothing; it shows at least whether the zone is signed at all. */
static void look_at_own(struct context *ctx, const struct propagation_world *world, const char *name,
                        const struct lookup *first, struct dnssec_answer *out)
{
    struct arena *arena = ctx->arena;
    struct lookup keys;
    struct error err = {0};
    const char *apex = apex_of(&first->answer, name);
    bool told =
        apex != NULL && lookup_ask(ctx, world, apex, DNS_DNSKEY, 0, &keys, &err) && is_good(&keys.answer);
    bool is_signed = false;
    for (size_t i = 0; told && i < keys.answer.answer_count; i++)
        is_signed = is_signed || keys.answer.answers[i].type == DNS_DNSKEY;
    if (told && !is_signed)
        say(out, DNSSEC_FINE,
            arena_printf(arena,
                         "zone %s is not signed, as %s (named in the operator's `nameservers`) shows it",
                         apex, first->server));
    else
        say(out, DNSSEC_UNKNOWN,
            arena_printf(arena,
                         "%s, named in the operator's `nameservers`, is asked instead of a validating "
                         "resolver, and %s",
                         first->server,
                         told ? "its zone is signed" : "does not tell whether its zone is signed"));
}

/* No AD: either nothing is signed, or the resolver does not look. The top level domains are signed. */
static void look_at_resolver(struct context *ctx, const struct propagation_world *world, const char *name,
                             const char *server, struct dnssec_answer *out)
{
    struct lookup top;
    struct error err = {0};
    const char *dot = strrchr(name, '.'), *tld = dot != NULL ? dot + 1 : name;
    if (lookup_ask(ctx, world, tld, DNS_SOA, DNS_TELL_AUTHENTIC, &top, &err) && top.answer.authentic)
        say(out, DNSSEC_FINE, "the zone is not signed: there is nothing to be wrong");
    else
        say(out, DNSSEC_UNKNOWN,
            arena_printf(ctx->arena, "the resolver %s does not say that it checks signatures", server));
}

static void look_through(struct context *ctx, const struct propagation_world *world, const char *name,
                         struct dnssec_answer *out)
{
    struct arena *arena = ctx->arena;
    struct lookup checked, unchecked;
    struct error err = {0};
    if (!lookup_ask(ctx, world, name, DNS_SOA, DNS_TELL_AUTHENTIC, &checked, &err)) {
        say(out, DNSSEC_UNKNOWN, arena_strdup(arena, err.message));
    } else if (checked.by_operator) {
        look_at_own(ctx, world, name, &checked, out);
    } else if (is_good(&checked.answer) && checked.answer.authentic) {
        say(out, DNSSEC_FINE,
            arena_printf(arena, "the signatures hold, says the resolver %s", checked.server));
    } else if (is_good(&checked.answer)) {
        look_at_resolver(ctx, world, name, checked.server, out);
    } else if (checked.answer.rcode != SERVFAIL) {
        say(out, DNSSEC_UNKNOWN,
            arena_printf(arena, "the resolver %s answers %s", checked.server,
                         dns_rcode_name(checked.answer.rcode)));
    } else if (lookup_ask(ctx, world, name, DNS_SOA, DNS_UNCHECKED, &unchecked, &err) &&
               is_good(&unchecked.answer)) {
        say(out, DNSSEC_BOGUS,
            arena_printf(arena,
                         "the resolver %s refuses the answer (SERVFAIL) and gives it when the check of "
                         "signatures is left out: the zone is bogus",
                         unchecked.server));
    } else {
        say(out, DNSSEC_UNKNOWN,
            arena_printf(arena, "the resolver %s answers SERVFAIL, with the check of signatures and without",
                         checked.server));
    }
}

/* Each resolver by itself: one that does not check must not answer for one that does. */
void dnssec_check(struct context *ctx, const struct propagation_world *world, const char *name,
                  struct dnssec_answer *out)
{
    struct dns_address resolvers[3];
    struct propagation_world own = {.resolvers = resolvers};
    struct dnssec_answer best = {.verdict = DNSSEC_UNKNOWN, .words = "this host has no resolver"};
    if (world == NULL) {
        own.resolver_count = lookup_system_resolvers(resolvers);
        world = &own;
    }
    for (size_t i = 0; i < world->resolver_count; i++) {
        struct propagation_world one = {
            .resolvers = &world->resolvers[i], .resolver_count = 1, .port = world->port};
        struct dnssec_answer answer;
        look_through(ctx, &one, name, &answer);
        if (i == 0 || answer.verdict == DNSSEC_BOGUS ||
            (answer.verdict == DNSSEC_FINE && best.verdict == DNSSEC_UNKNOWN))
            best = answer;
        if (best.verdict == DNSSEC_BOGUS || propagation_named_server(ctx->config, name) != NULL)
            break;
    }
    *out = best;
}
