/* What certwright made outside to prove a name, or to try an account, and that nothing needs any more. A
 * thing is provably ours when the journal names it (written before it was made) and what stands there is
 * equal to what the journal says. This module tells what the journal says; whether it still stands there is
 * looked at by whoever asks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/record.h"

struct arena;
struct desired;
struct error;
struct state;

struct stray {
    const char *key;      /* "challenge/<ns>/<name>/<cycle>/<domain>", "leftover/<ns>/<digest>" */
    const char *owner;    /* "certificate/shop"; "" for a probe */
    const char *why_ours; /* what the journal has of it */
    const char *why_needless;
    struct leftover_record what; /* where it was made, and what */
};
/* All of them, in the order of their keys. Fails: STATE. */
bool stray_list(struct state *state, struct arena *arena, struct stray **out, size_t *out_count,
                struct error *err);
/* One by its key. Fails: NOT_FOUND (it is none any more: gone, or needed), STATE. */
bool stray_find(struct state *state, const char *key, struct arena *arena, struct stray *out,
                struct error *err);
/* Same place and same content, as DNS and files count it. */
bool stray_same(const struct leftover_record *a, const struct leftover_record *b);
