/* Guards on many changes at once (decisions 8): what is held, the digest that names it, and its release. */
#pragma once

#include <stdbool.h>

#include "controller/model.h"

/* Twelve hex digits that a person types to release just these. */
const char *hold_digest(struct arena *arena, const char *kind, const struct string_list *subjects);
/* The certificates that want a first purchase and were not released one by one; `out_digest` NULL: few enough. Fails: STATE. */
bool holds_purchases(struct model *model, struct arena *arena, struct string_list *out_ids, const char **out_digest,
                     struct error *err);
