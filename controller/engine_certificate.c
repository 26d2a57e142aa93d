/* Certificates in the queue: each is decided upon when it is due; a step that acts goes to a worker once its intent is durable,
 * and what it brought is recorded. */
#include "controller/engine_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fatal.h"
#include "base/log.h"
#include "base/secret.h"
#include "controller/records.h"

enum { BLOCKED_LOOK_S = 3600 }; /* what blocks may go away without a manifest changing */

/* ---- one job: a step on a worker ---- */

struct certificate_job {
    struct job job;
    struct engine *engine;
    struct snapshot *snapshot;
    char *key;
    struct certificate_view view;
    struct step step;
    struct outcome outcome;
    struct dns_turns dns_turns;
    bool order_written; /* its intent is an order record: the revision to compare with later is that of the commit */
};

static void run_certificate_job(struct job *job, struct context *ctx)
{
    struct certificate_job *own = (struct certificate_job *)job;
    ctx->turns = &own->dns_turns;
    own->outcome.ok = certificate_action(own->step.action)->act(ctx, &own->view, &own->step, &own->outcome,
                                                                &own->outcome.err);
    ctx->turns = NULL;
    own->outcome.at = clock_now();
}

static void free_job(struct certificate_job *own)
{
    dns_turns_finish(&own->dns_turns);
    secret_destroy((struct secret *)(uintptr_t)own->view.material.key);
    secret_destroy((struct secret *)(uintptr_t)own->outcome.key);
    engine_release_snapshot(own->snapshot);
    arena_destroy(own->job.arena); /* the job lives in it */
}

static void remember_performed(struct engine *engine, const struct certificate_view *view, const struct step *step)
{
    struct performed_step *performed = arena_push(engine->arena, &engine->performed, engine->performed_count);
    *performed = (struct performed_step){.verb = verb_name(step->verb), .id = arena_strdup(engine->arena, view->id),
                                         .subject = arena_strdup(engine->arena, step->subject), .at = clock_now()};
}

static const char *done_words(const struct certificate_job *own, const struct changes *changes, struct arena *arena)
{
    if (changes->event_message != NULL) { /* "shop.example.com: …" stands behind the subject already */
        const char *message = changes->event_message;
        size_t subject = strlen(own->step.subject);
        bool repeats = subject > 0 && strncmp(message, own->step.subject, subject) == 0 && message[subject] == ':';
        return repeats ? message + subject + 2 : message;
    }
    return own->step.detail != NULL && own->step.detail[0] != '\0' ? own->step.detail
                                                                    : arena_strdup(arena, certificate_action(own->step.action)->name);
}

/* Looking at a target once more in a second is patience, not failure: that says a warning. */
static void note_failure(struct standing_entry *entry, const struct certificate_job *own, const struct changes *changes)
{
    bool warned = own->step.index < 0 || text_equal(changes->event_type, "Warning");
    entry->failing = !own->outcome.ok;
    entry->needs_person = warned && (own->step.action == ACTION_PROBE_BACK ||
                                     (entry->failing && (!error_retryable(&own->outcome.err) ||
                                                         own->outcome.err.kind == ERROR_CONFLICT)));
}

void engine_forget_told(struct standing_entry *entry)
{
    free(entry->told);
    entry->told = NULL;
}

/* A certificate that is forgotten may have held what others wanted; an order that turned up opens its account again. */
static void wake_displaced(struct engine *engine)
{
    for (size_t i = 0; i < engine->standing_count; i++) {
        struct standing_entry *entry = engine->standing[i];
        if (entry->stand == STAND_BLOCKED &&
            (text_equal(entry->step.code, "PlaceTaken") || text_equal(entry->step.code, "DuplicateNeed") ||
             text_equal(entry->step.code, "AccountClosed")))
            schedule_set(engine->queue, entry->key, clock_now_ms());
    }
}

/* What a finished job brought goes into the batch of this turn. */
static void take_result(struct engine *engine, struct certificate_job *own)
{
    struct arena *arena = own->job.arena;
    const struct action_row *row = certificate_action(own->step.action);
    struct standing_entry *entry = engine_entry(engine, own->key, true);
    struct changes changes = {0};
    struct error err = {0};
    engine->running--;
    entry->busy = false;
    if (row->vendor && own->view.order_issuer != NULL)
        engine_account_done(engine, own->view.order_issuer->namespace_, own->view.order_issuer->name);
    if (engine_dns_done(engine, &own->view, &own->step, own->key, &own->dns_turns, &own->outcome))
        return; /* nothing failed: it goes on when it has more turns */
    if (own->step.action == ACTION_PREPARE || own->step.action == ACTION_STAGE)
        model_unclaim(&engine->model, own->view.namespace_, own->view.name);
    if (own->step.action == ACTION_PREPARE) {
        struct reservation back = certificate_reservation(&own->view, &own->step);
        if (!own->outcome.ok)
            budget_reserve(&engine->model.budget, engine->model.config, own->view.refs.issuer, -back.orders, -back.cents,
                           own->step.currency, own->view.now, &err);
    }
    /* The records may have been touched by a command meanwhile (release, sync): take them as they are now. */
    struct certificate_view now_view = own->view;
    certificate_record_outcome(&now_view, &own->step, &own->outcome, arena, &changes);
    if (changes.audit != NULL && !state_audit(engine->model.state, "controller", own->view.id, changes.audit,
                                              changes.audit_detail, &err)) {
        engine_break(engine, &err);
        return;
    }
    note_failure(entry, own, &changes);
    model_write(&engine->model, &now_view, &changes, engine->batch, arena, &err);
    engine->batch_paid = engine->batch_paid || changes.paid;
    if (own->outcome.ok && (own->step.action == ACTION_FORGET || own->step.action == ACTION_LOOK_UP))
        wake_displaced(engine);
    if (own->outcome.ok) {
        if (own->step.verb != VERB_WAIT)
            remember_performed(engine, &own->view, &own->step);
        bool quiet = own->step.verb == VERB_WAIT && changes.event_message == NULL;
        if (!quiet)
            engine_forget_told(entry);
        struct step done = own->step;
        done.human = done.command = NULL; /* it is done: nobody has to do anything for it any more */
        if (!quiet)
            engine_report(engine, own->view.id, own->step.verb == VERB_WAIT ? row->name : verb_name(own->step.verb),
                          &done, done_words(own, &changes, arena), false);
    } else if (own->step.verb == VERB_WAIT && changes.event_reason == NULL && own->step.index >= 0) {
        /* a look that saw nothing yet: said only when somebody wants every detail */
        log_event(LOG_DEBUG, "not yet", "object", own->view.id, "step", row->name, "error", own->outcome.err.message, NULL);
    } else {
        struct step failed = own->step;
        failed.human = failed.command = NULL;
        engine_report(engine, own->view.id, "failed", &failed,
                      arena_printf(arena, "%s: %s", row->name, own->outcome.err.message), true);
        log_event(LOG_DEBUG, "raised", "at", own->outcome.err.raised_at, NULL);
    }
    schedule_set(engine->queue, own->key, clock_now_ms());
}

bool engine_take_certificate_result(struct engine *engine, struct job *job)
{
    struct certificate_job *own = (struct certificate_job *)job;
    if (job->run != run_certificate_job)
        return false;
    take_result(engine, own);
    free_job(own);
    return true;
}

void engine_certificate_launched(struct engine *engine, struct job *job)
{
    struct certificate_job *own = (struct certificate_job *)job;
    if (own->order_written)
        own->view.order_revision = state_revision(engine->model.state);
}

void engine_certificate_dropped(struct engine *engine, struct job *job)
{
    struct certificate_job *own = (struct certificate_job *)job;
    engine_entry(engine, own->key, true)->busy = false;
    free_job(own);
}

/* ---- deciding ---- */

/* Keep a step beyond its arena: its texts move into one block. */
static void keep_step(struct standing_entry *entry, const struct step *step)
{
    const char *const texts[] = {step->code, step->subject, step->detail, step->reason, step->effects, step->human,
                                 step->command, step->currency};
    size_t size = 0;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        size += texts[i] != NULL ? strlen(texts[i]) + 1 : 0;
    char *block = malloc(size + 1), *at = block;
    if (block == NULL)
        fatal_memory();
    const char *kept[COUNT_OF(texts)];
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        kept[i] = texts[i] != NULL ? at : NULL;
        if (texts[i] != NULL)
            at = stpcpy(at, texts[i]) + 1;
    }
    free(entry->texts);
    entry->texts = block;
    entry->step = *step;
    entry->step.code = kept[0], entry->step.subject = kept[1], entry->step.detail = kept[2], entry->step.reason = kept[3];
    entry->step.effects = kept[4], entry->step.human = kept[5], entry->step.command = kept[6], entry->step.currency = kept[7];
}

static void note_standing(struct engine *engine, const char *key, const struct certificate_view *view,
                          const struct step *step, struct arena *arena)
{
    struct standing_entry *entry = engine_entry(engine, key, true);
    int stand = step->action == ACTION_REST ? STAND_READY : step->action == ACTION_BLOCKED ? STAND_BLOCKED : STAND_WAITING;
    const char *words = arena_printf(arena, "%s\n%s", step->code, step->human != NULL ? step->human : "");
    bool said = stand != STAND_WAITING || step->patient || step->human != NULL;
    entry->stand = (unsigned)stand;
    keep_step(entry, step);
    if (!said || text_equal(entry->told, words))
        return;
    engine_forget_told(entry);
    entry->told = fatal_unless(strdup(words));
    engine_report(engine, view->id,
                  stand == STAND_READY ? (view->want != NULL ? "ready" : "forgotten") : stand == STAND_BLOCKED ? "blocked" : "waiting",
                  step, step->reason, stand == STAND_BLOCKED);
}

/* A decision without an action: recorded when it says something new, and never asked for again before it is due. */
static void note_decision(struct engine *engine, const char *key, const struct certificate_view *view,
                          const struct step *step, struct arena *arena)
{
    const struct certificate_record *was = &view->record;
    const char *digest = view->want != NULL ? text_hex(arena, view->want->digest, 32) : was->spec_digest;
    bool forgotten = view->want == NULL && !view->invalid;
    bool news = was->first_seen == 0 || !text_equal(was->phase, step->code) || !text_equal(was->spec_digest, digest) ||
                (was->forgotten && !forgotten) || (!text_equal(was->message, step->reason) && step->action != ACTION_WAIT);
    if (news) {
        struct certificate_record *record = certificate_record_copy(view, arena);
        record->namespace_ = view->namespace_;
        record->name = view->name;
        if (record->first_seen == 0)
            record->first_seen = view->now;
        if (view->want != NULL) {
            record->common_name = certificate_main_name(view->want->certificate);
            record->forgotten = false;
        }
        if (!text_equal(record->phase, step->code))
            record->phase_since = view->now;
        if (!text_equal(record->spec_digest, digest))
            record->retry_at = 0; /* an edit ends the waiting */
        record->spec_digest = digest;
        record->phase = step->code;
        record->reason = step->code;
        record->message = step->reason != NULL ? step->reason : "";
        record->due = step->due;
        record_put(engine->batch, TABLE_CERTIFICATE, record_key(arena, view->namespace_, view->name),
                   &certificate_record_table, record, STATE_ANY);
        if (step->action == ACTION_BLOCKED && !text_equal(was->phase, step->code))
            model_event(&engine->model, engine->batch, "Certificate", view->namespace_, view->name, "Warning", step->code,
                        step->reason, arena);
    }
    struct index_row row = {.due = step->due};
    if (view->want != NULL)
        memcpy(row.digest, view->want->digest, 32);
    memcpy(row.shared, engine->shared_digest, 32);
    row.flags = (uint8_t)((step->action == ACTION_REST ? INDEX_REST : 0) | (view->order != NULL ? INDEX_HAS_ORDER : 0) |
                          (step->action == ACTION_BLOCKED ? INDEX_BLOCKED : 0) |
                          (forgotten ? INDEX_FORGOTTEN : 0) |
                          (view->record.purchase_confirmed ? INDEX_CONFIRMED : 0));
    struct span kept;
    struct index_row before = {0};
    bool same = state_get(engine->model.state, TABLE_INDEX, key + 2, arena, &kept, NULL, NULL) &&
                index_decode(kept, &before) && memcmp(&before.digest, &row.digest, 32) == 0 &&
                memcmp(&before.shared, &row.shared, 32) == 0 && before.flags == row.flags &&
                (before.due == row.due || step->action == ACTION_WAIT);
    if (!same)
        index_put(engine->batch, key + 2, &row);
}

static void schedule_decision(struct engine *engine, const char *key, const struct certificate_view *view,
                              const struct step *step)
{
    if (step->action == ACTION_WAIT_ACCOUNT) {
        engine_account_wanted(engine, view->refs.issuer->namespace_, view->refs.issuer->name);
        schedule_remove(engine->queue, key); /* the account wakes it */
        return;
    }
    int64_t due = step->due;
    if (step->action == ACTION_BLOCKED)
        due = view->now + BLOCKED_LOOK_S;
    if (step->action == ACTION_WAIT && due <= view->now)
        due = view->now + 1;
    if (due > 0)
        schedule_set(engine->queue, key, due * 1000);
}

static bool start_step(struct engine *engine, const char *key, struct certificate_job *own, struct error *err)
{
    const struct action_row *row = certificate_action(own->step.action);
    struct arena *arena = own->job.arena;
    struct changes changes = {0};
    if (!model_load_material(&engine->model, &own->view, &own->step, arena, err))
        return false;
    if (row->prepare != NULL && !row->prepare(&own->view, &own->step, arena, &changes))
        return error_raise(err, ERROR_STATE, "what was prepared for %s of %s is not what is in the store", row->name,
                           own->view.id);
    if (own->step.action == ACTION_STAGE)
        model_claim_place(&engine->model, &own->view, (size_t)own->step.index);
    if (own->step.action == ACTION_PREPARE) {
        model_claim(&engine->model, &own->view);
        struct reservation more = certificate_reservation(&own->view, &own->step);
        if (!budget_reserve(&engine->model.budget, engine->model.config, own->view.refs.issuer, more.orders, more.cents,
                            own->step.currency, own->view.now, err))
            return false;
    }
    if (changes.audit != NULL && !state_audit(engine->model.state, "controller", own->view.id, changes.audit,
                                              changes.audit_detail, err))
        return false;
    own->order_written = changes.order != NULL;
#ifdef SEED_NO_INTENT /* scripts/sweep --ablation: the order leaves without a word in the store; the sweep must find it */
    if (own->step.action == ACTION_SUBMIT) {
        own->view.order = changes.order;
        own->order_written = false;
        changes = (struct changes){0};
    }
#endif
    if (!model_write(&engine->model, &own->view, &changes, engine->batch, arena, err))
        return false;
    engine->batch_paid = engine->batch_paid || changes.paid;
    /* From here on the view is what was just recorded. */
    if (changes.order != NULL)
        own->view.order = changes.order;
    for (size_t i = 0; i < changes.challenge_count; i++)
        own->view.challenges[own->step.index] = changes.challenges[i];
    if (changes.rollout != NULL)
        own->view.rollouts[own->step.index] = *changes.rollout;
    own->job.heavy = row->heavy && own->view.want != NULL && own->view.want->certificate->private_key.algorithm == KEY_RSA;
    own->snapshot = engine->snapshot;
    engine->snapshot->references++;
    own->key = arena_strdup(arena, key);
    struct standing_entry *entry = engine_entry(engine, key, true);
    entry->busy = true;
    entry->stand = STAND_ACTIVE;
    entry->requested = ACTION_REST;
    keep_step(entry, &own->step);
    own->job.next = NULL;
    *engine->launch_end = &own->job;
    engine->launch_end = &own->job.next;
    return true;
}

static struct step requested_step(enum action action, const struct certificate_view *view)
{
    return (struct step){.action = action, .verb = VERB_WAIT, .code = "Requested", .index = -1, .detail = "",
                         .subject = view->order != NULL ? view->order->vendor_order_id : "", .reason = "a person asked for it"};
}

/* Whoever types `apply` may have cured what another process failed at. What was rolled back is left alone: trying that again
 * touches a service, which `sync` asks for. */
static void take_cured(struct certificate_view *view)
{
    struct error former = {.kind = error_kind_parse(view->record.error_kind)};
    if (!error_retryable(&former))
        view->record.retry_at = 0;
    for (size_t i = 0; i < view->challenge_count; i++)
        view->challenges[i].retry_at = 0;
    for (size_t i = 0; i < view->rollout_count; i++)
        if (view->rollouts[i].state != ROLLOUT_ROLLED_BACK)
            view->rollouts[i].retry_at = 0;
}

void engine_decide_certificate(struct engine *engine, const char *key)
{
    struct arena *arena = arena_create();
    struct certificate_job *own = arena_alloc(arena, sizeof *own);
    *own = (struct certificate_job){.job = {.run = run_certificate_job, .arena = arena}, .engine = engine};
    const char *namespace_, *name;
    struct error err = {0};
    engine_split_key(key, arena, &namespace_, &name);
    struct standing_entry *entry = engine_entry(engine, key, false);
    if (entry != NULL && entry->busy) { /* decided again when its job is back */
        arena_destroy(arena);
        return;
    }
    if (!model_view(&engine->model, namespace_, name, arena, &own->view, &err)) {
        engine_break(engine, &err);
        arena_destroy(arena);
        return;
    }
    if (engine->options.typed && (entry == NULL || !entry->failing))
        take_cured(&own->view);
    enum action requested = entry != NULL ? entry->requested : ACTION_REST;
    if (requested == ACTION_RESEND && certificate_resend_refusal(&own->view, arena) != NULL)
        requested = entry->requested = ACTION_REST; /* answered or withdrawn since it was asked for */
    own->step = requested != ACTION_REST ? requested_step(requested, &own->view) : certificate_decide(&own->view, arena);
    struct step rest;
    bool acts = certificate_action(own->step.action) != NULL;
    int64_t turn_ms = acts && certificate_action(own->step.action)->vendor ? engine_account_turn(engine, &own->view, key) : 0;
    if (!acts || turn_ms != 0)
        engine_dns_unused(engine, key);
    if (!acts) {
        note_standing(engine, key, &own->view, &own->step, arena);
        note_decision(engine, key, &own->view, &own->step, arena);
        schedule_decision(engine, key, &own->view, &own->step);
    } else if (turn_ms != 0) {
        if (turn_ms > 0)
            schedule_set(engine->queue, key, clock_now_ms() + turn_ms);
    } else if (!engine_dns_turn(engine, &own->view, &own->step, key, arena, &own->dns_turns, &rest)) {
        if (rest.action == ACTION_WAIT)
            note_standing(engine, key, &own->view, &rest, arena);
    } else if (start_step(engine, key, own, &err)) {
        return; /* the job owns the arena now */
    } else {
        engine_break(engine, &err);
        dns_turns_finish(&own->dns_turns);
    }
    secret_destroy((struct secret *)(uintptr_t)own->view.material.key);
    arena_destroy(arena);
}
