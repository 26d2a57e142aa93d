/* The vendor's port: paths, who asks, shapes of answers, and the faults on the way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <event2/event.h>

#include <openssl/crypto.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/http_server.h"
#include "base/log.h"
#include "sandbox/crypto.h"
#include "sandbox/faults.h"
#include "sandbox/orders.h"
#include "sandbox/wire.h"

enum access {
    ACCESS_OPEN,    /* anybody */
    ACCESS_FLAT,    /* partner; the members stand flat, or nested as well */
    ACCESS_PARTNER, /* AuthRequest of the partner */
    ACCESS_ORDER,   /* partner, or the order's own token */
    ACCESS_BLIND    /* order/query: a bad token is not refused (section 2.3) */
};
struct endpoint {
    const char *path;
    endpoint_function *run;
    enum access access;
    enum shape shape;
    bool order_object; /* refusals carry the members of section 9 as null */
};
static const struct endpoint endpoints[] = {
    {"health/status", api_health_status, ACCESS_OPEN, SHAPE_FLAT, false},
    {"health/validate", api_health_validate, ACCESS_FLAT, SHAPE_FLAT, false},
    {"health/validatetoken", api_validate_token, ACCESS_OPEN, SHAPE_NESTED, false},
    {"product/query", api_products, ACCESS_PARTNER, SHAPE_ARRAY, false},
    {"csr", api_csr, ACCESS_PARTNER, SHAPE_NESTED, false},
    {"order/approverlist", api_approvers, ACCESS_PARTNER, SHAPE_NESTED, false},
    {"order/agreement", api_agreement, ACCESS_PARTNER, SHAPE_NESTED, false},
    {"order/validate", api_validate, ACCESS_PARTNER, SHAPE_FLAT, false},
    {"order/validateorderparameters", api_validate_parameters, ACCESS_PARTNER, SHAPE_NESTED, false},
    {"order/neworder", api_new_order, ACCESS_ORDER, SHAPE_NESTED, true},
    {"order/inviteorder", api_invite, ACCESS_PARTNER, SHAPE_NESTED, true},
    {"order/status", api_status, ACCESS_ORDER, SHAPE_NESTED, true},
    {"order/query", api_query, ACCESS_BLIND, SHAPE_ARRAY, false},
    {"order/getmodifiedorderssummary", api_summary, ACCESS_PARTNER, SHAPE_NESTED, false},
    {"order/download", api_download, ACCESS_ORDER, SHAPE_NESTED, false},
    {"order/reissue", api_reissue, ACCESS_ORDER, SHAPE_NESTED, true},
    {"order/resend", api_resend, ACCESS_ORDER, SHAPE_FLAT, false},
    {"order/changeapproveremail", api_change_approver, ACCESS_ORDER, SHAPE_FLAT, false},
    {"order/refundrequest", api_refund, ACCESS_ORDER, SHAPE_NESTED, true},
    {"order/refundstatus", api_refund_status, ACCESS_ORDER, SHAPE_NESTED, true},
    {"order/certificaterevokerequest", api_revoke, ACCESS_ORDER, SHAPE_FLAT, false},
    {"user/accountdetail", api_account, ACCESS_FLAT, SHAPE_NESTED, false},
};

static const char json_type[] = "application/json; charset=utf-8";
static const char html_type[] = "text/html";

/* ---- who asks -------------------------------------------------------------------------------- */

static bool same_secret(const char *given, const char *right)
{
    size_t length = strlen(right);
    return strlen(given) == length && CRYPTO_memcmp(given, right, length) == 0;
}

static bool is_partner(const struct call *call, const cJSON *auth)
{
    return strcmp(wire_text(call->arena, auth, "PartnerCode"), call->sandbox->options.partner_code) == 0 &&
           same_secret(wire_text(call->arena, auth, "AuthToken"), call->sandbox->auth_token);
}

/* Modes B ("id#!code" in Token) and C (in halves): section 2.1. */
static struct order *token_order(const struct call *call, const cJSON *auth)
{
    const char *id = wire_text(call->arena, auth, "TokenID"),
               *code = wire_text(call->arena, auth, "TokenCode");
    const char *token = wire_text(call->arena, auth, "Token"), *middle = strstr(token, "#!");
    if (!wire_bool(auth, "IsUsedForTokenSystem"))
        return NULL;
    if (middle != NULL) {
        id = arena_strndup(call->arena, token, (size_t)(middle - token));
        code = middle + 2;
    }
    if (!text_has_prefix(id, "SBX"))
        return NULL;
    struct order *order = order_by_id(call->sandbox, strtoll(id + 3, NULL, 10));
    return order != NULL && strcmp(order->token_id, id) == 0 && same_secret(code, order->token_code) ? order
                                                                                                     : NULL;
}

static void identify(struct call *call, enum access access)
{
    call->auth = wire_object(call->body, "AuthRequest");
    if (access == ACCESS_FLAT && !is_partner(call, call->auth))
        call->auth = call->body;
    if (call->auth == NULL)
        call->auth = call->body;
    call->replay_token = wire_text(call->arena, call->auth, "ReplayToken");
    /* Without AuthRequest nobody is signed in, but for the calls whose members stand flat. */
    bool nested = wire_object(call->body, "AuthRequest") != NULL;
    call->signed_in = (nested || access == ACCESS_FLAT) && is_partner(call, call->auth);
    call->token_order = nested || call->body == call->auth ? token_order(call, call->auth) : NULL;
}

static bool admit(struct call *call, enum access access)
{
    if (access == ACCESS_OPEN || access == ACCESS_BLIND || call->signed_in)
        return true;
    if (access == ACCESS_ORDER && call->token_order != NULL)
        return true;
    return refuse(call, CODE_AUTH, "Token/Authentication Failure");
}

struct order *find_order(struct call *call)
{
    struct sandbox *sandbox = call->sandbox;
    const char *number = wire_text(call->arena, call->body, "TheSSLStoreOrderID");
    const char *custom = wire_text(call->arena, call->body, "CustomOrderID");
    struct order *order = NULL;
    if (!text_empty(number))
        order = order_by_id(sandbox, strtoll(number, NULL, 10)); /* the store's number wins */
    else if (!text_empty(custom))
        order = order_by_custom(sandbox, custom);
    else if (call->token_order != NULL)
        order = call->token_order;
    if (!call->signed_in && order != call->token_order) {
        refuse(call, CODE_AUTH, "Token/Authentication Failure"); /* the token does not reach that order */
        return NULL;
    }
    if (order != NULL && faults_hide(sandbox->faults, call->path, order->id))
        order = NULL;
    if (order == NULL)
        refuse(call, CODE_NOT_FOUND, "Order not found");
    call->order = order;
    return order;
}

/* ---- the request log ------------------------------------------------------------------------- */

static void forget_secrets(cJSON *object)
{
    static const char *const secrets[] = {"AuthToken", "Token", "TokenCode"};
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        cJSON *value = cJSON_GetObjectItemCaseSensitive(object, secrets[i]);
        if (cJSON_IsString(value) && value->valuestring[0] != '\0')
            cJSON_SetValuestring(value, "*");
    }
}

static void count_path(struct sandbox *sandbox, const char *path, bool is_error)
{
    for (size_t i = 0; i < PATHS_COUNTED; i++) {
        if (sandbox->counts[i].path == NULL)
            sandbox->counts[i].path = path;
        if (sandbox->counts[i].path == path) {
            sandbox->counts[i].calls++;
            sandbox->counts[i].errors += is_error;
            return;
        }
    }
}

/* Takes the body. */
static void record(struct sandbox *sandbox, const struct call *call, cJSON *body, int status, bool is_error)
{
    struct request_record *slot = &sandbox->requests[sandbox->request_count % REQUESTS_KEPT];
    free(slot->custom_id);
    free(slot->order_id);
    free(slot->fault);
    cJSON_Delete(slot->body);
    cJSON *auth = cJSON_GetObjectItemCaseSensitive(body, "AuthRequest");
    const char *custom = wire_text(call->arena, body, "CustomOrderID");
    char number[32] = "";
    if (call->order != NULL)
        snprintf(number, sizeof number, "%lld", (long long)call->order->id);
    *slot = (struct request_record){.sequence = ++sandbox->request_count,
                                    .at_ms = clock_now_ms(),
                                    .arrived_us = call->arrived_us,
                                    .path = call->path,
                                    .custom_id = strdup(custom),
                                    .order_id = strdup(number),
                                    .status = status,
                                    .is_error = is_error,
                                    .body = body,
                                    .fault = call->fault != NULL ? strdup(fault_name(call->fault->kind))
                                                                 : NULL};
    forget_secrets(body);
    if (cJSON_IsObject(auth))
        forget_secrets(auth);
    count_path(sandbox, call->path, is_error);
}

/* ---- answers --------------------------------------------------------------------------------- */

static const char html_page[] = "<!DOCTYPE html><html><head><title>Runtime Error</title></head><body>"
                                "<h1>Server Error in '/rest' Application.</h1></body></html>";

static void reply_html(struct http_exchange *exchange, int status)
{
    http_exchange_reply(exchange, status, html_type, html_page, sizeof html_page - 1);
}

/* The members of the flat envelope go into the object itself. */
static void flatten(cJSON *answer, cJSON *auth)
{
    while (auth->child != NULL) {
        cJSON *member = cJSON_DetachItemViaPointer(auth, auth->child);
        char *name = strdup(member->string);
        cJSON_AddItemToObject(answer, name, member);
        free(name);
    }
    cJSON_Delete(auth);
}

static char *print_answer(struct call *call, const struct endpoint *endpoint, bool good)
{
    cJSON *auth = answer_auth(call, !good || call->lies);
    if (endpoint->shape == SHAPE_ARRAY) {
        if (!good) {
            cJSON *element = cJSON_CreateObject();
            cJSON_AddItemToArray(call->answer, element);
        }
        /* Only the first element has it, the rest are null (section 3.2). */
        cJSON *element = cJSON_GetArrayItem(call->answer, 0);
        if (element != NULL)
            cJSON_AddItemToObject(element, "AuthResponse", auth);
        else
            cJSON_Delete(auth);
    } else {
        if (!good && endpoint->order_object)
            answer_no_order(call->answer);
        if (endpoint->shape == SHAPE_FLAT)
            flatten(call->answer, auth);
        else
            cJSON_AddItemToObject(call->answer, "AuthResponse", auth);
    }
    if (call->fault != NULL && call->fault->kind == FAULT_EDIT) {
        cJSON *target = endpoint->shape == SHAPE_ARRAY ? cJSON_GetArrayItem(call->answer, 0) : call->answer;
        const cJSON *item;
        cJSON_ArrayForEach (item, call->fault->set) {
            cJSON_DeleteItemFromObjectCaseSensitive(target, item->string);
            cJSON_AddItemToObject(target, item->string, cJSON_Duplicate(item, true));
        }
        cJSON_ArrayForEach (item, call->fault->remove)
            if (cJSON_IsString(item))
                cJSON_DeleteItemFromObjectCaseSensitive(target, item->valuestring);
    }
    return cJSON_PrintUnformatted(call->answer);
}

static void reply_garbage(struct http_exchange *exchange)
{
    char bytes[200];
    random_fill(bytes, sizeof bytes);
    bytes[0] = '{';
    http_exchange_reply(exchange, 200, json_type, bytes, sizeof bytes);
}

static void set_wrong_date(struct http_exchange *exchange, int64_t offset_s)
{
    char words[64];
    time_t at = (time_t)(clock_wire() + offset_s);
    struct tm utc;
    gmtime_r(&at, &utc);
    strftime(words, sizeof words, "%a, %d %b %Y %H:%M:%S GMT", &utc); /* RFC 9110, 5.6.7 */
    http_exchange_set_header(exchange, "Date", words);
}

static void reply_with_fault(struct call *call, struct http_exchange *exchange, const char *text)
{
    size_t length = strlen(text);
    const struct fault *fault = call->fault;
    int delay = (int)call->sandbox->settings.api_delay_ms;
    char seconds[16];
    if (call->sandbox->settings.date_offset_s != 0)
        set_wrong_date(exchange, call->sandbox->settings.date_offset_s);
    switch (fault != NULL ? fault->kind : FAULT_NONE) {
    case FAULT_DROP_AFTER: http_exchange_drop(exchange); return;
    case FAULT_STATUS_AFTER:
    case FAULT_STATUS:
        snprintf(seconds, sizeof seconds, "%d", fault->retry_after);
        if (fault->retry_after > 0)
            http_exchange_set_header(exchange, "Retry-After", seconds);
        reply_html(exchange, fault->code);
        return;
    case FAULT_CUT: http_exchange_reply_cut(exchange, 200, json_type, text, length, fault->bytes); return;
    case FAULT_TRICKLE:
        http_exchange_reply_slowly(exchange, fault->bytes, fault->ms, 200, json_type, text, length);
        return;
    case FAULT_GARBAGE: reply_garbage(exchange); return;
    case FAULT_HTML: reply_html(exchange, 200); return;
    case FAULT_EMPTY: http_exchange_reply(exchange, 200, json_type, "", 0); return;
    case FAULT_DELAY: delay += fault->ms; break;
    default: break;
    }
    if (delay > 0)
        http_exchange_reply_later(exchange, delay, 200, json_type, text, length);
    else
        http_exchange_reply(exchange, 200, json_type, text, length);
}

/* ---- one request ----------------------------------------------------------------------------- */

static bool run_endpoint(struct call *call, const struct endpoint *endpoint)
{
    if (call->fault != NULL && call->fault->kind == FAULT_REFUSE)
        return refuse(call, CODE_VENDOR, "%s", call->fault->message);
    if (call->fault != NULL && call->fault->kind == FAULT_BAD_TOKEN)
        return refuse(call, CODE_AUTH, "Token/Authentication Failure");
    return admit(call, endpoint->access) && endpoint->run(call);
}

static int64_t real_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Carry the request out and, if somebody still listens, answer. Takes the body. */
static void perform(struct sandbox *sandbox, const struct endpoint *endpoint, cJSON *body,
                    struct fault *fault, struct http_exchange *exchange)
{
    struct call call = {.sandbox = sandbox,
                        .arena = sandbox->scratch,
                        .path = endpoint->path,
                        .body = body,
                        .arrived_us = real_us(),
                        .fault = fault,
                        .answer = endpoint->shape == SHAPE_ARRAY ? cJSON_CreateArray()
                                                                 : cJSON_CreateObject()};
    identify(&call, endpoint->access);
    bool nothing = fault != NULL && (fault->kind == FAULT_DROP || fault->kind == FAULT_STATUS);
    bool good = nothing || run_endpoint(&call, endpoint);
    char *text = print_answer(&call, endpoint, good);
    log_event(LOG_DEBUG, "request", "path", call.path, "fault",
              fault != NULL ? fault_name(fault->kind) : NULL, "refused", good ? NULL : call.message, NULL);
    if (exchange != NULL && fault != NULL && fault->kind == FAULT_DROP)
        http_exchange_drop(exchange);
    else if (exchange != NULL)
        reply_with_fault(&call, exchange, text);
    enum fault_kind kind = fault != NULL ? fault->kind : FAULT_NONE;
    int status = kind == FAULT_STATUS || kind == FAULT_STATUS_AFTER                   ? fault->code
                 : exchange == NULL || kind == FAULT_DROP || kind == FAULT_DROP_AFTER ? 0
                                                                                      : 200;
    record(sandbox, &call, body, status, !good);
    free(text);
    cJSON_Delete(call.answer);
    arena_reset(sandbox->scratch);
}

struct late {
    struct late *next;
    struct sandbox *sandbox;
    const struct endpoint *endpoint;
    cJSON *body;
    struct event *timer;
};

static void late_free(struct late *late)
{
    struct late **at = &late->sandbox->late;
    while (*at != late)
        at = &(*at)->next;
    *at = late->next;
    event_free(late->timer);
    free(late);
}

static void on_late(int fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct late *late = arg;
    perform(late->sandbox, late->endpoint, late->body, NULL, NULL);
    late_free(late);
}

void api_forget_late(struct sandbox *sandbox)
{
    while (sandbox->late != NULL) {
        cJSON_Delete(sandbox->late->body);
        late_free(sandbox->late);
    }
}

/* The effect comes after the client has given up. */
static void perform_late(struct sandbox *sandbox, const struct endpoint *endpoint, cJSON *body, int ms,
                         struct http_exchange *exchange)
{
    struct late *late = calloc(1, sizeof *late);
    if (late == NULL)
        abort();
    *late = (struct late){.next = sandbox->late, .sandbox = sandbox, .endpoint = endpoint, .body = body};
    sandbox->late = late;
    late->timer = event_new(sandbox->base, -1, 0, on_late, late);
    event_add(late->timer, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
    http_exchange_drop(exchange);
}

/* "/rest/Order/Status/" is order/status. */
static const struct endpoint *find_endpoint(const char *path)
{
    if (strncasecmp(path, "/rest/", 6) != 0)
        return NULL;
    path += 6;
    size_t length = strlen(path);
    if (length > 0 && path[length - 1] == '/')
        length--;
    for (size_t i = 0; i < COUNT_OF(endpoints); i++)
        if (strlen(endpoints[i].path) == length && strncasecmp(endpoints[i].path, path, length) == 0)
            return &endpoints[i];
    return NULL;
}

/* Deeper than any request; cJSON would follow 1,000 levels. */
static bool too_deep(const char *text, size_t length)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        if (quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && (text[i] == '{' || text[i] == '['))
            depth++;
        else if (!quoted && (text[i] == '}' || text[i] == ']'))
            depth--;
        if (depth > 16)
            return true;
    }
    return false;
}

static void approve_page(struct sandbox *sandbox, struct http_exchange *exchange)
{
    const char *token = http_exchange_query(exchange, "token");
    bool approved = token != NULL && orders_approve(sandbox, token);
    const char *text = approved ? "Thank you. The request is approved.\n" : "This link is not known.\n";
    http_exchange_reply(exchange, approved ? 200 : 404, "text/plain; charset=utf-8", text, strlen(text));
    arena_reset(sandbox->scratch);
}

void api_handle(struct http_exchange *exchange, void *arg)
{
    struct sandbox *sandbox = arg;
    if (strcmp(http_exchange_path(exchange), "/approve") == 0) {
        approve_page(sandbox, exchange);
        return;
    }
    const struct endpoint *endpoint = find_endpoint(http_exchange_path(exchange));
    if (endpoint == NULL) {
        reply_html(exchange, 404);
        return;
    }
    bool is_health = endpoint->run == api_health_status;
    bool is_get = strcmp(http_exchange_method(exchange), "GET") == 0;
    if (is_get != is_health) {
        reply_html(exchange, 405);
        return;
    }
    size_t length;
    const char *text = http_exchange_body(exchange, &length);
    cJSON *body = is_get                   ? cJSON_CreateObject()
                  : too_deep(text, length) ? NULL
                                           : cJSON_ParseWithLengthOpts(text, length + 1, NULL, true);
    if (!cJSON_IsObject(body)) {
        cJSON_Delete(body);
        reply_html(exchange, 400);
        return;
    }
    struct fault *fault = faults_match(sandbox, endpoint->path);
    if (fault != NULL && fault->kind == FAULT_LATE)
        perform_late(sandbox, endpoint, body, fault->ms, exchange);
    else
        perform(sandbox, endpoint, body, fault, exchange);
}
