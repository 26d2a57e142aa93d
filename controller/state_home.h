/* What lies around the store: the state directory and its rights, the lock that names its holder, and the
 * sealed copy of {installation, counter} in another directory (reliability.md 4.7, 4.9, 9.4). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct error;
struct keyring;
struct seal;

/* Make the directory (0700) if it is not there; check owner and rights. `may_make` false: a missing one is
 * fine. Before any key is read: whoever is not the owner is told so, not that a file cannot be read. Fails: STATE (rights; the
 * message holds the command that cures), SYSTEM. */
bool home_check(const char *directory, bool may_make, struct error *err);

/* Take a directory: <directory>/lock, where we write who we are, and the directory itself, so that a lock file that was
 * removed or replaced admits nobody. The state directory and the audit directory are both taken: a copy of the one beside the
 * same other one is refused (reliability.md 4.9). Fails: STATE (taken: pid, command, host, since when), SYSTEM. */
struct home_lock {
    int file, directory; /* -1: not held */
};
bool home_lock(const char *directory, const char *command, struct home_lock *out, struct error *err);
void home_unlock(struct home_lock *lock);
/* What tells this state directory from a copy of it: the machine, and the birth of its lock file (where the file system knows
 * no births, its inode). A move within a file system and a restart leave it as it is. */
char *home_place(const struct home_lock *lock, struct arena *arena);

struct home_copy {
    char installation[33];
    int64_t counter, time;
};
bool home_copy_exists(const char *audit_directory); /* one that cannot be looked at counts */
/* Fails: STATE (cannot be opened with this sealing key, or damaged). */
bool home_copy_read(const char *audit_directory, const struct keyring *ring, struct home_copy *out,
                    struct error *err);
/* Remove what a killed writer of the copy left beside it. Under the lock. */
void home_copy_tidy(const char *audit_directory);
/* Written atomically. Fails: SYSTEM. */
bool home_copy_write(const char *audit_directory, const struct seal *key, const struct home_copy *copy,
                     struct error *err);
