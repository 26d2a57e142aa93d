/* Acceptance: what must hold for a certificate before a revision of it exists (reliability.md 6.1). What the
 * vendor delivers is judged here against what was ordered; nobody else's word counts. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct arena;
struct error;
struct x509_bundle;

struct acceptance { /* what was ordered, and what is known besides */
    const char *key_id;          /* SHA-256 of the SubjectPublicKeyInfo of our key, hex */
    const char *common_name;     /* canonical; NULL: the first name */
    struct string_list names;    /* canonical, all that were ordered, in any order */
    bool www_allowed;            /* the product adds the www twin of the common name: with it or without */
    bool base_allowed;           /* the product adds the bare domain of a wildcard common name */
    int64_t now;                 /* Unix seconds, clock_now() */
    int64_t served_not_after;    /* end of the certificate that is served now; 0: none */
    struct string_list trust_roots;     /* PEM texts besides the system's roots */
    struct string_list revoked_serials; /* hex, case and leading zeros ignored */
};

/* True when every check holds. Fails: REFUSED with the word of the first that does not, and the facts. */
bool certificate_accept(const struct x509_bundle *bundle, const struct acceptance *rules, struct arena *arena,
                        struct error *err);
/* The words of the checks in their order, for documents and tests; NULL past the end. */
const char *certificate_accept_check(size_t index);
