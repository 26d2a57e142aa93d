/* Shared by the parts of desired.c: files, what they hold, and the rows that remember them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "controller/desired.h"
#include "controller/desired_tree.h"

struct arena;
struct parsed_resource;
struct state;
struct state_batch;

/* One resource in one file. */
struct holding {
    unsigned char kind; /* enum resource_kind */
    bool stale;         /* the file does not say it now; its last good form is kept */
    unsigned line;
    const char *namespace_, *name;
    const unsigned char *digest;
    const struct parsed_resource *parsed; /* as it was just read; NULL: as remembered, or written down at once */
};

enum file_flag {
    FILE_PROBLEMS = 1, /* stored: errors or warnings; decoded each time, so that they are told each time */
    FILE_RACY = 2,     /* stored: so young when it was read that a later change may not show in its times */
    FILE_READ = 4,     /* read just now */
    FILE_DOUBTFUL = 8, /* remembered by another version of this program, which may decode otherwise */
};
#define FILE_STORED (FILE_PROBLEMS | FILE_RACY)

/* Of a file that had to be read. */
struct file_news {
    const struct manifest_file *former; /* as it was remembered; NULL: new */
    const char *refused;                /* why it cannot be opened; NULL: it can */
    struct problem_list problems;
};

/* There may be 100,000 of them: what most never have is in `news`. */
struct manifest_file {
    const char *path; /* as shown */
    struct file_identity identity;
    const unsigned char *content; /* SHA-256 */
    struct holding *holdings;
    struct file_news *news; /* NULL: as remembered */
    unsigned length;        /* of the path */
    unsigned holding_count;
    unsigned flags;
    int seen;   /* round in which it was listed last; -1: never */
    int source; /* index of the directory it was found in; -1: named by itself */
};

/* A row of TABLE_FILE as it was read: a run of files in path order. */
struct file_row {
    const char *key;
    struct span value;
};
struct file_rows {
    struct file_row *items; /* in key order */
    size_t count;
};

/* Read all rows into the arena and give each remembered file to `add`, its path beginning with `root`. Rows
 * that cannot be understood are left out. Fails: STATE (the store cannot be read). */
bool rows_load(struct state *state, const char *root, struct arena *arena, struct file_rows *out,
               void (*add)(struct manifest_file *file, void *arg), void *arg, struct error *err);
/* Put and delete what makes the stored rows say `files` (sorted by path). */
void rows_store(const struct file_rows *rows, struct manifest_file *const *files, size_t count,
                size_t root_length, struct state_batch *batch);

/* Its path for people: names of files are foreign text. */
const char *file_shown(const struct manifest_file *file, struct arena *arena);
uint64_t path_hash(const char *path, size_t length); /* in the host's byte order; never leaves it */
/* The commit that a work tree is at, from .git alone; NULL: no work tree, or not to be told. */
const char *git_commit(const char *directory, struct arena *arena);
/* A digest of where the repository of a work tree was cloned from; NULL: no work tree. */
const char *git_repository(const char *directory, struct arena *arena);
