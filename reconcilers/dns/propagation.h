/* Whether the world can see a record: asked at every address of every authoritative server (RD=0, AA=1), never at a
 * caching resolver. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "reconcilers/context.h"
#include "reconcilers/dns/dns.h"

struct error;
struct operator_config;

struct propagation {
    bool everywhere;
    int servers, seen; /* addresses asked, addresses that have it */
    const char *words; /* "2 of 3 servers have it; 192.0.2.3 answers NXDOMAIN" */
};
/* The operator's `nameservers` (zone -> address) replace the delegation; else NS and addresses are asked from the system's
 * resolver. Fails: UNREACHABLE (no authoritative server found or none answers). */
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
/* The servers that `name` is delegated to below `zone` (NULL: its registrable domain), each asked for its SOA.
 * Fails: UNREACHABLE (the delegation cannot be looked up), NOT_FOUND (there is none), CONFIG. */
bool propagation_authority(struct context *ctx, const char *name, const char *zone, struct authority *out,
                           struct error *err);

/* The address in the operator's `nameservers` that is asked for `name` instead of the delegated servers; NULL: none. */
const char *propagation_named_server(const struct operator_config *config, const char *name);

/* Where questions about the delegation go, and to which port of the servers found. */
struct propagation_world {
    const struct dns_address *resolvers;
    size_t resolver_count;
    int port;
};
/* The same with resolvers of the caller's choosing (tests). */
bool propagation_check_by(struct context *ctx, const struct propagation_world *world,
                          const struct dns_challenge *challenge, struct propagation *out, struct error *err);
bool propagation_authority_by(struct context *ctx, const struct propagation_world *world, const char *name,
                              const char *zone, struct authority *out, struct error *err);
/* The `nameserver` lines of a resolv.conf, at most three; 127.0.0.1 when there are none (resolv.conf(5)). */
size_t propagation_read_resolvers(const char *text, struct dns_address out[3]);
