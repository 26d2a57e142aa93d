#include "controller/model_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/secret.h"
#include "controller/holds.h"
#include "controller/records.h"
#include "schema/dns_account.h"
#include "reconcilers/deploy/deploy.h"
#include "schema/problem.h"
#include "schema/rules.h"

enum {
    ACCOUNT_FRESH_S = 900,      /* the vendor's orders are compared once per batch before buying */
    CLOCK_BACK_MOST_S = 300,    /* reliability.md R10 */
    CLOCK_OFF_MOST_S = 600,     /* from the vendor's */
};

void model_init(struct model *model, const struct operator_config *config, struct state *state)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    *model = (struct model){.arena = arena_create(), .config = config, .state = state};
    model->budget = (struct budget_book){.state = state, .arena = model->arena};
    model->holder = arena_printf(model->arena, "%s %d %s", host, (int)getpid(), clock_boot_id());
    model->installation = arena_strdup(model->arena, state != NULL ? state_installation(state) : "");
}

void model_finish(struct model *model)
{
    for (size_t i = 0; i < model->account_count; i++)
        account_facts_finish(&model->accounts[i]->facts);
    model_drop_claims(model);
    arena_destroy(model->arena);
    *model = (struct model){0};
}

/* ---- accounts ---- */

struct account *model_account(struct model *model, const char *namespace_, const char *name)
{
    for (size_t i = 0; i < model->account_count; i++)
        if (text_equal(model->accounts[i]->namespace_, namespace_) && text_equal(model->accounts[i]->name, name))
            return model->accounts[i];
    struct account *account = arena_alloc(model->arena, sizeof *account);
    account->namespace_ = arena_strdup(model->arena, namespace_);
    account->name = arena_strdup(model->arena, name);
    account->tokens = 1;
    account->tokens_at_ms = clock_now_ms();
    if (model->state != NULL)
        account->has_record = record_load(model->state, TABLE_ISSUER, record_key(model->arena, namespace_, name),
                                          &issuer_record_table, model->arena, &account->record, NULL, NULL);
    *arena_push(model->arena, &model->accounts, model->account_count) = account;
    return account;
}

static void view_account(struct model *model, struct certificate_view *view, struct arena *arena)
{
    const struct resource *issuer = view->refs.issuer;
    struct account_view *out = &view->account;
    if (issuer == NULL)
        return;
    out->endpoint = operator_endpoint(model->config, issuer->issuer->sslstore.environment);
    struct account *account = model_account(model, issuer->namespace_, issuer->name);
    bool known = account->facts.arena != NULL && out->endpoint != NULL &&
                 text_equal(account->facts.url, out->endpoint->url) &&
                 memcmp(account->facts.issuer_digest, issuer->digest, sizeof account->facts.issuer_digest) == 0;
    out->record = account->has_record ? arena_memdup(arena, &account->record, sizeof account->record) : NULL;
    out->prices = known ? &account->facts.prices : NULL;
    out->checked = model->assume_fresh_accounts || (known && account->facts.listed && view->now - account->facts.at < ACCOUNT_FRESH_S &&
                   view->now >= account->facts.at - 60);
    int64_t off = known && out->checked ? account->facts.vendor_ahead_s : 0; /* an older answer says nothing: it is asked anew */
    if (off > CLOCK_OFF_MOST_S || off < -CLOCK_OFF_MOST_S)
        view->clock_words = arena_printf(arena, "the clock of this host is %s %s the vendor's",
                                         text_duration_words(arena, off > 0 ? off : -off), off > 0 ? "behind" : "ahead of");
}

/* "unknown/<account>/<certificate>": an order of which nobody knows whether the vendor took it. The order's own record
 * decides; the row only says where to look. */
static char *unknown_prefix(const struct resource *issuer, struct arena *arena)
{
    return arena_printf(arena, "unknown/%s/%s/", issuer->namespace_, issuer->name);
}

static bool is_unknown(const struct order_record *order)
{
    return order != NULL && (order->state == ORDER_UNKNOWN || order->state == ORDER_HELD);
}

struct collected {
    struct arena *arena;
    struct string_list values;
};

static bool collect_value(const char *key, struct span value, int64_t revision, void *arg)
{
    struct collected *collected = arg;
    (void)key, (void)revision;
    string_list_push(collected->arena, &collected->values, arena_strndup(collected->arena, value.data, value.length));
    return true;
}

static bool view_unknown(struct model *model, struct certificate_view *view, struct arena *arena, struct error *err)
{
    struct collected orders = {.arena = arena};
    struct order_record order;
    if (model->state == NULL || view->refs.issuer == NULL)
        return true;
    if (!state_scan(model->state, TABLE_META, unknown_prefix(view->refs.issuer, arena), collect_value, &orders, err))
        return false;
    for (size_t i = 0; i < orders.values.count; i++) {
        bool found;
        if (!record_find(model->state, TABLE_ORDER, orders.values.items[i], &order_record_table, arena, &order, &found, err))
            return false;
        view->account.unknown_open += found && is_unknown(&order);
    }
    return true;
}

static void write_unknown(const struct certificate_view *view, const struct order_record *order, struct state_batch *batch,
                          struct arena *arena)
{
    const struct resource *issuer = view->order_issuer != NULL ? view->order_issuer : view->refs.issuer;
    if (issuer == NULL || is_unknown(view->order) == is_unknown(order))
        return;
    char *key = arena_printf(arena, "%s%s/%s", unknown_prefix(issuer, arena), view->namespace_, view->name);
    if (is_unknown(order))
        meta_put(batch, key, record_key_number(arena, view->namespace_, view->name, order->cycle));
    else
        state_delete(batch, TABLE_META, key, STATE_ANY);
}

static bool view_budget(struct model *model, struct certificate_view *view, struct arena *arena, struct error *err)
{
    const char *currency = NULL;
    if (view->refs.issuer == NULL || view->want == NULL || view->product == NULL)
        return true;
    struct budget budget;
    bool sandbox = view->account.endpoint != NULL && view->account.endpoint->sandbox;
    int64_t price = certificate_price(view, &currency);
    if (price < 0 && model->assume_fresh_accounts)
        price = PRICE_NOT_ASKED;
    if (!budget_check(&model->budget, model->config, view->refs.issuer, sandbox, price, currency, view->now, arena, &budget,
                      err))
        return false;
    view->account.spending_open = budget.open;
    view->account.within_budget = budget.within;
    view->account.budget_words = budget.words;
    view->account.budget_period = budget.period;
    return true;
}

/* ---- records of one certificate ---- */

struct collect {
    struct arena *arena;
    const struct certificate_references *refs;
    struct challenge_record *challenges;
    size_t count;
};

static bool collect_challenge(const char *key, const void *record, void *arg)
{
    struct collect *collect = arg;
    (void)key;
    *arena_push(collect->arena, &collect->challenges, collect->count) = *(const struct challenge_record *)record;
    return true;
}

static size_t rank_of(const struct string_list *names, const char *domain)
{
    for (size_t i = 0; names != NULL && i < names->count; i++)
        if (text_equal(names->items[i], domain))
            return i;
    return SIZE_MAX;
}

static void sort_challenges(struct collect *collect, const struct string_list *names)
{
    for (size_t i = 1; i < collect->count; i++) /* a handful, and nearly sorted */
        for (size_t j = i; j > 0 && rank_of(names, collect->challenges[j].domain) <
                                        rank_of(names, collect->challenges[j - 1].domain); j--) {
            struct challenge_record kept = collect->challenges[j];
            collect->challenges[j] = collect->challenges[j - 1];
            collect->challenges[j - 1] = kept;
        }
}

/* An order without a certificate that tells its cycle, as a journal of former versions may bring it back, is the first one. */
static bool load_order(struct model *model, struct certificate_view *view, struct arena *arena, struct error *err)
{
    struct order_record *order = arena_alloc(arena, sizeof *order);
    struct error missing = {0};
    int cycle = view->record.cycle > 0 ? view->record.cycle : 1;
    if (record_load(model->state, TABLE_ORDER, record_key_number(arena, view->namespace_, view->name, cycle),
                    &order_record_table, arena, order, &view->order_revision, &missing)) {
        view->order = order;
        view->record.cycle = cycle;
    } else if (missing.kind != ERROR_NOT_FOUND) {
        *err = missing;
        return false;
    }
    if (view->record.cycle == 0)
        return true;
    struct collect collect = {.arena = arena};
    if (!record_scan(model->state, TABLE_CHALLENGE,
                     arena_printf(arena, "%s/%s/%06d/", view->namespace_, view->name, view->record.cycle),
                     &challenge_record_table, arena, collect_challenge, &collect, err))
        return false;
    sort_challenges(&collect, view->want != NULL ? &view->want->certificate->dns_names : NULL);
    view->challenges = collect.challenges;
    view->challenge_count = collect.count;
    return true;
}

static bool load_revision(struct model *model, struct certificate_view *view, struct arena *arena, struct error *err)
{
    struct revision_record *revision = arena_alloc(arena, sizeof *revision);
    if (view->record.revision == 0)
        return true;
    if (!record_load(model->state, TABLE_REVISION,
                     record_key_number(arena, view->namespace_, view->name, view->record.revision), &revision_record_table,
                     arena, revision, NULL, err))
        return false;
    view->revision = revision;
    return true;
}

static bool load_rollouts(struct model *model, struct certificate_view *view, struct arena *arena, struct error *err)
{
    view->rollout_count = view->invalid ? 0 : view->refs.target_count;
    view->rollouts = arena_array(arena, view->rollout_count, sizeof *view->rollouts);
    for (size_t i = 0; i < view->rollout_count; i++) {
        struct error missing = {0};
        struct rollout_record *r = &view->rollouts[i];
        const char *target = view->refs.targets[i]->name;
        if (model->state != NULL &&
            record_load(model->state, TABLE_ROLLOUT, record_key_sub(arena, view->namespace_, view->name, target),
                        &rollout_record_table, arena, r, NULL, &missing))
            continue;
        if (missing.kind != ERROR_NONE && missing.kind != ERROR_NOT_FOUND) {
            *err = missing;
            return false;
        }
        *r = (struct rollout_record){.namespace_ = view->namespace_, .name = view->name, .target = target,
            .state = ROLLOUT_WANTED, .fingerprint = "", .previous_fingerprint = "", .root = "", .path = "", .layout = "",
            .error = "", .drift = "", .settings_digest = ""};
    }
    return true;
}

/* One that is opened to other namespaces stands in the default one. */
static const struct resource *find_opened(const struct resource_lookup *lookup, enum resource_kind kind,
                                          const char *namespace_, const char *name)
{
    const struct resource *found = name[0] != '\0' ? lookup->find(lookup->set, kind, namespace_, name) : NULL;
    return found == NULL && name[0] != '\0' ? lookup->find(lookup->set, kind, "default", name) : found;
}

/* A manifest that is gone or does not resolve still has an account to ask and challenges to take away: they are found by
 * what was recorded. */
static void refs_from_records(struct model *model, struct certificate_view *view, struct arena *arena)
{
    if (view->order == NULL || model->desired == NULL)
        return;
    struct resource_lookup lookup = desired_lookup(model->desired);
    if (view->refs.issuer == NULL)
        view->refs.issuer = find_opened(&lookup, KIND_ISSUER, view->namespace_, view->order->issuer);
    if (view->want != NULL && !view->invalid)
        return;
    view->refs.validation_count = view->challenge_count;
    view->refs.validations = arena_array(arena, view->challenge_count, sizeof *view->refs.validations);
    for (size_t i = 0; i < view->challenge_count; i++) {
        const struct challenge_record *c = &view->challenges[i];
        view->refs.validations[i] = (struct name_validation){
            .name = c->domain, .method = (enum dcv_method)c->method, .manual = c->manual, .approver = c->approver,
            .dns_account = find_opened(&lookup, KIND_DNS_ACCOUNT, view->namespace_, c->account),
            .http_target = c->target[0] != '\0' ? lookup.find(lookup.set, KIND_DEPLOY_TARGET, view->namespace_, c->target) : NULL};
    }
    for (size_t i = 0; i < view->challenge_count; i++) {
        const struct resource *account =
            find_opened(&lookup, KIND_DNS_ACCOUNT, view->namespace_, view->challenges[i].led_account);
        if (account != NULL)
            *arena_push(arena, &view->refs.dns_accounts, view->refs.dns_account_count) = account;
    }
    if (view->product == NULL)
        view->product = product_find(view->order->product, NULL);
}

/* An account's URL ends with a slash, the operator's file may leave it out. */
static bool same_url(const char *a, const char *b)
{
    size_t one = strlen(a), two = strlen(b);
    one -= one > 0 && a[one - 1] == '/';
    two -= two > 0 && b[two - 1] == '/';
    return one == two && memcmp(a, b, one) == 0;
}

/* What is open or sent stays with the account it went to, whichever the manifest names now; an Issuer of that name may lead
 * elsewhere meanwhile. */
static void find_order_issuer(struct model *model, struct certificate_view *view, struct arena *arena)
{
    if (view->order == NULL || model->desired == NULL)
        return;
    struct resource_lookup lookup = desired_lookup(model->desired);
    const struct resource *candidates[] = {
        view->refs.issuer, lookup.find(lookup.set, KIND_ISSUER, view->namespace_, view->order->issuer),
        lookup.find(lookup.set, KIND_ISSUER, "default", view->order->issuer)};
    for (size_t i = 0; i < COUNT_OF(candidates) && view->order_issuer == NULL; i++)
        if (candidates[i] != NULL &&
            certificate_order_is_at(view->order, candidates[i],
                                    operator_endpoint(model->config, candidates[i]->issuer->sslstore.environment)))
            view->order_issuer = candidates[i];
    if (view->order_issuer == NULL)
        return;
    const struct issuer *leads = view->order_issuer->issuer;
    const struct endpoint *endpoint = operator_endpoint(model->config, leads->sslstore.environment);
    struct account *account = model_account(model, view->order_issuer->namespace_, view->order_issuer->name);
    const struct issuer_record *record = &account->record;
    /* What was seen before the Issuer was edited may be of another account: its orders are unknown to this one. */
    if (account->has_record && same_url(record->endpoint, endpoint->url) &&
        text_equal(record->partner_code, leads->sslstore.partner_code))
        view->order_account = arena_memdup(arena, record, sizeof *record);
}

static void resolve(struct model *model, struct certificate_view *view, struct arena *arena)
{
    struct problem_list problems = {.arena = arena};
    struct resource_lookup lookup = desired_lookup(model->desired);
    view->product = product_find(view->want->certificate->order.product, NULL);
    bool ok = certificate_resolve(view->want, &lookup, model->config, view->now, arena, &view->refs, &problems);
    for (size_t i = 0; ok && i < view->refs.target_count; i++) {
        struct error err = {0};
        const char *path;
        if (!deploy_place(model->config, view->refs.targets[i], view->namespace_, view->name,
                          certificate_main_name(view->want->certificate), arena, &path, &err)) {
            ok = false;
            view->invalid_words = arena_strdup(arena, err.message);
        }
    }
    if (ok && view->product != NULL)
        return;
    view->invalid = true;
    for (size_t i = 0; i < problems.count && view->invalid_words == NULL; i++)
        if (problems.items[i].severity == SEVERITY_ERROR)
            view->invalid_words = problems.items[i].message;
    if (view->invalid_words == NULL)
        view->invalid_words = "the manifest does not resolve";
}

/* ---- clock and store ---- */

static const char *judge_clock(struct model *model, int64_t now, const char *newest, struct arena *arena, const char **out_release)
{
    int64_t stored = newest != NULL ? atoll(newest) : 0;
    int64_t made = 0;
    if (clock_parse_rfc3339(rules_version(), &made) && now < made)
        return arena_printf(arena, "the clock says %s, which is before this program was made", clock_rfc3339(arena, now));
    if (now < stored - CLOCK_BACK_MOST_S)
        *out_release = clock_hold_digest(model->state, arena);
    if (now < stored - CLOCK_BACK_MOST_S)
        return arena_printf(arena, "the clock says %s, but the store has seen %s", clock_rfc3339(arena, now),
                            clock_rfc3339(arena, stored));
    return NULL;
}

static void view_store(struct model *model, struct certificate_view *view, struct arena *arena)
{
    const struct state_trouble *trouble = model->state != NULL ? state_reconcile_only(model->state) : NULL;
    if (trouble != NULL) {
        view->reconcile_words = arena_strdup(arena, trouble->words);
        view->reconcile_digest = arena_strdup(arena, trouble->digest);
    }
    view->room_words = model->state != NULL ? arena_strdup(arena, state_room(model->state)) : NULL;
}

/* ---- the view ---- */

static bool read_view(struct model *model, const char *namespace_, const char *name, struct arena *arena,
                      struct certificate_view *view, struct error *err)
{
    *view = (struct certificate_view){.config = model->config, .now = clock_now(), .boot_ms = clock_boot_ms(),
        .boot_id = clock_boot_id(), .holder = model->holder, .installation = model->installation,
        .namespace_ = arena_strdup(arena, namespace_), .name = arena_strdup(arena, name),
        .id = resource_id(arena, KIND_CERTIFICATE, namespace_, name)};
    struct error missing = {0};
    if (model->state == NULL || !record_load(model->state, TABLE_CERTIFICATE, record_key(arena, namespace_, name),
                                             &certificate_record_table, arena, &view->record, NULL, &missing)) {
        if (missing.kind != ERROR_NONE && missing.kind != ERROR_NOT_FOUND) {
            *err = missing;
            return false;
        }
        view->record = (struct certificate_record){.namespace_ = view->namespace_, .name = view->name, .common_name = "",
            .spec_digest = "", .phase = "", .reason = "", .message = "", .error_kind = "", .error = "", .error_step = ""};
    }
    const struct desired_entry *entry = model->desired != NULL
                                            ? desired_find(model->desired, KIND_CERTIFICATE, namespace_, name)
                                            : NULL;
    view->want = entry != NULL ? desired_resource(model->desired, entry) : NULL;
    if (view->want != NULL) {
        resolve(model, view, arena);
    } else if (entry != NULL) { /* it is there, and it is no absence */
        view->invalid = true;
        view->invalid_words = entry->stale  ? "its manifest is broken, and this version does not take its last good form for valid"
                              : entry->held ? "it is held as it was, and this version does not take that form for valid"
                                            : "its manifest was read, and cannot be read again";
    }
    if (model->state != NULL && (!load_order(model, view, arena, err) || !load_revision(model, view, arena, err)))
        return false;
    refs_from_records(model, view, arena);
    find_order_issuer(model, view, arena);
    if (!load_rollouts(model, view, arena, err))
        return false;
    view_account(model, view, arena);
    const char *newest = NULL; /* the latest time that the store has seen */
    if (model->state != NULL && !meta_read(model->state, "newest-time", arena, &newest, err))
        return false;
    if (view->clock_words == NULL)
        view->clock_words = judge_clock(model, view->now, newest, arena, &view->clock_release);
    view_store(model, view, arena);
    if (view->want == NULL || view->invalid)
        return true;
    if (!model_find_places(model, view, arena, err))
        return false;
    bool buys = view->order == NULL || view->order->state == ORDER_PREPARED || view->order->state == ORDER_REFUSED;
    if ((buys || is_unknown(view->order)) && !view_unknown(model, view, arena, err))
        return false;
    if (!buys)
        return true;
    if (!model_find_duplicate(model, view, arena, err))
        return false;
    if (!model->purchase_hold_known) {
        struct string_list ids;
        const char *digest;
        if (!holds_purchases(model, arena, &ids, &digest, err))
            return false;
        model->purchase_hold = arena_strdup(model->arena, digest);
        model->purchase_hold_known = true;
    }
    if (model->purchase_hold != NULL && view->order == NULL && !view->record.purchase_confirmed)
        view->purchase_hold = model->purchase_hold;
    model_find_foreign(model, view, arena);
    return view_budget(model, view, arena, err);
}

/* Records of one moment: order, revision and rollouts must fit, also for a reader beside a controller at work. */
bool model_view(struct model *model, const char *namespace_, const char *name, struct arena *arena,
                struct certificate_view *out, struct error *err)
{
    if (model->state == NULL)
        return read_view(model, namespace_, name, arena, out, err);
    if (!state_hold(model->state, err))
        return false;
    bool done = read_view(model, namespace_, name, arena, out, err);
    state_let(model->state);
    return done;
}

bool model_load_material(struct model *model, struct certificate_view *view, const struct step *step, struct arena *arena,
                         struct error *err)
{
    unsigned needs = certificate_action(step->action)->needs;
    if (needs & NEEDS_REQUEST) {
        view->material.request = blob_text(model->state, arena_printf(arena, "request/%s", view->order->custom_order_id),
                                           arena, err);
        if (view->material.request == NULL)
            return error_prefix(err, "the prepared request");
    }
    if (needs & NEEDS_CERT) {
        const char *fingerprint = view->revision->fingerprint;
        view->material.leaf = blob_text(model->state, arena_printf(arena, "cert/%s", fingerprint), arena, err);
        view->material.chain = blob_text(model->state, arena_printf(arena, "chain/%s", fingerprint), arena, err);
        if (view->material.leaf == NULL || view->material.chain == NULL)
            return error_prefix(err, "the certificate");
    }
    bool may_be_keyless = view->revision != NULL && view->order != NULL && view->order->key_brought;
    if ((needs & NEEDS_KEY) || ((needs & NEEDS_KEYLESS) && may_be_keyless)) {
        struct error missing = {0};
        AUTO(secret) struct secret *key = blob_secret(model->state, arena_printf(arena, "key/%s", view->revision->key_id), &missing);
        view->material.keyless = key == NULL && may_be_keyless && missing.kind == ERROR_NOT_FOUND;
        if (key == NULL && !view->material.keyless) {
            *err = missing;
            return error_prefix(err, "the private key");
        }
        if (needs & NEEDS_KEY) {
            view->material.key = key;
            key = NULL; /* handed on */
        }
    }
    return true;
}

/* ---- writing ---- */

void model_event(struct model *model, struct state_batch *batch, const char *kind, const char *namespace_,
                 const char *name, const char *type, const char *reason, const char *message, struct arena *arena)
{
    /* One row per object and reason: the newest message, with a count. */
    int64_t now = clock_now();
    const char *key = arena_printf(arena, "%s/%s/%s/%s", kind, namespace_, name, reason);
    struct event_record event;
    if (!record_load(model->state, TABLE_EVENT, key, &event_record_table, arena, &event, NULL, NULL))
        event = (struct event_record){.at = now, .kind = kind, .namespace_ = namespace_, .name = name, .type = type,
                                      .reason = reason};
    event.count++;
    event.last_at = now;
    event.type = type;
    event.message = text_clean(arena, message, strlen(message), 480);
    record_put(batch, TABLE_EVENT, key, &event_record_table, &event, STATE_ANY);
}

bool model_write(struct model *model, const struct certificate_view *view, const struct changes *changes,
                 struct state_batch *batch, struct arena *arena, struct error *err)
{
    const char *key = record_key(arena, view->namespace_, view->name);
    if (changes->certificate != NULL)
        record_put(batch, TABLE_CERTIFICATE, key, &certificate_record_table, changes->certificate, STATE_ANY);
    if (changes->order != NULL)
        write_unknown(view, changes->order, batch, arena);
    /* A new order never takes the place of one that is there: that one may have been paid for. */
    int64_t order_must = view->order == NULL ? 0 : changes->order_claim ? view->order_revision : STATE_ANY;
    if (changes->order != NULL)
        record_put(batch, TABLE_ORDER, record_key_number(arena, view->namespace_, view->name, changes->order->cycle),
                   &order_record_table, changes->order, order_must);
    for (size_t i = 0; i < changes->challenge_count; i++)
        record_put(batch, TABLE_CHALLENGE, challenge_key(arena, &changes->challenges[i]), &challenge_record_table,
                   &changes->challenges[i], STATE_ANY);
    for (size_t i = 0; i < changes->leftover_count; i++)
        record_put(batch, TABLE_LEFTOVER, leftover_key(arena, &changes->leftovers[i]), &leftover_record_table,
                   &changes->leftovers[i], STATE_ANY);
    if (changes->revision != NULL)
        record_put(batch, TABLE_REVISION,
                   record_key_number(arena, view->namespace_, view->name, changes->revision->number),
                   &revision_record_table, changes->revision, STATE_ANY);
    if (changes->take_place)
        meta_put(batch, model_place_key(view, (size_t)changes->place, arena),
                 arena_printf(arena, "%s/%s", key, changes->rollout->target));
    if (changes->rollout != NULL)
        record_put(batch, TABLE_ROLLOUT, record_key_sub(arena, view->namespace_, view->name, changes->rollout->target),
                   &rollout_record_table, changes->rollout, STATE_ANY);
    for (size_t i = 0; i < changes->blob_count; i++) {
        const struct blob *blob = &changes->blobs[i];
        struct span value = blob->secret != NULL ? span_of(secret_bytes(blob->secret), secret_length(blob->secret))
                                                 : span_of(blob->text, strlen(blob->text));
        state_put(batch, TABLE_BLOB, blob->key, value, STATE_ANY);
    }
    if (changes->reserve_budget && view->refs.issuer != NULL)
        budget_store(&model->budget, view->refs.issuer, batch);
    if (changes->register_need)
        meta_put(batch, arena_printf(arena, "id/%s", changes->order->custom_order_id), key);
    if (changes->register_need)
        meta_put(batch, need_key(arena, changes->order->endpoint, model_partner_code(view), changes->order->product,
                                 &changes->order->names),
                 arena_printf(arena, "%s/%s/%d", view->namespace_, view->name, changes->order->cycle));
    if (changes->event_reason != NULL)
        model_event(model, batch, "Certificate", view->namespace_, view->name, changes->event_type, changes->event_reason,
                    changes->event_message != NULL ? changes->event_message : "", arena);
    if (changes->paid)
        meta_put(batch, "newest-time", arena_printf(arena, "%lld", (long long)clock_now()));
    (void)err;
    return true;
}

/* ---- what was seen of an account ---- */

void model_take_account(struct model *model, struct account *account, const struct account_facts *facts,
                        const struct error *failure)
{
    struct issuer_record *record = &account->record;
    if (!account->has_record)
        *record = (struct issuer_record){.namespace_ = account->namespace_, .name = account->name, .endpoint = "",
                                         .partner_code = "", .error = "", .control_order = ""};
    account->has_record = true;
    if (failure != NULL) {
        record->error = arena_strdup(model->arena, failure->message);
        record->error_at = clock_now();
    } else {
        record->error = "";
        record->endpoint = arena_strdup(model->arena, facts->url);
        record->partner_code = arena_strdup(model->arena, facts->partner_code);
        record->checked_at = facts->at;
        record->listed_at = facts->listed ? facts->at : record->listed_at;
        record->orders_listed = facts->listed ? (int)facts->order_count : record->orders_listed;
        if (facts->listed) { /* the list is whole, and may be another account's than the last one */
            record->last_order_seen = 0;
            record->control_order = "";
        }
        for (size_t i = 0; i < facts->order_count; i++)
            if (facts->orders[i].purchased_at >= record->last_order_seen) {
                record->last_order_seen = facts->orders[i].purchased_at;
                record->control_order = arena_strdup(model->arena, facts->orders[i].vendor_order_id);
            }
    }
}

void model_write_account(const struct account *account, struct state_batch *batch, struct arena *arena)
{
    record_put(batch, TABLE_ISSUER, record_key(arena, account->namespace_, account->name), &issuer_record_table,
               &account->record, STATE_ANY);
}
