/* What the files of the engine share. */
#pragma once

#include "controller/engine.h"
#include "controller/guard.h"
#include "controller/index.h"
#include "controller/loop.h"
#include "controller/schedule.h"
#include "controller/worker.h"
#include "base/http.h"
#include "reconcilers/dns/turns.h"

/* Keys of the queue: 'c' (certificate), 'i' (issuer) or 'd' (DNS account), \x01, then the key of the index; or this one: credentials of DNS accounts are looked at. */
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
    struct dns_turns dns_turns; /* reserved for its next step; gate NULL: none */
    bool dns_waiting; /* in the line of a DNS account */
    bool dns_rests;   /* and that account was asked too often */
    int dns_wanted;   /* turns, when those that mostly suffice did not; 0: they do */
    bool has_turn; /* a request to the account's far side was counted for it by the limiter */
    enum action requested; /* ACTION_REST: none */
};

struct dns_line { /* one DNS account with requests to space; the first who asked is served first */
    char *namespace_, *name;
    struct dns_gate *gate;
    struct string_queue { /* keys of certificates */
        char **items;
        size_t first, end, capacity;
    } waiting;
    int failures; /* throttled in a row */
    bool resting;
    const char *words; /* why */
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
    int64_t clock_lead_ms; /* as of the last turn */
    bool looked;
    size_t settled; /* certificates the index says are as they should be, not decided again */
    struct guard_watch watch;        /* what takes something away, seen once */
    struct loop_source *second_look; /* a timer */

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

    struct dns_line **dns_lines;
    size_t dns_line_count;
    struct performed_step *performed;
    size_t performed_count;
    engine_progress_call *also;
    void *also_arg;
    void (*after_turn)(void *arg);
    void *after_turn_arg;
    size_t problem_count;
    size_t held; /* resources that the guards keep as they were */
};

char *engine_key(struct arena *arena, char letter, const char *namespace_, const char *name);
void engine_split_key(const char *key, struct arena *arena, const char **out_namespace, const char **out_name);
struct standing_entry *engine_entry(struct engine *engine, const char *key, bool make);
void engine_report(struct engine *engine, const char *id, const char *word, const struct step *step, const char *text,
                   bool bad);
void engine_forget_told(struct standing_entry *entry); /* it is said again, when nothing was done since */
bool engine_commit(struct engine *engine);
bool engine_flush(struct engine *engine); /* commits what can wait, too */
void engine_break(struct engine *engine, const struct error *err);
void engine_release_snapshot(struct snapshot *snapshot);
void engine_wake(struct engine *engine); /* run a turn soon */

/* Certificates: engine_certificate.c */
/* Decide upon the one of this key: note what is waited for, or put its next step, intent written, into engine->launch. */
void engine_decide_certificate(struct engine *engine, const char *key);
void engine_certificate_launched(struct engine *engine, struct job *job); /* its intent is durable */
void engine_certificate_dropped(struct engine *engine, struct job *job);  /* it is not, and the step will not be done */
/* Record what a step brought, and free the job. False: it is no certificate's. */
bool engine_take_certificate_result(struct engine *engine, struct job *job);

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
/* True: the step may begin, with `out`'s turns (none if it asks no account). Else the certificate stands in the account's
 * line, and its key is queued again when it is its turn; `*out_rest` is then a step to show while the account rests after
 * it was asked too often (action ACTION_COUNT: it does not). */
bool engine_dns_turn(struct engine *engine, const struct certificate_view *view, const struct step *step, const char *key,
                     struct arena *arena, struct dns_turns *out, struct step *out_rest);
/* The certificate needs no account now: what was reserved for it goes to others. */
void engine_dns_unused(struct engine *engine, const char *key);
/* A step has ended. True: it is to be done anew, for want of turns. */
bool engine_dns_done(struct engine *engine, const struct certificate_view *view, const struct step *step, const char *key,
                     struct dns_turns *turns, struct outcome *outcome);
void engine_dns_due(struct engine *engine, const char *key);
void engine_dns_forget(struct engine *engine); /* frees what waits */
