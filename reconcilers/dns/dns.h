/* What a DNS service must be able to do; one const table per provider. Worded as a state afterwards. */
#pragma once

#include <stdbool.h>

#include "base/dns.h"
#include "reconcilers/context.h"
#include "schema/dns_account.h"

struct error;
struct resource;

struct dns_challenge {
    const char *zone;   /* as zone_of gave it */
    const char *name;   /* owner, no trailing dot */
    const char *type;   /* "CNAME" or "TXT" */
    const char *value;
};
struct dns_provider_ops {
    const char *name;
    int requests; /* to the account, for making or removing a value when zone and token are known; 0: at most one */
    /* The zone of this account that holds `name`: longest match, checked by asking. Fails: NOT_FOUND, CREDENTIAL,
     * UNREACHABLE. */
    bool (*zone_of)(struct context *ctx, const struct resource *account, const char *name, const char **out_zone,
                    struct error *err);
    /* Our value is there afterwards, nothing else touched. Already there is success. Fails: CONFLICT (another CNAME, or
     * other types beside a CNAME, are there: not ours to remove), CREDENTIAL, REFUSED, UNREACHABLE, THROTTLED. */
    bool (*present)(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                    struct error *err);
    /* Exactly our value is gone afterwards. Already gone is success. */
    bool (*absent)(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                   struct error *err);
    /* The values now at that name and type, as the service itself says. */
    bool (*list)(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                 struct string_list *out, struct error *err);
    /* Whether the service says that it has brought our value to all its servers: one look, no waiting. True where it has
     * no means to say, or no longer knows of the change. NULL: it never says. Fails: as `list`. */
    bool (*applied)(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                    bool *out_applied, struct error *err);
    /* Credentials and zone are usable, without a write. */
    bool (*check)(struct context *ctx, const struct resource *account, const char *zone, struct error *err);
};
/* Indexed by enum dns_provider; the manual one has no table (NULL). */
const struct dns_provider_ops *dns_provider_ops(enum dns_provider provider);

/* Challenge values confined (reliability.md 8.5): owner inside an ordered name's zone, first label `_…` (a TXT may
 * stand at an ordered name itself), type CNAME or TXT, printable, at most 255 bytes. Fails: REFUSED. */
bool dns_challenge_confined(const struct dns_challenge *challenge, const struct string_list *ordered_names,
                            struct error *err);
