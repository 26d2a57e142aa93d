/* Azure DNS (dns-providers.md 2). A token is asked for with the application's secret and kept until shortly
 * before its end. A PUT replaces a whole record set, so every write carries the etag of the set it was made
 * from, or "create only". */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "base/secret.h"
#include "reconcilers/dns/service_answers.h"
#include "schema/resource.h"

extern const struct dns_provider_ops dns_azure;

enum { TTL_S = 60, ROUNDS = 5, EARLY_S = 300 };

static const struct {
    const char *login, *management;
} clouds[] = {
    [AZURE_PUBLIC] = {"https://login.microsoftonline.com", "https://management.azure.com"},
    [AZURE_CHINA] = {"https://login.chinacloudapi.cn", "https://management.chinacloudapi.cn"},
    [AZURE_US_GOVERNMENT] = {"https://login.microsoftonline.us", "https://management.usgovcloudapi.net"},
};

/* ---- token ---- */

static const char *token_key(const struct service_session *session)
{
    return arena_printf(session->ctx->arena, "token %s", session->key);
}

/* Ask for a token. The sign-in is another server, so it is opened anew. */
static bool ask_token(struct service_session *management, const char **out_token, struct error *err)
{
    struct context *ctx = management->ctx;
    const struct dns_account *spec = management->account->dns_account;
    AUTO(service_session) struct service_session session = {0};
    AUTO(service_answer) struct service_answer answer = {0};
    static const struct http_header headers[] = {{"Content-Type", "application/x-www-form-urlencoded"},
                                                 {"Accept", "application/json"}};
    struct buffer body = {0};
    int64_t seconds;
    service_open(ctx, management->account, &azure_login, clouds[spec->azure_dns.environment].login, &session);
    const struct secret *secret =
        service_secret(&session, &spec->azure_dns.client_secret_secret_ref, "the client secret", err);
    if (secret == NULL)
        return false;
    char *encoded = service_encode(ctx->arena, secret_bytes(secret));
    buffer_printf(&body, "grant_type=client_credentials&client_id=%s&client_secret=%s&scope=%s",
                  service_encode(ctx->arena, spec->azure_dns.client_id), encoded,
                  service_encode(ctx->arena, arena_printf(ctx->arena, "%s/.default",
                                                          clouds[spec->azure_dns.environment].management)));
    secret_wipe(encoded, strlen(encoded));
    struct service_request request = {
        .method = "POST",
        .path = arena_printf(ctx->arena, "/%s/oauth2/v2.0/token",
                             service_encode(ctx->arena, spec->azure_dns.tenant_id)),
        .headers = headers,
        .header_count = COUNT_OF(headers),
        .body = body.data,
        .body_length = body.length,
        .doing = "asking for a token",
    };
    bool ok = service_ask(&session, &request, &answer, err);
    buffer_wipe(&body);
    if (!ok)
        return false;
    if (!service_succeeded(&answer))
        return service_fail(&session, &request, &answer, err);
    if (!azure_read_token(answer.json, ctx->arena, out_token, &seconds, err))
        return service_blame(&session, &request, err);
    int64_t usable = seconds > 2 * EARLY_S ? seconds - EARLY_S : seconds / 2;
    service_remember(token_key(management), *out_token, usable * 1000);
    return true;
}

/* One renewal at a time: who waited for it finds it made. `refused`: a token that Azure no longer takes;
 * NULL: none. */
static bool get_token(struct service_session *session, const char *refused, const char **out_token,
                      struct error *err)
{
    const char *key = token_key(session);
    service_lock(SERVICE_LOCK_TOKEN, key);
    *out_token = service_recall(session->ctx->arena, key);
    bool ok = *out_token != NULL && (refused == NULL || strcmp(*out_token, refused) != 0);
    if (!ok)
        ok = ask_token(session, out_token, err);
    service_unlock(SERVICE_LOCK_TOKEN, key);
    /* So that it is masked in answers, too; the latest, beside the client secret. */
    while (ok && session->secret_count > 1)
        secret_destroy(session->secrets[--session->secret_count]);
    if (ok)
        session->secrets[session->secret_count++] = secret_create(*out_token, strlen(*out_token));
    return ok;
}

/* ---- asking ---- */

static bool azure_open(struct context *ctx, const struct resource *account, struct service_session *out,
                       struct error *err)
{
    const struct dns_account *spec = account->dns_account;
    service_open(ctx, account, &azure_management, clouds[spec->azure_dns.environment].management, out);
    service_identify(out, arena_printf(ctx->arena, "%s %s %s %s", spec->azure_dns.tenant_id,
                                       spec->azure_dns.client_id, spec->azure_dns.subscription_id,
                                       spec->azure_dns.resource_group_name));
    return service_secret(out, &spec->azure_dns.client_secret_secret_ref, "the client secret", err) != NULL;
}

static const char *zone_path(const struct service_session *session, const char *zone, const char *below)
{
    struct arena *arena = session->ctx->arena;
    const struct dns_account *spec = session->account->dns_account;
    return arena_printf(arena,
                        "/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Network/dnsZones/%s%s"
                        "?api-version=2018-05-01",
                        service_encode(arena, spec->azure_dns.subscription_id),
                        service_encode(arena, spec->azure_dns.resource_group_name),
                        service_encode(arena, zone), below);
}

/* One request with a token; with a new one once, should this one no longer be taken. `condition`: the header
 * that guards a write; NULL: none. True with an answer, whatever its status. */
static bool ask(struct service_session *session, struct service_request *request,
                const struct http_header *condition, struct service_answer *out, struct error *err)
{
    const char *token, *refused = NULL;
    for (int attempt = 0;; attempt++) {
        struct http_header headers[4] = {{"Accept", "application/json"}};
        size_t count = 1;
        if (!get_token(session, refused, &token, err))
            return false;
        headers[count++] =
            (struct http_header){"Authorization", arena_printf(session->ctx->arena, "Bearer %s", token)};
        if (request->body != NULL)
            headers[count++] = (struct http_header){"Content-Type", "application/json"};
        if (condition != NULL)
            headers[count++] = *condition;
        request->headers = headers;
        request->header_count = count;
        bool answered = service_ask(session, request, out, err);
        request->headers = NULL;
        request->header_count = 0;
        if (!answered || out->status != 401 || attempt > 0)
            return answered;
        service_answer_release(out);
        refused = token;
    }
}

static enum service_finding ask_zone(struct service_session *session, const char *zone,
                                     struct service_zone *out, struct error *err)
{
    AUTO(service_answer) struct service_answer answer = {0};
    struct service_request request = {.method = "GET",
                                      .path = zone_path(session, zone, ""),
                                      .doing =
                                          arena_printf(session->ctx->arena, "looking for zone %s", zone)};
    if (!ask(session, &request, NULL, &answer, err))
        return SERVICE_FAILED;
    if (service_succeeded(&answer)) {
        enum service_finding finding = azure_read_zone(answer.json, zone, session->ctx->arena, out, err);
        if (finding == SERVICE_FAILED)
            service_blame(session, &request, err);
        return finding;
    }
    struct error failure = {0};
    service_fail(session, &request, &answer, &failure);
    if (failure.kind == ERROR_NOT_FOUND)
        return SERVICE_NOT_HERE;
    if (err != NULL)
        *err = failure;
    /* A role on one zone alone lets us look at no other, not even to learn that it is not there. */
    return answer.status == 403 ? SERVICE_FORBIDDEN : SERVICE_FAILED;
}

/* ---- record sets ---- */

struct place {
    const char *path, *doing;
};
static struct place place_of(const struct service_session *session, const struct dns_challenge *challenge,
                             const char *doing)
{
    struct arena *arena = session->ctx->arena;
    const char *relative = service_relative(arena, challenge->name, challenge->zone, "@");
    const char *segment = strcmp(relative, "@") == 0 ? relative : service_encode(arena, relative);
    return (struct place){
        zone_path(session, challenge->zone, arena_printf(arena, "/%s/%s", challenge->type, segment)),
        arena_printf(arena, "%s the %s at %s", doing, challenge->type, challenge->name)};
}

/* The set that is there; *out_there false: there is none. */
static bool read_set(struct service_session *session, const struct dns_challenge *challenge,
                     struct azure_set *out, bool *out_there, struct error *err)
{
    AUTO(service_answer) struct service_answer answer = {0};
    struct place place = place_of(session, challenge, "reading");
    struct service_request request = {.method = "GET", .path = place.path, .doing = place.doing};
    if (!ask(session, &request, NULL, &answer, err))
        return false;
    *out_there = service_succeeded(&answer);
    if (*out_there)
        return azure_read_set(answer.json, session->ctx->arena, out, err) ||
               service_blame(session, &request, err);
    /* "NotFound" is the set's absence; the zone's has other words. */
    if (answer.status == 404 && strcmp(answer.code, "NotFound") == 0)
        return true;
    service_fail(session, &request, &answer, err);
    if (err != NULL && err->kind == ERROR_NOT_FOUND)
        service_forget_zone(session, challenge->zone);
    return false;
}

static bool holds(const struct azure_set *set, const struct dns_challenge *challenge, struct arena *arena,
                  size_t *out_position)
{
    if (service_is_cname(challenge))
        return set->cname != NULL && service_is_ours(challenge, set->cname);
    for (size_t i = 0; i < set->value_count; i++) {
        if (service_is_ours(challenge, string_list_join(arena, &set->values[i], ""))) {
            *out_position = i;
            return true;
        }
    }
    return false;
}

static void put_value(struct json_writer *w, const struct string_list *strings)
{
    json_begin_object(w);
    json_key(w, "value");
    json_begin_array(w);
    for (size_t i = 0; i < strings->count; i++)
        json_put_string(w, strings->items[i]);
    json_end_array(w);
    json_end_object(w);
}

/* The set as it shall be: `was` (NULL: none) with our value added, or without that at `position`. */
static const char *set_body(struct arena *arena, const struct dns_challenge *challenge,
                            const struct azure_set *was, bool add, size_t position)
{
    AUTO(buffer) struct buffer out = {0};
    struct json_writer w = {.out = &out};
    const char *own[] = {challenge->value};
    struct string_list ours = {.items = own, .count = 1};
    json_begin_object(&w);
    json_key(&w, "properties");
    json_begin_object(&w);
    if (was != NULL && was->metadata_count > 0) {
        json_key(&w, "metadata");
        json_begin_object(&w);
        for (size_t i = 0; i < was->metadata_count; i++)
            json_string_member(&w, was->metadata[i].name, was->metadata[i].value);
        json_end_object(&w);
    }
    json_int_member(&w, "TTL", was != NULL ? was->ttl : TTL_S);
    if (service_is_cname(challenge)) {
        json_key(&w, "CNAMERecord");
        json_begin_object(&w);
        json_string_member(&w, "cname", service_without_dot(arena, challenge->value));
        json_end_object(&w);
    } else {
        json_key(&w, "TXTRecords");
        json_begin_array(&w);
        for (size_t i = 0; was != NULL && i < was->value_count; i++) {
            if (add || i != position)
                put_value(&w, &was->values[i]);
        }
        if (add)
            put_value(&w, &ours);
        json_end_array(&w);
    }
    json_end_object(&w);
    json_end_object(&w);
    return arena_strdup(arena, buffer_text(&out));
}

enum outcome { DONE, CHANGED_MEANWHILE, FAILED };

/* `body` NULL: delete the set. `was` NULL: there must be none. */
static enum outcome write_set(struct service_session *session, const struct dns_challenge *challenge,
                              const struct azure_set *was, const char *body, struct error *err)
{
    AUTO(service_answer) struct service_answer answer = {0};
    struct place place = place_of(session, challenge, "changing");
    struct http_header condition = was != NULL ? (struct http_header){"If-Match", was->etag}
                                               : (struct http_header){"If-None-Match", "*"};
    struct service_request request = {.method = body != NULL ? "PUT" : "DELETE",
                                      .path = place.path,
                                      .body = body,
                                      .body_length = body != NULL ? strlen(body) : 0,
                                      .doing = place.doing};
    if (!ask(session, &request, &condition, &answer, err))
        return FAILED;
    if (service_succeeded(&answer))
        return DONE;
    service_fail(session, &request, &answer, err);
    if (answer.status == 412 || (answer.status == 404 && was != NULL))
        return CHANGED_MEANWHILE;
    return FAILED;
}

/* ---- operations ---- */

static bool zone_of(struct context *ctx, const struct resource *account, const char *name,
                    const char **out_zone, struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    return azure_open(ctx, account, &session, err) &&
           service_find_zone(&session, name, ask_zone, out_zone, err);
}

static bool check_free(struct arena *arena, const struct azure_set *set,
                       const struct dns_challenge *challenge, struct error *err)
{
    if (set->is_alias)
        return error_raise(err, ERROR_CONFLICT,
                           "the %s set at %s is an alias to a resource of Azure, which is not ours to change",
                           challenge->type, challenge->name);
    return !service_is_cname(challenge) || service_conflict(arena, challenge, set->cname, err);
}

static bool present_in_rounds(struct service_session *session, const struct dns_challenge *challenge,
                              struct error *err)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct azure_set set = {0};
        bool there;
        size_t position;
        if (!read_set(session, challenge, &set, &there, err))
            return false;
        if (there && holds(&set, challenge, session->ctx->arena, &position))
            return true;
        if (there && !check_free(session->ctx->arena, &set, challenge, err))
            return false;
        const char *body = set_body(session->ctx->arena, challenge, there ? &set : NULL, true, 0);
        enum outcome outcome = write_set(session, challenge, there ? &set : NULL, body, err);
        if (outcome != CHANGED_MEANWHILE)
            return outcome == DONE;
    }
    return false; /* with what the last round said */
}

static bool present(struct context *ctx, const struct resource *account,
                    const struct dns_challenge *challenge, struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    if (!azure_open(ctx, account, &session, err))
        return false;
    const char *key = service_name_key(&session, challenge);
    service_lock(SERVICE_LOCK_NAME, key);
    bool done = present_in_rounds(&session, challenge, err);
    service_unlock(SERVICE_LOCK_NAME, key);
    return done;
}

static bool absent_in_rounds(struct service_session *session, const struct dns_challenge *challenge,
                             struct error *err)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct azure_set set = {0};
        bool there;
        size_t position = 0;
        if (!read_set(session, challenge, &set, &there, err))
            return false;
        if (!there || !holds(&set, challenge, session->ctx->arena, &position) || set.is_alias)
            return true;
        bool last = service_is_cname(challenge) || set.value_count == 1;
        const char *body = last ? NULL : set_body(session->ctx->arena, challenge, &set, false, position);
        enum outcome outcome = write_set(session, challenge, &set, body, err);
        if (outcome != CHANGED_MEANWHILE)
            return outcome == DONE;
    }
    return false;
}

static bool absent(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                   struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    if (!azure_open(ctx, account, &session, err))
        return false;
    const char *key = service_name_key(&session, challenge);
    service_lock(SERVICE_LOCK_NAME, key);
    bool done = absent_in_rounds(&session, challenge, err);
    service_unlock(SERVICE_LOCK_NAME, key);
    return done;
}

static bool list(struct context *ctx, const struct resource *account, const struct dns_challenge *challenge,
                 struct string_list *out, struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    struct azure_set set = {0};
    bool there;
    if (!azure_open(ctx, account, &session, err) || !read_set(&session, challenge, &set, &there, err))
        return false;
    *out = (struct string_list){0};
    if (there && service_is_cname(challenge) && set.cname != NULL)
        string_list_push(ctx->arena, out, set.cname);
    for (size_t i = 0; there && !service_is_cname(challenge) && i < set.value_count; i++)
        string_list_push(ctx->arena, out, string_list_join(ctx->arena, &set.values[i], ""));
    return true;
}

static bool check(struct context *ctx, const struct resource *account, const char *zone, struct error *err)
{
    AUTO(service_session) struct service_session session = {0};
    struct dns_challenge apex = {.zone = zone, .name = zone, .type = "TXT", .value = ""};
    struct azure_set set;
    const char *id;
    bool there;
    return azure_open(ctx, account, &session, err) && service_zone_id(&session, zone, ask_zone, &id, err) &&
           read_set(&session, &apex, &set, &there, err);
}

const struct dns_provider_ops dns_azure = {
    .name = "azureDNS",
    .requests = 2,
    .zone_of = zone_of,
    .present = present,
    .absent = absent,
    .list = list,
    .check = check,
};
