/* From manifests and store to the view that `decide` takes, and from changes back into a batch. Shared by the loop (which
 * performs), `plan` (which only looks ahead) and `why` (which explains). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controller/budget.h"
#include "controller/desired.h"
#include "controller/state.h"
#include "reconcilers/account.h"
#include "reconcilers/certificate/actions.h"

/* An issuer's account as this process knows it. */
struct account {
    const char *namespace_, *name;
    struct account_facts facts; /* arena NULL: not asked yet */
    struct issuer_record record;
    bool has_record;
    int failures;
    int64_t retry_at_ms;
    bool busy;
    /* limiter */
    double tokens;
    int64_t tokens_at_ms;
    int running;
    struct account_waiter *waiting, **waiting_end; /* keys that wait for one of the running requests to end */
};

struct model {
    struct arena *arena; /* of the model itself */
    const struct operator_config *config;
    struct state *state;
    struct desired *desired; /* NULL before the first look */
    struct budget_book budget;
    struct account **accounts;
    size_t account_count;
    struct claim *claims; /* needs and places being taken now, not yet in the store */
    size_t claim_count, claim_capacity;
    struct string_list assumed_gone; /* plan: ids of certificates that are forgotten before the others are looked at */
    const char *holder;       /* "host pid boot-id" */
    const char *installation; /* "" when there is no store yet */
    const char *purchase_hold; /* digest of the held purchases; NULL: none held */
    bool purchase_hold_known;  /* false: to be found out when something wants to buy; reset at each look */
    bool assume_fresh_accounts; /* plan --offline: prices unknown, accounts taken as checked */
};

void model_init(struct model *model, const struct operator_config *config, struct state *state);
void model_finish(struct model *model); /* not the desired set, not the state */

/* Everything about one certificate, in `arena`. Fails: STATE. Not an error: a manifest that does not resolve. */
bool model_view(struct model *model, const char *namespace_, const char *name, struct arena *arena,
                struct certificate_view *out, struct error *err);
/* Key, request, certificate for the step at hand. The key is the caller's to release (view->material.key).
 * Fails: STATE. */
bool model_load_material(struct model *model, struct certificate_view *view, const struct step *step, struct arena *arena,
                         struct error *err);
/* Put changes into the batch (events included); audit lines are the caller's. Fails: STATE. */
bool model_write(struct model *model, const struct certificate_view *view, const struct changes *changes,
                 struct state_batch *batch, struct arena *arena, struct error *err);

struct account *model_account(struct model *model, const char *namespace_, const char *name); /* made if need be */
/* Take in what was observed of an account (`failure` NULL: it went well); then write its record. */
void model_take_account(struct model *model, struct account *account, const struct account_facts *facts,
                        const struct error *failure);
void model_write_account(const struct account *account, struct state_batch *batch, struct arena *arena);

/* Whether the order carries an id that this store has given out. */
bool model_knows_order(struct model *model, const struct vendor_order *order, struct arena *arena);

/* A need that is being prepared: nobody else may prepare the same names meanwhile. */
void model_claim(struct model *model, const struct certificate_view *view);
/* Likewise the place on a target that a rollout is about to be staged to. */
void model_claim_place(struct model *model, const struct certificate_view *view, size_t rollout);
void model_unclaim(struct model *model, const char *namespace_, const char *name);

/* One event, folded into the last one of that object and reason. */
void model_event(struct model *model, struct state_batch *batch, const char *kind, const char *namespace_,
                 const char *name, const char *type, const char *reason, const char *message, struct arena *arena);
