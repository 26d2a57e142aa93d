/* What the world shows of a certificate's names: CAA, signatures, delegation, and what its way of proof
 * needs. */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/names.h"
#include "controller/journal.h"
#include "controller/preflight_internal.h"
#include "controller/trial.h"
#include "reconcilers/certificate/placement.h"
#include "reconcilers/deploy/deploy.h"
#include "reconcilers/dns/caa.h"
#include "reconcilers/dns/dns.h"
#include "reconcilers/dns/dnssec.h"
#include "reconcilers/http_check.h"
#include "schema/rules.h"

static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";

/* ---- what counts for every way of proof ---- */

static void check_caa(struct flight *flight, const struct certificate_view *view, const char *name)
{
    static const enum check_outcome outcomes[] = {[CAA_ALLOWED] = CHECK_YES,
                                                  [CAA_LIMITED] = CHECK_WARN,
                                                  [CAA_FORBIDDEN] = CHECK_NO,
                                                  [CAA_UNKNOWN] = CHECK_UNKNOWN};
    struct arena *arena = flight->arena;
    struct caa_answer answer = {0};
    const struct string_list *identities = rules_caa_identities(view->product->family);
    caa_check(flight->options->ctx, NULL, name, identities, &answer);
    const char *at = answer.found_at == NULL ? "" : arena_printf(arena, "at %s: ", answer.found_at);
    const char *cure =
        answer.verdict == CAA_FORBIDDEN
            ? arena_printf(arena, "add to the zone: %s. CAA 0 %s \"%s\"", answer.found_at,
                           name_is_wildcard(name) ? "issuewild" : "issue", identities->items[0])
        : answer.verdict == CAA_LIMITED ? "ask the CA whether the parameters fit this account"
        : answer.verdict == CAA_UNKNOWN
            ? "try again; if it stays, look at the zone's servers: the CA refuses in most cases, too"
            : NULL;
    flight_add(flight, view->id, "CAA", name, outcomes[answer.verdict],
               arena_printf(arena, "%s%s", at, answer.words), cure);
}

static void check_signatures(struct flight *flight, const struct certificate_view *view, const char *name)
{
    static const enum check_outcome outcomes[] = {
        [DNSSEC_FINE] = CHECK_YES, [DNSSEC_BOGUS] = CHECK_NO, [DNSSEC_UNKNOWN] = CHECK_UNKNOWN};
    struct dnssec_answer answer = {0};
    dnssec_check(flight->options->ctx, NULL, name, &answer);
    flight_add(flight, view->id, "DNSSEC", name, outcomes[answer.verdict], answer.words,
               answer.verdict == DNSSEC_BOGUS
                   ? "mend the signatures, or have the DS record taken out at the registrar; CAs check them"
                   : "ask a resolver that checks signatures, such as `delv` or a public one");
}

/* ---- by DNS ---- */

static void note_zone(struct flight *flight, const struct resource *account, const char *zone)
{
    for (size_t i = 0; i < flight->zone_count; i++)
        if (flight->zones[i].account == account && strcasecmp(flight->zones[i].zone, zone) == 0)
            return;
    *arena_push(flight->arena, &flight->zones, flight->zone_count) = (struct flight_zone){account, zone};
}

static void check_zone(struct flight *flight, const struct certificate_view *view,
                       const struct name_validation *v)
{
    struct arena *arena = flight->arena;
    const char *name = name_without_wildcard(v->name);
    struct placement place;
    struct error err = {0};
    if (dns_provider_ops(v->dns_account->dns_account->provider) == NULL)
        return;
    if (!placement_foresee(flight->options->ctx, view, v, &place, &err)) {
        flight_add_failure(flight, view->id, "zone", name, &err,
                           err.kind == ERROR_NOT_FOUND
                               ? "let the account's credentials see the zone, or name another account"
                               : NULL);
        return;
    }
    const char *id = resource_id(arena, KIND_DNS_ACCOUNT, place.account->namespace_, place.account->name);
    flight_add(flight, view->id, "zone", name, CHECK_YES,
               arena_printf(arena, "%s%s%s%s in %s", place.led ? "an alias leads the proof to " : "",
                            place.led ? place.name : "", place.led ? ", zone " : "", place.zone, id),
               NULL);
    note_zone(flight, place.account, place.zone);
}

/* ---- by file ---- */

static const char *file_name(struct flight *flight)
{
    return arena_printf(flight->arena, "certwright-probe-%s.txt", random_token(flight->arena, 10, letters));
}

static void check_reach(struct flight *flight, const struct certificate_view *view,
                        const struct name_validation *v)
{
    struct error err = {0};
    int status = 0;
    const char *port = v->method == DCV_HTTPS ? "443" : "80";
    if (!http_reach_check(flight->options->ctx, v->name, v->method == DCV_HTTPS, file_name(flight), &status,
                          &err)) {
        flight_add_failure(flight, view->id, "file", v->name, &err,
                           arena_printf(flight->arena,
                                        "the web server for %s must answer on port %s, to the whole world",
                                        v->name, port));
        return;
    }
    const char *words =
        arena_printf(flight->arena, "port %s answers %d for a file that is not there", port, status);
    if (status == 404 || status == 410)
        flight_add(flight, view->id, "file", v->name, CHECK_YES, words, NULL);
    else
        flight_add(
            flight, view->id, "file", v->name, CHECK_UNKNOWN, words,
            "whether a file that is there is served shows --write, which puts a probe and takes it away");
}

/* A file put where the proof will be, fetched as the vendor does, and taken away. */
static void try_file(struct flight *flight, const struct certificate_view *view,
                     const struct name_validation *v)
{
    struct arena *arena = flight->arena;
    struct context *ctx = flight->options->ctx;
    const char *name = file_name(flight), *content = random_token(arena, 32, letters);
    struct leftover_record leftover = {.namespace_ = v->http_target->namespace_,
                                       .origin = "a probe by preflight",
                                       .account = "",
                                       .zone = "",
                                       .record_name = "",
                                       .record_type = "",
                                       .record_value = "",
                                       .target = v->http_target->name,
                                       .file_name = name,
                                       .file_content = content,
                                       .noted_at = clock_now()};
    struct error err = {0}, seen_err = {0};
    if (!journal_note(flight->options->journal, &leftover, &err)) {
        flight_add_failure(flight, view->id, "journal", v->name, &err, "nothing was made");
        return;
    }
    bool made = deploy_local.challenge_present(ctx, v->http_target, name, content, &err);
    bool seen = made && http_challenge_check(ctx, v->name, v->method == DCV_HTTPS, name, content, &seen_err);
    struct error gone_err = {0};
    bool gone = deploy_local.challenge_absent(ctx, v->http_target, name, content, &gone_err) &&
                journal_strike(flight->options->journal, &leftover, &gone_err);
    if (!made)
        flight_add_failure(flight, view->id, "file", v->name, &err,
                           "correct root, webroot or rights of the target");
    else if (seen)
        flight_add(flight, view->id, "file", v->name, CHECK_YES, "a probe was put there and is served", NULL);
    else
        flight_add_failure(
            flight, view->id, "file", v->name, &seen_err,
            "the web server must serve /.well-known/pki-validation/ from the target's webroot");
    if (!gone)
        flight_add_failure(flight, view->id, "probe", v->name, &gone_err,
                           "`certwright clean --challenges` takes it away later");
}

static void check_file(struct flight *flight, const struct certificate_view *view,
                       const struct name_validation *v)
{
    struct error err = {0};
    bool there;
    if (v->http_target != NULL &&
        !deploy_local.challenge_look(flight->options->ctx, v->http_target, NULL, NULL, &there, &err)) {
        flight_add_failure(flight, view->id, "webroot", v->name, &err,
                           "correct root or webroot of the target, or its rights");
        return;
    }
    if (v->http_target != NULL && flight->options->journal != NULL)
        try_file(flight, view, v);
    else
        check_reach(flight, view, v);
}

/* ---- by mail ---- */

static void check_approver(struct flight *flight, const struct certificate_view *view,
                           const struct name_validation *v)
{
    struct issuer_account account;
    struct string_list approvers = {0};
    struct error err = {0};
    if (view->refs.issuer == NULL || v->approver == NULL)
        return;
    if (!issuer_account_open(flight->options->ctx, view->refs.issuer, &account, &err)) {
        flight_add_failure(flight, view->id, "approver", v->name, &err, NULL);
        return;
    }
    bool ok = issuer_sslstore.approvers(flight->options->ctx, &account, view->product->code,
                                        name_without_wildcard(v->name), &approvers, &err);
    issuer_account_close(&account);
    if (!ok)
        flight_add_failure(flight, view->id, "approver", v->name, &err, NULL);
    else if (string_list_contains(&approvers, v->approver))
        flight_add(flight, view->id, "approver", v->name, CHECK_YES,
                   arena_printf(flight->arena, "the vendor sends mail to %s", v->approver), NULL);
    else
        flight_add(
            flight, view->id, "approver", v->name, CHECK_NO,
            arena_printf(flight->arena, "the vendor sends no mail to %s, but to %s", v->approver,
                         approvers.count > 0 ? string_list_join(flight->arena, &approvers, ", ") : "nobody"),
            "name one of these by dcv.email.approver");
}

void flight_names(struct flight *flight, const struct certificate_view *view)
{
    struct arena *arena = flight->arena;
    for (size_t i = 0; i < view->refs.validation_count; i++) {
        const struct name_validation *v = &view->refs.validations[i];
        const char *name = name_without_wildcard(v->name);
        if (flight_first(flight, arena_printf(arena, "caa %d %s", view->product->family, v->name)))
            check_caa(flight, view, v->name);
        if (flight_first(flight, arena_printf(arena, "dnssec %s", name)))
            check_signatures(flight, view, name);
        if (flight_first(flight, arena_printf(arena, "delegation %s", name)))
            trial_delegation(flight->options->list, flight->options->ctx, view->id, name, NULL);
        if (v->method == DCV_DNS && v->dns_account != NULL)
            check_zone(flight, view, v);
        else if ((v->method == DCV_HTTP || v->method == DCV_HTTPS) && !name_is_wildcard(v->name))
            check_file(flight, view, v);
        else if (v->method == DCV_EMAIL)
            check_approver(flight, view, v);
    }
}
