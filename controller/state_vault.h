/* How the rows of one store file are sealed, whoever reads them: the controller, the check in a child, a backup, a migration.
 *
 *   raw key            raw value
 *   @head              "certwright-store <schema> <installation>"                       plain
 *   @check             sealing key over a known word: tells another key from damage
 *   @key               sealing key over the store's own data key (32 random bytes)
 *   <table>/<key>      revision (8 bytes, high first) | sealed by the data key
 *   file/, index/      revision (8 bytes, high first) | keyed tag (28 bytes) | plain bytes
 *
 * The keyed tag is a seal around nothing, with the plain bytes among the associated data (GMAC): half the price of an HMAC
 * here, which counts where 10,000 rows are looked at in a pass. Associated data of a value: installation, schema version,
 * revision, raw key (reliability.md 7.3), so that a record moved to another place, or an older one put back under a newer
 * number, does not open. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct arena;
struct error;
struct MDB_txn;
struct seal;
struct seal_opener;
struct store;

#define STATE_SCHEMA_VERSION 2 /* 1: the check row did not tell its schema, the counters not the audit log's end */
#define VAULT_COUNTERS "meta/counters"

struct vault {
    char installation[33];
    int schema;
    struct seal *data_key;
};
enum vault_verdict {
    VAULT_GOOD,
    VAULT_EMPTY,     /* no rows at all: nothing was ever committed */
    VAULT_WRONG_KEY, /* neither its check nor its data key opens */
    VAULT_NEWER,     /* a later schema than this program's */
    VAULT_DAMAGED,
    VAULT_UNCHECKED, /* this host did not let us look (processes, memory, rights): nothing is known */
};

/* The keys that may open a store of ours: the sealing key, one that a rotation is just putting in its place, former ones. */
#define KEYRING_MOST 16
struct keyring {
    struct seal *keys[KEYRING_MOST];
    const char *files[KEYRING_MOST];
    size_t count; /* 0: there is no key file */
};
/* Read the key file, "<file>.new" and "<file>.<id>" beside it, in this order. A missing key file with a ".new" one is the
 * crash between two renames, and fine. Fails: CONFIG. */
bool keyring_load(struct keyring *ring, const char *file, struct arena *arena, struct error *err);
void keyring_release(struct keyring *ring);
/* Open what one of the keys sealed. Fails: STATE. */
bool keyring_open(const struct keyring *ring, struct span associated, struct span sealed, struct arena *arena,
                  struct span *out, struct error *err);
/* 16 hex digits that name a key and tell nothing of it. */
const char *key_id(const struct seal *key, struct arena *arena);

/* Read head, check and data key. `out_key` (may be NULL) gets the index in the ring. `words` says what is wrong.
 * Nothing but GOOD fills `out`; vault_finish undoes it. */
enum vault_verdict vault_read(struct vault *out, struct store *store, struct MDB_txn *txn, const struct keyring *ring,
                              size_t *out_key, char *words, size_t size);
/* Write the first three rows with a new data key. Fails: STATE. */
bool vault_create(struct vault *out, const char *installation, struct store *store, struct MDB_txn *txn,
                  const struct seal *sealing_key, struct error *err);
void vault_finish(struct vault *vault);

bool vault_is_head(struct span raw_key);  /* @… */
bool vault_is_index(struct span raw_key); /* file/…, index/… */
/* From stored bytes to the value, in the arena (index rows: in place). Fails: STATE; NOT_FOUND: an index row that is not ours. */
bool vault_open_row(const struct vault *vault, struct seal_opener *opener, struct span raw_key, struct span stored,
                    struct arena *arena, struct span *out, int64_t *out_revision, struct error *err);
bool vault_close_row(const struct vault *vault, struct span raw_key, struct span plain, int64_t revision,
                     struct arena *arena, struct span *out, struct error *err);
int64_t vault_revision(struct span stored); /* of a stored row; -2: cut short */

struct counters {
    int64_t revision, paid, time;
    int64_t journal;     /* revision of the last commit that belongs into the journal */
    int64_t audit;       /* sequence of the last audit line at that commit */
    char audit_hash[65]; /* and its hash, "" before there was one */
};
/* Fails: STATE. */
bool vault_read_counters(const struct vault *vault, struct store *store, struct MDB_txn *txn, struct counters *out,
                         struct error *err);
bool vault_write_counters(const struct vault *vault, struct store *store, struct MDB_txn *txn,
                          const struct counters *counters, struct arena *arena, struct error *err);
