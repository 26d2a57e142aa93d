/* A list of resources from YAML text, to look references up in: what the controller's desired set is, for tests. */
#pragma once

#include "check.h"

#include "base/arena.h"
#include "schema/manifest.h"
#include "schema/reference.h"

struct manifest_set {
    struct arena *arena;
    struct resource_list resources, broken;
    struct problem_list problems;
};

static inline const struct resource *manifest_set_find(void *set, enum resource_kind kind, const char *namespace_,
                                                       const char *name)
{
    const struct resource_list *list = &((struct manifest_set *)set)->resources;
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].kind == kind && strcmp(list->items[i].namespace_, namespace_) == 0 &&
            strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    return NULL;
}

static inline int manifest_set_compare(const void *a, const void *b)
{
    return strcmp(((const struct resource *)a)->name, ((const struct resource *)b)->name);
}

static inline struct resource_list manifest_set_list(void *set, enum resource_kind kind, const char *namespace_,
                                                     struct arena *arena)
{
    const struct resource_list *all = &((struct manifest_set *)set)->resources;
    struct resource_list list = {0};
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].kind == kind && strcmp(all->items[i].namespace_, namespace_) == 0)
            *arena_push(arena, &list.items, list.count) = all->items[i];
    if (list.count > 1)
        qsort(list.items, list.count, sizeof *list.items, manifest_set_compare);
    return list;
}

static inline struct resource_lookup manifest_set_lookup(struct manifest_set *set)
{
    return (struct resource_lookup){.find = manifest_set_find, .list = manifest_set_list, .set = set};
}

static inline bool manifest_set_add(struct manifest_set *set, const char *file, const char *text)
{
    set->problems.arena = set->arena;
    return manifest_decode(file, text, strlen(text), set->arena, &set->resources, &set->broken, &set->problems);
}

static inline void manifest_set_print(const struct problem_list *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        struct buffer line = {0};
        problem_print(&problems->items[i], &line);
        fprintf(stderr, "    %s [%s]\n", buffer_text(&line), problems->items[i].code);
        buffer_release(&line);
    }
}
