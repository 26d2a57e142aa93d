#include "controller/budget.h"

#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/error.h"
#include "controller/records.h"
#include "schema/field.h"
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

static bool concerns(const struct spending *row, const char *issuer)
{
    return text_empty(row->issuer) || text_equal(row->issuer, issuer);
}

struct budget_entry {
    const char *namespace_;
    struct budget_record record;
};

struct loading {
    struct budget_book *book;
    const char *period;
    struct error *err;
    bool failed;
};

static bool load_row(const char *key, struct span value, int64_t revision, void *arg)
{
    struct loading *loading = arg;
    struct arena *arena = loading->book->arena;
    const char *slash = strrchr(key, '/');
    (void)revision;
    if (slash == NULL || strcmp(slash + 1, loading->period) != 0)
        return true;
    struct string_list parts = text_split(arena, key, '/');
    struct budget_record record;
    if (parts.count != 3)
        return true;
    if (!field_decode_json(&budget_record_table, value.data, value.length, arena, &record, loading->err)) {
        loading->failed = true;
        return false;
    }
    record.issuer = parts.items[1];
    record.period = parts.items[2];
    *arena_push(arena, &loading->book->entries, loading->book->count) = (struct budget_entry){parts.items[0], record};
    return true;
}

/* What all Issuers spent in a period, read from the store the first time. */
static bool load(struct budget_book *book, const char *period, struct error *err)
{
    struct loading loading = {.book = book, .period = period, .err = err};
    size_t before = book->count;
    if (string_list_contains(&book->periods, period))
        return true;
    if (!state_scan(book->state, TABLE_BUDGET, "", load_row, &loading, err) || loading.failed) {
        book->count = before;
        return false;
    }
    string_list_push(book->arena, &book->periods, arena_strdup(book->arena, period));
    return true;
}

static bool is_of(const struct budget_entry *entry, const struct resource *issuer)
{
    return text_equal(entry->namespace_, issuer->namespace_) && text_equal(entry->record.issuer, issuer->name);
}

/* The entry of a period that is loaded. */
static struct budget_record *own(struct budget_book *book, const struct resource *issuer, const char *period)
{
    for (size_t i = 0; i < book->count; i++)
        if (is_of(&book->entries[i], issuer) && text_equal(book->entries[i].record.period, period))
            return &book->entries[i].record;
    struct arena *arena = book->arena;
    struct budget_record record = {.issuer = arena_strdup(arena, issuer->name), .period = arena_strdup(arena, period),
                                   .currency = ""};
    struct budget_entry *entry = arena_push(arena, &book->entries, book->count);
    *entry = (struct budget_entry){arena_strdup(arena, issuer->namespace_), record};
    return &entry->record;
}

/* What was paid by all that the row is about; `alone`: what this Issuer ordered, paid or not. */
static struct budget_record sum(const struct budget_book *book, const struct spending *row, const struct resource *issuer,
                                bool alone, const char *period)
{
    struct budget_record all = {.period = period};
    for (size_t i = 0; i < book->count; i++) {
        const struct budget_record *it = &book->entries[i].record;
        if (!text_equal(it->period, period) || !(alone ? is_of(&book->entries[i], issuer) : concerns(row, it->issuer)))
            continue;
        all.orders += it->orders - (alone ? 0 : it->free_orders);
        all.amount_cents += it->amount_cents - (alone ? 0 : it->free_cents);
    }
    return all;
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
        if (!concerns(row, issuer->name))
            continue;
        out->open = true;
        const char *period = budget_period(arena, row->period, now);
        if (out->period[0] == '\0')
            out->period = period;
        if (!load(book, period, err))
            return false;
        const struct budget_record spent = sum(book, row, issuer, sandbox, period);
        const char *words = too_much(row, &spent, cents, currency, arena);
        if (words != NULL && out->within) {
            out->within = false;
            out->words = words;
        }
    }
    int per_day = issuer->issuer->limits.orders_per_day;
    if (per_day > 0 && out->within) {
        struct spending row = {.orders = per_day, .amount_cents = -1};
        const char *day = budget_period(arena, PERIOD_DAY, now);
        if (!load(book, day, err))
            return false;
        const struct budget_record spent = sum(book, &row, issuer, true, day);
        const char *words = too_much(&row, &spent, cents, currency, arena);
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
    const struct endpoint *endpoint = operator_endpoint(config, issuer->issuer->sslstore.environment);
    bool wanted[PERIOD_YEAR + 1] = {[PERIOD_DAY] = true, [PERIOD_MONTH] = true};
    bool sandbox = endpoint != NULL && endpoint->sandbox;
    for (size_t i = 0; i < config->spending_count; i++)
        if (concerns(&config->spending[i], issuer->name))
            wanted[config->spending[i].period] = true;
    for (int period = PERIOD_DAY; period <= PERIOD_YEAR; period++) {
        if (!wanted[period])
            continue;
        const char *name = budget_period(book->arena, (enum spending_period)period, now);
        if (!load(book, name, err))
            return false;
        struct budget_record *spent = own(book, issuer, name);
        spent->orders += orders;
        spent->free_orders += sandbox ? orders : 0;
        spent->amount_cents += cents;
        spent->free_cents += sandbox ? cents : 0;
        if (currency != NULL)
            spent->currency = arena_strdup(book->arena, currency);
    }
    return true;
}

void budget_store(struct budget_book *book, const struct resource *issuer, struct state_batch *batch)
{
    for (size_t i = 0; i < book->count; i++) {
        const struct budget_entry *entry = &book->entries[i];
        if (is_of(entry, issuer))
            record_put(batch, TABLE_BUDGET,
                       record_key_sub(book->arena, issuer->namespace_, issuer->name, entry->record.period),
                       &budget_record_table, &entry->record, STATE_ANY);
    }
}
