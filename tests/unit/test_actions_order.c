/* An order prepared, sent, looked up: the prepare and record parts, pure. */
#include "actions_check.h"

#include "base/hash.h"

/* ---- PREPARE ---- */

static struct outcome made_request(const char *key_id)
{
    struct outcome outcome = done();
    outcome.key_id = key_id;
    outcome.csr = outcome.csr_sha256 = outcome.csr_md5 = outcome.unique_value = "x";
    outcome.request = "frozen";
    outcome.request_sha256 = "of frozen";
    outcome.key_algorithm = "RSA";
    outcome.key_size = 2048;
    return outcome;
}

static void prepared_order_holds_everything_it_is_about(void)
{
    begin(ONE);
    record(priced(750), made_request("k1"));
    const struct order_record *order = changes.order;
    CHECK_INT(order->state, ORDER_PREPARED);
    CHECK_INT(order->cycle, 1);
    CHECK_INT(order->attempt, 1);
    CHECK_TEXT(order->custom_order_id, certificate_custom_order_id(&made.view, 1, arena));
    CHECK_INT(strlen(order->custom_order_id), 36);
    CHECK_TEXT(order->key_id, "k1");
    CHECK_TEXT(order->request_sha256, "of frozen");
    CHECK_TEXT(order->relevant_digest, certificate_relevant_digest(&made.view, arena));
    CHECK_TEXT(order->issuer, "main");
    CHECK_TEXT(order->endpoint, made.view.account.endpoint->url);
    CHECK_TEXT(order->partner_code, "1");
    CHECK_INT(order->price_cents, 750);
    CHECK_INT(order->submitted_at, 0);
    CHECK_INT(changes.certificate->cycle, 1);
    CHECK(changes.register_need);
    CHECK(!changes.paid);
    CHECK_INT(changes.blob_count, 2); /* this key lies elsewhere */
    CHECK_TEXT(changes.blobs[0].key, "csr/k1");
    CHECK_TEXT(changes.blobs[1].text, "frozen");
    CHECK_TEXT(changes.audit, "order.prepare");
}

static void failed_preparation_writes_no_order(void)
{
    begin(ONE);
    record(priced(750), failed(ERROR_CREDENTIAL, "the secret is missing"));
    CHECK(changes.order == NULL && changes.blob_count == 0 && !changes.reserve_budget &&
          !changes.register_need);
    CHECK_TEXT(changes.certificate->error, "the secret is missing");
    CHECK_TEXT(changes.certificate->error_step, "prepare");
    CHECK_TEXT(changes.certificate->error_kind, "Credential");
    CHECK_INT(changes.certificate->failures, 1);
    CHECK(changes.certificate->retry_at > made.view.now);
}

static void one_need_is_one_order_in_the_budget(void)
{
    begin(ONE);
    record(priced(750), made_request("k1"));
    CHECK(changes.reserve_budget);
    CHECK_INT(changes.reserve_cents, 750);
    CHECK_INT(certificate_reservation(&made.view, &(struct step){.cost_cents = 750}).orders, 1);
    take();
    record(priced(750), made_request("k2")); /* edited before it was sent */
    CHECK(!changes.reserve_budget);
    record(priced(1000), made_request("k2")); /* into something dearer */
    CHECK(changes.reserve_budget);
    CHECK_INT(changes.reserve_cents, 250);
    CHECK_INT(certificate_reservation(&made.view, &(struct step){.cost_cents = 1000}).orders, 0);
    record(priced(500), made_request("k2")); /* what is reserved is not given back */
    CHECK(!changes.reserve_budget);
    made.view.account.budget_period = "2026-12"; /* spent in another month */
    record(priced(750), made_request("k2"));
    CHECK_INT(changes.reserve_cents, 750);
    CHECK_INT(certificate_reservation(&made.view, &(struct step){.cost_cents = 750}).orders, 1);
}

static void an_order_that_goes_to_another_issuer_counts_there(void)
{
    begin(ONE);
    record(priced(750), made_request("k1"));
    take();
    made.order->issuer = "former";
    made.order->state = ORDER_REFUSED;
    CHECK_INT(certificate_reservation(&made.view, &(struct step){.cost_cents = 750}).orders, 1);
    record(priced(750), made_request("k2"));
    CHECK(changes.reserve_budget);
    CHECK_INT(changes.reserve_cents, 750);
    take();
    CHECK_TEXT(made.order->issuer, "main");
    record(priced(750), made_request("k3")); /* and once */
    CHECK(!changes.reserve_budget);
}

static void an_order_that_goes_to_another_endpoint_counts_there(void)
{
    begin(ONE);
    record(priced(750), made_request("k1"));
    take();
    made.order->endpoint = "https://127.0.0.1:2/rest/";
    record(priced(750), made_request("k2"));
    CHECK(changes.reserve_budget);
    CHECK_INT(changes.reserve_cents, 750);
    take();
    record(priced(750), made_request("k3")); /* and once */
    CHECK(!changes.reserve_budget);
}

static void only_attempts_that_could_have_been_sent_count(void)
{
    begin(ONE);
    record(priced(750), made_request("k1"));
    take();
    record(priced(750), made_request("k2"));
    CHECK_INT(changes.order->attempt, 1);
    CHECK_INT(changes.order->former_key_ids.count, 0);
    take();
    made.order->submitted_at = made.view.now;
    made.order->state = ORDER_REFUSED;
    record(priced(750), made_request("k3"));
    CHECK_INT(changes.order->attempt, 2);
    CHECK(!changes.order->looked_up);
    CHECK_TEXT(changes.order->custom_order_id,
               made.order->custom_order_id); /* one need, one id, for all attempts */
    CHECK_TEXT(string_list_join(arena, &changes.order->former_key_ids, " "), "k2");
}

static void a_brought_key_may_be_sent_twice_and_is_one_key(void)
{
    begin(ONE);
    record(priced(750), made_request("k1"));
    take();
    made.order->submitted_at = made.view.now;
    made.order->state = ORDER_REFUSED;
    made.view.account.budget_period = NULL; /* an account that counts nothing */
    struct step step = priced(750);
    step.currency = NULL;
    record(step, made_request("k1"));
    CHECK_INT(changes.order->attempt, 2);
    CHECK_INT(changes.order->former_key_ids.count, 0);
    CHECK_TEXT(changes.order->budget_period, "");
    CHECK_TEXT(changes.order->currency, "");
}

static void keys_of_former_attempts_are_remembered(void)
{
    begin(ONE);
    made_order(&made, ORDER_REFUSED);
    for (int i = 2; i < 12; i++) {
        record(priced(750), made_request(arena_printf(arena, "k%d", i)));
        take();
        made.order->submitted_at = made.view.now;
    }
    CHECK_TEXT(made.order->key_id, "k11");
    CHECK_TEXT(string_list_join(arena, &made.order->former_key_ids, " "), "k5 k6 k7 k8 k9 k10");
}

static void id_is_derived_from_account_name_and_cycle(void)
{
    begin(ONE);
    const char *id = certificate_custom_order_id(&made.view, 1, arena);
    CHECK_TEXT(certificate_custom_order_id(&made.view, 1, arena), id);
    CHECK(strncmp(id, "cw1-", 4) == 0);
    CHECK(strcmp(certificate_custom_order_id(&made.view, 2, arena), id) != 0);
    made.view.installation = "another";
    CHECK(strcmp(certificate_custom_order_id(&made.view, 1, arena), id) != 0);
    made.view.installation = "0123456789abcdef0123456789abcdef";
    made.view.namespace_ = "defaul"; /* each part with its length: nothing slides from one into the other */
    made.view.name = "t/shop";
    CHECK(strcmp(certificate_custom_order_id(&made.view, 1, arena), id) != 0);
}

static struct resource *issuer_named(const char *name)
{
    struct resource *issuer = arena_memdup(arena, made.view.refs.issuer, sizeof *issuer);
    issuer->name = name;
    return issuer;
}

/* The manifest names another issuer before each further attempt. */
static void every_attempt_carries_the_id_of_the_first_whatever_the_issuer(void)
{
    static const char *const issuers[] = {"other", "third", "main"};
    begin(ONE);
    record(priced(750), made_request("k1"));
    take();
    const char *id = arena_strdup(arena, made.order->custom_order_id);
    for (size_t i = 0; i < COUNT_OF(issuers); i++) {
        made.view.refs.issuer = issuer_named(issuers[i]);
        made.order->state = ORDER_REFUSED;
        made.order->submitted_at = made.view.now;
        record(priced(750), made_request(arena_printf(arena, "k%zu", i + 2)));
        CHECK_TEXT(changes.order->issuer, issuers[i]);
        CHECK_TEXT(changes.order->custom_order_id, id);
        CHECK_TEXT(changes.blobs[changes.blob_count - 1].key, arena_printf(arena, "request/%s", id));
        take();
    }
    CHECK(strcmp(certificate_custom_order_id(&made.view, 2, arena), id) != 0);
}

/* ---- SUBMIT ---- */

static void freeze(void)
{
    unsigned char digest[32];
    hash_sha256(span_of("frozen", 6), digest);
    made.order->request_sha256 = text_hex(arena, digest, 32);
    made.view.material.request = "frozen";
}

static void intent_is_written_before_the_first_byte(void)
{
    begin(ONE);
    made_order(&made, ORDER_PREPARED);
    freeze();
    CHECK(prepare(step_of(ACTION_SUBMIT)));
    CHECK_INT(changes.order->state, ORDER_SUBMITTING);
    CHECK(changes.order_claim);
    CHECK(changes.paid);
    CHECK(changes.register_need);
    CHECK_TEXT(changes.order->holder, made.view.holder);
    CHECK_INT(changes.order->send_deadline_ms, made.view.boot_ms + 5000);
    CHECK_TEXT(changes.order->grace_boot, made.view.boot_id);
    CHECK_INT(changes.order->grace_boot_ms, made.view.boot_ms);
    CHECK_TEXT(changes.audit, "order.submit");
}

static void other_bytes_than_were_prepared_are_not_sent(void)
{
    begin(ONE);
    made_order(&made, ORDER_PREPARED);
    freeze();
    made.view.material.request = "Frozen";
    CHECK(!prepare(step_of(ACTION_SUBMIT)));
    made.view.material.request = NULL;
    CHECK(!prepare(step_of(ACTION_SUBMIT)));
}

static void submitting(void)
{
    begin(ONE);
    made_order(&made, ORDER_SUBMITTING);
}

static void order_not_sent_is_prepared_again(void)
{
    submitting();
    struct outcome outcome = failed(ERROR_UNREACHABLE, "connection refused");
    outcome.answer = ANSWER_NOT_SENT;
    outcome.evidence = "no connection";
    record(step_of(ACTION_SUBMIT), outcome);
    CHECK_INT(changes.order->state, ORDER_PREPARED);
    CHECK(changes.order_claim);
    CHECK(changes.certificate->retry_at > made.view.now);
    take();
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_WAIT); /* backoff, then the same bytes */
    CHECK_TEXT(certificate_decide(&made.view, arena).code, "Retrying");
}

static void accepted_order_is_placed_with_what_it_wants_to_see(void)
{
    submitting();
    struct vendor_challenge proof = {.domain = "shop.example.com", .record_name = "_x.shop.example.com",
                                     .record_type = "CNAME", .record_value = "y.example.net"};
    struct outcome outcome = done();
    outcome.answer = ANSWER_ACCEPTED;
    outcome.vendor = (struct vendor_order){.vendor_order_id = "77",
                                           .phase = VENDOR_PENDING,
                                           .major_status = "Pending",
                                           .challenges = &proof,
                                           .challenge_count = 1,
                                           .subscription_ends_at = 99};
    record(step_of(ACTION_SUBMIT), outcome);
    CHECK_INT(changes.order->state, ORDER_PLACED);
    CHECK_TEXT(changes.order->vendor_order_id, "77");
    CHECK_INT(changes.order->placed_at, made.view.now);
    CHECK(changes.order->poll_at > made.view.now);
    CHECK(changes.order_claim && changes.paid);
    CHECK_INT(changes.challenge_count, 1);
    CHECK_TEXT(changes.challenges[0].record_name, "_x.shop.example.com");
    CHECK_INT(changes.challenges[0].state, CHALLENGE_PENDING);
    CHECK_TEXT(changes.event_reason, "Placed");
}

static void refusal_is_unknown_until_a_look_up_confirms_it(void)
{
    submitting();
    struct outcome outcome = failed(ERROR_REFUSED, "Country is not valid");
    outcome.answer = ANSWER_REFUSED;
    outcome.evidence = "-1234";
    record(step_of(ACTION_SUBMIT), outcome);
    CHECK_INT(changes.order->state, ORDER_UNKNOWN);
    CHECK_TEXT(changes.order->refused_text, "Country is not valid");
    take();
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_LOOK_UP); /* at once */
    outcome = done();
    outcome.absent_with_control = true;
    record(step_of(ACTION_LOOK_UP), outcome);
    CHECK_INT(changes.order->state, ORDER_REFUSED);
    CHECK_TEXT(changes.event_message, "Country is not valid");
}

static void refused_order_that_is_there_is_placed(void)
{
    submitting();
    made.order->state = ORDER_UNKNOWN;
    made.order->refused_text = "no";
    struct outcome outcome = done();
    outcome.found = true;
    outcome.vendor = (struct vendor_order){.vendor_order_id = "77", .phase = VENDOR_PENDING};
    record(step_of(ACTION_LOOK_UP), outcome);
    CHECK_INT(changes.order->state, ORDER_PLACED);
    CHECK_TEXT(changes.order->vendor_order_id, "77");
}

static void no_answer_is_unknown(void)
{
    submitting();
    struct outcome outcome = failed(ERROR_UNREACHABLE, "timed out");
    outcome.answer = ANSWER_UNKNOWN;
    outcome.evidence = "no answer";
    record(step_of(ACTION_SUBMIT), outcome);
    CHECK_INT(changes.order->state, ORDER_UNKNOWN);
    CHECK_TEXT(changes.order->refused_text, "");
    CHECK(changes.order->submitted_at > 0);
    CHECK(says(changes.order->evidence.items[changes.order->evidence.count - 1], "no answer"));
    CHECK_TEXT(changes.event_type, "Warning");
    CHECK_TEXT(changes.audit, "order.answer");
}

static void evidence_is_short_and_the_newest(void)
{
    submitting();
    for (int i = 0; i < 20; i++) {
        struct outcome outcome = failed(ERROR_UNREACHABLE, "timed out");
        outcome.answer = ANSWER_UNKNOWN;
        outcome.evidence = arena_printf(arena, "answer %d\x1b[31m %0200d", i, 0);
        record(step_of(ACTION_SUBMIT), outcome);
        take();
    }
    CHECK_INT(made.order->evidence.count, 6);
    CHECK(says(made.order->evidence.items[5], "answer 19"));
    for (size_t i = 0; i < 6; i++) {
        CHECK(strlen(made.order->evidence.items[i]) <= 120);
        CHECK(strchr(made.order->evidence.items[i], 0x1b) == NULL);
    }
}

/* ---- LOOK_UP ---- */

static void unknown(void)
{
    begin(ONE);
    made_order(&made, ORDER_UNKNOWN);
    made.order->grace_from = made.view.now;
    made.order->grace_boot_ms = made.view.boot_ms;
}

static void pass(int64_t seconds)
{
    made.view.now += seconds;
    made.view.boot_ms += seconds * 1000;
}

static void look_absent(void)
{
    struct outcome outcome = done();
    outcome.absent_with_control = true;
    outcome.sent_boot_ms = made.view.boot_ms;
    outcome.sent_at = made.view.now;
    record(step_of(ACTION_LOOK_UP), outcome);
    take();
}

static void order_found_in_flight_is_unknown(void)
{
    submitting();
    CHECK(prepare(step_of(ACTION_LOOK_UP)));
    CHECK_INT(changes.order->state, ORDER_UNKNOWN);
    CHECK(changes.order_claim);
    CHECK_TEXT(changes.audit, "order.unknown");
    take();
    CHECK(prepare(step_of(ACTION_LOOK_UP)));
    CHECK(changes.order == NULL);
}

static void absent_is_held_after_three_look_ups_and_the_grace(void)
{
    unknown();
    look_absent();
    CHECK_INT(made.order->state, ORDER_UNKNOWN);
    pass(60);
    look_absent();
    pass(60);
    look_absent();
    CHECK_INT(made.order->lookups, 3);
    CHECK_INT(made.order->state, ORDER_UNKNOWN); /* the grace is not over */
    pass(780);
    look_absent();
    CHECK_INT(made.order->state, ORDER_UNKNOWN); /* sent at its very end */
    pass(60);
    look_absent();
    CHECK_INT(made.order->state, ORDER_HELD);
    CHECK(says(made.order->held_reason, "sent through issuer/main"));
    CHECK_TEXT(changes.audit, "order.held");
    CHECK_TEXT(changes.event_reason, "OrderHeld");
}

static void look_up_sent_before_the_end_of_the_grace_proves_nothing(void)
{
    unknown();
    for (int i = 0; i < 3; i++) {
        pass(60);
        look_absent();
    }
    pass(1000);
    struct outcome outcome = done();
    outcome.absent_with_control = true;
    outcome.sent_boot_ms = made.order->grace_boot_ms + 899 * 1000; /* its answer took its time */
    record(step_of(ACTION_LOOK_UP), outcome);
    CHECK_INT(changes.order->state, ORDER_UNKNOWN);
}

static void fewer_than_three_look_ups_are_not_enough(void)
{
    unknown();
    pass(5000);
    look_absent();
    pass(60);
    look_absent();
    CHECK_INT(made.order->state, ORDER_UNKNOWN);
    pass(60);
    look_absent();
    CHECK_INT(made.order->state, ORDER_HELD);
}

static void look_up_that_failed_is_no_evidence(void)
{
    unknown();
    pass(5000);
    for (int i = 0; i < 10; i++) {
        record(step_of(ACTION_LOOK_UP), failed(ERROR_UNREACHABLE, "timed out"));
        take();
        CHECK_INT(made.order->state, ORDER_UNKNOWN);
        CHECK_INT(made.order->lookups, 0);
        CHECK_INT(made.order->lookup_at, made.view.now);
        pass(60);
    }
}

static void reboot_begins_the_grace_anew(void)
{
    unknown();
    for (int i = 0; i < 3; i++) {
        pass(400);
        look_absent();
    }
    CHECK_INT(made.order->state, ORDER_HELD);
    unknown();
    pass(400);
    look_absent();
    pass(400);
    look_absent();
    made.view.boot_id = "boot-2";
    made.view.boot_ms = 10000;
    pass(400);
    look_absent();
    CHECK_INT(made.order->state, ORDER_UNKNOWN);
    CHECK_INT(made.order->lookups, 1);
    CHECK_TEXT(made.order->grace_boot, "boot-2");
    CHECK_INT(made.order->grace_boot_ms, made.view.boot_ms);
    pass(400);
    look_absent();
    pass(501);
    look_absent();
    CHECK_INT(made.order->state, ORDER_HELD);
}

static void clock_step_begins_the_grace_anew(void)
{
    static const int64_t steps[] = {3600, -3600, 400 * 86400, -400 * 86400, 90, -90};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        unknown();
        pass(400);
        look_absent();
        pass(400);
        look_absent();
        made.view.now += steps[i];
        pass(400);
        look_absent();
        CHECK_INT(made.order->state, ORDER_UNKNOWN);
        CHECK_INT(made.order->lookups, 1);
    }
    unknown();
    made.view.now += 30; /* a clock that is being slewed is no step */
    pass(400);
    look_absent();
    CHECK_INT(made.order->grace_boot_ms, 5000000);
}

static void order_that_looks_like_ours_is_held_and_never_adopted(void)
{
    unknown();
    struct outcome outcome = done();
    outcome.found = outcome.different = true;
    outcome.vendor = (struct vendor_order){.vendor_order_id = "88"};
    record(step_of(ACTION_LOOK_UP), outcome);
    CHECK_INT(changes.order->state, ORDER_HELD);
    CHECK(says(changes.order->held_reason, "88"));
    outcome = done();
    outcome.other_number = "99";
    record(step_of(ACTION_LOOK_UP), outcome);
    CHECK_INT(changes.order->state, ORDER_HELD);
    CHECK(says(changes.order->held_reason, "99"));
    CHECK_TEXT(changes.order->vendor_order_id, "");
    CHECK_TEXT(string_list_join(arena, &changes.order->shown_numbers, " "), "99");
    made.order->shown_numbers = changes.order->shown_numbers; /* released, and looked for once more */
    outcome.other_number = "100";
    record(step_of(ACTION_LOOK_UP), outcome);
    CHECK_TEXT(string_list_join(arena, &changes.order->shown_numbers, " "), "99 100");
}

static void look_up_before_a_further_attempt_only_notes_that_it_was_made(void)
{
    begin(ONE);
    made_order(&made, ORDER_PREPARED);
    made.order->attempt = 2;
    made.order->submitted_at = made.view.now - 5000;
    look_absent();
    CHECK_INT(made.order->state, ORDER_PREPARED);
    CHECK(made.order->looked_up);
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_SUBMIT);
}

static void order_of_a_former_attempt_is_not_sent_again(void)
{
    begin(ONE);
    made_order(&made, ORDER_PREPARED);
    made.order->attempt = 2;
    struct outcome outcome = done();
    outcome.found = true;
    outcome.vendor = (struct vendor_order){.vendor_order_id = "77", .phase = VENDOR_PENDING};
    record(step_of(ACTION_LOOK_UP), outcome);
    CHECK_INT(changes.order->state, ORDER_PLACED);
    take();
    CHECK(certificate_decide(&made.view, arena).verb != VERB_ORDER);
}

/* As `certwright release` does: prepared anew, looked up once more, then sent with the same id. */
static void released_order_is_looked_up_before_it_is_sent_again(void)
{
    unknown();
    made.order->state = ORDER_REFUSED;
    made.order->relevant_digest = "";
    const char *id = made.order->custom_order_id;
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_PREPARE);
    record(priced(750), made_request("k2"));
    take();
    CHECK_INT(made.order->attempt, 2);
    CHECK_TEXT(made.order->custom_order_id, id);
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_LOOK_UP);
    look_absent();
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_SUBMIT);
}

/* Held at one account, released, and the manifest goes to another: both are asked before it is sent there. */
static void released_order_is_looked_up_where_it_was_sent_before_it_goes_elsewhere(void)
{
    unknown();
    made.order->state = ORDER_REFUSED;
    made.order->relevant_digest = "";
    made.order->refused_text = "released by a person";
    made.order->answer_lost = true;
    made.view.refs.issuer = issuer_named("other");
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_LOOK_UP);
    CHECK(prepare(step_of(ACTION_LOOK_UP)) && changes.order == NULL);
    record(step_of(ACTION_LOOK_UP), failed(ERROR_UNREACHABLE, "timed out"));
    made.order = arena_memdup(arena, changes.order, sizeof *changes.order);
    made.view.order = made.order;
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_LOOK_UP);
    look_absent();
    CHECK_INT(made.order->state, ORDER_REFUSED);
    CHECK_TEXT(made.order->issuer, "main");
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_PREPARE);
    record(priced(750), made_request("k2"));
    take();
    made.view.order_issuer = made.view.refs.issuer;
    CHECK_TEXT(made.order->issuer, "other");
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_LOOK_UP);
    look_absent();
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_SUBMIT);
}

static void released_order_that_is_at_its_account_after_all_is_taken(void)
{
    unknown();
    made.order->state = ORDER_REFUSED;
    made.order->relevant_digest = "";
    made.order->answer_lost = true;
    made.view.refs.issuer = issuer_named("other");
    struct outcome outcome = done();
    outcome.found = true;
    outcome.vendor = (struct vendor_order){.vendor_order_id = "77", .phase = VENDOR_PENDING};
    record(step_of(ACTION_LOOK_UP), outcome);
    take();
    CHECK_INT(made.order->state, ORDER_PLACED);
    CHECK_TEXT(certificate_decide(&made.view, arena).code, "EditAfterOrder");
}

/* Absent for good, with `onUnknownOrder: resubmit`: each refusal of reliability.md 4.5 alone leaves it to a person. */
static struct operator_config resubmitting;
static struct resource wanted;
static struct certificate wanted_spec;
static struct endpoint elsewhere;
static void nothing_stands_against_it(void) {}
static void the_operator_wants_a_person(void) { resubmitting.on_unknown_order = UNKNOWN_ORDER_HOLD; }
static void its_manifest_went(void) { made.view.want = NULL; }
static void its_manifest_is_invalid(void) { made.view.invalid = true; }
static void it_is_suspended(void)
{
    wanted = *made.view.want;
    wanted_spec = *wanted.certificate;
    wanted_spec.suspend = true;
    wanted.certificate = &wanted_spec;
    made.view.want = &wanted;
}
static void the_endpoint_is_not_known(void) { made.view.account.endpoint = NULL; }
static void the_endpoint_is_live(void)
{
    elsewhere = (struct endpoint){.name = "Live", .url = "https://api.thesslstore.com/rest/"};
    made.view.account.endpoint = &elsewhere;
}
static void the_endpoint_is_the_vendors_sandbox(void)
{
    elsewhere = (struct endpoint){.name = "Sandbox", .url = "https://sandbox-wbapi.thesslstore.com/rest/", .sandbox = true};
    made.view.account.endpoint = &elsewhere;
    made.order->endpoint = elsewhere.url;
}
static void the_manifest_names_another_issuer(void) { made.view.refs.issuer = issuer_named("other"); }
static void the_clock_is_not_sane(void) { made.view.clock_words = "the clock went back"; }
static void it_was_sent_again_today(void) { made.order->resubmitted_at = made.view.now - 3600; }
static void it_was_sent_again_the_day_before_yesterday(void) { made.order->resubmitted_at = made.view.now - 2 * 86400; }
static void many_are_unknown(void) { made.view.account.unknown_open = UNKNOWN_OPEN_MOST + 1; }

static void an_absent_order_is_sent_again_only_where_all_allows_it(void)
{
    static const struct {
        void (*change)(void);
        const char *words; /* NULL: it is sent again */
    } rows[] = {
        {nothing_stands_against_it, NULL},
        {the_endpoint_is_the_vendors_sandbox, NULL},
        {it_was_sent_again_the_day_before_yesterday, NULL},
        {the_operator_wants_a_person, "does not know of it"},
        {its_manifest_went, "nothing asks for it"},
        {its_manifest_is_invalid, "nothing asks for it"},
        {it_is_suspended, "nothing asks for it"},
        {the_endpoint_is_not_known, "live endpoint"},
        {the_endpoint_is_live, "live endpoint"},
        {the_manifest_names_another_issuer, "another account"},
        {the_clock_is_not_sane, "clock"},
        {it_was_sent_again_today, "once today already"},
        {many_are_unknown, "the account is closed"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        unknown();
        resubmitting = made_config;
        resubmitting.on_unknown_order = UNKNOWN_ORDER_RESUBMIT;
        made.view.config = &resubmitting;
        made.order->lookups = 2;
        pass(901);
        rows[i].change();
        look_absent();
        if (rows[i].words == NULL) {
            CHECK_INT(made.order->state, ORDER_PREPARED);
            CHECK_INT(made.order->attempt, 2);
            CHECK(!made.order->looked_up && made.order->answer_lost); /* asked once more before it leaves */
            CHECK_TEXT(changes.audit, "order.resubmit");
            CHECK(string_list_contains(&made.order->former_key_ids, "k1"));
        } else {
            CHECK_INT(made.order->state, ORDER_HELD);
            CHECK(says(made.order->held_reason, rows[i].words) || fprintf(stderr, "row %zu: %s\n", i, made.order->held_reason) < 0);
        }
    }
}

int main(void)
{
    arena = arena_create();
    RUN(prepared_order_holds_everything_it_is_about);
    RUN(failed_preparation_writes_no_order);
    RUN(one_need_is_one_order_in_the_budget);
    RUN(an_order_that_goes_to_another_issuer_counts_there);
    RUN(an_order_that_goes_to_another_endpoint_counts_there);
    RUN(only_attempts_that_could_have_been_sent_count);
    RUN(a_brought_key_may_be_sent_twice_and_is_one_key);
    RUN(keys_of_former_attempts_are_remembered);
    RUN(id_is_derived_from_account_name_and_cycle);
    RUN(every_attempt_carries_the_id_of_the_first_whatever_the_issuer);
    RUN(intent_is_written_before_the_first_byte);
    RUN(other_bytes_than_were_prepared_are_not_sent);
    RUN(order_not_sent_is_prepared_again);
    RUN(accepted_order_is_placed_with_what_it_wants_to_see);
    RUN(refusal_is_unknown_until_a_look_up_confirms_it);
    RUN(refused_order_that_is_there_is_placed);
    RUN(no_answer_is_unknown);
    RUN(evidence_is_short_and_the_newest);
    RUN(order_found_in_flight_is_unknown);
    RUN(absent_is_held_after_three_look_ups_and_the_grace);
    RUN(look_up_sent_before_the_end_of_the_grace_proves_nothing);
    RUN(fewer_than_three_look_ups_are_not_enough);
    RUN(look_up_that_failed_is_no_evidence);
    RUN(reboot_begins_the_grace_anew);
    RUN(clock_step_begins_the_grace_anew);
    RUN(order_that_looks_like_ours_is_held_and_never_adopted);
    RUN(an_absent_order_is_sent_again_only_where_all_allows_it);
    RUN(look_up_before_a_further_attempt_only_notes_that_it_was_made);
    RUN(order_of_a_former_attempt_is_not_sent_again);
    RUN(released_order_is_looked_up_before_it_is_sent_again);
    RUN(released_order_is_looked_up_where_it_was_sent_before_it_goes_elsewhere);
    RUN(released_order_that_is_at_its_account_after_all_is_taken);
    arena_destroy(arena);
    return CHECK_REPORT();
}
