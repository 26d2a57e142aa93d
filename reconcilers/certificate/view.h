/* All that `decide` may know about one certificate: what is wanted, what is recorded, prices, limits, now. Const while a
 * step is decided and performed; `assume` makes another one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "reconcilers/issuer/issuer.h"
#include "reconcilers/step.h"
#include "schema/catalogue.h"
#include "schema/certificate.h"
#include "schema/deploy_target.h"
#include "schema/operator.h"
#include "schema/record.h"
#include "schema/reference.h"

struct secret;

struct account_view { /* the issuer, as last observed */
    const struct endpoint *endpoint; /* NULL: unknown environment */
    const struct issuer_record *record; /* NULL: never checked */
    bool checked; /* credentials were accepted, prices read and the vendor's orders listed recently enough to buy */
    const struct price_list *prices; /* NULL: unknown */
    bool spending_open; /* a paid call may be made: sandbox, or the operator's file has `spending` for it */
    bool within_budget; /* counting this order */
    const char *budget_words; /* when not: "40 of 40 orders in 2026-11" */
    const char *budget_period;
    int unknown_open; /* orders of this account of which nobody knows whether the vendor took them, this one too */
};
enum { UNKNOWN_OPEN_MOST = 2 }; /* with more of them the account is closed for orders (reliability.md 4.5) */

struct certificate_view {
    const struct operator_config *config;
    int64_t now;
    int64_t boot_ms;
    const char *boot_id, *holder; /* of this process */
    const char *installation;

    const char *namespace_, *name, *id; /* "certificate/shop" */
    const struct resource *want;        /* NULL: its manifest is gone */
    bool invalid;                       /* references or rules across objects do not hold */
    const char *invalid_words;
    struct certificate_references refs;
    const struct product *product; /* NULL when invalid */
    struct account_view account;

    struct certificate_record record;
    const struct order_record *order; /* of the current cycle; NULL: none */
    int64_t order_revision;           /* in the store, for the claim */
    const struct resource *order_issuer; /* leads to the account of `order`, whatever the manifest names; NULL: none does now */
    const struct issuer_record *order_account; /* what is recorded of that account; NULL: nothing */
    struct challenge_record *challenges; /* of the current cycle, in the order of the names */
    size_t challenge_count;
    const struct revision_record *revision; /* newest; NULL: none */
    struct rollout_record *rollouts; /* one per target of refs, in that order; state WANTED when none is stored */
    size_t rollout_count;

    const char **places_taken; /* one per rollout: who publishes at its place already, NULL: nobody else. NULL: not looked at */
    const char *duplicate_of; /* "certificate/other" holds a live order for the same names and product; NULL: none */
    const struct vendor_order *foreign; /* a live order of equal names in the account that is not ours; NULL: none */
    const char *purchase_hold;  /* digest that releases a mass purchase; NULL: not held */
    const char *clock_words;    /* why the clock is not to be trusted; NULL: it is */
    const char *reconcile_words, *reconcile_digest; /* why the store is not, and what releases it; NULL: it is */
    const char *room_words;     /* why nothing new may be begun: disk or store nearly full; NULL: there is room */
    const char *clock_release;  /* digest by which a person says that it is right now; NULL: nothing to be said */

    /* Material the loop put here for the step at hand; NULL otherwise. */
    struct {
        const struct secret *key; /* PEM */
        bool keyless;             /* of a brought request: whoever brought it keeps the key */
        const char *csr, *request, *leaf, *chain;
    } material;
};

/* The next step. Pure: reads only the view, writes only into `arena`. */
struct step certificate_decide(const struct certificate_view *view, struct arena *arena);
/* The view after `step` succeeded, as far as that can be known beforehand; in the arena. Pure. */
struct certificate_view *certificate_assume(const struct certificate_view *view, const struct step *step,
                                            struct arena *arena);

/* What decide and others share. */
/* Digest (hex) of what an order asks for: product, term, servers, names, key, CSR, organization, contacts, methods. */
const char *certificate_relevant_digest(const struct certificate_view *view, struct arena *arena);
/* "cw1-" and 32 letters, derived from installation, account, namespace/name and cycle (reliability.md 4.1); what an order of
 * that cycle has already stays. */
const char *certificate_custom_order_id(const struct certificate_view *view, int cycle, struct arena *arena);
/* Whether the Issuer, at this endpoint, leads to the account that the order is bound to: name, URL and partner code, as far as
 * they were recorded. False when either is NULL. */
bool certificate_order_is_at(const struct order_record *order, const struct resource *issuer, const struct endpoint *endpoint);
/* "issuer/main (partner 10012345 at https://…)": that account. */
const char *certificate_order_account(const struct order_record *order, struct arena *arena);
/* The price of the order wanted, by the list; -1: unknown. */
int64_t certificate_price(const struct certificate_view *view, const char **out_currency);
/* Unix seconds at which the revision should have been replaced: renewBefore, renewBeforePercentage, or the last third. */
int64_t certificate_renewal_time(const struct certificate_view *view);
