/* What the files of the engine share. */
#pragma once

#include "controller/engine.h"
#include "controller/index.h"
#include "controller/loop.h"
#include "controller/schedule.h"
#include "controller/worker.h"
#include "base/http.h"

/* Keys of the queue: 'c' or 'i', \x01, then the key of the index; or this one: credentials of DNS accounts are looked at. */
#define CREDENTIALS_KEY "e"

struct standing_entry { /* one certificate, as last decided */
    char *key;
    enum { STAND_READY, STAND_BLOCKED, STAND_WAITING, STAND_ACTIVE } stand;
    struct step step; /* texts are ours */
    char *texts;
    char *told; /* what was last said of it without a deed: code and human step; NULL: to be said again */
    bool failing;
    bool needs_person; /* failing in a way that only a person can cure */
    bool busy;
    bool has_turn; /* a request to the account's far side was counted for it by the limiter */
    enum action requested; /* ACTION_REST: none */
};

struct snapshot { /* a desired set and how many jobs still look at it */
    struct desired *desired;
    int references;
};

struct engine {
    struct arena *arena;
    struct model model;
    struct engine_options options;
    struct loop *loop;
    struct loop_source *result_source, *timer;
    struct http_network network;
    struct worker_pool *pool;
    struct schedule *queue;
    struct snapshot *snapshot;
    unsigned char shared_digest[32];
    bool looked;
    size_t settled; /* certificates the index says are as they should be, not decided again */
    struct removal_watch {
        char digest[16];   /* of the removals seen last, not acted upon yet */
        int64_t seen_ms;
        struct loop_source *timer; /* the second look */
    } removals;

    struct standing_entry **standing; /* sorted by key */
    size_t standing_count, standing_capacity;

    struct state_batch *batch; /* of this turn */
    struct state_batch *later; /* what no step waits for: goes with the next commit, or when nothing runs any more */
    bool staged; /* results of this turn are written, not yet durable */
    bool batch_paid;
    struct job *launch, **launch_end; /* to be submitted after the commit */
    int running;
    bool draining, broken;
    struct error broken_error;

    struct performed_step *performed;
    size_t performed_count;
    engine_progress_call *also;
    void *also_arg;
    void (*after_turn)(void *arg);
    void *after_turn_arg;
    size_t problem_count;
    size_t held; /* certificates whose manifest went, too many at once */
};

char *engine_key(struct arena *arena, char letter, const char *namespace_, const char *name);
void engine_split_key(const char *key, struct arena *arena, const char **out_namespace, const char **out_name);
struct standing_entry *engine_entry(struct engine *engine, const char *key, bool make);
void engine_report(struct engine *engine, const char *id, const char *word, const struct step *step, const char *text,
                   bool bad);
bool engine_commit(struct engine *engine);
bool engine_flush(struct engine *engine); /* commits what can wait, too */
void engine_break(struct engine *engine, const struct error *err);
void engine_release_snapshot(struct snapshot *snapshot);
void engine_wake(struct engine *engine); /* run a turn soon */

/* Issuers: engine_account.c */
void engine_take_account_result(struct engine *engine, struct job *job);
void engine_account_due(struct engine *engine, const char *key);
void engine_account_wanted(struct engine *engine, const char *namespace_, const char *name);
/* Milliseconds until the account's limiter lets this certificate's request go; 0: now, and it counts as running. -1: as many
 * as allowed run already; the key is queued again when one of them is done, first come first served. */
int64_t engine_account_turn(struct engine *engine, const struct certificate_view *view, const char *key);
void engine_account_forget(struct engine *engine); /* frees what waits */
void engine_account_done(struct engine *engine, const char *namespace_, const char *name);

/* DNS accounts: engine_dns.c */
/* Warn of credentials that end, and come again when the next one does. */
void engine_credentials_due(struct engine *engine);
