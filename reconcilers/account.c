#include "reconcilers/account.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"

bool account_observe(struct context *ctx, const struct resource *issuer, bool list_orders, struct account_facts *out,
                     struct error *err)
{
    const struct issuer_ops *ops = &issuer_sslstore;
    struct issuer_account account;
    if (!issuer_account_open(ctx, issuer, &account, err))
        return false;
    /* What is read outlives the step, so it goes into an arena of its own. */
    struct context own = *ctx;
    own.arena = arena_create();
    own.vendor_ahead_s = INT64_MIN; /* until an answer tells */
    struct account_facts facts = {.arena = own.arena, .url = arena_strdup(own.arena, account.url),
                                  .partner_code = arena_strdup(own.arena, account.partner_code)};
    bool ok = ops->check(&own, &account, err) && ops->prices(&own, &account, &facts.prices, err) &&
              (!list_orders || ops->order_list(&own, &account, 0, 0, &facts.orders, &facts.order_count, err));
    issuer_account_close(&account);
    if (!ok) {
        arena_destroy(own.arena);
        return false;
    }
    memcpy(facts.issuer_digest, issuer->digest, sizeof facts.issuer_digest);
    facts.listed = list_orders;
    facts.at = clock_now();
    facts.vendor_clock_told = own.vendor_ahead_s != INT64_MIN;
    facts.vendor_ahead_s = facts.vendor_clock_told ? own.vendor_ahead_s : 0;
    *out = facts;
    return true;
}

void account_facts_finish(struct account_facts *facts)
{
    arena_destroy(facts->arena);
    *facts = (struct account_facts){0};
}
