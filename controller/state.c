/* The door to what is remembered, over the raw store and its seals (state_vault.h). META/counters holds the revision last given
 * out, the count of paid transactions and the end of the audit log; it is written in every commit. */
#include "controller/state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/seal.h"
#include "base/secret.h"
#include "controller/audit.h"
#include "controller/state_batch.h"
#include "controller/state_internal.h"
#include "controller/state_journal.h"
#include "controller/state_room.h"
#include "controller/state_store.h"

enum {
    FAILURES_MOST = 3,
    MANY = 200, /* in one commit: they are spread over much of the file */
};

static const char *const table_names[] = {
    [TABLE_CERTIFICATE] = "certificate",
    [TABLE_ORDER] = "order",
    [TABLE_CHALLENGE] = "challenge",
    [TABLE_LEFTOVER] = "leftover",
    [TABLE_REVISION] = "revision",
    [TABLE_ROLLOUT] = "rollout",
    [TABLE_ISSUER] = "issuer",
    [TABLE_BUDGET] = "budget",
    [TABLE_HOLD] = "hold",
    [TABLE_EVENT] = "event",
    [TABLE_RESOURCE] = "resource",
    [TABLE_BLOB] = "blob",
    [TABLE_META] = "meta",
    [TABLE_FILE] = "file",
    [TABLE_INDEX] = "index",
};
static_assert(COUNT_OF(table_names) == TABLE_COUNT, "table without a name");

const char *state_table_name(enum state_table table) { return table_names[table]; }

bool state_table_parse(const char *name, enum state_table *out)
{
    for (size_t i = 0; i < TABLE_COUNT; i++)
        if (text_equal(name, table_names[i])) {
            *out = (enum state_table)i;
            return true;
        }
    return false;
}

const char *state_installation(const struct state *state) { return state->vault.installation; }
bool state_writable(const struct state *state) { return state->mode == STATE_WRITE; }
bool state_is_fresh(const struct state *state) { return state->fresh; }
int64_t state_revision(const struct state *state) { return state->counters.revision; }
int64_t state_paid_count(const struct state *state) { return state->counters.paid; }
const char *state_told(const struct state *state) { return state->told; }
const struct state_trouble *state_reconcile_only(const struct state *state)
{
    return state->reconcile.digest != NULL ? &state->reconcile : NULL;
}

void state_release(struct state *state, struct state_batch *batch)
{
    AUTO(arena) struct arena *arena = arena_create();
    const char *place = home_place(&state->lock, arena);
    state_delete(batch, TABLE_META, STATE_RECONCILE, STATE_ANY);
    state_put(batch, TABLE_META, STATE_PLACE, span_of(place, strlen(place)), STATE_ANY); /* this is its place from now on */
}

void state_released(struct state *state)
{
    state->reconcile = (struct state_trouble){0};
    state_crash_forget(state); /* the word given covers these, too */
}

/* ---- one value ---- */

static bool is_index(enum state_table table) { return table == TABLE_FILE || table == TABLE_INDEX; }

struct raw_key {
    char text[STORE_KEY_MAX + 1];
    struct span span;
};
static bool make_key(enum state_table table, const char *key, struct raw_key *out, struct error *err)
{
    int length = snprintf(out->text, sizeof out->text, "%s/%s", table_names[table], key);
    if (length < 0 || length > STORE_KEY_MAX)
        return error_raise(err, ERROR_INTERNAL, "the key of a record is too long: %.80s…", key);
    out->span = span_of(out->text, (size_t)length);
    return true;
}

/* ---- reading ---- */

static bool is_open(const struct state *state, struct error *err)
{
    return state->store != NULL ||
           error_raise(err, ERROR_STATE,
                       "the store in %s was closed after a failed commit and could not be opened again",
                       state->directory);
}

/* The transaction to read in: what is staged or held, else one of the caller's, ended by the caller. */
static bool begin_read(const struct state *state, struct MDB_txn **own, struct MDB_txn **out, struct error *err)
{
    struct MDB_txn *there = state->staged != NULL ? state->staged : state->held;
    if (!is_open(state, err) || (there == NULL && !store_begin(state->store, false, own, err)))
        return false;
    *out = there != NULL ? there : *own;
    return true;
}

bool state_hold(struct state *state, struct error *err)
{
    bool needed = state->mode == STATE_READ && state->store != NULL && state->holds == 0;
    if (needed && !store_begin(state->store, false, &state->held, err))
        return false;
    state->holds++;
    return true;
}

void state_let(struct state *state)
{
    if (--state->holds > 0)
        return;
    store_abort(state->held);
    state->held = NULL;
}

bool state_get(struct state *state, enum state_table table, const char *key, struct arena *arena,
               struct span *out_value, int64_t *out_revision, struct error *err)
{
    struct raw_key raw;
    if (!make_key(table, key, &raw, err))
        return false;
    if (state->store == NULL && state->mode == STATE_READ)
        return error_raise(err, ERROR_NOT_FOUND, "no record %s", raw.text);
    AUTO(store_txn) struct MDB_txn *own = NULL;
    struct MDB_txn *txn;
    struct span stored = {0}, value = {0};
    int64_t revision = 0;
    if (!begin_read(state, &own, &txn, err))
        return false;
    if (!store_get(state->store, txn, raw.span, &stored, err))
        return error_prefix(err, "%s", raw.text);
    AUTO(seal_opener) struct seal_opener *opener = seal_opener_create(state->vault.data_key);
    if (!vault_open_row(&state->vault, opener, raw.span, stored, arena, &value, &revision, err))
        return false;
    if (is_index(table)) /* these lie in the map, which ends with the transaction */
        value = span_of(arena_memdup(arena, value.data, value.length), value.length);
    *out_value = value;
    if (out_revision != NULL)
        *out_revision = revision;
    return true;
}

bool state_find(struct state *state, enum state_table table, const char *key, struct arena *arena,
                struct span *out_value, bool *out_found, struct error *err)
{
    struct error why = {0};
    *out_found = state_get(state, table, key, arena, out_value, NULL, &why);
    if (*out_found || why.kind == ERROR_NOT_FOUND)
        return true;
    if (err != NULL)
        *err = why;
    return false;
}

struct scan {
    struct state *state;
    struct seal_opener *opener;
    enum state_table table;
    state_visitor *visit;
    void *arg;
    struct arena *arena; /* of one record */
    struct error *err;
    bool failed;
};

static bool scan_one(struct span key, struct span stored, void *arg)
{
    struct scan *scan = arg;
    struct span value = {0};
    int64_t revision = 0;
    struct error why = {0};
    char text[STORE_KEY_MAX + 1];
    if (key.length >= sizeof text)
        return true; /* LMDB has none so long */
    memcpy(text, key.data, key.length);
    text[key.length] = '\0';
    arena_reset(scan->arena);
    if (!vault_open_row(&scan->state->vault, scan->opener, key, stored, scan->arena, &value, &revision, &why)) {
        if (why.kind == ERROR_NOT_FOUND)
            return true;
        scan->failed = true;
        if (scan->err != NULL)
            *scan->err = why;
        return false;
    }
    bool more = scan->visit(text + strlen(table_names[scan->table]) + 1, value, revision, scan->arg);
    if (!is_index(scan->table))
        secret_wipe((void *)value.data, value.length);
    return more;
}

bool state_scan(struct state *state, enum state_table table, const char *prefix, state_visitor *visit,
                void *arg, struct error *err)
{
    struct raw_key raw;
    if (state->store == NULL && state->mode == STATE_READ)
        return true;
    AUTO(store_txn) struct MDB_txn *own = NULL;
    struct MDB_txn *txn;
    if (!make_key(table, prefix == NULL ? "" : prefix, &raw, err) || !begin_read(state, &own, &txn, err))
        return false;
    AUTO(arena) struct arena *arena = arena_create();
    AUTO(seal_opener) struct seal_opener *opener = seal_opener_create(state->vault.data_key);
    struct scan scan = {state, opener, table, visit, arg, arena, err, false};
    state->scans++;
    bool done = store_scan(state->store, txn, raw.span, scan_one, &scan, err);
    state->scans--;
    return done && !scan.failed;
}

/* ---- writing ---- */

static bool check_must(struct state *state, struct MDB_txn *txn, const struct state_op *op,
                       struct error *err)
{
    struct raw_key raw;
    struct span stored;
    struct error why = {0};
    if (!make_key(op->table, op->key, &raw, err))
        return false;
    if (op->must == STATE_ANY)
        return true;
    int64_t is = 0;
    if (store_get(state->store, txn, raw.span, &stored, &why))
        is = vault_revision(stored);
    else if (why.kind != ERROR_NOT_FOUND) {
        if (err != NULL)
            *err = why;
        return false;
    }
    return is == op->must || error_raise(err, ERROR_CONFLICT,
                                         "%s has changed meanwhile (revision %" PRId64 ", not %" PRId64 ")",
                                         raw.text, is, op->must);
}

static bool apply(struct state *state, struct MDB_txn *txn, const struct state_op *op, int64_t revision,
                  struct arena *arena, struct error *err)
{
    struct raw_key raw;
    struct span stored;
    arena_reset(arena);
    if (!make_key(op->table, op->key, &raw, err))
        return false;
    if (!op->put)
        return store_delete(state->store, txn, raw.span, err);
    return vault_close_row(&state->vault, raw.span, span_of(op->value, op->length), revision, arena, &stored, err) &&
           store_put(state->store, txn, raw.span, stored, err);
}

static void forget_staged(struct state *state)
{
    store_abort(state->staged);
    state->staged = NULL;
    state->staged_paid = false;
    if (state->kept != NULL)
        state_batch_destroy(state->kept);
    state->kept = NULL;
}

/* R6: after a failed commit the environment is not trusted; what is true is what a new one reads. */
static void open_again(struct state *state)
{
    struct error why = {0};
    int64_t journal = state->counters.journal;
    state_close_store(state);
    if (!state_open_store(state, &why))
        log_event(LOG_ERROR, "the store could not be opened again", "error", why.message, NULL);
    else if (state->counters.journal > journal) /* the commit is there after all, and the journal has nothing of it */
        state->copy_behind = true;
}

/* After a failure. Want of room leaves the old store whole, and space was put by for this: what is open can still be closed.
 * Everything else is not tried again in the life of this process. */
static bool made_room(struct state *state)
{
    int64_t revision = state->counters.revision;
    bool room = (store_lacks_room(state->store) || room_exhausted(state->directory)) && ++state->failures < FAILURES_MOST;
    open_again(state);
    if (!room || state->store == NULL || state->counters.revision != revision || !room_release(state->directory))
        return false;
    log_event(LOG_ERROR, "no space for a commit: the reserve is used up now", "directory", state->directory, NULL);
    return true;
}

/* A ceiling that was not chosen is raised before it is reached; no transaction is open. */
static void grow(struct state *state)
{
    size_t used, most;
    store_size(state->store, &used, &most);
    if (state->map_size == 0 && used > most / 2)
        store_grow(state->store, most * 2);
}

/* Conditions first, then writes: a conflict leaves the transaction as it was. `judge` false: they held when it was written the
 * first time, on the same revision. */
static bool write_batch(struct state *state, const struct state_batch *batch, bool judge, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    if (state->staged == NULL)
        grow(state);
    if (state->staged == NULL && !store_begin(state->store, true, &state->staged, err))
        return false;
    for (size_t i = 0; judge && i < batch->count; i++)
        if (!check_must(state, state->staged, &batch->ops[i], err))
            return false;
    for (size_t i = 0; i < batch->count; i++)
        if (!apply(state, state->staged, &batch->ops[i], state->counters.revision + 1, arena, err))
            return false;
    return true;
}

/* ---- the journal ---- */

/* What is paid, every key, and every order that was prepared: what it counts in the budget and which cycle of its certificate it
 * is stand nowhere else. */
static bool belongs_in_journal(const struct state_batch *batch, bool paid)
{
    for (size_t i = 0; batch != NULL && i < batch->count && !paid; i++) {
        const struct state_op *op = &batch->ops[i];
        paid = op->put && op->table == TABLE_BLOB && (text_has_prefix(op->key, "key/") || text_has_prefix(op->key, "request/"));
    }
    return paid;
}

static bool write_journal(struct state *state, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    const struct state_batch *batch = state->kept;
    size_t most = batch != NULL ? batch->count : 0;
    struct journal_entry entry = {.revision = state->counters.revision, .paid = state->counters.paid,
                                  .time = state->counters.time, .rows = arena_array(arena, most, sizeof *entry.rows)};
    memcpy(entry.installation, state->vault.installation, sizeof entry.installation);
    for (size_t i = 0; i < most; i++) {
        const struct state_op *op = &batch->ops[i];
        struct raw_key *raw = arena_alloc(arena, sizeof *raw);
        if (is_index(op->table) || op->table == TABLE_EVENT || !make_key(op->table, op->key, raw, err))
            continue;
        entry.rows[entry.count++] = (struct journal_row){op->put, raw->span, span_of(op->value, op->length)};
    }
    return journal_append(state->audit_directory, state_sealing_key(state), &entry, err);
}

/* ---- staging and committing ---- */

bool state_stage(struct state *state, struct state_batch *batch, bool paid, struct error *err)
{
    struct error why = {0};
    if (state->mode != STATE_WRITE)
        return error_raise(err, ERROR_INTERNAL, "the store is open for reading only");
    if (state->scans > 0)
        return error_raise(err, ERROR_INTERNAL, "nothing is written inside a scan");
    if (!is_open(state, err))
        return false;
    /* A second paid transaction is not begun while copy and journal know nothing of the first. */
    if (state->copy_behind && belongs_in_journal(batch, paid) && !state_catch_up(state, err))
        return error_prefix(err, "before a paid transaction");
    bool first = state->staged == NULL;
    if (!write_batch(state, batch, true, &why)) {
        bool again = why.kind != ERROR_CONFLICT && made_room(state) &&
                     (state->kept == NULL || write_batch(state, state->kept, false, &why)) &&
                     write_batch(state, batch, true, &why);
        if (!again && why.kind != ERROR_CONFLICT)
            open_again(state);
        if (!again && (first || why.kind != ERROR_CONFLICT))
            forget_staged(state);
        if (!again) {
            if (err != NULL)
                *err = why;
            return false;
        }
    }
    if (state->kept == NULL)
        state->kept = state_batch_create();
    state_batch_append(state->kept, batch);
    state->staged_paid = state->staged_paid || paid;
    return true;
}

static bool commit_staged(struct state *state, const struct counters *counters, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    return vault_write_counters(&state->vault, state->store, state->staged, counters, arena, err) &&
           store_commit(state->store, &state->staged, err);
}

static bool make_durable(struct state *state, struct error *err)
{
    struct error why = {0};
    bool paid = state->staged_paid, journal = belongs_in_journal(state->kept, paid);
    struct counters counters = state->counters;
    counters.revision++;
    counters.paid += paid;
    counters.time = clock_now();
    counters.journal = journal ? counters.revision : counters.journal;
    counters.audit = audit_sequence(state->audit);
    audit_last_hash(state->audit, counters.audit_hash);
    bool done = commit_staged(state, &counters, &why) ||
                (made_room(state) && (state->kept == NULL || write_batch(state, state->kept, false, &why)) &&
                 commit_staged(state, &counters, &why));
    if (!done) {
        if (err != NULL)
            *err = why;
        forget_staged(state);
        open_again(state);
        return false;
    }
    state->counters = counters;
    if (journal && (!write_journal(state, &why) || (paid && !state_write_copy(state, &why)))) {
        state->copy_behind = true; /* the commit stands: failing now would say something untrue */
        log_event(LOG_ERROR, "the journal or the sealed copy of the installation could not be written", "error",
                  why.message, NULL);
    }
    forget_staged(state);
    return true;
}

bool state_commit(struct state *state, struct state_batch *batch, bool paid, struct error *err)
{
    if (!is_open(state, err) || (state->audit != NULL && !audit_sync(state->audit, err)))
        return false;
    if ((batch->count > 0 || paid) && !state_stage(state, batch, paid, err)) {
        if (state->staged != NULL)
            make_durable(state, NULL);
        return false;
    }
    if (state->staged != NULL && !make_durable(state, err))
        return false;
    if (batch->count >= MANY)
        store_relax(state->store);
    return true;
}

void state_audit_end(const struct state *state, int64_t *out_sequence, char out_hash[65])
{
    *out_sequence = state->counters.audit;
    memcpy(out_hash, state->counters.audit_hash, sizeof state->counters.audit_hash);
}

bool state_audit(struct state *state, const char *actor, const char *subject, const char *action,
                 const char *detail, struct error *err)
{
    if (state->audit == NULL)
        return error_raise(err, ERROR_INTERNAL, "the store is open for reading only");
    return audit_append(state->audit, state->counters.revision, actor, subject, action, detail, err);
}
