/* Domain names: to A-labels (libidn2), registrable domain (libpsl). */
#pragma once

#include <stdbool.h>

struct arena;

/* Canonical form: lower case, A-labels, no trailing dot, "*." kept; NULL with `*out_reason` (a sentence) when it is no
 * host name: empty or long labels, other characters than letters, digits, hyphen, a bare public suffix is allowed here. */
const char *name_canonical(struct arena *arena, const char *text, const char **out_reason);
/* A domain such as a zone: like name_canonical, but labels may begin with an underscore and no "*." */
const char *zone_canonical(struct arena *arena, const char *text, const char **out_reason);
const char *name_registrable(struct arena *arena, const char *name); /* "a.b.example.co.uk" -> "example.co.uk"; NULL */
bool name_is_wildcard(const char *name);
const char *name_without_wildcard(const char *name); /* skips "*." */
bool name_is_public_suffix(const char *name);
