#include "controller/engine_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fatal.h"
#include "base/log.h"

enum {
    TURNED_CLOCK_LOOK_MS = 100, /* tests turn the clock while we wait by the real one */
    GATHER_FROM = 32,           /* so many steps run that it pays to wait for more results before a commit */
    GATHER_MS = 6,
    SET_BACK_MS = 60 * 1000, /* what waits so much longer than it should does no harm */
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

void engine_report(struct engine *engine, const char *id, const char *word, const struct step *step, const char *text,
                   bool bad)
{
    log_event(bad ? LOG_WARN : LOG_INFO, word, "object", id, "subject", step != NULL ? step->subject : NULL, "text", text,
              NULL);
    struct engine_progress progress = {.id = id, .word = word, .subject = step != NULL && step->subject != NULL ? step->subject : "",
        .text = text != NULL ? text : "", .human = step != NULL ? step->human : NULL,
        .command = step != NULL ? step->command : NULL, .if_lost = step != NULL && step_if_lost(step), .bad = bad};
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
        if (!engine_take_certificate_result(engine, job))
            engine_take_account_result(engine, job);
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
        engine_certificate_dropped(engine, job);
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

/* Due times are those of the clock. When it was ahead and is set right, what it put off would wait as long as it was ahead: it
 * is decided again instead. */
static void note_clock(struct engine *engine)
{
    int64_t lead = clock_lead_ms();
    bool back = lead < engine->clock_lead_ms - SET_BACK_MS;
    engine->clock_lead_ms = lead;
    if (!back)
        return;
    log_event(LOG_WARN, "the clock was set back: all that waits is looked at again", NULL);
    schedule_all_sooner(engine->queue, clock_now_ms());
    for (size_t i = 0; i < engine->model.account_count; i++)
        engine->model.accounts[i]->retry_at_ms = 0;
}

static void turn(void *arg)
{
    struct engine *engine = arg;
    gather(engine);
    note_clock(engine);
    take_results(engine);
    if (!engine->broken)
        stage_results(engine);
    char *key;
    while (!engine->broken && !engine->draining && (key = schedule_take(engine->queue, clock_now_ms())) != NULL) {
        if (key[0] == 'c')
            engine_decide_certificate(engine, key);
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
            next = job->next;
            engine_certificate_launched(engine, job);
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
    engine->clock_lead_ms = clock_lead_ms();
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

bool engine_widen(struct engine *engine)
{
    if (engine->options.files != NULL)
        return false;
    engine->options.filter = NULL;
    return true;
}

bool engine_ask(struct engine *engine, const struct string_list *ids, const char **out_missing)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct string_list keys = {0};
    for (size_t i = 0; i < ids->count; i++) {
        struct string_list parts = text_split(arena, ids->items[i], '/');
        const char *namespace_ = parts.count == 3 ? parts.items[1] : "default", *name = parts.items[parts.count - 1];
        if (!text_equal(resource_id(arena, KIND_CERTIFICATE, namespace_, name), ids->items[i]) ||
            desired_find(engine->model.desired, KIND_CERTIFICATE, namespace_, name) == NULL) {
            *out_missing = ids->items[i];
            return false;
        }
        string_list_push(arena, &keys, engine_key(arena, 'c', namespace_, name));
    }
    for (size_t i = 0; i < keys.count; i++)
        schedule_set(engine->queue, keys.items[i], clock_now_ms());
    engine_wake(engine);
    return true;
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
        engine_forget_told(engine->standing[i]);
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
    return string_list_sorted_contains(only, resource_id(arena, KIND_CERTIFICATE, namespace_, name));
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
        if (entry->stand == STAND_READY && text_equal(entry->step.code, "Forgotten"))
            out->forgotten++;
        else if (entry->stand == STAND_READY)
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
