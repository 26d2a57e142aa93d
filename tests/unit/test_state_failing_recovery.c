/* Each call fails once while a store that is damaged, lost or of an older schema, or whose controller crashed again and again, is
 * opened. Whatever it is: what was paid is there afterwards, a store that was not good is kept, and it is said until a person confirms it. */
#include "failing_recovery.h"

static const struct failing_life damage = {begin_damaged, open_life, judge_damaged};
static const struct failing_life loss = {begin_lost, open_life, judge_lost};
static const struct failing_life migration = {begin_old, open_life, judge_old};
static const struct failing_life crashes = {begin_crashed, open_life, judge_crashed};

static void a_damaged_store_is_brought_back_whatever_fails(void) { each_fails(&damage, 200, 30, 19); }
static void a_lost_store_is_brought_back_whatever_fails(void) { each_fails(&loss, 150, 30, 19); }
static void an_older_store_is_brought_forward_whatever_fails(void) { each_fails(&migration, 150, 30, 19); }
static void three_crashes_are_not_forgotten_whatever_fails(void) { each_fails(&crashes, 100, 20, 19); }

int main(void)
{
    log_to(-1);
    RUN(a_damaged_store_is_brought_back_whatever_fails);
    RUN(a_lost_store_is_brought_back_whatever_fails);
    RUN(an_older_store_is_brought_forward_whatever_fails);
    RUN(three_crashes_are_not_forgotten_whatever_fails);
    return CHECK_REPORT();
}
