/* The loop over a tree of manifests: when it comes back to what waits. */
#include "controller_world.h"

#include "controller/engine.h"
#include "controller/loop.h"

static struct world world;
static struct engine *engine;

enum { HOUR_MS = 3600 * 1000 };

static void after_turn(void *arg)
{
    (void)arg;
    loop_stop(engine_loop(engine));
}

/* A look as each rescan is one, and the turn that follows. */
static void look(void)
{
    struct error err = {0};
    CHECK_OK(engine_look(engine, false, &err), err);
    loop_run(engine_loop(engine));
}

static int64_t next_due_in_ms(void)
{
    struct engine_standing standing;
    engine_standing(engine, &standing);
    CHECK(!standing.broken);
    return standing.next_due_ms - clock_now_ms();
}

/* A certificate that is suspended is looked at again within an hour. */
static void begin(int64_t clock)
{
    struct error err = {0};
    engine_destroy(engine);
    world_end(&world);
    clock_turn(clock);
    world_begin(&world);
    world.config.workers = 1;
    world_write(&world, "manifests/issuer.yaml", WORLD_ISSUER);
    world_write(&world, "manifests/shop.yaml",
                WORLD_DOCUMENT("Certificate", "shop") "  dnsNames: [shop.example.com]\n  order: {product: positivessl}\n"
                "  dcv: {method: Email}\n  suspend: true\n");
    const struct engine_options options = {.config = &world.config, .state = world.state};
    engine = engine_create(&options, &err);
    CHECK_OK(engine != NULL, err);
    engine_after_turn(engine, after_turn, NULL);
    look();
    CHECK(next_due_in_ms() > HOUR_MS - 60000 && next_due_in_ms() <= HOUR_MS);
}

static void what_a_clock_that_was_ahead_put_off_is_decided_again(void)
{
    begin(400 * 86400);
    struct account *account = model_account(engine_model(engine), "default", "main");
    account->retry_at_ms = clock_now_ms() + 900 * 1000;
    clock_turn(0);
    look();
    CHECK(next_due_in_ms() <= HOUR_MS);
    CHECK_INT(account->retry_at_ms, 0);
}

static void a_clock_that_only_drifts_disturbs_nothing(void)
{
    begin(30);
    clock_turn(0);
    look();
    CHECK(next_due_in_ms() > HOUR_MS); /* as it was */
    clock_turn(300); /* nor one that is set forward */
    look();
    CHECK(next_due_in_ms() < HOUR_MS - 200 * 1000);
}

int main(void)
{
    RUN(what_a_clock_that_was_ahead_put_off_is_decided_again);
    RUN(a_clock_that_only_drifts_disturbs_nothing);
    engine_destroy(engine);
    world_end(&world);
    return CHECK_REPORT();
}
