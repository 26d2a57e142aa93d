/* Whether the DNS leads to where a zone is kept. A zone that the DNS hands to other servers takes records
 * that nobody ever sees, so it is refused; what cannot be looked up is no reason to refuse. Asks for NS, A,
 * AAAA and (of the zone's own servers) SOA only, never for a challenge's name at a caching resolver. */
#pragma once

#include <stdbool.h>

#include "base/dns.h"
#include "base/text.h"
#include "reconcilers/context.h"

struct error;

/* Whether the DNS names one of `servers` for the zone, or another name at one of their addresses. `holder`
 * and `account` are for the words: "Cloudflare", "the server 192.0.2.1". An empty list: not known, and so in
 * order. Fails: NOT_FOUND; `out_nobody` (may be NULL): for the DNS there is no such zone. */
bool delegation_check(struct context *ctx, const char *holder, const char *account, const char *zone,
                      const struct string_list *servers, bool *out_nobody, struct error *err);
/* Whether the zone's servers answer for `name` themselves, and hand it to nobody. Fails: NOT_FOUND. */
bool delegation_check_not_below(struct context *ctx, const char *zone, const struct string_list *servers,
                                const char *name, struct error *err);
/* The zone below `zone` to which an answer without authority refers for `name`; NULL: it is no referral
 * further down. */
const char *delegation_referral(const struct dns_answer *answer, const char *zone, const char *name);
/* NOT_FOUND: the zone hands the name to others. Always false. */
bool delegation_handed_on(const char *zone, const char *child, const char *name, struct error *err);
