#include "controller/journal.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fatal.h"
#include "base/json.h"
#include "controller/command.h"
#include "controller/control.h"
#include "controller/records.h"
#include "controller/stray.h"

enum { ARGUMENT_MOST = 2000 }; /* what the control socket takes */

struct journal {
    struct command_context *ctx;
    struct state *state; /* NULL: somebody else holds the lock */
};

/* ---- whoever holds the lock ---- */

static bool commit(struct state *state, struct state_batch *batch, const char *actor, const char *subject,
                   const char *action, const char *detail, struct error *err)
{
    bool ok = (action == NULL || state_audit(state, actor, subject, action, detail, err)) &&
              state_commit(state, batch, false, err);
    state_batch_destroy(batch);
    return ok;
}

static const char *words_of(const struct leftover_record *l, struct arena *arena)
{
    return l->record_name[0] != '\0'
               ? arena_printf(arena, "%s %s \"%s\" by DNSAccount %s", l->record_type, l->record_name,
                              l->record_value, l->account)
               : arena_printf(arena, "file %s through DeployTarget %s", l->file_name, l->target);
}

static const char *subject_of(const struct leftover_record *l, struct arena *arena)
{
    return l->account[0] != '\0' ? resource_id(arena, KIND_DNS_ACCOUNT, l->namespace_, l->account)
                                 : resource_id(arena, KIND_DEPLOY_TARGET, l->namespace_, l->target);
}

static bool run_note(struct state *state, const char *argument, const char *actor, bool strike,
                     struct arena *arena, struct error *err)
{
    struct leftover_record l;
    if (!field_decode_json(&leftover_record_table, argument, strlen(argument), arena, &l, err))
        return false;
    struct state_batch *batch = state_batch_create();
    if (strike)
        state_delete(batch, TABLE_LEFTOVER, leftover_key(arena, &l), STATE_ANY);
    else
        record_put(batch, TABLE_LEFTOVER, leftover_key(arena, &l), &leftover_record_table, &l, STATE_ANY);
    return commit(state, batch, actor, subject_of(&l, arena), strike ? NULL : "probe.present",
                  words_of(&l, arena), err);
}

/* "challenge/<key>" or "leftover/<key>": the table, and the key within. */
static const char *split_key(const char *key, enum state_table *out_table)
{
    const char *slash = strchr(key, '/');
    *out_table = strncmp(key, "challenge/", 10) == 0 ? TABLE_CHALLENGE : TABLE_LEFTOVER;
    return slash != NULL ? slash + 1 : key;
}

static bool set_challenge(struct state_batch *batch, struct state *state, const char *key,
                          enum challenge_state to, struct arena *arena, struct error *err)
{
    struct challenge_record c;
    int64_t revision;
    if (!record_load(state, TABLE_CHALLENGE, key, &challenge_record_table, arena, &c, &revision, err))
        return false;
    c.state = to;
    c.error = "";
    c.failures = 0;
    c.retry_at = 0;
    record_put(batch, TABLE_CHALLENGE, key, &challenge_record_table, &c, revision);
    return true;
}

static bool run_claim(struct state *state, const char *key, const char *actor, struct arena *arena,
                      struct error *err)
{
    struct stray stray;
    enum state_table table;
    const char *own = split_key(key, &table);
    if (!stray_find(state, key, arena, &stray, err))
        return false;
    struct state_batch *batch = state_batch_create();
    if (table == TABLE_CHALLENGE && !set_challenge(batch, state, own, CHALLENGE_REMOVING, arena, err)) {
        state_batch_destroy(batch);
        return false;
    }
    const char *subject = stray.owner[0] != '\0' ? stray.owner : subject_of(&stray.what, arena);
    if (!state_batch_empty(batch))
        return commit(state, batch, actor, subject, "stray.remove", words_of(&stray.what, arena), err);
    state_batch_destroy(batch);
    return state_audit(state, actor, subject, "stray.remove", words_of(&stray.what, arena), err);
}

static bool run_settle(struct state *state, const char *key, struct arena *arena, struct error *err)
{
    enum state_table table;
    const char *own = split_key(key, &table);
    struct stray stray; /* an order may want it again by now: then it is not ours to close */
    if (!stray_find(state, key, arena, &stray, err))
        return false;
    struct state_batch *batch = state_batch_create();
    if (table == TABLE_LEFTOVER)
        state_delete(batch, TABLE_LEFTOVER, own, STATE_ANY);
    else if (!set_challenge(batch, state, own, CHALLENGE_GONE, arena, err)) {
        state_batch_destroy(batch);
        return false;
    }
    return commit(state, batch, NULL, NULL, NULL, NULL, err);
}

static const char *const verbs[] = {"journal-note", "journal-strike", "journal-claim", "journal-settle"};
enum { VERB_NOTE, VERB_STRIKE, VERB_CLAIM, VERB_SETTLE };

bool journal_has_verb(const char *verb)
{
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (strcmp(verbs[i], verb) == 0)
            return true;
    return false;
}

bool journal_subject(const char *verb, const char *argument, char *out_namespace, char *out_name, size_t size)
{
    AUTO(arena)
    struct arena *arena = arena_create();
    if ((strcmp(verb, verbs[VERB_CLAIM]) != 0 && strcmp(verb, verbs[VERB_SETTLE]) != 0) ||
        strncmp(argument, "challenge/", 10) != 0)
        return false;
    struct string_list parts = text_split(arena, argument, '/');
    if (parts.count < 4 || strlen(parts.items[1]) >= size || strlen(parts.items[2]) >= size)
        return false;
    strcpy(out_namespace, parts.items[1]);
    strcpy(out_name, parts.items[2]);
    return true;
}

int journal_run(struct state *state, const char *verb, const char *argument, const char *actor,
                struct buffer *out)
{
    AUTO(arena)
    struct arena *arena = arena_create();
    struct error err = {0};
    bool ok = strcmp(verb, verbs[VERB_CLAIM]) == 0 ? run_claim(state, argument, actor, arena, &err)
              : strcmp(verb, verbs[VERB_SETTLE]) == 0
                  ? run_settle(state, argument, arena, &err)
                  : run_note(state, argument, actor, strcmp(verb, verbs[VERB_STRIKE]) == 0, arena, &err);
    if (ok)
        return EXIT_OK;
    buffer_puts(out, err.message);
    return err.kind == ERROR_NOT_FOUND ? EXIT_ERROR : EXIT_STATE;
}

/* ---- the command's end ---- */

struct journal *journal_open(struct command_context *ctx, const char *holder)
{
    char words[300];
    struct error err = {0};
    struct state *state = NULL;
    if (state_lock_holder(ctx->config.state_directory, words, sizeof words) == 0) {
        struct state_options options = command_state_options(ctx, true, holder);
        state = state_open(&options, &err);
        /* Somebody may have taken it just now. */
        if (state == NULL && state_lock_holder(ctx->config.state_directory, words, sizeof words) == 0) {
            command_fail(ctx, EXIT_STATE, "%s", err.message);
            return NULL;
        }
    }
    struct journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL)
        fatal_memory();
    *journal = (struct journal){.ctx = ctx, .state = state};
    return journal;
}

struct state *journal_state(const struct journal *journal) { return journal != NULL ? journal->state : NULL; }

void journal_close(struct journal *journal)
{
    if (journal != NULL)
        state_close(journal->state);
    free(journal);
}

static bool write_down(struct journal *journal, int verb, const char *argument, struct error *err)
{
    struct buffer out = {0};
    int code = EXIT_STATE;
    struct control_request request = {.verb = verbs[verb], .argument = argument, .timeout_s = 60};
    bool told = true;
    if (strlen(argument) > ARGUMENT_MOST)
        return error_raise(err, ERROR_INTERNAL, "what is to be noted in the journal is too long");
    if (journal->state != NULL)
        code = journal_run(journal->state, verbs[verb], argument, "operator", &out);
    else
        told = control_send(journal->ctx->config.state_directory, &request, NULL, NULL, &out, &code, err);
    bool ok = told && code == EXIT_OK;
    if (!told)
        error_prefix(err, "the controller that holds the store");
    else if (!ok)
        error_raise(err, code == EXIT_ERROR ? ERROR_NOT_FOUND : ERROR_STATE, "%s", buffer_text(&out));
    buffer_release(&out);
    return ok;
}

static bool write_leftover(struct journal *journal, int verb, const struct leftover_record *leftover,
                           struct error *err)
{
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    field_encode(&leftover_record_table, leftover, true, &w);
    bool ok = write_down(journal, verb, buffer_text(&text), err);
    buffer_release(&text);
    return ok;
}

bool journal_note(struct journal *journal, const struct leftover_record *leftover, struct error *err)
{
    return write_leftover(journal, VERB_NOTE, leftover, err);
}

bool journal_strike(struct journal *journal, const struct leftover_record *leftover, struct error *err)
{
    return write_leftover(journal, VERB_STRIKE, leftover, err);
}

bool journal_claim(struct journal *journal, const char *key, struct error *err)
{
    return write_down(journal, VERB_CLAIM, key, err);
}

bool journal_settle(struct journal *journal, const char *key, struct error *err)
{
    return write_down(journal, VERB_SETTLE, key, err);
}
