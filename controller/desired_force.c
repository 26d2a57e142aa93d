/* What the files take away, and what of it stays in force all the same (guard.h).
 *
 * The forms in force are those of TABLE_RESOURCE. What no file says any more and is held is a ghost: "gone/<key>" in TABLE_META
 * tells the next reading of it, for the rows of its file are gone by then. A narrower form that is held is not written down;
 * its file is decoded again at each reading until it is let through. */
#include "controller/desired_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/error.h"
#include "controller/records.h"
#include "controller/state.h"

#define GONE "gone/"
#define ROOT_ROW "manifests/root"
#define COMMITS_ROW "manifests/commits"
enum { COMMITS_MOST = 64 };

/* ---- finding ---- */

static int compare_changes(const void *left, const void *right)
{
    const struct change *a = left, *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    int order = strcmp(a->namespace_, b->namespace_);
    return order != 0 ? order : strcmp(a->name, b->name);
}

/* In order, each once: what two files said, or a file and a ghost, goes once. */
static void sort_changes(struct desired *set)
{
    size_t kept = 0;
    if (set->change_count > 1)
        qsort(set->changes, set->change_count, sizeof *set->changes, compare_changes);
    for (size_t i = 0; i < set->change_count; i++)
        if (kept == 0 || compare_changes(&set->changes[kept - 1], &set->changes[i]) != 0)
            set->changes[kept++] = set->changes[i];
    set->change_count = kept;
}

/* "<Kind>/<ns>/<name>" as a change to look for; false: none of ours. */
static bool parse_key(struct arena *arena, const char *key, struct change *out)
{
    struct string_list parts = text_split(arena, key, '/');
    *out = (struct change){.kind = parts.count == 3 ? resource_kind_parse(parts.items[0]) : KIND_COUNT};
    if (out->kind == KIND_COUNT)
        return false;
    out->namespace_ = parts.items[1];
    out->name = parts.items[2];
    return true;
}

static void add_gone(struct desired *set, enum resource_kind kind, const char *namespace_, const char *name, const char *file)
{
    if (desired_find(set, kind, namespace_, name) != NULL)
        return;
    const struct resource *was;
    if (desired_last_good(set, kind, namespace_, name, (struct position){.file = file}, &was))
        *arena_push(set->arena, &set->changes, set->change_count) =
            (struct change){.kind = kind, .namespace_ = namespace_, .name = name, .was = was};
}

static void find_gone(struct desired *set)
{
    const struct reading *reading = &set->reading;
    for (size_t i = 0; i < reading->file_count; i++) {
        const struct manifest_file *file = reading->files[i];
        const struct manifest_file *was = file->news != NULL ? file->news->former : file;
        if (was == NULL || (file->news == NULL && desired_file_exists(set, file)))
            continue;
        for (size_t j = 0; j < was->holding_count; j++)
            add_gone(set, was->holdings[j].kind, was->holdings[j].namespace_, was->holdings[j].name, was->path);
    }
    for (size_t i = 0; i < set->ghosts.count; i++) {
        struct change ghost;
        if (parse_key(set->arena, set->ghosts.items[i], &ghost))
            add_gone(set, ghost.kind, ghost.namespace_, ghost.name, "(no file)");
    }
}

/* A form that was just decoded, against the one in force. */
static void find_narrower(struct desired *set, const struct operator_config *config)
{
    for (size_t i = 0; i < set->file_count; i++)
        for (size_t j = 0; j < set->files[i]->holding_count; j++) {
            const struct holding *holding = &set->files[i]->holdings[j];
            if (holding->parsed == NULL || holding->stale || desired_said_before(set->files[i], holding))
                continue;
            const struct desired_entry *entry = desired_find(set, holding->kind, holding->namespace_, holding->name);
            if (entry == NULL || entry->stale || memcmp(entry->digest, holding->digest, 32) != 0)
                continue;
            const struct position position = {.file = set->files[i]->path, .line = (int)holding->line};
            const struct resource *was;
            bool known = desired_last_good(set, holding->kind, holding->namespace_, holding->name, position, &was) && was != NULL;
            const struct resource *is =
                known && memcmp(was->digest, holding->digest, 32) != 0 ? desired_resource(set, entry) : NULL;
            if (is == NULL)
                continue;
            struct change change = {.kind = holding->kind, .namespace_ = holding->namespace_, .name = holding->name,
                                    .was = was, .is = is};
            struct error why = {0};
            if (!guard_judge(config, set->reading.state, set->arena, &change, &why))
                desired_fail(set, &why);
            if (change.narrower || change.reissued.count > 0)
                *arena_push(set->arena, &set->changes, set->change_count) = change;
        }
}

static bool collect_ghost(const char *key, struct span value, int64_t revision, void *arg)
{
    struct desired *set = arg;
    (void)value, (void)revision;
    string_list_push(set->arena, &set->ghosts, arena_strdup(set->arena, key + strlen(GONE)));
    return true;
}

void desired_load_ghosts(struct desired *set)
{
    struct error why = {0};
    if (!set->given && set->reading.state != NULL && !state_scan(set->reading.state, TABLE_META, GONE, collect_ghost, set, &why))
        desired_fail(set, &why);
}

/* Device and folder; of a work tree the repository instead of the folder, which a fresh checkout changes. */
static const char *identity_of(struct desired *set)
{
    struct stat st;
    const char *repository = set->lost == NULL ? git_repository(set->directory, set->arena) : NULL;
    struct error why = {0};
    if (set->lost != NULL)
        return "";
    if (stat(set->directory, &st) != 0) { /* it was just read */
        error_raise(&why, ERROR_SYSTEM, "%s: %m", set->directory);
        desired_fail(set, &why);
        return "";
    }
    return repository != NULL ? arena_printf(set->arena, "%llx git %s", (unsigned long long)st.st_dev, repository)
                              : arena_printf(set->arena, "%llx %llx", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
}

static void look_at_tree(struct desired *set)
{
    struct tree_now *tree = &set->tree;
    const char *commits = NULL, *identity_before = NULL; /* NULL: nothing is remembered */
    struct error why = {0};
    if (!meta_read(set->reading.state, COMMITS_ROW, set->arena, &commits, &why) ||
        !meta_read(set->reading.state, ROOT_ROW, set->arena, &identity_before, &why))
        desired_fail(set, &why);
    *tree = (struct tree_now){.lost = set->lost, .identity = identity_of(set), .commit = set->commit, .left = set->entry_count,
                              .identity_before = identity_before};
    if (commits != NULL)
        tree->commits = text_split(set->arena, commits, ' ');
}

/* ---- keeping ---- */

struct both {
    struct desired_entry entry;
    const struct resource *resource;
};

static int compare_both(const void *left, const void *right)
{
    const struct desired_entry *a = &((const struct both *)left)->entry, *b = &((const struct both *)right)->entry;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    int order = strcmp(a->namespace_, b->namespace_);
    return order != 0 ? order : strcmp(a->name, b->name);
}

static struct desired_entry held_entry(const struct change *change)
{
    struct desired_entry entry = {.kind = change->kind, .namespace_ = change->namespace_, .name = change->name, .held = true,
                                  .file = -1, .position_file = "(no file)"};
    if (change->was == NULL)
        return entry;
    entry.position_file = change->was->position.file;
    memcpy(entry.digest, change->was->digest, sizeof entry.digest);
    return entry;
}

/* The entries anew, with the ghosts among them. */
static void insert_ghosts(struct desired *set)
{
    size_t count = set->entry_count;
    struct both *all = arena_array(set->arena, count + set->change_count, sizeof *all);
    for (size_t i = 0; i < count; i++)
        all[i] = (struct both){set->entries[i], set->resources[i]};
    for (size_t i = 0; i < set->change_count; i++)
        if (set->changes[i].held && set->changes[i].is == NULL)
            all[count++] = (struct both){held_entry(&set->changes[i]), set->changes[i].was};
    if (count == set->entry_count)
        return;
    qsort(all, count, sizeof *all, compare_both);
    set->entries = arena_array(set->arena, count, sizeof *set->entries);
    set->resources = arena_array(set->arena, count, sizeof *set->resources);
    for (size_t i = 0; i < count; i++) {
        set->entries[i] = all[i].entry;
        set->resources[i] = all[i].resource;
    }
    set->entry_count = count;
}

/* The former form in the place of the new one, which is not written down and decoded again next time. */
static void keep_former(struct desired *set, const struct change *change)
{
    static const unsigned char unknown[32];
    struct desired_entry *entry =
        (struct desired_entry *)(uintptr_t)desired_find(set, change->kind, change->namespace_, change->name);
    if (entry == NULL || entry->file < 0)
        return;
    struct manifest_file *file = set->files[entry->file];
    for (size_t i = 0; i < file->holding_count; i++)
        if (file->holdings[i].kind == change->kind && strcmp(file->holdings[i].name, change->name) == 0 &&
            strcmp(file->holdings[i].namespace_, change->namespace_) == 0)
            file->holdings[i].digest = unknown;
    file->flags |= FILE_PROBLEMS;
    entry->held = true;
    memcpy(entry->digest, change->was->digest, sizeof entry->digest);
    set->resources[entry - set->entries] = change->was;
    string_list_push(set->arena, &set->contested, form_key(set->arena, change->kind, change->namespace_, change->name));
}

void desired_keep_in_force(struct desired *set, const struct operator_config *config, struct guard_watch *watch)
{
    if (set->given || set->reading.state == NULL)
        return;
    look_at_tree(set);
    if (set->reading.rows.count > 0 || set->ghosts.count > 0) { /* else nothing was in force */
        find_gone(set);
        find_narrower(set, config);
        sort_changes(set);
    }
    for (size_t i = 0; i < set->entry_count; i++)
        set->tree.in_force[set->entries[i].kind]++;
    for (size_t i = 0; i < set->change_count; i++)
        set->tree.in_force[set->changes[i].kind] += set->changes[i].is == NULL;
    guard_changes(config, set->reading.state, watch, &set->tree, set->changes, set->change_count, set->arena, &set->holds,
                  &set->look_again_ms);
    for (size_t i = 0; i < set->change_count; i++)
        if (set->changes[i].held && set->changes[i].is != NULL)
            keep_former(set, &set->changes[i]);
    insert_ghosts(set);
}

/* ---- what the set tells of it ---- */

const struct guard_hold_list *desired_holds(const struct desired *set) { return &set->holds; }
int64_t desired_look_again_ms(const struct desired *set) { return set->look_again_ms; }

const struct guard_hold *desired_hold_of(const struct desired *set, enum resource_kind kind, const char *namespace_,
                                         const char *name)
{
    AUTO(arena) struct arena *arena = arena_create();
    const char *id = resource_id(arena, kind, namespace_, name);
    for (size_t i = 0; i < set->holds.count; i++)
        if (string_list_contains(&set->holds.items[i].subjects, id))
            return &set->holds.items[i];
    return NULL;
}

/* ---- remembering ---- */

static void remember_ghosts(const struct desired *set, struct state_batch *batch, struct arena *arena)
{
    for (size_t i = 0; i < set->ghosts.count; i++) { /* back again, or let go */
        struct change ghost;
        const struct change *still = parse_key(arena, set->ghosts.items[i], &ghost) && set->change_count > 0
                                         ? bsearch(&ghost, set->changes, set->change_count, sizeof ghost, compare_changes)
                                         : NULL;
        if (still != NULL && still->held)
            continue;
        state_delete(batch, TABLE_META, arena_printf(arena, GONE "%s", set->ghosts.items[i]), STATE_ANY);
        if (still != NULL && still->is == NULL)
            state_delete(batch, TABLE_RESOURCE, set->ghosts.items[i], STATE_ANY);
    }
    for (size_t i = 0; i < set->change_count && set->lost == NULL; i++) { /* of a lost tree the rows of its files still tell */
        const struct change *change = &set->changes[i];
        const char *key = form_key(arena, change->kind, change->namespace_, change->name);
        bool known = string_list_sorted_contains(&set->ghosts, key); /* sorted, as they came out of the store */
        if (change->held && change->is == NULL && !known)
            meta_put(batch, arena_printf(arena, GONE "%s", key), "held");
    }
}

static void remember_commit(const struct desired *set, struct state_batch *batch, struct arena *arena)
{
    const struct string_list *before = &set->tree.commits;
    if (set->commit == NULL || (before->count > 0 && text_equal(before->items[before->count - 1], set->commit)))
        return;
    struct string_list kept = {0};
    for (size_t i = before->count >= COMMITS_MOST ? before->count - COMMITS_MOST + 1 : 0; i < before->count; i++)
        if (!text_equal(before->items[i], set->commit))
            string_list_push(arena, &kept, before->items[i]);
    string_list_push(arena, &kept, set->commit);
    meta_put(batch, COMMITS_ROW, string_list_join(arena, &kept, " "));
}

void desired_remember_force(const struct desired *set, struct state_batch *batch)
{
    AUTO(arena) struct arena *arena = arena_create();
    remember_ghosts(set, batch, arena);
    if (set->holds.count > 0 || set->look_again_ms > 0)
        return; /* what is in force came from the tree as it was */
    if (set->tree.identity[0] != '\0' && !text_equal(set->tree.identity, set->tree.identity_before))
        meta_put(batch, ROOT_ROW, set->tree.identity);
    remember_commit(set, batch, arena);
}
