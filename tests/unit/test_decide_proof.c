/* The decision while the names are being proven: made, seen, asked for, taken away. */
#include "decide_check.h"

#include "reconcilers/certificate/challenge.h"

#define MIXED \
    MADE_CERTIFICATE( \
        "  dnsNames: [shop.example.com, www.example.com, shop.example.org]\n" \
        "  order: {product: positivemdcssl}\n  dcv:\n    overrides:\n" \
        "    - {dnsNames: [www.example.com], method: HTTP}\n" \
        "    - {dnsNames: [shop.example.org], method: Email, email: {approver: admin@example.org}}\n" \
        "  targets: [{name: web}]\n")

/* ---- proving ---- */

static void challenge_is_made_seen_and_the_vendor_asked(void)
{
    begin(ONE);
    made_placed(&made);
    expect(ACTION_PRESENT, "Validating");
    CHECK_TEXT(decide().subject, "shop.example.com");
    CHECK(says(decide().detail, "CNAME _0.shop.example.com by DNSAccount bind"));
    made_challenges(&made, CHALLENGE_PRESENTING);
    expect(ACTION_PRESENT,
           "Validating"); /* a crash in between: made again, which changes nothing if it is there */
    made_challenges(&made, CHALLENGE_PRESENTED);
    made.view.challenges[0].checked_at = 0;
    expect(ACTION_CHECK, "Propagating");
    made.view.challenges[0].checked_at = made.view.now - 3;
    expect(ACTION_WAIT, "Propagating");
    CHECK_INT(decide().due, made.view.now + 2); /* the account's interval */
    made_challenges(&made, CHALLENGE_SEEN);
    expect(ACTION_WAIT, "AwaitingVendor");
    CHECK_INT(decide().due, made.order->poll_at);
    made.view.now = made.order->poll_at;
    expect(ACTION_POLL, "AwaitingVendor");
}

static void a_fixed_wait_passes_before_the_first_look(void)
{
    begin(ONE);
    made_placed(&made);
    made_challenges(&made, CHALLENGE_PRESENTED);
    struct resource account = *made.view.refs.validations[0].dns_account;
    struct dns_account spec = *account.dns_account;
    spec.propagation.wait_s = 60;
    account.dns_account = &spec;
    made.view.refs.validations[0].dns_account = &account;
    made.view.challenges[0].checked_at = 0;
    made.view.challenges[0].presented_at = made.view.now - 10;
    expect(ACTION_WAIT, "Propagating");
    CHECK_INT(decide().due, made.view.now + 50);
    CHECK(says(decide().reason, "waits before the first look"));
    made.view.now += 50;
    expect(ACTION_CHECK, "Propagating");
}

static void vendor_is_asked_now_and_then_while_we_see_nothing(void)
{
    begin(ONE);
    made_placed(&made);
    made_challenges(&made, CHALLENGE_PRESENTED);
    made.view.now = made.order->polled_at + 299;
    made.view.challenges[0].checked_at = made.view.now;
    expect(ACTION_WAIT, "Propagating");
    made.view.now += 1;
    expect(ACTION_POLL, "Propagating");
}

static void unsaid_challenges_are_asked_for(void)
{
    begin(ONE);
    made_placed(&made);
    made.view.challenges[0].record_name = "";
    expect(ACTION_WAIT, "AwaitingVendor");
    CHECK_INT(decide().due, made.order->poll_at);
    made.view.challenge_count = 0;
    expect(ACTION_WAIT, "AwaitingVendor");
    CHECK_INT(decide().due, made.order->poll_at);
}

static void failed_challenge_waits_for_its_time_and_says_why(void)
{
    begin(ONE);
    made_placed(&made);
    made.view.challenges[0].retry_at = made.view.now + 10;
    made.view.challenges[0].error = "the server refuses the key";
    expect(ACTION_WAIT, "Validating");
    CHECK_INT(decide().due, made.view.now + 10);
    CHECK(says(decide().reason, "the server refuses the key"));
    made.view.now += 10;
    expect(ACTION_PRESENT, "Validating");
}

static void failed_challenge_does_not_stop_the_others(void)
{
    begin(TWO);
    made_placed(&made);
    made.view.challenges[0].retry_at = made.view.now + 10;
    made.view.challenges[0].error = "refused";
    expect(ACTION_PRESENT, "Validating");
    CHECK_TEXT(decide().subject, "shop.example.org");
}

static void file_is_placed_through_its_target(void)
{
    begin(HTTP);
    made_placed(&made);
    expect(ACTION_PRESENT, "Validating");
    CHECK(says(decide().detail,
               "http://shop.example.com/.well-known/pki-validation/PROOF.txt through DeployTarget web"));
}

static void mail_waits_for_its_reader(void)
{
    begin(MAIL);
    made_placed(&made);
    expect(ACTION_WAIT, "AwaitingApproval");
    struct step step = decide();
    CHECK(step.patient);
    CHECK(says(step.human, "admin@example.com"));
    CHECK_TEXT(step.command, "certwright resend certificate/shop");
    CHECK(step_if_lost(&step));
    made.view.now = made.order->poll_at;
    expect(ACTION_POLL, "AwaitingApproval");
    made.view.challenges[0].validated = true;
    CHECK_TEXT(decide().code, "Vetting");
    CHECK(!decide().patient);
}

static void person_is_told_which_record_to_make(void)
{
    begin(MANUAL);
    made_placed(&made);
    expect(ACTION_PRESENT, "Validating");
    CHECK(says(decide().human, "_0.shop.example.com. CNAME proof.example.net"));
    made_challenges(&made, CHALLENGE_PRESENTED);
    made.view.challenges[0].checked_at = made.view.now;
    expect(ACTION_WAIT, "AwaitingManual");
    CHECK(decide().patient);
    CHECK(says(decide().human, "_0.shop.example.com. CNAME proof.example.net"));
}

/* With several things to do by hand, all of them are said, and what is said does not change from look to
 * look. */
static void person_is_told_everything_at_once(void)
{
    begin(MADE_CERTIFICATE(
        "  dnsNames: [a.example.com, b.example.com, c.example.com]\n  order: {product: positivemdcssl}\n"
        "  dcv:\n    dns: {manual: true}\n    overrides:\n"
        "    - {dnsNames: [c.example.com], method: Email, email: {approver: admin@example.com}}\n"));
    made_placed(&made);
    made_challenges(&made, CHALLENGE_PRESENTED);
    made.view.challenges[0].checked_at = made.view.now - 1;
    made.view.challenges[1].checked_at = made.view.now;
    struct step step = decide();
    CHECK_INT(step.action, ACTION_WAIT);
    CHECK(step.patient);
    CHECK(says(step.human, "_0.a.example.com"));
    CHECK(says(step.human, "_1.b.example.com"));
    CHECK(says(step.human, "admin@example.com"));
    made.view.challenges[0].checked_at = made.view.now;
    made.view.challenges[1].checked_at = made.view.now - 1;
    CHECK_TEXT(decide().human, step.human);
}

static void three_methods_in_one_order(void)
{
    begin(MIXED);
    made_placed(&made);
    expect(ACTION_PRESENT, "Validating");
    CHECK_TEXT(decide().subject, "shop.example.com");
    made.view.challenges[0].state = CHALLENGE_SEEN;
    CHECK_TEXT(decide().subject, "www.example.com");
    CHECK_INT(decide().action, ACTION_PRESENT);
    made.view.challenges[1].state = CHALLENGE_SEEN;
    expect(ACTION_WAIT, "AwaitingApproval");
    CHECK(says(decide().human, "admin@example.org"));
    CHECK(!says(decide().human, "example.com"));
    made.view.challenges[2].validated = true;
    CHECK_TEXT(decide().code, "AwaitingVendor");
    for (size_t i = 0; i < made.view.challenge_count; i++)
        made.view.challenges[i].validated = true;
    CHECK_TEXT(decide().code, "Vetting");
}

static void vetting_of_an_organization_is_patient(void)
{
    begin(MADE_CERTIFICATE(
        "  dnsNames: [shop.example.com]\n  order: {product: sectigoovssl}\n  organizationRef: {name: ltd}\n"
        "  adminContactRef: {name: petra}\n  technicalContactRef: {name: petra}\n"));
    made_placed(&made);
    made.view.challenges[0].validated = true;
    expect(ACTION_WAIT, "Vetting");
    CHECK(decide().patient);
}

static void validated_name_needs_no_proof(void)
{
    begin(ONE);
    made_placed(&made);
    made.view.challenges[0].validated = true;
    CHECK_INT(decide().action, ACTION_WAIT);
    CHECK_TEXT(decide().code, "Vetting");
}

static void issued_certificate_is_fetched(void)
{
    begin(ONE);
    made_placed(&made);
    made_challenges(&made, CHALLENGE_SEEN);
    made.order->phase = VENDOR_ACTIVE;
    made.order->poll_at = made.view.now;
    expect(ACTION_FETCH, "Issuing");
    CHECK_INT(decide().verb, VERB_ISSUE);
    made.order->poll_at = made.view.now + 5; /* nothing was there yet */
    expect(ACTION_WAIT, "Issuing");
    CHECK(!decide().patient);
}

static void issued_mail_order_does_not_ask_for_an_approval(void)
{
    begin(MAIL);
    made_placed(&made);
    made.order->phase = VENDOR_ACTIVE;
    made.order->poll_at = made.view.now + 5;
    expect(ACTION_WAIT, "Issuing");
    CHECK(decide().human == NULL);
}

static void edit_while_the_order_is_open_is_blocked(void)
{
    begin(ONE);
    made_placed(&made);
    made.order->names = (struct string_list){(const char *[]){"www.example.com"}, 1};
    expect(ACTION_BLOCKED, "EditAfterOrder");
    CHECK(says(decide().reason, "www.example.com"));
}

/* The manifest went, the proof was taken away, the manifest came back. */
static void proof_taken_away_is_made_again(void)
{
    static const enum challenge_state states[] = {CHALLENGE_REMOVING, CHALLENGE_GONE};
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        begin(ONE);
        made_placed(&made);
        made_challenges(&made, states[i]);
        expect(ACTION_PRESENT, "Validating");
    }
}

/* ---- what a person is to make ---- */

static void person_is_told_where_which_file_belongs(void)
{
    begin(MADE_CERTIFICATE(SHOP "  dcv: {method: HTTP, http: {manual: true}}\n"));
    made_placed(&made);
    struct challenge_record *c = made.view.challenges;
    expect(ACTION_PRESENT, "Validating");
    CHECK(says(decide().detail, "to be placed by hand"));
    CHECK(says(decide().human, "http://shop.example.com/.well-known/pki-validation/PROOF.txt with exactly this content: proof"));
    c->file_content = "one\ntwo";
    CHECK(says(decide().human, "content (\\n is a line break): one\\ntwo"));
    c->file_content = "";
    CHECK(says(decide().human, "that the vendor names after the order"));
    c->method = DCV_HTTPS;
    CHECK(says(decide().human, "https://shop.example.com/"));
    c->file_name = "";
    CHECK(says(challenge_how(&made.view, c, arena), "/<file>"));
}

static void a_challenge_is_described_as_far_as_it_is_known(void)
{
    begin(ONE);
    made_placed(&made);
    struct challenge_record *c = made.view.challenges;
    c->record_name = "";
    CHECK_TEXT(challenge_how(&made.view, c, arena), "CNAME record for shop.example.com by DNSAccount bind (zone example.com)");
    made.view.product = product_find("digi_rapidssl", NULL);
    CHECK(says(challenge_how(&made.view, c, arena), "TXT record for shop.example.com"));
    made.view.refs.validations[0].dns_reason = NULL;
    CHECK_TEXT(challenge_how(&made.view, c, arena), "TXT record for shop.example.com by DNSAccount bind");
    c->record_name = "_dnsauth.shop.example.com";
    c->record_type = "TXT";
    c->led_to = "proofs.example.net";
    c->led_account = "other";
    CHECK(says(challenge_how(&made.view, c, arena), "written at proofs.example.net by DNSAccount other"));
    c->led_to = "";
    c->domain = "gone.example.com"; /* a name that the manifest has no more */
    CHECK_TEXT(challenge_how(&made.view, c, arena), "TXT _dnsauth.shop.example.com");
    c->method = DCV_HTTP;
    c->file_name = "x.txt";
    CHECK(says(challenge_how(&made.view, c, arena), "file http://gone.example.com/.well-known/pki-validation/x.txt"));
}

/* ---- a proof that is not wanted any more, or cannot be made ---- */

static void a_proof_that_the_vendor_no_longer_wants_is_taken_away_first(void)
{
    static const enum challenge_state states[] = {CHALLENGE_PENDING, CHALLENGE_PRESENTING, CHALLENGE_PRESENTED, CHALLENGE_SEEN,
                                                  CHALLENGE_GONE};
    for (int file = 0; file < 2; file++)
        for (size_t i = 0; i < COUNT_OF(states); i++) {
            begin(file ? HTTP : ONE);
            made_placed(&made);
            made_challenges(&made, states[i]);
            if (file)
                made.view.challenges[0].next_file_name = "OTHER.txt";
            else
                made.view.challenges[0].next_record_name = "_other.shop.example.com";
            expect(ACTION_REMOVE, "CleaningUp");
            CHECK(says(decide().reason, "wants another one"));
        }
}

static struct dns_account ended; /* that its credential ended a day ago */
static struct resource end_credential(size_t index)
{
    struct resource account = *made.view.refs.validations[index].dns_account;
    ended = *account.dns_account;
    ended.credential_expires_at = clock_rfc3339(arena, made.view.now - 86400);
    account.dns_account = &ended;
    return account;
}

static void an_ended_credential_stops_its_names_and_no_others(void)
{
    begin(TWO);
    made_placed(&made);
    struct resource account = end_credential(0);
    made.view.refs.validations[0].dns_account = &account;
    expect(ACTION_PRESENT, "Validating"); /* the other name's account is good */
    CHECK_TEXT(decide().subject, "shop.example.org");
    made.view.challenges[1].retry_at = made.view.now + 30;
    expect(ACTION_WAIT, "Validating");
    CHECK_TEXT(decide().subject, "shop.example.org");
    made.view.challenges[1].validated = true;
    expect(ACTION_BLOCKED, "CredentialExpired");
}

static void with_an_ended_credential_nothing_is_bought(void)
{
    begin(ONE);
    struct resource account = end_credential(0);
    made.view.refs.validations[0].dns_account = &account;
    expect(ACTION_BLOCKED, "CredentialExpired");
}

static void what_an_ended_credential_left_does_not_stop_the_rollout(void)
{
    begin(ONE);
    made_issued(&made);
    made_challenges(&made, CHALLENGE_SEEN);
    struct resource account = end_credential(0);
    made.view.refs.validations[0].dns_account = &account;
    expect(ACTION_STAGE, "Deploying");
    made_settled(&made);
    made_challenges(&made, CHALLENGE_SEEN);
    expect(ACTION_WAIT, "CleaningUp");
    struct step step = decide();
    CHECK(says(step.human, "credential"));
    CHECK_INT(step.due, made.view.now + 3600);
}

static void an_alias_is_written_by_the_account_of_its_place(void)
{
    begin(ONE);
    made_placed(&made);
    struct challenge_record *c = made.view.challenges;
    c->led_to = "proofs.example.org";
    c->led_account = "bind";
    CHECK_TEXT(challenge_account(&made.view, c)->name, "bind");
    c->led_account = "nobody"; /* gone from the manifests since */
    CHECK(challenge_account(&made.view, c) == NULL);
    c->led_to = "";
    c->domain = "gone.example.com";
    CHECK(challenge_account(&made.view, c) == NULL);
}

/* ---- waiting for the vendor ---- */

static void of_what_was_seen_the_oldest_look_comes_first(void)
{
    begin(TWO);
    made_placed(&made);
    made_challenges(&made, CHALLENGE_SEEN);
    made.order->poll_at = made.view.now + 600;
    made.order->polled_at = made.view.now;
    made.view.challenges[0].checked_at = made.view.now - 10;
    made.view.challenges[1].checked_at = made.view.now - 40;
    expect(ACTION_WAIT, "AwaitingVendor");
    CHECK_TEXT(decide().subject, "shop.example.org");
    CHECK_INT(decide().due, made.view.now + 20);
    made.view.challenges[1].checked_at = 0; /* never: a minute from now */
    CHECK_TEXT(decide().subject, "shop.example.com");
    made.view.challenges[0].validated = true;
    CHECK_TEXT(decide().subject, "shop.example.org");
    made.view.challenges[1].checked_at = made.view.now;
    made.view.now += 60;
    expect(ACTION_CHECK, "AwaitingVendor");
}

static void an_order_that_the_vendor_just_took_is_with_the_vendor(void)
{
    begin(ONE);
    made_placed(&made);
    made_challenges(&made, CHALLENGE_SEEN);
    made.order->phase = VENDOR_INITIAL;
    made.order->major_status = "Initial";
    expect(ACTION_WAIT, "AwaitingVendor");
    CHECK(says(decide().reason, "(Initial)"));
}

static void when_every_name_is_proven_the_vendor_is_at_work(void)
{
    begin(ONE);
    made_placed(&made);
    made.view.challenges[0].validated = true;
    expect(ACTION_WAIT, "Vetting");
    CHECK_TEXT(decide().reason, "every name is proven; the vendor is at work");
    made.order->minor_status = "PENDING_VETTING";
    CHECK(says(decide().reason, "at work: PENDING_VETTING"));
}

static void an_issued_order_is_asked_once_more_after_a_while(void)
{
    begin(ONE);
    made_placed(&made);
    made_challenges(&made, CHALLENGE_SEEN);
    made.order->phase = VENDOR_ACTIVE;
    made.order->poll_at = 0;
    made.order->polled_at = made.view.now - 61; /* it may have been cancelled since */
    expect(ACTION_POLL, "Issuing");
    made.order->polled_at = made.view.now - 60;
    expect(ACTION_FETCH, "Issuing");
    made.order->poll_at = made.view.now + 30;
    made.view.record.error_step = "fetch";
    made.view.record.error = "the vendor delivers another name's certificate";
    expect(ACTION_WAIT, "Issuing");
    CHECK(says(decide().reason, "another name's"));
}

int main(void)
{
    arena = arena_create();
    RUN(challenge_is_made_seen_and_the_vendor_asked);
    RUN(a_fixed_wait_passes_before_the_first_look);
    RUN(vendor_is_asked_now_and_then_while_we_see_nothing);
    RUN(unsaid_challenges_are_asked_for);
    RUN(failed_challenge_waits_for_its_time_and_says_why);
    RUN(failed_challenge_does_not_stop_the_others);
    RUN(file_is_placed_through_its_target);
    RUN(mail_waits_for_its_reader);
    RUN(person_is_told_which_record_to_make);
    RUN(person_is_told_everything_at_once);
    RUN(three_methods_in_one_order);
    RUN(vetting_of_an_organization_is_patient);
    RUN(validated_name_needs_no_proof);
    RUN(issued_certificate_is_fetched);
    RUN(issued_mail_order_does_not_ask_for_an_approval);
    RUN(edit_while_the_order_is_open_is_blocked);
    RUN(proof_taken_away_is_made_again);
    RUN(person_is_told_where_which_file_belongs);
    RUN(a_challenge_is_described_as_far_as_it_is_known);
    RUN(a_proof_that_the_vendor_no_longer_wants_is_taken_away_first);
    RUN(an_ended_credential_stops_its_names_and_no_others);
    RUN(with_an_ended_credential_nothing_is_bought);
    RUN(what_an_ended_credential_left_does_not_stop_the_rollout);
    RUN(an_alias_is_written_by_the_account_of_its_place);
    RUN(of_what_was_seen_the_oldest_look_comes_first);
    RUN(an_order_that_the_vendor_just_took_is_with_the_vendor);
    RUN(when_every_name_is_proven_the_vendor_is_at_work);
    RUN(an_issued_order_is_asked_once_more_after_a_while);
    arena_destroy(arena);
    return CHECK_REPORT();
}
