/* Proving the names, the steps: making a challenge, seeing it, and taking it away again. Making and removing are worded as a
 * state afterwards, so each may be asked for twice. */
#include "reconcilers/certificate/challenge.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/names.h"
#include "reconcilers/certificate/actions.h"
#include "reconcilers/certificate/decide_parts.h"
#include "reconcilers/certificate/placement.h"
#include "reconcilers/deploy/deploy.h"
#include "reconcilers/dns/credential.h"
#include "reconcilers/dns/dns.h"
#include "reconcilers/dns/follow.h"
#include "reconcilers/dns/propagation.h"
#include "reconcilers/http_check.h"

enum { PUT_BACK_MOST = 5 };

static struct challenge_record *challenge_copy(const struct certificate_view *view, const struct step *step,
                                               struct arena *arena, struct changes *out)
{
    struct challenge_record *copy = arena_memdup(arena, &view->challenges[step->index], sizeof *copy);
    out->challenges = copy;
    out->challenge_count = 1;
    return copy;
}

static void record_failure(struct challenge_record *c, const struct outcome *outcome)
{
    c->failures++;
    c->error = outcome->err.message;
    c->retry_at = outcome->err.retry_at > 0 ? outcome->err.retry_at
                                            : outcome->at + backoff_s(outcome->err.kind, c->failures, (uint64_t)outcome->at);
}

static void record_success(struct challenge_record *c)
{
    c->failures = 0;
    c->retry_at = 0;
    c->error = "";
}

static struct dns_challenge dns_of(const struct challenge_record *c)
{
    return (struct dns_challenge){.zone = c->zone, .name = challenge_place(c), .type = c->record_type, .value = c->record_value};
}

static bool prepare_present(const struct certificate_view *view, const struct step *step, struct arena *arena,
                            struct changes *out)
{
    struct challenge_record *c = challenge_copy(view, step, arena, out);
    const struct name_validation *v = challenge_validation(view, c->domain);
    const char *account = v != NULL && v->dns_account != NULL ? v->dns_account->name : "";
    const char *target = v != NULL && v->http_target != NULL ? v->http_target->name : "";
    if (!text_equal(account, c->account) || !text_equal(target, c->target))
        certificate_keep_leftover(view, c, arena, out); /* made elsewhere before the manifest was edited */
    c->state = CHALLENGE_PRESENTING;
    if (!text_equal(account, c->account))
        c->led_to = c->led_account = "";
    c->account = account;
    c->target = target;
    out->audit = "challenge.present";
    out->audit_detail = step->detail;
    return true;
}

static bool act_present(struct context *ctx, const struct certificate_view *view, const struct step *step,
                        struct outcome *out, struct error *err)
{
    const struct challenge_record *c = &view->challenges[step->index];
    const struct name_validation *v = challenge_validation(view, c->domain);
    out->zone = c->zone;
    if (c->manual)
        return true;
    if (v == NULL)
        return error_raise(err, ERROR_MANIFEST, "the manifest no longer says how %s is proven", c->domain);
    if (challenge_is_file(c)) {
        if (v->http_target == NULL)
            return error_raise(err, ERROR_MANIFEST, "no DeployTarget takes challenge files for %s", c->domain);
        return deploy_local.challenge_present(ctx, v->http_target, c->file_name, c->file_content, err);
    }
    if (v->dns_account == NULL || dns_provider_ops(v->dns_account->dns_account->provider) == NULL)
        return error_raise(err, ERROR_MANIFEST, "no DNSAccount is responsible for %s", c->domain);
    struct dns_challenge challenge = dns_of(c);
    struct placement place;
    challenge.name = c->record_name;
    if (!dns_challenge_confined(&challenge, &view->order->names, err) ||
        !placement_find(ctx, view, v->dns_account, &challenge, &place, err))
        return false;
    out->zone = challenge.zone = place.zone;
    out->led_to = place.led ? place.name : "";
    out->led_account = place.led ? place.account->name : "";
    out->moved = !text_equal(out->led_to, c->led_to) || !text_equal(out->led_account, c->led_account);
    challenge.name = place.name;
    return out->moved || dns_provider_ops(place.account->dns_account->provider)->present(ctx, place.account, &challenge, err);
}

/* Where the record belongs is journalled before anything is written there. */
static void record_moved(const struct certificate_view *view, struct challenge_record *c, const struct outcome *outcome,
                         struct arena *arena, struct changes *out)
{
    if (c->led_to[0] != '\0' || c->presented_at > 0)
        certificate_keep_leftover(view, c, arena, out);
    c->state = CHALLENGE_PENDING;
    c->led_to = outcome->led_to;
    c->led_account = outcome->led_account;
    c->zone = outcome->zone;
    c->presented_at = 0;
    out->event_type = "Normal";
    out->event_reason = "PlaceFound";
    out->event_message = c->led_to[0] != '\0'
                             ? arena_printf(arena, "%s: %s is an alias (CNAME): the record is written at %s by DNSAccount %s",
                                            c->domain, c->record_name, c->led_to, c->led_account)
                             : arena_printf(arena, "%s: %s is no alias any more", c->domain, c->record_name);
}

static void record_present(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                           struct arena *arena, struct changes *out)
{
    struct challenge_record *c = challenge_copy(view, step, arena, out);
    if (!outcome->ok) {
        record_failure(c, outcome);
        out->event_type = "Warning";
        out->event_reason = "PresentFailed";
        out->event_message = arena_printf(arena, "%s: %s", c->domain, c->error);
        return;
    }
    record_success(c);
    if (outcome->moved) {
        record_moved(view, c, outcome, arena, out);
        return;
    }
    c->state = CHALLENGE_PRESENTED;
    c->zone = outcome->zone != NULL ? outcome->zone : "";
    c->presented_at = outcome->at;
    c->checked_at = 0;
    c->last_check = "";
    out->event_type = "Normal";
    out->event_reason = c->manual ? "AwaitingManual" : "Presented";
    out->event_message = arena_printf(arena, "%s: %s", c->domain, challenge_how(view, c, arena));
}

static bool act_check(struct context *ctx, const struct certificate_view *view, const struct step *step,
                      struct outcome *out, struct error *err)
{
    const struct challenge_record *c = &view->challenges[step->index];
    if (challenge_is_file(c)) {
        struct error seen_err = {0};
        out->seen = http_challenge_check(ctx, name_without_wildcard(c->domain), c->method == DCV_HTTPS, c->file_name,
                                         c->file_content, &seen_err);
        out->words = out->seen ? "served as it should be" : arena_strdup(ctx->arena, seen_err.message);
        return true;
    }
    struct dns_challenge challenge = dns_of(c);
    struct propagation propagation;
    struct error seen_err = {0};
    /* Some services say themselves when all their servers have it; the DNS is asked only then. */
    const struct resource *account = challenge_account(view, c);
    const struct dns_provider_ops *ops = account != NULL ? dns_provider_ops(account->dns_account->provider) : NULL;
    bool applied = true;
    if (ops != NULL && ops->applied != NULL &&
        (!ops->applied(ctx, account, &challenge, &applied, &seen_err) || !applied)) {
        out->words = applied ? arena_strdup(ctx->arena, seen_err.message)
                             : "the DNS service has not brought it to all its servers yet";
        return true;
    }
    /* A person may have made it where the name leads. */
    if ((c->manual && text_equal(c->record_type, "TXT") && !dns_follow(ctx, c->record_name, &challenge.name, &seen_err)) ||
        !propagation_check_for(ctx, account, c->record_name, &challenge, &propagation, &seen_err)) {
        out->words = arena_strdup(ctx->arena, seen_err.message);
        return true;
    }
    out->seen = propagation.everywhere;
    out->words = propagation.words;
    (void)err;
    return true;
}

static void record_check(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                         struct arena *arena, struct changes *out)
{
    struct challenge_record *c = challenge_copy(view, step, arena, out);
    const struct dns_account *account = challenge_account_settings(view, c);
    bool was_seen = c->state == CHALLENGE_SEEN;
    c->checked_at = outcome->at;
    c->last_check = outcome->words != NULL ? outcome->words : "";
    if (outcome->seen && was_seen)
        return;
    if (!outcome->seen && was_seen) { /* made again at once, which changes nothing if it is there after all */
        bool again = !c->manual && c->put_back < PUT_BACK_MOST;
        c->state = again ? CHALLENGE_PENDING : CHALLENGE_PRESENTED;
        c->put_back += again;
        c->presented_at = outcome->at;
        out->event_type = "Warning";
        out->event_reason = "Vanished";
        out->event_message = arena_printf(arena, "%s: it was there and is not seen any more: %s", c->domain, c->last_check);
        return;
    }
    if (outcome->seen) {
        c->state = CHALLENGE_SEEN;
        c->seen_at = outcome->at;
        out->event_type = "Normal";
        out->event_reason = "Seen";
        out->event_message = arena_printf(arena, "%s: %s", c->domain, c->last_check);
        return;
    }
    int64_t patience = account != NULL ? account->propagation.wait_s + account->propagation.timeout_s : 600;
    if (!c->manual && outcome->at - c->presented_at > patience && c->put_back <= PUT_BACK_MOST) {
        if (c->put_back < PUT_BACK_MOST)
            c->state = CHALLENGE_PENDING; /* perhaps it vanished: made again, which changes nothing if it is there */
        c->put_back++; /* one past the most: said for the last time */
        out->event_type = "Warning";
        out->event_reason = "NotSeen";
        out->event_message = arena_printf(arena, "%s: not seen after %s: %s", c->domain,
                                          text_duration_words(arena, patience), c->last_check);
    }
}

static void take_next(struct challenge_record *c)
{
    if (!text_empty(c->next_record_name)) {
        c->record_name = c->next_record_name;
        c->record_type = c->next_record_type;
        c->record_value = c->next_record_value;
    }
    if (!text_empty(c->next_file_name)) {
        c->file_name = c->next_file_name;
        c->file_content = c->next_file_content;
    }
    if (challenge_superseded(c)) {
        c->zone = c->led_to = c->led_account = "";
        c->put_back = 0;
    }
    c->next_record_name = c->next_record_type = c->next_record_value = c->next_file_name = c->next_file_content = "";
}

static bool prepare_remove(const struct certificate_view *view, const struct step *step, struct arena *arena,
                           struct changes *out)
{
    challenge_copy(view, step, arena, out)->state = CHALLENGE_REMOVING;
    out->audit = "challenge.remove";
    out->audit_detail = step->detail;
    return true;
}

/* A name may be proven by its parent's record, and a wildcard by its base's: the last of them takes it away. */
static bool record_serves_another(const struct certificate_view *view, size_t index)
{
    const struct challenge_record *c = &view->challenges[index];
    for (size_t i = 0; i < view->challenge_count; i++) {
        const struct challenge_record *other = &view->challenges[i];
        bool takes_away = other->state >= CHALLENGE_PRESENTING && other->state < CHALLENGE_GONE; /* one that vanished does not */
        if (i != index && takes_away && text_equal(challenge_writer(other), challenge_writer(c)) &&
            text_equal(challenge_place(other), challenge_place(c)) && text_equal(other->record_type, c->record_type) &&
            text_equal(other->record_value, c->record_value))
            return true;
    }
    return false;
}

static bool act_remove(struct context *ctx, const struct certificate_view *view, const struct step *step,
                       struct outcome *out, struct error *err)
{
    const struct challenge_record *c = &view->challenges[step->index];
    (void)out;
    if (c->manual)
        return true; /* whoever made it takes it away */
    const struct name_validation *v = challenge_validation(view, c->domain);
    if (challenge_is_file(c)) {
        const struct resource *target = v != NULL ? v->http_target : NULL;
        if (target == NULL || !text_equal(target->name, c->target))
            return error_raise(err, ERROR_MANIFEST, "DeployTarget %s, where the file for %s was put, is not in the manifests",
                               c->target, c->domain);
        return deploy_local.challenge_absent(ctx, target, c->file_name, c->file_content, err);
    }
    if (record_serves_another(view, (size_t)step->index))
        return true;
    const struct resource *account = challenge_account(view, c);
    if (account == NULL || !text_equal(account->name, challenge_writer(c)))
        return error_raise(err, ERROR_MANIFEST, "DNSAccount %s, by which the record for %s was made, is not in the manifests",
                           challenge_writer(c), c->domain);
    if (!dns_credential_good(account, clock_now(), ctx->arena, err))
        return false;
    const struct dns_provider_ops *ops = dns_provider_ops(account->dns_account->provider);
    struct dns_challenge challenge = dns_of(c);
    /* A crash between making the record and recording its zone leaves the zone unknown. */
    if (challenge.zone[0] == '\0' && !ops->zone_of(ctx, account, challenge.name, &challenge.zone, err))
        return false;
    return ops->absent(ctx, account, &challenge, err);
}

static void record_remove(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                          struct arena *arena, struct changes *out)
{
    struct challenge_record *c = challenge_copy(view, step, arena, out);
    if (!outcome->ok) {
        record_failure(c, outcome);
        out->event_type = "Warning";
        out->event_reason = "RemoveFailed";
        out->event_message = arena_printf(arena, "%s: %s", c->domain, c->error);
        return;
    }
    record_success(c);
    c->state = CHALLENGE_GONE;
    take_next(c);
    out->event_type = "Normal";
    out->event_reason = c->manual ? "RemoveByHand" : "Removed";
    out->event_message = c->manual ? arena_printf(arena, "%s: the record or file made by hand may be taken away", c->domain)
                                   : arena_printf(arena, "%s: the proof was taken away", c->domain);
}

const struct resource *certificate_step_account(const struct certificate_view *view, const struct step *step,
                                                int *out_requests)
{
    bool writes = step->action == ACTION_PRESENT || step->action == ACTION_REMOVE;
    if ((!writes && step->action != ACTION_CHECK) || step->index < 0)
        return NULL;
    const struct resource *account = challenge_account(view, &view->challenges[step->index]);
    const struct dns_provider_ops *ops = account != NULL ? dns_provider_ops(account->dns_account->provider) : NULL;
    if (ops == NULL || (!writes && ops->applied == NULL))
        return NULL;
    int usual = writes && ops->requests > 1 ? ops->requests : 1;
    *out_requests = usual + (step->action == ACTION_PRESENT); /* whether the host's own name is a zone is asked once */
    return account;
}

const struct action_row action_present = {"present", 0, false, false, true, prepare_present, act_present, record_present};
const struct action_row action_check = {"check", 0, false, false, false, NULL, act_check, record_check};
const struct action_row action_remove = {"remove", 0, false, false, true, prepare_remove, act_remove, record_remove};
