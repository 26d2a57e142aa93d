#include "schema/issuer.h"

#include "schema/kinds.h"

static const char *const encoding_words[] = {
    [CSR_PEM] = "PEM", [CSR_ONE_LINE] = "OneLine", [CSR_URL_ENCODED] = "URLEncoded", NULL};

static const struct field sslstore_fields[] = {
    {.name = "environment", .type = FIELD_STRING, AT(issuer, sslstore.environment), .fallback = "Live",
     .pattern = "^[A-Za-z0-9][-A-Za-z0-9_.]{0,62}$", .example = "Sandbox",
     .doc = "Live, EU or Sandbox of the vendor, or a name from `endpoints` in the operator's file."},
    {.name = "partnerCode", .type = FIELD_STRING, AT(issuer, sslstore.partner_code), .required = true, .max = 64,
     .pattern = field_word_pattern, .example = "\"10012345\"",
     .doc = "The account's partner code; written in quotes, since it is digits."},
    {.name = "authTokenSecretRef", .type = FIELD_SECRET, AT(issuer, sslstore.auth_token_secret_ref), .required = true,
     .example = "{name: sslstore, key: auth-token}", .doc = "Where the account's authentication token lies."},
    {.name = "csrEncoding", .type = FIELD_ENUM, AT(issuer, sslstore.csr_encoding), .words = encoding_words,
     .fallback = "PEM", .doc = "How certificate signing requests are written in orders."},
};
static const struct field_table sslstore_table = {
    .name = "sslstore", .doc = "An account at The SSL Store.", FIELDS(sslstore_fields)};

static const struct field limits_fields[] = {
    {.name = "ordersPerDay", .type = FIELD_INT, AT(issuer, limits.orders_per_day), .max = 100000, .example = "20",
     .doc = "No more purchases than this in a day; without it, or with 0, only the operator's ceilings hold."},
    {.name = "concurrency", .type = FIELD_INT, AT(issuer, limits.concurrency), .max = 64, .example = "4",
     .doc = "No more requests than this at a time; the operator's limit unless given."},
};
static const struct field_table limits_table = {
    .name = "limits", .doc = "Ceilings of this account, below the operator's.", FIELDS(limits_fields)};

static const struct field issuer_fields[] = {
    {.name = "enabled", .type = FIELD_BOOL, AT(issuer, enabled), .fallback = "true",
     .doc = "false: nothing is ordered from this account, and nothing is asked of it."},
    {.name = "sslstore", .type = FIELD_OBJECT, .table = &sslstore_table, .doc = "An account at The SSL Store."},
    {.name = "limits", .type = FIELD_OBJECT, .table = &limits_table,
     .doc = "Ceilings of this account, below the operator's."},
};
const struct field_table issuer_table = {
    .name = "Issuer",
    .doc = "An account at a vendor, from which certificates are bought.",
    .size = sizeof(struct issuer),
    FIELDS(issuer_fields),
    .one_of = WORDS("sslstore"),
};
