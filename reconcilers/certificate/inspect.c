/* Drift: whether what was published is still what lies at the target (reliability.md F28, decisions 21).
 *
 * What is missing or damaged in a generation of ours is deployed anew, as a further generation, which overwrites nothing; once
 * a day at most, for somebody may be at work there. What somebody put in the place of our link is theirs: it is left as it is
 * and said, unless the target has `takeOver`. */
#include "base/arena.h"
#include "reconcilers/certificate/actions.h"
#include "reconcilers/certificate/decide_parts.h"
#include "reconcilers/deploy/deploy.h"

enum { LOOK_EVERY_S = 12 * 3600, CURE_EVERY_S = 86400 };

static bool is_deployed(const struct certificate_view *view, size_t index)
{
    const struct rollout_record *r = &view->rollouts[index];
    return r->state == ROLLOUT_ACTIVE && view->revision != NULL && r->revision == view->revision->number;
}

static int64_t due_of(const struct certificate_view *view, size_t index)
{
    const struct rollout_record *r = &view->rollouts[index];
    int64_t last = r->checked_at > 0 ? r->checked_at : r->active_at > 0 ? r->active_at : view->now;
    int64_t due = due_within(last + LOOK_EVERY_S, view->now, LOOK_EVERY_S);
    int64_t retry = due_within(r->retry_at, view->now, RETRY_MOST_S);
    return retry > due ? retry : due;
}

int64_t inspection_due(const struct certificate_view *view)
{
    int64_t first = 0;
    for (size_t i = 0; i < view->rollout_count; i++)
        if (is_deployed(view, i) && (first == 0 || due_of(view, i) < first))
            first = due_of(view, i);
    return first;
}

struct step decide_inspection(const struct certificate_view *view, struct arena *arena)
{
    for (size_t i = 0; i < view->rollout_count; i++) {
        const struct rollout_record *r = &view->rollouts[i];
        if (!is_deployed(view, i) || due_of(view, i) > view->now)
            continue;
        struct step step = step_do(ACTION_INSPECT, VERB_WAIT, "Ready", r->target, "", "what is deployed is looked at");
        step.index = (int)i;
        return step;
    }
    for (size_t i = 0; i < view->rollout_count; i++) {
        const struct rollout_record *r = &view->rollouts[i];
        if (is_deployed(view, i) && !text_empty(r->drift))
            return step_blocked("Drifted", arena_printf(arena, "%s: %s", r->target, r->drift),
                                "put back what was there, then let it be looked at by sync; or let the certificate be deployed "
                                "again", arena_printf(arena, "certwright deploy %s", view->id));
    }
    return (struct step){.action = ACTION_COUNT};
}

static void judge(const struct deploy_observation *seen, const struct rollout_record *r, struct context *ctx,
                  struct outcome *out)
{
    bool ours = seen->current == r->generation;
    if (ours && seen->whole && seen->rights_ok && text_equal(seen->fingerprint, r->fingerprint))
        return;
    out->words = !text_empty(seen->words) ? seen->words
                 : ours                   ? "another certificate lies there"
                 : seen->current == 0     ? "nothing is published there any more"
                                          : arena_printf(ctx->arena, "generation %d is published, not %d", seen->current,
                                                         r->generation);
    bool gone = seen->current == 0 && text_empty(seen->words);
    out->drift = ours || gone ? DRIFT_DAMAGED : DRIFT_REPLACED;
}

static bool act_inspect(struct context *ctx, const struct certificate_view *view, const struct step *step,
                        struct outcome *out, struct error *err)
{
    const struct rollout_record *r = &view->rollouts[step->index];
    struct deployment d = {.target = view->refs.targets[step->index], .namespace_ = view->namespace_, .name = view->name,
                           .common_name = view->order->common_name, .names = view->order->names,
                           .generation = r->generation, .fingerprint = r->fingerprint, .keyless = view->material.keyless};
    struct deploy_observation seen = {0};
    if (!deploy_local.observe(ctx, &d, &seen, err))
        return false;
    judge(&seen, r, ctx, out);
    return true;
}

static void record_inspect(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                           struct arena *arena, struct changes *out)
{
    struct rollout_record *r = arena_memdup(arena, &view->rollouts[step->index], sizeof *r);
    const struct deploy_target *target = view->refs.targets[step->index]->deploy_target;
    out->rollout = r;
    if (!outcome->ok) { /* the root is not there, say: looked at again soon */
        r->error = outcome->err.message;
        r->retry_at = outcome->at + backoff_s(outcome->err.kind, 8, (uint64_t)outcome->at);
        out->event_type = "Warning";
        out->event_reason = "InspectFailed";
        out->event_message = arena_printf(arena, "%s: %s", r->target, r->error);
        return;
    }
    r->checked_at = outcome->at;
    r->error = "";
    r->retry_at = 0;
    if (outcome->drift == DRIFT_NONE) {
        r->drift = "";
        return;
    }
    bool lately = r->cured_at > 0 && outcome->at >= r->cured_at && outcome->at - r->cured_at < CURE_EVERY_S;
    bool cures = target->deploy != DEPLOY_MANUAL && !lately && (outcome->drift == DRIFT_DAMAGED || target->take_over);
    out->event_type = "Warning";
    out->event_reason = "Drifted";
    if (!cures) {
        r->drift = outcome->words;
        out->event_message = arena_printf(arena, "%s: %s; it is left as it is%s", r->target, r->drift,
                                          lately ? ", for it was put right today already" : "");
        return;
    }
    r->drift = "";
    r->cured_at = outcome->at;
    r->state = ROLLOUT_WANTED;
    r->previous = 0; /* what lies there is nothing to go back to */
    r->previous_fingerprint = "";
    r->previous_ends_at = 0;
    out->event_message = arena_printf(arena, "%s: %s; it is deployed again", r->target, outcome->words);
}

const struct action_row action_inspect = {"inspect", NEEDS_KEYLESS, false, false, false, NULL, act_inspect, record_inspect};
