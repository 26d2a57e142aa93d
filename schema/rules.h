/* Industry rules with their dates, from a data file compiled in (schema/data/rules.*). No date of a rule stands in code. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "schema/catalogue.h"

struct validity_rule {
    int64_t from;        /* Unix seconds, inclusive */
    int max_days;        /* of a certificate */
    int advised_days;
    int dcv_reuse_days;
    const char *source;  /* "SC-081v3" */
};
const struct validity_rule *rules_validity(int64_t at);
/* One dated rule by its word, as "email-constructed-forbidden", "whois-email-forbidden", "sha1-forbidden"; NULL: no
 * such rule. */
struct dated_rule {
    const char *word;
    int64_t from;
    const char *text;   /* "constructed e-mail addresses are no longer accepted" */
    const char *source; /* "BR 3.2.2.4.4, SC-090" */
};
const struct dated_rule *rules_dated(const char *word);
const struct dated_rule *rules_dated_at(unsigned index); /* NULL past the end */
/* By which names a CAA record may mean the CA of a family (RFC 8659, section 4.2). */
const struct string_list *rules_caa_identities(enum brand_family family);
const char *rules_version(void); /* "2026-11-22" */
