/* Proving the names, the decision: which challenge is next, and what is waited for.
 *
 * PENDING → PRESENTING (intent) → PRESENTED → SEEN, and after the certificate is there REMOVING (intent) → GONE. The steps
 * themselves are in challenge.c. */
#include "reconcilers/certificate/challenge.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/names.h"
#include "reconcilers/certificate/actions.h"
#include "reconcilers/certificate/decide_parts.h"
#include "reconcilers/certificate/placement.h"
#include "reconcilers/dns/credential.h"
#include "schema/dns_account.h"

extern const struct action_row action_fetch;

enum {
    POLL_WHILE_UNSEEN_S = 300,
    SEEN_LOOK_S = 60,      /* what was seen is looked for again until the vendor has looked */
    ENDED_LOOK_S = 3600,   /* a record that cannot be taken away, its account's credential having ended */
    ACTIVE_GOOD_FOR_S = 60, /* an order that is not delivered may have been cancelled since it was Active */
};

bool challenge_is_file(const struct challenge_record *c) { return c->method == DCV_HTTP || c->method == DCV_HTTPS; }

const struct name_validation *challenge_validation(const struct certificate_view *view, const char *domain)
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

const char *challenge_how(const struct certificate_view *view, const struct challenge_record *c, struct arena *arena)
{
    const struct name_validation *v = challenge_validation(view, c->domain);
    if (c->method == DCV_EMAIL)
        return arena_printf(arena, "by e-mail to %s", c->approver);
    if (challenge_is_file(c)) {
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
    if (challenge_is_file(c) && c->file_content[0] == '\0')
        return arena_printf(arena, "place the file at %s that the vendor names after the order", file_url(c, arena));
    if (challenge_is_file(c)) {
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
    return c->method == DCV_EMAIL || (challenge_is_file(c) ? c->file_name[0] != '\0' : c->record_name[0] != '\0');
}

/* The account that writes the record; NULL: a person or a file's, or it is not in the manifests. */
const struct resource *challenge_account(const struct certificate_view *view, const struct challenge_record *c)
{
    const struct name_validation *v = challenge_validation(view, c->domain);
    if (c->method != DCV_DNS || c->manual)
        return NULL;
    return c->led_to[0] != '\0' ? placement_account(view, c->led_account) : v != NULL ? v->dns_account : NULL;
}

const struct dns_account *challenge_account_settings(const struct certificate_view *view, const struct challenge_record *c)
{
    const struct resource *account = challenge_account(view, c);
    return account != NULL ? account->dns_account : NULL;
}

struct step decide_credential(const struct resource *account, int64_t now, struct arena *arena)
{
    struct step step = {.action = ACTION_COUNT};
    if (account == NULL)
        return step;
    struct credential credential = dns_credential(account, now, arena);
    return credential.stage == CREDENTIAL_ENDED ? step_blocked(credential.code, credential.words, credential.human, NULL) : step;
}

/* The vendor wants to see something else than what was made: that goes first. */
bool challenge_superseded(const struct challenge_record *c)
{
    return !text_empty(c->next_record_name) || !text_empty(c->next_file_name);
}

static struct step removal_step(const struct certificate_view *view, size_t index, const char *reason, struct arena *arena)
{
    const struct challenge_record *c = &view->challenges[index];
    struct step step = step_do(ACTION_REMOVE, VERB_VALIDATE, "CleaningUp", c->domain,
                               arena_printf(arena, "remove %s", challenge_how(view, c, arena)), c->error[0] != '\0' ? c->error : reason);
    step.index = (int)index;
    step.due = due_within(c->retry_at, view->now, RETRY_MOST_S);
    struct step ended = decide_credential(challenge_account(view, c), view->now, arena);
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
        if (challenge_superseded(c))
            return removal_step(view, index, "the vendor wants another one now", arena);
        step = decide_credential(challenge_account(view, c), view->now, arena);
        if (step.action == ACTION_BLOCKED)
            return step;
        step = step_do(ACTION_PRESENT, VERB_VALIDATE, "Validating", c->domain, challenge_how(view, c, arena),
                       c->error[0] != '\0' ? c->error
                       : c->put_back > 0   ? "it vanished and is put back"
                                           : "the vendor wants proof of control");
        step.due = due_within(c->retry_at, view->now, RETRY_MOST_S);
        step.human = c->manual ? by_hand(c, arena) : NULL;
        break;
    case CHALLENGE_PRESENTED: {
        if (challenge_superseded(c))
            return removal_step(view, index, "the vendor wants another one now", arena);
        const struct dns_account *account = challenge_account_settings(view, c);
        int64_t interval = account != NULL ? account->propagation.interval_s : 5;
        int64_t wait = account != NULL ? account->propagation.wait_s : 0;
        step = step_do(ACTION_CHECK, VERB_WAIT, c->manual ? "AwaitingManual" : "Propagating", c->domain, challenge_how(view, c, arena),
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
        if (challenge_superseded(c))
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
        struct step step = step_do(ACTION_CHECK, VERB_WAIT, "AwaitingVendor", c->domain, challenge_how(view, c, arena),
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
