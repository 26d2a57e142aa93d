/* PREPARE of the order protocol (reliability.md 4.1): key, CSR and the frozen request, which are stored and read back before
 * anything is sent. */
#include "reconcilers/certificate/order_parts.h"

#include <string.h>

#include "base/arena.h"
#include "base/csr.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/key.h"
#include "base/secret.h"

enum { FORMER_KEYS_MOST = 6 };

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
    bool ok = order_issuer(view)->order_freeze(&request, &account, ctx->arena, &frozen, err);
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

struct string_list order_with_former_key(const struct string_list *former, const char *key_id, struct arena *arena)
{
    struct string_list kept = {0};
    for (size_t i = former->count >= FORMER_KEYS_MOST ? former->count - FORMER_KEYS_MOST + 1 : 0; i < former->count; i++)
        string_list_push(arena, &kept, former->items[i]);
    string_list_push(arena, &kept, key_id);
    return kept;
}

bool certificate_counted_here(const struct certificate_view *view)
{
    const struct endpoint *endpoint = view->account.endpoint;
    return text_equal(view->order->issuer, view->refs.issuer->name) &&
           (endpoint == NULL || text_equal(view->order->endpoint, endpoint->url));
}

struct reservation certificate_reservation(const struct certificate_view *view, const struct step *step)
{
    const struct order_record *order = view->order;
    int64_t cost = step->cost_cents > 0 ? step->cost_cents : 0;
    const char *period = view->account.budget_period != NULL ? view->account.budget_period : "";
    if (order == NULL || !text_equal(order->budget_period, period) || !certificate_counted_here(view))
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
        order->former_key_ids = order_with_former_key(&order->former_key_ids, order->key_id, arena);
    order->namespace_ = view->namespace_;
    order->name = view->name;
    order->attempt = view->order == NULL ? 1 : was_sent ? view->order->attempt + 1 : view->order->attempt;
    order->custom_order_id = certificate_custom_order_id(view, order->cycle, arena);
    order->issuer = view->refs.issuer->name;
    order->environment = view->refs.issuer->issuer->sslstore.environment;
    order->endpoint = view->account.endpoint->url;
    order->partner_code = view->refs.issuer->issuer->sslstore.partner_code;
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

const struct action_row action_prepare = {"prepare", 0, false, true, false, NULL, act_prepare, record_prepare};
