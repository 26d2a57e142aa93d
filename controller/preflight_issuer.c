/* The vendor's account: does it accept us, does its clock agree with ours, will its balance do. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "controller/plan.h"
#include "controller/preflight_internal.h"

enum { CLOCK_WARN_S = 60, CLOCK_MOST_S = 300 };

static void check_clock(struct flight *flight, const char *about, const struct account_facts *facts)
{
    struct arena *arena = flight->arena;
    long long apart = (long long)facts->vendor_ahead_s, by = llabs(apart);
    if (!facts->vendor_clock_told) {
        flight_add(flight, about, "clock", "", CHECK_UNKNOWN, "the vendor's answers carry no date",
                   "compare this host's clock yourself");
        return;
    }
    const char *words = by < 2 ? "this host's clock agrees with the vendor's"
                               : arena_printf(arena, "the vendor's clock is %s %s of this host's",
                                              text_duration_words(arena, by), apart > 0 ? "ahead" : "behind");
    flight_add(flight, about, "clock", "",
               by > CLOCK_MOST_S   ? CHECK_NO
               : by > CLOCK_WARN_S ? CHECK_WARN
                                   : CHECK_YES,
               words, "set this host's clock, and keep it by NTP: signatures and validity are judged by it");
}

static int64_t price_wanted(const struct resource *issuer, struct certificate_view *const *views,
                            size_t count, const struct price_list *prices, size_t *out_orders)
{
    int64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        const struct certificate_view *view = views[i];
        if (view->invalid || view->want == NULL || view->refs.issuer == NULL || view->order != NULL ||
            !text_equal(view->refs.issuer->name, issuer->name) ||
            !text_equal(view->refs.issuer->namespace_, issuer->namespace_))
            continue;
        struct certificate_view priced = *view;
        priced.account.prices = prices;
        int64_t price = certificate_price(&priced, NULL);
        (*out_orders)++;
        total = total < 0 || price < 0 ? -1 : total + price;
    }
    return total;
}

static void check_balance(struct flight *flight, const char *about, const struct resource *issuer,
                          struct certificate_view *const *views, size_t count,
                          const struct price_list *prices)
{
    struct arena *arena = flight->arena;
    struct issuer_account account;
    struct vendor_balance balance;
    struct error err = {0};
    size_t orders = 0;
    if (!issuer_account_open(flight->options->ctx, issuer, &account, &err)) {
        flight_add_failure(flight, about, "balance", "", &err, NULL);
        return;
    }
    bool ok = issuer_sslstore.balance(flight->options->ctx, &account, &balance, &err);
    issuer_account_close(&account);
    int64_t needed = price_wanted(issuer, views, count, prices, &orders);
    const char *has = ok && balance.cents >= 0 ? plan_money(arena, balance.cents, "") : "";
    has = text_trim(arena, has);
    const char *top_up = "add funds in the vendor's panel, or have the account put on a bill";
    if (!ok)
        flight_add_failure(flight, about, "balance", "", &err, NULL);
    else if (balance.credit)
        flight_add(flight, about, "balance", "", CHECK_YES,
                   arena_printf(arena, "%s%sorders may go on a bill", has, *has != '\0' ? ", and " : ""),
                   NULL);
    else if (balance.cents < 0)
        flight_add(flight, about, "balance", "", CHECK_UNKNOWN, "the vendor does not state it",
                   "look into the vendor's panel");
    else if (needed < 0)
        flight_add(flight, about, "balance", "", CHECK_UNKNOWN,
                   arena_printf(arena, "%s; what the orders cost is not known", has),
                   "`certwright plan` says which price is not known");
    else
        flight_add(flight, about, "balance", "", needed <= balance.cents ? CHECK_YES : CHECK_NO,
                   arena_printf(arena, "%s; %zu order%s asked about cost%s %s", has, orders,
                                orders == 1 ? "" : "s", orders == 1 ? "s" : "",
                                text_trim(arena, plan_money(arena, needed, ""))),
                   top_up);
}

void flight_issuer(struct flight *flight, const struct resource *issuer,
                   struct certificate_view *const *views, size_t count)
{
    struct arena *arena = flight->arena;
    struct model *model = flight->options->model;
    struct account *account = model_account(model, issuer->namespace_, issuer->name);
    const char *about = resource_id(arena, KIND_ISSUER, issuer->namespace_, issuer->name);
    struct error err = {0};
    if (account->facts.arena == NULL) { /* a plan may have asked already */
        struct account_facts facts = {0};
        if (!account_observe(flight->options->ctx, issuer, false, &facts, &err)) {
            flight_add_failure(flight, about, "credentials", "", &err,
                               err.kind == ERROR_CREDENTIAL
                                   ? "compare partnerCode and token with the vendor's panel"
                                   : NULL);
            return;
        }
        account->facts = facts;
    }
    flight_add(flight, about, "credentials", "", CHECK_YES,
               arena_printf(arena, "accepted, %zu prices", account->facts.prices.count), NULL);
    check_clock(flight, about, &account->facts);
    if (flight->options->account_details)
        check_balance(flight, about, issuer, views, count, &account->facts.prices);
}
