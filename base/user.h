/* Users and groups of this host, by name (passwd(5), group(5), or wherever nsswitch.conf(5) says). */
#pragma once

#include <stdbool.h>

struct arena;
struct error;
struct group;
struct passwd;

/* *out is NULL when there is no such user, and else lives as long as the arena. Fails: SYSTEM. */
bool user_named(struct arena *arena, const char *name, const struct passwd **out, struct error *err);
/* As user_named, for groups; one with very many members too. */
bool group_named(struct arena *arena, const char *name, const struct group **out, struct error *err);
