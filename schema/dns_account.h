/* DNSAccount: credentials for the zones in which challenge records are made. */
#pragma once

#include "base/dns.h"
#include "schema/resource.h"

enum dns_provider {
    DNS_PROVIDER_RFC2136,
    DNS_PROVIDER_MANUAL,
    DNS_PROVIDER_CLOUDFLARE,
    DNS_PROVIDER_ROUTE53,
    DNS_PROVIDER_AZURE_DNS,
    DNS_PROVIDER_GODADDY,
    DNS_PROVIDER_CLOUDNS,
    DNS_PROVIDER_EXEC,
    DNS_PROVIDER_WEBHOOK,
    DNS_PROVIDER_COUNT
};
enum route53_partition { ROUTE53_COMMERCIAL, ROUTE53_CHINA, ROUTE53_US_GOVERNMENT };
enum azure_environment { AZURE_PUBLIC, AZURE_CHINA, AZURE_US_GOVERNMENT };
enum godaddy_environment { GODADDY_PRODUCTION, GODADDY_OTE };
enum cname_strategy { CNAME_FOLLOW, CNAME_NONE }; /* of a TXT challenge's name that is an alias */
enum cloudns_auth { CLOUDNS_AUTH_ID, CLOUDNS_SUB_AUTH_ID, CLOUDNS_SUB_AUTH_USER };
/* The member of the union: "rfc2136", "cloudflare", … */
const char *dns_provider_word(enum dns_provider provider);

struct rfc2136_zone {
    const char *name; /* canonical */
    const char *nameserver; /* NULL: the account's */
    const char *tsig_key_name;
    int tsig_algorithm; /* enum dns_tsig_algorithm; -1: the account's */
    struct secret_ref tsig_secret_ref;
};

/* Requests to one account: at most `burst` in any stretch of burst / requests_per_second seconds. */
struct dns_limits {
    int requests_per_second, burst; /* 0: not given; in force: no limit */
};

struct dns_account {
    bool enabled; /* true unless given */
    struct string_list zones; /* canonical; empty: found by asking */
    enum cname_strategy cname_strategy;
    struct label_list selector; /* matchLabels: serves only certificates that have them all; empty: any */
    const char *credential_expires_at; /* RFC 3339; NULL: not told */
    struct dns_limits limits; /* as the manifest has it; dns_account_limits() gives those in force */
    enum dns_provider provider; /* which member of the union was given */
    struct {
        const char *nameserver; /* "192.0.2.53:53" */
        const char *tsig_key_name; /* NULL: unsigned (only with no secret either) */
        int tsig_algorithm; /* enum dns_tsig_algorithm; HMAC-SHA256 unless given */
        struct secret_ref tsig_secret_ref;
        struct rfc2136_zone *zones;
        size_t zone_count;
    } rfc2136;
    struct { /* the token, or e-mail and global key */
        struct secret_ref api_token_secret_ref;
        const char *email;
        struct secret_ref api_key_secret_ref;
    } cloudflare;
    struct {
        enum route53_partition partition;
        const char *access_key_id; /* or in a secret */
        struct secret_ref access_key_id_secret_ref, secret_access_key_secret_ref;
        struct secret_ref session_token_secret_ref; /* of temporary credentials; name NULL: none */
        const char *hosted_zone_id; /* NULL: found by asking */
    } route53;
    struct {
        enum azure_environment environment;
        const char *subscription_id, *tenant_id, *client_id, *resource_group_name;
        struct secret_ref client_secret_secret_ref;
    } azure_dns;
    struct {
        enum godaddy_environment environment;
        struct secret_ref api_key_secret_ref, api_secret_secret_ref;
    } godaddy;
    struct {
        enum cloudns_auth auth_id_type;
        const char *auth_id;
        struct secret_ref auth_password_secret_ref;
    } cloudns;
    struct {
        const char *program; /* of the operator's file */
        struct secret_ref credential_secret_ref; /* name NULL: none */
    } exec;
    struct {
        const char *endpoint; /* of the operator's file */
        struct secret_ref key_secret_ref;
    } webhook;
    struct {
        int64_t timeout_s;  /* 600 unless given */
        int64_t interval_s; /* 5 unless given */
        int64_t wait_s;     /* after making a record, before the first look; 0 unless given */
        struct string_list resolvers; /* asked once every authoritative server has the record */
    } propagation;
};

struct operator_config;
/* The limits in force: those of the operator's file for the service, else what the service is known to bear; a manifest may
 * only lower them. requests_per_second 0: none. */
struct dns_limits dns_account_limits(const struct operator_config *config, const struct dns_account *account);
/* What the service is known to bear; requests_per_second 0: nothing is limited. */
struct dns_limits dns_provider_limits(enum dns_provider provider);
/* Unix seconds at which the credential ends, as the manifest says; 0: it does not. */
int64_t dns_account_credential_end(const struct dns_account *account);
/* The longest zone that the account is said to have and that holds the name; NULL: none. */
const char *dns_account_zone(const struct dns_account *account, const char *name);
