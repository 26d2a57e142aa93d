#include "controller/budget.h"

#include <time.h>

#include "base/arena.h"
#include "base/error.h"
#include "controller/records.h"
#include "schema/issuer.h"

char *budget_period(struct arena *arena, enum spending_period period, int64_t at)
{
    struct tm tm;
    time_t t = (time_t)at;
    gmtime_r(&t, &tm);
    int year = tm.tm_year + 1900;
    char week[16];
    switch (period) {
    case PERIOD_DAY: return arena_printf(arena, "%04d-%02d-%02d", year, tm.tm_mon + 1, tm.tm_mday);
    case PERIOD_WEEK: strftime(week, sizeof week, "%G-W%V", &tm); return arena_strdup(arena, week);
    case PERIOD_MONTH: return arena_printf(arena, "%04d-%02d", year, tm.tm_mon + 1);
    case PERIOD_QUARTER: return arena_printf(arena, "%04d-Q%d", year, tm.tm_mon / 3 + 1);
    default: return arena_printf(arena, "%04d", year);
    }
}

static bool concerns(const struct spending *row, const struct resource *issuer)
{
    return text_empty(row->issuer) || text_equal(row->issuer, issuer->name);
}

static bool load(struct state *state, const struct resource *issuer, const char *period, struct arena *arena,
                 struct budget_record *out, struct error *err)
{
    struct error missing = {0};
    if (record_load(state, TABLE_BUDGET, record_key_sub(arena, issuer->namespace_, issuer->name, period),
                    &budget_record_table, arena, out, NULL, &missing))
        return true;
    *out = (struct budget_record){.issuer = issuer->name, .period = period, .currency = ""};
    if (missing.kind == ERROR_NOT_FOUND)
        return true;
    *err = missing;
    return false;
}

static const char *money(struct arena *arena, int64_t cents, const char *currency)
{
    return arena_printf(arena, "%lld.%02lld %s", (long long)(cents / 100), (long long)(cents % 100),
                        currency != NULL ? currency : "");
}

static const char *too_much(const struct spending *row, const struct budget_record *spent, int64_t cents,
                            const char *currency, struct arena *arena)
{
    if (row->orders >= 0 && spent->orders + 1 > row->orders)
        return arena_printf(arena, "%d of %d orders are spent in %s", spent->orders, row->orders, spent->period);
    if (row->amount_cents < 0)
        return NULL;
    if (cents < 0)
        return "the price is unknown, and `spending` has a ceiling of money";
    if (!text_equal(row->currency, currency))
        return arena_printf(arena, "the price is in %s, the ceiling of `spending` in %s", currency, row->currency);
    if (spent->amount_cents + cents > row->amount_cents)
        return arena_printf(arena, "%s of %s are spent in %s; this order costs %s",
                            money(arena, spent->amount_cents, row->currency), money(arena, row->amount_cents, row->currency),
                            spent->period, money(arena, cents, currency));
    return NULL;
}

bool budget_check(struct state *state, const struct operator_config *config, const struct resource *issuer, bool sandbox,
                  int64_t cents, const char *currency, int64_t now, struct arena *arena, struct budget *out,
                  struct error *err)
{
    *out = (struct budget){.open = sandbox, .within = true, .words = "", .period = ""};
    struct budget_record spent;
    for (size_t i = 0; i < config->spending_count; i++) {
        const struct spending *row = &config->spending[i];
        if (!concerns(row, issuer))
            continue;
        out->open = true;
        const char *period = budget_period(arena, row->period, now);
        if (out->period[0] == '\0')
            out->period = period;
        if (!load(state, issuer, period, arena, &spent, err))
            return false;
        const char *words = too_much(row, &spent, cents, currency, arena);
        if (words != NULL && out->within) {
            out->within = false;
            out->words = words;
        }
    }
    int per_day = issuer->issuer->limits.orders_per_day;
    if (per_day > 0 && out->within) {
        struct spending row = {.orders = per_day, .amount_cents = -1};
        if (!load(state, issuer, budget_period(arena, PERIOD_DAY, now), arena, &spent, err))
            return false;
        const char *words = too_much(&row, &spent, cents, currency, arena);
        if (words != NULL) {
            out->within = false;
            out->words = arena_printf(arena, "%s (limits.ordersPerDay)", words);
        }
    }
    return true;
}

bool budget_reserve(struct state *state, struct state_batch *batch, const struct operator_config *config,
                    const struct resource *issuer, int64_t cents, const char *currency, int64_t now, struct arena *arena,
                    struct error *err)
{
    bool wanted[PERIOD_YEAR + 1] = {[PERIOD_DAY] = true, [PERIOD_MONTH] = true};
    for (size_t i = 0; i < config->spending_count; i++)
        if (concerns(&config->spending[i], issuer))
            wanted[config->spending[i].period] = true;
    for (int period = PERIOD_DAY; period <= PERIOD_YEAR; period++) {
        struct budget_record spent;
        if (!wanted[period])
            continue;
        const char *word = budget_period(arena, (enum spending_period)period, now);
        if (!load(state, issuer, word, arena, &spent, err))
            return false;
        spent.orders++;
        spent.amount_cents += cents > 0 ? cents : 0;
        spent.currency = currency != NULL ? currency : "";
        record_put(batch, TABLE_BUDGET, record_key_sub(arena, issuer->namespace_, issuer->name, word),
                   &budget_record_table, &spent, STATE_ANY);
    }
    return true;
}
