#include "manifest_set.h"

#include "base/clock.h"
#include "schema/issuer.h"

static struct arena *arena;
static struct manifest_set set;
static struct operator_config config;
static struct certificate_references references;
static int64_t now;

static struct deploy_root roots[] = {{.name = "nginx", .path = "/srv/nginx"}, {.name = "www", .path = "/srv/www"}};
static struct reload_profile profiles[] = {{.name = "nginx"}};

#define HEAD(kind, name) "apiVersion: certwright/v1alpha1\nkind: " kind "\nmetadata: {name: " name "}\nspec:\n"
#define ISSUER(name) \
    HEAD("Issuer", name) "  sslstore: {partnerCode: \"1\", authTokenSecretRef: {name: s, key: k}}\n---\n"
#define ACCOUNT(name, more) HEAD("DNSAccount", name) "  rfc2136: {nameserver: \"192.0.2.53:53\"}\n" more "---\n"
#define TARGET(name, more) HEAD("DeployTarget", name) "  local: {root: nginx}\n" more "---\n"
#define CHALLENGE "  challenge: {http: {root: www}}\n"
#define CERTIFICATE(spec) HEAD("Certificate", "shop") spec
#define MANUAL "  dcv: {dns: {manual: true}}\n"
#define SHOP "  dnsNames: [shop.example.com]\n  order: {product: positivessl}\n"

static void begin(void)
{
    arena_reset(arena);
    set = (struct manifest_set){.arena = arena};
    config = (struct operator_config){.path = "certwright.yaml", .roots = roots, .root_count = COUNT_OF(roots),
                                      .profiles = profiles, .profile_count = COUNT_OF(profiles)};
    now = clock_from_civil(2026, 11, 22, 0, 0, 0);
}

static bool resolve_in(const char *namespace_, const char *text)
{
    bool decoded = manifest_set_add(&set, "set.yaml", text);
    if (!decoded)
        manifest_set_print(&set.problems);
    CHECK(decoded);
    struct resource_lookup lookup = manifest_set_lookup(&set);
    const struct resource *certificate = manifest_set_find(&set, KIND_CERTIFICATE, namespace_, "shop");
    CHECK(certificate != NULL);
    return certificate_resolve(certificate, &lookup, &config, now, arena, &references, &set.problems);
}

static void good(const char *text)
{
    bool resolved = resolve_in("default", text);
    if (!resolved)
        manifest_set_print(&set.problems);
    CHECK(resolved);
}

static const struct problem *last_error(void)
{
    const struct problem *found = NULL;
    for (size_t i = 0; i < set.problems.count; i++)
        if (set.problems.items[i].severity == SEVERITY_ERROR)
            found = &set.problems.items[i];
    CHECK(found != NULL);
    return found;
}

static void bad(const char *text, const char *code)
{
    CHECK(!resolve_in("default", text));
    if (set.problems.errors != 1 || strcmp(last_error()->code, code) != 0)
        manifest_set_print(&set.problems);
    CHECK_INT(set.problems.errors, 1);
    CHECK_TEXT(last_error()->code, code);
    CHECK_TEXT(last_error()->resource, "certificate/shop");
}

static bool warned(const char *code)
{
    for (size_t i = 0; i < set.problems.count; i++)
        if (set.problems.items[i].severity == SEVERITY_WARNING && strcmp(set.problems.items[i].code, code) == 0)
            return true;
    return false;
}

static const char *last_message(void) { return set.problems.items[set.problems.count - 1].message; }
static const char *last_hint(void) { return last_error()->hint; }

/* ---- issuers ---- */

static void the_only_issuer_need_not_be_named(void)
{
    begin();
    good(ISSUER("main") CERTIFICATE(SHOP MANUAL));
    CHECK_TEXT(references.issuer->name, "main");
}

static void a_disabled_issuer_is_not_chosen(void)
{
    begin();
    good(ISSUER("main") HEAD("Issuer", "other") "  enabled: false\n  sslstore: {partnerCode: \"1\", authTokenSecretRef: "
         "{name: s, key: k}}\n---\n" CERTIFICATE(SHOP MANUAL));
    CHECK_TEXT(references.issuer->name, "main");
}

static void two_issuers_must_be_told_apart(void)
{
    begin();
    bad(ISSUER("one") ISSUER("two") CERTIFICATE(SHOP MANUAL), "ambiguous-issuer");
    CHECK(strstr(last_message(), "one, two") != NULL);
}

static void an_environment_must_be_known_to_the_operator(void)
{
    const char *text = HEAD("Issuer", "main") "  sslstore: {environment: offline, partnerCode: \"1\", "
                       "authTokenSecretRef: {name: s, key: k}}\n---\n" CERTIFICATE(SHOP MANUAL);
    begin();
    CHECK(!resolve_in("default", text));
    CHECK_TEXT(set.problems.items[0].code, "unknown-environment");
    CHECK_TEXT(set.problems.items[0].resource, "issuer/main");
    CHECK_INT(set.problems.items[0].position.line, 5);
    begin();
    struct endpoint offline = {.name = "offline", .url = "https://127.0.0.1/", .sandbox = true};
    config.endpoints = &offline;
    config.endpoint_count = 1;
    good(text);
    begin();
    config.path = NULL; /* somewhere else, without the operator's file: nothing can be said for sure */
    good(text);
    CHECK(warned("unknown-environment"));
}

static void a_turned_clock_keeps_away_from_the_vendor(void)
{
    begin();
    config.clock_file = "/tmp/clock";
    bad(ISSUER("main") CERTIFICATE(SHOP MANUAL), "clock-turned");
}

/* ---- namespaces ---- */

#define TEAM(spec) "apiVersion: certwright/v1alpha1\nkind: Certificate\nmetadata: {name: shop, namespace: team-a}\nspec:\n" spec

static const char *issuer_only[] = {"main"}, *domain_only[] = {"*.example.com"}, *root_only[] = {"nginx"};
static struct namespace_rule team_a = {.name = "team-a", .issuers = {issuer_only, 1}, .roots = {root_only, 1},
                                       .domains = {domain_only, 1}};

static void a_namespace_sees_its_own_things_only(void)
{
    begin();
    CHECK(!resolve_in("team-a", ISSUER("main") TEAM(SHOP MANUAL)));
    CHECK_TEXT(set.problems.items[0].code, "no-issuer");
}

static void the_operator_opens_what_stands_in_default(void)
{
    begin();
    config.namespaces = &team_a;
    config.namespace_count = 1;
    CHECK(resolve_in("team-a", ISSUER("main") ISSUER("other") TEAM(SHOP MANUAL)));
    CHECK_TEXT(references.issuer->name, "main");
}

static void not_opened_reads_as_not_there(void)
{
    char *closed, *absent;
    begin();
    config.namespaces = &team_a;
    config.namespace_count = 1;
    CHECK(!resolve_in("team-a", ISSUER("main") ISSUER("other") TEAM("  issuerRef: {name: other}\n" SHOP MANUAL)));
    closed = strdup(last_message());
    begin();
    config.namespaces = &team_a;
    config.namespace_count = 1;
    CHECK(!resolve_in("team-a", ISSUER("main") TEAM("  issuerRef: {name: other}\n" SHOP MANUAL)));
    absent = strdup(last_message());
    bool same = strcmp(closed, absent) == 0;
    free(closed);
    free(absent);
    CHECK(same);
}

static void an_unlisted_namespace_has_nothing_opened(void)
{
    begin();
    config.namespaces = &team_a;
    config.namespace_count = 1;
    CHECK(!resolve_in("team-b", "apiVersion: certwright/v1alpha1\nkind: Issuer\nmetadata: {name: main, namespace: team-b}\n"
                      "spec:\n  sslstore: {partnerCode: \"1\", authTokenSecretRef: {name: s, key: k}}\n---\n"
                      "apiVersion: certwright/v1alpha1\nkind: Certificate\nmetadata: {name: shop, namespace: team-b}\n"
                      "spec:\n" SHOP MANUAL));
    CHECK_INT(set.problems.errors, 2); /* no issuer, no domain */
    begin();
    config.namespaces = &team_a;
    config.namespace_count = 1;
    good(ISSUER("main") CERTIFICATE(SHOP MANUAL)); /* `default` is the operator's until listed */
}

static void names_and_roots_keep_to_the_namespace(void)
{
    begin();
    config.namespaces = &team_a;
    config.namespace_count = 1;
    CHECK(!resolve_in("team-a", ISSUER("main") TEAM("  dnsNames: [shop.example.org]\n  order: {product: positivessl}\n" MANUAL)));
    CHECK_TEXT(set.problems.items[0].code, "domain-not-open");
    begin();
    config.namespaces = &team_a;
    config.namespace_count = 1;
    CHECK(!resolve_in("team-a", ISSUER("main") "apiVersion: certwright/v1alpha1\nkind: DeployTarget\n"
                      "metadata: {name: web, namespace: team-a}\nspec:\n  local: {root: www}\n---\n"
                      TEAM(SHOP MANUAL "  targets: [{name: web}]\n")));
    CHECK_TEXT(set.problems.items[0].code, "unknown-root");
}

/* ---- DNS accounts ---- */

static void the_longest_zone_serves_a_name(void)
{
    begin();
    good(ISSUER("main") ACCOUNT("wide", "  zones: [example.com]\n") ACCOUNT("narrow", "  zones: [shop.example.com]\n")
         ACCOUNT("unknown", "") CERTIFICATE("  dnsNames: [www.shop.example.com, example.com]\n"
                                            "  order: {product: positivemdcssl}\n"));
    CHECK_TEXT(references.validations[0].dns_account->name, "narrow");
    CHECK_TEXT(references.validations[1].dns_account->name, "wide");
    CHECK(!references.validations[0].manual && references.validations[0].method == DCV_DNS);
}

static void an_account_of_unknown_zones_serves_what_no_zone_fits(void)
{
    begin();
    good(ISSUER("main") ACCOUNT("wide", "  zones: [example.org]\n") ACCOUNT("unknown", "") CERTIFICATE(SHOP));
    CHECK_TEXT(references.validations[0].dns_account->name, "unknown");
}

static void accounts_that_fit_equally_must_be_told_apart(void)
{
    begin();
    bad(ISSUER("main") ACCOUNT("one", "  zones: [example.com]\n") ACCOUNT("two", "  zones: [example.com]\n")
        CERTIFICATE(SHOP), "ambiguous-dns-account");
    begin();
    bad(ISSUER("main") ACCOUNT("one", "") ACCOUNT("two", "") CERTIFICATE(SHOP), "ambiguous-dns-account");
    CHECK(strstr(last_message(), "one, two") != NULL);
}

#define LABELLED(labels) \
    "apiVersion: certwright/v1alpha1\nkind: Certificate\nmetadata: {name: shop, labels: " labels "}\nspec:\n" SHOP
#define FOR(labels) "  selector: {matchLabels: " labels "}\n"

static void of_equal_accounts_the_one_selected_by_labels_serves(void)
{
    begin();
    good(ISSUER("main") ACCOUNT("any", "  zones: [example.com]\n")
         ACCOUNT("web", "  zones: [example.com]\n" FOR("{team: web}"))
         ACCOUNT("mail", "  zones: [example.com]\n" FOR("{team: mail}")) LABELLED("{team: web, x: y}"));
    CHECK_TEXT(references.validations[0].dns_account->name, "web");
    CHECK_TEXT(references.validations[0].dns_reason, "zone example.com and selector team: web");
    begin();
    good(ISSUER("main") ACCOUNT("any", "  zones: [example.com]\n")
         ACCOUNT("web", "  zones: [example.com]\n" FOR("{team: web}")) CERTIFICATE(SHOP));
    CHECK_TEXT(references.validations[0].dns_account->name, "any");
    begin();
    good(ISSUER("main") ACCOUNT("any", "") ACCOUNT("web", FOR("{team: web}")) LABELLED("{team: web}"));
    CHECK_TEXT(references.validations[0].dns_account->name, "web");
    CHECK_TEXT(references.validations[0].dns_reason, "selector team: web");
    begin();
    bad(ISSUER("main") ACCOUNT("any", "") ACCOUNT("web", FOR("{team: web}")) ACCOUNT("rest", FOR("{x: y}"))
        LABELLED("{team: web, x: y}"), "ambiguous-dns-account");
    CHECK(strstr(last_message(), "(rest, web)") != NULL);
    CHECK(strstr(last_hint(), "`selector`") != NULL);
}

static void a_longer_zone_counts_more_than_a_selector(void)
{
    begin();
    good(ISSUER("main") ACCOUNT("narrow", "  zones: [shop.example.com]\n")
         ACCOUNT("web", "  zones: [example.com]\n" FOR("{team: web}")) LABELLED("{team: web}"));
    CHECK_TEXT(references.validations[0].dns_account->name, "narrow");
    CHECK_TEXT(references.validations[0].dns_reason, "zone shop.example.com is the longest");
}

static void an_account_for_other_labels_serves_only_who_names_it(void)
{
    begin();
    bad(ISSUER("main") ACCOUNT("web", "  zones: [example.com]\n" FOR("{team: web}")) CERTIFICATE(SHOP), "no-dns-account");
    begin();
    good(ISSUER("main") ACCOUNT("web", "  zones: [example.com]\n" FOR("{team: web}"))
         CERTIFICATE(SHOP "  dcv: {dns: {accountRef: {name: web}}}\n"));
    CHECK_TEXT(references.validations[0].dns_reason, "named in the manifest");
}

static void why_an_account_was_chosen_is_told(void)
{
    begin();
    good(ISSUER("main") ACCOUNT("wide", "  zones: [example.com]\n") ACCOUNT("off", "  zones: [shop.example.com]\n"
                                                                             "  enabled: false\n") CERTIFICATE(SHOP));
    CHECK_TEXT(references.validations[0].dns_reason, "zone example.com");
    begin();
    good(ISSUER("main") ACCOUNT("asked", "") CERTIFICATE(SHOP));
    CHECK_TEXT(references.validations[0].dns_reason, "the only one that names no zones");
}

static void without_an_account_the_way_out_is_named(void)
{
    begin();
    bad(ISSUER("main") ACCOUNT("one", "  enabled: false\n") CERTIFICATE(SHOP), "no-dns-account");
    CHECK(strstr(last_hint(), "dcv.dns.manual: true") != NULL);
}

static void a_manual_account_means_a_person(void)
{
    begin();
    good(ISSUER("main") HEAD("DNSAccount", "hand") "  zones: [example.com]\n  manual: {}\n---\n" CERTIFICATE(SHOP));
    CHECK(references.validations[0].manual && references.validations[0].dns_account == NULL);
    begin();
    good(ISSUER("main") CERTIFICATE(SHOP MANUAL));
    CHECK(references.validations[0].manual);
}

static void a_wildcard_is_proven_at_its_base(void)
{
    begin();
    good(ISSUER("main") ACCOUNT("corp", "  zones: [apps.example.com]\n")
         CERTIFICATE("  dnsNames: [\"*.apps.example.com\"]\n  order: {product: digi_rapidssl_wc}\n"));
    CHECK_TEXT(references.validations[0].dns_account->name, "corp");
    CHECK_TEXT(references.validations[0].name, "*.apps.example.com");
}

/* ---- targets and challenge files ---- */

#define HTTP "  dcv: {method: HTTP}\n"

static void a_target_of_the_certificate_holds_its_file(void)
{
    begin();
    good(ISSUER("main") TARGET("web", CHALLENGE) TARGET("other", "  domains: [shop.example.com]\n" CHALLENGE)
         CERTIFICATE(SHOP HTTP "  targets: [{name: web}]\n"));
    CHECK_TEXT(references.validations[0].http_target->name, "web");
    CHECK_INT(references.target_count, 1);
}

static void a_target_that_lists_the_name_comes_first(void)
{
    begin();
    good(ISSUER("main") TARGET("any", CHALLENGE) TARGET("exact", "  domains: [\"*.example.com\"]\n" CHALLENGE)
         CERTIFICATE(SHOP HTTP "  targets: [{name: any}, {name: exact}]\n"));
    CHECK_TEXT(references.validations[0].http_target->name, "exact");
    begin();
    good(ISSUER("main") TARGET("edge", "  domains: [shop.example.com]\n" CHALLENGE) TARGET("web", "")
         CERTIFICATE(SHOP HTTP "  targets: [{name: web}]\n"));
    CHECK_TEXT(references.validations[0].http_target->name, "edge");
}

static void a_wildcard_of_a_target_reaches_deeper_names(void)
{
    begin();
    good(ISSUER("main") TARGET("web", "  domains: [\"*.example.com\"]\n" CHALLENGE)
         CERTIFICATE("  dnsNames: [www.shop.example.com]\n  order: {product: positivessl}\n" HTTP "  targets: [{name: web}]\n"));
    CHECK_TEXT(references.validations[0].http_target->name, "web");
    begin(); /* but not the zone itself, and not for targets that are not the certificate's own */
    bad(ISSUER("main") TARGET("web", "  domains: [\"*.example.com\"]\n" CHALLENGE)
        CERTIFICATE("  dnsNames: [example.com]\n  order: {product: positivessl}\n" HTTP "  targets: [{name: web}]\n"),
        "no-http-target");
    begin();
    bad(ISSUER("main") TARGET("web", "  domains: [\"*.example.com\"]\n" CHALLENGE)
        CERTIFICATE("  dnsNames: [www.shop.example.com]\n  order: {product: positivessl}\n" HTTP), "no-http-target");
}

static void files_for_nobody_or_for_several_are_refused(void)
{
    begin();
    bad(ISSUER("main") TARGET("web", "") CERTIFICATE(SHOP HTTP "  targets: [{name: web}]\n"), "no-http-target");
    begin();
    bad(ISSUER("main") TARGET("one", CHALLENGE) TARGET("two", CHALLENGE)
        CERTIFICATE(SHOP HTTP "  targets: [{name: one}, {name: two}]\n"), "ambiguous-http-target");
    CHECK(strstr(last_message(), "one, two") != NULL);
    begin(); /* a target that is not the certificate's own must name the name */
    bad(ISSUER("main") TARGET("web", CHALLENGE) CERTIFICATE(SHOP HTTP), "no-http-target");
    begin();
    good(ISSUER("main") CERTIFICATE(SHOP "  dcv: {method: HTTP, http: {manual: true}}\n"));
    CHECK(references.validations[0].manual && references.validations[0].http_target == NULL);
}

static void targets_come_by_name_and_then_by_label(void)
{
    const char *targets = "apiVersion: certwright/v1alpha1\nkind: DeployTarget\nmetadata: {name: b, labels: {role: edge}}\n"
                          "spec: {local: {root: nginx}}\n---\n"
                          "apiVersion: certwright/v1alpha1\nkind: DeployTarget\nmetadata: {name: a, labels: {role: edge}}\n"
                          "spec: {local: {root: nginx}}\n---\n";
    begin();
    CHECK(manifest_set_add(&set, "targets.yaml", targets));
    good(ISSUER("main") TARGET("z", "") CERTIFICATE(SHOP MANUAL "  targets: [{name: z}, {name: b}, {name: z}]\n"
                                                    "  targetSelector: {matchLabels: {role: edge}}\n"));
    CHECK_INT(references.target_count, 3);
    CHECK_TEXT(references.targets[0]->name, "z");
    CHECK_TEXT(references.targets[1]->name, "b");
    CHECK_TEXT(references.targets[2]->name, "a");
    begin();
    good(ISSUER("main") CERTIFICATE(SHOP MANUAL "  targetSelector: {matchLabels: {role: edge}}\n"));
    CHECK(warned("selector-matches-nothing"));
    CHECK_INT(references.target_count, 0);
}

/* ---- products ---- */

static void a_former_product_code_is_told(void)
{
    begin();
    good(ISSUER("main") CERTIFICATE("  dnsNames: [shop.example.com]\n  order: {product: rapidssl}\n" MANUAL));
    CHECK(warned("former-product"));
    begin();
    good(ISSUER("main") CERTIFICATE("  dnsNames: [shop.example.com]\n  order: {product: digi_rapidssl}\n" MANUAL));
    CHECK_INT(set.problems.count, 0);
}

static void a_product_that_takes_the_names_is_proposed(void)
{
    begin();
    bad(ISSUER("main") CERTIFICATE("  dnsNames: [a.example.com, b.example.com]\n  order: {product: sectigoovssl}\n"
                                   "  organizationRef: {name: org}\n  adminContactRef: {name: petra}\n" MANUAL "---\n")
        HEAD("Organization", "org") "  name: Example Ltd\n  address: {lines: [Ring 1], city: Vienna, region: Vienna, "
        "postalCode: \"1010\", country: AT}\n  phone: \"+43 1 5550100\"\n---\n"
        HEAD("Contact", "petra") "  firstName: P\n  lastName: M\n  email: p@example.com\n  phone: \"+43 1 5550101\"\n",
        "single-domain-product");
    CHECK(strstr(last_hint(), "sectigomdc") != NULL);
}

static void a_domain_validated_order_needs_nobody(void)
{
    begin();
    good(ISSUER("main") CERTIFICATE(SHOP MANUAL));
    CHECK(references.organization == NULL && references.admin_contact == NULL && references.technical_contact == NULL);
}

#define EV_SET(product, organization, contact) \
    ISSUER("main") CERTIFICATE("  dnsNames: [shop.example.com]\n  order: {product: " product "}\n" \
                               "  organizationRef: {name: org}\n  adminContactRef: {name: petra}\n" MANUAL) \
    "---\n" HEAD("Organization", "org") "  name: Example Ltd\n  address: {lines: [Ring 1], city: Vienna, region: Vienna, " \
    "postalCode: \"1010\", country: AT}\n  phone: \"+43 1 5550100\"\n" organization "---\n" \
    HEAD("Contact", "petra") "  firstName: P\n  lastName: M\n  email: p@example.com\n  phone: \"+43 1 5550101\"\n" contact

static void ev_asks_for_what_the_ca_vets(void)
{
    begin();
    CHECK(!resolve_in("default", EV_SET("sectigoevssl", "", "")));
    CHECK_TEXT(set.problems.items[0].code, "jurisdiction-required");
    CHECK_TEXT(set.problems.items[0].resource, "organization/org");
    begin();
    good(EV_SET("sectigoevssl", "  jurisdiction: {country: AT}\n", ""));
    CHECK_TEXT(references.organization->name, "org");
    begin();
    CHECK(!resolve_in("default", EV_SET("digi_truebizid_ev_flex", "", "")));
    CHECK_TEXT(set.problems.items[0].code, "title-required");
    begin();
    good(EV_SET("digi_truebizid_ev_flex", "", "  title: Head of IT\n"));
    CHECK_TEXT(references.admin_contact->name, "petra");
}

/* ---- e-mail ---- */

#define MAIL(approver) "  dcv: {method: Email" approver "}\n"

#define NAME_64 "a234567890123456789012345678901234567890.b2345678901.example.org"
#define REQUEST "  csr: \"-----BEGIN CERTIFICATE REQUEST-----\"\n"
#define OF_NAMES(names) ISSUER("main") CERTIFICATE(names "  order: {product: positivemdcssl}\n" MANUAL)
#define OF_ORGANIZATION(more, name) \
    ISSUER("main") CERTIFICATE(SHOP "  organizationRef: {name: org}\n" more MANUAL) "---\n" HEAD("Organization", "org") \
    "  name: " name "\n  address: {city: Vienna, country: AT}\n  phone: \"+43 1 5550100\"\n"
#define EIGHT "üäöüäöüä"
#define SIXTY_FOUR EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT

/* What no request can hold is found before money is asked for. */
static void what_no_subject_holds_is_refused_unless_the_request_is_brought(void)
{
    begin();
    good(OF_NAMES("  dnsNames: [" NAME_64 "]\n"));
    begin();
    bad(OF_NAMES("  dnsNames: [x" NAME_64 "]\n"), "main-name-too-long");
    CHECK(strstr(last_hint(), "commonName") != NULL);
    begin();
    good(OF_NAMES("  commonName: example.org\n  dnsNames: [x" NAME_64 "]\n")); /* as the hint says */
    begin();
    good(OF_NAMES("  dnsNames: [x" NAME_64 "]\n" REQUEST));
    begin();
    good(OF_NAMES("  dnsNames: [x" NAME_64 "]\n  csrSecretRef: {name: s, key: k}\n"));
    begin();
    good(OF_ORGANIZATION("", SIXTY_FOUR));
    begin();
    CHECK(!resolve_in("default", OF_ORGANIZATION("", SIXTY_FOUR "x")));
    CHECK_TEXT(last_error()->code, "organization-name-too-long");
    CHECK_TEXT(last_error()->resource, "organization/org");
    begin();
    good(OF_ORGANIZATION(REQUEST, SIXTY_FOUR "x"));
}

static void an_approver_is_found_at_the_registrable_domain(void)
{
    begin();
    good(ISSUER("main") CERTIFICATE("  dnsNames: [a.b.example.co.uk]\n  order: {product: positivessl}\n" MAIL("")));
    CHECK_TEXT(references.validations[0].approver, "admin@example.co.uk");
    begin();
    good(ISSUER("main") CERTIFICATE("  dnsNames: [a.b.example.co.uk]\n  order: {product: positivessl}\n"
                                    MAIL(", email: {approver: Hostmaster@B.example.co.uk}")));
    CHECK_TEXT(references.validations[0].approver, "hostmaster@b.example.co.uk");
}

static void a_general_approver_is_for_the_names_it_fits(void)
{
    begin();
    good(ISSUER("main") CERTIFICATE("  dnsNames: [a.example.com, b.example.org]\n  order: {product: positivemdcssl}\n"
                                    MAIL(", email: {approver: webmaster@example.com}")));
    CHECK_TEXT(references.validations[0].approver, "webmaster@example.com");
    CHECK_TEXT(references.validations[1].approver, "admin@example.org");
}

static void email_ends_on_its_day(void)
{
    const char *text = ISSUER("main") CERTIFICATE(SHOP MAIL(""));
    begin();
    now = clock_from_civil(2026, 3, 14, 23, 59, 59);
    good(text);
    CHECK_INT(set.problems.count, 0);
    begin();
    now = clock_from_civil(2026, 3, 15, 0, 0, 0);
    good(text);
    CHECK(warned("email-discouraged"));
    CHECK(strstr(last_message(), "2028-03-15") != NULL);
    begin();
    now = clock_from_civil(2028, 3, 15, 0, 0, 0);
    bad(text, "email-forbidden");
    CHECK(strstr(last_message(), "SC-090") != NULL);
}

static void several_methods_are_for_sectigos_multi_domain_products(void)
{
#define THREE(product) \
    ISSUER("main") ACCOUNT("corp", "") TARGET("web", CHALLENGE) \
    CERTIFICATE("  dnsNames: [a.example.com, b.example.com, c.example.com]\n  order: {product: " product "}\n" \
                "  targets: [{name: web}]\n  dcv:\n    method: DNS\n    overrides:\n" \
                "      - {dnsNames: [b.example.com], method: HTTP}\n      - {dnsNames: [c.example.com], method: Email}\n")
    begin();
    good(THREE("positivemdcssl"));
    CHECK_INT(references.validation_count, 3);
    CHECK_INT(references.validations[0].method, DCV_DNS);
    CHECK_TEXT(references.validations[1].http_target->name, "web");
    CHECK_TEXT(references.validations[2].approver, "admin@example.com");
    begin();
    bad(THREE("digi_ssl_dv_geotrust_flex"), "mixed-methods");
    CHECK_INT(last_error()->position.line, 30);
}

/* ---- places ---- */

static void a_place_is_that_of_the_field(void)
{
    begin();
    CHECK(manifest_set_add(&set, "set.yaml", CERTIFICATE(SHOP "  dcv:\n    overrides:\n      - dnsNames: [shop.example.com]\n"
                                                         "        method: DNS\n")));
    const struct resource *shop = &set.resources.items[0];
    struct position position = manifest_position(shop, "spec.dcv.overrides[0].method");
    CHECK_INT(position.line, 10);
    CHECK_INT(position.column, 17);
    position = manifest_position(shop, "spec.dcv.overrides[0].dnsNames[0]");
    CHECK_INT(position.line, 9);
    CHECK_INT(position.column, 20);
    position = manifest_position(shop, "spec.dcv.dns.accountRef"); /* not written: the nearest around it */
    CHECK_INT(position.line, 7);
    CHECK_INT(position.column, 3);
    position = manifest_position(shop, "spec.dcv.overrides[7].method");
    CHECK_INT(position.line, 8);
    position = manifest_position(shop, "spec.order.product");
    CHECK_INT(position.line, 6);
    CHECK_INT(position.column, 20);
    struct resource stored = *shop;
    stored.spec_node = NULL;
    position = manifest_position(&stored, "spec.order.product");
    CHECK_INT(position.line, shop->position.line);
    CHECK_TEXT(position.file, "set.yaml");
}

static void without_places_all_is_judged_the_same(void)
{
    begin();
    CHECK(manifest_set_add(&set, "set.yaml", CERTIFICATE("  dnsNames: [\"*.example.com\"]\n  order: {product: positivessl}\n"
                                                         "  dcv: {method: HTTP}\n")));
    struct resource stored = set.resources.items[0];
    stored.spec_node = NULL;
    stored.position = (struct position){0};
    struct resource_lookup lookup = manifest_set_lookup(&set);
    CHECK(!certificate_resolve(&stored, &lookup, &config, now, arena, &references, &set.problems));
    CHECK_INT(set.problems.errors, 3); /* wildcard product, wildcard by file, no issuer */
}

static void what_is_said_twice_is_said_once(void)
{
    begin();
    CHECK(!resolve_in("default", ISSUER("main") CERTIFICATE("  dnsNames: [a.example.com, b.example.com, c.example.com]\n"
                      "  order: {product: positivemdcssl}\n  dcv: {dns: {accountRef: {name: none}}}\n")));
    CHECK_INT(set.problems.errors, 1);
    CHECK_TEXT(set.problems.items[0].code, "unknown-reference");
}

int main(void)
{
    arena = arena_create();
    RUN(the_only_issuer_need_not_be_named);
    RUN(a_disabled_issuer_is_not_chosen);
    RUN(two_issuers_must_be_told_apart);
    RUN(an_environment_must_be_known_to_the_operator);
    RUN(a_turned_clock_keeps_away_from_the_vendor);
    RUN(a_namespace_sees_its_own_things_only);
    RUN(the_operator_opens_what_stands_in_default);
    RUN(not_opened_reads_as_not_there);
    RUN(an_unlisted_namespace_has_nothing_opened);
    RUN(names_and_roots_keep_to_the_namespace);
    RUN(the_longest_zone_serves_a_name);
    RUN(an_account_of_unknown_zones_serves_what_no_zone_fits);
    RUN(accounts_that_fit_equally_must_be_told_apart);
    RUN(of_equal_accounts_the_one_selected_by_labels_serves);
    RUN(a_longer_zone_counts_more_than_a_selector);
    RUN(an_account_for_other_labels_serves_only_who_names_it);
    RUN(why_an_account_was_chosen_is_told);
    RUN(without_an_account_the_way_out_is_named);
    RUN(a_manual_account_means_a_person);
    RUN(a_wildcard_is_proven_at_its_base);
    RUN(a_target_of_the_certificate_holds_its_file);
    RUN(a_target_that_lists_the_name_comes_first);
    RUN(a_wildcard_of_a_target_reaches_deeper_names);
    RUN(files_for_nobody_or_for_several_are_refused);
    RUN(targets_come_by_name_and_then_by_label);
    RUN(a_former_product_code_is_told);
    RUN(a_product_that_takes_the_names_is_proposed);
    RUN(a_domain_validated_order_needs_nobody);
    RUN(ev_asks_for_what_the_ca_vets);
    RUN(what_no_subject_holds_is_refused_unless_the_request_is_brought);
    RUN(an_approver_is_found_at_the_registrable_domain);
    RUN(a_general_approver_is_for_the_names_it_fits);
    RUN(email_ends_on_its_day);
    RUN(several_methods_are_for_sectigos_multi_domain_products);
    RUN(a_place_is_that_of_the_field);
    RUN(without_places_all_is_judged_the_same);
    RUN(what_is_said_twice_is_said_once);
    arena_destroy(arena);
    return CHECK_REPORT();
}
