/* A small world in memory, without network and store: a vendor with a ledger that shares no code with the
 * program, names that are proven or not, targets that work or fail, clocks that jump, processes that die.
 * Certificates live in it by the real decide, prepare and record parts; only `act` is played. Every rule
 * broken is noted in `violation`. */
#pragma once

#include "make_view.h"

#include "base/hash.h"

enum { SIM_CERTIFICATES = 4, SIM_TARGETS = 4, SIM_DOMAINS = 8, SIM_ORDERS = 32, SIM_WANTS = 40 };

/* Faults of the program itself, played to see that the rules catch them. */
enum sim_defect {
    DEFECT_NONE,
    DEFECT_NO_INTENT,        /* a crash loses the SUBMITTING intent too */
    DEFECT_UNKNOWN_NOT_SENT, /* no answer is taken for "nothing was sent" */
    DEFECT_NO_CONTROL,       /* a look-up that failed is taken for "not there" */
    DEFECT_NO_GRACE,         /* three look-ups in a row are enough, and a person trusts them */
    DEFECT_NO_REGISTRY,      /* nobody remembers who has an order for which names */
    DEFECT_COUNT
};

struct sim_want { /* a manifest, resolved once */
    const struct resource *want;
    struct certificate_references refs;
    const struct product *product;
};
struct sim_order { /* what the vendor's ledger holds */
    const char *custom_order_id, *product, *common_name, *key_id, *number;
    struct string_list names;
    int64_t effect_at, visible_at; /* true time */
    int64_t price_cents;
    enum vendor_phase phase;
    int certificate;
};
struct sim_certificate {
    const char *name;
    const struct sim_want *wanted; /* NULL: no manifest */
    struct certificate_record record;
    const struct order_record *order;
    struct challenge_record challenges[SIM_DOMAINS];
    size_t challenge_count;
    bool proof[SIM_DOMAINS]; /* whether the world sees it */
    const struct revision_record *revision;
    struct rollout_record rollouts[SIM_TARGETS];
    size_t rollout_count;
    const char *request;
};
struct sim {
    struct arena *arena;
    uint64_t random;
    int64_t true_s, offset, boot_at; /* the world's time; how wrong the clock is; when this boot began */
    int64_t newest_time;             /* as the store remembers it */
    int boots, processes;
    bool faults;
    enum sim_defect defect;
    struct price_list prices, double_prices;
    bool dear, checked, listed_prices;
    struct sim_certificate certificates[SIM_CERTIFICATES];
    struct sim_order ledger[SIM_ORDERS];
    size_t order_count;
    struct {
        const char *key;
        int certificate;
    } needs[SIM_ORDERS];
    size_t need_count;
    int64_t reserved_cents, spent_cents;
    int serial;
    bool resubmit; /* onUnknownOrder: resubmit */
    bool trace;
    const char *violation;
    size_t mutations; /* steps with an outside effect */
    const struct resource *issuer; /* the only one there is */
};

static inline uint64_t sim_random(struct sim *sim)
{
    uint64_t x = sim->random += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}
static inline int sim_below(struct sim *sim, int limit) { return (int)(sim_random(sim) % (uint64_t)limit); }
static inline bool sim_chance(struct sim *sim, int percent) { return sim_below(sim, 100) < percent; }
static inline bool sim_fault(struct sim *sim, int percent) { return sim->faults && sim_chance(sim, percent); }
static inline int64_t sim_now(const struct sim *sim) { return sim->true_s + sim->offset; }

static inline void sim_broken(struct sim *sim, const char *rule)
{
    if (sim->violation == NULL)
        sim->violation = rule;
}

/* ---- the world's records as a view ---- */

static struct operator_config sim_resubmits; /* made_config with onUnknownOrder: resubmit */

static inline const char *sim_need(struct sim *sim, const char *product, const struct string_list *names)
{
    struct string_list sorted = string_list_sorted(sim->arena, names);
    return arena_printf(sim->arena, "%s|%s", product, string_list_join(sim->arena, &sorted, ","));
}

/* As the controller's guard does it: who has the need, and whether that is over. */
static inline const char *sim_duplicate(struct sim *sim, int index, const struct certificate_view *view)
{
    const char *key = sim_need(sim, view->product->code, &view->want->certificate->dns_names);
    for (size_t i = 0; i < sim->need_count && sim->defect != DEFECT_NO_REGISTRY; i++) {
        if (sim->needs[i].certificate == index || !text_equal(sim->needs[i].key, key))
            continue;
        const struct sim_certificate *other = &sim->certificates[sim->needs[i].certificate];
        const struct order_record *order = other->order;
        bool same = order != NULL && text_equal(sim_need(sim, order->product, &order->names), key);
        bool over = !same || order->state == ORDER_DEAD || order->state == ORDER_REFUSED ||
                    (order->state == ORDER_PREPARED && other->wanted == NULL) ||
                    (order->subscription_ends_at > 0 && order->subscription_ends_at < view->now);
        if (!over)
            return other->name;
    }
    return NULL;
}

static inline const struct rollout_record *sim_rollout(const struct sim_certificate *c, const char *target)
{
    for (size_t i = 0; i < c->rollout_count; i++)
        if (text_equal(c->rollouts[i].target, target))
            return &c->rollouts[i];
    return NULL;
}

/* As the controller counts them: what nobody knows of the account's orders. */
static inline int sim_unknown_open(const struct sim *sim)
{
    int count = 0;
    for (int i = 0; i < SIM_CERTIFICATES; i++) {
        const struct order_record *order = sim->certificates[i].order;
        count += order != NULL && (order->state == ORDER_UNKNOWN || order->state == ORDER_HELD);
    }
    return count;
}

static inline void sim_view(struct sim *sim, int index, struct certificate_view *view)
{
    struct sim_certificate *c = &sim->certificates[index];
    *view = (struct certificate_view){
        .config = sim->resubmit ? &sim_resubmits : &made_config,
        .now = sim_now(sim),
        .boot_ms = (sim->true_s - sim->boot_at) * 1000,
        .boot_id = arena_printf(sim->arena, "boot-%d", sim->boots),
        .holder = arena_printf(sim->arena, "host %d boot-%d", sim->processes, sim->boots),
        .installation = "0123456789abcdef",
        .namespace_ = "default",
        .name = c->name,
        .id = arena_printf(sim->arena, "certificate/%s", c->name),
        .record = c->record,
        .order = c->order,
        .revision = c->revision,
        .challenges = arena_memdup(sim->arena, c->challenges, sizeof c->challenges),
        .challenge_count = c->challenge_count};
    const struct price_list *prices = sim->dear ? &sim->double_prices : &sim->prices;
    view->account = (struct account_view){.endpoint = &made_endpoints[0],
                                          .checked = sim->checked,
                                          .prices = sim->checked ? prices : NULL,
                                          .spending_open = true,
                                          .within_budget = true,
                                          .unknown_open = sim_unknown_open(sim),
                                          .budget_period = "2026-11"};
    if (sim_now(sim) < sim->newest_time - 300)
        view->clock_words = "the clock went back";
    else if (sim->checked && (sim->offset > 600 || sim->offset < -600))
        view->clock_words = "the vendor's clock says otherwise";
    view->order_issuer = sim->issuer;
    if (c->wanted == NULL) {
        view->product = c->order != NULL ? product_find(c->order->product, NULL) : NULL;
        return;
    }
    view->want = c->wanted->want;
    view->refs = c->wanted->refs;
    view->order_issuer = sim->issuer = view->refs.issuer;
    view->product = c->wanted->product;
    view->duplicate_of = sim_duplicate(sim, index, view);
    view->rollout_count = view->refs.target_count;
    view->rollouts = arena_array(sim->arena, view->rollout_count + 1, sizeof *view->rollouts);
    for (size_t i = 0; i < view->rollout_count; i++) {
        const struct rollout_record *stored = sim_rollout(c, view->refs.targets[i]->name);
        view->rollouts[i] = stored != NULL ? *stored
                                           : (struct rollout_record){.namespace_ = "default",
                                                                     .name = c->name,
                                                                     .target = view->refs.targets[i]->name,
                                                                     .state = ROLLOUT_WANTED,
                                                                     .fingerprint = "",
                                                                     .previous_fingerprint = "",
                                                                     .root = "",
                                                                     .path = "",
                                                                     .layout = "",
                                                                     .error = "",
                                                                     .settings_digest = ""};
    }
}

/* What the controller would commit. */
static inline void sim_write(struct sim *sim, int index, const struct changes *changes)
{
    struct sim_certificate *c = &sim->certificates[index];
    if (changes->certificate != NULL)
        c->record = *changes->certificate;
    if (changes->order != NULL)
        c->order = changes->order;
    if (changes->revision != NULL)
        c->revision = changes->revision;
    for (size_t i = 0; i < changes->challenge_count; i++) {
        size_t at = 0;
        while (at < c->challenge_count &&
               !text_equal(c->challenges[at].domain, changes->challenges[i].domain))
            at++;
        if (at == SIM_DOMAINS)
            abort();
        c->challenge_count += at == c->challenge_count;
        c->challenges[at] = changes->challenges[i];
    }
    if (changes->rollout != NULL) {
        size_t at = 0;
        while (at < c->rollout_count && !text_equal(c->rollouts[at].target, changes->rollout->target))
            at++;
        if (at == SIM_TARGETS)
            abort();
        c->rollout_count += at == c->rollout_count;
        c->rollouts[at] = *changes->rollout;
    }
    for (size_t i = 0; i < changes->blob_count; i++)
        if (text_has_prefix(changes->blobs[i].key, "request/"))
            c->request = changes->blobs[i].text;
    if (changes->reserve_budget)
        sim->reserved_cents += changes->reserve_cents;
    if (changes->register_need) {
        const char *key = sim_need(sim, changes->order->product, &changes->order->names);
        size_t at = 0;
        while (at < sim->need_count && !text_equal(sim->needs[at].key, key))
            at++;
        if (at < SIM_ORDERS) {
            sim->need_count += at == sim->need_count;
            sim->needs[at].key = key;
            sim->needs[at].certificate = index;
        }
    }
    if (changes->paid && sim_now(sim) > sim->newest_time)
        sim->newest_time = sim_now(sim);
}

/* ---- the vendor ---- */

static inline struct sim_order *sim_find(struct sim *sim, const char *custom_order_id, bool visible)
{
    for (size_t i = 0; i < sim->order_count; i++)
        if (text_equal(sim->ledger[i].custom_order_id, custom_order_id) &&
            (!visible || sim->ledger[i].visible_at <= sim->true_s))
            return &sim->ledger[i];
    return NULL;
}

static inline void sim_place(struct sim *sim, int index, const struct certificate_view *view, int64_t delay,
                             int64_t hidden)
{
    const struct order_record *order = view->order;
    if (sim_find(sim, order->custom_order_id, false) != NULL)
        sim_broken(sim, "a need was paid twice");
    for (size_t i = 0; i < sim->order_count; i++)
        if (sim->ledger[i].certificate != index && sim->ledger[i].phase != VENDOR_CANCELLED &&
            text_equal(sim->ledger[i].product, order->product) &&
            string_list_same_set(&sim->ledger[i].names, &order->names))
            sim_broken(sim, "the same names were bought under two certificates");
    if (sim->order_count == SIM_ORDERS)
        return;
    int64_t price = certificate_price(view, NULL);
    sim->spent_cents += price;
    if (sim->spent_cents > sim->reserved_cents)
        sim_broken(sim, "more was spent than reserved");
    sim->ledger[sim->order_count] =
        (struct sim_order){.custom_order_id = order->custom_order_id,
                           .product = order->product,
                           .common_name = order->common_name,
                           .key_id = order->key_id,
                           .names = order->names,
                           .certificate = index,
                           .phase = VENDOR_PENDING,
                           .price_cents = price,
                           .effect_at = sim->true_s + delay,
                           .visible_at = sim->true_s + delay + hidden,
                           .number = arena_printf(sim->arena, "%d", 1000001 + (int)sim->order_count)};
    sim->order_count++;
}

static inline bool sim_proven(const struct sim *sim, int index, const struct challenge_record *c, size_t at)
{
    (void)c;
    return !sim->faults || sim->certificates[index].proof[at];
}

static inline void sim_vendor_says(struct sim *sim, int index, struct sim_order *order,
                                   struct vendor_order *out)
{
    const struct sim_certificate *c = &sim->certificates[index];
    bool all = c->challenge_count > 0;
    *out = (struct vendor_order){.vendor_order_id = order->number, .custom_order_id = order->custom_order_id,
        .product = order->product, .common_name = order->common_name, .names = order->names,
        .subscription_ends_at = sim->true_s + 365 * 86400};
    bool said = !sim_fault(sim, 10); /* what it wants to see is not always there at once */
    out->challenges = arena_array(sim->arena, order->names.count, sizeof *out->challenges);
    for (size_t i = 0; i < order->names.count; i++) {
        const char *name = order->names.items[i];
        struct vendor_challenge *v = &out->challenges[out->challenge_count++];
        size_t at = 0;
        while (at < c->challenge_count && !text_equal(c->challenges[at].domain, name))
            at++;
        bool email = at < c->challenge_count && c->challenges[at].method == DCV_EMAIL;
        bool proven = at < c->challenge_count && (email ? !sim->faults || sim_chance(sim, 30)
                                                        : sim_proven(sim, index, &c->challenges[at], at));
        *v = (struct vendor_challenge){.domain = name,
                                       .validated = proven || order->phase == VENDOR_ACTIVE,
                                       .record_name =
                                           said ? arena_printf(sim->arena, "_proof.%s", name) : NULL,
                                       .record_value = "proof.example.net",
                                       .record_type = "CNAME",
                                       .file_name = said ? "PROOF.txt" : NULL,
                                       .file_content = "proof"};
        all = all && v->validated;
    }
    if (order->phase == VENDOR_PENDING && all)
        order->phase = VENDOR_ACTIVE;
    if (order->phase == VENDOR_PENDING && sim_fault(sim, 2))
        order->phase = VENDOR_CANCELLED;
    out->phase = order->phase;
    out->major_status = order->phase == VENDOR_ACTIVE      ? "Active"
                        : order->phase == VENDOR_CANCELLED ? "Cancelled"
                                                           : "Pending";
}

static inline void sim_fail(struct sim *sim, struct outcome *out)
{
    static const enum error_kind kinds[] = {ERROR_UNREACHABLE, ERROR_THROTTLED, ERROR_CREDENTIAL,
                                            ERROR_MALFORMED,   ERROR_REFUSED,   ERROR_SYSTEM};
    out->ok = false;
    error_raise(&out->err, kinds[sim_below(sim, (int)COUNT_OF(kinds))], "it failed");
    if (out->err.kind == ERROR_THROTTLED)
        out->err.retry_at = sim_now(sim) + 1 + sim_below(sim, 3600);
}

/* ---- acting ---- */

static inline void sim_submit(struct sim *sim, int index, const struct certificate_view *view,
                              struct outcome *out)
{
    if (view->order->state != ORDER_SUBMITTING && sim->defect != DEFECT_NO_INTENT)
        sim_broken(sim, "an order was sent without its intent");
    if (!view->account.checked || view->clock_words != NULL || certificate_price(view, NULL) < 0)
        sim_broken(sim, "unknown data spent money");
    out->ok = false;
    out->evidence = "played";
    int dice = sim->faults ? sim_below(sim, 100) : 100;
    if (dice < 15) {
        out->answer = ANSWER_NOT_SENT;
        error_raise(&out->err, ERROR_UNREACHABLE, "connection refused");
    } else if (dice < 30) {
        out->answer = ANSWER_REFUSED;
        error_raise(&out->err, ERROR_REFUSED, "a field is not valid");
        if (sim_chance(sim, 10)) /* it says so, and has it all the same */
            sim_place(sim, index, view, 0, 0);
    } else if (dice < 60) {
        out->answer = sim->defect == DEFECT_UNKNOWN_NOT_SENT ? ANSWER_NOT_SENT : ANSWER_UNKNOWN;
        error_raise(&out->err, ERROR_UNREACHABLE, "timed out");
        if (sim_chance(sim, 60)) /* within D, visible within V (reliability.md section 3) */
            sim_place(sim, index, view, sim_below(sim, 300), sim_below(sim, 300));
    } else {
        sim_place(sim, index, view, 0, 0);
        out->answer = ANSWER_ACCEPTED;
        out->ok = true;
        sim_vendor_says(sim, index, sim_find(sim, view->order->custom_order_id, false), &out->vendor);
    }
}

static inline void sim_look_up(struct sim *sim, int index, const struct certificate_view *view,
                               struct outcome *out)
{
    out->sent_at = sim_now(sim);
    out->sent_boot_ms = (sim->true_s - sim->boot_at) * 1000;
    if (sim_fault(sim, 30)) {
        if (sim->defect == DEFECT_NO_CONTROL)
            out->absent_with_control = out->ok = true;
        else
            sim_fail(sim, out);
        return;
    }
    struct sim_order *order = sim_find(sim, view->order->custom_order_id, true);
    out->ok = true;
    if (sim->defect == DEFECT_NO_GRACE)
        out->sent_boot_ms += 100000000;
    if (order == NULL) {
        out->absent_with_control = true;
        return;
    }
    out->found = true;
    sim_vendor_says(sim, index, order, &out->vendor);
    out->different = !text_equal(order->product, view->order->product) ||
                     (!string_list_same_set(&order->names, &view->order->names) &&
                      !text_equal(order->common_name, view->order->common_name));
}

static inline void sim_fetch(struct sim *sim, const struct certificate_view *view, struct outcome *out)
{
    const struct sim_order *order = sim_find(sim, view->order->custom_order_id, false);
    out->ok = true;
    if (order == NULL) {
        sim_broken(sim, "a certificate was fetched that nobody ordered");
        return;
    }
    bool ours = text_equal(order->key_id, view->order->key_id);
    for (size_t i = 0; i < view->order->former_key_ids.count; i++)
        ours = ours || text_equal(order->key_id, view->order->former_key_ids.items[i]);
    if (!ours)
        sim_broken(sim, "the key of an order is lost");
    if (order->phase != VENDOR_ACTIVE || sim_fault(sim, 30))
        return;
    out->delivered = true;
    out->key_id = order->key_id;
    out->bundle = (struct x509_bundle){.leaf = "leaf", .chain = "chain", .fullchain = "leaf chain",
        .info = {.subject_cn = order->common_name, .issuer_cn = "CA", .serial = "01",
                 .fingerprint = arena_printf(sim->arena, "f%d", ++sim->serial), .dns_names = order->names,
                 .not_before = sim_now(sim) - 60, .not_after = sim_now(sim) + 199 * 86400}};
}

static inline void sim_prepare(struct sim *sim, struct outcome *out)
{
    unsigned char digest[32];
    int number = ++sim->serial;
    out->ok = true;
    out->key_id = arena_printf(sim->arena, "key-%d", number);
    out->key_algorithm = "RSA";
    out->key_size = 2048;
    out->csr = out->csr_sha256 = out->csr_md5 = out->unique_value = "csr";
    out->request = arena_printf(sim->arena, "request %d", number);
    hash_sha256(span_of(out->request, strlen(out->request)), digest);
    out->request_sha256 = text_hex(sim->arena, digest, sizeof digest);
}

static inline void sim_act(struct sim *sim, int index, const struct certificate_view *view,
                           const struct step *step, struct outcome *out)
{
    struct sim_certificate *c = &sim->certificates[index];
    *out = (struct outcome){.at = sim_now(sim), .ok = true};
    if (step->index >= 0 && step->action != ACTION_CHECK && sim_fault(sim, 25)) {
        sim_fail(sim, out);
        if (!sim_chance(sim, 30)) /* or it was done all the same */
            return;
    }
    switch (step->action) {
    case ACTION_PREPARE:
        if (sim_fault(sim, 10))
            sim_fail(sim, out);
        else
            sim_prepare(sim, out);
        break;
    case ACTION_SUBMIT: sim_submit(sim, index, view, out); break;
    case ACTION_LOOK_UP: sim_look_up(sim, index, view, out); break;
    case ACTION_POLL:
        if (sim_fault(sim, 20)) {
            sim_fail(sim, out);
        } else {
            struct sim_order *order = sim_find(sim, view->order->custom_order_id, false);
            if (order == NULL)
                sim_broken(sim, "an order is followed that nobody placed");
            else
                sim_vendor_says(sim, index, order, &out->vendor);
        }
        break;
    case ACTION_PRESENT:
        c->proof[step->index] = true;
        out->zone = "example.com";
        break;
    case ACTION_CHECK:
        out->seen = c->proof[step->index] && !sim_fault(sim, 40);
        out->words = out->seen ? "seen" : "not seen";
        break;
    case ACTION_REMOVE: c->proof[step->index] = false; break;
    case ACTION_FETCH:
        if (sim_fault(sim, 20))
            sim_fail(sim, out);
        else
            sim_fetch(sim, view, out);
        break;
    case ACTION_STAGE:
        out->generation = view->rollouts[step->index].generation > 0
                              ? view->rollouts[step->index].generation
                              : view->rollouts[step->index].previous + 1;
        out->previous = view->rollouts[step->index].previous;
        out->previous_fingerprint = view->rollouts[step->index].previous_fingerprint;
        out->path = "/srv/nginx/path";
        break;
    default: break;
    }
    sim->mutations += certificate_action(step->action)->outside;
}

/* The process ends between two lines; now and then the host with it. */
static inline void sim_crash(struct sim *sim)
{
    sim->processes++;
    if (sim_chance(sim, 30)) {
        sim->true_s += 30;
        sim->boots++;
        sim->boot_at = sim->true_s;
    }
}

static inline void sim_judge(struct sim *sim, int index, const struct certificate_view *view,
                             const struct step *step)
{
    const struct order_record *order = view->order;
    if (step->action != ACTION_PREPARE && step->action != ACTION_SUBMIT)
        return;
    if (!view->account.checked || view->clock_words != NULL || view->duplicate_of != NULL ||
        view->want == NULL || view->want->certificate->suspend || step->cost_cents <= 0 ||
        view->account.unknown_open > UNKNOWN_OPEN_MOST)
        sim_broken(sim, "a guard was passed by");
    if (order != NULL && order->state != ORDER_PREPARED && order->state != ORDER_REFUSED)
        sim_broken(sim, "a purchase was begun while another order lives");
    if (step->action == ACTION_SUBMIT && order->attempt > 1 && !order->looked_up)
        sim_broken(sim, "a further attempt was not preceded by a look-up");
    const struct sim_order *placed = order != NULL ? sim_find(sim, order->custom_order_id, true) : NULL;
    if (placed != NULL && step->action == ACTION_SUBMIT)
        sim_broken(sim, "an order is sent that the vendor shows");
    (void)index;
}

/* Decide and do one step of one certificate. False: there was nothing to do (then `out_step` says until
 * when). */
static inline bool sim_step(struct sim *sim, int index, struct step *out_step)
{
    struct certificate_view view;
    struct changes changes = {0};
    struct sim_certificate *c = &sim->certificates[index];
    sim_view(sim, index, &view);
    struct step step = *out_step = certificate_decide(&view, sim->arena);
    const struct action_row *row = certificate_action(step.action);
    if (sim->trace)
        fprintf(stderr, "  %lld%+lld %s: %s %s %s: %s\n", (long long)sim->true_s, (long long)sim->offset,
                c->name, row != NULL ? row->name : "-", step.code, step.subject, step.reason);
    sim_judge(sim, index, &view, &step);
    if (row == NULL) {
        if (view.want != NULL) { /* as the controller notes a decision */
            c->record.spec_digest = text_hex(sim->arena, view.want->digest, 32);
            c->record.forgotten = false;
        }
        return false;
    }
    view.material.request = c->request;
    if (row->prepare != NULL && !row->prepare(&view, &step, sim->arena, &changes)) {
        sim_broken(sim, "a step was void when it was due");
        return true;
    }
    if (sim_fault(sim, 3)) { /* before the commit: nothing happened */
        sim_crash(sim);
        return true;
    }
    struct sim_certificate before = *c;
    sim_write(sim, index, &changes);
    if (changes.order != NULL)
        view.order = changes.order;
    for (size_t i = 0; i < changes.challenge_count; i++)
        view.challenges[step.index] = changes.challenges[i];
    if (changes.rollout != NULL)
        view.rollouts[step.index] = *changes.rollout;
    bool lost = sim_fault(sim, 8); /* what came of it is never recorded */
    if (lost && sim_chance(sim, 30)) {
        sim_crash(sim);
        return true;
    }
    struct outcome *outcome = arena_alloc(sim->arena, sizeof *outcome); /* records point into it */
    sim_act(sim, index, &view, &step, outcome);
    if (lost) {
        if (sim->defect == DEFECT_NO_INTENT && step.action == ACTION_SUBMIT)
            *c = before;
        sim_crash(sim);
        return true;
    }
    sim->true_s += sim->faults ? sim_below(sim, 3) : 0;
    changes = (struct changes){0};
    certificate_record_outcome(&view, &step, outcome, sim->arena, &changes);
    sim_write(sim, index, &changes);
    if (sim->trace)
        fprintf(stderr, "     %s%s\n", outcome->ok ? "done" : outcome->err.message,
                changes.event_message != NULL ? arena_printf(sim->arena, " (%s)", changes.event_message)
                                              : "");
    return true;
}

/* As `certwright release` does, by somebody who did not even look into the vendor's panel. */
static inline void sim_release(struct sim *sim, int index)
{
    struct sim_certificate *c = &sim->certificates[index];
    if (c->order == NULL || (c->order->state != ORDER_HELD && c->order->state != ORDER_REFUSED))
        return;
    struct order_record *order = arena_memdup(sim->arena, c->order, sizeof *order);
    order->state = ORDER_REFUSED;
    order->relevant_digest = "";
    order->refused_text = "released by a person";
    c->order = order;
    if (sim->trace)
        fprintf(stderr, "  released %s\n", c->name);
}

/* ---- the manifests of the world ---- */

static inline size_t sim_wants(struct sim_want *wants, struct arena *arena)
{
    static const char *const names[] = {"dnsNames: [shop.example.com]", "dnsNames: [www.example.com]",
                                        "dnsNames: [shop.example.com, shop.example.org]",
                                        "dnsNames: [shop.example.org, shop.example.com]",
                                        "dnsNames: [a.example.com, b.example.com, shop.example.org]"};
    static const char *const products[] = {"positivemdcssl", "sectigodvucc"};
    static const char *const proofs[] = {
        "dns: {}", "method: HTTP", "method: Email", "dns: {manual: true}",
        "method: Email, overrides: [{dnsNames: [shop.example.com], method: DNS}]"};
    static const char *const targets[] = {"", "targets: [{name: web}]",
                                          "targets: [{name: canary}, {name: plain}]"};
    size_t count = 0;
    for (unsigned i = 0; count < SIM_WANTS && i < 400; i++) {
        struct made made = {.arena = arena};
        made.view = (struct certificate_view){.config = &made_config, .now = MADE_NOW};
        /* A stride that is prime to the sizes of the lists: every pair of choices comes up. */
        unsigned n = i * 7;
        const char *text =
            arena_printf(arena, MADE_CERTIFICATE("  %s\n  order: {product: %s}\n  dcv: {%s}\n  %s\n%s"),
                         names[n % 5], products[n / 5 % 2], proofs[n / 10 % 5], targets[n / 50 % 3],
                         i % 13 == 12 ? "  suspend: true\n" : "");
        if (made_resolve(&made, text))
            wants[count++] = (struct sim_want){made.view.want, made.view.refs, made.view.product};
    }
    return count;
}

static inline void sim_begin(struct sim *sim, struct arena *arena, uint64_t seed)
{
    static const char *const names[SIM_CERTIFICATES] = {"one", "two", "three", "four"};
    sim_resubmits = made_config;
    sim_resubmits.on_unknown_order = UNKNOWN_ORDER_RESUBMIT;
    *sim = (struct sim){
        .arena = arena, .random = seed, .true_s = MADE_NOW, .boot_at = MADE_NOW - 5000, .checked = true};
    for (int i = 0; i < SIM_CERTIFICATES; i++) {
        sim->certificates[i].name = names[i];
        sim->certificates[i].record = (struct certificate_record){.namespace_ = "default",
                                                                  .name = names[i],
                                                                  .common_name = "",
                                                                  .spec_digest = "",
                                                                  .phase = "",
                                                                  .reason = "",
                                                                  .message = "",
                                                                  .error_kind = "",
                                                                  .error = "",
                                                                  .error_step = ""};
    }
}
