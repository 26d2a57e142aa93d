/* A store as it is after a long good life: every certificate of the manifests ordered, validated by e-mail,
 * issued, deployed and at rest until its renewal.
 *
 *   fill_store OPERATOR_FILE [forget]
 *
 * With `forget` the manifest files are not remembered, so that the next look is the first one at them. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "controller/index.h"
#include "controller/model.h"
#include "controller/records.h"
#include "controller/state_backup.h"
#include "reconcilers/certificate/decide_parts.h"
#include "schema/problem.h"

enum { DAY_S = 86400, AT_ONCE = 200, OPENED_AGAIN = 10000, LEAF_BYTES = 1700, CHAIN_BYTES = 2200, KEY_BYTES = 240,
       CSR_BYTES = 520, REQUEST_BYTES = 1900 };

struct fill {
    struct operator_config config;
    struct state *state;
    struct state_batch *batch;
    unsigned char shared[32];
    int64_t now;
    bool forget;
};

static const char *hex_of(const char *use, const char *name, struct arena *arena)
{
    unsigned char digest[32];
    const char *text = arena_printf(arena, "%s/%s", use, name);
    hash_sha256(span_of(text, strlen(text)), digest);
    return text_hex(arena, digest, sizeof digest);
}

static void put_blob(struct fill *fill, const char *table, const char *key, size_t length, struct arena *arena)
{
    char *bytes = arena_alloc(arena, length + 1);
    memset(bytes, 'x', length);
    state_put(fill->batch, TABLE_BLOB, arena_printf(arena, "%s/%s", table, key), span_of(bytes, length), STATE_ANY);
}

static struct order_record order_of(const struct fill *fill, const struct certificate_view *view, struct arena *arena)
{
    const struct certificate *want = view->want->certificate;
    return (struct order_record){
        .namespace_ = view->namespace_, .name = view->name, .cycle = 1, .attempt = 1,
        .custom_order_id = certificate_custom_order_id(view, 1, arena), .issuer = view->refs.issuer->name,
        .environment = view->refs.issuer->issuer->sslstore.environment, .endpoint = view->account.endpoint->url,
        .product = view->product->code, .term_months = want->order.term_months,
        .server_count = want->order.server_count, .common_name = certificate_main_name(want),
        .names = string_list_sorted(arena, &want->dns_names), .key_algorithm = "ECDSA", .key_size = 256,
        .key_id = hex_of("key", view->id, arena), .csr_sha256 = hex_of("csr", view->id, arena),
        .csr_md5 = "00112233445566778899aabbccddeeff", .unique_value = "abcdefghij0123456789",
        .request_sha256 = hex_of("request", view->id, arena), .price_cents = 1900, .currency = "USD",
        .budget_period = "2026-01", .state = ORDER_PLACED, .prepared_at = fill->now - 2 * DAY_S,
        .submitted_at = fill->now - 2 * DAY_S, .holder = view->holder, .grace_boot = view->boot_id, .held_reason = "",
        .vendor_order_id = arena_printf(arena, "%.9s", "100000001"), .partner_order_id = "5000001", .ca_order_id = "",
        .major_status = "Active", .minor_status = "Issued", .phase = VENDOR_ACTIVE, .placed_at = fill->now - 2 * DAY_S,
        .subscription_ends_at = fill->now + 363 * DAY_S, .refused_text = "",
        .relevant_digest = certificate_relevant_digest(view, arena), .fetched = true};
}

static void put_challenges(struct fill *fill, const struct certificate_view *view, struct arena *arena)
{
    for (size_t i = 0; i < view->refs.validation_count; i++) {
        struct challenge_record challenge = {
            .namespace_ = view->namespace_, .name = view->name, .cycle = 1, .domain = view->refs.validations[i].name,
            .method = DCV_EMAIL, .state = CHALLENGE_GONE, .record_name = "", .record_type = "", .record_value = "",
            .file_name = "", .file_content = "", .approver = view->refs.validations[i].approver, .account = "", .zone = "",
            .target = "", .validated = true, .vendor_status = "Validated",
            .created_at = fill->now - 2 * DAY_S, .led_to = "", .led_account = "", .last_check = "", .error = ""};
        record_put(fill->batch, TABLE_CHALLENGE, challenge_key(arena, &challenge), &challenge_record_table, &challenge,
                   STATE_ANY);
    }
}

static void put_rollouts(struct fill *fill, struct certificate_view *view, const char *fingerprint, struct arena *arena)
{
    for (size_t i = 0; i < view->rollout_count; i++) {
        struct rollout_record *rollout = &view->rollouts[i];
        rollout->revision = rollout->generation = 1;
        rollout->state = ROLLOUT_ACTIVE;
        rollout->fingerprint = fingerprint;
        rollout->root = view->refs.targets[i]->deploy_target->local.root;
        rollout->path = view->name;
        rollout->layout = "Generation";
        rollout->started_at = rollout->published_at = rollout->active_at = fill->now - DAY_S;
        rollout->settings_digest = rollout_settings_digest(view, i, arena);
        record_put(fill->batch, TABLE_ROLLOUT, record_key_sub(arena, view->namespace_, view->name, rollout->target),
                   &rollout_record_table, rollout, STATE_ANY);
    }
}

static void put_certificate(struct fill *fill, struct certificate_view *view, struct arena *arena)
{
    struct order_record order = order_of(fill, view, arena);
    const char *key = record_key(arena, view->namespace_, view->name), *fingerprint = hex_of("cert", view->id, arena);
    struct revision_record revision = {
        .namespace_ = view->namespace_, .name = view->name, .number = 1, .cycle = 1,
        .custom_order_id = order.custom_order_id, .vendor_order_id = order.vendor_order_id,
        .partner_order_id = order.partner_order_id, .key_id = order.key_id, .fingerprint = fingerprint,
        .serial = "04a1b2c3d4e5f60718293a4b5c6d7e8f", .issuer_cn = "A public issuer", .common_name = order.common_name,
        .names = order.names, .not_before = fill->now - DAY_S, .not_after = fill->now + 198 * DAY_S,
        .issued_at = fill->now - DAY_S};
    view->order = &order;
    view->revision = &revision;
    struct certificate_record record = view->record;
    record.namespace_ = view->namespace_, record.name = view->name;
    record.common_name = order.common_name;
    record.cycle = record.revision = 1;
    record.spec_digest = text_hex(arena, view->want->digest, 32);
    record.first_seen = fill->now - 2 * DAY_S;
    record.phase = record.reason = "Ready";
    record.message = "issued";
    record.due = certificate_renewal_time(view);
    record_put(fill->batch, TABLE_CERTIFICATE, key, &certificate_record_table, &record, STATE_ANY);
    record_put(fill->batch, TABLE_ORDER, record_key_number(arena, view->namespace_, view->name, 1), &order_record_table,
               &order, STATE_ANY);
    record_put(fill->batch, TABLE_REVISION, record_key_number(arena, view->namespace_, view->name, 1),
               &revision_record_table, &revision, STATE_ANY);
    put_challenges(fill, view, arena);
    put_rollouts(fill, view, fingerprint, arena);
    put_blob(fill, "key", order.key_id, KEY_BYTES, arena);
    put_blob(fill, "csr", order.key_id, CSR_BYTES, arena);
    put_blob(fill, "request", order.custom_order_id, REQUEST_BYTES, arena);
    put_blob(fill, "cert", fingerprint, LEAF_BYTES, arena);
    put_blob(fill, "chain", fingerprint, CHAIN_BYTES, arena);
    meta_put(fill->batch, arena_printf(arena, "id/%s", order.custom_order_id), key);
    meta_put(fill->batch, need_key(arena, order.endpoint, view->refs.issuer->issuer->sslstore.partner_code, order.product,
                                     &order.names),
             arena_printf(arena, "%s/%d", key, 1));
    struct index_row row = {.due = record.due, .flags = INDEX_REST | INDEX_HAS_ORDER};
    memcpy(row.digest, view->want->digest, 32);
    memcpy(row.shared, fill->shared, 32);
    index_put(fill->batch, arena_printf(arena, "%s%c%s", view->namespace_, KEY_SEPARATOR, view->name), &row);
}

static struct state *open_state(const struct fill *fill, struct error *err)
{
    struct state_options options = {.directory = fill->config.state_directory,
        .sealing_key_file = fill->config.sealing_key_file, .audit_directory = fill->config.audit_directory,
        .mode = STATE_WRITE, .holder = "fill_store"};
    return state_open(&options, err);
}

static bool commit(struct fill *fill, struct error *err)
{
    bool ok = state_commit(fill->state, fill->batch, true, err);
    state_batch_destroy(fill->batch);
    fill->batch = state_batch_create();
    return ok;
}

/* Opening it again raises the ceiling of the map with what is used. */
static bool open_again(struct fill *fill, struct model *model, struct error *err)
{
    state_close(fill->state);
    fill->state = model->state = model->budget.state = open_state(fill, err);
    return fill->state != NULL;
}

/* Today's backup is made, and of the days when all this was bought neither backup nor journal is left. */
static bool backed_up(struct fill *fill, struct arena *arena, struct error *err)
{
    struct backup_list list;
    const char *made;
    if (!backup_list(arena_printf(arena, "%s/backups", fill->config.audit_directory), arena, &list, err))
        return false;
    for (size_t i = 0; i < list.count; i++)
        unlink(list.items[i].path);
    return state_backup(fill->state, arena, &made, err);
}

static bool fill_all(struct fill *fill, struct desired *desired, struct error *err)
{
    struct model model;
    size_t done = 0;
    bool ok = true;
    model_init(&model, &fill->config, fill->state);
    model.desired = desired;
    if (!fill->forget)
        desired_remember(desired, fill->batch);
    ok = commit(fill, err) && open_again(fill, &model, err);
    for (size_t i = 0; ok && i < desired_count(desired); i++) {
        const struct desired_entry *entry = desired_at(desired, i);
        if (entry->kind != KIND_CERTIFICATE)
            break;
        AUTO(arena) struct arena *arena = arena_create();
        struct certificate_view view;
        ok = model_view(&model, entry->namespace_, entry->name, arena, &view, err);
        if (ok && view.invalid)
            ok = error_raise(err, ERROR_MANIFEST, "%s: %s", view.id, view.invalid_words);
        if (ok)
            put_certificate(fill, &view, arena);
        if (ok && ++done % AT_ONCE == 0)
            ok = commit(fill, err);
        if (ok && done % OPENED_AGAIN == 0)
            ok = open_again(fill, &model, err);
    }
    ok = ok && commit(fill, err) && backed_up(fill, model.arena, err);
    printf("%zu certificates\n", done);
    model_finish(&model);
    return ok;
}

int main(int argc, char **argv)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct fill fill = {.now = clock_now(), .batch = state_batch_create(), .forget = argc == 3};
    struct problem_list problems = {.arena = arena};
    struct error err = {0};
    if (argc < 2 || (argc == 3 && strcmp(argv[2], "forget") != 0)) {
        fputs("usage: fill_store OPERATOR_FILE [forget]\n", stderr);
        return 64;
    }
    if (!operator_load(argv[1], arena, &fill.config, &problems)) {
        fprintf(stderr, "fill_store: %s: %s\n", argv[1], problems.count > 0 ? problems.items[0].message : "");
        return 1;
    }
    fill.state = open_state(&fill, &err);
    struct desired *desired = fill.state != NULL ? desired_read(&fill.config, NULL, fill.forget ? NULL : fill.state, &err) : NULL;
    if (desired != NULL)
        desired_shared_digest(desired, fill.shared);
    bool ok = desired != NULL && fill_all(&fill, desired, &err);
    if (!ok)
        fprintf(stderr, "fill_store: %s\n", err.message);
    desired_destroy(desired);
    state_batch_destroy(fill.batch);
    state_close(fill.state);
    return ok ? 0 : 1;
}
