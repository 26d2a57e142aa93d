/* The raw store behind state.h: one ordered map from bytes to bytes with snapshots and one synced writer.
 * It knows nothing of tables, seals or revisions. Implemented by state_lmdb.c; only state.c calls it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct error;
struct store;
struct MDB_txn; /* LMDB's own name of a transaction; opaque here */

#define STORE_KEY_MAX 511

/* Whether there is a store in the directory: an empty file counts as none, one that cannot be looked at as a store. */
bool store_exists(const char *directory);
/* `write`: makes the file (0600) if need be. Without it a missing file fails with NOT_FOUND. Fails: STATE,
 * NOT_FOUND. */
struct store *store_open(const char *directory, bool write, size_t map_size, struct error *err);
/* One file, without readers' table or lock: a backup, or one that is just being made (`make`: it must not be there, 0600; room
 * for `map_size` bytes). Nobody else has it open. Fails: STATE. */
struct store *store_open_file(const char *path, bool make, size_t map_size, struct error *err);
void store_close(struct store *store);

/* A transaction; one at a time for writing. What is read lives until it ends. Fails: STATE. */
bool store_begin(struct store *store, bool write, struct MDB_txn **out, struct error *err);
bool store_commit(struct store *store, struct MDB_txn **txn, struct error *err); /* synced; `*txn` is gone either way */
/* Whether the last failure was for want of room: disk, quota or map. */
bool store_lacks_room(const struct store *store);

/* Give back what reading and writing have mapped of the file: it is read again when it is wanted. No transaction may be
 * open. */
void store_relax(struct store *store);

/* Fails: NOT_FOUND, STATE. */
bool store_get(struct store *store, struct MDB_txn *txn, struct span key, struct span *out,
               struct error *err);
bool store_put(struct store *store, struct MDB_txn *txn, struct span key, struct span value,
               struct error *err);
bool store_delete(struct store *store, struct MDB_txn *txn, struct span key,
                  struct error *err); /* absent is fine */
/* In byte order; the visitor returns false to stop, which is no failure. Fails: STATE. */
bool store_scan(struct store *store, struct MDB_txn *txn, struct span prefix,
                bool (*visit)(struct span key, struct span value, void *arg), void *arg, struct error *err);

void store_abort(struct MDB_txn *txn); /* NULL is fine */
static inline void store_txn_release(struct MDB_txn **txn) { store_abort(*txn); }

/* What is used and how much it may become, in bytes; both 0: not known. */
void store_size(const struct store *store, size_t *out_used, size_t *out_most);
/* A larger ceiling; no transaction is open. False: nothing can be begun until the store is opened again. */
bool store_grow(struct store *store, size_t most);
/* Clear slots of readers who were killed: they would keep old pages alive. */
void store_clear_readers(struct store *store);
/* A compacted copy of what is committed, from one snapshot, into an empty file; not synced. Fails: STATE. */
bool store_copy(struct store *store, int fd, struct error *err);
/* Visit every row as store_scan does, and see that each is found by its key, in order, as many as there should be.
 * Fails: STATE. */
bool store_walk(struct store *store, struct MDB_txn *txn, bool (*visit)(struct span key, struct span value, void *arg),
                void *arg, struct error *err);
