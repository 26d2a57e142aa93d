/* Fetching the certificate: download, pick leaf and chain, accept, and only then record a revision. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "reconcilers/certificate/accept.h"
#include "reconcilers/certificate/order_parts.h"

static bool read_trust_roots(struct context *ctx, struct string_list *out, struct error *err)
{
    for (size_t i = 0; i < ctx->config->trust_roots.count; i++) {
        struct buffer pem = {0};
        if (!file_read_path(ctx->config->trust_roots.items[i], 1 << 20, &pem, err)) {
            buffer_release(&pem);
            return error_prefix(err, "trustRoots");
        }
        string_list_push(ctx->arena, out, arena_strdup(ctx->arena, buffer_text(&pem)));
        buffer_release(&pem);
    }
    return true;
}

/* The certificate is of the key of this order or, when an attempt that was given up turned up after all, of that attempt's. */
static bool assemble(struct context *ctx, const struct order_record *order, const struct span *texts, size_t count,
                     struct outcome *out, struct error *err)
{
    out->key_id = order->key_id;
    bool ok = x509_assemble(texts, count, out->key_id, ctx->arena, &out->bundle, err);
    for (size_t i = order->former_key_ids.count; !ok && err->kind == ERROR_NOT_FOUND && i > 0; i--) {
        out->key_id = order->former_key_ids.items[i - 1];
        *err = (struct error){0};
        ok = x509_assemble(texts, count, out->key_id, ctx->arena, &out->bundle, err);
    }
    return ok;
}

static bool act_fetch(struct context *ctx, const struct certificate_view *view, const struct step *step,
                      struct outcome *out, struct error *err)
{
    const struct order_record *order = view->order;
    struct issuer_account account;
    struct span *texts = NULL;
    size_t count = 0;
    (void)step;
    if (!order_account_open(ctx, view, &account, err))
        return false;
    bool ok = issuer_sslstore.order_download(ctx, &account, order->vendor_order_id, &texts, &count, err);
    issuer_account_close(&account);
    if (!ok)
        return false;
    out->words = "the vendor says that it is issued, but delivers nothing yet";
    if (count == 0)
        return true; /* Active with nothing to download happens: later (sslstore-api.md 12.4) */
    struct error find_err = {0};
    if (!assemble(ctx, order, texts, count, out, &find_err)) {
        if (find_err.kind == ERROR_NOT_FOUND) { /* the former certificate is still delivered */
            out->words = arena_strdup(ctx->arena, find_err.message);
            return true;
        }
        *err = find_err;
        return false;
    }
    struct acceptance rules = {.key_id = out->key_id, .names = order->names, .now = clock_now(),
                               .www_allowed = view->product->www_included, .common_name = order->common_name};
    if (!read_trust_roots(ctx, &rules.trust_roots, err) || !certificate_accept(&out->bundle, &rules, ctx->arena, err))
        return false;
    out->delivered = true;
    return true;
}

static void record_fetch(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                         struct arena *arena, struct changes *out)
{
    struct order_record *order = order_copy(view, arena);
    (void)step;
    if (!outcome->ok || !outcome->delivered) {
        order->polls++;
        order->poll_at = outcome->at + (order->polls < 10 ? 5 : 60);
        out->order = order;
        if (!outcome->ok && outcome->err.kind == ERROR_REFUSED) {
            out->event_type = "Warning";
            out->event_reason = "CertificateNotAccepted";
            out->event_message = outcome->err.message;
        } else if (outcome->ok) {
            out->event_type = "Warning";
            out->event_reason = "NotDelivered";
            out->event_message = outcome->words;
        }
        return;
    }
    const struct x509_info *info = &outcome->bundle.info;
    struct revision_record *revision = arena_alloc(arena, sizeof *revision);
    *revision = (struct revision_record){
        .namespace_ = view->namespace_, .name = view->name, .number = view->record.revision + 1, .cycle = order->cycle,
        .custom_order_id = order->custom_order_id, .vendor_order_id = order->vendor_order_id,
        .partner_order_id = order->partner_order_id, .key_id = outcome->key_id, .fingerprint = info->fingerprint,
        .serial = info->serial, .issuer_cn = info->issuer_cn, .common_name = info->subject_cn,
        .names = string_list_sorted(arena, &info->dns_names), .not_before = info->not_before,
        .not_after = info->not_after, .issued_at = outcome->at};
    struct certificate_record *record = certificate_record_copy(view, arena);
    record->revision = revision->number;
    order->fetched = true;
    order->key_id = outcome->key_id;
    out->order = order;
    out->revision = revision;
    out->certificate = record;
    out->blobs = arena_array(arena, 2, sizeof *out->blobs);
    out->blobs[out->blob_count++] =
        (struct blob){.key = arena_printf(arena, "cert/%s", info->fingerprint), .text = outcome->bundle.leaf};
    out->blobs[out->blob_count++] =
        (struct blob){.key = arena_printf(arena, "chain/%s", info->fingerprint), .text = outcome->bundle.chain};
    out->audit = "certificate.issued";
    out->audit_detail = arena_printf(arena, "revision %d serial %s until %s", revision->number, revision->serial,
                                     clock_rfc3339(arena, revision->not_after));
    out->event_type = "Normal";
    out->event_reason = "Issued";
    out->event_message = out->audit_detail;
}

const struct action_row action_fetch = {"fetch", 0, true, false, false, NULL, act_fetch, record_fetch};
