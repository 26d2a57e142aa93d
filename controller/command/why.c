/* why KIND/NAME: one screen: what is wrong, since when, who must act, what is next, the exact command. */
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "controller/guard.h"
#include "controller/look.h"
#include "controller/look_print.h"
#include "controller/records.h"
#include "reconcilers/dns/credential.h"
#include "schema/certificate.h"
#include "schema/dns_account.h"

enum { LAST_EVENTS = 5, UNSEEN_S = 60 };

struct answer { /* the same for every kind */
    const char *id, *code, *what, *who, *human, *command, *next, *failure, *controller, *manifest;
    bool wrong;
    int64_t since, failing_since, due;
    struct problem_list problems;
    struct string_list referrers;
    struct event_list events;
    const struct certificate_look *certificate; /* NULL: another kind */
    const char *when; /* the command is for: "Command", "Then" after what is to do, or "If lost" */
};

/* ---- certificates ---- */

/* Everything a person has to place, not only what is looked at next. */
static const char *by_hand(const struct certificate_view *view, struct arena *arena)
{
    struct string_list texts = {0};
    for (size_t i = 0; i < view->challenge_count; i++) {
        const struct challenge_record *c = &view->challenges[i];
        const char *what = look_challenge(arena, c);
        if (!c->manual || c->validated || c->state >= CHALLENGE_SEEN || what[0] == '\0' ||
            c->method == DCV_EMAIL)
            continue;
        string_list_push(arena, &texts,
                         c->method == DCV_DNS ? arena_printf(arena, "make this record: %s", what)
                                              : arena_printf(arena, "place this file, exactly: %s", what));
    }
    return texts.count > 1 ? string_list_join(arena, &texts, "\n") : NULL;
}

static const char *next_words(struct look *look, const struct certificate_look *c)
{
    struct arena *arena = look->ctx->arena;
    if (c->step.action == ACTION_BLOCKED)
        return "nothing is tried before that changes";
    if (c->step.action == ACTION_REST && c->step.due > 0)
        return arena_printf(arena, "its replacement is due %s", look_time(look->ctx, look_replacement_due(c)));
    if (c->step.action == ACTION_REST)
        return "nothing is due";
    if (c->step.due > c->view.now)
        return arena_printf(arena, "looked at again %s", look_time(look->ctx, c->step.due));
    return look->lock_pid > 0 ? "the controller is at it" : "as soon as a controller runs";
}

static int64_t since_of(const struct certificate_look *c)
{
    static const enum condition_type types[] = {CONDITION_BLOCKED, CONDITION_AWAITING_APPROVAL,
                                                CONDITION_STALLED};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (c->conditions[types[i]].status == CONDITION_TRUE && c->conditions[types[i]].since > 0)
            return c->conditions[types[i]].since;
    if (c->failing_since > 0 && c->failure != NULL)
        return c->failing_since;
    return c->conditions[CONDITION_READY].since;
}

/* A proof that nobody sees a minute after it was made: most likely it will not be seen by itself. */
static bool long_unseen(const struct certificate_view *view)
{
    for (size_t i = 0; i < view->challenge_count; i++) {
        const struct challenge_record *c = &view->challenges[i];
        if (c->state == CHALLENGE_PRESENTED && !c->manual && c->last_check[0] != '\0' && !c->validated &&
            view->now - c->presented_at > UNSEEN_S)
            return true;
    }
    return false;
}

static const char *held_words(struct look *look, const struct guard_hold *hold)
{
    return arena_printf(look->ctx->arena, "%s: %s; what it said before is in force; `certwright confirm %s` releases it",
                        hold->kind, hold->words, hold->digest);
}

/* A guard keeps it as it was: that is the news about it. */
static void held(struct look *look, const struct guard_hold *hold, struct answer *out)
{
    struct arena *arena = look->ctx->arena;
    out->wrong = true;
    out->manifest = arena_printf(arena, "what it said before is in force; it stands at %s",
                                 out->code != NULL ? out->code : "nothing");
    out->code = hold->kind;
    out->what = arena_printf(arena, "%s; held with %zu in all", hold->words, hold->subjects.count);
    out->who = "the operator";
    out->human = hold->human;
    out->command = arena_printf(arena, "certwright confirm %s", hold->digest);
    out->when = "Command";
}

static bool why_certificate(struct look *look, const char *namespace_, const char *name,
                            struct certificate_look *c, struct answer *out, struct error *err)
{
    struct arena *arena = look->ctx->arena;
    if (!look_certificate(look, namespace_, name, arena, c, err))
        return false;
    const char *hand = by_hand(&c->view, arena);
    out->certificate = c;
    out->code = c->step.code;
    out->what = c->step.reason;
    out->wrong =
        c->standing != STANDING_FINE && c->standing != STANDING_WORKING && c->standing != STANDING_FORGOTTEN;
    out->who = c->who;
    out->human = hand != NULL ? hand : c->step.human;
    out->command = c->step.command;
    out->when = step_if_lost(&c->step) ? "If lost" : "Command";
    out->next = next_words(look, c);
    out->due = c->step.due;
    out->failure = c->failure;
    out->failing_since = c->failing_since;
    out->since = since_of(c);
    out->wrong = out->wrong || long_unseen(&c->view);
    if (c->entry != NULL && c->entry->stale) {
        if (!out->wrong) { /* the certificate itself is well: what waits is the edit */
            out->who = "the author of the manifest";
            out->human = "correct the manifest, or take the edit back";
        }
        out->wrong = true;
        out->manifest = "it is broken now; the last good form is in force";
    }
    const struct guard_hold *hold = desired_hold_of(look->desired, KIND_CERTIFICATE, namespace_, name);
    if (hold != NULL && c->standing != STANDING_BLOCKED)
        held(look, hold, out);
    else if (hold != NULL)
        out->manifest = held_words(look, hold);
    if (look->lock_pid == 0 && c->standing != STANDING_FINE && c->standing != STANDING_FORGOTTEN)
        out->controller = "none runs: nothing happens before `certwright apply` or `certwright run`";
    return true;
}

/* What to type when the cure lies elsewhere: whether the manifests are right, or another try. NULL: no try takes over what a
 * person does in the vendor's panel. */
static const char *command_after_cure(struct look *look, const char *namespace_, const char *name,
                                      const struct certificate_look *c, const struct answer *answer)
{
    struct arena *arena = look->ctx->arena;
    if (answer->problems.errors > 0 || text_equal(answer->code, "Invalid") || (c->entry != NULL && c->entry->stale))
        return "certwright validate";
    if (text_equal(answer->code, "NeedsRenewal") || text_equal(answer->code, "Expired"))
        return NULL;
    const char *id = resource_id(arena, KIND_CERTIFICATE, namespace_, name);
    return c->standing == STANDING_BLOCKED && look->lock_pid == 0 ? arena_printf(arena, "certwright apply %s", id)
                                                                  : arena_printf(arena, "certwright sync %s", id);
}

/* ---- the other kinds ---- */

static void why_issuer(struct look *look, const struct resource *resource, struct answer *out)
{
    struct arena *arena = look->ctx->arena;
    struct issuer_record record;
    const char *environment = resource->issuer->sslstore.environment;
    if (!resource->issuer->enabled) {
        out->wrong = true;
        out->code = "Disabled";
        out->what = "spec.enabled is false";
        out->who = "the author of the manifest";
    } else if (operator_endpoint(&look->ctx->config, environment) == NULL) {
        out->wrong = true;
        out->code = "UnknownEnvironment";
        out->what = arena_printf(arena, "the operator's file has no endpoint \"%s\"", environment);
        out->who = "the operator";
        out->human = "add it to `endpoints` in the operator's file, or correct spec.sslstore.environment";
    } else if (!record_load(look->state, TABLE_ISSUER,
                            record_key(arena, resource->namespace_, resource->name), &issuer_record_table,
                            arena, &record, NULL, NULL)) {
        out->code = "NotChecked";
        out->what = "its account was not looked at yet: that is done when a certificate is to be bought";
    } else if (record.error[0] != '\0') {
        out->wrong = true;
        out->code = "Failing";
        out->what = record.error;
        out->since = record.error_at;
        out->who = "whoever holds the account, or keeps its secret on this host";
        out->human = arena_printf(arena, "cure what it says; the token is the secret %s/%s in %s",
                                  resource->issuer->sslstore.auth_token_secret_ref.name,
                                  resource->issuer->sslstore.auth_token_secret_ref.key,
                                  look->ctx->config.secrets_directory);
        out->command = "certwright apply";
        out->next = "asked again by the controller, at longer and longer intervals of up to 15 minutes";
    } else {
        out->code = "Accepted";
        out->what = arena_printf(arena, "its credentials were accepted, and it listed %d orders",
                                 record.orders_listed);
        out->since = record.checked_at;
    }
}

static void why_dns_account(struct look *look, const struct resource *resource, struct answer *out)
{
    struct credential credential = dns_credential(resource, clock_now(), look->ctx->arena);
    if (!resource->dns_account->enabled) {
        out->wrong = true;
        out->code = "Disabled";
        out->what = "spec.enabled is false";
        out->who = "the author of the manifest";
    } else if (credential.stage != CREDENTIAL_FINE) {
        out->wrong = true;
        out->code = credential.code;
        out->what = credential.words;
        out->human = credential.human;
        out->who = "whoever holds the DNS account";
        out->next = credential.stage == CREDENTIAL_ENDED ? "nothing is made or removed through it; what is deployed stays"
                                                         : "it is used until then";
        out->since = credential.stage == CREDENTIAL_ENDED ? credential.end : 0;
    }
}

static bool why_other(struct look *look, enum resource_kind kind, const char *namespace_, const char *name,
                      struct answer *out, struct error *err)
{
    const struct desired_entry *entry = desired_find(look->desired, kind, namespace_, name);
    const struct resource *resource = entry != NULL ? desired_resource(look->desired, entry) : NULL;
    if (resource == NULL && out->problems.count == 0)
        return error_raise(err, ERROR_NOT_FOUND, "there is no %s", out->id);
    out->code = "Valid";
    out->what = "nothing is wrong with it by itself";
    out->who = "nobody";
    if (kind == KIND_ISSUER && resource != NULL)
        why_issuer(look, resource, out);
    if (kind == KIND_DNS_ACCOUNT && resource != NULL)
        why_dns_account(look, resource, out);
    if (resource != NULL)
        out->referrers = look_referrers(look, resource);
    if (entry != NULL && entry->stale) {
        out->wrong = true;
        out->code = "ManifestBroken";
        out->what = "its manifest is broken now; the last good form is in force";
        out->who = "the author of the manifest";
    }
    const struct guard_hold *hold = desired_hold_of(look->desired, kind, namespace_, name);
    if (hold != NULL)
        held(look, hold, out);
    if (out->problems.errors > 0 && !out->wrong) {
        out->wrong = true;
        out->code = "Invalid";
        out->what = out->problems.items[0].message;
        out->who = "the author of the manifest";
    }
    return true;
}

/* ---- printing ---- */

static void print_problems(struct command_context *ctx, const struct problem_list *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        struct buffer line = {0};
        problem_print(&problems->items[i], &line);
        look_print_field(ctx, i == 0 ? "Problems" : "", look_line(ctx->arena, buffer_text(&line)));
        buffer_release(&line);
    }
}

static void print_order(struct command_context *ctx, const struct order_record *order)
{
    struct arena *arena = ctx->arena;
    if (order->vendor_order_id[0] == '\0') {
        look_print_field(ctx, "Order", arena_printf(arena, "%s, our id %s", order_state_words[order->state],
                                                    order->custom_order_id));
        return;
    }
    look_print_field(ctx, "Order",
                     arena_printf(arena, "%s of issuer/%s%s%s, our id %s", order->vendor_order_id,
                                  order->issuer, order->ca_order_id[0] != '\0' ? ", the CA's " : "",
                                  order->ca_order_id, order->custom_order_id));
}

static void print_text(struct command_context *ctx, const struct answer *a)
{
    struct arena *arena = ctx->arena;
    enum colour colour = a->wrong ? COLOUR_YELLOW : COLOUR_GREEN;
    command_print(ctx, "%s: %s%s%s\n\n", a->id, command_colour(ctx, colour), a->code,
                  command_colour(ctx, COLOUR_NONE));
    if (a->certificate != NULL && a->certificate->standing == STANDING_FINE && !a->wrong)
        command_print(ctx, "Nothing is wrong: %s.\n", look_line(arena, a->what));
    else
        look_print_field(ctx, a->wrong ? "What" : "Now", a->what);
    look_print_field(ctx, "Manifest", a->manifest);
    look_print_field(ctx, "Since", look_time(ctx, a->since));
    if (!text_empty(a->failure))
        look_print_field(ctx, "Failing",
                         a->failing_since > 0 ? arena_printf(arena, "%s, since %s", a->failure,
                                                             look_time(ctx, a->failing_since))
                                              : a->failure);
    print_problems(ctx, &a->problems);
    if (a->wrong || !text_empty(a->human))
        look_print_field(ctx, "Who", a->who);
    look_print_field(ctx, "To do", a->human);
    look_print_field(ctx, a->when, a->command);
    look_print_field(ctx, "Next", a->next);
    look_print_field(ctx, "Controller", a->controller);
    if (a->certificate != NULL && a->certificate->view.order != NULL)
        print_order(ctx, a->certificate->view.order);
    look_print_field(ctx, "Used by", string_list_join(arena, &a->referrers, "\n"));
    size_t first = a->events.count > LAST_EVENTS ? a->events.count - LAST_EVENTS : 0;
    for (size_t i = first; i < a->events.count; i++)
        look_print_field(ctx, i == first ? "Events" : "",
                         arena_printf(arena, "%s: %s: %s", command_ago(ctx, a->events.items[i].last_at),
                                      a->events.items[i].reason, a->events.items[i].message));
}

static int print_json(struct command_context *ctx, const struct answer *a)
{
    struct arena *arena = ctx->arena;
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    json_begin_object(&w);
    json_string_member(&w, "formatVersion", "1");
    json_string_member(&w, "object", a->id);
    json_bool_member(&w, "wrong", a->wrong);
    if (a->certificate != NULL)
        json_string_member(&w, "standing", standing_name(a->certificate->standing));
    json_string_member(&w, "code", a->code);
    look_text_member(&w, "what", a->what, arena);
    look_time_member(&w, "since", a->since, arena);
    look_text_member(&w, "failure", a->failure, arena);
    look_time_member(&w, "failingSince", a->failing_since, arena);
    look_text_member(&w, "who", a->who, arena);
    look_text_member(&w, "human", a->human, arena);
    look_text_member(&w, "command", a->command, arena);
    look_text_member(&w, "next", a->next, arena);
    look_time_member(&w, "nextAt", a->due, arena);
    look_text_member(&w, "controller", a->controller, arena);
    look_text_member(&w, "manifest", a->manifest, arena);
    look_problems_member(&w, &a->problems, arena);
    if (a->certificate != NULL)
        look_conditions_member(&w, a->certificate, arena);
    else
        look_strings_member(&w, "usedBy", &a->referrers, arena);
    json_key(&w, "events");
    json_begin_array(&w);
    for (size_t i = a->events.count > LAST_EVENTS ? a->events.count - LAST_EVENTS : 0; i < a->events.count;
         i++)
        look_put_struct(&w, &event_record_table, &a->events.items[i], arena);
    json_end_array(&w);
    json_end_object(&w);
    int code = look_print_document(ctx, &text);
    buffer_release(&text);
    return code;
}

static int run(struct command_context *ctx, int argc, char **argv)
{
    enum resource_kind kind;
    const char *namespace_, *name;
    struct certificate_look certificate;
    struct answer answer = {.when = "Command"};
    struct error err = {0};
    if (argc < 1 || argc > 2)
        return command_fail(ctx, EXIT_USAGE, "why takes one KIND/NAME, as certificate/shop");
    const char *object = argc == 2 ? arena_printf(ctx->arena, "%s/%s", argv[0], argv[1]) : argv[0];
    if (!command_parse_object(ctx, object, KIND_CERTIFICATE, &kind, &namespace_, &name))
        return EXIT_USAGE;
    AUTO(look) struct look look;
    int code = look_open(&look, ctx, true);
    if (code != EXIT_OK)
        return code;
    answer.id = resource_id(ctx->arena, kind, namespace_, name);
    answer.problems = look_problems(&look, kind, namespace_, name);
    bool ok =
        look_events(&look, kind, namespace_, name, &answer.events, &err) &&
        (kind == KIND_CERTIFICATE ? why_certificate(&look, namespace_, name, &certificate, &answer, &err)
                                  : why_other(&look, kind, namespace_, name, &answer, &err));
    if (!ok && err.kind == ERROR_NOT_FOUND && answer.problems.count > 0) /* a manifest that never was good */
        ok = why_other(&look, kind, namespace_, name, &answer, &err);
    if (!ok)
        return command_fail_error(ctx, &err);
    if (answer.command == NULL && answer.wrong) {
        answer.when = text_empty(answer.human) ? "Command" : "Then";
        answer.command = answer.certificate != NULL ? command_after_cure(&look, namespace_, name, answer.certificate, &answer)
                         : answer.problems.errors > 0 || text_equal(answer.code, "ManifestBroken") ? "certwright validate"
                                                                                                   : NULL;
    }
    if (ctx->output == OUTPUT_JSON || ctx->output == OUTPUT_YAML)
        return print_json(ctx, &answer);
    print_text(ctx, &answer);
    return EXIT_OK;
}

const struct command command_why = {
    .name = "why",
    .arguments = "KIND/NAME",
    .summary = "what is wrong, who must act, and the command for it",
    .help = "One screen about one thing: what is wrong, since when, who must act, the next attempt, the\n"
            "exact command. A bare NAME is a certificate's.",
    .formats = {[OUTPUT_JSON] = true, [OUTPUT_YAML] = true},
    .run = run,
};
