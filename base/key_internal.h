/* What key.c, csr.c and x509.c share about OpenSSL's keys and words. Included by those only. */
#pragma once

#include <stdbool.h>

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/arena.h"

struct error;
struct key;

EVP_PKEY *key_handle(const struct key *key); /* lent */
/* Whether a public issuer signs for such a key: RSA 2048 to 8192, P-256, P-384. `what` names it in the
 * sentence. Fails: MANIFEST. */
bool key_judge(EVP_PKEY *pkey, const char *what, struct error *err);
/* "RSA", "ECDSA" (the curves that issuers sign for), else the name of the curve or algorithm. */
const char *key_algorithm_word(EVP_PKEY *pkey, struct arena *arena);
char *key_hash_spki(const X509_PUBKEY *spki, struct arena *arena); /* of the bytes as they stand there */
/* OpenSSL's words for what failed last in this thread; empties its queue. Lives for ever. */
const char *openssl_reason(void);

static inline void evp_pkey_release(EVP_PKEY **pkey) { EVP_PKEY_free(*pkey); }
static inline void bio_release(BIO **bio) { BIO_free_all(*bio); }
