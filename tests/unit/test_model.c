/* Guards that need more than one certificate: who has the names, what the vendor lists, whose clock is right.
 */
#include "controller_world.h"

#include "reconcilers/certificate/challenge.h"
#include "reconcilers/certificate/decide_parts.h"

static struct world world;

#define CERTIFICATE(name, names) \
    WORLD_DOCUMENT("Certificate", name) \
    "  dnsNames: " names "\n  order: {product: positivemdcssl}\n  dcv: {method: Email}\n"

static struct account *account(void) { return model_account(&world.model, "default", "main"); }

/* An account that was just looked at: everything costs 7.50. */
static void begin(void)
{
    world_end(&world);
    world_begin(&world);
    world_write(&world, "manifests/issuer.yaml", WORLD_ISSUER);
    world_write(&world, "manifests/one.yaml", CERTIFICATE("one", "[a.example.com, b.example.com]"));
    world_write(&world, "manifests/two.yaml", CERTIFICATE("two", "[b.example.com, a.example.com]"));
    world_look(&world);
    struct account_facts *facts = &account()->facts;
    *facts = (struct account_facts){
        .arena = arena_create(), .url = world.endpoint.url, .listed = true, .at = clock_now()};
    world_asked_by(&world, facts, "main");
    *arena_push(facts->arena, &facts->prices.items, facts->prices.count) =
        (struct price){.product = "positivemdcssl",
                       .months = 12,
                       .servers = 1,
                       .price_cents = 750,
                       .currency = "USD",
                       .max_names = 250};
}

static struct certificate_view view_of(const char *name)
{
    struct certificate_view view;
    struct error err = {0};
    CHECK_OK(model_view(&world.model, "default", name, world.arena, &view, &err), err);
    return view;
}

static const char *code_of(const char *name)
{
    struct certificate_view view = view_of(name);
    return certificate_decide(&view, world.arena).code;
}

static void put_changes(const struct certificate_view *view, const struct changes *changes)
{
    struct error err = {0};
    struct state_batch *batch = state_batch_create();
    CHECK_OK(model_write(&world.model, view, changes, batch, world.arena, &err), err);
    world_commit(&world, batch);
}

static const char *partner_code = ""; /* as recorded in the orders to be put */

static struct order_record order_of(const struct certificate_view *view, enum order_state state)
{
    return (struct order_record){.namespace_ = "default",
                                 .name = view->name,
                                 .cycle = 1,
                                 .attempt = 1,
                                 .issuer = "main",
                                 .product = "positivemdcssl",
                                 .custom_order_id = certificate_custom_order_id(view, 1, world.arena),
                                 .state = state,
                                 .price_cents = 750,
                                 .names = string_list_sorted(world.arena, &view->want->certificate->dns_names),
                                 .environment = "offline",
                                 .endpoint = world.endpoint.url,
                                 .partner_code = partner_code,
                                 .relevant_digest = certificate_relevant_digest(view, world.arena)};
}

/* An order of `name` with its present names, in `state`. */
static void put_order(const char *name, enum order_state state)
{
    struct certificate_view view = view_of(name);
    struct order_record order = order_of(&view, state);
    view.record.cycle = 1;
    put_changes(&view,
                &(struct changes){.certificate = &view.record, .order = &order, .register_need = true});
}

static void put_next_state(const char *name, enum order_state state)
{
    struct certificate_view view = view_of(name);
    struct order_record *order = order_copy(&view, world.arena);
    order->state = state;
    put_changes(&view, &(struct changes){.order = order});
}

static void same_names_in_another_order_are_one_need(void)
{
    begin();
    CHECK_TEXT(code_of("one"), "Ordering");
    CHECK_TEXT(code_of("two"), "Ordering");
    put_order("one", ORDER_PLACED);
    CHECK_TEXT(code_of("two"), "DuplicateNeed");
}

#define ISSUER(name, partner) \
    WORLD_DOCUMENT("Issuer", name) \
    "  sslstore: {environment: offline, partnerCode: \"" partner "\", authTokenSecretRef: {name: s, key: k}}\n"
#define AT_ISSUER(name) CERTIFICATE("one", "[a.example.com, b.example.com]") "  issuerRef: {name: " name "}\n"

static const char *order_issuer(void)
{
    struct certificate_view view = view_of("one");
    return view.order_issuer != NULL ? view.order_issuer->name : NULL;
}

/* Whatever becomes of the manifests, an order is looked for where it was sent, or nowhere. */
static void an_open_order_stays_with_its_account(void)
{
    static const char *const partners[] = {"1", ""}; /* a record of a former version has none */
    static const enum order_state states[] = {ORDER_SUBMITTING, ORDER_UNKNOWN};
    for (size_t i = 0; i < COUNT_OF(partners) * COUNT_OF(states); i++) {
        begin();
        remove(world_at(&world, "manifests/two.yaml"));
        world_write(&world, "manifests/issuer.yaml", ISSUER("main", "1") ISSUER("other", "2"));
        world_write(&world, "manifests/one.yaml", AT_ISSUER("main"));
        world_look(&world);
        partner_code = partners[i / 2];
        put_order("one", states[i % 2]);
        CHECK_TEXT(order_issuer(), "main");
        world_write(&world, "manifests/one.yaml", AT_ISSUER("other"));
        world_look(&world);
        CHECK_TEXT(view_of("one").refs.issuer->name, "other");
        CHECK_TEXT(order_issuer(), "main");
        CHECK_TEXT(code_of("one"), "OrderUnknown");
        world_write(&world, "manifests/issuer.yaml", ISSUER("main", "3") ISSUER("other", "2")); /* it leads elsewhere now */
        world_look(&world);
        CHECK_TEXT(code_of("one"), partner_code[0] != '\0' ? "IssuerGone" : "OrderUnknown");
        world_write(&world, "manifests/issuer.yaml", ISSUER("other", "2"));
        world_look(&world);
        CHECK_TEXT(code_of("one"), "IssuerGone");
        remove(world_at(&world, "manifests/issuer.yaml"));
        world_look(&world);
        CHECK_TEXT(code_of("one"), "IssuerGone"); /* its manifest does not resolve */
        remove(world_at(&world, "manifests/one.yaml"));
        world_look(&world);
        CHECK_TEXT(code_of("one"), "IssuerGone");
        world_write(&world, "manifests/issuer.yaml", ISSUER("main", "1"));
        world_look(&world);
        CHECK_TEXT(order_issuer(), "main");
        CHECK_TEXT(code_of("one"), "OrderUnknown");
        world.endpoint.url = "https://elsewhere.example/rest/";
        CHECK_TEXT(code_of("one"), "IssuerGone");
    }
    partner_code = "";
}

static const char *control(void)
{
    struct certificate_view view = view_of("one");
    return view.order_account != NULL ? view.order_account->control_order : NULL;
}

/* The account is listed: these orders, the newest first, dated like their numbers. */
static void list_orders(const char *partner, size_t count, struct vendor_order *orders)
{
    struct account_facts facts = account()->facts;
    facts.partner_code = partner;
    facts.orders = orders;
    facts.order_count = count;
    model_take_account(&world.model, account(), &facts, NULL);
}

/* The look-up asks for an order that its own account is known to have: another's would never be found. */
static void an_order_known_to_one_account_proves_nothing_at_another(void)
{
    begin();
    remove(world_at(&world, "manifests/two.yaml"));
    world_write(&world, "manifests/issuer.yaml", ISSUER("main", "1"));
    world_look(&world);
    partner_code = "1";
    put_order("one", ORDER_UNKNOWN);
    CHECK(control() == NULL); /* never asked */
    struct vendor_order orders[] = {{.vendor_order_id = "12", .purchased_at = 12}, {.vendor_order_id = "7", .purchased_at = 7}};
    list_orders("1", 2, orders);
    CHECK_TEXT(control(), "12");
    list_orders("1", 1, orders + 1); /* a list is whole: 12 is not there any more */
    CHECK_TEXT(control(), "7");
    account()->facts.url = "https://127.0.0.1:1/rest"; /* the same without its slash */
    list_orders("1", 1, orders);
    CHECK_TEXT(control(), "12");
    account()->facts.url = "https://elsewhere.example/rest/";
    list_orders("1", 1, orders);
    CHECK(control() == NULL);
    account()->facts.url = world.endpoint.url;
    list_orders("2", 1, orders); /* the Issuer led elsewhere meanwhile */
    CHECK(control() == NULL);
    list_orders("1", 0, NULL);
    CHECK_TEXT(control(), "");
    partner_code = "";
}

/* The row by which unknown orders of an account are counted. */
static void an_unknown_order_counts_at_its_account(void)
{
    begin();
    world_write(&world, "manifests/issuer.yaml", ISSUER("main", "1") ISSUER("other", "2"));
    world_write(&world, "manifests/one.yaml", AT_ISSUER("main"));
    world_look(&world);
    put_order("one", ORDER_SUBMITTING);
    world_write(&world, "manifests/one.yaml", AT_ISSUER("other"));
    world_look(&world);
    put_next_state("one", ORDER_UNKNOWN);
    CHECK(meta_text(world.state, "unknown/default/main/default/one", world.arena) != NULL);
    CHECK(meta_text(world.state, "unknown/default/other/default/one", world.arena) == NULL);
    put_next_state("one", ORDER_PLACED);
    CHECK(meta_text(world.state, "unknown/default/main/default/one", world.arena) == NULL);
}

static void two_issuers_of_one_account_are_one_account(void)
{
    begin();
    world_write(&world, "manifests/issuer.yaml", WORLD_ISSUER "---\n" WORLD_ISSUER_NAMED("again"));
    world_write(&world, "manifests/one.yaml",
                CERTIFICATE("one", "[a.example.com, b.example.com]") "  issuerRef: {name: main}\n");
    world_write(&world, "manifests/two.yaml",
                CERTIFICATE("two", "[b.example.com, a.example.com]") "  issuerRef: {name: again}\n");
    world_look(&world);
    put_order("one", ORDER_PLACED);
    CHECK_TEXT(code_of("two"), "DuplicateNeed");
}

static void order_holds_its_names_until_it_is_over(void)
{
    static const struct {
        enum order_state state;
        const char *code;
    } rows[] = {{ORDER_PREPARED, "DuplicateNeed"}, {ORDER_SUBMITTING, "DuplicateNeed"},
                {ORDER_UNKNOWN, "DuplicateNeed"},  {ORDER_HELD, "DuplicateNeed"},
                {ORDER_PLACED, "DuplicateNeed"},   {ORDER_REFUSED, "Ordering"},
                {ORDER_DEAD, "Ordering"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin();
        put_order("one", rows[i].state);
        CHECK_TEXT(code_of("two"), rows[i].code);
    }
}

static void order_that_was_never_sent_lets_go_when_its_manifest_went(void)
{
    static const struct {
        enum order_state state;
        const char *code;
    } rows[] = {{ORDER_PREPARED, "Ordering"}, {ORDER_UNKNOWN, "DuplicateNeed"}, {ORDER_HELD, "DuplicateNeed"},
                {ORDER_PLACED, "DuplicateNeed"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin();
        put_order("one", rows[i].state);
        remove(world_at(&world, "manifests/one.yaml"));
        world_look(&world);
        CHECK_TEXT(code_of("two"), rows[i].code);
    }
}

static void whoever_sends_has_the_need(void)
{
    begin();
    put_order("one", ORDER_PREPARED);
    remove(world_at(&world, "manifests/one.yaml"));
    world_look(&world);
    put_order("two", ORDER_PREPARED); /* it was free */
    CHECK_TEXT(code_of("two"), "Ordering");
    world_write(&world, "manifests/one.yaml", CERTIFICATE("one", "[a.example.com, b.example.com]"));
    world_look(&world);
    CHECK_TEXT(code_of("one"), "DuplicateNeed"); /* and comes back too late */
}

static void names_edited_away_are_free_again(void)
{
    begin();
    put_order("one", ORDER_PREPARED);
    world_write(&world, "manifests/one.yaml", CERTIFICATE("one", "[c.example.com, d.example.com]"));
    world_look(&world);
    CHECK_TEXT(code_of("two"), "DuplicateNeed");
    put_order("one", ORDER_PREPARED); /* prepared anew */
    CHECK_TEXT(code_of("two"), "Ordering");
    CHECK_TEXT(code_of("one"), "Ordering");
}

static void need_being_prepared_is_claimed(void)
{
    begin();
    struct certificate_view view = view_of("one");
    model_claim(&world.model, &view);
    CHECK_TEXT(code_of("one"), "Ordering");
    CHECK_TEXT(code_of("two"), "DuplicateNeed");
    model_unclaim(&world.model, "default", "one");
    CHECK_TEXT(code_of("two"), "Ordering");
}

/* ---- a store that was lost ---- */

static struct state *open_state(void)
{
    struct error err = {0};
    const struct state_options options = {world_at(&world, "state"), world_at(&world, "sealing.key"),
                                          world_at(&world, "audit"), STATE_WRITE, "test", 0, NULL};
    struct state *state = state_open(&options, &err);
    CHECK_OK(state != NULL, err);
    return state;
}

static void lose_store(void)
{
    model_finish(&world.model);
    state_close(world.state);
    CHECK(rename(world_at(&world, "state"), world_at(&world, "state.lost")) == 0);
    world.state = open_state();
    model_init(&world.model, &world.config, world.state);
    world_look(&world);
    CHECK(state_reconcile_only(world.state) != NULL);
}

/* As with a request that was brought: there is no key to be stored. */
static void prepare_order(const char *name, bool with_certificate)
{
    struct certificate_view view = view_of(name);
    struct order_record order = order_of(&view, ORDER_PREPARED);
    struct blob request = {.key = arena_printf(world.arena, "request/%s", order.custom_order_id), .text = "frozen"};
    view.record.cycle = 1;
    put_changes(&view, &(struct changes){.certificate = with_certificate ? &view.record : NULL, .order = &order,
                                         .blobs = &request, .blob_count = 1, .register_need = true});
}

static void submit_order(const char *name)
{
    struct error err = {0};
    struct certificate_view view = view_of(name);
    struct order_record order = order_of(&view, ORDER_SUBMITTING);
    struct changes changes = {.order = &order, .order_claim = true, .register_need = true, .paid = true};
    struct state_batch *batch = state_batch_create();
    CHECK_OK(model_write(&world.model, &view, &changes, batch, world.arena, &err), err);
    CHECK_OK(state_commit(world.state, batch, true, &err), err);
    state_batch_destroy(batch);
}

static void an_order_with_a_brought_request_outlives_the_store(void)
{
    begin();
    prepare_order("one", true);
    submit_order("one");
    lose_store();
    struct certificate_view view = view_of("one");
    CHECK(view.order != NULL && view.record.cycle == 1);
    CHECK_TEXT(code_of("one"), "OrderUnknown");
    CHECK_TEXT(code_of("two"), "DuplicateNeed");
}

/* What a former version's journal brought back. */
static void an_order_is_found_without_its_certificate_and_never_overwritten(void)
{
    begin();
    struct certificate_view before = view_of("one");
    prepare_order("one", false);
    struct certificate_view view = view_of("one");
    CHECK(view.order != NULL && view.record.cycle == 1);
    submit_order("one");
    CHECK_TEXT(code_of("one"), "OrderUnknown");

    struct order_record again = order_of(&before, ORDER_PREPARED);
    struct state_batch *batch = state_batch_create();
    struct error err = {0};
    CHECK_OK(model_write(&world.model, &before, &(struct changes){.order = &again}, batch, world.arena, &err), err);
    CHECK(!state_commit(world.state, batch, false, &err));
    CHECK_INT(err.kind, ERROR_CONFLICT);
    state_batch_destroy(batch);
    CHECK_TEXT(code_of("one"), "OrderUnknown");
}

static struct vendor_order listed(const char *custom_order_id, enum vendor_phase phase)
{
    static const char *names[] = {"a.example.com", "b.example.com"};
    return (struct vendor_order){.vendor_order_id = "777",
                                 .custom_order_id = custom_order_id,
                                 .product = "positivemdcssl",
                                 .phase = phase,
                                 .major_status = "Active",
                                 .common_name = names[0],
                                 .names = {names, 2}};
}

static void live_order_of_somebody_else_is_foreign(void)
{
    begin();
    struct vendor_order order = listed("", VENDOR_ACTIVE);
    account()->facts.orders = &order;
    account()->facts.order_count = 1;
    CHECK_TEXT(code_of("one"), "ForeignOrder");
    order.phase = VENDOR_CANCELLED;
    CHECK_TEXT(code_of("one"), "Ordering");
    order.phase = VENDOR_ACTIVE;
    order.subscription_ends_at = clock_now() - 1;
    CHECK_TEXT(code_of("one"), "Ordering");
    order.subscription_ends_at = clock_now() + 86400;
    CHECK_TEXT(code_of("one"), "ForeignOrder");
    order.names.count = 1;
    CHECK_TEXT(code_of("one"), "Ordering");
    account()->facts.order_count = 0;
}

/* Products that add the www twin: neither the manifest nor the vendor's list need name it. */
static void www_twin_that_comes_along_makes_no_other_order(void)
{
    static const struct {
        const char *wanted, *product, *bought, *listed[2], *code;
    } rows[] = {
        {"[example.com, www.example.com]", "positivessl", "positivessl", {"example.com"}, "ForeignOrder"},
        {"[example.com]", "positivessl", "positivessl", {"example.com", "www.example.com"}, "ForeignOrder"},
        {"[www.example.com, example.com]", "positivessl", "positivessl", {"example.com"}, "ForeignOrder"},
        {"[example.com, www.example.com]", "positivessl", "positivessl", {"www.example.com"}, "ForeignOrder"},
        {"[example.com]", "positivessl", "positivessl", {"www.example.com"}, "ForeignOrder"},
        {"[example.com]", "positivessl", "positivemdcssl", {"example.com", "www.example.com"}, "ForeignOrder"},
        {"[example.com, www.example.com]", "positivemdcssl", "positivessl", {"example.com"}, "ForeignOrder"},
        {"[example.com]", "positivemdcssl", "positivessl", {"example.com", "www.example.com"}, "ForeignOrder"},
        /* what does not cover all that is wanted, or is another's name */
        {"[example.com, www.example.com]", "positivessl", "positivemdcssl", {"example.com"}, "Ordering"},
        {"[www.example.com]", "positivemdcssl", "positivessl", {"example.com"}, "Ordering"},
        {"[example.com, www.example.com]", "positivessl", "positivessl", {"shop.example.com"}, "Ordering"},
        {"[example.com, shop.example.com]", "positivemdcssl", "positivessl", {"example.com"}, "Ordering"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin();
        account()->facts.prices.items[0].product = rows[i].product;
        world_write(&world, "manifests/one.yaml",
                    arena_printf(world.arena, WORLD_DOCUMENT("Certificate", "one") "  dnsNames: %s\n  order: {product: %s}\n"
                                 "  dcv: {method: Email}\n", rows[i].wanted, rows[i].product));
        world_look(&world);
        struct vendor_order order = listed("", VENDOR_ACTIVE);
        order.product = rows[i].bought;
        order.common_name = rows[i].listed[0];
        order.names = (struct string_list){(const char **)rows[i].listed, rows[i].listed[1] != NULL ? 2 : 1};
        account()->facts.orders = &order;
        account()->facts.order_count = 1;
        CHECK_TEXT(code_of("one"), rows[i].code);
        account()->facts.order_count = 0;
    }
}

/* sslstore-api.md 13.3: a certificate of some months runs out long before what was bought. */
static void order_without_its_end_lives_for_the_term_that_was_bought(void)
{
    begin();
    struct vendor_order order = listed("", VENDOR_ACTIVE);
    account()->facts.orders = &order;
    account()->facts.order_count = 1;
    order.certificate_ends_at = clock_now() - 86400;
    CHECK_TEXT(code_of("one"), "Ordering"); /* nothing says that more was bought */
    order.purchased_at = clock_now() - 200 * 86400;
    order.term_months = 12;
    CHECK_TEXT(code_of("one"), "ForeignOrder");
    order.purchased_at = clock_now() - 367 * 86400;
    CHECK_TEXT(code_of("one"), "Ordering");
    order.certificate_ends_at = clock_now() + 86400; /* time that was added to the term */
    CHECK_TEXT(code_of("one"), "ForeignOrder");
    order.subscription_ends_at = clock_now() - 1; /* the date itself counts, where there is one */
    CHECK_TEXT(code_of("one"), "Ordering");
    account()->facts.order_count = 0;
}

static void our_own_order_is_not_foreign(void)
{
    begin();
    put_order("two", ORDER_REFUSED);
    struct certificate_view view = view_of("two");
    struct vendor_order order = listed(view.order->custom_order_id, VENDOR_ACTIVE);
    account()->facts.orders = &order;
    account()->facts.order_count = 1;
    CHECK_TEXT(code_of("one"), "Ordering");
    account()->facts.order_count = 0;
}

/* reliability.md R10 */
static void clock_that_differs_from_the_vendors_buys_nothing(void)
{
    begin();
    account()->facts.vendor_ahead_s = 599;
    CHECK_TEXT(code_of("one"), "Ordering");
    account()->facts.vendor_ahead_s = 601;
    CHECK_TEXT(code_of("one"), "ClockNotSane");
    account()->facts.vendor_ahead_s = -400 * 86400;
    CHECK_TEXT(code_of("one"), "ClockNotSane");
    CHECK(strstr(view_of("one").clock_words, "ahead of the vendor's") != NULL);
    account()->facts.at -= 3600; /* asked long ago: it is asked anew */
    CHECK_TEXT(code_of("one"), "WaitingForAccount");
}

/* What the operator opened to the namespace stands in `default`: the proofs made with it are taken away with it. */
static void proofs_of_a_manifest_that_went_know_the_accounts_of_default(void)
{
    static struct namespace_rule team = {.name = "team-a"};
    begin();
    string_list_push(world.arena, &team.issuers, "main");
    string_list_push(world.arena, &team.dns_accounts, "corp");
    string_list_push(world.arena, &team.dns_accounts, "alias");
    world.config.namespaces = &team;
    world.config.namespace_count = 1;
    world_write(&world, "manifests/dns.yaml",
                WORLD_DOCUMENT("DNSAccount", "corp") "  rfc2136: {nameserver: \"192.0.2.53:53\"}\n"
                WORLD_DOCUMENT("DNSAccount", "alias") "  rfc2136: {nameserver: \"192.0.2.53:53\"}\n");
    world_look(&world);
    struct order_record order = {.namespace_ = "team-a", .name = "shop", .cycle = 1, .attempt = 1, .issuer = "main",
                                 .product = "positivessl", .custom_order_id = "cw-x-1-000000-1", .state = ORDER_PLACED,
                                 .environment = "offline", .endpoint = world.endpoint.url};
    struct challenge_record challenges[] = {
        {.namespace_ = "team-a", .name = "shop", .cycle = 1, .domain = "a.example.com", .method = DCV_DNS,
         .state = CHALLENGE_PRESENTED, .account = "corp", .record_name = "_0.a.example.com"},
        {.namespace_ = "team-a", .name = "shop", .cycle = 1, .domain = "b.example.com", .method = DCV_DNS,
         .state = CHALLENGE_PRESENTED, .account = "corp", .led_to = "b.example.net", .led_account = "alias"}};
    struct certificate_view view = {.namespace_ = "team-a", .name = "shop", .record = {.first_seen = 1, .cycle = 1}};
    put_changes(&view, &(struct changes){.certificate = &view.record, .order = &order, .challenges = challenges,
                                         .challenge_count = COUNT_OF(challenges)});
    struct error err = {0};
    CHECK_OK(model_view(&world.model, "team-a", "shop", world.arena, &view, &err), err);
    CHECK(view.want == NULL && view.refs.issuer != NULL);
    CHECK_INT(certificate_decide(&view, world.arena).action, ACTION_REMOVE);
    CHECK_INT(view.challenge_count, COUNT_OF(challenges));
    for (size_t i = 0; i < view.challenge_count; i++) {
        const struct resource *account = challenge_account(&view, &view.challenges[i]);
        CHECK(account != NULL);
        CHECK_TEXT(account->name, challenge_writer(&view.challenges[i]));
    }
}

static void clock_before_what_the_store_has_seen_buys_nothing(void)
{
    begin();
    struct certificate_view view = view_of("two");
    put_changes(&view, &(struct changes){.paid = true});
    clock_turn(-200);
    account()->facts.at = clock_now();
    CHECK_TEXT(code_of("one"), "Ordering");
    clock_turn(-400);
    account()->facts.at = clock_now();
    CHECK_TEXT(code_of("one"), "ClockNotSane");
    clock_turn(0);
}

static void account_is_asked_before_buying_and_again_after_a_while(void)
{
    begin();
    account()->facts.at -= 901;
    CHECK_TEXT(code_of("one"), "WaitingForAccount");
    account()->facts.at = clock_now();
    account()->facts.listed = false;
    CHECK_TEXT(code_of("one"), "WaitingForAccount");
    account()->facts.listed = true;
    account()->facts.url = "https://elsewhere.example/rest/"; /* the endpoint was changed meanwhile */
    CHECK_TEXT(code_of("one"), "WaitingForAccount");
}

/* The same name may mean another account of the vendor after an edit. */
static void account_is_asked_again_when_its_issuer_was_edited(void)
{
    static const char *const edits[] = {
        "{environment: offline, partnerCode: \"2\", authTokenSecretRef: {name: s, key: k}}",
        "{environment: offline, partnerCode: \"1\", authTokenSecretRef: {name: s, key: other}}",
        "{environment: offline, partnerCode: \"1\", authTokenSecretRef: {name: other, key: k}}"};
    for (size_t i = 0; i < COUNT_OF(edits); i++) {
        begin();
        CHECK_TEXT(code_of("one"), "Ordering");
        world_write(&world, "manifests/issuer.yaml",
                    arena_printf(world.arena, WORLD_DOCUMENT("Issuer", "main") "  sslstore: %s\n", edits[i]));
        world_look(&world);
        CHECK_TEXT(code_of("one"), "WaitingForAccount");
        CHECK(view_of("one").account.prices == NULL); /* nor are its prices those of the other */
        world_write(&world, "manifests/issuer.yaml", "# as it was\n" WORLD_ISSUER);
        world_look(&world);
        CHECK_TEXT(code_of("one"), "Ordering");
    }
}

int main(void)
{
    RUN(same_names_in_another_order_are_one_need);
    RUN(an_open_order_stays_with_its_account);
    RUN(an_order_known_to_one_account_proves_nothing_at_another);
    RUN(an_unknown_order_counts_at_its_account);
    RUN(two_issuers_of_one_account_are_one_account);
    RUN(order_holds_its_names_until_it_is_over);
    RUN(order_that_was_never_sent_lets_go_when_its_manifest_went);
    RUN(whoever_sends_has_the_need);
    RUN(names_edited_away_are_free_again);
    RUN(need_being_prepared_is_claimed);
    RUN(an_order_with_a_brought_request_outlives_the_store);
    RUN(an_order_is_found_without_its_certificate_and_never_overwritten);
    RUN(live_order_of_somebody_else_is_foreign);
    RUN(www_twin_that_comes_along_makes_no_other_order);
    RUN(order_without_its_end_lives_for_the_term_that_was_bought);
    RUN(our_own_order_is_not_foreign);
    RUN(clock_that_differs_from_the_vendors_buys_nothing);
    RUN(proofs_of_a_manifest_that_went_know_the_accounts_of_default);
    RUN(clock_before_what_the_store_has_seen_buys_nothing);
    RUN(account_is_asked_before_buying_and_again_after_a_while);
    RUN(account_is_asked_again_when_its_issuer_was_edited);
    world_end(&world);
    return CHECK_REPORT();
}
