/* Whether the signatures on a name's zone hold, as far as a validating resolver tells: a CA treats a bogus
 * zone as a refusal (rule "dnssec-validated"). Nothing is validated here. */
#pragma once

#include "reconcilers/context.h"
#include "reconcilers/dns/propagation.h"

enum dnssec_verdict {
    DNSSEC_FINE,  /* the signatures hold, or there is nothing signed */
    DNSSEC_BOGUS, /* they do not: answered only when the check is left out */
    DNSSEC_UNKNOWN
};
struct dnssec_answer {
    enum dnssec_verdict verdict;
    const char *words;
};
void dnssec_check(struct context *ctx, const struct propagation_world *world, const char *name,
                  struct dnssec_answer *out);
