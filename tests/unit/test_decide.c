/* The decision until an order is placed, and beside a life: bought, held, refused, suspended, gone. */
#include "decide_check.h"

/* ---- buying ---- */

static void first_step_is_to_prepare_an_order_with_its_price(void)
{
    begin(ONE);
    expect(ACTION_PREPARE, "Ordering");
    struct step step = decide();
    CHECK_INT(step.verb, VERB_ORDER);
    CHECK_TEXT(step.subject, "positivessl");
    CHECK_INT(step.cost_cents, 750);
    CHECK_TEXT(step.currency, "USD");
    CHECK(says(step.detail, "PositiveSSL, 12 months, 1 name"));
    CHECK(says(step.effects, "199 days"));
    CHECK_INT(step.due, 0);
}

static void a_step_outlives_the_price_list(void)
{
    char currency[] = "USD";
    begin(ONE);
    for (size_t i = 0; i < made.prices.count; i++)
        made.prices.items[i].currency = currency;
    struct step step = decide();
    CHECK_INT(step.action, ACTION_PREPARE);
    memcpy(currency, "---", 3); /* the account is asked anew while the order is prepared */
    CHECK_TEXT(step.currency, "USD");
}

static void price_counts_further_names(void)
{
    begin(TWO);
    CHECK_INT(decide().cost_cents, 950);
}

static void bad_clock_buys_nothing(void)
{
    begin(ONE)->clock_words = "the clock says 1970";
    expect(ACTION_BLOCKED, "ClockNotSane");
}

static void a_clock_that_was_ahead_is_released_by_a_person(void)
{
    struct certificate_view *v = begin(ONE);
    v->clock_words = "an hour behind what was recorded";
    v->clock_release = "0123456789ab";
    expect(ACTION_BLOCKED, "ClockNotSane");
    CHECK_TEXT(decide().command, "certwright confirm 0123456789ab");
}

static void a_price_that_is_not_told_buys_nothing(void)
{
    begin(ONE);
    struct price *items = arena_array(arena, 2, sizeof *items);
    items[0] = (struct price){.product = "positivessl", .months = 24, .currency = "USD"};
    items[1] = (struct price){.product = "positivessl", .months = 12, .price_cents = -1, .currency = "USD"}; /* on request */
    made.prices = (struct price_list){.items = items, .count = 2};
    expect(ACTION_BLOCKED, "PriceUnknown");
}

static void a_store_that_was_brought_back_buys_nothing(void)
{
    struct certificate_view *v = begin(ONE);
    v->reconcile_words = "the store was lost";
    v->reconcile_digest = "0123456789ab";
    expect(ACTION_BLOCKED, "ReconcileOnly");
    CHECK(says(decide().command, "certwright confirm 0123456789ab"));
    v->account.checked = false; /* the vendor's list comes first */
    expect(ACTION_WAIT_ACCOUNT, "WaitingForAccount");
}

static void without_room_nothing_new_is_begun(void)
{
    begin(ONE)->room_words = "the disk of /x has 3 MiB left";
    expect(ACTION_BLOCKED, "NoRoom");
    CHECK(says(decide().reason, "3 MiB left"));
}

static void same_names_under_another_name_buy_nothing(void)
{
    begin(ONE)->duplicate_of = "certificate/other";
    expect(ACTION_BLOCKED, "DuplicateNeed");
    CHECK(says(decide().reason, "certificate/other"));
}

static void unchecked_account_is_waited_for(void)
{
    begin(ONE)->account.checked = false;
    expect(ACTION_WAIT_ACCOUNT, "WaitingForAccount");
    struct issuer_record record = {.error = "the token is not accepted"};
    made.view.account.record = &record;
    expect(ACTION_WAIT_ACCOUNT, "WaitingForAccount");
    CHECK(says(decide().reason, "the token is not accepted"));
    record.error = "";
    CHECK(says(decide().reason, "is being checked"));
}

static void foreign_order_buys_nothing(void)
{
    struct vendor_order order = {
        .vendor_order_id = "777", .product = "positivessl", .major_status = "Active"};
    begin(ONE)->foreign = &order;
    expect(ACTION_BLOCKED, "ForeignOrder");
    CHECK(says(decide().reason, "777"));
}

static void product_not_in_the_list_buys_nothing(void)
{
    begin(ONE);
    made.prices.count = 0;
    expect(ACTION_BLOCKED, "ProductNotSold");
}

static void term_not_in_the_list_buys_nothing(void)
{
    begin(ONE);
    for (size_t i = 0; i < made.prices.count; i++)
        made.prices.items[i].months = 24;
    expect(ACTION_BLOCKED, "TermNotSold");
    CHECK(says(decide().reason, "24"));
}

static void every_term_that_is_sold_is_named(void)
{
    begin(ONE);
    struct price another = made.prices.items[0];
    *arena_push(arena, &made.prices.items, made.prices.count) = another;
    for (size_t i = 0; i < made.prices.count; i++) {
        made.prices.items[i].months = i + 1 < made.prices.count ? 24 : 36;
        if (i + 1 == made.prices.count)
            made.prices.items[i].product = made.view.product->code;
    }
    expect(ACTION_BLOCKED, "TermNotSold");
    CHECK(says(decide().reason, "24, 36"));
}

static void one_month_is_said_as_one(void)
{
    begin(MADE_CERTIFICATE("  dnsNames: [shop.example.com]\n  order: {product: positivessl, term: 1mo}\n"));
    for (size_t i = 0; i < made.prices.count; i++)
        made.prices.items[i].months = 1;
    expect(ACTION_PREPARE, "Ordering");
    CHECK(says(decide().detail, "1 month,"));
}

static void spending_closed_buys_nothing_and_says_how_to_open_it(void)
{
    begin(ONE)->account.spending_open = false;
    expect(ACTION_BLOCKED, "SpendingClosed");
    CHECK(says(decide().human, "spending:"));
    CHECK(says(decide().human, "issuer: main"));
    CHECK(says(decide().human, "USD"));
    made.view.account.prices = NULL; /* plan --offline */
    expect(ACTION_BLOCKED, "SpendingClosed");
}

static void budget_spent_buys_nothing(void)
{
    begin(ONE)->account.within_budget = false;
    made.view.account.budget_words = "40 of 40 orders are spent in 2026-11";
    expect(ACTION_BLOCKED, "BudgetExceeded");
    CHECK(says(decide().reason, "40 of 40"));
}

static void many_purchases_at_once_are_held_with_their_price(void)
{
    begin(ONE)->purchase_hold = "0123456789ab";
    expect(ACTION_BLOCKED, "MassPurchase");
    CHECK_INT(certificate_decide(&made.view, arena).cost_cents, 750);
    struct step step = decide();
    CHECK(says(step.command, "certwright confirm 0123456789ab"));
    CHECK(says(step.detail, "7.50 USD"));
}

/* Whatever guard speaks first, several at once never add up to a purchase. */
static void no_set_of_closed_guards_buys(void)
{
    struct vendor_order foreign = {
        .vendor_order_id = "777", .product = "positivessl", .major_status = "Active"};
    for (unsigned set = 1; set < 256; set++) {
        struct certificate_view *view = begin(ONE);
        if (set & 1)
            view->clock_words = "wrong";
        if (set & 2)
            view->duplicate_of = "certificate/other";
        if (set & 4)
            view->account.checked = false;
        if (set & 8)
            view->foreign = &foreign;
        if (set & 16)
            made.prices.count = 0;
        if (set & 32)
            view->account.spending_open = false;
        if (set & 64)
            view->account.within_budget = false, view->account.budget_words = "spent";
        if (set & 128)
            view->purchase_hold = "0123456789ab";
        struct step step = decide();
        CHECK(step.action == ACTION_BLOCKED || step.action == ACTION_WAIT_ACCOUNT);
    }
}

/* ---- the order ---- */

static void prepared_order_is_sent(void)
{
    begin(ONE);
    made_order(&made, ORDER_PREPARED);
    expect(ACTION_SUBMIT, "Ordering");
    CHECK_INT(decide().cost_cents, 750);
}

static void prepared_order_is_not_sent_past_a_guard(void)
{
    struct vendor_order foreign = {
        .vendor_order_id = "777", .product = "positivessl", .major_status = "Active"};
    begin(ONE);
    made_order(&made, ORDER_PREPARED);
    made.view.clock_words = "wrong";
    expect(ACTION_BLOCKED, "ClockNotSane");
    made.view.clock_words = NULL;
    made.view.duplicate_of = "certificate/other";
    expect(ACTION_BLOCKED, "DuplicateNeed");
    made.view.duplicate_of = NULL;
    made.view.foreign = &foreign;
    expect(ACTION_BLOCKED, "ForeignOrder");
    made.view.foreign = NULL;
    made.view.account.checked = false;
    expect(ACTION_WAIT_ACCOUNT, "WaitingForAccount");
    made.view.account.checked = true;
    made.view.account.spending_open = false;
    expect(ACTION_BLOCKED, "SpendingClosed");
}

static void prepared_order_has_its_budget_already(void)
{
    begin(ONE);
    made_order(&made, ORDER_PREPARED);
    made.view.account.within_budget = false;
    made.view.account.budget_words = "spent";
    made.view.purchase_hold = "0123456789ab";
    expect(ACTION_SUBMIT, "Ordering");
    made.view.account.within_budget = true;
    expect(ACTION_SUBMIT, "Ordering");
}

static void dearer_order_than_was_prepared_needs_budget_again(void)
{
    begin(ONE);
    made_order(&made, ORDER_PREPARED);
    made.order->price_cents = 500; /* the list was cheaper then */
    expect(ACTION_PREPARE, "Ordering");
    CHECK_INT(decide().cost_cents, 750);
    made.view.account.within_budget = false;
    made.view.account.budget_words = "spent";
    expect(ACTION_BLOCKED, "BudgetExceeded");
}

static void prepared_order_that_goes_to_another_issuer_needs_its_budget(void)
{
    begin(ONE);
    made_order(&made, ORDER_PREPARED);
    made.order->issuer = "former";
    made.order->relevant_digest = "of the former issuer";
    expect(ACTION_PREPARE, "Ordering");
    made.view.account.within_budget = false;
    made.view.account.budget_words = "spent";
    expect(ACTION_BLOCKED, "BudgetExceeded");
}

/* What was counted in October is not counted in November: it is sent as it was prepared, and not prepared anew. */
static void order_prepared_in_another_period_needs_its_budget_when_it_is_prepared_anew(void)
{
    for (int what = 0; what < 6; what++) {
        begin(ONE);
        made_order(&made, ORDER_PREPARED);
        made.view.account.budget_period = "2026-11";
        made.order->budget_period = what < 3 ? "2026-10" : "2026-11";
        *(what % 3 == 1   ? &made.order->relevant_digest
          : what % 3 == 2 ? &made.order->partner_code
                          : &made.order->refused_text) = "other";
        made.view.account.within_budget = false;
        made.view.account.budget_words = "spent";
        if (what % 3 == 0)
            expect(ACTION_SUBMIT, "Ordering");
        else if (what < 3)
            expect(ACTION_BLOCKED, "BudgetExceeded");
        else
            expect(ACTION_PREPARE, "Ordering");
    }
}

/* What was counted where orders cost nothing is not counted where they cost money. */
static void prepared_order_that_goes_to_another_endpoint_needs_its_budget(void)
{
    begin(ONE);
    made_order(&made, ORDER_PREPARED);
    made.order->endpoint = "https://127.0.0.1:2/rest/";
    made.view.account.within_budget = false;
    made.view.account.budget_words = "spent";
    expect(ACTION_BLOCKED, "BudgetExceeded");
}

static void edit_before_sending_prepares_anew(void)
{
    begin(ONE);
    made_order(&made, ORDER_PREPARED);
    made.order->relevant_digest = "of other names";
    expect(ACTION_PREPARE, "Ordering");
}

static void prepared_order_is_sent_where_its_record_says(void)
{
    begin(ONE);
    made_order(&made, ORDER_PREPARED);
    made.order->endpoint = "https://127.0.0.1:2/rest/"; /* of the issuer before an edit */
    expect(ACTION_PREPARE, "Ordering");
    made.order->endpoint = made.view.account.endpoint->url;
    expect(ACTION_SUBMIT, "Ordering");
}

static void further_attempt_asks_the_vendor_first(void)
{
    begin(ONE);
    made_order(&made, ORDER_PREPARED);
    made.order->attempt = 2;
    expect(ACTION_LOOK_UP, "LookingUp");
    made.order->looked_up = true;
    expect(ACTION_SUBMIT, "Ordering");
}

static void unknown_order_is_looked_up_and_nothing_else(void)
{
    static const enum order_state states[] = {ORDER_UNKNOWN, ORDER_SUBMITTING};
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        begin(ONE);
        made_order(&made, states[i]);
        expect(ACTION_LOOK_UP, "OrderUnknown");
        made.order->lookup_at = made.view.now - 30;
        expect(ACTION_WAIT, "OrderUnknown");
        CHECK_INT(decide().due, made.view.now + 30);
        made.order->lookup_at = made.view.now - 60;
        expect(ACTION_LOOK_UP, "OrderUnknown");
    }
}

/* Whatever else is said: an open order is looked up, also when suspended, invalid, edited or gone. */
static void unknown_order_never_leads_to_a_purchase(void)
{
    for (unsigned set = 0; set < 64; set++) {
        struct certificate_view *view = begin(set & 1 ? MADE_CERTIFICATE(SHOP "  suspend: true\n") : ONE);
        made_order(&made, set & 2 ? ORDER_UNKNOWN : ORDER_SUBMITTING);
        made.order->attempt = set & 4 ? 3 : 1;
        if (set & 8)
            made.order->relevant_digest = "other";
        if (set & 16)
            view->invalid = true, view->invalid_words = "wrong";
        if (set & 32)
            view->want = NULL;
        CHECK_INT(decide().action, ACTION_LOOK_UP);
    }
}

/* Deleted or renamed: nobody can be asked, and no other account is. */
static void open_order_whose_issuer_went_waits_for_it(void)
{
    for (unsigned set = 0; set < 8; set++) {
        struct certificate_view *view = begin(ONE);
        made_order(&made, set & 1 ? ORDER_UNKNOWN : ORDER_SUBMITTING);
        view->order_issuer = NULL;
        if (set & 2)
            view->invalid = true, view->invalid_words = "no issuer";
        if (set & 4)
            view->want = NULL;
        expect(ACTION_BLOCKED, "IssuerGone");
        CHECK(says(decide().reason, "issuer/main (partner 1 at https://127.0.0.1:1/rest/)"));
        CHECK(says(decide().human, "issuer/main"));
    }
}

/* Its partner code was edited while the order is open: what was paid for can be fetched only there. */
static void placed_order_whose_issuer_went_waits_for_it(void)
{
    struct certificate_view *view = begin(ONE);
    made_order(&made, ORDER_PLACED);
    CHECK(!text_equal(decide().code, "IssuerGone"));
    view->order_issuer = NULL;
    expect(ACTION_BLOCKED, "IssuerGone");
}

/* Its account is not the one that the manifest leads to now. */
static void move_to_another_account(int what)
{
    made_order(&made, made.order->state);
    *(what == 0   ? &made.order->issuer
      : what == 1 ? &made.order->endpoint
                  : &made.order->partner_code) = "other";
}

static void order_that_was_not_sent_is_prepared_anew_for_another_account(void)
{
    for (int what = 0; what < 3; what++) {
        begin(ONE);
        made_order(&made, ORDER_PREPARED);
        expect(ACTION_SUBMIT, "Ordering");
        move_to_another_account(what);
        expect(ACTION_PREPARE, "Ordering");
    }
}

static void released_order_leaves_its_account_only_when_that_was_asked_again(void)
{
    for (int what = 0; what < 6; what++) {
        struct certificate_view *view = begin(ONE);
        made_order(&made, what < 3 ? ORDER_REFUSED : ORDER_PREPARED);
        move_to_another_account(what % 3);
        made.order->attempt = what < 3 ? 1 : 2;
        made.order->relevant_digest = "";
        expect(ACTION_PREPARE, "Ordering"); /* refused in so many words: it is not there */
        made.order->answer_lost = true;
        expect(ACTION_LOOK_UP, "LookingUp");
        CHECK(says(decide().reason, made.order->issuer));
        view->account.within_budget = what >= 3;
        view->account.budget_words = "spent";
        expect(what < 3 ? ACTION_BLOCKED : ACTION_LOOK_UP, what < 3 ? "BudgetExceeded" : "LookingUp");
        view->account.within_budget = true;
        view->order_issuer = NULL;
        expect(ACTION_BLOCKED, "IssuerGone");
    }
}

static void held_order_waits_for_a_person(void)
{
    begin(ONE);
    made_order(&made, ORDER_HELD);
    made.order->held_reason = "the vendor does not know of it";
    expect(ACTION_BLOCKED, "OrderHeld");
    CHECK_TEXT(decide().command, "certwright release certificate/shop");
    CHECK(says(decide().human, made.order->custom_order_id) && says(decide().human, "in the account of issuer/main"));
    made.order->relevant_digest = "other"; /* an edit does not release it */
    expect(ACTION_BLOCKED, "OrderHeld");
}

static void refused_order_waits_for_a_change(void)
{
    begin(ONE);
    made_order(&made, ORDER_REFUSED);
    made.order->refused_text = "Country is not valid";
    expect(ACTION_BLOCKED, "OrderRefused");
    CHECK(says(decide().reason, "Country is not valid"));
    CHECK_TEXT(decide().command, "certwright release certificate/shop");
}

static void refused_order_is_prepared_anew_after_a_change_past_every_guard(void)
{
    begin(ONE);
    made_order(&made, ORDER_REFUSED);
    made.order->relevant_digest = "other";
    expect(ACTION_PREPARE, "Ordering");
    made.view.account.within_budget = false;
    made.view.account.budget_words = "spent";
    expect(ACTION_BLOCKED, "BudgetExceeded");
    made.view.account.within_budget = true;
    made.view.duplicate_of = "certificate/other";
    expect(ACTION_BLOCKED, "DuplicateNeed");
}

static void dead_order_is_not_bought_again(void)
{
    begin(ONE);
    made_placed(&made);
    made.order->state = ORDER_DEAD;
    made.order->major_status = "Cancelled";
    expect(ACTION_BLOCKED, "OrderDead");
    made.order->relevant_digest = "other";
    expect(ACTION_BLOCKED, "OrderDead");
}

/* ---- suspended, invalid, gone ---- */

static void suspended_certificate_is_left_alone(void)
{
    begin(MADE_CERTIFICATE(SHOP "  suspend: true\n"));
    expect(ACTION_BLOCKED, "Suspended");
    made_placed(&made);
    expect(ACTION_BLOCKED, "Suspended");
}

static void invalid_manifest_changes_nothing(void)
{
    begin(ONE);
    made.view.invalid = true;
    made.view.invalid_words = "the product is not known";
    expect(ACTION_BLOCKED, "Invalid");
    made_settled(&made);
    expect(ACTION_BLOCKED, "Invalid");
    CHECK(says(decide().reason, "the product is not known"));
}

static void gone_manifest_is_forgotten_once(void)
{
    static const enum order_state states[] = {ORDER_PREPARED, ORDER_HELD, ORDER_REFUSED, ORDER_DEAD,
                                              ORDER_PLACED};
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        begin(ONE);
        made_order(&made, states[i]);
        made.view.want = NULL;
        expect(ACTION_FORGET, "Forgotten");
        CHECK_INT(decide().verb, VERB_FORGET);
        made.view.record.forgotten = true;
        expect(ACTION_REST, "Forgotten");
        CHECK_INT(decide().due, 0);
    }
}

static void gone_manifest_takes_its_proof_away_first(void)
{
    begin(ONE);
    made_placed(&made);
    made_challenges(&made, CHALLENGE_PRESENTING);
    made.view.want = NULL;
    expect(ACTION_REMOVE, "CleaningUp");
    made_challenges(&made, CHALLENGE_GONE);
    expect(ACTION_FORGET, "Forgotten");
}

static void gone_manifest_never_destroys(void)
{
    for (int state = ORDER_PREPARED; state <= ORDER_DEAD; state++)
        for (int challenge = CHALLENGE_PENDING; challenge <= CHALLENGE_GONE; challenge++) {
            begin(ONE);
            made_issued(&made);
            made.order->state = (enum order_state)state;
            made_challenges(&made, (enum challenge_state)challenge);
            made.view.want = NULL;
            struct step step = decide();
            CHECK(step.action == ACTION_LOOK_UP || step.action == ACTION_REMOVE ||
                  step.action == ACTION_FORGET);
        }
}

/* ---- retry times ---- */

static void step_that_failed_waits_and_no_other(void)
{
    begin(ONE);
    made.view.record.retry_at = made.view.now + 7;
    made.view.record.error = "the secret is missing";
    made.view.record.error_step = "prepare";
    expect(ACTION_WAIT, "Retrying");
    CHECK_INT(decide().due, made.view.now + 7);
    CHECK(says(decide().reason, "the secret is missing"));
    made.view.record.error_step = "submit";
    expect(ACTION_PREPARE, "Ordering");
    made.view.record.error_step = "prepare";
    made.view.now += 7;
    expect(ACTION_PREPARE, "Ordering");
}

static void edit_ends_the_waiting(void)
{
    begin(ONE);
    made.view.record.retry_at = made.view.now + 7;
    made.view.record.error = "the organization is missing";
    made.view.record.error_step = "prepare";
    made.view.record.spec_digest = "of the manifest before";
    expect(ACTION_PREPARE, "Ordering");
}

static void retry_time_is_no_way_around_a_guard(void)
{
    begin(ONE);
    made.view.record.retry_at = made.view.now + 7;
    made.view.record.error = "failed";
    made.view.record.error_step = "prepare";
    made.view.clock_words = "wrong";
    expect(ACTION_BLOCKED, "ClockNotSane");
}

static void challenge_keeps_its_own_retry_time(void)
{
    begin(ONE);
    made_placed(&made);
    made.view.record.retry_at = made.view.now + 1000;
    made.view.record.error = "failed";
    made.view.record.error_step = "present";
    expect(ACTION_PRESENT, "Validating");
}

/* A time written under a clock that ran far ahead is no reason to wait for years once the clock is right
 * again. */
static void times_of_a_wrong_clock_do_not_last(void)
{
    const int64_t far = 400 * 86400;
    begin(ONE);
    made.view.record.retry_at = made.view.now + far;
    made.view.record.error = "failed";
    made.view.record.error_step = "prepare";
    expect(ACTION_PREPARE, "Ordering");

    begin(ONE);
    made_order(&made, ORDER_UNKNOWN);
    made.order->lookup_at = made.view.now + far;
    expect(ACTION_LOOK_UP, "OrderUnknown");

    begin(ONE);
    made_placed(&made);
    made.view.challenges[0].retry_at = made.view.now + far;
    expect(ACTION_PRESENT, "Validating");
    made_challenges(&made, CHALLENGE_PRESENTED);
    made.view.challenges[0].retry_at = 0;
    made.view.challenges[0].checked_at = made.view.now + far;
    expect(ACTION_CHECK, "Propagating");
    made_challenges(&made, CHALLENGE_SEEN);
    made.order->polled_at = made.order->poll_at = made.view.now + far;
    expect(ACTION_POLL, "AwaitingVendor");
    made.order->phase = VENDOR_ACTIVE;
    expect(ACTION_FETCH, "Issuing");

    begin(ONE);
    made_issued(&made);
    made_challenges(&made, CHALLENGE_SEEN);
    made.view.challenges[0].retry_at = made.view.now + far;
    expect(ACTION_REMOVE, "CleaningUp");
    made_challenges(&made, CHALLENGE_GONE);
    made.view.rollouts[0].retry_at = made.view.now + far;
    expect(ACTION_STAGE, "Deploying");
}

int main(void)
{
    arena = arena_create();
    RUN(first_step_is_to_prepare_an_order_with_its_price);
    RUN(a_step_outlives_the_price_list);
    RUN(price_counts_further_names);
    RUN(bad_clock_buys_nothing);
    RUN(a_clock_that_was_ahead_is_released_by_a_person);
    RUN(a_price_that_is_not_told_buys_nothing);
    RUN(a_store_that_was_brought_back_buys_nothing);
    RUN(without_room_nothing_new_is_begun);
    RUN(same_names_under_another_name_buy_nothing);
    RUN(unchecked_account_is_waited_for);
    RUN(foreign_order_buys_nothing);
    RUN(product_not_in_the_list_buys_nothing);
    RUN(term_not_in_the_list_buys_nothing);
    RUN(every_term_that_is_sold_is_named);
    RUN(one_month_is_said_as_one);
    RUN(spending_closed_buys_nothing_and_says_how_to_open_it);
    RUN(budget_spent_buys_nothing);
    RUN(many_purchases_at_once_are_held_with_their_price);
    RUN(no_set_of_closed_guards_buys);
    RUN(prepared_order_is_sent);
    RUN(prepared_order_is_not_sent_past_a_guard);
    RUN(prepared_order_has_its_budget_already);
    RUN(dearer_order_than_was_prepared_needs_budget_again);
    RUN(prepared_order_that_goes_to_another_issuer_needs_its_budget);
    RUN(prepared_order_that_goes_to_another_endpoint_needs_its_budget);
    RUN(order_prepared_in_another_period_needs_its_budget_when_it_is_prepared_anew);
    RUN(edit_before_sending_prepares_anew);
    RUN(prepared_order_is_sent_where_its_record_says);
    RUN(further_attempt_asks_the_vendor_first);
    RUN(unknown_order_is_looked_up_and_nothing_else);
    RUN(unknown_order_never_leads_to_a_purchase);
    RUN(open_order_whose_issuer_went_waits_for_it);
    RUN(placed_order_whose_issuer_went_waits_for_it);
    RUN(order_that_was_not_sent_is_prepared_anew_for_another_account);
    RUN(released_order_leaves_its_account_only_when_that_was_asked_again);
    RUN(held_order_waits_for_a_person);
    RUN(refused_order_waits_for_a_change);
    RUN(refused_order_is_prepared_anew_after_a_change_past_every_guard);
    RUN(dead_order_is_not_bought_again);
    RUN(suspended_certificate_is_left_alone);
    RUN(invalid_manifest_changes_nothing);
    RUN(gone_manifest_is_forgotten_once);
    RUN(gone_manifest_takes_its_proof_away_first);
    RUN(gone_manifest_never_destroys);
    RUN(step_that_failed_waits_and_no_other);
    RUN(edit_ends_the_waiting);
    RUN(retry_time_is_no_way_around_a_guard);
    RUN(challenge_keeps_its_own_retry_time);
    RUN(times_of_a_wrong_clock_do_not_last);
    arena_destroy(arena);
    return CHECK_REPORT();
}
