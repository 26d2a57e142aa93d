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
#include "controller/holds.h"
#include "controller/records.h"

enum { SECOND_LOOK_MS = 2000 };

struct look {
    struct engine *engine;
    struct arena *arena;
    struct desired *desired;
    bool all, first;
    unsigned char shared[32];
    int64_t now;
    struct string_list gone;      /* keys of certificates whose manifest went */
    size_t known;                 /* certificates the index knows, not forgotten */
};

static void queue_entry(struct look *look, const struct desired_entry *entry)
{
    schedule_set(look->engine->queue, engine_key(look->arena, 'c', entry->namespace_, entry->name), clock_now_ms());
}

static void walk(const char *key, const struct desired_entry *entry, const struct index_row *row, void *arg)
{
    struct look *look = arg;
    bool forgotten = row != NULL && (row->flags & INDEX_FORGOTTEN) != 0;
    look->known += row != NULL && !forgotten;
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

static void hold_removals(struct engine *engine, const char *digest, const struct string_list *ids, struct arena *arena)
{
    struct hold_record hold;
    bool known = record_load(engine->model.state, TABLE_HOLD, digest, &hold_record_table, arena, &hold, NULL, NULL);
    if (!known || hold.confirmed) { /* a release from long ago is none */
        hold = (struct hold_record){.digest = digest, .kind = "MassRemoval", .since = clock_now(), .confirmed_by = ""};
        for (size_t i = 0; i < ids->count && i < 20; i++)
            string_list_push(arena, &hold.subjects, ids->items[i]);
        record_put(engine->batch, TABLE_HOLD, digest, &hold_record_table, &hold, STATE_ANY);
    }
    struct step step = {.human = "bring the manifests back; or, if they are to be forgotten, say so",
                        .command = arena_printf(arena, "certwright confirm %s", digest)};
    engine_report(engine, "manifests", "held", &step,
                  arena_printf(arena, "the manifest%s of %zu certificate%s went at once: nothing is forgotten yet",
                               ids->count == 1 ? "" : "s", ids->count, ids->count == 1 ? "" : "s"), true);
}

static void second_look(void *arg)
{
    struct error err = {0};
    engine_look(arg, false, &err);
}

/* A removal takes effect when it was seen twice, two seconds apart, unless a person typed the command. */
static bool seen_twice(struct look *look, const char *digest)
{
    struct engine *engine = look->engine;
    int64_t now = clock_boot_ms();
    if (engine->options.typed)
        return true;
    if (strcmp(engine->removals.digest, digest) == 0 && now - engine->removals.seen_ms >= SECOND_LOOK_MS)
        return true;
    if (strcmp(engine->removals.digest, digest) != 0) {
        snprintf(engine->removals.digest, sizeof engine->removals.digest, "%s", digest);
        engine->removals.seen_ms = now;
    }
    if (engine->removals.timer == NULL)
        engine->removals.timer = loop_timer(engine->loop, second_look, engine);
    loop_timer_in(engine->removals.timer, SECOND_LOOK_MS + 50);
    return false;
}

static void guard_removals(struct look *look)
{
    struct engine *engine = look->engine;
    engine->held = 0;
    if (look->gone.count == 0 || engine->options.filter != NULL) {
        engine->removals.digest[0] = '\0';
        return;
    }
    struct string_list ids = {0};
    for (size_t i = 0; i < look->gone.count; i++) {
        const char *namespace_, *name;
        engine_split_key(look->gone.items[i], look->arena, &namespace_, &name);
        string_list_push(look->arena, &ids, resource_id(look->arena, KIND_CERTIFICATE, namespace_, name));
    }
    const char *digest = hold_digest(look->arena, "MassRemoval", &ids);
    if (!seen_twice(look, digest))
        return;
    if (removals_too_many(engine->model.config, ids.count, look->known, desired_count(look->desired)) &&
        !hold_released(engine->model.state, digest, look->arena)) {
        engine->held = ids.count;
        hold_removals(engine, digest, &ids, look->arena);
        return;
    }
    for (size_t i = 0; i < look->gone.count; i++)
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
    struct desired *desired = desired_read(engine->model.config, engine->options.files, engine->model.state, err);
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
    guard_removals(&look);
    schedule_set(engine->queue, CREDENTIALS_KEY, clock_now_ms());
    desired_remember(desired, engine->later);
    log_event(LOG_DEBUG, "looked", "files", arena_printf(arena, "%zu", desired_file_count(desired)), "resources",
              arena_printf(arena, "%zu", desired_count(desired)), NULL);
    engine_wake(engine);
    return true;
}
