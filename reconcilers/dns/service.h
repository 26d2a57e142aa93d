/* What the DNS services spoken to over HTTP have in common: an account opened with its credentials, one
 * request with one answer, failures turned into our kinds by a table per service, names, values, and a small
 * memory of zones and tokens. Nothing here waits or tries again. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/http.h"
#include "base/text.h"
#include "reconcilers/context.h"
#include "reconcilers/dns/dns.h"
#include "schema/dns_account.h"

struct error;
struct json;
struct secret;

/* A failure as a service tells it. The first row that fits counts; without one the status decides. */
struct service_fault {
    int status;         /* 0: any */
    const char *code;   /* the service's own; NULL: any */
    const char *words;  /* found in its message; NULL: any */
    enum error_kind kind;
    const char
        *advice; /* what a person can do about it, before the service's own words; NULL: nothing to add */
    int wait_s;         /* THROTTLED without a time named by the service; 0: our own backoff */
};

struct service_answer {
    int status;
    const char *body;
    size_t length;
    int64_t retry_after_s; /* 0: none named */
    int64_t date;          /* of the Date header; 0: none */
    const char *code, *words; /* of a failure; "" unless told */
    struct json *json;        /* the body, when it is JSON */
};
static inline bool service_succeeded(const struct service_answer *answer)
{
    return answer->status >= 200 && answer->status < 300;
}
void service_answer_release(struct service_answer *answer); /* for AUTO(service_answer) */

struct service {
    const char *label;    /* "Cloudflare" */
    const char *endpoint; /* the entry of the operator's `endpoints` that leads elsewhere (tests) */
    const char *url;      /* the service's own; may be replaced on opening (other clouds) */
    const struct service_fault *faults;
    size_t fault_count;
    /* Fill in code and words (and retry_after_s where the body names it) of a failure. */
    void (*read_failure)(struct service_answer *answer, struct arena *arena);
};

enum { SERVICE_SECRETS = 4 };
/* One account, opened for one operation. */
struct service_session {
    struct context *ctx;
    const struct resource *account;
    const struct service *service;
    const char *url;  /* without a slash at the end */
    const char *host; /* of it, as the Host header says */
    const char *ca, *proxy;
    const char *key;  /* tells accounts and their credentials apart in the memory; holds no secret */
    int64_t timeout_ms; /* of one request; 0: 30 s */
    struct secret *secrets[SERVICE_SECRETS];
    size_t secret_count;
};
void service_session_release(struct service_session *session); /* for AUTO(service_session) */
/* `url` NULL: the service's own. */
void service_open(struct context *ctx, const struct resource *account, const struct service *service,
                  const char *url, struct service_session *out);
/* The secret, kept by the session; NULL: it cannot be read, or cannot be one. `what`: "the API token".
 * Fails: CREDENTIAL, CONFIG. */
const struct secret *service_secret(struct service_session *session, const struct secret_ref *ref,
                                    const char *what, struct error *err);
/* More that tells the account from others ("the access key ID"). */
void service_identify(struct service_session *session, const char *text);

struct service_request {
    const char *method;
    const char *path; /* with its query; begins with a slash */
    const struct http_header *headers;
    size_t header_count;
    const void *body;
    size_t body_length;
    const char *doing; /* for the log and for errors: "listing the records at _x.example.com" */
    bool once;         /* a fresh connection: what must not be repeated beneath us */
};
/* True with a whole answer, whatever its status; credentials in it are masked, JSON is read, code and words
 * of a failure are filled in. Fails: UNREACHABLE, MALFORMED, CREDENTIAL (control characters), CONFIG. */
bool service_ask(struct service_session *session, const struct service_request *request,
                 struct service_answer *out, struct error *err);
/* Overwrite the session's credentials in what came back. */
void service_mask(const struct service_session *session, char *text, size_t length);
/* Turn an answer into an error. Refused credentials make us forget zones and tokens of the account. Always false. */
bool service_fail(const struct service_session *session, const struct service_request *request,
                  const struct service_answer *answer, struct error *err);
/* Put service and account in front. Always false. */
bool service_blame(const struct service_session *session, const struct service_request *request,
                   struct error *err);
/* An answer that cannot be understood. Always false. */
bool service_puzzled(const struct service_session *session, const struct service_request *request,
                     const char *why, struct error *err);
/* The row of the table for a failure, or one made from the status: pure. */
struct service_fault service_judge(const struct service *service, int status, const char *code,
                                   const char *words);

/* ---- names and values ---- */

/* Percent-encoded, for queries, forms and path segments. */
char *service_encode(struct arena *arena, const char *text);
/* `name` below `zone`: "_x.www", or `apex` for the zone's own name. Lower case. */
const char *service_relative(struct arena *arena, const char *name, const char *zone, const char *apex);
/* Equal as DNS names: case and a trailing dot do not count. */
bool service_same_name(const char *a, const char *b);
const char *service_without_dot(struct arena *arena, const char *name);
/* The text of a TXT value in presentation form: quotes off, strings joined, escapes undone (three digits to
 * the base given, 8 or 10). What does not begin with a quote is returned as it is. */
const char *service_unquote(struct arena *arena, const char *text, int base);
bool service_is_cname(const struct dns_challenge *challenge);
/* Whether a value that the service told (already unquoted) is ours. */
bool service_is_ours(const struct dns_challenge *challenge, const char *value);
/* CONFLICT: what stands at the name is not ours to remove. `cname` is its target, NULL: other records. */
bool service_conflict(struct arena *arena, const struct dns_challenge *challenge, const char *cname,
                      struct error *err);

/* ---- zones ---- */

enum service_finding {
    SERVICE_FAILED,    /* `err` says why */
    SERVICE_HERE,      /* *out is filled in */
    SERVICE_NOT_HERE,  /* no zone of this account */
    SERVICE_FORBIDDEN, /* the credentials may not even look; `err` says so */
    SERVICE_UNSEEN,    /* a zone that the DNS knows nothing of, left over perhaps; `err` says so */
};
struct service_zone {
    const char *id;             /* the service's handle */
    struct string_list servers; /* its name servers, as the service tells; empty: it does not */
};
typedef enum service_finding service_ask_zone(struct service_session *session, const char *zone,
                                              struct service_zone *out, struct error *err);
/* The longest zone of the account that holds `name`, public, in use and delegated; one that the DNS delegates to nobody is passed
 * over for its parent. Fails: NOT_FOUND, REFUSED (it is there but cannot serve), and what `ask` says. */
bool service_find_zone(struct service_session *session, const char *name, service_ask_zone *ask,
                       const char **out_zone, struct error *err);
/* The handle of a zone that was found before. */
bool service_zone_id(struct service_session *session, const char *zone, service_ask_zone *ask,
                     const char **out_id, struct error *err);
/* Forget a handle that turned out to be no good. */
void service_forget_zone(struct service_session *session, const char *zone);

/* ---- memory of this process: bounded, thread-safe, wiped ---- */

/* A copy in the arena; NULL: nothing, or too old. */
char *service_recall(struct arena *arena, const char *key);
void service_remember(const char *key, const char *value, int64_t for_ms);
void service_forget(const char *key);
/* Whatever is remembered under keys that end with a blank and this (the session's key). */
void service_forget_account(const char *account);
/* One at a time among those who give the same key (and, rarely, another). Whoever holds a name may take a
 * token, never the other way round. */
enum service_lock { SERVICE_LOCK_NAME, SERVICE_LOCK_TOKEN, SERVICE_LOCK_COUNT };
void service_lock(enum service_lock kind, const char *key);
void service_unlock(enum service_lock kind, const char *key);
/* The key of a challenge's name: writers of one name in this process take turns, so that they neither lose
 * each other's values nor wear out their rounds. */
const char *service_name_key(const struct service_session *session, const struct dns_challenge *challenge);
