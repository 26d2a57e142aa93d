#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "controller/check.h"
#include "controller/plan.h"

static const char symbols[VERB_COUNT] = {
    [VERB_NONE] = ' ', [VERB_ORDER] = '+', [VERB_RENEW] = '+', [VERB_REISSUE] = '~', [VERB_VALIDATE] = '~',
    [VERB_ISSUE] = '+', [VERB_DEPLOY] = '~', [VERB_RELOAD] = '~', [VERB_ADOPT] = '~', [VERB_FORGET] = '-',
    [VERB_REVOKE] = '-', [VERB_CANCEL] = '-', [VERB_BLOCKED] = '!', [VERB_WAIT] = '?'};

char *plan_money(struct arena *arena, int64_t cents, const char *currency)
{
    if (cents < 0)
        return arena_strdup(arena, "price unknown");
    return arena_printf(arena, "%lld.%02lld %s", (long long)(cents / 100), (long long)(cents % 100),
                        currency != NULL ? currency : "");
}

char *plan_total(const struct plan *plan)
{
    struct buffer text = {0};
    for (size_t i = 0; i < plan->cost_count; i++)
        buffer_printf(&text, "%s%s", i > 0 ? " + " : "", plan_money(plan->arena, plan->costs[i].cents, plan->costs[i].currency));
    if (plan->cost_unknown)
        buffer_printf(&text, "%sunknown prices", text.length > 0 ? " + " : "");
    char *words = arena_strdup(plan->arena, text.length > 0 ? buffer_text(&text) : "nothing to pay");
    buffer_release(&text);
    return words;
}

static const char *all_settled(const struct plan *plan)
{
    return plan->settled > 0 ? arena_printf(plan->arena, "%zu certificate%s as the manifests say", plan->settled,
                                            plan->settled == 1 ? " is" : "s are")
           : plan->narrowed  ? "no certificate in the manifests is meant"
                             : "there is no certificate in the manifests";
}

/* What would be paid besides, were that released which is held: all of its costs, and nothing else. */
static struct plan held_of(const struct plan *plan)
{
    struct plan held = {.arena = plan->arena};
    for (size_t i = 0; i < plan->count; i++)
        for (size_t j = 0; j < plan->items[i].count; j++)
            if (plan->items[i].steps[j].verb == VERB_BLOCKED)
                plan_add_cost(&held, &plan->items[i].steps[j]);
    return held;
}

static void summary(const struct plan *plan, struct buffer *out)
{
    const struct plan held = held_of(plan);
    bool any = false;
    for (enum verb verb = VERB_ORDER; verb < VERB_COUNT; verb++) {
        if (plan->by_verb[verb] == 0)
            continue;
        buffer_printf(out, "%s%zu %s", any ? ", " : "", plan->by_verb[verb], verb == VERB_BLOCKED ? "blocked"
                      : verb == VERB_WAIT ? "waiting for a person" : verb_name(verb));
        any = true;
    }
    buffer_printf(out, "; %s", plan_total(plan));
    if (held.cost_count > 0 || held.cost_unknown)
        buffer_printf(out, " now; %s held", plan_total(&held));
}

/* One indented paragraph, broken at blanks. */
static void wrapped(struct buffer *out, const char *label, const char *text, int width)
{
    enum { INDENT = 6 };
    int column = INDENT + (int)strlen(label);
    buffer_printf(out, "%*s%s", INDENT, "", label);
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (width > 40 && column > INDENT + (int)strlen(label) && column + (int)word + 1 > width) {
            buffer_printf(out, "\n%*s", INDENT + (int)strlen(label), "");
            column = INDENT + (int)strlen(label);
        }
        buffer_putc(out, ' ');
        buffer_append(out, text, word);
        column += (int)word + 1;
        text += word;
        while (*text == ' ')
            text++;
    }
    buffer_putc(out, '\n');
}

static const char *colour_of(const struct plan_colours *colours, enum verb verb)
{
    switch (symbols[verb]) {
    case '+': return colours->green;
    case '!':
    case '-': return colours->red;
    default: return colours->yellow;
    }
}

static void print_step(const struct plan *plan, const struct step *step, const struct plan_colours *colours, int width,
                       struct buffer *out)
{
    buffer_printf(out, "  %s%c %-8s%s %s", colour_of(colours, step->verb), symbols[step->verb], verb_name(step->verb),
                  colours->none, step->subject);
    if (step->verb == VERB_ORDER || step->verb == VERB_RENEW)
        buffer_printf(out, "%s%s%s%s", step->subject[0] != '\0' ? "  " : "", colours->bold,
                      plan_money(plan->arena, step->cost_cents, step->currency), colours->none);
    if (step->verb == VERB_BLOCKED)
        buffer_printf(out, "%s", step->code);
    buffer_putc(out, '\n');
    if (step->detail != NULL && step->detail[0] != '\0')
        wrapped(out, "what:", step->detail, width);
    if (step->reason != NULL && step->reason[0] != '\0')
        wrapped(out, "why: ", step->reason, width);
    if (step->effects != NULL)
        wrapped(out, "note:", step->effects, width);
    if (step->due > clock_now() && step->verb != VERB_WAIT)
        wrapped(out, "when:", clock_rfc3339(plan->arena, step->due), width);
    if (step->human != NULL)
        wrapped(out, "to do:", step->human, width);
    if (step->command != NULL)
        wrapped(out, step_if_lost(step) ? "if it was lost:" : "then:", step->command, width);
}

static const char offline_note[] = "nobody was asked (--offline): prices, and what the account holds already, are not known";

static void print_preflight(const struct plan *plan, const struct plan_colours *colours, int width, struct buffer *out)
{
    struct check_colours own = {.good = colours->green, .warn = colours->yellow, .bad = colours->red, .bold = colours->bold,
                                .dim = colours->dim, .none = colours->none};
    if (plan->preflight == NULL)
        return;
    buffer_printf(out, "\n%sPreflight:%s %s.\n", colours->bold, colours->none, check_summary(plan->preflight, &check_answers));
    check_print_all(plan->preflight, &check_answers, &own, width, out);
}

void plan_print_text(const struct plan *plan, const struct plan_colours *colours, int width, struct buffer *out)
{
    if (plan->offline && plan->count > 0)
        buffer_printf(out, "%snote: %s%s\n", colours->yellow, offline_note, colours->none);
    for (size_t i = 0; i < plan->notes.count; i++)
        buffer_printf(out, "%snote: %s%s\n", colours->yellow, plan->notes.items[i], colours->none);
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_item *item = &plan->items[i];
        buffer_printf(out, "\n%s%s%s", colours->bold, item->id, colours->none);
        if (item->position.line > 0)
            buffer_printf(out, "  %s%s:%d%s", colours->dim, item->position.file, item->position.line, colours->none);
        buffer_putc(out, '\n');
        for (size_t j = 0; j < item->count; j++)
            print_step(plan, &item->steps[j], colours, width, out);
    }
    if (plan->count == 0) {
        buffer_printf(out, "%sNothing to do:%s %s.\n", colours->green, colours->none, all_settled(plan));
        return;
    }
    buffer_printf(out, "\n%sPlan:%s ", colours->bold, colours->none);
    summary(plan, out);
    if (plan->settled > 0)
        buffer_printf(out, ". %zu as the manifests say", plan->settled);
    buffer_puts(out, ".\n");
    print_preflight(plan, colours, width, out);
}

static void money_member(struct json_writer *w, const struct plan *plan, const struct step *step)
{
    bool paid = step->verb == VERB_ORDER || step->verb == VERB_RENEW;
    json_key(w, "cost");
    if (paid && step->cost_cents < 0) {
        json_put_null(w);
        return;
    }
    json_begin_object(w);
    json_string_member(w, "amount", arena_printf(plan->arena, "%lld.%02lld", (long long)(paid ? step->cost_cents / 100 : 0),
                                                 (long long)(paid ? step->cost_cents % 100 : 0)));
    json_string_member(w, "currency", step->currency);
    json_end_object(w);
}

static void optional_member(struct json_writer *w, const char *name, const char *text)
{
    json_string_member(w, name, text != NULL && text[0] != '\0' ? text : NULL);
}

static void put_costs(struct json_writer *w, const char *name, const struct plan *plan)
{
    json_key(w, name);
    json_begin_array(w);
    for (size_t i = 0; i < plan->cost_count; i++) {
        json_begin_object(w);
        json_string_member(w, "amount", arena_printf(plan->arena, "%lld.%02lld", (long long)(plan->costs[i].cents / 100),
                                                     (long long)(plan->costs[i].cents % 100)));
        json_string_member(w, "currency", plan->costs[i].currency);
        json_end_object(w);
    }
    json_end_array(w);
}

void plan_print_json(const struct plan *plan, const struct desired *desired, struct buffer *out)
{
    const struct plan held = held_of(plan);
    struct json_writer w = {.out = out, .indent = 2};
    json_begin_object(&w);
    json_string_member(&w, "formatVersion", "1");
    json_string_member(&w, "certwright", CERTWRIGHT_VERSION);
    json_string_member(&w, "generatedAt", clock_rfc3339(plan->arena, clock_now()));
    json_string_member(&w, "commit", desired != NULL ? desired_commit(desired) : NULL);
    json_bool_member(&w, "offline", plan->offline);
    json_key(&w, "steps");
    json_begin_array(&w);
    for (size_t i = 0; i < plan->count; i++)
        for (size_t j = 0; j < plan->items[i].count; j++) {
            const struct step *step = &plan->items[i].steps[j];
            json_begin_object(&w);
            json_string_member(&w, "verb", verb_name(step->verb));
            json_string_member(&w, "resource", plan->items[i].id);
            optional_member(&w, "subject", step->subject);
            json_string_member(&w, "code", step->code);
            optional_member(&w, "detail", step->detail);
            optional_member(&w, "reason", step->reason);
            money_member(&w, plan, step);
            optional_member(&w, "effects", step->effects);
            optional_member(&w, "due", clock_rfc3339(plan->arena, step->due));
            optional_member(&w, "human", step->human);
            optional_member(&w, "command", step->command);
            json_end_object(&w);
        }
    json_end_array(&w);
    if (plan->preflight != NULL) {
        json_key(&w, "preflight");
        check_put_json(plan->preflight, &check_answers, &w);
    }
    json_key(&w, "summary");
    json_begin_object(&w);
    for (enum verb verb = VERB_ORDER; verb < VERB_COUNT; verb++)
        json_int_member(&w, verb_name(verb), (int64_t)plan->by_verb[verb]);
    json_int_member(&w, "settled", (int64_t)plan->settled);
    json_end_object(&w);
    put_costs(&w, "costs", plan);
    put_costs(&w, "held", &held);
    json_key(&w, "notes");
    json_begin_array(&w);
    for (size_t i = 0; i < plan->notes.count; i++)
        json_put_string(&w, plan->notes.items[i]);
    json_end_array(&w);
    json_end_object(&w);
    buffer_putc(out, '\n');
}

/* Foreign texts must not break the table or become markup. */
static void plain(struct buffer *out, const char *text)
{
    for (; text != NULL && *text != '\0'; text++) {
        if (strchr("|`<>*_[]\\#", *text) != NULL)
            buffer_putc(out, '\\');
        buffer_putc(out, (unsigned char)*text < ' ' ? ' ' : *text);
    }
}

static void cell(struct buffer *out, const char *text)
{
    plain(out, text);
    buffer_puts(out, " | ");
}

static void preflight_rows(const struct plan *plan, struct buffer *out)
{
    if (plan->preflight == NULL)
        return;
    buffer_printf(out, "\n#### Preflight: %s\n\n| answer | about | looked into | why | to do |\n|---|---|---|---|---|\n",
                  check_summary(plan->preflight, &check_answers));
    for (size_t i = 0; i < plan->preflight->count; i++) {
        const struct check *check = &plan->preflight->items[i];
        buffer_printf(out, "| **%s** | ", check_answers.json[check->outcome]);
        cell(out, check->about);
        cell(out, arena_printf(plan->arena, "%s %s", check->name, check->subject));
        cell(out, check->cause);
        plain(out, check->outcome != CHECK_YES ? check->cure : NULL);
        buffer_puts(out, " |\n");
    }
}

void plan_print_markdown(const struct plan *plan, struct buffer *out)
{
    buffer_puts(out, "### certwright plan\n\n");
    if (plan->offline && plan->count > 0)
        buffer_printf(out, "> %s\n\n", offline_note);
    for (size_t i = 0; i < plan->notes.count; i++) {
        buffer_puts(out, "> ");
        plain(out, plan->notes.items[i]);
        buffer_puts(out, "\n\n");
    }
    if (plan->count == 0) {
        buffer_printf(out, "Nothing to do: %s.\n", all_settled(plan));
        return;
    }
    buffer_puts(out, "| | step | resource | subject | cost | why | to do |\n|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < plan->count; i++)
        for (size_t j = 0; j < plan->items[i].count; j++) {
            const struct step *step = &plan->items[i].steps[j];
            buffer_printf(out, "| `%c` | **%s** | ", symbols[step->verb], verb_name(step->verb));
            cell(out, plan->items[i].id);
            cell(out, step->verb == VERB_BLOCKED ? step->code : step->subject);
            cell(out, step->verb == VERB_ORDER || step->verb == VERB_RENEW
                          ? plan_money(plan->arena, step->cost_cents, step->currency) : "");
            cell(out, step->reason);
            plain(out, step->human);
            if (step->command != NULL)
                buffer_printf(out, "%s`%s`", step->human == NULL ? "" : step_if_lost(step) ? "; if it was lost: " : "; then ", step->command);
            buffer_puts(out, " |\n");
        }
    buffer_puts(out, "\n**");
    summary(plan, out);
    buffer_puts(out, "**\n");
    preflight_rows(plan, out);
}
