/* Plan equals deed: what iterating decide and assume says would be done is what decide and the real record
 * parts do when everything works. Waits are left out and a repeated step counts once (decisions 4). */
#include "simulate.h"

static struct arena *world, *lives;
static struct sim_want wants[SIM_WANTS];
static size_t want_count;
static struct price_list prices;

static void note(struct string_list *list, const struct step *step, struct arena *arena)
{
    if (step->verb == VERB_WAIT || step->verb == VERB_NONE)
        return;
    const char *line = arena_printf(arena, "%s %s%s", verb_name(step->verb), step->subject,
                                    step->verb == VERB_BLOCKED ? step->code : "");
    if (!string_list_contains(list, line))
        string_list_push(arena, list, line);
}

static bool planned(struct sim *sim, int index, struct string_list *out)
{
    struct certificate_view *view = arena_alloc(sim->arena, sizeof *view);
    sim_view(sim, index, view);
    for (int i = 0; i < 500; i++) {
        struct step step = certificate_decide(view, sim->arena);
        note(out, &step, sim->arena);
        if (step.action == ACTION_REST || step.action == ACTION_BLOCKED)
            return true;
        view = certificate_assume(view, &step, sim->arena);
        if (view->account.checked) /* then the prices are known too, as the controller's view has it */
            view->account.prices = &sim->prices;
    }
    return false;
}

static bool performed(struct sim *sim, int index, struct string_list *out)
{
    for (int i = 0; i < 2000; i++) {
        struct step step;
        bool done = sim_step(sim, index, &step);
        if (done || step.action == ACTION_BLOCKED)
            note(out, &step, sim->arena);
        if (!done && (step.action == ACTION_REST || step.action == ACTION_BLOCKED))
            return true;
        if (!done && step.action == ACTION_WAIT_ACCOUNT)
            sim->checked = true;
        else if (!done)
            sim->true_s += step.due > sim_now(sim) ? step.due - sim_now(sim) : 1;
    }
    return false;
}

/* What only the vendor can say is nothing a plan could know: whether a lost order is there, or one was
 * cancelled. */
static bool vendor_alone_knows(struct sim *sim, int index)
{
    const struct order_record *order = sim->certificates[index].order;
    const struct sim_order *placed = order != NULL ? sim_find(sim, order->custom_order_id, false) : NULL;
    if (order == NULL)
        return false;
    if (order->state == ORDER_UNKNOWN || order->state == ORDER_SUBMITTING)
        return placed == NULL || placed->visible_at > sim->true_s || placed->phase == VENDOR_CANCELLED ||
               !string_list_same_set(&placed->names, &order->names);
    if (order->state == ORDER_PREPARED || order->state == ORDER_REFUSED)
        return placed != NULL;
    return placed != NULL && placed->phase == VENDOR_CANCELLED && order->phase != VENDOR_CANCELLED;
}

static void live(struct sim *sim, uint64_t seed)
{
    arena_reset(lives);
    sim_begin(sim, lives, seed);
    sim->prices = sim->double_prices = prices;
    sim->trace = getenv("CERTWRIGHT_TRACE") != NULL;
    for (int i = 0; i < SIM_CERTIFICATES; i++)
        sim->certificates[i].wanted = &wants[sim_below(sim, (int)want_count)];
    sim->faults = true;
    for (int i = sim_below(sim, 60); i > 0; i--) {
        struct step step;
        int index = sim_below(sim, SIM_CERTIFICATES);
        if (sim_chance(sim, 5))
            sim->certificates[index].wanted =
                sim_chance(sim, 30) ? NULL : &wants[sim_below(sim, (int)want_count)];
        if (!sim_step(sim, index, &step) && step.action == ACTION_WAIT && step.due > sim_now(sim))
            sim->true_s = step.due;
    }
    sim->checked = sim_chance(sim, 70);
    sim->faults = false;
}

static void plan_equals_deed_from_anywhere(void)
{
    size_t compared = 0, steps = 0;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct sim sim;
        live(&sim, seed);
        int index = (int)(seed % SIM_CERTIFICATES);
        if (vendor_alone_knows(&sim, index))
            continue;
        struct string_list plan = {0}, deed = {0};
        if (!planned(&sim, index, &plan) || !performed(&sim, index, &deed)) {
            fprintf(stderr, "seed %llu: no end\n", (unsigned long long)seed);
            CHECK(!"an end");
        }
        CHECK(sim.violation == NULL);
        if (!string_list_equal(&plan, &deed)) {
            fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
            CHECK_TEXT(string_list_join(lives, &plan, "\n          "),
                       string_list_join(lives, &deed, "\n          "));
        }
        compared++;
        steps += plan.count;
    }
    printf("%zu plans with %zu steps\n", compared, steps);
    CHECK(compared > 2000 && steps > 2 * compared);
}

static void assuming_changes_nothing_of_the_view_before(void)
{
    struct made made;
    arena_reset(lives);
    made_begin(&made, lives,
               MADE_CERTIFICATE("  dnsNames: [shop.example.com]\n  order: {product: positivessl}\n"
                                "  targets: [{name: web}]\n"));
    const struct certificate_view *view = &made.view;
    for (int i = 0; i < 40; i++) {
        struct certificate_view before = *view;
        struct order_record order = view->order != NULL ? *view->order : (struct order_record){0};
        struct challenge_record challenge =
            view->challenge_count > 0 ? view->challenges[0] : (struct challenge_record){0};
        struct rollout_record rollout = view->rollouts[0];
        struct step step = certificate_decide(view, lives);
        if (step.action == ACTION_REST)
            return;
        const struct certificate_view *next = certificate_assume(view, &step, lives);
        CHECK(memcmp(&before, view, sizeof before) == 0);
        CHECK(view->order == NULL || memcmp(&order, view->order, sizeof order) == 0);
        CHECK(view->challenge_count == 0 || memcmp(&challenge, view->challenges, sizeof challenge) == 0);
        CHECK(memcmp(&rollout, view->rollouts, sizeof rollout) == 0);
        view = next;
    }
    CHECK(!"an end");
}

static void plan_of_a_first_certificate_reads_as_a_life(void)
{
    struct made made;
    arena_reset(lives);
    made_begin(&made, lives,
               MADE_CERTIFICATE("  dnsNames: [shop.example.com]\n  order: {product: positivessl}\n"
                                "  targets: [{name: web}]\n"));
    struct string_list plan = {0};
    const struct certificate_view *view = &made.view;
    for (int i = 0; i < 100; i++) {
        struct step step = certificate_decide(view, lives);
        note(&plan, &step, lives);
        if (step.action == ACTION_REST)
            break;
        view = certificate_assume(view, &step, lives);
    }
    CHECK_TEXT(string_list_join(lives, &plan, ", "),
               "order positivessl, validate shop.example.com, issue shop.example.com, "
               "deploy web, reload web");
}

static void plan_of_changed_settings_ends(void)
{
    static const enum rollout_state states[] = {ROLLOUT_STAGED,       ROLLOUT_PUBLISHED,   ROLLOUT_RELOADED, ROLLOUT_ACTIVE,
                                                ROLLOUT_ROLLING_BACK, ROLLOUT_ROLLED_BACK};
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        struct made made;
        arena_reset(lives);
        made_begin(&made, lives, MADE_CERTIFICATE("  dnsNames: [shop.example.com]\n  order: {product: positivessl}\n"
                                                  "  targets: [{name: web}]\n"));
        made_settled(&made);
        made.view.rollouts[0].state = states[i];
        made.view.rollouts[0].settings_digest = "of another mode";
        struct string_list plan = {0};
        const struct certificate_view *view = &made.view;
        struct step step = certificate_decide(view, lives);
        for (int k = 0; k < 100 && step.action != ACTION_REST; k++) {
            note(&plan, &step, lives);
            view = certificate_assume(view, &step, lives);
            step = certificate_decide(view, lives);
        }
        CHECK_INT(step.action, ACTION_REST);
        CHECK_TEXT(string_list_join(lives, &plan, ", "), "deploy web, reload web");
    }
}

/* A released order that goes to another account: the former one is asked, then it is ordered there. */
static void plan_of_an_order_that_moves_ends(void)
{
    struct made made;
    arena_reset(lives);
    made_begin(&made, lives, MADE_CERTIFICATE("  dnsNames: [shop.example.com]\n  order: {product: positivessl}\n"
                                              "  targets: [{name: web}]\n"));
    made_order(&made, ORDER_REFUSED);
    made.order->relevant_digest = "";
    made.order->partner_code = "2";
    made.order->answer_lost = true;
    static const enum action steps[] = {ACTION_LOOK_UP, ACTION_PREPARE, ACTION_SUBMIT};
    const struct certificate_view *view = &made.view;
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct step step = certificate_decide(view, lives);
        CHECK_INT(step.action, steps[i]);
        view = certificate_assume(view, &step, lives);
    }
    CHECK_INT(view->order->state, ORDER_PLACED);
    CHECK_TEXT(view->order->partner_code, "1");
}

/* What the manifest asks for stands in the order and the challenges that are assumed. */
static void what_is_assumed_follows_the_manifest(void)
{
    static const struct {
        const char *spec, *algorithm;
        bool brought;
        const char *record_type, *file_name;
    } cases[] = {
        {"  order: {product: positivessl}\n", "RSA", false, "CNAME", ""},
        {"  order: {product: positivessl}\n  privateKey: {algorithm: ECDSA}\n", "ECDSA", false, "CNAME", ""},
        {"  order: {product: positivessl}\n  privateKey: {secretRef: {name: a, key: b}}\n", "RSA", true, "CNAME", ""},
        {"  order: {product: positivessl}\n  csrSecretRef: {name: a, key: b}\n", "RSA", true, "CNAME", ""},
        {"  order: {product: digi_rapidssl}\n", "RSA", false, "TXT", ""},
        {"  order: {product: positivessl}\n  dcv: {method: HTTPS}\n", "RSA", false, "CNAME", "<file>"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct made made;
        arena_reset(lives);
        made_begin(&made, lives, arena_printf(lives, "%s%s", MADE_CERTIFICATE("  dnsNames: [shop.example.com]\n"
                                                                              "  targets: [{name: web}]\n"), cases[i].spec));
        made.view.account.endpoint = NULL; /* its environment is not known */
        const struct certificate_view *view = &made.view;
        for (int k = 0; k < 3 && (view->order == NULL || view->order->state != ORDER_PLACED); k++) {
            struct step step = certificate_decide(view, lives);
            view = certificate_assume(view, &step, lives);
        }
        CHECK_TEXT(view->order->key_algorithm, cases[i].algorithm);
        CHECK_INT(view->order->key_brought, cases[i].brought);
        CHECK_TEXT(view->order->endpoint, "");
        CHECK_TEXT(view->challenges[0].file_name, cases[i].file_name);
        CHECK_TEXT(view->challenges[0].record_type, cases[i].record_type);
    }
}

int main(void)
{
    world = arena_create();
    lives = arena_create();
    want_count = sim_wants(wants, world);
    prices = made_prices(world);
    RUN(plan_equals_deed_from_anywhere);
    RUN(assuming_changes_nothing_of_the_view_before);
    RUN(plan_of_a_first_certificate_reads_as_a_life);
    RUN(plan_of_changed_settings_ends);
    RUN(plan_of_an_order_that_moves_ends);
    RUN(what_is_assumed_follows_the_manifest);
    arena_destroy(world);
    arena_destroy(lives);
    return CHECK_REPORT();
}
