#include "base/fatal.h"
#include "controller/engine_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/secret.h"
#include "controller/records.h"

enum {
    BLOCKED_LOOK_S = 3600,      /* what blocks may go away without a manifest changing */
    TURNED_CLOCK_LOOK_MS = 100, /* tests turn the clock while we wait by the real one */
    GATHER_FROM = 32,           /* so many steps run that it pays to wait for more results before a commit */
    GATHER_MS = 6,
};

/* ---- keys, entries ---- */

char *engine_key(struct arena *arena, char letter, const char *namespace_, const char *name)
{
    return arena_printf(arena, "%c%c%s%c%s", letter, KEY_SEPARATOR, namespace_, KEY_SEPARATOR, name);
}

void engine_split_key(const char *key, struct arena *arena, const char **out_namespace, const char **out_name)
{
    const char *namespace_ = strchr(key, KEY_SEPARATOR) + 1, *middle = strchr(namespace_, KEY_SEPARATOR);
    *out_namespace = arena_strndup(arena, namespace_, (size_t)(middle - namespace_));
    *out_name = arena_strdup(arena, middle + 1);
}

struct standing_entry *engine_entry(struct engine *engine, const char *key, bool make)
{
    size_t low = 0, high = engine->standing_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(engine->standing[middle]->key, key);
        if (order == 0)
            return engine->standing[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (!make)
        return NULL;
    if (engine->standing_count == engine->standing_capacity) {
        engine->standing_capacity = engine->standing_capacity > 0 ? engine->standing_capacity * 2 : 32;
        engine->standing = realloc(engine->standing, engine->standing_capacity * sizeof *engine->standing);
    }
    struct standing_entry *entry = calloc(1, sizeof *entry);
    if (engine->standing == NULL || entry == NULL)
        fatal_memory();
    memmove(engine->standing + low + 1, engine->standing + low, (engine->standing_count - low) * sizeof *engine->standing);
    engine->standing[low] = entry;
    engine->standing_count++;
    *entry = (struct standing_entry){.key = fatal_unless(strdup(key)), .stand = STAND_ACTIVE, .requested = ACTION_REST};
    return entry;
}

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

void engine_report(struct engine *engine, const char *id, const char *word, const struct step *step, const char *text,
                   bool bad)
{
    log_event(bad ? LOG_WARN : LOG_INFO, word, "object", id, "subject", step != NULL ? step->subject : NULL, "text", text,
              NULL);
    struct engine_progress progress = {.id = id, .word = word, .subject = step != NULL && step->subject != NULL ? step->subject : "",
        .text = text != NULL ? text : "", .human = step != NULL ? step->human : NULL,
        .command = step != NULL ? step->command : NULL, .bad = bad};
    if (engine->options.progress != NULL)
        engine->options.progress(&progress, engine->options.progress_arg);
    if (engine->also != NULL)
        engine->also(&progress, engine->also_arg);
}

void engine_break(struct engine *engine, const struct error *err)
{
    if (engine->broken)
        return;
    engine->broken = true;
    engine->broken_error = *err;
    log_event(LOG_ERROR, "store failed", "error", err->message, "at", err->raised_at, NULL);
}

void engine_release_snapshot(struct snapshot *snapshot)
{
    if (snapshot == NULL || --snapshot->references > 0)
        return;
    desired_destroy(snapshot->desired);
    free(snapshot);
}

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

static void forget_told(struct standing_entry *entry)
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
static void take_certificate_result(struct engine *engine, struct certificate_job *own)
{
    struct arena *arena = own->job.arena;
    const struct action_row *row = certificate_action(own->step.action);
    struct standing_entry *entry = engine_entry(engine, own->key, true);
    struct changes changes = {0};
    struct error err = {0};
    engine->running--;
    entry->busy = false;
    if (row->vendor && own->view.refs.issuer != NULL)
        engine_account_done(engine, own->view.refs.issuer->namespace_, own->view.refs.issuer->name);
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
            forget_told(entry);
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

/* ---- deciding ---- */

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
    forget_told(entry);
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
    bool forgotten = view->want == NULL;
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
                          (view->want == NULL ? INDEX_FORGOTTEN : 0) |
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

static void decide_certificate(struct engine *engine, const char *key)
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

/* ---- turns ---- */

bool engine_flush(struct engine *engine)
{
    struct error err = {0};
    state_batch_join(engine->later, engine->batch);
    if (state_batch_empty(engine->later) && !engine->staged)
        return true;
    engine->staged = false;
    bool ok = state_commit(engine->model.state, engine->later, engine->batch_paid, &err);
    state_batch_destroy(engine->later);
    engine->later = state_batch_create();
    engine->batch_paid = false;
    if (!ok)
        engine_break(engine, &err);
    return ok;
}

bool engine_commit(struct engine *engine)
{
    return (state_batch_empty(engine->batch) && !engine->staged) || engine_flush(engine);
}

/* What the steps brought is seen by the decisions of this turn and becomes durable with their intents. */
static void stage_results(struct engine *engine)
{
    struct error err = {0};
    if (state_batch_empty(engine->batch))
        return;
    if (!state_stage(engine->model.state, engine->batch, engine->batch_paid, &err))
        engine_break(engine, &err);
    state_batch_destroy(engine->batch);
    engine->batch = state_batch_create();
    engine->batch_paid = false;
    engine->staged = true;
}

static void take_results(struct engine *engine)
{
    for (struct job *job = worker_pool_results(engine->pool), *next; job != NULL; job = next) {
        next = job->next;
        if (job->run == run_certificate_job) {
            struct certificate_job *own = (struct certificate_job *)job;
            take_certificate_result(engine, own);
            free_job(own);
        } else {
            engine_take_account_result(engine, job);
        }
    }
}

/* The intents of a turn that broke go, but not what was brought before it. */
static void keep_results(struct engine *engine)
{
    struct error err = {0};
    struct state_batch *none = state_batch_create();
    if (engine->staged && !state_commit(engine->model.state, none, false, &err))
        log_event(LOG_ERROR, "what the last steps brought could not be recorded", "error", err.message, NULL);
    state_batch_destroy(none);
    engine->staged = false;
}

static void drop_launches(struct engine *engine)
{
    for (struct job *job = engine->launch, *next; job != NULL; job = next) {
        next = job->next;
        struct certificate_job *own = (struct certificate_job *)job;
        engine_entry(engine, own->key, true)->busy = false;
        free_job(own);
    }
    engine->launch = NULL;
    engine->launch_end = &engine->launch;
}

static void gather(const struct engine *engine)
{
    struct timespec nap = {.tv_nsec = GATHER_MS * 1000000};
    if (engine->running >= GATHER_FROM)
        nanosleep(&nap, NULL);
}

static void turn(void *arg)
{
    struct engine *engine = arg;
    gather(engine);
    take_results(engine);
    if (!engine->broken)
        stage_results(engine);
    char *key;
    while (!engine->broken && !engine->draining && (key = schedule_take(engine->queue, clock_now_ms())) != NULL) {
        if (key[0] == 'c')
            decide_certificate(engine, key);
        else if (strcmp(key, CREDENTIALS_KEY) == 0)
            engine_credentials_due(engine);
        else if (key[0] == 'd')
            engine_dns_due(engine, key);
        else
            engine_account_due(engine, key);
        free(key);
    }
    /* Nothing is handed to a worker before its intent is durable. */
    if (engine->broken || !engine_commit(engine)) {
        drop_launches(engine);
        keep_results(engine);
    } else {
        for (struct job *job = engine->launch, *next; job != NULL; job = next) {
            struct certificate_job *own = (struct certificate_job *)job;
            next = job->next;
            if (own->order_written)
                own->view.order_revision = state_revision(engine->model.state);
            engine->running++;
            worker_pool_submit(engine->pool, job);
        }
        engine->launch = NULL;
        engine->launch_end = &engine->launch;
        if (engine->running == 0)
            engine_flush(engine);
    }
    int64_t next_due = schedule_next(engine->queue), now = clock_now_ms();
    int64_t wait = engine->broken || engine->draining || next_due == INT64_MAX ? -1 : next_due > now ? next_due - now : 0;
    if (wait > TURNED_CLOCK_LOOK_MS && engine->model.config->clock_file != NULL)
        wait = TURNED_CLOCK_LOOK_MS;
    loop_timer_in(engine->timer, wait);
    if (engine->after_turn != NULL)
        engine->after_turn(engine->after_turn_arg);
}

void engine_wake(struct engine *engine) { loop_timer_in(engine->timer, 0); }

/* ---- from outside ---- */

struct engine *engine_create(const struct engine_options *options, struct error *err)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        fatal_memory();
    engine->arena = arena_create();
    engine->options = *options;
    model_init(&engine->model, options->config, options->state);
    struct string_list *resolve = arena_alloc(engine->arena, sizeof *resolve);
    for (size_t i = 0; i < options->config->resolve_count; i++)
        string_list_push(engine->arena, resolve, arena_printf(engine->arena, "%s=%s", options->config->resolve[i].name,
                                                              options->config->resolve[i].value));
    engine->network = (struct http_network){.resolve = resolve, .allow_addresses = &options->config->allow_addresses};
    engine->loop = loop_create();
    engine->pool = worker_pool_create(options->config, &engine->network, options->config->workers, err);
    if (engine->pool == NULL) {
        loop_destroy(engine->loop);
        model_finish(&engine->model);
        arena_destroy(engine->arena);
        free(engine);
        return NULL;
    }
    engine->queue = schedule_create();
    engine->batch = state_batch_create();
    engine->later = state_batch_create();
    engine->launch_end = &engine->launch;
    engine->result_source = loop_readable(engine->loop, worker_pool_fd(engine->pool), turn, engine);
    engine->timer = loop_timer(engine->loop, turn, engine);
    return engine;
}

void engine_destroy(struct engine *engine)
{
    if (engine == NULL)
        return;
    loop_source_destroy(engine->result_source);
    loop_source_destroy(engine->timer);
    loop_source_destroy(engine->second_look);
    guard_watch_finish(&engine->watch);
    /* Jobs that still run end by themselves (an order call is never cut short); what they brought is recorded. */
    while (engine->running > 0 && !engine->broken) {
        struct timespec nap = {.tv_nsec = 5 * 1000 * 1000};
        take_results(engine);
        engine_commit(engine);
        if (engine->running > 0)
            nanosleep(&nap, NULL);
    }
    if (!engine->broken)
        engine_flush(engine);
    worker_pool_destroy(engine->pool);
    engine_account_forget(engine);
    engine_dns_forget(engine);
    schedule_destroy(engine->queue);
    state_batch_destroy(engine->batch);
    state_batch_destroy(engine->later);
    engine_release_snapshot(engine->snapshot);
    for (size_t i = 0; i < engine->standing_count; i++) {
        free(engine->standing[i]->key);
        free(engine->standing[i]->texts);
        free(engine->standing[i]->told);
        free(engine->standing[i]);
    }
    free(engine->standing);
    model_finish(&engine->model);
    loop_destroy(engine->loop);
    arena_destroy(engine->arena);
    free(engine);
}

struct loop *engine_loop(struct engine *engine) { return engine->loop; }
struct model *engine_model(struct engine *engine) { return &engine->model; }

void engine_touch(struct engine *engine, const char *namespace_, const char *name)
{
    AUTO(arena) struct arena *arena = arena_create();
    schedule_set(engine->queue, engine_key(arena, 'c', namespace_, name), clock_now_ms());
    engine_wake(engine);
}

void engine_request(struct engine *engine, const char *namespace_, const char *name, enum action action)
{
    AUTO(arena) struct arena *arena = arena_create();
    engine_entry(engine, engine_key(arena, 'c', namespace_, name), true)->requested = action;
    engine_touch(engine, namespace_, name);
}

void engine_also_report(struct engine *engine, engine_progress_call *call, void *arg)
{
    engine->also = call;
    engine->also_arg = arg;
    for (size_t i = 0; call != NULL && i < engine->standing_count; i++) /* whoever begins to look on has heard nothing yet */
        forget_told(engine->standing[i]);
}

bool engine_busy(struct engine *engine, const char *namespace_, const char *name)
{
    AUTO(arena) struct arena *arena = arena_create();
    const struct standing_entry *entry = engine_entry(engine, engine_key(arena, 'c', namespace_, name), false);
    return entry != NULL && entry->busy;
}

void engine_after_turn(struct engine *engine, void (*call)(void *arg), void *arg)
{
    engine->after_turn = call;
    engine->after_turn_arg = arg;
}

void engine_drain(struct engine *engine) { engine->draining = true; }

void engine_standing(struct engine *engine, struct engine_standing *out) { engine_standing_of(engine, NULL, out); }

static bool is_one_of(const struct standing_entry *entry, const struct string_list *only)
{
    AUTO(arena) struct arena *arena = arena_create();
    const char *namespace_, *name;
    engine_split_key(entry->key, arena, &namespace_, &name);
    return string_list_contains(only, resource_id(arena, KIND_CERTIFICATE, namespace_, name));
}

void engine_standing_of(struct engine *engine, const struct string_list *only, struct engine_standing *out)
{
    bool some = only != NULL && only->count > 0;
    *out = (struct engine_standing){.next_due_ms = schedule_next(engine->queue), .broken = engine->broken,
                                    .error = engine->broken_error, .running = (size_t)engine->running,
                                    .invalid = some ? 0 : engine->problem_count,
                                    .held = some ? 0 : engine->held};
    out->ready = some ? 0 : engine->settled;
    for (size_t i = 0; i < engine->standing_count; i++) {
        const struct standing_entry *entry = engine->standing[i];
        if (some && !is_one_of(entry, only))
            continue;
        if (entry->stand == STAND_READY)
            out->ready++;
        else if (entry->stand == STAND_BLOCKED && text_equal(entry->step.code, "Invalid"))
            out->invalid++, out->blocked++;
        else if (entry->stand == STAND_BLOCKED)
            out->blocked++;
        else
            out->waiting++;
        if (entry->stand == STAND_WAITING && entry->step.patient)
            out->patient++;
        if (entry->failing && entry->stand != STAND_READY)
            out->failing++;
        if (entry->stand == STAND_WAITING && (entry->needs_person || (entry->step.human != NULL && !entry->step.patient)))
            out->needs_person++;
        bool spaced = entry->has_turn || entry->dns_turns.gate != NULL || (entry->dns_waiting && !entry->dns_rests);
        if (spaced && !entry->busy) /* only a limiter spaces it */
            out->running++;
    }
}

void engine_each(struct engine *engine, engine_visit *visit, void *arg)
{
    AUTO(arena) struct arena *arena = arena_create();
    for (size_t i = 0; i < engine->standing_count; i++) {
        const char *namespace_, *name;
        engine_split_key(engine->standing[i]->key, arena, &namespace_, &name);
        visit(namespace_, name, &engine->standing[i]->step, arg);
    }
}

const struct performed_step *engine_performed(const struct engine *engine, size_t *out_count)
{
    *out_count = engine->performed_count;
    return engine->performed;
}
