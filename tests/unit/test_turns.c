/* The gate before a DNS account: whatever happens, the far side counts at most `burst` requests in any
 * stretch of burst / rate seconds. */
#include "check.h"

#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "reconcilers/context.h"
#include "reconcilers/dns/turns.h"

static struct dns_gate *gate;
static struct dns_turns turns;

static void begin(int rate, int burst)
{
    clock_turn(0);
    dns_gate_destroy(gate);
    gate = dns_gate_create((struct dns_limits){rate, burst});
    turns = (struct dns_turns){0};
}

/* So many requests by one step that has reserved them; the number that went out. */
static int ask(int requests)
{
    struct context ctx = {.turns = &turns};
    int sent = 0;
    for (int i = 0; i < requests; i++) {
        if (!dns_turn_begin(&ctx, NULL))
            break;
        dns_turn_end(&ctx);
        sent++;
    }
    return sent;
}

static void turns_come_back_after_their_time(void)
{
    begin(5, 5);
    CHECK_INT(dns_gate_reserve(gate, 3, &turns), 0);
    CHECK_INT(ask(3), 3);
    dns_turns_finish(&turns);
    CHECK_INT(dns_gate_reserve(gate, 2, &turns), 0);
    dns_turns_finish(&turns); /* not used: free at once */
    int64_t wait = dns_gate_reserve(gate, 3, &turns);
    CHECK(wait > 0 && wait <= 1001);
    clock_turn(2);
    CHECK_INT(dns_gate_reserve(gate, 5, &turns), 0);
    CHECK(turns.whole);
    dns_turns_finish(&turns);
}

static void who_has_too_few_turns_is_told_and_sends_nothing(void)
{
    struct context ctx = {.turns = &turns};
    struct error err = {0};
    struct dns_turns other = {0};
    begin(1, 4);
    CHECK_INT(dns_gate_reserve(gate, 2, &turns), 0);
    CHECK_INT(dns_gate_reserve(gate, 2, &other), 0);
    CHECK_INT(dns_gate_reserve(gate, 1, &(struct dns_turns){0}), -1); /* when others give theirs back */
    CHECK_INT(ask(2), 2);
    CHECK(!dns_turn_begin(&ctx, &err));
    CHECK_INT(err.kind, ERROR_THROTTLED);
    CHECK(turns.lacked && turns.used == 2);
    dns_turns_finish(&other);
    CHECK(dns_turn_begin(&ctx, &err)); /* one that became free meanwhile will do */
    dns_turn_end(&ctx);
    dns_turns_finish(&turns);
}

static void who_holds_all_turns_waits_for_more(void)
{
    begin(50, 2);
    CHECK_INT(dns_gate_reserve(gate, 9, &turns), 0);
    int64_t before = clock_boot_ms();
    CHECK_INT(ask(6), 6);
    CHECK(clock_boot_ms() - before >= 2 * 40);
    CHECK(!turns.lacked);
    dns_turns_finish(&turns);
}

static void a_gate_that_rests_lets_nobody_in(void)
{
    begin(5, 5);
    dns_gate_close(gate, clock_boot_ms() + 60000);
    dns_gate_close(gate, clock_boot_ms() + 5000); /* the later counts */
    int64_t wait = dns_gate_reserve(gate, 1, &turns);
    CHECK(wait > 55000 && wait <= 60000);
    CHECK(dns_gate_closed_until(gate) > 0);
    clock_turn(61);
    CHECK_INT(dns_gate_closed_until(gate), 0);
    CHECK_INT(dns_gate_reserve(gate, 5, &turns), 0);
    dns_gate_close(gate, clock_boot_ms() + 60000);
    CHECK_INT(ask(9), 5); /* what it has it may use; it does not wait for more before a closed gate */
    CHECK(turns.lacked);
    dns_turns_finish(&turns);
}

static void other_limits_hold_from_now_on(void)
{
    begin(5, 5);
    CHECK_INT(dns_gate_reserve(gate, 4, &turns), 0);
    CHECK_INT(ask(4), 4);
    dns_turns_finish(&turns);
    clock_turn(2);
    dns_gate_limit(gate, (struct dns_limits){1, 2});
    CHECK_INT(dns_gate_reserve(gate, 5, &turns), 0);
    CHECK_INT(turns.held, 2);
    CHECK_INT(ask(2), 2);
    dns_turns_finish(&turns);
    CHECK(dns_gate_reserve(gate, 2, &turns) > 1000);
    dns_gate_limit(gate, (struct dns_limits){10, 20});
    CHECK(dns_gate_reserve(gate, 20, &turns) > 0); /* not all of it at once */
    clock_turn(9);
    CHECK_INT(dns_gate_reserve(gate, 20, &turns), 0);
    CHECK_INT(turns.held, 20);
    dns_turns_finish(&turns);
}

static void a_clock_that_goes_back_keeps_nobody_out_for_long(void)
{
    begin(5, 5);
    clock_turn(86400);
    CHECK_INT(dns_gate_reserve(gate, 5, &turns), 0);
    CHECK_INT(ask(5), 5);
    dns_turns_finish(&turns);
    clock_turn(0);
    CHECK(dns_gate_reserve(gate, 5, &turns) <= 1002);
    CHECK(dns_gate_reserve(gate, 5, &turns) > 0);
}

/* ---- many at once, on a clock that is turned all the time ---- */

enum { THREADS = 6, EACH = 60, ALL = THREADS * EACH, RATE = 5, FAST = 100, BURST = 5 };
static int64_t seen[ALL];
static int seen_count;
static bool over;

static void *step_after_step(void *arg)
{
    const struct timespec nap = {.tv_nsec = 1000000};
    for (int done = 0; done < EACH;) {
        struct dns_turns own = {0};
        struct context ctx = {.turns = &own};
        while (dns_gate_reserve(gate, 1 + done % 3, &own) != 0)
            nanosleep(&nap, NULL);
        for (int i = 0; i <= done % 3 && done < EACH && dns_turn_begin(&ctx, NULL); i++, done++) {
            seen[__atomic_fetch_add(&seen_count, 1, __ATOMIC_RELAXED)] = clock_boot_ms(); /* the far side's */
            dns_turn_end(&ctx);
        }
        dns_turns_finish(&own);
    }
    (void)arg;
    return NULL;
}

static void *turn_the_clock(void *arg)
{
    const struct timespec nap = {.tv_nsec = 2000000};
    for (int64_t offset = 0; !__atomic_load_n(&over, __ATOMIC_RELAXED); nanosleep(&nap, NULL))
        clock_turn(++offset);
    (void)arg;
    return NULL;
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void rush(int rate, bool turned)
{
    pthread_t threads[THREADS], turner;
    begin(rate, BURST);
    seen_count = 0;
    over = false;
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, step_after_step, NULL), 0);
    if (turned)
        CHECK_INT(pthread_create(&turner, NULL, turn_the_clock, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    __atomic_store_n(&over, true, __ATOMIC_RELAXED);
    if (turned)
        pthread_join(turner, NULL);
    CHECK_INT(seen_count, ALL);
    qsort(seen, ALL, sizeof *seen, by_time);
    for (int i = 0; i + BURST < ALL; i++)
        CHECK(seen[i + BURST] - seen[i] >= 1000 * BURST / rate);
}

static void the_limit_is_never_passed(void)
{
    rush(FAST, false); /* as many as may, all the time */
    rush(RATE, true);
}

int main(void)
{
    RUN(turns_come_back_after_their_time);
    RUN(who_has_too_few_turns_is_told_and_sends_nothing);
    RUN(who_holds_all_turns_waits_for_more);
    RUN(a_gate_that_rests_lets_nobody_in);
    RUN(other_limits_hold_from_now_on);
    RUN(a_clock_that_goes_back_keeps_nobody_out_for_long);
    RUN(the_limit_is_never_passed);
    dns_gate_destroy(gate);
    return CHECK_REPORT();
}
