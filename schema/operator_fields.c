/* The operator's file as a field table. */
#include "schema/operator.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/names.h"
#include "schema/dns_account.h"
#include "schema/field.h"
#include "schema/yaml.h"

#define NAMESPACE_PATTERN "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
#define NAME_PATTERN "^[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$"

/* ---- forms of text ---- */

static bool parse_port(const char *text, int *out)
{
    size_t length = strspn(text, "0123456789");
    if (length == 0 || length > 5 || text[length] != '\0' || atoi(text) < 1 || atoi(text) > 65535)
        return false;
    *out = atoi(text);
    return true;
}

/* "127.0.0.1:8080", "[::1]:8080" */
static bool is_address_with_port(struct arena *arena, const char *text)
{
    struct sockaddr_storage address;
    int port;
    const char *colon = strrchr(text, ':');
    if (colon == NULL || !parse_port(colon + 1, &port))
        return false;
    char *host = arena_strndup(arena, text, (size_t)(colon - text));
    size_t length = strlen(host);
    bool brackets = length > 2 && host[0] == '[' && host[length - 1] == ']';
    if (brackets)
        host[length - 1] = '\0';
    return brackets == (strchr(host, ':') != NULL) && address_from_text(host + brackets, port, &address);
}

static const char *name_with_port(struct arena *arena, const char *text, const char **out_reason)
{
    int port;
    const char *colon = strrchr(text, ':');
    if (colon == NULL || !parse_port(colon + 1, &port)) {
        *out_reason = "it must be a name and a port, as \"shop.example.test:80\"";
        return NULL;
    }
    const char *name = zone_canonical(arena, arena_strndup(arena, text, (size_t)(colon - text)), out_reason);
    return name != NULL ? arena_printf(arena, "%s:%d", name, port) : NULL;
}

static const char *address_range(struct arena *arena, const char *text, const char **out_reason)
{
    struct sockaddr_storage address;
    const char *slash = strchr(text, '/');
    const char *host = slash != NULL ? arena_strndup(arena, text, (size_t)(slash - text)) : text;
    if (address_from_text(host, 1, &address)) {
        int most = address.ss_family == AF_INET ? 32 : 128;
        size_t digits = slash != NULL ? strspn(slash + 1, "0123456789") : 0;
        if (slash == NULL || (digits > 0 && digits < 4 && slash[1 + digits] == '\0' && atoi(slash + 1) <= most))
            return text;
    }
    *out_reason = "it must be an address or a range, as \"10.0.0.0/8\"";
    return NULL;
}

static const char *url(struct arena *arena, const char *text, const char **out_reason)
{
    (void)out_reason;
    return text_has_suffix(text, "/") ? text : arena_printf(arena, "%s/", text);
}

/* ---- tables, the innermost first ---- */

static const struct field manifests_fields[] = {
    {.name = "directory", .type = FIELD_STRING, AT(operator_config, manifests_directory), .min = 1, .max = 4096,
     .example = "/etc/certwright/manifests",
     .doc = "The tree of manifests, read recursively; a Git work tree is fine. For root /etc/certwright/manifests, for "
            "others $XDG_CONFIG_HOME/certwright/manifests unless given."},
    {.name = "settle", .type = FIELD_DURATION_MS, AT(operator_config, settle_ms), .fallback = "200ms", .max = 60000,
     .doc = "Quiet time after a burst of changes before they are acted on."},
    {.name = "rescan", .type = FIELD_DURATION_S, AT(operator_config, rescan_s), .fallback = "10m", .min = 1,
     .max = 86400, .doc = "How often to look without an event, for file systems that send none."},
};
static const struct field_table manifests_table = {
    .name = "manifests", .doc = "Where the manifests are and how they are watched.", FIELDS(manifests_fields)};

static const struct field state_fields[] = {
    {.name = "directory", .type = FIELD_STRING, AT(operator_config, state_directory), .min = 1, .max = 4096,
     .example = "/var/lib/certwright",
     .doc = "The store, the lock and the control socket, 0700. For root /var/lib/certwright, for others "
            "$XDG_STATE_HOME/certwright/state unless given."},
    {.name = "backups", .type = FIELD_STRING, AT(operator_config, backup_directory), .min = 1, .max = 4096,
     .example = "/var/backups/certwright",
     .doc = "Copies of the store, one a day, the newest seven; best on another disk. The folder backups in audit.directory "
            "unless given."},
};
static const struct field_table state_table = {
    .name = "state", .doc = "Where the controller remembers.", FIELDS(state_fields)};

static const struct field sealing_fields[] = {
    {.name = "file", .type = FIELD_STRING, AT(operator_config, sealing_key_file), .min = 1, .max = 4096,
     .example = "/etc/certwright/sealing.key",
     .doc = "The key that seals the store, made 0400 on first use; back it up. It lies outside the state directory. For "
            "root /etc/certwright/sealing.key, for others $XDG_CONFIG_HOME/certwright/sealing.key unless given."},
};
static const struct field_table sealing_table = {
    .name = "sealingKey", .doc = "What seals the store.", FIELDS(sealing_fields)};

static const struct field secrets_fields[] = {
    {.name = "directory", .type = FIELD_STRING, AT(operator_config, secrets_directory), .min = 1, .max = 4096,
     .example = "/etc/certwright/secrets",
     .doc = "Secrets as <name>/<key> or <name>_<key>; a service manager's credentials directory works. For root "
            "/etc/certwright/secrets, for others $XDG_CONFIG_HOME/certwright/secrets unless given."},
};
static const struct field_table secrets_table = {
    .name = "secrets", .doc = "Where secrets that manifests name are read.", FIELDS(secrets_fields)};

static const struct field audit_fields[] = {
    {.name = "directory", .type = FIELD_STRING, AT(operator_config, audit_directory), .min = 1, .max = 4096,
     .example = "/var/log/certwright",
     .doc = "The audit log. For root /var/log/certwright, for others $XDG_STATE_HOME/certwright/audit unless given."},
};
static const struct field_table audit_table = {
    .name = "audit", .doc = "Where every act is written down.", FIELDS(audit_fields)};

static const struct field spending_fields[] = {
    {.name = "issuer", .type = FIELD_STRING, AT(spending, issuer), .min = 1, .max = 63, .example = "main",
     .doc = "Name of the Issuer that the ceiling is for, in whatever namespace; all issuers unless given. It holds for all of "
            "them together."},
    {.name = "period", .type = FIELD_ENUM, AT(spending, period), .required = true,
     .words = WORDS([PERIOD_DAY] = "Day", [PERIOD_WEEK] = "Week", [PERIOD_MONTH] = "Month",
                    [PERIOD_QUARTER] = "Quarter", [PERIOD_YEAR] = "Year"),
     .doc = "The calendar period, in UTC, that the ceiling holds for."},
    {.name = "orders", .type = FIELD_INT, AT(spending, orders), .absent = -1, .min = 0, .max = 1000000,
     .example = "40", .doc = "Paid orders at most in a period; no ceiling on their number unless given."},
    {.name = "amount", .type = FIELD_MONEY, AT_LIST(spending, amount_cents, currency), .absent = -1,
     .example = "4000 USD", .doc = "Money at most in a period; no ceiling on the money unless given."},
};
static const struct field_table spending_table = {
    .name = "spending", .doc = "A ceiling on paid orders.", .size = sizeof(struct spending), FIELDS(spending_fields),
    .any_of = WORDS("orders", "amount")};

static const struct field removal_fields[] = {
    {.name = "count", .type = FIELD_INT, AT(operator_config, removal_count), .fallback = "5", .max = 1000000,
     .doc = "More removals than this at once are held."},
    {.name = "percent", .type = FIELD_INT, AT(operator_config, removal_percent), .fallback = "10", .max = 100,
     .doc = "Removals of more than this share of a kind that had at least 10 are held."},
};
static const struct field_table removal_table = {
    .name = "removals", .doc = "When the vanishing of manifests is held for a person.", FIELDS(removal_fields)};

static const struct field account_fields[] = {
    {.name = "requestsPerSecond", .type = FIELD_INT, AT(operator_config, requests_per_second), .fallback = "5",
     .min = 1, .max = 1000, .doc = "Requests to one account at most per second."},
    {.name = "concurrency", .type = FIELD_INT, AT(operator_config, account_concurrency), .fallback = "4", .min = 1,
     .max = 256, .doc = "Requests to one account at most at once."},
};
static const struct field_table account_table = {
    .name = "account", .doc = "Limits on each account at a vendor.", FIELDS(account_fields)};

static const char *dns_service(struct arena *arena, const char *text, const char **out_reason)
{
    struct string_list known = {0};
    for (enum dns_provider provider = 0; provider < DNS_PROVIDER_COUNT; provider++)
        string_list_push(arena, &known, dns_provider_word(provider));
    if (string_list_contains(&known, text))
        return text;
    *out_reason = arena_printf(arena, "the services are %s", string_list_join(arena, &known, ", "));
    return NULL;
}
static const struct field dns_limit_fields[] = {
    {.name = "requestsPerSecond", .type = FIELD_INT, AT(dns_service_limits, requests_per_second), .required = true, .min = 1,
     .max = 1000, .example = "10", .doc = "Requests to one account at most per second."},
    {.name = "burst", .type = FIELD_INT, AT(dns_service_limits, burst), .min = 1, .max = 1000, .example = "50",
     .doc = "So many may go out at once, and then no more until they fit the rate again; as many as the rate unless given."},
};
static const struct field_table dns_limit_table = {
    .name = "dns", .doc = "Limits on each account at one DNS service.", .size = sizeof(struct dns_service_limits),
    FIELDS(dns_limit_fields)};

/* Each at least what it is by default, and at most what reader and store bear (YAML_TOP_…). */
#define RAISED(member, least, most, words) AT(operator_config, manifest_limits.member), .fallback = #least, .min = least, .max = most, \
    .doc = words " It may be raised, never lowered."
static const struct field manifest_limit_fields[] = {
    {.name = "fileKiB", .type = FIELD_INT, RAISED(file_kib, 256, 4096, "KiB that a manifest file holds at most.")},
    {.name = "totalMiB", .type = FIELD_INT, RAISED(total_mib, 512, 16384, "MiB that all manifest files hold at most.")},
    {.name = "files", .type = FIELD_INT, RAISED(files, 100000, 1000000, "Manifest files at most.")},
    {.name = "documents", .type = FIELD_INT, RAISED(documents, 100, 1000, "Documents in a file at most.")},
    {.name = "values", .type = FIELD_INT, RAISED(values, 20000, 500000, "Keys, values, lists and mappings in a file at most.")},
    {.name = "depth", .type = FIELD_INT, RAISED(depth, 32, 64, "How deep values are nested at most.")},
    {.name = "valueKiB", .type = FIELD_INT, RAISED(value_kib, 16, 256, "KiB that a single value has at most.")},
    {.name = "keyBytes", .type = FIELD_INT, RAISED(key_bytes, 128, 250, "Bytes that a key has at most.")},
    {.name = "aliasValues", .type = FIELD_INT, RAISED(alias_values, 20000, 500000,
     "Values that the aliases in a file stand for at most.")},
    {.name = "aliasFactor", .type = FIELD_INT, RAISED(alias_factor, 10, 100,
     "So many times as large as it is written may aliases make a document.")},
    {.name = "memoryMiB", .type = FIELD_INT, RAISED(memory_mib, 256, 4096, "MiB of memory for the process that reads manifests.")},
    {.name = "processorTime", .type = FIELD_DURATION_S, AT(operator_config, manifest_limits.cpu_s), .fallback = "10s", .min = 10,
     .max = 300, .doc = "Processor time for a file that is read. It may be raised, never lowered."},
};
static const struct field_table manifest_limit_table = {
    .name = "manifests", .doc = "What manifests may demand of the process that reads them.", FIELDS(manifest_limit_fields)};

static const struct field limits_fields[] = {
    {.name = "manifests", .type = FIELD_OBJECT, .table = &manifest_limit_table,
     .doc = "What manifests may demand of the process that reads them: files, sizes, depth, memory, time."},
    {.name = "workers", .type = FIELD_INT, AT(operator_config, workers), .fallback = "16", .min = 1, .max = 256,
     .doc = "Threads that talk and deploy."},
    {.name = "ordersPerPass", .type = FIELD_INT, AT(operator_config, orders_per_pass), .fallback = "10", .max = 100000,
     .doc = "More new purchases than this in one pass are held for a person."},
    {.name = "removals", .type = FIELD_OBJECT, .table = &removal_table,
     .doc = "When the vanishing of manifests is held for a person."},
    {.name = "account", .type = FIELD_OBJECT, .table = &account_table,
     .doc = "Limits on each account at a vendor."},
    {.name = "dns", .type = FIELD_OBJECT_MAP, AT_LIST(operator_config, dns_limits, dns_limit_count),
     KEY_AT(dns_service_limits, service), .table = &dns_limit_table, .max = 16, .canonical = dns_service,
     .doc = "Limits on each account at a DNS service, by the service's name as in DNSAccount (route53, …). Unless given, what the "
            "service is known to bear: cloudflare 4 a second and 20 at once, route53 5 and 5, azureDNS 10 and 20, godaddy 1 and "
            "10, cloudns 10 and 10, others as they are asked. A DNSAccount may lower them."},
};
static const struct field_table limits_table = {
    .name = "limits", .doc = "Ceilings on what happens at once.", FIELDS(limits_fields)};

static const struct field root_fields[] = {
    {.name = "path", .type = FIELD_STRING, AT(deploy_root, path), .required = true, .min = 1, .max = 4096,
     .example = "/etc/nginx/certwright", .doc = "The directory; everything goes beneath it."},
    {.name = "owners", .type = FIELD_STRING_LIST, AT(deploy_root, owners), .set = true, .max = 64, .example = "root",
     .doc = "Users that targets may name as owner besides the directory's own."},
    {.name = "groups", .type = FIELD_STRING_LIST, AT(deploy_root, groups), .set = true, .max = 64,
     .example = "ssl-cert", .doc = "Groups that targets may name besides the directory's own."},
};
static void finish_root(void *out, const struct field_scope *scope)
{
    struct deploy_root *root = out;
    if (root->path != NULL && root->path[strspn(root->path, "/.")] == '\0' && root->path[0] == '/')
        field_problem(scope, "path", SEVERITY_ERROR, "root-too-wide", "is the whole file system; name a directory of its own");
}
static const struct field_table root_table = {
    .name = "root", .doc = "A directory beneath which targets may write.", .size = sizeof(struct deploy_root),
    FIELDS(root_fields), .finish = finish_root};

static const struct field profile_fields[] = {
    {.name = "check", .type = FIELD_STRING_LIST, AT(reload_profile, check), .max = 64, .example = "/usr/sbin/nginx",
     .doc = "Program and arguments, without a shell, that must succeed before the reload."},
    {.name = "reload", .type = FIELD_STRING_LIST, AT(reload_profile, reload), .required = true, .min = 1, .max = 64,
     .example = "/bin/systemctl", .doc = "Program and arguments, without a shell, that make the service take up the "
                                         "new files."},
    {.name = "user", .type = FIELD_STRING, AT(reload_profile, user), .min = 1, .max = 64, .example = "root",
     .doc = "Run as this user; as the controller runs unless given."},
    {.name = "directory", .type = FIELD_STRING, AT(reload_profile, directory), .fallback = "/", .min = 1, .max = 4096,
     .pattern = "^/", .doc = "Working directory."},
    {.name = "timeout", .type = FIELD_DURATION_S, AT(reload_profile, timeout_s), .fallback = "30s", .min = 1,
     .max = 3600, .doc = "Time after which the programs are stopped and the reload counts as failed."},
};
static void check_program(const struct field_scope *scope, const char *field, const struct string_list *vector)
{
    if (vector->count > 0 && vector->items[0][0] != '/')
        field_problem(scope, field, SEVERITY_ERROR, "relative-program",
                      "begins with \"%s\"; a program is given by its absolute path", vector->items[0]);
}
static void finish_profile(void *out, const struct field_scope *scope)
{
    struct reload_profile *profile = out;
    check_program(scope, "check", &profile->check);
    check_program(scope, "reload", &profile->reload);
}
static const struct field_table profile_table = {
    .name = "reloadProfile", .doc = "How a service takes up new files.", .size = sizeof(struct reload_profile),
    FIELDS(profile_fields), .finish = finish_profile};

static const struct field deploy_fields[] = {
    {.name = "roots", .type = FIELD_OBJECT_MAP, AT_LIST(operator_config, roots, root_count), KEY_AT(deploy_root, name),
     .table = &root_table, .pattern = NAME_PATTERN, .max = 1000,
     .doc = "Directories, by name, beneath which local targets and challenge files may go; nowhere else."},
    {.name = "reloadProfiles", .type = FIELD_OBJECT_MAP, AT_LIST(operator_config, profiles, profile_count),
     KEY_AT(reload_profile, name), .table = &profile_table, .pattern = NAME_PATTERN, .max = 1000,
     .doc = "Programs, by name, that targets may have run after a deployment."},
};
static const struct field_table deploy_table = {
    .name = "deploy", .doc = "What local targets may touch.", FIELDS(deploy_fields)};

#define HELPER_FIELDS \
    {.name = "timeout", .type = FIELD_DURATION_S, AT(dns_helper, timeout_s), .fallback = "30s", .min = 1, .max = 600, \
     .doc = "Time after which an answer is no longer waited for."}, \
    {.name = "zones", .type = FIELD_STRING_LIST, AT(dns_helper, zones), .set = true, .max = 1000, \
     .canonical = zone_canonical, .example = "example.com", \
     .doc = "Zones that it may be asked for, with all below them; any unless given."}, \
    {.name = "namespaces", .type = FIELD_STRING_LIST, AT(dns_helper, namespaces), .set = true, .max = 1000, \
     .pattern = NAMESPACE_PATTERN, .example = "default", \
     .doc = "Namespaces whose DNSAccounts may use it; any unless given."}
static const struct field program_fields[] = {
    {.name = "run", .type = FIELD_STRING_LIST, AT(dns_helper, run), .required = true, .min = 1, .max = 64,
     .example = "/usr/local/lib/certwright/corp-dns", .doc = "Program and arguments, without a shell."},
    {.name = "user", .type = FIELD_STRING, AT(dns_helper, user), .min = 1, .max = 64, .example = "dns",
     .doc = "Run as this user; as the controller runs unless given."},
    {.name = "directory", .type = FIELD_STRING, AT(dns_helper, directory), .fallback = "/", .min = 1, .max = 4096,
     .pattern = "^/", .doc = "Working directory."},
    HELPER_FIELDS,
};
static void finish_program(void *out, const struct field_scope *scope)
{
    struct dns_helper *program = out;
    check_program(scope, "run", &program->run);
}
static const struct field_table program_table = {
    .name = "program", .doc = "A program that makes DNS records.", .size = sizeof(struct dns_helper),
    FIELDS(program_fields), .finish = finish_program};

static const struct field webhook_fields[] = {
    {.name = "url", .type = FIELD_STRING, AT(dns_helper, url), .required = true, .pattern = "^https://[^ /]+", .max = 2048,
     .example = "https://dns.example.com/certwright", .doc = "Where requests are posted to."},
    {.name = "ca", .type = FIELD_STRING, AT(dns_helper, ca), .min = 1, .max = 4096, .example = "/etc/certwright/corp-ca.pem",
     .doc = "PEM file of the roots to trust for it instead of the system's."},
    {.name = "proxy", .type = FIELD_STRING, AT(dns_helper, proxy), .pattern = "^(https?|socks5h?)://[^ /]+", .max = 2048,
     .example = "http://proxy.example:3128", .doc = "Proxy for it; the environment's proxies are ignored."},
    HELPER_FIELDS,
};
static const struct field_table webhook_table = {
    .name = "webhook", .doc = "An address that makes DNS records.", .size = sizeof(struct dns_helper),
    FIELDS(webhook_fields)};

static const struct field dns_fields[] = {
    {.name = "programs", .type = FIELD_OBJECT_MAP, AT_LIST(operator_config, dns_programs, dns_program_count),
     KEY_AT(dns_helper, name), .table = &program_table, .pattern = NAME_PATTERN, .max = 100,
     .doc = "Programs, by name, that DNSAccounts may give as `exec.program`."},
    {.name = "webhooks", .type = FIELD_OBJECT_MAP, AT_LIST(operator_config, dns_webhooks, dns_webhook_count),
     KEY_AT(dns_helper, name), .table = &webhook_table, .pattern = NAME_PATTERN, .max = 100,
     .doc = "Addresses, by name, that DNSAccounts may give as `webhook.endpoint`."},
};
static const struct field_table dns_table = {
    .name = "dns", .doc = "What makes DNS records for accounts of type exec and webhook.", FIELDS(dns_fields)};

static const struct field endpoint_fields[] = {
    {.name = "url", .type = FIELD_STRING, AT(endpoint, url), .required = true, .pattern = "^https://[^ /]+", .max = 2048,
     .canonical = url, .example = "https://127.0.0.1:14443/rest/",
     .doc = "Base address of the vendor's API."},
    {.name = "ca", .type = FIELD_STRING, AT(endpoint, ca), .min = 1, .max = 4096,
     .example = "/etc/certwright/offline-ca.pem",
     .doc = "PEM file of the roots to trust for it instead of the system's."},
    {.name = "proxy", .type = FIELD_STRING, AT(endpoint, proxy), .pattern = "^(https?|socks5h?)://[^ /]+", .max = 2048,
     .example = "http://proxy.example:3128", .doc = "Proxy for it; the environment's proxies are ignored."},
    {.name = "sandbox", .type = FIELD_BOOL, AT(endpoint, sandbox), .fallback = "false",
     .doc = "Orders there cost nothing, so that no `spending` is needed."},
};
static void finish_endpoint(void *out, const struct field_scope *scope)
{
    const struct endpoint *endpoint = out;
    if (endpoint->sandbox && endpoint->url != NULL && operator_endpoint_is_vendors(endpoint) &&
        strstr(endpoint->url, "://sandbox-") == NULL)
        field_problem(scope, "sandbox", SEVERITY_ERROR, "sandbox-live",
                      "is set for %s, which is the vendor's own and costs money", endpoint->url);
}
static const struct field_table endpoint_table = {
    .name = "endpoint", .doc = "An address of the vendor's API, or of a DNS service's.", .size = sizeof(struct endpoint),
    FIELDS(endpoint_fields), .finish = finish_endpoint};

static const struct field namespace_fields[] = {
    {.name = "issuers", .type = FIELD_STRING_LIST, AT(namespace_rule, issuers), .set = true, .example = "main",
     .doc = "Issuers it may use: its own, or those of the namespace default, of these names."},
    {.name = "dnsAccounts", .type = FIELD_STRING_LIST, AT(namespace_rule, dns_accounts), .set = true,
     .example = "corp", .doc = "DNSAccounts it may use, in the same way."},
    {.name = "roots", .type = FIELD_STRING_LIST, AT(namespace_rule, roots), .set = true, .example = "nginx",
     .doc = "Roots beneath which its targets may write."},
    {.name = "domains", .type = FIELD_STRING_LIST, AT(namespace_rule, domains), .set = true,
     .canonical = name_canonical, .example = "*.a.example.com",
     .doc = "Names that its certificates may have; \"*.\" in front stands for one label, and for the wildcard itself."},
};
static const struct field_table namespace_table = {
    .name = "namespace", .doc = "What one namespace may use. What is not listed is closed to it.",
    .size = sizeof(struct namespace_rule), FIELDS(namespace_fields)};

static const struct field log_fields[] = {
    {.name = "format", .type = FIELD_ENUM, AT(operator_config, log_format), .fallback = "logfmt",
     .words = WORDS([LOG_LOGFMT] = "logfmt", [LOG_JSON] = "json"), .doc = "One line per event, logfmt or JSON."},
    {.name = "level", .type = FIELD_ENUM, AT(operator_config, log_level), .fallback = "info",
     .words = WORDS([LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"),
     .doc = "The least important events still written."},
};
static const struct field_table log_table = {.name = "log", .doc = "How the controller logs.", FIELDS(log_fields)};

static const struct field clock_fields[] = {
    {.name = "file", .type = FIELD_STRING, AT(operator_config, clock_file), .min = 1, .max = 4096, .required = true,
     .doc = "File by which the sandbox turns this controller's clock."},
};
static const struct field_table clock_table = {
    .name = "clock", .doc = "Tests only: a turned clock. Refused beside `spending` and endpoints that cost money.",
    FIELDS(clock_fields)};

static const struct field operator_fields[] = {
    {.name = "apiVersion", .type = FIELD_FIXED, .fallback = "certwright/v1alpha1", .doc = "Version of this format."},
    {.name = "kind", .type = FIELD_FIXED, .fallback = "ControllerConfig", .doc = "What this file is."},
    {.name = "manifests", .type = FIELD_OBJECT, .table = &manifests_table,
     .doc = "Where the manifests are and how they are watched."},
    {.name = "state", .type = FIELD_OBJECT, .table = &state_table, .doc = "Where the controller remembers."},
    {.name = "sealingKey", .type = FIELD_OBJECT, .table = &sealing_table, .doc = "What seals the store."},
    {.name = "secrets", .type = FIELD_OBJECT, .table = &secrets_table,
     .doc = "Where secrets that manifests name are read."},
    {.name = "audit", .type = FIELD_OBJECT, .table = &audit_table, .doc = "Where every act is written down."},
    {.name = "spending", .type = FIELD_OBJECTS, AT_LIST(operator_config, spending, spending_count),
     .table = &spending_table, .max = 1000,
     .doc = "Ceilings on paid orders. Without one no paid call to a vendor's own endpoint is made."},
    {.name = "limits", .type = FIELD_OBJECT, .table = &limits_table, .doc = "Ceilings on what happens at once."},
    {.name = "deploy", .type = FIELD_OBJECT, .table = &deploy_table, .doc = "What local targets may touch."},
    {.name = "dns", .type = FIELD_OBJECT, .table = &dns_table,
     .doc = "What makes DNS records for accounts of type exec and webhook."},
    {.name = "endpoints", .type = FIELD_OBJECT_MAP, AT_LIST(operator_config, endpoints, endpoint_count),
     KEY_AT(endpoint, name), .table = &endpoint_table, .pattern = NAME_PATTERN, .max = 100,
     .doc = "Names that Issuers may give as `environment` beside Live, EU and Sandbox. An entry named cloudflare, route53, "
            "azure-login, azure-management, godaddy or cloudns is used instead of that DNS service's own address."},
    {.name = "resolve", .type = FIELD_PAIRS, AT_LIST(operator_config, resolve, resolve_count), .max = 10000,
     .canonical = name_with_port, .example = "127.0.0.1:8080",
     .doc = "Who answers for a name and port (\"shop.example.test:80\": 127.0.0.1:8080), for tests and split horizons."},
    {.name = "nameservers", .type = FIELD_PAIRS, AT_LIST(operator_config, nameservers, nameserver_count), .max = 10000,
     .canonical = zone_canonical, .example = "127.0.0.1:5300",
     .doc = "Servers, by zone, that are asked instead of the delegated ones (example.test: 127.0.0.1:5300)."},
    {.name = "allowAddresses", .type = FIELD_STRING_LIST, AT(operator_config, allow_addresses), .set = true,
     .max = 1000, .canonical = address_range, .example = "10.0.0.0/8",
     .doc = "Private addresses and ranges that DNS servers, probes and hosts may have."},
    {.name = "trustRoots", .type = FIELD_STRING_LIST, AT(operator_config, trust_roots), .max = 100,
     .example = "/etc/certwright/root.pem",
     .doc = "PEM files of further roots for issued chains; the system's are always there."},
    {.name = "namespaces", .type = FIELD_OBJECT_MAP, AT_LIST(operator_config, namespaces, namespace_count),
     KEY_AT(namespace_rule, name), .table = &namespace_table, .max = 10000,
     .pattern = NAMESPACE_PATTERN,
     .doc = "What each namespace may use. Without any, a namespace sees its own things. With some, a namespace that is "
            "not listed has nothing opened; `default` sees its own things until it is listed."},
    {.name = "onUnknownOrder", .type = FIELD_ENUM, AT(operator_config, on_unknown_order), .fallback = "hold",
     .words = WORDS([UNKNOWN_ORDER_HOLD] = "hold", [UNKNOWN_ORDER_RESUBMIT] = "resubmit"),
     .doc = "What to do with an order whose answer was lost and which the vendor, asked again and again, does not know: "
            "hold it for a person, or send it again under the same id, once a day at most and never at the vendor's own "
            "live endpoint."},
    {.name = "confinement", .type = FIELD_ENUM, AT(operator_config, confinement), .fallback = "Required",
     .words = WORDS([CONFINEMENT_REQUIRED] = "Required", [CONFINEMENT_OPTIONAL] = "Optional"),
     .doc = "Whether manifests may be read (Optional), or not (Required), where the kernel cannot confine the process that "
            "reads them."},
    {.name = "log", .type = FIELD_OBJECT, .table = &log_table, .doc = "How the controller logs."},
    {.name = "clock", .type = FIELD_OBJECT, .table = &clock_table, .doc = "Tests only: a turned clock."},
};

/* ---- rules across fields ---- */

static void check_pairs(const struct field_scope *scope, const char *field, const struct name_pair *pairs, size_t count)
{
    const struct yaml_node *map = scope->node != NULL ? yaml_member(scope->node, field) : NULL;
    for (size_t i = 0; i < count; i++) {
        if (is_address_with_port(scope->arena, pairs[i].value))
            continue;
        struct problem *problem =
            field_problem(scope, field, SEVERITY_ERROR, "bad-address", "has \"%s\" for %s; an address and a port is due, as "
                          "127.0.0.1:8080 or [::1]:8080", pairs[i].value, pairs[i].name);
        for (const struct yaml_node *child = map != NULL ? map->first : NULL; child != NULL; child = child->next)
            if (child->kind == YAML_SCALAR && strcmp(child->text, pairs[i].value) == 0)
                problem->position = yaml_position(child);
    }
}

static void check_spending(const struct field_scope *scope, const struct operator_config *config)
{
    for (size_t i = 0; i < config->spending_count; i++)
        for (size_t k = 0; k < i; k++)
            if (text_equal(config->spending[i].issuer, config->spending[k].issuer) &&
                config->spending[i].period == config->spending[k].period)
                field_problem(scope, arena_printf(scope->arena, "spending[%zu]", i), SEVERITY_ERROR, "spending-twice",
                              "repeats a ceiling for the same issuer and period");
}

static void check_endpoints(const struct field_scope *scope, const struct operator_config *config)
{
    static const struct operator_config builtin_only;
    for (size_t i = 0; i < config->endpoint_count; i++)
        if (operator_endpoint(&builtin_only, config->endpoints[i].name) != NULL)
            field_problem(scope, arena_printf(scope->arena, "endpoints.%s", config->endpoints[i].name), SEVERITY_ERROR,
                          "reserved-name", "is one of the vendor's own endpoints; give it another name");
}

/* Decisions 17: turned time and real money never meet. */
static void check_clock(const struct field_scope *scope, const struct operator_config *config)
{
    if (config->clock_file == NULL)
        return;
    struct problem *problem = NULL;
    if (config->spending_count > 0)
        problem = field_problem(scope, "clock", SEVERITY_ERROR, "clock-with-spending",
                                "is for tests only and is refused beside `spending`");
    for (size_t i = 0; problem == NULL && i < config->endpoint_count; i++)
        if (!config->endpoints[i].sandbox || operator_endpoint_is_vendors(&config->endpoints[i]))
            problem = field_problem(scope, "clock", SEVERITY_ERROR, "clock-with-vendor",
                                    "is for tests only and is refused beside the endpoint \"%s\", which is %s",
                                    config->endpoints[i].name,
                                    config->endpoints[i].sandbox ? "the vendor's own" : "not marked `sandbox: true`");
    if (problem != NULL)
        problem->hint = "remove `clock`, or keep the tests in an operator's file of their own";
}

static void finish_operator(void *out, const struct field_scope *scope)
{
    struct operator_config *config = out;
    check_pairs(scope, "resolve", config->resolve, config->resolve_count);
    check_pairs(scope, "nameservers", config->nameservers, config->nameserver_count);
    check_spending(scope, config);
    check_endpoints(scope, config);
    check_clock(scope, config);
}

const struct field_table operator_table = {
    .name = "ControllerConfig",
    .doc = "The operator's file: places, endpoints, programs, ceilings. Everything is optional. Manifests refer to what "
           "stands here by name.",
    .size = sizeof(struct operator_config),
    FIELDS(operator_fields),
    .finish = finish_operator,
};
