#include "check.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "schema/field.h"
#include "schema/operator.h"
#include "schema/problem.h"

static char folder[64];
static struct arena *arena;
static struct problem_list problems;
static struct operator_config config;

static char *file_path(const char *name) { return arena_printf(arena, "%s/%s", folder, name); }

static char *write_file(const char *text, mode_t mode)
{
    char *path = file_path("certwright.yaml");
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(fchmod(fd, mode) == 0);
    close(fd);
    return path;
}

static bool load(const char *text)
{
    problems = (struct problem_list){.arena = arena};
    config = (struct operator_config){0};
    return operator_load(write_file(text, 0600), arena, &config, &problems);
}

static void print_problems(void)
{
    for (size_t i = 0; i < problems.count; i++) {
        struct buffer line = {0};
        problem_print(&problems.items[i], &line);
        fprintf(stderr, "  %s [%s]\n", buffer_text(&line), problems.items[i].code);
        buffer_release(&line);
    }
}

static void good(const char *text)
{
    bool loaded = load(text);
    if (!loaded)
        print_problems();
    CHECK(loaded);
    CHECK_INT(problems.count, 0);
}

/* One error of that code at that place. */
static void bad(const char *text, const char *code, int line, int column)
{
    CHECK(!load(text));
    if (problems.count != 1)
        print_problems();
    CHECK_INT(problems.count, 1);
    CHECK_TEXT(problems.items[0].code, code);
    CHECK_INT(problems.items[0].position.line, line);
    CHECK_INT(problems.items[0].position.column, column);
}

static void an_empty_file_means_the_defaults(void)
{
    good("");
    CHECK_INT(config.settle_ms, 200);
    CHECK_INT(config.rescan_s, 600);
    CHECK_INT(config.workers, 16);
    const struct manifest_limits limits = MANIFEST_LIMITS_DEFAULT;
    CHECK(memcmp(&limits, &config.manifest_limits, offsetof(struct manifest_limits, memory_mib) + sizeof limits.memory_mib) == 0);
    CHECK_INT(config.manifest_limits.cpu_s, limits.cpu_s);
    CHECK_INT(config.orders_per_pass, 10);
    CHECK_INT(config.removal_count, 5);
    CHECK_INT(config.removal_percent, 10);
    CHECK_INT(config.requests_per_second, 5);
    CHECK_INT(config.account_concurrency, 4);
    CHECK_INT(config.log_format, LOG_LOGFMT);
    CHECK_INT(config.log_level, LOG_INFO);
    CHECK_INT(config.spending_count + config.root_count + config.profile_count + config.endpoint_count, 0);
    CHECK(config.clock_file == NULL);
    CHECK(config.manifests_directory != NULL && config.state_directory != NULL && config.audit_directory != NULL);
}

static const char everything[] =
    "apiVersion: certwright/v1alpha1\n"
    "kind: ControllerConfig\n"
    "manifests: {directory: manifests, settle: 50ms, rescan: 1m}\n"
    "state: {directory: /tmp/certwright-test-state}\n"
    "sealingKey: {file: ./keys//sealing.key}\n"
    "secrets: {directory: secrets}\n"
    "audit: {directory: /tmp/certwright-test-audit}\n"
    "spending:\n"
    "  - issuer: main\n"
    "    period: Month\n"
    "    orders: 40\n"
    "    amount: 4000 USD\n"
    "  - {period: Year, amount: 99.5 EUR}\n"
    "limits:\n"
    "  workers: 3\n"
    "  ordersPerPass: 2\n"
    "  removals: {count: 1, percent: 50}\n"
    "  dns: {route53: {requestsPerSecond: 10, burst: 50}, godaddy: {requestsPerSecond: 2}}\n"
    "  account: {requestsPerSecond: 9, concurrency: 8}\n"
    "  manifests: {fileKiB: 257, totalMiB: 513, files: 100001, documents: 101, values: 20001, depth: 33, valueKiB: 17,\n"
    "    keyBytes: 129, aliasValues: 20002, aliasFactor: 11, memoryMiB: 258, processorTime: 1m}\n"
    "deploy:\n"
    "  roots:\n"
    "    www: {path: www}\n"
    "    nginx: {path: /etc/nginx/certwright, owners: [root], groups: [root, ssl-cert]}\n"
    "  reloadProfiles:\n"
    "    nginx:\n"
    "      check: [/usr/sbin/nginx, -t]\n"
    "      reload: [/bin/systemctl, reload, nginx]\n"
    "      user: root\n"
    "      timeout: 5s\n"
    "endpoints:\n"
    "  offline: {url: \"https://127.0.0.1:14443/rest\", ca: ca.pem, sandbox: true}\n"
    "  proxied: {url: \"https://api.thesslstore.com/rest/\", proxy: \"http://proxy.example:3128\"}\n"
    "resolve:\n"
    "  \"Shop.Example.test.:80\": 127.0.0.1:8080\n"
    "nameservers:\n"
    "  Example.test: \"[::1]:5300\"\n"
    "allowAddresses: [10.0.0.0/8, \"fd00::/8\", 192.168.1.1]\n"
    "trustRoots: [root.pem]\n"
    "namespaces:\n"
    "  team-a: {issuers: [main], dnsAccounts: [corp], roots: [nginx], domains: [\"*.A.example.com\"]}\n"
    "onUnknownOrder: hold\n"
    "log: {format: json, level: debug}\n";

static void every_setting_is_read(void)
{
    good(everything);
    CHECK_INT(config.settle_ms, 50);
    CHECK_INT(config.rescan_s, 60);
    CHECK_TEXT(config.state_directory, "/tmp/certwright-test-state");
    CHECK_INT(config.spending_count, 2);
    CHECK_TEXT(config.spending[0].issuer, "main");
    CHECK_INT(config.spending[0].period, PERIOD_MONTH);
    CHECK_INT(config.spending[0].orders, 40);
    CHECK_INT(config.spending[0].amount_cents, 400000);
    CHECK_TEXT(config.spending[0].currency, "USD");
    CHECK(config.spending[1].issuer == NULL);
    CHECK_INT(config.spending[1].orders, -1);
    CHECK_INT(config.spending[1].amount_cents, 9950);
    CHECK_INT(config.workers, 3);
    const struct manifest_limits raised = {257, 513, 100001, 101, 20001, 33, 17, 129, 20002, 11, 258, 60};
    CHECK(memcmp(&raised, &config.manifest_limits, offsetof(struct manifest_limits, memory_mib) + sizeof raised.memory_mib) == 0);
    CHECK_INT(config.manifest_limits.cpu_s, raised.cpu_s);
    CHECK_INT(config.removal_percent, 50);
    CHECK_INT(config.requests_per_second, 9);
    CHECK_INT(config.dns_limit_count, 2);
    CHECK_TEXT(config.dns_limits[0].service, "godaddy");
    CHECK_INT(config.dns_limits[0].requests_per_second, 2);
    CHECK_INT(config.dns_limits[0].burst, 0);
    CHECK_INT(config.dns_limits[1].burst, 50);
    const struct deploy_root *root = operator_root(&config, "nginx");
    CHECK(root != NULL && root->owners.count == 1 && root->groups.count == 2);
    CHECK(operator_root(&config, "apache") == NULL);
    const struct reload_profile *profile = operator_profile(&config, "nginx");
    CHECK(profile != NULL && profile->timeout_s == 5 && profile->check.count == 2 && profile->reload.count == 3);
    CHECK_TEXT(profile->user, "root");
    CHECK_TEXT(profile->directory, "/");
    CHECK_TEXT(config.resolve[0].name, "shop.example.test:80");
    CHECK_TEXT(config.resolve[0].value, "127.0.0.1:8080");
    CHECK_TEXT(config.nameservers[0].name, "example.test");
    CHECK_TEXT(config.nameservers[0].value, "[::1]:5300");
    CHECK_INT(config.allow_addresses.count, 3);
    CHECK_TEXT(config.namespaces[0].name, "team-a");
    CHECK_TEXT(config.namespaces[0].domains.items[0], "*.a.example.com");
    CHECK_INT(config.log_format, LOG_JSON);
    CHECK_INT(config.log_level, LOG_DEBUG);
}

static void relative_paths_begin_at_the_files_folder(void)
{
    good(everything);
    CHECK_TEXT(config.manifests_directory, file_path("manifests"));
    CHECK_TEXT(config.secrets_directory, file_path("secrets"));
    CHECK_TEXT(config.sealing_key_file, file_path("keys/sealing.key"));
    CHECK_TEXT(operator_root(&config, "www")->path, file_path("www"));
    CHECK_TEXT(operator_endpoint(&config, "offline")->ca, file_path("ca.pem"));
    CHECK_TEXT(config.trust_roots.items[0], file_path("root.pem"));
}

static void the_vendors_endpoints_are_always_there(void)
{
    good("");
    CHECK_TEXT(operator_endpoint(&config, "Live")->url, "https://api.thesslstore.com/rest/");
    CHECK(!operator_endpoint(&config, "Live")->sandbox);
    CHECK_TEXT(operator_endpoint(&config, "EU")->url, "https://api.thesslstore.eu/rest/");
    CHECK_TEXT(operator_endpoint(&config, "Sandbox")->url, "https://sandbox-wbapi.thesslstore.com/rest/");
    CHECK(operator_endpoint(&config, "Sandbox")->sandbox);
    CHECK(operator_endpoint(&config, "offline") == NULL);
    CHECK(operator_endpoint_is_vendors(operator_endpoint(&config, "Live")));
    good(everything);
    CHECK_TEXT(operator_endpoint(&config, "offline")->url, "https://127.0.0.1:14443/rest/");
    CHECK(!operator_endpoint_is_vendors(operator_endpoint(&config, "offline")));
    CHECK(operator_endpoint_is_vendors(operator_endpoint(&config, "proxied")));
}

static void a_vendors_own_host_is_known_under_any_spelling(void)
{
    static const char *const own[] = {"https://API.TheSSLStore.com/rest/", "https://api.thesslstore.com.:443/rest/",
                                      "https://a:b@api.thesslstore.eu/", "https://wbapi.thesslstore.com?x"};
    static const char *const others[] = {"https://api.thesslstore.com.example/rest/", "https://127.0.0.1/rest/",
                                         "https://example.com/api.thesslstore.com/", "https://nothesslstore.com/"};
    for (size_t i = 0; i < COUNT_OF(own); i++)
        CHECK(operator_endpoint_is_vendors(&(struct endpoint){.url = own[i]}));
    for (size_t i = 0; i < COUNT_OF(others); i++)
        CHECK(!operator_endpoint_is_vendors(&(struct endpoint){.url = others[i]}));
}

static void what_is_wrong_is_said_with_its_place(void)
{
    bad("manifest: {}\n", "unknown-field", 1, 1);
    CHECK_TEXT(problems.items[0].hint, "did you mean \"manifests\"?");
    bad("kind: Certificate\n", "bad-value", 1, 7);
    bad("limits:\n  workers: 0\n", "out-of-range", 2, 12);
    bad("limits: {manifests: {fileKiB: 255}}\n", "out-of-range", 1, 31);
    CHECK(strstr(problems.items[0].message, "at least 256 is due") != NULL);
    bad("limits: {manifests: {depth: 65}}\n", "out-of-range", 1, 29);
    bad("limits: {manifests: {processorTime: 9s}}\n", "out-of-range", 1, 37);
    bad("limits: {workers: many}\n", "wrong-type", 1, 19);
    bad("limits: {dns: {route54: {requestsPerSecond: 1}}}\n", "bad-key", 1, 16);
    bad("limits: {dns: {route53: {burst: 1}}}\n", "missing-field", 1, 16);
    bad("spending:\n  - {period: Fortnight, orders: 1}\n", "bad-value", 2, 14);
    bad("spending:\n  - {period: Month}\n", "missing-field", 2, 5);
    bad("spending:\n  - {orders: 1}\n", "missing-field", 2, 5);
    bad("spending:\n  - {period: Month, amount: 4000}\n", "wrong-type", 2, 29);
    bad("spending:\n  - {period: Day, orders: 1}\n  - {period: Day, orders: 2}\n", "spending-twice", 3, 5);
    bad("deploy:\n  roots:\n    all: {path: /}\n", "root-too-wide", 3, 17);
    bad("deploy:\n  roots:\n    none: {}\n", "missing-field", 3, 5);
    bad("deploy: {reloadProfiles: {n: {reload: [nginx, -s, reload]}}}\n", "relative-program", 1, 31);
    bad("deploy: {reloadProfiles: {n: {reload: []}}}\n", "out-of-range", 1, 39);
    bad("endpoints: {Live: {url: \"https://127.0.0.1/\"}}\n", "reserved-name", 1, 13);
    bad("endpoints: {off: {url: \"http://127.0.0.1/\"}}\n", "bad-value", 1, 24);
    bad("endpoints: {off: {url: \"https://api.thesslstore.com/rest/\", sandbox: true}}\n", "sandbox-live", 1, 70);
    bad("resolve: {\"shop.example.test\": 127.0.0.1:80}\n", "bad-key", 1, 11);
    bad("resolve: {\"shop.example.test:80\": localhost:80}\n", "bad-address", 1, 35);
    bad("nameservers: {example.test: 127.0.0.1}\n", "bad-address", 1, 29);
    bad("nameservers: {example.test: \"::1:53\"}\n", "bad-address", 1, 29);
    bad("allowAddresses: [10.0.0.0/33]\n", "bad-value", 1, 18);
    bad("allowAddresses: [everything]\n", "bad-value", 1, 18);
    bad("namespaces: {Team: {}}\n", "bad-key", 1, 14);
    bad("log: {level: loud}\n", "bad-value", 1, 14);
    bad("onUnknownOrder: retry\n", "bad-value", 1, 17);
    bad("log: {level: info}\n---\nlog: {level: info}\n", "several-documents", 3, 1);
    bad("- a list\n", "wrong-type", 1, 1);
}

static void all_errors_are_said_at_once(void)
{
    CHECK(!load("manifest: {}\nlimits: {workers: many}\nlog: {level: loud}\n"));
    CHECK_INT(problems.errors, 3);
}

static void places_do_not_lie_in_one_another(void)
{
    bad("state: {directory: /tmp/a}\nsealingKey: {file: /tmp/a/key}\n", "sealing-key-inside-state", 2, 1);
    bad("manifests: {directory: /tmp/a}\nsecrets: {directory: /tmp/a/./s}\n", "secrets-inside-manifests", 2, 1);
    bad("manifests: {directory: /tmp/a}\nstate: {directory: /tmp/a//state/}\n", "state-inside-manifests", 2, 1);
    good("state: {directory: /tmp/a}\nsealingKey: {file: /tmp/ab/key}\n");
}

static void a_turned_clock_and_money_never_meet(void)
{
    bad("clock: {file: c}\nspending: [{period: Day, orders: 1}]\n", "clock-with-spending", 1, 1);
    bad("endpoints: {other: {url: \"https://192.0.2.1/\"}}\nclock: {file: c}\n", "clock-with-vendor", 2, 1);
    bad("endpoints: {v: {url: \"https://sandbox-wbapi.thesslstore.com/rest/\", sandbox: true}}\nclock: {file: c}\n",
        "clock-with-vendor", 2, 1);
    good("endpoints: {off: {url: \"https://127.0.0.1/\", sandbox: true}}\nclock: {file: c}\n");
    CHECK_TEXT(config.clock_file, file_path("c"));
    bad("clock: {}\n", "missing-field", 1, 1);
}

static void a_file_that_others_can_write_is_refused(void)
{
    problems = (struct problem_list){.arena = arena};
    CHECK(!operator_load(write_file("", 0620), arena, &config, &problems));
    CHECK_TEXT(problems.items[0].code, "operator-file-rights");
    CHECK(strstr(problems.items[0].hint, "chmod go-w") != NULL);
    CHECK(!operator_load(write_file("", 0602), arena, &config, &problems));
    CHECK(operator_load(write_file("", 0644), arena, &config, &problems));
    if (geteuid() == 0) {
        char *path = write_file("", 0600);
        CHECK(chown(path, 65534, 65534) == 0);
        problems = (struct problem_list){.arena = arena};
        CHECK(!operator_load(path, arena, &config, &problems));
        CHECK_TEXT(problems.items[0].code, "operator-file-owner");
    }
}

static void a_file_that_is_named_must_be_there(void)
{
    problems = (struct problem_list){.arena = arena};
    CHECK(!operator_load(file_path("absent.yaml"), arena, &config, &problems));
    CHECK_TEXT(problems.items[0].code, "operator-file");
    problems = (struct problem_list){.arena = arena};
    CHECK(!operator_load(folder, arena, &config, &problems));
    CHECK_TEXT(problems.items[0].code, "operator-file");
}

/* Root's default place is the host's own and is left alone here. */
static void an_ordinary_user_gets_the_xdg_places(void)
{
    if (geteuid() == 0 && seteuid(65534) != 0)
        return;
    setenv("XDG_CONFIG_HOME", "/nowhere/config", 1);
    setenv("XDG_STATE_HOME", "/nowhere/state", 1);
    problems = (struct problem_list){.arena = arena};
    bool loaded = operator_load(NULL, arena, &config, &problems);
    struct operator_config placed = config;
    unsetenv("XDG_STATE_HOME");
    setenv("HOME", "/home/someone", 1);
    bool again = operator_load(NULL, arena, &config, &problems);
    if (getuid() == 0)
        CHECK(seteuid(0) == 0);
    CHECK(loaded && again);
    CHECK(placed.path == NULL);
    CHECK_TEXT(placed.manifests_directory, "/nowhere/config/certwright/manifests");
    CHECK_TEXT(placed.secrets_directory, "/nowhere/config/certwright/secrets");
    CHECK_TEXT(placed.sealing_key_file, "/nowhere/config/certwright/sealing.key");
    CHECK_TEXT(placed.state_directory, "/nowhere/state/certwright/state");
    CHECK_TEXT(placed.audit_directory, "/nowhere/state/certwright/audit");
    CHECK_TEXT(config.state_directory, "/home/someone/.local/state/certwright/state");
}

/* The files that people start from; @PLACE@ becomes a path, @..._PORT@ a number. */
static void load_example(const char *name)
{
#ifdef CERTWRIGHT_SOURCE_DIR
    const char *source = CERTWRIGHT_SOURCE_DIR;
#else
    const char *source = getenv("CERTWRIGHT_SOURCE") != NULL ? getenv("CERTWRIGHT_SOURCE") : ".";
#endif
    struct buffer text = {0}, filled = {0};
    struct error err = {0};
    CHECK_OK(file_read_path(arena_printf(arena, "%s/examples/%s", source, name), 1 << 20, &text, &err), err);
    for (const char *c = buffer_text(&text); *c != '\0'; c++) {
        size_t length = *c == '@' ? strspn(c + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") : 0;
        if (length == 0 || c[length + 1] != '@') {
            buffer_putc(&filled, *c);
            continue;
        }
        bool port = strncmp(c + length - 4, "_PORT", 5) == 0, address = strncmp(c + length - 3, "_URL", 4) == 0;
        if (port)
            buffer_puts(&filled, "8080");
        else
            buffer_printf(&filled, "%s%.*s", address ? "https://" : "/places/", (int)length, c + 1);
        c += length + 1;
    }
    char *whole = arena_strdup(arena, buffer_text(&filled));
    buffer_release(&text);
    buffer_release(&filled);
    good(whole);
}

static void the_examples_are_good(void)
{
    load_example("site/certwright.yaml.example");
    CHECK(operator_profile(&config, "haproxy") != NULL && config.spending_count == 1);
    load_example("quickstart/certwright.yaml.in");
    CHECK_TEXT(config.manifests_directory, "/places/MANIFESTS");
    CHECK(operator_endpoint(&config, "offline")->sandbox);
    CHECK_INT(config.resolve_count, 2);
    CHECK_TEXT(config.clock_file, "/places/CLOCK");
}

static void every_setting_is_documented(void)
{
    for (size_t i = 0; i < operator_table.count; i++)
        CHECK(operator_table.fields[i].doc != NULL && operator_table.fields[i].doc[0] != '\0');
    const struct field *field = field_find(&operator_table, "limits.removals.percent", NULL);
    CHECK(field != NULL && field->doc != NULL);
}

int main(void)
{
    char pattern[] = "/tmp/certwright-operator-XXXXXX";
    if (mkdtemp(pattern) == NULL)
        return 1;
    snprintf(folder, sizeof folder, "%s", pattern);
    arena = arena_create();
    RUN(an_empty_file_means_the_defaults);
    RUN(every_setting_is_read);
    RUN(relative_paths_begin_at_the_files_folder);
    RUN(the_vendors_endpoints_are_always_there);
    RUN(a_vendors_own_host_is_known_under_any_spelling);
    RUN(what_is_wrong_is_said_with_its_place);
    RUN(all_errors_are_said_at_once);
    RUN(places_do_not_lie_in_one_another);
    RUN(a_turned_clock_and_money_never_meet);
    RUN(a_file_that_others_can_write_is_refused);
    RUN(a_file_that_is_named_must_be_there);
    RUN(an_ordinary_user_gets_the_xdg_places);
    RUN(the_examples_are_good);
    RUN(every_setting_is_documented);
    unlink(file_path("certwright.yaml"));
    rmdir(folder);
    arena_destroy(arena);
    return CHECK_REPORT();
}
