/* A DNSAccount tried out, through the operations that a certificate is proven by, so that every kind of
 * account can be: what can be read, and, if asked for, a probe record made, seen at every authoritative
 * server, taken away and seen gone. Each step is a check. The probe stands in the journal before it is made.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controller/check.h"
#include "reconcilers/context.h"
#include "schema/resource.h"

struct journal;

struct trial {
    struct check_list *list;
    struct context *ctx;
    const char *about; /* heading of its checks */
    const struct resource *account;
    const char *zone;
    struct journal *journal;          /* NULL: nothing is written */
    int64_t patience_s;               /* for a record to be seen, and to be seen gone */
    const volatile bool *interrupted; /* set by a signal: take away, then end */
};
/* Credentials, zone, delegation, reading. True when a write is worth trying. */
bool trial_read(const struct trial *trial);
/* True when the probe went all the way. What was made is taken away, whatever fails. */
bool trial_write(const struct trial *trial);
/* Whether the name servers of a name are all there and answer for it themselves. */
void trial_delegation(struct check_list *list, struct context *ctx, const char *about, const char *name,
                      const char *zone);
/* Milliseconds of the kernel's clock, which no test turns; for measuring. */
int64_t trial_clock_ms(void);
