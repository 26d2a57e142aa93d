/* Certificates: reading what a vendor delivers, building the chain, and the questions a deployment asks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct arena;
struct error;

struct x509_info {
    const char *subject_cn, *issuer_cn;
    const char *serial; /* hex, lower, no leading zeros */
    const char *fingerprint; /* SHA-256 of the DER, hex, lower */
    const char *spki_sha256;
    struct string_list dns_names; /* lower case */
    struct string_list other_names; /* of other kinds, fit to show: "IP Address:192.0.2.1" */
    int64_t not_before, not_after;
    bool is_ca;
    bool server_auth; /* allowed for TLS servers */
    const char *algorithm; /* of the key: "RSA", "ECDSA" */
    int key_size;
};

struct x509_bundle {        /* everything PEM */
    const char *leaf;       /* the certificate itself */
    const char *chain;      /* the intermediates, in order, without the root; "" if none */
    const char *fullchain;  /* leaf, then chain */
    struct x509_info info;  /* of the leaf */
    size_t chain_count;
};

/* Sort what came: any number of PEM texts, each with any number of CERTIFICATE or PKCS7 blocks. The leaf is the one
 * whose public key is `spki_sha256` and which is no CA; the chain follows issuer and signature; roots and
 * strangers are dropped. Fails: NOT_FOUND (no certificate of that key: perhaps the former one is still delivered),
 * MALFORMED (not PEM, private key material inside, more than 10 certificates). */
bool x509_assemble(const struct span *texts, size_t count, const char *spki_sha256, struct arena *arena,
                   struct x509_bundle *out, struct error *err);
/* Read one PEM certificate (the first). Fails: MALFORMED. */
bool x509_parse(const char *pem, struct arena *arena, struct x509_info *out, struct error *err);
/* Verify leaf and chain at time `at` against the system's roots and the PEM texts `more_roots` for TLS server use.
 * Fails: REFUSED with OpenSSL's reason and the certificate it is about. */
bool x509_verify(const char *leaf, const char *chain, const struct string_list *more_roots, int64_t at,
                 struct error *err);
/* Whether the certificate is for `name` (RFC 6125 as X509_check_host has it). */
bool x509_covers(const struct x509_info *info, const char *name);
