/* A resource: kind, namespace, name, labels, and the decoded spec of its kind. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

struct arena;
struct certificate;
struct contact;
struct deploy_target;
struct dns_account;
struct issuer;
struct organization;
struct yaml_node;

enum resource_kind {
    KIND_CERTIFICATE,
    KIND_ISSUER,
    KIND_DNS_ACCOUNT,
    KIND_DEPLOY_TARGET,
    KIND_ORGANIZATION,
    KIND_CONTACT,
    KIND_COUNT, /* kinds that users write end here */
};

struct label {
    const char *name, *value;
};
struct label_list {
    struct label *items;
    size_t count;
};

/* Names another resource of the same namespace; `name` NULL: not given. */
struct reference {
    const char *name;
    struct position position;
};
struct reference_list {
    struct reference *items;
    size_t count;
};
/* <secretsDir>/<name>/<key>; `name` NULL: not given. */
struct secret_ref {
    const char *name, *key;
    struct position position;
};

struct resource {
    enum resource_kind kind;
    const char *namespace_; /* "default" unless given */
    const char *name;
    struct label_list labels, annotations;
    struct position position;  /* of the document's `kind:` */
    unsigned char digest[32];  /* of labels and canonical spec: equal for cosmetic edits */
    const struct yaml_node *document;  /* as it was written; NULL: the store gave this resource */
    const struct yaml_node *spec_node; /* `spec` as it was written, for the places of its fields (manifest_position);
                                          NULL: the store gave this resource, or it has no spec */
    union {
        const struct certificate *certificate;
        const struct issuer *issuer;
        const struct dns_account *dns_account;
        const struct deploy_target *deploy_target;
        const struct organization *organization;
        const struct contact *contact;
        const void *spec;
    };
};

/* "Certificate", "DNSAccount", …; the words of manifests. */
const char *resource_kind_name(enum resource_kind kind);
/* Any spelling people type: "certificate", "certificates", "cert", "DNSAccount", "dns". KIND_COUNT: none. */
enum resource_kind resource_kind_parse(const char *word);
/* The kind that was perhaps meant by a word that is none; KIND_COUNT: nothing is near enough. */
enum resource_kind resource_kind_near(const char *word);
/* "certificate/shop", or "certificate/team-a/shop" outside the namespace default. */
char *resource_id(struct arena *arena, enum resource_kind kind, const char *namespace_, const char *name);
const char *label_value(const struct label_list *labels, const char *name); /* NULL: absent */
/* All of `wanted` are in `labels`. An empty selector matches nothing. */
bool label_list_match(const struct label_list *wanted, const struct label_list *labels);
