#include "controller/operations.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "controller/command.h"
#include "controller/engine_internal.h"
#include "controller/guard.h"
#include "controller/holds.h"
#include "controller/journal.h"
#include "controller/plan.h"
#include "controller/records.h"

struct operation {
    struct engine *engine;
    struct model *model;
    struct arena *arena;
    const char *actor;
    const char *namespace_, *name; /* of the certificate meant */
    struct certificate_view view;
    struct buffer *out;
};

/* "certificate/shop", "certificate/team/shop", "shop". */
static bool parse_certificate(struct operation *op, const char *argument)
{
    struct string_list parts = text_split(op->arena, argument, '/');
    if (parts.count > 1 && resource_kind_parse(parts.items[0]) != KIND_CERTIFICATE)
        return false;
    op->name = parts.items[parts.count - 1];
    op->namespace_ = parts.count == 3 ? parts.items[1] : "default";
    return parts.count <= 3 && op->name[0] != '\0';
}

static bool commit(struct operation *op, struct state_batch *batch, const char *action, const char *subject,
                   const char *detail)
{
    struct error err = {0};
    bool ok = state_audit(op->model->state, op->actor, subject, action, detail, &err) &&
              state_commit(op->model->state, batch, false, &err);
    state_batch_destroy(batch);
    if (!ok)
        buffer_printf(op->out, "%s\n", err.message);
    return ok;
}

static int release(struct operation *op)
{
    const struct order_record *was = op->view.order;
    if (was == NULL || (was->state != ORDER_HELD && was->state != ORDER_REFUSED)) {
        buffer_printf(op->out, "%s holds no order that waits for a release\n", op->view.id);
        return EXIT_ERROR;
    }
    /* Prepared anew with a fresh key, and the vendor is asked once more before anything is sent. */
    struct order_record *order = order_copy(&op->view, op->arena);
    order->state = ORDER_REFUSED;
    order->answer_lost = order->answer_lost || was->state == ORDER_HELD;
    order->relevant_digest = "";
    order->refused_text = "released by a person";
    order->held_reason = "";
    struct state_batch *batch = state_batch_create();
    record_put(batch, TABLE_ORDER, record_key_number(op->arena, op->namespace_, op->name, order->cycle),
               &order_record_table, order, op->view.order_revision);
    if (!commit(op, batch, "order.release", op->view.id, order->custom_order_id))
        return EXIT_STATE;
    engine_touch(op->engine, op->namespace_, op->name);
    buffer_printf(op->out, "%s: order %s is released; the vendor is asked once more before it is sent again\n", op->view.id,
                  order->custom_order_id);
    return EXIT_OK;
}

/* What was asked of the vendor, by a controller at work; this process asks nobody for the sake of a sum. */
static void add_price(struct operation *op, struct operation *one, struct plan *sum)
{
    struct error err = {0};
    struct step step = {.cost_cents = -1};
    AUTO(arena) struct arena *arena = arena_create();
    if (model_view(op->model, one->namespace_, one->name, arena, &one->view, &err) && one->view.want != NULL &&
        one->view.product != NULL)
        step.cost_cents = certificate_price(&one->view, &step.currency);
    step.currency = step.currency != NULL ? arena_strdup(op->arena, step.currency) : NULL;
    plan_add_cost(sum, &step);
}

static int confirm_purchases(struct operation *op, const struct string_list *ids, const char *digest)
{
    struct plan sum = {.arena = op->arena};
    struct state_batch *batch = state_batch_create();
    for (size_t i = 0; i < ids->count; i++) {
        struct operation one = *op;
        struct certificate_record record;
        struct error err = {0};
        bool known;
        parse_certificate(&one, ids->items[i]); /* our own words */
        char *key = record_key(op->arena, one.namespace_, one.name);
        if (!record_find(op->model->state, TABLE_CERTIFICATE, key, &certificate_record_table, op->arena, &record, &known, &err)) {
            state_batch_destroy(batch);
            buffer_printf(op->out, "%s\n", err.message);
            return EXIT_STATE;
        }
        if (!known)
            continue;
        add_price(op, &one, &sum);
        record.purchase_confirmed = true;
        record_put(batch, TABLE_CERTIFICATE, key, &certificate_record_table, &record, STATE_ANY);
    }
    if (!commit(op, batch, "hold.confirm", "purchases", digest))
        return EXIT_STATE;
    op->model->purchase_hold_known = false;
    op->model->purchase_hold = NULL;
    for (size_t i = 0; i < ids->count; i++) {
        struct operation one = *op;
        parse_certificate(&one, ids->items[i]);
        engine_touch(op->engine, one.namespace_, one.name);
    }
    buffer_printf(op->out, "%zu purchase%s released", ids->count, ids->count == 1 ? " is" : "s are");
    if (sum.cost_count == 0 && sum.cost_unknown)
        buffer_puts(op->out, "; `certwright plan` says what they cost\n");
    else
        buffer_printf(op->out, ": %s\n", plan_total(&sum));
    return EXIT_OK;
}

/* The store was brought back, and a person has compared it with the vendor's side. */
static int confirm_store(struct operation *op, const char *digest)
{
    struct error err = {0};
    struct state_batch *batch = state_batch_create();
    state_release(op->model->state, batch);
    if (!commit(op, batch, "store.confirm", "store", digest))
        return EXIT_STATE;
    state_released(op->model->state);
    engine_look(op->engine, true, &err);
    buffer_printf(op->out, "the store is trusted again: orders are placed as the manifests say\n");
    return EXIT_OK;
}

/* The clock is right now, a person says; what the store has seen later was a clock that was ahead. */
static int confirm_clock(struct operation *op, const char *digest)
{
    struct state_batch *batch = state_batch_create();
    meta_put(batch, "newest-time", arena_printf(op->arena, "%lld", (long long)clock_now()));
    if (!commit(op, batch, "hold.confirm", "clock", digest))
        return EXIT_STATE;
    struct error err = {0};
    engine_look(op->engine, true, &err);
    buffer_printf(op->out, "the clock is taken to be right: it is %s\n", clock_rfc3339(op->arena, clock_now()));
    return EXIT_OK;
}

/* One that the guards hold now and that no controller wrote down yet. */
static bool held_now(const struct operation *op, const char *digest, struct hold_record *out)
{
    const struct guard_hold_list *holds = desired_holds(op->model->desired);
    for (size_t i = 0; i < holds->count; i++)
        if (text_equal(holds->items[i].digest, digest)) {
            *out = (struct hold_record){.digest = holds->items[i].digest, .kind = holds->items[i].kind,
                                        .subjects = holds->items[i].subjects, .since = clock_now(), .confirmed_by = ""};
            return true;
        }
    return false;
}

static int confirm(struct operation *op, const char *digest)
{
    struct error err = {0};
    struct string_list ids;
    const char *held;
    struct hold_record hold;
    if (!engine_flush(op->engine)) { /* what the look wrote down of holds comes first */
        buffer_printf(op->out, "%s\n", op->engine->broken_error.message);
        return EXIT_STATE;
    }
    const struct state_trouble *trouble = state_reconcile_only(op->model->state);
    if (trouble != NULL && strcmp(trouble->digest, digest) == 0)
        return confirm_store(op, digest);
    if (!holds_purchases(op->model, op->arena, &ids, &held, &err)) {
        buffer_printf(op->out, "%s\n", err.message);
        return EXIT_STATE;
    }
    if (held != NULL && strcmp(held, digest) == 0)
        return confirm_purchases(op, &ids, digest);
    if (text_equal(clock_hold_digest(op->model->state, op->arena), digest))
        return confirm_clock(op, digest);
    if (!record_load(op->model->state, TABLE_HOLD, digest, &hold_record_table, op->arena, &hold, NULL, NULL) &&
        !held_now(op, digest, &hold)) {
        buffer_printf(op->out, "nothing is held under %s; what is held changes its name when it changes\n", digest);
        return EXIT_ERROR;
    }
    hold.confirmed = true;
    hold.confirmed_at = clock_now();
    hold.confirmed_by = op->actor;
    struct state_batch *batch = state_batch_create();
    record_put(batch, TABLE_HOLD, digest, &hold_record_table, &hold, STATE_ANY);
    if (!commit(op, batch, "hold.confirm", hold.kind, digest))
        return EXIT_STATE;
    engine_look(op->engine, false, &err);
    buffer_printf(op->out, "%s %s is released\n", hold.kind, digest);
    return EXIT_OK;
}

/* Whatever was waited for is looked at now. */
static int sync_now(struct operation *op)
{
    struct state_batch *batch = state_batch_create();
    const struct certificate_view *view = &op->view;
    struct certificate_record *record = certificate_record_copy(view, op->arena);
    if (record->first_seen > 0) {
        record->retry_at = 0;
        record_put(batch, TABLE_CERTIFICATE, record_key(op->arena, op->namespace_, op->name), &certificate_record_table,
                   record, STATE_ANY);
    }
    if (view->order != NULL) {
        struct order_record *order = order_copy(view, op->arena);
        order->poll_at = 0;
        record_put(batch, TABLE_ORDER, record_key_number(op->arena, op->namespace_, op->name, order->cycle),
                   &order_record_table, order, STATE_ANY);
    }
    for (size_t i = 0; i < view->challenge_count; i++) {
        struct challenge_record c = view->challenges[i];
        c.retry_at = c.checked_at = 0;
        record_put(batch, TABLE_CHALLENGE, challenge_key(op->arena, &c), &challenge_record_table, &c, STATE_ANY);
    }
    for (size_t i = 0; i < view->rollout_count; i++) {
        struct rollout_record r = view->rollouts[i];
        if (r.state == ROLLOUT_WANTED)
            continue;
        if (r.state == ROLLOUT_ROLLING_BACK && r.published_at == 0) /* back it is: what was cured is tried forward */
            r.state = ROLLOUT_ROLLED_BACK;
        if (r.state == ROLLOUT_ACTIVE) /* what lies there is looked at again, and what was left as it is judged anew */
            r.checked_at = 1, r.drift = "";
        r.retry_at = 0;
        record_put(batch, TABLE_ROLLOUT, record_key_sub(op->arena, op->namespace_, op->name, r.target),
                   &rollout_record_table, &r, STATE_ANY);
    }
    if (!state_batch_empty(batch)) {
        if (!commit(op, batch, "certificate.sync", view->id, ""))
            return EXIT_STATE;
    } else {
        state_batch_destroy(batch);
    }
    engine_touch(op->engine, op->namespace_, op->name);
    buffer_printf(op->out, "%s is looked at now\n", view->id);
    return EXIT_OK;
}

/* The word that a target with `deploy: Manual` waits for. */
static int deploy(struct operation *op)
{
    const struct certificate_view *view = &op->view;
    struct state_batch *batch = state_batch_create();
    size_t count = 0;
    if (view->revision == NULL || view->invalid || view->want == NULL) {
        state_batch_destroy(batch);
        buffer_printf(op->out, "%s has no certificate to deploy yet\n", view->id);
        return EXIT_ERROR;
    }
    for (size_t i = 0; i < view->rollout_count; i++) {
        struct rollout_record r = view->rollouts[i];
        bool drifted = r.state == ROLLOUT_ACTIVE && !text_empty(r.drift);
        bool current = r.state == ROLLOUT_ACTIVE && r.revision == view->revision->number;
        if (!drifted && (view->refs.targets[i]->deploy_target->deploy != DEPLOY_MANUAL || current))
            continue;
        if (r.state == ROLLOUT_ACTIVE) { /* what serves now is what a rollback goes to */
            r.previous = r.generation;
            r.previous_fingerprint = r.fingerprint;
        }
        r.state = ROLLOUT_STAGING;
        r.generation = 0;
        r.revision = view->revision->number;
        r.retry_at = 0;
        record_put(batch, TABLE_ROLLOUT, record_key_sub(op->arena, op->namespace_, op->name, r.target),
                   &rollout_record_table, &r, STATE_ANY);
        count++;
    }
    if (count == 0) {
        state_batch_destroy(batch);
        buffer_printf(op->out, "%s: no target waits for it\n", view->id);
        return EXIT_OK;
    }
    if (!commit(op, batch, "deploy.word", view->id, ""))
        return EXIT_STATE;
    engine_touch(op->engine, op->namespace_, op->name);
    buffer_printf(op->out, "%s: %zu target%s deployed to now\n", view->id, count, count == 1 ? " is" : "s are");
    return EXIT_OK;
}

static int resend(struct operation *op)
{
    const char *refusal = certificate_resend_refusal(&op->view, op->arena);
    if (refusal != NULL) {
        buffer_printf(op->out, "%s: %s\n", op->view.id, refusal);
        return EXIT_ERROR;
    }
    engine_request(op->engine, op->namespace_, op->name, ACTION_RESEND);
    return -1;
}

/* What `dns test` and `clean` write down: they act themselves, the holder of the lock keeps the journal. */
static int journal(struct operation *op, const char *verb, const char *argument)
{
    char namespace_[256], name[256];
    bool about = journal_subject(verb, argument, namespace_, name, sizeof name);
    if (about && engine_busy(op->engine, namespace_, name)) {
        buffer_printf(op->out, "certificate/%s is at work; try again in a moment", name);
        return EXIT_STATE;
    }
    int code = journal_run(op->model->state, verb, argument, op->actor, op->out);
    if (about && code == EXIT_OK && text_has_suffix(verb, "-settle"))
        engine_touch(op->engine, namespace_, name);
    return code;
}

int operation_run(struct engine *engine, const char *verb, const char *argument, const char *actor, struct buffer *out)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct operation op = {.engine = engine, .model = engine_model(engine), .arena = arena, .actor = actor, .out = out};
    struct error err = {0};
    if (strcmp(verb, "confirm") == 0)
        return confirm(&op, argument);
    if (journal_has_verb(verb))
        return journal(&op, verb, argument);
    if (!parse_certificate(&op, argument)) {
        buffer_printf(out, "\"%s\" is no certificate's name\n", argument);
        return EXIT_USAGE;
    }
    if (engine_busy(engine, op.namespace_, op.name)) {
        buffer_printf(out, "certificate/%s is at work; try again in a moment\n", op.name);
        return EXIT_ERROR;
    }
    if (!model_view(op.model, op.namespace_, op.name, arena, &op.view, &err)) {
        buffer_printf(out, "%s\n", err.message);
        return EXIT_STATE;
    }
    if (op.view.want == NULL && op.view.record.first_seen == 0) {
        buffer_printf(out, "there is no %s\n", op.view.id);
        return EXIT_ERROR;
    }
    if (strcmp(verb, "release") == 0)
        return release(&op);
    if (strcmp(verb, "resend") == 0)
        return resend(&op);
    if (strcmp(verb, "deploy") == 0)
        return deploy(&op);
    return sync_now(&op);
}

int operation_outcome(struct engine *engine, const char *verb, const char *argument, struct buffer *out)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct operation op = {.engine = engine, .model = engine_model(engine), .arena = arena, .out = out};
    if (strcmp(verb, "resend") != 0 || !parse_certificate(&op, argument))
        return EXIT_OK;
    const struct standing_entry *entry = engine_entry(engine, engine_key(arena, 'c', op.namespace_, op.name), false);
    if (entry == NULL || entry->requested != ACTION_REST || entry->busy)
        return -1;
    struct event_record event;
    const char *reasons[] = {"Resent", "ResendFailed"};
    int code = EXIT_ERROR;
    int64_t newest = 0;
    const char *message = "the mail could not be sent again";
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (record_load(op.model->state, TABLE_EVENT,
                        arena_printf(arena, "Certificate/%s/%s/%s", op.namespace_, op.name, reasons[i]),
                        &event_record_table, arena, &event, NULL, NULL) && event.last_at >= newest) {
            newest = event.last_at;
            message = event.message;
            code = i == 0 ? EXIT_OK : EXIT_ERROR;
        }
    buffer_printf(out, "%s\n", message);
    return code;
}
