#include "controller/holds.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "controller/index.h"
#include "controller/records.h"
#include "schema/problem.h"

enum { RELEASE_LASTS_S = 3600 };

const char *hold_digest(struct arena *arena, const char *kind, const struct string_list *subjects)
{
    struct string_list sorted = string_list_sorted(arena, subjects);
    const char *text = arena_printf(arena, "%s|%s", kind, string_list_join(arena, &sorted, ","));
    unsigned char digest[32];
    hash_sha256(span_of(text, strlen(text)), digest);
    return text_hex(arena, digest, 6);
}

struct needs {
    struct model *model;
    struct arena *arena;
    const struct desired_entry **entries; /* of which each may want a first purchase */
    size_t count;
};

static void note_need(const char *key, const struct desired_entry *entry, const struct index_row *row, void *arg)
{
    struct needs *needs = arg;
    (void)key;
    if (entry != NULL && (row == NULL || (row->flags & (INDEX_HAS_ORDER | INDEX_CONFIRMED)) == 0))
        *arena_push(needs->arena, &needs->entries, needs->count) = entry;
}

/* What does not resolve cannot be bought. */
static bool wants_purchase(struct model *model, const struct desired_entry *entry)
{
    const struct resource *resource = desired_resource(model->desired, entry);
    if (resource == NULL || resource->certificate->suspend)
        return false;
    AUTO(arena) struct arena *arena = arena_create();
    struct problem_list problems = {.arena = arena};
    struct resource_lookup lookup = desired_lookup(model->desired);
    struct certificate_references refs;
    return certificate_resolve(resource, &lookup, model->config, clock_now(), arena, &refs, &problems);
}

bool holds_purchases(struct model *model, struct arena *arena, struct string_list *out_ids, const char **out_digest,
                     struct error *err)
{
    struct needs needs = {.model = model, .arena = arena};
    struct string_list ids = {0};
    size_t most = (size_t)model->config->orders_per_pass;
    if (model->desired != NULL && !index_walk(model->state, model->desired, note_need, &needs, err))
        return false;
    for (size_t i = 0; needs.count > most && i < needs.count; i++) { /* each costs a file read and parsed */
        const struct desired_entry *entry = needs.entries[i];
        if (wants_purchase(model, entry))
            string_list_push(arena, &ids, resource_id(arena, KIND_CERTIFICATE, entry->namespace_, entry->name));
    }
    bool held = ids.count > most;
    *out_ids = held ? ids : (struct string_list){0};
    *out_digest = held ? hold_digest(arena, "MassPurchase", &ids) : NULL;
    return true;
}

bool removals_too_many(const struct operator_config *config, size_t gone, size_t known, size_t left)
{
    return gone > (size_t)config->removal_count ||
           (known >= 10 && gone * 100 > known * (size_t)config->removal_percent) || (gone > 0 && left == 0);
}

const char *clock_hold_digest(struct state *state, struct arena *arena)
{
    const char *newest = state != NULL ? meta_text(state, "newest-time", arena) : NULL;
    struct string_list subjects = {0};
    if (newest == NULL)
        return NULL;
    string_list_push(arena, &subjects, newest);
    return hold_digest(arena, "ClockNotSane", &subjects);
}

bool hold_released(struct state *state, const char *digest, struct arena *arena)
{
    struct hold_record hold;
    int64_t now = clock_now();
    return record_load(state, TABLE_HOLD, digest, &hold_record_table, arena, &hold, NULL, NULL) && hold.confirmed &&
           now - hold.confirmed_at < RELEASE_LASTS_S;
}
