/* Bringing one revision to one target (reliability.md 6.3, 6.4), target after target:
 *
 *   WANTED → STAGING → STAGED → PUBLISHED → RELOADED → ACTIVE
 *                                   └──────────┴──▶ ROLLING_BACK (link, reload, look) → ROLLED_BACK → (backoff) STAGING
 *
 * A failed deployment never causes another order: nothing here knows how to order. Without a former generation a failed
 * reload leaves the new one published and is tried again (decisions 21). */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/secret.h"
#include "reconcilers/certificate/actions.h"
#include "reconcilers/certificate/decide_parts.h"
#include "reconcilers/deploy/deploy.h"

enum { ROLLED_BACK_MOST_S = 86400 };

static const struct deploy_target *target_of(const struct certificate_view *view, size_t index)
{
    return view->refs.targets[index]->deploy_target;
}

const char *rollout_settings_digest(const struct certificate_view *view, size_t index, struct arena *arena)
{
    const struct deploy_target *t = target_of(view, index);
    const char *text = arena_printf(arena, "%s|%s|%d|%s|%s|%o|%s|%s|%s|%s", t->local.root, t->path != NULL ? t->path : "",
                                    (int)t->layout, t->owner != NULL ? t->owner : "", t->group != NULL ? t->group : "",
                                    (unsigned)t->mode, t->reload.profile != NULL ? t->reload.profile : "",
                                    t->probe.address != NULL ? t->probe.address : "",
                                    t->probe.server_name != NULL ? t->probe.server_name : "",
                                    view->order != NULL ? view->order->common_name : "");
    unsigned char digest[32];
    hash_sha256(span_of(text, strlen(text)), digest);
    return text_hex(arena, digest, 8);
}

bool rollout_settled(const struct certificate_view *view, size_t index, struct arena *arena)
{
    const struct rollout_record *r = &view->rollouts[index];
    return r->state == ROLLOUT_ACTIVE && r->revision == view->revision->number &&
           text_equal(r->settings_digest, rollout_settings_digest(view, index, arena));
}

/* Whether what is under way was begun with what the target says now. "": by a version that did not note it. */
static bool same_settings(const struct certificate_view *view, size_t index, struct arena *arena)
{
    const struct rollout_record *r = &view->rollouts[index];
    return text_empty(r->settings_digest) || text_equal(r->settings_digest, rollout_settings_digest(view, index, arena));
}

/* Whether what is under way lies where the target leads now. */
static bool same_place(const struct certificate_view *view, size_t index, struct arena *arena)
{
    const struct rollout_record *r = &view->rollouts[index];
    const char *path;
    struct error ignored = {0};
    return text_empty(r->path) ||
           (deploy_place(view->config, view->refs.targets[index], view->namespace_, view->name, view->order->common_name, arena,
                         &path, &ignored) &&
            text_equal(r->path, path));
}

static struct step rollout_step(const struct certificate_view *view, size_t index, enum action action, enum verb verb,
                                const char *code, const char *reason, struct arena *arena)
{
    const struct deploy_target *t = target_of(view, index);
    const char *detail = "";
    const char *path;
    struct error ignored;
    if (verb == VERB_DEPLOY && deploy_place(view->config, view->refs.targets[index], view->namespace_, view->name,
                                            view->order->common_name, arena, &path, &ignored))
        detail = arena_printf(arena, "%s%s", path, t->layout == LAYOUT_COMBINED ? "" : "/current");
    else if (verb == VERB_RELOAD)
        detail = t->reload.profile != NULL ? arena_printf(arena, "profile %s", t->reload.profile) : "";
    else if (t->probe.address != NULL)
        detail = arena_printf(arena, "TLS at %s", t->probe.address);
    struct step step = step_do(action, verb, code, view->refs.targets[index]->name, detail, reason);
    step.index = (int)index;
    step.due = due_within(view->rollouts[index].retry_at, view->now, ROLLED_BACK_MOST_S);
    return step;
}

/* A reload that failed is a person's: nothing but its own words tells why. */
static struct step with_cure(struct step step, const struct certificate_view *view, struct arena *arena)
{
    const struct rollout_record *r = &view->rollouts[step.index];
    if (r->error[0] == '\0' || r->attempts == 0 || step.due <= view->now || step.verb != VERB_RELOAD)
        return step;
    step.human = "cure what makes the reload fail; it is tried again when it is due, or at once by sync";
    step.command = arena_printf(arena, "certwright sync %s", view->id);
    return step;
}

static struct step rollout_next(const struct certificate_view *view, size_t index, struct arena *arena)
{
    const struct rollout_record *r = &view->rollouts[index];
    const struct deploy_target *t = target_of(view, index);
    bool same = same_settings(view, index, arena);
    bool current = r->revision == view->revision->number && same; /* else what was begun is not carried on with */
    switch (r->state) {
    case ROLLOUT_STAGED:
        if (current)
            return rollout_step(view, index, ACTION_PUBLISH, VERB_DEPLOY, "Deploying", "staged and checked", arena);
        break;
    case ROLLOUT_PUBLISHED:
        if (current && t->reload.profile == NULL && t->probe.address == NULL)
            return rollout_step(view, index, ACTION_PROBE, VERB_WAIT, "Deploying", "published", arena);
        if (current)
            return with_cure(rollout_step(view, index, ACTION_RELOAD, VERB_RELOAD, "Reloading",
                                          r->error[0] != '\0' ? r->error : "the new files are in place", arena),
                             view, arena);
        break;
    case ROLLOUT_RELOADED:
        if (current)
            return rollout_step(view, index, ACTION_PROBE, VERB_WAIT, "Verifying",
                                r->error[0] != '\0' ? r->error : "reloaded; what is served is looked at", arena);
        break;
    case ROLLOUT_ROLLING_BACK:
        /* Changed settings may be the cure: forward again, once the former generation is published, or there is none here. */
        if (!same && (r->published_at == 0 || !same_place(view, index, arena)))
            break;
        if (r->published_at > 0)
            return rollout_step(view, index, ACTION_ROLL_BACK, VERB_DEPLOY, "RollingBack", r->error, arena);
        return with_cure(rollout_step(view, index, r->reloaded ? ACTION_PROBE_BACK : ACTION_RELOAD_BACK,
                                      r->reloaded ? VERB_WAIT : VERB_RELOAD, "RollingBack", r->error, arena),
                         view, arena);
    default: break;
    }
    struct step step = rollout_step(view, index, ACTION_STAGE, VERB_DEPLOY, "Deploying", "", arena);
    step.reason = r->state == ROLLOUT_ROLLED_BACK && current               ? r->error
                  : !same && r->revision == view->revision->number ? "the target's settings changed"
                  : r->error[0] != '\0'                                    ? r->error
                                                                           : "this revision is not there yet";
    if (!current)
        step.due = 0; /* not what failed: another revision, or other settings */
    if (r->state == ROLLOUT_ROLLED_BACK && step.due > view->now) {
        step.code = "RolledBack";
        step.human = "cure what made it fail; it is tried again when it is due, or at once by sync and apply";
        step.command = arena_printf(arena, "certwright sync %s", view->id);
    }
    return step;
}

struct step decide_rollouts(const struct certificate_view *view, struct arena *arena)
{
    for (size_t i = 0; i < view->rollout_count; i++) {
        enum rollout_state state = view->rollouts[i].state;
        bool waits_for_word = state == ROLLOUT_WANTED || state == ROLLOUT_ACTIVE || state == ROLLOUT_ROLLED_BACK;
        if (target_of(view, i)->deploy == DEPLOY_MANUAL && waits_for_word)
            continue; /* `certwright deploy` gives the word */
        if (rollout_settled(view, i, arena))
            continue;
        if (view->places_taken != NULL && view->places_taken[i] != NULL)
            return step_blocked("PlaceTaken",
                                arena_printf(arena, "the place of target %s is held by %s", view->refs.targets[i]->name,
                                             view->places_taken[i]),
                                "give the target's spec.path a placeholder, as {namespace}/{name}", NULL);
        return rollout_next(view, i, arena); /* the first must serve before the next is touched */
    }
    return (struct step){.action = ACTION_COUNT};
}

/* ---- performing ---- */

static struct deployment deployment_of(const struct certificate_view *view, const struct step *step)
{
    const struct rollout_record *r = &view->rollouts[step->index];
    return (struct deployment){
        .target = view->refs.targets[step->index], .namespace_ = view->namespace_, .name = view->name,
        .common_name = view->order->common_name, .names = view->order->names, .generation = r->generation,
        .previous = r->previous, .fingerprint = view->revision->fingerprint,
        .previous_fingerprint = r->previous_fingerprint, .key = view->material.key,
        .keyless = view->material.keyless, .leaf = view->material.leaf, .chain = view->material.chain};
}

static struct rollout_record *rollout_copy(const struct certificate_view *view, const struct step *step,
                                           struct arena *arena, struct changes *out)
{
    struct rollout_record *copy = arena_memdup(arena, &view->rollouts[step->index], sizeof *copy);
    out->rollout = copy;
    return copy;
}

static void failed(struct rollout_record *r, const struct outcome *outcome, const char *what, struct arena *arena,
                   struct changes *out)
{
    r->attempts++;
    r->error = outcome->err.message;
    r->retry_at = outcome->at + backoff_s(outcome->err.kind, r->attempts, (uint64_t)outcome->at);
    out->event_type = "Warning";
    out->event_reason = what;
    out->event_message = arena_printf(arena, "%s: %s", r->target, r->error);
}

static void succeeded(struct rollout_record *r)
{
    r->error = "";
    r->retry_at = 0;
}

static bool prepare_stage(const struct certificate_view *view, const struct step *step, struct arena *arena,
                          struct changes *out)
{
    struct rollout_record *r = rollout_copy(view, step, arena, out);
    bool again = r->state == ROLLOUT_STAGING && r->revision == view->revision->number &&
                 same_settings(view, (size_t)step->index, arena); /* elsewhere its number may be taken */
    if (!again) {
        r->previous = r->state == ROLLOUT_ACTIVE ? r->generation : r->previous;
        r->previous_fingerprint = r->state == ROLLOUT_ACTIVE ? r->fingerprint : r->previous_fingerprint;
        r->generation = 0; /* chosen when the target was looked at */
        r->started_at = view->now;
    }
    if (r->revision != view->revision->number || !same_settings(view, (size_t)step->index, arena))
        r->attempts = 0;
    r->settings_digest = rollout_settings_digest(view, (size_t)step->index, arena);
    r->revision = view->revision->number;
    r->fingerprint = view->revision->fingerprint;
    r->state = ROLLOUT_STAGING;
    r->retry_at = 0;
    out->take_place = true;
    out->place = step->index;
    out->audit = "deploy.stage";
    out->audit_detail = arena_printf(arena, "revision %d to %s", r->revision, r->target);
    return true;
}

static bool act_stage(struct context *ctx, const struct certificate_view *view, const struct step *step,
                      struct outcome *out, struct error *err)
{
    struct deployment d = deployment_of(view, step);
    struct deploy_observation seen = {0};
    if (!deploy_place(ctx->config, d.target, d.namespace_, d.name, d.common_name, ctx->arena, &out->path, err) ||
        !deploy_local.observe(ctx, &d, &seen, err))
        return false;
    /* Above everything that exists or is published, so that a number is never used twice. */
    if (d.generation == 0 || seen.current > d.generation) {
        int used = seen.highest > d.previous ? seen.highest : d.previous;
        d.generation = (seen.current > used ? seen.current : used) + 1;
    }
    out->generation = d.generation;
    bool good = seen.current > 0 && seen.current != d.generation && seen.whole;
    /* To go back to: what served before, as long as it lies here whole; else what is published, as after a lost store. */
    out->previous = seen.previous_whole ? d.previous : good ? seen.current : 0;
    out->previous_fingerprint = seen.previous_whole ? d.previous_fingerprint : good ? seen.fingerprint : "";
    out->previous_ends_at = seen.previous_whole ? seen.previous_not_after : good ? seen.not_after : 0;
    d.previous = out->previous;
    return deploy_local.stage(ctx, &d, err);
}

static void record_stage(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                         struct arena *arena, struct changes *out)
{
    struct rollout_record *r = rollout_copy(view, step, arena, out);
    r->generation = outcome->generation > 0 ? outcome->generation : r->generation;
    if (!outcome->ok) {
        failed(r, outcome, "DeployFailed", arena, out);
        return;
    }
    succeeded(r);
    r->previous = outcome->previous;
    r->previous_fingerprint = outcome->previous_fingerprint != NULL ? outcome->previous_fingerprint : "";
    r->previous_ends_at = outcome->previous_ends_at;
    r->path = outcome->path;
    r->root = target_of(view, (size_t)step->index)->local.root;
    r->layout = target_of(view, (size_t)step->index)->layout == LAYOUT_COMBINED ? "Combined" : "Generation";
    r->state = ROLLOUT_STAGED;
}

static bool prepare_publish(const struct certificate_view *view, const struct step *step, struct arena *arena,
                            struct changes *out)
{
    rollout_copy(view, step, arena, out); /* written as it is: the intent is made durable with its audit line */
    out->audit = "deploy.publish";
    out->audit_detail = arena_printf(arena, "generation %d on %s", view->rollouts[step->index].generation, step->subject);
    return true;
}

static bool act_publish(struct context *ctx, const struct certificate_view *view, const struct step *step,
                        struct outcome *out, struct error *err)
{
    struct deployment d = deployment_of(view, step);
    (void)out;
    return deploy_local.publish(ctx, &d, err);
}

static void record_publish(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                           struct arena *arena, struct changes *out)
{
    struct rollout_record *r = rollout_copy(view, step, arena, out);
    if (!outcome->ok) {
        r->state = ROLLOUT_STAGING; /* the staged folder is looked at again */
        failed(r, outcome, "DeployFailed", arena, out);
        return;
    }
    succeeded(r);
    r->state = ROLLOUT_PUBLISHED;
    r->published_at = r->checked_at = outcome->at;
    r->reloaded = false;
    out->event_type = "Normal";
    out->event_reason = "Published";
    out->event_message = arena_printf(arena, "%s: generation %d", r->target, r->generation);
}

/* A new generation that does not serve goes back, if there is one to go back to that is still good (6.4). */
static bool goes_back(const struct certificate_view *view, const struct step *step, const struct rollout_record *r, int64_t now)
{
    bool ended = r->previous_ends_at > 0 && r->previous_ends_at <= now;
    return target_of(view, (size_t)step->index)->rollback == ROLLBACK_AUTO && r->previous > 0 && !ended;
}

static bool prepare_reload(const struct certificate_view *view, const struct step *step, struct arena *arena,
                           struct changes *out)
{
    if (target_of(view, (size_t)step->index)->reload.profile != NULL) {
        rollout_copy(view, step, arena, out);
        out->audit = "deploy.reload";
        out->audit_detail = step->subject;
    }
    return true;
}

/* No reload mends files that went since they were published. Where nobody can look, the reload shows what there is. */
static bool still_there(struct context *ctx, const struct deployment *d, struct outcome *out, struct error *err)
{
    struct deploy_observation seen = {0};
    struct error ignored = {0};
    if (!deploy_local.observe(ctx, d, &seen, &ignored) ||
        (seen.current != 0 && (seen.current != d->generation || seen.whole)))
        return true;
    out->drift = DRIFT_DAMAGED;
    return error_raise(err, ERROR_NOT_FOUND, "generation %d is not in its place any more%s%s", d->generation,
                       text_empty(seen.words) ? "" : ": ", text_empty(seen.words) ? "" : seen.words);
}

static void forget_former(struct rollout_record *r) /* there is nothing to go back to */
{
    r->previous = 0;
    r->previous_fingerprint = "";
    r->previous_ends_at = 0;
}

/* Under another number: this one was published. */
static void stage_anew(struct rollout_record *r)
{
    r->state = ROLLOUT_STAGING;
    r->generation = 0;
}

static bool act_reload(struct context *ctx, const struct certificate_view *view, const struct step *step,
                       struct outcome *out, struct error *err)
{
    struct deployment d = deployment_of(view, step);
    return still_there(ctx, &d, out, err) && deploy_local.reload(ctx, &d, err);
}

static void record_reload(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                          struct arena *arena, struct changes *out)
{
    struct rollout_record *r = rollout_copy(view, step, arena, out);
    if (!outcome->ok) {
        failed(r, outcome, "ReloadFailed", arena, out);
        if (outcome->drift == DRIFT_DAMAGED) {
            stage_anew(r);
        } else if (goes_back(view, step, r, outcome->at)) {
            r->state = ROLLOUT_ROLLING_BACK;
            r->retry_at = 0;
        }
        return;
    }
    r->error = "";
    r->retry_at = 0;
    r->reloaded = true;
    r->state = ROLLOUT_RELOADED;
    r->checked_at = outcome->at; /* the probe's patience counts from here */
}

static bool act_probe(struct context *ctx, const struct certificate_view *view, const struct step *step,
                      struct outcome *out, struct error *err)
{
    struct deployment d = deployment_of(view, step);
    struct error why = {0};
    if (!deploy_local.probe(ctx, &d, err))
        return false;
    if (!deploy_local.clean(ctx, &d, &why)) /* what serves well does not go back for it; the next deployment cleans too */
        out->words = arena_strdup(ctx->arena, why.message);
    return true;
}

static void record_probe(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                         struct arena *arena, struct changes *out)
{
    static const int wait_s[] = {1, 2, 4, 8};
    struct rollout_record *r = rollout_copy(view, step, arena, out);
    const struct deploy_target *t = target_of(view, (size_t)step->index);
    if (outcome->ok) {
        succeeded(r);
        r->state = ROLLOUT_ACTIVE;
        r->active_at = r->checked_at = outcome->at;
        r->drift = "";
        r->attempts = 0;
        if (text_empty(r->settings_digest)) /* begun by a version that did not note it */
            r->settings_digest = rollout_settings_digest(view, (size_t)step->index, arena);
        out->event_type = "Normal";
        out->event_reason = "Served";
        out->event_message = t->probe.address != NULL
                                 ? arena_printf(arena, "%s: %s serves revision %d", r->target, t->probe.address, r->revision)
                                 : arena_printf(arena, "%s: generation %d is in place", r->target, r->generation);
        if (!text_empty(outcome->words)) {
            out->event_type = "Warning";
            out->event_message = arena_printf(arena, "%s; former generations could not be removed: %s", out->event_message,
                                              outcome->words);
        }
        out->audit = "deploy.active";
        out->audit_detail = arena_printf(arena, "revision %d on %s", r->revision, r->target);
        return;
    }
    int64_t since = outcome->at - (r->checked_at > 0 ? r->checked_at : r->published_at);
    if (since < 0) { /* the clock went back: the patience begins anew */
        r->checked_at = outcome->at;
        since = 0;
    }
    r->error = outcome->err.message;
    if (since < t->probe.timeout_s) {
        int look = 0;
        for (int64_t spent = 1; look < 3 && spent < since; look++)
            spent += wait_s[look + 1];
        r->retry_at = outcome->at + wait_s[look];
        return;
    }
    failed(r, outcome, "NotServed", arena, out);
    if (goes_back(view, step, r, outcome->at)) {
        r->state = ROLLOUT_ROLLING_BACK;
        r->retry_at = 0;
    } else {
        r->state = ROLLOUT_PUBLISHED; /* reload and look again after the backoff */
    }
}

/* ---- the way back ---- */

static struct deployment former_of(const struct certificate_view *view, const struct step *step)
{
    struct deployment d = deployment_of(view, step);
    const struct rollout_record *r = &view->rollouts[step->index];
    d.generation = r->previous;
    d.fingerprint = r->previous_fingerprint;
    d.key = NULL;
    d.leaf = d.chain = NULL;
    return d;
}

static bool prepare_roll_back(const struct certificate_view *view, const struct step *step, struct arena *arena,
                              struct changes *out)
{
    rollout_copy(view, step, arena, out);
    out->audit = "deploy.rollback";
    out->audit_detail = arena_printf(arena, "generation %d on %s", view->rollouts[step->index].previous, step->subject);
    return true;
}

static bool act_roll_back(struct context *ctx, const struct certificate_view *view, const struct step *step,
                          struct outcome *out, struct error *err)
{
    struct deployment d = deployment_of(view, step);
    (void)out;
    return deploy_local.rollback(ctx, &d, err);
}

static void record_roll_back(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                             struct arena *arena, struct changes *out)
{
    struct rollout_record *r = rollout_copy(view, step, arena, out);
    if (!outcome->ok) {
        failed(r, outcome, "RollbackFailed", arena, out);
        /* The former generation is not there, not whole, or has ended: there is none, and the new one stays (decisions 21). */
        if (outcome->err.kind == ERROR_NOT_FOUND || outcome->err.kind == ERROR_MALFORMED || outcome->err.kind == ERROR_CONFLICT) {
            forget_former(r);
            r->state = ROLLOUT_PUBLISHED;
        }
        return;
    }
    r->published_at = 0; /* the link is back; reload and look follow */
    r->reloaded = false;
    r->retry_at = 0;
}

static bool act_reload_back(struct context *ctx, const struct certificate_view *view, const struct step *step,
                            struct outcome *out, struct error *err)
{
    struct deployment d = former_of(view, step);
    return still_there(ctx, &d, out, err) && deploy_local.reload(ctx, &d, err);
}

static void record_reload_back(const struct certificate_view *view, const struct step *step,
                               const struct outcome *outcome, struct arena *arena, struct changes *out)
{
    struct rollout_record *r = rollout_copy(view, step, arena, out);
    const char *cause = r->error;
    if (!outcome->ok) {
        failed(r, outcome, "RollbackReloadFailed", arena, out);
        if (outcome->drift == DRIFT_DAMAGED) {
            stage_anew(r);
            forget_former(r);
        }
        return;
    }
    r->reloaded = true;
    r->checked_at = outcome->at;
    r->retry_at = 0;
    r->error = cause;
}

static bool act_probe_back(struct context *ctx, const struct certificate_view *view, const struct step *step,
                           struct outcome *out, struct error *err)
{
    struct deployment d = former_of(view, step);
    (void)out;
    return deploy_local.probe(ctx, &d, err);
}

static void record_probe_back(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                              struct arena *arena, struct changes *out)
{
    static const int64_t wait_s[] = {900, 3600, 6 * 3600, ROLLED_BACK_MOST_S};
    struct rollout_record *r = rollout_copy(view, step, arena, out);
    const char *cause = r->error;
    if (outcome->at < r->checked_at) /* the clock went back */
        r->checked_at = outcome->at;
    if (!outcome->ok && outcome->at - r->checked_at < target_of(view, (size_t)step->index)->probe.timeout_s) {
        r->retry_at = outcome->at + 2;
        return;
    }
    r->state = ROLLOUT_ROLLED_BACK;
    r->retry_at = outcome->at + wait_s[r->attempts - 1 < 3 ? (r->attempts > 0 ? r->attempts - 1 : 0) : 3];
    r->error = cause;
    out->event_type = "Warning";
    out->event_reason = outcome->ok ? "RolledBack" : "RolledBackNotServed";
    out->event_message = outcome->ok ? arena_printf(arena, "%s: generation %d serves again: %s", r->target, r->previous, cause)
                                     : arena_printf(arena, "%s: back on generation %d, which is not seen served: %s",
                                                    r->target, r->previous, outcome->err.message);
    out->audit = "deploy.rolled-back";
    out->audit_detail = out->event_message;
}

const struct action_row action_stage = {"stage", NEEDS_KEY | NEEDS_KEYLESS | NEEDS_CERT, false, false, true, prepare_stage, act_stage, record_stage};
const struct action_row action_publish = {"publish", NEEDS_KEYLESS, false, false, true, prepare_publish, act_publish, record_publish};
const struct action_row action_reload = {"reload", NEEDS_KEYLESS, false, false, true, prepare_reload, act_reload, record_reload};
const struct action_row action_probe = {"probe", NEEDS_CERT, false, false, false, NULL, act_probe, record_probe};
const struct action_row action_roll_back = {"roll back", NEEDS_KEYLESS, false, false, true, prepare_roll_back, act_roll_back, record_roll_back};
const struct action_row action_reload_back = {"reload back", NEEDS_KEYLESS, false, false, true, prepare_reload, act_reload_back, record_reload_back};
const struct action_row action_probe_back = {"probe back", 0, false, false, false, NULL, act_probe_back, record_probe_back};
