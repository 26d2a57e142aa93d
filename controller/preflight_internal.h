/* What the files of the preflight share. */
#pragma once

#include "controller/preflight.h"

struct flight_zone {
    const struct resource *account;
    const char *zone;
};
struct flight {
    const struct preflight *options;
    struct arena *arena;
    struct string_list done; /* "dnssec example.com": what was looked into for another certificate already */
    struct flight_zone *zones; /* of DNS accounts, to be tried once each */
    size_t zone_count;
};

/* Add one check; texts in the arena. `cure` NULL: none. */
void flight_add(struct flight *flight, const char *about, const char *name, const char *subject,
                enum check_outcome outcome, const char *cause, const char *cure);
void flight_add_failure(struct flight *flight, const char *about, const char *name, const char *subject,
                        const struct error *err, const char *cure);
/* False the second time. */
bool flight_first(struct flight *flight, const char *what);

/* preflight_issuer.c: credentials, clock and balance of the account; `views` are the certificates that are
 * asked about. */
void flight_issuer(struct flight *flight, const struct resource *issuer,
                   struct certificate_view *const *views, size_t count);
/* preflight_names.c: what the world shows of the names. */
void flight_names(struct flight *flight, const struct certificate_view *view);
