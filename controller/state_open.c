/* Opening the store: the lock, the sealing key, the head rows, and the comparison with the sealed copy. */
#include "base/fatal.h"
#include "controller/state_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
#include "controller/state_home.h"
#include "controller/state_store.h"

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
        return error_raise(err, ERROR_STATE,
                           "the store in %s lacks its check value: restore it from a backup",
                           state->directory);
    if (!seal_open(state->sealing_key, wrap_associated(state, "check", arena), sealed, arena, &plain, err))
        return error_raise(err, ERROR_STATE,
                           "%s is not the sealing key of the store in %s; put the right key there",
                           state->sealing_key_file, state->directory);
    if (!store_get(state->store, txn, wrapped_key, &sealed, err) ||
        !seal_open(state->sealing_key, wrap_associated(state, "data key", arena), sealed, arena, &plain,
                   err) ||
        plain.length != 32)
        return error_raise(err, ERROR_STATE,
                           "the store's own key in %s is damaged: restore it from a backup",
                           state->directory);
    state->data_key = seal_from_bytes((const unsigned char *)plain.data);
    secret_wipe((void *)plain.data, plain.length);
    return true;
}

static bool read_counters(struct state *state, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct span value;
    if (!state_get(state, TABLE_META, STATE_COUNTERS, arena, &value, NULL, err))
        return error_raise(err, ERROR_STATE,
                           "the counters of the store in %s do not open: restore it from a backup",
                           state->directory);
    AUTO(json) struct json *document = json_parse(value.data, value.length, err);
    int64_t revision, paid;
    if (!json_int(json_member(document, "revision"), &revision) ||
        !json_int(json_member(document, "paid"), &paid))
        return error_raise(err, ERROR_STATE, "the store's counters cannot be read");
    state->revision = revision;
    state->paid = paid;
    return true;
}

bool state_read_head(struct state *state, struct error *err)
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
    if (schema > STATE_SCHEMA_VERSION)
        return error_raise(
            err, ERROR_STATE,
            "the store in %s was written by a newer certwright (schema %d; this one knows %d)",
            state->directory, schema, STATE_SCHEMA_VERSION);
    if (schema < 1 || sscanf(text, "%*s %*d %32[0-9a-f]", installation) != 1 || strlen(installation) != 32)
        return error_raise(err, ERROR_STATE,
                           "the head of the store in %s is damaged: restore it from a backup",
                           state->directory);
    memcpy(state->installation, installation, sizeof installation);
    if (!unwrap(state, txn, arena, err))
        return false;
    return read_counters(state, err);
}

static bool put_wrapped(struct state *state, struct MDB_txn *txn, struct span key, const char *use,
                        struct span plain, struct arena *arena, struct error *err)
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

/* The first rows of a new store, all in one transaction: a crash before it leaves an empty tree, which is
 * begun anew. */
static bool make_store(struct state *state, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    AUTO(store_txn) struct MDB_txn *txn = NULL;
    unsigned char identity[16], key[32];
    random_bytes(identity, sizeof identity);
    random_bytes(key, sizeof key);
    memcpy(state->installation, text_hex(arena, identity, sizeof identity), 33);
    state->data_key = seal_from_bytes(key);
    const char *head = arena_printf(arena, "%s %d %s", head_word, STATE_SCHEMA_VERSION,
                                    state->installation);
    AUTO(arena) struct arena *scratch = arena_create();
    bool made = store_begin(state->store, true, &txn, err) && is_empty(state, txn, err) &&
                store_put(state->store, txn, head_key, span_of(head, strlen(head)), err) &&
                put_wrapped(state, txn, check_key, "check", span_of(check_word, sizeof check_word - 1),
                            arena, err) &&
                put_wrapped(state, txn, wrapped_key, "data key", span_of((char *)key, sizeof key), arena,
                            err) &&
                state_put_counters(state, txn, 0, 0, scratch, err) && store_commit(&txn, err);
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
        return error_raise(
            err, ERROR_STATE,
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

bool state_write_copy(struct state *state, struct error *err)
{
    struct home_copy copy = {.counter = state->paid, .time = clock_now()};
    memcpy(copy.installation, state->installation, sizeof copy.installation);
    state->copy_behind = !home_copy_write(state->audit_directory, state->sealing_key, &copy, err);
    return !state->copy_behind;
}

/* reliability.md 4.7: a lost store, an older one, another one. Until such a store can be reconciled,
 * nothing is done. */
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
    const char *cure = "restore the newest backup, or, if you know that nothing was bought since, move "
                       "installation.seal away";
    if (!store_there)
        return error_raise(
            err, ERROR_STATE,
            "the store in %s is missing, but %s remembers %" PRId64 " paid transactions until %s: %s",
            state->directory, state->audit_directory, copy.counter, clock_rfc3339(arena, copy.time), cure);
    if (strcmp(copy.installation, state->installation) != 0)
        return error_raise(err, ERROR_STATE,
                           "the store in %s is of another installation than the copy in %s: %s",
                           state->directory, state->audit_directory, cure);
    if (copy.counter > state->paid)
        return error_raise(err, ERROR_STATE,
                           "the store in %s is older than the copy in %s (%" PRId64
                           " paid transactions, not %" PRId64 "): %s",
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
    if (state->store != NULL && !state_read_head(state, &why)) {
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
    if (!there && copy_there &&
        (!load_key(state, there, copy_there, err) || !compare_copy(state, false, err)))
        return false; /* and no directory was made */
    if (!home_check(state->directory, true, err) ||
        (state->lock = home_lock(state->directory, state->holder, err)) < 0)
        return false;
    home_copy_tidy(state->audit_directory);
    there = store_exists(state->directory); /* now nobody else makes one */
    if (state->sealing_key == NULL && !load_key(state, there, copy_there, err))
        return false;
    state->audit = audit_open(state->audit_directory, err);
    if (state->audit == NULL)
        return false;
    state->store = store_open(state->directory, true, state->map_size, err);
    if (state->store == NULL)
        return false;
    bool found = state_read_head(state, &why);
    if (!found && why.kind != ERROR_NOT_FOUND) {
        if (err != NULL)
            *err = why;
        return false;
    }
    if (!compare_copy(state, found, err) || (!found && !make_store(state, err)))
        return false;
    if (state->copy_behind && !state_write_copy(state, &why))
        log_event(LOG_ERROR, "the sealed copy of the installation could not be written", "error",
                  why.message, NULL);
    return true;
}

struct state *state_open(const struct state_options *options, struct error *err)
{
    struct state *state = calloc(1, sizeof *state);
    if (state == NULL)
        fatal_memory();
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
    store_abort(state->staged); /* nothing that counts: a turn that ends well leaves none */
    store_close(state->store);
    audit_close(state->audit);
    seal_destroy(state->data_key);
    seal_destroy(state->sealing_key);
    fd_release(&state->lock); /* last: the next writer finds everything closed */
    arena_destroy(state->arena);
    free(state);
}
