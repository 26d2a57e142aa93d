/* Shared by reference.c (who is meant) and validation.c (how each name is proven); nobody else includes it. */
#pragma once

#include "schema/certificate_rules.h"
#include "schema/reference.h"

struct resolving {
    struct certificate_check check;
    const struct resource *resource;
    const struct certificate *certificate;
    const struct resource_lookup *lookup;
    const struct operator_config *config;
    struct arena *arena;
    struct certificate_references *out;
};

struct found_list {
    const struct resource **items;
    size_t count;
};

/* The resource if this certificate may use it: of its own namespace, or of `default` when opened to it by name. */
const struct resource *reference_find(const struct resolving *r, enum resource_kind kind, const char *name);
/* All of a kind that it may use. */
struct found_list reference_visible(const struct resolving *r, enum resource_kind kind);
char *reference_names(const struct resolving *r, const struct found_list *list); /* "one, two" */
/* What a reference names; NULL when it names nothing, or nothing that may be used, which is said. */
const struct resource *reference_by_name(struct resolving *r, enum resource_kind kind,
                                         const struct reference *reference, const char *path);
struct position reference_place(const struct resolving *r, const struct reference *reference, const char *path);
bool reference_root_open(const struct resolving *r, const char *name);
/* What only the operator's file can give. */
enum place { PLACE_ROOT, PLACE_PROFILE, PLACE_DNS_PROGRAM, PLACE_DNS_WEBHOOK };
/* Say that the operator's file lacks it, unless it is `known`; without that file nothing can be said for sure. */
void reference_check_place(struct resolving *r, const struct resource *resource, enum place what, const char *name,
                           bool known, const char *path);
/* validation.c: r->out->validations. */
void reference_resolve_validations(struct resolving *r);
