/* Performing one step of a certificate, in three parts:
 *
 *   prepare  on the loop thread, pure: what must be durable before the first byte leaves (the intent)
 *   act      on a worker, blocking: the one outside action
 *   record   on the loop thread, pure: what its outcome changes
 *
 * The parts hand on `struct changes`; the controller commits them. */
#pragma once

#include "base/error.h"
#include "base/x509.h"
#include "reconcilers/certificate/view.h"

struct blob {
    const char *key; /* "key/<key_id>" */
    const char *text;
    const struct secret *secret; /* instead of text; released by the controller after the commit */
};
struct changes { /* records to write; NULL or count 0: unchanged */
    const struct certificate_record *certificate;
    const struct order_record *order;
    bool order_claim; /* compare-and-set on the order's store revision */
    struct challenge_record *challenges;
    size_t challenge_count;
    struct leftover_record *leftovers; /* what a challenge named until now, and may stand somewhere */
    size_t leftover_count;
    const struct revision_record *revision;
    const struct rollout_record *rollout;
    bool take_place; /* the rollout's place on its target is this certificate's from now on */
    int place;       /* index of the rollout */
    struct blob *blobs;
    size_t blob_count;
    bool reserve_budget; /* count this order in its period */
    int64_t reserve_cents;
    bool register_need;  /* remember that these names and product have an order */
    bool paid;           /* a paid transaction (reliability.md 4.7) */
    const char *audit;   /* action for the audit log, written before the commit; NULL: none */
    const char *audit_detail;
    const char *event_type, *event_reason, *event_message; /* NULL: no event */
};

struct outcome { /* what act brought home; members by action */
    bool ok;
    struct error err;
    /* PREPARE */
    const struct secret *key;
    const char *key_id, *csr, *csr_sha256, *csr_md5, *request, *request_sha256, *unique_value, *key_algorithm;
    int key_size;
    bool key_brought;
    /* SUBMIT, LOOK_UP, POLL */
    enum answer_class answer;
    const char *evidence;
    struct vendor_order vendor;
    bool found, absent_with_control, different;
    const char *other_number; /* an unknown order that looks like ours */
    int64_t sent_boot_ms, sent_at;
    /* CHECK */
    bool seen, vanished;
    const char *words;
    /* PRESENT */
    const char *zone, *led_to, *led_account; /* "": the name is no alias */
    bool moved; /* it belongs elsewhere than was journalled: nothing was written yet */
    /* FETCH */
    bool delivered;
    struct x509_bundle bundle;
    /* rollout */
    int generation, previous;
    const char *previous_fingerprint, *path;
    int64_t previous_ends_at;
    enum drift { DRIFT_NONE, DRIFT_DAMAGED, DRIFT_REPLACED } drift; /* words say what it is */
    int64_t at; /* clock_now() when it was done */
};

enum action_needs { NEEDS_KEY = 1, NEEDS_CERT = 2, NEEDS_REQUEST = 4, NEEDS_OLD_CERT = 8, NEEDS_KEYLESS = 16 /* whether there is one */ };
struct action_row {
    const char *name; /* "present", for logs and errors */
    unsigned needs;   /* material to load */
    bool vendor;      /* counts against the account's limiter */
    bool heavy;       /* processor time: a heavy worker's */
    bool outside;     /* changes the world: audit line before */
    bool (*prepare)(const struct certificate_view *view, const struct step *step, struct arena *arena,
                    struct changes *out); /* NULL: nothing to make durable. False: the step is void now */
    bool (*act)(struct context *ctx, const struct certificate_view *view, const struct step *step,
                struct outcome *out, struct error *err);
    void (*record)(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                   struct arena *arena, struct changes *out);
};
/* NULL: nothing to perform. */
const struct action_row *certificate_action(enum action action);
/* The DNS account that the step asks, and how many requests that takes when zone and token are known; NULL: none. */
const struct resource *certificate_step_account(const struct certificate_view *view, const struct step *step,
                                                int *out_requests);
/* The record part of the action, and the failure or success kept in the certificate's own record. */
void certificate_record_outcome(const struct certificate_view *view, const struct step *step,
                                const struct outcome *outcome, struct arena *arena, struct changes *out);

/* What a PREPARE counts against the budget: a need is one order whatever its attempts; a further attempt counts what it
 * costs more than the one before, and anew in another period or at another issuer or endpoint. */
struct reservation {
    int orders;
    int64_t cents;
};
struct reservation certificate_reservation(const struct certificate_view *view, const struct step *step);
/* Whether the order was prepared for, and counted at, the issuer and endpoint that it would go to now. */
bool certificate_counted_here(const struct certificate_view *view);
/* Why the approval mail cannot be sent again now; NULL: it can. */
const char *certificate_resend_refusal(const struct certificate_view *view, struct arena *arena);
/* Backoff for the n-th failure in a row of a kind, in seconds, with ±20 % jitter drawn from `seed`. */
int64_t backoff_s(enum error_kind kind, int failures, uint64_t seed);
/* Whether something of this challenge may be outside: made, being made, being taken away. */
bool certificate_may_be_made(const struct challenge_record *challenge);
/* Keep in the journal what the challenge names now, because it is about to name something else. Nothing if nothing of it may be
 * outside. */
void certificate_keep_leftover(const struct certificate_view *view, const struct challenge_record *challenge,
                               struct arena *arena, struct changes *out);
/* Copies of records for changing, in the arena. */
struct order_record *order_copy(const struct certificate_view *view, struct arena *arena);
struct certificate_record *certificate_record_copy(const struct certificate_view *view, struct arena *arena);
