/* Proving the names: which challenge is next, making it, seeing it, and taking it away again.
 *
 * PENDING → PRESENTING (intent) → PRESENTED → SEEN, and after the certificate is there REMOVING (intent) → GONE. Making and
 * removing are worded as a state afterwards, so each may be asked for twice. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/names.h"
#include "reconcilers/certificate/actions.h"
#include "reconcilers/certificate/decide_parts.h"
#include "reconcilers/certificate/placement.h"
#include "reconcilers/deploy/deploy.h"
#include "reconcilers/dns/credential.h"
#include "reconcilers/dns/dns.h"
#include "reconcilers/dns/follow.h"
#include "reconcilers/dns/propagation.h"
#include "reconcilers/http_check.h"

extern const struct action_row action_fetch;

enum {
    PUT_BACK_MOST = 5,
    POLL_WHILE_UNSEEN_S = 300,
    SEEN_LOOK_S = 60,      /* what was seen is looked for again until the vendor has looked */
    ENDED_LOOK_S = 3600,   /* a record that cannot be taken away, its account's credential having ended */
    ACTIVE_GOOD_FOR_S = 60, /* an order that is not delivered may have been cancelled since it was Active */
};

static bool is_file(const struct challenge_record *c) { return c->method == DCV_HTTP || c->method == DCV_HTTPS; }

static const struct name_validation *validation_of(const struct certificate_view *view, const char *domain)
{
    for (size_t i = 0; i < view->refs.validation_count; i++)
        if (text_equal(view->refs.validations[i].name, domain))
            return &view->refs.validations[i];
    return NULL;
}

/* Where the file belongs, as a person would type it. */
static const char *file_url(const struct challenge_record *c, struct arena *arena)
{
    return arena_printf(arena, "%s://%s/.well-known/pki-validation/%s", c->method == DCV_HTTPS ? "https" : "http",
                        name_without_wildcard(c->domain), c->file_name[0] != '\0' ? c->file_name : "<file>");
}

static const char *how(const struct certificate_view *view, const struct challenge_record *c, struct arena *arena)
{
    const struct name_validation *v = validation_of(view, c->domain);
    if (c->method == DCV_EMAIL)
        return arena_printf(arena, "by e-mail to %s", c->approver);
    if (is_file(c)) {
        const char *through = c->manual ? "to be placed by hand"
                              : v != NULL && v->http_target != NULL
                                  ? arena_printf(arena, "through DeployTarget %s", v->http_target->name)
                                  : "";
        return arena_printf(arena, "file %s %s", file_url(c, arena), through);
    }
    bool to_come = c->record_name[0] == '\0' || text_equal(c->record_name, RECORD_TO_COME);
    const char *record = !to_come ? arena_printf(arena, "%s %s", c->record_type, c->record_name)
                                                   : arena_printf(arena, "%s record for %s", view->product->family == FAMILY_SECTIGO ? "CNAME" : "TXT",
                                                                  name_without_wildcard(c->domain));
    if (c->led_to[0] != '\0')
        return arena_printf(arena, "%s, an alias: written at %s by DNSAccount %s", record, c->led_to, c->led_account);
    return c->manual ? arena_printf(arena, "%s, to be made by hand", record)
           : v != NULL && v->dns_account != NULL
               ? arena_printf(arena, v->dns_reason != NULL ? "%s by DNSAccount %s (%s)" : "%s by DNSAccount %s", record,
                              v->dns_account->name, v->dns_reason)
               : record;
}

/* What a person has to place by hand, on one line: progress and logs have no more. */
static const char *by_hand(const struct challenge_record *c, struct arena *arena)
{
    if (is_file(c) && c->file_content[0] == '\0')
        return arena_printf(arena, "place the file at %s that the vendor names after the order", file_url(c, arena));
    if (is_file(c)) {
        struct string_list lines = text_split(arena, c->file_content, '\n');
        return arena_printf(arena, "place a file at %s with exactly this content%s: %s", file_url(c, arena),
                            lines.count > 1 ? " (\\n is a line break)" : "", string_list_join(arena, &lines, "\\n"));
    }
    if (c->record_value[0] == '\0')
        return arena_printf(arena, "make the %s record for %s that the vendor names after the order", c->record_type,
                            name_without_wildcard(c->domain));
    bool is_name = text_equal(c->record_type, "CNAME");
    return arena_printf(arena, is_name ? "make this record: %s. %s %s." : "make this record: %s. %s \"%s\"", c->record_name,
                        c->record_type, c->record_value);
}

/* Everything that waits for a person, in the order of the names, so that it reads the same at each look. */
static const char *to_do(const struct certificate_view *view, struct arena *arena)
{
    struct string_list parts = {0}, mails = {0};
    for (size_t i = 0; i < view->challenge_count; i++) {
        const struct challenge_record *c = &view->challenges[i];
        if (c->method == DCV_EMAIL && !c->validated)
            string_list_push(arena, &mails, c->approver);
        else if (c->manual && !c->validated && c->state == CHALLENGE_PRESENTED)
            string_list_push(arena, &parts, by_hand(c, arena));
    }
    if (mails.count > 0) {
        struct string_list to = string_list_sorted(arena, &mails);
        string_list_push(arena, &parts, arena_printf(arena, "follow the link in the mail to %s",
                                                     string_list_join(arena, &to, ", ")));
    }
    return parts.count > 0 ? string_list_join(arena, &parts, "; and ") : NULL;
}

static bool known(const struct challenge_record *c)
{
    return c->method == DCV_EMAIL || (is_file(c) ? c->file_name[0] != '\0' : c->record_name[0] != '\0');
}

/* The account that writes the record; NULL: a person or a file's, or it is not in the manifests. */
static const struct resource *writer_of(const struct certificate_view *view, const struct challenge_record *c)
{
    const struct name_validation *v = validation_of(view, c->domain);
    if (c->method != DCV_DNS || c->manual)
        return NULL;
    return c->led_to[0] != '\0' ? placement_account(view, c->led_account) : v != NULL ? v->dns_account : NULL;
}

static const struct dns_account *writer_settings(const struct certificate_view *view, const struct challenge_record *c)
{
    const struct resource *account = writer_of(view, c);
    return account != NULL ? account->dns_account : NULL;
}

/* ---- deciding ---- */

struct step decide_credential(const struct resource *account, int64_t now, struct arena *arena)
{
    struct step step = {.action = ACTION_COUNT};
    if (account == NULL)
        return step;
    struct credential credential = dns_credential(account, now, arena);
    return credential.stage == CREDENTIAL_ENDED ? step_blocked(credential.code, credential.words, credential.human, NULL) : step;
}

/* The vendor wants to see something else than what was made: that goes first. */
static bool superseded(const struct challenge_record *c)
{
    return !text_empty(c->next_record_name) || !text_empty(c->next_file_name);
}

static struct step removal_step(const struct certificate_view *view, size_t index, const char *reason, struct arena *arena)
{
    const struct challenge_record *c = &view->challenges[index];
    struct step step = step_do(ACTION_REMOVE, VERB_VALIDATE, "CleaningUp", c->domain,
                               arena_printf(arena, "remove %s", how(view, c, arena)), c->error[0] != '\0' ? c->error : reason);
    step.index = (int)index;
    step.due = due_within(c->retry_at, view->now, RETRY_MOST_S);
    struct step ended = decide_credential(writer_of(view, c), view->now, arena);
    if (ended.action == ACTION_BLOCKED) { /* deploying does not wait for it */
        step.reason = ended.reason;
        step.human = ended.human;
        step.due = view->now + ENDED_LOOK_S;
    }
    return step;
}

static struct step challenge_step(const struct certificate_view *view, size_t index, struct arena *arena)
{
    const struct challenge_record *c = &view->challenges[index];
    struct step step = {.action = ACTION_COUNT};
    if (c->validated || c->method == DCV_EMAIL || !known(c))
        return step;
    switch (c->state) {
    case CHALLENGE_PENDING:
    case CHALLENGE_PRESENTING:
    case CHALLENGE_REMOVING: /* taken away while the manifest was gone, and wanted again; or another one is wanted */
    case CHALLENGE_GONE:
        if (superseded(c))
            return removal_step(view, index, "the vendor wants another one now", arena);
        step = decide_credential(writer_of(view, c), view->now, arena);
        if (step.action == ACTION_BLOCKED)
            return step;
        step = step_do(ACTION_PRESENT, VERB_VALIDATE, "Validating", c->domain, how(view, c, arena),
                       c->error[0] != '\0' ? c->error
                       : c->put_back > 0   ? "it vanished and is put back"
                                           : "the vendor wants proof of control");
        step.due = due_within(c->retry_at, view->now, RETRY_MOST_S);
        step.human = c->manual ? by_hand(c, arena) : NULL;
        break;
    case CHALLENGE_PRESENTED: {
        if (superseded(c))
            return removal_step(view, index, "the vendor wants another one now", arena);
        const struct dns_account *account = writer_settings(view, c);
        int64_t interval = account != NULL ? account->propagation.interval_s : 5;
        int64_t wait = account != NULL ? account->propagation.wait_s : 0;
        step = step_do(ACTION_CHECK, VERB_WAIT, c->manual ? "AwaitingManual" : "Propagating", c->domain, how(view, c, arena),
                       c->last_check[0] != '\0'           ? c->last_check
                       : c->presented_at + wait > view->now ? "made; the account waits before the first look"
                                                            : "not seen from here yet");
        step.due = c->checked_at > 0 ? due_within(c->checked_at + interval, view->now, interval)
                   : wait > 0        ? due_within(c->presented_at + wait, view->now, wait)
                                     : 0;
        step.human = c->manual ? to_do(view, arena) : NULL;
        step.patient = c->manual;
        break;
    }
    default:
        if (superseded(c))
            return removal_step(view, index, "the vendor wants another one now", arena);
        return step;
    }
    step.index = (int)index;
    return step;
}

/* Of what was seen, that which is to be looked for first: it may vanish before the vendor looks. */
static struct step seen_again(const struct certificate_view *view, struct arena *arena)
{
    struct step first = {.action = ACTION_COUNT};
    for (size_t i = 0; i < view->challenge_count; i++) {
        const struct challenge_record *c = &view->challenges[i];
        if (c->state != CHALLENGE_SEEN || c->validated || c->method == DCV_EMAIL)
            continue;
        struct step step = step_do(ACTION_CHECK, VERB_WAIT, "AwaitingVendor", c->domain, how(view, c, arena),
                                   "whether the proof is still in place");
        step.index = (int)i;
        step.due = due_within((c->checked_at > 0 ? c->checked_at : view->now) + SEEN_LOOK_S, view->now, SEEN_LOOK_S);
        if (first.action == ACTION_COUNT || step.due < first.due)
            first = step;
    }
    return first;
}

static struct step waiting_step(const struct certificate_view *view, int64_t due, struct arena *arena)
{
    const struct order_record *order = view->order;
    bool mails = false;
    for (size_t i = 0; i < view->challenge_count; i++)
        mails = mails || (view->challenges[i].method == DCV_EMAIL && !view->challenges[i].validated);
    struct step step;
    if (order->phase == VENDOR_ACTIVE)
        return step_wait("Issuing", text_equal(view->record.error_step, action_fetch.name)
                                        ? view->record.error
                                        : "the vendor has issued it, but does not deliver it yet", due);
    if (mails) {
        bool to_come = text_equal(order->vendor_order_id, ORDER_TO_COME);
        step = step_wait("AwaitingApproval",
                         to_come ? "the vendor asks for approval by mail"
                                 : arena_printf(arena, "the approval mail for order %s is unanswered since %s",
                                                order->vendor_order_id, clock_rfc3339(arena, order->placed_at)), due);
        step.human = to_do(view, arena);
        step.command = to_come ? NULL : arena_printf(arena, "certwright resend %s", view->id);
        step.patient = true;
        return step;
    }
    if (view->challenge_count == 0 || order->phase == VENDOR_INITIAL)
        return step_wait("AwaitingVendor", arena_printf(arena, "order %s is with the vendor (%s)", order->vendor_order_id,
                                                        order->major_status), due);
    bool validated = true;
    for (size_t i = 0; i < view->challenge_count; i++)
        validated = validated && view->challenges[i].validated;
    if (validated) {
        step = step_wait("Vetting", arena_printf(arena, "every name is proven; the vendor is at work%s%s",
                                                 order->minor_status[0] != '\0' ? ": " : "", order->minor_status), due);
        step.patient = view->product->level != LEVEL_DV;
        return step;
    }
    step = step_wait("AwaitingVendor", "the proof is in place; the vendor has not looked yet", due);
    step.patient = false;
    return step;
}

struct step decide_validation(const struct certificate_view *view, struct arena *arena)
{
    const struct order_record *order = view->order;
    struct step later = {.action = ACTION_COUNT}, blocked = later;
    bool in_place = view->challenge_count > 0;
    for (size_t i = 0; i < view->challenge_count && order->phase != VENDOR_ACTIVE; i++) {
        struct step step = challenge_step(view, i, arena);
        if (!known(&view->challenges[i]) && !view->challenges[i].validated)
            in_place = false; /* the vendor has not said what it wants to see */
        if (step.action == ACTION_COUNT)
            continue;
        in_place = false;
        if (step.action == ACTION_BLOCKED) {
            blocked = step; /* the other names go on */
            continue;
        }
        if (step.due <= view->now)
            return step;
        if (later.action == ACTION_COUNT || step.due < later.due)
            later = step;
    }
    if (blocked.action != ACTION_COUNT)
        return later.action != ACTION_COUNT ? later : blocked;
    int64_t poll = due_within(order->poll_at, view->now, RETRY_MOST_S);
    if (order->phase == VENDOR_ACTIVE && poll <= view->now && view->now - order->polled_at > ACTIVE_GOOD_FOR_S)
        return step_do(ACTION_POLL, VERB_WAIT, "Issuing", order->vendor_order_id, "", "whether the order is still good");
    if (order->phase == VENDOR_ACTIVE && poll <= view->now)
        return step_do(ACTION_FETCH, VERB_ISSUE, "Issuing", order->common_name,
                       text_equal(order->vendor_order_id, ORDER_TO_COME)
                           ? "the certificate is fetched from the vendor and checked"
                           : arena_printf(arena, "the certificate of order %s is fetched and checked", order->vendor_order_id),
                       "every name is proven, and the vendor issues it");
    /* Once the proof is in place the vendor is asked on its own schedule; before, only now and then, in case it sees what
     * we do not. An order whose challenges are not known yet is asked soon. */
    bool unknown_challenges = false;
    for (size_t i = 0; i < view->challenge_count; i++)
        unknown_challenges = unknown_challenges || (!known(&view->challenges[i]) && !view->challenges[i].validated);
    int64_t seldom = due_within(order->polled_at + POLL_WHILE_UNSEEN_S, view->now, POLL_WHILE_UNSEEN_S);
    if (!in_place && order->phase != VENDOR_ACTIVE && view->challenge_count > 0 && !unknown_challenges && seldom > poll)
        poll = seldom;
    struct step waiting = waiting_step(view, poll, arena);
    if (later.action != ACTION_COUNT && later.due < poll)
        return later;
    struct step again = order->phase == VENDOR_ACTIVE ? (struct step){.action = ACTION_COUNT} : seen_again(view, arena);
    if (again.action != ACTION_COUNT && again.due < poll && (later.action == ACTION_COUNT || again.due < later.due)) {
        again.reason = waiting.reason;
        again.code = waiting.code;
        again.human = waiting.human;
        again.command = waiting.command;
        again.patient = waiting.patient;
        return again;
    }
    bool to_come = text_equal(order->vendor_order_id, ORDER_TO_COME);
    struct step step = step_do(ACTION_POLL, VERB_WAIT, waiting.code, to_come ? order->common_name : order->vendor_order_id, "",
                               waiting.reason);
    step.due = poll;
    step.human = later.action != ACTION_COUNT && later.human != NULL ? later.human : waiting.human;
    step.command = waiting.command;
    step.patient = waiting.patient || later.patient;
    if (later.action != ACTION_COUNT && !text_equal(waiting.code, "AwaitingApproval")) {
        step.code = later.code;
        step.reason = later.reason;
    }
    return step;
}

struct step decide_removal(const struct certificate_view *view, struct arena *arena)
{
    struct step later = {.action = ACTION_COUNT};
    for (size_t i = 0; i < view->challenge_count; i++) {
        const struct challenge_record *c = &view->challenges[i];
        bool ours = c->method != DCV_EMAIL && c->state >= CHALLENGE_PRESENTING && c->state < CHALLENGE_GONE;
        if (!ours)
            continue;
        struct step step = removal_step(view, i, "the proof is no longer needed", arena);
        if (step.due <= view->now)
            return step;
        if (later.action == ACTION_COUNT || step.due < later.due)
            later = step;
    }
    return later;
}

/* ---- performing ---- */

static struct challenge_record *challenge_copy(const struct certificate_view *view, const struct step *step,
                                               struct arena *arena, struct changes *out)
{
    struct challenge_record *copy = arena_memdup(arena, &view->challenges[step->index], sizeof *copy);
    out->challenges = copy;
    out->challenge_count = 1;
    return copy;
}

static void record_failure(struct challenge_record *c, const struct outcome *outcome)
{
    c->failures++;
    c->error = outcome->err.message;
    c->retry_at = outcome->err.retry_at > 0 ? outcome->err.retry_at
                                            : outcome->at + backoff_s(outcome->err.kind, c->failures, (uint64_t)outcome->at);
}

static void record_success(struct challenge_record *c)
{
    c->failures = 0;
    c->retry_at = 0;
    c->error = "";
}

static struct dns_challenge dns_of(const struct challenge_record *c)
{
    return (struct dns_challenge){.zone = c->zone, .name = challenge_place(c), .type = c->record_type, .value = c->record_value};
}

static bool prepare_present(const struct certificate_view *view, const struct step *step, struct arena *arena,
                            struct changes *out)
{
    struct challenge_record *c = challenge_copy(view, step, arena, out);
    const struct name_validation *v = validation_of(view, c->domain);
    const char *account = v != NULL && v->dns_account != NULL ? v->dns_account->name : "";
    const char *target = v != NULL && v->http_target != NULL ? v->http_target->name : "";
    if (!text_equal(account, c->account) || !text_equal(target, c->target))
        certificate_keep_leftover(view, c, arena, out); /* made elsewhere before the manifest was edited */
    c->state = CHALLENGE_PRESENTING;
    if (!text_equal(account, c->account))
        c->led_to = c->led_account = "";
    c->account = account;
    c->target = target;
    out->audit = "challenge.present";
    out->audit_detail = step->detail;
    return true;
}

static bool act_present(struct context *ctx, const struct certificate_view *view, const struct step *step,
                        struct outcome *out, struct error *err)
{
    const struct challenge_record *c = &view->challenges[step->index];
    const struct name_validation *v = validation_of(view, c->domain);
    out->zone = c->zone;
    if (c->manual)
        return true;
    if (v == NULL)
        return error_raise(err, ERROR_MANIFEST, "the manifest no longer says how %s is proven", c->domain);
    if (is_file(c)) {
        if (v->http_target == NULL)
            return error_raise(err, ERROR_MANIFEST, "no DeployTarget takes challenge files for %s", c->domain);
        return deploy_local.challenge_present(ctx, v->http_target, c->file_name, c->file_content, err);
    }
    if (v->dns_account == NULL || dns_provider_ops(v->dns_account->dns_account->provider) == NULL)
        return error_raise(err, ERROR_MANIFEST, "no DNSAccount is responsible for %s", c->domain);
    struct dns_challenge challenge = dns_of(c);
    struct placement place;
    challenge.name = c->record_name;
    if (!dns_challenge_confined(&challenge, &view->order->names, err) ||
        !placement_find(ctx, view, v->dns_account, &challenge, &place, err))
        return false;
    out->zone = challenge.zone = place.zone;
    out->led_to = place.led ? place.name : "";
    out->led_account = place.led ? place.account->name : "";
    out->moved = !text_equal(out->led_to, c->led_to) || !text_equal(out->led_account, c->led_account);
    challenge.name = place.name;
    return out->moved || dns_provider_ops(place.account->dns_account->provider)->present(ctx, place.account, &challenge, err);
}

/* Where the record belongs is journalled before anything is written there. */
static void record_moved(const struct certificate_view *view, struct challenge_record *c, const struct outcome *outcome,
                         struct arena *arena, struct changes *out)
{
    if (c->led_to[0] != '\0' || c->presented_at > 0)
        certificate_keep_leftover(view, c, arena, out);
    c->state = CHALLENGE_PENDING;
    c->led_to = outcome->led_to;
    c->led_account = outcome->led_account;
    c->zone = outcome->zone;
    c->presented_at = 0;
    out->event_type = "Normal";
    out->event_reason = "PlaceFound";
    out->event_message = c->led_to[0] != '\0'
                             ? arena_printf(arena, "%s: %s is an alias (CNAME): the record is written at %s by DNSAccount %s",
                                            c->domain, c->record_name, c->led_to, c->led_account)
                             : arena_printf(arena, "%s: %s is no alias any more", c->domain, c->record_name);
}

static void record_present(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                           struct arena *arena, struct changes *out)
{
    struct challenge_record *c = challenge_copy(view, step, arena, out);
    if (!outcome->ok) {
        record_failure(c, outcome);
        out->event_type = "Warning";
        out->event_reason = "PresentFailed";
        out->event_message = arena_printf(arena, "%s: %s", c->domain, c->error);
        return;
    }
    record_success(c);
    if (outcome->moved) {
        record_moved(view, c, outcome, arena, out);
        return;
    }
    c->state = CHALLENGE_PRESENTED;
    c->zone = outcome->zone != NULL ? outcome->zone : "";
    c->presented_at = outcome->at;
    c->checked_at = 0;
    c->last_check = "";
    out->event_type = "Normal";
    out->event_reason = c->manual ? "AwaitingManual" : "Presented";
    out->event_message = arena_printf(arena, "%s: %s", c->domain, how(view, c, arena));
}

static bool act_check(struct context *ctx, const struct certificate_view *view, const struct step *step,
                      struct outcome *out, struct error *err)
{
    const struct challenge_record *c = &view->challenges[step->index];
    if (is_file(c)) {
        struct error seen_err = {0};
        out->seen = http_challenge_check(ctx, name_without_wildcard(c->domain), c->method == DCV_HTTPS, c->file_name,
                                         c->file_content, &seen_err);
        out->words = out->seen ? "served as it should be" : arena_strdup(ctx->arena, seen_err.message);
        return true;
    }
    struct dns_challenge challenge = dns_of(c);
    struct propagation propagation;
    struct error seen_err = {0};
    /* Some services say themselves when all their servers have it; the DNS is asked only then. */
    const struct resource *account = writer_of(view, c);
    const struct dns_provider_ops *ops = account != NULL ? dns_provider_ops(account->dns_account->provider) : NULL;
    bool applied = true;
    if (ops != NULL && ops->applied != NULL &&
        (!ops->applied(ctx, account, &challenge, &applied, &seen_err) || !applied)) {
        out->words = applied ? arena_strdup(ctx->arena, seen_err.message)
                             : "the DNS service has not brought it to all its servers yet";
        return true;
    }
    /* A person may have made it where the name leads. */
    if ((c->manual && text_equal(c->record_type, "TXT") && !dns_follow(ctx, c->record_name, &challenge.name, &seen_err)) ||
        !propagation_check_for(ctx, account, c->record_name, &challenge, &propagation, &seen_err)) {
        out->words = arena_strdup(ctx->arena, seen_err.message);
        return true;
    }
    out->seen = propagation.everywhere;
    out->words = propagation.words;
    (void)err;
    return true;
}

static void record_check(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                         struct arena *arena, struct changes *out)
{
    struct challenge_record *c = challenge_copy(view, step, arena, out);
    const struct dns_account *account = writer_settings(view, c);
    bool was_seen = c->state == CHALLENGE_SEEN;
    c->checked_at = outcome->at;
    c->last_check = outcome->words != NULL ? outcome->words : "";
    if (outcome->seen && was_seen)
        return;
    if (!outcome->seen && was_seen) { /* made again at once, which changes nothing if it is there after all */
        bool again = !c->manual && c->put_back < PUT_BACK_MOST;
        c->state = again ? CHALLENGE_PENDING : CHALLENGE_PRESENTED;
        c->put_back += again;
        c->presented_at = outcome->at;
        out->event_type = "Warning";
        out->event_reason = "Vanished";
        out->event_message = arena_printf(arena, "%s: it was there and is not seen any more: %s", c->domain, c->last_check);
        return;
    }
    if (outcome->seen) {
        c->state = CHALLENGE_SEEN;
        c->seen_at = outcome->at;
        out->event_type = "Normal";
        out->event_reason = "Seen";
        out->event_message = arena_printf(arena, "%s: %s", c->domain, c->last_check);
        return;
    }
    int64_t patience = account != NULL ? account->propagation.wait_s + account->propagation.timeout_s : 600;
    if (!c->manual && outcome->at - c->presented_at > patience && c->put_back <= PUT_BACK_MOST) {
        if (c->put_back < PUT_BACK_MOST)
            c->state = CHALLENGE_PENDING; /* perhaps it vanished: made again, which changes nothing if it is there */
        c->put_back++; /* one past the most: said for the last time */
        out->event_type = "Warning";
        out->event_reason = "NotSeen";
        out->event_message = arena_printf(arena, "%s: not seen after %s: %s", c->domain,
                                          text_duration_words(arena, patience), c->last_check);
    }
}

static void take_next(struct challenge_record *c)
{
    if (!text_empty(c->next_record_name)) {
        c->record_name = c->next_record_name;
        c->record_type = c->next_record_type;
        c->record_value = c->next_record_value;
    }
    if (!text_empty(c->next_file_name)) {
        c->file_name = c->next_file_name;
        c->file_content = c->next_file_content;
    }
    if (superseded(c)) {
        c->zone = c->led_to = c->led_account = "";
        c->put_back = 0;
    }
    c->next_record_name = c->next_record_type = c->next_record_value = c->next_file_name = c->next_file_content = "";
}

static bool prepare_remove(const struct certificate_view *view, const struct step *step, struct arena *arena,
                           struct changes *out)
{
    challenge_copy(view, step, arena, out)->state = CHALLENGE_REMOVING;
    out->audit = "challenge.remove";
    out->audit_detail = step->detail;
    return true;
}

static bool act_remove(struct context *ctx, const struct certificate_view *view, const struct step *step,
                       struct outcome *out, struct error *err)
{
    const struct challenge_record *c = &view->challenges[step->index];
    (void)out;
    if (c->manual)
        return true; /* whoever made it takes it away */
    const struct name_validation *v = validation_of(view, c->domain);
    if (is_file(c)) {
        const struct resource *target = v != NULL ? v->http_target : NULL;
        if (target == NULL || !text_equal(target->name, c->target))
            return error_raise(err, ERROR_MANIFEST, "DeployTarget %s, where the file for %s was put, is not in the manifests",
                               c->target, c->domain);
        return deploy_local.challenge_absent(ctx, target, c->file_name, c->file_content, err);
    }
    const struct resource *account = writer_of(view, c);
    if (account == NULL || !text_equal(account->name, challenge_writer(c)))
        return error_raise(err, ERROR_MANIFEST, "DNSAccount %s, by which the record for %s was made, is not in the manifests",
                           challenge_writer(c), c->domain);
    if (!dns_credential_good(account, clock_now(), ctx->arena, err))
        return false;
    const struct dns_provider_ops *ops = dns_provider_ops(account->dns_account->provider);
    struct dns_challenge challenge = dns_of(c);
    /* A crash between making the record and recording its zone leaves the zone unknown. */
    if (challenge.zone[0] == '\0' && !ops->zone_of(ctx, account, challenge.name, &challenge.zone, err))
        return false;
    return ops->absent(ctx, account, &challenge, err);
}

static void record_remove(const struct certificate_view *view, const struct step *step, const struct outcome *outcome,
                          struct arena *arena, struct changes *out)
{
    struct challenge_record *c = challenge_copy(view, step, arena, out);
    if (!outcome->ok) {
        record_failure(c, outcome);
        out->event_type = "Warning";
        out->event_reason = "RemoveFailed";
        out->event_message = arena_printf(arena, "%s: %s", c->domain, c->error);
        return;
    }
    record_success(c);
    c->state = CHALLENGE_GONE;
    take_next(c);
    out->event_type = "Normal";
    out->event_reason = c->manual ? "RemoveByHand" : "Removed";
    out->event_message = c->manual ? arena_printf(arena, "%s: the record or file made by hand may be taken away", c->domain)
                                   : arena_printf(arena, "%s: the proof was taken away", c->domain);
}

const struct resource *certificate_step_account(const struct certificate_view *view, const struct step *step,
                                                int *out_requests)
{
    bool writes = step->action == ACTION_PRESENT || step->action == ACTION_REMOVE;
    if ((!writes && step->action != ACTION_CHECK) || step->index < 0)
        return NULL;
    const struct resource *account = writer_of(view, &view->challenges[step->index]);
    const struct dns_provider_ops *ops = account != NULL ? dns_provider_ops(account->dns_account->provider) : NULL;
    if (ops == NULL || (!writes && ops->applied == NULL))
        return NULL;
    int usual = writes && ops->requests > 1 ? ops->requests : 1;
    *out_requests = usual + (step->action == ACTION_PRESENT); /* whether the host's own name is a zone is asked once */
    return account;
}

const struct action_row action_present = {"present", 0, false, false, true, prepare_present, act_present, record_present};
const struct action_row action_check = {"check", 0, false, false, false, NULL, act_check, record_check};
const struct action_row action_remove = {"remove", 0, false, false, true, prepare_remove, act_remove, record_remove};
