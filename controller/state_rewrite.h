/* A store file written anew, record by record: under another sealing key and a new key of its own, and in the present schema
 * (reliability.md 7.8, 9.3). The old file stays as it is until the new one, walked and synced, takes its name. */
#pragma once

#include <stdbool.h>

struct error;
struct keyring;
struct seal;

/* `former` NULL: the sealing key stays; else the id of the key that goes, which is recorded in the store.
 * `to` must not be there. Fails: STATE. */
bool state_rewrite(const char *from, const struct keyring *ring, const struct seal *sealing_key, const char *former,
                   const char *to, struct error *err);
