/* clean --challenges: what was made to prove names, is provably ours, and nobody needs any more: listed, and
 * taken away. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "controller/command.h"
#include "controller/desired.h"
#include "controller/journal.h"
#include "controller/look_print.h"
#include "controller/outside.h"
#include "controller/state.h"
#include "controller/stray.h"
#include "reconcilers/deploy/deploy.h"
#include "reconcilers/dns/dns.h"
#include "schema/dns_account.h"

static const struct command_option options[] = {
    {"challenges", NULL, "records and files of validation, probes among them"},
    {0},
};

enum sight { SIGHT_THERE, SIGHT_GONE, SIGHT_UNKNOWN, SIGHT_REMOVED, SIGHT_FAILED };
static const char *const sight_words[] = {[SIGHT_THERE] = "there",
                                          [SIGHT_GONE] = "gone",
                                          [SIGHT_UNKNOWN] = "unknown",
                                          [SIGHT_REMOVED] = "removed",
                                          [SIGHT_FAILED] = "failed"};

struct found {
    struct stray stray;
    enum sight sight;
    const char *words;              /* of UNKNOWN and FAILED: why */
    const struct resource *account; /* through which it was seen */
    const struct resource *target;
    struct dns_challenge record;
};
struct cleaning {
    struct command_context *ctx;
    struct desired *desired;
    struct outside outside;
    struct found *items;
    size_t count, by_sight[SIGHT_FAILED + 1];
};

/* ---- is it there? ---- */

static const struct resource *resource_of(struct cleaning *c, enum resource_kind kind, const char *namespace_,
                                          const char *name)
{
    struct resource_lookup lookup = desired_lookup(c->desired);
    const struct resource *found = name[0] != '\0' ? lookup.find(lookup.set, kind, namespace_, name) : NULL;
    if (found == NULL && name[0] != '\0') /* one that is opened to other namespaces */
        found = lookup.find(lookup.set, kind, "default", name);
    return found;
}

static bool same_value(const char *type, const char *a, const char *b)
{
    if (strcmp(type, "CNAME") != 0)
        return strcmp(a, b) == 0;
    size_t a_length = strlen(a), b_length = strlen(b);
    a_length -= a_length > 0 && a[a_length - 1] == '.';
    b_length -= b_length > 0 && b[b_length - 1] == '.';
    return a_length == b_length && strncasecmp(a, b, a_length) == 0;
}

/* Whether the account shows exactly this record. Fails: as the service says. */
static bool shows(struct cleaning *c, const struct resource *account, const struct leftover_record *what,
                  bool own_zone, struct dns_challenge *out_record, bool *out_there, struct error *err)
{
    const struct dns_provider_ops *ops = dns_provider_ops(account->dns_account->provider);
    struct dns_challenge record = {.zone = what->zone,
                                   .name = what->record_name,
                                   .type = what->record_type,
                                   .value = what->record_value};
    struct string_list values = {0};
    *out_there = false;
    if (((!own_zone || record.zone[0] == '\0') &&
         !ops->zone_of(&c->outside.context, account, record.name, &record.zone, err)) ||
        !ops->list(&c->outside.context, account, &record, &values, err))
        return false;
    for (size_t i = 0; i < values.count; i++)
        *out_there = *out_there || same_value(record.type, values.items[i], record.value);
    *out_record = record;
    return true;
}

static bool can_look(const struct resource *account)
{
    const struct dns_provider_ops *ops = dns_provider_ops(account->dns_account->provider);
    return ops != NULL && ops->list != NULL;
}

/* Through the account that made it; when that is gone or does not show it, through any that holds its zone:
 * the name and the value in the journal are what makes it ours, not the way there. */
static void look_for_record(struct cleaning *c, struct found *f)
{
    const struct leftover_record *what = &f->stray.what;
    const struct resource *maker = resource_of(c, KIND_DNS_ACCOUNT, what->namespace_, what->account);
    struct error first = {0};
    bool there = false, looked = false;
    if (maker != NULL && can_look(maker) && shows(c, maker, what, true, &f->record, &there, &first))
        looked = true;
    if (there)
        f->account = maker;
    struct resource_lookup lookup = desired_lookup(c->desired);
    struct resource_list all = lookup.list(lookup.set, KIND_DNS_ACCOUNT, what->namespace_, c->ctx->arena);
    for (size_t i = 0; i < all.count && f->account == NULL; i++) {
        struct error err = {0};
        const struct resource *other = &all.items[i];
        if ((maker != NULL && strcmp(other->name, maker->name) == 0) || !other->dns_account->enabled ||
            !can_look(other))
            continue;
        if (shows(c, other, what, false, &f->record, &there, &err) && there)
            f->account = other;
    }
    f->sight = f->account != NULL ? SIGHT_THERE : looked ? SIGHT_GONE : SIGHT_UNKNOWN;
    if (f->sight == SIGHT_UNKNOWN)
        f->words =
            first.kind != ERROR_NONE
                ? arena_strdup(c->ctx->arena, first.message)
                : arena_printf(c->ctx->arena,
                               "DNSAccount %s, by which it was made, is not in the manifests, and no other "
                               "account shows it",
                               what->account);
}

static void look_for_file(struct cleaning *c, struct found *f)
{
    const struct leftover_record *what = &f->stray.what;
    struct error err = {0};
    bool there = false;
    f->target = resource_of(c, KIND_DEPLOY_TARGET, what->namespace_, what->target);
    if (f->target == NULL)
        error_raise(&err, ERROR_MANIFEST, "DeployTarget %s, where it was put, is not in the manifests",
                    what->target);
    if (f->target != NULL && deploy_local.challenge_look(&c->outside.context, f->target, what->file_name,
                                                         what->file_content, &there, &err)) {
        f->sight = there ? SIGHT_THERE : SIGHT_GONE;
        return;
    }
    f->sight = SIGHT_UNKNOWN;
    f->words = arena_strdup(c->ctx->arena, err.message);
}

static bool gather(struct cleaning *c, struct state *state, struct error *err)
{
    struct stray *strays;
    size_t count;
    if (!stray_list(state, c->ctx->arena, &strays, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (c->ctx->namespace_ != NULL && !text_equal(c->ctx->namespace_, strays[i].what.namespace_))
            continue;
        struct found *f = arena_push(c->ctx->arena, &c->items, c->count);
        *f = (struct found){.stray = strays[i]};
        if (strays[i].what.record_name[0] != '\0')
            look_for_record(c, f);
        else
            look_for_file(c, f);
    }
    return true;
}

/* ---- taking away ---- */

static bool take_away(struct cleaning *c, struct journal *journal, struct found *f, struct error *err)
{
    const struct leftover_record *what = &f->stray.what;
    bool there = false;
    if (!journal_claim(journal, f->stray.key, err))
        return false;
    if (f->target != NULL) {
        if (!deploy_local.challenge_absent(&c->outside.context, f->target, what->file_name,
                                           what->file_content, err))
            return false;
    } else if (!dns_provider_ops(f->account->dns_account->provider)
                    ->absent(&c->outside.context, f->account, &f->record, err) ||
               !shows(c, f->account, what, false, &f->record, &there, err)) {
        return false;
    }
    if (there)
        return error_raise(err, ERROR_REFUSED, "the service took the removal, but still shows it");
    return journal_settle(journal, f->stray.key, err);
}

static int remove_all(struct cleaning *c)
{
    struct journal *journal = journal_open(c->ctx, "clean");
    if (journal == NULL)
        return EXIT_STATE;
    for (size_t i = 0; i < c->count; i++) {
        struct found *f = &c->items[i];
        struct error err = {0};
        if (f->sight == SIGHT_GONE && journal_settle(journal, f->stray.key, &err))
            continue; /* nothing to take away; the journal knows now */
        if (f->sight == SIGHT_THERE && take_away(c, journal, f, &err))
            f->sight = SIGHT_REMOVED;
        else if (f->sight == SIGHT_THERE) {
            f->sight = SIGHT_FAILED;
            f->words = arena_strdup(c->ctx->arena, err.message);
        }
    }
    journal_close(journal);
    return EXIT_OK;
}

static bool agreed(struct cleaning *c, size_t there)
{
    char answer[16] = "";
    if (c->ctx->yes)
        return true;
    if (there == 0 || c->ctx->output != OUTPUT_TABLE || !isatty(0) || !isatty(2))
        return false;
    command_flush(c->ctx);
    fprintf(stderr, "\nThis takes %s away. Go on? [y/N] ", look_count(c->ctx->arena, there, "of them"));
    return fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

/* ---- showing ---- */

static const char *what_it_is(struct cleaning *c, const struct found *f)
{
    const struct leftover_record *what = &f->stray.what;
    if (what->record_name[0] == '\0')
        return arena_printf(c->ctx->arena, "file %s of DeployTarget %s", what->file_name, what->target);
    return arena_printf(c->ctx->arena, "%s %s %s", what->record_type, what->record_name, what->record_value);
}

static void print_text(struct cleaning *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct found *f = &c->items[i];
        enum colour colour = f->sight == SIGHT_REMOVED || f->sight == SIGHT_GONE ? COLOUR_GREEN
                             : f->sight == SIGHT_FAILED                          ? COLOUR_RED
                                                                                 : COLOUR_YELLOW;
        command_print(c->ctx, "%s%-8s%s %s\n", command_colour(c->ctx, colour), sight_words[f->sight],
                      command_colour(c->ctx, COLOUR_NONE), look_line(c->ctx->arena, what_it_is(c, f)));
        command_print(c->ctx, "         ours:     %s%s\n", look_line(c->ctx->arena, f->stray.why_ours),
                      f->sight == SIGHT_THERE || f->sight == SIGHT_REMOVED ? "; what stands there is equal"
                                                                           : "");
        command_print(c->ctx, "         needless: %s\n", look_line(c->ctx->arena, f->stray.why_needless));
        if (f->account != NULL)
            command_print(
                c->ctx, "         through:  %s, zone %s\n",
                resource_id(c->ctx->arena, KIND_DNS_ACCOUNT, f->account->namespace_, f->account->name),
                f->record.zone);
        if (f->words != NULL)
            command_print(c->ctx, "         why:      %s\n", look_line(c->ctx->arena, f->words));
    }
}

static void print_summary(struct cleaning *c)
{
    struct string_list parts = {0};
    for (int sight = 0; sight <= SIGHT_FAILED; sight++)
        if (c->by_sight[sight] > 0)
            string_list_push(c->ctx->arena, &parts,
                             arena_printf(c->ctx->arena, "%zu %s", c->by_sight[sight], sight_words[sight]));
    if (c->count == 0)
        command_print(c->ctx, "No strays: everything that was made is needed or gone.\n");
    else
        command_print(c->ctx, "%s%s.%s\n", "\n", string_list_join(c->ctx->arena, &parts, ", "),
                      c->by_sight[SIGHT_THERE] > 0 ? " Nothing was taken away: --yes does." : "");
}

static void print_document(struct cleaning *c)
{
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    struct arena *arena = c->ctx->arena;
    json_begin_object(&w);
    json_string_member(&w, "formatVersion", "1");
    json_key(&w, "strays");
    json_begin_array(&w);
    for (size_t i = 0; i < c->count; i++) {
        const struct found *f = &c->items[i];
        const struct leftover_record *what = &f->stray.what;
        json_begin_object(&w);
        json_string_member(&w, "key", f->stray.key);
        json_string_member(&w, "state", sight_words[f->sight]);
        look_text_member(&w, "owner", f->stray.owner, arena);
        look_text_member(&w, "recordName", what->record_name, arena);
        look_text_member(&w, "recordType", what->record_type, arena);
        look_text_member(&w, "recordValue", what->record_value, arena);
        look_text_member(&w, "zone", f->record.zone, arena);
        look_text_member(&w, "dnsAccount", f->account != NULL ? f->account->name : what->account, arena);
        look_text_member(&w, "deployTarget", what->target, arena);
        look_text_member(&w, "fileName", what->file_name, arena);
        look_text_member(&w, "whyOurs", f->stray.why_ours, arena);
        look_text_member(&w, "whyNeedless", f->stray.why_needless, arena);
        look_text_member(&w, "cause", f->words, arena);
        json_end_object(&w);
    }
    json_end_array(&w);
    for (int sight = 0; sight <= SIGHT_FAILED; sight++)
        json_int_member(&w, sight_words[sight], (int64_t)c->by_sight[sight]);
    json_end_object(&w);
    look_print_document(c->ctx, &text);
    buffer_release(&text);
}

static void count_sights(struct cleaning *c)
{
    memset(c->by_sight, 0, sizeof c->by_sight);
    for (size_t i = 0; i < c->count; i++)
        c->by_sight[c->items[i].sight]++;
}

static int clean(struct cleaning *c)
{
    bool document = c->ctx->output != OUTPUT_TABLE;
    count_sights(c);
    size_t there = c->by_sight[SIGHT_THERE];
    if (!document && !c->ctx->yes)
        print_text(c);
    if (agreed(c, there) && c->count > 0) {
        int code = remove_all(c);
        if (code != EXIT_OK)
            return code;
        count_sights(c);
        if (!document)
            print_text(c);
    }
    if (document)
        print_document(c);
    else
        print_summary(c);
    return c->by_sight[SIGHT_FAILED] > 0    ? EXIT_ERROR
           : c->by_sight[SIGHT_UNKNOWN] > 0 ? EXIT_UNREACHABLE
                                            : EXIT_OK;
}

static int run(struct command_context *ctx, int argc, char **argv)
{
    struct cleaning c = {.ctx = ctx};
    struct error err = {0};
    (void)argv;
    if (argc > 0 || command_option(ctx, "challenges") == NULL)
        return command_fail(ctx, EXIT_USAGE, "write `certwright clean --challenges`");
    if (!command_config(ctx))
        return EXIT_CONFIG;
    struct state *state = command_state(ctx);
    if (state == NULL)
        return EXIT_STATE;
    int code = EXIT_ERROR;
    c.desired = command_desired(ctx, state);
    outside_open(&c.outside, ctx);
    bool ok = c.desired != NULL && gather(&c, state, &err);
    state_close(state); /* before the lock is taken: a store is opened once in a process */
    if (ok)
        code = clean(&c);
    else if (c.desired != NULL)
        code = command_fail_error(ctx, &err);
    outside_close(&c.outside);
    if (c.desired != NULL)
        desired_destroy(c.desired);
    return code;
}

const struct command command_clean = {
    .name = "clean",
    .arguments = "--challenges",
    .summary = "list challenges that nobody needs, and take them away",
    .help = "Lists what certwright made to prove names, or as a probe, and that no live order needs: each "
            "stands in the journal,\n"
            "which is written before anything is made, and is equal to what the journal says. Nothing else "
            "is ever touched. It is\n"
            "taken away after a question on a terminal, or with --yes.\n"
            "Exit codes: 0 listed or taken away, 1 something could not be taken away, 6 something could not "
            "be looked at.",
    .options = options,
    .formats = {[OUTPUT_JSON] = true, [OUTPUT_YAML] = true},
    .run = run,
};
