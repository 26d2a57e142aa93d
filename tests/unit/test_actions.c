/* Asking the vendor, forgetting, failing, waiting: the prepare and record parts, pure. */
#include "actions_check.h"

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

/* sslstore-api.md 17.2: by DNS and by e-mail the authority may look at a parent. */
static void a_proof_of_a_parent_is_taken_where_it_counts(void)
{
#define BY_RECORD(domain_, name) {.domain = domain_, .record_name = name, .record_type = "CNAME", .record_value = "x.example.net"}
    static const struct {
        const char *method;
        struct vendor_challenge proofs[3];
        const char *taken;
    } rows[] = {
        {"DNS", {BY_RECORD("example.com", "_p.example.com")}, "_p.example.com"},
        {"DNS", {BY_RECORD("example.com", "_p.example.com"), BY_RECORD("b.example.com", "_b.example.com")}, "_b.example.com"},
        {"DNS", {BY_RECORD("b.example.com", "_b.example.com"), BY_RECORD("example.com", "_p.example.com")}, "_b.example.com"},
        {"DNS", {BY_RECORD("example.com", "_p.example.com"), BY_RECORD("a.b.example.com", "_a.example.com")}, "_a.example.com"},
        {"DNS", {BY_RECORD("ample.com", "_p.ample.com"), BY_RECORD("x.a.b.example.com", "_x.example.com")}, ""},
        {"DNS", {BY_RECORD("", "_e.example.com")}, ""},
        {"DNS", {{.domain = "example.com", .file_name = "p.txt", .file_content = "p"}}, ""},
        {"DNS", {{.domain = "example.com", .method = "HTTP_CSR_HASH"}}, ""},
        {"HTTP", {{.domain = "example.com", .file_name = "p.txt", .file_content = "p"}}, ""},
        {"Email", {{.domain = "example.com", .method = "EMAIL"}}, "mail"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct vendor_challenge proofs[3];
        memcpy(proofs, rows[i].proofs, sizeof proofs);
        size_t count = 0;
        for (; count < 3 && proofs[count].domain != NULL; count++)
            proofs[count].validated = true;
        char manifest[512];
        snprintf(manifest, sizeof manifest, MADE_CERTIFICATE("  dnsNames: [a.b.example.com]\n  order: {product: positivessl}\n"
                                                             "  dcv: {method: %s}\n  targets: [{name: web}]\n"), rows[i].method);
        begin(manifest);
        made_placed(&made);
        made.view.challenge_count = 0;
        poll((struct vendor_order){.phase = VENDOR_PENDING, .challenges = proofs, .challenge_count = count});
        CHECK_INT(changes.challenges[0].validated, rows[i].taken[0] != '\0');
        CHECK_TEXT(changes.challenges[0].record_name, strcmp(rows[i].taken, "mail") != 0 ? rows[i].taken : "");
        CHECK_TEXT(changes.challenges[0].file_name, "");
        CHECK_TEXT(changes.challenges[0].domain, "a.b.example.com");
    }
}

/* The first answer may tell the order's own proof only, a later one may leave a name out (sslstore-api.md 11.1). */
static void a_parents_proof_does_not_take_the_place_of_a_names_own(void)
{
    struct vendor_challenge parents = BY_RECORD("example.com", "_p.example.com"), own = BY_RECORD("www.example.com", "_w.www.example.com");
    static const enum challenge_state states[] = {CHALLENGE_PENDING, CHALLENGE_PRESENTED, CHALLENGE_SEEN, CHALLENGE_GONE};
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        begin(MADE_CERTIFICATE("  dnsNames: [www.example.com]\n  order: {product: positivessl}\n"));
        made_placed(&made);
        made_challenges(&made, states[i]);
        made.view.challenges[0].record_name = own.record_name;
        made.view.challenges[0].record_value = own.record_value;
        made.view.challenges[0].validated = true;
        poll((struct vendor_order){.phase = VENDOR_PENDING, .challenges = &parents, .challenge_count = 1});
        CHECK_TEXT(changes.challenges[0].record_name, own.record_name);
        CHECK(text_empty(changes.challenges[0].next_record_name));
        CHECK(changes.challenges[0].validated);
        made.view.challenges[0].record_name = parents.record_name; /* taken before its own was told */
        poll((struct vendor_order){.phase = VENDOR_PENDING, .challenges = &own, .challenge_count = 1});
        bool made_yet = states[i] == CHALLENGE_PRESENTED || states[i] == CHALLENGE_SEEN;
        CHECK_TEXT(made_yet ? changes.challenges[0].next_record_name : changes.challenges[0].record_name, own.record_name);
    }
}

/* Any part of a proof that is another one makes it another proof. */
static void each_part_of_a_proof_counts(void)
{
    static const struct {
        bool file;
        const char *name, *type, *value;
        bool other;
    } rows[] = {
        {false, "_0.shop.example.com", "CNAME", "proof.example.net", false},
        {false, "_1.shop.example.com", "CNAME", "proof.example.net", true},
        {false, "_0.shop.example.com", "TXT", "proof.example.net", true},
        {false, "_0.shop.example.com", "CNAME", "other.example.net", true},
        {true, "PROOF.txt", NULL, "proof", false},
        {true, "OTHER.txt", NULL, "proof", true},
        {true, "PROOF.txt", NULL, "other", true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct vendor_challenge proof = {.domain = "shop.example.com"};
        *(rows[i].file ? &proof.file_name : &proof.record_name) = rows[i].name;
        *(rows[i].file ? &proof.file_content : &proof.record_value) = rows[i].value;
        proof.record_type = rows[i].type;
        begin(rows[i].file ? MADE_CERTIFICATE(SHOP "  dcv: {method: HTTP}\n  targets: [{name: web}]\n") : ONE);
        made_placed(&made);
        made_challenges(&made, CHALLENGE_SEEN);
        poll((struct vendor_order){.phase = VENDOR_PENDING, .challenges = &proof, .challenge_count = 1});
        const struct challenge_record *c = &changes.challenges[0];
        const char *next = rows[i].file ? c->next_file_content : c->next_record_value;
        CHECK_TEXT(next, rows[i].other ? rows[i].value : "");
        take();
        CHECK_INT(certificate_decide(&made.view, arena).action == ACTION_REMOVE, rows[i].other);
    }
}

/* An organization is vetted by people: after the first hours twice an hour is enough. */
static void vetting_is_asked_about_seldom(void)
{
    static const struct endpoint live = {.name = "Live", .url = "https://127.0.0.1:1/rest/"};
    for (int sandbox = 0; sandbox < 2; sandbox++) {
        begin(ONE);
        made_placed(&made);
        if (!sandbox)
            made.view.account.endpoint = &live;
        for (size_t i = 0; made.view.product->level == LEVEL_DV; i++)
            made.view.product = product_at(i);
        for (int i = 0; i < 12; i++) {
            poll((struct vendor_order){.phase = VENDOR_PENDING, .major_status = "Pending"});
            take();
        }
        CHECK_INT(made.order->poll_at - made.view.now, sandbox ? 30 : 1800);
    }
}

static void what_was_fetched_is_not_dead(void)
{
    begin(ONE);
    made_issued(&made);
    poll((struct vendor_order){.phase = VENDOR_EXPIRED, .major_status = "Expired"});
    CHECK_INT(changes.order->state, ORDER_PLACED);
    made.view.want = NULL; /* nor does a manifest that went want challenges */
    poll((struct vendor_order){.phase = VENDOR_PENDING, .major_status = "Pending"});
    CHECK_INT(changes.challenge_count, 0);
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
    RUN(a_proof_of_a_parent_is_taken_where_it_counts);
    RUN(a_parents_proof_does_not_take_the_place_of_a_names_own);
    RUN(each_part_of_a_proof_counts);
    RUN(vetting_is_asked_about_seldom);
    RUN(what_was_fetched_is_not_dead);
    RUN(forgetting_touches_nothing_but_the_record);
    RUN(failures_of_one_step_are_counted_and_end_with_its_success);
    RUN(backoff_grows_to_its_bound_with_jitter);
    RUN(far_sides_own_time_is_kept);
    arena_destroy(arena);
    return CHECK_REPORT();
}
