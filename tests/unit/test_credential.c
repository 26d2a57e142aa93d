#include "make_view.h"

#include "reconcilers/dns/credential.h"

static struct arena *arena;
static struct manifest_set set;

static const struct resource *account(const char *more)
{
    arena_reset(arena);
    set = (struct manifest_set){.arena = arena};
    bool ok = manifest_set_add(
        &set, "a.yaml",
        arena_printf(arena,
                     MADE_DOCUMENT("DNSAccount", "corp") "  route53: {accessKeyID: AKIAIOSFODNN7EXAMPLE, "
                                                         "secretAccessKeySecretRef: {name: s, key: k}}\n%s",
                     more));
    if (!ok)
        manifest_set_print(&set.problems);
    CHECK(ok);
    return manifest_set_find(&set, KIND_DNS_ACCOUNT, "default", "corp");
}

static void an_end_that_is_not_told_is_no_matter(void)
{
    struct credential credential = dns_credential(account(""), MADE_NOW, arena);
    CHECK_INT(credential.stage, CREDENTIAL_FINE);
    CHECK(credential.end == 0 && credential.next == 0 && credential.human == NULL);
}

static void an_end_is_warned_of_thirty_and_seven_days_ahead(void)
{
    const int64_t day = 86400;
    const struct resource *corp = account("  credentialExpiresAt: \"2027-06-30\"\n");
    int64_t end = clock_from_civil(2027, 6, 30, 0, 0, 0);
    static const struct {
        int before_s, stage, next_before_days;
    } rows[] = {
        {31 * 86400, CREDENTIAL_FINE, 30},           {30 * 86400 + 1, CREDENTIAL_FINE, 30},
        {30 * 86400, CREDENTIAL_ENDS_IN_30_DAYS, 7}, {7 * 86400 + 1, CREDENTIAL_ENDS_IN_30_DAYS, 7},
        {7 * 86400, CREDENTIAL_ENDS_IN_7_DAYS, 0},   {1, CREDENTIAL_ENDS_IN_7_DAYS, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct credential c = dns_credential(corp, end - rows[i].before_s, arena);
        CHECK_INT(c.stage, rows[i].stage);
        CHECK(c.next == end - rows[i].next_before_days * day);
        CHECK_TEXT(c.code, rows[i].stage == CREDENTIAL_FINE ? "CredentialFine" : "CredentialExpiring");
        CHECK((c.human != NULL) == (rows[i].stage != CREDENTIAL_FINE));
        CHECK(dns_credential_good(corp, end - rows[i].before_s, arena, NULL));
    }
}

static void an_ended_credential_says_the_cure(void)
{
    const struct resource *corp = account("  credentialExpiresAt: \"2027-06-30T02:00:00+02:00\"\n");
    int64_t end = clock_from_civil(2027, 6, 30, 0, 0, 0);
    struct error err = {0};
    struct credential credential = dns_credential(corp, end, arena);
    CHECK_INT(credential.stage, CREDENTIAL_ENDED);
    CHECK_INT(credential.next, 0);
    CHECK_TEXT(credential.code, "CredentialExpired");
    CHECK(!dns_credential_good(corp, end + 1, arena, &err));
    CHECK_INT(err.kind, ERROR_CREDENTIAL);
    CHECK(strstr(err.message, "ended on 2027-06-30T00:00:00Z") != NULL);
    CHECK(strstr(err.message, "spec.credentialExpiresAt") != NULL);
}

static void limits_are_lowered_by_a_manifest_and_set_by_the_operator(void)
{
    const struct resource *corp = account("");
    struct operator_config config = {0};
    struct dns_limits limits = dns_account_limits(&config, corp->dns_account);
    CHECK_INT(limits.requests_per_second, 5);
    CHECK_INT(limits.burst, 5);
    corp = account("  limits: {requestsPerSecond: 2}\n");
    limits = dns_account_limits(&config, corp->dns_account);
    CHECK_INT(limits.requests_per_second, 2);
    CHECK_INT(limits.burst, 2);
    corp = account("  limits: {requestsPerSecond: 100, burst: 100}\n");
    limits = dns_account_limits(&config, corp->dns_account);
    CHECK_INT(limits.requests_per_second, 5);
    CHECK_INT(limits.burst, 5);
    struct dns_service_limits own[] = {{"cloudflare", 1, 1}, {"route53", 10, 50}};
    config.dns_limits = own;
    config.dns_limit_count = COUNT_OF(own);
    limits = dns_account_limits(&config, corp->dns_account);
    CHECK_INT(limits.requests_per_second, 10);
    CHECK_INT(limits.burst, 50);
}

static void every_service_over_http_has_limits(void)
{
    static const bool http[DNS_PROVIDER_COUNT] = {[DNS_PROVIDER_CLOUDFLARE] = true,
                                                  [DNS_PROVIDER_ROUTE53] = true,
                                                  [DNS_PROVIDER_AZURE_DNS] = true,
                                                  [DNS_PROVIDER_GODADDY] = true,
                                                  [DNS_PROVIDER_CLOUDNS] = true};
    for (enum dns_provider p = 0; p < DNS_PROVIDER_COUNT; p++) {
        struct dns_limits limits = dns_provider_limits(p);
        CHECK((limits.requests_per_second > 0) == http[p] && (limits.burst > 0) == http[p]);
    }
}

/* ---- what is decided ---- */

static struct made made;
#define OLD(more) \
    MADE_CERTIFICATE("  dnsNames: [shop.example.net, www.example.com]\n  order: {product: positivemdcssl}\n" \
                     "  targets: [{name: web}]\n") \
    MADE_DOCUMENT("DNSAccount", "old") \
    "  zones: [example.net]\n  rfc2136: {nameserver: \"192.0.2.53:53\"}\n" more
#define ENDED "  credentialExpiresAt: \"2026-11-01\"\n"

static struct step begin(const char *manifests)
{
    arena_reset(arena);
    made_begin(&made, arena, manifests);
    return certificate_decide(&made.view, arena);
}

static void nothing_is_bought_for_an_account_whose_credential_ended(void)
{
    CHECK_INT(begin(OLD("")).action, ACTION_PREPARE);
    struct step step = begin(OLD(ENDED));
    CHECK_INT(step.action, ACTION_BLOCKED);
    CHECK_TEXT(step.code, "CredentialExpired");
    CHECK(strstr(step.reason, "DNSAccount old ended on 2026-11-01") != NULL && step.human != NULL);
}

static void the_other_names_go_on(void)
{
    begin(OLD(ENDED));
    made_placed(&made);
    struct step step = certificate_decide(&made.view, arena);
    CHECK_INT(step.action, ACTION_PRESENT);
    CHECK_TEXT(step.subject, "www.example.com");
    made.view.challenges[step.index].state = CHALLENGE_SEEN;
    step = certificate_decide(&made.view, arena);
    CHECK_INT(step.action, ACTION_BLOCKED);
    CHECK_TEXT(step.code, "CredentialExpired");
}

static void a_proof_that_cannot_be_taken_away_keeps_nothing_from_being_deployed(void)
{
    begin(OLD(ENDED));
    made_placed(&made);
    made_issued(&made);
    made_challenges(&made, CHALLENGE_SEEN);
    struct step step = certificate_decide(&made.view, arena);
    CHECK_INT(step.action, ACTION_REMOVE); /* of the account that is still good */
    CHECK_TEXT(step.subject, "www.example.com");
    made.view.challenges[step.index].state = CHALLENGE_GONE;
    step = certificate_decide(&made.view, arena);
    CHECK_INT(step.action, ACTION_STAGE);
    made.view.rollout_count = 0;
    step = certificate_decide(&made.view, arena);
    CHECK_INT(step.action, ACTION_WAIT);
    CHECK_TEXT(step.code, "CleaningUp");
    CHECK(strstr(step.reason, "ended on") != NULL && step.human != NULL && step.due > made.view.now);
}

int main(void)
{
    arena = arena_create();
    RUN(an_end_that_is_not_told_is_no_matter);
    RUN(an_end_is_warned_of_thirty_and_seven_days_ahead);
    RUN(an_ended_credential_says_the_cure);
    RUN(limits_are_lowered_by_a_manifest_and_set_by_the_operator);
    RUN(every_service_over_http_has_limits);
    RUN(nothing_is_bought_for_an_account_whose_credential_ended);
    RUN(the_other_names_go_on);
    RUN(a_proof_that_cannot_be_taken_away_keeps_nothing_from_being_deployed);
    arena_destroy(arena);
    return CHECK_REPORT();
}
