/* DNS accounts in the queue. Their credentials are watched as the manifests date them, and what is asked of
 * them is spaced: a step begins when its account's gate has the turns for it, else its certificate stands in
 * the account's line. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fatal.h"
#include "controller/credentials.h"
#include "controller/engine_internal.h"
#include "controller/records.h"
#include "schema/dns_account.h"

enum { UNLIMITED = 1000 };

/* ---- credentials ---- */

/* Said once a stage, also by another process: a note in the store keeps what was said. */
static void warn(struct engine *engine, const struct credential_note *note, struct arena *arena)
{
    const char *key = arena_printf(arena, "credential/%s/%s", note->namespace_, note->name);
    const char *said =
        arena_printf(arena, "%lld %d", (long long)note->credential.end, (int)note->credential.stage);
    if (text_equal(meta_text(engine->model.state, key, arena), said))
        return;
    struct step step = {.human = note->credential.human};
    engine_report(engine, note->id, "warning", &step, note->credential.words, true);
    model_event(&engine->model, engine->batch, "DNSAccount", note->namespace_, note->name, "Warning",
                note->credential.code, note->credential.words, arena);
    meta_put(engine->batch, key, said);
}

void engine_credentials_due(struct engine *engine)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct credential_notes notes = credentials_ending(engine->model.desired, clock_now(), arena);
    for (size_t i = 0; i < notes.count; i++)
        warn(engine, &notes.items[i], arena);
    if (notes.next > 0)
        schedule_set(engine->queue, CREDENTIALS_KEY, notes.next * 1000);
    else
        schedule_remove(engine->queue, CREDENTIALS_KEY);
}

/* ---- the line before an account ---- */

static void line_push(struct string_queue *queue, const char *key)
{
    if (queue->end == queue->capacity) {
        for (size_t i = queue->first; i < queue->end; i++)
            queue->items[i - queue->first] = queue->items[i];
        queue->end -= queue->first;
        queue->first = 0;
        if (queue->end * 2 >= queue->capacity) {
            queue->capacity = queue->capacity > 0 ? queue->capacity * 2 : 16;
            queue->items = realloc(queue->items, queue->capacity * sizeof *queue->items);
        }
    }
    char *copy = strdup(key);
    if (queue->items == NULL || copy == NULL)
        fatal_memory();
    queue->items[queue->end++] = copy;
}

static struct dns_line *line_of(struct engine *engine, const char *namespace_, const char *name)
{
    for (size_t i = 0; i < engine->dns_line_count; i++)
        if (text_equal(engine->dns_lines[i]->namespace_, namespace_) &&
            text_equal(engine->dns_lines[i]->name, name))
            return engine->dns_lines[i];
    return NULL;
}

/* Whoever had begun goes on before the others. */
static void line_push_front(struct string_queue *queue, const char *key)
{
    line_push(queue, key);
    char *own = queue->items[queue->end - 1];
    for (size_t i = queue->end - 1; i > queue->first; i--)
        queue->items[i] = queue->items[i - 1];
    queue->items[queue->first] = own;
}

/* The account's line. One without a limit has it too, to rest when it is asked too often. */
static struct dns_line *line_for(struct engine *engine, const struct resource *account)
{
    struct dns_limits limits = dns_account_limits(engine->model.config, account->dns_account);
    struct dns_line *line = line_of(engine, account->namespace_, account->name);
    if (limits.requests_per_second == 0)
        limits = (struct dns_limits){UNLIMITED, UNLIMITED};
    if (line != NULL) {
        dns_gate_limit(line->gate, limits);
        return line;
    }
    line = arena_alloc(engine->arena, sizeof *line);
    *line = (struct dns_line){.namespace_ = arena_strdup(engine->arena, account->namespace_),
                              .name = arena_strdup(engine->arena, account->name),
                              .gate = dns_gate_create(limits)};
    *arena_push(engine->arena, &engine->dns_lines, engine->dns_line_count) = line;
    return line;
}

static void come_again(struct engine *engine, const struct dns_line *line, int64_t wait_ms)
{
    AUTO(arena) struct arena *arena = arena_create();
    schedule_set(engine->queue, engine_key(arena, 'd', line->namespace_, line->name),
                 clock_now_ms() + wait_ms);
}

/* Let in whoever is first, as long as there are turns. */
static void serve(struct engine *engine, struct dns_line *line)
{
    struct string_queue *queue = &line->waiting;
    if (line->resting && dns_gate_closed_until(line->gate) == 0) {
        line->resting = false;
        for (size_t i = queue->first; i < queue->end; i++)
            engine_entry(engine, queue->items[i], true)->dns_rests = false;
    }
    while (queue->first < queue->end) {
        char *key = queue->items[queue->first];
        struct standing_entry *entry = engine_entry(engine, key, true);
        int64_t wait =
            dns_gate_reserve(line->gate, entry->dns_wanted > 0 ? entry->dns_wanted : 1, &entry->dns_turns);
        if (wait != 0) {
            if (wait > 0)
                come_again(engine, line, wait);
            return;
        }
        queue->first++;
        entry->dns_waiting = false;
        schedule_set(engine->queue, key, clock_now_ms());
        free(key);
    }
}

void engine_dns_due(struct engine *engine, const char *key)
{
    AUTO(arena) struct arena *arena = arena_create();
    const char *namespace_, *name;
    engine_split_key(key, arena, &namespace_, &name);
    struct dns_line *line = line_of(engine, namespace_, name);
    if (line != NULL)
        serve(engine, line);
}

/* The turns that were reserved for a certificate go back, and whoever is next comes to them. */
static void give_back(struct engine *engine, struct dns_turns *turns)
{
    const struct dns_gate *gate = turns->gate;
    dns_turns_finish(turns);
    for (size_t i = 0; i < engine->dns_line_count; i++)
        if (engine->dns_lines[i]->gate == gate)
            come_again(engine, engine->dns_lines[i], 0);
}

void engine_dns_unused(struct engine *engine, const char *key)
{
    struct standing_entry *entry = engine_entry(engine, key, false);
    if (entry != NULL && entry->dns_turns.gate != NULL)
        give_back(engine, &entry->dns_turns);
}

/* What is shown of a certificate whose account rests. */
static struct step resting(const struct dns_line *line, const struct step *step, struct arena *arena)
{
    struct step rest = *step;
    int64_t until = dns_gate_closed_until(line->gate);
    rest.action = until > 0 ? ACTION_WAIT : ACTION_COUNT;
    rest.verb = VERB_WAIT;
    rest.due = until > 0 ? clock_now() + (until - clock_boot_ms()) / 1000 : 0;
    rest.human = rest.command = NULL;
    rest.reason = until > 0 ? arena_printf(arena, "DNSAccount %s rests until %s: %s", line->name,
                                           clock_rfc3339(arena, rest.due), line->words)
                            : "";
    return rest;
}

bool engine_dns_turn(struct engine *engine, const struct certificate_view *view, const struct step *step,
                     const char *key, struct arena *arena, struct dns_turns *out, struct step *out_rest)
{
    int requests = 0;
    const struct resource *account = certificate_step_account(view, step, &requests);
    struct dns_line *line = account != NULL ? line_for(engine, account) : NULL;
    struct standing_entry *entry = engine_entry(engine, key, line != NULL);
    out_rest->action = ACTION_COUNT;
    if (entry != NULL && entry->dns_turns.gate != NULL) {
        struct dns_turns turns = entry->dns_turns;
        entry->dns_turns = (struct dns_turns){0};
        if (line != NULL && turns.gate == line->gate) {
            *out = turns;
            return true;
        }
        give_back(engine, &turns); /* something else is to be done now */
    }
    if (line == NULL)
        return true;
    if (entry->dns_wanted < requests)
        entry->dns_wanted = requests;
    if (!entry->dns_waiting) {
        bool first = line->waiting.first == line->waiting.end;
        int64_t wait = first ? dns_gate_reserve(line->gate, entry->dns_wanted, out) : -1;
        if (wait == 0)
            return true;
        line_push(&line->waiting, key);
        entry->dns_waiting = true;
        if (wait > 0)
            come_again(engine, line, wait);
    }
    *out_rest = resting(line, step, arena);
    entry->dns_rests = out_rest->action == ACTION_WAIT;
    return false;
}

/* Asked too often, although we keep to a limit: others use the account, or the limit is too high. All of it
 * rests. */
static void rest(struct engine *engine, struct dns_line *line, const struct resource *account,
                 struct outcome *outcome, struct arena *arena)
{
    int64_t now = clock_now();
    if (dns_gate_closed_until(line->gate) == 0)
        line->failures++;
    int64_t wait = backoff_s(ERROR_THROTTLED, line->failures, (uint64_t)now);
    if (outcome->err.retry_at > now + wait)
        wait = outcome->err.retry_at - now;
    outcome->err.retry_at = now + wait;
    dns_gate_close(line->gate, clock_boot_ms() + wait * 1000);
    line->resting = true;
    line->words = arena_strdup(engine->arena, outcome->err.message);
    char *id = resource_id(arena, KIND_DNS_ACCOUNT, account->namespace_, account->name);
    engine_report(engine, id, "throttled", NULL,
                  arena_printf(arena, "asked too often: it rests until %s", clock_rfc3339(arena, now + wait)),
                  true);
    model_event(&engine->model, engine->batch, "DNSAccount", account->namespace_, account->name, "Warning",
                "Throttled", outcome->err.message, arena);
    for (size_t i = line->waiting.first; i < line->waiting.end; i++) /* so that they say why they wait */
        schedule_set(engine->queue, line->waiting.items[i], clock_now_ms());
}

bool engine_dns_done(struct engine *engine, const struct certificate_view *view, const struct step *step,
                     const char *key, struct dns_turns *turns, struct outcome *outcome)
{
    int requests = 0;
    const struct resource *account =
        turns->gate != NULL ? certificate_step_account(view, step, &requests) : NULL;
    struct dns_line *line = account != NULL ? line_of(engine, account->namespace_, account->name) : NULL;
    struct standing_entry *entry = engine_entry(engine, key, true);
    bool lacked = turns->lacked && !outcome->ok;
    AUTO(arena) struct arena *arena = arena_create();
    dns_turns_finish(turns);
    if (line == NULL)
        return false;
    entry->dns_wanted = lacked ? 2 * (turns->used + 1) : 0;
    if (lacked) {
        line_push_front(&line->waiting, key);
        entry->dns_waiting = true;
    }
    if (!lacked && !outcome->ok && outcome->err.kind == ERROR_THROTTLED)
        rest(engine, line, account, outcome, arena);
    else if (!lacked && outcome->ok)
        line->failures = 0;
    serve(engine, line);
    return lacked;
}

void engine_dns_forget(struct engine *engine)
{
    for (size_t i = 0; i < engine->dns_line_count; i++) {
        struct dns_line *line = engine->dns_lines[i];
        while (line->waiting.first < line->waiting.end)
            free(line->waiting.items[line->waiting.first++]);
        free(line->waiting.items);
        dns_gate_destroy(line->gate);
    }
    engine->dns_line_count = 0;
}
