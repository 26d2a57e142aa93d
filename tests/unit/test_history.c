/* Random lives: manifests edited, answers lost, processes killed, clocks wrong; and then calm. Whatever
 * happened, no need is paid twice, nothing unknown spends, and in calm everything comes to rest.
 *
 *   CERTWRIGHT_HISTORIES=1000000 CERTWRIGHT_SEED=7 test_history      more of them, from another seed
 *   CERTWRIGHT_TRACE=1 CERTWRIGHT_HISTORIES=1 CERTWRIGHT_SEED=…      one of them, step by step */
#include "simulate.h"

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct sim_want wants[SIM_WANTS];
static size_t want_count;
static struct price_list prices, double_prices;
static struct arena *lives; /* of one history after the other */

static void happen(struct sim *sim)
{
    struct sim_certificate *c = &sim->certificates[sim_below(sim, SIM_CERTIFICATES)];
    switch (sim_below(sim, 12)) {
    case 0: c->wanted = NULL; break;
    case 1:
    case 2: c->wanted = &wants[sim_below(sim, (int)want_count)]; break;
    case 3: sim->checked = false; break;
    case 4: sim->dear = !sim->dear; break;
    case 5: {
        static const int64_t jumps[] = {0, 0, 3600, -3600, 86400, -86400, 400 * 86400, -400 * 86400};
        sim->offset = jumps[sim_below(sim, (int)COUNT_OF(jumps))];
        break;
    }
    case 6: sim_crash(sim); break;
    case 7:
    case 8: sim_release(sim, sim_below(sim, SIM_CERTIFICATES)); break;
    case 9: /* a proof vanishes */
        c->proof[sim_below(sim, SIM_DOMAINS)] = false;
        break;
    default: sim->true_s += sim_below(sim, 2000);
    }
}

static void troubled(struct sim *sim)
{
    int count = 20 + sim_below(sim, 60);
    sim->faults = true;
    for (int i = 0; i < count && sim->violation == NULL; i++) {
        struct step step;
        if (sim_chance(sim, 15))
            happen(sim);
        if (sim_step(sim, sim_below(sim, SIM_CERTIFICATES), &step))
            continue;
        if (step.action == ACTION_WAIT_ACCOUNT)
            sim->checked = sim_chance(sim, 50);
        else if (step.action == ACTION_WAIT && step.due > sim_now(sim) && step.due < sim_now(sim) + 7200)
            sim->true_s += sim_chance(sim, 80) ? step.due - sim_now(sim) : 1;
    }
}

enum { STEPS_MOST = 2000 };

/* One certificate until there is nothing to do for it. The number of steps that were done. */
static int settle(struct sim *sim, int index, int *releases)
{
    for (int done = 0, looks = 0; looks < STEPS_MOST && sim->violation == NULL; looks++) {
        struct step step;
        if (sim_step(sim, index, &step)) {
            done++;
        } else if (step.action == ACTION_WAIT_ACCOUNT) {
            sim->checked = true;
        } else if (step.action == ACTION_WAIT) {
            sim->true_s += step.due > sim_now(sim) ? step.due - sim_now(sim) : 1;
        } else if (step.command != NULL && *releases < 2 &&
                   text_has_prefix(step.command, "certwright release")) {
            ++*releases;
            sim_release(sim, index);
            done++;
        } else {
            return done;
        }
    }
    sim_broken(sim, "it does not come to rest");
    return 0;
}

static bool somebody_has(struct sim *sim, int index)
{
    const struct sim_want *wanted = sim->certificates[index].wanted;
    for (int i = 0; i < SIM_CERTIFICATES; i++) {
        const struct order_record *order = sim->certificates[i].order;
        if (i != index && order != NULL && text_equal(order->product, wanted->product->code) &&
            string_list_same_set(&order->names, &wanted->want->certificate->dns_names))
            return true;
    }
    return false;
}

/* Faults cease: everything is decided until nothing is left to do; what one did may free another's names, so
 * as long as something was done there is another round. A person releases what is held, twice at the most. */
static void calm(struct sim *sim)
{
    int releases[SIM_CERTIFICATES] = {0}, rounds = 0, done = 1;
    sim->faults = false;
    sim->offset = 0;
    if (sim->newest_time > sim->true_s && sim->newest_time < sim->true_s + 2 * 86400)
        sim->true_s = sim->newest_time; /* until then the clock seems to have gone back */
    for (; done > 0 && sim->violation == NULL; rounds++) {
        done = 0;
        for (int index = 0; index < SIM_CERTIFICATES; index++)
            done += settle(sim, index, &releases[index]);
        if (rounds > 2 * SIM_CERTIFICATES)
            sim_broken(sim, "it does not come to rest");
    }
    /* At rest nothing is done, a minute later either. */
    size_t before = sim->mutations;
    sim->true_s += 60;
    for (int index = 0; index < SIM_CERTIFICATES && sim->violation == NULL; index++) {
        struct step step;
        if (sim_step(sim, index, &step))
            sim_broken(sim, "something was done at rest");
        else if (step.action != ACTION_REST && step.action != ACTION_BLOCKED)
            sim_broken(sim, "it does not rest");
        else if (text_equal(step.code, "DuplicateNeed") && !somebody_has(sim, index))
            sim_broken(sim, "it is held for names that nobody has ordered");
    }
    if (sim->mutations != before)
        sim_broken(sim, "the world was changed at rest");
}

static const char *history(uint64_t seed, enum sim_defect defect, struct arena *arena)
{
    struct sim sim;
    arena_reset(arena);
    sim_begin(&sim, arena, seed * 0x9E3779B97F4A7C15u);
    sim.prices = prices;
    sim.double_prices = double_prices;
    sim.defect = defect;
    sim.resubmit = seed % 2 == 1;
    sim.trace = getenv("CERTWRIGHT_TRACE") != NULL && defect == DEFECT_NONE;
    for (int i = 0; i < SIM_CERTIFICATES; i++)
        if (sim_chance(&sim, 80))
            sim.certificates[i].wanted = &wants[sim_below(&sim, (int)want_count)];
    troubled(&sim);
    if (sim.violation == NULL)
        calm(&sim);
    return sim.violation;
}

static long long number_of(const char *name, long long fallback)
{
    const char *text = getenv(name);
    return text != NULL && text[0] != '\0' ? strtoll(text, NULL, 10) : fallback;
}

/* One process for each processor; each takes every n-th history. */
static void histories_keep_every_promise(void)
{
    long long count = number_of("CERTWRIGHT_HISTORIES", 50000), first = number_of("CERTWRIGHT_SEED", 1);
    int workers = (int)sysconf(_SC_NPROCESSORS_ONLN);
    workers = count < 100 || workers < 1 ? 1 : workers > 64 ? 64 : workers;
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    pid_t pids[64];
    fflush(stdout);
    for (int w = 0; w < workers; w++) {
        pids[w] = fork();
        if (pids[w] != 0)
            continue;
        struct arena *arena = arena_create();
        int bad = 0;
        for (long long i = w; i < count && bad < 3; i += workers) {
            const char *violation = history((uint64_t)(first + i), DEFECT_NONE, arena);
            if (violation != NULL) {
                fprintf(stderr,
                        "%s: CERTWRIGHT_TRACE=1 CERTWRIGHT_HISTORIES=1 CERTWRIGHT_SEED=%lld test_history\n",
                        violation, first + i);
                bad++;
            }
        }
        arena_destroy(arena);
        _exit(bad > 0);
    }
    bool ok = true;
    for (int w = 0; w < workers; w++) {
        int status = 0;
        ok = pids[w] > 0 && waitpid(pids[w], &status, 0) == pids[w] && status == 0 && ok;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%lld histories from seed %lld in %lld s\n", count, first, (long long)(end.tv_sec - begin.tv_sec));
    CHECK(ok);
}

/* A test that cannot fail shows nothing: each fault of the program itself is found, and by the rule that is
 * about it. */
static void each_seeded_defect_is_caught(void)
{
    static const struct {
        enum sim_defect defect;
        const char *rule;
    } rows[] = {
        {DEFECT_NO_INTENT, "a need was paid twice"},
        {DEFECT_UNKNOWN_NOT_SENT, "a need was paid twice"},
        {DEFECT_NO_CONTROL, "an order is sent that the vendor shows"},
        {DEFECT_NO_GRACE, "a need was paid twice"},
        {DEFECT_NO_REGISTRY, "the same names were bought under two certificates"},
    };
    _Static_assert(COUNT_OF(rows) == DEFECT_COUNT - 1, "a defect without a row");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool caught = false;
        uint64_t seed = 0;
        while (seed < 50000 && !caught)
            caught = text_equal(history(++seed, rows[i].defect, lives), rows[i].rule);
        if (!caught)
            fprintf(stderr, "defect %d was not caught\n", (int)rows[i].defect);
        printf("defect %d is caught by history %llu: %s\n", (int)rows[i].defect, (unsigned long long)seed,
               rows[i].rule);
        CHECK(caught);
    }
}

int main(void)
{
    struct arena *arena = arena_create();
    want_count = sim_wants(wants, arena);
    prices = made_prices(arena);
    double_prices = made_prices(arena);
    for (size_t i = 0; i < double_prices.count; i++)
        double_prices.items[i].price_cents *= 2;
    if (want_count < SIM_WANTS) {
        fprintf(stderr, "only %zu manifests of the world resolve\n", want_count);
        return 1;
    }
    lives = arena_create();
    RUN(histories_keep_every_promise);
    if (number_of("CERTWRIGHT_HISTORIES", 50000) > 1)
        RUN(each_seeded_defect_is_caught);
    arena_destroy(lives);
    arena_destroy(arena);
    return CHECK_REPORT();
}
