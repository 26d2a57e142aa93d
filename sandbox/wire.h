/* The vendor's wire: reading requests with its tolerance, writing answers with its spelling. */
#pragma once

#include "sandbox/sandbox.h"

struct fault;

enum shape { SHAPE_NESTED, SHAPE_FLAT, SHAPE_ARRAY };

/* One request on its way through an endpoint. */
struct call {
    struct sandbox *sandbox;
    struct arena *arena; /* goes after the answer */
    const char *path;    /* "order/status" */
    const cJSON *body;
    const cJSON *auth;         /* AuthRequest, or the body itself where the members stand flat */
    const char *replay_token;  /* echoed */
    bool signed_in;            /* partner's code and token are right */
    struct order *token_order; /* reached by an order token (modes B and C) */
    cJSON *answer;             /* object or array, made before the endpoint runs */
    int code;                  /* of a refusal; 0: the message alone */
    const char *message;
    struct fault *fault; /* that applies to this call; NULL: none */
    struct order *order; /* the one it was about, for the request log */
    int64_t arrived_us;  /* by the real clock */
    bool lies;           /* isError though it worked (section 3.3) */
};
/* "ErrorCode:-9009|Message:…" (section 3.1). Always false. */
bool refuse(struct call *call, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
enum {
    CODE_AUTH = -9008,
    CODE_VENDOR = -9009,
    CODE_INPUT = -9003,
    CODE_NOT_FOUND = -9005,
    CODE_STATE = -9011
};

/* Members of requests: numbers and booleans may be text, and null, "" and absence are one (section 4). */
const char *wire_text(struct arena *arena, const cJSON *object, const char *name); /* "" if none */
bool wire_bool(const cJSON *object, const char *name);
int wire_int(const cJSON *object, const char *name, int fallback);
const cJSON *wire_object(const cJSON *object, const char *name); /* NULL unless an object */
struct string_list wire_strings(struct arena *arena, const cJSON *object, const char *name);
/* "/Date(ms+zone)/" or ISO 8601. False: none or not readable. */
bool wire_date(struct arena *arena, const cJSON *object, const char *name, int64_t *out);

/* "7/23/2026 1:50:20 AM"; 0 gives the vendor's "no date". */
const char *wire_date_text(struct arena *arena, int64_t at, const char *culture);
int64_t wire_vendor_local(int64_t utc); /* the plain members are US Eastern time */

/* Put the members of section 9 into `out`; all of them, null when unknown. */
void answer_order(struct call *call, cJSON *out, const struct order *order, bool in_list);
void answer_no_order(cJSON *out); /* all of them null */
cJSON *answer_auth(struct call *call, bool is_error);

/* Host names, and who may approve for them (names.c). */
const char *host_problem(struct arena *arena, const char *name, bool wildcard_allowed); /* NULL: fine */
const char *host_registrable(struct arena *arena, const char *name);
struct string_list approver_addresses(struct arena *arena, const char *domain);

/* The wish of a neworder, inviteorder, validate or reissue; what is wrong is refused. */
enum wish_kind { WISH_NEW, WISH_BASICS, WISH_INVITE };
bool wish_read(struct call *call, enum wish_kind kind, struct wish *out);
bool wish_read_reissue(struct call *call, const struct order *order, struct wish *out);
/* Methods and challenges of a wish whose names and CSR are known (proof.c). `words`: ApproverEmail(s). */
bool wish_make_proofs(struct call *call, const char *words, struct wish *wish);

/* The endpoints (api_look.c, api_order.c, api_account.c). */
typedef bool endpoint_function(struct call *call);
endpoint_function api_status, api_query, api_summary, api_download, api_refund_status;
endpoint_function api_new_order, api_invite, api_validate, api_validate_parameters, api_reissue, api_resend,
    api_change_approver, api_refund, api_revoke;
endpoint_function api_health_status, api_health_validate, api_validate_token, api_products, api_csr,
    api_approvers, api_agreement, api_account;

/* The order that the request names, within the reach of who asks. NULL after a refusal. */
struct order *find_order(struct call *call);

void api_forget_late(struct sandbox *sandbox); /* at the end: what would still have come does not */
void api_handle(struct http_exchange *exchange, void *arg);     /* the vendor's port */
void control_handle(struct http_exchange *exchange, void *arg); /* the second port */
