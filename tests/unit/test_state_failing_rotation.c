/* Each call fails once while a store is sealed anew or a backup is put back. Whatever it is: the key is never lost, what was paid is
 * there afterwards, and the same done again succeeds. */
#include "failing_recovery.h"

static const struct failing_life rotation = {begin_plain, rotate_life, judge_rotation};
static const struct failing_life half_rotated = {begin_half_rotated, open_life, judge_rotation};
static const struct failing_life hardly_rotated = {begin_hardly_rotated, open_life, judge_rotation};
static const struct failing_life restoring = {begin_later, restore_life, judge_restored};

static void a_new_key_survives_each_call(void) { each_fails(&rotation, 200, 30, 19); }
static void a_killed_rotation_is_finished_whatever_fails(void) { each_fails(&half_rotated, 100, 20, 19); }
static void a_key_that_seals_nothing_goes_whatever_fails(void) { each_fails(&hardly_rotated, 100, 20, 19); }
static void a_restored_backup_survives_each_call(void) { each_fails(&restoring, 200, 30, 19); }

int main(void)
{
    log_to(-1);
    RUN(a_new_key_survives_each_call);
    RUN(a_killed_rotation_is_finished_whatever_fails);
    RUN(a_key_that_seals_nothing_goes_whatever_fails);
    RUN(a_restored_backup_survives_each_call);
    return CHECK_REPORT();
}
