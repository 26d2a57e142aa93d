/* An issuer's account, looked at: credentials, price list, the orders it holds. Reading only, so it may be repeated; what
 * comes home is kept in memory by the controller, and the plan asks the same way. */
#pragma once

#include <stdbool.h>

#include "reconcilers/issuer/issuer.h"

struct account_facts {
    struct arena *arena; /* owns everything below */
    const char *url;     /* of the endpoint that was asked */
    const char *partner_code; /* and of the account there */
    unsigned char issuer_digest[32]; /* of the manifest it was asked by: another partner or token may be another account */
    struct price_list prices;
    struct vendor_order *orders; /* all the vendor lists; not read unless asked for */
    size_t order_count;
    bool listed;
    int64_t at; /* clock_now() */
    int64_t vendor_ahead_s; /* the vendor's clock against this host's (reliability.md R10); 0 unless it was told */
    bool vendor_clock_told;
};

/* Ask. `ctx->arena` is used as well. On success `out` owns an arena; account_facts_finish frees it.
 * Fails: CREDENTIAL, CONFIG, UNREACHABLE, THROTTLED, MALFORMED. */
bool account_observe(struct context *ctx, const struct resource *issuer, bool list_orders, struct account_facts *out,
                     struct error *err);
void account_facts_finish(struct account_facts *facts);
