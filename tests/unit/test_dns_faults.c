/* What the DNS services answer when they refuse, as dns-providers.md lists it (2.2, 2.8, 3.6, 4.7, 6.5, 7.4),
 * and the kind of error that we make of it: who can cure it, in words that say how. */
#include "check.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "reconcilers/dns/service_answers.h"
#include "schema/resource.h"

struct fault_case {
    int status;
    const char *code, *words;
    enum error_kind kind;
    const char *says; /* in the advice; NULL: the kind and the service's own words are enough */
};
struct fault_cases {
    const struct service *service;
    const struct fault_case *items;
    size_t count;
};

static const struct fault_case login_cases[] = {
    {401, "invalid_client", "AADSTS7000215: Invalid client secret provided.", ERROR_CREDENTIAL, "not its id"},
    {401, "invalid_client", "AADSTS7000222: The provided client secret keys are expired.", ERROR_CREDENTIAL,
     "expired"},
    {400, "unauthorized_client", "AADSTS700016: Application not found", ERROR_CREDENTIAL, "clientID"},
    {400, "invalid_request", "AADSTS90002: Tenant not found.", ERROR_CREDENTIAL, "no such directory"},
    {400, "invalid_request", "AADSTS900023: Specified tenant identifier", ERROR_CREDENTIAL,
     "not well formed"},
    {400, "invalid_request", "AADSTS90033: A transient error has occurred.", ERROR_UNREACHABLE, NULL},
    {400, "invalid_request", "AADSTS50196: client request loop", ERROR_THROTTLED, "too many"},
    {503, "temporarily_unavailable", "", ERROR_UNREACHABLE, NULL},
    {401, "invalid_client", "AADSTS1: of some kind", ERROR_CREDENTIAL, "not accepted"},
    {400, "unauthorized_client", "AADSTS1: of some kind", ERROR_CREDENTIAL, "not accepted"},
    {400, "invalid_request", "AADSTS1: of some kind", ERROR_CREDENTIAL, "not accepted"},
    {429, "", "", ERROR_THROTTLED, NULL},
    {500, "", "", ERROR_UNREACHABLE, NULL},
};
static const struct fault_case azure_cases[] = {
    {400, "BadRequest", "The domain name 'x' is invalid.", ERROR_REFUSED, NULL},
    {401, "AuthenticationFailed", "", ERROR_CREDENTIAL, "token"},
    {401, "InvalidAuthenticationToken", "", ERROR_CREDENTIAL, "token"},
    {401, "ExpiredAuthenticationToken", "", ERROR_CREDENTIAL, "token"},
    {401, "InvalidAuthenticationTokenTenant", "", ERROR_CREDENTIAL, "token"},
    {403, "AuthorizationFailed", "… Microsoft.Network/dnsZones/TXT/write", ERROR_CREDENTIAL,
     "DNS Zone Contributor"},
    {409, "ScopeLocked", "", ERROR_REFUSED, "lock"},
    {404, "NotFound", "The resource record 'x' does not exist", ERROR_NOT_FOUND, NULL},
    {404, "ResourceNotFound", "", ERROR_NOT_FOUND, "zone"},
    {404, "ParentResourceNotFound", "", ERROR_NOT_FOUND, "zone"},
    {404, "ResourceGroupNotFound", "", ERROR_MANIFEST, "resourceGroupName"},
    {404, "SubscriptionNotFound", "", ERROR_MANIFEST, "subscriptionID"},
    {400, "InvalidSubscriptionId", "", ERROR_MANIFEST, "subscriptionID"},
    {409, "Conflict", "", ERROR_CONFLICT, "not ours"},
    {412, "PreconditionFailed", "", ERROR_CONFLICT, "somebody else"},
    {429, "TooManyRequests", "", ERROR_THROTTLED, "too many"},
    {408, "", "", ERROR_UNREACHABLE, NULL},
    {500, "", "", ERROR_UNREACHABLE, NULL},
    {502, "", "", ERROR_UNREACHABLE, NULL},
    {503, "", "", ERROR_UNREACHABLE, NULL},
    {504, "", "", ERROR_UNREACHABLE, NULL},
};
static const struct fault_case cloudflare_cases[] = {
    {400, "6003", "Invalid request headers: Invalid format for Authorization header, 6111", ERROR_CREDENTIAL,
     "apiTokenSecretRef"},
    {400, "6003", "Invalid request headers: Invalid format for X-Auth-Key header, 6103", ERROR_CREDENTIAL,
     "apiKeySecretRef"},
    {400, "9106", "Missing X-Auth-Key, X-Auth-Email or Authorization headers", ERROR_CREDENTIAL,
     "no credential"},
    {403, "9103", "Unknown X-Auth-Key or X-Auth-Email", ERROR_CREDENTIAL, "Global API Key"},
    {403, "9109", "Invalid access token", ERROR_CREDENTIAL, "Zone/DNS/Edit"},
    {403, "9109", "Cannot use the access token from location: 192.0.2.1 address", ERROR_CREDENTIAL,
     "this host's address"},
    {403, "10000", "Authentication error", ERROR_CREDENTIAL, "expired"},
    {404, "7003", "Could not route to /zones/x", ERROR_NOT_FOUND, "zone"},
    {404, "7000", "No route for that URI", ERROR_NOT_FOUND, "zone"},
    {400, "1004", "DNS Validation Error: Content for TXT record is invalid, 9007", ERROR_REFUSED, NULL},
    {400, "81053", "An A, AAAA, or CNAME record with that host already exists.", ERROR_CONFLICT,
     "stand at that name"},
    {400, "81054", "", ERROR_CONFLICT, "stand at that name"},
    {400, "81056", "", ERROR_CONFLICT, "stand at that name"},
    {400, "81045", "", ERROR_REFUSED, "plan"},
    {429, "971", "rate limited", ERROR_THROTTLED, "too many"},
    {429, "", "", ERROR_THROTTLED, "too many"},
    {502, "", "", ERROR_UNREACHABLE, NULL},
    {522, "", "", ERROR_UNREACHABLE, NULL},
};
static const struct fault_case route53_cases[] = {
    {400, "Throttling", "Rate exceeded", ERROR_THROTTLED, "too many"},
    {400, "ThrottlingException", "", ERROR_THROTTLED, "too many"},
    {503, "Throttling", "Rate exceeded", ERROR_THROTTLED, "too many"},
    {429, "", "", ERROR_THROTTLED, NULL},
    {400, "PriorRequestNotComplete", "", ERROR_THROTTLED, "earlier change"},
    {400, "InvalidChangeBatch", "[Tried to create resource record set [name='x'] but it already exists]",
     ERROR_CONFLICT, NULL},
    {400, "InvalidChangeBatch", "[Tried to delete resource record set [name='x'] but it was not found]",
     ERROR_CONFLICT, NULL},
    {400, "InvalidChangeBatch", "but the values provided do not match the current values]", ERROR_CONFLICT,
     NULL},
    {400, "InvalidChangeBatch", "RRSet with DNS name x is not permitted in zone y", ERROR_REFUSED, "zone"},
    {400, "InvalidChangeBatch", "it conflicts with other records with the same DNS name", ERROR_CONFLICT,
     "other records"},
    {400, "InvalidChangeBatch", "cannot be created as other RRSets exist with the same name", ERROR_CONFLICT,
     "other records"},
    {400, "InvalidChangeBatch", "rdata provided is invalid", ERROR_REFUSED, NULL},
    {400, "InvalidInput", "", ERROR_REFUSED, NULL},
    {400, "InvalidDomainName", "", ERROR_REFUSED, NULL},
    {400, "MalformedInput", "", ERROR_REFUSED, NULL},
    {403, "SignatureDoesNotMatch", "The request signature we calculated does not match", ERROR_CREDENTIAL,
     "secret access key"},
    {403, "SignatureDoesNotMatch", "Signature expired: 20260115T123456Z is now earlier than", ERROR_SYSTEM,
     "clock"},
    {403, "SignatureDoesNotMatch", "Signature not yet current: ", ERROR_SYSTEM, "clock"},
    {403, "RequestExpired", "", ERROR_SYSTEM, "clock"},
    {403, "RequestTimeTooSkewed", "", ERROR_SYSTEM, "clock"},
    {403, "InvalidClientTokenId", "", ERROR_CREDENTIAL, "session token"},
    {403, "UnrecognizedClientException", "", ERROR_CREDENTIAL, "session token"},
    {403, "InvalidAccessKeyId", "", ERROR_CREDENTIAL, "access key"},
    {403, "MissingAuthenticationToken", "", ERROR_CREDENTIAL, "signature"},
    {400, "IncompleteSignature", "", ERROR_CREDENTIAL, "access key's id"},
    {403, "ExpiredToken", "", ERROR_CREDENTIAL, "expired"},
    {403, "ExpiredTokenException", "", ERROR_CREDENTIAL, "expired"},
    {403, "AccessDenied", "User: x is not authorized to perform: route53:GetChange", ERROR_CREDENTIAL,
     "policy"},
    {404, "NoSuchHostedZone", "", ERROR_NOT_FOUND, "hosted zone"},
    {404, "NoSuchChange", "", ERROR_NOT_FOUND, NULL},
    {400, "ServiceUnavailable", "", ERROR_UNREACHABLE, NULL},
    {500, "InternalFailure", "", ERROR_UNREACHABLE, NULL},
    {500, "InternalError", "", ERROR_UNREACHABLE, NULL},
    {503, "", "", ERROR_UNREACHABLE, NULL},
};
static const struct fault_case godaddy_cases[] = {
    {400, "INVALID_VALUE", "", ERROR_REFUSED, NULL},
    {401, "", "", ERROR_CREDENTIAL, "OTE"},
    {400, "UNABLE_TO_AUTHENTICATE", "", ERROR_CREDENTIAL, "OTE"},
    {400, "MALFORMED_CREDENTIALS", "", ERROR_CREDENTIAL, "well formed"},
    {403, "ACCESS_DENIED", "Authenticated user is not allowed access", ERROR_CREDENTIAL,
     "10 or more domains"},
    {404, "NOT_FOUND", "", ERROR_NOT_FOUND, "domain"},
    {404, "UNKNOWN_DOMAIN", "", ERROR_NOT_FOUND, "domain"},
    {409, "", "", ERROR_REFUSED, "state"},
    {422, "INVALID_BODY", "", ERROR_REFUSED, NULL},
    {429, "TOO_MANY_REQUESTS", "", ERROR_THROTTLED, "too many"},
    {429, "QUOTA_EXCEEDED", "", ERROR_THROTTLED, "quota"},
    {500, "", "", ERROR_UNREACHABLE, NULL},
    {504, "", "", ERROR_UNREACHABLE, NULL},
};
static const struct fault_case cloudns_cases[] = {
    {200, "Failed", "Invalid authentication, incorrect auth-id or auth-password.", ERROR_CREDENTIAL,
     "password"},
    {200, "Failed", "Invalid authentication, incorrect sub-auth-id, sub-auth-user or auth-password.",
     ERROR_CREDENTIAL, "password"},
    {200, "Failed", "You don't have access to the HTTP API. Check your plan.", ERROR_CREDENTIAL, "plan"},
    {200, "Failed", "Missing domain-name", ERROR_NOT_FOUND, "zone"},
    {200, "Failed", "Invalid TTL. Choose from the list of the values we support.", ERROR_REFUSED, NULL},
    {200, "Failed", "Invalid record-id param.", ERROR_REFUSED, NULL},
    {200, "Failed", "This record type is not supported.", ERROR_REFUSED, NULL},
    {200, "Failed", "Request blocked. 192.0.2.7 is sending more than 20 requests per second.",
     ERROR_THROTTLED, "too many"},
    {200, "Failed", "Missing required parameter 'page'.", ERROR_REFUSED, NULL},
    {200, "Failed", "You can't have CNAME beside other records", ERROR_CONFLICT, "other records"},
    {503, "", "", ERROR_UNREACHABLE, NULL},
};
#define OF(service, cases) \
    { \
        &(service), cases, COUNT_OF(cases) \
    }
static const struct fault_cases services[] = {
    OF(azure_login, login_cases),
    OF(azure_management, azure_cases),
    OF(cloudflare_service, cloudflare_cases),
    OF(route53_service, route53_cases),
    OF(godaddy_service, godaddy_cases),
    OF(cloudns_service, cloudns_cases),
};

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void each_refusal_has_its_kind_and_its_cure(void)
{
    for (size_t s = 0; s < COUNT_OF(services); s++)
        for (size_t i = 0; i < services[s].count; i++) {
            const struct fault_case *c = &services[s].items[i];
            struct service_fault fault = service_judge(services[s].service, c->status, c->code, c->words);
            if (fault.kind != c->kind ||
                (c->says != NULL && (fault.advice == NULL || strstr(fault.advice, c->says) == NULL)))
                fprintf(stderr, "%s: %d %s \"%s\" is %s \"%s\"\n", services[s].service->label, c->status,
                        c->code, c->words, error_kind_name(fault.kind),
                        fault.advice != NULL ? fault.advice : "");
            CHECK_INT(fault.kind, c->kind);
            CHECK(c->says == NULL || (fault.advice != NULL && strstr(fault.advice, c->says) != NULL));
        }
}

static void every_row_of_the_tables_is_met(void)
{
    for (size_t s = 0; s < COUNT_OF(services); s++) {
        const struct service *service = services[s].service;
        for (size_t row = 0; row < service->fault_count; row++) {
            const struct service_fault *wanted = &service->faults[row];
            bool met = false;
            for (size_t i = 0; i < services[s].count && !met; i++) {
                const struct fault_case *c = &services[s].items[i];
                struct service_fault fault = service_judge(service, c->status, c->code, c->words);
                met = fault.status == wanted->status && same_text(fault.code, wanted->code) &&
                      same_text(fault.words, wanted->words) && fault.kind == wanted->kind;
            }
            if (!met)
                fprintf(stderr, "%s: nothing meets row %zu (%s)\n", service->label, row,
                        wanted->code != NULL ? wanted->code : "");
            CHECK(met);
        }
    }
}

static void what_a_person_must_cure_says_how(void)
{
    for (size_t s = 0; s < COUNT_OF(services); s++)
        for (size_t row = 0; row < services[s].service->fault_count; row++) {
            const struct service_fault *fault = &services[s].service->faults[row];
            bool person = fault->kind == ERROR_CREDENTIAL || fault->kind == ERROR_MANIFEST ||
                          fault->kind == ERROR_SYSTEM;
            CHECK(!person || fault->advice != NULL);
            CHECK(fault->wait_s == 0 || fault->kind == ERROR_THROTTLED);
        }
}

/* ---- what is remembered ---- */

static void refuse(struct service_session *session, int status, const char *code)
{
    struct service_request request = {.doing = "testing"};
    struct service_answer answer = {.status = status, .code = code, .words = "", .body = ""};
    struct error err = {0};
    CHECK(!service_fail(session, &request, &answer, &err));
    CHECK(strstr(err.message, "DNSAccount corp") != NULL);
}

static void refused_credentials_are_no_longer_trusted_with_what_they_showed(void)
{
    struct arena *arena = arena_create();
    struct resource account = {.kind = KIND_DNS_ACCOUNT, .namespace_ = "default", .name = "corp"};
    struct context ctx = {.arena = arena};
    struct service_session session = {
        .ctx = &ctx, .account = &account, .service = &azure_management, .key = "https://x default/corp 12"};
    service_remember("token https://x default/corp 12", "t", 60000);
    service_remember("zone example.com https://x default/corp 12", "id", 60000);
    service_remember("zone example.com https://x default/corp 34", "other", 60000);
    refuse(&session, 429, "");
    refuse(&session, 403, "AuthorizationFailed"); /* one right is missing: the rest stays */
    CHECK_TEXT(service_recall(arena, "token https://x default/corp 12"), "t");
    refuse(&session, 401, "InvalidAuthenticationToken");
    CHECK(service_recall(arena, "token https://x default/corp 12") == NULL);
    CHECK(service_recall(arena, "zone example.com https://x default/corp 12") == NULL);
    CHECK_TEXT(service_recall(arena, "zone example.com https://x default/corp 34"), "other");
    arena_destroy(arena);
}

int main(void)
{
    RUN(refused_credentials_are_no_longer_trusted_with_what_they_showed);
    RUN(each_refusal_has_its_kind_and_its_cure);
    RUN(every_row_of_the_tables_is_met);
    RUN(what_a_person_must_cure_says_how);
    return CHECK_REPORT();
}
