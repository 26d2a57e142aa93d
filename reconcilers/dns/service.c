#include "reconcilers/dns/service.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"
#include "reconcilers/dns/turns.h"
#include "schema/operator.h"
#include "schema/resource.h"

enum { TIMEOUT_MS = 30000, CONNECT_MS = 10000, ANSWER_LIMIT = 4 << 20, LONGEST_WAIT_S = 3600 * 24 };

/* ---- opening ---- */

static const struct endpoint *operators_endpoint(const struct operator_config *config, const char *name)
{
    for (size_t i = 0; config != NULL && i < config->endpoint_count; i++) {
        if (text_equal(config->endpoints[i].name, name))
            return &config->endpoints[i];
    }
    return NULL;
}

void service_open(struct context *ctx, const struct resource *account, const struct service *service,
                  const char *url, struct service_session *out)
{
    const struct endpoint *endpoint = operators_endpoint(ctx->config, service->endpoint);
    *out = (struct service_session){.ctx = ctx, .account = account, .service = service};
    const char *base = endpoint != NULL ? endpoint->url : url != NULL ? url : service->url;
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/')
        length--;
    out->url = arena_strndup(ctx->arena, base, length);
    const char *host = strstr(out->url, "://");
    host = host != NULL ? host + 3 : out->url;
    size_t host_length = strcspn(host, "/");
    if (host_length > 4 && strncmp(host + host_length - 4, ":443", 4) == 0)
        host_length -= 4;
    out->host = arena_strndup(ctx->arena, host, host_length);
    out->ca = endpoint != NULL ? endpoint->ca : NULL;
    out->proxy = endpoint != NULL ? endpoint->proxy : NULL;
    out->key = arena_printf(ctx->arena, "%s %s/%s", out->url, account->namespace_, account->name);
}

void service_session_release(struct service_session *session)
{
    for (size_t i = 0; i < session->secret_count; i++)
        secret_destroy(session->secrets[i]);
    session->secret_count = 0;
}

void service_identify(struct service_session *session, const char *text)
{
    unsigned char digest[32];
    hash_sha256(span_of(text, strlen(text)), digest);
    session->key =
        arena_printf(session->ctx->arena, "%s %s", session->key, text_hex(session->ctx->arena, digest, 12));
}

static bool usable(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    }
    return length > 0;
}

const struct secret *service_secret(struct service_session *session, const struct secret_ref *ref,
                                    const char *what, struct error *err)
{
    struct secret *secret =
        file_read_named_secret(session->ctx->config->secrets_directory, ref->name, ref->key, err);
    if (secret == NULL) {
        if (err != NULL && err->kind == ERROR_NOT_FOUND)
            err->kind = ERROR_CREDENTIAL; /* NOT_FOUND would read as "no such zone" */
        error_prefix(err, "%s of DNS account %s", what, session->account->name);
        return NULL;
    }
    if (session->secret_count == SERVICE_SECRETS || !usable(secret_bytes(secret), secret_length(secret))) {
        secret_destroy(secret);
        error_raise(
            err, ERROR_CREDENTIAL,
            "%s of DNS account %s, {name: %s, key: %s}, is empty or holds a line break or another control "
            "character",
            what, session->account->name, ref->name, ref->key);
        return NULL;
    }
    session->secrets[session->secret_count++] = secret;
    service_identify(session, secret_bytes(secret));
    return secret;
}

/* ---- asking ---- */

void service_answer_release(struct service_answer *answer)
{
    json_destroy(answer->json);
    answer->json = NULL;
}

/* Should the service repeat a credential in a text of its own, nobody downstream is to see it. */
void service_mask(const struct service_session *session, char *text, size_t length)
{
    for (size_t i = 0; i < session->secret_count && length > 0; i++) {
        const struct secret *secret = session->secrets[i];
        char *at = text, *end = at + length;
        while (secret_length(secret) >= 4 &&
               (at = memmem(at, (size_t)(end - at), secret_bytes(secret), secret_length(secret))) != NULL)
            memset(at, '*', secret_length(secret));
    }
}

bool service_ask(struct service_session *session, const struct service_request *request,
                 struct service_answer *out, struct error *err)
{
    struct arena *arena = session->ctx->arena;
    struct http_response response;
    struct http_request wire = {
        .method = request->method,
        .url = arena_printf(arena, "%s%s", session->url, request->path),
        .headers = request->headers,
        .header_count = request->header_count,
        .body = request->body,
        .body_length = request->body_length,
        .ca_file = session->ca,
        .proxy = session->proxy,
        .trusted_address = true,
        .once = request->once,
        .connect_timeout_ms = CONNECT_MS,
        .timeout_ms = session->timeout_ms > 0 ? session->timeout_ms : TIMEOUT_MS,
        .response_limit = ANSWER_LIMIT,
    };
    *out = (struct service_answer){.body = "", .code = "", .words = ""};
    if (!dns_turn_begin(session->ctx, err))
        return service_blame(session, request, err);
    bool answered = http_perform(session->ctx->http, &wire, arena, &response, err);
    dns_turn_end(session->ctx);
    if (answered)
        service_mask(session, (char *)response.body, response.body_length);
    log_event(LOG_DEBUG, "asked the DNS service", "service", session->service->label, "account",
              session->account->name, "method", request->method, "path",
              arena_strndup(arena, request->path, strcspn(request->path, "?")), "status",
              arena_printf(arena, "%d", response.status), "error",
              answered || err == NULL ? NULL : err->message, NULL);
    if (!answered)
        return service_blame(session, request, err);
    out->status = response.status;
    out->body = response.body;
    out->length = response.body_length;
    out->retry_after_s = response.retry_after_s;
    out->date = response.date;
    const char *start = out->body + strspn(out->body, " \t\r\n");
    if (*start != '<' && *start != '\0') /* XML and HTML are no JSON */
        out->json = json_parse(out->body, out->length, NULL);
    session->service->read_failure(out, arena);
    /* Once more: in the body it may have been escaped. */
    char *words = arena_strdup(arena, out->words), *code = arena_strdup(arena, out->code);
    service_mask(session, words, strlen(words));
    service_mask(session, code, strlen(code));
    out->words = words;
    out->code = code;
    return true;
}

/* ---- failures ---- */

bool service_blame(const struct service_session *session, const struct service_request *request,
                   struct error *err)
{
    if (err != NULL)
        service_mask(session, err->message, strlen(err->message));
    return error_prefix(err, "%s (DNSAccount %s), %s", session->service->label, session->account->name,
                        request->doing);
}

bool service_puzzled(const struct service_session *session, const struct service_request *request,
                     const char *why, struct error *err)
{
    error_raise(err, ERROR_MALFORMED, "the answer cannot be used: %s", why);
    return service_blame(session, request, err);
}

struct service_fault service_judge(const struct service *service, int status, const char *code,
                                   const char *words)
{
    for (size_t i = 0; i < service->fault_count; i++) {
        const struct service_fault *fault = &service->faults[i];
        if ((fault->status == 0 || fault->status == status) &&
            (fault->code == NULL || strcmp(fault->code, code) == 0) &&
            (fault->words == NULL || strcasestr(words, fault->words) != NULL))
            return *fault;
    }
    struct service_fault fault = {.kind = ERROR_REFUSED};
    if (status == 429)
        fault.kind = ERROR_THROTTLED;
    else if (status == 401 || status == 403)
        fault.kind = ERROR_CREDENTIAL;
    else if (status == 404)
        fault.kind = ERROR_NOT_FOUND;
    else if (status == 409)
        fault.kind = ERROR_CONFLICT;
    else if (status == 408 || status >= 500)
        fault.kind = ERROR_UNREACHABLE;
    else if (status < 400)
        fault.kind = ERROR_MALFORMED; /* a redirect, or a success that says "failed" in words unknown to us */
    return fault;
}

/* Known who we are, but not allowed this one thing. */
static bool lacks_right(const char *code)
{
    static const char *const codes[] = {"AuthorizationFailed", "AccessDenied"};
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        if (strcmp(code, codes[i]) == 0)
            return true;
    }
    return false;
}

bool service_fail(const struct service_session *session, const struct service_request *request,
                  const struct service_answer *answer, struct error *err)
{
    struct arena *arena = session->ctx->arena;
    struct service_fault fault = service_judge(session->service, answer->status, answer->code, answer->words);
    if (fault.kind == ERROR_CREDENTIAL && !lacks_right(answer->code))
        service_forget_account(session->key);
    const char *words = text_clean(arena, answer->words, strlen(answer->words), 200);
    const char *code = text_clean(arena, answer->code, strlen(answer->code), 60);
    error_raise(err, fault.kind, "%s%s%s%sHTTP %d%s%s%s", fault.advice != NULL ? fault.advice : "",
                fault.advice != NULL ? ": " : "", words, *words != '\0' ? " (" : "", answer->status,
                *code != '\0' ? ", " : "", code, *words != '\0' ? ")" : "");
    int64_t wait = answer->retry_after_s > 0 ? answer->retry_after_s : fault.wait_s;
    if (err != NULL && wait > 0 && (fault.kind == ERROR_THROTTLED || answer->retry_after_s > 0))
        err->retry_at = clock_now() + (wait < LONGEST_WAIT_S ? wait : LONGEST_WAIT_S);
    return service_blame(session, request, err);
}

/* ---- names and values ---- */

char *service_encode(struct arena *arena, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc(arena, 3 * strlen(text) + 1);
    size_t used = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (isascii(*c) && (isalnum(*c) || strchr("-_.~", *c) != NULL)) {
            out[used++] = (char)*c;
        } else {
            out[used++] = '%';
            out[used++] = digits[*c >> 4];
            out[used++] = digits[*c & 15];
        }
    }
    return out;
}

const char *service_without_dot(struct arena *arena, const char *name)
{
    size_t length = strlen(name);
    return length > 0 && name[length - 1] == '.' ? arena_strndup(arena, name, length - 1) : name;
}

const char *service_relative(struct arena *arena, const char *name, const char *zone, const char *apex)
{
    const char *owner = text_lower(arena, service_without_dot(arena, name));
    size_t owner_length = strlen(owner), zone_length = strlen(zone);
    if (!text_name_within(owner, zone) || owner_length == zone_length)
        return apex;
    return arena_strndup(arena, owner, owner_length - zone_length - 1);
}

bool service_same_name(const char *a, const char *b)
{
    size_t a_length = strlen(a), b_length = strlen(b);
    a_length -= a_length > 0 && a[a_length - 1] == '.';
    b_length -= b_length > 0 && b[b_length - 1] == '.';
    return a_length == b_length && strncasecmp(a, b, a_length) == 0;
}

const char *service_unquote(struct arena *arena, const char *text, int base)
{
    if (*text != '"')
        return text;
    char *out = arena_alloc(arena, strlen(text) + 1);
    size_t used = 0;
    bool inside = false;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"') {
            inside = !inside;
        } else if (inside && *c == '\\' && c[1] != '\0') {
            int value = 0, digits = 0;
            while (digits < 3 && c[1 + digits] >= '0' && c[1 + digits] < '0' + base) {
                value = value * base + (c[1 + digits] - '0');
                digits++;
            }
            bool number = digits == 3 && value > 0 && value < 256;
            out[used++] = number ? (char)value : c[1];
            c += number ? 3 : 1;
        } else if (inside) {
            out[used++] = *c;
        }
    }
    return out;
}

bool service_is_cname(const struct dns_challenge *challenge) { return strcmp(challenge->type, "CNAME") == 0; }

bool service_is_ours(const struct dns_challenge *challenge, const char *value)
{
    return service_is_cname(challenge) ? service_same_name(value, challenge->value)
                                       : strcmp(value, challenge->value) == 0;
}

bool service_conflict(struct arena *arena, const struct dns_challenge *challenge, const char *cname,
                      struct error *err)
{
    if (cname != NULL)
        return error_raise(
            err, ERROR_CONFLICT,
            "at %s stands a CNAME to %s, which is not ours to remove: the %s for the validation cannot "
            "be placed%s",
            challenge->name, text_clean(arena, cname, strlen(cname), 120), challenge->type,
            service_is_cname(challenge) ? "; a CNAME that is itself the proof cannot stand elsewhere" : "");
    return error_raise(
        err, ERROR_CONFLICT,
        "at %s stand other records, which are not ours to remove: the %s for the validation cannot be "
        "placed beside them",
        challenge->name, challenge->type);
}
