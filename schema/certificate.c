#include "schema/certificate.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/names.h"
#include "schema/catalogue.h"
#include "schema/kinds.h"
#include "schema/yaml.h"

static const char *const method_words[] = {
    [DCV_UNSET] = "",      [DCV_DNS] = "DNS",     [DCV_HTTP] = "HTTP",
    [DCV_HTTPS] = "HTTPS", [DCV_EMAIL] = "Email", [DCV_METHOD_COUNT] = NULL,
};
static const char *const algorithm_words[] = {[KEY_RSA] = "RSA", [KEY_ECDSA] = "ECDSA", NULL};
static const char *const rotation_words[] = {[ROTATION_ALWAYS] = "Always", [ROTATION_NEVER] = "Never", NULL};
static const char *const deletion_words[] = {[DELETION_ORPHAN] = "Orphan", NULL};
static_assert(COUNT_OF(method_words) == DCV_METHOD_COUNT + 1, "method without a word");

/* ---- forms ---- */

static const char *product_code(struct arena *arena, const char *text, const char **out_reason)
{
    (void)out_reason; /* codes we do not know are the rules' to judge: they know the nearest one */
    const char *lower = text_lower(arena, text);
    const struct product *product;
    for (size_t i = 0; (product = product_at(i)) != NULL; i++)
        if (strcmp(product->code, lower) == 0)
            return product->code; /* as nearly always */
    product = product_find(lower, NULL);
    return product != NULL ? product->code : lower;
}

/* ---- order ---- */

static const struct field order_fields[] = {
    {.name = "product", .type = FIELD_STRING, AT(certificate, order.product), .required = true, .max = 60,
     .pattern = field_word_pattern, .canonical = product_code, .example = "positivessl",
     .doc = "The vendor's product code, which decides brand, validation level and how many names fit."},
    {.name = "term", .type = FIELD_TERM, AT(certificate, order.term_months), .fallback = "12mo", .min = 1, .max = 72,
     .example = "12mo",
     .doc = "What is bought, in months or years. The life of each certificate in it follows the rules of the day."},
    {.name = "serverCount", .type = FIELD_INT, AT(certificate, order.server_count), .fallback = "1", .min = -1,
     .max = 9999, .doc = "How many servers the licence covers; -1 for any number."},
    {.name = "webServerType", .type = FIELD_STRING, AT(certificate, order.web_server_type), .fallback = "Other",
     .max = 60, .example = "Nginx", .doc = "The vendor's word for the server software; it changes nothing here."},
    {.name = "specialInstructions", .type = FIELD_STRING, AT(certificate, order.special_instructions),
     .fallback = "", .max = 1000, .lines = true, .example = "Please call before noon.",
     .doc = "A note to the vendor's staff, sent with the order."},
    {.name = "emailLanguage", .type = FIELD_STRING, AT(certificate, order.email_language), .fallback = "EN",
     .pattern = "^[A-Z]{2}(-[A-Z]{2})?$", .example = "EN", .doc = "The language of the vendor's e-mails."},
};
static void finish_order(void *out, const struct field_scope *scope)
{
    const struct yaml_node *count = yaml_member(scope->node, "serverCount");
    if (count != NULL && ((struct certificate *)out)->order.server_count == 0 && yaml_scalar_type(count) == YAML_INT)
        field_problem(scope, "serverCount", SEVERITY_ERROR, "out-of-range",
                      "is 0; at least 1 is due, or -1 for any number");
}
static const struct field_table order_table = {
    .name = "order", .doc = "What is bought from the vendor.", FIELDS(order_fields), .finish = finish_order};

/* ---- key ---- */

static const struct field key_fields[] = {
    {.name = "algorithm", .type = FIELD_ENUM, AT(certificate, private_key.algorithm), .words = algorithm_words,
     .fallback = "RSA", NOT_WITH("secretRef"), .doc = "The kind of key that is made."},
    {.name = "size", .type = FIELD_INT, AT(certificate, private_key.size), .min = 256, .max = 4096,
     NOT_WITH("secretRef"), .example = "2048",
     .doc = "RSA: 2048, 3072 or 4096, 2048 unless given. ECDSA: 256 or 384, 256 unless given."},
    {.name = "rotationPolicy", .type = FIELD_ENUM, AT(certificate, private_key.rotation_policy),
     .words = rotation_words, .fallback = "Always", NOT_WITH("secretRef"),
     .doc = "Always: every purchase gets a fresh key. Never: the present key is used again where the vendor allows."},
    {.name = "secretRef", .type = FIELD_SECRET, AT(certificate, private_key.secret_ref),
     .doc = "A key brought along, PEM, instead of one made here."},
};
static void finish_key(void *out, const struct field_scope *scope)
{
    static const int sizes[][3] = {[KEY_RSA] = {2048, 3072, 4096}, [KEY_ECDSA] = {256, 384, 384}};
    struct certificate *certificate = out;
    const int *allowed = sizes[certificate->private_key.algorithm];
    int size = certificate->private_key.size;
    if (certificate->private_key.secret_ref.name != NULL || scope->failed)
        return; /* a key that is brought has the size it has */
    if (size == 0)
        certificate->private_key.size = allowed[0];
    else if (size != allowed[0] && size != allowed[1] && size != allowed[2])
        field_problem(scope, "size", SEVERITY_ERROR, "key-size", "is %d; %s", size,
                      certificate->private_key.algorithm == KEY_RSA ? "an RSA key has 2048, 3072 or 4096 bits"
                                                                    : "an ECDSA key has 256 or 384 bits");
}
static const struct field_table key_table = {
    .name = "privateKey", .doc = "The key of the certificate: made here, or brought.", FIELDS(key_fields),
    .finish = finish_key};

/* ---- validation ---- */

static const struct field dcv_dns_fields[] = {
    {.name = "accountRef", .type = FIELD_REFERENCE, AT(dcv_settings, dns.account_ref), .refers_to = KIND_DNS_ACCOUNT,
     .doc = "The DNSAccount in which the record is made; without it, the one whose zones fit the name best."},
    {.name = "manual", .type = FIELD_BOOL, AT(dcv_settings, dns.manual),
     .doc = "true: show the record, wait until a person has made it, and verify it."},
};
static const struct field_table dcv_dns_table = {
    .name = "dns", .doc = "Validation by a DNS record.", FIELDS(dcv_dns_fields)};
static const struct field dcv_http_fields[] = {
    {.name = "manual", .type = FIELD_BOOL, AT(dcv_settings, http.manual),
     .doc = "true: show the file, wait until a person has placed it, and verify it."},
};
static const struct field_table dcv_http_table = {
    .name = "http", .doc = "Validation by a file on the web server.", FIELDS(dcv_http_fields)};
static const struct field dcv_email_fields[] = {
    {.name = "approver", .type = FIELD_STRING, AT(dcv_settings, email.approver), .max = 254, .canonical = kind_email,
     .example = "admin@example.com",
     .doc = "Who gets the vendor's question: admin, administrator, webmaster, hostmaster or postmaster at the name or a "
            "parent of it. admin@<registrable domain> unless given."},
};
static const struct field_table dcv_email_table = {
    .name = "email", .doc = "Validation by an e-mail that somebody answers.", FIELDS(dcv_email_fields)};

#define METHOD_DOC \
    "How it is proven that the names are yours: DNS by a record, HTTP and HTTPS by a file on the web server, Email by a " \
    "link in a message."
#define DCV_SETTINGS(settings_offset) \
    {.name = "dns", .type = FIELD_OBJECT, .offset = (settings_offset), .table = &dcv_dns_table, \
     .doc = "Settings for method DNS."}, \
    {.name = "http", .type = FIELD_OBJECT, .offset = (settings_offset), .table = &dcv_http_table, \
     .doc = "Settings for methods HTTP and HTTPS."}, \
    {.name = "email", .type = FIELD_OBJECT, .offset = (settings_offset), .table = &dcv_email_table, \
     .doc = "Settings for method Email."}

static const struct field override_fields[] = {
    {.name = "dnsNames", .type = FIELD_STRING_LIST, AT(dcv_override, dns_names), .required = true, .set = true,
     .min = 1, .max = 250, .canonical = name_canonical, .example = "shop.example.com",
     .doc = "The names these settings are for; each is among the certificate's names."},
    {.name = "method", .type = FIELD_ENUM, AT(dcv_override, settings.method), .words = method_words, .required = true,
     .doc = METHOD_DOC},
    DCV_SETTINGS(offsetof(struct dcv_override, settings)),
};
static void finish_dcv_settings(const struct dcv_settings *settings, const struct field_scope *scope)
{
    if (settings->dns.manual && settings->dns.account_ref.name != NULL)
        field_problem(scope, "dns.manual", SEVERITY_ERROR, "not-together",
                      "is true beside accountRef; the record is made by a person or in an account, not both");
}
static void finish_override(void *out, const struct field_scope *scope)
{
    struct dcv_override *override = out;
    if (scope->node != NULL)
        override->position = yaml_position(scope->node);
    finish_dcv_settings(&override->settings, scope);
}
static const struct field_table override_table = {
    .name = "override", .doc = "Other settings for some of the names.", .size = sizeof(struct dcv_override),
    FIELDS(override_fields), .finish = finish_override};

static const struct field dcv_fields[] = {
    {.name = "method", .type = FIELD_ENUM, AT(certificate, dcv.settings.method), .words = method_words,
     .fallback = "DNS", .doc = METHOD_DOC},
    DCV_SETTINGS(offsetof(struct certificate, dcv.settings)),
    {.name = "overrides", .type = FIELD_OBJECTS, AT_LIST(certificate, dcv.overrides, dcv.override_count), .set = true,
     .max = 250, .table = &override_table, .doc = "Other settings for some of the names, where the vendor can mix them."},
};
static void finish_dcv(void *out, const struct field_scope *scope)
{
    struct certificate *certificate = out;
    finish_dcv_settings(&certificate->dcv.settings, scope);
}
static const struct field_table dcv_table = {
    .name = "dcv", .doc = "Domain control validation: how it is proven that the names are yours.",
    FIELDS(dcv_fields), .finish = finish_dcv};

/* ---- targets ---- */

static const struct field selector_fields[] = {
    {.name = "matchLabels", .type = FIELD_LABELS, AT(certificate, target_selector), .required = true, .min = 1, .max = 64,
     .example = "edge", .doc = "Labels that a DeployTarget must all have."},
};
static const struct field_table selector_table = {
    .name = "targetSelector", .doc = "DeployTargets by their labels.", FIELDS(selector_fields)};

/* ---- spec ---- */

static const struct field certificate_fields[] = {
    {.name = "commonName", .type = FIELD_STRING, AT(certificate, common_name), .canonical = name_canonical, .max = 64,
     .example = "shop.example.com",
     .doc = "The name in the certificate's subject, with at most 64 characters in its xn-- form; the first of dnsNames "
            "unless given. It is added to dnsNames when it is missing there."},
    {.name = "dnsNames", .type = FIELD_STRING_LIST, AT(certificate, dns_names), .set = true, .min = 1, .max = 250,
     .canonical = name_canonical, .example = "shop.example.com",
     .doc = "The DNS names to cover, wildcards such as *.example.com among them. Order, case, a trailing dot and the "
            "spelling of international names make no difference."},
    {.name = "issuerRef", .type = FIELD_REFERENCE, AT(certificate, issuer_ref), .refers_to = KIND_ISSUER,
     .doc = "The Issuer to buy from; the only one there is unless given."},
    {.name = "order", .type = FIELD_OBJECT, .table = &order_table, .required = true,
     .example = "{product: positivessl}", .doc = "What is bought from the vendor."},
    {.name = "organizationRef", .type = FIELD_REFERENCE, AT(certificate, organization_ref),
     .refers_to = KIND_ORGANIZATION, .doc = "The Organization named in the certificate: for OV and EV products."},
    {.name = "adminContactRef", .type = FIELD_REFERENCE, AT(certificate, admin_contact_ref), .refers_to = KIND_CONTACT,
     .doc = "The Contact who answers for the order."},
    {.name = "technicalContactRef", .type = FIELD_REFERENCE, AT(certificate, technical_contact_ref),
     .refers_to = KIND_CONTACT, .doc = "The Contact for technical questions; the administrative one unless given."},
    {.name = "privateKey", .type = FIELD_OBJECT, .table = &key_table, NOT_WITH("csr", "csrSecretRef"),
     .doc = "The key: made here with each purchase, or brought."},
    {.name = "csr", .type = FIELD_STRING, AT(certificate, csr), .lines = true, .max = 16384,
     NOT_WITH("csrSecretRef"), .pattern = "-----BEGIN (NEW )?CERTIFICATE REQUEST-----",
     .doc = "A certificate signing request brought along, PEM; its key stays where it is."},
    {.name = "csrSecretRef", .type = FIELD_SECRET, AT(certificate, csr_secret_ref),
     .doc = "A certificate signing request brought along as a secret, PEM."},
    {.name = "dcv", .type = FIELD_OBJECT, .table = &dcv_table,
     .doc = "Domain control validation: how it is proven that the names are yours."},
    {.name = "renewBefore", .type = FIELD_DURATION_S, AT(certificate, renew_before_s), .min = 3600, .max = 398 * 86400,
     NOT_WITH("renewBeforePercentage"), .example = "30d",
     .doc = "How long before its end a certificate is renewed; one third of its life unless given."},
    {.name = "renewBeforePercentage", .type = FIELD_INT, AT(certificate, renew_before_percentage), .min = 1, .max = 99,
     .example = "33", .doc = "The same as a share of the certificate's life."},
    {.name = "targets", .type = FIELD_REFERENCES, AT(certificate, targets), .set = true, .max = 250,
     .refers_to = KIND_DEPLOY_TARGET, .doc = "The DeployTargets that serve the certificate."},
    {.name = "targetSelector", .type = FIELD_OBJECT, .table = &selector_table,
     .doc = "More DeployTargets, chosen by their labels."},
    {.name = "deletionPolicy", .type = FIELD_ENUM, AT(certificate, deletion_policy), .words = deletion_words,
     .fallback = "Orphan",
     .doc = "What happens when the manifest goes. Orphan: certificate, files and order are left as they are."},
    {.name = "suspend", .type = FIELD_BOOL, AT(certificate, suspend), .fallback = "false",
     .doc = "true: nothing is done for this certificate until it is false again."},
};

static void finish_certificate(void *out, const struct field_scope *scope)
{
    struct certificate *certificate = out;
    struct string_list *names = &certificate->dns_names;
    if (certificate->common_name != NULL && !string_list_contains(names, certificate->common_name)) {
        const char **all = arena_array(scope->arena, names->count + 1, sizeof *all);
        all[0] = certificate->common_name;
        if (names->count > 0)
            memcpy(all + 1, names->items, names->count * sizeof *all);
        *names = (struct string_list){all, names->count + 1};
    }
}

const struct field_table certificate_table = {
    .name = "Certificate",
    .doc = "A TLS certificate: which names, from whom, how proven, and where it is served.",
    .size = sizeof(struct certificate),
    FIELDS(certificate_fields),
    .any_of = WORDS("commonName", "dnsNames"),
    .finish = finish_certificate,
};

/* ---- reading it ---- */

const char *certificate_main_name(const struct certificate *certificate)
{
    if (certificate->common_name != NULL)
        return certificate->common_name;
    return certificate->dns_names.count > 0 ? certificate->dns_names.items[0] : "";
}

const struct dcv_settings *certificate_dcv(const struct certificate *certificate, const char *name)
{
    for (size_t i = 0; i < certificate->dcv.override_count; i++)
        if (string_list_contains(&certificate->dcv.overrides[i].dns_names, name))
            return &certificate->dcv.overrides[i].settings;
    return &certificate->dcv.settings;
}

const char *dcv_method_name(enum dcv_method method)
{
    return method > DCV_UNSET && method < DCV_METHOD_COUNT ? method_words[method] : "?";
}
