/* Questions as a CA asks them: what the world's resolvers say of a name. The operator's `nameservers` replace
 * the delegation here as everywhere. Not for challenge records, which no caching resolver may be asked for
 * before they are there. */
#pragma once

#include <stdbool.h>

#include "base/dns.h"
#include "reconcilers/context.h"
#include "reconcilers/dns/propagation.h"

struct error;

struct lookup {
    struct dns_answer answer;
    const char *server; /* who said so, "192.0.2.53" */
    bool by_operator;   /* it is a server of the operator's `nameservers`, which answers as its own */
};
/* The resolvers of this host (resolv.conf). */
size_t lookup_system_resolvers(struct dns_address out[3]);
/* True with an answer of whatever rcode: the first good one (NOERROR, NXDOMAIN), else the last bad one.
 * `flags`: of enum dns_flag, beside recursion. `world` NULL: the system's resolvers.
 * Fails: UNREACHABLE (nobody answered), CONFIG, MALFORMED. */
bool lookup_ask(struct context *ctx, const struct propagation_world *world, const char *name,
                enum dns_type type, unsigned flags, struct lookup *out, struct error *err);
