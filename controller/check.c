#include "controller/check.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "controller/command.h"
#include "controller/look_print.h"

const struct check_style check_answers = {.words = {"yes    ", "yes    ", "no     ", "unknown"},
                                          .json = {"yes", "yes", "no", "unknown"},
                                          .indent = 11};
const struct check_style check_marks = {
    .words = {"✓", "!", "✗", "?"}, .json = {"ok", "warn", "failed", "unknown"}, .indent = 5, .times = true};
const struct check_style check_health = {.words = {"ok     ", "warn   ", "fail   ", "unknown"},
                                         .json = {"ok", "warn", "fail", "unknown"},
                                         .indent = 11};

struct check *check_add(struct check_list *list, const struct check *check)
{
    struct check *own = arena_push(list->arena, &list->items, list->count);
    *own = *check;
    own->subject = own->subject != NULL ? own->subject : "";
    own->cause = own->cause != NULL ? look_line(list->arena, own->cause) : "";
    list->by_outcome[own->outcome]++;
    if (list->told != NULL)
        list->told(own, list->told_arg);
    return own;
}

enum check_outcome check_outcome_of(const struct error *err)
{
    switch (err->kind) {
    case ERROR_UNREACHABLE:
    case ERROR_THROTTLED:
    case ERROR_MALFORMED:
    case ERROR_INTERNAL: return CHECK_UNKNOWN;
    default: return CHECK_NO;
    }
}

const char *check_cure_of(const struct error *err)
{
    switch (err->kind) {
    case ERROR_UNREACHABLE:
        return "try again; if it stays, look at the network, the firewall and the far side's own status";
    case ERROR_THROTTLED: return "wait a while, then try again; other programs share the account's limit";
    case ERROR_MALFORMED: return "try again; if it stays, look at what answers at that address";
    case ERROR_CREDENTIAL:
        return "compare the account's credentials with the page of the service in docs/dns, or with the "
               "vendor's panel";
    default: return NULL;
    }
}

/* ---- text ---- */

struct check_colours check_colours_of(const struct command_context *ctx)
{
    return (struct check_colours){.good = command_colour(ctx, COLOUR_GREEN),
                                  .warn = command_colour(ctx, COLOUR_YELLOW),
                                  .bad = command_colour(ctx, COLOUR_RED),
                                  .bold = command_colour(ctx, COLOUR_BOLD),
                                  .dim = command_colour(ctx, COLOUR_DIM),
                                  .none = command_colour(ctx, COLOUR_NONE)};
}

/* Words one after the other from `column` on, broken at blanks below `indent`. */
static void wrapped(struct buffer *out, const char *text, int column, int indent, int width)
{
    bool first = true;
    while (*text != '\0') {
        int word = (int)strcspn(text, " ");
        if (!first && width > 40 && column + 1 + word > width) {
            buffer_printf(out, "\n%*s", indent, "");
            column = indent;
            first = true;
        }
        buffer_printf(out, "%s%.*s", first ? "" : " ", word, text);
        column += word + !first;
        first = false;
        text += word;
        text += strspn(text, " ");
    }
    buffer_putc(out, '\n');
}

static const char *tint(const struct check_colours *colours, enum check_outcome outcome)
{
    switch (outcome) {
    case CHECK_YES: return colours->good;
    case CHECK_NO: return colours->bad;
    default: return colours->warn;
    }
}

void check_print(const struct check *check, const struct check *previous, const struct check_style *style,
                 const struct check_colours *colours, int width, struct buffer *out)
{
    if (previous == NULL || strcmp(previous->about, check->about) != 0)
        buffer_printf(out, "%s%s%s%s\n", previous != NULL ? "\n" : "", colours->bold, check->about,
                      colours->none);
    buffer_printf(out, "  %s%s%s  ", tint(colours, check->outcome), style->words[check->outcome],
                  colours->none);
    struct buffer line = {0};
    buffer_printf(&line, "%s%s%s", check->name, check->subject[0] != '\0' ? " " : "", check->subject);
    if (check->cause[0] != '\0')
        buffer_printf(&line, ": %s", check->cause);
    if (style->times && check->took_ms >= 0)
        buffer_printf(&line, " (%lld.%03lld s)", (long long)(check->took_ms / 1000),
                      (long long)(check->took_ms % 1000));
    wrapped(out, buffer_text(&line), style->indent, style->indent, width);
    buffer_release(&line);
    if (check->cure != NULL && check->outcome != CHECK_YES) {
        buffer_printf(out, "%*sto do: ", style->indent, "");
        wrapped(out, check->cure, style->indent + 7, style->indent + 7, width);
    }
}

void check_print_all(const struct check_list *list, const struct check_style *style,
                     const struct check_colours *colours, int width, struct buffer *out)
{
    for (size_t i = 0; i < list->count; i++)
        check_print(&list->items[i], i > 0 ? &list->items[i - 1] : NULL, style, colours, width, out);
}

const char *check_summary(const struct check_list *list, const struct check_style *style)
{
    struct string_list parts = {0};
    for (int outcome = 0; outcome < CHECK_OUTCOME_COUNT; outcome++) {
        size_t count = list->by_outcome[outcome];
        if (outcome == CHECK_YES && strcmp(style->json[CHECK_WARN], style->json[CHECK_YES]) == 0)
            count += list->by_outcome[CHECK_WARN];
        else if (outcome == CHECK_WARN && strcmp(style->json[CHECK_WARN], style->json[CHECK_YES]) == 0)
            continue;
        if (count > 0)
            string_list_push(list->arena, &parts,
                             arena_printf(list->arena, "%zu %s", count, style->json[outcome]));
    }
    return parts.count > 0 ? string_list_join(list->arena, &parts, ", ") : "nothing to look into";
}

/* ---- documents ---- */

void check_put_json(const struct check_list *list, const struct check_style *style, struct json_writer *w)
{
    json_begin_array(w);
    for (size_t i = 0; i < list->count; i++) {
        const struct check *check = &list->items[i];
        json_begin_object(w);
        json_string_member(w, "about", check->about);
        json_string_member(w, "check", check->name);
        look_text_member(w, "subject", check->subject, list->arena);
        json_string_member(w, "outcome", style->json[check->outcome]);
        look_text_member(w, "cause", check->cause, list->arena);
        if (check->outcome != CHECK_YES)
            look_text_member(w, "cure", check->cure, list->arena);
        if (style->times && check->took_ms >= 0)
            json_int_member(w, "milliseconds", check->took_ms);
        json_end_object(w);
    }
    json_end_array(w);
}

static bool wants_document(const struct command_context *ctx)
{
    return ctx->output == OUTPUT_JSON || ctx->output == OUTPUT_YAML;
}

void check_print_list(struct command_context *ctx, const struct check_list *list,
                      const struct check_style *style)
{
    struct buffer text = {0};
    if (wants_document(ctx)) {
        struct json_writer w = {.out = &text};
        json_begin_object(&w);
        json_string_member(&w, "formatVersion", "1");
        json_key(&w, "checks");
        check_put_json(list, style, &w);
        for (int outcome = 0; outcome < CHECK_OUTCOME_COUNT; outcome++)
            if (outcome != CHECK_WARN || strcmp(style->json[CHECK_WARN], style->json[CHECK_YES]) != 0)
                json_int_member(&w, style->json[outcome], (int64_t)list->by_outcome[outcome]);
        json_end_object(&w);
        look_print_document(ctx, &text);
    } else {
        struct check_colours colours = check_colours_of(ctx);
        if (list->told == NULL)
            check_print_all(list, style, &colours, command_width(ctx), &text);
        buffer_printf(&text, "%s%s.\n", list->count > 0 ? "\n" : "", check_summary(list, style));
        command_write(ctx, buffer_text(&text), text.length);
    }
    buffer_release(&text);
}

struct teller {
    struct command_context *ctx;
    const struct check_style *style;
    struct check_colours colours;
    struct check last;
    bool any;
};

static void tell(const struct check *check, void *arg)
{
    struct teller *teller = arg;
    struct buffer text = {0};
    check_print(check, teller->any ? &teller->last : NULL, teller->style, &teller->colours,
                command_width(teller->ctx), &text);
    command_write(teller->ctx, buffer_text(&text), text.length);
    if (teller->ctx->out == NULL)
        command_flush(teller->ctx);
    buffer_release(&text);
    teller->last = *check;
    teller->any = true;
}

void check_tell(struct command_context *ctx, struct check_list *list, const struct check_style *style)
{
    if (wants_document(ctx))
        return;
    struct teller *teller = arena_alloc(list->arena, sizeof *teller);
    *teller = (struct teller){.ctx = ctx, .style = style, .colours = check_colours_of(ctx)};
    list->told = tell;
    list->told_arg = teller;
}
