/* Endpoints that only look: status, lists, download. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "sandbox/crypto.h"
#include "sandbox/faults.h"
#include "sandbox/orders.h"
#include "sandbox/wire.h"

bool api_status(struct call *call)
{
    struct order *order = find_order(call);
    if (order == NULL && call->code == CODE_NOT_FOUND && call->sandbox->settings.unknown_is_empty) {
        call->code = 0;
        call->message = NULL;
        answer_no_order(call->answer); /* the other thing it may say (section 14) */
        return true;
    }
    if (order == NULL)
        return false;
    order_attempt_now(call->sandbox, order);
    order_advance(call->sandbox, order);
    answer_order(call, call->answer, order, false);
    return true;
}

/* ---- lists (7.13, 7.15) ---------------------------------------------------------------------- */

struct filter {
    int64_t from, to, expires_from, expires_to; /* 0: open */
    const char *domain, *product;
    int page, size; /* size 0: everything */
};

static struct filter read_filter(struct call *call)
{
    struct filter filter = {.domain = wire_text(call->arena, call->body, "DomainName"),
                            .product = wire_text(call->arena, call->body, "ProductCode"),
                            .page = wire_int(call->body, "PageNumber", 1),
                            .size = wire_int(call->body, "PageSize", 0)};
    wire_date(call->arena, call->body, "StartDate", &filter.from);
    wire_date(call->arena, call->body, "EndDate", &filter.to);
    wire_date(call->arena, call->body, "CertificateExpireFromDate", &filter.expires_from);
    wire_date(call->arena, call->body, "CertificateExpireToDate", &filter.expires_to);
    if (filter.page < 1)
        filter.page = 1;
    return filter;
}

static bool has_name(const struct order *order, const char *name)
{
    if (order->common_name != NULL && strcasecmp(order->common_name, name) == 0)
        return true;
    for (size_t i = 0; i < order->more_names.count; i++)
        if (strcasecmp(order->more_names.items[i], name) == 0)
            return true;
    return false;
}

static bool passes(const struct filter *filter, const struct order *order, int64_t at)
{
    bool by_expiry = filter->expires_from != 0 || filter->expires_to != 0;
    return (filter->from == 0 || at >= filter->from) && (filter->to == 0 || at <= filter->to) &&
           (!by_expiry || order->leaf_pem != NULL) &&
           (filter->expires_from == 0 || order->not_after >= filter->expires_from) &&
           (filter->expires_to == 0 || order->not_after <= filter->expires_to) &&
           (text_empty(filter->domain) || has_name(order, filter->domain)) &&
           (text_empty(filter->product) || strcasecmp(order->product->code, filter->product) == 0);
}

/* Put one page of what passes into the array; gives how many passed in all. */
static int put_page(struct call *call, cJSON *list, const struct filter *filter, bool by_change)
{
    int passed = 0, shown = 0, skip = (filter->page - 1) * filter->size;
    struct sandbox *sandbox = call->sandbox;
    for (size_t i = 0; i < sandbox->order_count; i++) {
        const struct order *order = sandbox->orders[i];
        if (order == NULL || !passes(filter, order, by_change ? order->changed_at : order->purchased_at) ||
            faults_hide(sandbox->faults, call->path, order->id))
            continue;
        if (passed >= skip && (filter->size <= 0 || passed < skip + filter->size)) {
            cJSON *item = cJSON_CreateObject();
            if (shown++ > 0)
                cJSON_AddNullToObject(item, "AuthResponse");
            answer_order(call, item, order, true);
            cJSON_AddItemToArray(list, item);
        }
        passed++;
    }
    return passed;
}

bool api_query(struct call *call)
{
    if (!call->signed_in)
        return true; /* an empty list and no refusal: proves nothing, as section 2.3 warns */
    struct filter filter = read_filter(call);
    put_page(call, call->answer, &filter, false);
    return true;
}

bool api_summary(struct call *call)
{
    struct filter filter = read_filter(call);
    cJSON *list = cJSON_AddArrayToObject(call->answer, "Orders");
    cJSON_AddNumberToObject(call->answer, "TotalOrders", put_page(call, list, &filter, true));
    return true;
}

/* ---- download (12) --------------------------------------------------------------------------- */

static void put_file(cJSON *files, const char *name, const char *content)
{
    cJSON *file = cJSON_CreateObject();
    cJSON_AddStringToObject(file, "FileName", name);
    cJSON_AddStringToObject(file, "FileContent", content);
    cJSON_AddItemToArray(files, file);
}

static const char *leaf_file_name(struct call *call, const struct order *order)
{
    if (!product_is_sectigo(order->product))
        return "ServerCertificate.cer";
    struct buffer text = {0};
    for (const char *c = order->common_name; *c != '\0'; c++)
        buffer_puts(&text, *c == '*' ? "STAR" : *c == '.' ? "_" : (char[]){*c, '\0'});
    const char *name = arena_printf(call->arena, "%s.crt", buffer_text(&text));
    buffer_release(&text);
    return name;
}

/* The leaf, or the wrong one that a fault asks for. */
static const char *leaf_for(struct call *call, const struct order *order)
{
    static const enum leaf_fault wrong[FAULT_KIND_COUNT] = {[FAULT_WRONG_KEY] = LEAF_OTHER_KEY,
                                                            [FAULT_WRONG_NAMES] = LEAF_OTHER_NAMES,
                                                            [FAULT_EXPIRED] = LEAF_EXPIRED,
                                                            [FAULT_SELF_SIGNED] = LEAF_SELF_SIGNED,
                                                            [FAULT_CLIENT_ONLY] = LEAF_CLIENT_ONLY};
    struct leaf leaf;
    struct error *ignored = NULL;
    enum leaf_fault fault = call->fault != NULL ? wrong[call->fault->kind] : LEAF_GOOD;
    if (fault == LEAF_GOOD ||
        !authority_issue(call->sandbox->authority, order, clock_now(), fault, call->arena, &leaf, ignored))
        return order->leaf_pem;
    return leaf.pem;
}

static void put_files(struct call *call, cJSON *files, const struct order *order)
{
    const struct authority *authority = call->sandbox->authority;
    const char *leaf = leaf_for(call, order);
    if (wire_bool(call->body, "ReturnPKCS7Cert")) {
        put_file(files, "certificate.p7b", authority_pkcs7(authority, leaf, call->arena));
        return;
    }
    bool sectigo = product_is_sectigo(order->product);
    put_file(files, leaf_file_name(call, order), leaf);
    if (call->fault != NULL && call->fault->kind == FAULT_NO_CHAIN)
        return;
    put_file(files, sectigo ? "SandboxIntermediateCA.crt" : "CACertificate-1.cer",
             authority_intermediate(authority));
    if (sectigo) /* roots come along, and are not for serving (12.3) */
        put_file(files, "SandboxRootCA.crt", authority_root(authority));
}

bool api_download(struct call *call)
{
    struct order *order = find_order(call);
    if (order == NULL)
        return false;
    order_advance(call->sandbox, order);
    cJSON *out = call->answer;
    const char *culture = wire_text(call->arena, call->body, "DateTimeCulture");
    bool issued = order->leaf_pem != NULL;
    bool empty = !issued || (call->fault != NULL && call->fault->kind == FAULT_NO_CERTIFICATE);
    if (!issued && order_is_live(order))
        return refuse(call, CODE_STATE, "The certificate is not issued yet");
    cJSON_AddStringToObject(out, "PartnerOrderID",
                            arena_printf(call->arena, "%lld", (long long)order->partner_id));
    cJSON_AddStringToObject(out, "TheSSLStoreOrderID",
                            arena_printf(call->arena, "%lld", (long long)order->id));
    cJSON_AddStringToObject(out, "VendorOrderID",
                            arena_printf(call->arena, "%lld", (long long)order->vendor_id));
    cJSON_AddStringToObject(out, "CertificateStatus", order_major(order));
    cJSON_AddStringToObject(out, "ValidationStatus", "");
    cJSON *files = cJSON_AddArrayToObject(out, "Certificates");
    if (!empty)
        put_files(call, files, order);
    int64_t start = issued ? order->not_before : 0, end = issued ? order->not_after : 0;
    cJSON_AddStringToObject(
        out, "CertificateStartDate",
        wire_date_text(call->arena, start != 0 ? wire_vendor_local(start) : 0, culture));
    cJSON_AddStringToObject(out, "CertificateEndDate",
                            wire_date_text(call->arena, end != 0 ? wire_vendor_local(end) : 0, culture));
    cJSON_AddStringToObject(out, "CertificateStartDateInUTC", wire_date_text(call->arena, start, culture));
    cJSON_AddStringToObject(out, "CertificateEndDateInUTC", wire_date_text(call->arena, end, culture));
    return true;
}
