/* What a certificate refers to, resolved; and the rules across objects, offline. */
#pragma once

#include "schema/certificate.h"
#include "schema/manifest.h"
#include "schema/operator.h"

/* Looks a resource up. Implemented by controller/desired (a whole tree) and by tests (a list). */
struct resource_lookup {
    const struct resource *(*find)(void *set, enum resource_kind kind, const char *namespace_, const char *name);
    /* All of a kind in a namespace, in name order, in the arena. */
    struct resource_list (*list)(void *set, enum resource_kind kind, const char *namespace_, struct arena *arena);
    void *set;
};

/* Where a field stands, as "spec.dcv.overrides[0].method": the member's key, an item of a list itself; the nearest
 * field around it that is written when the field is not, and the resource when the store gave it. */
struct position manifest_position(const struct resource *resource, const char *path);

struct name_validation { /* how one name of a certificate is proven */
    const char *name; /* as in dns_names, wildcard included */
    enum dcv_method method;
    bool manual;
    const struct resource *dns_account; /* DNS, not manual: chosen by reference, else by longest zone, else by selector */
    const char *dns_reason; /* why that one: "named in the manifest"; NULL: not chosen */
    const struct resource *http_target; /* HTTP, HTTPS, not manual: the target whose domains match the name */
    const char *approver; /* Email */
};

struct certificate_references {
    const struct resource *issuer;
    const struct resource *organization, *admin_contact, *technical_contact; /* NULL: none named */
    const struct resource **targets; /* in the manifest's order, then selected ones by name */
    size_t target_count;
    struct name_validation *validations; /* one per name, in the order of dns_names */
    size_t validation_count;
    const struct resource **dns_accounts; /* all that the certificate may use: an alias may lead to a zone of any of them */
    size_t dns_account_count;
};

/* Resolve everything and check the rules that need more than one object or the catalogue: product against names,
 * wildcard, method, term, key; wildcard with file validation; approvers; organization for OV and EV; two certificates on
 * one target path are the caller's. Dates of rules are judged at `now`. Problems are appended with the place of the field
 * at fault; false when there was an error (then `out` may be partial). */
bool certificate_resolve(const struct resource *certificate, const struct resource_lookup *lookup,
                         const struct operator_config *config, int64_t now, struct arena *arena,
                         struct certificate_references *out, struct problem_list *problems);
