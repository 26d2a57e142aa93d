/* The desired set: what the files hold, one entry for each resource, in order.
 *
 * Entries are small and point into the rows and paths read; a resource is decoded when somebody asks for
 * it. What cannot be read now, or is said twice, is represented by its last good form from TABLE_RESOURCE,
 * marked stale. A form that an earlier version took for good, and this one does not, is no absence: the entry is there, and has
 * no resource. */
#include "controller/desired.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fatal.h"
#include "base/hash.h"
#include "base/text.h"
#include "controller/desired_set.h"
#include "controller/state.h"
#include "schema/parsed.h"
#include "schema/problem.h"


/* ---- from holdings to entries ---- */

struct candidate {
    struct holding *holding;
    unsigned file;
};

static int compare_names(enum resource_kind kind_a, const char *namespace_a, const char *name_a,
                         enum resource_kind kind_b, const char *namespace_b, const char *name_b)
{
    if (kind_a != kind_b)
        return kind_a < kind_b ? -1 : 1;
    int order = strcmp(namespace_a, namespace_b);
    return order != 0 ? order : strcmp(name_a, name_b);
}

static int compare_identity(const struct holding *a, const struct holding *b)
{
    return compare_names(a->kind, a->namespace_, a->name, b->kind, b->namespace_, b->name);
}

static int compare_candidates(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    int order = compare_identity(a->holding, b->holding);
    if (order == 0)
        order = (int)a->holding->stale - (int)b->holding->stale; /* who says it now stands first */
    if (order == 0)
        order = (a->file > b->file) - (a->file < b->file);
    return order != 0 ? order
                      : (a->holding->line > b->holding->line) - (a->holding->line < b->holding->line);
}

/* All holdings of all files, sorted. Files come in path order, in which they mostly are sorted already:
 * then the look at each pair is all it costs. */
static struct candidate *collect(const struct desired *set, size_t *out_count)
{
    size_t count = 0;
    for (size_t i = 0; i < set->file_count; i++)
        count += set->files[i]->holding_count;
    struct candidate *all = malloc((count + 1) * sizeof *all);
    if (all == NULL)
        fatal_memory();
    size_t at = 0, starts[KIND_COUNT + 1] = {0};
    for (size_t i = 0; i < set->file_count; i++)
        for (size_t j = 0; j < set->files[i]->holding_count; j++)
            starts[set->files[i]->holdings[j].kind + 1]++;
    for (int kind = 0; kind < KIND_COUNT; kind++)
        starts[kind + 1] += starts[kind];
    for (size_t i = 0; i < set->file_count; i++)
        for (size_t j = 0; j < set->files[i]->holding_count; j++) {
            struct holding *holding = &set->files[i]->holdings[j];
            all[starts[holding->kind]++] = (struct candidate){holding, (unsigned)i};
        }
    for (at = 1; at < count && compare_candidates(&all[at - 1], &all[at]) <= 0; at++)
        ;
    if (at < count)
        qsort(all, count, sizeof *all, compare_candidates);
    *out_count = count;
    return all;
}

/* A store that cannot be read has not said that there is nothing. */
void desired_fail(struct desired *set, const struct error *why)
{
    if (!set->reading.failed)
        *set->reading.failure = *why;
    set->reading.failed = true;
}

bool desired_last_good(struct desired *set, enum resource_kind kind, const char *namespace_, const char *name,
                       struct position position, const struct resource **out)
{
    struct span json = {0};
    struct error why = {0};
    bool found = false;
    struct resource *good = arena_alloc(set->arena, sizeof *good);
    if (set->reading.state != NULL && !state_find(set->reading.state, TABLE_RESOURCE, form_key(set->arena, kind, namespace_, name),
                                                  set->arena, &json, &found, &why))
        desired_fail(set, &why);
    bool valid = found && manifest_decode_json(json, position, set->arena, good) && good->kind == kind &&
                 strcmp(good->name, name) == 0 && strcmp(good->namespace_, namespace_) == 0;
    *out = valid ? good : NULL;
    return found;
}

static void add_entry(struct desired *set, const struct candidate *it)
{
    struct desired_entry *entry = &set->entries[set->entry_count];
    *entry = (struct desired_entry){.kind = it->holding->kind,
                                    .namespace_ = it->holding->namespace_,
                                    .name = it->holding->name,
                                    .file = (int)it->file,
                                    .position_file = file_shown(set->files[it->file], set->arena)};
    memcpy(entry->digest, it->holding->digest, sizeof entry->digest);
    set->entry_count++;
}

static void add_stale_entry(struct desired *set, const struct candidate *it)
{
    const struct position position = {file_shown(set->files[it->file], set->arena), (int)it->holding->line, 1};
    const struct resource *resource;
    if (set->reading.forms != NULL && !it->holding->stale)
        return; /* said twice at first sight: the form in the store is one of the two */
    if (!desired_last_good(set, it->holding->kind, it->holding->namespace_, it->holding->name, position, &resource))
        return; /* it never was good: there is only the problem */
    add_entry(set, it);
    struct desired_entry *entry = &set->entries[set->entry_count - 1];
    entry->stale = true;
    memset(entry->digest, 0, sizeof entry->digest);
    if (resource != NULL)
        memcpy(entry->digest, resource->digest, sizeof entry->digest);
    set->resources[set->entry_count - 1] = resource;
}

/* Besides telling it, see to it that both files are decoded again next time and that what they say is then
 * taken for new: neither form is written down as a good one now. */
static void report_contested(struct desired *set, const struct candidate *all, size_t count)
{
    static const unsigned char unknown[32];
    const struct holding *what = all->holding;
    const char *id = resource_id(set->arena, what->kind, what->namespace_, what->name);
    string_list_push(set->arena, &set->contested,
                     form_key(set->arena, what->kind, what->namespace_, what->name));
    for (size_t i = 0; i < count; i++) {
        const struct candidate *other = &all[i == 0 ? 1 : 0];
        struct position position = {file_shown(set->files[all[i].file], set->arena), (int)all[i].holding->line, 1};
        struct problem *problem = problem_add(&set->problems, SEVERITY_ERROR, "duplicate-resource",
                                              position, NULL, "%s is defined here and at %s:%u", id,
                                              file_shown(set->files[other->file], set->arena), other->holding->line);
        problem->resource = id;
        all[i].holding->digest = unknown;
        set->files[all[i].file]->flags |= FILE_PROBLEMS;
        problem->hint = "give one of them another name; until then both keep their last good form";
    }
}

static void assemble(struct desired *set)
{
    size_t count;
    struct candidate *all = collect(set, &count);
    set->entries = arena_array(set->arena, count, sizeof *set->entries);
    set->resources = arena_array(set->arena, count, sizeof *set->resources);
    for (size_t i = 0, next; i < count; i = next) {
        size_t live = 0;
        for (next = i; next < count && compare_identity(all[i].holding, all[next].holding) == 0; next++)
            live += !all[next].holding->stale;
        if (live == 1)
            add_entry(set, &all[i]);
        else
            add_stale_entry(set, &all[i]);
        if (live > 1)
            report_contested(set, &all[i], live);
    }
    free(all);
}

/* ---- problems, digest ---- */

static int compare_problems(const void *left, const void *right)
{
    const struct problem *a = left, *b = right;
    int order = strcmp(a->position.file == NULL ? "" : a->position.file,
                       b->position.file == NULL ? "" : b->position.file);
    if (order == 0)
        order = (a->position.line > b->position.line) - (a->position.line < b->position.line);
    return order != 0
               ? order
               : (a->position.column > b->position.column) - (a->position.column < b->position.column);
}

static void gather_problems(struct desired *set)
{
    struct problem_list *all = &set->problems;
    for (size_t i = 0; i < set->file_count; i++) {
        if (set->files[i]->news == NULL)
            continue;
        const struct problem_list *some = &set->files[i]->news->problems;
        for (size_t j = 0; j < some->count; j++)
            *arena_push(set->arena, &all->items, all->count) = some->items[j];
        all->errors += some->errors;
    }
    if (all->count > 1)
        qsort(all->items, all->count, sizeof *all->items, compare_problems);
}

/* With the operator's file and the version, which certificates are judged by as well. */
static void digest_shared(struct desired *set, const struct operator_config *config)
{
    unsigned char settings[32];
    struct hash *hash = hash_begin();
    operator_digest(config, settings);
    hash_add(hash, settings, sizeof settings);
    hash_add(hash, CERTWRIGHT_VERSION, sizeof CERTWRIGHT_VERSION);
    for (size_t i = 0; i < set->entry_count; i++) {
        const struct desired_entry *entry = &set->entries[i];
        if (entry->kind == KIND_CERTIFICATE)
            continue;
        const char *texts[] = {resource_kind_name(entry->kind), entry->namespace_, entry->name};
        for (size_t j = 0; j < COUNT_OF(texts); j++)
            hash_add(hash, texts[j], strlen(texts[j]) + 1);
        hash_add(hash, entry->digest, sizeof entry->digest);
    }
    hash_end(hash, set->shared);
}

/* ---- reading ---- */

bool desired_file_exists(const struct desired *set, const struct manifest_file *file)
{
    return set->lost == NULL && file_exists_now(&set->reading, file);
}

static void keep_existing(struct desired *set)
{
    struct reading *reading = &set->reading;
    set->files = arena_array(set->arena, reading->file_count, sizeof(struct manifest_file *));
    for (size_t i = 0; i < reading->file_count; i++)
        if (desired_file_exists(set, reading->files[i]))
            set->files[set->file_count++] = reading->files[i];
}

static bool add_given(struct desired *set, const struct string_list *files, struct error *err)
{
    for (size_t i = 0; i < files->count; i++) {
        struct stat st;
        const char *path = files->items[i];
        bool input = strcmp(path, "-") == 0;
        if (!input && stat(path, &st) != 0)
            return error_raise(err, ERROR_NOT_FOUND, "%s: %m", path);
        if (!input && S_ISDIR(st.st_mode))
            reading_add_directory(&set->reading, path, false);
        else
            reading_add_file(&set->reading, path);
    }
    return true;
}

/* A directory that is not there, or cannot be opened, is no empty one: what it said stays in force (reliability.md 8.3). */
static bool stays_in_force(struct desired *set, const struct error *err)
{
    const struct reading *reading = &set->reading;
    bool lost = !set->given && reading->source_count > 0 && reading->sources[0].fd < 0;
    if (!lost || (reading->rows.count == 0 && set->ghosts.count == 0))
        return false;
    set->lost = arena_strdup(set->arena, err->message);
    problem_add(&set->problems, SEVERITY_ERROR, "tree-lost", (struct position){.file = set->directory}, NULL,
                "%s: what the manifests said stays in force", set->lost);
    return true;
}

struct desired *desired_read(const struct operator_config *config, const struct string_list *files,
                             struct state *state, struct error *err)
{
    return desired_read_watched(config, files, state, NULL, err);
}

struct desired *desired_read_watched(const struct operator_config *config, const struct string_list *files,
                                     struct state *state, struct guard_watch *watch, struct error *err)
{
    struct desired *set = calloc(1, sizeof *set);
    if (set == NULL)
        fatal_memory();
    set->arena = arena_create();
    set->problems.arena = set->arena;
    set->given = files != NULL && files->count > 0;
    reading_init(&set->reading, set->arena, state, config);
    set->directory = config->manifests_directory;
    bool read = true;
    if (set->given)
        read = add_given(set, files, err);
    else
        reading_add_directory(&set->reading, config->manifests_directory, true);
    struct error why = {0};
    desired_load_ghosts(set);
    if (read && set->reading.failed) {
        read = false;
        if (err != NULL)
            *err = *set->reading.failure;
    }
    if (!read || (!reading_run(&set->reading, &why) && !stays_in_force(set, &why))) {
        if (read && err != NULL)
            *err = why;
        desired_destroy(set);
        return NULL;
    }
    keep_existing(set);
    assemble(set);
    gather_problems(set);
    if (!set->given && set->lost == NULL)
        set->commit = git_commit(config->manifests_directory, set->arena);
    desired_keep_in_force(set, config, watch);
    digest_shared(set, config);
    if (!set->reading.failed)
        return set;
    if (err != NULL)
        *err = *set->reading.failure;
    desired_destroy(set);
    return NULL;
}

void desired_destroy(struct desired *set)
{
    if (set == NULL)
        return;
    reading_finish(&set->reading);
    arena_destroy(set->arena);
    free(set);
}

const struct problem_list *desired_problems(const struct desired *set) { return &set->problems; }
size_t desired_count(const struct desired *set) { return set->entry_count; }
size_t desired_file_count(const struct desired *set) { return set->file_count; }
const char *desired_commit(const struct desired *set) { return set->commit; }

const struct desired_entry *desired_at(const struct desired *set, size_t index)
{
    return index < set->entry_count ? &set->entries[index] : NULL;
}

void desired_shared_digest(const struct desired *set, unsigned char out[32])
{
    memcpy(out, set->shared, sizeof set->shared);
}

/* ---- looking up ---- */

/* The first entry that is not before (kind, namespace, name). */
static size_t lower_bound(const struct desired *set, enum resource_kind kind, const char *namespace_,
                          const char *name)
{
    size_t low = 0, high = set->entry_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct desired_entry *entry = &set->entries[middle];
        if (compare_names(entry->kind, entry->namespace_, entry->name, kind, namespace_, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct desired_entry *desired_find(const struct desired *set, enum resource_kind kind,
                                         const char *namespace_, const char *name)
{
    size_t at = lower_bound(set, kind, namespace_, name);
    const struct desired_entry *entry = desired_at(set, at);
    return entry != NULL &&
                   compare_names(entry->kind, entry->namespace_, entry->name, kind, namespace_, name) == 0
               ? entry
               : NULL;
}

/* Keep what is as its entry says. */
static void keep_resource(const struct parsed_resource *parsed, void *arg)
{
    struct desired *set = arg;
    const struct desired_entry *entry = desired_find(set, parsed->kind, parsed->namespace_, parsed->name);
    if (entry == NULL || entry->stale || set->resources[entry - set->entries] != NULL ||
        memcmp(entry->digest, parsed->digest, sizeof entry->digest) != 0)
        return;
    struct resource *resource = arena_alloc(set->arena, sizeof *resource);
    if (parsed_resource_decode(parsed, set->arena, resource))
        set->resources[entry - set->entries] = resource;
}

/* As the parser said just now; NULL when that was not kept. */
static const struct parsed_resource *just_parsed(const struct desired *set, const struct desired_entry *entry)
{
    const struct manifest_file *file = set->files[entry->file];
    for (size_t i = 0; i < file->holding_count; i++) {
        const struct holding *it = &file->holdings[i];
        if (it->parsed != NULL && it->parsed->tree.length > 0 &&
            compare_names(it->kind, it->namespace_, it->name, entry->kind, entry->namespace_, entry->name) == 0)
            return it->parsed;
    }
    return NULL;
}

const struct resource *desired_resource(struct desired *set, const struct desired_entry *entry)
{
    const struct resource **kept = &set->resources[entry - set->entries];
    if (*kept != NULL || entry->stale || entry->file < 0)
        return *kept;
    const struct parsed_resource *parsed = just_parsed(set, entry);
    if (parsed != NULL)
        keep_resource(parsed, set);
    else
        reading_again(&set->reading, set->files[entry->file], keep_resource, set);
    if (*kept == NULL) { /* the file is another one by now; what it said then was written down */
        const struct position position = {entry->position_file, 0, 0};
        const struct resource *last;
        if (desired_last_good(set, entry->kind, entry->namespace_, entry->name, position, &last) && last != NULL &&
            memcmp(last->digest, entry->digest, sizeof entry->digest) == 0)
            *kept = last;
    }
    return *kept;
}

static const struct resource *lookup_find(void *arg, enum resource_kind kind, const char *namespace_,
                                          const char *name)
{
    const struct desired_entry *entry = desired_find(arg, kind, namespace_, name);
    return entry == NULL ? NULL : desired_resource(arg, entry);
}

static struct resource_list lookup_list(void *arg, enum resource_kind kind, const char *namespace_,
                                        struct arena *arena)
{
    struct desired *set = arg;
    struct resource_list list = {0};
    for (size_t i = lower_bound(set, kind, namespace_, ""); i < set->entry_count; i++) {
        const struct desired_entry *entry = &set->entries[i];
        if (entry->kind != kind || strcmp(entry->namespace_, namespace_) != 0)
            break;
        const struct resource *resource = desired_resource(set, entry);
        if (resource != NULL)
            *arena_push(arena, &list.items, list.count) = *resource;
    }
    return list;
}

struct resource_lookup desired_lookup(struct desired *set)
{
    return (struct resource_lookup){.find = lookup_find, .list = lookup_list, .set = set};
}

/* ---- remembering ---- */

bool desired_said_before(const struct manifest_file *file, const struct holding *holding)
{
    const struct manifest_file *former = file->news == NULL ? NULL : file->news->former;
    for (size_t i = 0; former != NULL && i < former->holding_count; i++)
        if (compare_identity(&former->holdings[i], holding) == 0)
            return memcmp(former->holdings[i].digest, holding->digest, 32) == 0;
    return false;
}

static void keep_last_good_forms(const struct desired *set, struct state_batch *batch, struct arena *arena)
{
    for (size_t i = 0; i < set->file_count; i++)
        for (size_t j = 0; j < set->files[i]->holding_count; j++) {
            const struct holding *holding = &set->files[i]->holdings[j];
            if (holding->parsed == NULL || desired_said_before(set->files[i], holding))
                continue;
            const char *key = form_key(arena, holding->kind, holding->namespace_, holding->name);
            if (string_list_contains(&set->contested, key))
                continue;
            state_put(batch, TABLE_RESOURCE, key, holding->parsed->json, STATE_ANY);
        }
    for (size_t i = 0; set->reading.forms != NULL && i < set->contested.count; i++)
        state_delete(batch, TABLE_RESOURCE, set->contested.items[i], STATE_ANY); /* neither was a good one */
}

/* The last good form of what no file says any more goes; what two files say stays. */
static void drop_of(const struct desired *set, const struct manifest_file *was, struct state_batch *batch,
                    struct arena *arena)
{
    for (size_t i = 0; i < was->holding_count; i++) {
        const struct holding *holding = &was->holdings[i];
        const char *key = form_key(arena, holding->kind, holding->namespace_, holding->name);
        if (desired_find(set, holding->kind, holding->namespace_, holding->name) == NULL &&
            !string_list_contains(&set->contested, key))
            state_delete(batch, TABLE_RESOURCE, key, STATE_ANY);
    }
}

static int compare_paths(const void *left, const void *right)
{
    return strcmp((*(struct manifest_file *const *)left)->path,
                  (*(struct manifest_file *const *)right)->path);
}

void desired_remember(const struct desired *set, struct state_batch *batch)
{
    const struct reading *reading = &set->reading;
    AUTO(arena) struct arena *arena = arena_create();
    bool changed = false;
    for (size_t i = 0; i < reading->file_count; i++)
        changed |= reading->files[i]->flags & FILE_READ || !desired_file_exists(set, reading->files[i]);
    if (!set->given && reading->state != NULL)
        desired_remember_force(set, batch);
    if (set->lost != NULL && set->holds.count > 0)
        return; /* what its files were like is still to be known when it is there again */
    if (!changed)
        return;
    keep_last_good_forms(set, batch, arena);
    if (set->given)
        return;
    for (size_t i = 0; i < reading->file_count; i++) {
        const struct manifest_file *file = reading->files[i];
        const struct manifest_file *was =
            file->news != NULL && (reading->forms == NULL || desired_file_exists(set, file)) ? file->news->former : file;
        if (was != NULL && (file->news != NULL || !desired_file_exists(set, file)))
            drop_of(set, was, batch, arena);
    }
    struct manifest_file **sorted = arena_array(arena, set->file_count, sizeof *sorted);
    if (set->file_count > 0)
        memcpy(sorted, set->files, set->file_count * sizeof *sorted);
    qsort(sorted, set->file_count, sizeof *sorted, compare_paths);
    rows_store(&reading->rows, sorted, set->file_count, reading->root_length, batch);
}
