/* An order as one line of JSON, for the journal in the folder. */
#pragma once

#include "sandbox/sandbox.h"

char *order_encode(const struct order *order); /* free it */
/* Strings go into the arena. False when it is no order. */
bool order_decode(struct arena *arena, const cJSON *in, struct order *out);
