/* Each call to LMDB fails once while a certificate is looked at and decided about. Whatever it is: what stands in the way of a purchase
 * or of a place stands there, or the look fails and says so. A store that cannot be read is no word that nothing is there. */
#include "failing_store_calls.h"

#include "controller_world.h"

#include "reconcilers/certificate/decide_parts.h"

static const int store_errors[] = {EIO, MDB_CORRUPTED, ENOMEM};
static struct world world;
static const char *expected, *subject; /* the code, and of which certificate */

#define CERTIFICATE(name, names, more) \
    WORLD_DOCUMENT("Certificate", name) \
    "  dnsNames: " names "\n  order: {product: positivemdcssl}\n  dcv: {method: Email}\n" more
#define TARGET \
    WORLD_DOCUMENT("DeployTarget", "web") \
    "  domains: [\"*.example.com\"]\n  local: {root: nginx}\n  path: shared\n  probe: {address: \"127.0.0.1:443\"}\n"

static struct certificate_view view_of(const char *name)
{
    struct certificate_view view;
    struct error err = {0};
    world.model.purchase_hold_known = false;
    CHECK_OK(model_view(&world.model, "default", name, world.arena, &view, &err), err);
    return view;
}

/* An account that was just looked at: everything costs 7.50. */
static void begin(void)
{
    world_end(&world);
    world_begin(&world);
    static struct deploy_root root;
    root = (struct deploy_root){.name = "nginx", .path = world_at(&world, "roots")};
    world.config.roots = &root;
    world.config.root_count = 1;
    world_write(&world, "manifests/issuer.yaml", WORLD_ISSUER);
    world_write(&world, "manifests/one.yaml", CERTIFICATE("one", "[a.example.com, b.example.com]", ""));
    world_write(&world, "manifests/two.yaml", CERTIFICATE("two", "[b.example.com, a.example.com]", ""));
    world_look(&world);
    struct account_facts *facts = &model_account(&world.model, "default", "main")->facts;
    *facts = (struct account_facts){.arena = arena_create(), .url = world.endpoint.url, .listed = true, .at = clock_now()};
    world_asked_by(&world, facts, "main");
    *arena_push(facts->arena, &facts->prices.items, facts->prices.count) =
        (struct price){.product = "positivemdcssl", .months = 12, .servers = 1, .price_cents = 750, .currency = "USD",
                       .max_names = 250};
}

static void put_order(const char *name, enum order_state state)
{
    struct certificate_view view = view_of(name);
    struct error err = {0};
    struct order_record order = {.namespace_ = "default", .name = name, .cycle = 1, .attempt = 1, .issuer = "main",
                                 .product = "positivemdcssl", .state = state, .price_cents = 750, .environment = "offline",
                                 .custom_order_id = certificate_custom_order_id(&view, 1, world.arena),
                                 .names = string_list_sorted(world.arena, &view.want->certificate->dns_names),
                                 .endpoint = world.endpoint.url,
                                 .relevant_digest = certificate_relevant_digest(&view, world.arena)};
    view.record.cycle = 1;
    struct changes changes = {.certificate = &view.record, .order = &order, .register_need = true};
    struct state_batch *batch = state_batch_create();
    CHECK_OK(model_write(&world.model, &view, &changes, batch, world.arena, &err), err);
    world_commit(&world, batch);
}

/* ---- lives ---- */

static void nothing(void) {}

static void decide(void)
{
    struct certificate_view view;
    struct error err = {0};
    AUTO(arena) struct arena *arena = arena_create();
    world.model.purchase_hold_known = false;
    if (model_view(&world.model, "default", subject, arena, &view, &err))
        CHECK_TEXT(certificate_decide(&view, arena).code, expected);
    else
        CHECK(err.kind == ERROR_STATE && err.message[0] != '\0');
}

static const struct failing_life deciding = {nothing, decide, decide};

static void each_call_leaves(const char *name, const char *code, int at_least)
{
    subject = name;
    expected = code;
    decide();
    CHECK(each_call_fails(&deciding, STORE_CALLS, store_errors, (int)COUNT_OF(store_errors), 1) > at_least);
}

static void what_another_has_bought_is_not_bought_again(void)
{
    begin();
    each_call_leaves("two", "Ordering", 8);
    put_order("one", ORDER_PLACED);
    each_call_leaves("two", "DuplicateNeed", 8);
}

static void a_clock_that_went_back_buys_nothing(void)
{
    begin();
    struct state_batch *batch = state_batch_create();
    meta_put(batch, "newest-time", arena_printf(world.arena, "%lld", (long long)clock_now() + 90 * 86400));
    world_commit(&world, batch);
    each_call_leaves("two", "ClockNotSane", 8);
}

static void many_at_once_wait_for_a_word(void)
{
    begin();
    world.config.orders_per_pass = 1;
    each_call_leaves("two", "MassPurchase", 8);
}

/* What was read and cannot be read again: neither its file, which is another by now, nor its last good form. */
static void a_manifest_that_cannot_be_read_again_is_not_gone(void)
{
    begin();
    struct state_batch *batch = state_batch_create();
    desired_remember(world.desired, batch);
    world_commit(&world, batch);
    world_look(&world);
    batch = state_batch_create();
    state_delete(batch, TABLE_RESOURCE, "Certificate/default/one", STATE_ANY);
    world_commit(&world, batch);
    world_write(&world, "manifests/one.yaml", "kind: [broken\n");
    each_call_leaves("one", "Invalid", 4);
    put_order("two", ORDER_UNKNOWN);
    batch = state_batch_create();
    state_delete(batch, TABLE_RESOURCE, "Certificate/default/two", STATE_ANY);
    world_commit(&world, batch);
}

int main(void)
{
    RUN(what_another_has_bought_is_not_bought_again);
    RUN(a_clock_that_went_back_buys_nothing);
    RUN(many_at_once_wait_for_a_word);
    RUN(a_manifest_that_cannot_be_read_again_is_not_gone);
    world_end(&world);
    return CHECK_REPORT();
}
