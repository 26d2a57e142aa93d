/* All that a reconciler may use: one per worker thread. */
#pragma once

struct arena;
struct dns_turns;
struct http_client;
struct operator_config;

struct context {
    struct arena *arena; /* of this step; gone when it returns */
    const struct operator_config *config;
    struct http_client *http;
    struct dns_turns *turns; /* of the DNS account that this step asks (dns/turns.h); NULL: as often as it likes */
    long long vendor_ahead_s; /* the vendor's clock against this host's, by the last answer; 0: about equal or not said */
};
