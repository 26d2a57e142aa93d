/* version: the program's, and with --rules the industry's dates that it goes by. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "controller/command.h"
#include "controller/look_print.h"
#include "schema/manifest.h"
#include "schema/rules.h"

enum { DAY_S = 86400 };

/* The next rung of the ladder of validity; NULL: that was the last. Rungs begin on days. */
static const struct validity_rule *next_rung(const struct validity_rule *rung)
{
    const struct validity_rule *last = rules_validity(INT64_MAX);
    if (rung == last)
        return NULL;
    for (int64_t at = rung->from + DAY_S; at < last->from; at += DAY_S)
        if (rules_validity(at) != rung)
            return rules_validity(at);
    return last;
}

static void put_rules(struct json_writer *w, struct arena *arena)
{
    json_key(w, "validity");
    json_begin_array(w);
    for (const struct validity_rule *rung = rules_validity(0); rung != NULL; rung = next_rung(rung)) {
        json_begin_object(w);
        look_time_member(w, "from", rung->from, arena);
        json_int_member(w, "maxDays", rung->max_days);
        json_int_member(w, "advisedDays", rung->advised_days);
        json_int_member(w, "dcvReuseDays", rung->dcv_reuse_days);
        json_string_member(w, "source", rung->source);
        json_end_object(w);
    }
    json_end_array(w);
    json_key(w, "rules");
    json_begin_array(w);
    for (unsigned i = 0; rules_dated_at(i) != NULL; i++) {
        const struct dated_rule *rule = rules_dated_at(i);
        json_begin_object(w);
        json_string_member(w, "word", rule->word);
        look_time_member(w, "from", rule->from, arena);
        json_bool_member(w, "inForce", clock_now() >= rule->from);
        json_string_member(w, "text", rule->text);
        json_string_member(w, "source", rule->source);
        json_end_object(w);
    }
    json_end_array(w);
}

static int print_json(struct command_context *ctx, bool rules)
{
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    json_begin_object(&w);
    json_string_member(&w, "formatVersion", "1");
    json_string_member(&w, "version", CERTWRIGHT_VERSION);
    json_string_member(&w, "apiVersion", MANIFEST_API_VERSION);
    json_string_member(&w, "rulesVersion", rules_version());
    if (rules)
        put_rules(&w, ctx->arena);
    json_end_object(&w);
    int code = look_print_document(ctx, &text);
    buffer_release(&text);
    return code;
}

static const char *day(struct command_context *ctx, int64_t at)
{
    return arena_strndup(ctx->arena, clock_rfc3339(ctx->arena, at), 10);
}

static void print_rules(struct command_context *ctx)
{
    static const char *const rungs[] = {"FROM", "MOST DAYS", "ADVISED", "VALIDATION REUSED", "SOURCE"};
    static const char *const rules[] = {"FROM", "IN FORCE", "RULE", "SOURCE"};
    struct table table;
    table_begin(&table, ctx->arena, COUNT_OF(rungs), rungs);
    for (const struct validity_rule *rung = rules_validity(0); rung != NULL; rung = next_rung(rung))
        table_row(&table, day(ctx, rung->from), arena_printf(ctx->arena, "%d", rung->max_days),
                  arena_printf(ctx->arena, "%d", rung->advised_days),
                  arena_printf(ctx->arena, "%d days", rung->dcv_reuse_days), rung->source);
    command_print(ctx, "\nHow long a certificate lasts\n");
    table_print(ctx, &table);
    table_begin(&table, ctx->arena, COUNT_OF(rules), rules);
    for (unsigned i = 0; rules_dated_at(i) != NULL; i++) {
        const struct dated_rule *rule = rules_dated_at(i);
        table_row(&table, day(ctx, rule->from), clock_now() >= rule->from ? "yes" : "not yet", rule->text,
                  rule->source);
    }
    command_print(ctx, "\nDated rules\n");
    table_print(ctx, &table);
}

static int run(struct command_context *ctx, int argc, char **argv)
{
    bool rules = command_option(ctx, "rules") != NULL;
    (void)argv;
    if (argc > 0)
        return command_fail(ctx, EXIT_USAGE, "version takes no arguments");
    if (ctx->output == OUTPUT_JSON || ctx->output == OUTPUT_YAML)
        return print_json(ctx, rules);
    command_print(ctx, "certwright %s (%s, rules of %s)\n", CERTWRIGHT_VERSION, MANIFEST_API_VERSION,
                  rules_version());
    if (rules)
        print_rules(ctx);
    return EXIT_OK;
}

static const struct command_option options[] = {
    {"rules", NULL, "the industry's dated rules and the ladder of validity"},
    {0},
};
const struct command command_version = {
    .name = "version",
    .arguments = "",
    .summary = "the version, and the rules it knows (also --version)",
    .help = "Rules and their dates are data compiled in; which of them act depends on the day.",
    .options = options,
    .formats = {[OUTPUT_JSON] = true, [OUTPUT_YAML] = true},
    .run = run,
};
