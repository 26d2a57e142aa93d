/* Issuer: an account at a vendor. */
#pragma once

#include "schema/resource.h"

enum csr_encoding { CSR_PEM, CSR_ONE_LINE, CSR_URL_ENCODED };

struct issuer {
    bool enabled; /* true unless given */
    struct {
        const char *environment; /* "Live", "EU", "Sandbox", or a name from the operator's endpoints; "Live" unless given */
        const char *partner_code;
        struct secret_ref auth_token_secret_ref;
        enum csr_encoding csr_encoding;
    } sslstore;
    struct {
        int orders_per_day; /* 0: no ceiling of its own */
        int concurrency;    /* 0: the operator's */
    } limits;
};
