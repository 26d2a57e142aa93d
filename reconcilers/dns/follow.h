/* Where a challenge's name leads: an alias (CNAME) may hand it to a zone of somebody else, who writes the TXT
 * there (dns-providers.md 8.2). Asked at the authoritative servers only, at each step those of the name
 * reached: a resolver would remember that there is no TXT yet. */
#pragma once

#include <stdbool.h>

#include "base/text.h"
#include "reconcilers/context.h"

struct error;
struct propagation_world;

enum { FOLLOW_STEPS = 8 };

/* The name at the end of the aliases that begin at `name`; `name` itself when there is none, or when its
 * servers cannot be asked. What a wildcard makes up is no alias: it ends once a record stands at the name.
 * Fails: REFUSED (a loop, too many steps, a name that cannot be written), UNREACHABLE (the servers further
 * on). */
bool dns_follow(struct context *ctx, const char *name, const char **out_name, struct error *err);
/* The same with resolvers of the caller's choosing (tests). */
bool dns_follow_by(struct context *ctx, const struct propagation_world *world, const char *name,
                   const char **out_name, struct error *err);
