/* What a certificate refers to: looked up by name or chosen where only one can be meant. A resource that is not there and
 * one that is not opened to the namespace are told apart by no word (reliability.md 9.1). */
#include "schema/reference.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "schema/contact.h"
#include "schema/deploy_target.h"
#include "schema/issuer.h"
#include "schema/organization.h"
#include "schema/reference_internal.h"
#include "schema/yaml.h"

/* ---- places ---- */

static const struct yaml_node *item_at(const struct yaml_node *list, size_t index)
{
    const struct yaml_node *item = list->kind == YAML_SEQUENCE ? list->first : NULL;
    while (item != NULL && index-- > 0)
        item = item->next;
    return item;
}

struct position manifest_position(const struct resource *resource, const char *path)
{
    struct position best = resource->position;
    const struct yaml_node *node = resource->spec_node;
    const char *rest = strncmp(path, "spec", 4) == 0 && (path[4] == '.' || path[4] == '\0') ? path + 4 : "";
    if (node != NULL && node->key_line > 0)
        best = yaml_key_position(node);
    while (node != NULL && *rest != '\0') {
        if (*rest == '[') {
            node = item_at(node, strtoul(rest + 1, NULL, 10));
            rest += strcspn(rest, "]") + (strchr(rest, ']') != NULL);
            best = node != NULL ? yaml_position(node) : best;
            continue;
        }
        rest += *rest == '.';
        char key[YAML_TOP_KEY + 1];
        size_t length = strcspn(rest, ".[");
        if (length == 0 || length >= sizeof key)
            break;
        memcpy(key, rest, length);
        key[length] = '\0';
        rest += length;
        node = node->kind == YAML_MAPPING ? yaml_member(node, key) : NULL;
        if (node != NULL)
            best = node->kind == YAML_SCALAR ? yaml_position(node) : yaml_key_position(node);
    }
    return best;
}

static struct position place(const struct resolving *r, const char *path)
{
    return manifest_position(r->resource, path);
}

struct position reference_place(const struct resolving *r, const struct reference *reference, const char *path)
{
    return reference->position.line > 0 ? reference->position : place(r, path);
}

/* ---- what a namespace may use ---- */

static const struct namespace_rule *rule_of(const struct resolving *r)
{
    for (size_t i = 0; i < r->config->namespace_count; i++)
        if (strcmp(r->config->namespaces[i].name, r->resource->namespace_) == 0)
            return &r->config->namespaces[i];
    return NULL;
}

/* Once the operator's file has `namespaces`, a namespace it does not list has nothing opened: else writing another name
 * would be the way out. `default` stays open until it is listed. */
static bool is_limited(const struct resolving *r)
{
    return r->config->namespace_count > 0 && (rule_of(r) != NULL || strcmp(r->resource->namespace_, "default") != 0);
}

static const struct string_list *opened(const struct resolving *r, enum resource_kind kind)
{
    static const struct string_list nothing;
    const struct namespace_rule *rule = rule_of(r);
    if (rule == NULL)
        return &nothing;
    return kind == KIND_ISSUER ? &rule->issuers : &rule->dns_accounts;
}

static bool by_operator(enum resource_kind kind) { return kind == KIND_ISSUER || kind == KIND_DNS_ACCOUNT; }

/* The resource if this certificate may use it: of its own namespace, or of `default` when opened to it by name. */
const struct resource *reference_find(const struct resolving *r, enum resource_kind kind, const char *name)
{
    bool limited = by_operator(kind) && is_limited(r);
    if (limited && !string_list_contains(opened(r, kind), name))
        return NULL;
    const struct resource *found = r->lookup->find(r->lookup->set, kind, r->resource->namespace_, name);
    if (found == NULL && limited)
        found = r->lookup->find(r->lookup->set, kind, "default", name);
    return found;
}

struct found_list reference_visible(const struct resolving *r, enum resource_kind kind)
{
    struct found_list list = {0};
    if (by_operator(kind) && is_limited(r)) {
        struct string_list names = string_list_sorted(r->arena, opened(r, kind));
        for (size_t i = 0; i < names.count; i++) {
            const struct resource *found = reference_find(r, kind, names.items[i]);
            if (found != NULL)
                *arena_push(r->arena, &list.items, list.count) = found;
        }
        return list;
    }
    struct resource_list own = r->lookup->list(r->lookup->set, kind, r->resource->namespace_, r->arena);
    for (size_t i = 0; i < own.count; i++)
        *arena_push(r->arena, &list.items, list.count) = &own.items[i];
    return list;
}

char *reference_names(const struct resolving *r, const struct found_list *list)
{
    struct string_list names = {0};
    for (size_t i = 0; i < list->count; i++)
        string_list_push(r->arena, &names, list->items[i]->name);
    return string_list_join(r->arena, &names, ", ");
}

/* ---- references by name ---- */

const struct resource *reference_by_name(struct resolving *r, enum resource_kind kind, const struct reference *reference,
                                    const char *path)
{
    if (reference->name == NULL)
        return NULL;
    const struct resource *found = reference_find(r, kind, reference->name);
    if (found != NULL)
        return found;
    struct problem *problem = certificate_problem(
        &r->check, SEVERITY_ERROR, "unknown-reference", reference_place(r, reference, path), path,
        "namespace \"%s\" has no %s \"%s\"%s", r->resource->namespace_, resource_kind_name(kind), reference->name,
        by_operator(kind) && is_limited(r) ? ", nor is one opened to it in `namespaces` of the operator's file" : "");
    struct string_list names = {0};
    struct found_list others = reference_visible(r, kind);
    for (size_t i = 0; i < others.count; i++)
        string_list_push(r->arena, &names, others.items[i]->name);
    const char *near = text_nearest(reference->name, (const char *const *)names.items, names.count);
    if (near != NULL)
        problem->hint = arena_printf(r->check.problems->arena, "did you mean \"%s\"?", near);
    return NULL;
}

/* ---- issuer ---- */

static void choose_issuer(struct resolving *r)
{
    struct found_list enabled = {0}, all = reference_visible(r, KIND_ISSUER);
    for (size_t i = 0; i < all.count; i++)
        if (all.items[i]->issuer->enabled)
            *arena_push(r->arena, &enabled.items, enabled.count) = all.items[i];
    const char *path = "spec.issuerRef";
    if (enabled.count == 1) {
        r->out->issuer = enabled.items[0];
    } else if (enabled.count > 1) {
        struct problem *problem = certificate_problem(&r->check, SEVERITY_ERROR, "ambiguous-issuer", place(r, path), path,
                                                      "there are several issuers (%s) and none is named",
                                                      reference_names(r, &enabled));
        problem->hint = "add issuerRef: {name: …}";
    } else {
        struct problem *problem = certificate_problem(
            &r->check, SEVERITY_ERROR, "no-issuer", place(r, path), path,
            all.count > 0 ? "no issuer of namespace \"%s\" is enabled" : "namespace \"%s\" has no issuer",
            r->resource->namespace_);
        problem->hint = all.count > 0 ? "set enabled: true on an Issuer" : "add a manifest of kind Issuer";
    }
}

static void resolve_issuer(struct resolving *r)
{
    const struct reference *reference = &r->certificate->issuer_ref;
    const char *path = "spec.issuerRef";
    if (reference->name == NULL)
        choose_issuer(r);
    else
        r->out->issuer = reference_by_name(r, KIND_ISSUER, reference, path);
    const struct resource *found = r->out->issuer;
    if (found == NULL)
        return;
    if (!found->issuer->enabled)
        certificate_problem(&r->check, SEVERITY_ERROR, "disabled-issuer", reference_place(r, reference, path), path,
                            "issuer \"%s\" is not enabled", found->name)->hint =
            "name another issuer, or write spec.enabled: true in that one";
    const char *environment = found->issuer->sslstore.environment;
    const struct endpoint *endpoint = operator_endpoint(r->config, environment);
    if (endpoint != NULL && operator_endpoint_is_vendors(endpoint) && r->config->clock_file != NULL)
        certificate_problem(&r->check, SEVERITY_ERROR, "clock-turned", reference_place(r, reference, path), path,
                            "issuer \"%s\" is at the vendor's own endpoint %s, and `clock` in the operator's file turns "
                            "the time: that is for tests only", found->name, endpoint->name);
    if (endpoint == NULL) {
        struct problem *problem = certificate_problem(
            &r->check, r->config->path != NULL ? SEVERITY_ERROR : SEVERITY_WARNING, "unknown-environment",
            manifest_position(found, "spec.sslstore.environment"), "spec.sslstore.environment",
            "issuer \"%s\" has environment \"%s\", which is none of Live, EU, Sandbox or the operator's `endpoints`",
            found->name, environment);
        problem->resource = resource_id(r->check.problems->arena, KIND_ISSUER, found->namespace_, found->name);
    }
}

/* ---- organization and contacts ---- */

static void lack(struct string_list *missing, struct arena *arena, bool given, const char *field)
{
    if (!given)
        string_list_push(arena, missing, field);
}

static void complain_of_lack(struct resolving *r, const struct resource *about, const char *code, const char *path,
                             const struct string_list *missing)
{
    if (missing->count == 0)
        return;
    struct problem *problem = certificate_problem(
        &r->check, SEVERITY_ERROR, code, manifest_position(about, path), path, "%s needs %s of %s \"%s\"",
        r->check.product->name, string_list_join(r->arena, missing, ", "), resource_kind_name(about->kind), about->name);
    problem->resource = resource_id(r->check.problems->arena, about->kind, about->namespace_, about->name);
}

/* What the vendor's vetting asks for (sslstore-api.md 8.4). */
static void check_organization(struct resolving *r)
{
    const struct resource *resource = r->out->organization;
    const struct organization *organization = resource->organization;
    struct string_list missing = {0};
    if (organization->vendor_organization_id == 0) {
        lack(&missing, r->arena, organization->address.lines.count > 0, "address.lines");
        lack(&missing, r->arena, !text_empty(organization->address.city), "address.city");
        lack(&missing, r->arena, !text_empty(organization->address.region), "address.region");
        lack(&missing, r->arena, !text_empty(organization->address.postal_code), "address.postalCode");
        lack(&missing, r->arena, !text_empty(organization->address.country), "address.country");
        lack(&missing, r->arena, !text_empty(organization->phone), "phone");
    }
    complain_of_lack(r, resource, "organization-incomplete", "spec", &missing);
    missing = (struct string_list){0};
    if (r->check.product->jurisdiction)
        lack(&missing, r->arena, !text_empty(organization->jurisdiction.country), "jurisdiction.country");
    complain_of_lack(r, resource, "jurisdiction-required", "spec.jurisdiction", &missing);
}

static void check_contact(struct resolving *r, const struct resource *resource)
{
    const struct contact *contact = resource->contact;
    struct string_list missing = {0};
    lack(&missing, r->arena, !text_empty(contact->first_name), "firstName");
    lack(&missing, r->arena, !text_empty(contact->last_name), "lastName");
    lack(&missing, r->arena, !text_empty(contact->email), "email");
    lack(&missing, r->arena, !text_empty(contact->phone), "phone");
    complain_of_lack(r, resource, "contact-incomplete", "spec", &missing);
    missing = (struct string_list){0};
    if (r->check.product->title)
        lack(&missing, r->arena, !text_empty(contact->title), "title");
    complain_of_lack(r, resource, "title-required", "spec", &missing);
}

static void check_organization_name(struct resolving *r)
{
    const struct resource *resource = r->out->organization;
    int characters = 0;
    for (const char *c = resource->organization->name; *c != '\0'; c++)
        characters += (*c & 0xC0) != 0x80; /* of UTF-8, the first octet of each */
    if (certificate_request_is_brought(r->certificate) || characters <= CERTIFICATE_SUBJECT_MOST)
        return;
    struct problem *problem = certificate_problem(
        &r->check, SEVERITY_ERROR, "organization-name-too-long", manifest_position(resource, "spec.name"), "spec.name",
        "the name of organization \"%s\" has %d characters, and a certificate's subject holds %d", resource->name, characters,
        CERTIFICATE_SUBJECT_MOST);
    problem->hint = "shorten it as the CA allows, or bring a csr with the subject that is due";
    problem->resource = resource_id(r->check.problems->arena, resource->kind, resource->namespace_, resource->name);
}

static void resolve_people(struct resolving *r)
{
    const struct certificate *certificate = r->certificate;
    const struct product *product = r->check.product;
    r->out->organization = reference_by_name(r, KIND_ORGANIZATION, &certificate->organization_ref, "spec.organizationRef");
    r->out->admin_contact = reference_by_name(r, KIND_CONTACT, &certificate->admin_contact_ref, "spec.adminContactRef");
    r->out->technical_contact = reference_by_name(r, KIND_CONTACT, &certificate->technical_contact_ref, "spec.technicalContactRef");
    if (r->out->organization != NULL)
        check_organization_name(r);
    if (product == NULL || !product->organization)
        return;
    const char *level = product->level == LEVEL_EV ? "extended" : "organization";
    if (certificate->organization_ref.name == NULL) {
        struct problem *problem = certificate_problem(
            &r->check, SEVERITY_ERROR, "organization-required", place(r, "spec.order.product"), "spec.organizationRef",
            "%s is %s validated and the certificate names no organization", product->name, level);
        problem->hint = "add organizationRef: {name: …} and a manifest of kind Organization";
    }
    if (certificate->admin_contact_ref.name == NULL) {
        struct problem *problem = certificate_problem(
            &r->check, SEVERITY_ERROR, "contact-required", place(r, "spec.order.product"), "spec.adminContactRef",
            "%s is %s validated and the certificate names nobody whom the CA may call", product->name, level);
        problem->hint = "add adminContactRef: {name: …} and a manifest of kind Contact";
    }
    if (r->out->organization != NULL)
        check_organization(r);
    if (r->out->admin_contact != NULL)
        check_contact(r, r->out->admin_contact);
}

/* ---- targets ---- */

static const struct place_kind {
    const char *code, *words, *hint;
} place_kinds[] = {
    [PLACE_ROOT] = {"unknown-root", "root", "deploy.roots (and namespaces) in the operator's file opens it"},
    [PLACE_PROFILE] = {"unknown-profile", "reload profile", "deploy.reloadProfiles in the operator's file opens it"},
    [PLACE_DNS_PROGRAM] = {"unknown-program", "DNS program", "dns.programs in the operator's file opens it"},
    [PLACE_DNS_WEBHOOK] = {"unknown-webhook", "DNS webhook", "dns.webhooks in the operator's file opens it"},
};

void reference_check_place(struct resolving *r, const struct resource *resource, enum place what, const char *name,
                           bool known, const char *path)
{
    const struct place_kind *kind = &place_kinds[what];
    if (known)
        return;
    struct problem *problem = certificate_problem(
        &r->check, r->config->path != NULL ? SEVERITY_ERROR : SEVERITY_WARNING, kind->code,
        manifest_position(resource, path), path, "the operator's file has no %s \"%s\" for namespace \"%s\"",
        kind->words, name, resource->kind == KIND_DNS_ACCOUNT ? resource->namespace_ : r->resource->namespace_);
    problem->resource = resource_id(r->check.problems->arena, resource->kind, resource->namespace_, resource->name);
    problem->hint = kind->hint;
}

bool reference_root_open(const struct resolving *r, const char *name)
{
    return operator_root(r->config, name) != NULL &&
           (!is_limited(r) || (rule_of(r) != NULL && string_list_contains(&rule_of(r)->roots, name)));
}

static void check_target(struct resolving *r, const struct resource *resource)
{
    const struct deploy_target *target = resource->deploy_target;
    if (target->local.root != NULL)
        reference_check_place(r, resource, PLACE_ROOT, target->local.root, reference_root_open(r, target->local.root), "spec.local.root");
    if (target->reload.profile != NULL)
        reference_check_place(r, resource, PLACE_PROFILE, target->reload.profile,
                    operator_profile(r->config, target->reload.profile) != NULL, "spec.reload.profile");
}

static bool has_target(const struct certificate_references *out, const struct resource *target)
{
    for (size_t i = 0; i < out->target_count; i++)
        if (strcmp(out->targets[i]->name, target->name) == 0)
            return true;
    return false;
}

static void resolve_targets(struct resolving *r)
{
    const struct certificate *certificate = r->certificate;
    struct certificate_references *out = r->out;
    for (size_t i = 0; i < certificate->targets.count; i++) {
        const char *path = arena_printf(r->arena, "spec.targets[%zu]", i);
        const struct resource *target = reference_by_name(r, KIND_DEPLOY_TARGET, &certificate->targets.items[i], path);
        if (target != NULL && !has_target(out, target))
            *arena_push(r->arena, &out->targets, out->target_count) = target;
    }
    struct found_list all = {0};
    if (certificate->target_selector.count > 0)
        all = reference_visible(r, KIND_DEPLOY_TARGET);
    size_t selected = 0;
    for (size_t i = 0; i < all.count; i++) {
        if (!label_list_match(&certificate->target_selector, &all.items[i]->labels))
            continue;
        selected++;
        if (!has_target(out, all.items[i]))
            *arena_push(r->arena, &out->targets, out->target_count) = all.items[i];
    }
    if (certificate->target_selector.count > 0 && selected == 0)
        certificate_problem(&r->check, SEVERITY_WARNING, "selector-matches-nothing", place(r, "spec.targetSelector"),
                            "spec.targetSelector", "no DeployTarget of namespace \"%s\" has these labels",
                            r->resource->namespace_);
    for (size_t i = 0; i < out->target_count; i++)
        check_target(r, out->targets[i]);
}

static void check_domains(struct resolving *r)
{
    if (!is_limited(r))
        return;
    static const struct string_list nothing;
    const struct string_list *domains = rule_of(r) != NULL ? &rule_of(r)->domains : &nothing;
    const struct string_list *names = &r->certificate->dns_names;
    for (size_t i = 0; i < names->count; i++) {
        bool open = false;
        for (size_t k = 0; k < domains->count && !open; k++)
            open = text_name_matches(domains->items[k], names->items[i]);
        if (open)
            continue;
        struct problem *problem = certificate_problem(
            &r->check, SEVERITY_ERROR, "domain-not-open", certificate_name_position(&r->check, names->items[i]),
            "spec.dnsNames", "\"%s\" is not among the domains of namespace \"%s\"", names->items[i],
            r->resource->namespace_);
        problem->hint = arena_printf(r->check.problems->arena, "namespaces.%s.domains in the operator's file opens it",
                                     r->resource->namespace_);
    }
}

bool certificate_resolve(const struct resource *certificate, const struct resource_lookup *lookup,
                         const struct operator_config *config, int64_t now, struct arena *arena,
                         struct certificate_references *out, struct problem_list *problems)
{
    struct resolving r = {
        .check = {.resource = certificate, .certificate = certificate->certificate, .now = now, .arena = arena,
                  .problems = problems},
        .resource = certificate,
        .certificate = certificate->certificate,
        .lookup = lookup,
        .config = config,
        .arena = arena,
        .out = out,
    };
    *out = (struct certificate_references){0};
    certificate_check_product(&r.check);
    certificate_check_names(&r.check);
    check_domains(&r);
    resolve_issuer(&r);
    resolve_people(&r);
    resolve_targets(&r);
    certificate_check_methods(&r.check);
    certificate_check_approvers(&r.check);
    reference_resolve_validations(&r);
    return !r.check.failed;
}
