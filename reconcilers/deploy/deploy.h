/* What a deploy target must be able to do; one const table per way in. Steps and names follow reliability.md 6.3. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/x509.h"
#include "reconcilers/context.h"
#include "schema/deploy_target.h"
#include "schema/resource.h"

struct error;
struct secret;

struct deployment {
    const struct resource *target; /* a DeployTarget */
    const char *namespace_, *name, *common_name; /* of the certificate, for the path */
    struct string_list names;      /* of the certificate, for the probe */
    int generation;                /* N */
    int previous;                  /* P; 0: none */
    const char *fingerprint;       /* of N's leaf */
    const char *previous_fingerprint; /* "": none */
    const struct secret *key;      /* PEM; NULL where the step needs none */
    bool keyless;                  /* of a brought CSR: no key lies beside the certificate */
    const char *leaf, *chain;      /* PEM; NULL where the step needs none */
};
struct deploy_observation {
    int current;              /* generation the link names; 0: nothing published; -1: something that is not ours */
    const char *fingerprint;  /* of the leaf at the published path; "" none or unreadable */
    int64_t not_after;        /* of that leaf; 0: unknown */
    bool whole;               /* all files are there and belong together */
    bool previous_whole;      /* so does generation P, and its leaf is the one meant */
    int64_t previous_not_after; /* of P's leaf; 0: unknown */
    bool rights_ok;           /* owner, group, mode of the key as stated */
    const char *words;        /* what is not as it should be; "" fine */
    int highest;              /* the highest gen-N that exists */
};
struct deploy_ops {
    const char *name;
    /* Look, change nothing. Fails: CONFIG, MANIFEST (root, owner, rights), SYSTEM (it cannot be told what lies there). */
    bool (*observe)(struct context *ctx, const struct deployment *d, struct deploy_observation *out, struct error *err);
    /* D1–D4: stage generation N whole, read it back, check that pair and chain match; remove stale staging. Present
     * already and equal: success. Fails: CONFIG (root, owner, rights: says which setting), CONFLICT (a file at the path is
     * not ours: takeOver), SYSTEM. */
    bool (*stage)(struct context *ctx, const struct deployment *d, struct error *err);
    /* D5: the published path is N afterwards. */
    bool (*publish)(struct context *ctx, const struct deployment *d, struct error *err);
    /* D6: check command, then reload, by profile. No profile: success. Fails: REFUSED with the program's own words,
     * SYSTEM (time-out). */
    bool (*reload)(struct context *ctx, const struct deployment *d, struct error *err);
    /* D7, one look: the endpoint serves N's leaf under each name. No probe: success. Fails: REFUSED (serves another:
     * says which), UNREACHABLE. */
    bool (*probe)(struct context *ctx, const struct deployment *d, struct error *err);
    /* The published path is P afterwards (P 0: nothing changes). The caller reloads and probes after it. Fails: NOT_FOUND,
     * MALFORMED, CONFLICT (P is not there, not whole, or has ended; the path is not ours), CONFIG, SYSTEM. */
    bool (*rollback)(struct context *ctx, const struct deployment *d, struct error *err);
    /* D8: keep N and P, the newest two and any younger than 7 days; keys of others go first. */
    bool (*clean)(struct context *ctx, const struct deployment *d, struct error *err);
    /* A challenge file beneath the target's challenge root: <root>/<webroot>/.well-known/pki-validation/<name>. Created
     * exclusively, 0644; the same content already there is success. Fails: CONFLICT (other content: not touched), CONFIG. */
    bool (*challenge_present)(struct context *ctx, const struct resource *target, const char *file_name,
                              const char *content, struct error *err);
    /* Whether a file with exactly this content is there; nothing is changed. `file_name` NULL: only whether the webroot can
     * be used. Fails: CONFIG, MANIFEST, SYSTEM. */
    bool (*challenge_look)(struct context *ctx, const struct resource *target, const char *file_name, const char *content,
                           bool *out_there, struct error *err);
    /* Gone afterwards, if its content is ours; folders we made and that are empty go too. Already gone is success. */
    bool (*challenge_absent)(struct context *ctx, const struct resource *target, const char *file_name,
                             const char *content, struct error *err);
};
extern const struct deploy_ops deploy_local;

/* "<root>/<path>" of a target for a certificate, placeholders filled in, and ".pem" at the end for the layout Combined;
 * for records, plans and the check that two certificates do not claim one place. "*" in a common name becomes "_".
 * Fails: CONFIG (unknown root), MANIFEST (path escapes, unknown placeholder, a name certwright keeps for itself). */
bool deploy_place(const struct operator_config *config, const struct resource *target, const char *namespace_,
                  const char *name, const char *common_name, struct arena *arena, const char **out_path,
                  struct error *err);
