/* Challenges, certificates and approval mails: the prepare and record parts, pure. */
#include "actions_check.h"

#define MAIL MADE_CERTIFICATE(SHOP "  dcv: {method: Email, email: {approver: admin@example.com}}\n")
#define HTTP MADE_CERTIFICATE(SHOP "  dcv: {method: HTTP}\n  targets: [{name: web}]\n")

/* ---- challenges ---- */

static void intent_of_a_challenge_says_by_whom(void)
{
    begin(ONE);
    made_placed(&made);
    struct step step = step_at(ACTION_PRESENT, 0);
    CHECK(prepare(step));
    CHECK_INT(changes.challenges[0].state, CHALLENGE_PRESENTING);
    CHECK_TEXT(changes.challenges[0].account, "bind");
    CHECK_TEXT(changes.audit, "challenge.present");
    begin(HTTP);
    made_placed(&made);
    CHECK(prepare(step));
    CHECK_TEXT(changes.challenges[0].target, "web");
}

static void made_challenge_is_looked_at_at_once(void)
{
    begin(ONE);
    made_placed(&made);
    made_challenges(&made, CHALLENGE_PRESENTING);
    made.view.challenges[0].checked_at = 5;
    struct outcome outcome = done();
    outcome.zone = "example.com";
    record(step_at(ACTION_PRESENT, 0), outcome);
    CHECK_INT(changes.challenges[0].state, CHALLENGE_PRESENTED);
    CHECK_TEXT(changes.challenges[0].zone, "example.com");
    CHECK_INT(changes.challenges[0].checked_at, 0);
    CHECK(changes.certificate == NULL);
}

static void place_of_an_alias_is_journalled_before_anything_is_written(void)
{
    begin(ONE);
    made_placed(&made);
    made_challenges(&made, CHALLENGE_PRESENTING);
    made.view.challenges[0].presented_at = 0;
    struct outcome led = done();
    led.moved = true;
    led.zone = "other.test";
    led.led_to = "x.other.test";
    led.led_account = "proofs";
    record(step_at(ACTION_PRESENT, 0), led);
    CHECK_INT(changes.challenges[0].state, CHALLENGE_PENDING);
    CHECK_TEXT(changes.challenges[0].led_to, "x.other.test");
    CHECK_INT(changes.leftover_count, 0);
    CHECK_TEXT(changes.event_reason, "PlaceFound");
    take();
    CHECK(prepare(step_at(ACTION_PRESENT, 0)));
    CHECK_INT(changes.challenges[0].state, CHALLENGE_PRESENTING);
    CHECK_TEXT(challenge_place(&changes.challenges[0]), "x.other.test");
    CHECK_TEXT(challenge_writer(&changes.challenges[0]), "proofs");
    take();
    /* From now on something may stand there: when the alias leads elsewhere, that is kept in the journal. */
    led.led_to = "y.third.test";
    led.led_account = "third";
    record(step_at(ACTION_PRESENT, 0), led);
    CHECK_INT(changes.leftover_count, 1);
    CHECK_TEXT(changes.leftovers[0].record_name, "x.other.test");
    CHECK_TEXT(changes.leftovers[0].account, "proofs");
    CHECK_TEXT(changes.challenges[0].led_account, "third");
}

static void failed_challenge_keeps_its_own_failures(void)
{
    begin(ONE);
    made_placed(&made);
    made_challenges(&made, CHALLENGE_PRESENTING);
    for (int i = 1; i < 4; i++) {
        record(step_at(ACTION_PRESENT, 0), failed(ERROR_REFUSED, "the server refuses"));
        CHECK_INT(changes.challenges[0].state, CHALLENGE_PRESENTING);
        CHECK_INT(changes.challenges[0].failures, i);
        CHECK(changes.challenges[0].retry_at > made.view.now);
        CHECK(changes.certificate == NULL);
        CHECK_TEXT(changes.event_reason, "PresentFailed");
        take();
    }
    record(step_at(ACTION_PRESENT, 0), done());
    CHECK_INT(changes.challenges[0].failures, 0);
    CHECK_TEXT(changes.challenges[0].error, "");
}

static void seen_challenge_is_seen(void)
{
    begin(ONE);
    made_placed(&made);
    made_challenges(&made, CHALLENGE_PRESENTED);
    struct outcome outcome = done();
    outcome.seen = true;
    outcome.words = "seen by 2 of 2 servers";
    record(step_at(ACTION_CHECK, 0), outcome);
    CHECK_INT(changes.challenges[0].state, CHALLENGE_SEEN);
    CHECK_INT(changes.challenges[0].seen_at, made.view.now);
    CHECK_TEXT(changes.challenges[0].last_check, "seen by 2 of 2 servers");
}

static void unseen_challenge_is_put_back_five_times_and_then_told(void)
{
    begin(ONE);
    made_placed(&made);
    made_challenges(&made, CHALLENGE_PRESENTED);
    int64_t patience = 600;
    int warned = 0;
    struct outcome outcome = done();
    outcome.words = "0 of 2 servers";
    for (int i = 0; i < 10; i++) {
        made.view.challenges[0].state = CHALLENGE_PRESENTED;
        made.view.challenges[0].presented_at = made.view.now;
        outcome.at = made.view.now + patience;
        record(step_at(ACTION_CHECK, 0), outcome);
        CHECK_INT(changes.challenges[0].state, CHALLENGE_PRESENTED); /* not yet past its patience */
        outcome.at = made.view.now + patience + 1;
        record(step_at(ACTION_CHECK, 0), outcome);
        CHECK_INT(changes.challenges[0].state, i < 5 ? CHALLENGE_PENDING : CHALLENGE_PRESENTED);
        warned += text_equal(changes.event_reason, "NotSeen");
        take();
    }
    CHECK_INT(warned, 6);
}

static void manual_challenge_is_never_put_back(void)
{
    begin(MADE_CERTIFICATE(SHOP "  dcv: {dns: {manual: true}}\n"));
    made_placed(&made);
    made_challenges(&made, CHALLENGE_PRESENTED);
    made.view.now += 30 * 86400;
    struct outcome outcome = done();
    outcome.words = "not there";
    record(step_at(ACTION_CHECK, 0), outcome);
    CHECK_INT(changes.challenges[0].state, CHALLENGE_PRESENTED);
    CHECK_INT(changes.challenges[0].put_back, 0);
}

static void removal_is_an_intent_too(void)
{
    begin(ONE);
    made_issued(&made);
    made_challenges(&made, CHALLENGE_SEEN);
    CHECK(prepare(step_at(ACTION_REMOVE, 0)));
    CHECK_INT(changes.challenges[0].state, CHALLENGE_REMOVING);
    CHECK_TEXT(changes.audit, "challenge.remove");
    take();
    record(step_at(ACTION_REMOVE, 0), failed(ERROR_UNREACHABLE, "away"));
    CHECK_INT(changes.challenges[0].state, CHALLENGE_REMOVING);
    take();
    record(step_at(ACTION_REMOVE, 0), done());
    CHECK_INT(changes.challenges[0].state, CHALLENGE_GONE);
}

/* A record that two names need goes with the last of them. Here no account is there that could take it away. */
static void a_record_that_serves_another_name_stays(void)
{
    static const struct {
        enum challenge_state other;
        const char *value, *account;
        bool stays;
    } rows[] = {{CHALLENGE_SEEN, "same", "gone", true},     {CHALLENGE_PRESENTING, "same", "gone", true},
                {CHALLENGE_REMOVING, "same", "gone", true}, {CHALLENGE_GONE, "same", "gone", false},
                {CHALLENGE_PENDING, "same", "gone", false},
                {CHALLENGE_SEEN, "other", "gone", false},   {CHALLENGE_SEEN, "same", "another", false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin(MADE_CERTIFICATE("  dnsNames: [shop.example.com, www.shop.example.com]\n  order: {product: positivemdcssl}\n"));
        made_placed(&made);
        made_challenges(&made, CHALLENGE_REMOVING);
        CHECK_INT(made.view.challenge_count, 2);
        made.view.challenges[1].state = rows[i].other; /* pending, and made before: it vanished */
        made.view.challenges[1].record_name = made.view.challenges[0].record_name;
        made.view.challenges[0].record_value = "same";
        made.view.challenges[1].record_value = rows[i].value;
        made.view.challenges[0].account = "gone";
        made.view.challenges[1].account = rows[i].account;
        struct context ctx = {.arena = arena, .config = made.view.config};
        struct outcome out = {0};
        struct error err = {0};
        struct step step = step_at(ACTION_REMOVE, 0);
        CHECK_INT(certificate_action(ACTION_REMOVE)->act(&ctx, &made.view, &step, &out, &err), rows[i].stays);
    }
}

/* ---- FETCH ---- */

static void delivered_certificate_becomes_a_revision(void)
{
    begin(ONE);
    made_placed(&made);
    struct outcome outcome = done();
    outcome.delivered = true;
    outcome.key_id = "k1";
    outcome.bundle = (struct x509_bundle){.leaf = "LEAF", .chain = "CHAIN",
        .info = {.fingerprint = "f9", .serial = "0a", .issuer_cn = "CA", .subject_cn = "shop.example.com",
                 .not_before = made.view.now - 60, .not_after = made.view.now + 86400 * 100}};
    record(step_of(ACTION_FETCH), outcome);
    CHECK(changes.order->fetched);
    CHECK_INT(changes.revision->number, 1);
    CHECK_TEXT(changes.revision->fingerprint, "f9");
    CHECK_TEXT(changes.revision->key_id, "k1");
    CHECK_INT(changes.certificate->revision, 1);
    CHECK_INT(changes.blob_count, 2);
    CHECK_TEXT(changes.blobs[0].key, "cert/f9");
    CHECK_TEXT(changes.audit, "certificate.issued");
}

static void certificate_of_a_former_attempt_keeps_that_attempts_key(void)
{
    begin(ONE);
    made_placed(&made);
    made.order->key_id = "k2";
    struct outcome outcome = done();
    outcome.delivered = true;
    outcome.key_id = "k1";
    outcome.bundle = (struct x509_bundle){.leaf = "LEAF",
                                          .chain = "CHAIN",
                                          .info = {.fingerprint = "f9",
                                                   .serial = "0a",
                                                   .issuer_cn = "CA",
                                                   .subject_cn = "shop.example.com",
                                                   .not_after = 1}};
    record(step_of(ACTION_FETCH), outcome);
    CHECK_TEXT(changes.order->key_id, "k1");
    CHECK_TEXT(changes.revision->key_id, "k1");
}

static void nothing_delivered_is_asked_for_again(void)
{
    begin(ONE);
    made_placed(&made);
    made.order->phase = VENDOR_ACTIVE;
    for (int i = 0; i < 20; i++) {
        record(step_of(ACTION_FETCH), done());
        CHECK(!changes.order->fetched && changes.revision == NULL);
        int64_t wait = changes.order->poll_at - made.view.now;
        CHECK(wait >= 5 && wait <= 60);
        take();
    }
}

static void certificate_that_is_not_accepted_is_told_and_not_kept(void)
{
    begin(ONE);
    made_placed(&made);
    record(step_of(ACTION_FETCH), failed(ERROR_REFUSED, "it names evil.example.com"));
    CHECK(!changes.order->fetched && changes.revision == NULL && changes.blob_count == 0);
    CHECK_TEXT(changes.event_reason, "CertificateNotAccepted");
    CHECK_TEXT(changes.certificate->error, "it names evil.example.com");
}

/* ---- RESEND ---- */

static void mail_is_sent_again_once_an_hour_and_five_times(void)
{
    begin(MAIL);
    made_placed(&made);
    int sent = 0;
    for (int hour = 0; hour < 10; hour++) {
        if (certificate_resend_refusal(&made.view, arena) == NULL) {
            CHECK(prepare(step_of(ACTION_RESEND)));
            CHECK_TEXT(changes.audit, "order.resend");
            take();
            sent++;
            CHECK(certificate_resend_refusal(&made.view, arena) != NULL);
            CHECK(!prepare(step_of(ACTION_RESEND)));
        }
        made.view.now += 3600;
    }
    CHECK_INT(sent, 5);
}

static void it_is_said_how_sending_again_went(void)
{
    begin(MAIL);
    made_placed(&made);
    record(step_of(ACTION_RESEND), done());
    CHECK_TEXT(changes.event_reason, "Resent");
    CHECK(strstr(changes.event_message, "1000001") != NULL);
    record(step_of(ACTION_RESEND), failed(ERROR_THROTTLED, "too often"));
    CHECK_TEXT(changes.event_reason, "ResendFailed");
    CHECK_TEXT(changes.event_message, "too often");
    made.order->fetched = true;
    CHECK(certificate_resend_refusal(&made.view, arena) != NULL);
    made.order->fetched = false;
    made.order->state = ORDER_DEAD;
    CHECK(certificate_resend_refusal(&made.view, arena) != NULL);
}

static void nothing_outstanding_nothing_is_sent_again(void)
{
    begin(ONE);
    made_placed(&made);
    CHECK(certificate_resend_refusal(&made.view, arena) != NULL);
    begin(MAIL);
    CHECK(certificate_resend_refusal(&made.view, arena) != NULL);
    made_placed(&made);
    made.view.challenges[0].validated = true;
    CHECK(certificate_resend_refusal(&made.view, arena) != NULL);
}

int main(void)
{
    arena = arena_create();
    RUN(intent_of_a_challenge_says_by_whom);
    RUN(made_challenge_is_looked_at_at_once);
    RUN(place_of_an_alias_is_journalled_before_anything_is_written);
    RUN(failed_challenge_keeps_its_own_failures);
    RUN(seen_challenge_is_seen);
    RUN(unseen_challenge_is_put_back_five_times_and_then_told);
    RUN(manual_challenge_is_never_put_back);
    RUN(removal_is_an_intent_too);
    RUN(a_record_that_serves_another_name_stays);
    RUN(delivered_certificate_becomes_a_revision);
    RUN(certificate_of_a_former_attempt_keeps_that_attempts_key);
    RUN(nothing_delivered_is_asked_for_again);
    RUN(certificate_that_is_not_accepted_is_told_and_not_kept);
    RUN(mail_is_sent_again_once_an_hour_and_five_times);
    RUN(it_is_said_how_sending_again_went);
    RUN(nothing_outstanding_nothing_is_sent_again);
    arena_destroy(arena);
    return CHECK_REPORT();
}
