#include "controller/conditions.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "reconcilers/certificate/decide_parts.h"

enum { STALLED_AFTER = 5 }; /* failures of one step in a row */

static const char *const type_names[] = {
    [CONDITION_READY] = "Ready",         [CONDITION_ISSUING] = "Issuing",
    [CONDITION_RECONCILING] = "Reconciling", [CONDITION_STALLED] = "Stalled",
    [CONDITION_ORDERED] = "Ordered",     [CONDITION_VALIDATED] = "Validated",
    [CONDITION_ISSUED] = "Issued",       [CONDITION_DEPLOYED] = "Deployed",
    [CONDITION_SERVED] = "Served",       [CONDITION_BLOCKED] = "Blocked",
    [CONDITION_AWAITING_APPROVAL] = "AwaitingApproval", [CONDITION_EXPIRING] = "Expiring",
};
static_assert(COUNT_OF(type_names) == CONDITION_COUNT, "condition without a name");

const char *condition_type_name(enum condition_type type) { return type_names[type]; }

const char *condition_status_name(enum condition_status status)
{
    return status == CONDITION_TRUE ? "True" : status == CONDITION_FALSE ? "False" : "Unknown";
}

static struct condition yes(const char *reason, const char *message, int64_t since)
{
    return (struct condition){CONDITION_TRUE, reason, message, since};
}

static struct condition no(const char *reason, const char *message, int64_t since)
{
    return (struct condition){CONDITION_FALSE, reason, message, since};
}

static struct condition unknown(const char *reason, const char *message, int64_t since)
{
    return (struct condition){CONDITION_UNKNOWN, reason, message, since};
}

static const char *day(struct arena *arena, int64_t at)
{
    return arena_strndup(arena, clock_rfc3339(arena, at), 10);
}

static const char *reason_of(const struct step *step) { return step->reason != NULL ? step->reason : ""; }

/* When the decision was first recorded, if it is the one that was recorded. */
static int64_t decided_at(const struct certificate_view *view, const struct step *step)
{
    return text_equal(view->record.phase, step->code) ? view->record.phase_since : 0;
}

/* ---- the stages ---- */

static struct condition ordered(const struct certificate_view *view, struct arena *arena)
{
    const struct order_record *order = view->order;
    if (order == NULL)
        return no("NotOrdered", "nothing was ordered yet", view->record.first_seen);
    switch (order->state) {
    case ORDER_PREPARED: return no("Prepared", "the order is prepared and was not sent", order->prepared_at);
    case ORDER_SUBMITTING: return unknown("Submitting", "the order is being sent", order->submitted_at);
    case ORDER_UNKNOWN:
        return unknown("OrderUnknown", "it is not known whether the vendor took the order",
                       order->submitted_at);
    case ORDER_HELD: return unknown("OrderHeld", order->held_reason, order->lookup_at);
    case ORDER_REFUSED:
        return no("OrderRefused",
                  arena_printf(arena, "the vendor refused the order: %s", order->refused_text),
                  order->submitted_at);
    case ORDER_DEAD:
        return no("OrderDead", arena_printf(arena, "order %s is %s at the vendor", order->vendor_order_id,
                                            order->major_status), order->polled_at);
    case ORDER_PLACED: break;
    }
    return yes("Placed",
               arena_printf(arena, "order %s of issuer/%s, %s", order->vendor_order_id, order->issuer,
                            order->product),
               order->placed_at);
}

static struct condition validated(const struct certificate_view *view, struct arena *arena)
{
    const struct order_record *order = view->order;
    struct string_list open = {0};
    if (order == NULL || order->state != ORDER_PLACED)
        return no("NotOrdered", "no order that could be proven", view->record.first_seen);
    if (order->fetched || order->phase == VENDOR_ACTIVE)
        return yes("Validated", "every name is proven",
                   view->revision != NULL ? view->revision->issued_at : order->polled_at);
    if (view->challenge_count == 0)
        return unknown("AwaitingVendor", "the vendor has not said what it wants to see", order->placed_at);
    for (size_t i = 0; i < view->challenge_count; i++)
        if (!view->challenges[i].validated)
            string_list_push(arena, &open, view->challenges[i].domain);
    if (open.count == 0)
        return yes("Validated", "every name is proven", order->polled_at);
    return no("AwaitingValidation",
              arena_printf(arena, "%zu of %zu names are proven; open: %s", view->challenge_count - open.count,
                           view->challenge_count, string_list_join(arena, &open, ", ")), order->placed_at);
}

static struct condition issued(const struct certificate_view *view, struct arena *arena)
{
    const struct revision_record *revision = view->revision;
    if (revision == NULL)
        return no("NotIssued", "no certificate yet",
                  view->order != NULL ? view->order->prepared_at : view->record.first_seen);
    if (view->now >= revision->not_after)
        return no("Expired",
                  arena_printf(arena, "the certificate ended on %s", day(arena, revision->not_after)),
                  revision->not_after);
    return yes("Issued",
               arena_printf(arena, "revision %d, serial %s, good until %s", revision->number,
                            revision->serial, day(arena, revision->not_after)),
               revision->issued_at);
}

/* ---- targets ---- */

struct reach { /* how far a revision came on the targets that take it by themselves */
    size_t wanted, deployed, settled, probed, served;
    int64_t deployed_at, served_at, started_at;
    const char *open, *open_reason;         /* the first target it does not lie on */
    const char *unserved, *unserved_reason; /* the first target that is not seen serving it */
};

static const char *rollout_word(const struct rollout_record *r)
{
    return !text_empty(r->drift)              ? "Drifted"
           : r->state == ROLLOUT_ROLLED_BACK  ? "RolledBack"
           : r->state == ROLLOUT_ROLLING_BACK ? "RollingBack"
           : r->error[0] != '\0'              ? "DeployFailed"
                                              : "Deploying";
}

static void note_rollout(const struct certificate_view *view, size_t i, struct arena *arena,
                         struct reach *out)
{
    const struct rollout_record *r = &view->rollouts[i];
    const struct deploy_target *target = view->refs.targets[i]->deploy_target;
    if (target->deploy == DEPLOY_MANUAL && r->state == ROLLOUT_WANTED)
        return;
    bool settled = view->revision != NULL && rollout_settled(view, i, arena);
    bool drifted = settled && !text_empty(r->drift);
    settled = settled && !drifted;
    bool lies = settled || (view->revision != NULL && r->revision == view->revision->number &&
                            (r->state == ROLLOUT_PUBLISHED || r->state == ROLLOUT_RELOADED));
    const char *words =
        arena_printf(arena, "%s: %s", r->target,
                     drifted                      ? r->drift
                     : r->error[0] != '\0'        ? r->error
                     : r->state == ROLLOUT_ACTIVE ? "another revision or other settings are in place"
                     : r->state == ROLLOUT_WANTED ? "nothing is there yet"
                                                  : rollout_state_words[r->state]);
    out->wanted++;
    out->deployed += lies;
    out->settled += settled;
    out->probed += target->probe.address != NULL;
    out->served += settled && target->probe.address != NULL;
    if (r->published_at > out->deployed_at)
        out->deployed_at = r->published_at;
    if (r->active_at > out->served_at)
        out->served_at = r->active_at;
    if (r->started_at > out->started_at)
        out->started_at = r->started_at;
    if (!lies && out->open == NULL)
        out->open = words, out->open_reason = rollout_word(r);
    if (!settled && target->probe.address != NULL && out->unserved == NULL)
        out->unserved = words,
        out->unserved_reason = lies && r->error[0] == '\0' ? "Verifying" : rollout_word(r);
}

static struct reach reach_of(const struct certificate_view *view, struct arena *arena)
{
    struct reach reach = {0};
    for (size_t i = 0; i < view->rollout_count; i++)
        note_rollout(view, i, arena, &reach);
    return reach;
}

/* Why nothing can be said about targets; status TRUE: something can. */
static struct condition about_targets(const struct certificate_view *view, const struct reach *reach)
{
    if (view->want == NULL)
        return unknown("Forgotten", "its manifest is gone; what was deployed stays",
                       view->record.forgotten_at);
    if (view->invalid)
        return unknown("Invalid", "its targets are not known while the manifest does not resolve", 0);
    if (view->rollout_count == 0)
        return unknown("NoTargets", "the manifest names no target", 0);
    if (view->revision == NULL)
        return no("NotIssued", "no certificate yet", view->record.first_seen);
    if (reach->wanted == 0)
        return unknown("ManualDeploy", "its targets take certificates by hand", 0);
    return yes("", "", 0);
}

static struct condition deployed(const struct certificate_view *view, const struct reach *reach,
                                 struct arena *arena)
{
    struct condition before = about_targets(view, reach);
    if (before.status != CONDITION_TRUE)
        return before;
    if (reach->deployed < reach->wanted)
        return no(reach->open_reason, reach->open, reach->started_at);
    return yes("Deployed",
               arena_printf(arena, "revision %d lies on %zu target%s", view->revision->number, reach->wanted,
                            reach->wanted == 1 ? "" : "s"),
               reach->deployed_at);
}

static struct condition served(const struct certificate_view *view, const struct reach *reach,
                               struct arena *arena)
{
    struct condition before = about_targets(view, reach);
    if (before.status != CONDITION_TRUE)
        return before;
    if (reach->probed == 0)
        return unknown("NoProbe", "no target says where to look for what is served", 0);
    if (reach->served < reach->probed)
        return no(reach->unserved_reason, reach->unserved, reach->started_at);
    return yes("Served",
               arena_printf(arena, "%zu target%s seen serving revision %d", reach->served,
                            reach->served == 1 ? " is" : "s are", view->revision->number),
               reach->served_at);
}

/* ---- the whole ---- */

static struct condition ready(const struct certificate_view *view, const struct step *step,
                              const struct reach *reach, struct arena *arena)
{
    const struct revision_record *revision = view->revision;
    /* A block that leaves the certificate in force is told by Blocked, not here. */
    bool harmless = step->action != ACTION_BLOCKED || text_equal(step->code, "NeedsRenewal") ||
                    text_equal(step->code, "Suspended");
    if (view->want != NULL && !view->invalid && revision != NULL && view->now < revision->not_after &&
        harmless && reach->settled == reach->wanted)
        return yes("Ready", arena_printf(arena, "issued, and good until %s", day(arena, revision->not_after)),
                   reach->served_at > revision->issued_at ? reach->served_at : revision->issued_at);
    int64_t since = decided_at(view, step);
    if (since == 0)
        since = revision != NULL && view->now >= revision->not_after ? revision->not_after
                : revision != NULL                                   ? revision->issued_at
                                                                     : view->record.first_seen;
    return no(step->code, reason_of(step), since);
}

static struct condition issuing(const struct certificate_view *view, const struct step *step)
{
    const struct order_record *order = view->order;
    bool open = order != NULL && !order->fetched && step->action != ACTION_BLOCKED && view->want != NULL &&
                order->state != ORDER_HELD && order->state != ORDER_DEAD && order->state != ORDER_REFUSED;
    if (open)
        return yes(step->code, reason_of(step), order->prepared_at);
    return view->revision != NULL ? no("Issued", "nothing is being issued", view->revision->issued_at)
                                  : no("NotIssuing", "no order is open", view->record.first_seen);
}

static struct condition reconciling(const struct certificate_view *view, const struct step *step)
{
    int64_t since = decided_at(view, step);
    if (step->action == ACTION_REST || step->action == ACTION_BLOCKED)
        return no(step->code, step->action == ACTION_REST ? "nothing is to be done now" : "blocked", since);
    return yes(step->code, reason_of(step), since);
}

static struct condition stalled(const struct certificate_view *view, const struct step *step,
                                struct arena *arena)
{
    if (step->action == ACTION_BLOCKED)
        return yes(step->code, reason_of(step), decided_at(view, step));
    if (view->record.failures >= STALLED_AFTER)
        return yes("Failing",
                   arena_printf(arena, "%s failed %d times in a row: %s", view->record.error_step,
                                view->record.failures, view->record.error),
                   view->record.error_since);
    return no(step->code, "it goes on by itself", decided_at(view, step));
}

static struct condition blocked(const struct certificate_view *view, const struct step *step)
{
    if (step->action != ACTION_BLOCKED)
        return no("NotBlocked", "nothing blocks it", 0);
    return yes(step->code, reason_of(step), decided_at(view, step));
}

static struct condition awaiting_approval(const struct certificate_view *view, struct arena *arena)
{
    const struct order_record *order = view->order;
    if (order == NULL || order->state != ORDER_PLACED || order->fetched || order->phase == VENDOR_ACTIVE)
        return no("NothingToApprove", "nobody is asked to approve anything", 0);
    struct string_list mails = {0};
    size_t open = 0;
    for (size_t i = 0; i < view->challenge_count; i++) {
        open += !view->challenges[i].validated;
        if (!view->challenges[i].validated && view->challenges[i].method == DCV_EMAIL)
            string_list_push(arena, &mails, view->challenges[i].approver);
    }
    struct string_list to = string_list_sorted(arena, &mails);
    if (mails.count > 0)
        return yes(
            "AwaitingApproval",
            arena_printf(arena, "the approval mail to %s is unanswered", string_list_join(arena, &to, ", ")),
            order->resent_at > 0 ? order->resent_at : order->placed_at);
    if (open == 0 && view->challenge_count > 0 && view->product != NULL && view->product->level != LEVEL_DV)
        return yes("Vetting", "the CA looks into the organization and may call", order->placed_at);
    return no("NothingToApprove", "nobody is asked to approve anything", order->placed_at);
}

static struct condition expiring(const struct certificate_view *view, struct arena *arena)
{
    const struct revision_record *revision = view->revision;
    if (revision == NULL)
        return unknown("NotIssued", "no certificate yet", 0);
    int64_t renewal = certificate_renewal_time(view);
    if (view->now >= revision->not_after)
        return yes("Expired", arena_printf(arena, "it ended on %s", day(arena, revision->not_after)),
                   renewal);
    if (view->now >= renewal)
        return yes("NeedsRenewal",
                   arena_printf(arena, "it ends on %s and was due for replacement on %s",
                                day(arena, revision->not_after), day(arena, renewal)),
                   renewal);
    return no("NotDue", arena_printf(arena, "its replacement is due on %s", day(arena, renewal)),
              revision->issued_at);
}

void conditions_derive(const struct certificate_view *view, const struct step *step, struct arena *arena,
                       struct condition out[CONDITION_COUNT])
{
    struct reach reach = reach_of(view, arena);
    out[CONDITION_READY] = ready(view, step, &reach, arena);
    out[CONDITION_ISSUING] = issuing(view, step);
    out[CONDITION_RECONCILING] = reconciling(view, step);
    out[CONDITION_STALLED] = stalled(view, step, arena);
    out[CONDITION_ORDERED] = ordered(view, arena);
    out[CONDITION_VALIDATED] = validated(view, arena);
    out[CONDITION_ISSUED] = issued(view, arena);
    out[CONDITION_DEPLOYED] = deployed(view, &reach, arena);
    out[CONDITION_SERVED] = served(view, &reach, arena);
    out[CONDITION_BLOCKED] = blocked(view, step);
    out[CONDITION_AWAITING_APPROVAL] = awaiting_approval(view, arena);
    out[CONDITION_EXPIRING] = expiring(view, arena);
}
