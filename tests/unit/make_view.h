/* A certificate_view by hand: manifests as text, resolved as the controller would, and records as they stand
 * at a chosen place of a certificate's life. Everything may be changed afterwards; `decide` sees nothing
 * else. */
#pragma once

#include "manifest_set.h"

#include "base/clock.h"
#include "reconcilers/certificate/actions.h"
#include "reconcilers/certificate/decide_parts.h"
#include "schema/dns_account.h"
#include "schema/issuer.h"

struct made {
    struct arena *arena;
    struct manifest_set set;
    struct certificate_view view;
    struct order_record *order;       /* view.order, to be changed */
    struct revision_record *revision; /* view.revision, to be changed */
    struct price_list prices;
};

#define MADE_NOW 1795348800 /* 2026-11-22T12:00:00Z */
#define MADE_DOCUMENT(kind, name) \
    "---\napiVersion: certwright/v1alpha1\nkind: " kind "\nmetadata: {name: " name "}\nspec:\n"
#define MADE_CERTIFICATE(spec) MADE_DOCUMENT("Certificate", "shop") spec

static const char made_background[] =
    MADE_DOCUMENT("Issuer", "main")
    "  sslstore: {environment: offline, partnerCode: \"1\", authTokenSecretRef: {name: s, key: k}}\n"
    MADE_DOCUMENT("DNSAccount", "bind")
    "  zones: [example.com, example.org]\n  rfc2136: {nameserver: \"192.0.2.53:53\"}\n"
    MADE_DOCUMENT("DeployTarget", "web")
    "  domains: [\"*.example.com\", example.com]\n  local: {root: nginx}\n  path: \"{name}\"\n"
    "  reload: {profile: nginx}\n"
    "  probe: {address: \"192.0.2.1:443\"}\n  challenge: {http: {root: www}}\n"
    MADE_DOCUMENT("DeployTarget", "canary")
    "  domains: [shop.example.org]\n  local: {root: nginx}\n  path: \"canary/{name}\"\n"
    "  reload: {profile: nginx}\n"
    "  probe: {address: \"192.0.2.2:443\"}\n"
    MADE_DOCUMENT("DeployTarget", "plain")
    "  domains: [plain.example.org]\n  local: {root: nginx}\n  path: \"plain/{name}\"\n"
    MADE_DOCUMENT("Organization", "ltd")
    "  name: Example Ltd\n  phone: \"+43 1 5550100\"\n"
    "  address: {lines: [Ring 1], city: Vienna, region: Vienna, postalCode: \"1010\", country: AT}\n"
    MADE_DOCUMENT("Contact", "petra")
    "  firstName: Petra\n  lastName: Muster\n  title: Head of IT\n  email: petra@example.com\n"
    "  phone: \"+43 1 5550101\"\n";

static struct deploy_root made_roots[] = {{.name = "nginx", .path = "/srv/nginx"},
                                          {.name = "www", .path = "/srv/www"}};
static struct reload_profile made_profiles[] = {{.name = "nginx"}};
static struct endpoint made_endpoints[] = {
    {.name = "offline", .url = "https://127.0.0.1:1/rest/", .sandbox = true}};
static const struct operator_config made_config = {.path = "certwright.yaml",
                                                   .roots = made_roots,
                                                   .root_count = COUNT_OF(made_roots),
                                                   .profiles = made_profiles,
                                                   .profile_count = COUNT_OF(made_profiles),
                                                   .endpoints = made_endpoints,
                                                   .endpoint_count = COUNT_OF(made_endpoints),
                                                   .orders_per_pass = 10,
                                                   .removal_count = 5,
                                                   .removal_percent = 10};

/* Every product at 7.50 a year, a further name at 2.00, a wildcard at 9.00. */
static inline struct price_list made_prices(struct arena *arena)
{
    struct price_list list = {0};
    const struct product *product;
    for (size_t i = 0; (product = product_at(i)) != NULL; i++)
        *arena_push(arena, &list.items, list.count) = (struct price){
            .product = product->code, .months = 12, .servers = 1, .price_cents = 750, .per_name_cents = 200,
            .per_wildcard_cents = 900, .per_server_cents = 0, .currency = "USD", .max_names = 250};
    return list;
}

/* The certificate "shop" among `manifests`, resolved; false when it does not resolve (then view.invalid). */
static inline bool made_resolve(struct made *made, const char *manifests)
{
    struct certificate_view *view = &made->view;
    made->set = (struct manifest_set){.arena = made->arena};
    if (!manifest_set_add(&made->set, "set.yaml", made_background) ||
        !manifest_set_add(&made->set, "shop.yaml", manifests)) {
        manifest_set_print(&made->set.problems);
        CHECK(!"the manifests of this test are readable");
    }
    struct resource_lookup lookup = manifest_set_lookup(&made->set);
    view->want = manifest_set_find(&made->set, KIND_CERTIFICATE, "default", "shop");
    CHECK(view->want != NULL);
    view->refs = (struct certificate_references){0};
    view->product = product_find(view->want->certificate->order.product, NULL);
    view->invalid = !certificate_resolve(view->want, &lookup, view->config, view->now, made->arena,
                                         &view->refs, &made->set.problems);
    view->invalid_words = view->invalid ? made->set.problems.items[0].message : NULL;
    return !view->invalid;
}

static inline struct certificate_record made_certificate_record(const struct certificate_view *view)
{
    return (struct certificate_record){.namespace_ = view->namespace_,
                                       .name = view->name,
                                       .common_name = "",
                                       .spec_digest = "",
                                       .phase = "",
                                       .reason = "",
                                       .message = "",
                                       .error_kind = "",
                                       .error = "",
                                       .error_step = ""};
}

static inline void made_rollouts(struct made *made)
{
    struct certificate_view *view = &made->view;
    view->rollout_count = view->refs.target_count;
    view->rollouts = arena_array(made->arena, view->rollout_count + 1, sizeof *view->rollouts);
    for (size_t i = 0; i < view->rollout_count; i++)
        view->rollouts[i] = (struct rollout_record){.namespace_ = view->namespace_,
                                                    .name = view->name,
                                                    .target = view->refs.targets[i]->name,
                                                    .state = ROLLOUT_WANTED,
                                                    .fingerprint = "",
                                                    .previous_fingerprint = "",
                                                    .root = "",
                                                    .path = "",
                                                    .layout = "",
                                                    .error = "",
                                                    .settings_digest = ""};
}

/* Nothing recorded; everything is known and allowed, so that the first step is to buy. */
static inline void made_begin(struct made *made, struct arena *arena, const char *manifests)
{
    *made = (struct made){.arena = arena};
    made->prices = made_prices(arena);
    made->view = (struct certificate_view){.config = &made_config,
                                           .now = MADE_NOW,
                                           .boot_ms = 5000000,
                                           .boot_id = "boot-1",
                                           .holder = "host 1 boot-1",
                                           .installation = "0123456789abcdef0123456789abcdef",
                                           .namespace_ = "default",
                                           .name = "shop",
                                           .id = "certificate/shop"};
    made->view.record = made_certificate_record(&made->view);
    if (!made_resolve(made, manifests)) {
        manifest_set_print(&made->set.problems);
        CHECK(!"the manifests of this test resolve");
    }
    made->view.record.spec_digest = text_hex(arena, made->view.want->digest, 32); /* decided upon before */
    made->view.account = (struct account_view){.endpoint = &made_endpoints[0],
                                               .checked = true,
                                               .prices = &made->prices,
                                               .spending_open = true,
                                               .within_budget = true,
                                               .budget_period = "2026-11"};
    made_rollouts(made);
}

/* An order as PREPARE would have recorded it. */
static inline void made_order(struct made *made, enum order_state state)
{
    struct certificate_view *view = &made->view;
    const struct certificate *want = view->want->certificate;
    bool brought =
        want->csr != NULL || want->csr_secret_ref.name != NULL || want->private_key.secret_ref.name != NULL;
    made->order = arena_alloc(made->arena, sizeof *made->order);
    *made->order =
        (struct order_record){.namespace_ = view->namespace_,
                              .name = view->name,
                              .cycle = 1,
                              .attempt = 1,
                              .custom_order_id = certificate_custom_order_id(view, 1, made->arena),
                              .issuer = view->refs.issuer->name,
                              .environment = "offline",
                              .endpoint = view->account.endpoint->url,
                              .product = view->product->code,
                              .term_months = want->order.term_months,
                              .server_count = want->order.server_count,
                              .common_name = certificate_main_name(want),
                              .names = string_list_sorted(made->arena, &want->dns_names),
                              .key_algorithm = want->private_key.algorithm == KEY_ECDSA ? "ECDSA" : "RSA",
                              .key_size = want->private_key.size,
                              .key_id = "k1",
                              .key_brought = brought,
                              .csr_sha256 = "",
                              .csr_md5 = "",
                              .unique_value = "",
                              .request_sha256 = "",
                              .price_cents = certificate_price(view, NULL),
                              .currency = "USD",
                              .budget_period = "2026-11",
                              .state = state,
                              .prepared_at = view->now - 10,
                              .holder = "",
                              .grace_boot = "",
                              .held_reason = "",
                              .vendor_order_id = "",
                              .partner_order_id = "",
                              .ca_order_id = "",
                              .major_status = "",
                              .minor_status = "",
                              .refused_text = "",
                              .relevant_digest = certificate_relevant_digest(view, made->arena)};
    if (state != ORDER_PREPARED) {
        made->order->submitted_at = made->order->grace_from = view->now - 5;
        made->order->submitted_boot_ms = made->order->grace_boot_ms = view->boot_ms - 5000;
        made->order->send_deadline_ms = view->boot_ms;
        made->order->holder = view->holder;
        made->order->grace_boot = view->boot_id;
    }
    made->order->partner_code = view->refs.issuer->issuer->sslstore.partner_code;
    view->record.cycle = 1;
    view->record.first_seen = view->now - 20;
    view->order = made->order;
    view->order_issuer = view->refs.issuer;
}

/* The order is with the vendor, which has said what it wants to see. */
static inline void made_placed(struct made *made)
{
    struct certificate_view *view = &made->view;
    made_order(made, ORDER_PLACED);
    made->order->vendor_order_id = "1000001";
    made->order->major_status = "Pending";
    made->order->phase = VENDOR_PENDING;
    made->order->placed_at = made->order->polled_at = view->now - 5;
    made->order->subscription_ends_at = view->now + 365 * 86400;
    made->order->poll_at = view->now + 15;
    view->challenge_count = view->refs.validation_count;
    view->challenges = arena_array(made->arena, view->challenge_count, sizeof *view->challenges);
    for (size_t i = 0; i < view->challenge_count; i++) {
        const struct name_validation *v = &view->refs.validations[i];
        bool file = v->method == DCV_HTTP || v->method == DCV_HTTPS, dns = v->method == DCV_DNS;
        view->challenges[i] = (struct challenge_record){
            .namespace_ = view->namespace_,
            .name = view->name,
            .cycle = 1,
            .domain = v->name,
            .method = (int)v->method,
            .manual = v->manual,
            .approver = v->approver != NULL ? v->approver : "",
            .record_name = dns ? arena_printf(made->arena, "_%zu.%s", i, v->name) : "",
            .record_type = dns ? "CNAME" : "",
            .next_record_name = "",
            .next_record_type = "",
            .next_record_value = "",
            .next_file_name = "",
            .next_file_content = "",
            .record_value = dns ? "proof.example.net" : "",
            .file_name = file ? "PROOF.txt" : "",
            .file_content = file ? "proof" : "",
            .account = "",
            .zone = "",
            .target = "",
            .vendor_status = "",
            .led_to = "", .led_account = "", .last_check = "",
            .error = ""};
    }
}

static inline void made_challenges(struct made *made, enum challenge_state state)
{
    for (size_t i = 0; i < made->view.challenge_count; i++) {
        struct challenge_record *c = &made->view.challenges[i];
        if (c->method == DCV_EMAIL)
            continue;
        c->state = state;
        c->presented_at = state >= CHALLENGE_PRESENTED ? made->view.now - 3 : 0;
        c->checked_at = c->presented_at;
        c->account = c->method == DCV_DNS && !c->manual ? "bind" : "";
        c->target = c->method != DCV_DNS && !c->manual ? "web" : "";
    }
}

/* Fetched, challenges taken away, not on any target yet. */
static inline void made_issued(struct made *made)
{
    struct certificate_view *view = &made->view;
    made_placed(made);
    made_challenges(made, CHALLENGE_GONE);
    for (size_t i = 0; i < view->challenge_count; i++)
        view->challenges[i].validated = true;
    made->order->phase = VENDOR_ACTIVE;
    made->order->major_status = "Active";
    made->order->fetched = true;
    made->revision = arena_alloc(made->arena, sizeof *made->revision);
    *made->revision = (struct revision_record){.namespace_ = view->namespace_,
                                               .name = view->name,
                                               .number = 1,
                                               .cycle = 1,
                                               .custom_order_id = made->order->custom_order_id,
                                               .vendor_order_id = made->order->vendor_order_id,
                                               .partner_order_id = "",
                                               .key_id = "k1",
                                               .fingerprint = "f1",
                                               .serial = "01",
                                               .issuer_cn = "CA",
                                               .common_name = made->order->common_name,
                                               .names = made->order->names,
                                               .not_before = view->now - 3600,
                                               .not_after = view->now + 199 * 86400,
                                               .issued_at = view->now};
    view->revision = made->revision;
    view->record.revision = 1;
}

/* As it should be. */
static inline void made_settled(struct made *made)
{
    struct certificate_view *view = &made->view;
    made_issued(made);
    for (size_t i = 0; i < view->rollout_count; i++) {
        struct rollout_record *r = &view->rollouts[i];
        r->state = ROLLOUT_ACTIVE;
        r->revision = 1;
        r->generation = 1;
        r->fingerprint = "f1";
        r->active_at = view->now - 60;
        r->settings_digest = rollout_settings_digest(view, i, made->arena);
    }
}
