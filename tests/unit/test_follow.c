/* When an `apply` is over, and with which exit code: from an engine made by hand, that never runs. */
#include "check.h"

#include <time.h>

#include "base/clock.h"
#include "controller/command.h"
#include "controller/engine_internal.h"
#include "controller/follow.h"

static struct engine engine;
static struct standing_entry entries[4], *standing[4];
static struct follow follow;

static void begin(bool detach, int64_t timeout_s)
{
    schedule_destroy(engine.queue);
    engine = (struct engine){.queue = schedule_create(), .standing = standing};
    follow_begin(&follow, &engine, detach, timeout_s);
}

static struct standing_entry *add(int stand)
{
    struct standing_entry *entry = &entries[engine.standing_count];
    *entry = (struct standing_entry){.key = (char *)"", .stand = (unsigned)stand, .step = {.code = ""}};
    standing[engine.standing_count++] = entry;
    return entry;
}

static void nothing_to_do_is_over_at_once(void)
{
    begin(false, 60);
    CHECK_INT(follow_over(&follow), EXIT_OK);
    add(STAND_READY);
    CHECK_INT(follow_over(&follow), EXIT_OK);
}

static void work_that_runs_or_is_due_goes_on(void)
{
    begin(true, 60);
    add(STAND_ACTIVE);
    engine.running = 1;
    CHECK_INT(follow_over(&follow), -1);
    engine.running = 0;
    schedule_set(engine.queue, "c", clock_now_ms() - 1);
    CHECK_INT(follow_over(&follow), -1);
}

static void waiting_goes_on_until_the_deadline_and_detach_does_not_wait(void)
{
    begin(false, 60);
    add(STAND_WAITING);
    schedule_set(engine.queue, "c", clock_now_ms() + 5000);
    CHECK_INT(follow_over(&follow), -1);
    begin(true, 60);
    add(STAND_WAITING);
    schedule_set(engine.queue, "c", clock_now_ms() + 5000);
    CHECK_INT(follow_over(&follow), EXIT_OK);
}

static void person_who_did_not_act_in_time_is_pending(void)
{
    begin(false, 0);
    add(STAND_WAITING)->step.patient = true;
    schedule_set(engine.queue, "c", clock_now_ms() + 5000);
    CHECK_INT(follow_over(&follow), EXIT_PENDING);
    begin(false, 0);
    add(STAND_WAITING);
    schedule_set(engine.queue, "c", clock_now_ms() + 5000);
    CHECK_INT(follow_over(&follow), EXIT_UNREACHABLE);
}

static void blocked_is_told_by_the_exit_code(void)
{
    begin(false, 60);
    add(STAND_READY);
    add(STAND_BLOCKED)->step.code = "OrderHeld";
    CHECK_INT(follow_over(&follow), EXIT_BLOCKED);
    engine.problem_count = 1;
    CHECK_INT(follow_over(&follow), EXIT_INVALID); /* the rest was done (decisions 2) */
}

static void broken_store_ends_it(void)
{
    begin(false, 60);
    add(STAND_WAITING);
    engine.running = 1;
    engine.broken = true;
    CHECK_INT(follow_over(&follow), EXIT_STATE);
}

static void turned_clock_does_not_move_the_deadline(void)
{
    begin(false, 60);
    int64_t left = follow_left_ms(&follow);
    CHECK(left > 59000 && left <= 60000);
    clock_turn(400 * 86400);
    CHECK(follow_left_ms(&follow) > 58000);
    clock_turn(0);
    begin(false, 0);
    CHECK_INT(follow_left_ms(&follow), 0);
}

int main(void)
{
    RUN(nothing_to_do_is_over_at_once);
    RUN(work_that_runs_or_is_due_goes_on);
    RUN(waiting_goes_on_until_the_deadline_and_detach_does_not_wait);
    RUN(person_who_did_not_act_in_time_is_pending);
    RUN(blocked_is_told_by_the_exit_code);
    RUN(broken_store_ends_it);
    RUN(turned_clock_does_not_move_the_deadline);
    schedule_destroy(engine.queue);
    return CHECK_REPORT();
}
