/* Reading what Azure says: the token endpoint, zones and record sets (dns-providers.md 2). */
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "reconcilers/dns/service_answers.h"

static const struct service_fault login_faults[] = {
    {0, NULL, "AADSTS7000215", ERROR_CREDENTIAL,
     "the client secret is wrong (its value is wanted, not its id)", 0},
    {0, NULL, "AADSTS7000222", ERROR_CREDENTIAL, "the client secret has expired: make a new one", 0},
    {0, NULL, "AADSTS700016", ERROR_CREDENTIAL, "the directory (tenantID) has no such application (clientID)",
     0},
    {0, NULL, "AADSTS900023", ERROR_CREDENTIAL, "the directory (tenantID) is not well formed", 0}, /* before its prefix */
    {0, NULL, "AADSTS90002", ERROR_CREDENTIAL, "there is no such directory (tenantID)", 0},
    {0, NULL, "AADSTS90033", ERROR_UNREACHABLE, NULL, 0},
    {0, NULL, "AADSTS50196", ERROR_THROTTLED, "too many requests", 0},
    {0, "temporarily_unavailable", NULL, ERROR_UNREACHABLE, NULL, 0},
    {0, "invalid_client", NULL, ERROR_CREDENTIAL, "the application or its secret is not accepted", 0},
    {0, "unauthorized_client", NULL, ERROR_CREDENTIAL, "the application is not accepted", 0},
    {0, "invalid_request", NULL, ERROR_CREDENTIAL, "the directory or the application is not accepted", 0},
};

static const struct service_fault faults[] = {
    {0, "ScopeLocked", NULL, ERROR_REFUSED, "a lock in Azure forbids changes of the zone", 0},
    {0, "AuthorizationFailed", NULL, ERROR_CREDENTIAL,
     "the application lacks the right (role \"DNS Zone Contributor\"; a new assignment takes minutes to "
     "work)",
     0},
    {401, NULL, NULL, ERROR_CREDENTIAL, "Azure does not accept the token that it gave", 0},
    {0, "ResourceGroupNotFound", NULL, ERROR_MANIFEST, "resourceGroupName does not fit the subscription", 0},
    {0, "SubscriptionNotFound", NULL, ERROR_MANIFEST, "subscriptionID is not known in that cloud", 0},
    {0, "InvalidSubscriptionId", NULL, ERROR_MANIFEST, "subscriptionID is not known in that cloud", 0},
    {404, "ParentResourceNotFound", NULL, ERROR_NOT_FOUND, "the zone is not there", 0},
    {404, "ResourceNotFound", NULL, ERROR_NOT_FOUND, "the zone is not there", 0},
    {409, NULL, NULL, ERROR_CONFLICT, "other records stand at that name, which are not ours to remove", 0},
    {412, NULL, NULL, ERROR_CONFLICT, "somebody else is changing the same name", 0},
    {429, NULL, NULL, ERROR_THROTTLED, "too many requests", 0},
};

/* {"error": "invalid_client", "error_description": "AADSTS7000215: …\r\nTrace ID: …"} */
static void read_login_failure(struct service_answer *answer, struct arena *arena)
{
    const char *code = json_string(json_member(answer->json, "error"));
    const char *words = json_string(json_member(answer->json, "error_description"));
    if (service_succeeded(answer))
        return;
    answer->code = code != NULL ? code : "";
    answer->words = words != NULL ? arena_strndup(arena, words, strcspn(words, "\r\n")) : "";
}

/* {"error": {"code", "message"}} from the front, {"code", "message"} from the DNS service itself. */
static void read_failure(struct service_answer *answer, struct arena *arena)
{
    const struct json *inner = json_member(answer->json, "error");
    const struct json *object = json_is_object(inner) ? inner : answer->json;
    const char *code = json_string(json_member(object, "code")),
               *words = json_string(json_member(object, "message"));
    (void)arena;
    if (service_succeeded(answer))
        return;
    answer->code = code != NULL ? code : "";
    answer->words = words != NULL ? words : "";
}

const struct service azure_login = {
    .label = "Azure's sign-in",
    .endpoint = "azure-login",
    .url = "https://login.microsoftonline.com",
    .faults = login_faults,
    .fault_count = COUNT_OF(login_faults),
    .read_failure = read_login_failure,
};
const struct service azure_management = {
    .label = "Azure DNS",
    .endpoint = "azure-management",
    .url = "https://management.azure.com",
    .faults = faults,
    .fault_count = COUNT_OF(faults),
    .read_failure = read_failure,
};

bool azure_read_token(const struct json *json, struct arena *arena, const char **out_token,
                      int64_t *out_seconds, struct error *err)
{
    const char *token = json_string(json_member(json, "access_token"));
    const char *type = json_string(json_member(json, "token_type"));
    int64_t seconds = 0;
    if (token == NULL || *token == '\0' || type == NULL || strcasecmp(type, "Bearer") != 0)
        return error_raise(err, ERROR_MALFORMED, "the answer cannot be used: it holds no token");
    for (const unsigned char *c = (const unsigned char *)token; *c != '\0'; c++) {
        if (*c <= 0x20 || *c >= 0x7f)
            return error_raise(err, ERROR_MALFORMED, "the answer cannot be used: its token is none");
    }
    json_int(json_member(json, "expires_in"), &seconds); /* a number, at the older endpoint a string */
    *out_token = arena_strdup(arena, token);
    *out_seconds = seconds > 0 && seconds <= 86400 * 7 ? seconds : 600;
    return true;
}

enum service_finding azure_read_zone(const struct json *json, const char *zone, struct arena *arena,
                                     struct service_zone *out, struct error *err)
{
    const struct json *properties = json_member(json, "properties");
    const char *name = json_string(json_member(json, "name"));
    const char *type = json_string(json_member(properties, "zoneType"));
    if (name == NULL || !service_same_name(name, zone) || !json_is_object(properties)) {
        error_raise(err, ERROR_MALFORMED, "the answer cannot be used: it is not about zone %s", zone);
        return SERVICE_FAILED;
    }
    if (type != NULL && strcmp(type, "Public") != 0)
        return SERVICE_NOT_HERE;
    *out = (struct service_zone){.id = "zone"};
    const struct json *server = json_first(json_member(properties, "nameServers"));
    for (; server != NULL; server = json_next(server)) {
        if (json_string(server) != NULL)
            string_list_push(arena, &out->servers, arena_strdup(arena, json_string(server)));
    }
    return SERVICE_HERE;
}

/* What we do not understand we could not write back, so it is no answer. */
static bool read_values(const struct json *records, struct arena *arena, struct azure_set *out)
{
    for (const struct json *record = json_first(records); record != NULL; record = json_next(record)) {
        const struct json *strings = json_member(record, "value");
        struct string_list *value = arena_push(arena, &out->values, out->value_count);
        for (const struct json *s = json_first(strings); s != NULL; s = json_next(s)) {
            if (json_string(s) == NULL)
                return false;
            string_list_push(arena, value, arena_strdup(arena, json_string(s)));
        }
        if (!json_is_array(strings))
            return false;
    }
    return true;
}

bool azure_read_set(const struct json *json, struct arena *arena, struct azure_set *out, struct error *err)
{
    const struct json *properties = json_member(json, "properties"),
                      *metadata = json_member(properties, "metadata");
    const struct json *records = json_member(properties, "TXTRecords");
    const char *etag = json_string(json_member(json, "etag"));
    const char *cname = json_string(json_member(json_member(properties, "CNAMERecord"), "cname"));
    *out = (struct azure_set){.cname = arena_strdup(arena, cname)};
    bool good = etag != NULL && *etag != '\0' && text_is_plain_utf8(etag, strlen(etag), NULL) &&
                strpbrk(etag, "\r\n\t") == NULL && json_int(json_member(properties, "TTL"), &out->ttl) &&
                out->ttl >= 0 && (json_is_null(records) || json_is_array(records)) &&
                read_values(records, arena, out);
    for (const struct json *pair = json_first(metadata); pair != NULL; pair = json_next(pair)) {
        good = good && json_string(pair) != NULL && json_name(pair) != NULL;
        if (good)
            *arena_push(arena, &out->metadata, out->metadata_count) = (struct name_pair){
                arena_strdup(arena, json_name(pair)), arena_strdup(arena, json_string(pair))};
    }
    if (!good)
        return error_raise(err, ERROR_MALFORMED,
                           "the answer cannot be used: it is no record set that could be put back");
    out->etag = arena_strdup(arena, etag);
    out->is_alias = json_string(json_member(json_member(properties, "targetResource"), "id")) != NULL;
    return true;
}
