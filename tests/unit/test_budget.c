#include "controller_world.h"

#include "controller/budget.h"

static struct world world;
static struct budget_book book;
static struct issuer issuer_spec;
static struct resource issuer = {
    .kind = KIND_ISSUER, .namespace_ = "default", .name = "main", .issuer = &issuer_spec};
static struct spending rows[2];
static int64_t now;

static void begin(void)
{
    world_end(&world);
    world_begin(&world);
    issuer_spec = (struct issuer){0};
    book = (struct budget_book){.state = world.state, .arena = world.arena};
    rows[0] = (struct spending){
        .issuer = "main", .period = PERIOD_MONTH, .orders = 3, .amount_cents = 5000, .currency = "USD"};
    world.config.spending = rows;
    world.config.spending_count = 1;
    now = clock_from_civil(2026, 11, 22, 12, 0, 0);
}

static struct budget check(int64_t cents, bool sandbox)
{
    struct budget budget;
    struct error err = {0};
    CHECK_OK(
        budget_check(&book, &world.config, &issuer, sandbox, cents, "USD", now, world.arena, &budget, &err),
        err);
    return budget;
}

static void reserve(int orders, int64_t cents)
{
    struct error err = {0};
    CHECK_OK(budget_reserve(&book, &world.config, &issuer, orders, cents, "USD", now, &err), err);
}

static void store_and_read_again(void)
{
    struct state_batch *batch = state_batch_create();
    budget_store(&book, &issuer, batch);
    world_commit(&world, batch);
    book = (struct budget_book){.state = world.state, .arena = world.arena};
}

static void periods_are_named_in_utc(void)
{
    begin();
    int64_t at = clock_from_civil(2026, 12, 31, 23, 59, 59);
    CHECK_TEXT(budget_period(world.arena, PERIOD_DAY, at), "2026-12-31");
    CHECK_TEXT(budget_period(world.arena, PERIOD_WEEK, at), "2026-W53");
    CHECK_TEXT(budget_period(world.arena, PERIOD_MONTH, at), "2026-12");
    CHECK_TEXT(budget_period(world.arena, PERIOD_QUARTER, at), "2026-Q4");
    CHECK_TEXT(budget_period(world.arena, PERIOD_YEAR, at), "2026");
    CHECK_TEXT(budget_period(world.arena, PERIOD_WEEK, at + 1),
               "2026-W53"); /* ISO 8601: Friday belongs to the old year */
    CHECK_TEXT(budget_period(world.arena, PERIOD_QUARTER, clock_from_civil(2026, 4, 1, 0, 0, 0)), "2026-Q2");
}

static void spending_is_closed_without_a_row(void)
{
    begin();
    world.config.spending_count = 0;
    CHECK(!check(750, false).open);
    CHECK(check(750, true).open); /* a sandbox costs nothing */
    world.config.spending_count = 1;
    CHECK(check(750, false).open);
    rows[0].issuer = "another";
    CHECK(!check(750, false).open);
    rows[0].issuer = NULL;
    CHECK(check(750, false).open);
}

static void orders_are_counted_up_to_the_ceiling(void)
{
    begin();
    for (int i = 0; i < 3; i++) {
        CHECK(check(750, false).within);
        reserve(1, 750);
    }
    struct budget budget = check(750, false);
    CHECK(!budget.within);
    CHECK_TEXT(budget.words, "3 of 3 orders are spent in 2026-11");
    CHECK_TEXT(budget.period, "2026-11");
}

static void money_is_counted_to_the_cent(void)
{
    begin();
    rows[0].orders = -1;
    reserve(1, 4250);
    CHECK(check(750, false).within);
    struct budget budget = check(751, false);
    CHECK(!budget.within);
    CHECK_TEXT(budget.words, "42.50 USD of 50.00 USD are spent in 2026-11; this order costs 7.51 USD");
    reserve(0, 1); /* a dearer attempt */
    CHECK(!check(750, false).within);
    reserve(-1, -4251);
    CHECK(check(5000, false).within);
    CHECK(!check(5001, false).within);
}

static void unknown_price_never_fits_a_ceiling_of_money(void)
{
    begin();
    CHECK(!check(-1, false).within);
    rows[0].amount_cents = -1;
    CHECK(check(-1, false).within);
}

static void other_currency_does_not_fit(void)
{
    begin();
    rows[0].currency = "EUR";
    CHECK(!check(750, false).within);
}

static void every_row_and_the_issuers_own_limit_hold(void)
{
    begin();
    rows[1] = (struct spending){.period = PERIOD_DAY, .orders = 1, .amount_cents = -1};
    world.config.spending_count = 2;
    reserve(1, 750);
    CHECK_TEXT(check(750, false).words, "1 of 1 orders are spent in 2026-11-22");
    now += 86400;
    CHECK(check(750, false).within);
    issuer_spec.limits.orders_per_day = 1;
    reserve(1, 750);
    now += 60;
    rows[1].orders = -1;
    CHECK(!check(750, false).within);
    CHECK(strstr(check(750, false).words, "limits.ordersPerDay") != NULL);
}

static void next_period_begins_at_nothing(void)
{
    begin();
    reserve(3, 5000);
    CHECK(!check(750, false).within);
    now = clock_from_civil(2026, 12, 1, 0, 0, 0);
    CHECK(check(750, false).within);
}

/* I12: a restart does not enlarge it. */
static void counts_outlive_the_process(void)
{
    begin();
    reserve(3, 2250);
    store_and_read_again();
    CHECK(!check(750, false).within);
    CHECK_TEXT(check(750, false).words, "3 of 3 orders are spent in 2026-11");
}

static void what_was_not_stored_is_counted_in_this_process(void)
{
    begin();
    reserve(2, 1500);
    reserve(1, 750); /* two decided in one turn are both counted */
    CHECK(!check(750, false).within);
}

/* As if another manifest said so: reserve and check for that Issuer, from what is stored. */
static void as_issuer(const char *namespace_, const char *name, const char *environment)
{
    store_and_read_again();
    issuer.namespace_ = namespace_;
    issuer.name = name;
    issuer_spec.sslstore.environment = environment;
}

/* I12: a manifest author may add Issuers and rename them, and the operator's ceiling is the same. */
static void a_ceiling_is_for_all_issuers_it_is_about_together(void)
{
    begin();
    reserve(3, 2250);
    as_issuer("team-x", "main", NULL);
    CHECK_TEXT(check(750, false).words, "3 of 3 orders are spent in 2026-11");
    rows[0].orders = 4;
    CHECK(check(2750, false).within);
    CHECK(!check(2751, false).within);
    reserve(1, 2750);
    as_issuer("default", "main", NULL);
    CHECK(!check(0, false).within);
    as_issuer("default", "main2", NULL);
    CHECK(!check(750, false).open);
    rows[0].issuer = NULL;
    CHECK(check(750, false).open);
    CHECK_TEXT(check(750, false).words, "4 of 4 orders are spent in 2026-11");
    rows[0].orders = 5;
    rows[0].amount_cents = -1;
    CHECK(check(750, false).within);
    as_issuer("default", "main", NULL);
}

static void what_two_issuers_reserved_and_did_not_store_is_added_up(void)
{
    begin();
    rows[0].issuer = NULL;
    reserve(2, 1500);
    issuer.name = "main2";
    reserve(1, 750);
    CHECK(!check(750, false).within);
    issuer.name = "main";
    CHECK(!check(750, false).within);
}

static void orders_that_cost_nothing_use_up_no_ceiling_but_their_own(void)
{
    begin();
    rows[0].issuer = NULL;
    as_issuer("default", "trial", "offline");
    reserve(3, 2250);
    CHECK(!check(750, true).within);
    as_issuer("default", "main", NULL);
    CHECK(check(5000, false).within);
    reserve(3, 4500);
    CHECK(!check(500, false).within);
    as_issuer("team-x", "trial", "offline");
    CHECK(check(750, true).within);
    as_issuer("default", "trial", NULL); /* points at an endpoint that costs money now */
    CHECK(!check(500, false).within);
    as_issuer("default", "main", NULL);
}

static void an_issuers_own_limit_counts_that_issuer(void)
{
    begin();
    rows[0].orders = rows[0].amount_cents = -1;
    issuer_spec.limits.orders_per_day = 1;
    reserve(1, 750);
    CHECK(!check(750, false).within);
    as_issuer("default", "main2", NULL);
    CHECK(check(750, false).within);
    as_issuer("default", "main", NULL);
    CHECK(!check(750, false).within);
}

/* What a version counted that knew each Issuer's own alone. */
static void counts_of_a_former_version_stand(void)
{
    begin();
    struct state_batch *batch = state_batch_create();
    const char *former = "{\"issuer\":\"main\",\"period\":\"2026-11\",\"orders\":2,\"amountCents\":1500,\"currency\":\"USD\"}";
    state_put(batch, TABLE_BUDGET, "default/main/2026-11", span_of(former, strlen(former)), STATE_ANY);
    state_put(batch, TABLE_BUDGET, "team-x/main/2026-11", span_of(former, strlen(former)), STATE_ANY);
    world_commit(&world, batch);
    CHECK_TEXT(check(750, false).words, "4 of 3 orders are spent in 2026-11");
    rows[0].orders = 5;
    CHECK(check(2000, false).within);
    reserve(1, 2000);
    store_and_read_again();
    CHECK(!check(0, false).within);
}

int main(void)
{
    RUN(periods_are_named_in_utc);
    RUN(spending_is_closed_without_a_row);
    RUN(orders_are_counted_up_to_the_ceiling);
    RUN(money_is_counted_to_the_cent);
    RUN(unknown_price_never_fits_a_ceiling_of_money);
    RUN(other_currency_does_not_fit);
    RUN(every_row_and_the_issuers_own_limit_hold);
    RUN(next_period_begins_at_nothing);
    RUN(counts_outlive_the_process);
    RUN(what_was_not_stored_is_counted_in_this_process);
    RUN(a_ceiling_is_for_all_issuers_it_is_about_together);
    RUN(what_two_issuers_reserved_and_did_not_store_is_added_up);
    RUN(orders_that_cost_nothing_use_up_no_ceiling_but_their_own);
    RUN(an_issuers_own_limit_counts_that_issuer);
    RUN(counts_of_a_former_version_stand);
    world_end(&world);
    return CHECK_REPORT();
}
