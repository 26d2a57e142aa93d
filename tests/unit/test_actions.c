/* Buying, looking up, asking, waiting: the prepare and record parts of each action, pure. */
#include "make_view.h"

#include "base/hash.h"

static struct arena *arena;
static struct made made;
static struct changes changes;

#define SHOP "  dnsNames: [shop.example.com]\n  order: {product: positivessl}\n"
#define ONE MADE_CERTIFICATE(SHOP "  targets: [{name: web}]\n")

static void begin(const char *manifests)
{
    arena_reset(arena);
    made_begin(&made, arena, manifests);
}

static struct step step_of(enum action action)
{
    return (struct step){.action = action, .subject = "", .detail = "", .index = -1};
}
static bool prepare(struct step step)
{
    changes = (struct changes){0};
    return certificate_action(step.action)->prepare(&made.view, &step, arena, &changes);
}

static void record(struct step step, struct outcome outcome)
{
    struct outcome *kept = arena_memdup(arena, &outcome, sizeof outcome); /* records point into it */
    changes = (struct changes){0};
    if (kept->at == 0)
        kept->at = made.view.now;
    certificate_record_outcome(&made.view, &step, kept, arena, &changes);
}

static struct outcome done(void) { return (struct outcome){.ok = true}; }
static struct outcome failed(enum error_kind kind, const char *message)
{
    struct outcome outcome = {0};
    error_raise(&outcome.err, kind, "%s", message);
    return outcome;
}

/* What was written is what stands from now on. */
static void take(void)
{
    if (changes.certificate != NULL)
        made.view.record = *changes.certificate;
    if (changes.order != NULL)
        made.view.order = made.order = arena_memdup(arena, changes.order, sizeof *changes.order);
    if (changes.challenge_count > 0) {
        made.view.challenges = changes.challenges;
        made.view.challenge_count = changes.challenge_count;
    }
    if (changes.revision != NULL)
        made.view.revision = made.revision = arena_memdup(arena, changes.revision, sizeof *changes.revision);
    if (changes.rollout != NULL)
        for (size_t i = 0; i < made.view.rollout_count; i++)
            if (text_equal(made.view.rollouts[i].target, changes.rollout->target))
                made.view.rollouts[i] = *changes.rollout;
}

static bool says(const char *text, const char *part) { return text != NULL && strstr(text, part) != NULL; }

static void every_action_of_the_world_has_its_three_parts(void)
{
    for (int action = ACTION_REST; action < ACTION_COUNT; action++) {
        const struct action_row *row = certificate_action((enum action)action);
        bool idle = action < ACTION_PREPARE;
        CHECK((row == NULL) == idle);
        if (row == NULL)
            continue;
        CHECK(row->name[0] != '\0' && row->act != NULL && row->record != NULL);
        CHECK(!row->outside || row->prepare != NULL); /* nothing in the world changes without an intent */
    }
    CHECK(certificate_action(ACTION_COUNT) == NULL);
}

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

static struct step priced(int64_t cents)
{
    struct step step = step_of(ACTION_PREPARE);
    step.cost_cents = cents;
    step.currency = "USD";
    return step;
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
    CHECK(made.order->held_reason[0] != '\0');
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

/* ---- POLL ---- */

static void poll(struct vendor_order vendor)
{
    struct outcome outcome = done();
    vendor.vendor_order_id = "1000001";
    outcome.vendor = vendor;
    record(step_of(ACTION_POLL), outcome);
}

static void poll_follows_the_vendor(void)
{
    begin(ONE);
    made_placed(&made);
    poll((struct vendor_order){
        .phase = VENDOR_PENDING, .major_status = "Pending", .minor_status = "AWAITING_DCV"});
    CHECK_INT(changes.order->state, ORDER_PLACED);
    CHECK_TEXT(changes.order->minor_status, "AWAITING_DCV");
    CHECK_INT(changes.order->polls, 1);
    CHECK(changes.order->poll_at > made.view.now);
    CHECK_INT(changes.order->subscription_ends_at, made.order->subscription_ends_at); /* not said: kept */
    CHECK(changes.event_reason == NULL);
    poll((struct vendor_order){
        .phase = VENDOR_ACTIVE, .major_status = "Active", .subscription_ends_at = 12345});
    CHECK_INT(changes.order->poll_at, made.view.now); /* fetched at once */
    CHECK_INT(changes.order->subscription_ends_at, 12345);
    CHECK_TEXT(changes.event_reason, "VendorStatus");
}

static void word_nobody_knows_is_waited_through(void)
{
    begin(ONE);
    made_placed(&made);
    poll((struct vendor_order){.phase = VENDOR_UNKNOWN, .major_status = "Sleeping"});
    CHECK_INT(changes.order->state, ORDER_PLACED);
    take();
    CHECK(certificate_decide(&made.view, arena).verb != VERB_ORDER);
}

static void order_that_ended_at_the_vendor_is_dead(void)
{
    static const enum vendor_phase phases[] = {VENDOR_CANCELLED, VENDOR_EXPIRED};
    for (size_t i = 0; i < COUNT_OF(phases); i++) {
        begin(ONE);
        made_placed(&made);
        poll((struct vendor_order){.phase = phases[i], .major_status = "Cancelled"});
        CHECK_INT(changes.order->state, ORDER_DEAD);
        CHECK_TEXT(changes.event_reason, "OrderDead");
    }
}

static void failed_poll_keeps_what_is_known(void)
{
    begin(ONE);
    made_placed(&made);
    record(step_of(ACTION_POLL), failed(ERROR_UNREACHABLE, "timed out"));
    CHECK_INT(changes.order->state, ORDER_PLACED);
    CHECK(changes.order->poll_at > made.view.now);
    struct outcome throttled = failed(ERROR_THROTTLED, "too many");
    throttled.err.retry_at = made.view.now + 1234;
    record(step_of(ACTION_POLL), throttled);
    CHECK_INT(changes.order->poll_at, made.view.now + 1234);
    CHECK_INT(changes.certificate->retry_at, made.view.now + 1234);
}

static void vendor_is_asked_less_and_less_often(void)
{
    static const struct endpoint live = {.name = "Live", .url = "https://127.0.0.1:1/rest/"};
    begin(ONE);
    made_placed(&made);
    made.view.account.endpoint = &live;
    int64_t last = 0;
    for (int i = 0; i < 30; i++) {
        poll((struct vendor_order){.phase = VENDOR_PENDING, .major_status = "Pending"});
        int64_t wait = changes.order->poll_at - made.view.now;
        CHECK(wait >= last && wait >= 15 && wait <= 300);
        last = wait;
        take();
    }
    CHECK_INT(last, 300);
}

static void proof_is_taken_over_until_it_was_made(void)
{
    struct vendor_challenge proof = {.domain = "shop.example.com", .record_name = "_new.shop.example.com",
                                     .record_type = "CNAME", .record_value = "new.example.net"};
    static const struct {
        enum challenge_state state;
        bool taken;
    } rows[] = {{CHALLENGE_PENDING, true},  {CHALLENGE_PRESENTING, false}, {CHALLENGE_PRESENTED, false},
                {CHALLENGE_SEEN, false},    {CHALLENGE_REMOVING, false},  {CHALLENGE_GONE, true}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin(ONE);
        made_placed(&made);
        made_challenges(&made, rows[i].state);
        poll((struct vendor_order){.phase = VENDOR_PENDING, .challenges = &proof, .challenge_count = 1});
        CHECK_TEXT(changes.challenges[0].record_name,
                   rows[i].taken ? "_new.shop.example.com" : "_0.shop.example.com");
        CHECK_TEXT(changes.challenges[0].next_record_name, rows[i].taken ? "" : "_new.shop.example.com");
        CHECK_INT(changes.challenges[0].state, rows[i].state);
    }
}

/* What was made for the former wish is taken away, and then the new one is made. */
static void changed_proof_takes_the_place_of_the_former(void)
{
    struct vendor_challenge proof = {.domain = "shop.example.com", .record_name = "_new.shop.example.com",
                                     .record_type = "CNAME", .record_value = "new.example.net"};
    begin(ONE);
    made_placed(&made);
    made_challenges(&made, CHALLENGE_SEEN);
    poll((struct vendor_order){.phase = VENDOR_PENDING, .challenges = &proof, .challenge_count = 1});
    take();
    struct step step = certificate_decide(&made.view, arena);
    CHECK_INT(step.action, ACTION_REMOVE);
    CHECK(strstr(step.detail, "_0.shop.example.com") != NULL);
    record(step, (struct outcome){.ok = true, .at = made.view.now});
    CHECK_TEXT(changes.challenges[0].record_name, "_new.shop.example.com");
    CHECK_TEXT(changes.challenges[0].record_value, "new.example.net");
    CHECK_TEXT(changes.challenges[0].next_record_name, "");
    take();
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_PRESENT);
}

/* Seen is not seen for ever: until the vendor has looked, it is looked for again and put back, five times. */
static void proof_that_vanishes_is_put_back(void)
{
    begin(ONE);
    made_placed(&made);
    made_challenges(&made, CHALLENGE_SEEN);
    struct step step = step_of(ACTION_CHECK);
    step.index = 0;
    for (int i = 1; i <= 6; i++) {
        made.view.challenges[0].state = CHALLENGE_SEEN;
        record(step, (struct outcome){.ok = true, .words = "nobody has it", .at = made.view.now});
        CHECK_INT(changes.challenges[0].state, i <= 5 ? CHALLENGE_PENDING : CHALLENGE_PRESENTED);
        CHECK_INT(changes.challenges[0].put_back, i <= 5 ? i : 5);
        CHECK_TEXT(changes.event_reason, "Vanished");
        take();
    }
}

/* An order that was Active and delivers nothing is asked about again: it may have been cancelled. */
static void active_order_that_delivers_nothing_is_asked_about(void)
{
    begin(ONE);
    made_placed(&made);
    poll((struct vendor_order){.phase = VENDOR_ACTIVE, .major_status = "Active"});
    take();
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_FETCH);
    made.view.now += 61;
    CHECK_INT(certificate_decide(&made.view, arena).action, ACTION_POLL);
    poll((struct vendor_order){.phase = VENDOR_CANCELLED, .major_status = "Cancelled"});
    take();
    CHECK_TEXT(certificate_decide(&made.view, arena).code, "OrderDead");
}

/* What an attempt may have made under the former name stays in the journal. */
static void a_proof_that_changes_leaves_a_trace(void)
{
    struct vendor_challenge proof = {.domain = "shop.example.com", .record_name = "_new.shop.example.com",
                                     .record_type = "CNAME", .record_value = "new.example.net"};
    static const struct {
        enum challenge_state state;
        int64_t presented_at;
        size_t count;
    } rows[] = {{CHALLENGE_PENDING, 0, 0}, {CHALLENGE_PENDING, 1, 1}, {CHALLENGE_PRESENTING, 0, 0} /* taken away first */,
                {CHALLENGE_GONE, 1, 0}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin(ONE);
        made_placed(&made);
        made_challenges(&made, rows[i].state);
        made.view.challenges[0].account = "bind";
        made.view.challenges[0].presented_at = rows[i].presented_at;
        poll((struct vendor_order){.phase = VENDOR_PENDING, .challenges = &proof, .challenge_count = 1});
        CHECK_INT(changes.leftover_count, rows[i].count);
        if (rows[i].count > 0)
            CHECK_TEXT(changes.leftovers[0].record_name, "_0.shop.example.com");
    }
}

static void wildcard_is_proven_by_its_base(void)
{
    struct vendor_challenge proof = {.domain = "example.com",
                                     .record_name = "_p.example.com",
                                     .record_type = "CNAME",
                                     .record_value = "x",
                                     .validated = true};
    begin(MADE_CERTIFICATE("  dnsNames: [\"*.example.com\"]\n  order: {product: positivesslwildcard}\n"));
    made_placed(&made);
    poll((struct vendor_order){.phase = VENDOR_PENDING, .challenges = &proof, .challenge_count = 1});
    CHECK_TEXT(changes.challenges[0].domain, "*.example.com");
    CHECK(changes.challenges[0].validated);
    CHECK_TEXT(changes.challenges[0].record_name, "_p.example.com");
}

/* ---- forgetting, failing, waiting ---- */

static void forgetting_touches_nothing_but_the_record(void)
{
    begin(ONE);
    made_settled(&made);
    record(step_of(ACTION_FORGET), done());
    CHECK(changes.certificate->forgotten);
    CHECK_INT(changes.certificate->forgotten_at, made.view.now);
    CHECK_INT(changes.certificate->cycle, 1); /* only grows, also across deletion */
    CHECK(changes.order == NULL && changes.challenge_count == 0 && changes.rollout == NULL &&
          changes.blob_count == 0);
    CHECK(!certificate_action(ACTION_FORGET)->outside);
}

static void failures_of_one_step_are_counted_and_end_with_its_success(void)
{
    begin(ONE);
    for (int i = 1; i <= 5; i++) {
        record(priced(750), failed(ERROR_UNREACHABLE, "away"));
        CHECK_INT(changes.certificate->failures, i);
        take();
    }
    int64_t since = made.view.record.error_since;
    made.view.now += 10;
    record(priced(750), failed(ERROR_UNREACHABLE, "away"));
    CHECK_INT(changes.certificate->error_since, since);
    take();
    made_placed(&made);
    record(step_of(ACTION_POLL), failed(ERROR_UNREACHABLE, "away"));
    CHECK_INT(changes.certificate->failures, 1); /* another step */
    take();
    record(step_of(ACTION_POLL),
           (struct outcome){.ok = true, .vendor = {.vendor_order_id = "1", .phase = VENDOR_PENDING}});
    CHECK_INT(changes.certificate->failures, 0);
    CHECK_INT(changes.certificate->retry_at, 0);
    CHECK_TEXT(changes.certificate->error, "");
    CHECK_TEXT(changes.certificate->error_step, "");
}

static void backoff_grows_to_its_bound_with_jitter(void)
{
    for (int kind = ERROR_MANIFEST; kind < ERROR_KIND_COUNT; kind++)
        for (int failures = 1; failures < 40; failures++)
            for (uint64_t seed = 0; seed < 50; seed++) {
                int64_t wait = backoff_s((enum error_kind)kind, failures, seed);
                CHECK(wait >= 1 && wait <= 1080);
                if (failures > 12)
                    CHECK(wait >= 720);
            }
    CHECK(backoff_s(ERROR_UNREACHABLE, 1, 1) == 1);
    CHECK(backoff_s(ERROR_CREDENTIAL, 1, 1) >= 12);
    bool differs = false;
    for (uint64_t seed = 0; seed < 20; seed++)
        differs =
            differs || backoff_s(ERROR_UNREACHABLE, 10, seed) != backoff_s(ERROR_UNREACHABLE, 10, seed + 1);
    CHECK(differs);
}

static void far_sides_own_time_is_kept(void)
{
    begin(ONE);
    struct outcome outcome = failed(ERROR_THROTTLED, "too many");
    outcome.err.retry_at = made.view.now + 777;
    record(priced(750), outcome);
    CHECK_INT(changes.certificate->retry_at, made.view.now + 777);
    outcome.err.retry_at = made.view.now - 777; /* past: our own backoff */
    record(priced(750), outcome);
    CHECK(changes.certificate->retry_at > made.view.now);
}

int main(void)
{
    arena = arena_create();
    RUN(every_action_of_the_world_has_its_three_parts);
    RUN(prepared_order_holds_everything_it_is_about);
    RUN(failed_preparation_writes_no_order);
    RUN(one_need_is_one_order_in_the_budget);
    RUN(only_attempts_that_could_have_been_sent_count);
    RUN(keys_of_former_attempts_are_remembered);
    RUN(id_is_derived_from_account_name_and_cycle);
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
    RUN(look_up_before_a_further_attempt_only_notes_that_it_was_made);
    RUN(order_of_a_former_attempt_is_not_sent_again);
    RUN(released_order_is_looked_up_before_it_is_sent_again);
    RUN(poll_follows_the_vendor);
    RUN(word_nobody_knows_is_waited_through);
    RUN(order_that_ended_at_the_vendor_is_dead);
    RUN(failed_poll_keeps_what_is_known);
    RUN(vendor_is_asked_less_and_less_often);
    RUN(proof_is_taken_over_until_it_was_made);
    RUN(changed_proof_takes_the_place_of_the_former);
    RUN(proof_that_vanishes_is_put_back);
    RUN(active_order_that_delivers_nothing_is_asked_about);
    RUN(a_proof_that_changes_leaves_a_trace);
    RUN(wildcard_is_proven_by_its_base);
    RUN(forgetting_touches_nothing_but_the_record);
    RUN(failures_of_one_step_are_counted_and_end_with_its_success);
    RUN(backoff_grows_to_its_bound_with_jitter);
    RUN(far_sides_own_time_is_kept);
    arena_destroy(arena);
    return CHECK_REPORT();
}
