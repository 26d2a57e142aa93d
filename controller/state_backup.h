/* Backups: compacted copies of the store file, in a directory of their own, and the way back. A copy is written beside, synced,
 * walked whole in a child and only then named; the newest seven are kept. They are sealed as the store is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct arena;
struct error;
struct keyring;
struct store;

enum { BACKUPS_KEPT = 7 };

struct backup {
    const char *path, *name;
    int64_t at, revision; /* by its name */
    int64_t bytes;
};
struct backup_list {
    struct backup *items; /* newest first */
    size_t count;
};
/* No directory: none. One that cannot be read is no absence. Fails: SYSTEM. */
bool backup_list(const char *directory, struct arena *arena, struct backup_list *out, struct error *err);
/* Copy an open store; `revision` names the copy. Makes the directory (0700). Fails: STATE, SYSTEM. */
bool backup_make(struct store *store, const char *directory, int64_t revision, const struct keyring *ring,
                 struct arena *arena, const char **out_path, struct error *err);
/* Remove all but the newest, and what killed writers left. */
void backup_prune(const char *directory, size_t keep);

/* Put a copy of `from` where the store of `directory` is: written beside, synced, renamed. Nobody has the store open for
 * writing. Fails: SYSTEM. */
bool backup_put_in_place(const char *from, const char *directory, struct error *err);
/* The same with a file that lies in `directory` already; it is gone afterwards. */
bool store_file_replace(const char *directory, const char *name, struct error *err);
/* Give the store file a second name, which stays when another is put in its place: "<word>-<time>.mdb". Fails: SYSTEM. */
bool store_file_keep(const char *directory, const char *word, struct arena *arena, const char **out_path, struct error *err);
/* Rename the store file out of the way and keep it, under such a name. */
bool store_file_set_aside(const char *directory, const char *word, struct arena *arena, const char **out_path, struct error *err);
#define STORE_FILE_NEXT "data.mdb.new" /* one that is just being made */
