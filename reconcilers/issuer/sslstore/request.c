/* Bodies of requests (7, 8). Every one is built with marks in place of the token and of the correlation
 * value; the bytes of an order are therefore frozen, hashed and stored without a secret, and sent as they
 * were stored.
 *
 * What a manifest does not say is filled in as the vendor's practical minimum asks (8.4): with no contact
 * named, both contacts hold one e-mail address and nothing else, admin@<registrable domain of the common
 * name>, which is one of the five constructed mailboxes; with one contact named, it stands for both. */
#include "base/fatal.h"
#include "reconcilers/issuer/sslstore/sslstore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/names.h"
#include "base/secret.h"
#include "schema/catalogue.h"
#include "schema/contact.h"

static const char client_name[] = "certwright/" CERTWRIGHT_VERSION;

/* ---- authentication (2) ---- */

static void put_account(struct json_writer *w, const struct issuer_account *account)
{
    json_string_member(w, "PartnerCode", account->partner_code);
    json_key(w, "AuthToken");
    json_put_raw(w, SSLSTORE_MARK_TOKEN);
    json_key(w, "ReplayToken");
    json_put_raw(w, SSLSTORE_MARK_REPLAY);
    json_string_member(w, "UserAgent", client_name);
}

static struct json_writer begin(struct buffer *out, const struct issuer_account *account)
{
    struct json_writer w = {.out = out};
    json_begin_object(&w);
    json_key(&w, "AuthRequest");
    json_begin_object(&w);
    put_account(&w, account);
    json_bool_member(&w, "IsUsedForTokenSystem", false);
    json_end_object(&w);
    return w;
}

bool request_fill(const char *frozen, const struct secret *token, const char *replay_token,
                  struct buffer *out, struct error *err)
{
    const char *first = strstr(frozen, SSLSTORE_MARK_TOKEN);
    const char *second = first != NULL ? strstr(first, SSLSTORE_MARK_REPLAY) : NULL;
    if (second == NULL)
        return error_raise(err, ERROR_INTERNAL, "the request holds no place for the credentials");
    const char *behind_first = first + strlen(SSLSTORE_MARK_TOKEN);
    const char *behind_second = second + strlen(SSLSTORE_MARK_REPLAY);
    /* Room at once, so that growing leaves no copy of the token behind. An escape takes at most six bytes. */
    size_t room = strlen(frozen) + 6 * (secret_length(token) + strlen(replay_token)) + 16;
    *out = (struct buffer){.data = malloc(room), .capacity = room, .limit = room};
    if (out->data == NULL)
        fatal_memory();
    struct json_writer w = {.out = out};
    buffer_append(out, frozen, (size_t)(first - frozen));
    json_put_stringn(&w, secret_bytes(token), secret_length(token));
    buffer_append(out, behind_first, (size_t)(second - behind_first));
    json_put_string(&w, replay_token);
    buffer_puts(out, behind_second);
    return true;
}

/* ---- questions (7) ---- */

void request_validate(struct buffer *out, const struct issuer_account *account)
{
    struct json_writer w = {.out = out}; /* flat: 2.2 */
    json_begin_object(&w);
    put_account(&w, account);
    json_end_object(&w);
}

void request_balance(struct buffer *out, const struct issuer_account *account)
{
    request_validate(out, account); /* the same flat form: 2.2 */
}

void request_products(struct buffer *out, const struct issuer_account *account)
{
    struct json_writer w = begin(out, account);
    json_string_member(&w, "ProductCode", "");
    json_int_member(&w, "ProductType", 0);
    json_bool_member(&w, "NeedSortedList", true);
    json_bool_member(&w, "IsForceNewSKUs", true); /* what is still sold */
    json_end_object(&w);
}

void request_approvers(struct buffer *out, const struct issuer_account *account, const char *product,
                       const char *domain)
{
    struct json_writer w = begin(out, account);
    json_string_member(&w, "ProductCode", product);
    json_string_member(&w, "DomainName", domain);
    json_end_object(&w);
}

void request_status(struct buffer *out, const struct issuer_account *account, const char *vendor_order_id,
                    const char *custom_order_id)
{
    struct json_writer w = begin(out, account);
    if (!text_empty(vendor_order_id))
        json_string_member(&w, "TheSSLStoreOrderID", vendor_order_id);
    else
        json_string_member(&w, "CustomOrderID", custom_order_id);
    json_string_member(&w, "DateTimeCulture", "en-US");
    json_end_object(&w);
}

/* Milliseconds in the WCF form, with the slashes escaped on the wire (4.8). */
static void put_date(struct json_writer *w, const char *name, int64_t unix_s)
{
    char date[48];
    snprintf(date, sizeof date, "\"\\/Date(%lld)\\/\"", (long long)unix_s * 1000);
    json_key(w, name);
    json_put_raw(w, date);
}

void request_list(struct buffer *out, const struct issuer_account *account, int64_t from, int64_t to,
                  int page)
{
    struct json_writer w = begin(out, account);
    if (from != 0 || to != 0) {
        put_date(&w, "StartDate", from);
        put_date(&w, "EndDate", to);
    }
    json_string_member(&w, "DateTimeCulture", "en-US");
    json_int_member(&w, "PageNumber", page);
    json_int_member(&w, "PageSize", SSLSTORE_PAGE_SIZE);
    json_end_object(&w);
}

void request_download(struct buffer *out, const struct issuer_account *account, const char *vendor_order_id)
{
    struct json_writer w = begin(out, account);
    json_string_member(&w, "TheSSLStoreOrderID", vendor_order_id);
    json_bool_member(&w, "ReturnPKCS7Cert", false);
    json_string_member(&w, "DateTimeCulture", "en-US");
    json_end_object(&w);
}

void request_resend(struct buffer *out, const struct issuer_account *account, const char *vendor_order_id,
                    const char *domain)
{
    struct json_writer w = begin(out, account);
    json_string_member(&w, "TheSSLStoreOrderID", vendor_order_id);
    json_string_member(&w, "ResendEmailType", "ApproverEmail");
    if (!text_empty(domain))
        json_string_member(&w, "DomainNames", domain); /* one name, a string (6.4) */
    json_end_object(&w);
}

/* ---- the order (8) ---- */

static const char *or_empty(const char *text) { return text != NULL ? text : ""; }
static const char *first_of(const char *a, const char *b) { return !text_empty(a) ? a : or_empty(b); }

/* A multi-domain product takes a list of names; the twin of the common name, which others include, is not
 * listed. */
static bool takes_list(const struct product *product) { return product->multi_domain || product->flex; }

static const char *constructed_address(struct arena *arena, const char *common_name)
{
    const char *name = name_without_wildcard(common_name);
    const char *domain = name_registrable(arena, name);
    return arena_printf(arena, "admin@%s", domain != NULL ? domain : name);
}

/* Both contacts as they will be sent; nothing is NULL. */
struct person {
    const char *first_name, *last_name, *title, *email, *phone, *fax, *organization;
    const struct postal_address *address;
};

static struct person person_of(const struct contact *contact, const struct order_request *order,
                               struct arena *arena)
{
    static const struct postal_address nowhere = {0};
    const char *email = constructed_address(arena, order->common_name);
    if (contact == NULL)
        return (struct person){"", "", "", email, "", "", "", &nowhere};
    const struct organization *organization = order->organization;
    bool own_address = contact->address.lines.count > 0 || !text_empty(contact->address.city);
    return (struct person){
        .first_name = or_empty(contact->first_name),
        .last_name = or_empty(contact->last_name),
        .title = or_empty(contact->title),
        .email = first_of(contact->email, email),
        .phone = first_of(contact->phone, organization != NULL ? organization->phone : NULL),
        .fax = or_empty(contact->fax),
        .organization =
            first_of(contact->organization_name, organization != NULL ? organization->name : NULL),
        .address = own_address || organization == NULL ? &contact->address : &organization->address,
    };
}

static const char *address_line(const struct postal_address *address, size_t index)
{
    return index < address->lines.count ? or_empty(address->lines.items[index]) : "";
}

static void put_person(struct json_writer *w, const char *name, const struct person *person)
{
    json_key(w, name);
    json_begin_object(w);
    json_string_member(w, "FirstName", person->first_name);
    json_string_member(w, "LastName", person->last_name);
    json_string_member(w, "Phone", person->phone);
    json_string_member(w, "Fax", person->fax);
    json_string_member(w, "Email", person->email);
    json_string_member(w, "Title", person->title);
    json_string_member(w, "OrganizationName", person->organization);
    json_string_member(w, "AddressLine1", address_line(person->address, 0));
    json_string_member(w, "AddressLine2", address_line(person->address, 1));
    json_string_member(w, "City", or_empty(person->address->city));
    json_string_member(w, "Region", or_empty(person->address->region));
    json_string_member(w, "PostalCode", or_empty(person->address->postal_code));
    json_string_member(w, "Country", or_empty(person->address->country));
    json_end_object(w);
}

static void put_organization(struct json_writer *w, const struct organization *organization)
{
    json_key(w, "OrganizationInfo");
    json_begin_object(w);
    json_string_member(w, "OrganizationName", or_empty(organization->name));
    json_string_member(w, "DUNS", or_empty(organization->duns));
    json_string_member(w, "Division", or_empty(organization->division));
    json_string_member(w, "IncorporatingAgency", or_empty(organization->incorporating_agency));
    json_string_member(w, "RegistrationNumber", or_empty(organization->registration_number));
    json_string_member(w, "JurisdictionCity", or_empty(organization->jurisdiction.city));
    json_string_member(w, "JurisdictionRegion", or_empty(organization->jurisdiction.region));
    json_string_member(w, "JurisdictionCountry", or_empty(organization->jurisdiction.country));
    json_string_member(w, "AssumedName", or_empty(organization->assumed_name));
    json_key(w, "OrganizationAddress");
    json_begin_object(w);
    json_string_member(w, "AddressLine1", address_line(&organization->address, 0));
    json_string_member(w, "AddressLine2", address_line(&organization->address, 1));
    json_string_member(w, "AddressLine3", address_line(&organization->address, 2));
    json_string_member(w, "City", or_empty(organization->address.city));
    json_string_member(w, "Region", or_empty(organization->address.region));
    json_string_member(w, "PostalCode", or_empty(organization->address.postal_code));
    json_string_member(w, "Country", or_empty(organization->address.country));
    json_string_member(w, "Phone", or_empty(organization->phone));
    json_string_member(w, "Fax", or_empty(organization->fax));
    json_string_member(w, "LocalityName",
                       or_empty(organization->address.city)); /* some products read only this (6.2) */
    json_end_object(w);
    json_end_object(w);
}

/* An organization that the vendor has registered (DigiCert family only) is named by its number, and nothing
 * else. */
static bool registered(const struct order_request *order)
{
    return order->product->family == FAMILY_DIGICERT && order->organization != NULL &&
           order->organization->vendor_organization_id > 0;
}

struct need {
    bool when;
    const char *value, *what;
};

/* What each class of product cannot do without (8.4). */
static bool check_needs(const struct order_request *order, const struct person *admin, struct error *err)
{
    const struct product *product = order->product;
    const struct organization *org = order->organization;
    static const struct organization none = {0};
    bool block = product->organization && !registered(order), digicert = product->family == FAMILY_DIGICERT;
    if (product->organization && org == NULL)
        return error_raise(err, ERROR_MANIFEST, "%s needs an organization: give organizationRef",
                           product->code);
    const struct organization *o = org != NULL ? org : &none;
    const struct need needs[] = {
        {block, o->name, "the organization's name"},
        {block, address_line(&o->address, 0), "the organization's address (lines)"},
        {block && digicert, o->address.city, "the organization's address (city)"},
        {block, o->address.region, "the organization's address (region)"},
        {block, o->address.postal_code, "the organization's address (postalCode)"},
        {block, o->address.country, "the organization's address (country)"},
        {block, o->phone, "the organization's phone"},
        {block && product->jurisdiction, o->jurisdiction.country,
         "the organization's jurisdiction (country)"},
        {block && digicert, admin->first_name, "the admin contact's firstName"},
        {block && digicert, admin->last_name, "the admin contact's lastName"},
        {block && digicert, admin->phone, "the admin contact's phone"},
        {product->title, admin->title, "the admin contact's title"},
    };
    for (size_t i = 0; i < COUNT_OF(needs); i++)
        if (needs[i].when && text_empty(needs[i].value))
            return error_raise(err, ERROR_MANIFEST, "%s needs %s", product->code, needs[i].what);
    return true;
}

static bool check_methods(const struct order_request *order, struct error *err)
{
    for (size_t i = 0; i < order->names.count; i++) {
        enum dcv_method method = order->methods[i];
        const char *name = order->names.items[i];
        if (method == DCV_UNSET || method >= DCV_METHOD_COUNT)
            return error_raise(err, ERROR_MANIFEST, "no validation method for %s", name);
        if (method != order->methods[0] &&
            (order->product->family == FAMILY_DIGICERT || !takes_list(order->product)))
            return error_raise(err, ERROR_MANIFEST,
                               "%s takes one validation method for all names: %s differs",
                               order->product->code, name);
        if ((method == DCV_HTTP || method == DCV_HTTPS) && name_is_wildcard(name))
            return error_raise(err, ERROR_MANIFEST, "%s cannot be validated by a file: use DNS or Email",
                               name);
        if (method != DCV_EMAIL)
            continue;
        if (text_empty(order->approvers[i]) || strpbrk(order->approvers[i], ",<> \r\n") != NULL)
            return error_raise(err, ERROR_MANIFEST, "no usable approver address for %s", name);
    }
    return true;
}

/* An address or a method word per name, main name first, then in the order of DNSNames (8.3). */
static char *approver_email(const struct order_request *order, struct arena *arena)
{
    static const char *const words[2][DCV_METHOD_COUNT] = {
        [FAMILY_SECTIGO] = {[DCV_DNS] = "DNS", [DCV_HTTP] = "HTTP", [DCV_HTTPS] = "HTTPS"},
        [FAMILY_DIGICERT] =
            {[DCV_DNS] = "DNS", [DCV_HTTP] = "HTTP", [DCV_HTTPS] = "HTTP"}, /* no word for HTTPS */
    };
    enum dcv_method main_method = order->methods[0];
    if (!takes_list(
            order->product)) /* an address even where a file or record proves the name: empty is unproven */
        return main_method == DCV_EMAIL ? arena_strdup(arena, order->approvers[0])
                                        : arena_strdup(arena, constructed_address(arena, order->common_name));
    if (main_method == DCV_EMAIL && order->product->family == FAMILY_DIGICERT)
        return arena_strdup(arena, order->approvers[0]); /* exactly one */
    struct string_list parts = {0};
    for (size_t i = 0; i < order->names.count; i++)
        string_list_push(arena, &parts, order->methods[i] == DCV_EMAIL
                                            ? order->approvers[i]
                                            : words[order->product->family][order->methods[i]]);
    return string_list_join(arena, &parts, ",");
}

/* 8.1: leaving it out makes DigiCert products say "Failed to parse CSR". */
static const char *signature_hash(const struct product *product)
{
    if (product->family == FAMILY_SECTIGO)
        return "PREFER_SHA2";
    return text_has_prefix(product->code, "digi_") ? "sha256" : "SHA2-256";
}

/* The three encodings that have been seen to work (4.10). */
static char *encode_csr(const char *pem, enum csr_encoding encoding, struct arena *arena)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    if (encoding == CSR_PEM)
        return arena_strdup(arena, pem);
    char *out = arena_alloc(arena, 3 * strlen(pem) + 1), *to = out;
    for (const char *c = pem; *c != '\0'; c++) {
        if (encoding == CSR_ONE_LINE) {
            if (*c != '\n' && *c != '\r')
                *to++ = *c;
        } else if (strchr(plain, *c) != NULL) {
            *to++ = *c;
        } else {
            to += sprintf(to, "%%%02X", (unsigned char)*c);
        }
    }
    *to = '\0';
    return out;
}

static void put_names(struct json_writer *w, const struct order_request *order)
{
    bool list = takes_list(order->product);
    int plain = 0, wildcard = 0;
    json_key(w, "DNSNames");
    json_begin_array(w);
    for (size_t i = 1; list && i < order->names.count; i++) {
        json_put_string(w, order->names.items[i]);
        /* Flex products count wildcards apart; for the others they are names like any other. */
        if (order->product->flex && name_is_wildcard(order->names.items[i]))
            wildcard++;
        else
            plain++;
    }
    json_end_array(w);
    json_int_member(w, "ReserveSANCount", plain);
    json_int_member(w, "WildcardReserveSANCount", wildcard);
}

static void put_order(struct json_writer *w, const struct order_request *order, enum csr_encoding encoding,
                      const struct person *admin, const struct person *technical, struct arena *arena)
{
    const struct product *product = order->product;
    enum dcv_method main_method = order->methods[0];
    json_string_member(w, "CustomOrderID", order->custom_order_id);
    json_string_member(w, "ProductCode", product->code);
    if (order->organization != NULL && product->organization && !registered(order))
        put_organization(w, order->organization);
    json_int_member(w, "TSSOrganizationId",
                    product->organization && registered(order) ? order->organization->vendor_organization_id
                                                               : 0);
    json_int_member(w, "ValidityPeriod", order->term_months);
    json_int_member(w, "ServerCount", order->server_count);
    json_string_member(w, "CSR", encode_csr(order->csr, encoding, arena));
    json_string_member(w, "DomainName", order->common_name);
    json_string_member(w, "WebServerType", first_of(order->web_server_type, "Other"));
    put_names(w, order);
    json_bool_member(w, "isCUOrder", false);
    json_bool_member(w, "isRenewalOrder", false);
    json_bool_member(w, "isTrialOrder", false);
    json_string_member(w, "RelatedTheSSLStoreOrderID", "");
    json_string_member(w, "SpecialInstructions", or_empty(order->special_instructions));
    put_person(w, "AdminContact", admin);
    put_person(w, "TechnicalContact", technical);
    json_string_member(w, "ApproverEmail", approver_email(order, arena));
    json_bool_member(w, "FileAuthDVIndicator", main_method == DCV_HTTP);
    json_bool_member(w, "HTTPSFileAuthDVIndicator", main_method == DCV_HTTPS);
    json_bool_member(w, "CNAMEAuthDVIndicator", main_method == DCV_DNS);
    json_string_member(w, "SignatureHashAlgorithm", signature_hash(product));
    json_bool_member(w, "CertTransparencyIndicator", true);
    json_int_member(w, "RenewalDays", 0);
    json_bool_member(w, "AddInstallationSupport", false); /* costs money */
    json_string_member(w, "EmailLanguageCode", first_of(order->email_language, "EN"));
    json_string_member(w, "DateTimeCulture", "en-US");
    if (product->family == FAMILY_SECTIGO && !text_empty(order->unique_value))
        json_string_member(w, "CSRUniqueValue", order->unique_value);
}

/* At most 20 letters and digits (8), or the authority's token is not what we compute. */
static bool unique_value_usable(const char *value)
{
    size_t length = strlen(or_empty(value));
    return length <= 20 && strspn(or_empty(value),
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == length;
}

bool request_order(struct buffer *out, const struct issuer_account *account,
                   const struct order_request *order, struct arena *arena, struct error *err)
{
    if (text_empty(order->custom_order_id) || text_empty(order->csr) || order->names.count == 0 ||
        text_empty(order->common_name) || strcmp(order->names.items[0], order->common_name) != 0 ||
        !unique_value_usable(order->unique_value))
        return error_raise(err, ERROR_INTERNAL, "the order is incomplete");
    if (order->term_months <= 0)
        return error_raise(err, ERROR_MANIFEST, "the term of the order is not known");
    struct person admin = person_of(order->admin != NULL ? order->admin : order->technical, order, arena);
    struct person technical =
        person_of(order->technical != NULL ? order->technical : order->admin, order, arena);
    if (!check_needs(order, &admin, err) || !check_methods(order, err))
        return false;
    struct json_writer w = begin(out, account);
    put_order(&w, order, account->csr_encoding, &admin, &technical, arena);
    json_end_object(&w);
    return true;
}
