/* Where a record of a challenge belongs: at its own name, or where that leads as an alias; in which zone; and
 * which account writes there. */
#pragma once

#include "reconcilers/certificate/view.h"
#include "reconcilers/context.h"

struct dns_challenge;
struct error;
struct name_validation;

struct placement {
    const struct resource *account;
    const char *name, *zone;
    bool led; /* the name is an alias: `name` is where it leads */
};
/* `own`: the account that the ordered name is proven by. An alias is followed for a TXT only: a CNAME is
 * itself what the CA looks for. For the name it leads to, the account with the longest zone counts, then
 * `own`, then those that name no zones and say that they hold it. Fails: NOT_FOUND (nobody holds it),
 * MANIFEST (several do), and as the account's zone_of() and dns_follow(). */
bool placement_find(struct context *ctx, const struct certificate_view *view, const struct resource *own,
                    const struct dns_challenge *challenge, struct placement *out, struct error *err);
/* The same before the vendor has named the record, for a name proven by a DNS account: Sectigo will want a
 * CNAME at a name below it, the DigiCert family a TXT, usually at `_dnsauth.<name>`. Of `view`, `want`, `refs`
 * and `product` are looked at. */
bool placement_foresee(struct context *ctx, const struct certificate_view *view,
                       const struct name_validation *validation, struct placement *out, struct error *err);
/* The account of that name among those the certificate may use; NULL: none. */
const struct resource *placement_account(const struct certificate_view *view, const char *name);
