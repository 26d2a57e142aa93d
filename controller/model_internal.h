/* What the files of the model share. */
#pragma once

#include "controller/model.h"

/* One certificate beside the others: model_others.c. Each fills its part of the view. */
bool model_find_places(struct model *model, struct certificate_view *view, struct arena *arena, struct error *err); /* STATE */
bool model_find_duplicate(struct model *model, struct certificate_view *view, struct arena *arena, struct error *err); /* STATE */
void model_find_foreign(struct model *model, struct certificate_view *view, struct arena *arena);
/* "place/<hash of the path>": under it stands who publishes there. NULL: there is no such place. In the arena. */
char *model_place_key(const struct certificate_view *view, size_t rollout, struct arena *arena);
/* The issuer's; "" without one. */
const char *model_partner_code(const struct certificate_view *view);
void model_drop_claims(struct model *model);
