/* Buying: the order protocol of reliability.md section 4.
 *
 *   PREPARE  key, CSR and frozen request (prepare.c)
 *   SUBMIT   claim by compare-and-set, then the one call, sent at most once
 *   LOOK_UP  what became of it when no answer came (look_up.c)
 *   POLL     how the order gets on, and what it wants to see */
#include "reconcilers/certificate/order_parts.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/names.h"

enum { SEND_WITHIN_MS = 5000 }; /* S of reliability.md section 3 */

const struct issuer_ops *order_issuer(const struct certificate_view *view)
{
    (void)view; /* one kind of issuer so far */
    return &issuer_sslstore;
}

bool order_account_open(struct context *ctx, const struct certificate_view *view, struct issuer_account *out,
                        struct error *err)
{
    const struct resource *issuer = view->order_issuer;
    const struct endpoint *endpoint =
        issuer != NULL ? operator_endpoint(ctx->config, issuer->issuer->sslstore.environment) : NULL;
    if (!certificate_order_is_at(view->order, issuer, endpoint))
        return error_raise(err, ERROR_CONFIG, "order %s is bound to %s, and no Issuer leads there now",
                           view->order->custom_order_id, certificate_order_account(view->order, ctx->arena));
    return issuer_account_open(ctx, issuer, out, err);
}

bool order_is_same(const struct order_record *order, const struct vendor_order *vendor)
{
    /* The vendor may list the www twin or leave the common name out of the names; the common name is always there. */
    return text_equal(vendor->product, order->product) &&
           (string_list_same_set(&vendor->names, &order->names) || text_equal(vendor->common_name, order->common_name));
}

/* ---- SUBMIT ---- */

static bool prepare_submit(const struct certificate_view *view, const struct step *step, struct arena *arena,
                           struct changes *out)
{
    (void)step;
    /* The bytes to be sent are those that were prepared, and the key they are about is in the store (read back). */
    unsigned char digest[32];
    if (view->material.request == NULL)
        return false;
    hash_sha256(span_of(view->material.request, strlen(view->material.request)), digest);
    if (!text_equal(text_hex(arena, digest, sizeof digest), view->order->request_sha256))
        return false;
    struct order_record *order = order_copy(view, arena);
    order->state = ORDER_SUBMITTING;
    order->holder = view->holder;
    order->submitted_at = view->now;
    order->submitted_boot_ms = view->boot_ms;
    order->send_deadline_ms = view->boot_ms + SEND_WITHIN_MS;
    order->refused_text = "";
    order->lookups = 0;
    order->lookup_at = 0;
    order->grace_from = view->now;
    order->grace_boot = view->boot_id;
    order->grace_boot_ms = view->boot_ms;
    out->order = order;
    out->order_claim = true;
    out->register_need = true; /* whoever sends has the need, whoever prepared for it meanwhile */
    out->paid = true;
    out->audit = "order.submit";
    out->audit_detail = arena_printf(arena, "%s %s attempt %d, %lld cents", order->custom_order_id, order->product,
                                     order->attempt, (long long)order->price_cents);
    return true;
}

static bool act_submit(struct context *ctx, const struct certificate_view *view, const struct step *step,
                       struct outcome *out, struct error *err)
{
    (void)step;
    struct issuer_account account;
    out->answer = ANSWER_NOT_SENT;
    out->evidence = "credentials could not be read";
    if (!order_account_open(ctx, view, &account, err))
        return false;
    out->answer = order_issuer(view)->order_place(ctx, &account, view->material.request, view->order->custom_order_id,
                                            view->order->send_deadline_ms, &out->vendor, &out->evidence, err);
    issuer_account_close(&account);
    return out->answer == ANSWER_ACCEPTED;
}

void order_add_evidence(struct order_record *order, const char *words, int64_t at, struct arena *arena)
{
    struct string_list kept = {0};
    for (size_t i = order->evidence.count >= 6 ? order->evidence.count - 5 : 0; i < order->evidence.count; i++)
        string_list_push(arena, &kept, order->evidence.items[i]);
    const char *line = arena_printf(arena, "%s %s", clock_rfc3339(arena, at), words != NULL ? words : "");
    string_list_push(arena, &kept, text_clean(arena, line, strlen(line), 120));
    order->evidence = kept;
}

static bool proves_by_file(const struct vendor_challenge *proof)
{
    const char *method = proof->method != NULL ? proof->method : "";
    return (proof->file_name != NULL && proof->record_name == NULL) || strcasestr(method, "http") != NULL ||
           strcasestr(method, "file") != NULL;
}

/* By DNS and by e-mail an authority may look at a parent, and says so in the domain (sslstore-api.md 17.2); a file proves its own
 * name only. */
static const struct vendor_challenge *parents_proof(const struct vendor_order *vendor, const char *name)
{
    const struct vendor_challenge *nearest = NULL;
    for (size_t i = 0; i < vendor->challenge_count; i++) {
        const struct vendor_challenge *at = &vendor->challenges[i];
        if (!text_empty(at->domain) && text_name_within(name, at->domain) && !proves_by_file(at) &&
            (nearest == NULL || strlen(at->domain) > strlen(nearest->domain)))
            nearest = at;
    }
    return nearest;
}

static const struct vendor_challenge *wanted_proof(const struct vendor_order *vendor, const char *name, enum dcv_method method)
{
    const struct vendor_challenge *base = NULL;
    for (size_t i = 0; i < vendor->challenge_count; i++) {
        if (text_equal(vendor->challenges[i].domain, name))
            return &vendor->challenges[i];
        if (text_equal(vendor->challenges[i].domain, name_without_wildcard(name)))
            base = &vendor->challenges[i];
    }
    bool may_climb = method == DCV_DNS || method == DCV_EMAIL;
    return base != NULL || !may_climb ? base : parents_proof(vendor, name_without_wildcard(name));
}

static bool is_parents(const struct vendor_challenge *proof, const char *name)
{
    return !text_equal(proof->domain, name) && !text_equal(proof->domain, name_without_wildcard(name));
}

/* An answer may leave a name out that one before had: a parent's proof does not take the place of its own. */
static bool has_own_record(const struct challenge_record *c, const char *name)
{
    return !text_empty(c->record_name) && text_name_within(c->record_name, name_without_wildcard(name));
}

/* What was made already is taken away before another takes its place. True: something else was wanted until now, and was not
 * known to be made. */
static bool take_proof(struct challenge_record *c, const struct vendor_challenge *proof)
{
    bool before_made = c->state == CHALLENGE_PENDING || c->state == CHALLENGE_GONE, other = false;
    if (proof->record_name != NULL && c->method == DCV_DNS) {
        other = !text_equal(c->record_name, proof->record_name) || !text_equal(c->record_type, proof->record_type) ||
                !text_equal(c->record_value, proof->record_value);
        if (before_made && !text_equal(c->record_name, proof->record_name))
            c->led_to = c->led_account = "";
        *(before_made ? &c->record_name : &c->next_record_name) = other || before_made ? proof->record_name : "";
        *(before_made ? &c->record_type : &c->next_record_type) = other || before_made ? proof->record_type : "";
        *(before_made ? &c->record_value : &c->next_record_value) = other || before_made ? proof->record_value : "";
    }
    if (proof->file_name != NULL && (c->method == DCV_HTTP || c->method == DCV_HTTPS)) {
        other = !text_equal(c->file_name, proof->file_name) || !text_equal(c->file_content, proof->file_content);
        *(before_made ? &c->file_name : &c->next_file_name) = other || before_made ? proof->file_name : "";
        *(before_made ? &c->file_content : &c->next_file_content) = other || before_made ? proof->file_content : "";
    }
    return other && before_made;
}

/* Take over what the vendor wants to see, name by name; a proof once made is only changed when the vendor changed it. */
static void take_challenges(const struct certificate_view *view, const struct order_record *order,
                            const struct vendor_order *vendor, int64_t now, struct arena *arena, struct changes *out)
{
    const struct certificate_references *refs = &view->refs;
    struct challenge_record *all = arena_array(arena, refs->validation_count, sizeof *all);
    for (size_t i = 0; i < refs->validation_count; i++) {
        const struct name_validation *v = &refs->validations[i];
        struct challenge_record *c = &all[i];
        const struct challenge_record *was = NULL;
        for (size_t j = 0; j < view->challenge_count && was == NULL; j++)
            if (text_equal(view->challenges[j].domain, v->name))
                was = &view->challenges[j];
        if (was != NULL)
            *c = *was;
        else
            *c = (struct challenge_record){.domain = v->name, .method = (int)v->method, .manual = v->manual,
                .approver = v->approver != NULL ? v->approver : "", .record_name = "", .record_type = "",
                .record_value = "", .file_name = "", .file_content = "", .account = "", .zone = "",
                .target = "", .vendor_status = "", .led_to = "", .led_account = "", .last_check = "", .error = "",
                .next_record_name = "", .next_record_type = "", .next_record_value = "", .next_file_name = "", .next_file_content = "",
                .created_at = now};
        c->namespace_ = view->namespace_;
        c->name = view->name;
        c->cycle = order->cycle;
        const struct vendor_challenge *proof = wanted_proof(vendor, v->name, (enum dcv_method)c->method);
        if (proof == NULL || (is_parents(proof, v->name) && has_own_record(c, v->name)))
            continue;
        c->validated = proof->validated;
        c->vendor_status = proof->status != NULL ? proof->status : "";
        if (take_proof(c, proof) && was != NULL) /* an attempt whose answer was lost may have made it */
            certificate_keep_leftover(view, was, arena, out);
    }
    out->challenges = all;
    out->challenge_count = refs->validation_count;
}

/* Live endpoints are asked as sslstore-api.md 10.5 says; one that costs no money may be asked more often. */
static int64_t next_poll(const struct certificate_view *view, int polls, int64_t now)
{
    static const int live[] = {15, 15, 30, 30, 60, 60, 120, 180, 300}, free[] = {1, 1, 1, 2, 2, 3, 5, 10, 15, 30};
    bool sandbox = view->account.endpoint != NULL && view->account.endpoint->sandbox;
    const int *table = sandbox ? free : live;
    int count = sandbox ? (int)COUNT_OF(free) : (int)COUNT_OF(live);
    int wait = table[polls < count ? polls : count - 1];
    bool vetting = view->product != NULL && view->product->level != LEVEL_DV && polls >= count;
    return now + (vetting && !sandbox ? 1800 : wait);
}

static void take_vendor_order(const struct certificate_view *view, struct order_record *order,
                              const struct outcome *outcome, struct arena *arena, struct changes *out)
{
    const struct vendor_order *vendor = &outcome->vendor;
    order->vendor_order_id = vendor->vendor_order_id;
    order->partner_order_id = vendor->partner_order_id != NULL ? vendor->partner_order_id : "";
    order->ca_order_id = vendor->ca_order_id != NULL ? vendor->ca_order_id : "";
    order->major_status = vendor->major_status != NULL ? vendor->major_status : "";
    order->minor_status = vendor->minor_status != NULL ? vendor->minor_status : "";
    order->phase = (int)vendor->phase;
    if (vendor->subscription_ends_at > 0)
        order->subscription_ends_at = vendor->subscription_ends_at;
    order->polled_at = outcome->at;
    bool gone = vendor->phase == VENDOR_CANCELLED || vendor->phase == VENDOR_EXPIRED;
    order->state = gone && !order->fetched ? ORDER_DEAD : ORDER_PLACED;
    order->poll_at = vendor->phase == VENDOR_ACTIVE ? outcome->at : next_poll(view, order->polls, outcome->at);
    if (!view->invalid && view->want != NULL)
        take_challenges(view, order, vendor, outcome->at, arena, out);
}

void order_record_placed(const struct certificate_view *view, struct order_record *order, const struct outcome *outcome,
                          const char *how, struct arena *arena, struct changes *out)
{
    order->polls = 0;
    order->placed_at = outcome->at;
    take_vendor_order(view, order, outcome, arena, out);
    out->paid = true;
    out->audit = "order.placed";
    out->audit_detail = arena_printf(arena, "%s is the vendor's %s", order->custom_order_id, order->vendor_order_id);
    out->event_type = "Normal";
    out->event_reason = "Placed";
    out->event_message = arena_printf(arena, "%s as order %s", how, order->vendor_order_id);
}

static void record_submit(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                          struct arena *arena, struct changes *out)
{
    struct order_record *order = order_copy(view, arena);
    (void)step;
    out->order = order;
    out->order_claim = true;
    order_add_evidence(order, outcome->evidence, outcome->at, arena);
    switch (outcome->answer) {
    case ANSWER_ACCEPTED: order_record_placed(view, order, outcome, "placed", arena, out); return;
    case ANSWER_NOT_SENT:
        order->state = ORDER_PREPARED; /* this very process knows that no byte left */
        order->submitted_at = 0;
        out->event_type = "Warning";
        out->event_reason = "NotSent";
        break;
    case ANSWER_REFUSED:
        order->state = ORDER_UNKNOWN; /* until one look-up with control confirms it (decisions 11) */
        order->refused_text = arena_strdup(arena, outcome->err.message);
        out->event_type = "Warning";
        out->event_reason = "Refused";
        break;
    case ANSWER_UNKNOWN:
        order->state = ORDER_UNKNOWN;
        out->event_type = "Warning";
        out->event_reason = "OrderUnknown";
        break;
    }
    out->event_message = outcome->err.message;
    out->audit = "order.answer";
    out->audit_detail = arena_printf(arena, "%s %s", order->custom_order_id, outcome->evidence);
}

/* ---- POLL ---- */

static bool act_poll(struct context *ctx, const struct certificate_view *view, const struct step *step,
                     struct outcome *out, struct error *err)
{
    struct issuer_account account;
    (void)step;
    if (!order_account_open(ctx, view, &account, err))
        return false;
    const struct order_record *order = view->order;
    const struct issuer_ops *ops = order_issuer(view);
    struct vendor_order ours;
    struct error why = {0};
    bool ok = ops->order_status(ctx, &account, order->vendor_order_id, NULL, &out->vendor, err);
    bool others = ok && !text_empty(out->vendor.custom_order_id) &&
                  !text_equal(out->vendor.custom_order_id, order->custom_order_id);
    /* The number leads nowhere, or to another order: what counts is our own id. */
    if (others || (!ok && err->kind == ERROR_NOT_FOUND)) {
        ok = ops->order_status(ctx, &account, NULL, order->custom_order_id, &ours, &why) && order_is_same(order, &ours);
        if (ok)
            out->vendor = ours;
        else if (others)
            error_raise(err, ERROR_MALFORMED, "order %s is another one's at the vendor", order->vendor_order_id);
    }
    issuer_account_close(&account);
    return ok;
}

static void record_poll(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                        struct arena *arena, struct changes *out)
{
    struct order_record *order = order_copy(view, arena);
    (void)step;
    out->order = order;
    if (!outcome->ok) {
        order->polls++;
        order->poll_at = outcome->err.retry_at > 0 ? outcome->err.retry_at : next_poll(view, order->polls + 2, outcome->at);
        return;
    }
    int before = order->phase;
    order->polls++;
    take_vendor_order(view, order, outcome, arena, out);
    if (!text_equal(order->vendor_order_id, view->order->vendor_order_id)) {
        out->audit = "order.renumbered";
        out->audit_detail = arena_printf(arena, "%s is the vendor's %s, not %s", order->custom_order_id, order->vendor_order_id,
                                         view->order->vendor_order_id);
    }
    if (order->state == ORDER_DEAD) {
        out->event_type = "Warning";
        out->event_reason = "OrderDead";
        out->event_message = arena_printf(arena, "order %s is %s at the vendor", order->vendor_order_id, order->major_status);
    } else if (before != order->phase) {
        out->event_type = "Normal";
        out->event_reason = "VendorStatus";
        out->event_message = arena_printf(arena, "order %s: %s%s%s", order->vendor_order_id, order->major_status,
                                          order->minor_status[0] != '\0' ? ", " : "", order->minor_status);
    }
}

/* ---- RESEND: noisy, so at most once an hour and five times an order (reliability.md section 5) ---- */

enum { RESEND_EVERY_S = 3600, RESENDS_MOST = 5 };

const char *certificate_resend_refusal(const struct certificate_view *view, struct arena *arena)
{
    const struct order_record *order = view->order;
    bool mails = false;
    for (size_t i = 0; i < view->challenge_count; i++)
        mails = mails || (view->challenges[i].method == DCV_EMAIL && !view->challenges[i].validated);
    if (order == NULL || order->state != ORDER_PLACED || order->fetched || !mails)
        return "no approval mail is outstanding";
    if (order->resends >= RESENDS_MOST)
        return arena_printf(arena, "the mail was sent again %d times already", order->resends);
    if (order->resent_at > 0 && view->now - order->resent_at < RESEND_EVERY_S)
        return arena_printf(arena, "the mail was sent again %s ago; at most once an hour",
                            text_duration_words(arena, view->now - order->resent_at));
    return NULL;
}

static bool prepare_resend(const struct certificate_view *view, const struct step *step, struct arena *arena,
                           struct changes *out)
{
    (void)step;
    if (certificate_resend_refusal(view, arena) != NULL)
        return false;
    struct order_record *order = order_copy(view, arena);
    order->resends++;
    order->resent_at = view->now;
    out->order = order;
    out->audit = "order.resend";
    out->audit_detail = order->vendor_order_id;
    return true;
}

static bool act_resend(struct context *ctx, const struct certificate_view *view, const struct step *step,
                       struct outcome *out, struct error *err)
{
    struct issuer_account account;
    (void)step, (void)out;
    if (!order_account_open(ctx, view, &account, err))
        return false;
    bool ok = order_issuer(view)->order_resend(ctx, &account, view->order->vendor_order_id, NULL, err);
    issuer_account_close(&account);
    return ok;
}

static void record_resend(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                          struct arena *arena, struct changes *out)
{
    (void)step;
    out->event_type = outcome->ok ? "Normal" : "Warning";
    out->event_reason = outcome->ok ? "Resent" : "ResendFailed";
    out->event_message = outcome->ok ? arena_printf(arena, "the approval mail of order %s was sent again",
                                                    view->order->vendor_order_id)
                                     : outcome->err.message;
}

const struct action_row action_submit = {"submit", NEEDS_REQUEST, true, false, true, prepare_submit, act_submit, record_submit};
const struct action_row action_poll = {"poll", 0, true, false, false, NULL, act_poll, record_poll};
const struct action_row action_resend = {"resend", 0, true, false, true, prepare_resend, act_resend, record_resend};
