/* GoDaddy (dns-providers.md 6). PATCH adds records and keeps all others; PUT replaces, so it is only ever
 * sent for one name and type, and only to take our value out of a set that holds others'. The service has no
 * guard against two writers: ours take turns, and what was written is read again. */
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "base/secret.h"
#include "reconcilers/dns/service_answers.h"
#include "schema/resource.h"

extern const struct dns_provider_ops dns_godaddy;

enum { TTL_S = 600, QUOTA_S = 6 * 3600 };

static const struct service_fault faults[] = {
    {401, NULL, NULL, ERROR_CREDENTIAL,
     "the API key or its secret is wrong, or made for the other environment (Production, OTE)", 0},
    {0, "UNABLE_TO_AUTHENTICATE", NULL, ERROR_CREDENTIAL,
     "the API key or its secret is wrong, or made for the other environment (Production, OTE)", 0},
    {0, "MALFORMED_CREDENTIALS", NULL, ERROR_CREDENTIAL, "the API key or its secret is not well formed", 0},
    {403, NULL, NULL, ERROR_CREDENTIAL,
     "the account may not use the API for this: GoDaddy opens it to accounts with 10 or more domains or a "
     "Discount "
     "Domain Club plan, and for domains of their own",
     0},
    {429, "QUOTA_EXCEEDED", NULL, ERROR_THROTTLED, "the account's monthly quota of API calls is used up",
     QUOTA_S},
    {429, NULL, NULL, ERROR_THROTTLED, "too many requests", 60},
    {404, NULL, NULL, ERROR_NOT_FOUND, "the domain is not in the account, or has no zone there", 0},
    {409, NULL, NULL, ERROR_REFUSED, "the domain's state does not allow changes", 0},
};

/* {"code", "message", "fields": [{"path", "message"}], "retryAfterSec"} */
static void read_failure(struct service_answer *answer, struct arena *arena)
{
    const char *code = json_string(json_member(answer->json, "code"));
    const char *message = json_string(json_member(answer->json, "message"));
    const struct json *field = json_first(json_member(answer->json, "fields"));
    const char *path = json_string(json_member(field, "path")),
               *why = json_string(json_member(field, "message"));
    int64_t wait = 0;
    if (service_succeeded(answer))
        return;
    answer->code = code != NULL ? code : "";
    answer->words =
        arena_printf(arena, "%s%s%s%s%s", message != NULL ? message : "", path != NULL ? ": " : "",
                     path != NULL ? path : "", path != NULL && why != NULL ? " " : "",
                     path != NULL && why != NULL ? why : "");
    if (json_int(json_member(answer->json, "retryAfterSec"), &wait) && wait > 0 &&
        wait > answer->retry_after_s)
        answer->retry_after_s = wait;
}

const struct service godaddy_service = {
    .label = "GoDaddy",
    .endpoint = "godaddy",
    .url = "https://api.godaddy.com",
    .faults = faults,
    .fault_count = COUNT_OF(faults),
    .read_failure = read_failure,
};

bool godaddy_read_records(const struct json *json, struct arena *arena, struct godaddy_records *out,
                          struct error *err)
{
    *out = (struct godaddy_records){0};
    if (!json_is_array(json))
        return error_raise(err, ERROR_MALFORMED, "the answer cannot be used: it is no list of records");
    for (const struct json *item = json_first(json); item != NULL; item = json_next(item)) {
        const char *name = json_string(json_member(item, "name")),
                   *data = json_string(json_member(item, "data"));
        int64_t ttl = TTL_S;
        if (!json_is_object(item) || (!json_is_null(json_member(item, "data")) && data == NULL))
            return error_raise(err, ERROR_MALFORMED, "the answer cannot be used: a record is none");
        json_int(json_member(item, "ttl"), &ttl);
        *arena_push(arena, &out->items, out->count) = (struct godaddy_record){
            .name = arena_strdup(arena, name != NULL ? name : ""),
            .data = arena_strdup(arena, data != NULL ? data : ""),
            .ttl = ttl > 0 ? ttl : TTL_S,
        };
    }
    return true;
}

/* ---- asking ---- */

static bool godaddy_open(struct context *ctx, const struct resource *account, struct service_session *out,
                         struct error *err)
{
    const struct dns_account *spec = account->dns_account;
    service_open(ctx, account, &godaddy_service,
                 spec->godaddy.environment == GODADDY_OTE ? "https://api.ote-godaddy.com" : NULL, out);
    return service_secret(out, &spec->godaddy.api_key_secret_ref, "the API key", err) != NULL &&
           service_secret(out, &spec->godaddy.api_secret_secret_ref, "the API secret", err) != NULL;
}

static bool ask(struct service_session *session, struct service_request *request, struct service_answer *out,
                struct error *err)
{
    struct http_header headers[3] = {{"Accept", "application/json"}};
    size_t count = 1;
    headers[count++] = (struct http_header){
        "Authorization", arena_printf(session->ctx->arena, "sso-key %s:%s", secret_bytes(session->secrets[0]),
                                      secret_bytes(session->secrets[1]))};
    if (request->body != NULL)
        headers[count++] = (struct http_header){"Content-Type", "application/json"};
    request->headers = headers;
    request->header_count = count;
    bool answered = service_ask(session, request, out, err);
    request->headers = NULL;
    request->header_count = 0;
    return answered;
}

static enum service_finding ask_zone(struct service_session *session, const char *zone,
                                     struct service_zone *out, struct error *err)
{
    AUTO(service_answer) struct service_answer answer = {0};
    struct arena *arena = session->ctx->arena;
    struct godaddy_records records = {0};
    struct service_request request = {
        .method = "GET",
        .path = arena_printf(arena, "/v1/domains/%s/records/NS", service_encode(arena, zone)),
        .doing = arena_printf(arena, "looking for domain %s", zone)};
    if (!ask(session, &request, &answer, err))
        return SERVICE_FAILED;
    if (answer.status == 404 || answer.status == 422) /* the second: "no domain can have that name" */
        return SERVICE_NOT_HERE;
    if (!service_succeeded(&answer)) {
        service_fail(session, &request, &answer, err);
        return SERVICE_FAILED;
    }
    if (!godaddy_read_records(answer.json, arena, &records, err)) {
        service_blame(session, &request, err);
        return SERVICE_FAILED;
    }
    *out = (struct service_zone){.id = "zone"};
    for (size_t i = 0; i < records.count; i++) {
        if (strcmp(records.items[i].name, "@") == 0 && records.items[i].data[0] != '\0')
            string_list_push(arena, &out->servers, records.items[i].data);
    }
    return SERVICE_HERE;
}

static const char *set_path(const struct service_session *session, const struct dns_challenge *challenge,
                            const char *type)
{
    struct arena *arena = session->ctx->arena;
    const char *relative = service_relative(arena, challenge->name, challenge->zone, "@");
    return arena_printf(arena, "/v1/domains/%s/records/%s/%s", service_encode(arena, challenge->zone), type,
                        strcmp(relative, "@") == 0 ? relative : service_encode(arena, relative));
}

static bool read_set(struct service_session *session, const struct dns_challenge *challenge, const char *type,
                     struct godaddy_records *out, struct error *err)
{
    AUTO(service_answer) struct service_answer answer = {0};
    struct service_request request = {
        .method = "GET",
        .path = set_path(session, challenge, type),
        .doing = arena_printf(session->ctx->arena, "reading the %s at %s", type, challenge->name)};
    if (!ask(session, &request, &answer, err))
        return false;
    if (!service_succeeded(&answer))
        return service_fail(session, &request, &answer, err);
    return godaddy_read_records(answer.json, session->ctx->arena, out, err) ||
           service_blame(session, &request, err);
}

/* A left-over of older tools, and what "Domain Protection" makes of a record. */
static bool is_blank(const struct godaddy_record *record)
{
    return record->data[strspn(record->data, " ")] == '\0';
}

static bool holds(const struct godaddy_records *records, const struct dns_challenge *challenge)
{
    for (size_t i = 0; i < records->count; i++) {
        if (service_is_ours(challenge, records->items[i].data))
            return true;
    }
    return false;
}

/* A list of records: with type and name to be added (PATCH), without them as a whole set (PUT). */
static const char *body_of(struct arena *arena, const struct dns_challenge *challenge,
                           const struct godaddy_records *records, bool to_add)
{
    AUTO(buffer) struct buffer out = {0};
    struct json_writer w = {.out = &out};
    json_begin_array(&w);
    for (size_t i = 0; i < records->count; i++) {
        json_begin_object(&w);
        if (to_add) {
            json_string_member(&w, "type", challenge->type);
            json_string_member(&w, "name", service_relative(arena, challenge->name, challenge->zone, "@"));
        }
        json_string_member(&w, "data", records->items[i].data);
        json_int_member(&w, "ttl", records->items[i].ttl);
        json_end_object(&w);
    }
    json_end_array(&w);
    return arena_strdup(arena, buffer_text(&out));
}

/* Give the records to be added beside what is there. A duplicate is success. */
static bool add_records(struct service_session *session, const struct dns_challenge *challenge,
                        const struct godaddy_records *records, struct error *err)
{
    AUTO(service_answer) struct service_answer answer = {0};
    struct arena *arena = session->ctx->arena;
    const char *body = body_of(arena, challenge, records, true);
    struct godaddy_records cnames = {0};
    struct service_request request = {
        .method = "PATCH",
        .path = arena_printf(arena, "/v1/domains/%s/records", service_encode(arena, challenge->zone)),
        .body = body,
        .body_length = strlen(body),
        .doing = arena_printf(arena, "adding the %s at %s", challenge->type, challenge->name)};
    if (!ask(session, &request, &answer, err))
        return false;
    if (service_succeeded(&answer) || strcmp(answer.code, "DUPLICATE_RECORD") == 0)
        return true;
    bool refused = answer.status == 422 && strcmp(answer.code, "INVALID_BODY") != 0;
    if (refused && service_is_cname(challenge))
        return service_conflict(arena, challenge, NULL, err);
    if (refused && read_set(session, challenge, "CNAME", &cnames, NULL) && cnames.count > 0)
        return service_conflict(arena, challenge, cnames.items[0].data, err);
    service_fail(session, &request, &answer, err);
    if (answer.status == 404)
        service_forget_zone(session, challenge->zone);
    return false;
}

/* ---- operations ---- */

static bool zone_of(struct context *ctx, const struct resource *account, const char *name,
                    const char **out_zone, struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    return godaddy_open(ctx, account, &session, err) &&
           service_find_zone(&session, name, ask_zone, out_zone, err);
}

static bool add_and_look(struct service_session *session, const struct dns_challenge *challenge,
                         struct error *err)
{
    struct arena *arena = session->ctx->arena;
    struct godaddy_records records = {0};
    struct godaddy_record own = {
        .data = service_is_cname(challenge) ? service_without_dot(arena, challenge->value) : challenge->value,
        .ttl = TTL_S};
    struct godaddy_records ours = {.items = &own, .count = 1};
    if (service_is_cname(challenge)) {
        if (!read_set(session, challenge, "CNAME", &records, err))
            return false;
        if (holds(&records, challenge))
            return true;
        if (records.count > 0)
            return service_conflict(arena, challenge, records.items[0].data, err);
    }
    if (!add_records(session, challenge, &ours, err) ||
        !read_set(session, challenge, challenge->type, &records, err))
        return false;
    if (holds(&records, challenge))
        return true;
    for (size_t i = 0; i < records.count; i++) {
        if (is_blank(&records.items[i]))
            return error_raise(
                err, ERROR_REFUSED,
                "GoDaddy took the %s at %s, but made an empty record of it: switch \"Domain Protection\" "
                "off for the domain, or prove the name in another way",
                challenge->type, challenge->name);
    }
    return error_raise(err, ERROR_UNREACHABLE, "GoDaddy took the %s at %s, but does not list it yet",
                       challenge->type, challenge->name);
}

static bool present(struct context *ctx, const struct resource *account,
                    const struct dns_challenge *challenge, struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    if (!godaddy_open(ctx, account, &session, err))
        return false;
    const char *key = service_name_key(&session, challenge);
    service_lock(SERVICE_LOCK_NAME, key);
    bool done = add_and_look(&session, challenge, err);
    service_unlock(SERVICE_LOCK_NAME, key);
    return done;
}

/* False: none was shorter. */
static bool raise_ttls(struct godaddy_records *records)
{
    bool raised = false;
    for (size_t i = 0; i < records->count; i++) {
        raised = raised || records->items[i].ttl < TTL_S;
        if (records->items[i].ttl < TTL_S)
            records->items[i].ttl = TTL_S;
    }
    return raised;
}

/* Replace the set by `rest`, which may be empty. Others' times to live are kept, unless the service takes none so short. */
static bool write_rest(struct service_session *session, const struct dns_challenge *challenge,
                       struct godaddy_records *rest, struct error *err)
{
    struct arena *arena = session->ctx->arena;
    for (;;) {
        AUTO(service_answer) struct service_answer answer = {0};
        const char *body = rest->count > 0 ? body_of(arena, challenge, rest, false) : NULL;
        struct service_request request = {
            .method = body != NULL ? "PUT" : "DELETE",
            .path = set_path(session, challenge, challenge->type),
            .body = body,
            .body_length = body != NULL ? strlen(body) : 0,
            .doing = arena_printf(arena, "removing the %s at %s", challenge->type, challenge->name)};
        if (!ask(session, &request, &answer, err))
            return false;
        if (service_succeeded(&answer) || (body == NULL && answer.status == 404))
            return true;
        if (answer.status != 422 || !raise_ttls(rest))
            return service_fail(session, &request, &answer, err);
    }
}

/* Put back what the replacement lost, though it was in it. */
static bool repair(struct service_session *session, const struct dns_challenge *challenge,
                   const struct godaddy_records *rest, struct error *err)
{
    struct godaddy_records now = {0}, lost = {0};
    if (!read_set(session, challenge, challenge->type, &now, err))
        return false;
    for (size_t i = 0; i < rest->count; i++) {
        bool there = false;
        for (size_t k = 0; k < now.count; k++)
            there = there || strcmp(rest->items[i].data, now.items[k].data) == 0;
        if (!there)
            *arena_push(session->ctx->arena, &lost.items, lost.count) = rest->items[i];
    }
    raise_ttls(&lost);
    if (lost.count > 0 && !add_records(session, challenge, &lost, err))
        return false;
    if (holds(&now, challenge))
        return error_raise(err, ERROR_UNREACHABLE,
                           "GoDaddy took the removal of the %s at %s, but still lists it", challenge->type,
                           challenge->name);
    return true;
}

static bool remove_and_look(struct service_session *session, const struct dns_challenge *challenge,
                            struct error *err)
{
    struct godaddy_records records = {0}, rest = {0};
    if (!read_set(session, challenge, challenge->type, &records, err))
        return false;
    if (!holds(&records, challenge))
        return true;
    for (size_t i = 0; i < records.count; i++) {
        if (!is_blank(&records.items[i]) && !service_is_ours(challenge, records.items[i].data))
            *arena_push(session->ctx->arena, &rest.items, rest.count) = records.items[i];
    }
    return write_rest(session, challenge, &rest, err) &&
           (rest.count == 0 || repair(session, challenge, &rest, err));
}

static bool absent(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                   struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    if (!godaddy_open(ctx, account, &session, err))
        return false;
    const char *key = service_name_key(&session, challenge);
    service_lock(SERVICE_LOCK_NAME, key);
    bool done = remove_and_look(&session, challenge, err);
    service_unlock(SERVICE_LOCK_NAME, key);
    return done;
}

static bool list(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                 struct string_list *out, struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    struct godaddy_records records = {0};
    if (!godaddy_open(ctx, account, &session, err) ||
        !read_set(&session, challenge, challenge->type, &records, err))
        return false;
    *out = (struct string_list){0};
    for (size_t i = 0; i < records.count; i++) {
        if (!is_blank(&records.items[i]))
            string_list_push(ctx->arena, out, records.items[i].data);
    }
    return true;
}

static bool check(struct context *ctx, const struct resource *account, const char *zone, struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    const char *id;
    if (!godaddy_open(ctx, account, &session, err))
        return false;
    service_forget_zone(&session, zone); /* the credentials are to be tried, not the memory */
    return service_zone_id(&session, zone, ask_zone, &id, err);
}

const struct dns_provider_ops dns_godaddy = {
    .name = "godaddy",
    .requests = 3,
    .zone_of = zone_of,
    .present = present,
    .absent = absent,
    .list = list,
    .check = check,
};
