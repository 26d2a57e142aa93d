/* The exact JSON of every request that the client sends to The SSL Store (sslstore-api.md 7, 8). The texts
 * here were written by hand from that page; "@" stands for ", and blanks and line breaks between members are
 * taken out. */
#include "reconcilers/issuer/sslstore/sslstore.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/secret.h"
#include "check.h"
#include "schema/catalogue.h"
#include "schema/contact.h"

#define AUTH \
    "@AuthRequest@:{@PartnerCode@:@10012345@,@AuthToken@:@s3cr3t@,@ReplayToken@:@corr-0001@," \
    "@UserAgent@:@certwright/" CERTWRIGHT_VERSION "@,@IsUsedForTokenSystem@:false}"
#define PEM "-----BEGIN CERTIFICATE REQUEST-----\nMIIB+/8=\n-----END CERTIFICATE REQUEST-----\n"

static struct arena *arena;
static struct error err;
static struct issuer_account account = {.name = "main", .url = "https://api.example.test/rest/",
                                        .partner_code = "10012345"};

/* What the body looks like on the wire. */
static const char *wire(struct buffer *body)
{
    struct buffer filled;
    AUTO(secret) struct secret *token = secret_create("s3cr3t", 6);
    CHECK_OK(request_fill(buffer_text(body), token, "corr-0001", &filled, &err), err);
    const char *text = arena_strdup(arena, buffer_text(&filled));
    buffer_wipe(&filled);
    buffer_release(body);
    struct json *document = json_parse(text, strlen(text), &err);
    CHECK_OK(document != NULL, err);
    json_destroy(document);
    return text;
}

static const char *golden(const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (char *c = copy; *c != '\0'; c++)
        *c = *c == '@' ? '"' : *c == '~' ? '@' : *c; /* "~" stands for the @ of an address */
    return copy;
}

/* ---- questions ---- */

static void validate_is_flat(void)
{
    struct buffer body = {0};
    request_validate(&body, &account);
    CHECK_TEXT(wire(&body), golden("{@PartnerCode@:@10012345@,@AuthToken@:@s3cr3t@,@ReplayToken@:@corr-0001@,"
                                   "@UserAgent@:@certwright/" CERTWRIGHT_VERSION "@}"));
}

static void products_asks_for_all_that_is_sold(void)
{
    struct buffer body = {0};
    request_products(&body, &account);
    CHECK_TEXT(wire(&body), golden("{" AUTH ",@ProductCode@:@@,@ProductType@:0,@NeedSortedList@:true,"
                                   "@IsForceNewSKUs@:true}"));
}

static void approvers_asks_for_one_domain(void)
{
    struct buffer body = {0};
    request_approvers(&body, &account, "positivessl", "www.example.org");
    CHECK_TEXT(wire(&body), golden("{" AUTH ",@ProductCode@:@positivessl@,@DomainName@:@www.example.org@}"));
}

static void status_goes_by_number_when_there_is_one(void)
{
    struct buffer body = {0};
    request_status(&body, &account, "4567890", "cw1-abc");
    CHECK_TEXT(wire(&body), golden("{" AUTH ",@TheSSLStoreOrderID@:@4567890@,@DateTimeCulture@:@en-US@}"));
}

static void status_goes_by_our_id_when_there_is_no_number(void)
{
    struct buffer body = {0};
    request_status(&body, &account, "", "cw1-abc");
    CHECK_TEXT(wire(&body), golden("{" AUTH ",@CustomOrderID@:@cw1-abc@,@DateTimeCulture@:@en-US@}"));
}

static void list_sends_dates_with_escaped_slashes(void)
{
    struct buffer body = {0};
    request_list(&body, &account, 1408320000, 1414368000, 3);
    CHECK_TEXT(wire(&body), golden("{" AUTH ",@StartDate@:@\\/Date(1408320000000)\\/@,"
                                   "@EndDate@:@\\/Date(1414368000000)\\/@,@DateTimeCulture@:@en-US@,"
                                   "@PageNumber@:3,@PageSize@:100}"));
}

static void list_of_everything_names_no_dates(void)
{
    struct buffer body = {0};
    request_list(&body, &account, 0, 0, 1);
    CHECK_TEXT(wire(&body), golden("{" AUTH ",@DateTimeCulture@:@en-US@,@PageNumber@:1,@PageSize@:100}"));
}

static void download_wants_separate_files(void)
{
    struct buffer body = {0};
    request_download(&body, &account, "4567890");
    CHECK_TEXT(wire(&body), golden("{" AUTH ",@TheSSLStoreOrderID@:@4567890@,@ReturnPKCS7Cert@:false,"
                                   "@DateTimeCulture@:@en-US@}"));
}

static void resend_names_one_domain_or_none(void)
{
    struct buffer body = {0};
    request_resend(&body, &account, "4567890", "www.example.org");
    CHECK_TEXT(wire(&body),
               golden("{" AUTH ",@TheSSLStoreOrderID@:@4567890@,@ResendEmailType@:@ApproverEmail@,"
                      "@DomainNames@:@www.example.org@}"));
    request_resend(&body, &account, "4567890", NULL);
    CHECK_TEXT(wire(&body),
               golden("{" AUTH ",@TheSSLStoreOrderID@:@4567890@,@ResendEmailType@:@ApproverEmail@}"));
}

/* ---- orders ---- */

static const struct product positivessl = {.code = "positivessl", .family = FAMILY_SECTIGO, .level = LEVEL_DV,
                                           .email = true, .file = true, .dns = true, .www_included = true};
static const struct product rapidssl = {
    .code = "digi_rapidssl", .family = FAMILY_DIGICERT, .level = LEVEL_DV};
static const struct product sectigomdc = {.code = "sectigomdc", .family = FAMILY_SECTIGO, .level = LEVEL_OV,
                                          .multi_domain = true, .organization = true};
static const struct product mdcwildcard = {.code = "positivemdcwildcard",
                                           .family = FAMILY_SECTIGO,
                                           .level = LEVEL_DV,
                                           .multi_domain = true,
                                           .wildcard = true};
static const struct product evssl = {.code = "sectigoevssl", .family = FAMILY_SECTIGO, .level = LEVEL_EV,
                                     .organization = true, .jurisdiction = true};
static const struct product truebizid_ev = {.code = "digi_truebizid_ev_flex", .family = FAMILY_DIGICERT,
                                            .level = LEVEL_EV, .flex = true, .multi_domain = true,
                                            .organization = true, .title = true};
static const struct product geotrust_flex = {.code = "digi_ssl_dv_geotrust_flex",
                                             .family = FAMILY_DIGICERT,
                                             .level = LEVEL_DV,
                                             .flex = true,
                                             .multi_domain = true,
                                             .wildcard = true};

static const char *street[] = {"Ring 1"};
static const struct organization example_ltd = {.name = "Example Ltd",
                                                .registration_number = "HRB 12345",
                                                .jurisdiction = {"Vienna", "Vienna", "AT"},
                                                .address = {.lines = {street, 1},
                                                            .city = "Vienna",
                                                            .region = "Vienna",
                                                            .postal_code = "1010",
                                                            .country = "AT"},
                                                .phone = "+43 1 5550100"};
static const struct contact petra = {.first_name = "Petra", .last_name = "Muster", .title = "Head of IT",
                                     .email = "petra@example.com", .phone = "+43 1 5550101"};

static const char *names[4];
static enum dcv_method methods[4];
static const char *approvers[4];

static struct order_request order_of(const struct product *product, size_t count)
{
    static const char *const all[] = {"www.example.org", "example.org", "shop.example.net", "*.example.net"};
    for (size_t i = 0; i < 4; i++) {
        names[i] = all[i];
        methods[i] = DCV_DNS;
        approvers[i] = NULL;
    }
    return (struct order_request){.custom_order_id = "cw1-abcdefghijklmnopqrstuvwxyz234567",
                                  .product = product,
                                  .term_months = 12,
                                  .server_count = 1,
                                  .csr = PEM,
                                  .common_name = names[0],
                                  .names = {names, count},
                                  .methods = methods,
                                  .approvers = approvers,
                                  .web_server_type = "Other",
                                  .special_instructions = "",
                                  .email_language = "EN",
                                  .unique_value = "k7Qm2Zt9Xb4Rw1Ls8VdN"};
}

static const char *ordered(const struct order_request *order)
{
    struct buffer body = {0};
    CHECK_OK(request_order(&body, &account, order, arena, &err), err);
    return wire(&body);
}

/* The text of one member of a body, as JSON. */
static const char *member(const char *body, const char *name)
{
    const char *key = arena_printf(arena, "\"%s\":", name), *at = strstr(body, key);
    CHECK(at != NULL);
    at += strlen(key);
    const char *end = *at == '"'   ? strchr(at + 1, '"') + 1
                      : *at == '[' ? strchr(at, ']') + 1
                                   : at + strcspn(at, ",}");
    return arena_strndup(arena, at, (size_t)(end - at));
}

static void a_domain_validated_order_is_written_whole(void)
{
    struct order_request order = order_of(&positivessl, 1);
    CHECK_TEXT(
        ordered(&order),
        golden(
            "{" AUTH ",@CustomOrderID@:@cw1-abcdefghijklmnopqrstuvwxyz234567@,@ProductCode@:@positivessl@,"
            "@TSSOrganizationId@:0,@ValidityPeriod@:12,@ServerCount@:1,"
            "@CSR@:@-----BEGIN CERTIFICATE REQUEST-----\\nMIIB+/8=\\n-----END CERTIFICATE REQUEST-----\\n@,"
            "@DomainName@:@www.example.org@,@WebServerType@:@Other@,@DNSNames@:[],@ReserveSANCount@:0,"
            "@WildcardReserveSANCount@:0,@isCUOrder@:false,@isRenewalOrder@:false,@isTrialOrder@:false,"
            "@RelatedTheSSLStoreOrderID@:@@,@SpecialInstructions@:@@,"
            "@AdminContact@:{@FirstName@:@@,@LastName@:@@,@Phone@:@@,@Fax@:@@,@Email@:@admin~example.org@,"
            "@Title@:@@,@OrganizationName@:@@,@AddressLine1@:@@,@AddressLine2@:@@,@City@:@@,@Region@:@@,"
            "@PostalCode@:@@,@Country@:@@},"
            "@TechnicalContact@:{@FirstName@:@@,@LastName@:@@,@Phone@:@@,@Fax@:@@,@Email@:@admin~example.org@"
            ","
            "@Title@:@@,@OrganizationName@:@@,@AddressLine1@:@@,@AddressLine2@:@@,@City@:@@,@Region@:@@,"
            "@PostalCode@:@@,@Country@:@@},"
            "@ApproverEmail@:@admin~example.org@,@FileAuthDVIndicator@:false,"
            "@HTTPSFileAuthDVIndicator@:false,@CNAMEAuthDVIndicator@:true,"
            "@SignatureHashAlgorithm@:@PREFER_SHA2@,@CertTransparencyIndicator@:true,@RenewalDays@:0,"
            "@AddInstallationSupport@:false,@EmailLanguageCode@:@EN@,@DateTimeCulture@:@en-US@,"
            "@CSRUniqueValue@:@k7Qm2Zt9Xb4Rw1Ls8VdN@}"));
}

static void an_order_with_organization_and_three_methods_is_written_whole(void)
{
    struct order_request order = order_of(&sectigomdc, 3);
    order.organization = &example_ltd;
    order.admin = &petra;
    order.server_count = 2;
    order.special_instructions = "call \"first\"";
    methods[1] = DCV_HTTP;
    methods[2] = DCV_EMAIL;
    approvers[2] = "hostmaster@example.net";
#define PETRA \
    "{@FirstName@:@Petra@,@LastName@:@Muster@,@Phone@:@+43 1 5550101@,@Fax@:@@,@Email@:@petra~example.com@," \
    "@Title@:@Head of IT@,@OrganizationName@:@Example Ltd@,@AddressLine1@:@Ring 1@,@AddressLine2@:@@," \
    "@City@:@Vienna@,@Region@:@Vienna@,@PostalCode@:@1010@,@Country@:@AT@}"
    CHECK_TEXT(
        ordered(&order),
        golden(
            "{" AUTH ",@CustomOrderID@:@cw1-abcdefghijklmnopqrstuvwxyz234567@,@ProductCode@:@sectigomdc@,"
            "@OrganizationInfo@:{@OrganizationName@:@Example Ltd@,@DUNS@:@@,@Division@:@@,"
            "@IncorporatingAgency@:@@,@RegistrationNumber@:@HRB 12345@,@JurisdictionCity@:@Vienna@,"
            "@JurisdictionRegion@:@Vienna@,@JurisdictionCountry@:@AT@,@AssumedName@:@@,"
            "@OrganizationAddress@:{@AddressLine1@:@Ring 1@,@AddressLine2@:@@,@AddressLine3@:@@,"
            "@City@:@Vienna@,@Region@:@Vienna@,@PostalCode@:@1010@,@Country@:@AT@,@Phone@:@+43 1 5550100@,"
            "@Fax@:@@,@LocalityName@:@Vienna@}},"
            "@TSSOrganizationId@:0,@ValidityPeriod@:12,@ServerCount@:2,"
            "@CSR@:@-----BEGIN CERTIFICATE REQUEST-----\\nMIIB+/8=\\n-----END CERTIFICATE REQUEST-----\\n@,"
            "@DomainName@:@www.example.org@,@WebServerType@:@Other@,"
            "@DNSNames@:[@example.org@,@shop.example.net@],@ReserveSANCount@:2,"
            "@WildcardReserveSANCount@:0,@isCUOrder@:false,@isRenewalOrder@:false,@isTrialOrder@:false,"
            "@RelatedTheSSLStoreOrderID@:@@,@SpecialInstructions@:@call \\@first\\@@,"
            "@AdminContact@:" PETRA ",@TechnicalContact@:" PETRA ","
            "@ApproverEmail@:@DNS,HTTP,hostmaster~example.net@,@FileAuthDVIndicator@:false,"
            "@HTTPSFileAuthDVIndicator@:false,@CNAMEAuthDVIndicator@:true,"
            "@SignatureHashAlgorithm@:@PREFER_SHA2@,@CertTransparencyIndicator@:true,@RenewalDays@:0,"
            "@AddInstallationSupport@:false,@EmailLanguageCode@:@EN@,@DateTimeCulture@:@en-US@,"
            "@CSRUniqueValue@:@k7Qm2Zt9Xb4Rw1Ls8VdN@}"));
}

static void the_indicator_follows_the_main_name(void)
{
    static const struct {
        enum dcv_method method;
        const char *file, *https, *cname, *approver;
    } cases[] = {
        {DCV_DNS, "false", "false", "true", "\"DNS,DNS,DNS\""},
        {DCV_HTTP, "true", "false", "false", "\"HTTP,HTTP,HTTP\""},
        {DCV_HTTPS, "false", "true", "false", "\"HTTPS,HTTPS,HTTPS\""},
        {DCV_EMAIL, "false", "false", "false", "\"admin@example.org,admin@example.org,admin@example.org\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct order_request order = order_of(&sectigomdc, 3);
        order.organization = &example_ltd;
        for (size_t n = 0; n < 3; n++) {
            methods[n] = cases[i].method;
            approvers[n] = "admin@example.org";
        }
        const char *body = ordered(&order);
        CHECK_TEXT(member(body, "FileAuthDVIndicator"), cases[i].file);
        CHECK_TEXT(member(body, "HTTPSFileAuthDVIndicator"), cases[i].https);
        CHECK_TEXT(member(body, "CNAMEAuthDVIndicator"), cases[i].cname);
        CHECK_TEXT(member(body, "ApproverEmail"), cases[i].approver);
    }
}

static void a_single_domain_product_gets_one_address(void)
{
    struct order_request order = order_of(&positivessl, 2); /* the twin is included and not listed */
    methods[0] = methods[1] = DCV_EMAIL;
    approvers[0] = "webmaster@www.example.org";
    approvers[1] = "webmaster@example.org";
    const char *body = ordered(&order);
    CHECK_TEXT(member(body, "ApproverEmail"), "\"webmaster@www.example.org\"");
    CHECK_TEXT(member(body, "DNSNames"), "[]");
    CHECK_TEXT(member(body, "ReserveSANCount"), "0");
}

static void the_digicert_family_has_its_own_ways(void)
{
    struct order_request order = order_of(&geotrust_flex, 4);
    const char *body = ordered(&order);
    CHECK_TEXT(member(body, "SignatureHashAlgorithm"), "\"sha256\"");
    CHECK(strstr(body, "CSRUniqueValue") == NULL);
    CHECK_TEXT(member(body, "ApproverEmail"), "\"DNS,DNS,DNS,DNS\"");
    CHECK_TEXT(member(body, "ReserveSANCount"), "2");
    CHECK_TEXT(member(body, "WildcardReserveSANCount"), "1");
    for (size_t i = 0; i < 4; i++) {
        methods[i] = DCV_EMAIL;
        approvers[i] = i < 2 ? "admin@example.org" : "admin@example.net";
    }
    CHECK_TEXT(member(ordered(&order), "ApproverEmail"), "\"admin@example.org\""); /* exactly one (8.3) */
    static const struct product old = {.code = "quicksslpremium", .family = FAMILY_DIGICERT};
    order = order_of(&old, 1);
    CHECK_TEXT(member(ordered(&order), "SignatureHashAlgorithm"), "\"SHA2-256\"");
    order = order_of(&rapidssl, 1);
    CHECK_TEXT(member(ordered(&order), "ApproverEmail"), "\"admin@example.org\"");
}

static void wildcards_of_other_products_are_names_like_any(void)
{
    struct order_request order = order_of(&mdcwildcard, 4);
    const char *body = ordered(&order);
    CHECK_TEXT(member(body, "DNSNames"), "[\"example.org\",\"shop.example.net\",\"*.example.net\"]");
    CHECK_TEXT(member(body, "ReserveSANCount"), "3");
    CHECK_TEXT(member(body, "WildcardReserveSANCount"), "0");
}

static void the_derived_address_is_of_the_registrable_domain(void)
{
    struct order_request order = order_of(&rapidssl, 1);
    names[0] = order.common_name = "*.a.b.example.co.uk";
    CHECK_TEXT(member(ordered(&order), "ApproverEmail"), "\"admin@example.co.uk\"");
}

static void one_contact_stands_for_both(void)
{
    struct order_request order = order_of(&positivessl, 1);
    order.technical = &petra;
    const char *body = ordered(&order), *first = strstr(body, "petra@example.com");
    CHECK(first != NULL && strstr(first + 1, "petra@example.com") != NULL);
    CHECK(first < strstr(body, "TechnicalContact"));
}

static void a_registered_organization_goes_by_number(void)
{
    struct organization known = {.vendor_organization_id = 4711};
    struct order_request order = order_of(&truebizid_ev, 2);
    order.organization = &known;
    order.admin = &petra;
    const char *body = ordered(&order);
    CHECK_TEXT(member(body, "TSSOrganizationId"), "4711");
    CHECK(strstr(body, "OrganizationInfo") == NULL);
}

static void the_request_is_encoded_as_the_issuer_says(void)
{
    struct order_request order = order_of(&positivessl, 1);
    account.csr_encoding = CSR_ONE_LINE;
    CHECK_TEXT(member(ordered(&order), "CSR"),
               "\"-----BEGIN CERTIFICATE REQUEST-----MIIB+/8=-----END CERTIFICATE REQUEST-----\"");
    account.csr_encoding = CSR_URL_ENCODED;
    CHECK_TEXT(member(ordered(&order), "CSR"), "\"-----BEGIN%20CERTIFICATE%20REQUEST-----%0AMIIB%2B%2F8%3D%"
                                               "0A-----END%20CERTIFICATE%20REQUEST-----%0A\"");
    account.csr_encoding = CSR_PEM;
}

static void needs(const struct order_request *order, const char *what)
{
    struct buffer body = {0};
    err = (struct error){0};
    CHECK(!request_order(&body, &account, order, arena, &err));
    buffer_release(&body);
    CHECK_INT(err.kind, ERROR_MANIFEST);
    if (strstr(err.message, what) == NULL)
        CHECK_TEXT(err.message, what);
}

static void what_a_product_needs_is_named(void)
{
    struct organization organization = example_ltd;
    struct contact admin = petra;
    struct order_request order = order_of(&evssl, 1);
    needs(&order, "organizationRef");
    order.organization = &organization;
    organization.jurisdiction.country = NULL;
    needs(&order, "jurisdiction");
    organization.phone = "";
    needs(&order, "phone");
    organization.address.postal_code = NULL;
    needs(&order, "postalCode");
    order = order_of(&truebizid_ev, 1);
    organization = example_ltd;
    order.organization = &organization;
    needs(&order, "firstName");
    order.admin = &admin;
    admin.title = NULL;
    needs(&order, "title");
    admin = petra;
    organization.address.city = "";
    needs(&order, "city");
}

static void methods_that_cannot_be_are_refused(void)
{
    struct order_request order = order_of(&geotrust_flex, 3);
    methods[2] = DCV_HTTP;
    needs(&order, "one validation method");
    order = order_of(&mdcwildcard, 4);
    methods[3] = DCV_HTTPS;
    needs(&order, "file");
    order = order_of(&mdcwildcard, 2);
    methods[1] = DCV_EMAIL;
    needs(&order, "approver");
    approvers[1] = "admin@example.org,admin@evil.example";
    needs(&order, "approver");
}

/* ---- marks ---- */

static void frozen_bytes_hold_no_secret_and_are_no_json(void)
{
    struct order_request order = order_of(&positivessl, 1);
    struct buffer one = {0}, two = {0};
    CHECK_OK(request_order(&one, &account, &order, arena, &err), err);
    CHECK_OK(request_order(&two, &account, &order, arena, &err), err);
    CHECK_TEXT(buffer_text(&one), buffer_text(&two)); /* the same order, the same bytes */
    CHECK(strstr(buffer_text(&one), "\"AuthToken\":" SSLSTORE_MARK_TOKEN) != NULL);
    struct json *document = json_parse(one.data, one.length, &err);
    bool parsed = document != NULL;
    json_destroy(document);
    buffer_release(&one);
    buffer_release(&two);
    CHECK(!parsed);
}

static void no_text_of_a_manifest_is_taken_for_a_mark(void)
{
    struct issuer_account hostile = account;
    hostile.partner_code = SSLSTORE_MARK_TOKEN; /* stands before the real one */
    struct order_request order = order_of(&positivessl, 1);
    order.special_instructions = "\\\"\\!auth-token\" " SSLSTORE_MARK_REPLAY " \"\\\\!auth-token\"";
    struct buffer body = {0};
    CHECK_OK(request_order(&body, &hostile, &order, arena, &err), err);
    const char *text = wire(&body), *at = strstr(text, "s3cr3t");
    CHECK(at != NULL && strstr(at + 1, "s3cr3t") == NULL);
    CHECK(strncmp(at - strlen("\"AuthToken\":\""), "\"AuthToken\":\"", strlen("\"AuthToken\":\"")) == 0);
}

static void a_token_is_escaped_like_any_text(void)
{
    struct buffer body = {0}, filled;
    AUTO(secret) struct secret *token = secret_create("a\"b\\c\x01", 6);
    request_validate(&body, &account);
    CHECK_OK(request_fill(buffer_text(&body), token, "r", &filled, &err), err);
    bool good =
        strstr(buffer_text(&filled), "\"AuthToken\":\"a\\\"b\\\\c\\u0001\"") != NULL && !filled.overflow;
    buffer_wipe(&filled);
    buffer_release(&body);
    CHECK(good);
}

static void bytes_without_marks_are_not_sent(void)
{
    struct buffer filled = {0};
    AUTO(secret) struct secret *token = secret_create("t", 1);
    CHECK(!request_fill("{\"AuthRequest\":{}}", token, "r", &filled, &err));
    CHECK_INT(err.kind, ERROR_INTERNAL);
}

int main(void)
{
    arena = arena_create();
    RUN(validate_is_flat);
    RUN(products_asks_for_all_that_is_sold);
    RUN(approvers_asks_for_one_domain);
    RUN(status_goes_by_number_when_there_is_one);
    RUN(status_goes_by_our_id_when_there_is_no_number);
    RUN(list_sends_dates_with_escaped_slashes);
    RUN(list_of_everything_names_no_dates);
    RUN(download_wants_separate_files);
    RUN(resend_names_one_domain_or_none);
    RUN(a_domain_validated_order_is_written_whole);
    RUN(an_order_with_organization_and_three_methods_is_written_whole);
    RUN(the_indicator_follows_the_main_name);
    RUN(a_single_domain_product_gets_one_address);
    RUN(the_digicert_family_has_its_own_ways);
    RUN(wildcards_of_other_products_are_names_like_any);
    RUN(the_derived_address_is_of_the_registrable_domain);
    RUN(one_contact_stands_for_both);
    RUN(a_registered_organization_goes_by_number);
    RUN(the_request_is_encoded_as_the_issuer_says);
    RUN(what_a_product_needs_is_named);
    RUN(methods_that_cannot_be_are_refused);
    RUN(frozen_bytes_hold_no_secret_and_are_no_json);
    RUN(no_text_of_a_manifest_is_taken_for_a_mark);
    RUN(a_token_is_escaped_like_any_text);
    RUN(bytes_without_marks_are_not_sent);
    arena_destroy(arena);
    return CHECK_REPORT();
}
