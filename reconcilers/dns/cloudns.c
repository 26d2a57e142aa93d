/* ClouDNS (dns-providers.md 7). Every answer has status 200; a failure says so in the body. Requests are
 * forms that are posted, because the password is one of the fields. Two equal records may stand side by side
 * there, so it is looked before anything is added, writers of one name take turns, and an addition goes out
 * on a connection of its own, never twice. */
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "base/secret.h"
#include "reconcilers/dns/service_answers.h"
#include "schema/resource.h"

extern const struct dns_provider_ops dns_cloudns;

enum { TTL_S = 60, PAGES_MOST = 100, ROWS = 100, BLOCKED_S = 60 };

static const struct service_fault faults[] = {
    {0, "Failed", "Invalid authentication", ERROR_CREDENTIAL,
     "the API user or its password is wrong, or may not be used from this host's address", 0},
    {0, "Failed", "access to the HTTP API", ERROR_CREDENTIAL, "the account's plan does not include the API",
     0},
    {0, "Failed", "Request blocked", ERROR_THROTTLED, "too many requests", BLOCKED_S},
    {0, "Failed", "Missing domain-name", ERROR_NOT_FOUND, "the zone is not in the account", 0},
    {0, "Failed", "CNAME", ERROR_CONFLICT, "other records stand at that name", 0},
    {0, "Failed", NULL, ERROR_REFUSED, NULL, 0},
};

/* {"status": "Failed", "statusDescription": "…"}: in zones and records "status" is another thing, a number.
 */
static void read_failure(struct service_answer *answer, struct arena *arena)
{
    const char *status = json_string(json_member(answer->json, "status"));
    const char *words = json_string(json_member(answer->json, "statusDescription"));
    (void)arena;
    if (status != NULL && strcmp(status, "Failed") == 0) {
        answer->code = status;
        answer->words = words != NULL ? words : "";
    }
}

const struct service cloudns_service = {
    .label = "ClouDNS",
    .endpoint = "cloudns",
    .url = "https://api.cloudns.net",
    .faults = faults,
    .fault_count = COUNT_OF(faults),
    .read_failure = read_failure,
};

/* ---- reading ---- */

bool cloudns_read_zone(const struct json *json, const char *zone, struct arena *arena,
                       struct service_zone *out, struct error *err)
{
    const char *name = json_string(json_member(json, "name")), *type = json_string(json_member(json, "type"));
    const char *status = json_text(arena, json_member(json, "status"));
    const char *master = json_string(json_member(json, "cloud-master"));
    if (name == NULL || type == NULL || !service_same_name(name, zone))
        return error_raise(err, ERROR_MALFORMED, "the answer cannot be used: it is not about zone %s", zone);
    if (status != NULL && strcmp(status, "0") == 0)
        return error_raise(err, ERROR_REFUSED, "zone %s is switched off there", zone);
    bool cloud = strcmp(type, "cloud") == 0;
    if (cloud && (master == NULL || !dns_name_usable(master)))
        return error_raise(err, ERROR_MALFORMED,
                           "the answer cannot be used: it does not say of what %s is a copy", zone);
    if (!cloud && strcmp(type, "master") != 0)
        return error_raise(err, ERROR_REFUSED,
                           "zone %s is a \"%s\" one there: its records are made elsewhere", zone,
                           text_clean(arena, type, strlen(type), 40));
    *out = (struct service_zone){.id = text_lower(arena, cloud ? service_without_dot(arena, master) : zone)};
    return true;
}

bool cloudns_read_records(const struct json *json, struct arena *arena, struct cloudns_records *out,
                          struct error *err)
{
    /* An object by id; an empty list when there are none. */
    if (!json_is_object(json) && !(json_is_array(json) && json_count(json) == 0))
        return error_raise(err, ERROR_MALFORMED, "the answer cannot be used: it is no list of records");
    for (const struct json *item = json_first(json); item != NULL; item = json_next(item)) {
        const char *id = json_text(arena, json_member(item, "id")),
                   *type = json_string(json_member(item, "type"));
        const char *host = json_string(json_member(item, "host"));
        const char *value = json_text(arena, json_member(item, "record"));
        if (id == NULL || type == NULL || host == NULL || *id == '\0' ||
            strspn(id, "0123456789") != strlen(id))
            return error_raise(err, ERROR_MALFORMED,
                               "the answer cannot be used: a record has no id, type or host");
        *arena_push(arena, &out->items, out->count) = (struct cloudns_record){
            .id = id,
            .type = arena_strdup(arena, type),
            .host = arena_strdup(arena, host),
            .value = value != NULL ? value : "",
        };
    }
    return true;
}

/* ---- asking ---- */

static bool cloudns_open(struct context *ctx, const struct resource *account, struct service_session *out,
                         struct error *err)
{
    const struct dns_account *spec = account->dns_account;
    service_open(ctx, account, &cloudns_service, NULL, out);
    service_identify(out,
                     arena_printf(ctx->arena, "%d %s", spec->cloudns.auth_id_type, spec->cloudns.auth_id));
    return service_secret(out, &spec->cloudns.auth_password_secret_ref, "the API user's password", err) !=
           NULL;
}

struct parameter {
    const char *name, *value;
};

/* One POST with the parameters (up to a NULL name) behind those that authenticate. True with an answer that
 * does not say "Failed". */
static bool ask(struct service_session *session, struct service_request *request,
                const struct parameter *parameters, struct service_answer *out, struct error *err)
{
    static const char *const id_names[] = {[CLOUDNS_AUTH_ID] = "auth-id",
                                           [CLOUDNS_SUB_AUTH_ID] = "sub-auth-id",
                                           [CLOUDNS_SUB_AUTH_USER] = "sub-auth-user"};
    static const struct http_header headers[] = {{"Content-Type", "application/x-www-form-urlencoded"}};
    struct arena *arena = session->ctx->arena;
    const struct dns_account *spec = session->account->dns_account;
    struct buffer body = {0};
    char *password = service_encode(arena, secret_bytes(session->secrets[0]));
    buffer_printf(&body, "%s=%s&auth-password=%s", id_names[spec->cloudns.auth_id_type],
                  service_encode(arena, spec->cloudns.auth_id), password);
    secret_wipe(password, strlen(password));
    for (; parameters->name != NULL; parameters++)
        buffer_printf(&body, "&%s=%s", parameters->name, service_encode(arena, parameters->value));
    request->method = "POST";
    request->headers = headers;
    request->header_count = COUNT_OF(headers);
    request->body = body.data;
    request->body_length = body.length;
    bool answered = service_ask(session, request, out, err);
    buffer_wipe(&body);
    request->body = NULL;
    if (!answered)
        return false;
    if (!service_succeeded(out) || strcmp(out->code, "Failed") == 0)
        return service_fail(session, request, out, err);
    return out->json != NULL || service_puzzled(session, request, "it is no JSON", err);
}

/* The name servers that the zone itself names. A refusal leaves them unknown; trouble on the way is an error.
 */
static bool read_servers(struct service_session *session, struct service_zone *zone, struct error *err)
{
    AUTO(service_answer) struct service_answer answer = {0};
    struct cloudns_records records = {0};
    struct error failure = {0};
    const struct parameter parameters[] = {{"domain-name", zone->id}, {"host", ""}, {"type", "NS"}, {0}};
    struct service_request request = {
        .path = "/dns/records.json",
        .doing = arena_printf(session->ctx->arena, "reading the name servers of %s", zone->id)};
    if (!ask(session, &request, parameters, &answer, &failure)) {
        bool refused = failure.kind == ERROR_REFUSED || failure.kind == ERROR_CREDENTIAL;
        if (!refused && err != NULL)
            *err = failure;
        return refused;
    }
    if (!cloudns_read_records(answer.json, session->ctx->arena, &records, err))
        return service_blame(session, &request, err);
    for (size_t i = 0; i < records.count; i++) {
        if (strcmp(records.items[i].type, "NS") == 0 && *records.items[i].host == '\0' &&
            *records.items[i].value != '\0')
            string_list_push(session->ctx->arena, &zone->servers, records.items[i].value);
    }
    return true;
}

static enum service_finding ask_zone(struct service_session *session, const char *zone,
                                     struct service_zone *out, struct error *err)
{
    AUTO(service_answer) struct service_answer answer = {0};
    struct arena *arena = session->ctx->arena;
    const struct parameter parameters[] = {{"domain-name", zone}, {0}};
    struct service_request request = {.path = "/dns/get-zone-info.json",
                                      .doing = arena_printf(arena, "looking for zone %s", zone)};
    struct error failure = {0};
    if (!ask(session, &request, parameters, &answer, &failure)) {
        /* Only these words mean "not this one": anything else is a failure of the question. */
        if (failure.kind == ERROR_NOT_FOUND && strcasestr(answer.words, "Missing domain-name") != NULL)
            return SERVICE_NOT_HERE;
        if (err != NULL)
            *err = failure;
        return SERVICE_FAILED;
    }
    if (!cloudns_read_zone(answer.json, zone, arena, out, err)) {
        service_blame(session, &request, err);
        return SERVICE_FAILED;
    }
    return read_servers(session, out, err) ? SERVICE_HERE : SERVICE_FAILED;
}

/* Everything at the name. The filters are repeated here: an unknown one is ignored there. */
static bool read_all(struct service_session *session, const char *domain,
                     const struct dns_challenge *challenge, struct cloudns_records *out, struct error *err)
{
    struct arena *arena = session->ctx->arena;
    const char *host = service_relative(arena, challenge->name, challenge->zone, "");
    struct cloudns_records all = {0};
    *out = (struct cloudns_records){0};
    for (int page = 1;; page++) {
        AUTO(service_answer) struct service_answer answer = {0};
        size_t before = all.count;
        const struct parameter parameters[] = {{"domain-name", domain},
                                               {"host", host},
                                               {"rows-per-page", arena_printf(arena, "%d", ROWS)},
                                               {"page", arena_printf(arena, "%d", page)},
                                               {0}};
        struct service_request request = {
            .path = "/dns/records.json",
            .doing = arena_printf(arena, "reading the records at %s", challenge->name)};
        if (!ask(session, &request, parameters, &answer, err))
            return false;
        if (!cloudns_read_records(answer.json, arena, &all, err))
            return service_blame(session, &request, err);
        if (all.count - before < ROWS)
            break;
        if (page == PAGES_MOST) /* more than a name can have */
            return service_puzzled(session, &request, "its pages have no end", err);
    }
    for (size_t i = 0; i < all.count; i++) {
        if (strcasecmp(all.items[i].host, host) == 0)
            *arena_push(arena, &out->items, out->count) = all.items[i];
    }
    return true;
}

static bool is_ours(const struct cloudns_record *record, const struct dns_challenge *challenge)
{
    return strcmp(record->type, challenge->type) == 0 && service_is_ours(challenge, record->value);
}

/* The smallest time to live that the account allows, at least ours; NULL: unknown. */
static const char *allowed_ttl(struct service_session *session, const char *domain)
{
    AUTO(service_answer) struct service_answer answer = {0};
    const struct parameter parameters[] = {{"domain-name", domain}, {0}};
    struct service_request request = {.path = "/dns/get-available-ttl.json",
                                      .doing = "asking for the times to live"};
    int64_t best = 0, ttl;
    if (!ask(session, &request, parameters, &answer, NULL))
        return NULL;
    for (const struct json *item = json_first(answer.json); item != NULL; item = json_next(item)) {
        if (json_int(item, &ttl) && ttl >= TTL_S && (best == 0 || ttl < best))
            best = ttl;
    }
    return best > 0 ? arena_printf(session->ctx->arena, "%lld", (long long)best) : NULL;
}

/* Of an answer to a change: true when it says that it was made. */
static bool says_success(struct service_session *session, const struct service_request *request,
                         const struct service_answer *answer, const char *otherwise, struct error *err)
{
    return text_equal(json_string(json_member(answer->json, "status")), "Success") ||
           service_puzzled(session, request, otherwise, err);
}

static bool add_record(struct service_session *session, const char *domain,
                       const struct dns_challenge *challenge, struct error *err)
{
    struct arena *arena = session->ctx->arena;
    const char *ttl = arena_printf(arena, "%d", TTL_S);
    for (int attempt = 0; attempt < 2; attempt++) {
        AUTO(service_answer) struct service_answer answer = {0};
        const struct parameter parameters[] = {
            {"domain-name", domain},
            {"record-type", challenge->type},
            {"host", service_relative(arena, challenge->name, challenge->zone, "")},
            {"record",
             service_is_cname(challenge) ? service_without_dot(arena, challenge->value) : challenge->value},
            {"ttl", ttl},
            {0}};
        struct service_request request = {
            .path = "/dns/add-record.json",
            .doing = arena_printf(arena, "adding the %s at %s", challenge->type, challenge->name),
            .once = true};
        if (ask(session, &request, parameters, &answer, err))
            return says_success(session, &request, &answer, "it does not say that the record was added", err);
        bool other_ttl = strcasestr(answer.words, "Invalid TTL") != NULL;
        if (attempt > 0 || !other_ttl || (ttl = allowed_ttl(session, domain)) == NULL)
            return false;
    }
    return false;
}

/* ---- operations ---- */

static bool zone_of(struct context *ctx, const struct resource *account, const char *name,
                    const char **out_zone, struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    return cloudns_open(ctx, account, &session, err) &&
           service_find_zone(&session, name, ask_zone, out_zone, err);
}

static bool add_if_absent(struct service_session *session, const struct dns_challenge *challenge,
                          struct error *err)
{
    struct cloudns_records records;
    const char *domain;
    if (!service_zone_id(session, challenge->zone, ask_zone, &domain, err) ||
        !read_all(session, domain, challenge, &records, err))
        return false;
    for (size_t i = 0; i < records.count; i++) {
        if (is_ours(&records.items[i], challenge))
            return true;
    }
    for (size_t i = 0; i < records.count; i++) {
        if (strcmp(records.items[i].type, "CNAME") == 0)
            return service_conflict(session->ctx->arena, challenge, records.items[i].value, err);
        if (service_is_cname(challenge))
            return service_conflict(session->ctx->arena, challenge, NULL, err);
    }
    return add_record(session, domain, challenge, err);
}

static bool remove_all_ours(struct service_session *session, const struct dns_challenge *challenge,
                            struct error *err)
{
    struct arena *arena = session->ctx->arena;
    struct cloudns_records records;
    const char *domain;
    if (!service_zone_id(session, challenge->zone, ask_zone, &domain, err) ||
        !read_all(session, domain, challenge, &records, err))
        return false;
    for (size_t i = 0; i < records.count; i++) {
        AUTO(service_answer) struct service_answer answer = {0};
        const struct parameter parameters[] = {
            {"domain-name", domain}, {"record-id", records.items[i].id}, {0}};
        struct service_request request = {
            .path = "/dns/delete-record.json",
            .doing = arena_printf(arena, "removing the %s at %s", challenge->type, challenge->name)};
        if (!is_ours(&records.items[i], challenge))
            continue;
        bool removed = ask(session, &request, parameters, &answer, err)
                           ? says_success(session, &request, &answer,
                                          "it does not say that the record was removed", err)
                           : strcasestr(answer.words, "Invalid record-id") != NULL;
        if (!removed)
            return false;
    }
    return true;
}

static bool in_turn(struct context *ctx, const struct resource *account,
                    const struct dns_challenge *challenge,
                    bool (*act)(struct service_session *session, const struct dns_challenge *challenge,
                                struct error *err),
                    struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    struct error failure = {0};
    if (!cloudns_open(ctx, account, &session, err))
        return false;
    const char *key = service_name_key(&session, challenge);
    service_lock(SERVICE_LOCK_NAME, key);
    bool done = act(&session, challenge, &failure);
    service_unlock(SERVICE_LOCK_NAME, key);
    if (!done && failure.kind == ERROR_NOT_FOUND)
        service_forget_zone(&session, challenge->zone);
    if (!done && err != NULL)
        *err = failure;
    return done;
}

static bool present(struct context *ctx, const struct resource *account,
                    const struct dns_challenge *challenge, struct error *err)
{
    return in_turn(ctx, account, challenge, add_if_absent, err);
}

static bool absent(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                   struct error *err)
{
    return in_turn(ctx, account, challenge, remove_all_ours, err);
}

static bool list(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                 struct string_list *out, struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    struct cloudns_records records;
    const char *domain;
    if (!cloudns_open(ctx, account, &session, err) ||
        !service_zone_id(&session, challenge->zone, ask_zone, &domain, err) ||
        !read_all(&session, domain, challenge, &records, err))
        return false;
    *out = (struct string_list){0};
    for (size_t i = 0; i < records.count; i++) {
        if (strcmp(records.items[i].type, challenge->type) == 0)
            string_list_push(ctx->arena, out, records.items[i].value);
    }
    return true;
}

/* "is-updated": a bare true or false. Some users may not ask it; then the DNS decides. */
static bool applied(struct context *ctx, const struct resource *account,
                    const struct dns_challenge *challenge, bool *out_applied, struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    AUTO(service_answer) struct service_answer answer = {0};
    struct error failure = {0};
    const char *domain;
    if (!cloudns_open(ctx, account, &session, err) ||
        !service_zone_id(&session, challenge->zone, ask_zone, &domain, err))
        return false;
    const struct parameter parameters[] = {{"domain-name", domain}, {0}};
    struct service_request request = {.path = "/dns/is-updated.json",
                                      .doing =
                                          arena_printf(ctx->arena, "asking whether %s is served", domain)};
    *out_applied = true;
    if (ask(&session, &request, parameters, &answer, &failure)) {
        if (json_is_bool(answer.json))
            json_bool(answer.json, out_applied);
        return true;
    }
    if (failure.kind == ERROR_UNREACHABLE || failure.kind == ERROR_THROTTLED) {
        if (err != NULL)
            *err = failure;
        return false;
    }
    return true;
}

static bool check(struct context *ctx, const struct resource *account, const char *zone, struct error *err)
{
    struct string_list values;
    struct dns_challenge apex = {.zone = zone, .name = zone, .type = "TXT", .value = ""};
    return list(ctx, account, &apex, &values, err);
}

const struct dns_provider_ops dns_cloudns = {
    .name = "cloudns",
    .requests = 2,
    .zone_of = zone_of,
    .present = present,
    .absent = absent,
    .list = list,
    .applied = applied,
    .check = check,
};
