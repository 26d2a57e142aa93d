/* certwright-sandbox: The SSL Store's API, offline. One loop thread owns all that is in here; only the
 * workers of validate.c run beside it, on copies of their own.
 *
 * It is written from the description of the vendor's API alone and shares no message code with the client
 * that it judges: cJSON, OpenSSL, libcurl and ldns are called directly. Section numbers in comments are
 * those of that description. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/text.h"

struct arena;
struct error;
struct event;
struct event_base;
struct http_exchange;
struct http_server;
struct authority;
struct validator;
struct late;
struct faults;

/* ---- products (catalogue.c): real codes, invented prices ------------------------------------- */

enum level { LEVEL_DV, LEVEL_OV, LEVEL_EV };
enum product_flag {
    WILDCARD = 1, /* takes wildcard names */
    MULTI = 2,    /* takes further names */
    FLEX = 4,     /* section 15.2: plain and wildcard names under one code */
    TWIN = 8,     /* the www. twin of the common name is included */
    LEGACY = 16   /* left out with IsForceNewSKUs */
};
struct product {
    const char *code, *name, *brand; /* brand: Sectigo, DigiCert, GeoTrust, Thawte, RapidSSL */
    enum level level;
    unsigned flags;
    int price_cents; /* for 12 months, one server */
    int san_cents, wildcard_san_cents;
    int included_sans, max_sans;
};
const struct product *product_find(const char *code);   /* any case; NULL: none */
const struct product *product_at(size_t index);         /* NULL: past the end */
bool product_is_sectigo(const struct product *product); /* hash of the CSR; else DigiCert's random value */
const int *product_months(const struct product *product, size_t *out_count);
bool product_sells_months(const struct product *product, int months);
int product_price_cents(const struct product *product, int months);

/* ---- orders (order.c) ------------------------------------------------------------------------ */

enum method { METHOD_EMAIL, METHOD_HTTP, METHOD_HTTPS, METHOD_CNAME, METHOD_TXT };
struct proof {          /* one name and how its control is shown */
    const char *domain; /* as ordered, with its "*." */
    enum method method;
    const char *approver, *mail_token; /* e-mail */
    const char *file_name, *file_content;
    const char *record_name, *record_data;
    bool done, running;
    int64_t last_poll;   /* sandbox time */
    const char *problem; /* of the last attempt; "" */
};

/* What a purchase or a reissue asks for, checked (request.c). */
struct wish {
    const struct product *product;
    const char *custom_id, *csr_pem, *csr_sha256, *csr_md5, *unique_value, *common_name;
    struct string_list more_names; /* without the common name */
    int months, server_count, san_count, wildcard_san_count;
    int64_t amount_cents;
    const char *admin, *technical, *organization; /* JSON text; "null" */
    const char *approver_email, *web_server, *hash, *requestor;
    struct proof *proofs;
    size_t proof_count;
    bool twin; /* add the www. twin to the certificate */
};

struct order {
    int64_t id, partner_id, vendor_id;
    const struct product *product;
    const char *custom_id, *token_id, *token_code;
    const char *major, *minor; /* Initial Pending Active Cancelled; read with order_major() */
    bool tiny, tiny_claimed, seeded;
    int64_t purchased_at, expires_at, changed_at; /* sandbox time, seconds */
    int months, server_count, san_count, wildcard_san_count;
    int64_t amount_cents;
    const char *common_name;
    struct string_list more_names;
    const char *csr_pem, *csr_sha256, *csr_md5, *unique_value;
    const char *admin, *technical, *organization, *approver_email, *web_server, *hash;
    struct proof *proofs;
    size_t proof_count;
    bool twin;
    int round;                         /* grows with each reissue; answers of workers carry it */
    bool wants_issue;                  /* a certificate is due: first issue or reissue */
    int64_t vetted_at_ms, issue_at_ms; /* sandbox time; 0: not yet known */
    const char *leaf_pem, *serial;     /* the current certificate; NULL: none */
    int64_t not_before, not_after;
    const char *refund_id;
    bool refund_approved, revoked;
    /* not kept over a restart */
    int64_t next_attempt_ms, last_attempt_ms; /* real time */
    int attempts;
    bool queued; /* in the list of the pending */
};

struct ledger_sum {
    int64_t count, cents;
};

/* ---- the whole ------------------------------------------------------------------------------- */

struct settings {
    int64_t issue_delay_ms, vetting_delay_ms; /* sandbox time */
    int64_t api_delay_ms;                     /* real time, before every answer of the API */
    double fail_rate;
    uint64_t seed;
    bool reuse_validations; /* section 11.4 */
    bool unknown_is_empty;  /* order/status of an unknown order: success without a number */
    bool refunds_wait;      /* refunds are not approved at once */
    int64_t balance_cents;  /* what the account holds, before anything was bought; negative: not stated, and not looked at */
    bool credit;            /* orders beyond it go on a bill */
    int64_t date_offset_s;  /* by which the Date of the answers is wrong */
};

struct options {
    const char *address, *control_address, *directory, *partner_code, *token_file, *maildir, *smtp,
        *clock_file;
    const char *ports_file;
    int port, control_port;
    bool rsa_authority;
    struct string_list resolve, nameservers; /* "name:port=address:port", "zone=address:port" */
};

struct request_record {
    int64_t sequence, at_ms;
    int64_t arrived_us; /* by the real clock: how long a file took to become a request */
    const char *path; /* a static or counted name */
    char *custom_id, *order_id;
    int status; /* 0: nothing was answered */
    bool is_error;
    char *fault;
    cJSON *body; /* without secrets */
};
enum { REQUESTS_KEPT = 2000, PATHS_COUNTED = 64 };

struct sandbox {
    struct options options;
    struct settings settings;
    struct event_base *base;
    struct http_server *api, *control;
    struct arena *arena;   /* what orders point to; lives as long as the program */
    struct arena *scratch; /* of the request at hand */
    char *auth_token, *url, *control_url;
    struct authority *authority;
    struct validator *validator;
    struct faults *faults;
    struct event *tick;
    struct order **orders; /* by number, from FIRST_ORDER */
    size_t order_count;
    struct order **pending;
    size_t pending_count;
    struct late *late; /* requests whose effect is still to come */
    struct text_map *by_custom, *by_csr, *by_mail, *validated;
    int orders_fd, ledger_fd, directory_fd;
    struct ledger_sum ledger;
    cJSON *ledger_entries;
    struct request_record requests[REQUESTS_KEPT];
    int64_t request_count;
    struct {
        const char *path;
        int64_t calls, errors;
    } counts[PATHS_COUNTED];
    int64_t next_partner, next_vendor;
};
enum { FIRST_ORDER = 4567890 };

/* A map from text to one pointer or the newest of them (text_map.c). Keys are not copied. */
struct text_map *text_map_create(void);
void text_map_destroy(struct text_map *map);
void *text_map_get(const struct text_map *map, const char *key);
void text_map_put(struct text_map *map, const char *key, void *value);
