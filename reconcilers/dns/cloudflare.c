/* Cloudflare's API, version 4 (dns-providers.md 3). Every value is a record with an id of its own, so that
 * making and removing ours disturbs nobody. A CNAME is always made with "proxied": false, else addresses are
 * answered in its place. */
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "base/secret.h"
#include "reconcilers/dns/service_answers.h"
#include "schema/resource.h"

extern const struct dns_provider_ops dns_cloudflare;

enum { TTL_S = 60, PAGES_MOST = 50, BLOCKED_S = 300 };

static const struct service_fault faults[] = {
    {0, "9109", "address", ERROR_CREDENTIAL, "the API token may not be used from this host's address", 0},
    {0, "9109", NULL, ERROR_CREDENTIAL,
     "the API token is wrong or expired, or may not do this: it needs Zone/Zone/Read and Zone/DNS/Edit", 0},
    {0, "10000", NULL, ERROR_CREDENTIAL,
     "the API token is wrong or expired, or may not do this: it needs Zone/Zone/Read and Zone/DNS/Edit", 0},
    {0, "6003", NULL, ERROR_CREDENTIAL,
     "the credential does not have the form that Cloudflare expects: a token belongs in apiTokenSecretRef, "
     "the Global API "
     "Key in apiKeySecretRef beside the e-mail address",
     0},
    {0, "9106", NULL, ERROR_CREDENTIAL, "no credential arrived", 0},
    {0, "9103", NULL, ERROR_CREDENTIAL, "the e-mail address or the Global API Key is wrong", 0},
    {0, "7003", NULL, ERROR_NOT_FOUND, "the zone is not known there", 0},
    {0, "7000", NULL, ERROR_NOT_FOUND, "the zone is not known there", 0},
    {0, "81053", NULL, ERROR_CONFLICT, "other records stand at that name", 0},
    {0, "81054", NULL, ERROR_CONFLICT, "other records stand at that name", 0},
    {0, "81056", NULL, ERROR_CONFLICT, "other records stand at that name", 0},
    {0, "81045", NULL, ERROR_REFUSED, "the zone has as many records as its plan allows", 0},
    {429, NULL, NULL, ERROR_THROTTLED, "too many requests", BLOCKED_S},
};

/* {"success": false, "errors": [{"code", "message", "error_chain": [{"code", "message"}]}]} */
static void read_failure(struct service_answer *answer, struct arena *arena)
{
    bool success = true;
    const struct json *first = json_first(json_member(answer->json, "errors"));
    if (service_succeeded(answer) && (!json_bool(json_member(answer->json, "success"), &success) || success))
        return;
    const char *code = json_text(arena, json_member(first, "code"));
    const char *message = json_string(json_member(first, "message"));
    const struct json *chain = json_first(json_member(first, "error_chain"));
    const char *deeper = json_string(json_member(chain, "message"));
    const char *deeper_code = json_text(arena, json_member(chain, "code"));
    answer->code = code != NULL ? code : "";
    answer->words = arena_printf(arena, "%s%s%s%s%s", message != NULL ? message : "",
                                 deeper != NULL ? ": " : "", deeper != NULL ? deeper : "",
                                 deeper_code != NULL ? ", " : "", deeper_code != NULL ? deeper_code : "");
}

const struct service cloudflare_service = {
    .label = "Cloudflare",
    .endpoint = "cloudflare",
    .url = "https://api.cloudflare.com/client/v4",
    .faults = faults,
    .fault_count = COUNT_OF(faults),
    .read_failure = read_failure,
};

/* ---- reading ---- */

enum service_finding cloudflare_read_zones(const struct json *json, const char *zone, struct arena *arena,
                                           struct service_zone *out, struct error *err)
{
    const struct json *list = json_member(json, "result"), *found = NULL;
    const char *other_status = NULL;
    if (!json_is_array(list)) {
        error_raise(err, ERROR_MALFORMED, "the answer cannot be used: it has no list of zones");
        return SERVICE_FAILED;
    }
    for (const struct json *item = json_first(list); item != NULL; item = json_next(item)) {
        const char *name = json_string(json_member(item, "name")), *id = json_string(json_member(item, "id"));
        const char *status = json_string(json_member(item, "status"));
        if (name == NULL || id == NULL || !service_same_name(name, zone))
            continue;
        if (status != NULL && strcmp(status, "active") != 0) {
            other_status = text_clean(arena, status, strlen(status), 40);
        } else if (found != NULL) {
            error_raise(err, ERROR_REFUSED,
                        "zone %s is there twice, in two accounts: give a token for one of them", zone);
            return SERVICE_FAILED;
        } else {
            found = item;
        }
    }
    if (found == NULL && other_status == NULL)
        return SERVICE_NOT_HERE;
    const char *type = json_string(json_member(found, "type")), *id = json_string(json_member(found, "id"));
    if (found == NULL)
        error_raise(err, ERROR_REFUSED, "zone %s is \"%s\", not active: the DNS does not lead to it yet",
                    zone, other_status);
    else if (text_equal(type, "secondary") || text_equal(type, "partial"))
        error_raise(err, ERROR_REFUSED, "zone %s is a \"%s\" one there: its records are made elsewhere", zone,
                    type);
    else if (strlen(id) != strspn(id, "0123456789abcdefABCDEF") || *id == '\0')
        error_raise(err, ERROR_MALFORMED, "the answer cannot be used: the zone's id is none");
    else {
        *out = (struct service_zone){.id = arena_strdup(arena, id)};
        const char *const members[] = {"name_servers", "vanity_name_servers"};
        for (size_t i = 0; i < COUNT_OF(members); i++) {
            for (const struct json *s = json_first(json_member(found, members[i])); s != NULL;
                 s = json_next(s)) {
                if (json_string(s) != NULL)
                    string_list_push(arena, &out->servers, arena_strdup(arena, json_string(s)));
            }
        }
        return SERVICE_HERE;
    }
    return SERVICE_FAILED;
}

bool cloudflare_read_records(const struct json *json, const char *name, int page, struct arena *arena,
                             struct cloudflare_records *out, struct error *err)
{
    const struct json *list = json_member(json, "result");
    int64_t pages = 0;
    if (!json_is_array(list))
        return error_raise(err, ERROR_MALFORMED, "the answer cannot be used: it has no list of records");
    for (const struct json *item = json_first(list); item != NULL; item = json_next(item)) {
        const char *id = json_string(json_member(item, "id")), *type = json_string(json_member(item, "type"));
        const char *owner = json_string(json_member(item, "name"));
        const char *content = json_string(json_member(item, "content"));
        if (id == NULL || type == NULL || owner == NULL || *id == '\0' ||
            strlen(id) != strspn(id, "0123456789abcdefABCDEF"))
            return error_raise(err, ERROR_MALFORMED,
                               "the answer cannot be used: a record has no id, type or name");
        if (!service_same_name(owner, name))
            continue;
        struct cloudflare_record *record = arena_push(arena, &out->items, out->count);
        content = arena_strdup(arena, content != NULL ? content : "");
        *record = (struct cloudflare_record){
            .id = arena_strdup(arena, id),
            .type = arena_strdup(arena, type),
            .content = strcmp(type, "TXT") == 0 ? service_unquote(arena, content, 10) : content,
        };
        json_bool(json_member(item, "proxied"), &record->proxied);
    }
    out->more = json_count(list) > 0 &&
                json_int(json_member(json_member(json, "result_info"), "total_pages"), &pages) &&
                page < pages;
    return true;
}

/* ---- asking ---- */

static bool cloudflare_open(struct context *ctx, const struct resource *account, struct service_session *out,
                            struct error *err)
{
    const struct dns_account *spec = account->dns_account;
    bool token = spec->cloudflare.api_token_secret_ref.name != NULL;
    service_open(ctx, account, &cloudflare_service, NULL, out);
    if (!token)
        service_identify(out, spec->cloudflare.email);
    return service_secret(
               out, token ? &spec->cloudflare.api_token_secret_ref : &spec->cloudflare.api_key_secret_ref,
               token ? "the API token" : "the Global API Key", err) != NULL;
}

/* True with an answer that says "success". */
static bool ask(struct service_session *session, struct service_request *request, struct service_answer *out,
                struct error *err)
{
    const struct dns_account *spec = session->account->dns_account;
    const char *secret = secret_bytes(session->secrets[0]);
    struct http_header headers[4] = {{"Accept", "application/json"}};
    size_t count = 1;
    if (spec->cloudflare.api_token_secret_ref.name != NULL) {
        headers[count++] =
            (struct http_header){"Authorization", arena_printf(session->ctx->arena, "Bearer %s", secret)};
    } else {
        headers[count++] = (struct http_header){"X-Auth-Email", spec->cloudflare.email};
        headers[count++] = (struct http_header){"X-Auth-Key", secret};
    }
    if (request->body != NULL)
        headers[count++] = (struct http_header){"Content-Type", "application/json"};
    request->headers = headers;
    request->header_count = count;
    bool answered = service_ask(session, request, out, err), success = false;
    request->headers = NULL;
    if (!answered)
        return false;
    if (service_succeeded(out) && out->json == NULL)
        return service_puzzled(session, request, "it is no JSON", err);
    if (service_succeeded(out) && json_bool(json_member(out->json, "success"), &success) && success)
        return true;
    return service_fail(session, request, out, err);
}

static enum service_finding ask_zone(struct service_session *session, const char *zone,
                                     struct service_zone *out, struct error *err)
{
    struct arena *arena = session->ctx->arena;
    AUTO(service_answer) struct service_answer answer = {0};
    struct service_request request = {
        .method = "GET",
        .path = arena_printf(arena, "/zones?name=%s&per_page=50", service_encode(arena, zone)),
        .doing = arena_printf(arena, "looking for zone %s", zone),
    };
    if (!ask(session, &request, &answer, err)) {
        /* A token for one zone alone may be refused when it asks for another (dns-providers.md 3.3). */
        bool forbidden = answer.status == 403 && (text_equal(answer.code, "9109") || text_equal(answer.code, "10000"));
        return forbidden ? SERVICE_FORBIDDEN : SERVICE_FAILED;
    }
    enum service_finding finding = cloudflare_read_zones(answer.json, zone, arena, out, err);
    if (finding == SERVICE_FAILED)
        service_blame(session, &request, err);
    return finding;
}

/* Everything at the name, or one type of it. */
static bool read_all(struct service_session *session, const char *zone_id, const char *name, const char *type,
                     struct cloudflare_records *out, struct error *err)
{
    struct arena *arena = session->ctx->arena;
    const char *owner = text_lower(arena, service_without_dot(arena, name));
    *out = (struct cloudflare_records){0};
    for (int page = 1;; page++) {
        AUTO(service_answer) struct service_answer answer = {0};
        struct service_request request = {
            .method = "GET",
            .path = arena_printf(arena, "/zones/%s/dns_records?name=%s%s%s&per_page=100&page=%d", zone_id,
                                 service_encode(arena, owner), type != NULL ? "&type=" : "",
                                 type != NULL ? type : "", page),
            .doing = arena_printf(arena, "reading the records at %s", owner),
        };
        if (!ask(session, &request, &answer, err))
            return false;
        if (!cloudflare_read_records(answer.json, owner, page, arena, out, err))
            return service_blame(session, &request, err);
        if (!out->more)
            return true;
        if (page == PAGES_MOST) /* more than a name can have */
            return service_puzzled(session, &request, "its pages have no end", err);
    }
}

static const struct cloudflare_record *find_ours(const struct cloudflare_records *records,
                                                 const struct dns_challenge *challenge)
{
    for (size_t i = 0; i < records->count; i++) {
        if (strcmp(records->items[i].type, challenge->type) == 0 &&
            service_is_ours(challenge, records->items[i].content))
            return &records->items[i];
    }
    return NULL;
}

/* What forbids placing ours: a CNAME beside a TXT, anything beside a CNAME. */
static bool check_free(struct arena *arena, const struct cloudflare_records *records,
                       const struct dns_challenge *challenge, struct error *err)
{
    for (size_t i = 0; i < records->count; i++) {
        const struct cloudflare_record *record = &records->items[i];
        if (strcmp(record->type, "CNAME") == 0)
            return service_conflict(arena, challenge, record->content, err);
        if (service_is_cname(challenge))
            return service_conflict(arena, challenge, NULL, err);
    }
    return true;
}

static char *record_body(struct arena *arena, const struct dns_challenge *challenge)
{
    AUTO(buffer) struct buffer body = {0}, content = {0};
    struct json_writer w = {.out = &body};
    bool cname = service_is_cname(challenge);
    if (cname) {
        buffer_puts(&content, service_without_dot(arena, challenge->value));
    } else {
        buffer_putc(&content, '"');
        for (const char *c = challenge->value; *c != '\0'; c++)
            buffer_printf(&content, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
        buffer_putc(&content, '"');
    }
    json_begin_object(&w);
    json_string_member(&w, "type", challenge->type);
    json_string_member(&w, "name", text_lower(arena, service_without_dot(arena, challenge->name)));
    json_string_member(&w, "content", buffer_text(&content));
    json_int_member(&w, "ttl", TTL_S);
    if (cname)
        json_bool_member(&w, "proxied", false);
    json_end_object(&w);
    return arena_strdup(arena, buffer_text(&body));
}

/* A handle that the service no longer knows is looked up anew at the next try. */
static bool give_up(struct service_session *session, const struct dns_challenge *challenge,
                    const struct error *err)
{
    if (err != NULL && err->kind == ERROR_NOT_FOUND)
        service_forget_zone(session, challenge->zone);
    return false;
}

/* ---- operations ---- */

static bool zone_of(struct context *ctx, const struct resource *account, const char *name,
                    const char **out_zone, struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    return cloudflare_open(ctx, account, &session, err) &&
           service_find_zone(&session, name, ask_zone, out_zone, err);
}

static bool present(struct context *ctx, const struct resource *account,
                    const struct dns_challenge *challenge, struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    AUTO(service_answer) struct service_answer answer = {0};
    struct cloudflare_records records;
    const char *zone_id;
    if (!cloudflare_open(ctx, account, &session, err) ||
        !service_zone_id(&session, challenge->zone, ask_zone, &zone_id, err))
        return false;
    if (!read_all(&session, zone_id, challenge->name, NULL, &records, err))
        return give_up(&session, challenge, err);
    const struct cloudflare_record *ours = find_ours(&records, challenge);
    if (ours != NULL && ours->proxied)
        return error_raise(
            err, ERROR_CONFLICT,
            "the CNAME at %s is there, but is proxied by Cloudflare, so that nobody sees it: switch the "
            "proxy off for it (\"DNS only\")",
            challenge->name);
    if (ours != NULL)
        return true;
    if (!check_free(ctx->arena, &records, challenge, err))
        return false;
    const char *body = record_body(ctx->arena, challenge);
    struct service_request request = {
        .method = "POST",
        .path = arena_printf(ctx->arena, "/zones/%s/dns_records", zone_id),
        .body = body,
        .body_length = strlen(body),
        .doing = arena_printf(ctx->arena, "adding the %s at %s", challenge->type, challenge->name),
    };
    if (ask(&session, &request, &answer, err))
        return true;
    /* Somebody added the same meanwhile; or we did, and never heard the answer. */
    return strcmp(answer.code, "81057") == 0 || strcmp(answer.code, "81058") == 0 ||
           give_up(&session, challenge, err);
}

static bool absent(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                   struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    struct cloudflare_records records;
    const char *zone_id;
    if (!cloudflare_open(ctx, account, &session, err) ||
        !service_zone_id(&session, challenge->zone, ask_zone, &zone_id, err))
        return false;
    if (!read_all(&session, zone_id, challenge->name, challenge->type, &records, err))
        return give_up(&session, challenge, err);
    for (size_t i = 0; i < records.count; i++) {
        AUTO(service_answer) struct service_answer answer = {0};
        if (strcmp(records.items[i].type, challenge->type) != 0 ||
            !service_is_ours(challenge, records.items[i].content))
            continue;
        struct service_request request = {
            .method = "DELETE",
            .path = arena_printf(ctx->arena, "/zones/%s/dns_records/%s", zone_id, records.items[i].id),
            .doing = arena_printf(ctx->arena, "removing the %s at %s", challenge->type, challenge->name),
        };
        if (!ask(&session, &request, &answer, err) && strcmp(answer.code, "81044") != 0)
            return false;
    }
    return true;
}

static bool list(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                 struct string_list *out, struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    struct cloudflare_records records;
    const char *zone_id;
    if (!cloudflare_open(ctx, account, &session, err) ||
        !service_zone_id(&session, challenge->zone, ask_zone, &zone_id, err) ||
        !read_all(&session, zone_id, challenge->name, challenge->type, &records, err))
        return false;
    *out = (struct string_list){0};
    for (size_t i = 0; i < records.count; i++) {
        if (strcmp(records.items[i].type, challenge->type) == 0)
            string_list_push(ctx->arena, out, records.items[i].content);
    }
    return true;
}

static bool check(struct context *ctx, const struct resource *account, const char *zone, struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    struct cloudflare_records records;
    const char *zone_id;
    return cloudflare_open(ctx, account, &session, err) &&
           service_zone_id(&session, zone, ask_zone, &zone_id, err) &&
           read_all(&session, zone_id, zone, "TXT", &records, err);
}

const struct dns_provider_ops dns_cloudflare = {
    .name = "cloudflare",
    .requests = 2,
    .zone_of = zone_of,
    .present = present,
    .absent = absent,
    .list = list,
    .check = check,
};
