/* Endpoints that name no order: health, catalogue, CSR, approvers, agreement, account. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "sandbox/crypto.h"
#include "sandbox/orders.h"
#include "sandbox/wire.h"

bool api_health_status(struct call *call)
{
    call->replay_token = "";
    return true;
}

bool api_health_validate(struct call *call)
{
    cJSON_AddStringToObject(call->answer, "Status", "");
    return true;
}

bool api_validate_token(struct call *call)
{
    struct order *order = call->token_order;
    if (order == NULL)
        return refuse(call, CODE_AUTH, "Token/Authentication Failure");
    call->order = order;
    cJSON *full = cJSON_CreateObject();
    answer_order(call, full, order, true);
    cJSON_AddStringToObject(call->answer, "ProductName", order->product->name);
    cJSON_AddStringToObject(call->answer, "ProductCode", order->product->code);
    cJSON_AddNumberToObject(call->answer, "San", order->san_count);
    cJSON_AddItemToObject(call->answer, "OrderStatus",
                          cJSON_DetachItemFromObjectCaseSensitive(full, "OrderStatus"));
    cJSON_AddNumberToObject(call->answer, "NumberOfMonths", order->months);
    cJSON_AddNumberToObject(call->answer, "ServerCount", order->server_count);
    cJSON_AddBoolToObject(call->answer, "isRenewalOrder", false);
    static const char *const types[] = {[LEVEL_DV] = "DV", [LEVEL_OV] = "OV", [LEVEL_EV] = "EV"};
    cJSON_AddStringToObject(call->answer, "ProductType", types[order->product->level]);
    cJSON_AddStringToObject(call->answer, "VendorName",
                            product_is_sectigo(order->product) ? "SECTIGO" : "DIGICERT");
    cJSON_Delete(full);
    return true;
}

/* ---- product/query (7.4) --------------------------------------------------------------------- */

static int type_number(const struct product *product)
{
    static const int numbers[] = {[LEVEL_DV] = 1, [LEVEL_EV] = 2, [LEVEL_OV] = 3};
    return numbers[product->level];
}

static bool of_type(const struct product *product, int type)
{
    switch (type) {
    case 0: return true;
    case 4: return product->flags & WILDCARD;
    case 7: return product->flags & MULTI;
    default: return type == type_number(product);
    }
}

static cJSON *prices(const struct product *product)
{
    cJSON *list = cJSON_CreateArray();
    size_t count;
    const int *months = product_months(product, &count);
    for (size_t i = 0; i < count; i++) {
        cJSON *item = cJSON_CreateObject();
        int cents = product_price_cents(product, months[i]);
        cJSON_AddNumberToObject(item, "NumberOfMonths", months[i]);
        cJSON_AddNumberToObject(item, "NumberOfServer", 1);
        cJSON_AddNumberToObject(item, "Price", cents / 100.0);
        cJSON_AddNumberToObject(item, "SRP", cents * 4 / 100.0);
        cJSON_AddNumberToObject(item, "PricePerAdditionalSAN", product->san_cents * months[i] / 12 / 100.0);
        cJSON_AddNumberToObject(item, "PricePerAdditionalServer", 0);
        cJSON_AddNumberToObject(item, "PricePerWildcardSAN",
                                product->wildcard_san_cents * months[i] / 12 / 100.0);
        cJSON_AddNumberToObject(item, "WildcardPrice", 0);
        cJSON_AddNumberToObject(item, "WildcardSRP", 0);
        cJSON_AddItemToArray(list, item);
    }
    return list;
}

static cJSON *product_object(const struct product *product)
{
    static const char *const times[] = {
        [LEVEL_DV] = "Minutes", [LEVEL_OV] = "1-3 days", [LEVEL_EV] = "1-5 days"};
    static const char *const off[] = {"isGreenBar",
                                      "isScanProduct",
                                      "isCodeSigning",
                                      "isMalwareScan",
                                      "isSealInSearch",
                                      "isVulnerabilityAssessment",
                                      "IsCompetitiveUpgradeSupported",
                                      "IsSupportAutoInstall"};
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "ProductCode", product->code);
    cJSON_AddStringToObject(out, "ProductName", product->name);
    cJSON_AddStringToObject(out, "ProductSlug", product->code);
    cJSON_AddStringToObject(out, "ProductDescription", product->name);
    cJSON_AddStringToObject(out, "VendorName", product_is_sectigo(product) ? "SECTIGO" : "DIGICERT");
    cJSON_AddNumberToObject(out, "ProductType", type_number(product));
    cJSON_AddBoolToObject(out, "CanbeReissued", product->price_cents > 0);
    cJSON_AddNumberToObject(out, "ReissueDays", product->price_cents > 0 ? 365 : 0);
    cJSON_AddBoolToObject(out, "isWlidcard", (product->flags & WILDCARD) && !(product->flags & FLEX));
    cJSON_AddBoolToObject(out, "IsSanEnable", product->flags & MULTI);
    cJSON_AddNumberToObject(out, "MinSan", product->included_sans);
    cJSON_AddNumberToObject(out, "MaxSan", product->max_sans);
    cJSON_AddBoolToObject(out, "isFlexProduct", product->flags & FLEX);
    cJSON_AddBoolToObject(out, "isDVProduct", product->level == LEVEL_DV);
    cJSON_AddBoolToObject(out, "isOVProduct", product->level == LEVEL_OV);
    cJSON_AddBoolToObject(out, "isEVProduct", product->level == LEVEL_EV);
    for (size_t i = 0; i < COUNT_OF(off); i++)
        cJSON_AddBoolToObject(out, off[i], false);
    cJSON_AddBoolToObject(out, "isMobileFriendly", true);
    cJSON_AddBoolToObject(out, "isNoOfServerFree", true);
    cJSON_AddStringToObject(out, "IssuanceTime", times[product->level]);
    cJSON_AddStringToObject(out, "SiteSeal", "Static");
    cJSON_AddStringToObject(out, "CurrencyCode", "USD");
    cJSON_AddStringToObject(out, "Warranty", "0");
    cJSON_AddItemToObject(out, "PricingInfo", prices(product));
    return out;
}

bool api_products(struct call *call)
{
    const char *code = wire_text(call->arena, call->body, "ProductCode");
    int type = wire_int(call->body, "ProductType", 0);
    bool current_only = wire_bool(call->body, "IsForceNewSKUs");
    if (!text_empty(code) && product_find(code) == NULL)
        return refuse(call, CODE_INPUT, "Invalid ProductCode %s", code);
    const struct product *product;
    for (size_t i = 0; (product = product_at(i)) != NULL; i++) {
        if ((!text_empty(code) && product_find(code) != product) || !of_type(product, type) ||
            (current_only && (product->flags & LEGACY)))
            continue;
        cJSON *item = product_object(product);
        if (cJSON_GetArraySize(call->answer) > 0)
            cJSON_AddNullToObject(item, "AuthResponse");
        cJSON_AddItemToArray(call->answer, item);
        if (!text_empty(code))
            break;
    }
    return true;
}

/* ---- csr (7.5) ------------------------------------------------------------------------------- */

static void put_csr(struct call *call, const struct csr_facts *facts)
{
    cJSON *out = call->answer;
    cJSON_AddStringToObject(out, "DomainName", facts->common_name);
    cJSON_AddStringToObject(out, "DominName", facts->common_name);
    cJSON *names = cJSON_AddArrayToObject(out, "DNSNames");
    for (size_t i = 0; i < facts->dns_names.count; i++)
        cJSON_AddItemToArray(names, cJSON_CreateString(facts->dns_names.items[i]));
    cJSON_AddStringToObject(out, "Country", facts->country);
    cJSON_AddStringToObject(out, "Email", facts->email);
    cJSON_AddStringToObject(out, "Locality", facts->locality);
    cJSON_AddStringToObject(out, "Organization", facts->organization);
    cJSON_AddStringToObject(out, "OrganizationUnit", facts->unit);
    cJSON_AddStringToObject(out, "OrganisationUnit", facts->unit);
    cJSON_AddStringToObject(out, "State", facts->state);
    cJSON_AddBoolToObject(out, "hasBadExtensions", facts->bad_extensions);
    cJSON_AddBoolToObject(out, "isValidDomainName",
                          host_problem(call->arena, facts->common_name, true) == NULL);
    cJSON_AddBoolToObject(out, "isWildcardCSR", text_has_prefix(facts->common_name, "*."));
    cJSON_AddStringToObject(out, "MD5Hash", facts->md5);
    cJSON_AddStringToObject(out, "SHA1Hash", facts->sha1);
    cJSON_AddStringToObject(out, "sha256", facts->sha256);
    cJSON_AddStringToObject(out, "SignatureAlgorithm", facts->signature);
    cJSON_AddNullToObject(out, "RegionSpecificOrderIndicator");
}

bool api_csr(struct call *call)
{
    struct csr_facts facts;
    const char *problem;
    if (!csr_facts_read(wire_text(call->arena, call->body, "CSR"), call->arena, &facts, &problem))
        return refuse(call, CODE_VENDOR, "Vendor returns error: %s", problem);
    put_csr(call, &facts);
    return true;
}

/* ---- order/validate (7.9): neither buys ------------------------------------------------------ */

static bool is_full_body(const struct call *call)
{
    static const char *const members[] = {
        "AdminContact",         "TechnicalContact",    "ApproverEmail",           "DNSNames",
        "CNAMEAuthDVIndicator", "FileAuthDVIndicator", "HTTPSFileAuthDVIndicator"};
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (cJSON_HasObjectItem(call->body, members[i]))
            return true;
    return false;
}

bool api_validate(struct call *call)
{
    struct wish wish;
    struct csr_facts facts;
    const char *problem;
    if (!wish_read(call, is_full_body(call) ? WISH_NEW : WISH_BASICS, &wish))
        return false;
    if (csr_facts_read(wish.csr_pem, call->arena, &facts, &problem))
        put_csr(call, &facts);
    return true;
}

bool api_validate_parameters(struct call *call)
{
    struct wish wish;
    return wish_read(call, WISH_NEW, &wish);
}

/* ---- approvers, agreement, account ----------------------------------------------------------- */

bool api_approvers(struct call *call)
{
    const char *domain = text_lower(call->arena, wire_text(call->arena, call->body, "DomainName"));
    const char *code = wire_text(call->arena, call->body, "ProductCode");
    if (text_empty(code) || product_find(code) == NULL)
        return refuse(call, CODE_INPUT, "Invalid ProductCode %s", code);
    const char *problem = host_problem(call->arena, domain, true);
    if (problem != NULL)
        return refuse(call, CODE_INPUT, "%s", problem);
    struct string_list addresses = approver_addresses(call->arena, domain);
    cJSON *list = cJSON_AddArrayToObject(call->answer, "ApproverEmailList");
    for (size_t i = 0; i < addresses.count; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(addresses.items[i]));
    /* What real lists hold besides, and clients have to drop (7.7). */
    cJSON_AddItemToArray(list, cJSON_CreateString("none"));
    cJSON_AddItemToArray(list, cJSON_CreateString(""));
    cJSON_AddItemToArray(list, cJSON_CreateString("support@geotrust.com"));
    cJSON_AddStringToObject(call->answer, "baseDomainName", host_registrable(call->arena, domain));
    return true;
}

bool api_agreement(struct call *call)
{
    const char *code = wire_text(call->arena, call->body, "ProductCode");
    if (text_empty(code) || product_find(code) == NULL)
        return refuse(call, CODE_INPUT, "Invalid ProductCode %s", code);
    /* Percent-encoded, as section 1.4 warns. */
    cJSON_AddStringToObject(
        call->answer, "Agreement",
        "This%20is%20the%20sandbox.%20Its%20certificates%20bind%20nobody%20and%20are%20worth%20"
        "nothing.%0A");
    return true;
}

bool api_account(struct call *call)
{
    static const char *const empty[] = {"AlternateEmail", "Address", "City", "Phone", "State", "Zip"};
    cJSON *out = call->answer;
    call->lies = true; /* isError although it worked (section 3.3) */
    cJSON_AddStringToObject(out, "PartnerCode", call->sandbox->options.partner_code);
    cJSON_AddStringToObject(out, "CompanyName", "Example Ltd");
    cJSON_AddStringToObject(out, "FullName", "Sandbox Partner");
    cJSON_AddStringToObject(out, "Email", "partner@example.com");
    cJSON_AddStringToObject(out, "AccountType", "Reseller");
    const struct settings *settings = &call->sandbox->settings;
    int64_t left = settings->balance_cents - call->sandbox->ledger.cents;
    cJSON_AddStringToObject(out, "AccountBalance", settings->balance_cents < 0 ? ""
                            : arena_printf(call->arena, "%s%lld.%02d", left < 0 ? "-" : "", (long long)(llabs(left) / 100),
                                           (int)(llabs(left) % 100)));
    cJSON_AddStringToObject(out, "CurrentPlan", "Sandbox");
    cJSON_AddBoolToObject(out, "AllowCredit", settings->credit);
    cJSON_AddStringToObject(out, "Country", "AT");
    for (size_t i = 0; i < COUNT_OF(empty); i++)
        cJSON_AddStringToObject(out, empty[i], "");
    return true;
}
