/* dns test ACCOUNT [ZONE]: what the account can really do, step by step. */
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/names.h"
#include "controller/command.h"
#include "controller/desired.h"
#include "controller/journal.h"
#include "controller/outside.h"
#include "controller/trial.h"
#include "reconcilers/certificate/placement.h"
#include "reconcilers/dns/dns.h"
#include "schema/certificate.h"

enum { ZONES_MOST = 50 };

static const struct command_option options[] = {
    {"write", NULL, "also make a probe record, see it at every server, and take it away"},
    {0},
};
static volatile bool interrupted;

static void note_signal(int number)
{
    (void)number;
    interrupted = true;
}

static void add_zone(struct arena *arena, struct string_list *zones, const char *zone)
{
    for (size_t i = 0; i < zones->count; i++)
        if (strcasecmp(zones->items[i], zone) == 0)
            return;
    if (zones->count < ZONES_MOST)
        string_list_push(arena, zones, zone);
}

static bool is_same(const struct resource *a, const struct resource *b)
{
    return text_equal(a->name, b->name) && text_equal(a->namespace_, b->namespace_);
}

/* The zones through which the account proves names of this certificate: its own names, and those of others that an alias leads
 * to it. Those concern it only if they do; what another account cannot say is not its failure. */
static void add_zones_of(struct command_context *ctx, struct context *outside, const struct resource *account,
                         const struct resource *certificate, const struct certificate_references *refs,
                         struct string_list *zones, struct error *err)
{
    const struct certificate_view view = {
        .want = certificate, .refs = *refs, .product = product_find(certificate->certificate->order.product, NULL)};
    bool may_be_led = view.product->family != FAMILY_SECTIGO;
    for (size_t i = 0; i < refs->validation_count; i++) {
        const struct name_validation *v = &refs->validations[i];
        struct placement place;
        struct error of_another = {0};
        bool own = v->dns_account != NULL && is_same(v->dns_account, account);
        if (v->dns_account != NULL && (own || may_be_led) &&
            dns_provider_ops(v->dns_account->dns_account->provider) != NULL &&
            placement_foresee(outside, &view, v, &place, own ? err : &of_another) && is_same(place.account, account))
            add_zone(ctx->arena, zones, place.zone);
    }
}

/* Those that the manifest names; else those of the names that are proven through the account. */
static struct string_list zones_of(struct command_context *ctx, struct desired *desired,
                                   struct context *outside, const struct resource *account, struct error *err)
{
    struct string_list zones = {0};
    const struct dns_account *spec = account->dns_account;
    struct resource_lookup lookup = desired_lookup(desired);
    for (size_t i = 0; i < spec->zones.count; i++)
        add_zone(ctx->arena, &zones, spec->zones.items[i]);
    for (size_t i = 0; i < spec->rfc2136.zone_count; i++)
        add_zone(ctx->arena, &zones, spec->rfc2136.zones[i].name);
    bool named = zones.count > 0 || dns_provider_ops(spec->provider) == NULL;
    for (size_t i = 0; !named && i < desired_count(desired); i++) {
        const struct desired_entry *entry = desired_at(desired, i);
        const struct resource *certificate =
            entry->kind == KIND_CERTIFICATE ? desired_resource(desired, entry) : NULL;
        struct certificate_references refs = {0};
        struct problem_list problems = {.arena = ctx->arena};
        if (certificate != NULL && certificate_resolve(certificate, &lookup, &ctx->config, clock_now(),
                                                       ctx->arena, &refs, &problems))
            add_zones_of(ctx, outside, account, certificate, &refs, &zones, err);
    }
    return zones;
}

static int exit_code(const struct check_list *list)
{
    return interrupted                           ? EXIT_INTERRUPTED
           : list->by_outcome[CHECK_NO] > 0      ? EXIT_ERROR
           : list->by_outcome[CHECK_UNKNOWN] > 0 ? EXIT_UNREACHABLE
                                                 : EXIT_OK;
}

static int try_zones(struct command_context *ctx, struct context *outside, const struct resource *account,
                     const struct string_list *zones)
{
    bool write =
        command_option(ctx, "write") != NULL && dns_provider_ops(account->dns_account->provider) != NULL;
    struct check_list list = {.arena = ctx->arena};
    struct journal *journal = NULL;
    if (write) {
        struct sigaction action = {.sa_handler = note_signal};
        if ((journal = journal_open(ctx, "dns test")) == NULL)
            return EXIT_STATE;
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
    }
    check_tell(ctx, &list, &check_marks);
    int64_t patience = account->dns_account->propagation.timeout_s;
    for (size_t i = 0; i < zones->count && !interrupted; i++) {
        struct trial trial = {.list = &list,
                              .ctx = outside,
                              .account = account,
                              .zone = zones->items[i],
                              .journal = journal,
                              .about = arena_printf(ctx->arena, "%s, zone %s",
                                                    resource_id(ctx->arena, KIND_DNS_ACCOUNT,
                                                                account->namespace_, account->name),
                                                    zones->items[i]),
                              .patience_s = patience < ctx->timeout_s ? patience : ctx->timeout_s,
                              .interrupted = &interrupted};
        if (trial_read(&trial) && write && !interrupted)
            trial_write(&trial);
    }
    journal_close(journal);
    check_print_list(ctx, &list, &check_marks);
    if (!write && ctx->output == OUTPUT_TABLE && list.by_outcome[CHECK_NO] == 0)
        command_print(ctx, "Nothing was written: --write also makes a probe record and takes it away.\n");
    return exit_code(&list);
}

static int try_account(struct command_context *ctx, struct desired *desired, const struct resource *account,
                       const char *zone)
{
    struct string_list zones = {0};
    struct error err = {0};
    const char *reason = "";
    AUTO(outside)
    struct outside outside;
    outside_open(&outside, ctx);
    if (zone == NULL) {
        zones = zones_of(ctx, desired, &outside.context, account, &err);
    } else if ((zone = zone_canonical(ctx->arena, zone, &reason)) != NULL) {
        string_list_push(ctx->arena, &zones, zone);
    } else {
        return command_fail(ctx, EXIT_USAGE, "%s", reason);
    }
    if (zones.count == 0 && err.kind != ERROR_NONE)
        return command_fail_error(ctx, &err);
    if (zones.count == 0)
        return command_fail(ctx, EXIT_USAGE,
                            "%s names no zones, and no certificate is proven through it: write `certwright "
                            "dns test %s ZONE`",
                            resource_id(ctx->arena, KIND_DNS_ACCOUNT, account->namespace_, account->name),
                            account->name);
    return try_zones(ctx, &outside.context, account, &zones);
}

static int run(struct command_context *ctx, int argc, char **argv)
{
    enum resource_kind kind;
    const char *namespace_, *name;
    if (argc < 1 || argc > 2)
        return command_fail(ctx, EXIT_USAGE, "write `certwright dns test ACCOUNT [ZONE]`");
    if (!command_parse_object(ctx, argv[0], KIND_DNS_ACCOUNT, &kind, &namespace_, &name))
        return EXIT_USAGE;
    if (kind != KIND_DNS_ACCOUNT)
        return command_fail(ctx, EXIT_USAGE, "%s: only a DNSAccount can be tried", argv[0]);
    if (!command_config(ctx))
        return EXIT_CONFIG;
    struct desired *desired = command_desired(ctx, NULL);
    if (desired == NULL)
        return EXIT_ERROR;
    const struct desired_entry *entry = desired_find(desired, KIND_DNS_ACCOUNT, namespace_, name);
    const struct resource *account = entry != NULL ? desired_resource(desired, entry) : NULL;
    int code;
    if (account != NULL) {
        code = try_account(ctx, desired, account, argc > 1 ? argv[1] : NULL);
    } else {
        command_print_problems(ctx, desired_problems(desired));
        code = command_fail(ctx, desired_problems(desired)->errors > 0 ? EXIT_INVALID : EXIT_ERROR,
                            "the manifests hold no %s",
                            resource_id(ctx->arena, KIND_DNS_ACCOUNT, namespace_, name));
    }
    desired_destroy(desired);
    return code;
}

const struct command command_dns_test = {
    .name = "dns test",
    .arguments = "ACCOUNT [ZONE]",
    .summary = "try a DNS account: credentials, zones, delegation, writing",
    .help = "Without ZONE: the zones that the manifest names, else those of the certificates that are proven "
            "through the account.\n"
            "Nothing is written unless --write is given: then a TXT record _certwright-probe-… with a random "
            "value is noted in the\n"
            "journal, made, seen at every authoritative server, taken away and seen gone.\n"
            "Exit codes: 0 all is well, 1 something is not, 6 something could not be found out, 130 "
            "interrupted (what was made\n"
            "is taken away first).",
    .options = options,
    .formats = {[OUTPUT_JSON] = true, [OUTPUT_YAML] = true},
    .run = run,
};
