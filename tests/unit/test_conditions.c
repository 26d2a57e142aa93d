/* The conditions of a certificate at every place of its life. */
#include "controller/conditions.h"

#include "check.h"
#include "make_view.h"

static struct arena *arena;
static struct made made;
static struct condition conditions[CONDITION_COUNT];
static struct step step;

#define BY_DNS \
    "  dnsNames: [shop.example.com, www.example.com]\n  order: {product: positivemdcssl}\n  targets: " \
    "[{name: web}]\n"
#define BY_MAIL BY_DNS "  dcv: {method: Email}\n"

static void begin(const char *spec)
{
    arena_reset(arena);
    made_begin(&made, arena, arena_printf(arena, "%s%s", MADE_CERTIFICATE(""), spec));
}

static void derive(void)
{
    for (size_t i = 0; i < made.view.rollout_count; i++)
        made.view.rollouts[i].checked_at = made.view.now; /* what is deployed was just looked at */
    step = certificate_decide(&made.view, arena);
    conditions_derive(&made.view, &step, arena, conditions);
    for (int i = 0; i < CONDITION_COUNT; i++)
        CHECK(!text_empty(conditions[i].reason) && conditions[i].message != NULL);
}

static void is(enum condition_type type, enum condition_status status, const char *reason)
{
    CHECK_TEXT(condition_status_name(conditions[type].status), condition_status_name(status));
    CHECK_TEXT(conditions[type].reason, reason);
}

static void nothing_is_true_before_the_first_order(void)
{
    begin(BY_DNS);
    made.view.record.first_seen = 77;
    derive();
    is(CONDITION_READY, CONDITION_FALSE, "Ordering");
    is(CONDITION_ORDERED, CONDITION_FALSE, "NotOrdered");
    CHECK_INT(conditions[CONDITION_ORDERED].since, 77);
    is(CONDITION_VALIDATED, CONDITION_FALSE, "NotOrdered");
    is(CONDITION_ISSUED, CONDITION_FALSE, "NotIssued");
    is(CONDITION_DEPLOYED, CONDITION_FALSE, "NotIssued");
    is(CONDITION_SERVED, CONDITION_FALSE, "NotIssued");
    is(CONDITION_ISSUING, CONDITION_FALSE, "NotIssuing");
    is(CONDITION_RECONCILING, CONDITION_TRUE, "Ordering");
    is(CONDITION_STALLED, CONDITION_FALSE, "Ordering");
    is(CONDITION_BLOCKED, CONDITION_FALSE, "NotBlocked");
    is(CONDITION_EXPIRING, CONDITION_UNKNOWN, "NotIssued");
}

static void a_settled_certificate_is_ready_and_served(void)
{
    begin(BY_DNS);
    made_settled(&made);
    made.view.rollouts[0].published_at = MADE_NOW - 65;
    derive();
    is(CONDITION_READY, CONDITION_TRUE, "Ready");
    is(CONDITION_ORDERED, CONDITION_TRUE, "Placed");
    CHECK_INT(conditions[CONDITION_ORDERED].since, made.order->placed_at);
    is(CONDITION_VALIDATED, CONDITION_TRUE, "Validated");
    is(CONDITION_ISSUED, CONDITION_TRUE, "Issued");
    CHECK_INT(conditions[CONDITION_ISSUED].since, made.revision->issued_at);
    is(CONDITION_DEPLOYED, CONDITION_TRUE, "Deployed");
    CHECK_INT(conditions[CONDITION_DEPLOYED].since, MADE_NOW - 65);
    is(CONDITION_SERVED, CONDITION_TRUE, "Served");
    CHECK_INT(conditions[CONDITION_SERVED].since, MADE_NOW - 60);
    is(CONDITION_ISSUING, CONDITION_FALSE, "Issued");
    is(CONDITION_RECONCILING, CONDITION_FALSE, "Ready");
    is(CONDITION_EXPIRING, CONDITION_FALSE, "NotDue");
    is(CONDITION_AWAITING_APPROVAL, CONDITION_FALSE, "NothingToApprove");
}

static void an_unanswered_mail_awaits_approval(void)
{
    begin(BY_MAIL);
    made_placed(&made);
    derive();
    is(CONDITION_AWAITING_APPROVAL, CONDITION_TRUE, "AwaitingApproval");
    CHECK_INT(conditions[CONDITION_AWAITING_APPROVAL].since, made.order->placed_at);
    CHECK(strstr(conditions[CONDITION_AWAITING_APPROVAL].message, "admin@example.com") != NULL);
    is(CONDITION_VALIDATED, CONDITION_FALSE, "AwaitingValidation");
    CHECK(strstr(conditions[CONDITION_VALIDATED].message, "0 of 2") != NULL);
    is(CONDITION_ISSUING, CONDITION_TRUE, "AwaitingApproval");
    made.order->resent_at = MADE_NOW - 1;
    made.view.challenges[0].validated = true;
    derive();
    CHECK_INT(conditions[CONDITION_AWAITING_APPROVAL].since, MADE_NOW - 1);
    CHECK(strstr(conditions[CONDITION_VALIDATED].message, "1 of 2 names are proven; open: www.example.com") !=
          NULL);
}

static void a_paid_order_of_unknown_fate_is_neither_placed_nor_not(void)
{
    begin(BY_DNS);
    made_order(&made, ORDER_UNKNOWN);
    derive();
    is(CONDITION_ORDERED, CONDITION_UNKNOWN, "OrderUnknown");
    is(CONDITION_ISSUING, CONDITION_TRUE, "OrderUnknown");
    made_order(&made, ORDER_HELD);
    made.order->held_reason = "nobody knows";
    made.view.record.phase = "OrderHeld";
    made.view.record.phase_since = 4711;
    derive();
    is(CONDITION_ORDERED, CONDITION_UNKNOWN, "OrderHeld");
    is(CONDITION_BLOCKED, CONDITION_TRUE, "OrderHeld");
    CHECK_INT(conditions[CONDITION_BLOCKED].since, 4711);
    is(CONDITION_STALLED, CONDITION_TRUE, "OrderHeld");
    is(CONDITION_ISSUING, CONDITION_FALSE, "NotIssuing");
    is(CONDITION_RECONCILING, CONDITION_FALSE, "OrderHeld");
    made_order(&made, ORDER_REFUSED);
    made.order->refused_text = "no credit";
    derive();
    is(CONDITION_ORDERED, CONDITION_FALSE, "OrderRefused");
    CHECK(strstr(conditions[CONDITION_ORDERED].message, "no credit") != NULL);
}

static void a_rolled_back_target_is_neither_deployed_nor_served(void)
{
    begin(BY_DNS);
    made_settled(&made);
    made.view.rollouts[0].state = ROLLOUT_ROLLED_BACK;
    made.view.rollouts[0].error = "nginx says no";
    made.view.rollouts[0].started_at = MADE_NOW - 300;
    derive();
    is(CONDITION_READY, CONDITION_FALSE, "Deploying");
    is(CONDITION_DEPLOYED, CONDITION_FALSE, "RolledBack");
    CHECK_TEXT(conditions[CONDITION_DEPLOYED].message, "web: nginx says no");
    CHECK_INT(conditions[CONDITION_DEPLOYED].since, MADE_NOW - 300);
    is(CONDITION_SERVED, CONDITION_FALSE, "RolledBack");
    is(CONDITION_ISSUED, CONDITION_TRUE, "Issued");
    made.view.rollouts[0].state = ROLLOUT_RELOADED;
    made.view.rollouts[0].error = "";
    derive();
    is(CONDITION_DEPLOYED, CONDITION_TRUE, "Deployed");
    is(CONDITION_SERVED, CONDITION_FALSE, "Verifying");
    is(CONDITION_READY, CONDITION_FALSE, "Verifying");
}

static void changed_settings_of_a_target_are_not_deployed_yet(void)
{
    begin(BY_DNS);
    made_settled(&made);
    made.view.rollouts[0].settings_digest = "others";
    derive();
    is(CONDITION_DEPLOYED, CONDITION_FALSE, "Deploying");
    is(CONDITION_READY, CONDITION_FALSE, "Deploying");
}

static void a_certificate_near_its_end_is_ready_and_expiring(void)
{
    begin(BY_DNS);
    made_settled(&made);
    made.view.now = made.revision->not_after - 86400;
    derive();
    is(CONDITION_READY, CONDITION_TRUE, "Ready");
    is(CONDITION_EXPIRING, CONDITION_TRUE, "NeedsRenewal");
    is(CONDITION_BLOCKED, CONDITION_TRUE, "NeedsRenewal");
    CHECK_INT(conditions[CONDITION_EXPIRING].since, certificate_renewal_time(&made.view));
    made.view.now = made.revision->not_after + 1;
    derive();
    is(CONDITION_READY, CONDITION_FALSE, "Expired");
    is(CONDITION_ISSUED, CONDITION_FALSE, "Expired");
    is(CONDITION_EXPIRING, CONDITION_TRUE, "Expired");
    CHECK_INT(conditions[CONDITION_ISSUED].since, made.revision->not_after);
}

static void an_edit_that_needs_a_reissue_is_not_ready(void)
{
    begin(BY_DNS);
    made_settled(&made);
    made.order->product = "sectigomdc";
    derive();
    is(CONDITION_READY, CONDITION_FALSE, "NeedsReissue");
    is(CONDITION_STALLED, CONDITION_TRUE, "NeedsReissue");
    is(CONDITION_SERVED, CONDITION_TRUE, "Served");
}

static void without_targets_or_probes_nothing_is_said_of_serving(void)
{
    begin("  dnsNames: [shop.example.com]\n  order: {product: positivessl}\n");
    made_settled(&made);
    derive();
    is(CONDITION_READY, CONDITION_TRUE, "Ready");
    is(CONDITION_DEPLOYED, CONDITION_UNKNOWN, "NoTargets");
    is(CONDITION_SERVED, CONDITION_UNKNOWN, "NoTargets");
    begin("  dnsNames: [shop.example.com]\n  order: {product: positivessl}\n  targets: [{name: plain}]\n");
    made_settled(&made);
    derive();
    is(CONDITION_READY, CONDITION_TRUE, "Ready");
    is(CONDITION_DEPLOYED, CONDITION_TRUE, "Deployed");
    is(CONDITION_SERVED, CONDITION_UNKNOWN, "NoProbe");
}

static void a_gone_manifest_leaves_what_is_issued(void)
{
    begin(BY_DNS);
    made_settled(&made);
    made.view.want = NULL;
    made.view.rollout_count = 0;
    made.view.record.forgotten = true;
    made.view.record.forgotten_at = 99;
    derive();
    is(CONDITION_READY, CONDITION_FALSE, "Forgotten");
    is(CONDITION_ISSUED, CONDITION_TRUE, "Issued");
    is(CONDITION_DEPLOYED, CONDITION_UNKNOWN, "Forgotten");
    CHECK_INT(conditions[CONDITION_DEPLOYED].since, 99);
}

static void many_failures_in_a_row_are_a_stall(void)
{
    begin(BY_DNS);
    made_placed(&made);
    made.view.record.failures = 6;
    made.view.record.error_step = "poll";
    made.view.record.error = "connection refused";
    made.view.record.error_since = MADE_NOW - 600;
    derive();
    is(CONDITION_STALLED, CONDITION_TRUE, "Failing");
    CHECK_INT(conditions[CONDITION_STALLED].since, MADE_NOW - 600);
}

int main(void)
{
    arena = arena_create();
    RUN(nothing_is_true_before_the_first_order);
    RUN(a_settled_certificate_is_ready_and_served);
    RUN(an_unanswered_mail_awaits_approval);
    RUN(a_paid_order_of_unknown_fate_is_neither_placed_nor_not);
    RUN(a_rolled_back_target_is_neither_deployed_nor_served);
    RUN(changed_settings_of_a_target_are_not_deployed_yet);
    RUN(a_certificate_near_its_end_is_ready_and_expiring);
    RUN(an_edit_that_needs_a_reissue_is_not_ready);
    RUN(without_targets_or_probes_nothing_is_said_of_serving);
    RUN(a_gone_manifest_leaves_what_is_issued);
    RUN(many_failures_in_a_row_are_a_stall);
    arena_destroy(arena);
    return CHECK_REPORT();
}
