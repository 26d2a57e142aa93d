/* Ceilings for orders and money per account and period, counted from intents (promise I12). The ceilings are the operator's and
 * Issuers are manifests of whoever writes them: a row of `spending` holds for all that it is about together, in whatever
 * namespace, and also those that are gone. What is stored is counted by Issuer, so that it serves rows written later. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controller/state.h"
#include "schema/operator.h"
#include "schema/resource.h"

/* The price in a plan that asks nobody: only orders are counted then. It never leads to a purchase. */
#define PRICE_NOT_ASKED INT64_MIN

struct budget {
    bool open;          /* some `spending` row is about this issuer, or it costs no money */
    bool within;        /* one more order of `cents` fits in every row and in the issuer's own limit */
    const char *words;  /* when it does not fit: "40 of 40 orders in 2026-11" */
    const char *period; /* of the first row: "2026-11"; "" none */
};
/* What is spent, as the one loop thread knows it: the stored counts plus what was reserved since and is not stored yet.
 * Two orders decided in one turn of the loop must both be counted. */
struct budget_book {
    struct state *state;
    struct arena *arena;
    struct string_list periods; /* of which all that is stored was read */
    struct budget_entry *entries;
    size_t count;
};
/* `sandbox`: orders cost nothing there; an Issuer's own are held against the rows then, and they count against no other's.
 * `cents` -1: price unknown, which never fits a row with an amount. Fails: STATE. */
bool budget_check(struct budget_book *book, const struct operator_config *config, const struct resource *issuer,
                  bool sandbox, int64_t cents, const char *currency, int64_t now, struct arena *arena, struct budget *out,
                  struct error *err);
/* Count `orders` and `cents` in every period, in memory; negative ones take that back. */
bool budget_reserve(struct budget_book *book, const struct operator_config *config, const struct resource *issuer,
                    int orders, int64_t cents, const char *currency, int64_t now, struct error *err);
/* Write the counts of an issuer: part of the transaction that prepares an order. */
void budget_store(struct budget_book *book, const struct resource *issuer, struct state_batch *batch);
/* "2026-11-22", "2026-W47", "2026-11", "2026-Q4", "2026" of a time, in UTC. */
char *budget_period(struct arena *arena, enum spending_period period, int64_t at);
