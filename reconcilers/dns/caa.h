/* Certification authority authorization (RFC 8659): whether the records in the DNS let a CA issue for a name.
 * Looking is apart from judging, which is pure. */
#pragma once

#include <stdbool.h>

#include "base/text.h"
#include "reconcilers/context.h"
#include "reconcilers/dns/propagation.h"

enum caa_verdict {
    CAA_ALLOWED,
    CAA_LIMITED, /* allowed, with parameters that may narrow it further (RFC 8657) */
    CAA_FORBIDDEN,
    CAA_UNKNOWN /* somebody did not answer, or it depends on what the CA understands */
};
struct caa_answer {
    enum caa_verdict verdict;
    const char *found_at; /* whose set counts; NULL: there is none up to the root, or it is not known */
    const char *words;    /* why, one sentence */
};

/* One set that is not empty, as base/dns.h writes it ("flags tag value"). `identities`: the names of the CA.
 */
void caa_judge(const struct string_list *set, bool wildcard, const struct string_list *identities,
               struct arena *arena, struct caa_answer *out);
/* The set for `name` ("*." in front: a wildcard) found by climbing its tree, aliases followed at each step,
 * and judged. `world` NULL: the system's resolvers. */
void caa_check(struct context *ctx, const struct propagation_world *world, const char *name,
               const struct string_list *identities, struct caa_answer *out);
