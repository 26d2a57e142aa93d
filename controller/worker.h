/* The pool: threads that run blocking code, one job at a time each, with a context of their own. Results come back through
 * a list and a descriptor that becomes readable; nothing else is shared. */
#pragma once

#include <stdbool.h>

#include "reconcilers/context.h"

struct error;
struct http_network;
struct operator_config;
struct worker_pool;

struct job {
    void (*run)(struct job *job, struct context *ctx); /* on a worker; ctx->arena is the job's own */
    struct arena *arena; /* of the job: made by the caller, freed by the caller */
    bool heavy;          /* processor time: runs at lower priority, at most one a core */
    struct job *next;    /* the pool's */
};

/* All threads, or none. Fails: SYSTEM. */
struct worker_pool *worker_pool_create(const struct operator_config *config, const struct http_network *network,
                                       int workers, struct error *err);
/* Runs what is queued to its end (an order call is never cut short, R8), then ends the threads. */
void worker_pool_destroy(struct worker_pool *pool);
void worker_pool_submit(struct worker_pool *pool, struct job *job);
int worker_pool_fd(const struct worker_pool *pool); /* readable when there are results */
struct job *worker_pool_results(struct worker_pool *pool); /* all finished jobs, linked by next; clears the descriptor */
