/* Whether the world can see a record: asked at every address of every authoritative server (RD=0, AA=1). A
 * caching resolver is asked only afterwards, and only if an account names it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "reconcilers/context.h"
#include "reconcilers/dns/dns.h"

struct error;
struct operator_config;
struct resource;

struct propagation {
    bool everywhere;
    int servers, seen; /* addresses asked, addresses that have it */
    const char *words; /* "2 of 3 servers have it; 192.0.2.3 answers NXDOMAIN" */
};
/* What the servers say in sum: those that serve the zone must all have the record; a minority may be silent
 * or lame (REFUSED, not authoritative), and is told. SERVFAIL, no such record and another value mean waiting.
 * The operator's `nameservers` (zone -> address) replace the delegation; else NS and addresses are asked from
 * the system's resolver. Fails: UNREACHABLE (no authoritative server found or none answers). */
bool propagation_check(struct context *ctx, const struct dns_challenge *challenge, struct propagation *out,
                       struct error *err);

/* Who answers for a name, and whether they answer as their own. */
struct authority_server {
    const char *host;
    bool answers, authoritative; /* SERVFAIL is no answer */
    const char *words; /* what is wrong with it; NULL: nothing */
};
struct authority {
    const char *zone; /* that the delegation leads to; NULL: the operator's `nameservers` name the server */
    struct authority_server *servers;
    size_t count;
};
/* The servers that `name` is delegated to below `zone` (NULL: its registrable domain), each asked for its
 * SOA. Fails: UNREACHABLE (the delegation cannot be looked up), NOT_FOUND (there is none), CONFIG. */
bool propagation_authority(struct context *ctx, const char *name, const char *zone, struct authority *out,
                           struct error *err);

/* propagation_check(), and then at the resolvers of the account's `propagation.resolvers` (RD=1), by `name`,
 * which may lead to the challenge's own name by a CNAME. `account` may be NULL. Fails also: CONFIG (a
 * resolver's address is not allowed). */
bool propagation_check_for(struct context *ctx, const struct resource *account, const char *name,
                           const struct dns_challenge *challenge, struct propagation *out, struct error *err);

/* The address in the operator's `nameservers` that is asked for `name` instead of the delegated servers;
 * NULL: none. */
const char *propagation_named_server(const struct operator_config *config, const char *name);

/* Where questions about the delegation go, and to which port of the servers found. */
struct propagation_world {
    const struct dns_address *resolvers;
    size_t resolver_count;
    int port;
};
/* Every address that is asked about `name`, a challenge's name for one: the operator's server, else those of
 * the delegation. `world` NULL: the system's resolvers. Fails: UNREACHABLE, CONFIG. */
enum { PROPAGATION_ADDRESSES = 16 };
bool propagation_servers(struct context *ctx, const struct propagation_world *world, const char *name,
                         struct dns_address out[PROPAGATION_ADDRESSES], size_t *out_count, struct error *err);
/* propagation_check() with resolvers of the caller's choosing (tests). */
bool propagation_check_by(struct context *ctx, const struct propagation_world *world,
                          const struct dns_challenge *challenge, struct propagation *out, struct error *err);
bool propagation_authority_by(struct context *ctx, const struct propagation_world *world, const char *name,
                              const char *zone, struct authority *out, struct error *err);
/* The `nameserver` lines of a resolv.conf, at most three; 127.0.0.1 when there are none (resolv.conf(5)). */
size_t propagation_read_resolvers(const char *text, struct dns_address out[3]);
