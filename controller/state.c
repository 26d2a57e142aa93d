/* The door to what is remembered, over the raw store.
 *
 *   raw key            raw value
 *   @head              "certwright-store <schema> <installation>"                       plain
 *   @check             sealing key over the word below: tells another key from damage
 *   @key               sealing key over the store's own data key (32 random bytes)
 *   <table>/<key>      revision (8 bytes, high first) | sealed by the data key
 *   file/, index/      revision (8 bytes, high first) | keyed tag (28 bytes) | plain bytes
 *
 * The keyed tag is a seal around nothing, with the plain bytes among the associated data (GMAC): half the
 * price of an HMAC here, which counts where 10,000 rows are looked at in a pass.
 *
 * Associated data of a value: installation, table, key, schema version, revision (reliability.md 7.3), so
 * that a record moved to another place, or an older one put back under a newer number, does not open.
 * META/counters holds the revision last given out and the count of paid transactions; it is written in
 * every commit. */
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
#include "controller/state_store.h"

#define REVISION_SIZE 8
#define MANY 200 /* in one commit: they are spread over much of the file */
#define TAG_SIZE 28 /* nonce and tag */

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

const char *state_installation(const struct state *state) { return state->installation; }
bool state_writable(const struct state *state) { return state->mode == STATE_WRITE; }
bool state_is_fresh(const struct state *state) { return state->fresh; }
int64_t state_revision(const struct state *state) { return state->revision; }
int64_t state_paid_count(const struct state *state) { return state->paid; }

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

static void put_number(unsigned char *out, int64_t number)
{
    for (int i = 0; i < REVISION_SIZE; i++)
        out[i] = (unsigned char)((uint64_t)number >> (56 - 8 * i));
}

static int64_t get_number(const char *in)
{
    uint64_t number = 0;
    for (int i = 0; i < REVISION_SIZE; i++)
        number = number << 8 | (unsigned char)in[i];
    return (int64_t)number;
}

/* installation | schema | revision | raw key; all but the last of fixed length, so no two places look
 * alike. */
static struct span associated(const struct state *state, struct span raw_key, int64_t revision,
                              struct arena *arena)
{
    size_t length = 32 + 1 + REVISION_SIZE + raw_key.length;
    unsigned char *data = arena_alloc(arena, length);
    memcpy(data, state->installation, 32);
    data[32] = STATE_SCHEMA_VERSION;
    put_number(data + 33, revision);
    memcpy(data + 33 + REVISION_SIZE, raw_key.data, raw_key.length);
    return span_of((char *)data, length);
}

/* The same for an index row, its plain bytes behind. */
static struct span associated_row(const struct state *state, struct span raw_key, int64_t revision,
                                  struct span plain, struct arena *arena)
{
    struct span place = associated(state, raw_key, revision, arena);
    char *all = arena_alloc(arena, place.length + 1 + plain.length); /* a zero parts key and value */
    memcpy(all, place.data, place.length);
    if (plain.length > 0)
        memcpy(all + place.length + 1, plain.data, plain.length);
    return span_of(all, place.length + 1 + plain.length);
}

/* From stored bytes to the value, in the arena (index rows: in place). NOT_FOUND: an index row that is not
 * ours. */
static bool open_value(const struct state *state, struct seal_opener *opener, enum state_table table,
                       struct span raw_key, struct span stored, struct arena *arena, struct span *out, int64_t *out_revision,
                       struct error *err)
{
    if (stored.length < REVISION_SIZE)
        return error_raise(err, is_index(table) ? ERROR_NOT_FOUND : ERROR_STATE,
                           "a record of the store is cut short");
    int64_t revision = get_number(stored.data);
    struct span rest = span_of(stored.data + REVISION_SIZE, stored.length - REVISION_SIZE);
    if (is_index(table)) {
        if (rest.length < TAG_SIZE)
            return error_raise(err, ERROR_NOT_FOUND, "an index row is cut short");
        struct span plain = span_of(rest.data + TAG_SIZE, rest.length - TAG_SIZE), nothing;
        if (!seal_opener_open(opener, associated_row(state, raw_key, revision, plain, arena),
                              span_of(rest.data, TAG_SIZE), arena, &nothing, NULL))
            return error_raise(err, ERROR_NOT_FOUND, "an index row carries a wrong tag");
        *out = plain;
    } else if (!seal_opener_open(opener, associated(state, raw_key, revision, arena), rest, arena, out, err)) {
        return error_raise(
            err, ERROR_STATE,
            "the record %.*s does not open: it was damaged, moved or put back; restore %s from a backup",
            (int)raw_key.length, raw_key.data, state->directory);
    }
    *out_revision = revision;
    return true;
}

static bool close_value(const struct state *state, const struct state_op *op, struct span raw_key,
                        int64_t revision, struct arena *arena, struct span *out, struct error *err)
{
    struct span plain = span_of(op->value, op->length), none = {0}, sealed;
    bool index = is_index(op->table);
    struct span about = index ? associated_row(state, raw_key, revision, plain, arena)
                              : associated(state, raw_key, revision, arena);
    if (!seal_close(state->data_key, about, index ? none : plain, arena, &sealed, err))
        return false;
    size_t more = index ? plain.length : 0;
    unsigned char *data = arena_alloc(arena, REVISION_SIZE + sealed.length + more);
    put_number(data, revision);
    memcpy(data + REVISION_SIZE, sealed.data, sealed.length);
    if (more > 0)
        memcpy(data + REVISION_SIZE + sealed.length, plain.data, more);
    *out = span_of((char *)data, REVISION_SIZE + sealed.length + more);
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

/* The transaction to read in: what is staged, else one of the caller's, ended by the caller. */
static bool begin_read(const struct state *state, struct MDB_txn **own, struct MDB_txn **out, struct error *err)
{
    if (!is_open(state, err) || (state->staged == NULL && !store_begin(state->store, false, own, err)))
        return false;
    *out = state->staged != NULL ? state->staged : *own;
    return true;
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
    AUTO(seal_opener) struct seal_opener *opener = seal_opener_create(state->data_key);
    if (!open_value(state, opener, table, raw.span, stored, arena, &value, &revision, err))
        return false;
    if (is_index(table)) /* these lie in the map, which ends with the transaction */
        value = span_of(arena_memdup(arena, value.data, value.length), value.length);
    *out_value = value;
    if (out_revision != NULL)
        *out_revision = revision;
    return true;
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
    if (!open_value(scan->state, scan->opener, scan->table, key, stored, scan->arena, &value, &revision, &why)) {
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
    AUTO(seal_opener) struct seal_opener *opener = seal_opener_create(state->data_key);
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
        is = stored.length >= REVISION_SIZE ? get_number(stored.data) : -2;
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
    return close_value(state, op, raw.span, revision, arena, &stored, err) &&
           store_put(state->store, txn, raw.span, stored, err);
}

bool state_put_counters(struct state *state, struct MDB_txn *txn, int64_t revision, int64_t paid,
                        struct arena *arena, struct error *err)
{
    char text[120];
    int length = snprintf(text, sizeof text,
                          "{\"revision\":%" PRId64 ",\"paid\":%" PRId64 ",\"time\":%" PRId64 "}", revision,
                          paid, clock_now());
    char key[] = STATE_COUNTERS;
    struct state_op op = {
        .put = true, .table = TABLE_META, .key = key, .value = text, .length = (size_t)length};
    return apply(state, txn, &op, revision, arena, err);
}

static void drop_staged(struct state *state)
{
    store_abort(state->staged);
    state->staged = NULL;
    state->staged_paid = false;
}

/* R6: after a failed commit the environment is not trusted; what is true is what a new one reads. */
static void open_again(struct state *state)
{
    struct error why = {0};
    drop_staged(state);
    store_close(state->store);
    seal_destroy(state->data_key);
    state->data_key = NULL;
    state->store = store_open(state->directory, true, state->map_size, &why);
    if (state->store != NULL && !state_read_head(state, &why)) {
        store_close(state->store);
        state->store = NULL;
    }
    if (state->store == NULL)
        log_event(LOG_ERROR, "the store could not be opened again", "error", why.message, NULL);
}

/* Conditions first, then writes: a conflict leaves the transaction as it was. */
static bool write_batch(struct state *state, const struct state_batch *batch, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    if (state->staged == NULL && !store_begin(state->store, true, &state->staged, err))
        return false;
    for (size_t i = 0; i < batch->count; i++)
        if (!check_must(state, state->staged, &batch->ops[i], err))
            return false;
    for (size_t i = 0; i < batch->count; i++)
        if (!apply(state, state->staged, &batch->ops[i], state->revision + 1, arena, err))
            return false;
    return true;
}

static bool make_durable(struct state *state, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct error why = {0};
    bool paid = state->staged_paid;
    int64_t revision = state->revision + 1, count = state->paid + (paid ? 1 : 0);
    if (!state_put_counters(state, state->staged, revision, count, arena, err) || !store_commit(&state->staged, err)) {
        open_again(state);
        return false;
    }
    state->staged_paid = false;
    state->revision = revision;
    state->paid = count;
    if (paid &&
        !state_write_copy(state, &why)) /* the commit stands: failing now would say something untrue */
        log_event(LOG_ERROR, "the sealed copy of the installation could not be written", "error",
                  why.message, NULL);
    return true;
}

bool state_stage(struct state *state, struct state_batch *batch, bool paid, struct error *err)
{
    struct error why = {0};
    if (state->mode != STATE_WRITE)
        return error_raise(err, ERROR_INTERNAL, "the store is open for reading only");
    if (state->scans > 0)
        return error_raise(err, ERROR_INTERNAL, "nothing is written inside a scan");
    if (!is_open(state, err))
        return false;
    /* A second paid transaction is not begun while the copy knows nothing of the first. */
    if (paid && state->copy_behind && !state_write_copy(state, err))
        return error_prefix(err, "before a paid transaction");
    bool first = state->staged == NULL;
    if (!write_batch(state, batch, &why)) {
        if (err != NULL)
            *err = why;
        if (why.kind != ERROR_CONFLICT)
            open_again(state);
        else if (first)
            drop_staged(state);
        return false;
    }
    state->staged_paid = state->staged_paid || paid;
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

bool state_audit(struct state *state, const char *actor, const char *subject, const char *action,
                 const char *detail, struct error *err)
{
    if (state->audit == NULL)
        return error_raise(err, ERROR_INTERNAL, "the store is open for reading only");
    return audit_append(state->audit, actor, subject, action, detail, err);
}
