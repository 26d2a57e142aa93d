/* get KIND [NAME...]: a list, or one thing, as it is wanted and as it stands. */
#include "controller/command/get.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "controller/listing.h"
#include "controller/look.h"
#include "controller/look_print.h"
#include "controller/records.h"
#include "reconcilers/dns/credential.h"
#include "schema/contact.h"
#include "schema/deploy_target.h"
#include "schema/dns_account.h"
#include "schema/issuer.h"
#include "schema/organization.h"

enum { MOST_COLUMNS = 12 };

/* ---- documents ---- */

/* The manifest as it was understood, with a status beside it; opened for the status. */
static void put_manifest(struct listing *listing, const struct resource *resource)
{
    struct buffer text = {0};
    manifest_encode_json(resource, 0, &text);
    text.data[text.length - 1] = '\0'; /* its closing brace */
    json_put_raw(&listing->w, buffer_text(&text));
    buffer_puts(listing->w.out, ",\"status\":");
    buffer_release(&text);
}

static void put_status_alone(struct listing *listing, const struct certificate_look *c)
{
    struct json_writer *w = &listing->w;
    json_begin_object(w);
    json_string_member(w, "apiVersion", MANIFEST_API_VERSION);
    json_string_member(w, "kind", "Certificate");
    json_key(w, "metadata");
    json_begin_object(w);
    json_string_member(w, "name", c->view.name);
    json_string_member(w, "namespace", c->view.namespace_);
    json_end_object(w);
    json_key(w, "status");
    look_put_status(w, c, listing->ctx->arena);
    json_end_object(w);
}

static void put_certificate(struct listing *listing, const struct certificate_look *c)
{
    AUTO(arena) struct arena *arena = arena_create();
    if (c->view.want == NULL) {
        put_status_alone(listing, c);
        return;
    }
    struct json_writer status = {.out = listing->w.out};
    put_manifest(listing, c->view.want);
    look_put_status(&status, c, arena);
    buffer_putc(listing->w.out, '}');
}

/* ---- certificates ---- */

static const struct listing_column certificate_columns[] = {
    {"NAME", false},  {"READY", false},   {"STATUS", false}, {"PRODUCT", false},
    {"NAMES", false}, {"EXPIRES", false}, {"AGE", false},    {"ORDER", true},
    {"ISSUER", true}, {"TARGETS", true},  {"NEXT", true},    {0},
};

static const char *names_cell(struct arena *arena, const struct certificate_view *view)
{
    if (view->want == NULL)
        return view->record.common_name;
    const struct certificate *certificate = view->want->certificate;
    const char *main_name = certificate_main_name(certificate);
    size_t more = certificate->dns_names.count - 1;
    return more > 0 ? arena_printf(arena, "%s +%zu", main_name, more) : main_name;
}

static const char *targets_cell(struct arena *arena, const struct certificate_view *view)
{
    struct string_list names = {0};
    for (size_t i = 0; i < view->refs.target_count; i++)
        string_list_push(arena, &names, view->refs.targets[i]->name);
    return string_list_join(arena, &names, ",");
}

static void add_certificate(const struct certificate_look *c, void *arg)
{
    struct listing *listing = arg;
    struct command_context *ctx = listing->ctx;
    const struct certificate_view *view = &c->view;
    struct arena *arena = ctx->arena;
    if (listing_wants_document(listing))
        put_certificate(listing, c);
    bool stale = c->entry != NULL && c->entry->stale;
    const char *cells[] = {
        view->name,
        condition_status_name(c->conditions[CONDITION_READY].status),
        stale ? arena_printf(arena, "%s, manifest broken", c->step.code) : c->step.code,
        view->product != NULL ? view->product->code
        : view->want != NULL  ? view->want->certificate->order.product
                              : "",
        names_cell(arena, view),
        view->revision != NULL ? command_ago(ctx, view->revision->not_after) : "",
        look_age(ctx, view->record.first_seen),
        view->order != NULL ? view->order->vendor_order_id : "",
        view->refs.issuer != NULL ? view->refs.issuer->name : "",
        targets_cell(arena, view),
        c->step.due > view->now ? command_ago(ctx, c->step.due)
        : c->step.due > 0       ? "now"
                                : "",
    };
    _Static_assert(COUNT_OF(cells) + 1 == COUNT_OF(certificate_columns), "a cell per column");
    listing_add(listing, view->namespace_, view->name, view->id, cells);
}

/* ---- the other kinds ---- */

static const char *joined(struct arena *arena, const struct string_list *list)
{
    return string_list_join(arena, list, ",");
}

static const struct listing_column issuer_columns[] = {
    {"NAME", false}, {"STATUS", false}, {"ENVIRONMENT", false}, {"PARTNER", false}, {"CHECKED", false},
    {"ORDERS LISTED", true}, {"ENDPOINT", true}, {"ERROR", true}, {0}};

static bool issuer_record_of(struct look *look, const struct resource *resource, struct issuer_record *out)
{
    struct arena *arena = look->ctx->arena;
    return record_load(look->state, TABLE_ISSUER, record_key(arena, resource->namespace_, resource->name),
                       &issuer_record_table, arena, out, NULL, NULL);
}

static void fill_issuer(struct look *look, const struct resource *resource, const char **cells)
{
    const struct issuer *issuer = resource->issuer;
    const struct endpoint *endpoint = operator_endpoint(&look->ctx->config, issuer->sslstore.environment);
    struct issuer_record record = {0};
    bool known = issuer_record_of(look, resource, &record);
    bool failing = known && record.error[0] != '\0';
    cells[1] = !issuer->enabled ? "Disabled" : endpoint == NULL ? "UnknownEnvironment" : failing ? "Failing"
               : known && record.checked_at > 0 ? "Accepted" : "NotChecked";
    cells[2] = issuer->sslstore.environment;
    cells[3] = issuer->sslstore.partner_code;
    cells[4] = known ? command_ago(look->ctx, record.checked_at) : "";
    cells[5] = known ? arena_printf(look->ctx->arena, "%d", record.orders_listed) : "";
    cells[6] = endpoint != NULL ? endpoint->url : "";
    cells[7] = failing ? record.error : "";
}

static const struct listing_column account_columns[] = {
    {"NAME", false}, {"ENABLED", false}, {"PROVIDER", false}, {"ZONES", false}, {"CREDENTIAL", false},
    {"SERVER", true}, {"LIMIT", true}, {0}};

static const char *limit_words(struct look *look, const struct dns_account *account)
{
    struct dns_limits limits = dns_account_limits(&look->ctx->config, account);
    return limits.requests_per_second == 0 ? "none"
                                           : arena_printf(look->ctx->arena, "%d/s, %d at once", limits.requests_per_second,
                                                          limits.burst);
}

static void fill_account(struct look *look, const struct resource *resource, const char **cells)
{
    const struct dns_account *account = resource->dns_account;
    cells[1] = account->enabled ? "yes" : "no";
    cells[2] = dns_provider_word(account->provider);
    cells[3] = account->zones.count > 0 ? joined(look->ctx->arena, &account->zones) : "found by asking";
    struct credential credential = dns_credential(resource, clock_now(), look->ctx->arena);
    cells[4] = credential.end == 0 ? "" : credential.stage == CREDENTIAL_ENDED
                   ? arena_printf(look->ctx->arena, "ended %s", command_ago(look->ctx, credential.end))
                   : arena_printf(look->ctx->arena, "ends %s", command_ago(look->ctx, credential.end));
    cells[5] = account->rfc2136.nameserver;
    cells[6] = limit_words(look, account);
}

static const struct listing_column target_columns[] = {
    {"NAME", false}, {"ROOT", false}, {"PATH", false}, {"LAYOUT", false}, {"RELOAD", false}, {"PROBE", false},
    {"DOMAINS", true}, {"CHALLENGES", true}, {0}};

static void fill_target(struct look *look, const struct resource *resource, const char **cells)
{
    const struct deploy_target *target = resource->deploy_target;
    cells[1] = target->local.root;
    cells[2] = target->path;
    cells[3] = target->layout == LAYOUT_COMBINED ? "Combined" : "Generation";
    cells[4] = target->reload.profile;
    cells[5] = target->probe.address;
    cells[6] = joined(look->ctx->arena, &target->domains);
    cells[7] = target->challenge_http.root;
}

static const struct listing_column organization_columns[] = {{"NAME", false},        {"ORGANIZATION", false},
                                                             {"CITY", false},        {"COUNTRY", false},
                                                             {"REGISTRATION", true}, {0}};

static void fill_organization(struct look *look, const struct resource *resource, const char **cells)
{
    const struct organization *organization = resource->organization;
    (void)look;
    cells[1] = organization->name;
    cells[2] = organization->address.city;
    cells[3] = organization->address.country;
    cells[4] = organization->registration_number;
}

static const struct listing_column contact_columns[] = {
    {"NAME", false}, {"PERSON", false}, {"EMAIL", false}, {"PHONE", false}, {"TITLE", true}, {0}};

static void fill_contact(struct look *look, const struct resource *resource, const char **cells)
{
    const struct contact *contact = resource->contact;
    cells[1] = arena_printf(look->ctx->arena, "%s %s", contact->first_name != NULL ? contact->first_name : "",
                            contact->last_name != NULL ? contact->last_name : "");
    cells[2] = contact->email;
    cells[3] = contact->phone;
    cells[4] = contact->title;
}

static const struct {
    const struct listing_column *columns;
    void (*fill)(struct look *look, const struct resource *resource, const char **cells);
    const char *plural;
} kinds[] = {
    [KIND_CERTIFICATE] = {certificate_columns, NULL, "certificates"},
    [KIND_ISSUER] = {issuer_columns, fill_issuer, "issuers"},
    [KIND_DNS_ACCOUNT] = {account_columns, fill_account, "DNS accounts"},
    [KIND_DEPLOY_TARGET] = {target_columns, fill_target, "deploy targets"},
    [KIND_ORGANIZATION] = {organization_columns, fill_organization, "organizations"},
    [KIND_CONTACT] = {contact_columns, fill_contact, "contacts"},
};
_Static_assert(COUNT_OF(kinds) == KIND_COUNT, "a kind without columns");

static void put_account_status(struct json_writer *w, struct look *look, const struct resource *resource)
{
    struct arena *arena = look->ctx->arena;
    struct credential credential = dns_credential(resource, clock_now(), arena);
    struct dns_limits limits = dns_account_limits(&look->ctx->config, resource->dns_account);
    if (limits.requests_per_second > 0) {
        json_key(w, "limits");
        json_begin_object(w);
        json_int_member(w, "requestsPerSecond", limits.requests_per_second);
        json_int_member(w, "burst", limits.burst);
        json_end_object(w);
    }
    if (credential.end == 0)
        return;
    json_key(w, "conditions");
    json_begin_array(w);
    json_begin_object(w);
    json_string_member(w, "type", "CredentialExpiring");
    json_string_member(w, "status", credential.stage == CREDENTIAL_FINE ? "False" : "True");
    json_string_member(w, "reason", credential.code);
    look_text_member(w, "message", credential.words, arena);
    look_text_member(w, "human", credential.human, arena);
    json_end_object(w);
    json_end_array(w);
}

static void add_resource(struct look *look, struct listing *listing, const struct desired_entry *entry)
{
    const struct resource *resource = desired_resource(look->desired, entry);
    struct arena *arena = look->ctx->arena;
    const char *cells[MOST_COLUMNS] = {entry->name};
    if (resource == NULL)
        return;
    if (listing_wants_document(listing)) {
        struct json_writer w = {.out = listing->w.out};
        struct issuer_record record;
        put_manifest(listing, resource);
        json_begin_object(&w);
        json_string_member(&w, "observedDigest", text_hex(arena, resource->digest, sizeof resource->digest));
        if (entry->stale)
            json_bool_member(&w, "manifestBroken", true);
        if (entry->kind == KIND_ISSUER && issuer_record_of(look, resource, &record)) {
            json_key(&w, "account");
            look_put_struct(&w, &issuer_record_table, &record, arena);
        }
        if (entry->kind == KIND_DNS_ACCOUNT)
            put_account_status(&w, look, resource);
        json_end_object(&w);
        buffer_putc(w.out, '}');
    }
    kinds[entry->kind].fill(look, resource, cells);
    listing_add(listing, entry->namespace_, entry->name,
                resource_id(arena, entry->kind, entry->namespace_, entry->name), cells);
}

/* ---- the verb ---- */

static int list_all(struct look *look, struct listing *listing, enum resource_kind kind)
{
    struct error err = {0};
    if (kind == KIND_CERTIFICATE)
        return look_certificates(look, command_option(look->ctx, "forgotten") != NULL, add_certificate,
                                 listing, &err)
                   ? EXIT_OK
                   : command_fail_error(look->ctx, &err);
    for (size_t i = 0; i < desired_count(look->desired); i++) {
        const struct desired_entry *entry = desired_at(look->desired, i);
        if (entry->kind == kind && look_chosen(look, entry))
            add_resource(look, listing, entry);
    }
    return EXIT_OK;
}

static int get_one(struct look *look, struct listing *listing, enum resource_kind kind, const char *text)
{
    const char *namespace_, *name;
    enum resource_kind given;
    struct error err = {0};
    if (!command_parse_object(look->ctx, text, kind, &given, &namespace_, &name))
        return EXIT_USAGE;
    if (given != kind)
        return command_fail(look->ctx, EXIT_USAGE, "\"%s\" is no %s", text, resource_kind_name(kind));
    const struct desired_entry *entry = desired_find(look->desired, kind, namespace_, name);
    if (kind != KIND_CERTIFICATE) {
        if (entry == NULL)
            return command_unknown_name(look->ctx, look->desired, kind, namespace_, name);
        add_resource(look, listing, entry);
        return EXIT_OK;
    }
    AUTO(arena) struct arena *arena = arena_create();
    struct certificate_look certificate;
    if (look_certificate(look, namespace_, name, arena, &certificate, &err)) {
        add_certificate(&certificate, listing);
        return EXIT_OK;
    }
    return err.kind == ERROR_NOT_FOUND ? command_unknown_name(look->ctx, look->desired, kind, namespace_, name)
                                       : command_fail_error(look->ctx, &err);
}

static int get_kind(struct command_context *ctx, enum resource_kind kind, const struct string_list *names)
{
    AUTO(look) struct look look;
    struct listing listing;
    int code = look_open(&look, ctx, true), printed;
    if (code != EXIT_OK)
        return code;
    listing_begin(&listing, ctx, kinds[kind].columns);
    listing.single = names->count == 1;
    if (names->count == 0)
        code = list_all(&look, &listing, kind);
    for (size_t i = 0; i < names->count; i++) {
        int one = get_one(&look, &listing, kind, names->items[i]);
        code = one != EXIT_OK ? one : code;
    }
    printed = listing_end(&listing, kinds[kind].plural);
    return code != EXIT_OK ? code : printed;
}

static int run(struct command_context *ctx, int argc, char **argv)
{
    struct string_list names = {0};
    if (argc == 0)
        return command_fail(ctx, EXIT_USAGE,
                            "get needs a kind: certificate, issuer, dnsaccount, deploytarget, "
                            "organization, contact, order, challenge, revision, rollout, event");
    const char *slash = strchr(argv[0], '/');
    const char *word =
        slash != NULL ? arena_strndup(ctx->arena, argv[0], (size_t)(slash - argv[0])) : argv[0];
    bool record = get_is_record(word);
    if (slash != NULL)
        string_list_push(ctx->arena, &names, record ? slash + 1 : argv[0]);
    for (int i = 1; i < argc; i++)
        string_list_push(ctx->arena, &names, argv[i]);
    if (record)
        return get_records(ctx, word, &names);
    enum resource_kind kind = resource_kind_parse(word);
    if (kind == KIND_COUNT)
        return command_unknown_kind(ctx, word, get_record_words(ctx->arena));
    return get_kind(ctx, kind, &names);
}

static const struct command_option options[] = {
    {"forgotten", NULL, "also certificates whose manifest is gone"},
    {0},
};
const struct command command_get = {
    .name = "get",
    .arguments = "KIND [NAME...]",
    .summary = "list what is wanted and how it stands",
    .help =
        "Kinds that manifests say: certificate, issuer, dnsaccount, deploytarget, organization, contact.\n"
        "Kinds that are recorded: order, challenge, revision, rollout, event; NAME is then\n"
        "the certificate's.\n"
        "Reads manifests and store; asks nobody and changes nothing.",
    .options = options,
    .formats = {[OUTPUT_WIDE] = true, [OUTPUT_JSON] = true, [OUTPUT_YAML] = true, [OUTPUT_NAME] = true},
    .run = run,
};
