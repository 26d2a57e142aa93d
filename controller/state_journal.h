/* The journal: every commit that is paid, prepares an order or stores a private key, sealed by the sealing key, in another directory than the
 * store's (decisions 20). A backup of yesterday and the journal give back every order and key of today. It holds what came
 * after the oldest backup that is kept.
 *
 *   "certwright-journal 1\n", then for each commit: length (4 bytes, high first) | sealed
 *   sealed: installation 32 | revision 8 | paid 8 | time 8 | rows 4 | each row: put 1 | key size 2 | value size 4 | key | value */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "controller/state_vault.h"

struct journal_row {
    bool put; /* else: delete */
    struct span key, value; /* key as in the store: "order/default/shop/000001" */
};
struct journal_entry {
    char installation[33];
    int64_t revision, paid, time;
    struct journal_row *rows;
    size_t count;
};
struct seal;
struct journal_summary {
    int64_t entries, revision, paid; /* of the last entry */
    char installation[33];           /* of the last entry; "": there is none */
    bool there;
    bool broken; /* it does not end where an entry ends, or one does not open */
};

bool journal_exists(const char *directory);
/* One write, synced; a write that fails is taken back. Fails: STATE. */
bool journal_append(const char *directory, const struct seal *key, const struct journal_entry *entry, struct error *err);
/* Every entry in order, as far as it can be read; what the visitor is given lives during the call. `visit` may be NULL, and
 * returns false to stop. A missing journal is an empty one. Fails: SYSTEM (it cannot be read at all). */
typedef bool journal_visitor(const struct journal_entry *entry, void *arg);
bool journal_read(const char *directory, const struct keyring *ring, journal_visitor *visit, void *arg,
                  struct journal_summary *out, struct error *err);
/* The same of a journal's bytes. */
void journal_read_bytes(struct span bytes, const struct keyring *ring, journal_visitor *visit, void *arg,
                        struct journal_summary *out);
/* The bytes of one entry, appended to `out`, as they stand in the file after the header. Fails: STATE. */
bool journal_frame(const struct journal_entry *entry, const struct seal *key, struct arena *arena, struct buffer *out,
                   struct error *err);
#define JOURNAL_HEADER "certwright-journal 1\n"
#define JOURNAL_ASSOCIATED "certwright journal entry 1" /* what an entry is sealed for */
/* What a trimming that was interrupted left beside it goes away. */
void journal_tidy(const char *directory);
/* Write it anew with only what came after `revision`, sealed by `key`. Fails: STATE, SYSTEM. */
bool journal_trim(const char *directory, const struct keyring *ring, const struct seal *key, int64_t revision,
                  struct error *err);
