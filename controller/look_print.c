#include "controller/look_print.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/names.h"
#include "controller/look.h"
#include "schema/manifest.h"

/* ---- foreign text ---- */

const char *look_line(struct arena *arena, const char *text)
{
    return text == NULL ? "" : text_clean(arena, text, strlen(text), 2000);
}

/* In JSON line breaks are escaped, so only what is unfit in itself is replaced. */
static const char *fit(struct arena *arena, const char *text)
{
    size_t length = strlen(text);
    return text_is_plain_utf8(text, length, NULL) ? text : text_clean(arena, text, length, 0);
}

/* ---- JSON ---- */

static void put_value(struct json_writer *w, const struct json *value, struct arena *arena)
{
    int64_t whole;
    double number;
    bool truth;
    if (json_is_object(value)) {
        json_begin_object(w);
        for (const struct json *member = json_first(value); member != NULL; member = json_next(member)) {
            json_key(w, fit(arena, json_name(member)));
            put_value(w, member, arena);
        }
        json_end_object(w);
    } else if (json_is_array(value)) {
        json_begin_array(w);
        for (const struct json *item = json_first(value); item != NULL; item = json_next(item))
            put_value(w, item, arena);
        json_end_array(w);
    } else if (json_is_string(value)) {
        json_put_string(w, fit(arena, json_string(value)));
    } else if (json_is_bool(value) && json_bool(value, &truth)) {
        json_put_bool(w, truth);
    } else if (json_is_number(value) && json_int(value, &whole)) {
        json_put_int(w, whole);
    } else if (json_is_number(value) && json_double(value, &number)) {
        json_put_raw(w, arena_printf(arena, "%.17g", number));
    } else {
        json_put_null(w);
    }
}

/* Our own documents nest less than json_parse allows, and their texts were cleaned when they were put in. */
int look_print_document(struct command_context *ctx, const struct buffer *json)
{
    struct buffer text = {0};
    struct error err = {0};
    if (ctx->output == OUTPUT_YAML) {
        if (!yaml_from_json(buffer_text(json), json->length, &text)) {
            buffer_release(&text);
            return command_fail(ctx, EXIT_ERROR, "the answer cannot be written as YAML");
        }
    } else {
        AUTO(arena) struct arena *arena = arena_create();
        AUTO(json) struct json *document = json_parse(buffer_text(json), json->length, &err);
        if (document == NULL) {
            buffer_release(&text);
            return command_fail_error(ctx, &err);
        }
        struct json_writer w = {.out = &text, .indent = 2};
        put_value(&w, document, arena);
        buffer_putc(&text, '\n');
    }
    command_write(ctx, buffer_text(&text), text.length);
    buffer_release(&text);
    return EXIT_OK;
}

/* Members of records that hold Unix seconds. */
static bool is_time(const struct field *field)
{
    static const char *const names[] = {"at",         "due",       "since",    "firstSeen", "phaseSince",
                                        "errorSince", "notBefore", "notAfter", "graceFrom", "lastOrderSeen"};
    if (field->type != FIELD_INT64)
        return false;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(field->name, names[i]) == 0)
            return true;
    return text_has_suffix(field->name, "At");
}

bool look_put_record(struct json_writer *w, const struct field_table *table, const char *json, size_t length,
                     struct arena *arena)
{
    AUTO(json) struct json *document = json_parse(json, length, NULL);
    if (document == NULL)
        return false;
    if (table == NULL || !json_is_object(document)) {
        put_value(w, document, arena);
        return true;
    }
    json_begin_object(w);
    for (size_t i = 0; i < table->count; i++) {
        const struct field *field = &table->fields[i];
        const struct json *member = json_member(document, field->name);
        int64_t at;
        if (member != NULL && is_time(field) && json_int(member, &at)) {
            json_string_member(w, field->name, clock_rfc3339(arena, at));
        } else if (member != NULL) {
            json_key(w, field->name);
            put_value(w, member, arena);
        } else if (field->type == FIELD_ENUM && !text_empty(field->words[0])) {
            json_string_member(w, field->name,
                               field->words[0]); /* the first state is not written to the store */
        }
    }
    json_end_object(w);
    return true;
}

void look_put_struct(struct json_writer *w, const struct field_table *table, const void *record,
                     struct arena *arena)
{
    struct buffer text = {0};
    struct json_writer inner = {.out = &text};
    field_encode(table, record, false, &inner);
    if (!look_put_record(w, table, buffer_text(&text), text.length, arena))
        json_put_null(w);
    buffer_release(&text);
}

void look_text_member(struct json_writer *w, const char *name, const char *text, struct arena *arena)
{
    if (!text_empty(text))
        json_string_member(w, name, fit(arena, text));
}

void look_time_member(struct json_writer *w, const char *name, int64_t at, struct arena *arena)
{
    if (at > 0)
        json_string_member(w, name, clock_rfc3339(arena, at));
}

void look_strings_member(struct json_writer *w, const char *name, const struct string_list *list,
                         struct arena *arena)
{
    json_key(w, name);
    json_begin_array(w);
    for (size_t i = 0; i < list->count; i++)
        json_put_string(w, fit(arena, list->items[i]));
    json_end_array(w);
}

void look_conditions_member(struct json_writer *w, const struct certificate_look *certificate,
                            struct arena *arena)
{
    json_key(w, "conditions");
    json_begin_array(w);
    for (int type = 0; type < CONDITION_COUNT; type++) {
        const struct condition *condition = &certificate->conditions[type];
        json_begin_object(w);
        json_string_member(w, "type", condition_type_name((enum condition_type)type));
        json_string_member(w, "status", condition_status_name(condition->status));
        look_text_member(w, "reason", condition->reason, arena);
        look_text_member(w, "message", condition->message, arena);
        look_time_member(w, "lastTransitionTime", condition->since, arena);
        json_end_object(w);
    }
    json_end_array(w);
}

void look_problems_member(struct json_writer *w, const struct problem_list *problems, struct arena *arena)
{
    json_key(w, "problems");
    json_begin_array(w);
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *problem = &problems->items[i];
        json_begin_object(w);
        json_string_member(w, "severity", problem->severity == SEVERITY_ERROR ? "error" : "warning");
        json_string_member(w, "code", problem->code);
        look_text_member(w, "file", problem->position.file, arena);
        if (problem->position.line > 0)
            json_int_member(w, "line", problem->position.line);
        if (problem->position.column > 0)
            json_int_member(w, "column", problem->position.column);
        look_text_member(w, "resource", problem->resource, arena);
        look_text_member(w, "path", problem->path, arena);
        look_text_member(w, "message", problem->message, arena);
        look_text_member(w, "hint", problem->hint, arena);
        json_bool_member(w, "inSchema", problem->in_schema);
        json_end_object(w);
    }
    json_end_array(w);
}

/* ---- the status of a certificate ---- */

static void put_order(struct json_writer *w, const struct order_record *order, struct arena *arena)
{
    json_key(w, "order");
    json_begin_object(w);
    json_string_member(w, "state", order_state_words[order->state]);
    look_text_member(w, "customOrderId", order->custom_order_id, arena);
    look_text_member(w, "vendorOrderId", order->vendor_order_id, arena);
    look_text_member(w, "partnerOrderId", order->partner_order_id, arena);
    look_text_member(w, "caOrderId", order->ca_order_id, arena);
    look_text_member(w, "issuer", order->issuer, arena);
    look_text_member(w, "endpoint", order->endpoint, arena);
    look_text_member(w, "product", order->product, arena);
    json_int_member(w, "termMonths", order->term_months);
    look_text_member(w, "price", look_money(arena, order->price_cents, order->currency), arena);
    look_text_member(w, "majorStatus", order->major_status, arena);
    look_text_member(w, "minorStatus", order->minor_status, arena);
    look_text_member(w, "heldReason", order->held_reason, arena);
    look_text_member(w, "refusedText", order->refused_text, arena);
    look_time_member(w, "placedAt", order->placed_at, arena);
    look_time_member(w, "subscriptionEndsAt", order->subscription_ends_at, arena);
    json_end_object(w);
}

static void put_revision(struct json_writer *w, const struct revision_record *revision, struct arena *arena)
{
    json_key(w, "revision");
    json_begin_object(w);
    json_int_member(w, "number", revision->number);
    look_text_member(w, "serial", revision->serial, arena);
    look_text_member(w, "issuer", revision->issuer_cn, arena);
    look_text_member(w, "fingerprint", revision->fingerprint, arena);
    look_strings_member(w, "names", &revision->names, arena);
    look_time_member(w, "notBefore", revision->not_before, arena);
    look_time_member(w, "notAfter", revision->not_after, arena);
    look_time_member(w, "issuedAt", revision->issued_at, arena);
    json_end_object(w);
}

static void put_rollouts(struct json_writer *w, const struct certificate_view *view, struct arena *arena)
{
    json_key(w, "rollouts");
    json_begin_array(w);
    for (size_t i = 0; i < view->rollout_count; i++) {
        const struct rollout_record *rollout = &view->rollouts[i];
        json_begin_object(w);
        json_string_member(w, "target", rollout->target);
        json_string_member(w, "state", rollout_state_words[rollout->state]);
        if (rollout->revision > 0)
            json_int_member(w, "revision", rollout->revision);
        if (rollout->generation > 0)
            json_int_member(w, "generation", rollout->generation);
        look_text_member(w, "path", rollout->path, arena);
        look_time_member(w, "activeAt", rollout->active_at, arena);
        look_time_member(w, "retryAt", rollout->retry_at, arena);
        look_text_member(w, "error", rollout->error, arena);
        json_end_object(w);
    }
    json_end_array(w);
}

void look_put_status(struct json_writer *w, const struct certificate_look *certificate, struct arena *arena)
{
    const struct certificate_view *view = &certificate->view;
    json_begin_object(w);
    json_string_member(w, "phase", certificate->step.code);
    json_string_member(w, "standing", standing_name(certificate->standing));
    look_text_member(w, "message", certificate->step.reason, arena);
    look_text_member(w, "human", certificate->step.human, arena);
    look_text_member(w, "command", certificate->step.command, arena);
    look_text_member(w, "failure", certificate->failure, arena);
    look_conditions_member(w, certificate, arena);
    if (view->order != NULL)
        put_order(w, view->order, arena);
    if (view->revision != NULL)
        put_revision(w, view->revision, arena);
    if (view->rollout_count > 0)
        put_rollouts(w, view, arena);
    if (view->revision != NULL) { /* cert-manager's words for what people ask most */
        look_time_member(w, "notBefore", view->revision->not_before, arena);
        look_time_member(w, "notAfter", view->revision->not_after, arena);
        look_time_member(w, "renewalTime", certificate_renewal_time(view), arena);
    }
    look_time_member(w, "nextCheck", certificate->step.due, arena);
    look_time_member(w, "firstSeen", view->record.first_seen, arena);
    look_text_member(w, "observedDigest", view->record.spec_digest, arena);
    if (certificate->entry != NULL && certificate->entry->stale)
        json_bool_member(w, "manifestBroken", true);
    json_end_object(w);
}

/* ---- for people ---- */

void look_print_field(struct command_context *ctx, const char *label, const char *text)
{
    if (text_empty(text))
        return;
    struct string_list lines = text_split(ctx->arena, text, '\n');
    for (size_t i = 0; i < lines.count; i++)
        command_print(ctx, "%-14s%s\n", i == 0 ? label : "", look_line(ctx->arena, lines.items[i]));
}

const char *look_time(struct command_context *ctx, int64_t at)
{
    return at == 0 ? ""
                   : arena_printf(ctx->arena, "%s (%s)", clock_rfc3339(ctx->arena, at), command_ago(ctx, at));
}

const char *look_age(struct command_context *ctx, int64_t at)
{
    return at == 0 ? "" : text_duration_words(ctx->arena, clock_now() - at);
}

const char *look_money(struct arena *arena, int64_t cents, const char *currency)
{
    if (cents < 0 || text_empty(currency))
        return "";
    return arena_printf(arena, "%lld.%02lld %s", (long long)(cents / 100), (long long)(cents % 100),
                        currency);
}

const char *look_count(struct arena *arena, size_t count, const char *thing)
{
    return arena_printf(arena, "%zu %s%s", count, thing, count == 1 ? "" : "s");
}

const char *look_challenge(struct arena *arena, const struct challenge_record *c)
{
    if (c->method == DCV_EMAIL)
        return arena_printf(arena, "mail to %s", c->approver);
    if (c->method == DCV_HTTP || c->method == DCV_HTTPS)
        return c->file_name[0] == '\0'
                   ? ""
                   : arena_printf(arena, "%s://%s/.well-known/pki-validation/%s\n%s",
                                  c->method == DCV_HTTPS ? "https" : "http", name_without_wildcard(c->domain),
                                  c->file_name, c->file_content);
    if (c->record_name[0] == '\0')
        return "";
    bool is_name = text_equal(c->record_type, "CNAME"); /* as a zone file and nsupdate take it */
    return arena_printf(arena, is_name ? "%s. %s %s." : "%s. %s \"%s\"", c->record_name, c->record_type,
                        c->record_value);
}
