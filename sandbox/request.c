/* From the body of neworder, inviteorder, validate or reissue to a checked wish (sections 7, 8 and 13.1).
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "sandbox/crypto.h"
#include "sandbox/orders.h"
#include "sandbox/wire.h"

static const char *text_of(struct call *call, const char *name)
{
    return wire_text(call->arena, call->body, name);
}

/* ---- product, term, servers ------------------------------------------------------------------ */

static bool read_basics(struct call *call, struct wish *wish)
{
    const char *code = text_of(call, "ProductCode");
    if (text_empty(code))
        return refuse(call, CODE_INPUT, "ProductCode is required");
    wish->product = product_find(code);
    if (wish->product == NULL)
        return refuse(call, CODE_INPUT, "Invalid ProductCode %s", code);
    wish->months = wire_int(call->body, "ValidityPeriod", 0);
    if (!product_sells_months(wish->product, wish->months))
        return refuse(call, CODE_INPUT, "ValidityPeriod %d is not in the price list of %s", wish->months,
                      code);
    wish->server_count = wire_int(call->body, "ServerCount", 0);
    if (wish->server_count < 1 && wish->server_count != -1)
        return refuse(call, CODE_INPUT, "ServerCount is required");
    wish->custom_id = text_of(call, "CustomOrderID");
    if (strlen(wish->custom_id) > 128)
        return refuse(call, CODE_INPUT, "CustomOrderID is too long");
    wish->hash = text_of(call, "SignatureHashAlgorithm");
    wish->web_server = text_of(call, "WebServerType");
    wish->requestor = text_of(call, "RequestorEmail");
    return true;
}

static void set_price(struct wish *wish)
{
    const struct product *product = wish->product;
    int extra = wish->san_count - product->included_sans;
    int64_t names = (int64_t)(extra > 0 ? extra : 0) * product->san_cents +
                    (int64_t)wish->wildcard_san_count * product->wildcard_san_cents;
    wish->amount_cents = product_price_cents(product, wish->months) + names * wish->months / 12;
}

/* ---- the CSR --------------------------------------------------------------------------------- */

static bool read_unique_value(struct call *call, struct wish *wish)
{
    wish->unique_value = text_of(call, "CSRUniqueValue");
    bool good = strlen(wish->unique_value) <= 20;
    for (const char *c = wish->unique_value; *c != '\0'; c++)
        good = good && isalnum((unsigned char)*c);
    return good || refuse(call, CODE_INPUT, "CSRUniqueValue takes at most 20 letters and digits");
}

static bool read_csr(struct call *call, struct wish *wish, struct csr_facts *facts)
{
    const char *text = text_of(call, "CSR"), *problem;
    if (text_empty(text))
        return refuse(call, CODE_INPUT, "CSR is required");
    if (!csr_facts_read(text, call->arena, facts, &problem))
        return refuse(call, CODE_VENDOR, "Vendor returns error: %s", problem);
    if (facts->bad_extensions)
        return refuse(call, CODE_VENDOR,
                      "Vendor returns error: the CSR asks for extensions that are not issued");
    wish->csr_pem = facts->pem;
    wish->csr_sha256 = facts->sha256;
    wish->csr_md5 = facts->md5;
    wish->common_name = !text_empty(facts->common_name)
                            ? facts->common_name
                            : text_lower(call->arena, text_of(call, "DomainName"));
    if (text_empty(wish->common_name))
        return refuse(call, CODE_INPUT, "The CSR has no common name and DomainName is empty");
    return read_unique_value(call, wish);
}

/* The main name against the product. */
static bool check_main_name(struct call *call, const struct wish *wish)
{
    const struct product *product = wish->product;
    const char *problem = host_problem(call->arena, wish->common_name, product->flags & WILDCARD);
    if (problem != NULL)
        return refuse(call, CODE_VENDOR, "Vendor returns error: %s", problem);
    bool wildcard = text_has_prefix(wish->common_name, "*.");
    if (!wildcard && (product->flags & WILDCARD) && !(product->flags & MULTI))
        return refuse(call, CODE_VENDOR, "Vendor returns error: %s takes a wildcard name, not %s",
                      product->code, wish->common_name);
    return true;
}

/* DigiCert's answer to a missing algorithm is that of a bad CSR (section 3.3). */
static bool check_hash(struct call *call, const struct wish *wish)
{
    static const char *const sectigo[] = {"NO_PREFERENCE", "INFER_FROM_CSR", "PREFER_SHA2",
                                          "REQUIRE_SHA2",  "SHA2-256",       "sha256"};
    static const char *const digicert[] = {"sha256",   "sha384",   "sha512",     "SHA2-256",
                                           "SHA2-384", "SHA2-512", "PREFER_SHA2"};
    if (!product_is_sectigo(wish->product)) {
        for (size_t i = 0; i < COUNT_OF(digicert); i++)
            if (strcasecmp(digicert[i], wish->hash) == 0)
                return true;
        if (text_empty(wish->hash))
            return refuse(call, CODE_VENDOR,
                          "Vendor returns error: csr_invalid Failed to parse CSR. Generate CSR as valid "
                          "Base-64 data");
        return refuse(call, CODE_VENDOR, "Vendor returns error: invalid signature hash %s", wish->hash);
    }
    for (size_t i = 0; i < COUNT_OF(sectigo); i++)
        if (text_empty(wish->hash) || strcasecmp(sectigo[i], wish->hash) == 0)
            return true;
    return refuse(call, CODE_VENDOR, "Vendor returns error: SignatureHashAlgorithm %s is not allowed",
                  wish->hash);
}

/* The token of section 11.2 must differ for every request. */
static bool check_collision(struct call *call, const struct wish *wish)
{
    if (!product_is_sectigo(wish->product))
        return true;
    const char *key = arena_printf(call->arena, "%s.%s", wish->csr_sha256, wish->unique_value);
    if (text_map_get(call->sandbox->by_csr, key) == NULL)
        return true;
    return refuse(call, CODE_VENDOR,
                  "Vendor returns error: this CSR was used before; send another CSR or another "
                  "CSRUniqueValue");
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool is_twin(const char *main_name, const char *name)
{
    return (text_has_prefix(name, "www.") && strcmp(name + 4, main_name) == 0) ||
           (text_has_prefix(main_name, "www.") && strcmp(main_name + 4, name) == 0);
}

static bool take_names(struct call *call, const struct string_list *names, struct wish *wish)
{
    const struct product *product = wish->product;
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->items[i];
        if (strcmp(name, wish->common_name) == 0)
            continue; /* one client sends the main name as well */
        if (string_list_contains(&wish->more_names, name))
            return refuse(call, CODE_INPUT, "DNSNames holds %s twice", name);
        if (!(product->flags & MULTI) && !((product->flags & TWIN) && is_twin(wish->common_name, name)))
            return refuse(call, CODE_INPUT, "%s does not take additional names", product->code);
        const char *problem = host_problem(call->arena, name, product->flags & WILDCARD);
        if (problem != NULL)
            return refuse(call, CODE_VENDOR, "Vendor returns error: %s", problem);
        string_list_push(call->arena, &wish->more_names, name);
    }
    return true;
}

/* What was paid for against what is asked for. */
static bool check_counts(struct call *call, const struct wish *wish)
{
    int plain = 0, wildcards = 0;
    for (size_t i = 0; i < wish->more_names.count; i++)
        *(text_has_prefix(wish->more_names.items[i], "*.") ? &wildcards : &plain) += 1;
    if (!(wish->product->flags & MULTI))
        return true;
    if (!(wish->product->flags & FLEX)) { /* one count for both kinds */
        plain += wildcards - wish->wildcard_san_count;
        wildcards = 0;
    }
    if (plain > wish->san_count)
        return refuse(call, CODE_INPUT, "ReserveSANCount is %d, but DNSNames holds %d names",
                      wish->san_count, plain);
    if (wildcards > wish->wildcard_san_count)
        return refuse(call, CODE_INPUT,
                      "WildcardReserveSANCount is %d, but DNSNames holds %d wildcard names",
                      wish->wildcard_san_count, wildcards);
    if (wish->san_count + wish->wildcard_san_count > wish->product->max_sans)
        return refuse(call, CODE_INPUT, "%s takes at most %d additional names", wish->product->code,
                      wish->product->max_sans);
    return true;
}

/* ---- people ---------------------------------------------------------------------------------- */

struct requirement {
    const char *object, *inner, *member;
    bool sectigo, digicert;
    enum level from;
};
/* Section 8.4. */
static const struct requirement requirements[] = {
    {"AdminContact", NULL, "Email", true, false, LEVEL_DV},
    {"TechnicalContact", NULL, "Email", false, true, LEVEL_DV},
    {"AdminContact", NULL, "FirstName", false, true, LEVEL_OV},
    {"AdminContact", NULL, "LastName", false, true, LEVEL_OV},
    {"AdminContact", NULL, "Phone", false, true, LEVEL_OV},
    {"AdminContact", NULL, "Email", false, true, LEVEL_OV},
    {"AdminContact", NULL, "Title", false, true, LEVEL_EV},
    {"OrganizationInfo", NULL, "OrganizationName", true, true, LEVEL_OV},
    {"OrganizationInfo", "OrganizationAddress", "AddressLine1", true, true, LEVEL_OV},
    {"OrganizationInfo", "OrganizationAddress", "City", false, true, LEVEL_OV},
    {"OrganizationInfo", "OrganizationAddress", "Region", true, true, LEVEL_OV},
    {"OrganizationInfo", "OrganizationAddress", "PostalCode", true, true, LEVEL_OV},
    {"OrganizationInfo", "OrganizationAddress", "Country", true, true, LEVEL_OV},
    {"OrganizationInfo", "OrganizationAddress", "Phone", true, true, LEVEL_OV},
    {"OrganizationInfo", NULL, "JurisdictionCountry", true, false, LEVEL_EV},
};

static const cJSON *organization_of(const struct call *call)
{
    const cJSON *object = wire_object(call->body, "OrganizationInfo");
    return object != NULL ? object : wire_object(call->body, "OrganisationInfo"); /* older spelling */
}

static bool check_country(struct call *call, const cJSON *object, const char *member, const char *word)
{
    const char *country = wire_text(call->arena, object, member);
    if (text_empty(country) ||
        (strlen(country) == 2 && isupper((unsigned char)country[0]) && isupper((unsigned char)country[1])))
        return true;
    return refuse(call, CODE_VENDOR, "Vendor returns error: %s '%s' is invalid", word, country);
}

static bool check_people(struct call *call, const struct wish *wish)
{
    bool sectigo = product_is_sectigo(wish->product);
    bool known_organization = wire_int(call->body, "TSSOrganizationId", 0) > 0 && !sectigo;
    for (size_t i = 0; i < COUNT_OF(requirements); i++) {
        const struct requirement *need = &requirements[i];
        bool organization = strcmp(need->object, "OrganizationInfo") == 0;
        if (!(sectigo ? need->sectigo : need->digicert) || wish->product->level < need->from ||
            (organization && known_organization))
            continue;
        const cJSON *object = organization ? organization_of(call) : wire_object(call->body, need->object);
        if (need->inner != NULL)
            object = wire_object(object, need->inner);
        if (text_empty(wire_text(call->arena, object, need->member)))
            return refuse(call, CODE_INPUT, "%s.%s%s%s is required for %s", need->object,
                          need->inner != NULL ? need->inner : "", need->inner != NULL ? "." : "",
                          need->member, wish->product->code);
    }
    const cJSON *organization = organization_of(call);
    return check_country(call, wire_object(call->body, "AdminContact"), "Country", "apprepcountryname") &&
           check_country(call, wire_object(call->body, "TechnicalContact"), "Country",
                         "apprepcountryname") &&
           check_country(call, wire_object(organization, "OrganizationAddress"), "Country",
                         "countryname") &&
           check_country(call, organization, "JurisdictionCountry", "joicountryname");
}

static const char *object_text(struct call *call, const cJSON *object)
{
    char *text = object != NULL ? cJSON_PrintUnformatted(object) : NULL;
    const char *copy = text != NULL ? arena_strdup(call->arena, text) : "null";
    cJSON_free(text);
    return copy;
}

/* ---- whole wishes ---------------------------------------------------------------------------- */

bool wish_read(struct call *call, enum wish_kind kind, struct wish *out)
{
    struct wish wish = {.common_name = "", .admin = "null", .technical = "null", .organization = "null"};
    struct csr_facts facts;
    if (!read_basics(call, &wish))
        return false;
    if (kind == WISH_INVITE) {
        wish.san_count = wire_int(call->body, "ExtraSAN", 0);
        wish.wildcard_san_count = wire_int(call->body, "ExtraWildcardSAN", 0);
        set_price(&wish);
        *out = wish;
        return wish.san_count + wish.wildcard_san_count <= wish.product->max_sans ||
               refuse(call, CODE_INPUT, "%s takes at most %d additional names", wish.product->code,
                      wish.product->max_sans);
    }
    if (text_empty(wish.web_server))
        return refuse(call, CODE_INPUT, "WebServerType is required");
    if (!read_csr(call, &wish, &facts) || !check_main_name(call, &wish))
        return false;
    if (kind == WISH_NEW) {
        struct string_list names = wire_strings(call->arena, call->body, "DNSNames");
        wish.san_count = wire_int(call->body, "ReserveSANCount", 0);
        wish.wildcard_san_count = wire_int(call->body, "WildcardReserveSANCount", 0);
        if (wish.san_count < 0 || wish.wildcard_san_count < 0)
            return refuse(call, CODE_INPUT, "ReserveSANCount cannot be negative");
        wish.approver_email = text_of(call, "ApproverEmail");
        if (!check_hash(call, &wish) || !take_names(call, &names, &wish) || !check_counts(call, &wish) ||
            !check_people(call, &wish) || !check_collision(call, &wish) ||
            !wish_make_proofs(call, wish.approver_email, &wish))
            return false;
        wish.admin = object_text(call, wire_object(call->body, "AdminContact"));
        wish.technical = object_text(call, wire_object(call->body, "TechnicalContact"));
        wish.organization = object_text(call, organization_of(call));
        set_price(&wish);
    }
    *out = wish;
    return true;
}

/* The names after AddSAN, DeleteSAN and EditSAN; pairs of empty strings mean nothing (section 19). */
static bool apply_pairs(struct call *call, const struct order *order, struct string_list *names)
{
    static const char *const lists[] = {"DeleteSAN", "EditSAN", "AddSAN"};
    *names = (struct string_list){0};
    for (size_t i = 0; i < order->more_names.count; i++)
        string_list_push(call->arena, names, order->more_names.items[i]);
    for (size_t l = 0; l < COUNT_OF(lists); l++) {
        const cJSON *pair;
        cJSON_ArrayForEach (pair, cJSON_GetObjectItemCaseSensitive(call->body, lists[l])) {
            const char *old_name = text_lower(call->arena, wire_text(call->arena, pair, "OldValue"));
            const char *new_name = text_lower(call->arena, wire_text(call->arena, pair, "NewValue"));
            if (l == 0 && text_empty(old_name))
                old_name = new_name; /* one client puts the removed name there */
            size_t at = 0;
            while (at < names->count && strcmp(names->items[at], old_name) != 0)
                at++;
            if (l == 2) {
                if (!text_empty(new_name) && !string_list_contains(names, new_name))
                    string_list_push(call->arena, names, new_name);
            } else if (!text_empty(old_name)) {
                if (at == names->count)
                    return refuse(call, CODE_INPUT, "%s: %s is not in the order", lists[l], old_name);
                if (l == 1)
                    names->items[at] = new_name;
                else
                    memmove(&names->items[at], &names->items[at + 1],
                            (--names->count - at) * sizeof *names->items);
            }
        }
    }
    return true;
}

bool wish_read_reissue(struct call *call, const struct order *order, struct wish *out)
{
    struct wish wish = {.product = order->product,
                        .months = order->months,
                        .san_count = order->san_count,
                        .wildcard_san_count = order->wildcard_san_count,
                        .hash = text_of(call, "SignatureHashAlgorithm"),
                        .web_server = text_of(call, "WebServerType"),
                        .approver_email = text_of(call, "ApproverEmails")};
    struct csr_facts facts;
    if (!read_csr(call, &wish, &facts))
        return false;
    if (strcmp(wish.common_name, order->common_name) != 0)
        return refuse(call, CODE_VENDOR, "Vendor returns error: the common name must stay %s",
                      order->common_name);
    struct string_list names = wire_strings(call->arena, call->body, "DNSNames");
    if (names.count == 0 && !apply_pairs(call, order, &names))
        return false;
    if (text_empty(wish.approver_email)) /* as before */
        wish.approver_email = names.count == order->more_names.count ? order->approver_email : "";
    if (!check_hash(call, &wish) || !take_names(call, &names, &wish) || !check_counts(call, &wish) ||
        !check_collision(call, &wish) || !wish_make_proofs(call, wish.approver_email, &wish))
        return false;
    *out = wish;
    return true;
}
