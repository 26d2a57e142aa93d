/* What an issuer must be able to do; one const table per kind of vendor. Results live in ctx->arena. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "reconcilers/context.h"
#include "schema/certificate.h"
#include "schema/issuer.h"
#include "schema/organization.h"

struct contact;
struct error;
struct product;
struct secret;

struct issuer_account { /* an Issuer with its endpoint and credentials at hand */
    const char *name;
    const char *url, *ca, *proxy; /* base URL with a slash at the end */
    bool sandbox;                 /* costs no money */
    const char *partner_code;
    struct secret *token;
    const char *token_place;      /* "secret sslstore/auth-token in /etc/certwright/secrets", for messages; NULL: unknown */
    enum csr_encoding csr_encoding;
    int requests_per_second; /* for the account's limiter; 0: none */
};
/* Read the credentials. Fails: MANIFEST (`issuer` is NULL, or names no partner), CREDENTIAL (secret missing: the message names the file to make), CONFIG (endpoint). The
 * token is released with issuer_account_close. */
bool issuer_account_open(struct context *ctx, const struct resource *issuer, struct issuer_account *out,
                         struct error *err);
void issuer_account_close(struct issuer_account *account);

struct price { /* one row of the vendor's price list; money in cents; -1: not stated */
    const char *product;
    int months, servers;
    int64_t price_cents, per_name_cents, per_wildcard_cents, per_server_cents;
    const char *currency;
    int min_names, max_names; /* names included in the price; largest total */
    bool can_be_reissued;
};
struct price_list {
    struct price *items;
    size_t count;
};
/* What an order costs by that list: base, additional names above those included, additional servers. -1: unknown. */
int64_t price_of(const struct price_list *prices, const char *product, int months, int servers, int plain_names,
                 int wildcard_names, const char **out_currency);

struct order_request { /* everything that goes into the frozen request */
    const char *custom_order_id;
    const struct product *product;
    int term_months, server_count;
    const char *csr; /* PEM with LF */
    const char *common_name;
    struct string_list names; /* all, common name first, then the order in which ApproverEmail lists them */
    const enum dcv_method *methods; /* one per name */
    const char *const *approvers;   /* one per name; NULL where the method is not Email */
    const char *web_server_type, *special_instructions, *email_language, *unique_value;
    const struct organization *organization; /* NULL: none */
    const struct contact *admin, *technical; /* NULL: none */
};

enum vendor_phase { /* MajorStatus, judged with the rest of the order object */
    VENDOR_UNKNOWN, /* a word we do not know: wait and report */
    VENDOR_INITIAL, /* bought, not configured */
    VENDOR_PENDING,
    VENDOR_ACTIVE,
    VENDOR_REISSUING, /* Active with PENDING_REISSUE */
    VENDOR_CANCELLED,
    VENDOR_EXPIRED,
};
struct vendor_challenge { /* one name's proof as the vendor wants it */
    const char *domain;
    const char *method; /* the vendor's word */
    bool validated;
    const char *status;
    const char *record_name, *record_value, *record_type; /* type by sslstore-api.md 11.3: "CNAME" or "TXT"; NULL: none */
    const char *file_name, *file_content; /* bare name; NULL: none */
};
struct vendor_order {
    const char *vendor_order_id, *custom_order_id, *partner_order_id, *ca_order_id;
    enum vendor_phase phase;
    const char *major_status, *minor_status, *notes; /* cleaned for showing */
    const char *product, *common_name;
    struct string_list names; /* lower case, common name first, no duplicates */
    int64_t purchased_at, subscription_ends_at, certificate_ends_at; /* 0: not stated */
    int term_months;
    int64_t amount_cents; /* -1: not stated */
    const char *currency;
    struct vendor_challenge *challenges;
    size_t challenge_count;
    const char *serial;
};
struct vendor_balance { /* what the account may spend */
    int64_t cents;         /* -1: not stated */
    bool credit;           /* orders beyond the balance are put on a bill */
    const char *plan;      /* the vendor's word; "" */
};
enum answer_class { ANSWER_NOT_SENT /* E0 */, ANSWER_ACCEPTED /* E1 */, ANSWER_REFUSED /* E2, still to be confirmed by a
                    look-up */, ANSWER_UNKNOWN /* E3 */ };

struct issuer_ops {
    const char *name;
    /* Credentials are accepted. Fails: CREDENTIAL, UNREACHABLE, MALFORMED, THROTTLED. */
    bool (*check)(struct context *ctx, const struct issuer_account *account, struct error *err);
    bool (*prices)(struct context *ctx, const struct issuer_account *account, struct price_list *out, struct error *err);
    /* Fails: as check. */
    bool (*balance)(struct context *ctx, const struct issuer_account *account, struct vendor_balance *out, struct error *err);
    bool (*approvers)(struct context *ctx, const struct issuer_account *account, const char *product, const char *domain,
                      struct string_list *out, struct error *err);
    /* The bytes to send with the token replaced by a mark; pure. Fails: MANIFEST (what the product needs and is missing). */
    bool (*order_freeze)(const struct order_request *request, const struct issuer_account *account, struct arena *arena,
                         struct buffer *out, struct error *err);
    /* Send the frozen bytes, at most once, not after `deadline_ms` (boot clock). `out` is filled for ACCEPTED, and as far
     * as anything could be read otherwise. `err` says why for all classes but ACCEPTED. `out_evidence`: one line for the
     * record, no secret. */
    enum answer_class (*order_place)(struct context *ctx, const struct issuer_account *account, const char *frozen,
                                     const char *custom_order_id, int64_t deadline_ms, struct vendor_order *out,
                                     const char **out_evidence, struct error *err);
    /* One order, by the vendor's number, else by our id. Fails: NOT_FOUND (a well-formed answer of the known kinds says so),
     * CREDENTIAL, UNREACHABLE, MALFORMED, THROTTLED. */
    bool (*order_status)(struct context *ctx, const struct issuer_account *account, const char *vendor_order_id,
                         const char *custom_order_id, struct vendor_order *out, struct error *err);
    /* Every order bought in [from, to] (0, 0: all), every page; a page that fails fails the whole. */
    bool (*order_list)(struct context *ctx, const struct issuer_account *account, int64_t from, int64_t to,
                       struct vendor_order **out, size_t *out_count, struct error *err);
    /* The texts of the files delivered, perhaps none yet (count 0 is success). */
    bool (*order_download)(struct context *ctx, const struct issuer_account *account, const char *vendor_order_id,
                           struct span **out, size_t *out_count, struct error *err);
    bool (*order_resend)(struct context *ctx, const struct issuer_account *account, const char *vendor_order_id,
                         const char *domain, struct error *err);
};
extern const struct issuer_ops issuer_sslstore;
