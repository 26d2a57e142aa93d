/* Issuers in the queue: an account is looked at when a certificate wants to buy, and its limiter spaces what is asked. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fatal.h"
#include "base/log.h"
#include "controller/engine_internal.h"
#include "controller/records.h"

enum { COMPARED_SHOWN = 10 };

struct account_job {
    struct job job;
    struct snapshot *snapshot;
    const struct resource *issuer;
    struct account *account;
    struct account_facts facts;
    bool ok;
    struct error err;
};

static void run_account_job(struct job *job, struct context *ctx)
{
    struct account_job *own = (struct account_job *)job;
    own->ok = account_observe(ctx, own->issuer, true, &own->facts, &own->err);
}

void engine_account_wanted(struct engine *engine, const char *namespace_, const char *name)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct account *account = model_account(&engine->model, namespace_, name);
    if (account->busy)
        return;
    int64_t now = clock_now_ms();
    schedule_sooner(engine->queue, engine_key(arena, 'i', namespace_, name),
                    account->retry_at_ms > now ? account->retry_at_ms : now);
}

void engine_account_due(struct engine *engine, const char *key)
{
    struct arena *arena = arena_create();
    const char *namespace_, *name;
    engine_split_key(key, arena, &namespace_, &name);
    struct resource_lookup lookup = desired_lookup(engine->model.desired);
    const struct resource *issuer = lookup.find(lookup.set, KIND_ISSUER, namespace_, name);
    struct account *account = model_account(&engine->model, namespace_, name);
    if (issuer == NULL || account->busy) {
        arena_destroy(arena);
        return;
    }
    struct account_job *own = arena_alloc(arena, sizeof *own);
    *own = (struct account_job){.job = {.run = run_account_job, .arena = arena}, .issuer = issuer, .account = account,
                                .snapshot = engine->snapshot};
    engine->snapshot->references++;
    account->busy = true;
    engine->running++;
    worker_pool_submit(engine->pool, &own->job);
}

/* Certificates that wait for an account are decided again; after a failure too, so that they say why they wait. */
static void wake_waiting(struct engine *engine, bool ok, const struct error *err)
{
    for (size_t i = 0; i < engine->standing_count; i++) {
        struct standing_entry *entry = engine->standing[i];
        if (entry->step.action != ACTION_WAIT_ACCOUNT || entry->busy)
            continue;
        entry->failing = !ok;
        entry->needs_person = !ok && !error_retryable(err);
        schedule_set(engine->queue, entry->key, clock_now_ms());
    }
}

/* While the store is only reconciled: what the vendor holds against what the store knows, for the person who confirms. */
static void compare_orders(struct engine *engine, const struct account *account, const char *id, struct arena *arena)
{
    struct string_list unknown = {0};
    for (size_t i = 0; i < account->facts.order_count; i++) {
        const struct vendor_order *order = &account->facts.orders[i];
        if (!model_knows_order(&engine->model, order, arena) && unknown.count < COMPARED_SHOWN)
            string_list_push(arena, &unknown, arena_printf(arena, "%s (%s, %s)", order->vendor_order_id,
                                                           order->names.count > 0 ? order->names.items[0] : "no name",
                                                           order->major_status != NULL ? order->major_status : ""));
    }
    const char *words = unknown.count == 0
                            ? arena_printf(arena, "the vendor lists %zu orders, and the store knows them all",
                                           account->facts.order_count)
                            : arena_printf(arena, "the vendor lists %zu orders; the store does not know %s%s",
                                           account->facts.order_count, string_list_join(arena, &unknown, ", "),
                                           unknown.count == COMPARED_SHOWN ? " and maybe more" : "");
    engine_report(engine, id, "compared", NULL, words, unknown.count > 0);
    model_event(&engine->model, engine->batch, "Issuer", account->namespace_, account->name,
                unknown.count > 0 ? "Warning" : "Normal", "Compared", words, arena);
}

void engine_take_account_result(struct engine *engine, struct job *job)
{
    struct account_job *own = (struct account_job *)job;
    struct account *account = own->account;
    AUTO(arena) struct arena *arena = arena_create();
    char *id = resource_id(arena, KIND_ISSUER, account->namespace_, account->name);
    engine->running--;
    account->busy = false;
    if (own->ok) {
        account_facts_finish(&account->facts);
        account->facts = own->facts;
        account->failures = 0;
        account->retry_at_ms = 0;
        engine_report(engine, id, "checked", NULL,
                      arena_printf(arena, "credentials accepted, %zu prices, %zu orders listed", own->facts.prices.count,
                                   own->facts.order_count), false);
        if (state_reconcile_only(engine->model.state) != NULL && account->facts.listed)
            compare_orders(engine, account, id, arena);
    } else {
        account->failures++;
        int64_t wait = backoff_s(own->err.kind, account->failures, (uint64_t)clock_now());
        account->retry_at_ms = own->err.retry_at > clock_now() ? own->err.retry_at * 1000 : clock_now_ms() + wait * 1000;
        schedule_set(engine->queue, engine_key(arena, 'i', account->namespace_, account->name), account->retry_at_ms);
        engine_report(engine, id, "failed", NULL, own->err.message, true);
        model_event(&engine->model, engine->batch, "Issuer", account->namespace_, account->name, "Warning", "CheckFailed",
                    own->err.message, arena);
    }
    model_take_account(&engine->model, account, &account->facts, own->ok ? NULL : &own->err);
    model_write_account(account, engine->batch, arena);
    wake_waiting(engine, own->ok, &own->err);
    engine_release_snapshot(own->snapshot);
    arena_destroy(own->job.arena);
}

/* ---- the limiter ---- */

struct account_waiter {
    struct account_waiter *next;
    char key[];
};

static void park(struct account *account, const char *key)
{
    struct account_waiter *waiter = malloc(sizeof *waiter + strlen(key) + 1);
    if (waiter == NULL)
        fatal_memory();
    waiter->next = NULL;
    strcpy(waiter->key, key);
    if (account->waiting == NULL)
        account->waiting_end = &account->waiting;
    *account->waiting_end = waiter;
    account->waiting_end = &waiter->next;
}

static void unpark(struct engine *engine, struct account *account)
{
    struct account_waiter *waiter = account->waiting;
    if (waiter == NULL)
        return;
    account->waiting = waiter->next;
    schedule_set(engine->queue, waiter->key, clock_now_ms());
    free(waiter);
}

void engine_account_forget(struct engine *engine)
{
    for (size_t i = 0; i < engine->model.account_count; i++)
        while (engine->model.accounts[i]->waiting != NULL)
            unpark(engine, engine->model.accounts[i]);
}

/* A bucket of one second's worth of tokens that may be overdrawn: who overdraws it has its turn later, and nobody has to ask
 * again meanwhile. */
static int64_t take_token(struct account *account, double rate)
{
    int64_t now = clock_boot_ms();
    account->tokens += (double)(now - account->tokens_at_ms) * rate / 1000.0;
    account->tokens_at_ms = now;
    if (account->tokens > rate || account->tokens < -1000 * rate) /* the clock may have been turned */
        account->tokens = rate;
    account->tokens -= 1;
    return account->tokens >= 0 ? 0 : (int64_t)(-account->tokens * 1000.0 / rate) + 1;
}

int64_t engine_account_turn(struct engine *engine, const struct certificate_view *view, const char *key)
{
    const struct resource *issuer = view->order_issuer;
    if (issuer == NULL) /* nobody will be asked */
        return 0;
    const struct operator_config *config = engine->model.config;
    struct standing_entry *entry = engine_entry(engine, key, true);
    struct account *account = model_account(&engine->model, issuer->namespace_, issuer->name);
    int concurrency = issuer->issuer->limits.concurrency > 0 ? issuer->issuer->limits.concurrency : config->account_concurrency;
    if (!entry->has_turn && config->requests_per_second > 0) {
        int64_t wait = take_token(account, config->requests_per_second);
        entry->has_turn = true;
        if (wait > 0)
            return wait;
    }
    if (concurrency > 0 && account->running >= concurrency) {
        park(account, key);
        return -1;
    }
    entry->has_turn = false;
    account->running++;
    return 0;
}

void engine_account_done(struct engine *engine, const char *namespace_, const char *name)
{
    struct account *account = model_account(&engine->model, namespace_, name);
    if (account->running > 0)
        account->running--;
    unpark(engine, account);
}
