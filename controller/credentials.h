/* DNS accounts whose credential has ended or soon ends, among the manifests: for status, plan, and the
 * engine's warnings. */
#pragma once

#include <stddef.h>

#include "controller/desired.h"
#include "reconcilers/dns/credential.h"

struct credential_note {
    const char *id; /* "dnsaccount/corp" */
    const char *namespace_, *name;
    struct credential credential;
};
struct credential_notes {
    struct credential_note *items;
    size_t count;
    int64_t next; /* when the next stage of any account begins; 0: never */
};
/* Of enabled accounts, in name order; in the arena. */
struct credential_notes credentials_ending(struct desired *desired, int64_t now, struct arena *arena);
