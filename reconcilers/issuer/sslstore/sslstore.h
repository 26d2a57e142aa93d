/* The SSL Store's REST API (reference: sslstore-api.md; numbers in comments are its sections). What the files
 * of this folder share: request.c writes bodies, answer.c and order.c read what comes back, errors.c knows
 * the vendor's texts, client.c sends. Only client.c touches the network; everything else is pure and can be
 * tested with bytes alone. */
#pragma once

#include "base/error.h"
#include "reconcilers/issuer/issuer.h"

struct buffer;
struct http_response;
struct json;

/* ---- errors.c: the vendor's codes and texts ---- */

struct sslstore_problem {
    int code;                 /* 0: any */
    const char *text;         /* lower case, part of the message; NULL: any */
    enum error_kind reading;  /* when we only asked */
    enum error_kind ordering; /* when we wanted to buy; the answer holds no order number */
    const char *hint;         /* what helps; NULL: nothing to add */
};
/* The first row that fits; never NULL. */
const struct sslstore_problem *sslstore_problem_find(int code, const char *message);
/* For the test that looks for gaps: NULL past the end. */
const struct sslstore_problem *sslstore_problem_at(size_t index);

/* ---- answer.c: the envelope (3) and plain values (4) ---- */

struct answer {
    struct json *document;
    const struct json *object; /* the answer, or the only element of an array; NULL: a list of none or many */
    const struct json *list;   /* NULL: not an array */
    bool said;                 /* isError was there */
    bool is_error;
    int code;                  /* from "ErrorCode:-9008|…"; 0: none */
    const char *message;       /* cleaned; "" */
    const char *replay_token;  /* the echo; "" */
};
/* Fails: MALFORMED (no JSON, a page, two members that differ only in case where it matters, contradicting
 * isError). */
bool answer_read(const char *text, size_t length, struct arena *arena, struct answer *out, struct error *err);
void answer_release(struct answer *answer);
/* Turn isError into an error of ours; always false. */
bool answer_raise(const struct answer *answer, bool ordering, struct error *err);

/* Members are found without regard to case; null, absent and a wrong type are all "not there". */
const char *sslstore_text(struct arena *arena, const struct json *object, const char *name); /* cleaned; "" */
const char *sslstore_raw(struct arena *arena, const struct json *object,
                         const char *name); /* as delivered; NULL */
int64_t sslstore_int(const struct json *object, const char *name, int64_t fallback);
bool sslstore_bool(const struct json *object, const char *name);
int64_t sslstore_cents(const struct json *value);           /* -1: not stated or unreadable */
int64_t sslstore_date(const char *text);                    /* Unix seconds; 0: none (4.7) */
int64_t sslstore_date_of(const struct json *object, const char *name); /* prefers <name>InUTC */

bool sslstore_read_prices(const struct answer *answer, struct arena *arena, struct price_list *out,
                          struct error *err);
/* The flat account object; its `isError` lies (3.3). Fails: MALFORMED, and what the vendor says. */
bool sslstore_read_balance(const struct answer *answer, struct arena *arena, struct vendor_balance *out,
                           struct error *err);
/* Only constructed addresses at an authorization domain of `domain` (7.7). */
void sslstore_read_approvers(const struct answer *answer, const char *domain, struct arena *arena,
                             struct string_list *out);
/* Fails: MALFORMED (files of another order, more than 64). */
bool sslstore_read_files(const struct answer *answer, const char *vendor_order_id, struct arena *arena,
                         struct span **out, size_t *out_count, struct error *err);

/* ---- order.c: the order object (9 – 11), and what the answer to an order means (reliability.md 4.3) ---- */

enum order_number {
    NUMBER_NONE,
    NUMBER_GOOD,
    NUMBER_ODD /* something is there, and it is no 1 to 19 digits */
};
enum order_number sslstore_order_number(const struct json *object);
void sslstore_read_order(const struct json *object, struct arena *arena, struct vendor_order *out);
/* `response` is complete; `replay_token` is what was sent. Never gives NOT_SENT. */
enum answer_class sslstore_classify(const struct http_response *response, const char *custom_order_id,
                                    const char *replay_token, struct arena *arena, struct vendor_order *out,
                                    const char **out_evidence, struct error *err);
/* The status line alone: true for 200. Fails: CREDENTIAL, THROTTLED, UNREACHABLE, MALFORMED. */
bool sslstore_http_status(const struct http_response *response, struct error *err);

/* ---- request.c: bodies ---- */

/* Two values stand in a body only at the moment of sending; until then a mark holds their place. A mark
 * begins a JSON string with an escape that JSON does not have. No text, whatever a manifest says, can produce
 * it: the writer puts a backslash in front of every quotation mark and doubles every backslash. For the same
 * reason a body with marks is no JSON, and would be refused if it were ever sent. */
#define SSLSTORE_MARK_TOKEN "\"\\!auth-token\""
#define SSLSTORE_MARK_REPLAY "\"\\!replay-token\""

void request_validate(struct buffer *out, const struct issuer_account *account);
void request_balance(struct buffer *out, const struct issuer_account *account);
void request_products(struct buffer *out, const struct issuer_account *account);
void request_approvers(struct buffer *out, const struct issuer_account *account, const char *product,
                       const char *domain);
void request_status(struct buffer *out, const struct issuer_account *account, const char *vendor_order_id,
                    const char *custom_order_id);
void request_list(struct buffer *out, const struct issuer_account *account, int64_t from, int64_t to,
                  int page);
void request_download(struct buffer *out, const struct issuer_account *account, const char *vendor_order_id);
void request_resend(struct buffer *out, const struct issuer_account *account, const char *vendor_order_id,
                    const char *domain);
/* Fails: MANIFEST (what the product needs and is missing). */
bool request_order(struct buffer *out, const struct issuer_account *account,
                   const struct order_request *order, struct arena *arena, struct error *err);
/* Put the two values in. `out` is to be wiped; nothing of it lies elsewhere. Fails: INTERNAL (marks missing).
 */
bool request_fill(const char *frozen, const struct secret *token, const char *replay_token,
                  struct buffer *out, struct error *err);
enum { SSLSTORE_PAGE_SIZE = 100 };
