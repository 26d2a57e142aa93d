/* The second port, plain HTTP: what a test sees and sets. No secret leaves here but approval links. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/http_server.h"
#include "sandbox/crypto.h"
#include "sandbox/faults.h"
#include "sandbox/orders.h"
#include "sandbox/wire.h"

enum { DAY_S = 86400 };

struct visit {
    struct sandbox *sandbox;
    struct http_exchange *exchange;
    const cJSON *body;
    const char *rest;    /* of the path, behind the route */
    cJSON *answer;       /* to be sent */
    const char *problem; /* then 400 */
};
typedef void visit_function(struct visit *visit);

static const char *number_text(struct visit *visit, int64_t number)
{
    return arena_printf(visit->sandbox->scratch, "%lld", (long long)number);
}

static void get_health(struct visit *visit)
{
    cJSON_AddBoolToObject(visit->answer, "ok", true);
    cJSON_AddNumberToObject(visit->answer, "now", (double)clock_now());
    cJSON_AddNumberToObject(visit->answer, "offset", (double)clock_offset());
}

static void get_ledger(struct visit *visit)
{
    const struct ledger_sum *sum = &visit->sandbox->ledger;
    cJSON_AddNumberToObject(visit->answer, "count", (double)sum->count);
    cJSON_AddNumberToObject(visit->answer, "cents", (double)sum->cents);
    cJSON_AddItemReferenceToObject(visit->answer, "entries", visit->sandbox->ledger_entries);
}

/* ---- orders ---------------------------------------------------------------------------------- */

static cJSON *proof_view(struct visit *visit, const struct proof *proof)
{
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "domain", proof->domain);
    cJSON_AddStringToObject(out, "method", method_name(proof->method));
    cJSON_AddBoolToObject(out, "done", proof->done);
    cJSON_AddStringToObject(out, "problem", proof->problem != NULL ? proof->problem : "");
    if (proof->method == METHOD_EMAIL) {
        cJSON_AddStringToObject(out, "approver", proof->approver);
        cJSON_AddStringToObject(out, "approve",
                                arena_printf(visit->sandbox->scratch, "%sapprove?token=%s",
                                             visit->sandbox->control_url, proof->mail_token));
    } else {
        cJSON_AddStringToObject(out, "name",
                                proof->file_name != NULL ? proof->file_name : proof->record_name);
        cJSON_AddStringToObject(out, "value",
                                proof->file_name != NULL ? proof->file_content : proof->record_data);
    }
    return out;
}

static cJSON *order_view(struct visit *visit, const struct order *order)
{
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "order", number_text(visit, order->id));
    cJSON_AddStringToObject(out, "partnerOrder", number_text(visit, order->partner_id));
    cJSON_AddStringToObject(out, "customOrderId", order->custom_id != NULL ? order->custom_id : "");
    cJSON_AddStringToObject(out, "product", order->product->code);
    cJSON_AddStringToObject(out, "majorStatus", order_major(order));
    cJSON_AddStringToObject(out, "minorStatus", order->minor);
    cJSON *names = cJSON_AddArrayToObject(out, "names");
    if (!text_empty(order->common_name))
        cJSON_AddItemToArray(names, cJSON_CreateString(order->common_name));
    for (size_t i = 0; i < order->more_names.count; i++)
        cJSON_AddItemToArray(names, cJSON_CreateString(order->more_names.items[i]));
    cJSON_AddStringToObject(out, "serial", order->serial != NULL ? order->serial : "");
    cJSON_AddNumberToObject(out, "purchasedAt", (double)order->purchased_at);
    cJSON_AddNumberToObject(out, "expiresAt", (double)order->expires_at);
    cJSON_AddNumberToObject(out, "notBefore", (double)order->not_before);
    cJSON_AddNumberToObject(out, "notAfter", (double)order->not_after);
    cJSON_AddBoolToObject(out, "revoked", order->revoked);
    cJSON_AddBoolToObject(out, "seeded", order->seeded);
    cJSON *proofs = cJSON_AddArrayToObject(out, "proofs");
    for (size_t i = 0; i < order->proof_count; i++)
        cJSON_AddItemToArray(proofs, proof_view(visit, &order->proofs[i]));
    return out;
}

static struct order *visited_order(struct visit *visit)
{
    struct order *order = order_by_id(visit->sandbox, strtoll(visit->rest, NULL, 10));
    if (order == NULL)
        visit->problem = "no such order";
    return order;
}

static void get_orders(struct visit *visit)
{
    cJSON *list = cJSON_AddArrayToObject(visit->answer, "orders");
    for (size_t i = 0; i < visit->sandbox->order_count; i++)
        if (visit->sandbox->orders[i] != NULL)
            cJSON_AddItemToArray(list, order_view(visit, visit->sandbox->orders[i]));
}

static void get_order(struct visit *visit)
{
    struct order *order = visited_order(visit);
    if (order != NULL) {
        cJSON_Delete(visit->answer);
        visit->answer = order_view(visit, order);
    }
}

/* The status words are kept by pointer, so a foreign one is copied to live on. */
static void post_order(struct visit *visit)
{
    struct sandbox *sandbox = visit->sandbox;
    struct order *order = visited_order(visit);
    if (order == NULL)
        return;
    const char *major = wire_text(sandbox->scratch, visit->body, "majorStatus");
    const char *minor = wire_text(sandbox->scratch, visit->body, "minorStatus");
    if (!text_empty(major))
        order->major = arena_strdup(sandbox->arena, major);
    if (!text_empty(minor))
        order->minor = arena_strdup(sandbox->arena, minor);
    for (size_t i = 0; wire_bool(visit->body, "validate") && i < order->proof_count; i++)
        order->proofs[i].done = true;
    if (wire_bool(visit->body, "vet"))
        order->vetted_at_ms = 0;
    if (wire_bool(visit->body, "approveRefund") && !text_empty(order->refund_id)) {
        order->refund_approved = true;
        order_cancel(sandbox, order, "Refunded");
    }
    order_save(sandbox, order);
    order_advance(sandbox, order);
    get_order(visit);
}

/* Orders that were always there: issued at some day of the last two years, not in the ledger. */
static bool seed_order(struct visit *visit, int index, const struct string_list *names)
{
    static const char *const codes[] = {"positivessl", "sectigossl", "digi_rapidssl",
                                        "digi_ssl_dv_geotrust_flex", "positivemdcssl"};
    struct sandbox *sandbox = visit->sandbox;
    const char *code = wire_text(sandbox->scratch, visit->body, "product");
    const char *custom = wire_text(sandbox->scratch, visit->body, "customOrderId");
    int age_days = wire_int(visit->body, "ageDays", index * 730 / 300 % 730);
    struct wish wish = {
        .product = product_find(text_empty(code) ? codes[(size_t)index % COUNT_OF(codes)] : code),
        .custom_id = custom,
        .months = 12,
        .server_count = 1,
        .admin = "{\"Email\":\"old@example.test\"}",
        .technical = "null",
        .organization = "null",
        .approver_email = "",
        .web_server = "Other",
        .hash = "PREFER_SHA2",
        .unique_value = ""};
    if (wish.product == NULL)
        return false;
    wish.common_name = names->count > 0 ? names->items[0]
                                        : arena_printf(sandbox->scratch, "old-%d.example.test", index);
    for (size_t i = 1; i < names->count; i++)
        string_list_push(sandbox->scratch, &wish.more_names, names->items[i]);
    wish.san_count = (int)wish.more_names.count;
    wish.amount_cents = product_price_cents(wish.product, 12);
    wish.csr_pem = authority_old_csr(sandbox->authority, wish.common_name, sandbox->scratch);
    wish.csr_md5 = "00000000000000000000000000000000";
    wish.csr_sha256 = arena_printf(sandbox->scratch, "%064llx",
                                   (unsigned long long)sandbox->order_count + 1);
    int64_t bought = clock_now() - (int64_t)age_days * DAY_S;
    struct proof *proof = arena_push(sandbox->scratch, &wish.proofs, wish.proof_count);
    *proof = (struct proof){.domain = wish.common_name,
                            .method = METHOD_CNAME}; /* open, so that nothing is issued yet */
    struct order *order = order_create(sandbox, &wish, bought, false, "");
    struct error err = {0};
    struct leaf leaf;
    order->seeded = true;
    if (authority_issue(sandbox->authority, order, bought, LEAF_GOOD, sandbox->arena, &leaf, &err)) {
        order->leaf_pem = leaf.pem;
        order->serial = leaf.serial;
        order->not_before = leaf.not_before;
        order->not_after = leaf.not_after;
    }
    order->proofs[0].done = true;
    order->wants_issue = false;
    order->major = "Active";
    order->minor = "Issued";
    order_save(sandbox, order);
    return true;
}

static void post_seed(struct visit *visit)
{
    int count = wire_int(visit->body, "count", 1);
    struct string_list names = wire_strings(visit->sandbox->scratch, visit->body, "names");
    cJSON *list = cJSON_AddArrayToObject(visit->answer, "orders");
    for (int i = 0; i < count && i < 100000 && visit->problem == NULL; i++) {
        if (!seed_order(visit, i, &names))
            visit->problem = "no such product";
        else
            cJSON_AddItemToArray(list, cJSON_CreateString(number_text(
                                           visit, FIRST_ORDER + (int64_t)visit->sandbox->order_count - 1)));
    }
}

/* ---- the log of requests --------------------------------------------------------------------- */

static void get_requests(struct visit *visit)
{
    struct sandbox *sandbox = visit->sandbox;
    cJSON_AddNumberToObject(visit->answer, "count", (double)sandbox->request_count);
    cJSON *counts = cJSON_AddObjectToObject(visit->answer, "paths"), *list;
    for (size_t i = 0; i < PATHS_COUNTED && sandbox->counts[i].path != NULL; i++)
        cJSON_AddNumberToObject(counts, sandbox->counts[i].path, (double)sandbox->counts[i].calls);
    list = cJSON_AddArrayToObject(visit->answer, "requests");
    int64_t first = sandbox->request_count > REQUESTS_KEPT ? sandbox->request_count - REQUESTS_KEPT : 0;
    for (int64_t i = first; i < sandbox->request_count; i++) {
        const struct request_record *record = &sandbox->requests[i % REQUESTS_KEPT];
        cJSON *item = cJSON_CreateObject();
        cJSON_AddNumberToObject(item, "sequence", (double)record->sequence);
        cJSON_AddNumberToObject(item, "atMs", (double)record->at_ms);
        cJSON_AddNumberToObject(item, "arrivedUs", (double)record->arrived_us);
        cJSON_AddStringToObject(item, "path", record->path);
        cJSON_AddStringToObject(item, "customOrderId", record->custom_id);
        cJSON_AddStringToObject(item, "order", record->order_id);
        cJSON_AddNumberToObject(item, "status", record->status);
        cJSON_AddBoolToObject(item, "isError", record->is_error);
        if (record->fault != NULL)
            cJSON_AddStringToObject(item, "fault", record->fault);
        cJSON_AddItemReferenceToObject(item, "body", record->body);
        cJSON_AddItemToArray(list, item);
    }
}

static void delete_requests(struct visit *visit)
{
    memset(visit->sandbox->counts, 0, sizeof visit->sandbox->counts);
    visit->sandbox->request_count = 0;
}

/* ---- faults, clock, settings ----------------------------------------------------------------- */

static void get_faults(struct visit *visit)
{
    cJSON_AddItemToObject(visit->answer, "faults", faults_list(visit->sandbox->faults));
}

static void post_faults(struct visit *visit)
{
    cJSON *ids = cJSON_AddArrayToObject(visit->answer, "ids");
    const cJSON *wish = cJSON_IsArray(visit->body) ? visit->body->child : visit->body;
    while (wish != NULL && visit->problem == NULL) {
        const char *problem;
        int64_t id = faults_add(visit->sandbox->faults, wish, &problem);
        if (id < 0)
            visit->problem = problem;
        cJSON_AddItemToArray(ids, cJSON_CreateNumber((double)id));
        wish = cJSON_IsArray(visit->body) ? wish->next : NULL;
    }
}

static void delete_faults(struct visit *visit)
{
    faults_clear(visit->sandbox->faults);
}

/* {"offset": seconds from the real clock} or {"advance": seconds from now} or {"now": Unix seconds}. */
static void post_clock(struct visit *visit)
{
    const cJSON *offset = cJSON_GetObjectItemCaseSensitive(visit->body, "offset");
    const cJSON *advance = cJSON_GetObjectItemCaseSensitive(visit->body, "advance");
    const cJSON *now = cJSON_GetObjectItemCaseSensitive(visit->body, "now");
    int64_t turn;
    struct error err = {0};
    if (cJSON_IsNumber(offset))
        turn = (int64_t)offset->valuedouble;
    else if (cJSON_IsNumber(advance))
        turn = clock_offset() + (int64_t)advance->valuedouble;
    else if (cJSON_IsNumber(now))
        turn = (int64_t)now->valuedouble - clock_wire();
    else {
        visit->problem = "one of offset, advance, now is needed";
        return;
    }
    if (!clock_publish(visit->sandbox->options.clock_file, turn, &err)) {
        visit->problem = arena_strdup(visit->sandbox->scratch, err.message);
        return;
    }
    orders_tick(visit->sandbox);
    get_health(visit);
}

static void take_number(const cJSON *body, const char *name, int64_t *out)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(body, name);
    if (cJSON_IsNumber(value))
        *out = (int64_t)value->valuedouble;
}

static void take_flag(const cJSON *body, const char *name, bool *out)
{
    if (cJSON_HasObjectItem(body, name))
        *out = wire_bool(body, name);
}

static void post_settings(struct visit *visit)
{
    struct settings *settings = &visit->sandbox->settings;
    take_number(visit->body, "issueDelayMs", &settings->issue_delay_ms);
    take_number(visit->body, "vettingDelayMs", &settings->vetting_delay_ms);
    take_number(visit->body, "apiDelayMs", &settings->api_delay_ms);
    take_flag(visit->body, "reuseValidations", &settings->reuse_validations);
    take_flag(visit->body, "unknownIsEmpty", &settings->unknown_is_empty);
    take_flag(visit->body, "refundsWait", &settings->refunds_wait);
    take_number(visit->body, "balanceCents", &settings->balance_cents);
    take_flag(visit->body, "credit", &settings->credit);
    take_number(visit->body, "dateOffset", &settings->date_offset_s);
    const cJSON *rate = cJSON_GetObjectItemCaseSensitive(visit->body, "failRate");
    if (cJSON_IsNumber(rate))
        settings->fail_rate = rate->valuedouble;
    cJSON_AddNumberToObject(visit->answer, "issueDelayMs", (double)settings->issue_delay_ms);
    cJSON_AddNumberToObject(visit->answer, "vettingDelayMs", (double)settings->vetting_delay_ms);
    cJSON_AddNumberToObject(visit->answer, "apiDelayMs", (double)settings->api_delay_ms);
    cJSON_AddBoolToObject(visit->answer, "reuseValidations", settings->reuse_validations);
    cJSON_AddBoolToObject(visit->answer, "unknownIsEmpty", settings->unknown_is_empty);
    cJSON_AddBoolToObject(visit->answer, "refundsWait", settings->refunds_wait);
    cJSON_AddNumberToObject(visit->answer, "balanceCents", (double)settings->balance_cents);
    cJSON_AddBoolToObject(visit->answer, "credit", settings->credit);
    cJSON_AddNumberToObject(visit->answer, "dateOffset", (double)settings->date_offset_s);
    cJSON_AddNumberToObject(visit->answer, "failRate", settings->fail_rate);
}

/* ---- routes ---------------------------------------------------------------------------------- */

static const struct route {
    const char *method, *path; /* a path that ends in "/" takes a rest */
    visit_function *run;
} routes[] = {
    {"GET", "/health", get_health},       {"GET", "/ledger", get_ledger},
    {"GET", "/orders", get_orders},       {"POST", "/orders/seed", post_seed},
    {"GET", "/orders/", get_order},       {"POST", "/orders/", post_order},
    {"GET", "/requests", get_requests},   {"DELETE", "/requests", delete_requests},
    {"GET", "/faults", get_faults},       {"POST", "/faults", post_faults},
    {"DELETE", "/faults", delete_faults}, {"GET", "/clock", get_health},
    {"POST", "/clock", post_clock},       {"GET", "/settings", post_settings},
    {"POST", "/settings", post_settings},
};

static const struct route *find_route(const char *method, const char *path, const char **out_rest)
{
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        size_t length = strlen(routes[i].path);
        bool open = routes[i].path[length - 1] == '/';
        if (strcmp(routes[i].method, method) == 0 && strncmp(routes[i].path, path, length) == 0 &&
            (open || path[length] == '\0')) {
            *out_rest = path + length;
            return &routes[i];
        }
    }
    return NULL;
}

static void answer_visit(struct visit *visit, int status)
{
    if (visit->problem != NULL) {
        cJSON_Delete(visit->answer);
        visit->answer = cJSON_CreateObject();
        cJSON_AddStringToObject(visit->answer, "error", visit->problem);
    }
    char *text = cJSON_PrintUnformatted(visit->answer);
    http_exchange_reply(visit->exchange, status, "application/json; charset=utf-8", text, strlen(text));
    free(text);
    cJSON_Delete(visit->answer);
    arena_reset(visit->sandbox->scratch);
}

void control_handle(struct http_exchange *exchange, void *arg)
{
    struct sandbox *sandbox = arg;
    struct visit visit = {.sandbox = sandbox, .exchange = exchange, .answer = cJSON_CreateObject()};
    if (strcmp(http_exchange_path(exchange), "/approve") == 0) {
        cJSON_Delete(visit.answer);
        api_handle(exchange, sandbox);
        return;
    }
    size_t length;
    const char *text = http_exchange_body(exchange, &length);
    const struct route *route = find_route(http_exchange_method(exchange), http_exchange_path(exchange),
                                           &visit.rest);
    cJSON *body = length > 0 ? cJSON_ParseWithLengthOpts(text, length + 1, NULL, true)
                             : cJSON_CreateObject();
    int status = 200;
    if (route == NULL) {
        visit.problem = "no such path";
        status = 404;
    } else if (body == NULL) {
        visit.problem = "the body is not JSON";
        status = 400;
    } else {
        visit.body = body;
        route->run(&visit);
        status = visit.problem != NULL ? 400 : 200;
    }
    answer_visit(&visit, status);
    cJSON_Delete(body);
}
