/* What a CA, the vendor and our own accounts will say, looked into before money depends on it: nothing is
 * decided here and nothing changed, unless a journal is given for probes. Each answer is yes, no or unknown.
 */
#pragma once

#include <stdbool.h>

#include "controller/check.h"
#include "controller/model.h"
#include "controller/plan.h"
#include "reconcilers/context.h"

struct journal;

struct preflight {
    struct check_list *list;
    struct context *ctx;
    struct model *model;
    plan_filter *filter; /* which certificates; NULL: all */
    void *filter_arg;
    bool account_details;    /* ask the vendor for the balance (a plan does not) */
    struct journal *journal; /* NULL: nothing is written anywhere */
    int64_t patience_s;
    const volatile bool *interrupted; /* NULL: nobody interrupts */
};
/* Adds the checks to the list: issuers, certificates, DNS accounts. `out_certificates`: how many were looked
 * into. Fails: STATE. */
bool preflight_run(const struct preflight *preflight, size_t *out_certificates, struct error *err);
