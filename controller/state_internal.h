/* The inside of an open store, for state.c (reading and writing), state_open.c, state_recover.c, state_crash.c and
 * state_keep.c. */
#pragma once

#include "controller/state.h"
#include "controller/state_home.h"
#include "controller/state_vault.h"

struct arena;
struct audit;
struct error;
struct MDB_txn;
struct store;

#define STATE_RECONCILE "reconcile-only" /* keys in META */
#define STATE_PLACE "place"

/* What was found to be wrong with the store, worst last. */
enum trouble {
    TROUBLE_NONE, TROUBLE_CRASHED, TROUBLE_COPIED, TROUBLE_OLDER, TROUBLE_FOREIGN, TROUBLE_RESTORED, TROUBLE_LOST, TROUBLE_DAMAGED
};

struct state {
    enum state_mode mode;
    struct arena *arena; /* of the strings below */
    const char *directory, *sealing_key_file, *audit_directory, *backup_directory, *holder;
    size_t map_size;
    struct store *store; /* NULL: nothing there yet (reading), or closed after a failure */
    struct keyring ring;
    size_t key; /* the one of the ring that the store is sealed with */
    struct vault vault;
    struct counters counters;
    struct audit *audit;
    struct home_lock lock, audit_lock;
    struct state_trouble reconcile; /* digest NULL: the store is to be trusted */
    const char *told;               /* what opening it did that a person should know; NULL: nothing */
    bool fresh;
    bool copy_behind; /* the sealed copy or the journal could not be written after a commit: a backup makes up for it */
    int scans;        /* running now: no commit meanwhile */
    struct MDB_txn *staged;   /* written, not yet committed; reads look through it */
    struct state_batch *kept; /* all that is in it: for the journal, and for a second try */
    bool staged_paid;
    struct MDB_txn *held; /* a reader's: between state_hold and state_let */
    int holds;
    int failures;     /* commits that failed, in the life of this process */
    int64_t tended_ms, room_at_ms;
    const char *room;        /* in `room_arena` */
    struct arena *room_arena;
};

/* state_open.c */
const struct seal *state_sealing_key(const struct state *state);
bool state_write_copy(struct state *state, struct error *err); /* see state_home.h */
/* Open the file that is there, and read vault, counters and mode from it. Fails: STATE. */
bool state_open_store(struct state *state, struct error *err);
void state_close_store(struct state *state);

struct findings;
struct state *state_begin(const struct state_options *options); /* nothing is opened yet */
bool state_open_with(struct state *state, struct findings *findings, struct error *err);

/* state_keep.c */
bool state_catch_up(struct state *state, struct error *err); /* a backup, then the copy */
void state_finish_rotation(struct state *state);

/* state_recover.c: what the store is worth, and what is done about it. Under both locks, before the store is opened.
 * `out_there`: whether there is a store now. Fails: STATE, SYSTEM. */
struct findings {
    enum trouble trouble;
    const char *words; /* one sentence */
    const char *installation; /* of a store that is made anew; NULL: a new one */
    struct counters known; /* the furthest that copy, journal and audit log know of */
};
bool state_judge_file(struct state *state, struct findings *findings, bool *out_there, struct error *err);
/* The open store against copy, journal, audit log and place. */
bool state_judge_store(struct state *state, struct findings *findings, struct error *err);
/* Take in what the journal knows more, and enter the mode that buys nothing. */
bool state_enter_reconcile(struct state *state, const struct findings *findings, struct error *err);
/* The same judgement for whoever only reads: false with the words when a writer would have to recover first. */
bool state_judge_reader(struct state *state, bool there, struct error *err);
/* Written before a store is put in another's place, removed by state_enter_reconcile: whoever is killed in between is found. */
bool state_mark_recovery(struct state *state, const struct findings *findings, struct error *err);
/* `from` in the present schema, sealed by the key in use, where the store is. Fails: STATE, SYSTEM. */
bool state_put_rewritten(struct state *state, const char *from, struct error *err);

/* state_crash.c: from here on, under the locks, a crash of this process is noted in the state directory. */
void state_crash_watch(struct state *state);
void state_crash_unwatch(struct state *state); /* before the locks go */
/* Whoever held the store crashed three times within ten minutes (reliability.md 7.4): TROUBLE_CRASHED, where nothing worse was
 * found and the store is not in that mode already. */
void state_judge_crashes(struct state *state, struct findings *findings);
void state_crash_forget(struct state *state); /* what was noted is acted upon, or is long past */
