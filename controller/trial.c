#include "controller/trial.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "controller/journal.h"
#include "reconcilers/dns/dns.h"
#include "reconcilers/dns/propagation.h"

int64_t trial_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void add(const struct trial *t, const char *name, enum check_outcome outcome, const char *cause,
                const char *cure, int64_t since)
{
    check_add(t->list, &(struct check){.about = t->about,
                                       .name = name,
                                       .outcome = outcome,
                                       .cause = cause,
                                       .cure = cure,
                                       .took_ms = trial_clock_ms() - since});
}

static void add_failure(const struct trial *t, const char *name, const struct error *err, const char *cure,
                        int64_t since)
{
    add(t, name, check_outcome_of(err), arena_strdup(t->list->arena, err->message),
        cure != NULL ? cure : check_cure_of(err), since);
}

/* ---- delegation ---- */

void trial_delegation(struct check_list *list, struct context *ctx, const char *about, const char *name,
                      const char *zone)
{
    struct authority authority;
    struct error err = {0};
    struct arena *arena = list->arena;
    struct check check = {.about = about, .name = "delegation", .subject = name};
    int64_t since = trial_clock_ms();
    if (!propagation_authority(ctx, name, zone, &authority, &err)) {
        check.outcome = check_outcome_of(&err);
        check.cause = arena_strdup(arena, err.message);
        check.cure = err.kind == ERROR_NOT_FOUND
                         ? "have the zone delegated at the registrar, or correct the name"
                         : check_cure_of(&err);
        check.took_ms = trial_clock_ms() - since;
        check_add(list, &check);
        return;
    }
    size_t good = 0, silent = 0;
    struct string_list wrong = {0};
    for (size_t i = 0; i < authority.count; i++) {
        const struct authority_server *server = &authority.servers[i];
        good += server->authoritative;
        silent += !server->answers;
        if (server->words != NULL)
            string_list_push(arena, &wrong, server->words);
    }
    const char *whose = authority.zone == NULL ? "named by the operator's `nameservers`"
                                               : arena_printf(arena, "of zone %s", authority.zone);
    check.cause = arena_printf(arena, "%zu of %zu server%s %s answer%s for it%s%s", good, authority.count,
                               authority.count == 1 ? "" : "s", whose, authority.count == 1 ? "s" : "",
                               wrong.count > 0 ? ": " : "",
                               wrong.count > 0 ? string_list_join(arena, &wrong, "; ") : "");
    if (good + silent < authority.count) {
        check.outcome = CHECK_NO;
        check.cure = "a server that is delegated to and does not hold the zone: correct the NS records at "
                     "the registrar, or "
                     "the server";
    } else if (silent > 0) {
        check.outcome = CHECK_UNKNOWN;
        check.cure =
            "see whether the silent servers are reachable from here (UDP and TCP port 53), then try again";
    }
    check.took_ms = trial_clock_ms() - since;
    check_add(list, &check);
}

/* ---- reading ---- */

static const char *probe_name(const struct trial *t)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    return arena_printf(t->list->arena, "_certwright-probe-%s.%s", random_token(t->list->arena, 10, letters),
                        t->zone);
}

static bool read_credentials(const struct trial *t, const struct dns_provider_ops *ops)
{
    struct error err = {0};
    int64_t since = trial_clock_ms();
    bool ok = ops->check(t->ctx, t->account, t->zone, &err);
    if (ok)
        add(t, "credentials", CHECK_YES, "accepted", NULL, since);
    else
        add_failure(t, "credentials", &err, NULL, since);
    return ok;
}

static bool read_zone(const struct trial *t, const struct dns_provider_ops *ops, const char *name)
{
    struct error err = {0};
    const char *zone;
    int64_t since = trial_clock_ms();
    if (!ops->zone_of(t->ctx, t->account, name, &zone, &err)) {
        add_failure(t, "zone", &err,
                    err.kind == ERROR_NOT_FOUND
                        ? "let these credentials see the zone, or name another account or zone"
                        : NULL,
                    since);
        return false;
    }
    bool same = strcasecmp(zone, t->zone) == 0;
    const char *cause =
        same ? arena_printf(t->list->arena, "the account holds %s", zone)
             : arena_printf(t->list->arena, "%s is no zone of its own there: its records belong to zone %s",
                            t->zone, zone);
    add(t, "zone", same ? CHECK_YES : CHECK_WARN, cause, NULL, since);
    return true;
}

static bool read_values(const struct trial *t, const struct dns_provider_ops *ops, const char *name)
{
    struct error err = {0};
    struct string_list values = {0};
    struct dns_challenge probe = {.zone = t->zone, .name = name, .type = "TXT", .value = ""};
    int64_t since = trial_clock_ms();
    if (ops->list == NULL)
        return true;
    bool ok = ops->zone_of(t->ctx, t->account, name, &probe.zone, &err) &&
              ops->list(t->ctx, t->account, &probe, &values, &err);
    if (ok)
        add(t, "reading", CHECK_YES, "records can be read", NULL, since);
    else
        add_failure(t, "reading", &err, NULL, since);
    return ok;
}

bool trial_read(const struct trial *t)
{
    const struct dns_provider_ops *ops = dns_provider_ops(t->account->dns_account->provider);
    const char *name = probe_name(t);
    if (ops == NULL) {
        add(t, "account", CHECK_YES, "a person makes the records of this account: there is nothing to try",
            NULL, trial_clock_ms());
        return false;
    }
    bool ok = read_credentials(t, ops);
    ok = ok && read_zone(t, ops, name);
    trial_delegation(t->list, t->ctx, t->about, t->zone, t->zone);
    return ok && read_values(t, ops, name);
}

/* ---- writing ---- */

static bool over(const struct trial *t) { return t->interrupted != NULL && *t->interrupted; }

/* The account's own resolvers must see it too; what they remember of it afterwards harms nobody. */
static bool look_for(const struct trial *t, const struct dns_challenge *probe, bool there,
                     struct propagation *out, struct error *err)
{
    return there ? propagation_check_for(t->ctx, t->account, probe->name, probe, out, err)
                 : propagation_check(t->ctx, probe, out, err);
}

/* Whether the world has it (or has it no longer); asked until it is so, or patience ends. */
static bool wait_for(const struct trial *t, const struct dns_provider_ops *ops,
                     const struct dns_challenge *probe, bool there, const char **out_words, struct error *err)
{
    int64_t interval = t->account->dns_account->propagation.interval_s, begun = trial_clock_ms();
    for (;;) {
        struct propagation seen = {.words = ""};
        bool applied = true;
        *err = (struct error){0};
        bool asked =
            (!there || ops->applied == NULL || ops->applied(t->ctx, t->account, probe, &applied, err)) &&
            (!applied || look_for(t, probe, there, &seen, err));
        *out_words =
            !applied ? "the service has not brought it to all its servers yet"
            : there  ? seen.words
                    : arena_printf(t->list->arena, "%d of %d servers still have it", seen.seen, seen.servers);
        if (asked && applied && (there ? seen.everywhere : seen.seen == 0))
            return true;
        if (over(t) || trial_clock_ms() - begun + interval * 1000 > t->patience_s * 1000)
            return false;
        struct timespec nap = {.tv_sec = interval > 0 ? interval : 1};
        nanosleep(&nap, NULL); /* a signal ends it */
    }
}

static bool see(const struct trial *t, const struct dns_provider_ops *ops, const struct dns_challenge *probe,
                bool there)
{
    const char *name = there ? "see" : "gone", *words;
    struct error err = {0};
    int64_t since = trial_clock_ms();
    if (wait_for(t, ops, probe, there, &words, &err)) {
        add(t, name, CHECK_YES, there ? words : "no authoritative server has it any more", NULL, since);
        return true;
    }
    const char *cure = "look at the transfer to the secondaries and at the delegation; `propagation.timeout` "
                       "of the account is "
                       "how long is waited";
    if (over(t))
        add(t, name, CHECK_UNKNOWN, "interrupted", NULL, since);
    else if (err.kind != ERROR_NONE)
        add_failure(t, name, &err, NULL, since);
    else
        add(t, name, CHECK_NO,
            arena_printf(t->list->arena, "not within %s: %s",
                         text_duration_words(t->list->arena, t->patience_s), words),
            cure, since);
    return false;
}

static bool make(const struct trial *t, const struct dns_provider_ops *ops, const struct dns_challenge *probe)
{
    struct error err = {0};
    int64_t since = trial_clock_ms();
    bool ok = ops->present(t->ctx, t->account, probe, &err);
    if (ok)
        add(t, "make", CHECK_YES, arena_printf(t->list->arena, "TXT %s", probe->name), NULL, since);
    else
        add_failure(t, "make", &err,
                    err.kind == ERROR_CREDENTIAL || err.kind == ERROR_REFUSED
                        ? "give the credentials the right to change TXT and CNAME records of the zone"
                        : NULL,
                    since);
    return ok;
}

static bool take_away(const struct trial *t, const struct dns_provider_ops *ops,
                      const struct dns_challenge *probe, const struct leftover_record *leftover)
{
    struct error err = {0};
    struct string_list values = {0};
    int64_t since = trial_clock_ms();
    bool ok = ops->absent(t->ctx, t->account, probe, &err) &&
              (ops->list == NULL || ops->list(t->ctx, t->account, probe, &values, &err));
    if (ok && string_list_contains(&values, probe->value))
        ok = error_raise(&err, ERROR_REFUSED, "the service took the removal, but still lists the record");
    /* Only now may the journal forget it. */
    if (ok && !journal_strike(t->journal, leftover, &err))
        ok = error_prefix(&err, "it is removed, but the journal");
    if (ok)
        add(t, "remove", CHECK_YES, "", NULL, since);
    else
        add_failure(t, "remove", &err,
                    "the journal keeps it: `certwright clean --challenges` takes it away later", since);
    return ok;
}

bool trial_write(const struct trial *t)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const struct dns_provider_ops *ops = dns_provider_ops(t->account->dns_account->provider);
    struct arena *arena = t->list->arena;
    struct dns_challenge probe = {
        .name = probe_name(t),
        .type = "TXT",
        .value = arena_printf(arena, "certwright-probe-%s", random_token(arena, 32, letters))};
    struct error err = {0};
    int64_t since = trial_clock_ms();
    if (!ops->zone_of(t->ctx, t->account, probe.name, &probe.zone, &err)) {
        add_failure(t, "make", &err, NULL, since);
        return false;
    }
    struct leftover_record leftover = {.namespace_ = t->account->namespace_,
                                       .origin = "a probe by dns test",
                                       .account = t->account->name,
                                       .zone = probe.zone,
                                       .record_name = probe.name,
                                       .record_type = probe.type,
                                       .record_value = probe.value,
                                       .target = "",
                                       .file_name = "",
                                       .file_content = "",
                                       .noted_at = clock_now()};
    if (!journal_note(t->journal, &leftover, &err)) {
        add_failure(t, "journal", &err, "nothing was made: what cannot be written down is not done", since);
        return false;
    }
    bool made = make(t, ops, &probe);
    bool seen = made && see(t, ops, &probe, true);
    bool removed =
        take_away(t, ops, &probe, &leftover); /* a making that failed may have made it all the same */
    return made && removed && see(t, ops, &probe, false) && seen;
}
