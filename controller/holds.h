/* Guards on many changes at once (decisions 8): what is held, the digest that names it, and its release. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "controller/model.h"

/* Twelve hex digits that a person types to release just these. */
const char *hold_digest(struct arena *arena, const char *kind, const struct string_list *subjects);
/* The certificates that want a first purchase and were not released one by one, if they are too many for one pass; else none, and
 * `out_digest` NULL. Fails: STATE. */
bool holds_purchases(struct model *model, struct arena *arena, struct string_list *out_ids, const char **out_digest,
                     struct error *err);
/* Whether so many manifests may not go at once: `gone` of `known` certificates, where `left` resources are left in the tree. */
bool removals_too_many(const struct operator_config *config, size_t gone, size_t known, size_t left);
/* The digest by which a person says that the clock is right, though the store has seen a later time; NULL: it has seen none. */
const char *clock_hold_digest(struct state *state, struct arena *arena);
/* Whether a person released this lately: a release does not serve for the same accident a month later. */
bool hold_released(struct state *state, const char *digest, struct arena *arena);
