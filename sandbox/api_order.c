/* Endpoints that change something: buying, completing, reissuing, cancelling, revoking. */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "sandbox/crypto.h"
#include "sandbox/orders.h"
#include "sandbox/validate.h"
#include "sandbox/wire.h"

enum { REFUND_DAYS = 30, REISSUE_DAYS = 365, DAY_S = 86400 };

/* Modes B and C complete an order that is already paid for (section 2.1). */
static bool complete_order(struct call *call)
{
    struct order *order = call->token_order;
    const char *number = wire_text(call->arena, call->body, "TheSSLStoreOrderID");
    struct wish wish;
    call->order = order;
    if (!text_empty(number) && strcmp(number, arena_printf(call->arena, "%lld", (long long)order->id)) != 0)
        return refuse(call, CODE_AUTH, "Token/Authentication Failure");
    if (strcmp(order_major(order), "Initial") != 0)
        return refuse(call, CODE_STATE, "The order is already configured");
    if (!wish_read(call, WISH_NEW, &wish))
        return false;
    if (wish.product != order->product || wish.months != order->months ||
        wish.san_count > order->san_count || wish.wildcard_san_count > order->wildcard_san_count)
        return refuse(call, CODE_INPUT, "Product, validity and number of names must be those of the order");
    order_configure(call->sandbox, order, &wish);
    order_save(call->sandbox, order);
    answer_order(call, call->answer, order, false);
    return true;
}

/* The vendor's words for this are not documented; what counts is that nothing is bought. */
static bool can_pay(struct call *call, const struct wish *wish)
{
    const struct settings *settings = &call->sandbox->settings;
    bool enough = settings->balance_cents < 0 || wish->amount_cents <= settings->balance_cents - call->sandbox->ledger.cents;
    return settings->credit || enough || refuse(call, CODE_STATE, "Insufficient funds in the account");
}

bool api_new_order(struct call *call)
{
    struct wish wish;
    if (!call->signed_in)
        return complete_order(call);
    if (!wish_read(call, WISH_NEW, &wish) || !can_pay(call, &wish))
        return false;
    /* A second one with the same CustomOrderID buys again: nothing shows that the vendor looks (section
     * 14). */
    struct order *order = order_create(call->sandbox, &wish, clock_now(), true, call->path);
    call->order = order;
    answer_order(call, call->answer, order, false);
    return true;
}

bool api_invite(struct call *call)
{
    struct wish wish;
    if (!wish_read(call, WISH_INVITE, &wish) || !can_pay(call, &wish))
        return false;
    struct order *order = order_create(call->sandbox, &wish, clock_now(), true, call->path);
    call->order = order;
    answer_order(call, call->answer, order, false);
    return true;
}

/* Section 13.1. */
bool api_reissue(struct call *call)
{
    struct order *order = find_order(call);
    struct wish wish;
    if (order == NULL)
        return false;
    if (strcmp(order_major(order), "Active") != 0)
        return refuse(call, CODE_STATE, "The order is %s and cannot be reissued", order_major(order));
    if (strcmp(order->minor, "PENDING_REISSUE") == 0)
        return refuse(call, CODE_STATE, "A reissue is already pending");
    if (order->product->price_cents == 0)
        return refuse(call, CODE_STATE, "%s cannot be reissued", order->product->code);
    if (clock_now() - order->not_before > (int64_t)REISSUE_DAYS * DAY_S)
        return refuse(call, CODE_STATE, "The certificate is too old for a reissue");
    cJSON *admin = cJSON_Parse(order->admin);
    const char *owner = arena_strdup(call->arena, wire_text(call->arena, admin, "Email"));
    cJSON_Delete(admin);
    if (strcasecmp(wire_text(call->arena, call->body, "ReissueEmail"), owner) != 0)
        return refuse(call, CODE_INPUT,
                      "ReissueEmail must be the e-mail address of the order's admin contact");
    if (!wish_read_reissue(call, order, &wish))
        return false;
    order_reissue(call->sandbox, order, &wish);
    answer_order(call, call->answer, order, false);
    return true;
}

/* ---- mails (7.14) ---------------------------------------------------------------------------- */

static bool open_mail_proof(const struct proof *proof, const char *domain)
{
    return proof->method == METHOD_EMAIL && !proof->done &&
           (text_empty(domain) || strcasecmp(proof->domain, domain) == 0);
}

bool api_resend(struct call *call)
{
    struct order *order = find_order(call);
    if (order == NULL)
        return false;
    if (strcmp(wire_text(call->arena, call->body, "ResendEmailType"), "ApproverEmail") != 0)
        return refuse(call, CODE_INPUT, "ResendEmailType must be ApproverEmail");
    const char *domain = wire_text(call->arena, call->body, "DomainNames");
    bool sent = false;
    const char *former = NULL;
    for (size_t i = 0; order_awaits_proof(order) && i < order->proof_count; i++)
        if (open_mail_proof(&order->proofs[i], domain) &&
            !text_equal(former, order->proofs[i].mail_token)) {
            former = order->proofs[i].mail_token;
            mail_approver(call->sandbox, order, &order->proofs[i]);
            sent = true;
        }
    return sent || refuse(call, CODE_STATE, "No approval by e-mail is awaited for this order");
}

bool api_change_approver(struct call *call)
{
    struct order *order = find_order(call);
    if (order == NULL)
        return false;
    const char *address = text_lower(call->arena, wire_text(call->arena, call->body, "ResendEmail"));
    const char *domain = wire_text(call->arena, call->body, "DomainNames");
    if (text_empty(address))
        return refuse(call, CODE_INPUT, "ResendEmail is required");
    bool changed = false;
    for (size_t i = 0; order_awaits_proof(order) && i < order->proof_count; i++) {
        struct proof *proof = &order->proofs[i];
        if (!open_mail_proof(proof, domain) || (text_empty(domain) && i > 0))
            continue;
        struct string_list allowed = approver_addresses(call->arena, proof->domain);
        if (!string_list_contains(&allowed, address))
            return refuse(call, CODE_VENDOR, "Vendor returns error: %s is not an approver address for %s",
                          address, proof->domain);
        proof->approver = arena_strdup(call->sandbox->arena, address);
        mail_approver(call->sandbox, order, proof);
        changed = true;
    }
    if (!changed)
        return refuse(call, CODE_STATE, "No approval by e-mail is awaited for this order");
    order_save(call->sandbox, order);
    return true;
}

/* ---- giving back (13.4, 13.5) ---------------------------------------------------------------- */

bool api_refund(struct call *call)
{
    struct order *order = find_order(call);
    if (order == NULL)
        return false;
    if (!text_empty(order->refund_id) || !order_is_live(order))
        return refuse(call, CODE_STATE, "The order is already cancelled, expired or in refund");
    order->refund_id = arena_strdup(call->sandbox->arena, random_hex(call->arena, 6));
    order->refund_approved = !call->sandbox->settings.refunds_wait &&
                             clock_now() - order->purchased_at <= (int64_t)REFUND_DAYS * DAY_S;
    if (order->refund_approved)
        order_cancel(call->sandbox, order, "Refunded");
    else
        order_save(call->sandbox, order);
    answer_order(call, call->answer, order, false);
    return true;
}

bool api_refund_status(struct call *call)
{
    struct order *order = find_order(call);
    if (order == NULL)
        return false;
    const char *id = wire_text(call->arena, call->body, "RefundRequestID");
    if (text_empty(order->refund_id) || (!text_empty(id) && strcmp(id, order->refund_id) != 0))
        return refuse(call, CODE_NOT_FOUND, "No such refund request");
    answer_order(call, call->answer, order, false);
    return true;
}

bool api_revoke(struct call *call)
{
    struct order *order = find_order(call);
    if (order == NULL)
        return false;
    const char *serial = wire_text(call->arena, call->body, "SerialNumber");
    if (order->leaf_pem == NULL || strcasecmp(serial, order->serial) != 0)
        return refuse(call, CODE_INPUT, "SerialNumber is not that of the order's certificate");
    if (order->revoked)
        return refuse(call, CODE_STATE, "The certificate is already revoked");
    order->revoked = true;
    order_cancel(call->sandbox, order, "Revoked");
    return true;
}
