/* Keeping the store: backups and the journal, room on the disk, a new sealing key, and a backup put back. */
#include "controller/state_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/seal.h"
#include "controller/audit.h"
#include "controller/state_backup.h"
#include "controller/state_check.h"
#include "controller/state_journal.h"
#include "controller/state_rewrite.h"
#include "controller/state_room.h"
#include "controller/state_store.h"

enum { HOUR_MS = 3600 * 1000, DAY_S = 86400, ROOM_LOOK_MS = 1000 };

/* ---- backups ---- */

bool state_backup(struct state *state, struct arena *arena, const char **out_path, struct error *err)
{
    struct backup_list list;
    if (state->store == NULL)
        return error_raise(err, ERROR_NOT_FOUND, "there is no store in %s to back up", state->directory);
    if (!backup_make(state->store, state->backup_directory, state->counters.revision, &state->ring, arena, out_path, err))
        return false;
    backup_prune(state->backup_directory, BACKUPS_KEPT);
    if (state->mode != STATE_WRITE)
        return true;
    return backup_list(state->backup_directory, arena, &list, err) &&
           journal_trim(state->audit_directory, &state->ring, state_sealing_key(state),
                        list.count > 0 ? list.items[list.count - 1].revision : 0, err);
}

/* What copy and journal do not hold stands in a backup from now on. */
bool state_catch_up(struct state *state, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    state->copy_behind = !state_backup(state, arena, NULL, err) || !state_write_copy(state, err);
    return !state->copy_behind;
}

static void daily_backup(struct state *state)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct backup_list list;
    struct error err = {0};
    const char *path = NULL;
    int64_t now = clock_now();
    bool known = backup_list(state->backup_directory, arena, &list, &err);
    if (!known) {
        log_event(LOG_ERROR, "the store could not be backed up", "error", err.message, NULL);
        return;
    }
    if (list.count > 0 ? list.items[0].revision >= state->counters.revision ||
                             (now - list.items[0].at < DAY_S && now >= list.items[0].at)
                       : state->counters.journal == 0)
        return;
    if (state_backup(state, arena, &path, &err))
        log_event(LOG_INFO, "backed up", "file", path, NULL);
    else
        log_event(LOG_ERROR, "the store could not be backed up", "error", err.message, NULL);
}

void state_tend(struct state *state)
{
    int64_t now = clock_boot_ms();
    if (state->mode != STATE_WRITE || state->store == NULL || state->scans > 0 || state->staged != NULL)
        return;
    if (state->tended_ms != 0 && now - state->tended_ms < HOUR_MS && now >= state->tended_ms)
        return;
    state->tended_ms = now;
    store_clear_readers(state->store);
    room_reserve(state->directory, ROOM_RESERVE);
    daily_backup(state);
}

/* ---- room ---- */

const char *state_room(struct state *state)
{
    size_t used, most;
    int64_t now = clock_boot_ms();
    if (state->store == NULL)
        return NULL;
    if (state->room_at_ms != 0 && now - state->room_at_ms < ROOM_LOOK_MS && now >= state->room_at_ms)
        return state->room;
    state->room_at_ms = now;
    store_size(state->store, &used, &most);
    arena_reset(state->room_arena);
    const char *was = state->room;
    state->room = room_words(state->directory, used, most, state->room_arena);
    if (state->room != NULL && was == NULL && state->mode == STATE_WRITE)
        log_event(LOG_ERROR, "nothing new is bought: room is short", "reason", state->room, NULL);
    return state->room;
}

/* ---- a new sealing key ---- */

/* The store is sealed with the new key, which lies beside the old one still: the old one goes aside under its id, and the new
 * one takes its name. Done at the end of a rotation, and at the next start after one that was killed. */
static bool put_key_in_place(struct state *state, const char **out_former, struct error *err)
{
    const char *file = state->sealing_key_file, *next = arena_printf(state->arena, "%s.new", file);
    const char *former = arena_printf(state->arena, "%s.%s", file, key_id(state->ring.keys[0], state->arena));
    if (link(file, former) != 0 && errno != EEXIST)
        return error_raise(err, ERROR_SYSTEM, "cannot keep the former sealing key as %s: %m", former);
    if (rename(next, file) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot put the new sealing key %s in its place: %m", file);
    const char *slash = strrchr(file, '/');
    AUTO(fd) int folder = file_open_directory(slash == NULL ? "." : arena_strndup(state->arena, file, (size_t)(slash - file) + 1),
                                              NULL);
    if (folder >= 0)
        fsync(folder);
    keyring_release(&state->ring);
    if (out_former != NULL)
        *out_former = former;
    return keyring_load(&state->ring, file, state->arena, err);
}

void state_finish_rotation(struct state *state)
{
    struct error err = {0};
    const char *next = arena_printf(state->arena, "%s.new", state->sealing_key_file);
    if (state->ring.count < 2 || strcmp(state->ring.files[1], next) != 0)
        return;
    if (state->key != 1) { /* killed before the store was sealed with it: it seals nothing */
        unlink(next);
        keyring_release(&state->ring);
        keyring_load(&state->ring, state->sealing_key_file, state->arena, &err);
        return;
    }
    if (!put_key_in_place(state, NULL, &err)) {
        log_event(LOG_ERROR, "a new sealing key could not be put in its place", "error", err.message, NULL);
        return;
    }
    state->key = 0;
    state->copy_behind = true; /* sealed with the former key still */
}

/* Beside the store, which is as it was. */
static bool reseal(struct state *state, const char *next_key, struct error *err)
{
    const char *data = arena_printf(state->arena, "%s/data.mdb", state->directory);
    const char *next = arena_printf(state->arena, "%s/" STORE_FILE_NEXT, state->directory);
    struct keyring both;
    struct state_check check;
    unlink(next);
    if (!keyring_load(&both, state->sealing_key_file, state->arena, err))
        return false;
    bool ok = both.count > 1 && strcmp(both.files[1], next_key) == 0 &&
              state_rewrite(data, &both, both.keys[1], key_id(both.keys[0], state->arena), next, err);
    if (ok) {
        state_check_file(next, &both, &check);
        ok = (check.verdict == VAULT_GOOD && check.key == 1) ||
             error_raise(err, ERROR_STATE, "the store sealed anew is not good: %s", check.words);
    }
    keyring_release(&both);
    return ok;
}

static bool rotate(struct state *state, const char **out_former, struct error *err)
{
    const char *next_key = arena_printf(state->arena, "%s.new", state->sealing_key_file);
    if (!state_audit(state, "operator", "sealing key", "key.rotate", key_id(state->ring.keys[0], state->arena), err) ||
        !audit_sync(state->audit, err))
        return false;
    struct seal *made = seal_make(next_key, err);
    if (made == NULL)
        return false;
    seal_destroy(made);
    state_close_store(state);
    if (!reseal(state, next_key, err)) {
        unlink(next_key); /* the store is sealed with the former key still */
        return false;
    }
    /* From here on either key may be the one that opens the store, also when this says that it failed: both stay, and the next
     * start sees which it is. */
    return store_file_replace(state->directory, STORE_FILE_NEXT, err) && put_key_in_place(state, out_former, err) &&
           state_open_store(state, err) && state_catch_up(state, err);
}

bool state_rotate_key(const struct state_options *options, struct arena *arena, const char **out_former_file,
                      struct error *err)
{
    const char *former = NULL;
    if (!home_check(options->directory, false, err))
        return false;
    if (!store_exists(options->directory))
        return error_raise(err, ERROR_NOT_FOUND, "there is no store in %s to seal anew", options->directory);
    struct state *state = state_open(options, err);
    if (state == NULL)
        return false;
    bool ok = state->key == 0 ? rotate(state, &former, err)
                              : error_raise(err, ERROR_STATE, "the store is sealed with the former key %s: put that key in its place",
                                            state->ring.files[state->key]);
    if (ok)
        *out_former_file = arena_strdup(arena, former);
    state_close(state);
    return ok;
}

/* ---- a backup put back ---- */

static bool add_given_key(struct state *state, const char *key_file, struct error *err)
{
    if (key_file == NULL)
        return true;
    if (state->ring.count == KEYRING_MOST)
        return error_raise(err, ERROR_STATE, "there are too many former keys beside %s", state->sealing_key_file);
    struct seal *key = seal_load(key_file, err);
    if (key == NULL)
        return false;
    state->ring.files[state->ring.count] = arena_strdup(state->arena, key_file);
    state->ring.keys[state->ring.count++] = key;
    return true;
}

/* The file to put back: the one given, or the newest good one. */
static bool choose(struct state *state, const char *file, const char **out_path, struct state_check *check,
                   struct error *err)
{
    struct backup_list list;
    if (file != NULL) {
        state_check_file(file, &state->ring, check);
        *out_path = file;
        return check->verdict == VAULT_GOOD ||
               error_raise(err, ERROR_STATE, "%s cannot be put back: %s", file, check->words);
    }
    if (!backup_list(state->backup_directory, state->arena, &list, err))
        return false;
    for (size_t i = 0; i < list.count; i++) {
        state_check_file(list.items[i].path, &state->ring, check);
        *out_path = list.items[i].path;
        if (check->verdict == VAULT_GOOD)
            return true;
        if (check->verdict == VAULT_UNCHECKED) /* not an older one for want of memory */
            return error_raise(err, ERROR_STATE, "the backup %s could not be checked: %s", *out_path, check->words);
    }
    return error_raise(err, ERROR_NOT_FOUND, "there is no good backup in %s; `certwright state verify` says more",
                       state->backup_directory);
}

static bool put_back(struct state *state, const char *file, const struct state_check *check, struct findings *findings,
                     struct error *err)
{
    const char *aside = NULL;
    if (store_exists(state->directory) && !store_file_keep(state->directory, "replaced", state->arena, &aside, err))
        return false;
    findings->trouble = TROUBLE_RESTORED;
    findings->words = arena_printf(state->arena, "the backup %s (revision %" PRId64 ", %" PRId64
                                                 " recorded paid steps) was put back%s%s, with what the journal holds since",
                                   file, check->counters.revision, check->counters.paid, aside != NULL ? "; the store before it is "
                                                                                                       : "",
                                   aside != NULL ? aside : "");
    if (!state_mark_recovery(state, findings, err))
        return false;
    if (check->schema == STATE_SCHEMA_VERSION && check->key == 0)
        return backup_put_in_place(file, state->directory, err);
    return state_put_rewritten(state, file, err);
}

static bool lock_home(struct state *state, struct error *err)
{
    return home_check(state->directory, true, err) && home_lock(state->directory, state->holder, &state->lock, err);
}

static bool load_keys(struct state *state, const struct state_options *options, const char *file, const char *key_file,
                      struct error *err)
{
    if (!keyring_load(&state->ring, state->sealing_key_file, state->arena, err))
        return false;
    if (state->ring.count == 0 && file == NULL && !state_remembered(options))
        return error_raise(err, ERROR_NOT_FOUND, "there is no backup in %s to put back", state->backup_directory);
    return (state->ring.count > 0 || error_raise(err, ERROR_STATE, "the sealing key %s is missing: put it back first",
                                                 state->sealing_key_file)) &&
           add_given_key(state, key_file, err);
}

bool state_restore(const struct state_options *options, const char *file, const char *key_file, struct arena *arena,
                   const char **out_words, struct error *err)
{
    struct state *state = state_begin(options);
    struct findings findings = {.trouble = TROUBLE_NONE};
    struct state_check check = {0};
    const char *chosen = NULL;
    bool there = access(state->directory, F_OK) == 0; /* else it is made only when there is something to put there */
    bool ok = (!there || lock_home(state, err)) && load_keys(state, options, file, key_file, err) &&
              choose(state, file, &chosen, &check, err) && (there || lock_home(state, err)) &&
              put_back(state, chosen, &check, &findings, err);
    home_unlock(&state->lock);
    keyring_release(&state->ring);
    /* From here on as after any other recovery: the mark is found, and the journal's rows go in. */
    ok = ok && state_open_with(state, &findings, err);
    if (ok)
        *out_words = arena_strdup(arena, findings.words);
    state_close(state);
    return ok;
}
