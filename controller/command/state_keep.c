/* state backup, restore, verify, rotate-key: keeping the store. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "controller/look_print.h"
#include "controller/state.h"
#include "controller/state_backup.h"
#include "controller/state_check.h"
#include "controller/state_home.h"
#include "controller/state_journal.h"
#include "controller/state_store.h"

static bool wants_document(const struct command_context *ctx)
{
    return ctx->output == OUTPUT_JSON || ctx->output == OUTPUT_YAML;
}

/* ---- backup ---- */

static int run_backup(struct command_context *ctx, int argc, char **argv)
{
    struct error err = {0};
    const char *path;
    (void)argv;
    if (argc > 0)
        return command_fail(ctx, EXIT_USAGE, "state backup takes no arguments; state.backups in the operator's file says where to");
    if (!command_config(ctx))
        return EXIT_CONFIG;
    struct state *state = command_state(ctx);
    if (state == NULL)
        return EXIT_STATE;
    int code = EXIT_OK;
    if (!state_backup(state, ctx->arena, &path, &err)) {
        code = command_fail_error(ctx, &err);
    } else if (wants_document(ctx)) {
        struct buffer text = {0};
        struct json_writer w = {.out = &text};
        json_begin_object(&w);
        json_string_member(&w, "formatVersion", "1");
        json_string_member(&w, "file", path);
        json_int_member(&w, "revision", state_revision(state));
        json_int_member(&w, "paid", state_paid_count(state));
        json_end_object(&w);
        code = look_print_document(ctx, &text);
        buffer_release(&text);
    } else {
        command_print(ctx, "%s\n", path);
    }
    state_close(state);
    return code;
}

/* ---- restore ---- */

static int run_restore(struct command_context *ctx, int argc, char **argv)
{
    struct error err = {0};
    const char *words, *file = argc > 0 ? argv[0] : NULL;
    if (argc > 1)
        return command_fail(ctx, EXIT_USAGE, "state restore takes one FILE; without one the newest good backup is taken");
    if (!command_config(ctx))
        return EXIT_CONFIG;
    if (!ctx->verbose) /* what it did is printed */
        log_setup(ctx->config.log_format, LOG_ERROR);
    if (file != NULL && strchr(file, '/') == NULL)
        file = arena_printf(ctx->arena, "%s/%s", ctx->config.backup_directory, file);
    struct state_options options = command_state_options(ctx, true, "state restore");
    if (!state_restore(&options, file, command_option(ctx, "key"), ctx->arena, &words, &err))
        return command_fail_error(ctx, &err);
    command_print(ctx, "%s\nnothing is bought until you confirm it: `certwright status` shows how\n", words);
    return EXIT_OK;
}

/* ---- verify ---- */

struct verify {
    struct command_context *ctx;
    struct keyring ring;
    struct table table;
    struct json_writer w;
    bool document, bad;
};

struct verified { /* one line */
    const char *what, *words; /* words NULL: good */
    int64_t records, revision, paid;
    int schema;
    const char *key; /* file that opens it */
};

static void put_verified(struct verify *verify, const struct verified *one)
{
    struct arena *arena = verify->ctx->arena;
    verify->bad = verify->bad || one->words != NULL;
    if (!verify->document) {
        table_row(&verify->table, one->what, one->words == NULL ? "good" : one->words, arena_printf(arena, "%lld", (long long)one->records),
                  arena_printf(arena, "%lld", (long long)one->revision), arena_printf(arena, "%lld", (long long)one->paid));
        return;
    }
    json_begin_object(&verify->w);
    json_string_member(&verify->w, "file", one->what);
    json_bool_member(&verify->w, "good", one->words == NULL);
    look_text_member(&verify->w, "problem", one->words, arena);
    json_int_member(&verify->w, "records", one->records);
    json_int_member(&verify->w, "revision", one->revision);
    json_int_member(&verify->w, "paid", one->paid);
    if (one->schema > 0)
        json_int_member(&verify->w, "schema", one->schema);
    look_text_member(&verify->w, "sealingKey", one->key, arena);
    json_end_object(&verify->w);
}

static void put_check(struct verify *verify, const char *what, const struct state_check *check)
{
    bool good = check->verdict == VAULT_GOOD;
    put_verified(verify, &(struct verified){.what = what, .words = good ? NULL : arena_strdup(verify->ctx->arena, check->words),
                                            .records = check->rows, .revision = check->counters.revision,
                                            .paid = check->counters.paid, .schema = check->schema,
                                            .key = good ? verify->ring.files[check->key] : NULL});
}

/* Beside a running controller one snapshot is walked; else the file, with its pages. */
static void verify_store(struct verify *verify, const char *directory)
{
    struct state_check check;
    const char *path = arena_printf(verify->ctx->arena, "%s/data.mdb", directory);
    bool held = state_lock_holder(directory, NULL, 0) != 0;
    if (!held)
        state_check_file(path, &verify->ring, &check);
    if (held || (check.verdict != VAULT_GOOD && state_lock_holder(directory, NULL, 0) != 0))
        state_check_live(directory, &verify->ring, &check);
    put_check(verify, path, &check);
}

static void verify_journal(struct verify *verify)
{
    const char *directory = verify->ctx->config.audit_directory;
    struct journal_summary summary;
    struct error err = {0};
    bool read = journal_read(directory, &verify->ring, NULL, NULL, &summary, &err);
    if (read && !summary.there)
        return;
    put_verified(verify, &(struct verified){.what = arena_printf(verify->ctx->arena, "%s/journal.seal", directory),
                                            .words = !read ? arena_strdup(verify->ctx->arena, err.message)
                                                     : summary.broken ? "it does not open to its end; the next start makes it anew"
                                                                      : NULL,
                                            .records = summary.entries, .revision = summary.revision, .paid = summary.paid});
}

static void verify_all(struct verify *verify, int argc, char **argv)
{
    struct command_context *ctx = verify->ctx;
    struct state_check check;
    struct backup_list backups;
    for (int i = 0; i < argc; i++) {
        const char *path = strchr(argv[i], '/') != NULL ? argv[i]
                                                        : arena_printf(ctx->arena, "%s/%s", ctx->config.backup_directory, argv[i]);
        state_check_file(path, &verify->ring, &check);
        put_check(verify, path, &check);
    }
    if (argc > 0)
        return;
    if (store_exists(ctx->config.state_directory))
        verify_store(verify, ctx->config.state_directory);
    verify_journal(verify);
    struct error err = {0};
    if (!backup_list(ctx->config.backup_directory, ctx->arena, &backups, &err))
        put_verified(verify, &(struct verified){.what = ctx->config.backup_directory, .words = arena_strdup(ctx->arena, err.message)});
    for (size_t i = 0; i < backups.count; i++) {
        state_check_file(backups.items[i].path, &verify->ring, &check);
        put_check(verify, backups.items[i].path, &check);
    }
}

static int run_verify(struct command_context *ctx, int argc, char **argv)
{
    static const char *const headings[] = {"FILE", "STATE", "RECORDS", "REVISION", "PAID STEPS"};
    struct verify verify = {.ctx = ctx, .document = wants_document(ctx)};
    struct buffer text = {0};
    struct error err = {0};
    if (!command_config(ctx))
        return EXIT_CONFIG;
    if (!home_check(ctx->config.state_directory, false, &err) ||
        !keyring_load(&verify.ring, ctx->config.sealing_key_file, ctx->arena, &err))
        return command_fail_error(ctx, &err);
    struct state_options options = command_state_options(ctx, false, NULL);
    if (argc == 0 && !state_remembered(&options)) {
        keyring_release(&verify.ring);
        return command_fail(ctx, EXIT_ERROR, "there is no store in %s to look into", ctx->config.state_directory);
    }
    if (verify.ring.count == 0)
        return command_fail(ctx, EXIT_STATE, "the sealing key %s is missing: nothing can be opened without it",
                            ctx->config.sealing_key_file);
    verify.w.out = &text;
    table_begin(&verify.table, ctx->arena, COUNT_OF(headings), headings);
    if (verify.document) {
        json_begin_object(&verify.w);
        json_string_member(&verify.w, "formatVersion", "1");
        json_key(&verify.w, "files");
        json_begin_array(&verify.w);
    }
    verify_all(&verify, argc, argv);
    int code = verify.bad ? EXIT_STATE : EXIT_OK;
    if (verify.document) {
        json_end_array(&verify.w);
        json_end_object(&verify.w);
        look_print_document(ctx, &text);
    } else {
        table_print(ctx, &verify.table);
    }
    buffer_release(&text);
    keyring_release(&verify.ring);
    return code;
}

/* ---- rotate-key ---- */

static int run_rotate(struct command_context *ctx, int argc, char **argv)
{
    struct error err = {0};
    const char *former;
    (void)argv;
    if (argc > 0)
        return command_fail(ctx, EXIT_USAGE, "state rotate-key takes no arguments");
    if (!command_config(ctx))
        return EXIT_CONFIG;
    if (!ctx->verbose)
        log_setup(ctx->config.log_format, LOG_ERROR);
    struct state_options options = command_state_options(ctx, true, "state rotate-key");
    if (!state_rotate_key(&options, ctx->arena, &former, &err))
        return command_fail_error(ctx, &err);
    command_print(ctx,
                  "every record is sealed anew; the new key is %s: back it up now\n"
                  "the former key is %s: keep it as long as backups from before today are kept\n",
                  ctx->config.sealing_key_file, former);
    return EXIT_OK;
}

/* ---- the verbs ---- */

const struct command command_state_backup = {
    .name = "state backup",
    .arguments = "",
    .summary = "copy the store now",
    .help = "A compacted copy into state.backups of the operator's file, walked whole before it is named; the newest seven are\n"
            "kept. Also beside a running controller, which makes one a day by itself.",
    .formats = {[OUTPUT_JSON] = true, [OUTPUT_YAML] = true},
    .run = run_backup,
};
static const struct command_option restore_options[] = {
    {"key", "FILE", "the sealing key of that backup, if it was a former one"},
    {0},
};
const struct command command_state_restore = {
    .name = "state restore",
    .arguments = "[FILE]",
    .summary = "put a backup in the store's place",
    .help = "Without FILE the newest good backup. What the journal of paid steps and keys holds since goes in as well. The store that\n"
            "is there is kept beside. Nothing is bought afterwards until `certwright confirm`. Refused while a controller runs.",
    .options = restore_options,
    .run = run_restore,
};
const struct command command_state_verify = {
    .name = "state verify",
    .arguments = "[FILE...]",
    .summary = "walk store, journal and backups whole",
    .help = "Every page is accounted for, every record found by its key and opened, in a child process. Changes nothing, also beside\n"
            "a running controller. Exit code 5 when something is not good.",
    .formats = {[OUTPUT_JSON] = true, [OUTPUT_YAML] = true},
    .run = run_verify,
};
const struct command command_state_rotate_key = {
    .name = "state rotate-key",
    .arguments = "",
    .summary = "a new sealing key, and every record sealed anew",
    .help = "Until the last moment the store stays as it is under the former key; killed at any point, the next start finds one key\n"
            "that opens it. The former key is kept beside the new one for older backups. Refused while a controller runs.",
    .run = run_rotate,
};
