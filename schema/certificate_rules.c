#include "schema/certificate_rules.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/names.h"
#include "schema/reference.h"
#include "schema/rules.h"
#include "schema/yaml.h"

static bool is_said(const struct problem *problem, const char *code, struct position position, const char *message)
{
    return problem->position.line == position.line && problem->position.column == position.column &&
           text_equal(problem->position.file, position.file) && strcmp(problem->code, code) == 0 &&
           strcmp(problem->message, message) == 0;
}

struct problem *certificate_problem(struct certificate_check *check, enum severity severity, const char *code,
                                    struct position position, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(check->arena, format, args);
    va_end(args);
    check->failed = check->failed || severity == SEVERITY_ERROR;
    for (size_t i = 0; i < check->problems->count; i++)
        if (is_said(&check->problems->items[i], code, position, message))
            return &check->problems->items[i];
    struct problem *problem = problem_add(check->problems, severity, code, position, path, "%s", message);
    const struct resource *resource = check->resource;
    problem->resource = resource_id(check->problems->arena, resource->kind, resource->namespace_, resource->name);
    return problem;
}

/* `words` with the word in the place of its "@". */
static void hint(struct problem *problem, struct certificate_check *check, const char *words, const char *word)
{
    size_t head = strcspn(words, "@");
    problem->hint = arena_printf(check->problems->arena, "%.*s%s%s", (int)head, words, word,
                                 words + head + (words[head] == '@'));
}

/* ---- places ---- */

static const struct yaml_node *written(const struct certificate_check *check, const char *member)
{
    const struct yaml_node *spec = check->resource->spec_node;
    return spec == NULL ? NULL : yaml_member(spec, member);
}

static bool spells(const struct certificate_check *check, const struct yaml_node *node, const char *name)
{
    const char *reason = NULL;
    const char *canonical = node->kind == YAML_SCALAR ? name_canonical(check->arena, node->text, &reason) : NULL;
    return canonical != NULL && strcmp(canonical, name) == 0;
}

struct position certificate_name_position(const struct certificate_check *check, const char *name)
{
    const struct yaml_node *list = written(check, "dnsNames");
    for (const struct yaml_node *item = list != NULL ? list->first : NULL; item != NULL; item = item->next)
        if (spells(check, item, name))
            return yaml_position(item);
    const struct yaml_node *common = written(check, "commonName");
    if (common != NULL && spells(check, common, name))
        return yaml_position(common);
    return manifest_position(check->resource, "spec.dnsNames");
}

const char *certificate_dcv_path(const struct certificate_check *check, const char *name)
{
    const struct certificate *certificate = check->certificate;
    for (size_t i = 0; i < certificate->dcv.override_count; i++)
        if (string_list_contains(&certificate->dcv.overrides[i].dns_names, name))
            return arena_printf(check->arena, "spec.dcv.overrides[%zu]", i);
    return "spec.dcv";
}

static struct problem *dcv_problem(struct certificate_check *check, enum severity severity, const char *code,
                                   const char *name, const char *member, const char *message)
{
    const char *path = arena_printf(check->arena, "%s.%s", certificate_dcv_path(check, name), member);
    return certificate_problem(check, severity, code, manifest_position(check->resource, path), path, "%s", message);
}

/* ---- product and names ---- */

void certificate_check_product(struct certificate_check *check)
{
    /* The decoder may have put the present code in place of a former one; the notice is for what was written. */
    const struct yaml_node *order = written(check, "order");
    const struct yaml_node *node = order != NULL ? yaml_member(order, "product") : NULL;
    const char *code = node != NULL && node->kind == YAML_SCALAR ? node->text : check->certificate->order.product;
    struct position position = manifest_position(check->resource, "spec.order.product");
    const char *notice = NULL;
    check->product = product_find(code, &notice);
    if (check->product != NULL && notice != NULL)
        certificate_problem(check, SEVERITY_WARNING, "former-product", position, "spec.order.product", "%s", notice);
    else if (check->product == NULL && notice != NULL)
        certificate_problem(check, SEVERITY_ERROR, "unknown-product", position, "spec.order.product", "%s", notice);
    else if (check->product == NULL) {
        struct problem *problem = certificate_problem(check, SEVERITY_ERROR, "unknown-product", position,
                                                      "spec.order.product", "no product has the code \"%s\"", code);
        if (product_nearest(code) != NULL)
            hint(problem, check, "did you mean \"@\"?", product_nearest(code));
    }
}

/* A product of the same brand and level that takes what this one does not. */
static const char *sibling(const struct product *product, bool wildcard, bool several)
{
    const struct product *other;
    for (size_t i = 0; (other = product_at(i)) != NULL; i++)
        if (!other->legacy && strcmp(other->brand, product->brand) == 0 && other->level == product->level &&
            (!several || other->multi_domain) && (!wildcard || other->wildcard) && (wildcard || !other->wildcard_required))
            return other->code;
    return NULL;
}

static bool is_twin(const char *name, const char *main_name)
{
    return (strncmp(name, "www.", 4) == 0 && strcmp(name + 4, main_name) == 0) ||
           (strncmp(main_name, "www.", 4) == 0 && strcmp(main_name + 4, name) == 0);
}

static bool has_wildcard(const struct certificate *certificate)
{
    for (size_t i = 0; i < certificate->dns_names.count; i++)
        if (name_is_wildcard(certificate->dns_names.items[i]))
            return true;
    return false;
}

static void check_single(struct certificate_check *check)
{
    const struct product *product = check->product;
    const char *main_name = certificate_main_name(check->certificate);
    const struct string_list *names = &check->certificate->dns_names;
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->items[i];
        if (strcmp(name, main_name) == 0 || (product->www_included && is_twin(name, main_name)))
            continue;
        struct problem *problem = certificate_problem(
            check, SEVERITY_ERROR, "single-domain-product", certificate_name_position(check, name), "spec.dnsNames",
            "%s covers one name%s, and \"%s\" is not \"%s\"", product->name,
            product->www_included ? " with its www twin" : "", name, main_name);
        const char *better = sibling(product, has_wildcard(check->certificate), true);
        if (better != NULL)
            hint(problem, check, "product \"@\" takes several names", better);
        return; /* one such error says it all */
    }
}

static void check_wildcards(struct certificate_check *check)
{
    const struct product *product = check->product;
    const struct string_list *names = &check->certificate->dns_names;
    const char *main_name = certificate_main_name(check->certificate);
    for (size_t i = 0; i < names->count && !product->wildcard; i++) {
        const char *name = names->items[i];
        if (!name_is_wildcard(name))
            continue;
        struct problem *problem =
            certificate_problem(check, SEVERITY_ERROR, "wildcard-product", certificate_name_position(check, name),
                                "spec.dnsNames", "%s takes no wildcard name such as \"%s\"", product->name, name);
        const char *better = sibling(product, true, names->count > 1);
        if (better != NULL)
            hint(problem, check, "product \"@\" takes wildcards", better);
        else if (product->level == LEVEL_EV)
            problem->hint = "no EV certificate may have a wildcard name (EV Guidelines)";
        return;
    }
    if (product->wildcard_required && !name_is_wildcard(main_name)) {
        struct problem *problem = certificate_problem(
            check, SEVERITY_ERROR, "wildcard-required", certificate_name_position(check, main_name), "spec.dnsNames",
            "%s is for a wildcard name, and \"%s\" is none", product->name, main_name);
        const char *better = sibling(product, false, false);
        if (better != NULL)
            hint(problem, check, "product \"@\" takes plain names", better);
    }
}

bool certificate_request_is_brought(const struct certificate *certificate)
{
    return certificate->csr != NULL || certificate->csr_secret_ref.name != NULL;
}

static void check_main_name(struct certificate_check *check)
{
    const char *main_name = certificate_main_name(check->certificate);
    if (certificate_request_is_brought(check->certificate) || strlen(main_name) <= CERTIFICATE_SUBJECT_MOST)
        return;
    struct problem *problem =
        certificate_problem(check, SEVERITY_ERROR, "main-name-too-long", certificate_name_position(check, main_name),
                            check->certificate->common_name != NULL ? "spec.commonName" : "spec.dnsNames",
                            "\"%s\" has %zu characters, and a certificate's subject holds %d", main_name, strlen(main_name),
                            CERTIFICATE_SUBJECT_MOST);
    problem->hint = "give commonName a shorter name; this one may stay in dnsNames";
}

void certificate_check_names(struct certificate_check *check)
{
    const struct product *product = check->product;
    const struct string_list *names = &check->certificate->dns_names;
    check_main_name(check);
    for (size_t i = 0; i < names->count; i++)
        if (name_is_public_suffix(name_without_wildcard(names->items[i])))
            certificate_problem(check, SEVERITY_ERROR, "public-suffix",
                                certificate_name_position(check, names->items[i]), "spec.dnsNames",
                                "\"%s\" covers a whole public suffix, which no CA certifies", names->items[i]);
    if (product == NULL)
        return;
    check_wildcards(check);
    if (!product->multi_domain)
        check_single(check);
    else if (names->count > (size_t)product->max_names)
        certificate_problem(check, SEVERITY_ERROR, "too-many-names",
                            certificate_name_position(check, names->items[product->max_names]), "spec.dnsNames",
                            "%s takes at most %d names, and there are %zu", product->name, product->max_names,
                            names->count);
}

/* ---- methods ---- */

static bool product_takes(const struct product *product, enum dcv_method method)
{
    switch (method) {
    case DCV_DNS: return product->dns;
    case DCV_EMAIL: return product->email;
    case DCV_HTTP:
    case DCV_HTTPS: return product->file;
    default: return true;
    }
}

static void check_method(struct certificate_check *check, const char *name)
{
    const struct product *product = check->product;
    const char *word = dcv_method_name(certificate_dcv(check->certificate, name)->method);
    enum dcv_method method = certificate_dcv(check->certificate, name)->method;
    if (name_is_wildcard(name) && (method == DCV_HTTP || method == DCV_HTTPS)) {
        struct problem *problem =
            dcv_problem(check, SEVERITY_ERROR, "wildcard-http", name, "method",
                        arena_printf(check->arena, "the wildcard name \"%s\" cannot be proven by a file, and its method "
                                     "is %s (BR 3.2.2.4.18)", name, word));
        problem->hint = "use method DNS, or an override with method DNS for this name";
    } else if (product != NULL && !product_takes(product, method)) {
        dcv_problem(check, SEVERITY_ERROR, "method-not-supported", name, "method",
                    arena_printf(check->arena, "%s does not take method %s (for \"%s\")", product->name, word, name));
    }
}

static void check_overrides(struct certificate_check *check)
{
    const struct certificate *certificate = check->certificate;
    for (size_t i = 0; i < certificate->dcv.override_count; i++) {
        const struct string_list *names = &certificate->dcv.overrides[i].dns_names;
        for (size_t k = 0; k < names->count; k++) {
            const char *path = arena_printf(check->arena, "spec.dcv.overrides[%zu].dnsNames[%zu]", i, k);
            struct position position = manifest_position(check->resource, path);
            if (!string_list_contains(&certificate->dns_names, names->items[k])) {
                struct problem *problem = certificate_problem(
                    check, SEVERITY_ERROR, "override-unknown-name", position, path,
                    "the override is for \"%s\", which is not among the certificate's names", names->items[k]);
                const char *near = text_nearest(names->items[k], (const char *const *)certificate->dns_names.items,
                                                certificate->dns_names.count);
                if (near != NULL)
                    hint(problem, check, "did you mean \"@\"?", near);
            }
            for (size_t j = 0; j < i; j++)
                if (string_list_contains(&certificate->dcv.overrides[j].dns_names, names->items[k]))
                    certificate_problem(check, SEVERITY_ERROR, "override-twice", position, path,
                                        "\"%s\" stands in two overrides; it is not clear which is meant",
                                        names->items[k]);
        }
    }
}

/* Decisions 22: several methods in one order only with Sectigo's multi-domain products. */
static void check_mixture(struct certificate_check *check)
{
    const struct product *product = check->product;
    const struct string_list *names = &check->certificate->dns_names;
    if (product == NULL || (product->family == FAMILY_SECTIGO && product->multi_domain))
        return;
    enum dcv_method first = certificate_dcv(check->certificate, certificate_main_name(check->certificate))->method;
    for (size_t i = 0; i < names->count; i++) {
        enum dcv_method method = certificate_dcv(check->certificate, names->items[i])->method;
        if (method == first)
            continue;
        struct problem *problem = dcv_problem(
            check, SEVERITY_ERROR, "mixed-methods", names->items[i], "method",
            arena_printf(check->arena, "%s takes one method for the whole order, and \"%s\" has %s where \"%s\" has %s",
                         product->name, names->items[i], dcv_method_name(method),
                         certificate_main_name(check->certificate), dcv_method_name(first)));
        problem->hint = "only Sectigo's multi-domain products take several methods";
        return;
    }
}

/* The end of e-mail (SC-090), said once. */
static void check_email_dates(struct certificate_check *check)
{
    const struct dated_rule *discouraged = rules_dated("email-constructed-discouraged");
    const struct dated_rule *forbidden = rules_dated("email-constructed-forbidden");
    const struct string_list *names = &check->certificate->dns_names;
    for (size_t i = 0; i < names->count; i++) {
        if (certificate_dcv(check->certificate, names->items[i])->method != DCV_EMAIL)
            continue;
        char *until = clock_rfc3339(check->arena, forbidden->from);
        until[strcspn(until, "T")] = '\0';
        if (check->now >= forbidden->from) {
            struct problem *problem =
                dcv_problem(check, SEVERITY_ERROR, "email-forbidden", names->items[i], "method",
                            arena_printf(check->arena, "since %s %s (%s)", until, forbidden->text, forbidden->source));
            problem->hint = "use method DNS or HTTP";
        } else if (check->now >= discouraged->from) {
            struct problem *problem =
                dcv_problem(check, SEVERITY_WARNING, "email-discouraged", names->items[i], "method",
                            arena_printf(check->arena, "%s (%s); they end on %s", discouraged->text,
                                         discouraged->source, until));
            problem->hint = "method DNS needs nobody to click and lasts";
        }
        return;
    }
}

void certificate_check_methods(struct certificate_check *check)
{
    const struct string_list *names = &check->certificate->dns_names;
    check_overrides(check);
    for (size_t i = 0; i < names->count; i++)
        check_method(check, names->items[i]);
    check_mixture(check);
    check_email_dates(check);
}

/* ---- approvers ---- */

static const char *const constructed[] = {"admin", "administrator", "hostmaster", "postmaster", "webmaster"};

static bool is_constructed(const char *address)
{
    const char *at = strchr(address, '@');
    if (at == NULL || strpbrk(address, "\r\n,<> ") != NULL)
        return false;
    for (size_t i = 0; i < COUNT_OF(constructed); i++)
        if (strlen(constructed[i]) == (size_t)(at - address) &&
            strncasecmp(constructed[i], address, (size_t)(at - address)) == 0)
            return true;
    return false;
}

/* BR 3.2.2.4.4: at the name or a parent of it, up to its registrable domain. */
static bool approves(struct certificate_check *check, const char *address, const char *name)
{
    const char *domain = strchr(address, '@');
    const char *registrable = name_registrable(check->arena, name);
    const char *reason = NULL;
    domain = domain != NULL ? name_canonical(check->arena, domain + 1, &reason) : NULL;
    return domain != NULL && registrable != NULL && !name_is_wildcard(domain) &&
           text_name_within(name_without_wildcard(name), domain) && text_name_within(domain, registrable);
}

const char *certificate_approver(struct certificate_check *check, const char *name)
{
    const char *given = certificate_dcv(check->certificate, name)->email.approver;
    if (given != NULL && approves(check, given, name))
        return text_lower(check->arena, given);
    const char *registrable = name_registrable(check->arena, name);
    return registrable != NULL ? arena_printf(check->arena, "admin@%s", registrable) : NULL;
}

/* `strict`: it must fit every name that uses it (an override names them); else one will do. */
static void check_approver(struct certificate_check *check, const struct dcv_settings *settings, const char *path,
                           bool strict)
{
    const char *approver = settings->email.approver;
    if (approver == NULL)
        return;
    path = arena_printf(check->arena, "%s.email.approver", path);
    struct position position = manifest_position(check->resource, path);
    if (!is_constructed(approver)) {
        const struct dated_rule *rule = rules_dated("whois-email-forbidden");
        char *since = clock_rfc3339(check->arena, rule->from);
        since[strcspn(since, "T")] = '\0';
        struct problem *problem =
            certificate_problem(check, SEVERITY_ERROR, "approver-address", position, path,
                                "\"%s\" is none of the five constructed addresses; since %s %s (%s)", approver, since,
                                rule->text, rule->source);
        problem->hint = "admin@, administrator@, hostmaster@, postmaster@ or webmaster@ the domain";
        return;
    }
    const struct string_list *names = &check->certificate->dns_names;
    size_t users = 0, fits = 0;
    const char *misfit = NULL;
    for (size_t i = 0; i < names->count; i++) {
        if (certificate_dcv(check->certificate, names->items[i]) != settings || settings->method != DCV_EMAIL)
            continue;
        users++;
        if (approves(check, approver, names->items[i]))
            fits++;
        else if (misfit == NULL)
            misfit = names->items[i];
    }
    if (misfit != NULL && (strict || fits == 0)) {
        struct problem *problem =
            certificate_problem(check, SEVERITY_ERROR, "approver-domain", position, path,
                                "\"%s\" cannot approve \"%s\": its domain must be that name or a parent of it, up to "
                                "\"%s\"", approver, misfit, name_registrable(check->arena, misfit));
        hint(problem, check, "for example @", arena_printf(check->arena, "admin@%s",
                                                           name_registrable(check->arena, misfit)));
    }
}

/* The order has room for one address (sslstore-api.md 8.3), so all its names must share it. */
static void check_one_approver(struct certificate_check *check)
{
    const struct product *product = check->product;
    const struct string_list *names = &check->certificate->dns_names;
    if (product == NULL || (product->family == FAMILY_SECTIGO && product->multi_domain))
        return;
    const char *first = NULL;
    for (size_t i = 0; i < names->count; i++) {
        const char *approver = certificate_dcv(check->certificate, names->items[i])->method == DCV_EMAIL
                                   ? certificate_approver(check, names->items[i]) : NULL;
        if (first == NULL || approver == NULL) {
            first = first == NULL ? approver : first;
        } else if (strcmp(first, approver) != 0) {
            struct problem *problem = dcv_problem(
                check, SEVERITY_ERROR, "one-approver", names->items[i], "email.approver",
                arena_printf(check->arena, "%s takes one approver for the whole order, and these names would need both "
                             "%s and %s", product->name, first, approver));
            problem->hint = "use method DNS, or one approver that fits every name";
            return;
        }
    }
}

void certificate_check_approvers(struct certificate_check *check)
{
    const struct certificate *certificate = check->certificate;
    check_approver(check, &certificate->dcv.settings, "spec.dcv", false);
    for (size_t i = 0; i < certificate->dcv.override_count; i++)
        check_approver(check, &certificate->dcv.overrides[i].settings,
                       arena_printf(check->arena, "spec.dcv.overrides[%zu]", i), true);
    check_one_approver(check);
}
