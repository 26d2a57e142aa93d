/* Looking at the manifests: what is new, changed or gone since the last look, and the guards on that. The stored index and
 * the desired set are both in order, so one walk over the two tells; what is settled is not even decoded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fatal.h"
#include "base/log.h"
#include "controller/engine_internal.h"
#include "controller/guard.h"
#include "controller/records.h"

enum { SUBJECTS_KEPT = 20 };

struct look {
    struct engine *engine;
    struct arena *arena;
    struct desired *desired;
    bool all, first;
    unsigned char shared[32];
    int64_t now;
    struct string_list gone;      /* keys of certificates whose manifest went */
};

static void queue_entry(struct look *look, const struct desired_entry *entry)
{
    schedule_set(look->engine->queue, engine_key(look->arena, 'c', entry->namespace_, entry->name), clock_now_ms());
}

static void walk(const char *key, const struct desired_entry *entry, const struct index_row *row, void *arg)
{
    struct look *look = arg;
    bool forgotten = row != NULL && (row->flags & INDEX_FORGOTTEN) != 0;
    const struct engine_options *options = &look->engine->options;
    if (entry != NULL && options->filter != NULL && !options->filter(&look->engine->model, entry, options->filter_arg))
        return;
    if (entry == NULL) {
        if (!forgotten)
            string_list_push(look->arena, &look->gone, arena_printf(look->arena, "c%c%s", KEY_SEPARATOR, key));
        return;
    }
    if (row != NULL && !look->all && index_settled(row, entry, look->shared, look->now)) {
        if (look->first) {
            look->engine->settled++;
            schedule_set(look->engine->queue, engine_key(look->arena, 'c', entry->namespace_, entry->name), row->due * 1000);
        }
        return;
    }
    bool changed = row == NULL || forgotten || memcmp(row->digest, entry->digest, 32) != 0 ||
                   memcmp(row->shared, look->shared, 32) != 0;
    if (changed || look->all || look->first)
        queue_entry(look, entry);
}

static void second_look(void *arg)
{
    struct error err = {0};
    engine_look(arg, false, &err);
}

static void note_subjects(struct engine *engine, const struct guard_hold *hold, struct arena *arena)
{
    for (size_t i = 0; i < hold->subjects.count && i < SUBJECTS_KEPT; i++) {
        struct string_list parts = text_split(arena, hold->subjects.items[i], '/');
        enum resource_kind kind = resource_kind_parse(parts.items[0]);
        if (kind < KIND_COUNT)
            model_event(&engine->model, engine->batch, resource_kind_name(kind), parts.count == 3 ? parts.items[1] : "default",
                        parts.items[parts.count - 1], "Warning", hold->kind, hold->words, arena);
    }
}

/* A hold is kept under its digest, for `confirm`; said when it is new, and once by each process. */
static void tell_hold(struct engine *engine, const struct guard_hold *hold, bool first, struct arena *arena)
{
    struct hold_record record;
    bool known = record_load(engine->model.state, TABLE_HOLD, hold->digest, &hold_record_table, arena, &record, NULL, NULL) &&
                 !record.confirmed; /* a release from long ago is none */
    if (!known) {
        record = (struct hold_record){.digest = hold->digest, .kind = hold->kind, .since = clock_now(), .confirmed_by = ""};
        for (size_t i = 0; i < hold->subjects.count && i < SUBJECTS_KEPT; i++)
            string_list_push(arena, &record.subjects, hold->subjects.items[i]);
        record_put(engine->batch, TABLE_HOLD, hold->digest, &hold_record_table, &record, STATE_ANY);
        note_subjects(engine, hold, arena);
    }
    if (known && !first)
        return;
    struct step step = {.human = hold->human, .command = arena_printf(arena, "certwright confirm %s", hold->digest)};
    engine_report(engine, "manifests", "held", &step,
                  arena_printf(arena, "%s: %s; %zu %s in force as before", hold->kind, hold->words, hold->subjects.count,
                               hold->subjects.count == 1 ? "stays" : "stay"), true);
}

/* What the guards hold is in the set as it was; what they let go is gone from it. */
static void take_holds(struct look *look)
{
    struct engine *engine = look->engine;
    const struct guard_hold_list *holds = desired_holds(look->desired);
    engine->held = 0;
    for (size_t i = 0; i < holds->count; i++) {
        engine->held += holds->items[i].subjects.count;
        tell_hold(engine, &holds->items[i], look->first, look->arena);
    }
    int64_t again = desired_look_again_ms(look->desired);
    if (again > 0) {
        if (engine->second_look == NULL)
            engine->second_look = loop_timer(engine->loop, second_look, engine);
        loop_timer_in(engine->second_look, again + 50);
    }
    for (size_t i = 0; i < look->gone.count && engine->options.filter == NULL; i++)
        schedule_set(engine->queue, look->gone.items[i], clock_now_ms());
}

static void tell_problems(struct engine *engine, const struct desired *desired)
{
    const struct problem_list *problems = desired_problems(desired);
    bool told = engine->options.problems_told;
    engine->problem_count = problems->errors;
    engine->options.problems_told = false; /* of the first look only */
    if (told)
        return;
    for (size_t i = 0; i < problems->count; i++) {
        struct buffer line = {0};
        problem_print(&problems->items[i], &line);
        engine_report(engine, "manifests", problems->items[i].severity == SEVERITY_ERROR ? "invalid" : "warning", NULL,
                      buffer_text(&line), problems->items[i].severity == SEVERITY_ERROR);
        buffer_release(&line);
    }
}

/* A store that was brought back is compared with the vendor's list first, whether something wants to buy or not. */
static void ask_accounts(struct engine *engine, const struct desired *desired)
{
    for (size_t i = 0; i < desired_count(desired); i++) {
        const struct desired_entry *entry = desired_at(desired, i);
        if (entry->kind == KIND_ISSUER)
            engine_account_wanted(engine, entry->namespace_, entry->name);
    }
}

bool engine_look(struct engine *engine, bool all, struct error *err)
{
    if (engine->broken || !engine_flush(engine)) { /* what the last look brought is in the store before the next */
        *err = engine->broken_error;
        return false;
    }
    struct desired *desired = desired_read_watched(engine->model.config, engine->options.files, engine->model.state,
                                                   engine->options.typed ? NULL : &engine->watch, err);
    if (desired == NULL) {
        engine_report(engine, "manifests", "unreadable", NULL, err->message, true);
        return false;
    }
    AUTO(arena) struct arena *arena = arena_create();
    struct look look = {.engine = engine, .arena = arena, .desired = desired, .all = all, .first = !engine->looked,
                        .now = clock_now()};
    desired_shared_digest(desired, look.shared);
    struct snapshot *snapshot = malloc(sizeof *snapshot);
    if (snapshot == NULL)
        fatal_memory();
    *snapshot = (struct snapshot){desired, 1};
    engine_release_snapshot(engine->snapshot);
    engine->snapshot = snapshot;
    engine->model.desired = desired;
    if (!index_walk(engine->model.state, desired, walk, &look, err)) {
        engine_break(engine, err);
        return false;
    }
    if (!engine->looked && state_reconcile_only(engine->model.state) != NULL && engine->options.filter == NULL)
        ask_accounts(engine, desired);
    engine->looked = true;
    memcpy(engine->shared_digest, look.shared, 32);
    tell_problems(engine, desired);
    engine->model.purchase_hold_known = false;
    take_holds(&look);
    schedule_set(engine->queue, CREDENTIALS_KEY, clock_now_ms());
    desired_remember(desired, engine->later);
    log_event(LOG_DEBUG, "looked", "files", arena_printf(arena, "%zu", desired_file_count(desired)), "resources",
              arena_printf(arena, "%zu", desired_count(desired)), NULL);
    engine_wake(engine);
    return true;
}
