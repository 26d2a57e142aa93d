/* The inside of an open store, for state.c (reading and writing) and state_open.c. */
#pragma once

#include "controller/state.h"

struct arena;
struct audit;
struct MDB_txn;
struct seal;
struct store;

#define STATE_SCHEMA_VERSION 1
#define STATE_COUNTERS "counters" /* key in META */

struct state {
    enum state_mode mode;
    struct arena *arena; /* of the strings below */
    const char *directory, *sealing_key_file, *audit_directory, *holder;
    size_t map_size;
    struct store *store; /* NULL: nothing there yet (reading), or closed after a failure */
    struct seal *sealing_key, *data_key;
    struct audit *audit;
    int lock;
    char installation[33];
    int64_t revision, paid;
    bool fresh;
    bool copy_behind; /* the sealed copy could not be written after a paid commit */
    int scans;        /* running now: no commit meanwhile */
    struct MDB_txn *staged; /* written, not yet committed; reads look through it */
    bool staged_paid;
};

/* state.c: the counters' record, as part of a transaction. */
bool state_put_counters(struct state *state, struct MDB_txn *txn, int64_t revision, int64_t paid,
                        struct arena *arena, struct error *err);
/* state_open.c: head, keys and counters of an open store. Fails: NOT_FOUND (no head: nothing was ever
 * committed), STATE. */
bool state_read_head(struct state *state, struct error *err);
bool state_write_copy(struct state *state, struct error *err); /* see state_home.h */
