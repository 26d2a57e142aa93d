/* Certificate signing requests (RFC 2986). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct arena;
struct error;
struct key;

struct csr_subject { /* NULL members are left out; never an organisational unit (BR 7.1.4.2.2) */
    const char *common_name, *organization, *locality, *region, *country;
};

struct csr_info {
    const char *common_name;      /* "" if none */
    struct string_list dns_names; /* subjectAltName, lower case; the common name only if listed there */
    const char *spki_sha256;      /* hex */
    const char *der_sha256;       /* hex, lower */
    const char *der_md5;          /* hex, lower; Sectigo's request token */
    const char *algorithm;        /* "RSA" or "ECDSA" */
    int key_size;
};

/* PEM with LF, in the arena. SANs are `names`. Fails: MANIFEST (part of the subject is too long), INTERNAL. */
char *csr_create(const struct key *key, const struct csr_subject *subject, const struct string_list *names,
                 struct arena *arena, struct error *err);
/* Check the signature and read it: one request, a key that public issuers sign for, host names only.
 * Fails: MANIFEST. */
bool csr_parse(const char *pem, struct arena *arena, struct csr_info *out, struct error *err);
