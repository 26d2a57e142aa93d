/* The decision about one certificate: from what is wanted and what is recorded to the one next step.
 *
 * The order of the questions is the order of a certificate's life: is it still wanted, is its paid order settled, are its
 * names proven, is it issued, is what we made for the proof taken away, does every target serve it, and is it due for
 * replacement. Each question either gives the step or passes on. Unknown data never leads to a purchase. */
#include "reconcilers/certificate/view.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "reconcilers/certificate/actions.h"
#include "reconcilers/certificate/decide_parts.h"
#include "schema/rules.h"

/* ---- kinds of steps ---- */

struct step step_blocked(const char *code, const char *reason, const char *human, const char *command)
{
    return (struct step){.action = ACTION_BLOCKED, .verb = VERB_BLOCKED, .code = code, .subject = "", .detail = "",
                         .reason = reason, .human = human, .command = command, .index = -1};
}

struct step step_wait(const char *code, const char *reason, int64_t due)
{
    return (struct step){.action = ACTION_WAIT, .verb = VERB_WAIT, .code = code, .subject = "", .detail = "",
                         .reason = reason, .due = due, .index = -1};
}

struct step step_do(enum action action, enum verb verb, const char *code, const char *subject, const char *detail,
                    const char *reason)
{
    return (struct step){.action = action, .verb = verb, .code = code, .subject = subject, .detail = detail,
                         .reason = reason, .index = -1};
}

static bool nothing_yet(const struct step *step) { return step->action == ACTION_COUNT; }
static const struct step pass_on = {.action = ACTION_COUNT};

/* ---- buying ---- */

static const char *day(struct arena *arena, int64_t at)
{
    char *text = clock_rfc3339(arena, at);
    if (strlen(text) >= 10)
        text[10] = '\0';
    return text;
}

static const char *order_words(const struct certificate_view *view, struct arena *arena)
{
    const struct certificate *want = view->want->certificate;
    return arena_printf(arena, "%s, %d month%s, %zu name%s", view->product->name, want->order.term_months,
                        want->order.term_months == 1 ? "" : "s", want->dns_names.count,
                        want->dns_names.count == 1 ? "" : "s");
}

static const char *money(struct arena *arena, int64_t cents, const char *currency)
{
    return cents < 0 ? "price unknown" : arena_printf(arena, "%lld.%02lld %s", (long long)(cents / 100),
                                                      (long long)(cents % 100), currency);
}

static const char *months_sold(const struct certificate_view *view, struct arena *arena)
{
    struct buffer text = {0};
    const struct price_list *prices = view->account.prices;
    for (size_t i = 0; i < prices->count; i++)
        if (text_equal(prices->items[i].product, view->product->code))
            buffer_printf(&text, "%s%d", text.length > 0 ? ", " : "", prices->items[i].months);
    const char *words = arena_strdup(arena, buffer_text(&text));
    buffer_release(&text);
    return words;
}

static struct step not_sold(const struct certificate_view *view, struct arena *arena)
{
    const struct price_list *prices = view->account.prices;
    int term = view->want->certificate->order.term_months;
    const char *sold = months_sold(view, arena);
    if (sold[0] == '\0')
        return step_blocked("ProductNotSold",
                            arena_printf(arena, "the vendor's price list has no %s", view->product->code),
                            "choose another product, or ask the vendor to open this one for the account", NULL);
    for (size_t i = 0; i < prices->count; i++)
        if (text_equal(prices->items[i].product, view->product->code) && prices->items[i].months == term)
            return step_blocked("PriceUnknown",
                                arena_printf(arena, "the vendor's price list does not say what %s costs for this many "
                                                    "names and servers", view->product->code),
                                "change spec.dnsNames or spec.order.serverCount; nothing is bought at an unknown price", NULL);
    return step_blocked("TermNotSold",
                        arena_printf(arena, "%s is not sold for %d months, but for %s", view->product->code, term, sold),
                        "change spec.order.term", NULL);
}

/* Why nothing may be bought now; pass_on when it may. The cheap and local reasons come first. */
static struct step guard_purchase(const struct certificate_view *view, struct arena *arena)
{
    const struct account_view *account = &view->account;
    const char *issuer = view->refs.issuer->name;
    if (view->clock_words != NULL)
        return view->clock_release == NULL
                   ? step_blocked("ClockNotSane", view->clock_words, "set this host's clock right", NULL)
                   : step_blocked("ClockNotSane", view->clock_words,
                                  "set this host's clock right; if it is right and was ahead before, say so",
                                  arena_printf(arena, "certwright confirm %s", view->clock_release));
    if (view->room_words != NULL)
        return step_blocked("NoRoom", arena_printf(arena, "%s: nothing new is begun", view->room_words),
                            "make room on that disk; what is open is still finished", NULL);
    if (view->duplicate_of != NULL)
        return step_blocked("DuplicateNeed",
                            arena_printf(arena, "%s has or gets an order for the same names and product",
                                         view->duplicate_of),
                            arena_printf(arena, "keep only %s, or change the names of this one; if this is that one renamed, "
                                                "give it its former name back", view->duplicate_of), NULL);
    if (!account->checked) {
        bool refused = account->record != NULL && account->record->error[0] != '\0';
        struct step step = step_wait("WaitingForAccount",
                                     refused ? arena_printf(arena, "issuer/%s: %s", issuer, account->record->error)
                                             : arena_printf(arena, "issuer/%s is being checked", issuer),
                                     0);
        step.action = ACTION_WAIT_ACCOUNT;
        return step;
    }
    if (account->unknown_open > UNKNOWN_OPEN_MOST)
        return step_blocked("AccountClosed",
                            arena_printf(arena, "of %d orders at issuer/%s it is not known whether the vendor took them: nothing "
                                                "more is bought there meanwhile", account->unknown_open, issuer),
                            "they are looked for by themselves; those that are held wait for a person, each in its own name",
                            "certwright get orders");
    /* Money for names that could not be proven then. */
    for (size_t i = 0; i < view->refs.validation_count; i++) {
        struct step ended = decide_credential(view->refs.validations[i].dns_account, view->now, arena);
        if (!nothing_yet(&ended))
            return ended;
    }
    if (view->foreign != NULL)
        return step_blocked("ForeignOrder",
                            arena_printf(arena, "the account holds order %s (%s, %s) for the same names, which is not ours",
                                         view->foreign->vendor_order_id, view->foreign->product,
                                         view->foreign->major_status),
                            arena_printf(arena, "cancel order %s at the vendor, or give this certificate other names; "
                                                "nothing is bought while it lives", view->foreign->vendor_order_id),
                            NULL);
    /* The vendor's orders were listed: what lives there already is known by now. */
    if (view->reconcile_words != NULL)
        return step_blocked("ReconcileOnly", view->reconcile_words,
                            "see in the vendor's panel that nothing was ordered for these names that `certwright get orders` does "
                            "not show, then say so",
                            arena_printf(arena, "certwright confirm %s", view->reconcile_digest));
    const char *currency = NULL;
    int64_t price = certificate_price(view, &currency);
    if (price < 0 && account->prices != NULL)
        return not_sold(view, arena);
    if (!account->spending_open) {
        struct step step = step_blocked("SpendingClosed",
                                        "paid calls stay closed until the operator's file allows them",
                                        arena_printf(arena, "add to the operator's file: spending: [{issuer: %s, "
                                                            "period: Month, orders: 10, amount: 500 %s}]", issuer,
                                                     currency != NULL ? currency : "USD"), NULL);
        step.detail = arena_printf(arena, "%s: %s", order_words(view, arena), money(arena, price, currency));
        return step;
    }
    if (!account->within_budget)
        return step_blocked("BudgetExceeded", account->budget_words,
                            "raise `spending` in the operator's file, or wait for the next period", NULL);
    if (view->purchase_hold != NULL) {
        struct step step = step_blocked("MassPurchase",
                                        arena_printf(arena, "more than %d new purchases in one pass are held as a whole",
                                                     view->config->orders_per_pass),
                                        "look through all that is held, then release it at once",
                                        arena_printf(arena, "certwright confirm %s", view->purchase_hold));
        step.detail = arena_printf(arena, "%s: %s", order_words(view, arena), money(arena, price, currency));
        step.cost_cents = price; /* once it is released */
        step.currency = currency != NULL ? arena_strdup(arena, currency) : NULL;
        return step;
    }
    return pass_on;
}

static struct step prepare_step(const struct certificate_view *view, const char *reason, struct arena *arena)
{
    struct step step = step_do(ACTION_PREPARE, VERB_ORDER, "Ordering", view->product->code, order_words(view, arena), reason);
    step.cost_cents = certificate_price(view, &step.currency);
    if (step.currency != NULL) /* the price list goes when the account is asked anew, and a step may be under way then */
        step.currency = arena_strdup(arena, step.currency);
    step.effects = arena_printf(arena, "certificates last at most %d days now; replacing them within the %d months is free",
                                rules_validity(view->now)->advised_days, view->want->certificate->order.term_months);
    return step;
}

/* An order that may be paid for is looked for where it was sent, and nowhere else. */
static struct step issuer_gone(const struct certificate_view *view, struct arena *arena)
{
    const struct order_record *order = view->order;
    return step_blocked("IssuerGone",
                        arena_printf(arena, "order %s was sent through %s, and no Issuer leads there now",
                                     order->custom_order_id, certificate_order_account(order, arena)),
                        arena_printf(arena, "bring issuer/%s back as it was: only there can the order be looked for",
                                     order->issuer), NULL);
}

/* Where the endpoint is not known nothing is sent anyway: order_account_open says so. */
static bool leaves_account(const struct certificate_view *view)
{
    return view->account.endpoint != NULL &&
           !certificate_order_is_at(view->order, view->refs.issuer, view->account.endpoint);
}

/* An order whose answer was lost, released since: the account it was sent to is asked once more before it is another one's. */
static struct step ask_before_leaving(const struct certificate_view *view, struct arena *arena)
{
    if (!view->order->answer_lost || !leaves_account(view))
        return pass_on;
    if (view->order_issuer == NULL)
        return issuer_gone(view, arena);
    return step_do(ACTION_LOOK_UP, VERB_WAIT, "LookingUp", view->order->custom_order_id, "",
                   arena_printf(arena, "an attempt was sent through issuer/%s: there the vendor is asked first",
                                view->order->issuer));
}

static struct step prepare_anew(const struct certificate_view *view, const char *reason, struct arena *arena)
{
    struct step step = ask_before_leaving(view, arena);
    return nothing_yet(&step) ? prepare_step(view, reason, arena) : step;
}

static struct step decide_order(const struct certificate_view *view, struct arena *arena)
{
    const struct order_record *order = view->order;
    const char *release = arena_printf(arena, "certwright release %s", view->id);
    if (order == NULL) {
        struct step guard = guard_purchase(view, arena);
        return nothing_yet(&guard) ? prepare_step(view, "no certificate yet", arena) : guard;
    }
    switch (order->state) {
    case ORDER_PREPARED: {
        struct step guard = guard_purchase(view, arena);
        bool dearer = certificate_price(view, NULL) > order->price_cents;
        bool edited = !text_equal(order->relevant_digest, certificate_relevant_digest(view, arena));
        bool leaves = leaves_account(view);
        /* The budget was reserved when it was prepared: that of no other issuer or endpoint. What is prepared anew in another
         * period takes of that one's. */
        struct step same = {.cost_cents = order->price_cents};
        bool counted = edited || leaves ? certificate_reservation(view, &same).orders == 0 : certificate_counted_here(view);
        bool reserved = text_equal(guard.code, "MassPurchase") ||
                        (!dearer && counted && text_equal(guard.code, "BudgetExceeded"));
        if (!nothing_yet(&guard) && !reserved)
            return guard;
        if (edited)
            return prepare_anew(view, "the manifest changed before the order was sent", arena);
        /* The record says where the order is. */
        if (leaves)
            return prepare_anew(view, "the issuer's endpoint changed before the order was sent", arena);
        if (dearer)
            return prepare_step(view, arena_printf(arena, "it costs more than the %s that were expected",
                                                   money(arena, order->price_cents, order->currency)), arena);
        if (order->attempt > 1 && !order->looked_up)
            return step_do(ACTION_LOOK_UP, VERB_WAIT, "LookingUp", order->custom_order_id, "",
                           "an earlier attempt was made: the vendor is asked first");
        struct step step = step_do(ACTION_SUBMIT, VERB_ORDER, "Ordering", view->product->code, order_words(view, arena),
                                   "no certificate yet");
        step.cost_cents = order->price_cents;
        step.currency = order->currency;
        return step;
    }
    case ORDER_SUBMITTING:
    case ORDER_UNKNOWN: {
        if (view->order_issuer == NULL)
            return issuer_gone(view, arena);
        struct step step = step_do(ACTION_LOOK_UP, VERB_WAIT, "OrderUnknown", order->custom_order_id, "",
                                   "it is not known whether the vendor took the order");
        step.due = order->lookup_at > 0 ? due_within(order->lookup_at + 60, view->now, 60) : 0;
        return step;
    }
    case ORDER_HELD:
        return step_blocked("OrderHeld", order->held_reason,
                            arena_printf(arena, "look in the vendor's panel, in the account of issuer/%s, for order id %s, and for "
                                                "what was bought for these names then; only if this purchase is not there, "
                                                "release it", order->issuer, order->custom_order_id),
                            release);
    case ORDER_REFUSED:
        if (!text_equal(order->relevant_digest, certificate_relevant_digest(view, arena))) {
            struct step guard = guard_purchase(view, arena);
            const char *why = order->relevant_digest[0] == '\0' ? "a person released it"
                                                                : "the manifest changed after the vendor refused";
            return nothing_yet(&guard) ? prepare_anew(view, why, arena) : guard;
        }
        return step_blocked("OrderRefused", arena_printf(arena, "the vendor refused the order: %s", order->refused_text),
                            "change the manifest or the account; after a change at the vendor, release it", release);
    case ORDER_DEAD:
        return step_blocked("OrderDead",
                            arena_printf(arena, "order %s is %s at the vendor", order->vendor_order_id, order->major_status),
                            "nothing is bought again by itself: ask the vendor, or order under another name", NULL);
    case ORDER_PLACED: break;
    }
    return pass_on;
}

/* ---- what the order no longer fits: a reissue or a renewal, later issues; blocked until then (decisions 5) ---- */

typedef const char *misfit_check(const struct certificate_view *view, struct arena *arena);

static const char *product_differs(const struct certificate_view *view, struct arena *arena)
{
    return text_equal(view->order->product, view->product->code)
               ? NULL
               : arena_printf(arena, "the product changed from %s to %s", view->order->product, view->product->code);
}

static const char *names_differ(const struct certificate_view *view, struct arena *arena)
{
    const struct certificate *want = view->want->certificate;
    if (!string_list_same_set(&want->dns_names, &view->order->names)) {
        struct string_list wanted = string_list_sorted(arena, &want->dns_names);
        return arena_printf(arena, "the names changed from [%s] to [%s]",
                            string_list_join(arena, &view->order->names, " "), string_list_join(arena, &wanted, " "));
    }
    if (want->common_name != NULL && !text_equal(want->common_name, view->order->common_name))
        return arena_printf(arena, "the common name changed from %s to %s", view->order->common_name, want->common_name);
    return NULL;
}

static const char *key_differs(const struct certificate_view *view, struct arena *arena)
{
    const struct certificate *want = view->want->certificate;
    bool brought = want->csr != NULL || want->csr_secret_ref.name != NULL || want->private_key.secret_ref.name != NULL;
    if (brought != view->order->key_brought)
        return brought ? "the manifest now brings its own key or request" : "the manifest no longer brings its own key";
    if (brought)
        return NULL; /* its contents are compared when they are read, for the next revision */
    const char *algorithm = want->private_key.algorithm == KEY_ECDSA ? "ECDSA" : "RSA";
    if (!text_equal(algorithm, view->order->key_algorithm) || want->private_key.size != view->order->key_size)
        return arena_printf(arena, "the key changed from %s %d to %s %d", view->order->key_algorithm,
                            view->order->key_size, algorithm, want->private_key.size);
    return NULL;
}

static const char *issuer_differs(const struct certificate_view *view, struct arena *arena)
{
    if (!text_equal(view->order->issuer, view->refs.issuer->name))
        return arena_printf(arena, "the issuer changed from %s to %s", view->order->issuer, view->refs.issuer->name);
    if (view->account.endpoint != NULL && !text_equal(view->order->endpoint, view->account.endpoint->url))
        return arena_printf(arena, "issuer/%s now points at %s; this order was placed at %s", view->order->issuer,
                            view->account.endpoint->url, view->order->endpoint);
    return NULL;
}

static misfit_check *const misfits[] = {issuer_differs, product_differs, names_differ, key_differs};

static const char *first_misfit(const struct certificate_view *view, struct arena *arena)
{
    for (size_t i = 0; i < COUNT_OF(misfits); i++) {
        const char *words = misfits[i](view, arena);
        if (words != NULL)
            return words;
    }
    return NULL;
}

int64_t certificate_renewal_time(const struct certificate_view *view)
{
    const struct revision_record *revision = view->revision;
    int64_t life = revision->not_after - revision->not_before;
    const struct certificate *want = view->want != NULL ? view->want->certificate : NULL;
    int64_t before = life / 3;
    if (want != NULL && want->renew_before_s > 0)
        before = want->renew_before_s;
    else if (want != NULL && want->renew_before_percentage > 0)
        before = life * want->renew_before_percentage / 100;
    if (before >= life) /* a window longer than the certificate's life would never be at rest */
        before = life / 3;
    return revision->not_after - before;
}

static const char *reissue_by_hand(const struct certificate_view *view, struct arena *arena)
{
    const struct order_record *order = view->order;
    const char *until = order->subscription_ends_at > 0
                            ? arena_printf(arena, " (free until %s)", day(arena, order->subscription_ends_at))
                            : "";
    return arena_printf(arena, "reissue order %s%s in the vendor's panel", order->vendor_order_id, until);
}

static struct step decide_settled(const struct certificate_view *view, struct arena *arena)
{
    const char *misfit = first_misfit(view, arena);
    if (misfit != NULL)
        return step_blocked("NeedsReissue", arena_printf(arena, "%s: that needs a reissue of order %s", misfit,
                                                         view->order->vendor_order_id),
                            "change the manifest back, or reissue in the vendor's panel; nothing is bought for an edit", NULL);
    int64_t renewal = certificate_renewal_time(view);
    if (view->now >= view->revision->not_after)
        return step_blocked("Expired", arena_printf(arena, "the certificate ended on %s", day(arena, view->revision->not_after)),
                            reissue_by_hand(view, arena), NULL);
    if (view->now >= renewal)
        return step_blocked("NeedsRenewal",
                            arena_printf(arena, "the certificate ends on %s and was due for replacement on %s",
                                         day(arena, view->revision->not_after), day(arena, renewal)),
                            reissue_by_hand(view, arena), NULL);
    int64_t inspection = inspection_due(view);
    struct step rest = {.action = ACTION_REST, .verb = VERB_NONE, .code = "Ready", .subject = "", .detail = "", .index = -1,
                        .due = inspection > 0 && inspection < renewal ? inspection : renewal,
                        .reason = arena_printf(arena, "issued, and good until %s", day(arena, view->revision->not_after))};
    return rest;
}

/* ---- a manifest that went ---- */

static struct step decide_forgotten(const struct certificate_view *view, struct arena *arena)
{
    if (view->order != NULL && (view->order->state == ORDER_UNKNOWN || view->order->state == ORDER_SUBMITTING))
        return decide_order(view, arena); /* look-ups only: what was paid for must be known */
    struct step removal = decide_removal(view, arena);
    if (!nothing_yet(&removal))
        return removal;
    if (!view->record.forgotten)
        return step_do(ACTION_FORGET, VERB_FORGET, "Forgotten", "",
                       "key, files and the vendor's order stay as they are", "its manifest is gone");
    return (struct step){.action = ACTION_REST, .verb = VERB_NONE, .code = "Forgotten", .subject = "", .detail = "",
                         .reason = "its manifest is gone; nothing is managed", .index = -1};
}

/* ---- the ladder ---- */

static struct step decide_ladder(const struct certificate_view *view, struct arena *arena)
{
    if (view->want == NULL && !view->invalid)
        return decide_forgotten(view, arena);
    bool open = view->order != NULL && (view->order->state == ORDER_UNKNOWN || view->order->state == ORDER_SUBMITTING);
    if (open)
        return decide_order(view, arena);
    if (view->want != NULL && view->want->certificate->suspend)
        return step_blocked("Suspended", "spec.suspend is true", "take spec.suspend out of the manifest", NULL);
    if (view->invalid)
        return step_blocked("Invalid", view->invalid_words, "correct the manifest: `certwright validate` shows the place",
                            NULL);
    struct step step = decide_order(view, arena);
    if (!nothing_yet(&step))
        return step;
    if (!view->order->fetched) {
        const char *misfit = first_misfit(view, arena);
        if (misfit != NULL)
            return step_blocked("EditAfterOrder",
                                arena_printf(arena, "%s while order %s is open", misfit, view->order->vendor_order_id),
                                "change the manifest back until the certificate is issued", NULL);
        if (view->order_issuer == NULL)
            return issuer_gone(view, arena);
        return decide_validation(view, arena);
    }
    step = decide_removal(view, arena);
    if (!nothing_yet(&step) && step.due <= view->now)
        return step;
    struct step later = step;
    step = decide_rollouts(view, arena);
    if (!nothing_yet(&step)) {
        if (!nothing_yet(&later) && step.due > view->now && later.due < step.due)
            return later;
        return step;
    }
    step = decide_inspection(view, arena);
    if (nothing_yet(&step))
        step = decide_settled(view, arena);
    if (!nothing_yet(&later) && (step.action == ACTION_BLOCKED || later.due < step.due))
        return later;
    return step;
}

struct step certificate_decide(const struct certificate_view *view, struct arena *arena)
{
    struct step step = decide_ladder(view, arena);
    /* A step that failed is not tried before its time, unless the manifest was edited since; challenges and rollouts keep
     * their own. */
    const struct action_row *row = step.index < 0 ? certificate_action(step.action) : NULL;
    bool edited = view->want != NULL && !text_equal(view->record.spec_digest, text_hex(arena, view->want->digest, 32));
    int64_t retry_at = due_within(view->record.retry_at, view->now, RETRY_MOST_S);
    if (row != NULL && !edited && retry_at > view->now && text_equal(view->record.error_step, row->name)) {
        struct step wait = step_wait("Retrying", view->record.error, retry_at);
        wait.subject = step.subject;
        return wait;
    }
    if (step.action >= ACTION_PREPARE && step.due > view->now) {
        struct step wait = step_wait(step.code, step.reason, step.due);
        wait.human = step.human;
        wait.command = step.command;
        wait.subject = step.subject;
        wait.detail = step.detail;
        wait.patient = step.patient;
        return wait;
    }
    return step;
}
