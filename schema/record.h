/* What the controller remembers, one struct and one field table per kind of record. Stored as canonical JSON, sealed;
 * `get -o json` shows the same text. Times are Unix seconds, 0: never. Strings are never NULL after decoding ("" instead
 * of absent). Records stay under 1,900 bytes where they can: LMDB gives larger ones pages of their own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "schema/field.h"

/* ---- status of a certificate: one per certificate, also after its manifest went (tombstone keeps the cycle) ---- */
struct certificate_record {
    const char *namespace_, *name;
    const char *common_name;
    int cycle;              /* of the current order; only grows */
    int revision;           /* newest revision; 0: none yet */
    const char *spec_digest; /* hex, of the manifest last decided upon */
    bool forgotten;          /* manifest gone */
    bool purchase_confirmed; /* `certwright confirm` released it from a mass purchase hold */
    int64_t first_seen, forgotten_at;
    const char *phase;      /* word of the last decision: "Ordering", "Validating", "Ready", "Blocked", … */
    const char *reason, *message; /* of that decision */
    int64_t phase_since;
    int64_t due;            /* when to look again */
    int failures;           /* of the present step in a row */
    int64_t retry_at;       /* not before */
    const char *error_kind, *error; /* of the last failure; "" after a success */
    int64_t error_since;
    const char *error_step; /* the step that failed */
};

/* ---- order: one subscription at the vendor (reliability.md 4.1) ---- */
enum order_state { ORDER_PREPARED, ORDER_SUBMITTING, ORDER_UNKNOWN, ORDER_HELD, ORDER_REFUSED, ORDER_PLACED,
                   ORDER_DEAD /* cancelled or expired at the vendor */ };
struct order_record {
    const char *namespace_, *name;
    int cycle, attempt;
    const char *custom_order_id;
    const char *issuer, *environment, *endpoint; /* pinned: sandbox and live never mix */
    const char *partner_code; /* pinned with them; "" in records of former versions */
    const char *product;
    int term_months, server_count;
    const char *common_name;
    struct string_list names; /* canonical, sorted */
    const char *key_algorithm;
    int key_size;
    const char *key_id;       /* SHA-256 of the SPKI; blob key/<key_id> and csr/<custom_order_id>/<attempt> */
    bool key_brought;
    struct string_list former_key_ids; /* of attempts sent before this one, newest last: their order may turn up after all */
    const char *csr_sha256, *csr_md5, *unique_value, *request_sha256;
    int64_t price_cents;      /* expected; -1: unknown */
    const char *currency;
    const char *budget_period; /* "2026-11" */
    enum order_state state;
    int64_t prepared_at, submitted_at, submitted_boot_ms, send_deadline_ms;
    const char *holder;       /* "host pid boot-id" that wrote SUBMITTING */
    int lookups;              /* well-formed "absent" answers with control, since the grace began */
    int64_t lookup_at;        /* the last one */
    int64_t grace_from;       /* wall time the grace runs from; starts anew after a reboot */
    const char *grace_boot;   /* boot id it was counted in */
    int64_t grace_boot_ms;
    struct string_list evidence; /* newest last, at most 6, each at most 120 bytes */
    const char *held_reason;  /* why a person is needed */
    struct string_list shown_numbers; /* the vendor's orders that it was held for; a release says that none of them is this one */
    int64_t resubmitted_at;   /* last given back for sending without a person (onUnknownOrder: resubmit) */
    const char *vendor_order_id, *partner_order_id, *ca_order_id;
    const char *major_status, *minor_status; /* the vendor's words, cleaned */
    int phase;                /* enum vendor_phase, judged from them */
    int64_t placed_at, subscription_ends_at;
    int64_t polled_at, poll_at;
    int polls;
    const char *refused_text; /* the vendor's words */
    const char *relevant_digest; /* of what was asked for: a refused order is tried again only when it changes */
    bool looked_up;           /* since it was prepared: every claim after the first is preceded by a look-up */
    bool answer_lost;         /* of an attempt, and its account was not asked since: it goes to no other one before that */
    int64_t resent_at;
    int resends;
    bool fetched;             /* its certificate became a revision */
};

/* ---- challenge: one name, one method ---- */
enum challenge_state {
    CHALLENGE_PENDING,    /* known, nothing made */
    CHALLENGE_PRESENTING, /* intent: about to be made */
    CHALLENGE_PRESENTED,  /* made (or a person is asked to) */
    CHALLENGE_SEEN,       /* self-check saw it everywhere */
    CHALLENGE_REMOVING,   /* intent: about to be removed */
    CHALLENGE_GONE,       /* removed; nothing of ours is left */
};
struct challenge_record {
    const char *namespace_, *name;
    int cycle;
    const char *domain;      /* the ordered name */
    int method;              /* enum dcv_method */
    bool manual;
    enum challenge_state state;
    const char *record_name, *record_type, *record_value; /* DNS; type "CNAME" or "TXT" */
    const char *file_name, *file_content; /* HTTP, HTTPS */
    const char *next_record_name, *next_record_type, *next_record_value, *next_file_name,
        *next_file_content;  /* what the vendor wants instead of what was made, until that is taken away; "": the same */
    const char *approver;    /* Email */
    const char *account, *zone; /* DNS: where it was made */
    const char *led_to, *led_account; /* DNS: the record's name is an alias: where it leads, and who writes there; else "" */
    const char *target; /* HTTP: where it was made */
    bool validated;          /* the vendor says so */
    const char *vendor_status; /* its word */
    int64_t created_at, presented_at, seen_at, checked_at;
    int put_back;            /* times it vanished and was made again */
    const char *last_check;  /* what the self-check saw last, in words */
    int failures;            /* of the present step in a row */
    int64_t retry_at;        /* not before */
    const char *error;       /* of the last failure; "" after a success */
};

/* ---- leftover: a record or file that was made outside and that no challenge names: a probe, or a proof that was wanted
 * before. Written before the thing is made; gone from the store when the thing is gone. ---- */
struct leftover_record {
    const char *namespace_;
    const char *origin;  /* "a probe by dns test", "the former proof of certificate/shop" */
    const char *account, *zone, *record_name, *record_type, *record_value; /* DNS; zone "" when it is not known */
    const char *target, *file_name, *file_content;                         /* a file */
    int64_t noted_at;
};

/* Where a record is written, and by which account. */
static inline const char *challenge_place(const struct challenge_record *challenge)
{
    return challenge->led_to[0] != '\0' ? challenge->led_to : challenge->record_name;
}
static inline const char *challenge_writer(const struct challenge_record *challenge)
{
    return challenge->led_to[0] != '\0' ? challenge->led_account : challenge->account;
}

/* ---- revision: one issued certificate with its key; blobs cert/<fingerprint>, chain/<fingerprint>, key/<key_id> ---- */
struct revision_record {
    const char *namespace_, *name;
    int number, cycle;
    const char *custom_order_id, *vendor_order_id, *partner_order_id;
    const char *key_id, *fingerprint, *serial, *issuer_cn, *common_name;
    struct string_list names;
    int64_t not_before, not_after, issued_at;
};

/* ---- rollout: one certificate on one target (reliability.md 6.3) ---- */
enum rollout_state { ROLLOUT_WANTED, ROLLOUT_STAGING, ROLLOUT_STAGED, ROLLOUT_PUBLISHED, ROLLOUT_RELOADED, ROLLOUT_ACTIVE,
                     ROLLOUT_ROLLING_BACK, ROLLOUT_ROLLED_BACK };
struct rollout_record {
    const char *namespace_, *name, *target;
    int revision;             /* being rolled out */
    enum rollout_state state;
    int generation, previous; /* N and P; 0: none */
    const char *fingerprint, *previous_fingerprint;
    const char *root, *path;  /* where, resolved */
    const char *layout;
    int64_t started_at, published_at, active_at, checked_at;
    int attempts;
    int64_t retry_at;
    const char *error;
    bool reloaded;            /* the reload of this generation succeeded */
    int64_t previous_ends_at; /* notAfter of P; 0: not known */
    const char *drift;        /* what somebody changed at the target and is left as it is; "": nothing */
    int64_t cured_at;         /* when it was last deployed again because somebody had changed it */
    const char *settings_digest; /* of what the target said when it became active: mode, owner, layout, path */
};

/* ---- account at a vendor ---- */
struct issuer_record {
    const char *namespace_, *name;
    const char *endpoint, *partner_code; /* the account that was asked; the Issuer may lead to another one now */
    int64_t checked_at;       /* credentials last accepted */
    int64_t listed_at;        /* the vendor's orders last listed */
    int orders_listed;
    const char *error;        /* of the last check; "" when fine */
    int64_t error_at;
    int64_t last_order_seen;  /* date of the newest order in the vendor's last list; 0: it was empty */
    const char *control_order; /* that order's number, known to exist there, for positive control; "": none */
};
/* ---- spending counted from intents: one per account and period ---- */
struct budget_record {
    const char *issuer, *period; /* "2026-11" */
    int orders, free_orders;     /* free: of them, at an endpoint where orders cost nothing */
    int64_t amount_cents, free_cents;
    const char *currency;
};
/* ---- a hold that waits for `confirm` ---- */
struct hold_record {
    const char *digest;  /* 12 hex digits a person types */
    const char *kind;    /* "MassRemoval", "MassPurchase", "ReconcileOnly" */
    struct string_list subjects; /* what it names, at most 200 shown */
    int64_t since;
    bool confirmed;
    int64_t confirmed_at;
    const char *confirmed_by;
};
struct event_record {
    int64_t at, last_at;
    int count;
    const char *kind, *namespace_, *name; /* what it is about */
    const char *type;   /* "Normal", "Warning" */
    const char *reason, *message;
};

extern const struct field_table certificate_record_table, order_record_table, challenge_record_table,
    leftover_record_table, revision_record_table, rollout_record_table, issuer_record_table, budget_record_table,
    hold_record_table, event_record_table;
extern const char *const order_state_words[], *const challenge_state_words[], *const rollout_state_words[];
