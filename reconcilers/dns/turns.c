#include "reconcilers/dns/turns.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fatal.h"
#include "reconcilers/context.h"

enum { NAP_MS = 10 };

struct dns_gate {
    pthread_mutex_t lock;
    struct dns_limits limits;
    int64_t *free_at; /* of turns that nobody holds: when each may be taken (clock_boot_ms) */
    int idle, out;
    int64_t closed_until;
};

/* One more for what the clock's milliseconds leave out. */
static int64_t window_ms(const struct dns_gate *gate)
{
    return 1 + ((int64_t)gate->limits.burst * 1000 + gate->limits.requests_per_second - 1) /
                   gate->limits.requests_per_second;
}

/* With the lock. */
static void add_idle(struct dns_gate *gate, int64_t at)
{
    if (gate->idle + gate->out < gate->limits.burst)
        gate->free_at[gate->idle++] = at;
}

struct dns_gate *dns_gate_create(struct dns_limits limits)
{
    struct dns_gate *gate = calloc(1, sizeof *gate);
    if (gate == NULL)
        fatal_memory();
    pthread_mutex_init(&gate->lock, NULL);
    dns_gate_limit(gate, limits);
    for (int i = 0; i < gate->idle; i++)
        gate->free_at[i] = 0;
    return gate;
}

void dns_gate_destroy(struct dns_gate *gate)
{
    if (gate == NULL)
        return;
    pthread_mutex_destroy(&gate->lock);
    free(gate->free_at);
    free(gate);
}

void dns_gate_limit(struct dns_gate *gate, struct dns_limits limits)
{
    pthread_mutex_lock(&gate->lock);
    bool other =
        limits.burst != gate->limits.burst || limits.requests_per_second != gate->limits.requests_per_second;
    gate->limits = limits;
    if (other) {
        gate->free_at =
            realloc(gate->free_at,
                    (size_t)(limits.burst > gate->idle ? limits.burst : gate->idle) * sizeof *gate->free_at);
        if (gate->free_at == NULL)
            fatal_memory();
        while (gate->idle > 0 && gate->idle + gate->out > limits.burst)
            gate->idle--;
        while (gate->idle + gate->out < limits.burst) /* what was asked before counts against the new rate */
            add_idle(gate, clock_boot_ms() + window_ms(gate));
    }
    pthread_mutex_unlock(&gate->lock);
}

void dns_gate_close(struct dns_gate *gate, int64_t until_ms)
{
    pthread_mutex_lock(&gate->lock);
    if (until_ms > gate->closed_until)
        gate->closed_until = until_ms;
    pthread_mutex_unlock(&gate->lock);
}

int64_t dns_gate_closed_until(struct dns_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    int64_t until = gate->closed_until > clock_boot_ms() ? gate->closed_until : 0;
    pthread_mutex_unlock(&gate->lock);
    return until;
}

/* The turn that is free first goes first. With the lock. */
static int64_t take_first(struct dns_gate *gate)
{
    int first = 0;
    for (int i = 1; i < gate->idle; i++)
        if (gate->free_at[i] < gate->free_at[first])
            first = i;
    int64_t at = gate->free_at[first];
    gate->free_at[first] = gate->free_at[--gate->idle];
    gate->out++;
    return at;
}

/* Milliseconds until `wanted` idle turns are free; -1: there are not so many. With the lock. */
static int64_t wait_for(const struct dns_gate *gate, int wanted, int64_t now)
{
    int ready = 0;
    int64_t next = INT64_MAX, most = now + window_ms(gate);
    if (gate->idle < wanted)
        return -1;
    for (int i = 0; i < gate->idle; i++) {
        if (gate->free_at[i] > most) /* the clock was turned back */
            gate->free_at[i] = most;
        if (gate->free_at[i] <= now)
            ready++;
        else if (gate->free_at[i] < next)
            next = gate->free_at[i];
    }
    return ready >= wanted ? 0 : next - now;
}

int64_t dns_gate_reserve(struct dns_gate *gate, int wanted, struct dns_turns *out)
{
    pthread_mutex_lock(&gate->lock);
    int64_t now = clock_boot_ms(), wait;
    bool whole = wanted >= gate->limits.burst;
    if (whole)
        wanted = gate->limits.burst;
    wait = gate->closed_until > now ? gate->closed_until - now : wait_for(gate, wanted, now);
    if (wait == 0) {
        for (int i = 0; i < wanted; i++)
            take_first(gate);
        *out = (struct dns_turns){.gate = gate, .held = wanted, .whole = whole};
    }
    pthread_mutex_unlock(&gate->lock);
    return wait;
}

bool dns_turn_begin(struct context *ctx, struct error *err)
{
    struct dns_turns *turns = ctx->turns;
    if (turns == NULL || turns->gate == NULL)
        return true;
    struct dns_gate *gate = turns->gate;
    const struct timespec nap = {.tv_nsec = NAP_MS * 1000000};
    pthread_mutex_lock(&gate->lock);
    bool ready = turns->held > 0;
    turns->held -= ready;
    while (!ready && gate->closed_until <= clock_boot_ms()) {
        if (wait_for(gate, 1, clock_boot_ms()) == 0) {
            take_first(gate);
            ready = true;
        } else if (turns->whole) { /* more than the burst in one step; nobody else of the account has any turn
                                      meanwhile */
            pthread_mutex_unlock(&gate->lock);
            nanosleep(&nap, NULL);
            pthread_mutex_lock(&gate->lock);
        } else {
            break;
        }
    }
    pthread_mutex_unlock(&gate->lock);
    turns->used += ready;
    turns->lacked = turns->lacked || !ready;
    return ready || error_raise(err, ERROR_THROTTLED, "the account's turns are used up");
}

void dns_turn_end(struct context *ctx)
{
    struct dns_gate *gate = ctx->turns != NULL ? ctx->turns->gate : NULL;
    if (gate == NULL)
        return;
    pthread_mutex_lock(&gate->lock);
    gate->out--;
    add_idle(gate, clock_boot_ms() + window_ms(gate));
    pthread_mutex_unlock(&gate->lock);
}

void dns_turns_finish(struct dns_turns *turns)
{
    if (turns->gate == NULL)
        return;
    pthread_mutex_lock(&turns->gate->lock);
    for (; turns->held > 0; turns->held--) {
        turns->gate->out--;
        add_idle(turns->gate, 0);
    }
    pthread_mutex_unlock(&turns->gate->lock);
    turns->gate = NULL;
}
