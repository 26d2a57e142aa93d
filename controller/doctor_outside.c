/* What the controller works with: the vendors' accounts, the DNS accounts, and the places and programs of
 * deploy targets. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/secret.h"
#include "controller/desired.h"
#include "controller/doctor_internal.h"
#include "controller/outside.h"
#include "reconcilers/deploy/deploy.h"
#include "reconcilers/dns/dns.h"
#include "reconcilers/issuer/issuer.h"
#include "schema/dns_account.h"
#include "schema/kinds.h"

enum { CLOCK_MOST_S = 300 };

typedef void visit_resource(struct doctor *d, const struct resource *resource, struct context *ctx);

static size_t each(struct doctor *d, enum resource_kind kind, visit_resource *visit, struct context *ctx)
{
    size_t count = 0;
    for (size_t i = 0; d->desired != NULL && i < desired_count(d->desired); i++) {
        const struct desired_entry *entry = desired_at(d->desired, i);
        const struct resource *resource = entry->kind == kind ? desired_resource(d->desired, entry) : NULL;
        if (resource != NULL)
            visit(d, resource, ctx);
        count += resource != NULL;
    }
    return count;
}

static const char *id_of(struct doctor *d, const struct resource *r)
{
    return resource_id(d->arena, r->kind, r->namespace_, r->name);
}

/* ---- credentials on the disk ---- */

/* Every {name, key} of a spec, found by its field table, so that a new kind of account comes for free. */
static void look_at_refs(struct doctor *d, const struct resource *resource, const struct field_table *table,
                         const char *base, bool *all_fine)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct field *field = &table->fields[i];
        const char *at = base + field->offset;
        if (field->type == FIELD_OBJECT)
            look_at_refs(d, resource, field->table, at, all_fine);
        for (size_t k = 0; field->type == FIELD_OBJECTS && k < *(const size_t *)(base + field->count_offset);
             k++)
            look_at_refs(d, resource, field->table, *(const char *const *)at + k * field->table->size,
                         all_fine);
        const struct secret_ref *ref = field->type == FIELD_SECRET ? (const struct secret_ref *)at : NULL;
        if (ref == NULL || ref->name == NULL)
            continue;
        struct error err = {0};
        AUTO(secret)
        struct secret *secret =
            file_read_named_secret(d->ctx->config.secrets_directory, ref->name, ref->key, &err);
        if (secret != NULL)
            continue;
        *all_fine = false;
        doctor_add_error(d, "secret", id_of(d, resource), &err,
                         err.kind == ERROR_NOT_FOUND
                             ? "put the credential there: mode 0400, of the user that runs certwright"
                             : "mode 0400, of the user that runs certwright");
    }
}

static void look_at_secrets(struct doctor *d, const struct resource *resource, struct context *ctx)
{
    static const struct field_table *const tables[KIND_COUNT] = {[KIND_ISSUER] = &issuer_table,
                                                                 [KIND_DNS_ACCOUNT] = &dns_account_table,
                                                                 [KIND_CERTIFICATE] = &certificate_table};
    bool fine = true;
    (void)ctx;
    look_at_refs(d, resource, tables[resource->kind], resource->spec, &fine);
    if (fine && resource->kind != KIND_CERTIFICATE)
        doctor_add(d, "secret", id_of(d, resource), CHECK_YES, "its credentials can be read", NULL);
}

/* ---- deploy targets ---- */

static void look_at_root(struct doctor *d, const struct deploy_root *root)
{
    struct stat st;
    if (stat(root->path, &st) != 0 || !S_ISDIR(st.st_mode))
        doctor_add(d, "root", root->name, CHECK_NO, arena_printf(d->arena, "%s is no directory", root->path),
                   "make it, or correct deploy.roots in the operator's file");
    else if (access(root->path, W_OK | X_OK) != 0)
        doctor_add(d, "root", root->name, CHECK_NO,
                   arena_printf(d->arena, "%s cannot be written by the user that runs this", root->path),
                   "give it to the user that runs certwright (docs/deploying.md, rights)");
    else
        doctor_add(d, "root", root->name, CHECK_YES, root->path, NULL);
}

static void look_at_profile(struct doctor *d, const struct reload_profile *profile)
{
    const struct string_list *lists[] = {&profile->check, &profile->reload};
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        if (lists[i]->count > 0 && access(lists[i]->items[0], X_OK) != 0) {
            doctor_add(d, "reload", profile->name, CHECK_NO,
                       arena_printf(d->arena, "%s cannot be run", lists[i]->items[0]),
                       "correct deploy.reloadProfiles in the operator's file, or install the program");
            return;
        }
    doctor_add(d, "reload", profile->name, CHECK_YES, "its programs are there", NULL);
}

static void look_at_webroot(struct doctor *d, const struct resource *target, struct context *ctx)
{
    struct error err = {0};
    bool there;
    if (target->deploy_target->challenge_http.root == NULL)
        return;
    if (deploy_local.challenge_look(ctx, target, NULL, NULL, &there, &err))
        doctor_add(d, "webroot", id_of(d, target), CHECK_YES, "challenge files have a place", NULL);
    else
        doctor_add_error(d, "webroot", id_of(d, target), &err,
                         "correct challenge.http of the target, or the root");
}

void doctor_targets(struct doctor *d)
{
    const struct operator_config *config = &d->ctx->config;
    AUTO(outside)
    struct outside outside;
    outside_open(&outside, d->ctx);
    d->about = "credentials";
    each(d, KIND_ISSUER, look_at_secrets, NULL);
    each(d, KIND_DNS_ACCOUNT, look_at_secrets, NULL);
    each(d, KIND_CERTIFICATE, look_at_secrets, NULL);
    d->about = "deploy targets";
    for (size_t i = 0; i < config->root_count; i++)
        look_at_root(d, &config->roots[i]);
    for (size_t i = 0; i < config->profile_count; i++)
        look_at_profile(d, &config->profiles[i]);
    each(d, KIND_DEPLOY_TARGET, look_at_webroot, &outside.context);
}

/* ---- far sides ---- */

static void look_at_issuer(struct doctor *d, const struct resource *issuer, struct context *ctx)
{
    struct issuer_account account;
    struct error err = {0};
    const char *id = id_of(d, issuer);
    if (!issuer->issuer->enabled)
        return;
    if (!issuer_account_open(ctx, issuer, &account, &err)) {
        doctor_add_error(d, "vendor", id, &err, NULL);
        return;
    }
    ctx->vendor_ahead_s = 0;
    bool ok = issuer_sslstore.check(ctx, &account, &err);
    issuer_account_close(&account);
    if (!ok)
        doctor_add_error(
            d, "vendor", id, &err,
            err.kind == ERROR_CREDENTIAL ? "compare partnerCode and token with the vendor's panel" : NULL);
    else
        doctor_add(d, "vendor", id, CHECK_YES, "it answers and accepts the credentials", NULL);
    if (ok && llabs(ctx->vendor_ahead_s) > CLOCK_MOST_S)
        doctor_add(d, "clock", id, CHECK_NO,
                   arena_printf(d->arena, "the vendor's clock is %s %s of this host's",
                                text_duration_words(d->arena, llabs(ctx->vendor_ahead_s)),
                                ctx->vendor_ahead_s > 0 ? "ahead" : "behind"),
                   "set this host's clock, and keep it by NTP");
}

static void look_at_account(struct doctor *d, const struct resource *account, struct context *ctx)
{
    const struct dns_account *spec = account->dns_account;
    const struct dns_provider_ops *ops = dns_provider_ops(spec->provider);
    const char *zone = spec->zones.count > 0          ? spec->zones.items[0]
                       : spec->rfc2136.zone_count > 0 ? spec->rfc2136.zones[0].name
                                                      : NULL;
    const char *id = id_of(d, account);
    struct error err = {0};
    if (!spec->enabled || ops == NULL)
        return;
    if (zone == NULL)
        doctor_add(d, "DNS account", id, CHECK_UNKNOWN, "its manifest names no zone to ask for",
                   arena_printf(d->arena, "certwright dns test %s ZONE", account->name));
    else if (ops->check(ctx, account, zone, &err))
        doctor_add(d, "DNS account", id, CHECK_YES,
                   arena_printf(d->arena, "credentials accepted for zone %s", zone), NULL);
    else
        doctor_add_error(d, "DNS account", id, &err, NULL);
}

void doctor_outside(struct doctor *d)
{
    AUTO(outside)
    struct outside outside;
    outside_open(&outside, d->ctx);
    d->about = "far sides";
    size_t count = each(d, KIND_ISSUER, look_at_issuer, &outside.context);
    each(d, KIND_DNS_ACCOUNT, look_at_account, &outside.context);
    if (d->desired != NULL && count == 0)
        doctor_add(d, "vendor", "", CHECK_WARN, "the manifests hold no Issuer",
                   "write one: examples/quickstart has a short one");
}
