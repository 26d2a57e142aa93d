/* What a store is worth when a controller is about to rely on it (reliability.md 4.7, 7.4), and what is done when it is not
 * what it was: as much as is known is brought back, and then nothing is bought before a person said so. */
#include "controller/state_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/seal.h"
#include "controller/audit.h"
#include "controller/state_backup.h"
#include "controller/state_check.h"
#include "controller/state_journal.h"
#include "controller/state_rewrite.h"
#include "controller/state_store.h"

#define RECOVERY_NAME "recovery"
enum { MARK_LIMIT = 64 * 1024 };

static const char *const trouble_words[] = {
    [TROUBLE_NONE] = "",        [TROUBLE_CRASHED] = "crashed",   [TROUBLE_COPIED] = "copied", [TROUBLE_OLDER] = "older",
    [TROUBLE_FOREIGN] = "foreign", [TROUBLE_RESTORED] = "restored", [TROUBLE_LOST] = "lost",     [TROUBLE_DAMAGED] = "damaged",
};

/* What lies outside of the store and remembers it. */
struct memory {
    struct home_copy copy; /* installation "": there is none */
    struct journal_summary journal;
    struct backup_list backups;
    bool any;
};

static bool remember(struct state *state, struct memory *memory, struct findings *findings, struct error *err)
{
    *memory = (struct memory){0};
    if (home_copy_exists(state->audit_directory) &&
        !home_copy_read(state->audit_directory, &state->ring, &memory->copy, err))
        return false;
    if (!journal_read(state->audit_directory, &state->ring, NULL, NULL, &memory->journal, err))
        return false;
    if (!backup_list(state->backup_directory, state->arena, &memory->backups, err))
        return false;
    memory->any = memory->copy.installation[0] != '\0' || memory->journal.entries > 0 || memory->backups.count > 0;
    struct counters *known = &findings->known;
    known->paid = memory->copy.counter > memory->journal.paid ? memory->copy.counter : memory->journal.paid;
    known->revision = memory->journal.revision;
    if (state->audit != NULL && audit_revision(state->audit) > known->revision)
        known->revision = audit_revision(state->audit);
    if (memory->backups.count > 0 && memory->backups.items[0].revision > known->revision)
        known->revision = memory->backups.items[0].revision;
    findings->installation = memory->copy.installation[0] != '\0' ? arena_strdup(state->arena, memory->copy.installation)
                             : memory->journal.installation[0] != '\0'
                                 ? arena_strdup(state->arena, memory->journal.installation)
                                 : NULL;
    return true;
}

static const char *in_state(struct state *state, const char *name)
{
    return arena_printf(state->arena, "%s/%s", state->directory, name);
}

/* Written anew beside, walked, and only then put in its place: in the present schema, sealed by the key in use. */
bool state_put_rewritten(struct state *state, const char *from, struct error *err)
{
    struct state_check check;
    const char *next = in_state(state, STORE_FILE_NEXT);
    unlink(next);
    if (!state_rewrite(from, &state->ring, state->ring.keys[0], NULL, next, err))
        return false;
    state_check_file(next, &state->ring, &check);
    return (check.verdict == VAULT_GOOD ||
            error_raise(err, ERROR_STATE, "the store that was just written anew is not good: %s", check.words)) &&
           store_file_replace(state->directory, STORE_FILE_NEXT, err);
}

/* ---- the mark of a recovery that is under way: "<trouble> <words>" ---- */

bool state_mark_recovery(struct state *state, const struct findings *findings, struct error *err)
{
    AUTO(fd) int folder = file_open_directory(state->directory, err);
    const char *text = arena_printf(state->arena, "%d %s", (int)findings->trouble, findings->words);
    if (folder >= 0)
        file_remove_leftovers(folder, "." RECOVERY_NAME ".");
    return folder >= 0 && file_replace(folder, RECOVERY_NAME, text, strlen(text), 0600, err);
}

static bool find_mark(struct state *state, struct findings *findings, struct error *err)
{
    AUTO(buffer) struct buffer text = {.limit = MARK_LIMIT};
    int trouble = 0, begin = 0;
    struct error why = {0};
    if (!file_read_path(in_state(state, RECOVERY_NAME), MARK_LIMIT, &text, &why))
        return why.kind == ERROR_NOT_FOUND || error_raise(err, ERROR_SYSTEM, "the mark of a recovery: %s", why.message);
    if (sscanf(buffer_text(&text), "%d %n", &trouble, &begin) != 1 || trouble <= TROUBLE_NONE || trouble > TROUBLE_DAMAGED)
        trouble = TROUBLE_RESTORED;
    const char *words = text_clean(state->arena, buffer_text(&text) + begin, text.length - (size_t)begin, 1000);
    findings->trouble = (enum trouble)trouble;
    findings->words = words[0] != '\0' ? words : "the store was being brought back";
    return true;
}

/* The newest backup that is good and of this installation. False with NOT_FOUND: there is none. */
static bool bring_back(struct state *state, const struct memory *memory, struct findings *findings, const char *what,
                       struct error *err)
{
    for (size_t i = 0; i < memory->backups.count; i++) {
        const struct backup *backup = &memory->backups.items[i];
        struct state_check check;
        state_check_file(backup->path, &state->ring, &check);
        if (check.verdict == VAULT_UNCHECKED) /* an older one, or none, would be taken for want of memory */
            return error_raise(err, ERROR_STATE, "the backup %s could not be checked, so nothing is done: %s", backup->path,
                               check.words);
        bool ours = findings->installation == NULL || strcmp(check.installation, findings->installation) == 0;
        if (check.verdict != VAULT_GOOD || !ours) {
            log_event(LOG_WARN, "a backup is of no use", "file", backup->path, "reason",
                      check.verdict != VAULT_GOOD ? check.words : "it is of another installation", NULL);
            continue;
        }
        bool as_it_is = check.schema == STATE_SCHEMA_VERSION && check.key == 0;
        if (!(as_it_is ? backup_put_in_place(backup->path, state->directory, err) : state_put_rewritten(state, backup->path, err)))
            return false;
        findings->words = arena_printf(state->arena, "%s; the backup of %s was taken, with what the journal holds since",
                                       what, clock_rfc3339(state->arena, backup->at));
        return true;
    }
    findings->words = arena_printf(state->arena, "%s; there is no good backup in %s, so an empty store was begun, with what "
                                                 "the journal holds", what, state->backup_directory);
    return error_raise(err, ERROR_NOT_FOUND, "no good backup");
}

static bool recover(struct state *state, const struct memory *memory, struct findings *findings, enum trouble trouble,
                    const char *what, bool *out_there, struct error *err)
{
    struct error why = {0};
    findings->trouble = trouble;
    findings->words = what;
    if (!state_mark_recovery(state, findings, err))
        return false;
    *out_there = bring_back(state, memory, findings, what, &why);
    if (*out_there || why.kind == ERROR_NOT_FOUND)
        return true;
    if (err != NULL)
        *err = why;
    return error_prefix(err, "%s", what);
}

static bool migrate(struct state *state, int schema, struct error *err)
{
    const char *kept = arena_printf(state->arena, "%s/schema-%d.mdb", state->directory, schema);
    unlink(kept);
    if (link(in_state(state, "data.mdb"), kept) != 0)
        return error_raise(err, ERROR_SYSTEM, "cannot keep the store as %s: %m", kept);
    if (!state_put_rewritten(state, in_state(state, "data.mdb"), err))
        return error_prefix(err, "bringing the store to schema %d", STATE_SCHEMA_VERSION);
    log_event(LOG_WARN, "the store was brought to this program's schema", "kept", kept, NULL);
    return true;
}

static bool set_aside(struct state *state, const struct memory *memory, struct findings *findings, const char *reason,
                      bool *out_there, struct error *err)
{
    const char *aside;
    findings->trouble = TROUBLE_DAMAGED;
    findings->words = arena_printf(state->arena, "the store in %s is damaged (%s)", state->directory, reason);
    if (!state_mark_recovery(state, findings, err) ||
        !store_file_set_aside(state->directory, "damaged", state->arena, &aside, err))
        return false;
    const char *what = arena_printf(state->arena, "the store in %s is damaged (%s) and was set aside as %s",
                                    state->directory, reason, strrchr(aside, '/') + 1);
    log_event(LOG_ERROR, "the store is damaged and was set aside", "file", aside, "reason", reason, NULL);
    return recover(state, memory, findings, TROUBLE_DAMAGED, what, out_there, err);
}

bool state_judge_file(struct state *state, struct findings *findings, bool *out_there, struct error *err)
{
    struct memory memory;
    struct state_check check = {.verdict = VAULT_EMPTY};
    unlink(in_state(state, STORE_FILE_NEXT)); /* of a writer who was killed */
    if (!find_mark(state, findings, err) || !remember(state, &memory, findings, err))
        return false;
    if (store_exists(state->directory))
        state_check_file(in_state(state, "data.mdb"), &state->ring, &check);
    *out_there = check.verdict == VAULT_GOOD;
    switch (check.verdict) {
    case VAULT_GOOD:
        return check.schema == STATE_SCHEMA_VERSION || migrate(state, check.schema, err);
    case VAULT_EMPTY:
        return (!memory.any && findings->trouble == TROUBLE_NONE) ||
               recover(state, &memory, findings, TROUBLE_LOST,
                       arena_printf(state->arena,
                                    "the store in %s is missing, but %" PRId64 " recorded paid steps are remembered",
                                    state->directory, findings->known.paid), out_there, err);
    case VAULT_WRONG_KEY:
        /* The key opens what else is ours: then it is the store that is wrong. */
        if (memory.copy.installation[0] != '\0' || memory.journal.entries > 0)
            return set_aside(state, &memory, findings, "its check value does not open", out_there, err);
        return error_raise(err, ERROR_STATE, "%s is not the sealing key of the store in %s; put the right key there",
                           state->sealing_key_file, state->directory);
    case VAULT_NEWER:
        return error_raise(err, ERROR_STATE, "the store in %s cannot be used: %s", state->directory, check.words);
    case VAULT_UNCHECKED:
        return error_raise(err, ERROR_STATE, "the store in %s could not be checked, so nothing is done: %s",
                           state->directory, check.words);
    case VAULT_DAMAGED: break;
    }
    return set_aside(state, &memory, findings, check.words, out_there, err);
}

/* ---- the open store ---- */

static bool other_place(const char *stored, const char *now)
{
    const char *stored_machine = strchr(stored, ' '), *machine = strchr(now, ' ');
    if (stored_machine == NULL || machine == NULL)
        return false;
    size_t born = (size_t)(stored_machine - stored);
    bool comparable = stored[0] == now[0]; /* births or inodes */
    if (comparable && (born != (size_t)(machine - now) || strncmp(stored, now, born) != 0))
        return true;
    return stored_machine[1] != '\0' && machine[1] != '\0' && strcmp(stored_machine, machine) != 0;
}

static void found(struct findings *findings, enum trouble trouble, const char *words)
{
    if (trouble > findings->trouble) {
        findings->trouble = trouble;
        findings->words = words;
    }
}

bool state_judge_store(struct state *state, struct findings *findings, struct error *err)
{
    struct memory memory;
    struct arena *arena = state->arena;
    struct span place;
    if (!remember(state, &memory, findings, err))
        return false;
    if (findings->installation != NULL && strcmp(findings->installation, state->vault.installation) != 0) {
        found(findings, TROUBLE_FOREIGN, arena_printf(arena, "the store in %s is of another installation than what %s remembers",
                                                      state->directory, state->audit_directory));
    } else if (findings->known.paid > state->counters.paid || memory.journal.revision > state->counters.revision ||
               (audit_revision(state->audit) > state->counters.revision &&
                audit_sequence(state->audit) > state->counters.audit)) {
        found(findings, TROUBLE_OLDER,
              arena_printf(arena,
                           "the store in %s is older than what %s remembers (%" PRId64 " recorded paid steps, not %" PRId64 ")",
                           state->directory, state->audit_directory, state->counters.paid,
                           findings->known.paid > state->counters.paid ? findings->known.paid : state->counters.paid));
    }
    if (state_get(state, TABLE_META, STATE_PLACE, arena, &place, NULL, NULL) &&
        other_place(arena_strndup(arena, place.data, place.length), home_place(&state->lock, arena)))
        found(findings, TROUBLE_COPIED, arena_printf(arena, "the store in %s was copied here from another place or machine, where "
                                                            "it may still be at work", state->directory));
    int64_t covered = memory.backups.count > 0 ? memory.backups.items[0].revision : 0;
    if (memory.journal.revision > covered)
        covered = memory.journal.revision;
    bool never = memory.copy.installation[0] == '\0' && state->counters.paid > 0;
    state->copy_behind = never || memory.copy.counter < state->counters.paid || memory.journal.broken ||
                         covered < state->counters.journal;
    return true;
}

bool state_judge_reader(struct state *state, bool there, struct error *err)
{
    struct home_copy copy;
    struct error why = {0};
    if (state->ring.count == 0 || !home_copy_exists(state->audit_directory))
        return true;
    if (!home_copy_read(state->audit_directory, &state->ring, &copy, &why)) {
        if (why.kind == ERROR_SYSTEM)
            return true;
        if (err != NULL)
            *err = why;
        return false;
    }
    const char *cure = "`certwright apply` or `run` brings back what is known and buys nothing before a person confirms it";
    if (!there)
        return error_raise(err, ERROR_STATE,
                           "the store in %s is missing, but %s remembers %" PRId64 " recorded paid steps until %s: %s",
                           state->directory, state->audit_directory, copy.counter, clock_rfc3339(state->arena, copy.time),
                           cure);
    if (strcmp(copy.installation, state->vault.installation) != 0)
        return error_raise(err, ERROR_STATE, "the store in %s is of another installation than the copy in %s: %s",
                           state->directory, state->audit_directory, cure);
    return copy.counter <= state->counters.paid ||
           error_raise(err, ERROR_STATE, "the store in %s is older than the copy in %s (%" PRId64
                                         " recorded paid steps, not %" PRId64 "): %s",
                       state->directory, state->audit_directory, state->counters.paid, copy.counter, cure);
}

/* ---- reconcile only ---- */

struct replay {
    struct state *state;
    struct MDB_txn *txn;
    struct arena *arena; /* of one row */
    int64_t from, revision;
    struct error *err;
    bool failed;
};

static bool replay_row(struct replay *replay, const struct journal_row *row)
{
    struct state *state = replay->state;
    struct span sealed;
    arena_reset(replay->arena);
    if (!row->put)
        return store_delete(state->store, replay->txn, row->key, replay->err);
    return vault_close_row(&state->vault, row->key, row->value, replay->revision, replay->arena, &sealed, replay->err) &&
           store_put(state->store, replay->txn, row->key, sealed, replay->err);
}

static bool replay_entry(const struct journal_entry *entry, void *arg)
{
    struct replay *replay = arg;
    if (strcmp(entry->installation, replay->state->vault.installation) != 0 || entry->revision <= replay->from)
        return true;
    for (size_t i = 0; i < entry->count && !replay->failed; i++)
        replay->failed = !replay_row(replay, &entry->rows[i]);
    return !replay->failed;
}

static bool put_text(struct replay *replay, const char *key, const char *text)
{
    struct journal_row row = {true, span_of(key, strlen(key)), span_of(text, strlen(text))};
    return replay_row(replay, &row);
}

static const char *mode_text(struct state *state, enum trouble trouble, const char *words)
{
    const char *about = arena_printf(state->arena, "ReconcileOnly|%s|%" PRId64 "|%s", state->vault.installation,
                                     state->counters.revision, words);
    unsigned char digest[32];
    hash_sha256(span_of(about, strlen(about)), digest);
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    json_begin_object(&w);
    json_string_member(&w, "digest", text_hex(state->arena, digest, 6));
    json_string_member(&w, "why", trouble_words[trouble]);
    json_string_member(&w, "words", words);
    json_int_member(&w, "since", clock_now());
    json_end_object(&w);
    const char *json = arena_strdup(state->arena, buffer_text(&text));
    buffer_release(&text);
    return json;
}

bool state_enter_reconcile(struct state *state, const struct findings *findings, struct error *err)
{
    AUTO(store_txn) struct MDB_txn *txn = NULL;
    AUTO(arena) struct arena *arena = arena_create();
    struct counters counters = state->counters;
    struct journal_summary summary;
    counters.revision = (findings->known.revision > counters.revision ? findings->known.revision : counters.revision) + 1;
    counters.paid = findings->known.paid > counters.paid ? findings->known.paid : counters.paid;
    counters.time = clock_now();
    struct replay replay = {.state = state, .arena = arena, .from = state->counters.revision,
                            .revision = counters.revision, .err = err};
    if (!state_audit(state, "controller", "store", "store.reconcile", findings->words, err) ||
        !audit_sync(state->audit, err) || !store_begin(state->store, true, &txn, err))
        return false;
    replay.txn = txn;
    counters.audit = audit_sequence(state->audit);
    audit_last_hash(state->audit, counters.audit_hash);
    bool ok = journal_read(state->audit_directory, &state->ring, replay_entry, &replay, &summary, err) && !replay.failed &&
              put_text(&replay, "meta/" STATE_RECONCILE, mode_text(state, findings->trouble, findings->words)) &&
              put_text(&replay, "meta/" STATE_PLACE, home_place(&state->lock, state->arena)) &&
              vault_write_counters(&state->vault, state->store, txn, &counters, arena, err) &&
              store_commit(state->store, &txn, err);
    if (!ok)
        return error_prefix(err, "entering the mode that only reconciles");
    unlink(in_state(state, RECOVERY_NAME));
    state->counters = counters;
    state->copy_behind = true; /* all of it goes into a backup of its own */
    state->told = findings->words;
    log_event(LOG_ERROR, "reconcile only: nothing is bought before a person confirms it", "reason", findings->words, NULL);
    return true;
}
