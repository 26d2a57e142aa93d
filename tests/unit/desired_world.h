/* A tree of manifests of a test's own, read into a set with a store beside it or without one. */
#pragma once

#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "controller/desired.h"
#include "controller/state.h"
#include "schema/contact.h"

#include "check.h"
#include "scratch.h"

static char folder[80], tree[100], paths[3][120];
static struct operator_config config;
static struct state *state;

static inline void fresh_tree(void)
{
    scratch_folder(folder, sizeof folder);
    snprintf(tree, sizeof tree, "%s/manifests", folder);
    CHECK(mkdir(tree, 0700) == 0);
    config = (struct operator_config){.manifests_directory = tree, .removal_count = 5, .removal_percent = 10,
                                      .manifest_limits = MANIFEST_LIMITS_DEFAULT};
}

static inline void close_state(void)
{
    state_close(state);
    state = NULL;
}

static inline void fresh_tree_and_state(void)
{
    struct error err = {0};
    fresh_tree();
    close_state();
    snprintf(paths[0], sizeof paths[0], "%s/state", folder);
    snprintf(paths[1], sizeof paths[1], "%s/key", folder);
    snprintf(paths[2], sizeof paths[2], "%s/audit", folder);
    struct state_options options = {paths[0], paths[1], paths[2], STATE_WRITE, "test", 0, NULL};
    state = state_open(&options, &err);
    CHECK_OK(state != NULL, err);
}

/* Path of a file in the tree; good until the fourth call after. */
static inline const char *in_tree(const char *name)
{
    static char ring[4][256];
    static int next;
    char *path = ring[next++ % 4];
    snprintf(path, sizeof ring[0], "%s/%s", tree, name);
    return path;
}

static inline void write_file(const char *name, const char *text)
{
    FILE *file = fopen(in_tree(name), "we");
    CHECK(file != NULL);
    CHECK(fputs(text, file) >= 0);
    fclose(file);
}

/* A contact of that name, with another digest for another title. */
static inline const char *contact(const char *name, const char *title)
{
    static char ring[4][512];
    static int next;
    char *text = ring[next++ % 4];
    snprintf(
        text, sizeof ring[0],
        "apiVersion: certwright/v1alpha1\nkind: Contact\nmetadata: {name: %s}\nspec:\n  firstName: Petra\n"
        "  lastName: Muster\n  title: %s\n  email: petra@example.com\n  phone: \"+43 1 5550101\"\n",
        name, title);
    return text;
}

static inline struct desired *read_set(void)
{
    struct error err = {0};
    struct desired *set = desired_read(&config, NULL, state, &err);
    CHECK_OK(set != NULL, err);
    return set;
}

/* As the controller does after each look. Gives how many rows were written. */
static inline int64_t remember(const struct desired *set)
{
    struct error err = {0};
    struct state_batch *batch = state_batch_create();
    int64_t before = state_revision(state);
    desired_remember(set, batch);
    CHECK_OK(state_commit(state, batch, false, &err), err);
    state_batch_destroy(batch);
    return state_revision(state) - before;
}

static inline void read_and_remember(void)
{
    struct desired *set = read_set();
    remember(set);
    desired_destroy(set);
}

static inline const struct desired_entry *entry_of(const struct desired *set, const char *name)
{
    return desired_find(set, KIND_CONTACT, "default", name);
}

static inline const char *title_of(struct desired *set, const char *name)
{
    const struct desired_entry *entry = entry_of(set, name);
    const struct resource *resource = entry == NULL ? NULL : desired_resource(set, entry);
    return resource == NULL ? NULL : resource->contact->title;
}

static inline const struct problem *problem_of(const struct desired *set, const char *code)
{
    const struct problem_list *all = desired_problems(set);
    for (size_t i = 0; i < all->count; i++)
        if (text_equal(all->items[i].code, code))
            return &all->items[i];
    return NULL;
}
