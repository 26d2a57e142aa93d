#include "schema/dns_account.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/names.h"
#include "schema/kinds.h"
#include "schema/operator.h"

static const char *const algorithm_words[] = {
    [TSIG_HMAC_MD5] = "HMACMD5",       [TSIG_HMAC_SHA1] = "HMACSHA1",     [TSIG_HMAC_SHA224] = "HMACSHA224",
    [TSIG_HMAC_SHA256] = "HMACSHA256", [TSIG_HMAC_SHA384] = "HMACSHA384", [TSIG_HMAC_SHA512] = "HMACSHA512",
    NULL,
};

/* Key names are compared as domain names (RFC 8945, section 4.2), but people put other signs into them. */
static const char *key_name(struct arena *arena, const char *text, const char **out_reason)
{
    size_t length = strlen(text);
    if (length > 1 && text[length - 1] == '.')
        length--;
    char *name = text_lower(arena, arena_strndup(arena, text, length));
    if (length > 253 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != length || name[0] == '.' ||
        strstr(name, "..") != NULL) {
        *out_reason = "a key name has letters, digits, hyphens, underscores and dots";
        return NULL;
    }
    return name;
}

/* "192.0.2.53", "192.0.2.53:53", "[2001:db8::1]:53", "2001:db8::1", "ns.example.com" */
static const char *server(struct arena *arena, const char *text, const char **out_reason)
{
    const char *ignored = NULL, *name;
    const char *colon = strchr(text, ':');
    if (text[0] == '[' || (colon != NULL && strrchr(text, ':') == colon))
        name = kind_host_port(arena, text, &ignored);
    else if (colon != NULL)
        name = strspn(text, "0123456789abcdefABCDEF:.") == strlen(text) ? text : NULL;
    else
        name = zone_canonical(arena, text, &ignored);
    if (name == NULL)
        *out_reason = "a DNS server is due, such as 192.0.2.53:53, [2001:db8::1]:53 or ns1.example.com";
    return name;
}

#define TSIG_KEY_NAME(member_at) \
    {.name = "tsigKeyName", .type = FIELD_STRING, member_at, .canonical = key_name, .example = "certwright.", \
     .doc = "Name of the TSIG key, as the server knows it."}
#define TSIG_SECRET(member_at) \
    {.name = "tsigSecretSecretRef", .type = FIELD_SECRET, member_at, \
     .doc = "Where the TSIG key lies, in base64 as named.conf has it."}

static const struct field zone_fields[] = {
    {.name = "name", .type = FIELD_STRING, AT(rfc2136_zone, name), .required = true, .canonical = zone_canonical,
     .example = "example.org", .doc = "The zone these settings are for."},
    {.name = "nameserver", .type = FIELD_STRING, AT(rfc2136_zone, nameserver), .canonical = server,
     .example = "192.0.2.54:53", .doc = "The server for this zone; the account's unless given."},
    TSIG_KEY_NAME(AT(rfc2136_zone, tsig_key_name)),
    {.name = "tsigAlgorithm", .type = FIELD_ENUM, AT(rfc2136_zone, tsig_algorithm), .words = algorithm_words,
     .absent = -1, .doc = "The algorithm of that key; the account's unless given."},
    TSIG_SECRET(AT(rfc2136_zone, tsig_secret_ref)),
};

static void check_tsig(const char *name, const struct secret_ref *secret, const struct field_scope *scope)
{
    if ((name != NULL) != (secret->name != NULL) && !scope->failed)
        field_problem(scope, name != NULL ? "tsigKeyName" : "tsigSecretSecretRef", SEVERITY_ERROR, "not-alone",
                      "needs %s beside it", name != NULL ? "tsigSecretSecretRef" : "tsigKeyName");
}
static void finish_zone(void *out, const struct field_scope *scope)
{
    struct rfc2136_zone *zone = out;
    check_tsig(zone->tsig_key_name, &zone->tsig_secret_ref, scope);
}
static const struct field_table zone_table = {
    .name = "zone", .doc = "Settings for one zone, where those of the account do not fit.",
    .size = sizeof(struct rfc2136_zone), FIELDS(zone_fields), .finish = finish_zone};

static const struct field rfc2136_fields[] = {
    {.name = "nameserver", .type = FIELD_STRING, AT(dns_account, rfc2136.nameserver), .required = true,
     .canonical = server, .example = "192.0.2.53:53", .doc = "The server that takes updates; port 53 unless given."},
    TSIG_KEY_NAME(AT(dns_account, rfc2136.tsig_key_name)),
    {.name = "tsigAlgorithm", .type = FIELD_ENUM, AT(dns_account, rfc2136.tsig_algorithm), .words = algorithm_words,
     .fallback = "HMACSHA256", .doc = "The algorithm of the key, as the server has it."},
    TSIG_SECRET(AT(dns_account, rfc2136.tsig_secret_ref)),
    {.name = "zones", .type = FIELD_OBJECTS, AT_LIST(dns_account, rfc2136.zones, rfc2136.zone_count), .set = true,
     .max = 250, .table = &zone_table, .doc = "Zones that have a server or a key of their own."},
};
static void finish_rfc2136(void *out, const struct field_scope *scope)
{
    struct dns_account *account = out;
    check_tsig(account->rfc2136.tsig_key_name, &account->rfc2136.tsig_secret_ref, scope);
    for (size_t i = 0; i < account->rfc2136.zone_count; i++)
        for (size_t k = 0; k < i; k++)
            if (text_equal(account->rfc2136.zones[i].name, account->rfc2136.zones[k].name))
                field_problem(scope, "zones", SEVERITY_ERROR, "twice", "names \"%s\" twice",
                              account->rfc2136.zones[i].name);
}
static const struct field_table rfc2136_table = {
    .name = "rfc2136", .doc = "A server that takes dynamic updates (RFC 2136), signed with TSIG: BIND, Knot, PowerDNS.",
    FIELDS(rfc2136_fields), .finish = finish_rfc2136};

static const struct field cloudflare_fields[] = {
    {.name = "apiTokenSecretRef", .type = FIELD_SECRET, AT(dns_account, cloudflare.api_token_secret_ref),
     NOT_WITH("email"),
     .doc = "Where an API token lies that may read zones and edit DNS (Zone/Zone/Read and Zone/DNS/Edit): the better way."},
    {.name = "email", .type = FIELD_STRING, AT(dns_account, cloudflare.email), .canonical = kind_email,
     .example = "dns@example.com", .doc = "The account's e-mail address, with the global key."},
    {.name = "apiKeySecretRef", .type = FIELD_SECRET, AT(dns_account, cloudflare.api_key_secret_ref),
     .doc = "Where the Global API Key lies, which may do everything in the account."},
};
static void finish_cloudflare(void *out, const struct field_scope *scope)
{
    struct dns_account *account = out;
    bool email = account->cloudflare.email != NULL, key = account->cloudflare.api_key_secret_ref.name != NULL;
    if (email != key && !scope->failed)
        field_problem(scope, email ? "email" : "apiKeySecretRef", SEVERITY_ERROR, "not-alone", "needs %s beside it",
                      email ? "apiKeySecretRef" : "email");
}
static const struct field_table cloudflare_table = {
    .name = "cloudflare", .doc = "Zones at Cloudflare, by an API token or by e-mail and global key.",
    FIELDS(cloudflare_fields), .one_of = WORDS("apiKeySecretRef", "apiTokenSecretRef"), .finish = finish_cloudflare};

static const char *const partition_words[] = {[ROUTE53_COMMERCIAL] = "Commercial", [ROUTE53_CHINA] = "China",
                                             [ROUTE53_US_GOVERNMENT] = "USGovernment", NULL};
static const struct field route53_fields[] = {
    {.name = "partition", .type = FIELD_ENUM, AT(dns_account, route53.partition), .words = partition_words,
     .fallback = "Commercial", .doc = "Which of Amazon's separate clouds the account is in."},
    {.name = "accessKeyID", .type = FIELD_STRING, AT(dns_account, route53.access_key_id), .pattern = "^[A-Z0-9]{16,128}$",
     .example = "AKIAIOSFODNN7EXAMPLE", .doc = "The access key's id."},
    {.name = "accessKeyIDSecretRef", .type = FIELD_SECRET, AT(dns_account, route53.access_key_id_secret_ref),
     .doc = "Where the access key's id lies, if not in the manifest."},
    {.name = "secretAccessKeySecretRef", .type = FIELD_SECRET, AT(dns_account, route53.secret_access_key_secret_ref),
     .required = true, .doc = "Where the secret access key lies."},
    {.name = "sessionTokenSecretRef", .type = FIELD_SECRET, AT(dns_account, route53.session_token_secret_ref),
     .doc = "Where the session token of temporary credentials lies."},
    {.name = "hostedZoneID", .type = FIELD_STRING, AT(dns_account, route53.hosted_zone_id), .pattern = "^[A-Z0-9]{1,32}$",
     .example = "Z3AADJGX6KTTL2",
     .doc = "The one hosted zone to use, without asking for the others; needed where one name has several public zones."},
};
static const struct field_table route53_table = {
    .name = "route53", .doc = "Public hosted zones of Amazon Route 53, by an access key.", FIELDS(route53_fields),
    .one_of = WORDS("accessKeyID", "accessKeyIDSecretRef")};

#define GUID_PATTERN "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
static const char *const azure_words[] = {[AZURE_PUBLIC] = "AzurePublicCloud", [AZURE_CHINA] = "AzureChinaCloud",
                                         [AZURE_US_GOVERNMENT] = "AzureUSGovernmentCloud", NULL};
static const struct field azure_fields[] = {
    {.name = "environment", .type = FIELD_ENUM, AT(dns_account, azure_dns.environment), .words = azure_words,
     .fallback = "AzurePublicCloud", .doc = "Which of Microsoft's separate clouds the subscription is in."},
    {.name = "subscriptionID", .type = FIELD_STRING, AT(dns_account, azure_dns.subscription_id), .required = true,
     .pattern = GUID_PATTERN, .example = "c2d01a0e-6b2d-4c3e-9d1b-0a1b2c3d4e5f", .doc = "The subscription that holds the zones."},
    {.name = "tenantID", .type = FIELD_STRING, AT(dns_account, azure_dns.tenant_id), .required = true,
     .pattern = "^[0-9a-zA-Z][0-9a-zA-Z.-]{2,252}$", .example = "8d1f4c5a-2b3c-4d5e-8f90-a1b2c3d4e5f6",
     .doc = "The directory (tenant): its id, or a verified domain of it."},
    {.name = "clientID", .type = FIELD_STRING, AT(dns_account, azure_dns.client_id), .required = true, .pattern = GUID_PATTERN,
     .example = "11112222-3333-4444-5555-666677778888", .doc = "The application (client) id of the app registration."},
    {.name = "clientSecretSecretRef", .type = FIELD_SECRET, AT(dns_account, azure_dns.client_secret_secret_ref), .required = true,
     .doc = "Where the value of the application's client secret lies (not the secret's id)."},
    {.name = "resourceGroupName", .type = FIELD_STRING, AT(dns_account, azure_dns.resource_group_name), .required = true,
     .pattern = "^[-A-Za-z0-9_().]{1,90}$", .example = "dns", .doc = "The resource group that holds the zones."},
};
static const struct field_table azure_table = {
    .name = "azureDNS", .doc = "Public zones of Azure DNS, by an app registration and its secret.", FIELDS(azure_fields)};

static const char *const godaddy_words[] = {[GODADDY_PRODUCTION] = "Production", [GODADDY_OTE] = "OTE", NULL};
static const struct field godaddy_fields[] = {
    {.name = "environment", .type = FIELD_ENUM, AT(dns_account, godaddy.environment), .words = godaddy_words,
     .fallback = "Production", .doc = "For which environment the key was made; OTE is GoDaddy's place for tests."},
    {.name = "apiKeySecretRef", .type = FIELD_SECRET, AT(dns_account, godaddy.api_key_secret_ref), .required = true,
     .doc = "Where the API key lies."},
    {.name = "apiSecretSecretRef", .type = FIELD_SECRET, AT(dns_account, godaddy.api_secret_secret_ref), .required = true,
     .doc = "Where the key's secret lies."},
};
static const struct field_table godaddy_table = {
    .name = "godaddy", .doc = "Domains at GoDaddy, by an API key and its secret.", FIELDS(godaddy_fields)};

static const char *const cloudns_words[] = {[CLOUDNS_AUTH_ID] = "AuthID", [CLOUDNS_SUB_AUTH_ID] = "SubAuthID",
                                           [CLOUDNS_SUB_AUTH_USER] = "SubAuthUser", NULL};
static const struct field cloudns_fields[] = {
    {.name = "authIDType", .type = FIELD_ENUM, AT(dns_account, cloudns.auth_id_type), .words = cloudns_words,
     .fallback = "AuthID", .doc = "What authID is: an API user, a sub-user by number, or a sub-user by name."},
    {.name = "authID", .type = FIELD_STRING, AT(dns_account, cloudns.auth_id), .required = true, .min = 1, .max = 100,
     .pattern = "^[A-Za-z0-9_.@-]+$", .example = "1234", .doc = "The number or name of the API user."},
    {.name = "authPasswordSecretRef", .type = FIELD_SECRET, AT(dns_account, cloudns.auth_password_secret_ref), .required = true,
     .doc = "Where the API user's password lies."},
};
static const struct field_table cloudns_table = {
    .name = "cloudns", .doc = "Master zones at ClouDNS, by an API user and its password.", FIELDS(cloudns_fields)};

#define HELPER_PATTERN "^[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$"
static const struct field exec_fields[] = {
    {.name = "program", .type = FIELD_STRING, AT(dns_account, exec.program), .required = true, .pattern = HELPER_PATTERN,
     .example = "corp-dns", .doc = "Name of a program in the operator's file (dns.programs)."},
    {.name = "credentialSecretRef", .type = FIELD_SECRET, AT(dns_account, exec.credential_secret_ref),
     .doc = "Where a credential lies that is handed to the program with each request."},
};
static const struct field_table exec_table = {
    .name = "exec", .doc = "Any service, driven by a program that the operator named.", FIELDS(exec_fields)};

static const struct field webhook_fields[] = {
    {.name = "endpoint", .type = FIELD_STRING, AT(dns_account, webhook.endpoint), .required = true,
     .pattern = HELPER_PATTERN, .example = "corp-dns", .doc = "Name of an address in the operator's file (dns.webhooks)."},
    {.name = "keySecretRef", .type = FIELD_SECRET, AT(dns_account, webhook.key_secret_ref), .required = true,
     .doc = "Where the key lies that requests are signed with, known to both sides."},
};
static const struct field_table webhook_table = {
    .name = "webhook", .doc = "Any service, driven by an HTTPS address that the operator named.", FIELDS(webhook_fields)};

static const struct field_table manual_table = {
    .name = "manual", .doc = "No service: records are shown, a person makes them, and they are verified. Written `{}`."};

static const struct field propagation_fields[] = {
    {.name = "timeout", .type = FIELD_DURATION_S, AT(dns_account, propagation.timeout_s), .fallback = "10m", .min = 1,
     .max = 7 * 86400, .doc = "How long a new record may take to be seen on all of the zone's servers."},
    {.name = "interval", .type = FIELD_DURATION_S, AT(dns_account, propagation.interval_s), .fallback = "5s", .min = 1,
     .max = 3600, .doc = "Time between two looks."},
    {.name = "wait", .type = FIELD_DURATION_S, AT(dns_account, propagation.wait_s), .fallback = "0s", .min = 0,
     .max = 86400,
     .doc = "Time that always passes between the making of a record and the first look; timeout counts from then."},
    {.name = "resolvers", .type = FIELD_STRING_LIST, AT(dns_account, propagation.resolvers), .max = 8, .canonical = server,
     .example = "192.0.2.53",
     .doc = "Resolvers that must see a record too. They are asked only once every authoritative server has it."},
};
static const struct field_table propagation_table = {
    .name = "propagation", .doc = "Waiting for a record to be seen.", FIELDS(propagation_fields)};

static const struct field selector_fields[] = {
    {.name = "matchLabels", .type = FIELD_LABELS, AT(dns_account, selector), .required = true, .min = 1, .max = 64,
     .example = "web", .doc = "Labels that a Certificate must all have."},
};
static const struct field_table selector_table = {
    .name = "selector", .doc = "Certificates by their labels.", FIELDS(selector_fields)};

static const struct field limits_fields[] = {
    {.name = "requestsPerSecond", .type = FIELD_INT, AT(dns_account, limits.requests_per_second), .min = 1, .max = 1000,
     .example = "2", .doc = "Requests at most per second; the operator's file, or what the service bears, is the ceiling."},
    {.name = "burst", .type = FIELD_INT, AT(dns_account, limits.burst), .min = 1, .max = 1000, .example = "5",
     .doc = "So many may go out at once, and then no more until they fit the rate again; as many as the rate unless given."},
};
static const struct field_table limits_table = {
    .name = "limits", .doc = "Requests to the service, where other programs use the account too.", FIELDS(limits_fields)};

static const char *instant(struct arena *arena, const char *text, const char **out_reason)
{
    int64_t at;
    if (clock_parse_rfc3339(text, &at) && at > 0)
        return clock_rfc3339(arena, at);
    *out_reason = "a date or a time is due, such as 2027-06-30 or 2027-06-30T12:00:00Z";
    return NULL;
}

static const char *const strategy_words[] = {[CNAME_FOLLOW] = "Follow", [CNAME_NONE] = "None", NULL};
static const struct field dns_account_fields[] = {
    {.name = "enabled", .type = FIELD_BOOL, AT(dns_account, enabled), .fallback = "true",
     .doc = "false: no records are made through this account."},
    {.name = "zones", .type = FIELD_STRING_LIST, AT(dns_account, zones), .set = true, .max = 1000,
     .canonical = zone_canonical, .example = "example.com", .doc = "The zones it may change; found by asking unless given."},
    {.name = "cnameStrategy", .type = FIELD_ENUM, AT(dns_account, cname_strategy), .words = strategy_words,
     .fallback = "Follow",
     .doc = "Follow: where the name for a TXT is an alias (CNAME), the record is written where it leads. None: such a name is in conflict."},
    {.name = "selector", .type = FIELD_OBJECT, .table = &selector_table,
     .doc = "Which certificates it serves when they do not name it; any unless given. Of accounts that fit a name equally "
            "well, one whose selector matches is taken."},
    {.name = "rfc2136", .type = FIELD_OBJECT, .table = &rfc2136_table,
     .doc = "A server that takes dynamic updates (RFC 2136), signed with TSIG."},
    {.name = "cloudflare", .type = FIELD_OBJECT, .table = &cloudflare_table, .doc = "Zones at Cloudflare."},
    {.name = "route53", .type = FIELD_OBJECT, .table = &route53_table, .doc = "Public hosted zones of Amazon Route 53."},
    {.name = "azureDNS", .type = FIELD_OBJECT, .table = &azure_table, .doc = "Public zones of Azure DNS."},
    {.name = "godaddy", .type = FIELD_OBJECT, .table = &godaddy_table, .doc = "Domains at GoDaddy."},
    {.name = "cloudns", .type = FIELD_OBJECT, .table = &cloudns_table, .doc = "Master zones at ClouDNS."},
    {.name = "exec", .type = FIELD_OBJECT, .table = &exec_table,
     .doc = "Any service, driven by a program that the operator named."},
    {.name = "webhook", .type = FIELD_OBJECT, .table = &webhook_table,
     .doc = "Any service, driven by an HTTPS address that the operator named."},
    {.name = "manual", .type = FIELD_OBJECT, .table = &manual_table,
     .doc = "No service: records are shown, a person makes them, and they are verified. Written `{}`."},
    {.name = "propagation", .type = FIELD_OBJECT, .table = &propagation_table,
     .doc = "Waiting for a record to be seen."},
    {.name = "limits", .type = FIELD_OBJECT, .table = &limits_table,
     .doc = "Requests to the service, where other programs use the account too."},
    {.name = "credentialExpiresAt", .type = FIELD_STRING, AT(dns_account, credential_expires_at), .canonical = instant,
     .example = "2027-06-30",
     .doc = "When the credential ends: warned of 30 and 7 days before, and not used any more after."},
};
static const char *const providers[] = {
    [DNS_PROVIDER_RFC2136] = "rfc2136",
    [DNS_PROVIDER_MANUAL] = "manual",
    [DNS_PROVIDER_CLOUDFLARE] = "cloudflare",
    [DNS_PROVIDER_ROUTE53] = "route53",
    [DNS_PROVIDER_AZURE_DNS] = "azureDNS",
    [DNS_PROVIDER_GODADDY] = "godaddy",
    [DNS_PROVIDER_CLOUDNS] = "cloudns",
    [DNS_PROVIDER_EXEC] = "exec",
    [DNS_PROVIDER_WEBHOOK] = "webhook",
    [DNS_PROVIDER_COUNT] = NULL,
};
static_assert(COUNT_OF(providers) == DNS_PROVIDER_COUNT + 1, "provider without a word");

const char *dns_account_zone(const struct dns_account *account, const char *name)
{
    const char *best = NULL;
    for (size_t i = 0; i < account->zones.count; i++)
        if (text_name_within(name, account->zones.items[i]) && (best == NULL || strlen(account->zones.items[i]) > strlen(best)))
            best = account->zones.items[i];
    for (size_t i = 0; i < account->rfc2136.zone_count; i++)
        if (text_name_within(name, account->rfc2136.zones[i].name) &&
            (best == NULL || strlen(account->rfc2136.zones[i].name) > strlen(best)))
            best = account->rfc2136.zones[i].name;
    return best;
}

const char *dns_provider_word(enum dns_provider provider) { return providers[provider]; }

/* What the services bear by their own words (dns-providers.md 2.8, 3.6, 4.7, 6.5, 7.4): Cloudflare 1200 in 5 minutes, Route 53
 * 5 a second over all operations, Azure 10 writes a second, GoDaddy 60 a minute, ClouDNS 20 a second and 600 a minute. */
static const struct dns_limits bearable[DNS_PROVIDER_COUNT] = {
    [DNS_PROVIDER_CLOUDFLARE] = {4, 20}, [DNS_PROVIDER_ROUTE53] = {5, 5},  [DNS_PROVIDER_AZURE_DNS] = {10, 20},
    [DNS_PROVIDER_GODADDY] = {1, 10},    [DNS_PROVIDER_CLOUDNS] = {10, 10},
};

struct dns_limits dns_provider_limits(enum dns_provider provider) { return bearable[provider]; }

static int lower(int wish, int ceiling)
{
    return wish > 0 && (ceiling == 0 || wish < ceiling) ? wish : ceiling;
}

struct dns_limits dns_account_limits(const struct operator_config *config, const struct dns_account *account)
{
    struct dns_limits limits = bearable[account->provider];
    for (size_t i = 0; config != NULL && i < config->dns_limit_count; i++) {
        const struct dns_service_limits *own = &config->dns_limits[i];
        if (text_equal(own->service, dns_provider_word(account->provider)))
            limits = (struct dns_limits){own->requests_per_second, own->burst > 0 ? own->burst : own->requests_per_second};
    }
    const struct dns_limits *wish = &account->limits;
    limits.requests_per_second = lower(wish->requests_per_second, limits.requests_per_second);
    limits.burst = lower(wish->burst > 0 ? wish->burst : wish->requests_per_second, limits.burst);
    return limits;
}

int64_t dns_account_credential_end(const struct dns_account *account)
{
    int64_t at = 0;
    if (account->credential_expires_at != NULL)
        clock_parse_rfc3339(account->credential_expires_at, &at);
    return at;
}

const struct field_table dns_account_table = {
    .name = "DNSAccount",
    .doc = "Where challenge records are made: a DNS service and what opens it.",
    .size = sizeof(struct dns_account),
    FIELDS(dns_account_fields),
    .one_of = providers,
    ONE_OF_AT(dns_account, provider),
};
