/* The order object (section 9), with every member in it. */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "sandbox/orders.h"
#include "sandbox/wire.h"

static void put(cJSON *out, const char *name, const char *text)
{
    if (text == NULL)
        cJSON_AddNullToObject(out, name);
    else
        cJSON_AddStringToObject(out, name, text);
}

static void put_number(struct call *call, cJSON *out, const char *name, int64_t number)
{
    put(out, name, arena_printf(call->arena, "%lld", (long long)number));
}

/* A date and its twin in UTC. */
static void put_date(struct call *call, cJSON *out, const char *name, int64_t at)
{
    const char *culture = wire_text(call->arena, call->body, "DateTimeCulture");
    put(out, name, wire_date_text(call->arena, at != 0 ? wire_vendor_local(at) : 0, culture));
    put(out, arena_printf(call->arena, "%sInUTC", name), wire_date_text(call->arena, at, culture));
}

cJSON *answer_auth(struct call *call, bool is_error)
{
    cJSON *auth = cJSON_CreateObject();
    cJSON_AddBoolToObject(auth, "isError", is_error);
    if (call->message != NULL) {
        const char *text = call->code != 0 ? arena_printf(call->arena, "ErrorCode:%d|Message:%s",
                                                          call->code, call->message)
                                           : call->message;
        cJSON_AddItemToArray(cJSON_AddArrayToObject(auth, "Message"), cJSON_CreateString(text));
    } else {
        cJSON_AddNullToObject(auth, "Message");
    }
    put(auth, "Timestamp", wire_date_text(call->arena, clock_now(), "en-US"));
    put(auth, "ReplayToken", call->replay_token);
    put(auth, "InvokingPartnerCode", "");
    return auth;
}

static cJSON *vetting_steps(struct call *call, const struct order *order)
{
    if (order->product->level == LEVEL_DV || order->csr_pem == NULL)
        return cJSON_CreateNull();
    cJSON *steps = cJSON_CreateArray(), *step = cJSON_CreateObject();
    put(step, "AuthenticationStep", "Organization vetting");
    put(step, "Status", clock_now_ms() >= order->vetted_at_ms ? "Completed" : "Pending");
    put(step, "LastUpdated", wire_date_text(call->arena, order->changed_at, "en-US"));
    cJSON_AddItemToArray(steps, step);
    return steps;
}

static cJSON *proof_object(struct call *call, const struct proof *proof)
{
    const char *culture = wire_text(call->arena, call->body, "DateTimeCulture");
    cJSON *out = cJSON_CreateObject();
    bool wildcard = text_has_prefix(proof->domain, "*.");
    put(out, "domain", proof->domain);
    put(out, "dcvMethod", proof->method == METHOD_EMAIL ? proof->approver : method_name(proof->method));
    put(out, "dcvStatus", proof->done ? "Validated" : "Pending");
    put(out, "FileName", proof->file_name);
    put(out, "FileContents", proof->file_content);
    put(out, "DNSName", proof->record_name);
    put(out, "DNSEntry", proof->record_data);
    put(out, "PollStatus", proof->problem != NULL ? proof->problem : "");
    put(out, "LastPollDate", wire_date_text(call->arena, proof->last_poll, culture));
    put(out, "DomainToValidate", wildcard ? proof->domain + 2 : proof->domain);
    put(out, "DCVScope", "fqdn");
    return out;
}

static void put_status(struct call *call, cJSON *out, const struct order *order, bool in_list)
{
    cJSON *status = cJSON_AddObjectToObject(out, "OrderStatus");
    cJSON_AddBoolToObject(status, "isTinyOrder", order->tiny);
    cJSON_AddBoolToObject(status, "isTinyOrderClaimed", order->tiny_claimed);
    put(status, "MajorStatus", order_major(order));
    put(status, "MinorStatus", order->minor);
    cJSON_AddItemToObject(status, "AuthenticationStatuses", vetting_steps(call, order));
    put(status, "AuthenticationComments", NULL);
    cJSON_AddArrayToObject(status, "OrderNotes");
    if (in_list || order->proof_count == 0) {
        cJSON_AddNullToObject(status, "DomainAuthVettingStatus");
        return;
    }
    cJSON *proofs = cJSON_AddArrayToObject(status, "DomainAuthVettingStatus");
    for (size_t i = 0; i < order->proof_count; i++)
        cJSON_AddItemToArray(proofs, proof_object(call, &order->proofs[i]));
}

static void put_organization(struct call *call, cJSON *out, const struct order *order)
{
    cJSON *info = order->organization != NULL ? cJSON_Parse(order->organization) : NULL;
    const cJSON *address = wire_object(info, "OrganizationAddress");
    struct arena *arena = call->arena;
    bool sectigo = product_is_sectigo(order->product);
    const char *country = wire_text(arena, address, "Country");
    put(out, "Organization", wire_text(arena, info, "OrganizationName"));
    put(out, "OrganizationalUnit", wire_text(arena, info, "Division"));
    put(out, "State", wire_text(arena, address, "Region"));
    /* Sectigo orders come back with the country's English name (section 4, 12). */
    put(out, "Country",
        sectigo && strcmp(country, "AT") == 0   ? "Austria"
        : sectigo && strcmp(country, "CH") == 0 ? "Switzerland"
        : sectigo && strcmp(country, "DE") == 0 ? "Germany"
                                                : country);
    put(out, "Locality", wire_text(arena, address, "City"));
    put(out, "OrganizationPhone", wire_text(arena, address, "Phone"));
    put(out, "OrganizationAddress", wire_text(arena, address, "AddressLine1"));
    put(out, "OrganizationPostalcode", wire_text(arena, address, "PostalCode"));
    put(out, "DUNS", wire_text(arena, info, "DUNS"));
    cJSON_Delete(info);
}

static void put_json(cJSON *out, const char *name, const char *json)
{
    cJSON *value = json != NULL ? cJSON_Parse(json) : NULL;
    cJSON_AddItemToObject(out, name, value != NULL ? value : cJSON_CreateNull());
}

/* The challenge of the main name, once more at the top (section 11.1). */
static void put_main_challenge(cJSON *out, const struct order *order, bool in_list)
{
    const struct proof *proof = !in_list && order->proof_count > 0 ? &order->proofs[0] : NULL;
    put(out, "AuthFileName", proof != NULL && proof->file_name != NULL ? proof->file_name : "");
    put(out, "AuthFileContent", proof != NULL && proof->file_content != NULL ? proof->file_content : "");
    put(out, "CNAMEAuthName", proof != NULL && proof->record_name != NULL ? proof->record_name : "");
    put(out, "CNAMEAuthValue", proof != NULL && proof->record_data != NULL ? proof->record_data : "");
    put(out, "PollStatus", "");
}

static const char *joined_names(struct call *call, const struct order *order)
{
    return order->more_names.count > 0 ? string_list_join(call->arena, &order->more_names, ",") : "";
}

static void put_numbers(struct call *call, cJSON *out, const struct order *order)
{
    put_number(call, out, "TheSSLStoreOrderID", order->id);
    put_number(call, out, "PartnerOrderID", order->partner_id);
    put(out, "CustomOrderID", order->custom_id != NULL ? order->custom_id : "");
    put(out, "VendorOrderID",
        order->csr_pem != NULL ? arena_printf(call->arena, "%lld", (long long)order->vendor_id) : "");
    put(out, "RefundRequestID", order->refund_id != NULL ? order->refund_id : "");
    cJSON_AddBoolToObject(out, "isRefundApproved", order->refund_approved);
    put(out, "TinyOrderLink",
        order->tiny ? arena_printf(call->arena, "%stinyorder/%s", call->sandbox->url, order->token_code)
                    : "");
}

void answer_order(struct call *call, cJSON *out, const struct order *order, bool in_list)
{
    struct arena *arena = call->arena;
    bool issued = order->leaf_pem != NULL;
    put_numbers(call, out, order);
    put_status(call, out, order, in_list);
    put(out, "OrderAmount",
        arena_printf(arena, "%lld.%02d", (long long)(order->amount_cents / 100),
                     (int)(order->amount_cents % 100)));
    put_date(call, out, "PurchaseDate", order->purchased_at);
    put_date(call, out, "CertificateStartDate", issued ? order->not_before : 0);
    put_date(call, out, "CertificateEndDate", issued ? order->not_after : 0);
    put_date(call, out, "PollDate", order->proof_count > 0 ? order->proofs[0].last_poll : 0);
    put_date(call, out, "OrderExpiryDate", order->expires_at);
    put(out, "CommonName", order->common_name != NULL ? order->common_name : "");
    put(out, "DNSNames", joined_names(call, order));
    cJSON_AddNumberToObject(out, "SANCount", order->san_count);
    cJSON_AddNumberToObject(out, "wildcardSANCount", order->wildcard_san_count);
    cJSON_AddNumberToObject(out, "ServerCount", order->server_count);
    cJSON_AddNumberToObject(out, "Validity", order->months);
    cJSON_AddNumberToObject(out, "CustomerID", 0);
    cJSON_AddNumberToObject(out, "TSSOrganizationId", 0);
    put_organization(call, out, order);
    put(out, "WebServerType", order->web_server);
    put(out, "ApproverEmail", order->approver_email);
    put(out, "ProductCode", order->product->code);
    put(out, "ProductName", order->product->name);
    put(out, "VendorName", product_is_sectigo(order->product) ? "SECTIGO" : "DIGICERT");
    put(out, "SubVendorName", order->product->brand);
    put_json(out, "AdminContact", order->admin);
    put_json(out, "TechnicalContact", order->technical);
    put(out, "ReissueSuccessCode", NULL);
    put_main_challenge(out, order, in_list);
    put(out, "CustomerLoginName", NULL);
    put(out, "CustomerPassword", NULL);
    put(out, "Token", arena_printf(arena, "%s#!%s", order->token_id, order->token_code));
    put(out, "TokenID", order->token_id);
    put(out, "TokenCode", order->token_code);
    put(out, "SiteSealurl", NULL);
    put(out, "SignatureEncryptionAlgorithm", NULL);
    put(out, "SignatureHashAlgorithm", "SHA2-256");
    put(out, "SerialNumber", issued ? order->serial : "");
}

void answer_no_order(cJSON *out)
{
    static const char *const names[] = {"TheSSLStoreOrderID",
                                        "PartnerOrderID",
                                        "CustomOrderID",
                                        "VendorOrderID",
                                        "RefundRequestID",
                                        "TinyOrderLink",
                                        "OrderStatus",
                                        "OrderAmount",
                                        "PurchaseDate",
                                        "PurchaseDateInUTC",
                                        "CertificateStartDate",
                                        "CertificateStartDateInUTC",
                                        "CertificateEndDate",
                                        "CertificateEndDateInUTC",
                                        "PollDate",
                                        "PollDateInUTC",
                                        "OrderExpiryDate",
                                        "OrderExpiryDateInUTC",
                                        "CommonName",
                                        "DNSNames",
                                        "Organization",
                                        "OrganizationalUnit",
                                        "State",
                                        "Country",
                                        "Locality",
                                        "OrganizationPhone",
                                        "OrganizationAddress",
                                        "OrganizationPostalcode",
                                        "DUNS",
                                        "WebServerType",
                                        "ApproverEmail",
                                        "ProductCode",
                                        "ProductName",
                                        "VendorName",
                                        "SubVendorName",
                                        "AdminContact",
                                        "TechnicalContact",
                                        "ReissueSuccessCode",
                                        "AuthFileName",
                                        "AuthFileContent",
                                        "CNAMEAuthName",
                                        "CNAMEAuthValue",
                                        "PollStatus",
                                        "CustomerLoginName",
                                        "CustomerPassword",
                                        "Token",
                                        "TokenID",
                                        "TokenCode",
                                        "SiteSealurl",
                                        "SignatureEncryptionAlgorithm",
                                        "SignatureHashAlgorithm",
                                        "SerialNumber"};
    static const char *const counts[] = {"SANCount", "wildcardSANCount", "ServerCount",
                                         "Validity", "CustomerID",       "TSSOrganizationId"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        cJSON_AddNullToObject(out, names[i]);
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        cJSON_AddNumberToObject(out, counts[i], 0);
    cJSON_AddBoolToObject(out, "isRefundApproved", false);
}
