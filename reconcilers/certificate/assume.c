/* The view after a step succeeded: how `plan` looks ahead with the same `decide` that acts. What only the vendor can
 * say (names of records, serial numbers) is left empty. */
#include <string.h>

#include "base/arena.h"
#include "reconcilers/certificate/decide_parts.h"
#include "schema/rules.h"

static struct order_record *order_for_change(struct certificate_view *next, struct arena *arena)
{
    struct order_record *order = arena_alloc(arena, sizeof *order);
    if (next->order != NULL)
        *order = *next->order;
    next->order = order;
    return order;
}

static void assume_prepared(struct certificate_view *next, const struct step *step, struct arena *arena)
{
    const struct certificate *want = next->want->certificate;
    bool fresh = next->order == NULL;
    struct order_record *order = order_for_change(next, arena);
    if (fresh)
        *order = (struct order_record){.cycle = next->record.cycle + 1, .attempt = 1, .vendor_order_id = "",
            .partner_order_id = "", .ca_order_id = "", .major_status = "", .minor_status = "", .refused_text = "",
            .holder = "", .grace_boot = "", .held_reason = ""};
    order->issuer = next->refs.issuer->name;
    order->custom_order_id = next->installation[0] != '\0' ? certificate_custom_order_id(next, order->cycle, arena) : "";
    order->endpoint = next->account.endpoint != NULL ? next->account.endpoint->url : "";
    order->partner_code = next->refs.issuer->issuer->sslstore.partner_code;
    next->order_issuer = next->refs.issuer;
    next->order_account = next->account.record;
    order->product = next->product->code;
    order->names = string_list_sorted(arena, &want->dns_names);
    order->common_name = certificate_main_name(want);
    order->key_algorithm = want->private_key.algorithm == KEY_ECDSA ? "ECDSA" : "RSA";
    order->key_size = want->private_key.size;
    order->key_brought = want->csr != NULL || want->csr_secret_ref.name != NULL || want->private_key.secret_ref.name != NULL;
    order->price_cents = step->cost_cents;
    order->currency = step->currency;
    order->relevant_digest = certificate_relevant_digest(next, arena);
    order->state = ORDER_PREPARED;
    order->looked_up = true;
}

static void assume_placed(struct certificate_view *next, struct arena *arena)
{
    struct order_record *order = order_for_change(next, arena);
    order->state = ORDER_PLACED;
    order->phase = VENDOR_PENDING;
    order->major_status = "Pending";
    order->placed_at = next->now;
    order->vendor_order_id = order->vendor_order_id[0] != '\0' ? order->vendor_order_id : ORDER_TO_COME;
    next->challenge_count = next->refs.validation_count;
    next->challenges = arena_array(arena, next->challenge_count, sizeof *next->challenges);
    for (size_t i = 0; i < next->challenge_count; i++) {
        const struct name_validation *v = &next->refs.validations[i];
        bool file = v->method == DCV_HTTP || v->method == DCV_HTTPS;
        next->challenges[i] = (struct challenge_record){
            .namespace_ = next->namespace_, .name = next->name, .domain = v->name, .method = (int)v->method,
            .manual = v->manual, .approver = v->approver != NULL ? v->approver : "",
            .record_name = file || v->method == DCV_EMAIL ? "" : RECORD_TO_COME,
            .record_type = next->product->family == FAMILY_SECTIGO ? "CNAME" : "TXT", .record_value = "",
            .file_name = file ? "<file>" : "", .file_content = "", .account = "", .zone = "", .target = "",
            .vendor_status = "", .led_to = "", .led_account = "", .last_check = "", .error = "", .next_record_name = "",
            .next_record_type = "", .next_record_value = "", .next_file_name = "", .next_file_content = ""};
    }
}

static struct challenge_record *challenge_for_change(struct certificate_view *next, const struct step *step,
                                                     struct arena *arena)
{
    next->challenges = arena_memdup(arena, next->challenges, next->challenge_count * sizeof *next->challenges);
    return &next->challenges[step->index];
}

static void assume_active(struct certificate_view *next, struct arena *arena)
{
    struct order_record *order = order_for_change(next, arena);
    order->phase = VENDOR_ACTIVE;
    order->major_status = "Active";
    order->poll_at = 0;
    order->polled_at = next->now;
    next->challenges = arena_memdup(arena, next->challenges, next->challenge_count * sizeof *next->challenges);
    for (size_t i = 0; i < next->challenge_count; i++)
        next->challenges[i].validated = true;
}

static void assume_issued(struct certificate_view *next, struct arena *arena)
{
    order_for_change(next, arena)->fetched = true;
    struct revision_record *revision = arena_alloc(arena, sizeof *revision);
    *revision = (struct revision_record){.number = next->record.revision + 1, .fingerprint = "(new)", .serial = "",
        .names = next->order->names, .common_name = next->order->common_name, .not_before = next->now,
        .not_after = next->now + (int64_t)rules_validity(next->now)->advised_days * 86400};
    next->revision = revision;
    next->record.revision = revision->number;
}

static struct rollout_record *rollout_for_change(struct certificate_view *next, const struct step *step,
                                                 struct arena *arena)
{
    next->rollouts = arena_memdup(arena, next->rollouts, next->rollout_count * sizeof *next->rollouts);
    struct rollout_record *r = &next->rollouts[step->index];
    r->error = "";
    r->retry_at = 0;
    return r;
}

static void assume_rollout(struct certificate_view *next, const struct step *step, struct arena *arena)
{
    struct rollout_record *r = rollout_for_change(next, step, arena);
    switch (step->action) {
    case ACTION_STAGE:
        r->state = ROLLOUT_STAGED;
        r->settings_digest = rollout_settings_digest(next, (size_t)step->index, arena);
        r->revision = next->revision->number;
        break;
    case ACTION_PUBLISH: r->state = ROLLOUT_PUBLISHED; break;
    case ACTION_RELOAD: r->state = ROLLOUT_RELOADED; break;
    case ACTION_PROBE:
        r->state = ROLLOUT_ACTIVE;
        if (text_empty(r->settings_digest))
            r->settings_digest = rollout_settings_digest(next, (size_t)step->index, arena);
        r->checked_at = next->now;
        break;
    case ACTION_INSPECT: r->checked_at = next->now; break;
    case ACTION_ROLL_BACK:
        r->published_at = 0;
        r->reloaded = false;
        break;
    case ACTION_RELOAD_BACK: r->reloaded = true; break;
    default: r->state = ROLLOUT_ROLLED_BACK;
    }
}

struct certificate_view *certificate_assume(const struct certificate_view *view, const struct step *step,
                                            struct arena *arena)
{
    struct certificate_view *next = arena_memdup(arena, view, sizeof *view);
    next->record.retry_at = 0; /* what failed before works now */
    if (step->due > next->now)
        next->now = step->due; /* waiting is passing of time */
    switch (step->action) {
    case ACTION_PREPARE: assume_prepared(next, step, arena); break;
    case ACTION_SUBMIT: assume_placed(next, arena); break;
    case ACTION_LOOK_UP:
        if (next->order->state == ORDER_PREPARED || next->order->state == ORDER_REFUSED) {
            order_for_change(next, arena)->looked_up = true;
            order_for_change(next, arena)->answer_lost = false;
        } else {
            assume_placed(next, arena);
        }
        break;
    case ACTION_PRESENT: {
        struct challenge_record *c = challenge_for_change(next, step, arena);
        c->state = CHALLENGE_PRESENTED;
        c->checked_at = 0;
        break;
    }
    case ACTION_CHECK: {
        struct challenge_record *c = challenge_for_change(next, step, arena);
        c->state = CHALLENGE_SEEN;
        c->checked_at = next->now;
        break;
    }
    case ACTION_REMOVE: {
        struct challenge_record *c = challenge_for_change(next, step, arena);
        c->state = CHALLENGE_GONE;
        c->next_record_name = c->next_file_name = "";
        break;
    }
    case ACTION_POLL: assume_active(next, arena); break;
    case ACTION_FETCH: assume_issued(next, arena); break;
    case ACTION_WAIT_ACCOUNT: next->account.checked = true; break;
    case ACTION_FORGET: next->record.forgotten = true; break;
    case ACTION_STAGE:
    case ACTION_PUBLISH:
    case ACTION_RELOAD:
    case ACTION_PROBE:
    case ACTION_ROLL_BACK:
    case ACTION_RELOAD_BACK:
    case ACTION_PROBE_BACK:
    case ACTION_INSPECT: assume_rollout(next, step, arena); break;
    default: break;
    }
    return next;
}
