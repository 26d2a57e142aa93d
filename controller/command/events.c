/* events [KIND/NAME]: what happened, newest last. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "controller/look.h"
#include "controller/look_print.h"

static int print_json(struct command_context *ctx, const struct event_list *events)
{
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    json_begin_object(&w);
    json_string_member(&w, "formatVersion", "1");
    json_key(&w, "events");
    json_begin_array(&w);
    for (size_t i = 0; i < events->count; i++)
        look_put_struct(&w, &event_record_table, &events->items[i], ctx->arena);
    json_end_array(&w);
    json_end_object(&w);
    int code = look_print_document(ctx, &text);
    buffer_release(&text);
    return code;
}

static void print_events(struct command_context *ctx, const struct event_list *events)
{
    static const char *const headings[] = {"LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"};
    struct table table;
    table_begin(&table, ctx->arena, COUNT_OF(headings), headings);
    for (size_t i = 0; i < events->count; i++) {
        const struct event_record *event = &events->items[i];
        const char *ago = command_ago(ctx, event->last_at);
        table_row(&table, event->count > 1 ? arena_printf(ctx->arena, "%s (x%d)", ago, event->count) : ago,
                  event->type, event->reason,
                  resource_id(ctx->arena, resource_kind_parse(event->kind), event->namespace_, event->name),
                  look_line(ctx->arena, event->message));
    }
    table_print(ctx, &table);
}

static struct event_list of_namespace(struct command_context *ctx, struct event_list all)
{
    struct event_list kept = {0};
    for (size_t i = 0; i < all.count; i++)
        if (ctx->namespace_ == NULL || text_equal(all.items[i].namespace_, ctx->namespace_))
            *arena_push(ctx->arena, &kept.items, kept.count) = all.items[i];
    return kept;
}

static int run(struct command_context *ctx, int argc, char **argv)
{
    enum resource_kind kind = KIND_COUNT;
    const char *namespace_ = NULL, *name = NULL;
    struct event_list events;
    struct error err = {0};
    if (argc > 2)
        return command_fail(ctx, EXIT_USAGE, "events takes one KIND/NAME");
    if (argc > 0 &&
        !command_parse_object(ctx, argc == 2 ? arena_printf(ctx->arena, "%s/%s", argv[0], argv[1]) : argv[0],
                              KIND_COUNT, &kind, &namespace_, &name))
        return EXIT_USAGE;
    AUTO(look) struct look look;
    int code = look_open(&look, ctx, false);
    if (code != EXIT_OK)
        return code;
    if (!look_events(&look, kind, namespace_, name, &events, &err))
        return command_fail_error(ctx, &err);
    events = of_namespace(ctx, events);
    if (ctx->output == OUTPUT_JSON || ctx->output == OUTPUT_YAML)
        return print_json(ctx, &events);
    if (events.count > 0)
        print_events(ctx, &events);
    else if (!ctx->quiet)
        command_fail(ctx, EXIT_OK, "there are no events%s%s", argc > 0 ? " of " : "",
                     argc > 0 ? argv[0] : "");
    return EXIT_OK;
}

const struct command command_events = {
    .name = "events",
    .arguments = "[KIND/NAME]",
    .summary = "what happened, newest last",
    .help = "Equal events of one object are counted, not repeated.",
    .formats = {[OUTPUT_WIDE] = true, [OUTPUT_JSON] = true, [OUTPUT_YAML] = true},
    .run = run,
};
