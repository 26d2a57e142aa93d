/* describe KIND/NAME: a page for a person: what is wanted, how it stands, what was recorded on the way. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "controller/look.h"
#include "controller/look_print.h"
#include "controller/records.h"
#include "schema/certificate.h"
#include "schema/deploy_target.h"

enum { MOST_EVENTS = 20 };

static void print_heading(struct command_context *ctx, const char *text)
{
    command_print(ctx, "\n%s%s%s\n", command_colour(ctx, COLOUR_BOLD), text,
                  command_colour(ctx, COLOUR_NONE));
}

/* ---- what is wanted ---- */

static const char *labels_text(struct arena *arena, const struct label_list *labels)
{
    struct string_list texts = {0};
    for (size_t i = 0; i < labels->count; i++)
        string_list_push(arena, &texts,
                         arena_printf(arena, "%s=%s", labels->items[i].name, labels->items[i].value));
    return string_list_join(arena, &texts, ", ");
}

static void print_identity(struct look *look, const struct desired_entry *entry, enum resource_kind kind,
                           const char *namespace_, const char *name)
{
    struct command_context *ctx = look->ctx;
    const struct resource *resource = entry != NULL ? desired_resource(look->desired, entry) : NULL;
    look_print_field(ctx, "Name", name);
    look_print_field(ctx, "Namespace", namespace_);
    look_print_field(ctx, "Kind", resource_kind_name(kind));
    if (resource != NULL)
        look_print_field(ctx, "Labels", labels_text(ctx->arena, &resource->labels));
    if (resource != NULL)
        look_print_field(ctx, "Annotations", labels_text(ctx->arena, &resource->annotations));
    look_print_field(ctx, "Manifest",
                     entry == NULL  ? "gone; what was issued and deployed stays as it is"
                     : entry->stale ? arena_printf(ctx->arena,
                                                   "%s is broken now; its last good form is in "
                                                   "force",
                                                   look_place(look, entry))
                                    : look_place(look, entry));
}

static const char *validation_text(struct arena *arena, const struct name_validation *v)
{
    const char *method = dcv_method_name(v->method);
    if (v->method == DCV_EMAIL)
        return arena_printf(arena, "%s: %s to %s", v->name, method, v->approver != NULL ? v->approver : "?");
    if (v->manual)
        return arena_printf(arena, "%s: %s by hand", v->name, method);
    const struct resource *by = v->method == DCV_DNS ? v->dns_account : v->http_target;
    return by != NULL ? arena_printf(arena, "%s: %s through %s", v->name, method, by->name)
                      : arena_printf(arena, "%s: %s", v->name, method);
}

static const char *key_text(struct arena *arena, const struct certificate *certificate)
{
    if (certificate->csr != NULL)
        return "a signing request in the manifest; the key is elsewhere";
    if (certificate->csr_secret_ref.name != NULL)
        return arena_printf(arena, "signing request from secret %s/%s; the key is elsewhere",
                            certificate->csr_secret_ref.name, certificate->csr_secret_ref.key);
    if (certificate->private_key.secret_ref.name != NULL)
        return arena_printf(arena, "brought, from secret %s/%s", certificate->private_key.secret_ref.name,
                            certificate->private_key.secret_ref.key);
    return arena_printf(arena, "%s %d, made here",
                        certificate->private_key.algorithm == KEY_ECDSA ? "ECDSA" : "RSA",
                        certificate->private_key.size);
}

static void print_spec(struct command_context *ctx, const struct certificate_view *view)
{
    const struct certificate *certificate = view->want->certificate;
    struct arena *arena = ctx->arena;
    struct string_list lines = {0}, targets = {0};
    look_print_field(ctx, "Names", string_list_join(arena, &certificate->dns_names, ", "));
    look_print_field(ctx, "Product",
                     arena_printf(arena, "%s (%s), %d months",
                                  view->product != NULL ? view->product->name : "unknown",
                                  certificate->order.product, certificate->order.term_months));
    if (view->refs.issuer != NULL)
        look_print_field(ctx, "Issuer", arena_printf(arena, "%s (%s)", view->refs.issuer->name,
                                                     view->refs.issuer->issuer->sslstore.environment));
    look_print_field(ctx, "Key", key_text(arena, certificate));
    for (size_t i = 0; i < view->refs.validation_count; i++)
        string_list_push(arena, &lines, validation_text(arena, &view->refs.validations[i]));
    look_print_field(ctx, "Validation", string_list_join(arena, &lines, "\n"));
    for (size_t i = 0; i < view->refs.target_count; i++)
        string_list_push(arena, &targets, view->refs.targets[i]->name);
    look_print_field(ctx, "Targets", targets.count > 0 ? string_list_join(arena, &targets, ", ") : "none");
}

/* ---- how it stands ---- */

static void print_standing(struct command_context *ctx, const struct certificate_look *c)
{
    look_print_field(ctx, "Status", arena_printf(ctx->arena, "%s: %s", c->step.code, c->step.reason));
    look_print_field(ctx, "Failure", c->failure);
    look_print_field(ctx, "To do", c->step.human);
    look_print_field(ctx, step_if_lost(&c->step) ? "If lost" : "Command", c->step.command);
    look_print_field(ctx, "Next",
                     c->step.due > c->view.now ? look_time(ctx, c->step.due)
                     : c->step.due > 0         ? "now"
                                               : "");
}

static void print_conditions(struct command_context *ctx, const struct condition *conditions)
{
    static const char *const headings[] = {"TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"};
    struct table table;
    table_begin(&table, ctx->arena, COUNT_OF(headings), headings);
    for (int type = 0; type < CONDITION_COUNT; type++)
        table_row(&table, condition_type_name((enum condition_type)type),
                  condition_status_name(conditions[type].status), conditions[type].reason,
                  command_ago(ctx, conditions[type].since), look_line(ctx->arena, conditions[type].message));
    print_heading(ctx, "Conditions");
    table_print(ctx, &table);
}

static void print_order(struct command_context *ctx, const struct order_record *order)
{
    struct arena *arena = ctx->arena;
    print_heading(ctx, "Order");
    look_print_field(ctx, "State", order_state_words[order->state]);
    look_print_field(ctx, "Vendor's no.", order->vendor_order_id); /* what their support asks for */
    look_print_field(ctx, "CA's no.", order->ca_order_id);
    look_print_field(ctx, "Partner's no.", order->partner_order_id);
    look_print_field(ctx, "Our id", order->custom_order_id);
    look_print_field(ctx, "Account", arena_printf(arena, "issuer/%s at %s", order->issuer, order->endpoint));
    look_print_field(ctx, "Product",
                     arena_printf(arena, "%s, %d months", order->product, order->term_months));
    look_print_field(ctx, "Price", look_money(arena, order->price_cents, order->currency));
    look_print_field(ctx, "Vendor says",
                     order->minor_status[0] != '\0'
                         ? arena_printf(arena, "%s, %s", order->major_status, order->minor_status)
                         : order->major_status);
    look_print_field(ctx, "Refused", order->refused_text);
    look_print_field(ctx, "Held", order->held_reason);
    look_print_field(ctx, "Prepared", look_time(ctx, order->prepared_at));
    look_print_field(ctx, "Placed", look_time(ctx, order->placed_at));
    look_print_field(ctx, "Asked", look_time(ctx, order->polled_at));
    look_print_field(ctx, "Ends", look_time(ctx, order->subscription_ends_at));
    look_print_field(ctx, "Evidence", string_list_join(arena, &order->evidence, "\n"));
}

static void print_challenges(struct command_context *ctx, const struct certificate_view *view)
{
    if (view->challenge_count > 0)
        print_heading(ctx, "Challenges");
    for (size_t i = 0; i < view->challenge_count; i++) {
        const struct challenge_record *c = &view->challenges[i];
        bool gone = c->state == CHALLENGE_GONE;
        const char *state = c->method == DCV_EMAIL ? "waits for the mail's answer" : challenge_state_words[c->state];
        if (c->validated)
            state = gone ? "proven, taken away" : "proven";
        command_print(ctx, "%s, %s%s: %s\n", c->domain, dcv_method_name((enum dcv_method)c->method),
                      c->manual ? " by hand" : "", state);
        look_print_field(ctx, "  place", gone ? "" : look_challenge(ctx->arena, c));
        look_print_field(ctx, "  leads to", gone ? "" : c->led_to);
        look_print_field(ctx, "  through", c->account[0] != '\0' ? challenge_writer(c) : c->target);
        look_print_field(ctx, "  vendor", c->vendor_status);
        look_print_field(ctx, "  last look", c->last_check[0] == '\0'
                                                 ? ""
                                                 : arena_printf(ctx->arena, "%s (%s)", c->last_check,
                                                                command_ago(ctx, c->checked_at)));
        look_print_field(ctx, "  failure", c->error);
    }
}

struct revisions {
    struct command_context *ctx;
    struct table table;
};

static bool add_revision(const char *key, const void *record, void *arg)
{
    struct revisions *revisions = arg;
    struct command_context *ctx = revisions->ctx;
    const struct revision_record *r = record;
    (void)key;
    table_row(&revisions->table, arena_printf(ctx->arena, "%d", r->number), r->serial,
              look_line(ctx->arena, r->issuer_cn), clock_rfc3339(ctx->arena, r->issued_at),
              clock_rfc3339(ctx->arena, r->not_after), r->fingerprint);
    return true;
}

static const char *number(struct arena *arena, int value)
{
    return value > 0 ? arena_printf(arena, "%d", value) : "";
}

static void print_rollouts(struct command_context *ctx, const struct certificate_view *view)
{
    static const char *const headings[] = {"TARGET",       "STATE", "REVISION", "GENERATION",
                                           "SERVED SINCE", "PATH",  "FAILURE"};
    struct table table;
    table_begin(&table, ctx->arena, COUNT_OF(headings), headings);
    for (size_t i = 0; i < view->rollout_count; i++) {
        const struct rollout_record *r = &view->rollouts[i];
        table_row(&table, r->target, rollout_state_words[r->state], number(ctx->arena, r->revision),
                  number(ctx->arena, r->generation), command_ago(ctx, r->active_at),
                  look_line(ctx->arena, r->path), look_line(ctx->arena, r->error));
    }
    if (view->rollout_count == 0)
        return;
    print_heading(ctx, "Rollouts");
    table_print(ctx, &table);
}

static bool print_revisions(struct look *look, const struct certificate_view *view, struct error *err)
{
    static const char *const headings[] = {"NUMBER", "SERIAL", "ISSUER", "ISSUED", "EXPIRES", "SHA-256"};
    struct command_context *ctx = look->ctx;
    struct revisions revisions = {.ctx = ctx};
    table_begin(&revisions.table, ctx->arena, COUNT_OF(headings), headings);
    if (!record_scan(look->state, TABLE_REVISION,
                     arena_printf(ctx->arena, "%s/%s/", view->namespace_, view->name), &revision_record_table,
                     ctx->arena, add_revision, &revisions, err))
        return false;
    if (revisions.table.count == COUNT_OF(headings))
        return true;
    print_heading(ctx, "Revisions");
    table_print(ctx, &revisions.table);
    return true;
}

/* ---- what all kinds have ---- */

static bool print_events(struct look *look, enum resource_kind kind, const char *namespace_, const char *name,
                         struct error *err)
{
    struct command_context *ctx = look->ctx;
    struct event_list events;
    static const char *const headings[] = {"LAST SEEN", "TYPE", "REASON", "MESSAGE"};
    struct table table;
    if (!look_events(look, kind, namespace_, name, &events, err))
        return false;
    table_begin(&table, ctx->arena, COUNT_OF(headings), headings);
    for (size_t i = events.count > MOST_EVENTS ? events.count - MOST_EVENTS : 0; i < events.count; i++)
        table_row(&table, command_ago(ctx, events.items[i].last_at), events.items[i].type,
                  events.items[i].reason, look_line(ctx->arena, events.items[i].message));
    if (events.count == 0)
        return true;
    print_heading(ctx, "Events");
    table_print(ctx, &table);
    return true;
}

static void print_problems(struct look *look, enum resource_kind kind, const char *namespace_,
                           const char *name)
{
    struct problem_list problems = look_problems(look, kind, namespace_, name);
    if (problems.count > 0)
        print_heading(look->ctx, "Problems");
    for (size_t i = 0; i < problems.count; i++) {
        struct buffer line = {0};
        problem_print(&problems.items[i], &line);
        command_print(look->ctx, "%s\n", look_line(look->ctx->arena, buffer_text(&line)));
        buffer_release(&line);
    }
}

static void print_manifest(struct look *look, const struct resource *resource)
{
    struct buffer text = {0};
    print_heading(look->ctx, "As it was understood");
    manifest_encode_yaml(resource, &text);
    command_write(look->ctx, buffer_text(&text), text.length);
    buffer_release(&text);
    struct string_list referrers = look_referrers(look, resource);
    print_heading(look->ctx, "Referred to by");
    command_print(look->ctx, "%s\n",
                  referrers.count > 0 ? string_list_join(look->ctx->arena, &referrers, "\n") : "nothing");
}

static void print_issuer(struct look *look, const struct resource *resource)
{
    struct issuer_record record;
    if (!record_load(look->state, TABLE_ISSUER,
                     record_key(look->ctx->arena, resource->namespace_, resource->name), &issuer_record_table,
                     look->ctx->arena, &record, NULL, NULL))
        return;
    print_heading(look->ctx, "Account");
    look_print_field(look->ctx, "Endpoint", record.endpoint);
    look_print_field(look->ctx, "Accepted", look_time(look->ctx, record.checked_at));
    look_print_field(look->ctx, "Listed",
                     record.listed_at == 0
                         ? ""
                         : arena_printf(look->ctx->arena, "%d orders, %s", record.orders_listed,
                                        look_time(look->ctx, record.listed_at)));
    if (record.error[0] != '\0')
        look_print_field(look->ctx, "Failing",
                         arena_printf(look->ctx->arena, "%s, since %s", record.error,
                                      look_time(look->ctx, record.error_at)));
}

/* ---- the verb ---- */

static int describe_certificate(struct look *look, const char *namespace_, const char *name)
{
    struct command_context *ctx = look->ctx;
    struct certificate_look c;
    struct error err = {0};
    if (!look_certificate(look, namespace_, name, ctx->arena, &c, &err))
        return command_fail_error(ctx, &err);
    print_identity(look, c.entry, KIND_CERTIFICATE, namespace_, name);
    if (c.view.want != NULL)
        print_spec(ctx, &c.view);
    print_standing(ctx, &c);
    print_conditions(ctx, c.conditions);
    if (c.view.order != NULL)
        print_order(ctx, c.view.order);
    print_challenges(ctx, &c.view);
    if (!print_revisions(look, &c.view, &err))
        return command_fail_error(ctx, &err);
    print_rollouts(ctx, &c.view);
    print_problems(look, KIND_CERTIFICATE, namespace_, name);
    return print_events(look, KIND_CERTIFICATE, namespace_, name, &err) ? EXIT_OK
                                                                        : command_fail_error(ctx, &err);
}

static int describe_other(struct look *look, enum resource_kind kind, const char *namespace_,
                          const char *name)
{
    struct command_context *ctx = look->ctx;
    struct error err = {0};
    const struct desired_entry *entry = desired_find(look->desired, kind, namespace_, name);
    const struct resource *resource = entry != NULL ? desired_resource(look->desired, entry) : NULL;
    if (resource == NULL)
        return command_fail(ctx, EXIT_ERROR, "there is no %s",
                            resource_id(ctx->arena, kind, namespace_, name));
    print_identity(look, entry, kind, namespace_, name);
    if (kind == KIND_ISSUER)
        print_issuer(look, resource);
    print_manifest(look, resource);
    print_problems(look, kind, namespace_, name);
    return print_events(look, kind, namespace_, name, &err) ? EXIT_OK : command_fail_error(ctx, &err);
}

static int run(struct command_context *ctx, int argc, char **argv)
{
    enum resource_kind kind;
    const char *namespace_, *name;
    if (argc < 1 || argc > 2)
        return command_fail(ctx, EXIT_USAGE, "describe takes one KIND/NAME, as certificate/shop");
    const char *object = argc == 2 ? arena_printf(ctx->arena, "%s/%s", argv[0], argv[1]) : argv[0];
    if (!command_parse_object(ctx, object, KIND_COUNT, &kind, &namespace_, &name))
        return EXIT_USAGE;
    AUTO(look) struct look look;
    int code = look_open(&look, ctx, true);
    if (code != EXIT_OK)
        return code;
    return kind == KIND_CERTIFICATE ? describe_certificate(&look, namespace_, name)
                                    : describe_other(&look, kind, namespace_, name);
}

const struct command command_describe = {
    .name = "describe",
    .arguments = "KIND/NAME",
    .summary = "everything about one thing, for a person",
    .help = "For a certificate: what is wanted, conditions, the vendor's order numbers, what must be placed\n"
            "to prove each name, revisions, targets and events.\n"
            "For machines: `certwright get KIND NAME -o json`.",
    .run = run,
};
