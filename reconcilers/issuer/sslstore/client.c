/* The operations of an issuer at The SSL Store. Every call is one POST with one answer; nothing here tries
 * again. The order itself goes out on a connection of its own, at most once, and not after its deadline
 * (reliability.md 4.8). */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/http.h"
#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"
#include "reconcilers/issuer/sslstore/sslstore.h"
#include "schema/catalogue.h"

enum { READ_TIMEOUT_MS = 60000, ORDER_TIMEOUT_MS = 150000, LIST_LIMIT = 16 << 20, MAX_PAGES = 2000 };

struct call {
    const char *path; /* below the account's URL */
    size_t response_limit;
    int64_t timeout_ms, send_deadline_ms;
    bool once;
    const char *replay_token; /* set by call_send */
};

/* Should the vendor repeat the token in a text of its own, nobody downstream is to see it. */
static void hide_token(struct http_response *response, const struct secret *token)
{
    char *at = (char *)response->body, *end = at != NULL ? at + response->body_length : at;
    size_t length = secret_length(token);
    while (at != NULL && length > 0 &&
           (at = memmem(at, (size_t)(end - at), secret_bytes(token), length)) != NULL)
        memset(at, '*', length);
}

/* One POST. True with a complete answer of whatever status. */
static bool call_send(struct context *ctx, const struct issuer_account *account, const char *frozen,
                      struct call *call, struct http_response *response, struct error *err)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const struct http_header headers[] = {
        {"Content-Type", "application/json; charset=utf-8"},
        {"Accept", "application/json"},
    };
    struct buffer body = {0};
    *response = (struct http_response){.outcome = HTTP_NOT_SENT};
    call->replay_token = arena_printf(ctx->arena, "cw-%s", random_token(ctx->arena, 20, alphabet));
    if (!request_fill(frozen, account->token, call->replay_token, &body, err))
        return false;
    struct http_request request = {
        .method = "POST",
        .url = arena_printf(ctx->arena, "%s%s", account->url, call->path),
        .headers = headers,
        .header_count = COUNT_OF(headers),
        .body = body.data,
        .body_length = body.length,
        .ca_file = account->ca,
        .proxy = account->proxy,
        .trusted_address = true,
        .once = call->once,
        .send_deadline_ms = call->send_deadline_ms,
        .timeout_ms = call->timeout_ms,
        .response_limit = call->response_limit,
    };
    bool answered = http_perform(ctx->http, &request, ctx->arena, response, err);
    buffer_wipe(&body);
    hide_token(response, account->token);
    if (answered && response->date > 0)
        ctx->vendor_ahead_s = response->date - clock_wire();
    log_event(LOG_DEBUG, "asked the vendor", "issuer", account->name, "path", call->path, "status",
              arena_printf(ctx->arena, "%d", response->status), "correlation", call->replay_token, "error",
              answered || err == NULL ? NULL : err->message, NULL);
    return answered;
}

/* Answers hold tokens of orders: the bytes are wiped once they are read. */
static void forget_body(struct http_response *response)
{
    if (response->body != NULL)
        secret_wipe((char *)response->body, response->body_length);
}

/* Ask and read the envelope. An isError is still the caller's to judge. */
static bool ask(struct context *ctx, const struct issuer_account *account, struct buffer *frozen,
                const char *path, size_t limit, struct answer *out, struct error *err)
{
    struct call call = {.path = path, .response_limit = limit, .timeout_ms = READ_TIMEOUT_MS};
    struct http_response response;
    bool ok = call_send(ctx, account, buffer_text(frozen), &call, &response, err);
    buffer_release(frozen);
    ok = ok && sslstore_http_status(&response, err) &&
         answer_read(response.body, response.body_length, ctx->arena, out, err);
    forget_body(&response);
    if (!ok || *out->replay_token == '\0' || strcmp(out->replay_token, call.replay_token) == 0)
        return ok;
    answer_release(out);
    return error_raise(err, ERROR_MALFORMED, "the vendor's answer belongs to another request");
}

/* The same, with isError turned into an error. `refused`: what the vendor does not want and we do not know is
 * a refusal, not something to ask again. */
static bool ask_well(struct context *ctx, const struct issuer_account *account, struct buffer *frozen,
                     const char *path, size_t limit, bool refused, struct answer *out, struct error *err)
{
    if (!ask(ctx, account, frozen, path, limit, out, err))
        return false;
    if (!out->is_error)
        return true;
    answer_raise(out, false, err);
    if (refused && err != NULL && (err->kind == ERROR_MALFORMED || err->kind == ERROR_NOT_FOUND))
        err->kind = ERROR_REFUSED;
    answer_release(out);
    return false;
}

/* ---- account ---- */

static bool check(struct context *ctx, const struct issuer_account *account, struct error *err)
{
    struct buffer body = {0};
    struct answer answer;
    request_validate(&body, account);
    if (!ask(ctx, account, &body, "health/validate/", 0, &answer, err))
        return false;
    bool ok = answer.said && !answer.is_error;
    if (!answer.said) {
        error_raise(err, ERROR_MALFORMED, "the vendor does not say whether the credentials are good");
    } else if (!ok) {
        answer_raise(&answer, false, err);
        /* This path asks nothing else, so an error without a known reason is about the credentials. */
        if (err != NULL && err->kind != ERROR_UNREACHABLE && err->kind != ERROR_THROTTLED)
            err->kind = ERROR_CREDENTIAL;
    }
    answer_release(&answer);
    if (ok)
        return true;
    if (account->token_place == NULL || (err != NULL && err->kind != ERROR_CREDENTIAL))
        return error_prefix(err, "issuer %s", account->name);
    return error_prefix(err, "partner code %s with the %s", account->partner_code, account->token_place);
}

static bool prices(struct context *ctx, const struct issuer_account *account, struct price_list *out,
                   struct error *err)
{
    struct buffer body = {0};
    struct answer answer;
    request_products(&body, account);
    if (!ask_well(ctx, account, &body, "product/query/", LIST_LIMIT, false, &answer, err))
        return error_prefix(err, "reading the price list");
    bool ok = sslstore_read_prices(&answer, ctx->arena, out, err);
    answer_release(&answer);
    return ok;
}

static bool balance(struct context *ctx, const struct issuer_account *account, struct vendor_balance *out,
                    struct error *err)
{
    struct buffer body = {0};
    struct answer answer;
    request_balance(&body, account);
    if (!ask(ctx, account, &body, "user/accountdetail/", 0, &answer, err))
        return error_prefix(err, "reading the account's balance");
    bool ok = sslstore_read_balance(&answer, ctx->arena, out, err);
    answer_release(&answer);
    return ok || error_prefix(err, "reading the account's balance");
}

static bool approvers(struct context *ctx, const struct issuer_account *account, const char *product,
                      const char *domain, struct string_list *out, struct error *err)
{
    struct buffer body = {0};
    struct answer answer;
    request_approvers(&body, account, product, domain);
    if (!ask_well(ctx, account, &body, "order/approverlist/", 0, true, &answer, err))
        return error_prefix(err, "reading the approvers of %s", domain);
    bool ok = answer.said ||
              (answer.object != NULL && json_member_nocase(answer.object, "ApproverEmailList") != NULL);
    if (ok)
        sslstore_read_approvers(&answer, domain, ctx->arena, out);
    else
        error_raise(err, ERROR_MALFORMED, "the vendor's answer holds no approvers of %s", domain);
    answer_release(&answer);
    return ok;
}

/* ---- ordering ---- */

static bool order_freeze(const struct order_request *request, const struct issuer_account *account,
                         struct arena *arena, struct buffer *out, struct error *err)
{
    return request_order(out, account, request, arena, err);
}

static enum answer_class order_place(struct context *ctx, const struct issuer_account *account,
                                     const char *frozen, const char *custom_order_id, int64_t deadline_ms,
                                     struct vendor_order *out, const char **out_evidence, struct error *err)
{
    struct call call = {.path = "order/neworder/",
                        .once = true,
                        .timeout_ms = ORDER_TIMEOUT_MS,
                        .send_deadline_ms = deadline_ms};
    struct http_response response;
    struct error reason = {0};
    sslstore_read_order(NULL, ctx->arena, out);
    if (!call_send(ctx, account, frozen, &call, &response, &reason)) {
        bool not_sent = response.outcome == HTTP_NOT_SENT;
        char *evidence =
            arena_printf(ctx->arena, "%s: %s", not_sent ? "not sent" : "no complete answer", reason.message);
        *out_evidence = text_clean(ctx->arena, evidence, strlen(evidence), 120);
        forget_body(&response);
        if (err != NULL)
            *err = reason;
        return not_sent ? ANSWER_NOT_SENT : ANSWER_UNKNOWN;
    }
    enum answer_class class =
        sslstore_classify(&response, custom_order_id, call.replay_token, ctx->arena, out, out_evidence, err);
    forget_body(&response);
    return class;
}

/* ---- looking ---- */

/* That the order in the answer is the one asked for. */
static bool check_identity(const struct vendor_order *order, const char *vendor_order_id,
                           const char *custom_order_id, struct error *err)
{
    if (!text_empty(vendor_order_id) && strcmp(order->vendor_order_id, vendor_order_id) != 0)
        return error_raise(err, ERROR_MALFORMED, "order %s was asked for and order %s came", vendor_order_id,
                           order->vendor_order_id);
    /* Asked by our id, the answer must repeat it. Asked by number, an order from the vendor's web page may
     * have none. */
    bool must_repeat = text_empty(vendor_order_id);
    if (!text_empty(custom_order_id) && (must_repeat || *order->custom_order_id != '\0') &&
        strcmp(order->custom_order_id, custom_order_id) != 0)
        return error_raise(err, ERROR_MALFORMED,
                           "order %s came, which bears the id \"%s\" and not ours, \"%s\"",
                           order->vendor_order_id, order->custom_order_id, custom_order_id);
    return true;
}

static bool read_status(const struct answer *answer, const char *vendor_order_id, const char *custom_order_id,
                        struct arena *arena, struct vendor_order *out, struct error *err)
{
    const char *shown = !text_empty(vendor_order_id) ? vendor_order_id : custom_order_id;
    enum order_number number = sslstore_order_number(answer->object);
    if (answer->is_error) {
        answer_raise(answer, false, err);
        if (err != NULL &&
            (err->kind == ERROR_REFUSED || (err->kind == ERROR_NOT_FOUND && number != NUMBER_NONE)))
            err->kind = ERROR_MALFORMED; /* no known way to say that there is no such order */
        return false;
    }
    /* Absent is said by an object that says "no error" and holds the order number, empty (14). */
    if (number == NUMBER_NONE && answer->said && answer->list == NULL)
        return error_raise(err, ERROR_NOT_FOUND, "the vendor knows no order %s", shown);
    if (number != NUMBER_GOOD)
        return error_raise(err, ERROR_MALFORMED, "the vendor's answer holds no readable order number");
    struct vendor_order order;
    sslstore_read_order(answer->object, arena, &order);
    if (!check_identity(&order, vendor_order_id, custom_order_id, err))
        return false;
    *out = order;
    return true;
}

static bool order_status(struct context *ctx, const struct issuer_account *account,
                         const char *vendor_order_id, const char *custom_order_id, struct vendor_order *out,
                         struct error *err)
{
    struct buffer body = {0};
    struct answer answer;
    if (text_empty(vendor_order_id) && text_empty(custom_order_id))
        return error_raise(err, ERROR_INTERNAL, "no order to ask for");
    request_status(&body, account, vendor_order_id, custom_order_id);
    if (!ask(ctx, account, &body, "order/status/", 0, &answer, err))
        return false;
    bool ok = read_status(&answer, vendor_order_id, custom_order_id, ctx->arena, out, err);
    answer_release(&answer);
    return ok;
}

/* The orders read so far, with an index over their numbers: accounts hold ten thousands. */
struct listing {
    struct vendor_order *orders;
    size_t *chain; /* the one before it in the same bucket, plus one */
    size_t count, chained;
    size_t buckets[4096]; /* the newest of each, plus one */
};

static size_t *bucket_of(struct listing *listing, const struct vendor_order *order)
{
    uint32_t hash = 2166136261u;
    for (const char *c = order->vendor_order_id; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    return &listing->buckets[hash % COUNT_OF(listing->buckets)];
}

/* Orders move between pages while they are read, so one may come twice. False: it is there already. An order
 * and its reissues share the number and differ in the partner's (9). */
static bool listing_add(struct listing *listing, struct arena *arena, const struct vendor_order *order)
{
    size_t *bucket = bucket_of(listing, order);
    for (size_t at = *bucket; at > 0; at = listing->chain[at - 1])
        if (strcmp(listing->orders[at - 1].vendor_order_id, order->vendor_order_id) == 0 &&
            strcmp(listing->orders[at - 1].partner_order_id, order->partner_order_id) == 0)
            return false;
    *arena_push(arena, &listing->orders, listing->count) = *order;
    *arena_push(arena, &listing->chain, listing->chained) = *bucket;
    *bucket = listing->count;
    return true;
}

/* `out_more`: another page may follow. */
static bool read_page(const struct answer *answer, struct arena *arena, struct listing *listing,
                      bool *out_more, struct error *err)
{
    size_t count = json_count(answer->list), fresh = 0;
    if (answer->list == NULL)
        return error_raise(err, ERROR_MALFORMED, "the vendor's list of orders is no list");
    for (const struct json *item = json_first(answer->list); item != NULL; item = json_next(item)) {
        enum order_number number = sslstore_order_number(item);
        if (number == NUMBER_NONE && count == 1) { /* an empty list, spelled as one empty order */
            *out_more = false;
            return true;
        }
        if (number != NUMBER_GOOD)
            return error_raise(err, ERROR_MALFORMED,
                               "the vendor's list holds an order without a readable number");
        struct vendor_order order;
        sslstore_read_order(item, arena, &order);
        fresh += listing_add(listing, arena, &order);
    }
    /* A service that knows no pages sends everything each time. One that sends the same full page again hides
     * the rest. */
    if (fresh == 0 && count == SSLSTORE_PAGE_SIZE)
        return error_raise(err, ERROR_MALFORMED, "the vendor's list of orders repeats itself");
    *out_more = count >= SSLSTORE_PAGE_SIZE && fresh > 0;
    return true;
}

static bool order_list(struct context *ctx, const struct issuer_account *account, int64_t from, int64_t to,
                       struct vendor_order **out, size_t *out_count, struct error *err)
{
    struct listing *listing = arena_alloc(ctx->arena, sizeof *listing);
    bool more = true;
    for (int page = 1; more; page++) {
        struct buffer body = {0};
        struct answer answer;
        if (page > MAX_PAGES)
            return error_raise(err, ERROR_MALFORMED, "the vendor's list of orders has no end");
        request_list(&body, account, from, to, page);
        if (!ask(ctx, account, &body, "order/query/", LIST_LIMIT, &answer, err))
            return error_prefix(err, "listing orders, page %d", page);
        bool ok = true;
        if (answer.is_error) {
            struct error said = {0};
            ok = answer_raise(&answer, false, &said) ||
                 said.kind == ERROR_NOT_FOUND; /* "no orders found" ends the list */
            if (!ok && err != NULL)
                *err = said;
            more = false;
        } else {
            ok = read_page(&answer, ctx->arena, listing, &more, err);
        }
        answer_release(&answer);
        if (!ok)
            return error_prefix(err, "listing orders, page %d", page);
    }
    *out = listing->orders;
    *out_count = listing->count;
    return true;
}

/* ---- after the order ---- */

static bool order_download(struct context *ctx, const struct issuer_account *account,
                           const char *vendor_order_id, struct span **out, size_t *out_count,
                           struct error *err)
{
    struct buffer body = {0};
    struct answer answer;
    request_download(&body, account, vendor_order_id);
    if (!ask(ctx, account, &body, "order/download/", 0, &answer, err))
        return error_prefix(err, "downloading order %s", vendor_order_id);
    bool ok = true;
    if (!answer.is_error) {
        ok = sslstore_read_files(&answer, vendor_order_id, ctx->arena, out, out_count, err);
    } else if (strcasestr(answer.message, "not issued") != NULL ||
               strcasestr(answer.message, "not yet") != NULL) {
        *out = NULL; /* no certificate yet, told as an error */
        *out_count = 0;
    } else {
        answer_raise(&answer, false, err);
        ok = error_prefix(err, "downloading order %s", vendor_order_id);
    }
    answer_release(&answer);
    return ok;
}

static bool order_resend(struct context *ctx, const struct issuer_account *account,
                         const char *vendor_order_id, const char *domain, struct error *err)
{
    struct buffer body = {0};
    struct answer answer;
    request_resend(&body, account, vendor_order_id, domain);
    if (!ask_well(ctx, account, &body, "order/resend/", 0, true, &answer, err))
        return error_prefix(err, "sending the approval mail of order %s again", vendor_order_id);
    bool ok =
        answer.said || error_raise(err, ERROR_MALFORMED, "the vendor does not say whether the mail was sent");
    answer_release(&answer);
    return ok;
}

const struct issuer_ops issuer_sslstore = {
    .name = "sslstore",
    .check = check,
    .prices = prices,
    .balance = balance,
    .approvers = approvers,
    .order_freeze = order_freeze,
    .order_place = order_place,
    .order_status = order_status,
    .order_list = order_list,
    .order_download = order_download,
    .order_resend = order_resend,
};
