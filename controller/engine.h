/* The loop that makes the world as the manifests say: look, decide, record the intent, perform, record the outcome, decide
 * again. `apply`, `reconcile --once` and `run` are this engine with different ends.
 *
 * One turn: take finished jobs and write what they brought; commit; decide whatever is due and write its intents; commit;
 * only then hand the steps to workers. So no worker can act unrecorded, and one commit serves a whole turn. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "controller/model.h"

struct engine;
struct loop;

struct engine_progress { /* one line for whoever looks on */
    const char *id;      /* "certificate/shop" */
    const char *word;    /* a verb, or "ready", "blocked", "waiting", "failed" */
    const char *subject, *text;
    const char *human, *command; /* what a person must do; NULL: nothing */
    bool if_lost;        /* the command: see step_if_lost */
    bool bad;
};
typedef void engine_progress_call(const struct engine_progress *progress, void *arg);

/* Which certificates are decided about (apply with names or a selector). */
typedef bool engine_filter(struct model *model, const struct desired_entry *entry, void *arg);

struct engine_options {
    const struct operator_config *config;
    struct state *state;
    const struct string_list *files; /* -f; NULL: the operator's directory */
    bool typed;          /* by a person: narrowing edits need no second look */
    bool problems_told;  /* what is wrong with the manifests was printed already */
    engine_filter *filter; /* NULL: all */
    void *filter_arg;
    engine_progress_call *progress;
    void *progress_arg;
};
/* Fails: SYSTEM. */
struct engine *engine_create(const struct engine_options *options, struct error *err);
void engine_destroy(struct engine *engine); /* waits for running jobs and records what they brought */
struct loop *engine_loop(struct engine *engine);
struct model *engine_model(struct engine *engine);

/* Read the manifests again and queue what changed. `all`: whatever changed or not. Fails: as desired_read; the former set
 * stays. */
bool engine_look(struct engine *engine, bool all, struct error *err);
/* Somebody asks for everything: the filter lets everything through from now on. False: this engine was given files (-f), and
 * what is not in them would be taken for gone. */
bool engine_widen(struct engine *engine);
/* Decide about these at once ("certificate/shop"), whether the filter lets them through or not. False: `out_missing` is not in
 * the manifests as they were last read. */
bool engine_ask(struct engine *engine, const struct string_list *ids, const char **out_missing);
/* Decide about one certificate at once (key as in "<ns>/<name>"); `now` also forgets what it was waiting for. */
void engine_touch(struct engine *engine, const char *namespace_, const char *name);
/* Have an action performed that no decision asks for (resend). */
void engine_request(struct engine *engine, const char *namespace_, const char *name, enum action action);
/* Progress goes to this one as well, until it is taken away with NULL (who looks on through the control socket). */
void engine_also_report(struct engine *engine, engine_progress_call *call, void *arg);
/* Whether a step of this certificate runs now: its records must not be touched. */
bool engine_busy(struct engine *engine, const char *namespace_, const char *name);
/* Called after every turn of the loop. */
void engine_after_turn(struct engine *engine, void (*call)(void *arg), void *arg);
/* Stop taking up new steps; engine_idle tells when the running ones are done. */
void engine_drain(struct engine *engine);

/* Where everything stands, for deciding when an `apply` is over. */
struct engine_standing {
    size_t ready, blocked, waiting, patient, failing, running; /* certificates */
    size_t forgotten;    /* whose manifest went, and nothing is left to do */
    size_t needs_person; /* of those that wait: what failed is tried again, but only a person can cure it */
    size_t invalid;      /* problems of severity error in the manifests */
    size_t held;         /* removals that wait for `certwright confirm` */
    int64_t next_due_ms; /* INT64_MAX: nothing */
    bool broken;         /* the store failed: nothing more is done */
    struct error error;  /* then */
};
void engine_standing(struct engine *engine, struct engine_standing *out);
/* Of these certificates only ("certificate/shop", sorted); `only` NULL or empty: all. */
void engine_standing_of(struct engine *engine, const struct string_list *only, struct engine_standing *out);
/* Calls for each certificate this engine decided about, with its last step. */
typedef void engine_visit(const char *namespace_, const char *name, const struct step *step, void *arg);
void engine_each(struct engine *engine, engine_visit *visit, void *arg);

struct performed_step { /* what was done, in order, for `apply -o json` */
    const char *verb, *id, *subject;
    int64_t at;
};
const struct performed_step *engine_performed(const struct engine *engine, size_t *out_count);
