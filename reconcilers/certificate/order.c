/* Buying: the order protocol of reliability.md section 4.
 *
 *   PREPARE  key, CSR and frozen request; stored and read back before anything is sent
 *   SUBMIT   claim by compare-and-set, then the one call, sent at most once
 *   LOOK_UP  what became of it, with a positive control; found, or after the grace held for a person (or, where the
 *            operator said so, sent once more)
 *   POLL     how the order gets on, and what it wants to see */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/csr.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/key.h"
#include "base/names.h"
#include "base/secret.h"
#include "reconcilers/certificate/actions.h"

enum {
    SEND_WITHIN_MS = 5000,   /* S of reliability.md section 3 */
    GRACE_S = 900,           /* G >= S + D + V */
    LOOK_UPS = 3,
    LOOK_UP_EVERY_S = 60,
    RESUBMIT_EVERY_S = 86400,
    FORMER_KEYS_MOST = 6,
};

static const struct issuer_ops *ops_of(const struct certificate_view *view)
{
    (void)view; /* one kind of issuer so far */
    return &issuer_sslstore;
}

/* ---- PREPARE ---- */

static const char *const token_alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";

static bool brought_csr(struct context *ctx, const struct certificate_view *view, struct outcome *out, struct error *err)
{
    const struct certificate *want = view->want->certificate;
    const char *pem = want->csr;
    if (pem == NULL) {
        AUTO(secret) struct secret *text = file_read_named_secret(ctx->config->secrets_directory, want->csr_secret_ref.name,
                                                                  want->csr_secret_ref.key, err);
        if (text == NULL)
            return error_prefix(err, "csrSecretRef");
        pem = arena_strndup(ctx->arena, secret_bytes(text), secret_length(text));
    }
    struct csr_info info;
    if (!csr_parse(pem, ctx->arena, &info, err))
        return error_prefix(err, "the request that was brought");
    struct string_list names = info.dns_names;
    if (info.common_name[0] != '\0' && !string_list_contains(&names, info.common_name)) {
        struct string_list all = {0};
        for (size_t i = 0; i < names.count; i++)
            string_list_push(ctx->arena, &all, names.items[i]);
        string_list_push(ctx->arena, &all, info.common_name);
        names = all;
    }
    for (size_t i = 0; i < names.count; i++)
        if (!string_list_contains(&want->dns_names, names.items[i]))
            return error_raise(err, ERROR_MANIFEST, "the request that was brought names %s, which spec.dnsNames does not",
                               names.items[i]);
    if (info.common_name[0] != '\0' && !text_equal(info.common_name, certificate_main_name(want)))
        return error_raise(err, ERROR_MANIFEST, "the request that was brought has the common name %s, the manifest %s",
                           info.common_name, certificate_main_name(want));
    out->csr = pem;
    out->key_id = info.spki_sha256;
    out->key_algorithm = info.algorithm;
    out->key_size = info.key_size;
    out->key_brought = true;
    return true;
}

static bool made_csr(struct context *ctx, const struct certificate_view *view, struct outcome *out, struct error *err)
{
    const struct certificate *want = view->want->certificate;
    AUTO(key) struct key *key = NULL;
    if (want->private_key.secret_ref.name != NULL) {
        AUTO(secret) struct secret *pem = file_read_named_secret(ctx->config->secrets_directory,
                                                                 want->private_key.secret_ref.name,
                                                                 want->private_key.secret_ref.key, err);
        if (pem == NULL || (key = key_parse(pem, err)) == NULL)
            return error_prefix(err, "privateKey.secretRef");
        out->key_brought = true;
    } else if ((key = key_generate(want->private_key.algorithm, want->private_key.size, err)) == NULL) {
        return false;
    }
    struct csr_subject subject = {.common_name = certificate_main_name(want)};
    if (view->refs.organization != NULL) {
        const struct organization *organization = view->refs.organization->organization;
        subject.organization = organization->name;
        subject.locality = organization->address.city;
        subject.region = organization->address.region;
        subject.country = organization->address.country;
    }
    out->csr = csr_create(key, &subject, &want->dns_names, ctx->arena, err);
    out->key = key_pem(key, err);
    if (out->csr == NULL || out->key == NULL)
        return false;
    out->key_id = key_spki_sha256(key, ctx->arena);
    out->key_algorithm = key_algorithm(key) == KEY_ECDSA ? "ECDSA" : "RSA";
    out->key_size = key_size(key);
    return true;
}

static void fill_request(const struct certificate_view *view, const struct outcome *made, struct arena *arena,
                         struct order_request *out)
{
    const struct certificate *want = view->want->certificate;
    const char *main_name = certificate_main_name(want);
    struct string_list names = {0};
    string_list_push(arena, &names, main_name);
    for (size_t i = 0; i < want->dns_names.count; i++)
        if (!text_equal(want->dns_names.items[i], main_name))
            string_list_push(arena, &names, want->dns_names.items[i]);
    enum dcv_method *methods = arena_array(arena, names.count, sizeof *methods);
    const char **approvers = arena_array(arena, names.count, sizeof *approvers);
    for (size_t i = 0; i < names.count; i++)
        for (size_t j = 0; j < view->refs.validation_count; j++)
            if (text_equal(view->refs.validations[j].name, names.items[i])) {
                methods[i] = view->refs.validations[j].method;
                approvers[i] = methods[i] == DCV_EMAIL ? view->refs.validations[j].approver : NULL;
            }
    *out = (struct order_request){
        .custom_order_id = certificate_custom_order_id(view, view->order != NULL ? view->order->cycle : view->record.cycle + 1,
                                                       arena),
        .product = view->product, .term_months = want->order.term_months, .server_count = want->order.server_count,
        .csr = made->csr, .common_name = main_name, .names = names, .methods = methods, .approvers = approvers,
        .web_server_type = want->order.web_server_type, .special_instructions = want->order.special_instructions,
        .email_language = want->order.email_language, .unique_value = made->unique_value,
        .organization = view->refs.organization != NULL ? view->refs.organization->organization : NULL,
        .admin = view->refs.admin_contact != NULL ? view->refs.admin_contact->contact : NULL,
        .technical = view->refs.technical_contact != NULL ? view->refs.technical_contact->contact : NULL,
    };
}

static bool act_prepare(struct context *ctx, const struct certificate_view *view, const struct step *step,
                        struct outcome *out, struct error *err)
{
    const struct certificate *want = view->want->certificate;
    (void)step;
    bool brought = want->csr != NULL || want->csr_secret_ref.name != NULL;
    if (!(brought ? brought_csr(ctx, view, out, err) : made_csr(ctx, view, out, err)))
        return false;
    struct csr_info info;
    if (!csr_parse(out->csr, ctx->arena, &info, err))
        return false;
    out->csr_sha256 = info.der_sha256;
    out->csr_md5 = info.der_md5;
    out->unique_value = random_token(ctx->arena, 20, token_alphabet);
    struct issuer_account account;
    if (!issuer_account_open(ctx, view->refs.issuer, &account, err))
        return false;
    struct order_request request;
    fill_request(view, out, ctx->arena, &request);
    struct buffer frozen = {0};
    bool ok = ops_of(view)->order_freeze(&request, &account, ctx->arena, &frozen, err);
    issuer_account_close(&account);
    if (ok) {
        unsigned char digest[32];
        hash_sha256(span_of(buffer_text(&frozen), frozen.length), digest);
        out->request = arena_strdup(ctx->arena, buffer_text(&frozen));
        out->request_sha256 = text_hex(ctx->arena, digest, sizeof digest);
    }
    buffer_release(&frozen);
    return ok;
}

static struct order_record *new_order(const struct certificate_view *view, struct arena *arena)
{
    if (view->order != NULL)
        return order_copy(view, arena);
    struct order_record *order = arena_alloc(arena, sizeof *order);
    *order = (struct order_record){.cycle = view->record.cycle + 1, .vendor_order_id = "", .partner_order_id = "",
        .ca_order_id = "", .major_status = "", .minor_status = "", .refused_text = "", .holder = "", .grace_boot = "",
        .held_reason = ""};
    return order;
}

static struct string_list with_former_key(const struct string_list *former, const char *key_id, struct arena *arena)
{
    struct string_list kept = {0};
    for (size_t i = former->count >= FORMER_KEYS_MOST ? former->count - FORMER_KEYS_MOST + 1 : 0; i < former->count; i++)
        string_list_push(arena, &kept, former->items[i]);
    string_list_push(arena, &kept, key_id);
    return kept;
}

struct reservation certificate_reservation(const struct certificate_view *view, const struct step *step)
{
    const struct order_record *order = view->order;
    int64_t cost = step->cost_cents > 0 ? step->cost_cents : 0;
    const char *period = view->account.budget_period != NULL ? view->account.budget_period : "";
    if (order == NULL || !text_equal(order->budget_period, period))
        return (struct reservation){1, cost};
    int64_t before = order->price_cents > 0 ? order->price_cents : 0;
    return (struct reservation){0, cost > before ? cost - before : 0};
}

static void record_prepare(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                           struct arena *arena, struct changes *out)
{
    if (!outcome->ok)
        return;
    const struct certificate *want = view->want->certificate;
    struct order_record *order = new_order(view, arena);
    /* Every attempt that could have been sent counts; one that was only prepared does not. */
    bool was_sent = view->order != NULL && view->order->submitted_at > 0;
    if (was_sent && !text_equal(order->key_id, outcome->key_id))
        order->former_key_ids = with_former_key(&order->former_key_ids, order->key_id, arena);
    order->namespace_ = view->namespace_;
    order->name = view->name;
    order->attempt = view->order == NULL ? 1 : was_sent ? view->order->attempt + 1 : view->order->attempt;
    order->custom_order_id = certificate_custom_order_id(view, order->cycle, arena);
    order->issuer = view->refs.issuer->name;
    order->environment = view->refs.issuer->issuer->sslstore.environment;
    order->endpoint = view->account.endpoint->url;
    order->product = view->product->code;
    order->term_months = want->order.term_months;
    order->server_count = want->order.server_count;
    order->common_name = certificate_main_name(want);
    order->names = string_list_sorted(arena, &want->dns_names);
    order->key_algorithm = outcome->key_algorithm;
    order->key_size = outcome->key_size;
    order->key_id = outcome->key_id;
    order->key_brought = outcome->key_brought;
    order->csr_sha256 = outcome->csr_sha256;
    order->csr_md5 = outcome->csr_md5;
    order->unique_value = outcome->unique_value;
    order->request_sha256 = outcome->request_sha256;
    order->price_cents = step->cost_cents;
    order->currency = step->currency != NULL ? step->currency : "";
    order->relevant_digest = certificate_relevant_digest(view, arena);
    order->state = ORDER_PREPARED;
    order->prepared_at = outcome->at;
    order->looked_up = false;
    order->held_reason = "";
    struct reservation reservation = certificate_reservation(view, step);
    order->budget_period = view->account.budget_period != NULL ? view->account.budget_period : "";
    out->reserve_budget = reservation.orders > 0 || reservation.cents > 0;
    out->reserve_cents = reservation.cents;
    struct certificate_record *record = certificate_record_copy(view, arena);
    record->cycle = order->cycle;
    record->common_name = order->common_name;
    out->certificate = record;
    out->order = order;
    out->register_need = true;
    out->blobs = arena_array(arena, 3, sizeof *out->blobs);
    if (outcome->key != NULL)
        out->blobs[out->blob_count++] =
            (struct blob){.key = arena_printf(arena, "key/%s", order->key_id), .secret = outcome->key};
    out->blobs[out->blob_count++] =
        (struct blob){.key = arena_printf(arena, "csr/%s", order->key_id), .text = outcome->csr};
    out->blobs[out->blob_count++] =
        (struct blob){.key = arena_printf(arena, "request/%s", order->custom_order_id), .text = outcome->request};
    out->audit = "order.prepare";
    out->audit_detail = arena_printf(arena, "%s %s attempt %d request %s", order->custom_order_id, order->product,
                                     order->attempt, order->request_sha256);
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
    if (!issuer_account_open(ctx, view->refs.issuer, &account, err))
        return false;
    out->answer = ops_of(view)->order_place(ctx, &account, view->material.request, view->order->custom_order_id,
                                            view->order->send_deadline_ms, &out->vendor, &out->evidence, err);
    issuer_account_close(&account);
    return out->answer == ANSWER_ACCEPTED;
}

static void add_evidence(struct order_record *order, const char *words, int64_t at, struct arena *arena)
{
    struct string_list kept = {0};
    for (size_t i = order->evidence.count >= 6 ? order->evidence.count - 5 : 0; i < order->evidence.count; i++)
        string_list_push(arena, &kept, order->evidence.items[i]);
    const char *line = arena_printf(arena, "%s %s", clock_rfc3339(arena, at), words != NULL ? words : "");
    string_list_push(arena, &kept, text_clean(arena, line, strlen(line), 120));
    order->evidence = kept;
}

static const struct vendor_challenge *wanted_proof(const struct vendor_order *vendor, const char *name)
{
    const struct vendor_challenge *base = NULL;
    for (size_t i = 0; i < vendor->challenge_count; i++) {
        if (text_equal(vendor->challenges[i].domain, name))
            return &vendor->challenges[i];
        if (text_equal(vendor->challenges[i].domain, name_without_wildcard(name)))
            base = &vendor->challenges[i];
    }
    return base;
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
        const struct vendor_challenge *proof = wanted_proof(vendor, v->name);
        if (proof == NULL)
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

static void record_placed(const struct certificate_view *view, struct order_record *order, const struct outcome *outcome,
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
    add_evidence(order, outcome->evidence, outcome->at, arena);
    switch (outcome->answer) {
    case ANSWER_ACCEPTED: record_placed(view, order, outcome, "placed", arena, out); return;
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

/* ---- LOOK_UP ---- */

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

static bool same_order(const struct order_record *order, const struct vendor_order *vendor)
{
    /* The vendor may list the www twin or leave the common name out of the names; the common name is always there. */
    return text_equal(vendor->product, order->product) &&
           (string_list_same_set(&vendor->names, &order->names) || text_equal(vendor->common_name, order->common_name));
}

static bool positive_control(struct context *ctx, const struct issuer_ops *ops, const struct issuer_account *account,
                             const struct certificate_view *view, struct error *err)
{
    const char *known = view->account.record != NULL ? view->account.record->control_order : "";
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
    const struct issuer_ops *ops = ops_of(view);
    struct issuer_account account;
    (void)step;
    if (!issuer_account_open(ctx, view->refs.issuer, &account, err))
        return false;
    out->sent_at = clock_now();
    out->sent_boot_ms = clock_boot_ms();
    bool ok = true;
    if (ops->order_status(ctx, &account, NULL, order->custom_order_id, &out->vendor, err)) {
        out->found = true;
        out->different = !same_order(order, &out->vendor);
    } else if (err->kind == ERROR_NOT_FOUND) {
        int64_t from = (order->submitted_at > 0 ? order->submitted_at : order->prepared_at) - 3600;
        struct vendor_order *list = NULL;
        size_t count = 0;
        ok = ops->order_list(ctx, &account, from, clock_now(), &list, &count, err);
        for (size_t i = 0; ok && i < count && !out->found && out->other_number == NULL; i++) {
            struct vendor_order whole;
            if (!text_empty(list[i].custom_order_id) && !text_equal(list[i].custom_order_id, order->custom_order_id))
                continue;
            if (!same_order(order, &list[i]))
                continue;
            ok = ops->order_status(ctx, &account, list[i].vendor_order_id, NULL, &whole, err);
            if (ok && text_equal(whole.custom_order_id, order->custom_order_id)) {
                out->found = true;
                out->vendor = whole;
            } else if (ok && text_empty(whole.custom_order_id)) {
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
        order->former_key_ids = with_former_key(&order->former_key_ids, order->key_id, arena);
    order->state = ORDER_PREPARED;
    order->attempt++;
    order->looked_up = false;
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
    if (order->state == ORDER_PREPARED) { /* asked before a further claim, not after one */
        order->looked_up = true;
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
            arena, "the order was sent, its answer was lost, and the vendor does not know of it%s", refusal);
        out->audit = "order.held";
        out->audit_detail = order->custom_order_id;
        out->event_type = "Warning";
        out->event_reason = "OrderHeld";
        out->event_message = order->held_reason;
    }
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
        add_evidence(order, arena_printf(arena, "look-up failed: %s", outcome->err.message), outcome->at, arena);
        return;
    }
    if (outcome->found && !outcome->different) {
        add_evidence(order, "found by look-up", outcome->at, arena);
        record_placed(view, order, outcome, "found", arena, out);
        return;
    }
    if (outcome->found || outcome->other_number != NULL) {
        const char *number = outcome->found ? outcome->vendor.vendor_order_id : outcome->other_number;
        order->state = ORDER_HELD;
        order->held_reason = arena_printf(arena, "the vendor shows order %s, which may be this one but cannot be matched",
                                          number);
        out->audit = "order.held";
        out->audit_detail = arena_printf(arena, "%s against %s", order->custom_order_id, number);
        out->event_type = "Warning";
        out->event_reason = "OrderHeld";
        out->event_message = order->held_reason;
        return;
    }
    add_evidence(order, "absent, with control", outcome->at, arena);
    record_absent(view, order, outcome, arena, out);
}

/* ---- POLL ---- */

static bool act_poll(struct context *ctx, const struct certificate_view *view, const struct step *step,
                     struct outcome *out, struct error *err)
{
    struct issuer_account account;
    (void)step;
    if (!issuer_account_open(ctx, view->refs.issuer, &account, err))
        return false;
    const struct order_record *order = view->order;
    const struct issuer_ops *ops = ops_of(view);
    struct vendor_order ours;
    struct error why = {0};
    bool ok = ops->order_status(ctx, &account, order->vendor_order_id, NULL, &out->vendor, err);
    bool others = ok && !text_empty(out->vendor.custom_order_id) &&
                  !text_equal(out->vendor.custom_order_id, order->custom_order_id);
    /* The number leads nowhere, or to another order: what counts is our own id. */
    if (others || (!ok && err->kind == ERROR_NOT_FOUND)) {
        ok = ops->order_status(ctx, &account, NULL, order->custom_order_id, &ours, &why) && same_order(order, &ours);
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
    if (!issuer_account_open(ctx, view->refs.issuer, &account, err))
        return false;
    bool ok = ops_of(view)->order_resend(ctx, &account, view->order->vendor_order_id, NULL, err);
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

const struct action_row action_resend = {"resend", 0, true, false, true, prepare_resend, act_resend, record_resend};
const struct action_row action_prepare = {"prepare", 0, false, true, false, NULL, act_prepare, record_prepare};
const struct action_row action_submit = {"submit", NEEDS_REQUEST, true, false, true, prepare_submit, act_submit, record_submit};
const struct action_row action_look_up = {"look up", 0, true, false, false, prepare_look_up, act_look_up, record_look_up};
const struct action_row action_poll = {"poll", 0, true, false, false, NULL, act_poll, record_poll};
