/* How each name of a certificate is proven: by which DNS account, by a file on which target, by whose answer. */
#include <string.h>

#include "base/arena.h"
#include "base/names.h"
#include "schema/deploy_target.h"
#include "schema/dns_account.h"
#include "schema/reference_internal.h"

/* ---- DNS accounts ---- */

/* The name of a TXT may be an alias that leads into the account's zones; a CNAME's cannot. */
static bool may_be_led_elsewhere(const struct resolving *r, const struct resource *account)
{
    return account->dns_account->cname_strategy == CNAME_FOLLOW && r->check.product != NULL &&
           r->check.product->family != FAMILY_SECTIGO;
}

static const struct resource *named_account(struct resolving *r, const struct reference *reference, const char *name,
                                            const char *path)
{
    const struct resource *account = reference_by_name(r, KIND_DNS_ACCOUNT, reference, path);
    if (account == NULL)
        return NULL;
    if (!account->dns_account->enabled)
        certificate_problem(&r->check, SEVERITY_ERROR, "disabled-account", reference_place(r, reference, path), path,
                            "DNS account \"%s\" is not enabled", account->name);
    else if (account->dns_account->zones.count > 0 &&
             dns_account_zone(account->dns_account, name_without_wildcard(name)) == NULL && !may_be_led_elsewhere(r, account))
        certificate_problem(&r->check, SEVERITY_ERROR, "zone-not-served", reference_place(r, reference, path), path,
                            "none of the zones of DNS account \"%s\" holds \"%s\"", account->name, name);
    return account;
}

static bool has_selector(const struct resource *account) { return account->dns_account->selector.count > 0; }

/* Those that fit the certificate's labels expressly, if there are any. */
static struct found_list selected_of(struct resolving *r, const struct found_list *list)
{
    struct found_list selected = {0};
    for (size_t i = 0; i < list->count; i++)
        if (has_selector(list->items[i]))
            *arena_push(r->arena, &selected.items, selected.count) = list->items[i];
    return selected.count > 0 ? selected : *list;
}

static const char *labels_text(struct arena *arena, const struct label_list *labels)
{
    struct string_list parts = {0};
    for (size_t i = 0; i < labels->count; i++)
        string_list_push(arena, &parts, arena_printf(arena, "%s: %s", labels->items[i].name, labels->items[i].value));
    return string_list_join(arena, &parts, ", ");
}

static const char *reason_of(struct resolving *r, const struct resource *account, const char *name, bool by_selector,
                             bool alone)
{
    const struct dns_account *spec = account->dns_account;
    const char *labels = by_selector ? labels_text(r->arena, &spec->selector) : "";
    const char *zone = dns_account_zone(spec, name_without_wildcard(name));
    if (zone != NULL)
        return arena_printf(r->arena, "zone %s%s%s", zone, by_selector ? " and selector " : alone ? "" : " is the longest",
                            labels);
    return by_selector ? arena_printf(r->arena, "selector %s", labels) : "the only one that names no zones";
}

static void complain_of_choice(struct resolving *r, const struct found_list *candidates, const char *name, const char *path)
{
    struct position position = certificate_name_position(&r->check, name);
    if (candidates->count > 1) {
        struct problem *problem = certificate_problem(&r->check, SEVERITY_ERROR, "ambiguous-dns-account", position, path,
                                                      "several DNS accounts (%s) may serve \"%s\" and none is named",
                                                      reference_names(r, candidates), name);
        problem->hint = "add dcv.dns.accountRef: {name: …}, or `zones` or `selector` to the accounts";
    } else {
        struct problem *problem = certificate_problem(&r->check, SEVERITY_ERROR, "no-dns-account", position, path,
                                                      "no enabled DNS account serves a zone of \"%s\"", name);
        problem->hint = "add a DNSAccount with such a zone, or dcv.dns.manual: true to make the record yourself";
    }
}

/* By longest zone, else those whose zones are not told; of equals, the one whose selector fits the certificate's labels. */
static const struct resource *choose_account(struct resolving *r, const char *name, const char *path, const char **out_reason)
{
    struct found_list best = {0}, unknown = {0}, all = reference_visible(r, KIND_DNS_ACCOUNT);
    size_t longest = 0, shorter = 0;
    for (size_t i = 0; i < all.count; i++) {
        const struct dns_account *account = all.items[i]->dns_account;
        if (!account->enabled ||
            (has_selector(all.items[i]) && !label_list_match(&account->selector, &r->resource->labels)))
            continue;
        const char *zone = dns_account_zone(account, name_without_wildcard(name));
        size_t length = zone != NULL ? strlen(zone) : 0;
        if (length > longest) {
            longest = length;
            shorter += best.count;
            best.count = 0;
        }
        if (length > 0 && length == longest)
            *arena_push(r->arena, &best.items, best.count) = all.items[i];
        else if (length > 0)
            shorter++;
        if (account->zones.count == 0 && zone == NULL)
            *arena_push(r->arena, &unknown.items, unknown.count) = all.items[i];
    }
    const struct found_list *fitting = best.count > 0 ? &best : &unknown;
    struct found_list candidates = selected_of(r, fitting);
    if (candidates.count != 1) {
        complain_of_choice(r, &candidates, name, path);
        return NULL;
    }
    const struct resource *account = candidates.items[0];
    bool by_selector = has_selector(account) && (best.count != 1 || fitting == &unknown);
    *out_reason = reason_of(r, account, name, by_selector, shorter == 0);
    return account;
}

/* A program or webhook must stand in the operator's file, open to the account's namespace. */
static void check_helper(struct resolving *r, const struct resource *account)
{
    const struct dns_account *spec = account->dns_account;
    const char *ns = account->namespace_;
    if (spec->provider == DNS_PROVIDER_EXEC)
        reference_check_place(r, account, PLACE_DNS_PROGRAM, spec->exec.program,
                              operator_dns_program(r->config, spec->exec.program, ns) != NULL, "spec.exec.program");
    if (spec->provider == DNS_PROVIDER_WEBHOOK)
        reference_check_place(r, account, PLACE_DNS_WEBHOOK, spec->webhook.endpoint,
                              operator_dns_webhook(r->config, spec->webhook.endpoint, ns) != NULL,
                              "spec.webhook.endpoint");
}

static void validate_by_dns(struct resolving *r, struct name_validation *validation, const struct dcv_settings *settings)
{
    const char *path = arena_printf(r->arena, "%s.dns.accountRef", certificate_dcv_path(&r->check, validation->name));
    const struct resource *account = NULL;
    const char *reason = "named in the manifest";
    if (settings->dns.manual) {
        validation->manual = true;
        return;
    }
    if (settings->dns.account_ref.name != NULL)
        account = named_account(r, &settings->dns.account_ref, validation->name, path);
    else
        account = choose_account(r, validation->name, path, &reason);
    if (account == NULL)
        return;
    if (account->dns_account->provider == DNS_PROVIDER_MANUAL)
        validation->manual = true;
    else {
        validation->dns_account = account;
        validation->dns_reason = reason;
    }
    check_helper(r, account);
}

/* ---- challenge files ---- */

/* SERVES_BELOW: "*.example.com" for a.b.example.com, as web servers take their wildcards. */
enum serving { SERVES_NOT, SERVES_ALL, SERVES_BELOW, SERVES_NAME };

static enum serving serves(const struct resource *target, const char *name)
{
    const struct deploy_target *spec = target->deploy_target;
    if (spec->challenge_http.root == NULL)
        return SERVES_NOT;
    enum serving best = spec->domains.count == 0 ? SERVES_ALL : SERVES_NOT;
    for (size_t i = 0; i < spec->domains.count; i++) {
        const char *domain = spec->domains.items[i];
        if (text_name_matches(domain, name))
            return SERVES_NAME;
        if (name_is_wildcard(domain) && text_name_within(name, name_without_wildcard(domain)) &&
            strcmp(name, name_without_wildcard(domain)) != 0)
            best = SERVES_BELOW;
    }
    return best;
}

static struct found_list servers(const struct resolving *r, const struct resource **targets, size_t count,
                                 const char *name, enum serving how)
{
    struct found_list list = {0};
    for (size_t i = 0; i < count; i++)
        if (serves(targets[i], name) == how)
            *arena_push(r->arena, &list.items, list.count) = targets[i];
    return list;
}

/* The certificate's own targets come first, those that list the name before those that list none. */
static void validate_by_file(struct resolving *r, struct name_validation *validation, const struct dcv_settings *settings)
{
    const char *name = validation->name;
    if (settings->http.manual || name_is_wildcard(name)) { /* a wildcard was refused already */
        validation->manual = settings->http.manual;
        return;
    }
    struct found_list found = {0};
    for (enum serving how = SERVES_NAME; found.count == 0 && how > SERVES_NOT; how--)
        found = servers(r, r->out->targets, r->out->target_count, name, how);
    if (found.count == 0) {
        struct found_list all = reference_visible(r, KIND_DEPLOY_TARGET);
        found = servers(r, all.items, all.count, name, SERVES_NAME);
    }
    const char *path = arena_printf(r->arena, "%s.method", certificate_dcv_path(&r->check, name));
    struct position position = certificate_name_position(&r->check, name);
    if (found.count == 1) {
        validation->http_target = found.items[0];
        const char *root = found.items[0]->deploy_target->challenge_http.root;
        reference_check_place(r, found.items[0], PLACE_ROOT, root, reference_root_open(r, root), "spec.challenge.http.root");
    } else if (found.count > 1) {
        struct problem *problem = certificate_problem(&r->check, SEVERITY_ERROR, "ambiguous-http-target", position, path,
                                                      "several targets (%s) may hold the challenge file for \"%s\"",
                                                      reference_names(r, &found), name);
        problem->hint = "list the name in `domains` of exactly one of them";
    } else {
        struct problem *problem = certificate_problem(&r->check, SEVERITY_ERROR, "no-http-target", position, path,
                                                      "no target holds challenge files for \"%s\"", name);
        problem->hint = "add challenge.http and the name in `domains` to a DeployTarget, or dcv.http.manual: true to "
                        "place the file yourself";
    }
}

/* ---- names ---- */

void reference_resolve_validations(struct resolving *r)
{
    const struct certificate *certificate = r->certificate;
    struct certificate_references *out = r->out;
    struct found_list accounts = reference_visible(r, KIND_DNS_ACCOUNT);
    out->dns_accounts = accounts.items;
    out->dns_account_count = accounts.count;
    out->validations = arena_array(r->arena, certificate->dns_names.count, sizeof *out->validations);
    for (size_t i = 0; i < certificate->dns_names.count; i++) {
        const char *name = certificate->dns_names.items[i];
        const struct dcv_settings *settings = certificate_dcv(certificate, name);
        struct name_validation *validation = &out->validations[i];
        *validation = (struct name_validation){.name = name, .method = settings->method};
        out->validation_count = i + 1;
        if (settings->method == DCV_DNS)
            validate_by_dns(r, validation, settings);
        else if (settings->method == DCV_HTTP || settings->method == DCV_HTTPS)
            validate_by_file(r, validation, settings);
        else if (settings->method == DCV_EMAIL)
            validation->approver = certificate_approver(&r->check, name);
    }
}
