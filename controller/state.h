/* The door to what is remembered: records with compare-and-set revisions, ordered scans, one writer. LMDB
 * stands behind it (state_lmdb.c); an etcd can. Values are sealed with table, key and revision as
 * associated data; two index tables are plain with a keyed tag, and never authorise spending. The door is
 * synchronous and caches nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct arena;
struct error;
struct state;
struct state_batch;

enum state_table {
    TABLE_CERTIFICATE, /* <ns>/<name> */
    TABLE_ORDER,       /* <ns>/<name>/<cycle as 6 digits> */
    TABLE_CHALLENGE,   /* <ns>/<name>/<cycle>/<domain> */
    TABLE_LEFTOVER,    /* <ns>/<digest>: made outside, and no other record names it */
    TABLE_REVISION,    /* <ns>/<name>/<number as 6 digits> */
    TABLE_ROLLOUT,     /* <ns>/<name>/<target> */
    TABLE_ISSUER,      /* <ns>/<name> */
    TABLE_BUDGET,      /* <ns>/<issuer>/<period> */
    TABLE_HOLD,        /* <digest> */
    TABLE_EVENT,       /* <sequence as 12 digits> */
    TABLE_RESOURCE,    /* <kind>/<ns>/<name>: last good form of a manifest, canonical JSON */
    TABLE_BLOB,        /* key/<key_id>, csr/…, request/…, cert/<fingerprint>, chain/<fingerprint> */
    TABLE_META,        /* installation, counters */
    TABLE_FILE,        /* plain index: <path> -> file identity, digest, what it holds */
    TABLE_INDEX,       /* plain index: <kind>/<ns>/<name> -> spec digest, phase, due */
    TABLE_COUNT
};
const char *state_table_name(enum state_table table);
bool state_table_parse(const char *name, enum state_table *out);

enum state_mode {
    STATE_READ,  /* beside a writer; nothing is changed. No store there: opens as an empty one, no folder is
                    made */
    STATE_WRITE, /* takes the lock; makes directory, sealing key and store when neither store nor copy
                    exists */
};
struct state_options {
    const char *directory, *sealing_key_file, *audit_directory;
    enum state_mode mode;
    const char *holder; /* "run", "apply": shown to whoever finds the lock taken */
    size_t map_size;    /* 0: 1 GiB ceiling (sparse), and it grows with the store */
    const char *backup_directory; /* NULL: "backups" in the audit directory */
};
/* With STATE_WRITE the file is first walked whole in a child process. A store that is lost, older than what copy, journal or
 * audit log know, another one, copied or damaged is brought back as far as possible (set aside, newest good backup, journal),
 * and then only reconciled: see state_reconcile_only. From then until state_close, a crash of the process is noted beside it.
 * Fails: STATE (locked: the message names the holder's pid, command and since when; key missing or another one;
 * written by a newer program), SYSTEM, CONFIG (rights). */
struct state *state_open(const struct state_options *options, struct error *err);
void state_close(struct state *state);                     /* NULL is fine; releases the lock */
const char *state_installation(const struct state *state); /* 32 hex digits; "" when empty and read-only */
bool state_writable(const struct state *state);            /* opened with STATE_WRITE */
bool state_is_fresh(const struct state *state);            /* made by this very open */
/* Whether there is a store, or anything that remembers one (copy, journal, backup). */
bool state_remembered(const struct state_options *options);
int state_lock_holder(const char *directory, char *out, size_t size); /* pid, and a sentence; 0: nobody */

/* *Reconcile only* (reliability.md 4.7): the store may not know of an order that was paid for, so nothing is bought before a
 * person said so. NULL: it is to be trusted. The texts live as long as the state. */
struct state_trouble {
    const char *digest; /* `certwright confirm DIGEST` releases it */
    const char *why;    /* "damaged", "lost", "older", "foreign", "copied", "restored", "crashed" */
    const char *words;
    int64_t since;
};
const struct state_trouble *state_reconcile_only(const struct state *state);
/* End it: rows for a commit of the caller's; in force when state_released is called after that. */
void state_release(struct state *state, struct state_batch *batch);
void state_released(struct state *state);
const char *state_told(const struct state *state); /* what opening did that a person should know; NULL: nothing */
/* Why nothing new should be begun (disk or map nearly full); NULL: there is room. Lives until the next call. */
const char *state_room(struct state *state);

/* One record. `out_value` is in the arena; `out_revision` (may be NULL) for compare-and-set.
 * Fails: NOT_FOUND, STATE (tag wrong, read error). */
bool state_get(struct state *state, enum state_table table, const char *key, struct arena *arena,
               struct span *out_value, int64_t *out_revision, struct error *err);
/* The same where a record that is not there is no failure: true, and `*out_found` says. For what guards stand on: a store that cannot
 * be read has not said that there is nothing. Fails: STATE. */
bool state_find(struct state *state, enum state_table table, const char *key, struct arena *arena,
                struct span *out_value, bool *out_found, struct error *err);
/* Every record whose key begins with `prefix`, in byte order, from one snapshot. The visitor returns false
 * to stop; what it is given lives during the call only. Fails: STATE. */
typedef bool state_visitor(const char *key, struct span value, int64_t revision, void *arg);
bool state_scan(struct state *state, enum state_table table, const char *prefix, state_visitor *visit,
                void *arg, struct error *err);

/* Between the two, which may nest, a reader (STATE_READ) sees one moment, whatever a writer commits meanwhile: records that
 * belong together fit. Not for long: the writer keeps old pages as long. The writer itself needs none; for it both do
 * nothing. Fails: STATE. */
bool state_hold(struct state *state, struct error *err);
void state_let(struct state *state);

/* A batch: all of it or none, in one synced commit. Values are copied. */
struct state_batch *state_batch_create(void);
void state_batch_destroy(struct state_batch *batch);
bool state_batch_empty(const struct state_batch *batch);
#define STATE_ANY ((int64_t)-1) /* no condition */
/* `must`: the revision the record must have now; 0: must not exist; STATE_ANY. */
void state_put(struct state_batch *batch, enum state_table table, const char *key, struct span value,
               int64_t must);
void state_delete(struct state_batch *batch, enum state_table table, const char *key, int64_t must);
/* Move everything of `from` behind `batch`; `from` is empty afterwards. */
void state_batch_join(struct state_batch *batch, struct state_batch *from);
/* Write a batch without making it durable: reads of this process see it, the next state_commit makes it last
 * with its own batch, in one sync. So what a step brought and the intent of the step after it cost one. Fails
 * as state_commit; after a CONFLICT what was staged before still stands. */
bool state_stage(struct state *state, struct state_batch *batch, bool paid, struct error *err);
/* Commit, with what is staged. `paid` counts the paid transaction (reliability.md 4.7). Paid batches, and those that store a private key, go into
 * the journal as well. After any other failure than CONFLICT the environment was closed and opened again (R6): nothing may be
 * assumed. For want of room the reserve is given up and it is tried once more. Fails: CONFLICT (nothing of this batch was
 * written; what was staged before it is committed), STATE (disk full, I/O). */
bool state_commit(struct state *state, struct state_batch *batch, bool paid, struct error *err);

/* The revision that every record written by the last commit got; it only grows. 0: nothing was ever
 * written. */
int64_t state_revision(const struct state *state);
/* How many paid transactions were committed (reliability.md 4.7): an order has several, so people are told "recorded paid steps",
 * lest they read it as a count of purchases. */
int64_t state_paid_count(const struct state *state);

/* The audit line last written when the store was last committed: its number (0: none) and hash ("": unknown). */
void state_audit_end(const struct state *state, int64_t *out_sequence, char out_hash[65]);

/* Audit: append-only lines with sequence and the hash of the line before, synced with the commit they
 * belong to. Written before a mutation; if it cannot be written the mutation is not made. Fails: STATE. */
bool state_audit(struct state *state, const char *actor, const char *subject, const char *action,
                 const char *detail, struct error *err);
/* Now and then, with no scan running: clears readers that were killed, makes the daily backup, keeps the reserve. Fails: never
 * (it is logged). */
void state_tend(struct state *state);
/* Make a backup now; `out_path` in the arena. Works for a reader, too. Fails: STATE, SYSTEM, NOT_FOUND (no store). */
bool state_backup(struct state *state, struct arena *arena, const char **out_path, struct error *err);
/* Nobody has the store open (the lock is taken here). `file` NULL: the newest good backup. Keeps the store that is there as
 * "damaged-…"; ends in reconcile only. `key_file`: of a backup that was sealed with a former key; NULL. `out_words`: what was
 * done. Fails: STATE, SYSTEM, NOT_FOUND (no good backup). */
bool state_restore(const struct state_options *options, const char *file, const char *key_file, struct arena *arena,
                   const char **out_words, struct error *err);
/* A new sealing key and every record sealed anew (reliability.md 9.3); the former key stays beside as "<file>.<id>".
 * Fails: STATE, SYSTEM. */
bool state_rotate_key(const struct state_options *options, struct arena *arena, const char **out_former_file,
                      struct error *err);

/* Read the audit file from the start; the visitor gets each line (JSON). */
bool audit_read(const char *audit_directory, bool (*visit)(const char *line, void *arg), void *arg,
                struct error *err);
