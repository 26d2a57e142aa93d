/* A tree of nodes as bytes, to go from the process that read the YAML to the one that uses it. Whoever unpacks trusts the
 * bytes no more than the file: no limit is passed that the operator could have set, strings are checked, and the tree is judged by the
 * field tables like any other. */
#pragma once

#include <stdbool.h>

#include "base/text.h"

struct arena;
struct yaml_node;

void yaml_pack(const struct yaml_node *root, struct buffer *out); /* aliases are written out */
/* Strings stay where they are in `bytes`, which must outlive the nodes, as `file` must. NULL: it is no such tree. */
const struct yaml_node *yaml_unpack(struct span bytes, const char *file, struct arena *arena);
