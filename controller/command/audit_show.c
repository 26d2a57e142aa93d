/* audit show: who did what, from the audit file. */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "controller/command.h"
#include "controller/look_print.h"
#include "controller/state.h"

struct showing {
    struct command_context *ctx;
    int64_t since;
    struct table table;
    struct json_writer w;
    size_t count;
};

static bool show_line(const char *line, void *arg)
{
    struct showing *showing = arg;
    struct arena *arena = showing->ctx->arena;
    AUTO(json) struct json *entry = json_parse(line, strlen(line), NULL);
    int64_t at = 0, sequence = 0;
    const char *time = json_string(json_member(entry, "time"));
    if (time == NULL || !clock_parse_rfc3339(time, &at) || at < showing->since)
        return true;
    showing->count++;
    json_int(json_member(entry, "seq"), &sequence);
    if (showing->w.out != NULL) {
        look_put_record(&showing->w, NULL, line, strlen(line), arena);
        return true;
    }
    table_row(&showing->table, arena_printf(arena, "%lld", (long long)sequence), clock_rfc3339(arena, at),
              look_line(arena, json_string(json_member(entry, "actor"))),
              look_line(arena, json_string(json_member(entry, "subject"))),
              look_line(arena, json_string(json_member(entry, "action"))),
              look_line(arena, json_string(json_member(entry, "detail"))));
    return true;
}

/* A time, a day, or how long ago. */
static bool parse_since(const char *text, int64_t *out)
{
    int64_t ms;
    if (clock_parse_rfc3339(text, out))
        return true;
    if (!text_parse_duration_ms(text, &ms))
        return false;
    *out = clock_now() - ms / 1000;
    return true;
}

static int run(struct command_context *ctx, int argc, char **argv)
{
    static const char *const headings[] = {"SEQ", "TIME", "ACTOR", "SUBJECT", "ACTION", "DETAIL"};
    struct showing showing = {.ctx = ctx};
    struct buffer text = {0};
    struct error err = {0};
    const char *since = command_option(ctx, "since");
    bool document = ctx->output == OUTPUT_JSON || ctx->output == OUTPUT_YAML;
    int code = EXIT_OK;
    (void)argv;
    if (argc > 0)
        return command_fail(ctx, EXIT_USAGE, "audit show takes no arguments");
    if (since != NULL && !parse_since(since, &showing.since))
        return command_fail(ctx, EXIT_USAGE,
                            "\"%s\" is no time: write 2026-11-22, 2026-11-22T03:40:00Z or 36h", since);
    if (!command_config(ctx))
        return EXIT_CONFIG;
    table_begin(&showing.table, ctx->arena, COUNT_OF(headings), headings);
    if (document) {
        showing.w.out = &text;
        json_begin_object(&showing.w);
        json_string_member(&showing.w, "formatVersion", "1");
        json_key(&showing.w, "entries");
        json_begin_array(&showing.w);
    }
    /* No file yet: nothing was done. */
    if (!audit_read(ctx->config.audit_directory, show_line, &showing, &err) && err.kind != ERROR_NOT_FOUND) {
        code = command_fail_error(ctx, &err);
    } else if (document) {
        json_end_array(&showing.w);
        json_end_object(&showing.w);
        code = look_print_document(ctx, &text);
    } else if (showing.count > 0) {
        table_print(ctx, &showing.table);
    } else if (!ctx->quiet) {
        command_fail(ctx, EXIT_OK, "the audit log holds nothing%s", since != NULL ? " since then" : " yet");
    }
    buffer_release(&text);
    return code;
}

static const struct command_option options[] = {
    {"since", "TIME", "only from then on: a time, a day, or how long ago (36h)"},
    {0},
};
const struct command command_audit_show = {
    .name = "audit show",
    .arguments = "",
    .summary = "who did what, from the audit log",
    .help = "Each line carries the hash of the line before it. Nothing in it is a secret.",
    .options = options,
    .formats = {[OUTPUT_WIDE] = true, [OUTPUT_JSON] = true, [OUTPUT_YAML] = true},
    .run = run,
};
