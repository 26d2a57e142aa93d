/* The manifests now on disk. A snapshot is read whole: list, read what changed, list again; a broken file
 * keeps its resources' last good form and is never an absence. Files whose identity (path, inode, size,
 * times) is known are not opened: their rows in TABLE_FILE tell what they hold. What the files take away may be held back: then the
 * form in force stays in the set (guard.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "schema/manifest.h"
#include "schema/reference.h"

struct desired;
struct error;
struct guard_hold;
struct guard_hold_list;
struct guard_watch;
struct operator_config;
struct state;
struct state_batch;

/* Rows about files are kept in TABLE_FILE, last good forms in TABLE_RESOURCE as "<Kind>/<ns>/<name>". A file
 * younger than 2 s when it was read is looked into once more by the next read (as by git's index). What is
 * ignored: desired_ignore.h. Limits: 256 KiB a file, 100,000 files, 512 MiB together (reliability.md 8.1). */
struct desired_entry {
    enum resource_kind kind;
    const char *namespace_, *name;
    unsigned char digest[32];
    bool stale; /* the file is broken now; this is the last good form (no resource: nor is that one valid any more) */
    bool held;  /* a guard holds what the file says, or that none does (file -1); this is the form in force */
    int file;   /* index into the snapshot's files; -1: only the store has it (held) */
    const char *position_file;
};

/* Read the directory (or the files given by -f). `state` may be NULL (no cache, no last good forms).
 * Problems hold everything wrong, in path order. Fails: NOT_FOUND (directory missing), SYSTEM (unreadable,
 * never quiet; never at rest while it was read), MANIFEST (limits): the caller keeps the former set. */
struct desired *desired_read(const struct operator_config *config, const struct string_list *files,
                             struct state *state, struct error *err);
/* The same for a process that goes on looking: what takes something away takes effect at the second look. */
struct desired *desired_read_watched(const struct operator_config *config, const struct string_list *files,
                                     struct state *state, struct guard_watch *watch, struct error *err);
/* What is held back for a person (guard.h), and the hold that names a resource; NULL: none. */
const struct guard_hold_list *desired_holds(const struct desired *desired);
const struct guard_hold *desired_hold_of(const struct desired *desired, enum resource_kind kind,
                                         const char *namespace_, const char *name);
/* When to look again at what was seen once; 0: no need. */
int64_t desired_look_again_ms(const struct desired *desired);
void desired_destroy(struct desired *desired);
const struct problem_list *desired_problems(const struct desired *desired);
size_t desired_count(const struct desired *desired);
size_t desired_file_count(const struct desired *desired);
/* Sorted by kind, namespace, name; NULL past the end. */
const struct desired_entry *desired_at(const struct desired *desired, size_t index);
const struct desired_entry *desired_find(const struct desired *desired, enum resource_kind kind,
                                         const char *namespace_, const char *name);
/* The decoded resource, read on demand and kept for the life of the set. NULL: it cannot be read any more
 * (as if broken). */
const struct resource *desired_resource(struct desired *desired, const struct desired_entry *entry);
/* One digest over everything a certificate may refer to (all other kinds, and what the operator's file opens) and the version of
 * the program: when it is unchanged, what is at rest needs no decision. */
void desired_shared_digest(const struct desired *desired, unsigned char out[32]);
/* For certificate_resolve. */
struct resource_lookup desired_lookup(struct desired *desired);
/* What must be written so that the next read need not decode again, and last good forms are kept. */
void desired_remember(const struct desired *desired, struct state_batch *batch);
/* The Git commit of the tree, if the directory is a work tree (read from .git without running anything);
 * NULL: none. */
const char *desired_commit(const struct desired *desired);
