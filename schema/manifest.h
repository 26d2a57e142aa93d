/* From the bytes of a manifest file to resources, and back for `get -o yaml`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "schema/problem.h"
#include "schema/resource.h"

struct arena;
struct buffer;
struct field_table;
struct yaml_limits;
struct yaml_node;

struct resource_list {
    struct resource *items;
    size_t count;
};

/* Decode all documents of one file (YAML or JSON). `file` is how problems name it; it must outlive the resources.
 * Documents without an error are appended to `out`; each other document appends problems, and, as far as kind and name
 * could be read, an entry to `out_broken` (so that its last good form can be kept). True when no document had an error. */
bool manifest_decode(const char *file, const char *text, size_t length, struct arena *arena, struct resource_list *out,
                     struct resource_list *out_broken, struct problem_list *problems);
bool manifest_decode_within(const struct yaml_limits *limits, const char *file, const char *text, size_t length, struct arena *arena,
                            struct resource_list *out, struct resource_list *out_broken, struct problem_list *problems);
/* One document from its tree (yaml_unpack). False: it has errors, which are appended. */
bool manifest_decode_tree(const struct yaml_node *root, struct arena *arena, struct resource *out, struct problem_list *problems);
/* One resource from its canonical record (manifest_encode_json), judged as strictly as a file; no YAML is read.
 * `position`: where it is said to stand. False: it is no such record. */
bool manifest_decode_json(struct span json, struct position position, struct arena *arena, struct resource *out);
/* The table of a kind's spec. */
const struct field_table *manifest_spec_table(enum resource_kind kind);
/* Whole resource as canonical JSON text ({"apiVersion", "kind", "metadata", "spec"}). */
void manifest_encode_json(const struct resource *resource, int indent, struct buffer *out);
/* The same as YAML, everything quoted that is not clearly plain. */
void manifest_encode_yaml(const struct resource *resource, struct buffer *out);
/* JSON text to YAML text (of any object; used for records in `get -o yaml`). */
bool yaml_from_json(const char *json, size_t length, struct buffer *out);
#define MANIFEST_API_VERSION "certwright/v1alpha1"
