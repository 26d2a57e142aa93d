/* Look at what a TLS endpoint really serves. */
#pragma once

#include <stdbool.h>

#include "base/text.h"

struct arena;
struct error;

struct tls_served {
    const char *fingerprint; /* of the leaf, SHA-256, hex */
    const char *leaf;        /* PEM */
    const char *chain;       /* PEM of what else was sent, in the order sent */
};
/* Connect to a numeric address and port, name `server_name` (SNI), take what is offered without judging it.
 * Fails: UNREACHABLE, MALFORMED (no TLS there). */
bool tls_probe(const char *address, int port, const char *server_name, int timeout_ms, struct arena *arena,
               struct tls_served *out, struct error *err);
