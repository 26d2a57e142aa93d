/* What the sandbox does with OpenSSL: reading requests for certificates, and being an authority. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct arena;
struct error;
struct order;

struct csr_facts {
    const char *pem;    /* as we keep it */
    const char *sha256; /* of the DER, hex, lower case (section 11.2) */
    const char *md5, *sha1;
    const char *common_name;                                              /* lower case; "" if none */
    const char *country, *state, *locality, *organization, *unit, *email; /* "" if none */
    struct string_list dns_names;
    const char *signature; /* the algorithm's name */
    bool bad_extensions;   /* asks to be an authority */
};
/* Raw PEM, PEM on one line, or percent-encoded PEM (section 4, 10). Gives false with the vendor's words. */
bool csr_facts_read(const char *text, struct arena *arena, struct csr_facts *out, const char **out_problem);

void random_fill(void *out, size_t length);
const char *random_hex(struct arena *arena, size_t bytes);
const char *random_word(struct arena *arena, size_t length); /* lower-case letters and digits */

/* A root and an intermediate, and beside them the authority of the API's own TLS certificate. */
struct authority;
/* Made on first use, kept in the folder: root.pem, intermediate.pem, api-ca.pem, their keys, tls.pem,
 * tls-key.pem. */
struct authority *authority_open(int directory_fd, const char *directory, bool rsa, struct error *err);
void authority_close(struct authority *authority);
const char *authority_intermediate(const struct authority *authority); /* PEM */
const char *authority_root(const struct authority *authority);

enum leaf_fault {
    LEAF_GOOD,
    LEAF_OTHER_KEY,
    LEAF_OTHER_NAMES,
    LEAF_EXPIRED,
    LEAF_SELF_SIGNED,
    LEAF_CLIENT_ONLY
};
struct leaf {
    const char *pem, *serial; /* serial: hex, upper case */
    int64_t not_before, not_after;
};
/* The certificate of an order from `start`, as long as the rules of that day and the subscription allow. */
bool authority_issue(struct authority *authority, const struct order *order, int64_t start,
                     enum leaf_fault fault, struct arena *arena, struct leaf *out, struct error *err);
/* A request signed by a key that is thrown away: for orders that were always there. */
const char *authority_old_csr(struct authority *authority, const char *name, struct arena *arena);
/* The leaf and what is above it as PKCS#7 in PEM. */
const char *authority_pkcs7(const struct authority *authority, const char *leaf_pem, struct arena *arena);
