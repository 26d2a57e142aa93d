/* The desired set from the inside, for desired.c and desired_force.c. */
#pragma once

#include "controller/desired_read.h"
#include "controller/guard.h"
#include "schema/problem.h"

struct desired {
    struct arena *arena;
    struct reading reading;
    bool given;                   /* by -f: nothing is remembered of files, and nothing is held */
    const char *directory;
    struct manifest_file **files; /* that exist */
    size_t file_count;
    struct desired_entry *entries;     /* sorted */
    const struct resource **resources; /* beside the entries */
    size_t entry_count;
    struct string_list contested; /* keys of TABLE_RESOURCE said more than once, or held as they were */
    struct problem_list problems;
    unsigned char shared[32];
    const char *commit;

    const char *lost;         /* why the directory cannot be opened; NULL: it was read */
    struct tree_now tree;
    struct change *changes;   /* what is gone or narrower than the forms in force */
    size_t change_count;
    struct string_list ghosts; /* keys of TABLE_RESOURCE that no file says and that were held so far */
    struct guard_hold_list holds;
    int64_t look_again_ms;
};

/* The look ends with this failure (the first one), whatever else is found. */
void desired_fail(struct desired *set, const struct error *why);
/* From TABLE_RESOURCE. False: there is none; or the store cannot be read (desired_fail). `*out` NULL: it is there, and cannot be
 * decoded any more. */
bool desired_last_good(struct desired *set, enum resource_kind kind, const char *namespace_, const char *name,
                       struct position position, const struct resource **out);
/* Whether this holding is what its file said when it was remembered. */
bool desired_said_before(const struct manifest_file *file, const struct holding *holding);
bool desired_file_exists(const struct desired *set, const struct manifest_file *file);

void desired_load_ghosts(struct desired *set); /* first */
/* desired_force.c: find what the files take away, have it judged, and keep in force what is held. */
void desired_keep_in_force(struct desired *set, const struct operator_config *config, struct guard_watch *watch);
void desired_remember_force(const struct desired *set, struct state_batch *batch);
