/* The decision once it is issued: cleaned up, rolled out, settled, due for replacement. */
#include "decide_check.h"

/* ---- taking away, rolling out ---- */

static void proof_is_taken_away_before_the_rollout(void)
{
    begin(ONE);
    made_issued(&made);
    made_challenges(&made, CHALLENGE_SEEN);
    expect(ACTION_REMOVE, "CleaningUp");
    made.view.challenges[0].state = CHALLENGE_REMOVING;
    expect(ACTION_REMOVE, "CleaningUp");
    made.view.challenges[0].state = CHALLENGE_GONE;
    expect(ACTION_STAGE, "Deploying");
}

static void stuck_cleanup_does_not_stop_the_rollout(void)
{
    begin(ONE);
    made_issued(&made);
    made_challenges(&made, CHALLENGE_REMOVING);
    made.view.challenges[0].retry_at = made.view.now + 100;
    made.view.challenges[0].error = "the server is away";
    expect(ACTION_STAGE, "Deploying");
    made_settled(&made);
    made_challenges(&made, CHALLENGE_REMOVING);
    made.view.challenges[0].retry_at = made.view.now + 100;
    made.view.challenges[0].error = "the server is away";
    expect(ACTION_WAIT, "CleaningUp");
    CHECK_INT(decide().due, made.view.now + 100);
    CHECK(says(decide().reason, "the server is away"));
}

static void rollout_goes_step_by_step(void)
{
    static const struct {
        enum rollout_state state;
        enum action action;
        const char *code;
    } steps[] = {
        {ROLLOUT_WANTED, ACTION_STAGE, "Deploying"},    {ROLLOUT_STAGING, ACTION_STAGE, "Deploying"},
        {ROLLOUT_STAGED, ACTION_PUBLISH, "Deploying"},  {ROLLOUT_PUBLISHED, ACTION_RELOAD, "Reloading"},
        {ROLLOUT_RELOADED, ACTION_PROBE, "Verifying"},
    };
    begin(ONE);
    made_issued(&made);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        made.view.rollouts[0].state = steps[i].state;
        made.view.rollouts[0].revision = steps[i].state == ROLLOUT_WANTED ? 0 : 1;
        expect(steps[i].action, steps[i].code);
        CHECK_TEXT(decide().subject, "web");
    }
}

/* A step that belongs to an older revision is not carried on with. */
static void rollout_of_an_older_revision_begins_anew(void)
{
    begin(ONE);
    made_issued(&made);
    made.revision->number = 2;
    for (int state = ROLLOUT_WANTED; state <= ROLLOUT_ROLLED_BACK; state++) {
        made.view.rollouts[0].state = (enum rollout_state)state;
        made.view.rollouts[0].revision = 1;
        if (state != ROLLOUT_ROLLING_BACK) /* what went wrong is put right first */
            CHECK_INT(decide().action, ACTION_STAGE);
    }
    made.view.rollouts[0].state = ROLLOUT_ROLLED_BACK;
    made.view.rollouts[0].retry_at = made.view.now + 900;
    expect(ACTION_STAGE, "Deploying"); /* another revision: not the one that failed */
}

static void first_target_serves_before_the_next_is_touched(void)
{
    begin(TWO);
    made_issued(&made);
    for (int state = ROLLOUT_WANTED; state <= ROLLOUT_ROLLED_BACK; state++) {
        if (state == ROLLOUT_ACTIVE)
            continue;
        made.view.rollouts[0].state = (enum rollout_state)state;
        made.view.rollouts[0].revision = 1;
        CHECK_TEXT(decide().subject, "canary");
    }
    made.view.rollouts[0].state = ROLLOUT_ROLLED_BACK;
    made.view.rollouts[0].retry_at = made.view.now + 900;
    made.view.rollouts[0].error = "nginx: test failed";
    expect(ACTION_WAIT, "RolledBack");
    CHECK(says(decide().reason, "nginx: test failed"));
    struct step waits = decide();
    CHECK(waits.verb == VERB_WAIT && waits.command != NULL && !step_if_lost(&waits)); /* that is the next thing to type */
    made_settled(&made);
    made.view.rollouts[1].state = ROLLOUT_WANTED;
    CHECK_TEXT(decide().subject, "web");
}

static void changed_settings_are_rolled_out(void)
{
    begin(ONE);
    made_settled(&made);
    expect(ACTION_REST, "Ready");
    made.view.rollouts[0].settings_digest = "of another mode";
    expect(ACTION_STAGE, "Deploying");
    CHECK(says(decide().reason, "settings changed"));
}

static void failed_rollout_goes_back_step_by_step(void)
{
    begin(ONE);
    made_issued(&made);
    struct rollout_record *r = &made.view.rollouts[0];
    *r = (struct rollout_record){.target = "web",
                                 .state = ROLLOUT_ROLLING_BACK,
                                 .revision = 1,
                                 .generation = 2,
                                 .previous = 1,
                                 .published_at = made.view.now,
                                 .error = "not served",
                                 .settings_digest = ""};
    expect(ACTION_ROLL_BACK, "RollingBack");
    r->published_at = 0;
    expect(ACTION_RELOAD_BACK, "RollingBack");
    r->reloaded = true;
    expect(ACTION_PROBE_BACK, "RollingBack");
    r->state = ROLLOUT_ROLLED_BACK;
    r->retry_at = made.view.now + 900;
    expect(ACTION_WAIT, "RolledBack");
    CHECK_INT(decide().due, made.view.now + 900);
    made.view.now += 900;
    expect(ACTION_STAGE, "Deploying");
}

static void target_without_service_needs_no_reload(void)
{
    begin(MADE_CERTIFICATE(SHOP "  targets: [{name: plain}]\n"));
    made_issued(&made);
    made.view.rollouts[0].state = ROLLOUT_PUBLISHED;
    made.view.rollouts[0].revision = 1;
    expect(ACTION_PROBE, "Deploying");
}

static void no_rollout_state_leads_to_a_purchase(void)
{
    begin(TWO);
    for (int state = ROLLOUT_WANTED; state <= ROLLOUT_ROLLED_BACK; state++) {
        made_issued(&made);
        made.view.rollouts[0].state = (enum rollout_state)state;
        made.view.rollouts[0].revision = 1;
        struct step step = decide();
        CHECK(step.verb != VERB_ORDER && step.verb != VERB_RENEW && step.cost_cents == 0);
    }
}

/* ---- the settled certificate ---- */

static void settled_certificate_rests_until_its_renewal(void)
{
    begin(ONE);
    made_settled(&made);
    expect(ACTION_REST, "Ready");
    made.view.rollouts[0].checked_at = made.view.now;
    CHECK_INT(decide().due, made.view.now + 12 * 3600); /* the next look at what is deployed */
    made.view.rollout_count = 0;
    CHECK_INT(decide().due, certificate_renewal_time(&made.view));
}

static void what_is_deployed_is_looked_at_twice_a_day(void)
{
    begin(ONE);
    made_settled(&made);
    made.view.rollouts[0].checked_at = made.view.now;
    made.view.now += 12 * 3600 - 1;
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_REST);
    made.view.now++;
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_INSPECT);
    made.view.rollouts[0].checked_at = made.view.now;
    made.view.rollouts[0].drift = "generation 1 is published, not 2";
    expect(ACTION_BLOCKED, "Drifted");
    CHECK(says(decide().command, "certwright deploy"));
}

static void certificate_without_targets_rests_once_fetched(void)
{
    begin(MANUAL);
    made_issued(&made);
    expect(ACTION_REST, "Ready");
}

static void renewal_time_is_a_third_before_the_end_unless_said(void)
{
    begin(ONE);
    made_settled(&made);
    int64_t life = made.revision->not_after - made.revision->not_before;
    CHECK_INT(certificate_renewal_time(&made.view), made.revision->not_after - life / 3);
    begin(MADE_CERTIFICATE(SHOP "  renewBefore: 30d\n"));
    made_issued(&made);
    CHECK_INT(certificate_renewal_time(&made.view), made.revision->not_after - 30 * 86400);
    begin(MADE_CERTIFICATE(SHOP "  renewBeforePercentage: 10\n"));
    made_issued(&made);
    CHECK_INT(certificate_renewal_time(&made.view), made.revision->not_after - life / 10);
    begin(MADE_CERTIFICATE(SHOP "  renewBefore: 30d\n"));
    made_issued(&made);
    made.revision->not_after = made.revision->not_before + 10 * 86400; /* a window longer than the life */
    CHECK_INT(certificate_renewal_time(&made.view), made.revision->not_after - (10 * 86400) / 3);
    made.view.want = NULL; /* its manifest is gone */
    CHECK_INT(certificate_renewal_time(&made.view), made.revision->not_after - (10 * 86400) / 3);
}

static void near_its_end_a_person_is_called_and_nothing_is_bought(void)
{
    begin(ONE);
    made_settled(&made);
    made.view.now = certificate_renewal_time(&made.view);
    expect(ACTION_BLOCKED, "NeedsRenewal");
    CHECK(says(decide().human, "1000001"));
    made.view.now = made.revision->not_after;
    expect(ACTION_BLOCKED, "Expired");
    made.order->subscription_ends_at = 0; /* the vendor did not say */
    expect(ACTION_BLOCKED, "Expired");
    CHECK(!says(decide().human, "until )"));
}

static void edit_after_issue_is_blocked_and_never_bought(void)
{
    static const char *const edits[] = {
        MADE_CERTIFICATE("  dnsNames: [www.example.com]\n  order: {product: positivessl}\n"),
        MADE_CERTIFICATE(
            "  dnsNames: [shop.example.com, more.example.com]\n  order: {product: positivemdcssl}\n"),
        MADE_CERTIFICATE(SHOP "  privateKey: {algorithm: ECDSA}\n"),
        MADE_CERTIFICATE(SHOP "  privateKey: {size: 4096}\n"),
        MADE_CERTIFICATE(SHOP "  privateKey: {secretRef: {name: shop, key: tls.key}}\n"),
        MADE_CERTIFICATE("  dnsNames: [shop.example.com]\n  order: {product: sectigossl}\n"),
    };
    for (size_t i = 0; i < COUNT_OF(edits); i++) {
        begin(MADE_CERTIFICATE(SHOP));
        made_issued(&made);
        CHECK(made_resolve(&made, edits[i]));
        made_rollouts(&made);
        expect(ACTION_BLOCKED, "NeedsReissue");
    }
}

static void key_no_longer_brought_is_blocked(void)
{
    begin(MADE_CERTIFICATE(SHOP "  privateKey: {secretRef: {name: shop, key: tls.key}}\n"));
    made_issued(&made);
    made.order->key_brought = true;
    expect(ACTION_REST, "Ready"); /* what is in the file is compared when it is read */
    CHECK(made_resolve(&made, MADE_CERTIFICATE(SHOP)));
    made_rollouts(&made);
    expect(ACTION_BLOCKED, "NeedsReissue");
    CHECK(says(decide().reason, "no longer brings its own key"));
    CHECK(made_resolve(&made, MADE_CERTIFICATE(SHOP "  csrSecretRef: {name: shop, key: tls.csr}\n")));
    made_rollouts(&made);
    made.order->key_brought = false;
    expect(ACTION_BLOCKED, "NeedsReissue");
    CHECK(says(decide().reason, "now brings its own key or request"));
}

static void another_main_name_is_blocked(void)
{
    begin(MADE_CERTIFICATE("  commonName: a.example.com\n  dnsNames: [a.example.com, b.example.com]\n"
                           "  order: {product: positivemdcssl}\n"));
    made_issued(&made);
    expect(ACTION_REST, "Ready");
    CHECK(made_resolve(&made, MADE_CERTIFICATE("  commonName: b.example.com\n  dnsNames: [a.example.com, b.example.com]\n"
                                               "  order: {product: positivemdcssl}\n")));
    made_rollouts(&made);
    expect(ACTION_BLOCKED, "NeedsReissue");
    CHECK(says(decide().reason, "from a.example.com to b.example.com"));
}

static void endpoint_that_is_not_known_now_is_no_edit(void)
{
    begin(MADE_CERTIFICATE(SHOP));
    made_issued(&made);
    made.view.account.endpoint = NULL;
    expect(ACTION_REST, "Ready");
}

static void what_is_due_first_is_waited_for(void)
{
    begin(ONE);
    made_settled(&made);
    made.view.rollouts[0].checked_at = made.view.now;
    int64_t inspection = decide().due;
    CHECK(inspection < certificate_renewal_time(&made.view));
    made.revision->not_after = made.view.now + 30 * 86400 + 3600; /* the renewal is nearer than the next look at the target */
    made.revision->not_before = made.revision->not_after - 90 * 86400;
    CHECK(certificate_renewal_time(&made.view) < inspection);
    CHECK_INT(decide().due, certificate_renewal_time(&made.view));
}

static void edit_that_needs_no_reissue_changes_nothing(void)
{
    static const char *const edits[] = {
        MADE_CERTIFICATE(SHOP "  renewBefore: 20d\n"),
        MADE_CERTIFICATE(SHOP "  dcv: {method: HTTP}\n"),
        MADE_CERTIFICATE(
            "  dnsNames: [shop.example.com]\n  order: {product: positivessl, webServerType: Nginx}\n"),
    };
    for (size_t i = 0; i < COUNT_OF(edits); i++) {
        begin(MADE_CERTIFICATE(SHOP));
        made_issued(&made);
        CHECK(made_resolve(&made, edits[i]));
        made_rollouts(&made);
        expect(ACTION_REST, "Ready");
    }
}

static void order_of_names_is_no_edit(void)
{
    begin(MADE_CERTIFICATE("  commonName: a.example.com\n  dnsNames: [a.example.com, b.example.com]\n"
                           "  order: {product: positivemdcssl}\n"));
    made_order(&made, ORDER_REFUSED);
    CHECK(made_resolve(
        &made, MADE_CERTIFICATE("  commonName: a.example.com\n  dnsNames: [B.example.com, a.example.com]\n"
                                "  order: {product: positivemdcssl, term: 1y}\n")));
    expect(ACTION_BLOCKED, "OrderRefused");
}

static void moved_issuer_is_blocked(void)
{
    begin(ONE);
    made_settled(&made);
    made.order->endpoint = "https://elsewhere.example/rest/";
    expect(ACTION_BLOCKED, "NeedsReissue");
    made.order->endpoint = made.view.account.endpoint->url;
    made.order->issuer = "other";
    expect(ACTION_BLOCKED, "NeedsReissue");
}

int main(void)
{
    arena = arena_create();
    RUN(proof_is_taken_away_before_the_rollout);
    RUN(stuck_cleanup_does_not_stop_the_rollout);
    RUN(rollout_goes_step_by_step);
    RUN(rollout_of_an_older_revision_begins_anew);
    RUN(first_target_serves_before_the_next_is_touched);
    RUN(changed_settings_are_rolled_out);
    RUN(failed_rollout_goes_back_step_by_step);
    RUN(target_without_service_needs_no_reload);
    RUN(no_rollout_state_leads_to_a_purchase);
    RUN(settled_certificate_rests_until_its_renewal);
    RUN(what_is_deployed_is_looked_at_twice_a_day);
    RUN(certificate_without_targets_rests_once_fetched);
    RUN(renewal_time_is_a_third_before_the_end_unless_said);
    RUN(near_its_end_a_person_is_called_and_nothing_is_bought);
    RUN(edit_after_issue_is_blocked_and_never_bought);
    RUN(key_no_longer_brought_is_blocked);
    RUN(another_main_name_is_blocked);
    RUN(endpoint_that_is_not_known_now_is_no_edit);
    RUN(what_is_due_first_is_waited_for);
    RUN(edit_that_needs_no_reissue_changes_nothing);
    RUN(order_of_names_is_no_edit);
    RUN(moved_issuer_is_blocked);
    arena_destroy(arena);
    return CHECK_REPORT();
}
