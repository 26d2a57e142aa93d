/* Guards on what a change of the manifests takes away (reliability.md 8.2, 8.3; decisions 8, 18): many removals at once, a
 * tree that is lost or another one, history that goes back, many reissues at once; and a second look before anything narrower
 * takes effect. What is held stays in force as it was, until a person confirms its digest or the manifests come back. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/operator.h"
#include "schema/resource.h"

struct state;

struct change { /* between the forms in force and what the files say now */
    enum resource_kind kind;
    const char *namespace_, *name;
    const struct resource *was, *is; /* `is` NULL: no file says it any more; `was` NULL, then: it cannot be decoded any more */
    bool narrower;                   /* judged by guard_judge, as the next one */
    struct string_list reissued;     /* ids of certificates that need a reissue by it: itself, or those of an issuer */
    bool held;                       /* given: `was` stays in force */
    bool let_go;                     /* given: a person released it, whatever else could be said against it */
};
struct tree_now {
    const char *lost;          /* why the directory cannot be read; NULL: it was */
    const char *identity;      /* device, inode and repository of the root; "": unknown */
    const char *identity_before; /* as it was when the forms in force came from it; NULL: never noted */
    const char *commit;        /* NULL: no work tree */
    struct string_list commits; /* applied before, newest last */
    size_t in_force[KIND_COUNT]; /* what the files say, and what is gone */
    size_t left;                /* what the files say */
};
struct guard_hold {
    const char *kind;   /* "MassRemoval", "HistoryBack", "MassChange" */
    const char *digest; /* releases it: `certwright confirm DIGEST` */
    const char *words, *human;
    struct string_list subjects; /* ids */
};
struct guard_hold_list {
    struct guard_hold *items;
    size_t count;
};
/* What one process saw when, for the second look; wiped with guard_watch_finish. */
struct guard_watch {
    struct guard_seen *items;
    size_t count;
};
void guard_watch_finish(struct guard_watch *watch);

/* Fills in narrower and reissued of a change, in the arena. An issuer that points at another endpoint leaves behind the
 * certificates that were ordered at the former one; an edit of any other kind needs no reissue. Fails: STATE (the orders cannot be
 * read, so nobody knows which). */
bool guard_judge(const struct operator_config *config, struct state *state, struct arena *arena, struct change *change,
                 struct error *err);
/* Decides what is held. `watch` NULL: typed by a person, no second look. `look_again_ms` 0: no second look is due. */
void guard_changes(const struct operator_config *config, struct state *state, struct guard_watch *watch,
                   const struct tree_now *tree, struct change *changes, size_t count, struct arena *arena,
                   struct guard_hold_list *out, int64_t *out_look_again_ms);
