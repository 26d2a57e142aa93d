/* state list, state show: the store as it is, for whoever must look underneath. Blobs hold keys: of them only
 * the kind and the size are told. */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/secret.h"
#include "controller/index.h"
#include "controller/look.h"
#include "controller/look_print.h"
#include "controller/records.h"

/* ---- list ---- */

struct rows {
    struct command_context *ctx;
    struct table table;
    struct json_writer w;
    int64_t count, bytes;
    bool document;
};

/* Index keys hold an unprintable separator; for people it is a slash. */
static const char *shown_key(struct arena *arena, const char *key)
{
    char *shown = arena_strdup(arena, key);
    for (char *at = shown; *at != '\0'; at++)
        if (*at == KEY_SEPARATOR)
            *at = '/';
    return look_line(arena, shown);
}

static bool count_row(const char *key, struct span value, int64_t revision, void *arg)
{
    struct rows *rows = arg;
    (void)key, (void)revision;
    rows->count++;
    rows->bytes += (int64_t)value.length;
    return true;
}

static bool list_row(const char *key, struct span value, int64_t revision, void *arg)
{
    struct rows *rows = arg;
    struct arena *arena = rows->ctx->arena;
    const char *shown = shown_key(arena, key);
    if (rows->document) {
        json_begin_object(&rows->w);
        json_string_member(&rows->w, "key", shown);
        json_int_member(&rows->w, "revision", revision);
        json_int_member(&rows->w, "bytes", (int64_t)value.length);
        json_end_object(&rows->w);
    } else {
        table_row(&rows->table, shown, arena_printf(arena, "%lld", (long long)revision),
                  arena_printf(arena, "%zu", value.length));
    }
    rows->count++;
    return true;
}

static bool list_tables(struct look *look, struct rows *rows, struct error *err)
{
    struct arena *arena = look->ctx->arena;
    for (int table = 0; table < TABLE_COUNT; table++) {
        rows->count = rows->bytes = 0;
        if (!state_scan(look->state, (enum state_table)table, "", count_row, rows, err))
            return false;
        const char *name = state_table_name((enum state_table)table);
        if (rows->document) {
            json_begin_object(&rows->w);
            json_string_member(&rows->w, "table", name);
            json_int_member(&rows->w, "records", rows->count);
            json_int_member(&rows->w, "bytes", rows->bytes);
            json_end_object(&rows->w);
        } else {
            table_row(&rows->table, name, arena_printf(arena, "%lld", (long long)rows->count),
                      arena_printf(arena, "%lld", (long long)rows->bytes));
        }
    }
    return true;
}

static void begin_document(struct rows *rows, struct look *look, const char *members)
{
    json_begin_object(&rows->w);
    json_string_member(&rows->w, "formatVersion", "1");
    look_text_member(&rows->w, "installation", state_installation(look->state), look->ctx->arena);
    json_int_member(&rows->w, "revision", state_revision(look->state));
    json_key(&rows->w, members);
    json_begin_array(&rows->w);
}

static int run_list(struct command_context *ctx, int argc, char **argv)
{
    static const char *const tables[] = {"TABLE", "RECORDS", "BYTES"}, *const records[] = {"KEY", "REVISION",
                                                                                           "BYTES"};
    struct buffer text = {0};
    struct rows rows = {
        .ctx = ctx, .w.out = &text, .document = ctx->output == OUTPUT_JSON || ctx->output == OUTPUT_YAML};
    enum state_table which = TABLE_COUNT;
    struct error err = {0};
    if (argc > 1 || (argc == 1 && !state_table_parse(argv[0], &which)))
        return command_fail(ctx, EXIT_USAGE,
                            argc > 1 ? "state list takes one TABLE"
                                     : "there is no such table; `certwright state list` names them all");
    AUTO(look) struct look look;
    int code = look_open(&look, ctx, false);
    if (code != EXIT_OK)
        return code;
    table_begin(&rows.table, ctx->arena, 3, argc > 0 ? records : tables);
    if (rows.document)
        begin_document(&rows, &look, argc > 0 ? "records" : "tables");
    bool ok =
        argc > 0 ? state_scan(look.state, which, "", list_row, &rows, &err) : list_tables(&look, &rows, &err);
    if (!ok) {
        code = command_fail_error(ctx, &err);
    } else if (rows.document) {
        json_end_array(&rows.w);
        json_end_object(&rows.w);
        code = look_print_document(ctx, &text);
    } else if (argc == 0 || rows.count > 0) {
        table_print(ctx, &rows.table);
    } else if (!ctx->quiet) {
        command_fail(ctx, EXIT_OK, "the table %s is empty", argv[0]);
    }
    buffer_release(&text);
    return code;
}

/* ---- show ---- */

static void put_index_row(struct json_writer *w, struct span value, struct arena *arena)
{
    struct index_row row;
    json_begin_object(w);
    if (index_decode(value, &row)) {
        json_string_member(w, "digest", text_hex(arena, row.digest, sizeof row.digest));
        json_string_member(w, "shared", text_hex(arena, row.shared, sizeof row.shared));
        look_time_member(w, "due", row.due, arena);
        json_bool_member(w, "rest", (row.flags & INDEX_REST) != 0);
        json_bool_member(w, "hasOrder", (row.flags & INDEX_HAS_ORDER) != 0);
        json_bool_member(w, "blocked", (row.flags & INDEX_BLOCKED) != 0);
        json_bool_member(w, "forgotten", (row.flags & INDEX_FORGOTTEN) != 0);
        json_bool_member(w, "purchaseConfirmed", (row.flags & INDEX_CONFIRMED) != 0);
    }
    json_end_object(w);
}

static const char *blob_kind(const char *key)
{
    static const struct {
        const char *prefix, *kind;
    } kinds[] = {{"key/", "private key"}, {"csr/", "signing request"}, {"request/", "prepared order request"},
                 {"cert/", "certificate"}, {"chain/", "certificate chain"}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (text_has_prefix(key, kinds[i].prefix))
            return kinds[i].kind;
    return "blob";
}

static void put_shown(struct json_writer *w, enum state_table table, const char *key, struct span value,
                      struct arena *arena)
{
    const struct field_table *fields = record_fields(table);
    if (table == TABLE_BLOB) {
        json_string_member(w, "kind", blob_kind(key));
        secret_wipe((void *)(uintptr_t)value.data, value.length);
        return;
    }
    json_key(w, "record");
    if (table == TABLE_INDEX)
        put_index_row(w, value, arena);
    else if (table == TABLE_META)
        json_put_string(w, look_line(arena, arena_strndup(arena, value.data, value.length)));
    else if (table == TABLE_FILE || /* file identities, for this program only */
             !look_put_record(w, fields, value.data, value.length, arena))
        json_put_null(w);
}

static int run_show(struct command_context *ctx, int argc, char **argv)
{
    enum state_table table;
    struct span value;
    int64_t revision = 0;
    struct error err = {0};
    if (argc != 2)
        return command_fail(ctx, EXIT_USAGE, "state show takes TABLE and KEY, as: order default/shop/000001");
    if (!state_table_parse(argv[0], &table))
        return command_fail(ctx, EXIT_USAGE,
                            "there is no table \"%s\"; `certwright state list` names them all", argv[0]);
    AUTO(look) struct look look;
    int code = look_open(&look, ctx, false);
    if (code != EXIT_OK)
        return code;
    char *key = arena_strdup(ctx->arena, argv[1]);
    for (char *at = key; table == TABLE_INDEX && *at != '\0'; at++)
        if (*at == '/')
            *at = KEY_SEPARATOR;
    if (!state_get(look.state, table, key, ctx->arena, &value, &revision, &err))
        return err.kind == ERROR_NOT_FOUND
                   ? command_fail(ctx, EXIT_ERROR,
                                  "the table %s has no \"%s\"; `certwright state list %s` shows its keys",
                                  argv[0], argv[1], argv[0])
                   : command_fail_error(ctx, &err);
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    json_begin_object(&w);
    json_string_member(&w, "formatVersion", "1");
    json_string_member(&w, "table", argv[0]);
    json_string_member(&w, "key", shown_key(ctx->arena, key));
    json_int_member(&w, "revision", revision);
    json_int_member(&w, "bytes", (int64_t)value.length);
    put_shown(&w, table, key, value, ctx->arena);
    json_end_object(&w);
    code = look_print_document(ctx, &text);
    buffer_release(&text);
    return code;
}

const struct command command_state_list = {
    .name = "state list",
    .arguments = "[TABLE]",
    .summary = "the tables of the store, or the keys of one",
    .help = "Opens the store for reading, also beside a running controller.",
    .formats = {[OUTPUT_WIDE] = true, [OUTPUT_JSON] = true, [OUTPUT_YAML] = true},
    .run = run_list,
};
const struct command command_state_show = {
    .name = "state show",
    .arguments = "TABLE KEY",
    .summary = "one record of the store",
    .help = "Keys, requests and certificates are never shown: only their kind and size.",
    .formats = {[OUTPUT_JSON] = true, [OUTPUT_YAML] = true},
    .run = run_show,
};
