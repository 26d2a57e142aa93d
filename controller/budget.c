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

struct budget_entry {
    const char *namespace_;
    struct budget_record record;
};

/* The entry of the book, read from the store the first time. NULL: the store failed. */
static struct budget_record *load(struct budget_book *book, const struct resource *issuer, const char *period,
                                  struct error *err)
{
    for (size_t i = 0; i < book->count; i++) {
        struct budget_entry *entry = &book->entries[i];
        if (text_equal(entry->namespace_, issuer->namespace_) && text_equal(entry->record.issuer, issuer->name) &&
            text_equal(entry->record.period, period))
            return &entry->record;
    }
    struct arena *arena = book->arena;
    struct budget_record record = {.issuer = arena_strdup(arena, issuer->name), .period = arena_strdup(arena, period),
                                   .currency = ""};
    struct error missing = {0};
    if (!record_load(book->state, TABLE_BUDGET, record_key_sub(arena, issuer->namespace_, issuer->name, period),
                     &budget_record_table, arena, &record, NULL, &missing) && missing.kind != ERROR_NOT_FOUND) {
        *err = missing;
        return NULL;
    }
    record.issuer = arena_strdup(arena, issuer->name);
    record.period = arena_strdup(arena, period);
    struct budget_entry *entry = arena_push(arena, &book->entries, book->count);
    *entry = (struct budget_entry){arena_strdup(arena, issuer->namespace_), record};
    return &entry->record;
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
    if (row->amount_cents < 0 || cents == PRICE_NOT_ASKED)
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

bool budget_check(struct budget_book *book, const struct operator_config *config, const struct resource *issuer,
                  bool sandbox, int64_t cents, const char *currency, int64_t now, struct arena *arena, struct budget *out,
                  struct error *err)
{
    *out = (struct budget){.open = sandbox, .within = true, .words = "", .period = ""};
    for (size_t i = 0; i < config->spending_count; i++) {
        const struct spending *row = &config->spending[i];
        if (!concerns(row, issuer))
            continue;
        out->open = true;
        const char *period = budget_period(arena, row->period, now);
        if (out->period[0] == '\0')
            out->period = period;
        const struct budget_record *spent = load(book, issuer, period, err);
        if (spent == NULL)
            return false;
        const char *words = too_much(row, spent, cents, currency, arena);
        if (words != NULL && out->within) {
            out->within = false;
            out->words = words;
        }
    }
    int per_day = issuer->issuer->limits.orders_per_day;
    if (per_day > 0 && out->within) {
        struct spending row = {.orders = per_day, .amount_cents = -1};
        const struct budget_record *spent = load(book, issuer, budget_period(arena, PERIOD_DAY, now), err);
        if (spent == NULL)
            return false;
        const char *words = too_much(&row, spent, cents, currency, arena);
        if (words != NULL) {
            out->within = false;
            out->words = arena_printf(arena, "%s (limits.ordersPerDay)", words);
        }
    }
    return true;
}

bool budget_reserve(struct budget_book *book, const struct operator_config *config, const struct resource *issuer,
                    int orders, int64_t cents, const char *currency, int64_t now, struct error *err)
{
    bool wanted[PERIOD_YEAR + 1] = {[PERIOD_DAY] = true, [PERIOD_MONTH] = true};
    for (size_t i = 0; i < config->spending_count; i++)
        if (concerns(&config->spending[i], issuer))
            wanted[config->spending[i].period] = true;
    for (int period = PERIOD_DAY; period <= PERIOD_YEAR; period++) {
        if (!wanted[period])
            continue;
        struct budget_record *spent = load(book, issuer, budget_period(book->arena, (enum spending_period)period, now), err);
        if (spent == NULL)
            return false;
        spent->orders += orders;
        spent->amount_cents += cents;
        if (currency != NULL)
            spent->currency = arena_strdup(book->arena, currency);
    }
    return true;
}

void budget_store(struct budget_book *book, const struct resource *issuer, struct state_batch *batch)
{
    for (size_t i = 0; i < book->count; i++) {
        const struct budget_entry *entry = &book->entries[i];
        if (text_equal(entry->namespace_, issuer->namespace_) && text_equal(entry->record.issuer, issuer->name))
            record_put(batch, TABLE_BUDGET,
                       record_key_sub(book->arena, issuer->namespace_, issuer->name, entry->record.period),
                       &budget_record_table, &entry->record, STATE_ANY);
    }
}
