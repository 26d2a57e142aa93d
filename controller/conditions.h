/* The conditions of a certificate (product.md 5.2), derived from its view and the step decided upon. Pure:
 * nothing is stored for them; times come from the records. */
#pragma once

#include <stdint.h>

#include "reconcilers/certificate/view.h"

struct arena;

enum condition_type {
    CONDITION_READY,             /* issued as the manifest says, and served wherever it should be */
    CONDITION_ISSUING,           /* an order is open */
    CONDITION_RECONCILING,       /* a step is under way or due */
    CONDITION_STALLED,           /* without help it does not go on */
    CONDITION_ORDERED,
    CONDITION_VALIDATED,
    CONDITION_ISSUED,
    CONDITION_DEPLOYED,          /* lies on every target */
    CONDITION_SERVED,            /* every probe saw it */
    CONDITION_BLOCKED,
    CONDITION_AWAITING_APPROVAL, /* a person at the CA's side: approval mail, vetting */
    CONDITION_EXPIRING,          /* its replacement is due */
    CONDITION_COUNT
};
enum condition_status { CONDITION_UNKNOWN, CONDITION_FALSE, CONDITION_TRUE };

struct condition {
    enum condition_status status;
    const char *reason, *message; /* one word; one sentence */
    int64_t since;                /* last transition; 0: the records do not tell */
};

void conditions_derive(const struct certificate_view *view, const struct step *step, struct arena *arena,
                       struct condition out[CONDITION_COUNT]);
const char *condition_type_name(enum condition_type type);       /* "Ready" */
const char *condition_status_name(enum condition_status status); /* "True", "False", "Unknown" */
