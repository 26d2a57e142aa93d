/* Opening the store: the locks, the sealing key, the judgement of what is there (state_recover.c), and a new store where there
 * never was one. */
#include "controller/state_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fatal.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/seal.h"
#include "controller/audit.h"
#include "controller/state_backup.h"
#include "controller/state_journal.h"
#include "controller/state_room.h"
#include "controller/state_store.h"

const struct seal *state_sealing_key(const struct state *state) { return state->ring.keys[0]; }

bool state_write_copy(struct state *state, struct error *err)
{
    struct home_copy copy = {.counter = state->counters.paid, .time = clock_now()};
    memcpy(copy.installation, state->vault.installation, sizeof copy.installation);
    return home_copy_write(state->audit_directory, state_sealing_key(state), &copy, err);
}

/* ---- the file ---- */

void state_close_store(struct state *state)
{
    store_abort(state->held);
    store_abort(state->staged);
    state->held = state->staged = NULL;
    store_close(state->store);
    state->store = NULL;
    vault_finish(&state->vault);
}

static void read_mode(struct state *state)
{
    struct span value;
    struct error err = {0};
    state->reconcile = (struct state_trouble){0};
    if (!state_get(state, TABLE_META, STATE_RECONCILE, state->arena, &value, NULL, &err)) {
        if (err.kind != ERROR_NOT_FOUND) /* what cannot be read releases nothing */
            state->reconcile = (struct state_trouble){.digest = "unreadable", .why = "damaged", .words = "its mode cannot be read"};
        return;
    }
    AUTO(json) struct json *mode = json_parse(value.data, value.length, NULL);
    const char *members[] = {"digest", "why", "words"};
    const char *texts[] = {"unreadable", "damaged", "the store was brought back"};
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (json_string(json_member(mode, members[i])) != NULL)
            texts[i] = arena_strdup(state->arena, json_string(json_member(mode, members[i])));
    state->reconcile = (struct state_trouble){.digest = texts[0], .why = texts[1], .words = texts[2]};
    json_int(json_member(mode, "since"), &state->reconcile.since);
}

/* Gives NOT_FOUND when it holds nothing yet. */
static bool read_store(struct state *state, struct error *err)
{
    AUTO(store_txn) struct MDB_txn *txn = NULL;
    char words[200];
    if (!store_begin(state->store, false, &txn, err))
        return false;
    switch (vault_read(&state->vault, state->store, txn, &state->ring, &state->key, words, sizeof words)) {
    case VAULT_GOOD: break;
    case VAULT_EMPTY: return error_raise(err, ERROR_NOT_FOUND, "%s", words);
    case VAULT_WRONG_KEY:
        return error_raise(err, ERROR_STATE, "%s is not the sealing key of the store in %s; put the right key there",
                           state->sealing_key_file, state->directory);
    default: return error_raise(err, ERROR_STATE, "the store in %s cannot be used: %s", state->directory, words);
    }
    return vault_read_counters(&state->vault, state->store, txn, &state->counters, err) ||
           error_prefix(err, "the store in %s", state->directory);
}

bool state_open_store(struct state *state, struct error *err)
{
    state->store = store_open(state->directory, state->mode == STATE_WRITE, state->map_size, err);
    if (state->store == NULL)
        return false;
    if (!read_store(state, err)) {
        state_close_store(state);
        return false;
    }
    read_mode(state);
    return true;
}

/* ---- a new one ---- */

/* The first rows, all in one transaction: a crash before it leaves an empty tree, which is begun anew. */
static bool make_store(struct state *state, const struct findings *findings, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    AUTO(store_txn) struct MDB_txn *txn = NULL;
    unsigned char identity[16];
    random_bytes(identity, sizeof identity);
    const char *installation = findings->installation != NULL ? findings->installation
                                                              : text_hex(arena, identity, sizeof identity);
    const char *place = home_place(&state->lock, arena);
    struct span raw = span_of("meta/" STATE_PLACE, sizeof "meta/" STATE_PLACE - 1), sealed;
    state->counters = (struct counters){.time = clock_now(), .audit = audit_sequence(state->audit)};
    audit_last_hash(state->audit, state->counters.audit_hash);
    if ((state->store = store_open(state->directory, true, state->map_size, err)) == NULL)
        return false;
    bool made = store_begin(state->store, true, &txn, err) &&
                vault_create(&state->vault, installation, state->store, txn, state_sealing_key(state), err) &&
                vault_close_row(&state->vault, raw, span_of(place, strlen(place)), 0, arena, &sealed, err) &&
                store_put(state->store, txn, raw, sealed, err) &&
                vault_write_counters(&state->vault, state->store, txn, &state->counters, arena, err) &&
                store_commit(state->store, &txn, err);
    state->fresh = made && findings->trouble == TROUBLE_NONE;
    return made;
}

/* ---- keys ---- */

static bool remembered(struct state *state)
{
    struct backup_list backups;
    return !backup_list(state->backup_directory, state->arena, &backups, NULL) || backups.count > 0 ||
           store_exists(state->directory) || home_copy_exists(state->audit_directory) ||
           journal_exists(state->audit_directory);
}

bool state_remembered(const struct state_options *options)
{
    struct state *state = state_begin(options);
    bool found = remembered(state);
    state_close(state);
    return found;
}

static bool load_keys(struct state *state, bool may_make, struct error *err)
{
    if (!keyring_load(&state->ring, state->sealing_key_file, state->arena, err))
        return false;
    if (state->ring.count > 0)
        return true;
    if (remembered(state))
        return error_raise(err, ERROR_STATE, "the sealing key %s is missing, but %s%s was sealed with it; put the key back from "
                                             "its backup", state->sealing_key_file,
                           store_exists(state->directory) ? "the store in " : "the copy in ",
                           store_exists(state->directory) ? state->directory : state->audit_directory);
    if (!may_make)
        return true;
    struct seal *key = seal_make(state->sealing_key_file, err);
    if (key == NULL)
        return false;
    state->ring = (struct keyring){.keys = {key}, .files = {state->sealing_key_file}, .count = 1};
    log_event(LOG_WARN, "made a new sealing key: back it up, the store cannot be read without it", "file",
              state->sealing_key_file, NULL);
    return true;
}

/* ---- both ways in ---- */

static bool open_for_reading(struct state *state, struct error *err)
{
    struct error why = {0};
    if (!home_check(state->directory, false, err) || !load_keys(state, false, err))
        return false;
    bool there = store_exists(state->directory) && state_open_store(state, &why);
    if (why.kind != ERROR_NONE && why.kind != ERROR_NOT_FOUND) { /* NOT_FOUND: a writer is just making it */
        if (err != NULL)
            *err = why;
        return false;
    }
    return state_judge_reader(state, there, err);
}

static bool take_locks(struct state *state, struct error *err)
{
    struct stat home, audit;
    if (!home_check(state->directory, true, err) || !home_lock(state->directory, state->holder, &state->lock, err))
        return false;
    state_crash_watch(state);
    home_copy_tidy(state->audit_directory);
    journal_tidy(state->audit_directory);
    state->audit = audit_open(state->audit_directory, err);
    if (state->audit == NULL)
        return false;
    bool same = stat(state->directory, &home) == 0 && stat(state->audit_directory, &audit) == 0 &&
                home.st_dev == audit.st_dev && home.st_ino == audit.st_ino;
    return same || home_lock(state->audit_directory, state->holder, &state->audit_lock, err);
}

static void compare_audit(struct state *state)
{
    if (!audit_continue(state->audit, state->counters.audit, state->counters.audit_hash))
        log_event(LOG_ERROR, "the audit log lacks lines that the store knows of, or its last line was altered", "directory",
                  state->audit_directory, NULL);
}

static bool take_up(struct state *state, struct findings *findings, struct error *err)
{
    bool there = false;
    if (!state_judge_file(state, findings, &there, err) ||
        !(there ? state_open_store(state, err) : make_store(state, findings, err)))
        return false;
    if (!state->fresh && !state_judge_store(state, findings, err))
        return false;
    compare_audit(state);
    state_judge_crashes(state, findings);
    if (findings->trouble != TROUBLE_NONE && !state_enter_reconcile(state, findings, err))
        return false;
    if (findings->trouble != TROUBLE_NONE) {
        read_mode(state);
        state_crash_forget(state);
    }
    return true;
}

static bool open_for_writing(struct state *state, struct findings *findings, struct error *err)
{
    struct error why = {0};
    if (!home_check(state->directory, false, err) || (remembered(state) && !load_keys(state, false, err)))
        return false; /* and no directory was made */
    if (!take_locks(state, err) || (state->ring.count == 0 && !load_keys(state, true, err)) ||
        !take_up(state, findings, err))
        return false;
    state_finish_rotation(state);
    if (state->copy_behind && !state_catch_up(state, &why))
        log_event(LOG_ERROR, "the sealed copy of the installation could not be written", "error",
                  why.message, NULL);
    state_tend(state);
    return true;
}

struct state *state_begin(const struct state_options *options)
{
    struct state *state = calloc(1, sizeof *state);
    if (state == NULL)
        fatal_memory();
    state->arena = arena_create();
    state->room_arena = arena_create();
    state->mode = options->mode;
    state->directory = arena_strdup(state->arena, options->directory);
    state->sealing_key_file = arena_strdup(state->arena, options->sealing_key_file);
    state->audit_directory = arena_strdup(state->arena, options->audit_directory);
    state->backup_directory = options->backup_directory != NULL
                                  ? arena_strdup(state->arena, options->backup_directory)
                                  : arena_printf(state->arena, "%s/backups", options->audit_directory);
    state->holder = arena_strdup(state->arena, options->holder != NULL ? options->holder : "");
    state->map_size = options->map_size;
    state->lock = state->audit_lock = (struct home_lock){-1, -1};
    return state;
}

bool state_open_with(struct state *state, struct findings *findings, struct error *err)
{
    return state->mode == STATE_WRITE ? open_for_writing(state, findings, err) : open_for_reading(state, err);
}

struct state *state_open(const struct state_options *options, struct error *err)
{
    struct state *state = state_begin(options);
    struct findings findings = {.trouble = TROUBLE_NONE};
    if (state_open_with(state, &findings, err))
        return state;
    state_close(state);
    return NULL;
}

void state_close(struct state *state)
{
    if (state == NULL)
        return;
    state_close_store(state); /* with what is staged: a turn that ends well leaves nothing */
    audit_close(state->audit);
    keyring_release(&state->ring);
    state_crash_unwatch(state);
    home_unlock(&state->audit_lock);
    home_unlock(&state->lock); /* last: the next writer finds everything closed */
    if (state->kept != NULL)
        state_batch_destroy(state->kept);
    arena_destroy(state->room_arena);
    arena_destroy(state->arena);
    free(state);
}
