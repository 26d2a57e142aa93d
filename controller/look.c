#include "controller/look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "controller/guard.h"
#include "controller/records.h"
#include "reconcilers/certificate/decide_parts.h"

/* ---- opening ---- */

int look_open(struct look *look, struct command_context *ctx, bool manifests)
{
    *look = (struct look){.ctx = ctx};
    if (!command_config(ctx))
        return EXIT_CONFIG;
    look->state = command_state(ctx);
    if (look->state == NULL)
        return EXIT_STATE;
    if (manifests && (look->desired = command_desired(ctx, look->state)) == NULL)
        return EXIT_ERROR;
    model_init(&look->model, &ctx->config, look->state);
    look->model.desired = look->desired;
    look->lock_pid =
        state_lock_holder(ctx->config.state_directory, look->lock_words, sizeof look->lock_words);
    struct hold_list holds = {0};
    struct error err = {0};
    if (manifests && !look_holds(look, &holds, &err))
        return command_fail_error(ctx, &err);
    for (size_t i = 0; i < holds.count; i++)
        if (text_equal(holds.items[i].kind, "MassPurchase"))
            look->model.purchase_hold = holds.items[i].digest;
    return EXIT_OK;
}

void look_close(struct look *look)
{
    if (look->model.arena != NULL)
        model_finish(&look->model);
    if (look->desired != NULL)
        desired_destroy(look->desired);
    state_close(look->state);
    *look = (struct look){0};
}

bool look_chosen(const struct look *look, const struct desired_entry *entry)
{
    if (look->ctx->namespace_ != NULL && !text_equal(look->ctx->namespace_, entry->namespace_))
        return false;
    if (look->ctx->selector.count == 0)
        return true;
    const struct resource *resource = desired_resource(look->desired, entry);
    return resource != NULL && label_list_match(&look->ctx->selector, &resource->labels);
}

/* ---- the step as it stands ---- */

/* What the guards of a purchase say depends on prices and orders that only a controller asks for. What it
 * found is in the record; deciding again as if the account were known gives the words for a person. */
static struct step recorded_step(const struct certificate_view *view, const struct step *undecided,
                                 struct arena *arena)
{
    const struct certificate_record *record = &view->record;
    struct certificate_view known = *view;
    known.account.checked = true;
    known.account.within_budget = !text_equal(record->phase, "BudgetExceeded");
    known.account.budget_words = record->message;
    struct step step = certificate_decide(&known, arena);
    if (text_equal(step.code, record->phase) && step.action == ACTION_BLOCKED) {
        step.reason = record->message;
        return step;
    }
    static const struct {
        const char *code, *human;
    } rows[] = {
        {"ForeignOrder",
         "cancel that order at the vendor, or give this certificate other names; nothing is bought while "
         "it lives"},
        {"ProductNotSold",
         "choose a product that is sold: `certwright explain certificate.spec.order.product`"},
        {"TermNotSold", "change spec.order.term"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (text_equal(rows[i].code, record->phase))
            return step_blocked(record->phase, record->message, rows[i].human, NULL);
    return *undecided;
}

static struct step waiting_for_account(const struct look *look, const struct certificate_view *view,
                                       struct step step, struct arena *arena)
{
    const char *digest = view->want != NULL ? text_hex(arena, view->want->digest, 32) : "";
    if (text_equal(view->record.spec_digest, digest) && !text_equal(view->record.phase, step.code))
        step = recorded_step(view, &step, arena);
    if (step.action != ACTION_WAIT_ACCOUNT)
        return step;
    if (view->account.record != NULL && view->account.record->error[0] != '\0') {
        step.command =
            arena_printf(arena, "certwright why %s",
                         resource_id(arena, KIND_ISSUER, view->namespace_, view->refs.issuer->name));
        return step;
    }
    if (view->record.first_seen > 0 && look->lock_pid > 0)
        return step;
    step.action = ACTION_WAIT;
    step.code = "Pending";
    step.reason =
        look->lock_pid > 0 ? "the controller has not come to it yet" : "no controller has taken it up yet";
    step.command = look->lock_pid > 0 ? NULL : "certwright apply";
    return step;
}

/* Whether the process that holds the store is the one that sends this order just now. */
static bool is_being_sent(const struct look *look, const struct order_record *order)
{
    const char *pid = order != NULL && order->state == ORDER_SUBMITTING ? strchr(order->holder, ' ') : NULL;
    return pid != NULL && look->lock_pid > 0 && atoi(pid + 1) == look->lock_pid;
}

static struct step standing_step(const struct look *look, const struct certificate_view *view,
                                 struct arena *arena)
{
    if (is_being_sent(look, view->order))
        return step_wait("Ordering", "the order is being sent to the vendor", 0);
    struct step step = certificate_decide(view, arena);
    for (size_t i = 0; step.action == ACTION_INSPECT && i <= view->rollout_count; i++) { /* a look is no standing */
        view = certificate_assume(view, &step, arena);
        step = certificate_decide(view, arena);
    }
    return step.action == ACTION_WAIT_ACCOUNT ? waiting_for_account(look, view, step, arena) : step;
}

/* ---- what it means for people ---- */

const char *standing_name(enum standing standing)
{
    static const char *const names[] = {"fine", "working", "failing", "waiting", "blocked", "forgotten"};
    return names[standing];
}

static void find_failure(struct certificate_look *c, struct arena *arena)
{
    const struct certificate_record *record = &c->view.record;
    if (record->error[0] != '\0') {
        c->failure = arena_printf(arena, "%s: %s", record->error_step, record->error);
        c->failing_since = record->error_since;
    }
    for (size_t i = 0; i < c->view.rollout_count && c->failure == NULL; i++)
        if (c->view.rollouts[i].error[0] != '\0') {
            c->failure = arena_printf(arena, "%s: %s", c->view.rollouts[i].target, c->view.rollouts[i].error);
            c->failing_since = c->view.rollouts[i].started_at;
        }
    for (size_t i = 0; i < c->view.challenge_count && c->failure == NULL; i++)
        if (c->view.challenges[i].error[0] != '\0') {
            c->failure =
                arena_printf(arena, "%s: %s", c->view.challenges[i].domain, c->view.challenges[i].error);
            c->failing_since = c->view.challenges[i].created_at;
        }
    const struct issuer_record *account = c->view.account.record;
    if (c->failure == NULL && c->step.action == ACTION_WAIT_ACCOUNT && account != NULL &&
        account->error[0] != '\0') {
        c->failure = arena_printf(arena, "issuer/%s: %s", c->view.refs.issuer->name, account->error);
        c->failing_since = account->error_at;
    }
}

static enum standing standing_of(const struct certificate_look *c)
{
    if (c->view.want == NULL)
        return STANDING_FORGOTTEN;
    if (c->step.action == ACTION_BLOCKED)
        return STANDING_BLOCKED;
    if (c->step.patient || c->step.human != NULL)
        return STANDING_WAITING;
    if (c->failure != NULL)
        return STANDING_FAILING;
    return c->step.action == ACTION_REST ? STANDING_FINE : STANDING_WORKING;
}

static const char *who_cures(enum error_kind kind)
{
    switch (kind) {
    case ERROR_MANIFEST: return "the author of the manifest";
    case ERROR_CONFIG: case ERROR_STATE: case ERROR_SYSTEM: return "the operator of this host";
    case ERROR_CREDENTIAL: case ERROR_REFUSED: return "whoever holds the account";
    default: return "nobody: it is tried again by itself";
    }
}

static const char *who_acts(const struct certificate_look *c)
{
    static const struct {
        const char *code, *who;
    } rows[] = {
        {"Invalid", "the author of the manifest"},
        {"Suspended", "the author of the manifest"},
        {"DuplicateNeed", "the author of the manifest"},
        {"EditAfterOrder", "the author of the manifest"},
        {"NeedsReissue", "the author of the manifest"},
        {"TermNotSold", "the author of the manifest"},
        {"ProductNotSold", "the author of the manifest"},
        {"CredentialExpired", "whoever holds the DNS account"},
        {"SpendingClosed", "the operator"},
        {"BudgetExceeded", "the operator"},
        {"MassPurchase", "the operator"},
        {"ClockNotSane", "the operator of this host"},
        {"NoRoom", "the operator of this host"},
        {"ReconcileOnly", "whoever holds the vendor's account"},
        {"Pending", "the operator"},
        {"AccountClosed", "whoever holds the vendor's account"},
        {"Drifted", "whoever keeps the target"},
        {"IssuerGone", "the author of the manifest"},
        {"OrderHeld", "whoever holds the vendor's account"},
        {"OrderRefused", "whoever holds the vendor's account"},
        {"OrderDead", "whoever holds the vendor's account"},
        {"ForeignOrder", "whoever holds the vendor's account"},
        {"NeedsRenewal", "whoever holds the vendor's account"},
        {"Expired", "whoever holds the vendor's account"},
        {"AwaitingApproval", "whoever reads the mail of the approver"},
        {"AwaitingManual", "whoever keeps the zone or the web server"},
        {"Vetting", "the CA; it may call the organization"},
        {"AwaitingVendor", "the vendor"},
    };
    if (text_equal(c->step.code, "Invalid") && strstr(c->step.reason, "the operator's file") != NULL)
        return "the operator";
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (text_equal(rows[i].code, c->step.code))
            return rows[i].who;
    if (c->failure != NULL && c->view.record.error[0] != '\0')
        return who_cures(error_kind_parse(c->view.record.error_kind));
    if (c->failure != NULL && c->step.action == ACTION_WAIT_ACCOUNT)
        return "whoever holds the account";
    if (c->failure != NULL)
        return "the operator, if it does not pass";
    return c->step.human != NULL ? "a person" : "nobody";
}

/* ---- certificates ---- */

int64_t look_replacement_due(const struct certificate_look *certificate)
{
    return certificate->view.revision != NULL ? certificate_renewal_time(&certificate->view) : certificate->step.due;
}

bool look_certificate(struct look *look, const char *namespace_, const char *name, struct arena *arena,
                      struct certificate_look *out, struct error *err)
{
    *out = (struct certificate_look){0};
    if (!model_view(&look->model, namespace_, name, arena, &out->view, err))
        return false;
    if (look->desired != NULL)
        out->entry = desired_find(look->desired, KIND_CERTIFICATE, namespace_, name);
    if (out->entry == NULL && out->view.record.first_seen == 0 && out->view.record.cycle == 0)
        return error_raise(err, ERROR_NOT_FOUND, "%s: no manifest and no record names it", out->view.id);
    out->step = standing_step(look, &out->view, arena);
    conditions_derive(&out->view, &out->step, arena, out->conditions);
    find_failure(out, arena);
    out->standing = standing_of(out);
    out->who = who_acts(out);
    return true;
}

struct gone {
    struct look *look;
    struct arena *arena;
    struct string_list keys;
};

static bool collect_gone(const char *key, struct span value, int64_t revision, void *arg)
{
    struct gone *gone = arg;
    (void)value, (void)revision;
    string_list_push(gone->arena, &gone->keys, arena_strdup(gone->arena, key));
    return true;
}

static bool visit_one(struct look *look, const char *namespace_, const char *name, look_visitor *visit,
                      void *arg, struct error *err)
{
    AUTO(arena) struct arena *arena = arena_create();
    struct certificate_look certificate;
    if (!look_certificate(look, namespace_, name, arena, &certificate, err))
        return false;
    visit(&certificate, arg);
    return true;
}

bool look_certificates(struct look *look, bool forgotten, look_visitor *visit, void *arg, struct error *err)
{
    for (size_t i = 0; i < desired_count(look->desired); i++) {
        const struct desired_entry *entry = desired_at(look->desired, i);
        if (entry->kind == KIND_CERTIFICATE && look_chosen(look, entry) &&
            !visit_one(look, entry->namespace_, entry->name, visit, arg, err))
            return false;
    }
    if (!forgotten || look->ctx->selector.count > 0)
        return true;
    AUTO(arena) struct arena *arena = arena_create();
    struct gone gone = {.look = look, .arena = arena};
    if (!state_scan(look->state, TABLE_CERTIFICATE, "", collect_gone, &gone, err))
        return false;
    for (size_t i = 0; i < gone.keys.count; i++) {
        struct string_list parts = text_split(arena, gone.keys.items[i], '/');
        bool wanted = parts.count == 2 &&
                      desired_find(look->desired, KIND_CERTIFICATE, parts.items[0], parts.items[1]) == NULL &&
                      (look->ctx->namespace_ == NULL || text_equal(look->ctx->namespace_, parts.items[0]));
        if (wanted && !visit_one(look, parts.items[0], parts.items[1], visit, arg, err))
            return false;
    }
    return true;
}

/* ---- problems and references ---- */

struct problem_list look_problems(struct look *look, enum resource_kind kind, const char *namespace_,
                                  const char *name)
{
    struct arena *arena = look->ctx->arena;
    struct problem_list own = {.arena = arena};
    const struct problem_list *all = desired_problems(look->desired);
    const char *id = resource_id(arena, kind, namespace_, name);
    for (size_t i = 0; i < all->count; i++)
        if (text_equal(all->items[i].resource, id)) {
            *arena_push(arena, &own.items, own.count) = all->items[i];
            own.errors += all->items[i].severity == SEVERITY_ERROR;
        }
    const struct desired_entry *entry = desired_find(look->desired, kind, namespace_, name);
    const struct resource *resource = entry != NULL ? desired_resource(look->desired, entry) : NULL;
    if (kind == KIND_CERTIFICATE && resource != NULL) {
        struct resource_lookup lookup = desired_lookup(look->desired);
        struct certificate_references refs;
        certificate_resolve(resource, &lookup, &look->ctx->config, clock_now(), arena, &refs, &own);
    }
    return own;
}

static bool refers_to(const struct certificate_references *refs, const struct resource *it)
{
    const struct resource *direct[] = {refs->issuer, refs->organization, refs->admin_contact,
                                       refs->technical_contact};
    for (size_t i = 0; i < COUNT_OF(direct); i++)
        if (direct[i] == it)
            return true;
    for (size_t i = 0; i < refs->target_count; i++)
        if (refs->targets[i]->kind == it->kind && text_equal(refs->targets[i]->name, it->name))
            return true;
    for (size_t i = 0; i < refs->validation_count; i++) {
        const struct resource *by[] = {refs->validations[i].dns_account, refs->validations[i].http_target};
        for (size_t j = 0; j < COUNT_OF(by); j++)
            if (by[j] != NULL && by[j]->kind == it->kind && text_equal(by[j]->name, it->name))
                return true;
    }
    return refs->issuer != NULL && it->kind == KIND_ISSUER && text_equal(refs->issuer->name, it->name);
}

struct string_list look_referrers(struct look *look, const struct resource *resource)
{
    struct string_list ids = {0};
    struct resource_lookup lookup = desired_lookup(look->desired);
    for (size_t i = 0; i < desired_count(look->desired); i++) {
        const struct desired_entry *entry = desired_at(look->desired, i);
        if (entry->kind != KIND_CERTIFICATE || !text_equal(entry->namespace_, resource->namespace_))
            continue;
        AUTO(arena) struct arena *arena = arena_create();
        const struct resource *certificate = desired_resource(look->desired, entry);
        struct problem_list ignored = {.arena = arena};
        struct certificate_references refs = {0};
        if (certificate == NULL)
            continue;
        certificate_resolve(certificate, &lookup, &look->ctx->config, clock_now(), arena, &refs, &ignored);
        if (refers_to(&refs, resource))
            string_list_push(look->ctx->arena, &ids,
                             resource_id(look->ctx->arena, KIND_CERTIFICATE, entry->namespace_, entry->name));
    }
    return ids;
}

const char *look_place(struct look *look, const struct desired_entry *entry)
{
    const struct resource *resource = entry != NULL ? desired_resource(look->desired, entry) : NULL;
    if (resource != NULL && resource->position.file != NULL && resource->position.line > 0)
        return arena_printf(look->ctx->arena, "%s:%d", resource->position.file, resource->position.line);
    return entry != NULL ? entry->position_file : NULL;
}

/* ---- events and holds ---- */

struct seen_event {
    struct event_record event;
    int64_t revision; /* of the store: tells apart what happened in one second */
};
struct event_collect {
    struct arena *arena;
    struct seen_event *items;
    size_t count;
    struct error *err;
    bool failed;
};

static bool collect_event(const char *key, struct span value, int64_t revision, void *arg)
{
    struct event_collect *collect = arg;
    struct seen_event *seen = arena_push(collect->arena, &collect->items, collect->count);
    (void)key;
    seen->revision = revision;
    collect->failed = !field_decode_json(&event_record_table, value.data, value.length, collect->arena,
                                         &seen->event, collect->err);
    return !collect->failed;
}

static int compare_events(const void *left, const void *right)
{
    const struct seen_event *a = left, *b = right;
    if (a->event.last_at != b->event.last_at)
        return a->event.last_at < b->event.last_at ? -1 : 1;
    if (a->revision != b->revision)
        return a->revision < b->revision ? -1 : 1;
    return strcmp(a->event.reason, b->event.reason);
}

bool look_events(struct look *look, enum resource_kind kind, const char *namespace_, const char *name,
                 struct event_list *out, struct error *err)
{
    struct arena *arena = look->ctx->arena;
    struct event_collect collect = {.arena = arena, .err = err};
    const char *prefix = kind == KIND_COUNT
                             ? ""
                             : arena_printf(arena, "%s/%s/%s/", resource_kind_name(kind), namespace_, name);
    if (!state_scan(look->state, TABLE_EVENT, prefix, collect_event, &collect, err) || collect.failed)
        return false;
    if (collect.count > 1)
        qsort(collect.items, collect.count, sizeof *collect.items, compare_events);
    out->count = collect.count;
    out->items = arena_array(arena, collect.count + 1, sizeof *out->items);
    for (size_t i = 0; i < collect.count; i++)
        out->items[i] = collect.items[i].event;
    return true;
}

struct hold_collect {
    struct look *look;
    struct hold_list *out;
};

/* A hold is kept under the digest of what it named; when that changed, another one took its place. */
static bool still_so(struct look *look, const struct hold_record *hold)
{
    struct arena *arena = look->ctx->arena;
    if (!text_equal(hold->kind, "MassPurchase"))
        return true;
    for (size_t i = 0; i < hold->subjects.count; i++) {
        struct string_list parts = text_split(arena, hold->subjects.items[i], '/');
        const char *name = parts.items[parts.count - 1],
                   *namespace_ = parts.count == 3 ? parts.items[1] : "default";
        bool wanted = desired_find(look->desired, KIND_CERTIFICATE, namespace_, name) != NULL;
        struct certificate_record record;
        bool known = record_load(look->state, TABLE_CERTIFICATE, record_key(arena, namespace_, name),
                                 &certificate_record_table, arena, &record, NULL, NULL);
        if (wanted && (!known || (record.cycle == 0 && !record.purchase_confirmed)))
            return true;
    }
    return false;
}

static bool collect_hold(const char *key, const void *record, void *arg)
{
    struct hold_collect *collect = arg;
    const struct hold_record *hold = record;
    (void)key;
    if (!hold->confirmed)
        *arena_push(collect->look->ctx->arena, &collect->out->items, collect->out->count) = *hold;
    return true;
}

/* What the guards hold now; since when, its record tells. */
static void hold_live(struct look *look, const struct hold_list *recorded, struct hold_list *out)
{
    const struct guard_hold_list *holds = desired_holds(look->desired);
    for (size_t i = 0; i < holds->count; i++) {
        const struct guard_hold *hold = &holds->items[i];
        struct hold_record record = {.digest = hold->digest, .kind = hold->kind, .subjects = hold->subjects,
                                     .since = clock_now(), .confirmed_by = ""};
        for (size_t j = 0; j < recorded->count; j++)
            if (text_equal(recorded->items[j].digest, hold->digest))
                record.since = recorded->items[j].since;
        *arena_push(look->ctx->arena, &out->items, out->count) = record;
    }
}

bool look_holds(struct look *look, struct hold_list *out, struct error *err)
{
    struct hold_list all = {0};
    struct hold_collect collect = {look, &all};
    *out = (struct hold_list){0};
    if (!record_scan(look->state, TABLE_HOLD, "", &hold_record_table, look->ctx->arena, collect_hold,
                     &collect, err))
        return false;
    const struct state_trouble *trouble = state_reconcile_only(look->state);
    if (trouble != NULL) {
        struct hold_record hold = {.digest = trouble->digest, .kind = "ReconcileOnly", .since = trouble->since,
                                   .confirmed_by = ""};
        string_list_push(look->ctx->arena, &hold.subjects, trouble->words);
        *arena_push(look->ctx->arena, &out->items, out->count) = hold;
    }
    hold_live(look, &all, out);
    for (size_t i = 0; i < all.count; i++) {
        bool newest = !text_equal(all.items[i].kind, "MassRemoval") && !text_equal(all.items[i].kind, "HistoryBack") &&
                      !text_equal(all.items[i].kind, "MassChange");
        for (size_t j = 0; j < all.count; j++)
            newest = newest && (!text_equal(all.items[i].kind, all.items[j].kind) ||
                                all.items[j].since <= all.items[i].since);
        if (newest && still_so(look, &all.items[i]))
            *arena_push(look->ctx->arena, &out->items, out->count) = all.items[i];
    }
    return true;
}
