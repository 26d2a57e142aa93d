/* LOOK_UP of the order protocol (reliability.md 4.4, 4.5): what became of an order whose answer nobody has, with a positive
 * control: found, or after the grace held for a person (or, where the operator said so, sent once more). */
#include "reconcilers/certificate/order_parts.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"

enum {
    GRACE_S = 900, /* G >= S + D + V of reliability.md section 3 */
    LIST_MARGIN_S = 86400, /* the vendor's days are those of an unstated zone, its clock is not ours (sslstore-api.md 4.7, 14) */
    LOOK_UPS = 3,
    RESUBMIT_EVERY_S = 86400,
};

static bool prepare_look_up(const struct certificate_view *view, const struct step *step, struct arena *arena,
                            struct changes *out)
{
    (void)step;
    if (view->order->state != ORDER_SUBMITTING)
        return true;
    struct order_record *order = order_copy(view, arena); /* found by a process that did not write it, or after a crash */
    order->state = ORDER_UNKNOWN;
    out->order = order;
    out->order_claim = true;
    out->audit = "order.unknown";
    out->audit_detail = order->custom_order_id;
    return true;
}

static bool positive_control(struct context *ctx, const struct issuer_ops *ops, const struct issuer_account *account,
                             const struct certificate_view *view, struct error *err)
{
    const char *known = view->order_account != NULL ? view->order_account->control_order : "";
    if (known[0] == '\0')
        return ops->check(ctx, account, err);
    struct vendor_order control;
    return ops->order_status(ctx, account, known, NULL, &control, err) ||
           error_prefix(err, "the control look-up of order %s", known);
}

static bool act_look_up(struct context *ctx, const struct certificate_view *view, const struct step *step,
                        struct outcome *out, struct error *err)
{
    const struct order_record *order = view->order;
    const struct issuer_ops *ops = order_issuer(view);
    struct issuer_account account;
    (void)step;
    if (!order_account_open(ctx, view, &account, err))
        return false;
    out->sent_at = clock_now();
    out->sent_boot_ms = clock_boot_ms();
    bool ok = true;
    if (ops->order_status(ctx, &account, NULL, order->custom_order_id, &out->vendor, err)) {
        out->found = true;
        out->different = !order_is_same(order, &out->vendor);
    } else if (err->kind == ERROR_NOT_FOUND) {
        int64_t from = (order->submitted_at > 0 ? order->submitted_at : order->prepared_at) - LIST_MARGIN_S;
        struct vendor_order *list = NULL;
        size_t count = 0;
        ok = ops->order_list(ctx, &account, from, clock_now() + LIST_MARGIN_S, &list, &count, err);
        for (size_t i = 0; ok && i < count && !out->found && out->other_number == NULL; i++) {
            struct vendor_order whole;
            if (!text_empty(list[i].custom_order_id) && !text_equal(list[i].custom_order_id, order->custom_order_id))
                continue;
            if (!order_is_same(order, &list[i]))
                continue;
            ok = ops->order_status(ctx, &account, list[i].vendor_order_id, NULL, &whole, err);
            if (ok && text_equal(whole.custom_order_id, order->custom_order_id)) {
                out->found = true;
                out->vendor = whole;
            } else if (ok && text_empty(whole.custom_order_id) &&
                       !string_list_contains(&order->shown_numbers, whole.vendor_order_id)) {
                out->other_number = whole.vendor_order_id;
            }
        }
        if (ok && !out->found && out->other_number == NULL) {
            ok = positive_control(ctx, ops, &account, view, err);
            out->absent_with_control = ok;
        }
    } else {
        ok = false;
    }
    issuer_account_close(&account);
    return ok;
}

static void start_grace_anew(const struct certificate_view *view, struct order_record *order)
{
    order->grace_boot = view->boot_id;
    order->grace_from = view->now;
    order->grace_boot_ms = view->boot_ms;
    order->lookups = 0;
}

/* Why an order that is absent for good waits for a person; NULL: it may be sent again by itself (4.5). That a request takes
 * effect within D or never is an assumption that nobody has tried at the vendor's live endpoints. */
static const char *resubmit_refusal(const struct certificate_view *view, const struct order_record *order, struct arena *arena)
{
    const struct endpoint *endpoint = view->account.endpoint;
    if (view->config->on_unknown_order != UNKNOWN_ORDER_RESUBMIT)
        return "";
    if (view->want == NULL || view->invalid || view->want->certificate->suspend)
        return "; nothing asks for it any more";
    if (endpoint == NULL || (operator_endpoint_is_vendors(endpoint) && !endpoint->sandbox))
        return "; at the vendor's live endpoint nothing is sent again by itself";
    if (!certificate_order_is_at(order, view->refs.issuer, endpoint))
        return "; the manifest leads to another account now";
    if (view->clock_words != NULL)
        return "; the clock is not to be trusted";
    if (order->resubmitted_at > 0 && view->now - order->resubmitted_at < RESUBMIT_EVERY_S)
        return "; it was sent again once today already";
    if (view->account.unknown_open > UNKNOWN_OPEN_MOST)
        return arena_printf(arena, "; with %d unknown orders the account is closed", view->account.unknown_open);
    return NULL;
}

/* Back to PREPARED: the same bytes under the same id. As before every claim but the first, the vendor is asked once more. */
static void give_back(struct order_record *order, const struct outcome *outcome, struct arena *arena, struct changes *out)
{
    if (!string_list_contains(&order->former_key_ids, order->key_id)) /* an edit may give the next attempt another one */
        order->former_key_ids = order_with_former_key(&order->former_key_ids, order->key_id, arena);
    order->state = ORDER_PREPARED;
    order->attempt++;
    order->looked_up = false;
    order->answer_lost = true;
    order->submitted_at = 0;
    order->resubmitted_at = outcome->at;
    out->audit = "order.resubmit";
    out->audit_detail = order->custom_order_id;
    out->event_type = "Warning";
    out->event_reason = "Resubmitting";
    out->event_message = "its answer was lost, the vendor does not know of it: it is sent again under the same id";
}

static void record_absent(const struct certificate_view *view, struct order_record *order, const struct outcome *outcome,
                          struct arena *arena, struct changes *out)
{
    order->lookup_at = outcome->at;
    if (order->state == ORDER_PREPARED || order->state == ORDER_REFUSED) { /* asked before a further claim, not after one */
        order->looked_up = true;
        order->answer_lost = false;
        return;
    }
    if (order->refused_text[0] != '\0') {
        order->state = ORDER_REFUSED;
        out->audit = "order.refused";
        out->audit_detail = order->custom_order_id;
        out->event_type = "Warning";
        out->event_reason = "OrderRefused";
        out->event_message = order->refused_text;
        return;
    }
    /* The grace counts only in the boot it began in, and by both clocks. */
    bool stepped = (view->now - order->grace_from) - (view->boot_ms - order->grace_boot_ms) / 1000 > 60 ||
                   (view->now - order->grace_from) - (view->boot_ms - order->grace_boot_ms) / 1000 < -60;
    if (!text_equal(order->grace_boot, view->boot_id) || stepped)
        start_grace_anew(view, order);
    order->lookups++;
    bool grace_over = outcome->sent_boot_ms - order->grace_boot_ms > (int64_t)GRACE_S * 1000;
    if (order->lookups >= LOOK_UPS && grace_over) {
        const char *refusal = resubmit_refusal(view, order, arena);
        if (refusal == NULL) {
            give_back(order, outcome, arena, out);
            return;
        }
        order->state = ORDER_HELD;
        order->held_reason = arena_printf(
            arena, "the order was sent through issuer/%s, its answer was lost, and the vendor does not know of it%s",
            order->issuer, refusal);
        out->audit = "order.held";
        out->audit_detail = order->custom_order_id;
        out->event_type = "Warning";
        out->event_reason = "OrderHeld";
        out->event_message = order->held_reason;
    }
}

static struct string_list with_number(const struct string_list *former, const char *number, struct arena *arena)
{
    struct string_list all = {0};
    for (size_t i = 0; i < former->count; i++)
        string_list_push(arena, &all, former->items[i]);
    string_list_push(arena, &all, arena_strdup(arena, number));
    return all;
}

static void record_look_up(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                           struct arena *arena, struct changes *out)
{
    struct order_record *order = order_copy(view, arena);
    (void)step;
    out->order = order;
    out->order_claim = true;
    if (!outcome->ok) { /* no evidence at all */
        order->lookup_at = outcome->at;
        order_add_evidence(order, arena_printf(arena, "look-up failed: %s", outcome->err.message), outcome->at, arena);
        return;
    }
    if (outcome->found && !outcome->different) {
        order_add_evidence(order, "found by look-up", outcome->at, arena);
        order_record_placed(view, order, outcome, "found", arena, out);
        return;
    }
    if (outcome->found || outcome->other_number != NULL) {
        const char *number = outcome->found ? outcome->vendor.vendor_order_id : outcome->other_number;
        order->state = ORDER_HELD;
        order->shown_numbers = with_number(&order->shown_numbers, number, arena);
        order->held_reason = arena_printf(arena, "the vendor shows order %s, which may be this one but cannot be matched",
                                          number);
        out->audit = "order.held";
        out->audit_detail = arena_printf(arena, "%s against %s", order->custom_order_id, number);
        out->event_type = "Warning";
        out->event_reason = "OrderHeld";
        out->event_message = order->held_reason;
        return;
    }
    order_add_evidence(order, "absent, with control", outcome->at, arena);
    record_absent(view, order, outcome, arena, out);
}

const struct action_row action_look_up = {"look up", 0, true, false, false, prepare_look_up, act_look_up, record_look_up};
