/* The operator's file (kind ControllerConfig): places, endpoints, programs, ceilings. Decoded by a field table like a
 * manifest; everything has a default. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

struct arena;
struct field_table;
struct problem_list;

enum spending_period { PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIOD_QUARTER, PERIOD_YEAR };
enum unknown_order_policy { UNKNOWN_ORDER_HOLD, UNKNOWN_ORDER_RESUBMIT };

struct spending {
    const char *issuer; /* name of the Issuer resource; NULL: every issuer */
    enum spending_period period;
    int orders;            /* -1: no ceiling on the number */
    int64_t amount_cents;  /* -1: no ceiling on the money */
    const char *currency;  /* "USD" */
};
struct deploy_root {
    const char *name, *path;
    struct string_list owners, groups; /* that targets may name besides the root's own */
};
struct reload_profile {
    const char *name;
    struct string_list check, reload; /* argument vectors; check may be empty */
    const char *user, *directory;     /* NULL: as we are; "/" */
    int64_t timeout_s;                /* 30 unless given */
};
/* A program or a webhook that makes DNS records for accounts of type exec and webhook. */
struct dns_helper {
    const char *name;
    struct string_list run;       /* of a program: the argument vector */
    const char *user, *directory; /* of a program: NULL: as we are; "/" */
    const char *url, *ca, *proxy; /* of a webhook */
    int64_t timeout_s;            /* 30 unless given */
    struct string_list zones, namespaces; /* it may be used for and by; empty: any */
};
struct endpoint {
    const char *name, *url, *ca, *proxy;
    bool sandbox; /* costs no money */
};
struct name_pair { /* entries of `resolve` and `nameservers` */
    const char *name, *value;
};
struct dns_service_limits { /* of each account at that service */
    const char *service; /* the member of DNSAccount: "route53" */
    int requests_per_second, burst; /* burst 0: as many as the rate */
};
struct namespace_rule {
    const char *name;
    struct string_list issuers, dns_accounts, roots, domains;
};

enum confinement_policy { CONFINEMENT_REQUIRED, CONFINEMENT_OPTIONAL };

struct manifest_limits { /* reliability.md 8.1: never lower than by default */
    int file_kib, total_mib, files, documents, values, depth, value_kib, key_bytes, alias_values, alias_factor, memory_mib;
    int64_t cpu_s;
};
#define MANIFEST_LIMITS_DEFAULT {256, 512, 100000, 100, 20000, 32, 16, 128, 20000, 10, 256, 10}

struct operator_config {
    const char *path; /* of the file; NULL: none was found */
    const char *manifests_directory, *state_directory, *sealing_key_file, *secrets_directory, *audit_directory;
    const char *backup_directory;
    int64_t settle_ms, rescan_s;
    struct spending *spending;
    size_t spending_count;
    int workers, orders_per_pass, removal_count, removal_percent, requests_per_second, account_concurrency;
    struct manifest_limits manifest_limits;
    struct dns_service_limits *dns_limits;
    size_t dns_limit_count;
    struct deploy_root *roots;
    size_t root_count;
    struct reload_profile *profiles;
    size_t profile_count;
    struct dns_helper *dns_programs, *dns_webhooks;
    size_t dns_program_count, dns_webhook_count;
    struct endpoint *endpoints;
    size_t endpoint_count;
    struct name_pair *resolve; /* "shop.example.test:80" -> "127.0.0.1:8080" */
    size_t resolve_count;
    struct name_pair *nameservers; /* zone -> "127.0.0.1:5300" */
    size_t nameserver_count;
    struct string_list allow_addresses, trust_roots;
    struct namespace_rule *namespaces;
    size_t namespace_count;
    enum unknown_order_policy on_unknown_order;
    enum confinement_policy confinement;
    enum log_format log_format;
    enum log_level log_level;
    const char *clock_file;
};

/* Read the file at `path`; NULL: the first that exists of the default places (root: /etc/certwright/certwright.yaml;
 * others: $XDG_CONFIG_HOME/certwright/certwright.yaml), and with none of them the defaults. Checks owner and rights
 * (decisions 13) and that `clock` stands beside no vendor's own endpoint. Relative paths are relative to the file's
 * folder. Problems are appended; false when there was an error. */
bool operator_load(const char *path, struct arena *arena, struct operator_config *out, struct problem_list *problems);
const struct deploy_root *operator_root(const struct operator_config *config, const char *name);
const struct reload_profile *operator_profile(const struct operator_config *config, const char *name);
/* The program or webhook of that name, if accounts of that namespace may use it; NULL: they may not, or none. */
const struct dns_helper *operator_dns_program(const struct operator_config *config, const char *name,
                                              const char *namespace_);
const struct dns_helper *operator_dns_webhook(const struct operator_config *config, const char *name,
                                              const char *namespace_);
/* Live, EU and Sandbox are always there; NULL: unknown. */
const struct endpoint *operator_endpoint(const struct operator_config *config, const char *environment);
/* Whether this is one of the vendor's own three (decisions 17). */
bool operator_endpoint_is_vendors(const struct endpoint *endpoint);
/* Over what decides whether a certificate resolves and fits its order: another file may settle otherwise what is at rest. What a
 * host is told besides (limits, `spending`, addresses, log) is not in it. */
void operator_digest(const struct operator_config *config, unsigned char out[32]);
/* For `explain operator` and the documentation. */
extern const struct field_table operator_table;
