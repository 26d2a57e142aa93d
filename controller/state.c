/* The door to what is remembered, over the raw store.
 *
 *   raw key            raw value
 *   @head              "certwright-store <schema> <installation>"                       plain
 *   @check             sealing key over the word below: tells another key from damage
 *   @key               sealing key over the store's own data key (32 random bytes)
 *   <table>/<key>      revision (8 bytes, high first) | sealed by the data key
 *   file/, index/      revision (8 bytes, high first) | keyed tag (28 bytes) | plain bytes
 *
 * The keyed tag is a seal around nothing, with the plain bytes among the associated data (GMAC): half the price of an
 * HMAC here, which counts where 10,000 rows are looked at in a pass.
 *
 * Associated data of a value: installation, table, key, schema version, revision (reliability.md 7.3), so that a record
 * moved to another place, or an older one put back under a newer number, does not open. META/counters holds the
 * revision last given out and the count of paid transactions; it is written in every commit. */
#include "controller/state.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/seal.h"
#include "base/secret.h"
#include "controller/audit.h"
#include "controller/state_batch.h"
#include "controller/state_home.h"
#include "controller/state_store.h"

#define SCHEMA_VERSION 1
#define REVISION_SIZE 8
#define TAG_SIZE 28 /* nonce and tag */
#define COUNTERS "counters"

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
};

static const char *const table_names[] = {
    [TABLE_CERTIFICATE] = "certificate", [TABLE_ORDER] = "order",     [TABLE_CHALLENGE] = "challenge",
    [TABLE_REVISION] = "revision",       [TABLE_ROLLOUT] = "rollout", [TABLE_ISSUER] = "issuer",
    [TABLE_FOREIGN] = "foreign",         [TABLE_BUDGET] = "budget",   [TABLE_HOLD] = "hold",
    [TABLE_EVENT] = "event",             [TABLE_RESOURCE] = "resource", [TABLE_BLOB] = "blob",
    [TABLE_META] = "meta",               [TABLE_FILE] = "file",       [TABLE_INDEX] = "index",
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

/* installation | schema | revision | raw key; all but the last of fixed length, so no two places look alike. */
static struct span associated(const struct state *state, struct span raw_key, int64_t revision, struct arena *arena)
{
    size_t length = 32 + 1 + REVISION_SIZE + raw_key.length;
    unsigned char *data = arena_alloc(arena, length);
    memcpy(data, state->installation, 32);
    data[32] = SCHEMA_VERSION;
    put_number(data + 33, revision);
    memcpy(data + 33 + REVISION_SIZE, raw_key.data, raw_key.length);
    return span_of((char *)data, length);
}

/* The same for an index row, its plain bytes behind. */
static struct span associated_row(const struct state *state, struct span raw_key, int64_t revision, struct span plain,
                                  struct arena *arena)
{
    struct span place = associated(state, raw_key, revision, arena);
    char *all = arena_alloc(arena, place.length + 1 + plain.length); /* a zero parts key and value */
    memcpy(all, place.data, place.length);
    if (plain.length > 0)
        memcpy(all + place.length + 1, plain.data, plain.length);
    return span_of(all, place.length + 1 + plain.length);
}

/* From stored bytes to the value, in the arena (index rows: in place). NOT_FOUND: an index row that is not ours. */
static bool open_value(const struct state *state, enum state_table table, struct span raw_key, struct span stored,
                       struct arena *arena, struct span *out, int64_t *out_revision, struct error *err)
{
    if (stored.length < REVISION_SIZE)
        return error_raise(err, is_index(table) ? ERROR_NOT_FOUND : ERROR_STATE, "a record of the store is cut short");
    int64_t revision = get_number(stored.data);
    struct span rest = span_of(stored.data + REVISION_SIZE, stored.length - REVISION_SIZE);
    if (is_index(table)) {
        if (rest.length < TAG_SIZE)
            return error_raise(err, ERROR_NOT_FOUND, "an index row is cut short");
        struct span plain = span_of(rest.data + TAG_SIZE, rest.length - TAG_SIZE), nothing;
        if (!seal_open(state->data_key, associated_row(state, raw_key, revision, plain, arena),
                       span_of(rest.data, TAG_SIZE), arena, &nothing, NULL))
            return error_raise(err, ERROR_NOT_FOUND, "an index row carries a wrong tag");
        *out = plain;
    } else if (!seal_open(state->data_key, associated(state, raw_key, revision, arena), rest, arena, out, err)) {
        return error_raise(err, ERROR_STATE,
                           "the record %.*s does not open: it was damaged, moved or put back; restore %s from a backup",
                           (int)raw_key.length, raw_key.data, state->directory);
    }
    *out_revision = revision;
    return true;
}

static bool close_value(const struct state *state, const struct state_op *op, struct span raw_key, int64_t revision,
                        struct arena *arena, struct span *out, struct error *err)
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
           error_raise(err, ERROR_STATE, "the store in %s was closed after a failed commit and could not be opened again",
                       state->directory);
}

bool state_get(struct state *state, enum state_table table, const char *key, struct arena *arena, struct span *out_value,
               int64_t *out_revision, struct error *err)
{
    struct raw_key raw;
    if (!make_key(table, key, &raw, err))
        return false;
    if (state->store == NULL && state->mode == STATE_READ)
        return error_raise(err, ERROR_NOT_FOUND, "no record %s", raw.text);
    AUTO(store_txn) struct MDB_txn *txn = NULL;
    struct span stored, value;
    int64_t revision;
    if (!is_open(state, err) || !store_begin(state->store, false, &txn, err))
        return false;
    if (!store_get(state->store, txn, raw.span, &stored, err))
        return error_prefix(err, "%s", raw.text);
    if (!open_value(state, table, raw.span, stored, arena, &value, &revision, err))
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
    struct span value;
    int64_t revision;
    struct error why = {0};
    char text[STORE_KEY_MAX + 1];
    if (key.length >= sizeof text)
        return true; /* LMDB has none so long */
    memcpy(text, key.data, key.length);
    text[key.length] = '\0';
    arena_reset(scan->arena);
    if (!open_value(scan->state, scan->table, key, stored, scan->arena, &value, &revision, &why)) {
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

bool state_scan(struct state *state, enum state_table table, const char *prefix, state_visitor *visit, void *arg,
                struct error *err)
{
    struct raw_key raw;
    if (state->store == NULL && state->mode == STATE_READ)
        return true;
    if (!is_open(state, err) || !make_key(table, prefix == NULL ? "" : prefix, &raw, err))
        return false;
    AUTO(store_txn) struct MDB_txn *txn = NULL;
    if (!store_begin(state->store, false, &txn, err))
        return false;
    AUTO(arena) struct arena *arena = arena_create();
    struct scan scan = {state, table, visit, arg, arena, err, false};
    state->scans++;
    bool done = store_scan(state->store, txn, raw.span, scan_one, &scan, err);
    state->scans--;
    return done && !scan.failed;
}

/* ---- writing ---- */

static bool check_must(struct state *state, struct MDB_txn *txn, const struct state_op *op, struct error *err)
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
    return is == op->must || error_raise(err, ERROR_CONFLICT, "%s has changed meanwhile (revision %" PRId64 ", not %" PRId64 ")",
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

static bool put_counters(struct state *state, struct MDB_txn *txn, int64_t revision, int64_t paid, struct arena *arena,
                         struct error *err)
{
    char text[120];
    int length = snprintf(text, sizeof text, "{\"revision\":%" PRId64 ",\"paid\":%" PRId64 ",\"time\":%" PRId64 "}",
                          revision, paid, clock_now());
    char key[] = COUNTERS;
    struct state_op op = {.put = true, .table = TABLE_META, .key = key, .value = text, .length = (size_t)length};
    return apply(state, txn, &op, revision, arena, err);
}

static bool write_batch(struct state *state, const struct state_batch *batch, int64_t revision, int64_t paid,
                        struct error *err)
{
    AUTO(store_txn) struct MDB_txn *txn = NULL;
    AUTO(arena) struct arena *arena = arena_create();
    if (!store_begin(state->store, true, &txn, err))
        return false;
    for (size_t i = 0; i < batch->count; i++)
        if (!check_must(state, txn, &batch->ops[i], err))
            return false;
    for (size_t i = 0; i < batch->count; i++)
        if (!apply(state, txn, &batch->ops[i], revision, arena, err))
            return false;
    return put_counters(state, txn, revision, paid, arena, err) && store_commit(&txn, err);
}

static bool write_copy(struct state *state, struct error *err)
{
    struct home_copy copy = {.counter = state->paid, .time = clock_now()};
    memcpy(copy.installation, state->installation, sizeof copy.installation);
    state->copy_behind = !home_copy_write(state->audit_directory, state->sealing_key, &copy, err);
    return !state->copy_behind;
}

static bool read_store(struct state *state, struct error *err);

/* R6: after a failed commit the environment is not trusted; what is true is what a new one reads. */
static void open_again(struct state *state)
{
    struct error why = {0};
    store_close(state->store);
    seal_destroy(state->data_key);
    state->data_key = NULL;
    state->store = store_open(state->directory, true, state->map_size, &why);
    if (state->store != NULL && !read_store(state, &why)) {
        store_close(state->store);
        state->store = NULL;
    }
    if (state->store == NULL)
        log_event(LOG_ERROR, "the store could not be opened again", "error", why.message, NULL);
}

bool state_commit(struct state *state, struct state_batch *batch, bool paid, struct error *err)
{
    struct error why = {0};
    if (state->mode != STATE_WRITE)
        return error_raise(err, ERROR_INTERNAL, "the store is open for reading only");
    if (state->scans > 0)
        return error_raise(err, ERROR_INTERNAL, "no commit inside a scan");
    if (!is_open(state, err) || !audit_sync(state->audit, err))
        return false;
    if (batch->count == 0 && !paid)
        return true;
    /* A second paid transaction is not begun while the copy knows nothing of the first. */
    if (paid && state->copy_behind && !write_copy(state, err))
        return error_prefix(err, "before a paid transaction");
    int64_t revision = state->revision + 1, count = state->paid + (paid ? 1 : 0);
    if (!write_batch(state, batch, revision, count, &why)) {
        if (err != NULL)
            *err = why;
        if (why.kind != ERROR_CONFLICT)
            open_again(state);
        return false;
    }
    state->revision = revision;
    state->paid = count;
    if (paid && !write_copy(state, &why)) /* the commit stands: failing now would say something untrue */
        log_event(LOG_ERROR, "the sealed copy of the installation could not be written", "error", why.message, NULL);
    return true;
}

bool state_audit(struct state *state, const char *actor, const char *subject, const char *action, const char *detail,
                 struct error *err)
{
    if (state->audit == NULL)
        return error_raise(err, ERROR_INTERNAL, "the store is open for reading only");
    return audit_append(state->audit, actor, subject, action, detail, err);
}

/* ---- opening ---- */

static const struct span head_key = {"@head", 5}, check_key = {"@check", 6}, wrapped_key = {"@key", 4};
static const char head_word[] = "certwright-store", check_word[] = "this is the sealing key";

static struct span wrap_associated(const struct state *state, const char *use, struct arena *arena)
{
    const char *text = arena_printf(arena, "certwright %s %s", use, state->installation);
    return span_of(text, strlen(text));
}

static bool unwrap(struct state *state, struct MDB_txn *txn, struct arena *arena, struct error *err)
{
    struct span sealed, plain;
    if (!store_get(state->store, txn, check_key, &sealed, err))
        return error_raise(err, ERROR_STATE, "the store in %s lacks its check value: restore it from a backup", state->directory);
    if (!seal_open(state->sealing_key, wrap_associated(state, "check", arena), sealed, arena, &plain, err))
        return error_raise(err, ERROR_STATE, "%s is not the sealing key of the store in %s; put the right key there",
                           state->sealing_key_file, state->directory);
    if (!store_get(state->store, txn, wrapped_key, &sealed, err) ||
        !seal_open(state->sealing_key, wrap_associated(state, "data key", arena), sealed, arena, &plain, err) ||
        plain.length != 32)
        return error_raise(err, ERROR_STATE, "the store's own key in %s is damaged: restore it from a backup", state->directory);
    state->data_key = seal_from_bytes((const unsigned char *)plain.data);
    secret_wipe((void *)plain.data, plain.length);
    return true;
}

static bool read_counters(struct state *state, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct span value;
    if (!state_get(state, TABLE_META, COUNTERS, arena, &value, NULL, err))
        return error_raise(err, ERROR_STATE, "the counters of the store in %s do not open: restore it from a backup",
                           state->directory);
    AUTO(json) struct json *document = json_parse(value.data, value.length, err);
    int64_t revision, paid;
    if (!json_int(json_member(document, "revision"), &revision) || !json_int(json_member(document, "paid"), &paid))
        return error_raise(err, ERROR_STATE, "the store's counters cannot be read");
    state->revision = revision;
    state->paid = paid;
    return true;
}

static bool read_store(struct state *state, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    AUTO(store_txn) struct MDB_txn *txn = NULL;
    struct span head;
    int schema;
    char installation[33];
    if (!store_begin(state->store, false, &txn, err) || !store_get(state->store, txn, head_key, &head, err))
        return false;
    const char *text = arena_strndup(arena, head.data, head.length);
    char word[32];
    if (sscanf(text, "%31s %d", word, &schema) != 2 || strcmp(word, head_word) != 0)
        return error_raise(err, ERROR_STATE, "%s does not hold a certwright store", state->directory);
    if (schema > SCHEMA_VERSION)
        return error_raise(err, ERROR_STATE, "the store in %s was written by a newer certwright (schema %d; this one knows %d)",
                           state->directory, schema, SCHEMA_VERSION);
    if (schema < 1 || sscanf(text, "%*s %*d %32[0-9a-f]", installation) != 1 || strlen(installation) != 32)
        return error_raise(err, ERROR_STATE, "the head of the store in %s is damaged: restore it from a backup", state->directory);
    memcpy(state->installation, installation, sizeof installation);
    if (!unwrap(state, txn, arena, err))
        return false;
    return read_counters(state, err);
}

static bool put_wrapped(struct state *state, struct MDB_txn *txn, struct span key, const char *use, struct span plain,
                        struct arena *arena, struct error *err)
{
    struct span sealed;
    return seal_close(state->sealing_key, wrap_associated(state, use, arena), plain, arena, &sealed, err) &&
           store_put(state->store, txn, key, sealed, err);
}

static bool saw_any(struct span key, struct span value, void *arg)
{
    (void)key;
    (void)value;
    *(bool *)arg = true;
    return false;
}

/* A tree that holds something, but not our head, is somebody else's. */
static bool is_empty(struct state *state, struct MDB_txn *txn, struct error *err)
{
    bool any = false;
    return store_scan(state->store, txn, span_of("", 0), saw_any, &any, err) &&
           (!any || error_raise(err, ERROR_STATE, "%s does not hold a certwright store", state->directory));
}

/* The first rows of a new store, all in one transaction: a crash before it leaves an empty tree, which is begun anew. */
static bool make_store(struct state *state, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    AUTO(store_txn) struct MDB_txn *txn = NULL;
    unsigned char identity[16], key[32];
    random_bytes(identity, sizeof identity);
    random_bytes(key, sizeof key);
    memcpy(state->installation, text_hex(arena, identity, sizeof identity), 33);
    state->data_key = seal_from_bytes(key);
    const char *head = arena_printf(arena, "%s %d %s", head_word, SCHEMA_VERSION, state->installation);
    AUTO(arena) struct arena *scratch = arena_create();
    bool made = store_begin(state->store, true, &txn, err) && is_empty(state, txn, err) &&
                store_put(state->store, txn, head_key, span_of(head, strlen(head)), err) &&
                put_wrapped(state, txn, check_key, "check", span_of(check_word, sizeof check_word - 1), arena, err) &&
                put_wrapped(state, txn, wrapped_key, "data key", span_of((char *)key, sizeof key), arena, err) &&
                put_counters(state, txn, 0, 0, scratch, err) && store_commit(&txn, err);
    secret_wipe(key, sizeof key);
    state->fresh = made;
    return made;
}

static bool load_key(struct state *state, bool store_there, bool copy_there, struct error *err)
{
    struct error why = {0};
    state->sealing_key = seal_load(state->sealing_key_file, &why);
    if (state->sealing_key != NULL)
        return true;
    if (why.kind != ERROR_NOT_FOUND) {
        if (err != NULL)
            *err = why;
        return false;
    }
    if (store_there || copy_there)
        return error_raise(err, ERROR_STATE,
                           "the sealing key %s is missing, but %s%s was sealed with it; put the key back from its backup",
                           state->sealing_key_file, store_there ? "the store in " : "the copy in ",
                           store_there ? state->directory : state->audit_directory);
    if (state->mode != STATE_WRITE)
        return true;
    state->sealing_key = seal_make(state->sealing_key_file, err);
    if (state->sealing_key == NULL)
        return false;
    log_event(LOG_WARN, "made a new sealing key: back it up, the store cannot be read without it", "file",
              state->sealing_key_file, NULL);
    return true;
}

/* reliability.md 4.7: a lost store, an older one, another one. Until such a store can be reconciled, nothing is done. */
static bool compare_copy(struct state *state, bool store_there, struct error *err)
{
    struct home_copy copy;
    struct error why = {0};
    AUTO(arena) struct arena *arena = arena_create();
    if (!home_copy_exists(state->audit_directory)) {
        state->copy_behind = state->paid > 0;
        return true;
    }
    if (!home_copy_read(state->audit_directory, state->sealing_key, &copy, &why)) {
        if (state->mode == STATE_READ && why.kind == ERROR_SYSTEM)
            return true;
        if (err != NULL)
            *err = why;
        return false;
    }
    const char *cure = "restore the newest backup, or, if you know that nothing was bought since, move installation.seal away";
    if (!store_there)
        return error_raise(err, ERROR_STATE,
                           "the store in %s is missing, but %s remembers %" PRId64 " paid transactions until %s: %s",
                           state->directory, state->audit_directory, copy.counter, clock_rfc3339(arena, copy.time), cure);
    if (strcmp(copy.installation, state->installation) != 0)
        return error_raise(err, ERROR_STATE, "the store in %s is of another installation than the copy in %s: %s",
                           state->directory, state->audit_directory, cure);
    if (copy.counter > state->paid)
        return error_raise(err, ERROR_STATE,
                           "the store in %s is older than the copy in %s (%" PRId64 " paid transactions, not %" PRId64 "): %s",
                           state->directory, state->audit_directory, state->paid, copy.counter, cure);
    state->copy_behind = copy.counter < state->paid;
    return true;
}

static bool open_for_reading(struct state *state, struct error *err)
{
    struct error why = {0};
    bool there = store_exists(state->directory);
    if (!home_check(state->directory, false, err) ||
        !load_key(state, there, home_copy_exists(state->audit_directory), err))
        return false;
    if (there && (state->store = store_open(state->directory, false, state->map_size, &why)) == NULL &&
        why.kind != ERROR_NOT_FOUND) {
        if (err != NULL)
            *err = why;
        return false;
    }
    if (state->store != NULL && !read_store(state, &why)) {
        if (why.kind != ERROR_NOT_FOUND) {
            if (err != NULL)
                *err = why;
            return false;
        }
        store_close(state->store); /* a writer is just making it */
        state->store = NULL;
    }
    return state->sealing_key == NULL || compare_copy(state, state->store != NULL, err);
}

static bool open_for_writing(struct state *state, struct error *err)
{
    struct error why = {0};
    bool there = store_exists(state->directory), copy_there = home_copy_exists(state->audit_directory);
    if (!there && copy_there && (!load_key(state, there, copy_there, err) || !compare_copy(state, false, err)))
        return false; /* and no directory was made */
    if (!home_check(state->directory, true, err) ||
        (state->lock = home_lock(state->directory, state->holder, err)) < 0)
        return false;
    there = store_exists(state->directory); /* now nobody else makes one */
    if (state->sealing_key == NULL && !load_key(state, there, copy_there, err))
        return false;
    state->audit = audit_open(state->audit_directory, err);
    if (state->audit == NULL)
        return false;
    state->store = store_open(state->directory, true, state->map_size, err);
    if (state->store == NULL)
        return false;
    bool found = read_store(state, &why);
    if (!found && why.kind != ERROR_NOT_FOUND) {
        if (err != NULL)
            *err = why;
        return false;
    }
    if (!compare_copy(state, found, err) || (!found && !make_store(state, err)))
        return false;
    if (state->copy_behind && !write_copy(state, &why))
        log_event(LOG_ERROR, "the sealed copy of the installation could not be written", "error", why.message, NULL);
    return true;
}

struct state *state_open(const struct state_options *options, struct error *err)
{
    struct state *state = calloc(1, sizeof *state);
    if (state == NULL)
        abort();
    state->arena = arena_create();
    state->mode = options->mode;
    state->directory = arena_strdup(state->arena, options->directory);
    state->sealing_key_file = arena_strdup(state->arena, options->sealing_key_file);
    state->audit_directory = arena_strdup(state->arena, options->audit_directory);
    state->holder = arena_strdup(state->arena, options->holder != NULL ? options->holder : "");
    state->map_size = options->map_size;
    state->lock = -1;
    bool open = options->mode == STATE_WRITE ? open_for_writing(state, err) : open_for_reading(state, err);
    if (!open) {
        state_close(state);
        return NULL;
    }
    return state;
}

void state_close(struct state *state)
{
    if (state == NULL)
        return;
    store_close(state->store);
    audit_close(state->audit);
    seal_destroy(state->data_key);
    seal_destroy(state->sealing_key);
    fd_release(&state->lock); /* last: the next writer finds everything closed */
    arena_destroy(state->arena);
    free(state);
}
